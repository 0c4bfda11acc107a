//! The schema against the reader.

use jsonschema::Validator;

use super::*;
use crate::{
    config::{self, settings::tests::file},
    generated::API,
};

fn validator() -> Validator {
    let schema = schema(&API);
    jsonschema::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{error}"))
}

/// Whether the schema takes a file, and whether the reader does.
fn both(validator: &Validator, text: &str) -> (bool, bool) {
    // As editors have it: `off` is a word.
    let options = serde_saphyr::options! { strict_booleans: true };
    let value: Value = serde_saphyr::from_str_with_options(text, options).unwrap();
    let read = config::parse("c", text, &API, &|_| Some("secret".to_owned()));
    (validator.is_valid(&value), read.is_ok())
}

#[test]
fn the_example_is_valid() {
    let validator = validator();
    let text = config::example();
    assert_eq!(both(&validator, &text), (true, true));
    // With everything that stands in a comment as well.
    let all: Vec<_> = text
        .lines()
        .map(|line| {
            let (indent, rest) = line.split_at(line.len() - line.trim_start().len());
            let key = rest
                .strip_prefix("# ")
                .and_then(|rest| rest.split_once(": "));
            match key {
                Some((key, _)) if !key.contains(' ') && key != "yaml-language-server" => {
                    format!("{indent}{}", &rest[2..])
                }
                _ => line.to_owned(),
            }
        })
        // Only a socket has a mode.
        .filter(|line| !line.contains("base_url") && !line.contains("listen_mode"))
        // The file is not there.
        .map(|line| line.replace("file:/run/secrets/cursor-key", "env:CURSOR_KEY"))
        .collect();
    assert_eq!(both(&validator, &all.join("\n")), (true, true));
}

#[test]
fn what_the_reader_takes_the_schema_takes_and_the_other_way_round() {
    let validator = validator();
    let probes = [
        "",
        "~",
        "0",
        "1",
        "9000",
        "-1",
        "1.5",
        "\"9000\"",
        "true",
        "false",
        "word",
        "off",
        "assumed",
        "5s",
        "5",
        "0s",
        "500 ms",
        "5x",
        "24h",
        "4 MiB",
        "9000KiB",
        "4 MB",
        "127.0.0.1:1",
        "\"[::1]:1\"",
        "localhost:1",
        "unix:/run/a.sock",
        "unix:a",
        "http://127.0.0.1:4318",
        "127.0.0.1",
        "[]",
        "[a]",
        "[a, 5]",
        "[[a]]",
        "{}",
        "{ a: b }",
        "\"env:X\"",
        "debug",
        "json",
        "bundled",
        "system",
        "on_signal",
        "none",
        "sqlite:/x",
        "\"\"",
        "postgres://u@h/d",
        "{ hubspot: off }",
        "{ hubspot: { burst: 5 } }",
        "{ hubspot: { burst: 0 } }",
        "{ hubspot: { other: 5 } }",
        "{ other: off }",
        "{ salesforce: 5 }",
    ];
    let mut wrong = Vec::new();
    for setting in SETTINGS {
        for probe in probes {
            let (schema, reader) = both(&validator, &file(setting.path, probe));
            // What such a text must be is more than a pattern can say.
            let is_lenient = matches!(setting.kind, Kind::Text | Kind::Url | Kind::Store) && schema;
            if schema != reader && !is_lenient {
                wrong.push(format!(
                    "{}: {probe}: schema {schema}, reader {reader}",
                    setting.path
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_mode_is_three_or_four_digits_of_eight() {
    let validator = validator();
    for (mode, expected) in [
        ("\"0660\"", true),
        ("\"600\"", true),
        ("\"0800\"", false),
        ("\"1777\"", false),
        ("\"60\"", false),
        ("6", false),
    ] {
        let text = file("listen_mode", mode);
        assert_eq!(both(&validator, &text), (expected, expected), "{mode}");
    }
}

#[test]
fn connections_are_what_their_providers_take() {
    let validator = validator();
    for (connection, expected) in [
        ("{ provider: hubspot, access_token: t }", true),
        ("{ provider: hubspot, access_token: 5 }", true),
        (
            "{ provider: hubspot, access_token: t, api_version: v3 }",
            true,
        ),
        (
            "{ provider: hubspot, oauth: { client_id: c, refresh_token: r } }",
            true,
        ),
        (
            "{ provider: hubspot, oauth: { client_id: c, client_secret: s, refresh_token: r }, access_token: t }",
            true,
        ),
        (
            "{ provider: salesforce, instance_url: \"https://a.my.salesforce.com\", access_token: t }",
            true,
        ),
        (
            "{ provider: salesforce, login_url: \"https://test.salesforce.com\", oauth: { client_id: c, refresh_token: r } }",
            true,
        ),
        (
            "{ provider: hubspot, instance_url: \"https://a.my.salesforce.com\", access_token: t }",
            false,
        ),
        (
            "{ provider: hubspot, login_url: \"https://test.salesforce.com\", access_token: t }",
            false,
        ),
        ("{ provider: hubspot }", false),
        ("{ provider: hubspot, access_token: }", false),
        ("{ provider: hubspot, oauth: { client_id: c } }", false),
        (
            "{ provider: hubspot, oauth: { client_id: c, refresh_token: r, scope: s } }",
            false,
        ),
        ("{ provider: other, access_token: t }", false),
        ("{ access_token: t }", false),
        ("{ provider: hubspot, acess_token: t }", false),
        ("text", false),
    ] {
        let text = format!("api_keys: [k]\nconnections: {{ a: {connection} }}\n");
        assert_eq!(
            both(&validator, &text),
            (expected, expected),
            "{connection}"
        );
    }
    let names = "api_keys: [k]\nconnections: { \"a b\": { provider: hubspot, access_token: t } }\n";
    assert_eq!(both(&validator, names), (false, false));
    assert_eq!(
        both(&validator, "api_keys: [k]\nconnections:\n"),
        (true, true)
    );
}

#[test]
fn unknown_keys_are_refused_by_both() {
    let validator = validator();
    for text in [
        "zz: 1",
        "limits: { zz: 1 }",
        "log: { zz: 1 }",
        "tls: { zz: 1 }",
        "webhooks: { zz: 1 }",
        "telemetry: { zz: 1 }",
    ] {
        assert_eq!(
            both(&validator, &format!("api_keys: [k]\n{text}\n")),
            (false, false),
            "{text}"
        );
    }
}
