//! What a model gives for a tool, as the call that it means.
//!
//! What it gives is checked by the proxy, as every call is. Refused here is only what could not be sent: a name that
//! nothing has, a value that no place of a request can have, an id that would lead to another path.

use serde_json::{Map, Value, json};

use super::tools::{CONNECTION, Called, FIELDS, IDEMPOTENCY_KEY, RAW_DATA};
use crate::cli::{
    Failure,
    call::operation::{Parameter, Place, checked_id},
    client::Call,
};

/// What is wrong with arguments, as the API says such things of requests.
#[derive(Debug, PartialEq)]
pub(super) struct Refusal {
    /// The argument.
    name: String,
    message: String,
}

impl Refusal {
    pub(super) fn new(name: &str, message: impl Into<String>) -> Self {
        Self {
            name: name.to_owned(),
            message: message.into(),
        }
    }

    pub(super) fn body(&self) -> Value {
        let Self { name, message } = self;
        json!({
            "code": "BAD_REQUEST",
            "message": format!("arguments.{name}: {message}; nothing was sent"),
            "issues": [{ "message": message, "path": format!("arguments.{name}") }],
        })
    }
}

/// The call that is meant, and what the model says that is not of the operation.
#[derive(Debug)]
pub(super) struct Meant {
    pub(super) call: Call,
    pub(super) idempotency_key: Option<String>,
}

impl Meant {
    /// `connection` is where the arguments name none.
    pub(super) fn read(
        called: &Called,
        arguments: &Map<String, Value>,
        connection: Option<&str>,
    ) -> Result<Self, Refusal> {
        must_be_known(called, arguments)?;
        let mut sent = Vec::new();
        for parameter in called.parameters() {
            match arguments.get(parameter.name) {
                None | Some(Value::Null) if parameter.is_required => {
                    return Err(Refusal::new(parameter.name, "expected a value, found none"));
                }
                None | Some(Value::Null) => {}
                Some(value) => sent.push((parameter.name, text(parameter, value)?)),
            }
        }
        let has = |name: &str| sent.iter().any(|(known, _)| *known == name);
        if called.is_short() && !has(RAW_DATA) && !has(FIELDS) {
            sent.push((RAW_DATA, "none".to_owned()));
        }
        let value_of = |parameter: &Parameter| {
            let mut sent = sent.iter().filter(|_| parameter.place != Place::Header);
            let (_, text) = sent.find(|(name, _)| *name == parameter.name)?;
            Some(text.clone())
        };
        // No header among them, and nothing else can be wrong.
        let made = called.operation.call(value_of);
        let mut call = made.map_err(|failure: Failure| Refusal::new("", failure.to_string()))?;
        if called.operation.body.is_some() {
            let members = called.members();
            let given = members.filter_map(|(name, _)| {
                let value = arguments.get(name)?;
                Some((name.to_owned(), value.clone()))
            });
            call = call.json(&Value::Object(given.collect()));
        }
        if called.operation.has_connection {
            let named = own_text(arguments, CONNECTION)?;
            let Some(connection) = named.or(connection) else {
                return Err(Refusal::new(
                    CONNECTION,
                    "expected the id of a connection, found none; `connection_list` shows those that there are",
                ));
            };
            let put = call.put("x-connection-id", connection);
            put.map_err(|_| Refusal::new(CONNECTION, "expected the id of a connection"))?;
        }
        let idempotency_key = own_text(arguments, IDEMPOTENCY_KEY)?.map(str::to_owned);
        Ok(Self {
            call,
            idempotency_key,
        })
    }
}

/// Names that nothing has are slips: what was meant by them would be missed in silence.
fn must_be_known(called: &Called, arguments: &Map<String, Value>) -> Result<(), Refusal> {
    let mut known: Vec<&str> = called.parameters().map(|each| each.name).collect();
    known.extend(called.members().map(|(name, _)| name));
    if called.operation.has_connection {
        known.push(CONNECTION);
    }
    if called.writes {
        known.push(IDEMPOTENCY_KEY);
    }
    for name in arguments.keys() {
        if known.contains(&name.as_str()) {
            continue;
        }
        let nearest = known
            .iter()
            .map(|known| (strsim::jaro_winkler(known, name), known))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let help = match nearest {
            Some((nearness, known)) if nearness > 0.8 => format!("did you mean `{known}`?"),
            _ => format!("there are {}", known.join(", ")),
        };
        return Err(Refusal::new(name, format!("unknown argument; {help}")));
    }
    Ok(())
}

/// An argument of ours, which is a text.
fn own_text<'a>(arguments: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    match arguments.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) if !text.is_empty() => Ok(Some(text)),
        Some(_) => Err(Refusal::new(name, "expected a text that is not empty")),
    }
}

