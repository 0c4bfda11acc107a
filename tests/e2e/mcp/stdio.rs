//! A client that starts the server itself.

use std::collections::BTreeSet;

use super::*;

fn holds(tool: &Value, result: &Value) {
    let name = &tool["name"];
    match tool.get("outputSchema") {
        None => assert_eq!(result.get("structuredContent"), None, "{name}"),
        Some(schema) => {
            let validator = jsonschema::validator_for(schema).unwrap();
            let structured = &result["structuredContent"];
            assert_eq!(*structured, body(result), "{name}");
            if let Err(fault) = validator.validate(structured) {
                panic!("{name}: {fault}: {result}");
            }
        }
    }
}

#[test]
fn every_tool_that_reads_does_so_at_both_providers() {
    let demo = Demo::start();
    let mut client = Client::of(&demo, &[]);
    let tools = client.tools();
    let listed = client.call("connection_list", &json!({}));
    let ids: Vec<Value> = good(&listed)["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|connection| connection["id"].clone())
        .collect();
    assert_eq!(ids, CONNECTIONS);
    for connection in CONNECTIONS {
        let mut called = BTreeSet::from(["connection_list".to_owned()]);
        let mut call = |name: &str, more: Value| {
            let mut arguments = json!({ "connection": connection });
            for (name, value) in more.as_object().unwrap() {
                arguments[name] = value.clone();
            }
            let tool = tools.iter().find(|tool| tool["name"] == name).unwrap();
            assert_eq!(tool["annotations"]["readOnlyHint"], true, "{name}");
            let given = jsonschema::validator_for(&tool["inputSchema"]).unwrap();
            assert!(given.is_valid(&arguments), "{name} {arguments}");
            let result = client.call(name, &arguments);
            let answer = good(&result);
            assert!(
                result["_meta"]["crosswalk/requestId"].is_string(),
                "{result}"
            );
            holds(tool, &result);
            called.insert(name.to_owned());
            answer
        };
        for entity in ["account", "contact", "lead", "opportunity", "user"] {
            let page = call(&format!("crm_{entity}_list"), json!({ "page_size": 2 }));
            let first = &page["items"][0];
            assert_eq!(first["raw_data"], json!({}), "{entity}");
            let id = first["id"].as_str().unwrap();
            let got = call(
                &format!("crm_{entity}_get"),
                json!({ "id": id, "raw_data": "full" }),
            );
            assert_eq!(got["record"]["id"], id);
            assert_ne!(got["record"]["raw_data"], json!({}), "{entity}");
            if ["account", "contact"].contains(&entity) {
                let name = format!("crm_{entity}_batch_read");
                let records = call(&name, json!({ "ids": [id], "properties": [] }));
                assert_eq!(records[0]["id"], id);
            }
        }
        let more = call("crm_account_list", json!({ "page_size": 1 }));
        let cursor = &more["next_cursor"];
        let next = call(
            "crm_account_list",
            json!({ "page_size": 1, "cursor": cursor }),
        );
        assert_ne!(next["items"][0]["id"], more["items"][0]["id"]);
        call("crm_note_list", json!({}));
        assert!(call("crm_object_count", json!({ "entity": "account" }))["count"].is_number());
        let objects = call("crm_metadata_list_objects", json!({ "type": "custom" }));
        let object = match objects[0]["id"].as_str() {
            Some(object) => object.to_owned(),
            None => made_object(&demo, connection),
        };
        call(
            "crm_metadata_list_properties",
            json!({ "object_name": object }),
        );
        call("crm_custom_object_list", json!({ "object_name": object }));
        let capabilities = call("capabilities", json!({}));
        assert_eq!(capabilities["connection_id"], connection);
        let all: BTreeSet<String> = tools
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(called, all, "every one was called");
    }
    let (code, told) = client.end();
    assert_eq!(code, Some(0));
    assert!(told.contains("19 tools, read-only"), "{told}");
    assert_eq!(told.lines().count(), 1, "{told}");
}

/// An account that has no object of its own gets one.
fn made_object(demo: &Demo, connection: &str) -> String {
    let object = json!({
        "name": "warehouse", "description": "Where goods are kept",
        "labels": { "singular": "Warehouse", "plural": "Warehouses" },
        "primary_field_id": "name", "fields": [{ "id": "name", "label": "Name", "type": "text" }],
    });
    let target = "/unified/crm/metadata/objects";
    let made = demo.call(connection, "POST", target, Some(&object));
    assert_eq!(made.status, 200, "{}", made.text);
    made.body["id"].as_str().unwrap().to_owned()
}

#[test]
fn refusals_are_results_and_what_is_no_call_is_an_error_of_the_protocol() {
    let demo = Demo::start();
    let mut client = Client::of(&demo, &["--connection", "hubspot-demo"]);
    for (tool, arguments, code, path) in [
        ("crm_account_get", json!({ "id": "0" }), "NOT_FOUND", None),
        (
            "crm_account_list",
            json!({ "page_size": 0 }),
            "BAD_REQUEST",
            Some("query.page_size"),
        ),
        (
            "crm_account_list",
            json!({ "pagesize": 5 }),
            "BAD_REQUEST",
            Some("arguments.pagesize"),
        ),
        (
            "crm_account_get",
            json!({}),
            "BAD_REQUEST",
            Some("arguments.id"),
        ),
        (
            "crm_account_get",
            json!({ "id": ".." }),
            "BAD_REQUEST",
            Some("arguments.id"),
        ),
        (
            "crm_account_batch_read",
            json!({ "ids": "1" }),
            "BAD_REQUEST",
            Some("body.ids"),
        ),
        (
            "connection_list",
            json!({ "all": true }),
            "BAD_REQUEST",
            Some("arguments.all"),
        ),
        (
            "crm_account_list",
            json!({ "connection": "nobody" }),
            "NOT_FOUND",
            None,
        ),
    ] {
        let error = refused(&client.call(tool, &arguments));
        assert_eq!(error["code"], code, "{tool} {arguments}: {error}");
        if let Some(path) = path {
            assert_eq!(
                error["issues"][0]["path"], path,
                "{tool} {arguments}: {error}"
            );
        }
    }
    let told = refused(&client.call("crm_account_get", &json!({ "id": "0" })));
    assert_eq!(told["provider"]["name"], "hubspot", "{told}");
    assert!(told["provider"]["message"].is_string(), "{told}");

    for (method, params, code) in [
        (
            "tools/call",
            json!({ "name": "crm_account_delete" }),
            -32602,
        ),
        (
            "tools/call",
            json!({ "name": "crm_account_create" }),
            -32602,
        ),
        (
            "tools/call",
            json!({ "name": "crm_account_list", "arguments": "x" }),
            -32602,
        ),
        (
            "tools/call",
            json!({ "name": "crm_account_list", "arguments": [1] }),
            -32602,
        ),
        ("tools/call", json!({ "arguments": {} }), -32602),
        ("tools/list", json!({ "cursor": "made-up" }), -32602),
        ("resources/list", json!({}), -32601),
        ("nothing/at_all", json!({}), -32601),
    ] {
        let answer = client.ask(method, &params);
        assert_eq!(answer["error"]["code"], code, "{method} {params}: {answer}");
    }
    assert_eq!(client.ask("ping", &json!({}))["result"], json!({}));
    // What cannot be read is passed over, and the next message is answered.
    client.write("{\"jsonrpc\": \"2.0\", \"id\": 7, \"method\":");
    client.write("[1, 2");
    let page = client.call("crm_account_list", &json!({ "page_size": 1 }));
    assert_eq!(good(&page)["items"].as_array().unwrap().len(), 1);
    assert_eq!(client.end().0, Some(0));
}

#[test]
fn a_wrong_key_is_refused_with_each_call_and_shown_nowhere() {
    let demo = Demo::start();
    let mut environment = environment(&demo);
    environment.retain(|(name, _)| *name != "CROSSWALK_API_KEY");
    environment.push(("CROSSWALK_API_KEY", "canary-of-a-key".to_owned()));
    let mut client = Client::start(&["--connection", "hubspot-demo"], &environment);
    for tool in ["crm_account_list", "connection_list"] {
        let result = client.call(tool, &json!({}));
        assert_eq!(refused(&result)["code"], "UNAUTHORIZED");
        assert!(!result.to_string().contains("canary-of-a-key"), "{result}");
    }
    let (code, told) = client.end();
    assert_eq!(code, Some(0));
    assert!(!told.contains("canary-of-a-key"), "{told}");

    environment.retain(|(name, _)| *name != "CROSSWALK_API_KEY");
    let client = Client::start(&[], &environment);
    let (_, told) = client.end();
    assert!(told.contains("no API key is given"), "{told}");
}

#[test]
fn where_no_proxy_answers_a_call_says_so_and_the_server_stays() {
    let environment = [
        ("CROSSWALK_URL", "http://127.0.0.1:9".to_owned()),
        ("CROSSWALK_API_KEY", "key".to_owned()),
    ];
    let mut client = Client::start(&["--allow-writes", "--connection", "c"], &environment);
    assert!(client.tools().len() > 25);
    let error = refused(&client.call("crm_account_list", &json!({})));
    assert_eq!(error["code"], "SERVICE_UNAVAILABLE");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("`crosswalk serve` starts one"),
        "{message}"
    );
    assert_eq!(error.get("outcome"), None);
    let write = json!({ "record": { "name": "x" } });
    let error = refused(&client.call("crm_account_create", &write));
    assert_eq!(error["outcome"], "unknown");
    let key = error["idempotency_key"].as_str().unwrap();
    assert!(key.starts_with("mcp-"), "{error}");
    assert_eq!(client.end().0, Some(0));
}

