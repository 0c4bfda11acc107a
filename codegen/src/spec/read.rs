//! The document → operations and components.

use indexmap::IndexMap;
use openapiv3::{
    MediaType, Operation, Parameter, ParameterData, ParameterSchemaOrContent, PathItem, StatusCode,
};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Spec, SpecOperation, SpecParameter, SpecParameterPlace,
    resolve::{Resolver, escape},
};
use crate::{
    diagnostic::{Diagnostic, Sink},
    source::{FileId, Sources, Text, yaml},
};

/// Reads a spec. Without one there is at least one diagnostic that says why.
pub fn read(sources: &Sources, file: FileId, sink: &Sink) -> Option<Spec> {
    let node = yaml::parse(sources, file, sink)?;
    let document = node.to_json();
    let version = document
        .get("openapi")
        .and_then(Value::as_str)
        .unwrap_or_default();
    if !version.starts_with("3.0.") {
        let at = node.at_pointer("/openapi").span;
        sink.push(
            Diagnostic::new("bad-spec", "this is not OpenAPI 3.0", at)
                .help("begin with `openapi: 3.0.3`"),
        );
        return None;
    }
    let mut reader = Reader {
        resolver: Resolver::new(&document, &node, sink),
        operations: IndexMap::new(),
    };
    let names = document
        .pointer("/components/schemas")
        .and_then(Value::as_object);
    let schemas = names
        .into_iter()
        .flat_map(serde_json::Map::keys)
        .filter_map(|name| Some((name.clone(), reader.resolver.component(name)?)))
        .collect();
    for (path, item) in document
        .get("paths")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        reader.path(path, item);
    }
    let operations = reader.operations;
    Some(Spec {
        file,
        path: sources.file(file).path.clone(),
        schemas,
        operations,
        node,
    })
}

struct Reader<'a> {
    resolver: Resolver<'a>,
    operations: IndexMap<String, SpecOperation>,
}

