//! What an answer says beside the records.

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    pub title: String,
    pub problem_type: String,
    pub detail: String,
    pub field: Option<String>,
}

/// Each kind of thing once for a field, and 50 at most.
#[derive(Debug, Default)]
pub struct Warnings(pub Vec<Warning>);

impl Warnings {
    pub(crate) fn not_read(&mut self, field: &str, detail: String) {
        self.push(
            "value not understood",
            "value_not_understood",
            field,
            detail,
        );
    }

    /// `expected …, found …` for a text that is something else.
    pub(crate) fn unlike(&mut self, field: &str, expected: &str, found: &str) {
        let found = shortened(found);
        self.not_read(
            field,
            format!("expected {expected}, found {found:?}; see raw_data"),
        );
    }

    /// The same for a token that is not even of the right kind.
    pub(crate) fn odd(&mut self, field: &str, expected: &str, token: &str) {
        let found = match token.as_bytes().first() {
            Some(b'{') => "an object".to_owned(),
            Some(b'[') => "a list".to_owned(),
            _ => shortened(token),
        };
        self.not_read(
            field,
            format!("expected {expected}, found {found}; see raw_data"),
        );
    }

    pub(crate) fn hidden(&mut self, native: &str) {
        let detail = format!(
            "`{native}` is hidden from the connected user, or does not exist: what comes from it is null; let the provider's administrator grant read access to it"
        );
        self.push("field not visible", "field_not_visible", native, detail);
    }

    fn push(&mut self, title: &str, problem_type: &str, field: &str, detail: String) {
        let field = Some(field.to_owned());
        let is_known = self
            .0
            .iter()
            .any(|known| known.problem_type == problem_type && known.field == field);
        if !is_known && self.0.len() < 50 {
            self.0.push(Warning {
                title: title.to_owned(),
                problem_type: problem_type.to_owned(),
                detail,
                field,
            });
        }
    }
}

/// 60 characters at most, with a mark where there were more.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(60).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