#[test]
fn what_is_called_off_hangs_up_on_the_proxy_and_is_not_answered() {
    let (begun, has_begun) = channel();
    let (left, has_left) = channel();
    let address = impostor(move |mut stream, _| {
        begun.send(()).unwrap();
        let _ = stream.set_read_timeout(Some(LONG));
        let is_closed = matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_));
        left.send(is_closed).unwrap();
    });
    let environment = [("CROSSWALK_URL", format!("http://{address}"))];
    let mut client = Client::start(&["--connection", "c"], &environment);
    client.send(
        40,
        "tools/call",
        &json!({ "name": "crm_account_list", "arguments": {} }),
    );
    has_begun.recv_timeout(LONG).unwrap();
    let other = json!({ "requestId": 41, "reason": "somebody else's" });
    client.notify("notifications/cancelled", &other);
    assert_eq!(
        has_left.recv_timeout(Duration::from_millis(200)),
        Err(RecvTimeoutError::Timeout)
    );
    client.notify("notifications/cancelled", &json!({ "requestId": 40 }));
    assert_eq!(has_left.recv_timeout(LONG), Ok(true));
    let pong = client.ask("ping", &json!({}));
    assert_eq!(pong["result"], json!({}), "no answer came before this one");
    assert_eq!(client.end().0, Some(0));
}

