//! Reading a mapping key by key: what was asked for is what is known, and what is left over is refused.

use super::{text, texts, wrong_kind};
use crate::{
    diagnostic::{Diagnostic, Sink},
    source::{
        Span, Spanned, Text,
        yaml::{Entry, Node, NodeKind},
    },
};

/// A mapping that is being read. [`Table::finish`] refuses the keys that nobody asked for.
pub(crate) struct Table<'a> {
    entries: &'a [Entry],
    pub(crate) span: Span,
    asked: Vec<&'static str>,
    sink: &'a Sink,
}

impl<'a> Table<'a> {
    pub(crate) fn new(node: &'a Node, sink: &'a Sink) -> Option<Self> {
        if let NodeKind::Mapping(entries) = &node.kind {
            Some(Self {
                entries,
                span: node.span,
                asked: Vec::new(),
                sink,
            })
        } else {
            wrong_kind(node, "a mapping", sink);
            None
        }
    }

    pub(crate) fn optional(&mut self, key: &'static str) -> Option<&'a Node> {
        if !self.asked.contains(&key) {
            self.asked.push(key);
        }
        self.entries
            .iter()
            .find(|entry| entry.key.value == key)
            .map(|entry| &entry.value)
    }

    pub(crate) fn required(&mut self, key: &'static str) -> Option<&'a Node> {
        let node = self.optional(key);
        if node.is_none() {
            let message = format!("the key `{key}` is missing");
            self.sink
                .push(Diagnostic::new("missing-key", message, self.span).label("in this mapping"));
        }
        node
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Option<Text> {
        self.required(key).and_then(|node| text(node, self.sink))
    }

    pub(crate) fn optional_text(&mut self, key: &'static str) -> Option<Text> {
        self.optional(key).and_then(|node| text(node, self.sink))
    }

    /// One text or a list of them; none where the key is absent.
    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<Text> {
        self.optional(key)
            .map_or_else(Vec::new, |node| texts(node, self.sink))
    }

    pub(crate) fn optional_texts_by_name(
        &mut self,
        key: &'static str,
    ) -> Option<Vec<(Text, Text)>> {
        let node = self.optional(key)?;
        let NodeKind::Mapping(entries) = &node.kind else {
            wrong_kind(node, "a mapping", self.sink);
            return None;
        };
        let pairs = entries.iter();
        Some(
            pairs
                .filter_map(|entry| Some((entry.key.clone(), text(&entry.value, self.sink)?)))
                .collect(),
        )
    }

    pub(crate) fn texts_by_name(&mut self, key: &'static str) -> Vec<(Text, Text)> {
        self.optional_texts_by_name(key).unwrap_or_default()
    }

    pub(crate) fn integer(&mut self, key: &'static str) -> Option<Spanned<u32>> {
        let node = self.optional(key)?;
        let number = match &node.kind {
            NodeKind::Scalar { text, plain: true } => text.parse().ok(),
            _ => None,
        };
        if number.is_none() {
            wrong_kind(node, "a whole number", self.sink);
        }
        Some(Spanned {
            value: number?,
            span: node.span,
        })
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> bool {
        let Some(node) = self.optional(key) else {
            return false;
        };
        match &node.kind {
            NodeKind::Scalar { text, plain: true } if text == "true" => true,
            NodeKind::Scalar { text, plain: true } if text == "false" => false,
            _ => {
                wrong_kind(node, "`true` or `false`", self.sink);
                false
            }
        }
    }

    /// A text that is one of a few.
    pub(crate) fn optional_choice(
        &mut self,
        key: &'static str,
        choices: &[&'static str],
    ) -> Option<&'static str> {
        let given = self.optional_text(key)?;
        self.choose(&given, choices)
    }

    pub(crate) fn choice(
        &mut self,
        key: &'static str,
        choices: &[&'static str],
    ) -> Option<&'static str> {
        let given = self.text(key)?;
        self.choose(&given, choices)
    }

    fn choose(&self, given: &Text, choices: &[&'static str]) -> Option<&'static str> {
        let chosen = choices
            .iter()
            .find(|choice| **choice == given.value)
            .copied();
        if chosen.is_none() {
            let message = format!(
                "expected {}, found `{}`",
                crate::diagnostic::listed(choices).replace(" and ", " or "),
                given.value
            );
            let diagnostic = Diagnostic::new("unknown-choice", message, given.span);
            self.sink
                .push(diagnostic.nearest(&given.value, choices.iter().copied()));
        }
        chosen
    }

    pub(crate) fn finish(self) {
        for entry in self
            .entries
            .iter()
            .filter(|entry| !self.asked.contains(&entry.key.as_str()))
        {
            let message = format!(
                "`{}` is not a key of the mapping language here",
                entry.key.value
            );
            let diagnostic = Diagnostic::new("unknown-key", message, entry.key.span);
            self.sink
                .push(diagnostic.nearest(&entry.key.value, self.asked.iter().copied()));
        }
    }
}
