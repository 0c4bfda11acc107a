//! Which lines of the mappings a change breaks: the change is made in our spec, and the checks are run.
//!
//! So the answer is the generator's own, and whatever the mapping language learns is understood here as well. What a
//! mapping uses is found in the same way: a thing is taken away, and the lines that then fail use it. Things are renamed
//! instead of removed, since an object without members would count as one of which nothing is said.

use std::sync::Arc;

use indexmap::IndexMap;

use super::Line;
use crate::{
    check,
    diagnostic::Sink,
    load::{Input, InputProvider},
    source::{Sources, Span},
    spec::{Spec, SpecKind, SpecObject, SpecParameter, SpecSchema},
};

/// A name that no spec and no mapping has.
pub(super) const NOBODY: &str = "\u{0}";

/// Where a schema hangs in our spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Root {
    Native(String),
    Body(String),
    Answer(String),
    Parameter(String, usize),
}

/// A schema in our spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) root: Root,
    pub(super) path: Vec<Segment>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    Member(String),
    Items,
}

impl Spot {
    /// The way to it, as mappings write it.
    pub(super) fn dotted(&self) -> String {
        let segments = self.path.iter().map(|segment| match segment {
            Segment::Member(name) => name.as_str(),
            Segment::Items => "[]",
        });
        segments.collect::<Vec<_>>().join(".")
    }

    pub(super) fn then(&self, segment: Segment) -> Self {
        let mut path = self.path.clone();
        path.push(segment);
        Self {
            root: self.root.clone(),
            path,
        }
    }
}

/// A change of our spec.
#[derive(Debug, Clone)]
pub(super) enum Alteration {
    NoOperation(String),
    NoSchema(String),
    NoBody(String),
    NoAnswer(String),
    NoParameter(String, usize),
    NeedsParameter(String, SpecParameter),
    /// The values of a list become a parameter each, or one parameter together.
    Explode(String, usize, bool),
    NoMember(Spot, String),
    /// The member must be given; where it is new, anything.
    NeedsMember(Spot, String),
    ReadOnly(Spot),
    Kind(Spot, SpecKind),
}

impl Alteration {
    /// The one that takes away what is at a spot, so that whatever uses it fails.
    pub(super) fn without(spot: &Spot) -> Self {
        let last = spot
            .path
            .iter()
            .rposition(|segment| matches!(segment, Segment::Member(_)));
        if let Some(last) = last
            && let Segment::Member(name) = &spot.path[last]
        {
            let around = Spot {
                root: spot.root.clone(),
                path: spot.path[..last].to_vec(),
            };
            return Self::NoMember(around, name.clone());
        }
        match &spot.root {
            Root::Native(name) => Self::NoSchema(name.clone()),
            Root::Body(id) => Self::NoBody(id.clone()),
            Root::Answer(id) => Self::NoOperation(id.clone()),
            Root::Parameter(id, index) => Self::NoParameter(id.clone(), *index),
        }
    }
}

/// Our side, ready to be altered.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    input: Input,
    sources: &'a Sources,
}

impl<'a> Trial<'a> {
    /// With mappings and specs in which nothing is wrong yet, of the one provider that is looked at. Its `document` must
    /// have been taken out: it names what is about to vanish, and does not break by it.
    pub(super) fn new(input: Input, sources: &'a Sources) -> Self {
        Self { input, sources }
    }

    pub(super) fn provider(&self) -> &InputProvider {
        &self.input.providers[0]
    }

    /// The lines that fail once our spec is altered.
    pub(super) fn lines(&mut self, alteration: &Alteration) -> Vec<Line> {
        let spec = &mut self.input.providers[0].spec;
        let before = (spec.operations.clone(), spec.schemas.clone());
        alter(spec, alteration);
        let sink = Sink::default();
        check::check(&self.input, self.sources, &sink);
        let spec = &mut self.input.providers[0].spec;
        (spec.operations, spec.schemas) = before;
        let spec = spec.file;
        let mut diagnostics = sink.into_sorted(self.sources);
        if matches!(alteration, Alteration::NoOperation(_)) {
            // What its answer would have given is missing as well, which says nothing more.
            diagnostics.retain(|diagnostic| diagnostic.id == "unknown-native-operation");
        }
        let lines = diagnostics.into_iter().map(|diagnostic| Line {
            span: diagnostic.primary.span,
            text: diagnostic.message,
        });
        lines.filter(|line| line.span.file != spec).collect()
    }
}

