//! A configuration that changes while the proxy runs.
#![cfg(unix)]

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use crosswalk_tests::{Answer, Process, Sandbox, exchange, receive, send};
use serde_json::{Value, json};

const LIST: &str = "/unified/crm/account?page_size=1";
const READ_AGAIN: &str = "the configuration was read again\"";

/// A proxy whose configuration is written by the test.
struct Stage {
    sandbox: Sandbox,
    process: Process,
    address: String,
    admin: String,
    folder: tempfile::TempDir,
}

impl Stage {
    /// Begins with a text in `crosswalk.yaml`, in which the providers' addresses are filled in.
    fn start(rest: &str) -> Self {
        Self::start_in(rest, |folder, text| {
            fs::write(folder.join("crosswalk.yaml"), text).unwrap();
        })
    }

    fn start_in(rest: &str, place: impl FnOnce(&Path, &str)) -> Self {
        let sandbox = Sandbox::start();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "sandbox-refresh\n").unwrap();
        let text = filled(&sandbox, folder.path(), rest);
        place(folder.path(), &text);
        let process = Process::start(&["serve"], folder.path(), &[]);
        let line: Value = serde_json::from_str(&process.err.wait_for("listening")).unwrap();
        let text = |name: &str| line[name].as_str().unwrap().to_owned();
        let (address, admin) = (text("address"), text("admin"));
        Self {
            sandbox,
            process,
            address,
            admin,
            folder,
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("crosswalk.yaml")
    }

    fn write(&self, rest: &str) {
        fs::write(self.file(), filled(&self.sandbox, self.folder.path(), rest)).unwrap();
    }

    /// Writes a configuration, asks for it to be read, and waits until that was done `count` times.
    fn reload(&self, rest: &str, count: usize) {
        self.write(rest);
        self.process.hang_up();
        self.process.err.wait_for_count(READ_AGAIN, count);
    }

    fn call(&self, key: &str, connection: &str) -> Answer {
        let headers = format!("x-apikey: {key}\r\nx-connection-id: {connection}\r\n");
        exchange(&self.address, "GET", LIST, &headers, None)
    }

    /// How often a provider was asked for a token since last time.
    fn refreshes(&self, provider: &str) -> usize {
        let calls = self.sandbox.native_calls(provider);
        calls.iter().filter(|call| call.ends_with("/token")).count()
    }

    fn metric(&self, start: &str) -> Option<String> {
        let text = exchange(&self.admin, "GET", "/metrics", "", None).text;
        let line = text.lines().find(|line| line.starts_with(start))?;
        line.rsplit(' ').next().map(str::to_owned)
    }
}

/// What every configuration here begins with.
fn filled(sandbox: &Sandbox, folder: &Path, rest: &str) -> String {
    let secret = folder.join("secret").display().to_string();
    let oauth = format!(
        "oauth: {{ client_id: sandbox-client, client_secret: sandbox-secret, refresh_token: \"file:{secret}\" }}"
    );
    let (hubspot, salesforce) = (sandbox.address("hubspot"), sandbox.address("salesforce"));
    let rest = rest
        .replace("HUBSPOT", &format!("provider: hubspot, base_url: \"http://{hubspot}\", {oauth}"))
        .replace(
            "SALESFORCE",
            &format!("provider: salesforce, login_url: \"http://{salesforce}\", instance_url: \"http://{salesforce}\", {oauth}"),
        );
    format!("admin_listen: 127.0.0.1:0\ntls: {{ roots: bundled }}\n{rest}")
}

const LOG: &str = "log: { format: json }\n";

