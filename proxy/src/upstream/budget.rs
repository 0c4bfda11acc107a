//! What a provider lets an account do: calls wait here for their turn, or are refused before they are made.
//!
//! Knows limits as data ([`super::provider::Limit`]) and what answers said of them.

use http::HeaderMap;
use tokio::time::Instant;

use super::{
    behalf::Behalf,
    provider::{ErrorRule, NativeOperation, Provider},
};
use crate::error::Error;

/// The limits of one provider's account, and how far they are used.
#[derive(Debug)]
pub(super) struct Budget {
    _provider: &'static Provider,
}

/// Leave to make one native call. It is to be told how the call ended.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _budget: &'a Budget,
}

impl Budget {
    pub(super) fn new(provider: &'static Provider) -> Self {
        Self {
            _provider: provider,
        }
    }

    /// Waits for the turn of a call, as long as its deadline allows.
    #[allow(clippy::unused_async)]
    pub(super) async fn turn(
        &self,
        _operation: &'static NativeOperation,
        _behalf: &Behalf,
        _deadline: Instant,
    ) -> Result<Turn<'_>, Error> {
        Ok(Turn { _budget: self })
    }
}

impl Turn<'_> {
    /// The provider answered; its headers and its refusal may say more about its limits than we know.
    #[allow(clippy::needless_pass_by_value, clippy::unused_self)]
    pub(super) fn answered(self, _status: u16, _headers: &HeaderMap, _rule: Option<&ErrorRule>) {}
}
