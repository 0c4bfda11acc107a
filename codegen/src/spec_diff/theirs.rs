//! One schema of theirs, with its references, parts and alternatives put together.
//!
//! Only what both versions of `OpenAPI` say is looked at: types, formats, enumerations, members, what must be given and
//! what is read-only. `nullable` and lengths are left alone: few documents tell the truth about them. What is not said
//! is not guessed: [`Theirs::kinds`] is none, and nothing is held against it.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use serde_json::{Value, json};

use super::document::{Document, Part};

/// How deep parts and alternatives may be nested.
const MAX_DEPTH: usize = 16;

/// The most schemas that one may be put together from.
const MAX_PARTS: usize = 2_000;

/// The type of a value on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Object,
    List,
    Text,
    Integer,
    Number,
    Boolean,
}

impl Kind {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::List => "a list",
            Self::Text => "text",
            Self::Integer => "an integer",
            Self::Number => "a number",
            Self::Boolean => "a boolean",
        }
    }
}

/// What is known of a schema.
#[derive(Debug, Clone, Default)]
pub(super) struct Theirs<'d> {
    pub(super) pointer: String,
    pub(super) kinds: Option<BTreeSet<Kind>>,
    pub(super) read_only: bool,
    pub(super) format: Option<String>,
    /// There is no other value.
    pub(super) values: Option<Vec<String>>,
    pub(super) members: BTreeMap<String, Part<'d>>,
    pub(super) required: BTreeSet<String>,
    pub(super) others: Others<'d>,
    pub(super) items: Option<Part<'d>>,
}

/// Members that are not listed.
#[derive(Debug, Clone, Default)]
pub(super) enum Others<'d> {
    /// None are spoken of, or they are forbidden. The standard makes a difference, and their authors seldom do.
    #[default]
    None,
    Any,
    These(Part<'d>),
}

impl Others<'_> {
    fn or(self, other: Self) -> Self {
        match self {
            Self::None => other,
            said => said,
        }
    }
}

/// What their document says of a member.
pub(super) enum Member<'d> {
    There(Part<'d>),
    /// It may be there.
    NotSaid,
    Gone,
}

impl<'d> Theirs<'d> {
    /// A schema that could not be followed: whatever is asked of it, it may have.
    fn unknown() -> Self {
        Self {
            others: Others::Any,
            ..Self::default()
        }
    }

    pub(super) fn read(document: &'d Document, part: &Part<'d>) -> Self {
        let pointer = part.pointer.clone();
        let mut reader = Reader {
            document,
            open: Vec::new(),
            left: MAX_PARTS,
        };
        let mut theirs = reader.schema(part);
        // References are what one wants to look at; their targets are named in the document itself.
        theirs.pointer = if theirs.pointer.is_empty() {
            pointer
        } else {
            theirs.pointer
        };
        theirs
    }

    pub(super) fn member(&self, name: &str) -> Member<'d> {
        match (self.members.get(name), &self.others) {
            (Some(part), _) | (None, Others::These(part)) => Member::There(part.clone()),
            (None, Others::Any) => Member::NotSaid,
            // An object of which no member is listed is one of which nothing is said.
            (None, _) if self.members.is_empty() => Member::NotSaid,
            (None, _) => Member::Gone,
        }
    }

    /// What it is, as a person would call it.
    pub(super) fn kind_name(&self) -> String {
        let Some(kinds) = &self.kinds else {
            return "anything".to_owned();
        };
        if self.values.is_some() && kinds.iter().eq([&Kind::Text]) {
            return "an enumeration".to_owned();
        }
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        names.join(" or ")
    }

    /// Both hold: `allOf`, and what stands beside a reference.
    fn and(mut self, other: Self) -> Self {
        self.kinds = match (self.kinds, other.kinds) {
            (Some(one), Some(two)) => {
                let both: BTreeSet<Kind> = one.intersection(&two).copied().collect();
                // Contradictions are theirs; the nearer statement counts.
                Some(if both.is_empty() { one } else { both })
            }
            (one, two) => one.or(two),
        };
        self.values = match (self.values, other.values) {
            (Some(one), Some(two)) => Some(
                one.into_iter()
                    .filter(|value| two.contains(value))
                    .collect(),
            ),
            (one, two) => one.or(two),
        };
        self.read_only |= other.read_only;
        self.format = self.format.or(other.format);
        join(&mut self.members, other.members, "allOf");
        self.required.extend(other.required);
        self.others = self.others.or(other.others);
        self.items = self.items.or(other.items);
        if self.pointer.is_empty() {
            self.pointer = other.pointer;
        }
        self
    }

    /// One of them holds: `oneOf` and `anyOf`.
    fn or(mut self, other: Self) -> Self {
        self.kinds = match (self.kinds, other.kinds) {
            (Some(one), Some(two)) => Some(&one | &two),
            _ => None,
        };
        self.values = match (self.values, other.values) {
            (Some(mut one), Some(two)) => {
                one.extend(two);
                Some(one)
            }
            _ => None,
        };
        self.read_only &= other.read_only;
        self.format = self
            .format
            .filter(|format| other.format.as_ref() == Some(format));
        join(&mut self.members, other.members, "anyOf");
        self.required = &self.required & &other.required;
        self.others = self.others.or(other.others);
        self.items = match (self.items, other.items) {
            (Some(one), Some(two)) => Some(joined(&one, &two, "anyOf")),
            (one, two) => one.or(two),
        };
        self
    }
}

/// Members of two schemas: those of both are put together.
fn join<'d>(
    members: &mut BTreeMap<String, Part<'d>>,
    others: BTreeMap<String, Part<'d>>,
    how: &str,
) {
    for (name, part) in others {
        let part = match members.get(&name) {
            Some(known) => joined(known, &part, how),
            None => part,
        };
        members.insert(name, part);
    }
}

