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

    /// With the query before its message, a mark under the character `at`, as SOQL's errors have them.
    pub(super) fn in_query(mut self, text: &str, at: usize) -> Self {
        let before: String = text.chars().take(at).collect();
        let row = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|it| *it != '\n').count() + 1;
        let marker = " ".repeat(column - 1);
        let message = self.body[0]["message"].as_str().unwrap_or_default();
        self.body[0]["message"] = json!(format!(
            "\n{text}\n{marker}^\nERROR at Row:{row}:Column:{column}\n{message}"
        ));
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

    /// A row that was there.
    pub(super) fn deleted() -> Self {
        Self::new(404, "ENTITY_IS_DELETED", "entity is deleted").fields(&[])
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

    /// The method is not for this path; `methods` are.
    pub(super) fn not_allowed(method: &str, methods: &str) -> Self {
        let message = format!("HTTP Method '{method}' not allowed. Allowed are {methods}");
        Self::new(405, "METHOD_NOT_ALLOWED", message)
    }

    pub(super) fn no_body() -> Self {
        Self::unparsable("The HTTP entity body is required, but this request has no entity body.")
    }

    /// A path's segment that is no id is read as the name of an external-id field.
    pub(super) fn no_external_id(segment: &str) -> Self {
        let message =
            format!("Provided external ID field does not exist or is not accessible: {segment}");
        Self::new(404, "NOT_FOUND", message)
    }

    pub(super) fn no_such_column(name: &str, object: &str) -> Self {
        let message = format!(
            "No such column '{name}' on entity '{object}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
        );
        Self::new(400, "INVALID_FIELD", message)
    }

    pub(super) fn unparsable(text: impl Into<String>) -> Self {
        Self::new(400, "JSON_PARSER_ERROR", text)
    }
}
