//! Places in a native answer: one pass over its JSON takes out what is named and skips the rest.

use std::borrow::Cow;

use super::{
    scalar::{Scalar, Text, kind},
    scan::{self, Scan, Stop},
};
use crate::error::Error;

/// A place in a JSON object, as in `["paging", "next", "after"]`.
pub type Path = &'static [&'static str];

/// The rows of an answer, each a record as it came, or none for null.
pub type Rows<'a> = Vec<Option<&'a str>>;

/// What a list answers.
#[derive(Debug, Default)]
pub struct PageParts<'a> {
    pub rows: Rows<'a>,
    /// The provider's token of the next page.
    pub next: Option<&'a str>,
    /// Something that is there when there are more rows.
    pub more: Option<&'a str>,
}

/// The rows of an answer and what it says of the next page. An empty path to the rows says that the answer is the list.
pub fn page(
    body: &[u8],
    rows: Path,
    next: Option<Path>,
    more: Option<Path>,
) -> Result<PageParts<'_>, Error> {
    let mut found = [None; 3];
    let paths = [rows, next.unwrap_or_default(), more.unwrap_or_default()];
    if rows.is_empty() {
        found[0] = Some(whole(body)?);
    } else {
        find(body, &paths, &mut found)?;
    }
    let [list, next, more] = found;
    Ok(PageParts {
        rows: elements_or_null(list.ok_or_else(|| missing(rows))?, rows.is_empty())?,
        next: not_null(next),
        more: not_null(more),
    })
}

/// The texts at several places of one object, each none where it is absent or null.
pub fn texts<'a>(body: &'a [u8], paths: &[Path]) -> Result<Vec<Option<Text<'a>>>, Error> {
    let mut found = vec![None; paths.len()];
    find(body, paths, &mut found)?;
    let text = |token| not_null(token).map(text).transpose();
    found.into_iter().map(text).collect()
}

/// The text at one place, none where it is absent or null.
pub fn text_at(body: &[u8], path: Path) -> Result<Option<Cow<'_, str>>, Error> {
    let mut found = [None];
    find(body, &[path], &mut found)?;
    let text = not_null(found[0]).map(text).transpose()?;
    Ok(text.map(|text| text.0))
}

/// A token as text.
pub fn text(token: &str) -> Result<Text<'_>, Error> {
    Text::from_token(token).ok_or_else(|| {
        let detail = format!("expected {}, found {}", Text::EXPECTED, kind(token));
        Error::bad_gateway("the provider's answer is not what its spec says").with_detail(detail)
    })
}

/// The error of an answer that has no list where its spec has one.
pub(super) fn missing(path: &[&str]) -> Error {
    Error::bad_gateway(format!(
        "the provider's answer is not what its spec says: it has no `{}`",
        path.join(".")
    ))
}

/// What was found, null counting as nothing.
pub(super) fn not_null(token: Option<&str>) -> Option<&str> {
    token.filter(|token| *token != "null")
}

/// A body, where it is JSON to its end.
fn whole(body: &[u8]) -> Result<&str, Error> {
    let mut scan = Scan::of_bytes(body)?;
    let value = scan.value();
    let value = value.and_then(|value| scan.end().map(|()| value));
    value.map_err(|stop| scan.error(stop))
}

fn elements_or_null(list: &str, must_be: bool) -> Result<Rows<'_>, Error> {
    if list == "null" && !must_be {
        return Ok(Rows::new());
    }
    let mut scan = Scan::new(list);
    let mut rows = Rows::new();
    let mut take = || {
        if scan.peek()? != b'[' {
            return Err(Stop::NoList);
        }
        scan.elements(|scan| {
            rows.push(not_null(Some(scan.value()?)));
            Ok(())
        })
    };
    match take() {
        Ok(()) => Ok(rows),
        Err(stop) => Err(scan.error(stop)),
    }
}

/// The values at several places of a body. What is no object has no places; whoever needs one says so.
fn find<'a>(body: &'a [u8], paths: &[Path], found: &mut [Option<&'a str>]) -> Result<(), Error> {
    let mut scan = Scan::of_bytes(body)?;
    let mut take = || {
        if scan.peek()? != b'{' {
            scan.pass()?;
            return scan.end();
        }
        scan.members(|key, scan| {
            let value = scan.value()?;
            for (path, found) in paths.iter().zip(&mut *found) {
                if let [first, rest @ ..] = path
                    && *first == key
                {
                    *found = scan::place(value, rest);
                }
            }
            Ok(())
        })?;
        scan.end()
    };
    take().map_err(|stop| scan.error(stop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_token_and_mark_come_out_of_one_pass() {
        let body = br#"{"a":[1,{"results":2}],"results":[{"id":"1"},null],"paging":{"x":{},"next":{"after":"17"}}}"#;
        let parts = page(
            body,
            &["results"],
            Some(&["paging", "next", "after"]),
            Some(&["paging", "next"]),
        )
        .unwrap();
        assert_eq!(parts.rows.len(), 2);
        assert_eq!(parts.rows[0].unwrap(), r#"{"id":"1"}"#);
        assert_eq!(parts.next.unwrap(), "\"17\"");
        assert_eq!(parts.more.unwrap(), r#"{"after":"17"}"#);
    }

    #[test]
    fn what_is_not_there_is_nothing() {
        let parts = page(
            br#"{"results":[],"paging":null}"#,
            &["results"],
            Some(&["paging", "next", "after"]),
            None,
        )
        .unwrap();
        assert!(parts.next.is_none());
        let parts = page(
            br#"{"results":null,"paging":"x"}"#,
            &["results"],
            Some(&["paging", "next"]),
            None,
        )
        .unwrap();
        assert!(parts.rows.is_empty() && parts.next.is_none());
    }

    #[test]
    fn an_answer_without_rows_is_refused() {
        let error = page(b"{\"reslts\":[]}", &["results"], None, None).unwrap_err();
        assert!(
            error.message.contains("it has no `results`"),
            "{}",
            error.message
        );
        assert!(page(b"{\"results\":[}", &["results"], None, None).is_err());
        assert!(page(b"[]", &["results"], None, None).is_err());
        assert!(page(b"{\"results\":[]} x", &["results"], None, None).is_err());
    }

    #[test]
    fn an_answer_may_be_the_list_itself() {
        assert_eq!(page(b"[{},null]", &[], None, None).unwrap().rows.len(), 2);
    }

    #[test]
    fn texts_are_taken_from_several_places() {
        let row = br#"{"properties":{"website":"a\u0062c","domain":null},"id":12}"#;
        let texts = texts(
            row,
            &[
                &["id"],
                &["properties", "website"],
                &["properties", "domain"],
                &["x"],
            ],
        )
        .unwrap();
        let texts: Vec<Option<&str>> = texts
            .iter()
            .map(|text| text.as_ref().map(|text| &*text.0))
            .collect();
        assert_eq!(texts, [Some("12"), Some("abc"), None, None]);
    }
}
