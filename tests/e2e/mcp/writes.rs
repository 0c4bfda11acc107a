//! Tools that write.

use crosswalk_tests::{API_KEY, Home, Sandbox, Sidecar};

use super::*;

#[test]
fn records_are_made_changed_and_upserted_at_both_providers() {
    let demo = Demo::start();
    let mut client = Client::of(&demo, &["--allow-writes"]);
    let tools = client.tools();
    assert_eq!(tools.len(), 30);
    for connection in CONNECTIONS {
        let made = client.call(
            "crm_account_create",
            &json!({ "connection": connection, "record": { "name": "Made", "website": "https://made.example" } }),
        );
        let record = &good(&made)["record"];
        assert_eq!(record["name"], "Made");
        let id = record["id"].as_str().unwrap();
        let changed = client.call(
            "crm_account_update",
            &json!({ "connection": connection, "id": id, "record": { "name": "Changed", "website": null } }),
        );
        let record = &good(&changed)["record"];
        assert_eq!(
            (&record["name"], &record["website"]),
            (&json!("Changed"), &Value::Null)
        );
        let upsert = json!({
            "connection": connection, "upsert_on": { "key": "email", "values": ["agent@crosswalk.example"] },
            "record": { "last_name": "Agent", "email": "agent@crosswalk.example" },
        });
        let first = good(&client.call("crm_contact_upsert", &upsert));
        assert_eq!(first["record"]["last_name"], "Agent");
        let note = json!({ "connection": connection, "record": { "content": "Called", "account_id": id } });
        assert!(good(&client.call("crm_note_create", &note))["record"]["id"].is_string());
        let wrong = json!({ "connection": connection, "record": { "name": 5 } });
        let error = refused(&client.call("crm_account_create", &wrong));
        assert_eq!(error["issues"][0]["path"], "body.record.name", "{error}");
    }
    assert_eq!(client.end().0, Some(0));
}

#[test]
fn a_message_that_comes_twice_writes_once() {
    let demo = Demo::start();
    let mut client = Client::of(&demo, &["--allow-writes"]);
    demo.native_calls("hubspot-demo");
    let write = json!({
        "name": "crm_account_create",
        "arguments": { "connection": "hubspot-demo", "record": { "name": "Once" } },
    });
    let mut made = Vec::new();
    for _ in 0..2 {
        client.send(70, "tools/call", &write);
        let answer = client.receive();
        assert_eq!(answer["id"], 70);
        made.push(answer["result"].clone());
    }
    assert_eq!(good(&made[0]), good(&made[1]));
    assert_eq!(made[0]["_meta"].get("crosswalk/idempotencyReplayed"), None);
    assert_eq!(made[1]["_meta"]["crosswalk/idempotencyReplayed"], true);
    let writes = demo.native_calls("hubspot-demo");
    let writes = writes.iter().filter(|call| call.starts_with("POST"));
    assert_eq!(writes.count(), 1);

    // Another message is another write, unless the model says that it is the same.
    client.send(71, "tools/call", &write);
    let other = client.receive()["result"].clone();
    assert_ne!(good(&other)["record"]["id"], good(&made[0])["record"]["id"]);
    let mut keyed = write["arguments"].clone();
    keyed["idempotency_key"] = "a key of the model's own".into();
    let error = refused(&client.call("crm_account_create", &keyed));
    assert_eq!(
        error["code"], "BAD_REQUEST",
        "a space is none of a key: {error}"
    );
    keyed["idempotency_key"] = "own-key".into();
    let first = good(&client.call("crm_account_create", &keyed));
    assert_eq!(good(&client.call("crm_account_create", &keyed)), first);
    keyed["record"]["name"] = "Another".into();
    let error = refused(&client.call("crm_account_create", &keyed));
    assert_eq!(error["code"], "UNPROCESSABLE_CONTENT", "{error}");
}

#[test]
fn a_proxy_that_keeps_nothing_is_written_to_without_a_key() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&format!("store: none\n{}", sandbox.with_oauth()));
    let environment = [
        ("CROSSWALK_URL", format!("http://{}", sidecar.address)),
        ("CROSSWALK_API_KEY", API_KEY.to_owned()),
    ];
    let mut client = Client::start(&["--allow-writes", "--connection", "hubspot"], &environment);
    let write = json!({ "record": { "name": "Kept nowhere" } });
    let made = good(&client.call("crm_account_create", &write));
    assert_eq!(made["record"]["name"], "Kept nowhere");
    let keyed = json!({ "record": { "name": "Kept" }, "idempotency_key": "own-key" });
    let error = refused(&client.call("crm_account_create", &keyed));
    assert_eq!(
        error["code"], "NOT_IMPLEMENTED",
        "what was asked for is not left out: {error}"
    );
    let posts = sandbox.native_calls("hubspot");
    assert_eq!(
        posts
            .iter()
            .filter(|call| call.ends_with("/companies"))
            .count(),
        1,
        "{posts:?}"
    );
}

#[test]
fn the_key_s_scope_goes_before_what_the_server_allows() {
    let sandbox = Sandbox::start();
    let home = Home::new(&format!(
        "api_keys: [of-the-operator]\nconnections:\n  hubspot: {{ provider: hubspot, base_url: \"http://{}\", access_token: pat-na1-sandbox-demo }}\n",
        sandbox.address("hubspot")
    ));
    let key = home.key(&["--scope", "read"]);
    let served = home.serve();
    let environment = [
        ("CROSSWALK_URL", format!("http://{}", served.address)),
        ("CROSSWALK_API_KEY", key),
        ("CROSSWALK_CONNECTION", "hubspot".to_owned()),
        ("CROSSWALK_MCP_ALLOW_WRITES", "true".to_owned()),
    ];
    let mut client = Client::start(&[], &environment);
    assert_eq!(client.tools().len(), 30);
    good(&client.call("crm_account_list", &json!({ "page_size": 1 })));
    let write = json!({ "record": { "name": "Not allowed" } });
    let error = refused(&client.call("crm_account_create", &write));
    assert_eq!(error["code"], "FORBIDDEN", "{error}");
    // It is told who reads with which key: the calls are in the log like all others.
    served.process.err.wait_for("crm.account.list");
}
