//! Limits on the calls of an account, as data, and what headers tell of them.

use http::{HeaderMap, HeaderName};
use memchr::memmem;

use super::{NativeOperation, Provider};

/// One limit.
#[derive(Debug)]
pub struct Limit {
    /// As in `burst`. It stands in headers and in what callers read.
    pub name: &'static str,
    pub kind: LimitKind,
    /// The ids of the operations that it is about; empty: all.
    pub operations: &'static [&'static str],
    /// Where answers tell what is left of it.
    pub told: Option<QuotaTold>,
}

/// What is limited. The numbers are assumed until the provider tells others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitKind {
    /// So many calls in any window of this length.
    Counted { calls: u32, window_seconds: u32 },
    /// So many calls in a time whose end is not known; counted by the provider alone.
    Told {
        /// When it is spent, one call is made after so long to see whether it still is.
        probe_after_seconds: u32,
        /// More may be used than there is: only a refusal says that it is spent.
        is_soft: bool,
    },
    /// So many calls at one time, of those that have lasted so long.
    Lasting { calls: u32, seconds: u32 },
}

/// How it is told.
#[derive(Debug)]
pub enum QuotaTold {
    Headers {
        limit: &'static HeaderName,
        remaining: &'static HeaderName,
    },
    /// The calls made, and the limit after `between`; what follows is something else.
    Used {
        header: &'static HeaderName,
        before: &'static str,
        between: &'static str,
    },
}

/// What is left of a limit on calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuotaLeft {
    pub limit: u64,
    pub remaining: u64,
    /// How long the limit's window is, where it moves on by itself.
    pub window_seconds: Option<u32>,
}

impl Limit {
    /// Whether calls of an operation count.
    pub fn is_about(&self, operation: &NativeOperation) -> bool {
        self.operations.is_empty() || self.operations.contains(&operation.id)
    }

    /// What the headers of an answer tell of it.
    pub fn left(&self, headers: &HeaderMap) -> Option<QuotaLeft> {
        let (limit, remaining) = self.told.as_ref()?.read(headers)?;
        let window_seconds = match self.kind {
            LimitKind::Counted { window_seconds, .. } => Some(window_seconds),
            _ => None,
        };
        Some(QuotaLeft {
            limit,
            remaining,
            window_seconds,
        })
    }
}

impl Provider {
    /// What the headers of an answer tell of a limit; of several the first.
    pub fn quota(&self, headers: &HeaderMap) -> Option<QuotaLeft> {
        self.limits.iter().find_map(|limit| limit.left(headers))
    }
}

impl QuotaTold {
    /// The limit, and what is left of it.
    fn read(&self, headers: &HeaderMap) -> Option<(u64, u64)> {
        let text = |name: &HeaderName| headers.get(name)?.to_str().ok();
        match *self {
            Self::Headers { limit, remaining } => {
                let number = |name| text(name)?.trim().parse().ok();
                Some((number(limit)?, number(remaining)?))
            }
            Self::Used {
                header,
                before,
                between,
            } => {
                let (_, rest) = split_once(text(header)?, before)?;
                let (used, rest) = split_once(rest, between)?;
                let end = rest.find(|it: char| !it.is_ascii_digit());
                let limit: u64 = rest[..end.unwrap_or(rest.len())].parse().ok()?;
                let used: u64 = used.trim().parse().ok()?;
                // A soft limit may be exceeded.
                Some((limit, limit.saturating_sub(used)))
            }
        }
    }
}

/// As [`str::split_once`], whose preparations cost more than to go through a text as short as these.
fn split_once<'t>(text: &'t str, at: &str) -> Option<(&'t str, &'t str)> {
    let found = memmem::find(text.as_bytes(), at.as_bytes())?;
    Some((text.get(..found)?, text.get(found + at.len()..)?))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::generated::API;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter();
        pairs
            .map(|(name, value)| {
                let name: http::HeaderName = name.parse().unwrap();
                (name, HeaderValue::from_static(value))
            })
            .collect()
    }

    fn left(limit: u64, remaining: u64, window_seconds: Option<u32>) -> QuotaLeft {
        QuotaLeft {
            limit,
            remaining,
            window_seconds,
        }
    }

    #[test]
    fn what_is_left_is_read_from_the_first_headers_that_are_there() {
        let provider = |name: &str| API.provider(name).unwrap();
        // hubspot.md §3: private apps have a limit of a day, others one of ten seconds.
        let hubspot = provider("hubspot");
        let window = [
            ("x-hubspot-ratelimit-max", "110"),
            ("x-hubspot-ratelimit-remaining", "109"),
        ];
        assert_eq!(
            hubspot.quota(&headers(&window)),
            Some(left(110, 109, Some(10)))
        );
        let mut day = window.to_vec();
        day.push(("x-hubspot-ratelimit-daily", "500000"));
        day.push(("x-hubspot-ratelimit-daily-remaining", "499990"));
        assert_eq!(
            hubspot.quota(&headers(&day)),
            Some(left(500_000, 499_990, None))
        );
        // salesforce.md §1.7.
        let salesforce = provider("salesforce");
        for (value, expected) in [
            ("api-usage=18/5000", Some(left(5000, 4982, None))),
            (
                "api-usage=25/5000; per-app-api-usage=17/250(appName=sample-app)",
                Some(left(5000, 4975, None)),
            ),
            ("api-usage=5001/5000", Some(left(5000, 0, None))),
            ("api-usage=many/5000", None),
            ("nothing", None),
        ] {
            let headers = headers(&[("sforce-limit-info", value)]);
            assert_eq!(salesforce.quota(&headers), expected, "{value}");
        }
        assert_eq!(salesforce.quota(&HeaderMap::new()), None);
    }
}
