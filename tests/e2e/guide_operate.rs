//! The guide for who operates it, line by line; what is said of alerts, metrics and messages, held against what there is.

use std::{io::Write as _, process::Command};

use crosswalk_tests::{Postgres, Sandbox, exchange};
use serde_json::Value;

use crate::{
    manual::{Reader, broken_links, headings},
    watching::{files, names, samples},
};

const OPERATE: &str = include_str!("../../proxy/docs/operate.md");
const HUBSPOT: &str = include_str!("../../proxy/docs/hubspot.md");
const SALESFORCE: &str = include_str!("../../proxy/docs/salesforce.md");
const KEY: &str = "canary-api-key";

/// Whether what the guide has its readers install is there; without it, where `CI` is set, the tests fail.
fn has(program: &str) -> bool {
    let is_there = Command::new(program).arg("--version").output().is_ok();
    if !is_there {
        assert!(std::env::var_os("CI").is_none(), "{program} is needed");
        let _ = writeln!(std::io::stderr(), "\nNOT TESTED: {program} is needed\n");
    }
    is_there
}

/// Somebody whose proxy has one account at the sandbox.
fn operator(sandbox: &Sandbox) -> Reader {
    let mut reader = Reader::of(OPERATE);
    reader.write(
        "crosswalk.yaml",
        &format!(
            "admin_listen: 127.0.0.1:4043\napi_keys: [env:CROSSWALK_API_KEY]\nconnections:\n  acme-hubspot: {{ provider: hubspot, base_url: \"http://{}\", access_token: \"env:TOKEN\" }}\n",
            sandbox.address("hubspot")
        ),
    );
    let export = format!("export CROSSWALK_API_KEY={KEY} TOKEN=pat-na1-sandbox-demo");
    assert_eq!(reader.shell(&export).code, 0);
    reader.serve();
    reader
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn what_the_guide_for_operators_says_can_be_done() {
    if !has("sqlite3") {
        return;
    }
    let sandbox = Sandbox::start();
    let mut reader = operator(&sandbox);
    assert!(
        reader
            .expect("crosswalk health --ready")
            .starts_with("ok: ")
    );
    let doctor = reader.expect("crosswalk doctor");
    assert!(doctor.contains(", 0 to mend"), "{doctor}");
    let checked = reader.expect("crosswalk connections check --all");
    assert!(checked.starts_with("ok    acme-hubspot: "), "{checked}");
    let ready = parsed(&reader.expect("/readyz?verbose"));
    assert_eq!(ready["status"], "ok");
    reader.expect("REQUEST_ID=$(curl");
    let call = parsed(&reader.expect("/calls/$REQUEST_ID"));
    assert_eq!(call["operation"], "crm.user.list", "{call}");
    assert_eq!(call["native"][0]["status"], 200, "{call}");

    reader.next();
    reader.expect("crosswalk check-config");
    reader
        .served()
        .err
        .wait_for("the configuration was read again");
    let debug = reader.shell("crosswalk call crm.user.list --connection acme-hubspot");
    assert_eq!(debug.code, 0, "{}", debug.err);
    reader.served().err.wait_for("\"level\":\"DEBUG\"");

    keys(&mut reader);
    backup(&mut reader);
    let Some(server) = Postgres::shared() else {
        return;
    };
    postgres(&mut reader, &server.database());

    reader.serve();
    let link = parsed(&reader.expect("connect.magic_link.create"));
    assert!(link["url"].as_str().unwrap().contains("/connect/open#"));
    reader.end();
}

fn keys(reader: &mut Reader) {
    let key = reader.expect("crosswalk keys create");
    let call = |reader: &Reader| {
        let headers = format!(
            "x-apikey: {}\r\nx-connection-id: acme-hubspot\r\n",
            key.trim()
        );
        exchange(&reader.address, "GET", "/unified/crm/user", &headers, None).status
    };
    assert_eq!(call(reader), 200);
    let list = reader.expect("crosswalk keys list");
    let id = list
        .split_whitespace()
        .find(|word| word.starts_with("key_"));
    reader.instead("key_…", id.expect("the key is in the list"));
    reader.expect("crosswalk keys revoke");
    // Both count within two seconds.
    std::thread::sleep(std::time::Duration::from_secs(2));
    assert_eq!(call(reader), 401);
    reader.expect("crosswalk keys rotate");
}

/// A store that is gone comes back as it was.
fn backup(reader: &mut Reader) {
    let kept = reader.shell("crosswalk keys list").out;
    assert!(kept.contains("reports"), "{kept}");
    reader.expect("sqlite3");
    let secret = reader.folder().join("store-key-backup");
    let mode = std::fs::metadata(&secret).unwrap();
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&mode.permissions()) & 0o777,
        0o600
    );
    reader.stop();
    let lost = reader.shell("rm \"$STATE\"/*");
    assert_eq!(lost.code, 0, "{}", lost.err);
    reader.expect("install -m 600");
    let doctor = reader.expect("crosswalk doctor --offline");
    assert!(
        doctor.contains("crosswalk.db: can be read and written"),
        "{doctor}"
    );
    assert_eq!(reader.shell("crosswalk keys list").out, kept);
}

