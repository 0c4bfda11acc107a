//! Two customers at one proxy: the same ids, the same names, the same calls, and never a word of the other's.

use std::sync::atomic::{AtomicUsize, Ordering};

use crosswalk_tests::{Answer, Sandbox, Sidecar};
use serde_json::{Value, json};

const TENANTS: [&str; 2] = ["tenant-one", "tenant-two"];

/// What only one of them has; no word of the sample data begins like it.
fn mark(tenant: usize) -> &'static str {
    ["Zebra", "Yucca"][tenant]
}

/// A proxy with a connection of each tenant to each provider, each played by a sandbox of its own.
fn scene() -> ([Sandbox; 2], Sidecar) {
    let sandboxes = [Sandbox::start(), Sandbox::start()];
    let mut connections = "connections:\n".to_owned();
    for (sandbox, tenant) in sandboxes.iter().zip(TENANTS) {
        connections.push_str(
            &sandbox
                .with_oauth()
                .replace("connections:\n", "")
                .replace("  hubspot:", &format!("  {tenant}-hubspot:"))
                .replace("  salesforce:", &format!("  {tenant}-salesforce:")),
        );
    }
    (sandboxes, Sidecar::start(&connections))
}

fn connection(tenant: usize, provider: &str) -> String {
    format!("{}-{provider}", TENANTS[tenant])
}

fn is_own(answer: &Answer, tenant: usize, told: &str) {
    let other = mark(1 - tenant).to_lowercase();
    let text = answer.text.to_lowercase();
    assert!(!text.contains(&other), "{told}: {text}");
}

/// Marks the first accounts of a tenant; their ids.
fn marked(sidecar: &Sidecar, tenant: usize, provider: &str) -> Vec<String> {
    let connection = connection(tenant, provider);
    let target = "/unified/crm/account?page_size=10&sync_mode=full";
    let page = sidecar.call(&connection, "GET", target, None);
    let items = page.body["items"].as_array().expect("a page").clone();
    let ids: Vec<String> = items
        .iter()
        .map(|item| item["id"].as_str().unwrap().to_owned())
        .collect();
    for (index, id) in ids.iter().enumerate() {
        let record = json!({ "record": { "name": format!("{} {index}", mark(tenant)) } });
        let target = format!("/unified/crm/account/{id}");
        let got = sidecar.call(&connection, "PATCH", &target, Some(&record));
        assert_eq!(got.status, 200, "{}", got.text);
    }
    ids
}

/// Covers: tenant-cache
#[test]
fn records_with_one_id_stay_with_their_tenants_however_many_ask_at_once() {
    let (_sandboxes, sidecar) = scene();
    for provider in ["hubspot", "salesforce"] {
        let ids = [0, 1].map(|tenant| marked(&sidecar, tenant, provider));
        assert_eq!(ids[0], ids[1], "the same ids, or the test shows nothing");
        let next = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    loop {
                        let turn = next.fetch_add(1, Ordering::Relaxed);
                        if turn >= 160 {
                            break;
                        }
                        // Both ask for the same at the same time, alone and together.
                        let (tenant, id) = (turn % 2, &ids[0][(turn / 2) % ids[0].len()]);
                        let at = connection(tenant, provider);
                        let got = match turn % 5 {
                            4 => {
                                let body = json!({ "ids": &ids[0], "properties": ["name"] });
                                sidecar.call(
                                    &at,
                                    "POST",
                                    "/unified/crm/account/_batch_read",
                                    Some(&body),
                                )
                            }
                            _ => sidecar.call(
                                &at,
                                "GET",
                                &format!("/unified/crm/account/{id}"),
                                None,
                            ),
                        };
                        assert_eq!(got.status, 200, "{at}: {}", got.text);
                        assert!(got.text.contains(mark(tenant)), "{at}: {}", got.text);
                        is_own(&got, tenant, &at);
                    }
                });
            }
        });
    }
}

/// Covers: tenant-cache
#[test]
fn what_an_account_has_is_known_of_that_account_alone() {
    let (sandboxes, sidecar) = scene();
    for (provider, object) in [("hubspot", "companies"), ("salesforce", "Account")] {
        let properties = format!("/unified/crm/metadata/objects/{object}/properties");
        // Both have been looked at before, so that whatever is kept is there.
        for tenant in [0, 1] {
            let got = sidecar.call(&connection(tenant, provider), "GET", &properties, None);
            assert_eq!(got.status, 200, "{}", got.text);
        }
        for tenant in [0, 1] {
            let at = connection(tenant, provider);
            let field = json!({ "id": format!("{}_field", mark(tenant).to_lowercase()), "label": mark(tenant), "type": "text" });
            let made = sidecar.call(&at, "POST", &properties, Some(&field));
            assert_eq!(made.status, 200, "{at}: {}", made.text);
            let object = json!({
                "name": mark(tenant).to_lowercase(),
                "description": mark(tenant),
                "labels": { "singular": mark(tenant), "plural": format!("{}s", mark(tenant)) },
                "primary_field_id": "title",
                "fields": [{ "id": "title", "label": "Title", "type": "text" }],
            });
            let made = sidecar.call(&at, "POST", "/unified/crm/metadata/objects", Some(&object));
            assert_eq!(made.status, 200, "{at}: {}", made.text);
        }
        for tenant in [0, 1, 0, 1] {
            let at = connection(tenant, provider);
            for target in [properties.as_str(), "/unified/crm/metadata/objects"] {
                let got = sidecar.call(&at, "GET", target, None);
                assert_eq!(got.status, 200, "{at} {target}: {}", got.text);
                let own = mark(tenant).to_lowercase();
                assert!(
                    got.text.to_lowercase().contains(&own),
                    "{at} {target}: {}",
                    got.text
                );
                is_own(&got, tenant, target);
            }
            // By the name that the one gave it, the other finds nothing.
            let other = mark(1 - tenant).to_lowercase();
            let target = format!("/unified/crm/custom_objects/{other}");
            let got = sidecar.call(&at, "GET", &target, None);
            assert_eq!(got.status, 404, "{at} {target}: {}", got.text);
        }
    }
    drop(sandboxes);
}

/// Covers: tenant-cache
#[test]
fn a_field_that_one_may_not_see_is_not_hidden_from_the_other() {
    let (sandboxes, sidecar) = scene();
    let hidden = json!({ "hidden_fields": { "Account": ["Industry"] } });
    sandboxes[0].control("salesforce", "PATCH", "/_sandbox/settings", Some(&hidden));
    let industries = |tenant: usize| {
        let target = "/unified/crm/account?page_size=50&sync_mode=full";
        let got = sidecar.call(&connection(tenant, "salesforce"), "GET", target, None);
        assert_eq!(got.status, 200, "{}", got.text);
        let items = got.body["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .filter(|item| item["industry"] != Value::Null)
            .count()
    };
    for _ in 0..2 {
        assert_eq!(industries(0), 0);
        assert_ne!(industries(1), 0);
    }
}
