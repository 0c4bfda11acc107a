//! The configuration file as a tree whose leaves know their place, so that every mistake can be told at once.
//!
//! A scalar is kept as the text that stands in the file: `api_version: 59.0` is the text `59.0`, not a number.
//! What was given by a variable or a flag is laid over the file's tree, and knows that as its place. Knows no key of the
//! configuration. A mistake never quotes a value, since a value may be a secret.

use std::{fmt, time::Duration};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

use super::origin::Origin;

/// One thing that is wrong with the configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Or the variable, or the flag.
    pub file: String,
    /// Line and column, from 1 on; none where there is no file to speak of.
    pub place: Option<(u64, u64)>,
    /// As in `limits.connections`; empty where the file as a whole is wrong.
    pub path: String,
    /// What was expected, what was found, what to do.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some((line, column)) = self.place {
            write!(f, ":{line}:{column}")?;
        }
        f.write_str(": ")?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}

/// A file being read, and what was found wrong so far.
#[derive(Debug)]
pub(super) struct Source<'a> {
    name: &'a str,
    text: &'a str,
    over: Vec<Over>,
    pub(super) mistakes: Vec<Mistake>,
}

/// A value that goes before the file's.
#[derive(Debug, Clone)]
pub(super) struct Over {
    /// As in `limits.connections`.
    pub(super) path: &'static str,
    pub(super) text: String,
    /// Whether the text is a list, whose members commas part.
    pub(super) is_list: bool,
    pub(super) origin: Origin,
}

/// Where a value stands.
#[derive(Debug, Clone, Copy)]
pub(super) enum At {
    File(Location),
    /// The number of an [`Over`].
    Over(usize),
}

/// A value, where it stands and how it is reached.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) path: String,
    pub(super) at: At,
    node: Node,
}

/// What a value is, for who shows it.
#[derive(Debug)]
pub(super) enum Shape {
    Map(Vec<(String, Value)>),
    List(Vec<Value>),
    Text(String),
    Nothing,
}

/// A map whose keys are taken one by one; what is left at the end is unknown.
#[derive(Debug)]
pub(super) struct Map {
    path: String,
    at: At,
    entries: Vec<(Spanned<String>, Spanned<Node>)>,
    known: Vec<&'static str>,
}

#[derive(Debug)]
enum Node {
    Map(Vec<(Spanned<String>, Spanned<Node>)>),
    List(Vec<Spanned<Node>>),
    /// The text, where the parser has already unquoted it; otherwise it is read from the file.
    Scalar(Option<String>),
    Null,
    /// What an [`Over`] says.
    Over(usize, Box<Node>),
}

impl<'a> Source<'a> {
    pub(super) fn new(name: &'a str, text: &'a str, over: Vec<Over>) -> Self {
        Self {
            name,
            text,
            over,
            mistakes: Vec::new(),
        }
    }

    /// The map that the file consists of.
    pub(super) fn root(&mut self) -> Option<Map> {
        match serde_saphyr::from_str::<Spanned<Node>>(self.text) {
            Ok(mut spanned) => {
                for (index, over) in self.over.iter().enumerate() {
                    lay(&mut spanned.value, over.path, over.node(index));
                }
                Value::new(String::new(), spanned).map(self)
            }
            Err(error) => {
                // The snippet is left out: it could show a secret that stands nearby.
                let (line, column) = error
                    .location()
                    .map_or((1, 1), |at| (at.line(), at.column()));
                self.mistakes.push(Mistake {
                    file: self.name.to_owned(),
                    place: Some((line, column)),
                    path: String::new(),
                    message: format!("expected YAML: {}", error.without_snippet()),
                });
                None
            }
        }
    }

    pub(super) fn mistake(&mut self, at: At, path: &str, message: impl Into<String>) {
        let (file, place) = match at {
            // Of what is not in the file, as all of it where there is none.
            At::File(at) if at == Location::UNKNOWN => (self.name.to_owned(), None),
            At::File(at) => (self.name.to_owned(), Some((at.line(), at.column()))),
            At::Over(index) => (self.over[index].origin.to_string(), None),
        };
        self.mistakes.push(Mistake {
            file,
            place,
            path: path.to_owned(),
            message: message.into(),
        });
    }

    /// Where a value was given.
    pub(super) fn origin(&self, at: At) -> Origin {
        match at {
            At::File(at) => Origin::File {
                name: self.name.to_owned(),
                line: at.line(),
            },
            At::Over(index) => self.over[index].origin.clone(),
        }
    }

    fn slice(&self, at: At) -> Option<&'a str> {
        let At::File(at) = at else { return None };
        let start = usize::try_from(at.span().byte_offset()?).ok()?;
        let length = usize::try_from(at.span().byte_len()?).ok()?;
        self.text.get(start..start.checked_add(length)?)
    }
}

