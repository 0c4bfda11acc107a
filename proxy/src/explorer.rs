//! The explorer: a page on the port of those who watch, where people see connections, try operations, and look at what a
//! call became.
//!
//! The page itself, the API documents and what the mappings say tell nothing of customers and need no key. Everything else
//! needs an API key in `x-apikey`, as the API does: a key sees the calls that were made with it, one with the scope `admin`
//! sees all. No page but our own may ask (`Origin`, `Host`, `Sec-Fetch-Site`), and a header that no foreign page can send
//! without being asked first has to be there. Calls that are tried go the way of every call, as if they came from outside.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, header, request,
};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Body;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::form_urlencoded;

use crate::{
    auth::{Principal, Scope},
    error::{Code, Error},
    openapi::Document,
    pipeline::{Origins, Pipeline},
    recorder::{RECORD, Recorded, mask},
};

mod files;

/// Calls of one answer, unless more are asked for, and at most.
const CALLS: usize = 100;
const MOST_CALLS: usize = 1000;
/// What a call that is tried may have around its body.
const ENVELOPE: usize = 64 * 1024;
/// What browsers send along: says whose page it was that asked.
const FETCH_SITE: &str = "sec-fetch-site";
/// Headers that a call that is tried has from us, whatever the page says.
const OURS: [HeaderName; 7] = [
    header::HOST,
    header::ORIGIN,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::CONNECTION,
    header::EXPECT,
    header::UPGRADE,
];

/// What the page asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wanted<'a> {
    File(&'static files::File),
    Document(Document),
    /// What the mappings say of each field.
    Origins,
    /// What each provider has.
    Coverage,
    Connections,
    Calls,
    Call(&'a str),
    /// A call is to be made.
    Try,
}

impl<'a> Wanted<'a> {
    fn find(path: &'a str) -> Option<Self> {
        Some(match path {
            "/explorer/origins" => Self::Origins,
            "/explorer/coverage" => Self::Coverage,
            "/explorer/connections" => Self::Connections,
            "/explorer/call" => Self::Try,
            "/calls" => Self::Calls,
            _ => {
                if let Some(id) = path.strip_prefix("/calls/") {
                    return Some(Self::Call(id));
                }
                if let Some(document) = Document::find(path) {
                    return Some(Self::Document(document));
                }
                Self::File(files::find(path)?)
            }
        })
    }

    fn method(self) -> Method {
        match self {
            Self::Try => Method::POST,
            _ => Method::GET,
        }
    }
}

/// A call that is tried.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tried {
    method: String,
    /// With its query.
    path: String,
    #[serde(default)]
    headers: std::collections::BTreeMap<String, String>,
    body: Option<String>,
}

#[derive(Debug, Serialize)]
struct Answered {
    status: u16,
    request_id: String,
    headers: std::collections::BTreeMap<String, String>,
    body: Box<serde_json::value::RawValue>,
}

/// Answers what the explorer asks for; none for every other path.
pub(crate) async fn answer<B>(
    pipeline: &Arc<Pipeline>,
    origins: &Origins,
    head: &request::Parts,
    body: B,
) -> Option<Result<Response<Full<Bytes>>, Error>>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let wanted = Wanted::find(head.uri.path())?;
    Some(answered(pipeline, origins, head, body, wanted).await)
}

async fn answered<B>(
    pipeline: &Arc<Pipeline>,
    origins: &Origins,
    head: &request::Parts,
    body: B,
    wanted: Wanted<'_>,
) -> Result<Response<Full<Bytes>>, Error>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    origins.check_own(head)?;
    must_be_our_page(&head.headers, wanted)?;
    let method = wanted.method();
    let is_head = head.method == Method::HEAD && method == Method::GET;
    if head.method != method && !is_head {
        let mut error = Error::new(Code::MethodNotSupported, format!("expected {method}"));
        error.allow = Some(method.as_str().into());
        return Err(error);
    }
    match wanted {
        Wanted::File(file) => Ok(file.response()),
        Wanted::Document(document) => pipeline.contract().answer(document, &head.method),
        Wanted::Origins => Ok(text(pipeline.api().origins)),
        Wanted::Coverage => told(&coverage(pipeline)),
        Wanted::Connections => {
            caller(pipeline, head).await?;
            told(&pipeline.standings().await?)
        }
        Wanted::Calls => {
            let caller = caller(pipeline, head).await?;
            calls(pipeline, &caller, head)
        }
        Wanted::Call(id) => {
            let caller = caller(pipeline, head).await?;
            call(pipeline, &caller, id)
        }
        Wanted::Try => {
            let limit = pipeline.limits().now().request_body_bytes.saturating_mul(2) + ENVELOPE;
            let bytes = read(body, limit).await?;
            attempt(pipeline, &head.headers, &bytes).await
        }
    }
}

