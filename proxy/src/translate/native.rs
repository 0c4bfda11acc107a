//! Reading native responses.

use std::borrow::Cow;

use serde::Deserialize;

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
        let error = unreadable(&error);
        Error {
            message: format!("{}, at `{path}`", error.message),
            ..error
        }
    })
}

/// An answer that cannot be read. The log gets what was expected and nothing of what was found: that is a customer's.
pub(super) fn unreadable(error: &serde_json::Error) -> Error {
    let text = error.to_string();
    // serde puts what it found before what it expected, and quotes it.
    let detail = if error.is_data() {
        text.rsplit_once("expected ").map_or_else(
            || "a value of another type".to_owned(),
            |(_, expected)| format!("expected {expected}"),
        )
    } else {
        text
    };
    Error::bad_gateway("the provider's answer is not what its spec says").with_detail(detail)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)] // Only how reading it fails counts.
    struct Row {
        properties: Properties,
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Properties {
        employees: u32,
    }

    #[test]
    fn an_unreadable_answer_is_told_by_its_place_without_its_values() {
        for body in [
            r#"{"properties":{"employees":"a secret, expected x"}}"#,
            r#"{"properties":"a secret"}"#,
            r#"{"properties":{"employees":-5}}"#,
            r#"{"properties":{"employees":5}} a secret"#,
        ] {
            let error = parse::<Row>(body.as_bytes()).unwrap_err();
            let detail = error.detail.unwrap();
            assert!(
                !detail.contains("secret") && !detail.contains("-5"),
                "{detail}"
            );
        }
        let error = parse::<Row>(br#"{"properties":{"employees":"x"}}"#).unwrap_err();
        assert!(
            error.message.ends_with("at `properties.employees`"),
            "{}",
            error.message
        );
        assert!(error.detail.unwrap().starts_with("expected u32"));
    }
}
