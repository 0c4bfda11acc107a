//! `--native`: the native calls that a unified call became, as the recorder on the proxy's admin port tells them.

use std::{fmt::Write as _, time::Duration};

use http::{Method, StatusCode};
use serde_json::Value;
use tokio::time::sleep;
use url::Url;

use crate::cli::{
    Failure,
    client::{Answer, Call, Proxy},
    explain::rule,
    json_text::{harmless, pretty},
    paint::{Ink, Paint},
};

/// The header that asks for a call's exchanges to be kept with their bodies.
pub(super) const ASK: &str = "x-crosswalk-record";
pub(super) const FULL: &str = "full";
/// A record is complete a moment after its answer is: it is asked for so often, with pauses in between.
const TRIES: usize = 5;
const PAUSE: Duration = Duration::from_millis(60);
/// A body longer than this is cut; a page of records would push everything else off the screen.
const MOST_LINES: usize = 60;

/// The record of a call; otherwise why there is none, and what can be done about it.
pub(super) async fn record(
    proxy: &Proxy,
    admin: Option<&Url>,
    answer: &Answer,
) -> Result<Answer, String> {
    let Some(admin) = admin else {
        return Err("the native calls are told on the proxy's admin port, and where that is is not known; give --admin-url or CROSSWALK_ADMIN_URL, or the proxy's configuration with --config, where `admin_listen` says it".to_owned());
    };
    let Some(id) = answer.request_id() else {
        return Err(
            "the answer has no x-request-id, by which the native calls could be asked for"
                .to_owned(),
        );
    };
    let mut tries = 0;
    loop {
        tries += 1;
        let told = match proxy
            .send_to(admin, Call::new(Method::GET, &["calls", id]))
            .await
        {
            Ok(told) => told,
            Err(Failure::Unreachable(reason)) => {
                let reason = reason.lines().next().unwrap_or_default();
                return Err(format!(
                    "the native calls are told on the proxy's admin port: {reason}; give its address with --admin-url or CROSSWALK_ADMIN_URL"
                ));
            }
            Err(failure) => return Err(failure.to_string()),
        };
        match told.status {
            StatusCode::OK if told.value().is_object() => return Ok(told),
            StatusCode::NOT_FOUND if tries < TRIES => sleep(PAUSE).await,
            StatusCode::NOT_FOUND => {
                return Err(format!(
                    "the admin port at {admin} has no record of the call {id}: that proxy keeps none, or it is another one's admin port"
                ));
            }
            status => {
                return Err(format!(
                    "the admin port at {admin} answers {status} when it is asked for the call {id}"
                ));
            }
        }
    }
}

/// The native calls of a record, for people.
pub(super) fn show(record: &Value, paint: Paint) -> String {
    let natives = record["native"].as_array().map_or(&[][..], Vec::as_slice);
    let mut text = String::new();
    for (index, native) in natives.iter().enumerate() {
        let word = |name: &str| harmless(native[name].as_str().unwrap_or("-"), paint);
        let mut title = String::new();
        rule(
            &mut title,
            &format!("native call {} of {}", index + 1, natives.len()),
            '─',
        );
        text.push_str(&paint.ink(Ink::Faint, title.trim_end()));
        let _ = write!(
            text,
            "\n{} {}",
            paint.ink(Ink::Title, &word("method")),
            word("url")
        );
        if let Some(attempt) = native["attempt"].as_u64().filter(|attempt| *attempt > 1) {
            let _ = write!(text, "   (try {attempt})");
        }
        text.push('\n');
        body(&mut text, &native["request_body"], paint);
        let took = native["duration_us"]
            .as_f64()
            .map(|micros| format!(", {:.0} ms", micros / 1000.0));
        let took = took.unwrap_or_default();
        match native["status"].as_u64() {
            Some(status) => {
                let ink = if status < 400 { Ink::Good } else { Ink::Bad };
                let _ = writeln!(text, "→ {}{took}", paint.ink(ink, &status.to_string()));
            }
            None => {
                let _ = writeln!(
                    text,
                    "→ {}{took}: {}",
                    paint.ink(Ink::Bad, "no answer"),
                    word("error")
                );
            }
        }
        body(&mut text, &native["response_body"], paint);
    }
    let mut title = String::new();
    let count = match natives.len() {
        0 => "unified answer, for which no native call was needed".to_owned(),
        _ => "unified answer".to_owned(),
    };
    rule(&mut title, &count, '─');
    text.push_str(&paint.ink(Ink::Faint, title.trim_end()));
    text.push('\n');
    text
}