/// Refuses what another page has a browser send, as far as the browser tells. A page is opened from anywhere.
fn must_be_our_page(headers: &HeaderMap, wanted: Wanted<'_>) -> Result<(), Error> {
    let site = headers
        .get(FETCH_SITE)
        .and_then(|site| site.to_str().ok())
        .unwrap_or("none");
    if matches!(site, "same-origin" | "none") || matches!(wanted, Wanted::File(_)) {
        return Ok(());
    }
    Err(Error::new(
        Code::Forbidden,
        "this was sent from a page that is not ours",
    ))
}

/// Who asks: the holder of an API key. A customer's token is for that customer's connections alone.
async fn caller(pipeline: &Pipeline, head: &request::Parts) -> Result<Principal, Error> {
    let caller = pipeline.auth().caller(&head.headers).await?;
    caller.must_see_all()?;
    Ok(caller)
}

/// Whether a caller may see a call: who made it, and an administrator.
fn may_see(caller: &Principal, call: &Recorded) -> bool {
    caller.scope == Scope::Admin || *call.caller() == *caller.id
}

fn calls(
    pipeline: &Pipeline,
    caller: &Principal,
    head: &request::Parts,
) -> Result<Response<Full<Bytes>>, Error> {
    let (mut after, mut most) = (0, CALLS);
    for (name, value) in form_urlencoded::parse(head.uri.query().unwrap_or_default().as_bytes()) {
        let number = |most: u64| {
            let number = value.parse::<u64>().ok().filter(|number| *number <= most);
            number.ok_or_else(|| {
                Error::issue(
                    format!("query.{name}"),
                    format!("expected a number up to {most}"),
                )
            })
        };
        match &*name {
            "after" => after = number(u64::MAX)?,
            "limit" => {
                most = usize::try_from(number(MOST_CALLS as u64)?).unwrap_or(MOST_CALLS);
            }
            _ => {
                return Err(Error::issue(
                    format!("query.{name}"),
                    "expected `after` or `limit`",
                ));
            }
        }
    }
    let Some(recorder) = pipeline.recorder() else {
        return told(&json!({ "calls": [], "last": 0, "is_recording": false }));
    };
    let (calls, last) = recorder.after(after, most, |call| may_see(caller, call));
    let lines: Vec<_> = calls.iter().map(|call| call.line()).collect();
    told(&json!({ "calls": lines, "last": last, "is_recording": true }))
}

fn call(pipeline: &Pipeline, caller: &Principal, id: &str) -> Result<Response<Full<Bytes>>, Error> {
    let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy();
    let found = pipeline
        .recorder()
        .and_then(|recorder| recorder.find(&id, |call| may_see(caller, call)));
    let Some(found) = found else {
        return Err(Error::not_found(
            "no call with this request id is remembered; the last ones are, for as long as `limits.recorded_calls` and `limits.recorded_bytes` say",
        ));
    };
    told(&found.call())
}

/// Makes a call as if it came from outside, and has all of it recorded.
async fn attempt(
    pipeline: &Arc<Pipeline>,
    headers: &HeaderMap,
    bytes: &[u8],
) -> Result<Response<Full<Bytes>>, Error> {
    let is_json = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/json"));
    if !is_json {
        return Err(Error::new(
            Code::UnsupportedMediaType,
            "expected application/json",
        ));
    }
    let Some(key) = headers.get("x-apikey") else {
        return Err(Error::new(
            Code::Unauthorized,
            "expected an API key in x-apikey",
        ));
    };
    let tried: Tried = serde_json::from_slice(bytes)
        .map_err(|error| Error::bad_request(format!("body: {error}")))?;
    let request = request(tried, key)?;
    let response = pipeline.handle(request).await;
    let (head, body) = response.into_parts();
    let body = body
        .collect()
        .await
        .map_err(|_| Error::bad_gateway("the answer broke off"))?
        .to_bytes();
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    told(&Answered {
        status: head.status.as_u16(),
        request_id: head
            .headers
            .get("x-request-id")
            .map(text)
            .unwrap_or_default(),
        headers: head
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), text(value)))
            .collect(),
        // An answer that has a secret is told as it is: who made the call is the one who gets it.
        body: mask::plain(&body),
    })
}

