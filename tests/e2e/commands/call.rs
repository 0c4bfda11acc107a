//! `crosswalk call`

use super::*;

#[test]
fn a_call_prints_the_answer_and_says_the_rest_on_stderr() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let ran = against(
            &demo,
            &[
                "call",
                "crm.account.list",
                "--connection",
                connection,
                "--page-size",
                "2",
            ],
        );
        let page = json_of(&ran);
        assert_eq!(page["items"].as_array().unwrap().len(), 2, "{connection}");
        assert!(
            ran.err.contains("200 OK, ") && ran.err.contains("request "),
            "{}",
            ran.err
        );
        assert!(ran.out.lines().count() > 10, "one member a line");
        assert!(!ran.out.contains('\u{1b}'), "a pipe gets no colours");
    }
    // The same program, as the demo has it to paste.
    let printed = demo.printed();
    let line = printed
        .lines()
        .find(|line| line.contains("crosswalk call "))
        .unwrap();
    let (key, command) = line.split_once(' ').unwrap();
    // By the path that it was started with.
    let (_, arguments) = command.split_once("crosswalk call ").unwrap();
    let key = key.strip_prefix("CROSSWALK_API_KEY=").unwrap();
    let arguments: Vec<&str> = ["call"].into_iter().chain(arguments.split(' ')).collect();
    let pasted = run(&arguments, &[("CROSSWALK_API_KEY", key)]);
    assert_eq!(json_of(&pasted)["items"].as_array().unwrap().len(), 5);
}

#[test]
fn a_record_is_written_by_its_fields_and_read_by_its_id() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let made = against(
            &demo,
            &[
                "call",
                "crm.account.create",
                "--connection",
                connection,
                "--set",
                "record.name=Harbour 7",
                "--set",
                "record.number_of_employees=12",
            ],
        );
        let made = json_of(&made);
        let id = made["record"]["id"].as_str().unwrap();
        let arguments = [
            "call",
            "crm.account.get",
            "--connection",
            connection,
            "--id",
            id,
            "--json",
        ];
        let ran = against(&demo, &arguments);
        assert_eq!(ran.out.lines().count(), 1, "as it came: {}", ran.out);
        let record = &json_of(&ran)["record"];
        assert_eq!(record["name"], "Harbour 7");
        assert_eq!(record["number_of_employees"], 12);
    }
}

#[test]
fn a_body_comes_from_a_file_or_from_stdin() {
    let demo = Demo::start();
    let folder = tempfile::tempdir().unwrap();
    let body = r#"{"record":{"name":"Harbour 8"}}"#;
    std::fs::write(folder.path().join("body.json"), body).unwrap();
    for data in ["@body.json", "-"] {
        let mut child = Command::new(binary())
            .args([
                "call",
                "crm.account.create",
                "--connection",
                CONNECTIONS[0],
                "--data",
                data,
                "--json",
            ])
            .args([
                "--url",
                &format!("http://{}", demo.address),
                "--api-key",
                "demo",
            ])
            .current_dir(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), body.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(answer["record"]["name"], "Harbour 8", "{data}");
    }
}

#[test]
fn all_pages_come_as_one_list() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        let arguments = [
            "call",
            "crm.account.list",
            "--connection",
            connection,
            "--sync-mode",
            "full",
            "--all",
        ];
        let whole = json_of(&against(&demo, &arguments));
        let whole = whole.as_array().unwrap();
        let parted = [&arguments[..], &["--page-size", "3", "--json"]].concat();
        let parted = against(&demo, &parted);
        assert_eq!(parted.code, 0, "{}", parted.err);
        let records: Vec<Value> = parted
            .out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(&records, whole, "{connection}: a record a line");
        assert!(records.len() > 10, "there were several pages");
        assert!(
            parted
                .err
                .contains(&format!("{} records on ", records.len())),
            "{}",
            parted.err
        );
    }
}

