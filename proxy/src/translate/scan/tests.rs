//! What a scan takes and refuses, held against `serde_json`.

use std::collections::HashMap;

use proptest::prelude::*;
use serde_json::{Value, value::RawValue};

use super::*;
use crate::key;

/// Whether a whole text is legal JSON.
fn is_legal(text: &str) -> bool {
    let mut scan = Scan::new(text);
    scan.pass().and_then(|()| scan.end()).is_ok()
}

fn is_legal_to_serde(text: &str) -> bool {
    serde_json::from_str::<&RawValue>(text).is_ok()
}

#[derive(Debug, Default, PartialEq)]
struct Company<'a> {
    id: Leaf<'a>,
    home: Home<'a>,
}

#[derive(Debug, Default, PartialEq)]
struct Home<'a> {
    city: Leaf<'a>,
}

impl<'a> Native<'a> for Company<'a> {
    fn members(&mut self, members: &mut impl Members<'a>) -> Result<(), Left> {
        members.take(key!("id"), &mut self.id)?;
        members.take(key!("home"), &mut self.home)?;
        Ok(())
    }
}

impl<'a> Native<'a> for Home<'a> {
    fn members(&mut self, members: &mut impl Members<'a>) -> Result<(), Left> {
        members.take(key!("city"), &mut self.city)
    }
}

fn read(text: &str) -> Result<(Company<'_>, &str), Error> {
    let mut scan = Scan::new(text);
    let mut company = Company::default();
    let raw = scan.record(&mut company)?;
    scan.end().map_err(|stop| scan.error(stop))?;
    Ok((company, raw))
}

