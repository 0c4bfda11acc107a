//! `crosswalk health`

use std::time::{Duration, Instant};

use crosswalk_tests::{API_KEY, send};

use super::*;

/// Free a moment ago, and nobody else takes just this one.
fn free() -> String {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    free.local_addr().unwrap().to_string()
}

/// A proxy whose configuration says where it listens.
fn home(listen: &str, rest: &str) -> Home {
    let home = Home::new("");
    let text = format!(
        "listen: {listen}\nstore: none\napi_keys: [{API_KEY}]\ntls: {{ roots: bundled }}\nlog: {{ format: json }}\n{rest}"
    );
    std::fs::write(home.path().join("crosswalk.yaml"), text).unwrap();
    home
}

/// What it says in one line, and how it ends.
fn said(ran: &Ran) -> (i32, String) {
    let text = format!("{}{}", ran.out, ran.err);
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    (ran.code, text.trim_end().to_owned())
}

#[test]
fn a_proxy_that_answers_is_well_and_one_that_is_not_there_is_not() {
    let address = free();
    let home = home(&address, "");
    let (code, text) = said(&home.run(&["health"]));
    assert_eq!(code, 1);
    assert!(
        text.starts_with(&format!("error: http://{address}/: ")) && text.contains("refused"),
        "{text}"
    );
    let served = home.serve();
    let (code, text) = said(&home.run(&["health"]));
    assert_eq!((code, text), (0, format!("ok: http://{address}/livez")));
    let (code, text) = said(&home.run(&["health", "--ready"]));
    assert_eq!((code, text), (0, format!("ok: http://{address}/readyz")));
    // The flags of `serve` go before the file here as well, and --url before them.
    let elsewhere = free();
    let (code, text) = said(&home.run(&["health", "--admin-listen", &elsewhere]));
    assert_eq!(code, 1, "{text}");
    let url = format!("http://{address}");
    let given = ["health", "--url", &url, "--admin-listen", &elsewhere];
    assert_eq!(said(&home.run(&given)).0, 0);
    drop(served);
}

#[test]
fn a_mistake_elsewhere_or_a_secret_out_of_reach_does_not_make_it_ill() {
    let address = free();
    let home = home(&address, "");
    let _served = home.serve();
    let file = home.path().join("crosswalk.yaml");
    let good = std::fs::read_to_string(&file).unwrap();
    let wrong = format!("{good}limits: {{ connections: many }}\n").replace(API_KEY, "env:NOT_SET");
    std::fs::write(&file, wrong).unwrap();
    assert_eq!(said(&home.run(&["health"])).0, 0);
    std::fs::write(&file, good.replace(&address, "nowhere")).unwrap();
    let (code, text) = said(&home.run(&["health"]));
    assert_eq!(code, 1);
    assert!(text.contains("listen: expected an address"), "{text}");
}

#[test]
fn something_else_that_listens_there_is_told_apart() {
    let sandbox = Sandbox::start();
    let url = format!("http://{}", sandbox.address("hubspot"));
    let (code, text) = said(&run(&["health", "--url", &url], &[]));
    assert_eq!(code, 1);
    assert!(text.contains("answered 40"), "{text}");
}

/// Covers: sigterm-drains
#[test]
fn while_it_drains_it_lives_and_is_not_ready() {
    let sandbox = Sandbox::start();
    let (address, admin) = (free(), free());
    let connection = format!(
        "admin_listen: {admin}\nconnections:\n  salesforce: {{ provider: salesforce, instance_url: \"http://{}\", access_token: \"00DSANDBOX!demo\" }}\n",
        sandbox.address("salesforce")
    );
    let home = home(&address, &connection);
    let mut served = home.serve();
    let fault =
        json!({"match": {"path": "/data/v59.0/"}, "times": 10, "action": {"delay_ms": 4000}});
    sandbox.control("salesforce", "POST", "/_sandbox/faults", Some(&fault));
    let headers = crosswalk_tests::headers("salesforce");
    let _open = send(&address, "GET", "/unified/crm/user", &headers, "");
    let until = Instant::now() + Duration::from_secs(20);
    while sandbox.seen("salesforce").is_empty() {
        assert!(Instant::now() < until, "the call comes to the provider");
        std::thread::sleep(Duration::from_millis(10));
    }
    served.process.terminate();
    served.process.err.wait_for("draining");
    let (code, text) = said(&home.run(&["health"]));
    assert_eq!((code, text), (0, format!("ok: http://{admin}/livez")));
    let (code, text) = said(&home.run(&["health", "--ready"]));
    assert_eq!(code, 1);
    assert!(text.contains("the proxy is draining"), "{text}");
    assert_eq!(served.process.exit_code(), 0);
}

#[test]
fn the_image_asks_itself_with_its_own_configuration() {
    let container = concat!(env!("CARGO_MANIFEST_DIR"), "/../proxy/packaging/container");
    let read = |name: &str| std::fs::read_to_string(format!("{container}/{name}")).unwrap();
    let text = read("Containerfile");
    let line = text.lines().find(|line| line.starts_with("HEALTHCHECK"));
    let (_, command) = line.unwrap().split_once(" CMD ").unwrap();
    let command: Vec<String> = serde_json::from_str(command).unwrap();
    assert_eq!(command[0], "/usr/bin/crosswalk");
    let home = Home::new("");
    // On all addresses, as the image has it, at ports that are free here.
    let port = |address: String| address.rsplit(':').next().unwrap().to_owned();
    let config = read("crosswalk.yaml")
        .replace("4040", &port(free()))
        .replace("4043", &port(free()))
        .replace(
            "/var/lib/crosswalk",
            &home.path().join("kept").display().to_string(),
        );
    let config = format!("{config}tls: {{ roots: bundled }}\nlog: {{ format: json }}\n");
    std::fs::write(home.path().join("crosswalk.yaml"), config).unwrap();
    let arguments: Vec<&str> = command[1..].iter().map(String::as_str).collect();
    assert_eq!(said(&home.run(&arguments)).0, 1);
    let _served = home.serve();
    let (code, text) = said(&home.run(&arguments));
    assert_eq!(code, 0, "{text}");
}
