//! What a caller gives: the key, and the request that it is for.

use http::{HeaderMap, HeaderName, Method};
use sha2::{Digest, Sha256};

use crate::{error::Error, store::KeyedAttempt};

static HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// A UUID has 36 characters; this is room for what people make up.
const LONGEST: usize = 255;

/// A key. Its `Debug` shows it: it opens nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// The key among a request's headers, where it has one.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, Error> {
        let mut values = headers.get_all(&HEADER).iter();
        let Some(value) = values.next() else {
            return Ok(None);
        };
        if values.next().is_some() {
            return Err(refused("several headers"));
        }
        let text = value.to_str().map_err(|_| refused("other characters"))?;
        let key = match text.strip_prefix('"') {
            Some(quoted) => unquoted(quoted)?,
            // Not by the draft, and what everybody sends. Two values in one header are told by their comma.
            None if text.contains(['"', ',']) => return Err(refused("more than a key")),
            None => text.to_owned(),
        };
        if key.is_empty() {
            return Err(refused("none"));
        }
        if key.len() > LONGEST {
            return Err(refused("a longer one"));
        }
        if !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refused("other characters"));
        }
        Ok(Some(Self(key)))
    }
}

/// What a string of a structured field (RFC 9651 §3.3.3) stands for; its first quote is gone already.
fn unquoted(text: &str) -> Result<String, Error> {
    let mut key = String::with_capacity(text.len());
    let mut characters = text.chars();
    loop {
        match characters.next() {
            None => return Err(refused("one without its last quote")),
            Some('"') => break,
            Some('\\') => match characters.next() {
                Some(escaped @ ('"' | '\\')) => key.push(escaped),
                _ => return Err(refused("a backslash that escapes nothing")),
            },
            Some(other) => key.push(other),
        }
    }
    if characters.next().is_some() {
        return Err(refused("more than a key"));
    }
    Ok(key)
}

fn refused(found: &str) -> Error {
    Error::bad_request(format!(
        "expected in one {HEADER} header a key of 1 to {LONGEST} visible ASCII characters, plain or in double quotes, found {found}; nothing was done"
    ))
}

/// A request that has a key.
#[derive(Debug)]
pub struct Request<'a> {
    pub key: Key,
    pub connection: &'a str,
    pub operation: &'static str,
    pub method: &'a Method,
    /// As sent: nothing is decoded or sorted, so that two requests that only mean the same are two requests.
    pub path_and_query: &'a str,
    pub body: &'a [u8],
    /// Whether it does no harm to carry it out twice.
    pub may_be_repeated: bool,
}

impl Request<'_> {
    /// An attempt at it.
    pub(super) fn attempt(&self) -> KeyedAttempt {
        KeyedAttempt::new(self.connection, &self.key.0, &self.fingerprint())
    }

    fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [
            self.operation.as_bytes(),
            self.method.as_str().as_bytes(),
            self.path_and_query.as_bytes(),
            self.body,
        ] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;
    use crate::error::Code;

    fn key(values: &[&[u8]]) -> Result<Option<String>, Code> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(&HEADER, HeaderValue::from_bytes(value).unwrap());
        }
        match Key::of(&headers) {
            Ok(key) => Ok(key.map(|key| key.0)),
            Err(error) => Err(error.code),
        }
    }

    #[test]
    fn a_key_is_plain_or_quoted_and_the_same_either_way() {
        assert_eq!(key(&[]), Ok(None));
        for (given, expected) in [
            ("abc", "abc"),
            ("\"abc\"", "abc"),
            (r#""a\"b\\c""#, r#"a"b\c"#),
            (r"a\b", r"a\b"),
            ("\"a,b\"", "a,b"),
            (
                "8e03978e-40d5-43e8-bc93-6894a57f9324",
                "8e03978e-40d5-43e8-bc93-6894a57f9324",
            ),
        ] {
            assert_eq!(key(&[given.as_bytes()]), Ok(Some(expected.to_owned())));
        }
        let longest = "k".repeat(LONGEST);
        assert_eq!(key(&[longest.as_bytes()]), Ok(Some(longest.clone())));
        let quoted = format!("\"{longest}\"");
        assert_eq!(key(&[quoted.as_bytes()]), Ok(Some(longest)));
    }

    /// Covers: key-odd
    #[test]
    fn what_is_no_key_is_refused() {
        let too_long = "k".repeat(LONGEST + 1);
        let refused: [&[u8]; 15] = [
            b"",
            b"\"\"",
            b"a b",
            b"\"a b\"",
            b"a,b",
            b"a\"b",
            b"\"a",
            b"\"a\"b",
            b"\"a\";p=1",
            b"\"a\", \"b\"",
            br#""a\b""#,
            br#""a\"#,
            "sch\u{f6}n".as_bytes(),
            b"a\tb",
            too_long.as_bytes(),
        ];
        for value in refused {
            assert_eq!(key(&[value]), Err(Code::BadRequest), "{value:?}");
        }
        assert_eq!(key(&[b"a", b"a"]), Err(Code::BadRequest));
    }

    /// Covers: key-other-request
    #[test]
    fn whatever_is_sent_otherwise_makes_another_request() {
        let request = |operation, method, path_and_query, body| {
            Request {
                key: Key("k".to_owned()),
                connection: "c",
                operation,
                method,
                path_and_query,
                body,
                may_be_repeated: false,
            }
            .fingerprint()
        };
        let one = request("a", &Method::POST, "/a?b", b"{}");
        assert_eq!(one, request("a", &Method::POST, "/a?b", b"{}"));
        for other in [
            request("b", &Method::POST, "/a?b", b"{}"),
            request("a", &Method::PATCH, "/a?b", b"{}"),
            request("a", &Method::POST, "/a", b"?b{}"),
            request("a", &Method::POST, "/a?b", b"{ }"),
        ] {
            assert_ne!(one, other);
        }
    }
}
