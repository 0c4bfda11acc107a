//! The guides to a real HubSpot and a real Salesforce, with the sandbox in their place.

use std::collections::BTreeSet;

use crosswalk_tests::{Sandbox, exchange};
use serde_json::{Value, json};

use crate::manual::{Reader, consent, sayings};

const HUBSPOT: &str = include_str!("../../proxy/docs/hubspot.md");
const SALESFORCE: &str = include_str!("../../proxy/docs/salesforce.md");
const FAULTS: &str = "## When it does not work";

/// A reader whose secrets are the sandbox's, and whose provider is there as well.
fn reader(guide: &str, provider: &str, sandbox: &Sandbox) -> Reader {
    let at = format!("http://{}", sandbox.address(provider));
    let mut reader = Reader::of(guide);
    let own = reader.address.clone();
    reader.instead("https://crosswalk.example.com", format!("http://{own}"));
    for (name, value) in [
        ("HUBSPOT_TOKEN=pat-…", "HUBSPOT_TOKEN=pat-na1-sandbox-demo"),
        ("_CLIENT_ID=…", "_CLIENT_ID=sandbox-client"),
        ("_CLIENT_SECRET=…", "_CLIENT_SECRET=sandbox-secret"),
        ("_REFRESH_TOKEN=…", "_REFRESH_TOKEN=sandbox-refresh"),
        ("https://acme.my.salesforce.com", &at),
    ] {
        reader.instead(name, value);
    }
    // What no real account needs, since it is where everybody's is.
    let place = match provider {
        "hubspot" => format!("\"base_url\": \"{at}\""),
        _ => format!("\"base_url\": \"{at}\", \"login_url\": \"{at}\""),
    };
    reader.instead("\"config\": {", format!("\"config\": {{{place}, "));
    let here = format!("provider: hubspot\n    base_url: {at}");
    reader.instead("provider: hubspot", here);
    let settings = json!({"consent": "at_once"});
    sandbox.control(provider, "PATCH", "/_sandbox/settings", Some(&settings));
    reader
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// From the app's registration to the first call of a customer's connection.
fn connect(reader: &mut Reader, provider: &str, sandbox: &Sandbox) {
    let config = parsed(&reader.expect("core.connector_config.upsert"));
    let config = config["id"].as_str().unwrap();
    let link = parsed(&reader.expect("connect.magic_link.create"));
    let link = link["url"].as_str().unwrap();
    consent(&reader.address, sandbox.address(provider), link, config);
    let list = reader.expect("connections list --customer acme");
    let id = list
        .split_whitespace()
        .find(|word| word.starts_with("conn_"));
    let id = id.unwrap_or_else(|| panic!("a connection came of it: {list}"));
    reader.instead("conn_…", id);
    let checked = reader.expect("connections check --all");
    assert!(checked.contains(&format!("ok    {id}: ")), "{checked}");
    let page = parsed(&reader.expect(" --connection conn_…"));
    assert_eq!(page["items"].as_array().unwrap().len(), 5);
}

#[test]
fn the_guide_leads_to_hubspot_by_a_key_and_by_an_app() {
    let sandbox = Sandbox::start();
    let mut reader = reader(HUBSPOT, "hubspot", &sandbox);
    reader.next();
    reader.expect("export CROSSWALK_KEY");
    let fine = reader.expect("crosswalk check-config");
    assert!(fine.contains("fine, 1 connection"), "{fine}");
    let doctor = reader.expect("crosswalk doctor");
    assert!(
        doctor.contains("acme-hubspot: HubSpot takes the credentials"),
        "{doctor}"
    );
    reader.expect("crosswalk serve");
    let page = parsed(&reader.expect("crm.account.list --connection acme-hubspot"));
    assert_eq!(page["items"].as_array().unwrap().len(), 5);
    let can = parsed(&reader.expect("/capabilities"));
    assert_eq!(can["provider"]["name"], "hubspot");

    reader.next();
    reader.expect("export HUBSPOT_CLIENT_ID");
    reader.serve();
    connect(&mut reader, "hubspot", &sandbox);
    reader.next();
    assert_eq!(reader.shell("crosswalk check-config").code, 0);
    reader.end();
}

#[test]
fn the_guide_leads_to_salesforce_by_an_app_and_by_a_token() {
    let sandbox = Sandbox::start();
    let mut reader = reader(SALESFORCE, "salesforce", &sandbox);
    reader.next();
    reader.expect("export CROSSWALK_KEY");
    reader.expect("crosswalk check-config");
    reader.expect("crosswalk serve");
    connect(&mut reader, "salesforce", &sandbox);
    let can = parsed(&reader.expect("/capabilities"));
    assert_eq!(can["provider"]["api_version"], "59.0");

    reader.next();
    reader.expect("export ACME_SALESFORCE_REFRESH_TOKEN");
    let fine = reader.expect("crosswalk check-config");
    assert!(fine.contains("fine, 1 connection"), "{fine}");
    let doctor = reader.expect("crosswalk doctor");
    assert!(
        doctor.contains("acme-salesforce: Salesforce takes the credentials"),
        "{doctor}"
    );
    reader.next();
    assert_eq!(reader.shell("crosswalk check-config").code, 0);
    reader.end();
}

/// Every word of a text that names a scope of HubSpot's.
fn scopes(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || "._".contains(letter)))
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| matches!(word.rsplit('.').next(), Some("read" | "write")))
        .filter(|word| word.starts_with("crm.objects.") || word.starts_with("crm.schemas."))
        .collect()
}

