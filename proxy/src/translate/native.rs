//! Reading native responses.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::NativeResponse;
use crate::{
    error::Error,
    upstream::{fault, provider::Provider},
};

/// Reads a JSON body. A body that is not what the spec says is the provider's fault, with the place of it.
pub fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Error> {
    serde_json::from_slice(body).map_err(|error| {
        let mut json = serde_json::Deserializer::from_slice(body);
        let (path, error) = match serde_path_to_error::deserialize::<_, T>(&mut json) {
            Err(error) => (error.path().to_string(), error.into_inner()),
            Ok(_) => (".".to_owned(), error),
        };
        Error::bad_gateway(format!(
            "the provider's answer is not what its spec says, at `{path}`"
        ))
        .with_detail(error.to_string())
    })
}

/// Reads a record that may not be there; then all of its fields are unset.
pub fn optional<'a, T: Deserialize<'a> + Default>(raw: Option<&'a RawValue>) -> Result<T, Error> {
    raw.map_or_else(|| Ok(T::default()), |raw| parse(raw.get().as_bytes()))
}

/// The only response of a step with one call.
pub fn one(responses: Vec<NativeResponse>) -> Result<NativeResponse, Error> {
    responses.into_iter().next().ok_or_else(|| {
        Error::new(
            crate::error::Code::InternalServerError,
            "a call came back without a response",
        )
    })
}

/// The response if it is a success, else the provider's fault.
pub fn success(
    provider: &'static Provider,
    response: NativeResponse,
) -> Result<NativeResponse, Error> {
    if response.is_success() {
        Ok(response)
    } else {
        Err(fault::fault(provider, &response))
    }
}

/// The ids in an answer that lists the addresses of several records instead of choosing one.
pub fn listed_ids(body: &[u8]) -> Vec<String> {
    let addresses: Vec<Cow<'_, str>> = serde_json::from_slice(body).unwrap_or_default();
    addresses
        .iter()
        .filter_map(|address| address.rsplit('/').next())
        .map(str::to_owned)
        .collect()
}
