//! What `demo --explain` prints: a unified call, the native calls that it became, and the answer.

use std::{fmt::Write as _, sync::Arc};

use crosswalk::pipeline::{Explain, Explained};
use serde_json::Value;

use super::say;

/// A body longer than this is cut; a page of records would push everything else off the screen.
const MOST_LINES: usize = 80;
const WIDTH: usize = 100;

/// Prints every call when it has ended.
pub(super) fn to_stdout() -> Explain {
    Explain(Arc::new(|explained| {
        // A closed stdout must not end a call.
        let _ = say(&render(explained));
    }))
}

fn render(explained: &Explained<'_>) -> String {
    let mut text = String::new();
    rule(&mut text, "unified request", '═');
    let _ = writeln!(
        text,
        "{} {}   (x-connection-id: {})",
        explained.method, explained.target, explained.connection
    );
    body(&mut text, explained.request);
    for (index, exchange) in explained.exchanges.iter().enumerate() {
        rule(
            &mut text,
            &format!("native call {}: {}", index + 1, exchange.operation.id),
            '─',
        );
        let _ = writeln!(text, "{} {}", exchange.operation.method, exchange.target);
        body(&mut text, exchange.request.as_deref().unwrap_or_default());
        match &exchange.response {
            Some((status, response)) => {
                let _ = writeln!(text, "→ {status}");
                body(&mut text, response);
            }
            None => text.push_str("→ no answer\n"),
        }
    }
    rule(&mut text, "unified answer", '─');
    let _ = writeln!(text, "{}", explained.status.as_u16());
    body(&mut text, explained.response);
    text
}

pub(super) fn rule(text: &mut String, title: &str, stroke: char) {
    let _ = write!(text, "{stroke}{stroke} {title} ");
    let used = title.chars().count() + 4;
    text.extend(std::iter::repeat_n(stroke, WIDTH.saturating_sub(used)));
    text.push('\n');
}

fn body(text: &mut String, bytes: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let shown = match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => serde_json::to_string_pretty(&value).unwrap_or_default(),
        Err(_) => String::from_utf8_lossy(bytes).into_owned(),
    };
    for line in shown.lines().take(MOST_LINES) {
        text.push_str(line);
        text.push('\n');
    }
    let more = shown.lines().count().saturating_sub(MOST_LINES);
    if more > 0 {
        let _ = writeln!(text, "… {more} more lines");
    }
}

#[cfg(test)]
mod tests {
    use crosswalk::upstream::{
        Exchange,
        provider::{Content, Effect, NativeOperation},
    };
    use http::{Method, StatusCode};

    use super::*;

    static SEARCH: NativeOperation = NativeOperation {
        id: "searchThings",
        method: Method::POST,
        effect: Effect::Read,
        content: Content::Json,
    };

    /// A call of which nothing was sent.
    fn nothing() -> Exchange {
        Exchange {
            operation: &SEARCH,
            target: String::new(),
            request: None,
            response: None,
            heads: None,
            began: tokio::time::Instant::now(),
            took: std::time::Duration::ZERO,
            attempt: 1,
            error: None,
        }
    }

    #[test]
    fn a_call_is_told_from_its_beginning_to_its_end() {
        let text = render(&Explained {
            method: "POST",
            target: "/unified/thing/_upsert",
            connection: "demo",
            request: br#"{"name":"a"}"#,
            exchanges: vec![
                Exchange {
                    operation: &SEARCH,
                    target: "/things/search".to_owned(),
                    request: Some(br#"{"where":"a"}"#.as_slice().into()),
                    response: Some((200, br#"{"results":[]}"#.as_slice().into())),
                    ..nothing()
                },
                Exchange {
                    operation: &SEARCH,
                    target: "/things/search".to_owned(),
                    ..nothing()
                },
            ],
            status: StatusCode::BAD_GATEWAY,
            response: b"not JSON",
        });
        insta::assert_snapshot!(text);
    }

    #[test]
    fn a_long_body_is_cut() {
        let mut text = String::new();
        let list: Vec<u32> = (0..100).collect();
        body(&mut text, &serde_json::to_vec(&list).unwrap());
        assert!(text.ends_with("… 22 more lines\n"), "{text}");
    }
}
