//! Wrong requests: each is told where it is wrong, and changes nothing.

mod requests;

use serde_json::Value;

use super::{CANARY, all, answered, config, connect, on_both};

fn operation(line: &str) -> String {
    let (method, path) = line.split_once(' ').unwrap();
    let path = path.split('?').next().unwrap();
    let parts: Vec<_> = path.trim_start_matches('/').split('/').collect();
    let verb = match (method, parts.len()) {
        ("GET", 2) => "list",
        ("GET", _) => "get",
        ("POST", _) if parts[1] == "connection" => "create",
        ("POST" | "PUT", _) => "upsert",
        ("PATCH", _) => "update",
        _ => "delete",
    };
    format!("core.{}.{verb}", parts[1])
}

#[test]
fn a_wrong_request_is_told_its_place_and_changes_nothing() {
    on_both(|sidecar| {
        let bare = super::good(
            sidecar,
            "core.connector_config.upsert",
            "POST",
            "/core/connector_config",
            Some(&serde_json::json!({ "orgId": "org_crosswalk", "connectorName": "hubspot" })),
        );
        let mut names = vec![("{bare}".to_owned(), bare["id"].as_str().unwrap().to_owned())];
        for connector in ["hubspot", "salesforce", "postgres", "sqlite"] {
            names.push((format!("{{{connector}}}"), config(sidecar, connector)));
        }
        let files = names.last().unwrap().1.clone();
        let id = connect(
            sidecar,
            &files,
            "acme",
            &serde_json::json!({ "path": "acme.db" }),
        );
        names.push(("{connection}".to_owned(), id));
        let before = all(sidecar);
        for (line, body, place) in requests::all() {
            let mut text = body.to_string();
            let mut line = line.to_owned();
            for (name, id) in &names {
                text = text.replace(name, id);
                line = line.replace(name, id);
            }
            let body: Value = serde_json::from_str(&text).unwrap();
            let (method, target) = line.split_once(' ').unwrap();
            let sent = (method != "GET" && method != "DELETE").then_some(&body);
            let got = answered(sidecar, (&operation(&line), 400), method, target, sent);
            let paths: Vec<_> = got["issues"]
                .as_array()
                .unwrap_or_else(|| panic!("{line} {body}: {got}"))
                .iter()
                .map(|issue| issue["path"].as_str().unwrap())
                .collect();
            assert!(paths.contains(&place), "{line} {body}: {got}");
        }
        assert_eq!(all(sidecar), before, "nothing was changed");
        assert!(!sidecar.process.err.text().contains(CANARY));
    });
}