#[test]
fn the_scopes_are_those_that_the_proxy_asks_for() {
    let provider = include_str!("../../mappings/hubspot/provider.yaml");
    let (_, authorize) = provider.split_once("  authorize:").unwrap();
    let (authorize, rest) = authorize.split_once("  revoke:").unwrap();
    let asked = scopes(authorize);
    assert!(asked.len() > 10);
    assert_eq!(scopes(HUBSPOT), asked);
    let (required, optional) = authorize.split_once("optional:").unwrap();
    let (_, app) = HUBSPOT.split_once("- as required scopes").unwrap();
    let (told_required, told_optional) = app.split_once("- as optional scopes").unwrap();
    let (told_optional, _) = told_optional.split_once("\n\n").unwrap();
    assert_eq!(scopes(told_required), scopes(required));
    assert_eq!(scopes(told_optional), scopes(optional));
    // The table: what each entity's reads and writes take.
    let (_, table) = HUBSPOT.split_once("| operations | scopes |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let (_, entities) = rest.split_once("  entities:\n").unwrap();
    let (entities, _) = entities.split_once("  operations:\n").unwrap();
    for line in entities.lines().filter(|line| line.contains("reads:")) {
        let entity = line.trim().split(':').next().unwrap();
        let row = table
            .lines()
            .find(|row| row.contains(&format!("`{entity}.*`")));
        let row = row.unwrap_or_else(|| panic!("{entity} is in the table"));
        assert_eq!(scopes(row), scopes(line), "{entity}");
    }
    let provider = include_str!("../../mappings/salesforce/provider.yaml");
    assert!(provider.contains("scopes: [api, id, refresh_token]"));
    assert!(SALESFORCE.contains("asks for `api id refresh_token`"));
}

/// A proxy with one connection that is set up so, or only its configuration.
struct Trial {
    reader: Reader,
}

impl Trial {
    fn new(connection: &str, rest: &str) -> Self {
        let reader = Reader::of("");
        let text =
            format!("api_keys: [k]\nstore: none\n{rest}\nconnections:\n  acme: {connection}\n");
        std::fs::write(reader.folder().join("crosswalk.yaml"), text).unwrap();
        Self { reader }
    }

    /// What a command that fails says.
    fn failing(&self, command: &str) -> String {
        let ran = self.reader.shell(command);
        assert_ne!(ran.code, 0, "{command}: {}", ran.out);
        format!("{}{}", ran.out, ran.err)
    }

    fn call(mut self, call: &str) -> String {
        self.reader.serve();
        self.failing(&format!("crosswalk call {call} --connection acme"))
    }
}

/// Each saying of a guide is one that the program says, in the order of the table.
fn hold(guide: &str, said: &[String]) {
    let sayings = sayings(guide, FAULTS);
    assert_eq!(sayings.len(), said.len(), "{sayings:#?}");
    for (saying, said) in sayings.iter().zip(said) {
        // Names of limits stand in code marks, which code cannot have in it.
        let said = said.replace('`', "");
        assert!(said.contains(saying.as_str()), "`{saying}`: {said}");
    }
}

const DOCTOR: &str = "crosswalk doctor --connection acme";
const LIST: &str = "crm.account.list --page-size 1";

#[test]
fn hubspot_s_messages_are_those_of_the_guide() {
    let sandbox = Sandbox::start();
    let at = format!("http://{}", sandbox.address("hubspot"));
    let control = |target: &str, body: Value| {
        sandbox.control("hubspot", "PATCH", target, Some(&body));
    };
    let set = |settings: Value| control("/_sandbox/settings", settings);
    let key =
        |token: &str| format!("{{ provider: hubspot, base_url: \"{at}\", access_token: {token} }}");
    let oauth = |secret: &str, token: &str| {
        format!(
            "{{ provider: hubspot, base_url: \"{at}\", oauth: {{ client_id: sandbox-client, client_secret: {secret}, refresh_token: {token} }} }}"
        )
    };
    let good = key("pat-na1-sandbox-demo");
    let mut said = Vec::new();
    said.push(Trial::new(&key("\"env:HUBSPOT_TOKEN\""), "").failing("crosswalk check-config"));
    said.push(Trial::new(&key("pat-na1-cut"), "").failing(DOCTOR));
    set(json!({"revoked_scopes": ["crm.objects.companies.write"]}));
    said.push(Trial::new(&good, "").call("crm.account.create --set record.name=Acme"));
    set(json!({"revoked_scopes": []}));
    let refusal = json!({"status": "error", "category": "FORBIDDEN", "message": "You do not have permissions to view this"});
    let fault = json!({"match": {"path": "/crm/"}, "times": 1, "action": {"reply": {"status": 403, "body": refusal}}});
    sandbox.control("hubspot", "POST", "/_sandbox/faults", Some(&fault));
    said.push(Trial::new(&good, "").call(LIST));
    let dead = Trial::new(&oauth("sandbox-secret", "gone"), "").call(LIST);
    assert!(!dead.contains("--api-key"), "the key is well: {dead}");
    said.push(dead);
    said.push(Trial::new(&oauth("wrong", "sandbox-refresh"), "").failing(DOCTOR));
    set(json!({"rate_limits": {"daily": 0}}));
    let mut spent = Trial::new(&good, "");
    spent.reader.serve();
    said.push(spent.failing(&format!("crosswalk call {LIST} --connection acme")));
    let again = spent.failing(&format!("crosswalk call {LIST} --connection acme"));
    assert!(again.contains("are used up"), "{again}");
    set(json!({"rate_limits": {"daily": null}}));
    let rest = "provider_limits: assumed\nlimits: { queue_wait: 1ms }";
    let mut burst = Trial::new(&good, rest);
    burst.reader.serve();
    let headers = "x-apikey: k\r\nx-connection-id: acme\r\n";
    // Each another one, or they would be one call.
    let refused = (1..200).find_map(|id| {
        let target = format!("/unified/crm/user/{id}");
        let answer = exchange(&burst.reader.address, "GET", &target, headers, None);
        (answer.status == 429).then_some(answer)
    });
    let refused = refused.expect("the hundred are used up");
    assert!(refused.header("retry-after").is_some());
    said.push(refused.text);
    hold(HUBSPOT, &said);
}

#[test]
fn salesforce_s_messages_are_those_of_the_guide() {
    let sandbox = Sandbox::start();
    let at = format!("http://{}", sandbox.address("salesforce"));
    let set = |settings: Value| {
        sandbox.control("salesforce", "PATCH", "/_sandbox/settings", Some(&settings));
    };
    let token = |token: &str| {
        format!("{{ provider: salesforce, instance_url: \"{at}\", access_token: \"{token}\" }}")
    };
    let oauth = |id: &str, secret: &str, token: &str| {
        format!(
            "{{ provider: salesforce, login_url: \"{at}\", oauth: {{ client_id: {id}, client_secret: {secret}, refresh_token: {token} }} }}"
        )
    };
    let good = token("00DSANDBOX!demo");
    let mut said = Vec::new();
    for wrong in [
        "{ provider: salesforce, instance_url: \"https://acme.example.com\", access_token: a }",
        "{ provider: salesforce, access_token: a }",
    ] {
        said.push(Trial::new(wrong, "").failing("crosswalk check-config"));
    }
    for (id, secret, token) in [
        ("other", "sandbox-secret", "sandbox-refresh"),
        ("sandbox-client", "wrong", "sandbox-refresh"),
        ("sandbox-client", "sandbox-secret", "gone"),
    ] {
        said.push(Trial::new(&oauth(id, secret, token), "").failing(DOCTOR));
    }
    said.push(Trial::new(&token("00D!over"), "").failing(DOCTOR));
    set(json!({"hidden_fields": {"Account": ["NumberOfEmployees"]}}));
    let mut hidden = Trial::new(&good, "");
    hidden.reader.serve();
    let page = hidden
        .reader
        .shell(&format!("crosswalk call {LIST} --connection acme"));
    let record = &parsed(&page.out)["items"][0];
    assert_eq!(record["number_of_employees"], Value::Null);
    assert!(record["raw_data"].get("NumberOfEmployees").is_none());
    said.push(hidden.failing("crosswalk call crm.account.create --connection acme --set record.name=Acme --set record.number_of_employees=7"));
    set(json!({"hidden_fields": {}}));
    set(json!({"daily_limit": 10, "calls_today": 10}));
    let mut spent = Trial::new(&good, "");
    spent.reader.serve();
    said.push(spent.failing(&format!("crosswalk call {LIST} --connection acme")));
    let again = spent.failing(&format!("crosswalk call {LIST} --connection acme"));
    assert!(again.contains("are used up"), "{again}");
    set(json!({"daily_limit": 15000, "calls_today": 0}));
    let refusal = json!([{"errorCode": "API_DISABLED_FOR_ORG", "message": "The REST API is not enabled for this Organization."}]);
    let fault = json!({"match": {"path": "/data/"}, "times": 1, "action": {"reply": {"status": 403, "body": refusal}}});
    sandbox.control("salesforce", "POST", "/_sandbox/faults", Some(&fault));
    said.push(Trial::new(&good, "").call(LIST));
    hold(SALESFORCE, &said);
}
