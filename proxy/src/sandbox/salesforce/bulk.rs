//! `fill` and `records` of this org (see the sandbox's `bulk.rs`). Objects have Salesforce's names, without regard to
//! case; `contacts`, `accounts`, `leads`, `opportunities` and `users` are understood.

use serde_json::{Map, Value, json};

use super::{
    access::text,
    stamp,
    state::{Row, Span, State, Writing, is_deleted},
};
use crate::sandbox::bulk::{self, Dump, Fill, firm, person};

/// Makes rows that differ from one written by the rules only in names, addresses and times.
pub(super) fn fill(state: &mut State, body: &Value, now_ms: i64) -> Result<Value, String> {
    let fill = Fill::read(body)?;
    let accounts = rows(
        state,
        "Account",
        fill.accounts,
        &fill,
        now_ms,
        |number, _| {
            let firm = firm(number);
            json!({
                "Name": firm.name, "Website": format!("https://{}", firm.domain), "BillingCity": firm.city,
            })
        },
    )?;
    let contacts = rows(
        state,
        "Contact",
        fill.contacts,
        &fill,
        now_ms,
        |number, position| {
            let person = person(number);
            let mut values = json!({
                "FirstName": person.first_name, "LastName": person.last_name, "Email": person.email, "Phone": person.phone,
            });
            if fill.linked {
                let account = usize::try_from(position % fill.accounts).unwrap_or_default();
                values["AccountId"] = json!(accounts.get(account));
            }
            values
        },
    )?;
    let made =
        |ids: &[String]| json!({ "made": ids.len(), "first": ids.first(), "last": ids.last() });
    Ok(json!({ "accounts": made(&accounts), "contacts": made(&contacts) }))
}

/// So many rows of an object; the answer is their ids.
fn rows(
    state: &mut State,
    object: &str,
    count: u64,
    fill: &Fill,
    now_ms: i64,
    values: impl Fn(u64, u64) -> Value,
) -> Result<Vec<String>, String> {
    let mut ids: Vec<String> = Vec::new();
    let mut first: Option<Row> = None;
    for position in 0..count {
        let at = jiff::Timestamp::from_millisecond(fill.time(position, count, now_ms));
        let at = stamp::seconds(at.map_err(|e| e.to_string())?);
        let number = state.take_number();
        let values = values(number, position);
        let values: Map<String, Value> = values.as_object().cloned().unwrap_or_default();
        let id = if let Some(first) = &first {
            let mut row = first.clone();
            row.extend(values);
            for name in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
                row.insert(name.to_owned(), json!(at));
            }
            state.put_new(object, row)
        } else {
            // By the rules, so that every row has what they give one.
            let id = state
                .create(object, &values, Writing::at(&at))
                .map_err(|fault| format!("{object}: {}", fault.body))?;
            first = state.row(object, &id).cloned();
            id
        };
        ids.push(id);
    }
    Ok(ids)
}

/// A page of all rows of an object by id, those in the recycle bin too.
pub(super) fn records(state: &State, asked: &[(String, String)]) -> Result<Value, String> {
    let dump = Dump::read(asked)?;
    let name = match dump.object.as_str() {
        "accounts" | "companies" => "Account",
        "contacts" => "Contact",
        "leads" => "Lead",
        "opportunities" => "Opportunity",
        "users" => "User",
        other => other,
    };
    let object = state
        .any_object(name)
        .ok_or_else(|| format!("object: there is no {name}"))?;
    let ids = Span {
        from: dump.after.clone(),
        to: None,
    };
    let mut rows = state
        .table_within(&object.name, ids)
        .filter(|(id, _)| dump.after.as_deref() != Some(*id));
    let page: Vec<Value> = rows
        .by_ref()
        .take(dump.limit)
        .map(|(id, row)| {
            let fields = row.iter().filter(|(name, _)| dump.wants(name));
            let fields: Map<String, Value> = fields
                .map(|(name, value)| (name.clone(), value.clone()))
                .collect();
            json!({
                "id": id,
                "deleted": is_deleted(row),
                "created_at": text(row, "CreatedDate"),
                "updated_at": text(row, "SystemModstamp"),
                "fields": fields,
            })
        })
        .collect();
    Ok(bulk::page(
        &page,
        rows.next().is_some(),
        state.size(&object.name),
    ))
}
