//! Cursors: where a list goes on, signed, so that what comes back is what was given out.
//!
//! A cursor is bound to its operation, its connection, and the provider and version of its API that the connection
//! stands for. One that was edited, cut, made for something else or by an older format is refused; a list never starts
//! again in silence.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use super::Context;
use crate::error::Error;

/// The format of cursors; it changes when [`Position`] does.
const VERSION: u8 = 3;
/// Bytes of the signature: 128 bits.
const TAG: usize = 16;
/// The most characters of a cursor.
const MAX: usize = 4096;

/// Where a list stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    pub span: Span,
    /// Which of the native lists that make it up; they are read one after the other.
    #[serde(default, skip_serializing_if = "is_first")]
    pub list: u8,
    /// The provider's token of the next page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The id of the last record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Milliseconds that the provider's clock was ahead of ours, where it has told its time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<i64>,
}

/// What of the records is read. Instants are milliseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Span {
    /// All of them.
    Full {
        /// In incremental mode: changes from here on follow.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<i64>,
    },
    /// A window of changes.
    Changes {
        from: i64,
        /// Where the window ends; none where it has not been opened yet.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<i64>,
    },
}

impl Position {
    /// The beginning of a span.
    pub fn start(span: Span) -> Self {
        Self {
            span,
            list: 0,
            token: None,
            after: None,
            ahead: None,
        }
    }

    /// The same, by a provider whose clock is so far ahead of ours.
    #[must_use]
    pub fn ahead(self, ahead: Option<i64>) -> Self {
        Self { ahead, ..self }
    }

    /// Whether nothing of its span has been read yet.
    pub fn is_start(&self) -> bool {
        self.list == 0 && self.token.is_none() && self.after.is_none()
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde asks by reference.
fn is_first(list: &u8) -> bool {
    *list == 0
}

/// Writes a cursor.
pub fn encode(cx: &Context, position: &Position) -> String {
    let payload = serde_json::to_vec(position).expect("a position serializes");
    let tag = sign(cx, &payload);
    let mut bytes = Vec::with_capacity(1 + TAG + payload.len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&tag);
    bytes.extend_from_slice(&payload);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// Reads a cursor that [`encode`] wrote for the same operation and connection.
pub fn decode(cx: &Context, cursor: &str) -> Result<Position, Error> {
    let refused = || refused(cx);
    if cursor.len() > MAX {
        return Err(refused());
    }
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| refused())?;
    let (version, rest) = bytes.split_first().ok_or_else(refused)?;
    if *version != VERSION || rest.len() < TAG {
        return Err(refused());
    }
    let (tag, payload) = rest.split_at(TAG);
    if !bool::from(subtle::ConstantTimeEq::ct_eq(tag, &sign(cx, payload)[..])) {
        return Err(refused());
    }
    serde_json::from_slice(payload).map_err(|_| refused())
}

/// A cursor that does not fit.
pub(super) fn refused(cx: &Context) -> Error {
    Error::issue(
        "query.cursor",
        format!(
            "expected a cursor that {} gave for this connection, found one that is damaged or of another list; start again without a cursor",
            cx.operation
        ),
    )
}

fn sign(cx: &Context, payload: &[u8]) -> [u8; TAG] {
    let connection = cx.connection.settings();
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&connection.cursor_key.0)
        .expect("HMAC takes keys of any length");
    mac.update(&[VERSION]);
    let roots = connection.roots.iter().map(String::as_str);
    for part in [cx.operation, &connection.id, cx.provider.name]
        .into_iter()
        .chain(roots)
    {
        mac.update(part.as_bytes());
        mac.update(&[0]);
    }
    // After the parts, whose number differs from one provider to the next.
    mac.update(&[0]);
    mac.update(payload);
    let mut tag = [0; TAG];
    tag.copy_from_slice(&mac.finalize().into_bytes()[..TAG]);
    tag
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::translate::{ConnectionSettings, CursorKey, tests::context};

    fn position() -> Position {
        Position {
            token: Some("NTI1".to_owned()),
            ..Position::start(Span::Full { since: Some(17) })
        }
    }

    /// Covers: cursor-of-another
    #[test]
    fn a_cursor_of_another_operation_or_connection_is_refused() {
        let cx = context();
        let cursor = encode(&cx, &position());
        assert_eq!(decode(&cx, &cursor).unwrap(), position());
        let other = Context {
            operation: "crm.other.list",
            ..cx.clone()
        };
        assert!(decode(&other, &cursor).is_err());
        let other = Context {
            connection: settings("other", "/api"),
            ..cx
        };
        assert!(decode(&other, &cursor).is_err());
    }

    fn settings(id: &str, root: &str) -> Arc<ConnectionSettings> {
        Arc::new(ConnectionSettings {
            id: id.to_owned(),
            roots: [root.to_owned()].into(),
            cursor_key: CursorKey([7; 32]),
        })
    }

    /// Covers: cursor-of-another
    #[test]
    fn a_cursor_of_another_provider_or_version_is_refused() {
        let cx = context();
        let cursor = encode(&cx, &position());
        let newer = Context {
            connection: settings("c1", "/api/v2"),
            ..cx.clone()
        };
        assert!(decode(&newer, &cursor).is_err());
        let other = Context {
            provider: &crate::generated::hubspot::PROVIDER,
            ..cx.clone()
        };
        assert!(decode(&other, &cursor).is_err());
        assert!(decode(&cx, &cursor).is_ok());
    }

    proptest! {
        #[test]
        fn positions_round_trip(token: Option<String>, after: Option<String>, since: Option<i64>, from: i64, to: Option<i64>, list: u8, ahead: Option<i64>) {
            let cx = context();
            for span in [Span::Full { since }, Span::Changes { from, to }] {
                let position = Position { span, list, token: token.clone(), after: after.clone(), ahead };
                // A cursor has a greatest length; what providers give is far below it.
                let cursor = encode(&cx, &position);
                if cursor.len() <= MAX {
                    prop_assert_eq!(decode(&cx, &cursor).unwrap(), position);
                }
            }
        }

        /// Covers: cursor-forged
        #[test]
        fn an_edited_cursor_is_refused(index: prop::sample::Index, byte in "[A-Za-z0-9_-]") {
            let cx = context();
            let cursor = encode(&cx, &position());
            let at = index.index(cursor.len());
            let edited = format!("{}{byte}{}", &cursor[..at], &cursor[at + 1..]);
            // The last character may carry bits that say nothing; those are refused as not canonical.
            prop_assert!(edited == cursor || decode(&cx, &edited).is_err());
        }

        /// Covers: cursor-forged
        #[test]
        fn no_text_makes_it_panic(text: String) {
            prop_assert!(decode(&context(), &text).is_err());
        }
    }
}
