//! Several calls that know nothing of each other: `POST /composite/batch` (`salesforce.md` §3.3).

use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};

use super::{
    fault::Fault,
    number,
    route::{Context, Request},
    state::State,
    versioned,
};
use crate::sandbox::http::Reply;

/// The most parts.
const MOST_PARTS: usize = 25;

/// How many calls a batch counts as.
pub(super) fn count(body: Option<&Value>) -> u64 {
    let parts = body.map_or(0, |body| parts(body).len());
    u64::try_from(parts).unwrap_or(u64::MAX)
}

fn parts(body: &Value) -> &[Value] {
    let parts = body.get("batchRequests").and_then(Value::as_array);
    parts.map_or(&[], Vec::as_slice)
}

pub(super) fn batch(state: &mut State, body: &Value, org: Context<'_>) -> Result<Reply, Fault> {
    let parts = parts(body);
    if parts.is_empty() || parts.len() > MOST_PARTS {
        // Code and words are unconfirmed.
        let message = format!(
            "The batch has {} subrequests; 1 to {MOST_PARTS} are allowed",
            parts.len()
        );
        return Err(Fault::new(400, "PROCESSING_HALTED", message));
    }
    let halts = body.get("haltOnError") == Some(&json!(true));
    let mut failed = false;
    let mut results: Vec<Value> = Vec::new();
    for part in parts {
        let reply = if failed && halts {
            let message = "Batch processing halted per request";
            Fault::new(412, "BATCH_PROCESSING_HALTED", message).reply()
        } else {
            one(state, part, org).unwrap_or_else(|fault| fault.reply())
        };
        failed |= !reply.status.is_success();
        let result: Value = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
        results.push(json!({ "statusCode": reply.status.as_u16(), "result": result }));
    }
    let answer = json!({ "hasErrors": failed, "results": results });
    Ok(number::json(StatusCode::OK, &answer))
}

fn one(state: &mut State, part: &Value, org: Context<'_>) -> Result<Reply, Fault> {
    let text = |name: &str| part.get(name).and_then(Value::as_str).unwrap_or_default();
    let method = Method::from_bytes(text("method").as_bytes())
        .map_err(|_| Fault::unparsable("Invalid method"))?;
    // `v59.0/sobjects/…`; whole paths are taken as well.
    let url = text("url").trim_start_matches('/');
    let url = url.strip_prefix("services/data/").unwrap_or(url);
    let url = format!("/services/data/{url}");
    let (path, query) = url.split_once('?').unwrap_or((&url, ""));
    let (_, rest) = versioned(path).ok_or_else(Fault::not_found)?;
    if rest.starts_with("/composite") {
        return Err(Fault::not_found());
    }
    let headers = HeaderMap::new();
    Request {
        method,
        root: &path[..path.len() - rest.len()],
        rest,
        query,
        body: part.get("richInput").cloned(),
        org: Context {
            headers: &headers,
            ..org
        },
    }
    .handle(state)
}
