//! Clients that come by HTTP, each with a key of its own.

use crosswalk_tests::{Answer, exchange, exchange_text};

use super::*;

/// A server on a free port; killed when dropped.
pub(crate) struct Listening {
    child: Child,
    pub(crate) address: String,
    stderr: Receiver<String>,
}

impl Listening {
    fn start(arguments: &[&str], environment: &[(&str, String)]) -> Self {
        let arguments = [&["--listen", "127.0.0.1:0"], arguments].concat();
        let mut child = server(&arguments, environment).spawn().unwrap();
        let stdout = lines_of(child.stdout.take().unwrap());
        let stderr = lines_of(child.stderr.take().unwrap());
        let line = stdout.recv_timeout(LONG).expect("it says where it listens");
        let place = line.strip_prefix("MCP at http://").unwrap();
        let address = place.strip_suffix("/mcp").unwrap().to_owned();
        Self {
            child,
            address,
            stderr,
        }
    }

    /// One whose own key is of no use.
    pub(crate) fn of(demo: &Demo, arguments: &[&str]) -> Self {
        let mut environment = environment(demo);
        environment.retain(|(name, _)| *name != "CROSSWALK_API_KEY");
        environment.push(("CROSSWALK_API_KEY", "canary-of-a-key".to_owned()));
        Self::start(arguments, &environment)
    }

    fn post(&self, headers: &str, message: &Value) -> Answer {
        post(&self.address, headers, message)
    }

    fn ask(&self, headers: &str, method: &str, params: &Value) -> Value {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.post(headers, &message);
        assert_eq!(answer.status, 200, "{method}: {}", answer.text);
        assert_eq!(answer.header("content-type"), Some("application/json"));
        answer.body
    }

    fn call(&self, headers: &str, tool: &str, arguments: &Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        let answer = self.ask(headers, "tools/call", &params);
        assert!(answer["result"].is_object(), "{tool}: {answer}");
        answer["result"].clone()
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(address: &str, headers: &str, message: &Value) -> Answer {
    let headers = format!("accept: application/json, text/event-stream\r\n{headers}");
    exchange(address, "POST", "/mcp", &headers, Some(message))
}

const KEY: &str = "x-apikey: demo\r\n";

#[test]
fn a_client_begins_lists_and_reads_with_its_own_key() {
    let demo = Demo::start();
    let mut listening = Listening::of(&demo, &[]);
    for key in [KEY, "authorization: Bearer demo\r\n"] {
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize(VERSION) });
        let begun = listening.post(key, &message);
        assert_eq!(
            begun.body["result"]["protocolVersion"], VERSION,
            "{}",
            begun.text
        );
        let session = begun.header("mcp-session-id").unwrap();
        let headers =
            format!("{key}mcp-session-id: {session}\r\nmcp-protocol-version: {VERSION}\r\n");
        let done = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
        assert_eq!(listening.post(&headers, &done).status, 202);
        let tools = listening.ask(&headers, "tools/list", &json!({}));
        assert_eq!(tools["result"]["tools"].as_array().unwrap().len(), 19);
        let listed = good(&listening.call(&headers, "connection_list", &json!({})));
        assert_eq!(listed["connections"][1]["id"], "salesforce-demo");
        for connection in CONNECTIONS {
            let arguments = json!({ "connection": connection, "page_size": 2 });
            let page = good(&listening.call(&headers, "crm_account_list", &arguments));
            assert_eq!(page["items"].as_array().unwrap().len(), 2);
        }
        assert_eq!(
            listening.ask(&headers, "ping", &json!({}))["result"],
            json!({})
        );
        let unknown = listening.ask(
            &headers,
            "tools/call",
            &json!({ "name": "crm_account_create" }),
        );
        assert_eq!(unknown["error"]["code"], -32602);
    }
    terminate(&listening.child);
    assert_eq!(end_of(&mut listening.child), Some(0));
    let told: Vec<String> = listening.stderr.iter().collect();
    assert!(!told.join("\n").contains("canary"), "{told:?}");
}

