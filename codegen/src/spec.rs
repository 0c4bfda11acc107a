//! An OpenAPI 3.0 document as the checks need it: references resolved, operations by id, schemas as a tree.
//!
//! Read with `openapiv3`, piece by piece, so that a fault names its place. What is not used by any check (examples,
//! servers, security) is not kept. Unions of schemas are kept as [`SpecKind::Any`]: nothing is known of their members.

mod read;
mod resolve;

use std::sync::Arc;

use indexmap::IndexMap;

use crate::source::{FileId, Span, Text, yaml::Node};

pub use read::read;

/// One API.
#[derive(Debug)]
pub struct Spec {
    pub file: FileId,
    /// As in `specs/unified.yaml`.
    pub path: String,
    pub node: Node,
    /// The components, by name.
    pub schemas: IndexMap<String, Arc<SpecSchema>>,
    /// By `operationId`, in the order of the document.
    pub operations: IndexMap<String, SpecOperation>,
}

#[derive(Debug, Clone)]
pub struct SpecOperation {
    pub id: String,
    /// Where the operation is in the document.
    pub span: Span,
    /// `x-operation`: the name under which mappings know it.
    pub name: Option<Text>,
    pub doc: Option<String>,
    /// In upper case.
    pub method: String,
    pub path: String,
    pub parameters: Vec<SpecParameter>,
    pub body: Option<Arc<SpecSchema>>,
    /// The JSON body of the answer to a call that succeeded, if it has one.
    pub answer: Option<Arc<SpecSchema>>,
    /// Whether its bodies are XML.
    pub is_xml: bool,
    /// `x-free-form`: it is not about records, and mappings carry it out by templates.
    pub is_free_form: bool,
    /// Whether the proxy answers it by itself: no mapping has it, and its name has any form.
    pub is_own: bool,
}

#[derive(Debug, Clone)]
pub struct SpecParameter {
    pub name: String,
    pub place: SpecParameterPlace,
    pub required: bool,
    /// Whether the values of a list are written as one parameter each.
    pub explode: bool,
    /// `x-names-object`: it has the name of a native object, as callers know it.
    pub names_object: bool,
    pub schema: Arc<SpecSchema>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecParameterPlace {
    Path,
    Query,
    /// Headers and cookies, which no mapping binds.
    Other,
}

#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // As the document has them: any may go with any.
pub struct SpecSchema {
    /// The component that it is, if it was reached by a reference.
    pub name: Option<String>,
    pub span: Span,
    pub doc: Option<String>,
    pub nullable: bool,
    pub read_only: bool,
    /// `x-create-only`: given when a record is created and never changed.
    pub create_only: bool,
    /// `x-object-name`: what the API calls the object, where it is not the component's name.
    pub object_name: Option<Text>,
    /// `x-record`: a record of whatever object a call is about; the object's own schema says more.
    pub is_record: bool,
    pub kind: SpecKind,
}

#[derive(Debug, Clone)]
pub enum SpecKind {
    Object(SpecObject),
    List(Arc<SpecSchema>),
    Text(SpecText),
    Number {
        integer: bool,
        maximum: Option<f64>,
    },
    Boolean,
    /// Anything: no statement is made.
    Any,
}

#[derive(Debug, Clone, Default)]
pub struct SpecObject {
    pub properties: IndexMap<String, Arc<SpecSchema>>,
    pub required: Vec<String>,
    /// Whether it may have members that are not listed.
    pub open: bool,
}

#[derive(Debug, Clone, Default)]
pub struct SpecText {
    /// `date-time` as well where `x-instant` says so.
    pub format: Option<String>,
    pub max_length: Option<usize>,
    /// `enum`: there is no other value.
    pub values: Vec<String>,
    /// `x-extensible-enum`: the known values; there may be others.
    pub known_values: Vec<String>,
    /// `x-takes`: the text is a name.
    pub takes: Option<SpecName>,
    /// `x-query: select`: the text is in a query language of this form: `SELECT … FROM … WHERE … ORDER BY … LIMIT …`.
    pub is_query: bool,
}

impl SpecText {
    /// Its values, where the document says any.
    pub fn known(&self) -> &[String] {
        if self.values.is_empty() {
            &self.known_values
        } else {
            &self.values
        }
    }
}

/// What a text in a request names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpecName {
    /// A field of the object that the call is about.
    Field,
    /// The object that the call is about.
    Object,
}

impl SpecSchema {
    pub fn object(&self) -> Option<&SpecObject> {
        match &self.kind {
            SpecKind::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The member of an object.
    pub fn member(&self, name: &str) -> Option<&Arc<SpecSchema>> {
        self.object().and_then(|object| object.properties.get(name))
    }

    /// Whether members of it may exist of which the document says nothing.
    pub fn is_open(&self) -> bool {
        match &self.kind {
            SpecKind::Any => true,
            SpecKind::Object(object) => object.open || object.properties.is_empty(),
            _ => false,
        }
    }

    /// What the API calls the object that the component of this name is.
    pub fn called<'a>(&'a self, component: &'a str) -> &'a str {
        self.object_name.as_ref().map_or(component, Text::as_str)
    }

    /// The name that a text of it is; none where it is any text.
    pub fn takes(&self) -> Option<SpecName> {
        match &self.kind {
            SpecKind::Text(text) => text.takes,
            _ => None,
        }
    }

    /// Whether a text of it is a query.
    pub fn is_query(&self) -> bool {
        matches!(&self.kind, SpecKind::Text(text) if text.is_query)
    }

    /// What it is, as a person would call it.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            SpecKind::Object(_) => "an object",
            SpecKind::List(_) => "a list",
            SpecKind::Text(text) if !text.values.is_empty() => "an enumeration",
            SpecKind::Text(_) => "text",
            SpecKind::Number { integer: true, .. } => "an integer",
            SpecKind::Number { .. } => "a number",
            SpecKind::Boolean => "a boolean",
            SpecKind::Any => "anything",
        }
    }
}

impl Spec {
    /// The objects, by the names that the API has for them.
    pub fn objects(&self) -> impl Iterator<Item = (&str, &SpecSchema)> {
        let objects = self.schemas.iter();
        objects
            .filter(|(_, schema)| schema.object().is_some() && !schema.is_record)
            .map(|(name, schema)| (schema.called(name), schema.as_ref()))
    }
}

impl SpecOperation {
    pub fn parameter(&self, place: SpecParameterPlace, name: &str) -> Option<&SpecParameter> {
        self.parameters
            .iter()
            .find(|parameter| parameter.place == place && parameter.name == name)
    }
}
