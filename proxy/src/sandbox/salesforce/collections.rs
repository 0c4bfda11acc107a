//! Many rows in one call (`salesforce.md` §3.2): read by their ids, created, changed, deleted.

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    fault::Fault,
    id, keys,
    rows::{self, shown},
    schema::{Field, Object},
    state::State,
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
    Ok((listed(pairs, "ids")?, listed(pairs, "fields")?))
}

/// A comma list of the query string.
fn listed(pairs: &[(String, String)], name: &str) -> Result<Vec<String>, Fault> {
    let pair = pairs.iter().find(|(known, _)| known == name);
    let (_, list) = pair.ok_or_else(|| missing(name))?;
    Ok(list.split(',').map(|text| text.trim().to_owned()).collect())
}

fn malformed(id: &str) -> Fault {
    Fault::new(400, "MALFORMED_ID", format!("malformed id {id}"))
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
            let id = id::normalize(text).ok_or_else(|| malformed(text))?;
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
    let each = |state: &mut State, record: &Value| {
        let id = save(state, record, creates, now)?;
        Ok(json!({ "id": id, "success": true, "errors": [] }))
    };
    let all_or_none = body.get("allOrNone") == Some(&json!(true));
    Ok(one_by_one(state, records, all_or_none, each))
}

/// `PATCH /composite/sobjects/X/{field}`: each record has the value that finds its row.
pub(super) fn upsert_all(
    state: &mut State,
    (object, field): (&str, &str),
    body: &Value,
    now: &str,
) -> Result<Reply, Fault> {
    let object = state.object(object).ok_or_else(Fault::not_found)?.clone();
    let field = keys::field(state, &object, field)?;
    let records = body.get("records").and_then(Value::as_array);
    let records = records.ok_or_else(|| missing("records"))?;
    if records.len() > MOST_RECORDS {
        return Err(too_many(MOST_RECORDS));
    }
    let each = |state: &mut State, record: &Value| upsert(state, &object, &field, record, now);
    let all_or_none = body.get("allOrNone") == Some(&json!(true));
    Ok(one_by_one(state, records, all_or_none, each))
}

/// `DELETE /composite/sobjects?ids=…`: rows of any types.
pub(super) fn delete_all(
    state: &mut State,
    pairs: &[(String, String)],
    now: &str,
) -> Result<Reply, Fault> {
    let ids = listed(pairs, "ids")?;
    if ids.len() > MOST_RECORDS {
        return Err(too_many(MOST_RECORDS));
    }
    let all_or_none = pairs.contains(&("allOrNone".to_owned(), "true".to_owned()));
    let ids: Vec<Value> = ids.into_iter().map(Value::String).collect();
    let each = |state: &mut State, id: &Value| {
        let text = id.as_str().unwrap_or_default();
        let id = id::normalize(text).ok_or_else(|| malformed(text))?;
        let objects = state.schema.values();
        let object = objects
            .filter(|object| id.starts_with(&object.prefix))
            .map(|object| object.name.clone())
            .next();
        // That an id of an object which is not there is malformed is unconfirmed.
        state.delete(&object.ok_or_else(|| malformed(text))?, &id, now)?;
        Ok(json!({ "id": id, "success": true, "errors": [] }))
    };
    Ok(one_by_one(state, &ids, all_or_none, each))
}

/// Does `each`, and tells of every input what became of it: 200, whatever that is.
fn one_by_one(
    state: &mut State,
    inputs: &[Value],
    all_or_none: bool,
    each: impl Fn(&mut State, &Value) -> Result<Value, Fault>,
) -> Reply {
    let before = state.clone();
    let mut failed = false;
    let mut results: Vec<Value> = Vec::new();
    for input in inputs {
        results.push(each(state, input).unwrap_or_else(|fault| {
            failed = true;
            json!({ "success": false, "errors": [fault.entry()] })
        }));
    }
    if failed && all_or_none {
        *state = before;
        let rolled = json!({ "statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK", "message": "Record rolled back because not all records were valid and the request was using AllOrNone header", "fields": [] });
        for result in results
            .iter_mut()
            .filter(|result| result["success"] == true)
        {
            *result = json!({ "success": false, "errors": [rolled] });
        }
    }
    Reply::json(StatusCode::OK, &Value::Array(results))
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

fn save(state: &mut State, record: &Value, creates: bool, now: &str) -> Result<String, Fault> {
    let object = type_of(record);
    if state.object(object).is_none() {
        return Err(Fault::no_such_object(object));
    }
    let mut values = record.as_object().cloned().unwrap_or_default();
    if creates {
        return state.create(object, &values, now);
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
    state.update(object, &id, &values, now)?;
    Ok(id)
}

/// Codes of records that cannot be upserted are SOAP's (unconfirmed here), the words are ours.
fn upsert(
    state: &mut State,
    object: &Object,
    field: &Field,
    record: &Value,
    now: &str,
) -> Result<Value, Fault> {
    if !type_of(record).eq_ignore_ascii_case(&object.name) {
        let message = format!("The records of this call are of {} only", object.name);
        return Err(Fault::new(400, "INVALID_TYPE", message));
    }
    let mut values = record.as_object().cloned().unwrap_or_default();
    let named = values
        .keys()
        .find(|name| name.eq_ignore_ascii_case(&field.name))
        .cloned();
    let value = named
        .and_then(|name| values.remove(&name))
        .and_then(|value| value.as_str().map(str::to_owned))
        .filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| {
        let message = format!("{} not specified", field.name);
        Fault::new(400, "MISSING_ARGUMENT", message).fields(&[&field.name])
    })?;
    let (id, created) = match keys::matches(state, object, field, &value).as_slice() {
        [] => {
            values.insert(field.name.clone(), json!(value));
            (state.create(&object.name, &values, now)?, true)
        }
        [id] => {
            state.update(&object.name, id, &values, now)?;
            (id.clone(), false)
        }
        many => {
            let message = format!(
                "{}: more than one record found for external id field: [{}]",
                field.name,
                many.join(", ")
            );
            return Err(Fault::new(400, "DUPLICATE_EXTERNAL_ID", message));
        }
    };
    Ok(json!({ "id": id, "success": true, "errors": [], "created": created }))
}
