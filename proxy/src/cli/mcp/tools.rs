//! The operations as tools: which of them, by what names, and what each says of itself.

use std::{collections::BTreeSet, sync::Arc};

use crosswalk::{
    route::{Api, Route, ServedBy},
    upstream::provider::Effect,
};
use http::Method;
use rmcp::model::{Tool, ToolAnnotations};
use serde_json::{Map, Value, json};

use super::{connections, schema::whole};
use crate::cli::{
    Failure,
    call::operation::{Operation, Parameter, Place, operations},
    contract::{document, resolved},
};

/// Arguments that are not of an operation. None of them is the name of a parameter or of a member of a body, which a test
/// sees to.
pub(super) const CONNECTION: &str = "connection";
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency_key";
/// A parameter with a default of our own: what a provider says of a record is several times as long as the record.
pub(super) const RAW_DATA: &str = "raw_data";
pub(super) const FIELDS: &str = "fields";
/// What is offered beside the operations of the CRM: what a connection can do.
const CAPABILITIES: &str = "capabilities";
const CRM: &str = "crm.";
const CRM_TOOLS: &str = "crm_";
/// Records of these objects have hardly more than `raw_data`.
const RAW_ONLY: &str = "crm.custom_object.";

/// What is offered.
#[derive(Debug)]
pub(super) struct Catalogue {
    offered: Vec<Offer>,
    /// Names of tools that would be there if writing were allowed.
    withheld: BTreeSet<String>,
}

/// One tool.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) does: Does,
    tool: Tool,
    /// The same where a connection is known without being named.
    tool_of_connection: Tool,
}

/// What a tool does.
#[derive(Debug)]
pub(super) enum Does {
    Call(Called),
    ListConnections,
}

/// An operation that is called.
#[derive(Debug, Clone, Copy)]
pub(super) struct Called {
    pub(super) operation: &'static Operation,
    pub(super) writes: bool,
}

impl Called {
    /// What there is beside parameters: the members of the body, with their schemas.
    pub(super) fn members(&self) -> impl Iterator<Item = (&'static str, &'static Value)> {
        let schema = self.operation.body;
        let schema = schema.and_then(|schema| resolved(document(), schema));
        let members = schema.and_then(|schema| schema["properties"].as_object());
        let members = members.into_iter().flatten();
        members.map(|(name, schema)| (name.as_str(), schema))
    }

    /// Headers are not for models to fill in.
    pub(super) fn parameters(&self) -> impl Iterator<Item = &'static Parameter> {
        let parameters = self.operation.parameters.iter();
        parameters.filter(|each| each.place != Place::Header)
    }

    /// Whether records come without what the provider says of them, unless asked otherwise.
    pub(super) fn is_short(&self) -> bool {
        !self.operation.name.starts_with(RAW_ONLY)
            && self.parameters().any(|each| each.name == RAW_DATA)
    }
}

impl Catalogue {
    /// The operations of the CRM: those that read, and those that write where that is allowed. `only` are names of
    /// operations, or what stands before a point in them.
    pub(super) fn new(api: &Api, allow_writes: bool, only: &[String]) -> Result<Self, Failure> {
        let mut offered = Vec::new();
        let mut withheld = BTreeSet::new();
        let mut meant: BTreeSet<&String> = only.iter().collect();
        let mut is_wanted = |operation: &str| {
            let mut fits = only.is_empty();
            for name in only {
                let rest = operation.strip_prefix(name.as_str());
                if rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.')) {
                    meant.remove(name);
                    fits = true;
                }
            }
            fits
        };
        let crm = api.routes.iter().filter(|route| is_offered(route));
        for route in crm {
            let operation = operations().iter().find(|it| it.name == route.operation);
            let operation = operation.expect("there is a command for each route");
            if !is_wanted(operation.name) {
                continue;
            }
            let writes = route.effect == Effect::Write;
            if writes && !allow_writes {
                withheld.insert(name_of(operation.name));
                continue;
            }
            offered.push(Offer::new(route, Called { operation, writes }));
        }
        if let Some(unknown) = meant.first() {
            return Err(Failure::Usage(unmeant(api, unknown)));
        }
        if offered.is_empty() {
            return Err(Failure::Usage(
                "--only: nothing is left, since all that it names writes\nhelp: --allow-writes offers it"
                    .to_owned(),
            ));
        }
        // Without it nobody knows what to name in the others, and then what a connection has is of use.
        offered.insert(0, Offer::of_connections());
        offered.sort_by_key(|offer| offer.tool.name.starts_with(CRM_TOOLS));
        Ok(Self { offered, withheld })
    }

    pub(super) fn find(&self, name: &str) -> Option<&Offer> {
        self.offered.iter().find(|offer| offer.tool.name == name)
    }

    /// What is wrong with a name that no tool has.
    pub(super) fn unknown(&self, name: &str) -> String {
        if self.withheld.contains(name) {
            return format!(
                "unknown tool {name}: it writes, and this server reads alone unless it is started with --allow-writes"
            );
        }
        format!("unknown tool {name}; tools/list has those that there are")
    }

    /// All of them, for callers that need not name a connection or for those that must.
    pub(super) fn tools(&self, has_connection: bool) -> Vec<Tool> {
        let tools = self.offered.iter().map(|it| it.tool(has_connection));
        tools.cloned().collect()
    }

    pub(super) fn count(&self) -> usize {
        self.offered.len()
    }
}

