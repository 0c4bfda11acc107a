//! YAML as a tree in which everything has a place.
//!
//! Only the part of YAML that reads the same to everybody: mappings, lists and scalars of one document. Anchors, aliases,
//! tags, tabs and duplicate keys are refused, since they say something that cannot be seen on the line. What a plain
//! scalar means is left to the reader of the tree: here all scalars are text.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

use super::{FileId, MAX_FILE_BYTES, Sources, Span, Text};
use crate::diagnostic::{Diagnostic, Sink};

/// How deep values may be nested.
const MAX_DEPTH: usize = 64;

/// A value and where it is.
#[derive(Debug, Clone)]
pub struct Node {
    pub span: Span,
    pub kind: NodeKind,
}

#[derive(Debug, Clone)]
pub enum NodeKind {
    /// Text as written; `plain` when it stands without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Mapping(Vec<Entry>),
}

/// One line of a mapping.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: Text,
    pub value: Node,
}

impl Node {
    pub fn get(&self, key: &str) -> Option<&Node> {
        match &self.kind {
            NodeKind::Mapping(entries) => entries
                .iter()
                .find(|entry| entry.key.value == key)
                .map(|entry| &entry.value),
            _ => None,
        }
    }

    /// The node that a JSON pointer leads to, or the last one on its way.
    pub fn at_pointer(&self, pointer: &str) -> &Node {
        let mut node = self;
        for segment in pointer.split('/').skip(1) {
            let segment = segment.replace("~1", "/").replace("~0", "~");
            let next = match &node.kind {
                NodeKind::List(elements) => segment
                    .parse()
                    .ok()
                    .and_then(|index: usize| elements.get(index)),
                _ => node.get(&segment),
            };
            match next {
                Some(next) => node = next,
                None => break,
            }
        }
        node
    }

    /// What it is, as a person would call it.
    pub fn kind_name(&self) -> &'static str {
        match &self.kind {
            NodeKind::Scalar { text, plain: true } if text.is_empty() => "nothing",
            NodeKind::Scalar { .. } => "text",
            NodeKind::List(_) => "a list",
            NodeKind::Mapping(_) => "a mapping",
        }
    }

    /// The JSON that the node stands for, by the core schema of YAML 1.2.
    pub fn to_json(&self) -> serde_json::Value {
        use serde_json::Value;
        match &self.kind {
            NodeKind::Scalar { text, plain: false } => Value::String(text.clone()),
            NodeKind::Scalar { text, plain: true } => match text.as_str() {
                "" | "~" | "null" => Value::Null,
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                // JSON writes numbers as YAML does, but for forms that nobody uses in a spec.
                text => match serde_json::from_str::<serde_json::Number>(text) {
                    Ok(number) => Value::Number(number),
                    Err(_) => Value::String(text.to_owned()),
                },
            },
            NodeKind::List(elements) => Value::Array(elements.iter().map(Node::to_json).collect()),
            NodeKind::Mapping(entries) => Value::Object(
                entries
                    .iter()
                    .map(|entry| (entry.key.value.clone(), entry.value.to_json()))
                    .collect(),
            ),
        }
    }
}

/// Reads a file's text. Without a tree there is at least one diagnostic that says why.
pub fn parse(sources: &Sources, file: FileId, sink: &Sink) -> Option<Node> {
    let text = &sources.file(file).text;
    if text.len() > MAX_FILE_BYTES {
        let message = format!(
            "the file has {} bytes; at most {MAX_FILE_BYTES} are read",
            text.len()
        );
        sink.push(Diagnostic::new("too-large", message, Sources::start(file)));
        return None;
    }
    if let Some(at) = text.find('\t') {
        let span = Span {
            file,
            start: at,
            end: at + 1,
        };
        sink.push(
            Diagnostic::new("tab", "a tab, which looks different to everybody", span)
                .help("indent and align with spaces"),
        );
        return None;
    }
    let mut builder = Builder {
        file,
        text,
        bytes: text.char_indices().map(|(at, _)| at).collect(),
        open: Vec::new(),
        root: None,
        documents: 0,
    };
    match builder.run() {
        Ok(root) => {
            check_keys(&root, sink);
            Some(root)
        }
        Err(diagnostic) => {
            sink.push(*diagnostic);
            None
        }
    }
}

/// Refuses keys that come twice in one mapping.
fn check_keys(node: &Node, sink: &Sink) {
    match &node.kind {
        NodeKind::Scalar { .. } => {}
        NodeKind::List(elements) => elements
            .iter()
            .for_each(|element| check_keys(element, sink)),
        NodeKind::Mapping(entries) => {
            let mut seen = std::collections::BTreeMap::new();
            for entry in entries {
                if let Some(first) = seen.insert(entry.key.as_str(), entry.key.span) {
                    let message = format!("`{}` stands twice in one mapping", entry.key.value);
                    sink.push(
                        Diagnostic::new("duplicate-key", message, entry.key.span)
                            .label("the second time")
                            .other(first, "the first time"),
                    );
                }
                check_keys(&entry.value, sink);
            }
        }
    }
}

/// A list or mapping whose end has not been seen.
enum Open {
    List(usize, Vec<Node>),
    Mapping(usize, Vec<Entry>, Option<Text>),
}

