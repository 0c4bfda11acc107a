//! Owners: read-only here, with the archived ones in a list of their own.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::Ask;
use super::fault::Fault;
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
    user_id: u64,
    archived: bool,
    teams: Vec<Value>,
    created_at: String,
    updated_at: String,
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
            ("type", json!("PERSON")),
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
            owner.user_id.to_string()
        } else {
            owner.id.clone()
        };
        own == id && owner.archived == archived
    });
    let owner = found.ok_or_else(Fault::not_found)?;
    Ok(Reply::json(StatusCode::OK, &owner.to_json()))
}
