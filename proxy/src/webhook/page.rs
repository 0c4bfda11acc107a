//! Pages of lists: their size, and the cursor that tells where the next one begins.
//!
//! A cursor says no more than what its holder may list anyway, so it is not signed. It is bound to its list, and one that
//! was edited or made for another is refused: a list never starts again in silence.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};

use crate::core::input::Query;

/// How many elements a page has unless told otherwise, and the most.
const USUAL: i64 = 100;
const MOST: i64 = 1000;

/// What a caller asks for.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) size: i64,
    /// Where the page before ended.
    pub(super) after: Option<String>,
}

impl Page {
    /// Reads `page_size` and `cursor` of a list. A size above the most is as the most.
    pub(super) fn read(query: &mut Query<'_>, list: &str) -> Self {
        let size = query.number("page_size", 1, i64::MAX).unwrap_or(USUAL);
        let after = query.text("cursor").and_then(|text| {
            let after = position(list, text);
            if after.is_none() {
                query.wrong(
                    "cursor",
                    "expected a `next_cursor` of this list, found something else",
                );
            }
            after
        });
        Self {
            size: size.min(MOST),
            after,
        }
    }
}

/// The cursor of a place in a list.
pub(super) fn cursor(list: &str, position: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(format!("{list}/1/{position}"))
}

fn position(list: &str, cursor: &str) -> Option<String> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let position = text.strip_prefix(list)?.strip_prefix("/1/")?;
    Some(position.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_for_its_own_list() {
        let made = cursor("events", "12");
        assert_eq!(position("events", &made).as_deref(), Some("12"));
        for (list, text) in [
            ("event", made.as_str()),
            ("deliveries", &made),
            ("events", &made[..made.len() - 3]),
            ("events", &made[2..]),
            ("events", ""),
            ("events", "12"),
        ] {
            let read = position(list, text);
            assert_ne!(read.as_deref(), Some("12"), "{list} {text}");
        }
    }
}
