//! What the reference says of the real API, asserted without a socket; `socket.rs` has the one test with one.

use bytes::Bytes;
use http::{HeaderMap, Method};
use serde_json::{Value, json};

use super::*;

mod auth;
mod batches;
mod bulk;
mod consent;
mod custom;
mod definitions;
mod gone;
mod links;
mod notes;
mod pipelines;
mod rows;
mod sales;
mod scopes;
mod searches;
mod socket;
mod writes;

const COMPANIES: &str = "/crm/v3/objects/companies";
const CONTACTS: &str = "/crm/v3/objects/contacts";
const DEALS: &str = "/crm/v3/objects/deals";
const LEADS: &str = "/crm/v3/objects/leads";
const NOTES: &str = "/crm/v3/objects/notes";

/// A sandbox and the private app token.
struct Hub(HubSpot);

impl Hub {
    fn sample() -> Self {
        Self(HubSpot::new(Options::default()))
    }

    fn empty() -> Self {
        Self(HubSpot::new(Options {
            sample_data: false,
            ..Options::default()
        }))
    }

    fn with(self, settings: &Value) -> Self {
        self.0.configure(settings).unwrap();
        self
    }

    fn reply(&self, method: Method, target: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(
                http::HeaderName::try_from(*name).unwrap(),
                value.parse().unwrap(),
            );
        }
        self.0.handle(&Call {
            method,
            path: path.to_owned(),
            query: query.to_owned(),
            headers: map,
            body: Bytes::copy_from_slice(body.as_bytes()),
        })
    }

    fn ask(&self, method: Method, target: &str, body: &Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let bearer = format!("Bearer {PRIVATE_APP_TOKEN}");
        let headers = [
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        read(&self.reply(method, target, &headers, &body))
    }

    fn get(&self, target: &str) -> (u16, Value) {
        self.ask(Method::GET, target, &Value::Null)
    }

    fn post(&self, target: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::POST, target, body)
    }

    fn patch(&self, target: &str, properties: &Value) -> (u16, Value) {
        self.ask(Method::PATCH, target, &json!({ "properties": properties }))
    }

    /// Creates a row and answers its id.
    fn create(&self, collection: &str, properties: &Value) -> String {
        let (status, row) = self.post(collection, &json!({ "properties": properties }));
        assert_eq!(status, 201, "{row}");
        row["id"].as_str().unwrap().to_owned()
    }

    /// Creates a row with links, each of a `HUBSPOT_DEFINED` kind.
    fn create_linked(&self, collection: &str, properties: &Value, links: &[(&str, u32)]) -> String {
        let (status, row) = self.post(collection, &linked(properties, links));
        assert_eq!(status, 201, "{row}");
        row["id"].as_str().unwrap().to_owned()
    }

    /// One property of a row.
    fn value(&self, collection: &str, id: &str, property: &str) -> Value {
        let (status, row) = self.get(&format!("{collection}/{id}?properties={property}"));
        assert_eq!(status, 200, "{row}");
        row["properties"][property].clone()
    }

    fn delete(&self, target: &str) -> (u16, Value) {
        self.ask(Method::DELETE, target, &Value::Null)
    }

    fn put(&self, target: &str, body: &Value) -> (u16, Value) {
        self.ask(Method::PUT, target, body)
    }

    fn total(&self, collection: &str) -> Value {
        self.post(&format!("{collection}/search"), &json!({ "limit": 0 }))
            .1["total"]
            .clone()
    }

    fn move_clock(&self, ms: i64) {
        self.0.configure(&json!({ "clock_offset_ms": ms })).unwrap();
    }
}

/// The body of a create with links.
fn linked(properties: &Value, links: &[(&str, u32)]) -> Value {
    let links: Vec<Value> = links
        .iter()
        .map(|(to, ty)| {
            let kind = json!({ "associationCategory": "HUBSPOT_DEFINED", "associationTypeId": ty });
            json!({ "to": { "id": to }, "types": [kind] })
        })
        .collect();
    json!({ "properties": properties, "associations": links })
}

fn read(reply: &Reply) -> (u16, Value) {
    (
        reply.status.as_u16(),
        serde_json::from_slice(&reply.body).unwrap_or(Value::Null),
    )
}

/// A body without its correlation id, which must be there and differs each time.
fn envelope(mut body: Value) -> Value {
    let id = body
        .as_object_mut()
        .and_then(|body| body.shift_remove("correlationId"));
    assert_eq!(
        id.and_then(|id| id.as_str().map(str::len)),
        Some(36),
        "{body}"
    );
    body
}

fn ids(body: &Value) -> Vec<&str> {
    body["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["id"].as_str().unwrap())
        .collect()
}