fn postgres(reader: &mut Reader, url: &str) {
    reader.next();
    let export = reader.shell(&format!("export STORE_URL='{url}'"));
    assert_eq!(export.code, 0, "{}", export.err);
    reader.expect("store.key");
    reader.expect("crosswalk check-config");
    reader.expect("crosswalk serve");
    let made = reader.shell("crosswalk keys create --scope read --name kept");
    assert_eq!(made.code, 0, "{}", made.err);
    reader.expect("pg_dump");
    reader.stop();
    let made = reader.shell("crosswalk keys create --scope read --name lost");
    assert_eq!(made.code, 0, "{}", made.err);
    reader.expect("pg_restore");
    let list = reader.shell("crosswalk keys list").out;
    assert!(list.contains("kept") && !list.contains("lost"), "{list}");
    assert!(reader.expect("crosswalk version").starts_with("crosswalk "));
    reader.expect("crosswalk check-config");
    let doctor = reader.expect("crosswalk doctor --offline");
    assert!(doctor.contains("tables of version"), "{doctor}");
}

#[test]
fn every_alert_leads_to_its_place_in_the_guide() {
    let text = std::fs::read_to_string(files().join("prometheus-alerts.yml")).unwrap();
    let rules: Value = serde_saphyr::from_str(&text).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    let chart = files().join("../helm/crosswalk/templates/prometheusrule.yaml");
    let chart = std::fs::read_to_string(chart).unwrap();
    let places = headings(OPERATE);
    let mut of_alerts = vec!["crosswalkdown".to_owned()];
    for rule in rules {
        let alert = rule["alert"].as_str().unwrap();
        let url = rule["annotations"]["runbook_url"].as_str();
        let (file, place) = url
            .unwrap_or_else(|| panic!("{alert} has one"))
            .split_once('#')
            .unwrap();
        assert_eq!(file, "proxy/docs/operate.md");
        assert_eq!(place, alert.to_lowercase());
        of_alerts.push(place.to_owned());
    }
    assert!(chart.contains("runbook_url: proxy/docs/operate.md#crosswalkdown\n"));
    for place in &of_alerts {
        assert!(places.contains(place), "#{place} is in the guide");
    }
    let told = places.iter().filter(|place| place.starts_with("crosswalk"));
    for place in told {
        assert!(of_alerts.contains(place), "#{place} is an alert");
    }
}

#[test]
fn the_metrics_of_the_guide_are_told_and_its_links_lead_somewhere() {
    let sandbox = Sandbox::start();
    let mut reader = operator(&sandbox);
    // What is left of a limit is there when it was told.
    let told = serde_json::json!({"rate_limits": {"burst_per_10s": 100}});
    sandbox.control("hubspot", "PATCH", "/_sandbox/settings", Some(&told));
    let call = reader.shell("crosswalk call crm.user.list --connection acme-hubspot");
    assert_eq!(call.code, 0, "{}", call.err);
    let metrics = reader.shell("curl --fail --silent http://127.0.0.1:4043/metrics");
    assert_eq!(metrics.code, 0, "{}", metrics.err);
    let known = samples(&metrics.out);
    let told = names(OPERATE)
        .into_iter()
        .chain(names(HUBSPOT))
        .chain(names(SALESFORCE));
    for name in told {
        assert!(known.iter().any(|known| known.starts_with(name)), "{name}");
    }
    for guide in [OPERATE, HUBSPOT, SALESFORCE] {
        assert_eq!(broken_links(guide), Vec::<String>::new());
    }
    reader.stop();
}

