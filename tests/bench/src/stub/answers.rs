//! Which canned answer a request gets. Each is made once, and costs next to nothing when it is asked for again: a stub
//! that is slow makes calls come one by one, and one by one they cost a proxy more.

use std::{
    collections::HashMap,
    io::Write as _,
    sync::{Mutex, PoisonError},
};

use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use hyper::{Method, Response, StatusCode, header::HeaderValue};
use serde_json::{Value, json};

use super::bodies;

/// All answers.
#[derive(Debug)]
pub(super) struct Answers {
    made: Mutex<HashMap<Asked, Answer>>,
}

/// How many answers are kept. Reads of ever new records must not fill the memory.
const KEPT: usize = 20_000;

/// What an answer depends on.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Asked {
    method: Method,
    path: String,
    body: Bytes,
    may_deflate: bool,
}

/// A body, and how it is told of.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    status: StatusCode,
    body: Bytes,
    is_deflated: bool,
    is_hubspot: bool,
}

impl Answers {
    pub(super) fn new() -> Self {
        Self {
            made: Mutex::default(),
        }
    }

    /// The answer to a request, deflated where it may be.
    pub(super) fn to(
        &self,
        method: &Method,
        path: &str,
        body: &Bytes,
        may_deflate: bool,
    ) -> Answer {
        let asked = Asked {
            method: method.clone(),
            path: path.to_owned(),
            body: body.clone(),
            may_deflate,
        };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if made.len() >= KEPT {
            made.clear();
        }
        let answer = made.entry(asked).or_insert_with_key(Answer::new);
        answer.clone()
    }
}

impl Answer {
    fn new(asked: &Asked) -> Self {
        let (status, value) = made(&asked.method, &asked.path, &asked.body);
        let plain = Bytes::from(value.to_string());
        Self {
            status,
            body: if asked.may_deflate {
                deflated(&plain)
            } else {
                plain
            },
            is_deflated: asked.may_deflate,
            is_hubspot: asked.path.starts_with("/crm/"),
        }
    }

    /// With such headers as the provider sends, but for those that tell how many calls are left: here nothing is to wait.
    pub(super) fn into_response(self) -> Response<http_body_util::Full<Bytes>> {
        let mut response = Response::new(http_body_util::Full::new(self.body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        let mut set = |name: &'static str, value: &'static str| {
            headers.insert(name, HeaderValue::from_static(value));
        };
        set("content-type", "application/json;charset=UTF-8");
        set(
            "strict-transport-security",
            "max-age=31536000; includeSubDomains",
        );
        set("x-content-type-options", "nosniff");
        set("vary", "accept-encoding");
        if self.is_hubspot {
            set("server", "cloudflare");
            set("cf-ray", "8f2d1b3c4d5e6f70-FRA");
            set("cf-cache-status", "DYNAMIC");
            set("access-control-allow-credentials", "false");
            set(
                "x-hubspot-correlation-id",
                "0191f7a2-3b4c-7d5e-8f60-718293a4b5c6",
            );
        } else {
            set(
                "cache-control",
                "no-cache,must-revalidate,max-age=0,no-store,private",
            );
            set("sforce-limit-info", "api-usage=18/5000000");
        }
        if self.is_deflated {
            set("content-encoding", "gzip");
        }
        response
    }
}

fn made(method: &Method, path: &str, body: &[u8]) -> (StatusCode, Value) {
    let last = path.rsplit('/').next().unwrap_or_default();
    let request = || serde_json::from_slice::<Value>(body).unwrap_or_default();
    let first = bodies::FIRST_CONTACT.to_string();
    let answer = match *method {
        Method::GET if path.ends_with("/companies") => bodies::hubspot_page(),
        Method::GET if path.ends_with("/query") => bodies::salesforce_page(),
        Method::POST if path.ends_with("/contacts/batch/read") => {
            let request = request();
            let inputs = request["inputs"].as_array();
            let ids = inputs.into_iter().flatten();
            bodies::hubspot_contacts(ids.filter_map(|input| input["id"].as_str()))
        }
        Method::POST if path.ends_with("/contacts") => {
            return (StatusCode::CREATED, bodies::hubspot_contact(&first));
        }
        // By an email as well, for which it is the first contact.
        Method::GET | Method::PATCH if path.contains("/contacts/") => {
            let is_id = last.bytes().all(|byte| byte.is_ascii_digit());
            bodies::hubspot_contact(if is_id { last } else { &first })
        }
        Method::POST if path.ends_with("/composite/sobjects/Contact") => {
            let request = request();
            let ids = request["ids"].as_array().into_iter().flatten();
            ids.filter_map(|id| id.as_str().map(bodies::salesforce_contact))
                .collect()
        }
        Method::POST if path.ends_with("/composite") => bodies::salesforce_composite(&request()),
        Method::GET if path.contains("/sobjects/Contact/") => bodies::salesforce_contact(last),
        _ => {
            let message = format!("the stub does not know {method} {path}");
            return (StatusCode::NOT_FOUND, json!({ "message": message }));
        }
    };
    (StatusCode::OK, answer)
}

fn deflated(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // A `Vec` takes all that is written to it.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(method: &Method, path: &str, body: &str) -> (StatusCode, Value) {
        let answer = Answers::new().to(method, path, &Bytes::from(body.to_owned()), false);
        (
            answer.status,
            serde_json::from_slice(&answer.body).unwrap_or_default(),
        )
    }

    #[test]
    fn a_batch_read_answers_the_ids_that_were_asked_for() {
        let (status, body) = answer(
            &Method::POST,
            "/crm/objects/2026-09/contacts/batch/read",
            r#"{"inputs":[{"id":"7"},{"id":"9"}]}"#,
        );
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body["results"][0]["id"], "7");
        assert_eq!(body["results"][1]["id"], "9");
        assert!(body["results"].get(2).is_none());
    }

    #[test]
    fn a_contact_is_found_by_its_email_too() {
        let path = "/crm/objects/2026-09/contacts/ana%40example.com";
        let (status, body) = answer(&Method::PATCH, path, "{}");
        assert_eq!(status, StatusCode::OK);
        assert_eq!(body["id"], bodies::FIRST_CONTACT.to_string());
    }

    #[test]
    fn what_is_not_known_is_not_found() {
        assert_eq!(answer(&Method::GET, "/x", "").0, StatusCode::NOT_FOUND);
    }

    #[test]
    fn a_page_is_deflated_where_it_may_be() {
        let answer = Answers::new().to(
            &Method::GET,
            "/crm/objects/2026-09/companies",
            &Bytes::new(),
            true,
        );
        assert_eq!(answer.body[..2], [0x1f, 0x8b]);
        let response = answer.into_response();
        assert_eq!(response.headers()["content-encoding"], "gzip");
    }
}
