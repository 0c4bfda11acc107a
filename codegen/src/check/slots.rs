//! Slots: what a call can be given, where each is to be had, and which type it has.

use std::cell::{Cell, RefCell};

use super::objects::About;
use crate::{
    diagnostic::{Diagnostic, Sink, listed},
    plan::{PlanPath, PlanSlot},
    source::Span,
    spec::{SpecKind, SpecSchema},
};

/// Every slot but those of a bundle's parts, by the name that mappings give it.
const SLOTS: [(&str, PlanSlot); 17] = [
    ("page.size", PlanSlot::PageSize),
    ("page.size_plus_one", PlanSlot::PageSizePlusOne),
    ("page.token", PlanSlot::PageToken),
    ("page.after", PlanSlot::PageAfter),
    ("window.from", PlanSlot::WindowFrom),
    ("window.to", PlanSlot::WindowTo),
    ("fields", PlanSlot::Fields),
    ("ids", PlanSlot::Ids),
    ("ids.each", PlanSlot::IdsEach),
    ("record.id", PlanSlot::RecordId),
    ("object.name", PlanSlot::ObjectName),
    ("record", PlanSlot::Record),
    ("changes", PlanSlot::Changes),
    ("key.value", PlanSlot::KeyValue),
    ("key.spellings", PlanSlot::KeySpellings),
    ("key.spellings.each", PlanSlot::KeySpellingsEach),
    ("key.hosts", PlanSlot::KeyHosts),
];

/// The one that is left, so that the table above stays a table.
const RECENT_ID: (&str, PlanSlot) = ("recent.id", PlanSlot::RecentId);

/// The slots of one call.
#[derive(Debug)]
pub(super) struct Scope<'a> {
    /// What the call belongs to, as in `a get`.
    pub(super) place: &'a str,
    /// What it may be about.
    pub(super) about: About<'a>,
    /// The names of the slots that are to be had.
    pub(super) slots: Vec<&'static str>,
    /// The earlier parts of the bundle, with the place of the id in their answers.
    pub(super) parts: Vec<(String, Option<PlanPath>)>,
    /// The fields of the unified input that the record does not have.
    pub(super) inputs: &'a [String],
    /// Whether calls name an object.
    pub(super) has_object: Cell<bool>,
    /// The input that is there whenever the call is made.
    pub(super) given: Given<'a>,
    /// The slots that the call uses, with the largest number that each place takes.
    pub(super) used: RefCell<Vec<UsedSlot>>,
}

/// Which inputs are there whenever a call is made.
#[derive(Debug, Clone, Copy)]
pub(super) enum Given<'a> {
    Nothing,
    Input(&'a str),
    Anything,
}

#[derive(Debug, Clone)]
pub(super) struct UsedSlot {
    pub(super) slot: PlanSlot,
    pub(super) span: Span,
    pub(super) maximum: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SlotType {
    Integer,
    Text,
    Instant,
    Texts,
    Record,
}

pub(super) fn slot_type(slot: &PlanSlot) -> SlotType {
    match slot {
        PlanSlot::PageSize | PlanSlot::PageSizePlusOne => SlotType::Integer,
        PlanSlot::WindowFrom | PlanSlot::WindowTo => SlotType::Instant,
        PlanSlot::Fields
        | PlanSlot::Ids
        | PlanSlot::KeySpellings
        | PlanSlot::KeyHosts
        | PlanSlot::LiteralList(_) => SlotType::Texts,
        PlanSlot::Record | PlanSlot::Changes => SlotType::Record,
        PlanSlot::PageToken
        | PlanSlot::PageAfter
        | PlanSlot::IdsEach
        | PlanSlot::RecordId
        | PlanSlot::ObjectName
        | PlanSlot::KeyValue
        | PlanSlot::KeySpellingsEach
        | PlanSlot::RecentId
        | PlanSlot::Input(_)
        | PlanSlot::Part { .. }
        | PlanSlot::Literal(_) => SlotType::Text,
    }
}

impl SlotType {
    fn name(self) -> &'static str {
        match self {
            Self::Integer => "an integer",
            Self::Text => "text",
            Self::Instant => "an instant",
            Self::Texts => "a list of texts",
            Self::Record => "a record",
        }
    }

    fn fits(self, schema: &SpecSchema) -> bool {
        match (&schema.kind, self) {
            (SpecKind::Any, _)
            | (SpecKind::Number { .. }, Self::Integer)
            | (SpecKind::Text(_), Self::Text | Self::Instant)
            | (SpecKind::Object(_), Self::Record) => true,
            (SpecKind::List(items), Self::Texts) => {
                matches!(items.kind, SpecKind::Text(_) | SpecKind::Any)
            }
            _ => false,
        }
    }
}

/// Whether a slot stands for one value of a list at a time.
pub(super) fn is_each(slot: &PlanSlot) -> bool {
    matches!(slot, PlanSlot::IdsEach | PlanSlot::KeySpellingsEach)
}