/// Covers: caller-unknown
#[test]
fn nobody_is_let_in_without_a_key_of_the_proxy() {
    let demo = Demo::start();
    let listening = Listening::of(&demo, &["--connection", "hubspot-demo"]);
    let begin =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": initialize(VERSION) });
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let read = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "crm_account_list" } });
    for headers in [
        "",
        "x-apikey: wrong\r\n",
        "x-apikey: canary-of-a-key\r\n",
        "x-apikey: demo\r\nx-apikey: demo\r\n",
        "x-apikey: demo\r\nauthorization: Bearer demo\r\n",
        "authorization: Bearer wrong\r\n",
        "authorization: Basic ZGVtbw==\r\n",
        "authorization: Bearer cwt_of-nobody\r\n",
        "mcp-session-id: 0af7651916cd43dd8448eb211c80319c\r\n",
    ] {
        for message in [&begin, &list, &read] {
            let answer = listening.post(headers, message);
            assert_eq!(answer.status, 401, "{headers:?} {message}: {}", answer.text);
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            assert!(
                !answer.text.contains("wrong") && !answer.text.contains("tools"),
                "{}",
                answer.text
            );
        }
        let got = exchange(&listening.address, "GET", "/mcp", headers, None);
        assert_eq!(got.status, 401);
    }
    assert_eq!(demo.native_calls("hubspot-demo"), Vec::<String>::new());
}