#[test]
fn connections_and_keys_come_and_go_and_tokens_stay() {
    let listen = "listen: 127.0.0.1:0\n";
    let stage = Stage::start(&format!(
        "{listen}{LOG}api_keys: [one]\nconnections:\n  a: {{ HUBSPOT }}\n"
    ));
    assert_eq!(stage.call("one", "a").status, 200);
    assert_eq!(stage.refreshes("hubspot"), 1);
    assert_eq!(stage.call("one", "b").status, 404);

    // A connection and a key come. Another key makes other cursor keys, and no other tokens.
    stage.reload(
        &format!("{listen}{LOG}api_keys: [two, one]\nconnections:\n  a: {{ HUBSPOT }}\n  b: {{ SALESFORCE }}\n"),
        1,
    );
    for (key, connection) in [("one", "a"), ("two", "a"), ("one", "b"), ("two", "b")] {
        let answer = stage.call(key, connection);
        assert_eq!(answer.status, 200, "{key} {connection}: {}", answer.text);
    }
    assert_eq!(stage.refreshes("hubspot"), 0, "its token was good");
    assert_eq!(stage.refreshes("salesforce"), 1);

    // Both go.
    stage.reload(
        &format!("{listen}{LOG}api_keys: [two]\nconnections:\n  b: {{ SALESFORCE }}\n"),
        2,
    );
    assert_eq!(stage.call("two", "a").status, 404);
    assert_eq!(stage.call("one", "b").status, 401);
    assert_eq!(stage.call("two", "b").status, 200);
    assert_eq!(stage.refreshes("salesforce"), 0);
    assert_eq!(
        stage
            .metric("crosswalk_config_reloads_total{outcome=\"applied\"}")
            .as_deref(),
        Some("2")
    );
}

/// Covers: config-reload
#[test]
fn a_broken_file_leaves_the_old_configuration_in_place_and_is_told() {
    let good =
        format!("listen: 127.0.0.1:0\n{LOG}api_keys: [one]\nconnections:\n  a: {{ HUBSPOT }}\n");
    let stage = Stage::start(&good);
    let successful = || stage.metric("crosswalk_config_last_reload_successful");
    assert_eq!(successful().as_deref(), Some("1"));
    for (count, broken) in [
        "listen: [",
        "listen: 127.0.0.1:0\napi_keys: [one]\nconnections: { a: { HUBSPOT, typo: 1 } }\n",
    ]
    .into_iter()
    .enumerate()
    {
        stage.write(broken);
        stage.process.hang_up();
        let told = stage
            .process
            .err
            .wait_for_count("is refused; the old one stays", count + 1);
        let line: Value = serde_json::from_str(&told[count]).unwrap();
        assert_eq!(line["level"], "ERROR", "{line}");
        let mistake = line["mistake"].as_str().unwrap();
        assert!(mistake.starts_with("crosswalk.yaml:"), "{mistake}");
        assert_eq!(stage.call("one", "a").status, 200);
        assert_eq!(successful().as_deref(), Some("0"));
    }
    // A file that is gone is no empty configuration.
    fs::remove_file(stage.file()).unwrap();
    stage.process.hang_up();
    stage
        .process
        .err
        .wait_for("expected a readable configuration file");
    assert_eq!(stage.call("one", "a").status, 200);
    assert_eq!(
        stage
            .metric("crosswalk_config_reloads_total{outcome=\"refused\"}")
            .as_deref(),
        Some("3")
    );
    stage.reload(&good, 1);
    assert_eq!(successful().as_deref(), Some("1"));
}

#[test]
fn a_volume_of_kubernetes_and_a_secret_that_change_are_noticed_by_themselves() {
    let base = format!("listen: 127.0.0.1:0\n{LOG}api_keys: [one]\n");
    // As a ConfigMap is mounted.
    let stage = Stage::start_in(&base, |folder, text| {
        fs::create_dir(folder.join("..1")).unwrap();
        fs::write(folder.join("..1/crosswalk.yaml"), text).unwrap();
        symlink("..1", folder.join("..data")).unwrap();
        symlink("..data/crosswalk.yaml", folder.join("crosswalk.yaml")).unwrap();
    });
    assert_eq!(stage.call("one", "a").status, 404);
    let folder = stage.folder.path();
    let text = filled(
        &stage.sandbox,
        folder,
        &format!("{base}connections:\n  a: {{ HUBSPOT }}\n"),
    );
    fs::create_dir(folder.join("..2")).unwrap();
    fs::write(folder.join("..2/crosswalk.yaml"), text).unwrap();
    symlink("..2", folder.join("..new")).unwrap();
    fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    stage.process.err.wait_for_count(READ_AGAIN, 1);
    assert_eq!(stage.call("one", "a").status, 200);
    assert_eq!(stage.refreshes("hubspot"), 1);

    // What is missing when it is read comes later: a mount that is slower than another one.
    let later = folder.join("later");
    let text = filled(
        &stage.sandbox,
        folder,
        &format!(
            "{base}cursor_key: \"file:{}\"\nconnections:\n  a: {{ HUBSPOT }}\n",
            later.display()
        ),
    );
    fs::create_dir(folder.join("..3")).unwrap();
    fs::write(folder.join("..3/crosswalk.yaml"), text).unwrap();
    symlink("..3", folder.join("..new")).unwrap();
    fs::rename(folder.join("..new"), folder.join("..data")).unwrap();
    stage.process.err.wait_for("is refused; the old one stays");
    fs::write(&later, "signs").unwrap();
    stage.process.err.wait_for_count(READ_AGAIN, 2);

    // Other credentials, so another token.
    fs::write(folder.join("secret"), "another").unwrap();
    let lines = stage.process.err.wait_for_count(READ_AGAIN, 3);
    let line: Value = serde_json::from_str(&lines[2]).unwrap();
    assert_eq!(line["changed"], 1, "{line}");
    assert_ne!(stage.call("one", "a").status, 200, "they are wrong");
    assert!(stage.refreshes("hubspot") >= 1);
}

