//! The unified spec: verticals, entities, types.
//!
//! Records and what is in them are generated, so all of it must have a name. What is around records is for [`shapes`].

use std::sync::Arc;

use indexmap::IndexMap;

use super::shapes;
use crate::{
    diagnostic::{Diagnostic, Sink},
    plan::{
        PlanMember, PlanMemberType, PlanRoute, PlanShape, PlanType, PlanTypeKind,
        PlanUnifiedEntity, PlanUnifiedField, PlanUnifiedKind, PlanUnifiedOperation, PlanVertical,
    },
    source::Span,
    spec::{Spec, SpecKind, SpecOperation, SpecSchema},
};

/// The unified API, checked.
#[derive(Debug)]
pub(super) struct Unified {
    pub(super) path: String,
    pub(super) verticals: Vec<PlanVertical>,
    pub(super) routes: Vec<PlanRoute>,
    /// By name, as in `crm.account`.
    pub(super) entities: IndexMap<String, UnifiedEntity>,
    /// Groups of operations that are not about records, by name, as in `crm.object`.
    pub(super) free: IndexMap<String, UnifiedFree>,
}

impl Unified {
    /// The entities whose lists need no object to be named.
    pub(super) fn listed(&self) -> Vec<PlanUnifiedEntity> {
        let entities = self.entities.iter().filter_map(|(name, entity)| {
            let list = format!("{name}.list");
            let mut operations = self.verticals.iter().flat_map(|it| &it.operations);
            let operation = operations.find(|it| it.name == list)?;
            let is_list = matches!(operation.shape, PlanShape::List { .. });
            (is_list && operation.object_parameter.is_none()).then(|| PlanUnifiedEntity {
                name: name.clone(),
                list,
                fields: entity.columns(),
            })
        });
        entities.collect()
    }
}

/// Operations that are not about records.
#[derive(Debug)]
pub(super) struct UnifiedFree {
    pub(super) vertical: String,
    pub(super) name: String,
    /// By the last part of their names.
    pub(super) operations: IndexMap<String, SpecOperation>,
}

/// One entity, as its operations show it.
#[derive(Debug)]
pub(super) struct UnifiedEntity {
    pub(super) vertical: String,
    pub(super) name: String,
    pub(super) record: Arc<SpecSchema>,
    pub(super) input: Option<Arc<SpecSchema>>,
    /// By the last part of their names, as in `list`.
    pub(super) operations: IndexMap<String, PlanShape>,
}

impl UnifiedEntity {
    /// The fields of the record, but for the native record that travels in it.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&String, &Arc<SpecSchema>)> {
        fields(&self.record)
    }

    /// The fields that can be written and not read: the record has no such field, and calls must use them.
    pub(super) fn inputs(&self) -> impl Iterator<Item = (&String, &Arc<SpecSchema>)> {
        let written = self.input.as_deref().into_iter().flat_map(fields);
        written.filter(|(name, _)| self.record.member(name).is_none())
    }

    pub(super) fn input_has(&self, field: &str) -> bool {
        self.input
            .as_ref()
            .is_some_and(|input| input.member(field).is_some())
    }

    /// Whether any operation changes a record that exists.
    pub(super) fn updates(&self) -> bool {
        self.operations
            .values()
            .any(|shape| matches!(shape, PlanShape::Update { .. } | PlanShape::Upsert { .. }))
    }

    fn columns(&self) -> Vec<PlanUnifiedField> {
        let required = self.record.object().map(|object| &object.required);
        let columns = self.fields().map(|(name, schema)| PlanUnifiedField {
            name: name.clone(),
            kind: match &schema.kind {
                SpecKind::Text(text) if text.format.as_deref() == Some("date-time") => {
                    PlanUnifiedKind::Timestamp
                }
                SpecKind::Text(_) => PlanUnifiedKind::Text,
                SpecKind::Number { integer: true, .. } => PlanUnifiedKind::Integer,
                SpecKind::Number { .. } => PlanUnifiedKind::Number,
                SpecKind::Boolean => PlanUnifiedKind::Boolean,
                SpecKind::List(_) | SpecKind::Object(_) | SpecKind::Any => PlanUnifiedKind::Json,
            },
            always: !schema.nullable && required.is_some_and(|names| names.contains(name)),
        });
        columns.collect()
    }

    /// A component's name within the vertical.
    pub(super) fn short<'a>(&self, name: &'a str) -> &'a str {
        short(&self.vertical, name)
    }
}

/// The parameter of the path that names an object.
fn object_parameter(operation: &SpecOperation) -> Option<String> {
    let named = operation
        .parameters
        .iter()
        .find(|parameter| parameter.names_object);
    named.map(|parameter| parameter.name.clone())
}

/// The members that are fields: all but the ones with any content, which are the envelope's.
fn fields(schema: &SpecSchema) -> impl Iterator<Item = (&String, &Arc<SpecSchema>)> {
    let members = schema
        .object()
        .into_iter()
        .flat_map(|object| &object.properties);
    members.filter(|(_, schema)| !is_any_object(schema))
}

