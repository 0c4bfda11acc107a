//! Schemas of ours and of theirs, side by side.
//!
//! The walk follows ours, which is a tree without circles; theirs is only looked at where ours leads. What comes out are
//! candidates: differences of which it is not known yet whether any mapping minds.

use std::collections::BTreeSet;

use super::{
    document::{Document, Part},
    subject::{Of, Subject},
    theirs::{Kind, Member, Theirs},
    trial::{Alteration, NOBODY, Root, Segment, Spot},
};
use crate::{
    diagnostic::listed,
    source::Span,
    spec::{SpecKind, SpecObject, SpecSchema, SpecText},
};

/// A difference.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) id: &'static str,
    /// For programs.
    pub(super) subject: String,
    pub(super) message: String,
    /// Where our spec says it.
    pub(super) ours: Span,
    /// Where theirs does, as in `#/paths/…`, with the document before it.
    pub(super) theirs: String,
    /// What breaks the mappings that mind.
    pub(super) breaks: Option<Alteration>,
    /// What breaks the mappings that use it at all.
    pub(super) uses: Option<Alteration>,
    /// A native field, as a dotted path, that mappings may name in texts, which the checks do not look into.
    pub(super) named: Option<String>,
    /// Each record that is written must have it, mapped or not.
    pub(super) for_writes: bool,
}

/// Which way values go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// To the provider, in a body.
    Sent,
    /// To the provider, in a query, where all is text.
    Query,
    /// From the provider.
    Received,
    /// Native objects go both ways; `sent` when their document has them in a request.
    Both { sent: bool },
}

pub(super) struct Comparison<'d> {
    pub(super) document: &'d Document,
    pub(super) direction: Direction,
    pub(super) found: Vec<Candidate>,
}

/// One schema of ours on the walk.
struct At<'s> {
    ours: &'s SpecSchema,
    spot: Spot,
    subject: Subject,
}

impl<'d> Comparison<'d> {
    pub(super) fn schema(&mut self, ours: &SpecSchema, theirs: &Part<'d>, root: Root, of: Of) {
        let spot = Spot {
            root,
            path: Vec::new(),
        };
        let subject = Subject::whole(of);
        self.walk(
            At {
                ours,
                spot,
                subject,
            },
            theirs,
        );
    }

    fn walk(&mut self, mut at: At<'_>, part: &Part<'d>) {
        if let Some(name) = &at.ours.name {
            at.subject = Subject::whole(Of::Component(name.clone()));
        }
        let theirs = Theirs::read(self.document, part);
        let sends = matches!(self.direction, Direction::Sent | Direction::Both { .. });
        let member = matches!(at.spot.path.last(), Some(Segment::Member(_)));
        if sends && member && theirs.read_only && !at.ours.read_only {
            let message = format!("{} is read-only in their document", at.subject);
            let change = Alteration::ReadOnly(at.spot.clone());
            self.push("field-read-only", &at, &theirs.pointer, message, change);
        }
        if self.kind(&at, &theirs) {
            return;
        }
        match &at.ours.kind {
            SpecKind::Object(object) => self.object(&at, object, &theirs),
            SpecKind::List(items) => {
                if let Some(part) = theirs.items {
                    let at = At {
                        ours: items,
                        spot: at.spot.then(Segment::Items),
                        subject: at.subject.items(),
                    };
                    self.walk(at, &part);
                }
            }
            SpecKind::Text(text) => self.values(&at, text, &theirs),
            SpecKind::Number { .. } | SpecKind::Boolean | SpecKind::Any => {}
        }
    }

