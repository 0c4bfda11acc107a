//! Commands that reach a proxy by a socket that is a file.

use super::*;

/// A proxy on a socket, with a connection to the sandbox and a store.
fn stage() -> (Stage, String) {
    let stage = Stage::new();
    let socket = format!("unix:{}/api.sock", stage.home.path().display());
    let file = stage.home.path().join("crosswalk.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let text = text.replace(&stage.address, &socket);
    std::fs::write(&file, format!("{text}public_url: http://127.0.0.1:4040\n")).unwrap();
    (stage, socket)
}

#[test]
fn the_socket_of_the_configuration_is_called_with_its_key() {
    let (stage, socket) = stage();
    let nobody = stage.home.run(&["connections", "list"]);
    assert_eq!(nobody.code, 3, "{}", nobody.err);
    assert!(nobody.err.contains(&socket), "{}", nobody.err);
    let served = stage.home.serve();
    assert_eq!(served.address, socket);
    let list = [
        "call",
        "crm.account.list",
        "--connection",
        "hubspot",
        "--page-size",
        "2",
    ];
    let page = json_of(&stage.home.run(&list));
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    // What is in a query comes over as it is written.
    let found = stage.home.run(&[
        "call",
        "crm.account.get",
        "--connection",
        "hubspot",
        "--id",
        "a b/c?d#e%2F",
    ]);
    assert_eq!(found.code, 4, "{}", found.err);
    assert!(found.err.contains("404 Not Found"), "{}", found.err);
    let id = stage.connect("acme");
    let listed = stage.home.run(&["connections", "list"]);
    assert_eq!(listed.code, 0, "{}", listed.err);
    assert!(listed.out.contains(&id), "{}", listed.out);
    let pipelines = stage.home.run(&["pipelines", "list"]);
    assert_eq!(pipelines.code, 0, "{}", pipelines.err);
    let health = stage.home.run(&["health", "--ready"]);
    assert_eq!(
        (health.code, health.out),
        (0, format!("ok: {socket}/readyz\n"))
    );
    let doctor = stage.home.run(&["doctor", "--offline"]);
    assert!(
        doctor.out.contains(&format!(
            "listen {socket}: held by a proxy that runs and answers"
        )),
        "{}",
        doctor.out
    );
}

#[test]
fn a_socket_is_named_by_flag_or_variable_and_never_gets_the_key_of_another() {
    let (stage, socket) = stage();
    let _served = stage.home.serve();
    let call = ["call", "crm.user.list", "--connection", "hubspot"];
    let named = [
        &call[..],
        &["--url", &socket, "--api-key", "canary-api-key"],
    ]
    .concat();
    json_of(&run(&named, &[]));
    let variables = [
        ("CROSSWALK_URL", socket.as_str()),
        ("CROSSWALK_API_KEY", "canary-api-key"),
    ];
    json_of(&run(&call, &variables));
    let refused = run(&[&call[..], &["--url", &socket]].concat(), &[]);
    assert_eq!(refused.code, 4);
    assert!(
        refused.err.contains("no API key was sent"),
        "{}",
        refused.err
    );
    let wrong = run(&[&call[..], &["--url", "127.0.0.1:4040"]].concat(), &[]);
    assert_eq!(wrong.code, 2);
    assert!(
        wrong.err.contains("unix:/run/crosswalk.sock"),
        "{}",
        wrong.err
    );
}
