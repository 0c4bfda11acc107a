//! One request, taken apart: parameters and body, with the API's own refusals for what is wrong with them.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::PUBLIC_BASE;
use super::fault::Fault;
use crate::sandbox::http::Call;

#[derive(Debug)]
pub(super) struct Ask<'a> {
    pub(super) call: &'a Call,
    pub(super) version: Version,
    pub(super) now: i64,
    pairs: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Numbered(u8),
    March2026,
    September2026,
}

impl Version {
    pub(super) fn parse(segment: &str) -> Option<Self> {
        match segment {
            "v1" => Some(Self::Numbered(1)),
            "v3" => Some(Self::Numbered(3)),
            "v4" => Some(Self::Numbered(4)),
            "2026-03" => Some(Self::March2026),
            "2026-09" => Some(Self::September2026),
            _ => None,
        }
    }

    pub(super) fn is_dated(self) -> bool {
        !matches!(self, Self::Numbered(_))
    }
}

impl<'a> Ask<'a> {
    pub(super) fn new(call: &'a Call, version: Version, now: i64) -> Self {
        Self {
            call,
            version,
            now,
            pairs: call.query_pairs(),
        }
    }

    pub(super) fn param(&self, name: &str) -> Option<&str> {
        let pair = self
            .pairs
            .iter()
            .find(|(own, value)| own == name && !value.is_empty());
        pair.map(|(_, value)| value.as_str())
    }

    /// A comma list; the key may also be repeated.
    pub(super) fn list(&self, name: &str) -> Vec<String> {
        let values = self.pairs.iter().filter(|(own, _)| own == name);
        values
            .flat_map(|(_, value)| value.split(','))
            .map(|value| value.trim().to_owned())
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// Letter case does not matter: HubSpot's own client for Python writes `True`.
    pub(super) fn flag(&self, name: &str) -> Result<bool, Fault> {
        match self.param(name) {
            None => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("false") => Ok(false),
            Some(text) if text.eq_ignore_ascii_case("true") => Ok(true),
            Some(other) => Err(Fault::validation(format!(
                "{name}: {other} is not a boolean"
            ))),
        }
    }

    /// The wording of this refusal is unconfirmed.
    pub(super) fn limit(&self, default: usize, max: usize) -> Result<usize, Fault> {
        let Some(text) = self.param("limit") else {
            return Ok(default);
        };
        match text.parse() {
            Ok(limit) if (1..=max).contains(&limit) => Ok(limit),
            _ => Err(Fault::validation(format!(
                "limit must be a number between 1 and {max}, but was {text}"
            ))),
        }
    }

    /// The link to the page that starts at `after`.
    pub(super) fn page_link(&self, after: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(self.pairs.iter().filter(|(name, _)| name != "after"));
        query.append_pair("after", after);
        format!("{PUBLIC_BASE}{}?{}", self.call.path, query.finish())
    }

    pub(super) fn body<T: DeserializeOwned>(&self) -> Result<T, Fault> {
        if self.call.body.iter().all(u8::is_ascii_whitespace) {
            return Err(Fault::validation(
                "Invalid JSON input: a request body was expected, but none found",
            ));
        }
        // Read as JSON first: a wrong type is told at its place, a syntax error at its own.
        serde_json::from_slice::<Value>(&self.call.body)
            .and_then(|_| serde_json::from_slice(&self.call.body))
            .map_err(|e| Fault::invalid_json(e.line(), e.column(), &e.to_string()))
    }
}

/// Ids are strings, but Jackson takes numbers for them as well.
pub(super) fn text_or_number<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(serde_json::Number),
    }
    Ok(match Either::deserialize(deserializer)? {
        Either::Text(text) => text,
        Either::Number(number) => number.to_string(),
    })
}