/// Refuses a slot that has no value at times, where it must have one: `optional` says that it may be left out.
pub(super) fn check_optional(slot: &PlanSlot, optional: bool, span: Span, sink: &Sink) {
    let why = match slot {
        PlanSlot::PageToken | PlanSlot::PageAfter => "the first page has none",
        PlanSlot::KeyHosts => "there may be none",
        PlanSlot::Input(_) => "the caller need not give it",
        _ => return,
    };
    if !optional {
        let help = "write `$…?`, or in a template put it in brackets: then it is left out";
        sink.push(
            Diagnostic::new(
                "slot-may-be-absent",
                format!("this slot has no value at times: {why}"),
                span,
            )
            .help(help),
        );
    }
}

impl<'a> Scope<'a> {
    pub(super) fn new(place: &'a str, slots: &[&'static str]) -> Self {
        Self {
            place,
            about: About::Entity,
            slots: slots.to_vec(),
            parts: Vec::new(),
            inputs: &[],
            has_object: Cell::new(false),
            given: Given::Nothing,
            used: RefCell::default(),
        }
    }

    pub(super) fn uses(&self, wanted: &PlanSlot) -> bool {
        self.used.borrow().iter().any(|used| used.slot == *wanted)
    }

    /// The slot of a name (without `$`), where it is to be had.
    pub(super) fn slot(&self, name: &str, span: Span, sink: &Sink) -> Option<PlanSlot> {
        if let Some((name, path)) = self.part(name) {
            let Some(path) = path else {
                let message = format!("`{name}` does not say where its answer has the id");
                sink.push(
                    Diagnostic::new("slot-not-available", message, span)
                        .help(format!("give `{name}` an `id:`")),
                );
                return None;
            };
            return Some(PlanSlot::Part {
                name: name.to_owned(),
                path: path.clone(),
            });
        }
        if let Some(input) = name.strip_prefix("input.") {
            return self.input(input, span, sink);
        }
        let known = SLOTS.iter().chain([&RECENT_ID]);
        let Some((name, slot)) = known.clone().find(|(known, _)| *known == name) else {
            let message = format!("there is no slot `{name}`");
            let parts: Vec<String> = self
                .parts
                .iter()
                .map(|(part, _)| format!("{part}.id"))
                .collect();
            let names = known
                .map(|(name, _)| *name)
                .chain(parts.iter().map(String::as_str));
            sink.push(Diagnostic::new("unknown-slot", message, span).nearest(name, names));
            return None;
        };
        let base = name.strip_suffix(".each").unwrap_or(name);
        let is_object = *slot == PlanSlot::ObjectName && self.has_object.get();
        if !is_object && !self.slots.contains(&base) {
            let message = format!("there is no `{name}` in {}", self.place);
            let help = format!("there is {}", listed(&self.slots));
            sink.push(Diagnostic::new("slot-not-available", message, span).help(help));
            return None;
        }
        self.used.borrow_mut().push(UsedSlot {
            slot: slot.clone(),
            span,
            maximum: None,
        });
        Some(slot.clone())
    }

    /// A field of the unified input that the record does not have.
    fn input(&self, name: &str, span: Span, sink: &Sink) -> Option<PlanSlot> {
        if !self.inputs.iter().any(|known| known == name) {
            let message = format!(
                "`{name}` is not a field that the unified input has and the record has not"
            );
            let known = self.inputs.iter().map(String::as_str);
            sink.push(Diagnostic::new("unknown-slot", message, span).nearest(name, known));
            return None;
        }
        let slot = PlanSlot::Input(name.to_owned());
        self.used.borrow_mut().push(UsedSlot {
            slot: slot.clone(),
            span,
            maximum: None,
        });
        Some(slot)
    }

    /// Whether a slot has a value whenever the call is made.
    pub(super) fn is_given(&self, slot: &PlanSlot) -> bool {
        match (slot, self.given) {
            (PlanSlot::Input(name), Given::Input(given)) => name == given,
            (PlanSlot::Input(_), Given::Anything) => true,
            _ => false,
        }
    }

    /// `<part>.id`, where there is such a part.
    fn part(&self, name: &str) -> Option<(&str, Option<&PlanPath>)> {
        let part = name.strip_suffix(".id")?;
        let (name, path) = self.parts.iter().find(|(known, _)| known == part)?;
        Some((name, path.as_ref()))
    }

    /// A slot's type must be what the place takes.
    pub(super) fn check_type(
        &self,
        slot: &PlanSlot,
        schema: &SpecSchema,
        span: Span,
        sink: &Sink,
    ) -> bool {
        if let (SpecKind::Number { maximum, .. }, Some(used)) =
            (&schema.kind, self.used.borrow_mut().last_mut())
            && used.slot == *slot
        {
            used.maximum = *maximum;
        }
        let ty = slot_type(slot);
        let fits = ty.fits(schema);
        if !fits {
            let message = format!(
                "the slot is {}, and what stands here takes {}",
                ty.name(),
                schema.kind_name()
            );
            sink.push(
                Diagnostic::new("slot-type-mismatch", message, span)
                    .other(schema.span, "it is said here"),
            );
        }
        fits
    }
}
