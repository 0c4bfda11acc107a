//! `fill`, `churn` and `records` of this org (see the sandbox's `bulk.rs`). Objects have Salesforce's names, without regard to
//! case; `contacts`, `accounts`, `leads`, `opportunities` and `users` are understood.

use serde_json::{Map, Value, json};

use super::{
    access::text,
    fault::Fault,
    stamp,
    state::{Row, Span, State, Writing, is_deleted},
};
use crate::sandbox::bulk::{self, Churn, Dump, Fill, city, firm, person, phone};

/// Makes rows that differ from one written by the rules only in names, addresses and times.
pub(super) fn fill(state: &mut State, body: &Value, now_ms: i64) -> Result<Value, String> {
    let fill = Fill::read(body)?;
    let accounts = rows(state, "Account", fill.accounts, &fill, now_ms, &[])?;
    let linked: &[String] = if fill.linked { &accounts } else { &[] };
    let contacts = rows(state, "Contact", fill.contacts, &fill, now_ms, linked)?;
    let made =
        |ids: &[String]| json!({ "made": ids.len(), "first": ids.first(), "last": ids.last() });
    Ok(json!({ "accounts": made(&accounts), "contacts": made(&contacts) }))
}

/// The values of an account or a contact of a number.
fn invented(object: &str, number: u64) -> Map<String, Value> {
    let values = if object == "Account" {
        let firm = firm(number);
        json!({ "Name": firm.name, "Website": format!("https://{}", firm.domain), "BillingCity": firm.city })
    } else {
        let person = person(number);
        json!({
            "FirstName": person.first_name, "LastName": person.last_name, "Email": person.email, "Phone": person.phone,
        })
    };
    values.as_object().cloned().unwrap_or_default()
}

/// So many rows of an object, given the accounts in turn; the answer is their ids.
fn rows(
    state: &mut State,
    object: &str,
    count: u64,
    fill: &Fill,
    now_ms: i64,
    accounts: &[String],
) -> Result<Vec<String>, String> {
    let mut ids: Vec<String> = Vec::new();
    let mut first: Option<Row> = None;
    for position in 0..count {
        let at = jiff::Timestamp::from_millisecond(fill.time(position, count, now_ms));
        let at = stamp::seconds(at.map_err(|e| e.to_string())?);
        let number = state.take_number();
        let mut values = invented(object, number);
        if let Some(account) = accounts.get(ids.len() % accounts.len().max(1)) {
            values.insert("AccountId".to_owned(), json!(account));
        }
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

/// Changes rows as others do, by the rules for single writes.
pub(super) fn churn(state: &mut State, body: &Value, now: &str) -> Result<Value, String> {
    let churn = Churn::read(body)?;
    let is_of_accounts = churn.is_of_accounts()?;
    let object = if is_of_accounts { "Account" } else { "Contact" };
    let told = |fault: Fault| format!("{object}: {}", fault.body);
    let live = state.table(object).filter(|(_, row)| !is_deleted(row));
    let chosen = churn.choose(live.map(|(id, _)| id.to_owned()).collect());
    for (position, id) in chosen.updates.iter().enumerate() {
        let number = churn.number(position);
        let (name, value) = if is_of_accounts {
            ("BillingCity", city(number).to_owned())
        } else {
            ("Phone", phone(number))
        };
        let values = Map::from_iter([(name.to_owned(), json!(value))]);
        let written = state.update(object, id, &values, Writing::at(now));
        written.map_err(told)?;
    }
    for id in &chosen.deletes {
        state.delete(object, id, now).map_err(told)?;
    }
    let mut created = Vec::new();
    for _ in 0..churn.creates {
        let values = invented(object, state.take_number());
        let id = state.create(object, &values, Writing::at(now));
        created.push(id.map_err(told)?);
    }
    Ok(json!({ "created": created, "updated": chosen.updates, "deleted": chosen.deletes }))
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
