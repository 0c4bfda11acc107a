//! What a difference is about: something of a component, or of what an operation is sent or answers.

use std::fmt;

#[derive(Debug, Clone)]
pub(super) struct Subject {
    of: Of,
    /// Dotted, with `[]` for the elements of a list; empty for the whole.
    path: String,
}

#[derive(Debug, Clone)]
pub(super) enum Of {
    Component(String),
    Answer(String),
    Body(String),
    /// Of an operation, by name.
    Parameter(String, String),
}

impl Subject {
    pub(super) fn whole(of: Of) -> Self {
        let path = String::new();
        Self { of, path }
    }

    pub(super) fn member(&self, name: &str) -> Self {
        let dot = if self.path.is_empty() { "" } else { "." };
        Self {
            of: self.of.clone(),
            path: format!("{}{dot}{name}", self.path),
        }
    }

    pub(super) fn items(&self) -> Self {
        Self {
            of: self.of.clone(),
            path: format!("{}[]", self.path),
        }
    }

    /// For programs, as in `listRows.answer.rows[].name`.
    pub(super) fn key(&self) -> String {
        let base = match &self.of {
            Of::Component(name) => name.clone(),
            Of::Answer(id) => format!("{id}.answer"),
            Of::Body(id) => format!("{id}.body"),
            Of::Parameter(id, name) => format!("{id}.parameters.{name}"),
        };
        let dot = if self.path.is_empty() || self.path.starts_with('[') {
            ""
        } else {
            "."
        };
        format!("{base}{dot}{}", self.path)
    }
}

/// As a sentence has it.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = match &self.of {
            Of::Component(_) => return write!(f, "`{}`", self.key()),
            Of::Answer(id) => format!("the answer of `{id}`"),
            Of::Body(id) => format!("the body of `{id}`"),
            Of::Parameter(id, name) => format!("the parameter `{name}` of `{id}`"),
        };
        if self.path.is_empty() {
            f.write_str(&within)
        } else {
            write!(f, "`{}` in {within}", self.path)
        }
    }
}
