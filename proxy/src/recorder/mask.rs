//! What of a recorded call is masked: credentials, by the names of headers and members, and tokens that are known.

use http::HeaderMap;
use serde_json::{Value, value::RawValue};
use url::form_urlencoded;

/// What stands in the place of a secret.
pub(crate) const MASK: &str = "•••";
/// A name that has one of these in it, written without `-` and `_`, has a secret.
const SECRET_NAMES: [&str; 12] = [
    "accesstoken",
    "apikey",
    "authorization",
    "clientsecret",
    "connecttoken",
    "cookie",
    "idtoken",
    "password",
    "privatekey",
    "refreshtoken",
    "secretkey",
    "sessionid",
];
/// Names that are no more than this.
const SECRET_WORDS: [&str; 4] = ["secret", "token", "jwt", "sid"];
/// Whatever is shorter is no token, and would take other words with it.
const SHORTEST_SECRET: usize = 8;

/// Whether what has this name is a secret.
pub(crate) fn is_secret(name: &str) -> bool {
    let name: String = name
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|char| char.to_ascii_lowercase())
        .collect();
    SECRET_WORDS.contains(&name.as_str()) || SECRET_NAMES.iter().any(|it| name.contains(it))
}

/// A text without a secret that is known.
pub(crate) fn text(text: &str, secret: &str) -> String {
    if secret.len() < SHORTEST_SECRET {
        return text.to_owned();
    }
    text.replace(secret, MASK)
}

/// Headers as pairs. Of a secret one the scheme is left, as in `Bearer •••`.
pub(crate) fn headers(headers: &HeaderMap, secret: &str) -> Vec<(String, String)> {
    headers
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes());
            let value = match value.split_once(' ') {
                _ if !is_secret(name.as_str()) => text(&value, secret),
                Some((scheme, _)) if scheme.eq_ignore_ascii_case("bearer") => {
                    format!("{scheme} {MASK}")
                }
                _ => MASK.to_owned(),
            };
            (name.as_str().to_owned(), value)
        })
        .collect()
}

/// A path with its query, or a whole address, without the values of secret parameters.
pub(crate) fn target(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let is_secret = |pair: &str| {
        let name = form_urlencoded::parse(pair.as_bytes()).next();
        name.is_some_and(|(name, _)| is_secret(&name))
    };
    let pairs: Vec<String> = query
        .split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if is_secret(pair) => format!("{name}={MASK}"),
            _ => pair.to_owned(),
        })
        .collect();
    format!("{path}?{}", pairs.join("&"))
}

/// A body as a value: JSON as it is written, but for secret members; any other as text; nothing as null.
pub(crate) fn body(bytes: &[u8]) -> Box<RawValue> {
    let text = String::from_utf8_lossy(bytes);
    if text.trim().is_empty() {
        return raw(&Value::Null);
    }
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(_) if !may_have_secret(&text) => RawValue::from_string(text.into_owned())
            .unwrap_or_else(|_| raw(&Value::String(MASK.to_owned()))),
        Ok(_) => {
            let mut value = serde_json::from_str(&text).unwrap_or(Value::Null);
            members(&mut value);
            raw(&value)
        }
        Err(_) => raw(&Value::String(text.into_owned())),
    }
}

/// A body as a value, with all that is in it.
pub(crate) fn plain(bytes: &[u8]) -> Box<RawValue> {
    let text = String::from_utf8_lossy(bytes);
    match serde_json::from_str::<&RawValue>(&text) {
        Ok(value) => value.to_owned(),
        Err(_) => raw(&Value::String(text.into_owned())),
    }
}

/// Whether it is worth while to look at every member. Names may be written with escapes.
fn may_have_secret(text: &str) -> bool {
    let plain: String = text
        .chars()
        .filter(|char| char.is_ascii_alphanumeric() || *char == '\\')
        .map(|char| char.to_ascii_lowercase())
        .collect();
    let mut words = SECRET_NAMES.iter().chain(&SECRET_WORDS);
    plain.contains('\\') || words.any(|word| plain.contains(word))
}

fn members(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(members),
        Value::Object(own) => {
            for (name, value) in own {
                if is_secret(name) && !value.is_null() {
                    *value = Value::String(MASK.to_owned());
                } else {
                    members(value);
                }
            }
        }
        _ => {}
    }
}

fn raw(value: &Value) -> Box<RawValue> {
    serde_json::value::to_raw_value(value).expect("a value is JSON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_masked_by_their_names() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("authorization", "Bearer abc-def"),
            ("x-apikey", "demo"),
            ("set-cookie", "sid=1"),
            ("accept", "application/json"),
            ("x-echo", "abc-def-ghi"),
        ] {
            map.append(name, value.parse().unwrap());
        }
        let masked: Vec<String> = headers(&map, "abc-def-ghi")
            .into_iter()
            .map(|(name, value)| format!("{name}: {value}"))
            .collect();
        assert_eq!(
            masked,
            [
                "authorization: Bearer •••",
                "x-apikey: •••",
                "set-cookie: •••",
                "accept: application/json",
                "x-echo: •••",
            ]
        );
        assert_eq!(
            target("/a?q=1&access_token=x&hapikey=y&api%5Fkey=z"),
            "/a?q=1&access_token=•••&hapikey=•••&api%5Fkey=•••"
        );
    }

    #[test]
    fn bodies_are_told_as_they_are_but_for_secret_members() {
        for (given, told) in [
            (r#"{"amount": 1.10, "b":[]}"#, r#"{"amount": 1.10, "b":[]}"#),
            (
                r#"{"a":[{"refresh_token":"x","Client-Secret":{"y":1}}],"token":null}"#,
                r#"{"a":[{"refresh_token":"•••","Client-Secret":"•••"}],"token":null}"#,
            ),
            ("{\"pass\\u0077ord\":\"x\"}", r#"{"password":"•••"}"#),
            ("", "null"),
            ("no JSON", r#""no JSON""#),
        ] {
            assert_eq!(body(given.as_bytes()).get(), told, "{given}");
        }
    }
}