impl Over {
    /// What it says, marked with its number.
    fn node(&self, index: usize) -> Node {
        let scalar = |text: &str| Node::Scalar(Some(text.to_owned()));
        let node = if self.is_list {
            let members = self.text.split(',').map(str::trim);
            let members = members.filter(|member| !member.is_empty());
            Node::List(
                members
                    .map(|member| bare(Node::Over(index, Box::new(scalar(member)))))
                    .collect(),
            )
        } else {
            scalar(&self.text)
        };
        Node::Over(index, Box::new(node))
    }
}

/// Without a place in the file.
fn bare<T>(value: T) -> Spanned<T> {
    Spanned::new(value, Location::UNKNOWN, Location::UNKNOWN)
}

/// Puts a node at a path below another one. Where something stands in its way that has no keys, that is told when it is
/// read.
fn lay(below: &mut Node, path: &str, node: Node) {
    let (key, rest) = match path.split_once('.') {
        Some((key, rest)) => (key, Some(rest)),
        None => (path, None),
    };
    if matches!(below, Node::Null) {
        *below = Node::Map(Vec::new());
    }
    let Node::Map(entries) = below else { return };
    let index = entries.iter().position(|(name, _)| name.value == key);
    let index = index.unwrap_or_else(|| {
        entries.push((bare(key.to_owned()), bare(Node::Null)));
        entries.len() - 1
    });
    let place = &mut entries[index].1.value;
    match rest {
        Some(rest) => lay(place, rest, node),
        None => *place = node,
    }
}

impl Map {
    /// Takes the value of a key. A key with nothing behind it counts as absent.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Value> {
        self.known.push(key);
        let index = self
            .entries
            .iter()
            .position(|(name, _)| name.value == key)?;
        let (name, node) = self.entries.remove(index);
        Some(Value::new(join(&self.path, &name.value), node))
            .filter(|value| !matches!(value.node, Node::Null))
    }

    /// Whether a key is there, with something behind it.
    pub(super) fn has(&self, key: &str) -> bool {
        let mut entries = self.entries.iter();
        entries.any(|(name, node)| name.value == key && !matches!(node.value, Node::Null))
    }

    /// Takes everything: the keys are names that the user gave.
    pub(super) fn take_all(self) -> Vec<(String, Value)> {
        self.entries
            .into_iter()
            .map(|(name, node)| {
                let path = join(&self.path, &name.value);
                (name.value, Value::new(path, node))
            })
            .collect()
    }

    pub(super) fn at(&self) -> At {
        self.at
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whatever was not taken is a mistake.
    pub(super) fn finish(mut self, source: &mut Source<'_>) {
        self.known.sort_unstable();
        for (name, _) in &self.entries {
            let near = nearest(&name.value, self.known.iter().copied());
            let help = near.map_or_else(String::new, |near| format!("did you mean `{near}`? "));
            source.mistake(
                At::File(name.referenced),
                &join(&self.path, &name.value),
                format!(
                    "unknown key; {help}expected one of {}",
                    self.known.join(", ")
                ),
            );
        }
    }
}

impl Value {
    fn new(path: String, spanned: Spanned<Node>) -> Self {
        match spanned.value {
            Node::Over(index, node) => Self {
                path,
                at: At::Over(index),
                node: *node,
            },
            node => Self {
                path,
                at: At::File(spanned.defined),
                node,
            },
        }
    }

    /// Taken apart.
    pub(super) fn shape(self, source: &mut Source<'_>) -> Shape {
        match &self.node {
            Node::Map(_) => Shape::Map(self.map(source).map_or_else(Vec::new, Map::take_all)),
            Node::List(_) => Shape::List(self.list(source)),
            Node::Scalar(_) => self.text(source).map_or(Shape::Nothing, Shape::Text),
            Node::Null | Node::Over(..) => Shape::Nothing,
        }
    }

    pub(super) fn wrong(&self, source: &mut Source<'_>, message: impl Into<String>) {
        source.mistake(self.at, &self.path, message);
    }

    pub(super) fn map(self, source: &mut Source<'_>) -> Option<Map> {
        match self.node {
            Node::Map(entries) => Some(Map {
                path: self.path,
                at: self.at,
                entries,
                known: Vec::new(),
            }),
            // An empty file, or a key with nothing behind it.
            Node::Null => Some(Map {
                path: self.path,
                at: self.at,
                entries: Vec::new(),
                known: Vec::new(),
            }),
            Node::List(_) | Node::Scalar(_) | Node::Over(..) => {
                self.wrong(
                    source,
                    "expected keys with values, each on a line of its own",
                );
                None
            }
        }
    }