/// What the guide quotes of the program, before `…` and after it, is in what the program says.
fn quoted(words: &str, said: &str) {
    assert!(OPERATE.contains(words), "{words} is in the guide");
    for part in words.split('…') {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn a_store_that_cannot_be_used_is_told_as_the_guide_has_it() {
    if !has("sqlite3") {
        return;
    }
    let sandbox = Sandbox::start();
    let mut reader = operator(&sandbox);
    let config = "call core.connector_config.upsert --data '{\"orgId\": \"org_crosswalk\", \"connectorName\": \"hubspot\", \"config\": {\"client_id\": \"a\", \"client_secret\": \"b\"}}'";
    let made = reader.shell(&format!("crosswalk {config}"));
    assert_eq!(made.code, 0, "{}", made.err);
    reader.stop();
    let start = |reader: &Reader, set: &str| {
        let ran = reader.shell(&format!("timeout 40 crosswalk serve {set}"));
        assert_eq!(ran.code, 1, "{}", ran.err);
        ran.err
    };
    let away = start(&reader, "--store postgres://a:b@127.0.0.1:1/none");
    quoted("the store cannot be reached", &away);
    let state = "\"$XDG_STATE_HOME/crosswalk";
    let lost = reader.shell(&format!("mv {state}/store.key\" ."));
    assert_eq!(lost.code, 0, "{}", lost.err);
    let lost = start(&reader, "");
    quoted(
        "secrets in the store are sealed with the key …, which is not in the key file …; put that key back",
        &lost,
    );
    let newer = reader.shell(&format!("sqlite3 {state}/crosswalk.db\" \"INSERT INTO _sqlx_migrations SELECT 99, 'later', installed_on, 1, checksum, 0 FROM _sqlx_migrations LIMIT 1\""));
    assert_eq!(newer.code, 0, "{}", newer.err);
    let newer = start(&reader, "");
    quoted(
        "the store's tables cannot be brought up to date: migration 99 was previously applied but is missing in the resolved migrations",
        &newer,
    );
}

/// A connection that a customer has given up is told so, until the customer connects again.
#[test]
fn a_revoked_token_is_told_as_the_guide_has_it() {
    let sandbox = Sandbox::start();
    let mut reader = operator(&sandbox);
    let place = sandbox.address("hubspot").to_owned();
    let config = format!(
        "crosswalk call core.connector_config.upsert --json --data '{{\"orgId\": \"org_crosswalk\", \"connectorName\": \"hubspot\", \"config\": {{\"base_url\": \"http://{place}\", \"client_id\": \"sandbox-client\", \"client_secret\": \"sandbox-secret\"}}}}'"
    );
    let config = parsed(&reader.shell(&config).out);
    let config = config["id"].as_str().unwrap();
    let made = reader.shell(&format!("crosswalk call core.connection.create --json --set customerId=acme --set connectorConfigId={config} --set settings.oauth.credentials.refresh_token=sandbox-refresh"));
    let id = parsed(&made.out);
    let id = id.as_str().unwrap();
    let settings = serde_json::json!({"revoke_refresh_tokens": true});
    sandbox.control("hubspot", "PATCH", "/_sandbox/settings", Some(&settings));
    sandbox.control("hubspot", "POST", "/_sandbox/expire_tokens", None);
    let refused = reader.shell(&format!("crosswalk call crm.user.list --connection {id}"));
    assert_eq!(refused.code, 4, "{}", refused.out);
    let list = reader.shell("crosswalk connections list").out;
    let line = list.lines().find(|line| line.starts_with(id)).unwrap();
    assert!(line.contains("disconnected: "), "{line}");
    assert!(OPERATE.contains("shows the connection as `disconnected`, and why"));
    let events = reader.shell("crosswalk call core.event.list --since 0 --name connection.broken");
    assert_eq!(events.code, 0, "{}", events.err);
    let told = events.out.matches("\"connection.broken\"").count();
    assert_eq!(told, 1, "{}", events.out);
    assert!(OPERATE.contains("an event `connection.broken` (`GET /core/event`)"));
    reader.stop();
}