impl Offer {
    fn new(route: &Route, called: Called) -> Self {
        let Called { operation, writes } = called;
        let mut description = format!("{}.", operation.summary);
        if let Some(more) = operation.description {
            description.push(' ');
            description.push_str(more);
        }
        if operation.has_pages() {
            description.push_str(
                " While `has_next_page` is true, `next_cursor` as `cursor` leads to the next page.",
            );
        }
        let tool = |has_connection| {
            let input = Arc::new(input(&called, has_connection));
            let mut tool = Tool::new(name_of(operation.name), description.clone(), input)
                .with_title(operation.summary)
                .with_annotations(annotations(route, writes));
            if let Some(output) = output(operation) {
                tool = tool.with_raw_output_schema(Arc::new(output));
            }
            tool
        };
        Self {
            tool: tool(false),
            tool_of_connection: tool(true),
            does: Does::Call(called),
        }
    }

    fn of_connections() -> Self {
        let tool = connections::tool();
        Self {
            does: Does::ListConnections,
            tool_of_connection: tool.clone(),
            tool,
        }
    }

    pub(super) fn tool(&self, has_connection: bool) -> &Tool {
        if has_connection {
            &self.tool_of_connection
        } else {
            &self.tool
        }
    }

    /// Whether what it answers is said beforehand, so that clients hold it against that.
    pub(super) fn has_structure(&self) -> bool {
        self.tool.output_schema.is_some()
    }
}

/// Configuring the installation is for people: an agent has the CRM, and what its connections can do.
fn is_offered(route: &Route) -> bool {
    route.operation.starts_with(CRM) || route.operation == CAPABILITIES
}

/// `crm.account.list` is `crm_account_list`: clients allow letters, digits, `_` and `-`.
fn name_of(operation: &str) -> String {
    operation.replace('.', "_")
}

fn unmeant(api: &Api, unknown: &str) -> String {
    let offered = api.routes.iter().filter(|route| is_offered(route));
    let nearest = offered
        .map(|route| {
            (
                strsim::jaro_winkler(route.operation, unknown),
                route.operation,
            )
        })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let help = match nearest {
        Some((nearness, name)) if nearness > 0.7 => format!("did you mean {name}?"),
        _ => "expected an operation, as in crm.account.list, or what several begin with, as in crm.account".to_owned(),
    };
    format!("--only {unknown}: no tool has this name\nhelp: {help}")
}

/// What is true of an operation, for clients that ask people before they let a model call.
fn annotations(route: &Route, writes: bool) -> ToolAnnotations {
    let annotations = ToolAnnotations::new()
        .read_only(!writes)
        .open_world(route.served_by == ServedBy::Provider);
    if !writes {
        return annotations;
    }
    // As idempotency keys have it: values by id are the same ones afterwards, and an upsert may make a second record.
    let repeats = matches!(route.method, Method::PATCH | Method::PUT | Method::DELETE);
    let changes = repeats || route.operation.ends_with(".upsert");
    annotations.destructive(changes).idempotent(repeats)
}

/// What a call takes: the connection, then what must be there, then the rest.
fn input(called: &Called, has_connection: bool) -> Map<String, Value> {
    let mut properties = Map::new();
    let mut required: Vec<&str> = Vec::new();
    if called.operation.has_connection {
        let description =
            "Whose account it is about: the id of a connection. `connection_list` shows them.";
        properties.insert(
            CONNECTION.to_owned(),
            json!({ "type": "string", "description": description }),
        );
        if !has_connection {
            required.push(CONNECTION);
        }
    }
    let body = called.operation.body.map(whole).unwrap_or_default();
    let in_body = |name: &str| {
        let names = body["required"].as_array().into_iter().flatten();
        names.filter_map(Value::as_str).any(|each| each == name)
    };
    for parameter in called.parameters().filter(|each| each.is_required) {
        required.push(parameter.name);
        properties.insert(parameter.name.to_owned(), described(called, parameter));
    }
    for (name, _) in called.members() {
        if in_body(name) {
            required.push(name);
        }
        properties.insert(name.to_owned(), body["properties"][name].clone());
    }
    for parameter in called.parameters().filter(|each| !each.is_required) {
        properties.insert(parameter.name.to_owned(), described(called, parameter));
    }
    if called.writes {
        let description = "A text of your own for this one write, 1 to 255 visible ASCII characters. The same call with the same key is carried out once: give one where you may have to repeat the call.";
        properties.insert(
            IDEMPOTENCY_KEY.to_owned(),
            json!({ "type": "string", "minLength": 1, "maxLength": 255, "description": description }),
        );
    }
    let mut input = Map::new();
    input.insert("type".to_owned(), "object".into());
    input.insert("properties".to_owned(), properties.into());
    if !required.is_empty() {
        input.insert("required".to_owned(), required.into());
    }
    input.insert("additionalProperties".to_owned(), false.into());
    input
}

fn described(called: &Called, parameter: &Parameter) -> Value {
    let mut schema = whole(parameter.schema);
    let mut description = parameter.description.unwrap_or_default();
    if parameter.name == RAW_DATA && called.is_short() {
        description = "`full` adds the provider's own record to each, which makes them several times as long. Unless it is given: `full` where `fields` are asked for, `none` otherwise.";
        if let Some(schema) = schema.as_object_mut() {
            schema.remove("default");
        }
    }
    if !description.is_empty() {
        schema["description"] = description.into();
    }
    schema
}

/// What a call answers. Clients of protocol versions before 2026-07-28 know objects alone, and refuse the whole list of
/// tools where one has another schema.
fn output(operation: &Operation) -> Option<Map<String, Value>> {
    match whole(operation.answer?) {
        Value::Object(output) if output.get("type").is_some_and(|it| it == "object") => {
            Some(output)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
