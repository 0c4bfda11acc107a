//! Salesforce's errors: a list of one, with the words of the reference (`salesforce.md` §2).

use http::StatusCode;
use serde_json::{Value, json};

use crate::sandbox::http::Reply;

/// One error.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    pub(super) body: Value,
}

impl Fault {
    pub(super) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self {
            status,
            body: json!([{ "message": message.into(), "errorCode": code }]),
        }
    }

    /// With the fields at fault.
    pub(super) fn fields(mut self, fields: &[&str]) -> Self {
        self.body[0]["fields"] = json!(fields);
        self
    }

    /// The same as an entry of a collection's result, where the key is `statusCode`.
    pub(super) fn entry(&self) -> Value {
        let fault = &self.body[0];
        json!({ "statusCode": fault["errorCode"], "message": fault["message"], "fields": fault.get("fields").cloned().unwrap_or_else(|| json!([])) })
    }

    pub(super) fn reply(&self) -> Reply {
        Reply::json(self.status, &self.body)
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "The requested resource does not exist")
    }

    pub(super) fn no_such_object(name: &str) -> Self {
        Self::new(
            400,
            "INVALID_TYPE",
            format!(
                "sObject type '{name}' is not supported. If you are attempting to use a custom object, be sure to append the '__c' after the entity name."
            ),
        )
    }

    pub(super) fn unparsable(text: impl Into<String>) -> Self {
        Self::new(400, "JSON_PARSER_ERROR", text)
    }
}