/// A body is kept as JSON where it is some, and as a text otherwise.
fn body(text: &mut String, body: &Value, paint: Paint) {
    let shown = match body {
        Value::Null => return,
        Value::String(body) if body.is_empty() => return,
        Value::String(body) => pretty(body, paint),
        other => pretty(&other.to_string(), paint),
    };
    for line in shown.lines().take(MOST_LINES) {
        text.push_str(line);
        text.push('\n');
    }
    let more = shown.lines().count().saturating_sub(MOST_LINES);
    if more > 0 {
        let _ = writeln!(text, "… {more} more lines; --json has all of it");
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread::JoinHandle,
    };

    use bytes::Bytes;
    use http::{HeaderMap, HeaderValue};
    use serde_json::json;

    use super::*;

    /// An admin port that answers so many requests, each with the same; gives back what it was asked.
    fn admin(times: usize, status: &'static str, body: &Value) -> (Url, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let body = body.to_string();
        let answers = std::thread::spawn(move || {
            (0..times)
                .map(|_| {
                    let (mut stream, _) = listener.accept().unwrap();
                    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
                    let mut asked = [0; 2048];
                    let length = stream.read(&mut asked).unwrap();
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}", body.len());
                    stream.write_all(answer.as_bytes()).unwrap();
                    let asked = String::from_utf8_lossy(&asked[..length]).into_owned();
                    asked.to_ascii_lowercase()
                })
                .collect()
        });
        (Url::parse(&url).unwrap(), answers)
    }

    fn proxy() -> Proxy {
        Proxy::at(Url::parse("http://127.0.0.1:4040").unwrap(), "k")
    }

    fn answer(id: Option<&'static str>) -> Answer {
        let mut headers = HeaderMap::new();
        if let Some(id) = id {
            headers.insert("x-request-id", HeaderValue::from_static(id));
        }
        Answer {
            status: StatusCode::OK,
            headers,
            body: Bytes::new(),
            took: Duration::ZERO,
        }
    }

    fn recorded() -> Value {
        json!({
            "request_id": "abc", "operation": "crm.account.get", "connection": "acme", "provider": "hubspot",
            "status": 200, "started_at": "2026-11-26T00:00:00Z", "duration_us": 41_000,
            "request": { "method": "GET", "path": "/unified/crm/account/1", "headers": {}, "body": null },
            "answer": { "status": 200, "body": { "record": {} } },
            "native": [
                {
                    "method": "POST", "url": "https://api.hubapi.com/crm/v3/objects/companies/batch/read", "headers": {},
                    "request_body": { "inputs": [{ "id": "1" }] }, "status": null, "response_headers": {},
                    "response_body": null, "started_us": 10, "duration_us": 2000, "attempt": 1,
                    "error": "the connection broke",
                },
                {
                    "method": "GET", "url": "https://api.hubapi.com/crm/v3/objects/companies/1", "headers": {},
                    "request_body": null, "status": 404, "response_headers": {}, "response_body": "not here",
                    "started_us": 2500, "duration_us": 31_400, "attempt": 2, "error": null,
                },
            ],
        })
    }

    #[tokio::test]
    async fn a_record_is_asked_for_by_the_id_of_its_call() {
        let (url, asked) = admin(1, "200 OK", &recorded());
        let told = record(&proxy(), Some(&url), &answer(Some("abc")))
            .await
            .unwrap();
        assert_eq!(told.value(), recorded());
        let asked = asked.join().unwrap();
        assert!(
            asked[0].starts_with("get /calls/abc http/1.1\r\n"),
            "{}",
            asked[0]
        );
        assert!(asked[0].contains("x-apikey: k\r\n"), "{}", asked[0]);
    }

    #[test]
    fn native_calls_are_shown_with_what_became_of_each() {
        insta::assert_snapshot!(show(&recorded(), Paint::PLAIN));
    }

    #[tokio::test]
    async fn a_proxy_that_keeps_no_records_is_told_of_clearly() {
        let (url, asked) = admin(TRIES, "404 Not Found", &json!({ "code": "NOT_FOUND" }));
        let told = record(&proxy(), Some(&url), &answer(Some("abc")))
            .await
            .unwrap_err();
        assert!(told.contains("has no record of the call abc"), "{told}");
        assert_eq!(
            asked.join().unwrap().len(),
            TRIES,
            "it may have been too early"
        );
    }

    #[tokio::test]
    async fn an_admin_port_that_is_not_known_or_not_there_is_told_of_clearly() {
        let told = record(&proxy(), None, &answer(Some("abc")))
            .await
            .unwrap_err();
        assert!(told.contains("--admin-url"), "{told}");
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let url = Url::parse(&format!("http://{free}")).unwrap();
        let told = record(&proxy(), Some(&url), &answer(Some("abc")))
            .await
            .unwrap_err();
        assert!(
            told.contains("cannot be reached") && told.contains("--admin-url"),
            "{told}"
        );
        let told = record(&proxy(), Some(&url), &answer(None))
            .await
            .unwrap_err();
        assert!(told.contains("no x-request-id"), "{told}");
    }
}
