//! Shapes of unified operations.
//!
//! What an operation takes decides which shape it should have; then all of its request and answer must be so, since the
//! envelopes are hand-written and have no place for anything else.

use std::sync::Arc;

use super::unified::short;
use crate::{
    diagnostic::{Diagnostic, Sink, listed},
    plan::PlanShape,
    spec::{SpecKind, SpecOperation, SpecParameterPlace, SpecSchema},
};

/// An operation's shape, and the types that fill it.
pub(super) struct Shape {
    pub(super) plan: PlanShape,
    pub(super) record: Arc<SpecSchema>,
    pub(super) input: Option<Arc<SpecSchema>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    List,
    Get,
    Create,
    Update,
    BatchRead,
    Upsert,
}

impl Form {
    fn of(operation: &SpecOperation) -> Self {
        let has_id = operation
            .parameter(SpecParameterPlace::Path, "id")
            .is_some();
        let takes = |name| {
            operation
                .body
                .as_ref()
                .and_then(|body| body.member(name))
                .is_some()
        };
        match (&operation.body, has_id) {
            (None, true) => Self::Get,
            (None, false) => Self::List,
            _ if takes("ids") => Self::BatchRead,
            _ if takes("upsert_on") => Self::Upsert,
            (Some(_), true) => Self::Update,
            (Some(_), false) => Self::Create,
        }
    }

    /// The parameters that may be in the query.
    fn query(self) -> &'static [&'static str] {
        match self {
            Self::List => &["sync_mode", "cursor", "page_size", "fields", "raw_data"],
            Self::Get => &["fields", "raw_data"],
            Self::Create | Self::Update | Self::BatchRead | Self::Upsert => &[],
        }
    }

    /// The members that the request has.
    fn request(self) -> &'static [&'static str] {
        match self {
            Self::List | Self::Get => &[],
            Self::Create | Self::Update => &["record"],
            Self::BatchRead => &["ids", "properties"],
            Self::Upsert => &["upsert_on", "record"],
        }
    }

    /// The members that the answer may have.
    fn answer(self) -> &'static [&'static str] {
        match self {
            Self::List => &["next_cursor", "has_next_page", "items", "warnings"],
            Self::BatchRead => &[],
            Self::Get | Self::Create | Self::Update | Self::Upsert => {
                &["record", "raw", "warnings"]
            }
        }
    }
}

/// The shape of an operation of a vertical.
pub(super) fn check(operation: &SpecOperation, vertical: &str, sink: &Sink) -> Option<Shape> {
    shape(operation, vertical)
        .inspect_err(|why| {
            let name = operation
                .name
                .as_ref()
                .map_or(operation.span, |name| name.span);
            let message = format!("`{}` has no known shape: {why}", operation.id);
            sink.push(Diagnostic::new("unknown-operation-shape", message, name));
        })
        .ok()
}

fn shape(operation: &SpecOperation, vertical: &str) -> Result<Shape, String> {
    let form = Form::of(operation);
    check_parameters(operation, form)?;
    check_request(operation, form)?;
    let record = answered(operation, form)?;
    let component = |schema: &SpecSchema| {
        short(vertical, schema.name.as_deref().unwrap_or_default()).to_owned()
    };
    let name = component(&record);
    let input = match form {
        Form::List | Form::Get | Form::BatchRead => None,
        Form::Create | Form::Update | Form::Upsert => Some(input(operation)?),
    };
    let input_name = input.as_deref().map(component).unwrap_or_default();
    let plan = match form {
        Form::List => PlanShape::List { record: name },
        Form::Get => PlanShape::Get { record: name },
        Form::BatchRead => PlanShape::BatchRead { record: name },
        Form::Create => PlanShape::Create {
            record: name,
            input: input_name,
        },
        Form::Update => PlanShape::Update {
            record: name,
            input: input_name,
        },
        Form::Upsert => PlanShape::Upsert {
            record: name,
            input: input_name,
            keys: keys(operation)?,
        },
    };
    Ok(Shape {
        plan,
        record,
        input,
    })
}

fn check_parameters(operation: &SpecOperation, form: Form) -> Result<(), String> {
    let known = |place, name: &str| match place {
        SpecParameterPlace::Query => form.query().contains(&name),
        SpecParameterPlace::Path => name == "id",
        SpecParameterPlace::Other => true,
    };
    let known = |place, name: &str| {
        known(place, name)
            || operation
                .parameter(place, name)
                .is_some_and(|parameter| parameter.names_object)
    };
    let mut parameters = operation.parameters.iter();
    match parameters.find(|parameter| !known(parameter.place, &parameter.name)) {
        Some(unknown) => Err(format!(
            "the parameter `{}` has no meaning here",
            unknown.name
        )),
        None => Ok(()),
    }
}

fn check_request(operation: &SpecOperation, form: Form) -> Result<(), String> {
    let given = members(operation.body.as_deref());
    let expected = form.request();
    if given.len() == expected.len() && given.iter().all(|member| expected.contains(member)) {
        return Ok(());
    }
    Err(format!(
        "the request has {}, and should have {}",
        listed(&given),
        listed(expected)
    ))
}

/// The record in an operation's answer.
fn answered(operation: &SpecOperation, form: Form) -> Result<Arc<SpecSchema>, String> {
    let answer = operation
        .answer
        .as_ref()
        .ok_or("it has no answer in JSON")?;
    if let Some(unknown) = members(Some(answer))
        .iter()
        .find(|member| !form.answer().contains(member))
    {
        return Err(format!("`{unknown}` has no meaning in its answer"));
    }
    let record = match form {
        Form::List => answer.member("items").and_then(|items| element(items)),
        Form::BatchRead => element(answer),
        Form::Get | Form::Create | Form::Update | Form::Upsert => answer.member("record"),
    };
    let record = record.filter(|record| is_component(record)).cloned();
    record.ok_or_else(|| "its answer has no record that is a component".to_owned())
}

fn input(operation: &SpecOperation) -> Result<Arc<SpecSchema>, String> {
    let record = operation
        .body
        .as_ref()
        .and_then(|body| body.member("record"));
    // Any object will do where the record's fields are the customer's own.
    let record = record.filter(|record| is_component(record) || is_any(record));
    record
        .cloned()
        .ok_or_else(|| "`record` of the request is not a component".to_owned())
}

fn keys(operation: &SpecOperation) -> Result<Vec<String>, String> {
    let on = operation
        .body
        .as_ref()
        .and_then(|body| body.member("upsert_on"));
    match on.and_then(|on| on.member("key")).map(|key| &key.kind) {
        Some(SpecKind::Text(text)) if !text.values.is_empty() => Ok(text.values.clone()),
        _ => Err("`upsert_on.key` is not an enumeration".to_owned()),
    }
}

fn members(schema: Option<&SpecSchema>) -> Vec<&str> {
    let object = schema.and_then(SpecSchema::object);
    object
        .into_iter()
        .flat_map(|object| object.properties.keys())
        .map(String::as_str)
        .collect()
}

fn element(schema: &SpecSchema) -> Option<&Arc<SpecSchema>> {
    match &schema.kind {
        SpecKind::List(items) => Some(items),
        _ => None,
    }
}

fn is_any(schema: &SpecSchema) -> bool {
    schema.is_open()
        && schema
            .object()
            .is_some_and(|object| object.properties.is_empty())
}

fn is_component(schema: &SpecSchema) -> bool {
    schema.name.is_some() && schema.object().is_some()
}