#[test]
fn no_call_fails_while_the_configuration_changes_all_the_time() {
    const CALLERS: usize = 4;
    const CHANGES: usize = 20;
    let base = format!(
        "listen: 127.0.0.1:0\n{LOG}api_keys: [one]\nconnections:\n  a: {{ HUBSPOT }}\n  b: {{ SALESFORCE }}\n"
    );
    let stage = Stage::start(&base);
    let (is_over, calls) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (stage, is_over, calls) = (&stage, &is_over, &calls);
            scope.spawn(move || {
                let connection = ["a", "b"][caller % 2];
                while !is_over.load(Ordering::Relaxed) {
                    let answer = stage.call("one", connection);
                    assert_eq!(answer.status, 200, "{}", answer.text);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for change in 1..=CHANGES {
            // Each changes the keys, the limits and a third connection.
            let more = base.replace("[one]", &format!("[one, key-{change}]"));
            let third = format!(
                "{more}  c-{change}: {{ HUBSPOT }}\nlimits: {{ request_timeout: {change}0s }}\n"
            );
            stage.reload(&third, change);
            assert_eq!(
                stage
                    .call(&format!("key-{change}"), &format!("c-{change}"))
                    .status,
                200
            );
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(
        calls.load(Ordering::Relaxed) > CHANGES,
        "there was something to disturb"
    );
    let refreshed = "crosswalk_token_refreshes_total{provider=\"salesforce\",result=\"renewed\"}";
    assert_eq!(stage.metric(refreshed).as_deref(), Some("1"));
}

#[test]
fn a_call_in_flight_ends_with_the_connection_that_it_began_with() {
    let base = format!("listen: 127.0.0.1:0\n{LOG}api_keys: [one]\n");
    let stage = Stage::start(&format!("{base}connections:\n  b: {{ SALESFORCE }}\n"));
    assert_eq!(stage.call("one", "b").status, 200);
    let slow = json!({"match": {"path": "/data/v59.0/"}, "times": 1, "action": {"delay_ms": 1500}});
    stage
        .sandbox
        .control("salesforce", "POST", "/_sandbox/faults", Some(&slow));
    let headers = "x-apikey: one\r\nx-connection-id: b\r\n";
    let mut call = send(
        &stage.address,
        "GET",
        "/unified/crm/contact?page_size=3",
        headers,
        "",
    );
    std::thread::sleep(Duration::from_millis(300));
    stage.reload(&base.replace("[one]", "[two]"), 1);
    assert_eq!(stage.call("two", "b").status, 404);
    let answer = receive(&mut call);
    assert_eq!(answer.status, 200, "{}", answer.text);
}

#[test]
fn what_needs_a_restart_is_named_and_the_level_of_the_log_does_not() {
    let stage = Stage::start(&format!("listen: 127.0.0.1:0\n{LOG}api_keys: [one]\n"));
    assert!(!stage.process.err.text().contains("\"DEBUG\""));
    stage.reload(
        "listen: 127.0.0.1:1\nlog: { format: json, level: debug }\napi_keys: [one]\nlimits: { threads: 2, request_timeout: 5s }\nallowed_hosts: [proxy.internal]\n",
        1,
    );
    let told = stage.process.err.wait_for_count("until a restart", 2);
    let names: Vec<_> = told
        .iter()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["setting"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(names, ["listen", "limits.threads"]);
    let answer = exchange(&stage.address, "GET", "/livez", "", None);
    assert_eq!(answer.status, 200, "it still listens where it did");
    assert_eq!(stage.call("one", "a").status, 404);
    stage.process.err.wait_for("\"DEBUG\"");
}