fn is_any_object(schema: &SpecSchema) -> bool {
    match &schema.kind {
        SpecKind::Any => true,
        SpecKind::Object(object) => object.properties.is_empty(),
        _ => false,
    }
}

pub(super) fn short<'a>(vertical: &str, name: &'a str) -> &'a str {
    name.strip_prefix(vertical)
        .and_then(|rest| rest.strip_prefix('.'))
        .unwrap_or(name)
}

pub(super) fn check(spec: &Spec, sink: &Sink) -> Unified {
    let mut checker = Checker {
        spec,
        sink,
        unified: Unified {
            path: spec.path.clone(),
            verticals: Vec::new(),
            routes: Vec::new(),
            entities: IndexMap::new(),
            free: IndexMap::new(),
        },
        reached: IndexMap::new(),
        names: IndexMap::new(),
    };
    for operation in spec.operations.values() {
        checker.operation(operation);
    }
    checker.types();
    checker.unified
}

struct Checker<'a> {
    spec: &'a Spec,
    sink: &'a Sink,
    unified: Unified,
    /// The types in use: `(vertical, component)` → `(in answers, in requests)`.
    reached: IndexMap<(String, String), (bool, bool)>,
    /// The operations so far, and where each is named.
    names: IndexMap<String, Span>,
}

