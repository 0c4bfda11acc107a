//! A caller's own call to the provider's API: what of it is sent, and what of the answer comes back.
//!
//! It is made as all others are: token, circuit, turn, retries. It differs in its head, of which what is on a list passes
//! and nothing else, and in its end: whatever the provider answers is the answer, and only what lies between is an error.

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_DISPOSITION, CONTENT_ENCODING,
        CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH, IF_MODIFIED_SINCE,
        IF_NONE_MATCH, IF_UNMODIFIED_SINCE, LAST_MODIFIED, LOCATION, RETRY_AFTER,
    },
    uri::{Authority, Scheme},
};
use tokio::time::Instant;
use url::Url;

use super::{
    engine::{Tried, unanswered},
    fault,
    provider::{Content, Effect, NativeDoor, NativeOperation, Provider},
    token::Token,
};
use crate::{
    error::{Code, Error},
    translate::{Freshness, NativeRequest},
    upstream::{Connection, NativeLog, Upstream},
};

/// Below it a caller's path is the provider's.
pub const PREFIX: &str = "/proxy";

/// What means the same to every server, and opens nothing.
const REQUEST_HEADERS: [HeaderName; 9] = [
    ACCEPT,
    ACCEPT_LANGUAGE,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    IF_MATCH,
    IF_MODIFIED_SINCE,
    IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE,
];
const ANSWER_HEADERS: [HeaderName; 6] = [
    CONTENT_DISPOSITION,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    ETAG,
    LAST_MODIFIED,
    RETRY_AFTER,
];

static OPERATIONS: [NativeOperation; 6] = [
    operation("native.get", Method::GET, Effect::Read),
    operation("native.head", Method::HEAD, Effect::Read),
    operation("native.post", Method::POST, Effect::Write),
    operation("native.put", Method::PUT, Effect::Write),
    operation("native.patch", Method::PATCH, Effect::Write),
    operation("native.delete", Method::DELETE, Effect::Write),
];

const fn operation(id: &'static str, method: Method, effect: Effect) -> NativeOperation {
    NativeOperation {
        id,
        method,
        effect,
        content: Content::Json,
    }
}

/// A call to the provider's own API.
#[derive(Debug)]
pub struct NativeCall {
    pub operation: &'static NativeOperation,
    /// Path and query, as the provider is to see them.
    pub target: String,
    /// What passes of the caller's.
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// What the provider answered to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NativeReply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// Nothing was carried out, and another try may end otherwise.
    pub may_pass: bool,
}

/// The call that a method makes; what would be a tunnel, an echo or a question about pages makes none.
pub fn operation_of(method: &Method) -> Result<&'static NativeOperation, Error> {
    let known = OPERATIONS.iter().find(|it| it.method == *method);
    known.ok_or_else(|| {
        let allow = "GET, HEAD, POST, PUT, PATCH, DELETE";
        let mut error = Error::new(
            Code::MethodNotSupported,
            format!("expected for the provider's own API one of {allow}"),
        );
        error.allow = Some(allow.into());
        error
    })
}

/// The call with this name, as in `native.get`.
pub(crate) fn operation_named(id: &str) -> Option<&'static NativeOperation> {
    OPERATIONS.iter().find(|it| it.id == id)
}

/// What of a caller's head passes to this provider.
pub fn passing(provider: &Provider, given: &HeaderMap) -> HeaderMap {
    let own = provider.native_door.request_headers;
    let mut passing = HeaderMap::new();
    for (name, value) in given {
        if REQUEST_HEADERS.contains(name) || own.contains(&name.as_str()) {
            passing.append(name, value.clone());
        }
    }
    passing
}

impl NativeDoor {
    /// Whether a path, which is a plain one, may be asked for. However it is written: the provider may read other letters
    /// as the same, and an escape as what it stands for.
    pub fn is_open(&self, path: &str) -> bool {
        let decoded = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        let mut path = decoded.to_ascii_lowercase();
        if !path.ends_with('/') {
            path.push('/');
        }
        let is_below = |beginning: &&str| path.starts_with(beginning);
        (self.open.is_empty() || self.open.iter().any(is_below))
            && !self.closed.iter().any(is_below)
    }
}

impl Upstream {
    /// Makes a caller's own call.
    pub async fn native(
        &self,
        connection: &Connection,
        call: &NativeCall,
        deadline: Instant,
        log: &NativeLog,
    ) -> Result<NativeReply, Error> {
        let provider = connection.provider;
        let NativeOperation { effect, method, .. } = call.operation;
        let request = NativeRequest {
            operation: call.operation,
            target: call.target.clone(),
            body: (!call.body.is_empty()).then(|| call.body.clone()),
            freshness: Freshness::Asked,
            credential_at: None,
            parts: None,
        };
        let mut passed = call.headers.clone();
        if *method == Method::HEAD {
            // So that a length that is told is that of the thing itself.
            passed.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        }
        let tried = self.tried(connection, &request, Some(&passed), deadline, log, None);
        match tried.await? {
            (Tried::Failed(failure), _) => Err(unanswered(provider, *effect, &failure)),
            (
                Tried::Answered {
                    response,
                    headers,
                    rule,
                    ..
                },
                token,
            ) => {
                let status = StatusCode::from_u16(response.status)
                    .ok()
                    .filter(|status| !status.is_informational())
                    .ok_or_else(|| no_answer(provider, *effect, response.status))?;
                let not_carried_out = rule.is_some_and(|rule| rule.not_carried_out);
                let is_refused = !status.is_success();
                let mut headers = answer_headers(provider, &headers, &token, method);
                let told = rule.and_then(|rule| rule.retry_after_seconds);
                if let (true, Some(seconds)) = (is_refused, told) {
                    headers
                        .entry(RETRY_AFTER)
                        .or_insert_with(|| HeaderValue::from(seconds));
                }
                Ok(NativeReply {
                    status,
                    headers,
                    body: fault::without_bytes(response.body, token.secret()),
                    may_pass: is_refused
                        && (not_carried_out || matches!(response.status, 401 | 429)),
                })
            }
        }
    }
}