fn alter(spec: &mut Spec, alteration: &Alteration) {
    match alteration {
        Alteration::NoOperation(id) => rename(&mut spec.operations, id),
        Alteration::NoSchema(name) => rename(&mut spec.schemas, name),
        Alteration::NoBody(id) => {
            if let Some(operation) = spec.operations.get_mut(id) {
                operation.body = None;
            }
        }
        Alteration::NoAnswer(id) => {
            if let Some(operation) = spec.operations.get_mut(id) {
                operation.answer = None;
            }
        }
        Alteration::NoParameter(id, index) => {
            if let Some(parameter) = parameter(spec, id, *index) {
                NOBODY.clone_into(&mut parameter.name);
                parameter.required = false;
            }
        }
        Alteration::NeedsParameter(id, needed) => {
            if let Some(operation) = spec.operations.get_mut(id) {
                let same = |known: &&mut SpecParameter| {
                    known.name == needed.name && known.place == needed.place
                };
                match operation.parameters.iter_mut().find(same) {
                    Some(known) => known.required = true,
                    None => operation.parameters.push(needed.clone()),
                }
            }
        }
        Alteration::Explode(id, index, explode) => {
            if let Some(parameter) = parameter(spec, id, *index) {
                parameter.explode = *explode;
            }
        }
        Alteration::NoMember(spot, name) => {
            if let Some(object) = object(spec, spot) {
                rename(&mut object.properties, name);
                object.required.retain(|required| required != name);
            }
        }
        Alteration::NeedsMember(spot, name) => {
            if let Some(around) = schema(spec, spot) {
                let span = around.span;
                if let SpecKind::Object(object) = &mut around.kind {
                    let member = object.properties.entry(name.clone());
                    member.or_insert_with(|| anything(span));
                    object.required.push(name.clone());
                }
            }
        }
        Alteration::ReadOnly(spot) => {
            if let Some(schema) = schema(spec, spot) {
                schema.read_only = true;
            }
        }
        Alteration::Kind(spot, kind) => {
            if let Some(schema) = schema(spec, spot) {
                schema.kind = kind.clone();
            }
        }
    }
}

/// A schema that says nothing.
pub(super) fn anything(span: Span) -> Arc<SpecSchema> {
    Arc::new(SpecSchema {
        name: None,
        span,
        doc: None,
        nullable: false,
        read_only: false,
        create_only: false,
        object_name: None,
        is_record: false,
        kind: SpecKind::Any,
    })
}

/// Gives an entry a name that nobody asks for, and leaves it in its place.
fn rename<T>(map: &mut IndexMap<String, T>, name: &str) {
    *map = std::mem::take(map)
        .into_iter()
        .map(|(key, value)| {
            if key == name {
                (NOBODY.to_owned(), value)
            } else {
                (key, value)
            }
        })
        .collect();
}

fn parameter<'s>(spec: &'s mut Spec, id: &str, index: usize) -> Option<&'s mut SpecParameter> {
    spec.operations.get_mut(id)?.parameters.get_mut(index)
}

fn object<'s>(spec: &'s mut Spec, spot: &Spot) -> Option<&'s mut SpecObject> {
    match &mut schema(spec, spot)?.kind {
        SpecKind::Object(object) => Some(object),
        _ => None,
    }
}

/// The schema at a spot, no longer shared with any other.
fn schema<'s>(spec: &'s mut Spec, spot: &Spot) -> Option<&'s mut SpecSchema> {
    let root = match &spot.root {
        Root::Native(name) => spec.schemas.get_mut(name)?,
        Root::Body(id) => spec.operations.get_mut(id)?.body.as_mut()?,
        Root::Answer(id) => spec.operations.get_mut(id)?.answer.as_mut()?,
        Root::Parameter(id, index) => &mut parameter(spec, id, *index)?.schema,
    };
    let mut schema = Arc::make_mut(root);
    for segment in &spot.path {
        let next = match (&mut schema.kind, segment) {
            (SpecKind::Object(object), Segment::Member(name)) => object.properties.get_mut(name)?,
            (SpecKind::List(items), Segment::Items) => items,
            _ => return None,
        };
        schema = Arc::make_mut(next);
    }
    Some(schema)
}
