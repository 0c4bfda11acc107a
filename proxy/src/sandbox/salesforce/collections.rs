//! Many rows in one call (`salesforce.md` §3.2): read by their ids, created, changed.

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    fault::Fault,
    id, number,
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
    Ok(number::json(StatusCode::OK, &Value::Array(rows)))
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
    let all_or_none = body.get("allOrNone") == Some(&json!(true));
    Ok(each(state, records, all_or_none, |state, record| {
        save(state, record, creates, writing).map(|id| (id, None))
    }))
}

/// `PATCH /composite/sobjects/X/Field__c`: creates or changes by an external id that stands in each record.
pub(super) fn upsert_all(
    state: &mut State,
    object: &str,
    key: &str,
    body: &Value,
    writing: Writing<'_>,
) -> Result<Reply, Fault> {
    let records = body.get("records").and_then(Value::as_array);
    let records = records.ok_or_else(|| missing("records"))?;
    if records.len() > MOST_RECORDS {
        return Err(too_many(MOST_RECORDS));
    }
    let object = state.object(object).ok_or_else(Fault::not_found)?.clone();
    let key = rows::key(state, &object, key)?.clone();
    let all_or_none = body.get("allOrNone") == Some(&json!(true));
    Ok(each(state, records, all_or_none, |state, record| {
        if !type_of(record).eq_ignore_ascii_case(&object.name) {
            let message = format!("The records of this call are of {} only", object.name);
            return Err(Fault::new(400, "INVALID_TYPE", message));
        }
        let mut values = record.as_object().cloned().unwrap_or_default();
        let named = values
            .keys()
            .find(|name| name.eq_ignore_ascii_case(&key.name))
            .cloned();
        let value = named.and_then(|name| values.shift_remove(&name));
        let text = match &value {
            Some(Value::String(text)) if !text.is_empty() => text.clone(),
            Some(Value::Number(number)) => number.to_string(),
            _ => {
                let message = format!("{} not specified", key.name);
                return Err(Fault::new(400, "MISSING_ARGUMENT", message));
            }
        };
        match rows::matches(state, &object, &key, &text).as_slice() {
            [] if key.ty == "id" => Err(state.gone(&object.name, &text)),
            [] => {
                values.insert(key.name.clone(), value.unwrap_or_default());
                let id = state.create(&object.name, &values, writing)?;
                Ok((id, Some(true)))
            }
            [id] => {
                state.update(&object.name, id, &values, writing)?;
                Ok((id.clone(), Some(false)))
            }
            // The code is that of SOAP (unconfirmed here).
            _ => Err(Fault::new(
                400,
                "DUPLICATE_EXTERNAL_ID",
                format!(
                    "{}: more than one record found for external id field",
                    key.name
                ),
            )),
        }
    }))
}

/// `DELETE /composite/sobjects?ids=a,b`
pub(super) fn delete_all(
    state: &mut State,
    pairs: &[(String, String)],
    now: &str,
) -> Result<Reply, Fault> {
    let value = |name: &str| pairs.iter().find(|(known, _)| known == name);
    let (_, ids) = value("ids").ok_or_else(|| missing("ids"))?;
    let ids: Vec<Value> = ids.split(',').map(|id| json!(id.trim())).collect();
    if ids.len() > MOST_RECORDS {
        return Err(too_many(MOST_RECORDS));
    }
    let all_or_none = value("allOrNone").is_some_and(|(_, flag)| flag == "true");
    Ok(each(state, &ids, all_or_none, |state, id| {
        let text = id.as_str().unwrap_or_default();
        let id = id::normalize(text)
            .ok_or_else(|| Fault::new(400, "MALFORMED_ID", format!("malformed id {text}")))?;
        let object = state
            .schema
            .values()
            .find(|object| !object.prefix.is_empty() && id.starts_with(&object.prefix))
            .map(|object| object.name.clone())
            .ok_or_else(Fault::not_found)?;
        state.delete(&object, &id, now)?;
        Ok((id, None))
    }))
}

/// Writes one after the other; answers what became of each, and whether it was created where that is told.
fn each(
    state: &mut State,
    records: &[Value],
    all_or_none: bool,
    mut write: impl FnMut(&mut State, &Value) -> Result<(String, Option<bool>), Fault>,
) -> Reply {
    let before = all_or_none.then(|| state.clone());
    let mut failed = false;
    let mut results: Vec<Value> = Vec::new();
    for record in records {
        match write(state, record) {
            Ok((id, created)) => {
                let mut result = json!({ "id": id, "success": true, "errors": [] });
                if let Some(created) = created {
                    result["created"] = json!(created);
                }
                results.push(result);
            }
            Err(fault) => {
                failed = true;
                results.push(json!({ "success": false, "errors": [fault.entry()] }));
            }
        }
    }
    if let Some(before) = before.filter(|_| failed) {
        *state = before;
        let rolled = json!({ "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": "Record rolled back because not all records were valid and the request was using AllOrNone header", "fields": [] });
        for result in results
            .iter_mut()
            .filter(|result| result["success"] == true)
        {
            *result = json!({ "success": false, "errors": [rolled] });
        }
    }
    number::json(StatusCode::OK, &Value::Array(results))
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
