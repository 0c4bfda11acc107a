//! The way of a native answer to its translator while it is read, and of what becomes of it to the caller.

use super::{client, join::Leading, provider::Provider, wire::native_response};
use crate::{
    error::Error,
    outlet::Outlet,
    translate::{NativeResponse, Translator},
};

/// An answer begins to flow when so many of its bytes are there; smaller ones are read to their end first, as errors can
/// be told properly until then.
pub(super) const FLOWS_FROM: usize = 32 * 1024;

/// What a native answer is made into while it is read.
pub struct Flow<'a> {
    provider: &'static Provider,
    translator: &'a mut (dyn Translator + 'a),
    outlet: &'a Outlet,
    /// The read is one that others may follow, until it flows.
    pub(super) leading: Option<Leading<'a>>,
    has_begun: bool,
    /// Why the translator cannot go on.
    failure: Option<Error>,
}

impl std::fmt::Debug for Flow<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow")
            .field("has_begun", &self.has_begun)
            .finish_non_exhaustive()
    }
}

impl<'a> Flow<'a> {
    pub fn new(
        provider: &'static Provider,
        translator: &'a mut (dyn Translator + 'a),
        outlet: &'a Outlet,
    ) -> Self {
        Self {
            provider,
            translator,
            outlet,
            leading: None,
            has_begun: false,
            failure: None,
        }
    }

    /// Whether the translator was given what was read, so that there is no way back.
    pub fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// Whether it has come so far, and why it cannot go on, if it cannot.
    pub fn end(self) -> (bool, Option<Error>) {
        (self.has_begun, self.failure)
    }

    /// Whether it is the caller who is waited for.
    pub(super) fn waits_for_caller(&self) -> bool {
        self.outlet.waits_for_caller()
    }

    /// Begins, unless somebody else waits for the whole of the answer.
    pub(super) fn begin(&mut self, head: &client::Response) -> bool {
        if let Some(leading) = self.leading.take()
            && let Err(leading) = leading.leave()
        {
            self.leading = Some(leading);
            return false;
        }
        self.has_begun = true;
        let head: NativeResponse = native_response(self.provider, head);
        self.failure = self.translator.begins(&head).err();
        true
    }

    /// Hands on what was read. False where it makes no sense to read on.
    pub(super) async fn feed(&mut self, bytes: &[u8]) -> bool {
        if self.failure.is_some() {
            return false;
        }
        let mut out = Vec::new();
        match self.translator.feed(bytes, &mut out) {
            Ok(()) => {
                self.outlet.put(out.into()).await;
                true
            }
            Err(error) => {
                self.failure = Some(error);
                false
            }
        }
    }
}
