//! From unified values to a native record.
//!
//! Absent leaves a field alone, null clears it, and `passthrough_fields` come last and win.

use std::{
    borrow::Cow,
    fmt::{self, Display},
    ops::Range,
};

use base64::Engine as _;
use memchr::memmem;
use serde_json::value::RawValue;

use super::{
    decimal, json,
    patch::{InputNumber, InputObject, Patch},
    scalar::{Text, shorten},
    scan,
};
use crate::error::Error;

/// How a provider wants records written.
#[derive(Debug)]
pub struct NativeForm {
    /// How an empty value is written.
    pub clear: Clear,
    /// The member of a record that holds its fields, where it is not the record itself.
    pub fields_in: Option<&'static str>,
    pub record_id: super::record_id::RecordIdForm,
    /// What no text may have in it, since the provider reads it as a reference.
    pub reserved: Option<&'static str>,
}

impl NativeForm {
    /// The name that a field of a native record is written by; none where it is not one of those that are.
    pub fn name<'p>(&self, path: &[&'p str]) -> Option<&'p str> {
        match (self.fields_in, path) {
            (None, [name]) => Some(name),
            (Some(fields_in), [first, name]) if *first == fields_in => Some(name),
            _ => None,
        }
    }
}

/// How an empty value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clear {
    Null,
    EmptyText,
}

impl Clear {
    fn json(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::EmptyText => "\"\"",
        }
    }
}

/// One native field that can be written.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its native name.
    name: &'static str,
    /// The most characters that it may have.
    max_length: Option<usize>,
    /// Whether it may be empty.
    nullable: bool,
}

impl Target {
    pub const fn new(name: &'static str) -> Self {
        Self {
            name,
            max_length: None,
            nullable: true,
        }
    }

    pub const fn name(self) -> &'static str {
        self.name
    }

    /// A text of at most so many characters.
    #[must_use]
    pub const fn at_most(self, characters: usize) -> Self {
        Self {
            max_length: Some(characters),
            ..self
        }
    }

    /// It cannot be emptied.
    #[must_use]
    pub const fn never_empty(self) -> Self {
        Self {
            nullable: false,
            ..self
        }
    }
}

/// A member of an entry of a list, as in `addresses[2].city`.
#[derive(Debug, Clone, Copy)]
pub struct At {
    pub list: &'static str,
    pub index: usize,
    pub member: &'static str,
}

impl Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[{}].{}", self.list, self.index, self.member)
    }
}

/// The path of a field of the unified record, written out only where it is told.
#[derive(Debug, Clone)]
pub enum FieldPath {
    Name(Cow<'static, str>),
    Entry(At),
}

impl Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Entry(at) => at.fmt(f),
        }
    }
}

impl From<&'static str> for FieldPath {
    fn from(name: &'static str) -> Self {
        Self::Name(Cow::Borrowed(name))
    }
}

impl From<At> for FieldPath {
    fn from(at: At) -> Self {
        Self::Entry(at)
    }
}

/// What names a field of the unified record: its name, or its place in an entry of a list.
pub trait UnifiedField: Display + Copy + Into<FieldPath> {}

impl<T: Display + Copy + Into<FieldPath>> UnifiedField for T {}

/// Room for the values of a record, and for its members; most have fewer.
const ROOM: usize = 256;
const MEMBERS: usize = 8;

/// A native record to be written: only what is to change, each value as JSON.
#[derive(Debug, Clone)]
pub struct NativeObject {
    form: &'static NativeForm,
    /// The values of the members, one behind the other, and those that have been taken back.
    json: String,
    /// Each name once. There are few, but for what a caller names himself: they are looked through.
    members: Vec<Member>,
    inputs: Inputs,
}

#[derive(Debug, Clone)]
struct Member {
    name: Cow<'static, str>,
    /// Where its value is.
    json: Range<usize>,
    path: Option<FieldPath>,
}

/// A member of a native record that is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Given<'o> {
    pub(super) name: &'o str,
    pub(super) json: &'o str,
    /// The field of the unified record that it comes from, where there is one.
    pub(super) path: Option<&'o FieldPath>,
}