#[test]
fn a_page_of_megabytes_comes_whole_and_on_one_line() {
    let name = "é".repeat(4 << 20);
    let page = json!({ "items": [{ "id": "1", "updated_at": "2026-01-01T00:00:00Z", "name": name }], "has_next_page": false });
    let text = page.to_string();
    let address = impostor(move |mut stream, _| {
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
            text.len()
        );
        let _ = stream.write_all(head.as_bytes());
        let _ = stream.write_all(text.as_bytes());
    });
    let environment = [("CROSSWALK_URL", format!("http://{address}"))];
    let mut client = Client::start(&["--connection", "c"], &environment);
    let result = client.call("crm_account_list", &json!({}));
    assert_eq!(good(&result), page);
    assert_eq!(result["structuredContent"], page);
    assert_eq!(client.end().0, Some(0));
}

#[test]
fn a_limit_says_when_to_come_back_and_the_trace_of_a_client_goes_on() {
    let traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    let (heads, seen) = channel();
    let address = impostor(move |mut stream, head| {
        let is_first = !head.contains("traceparent");
        heads.send(head).unwrap();
        let answer = if is_first {
            "HTTP/1.1 429 Too Many Requests\r\nretry-after: 7\r\ncontent-length: 28\r\nconnection: close\r\n\r\n{\"code\":\"TOO_MANY_REQUESTS\"}"
        } else {
            "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>"
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let environment = [("CROSSWALK_URL", format!("http://{address}"))];
    let mut client = Client::start(&["--connection", "c"], &environment);
    let result = client.call("crm_account_list", &json!({}));
    assert_eq!(refused(&result)["code"], "TOO_MANY_REQUESTS");
    assert_eq!(result["content"][1]["text"], "Try again in 7 s.");
    assert!(seen.recv().unwrap().contains("x-connection-id: c\r\n"));

    let params = json!({ "name": "crm_account_list", "_meta": { "traceparent": traceparent } });
    let answer = client.ask("tools/call", &params);
    assert_eq!(
        refused(&answer["result"])["code"],
        "BAD_GATEWAY",
        "{answer}"
    );
    assert!(seen.recv().unwrap().contains(traceparent));
}
