//! XML for those calls that want it, from JSON and back.
//!
//! An object's members are elements, a list is an element for each of its own, and a member whose name begins with `@` is
//! an attribute. On the way back names lose their prefixes, and an element that says it is nil is null; all scalars are
//! texts.

use bytes::Bytes;
use quick_xml::{
    Reader, Writer,
    events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event},
};
use serde_json::{Map, Value};

use crate::error::Error;

/// Elements inside each other; no answer that is known has more than ten.
const DEEPEST: usize = 64;

/// XML, and where in it the credential belongs.
#[derive(Debug)]
pub struct Written {
    pub xml: Bytes,
    /// The place at which the element that is to hold the credential is still empty.
    pub credential_at: Option<usize>,
}

/// Writes JSON as XML. `credential` is the path to the element that is to hold the credential.
pub fn write(value: &Value, credential: &[&str]) -> Result<Written, Error> {
    let mut writer = Writer::new(Vec::new());
    let mut found = None;
    emit(&mut writer, Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    if let Value::Object(members) = value {
        for (name, value) in members {
            element(&mut writer, name, value, &step(credential, name), &mut found, 0)?;
        }
    }
    Ok(Written {
        xml: writer.into_inner().into(),
        credential_at: found,
    })
}

/// What is left of the path to the credential inside an element.
enum Step<'p> {
    Elsewhere,
    Here,
    Inside(&'p [&'p str]),
}

