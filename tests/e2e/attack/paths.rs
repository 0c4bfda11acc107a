//! Values of callers that would lead a native call elsewhere. Each call is compared with that of a plain value in the
//! same place: it has the same form, or there is none.

use std::fmt::Write as _;

use crosswalk_tests::{Demo, Sandbox};
use serde_json::{Value, json};

use crate::CONNECTIONS;

const PLAIN: &str = "12345";

fn evil() -> Vec<String> {
    let mut evil: Vec<String> = [
        "..",
        ".",
        "../..",
        "../../oauth/v1/token",
        "..\\..",
        "%2e%2e%2f",
        "%252e%252e%252f",
        "..;/",
        "1;a=b",
        "1?x=y",
        "1#x",
        "1&x=y",
        "//evil.example/x",
        "@evil.example",
        ":80@evil.example",
        "http://evil.example/",
        "\0",
        "1\0",
        "\r\nx-evil: 1",
        "1\n",
        "\u{1b}",
        "1/associations/contacts",
        "/1",
        "1/",
        "\u{e9}",
        "\u{202e}1",
        "\u{ff0e}\u{ff0e}\u{ff0f}",
        "\u{2028}",
        "\u{1f600}",
        "{id}",
        "{{1}}",
        "${1}",
        "$Api",
        "@{ref}",
        "a b",
        "1,2",
        "1%00",
        "%",
        "%zz",
        "+",
        "*",
        "' OR Id != '",
        "\\' OR Id != '",
        "Account; DELETE FROM Account",
        "Account WHERE Name != ''",
        "Account--",
        "(SELECT Id FROM Contact)",
        "__c",
        "a__c__c",
        "FROM",
        "Account,Contact",
        "ID",
        "-1",
        "1e3",
        "0x1",
        "null",
        "true",
        "<script>",
        "</Envelope>",
        "&lt;",
        "]]>",
        "\"}],\"x\":[{\"",
    ]
    .map(str::to_owned)
    .into();
    evil.push("a".repeat(300));
    evil.push("9".repeat(300));
    evil.push("../".repeat(100));
    evil
}

/// Percent-encoded, all of it that is not plain.
fn escaped(value: &str) -> String {
    let mut escaped = String::new();
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02x}").unwrap();
        }
    }
    escaped
}

/// Every place of an operation that a caller's text goes to: in its path, its query or its body.
fn calls(value: &str) -> Vec<(&'static str, String, Value)> {
    let at = escaped(value);
    let none = || Value::Null;
    let record = || json!({ "record": { "description": "D" } });
    let mut calls = Vec::new();
    for entity in ["account", "contact", "lead", "opportunity", "user"] {
        calls.push(("GET", format!("/unified/crm/{entity}/{at}"), none()));
    }
    for entity in ["account", "contact"] {
        calls.push(("PATCH", format!("/unified/crm/{entity}/{at}"), record()));
        calls.push((
            "POST",
            format!("/unified/crm/{entity}/_batch_read"),
            json!({ "ids": [value], "properties": [] }),
        ));
    }
    for query in [
        "cursor",
        "page_size",
        "sync_mode",
        "fields",
        "include_raw_data",
        value,
    ] {
        let name = escaped(query);
        calls.push(("GET", format!("/unified/crm/account?{name}={at}"), none()));
    }
    for (entity, key) in [
        ("account", "website"),
        ("contact", "email"),
        ("account", value),
    ] {
        calls.push((
            "POST",
            format!("/unified/crm/{entity}/_upsert"),
            json!({ "upsert_on": { "key": key, "values": [value] }, "record": { "name": "N", "last_name": "L" } }),
        ));
    }
    for (entity, field) in [
        ("account", "owner_id"),
        ("contact", "account_id"),
        ("note", "account_id"),
        ("note", "contact_id"),
    ] {
        calls.push((
            "POST",
            format!("/unified/crm/{entity}"),
            json!({ "record": { "name": "N", "last_name": "L", "content": "C", field: value } }),
        ));
    }
    calls.push(("GET", format!("/unified/crm/{at}/_count"), none()));
    calls.push(("GET", format!("/unified/crm/custom_objects/{at}"), none()));
    calls.push((
        "POST",
        format!("/unified/crm/custom_objects/{at}"),
        record(),
    ));
    calls.push((
        "GET",
        format!("/unified/crm/metadata/objects/{at}/properties"),
        none(),
    ));
    calls.push((
        "POST",
        format!("/unified/crm/metadata/objects/{at}/properties"),
        json!({ "id": "a", "label": "A", "type": "text" }),
    ));
    calls.push((
        "POST",
        "/unified/crm/metadata/objects/contacts/properties".to_owned(),
        json!({ "id": value, "label": "A", "type": "text" }),
    ));
    calls.push((
        "POST",
        "/unified/crm/metadata/associations".to_owned(),
        json!({ "source_object": value, "target_object": "contacts", "suggested_key_name": "a", "display_name": "A" }),
    ));
    calls.push((
        "POST",
        "/unified/crm/metadata/associations".to_owned(),
        json!({ "source_object": "contacts", "target_object": value, "suggested_key_name": value, "display_name": "A" }),
    ));
    calls.push((
        "POST",
        "/unified/crm/metadata/objects".to_owned(),
        json!({ "name": value, "description": "D", "labels": { "singular": "S", "plural": "P" }, "primary_field_id": "title", "fields": [{ "id": "title", "label": "T", "type": "text" }] }),
    ));
    calls
}

