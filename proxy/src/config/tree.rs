//! The configuration file as a tree whose leaves know their place, so that every mistake can be told at once.
//!
//! A scalar is kept as the text that stands in the file: `api_version: 59.0` is the text `59.0`, not a number.
//! Knows no key of the configuration. A mistake never quotes a value, since a value may be a secret.

use std::{fmt, time::Duration};

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{Location, Spanned};

/// One thing that is wrong with the configuration, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
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
    pub(super) mistakes: Vec<Mistake>,
}

/// A value, where it stands and how it is reached.
#[derive(Debug)]
pub(super) struct Value {
    pub(super) path: String,
    pub(super) at: Location,
    node: Node,
}

/// A map whose keys are taken one by one; what is left at the end is unknown.
#[derive(Debug)]
pub(super) struct Map {
    path: String,
    at: Location,
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
}

impl<'a> Source<'a> {
    pub(super) fn new(name: &'a str, text: &'a str) -> Self {
        Self {
            name,
            text,
            mistakes: Vec::new(),
        }
    }

    /// The map that the file consists of.
    pub(super) fn root(&mut self) -> Option<Map> {
        match serde_saphyr::from_str::<Spanned<Node>>(self.text) {
            Ok(spanned) => Value::new(String::new(), spanned).map(self),
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

    pub(super) fn mistake(&mut self, at: Location, path: &str, message: impl Into<String>) {
        self.mistakes.push(Mistake {
            file: self.name.to_owned(),
            place: Some((at.line(), at.column())),
            path: path.to_owned(),
            message: message.into(),
        });
    }

    fn slice(&self, at: Location) -> Option<&'a str> {
        let start = usize::try_from(at.span().byte_offset()?).ok()?;
        let length = usize::try_from(at.span().byte_len()?).ok()?;
        self.text.get(start..start.checked_add(length)?)
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

    pub(super) fn at(&self) -> Location {
        self.at
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Whatever was not taken is a mistake.
    pub(super) fn finish(mut self, source: &mut Source<'_>) {
        self.known.sort_unstable();
        for (name, _) in &self.entries {
            source.mistake(
                name.referenced,
                &join(&self.path, &name.value),
                format!("unknown key; expected one of {}", self.known.join(", ")),
            );
        }
    }
}

impl Value {
    fn new(path: String, spanned: Spanned<Node>) -> Self {
        Self {
            path,
            at: spanned.defined,
            node: spanned.value,
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
            Node::List(_) | Node::Scalar(_) => {
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
            Node::Map(_) | Node::Scalar(_) | Node::Null => {
                self.wrong(source, "expected a list, as in [one, two]");
                Vec::new()
            }
        }
    }

    pub(super) fn text(&self, source: &mut Source<'_>) -> Option<String> {
        let text = match &self.node {
            Node::Scalar(Some(text)) => Some(text.as_str()),
            Node::Scalar(None) => source.slice(self.at),
            Node::Map(_) | Node::List(_) | Node::Null => None,
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
