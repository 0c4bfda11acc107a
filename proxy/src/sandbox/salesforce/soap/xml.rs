//! XML as far as SOAP needs it: a tree of elements in, values out.

use quick_xml::{
    Reader, XmlVersion,
    escape::{escape, resolve_xml_entity},
    events::{BytesStart, Event},
};
use serde_json::{Map, Value, json};

/// The deepest nesting that is read; metadata needs no more than ten.
const DEEPEST: usize = 64;

/// An element without its namespace.
#[derive(Debug, Default)]
pub(super) struct Element {
    pub(super) name: String,
    /// `xsi:type`, without its prefix.
    pub(super) ty: Option<String>,
    pub(super) text: String,
    pub(super) children: Vec<Element>,
}

impl Element {
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|child| child.name == name)
    }

    pub(super) fn all<'e>(&'e self, name: &'e str) -> impl Iterator<Item = &'e Self> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The element as JSON: text, or what its children say; several of one name are a list.
    pub(super) fn json(&self) -> Value {
        if self.children.is_empty() {
            return json!(self.text.trim());
        }
        let mut members: Map<String, Value> = Map::new();
        for child in &self.children {
            let value = child.json();
            match members.get_mut(&child.name) {
                None => {
                    members.insert(child.name.clone(), value);
                }
                Some(Value::Array(several)) => several.push(value),
                Some(first) => *first = json!([first.take(), value]),
            }
        }
        Value::Object(members)
    }
}

/// The root of a document; none where it is not well-formed.
pub(super) fn parse(text: &str) -> Option<Element> {
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    loop {
        match reader.read_event().ok()? {
            Event::Start(start) if open.len() < DEEPEST => open.push(element(&start)?),
            Event::Empty(start) => {
                let element = element(&start)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Some(element),
                }
            }
            Event::End(_) => {
                let element = open.pop()?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => return Some(element),
                }
            }
            Event::Text(text) => push(&mut open, &text.xml10_content()),
            Event::CData(text) => push(&mut open, &text.xml10_content()),
            Event::GeneralRef(reference) => {
                let character = reference.resolve_char_ref().ok()?;
                match character {
                    Some(character) => push(&mut open, character.encode_utf8(&mut [0; 4])),
                    None => push(&mut open, resolve_xml_entity(&reference.xml10_content())?),
                }
            }
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
            // A document type could define entities without end.
            Event::Start(_) | Event::DocType(_) | Event::Eof => return None,
        }
    }
}

fn push(open: &mut [Element], text: &str) {
    if let Some(element) = open.last_mut() {
        element.text.push_str(text);
    }
}

fn element(start: &BytesStart<'_>) -> Option<Element> {
    let mut ty = None;
    for attribute in start.attributes() {
        let attribute = attribute.ok()?;
        if attribute.key.local_name().into_inner() == "type" {
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).ok()?;
            let bare = value.rsplit(':').next().unwrap_or_default();
            ty = Some(bare.to_owned());
        }
    }
    Some(Element {
        name: start.local_name().into_inner().to_owned(),
        ty,
        ..Element::default()
    })
}

/// `<name>…</name>` for a value: members as elements, a list as several of the name.
pub(super) fn write(out: &mut String, name: &str, value: &Value) {
    let text = match value {
        Value::Null => return,
        Value::Array(values) => {
            for value in values {
                write(out, name, value);
            }
            return;
        }
        Value::Object(members) => {
            let mut inside = String::new();
            for (name, value) in members {
                write(&mut inside, name, value);
            }
            inside
        }
        Value::String(text) => escape(text.as_str()).into_owned(),
        other => other.to_string(),
    };
    out.extend(["<", name, ">", &text, "</", name, ">"]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_read_without_its_namespaces() {
        let root = parse(
            "<?xml version=\"1.0\"?><e:a xmlns:e='x'><b xsi:type='m:T'>1 &lt; 2 &#65;<![CDATA[&]]></b><c/><c>t</c></e:a>",
        );
        let root = root.unwrap();
        assert_eq!(root.name, "a");
        assert_eq!(root.child("b").unwrap().ty.as_deref(), Some("T"));
        assert_eq!(root.json(), json!({"b": "1 < 2 A&", "c": ["", "t"]}));
    }

    #[test]
    fn what_is_not_well_formed_is_not_read() {
        for text in [
            "",
            "<a>",
            "<a></b>",
            "<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>",
            "<a>&x;</a>",
        ] {
            assert!(parse(text).is_none(), "{text}");
        }
        assert!(parse(&"<a>".repeat(100_000)).is_none());
    }

    #[test]
    fn values_are_escaped() {
        let mut out = String::new();
        write(
            &mut out,
            "m",
            &json!({"a": "<&>", "b": [1, true], "c": null}),
        );
        assert_eq!(out, "<m><a>&lt;&amp;&gt;</a><b>1</b><b>true</b></m>");
    }
}
