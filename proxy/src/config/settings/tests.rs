//! The table against the reader.

use std::collections::BTreeSet;

use super::*;
use crate::{config, generated::API};

fn read(text: &str) -> Result<String, String> {
    let read = config::parse("c", text, &API, &|_| None);
    read.map(|config| format!("{config:?}"))
        .map_err(|error| error.to_string())
}

/// A file in which one setting has a value.
pub(in crate::config) fn file(path: &str, value: &str) -> String {
    let line = match path.split_once('.') {
        Some((group, key)) => format!("{group}:\n  {key}: {value}\n"),
        None => format!("{path}: {value}\n"),
    };
    match path {
        "api_keys" => line,
        // Only a socket has a mode.
        "listen_mode" => format!("api_keys: [k]\nlisten: unix:/run/a.sock\n{line}"),
        _ => format!("api_keys: [k]\n{line}"),
    }
}

#[test]
fn every_default_is_the_one_that_the_reader_assumes() {
    let nothing_said = read("api_keys: [k]\n").unwrap();
    for setting in SETTINGS {
        if let Standard::Is(value) = setting.standard {
            let said = read(&file(setting.path, value));
            assert_eq!(said.as_ref(), Ok(&nothing_said), "{}", setting.path);
        }
    }
}

#[test]
fn every_setting_is_one_that_the_reader_minds() {
    let nothing_said = read("api_keys: [k]\n").unwrap();
    for setting in SETTINGS {
        let other = match setting.path {
            "listen" => "127.0.0.1:1",
            "listen_mode" => "\"0600\"",
            "telemetry.otlp_endpoint" => "http://127.0.0.1:4318",
            "telemetry.service_name" => "other",
            "admin_listen" => "127.0.0.1:2",
            "api_keys" => "[one, other]",
            "state_dir" => "/s",
            // It needs a folder, so that it is minded by being refused.
            "store" => "sqlite",
            "store_key" => "file:/k",
            "org_id" => "org_other",
            "public_url" => "https://c.example",
            "allowed_hosts" | "allowed_origins" => "[other.example]",
            // Only connections show it.
            "cursor_key" => "\n",
            "provider_limits" => "assumed",
            "webhooks.allow_private" | "tls.http2" => "true",
            "native_door" | "limits.join_reads" => "false",
            _ => match setting.kind {
                Kind::Count(_) => "7",
                Kind::Bytes(_) => "9000",
                Kind::Time => "7s",
                Kind::Word(words) => *words.last().unwrap(),
                kind => panic!("{kind:?}"),
            },
        };
        let mut text = file(setting.path, other);
        if setting.path == "cursor_key" {
            continue;
        }
        if setting.path == "listen_mode" {
            let without = read("api_keys: [k]\nlisten: unix:/run/a.sock\n").unwrap();
            assert_ne!(read(&text), Ok(without));
        }
        if setting.path == "store_key" {
            text.push_str("state_dir: /s\n");
            let without = read("api_keys: [k]\nstate_dir: /s\n").unwrap();
            assert_ne!(read(&text), Ok(without));
        }
        assert_ne!(read(&text).as_ref(), Ok(&nothing_said), "{}", setting.path);
    }
}

#[test]
fn the_reader_knows_these_settings_and_no_others() {
    let known = |text: &str| -> BTreeSet<String> {
        let told = read(text).unwrap_err();
        let (_, names) = told.split_once("expected one of ").unwrap();
        names
            .lines()
            .next()
            .unwrap()
            .split(", ")
            .map(str::to_owned)
            .collect()
    };
    let mut root: BTreeSet<_> = SETTINGS
        .iter()
        .map(|setting| setting.path.split('.').next().unwrap().to_owned())
        .collect();
    let groups: BTreeSet<_> = SETTINGS
        .iter()
        .filter_map(|setting| setting.path.split_once('.'))
        .map(|(group, _)| group)
        .collect();
    root.insert("connections".to_owned());
    assert_eq!(known("api_keys: [k]\nzzzzzzzz: 1\n"), root);
    for group in groups {
        let keys = SETTINGS
            .iter()
            .filter_map(|setting| setting.path.strip_prefix(group)?.strip_prefix('.'))
            .map(str::to_owned)
            .collect();
        let text = format!("api_keys: [k]\n{group}: {{ zzzzzzzz: 1 }}\n");
        assert_eq!(known(&text), keys, "{group}");
    }
    let connection: BTreeSet<_> = CONNECTION
        .iter()
        .map(|key| key.path.split('.').next().unwrap().to_owned())
        .collect();
    let text =
        "api_keys: [k]\nconnections: { a: { provider: hubspot, access_token: t, zzzzzzzz: 1 } }\n";
    assert_eq!(known(text), connection);
    let oauth = CONNECTION
        .iter()
        .filter_map(|key| key.path.strip_prefix("oauth."));
    let oauth: BTreeSet<_> = oauth.map(str::to_owned).collect();
    let text = "api_keys: [k]\nconnections: { a: { provider: hubspot, oauth: { client_id: c, refresh_token: r, zzzzzzzz: 1 } } }\n";
    assert_eq!(known(text), oauth);
}

#[test]
fn the_least_that_is_said_is_taken_and_less_is_refused() {
    for setting in SETTINGS {
        if let Kind::Count(least) | Kind::Bytes(least) = setting.kind {
            read(&file(setting.path, &least.to_string())).unwrap();
            let Some(less) = least.checked_sub(1) else {
                continue;
            };
            let less = read(&file(setting.path, &less.to_string())).unwrap_err();
            assert!(less.contains(&format!("{least} or more")), "{less}");
        }
    }
}

#[test]
fn every_variable_has_one_meaning() {
    let mut names = BTreeSet::new();
    for name in SETTINGS.iter().map(Setting::variable) {
        // What commands read, and what Kubernetes makes for a service of that name.
        for taken in [
            "CROSSWALK_CONFIG",
            "CROSSWALK_URL",
            "CROSSWALK_API_KEY",
            "CROSSWALK_PORT",
        ] {
            assert_ne!(name, taken);
        }
        assert!(!name.starts_with("CROSSWALK_PORT_") && !name.starts_with("CROSSWALK_SERVICE_"));
        assert!(names.insert(name.clone()), "{name}");
    }
}

#[test]
fn every_setting_says_what_it_means() {
    for setting in SETTINGS {
        assert!(setting.doc.len() > 5, "{}", setting.path);
        assert!(!setting.doc.contains('\n'), "{}", setting.path);
    }
}