    fn object(&mut self, at: &At<'_>, object: &SpecObject, theirs: &Theirs<'d>) {
        for (name, ours) in &object.properties {
            if self.direction == Direction::Sent && ours.read_only {
                continue;
            }
            let member = At {
                ours,
                spot: at.spot.then(Segment::Member(name.clone())),
                subject: at.subject.member(name),
            };
            match theirs.member(name) {
                Member::There(part) => self.walk(member, &part),
                Member::NotSaid => {}
                Member::Gone => {
                    let message = format!("{} is not in their document", member.subject);
                    let change = Alteration::without(&member.spot);
                    self.push("field-vanished", &member, &theirs.pointer, message, change);
                    if let (Root::Native(_), Some(last)) = (&at.spot.root, self.found.last_mut()) {
                        last.named = Some(at.spot.then(Segment::Member(name.clone())).dotted());
                    }
                }
            }
        }
        if matches!(
            self.direction,
            Direction::Sent | Direction::Both { sent: true }
        ) {
            self.required(at, object, theirs);
        }
    }

    /// What must be given now, and need not have been.
    fn required(&mut self, at: &At<'_>, object: &SpecObject, theirs: &Theirs<'d>) {
        let new = theirs.required.iter();
        for name in new.filter(|name| !object.required.contains(name)) {
            let read_only = theirs
                .members
                .get(name)
                .is_some_and(|part| Theirs::read(self.document, part).read_only);
            let ours = object.properties.get(name);
            if read_only || ours.is_some_and(|ours| ours.read_only) {
                continue;
            }
            let spot = at.spot.then(Segment::Member(name.clone()));
            let subject = at.subject.member(name);
            let message = format!("{subject} is required in their document");
            let native = matches!(at.spot.root, Root::Native(_));
            let breaks = if native {
                // The lines that write it are those that a read-only field would break.
                ours.map(|_| Alteration::ReadOnly(spot.clone()))
            } else {
                Some(Alteration::NeedsMember(at.spot.clone(), name.clone()))
            };
            self.found.push(Candidate {
                id: "field-required",
                subject: subject.key(),
                message,
                ours: ours.map_or(at.ours.span, |ours| ours.span),
                theirs: self.place(&theirs.pointer),
                breaks,
                uses: ours.map(|_| Alteration::without(&spot)),
                named: None,
                for_writes: native,
            });
        }
    }

    /// Whether the types differ so far that there is nothing more to compare.
    fn kind(&mut self, at: &At<'_>, theirs: &Theirs<'d>) -> bool {
        let (Some(ours), Some(kinds)) = (kind(&at.ours.kind), &theirs.kinds) else {
            return false;
        };
        if !self.differs(ours, kinds) {
            return false;
        }
        let message = format!(
            "{} is {} in our spec and {} in theirs",
            at.subject,
            at.ours.kind_name(),
            theirs.kind_name()
        );
        let change = Alteration::Kind(at.spot.clone(), spec_kind(theirs, at.ours.span));
        self.push("type-changed", at, &theirs.pointer, message, change);
        true
    }

    fn differs(&self, ours: Kind, theirs: &BTreeSet<Kind>) -> bool {
        let has = |kind| theirs.contains(&kind);
        let takes = has(ours) || (ours == Kind::Integer && has(Kind::Number));
        let known = theirs
            .iter()
            .all(|kind| *kind == ours || (ours == Kind::Number && *kind == Kind::Integer));
        match self.direction {
            Direction::Sent => !takes,
            Direction::Query => !takes && !has(Kind::Text),
            Direction::Received => !known,
            Direction::Both { .. } => theirs.len() != 1 || !has(ours),
        }
    }