impl Checker<'_> {
    fn operation(&mut self, operation: &SpecOperation) {
        let Some(name) = &operation.name else {
            let message = format!("`{}` has no `x-operation`", operation.id);
            self.sink.push(
                Diagnostic::new("missing-key", message, operation.span)
                    .help("say `x-operation: <vertical>.<entity>.<verb>`"),
            );
            return;
        };
        if let Some(first) = self.names.insert(name.value.clone(), name.span) {
            let message = format!("two operations are called `{}`", name.value);
            self.sink.push(
                Diagnostic::new("duplicate-operation-id", message, name.span)
                    .other(first, "the first one"),
            );
            return;
        }
        if operation.is_own {
            // What it takes and answers is for the code that is written for it.
            self.route(operation, &name.value, operation.method != "GET");
            return;
        }
        let Some((vertical, entity, verb)) = split_name(&name.value) else {
            let message = format!("`{}` is not `<vertical>.<entity>.<verb>`", name.value);
            self.sink.push(Diagnostic::new(
                "unknown-operation-shape",
                message,
                name.span,
            ));
            return;
        };
        if operation.is_free_form {
            self.free(operation, &name.value, vertical, entity, verb);
            return;
        }
        let Some(shape) = shapes::check(operation, vertical, self.sink) else {
            return;
        };
        self.reach(vertical, &shape.record, true);
        if let Some(input) = &shape.input {
            self.reach(vertical, input, false);
        }
        self.route(operation, &name.value, shape.input.is_some());
        let at = self.vertical(vertical);
        self.unified.verticals[at]
            .operations
            .push(PlanUnifiedOperation {
                name: name.value.clone(),
                doc: operation.doc.clone(),
                shape: shape.plan.clone(),
                object_parameter: object_parameter(operation),
            });
        let known = self
            .unified
            .entities
            .entry(format!("{vertical}.{entity}"))
            .or_insert_with(|| UnifiedEntity {
                vertical: vertical.to_owned(),
                name: entity.to_owned(),
                record: Arc::clone(&shape.record),
                input: None,
                operations: IndexMap::new(),
            });
        if known.record.name != shape.record.name {
            let message = format!(
                "`{}` answers another record than the other operations of `{entity}`",
                name.value
            );
            self.sink.push(Diagnostic::new(
                "unknown-operation-shape",
                message,
                name.span,
            ));
        }
        if let (Some(first), Some(input)) = (&known.input, &shape.input)
            && first.name != input.name
        {
            let message = format!(
                "`{}` takes another record than the other operations of `{entity}`",
                name.value
            );
            self.sink.push(Diagnostic::new(
                "unknown-operation-shape",
                message,
                name.span,
            ));
        }
        known.input = known.input.take().or(shape.input);
        known.operations.insert(verb.to_owned(), shape.plan);
    }

    fn route(&mut self, operation: &SpecOperation, name: &str, writes: bool) {
        self.unified.routes.push(PlanRoute {
            method: operation.method.clone(),
            path: operation.path.clone(),
            operation: name.to_owned(),
            writes,
            is_own: operation.is_own,
        });
    }

    /// An operation that is not about records: its body has a type, so that a wrong one is refused with its place.
    fn free(
        &mut self,
        operation: &SpecOperation,
        name: &str,
        vertical: &str,
        entity: &str,
        verb: &str,
    ) {
        if let Some(body) = &operation.body {
            self.reach(vertical, body, false);
        }
        self.route(operation, name, operation.method != "GET");
        let at = self.vertical(vertical);
        self.unified.verticals[at]
            .operations
            .push(PlanUnifiedOperation {
                name: name.to_owned(),
                doc: operation.doc.clone(),
                shape: PlanShape::Free,
                object_parameter: object_parameter(operation),
            });
        let free = self
            .unified
            .free
            .entry(format!("{vertical}.{entity}"))
            .or_insert_with(|| UnifiedFree {
                vertical: vertical.to_owned(),
                name: entity.to_owned(),
                operations: IndexMap::new(),
            });
        free.operations.insert(verb.to_owned(), operation.clone());
    }

    fn vertical(&mut self, name: &str) -> usize {
        let verticals = &mut self.unified.verticals;
        verticals
            .iter()
            .position(|vertical| vertical.name == name)
            .unwrap_or_else(|| {
                verticals.push(PlanVertical {
                    name: name.to_owned(),
                    types: Vec::new(),
                    operations: Vec::new(),
                    sources: vec![self.spec.path.clone()],
                });
                verticals.len() - 1
            })
    }

    fn reach(&mut self, vertical: &str, schema: &SpecSchema, answer: bool) {
        if let SpecKind::List(items) = &schema.kind {
            return self.reach(vertical, items, answer);
        }
        let named = match &schema.kind {
            SpecKind::Object(object) => !object.properties.is_empty(),
            SpecKind::Text(text) => !text.values.is_empty(),
            _ => false,
        };
        if !named {
            return;
        }
        let Some(name) = &schema.name else {
            let message = format!(
                "{} without a name: no type could be called after it",
                schema.kind_name()
            );
            let help = "make it a component and refer to it";
            self.sink
                .push(Diagnostic::new("unnamed-schema", message, schema.span).help(help));
            return;
        };
        let (answers, requests) = self
            .reached
            .entry((vertical.to_owned(), name.clone()))
            .or_default();
        let seen = std::mem::replace(if answer { answers } else { requests }, true);
        if !seen {
            for member in schema
                .object()
                .into_iter()
                .flat_map(|object| object.properties.values())
            {
                self.reach(vertical, member, answer);
            }
        }
    }

    /// The reached types, in the order of the spec.
    fn types(&mut self) {
        for (name, schema) in &self.spec.schemas {
            for at in 0..self.unified.verticals.len() {
                let vertical = self.unified.verticals[at].name.clone();
                let Some((in_answers, in_requests)) =
                    self.reached.get(&(vertical.clone(), name.clone())).copied()
                else {
                    continue;
                };
                let kind = match &schema.kind {
                    SpecKind::Text(text) => PlanTypeKind::Enum(text.values.clone()),
                    _ => PlanTypeKind::Struct(self.members(schema, &vertical)),
                };
                self.unified.verticals[at].types.push(PlanType {
                    name: short(&vertical, name).to_owned(),
                    doc: schema.doc.clone(),
                    kind,
                    in_answers,
                    in_requests,
                });
            }
        }
    }

    fn members(&self, schema: &SpecSchema, vertical: &str) -> Vec<PlanMember> {
        let Some(object) = schema.object() else {
            return Vec::new();
        };
        let members = object.properties.iter().filter_map(|(name, member)| {
            Some(PlanMember {
                name: name.clone(),
                doc: member.doc.clone(),
                ty: self.member_type(member, vertical)?,
                required: object.required.contains(name),
                nullable: member.nullable,
            })
        });
        members.collect()
    }

    fn member_type(&self, schema: &SpecSchema, vertical: &str) -> Option<PlanMemberType> {
        Some(match &schema.kind {
            SpecKind::Text(text) if !text.values.is_empty() => {
                PlanMemberType::Named(short(vertical, schema.name.as_deref()?).to_owned())
            }
            SpecKind::Text(text) if text.format.as_deref() == Some("date-time") => {
                PlanMemberType::Timestamp
            }
            SpecKind::Text(_) => PlanMemberType::Text,
            SpecKind::Number { .. } => PlanMemberType::Number,
            SpecKind::Boolean => PlanMemberType::Boolean,
            SpecKind::List(items) => {
                PlanMemberType::List(Box::new(self.member_type(items, vertical)?))
            }
            SpecKind::Object(object) if object.properties.is_empty() => PlanMemberType::Open,
            SpecKind::Object(_) => {
                PlanMemberType::Named(short(vertical, schema.name.as_deref()?).to_owned())
            }
            // What operations by templates take is not looked into.
            SpecKind::Any if schema.doc.is_some() => PlanMemberType::Any,
            SpecKind::Any => {
                self.unsupported(schema.span);
                return None;
            }
        })
    }

    fn unsupported(&self, span: Span) {
        let message = "no type can be made of this: say `type`";
        self.sink
            .push(Diagnostic::new("unsupported-schema", message, span));
    }
}

/// `crm.account.list` → `crm`, `account`, `list`.
fn split_name(name: &str) -> Option<(&str, &str, &str)> {
    let (vertical, rest) = name.split_once('.')?;
    let (entity, verb) = rest.rsplit_once('.')?;
    let parts = [vertical, entity, verb];
    parts
        .iter()
        .all(|part| !part.is_empty())
        .then_some((vertical, entity, verb))
}
