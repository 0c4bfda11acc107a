//! What passes the native door: beginnings of paths, and names of headers that no credential can hide behind.

use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::native_door::MappingNativeDoor,
    plan::PlanNativeDoor,
    source::Text,
};

/// Headers that are the proxy's own to write, or that belong to one hop alone (RFC 9110 §7.6.1).
const NEVER: [&str; 17] = [
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-apikey",
    "x-connection-id",
];

pub(super) fn check(door: &MappingNativeDoor, sink: &Sink) -> PlanNativeDoor {
    PlanNativeDoor {
        open: paths(&door.open, sink),
        closed: paths(&door.closed, sink),
        request_headers: headers(&door.request_headers, sink),
        answer_headers: headers(&door.answer_headers, sink),
    }
}

/// In small letters, as they are compared.
fn paths(texts: &[Text], sink: &Sink) -> Vec<String> {
    for text in texts {
        let is_plain = |part: &str| {
            part.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
        };
        let is_path = text.value.strip_prefix('/').is_some_and(|rest| {
            let rest = rest.strip_suffix('/').unwrap_or(rest);
            !rest.is_empty()
                && rest
                    .split('/')
                    .all(|part| !part.is_empty() && is_plain(part))
        });
        if !is_path {
            let message = format!(
                "expected the beginning of a path, as in `/api/`, found `{}`",
                text.value
            );
            sink.push(Diagnostic::new("bad-url", message, text.span));
        }
    }
    texts
        .iter()
        .map(|text| text.value.to_ascii_lowercase())
        .collect()
}

fn headers(texts: &[Text], sink: &Sink) -> Vec<String> {
    let name = |text: &Text| {
        let name = header_name(text, sink);
        if NEVER.contains(&name.as_str()) {
            let message = format!("`{}` never passes", text.value);
            sink.push(
                Diagnostic::new("bad-name", message, text.span)
                    .help("it holds a credential, or is about one hop alone"),
            );
        }
        name
    };
    texts.iter().map(name).collect()
}

/// The name of a header, in lower case, by which it is compared.
pub(super) fn header_name(text: &Text, sink: &Sink) -> String {
    let is_name = !text.value.is_empty()
        && text
            .value
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if !is_name {
        let message = format!("expected the name of a header, found `{}`", text.value);
        sink.push(Diagnostic::new("bad-name", message, text.span));
    }
    text.value.to_ascii_lowercase()
}