#[test]
fn what_is_wanted_is_taken_as_it_is_written() {
    let text = r#" {"x":[{},{"id":1}],"home" : {"zip":null, "city":"K\u00f6ln"} ,"id":12e3 } "#;
    let (company, raw) = read(text).unwrap();
    assert_eq!(company.id, Leaf::of("12e3"));
    assert_eq!(company.home.city, Leaf::of(r#""K\u00f6ln""#));
    assert_eq!(raw, text.trim());
}

#[test]
fn the_last_of_a_member_that_is_given_twice_counts() {
    let (company, _) = read(r#"{"id":1,"home":{"city":"a"},"id":2,"home":{"x":1}}"#).unwrap();
    assert_eq!(company.id, Leaf::of("2"));
    assert_eq!(company.home, Home::default());
    let (company, _) = read(r#"{"home":{"city":"a"},"home":null,"id":1,"id":null}"#).unwrap();
    assert_eq!(company, Company::default());
}

/// An object like [`Company`] with its members in any order, some of them twice or wanted by nobody.
fn company() -> impl Strategy<Value = String> {
    let key = "(id|home|x|idx|city|i\\\\u0064|[a-z]{14,20})";
    let city = ("(city|zip)", "(\"[a-z]{0,40}\"|null|\\[1, 2\\])")
        .prop_map(|(key, value)| format!("\"{key}\":{value}"));
    let home = prop::collection::vec(city, 0..4).prop_map(|it| format!("{{{}}}", it.join(",")));
    let scalar = "(\"[a-z ]{0,40}\"|\"a\\\\nb\"|null|true|false|-?[1-9][0-9]{0,3}|0|1\\.5e3)";
    let other = "(\\{\"a\":\"b\",\"c\":null\\}|\\{\"a\":\\{\\}\\}|\\[\\])";
    let value = (scalar, other, home, any::<bool>());
    let member = (key, value, "[ \n]?", "[ \n]?").prop_map(
        |(key, (scalar, other, home, is_other), a, b)| {
            let value = match (&*key, is_other) {
                ("home", _) => home,
                (_, true) => other,
                _ => scalar,
            };
            format!("{a}\"{key}\"{b}:{a}{value}{b}")
        },
    );
    prop::collection::vec(member, 0..9).prop_map(|it| format!("{{{}}}", it.join(",")))
}

#[test]
fn a_key_may_be_written_with_escapes() {
    let (company, _) = read(r#"{"\u0069d":1,"\ud800":2,"i\u0064\ud800":3}"#).unwrap();
    assert_eq!(company.id, Leaf::of("1"));
    assert_eq!(place(r#"{"a":{"\u0062":7}}"#, &["a", "b"]), Some("7"));
}

#[test]
fn another_thing_than_an_object_is_told_by_its_place_without_its_value() {
    let error = read(r#"{"id":1,"home":"a secret"}"#).unwrap_err();
    assert!(error.message.ends_with(", at `home`"), "{}", error.message);
    let detail = error.detail.unwrap();
    assert!(detail.starts_with("expected an object"), "{detail}");
    for text in ["null", "7", "[]", r#""a secret""#] {
        let error = read(text).unwrap_err();
        assert!(!error.message.contains('`'), "{}", error.message);
        assert!(!error.detail.unwrap().contains("secret"));
    }
}

#[test]
fn no_depth_is_too_much() {
    for (open, inner, close) in [
        ("[", "", "]"),
        (r#"{"a":"#, "1", "}"),
        (r#"[{"a":"#, "[]", "}]"),
    ] {
        for depth in [1, 63, 64, 65, 127, 128, 129, 200, 100_000] {
            let text = format!("{}{inner}{}", open.repeat(depth), close.repeat(depth));
            assert!(is_legal(&text), "{open} {depth}");
            assert!(!is_legal(&text[..text.len() - 1]));
            let wrong = format!("{}{inner}{}", open.repeat(depth), "]}".repeat(depth));
            assert!(!is_legal(&wrong));
        }
    }
}

#[test]
fn the_grammar_is_that_of_json() {
    for text in [
        "0",
        "-0",
        "-0.0e-0",
        "1E+400",
        "12.50",
        "true",
        "\"\\u0000\"",
        "\"\\ud800\"",
        "\"\u{7f}é\u{2028}\"",
        "[1 , 2]",
        "{\"\":0}",
        "\t\r\n null ",
    ] {
        assert!(is_legal(text) && is_legal_to_serde(text), "{text}");
    }
    for text in [
        "",
        " ",
        "01",
        "-",
        "+1",
        "1.",
        ".5",
        "1e",
        "1e+",
        "0x1",
        "nul",
        "nulls",
        "True",
        "NaN",
        "'a'",
        "\"a",
        "\"\n\"",
        "\"\u{1f}\"",
        "\"\\x\"",
        "\"\\u12g4\"",
        "\"\\",
        "[1,]",
        "[,1]",
        "[1 2]",
        "[",
        "]",
        "{",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{a:1}",
        "{1:1}",
        "[1}",
        "{\"a\":1]",
        "1 2",
        "\u{feff}1",
        "\u{a0}1",
        "/**/1",
    ] {
        assert!(!is_legal(text) && !is_legal_to_serde(text), "{text}");
    }
}

#[test]
fn a_body_that_is_no_utf_8_is_refused() {
    assert!(Scan::of_bytes(b"\"\xff\"").is_err());
    assert!(Scan::of_bytes("\"é\"".as_bytes()).is_ok());
}

/// JSON texts with white space, escapes, numbers of any size and names that come twice.
fn json() -> impl Strategy<Value = String> {
    let text = prop_oneof![
        4 => "\"[a-zé😀 ]{0,40}\"",
        2 => "\"([a-z]{0,9}|\\\\[nrt\"\\\\/bf]|\\\\u[0-9a-fA-F]{4}|\\\\ud83d\\\\ude00){0,6}\"",
        1 => "\"(id|home|city)\"",
    ];
    let scalar = prop_oneof![
        3 => text.clone(),
        2 => "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,4})?",
        1 => "(true|false|null)",
    ];
    let space = "[ \\n\\t\\r]{0,2}";
    scalar.prop_recursive(5, 60, 6, move |inner| {
        let element = (space, inner.clone(), space).prop_map(|(a, b, c)| format!("{a}{b}{c}"));
        let member = (space, text.clone(), space, inner)
            .prop_map(|(a, key, b, value)| format!("{a}{key}{b}:{a}{value}{b}"));
        prop_oneof![
            prop::collection::vec(element, 0..6).prop_map(|it| format!("[{}]", it.join(","))),
            prop::collection::vec(member, 0..6).prop_map(|it| format!("{{{}}}", it.join(","))),
        ]
    })
}

/// The same with something changed in it, which may be legal still.
fn mutated() -> impl Strategy<Value = String> {
    let edit = (
        any::<prop::sample::Index>(),
        0..3u8,
        "[\\[\\]{}:,\"\\\\0-9eE.+ntfu \\x00-\\x1fé-]",
    );
    (json(), prop::collection::vec(edit, 1..4)).prop_map(|(mut text, edits)| {
        for (at, kind, new) in edits {
            let mut at = at.index(text.len() + 1);
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            if kind > 0 && at < text.len() {
                text.remove(at);
            }
            if kind < 2 {
                text.insert_str(at, &new);
            }
        }
        text
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn members_are_taken_in_any_order(text in company()) {
        let (company, raw) = read(&text).unwrap();
        prop_assert_eq!(raw, text.as_str());
        // Of a name that comes twice, a map has the last.
        let members: HashMap<String, &RawValue> = serde_json::from_str(&text).unwrap();
        let leaf = |value: Option<&&RawValue>| value.map_or_else(String::new, |it| it.get().to_owned());
        let set = |json: String| if json == "null" { String::new() } else { json };
        prop_assert_eq!(company.id.json(), set(leaf(members.get("id"))));
        let home: HashMap<String, &RawValue> = match members.get("home") {
            Some(home) => serde_json::from_str(home.get()).unwrap(),
            None => HashMap::new(),
        };
        prop_assert_eq!(company.home.city.json(), set(leaf(home.get("city"))));
    }

    #[test]
    fn legal_json_is_taken(text in json()) {
        prop_assert!(is_legal(&text));
        prop_assert!(is_legal_to_serde(&text));
    }

    #[test]
    fn what_serde_refuses_is_refused_and_nothing_else(text in mutated()) {
        prop_assert_eq!(is_legal(&text), is_legal_to_serde(&text));
    }

    #[test]
    fn any_text_is_taken_or_refused_as_serde_does(text in any::<String>()) {
        prop_assert_eq!(is_legal(&text), is_legal_to_serde(&text));
    }

    #[test]
    fn members_and_elements_are_those_that_serde_finds(text in json()) {
        let mut scan = Scan::new(&text);
        match scan.peek().unwrap() {
            b'{' => {
                let mut found = HashMap::new();
                scan.members(|key, scan| {
                    found.insert(key.to_owned(), scan.value()?);
                    Ok(())
                }).unwrap();
                // A key that is no text in Unicode is one that serde refuses and nobody wants.
                if let Ok(expected) = serde_json::from_str::<HashMap<String, &RawValue>>(&text) {
                    let expected: HashMap<_, _> = expected.iter().map(|(key, it)| (key.clone(), it.get())).collect();
                    prop_assert_eq!(found, expected);
                }
            }
            b'[' => {
                let mut found = Vec::new();
                scan.elements(|scan| {
                    found.push(scan.value()?);
                    Ok(())
                }).unwrap();
                let expected: Vec<&RawValue> = serde_json::from_str(&text).unwrap();
                let expected: Vec<&str> = expected.iter().map(|it| it.get()).collect();
                prop_assert_eq!(found, expected);
            }
            _ => {
                let expected: &RawValue = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(scan.value().unwrap(), expected.get());
            }
        }
        scan.end().unwrap();
    }

    #[test]
    fn a_part_of_a_text_is_incomplete_and_never_illegal(text in json(), at in any::<prop::sample::Index>()) {
        let text = format!("{text} ");
        let mut at = at.index(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let mut scan = Scan::of_part(&text[..at]);
        match scan.pass() {
            Ok(()) => prop_assert!(is_legal(&text[..at])),
            Err(stop) => prop_assert_eq!(stop, Stop::Incomplete),
        }
    }

    #[test]
    fn a_part_of_an_illegal_text_is_not_complete(text in mutated(), at in any::<prop::sample::Index>()) {
        let mut at = at.index(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let mut part = Scan::of_part(&text[..at]);
        // What is refused in part is refused as a whole.
        if part.pass() == Err(Stop::Illegal) {
            prop_assert!(!is_legal(&text));
        }
    }

    #[test]
    fn texts_are_unicode_where_serde_says_so(inside in "([a-zé]{0,3}|\\\\[n\\\\\"]|\\\\u(d83d|de00|D800|dfff|00e9|0041)){0,6}") {
        let quoted = format!("\"{inside}\"");
        let expected = serde_json::from_str::<Value>(&quoted).ok();
        prop_assert_eq!(is_unicode(&inside), expected.is_some());
        let found = unquote(&inside).map(|text| Value::String(text.into_owned()));
        prop_assert_eq!(found, expected);
    }
}
