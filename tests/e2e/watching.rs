//! What those who watch are given: readiness in detail, traces, a dashboard and alerts that name what there is.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crosswalk_tests::{Receiver, Reply, Sandbox, Sidecar, exchange, headers};
use serde_json::{Value, json};

use crate::admin::watched;

pub(crate) fn files() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../proxy/packaging/observability")
}

/// The names of ours in a text.
pub(crate) fn names(text: &str) -> BTreeSet<&str> {
    text.split(|it: char| !it.is_ascii_alphanumeric() && it != '_')
        .filter(|word| word.starts_with("crosswalk_"))
        .collect()
}

/// The names of all samples that the metrics can have, by what is said of each of them.
pub(crate) fn samples(metrics: &str) -> BTreeSet<String> {
    let types = metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "));
    let mut samples = BTreeSet::new();
    for (name, kind) in types.filter_map(|it| it.split_once(' ')) {
        let endings: &[&str] = match kind {
            "counter" => &["_total"],
            "gauge" => &[""],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            other => panic!("{name} is a {other}"),
        };
        samples.extend(endings.iter().map(|ending| format!("{name}{ending}")));
    }
    samples
}

#[test]
fn the_dashboard_and_the_alerts_name_metrics_that_there_are() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&format!(
        "admin_listen: 127.0.0.1:0\n{}",
        sandbox.with_oauth()
    ));
    // What is told by operation, and what is left of a limit, is there when it was asked for.
    let told = json!({"rate_limits": {"burst_per_10s": 100}});
    sandbox.control("hubspot", "PATCH", "/_sandbox/settings", Some(&told));
    let list = sidecar.call("hubspot", "GET", "/unified/crm/account?page_size=1", None);
    assert_eq!(list.status, 200, "{}", list.text);
    sidecar.logged(1);
    let metrics = exchange(&watched(&sidecar), "GET", "/metrics", "", None).text;
    let known = samples(&metrics);
    // Whoever scrapes it reads what each of them is.
    for line in metrics
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
    {
        let name = line.split(' ').next().unwrap();
        assert!(metrics.contains(&format!("# HELP {name} ")), "{name}");
    }
    let dashboard = std::fs::read_to_string(files().join("grafana-dashboard.json")).unwrap();
    let alerts = std::fs::read_to_string(files().join("prometheus-alerts.yml")).unwrap();
    for (file, text) in [("dashboard", &dashboard), ("alerts", &alerts)] {
        let names = names(text);
        assert!(names.len() > 5, "{file}: {names:?}");
        for name in names {
            assert!(
                known.contains(name),
                "{file}: {name} is not among {known:?}"
            );
        }
    }
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut places = BTreeMap::new();
    for panel in panels {
        let at = (
            panel["gridPos"]["x"].as_u64(),
            panel["gridPos"]["y"].as_u64(),
        );
        assert_eq!(places.insert(at, panel["id"].clone()), None, "{panel}");
        let targets = panel["targets"].as_array().cloned().unwrap_or_default();
        assert_eq!(targets.is_empty(), panel["type"] == "row", "{panel}");
        for target in targets {
            let query = target["expr"].as_str().unwrap();
            let count = |it| query.matches(it).count();
            assert_eq!(
                (count("("), count("{")),
                (count(")"), count("}")),
                "{query}"
            );
        }
    }
    // What nobody looks at need not be counted: what is, is on the dashboard.
    let shown = names(&serde_json::to_string(&dashboard).unwrap())
        .into_iter()
        .map(str::to_owned)
        .collect::<BTreeSet<_>>();
    for name in known
        .iter()
        .filter(|name| !name.ends_with("_sum") && !name.ends_with("_count"))
    {
        assert!(shown.contains(name), "{name} is on no panel");
    }
}

#[test]
fn the_alerts_are_rules() {
    let path = files().join("prometheus-alerts.yml");
    let text = std::fs::read_to_string(&path).unwrap();
    let rules: Value = serde_saphyr::from_str(&text).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    let mut names = BTreeSet::new();
    for rule in rules {
        let name = rule["alert"].as_str().unwrap();
        assert!(names.insert(name), "{name} twice");
        assert!(
            rule["expr"]
                .as_str()
                .is_some_and(|it| it.contains("crosswalk_")),
            "{rule}"
        );
        assert!(["page", "ticket", "info"].contains(&rule["labels"]["severity"].as_str().unwrap()));
        for text in ["summary", "description"] {
            assert!(rule["annotations"][text].is_string(), "{name}: {text}");
        }
    }
    // Where Prometheus' own tool is, it has the last word.
    if let Ok(ran) = Command::new("promtool")
        .arg("check")
        .arg("rules")
        .arg(&path)
        .output()
    {
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }
}

#[test]
fn readiness_is_told_in_detail_where_it_is_asked_for() {
    let sandbox = Sandbox::start();
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display();
    let sidecar = Sidecar::start(&format!(
        "admin_listen: 127.0.0.1:0\nstore: \"sqlite:{place}/store.db\"\nstore_key: \"file:{place}/store.key\"\n{}",
        sandbox.with_oauth()
    ));
    let admin = watched(&sidecar);
    let got = exchange(&admin, "GET", "/readyz?verbose", "", None);
    assert_eq!((got.status, got.body["status"].as_str()), (200, Some("ok")));
    let checks = got.body["checks"].as_array().unwrap();
    let names: Vec<_> = checks
        .iter()
        .map(|it| it["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "draining",
            "calls_in_flight",
            "api_key",
            "store",
            "pipelines"
        ]
    );
    for check in checks {
        assert_eq!(check["state"], "ok", "{check}");
        assert!(check["duration_ms"].as_f64() >= Some(0.0), "{check}");
    }
    assert_eq!(checks[4]["lag_seconds"], 0.0);
    // Without a key nobody is told more than yes or no.
    let short = exchange(&sidecar.address, "GET", "/readyz?verbose", "", None);
    assert_eq!(short.text, "{\"status\":\"ok\"}");
}

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The spans of all posts so far.
fn spans(receiver: &Receiver) -> Vec<Value> {
    let posts = receiver.seen();
    let bodies = posts
        .iter()
        .map(|post| serde_json::from_str::<Value>(&post.body).unwrap());
    bodies
        .flat_map(|body| {
            let scope = &body["resourceSpans"][0]["scopeSpans"][0];
            scope["spans"].as_array().cloned().unwrap_or_default()
        })
        .collect()
}