    /// Formats and enumerations of texts.
    fn values(&mut self, at: &At<'_>, ours: &SpecText, theirs: &Theirs<'d>) {
        let altered = |change: &dyn Fn(&mut SpecText)| {
            let mut text = ours.clone();
            change(&mut text);
            Alteration::Kind(at.spot.clone(), SpecKind::Text(text))
        };
        if let (Some(format), Some(new)) = (&ours.format, &theirs.format)
            && format != new
        {
            let message = format!(
                "{} has the format `{format}` in our spec and `{new}` in theirs",
                at.subject
            );
            let change = altered(&|text| text.format = Some(new.clone()));
            self.push("type-changed", at, &theirs.pointer, message, change);
        }
        let Some(values) = &theirs.values else {
            return;
        };
        let known = if ours.values.is_empty() {
            &ours.known_values
        } else {
            &ours.values
        };
        if known.is_empty() {
            if self.direction != Direction::Received {
                let message = format!(
                    "{} is any text in our spec, and has these values in theirs: {}",
                    at.subject,
                    listed(values)
                );
                let change = altered(&|text| text.values.clone_from(values));
                self.push("type-changed", at, &theirs.pointer, message, change);
            }
            return;
        }
        let lost: Vec<&String> = known
            .iter()
            .filter(|value| !values.contains(value))
            .collect();
        if !lost.is_empty() {
            let message = format!("{} no longer has {}", at.subject, listed(&lost));
            let change = altered(&|text| {
                for list in [&mut text.values, &mut text.known_values] {
                    let before = list.len();
                    list.retain(|value| !lost.contains(&value));
                    if before > 0 && list.is_empty() {
                        // Without values it would be no enumeration.
                        list.push(NOBODY.to_owned());
                    }
                }
            });
            self.push("value-lost", at, &theirs.pointer, message, change);
        }
        let sent_only = matches!(self.direction, Direction::Sent | Direction::Query);
        let added: Vec<&String> = values
            .iter()
            .filter(|value| !known.contains(value))
            .collect();
        if !added.is_empty() && !ours.values.is_empty() && !sent_only {
            let message = format!("{} also has {} now", at.subject, listed(&added));
            let change = altered(&|text| text.values.extend(added.iter().copied().cloned()));
            self.push("value-added", at, &theirs.pointer, message, change);
            if let Some(last) = self.found.last_mut() {
                // What nobody tells apart may grow.
                last.uses = None;
            }
        }
    }

    fn push(
        &mut self,
        id: &'static str,
        at: &At<'_>,
        pointer: &str,
        message: String,
        change: Alteration,
    ) {
        self.found.push(Candidate {
            id,
            subject: at.subject.key(),
            message,
            ours: at.ours.span,
            theirs: self.place(pointer),
            breaks: Some(change),
            uses: Some(Alteration::without(&at.spot)),
            named: None,
            for_writes: false,
        });
    }

    fn place(&self, pointer: &str) -> String {
        format!("{}#{pointer}", self.document.path)
    }
}

fn kind(kind: &SpecKind) -> Option<Kind> {
    Some(match kind {
        SpecKind::Object(_) => Kind::Object,
        SpecKind::List(_) => Kind::List,
        SpecKind::Text(_) => Kind::Text,
        SpecKind::Number { integer: true, .. } => Kind::Integer,
        SpecKind::Number { .. } => Kind::Number,
        SpecKind::Boolean => Kind::Boolean,
        SpecKind::Any => return None,
    })
}

/// Their type as our specs would say it, without what is inside.
fn spec_kind(theirs: &Theirs<'_>, span: Span) -> SpecKind {
    let kinds = theirs.kinds.iter().flatten().copied();
    let kinds: Vec<Kind> = kinds.collect();
    match kinds.as_slice() {
        [Kind::Object] => SpecKind::Object(SpecObject {
            open: true,
            ..SpecObject::default()
        }),
        [Kind::List] => SpecKind::List(super::trial::anything(span)),
        [Kind::Text] => SpecKind::Text(SpecText {
            format: theirs.format.clone(),
            values: theirs.values.clone().unwrap_or_default(),
            ..SpecText::default()
        }),
        [Kind::Integer] => number(true),
        [Kind::Number] => number(false),
        [Kind::Boolean] => SpecKind::Boolean,
        _ => SpecKind::Any,
    }
}

fn number(integer: bool) -> SpecKind {
    SpecKind::Number {
        integer,
        maximum: None,
    }
}
