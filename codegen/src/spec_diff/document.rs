//! The provider's own document: JSON or YAML, `OpenAPI` 3.0 or 3.1, large, and seldom tidy.
//!
//! It is not checked and not read as a whole. What is held against ours is looked up, and a part that cannot be
//! followed (a reference that leads nowhere, into another file or in a circle) is taken for "nothing is said" and noted.

mod read;

use std::{
    borrow::Cow,
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::Value;

pub use read::{DocumentError, MAX_DOCUMENT_BYTES};

/// How many references in a row are followed.
const MAX_REFERENCES: usize = 32;

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

/// One document.
#[derive(Debug)]
pub struct Document {
    pub path: String,
    root: Value,
    pub(super) operations: Vec<TheirOperation>,
    notes: RefCell<BTreeSet<String>>,
}

/// Where an operation of theirs is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TheirOperation {
    /// In upper case.
    pub(super) method: String,
    /// As it stands under `paths`.
    pub(super) path: String,
    /// With what the servers' addresses put before it.
    pub(super) full_paths: Vec<String>,
    /// Of the path's item, where parameters of all its operations are.
    item: String,
    pub(super) pointer: String,
}

/// A piece of a document and where it is.
#[derive(Debug, Clone)]
pub(super) struct Part<'d> {
    pub(super) value: Cow<'d, Value>,
    pub(super) pointer: String,
}

/// A parameter of theirs, in the path or the query.
#[derive(Debug)]
pub(super) struct TheirParameter<'d> {
    pub(super) name: String,
    pub(super) place: String,
    pub(super) required: bool,
    pub(super) explode: bool,
    pub(super) schema: Option<Part<'d>>,
    pub(super) pointer: String,
}

impl Document {
    /// Reads a document's text.
    pub fn read(path: &str, text: &str) -> Result<Self, DocumentError> {
        let root = read::read(path, text)?;
        let mut document = Self {
            path: path.to_owned(),
            root,
            operations: Vec::new(),
            notes: RefCell::default(),
        };
        document.operations = document.find_operations();
        if document.operations.is_empty() {
            return Err(DocumentError::NoPaths {
                path: path.to_owned(),
            });
        }
        Ok(document)
    }

    /// What could not be followed so far.
    pub(super) fn notes(&self) -> Vec<String> {
        self.notes.borrow().iter().cloned().collect()
    }

    pub(super) fn note(&self, note: String) {
        self.notes.borrow_mut().insert(note);
    }

    fn find_operations(&self) -> Vec<TheirOperation> {
        let bases = self.bases();
        let paths = self.root.get("paths").and_then(Value::as_object);
        let mut operations = Vec::new();
        for (path, item) in paths.into_iter().flatten() {
            let at = format!("/paths/{}", escape(path));
            let Some(item) = self.follow(part(item, at)) else {
                continue;
            };
            for method in METHODS {
                if item.value.get(method).is_some_and(Value::is_object) {
                    operations.push(TheirOperation {
                        method: method.to_uppercase(),
                        path: path.clone(),
                        full_paths: bases.iter().map(|base| format!("{base}{path}")).collect(),
                        pointer: format!("{}/{method}", item.pointer),
                        item: item.pointer.clone(),
                    });
                }
            }
        }
        operations
    }

    /// What comes before each path: nothing, and the path of each server's address.
    fn bases(&self) -> BTreeSet<String> {
        let servers = self.root.get("servers").and_then(Value::as_array);
        let urls = servers
            .into_iter()
            .flatten()
            .filter_map(|server| server.get("url").and_then(Value::as_str));
        let paths = urls.map(|url| {
            let after_host = match url.split_once("://") {
                Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
                None => url,
            };
            after_host.trim_end_matches('/').to_owned()
        });
        paths.chain([String::new()]).collect()
    }

