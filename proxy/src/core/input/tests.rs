use bytes::Bytes;
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::json;

use super::*;

fn request(query: &[(&str, &str)], body: &[u8]) -> UnifiedRequest {
    UnifiedRequest {
        path: vec![("id", "conn_1".to_owned())],
        query: query
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
        body: Bytes::copy_from_slice(body),
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Sample {
    connector_name: Option<String>,
    settings: Option<Map<String, Value>>,
    disabled: Option<bool>,
    display_name: Patch<String>,
}

fn fault(body: &str) -> String {
    super::body::<Sample>(&request(&[], body.as_bytes()))
        .unwrap_err()
        .message
}

#[test]
fn a_fault_tells_its_place_and_quotes_nothing() {
    for (body, told) in [
        (
            r#"{"settings":"s3cret"}"#,
            "body.settings: expected an object, found text",
        ),
        (
            r#"{"connectorName":{"a":1}}"#,
            "body.connectorName: expected text, found an object",
        ),
        (
            r#"{"disabled":"s3cret"}"#,
            "body.disabled: expected a boolean, found text",
        ),
        (
            r#"{"displayName":5}"#,
            "body.displayName: expected text, found a number",
        ),
        ("", "body: expected a JSON object, found nothing"),
        ("[{}]", "body: expected an object, found a list"),
        ("\"s3cret\"", "body: expected an object, found text"),
        ("null", "body: expected an object, found null"),
    ] {
        assert_eq!(fault(body), told, "{body}");
    }
    assert!(fault("{} {}").starts_with("body: is not valid JSON"));
    assert!(fault("{\"disabled\"").starts_with("body: is not valid JSON"));
    assert!(fault(r#"{"disabled":true,"disabled":false}"#).contains("duplicate"));
}

#[test]
fn absent_and_null_are_told_apart() {
    let read = |text: &str| super::body::<Sample>(&request(&[], text.as_bytes())).unwrap();
    assert_eq!(read("{}").display_name, Patch::Absent);
    assert_eq!(read(r#"{"displayName":null}"#).display_name, Patch::Null);
    let read = read(r#"{"displayName":"x","unknown":1}"#);
    assert_eq!(read.display_name, Patch::Value("x".to_owned()));
}

#[test]
fn unknown_members_of_settings_are_refused_with_the_nearest_name() {
    let Value::Object(members) = json!({ "clientid": "s3cret", "zzz": 1 }) else {
        unreachable!()
    };
    let mut members = Members::new("body.config", members);
    let mut faults = Faults::default();
    members.text("client_id", &mut faults);
    members.finish(&mut faults);
    let error = faults.end().unwrap_err();
    let told: Vec<_> = error
        .issues
        .iter()
        .map(|issue| (issue.path.as_deref().unwrap(), issue.message.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (
                "body.config.clientid",
                "is not known; expected one of client_id; did you mean client_id?"
            ),
            ("body.config.zzz", "is not known; expected one of client_id"),
        ]
    );
}

#[test]
fn pages_have_bounds() {
    let page = |limit: &str, offset: &str| {
        let request = request(&[("limit", limit), ("offset", offset)], b"");
        let mut query = Query::new(&request);
        let page = query.page();
        query.end().map(|()| page)
    };
    assert_eq!(page("1", "0").unwrap(), (1, 0));
    assert_eq!(page("1000", "5").unwrap(), (1000, 5));
    for (limit, offset) in [
        ("0", "0"),
        ("1001", "0"),
        ("1.5", "0"),
        ("ten", "0"),
        ("", "0"),
        ("1", "-1"),
        ("1", "99999999999999999999"),
    ] {
        let error = page(limit, offset).unwrap_err();
        let path = error.issues[0].path.as_deref().unwrap();
        assert!(path.starts_with("query."), "{limit} {offset}");
    }
}

#[test]
fn ids_have_the_prefix_of_their_kind() {
    for (id, is_fit) in [
        ("conn_1", true),
        ("conn_", false),
        ("ccfg_1", false),
        ("", false),
        ("conn_\n", false),
        ("conn_\u{e9}", false),
    ] {
        assert_eq!(is_prefixed("conn_", id), is_fit, "{id:?}");
    }
    assert!(!is_prefixed("conn_", &format!("conn_{}", "x".repeat(300))));
}

proptest! {
    #[test]
    fn no_body_makes_it_panic_and_every_fault_has_a_place(bytes: Vec<u8>) {
        if let Err(error) = super::body::<Sample>(&request(&[], &bytes)) {
            prop_assert!(error.issues[0].path.as_deref().unwrap().starts_with("body"));
        }
    }

    #[test]
    fn no_query_makes_it_panic(name in "limit|offset|expand|forceRefresh|customerId", text: String) {
        let request = request(&[(name.as_str(), text.as_str())], b"");
        let mut query = Query::new(&request);
        let (limit, offset) = query.page();
        prop_assert!((1..=MOST_LISTED).contains(&limit) && offset >= 0);
        query.flag("forceRefresh");
        query.own_id("customerId");
        query.list_of("expand", &["connector"]);
        if let Err(error) = query.end() {
            let path = format!("query.{name}");
            prop_assert_eq!(error.issues[0].path.as_deref(), Some(path.as_str()));
        }
    }
}
