use std::collections::BTreeMap;

use super::*;
use crate::{
    config::{Flag, parse},
    generated::API,
};

const FILE: &str = r#"
api_keys: ["env:KEY", secret-1]
cursor_key: "file:/dev/null"
limits:
  connections: 5
connections:
  acme:
    provider: hubspot
    access_token: secret-2
  "odd:name":
    provider: salesforce
    instance_url: https://a.my.salesforce.com
    oauth: { client_id: "env:KEY", client_secret: secret-3, refresh_token: "env:KEY" }
provider_limits: { hubspot: { burst: 5 }, salesforce: off }
"#;

fn shown(text: &str, flags: &[&str], form: Form) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let flags = flags.iter().map(|flag| Flag::of_set(flag).unwrap());
    let environment = [
        ("KEY", "secret-4"),
        ("HOME", "/home/ada"),
        ("CROSSWALK_LIMITS_THREADS", "2"),
        ("CROSSWALK_ALLOWED_HOSTS", "a,b"),
    ];
    let environment: BTreeMap<_, _> = environment
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    let layers = Layers::new(file.path(), flags.collect(), environment, &[]);
    let text = print(&layers, &API, form).unwrap_or_else(|error| panic!("{error}"));
    text.replace(&file.path().display().to_string(), "crosswalk.yaml")
}

#[test]
fn each_value_has_its_origin_and_no_secret_is_shown() {
    let text = FILE.replace("file:/dev/null", "env:KEY");
    let flags = [
        "log.level=debug",
        "store=postgres://u:secret-5@h/d?password=secret-6",
    ];
    let yaml = shown(&text, &flags, Form::Yaml);
    assert!(!yaml.contains("secret-"), "{yaml}");
    insta::assert_snapshot!(yaml);
    let json = shown(&text, &flags, Form::Json);
    assert!(!json.contains("secret-"), "{json}");
    let json: Json = serde_json::from_str(&json).unwrap();
    let threads = json["settings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|it| it["path"][1] == "threads")
        .unwrap();
    assert_eq!(
        *threads,
        json!({ "path": ["limits", "threads"], "value": "2", "origin": { "kind": "environment", "variable": "CROSSWALK_LIMITS_THREADS" } })
    );
}

#[test]
fn opentelemetry_s_own_variables_are_told_where_they_count() {
    let shown = |text: &str, endpoint: &str| {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), format!("api_keys: [k]\nstore: none\n{text}")).unwrap();
        let environment = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            ("OTEL_SERVICE_NAME", "crm"),
        ];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let layers = Layers::new(file.path(), Vec::new(), environment.into(), &[]);
        print(&layers, &API, Form::Yaml).unwrap_or_else(|error| panic!("{error}"))
    };
    let line = |yaml: &str, name: &str| {
        let line = yaml.lines().find(|line| line.trim().starts_with(name));
        line.unwrap_or_else(|| panic!("{yaml}")).to_owned()
    };
    let yaml = shown("", "http://127.0.0.1:4318");
    let endpoint = line(&yaml, "otlp_endpoint");
    assert!(
        endpoint.contains("http://127.0.0.1:4318")
            && endpoint.contains("OTEL_EXPORTER_OTLP_ENDPOINT"),
        "{endpoint}"
    );
    let name = line(&yaml, "service_name");
    assert!(
        name.contains("crm") && name.contains("OTEL_SERVICE_NAME"),
        "{name}"
    );
    // What is no address does not count, and the file goes before it.
    assert!(!shown("", "nowhere").contains("OTEL_EXPORTER"));
    let given = shown("telemetry: { service_name: mine }\n", "");
    assert!(line(&given, "service_name").contains("mine"));
    assert!(!given.contains("OTEL_"), "{given}");
}

#[test]
fn what_is_shown_can_be_read_and_means_the_same() {
    let text = FILE
        .replace("file:/dev/null", "env:KEY")
        .replace("secret-", "env:SECRET-");
    let environment = |name: &str| Some(format!("value of {name}"));
    let yaml = shown_with(&text, &environment);
    let again =
        parse("c", &yaml, &API, &environment).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    let before = parse("c", &text, &API, &environment).unwrap();
    assert_eq!(
        format!("{:?}", again.connections),
        format!("{:?}", before.connections)
    );
    assert_eq!(
        format!("{:?}", again.limits),
        format!("{:?}", before.limits)
    );
    assert_eq!(again.api_keys.len(), before.api_keys.len());
}

/// With a variable for every secret.
fn shown_with(text: &str, environment: &dyn Fn(&str) -> Option<String>) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let names = ["KEY", "SECRET-1", "SECRET-2", "SECRET-3", "HOME"];
    let variables = names.map(|name| (name.to_owned(), environment(name).unwrap()));
    let layers = Layers::new(file.path(), Vec::new(), variables.into(), &[]);
    print(&layers, &API, Form::Yaml).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn a_text_that_yaml_could_misread_is_quoted() {
    for (text, expected) in [
        ("127.0.0.1:4040", "127.0.0.1:4040"),
        ("4 MiB", "4 MiB"),
        ("env:KEY", "\"env:KEY\""),
        ("a: b", "\"a: b\""),
        ("a #b", "\"a #b\""),
        ("", "\"\""),
        ("- a", "\"- a\""),
        ("********", "\"********\""),
    ] {
        assert_eq!(scalar(text), expected);
    }
}
