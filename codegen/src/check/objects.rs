//! The native object that a call is about: named in the path or in a query, or else the one that the call belongs to.
//!
//! The spec says of a text that it names an object or a field (`x-takes`), or that it is a query (`x-query`); then what
//! a mapping has there is held against the object's schema.

use super::select;
use crate::{
    diagnostic::{Diagnostic, Sink},
    mapping::{MappingEntity, call::MappingCall},
    source::{Span, Text, yaml::NodeKind},
    spec::{Spec, SpecName, SpecOperation, SpecParameterPlace, SpecSchema},
};

/// An object of the spec.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'a> {
    /// As the API calls it.
    pub(super) name: &'a str,
    pub(super) schema: &'a SpecSchema,
}

/// What a call may be about.
#[derive(Debug, Clone, Copy)]
pub(super) enum About<'a> {
    /// The entity's records and nothing else.
    Entity,
    /// The entity's records where nothing else is named.
    Part,
    /// Records of this object and nothing else.
    Object(Object<'a>),
    /// Whatever is named.
    Anything,
}

/// Where objects and their fields are looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Objects<'a> {
    pub(super) spec: &'a Spec,
    pub(super) mapping: &'a MappingEntity,
    /// The entity's own; none where operations are not about records.
    pub(super) entity: Option<Object<'a>>,
    /// The member of a record that holds its fields.
    pub(super) fields_in: Option<&'a str>,
    pub(super) sink: &'a Sink,
}

impl<'a> Objects<'a> {
    /// The object that a call is about, if that is known.
    pub(super) fn of(
        &self,
        call: &MappingCall,
        operation: &SpecOperation,
        about: About<'a>,
    ) -> Option<Object<'a>> {
        let mut object = match about {
            About::Entity | About::Part => self.entity,
            About::Object(object) => Some(object),
            About::Anything => None,
        };
        for parameter in &operation.parameters {
            let given = match parameter.place {
                SpecParameterPlace::Path => &call.path,
                _ => &call.query,
            };
            let given = given.iter().find(|(name, _)| name.value == parameter.name);
            let text = given.and_then(|(_, node)| match &node.kind {
                NodeKind::Scalar { text, .. } if !text.starts_with('$') => Some(Text {
                    value: text.clone(),
                    span: node.span,
                }),
                _ => None,
            });
            if parameter.schema.is_query() {
                if let Some(text) = text {
                    object = select::check(&text, about, self);
                }
            } else if parameter.schema.takes() == Some(SpecName::Object) {
                let named = match (text, given) {
                    (Some(text), _) => self.named(&text, about),
                    (None, None) => self.bound(&parameter.name, call, about),
                    (None, Some(_)) => None,
                };
                object = named;
            }
        }
        object
    }

    /// What is bound for all calls of the entity names its object.
    fn bound(&self, parameter: &str, call: &MappingCall, about: About<'a>) -> Option<Object<'a>> {
        let mut bind = self.mapping.bind.iter();
        let (_, bound) = bind.find(|(name, _)| name.value == parameter)?;
        let object = self.named(bound, About::Entity)?;
        Some(match about {
            About::Object(wanted) => self.only(object, wanted, call.operation.span),
            About::Entity | About::Part | About::Anything => object,
        })
    }

    /// The object of a name; what a call is about says which it may be.
    pub(super) fn named(&self, name: &Text, about: About<'a>) -> Option<Object<'a>> {
        let known = || self.spec.objects();
        let Some((called, schema)) = known().find(|(known, _)| *known == name.value) else {
            let message = format!("there is no native object `{}`", name.value);
            self.sink.push(
                Diagnostic::new("unknown-native-schema", message, name.span)
                    .label(format!("not in {}", self.spec.path))
                    .nearest(&name.value, known().map(|(known, _)| known)),
            );
            return None;
        };
        let object = Object {
            name: called,
            schema,
        };
        let wanted = match about {
            About::Entity => self.entity,
            About::Object(wanted) => Some(wanted),
            About::Part | About::Anything => None,
        };
        Some(wanted.map_or(object, |wanted| self.only(object, wanted, name.span)))
    }

    /// The object that is wanted, and a fault where another one is named.
    fn only(&self, object: Object<'a>, wanted: Object<'a>, at: Span) -> Object<'a> {
        if object.name != wanted.name {
            let message = format!(
                "this is about `{}`, and the records here are of `{}`",
                object.name, wanted.name
            );
            self.sink.push(
                Diagnostic::new("wrong-object", message, at)
                    .other(wanted.schema.span, "the object of the records"),
            );
        }
        wanted
    }

    /// Whether the object has a field of this name.
    pub(super) fn has_field(&self, object: Object<'_>, name: &str) -> bool {
        let nowhere = Sink::default();
        let objects = Objects {
            sink: &nowhere,
            ..*self
        };
        objects.check_field(object, name, |_, _| self.mapping.native.span);
        nowhere.is_empty()
    }

    /// Refuses the name of a field that the object does not have.
    pub(super) fn check_field(
        &self,
        object: Object<'_>,
        name: &str,
        at: impl Fn(usize, usize) -> Span,
    ) {
        let fields = self.fields_in.and_then(|name| object.schema.member(name));
        let mut schema = fields.map_or(object.schema, |fields| fields);
        let mut offset = 0;
        for part in name.split('.') {
            if schema.is_open() {
                return;
            }
            let Some(member) = schema.member(part) else {
                let known = schema.object().into_iter();
                let known = known.flat_map(|object| object.properties.keys());
                let message = format!("`{}` has no field `{name}`", object.name);
                self.sink.push(
                    Diagnostic::new("unknown-native-field", message, at(offset, part.len()))
                        .label(format!("not in {}", self.spec.path))
                        .nearest(part, known.map(String::as_str)),
                );
                return;
            };
            schema = member;
            offset += part.len() + 1;
        }
    }
}