/// Neither an answer nor a refusal, as that of another protocol.
fn no_answer(provider: &Provider, effect: Effect, status: u16) -> Error {
    let message = format!(
        "{} answered status {status}, which is no answer",
        provider.title
    );
    let error = Error::bad_gateway(message);
    match effect {
        Effect::Read => error,
        Effect::Write => error.into_unknown(),
    }
}

fn answer_headers(
    provider: &Provider,
    given: &HeaderMap,
    token: &Token,
    method: &Method,
) -> HeaderMap {
    let own = provider.native_door.answer_headers;
    let mut headers = HeaderMap::new();
    for (name, value) in given {
        let is_own =
            own.contains(&name.as_str()) || provider.errors.correlation_header == Some(name);
        if ANSWER_HEADERS.contains(name) || is_own {
            headers.append(name, value.clone());
        }
    }
    // Whatever is inflated is inflated by us, and the rest goes as it came.
    let coding = given.get(CONTENT_ENCODING);
    let coding = coding.filter(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"gzip"));
    if let Some(coding) = coding {
        headers.insert(CONTENT_ENCODING, coding.clone());
    }
    if *method == Method::HEAD
        && let Some(length) = given.get(CONTENT_LENGTH)
    {
        headers.insert(CONTENT_LENGTH, length.clone());
    }
    let location = given.get(LOCATION).and_then(|value| value.to_str().ok());
    if let Some(location) = location
        && let Some(ours) = here(location, &token.scheme, token.host())
        && let Ok(ours) = HeaderValue::from_str(&ours)
    {
        headers.insert(LOCATION, ours);
    }
    // Where a provider repeats the credential, it goes no further.
    let secret = token.secret();
    let tells = |value: &HeaderValue| {
        !secret.is_empty()
            && value
                .as_bytes()
                .windows(secret.len())
                .any(|it| it == secret.as_bytes())
    };
    let telling: Vec<HeaderName> = headers
        .iter()
        .filter(|(_, value)| tells(value))
        .map(|(name, _)| name.clone())
        .collect();
    for name in telling {
        headers.remove(name);
    }
    headers
}

/// Where a location of the provider is for a caller. None where it is on another host: a client that follows it would
/// take the caller's API key along.
fn here(location: &str, scheme: &Scheme, authority: &Authority) -> Option<String> {
    let base = Url::parse(&format!("{scheme}://{authority}/")).ok()?;
    // What is relative to a path that we do not know leads nowhere.
    let is_rooted = location.starts_with('/');
    let is_whole = Url::parse(location).is_ok();
    if !is_rooted && !is_whole {
        return None;
    }
    let target = base.join(location).ok()?;
    let is_same = target.origin() == base.origin()
        && target.username().is_empty()
        && target.password().is_none();
    is_same.then(|| {
        let query = target.query().map(|query| format!("?{query}"));
        format!("{PREFIX}{}{}", target.path(), query.unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_of_the_provider_leads_through_the_door_and_any_other_nowhere() {
        let here = |location| {
            here(
                location,
                &Scheme::HTTPS,
                &Authority::from_static("api.example.com"),
            )
        };
        for (location, expected) in [
            ("/a/b?c=1", Some("/proxy/a/b?c=1")),
            ("https://api.example.com/a#part", Some("/proxy/a")),
            ("https://API.example.com:443/a", Some("/proxy/a")),
            ("/../../a", Some("/proxy/a")),
            ("//evil.example/a", None),
            ("/\\evil.example/a", None),
            ("https://evil.example/a", None),
            ("http://api.example.com/a", None),
            ("https://api.example.com:444/a", None),
            ("https://me@api.example.com/a", None),
            ("https://api.example.com@evil.example/a", None),
            ("javascript:alert(1)", None),
            ("a/b", None),
            ("", None),
        ] {
            assert_eq!(here(location).as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn what_is_closed_is_closed_however_it_is_written() {
        let door = NativeDoor {
            open: &["/api/"],
            closed: &["/api/oauth/"],
            ..NativeDoor::PLAIN
        };
        for path in [
            "/api",
            "/api/",
            "/api/things",
            "/API/things",
            "/%61pi/oauths",
        ] {
            assert!(door.is_open(path), "{path}");
        }
        for path in [
            "/",
            "/apis",
            "/other/api/",
            "/api/oauth",
            "/api/OAuth/token",
            "/api/%6Fauth/token",
            "/%61pi/oauth/",
        ] {
            assert!(!door.is_open(path), "{path}");
        }
        assert!(NativeDoor::PLAIN.is_open("/anything"));
    }

    #[test]
    fn only_what_is_on_a_list_passes() {
        let mut given = HeaderMap::new();
        for name in [
            "accept",
            "authorization",
            "connection",
            "content-length",
            "content-type",
            "cookie",
            "host",
            "sforce-query-options",
            "x-apikey",
            "x-http-method-override",
        ] {
            given.insert(name, HeaderValue::from_static("v"));
        }
        let names = |provider| {
            let mut names: Vec<String> = passing(provider, &given)
                .keys()
                .map(ToString::to_string)
                .collect();
            names.sort();
            names
        };
        let providers = crate::generated::API.providers;
        let provider = |name| *providers.iter().find(|it| it.name == name).unwrap();
        assert_eq!(names(provider("hubspot")), ["accept", "content-type"]);
        assert_eq!(
            names(provider("salesforce")),
            ["accept", "content-type", "sforce-query-options"]
        );
    }
}
