//! The port of those who watch.

use crosswalk_tests::{Answer, Demo, Sandbox, Sidecar, exchange};
use serde_json::Value;

pub(crate) fn watched(sidecar: &Sidecar) -> String {
    let line = sidecar.process.err.wait_for("listening");
    let line: Value = serde_json::from_str(&line).unwrap();
    line["admin"].as_str().expect("it is told where").to_owned()
}

fn get(address: &str, target: &str) -> Answer {
    exchange(address, "GET", target, "", None)
}

/// The value of a line that begins so.
fn value(text: &str, start: &str) -> Option<f64> {
    let line = text.lines().find(|line| line.starts_with(start))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// Covers: metric-labels
#[test]
fn metrics_are_openmetrics_and_tell_nothing_of_customers() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&format!(
        "admin_listen: 127.0.0.1:0\n{}",
        sandbox
            .with_oauth()
            .replace("  hubspot:", "  canary-customer:")
    ));
    let admin = watched(&sidecar);
    let list = "/unified/crm/account?page_size=1";
    for _ in 0..3 {
        assert_eq!(
            sidecar.call("canary-customer", "GET", list, None).status,
            200
        );
    }
    assert_eq!(
        sidecar
            .call("canary-customer", "GET", "/unified/crm/account/0", None)
            .status,
        404
    );
    assert_eq!(
        sidecar
            .call("canary-customer", "GET", "/nowhere/canary-path", None)
            .status,
        404
    );
    sidecar.logged(5);
    let metrics = get(&admin, "/metrics");
    assert_eq!(metrics.status, 200);
    assert_eq!(
        metrics.header("content-type"),
        Some("application/openmetrics-text; version=1.0.0; charset=utf-8")
    );
    let text = &metrics.text;
    assert!(text.ends_with("# EOF\n"));
    for (start, expected) in [
        (
            "crosswalk_calls_total{operation=\"crm.account.list\",provider=\"hubspot\",status=\"2xx\"}",
            3.0,
        ),
        (
            "crosswalk_calls_total{operation=\"crm.account.get\",provider=\"hubspot\",status=\"4xx\"}",
            1.0,
        ),
        (
            "crosswalk_calls_total{operation=\"-\",provider=\"-\",status=\"4xx\"}",
            1.0,
        ),
        (
            "crosswalk_call_duration_seconds_count{operation=\"crm.account.list\",provider=\"hubspot\"}",
            3.0,
        ),
        (
            "crosswalk_token_refreshes_total{provider=\"hubspot\",result=\"renewed\"}",
            1.0,
        ),
        (
            "crosswalk_circuits{provider=\"hubspot\",state=\"open\"}",
            0.0,
        ),
        ("crosswalk_calls_in_flight", 0.0),
        ("crosswalk_store_up", 1.0),
    ] {
        assert_eq!(value(text, start), Some(expected), "{start}\n{text}");
    }
    assert!(
        value(
            text,
            "crosswalk_native_calls_total{provider=\"hubspot\",status=\"2xx\"}"
        ) >= Some(3.0)
    );
    assert!(!text.contains("canary"), "{text}");
}

#[test]
fn it_has_its_own_names_and_nothing_of_the_api() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&format!(
        "admin_listen: 127.0.0.1:0\n{}",
        sandbox.with_oauth()
    ));
    let admin = watched(&sidecar);
    assert_ne!(admin, sidecar.address);
    for target in ["/livez", "/readyz"] {
        assert_eq!(get(&admin, target).body["status"], "ok", "{target}");
        assert_eq!(
            get(&sidecar.address, target).body["status"],
            "ok",
            "{target}"
        );
    }
    let status = |method, target, headers| exchange(&admin, method, target, headers, None).status;
    assert_eq!(status("GET", "/metrics", "host: evil.example\r\n"), 421);
    assert_eq!(
        status("GET", "/metrics", "origin: https://evil.example\r\n"),
        403
    );
    assert_eq!(status("POST", "/metrics", ""), 405);
    assert_eq!(status("HEAD", "/metrics", ""), 200);
    assert_eq!(status("GET", "/unified/crm/account", ""), 404);
    assert_eq!(
        get(&sidecar.address, "/metrics").status,
        404,
        "the API's port has none"
    );
}

#[test]
fn the_demo_tells_where_its_metrics_are() {
    let demo = Demo::start();
    let printed = demo.printed();
    let url = printed
        .lines()
        .find_map(|line| line.strip_prefix("curl --url http://"))
        .and_then(|rest| rest.strip_suffix("/metrics"))
        .unwrap_or_else(|| panic!("{printed}"));
    assert_eq!(
        value(&get(url, "/metrics").text, "crosswalk_store_up"),
        Some(1.0)
    );
}