    /// Whether it is no list and has no keys.
    pub(super) fn is_text(&self) -> bool {
        matches!(self.node, Node::Scalar(_))
    }

    pub(super) fn list(self, source: &mut Source<'_>) -> Vec<Self> {
        match self.node {
            Node::List(items) => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| Self::new(format!("{}[{index}]", self.path), item))
                .collect(),
            Node::Map(_) | Node::Scalar(_) | Node::Null | Node::Over(..) => {
                self.wrong(source, "expected a list, as in [one, two]");
                Vec::new()
            }
        }
    }

    pub(super) fn text(&self, source: &mut Source<'_>) -> Option<String> {
        let text = match &self.node {
            Node::Scalar(Some(text)) => Some(text.as_str()),
            Node::Scalar(None) => source.slice(self.at),
            Node::Map(_) | Node::List(_) | Node::Null | Node::Over(..) => None,
        };
        match text {
            Some(text) if !text.is_empty() => Some(text.to_owned()),
            _ => {
                self.wrong(source, "expected a text");
                None
            }
        }
    }

    /// A text that `parse` understands; `expected` says what that is.
    pub(super) fn parse<T>(
        &self,
        source: &mut Source<'_>,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(source)?;
        let parsed = parse(&text);
        if parsed.is_none() {
            self.wrong(source, format!("expected {expected}"));
        }
        parsed
    }

    /// A whole number from `least` on.
    pub(super) fn count(&self, source: &mut Source<'_>, least: usize) -> Option<usize> {
        self.parse(
            source,
            &format!("a whole number, {least} or more"),
            |text| text.parse().ok().filter(|count| *count >= least),
        )
    }

    /// A number of bytes: `4 MiB`, `64KiB`, `1000`.
    pub(super) fn bytes(&self, source: &mut Source<'_>, least: usize) -> Option<usize> {
        self.parse(
            source,
            &format!("a number of bytes as in `4 MiB`, `64 KiB` or `1000`, {least} or more"),
            |text| {
                let (number, unit) = split_unit(text);
                let factor = match unit {
                    "" | "B" => 1,
                    "KiB" => 1024,
                    "MiB" => 1024 * 1024,
                    "GiB" => 1024 * 1024 * 1024,
                    _ => return None,
                };
                let bytes = number.parse::<usize>().ok()?.checked_mul(factor)?;
                Some(bytes).filter(|bytes| *bytes >= least)
            },
        )
    }

    /// A time span with its unit: `60s`, `500ms`, `2m`.
    pub(super) fn duration(&self, source: &mut Source<'_>) -> Option<Duration> {
        self.parse(
            source,
            "a time with its unit as in `60s`, `500ms` or `2m`, more than nothing and a day at most",
            |text| {
                let (number, unit) = split_unit(text);
                let factor: u64 = match unit {
                    "ms" => 1,
                    "s" => 1000,
                    "m" => 60_000,
                    "h" => 3_600_000,
                    _ => return None,
                };
                let milliseconds = number.parse::<u64>().ok()?.checked_mul(factor)?;
                (1..=86_400_000)
                    .contains(&milliseconds)
                    .then(|| Duration::from_millis(milliseconds))
            },
        )
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

/// The known name that was probably meant: one of which at most a third is otherwise.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| *distance <= (known.len() / 3).clamp(1, 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, known)| known)
}

fn split_unit(text: &str) -> (&str, &str) {
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(text.len());
    (&text[..end], text[end..].trim_start())
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NodeVisitor;

        impl<'de> Visitor<'de> for NodeVisitor {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map, a list or a text")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Node::Map(entries))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
                let mut items = Vec::new();
                while let Some(item) = list.next_element()? {
                    items.push(item);
                }
                Ok(Node::List(items))
            }

            fn visit_str<E>(self, text: &str) -> Result<Node, E> {
                Ok(Node::Scalar(Some(text.to_owned())))
            }

            fn visit_bool<E>(self, _: bool) -> Result<Node, E> {
                Ok(Node::Scalar(None))
            }

            fn visit_i64<E>(self, _: i64) -> Result<Node, E> {
                Ok(Node::Scalar(None))
            }

            fn visit_u64<E>(self, _: u64) -> Result<Node, E> {
                Ok(Node::Scalar(None))
            }

            fn visit_i128<E>(self, _: i128) -> Result<Node, E> {
                Ok(Node::Scalar(None))
            }

            fn visit_u128<E>(self, _: u128) -> Result<Node, E> {
                Ok(Node::Scalar(None))
            }

            fn visit_f64<E>(self, _: f64) -> Result<Node, E> {
                Ok(Node::Scalar(None))
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }

            fn visit_none<E>(self) -> Result<Node, E> {
                Ok(Node::Null)
            }
        }

        deserializer.deserialize_any(NodeVisitor)
    }
}
