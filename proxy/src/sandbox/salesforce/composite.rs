//! Several calls in one, in order, later ones referring to answers of earlier ones (`salesforce.md` §3.3).

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    fault::Fault,
    number,
    route::{Context, Request},
    state::State,
};
use crate::sandbox::http::Reply;

/// The most parts, and the most of them that are queries or collections.
const MOST_PARTS: usize = 25;
const MOST_QUERIES: usize = 5;

/// `POST /composite`.
pub(super) fn composite(
    state: &mut State,
    body: &Value,
    root: &str,
    org: Context<'_>,
) -> Result<Reply, Fault> {
    let parts = body.get("compositeRequest").and_then(Value::as_array);
    let parts = parts.ok_or_else(|| {
        Fault::unparsable("Required field compositeRequest is missing at [line:1, column:1]")
    })?;
    check(parts, root)?;
    let all_or_none = body.get("allOrNone") == Some(&json!(true));
    // Shares the rows until a part writes them, which then costs a copy of the object's.
    let before = all_or_none.then(|| state.clone());
    let mut answers: Map<String, Value> = Map::new();
    let mut responses: Vec<Value> = Vec::new();
    for part in parts {
        let name = reference_id(part);
        let reply = one(state, part, &answers, root, org).unwrap_or_else(|fault| fault.reply());
        // A 204 has no body: null.
        let answer: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        let headers: Map<String, Value> = reply
            .headers
            .get("location")
            .and_then(|location| location.to_str().ok())
            .map(|location| ("Location".to_owned(), json!(location)))
            .into_iter()
            .collect();
        if reply.status.is_success() {
            answers.insert(name.to_owned(), answer.clone());
        } else if let Some(before) = before {
            *state = before;
            return Ok(number::json(
                StatusCode::OK,
                &rolled_back(parts, name, &answer, reply.status),
            ));
        }
        responses.push(json!({ "body": answer, "httpHeaders": headers, "httpStatusCode": reply.status.as_u16(), "referenceId": name }));
    }
    Ok(number::json(
        StatusCode::OK,
        &json!({ "compositeResponse": responses }),
    ))
}

/// What is wrong with the whole, before any part is carried out. Codes and words of these refusals are unconfirmed.
fn check(parts: &[Value], root: &str) -> Result<(), Fault> {
    let refused = |message: String| Err(Fault::new(400, "PROCESSING_HALTED", message));
    if parts.is_empty() || parts.len() > MOST_PARTS {
        return refused(format!(
            "The composite request has {} subrequests; 1 to {MOST_PARTS} are allowed",
            parts.len()
        ));
    }
    let queries = parts.iter().filter(|part| is_query(part, root)).count();
    if queries > MOST_QUERIES {
        return refused(format!(
            "The composite request has {queries} query and collection subrequests; at most {MOST_QUERIES} are allowed"
        ));
    }
    let mut names = BTreeSet::new();
    for part in parts {
        let name = reference_id(part);
        let legal = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !legal || !names.insert(name) {
            return Err(Fault::unparsable(format!(
                "Invalid or duplicate referenceId: {name}"
            )));
        }
    }
    Ok(())
}

fn reference_id(part: &Value) -> &str {
    part.get("referenceId")
        .and_then(Value::as_str)
        .unwrap_or_default()
}

fn is_query(part: &Value, root: &str) -> bool {
    let url = part.get("url").and_then(Value::as_str).unwrap_or_default();
    let path = url.split('?').next().unwrap_or_default();
    let mut steps = path
        .strip_prefix(root)
        .unwrap_or_default()
        .split('/')
        .skip(1);
    match steps.next() {
        Some("query" | "queryAll") => true,
        Some("composite") => steps.next() == Some("sobjects"),
        _ => false,
    }
}