fn request(tried: Tried, key: &HeaderValue) -> Result<Request<Full<Bytes>>, Error> {
    let method = Method::from_bytes(tried.method.as_bytes())
        .map_err(|_| Error::issue("body.method", "expected a method"))?;
    let uri: Uri = tried
        .path
        .parse()
        .ok()
        .filter(|uri: &Uri| uri.authority().is_none() && uri.path().starts_with('/'))
        .ok_or_else(|| Error::issue("body.path", "expected a path that begins with /"))?;
    let mut request = Request::new(Full::from(tried.body.unwrap_or_default()));
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    for (name, value) in &tried.headers {
        let wrong = || Error::issue(format!("body.headers.{name}"), "expected a header");
        let name: HeaderName = name.parse().map_err(|_| wrong())?;
        if !OURS.contains(&name) {
            headers.append(name, value.parse().map_err(|_| wrong())?);
        }
    }
    headers.insert(header::HOST, HeaderValue::from_static("localhost"));
    headers.insert("x-apikey", key.clone());
    headers.insert(RECORD, HeaderValue::from_static("full"));
    Ok(request)
}

/// What each provider has of the API, and where the API is.
fn coverage(pipeline: &Pipeline) -> Value {
    let api = pipeline.api();
    let providers = api.providers.iter().map(|provider| {
        let mut tables = api.capabilities.iter();
        let table = tables.find(|table| table.provider == provider.name);
        json!({
            "name": provider.name,
            "title": provider.title,
            "operations": table.map_or(&[][..], |table| table.operations),
            "entities": table.map_or(&[][..], |table| table.entities),
        })
    });
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "api": format!("http://{}", pipeline.address()),
        "providers": providers.collect::<Vec<_>>(),
    })
}

async fn read<B>(body: B, limit: usize) -> Result<Bytes, Error>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let read = Limited::new(body, limit).collect();
    let read = tokio::time::timeout(std::time::Duration::from_secs(30), read)
        .await
        .map_err(|_| Error::new(Code::Timeout, "the body did not come to its end in time"))?;
    read.map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                Error::new(
                    Code::PayloadTooLarge,
                    format!("the body is larger than {limit} bytes"),
                )
            } else {
                Error::bad_request("the body broke off")
            }
        })
}

fn told<T: Serialize>(value: &T) -> Result<Response<Full<Bytes>>, Error> {
    let bytes = serde_json::to_vec(value).map_err(|error| {
        Error::new(Code::InternalServerError, "this could not be written")
            .with_detail(error.to_string())
    })?;
    Ok(json_response(bytes.into()))
}

fn text(json: &'static str) -> Response<Full<Bytes>> {
    json_response(Bytes::from_static(json.as_bytes()))
}

fn json_response(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::OK;
    files::guard(
        response.headers_mut(),
        HeaderValue::from_static("application/json"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(path: &str, headers: &[(&str, &str)]) -> Tried {
        Tried {
            method: "GET".to_owned(),
            path: path.to_owned(),
            headers: headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            body: None,
        }
    }

    #[test]
    fn a_tried_call_has_the_key_and_host_that_we_give_it() {
        let given = [
            ("host", "evil.example"),
            ("x-apikey", "another"),
            ("x-connection-id", "acme"),
            ("transfer-encoding", "chunked"),
        ];
        let made = request(
            tried("/unified/crm/account?page_size=1", &given),
            &HeaderValue::from_static("key"),
        )
        .unwrap();
        let headers: Vec<String> = made
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            headers,
            [
                "x-apikey: key",
                "x-connection-id: acme",
                "host: localhost",
                "x-crosswalk-record: full"
            ]
        );
    }

    #[test]
    fn a_tried_call_goes_nowhere_else() {
        for path in ["http://evil.example/", "//evil.example", "*", "", "unified"] {
            let made = request(tried(path, &[]), &HeaderValue::from_static("key"));
            // What begins with two slashes is a path for us, and one that no operation has.
            let is_path = made.is_ok_and(|made| made.uri().authority().is_none());
            assert_eq!(is_path, path == "//evil.example", "{path}");
        }
    }
}
