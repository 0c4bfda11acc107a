//! Several calls in one (`salesforce.md` §3.2, §3.3): composites with references, and collections read by id.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::{
    Salesforce,
    fault::Fault,
    id,
    rows::{self, shown},
    state::State,
};
use crate::sandbox::http::Reply;

/// The most parts of a composite, and the most ids of a collection that is read.
const MOST_PARTS: usize = 25;
const MOST_IDS: usize = 2000;

/// `POST /composite`.
pub(super) fn composite(
    state: &mut State,
    body: &Value,
    root: &str,
    now: &str,
) -> Result<Reply, Fault> {
    let parts = body.get("compositeRequest").and_then(Value::as_array);
    let parts = parts.ok_or_else(|| {
        Fault::unparsable("Required field compositeRequest is missing at [line:1, column:1]")
    })?;
    if parts.is_empty() || parts.len() > MOST_PARTS {
        return Err(Fault::new(
            400,
            "PROCESSING_HALTED",
            format!(
                "The composite request has {} subrequests; 1 to {MOST_PARTS} are allowed",
                parts.len()
            ),
        ));
    }
    let all_or_none = body.get("allOrNone") == Some(&json!(true));
    let before = state.clone();
    let mut answers: Map<String, Value> = Map::new();
    let mut responses: Vec<Value> = Vec::new();
    for part in parts {
        let name = part
            .get("referenceId")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let legal = name.starts_with(|first: char| first.is_ascii_alphabetic())
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !legal || answers.contains_key(name) {
            return Err(Fault::unparsable(format!(
                "Invalid or duplicate referenceId: {name}"
            )));
        }
        let reply = one(state, part, &answers, root, now).unwrap_or_else(|fault| fault.reply());
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
        } else if all_or_none {
            *state = before;
            return Ok(Reply::json(
                StatusCode::OK,
                &rolled_back(parts, name, &answer, reply.status),
            ));
        }
        responses.push(json!({ "body": answer, "httpHeaders": headers, "httpStatusCode": reply.status.as_u16(), "referenceId": name }));
    }
    Ok(Reply::json(
        StatusCode::OK,
        &json!({ "compositeResponse": responses }),
    ))
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
    now: &str,
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
    Salesforce::answer(state, &method, root, rest, query, body, None, now)
}

/// Puts the answers of earlier parts where `@{name.path}` refers to them.
fn resolve(text: &str, answers: &Map<String, Value>) -> Result<String, Fault> {
    let mut resolved = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("@{") {
        let Some((reference, after)) = after.split_once('}') else {
            break;
        };
        let (name, path) = reference.split_once('.').unwrap_or((reference, ""));
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

/// `POST /composite/sobjects/{object}`: one entry for each id, null where there is no row.
pub(super) fn retrieve(
    state: &State,
    object: &str,
    body: &Value,
    root: &str,
) -> Result<Reply, Fault> {
    let object = state.object(object).ok_or_else(Fault::not_found)?;
    let texts = |name: &str| -> Option<Vec<&str>> {
        body.get(name)?
            .as_array()?
            .iter()
            .map(Value::as_str)
            .collect()
    };
    let ids = texts("ids")
        .ok_or_else(|| Fault::unparsable("Required field ids is missing at [line:1, column:1]"))?;
    let names = texts("fields").ok_or_else(|| {
        Fault::unparsable("Required field fields is missing at [line:1, column:1]")
    })?;
    if ids.len() > MOST_IDS {
        return Err(Fault::new(
            400,
            "EXCEEDED_ID_LIMIT",
            format!(
                "record limit reached. cannot submit more than {MOST_IDS} records into this call"
            ),
        ));
    }
    let fields = rows::fields(state, object, Some(&names.join(",")))?;
    let rows: Vec<Value> = ids
        .iter()
        .map(|text| {
            let id = id::normalize(text)
                .ok_or_else(|| Fault::new(400, "MALFORMED_ID", format!("malformed id {text}")))?;
            Ok(state
                .live(&object.name, &id)
                .map_or(Value::Null, |row| shown(object, row, &fields, root)))
        })
        .collect::<Result<_, Fault>>()?;
    Ok(Reply::json(StatusCode::OK, &Value::Array(rows)))
}

/// `POST` and `PATCH /composite/sobjects`: 200 whatever becomes of each record.
pub(super) fn save_all(
    state: &mut State,
    body: &Value,
    creates: bool,
    now: &str,
) -> Result<Reply, Fault> {
    let records = body.get("records").and_then(Value::as_array);
    let records = records.ok_or_else(|| {
        Fault::unparsable("Required field records is missing at [line:1, column:1]")
    })?;
    if records.len() > 200 {
        return Err(Fault::new(
            400,
            "EXCEEDED_ID_LIMIT",
            "record limit reached. cannot submit more than 200 records into this call",
        ));
    }
    let before = state.clone();
    let mut failed = false;
    let mut results: Vec<Value> = Vec::new();
    for record in records {
        match save(state, record, creates, now) {
            Ok(id) => results.push(json!({ "id": id, "success": true, "errors": [] })),
            Err(fault) => {
                failed = true;
                results.push(json!({ "success": false, "errors": [fault.entry()] }));
            }
        }
    }
    if failed && body.get("allOrNone") == Some(&json!(true)) {
        *state = before;
        let rolled = json!({ "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": "Record rolled back because not all records were valid and the request was using AllOrNone header", "fields": [] });
        for result in results
            .iter_mut()
            .filter(|result| result["success"] == true)
        {
            *result = json!({ "success": false, "errors": [rolled] });
        }
    }
    Ok(Reply::json(StatusCode::OK, &Value::Array(results)))
}

fn save(state: &mut State, record: &Value, creates: bool, now: &str) -> Result<String, Fault> {
    let object = record
        .pointer("/attributes/type")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned();
    let mut values = record.as_object().cloned().unwrap_or_default();
    if creates {
        return state.create(&object, &values, now);
    }
    let id = values.remove("id").or_else(|| values.remove("Id"));
    let id = id.as_ref().and_then(Value::as_str).and_then(id::normalize);
    let id = id.ok_or_else(|| {
        Fault::new(
            400,
            "MISSING_ARGUMENT",
            "Id not specified in an update call",
        )
    })?;
    state.update(&object, &id, &values, now)?;
    Ok(id)
}
