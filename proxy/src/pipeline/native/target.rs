//! The path and query that a caller gives for the provider's own API. Pure.
//!
//! The provider's host is not to be had by any of it, since an address is put together from its parts. What is refused
//! here is what servers read in different ways: dots that lead upwards, slashes that are written as escapes, empty
//! segments, parameters within a path. What is let through goes on byte for byte.

use percent_encoding::percent_decode_str;

use crate::error::Error;

/// As often as anybody decodes a path; what is still an escape then is one for nobody.
const MOST_DECODED: usize = 3;

/// The target of a native call: `path` begins with a slash.
pub(super) fn target(path: &str, query: Option<&str>) -> Result<String, Error> {
    let wrong = |message: &str| Err(Error::issue("path", message));
    if path == "/" {
        return wrong("expected a path of the provider's API behind /proxy, found none");
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,=:@%/".contains(&byte);
    if !path.bytes().all(is_plain) {
        return wrong(
            "expected letters, digits and -._~!$&'()*+,=:@ in the path, and all else percent-encoded",
        );
    }
    if !has_whole_escapes(path) {
        return wrong("expected two hexadecimal digits behind each %");
    }
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        if segment.is_empty() && segments.peek().is_some() {
            return wrong("expected a path without empty segments, found `//`");
        }
        check_segment(segment)?;
    }
    let Some(query) = query.filter(|query| !query.is_empty()) else {
        return Ok(path.to_owned());
    };
    let is_visible = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !query.bytes().all(is_visible) {
        return Err(Error::issue(
            "query",
            "expected visible ASCII in the query, and all else percent-encoded",
        ));
    }
    Ok(format!("{path}?{query}"))
}

fn check_segment(segment: &str) -> Result<(), Error> {
    let wrong = |message: &str| Err(Error::issue("path", message));
    let mut text = segment.as_bytes().to_vec();
    for _ in 0..=MOST_DECODED {
        // With parameters, as some servers read them, it is a dot all the same.
        let name = text.split(|byte| *byte == b';').next().unwrap_or_default();
        if matches!(name, b"." | b"..") {
            return wrong("expected a path without `.` and `..`, however they are written");
        }
        if text.iter().any(|byte| matches!(byte, b'/' | b'\\')) {
            return wrong(
                "expected no slash or backslash within a segment; nothing that is encoded here may become one",
            );
        }
        if text.iter().any(u8::is_ascii_control) {
            return wrong("expected no control characters in the path");
        }
        let as_text = String::from_utf8_lossy(&text);
        let decoded: Vec<u8> = percent_decode_str(&as_text).collect();
        if decoded == text {
            return Ok(());
        }
        text = decoded;
    }
    wrong("expected a path that is percent-encoded once")
}

fn has_whole_escapes(path: &str) -> bool {
    path.split('%').skip(1).all(|rest| {
        let digits = rest.as_bytes().get(..2);
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;
    use crate::error::Code;

    #[test]
    fn what_is_plain_goes_on_byte_for_byte() {
        for (path, query, expected) in [
            ("/crm/v3/objects/contacts", None, "/crm/v3/objects/contacts"),
            ("/a/b/", Some(""), "/a/b/"),
            (
                "/a/%C3%A9%20b@c.example:d",
                None,
                "/a/%C3%A9%20b@c.example:d",
            ),
            ("/a/...", None, "/a/..."),
            ("/a/50%25", None, "/a/50%25"),
            (
                "/query",
                Some("q=SELECT+Id%2CName&x=/../?//a"),
                "/query?q=SELECT+Id%2CName&x=/../?//a",
            ),
        ] {
            assert_eq!(target(path, query).unwrap(), expected);
        }
    }

    /// Covers: passthrough-path, path-tricks
    #[test]
    fn what_servers_read_in_different_ways_is_refused() {
        for path in [
            "/",
            "//host/path",
            "/a//b",
            "/https://host/path",
            "/..",
            "/a/../b",
            "/a/./b",
            "/a/..",
            "/a/%2e%2e/b",
            "/a/.%2E/b",
            "/a/%252e%252e/b",
            "/a/%25252e%25252e/b",
            "/a/%2525252525252e/b",
            "/a%2fb",
            "/a%2Fb",
            "/a%252fb",
            "/a\\b",
            "/a%5cb",
            "/a/..;/b",
            "/a/%2e%2e%3bx=1/b",
            "/a;b=c/d",
            "/a%00",
            "/a%0d%0ax-evil:1",
            "/a%250a",
            "/a%",
            "/a%2",
            "/a%zz",
            "/a b",
            "/a#b",
            "/a\u{e9}",
            "/a{b}",
        ] {
            let error = target(path, None).unwrap_err();
            assert_eq!(error.code, Code::BadRequest, "{path}");
            assert_eq!(error.issues[0].path.as_deref(), Some("path"), "{path}");
        }
        for query in ["a=\u{e9}", "a=b c", "a\rb", "a#b"] {
            let error = target("/a", Some(query)).unwrap_err();
            assert_eq!(error.issues[0].path.as_deref(), Some("query"), "{query:?}");
        }
    }

    proptest! {
        /// Whatever is let through is, to one who resolves it, the same path on the same host.
        #[test]
        fn no_path_leads_elsewhere(path in "/([a-z.%/@:;\\\\?#]|%2e|%2f|%252e|%5c|\\.\\.){0,12}") {
            if let Ok(target) = target(&path, None) {
                let base = Url::parse("https://api.example.com/").unwrap();
                let resolved = base.join(&target).unwrap();
                prop_assert_eq!(resolved.host_str(), Some("api.example.com"));
                prop_assert_eq!(resolved.path(), target.as_str());
            }
        }
    }
}