#[test]
fn what_is_wrong_is_told_before_anything_is_sent() {
    let demo = Demo::start();
    let call = ["--connection", CONNECTIONS[0]];
    for (arguments, told) in [
        (&["call", "crm.acount.list"][..], "'crm.account.list'"),
        (
            &["call", "crm.account.list", "--page-sise", "5"],
            "'--page-size'",
        ),
        (
            &["call", "crm.account.list", "--page-size", "none"],
            "expected a whole number",
        ),
        (&["call", "crm.account.get"], "--id"),
        (&["call", "crm.account.create"], "--data"),
        (
            &["call", "crm.account.create", "--set", "record.nmae=A"],
            "did you mean `name`?",
        ),
        (
            &["call", "crm.account.create", "--data", "{}"],
            "the body has no `record`",
        ),
        (
            &["call", "crm.account.create", "--data", "@nowhere.json"],
            "nowhere.json cannot be read",
        ),
    ] {
        let arguments = [
            arguments,
            if arguments.len() > 2 || told.contains("--") {
                &call
            } else {
                &[][..]
            },
        ]
        .concat();
        let ran = against(&demo, &arguments);
        assert_eq!(ran.code, 2, "{arguments:?}: {}", ran.err);
        assert!(ran.err.contains(told), "{arguments:?}: {}", ran.err);
        assert_eq!(ran.out, "");
    }
    let unnamed = against(&demo, &["call", "crm.account.list"]);
    assert_eq!(unnamed.code, 2);
    assert!(unnamed.err.contains("--connection"), "{}", unnamed.err);
    assert!(
        demo.native_calls(CONNECTIONS[0]).is_empty(),
        "nothing was asked"
    );
}

#[test]
fn exit_codes_tell_whose_turn_it_is() {
    let demo = Demo::start();
    let list = ["call", "crm.account.list", "--connection", CONNECTIONS[0]];
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let nobody = run(&list, &[("CROSSWALK_URL", &format!("http://{free}"))]);
    assert_eq!(nobody.code, 3, "{}", nobody.err);
    assert!(
        nobody.err.contains("crosswalk serve"),
        "what to do: {}",
        nobody.err
    );

    let url = format!("http://{}", demo.address);
    for (key, help) in [
        ("", "no API key was sent"),
        ("wrong-key", "crosswalk keys create"),
    ] {
        let refused = run(
            &list,
            &[("CROSSWALK_URL", &url), ("CROSSWALK_API_KEY", key)],
        );
        assert_eq!(refused.code, 4, "{}", refused.err);
        assert!(
            refused.err.contains("401") && refused.err.contains(help),
            "{}",
            refused.err
        );
        assert_eq!(refused.out, "");
    }
    let unknown = against(
        &demo,
        &["call", "crm.account.list", "--connection", "nobody"],
    );
    assert_eq!(unknown.code, 4);
    assert!(unknown.err.contains("connections list"), "{}", unknown.err);

    let fault = json!({ "match": { "path": "/crm/" }, "times": 100, "action": { "reply": { "status": 500, "body": {} } } });
    let set = demo.sandbox(CONNECTIONS[0], "POST", "/_sandbox/faults", Some(&fault));
    assert!(set.status < 300, "{}", set.text);
    let arguments = [&list[..], &["--request-timeout", "2s", "--json"]].concat();
    let broken = against(&demo, &arguments);
    assert_eq!(broken.code, 5, "{}", broken.err);
    let body: Value = serde_json::from_str(&broken.out).unwrap();
    assert!(
        body["request_id"].is_string(),
        "--json has the error as it came: {body}"
    );
}

#[test]
fn native_calls_that_cannot_be_told_do_not_spoil_the_answer() {
    let demo = Demo::start();
    let ran = against(
        &demo,
        &[
            "call",
            "crm.user.list",
            "--connection",
            CONNECTIONS[0],
            "--native",
        ],
    );
    assert!(json_of(&ran)["items"].is_array());
    assert!(
        ran.err.contains("warning: ") && ran.err.contains("--admin-url"),
        "{}",
        ran.err
    );
}

#[test]
fn address_and_key_are_those_of_the_configuration() {
    let stage = Stage::new();
    let _served = stage.serve();
    let ran = stage
        .home
        .run(&["call", "crm.user.list", "--connection", "salesforce"]);
    assert!(!json_of(&ran)["items"].as_array().unwrap().is_empty());
    // A key of the configuration goes to its own proxy alone.
    let demo = Demo::start();
    let url = format!("http://{}", demo.address);
    let other = stage.home.run(&[
        "call",
        "crm.user.list",
        "--connection",
        CONNECTIONS[0],
        "--url",
        &url,
    ]);
    assert_eq!(other.code, 4, "{}", other.err);
    assert!(other.err.contains("no API key was sent"), "{}", other.err);
}