/// Fields of the unified input that have no native field of their own; calls use them otherwise.
#[derive(Debug, Clone, Default)]
pub struct Inputs(Vec<(&'static str, String)>);

impl Inputs {
    /// What the caller gave, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| *known == name)
            .map(|(_, text)| text.as_str())
    }
}

impl NativeObject {
    pub fn new(form: &'static NativeForm) -> Self {
        Self {
            form,
            json: String::with_capacity(ROOM),
            members: Vec::with_capacity(MEMBERS),
            inputs: Inputs::default(),
        }
    }

    /// One that nothing will be written to.
    pub(super) const fn nothing(form: &'static NativeForm) -> Self {
        Self {
            form,
            json: String::new(),
            members: Vec::new(),
            inputs: Inputs(Vec::new()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    pub fn contains(&self, name: &str) -> bool {
        self.members
            .iter()
            .any(|known| known.name.eq_ignore_ascii_case(name))
    }

    pub fn remove(&mut self, name: &str) {
        self.members
            .retain(|known| !known.name.eq_ignore_ascii_case(name));
    }

    /// The JSON of a member that was set.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.members
            .iter()
            .find(|known| known.name.eq_ignore_ascii_case(name))
            .map(|member| &self.json[member.json.clone()])
    }

    pub(super) fn form(&self) -> &'static NativeForm {
        self.form
    }

    pub(super) fn members(&self) -> impl Iterator<Item = Given<'_>> {
        self.members.iter().map(|member| Given {
            name: &member.name,
            json: &self.json[member.json.clone()],
            path: member.path.as_ref(),
        })
    }

    pub(super) fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.members.iter().map(|member| &*member.name)
    }

    /// The record as JSON.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        let names: usize = self.names().map(str::len).sum();
        // Two quotation marks, a colon and a comma for each, and the brackets.
        out.reserve(self.json.len() + names + 4 * self.members.len() + 2);
        out.push(b'{');
        for (index, member) in self.members().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            json::push_text(out, member.name);
            out.push(b':');
            out.extend_from_slice(member.json.as_bytes());
        }
        out.push(b'}');
    }

    /// Clears the native fields that a field of the unified record stands for.
    pub fn clear<const N: usize>(&mut self, path: &'static str, names: [&'static str; N]) {
        for name in names {
            self.set_from(path, name, self.form.clear.json());
        }
    }

    /// Clears a native field that can be empty; one that cannot is a fault of the caller.
    fn empty(&mut self, path: impl UnifiedField, target: Target) -> Result<(), Error> {
        if !target.nullable {
            let message = format!(
                "expected a value, found none: `{}` cannot be empty",
                target.name
            );
            return Err(fault(path, message));
        }
        self.set_from(path, target.name, self.form.clear.json());
        Ok(())
    }

    /// A text into a text.
    pub fn text<'v>(
        &mut self,
        path: impl UnifiedField,
        target: Target,
        value: impl Into<Patch<&'v str>>,
    ) -> Result<(), Error> {
        match value.into() {
            Patch::Absent => {}
            Patch::Null | Patch::Value("") => self.empty(path, target)?,
            Patch::Value(text) => {
                self.check(format_args!("body.record.{path}"), target, text)?;
                self.set_text(path, target.name, text);
            }
        }
        Ok(())
    }

    /// The value of the key that a record is looked for by; `path` is the whole one.
    pub fn key(&mut self, path: &'static str, target: Target, text: &str) -> Result<(), Error> {
        self.check(path, target, text)?;
        self.set_text(path, target.name, text);
        Ok(())
    }

    /// Whether a text can be written. `path` is the whole one.
    fn check(&self, path: impl Display, target: Target, text: &str) -> Result<(), Error> {
        check_length(&path, target, text)?;
        self.check_reserved(&path, text)
    }

    /// A number into a number.
    pub fn number(
        &mut self,
        path: impl UnifiedField,
        target: Target,
        value: &Patch<InputNumber>,
    ) -> Result<(), Error> {
        self.plain_number(path, target, value, Self::set_from)
    }

    /// A number into a text.
    pub fn number_as_text(
        &mut self,
        path: impl UnifiedField,
        target: Target,
        value: &Patch<InputNumber>,
    ) -> Result<(), Error> {
        self.plain_number(path, target, value, Self::set_text)
    }

    /// A whole number into a number.
    pub fn integer(
        &mut self,
        path: impl UnifiedField,
        target: Target,
        value: &Patch<InputNumber>,
    ) -> Result<(), Error> {
        check_whole(path, value)?;
        self.number(path, target, value)
    }

    /// A whole number into a text.
    pub fn integer_as_text(
        &mut self,
        path: impl UnifiedField,
        target: Target,
        value: &Patch<InputNumber>,
    ) -> Result<(), Error> {
        check_whole(path, value)?;
        self.number_as_text(path, target, value)
    }

    fn plain_number<P: UnifiedField>(
        &mut self,
        path: P,
        target: Target,
        value: &Patch<InputNumber>,
        set: impl FnOnce(&mut Self, P, &'static str, &str),
    ) -> Result<(), Error> {
        match value {
            Patch::Absent => {}
            Patch::Null => self.empty(path, target)?,
            Patch::Value(InputNumber(token)) => {
                let plain =
                    decimal::plain(token).ok_or_else(|| fault(path, "expected a number"))?;
                set(self, path, target.name, &plain);
            }
        }
        Ok(())
    }

    /// A truth value into a truth value.
    pub fn flag(
        &mut self,
        path: impl UnifiedField,
        target: Target,
        value: &Patch<bool>,
    ) -> Result<(), Error> {
        match value {
            Patch::Absent => {}
            Patch::Null => self.empty(path, target)?,
            Patch::Value(flag) => self.set_from(path, target.name, truth(*flag)),
        }
        Ok(())
    }

    /// A truth value into the text `true` or `false`.
    pub fn flag_as_text(
        &mut self,
        path: impl UnifiedField,
        target: Target,
        value: &Patch<bool>,
    ) -> Result<(), Error> {
        match value {
            Patch::Value(flag) => self.set_text(path, target.name, truth(*flag)),
            other => self.flag(path, target, other)?,
        }
        Ok(())
    }

    /// A value of an enumeration into its counterpart.
    pub fn value<T: Copy + PartialEq>(
        &mut self,
        path: impl UnifiedField,
        target: Target,
        pairs: &[(&str, T)],
        value: &Patch<T>,
    ) -> Result<(), Error> {
        match value {
            Patch::Absent => {}
            Patch::Null => self.empty(path, target)?,
            Patch::Value(unified) => {
                if let Some((native, _)) =
                    pairs.iter().find(|(_, counterpart)| counterpart == unified)
                {
                    self.set_text(path, target.name, native);
                }
            }
        }
        Ok(())
    }

    /// A text that may be an option's label: it becomes that option's value. What fits no known option goes as it is,
    /// since customers add options of their own.
    pub fn option<'v>(
        &mut self,
        path: impl UnifiedField,
        target: Target,
        options: &[&str],
        value: impl Into<Patch<&'v str>>,
    ) -> Result<(), Error> {
        let value = value.into();
        let known = value.value().and_then(|text| {
            let folded = fold(text);
            options.iter().find(|option| fold(option) == folded)
        });
        self.text(
            path,
            target,
            known.map_or(value, |option| Patch::Value(*option)),
        )
    }

    /// The lines of a native field of several, from the parts that a unified entry has of it. The first is one line:
    /// what follows a break in it would be read as the rest.
    pub fn lines(
        &mut self,
        path: impl UnifiedField,
        target: Target,
        first: Option<&str>,
        rest: Option<&str>,
    ) -> Result<(), Error> {
        if first.is_some_and(|line| line.contains(['\n', '\r'])) {
            let message = "expected one line, found several; further lines go into the next part";
            return Err(fault(path, message));
        }
        let lines: Vec<&str> = [first, rest]
            .into_iter()
            .flatten()
            .filter(|line| !line.is_empty())
            .collect();
        match (first, rest) {
            // A second line alone must not become the first one.
            (None | Some(""), Some(rest)) if !rest.is_empty() => {
                self.text(path, target, Patch::Value(format!("\n{rest}").as_str()))
            }
            _ if lines.is_empty() => self.text(path, target, Patch::Null),
            _ => self.text(path, target, Patch::Value(lines.join("\n").as_str())),
        }
    }

    /// A text as HTML in Base64.
    pub fn html_base64<'v>(
        &mut self,
        path: impl UnifiedField,
        target: Target,
        value: impl Into<Patch<&'v str>>,
    ) -> Result<(), Error> {
        let Patch::Value(text) = value.into() else {
            return Ok(());
        };
        let is_shown = |character: char| !character.is_control() || "\n\r\t".contains(character);
        if let Some(control) = text.chars().find(|character| !is_shown(*character)) {
            let message =
                format!("expected text that can be shown, found the control character {control:?}");
            return Err(fault(path, message));
        }
        let html = super::html::from_text(text);
        let encoded = base64::engine::general_purpose::STANDARD.encode(html);
        self.set(target.name, &quote(&encoded));
        Ok(())
    }

    /// A field of the unified input that has no native field of its own.
    pub fn input(&mut self, name: &'static str, value: &Patch<String>) {
        if let Patch::Value(text) = value
            && !text.is_empty()
        {
            self.inputs.0.push((name, text.clone()));
        }
    }

    /// The same where calls need it: an empty text is no value, and to pass over it would leave out a part of what was
    /// asked for without a word.
    pub fn stated_input(&mut self, name: &'static str, value: &Patch<String>) -> Result<(), Error> {
        if matches!(value, Patch::Value(text) if text.is_empty()) {
            return Err(fault(name, "expected a value, found an empty text"));
        }
        self.input(name, value);
        Ok(())
    }

    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Native fields that the caller names: flat, or wrapped in the member that holds a record's fields. They win.
    pub fn passthrough(&mut self, path: &str, fields: &Patch<InputObject>) -> Result<(), Error> {
        match fields {
            Patch::Value(fields) => self.named(path, fields),
            Patch::Absent | Patch::Null => Ok(()),
        }
    }

    /// The same of a record that has no others.
    pub fn named(&mut self, path: &str, fields: &InputObject) -> Result<(), Error> {
        for (name, json) in &fields.0 {
            if Some(name.as_str()) == self.form.fields_in && json.get().starts_with('{') {
                let path = format!("{path}.{name}");
                let wrapped: InputObject = serde_json::from_str(json.get())
                    .map_err(|error| fault(&path, error.to_string()))?;
                for (name, json) in &wrapped.0 {
                    self.pass(&path, name, json)?;
                }
            } else {
                self.pass(path, name, json)?;
            }
        }
        Ok(())
    }

    fn pass(&mut self, path: &str, name: &str, json: &RawValue) -> Result<(), Error> {
        let path = format!("{path}.{name}");
        self.check_reserved(format_args!("body.record.{path}"), name)?;
        if self.form.reserved.is_some() {
            for text in strings(json) {
                let text = text.map_err(|_| fault(&path, "expected text of whole characters"))?;
                self.check_reserved(format_args!("body.record.{path}"), &text)?;
            }
        }
        self.remove(name);
        let json = if json.get() == "null" {
            self.form.clear.json()
        } else {
            json.get()
        };
        let json = self.push(json);
        self.members.push(Member {
            name: Cow::Owned(name.to_owned()),
            json,
            path: Some(FieldPath::Name(Cow::Owned(path))),
        });
        Ok(())
    }

    /// A provider that reads references in what is written to it would take such a text for one.
    fn check_reserved(&self, path: impl Display, text: &str) -> Result<(), Error> {
        match self.form.reserved {
            Some(reserved) if memmem::find(text.as_bytes(), reserved.as_bytes()).is_some() => {
                Err(Error::issue(
                    path.to_string(),
                    format!(
                        "expected text without `{reserved}`, which the provider reads as a reference"
                    ),
                ))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn set(&mut self, name: &'static str, json: &str) {
        let json = self.push(json);
        self.put(name, json, None);
    }

    /// Sets a member that comes from a field of the unified record.
    fn set_from(&mut self, path: impl UnifiedField, name: &'static str, json: &str) {
        let json = self.push(json);
        self.put(name, json, Some(path.into()));
    }

    /// The same with a text.
    fn set_text(&mut self, path: impl UnifiedField, name: &'static str, text: &str) {
        let json = if scan::is_plain(text) {
            self.json.reserve(text.len() + 2);
            let begin = self.json.len();
            self.json.push('"');
            self.json.push_str(text);
            self.json.push('"');
            begin..self.json.len()
        } else {
            self.push(&quote(text))
        };
        self.put(name, json, Some(path.into()));
    }

    fn push(&mut self, json: &str) -> Range<usize> {
        let begin = self.json.len();
        self.json.push_str(json);
        begin..self.json.len()
    }

    fn put(&mut self, name: &'static str, json: Range<usize>, path: Option<FieldPath>) {
        let name = Cow::Borrowed(name);
        match self.members.iter_mut().find(|known| known.name == name) {
            Some(known) => (known.json, known.path) = (json, path),
            None => self.members.push(Member { name, json, path }),
        }
    }
}

/// Entries of a list, each tag at most once.
#[derive(Debug)]
pub struct Tags {
    path: &'static str,
    seen: Vec<&'static str>,
}

impl Tags {
    pub fn new(path: &'static str) -> Self {
        Self {
            path,
            seen: Vec::new(),
        }
    }

    /// Notes a tag; a second entry with it is a fault of the caller, since only one can be written.
    pub fn once(&mut self, index: usize, tag: &'static str) -> Result<(), Error> {
        if self.seen.contains(&tag) {
            return Err(fault(
                format_args!("{}[{index}]", self.path),
                format!("expected one entry of each type, found a second one of type {tag:?}"),
            ));
        }
        self.seen.push(tag);
        Ok(())
    }
}

fn check_length(path: impl Display, target: Target, text: &str) -> Result<(), Error> {
    let Some(max) = target.max_length else {
        return Ok(());
    };
    // A text has at most as many characters as bytes: most need no counting.
    if text.len() > max {
        let length = text.chars().count();
        if length > max {
            return Err(Error::issue(
                path.to_string(),
                format!("expected at most {max} characters, found {length}"),
            ));
        }
    }
    Ok(())
}

fn check_whole(path: impl Display, value: &Patch<InputNumber>) -> Result<(), Error> {
    match value {
        Patch::Value(InputNumber(token))
            if !decimal::plain(token).is_some_and(|plain| decimal::is_whole(&plain)) =>
        {
            Err(fault(
                path,
                format!("expected a whole number, found {}", shorten(token)),
            ))
        }
        _ => Ok(()),
    }
}

fn truth(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

/// A fault of the record that is to be written.
fn fault(path: impl Display, message: impl Into<String>) -> Error {
    Error::issue(in_record(path), message)
}

/// The whole path of a field of the record.
fn in_record(path: impl Display) -> String {
    format!("body.record.{path}")
}

/// All texts in a JSON value, the names of members among them, with nothing escaped: a provider reads them so.
fn strings(json: &RawValue) -> impl Iterator<Item = Result<Cow<'_, str>, serde_json::Error>> {
    let mut rest = json.get();
    std::iter::from_fn(move || {
        let token = &rest[rest.find('"')?..];
        let mut is_escaped = false;
        let end = token.bytes().skip(1).position(|byte| {
            let ends = byte == b'"' && !is_escaped;
            is_escaped = byte == b'\\' && !is_escaped;
            ends
        })?;
        // The first and the last quotation mark.
        let (token, after) = token.split_at(end + 2);
        rest = after;
        Some(serde_json::from_str::<Text<'_>>(token).map(|text| text.0))
    })
}

/// A text as a JSON string.
pub(crate) fn quote(text: &str) -> String {
    serde_json::to_string(text).expect("a text serializes")
}

/// Letters and digits only, in lower case: `Food & Beverages` and `FOOD_BEVERAGES` are one.
fn fold(text: &str) -> String {
    text.chars()
        .filter(|character| character.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::translate::record_id::RecordIdForm;

    static FORM: NativeForm = NativeForm {
        clear: Clear::EmptyText,
        fields_in: Some("properties"),
        record_id: RecordIdForm::Text,
        reserved: None,
    };
    static NULL_FORM: NativeForm = NativeForm {
        clear: Clear::Null,
        fields_in: None,
        record_id: RecordIdForm::Text,
        reserved: None,
    };
    const NAME: Target = Target::new("name").at_most(5);

    fn json(object: &NativeObject) -> String {
        let mut out = Vec::new();
        object.write_json(&mut out);
        String::from_utf8(out).unwrap()
    }

    fn input(json: &str) -> Patch<InputObject> {
        Patch::Value(serde_json::from_str(json).unwrap())
    }

    #[test]
    fn absent_is_left_alone_and_null_clears_in_the_providers_form() {
        let mut object = NativeObject::new(&FORM);
        object.text("p", NAME, Patch::Absent).unwrap();
        assert!(object.is_empty());
        object.text("p", NAME, Patch::Null).unwrap();
        assert_eq!(json(&object), r#"{"name":""}"#);
        let mut object = NativeObject::new(&NULL_FORM);
        object.text("p", NAME, Patch::Value("")).unwrap();
        assert_eq!(json(&object), r#"{"name":null}"#);
    }

    #[test]
    fn a_text_that_is_too_long_is_refused_by_characters_not_bytes() {
        let mut object = NativeObject::new(&FORM);
        object.text("p", NAME, Patch::Value("ééééé")).unwrap();
        let error = object
            .text("name", NAME, Patch::Value("éééééé"))
            .unwrap_err();
        assert_eq!(
            error.message,
            "body.record.name: expected at most 5 characters, found 6"
        );
    }

    #[test]
    fn passthrough_wins_flat_and_wrapped_and_in_any_case() {
        for fields in [
            r#"{"NAME":"b","x":1.50}"#,
            r#"{"properties":{"NAME":"b","x":1.50}}"#,
        ] {
            let mut object = NativeObject::new(&FORM);
            object.text("p", NAME, Patch::Value("a")).unwrap();
            object.passthrough("p", &input(fields)).unwrap();
            assert_eq!(json(&object), r#"{"NAME":"b","x":1.50}"#);
        }
    }

    #[test]
    fn passthrough_null_clears() {
        let mut object = NativeObject::new(&FORM);
        object.passthrough("p", &input(r#"{"x":null}"#)).unwrap();
        assert_eq!(json(&object), r#"{"x":""}"#);
    }

    #[test]
    fn a_reference_is_refused_however_it_is_written() {
        static REFERRING: NativeForm = NativeForm {
            clear: Clear::Null,
            fields_in: None,
            record_id: RecordIdForm::Text,
            reserved: Some("@{"),
        };
        for fields in [
            r#"{"x":"id is @{write.id}"}"#,
            r#"{"x":"id is @\u007bwrite.id}"}"#,
            r#"{"x":"\\\u0040{write.id}"}"#,
            r#"{"x":[1,{"y":["a","@\u007b"]}]}"#,
            r#"{"x":{"\u0040{y":1}}"#,
            r#"{"\u0040{x":1}"#,
            r#"{"x":"\ud800"}"#,
        ] {
            let mut object = NativeObject::new(&REFERRING);
            assert!(
                object
                    .passthrough("passthrough_fields", &input(fields))
                    .is_err(),
                "{fields}"
            );
        }
        let mut object = NativeObject::new(&REFERRING);
        let harmless = r#"{"x":"a @ {b} \\","y":["\"@\\{", 1e400]}"#;
        object
            .passthrough("passthrough_fields", &input(harmless))
            .unwrap();
        let error = object
            .passthrough("passthrough_fields", &input(r#"{"x":"@{y}"}"#))
            .unwrap_err();
        assert_eq!(
            error.issues[0].path.as_deref(),
            Some("body.record.passthrough_fields.x")
        );
        let error = object
            .key("body.upsert_on.values[0]", NAME, "@{y}")
            .unwrap_err();
        assert_eq!(
            error.message,
            "body.upsert_on.values[0]: expected text without `@{`, which the provider reads as a reference"
        );
        assert!(
            object
                .key("body.upsert_on.values[0]", NAME, "123456")
                .is_err()
        );
    }

    #[test]
    fn an_options_label_becomes_its_value_and_a_strange_one_passes() {
        let target = Target::new("industry");
        let options = ["FOOD_BEVERAGES", "BANKING"];
        let mut object = NativeObject::new(&FORM);
        object
            .option("p", target, &options, Patch::Value("Food & Beverages"))
            .unwrap();
        assert_eq!(json(&object), r#"{"industry":"FOOD_BEVERAGES"}"#);
        object
            .option("p", target, &options, Patch::Value("Space Mining"))
            .unwrap();
        assert_eq!(json(&object), r#"{"industry":"Space Mining"}"#);
    }

    #[test]
    fn a_second_line_alone_does_not_become_the_first() {
        let target = Target::new("street");
        let mut object = NativeObject::new(&NULL_FORM);
        object.lines("p", target, None, Some("Suite 3")).unwrap();
        assert_eq!(json(&object), r#"{"street":"\nSuite 3"}"#);
        object
            .lines("p", target, Some("1 Main St"), Some("Suite 3"))
            .unwrap();
        assert_eq!(json(&object), r#"{"street":"1 Main St\nSuite 3"}"#);
        object.lines("p", target, None, None).unwrap();
        assert_eq!(json(&object), r#"{"street":null}"#);
        for first in ["1 Main St\nSuite 3", "1 Main St\r"] {
            let error = object
                .lines("street_1", target, Some(first), None)
                .unwrap_err();
            assert!(
                error
                    .message
                    .starts_with("body.record.street_1: expected one line"),
                "{}",
                error.message
            );
        }
    }
}