/// A value as a path or a query has it.
fn text(parameter: &Parameter, value: &Value) -> Result<String, Refusal> {
    let name = parameter.name;
    let text = match value {
        Value::Array(several) if parameter.schema["type"] == "array" => {
            let mut texts = Vec::new();
            for each in several {
                match single(each) {
                    // They are sent with commas between them.
                    Some(text) if !text.contains(',') => texts.push(text),
                    _ => {
                        return Err(Refusal::new(
                            name,
                            "expected a list of texts without commas",
                        ));
                    }
                }
            }
            texts.join(",")
        }
        value => single(value).ok_or_else(|| {
            let kind = parameter.schema["type"].as_str().unwrap_or("string");
            Refusal::new(name, format!("expected a value of the type {kind}"))
        })?,
    };
    if parameter.place == Place::Path {
        return checked_id(&text).map_err(|reason| Refusal::new(name, reason));
    }
    Ok(text)
}

fn single(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::call::operation::operations;

    fn called(name: &str, writes: bool) -> Called {
        let operation = operations().iter().find(|it| it.name == name).unwrap();
        Called { operation, writes }
    }

    fn meant(called: Called, arguments: &Value) -> Result<Meant, Refusal> {
        Meant::read(&called, arguments.as_object().unwrap(), None)
    }

    fn query(meant: &Meant) -> Vec<String> {
        let pairs = meant.call.query.iter();
        pairs
            .map(|(name, value)| format!("{name}={value}"))
            .collect()
    }

    #[test]
    fn arguments_go_to_their_places() {
        let list = called("crm.account.list", false);
        let made = meant(
            list,
            &json!({ "connection": "acme", "page_size": 5, "cursor": null, "fields": ["a", "b"] }),
        )
        .unwrap();
        assert_eq!(made.call.path, ["unified", "crm", "account"]);
        assert_eq!(query(&made), ["page_size=5", "fields=a,b"]);
        assert_eq!(made.call.headers["x-connection-id"], "acme");
        assert_eq!(made.call.body, None);

        let update = called("crm.account.update", true);
        let made = meant(
            update,
            &json!({ "connection": "acme", "id": "7/8", "record": { "name": null }, "idempotency_key": "k" }),
        )
        .unwrap();
        assert_eq!(made.call.path, ["unified", "crm", "account", "7/8"]);
        assert_eq!(made.call.body.unwrap(), r#"{"record":{"name":null}}"#);
        assert_eq!(made.idempotency_key.unwrap(), "k");
    }

    #[test]
    fn records_come_without_raw_data_unless_it_is_asked_for_or_all_that_there_is() {
        let account = json!({ "connection": "acme" });
        for (operation, arguments, expected) in [
            ("crm.account.list", account.clone(), Some("raw_data=none")),
            (
                "crm.account.list",
                json!({ "connection": "acme", "raw_data": "full" }),
                Some("raw_data=full"),
            ),
            (
                "crm.account.list",
                json!({ "connection": "acme", "fields": ["Fax"] }),
                Some("fields=Fax"),
            ),
            (
                "crm.custom_object.list",
                json!({ "connection": "acme", "object_name": "visit" }),
                None,
            ),
        ] {
            let made = meant(called(operation, false), &arguments).unwrap();
            assert_eq!(
                query(&made),
                Vec::from_iter(expected),
                "{operation} {arguments}"
            );
        }
    }

    #[test]
    fn what_cannot_be_sent_is_refused_with_its_place() {
        let get = called("crm.account.get", false);
        for (arguments, name, message) in [
            (
                json!({ "connection": "acme" }),
                "id",
                "expected a value, found none",
            ),
            (
                json!({ "id": "1" }),
                "connection",
                "`connection_list` shows those",
            ),
            (
                json!({ "connection": 5, "id": "1" }),
                "connection",
                "expected a text",
            ),
            (
                json!({ "connection": "a\nb", "id": "1" }),
                "connection",
                "expected the id",
            ),
            (
                json!({ "connection": "acme", "id": ".." }),
                "id",
                "expected an id",
            ),
            (json!({ "connection": "acme", "id": "" }), "id", "not empty"),
            (
                json!({ "connection": "acme", "id": ["1"] }),
                "id",
                "the type string",
            ),
            (
                json!({ "connection": "acme", "ids": "1" }),
                "ids",
                "did you mean `id`?",
            ),
            (
                json!({ "connection": "acme", "id": "1", "idempotency_key": "k" }),
                "idempotency_key",
                "unknown argument; there are",
            ),
            (
                json!({ "connection": "acme", "id": "1", "fields": ["a,b"] }),
                "fields",
                "without commas",
            ),
        ] {
            let refusal = meant(get, &arguments).unwrap_err();
            assert_eq!(refusal.name, name, "{arguments}");
            assert!(
                refusal.message.contains(message),
                "{arguments}: {refusal:?}"
            );
            let body = refusal.body();
            assert_eq!(body["issues"][0]["path"], format!("arguments.{name}"));
        }
    }
}