fn step<'p>(path: &'p [&'p str], name: &str) -> Step<'p> {
    match path.split_first() {
        Some((first, [])) if *first == name => Step::Here,
        Some((first, rest)) if *first == name => Step::Inside(rest),
        _ => Step::Elsewhere,
    }
}

fn element(
    writer: &mut Writer<Vec<u8>>,
    name: &str,
    value: &Value,
    credential: &Step<'_>,
    found: &mut Option<usize>,
    depth: usize,
) -> Result<(), Error> {
    if depth > DEEPEST {
        return Err(Error::bad_request("expected less deeply nested values"));
    }
    if let Value::Array(elements) = value {
        for value in elements {
            element(writer, name, value, credential, found, depth + 1)?;
        }
        return Ok(());
    }
    let mut start = BytesStart::new(name);
    let members = value.as_object();
    for (name, value) in members.into_iter().flatten() {
        if let Some(attribute) = name.strip_prefix('@') {
            start.push_attribute((attribute, scalar(value).as_str()));
        }
    }
    emit(writer, Event::Start(start))?;
    match (value, credential) {
        (_, Step::Here) => *found = Some(writer.get_ref().len()),
        (Value::Object(members), inside) => {
            let rest: &[&str] = match inside {
                Step::Inside(rest) => rest,
                _ => &[],
            };
            for (name, value) in members.iter().filter(|(name, _)| !name.starts_with('@')) {
                element(writer, name, value, &step(rest, name), found, depth + 1)?;
            }
        }
        (value, _) => {
            let text = scalar(value);
            check(&text)?;
            emit(writer, Event::Text(BytesText::new(&text)))?;
        }
    }
    emit(writer, Event::End(BytesEnd::new(name)))
}

fn emit(writer: &mut Writer<Vec<u8>>, event: Event<'_>) -> Result<(), Error> {
    writer.write_event(event).map_err(|error| {
        Error::bad_request("the request has no form in XML").with_detail(error.to_string())
    })
}

fn scalar(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// XML has no way to write most control characters.
fn check(text: &str) -> Result<(), Error> {
    let is_illegal = |character: char| {
        (character < ' ' && !"\n\r\t".contains(character)) || matches!(character, '\u{fffe}' | '\u{ffff}')
    };
    match text.chars().find(|character| is_illegal(*character)) {
        None => Ok(()),
        Some(character) => Err(Error::bad_request(format!(
            "expected text that can stand in XML, found the character {character:?}"
        ))),
    }
}

/// A text as it stands in XML.
pub fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

/// Reads XML as JSON.
pub fn read(xml: &[u8]) -> Result<Value, Error> {
    let xml = std::str::from_utf8(xml).map_err(|_| {
        Error::bad_gateway("the provider's answer is not in UTF-8")
    })?;
    let mut reader = Reader::from_str(xml);
    let mut open: Vec<(String, Map<String, Value>, String, bool)> =
        vec![(String::new(), Map::new(), String::new(), false)];
    let broken = |detail: String| {
        Error::bad_gateway("the provider's answer is not well-formed XML").with_detail(detail)
    };
    loop {
        match reader.read_event().map_err(|error| broken(error.to_string()))? {
            Event::Start(start) => {
                if open.len() > DEEPEST {
                    return Err(broken("nested too deeply".to_owned()));
                }
                open.push((local(&start), Map::new(), String::new(), is_nil(&start)));
            }
            Event::Empty(start) => {
                let value = if is_nil(&start) { Value::Null } else { Value::String(String::new()) };
                if let Some((_, members, ..)) = open.last_mut() {
                    insert(members, local(&start), value);
                }
            }
            Event::End(_) => {
                let Some((name, members, text, nil)) = open.pop() else {
                    return Err(broken("an element is closed that is not open".to_owned()));
                };
                let value = if nil {
                    Value::Null
                } else if members.is_empty() {
                    Value::String(text)
                } else {
                    Value::Object(members)
                };
                match open.last_mut() {
                    Some((_, members, ..)) => insert(members, name, value),
                    None => return Err(broken("an element is closed that is not open".to_owned())),
                }
            }
            Event::Text(piece) => {
                if let Some((.., text, _)) = open.last_mut() {
                    text.push_str(&piece);
                }
            }
            Event::GeneralRef(reference) => {
                let character = reference
                    .resolve_char_ref()
                    .map_err(|error| broken(error.to_string()))?
                    .or_else(|| match &*reference {
                        "amp" => Some('&'),
                        "lt" => Some('<'),
                        "gt" => Some('>'),
                        "quot" => Some('"'),
                        "apos" => Some('\''),
                        _ => None,
                    });
                let Some(character) = character else {
                    return Err(broken("a reference to something unknown".to_owned()));
                };
                if let Some((.., text, _)) = open.last_mut() {
                    text.push(character);
                }
            }
            Event::CData(piece) => {
                if let Some((.., text, _)) = open.last_mut() {
                    text.push_str(&piece);
                }
            }
            // A document type could define references without end.
            Event::DocType(_) => return Err(broken("a document type".to_owned())),
            Event::Eof => break,
            Event::Decl(_) | Event::PI(_) | Event::Comment(_) => {}
        }
    }
    match (open.pop(), open.is_empty()) {
        (Some((_, members, ..)), true) => Ok(Value::Object(members)),
        _ => Err(broken("an element is not closed".to_owned())),
    }
}

fn local(start: &BytesStart<'_>) -> String {
    start.local_name().as_ref().to_owned()
}

fn is_nil(start: &BytesStart<'_>) -> bool {
    start
        .attributes()
        .flatten()
        .any(|attribute| attribute.key.local_name().as_ref() == "nil" && &*attribute.value == "true")
}

/// Elements of one name become a list.
fn insert(members: &mut Map<String, Value>, name: String, value: Value) {
    match members.get_mut(&name) {
        None => {
            members.insert(name, value);
        }
        Some(Value::Array(list)) => list.push(value),
        Some(one) => {
            let first = one.take();
            *one = Value::Array(vec![first, value]);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn written(value: &Value) -> String {
        String::from_utf8(write(value, &[]).unwrap().xml.to_vec()).unwrap()
    }

    #[test]
    fn members_are_elements_lists_repeat_and_attributes_are_marked() {
        let value = json!({"e:Envelope": {"@xmlns:e": "urn:e", "item": [{"name": "a & b"}, {"name": 5}], "empty": null}});
        assert_eq!(
            written(&value),
            r#"<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="urn:e"><item><name>a &amp; b</name></item><item><name>5</name></item><empty></empty></e:Envelope>"#
        );
    }

    #[test]
    fn the_credential_has_a_place_and_is_not_written() {
        let value = json!({"a": {"token": "ignored", "b": {"token": "kept"}}});
        let written = write(&value, &["a", "token"]).unwrap();
        let at = written.credential_at.unwrap();
        let xml = String::from_utf8(written.xml.to_vec()).unwrap();
        assert!(xml[..at].ends_with("<token>") && xml[at..].starts_with("</token>"), "{xml}");
        assert!(xml.contains("<token>kept</token>"));
    }

    #[test]
    fn an_answer_is_read_without_prefixes() {
        let xml = br#"<?xml version="1.0"?><s:Envelope xmlns:s="x"><s:Body><r><ok>true</ok><e>1</e><e>2 &lt; 3</e><n i:nil="true"/></r></s:Body></s:Envelope>"#;
        assert_eq!(
            read(xml).unwrap(),
            json!({"Envelope": {"Body": {"r": {"ok": "true", "e": ["1", "2 < 3"], "n": null}}}})
        );
    }

    #[test]
    fn broken_and_malicious_xml_is_refused() {
        for xml in ["<a>", "<a></b>", "</a>", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "<a>&x;</a>"] {
            assert!(read(xml.as_bytes()).is_err(), "{xml}");
        }
        assert!(read("<a>".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn a_character_that_xml_has_not_is_refused() {
        assert!(write(&json!({"a": "\u{1}"}), &[]).is_err());
    }

    proptest! {
        #[test]
        fn any_text_comes_back(text in "[^\u{0}-\u{8}\u{b}-\u{1f}\u{fffe}\u{ffff}\r]{0,40}") {
            let value = json!({"a": {"b": text}});
            let back = read(&write(&value, &[]).unwrap().xml).unwrap();
            prop_assert_eq!(&back["a"]["b"], &value["a"]["b"]);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = read(&bytes);
        }
    }
}
