//! The guide, line by line: what it has clients configured with, and what it has typed.

use std::fmt::Write as _;

use super::*;

const GUIDE: &str = include_str!("../../../proxy/docs/mcp.md");

/// What is indented: configurations and commands, in their order.
fn blocks() -> Vec<String> {
    let paragraphs = GUIDE.split("\n\n").filter(|text| text.starts_with("    "));
    paragraphs.map(str::to_owned).collect()
}

/// The only server of a client's configuration, for the demo that runs.
fn configured(block: &str, demo: &Demo) -> Value {
    let block = block.replace("127.0.0.1:4040", &demo.address);
    let configuration: Value = serde_json::from_str(&block).unwrap();
    configuration["mcpServers"]["crm"].clone()
}

fn shell(command: &str) -> Command {
    let program = binary();
    let folder = program.parent().unwrap().display();
    let path = std::env::var("PATH").unwrap();
    let mut bash = Command::new("bash");
    bash.args(["-c", command])
        .env("PATH", format!("{folder}:{path}"))
        .env("NO_PROXY", "*")
        .env_remove("CROSSWALK_CONFIG")
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    bash
}

#[test]
fn clients_are_configured_as_the_guide_says() {
    let demo = Demo::start();
    let blocks = blocks();
    let [starts, listens, comes, by_hand] = blocks.as_slice() else {
        panic!("the guide has four blocks: {blocks:#?}");
    };
    let started = configured(starts, &demo);
    assert_eq!(started["command"], "crosswalk");
    let arguments: Vec<String> = serde_json::from_value(started["args"].clone()).unwrap();
    let (first, rest) = arguments.split_first().unwrap();
    assert_eq!(first, "mcp");
    let rest: Vec<&str> = rest.iter().map(String::as_str).collect();
    let variables = started["env"].as_object().unwrap();
    let variables: Vec<(&str, String)> = variables
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str().unwrap().to_owned()))
        .collect();
    let mut client = Client::start(&rest, &variables);
    let page = client.call("crm_account_list", &json!({ "page_size": 2 }));
    assert_eq!(good(&page)["items"].as_array().unwrap().len(), 2);
    assert_eq!(client.end().0, Some(0));

    // `exec`, so that what is ended is the server and not the shell.
    let listens = listens
        .replace("127.0.0.1:4040", &demo.address)
        .replace("127.0.0.1:4045", "127.0.0.1:0");
    let mut server = shell(&format!("exec {}", listens.trim())).spawn().unwrap();
    let line = lines_of(server.stdout.take().unwrap())
        .recv_timeout(LONG)
        .unwrap();
    let place = line.strip_prefix("MCP at http://").unwrap();
    let address = place.strip_suffix("/mcp").unwrap();

    let comes = configured(&comes.replace("127.0.0.1:4045", address), &demo);
    assert_eq!(comes["url"], format!("http://{address}/mcp"));
    let mut headers = String::from("accept: application/json, text/event-stream\r\n");
    for (name, value) in comes["headers"].as_object().unwrap() {
        let value = value.as_str().unwrap();
        let _ = write!(headers, "{name}: {value}\r\n");
    }
    let read = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "crm_user_list" } });
    let answer = crosswalk_tests::exchange(address, "POST", "/mcp", &headers, Some(&read));
    assert!(
        !good(&answer.body["result"])["items"]
            .as_array()
            .unwrap()
            .is_empty()
    );

    let output = shell(&by_hand.replace("127.0.0.1:4045", address))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        good(&answer["result"])["items"].as_array().unwrap().len(),
        2
    );
    terminate(&server);
    assert_eq!(end_of(&mut server), Some(0));
}

/// What the guide says of the tools is so, as far as names go.
#[test]
fn the_names_in_the_guide_are_those_of_tools_and_flags() {
    let output = Command::new(binary())
        .args(["mcp", "--help"])
        .output()
        .unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    for flag in [
        "--allow-writes",
        "--only",
        "--admin-url",
        "--allowed-host",
        "--listen",
        "--config",
    ] {
        assert!(GUIDE.contains(flag) && help.contains(flag), "{flag}");
    }
    let environment = [("CROSSWALK_URL", "http://127.0.0.1:9".to_owned())];
    let only = "crm.account,crm.note.create";
    assert!(GUIDE.contains(&format!("--only {only}")));
    let mut client = Client::start(&["--allow-writes", "--only", only], &environment);
    let tools = client.tools();
    let names: Vec<&str> = tools
        .iter()
        .map(|tool| tool["name"].as_str().unwrap())
        .collect();
    assert!(
        names.contains(&"crm_note_create") && !names.contains(&"crm_note_list"),
        "{names:?}"
    );
}