fn joined<'d>(one: &Part<'d>, two: &Part<'d>, how: &str) -> Part<'d> {
    if one.value == two.value {
        return one.clone();
    }
    Part {
        value: Cow::Owned(json!({ how: [one.value.as_ref(), two.value.as_ref()] })),
        pointer: one.pointer.clone(),
    }
}

struct Reader<'d> {
    document: &'d Document,
    /// The schemas around this one, by their places: a schema among its own parts says nothing.
    open: Vec<String>,
    left: usize,
}

impl<'d> Reader<'d> {
    fn schema(&mut self, part: &Part<'d>) -> Theirs<'d> {
        if self.left == 0 || self.open.len() >= MAX_DEPTH {
            let note = format!("`#{}` has too many parts to be put together", part.pointer);
            self.document.note(note);
            return Theirs::unknown();
        }
        self.left -= 1;
        let Some(target) = self.document.follow(part.clone()) else {
            return Theirs::unknown();
        };
        if self.open.contains(&target.pointer) {
            let note = format!("`#{}` is among its own parts", target.pointer);
            self.document.note(note);
            // It adds nothing to what it says already.
            return Theirs::default();
        }
        self.open.push(target.pointer.clone());
        let mut theirs = self.plain(&target);
        if target.pointer != part.pointer {
            // What stands beside a reference: 3.1 counts it, and in 3.0 people write it all the same.
            theirs.read_only |= flag(&part.value, "readOnly");
        }
        for (index, one) in list(&target.value, "allOf").iter().enumerate() {
            let one = self.nested(&target, "allOf", index, one);
            theirs = theirs.and(one);
        }
        for how in ["oneOf", "anyOf"] {
            let branches = list(&target.value, how).iter().enumerate();
            let branches: Vec<Theirs<'d>> = branches
                .filter(|(_, branch)| !is_null(branch))
                .map(|(index, branch)| self.nested(&target, how, index, branch))
                .collect();
            if let Some(one) = branches.into_iter().reduce(Theirs::or) {
                theirs = theirs.and(one);
            }
        }
        self.open.pop();
        theirs
    }

    fn nested(&mut self, around: &Part<'d>, how: &str, index: usize, part: &Value) -> Theirs<'d> {
        let pointer = format!("{}/{how}/{index}", around.pointer);
        let value = match &around.value {
            Cow::Borrowed(value) => {
                let list = value.get(how).and_then(Value::as_array);
                list.and_then(|list| list.get(index)).map(Cow::Borrowed)
            }
            Cow::Owned(_) => None,
        };
        let value = value.unwrap_or_else(|| Cow::Owned(part.clone()));
        self.schema(&Part { value, pointer })
    }

    /// What the keywords of one schema say by themselves.
    fn plain(&self, part: &Part<'d>) -> Theirs<'d> {
        let value = part.value.as_ref();
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_owned);
        let properties = part.child("properties");
        let names = properties.as_ref().and_then(|part| part.value.as_object());
        let members = names.into_iter().flat_map(serde_json::Map::keys);
        let members = members.filter_map(|name| {
            let part = properties.as_ref()?.child(name)?;
            Some((name.clone(), part))
        });
        let required = list(value, "required").iter().filter_map(Value::as_str);
        let values = match (
            value.get("enum").and_then(Value::as_array),
            value.get("const"),
        ) {
            (Some(values), _) => Some(values.iter().filter_map(plain_text).collect()),
            (None, Some(only)) => Some(plain_text(only).into_iter().collect()),
            (None, None) => None,
        };
        let others = match value.get("additionalProperties") {
            None if value.get("patternProperties").is_some() => Others::Any,
            None | Some(Value::Bool(false)) => Others::None,
            Some(Value::Object(schema)) if !schema.is_empty() => part
                .child("additionalProperties")
                .map_or(Others::Any, Others::These),
            Some(_) => Others::Any,
        };
        Theirs {
            pointer: part.pointer.clone(),
            kinds: self.kinds(part),
            read_only: flag(value, "readOnly"),
            format: text("format"),
            values,
            members: members.collect(),
            required: required.map(str::to_owned).collect(),
            others,
            items: part.child("items"),
        }
    }

    fn kinds(&self, part: &Part<'d>) -> Option<BTreeSet<Kind>> {
        let value = part.value.as_ref();
        let said: Vec<&str> = match value.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ if value.get("properties").is_some() => vec!["object"],
            _ if value.get("items").is_some() => vec!["array"],
            _ => return None,
        };
        let mut kinds = BTreeSet::new();
        for name in said {
            kinds.insert(match name {
                "object" => Kind::Object,
                "array" => Kind::List,
                "string" => Kind::Text,
                "integer" => Kind::Integer,
                "number" => Kind::Number,
                "boolean" => Kind::Boolean,
                "null" => continue,
                unknown => {
                    let note = format!("`#{}` has the unknown type `{unknown}`", part.pointer);
                    self.document.note(note);
                    return None;
                }
            });
        }
        (!kinds.is_empty()).then_some(kinds)
    }
}

fn list<'v>(value: &'v Value, key: &str) -> &'v [Value] {
    value
        .get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

fn flag(value: &Value, key: &str) -> bool {
    value.get(key) == Some(&Value::Bool(true))
}

/// The alternative that says that there may be nothing.
fn is_null(value: &Value) -> bool {
    value.get("type") == Some(&json!("null")) || value.get("enum") == Some(&json!([null]))
}

/// A value of an enumeration as our specs write it; `null` is none.
fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}