/// The path of a native call, with its value taken out.
fn form(call: &Value) -> (String, Vec<String>) {
    let path = call["path"].as_str().unwrap_or_default();
    let segments = path.split('/').map(str::to_owned).collect();
    let method = call["method"].as_str().unwrap_or_default();
    (method.to_owned(), segments)
}

/// Whether a call could be one of those that a plain value makes, with another value in its place.
fn is_alike(call: &(String, Vec<String>), plain: &[(String, Vec<String>)]) -> bool {
    plain.iter().any(|plain| {
        let differing = call
            .1
            .iter()
            .zip(&plain.1)
            .filter(|(one, other)| one != other);
        call.0 == plain.0 && call.1.len() == plain.1.len() && differing.count() <= 1
    })
}

/// The whole of the paths that the mappings have: what a native call begins with.
fn is_of_the_api(segments: &[String]) -> bool {
    let path = segments.join("/");
    let is_known = [
        "/crm/",
        "/crm-object-schemas/",
        "/services/data/v",
        "/services/oauth2/userinfo",
        "/services/Soap/",
    ]
    .iter()
    .any(|root| path.starts_with(root));
    let has_dots = segments
        .iter()
        .any(|segment| segment == ".." || segment == ".");
    is_known && !has_dots
}

/// Covers: path-tricks, id-odd, soql-identifier
#[test]
fn no_value_leads_a_call_elsewhere() {
    let demo = Demo::start();
    let seen = |connection: &str| {
        let address = demo.sandbox_address(connection);
        let seen = crosswalk_tests::exchange(address, "GET", "/_sandbox/calls", "", None).body;
        crosswalk_tests::exchange(address, "DELETE", "/_sandbox/calls", "", None);
        seen["calls"].as_array().cloned().unwrap_or_default()
    };
    for connection in CONNECTIONS {
        // What any operation asks for: what is looked up beside it depends on what was looked up before.
        let mut plain = Vec::new();
        for value in [
            PLAIN,
            "001000000000001AAA",
            "Account",
            "companies",
            "contacts",
            "a@b.example",
            "b.example",
        ] {
            for (method, target, body) in calls(value) {
                demo.call(
                    connection,
                    method,
                    &target,
                    (method != "GET").then_some(&body),
                );
                plain.extend(seen(connection).iter().map(form));
            }
        }
        assert!(plain.len() > 20, "{plain:?}");
        for value in evil() {
            for (method, target, body) in calls(&value) {
                let got = demo.call(
                    connection,
                    method,
                    &target,
                    (method != "GET").then_some(&body),
                );
                let told = format!(
                    "{connection} {method} {target} {body}: {} {}",
                    got.status, got.text
                );
                assert!(got.status < 500 || got.status == 501, "{told}");
                for call in seen(connection) {
                    let call = form(&call);
                    assert!(is_of_the_api(&call.1), "{call:?} by {told}");
                    assert!(is_alike(&call, &plain), "{call:?} by {told}");
                }
            }
        }
    }
}

/// Covers: path-tricks
#[test]
fn a_path_of_ours_is_taken_as_it_is_written() {
    let sandbox = Sandbox::start();
    let sidecar = crosswalk_tests::Sidecar::start(&sandbox.with_oauth());
    for target in [
        "/unified/crm/account/../account",
        "/unified/crm/./account",
        "/unified/crm//account",
        "//unified/crm/account",
        "/unified/crm/account/",
        "/unified/crm/account/1/",
        "/unified/crm/account;a=b",
        "/unified/crm/%61ccount",
        "/unified%2fcrm%2faccount",
        "/unified/crm/account%00",
        "/unified/CRM/account",
        "/core/../unified/crm/account",
        "/livez/../unified/crm/account",
        "/livez/",
        "/LIVEZ",
        "/livez%2f..%2funified",
    ] {
        let got = sidecar.call("hubspot", "GET", target, None);
        assert_eq!(got.status, 404, "{target}: {}", got.text);
    }
    for provider in ["hubspot", "salesforce"] {
        assert_eq!(sandbox.native_calls(provider), Vec::<String>::new());
    }
}