struct Builder<'a> {
    file: FileId,
    text: &'a str,
    /// The byte at which each character begins: the parser counts characters.
    bytes: Vec<usize>,
    open: Vec<Open>,
    root: Option<Node>,
    documents: usize,
}

type Refused = Box<Diagnostic>;

impl Builder<'_> {
    fn run(&mut self) -> Result<Node, Refused> {
        let mut parser = Parser::new_from_str(self.text);
        while let Some(next) = parser.next_event() {
            let (event, span) = next.map_err(|error| {
                let at = self.byte(*error.marker());
                // The parser resolves aliases, and has nothing to say of ours but this.
                let alias = error.info().contains("unknown anchor");
                if alias {
                    return self.not_allowed("anchor", "an alias", at, at + 1);
                }
                self.refuse("bad-yaml", error.info().to_owned(), at, at + 1)
            })?;
            let (start, end) = (self.byte(span.start), self.byte(span.end));
            self.event(event, start, end)?;
        }
        self.root
            .take()
            .ok_or_else(|| self.refuse("bad-yaml", "the file is empty".to_owned(), 0, 0))
    }

    fn event(&mut self, event: Event<'_>, start: usize, end: usize) -> Result<(), Refused> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                if self.documents > 1 {
                    let message = "a second document in one file".to_owned();
                    return Err(self.refuse("several-documents", message, start, end));
                }
                Ok(())
            }
            Event::Alias(_) => Err(self.not_allowed("anchor", "an alias", start, end)),
            Event::Scalar(_, _, 1.., _)
            | Event::SequenceStart(1.., _)
            | Event::MappingStart(1.., _) => {
                Err(self.not_allowed("anchor", "an anchor", start, end))
            }
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => Err(self.not_allowed("tag", "a tag", start, end)),
            Event::Scalar(text, style, 0, None) => {
                let plain = style == ScalarStyle::Plain;
                self.scalar(text.into_owned(), plain, start, end)
            }
            Event::SequenceStart(0, None) => self.push(Open::List(start, Vec::new()), start),
            Event::MappingStart(0, None) => {
                self.push(Open::Mapping(start, Vec::new(), None), start)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop() {
                    Some(Open::List(start, elements)) => {
                        self.node(start, end, NodeKind::List(elements))
                    }
                    Some(Open::Mapping(start, entries, _)) => {
                        self.node(start, end, NodeKind::Mapping(entries))
                    }
                    None => return Ok(()),
                };
                self.value(node)
            }
        }
    }

    fn scalar(
        &mut self,
        text: String,
        plain: bool,
        start: usize,
        end: usize,
    ) -> Result<(), Refused> {
        // The parser's span may go on to the next token. Of a quoted text without escapes it is what is in the quotes.
        let raw = self.text.get(start..end).map_or("", str::trim_end);
        let quoted = raw.len() == text.len() + 2 && raw.get(1..raw.len() - 1) == Some(&text);
        let (start, end) = if quoted {
            (start + 1, start + 1 + text.len())
        } else {
            (start, start + raw.len())
        };
        let node = self.node(start, end, NodeKind::Scalar { text, plain });
        self.value(node)
    }

    fn node(&self, start: usize, end: usize, kind: NodeKind) -> Node {
        Node {
            span: self.span(start, end),
            kind,
        }
    }

    fn push(&mut self, open: Open, start: usize) -> Result<(), Refused> {
        if self.open.len() >= MAX_DEPTH {
            let message = format!("more than {MAX_DEPTH} values inside one another");
            return Err(self.refuse("too-deep", message, start, start + 1));
        }
        self.open.push(open);
        Ok(())
    }

    fn value(&mut self, node: Node) -> Result<(), Refused> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open::List(_, elements)) => elements.push(node),
            Some(Open::Mapping(_, entries, key)) => match (key.take(), node) {
                (Some(key), value) => entries.push(Entry { key, value }),
                (
                    None,
                    Node {
                        span,
                        kind: NodeKind::Scalar { text, .. },
                    },
                ) => {
                    *key = Some(Text { value: text, span });
                }
                (None, Node { span, .. }) => {
                    let message = "a key that is not text".to_owned();
                    return Err(self.refuse("bad-yaml", message, span.start, span.end));
                }
            },
        }
        Ok(())
    }

    fn byte(&self, marker: Marker) -> usize {
        self.bytes
            .get(marker.index())
            .copied()
            .unwrap_or(self.text.len())
    }

    /// A span that begins and ends between characters, whatever the parser says.
    fn span(&self, start: usize, end: usize) -> Span {
        let floor = |mut at: usize| {
            at = at.min(self.text.len());
            while !self.text.is_char_boundary(at) {
                at -= 1;
            }
            at
        };
        let start = floor(start);
        Span {
            file: self.file,
            start,
            end: floor(end).max(start),
        }
    }

    fn refuse(&self, id: &'static str, message: String, start: usize, end: usize) -> Refused {
        Box::new(Diagnostic::new(id, message, self.span(start, end)))
    }

    fn not_allowed(&self, id: &'static str, what: &str, start: usize, end: usize) -> Refused {
        let message = format!("{what}: each line must say by itself what it means");
        self.refuse(id, message, start, end)
    }
}