fn rolled_back(parts: &[Value], failed: &str, answer: &Value, status: StatusCode) -> Value {
    let halted = json!([{ "errorCode": "PROCESSING_HALTED", "message": "The transaction was rolled back since another operation in the same transaction failed." }]);
    let responses: Vec<Value> = parts
        .iter()
        .map(|part| {
            let is_failed = part["referenceId"] == failed;
            let (body, status) = if is_failed { (answer.clone(), status.as_u16()) } else { (halted.clone(), 400) };
            json!({ "body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": part["referenceId"] })
        })
        .collect();
    json!({ "compositeResponse": responses })
}

fn one(
    state: &mut State,
    part: &Value,
    answers: &Map<String, Value>,
    root: &str,
    org: Context<'_>,
) -> Result<Reply, Fault> {
    let url = part.get("url").and_then(Value::as_str).unwrap_or_default();
    let url = resolve(url, answers)?;
    let body = part
        .get("body")
        .map(|body| resolve_all(body, answers))
        .transpose()?;
    let method = part
        .get("method")
        .and_then(Value::as_str)
        .unwrap_or_default();
    let method =
        Method::from_bytes(method.as_bytes()).map_err(|_| Fault::unparsable("Invalid method"))?;
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let rest = path.strip_prefix(root).ok_or_else(Fault::not_found)?;
    if matches!(rest.trim_matches('/'), "composite" | "composite/batch") {
        return Err(Fault::not_found());
    }
    let headers = headers(part)?;
    Request {
        method,
        root,
        rest,
        query,
        body,
        org: Context {
            headers: &headers,
            ..org
        },
    }
    .handle(state)
}

/// A part's own headers; those of the whole are not its. That three of them are refused is documented, the words are not.
fn headers(part: &Value) -> Result<HeaderMap, Fault> {
    let mut headers = HeaderMap::new();
    let named = part.get("httpHeaders").and_then(Value::as_object);
    for (name, value) in named.into_iter().flatten() {
        let known = HeaderName::from_bytes(name.as_bytes()).ok();
        let value = value.as_str().and_then(|it| HeaderValue::from_str(it).ok());
        let (Some(known), Some(value)) = (known, value) else {
            return Err(Fault::unparsable(format!("Invalid header: {name}")));
        };
        if matches!(known.as_str(), "accept" | "authorization" | "content-type") {
            let message = format!("The header {name} is not allowed in a subrequest");
            return Err(Fault::new(400, "INVALID_HEADER", message));
        }
        headers.insert(known, value);
    }
    Ok(headers)
}

/// Puts the answers of earlier parts where `@{name.path}` refers to them.
fn resolve(text: &str, answers: &Map<String, Value>) -> Result<String, Fault> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((reference, after)) = after.split_once('}') else {
            break;
        };
        let end = reference.find(['.', '[']).unwrap_or(reference.len());
        let (name, path) = reference.split_at(end);
        let value = answers.get(name).and_then(|answer| at(answer, path));
        let value = value.ok_or_else(|| {
            Fault::new(
                400,
                "PROCESSING_HALTED",
                format!("Invalid reference specified. No value for {reference} found in {name}"),
            )
        })?;
        resolved.push_str(before);
        resolved.push_str(
            &value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned),
        );
        rest = after;
    }
    resolved.push_str(rest);
    Ok(resolved)
}

fn resolve_all(body: &Value, answers: &Map<String, Value>) -> Result<Value, Fault> {
    Ok(match body {
        Value::String(text) => json!(resolve(text, answers)?),
        Value::Array(values) => Value::Array(
            values
                .iter()
                .map(|value| resolve_all(value, answers))
                .collect::<Result<_, _>>()?,
        ),
        Value::Object(members) => {
            let members = members
                .iter()
                .map(|(name, value)| Ok((name.clone(), resolve_all(value, answers)?)));
            Value::Object(members.collect::<Result<_, Fault>>()?)
        }
        other => other.clone(),
    })
}

/// `records[0].Id` in an answer.
fn at<'v>(answer: &'v Value, path: &str) -> Option<&'v Value> {
    path.split(['.', '[', ']'])
        .filter(|step| !step.is_empty())
        .try_fold(answer, |value, step| {
            step.parse::<usize>()
                .map_or_else(|_| value.get(step), |index| value.get(index))
        })
}