fn attribute<'a>(span: &'a Value, name: &str) -> &'a Value {
    let list = span["attributes"].as_array().unwrap();
    let found = list.iter().find(|it| it["key"] == name);
    found.map_or(&Value::Null, |it| {
        it["value"].as_object().unwrap().values().next().unwrap()
    })
}

/// Covers: trace-context-odd, secret-in-logs
#[test]
fn a_call_and_its_native_calls_are_spans_of_the_callers_trace() {
    let sandbox = Sandbox::start();
    let receiver = Receiver::start(|_| Reply::new(200));
    let config = format!(
        "admin_listen: 127.0.0.1:0\ntelemetry: {{ otlp_endpoint: \"http://{}\", service_name: my-sidecar }}\n{}",
        receiver.address(),
        sandbox.with_oauth()
    );
    let mut sidecar = Sidecar::start(&config);
    let call = |more: &str, target: &str| {
        let headers = format!("{}{more}", headers("hubspot"));
        exchange(&sidecar.address, "GET", target, &headers, None)
    };
    let list = "/unified/crm/account?page_size=1&canary-query=1";
    let with_parent = format!("traceparent: {PARENT}\r\ntracestate: a=1\r\n");
    assert_eq!(call(&with_parent, list).status, 200);
    assert_eq!(
        call("traceparent: 00-smuggled\r\n", "/unified/crm/account/0").status,
        404
    );
    assert_eq!(
        call(&with_parent.replace("-01", "-00"), list).status,
        200,
        "not to be recorded"
    );
    assert_eq!(
        call("", "/proxy/crm/v3/objects/companies?limit=1").status,
        200
    );
    let line = &sidecar.logged(4)[0];
    assert_eq!(line["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    sidecar.process.terminate();
    assert_eq!(sidecar.process.exit_code(), 0);
    let spans = spans(&receiver);
    let servers: Vec<&Value> = spans.iter().filter(|it| it["kind"] == 2).collect();
    assert_eq!(servers.len(), 3, "{spans:#?}");
    let listed = servers[0];
    assert_eq!(listed["traceId"], "4bf92f3577b34da6a3ce929d0e0e4736");
    assert_eq!(listed["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(listed["traceState"], "a=1");
    assert_eq!(listed["name"], "crm.account.list");
    assert_eq!(attribute(listed, "http.request.method"), "GET");
    assert_eq!(attribute(listed, "http.route"), "/unified/crm/account");
    assert_eq!(attribute(listed, "http.response.status_code"), "200");
    assert_eq!(attribute(listed, "crosswalk.provider"), "hubspot");
    assert_eq!(listed["status"]["code"], 0);
    let children: Vec<&Value> = spans
        .iter()
        .filter(|it| it["kind"] == 3 && it["parentSpanId"] == listed["spanId"])
        .collect();
    let told = attribute(listed, "crosswalk.native_calls")
        .as_str()
        .unwrap();
    assert_eq!(children.len().to_string(), told);
    assert_eq!(attribute(children[0], "server.address"), "127.0.0.1");
    for span in &spans {
        let time = |name: &str| span[name].as_str().unwrap().parse::<u64>().unwrap();
        assert!(
            time("startTimeUnixNano") <= time("endTimeUnixNano"),
            "{span}"
        );
    }
    let other = servers[1];
    assert!(
        other["parentSpanId"].is_null(),
        "a malformed one is none: {other}"
    );
    assert_ne!(other["traceId"], listed["traceId"]);
    assert_eq!(other["status"]["code"], 0, "404 is no fault of ours");
    assert_eq!(attribute(servers[2], "http.route"), "/proxy/{path}");
    let posts = receiver.seen();
    assert!(
        posts[0].head.starts_with("POST /v1/traces "),
        "{}",
        posts[0].head
    );
    for post in &posts {
        for secret in [
            "canary-api-key",
            "sandbox-refresh",
            "canary-query",
            "smuggled",
        ] {
            assert!(!post.body.contains(secret), "{}", post.body);
        }
    }
    assert!(posts[0].body.contains("my-sidecar"));
    // Providers are told nothing of it.
    for seen in sandbox.seen("hubspot") {
        assert!(!seen.to_string().contains("traceparent"), "{seen}");
    }
}

#[test]
fn a_collector_that_is_away_keeps_nobody_waiting() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&format!(
        "admin_listen: 127.0.0.1:0\ntelemetry: {{ otlp_endpoint: \"http://127.0.0.1:9\" }}\n{}",
        sandbox.with_oauth()
    ));
    let admin = watched(&sidecar);
    let list = "/unified/crm/account?page_size=1";
    assert_eq!(sidecar.call("hubspot", "GET", list, None).status, 200);
    let dropped = || {
        let text = exchange(&admin, "GET", "/metrics", "", None).text;
        let line = text
            .lines()
            .find(|line| line.starts_with("crosswalk_spans_dropped_total "));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
    };
    for _ in 0..100 {
        if dropped() >= Some(2) {
            return;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    panic!("{:?} dropped", dropped());
}
