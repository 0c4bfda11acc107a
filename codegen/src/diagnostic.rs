//! One fault: what is wrong, where, and what may help.
//!
//! An id names the fault, never the remedy, and never changes. Building is here; rendering is in [`render`].

mod ids;
mod render;

use std::cell::RefCell;

pub use ids::IDS;
pub use render::{Format, render};
pub(crate) use render::{headed, place};

use crate::source::{Sources, Span};

/// A fault of a spec or a mapping.
#[derive(Debug, Clone)]
pub struct Diagnostic {
    /// As in `unknown-native-field`.
    pub id: &'static str,
    pub message: String,
    /// Where it is; the label may be empty.
    pub primary: Label,
    /// Other places that one must see to understand it.
    pub others: Vec<Label>,
    pub help: Option<String>,
}

/// A place and what is to be seen there.
#[derive(Debug, Clone)]
pub struct Label {
    pub span: Span,
    pub text: String,
}

impl Diagnostic {
    pub fn new(id: &'static str, message: impl Into<String>, span: Span) -> Self {
        debug_assert!(IDS.contains(&id), "`{id}` is in the list of ids");
        let primary = Label {
            span,
            text: String::new(),
        };
        Self {
            id,
            message: message.into(),
            primary,
            others: Vec::new(),
            help: None,
        }
    }

    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.primary.text = text.into();
        self
    }

    #[must_use]
    pub fn other(mut self, span: Span, text: impl Into<String>) -> Self {
        self.others.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }

    /// Help with the name that was probably meant, or else with all there are, where they are few.
    #[must_use]
    pub fn nearest<'a>(mut self, name: &str, known: impl IntoIterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.into_iter().collect();
        if let Some(nearest) = nearest(name, &known) {
            self.help = Some(format!("did you mean `{nearest}`?"));
        } else if !known.is_empty() && known.len() <= 12 {
            self.help = Some(format!("there is {}", listed(&known)));
        }
        self
    }
}

/// Names as a sentence has them: `a`, `b` and `c`.
pub(crate) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let quoted: Vec<String> = names
        .iter()
        .map(|name| format!("`{}`", name.as_ref()))
        .collect();
    match quoted.as_slice() {
        [] => "nothing".to_owned(),
        [one] => one.clone(),
        [rest @ .., last] => format!("{} and {last}", rest.join(", ")),
    }
}

/// The known name that is most like `name`, if one is like it at all.
pub(crate) fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['_', '-'], "");
    known
        .iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&plain(name), &plain(candidate)),
                *candidate,
            )
        })
        .filter(|(distance, candidate)| *distance <= (candidate.len().max(name.len()) / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Collects diagnostics. It is shared by reference, so that readers of nested values report without handing it around.
#[derive(Debug, Default)]
pub struct Sink(RefCell<Vec<Diagnostic>>);

impl Sink {
    pub fn push(&self, diagnostic: Diagnostic) {
        self.0.borrow_mut().push(diagnostic);
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many there are so far: what has added to them was not right.
    pub fn len(&self) -> usize {
        self.0.borrow().len()
    }

    /// All of them, each once, by file and place.
    pub fn into_sorted(self, sources: &Sources) -> Vec<Diagnostic> {
        let mut all = self.0.into_inner();
        all.sort_by(|a, b| order(a, sources).cmp(&order(b, sources)));
        all.dedup_by(|a, b| {
            a.id == b.id && a.primary.span == b.primary.span && a.message == b.message
        });
        all
    }
}

fn order<'a>(
    diagnostic: &'a Diagnostic,
    sources: &'a Sources,
) -> (&'a str, usize, &'static str, &'a str) {
    let span = diagnostic.primary.span;
    (
        &sources.file(span.file).path,
        span.start,
        diagnostic.id,
        &diagnostic.message,
    )
}
