//! Many rows in one call (`salesforce.md` §3.2): read by their ids, created, changed.

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    fault::Fault,
    id,
    rows::{self, shown},
    state::{State, Writing},
};
use crate::sandbox::http::Reply;

/// The most ids of a call that reads, the most records of one that writes.
const MOST_IDS: usize = 2000;
const MOST_RECORDS: usize = 200;
/// How often the type may change from one record to the next, the first counted.
const MOST_RUNS: usize = 10;

/// The ids and the fields that a `POST` asks for.
pub(super) fn wanted_by_body(body: &Value) -> Result<(Vec<String>, Vec<String>), Fault> {
    let texts = |name: &str| -> Result<Vec<String>, Fault> {
        let list = body.get(name).filter(|list| list.is_array());
        let list = list.ok_or_else(|| missing(name))?;
        serde_json::from_value(list.clone()).map_err(|_| missing(name))
    };
    Ok((texts("ids")?, texts("fields")?))
}

/// The ids and the fields that a `GET` asks for.
pub(super) fn wanted_by_query(
    pairs: &[(String, String)],
) -> Result<(Vec<String>, Vec<String>), Fault> {
    let texts = |name: &str| -> Result<Vec<String>, Fault> {
        let pair = pairs.iter().find(|(known, _)| known == name);
        let (_, list) = pair.ok_or_else(|| missing(name))?;
        Ok(list.split(',').map(|text| text.trim().to_owned()).collect())
    };
    Ok((texts("ids")?, texts("fields")?))
}

fn missing(name: &str) -> Fault {
    Fault::unparsable(format!(
        "Required field {name} is missing at [line:1, column:1]"
    ))
}

/// One entry for each id in the order asked, null where there is no row.
pub(super) fn retrieve(
    state: &State,
    object: &str,
    ids: &[String],
    names: &[String],
    root: &str,
) -> Result<Reply, Fault> {
    let object = state.object(object).ok_or_else(Fault::not_found)?;
    if ids.len() > MOST_IDS {
        return Err(too_many(MOST_IDS));
    }
    if names.iter().all(String::is_empty) {
        return Err(missing("fields"));
    }
    let fields = rows::fields(state, object, Some(&names.join(",")))?;
    let rows: Vec<Value> = ids
        .iter()
        .map(|text| {
            let id = id::normalize(text)
                .ok_or_else(|| Fault::new(400, "MALFORMED_ID", format!("malformed id {text}")))?;
            Ok(state
                .live(&object.name, &id)
                .map_or(Value::Null, |row| shown(state, object, row, &fields, root)))
        })
        .collect::<Result<_, Fault>>()?;
    Ok(Reply::json(StatusCode::OK, &Value::Array(rows)))
}

/// `POST` and `PATCH /composite/sobjects`: 200 whatever becomes of each record.
pub(super) fn save_all(
    state: &mut State,
    body: &Value,
    creates: bool,
    writing: Writing<'_>,
) -> Result<Reply, Fault> {
    let records = body.get("records").and_then(Value::as_array);
    let records = records.ok_or_else(|| missing("records"))?;
    if records.len() > MOST_RECORDS {
        return Err(too_many(MOST_RECORDS));
    }
    let mut runs: Vec<&str> = records.iter().map(type_of).collect();
    runs.dedup();
    if runs.len() > MOST_RUNS {
        let message = format!(
            "The collection has {} runs of types; at most {MOST_RUNS} are allowed",
            runs.len()
        );
        return Err(Fault::new(400, "INVALID_TYPE", message));
    }
    let before = state.clone();
    let mut failed = false;
    let mut results: Vec<Value> = Vec::new();
    for record in records {
        match save(state, record, creates, writing) {
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

/// The code and the words are unconfirmed.
fn too_many(most: usize) -> Fault {
    let message =
        format!("record limit reached. cannot submit more than {most} records into this call");
    Fault::new(400, "EXCEEDED_ID_LIMIT", message)
}

fn type_of(record: &Value) -> &str {
    let name = record.pointer("/attributes/type").and_then(Value::as_str);
    name.unwrap_or_default()
}

fn save(
    state: &mut State,
    record: &Value,
    creates: bool,
    writing: Writing<'_>,
) -> Result<String, Fault> {
    let object = type_of(record);
    if state.object(object).is_none() {
        return Err(Fault::no_such_object(object));
    }
    let mut values = record.as_object().cloned().unwrap_or_default();
    if creates {
        return state.create(object, &values, writing);
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
    state.update(object, &id, &values, writing)?;
    Ok(id)
}