    /// The schema among the components.
    pub(super) fn component(&self, name: &str) -> Option<Part<'_>> {
        let schemas = self.root.pointer("/components/schemas")?;
        let pointer = format!("/components/schemas/{}", escape(name));
        Some(part(schemas.get(name)?, pointer))
    }

    /// The parameters of an operation; its own come before those of its path.
    pub(super) fn parameters(&self, operation: &TheirOperation) -> Vec<TheirParameter<'_>> {
        let mut parameters: Vec<TheirParameter<'_>> = Vec::new();
        for pointer in [&operation.pointer, &operation.item] {
            let list = self.at(&format!("{pointer}/parameters"));
            let list = list.and_then(Value::as_array).into_iter().flatten();
            for (index, parameter) in list.enumerate() {
                let at = format!("{pointer}/parameters/{index}");
                let Some(parameter) = self
                    .follow(part(parameter, at))
                    .and_then(|part| Self::parameter(&part))
                else {
                    continue;
                };
                let same = |other: &TheirParameter<'_>| {
                    other.name == parameter.name && other.place == parameter.place
                };
                if !parameters.iter().any(same) {
                    parameters.push(parameter);
                }
            }
        }
        parameters
    }

    fn parameter<'d>(parameter: &Part<'d>) -> Option<TheirParameter<'d>> {
        let text = |key: &str| parameter.value.get(key).and_then(Value::as_str);
        let place = text("in")?.to_owned();
        // OpenAPI's default: `form`, which repeats the parameter, in the query.
        let form = text("style").unwrap_or("form") == "form";
        let explode = parameter.value.get("explode").and_then(Value::as_bool);
        Some(TheirParameter {
            name: text("name")?.to_owned(),
            required: parameter.value.get("required") == Some(&Value::Bool(true)),
            explode: explode.unwrap_or(place == "query" && form),
            schema: parameter.child("schema").or_else(|| Self::json(parameter)),
            pointer: parameter.pointer.clone(),
            place,
        })
    }

    /// Whether the operation takes a body, and its schema where that is JSON.
    #[allow(clippy::option_option)] // No body, and a body of which nothing is known: two things.
    pub(super) fn body(&self, operation: &TheirOperation) -> Option<Option<Part<'_>>> {
        let at = format!("{}/requestBody", operation.pointer);
        let body = self.at(&at)?;
        Some(
            self.follow(part(body, at))
                .and_then(|body| Self::json(&body)),
        )
    }

    /// Whether a call that succeeded is answered with a body, and its schema where that is JSON.
    #[allow(clippy::option_option)] // No body, and a body of which nothing is known: two things.
    pub(super) fn answer(&self, operation: &TheirOperation) -> Option<Option<Part<'_>>> {
        let at = format!("{}/responses", operation.pointer);
        let Some(responses) = self.at(&at).and_then(Value::as_object) else {
            return Some(None);
        };
        // By status.
        let mut good: BTreeMap<&str, &Value> = responses
            .iter()
            .map(|(status, response)| (status.as_str(), response))
            .collect();
        good.retain(|status, _| status.starts_with('2'));
        if good.is_empty() {
            // Beside others `default` is for errors; alone it is for all.
            good.extend(
                responses
                    .get("default")
                    .map(|response| ("default", response)),
            );
        }
        let mut body = good.is_empty();
        for (status, response) in good {
            let pointer = format!("{at}/{}", escape(status));
            let Some(response) = self.follow(part(response, pointer)) else {
                body = true;
                continue;
            };
            if let Some(schema) = Self::json(&response) {
                return Some(Some(schema));
            }
            body |= response.value.get("content").is_some();
        }
        body.then_some(None)
    }

    /// The schema of the JSON among the contents.
    fn json<'d>(part: &Part<'d>) -> Option<Part<'d>> {
        let content = part.child("content")?;
        let names = content.value.as_object()?;
        let media = names
            .keys()
            .find(|name| name.contains("json"))
            .or_else(|| names.keys().find(|name| *name == "*/*"))?
            .clone();
        content.child(&media)?.child("schema")
    }

    /// The components that bodies of requests are made of, directly or through others.
    pub(super) fn sent(&self) -> BTreeSet<String> {
        let mut sent = BTreeSet::new();
        let bodies = self.operations.iter().filter_map(|operation| {
            let at = format!("{}/requestBody", operation.pointer);
            self.at(&at)
        });
        let mut waiting: Vec<&Value> = bodies.collect();
        while let Some(value) = waiting.pop() {
            match value {
                Value::Object(members) => {
                    if let Some(reference) = members.get("$ref").and_then(Value::as_str)
                        && let Some(pointer) = local(reference)
                        && !sent.contains(&pointer)
                    {
                        waiting.extend(self.at(&pointer));
                        sent.insert(pointer);
                    }
                    waiting.extend(members.values());
                }
                Value::Array(elements) => waiting.extend(elements),
                _ => {}
            }
        }
        sent
    }

    fn at(&self, pointer: &str) -> Option<&Value> {
        self.root.pointer(pointer)
    }

    /// What a piece that is a reference leads to; the piece itself where it is none.
    pub(super) fn follow<'d>(&'d self, mut part: Part<'d>) -> Option<Part<'d>> {
        for _ in 0..MAX_REFERENCES {
            let reference = match part.value.get("$ref") {
                Some(Value::String(reference)) => reference.clone(),
                _ => return Some(part),
            };
            let Some(pointer) = local(&reference) else {
                self.note(format!(
                    "`{reference}` at `#{}` leads out of the document",
                    part.pointer
                ));
                return None;
            };
            let Some(value) = self.at(&pointer) else {
                self.note(format!(
                    "`{reference}` at `#{}` leads nowhere",
                    part.pointer
                ));
                return None;
            };
            part = self::part(value, pointer);
        }
        self.note(format!("`#{}` is a reference to itself", part.pointer));
        None
    }
}

impl<'d> Part<'d> {
    /// A member of it.
    pub(super) fn child(&self, name: &str) -> Option<Part<'d>> {
        let pointer = format!("{}/{}", self.pointer, escape(name));
        let value = match &self.value {
            Cow::Borrowed(value) => Cow::Borrowed(value.get(name)?),
            Cow::Owned(value) => Cow::Owned(value.get(name)?.clone()),
        };
        Some(Part { value, pointer })
    }
}

pub(super) fn part(value: &Value, pointer: String) -> Part<'_> {
    Part {
        value: Cow::Borrowed(value),
        pointer,
    }
}

/// A name as a segment of a JSON pointer.
pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The JSON pointer of a reference within the document.
fn local(reference: &str) -> Option<String> {
    let pointer = reference.strip_prefix('#')?;
    let decoded = percent_encoding::percent_decode_str(pointer).decode_utf8();
    decoded.ok().map(Cow::into_owned)
}
