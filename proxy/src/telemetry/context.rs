//! The trace of a caller, by W3C's Trace Context: `traceparent` and `tracestate`. What is malformed is as if it were not
//! there.

use http::{HeaderMap, HeaderValue};

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";
/// So much of a `tracestate` everybody has to pass on; a longer one is left out.
const LONGEST_STATE: usize = 512;

/// Where a call stands among others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) trace: u128,
    /// The caller's span; 0 where the call is the first.
    pub(super) parent: u64,
    pub(super) is_sampled: bool,
    /// What tracing systems have to say to each other.
    pub(super) state: Option<String>,
}

impl Context {
    /// A trace that begins here.
    pub(super) fn new() -> Self {
        Self {
            trace: rand::random::<u128>().max(1),
            parent: 0,
            is_sampled: true,
            state: None,
        }
    }

    /// That of the caller, where he has told one.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut values = headers.get_all(TRACEPARENT).iter();
        let (trace, parent, flags) = match (values.next(), values.next()) {
            (Some(value), None) => parse(value.to_str().ok()?)?,
            _ => return None,
        };
        let states: Option<Vec<&str>> = headers
            .get_all(TRACESTATE)
            .iter()
            .map(|value: &HeaderValue| value.to_str().ok())
            .collect();
        let state = states.map(|states| states.join(",")).filter(|state| {
            (1..=LONGEST_STATE).contains(&state.len())
                && state.split(',').all(|member| member.contains('='))
        });
        Some(Self {
            trace,
            parent,
            is_sampled: flags & 1 == 1,
            state,
        })
    }
}

/// `00-<trace>-<parent>-<flags>`. A later version may have more behind it.
fn parse(text: &str) -> Option<(u128, u64, u8)> {
    let mut parts = text.split('-');
    let version = hex(parts.next()?, 2)?;
    let trace = hex(parts.next()?, 32)?;
    let parent = hex(parts.next()?, 16)?;
    let flags = hex(parts.next()?, 2)?;
    let has_more = parts.next().is_some();
    let is_right = version != 0xff && !(version == 0 && has_more) && trace != 0 && parent != 0;
    is_right.then_some((
        trace,
        u64::try_from(parent).ok()?,
        u8::try_from(flags).ok()?,
    ))
}

/// Small letters alone, by the standard.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (text.len() == digits && text.bytes().all(is_hex))
        .then(|| u128::from_str_radix(text, 16).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn of(pairs: &[(&'static str, &str)]) -> Option<Context> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        Context::of(&headers)
    }

    #[test]
    fn a_trace_of_the_caller_is_gone_on_with() {
        let context = of(&[
            (TRACEPARENT, GOOD),
            (TRACESTATE, "a=1"),
            (TRACESTATE, "b@c=2"),
        ])
        .unwrap();
        assert_eq!(context.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(context.parent, 0x00f0_67aa_0ba9_02b7);
        assert!(context.is_sampled);
        assert_eq!(context.state.as_deref(), Some("a=1,b@c=2"));
        let unsampled = GOOD.replace("-01", "-00");
        assert!(!of(&[(TRACEPARENT, &unsampled)]).unwrap().is_sampled);
        let later = format!("{}-what-comes", GOOD.replace("00-4b", "01-4b"));
        assert!(of(&[(TRACEPARENT, &later)]).is_some());
        let long = "a=".to_owned() + &"1".repeat(600);
        let context = of(&[(TRACEPARENT, GOOD), (TRACESTATE, &long)]).unwrap();
        assert_eq!(context.state, None);
    }

    /// Covers: trace-context-odd
    #[test]
    fn what_is_malformed_is_as_if_it_were_not_there() {
        for value in [
            "",
            "00",
            "00-smuggled",
            &GOOD.to_uppercase(),
            &GOOD.replace("00-4b", "ff-4b"),
            &format!("{GOOD}-more"),
            &GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32)),
            &GOOD.replace("00f067aa0ba902b7", &"0".repeat(16)),
            &GOOD.replace("4bf9", "4bf"),
            &GOOD.replace("4bf9", "4bg9"),
            &GOOD.replace("4bf9", "+bf9"),
            &GOOD.replace('-', "_"),
        ] {
            assert_eq!(of(&[(TRACEPARENT, value)]), None, "{value}");
        }
        assert_eq!(of(&[(TRACEPARENT, GOOD), (TRACEPARENT, GOOD)]), None);
        assert_eq!(of(&[(TRACESTATE, "a=1")]), None);
    }
}
