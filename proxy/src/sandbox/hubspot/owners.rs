//! Owners: read-only here, with the archived ones in a list of their own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::fault::Fault;
use crate::sandbox::clock::iso_ms;
use crate::sandbox::http::Reply;

const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 500;

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Owner {
    pub(super) id: String,
    email: String,
    first_name: String,
    last_name: String,
    /// Queues have no person behind.
    user_id: Option<u64>,
    #[serde(default = "person", rename = "type")]
    kind: String,
    archived: bool,
    teams: Vec<Value>,
    created_at: String,
    updated_at: String,
}

fn person() -> String {
    "PERSON".to_owned()
}

impl Owner {
    fn to_json(&self) -> Value {
        let mut body = Map::new();
        let user_id = if self.archived {
            Value::Null
        } else {
            json!(self.user_id)
        };
        let fields = [
            ("id", json!(self.id)),
            ("email", json!(self.email)),
            ("type", json!(self.kind)),
            ("firstName", json!(self.first_name)),
            ("lastName", json!(self.last_name)),
            ("userId", user_id),
            ("userIdIncludingInactive", json!(self.user_id)),
            ("createdAt", json!(self.created_at)),
            ("updatedAt", json!(self.updated_at)),
            ("archived", json!(self.archived)),
        ];
        body.extend(fields.map(|(name, value)| (name.to_owned(), value)));
        if !self.teams.is_empty() {
            body.insert("teams".to_owned(), json!(self.teams));
        }
        Value::Object(body)
    }
}

pub(super) fn list(owners: &[Owner], ask: &Ask<'_>) -> Result<Reply, Fault> {
    let limit = ask.limit(DEFAULT_LIMIT, MAX_LIMIT)?;
    let archived = ask.flag("archived")?;
    let from = match ask.param("after") {
        None => 0,
        Some(after) => position(after)
            .ok_or_else(|| Fault::validation(format!("after: {after} is not a cursor")))?,
    };
    let email = ask.param("email");
    let fits = |owner: &&Owner| {
        owner.archived == archived
            && email.is_none_or(|email| owner.email.eq_ignore_ascii_case(email))
    };
    let mut page: Vec<(u64, &Owner)> = owners
        .iter()
        .filter(fits)
        .filter_map(|owner| Some((owner.id.parse().ok()?, owner)))
        .filter(|(id, _)| *id >= from)
        .collect();
    page.sort_by_key(|(id, _)| *id);
    let next = page
        .get(limit)
        .map(|(id, _)| STANDARD.encode(id.to_string()));
    let results: Vec<Value> = page
        .into_iter()
        .take(limit)
        .map(|(_, owner)| owner.to_json())
        .collect();
    let mut body = json!({ "results": results });
    if let Some(after) = next {
        body["paging"] = json!({ "next": { "after": after, "link": format!("?after={after}") } });
    }
    Ok(Reply::json(StatusCode::OK, &body))
}

/// The cursor is the base64 of the next id.
fn position(after: &str) -> Option<u64> {
    let bytes = STANDARD.decode(after).ok()?;
    std::str::from_utf8(&bytes).ok()?.parse().ok()
}

pub(super) fn get(owners: &[Owner], ask: &Ask<'_>, id: &str) -> Result<Reply, Fault> {
    let archived = ask.flag("archived")?;
    let by_user = match ask.param("idProperty") {
        None | Some("id") => false,
        Some("userId") => true,
        Some(other) => {
            return Err(Fault::validation(format!(
                "idProperty: expected id or userId, but was {other}"
            )));
        }
    };
    let found = owners.iter().find(|owner| {
        let own = if by_user {
            owner.user_id.map(|user| user.to_string())
        } else {
            Some(owner.id.clone())
        };
        own.as_deref() == Some(id) && owner.archived == archived
    });
    let owner = found.ok_or_else(Fault::not_found)?;
    Ok(Reply::json(StatusCode::OK, &owner.to_json()))
}

/// Adds invented owners; the answer is their ids.
pub(super) fn add(owners: &mut Vec<Owner>, count: usize, now: i64) -> Vec<String> {
    let highest = owners
        .iter()
        .filter_map(|owner| owner.id.parse::<u64>().ok());
    let first = highest.max().unwrap_or_default() + 1;
    let ids: Vec<u64> = (first..).take(count).collect();
    owners.extend(ids.iter().map(|id| Owner {
        id: id.to_string(),
        email: format!("owner.{id}@crosswalk-demo.example"),
        first_name: "Owner".to_owned(),
        last_name: id.to_string(),
        // Another number than the id, as in a real account.
        user_id: Some(9_600_000 + id),
        kind: person(),
        archived: false,
        teams: Vec::new(),
        created_at: iso_ms(now),
        updated_at: iso_ms(now),
    }));
    ids.iter().map(u64::to_string).collect()
}

/// Makes an owner an archived one.
pub(super) fn archive(owners: &mut [Owner], id: &str, now: i64) -> Option<()> {
    let owner = owners.iter_mut().find(|owner| owner.id == id)?;
    owner.archived = true;
    owner.updated_at = iso_ms(now);
    Some(())
}