impl Reader<'_> {
    fn path(&mut self, path: &str, item: &Value) {
        let pointer = format!("/paths/{}", escape(path));
        let Some(item) = self.resolver.typed::<PathItem>(item, &pointer) else {
            return;
        };
        let common = self.parameters(&item.parameters, &pointer);
        for (method, operation) in item.iter() {
            self.operation(
                path,
                method,
                operation,
                &common,
                &format!("{pointer}/{method}"),
            );
        }
    }

    fn operation(
        &mut self,
        path: &str,
        method: &str,
        operation: &Operation,
        common: &[SpecParameter],
        pointer: &str,
    ) {
        let span = self.resolver.span(pointer);
        let Some(id) = operation.operation_id.clone() else {
            let method = method.to_uppercase();
            let message =
                format!("`{method} {path}` has no `operationId`: no mapping could name it");
            self.resolver
                .sink
                .push(Diagnostic::new("missing-key", message, span));
            return;
        };
        let mut parameters = self.parameters(&operation.parameters, pointer);
        for parameter in common {
            let own =
                |own: &SpecParameter| own.name == parameter.name && own.place == parameter.place;
            if !parameters.iter().any(own) {
                parameters.push(parameter.clone());
            }
        }
        self.check_path(path, &parameters, pointer);
        let body = operation.request_body.as_ref().and_then(|body| {
            let (body, pointer) =
                self.resolver
                    .item(body, "requestBodies", &format!("{pointer}/requestBody"))?;
            self.json(&body.content, &pointer)
        });
        let is_xml = operation.request_body.as_ref().is_some_and(|body| {
            let kinds = body.as_item().map(|body| body.content.keys());
            kinds.is_some_and(|mut kinds| kinds.any(|kind| kind.contains("xml")))
        });
        let says = |extension: &str| {
            let said = operation.extensions.get(extension);
            said.and_then(Value::as_bool).unwrap_or(false)
        };
        let answer = self.answer(operation, pointer);
        let id_span = self.resolver.span(&format!("{pointer}/operationId"));
        let name = operation
            .extensions
            .get("x-operation")
            .and_then(Value::as_str)
            .map(|name| Text {
                value: name.to_owned(),
                span: self.resolver.span(&format!("{pointer}/x-operation")),
            });
        let read = SpecOperation {
            id: id.clone(),
            span: id_span,
            name,
            doc: operation
                .description
                .clone()
                .or_else(|| operation.summary.clone()),
            method: method.to_uppercase(),
            path: path.to_owned(),
            parameters,
            body,
            answer,
            is_xml,
            is_free_form: says("x-free-form"),
            is_own: says("x-own"),
        };
        if let Some(first) = self.operations.get(&id) {
            let message = format!("two operations have the id `{id}`");
            self.resolver.sink.push(
                Diagnostic::new("duplicate-operation-id", message, id_span)
                    .other(first.span, "the first one"),
            );
        } else {
            self.operations.insert(id, read);
        }
    }

    /// Every `{parameter}` of the path must be declared.
    fn check_path(&self, path: &str, parameters: &[SpecParameter], pointer: &str) {
        for name in path_parameters(path) {
            let declared = |parameter: &SpecParameter| {
                parameter.place == SpecParameterPlace::Path && parameter.name == name
            };
            if !parameters.iter().any(declared) {
                let message =
                    format!("`{{{name}}}` of the path `{path}` is not among the parameters");
                let span = self.resolver.span(pointer);
                self.resolver
                    .sink
                    .push(Diagnostic::new("undeclared-parameter", message, span));
            }
        }
    }

    fn parameters(
        &mut self,
        list: &[openapiv3::ReferenceOr<Parameter>],
        pointer: &str,
    ) -> Vec<SpecParameter> {
        let mut parameters = Vec::new();
        for (index, parameter) in list.iter().enumerate() {
            let pointer = format!("{pointer}/parameters/{index}");
            if let Some((parameter, pointer)) =
                self.resolver.item(parameter, "parameters", &pointer)
            {
                parameters.extend(self.parameter(&parameter, &pointer));
            }
        }
        parameters
    }

    fn parameter(&mut self, parameter: &Parameter, pointer: &str) -> Option<SpecParameter> {
        let (data, place): (&ParameterData, _) = match parameter {
            Parameter::Path { parameter_data, .. } => (parameter_data, SpecParameterPlace::Path),
            Parameter::Query { parameter_data, .. } => (parameter_data, SpecParameterPlace::Query),
            Parameter::Header { parameter_data, .. } | Parameter::Cookie { parameter_data, .. } => {
                (parameter_data, SpecParameterPlace::Other)
            }
        };
        let schema = match &data.format {
            ParameterSchemaOrContent::Schema(schema) => {
                self.resolver.schema(schema, &format!("{pointer}/schema"))?
            }
            ParameterSchemaOrContent::Content(content) => self.json(content, pointer)?,
        };
        Some(SpecParameter {
            name: data.name.clone(),
            place,
            required: data.required,
            // OpenAPI's default for the query.
            explode: data.explode.unwrap_or(place == SpecParameterPlace::Query),
            names_object: data
                .extensions
                .get("x-names-object")
                .and_then(Value::as_bool)
                .unwrap_or(false),
            schema,
        })
    }

    fn answer(
        &mut self,
        operation: &Operation,
        pointer: &str,
    ) -> Option<std::sync::Arc<super::SpecSchema>> {
        let success = |status: &StatusCode| match status {
            StatusCode::Code(code) => (200..300).contains(code),
            StatusCode::Range(range) => *range == 2,
        };
        for (status, response) in operation
            .responses
            .responses
            .iter()
            .filter(|(status, _)| success(status))
        {
            let pointer = format!("{pointer}/responses/{status}");
            let Some((response, pointer)) = self.resolver.item(response, "responses", &pointer)
            else {
                continue;
            };
            if let Some(schema) = self.json(&response.content, &pointer) {
                return Some(schema);
            }
        }
        None
    }

    /// The schema of the JSON or the XML among the contents.
    fn json(
        &mut self,
        content: &IndexMap<String, MediaType>,
        pointer: &str,
    ) -> Option<std::sync::Arc<super::SpecSchema>> {
        let (name, media) = content.iter().find(|(name, _)| is_structured(name))?;
        let pointer = format!("{pointer}/content/{}/schema", escape(name));
        self.resolver.schema(media.schema.as_ref()?, &pointer)
    }
}

/// Whether contents of this kind have members.
fn is_structured(kind: &str) -> bool {
    kind.contains("json") || kind.contains("xml")
}

/// The names in braces.
pub(crate) fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
}

impl Resolver<'_> {
    /// A piece of the document as `openapiv3` knows it.
    pub(super) fn typed<T: DeserializeOwned>(&self, value: &Value, pointer: &str) -> Option<T> {
        match serde_json::from_value(value.clone()) {
            Ok(value) => Some(value),
            Err(error) => {
                let message = format!("this is not what OpenAPI 3.0 has at `{pointer}`: {error}");
                self.sink
                    .push(Diagnostic::new("bad-spec", message, self.span(pointer)));
                None
            }
        }
    }
}
