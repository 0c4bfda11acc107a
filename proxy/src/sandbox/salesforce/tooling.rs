//! The Tooling API, as far as it makes fields: `/tooling/…` (`salesforce.md` §7.2).

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    access::text, fault::Fault, id, metadata, number, route::Request, soql::Api, state::State,
};
use crate::sandbox::http::Reply;

impl Request<'_> {
    /// Answers a call below `/tooling`; its `root` ends in it.
    pub(super) fn tooling(&self, state: &mut State, segments: &[&str]) -> Result<Reply, Fault> {
        let is_field = |object: &str| object.eq_ignore_ascii_case("CustomField");
        match (self.method.as_str(), segments) {
            ("GET", ["query"]) => self.query(state, &self.pairs(), Api::Tooling, false),
            ("GET", ["query", locator]) => self.more(state, locator),
            ("POST", ["composite"]) => self.composite(state),
            ("POST", ["sobjects", object]) if is_field(object) => {
                let body = self.needed()?;
                let full_name = body.get("FullName").and_then(Value::as_str);
                let metadata = body.get("Metadata").filter(|it| it.is_object());
                let (Some(full_name), Some(metadata)) = (full_name, metadata) else {
                    let missing = if full_name.is_none() {
                        "FullName"
                    } else {
                        "Metadata"
                    };
                    let message = format!("Required fields are missing: [{missing}]");
                    return Err(
                        Fault::new(400, "REQUIRED_FIELD_MISSING", message).fields(&[missing])
                    );
                };
                let id = metadata::create_field(state, full_name, metadata, self.org.now)?;
                let saved =
                    json!({ "id": id, "success": true, "errors": [], "warnings": [], "infos": [] });
                Ok(number::json(StatusCode::CREATED, &saved))
            }
            (method, ["sobjects", object, id]) if is_field(object) => {
                let id = id::normalize(id).ok_or_else(|| Fault::no_external_id(id))?;
                match method {
                    "GET" => self.tooling_row(state, &id),
                    "PATCH" => {
                        let metadata = self.needed()?.get("Metadata").filter(|it| it.is_object());
                        let metadata = metadata.ok_or_else(Fault::no_body)?;
                        metadata::redefine_field(state, &id, metadata, self.org.now)?;
                        Ok(Reply::empty(StatusCode::NO_CONTENT))
                    }
                    "DELETE" => {
                        metadata::delete_field(state, &id, self.org.now)?;
                        Ok(Reply::empty(StatusCode::NO_CONTENT))
                    }
                    other => Err(Fault::not_allowed(other, "DELETE,GET,HEAD,PATCH")),
                }
            }
            // That objects can be made here is not documented, and people report that they cannot.
            (method, ["sobjects", object, ..]) if object.eq_ignore_ascii_case("CustomObject") => {
                Err(Fault::not_allowed(method, "GET,HEAD"))
            }
            _ => Err(Fault::not_found()),
        }
    }

    fn tooling_row(&self, state: &State, id: &str) -> Result<Reply, Fault> {
        let row = state.live("CustomField", id).ok_or_else(Fault::not_found)?;
        let object = state
            .tooling_object("CustomField")
            .ok_or_else(Fault::not_found)?;
        let url = format!("{}/sobjects/CustomField/{id}", self.root);
        let mut shown = Map::new();
        shown.insert(
            "attributes".to_owned(),
            json!({ "type": "CustomField", "url": url }),
        );
        for field in &object.fields {
            shown.insert(
                field.name.clone(),
                row.get(&field.name).cloned().unwrap_or_default(),
            );
        }
        shown.insert("FullName".to_owned(), json!(text(row, "FullName")));
        Ok(number::json(StatusCode::OK, &Value::Object(shown)))
    }
}
