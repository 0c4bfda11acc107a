//! The errors of the API as bodies: one envelope, with what each kind adds.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::PORTAL_ID;
use super::values::Complaint;
use crate::sandbox::http::Reply;

/// A refusal. Boxed, since it travels in every `Result` here.
#[derive(Debug, Clone)]
pub(super) struct Fault(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    status: StatusCode,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    /// What follows `correlationId`, and the two that stand before it.
    Envelope {
        status: &'static str,
        message: String,
        rest: Map<String, Value>,
    },
    /// From the edge: not JSON.
    Page(&'static str),
}

impl Fault {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self::coded(status, "error", message)
    }

    /// The token endpoint puts its code into `status`.
    pub(super) fn coded(
        status: StatusCode,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let body = Body::Envelope {
            status: code,
            message: message.into(),
            rest: Map::new(),
        };
        Self(Box::new(Inner { status, body }))
    }

    pub(super) fn page(status: StatusCode, page: &'static str) -> Self {
        Self(Box::new(Inner {
            status,
            body: Body::Page(page),
        }))
    }

    #[must_use]
    pub(super) fn with(mut self, name: &str, value: Value) -> Self {
        if let Body::Envelope { rest, .. } = &mut self.0.body {
            rest.insert(name.to_owned(), value);
        }
        self
    }

    pub(super) fn category(self, category: &str) -> Self {
        self.with("category", json!(category))
    }

    pub(super) fn validation(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message).category("VALIDATION_ERROR")
    }

    pub(super) fn invalid_json(line: usize, column: usize, detail: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            format!("Invalid input JSON on line {line}, column {column}: {detail}"),
        )
    }

    /// A well-formed JSON body of the wrong shape.
    pub(super) fn wrong_shape(detail: &str) -> Self {
        Self::invalid_json(1, 1, detail)
    }

    pub(super) fn unknown_type(name: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            format!("Unable to infer object type from: {name}"),
        )
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "resource not found").category("OBJECT_NOT_FOUND")
    }

    pub(super) fn object_not_found(id: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "Object not found.  objectId are usually numeric.",
        )
        .with("context", json!({ "id": [id] }))
        .category("OBJECT_NOT_FOUND")
        .with("subCategory", json!("crm.OBJECT_NOT_FOUND"))
    }

    pub(super) fn missing_scopes(required: &[String]) -> Self {
        const PAGE: &str = "https://developers.hubspot.com/scopes";
        let message = "This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.";
        Self::new(StatusCode::FORBIDDEN, message)
            .with(
                "errors",
                json!([{
                    "message": "One or more of the following scopes are required.",
                    "context": { "requiredGranularScopes": required },
                }]),
            )
            .with("links", json!({ "scopes": PAGE }))
            .category("MISSING_SCOPES")
    }

    /// The faults of single properties: JSON inside of the message, and the newer `errors` beside it.
    pub(super) fn invalid_properties(complaints: &[Complaint]) -> Self {
        let inside: Vec<Value> = complaints
            .iter()
            .map(|complaint| {
                json!({
                    "isValid": false,
                    "message": complaint.message,
                    "error": complaint.code,
                    "name": complaint.property,
                    "localizedErrorMessage": complaint.message,
                    "portalId": PORTAL_ID,
                })
            })
            .collect();
        let errors: Vec<Value> = complaints
            .iter()
            .map(|complaint| {
                json!({
                    "message": complaint.message,
                    "code": complaint.code,
                    "context": { "propertyName": [complaint.property] },
                })
            })
            .collect();
        Self::validation(format!(
            "Property values were not valid: {}",
            Value::Array(inside)
        ))
        .with("errors", Value::Array(errors))
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.0.status == StatusCode::NOT_FOUND
    }

    /// The entry that stands for this fault in the `errors` of a 207.
    pub(super) fn into_entry(self, context: Option<Value>) -> Value {
        let Body::Envelope { message, rest, .. } = self.0.body else {
            return Value::Null;
        };
        let category = rest
            .get("category")
            .cloned()
            .unwrap_or_else(|| json!("VALIDATION_ERROR"));
        let mut entry = json!({ "status": "error", "category": category, "message": message });
        if let Some(context) = context {
            entry["context"] = context;
        }
        entry
    }

    pub(super) fn into_reply(self, correlation_id: &str) -> Reply {
        let Inner { status, body } = *self.0;
        match body {
            Body::Page("") => Reply::empty(status),
            Body::Page(page) => Reply::html(status, page),
            Body::Envelope {
                status: code,
                message,
                rest,
            } => {
                let mut body = Map::new();
                body.insert("status".to_owned(), json!(code));
                body.insert("message".to_owned(), json!(message));
                body.insert("correlationId".to_owned(), json!(correlation_id));
                body.extend(rest);
                Reply::json(status, &Value::Object(body))
            }
        }
    }
}