/// Covers: origin-foreign, host-foreign
#[test]
fn web_pages_and_foreign_names_are_refused() {
    let demo = Demo::start();
    let listening = Listening::of(&demo, &["--allowed-host", "agents.example"]);
    let port = listening.address.rsplit(':').next().unwrap();
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    for origin in [
        "https://evil.example",
        "null",
        "",
        &format!("http://localhost:{port}"),
    ] {
        let headers = format!("{KEY}origin: {origin}\r\n");
        let answer = listening.post(&headers, &list);
        assert_eq!(answer.status, 403, "{origin:?}: {}", answer.text);
        assert!(!answer.head.to_lowercase().contains("access-control-"));
        let asked = exchange(&listening.address, "OPTIONS", "/mcp", &headers, None);
        assert_eq!(asked.status, 403, "{origin:?}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.nip.io",
        "localhost.",
    ] {
        for host in [host.to_owned(), format!("{host}:{port}")] {
            let answer = listening.post(&format!("host: {host}\r\n{KEY}"), &list);
            assert!(
                [400, 403].contains(&answer.status),
                "{host}: {}",
                answer.text
            );
        }
    }
    for host in ["localhost", "127.0.0.1", "[::1]", "agents.example"] {
        let answer = listening.post(&format!("host: {host}:{port}\r\n{KEY}"), &list);
        assert_eq!(answer.status, 200, "{host}: {}", answer.text);
    }
}

#[test]
fn what_is_no_message_is_refused_as_the_transport_says() {
    let demo = Demo::start();
    let listening = Listening::of(&demo, &[]);
    let send = |method: &str, target: &str, headers: &str, body: &str| {
        let headers = format!("{KEY}{headers}");
        exchange_text(&listening.address, method, target, &headers, body).status
    };
    let accept = "accept: application/json, text/event-stream\r\n";
    let json = format!("{accept}content-type: application/json\r\n");
    let list = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/list\"}";
    assert_eq!(send("POST", "/mcp", &json, list), 200);
    for (method, target, headers, body, status) in [
        ("GET", "/mcp", "accept: text/event-stream\r\n", "", 405),
        ("DELETE", "/mcp", "mcp-session-id: a\r\n", "", 405),
        ("POST", "/", &*json, list, 404),
        ("GET", "/.well-known/oauth-protected-resource", "", "", 404),
        ("POST", "/mcp", accept, list, 415),
        (
            "POST",
            "/mcp",
            "content-type: application/json\r\n",
            list,
            406,
        ),
        (
            "POST",
            "/mcp",
            &format!("{json}mcp-protocol-version: 1999-01-01\r\n"),
            list,
            400,
        ),
        ("POST", "/mcp", &*json, "", 415),
        ("POST", "/mcp", &*json, "{", 415),
        ("POST", "/mcp", &*json, "[1]", 415),
        ("POST", "/mcp", &*json, &" ".repeat((4 << 20) + 1), 413),
    ] {
        let got = send(method, target, headers, body);
        let start: String = body.chars().take(50).collect();
        assert_eq!(got, status, "{method} {target} {headers:?} {start}");
    }
}

#[test]
fn a_header_names_the_connection_of_calls_that_name_none() {
    let demo = Demo::start();
    let listening = Listening::of(&demo, &[]);
    let named = format!("{KEY}x-connection-id: salesforce-demo\r\n");
    for (headers, is_needed) in [(KEY, true), (&*named, false)] {
        let listed = listening.ask(headers, "tools/list", &json!({}));
        let tools = listed["result"]["tools"].as_array().unwrap();
        let tool = tools
            .iter()
            .find(|tool| tool["name"] == "crm_user_list")
            .unwrap();
        let required = &tool["inputSchema"]["required"];
        assert_eq!(*required == json!(["connection"]), is_needed, "{required}");
        let result = listening.call(headers, "crm_user_list", &json!({ "page_size": 1 }));
        assert_eq!(result["isError"] == true, is_needed, "{result}");
    }
}

#[test]
fn a_customer_s_token_sees_that_customer_alone() {
    let demo = Demo::start();
    let listening = Listening::of(&demo, &[]);
    let mut tokens = Vec::new();
    for customer in ["acme", "other"] {
        let target = format!("/core/customer/{customer}");
        let made = demo.call_with("PUT", &target, KEY, Some(&json!({})));
        assert_eq!(made.status, 200, "{}", made.text);
        let wanted = json!({ "customerId": customer });
        let token = demo.call_with("POST", "/connect/token", KEY, Some(&wanted));
        tokens.push(token.body["token"].as_str().unwrap().to_owned());
    }
    let headers = format!("authorization: Bearer {}\r\n", tokens[0]);
    let listed = good(&listening.call(&headers, "connection_list", &json!({})));
    assert_eq!(
        listed["connections"],
        json!([]),
        "those of the configuration are nobody's"
    );
    let read = json!({ "connection": "hubspot-demo" });
    let error = refused(&listening.call(&headers, "crm_account_list", &read));
    assert_eq!(error["code"], "NOT_FOUND", "{error}");
}

#[test]
fn a_message_that_comes_twice_in_a_session_writes_once() {
    let demo = Demo::start();
    let listening = Listening::of(&demo, &["--allow-writes"]);
    let write = |headers: &str| {
        let record = json!({ "connection": "hubspot-demo", "record": { "name": "Once" } });
        let made = good(&listening.call(headers, "crm_account_create", &record));
        made["record"]["id"].as_str().unwrap().to_owned()
    };
    let session = |id: &str| format!("{KEY}mcp-session-id: {id}\r\n");
    let first = write(&session("a"));
    assert_eq!(write(&session("a")), first);
    assert_ne!(
        write(&session("b")),
        first,
        "another client counts from 1, too"
    );
    // Nothing tells whether these are one client's.
    assert_ne!(write(KEY), write(KEY));
}

#[test]
fn who_calls_off_or_hangs_up_hangs_up_on_the_proxy() {
    let (begun, has_begun) = channel();
    let (left, has_left) = channel();
    let address = impostor(move |mut stream, head| {
        // Whether the key is good.
        if head.starts_with("GET /core/connection?") {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]");
            return;
        }
        begun.send(()).unwrap();
        let left = left.clone();
        std::thread::spawn(move || {
            let _ = stream.set_read_timeout(Some(LONG));
            let is_closed = matches!(stream.read(&mut [0; 1]), Ok(0) | Err(_));
            let _ = left.send(is_closed);
        });
    });
    let environment = [("CROSSWALK_URL", format!("http://{address}"))];
    let listening = Listening::start(&["--connection", "c"], &environment);
    let call = json!({ "jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": { "name": "crm_account_list" } });
    let off = json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": 5 } });
    let of = |key: &str, session: &str| format!("x-apikey: {key}\r\nmcp-session-id: {session}\r\n");
    let (address, own) = (listening.address.clone(), of("one", "a"));
    std::thread::scope(|scope| {
        let waits = scope.spawn(|| post(&address, &own, &call));
        has_begun.recv_timeout(LONG).unwrap();
        for stranger in [of("two", "a"), of("one", "b")] {
            assert_eq!(listening.post(&stranger, &off).status, 202);
        }
        let early = has_left.recv_timeout(Duration::from_millis(200));
        assert_eq!(
            early,
            Err(RecvTimeoutError::Timeout),
            "strangers call off nothing"
        );
        assert_eq!(listening.post(&of("one", "a"), &off).status, 202);
        assert_eq!(has_left.recv_timeout(LONG), Ok(true));
        assert!(waits.join().unwrap().body["error"].is_object());
    });
    let headers = "accept: application/json, text/event-stream\r\ncontent-type: application/json\r\nx-apikey: one\r\n";
    let hangs_up = crosswalk_tests::send(
        &listening.address,
        "POST",
        "/mcp",
        headers,
        &call.to_string(),
    );
    has_begun.recv_timeout(LONG).unwrap();
    drop(hangs_up);
    assert_eq!(has_left.recv_timeout(LONG), Ok(true));
}

#[test]
fn where_no_proxy_answers_nobody_is_let_in() {
    let environment = [("CROSSWALK_URL", "http://127.0.0.1:9".to_owned())];
    let listening = Listening::start(&[], &environment);
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let answer = listening.post(KEY, &list);
    assert_eq!(answer.status, 503, "{}", answer.text);
    assert!(answer.text.contains("cannot be reached"), "{}", answer.text);
}
