//! The guide from a customer's browser to a database, line by line, by the shell that a reader has.

use crosswalk_tests::{
    Answer, Demo, Postgres, Reader, exchange_text,
    guide::{Block, blocks},
};
use serde_json::{Value, json};

use super::DEMO;

const GUIDE: &str = include_str!("../../../proxy/docs/pipelines.md");
const DATABASE: &str = "postgres://localhost/crm";

/// The lines of the guide that are for the shell, in their order.
fn commands() -> Vec<String> {
    let shell = blocks(GUIDE).into_iter().map(|block| match block {
        Block::Shell(text) => text,
        other => panic!("the guide has commands alone: {other:?}"),
    });
    shell.collect()
}

struct Customer {
    demo: Demo,
    shell: Reader,
}

impl Customer {
    fn answer(&mut self, command: &str) -> Value {
        let text = self.shell.run(command, None);
        serde_json::from_str(&text).unwrap_or_else(|_| panic!("{command}: {text}"))
    }

    /// What the customer does in a browser, with a provider that says yes at once.
    fn connect(&self, url: &str) {
        let consents = json!({"consent": "at_once"});
        let set = self.demo.sandbox(
            "hubspot-demo",
            "PATCH",
            "/_sandbox/settings",
            Some(&consents),
        );
        assert_eq!(set.status, 200, "{}", set.text);
        let (page, secret) = url.split_once('#').expect("the link has its secret");
        let (origin, _) = page.split_once("/connect").expect("a page of ours");
        let send = |target: &str, cookie: &str, form: &str| -> Answer {
            let headers = format!(
                "origin: {origin}\r\ncookie: {cookie}\r\ncontent-type: application/x-www-form-urlencoded\r\n"
            );
            let method = if form.is_empty() { "GET" } else { "POST" };
            exchange_text(&self.demo.address, method, target, &headers, form)
        };
        let opened = send("/connect/open", "", &format!("link={secret}"));
        let cookie = opened.header("set-cookie").expect("a visit begins");
        let (cookie, _) = cookie.split_once(';').expect("a cookie has its limits");
        let onward = send("/connect/start", cookie, "config=ccfg_hubspot_demo");
        let (_, rest) = onward
            .text
            .split_once("content=\"0;url=")
            .unwrap_or_else(|| panic!("it leads to the provider: {}", onward.text));
        let to = rest
            .split('"')
            .next()
            .expect("a URL ends")
            .replace("&amp;", "&");
        let address = self.demo.sandbox_address("hubspot-demo");
        let target = to
            .strip_prefix(&format!("http://{address}"))
            .expect("the sandbox is asked");
        let back = exchange_text(address, "GET", target, "", "");
        let back = back.header("location").expect("it leads back").to_owned();
        let target = back.strip_prefix(origin).expect("it leads back to us");
        let done = send(target, cookie, "");
        assert!(done.status < 400, "{}", done.text);
    }
}

#[test]
fn the_guide_leads_from_a_browser_to_a_table() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let commands = commands();
    let [function, link, found, database, pipeline, sync, select] = commands.as_slice() else {
        panic!("the guide has seven commands: {commands:#?}");
    };
    let demo = Demo::start();
    let database_url = server.database();
    let folder = tempfile::tempdir().unwrap();
    let mut shell = Reader::new(folder.path())
        .says(DEMO, &format!("http://{}", demo.address))
        .says(DATABASE, &database_url);
    shell.run(function, None);
    let mut reader = Customer { demo, shell };
    let link = reader.answer(link);
    reader.connect(link["url"].as_str().expect("a link"));
    let found = reader.answer(found);
    let source = found[0]["id"].as_str().expect("a connection").to_owned();
    assert_eq!(found[0]["standard"]["status"], "healthy");
    let unified = reader
        .demo
        .call(&source, "GET", "/unified/crm/account", None);
    assert_eq!(unified.status, 200, "{}", unified.text);
    let database = reader.answer(database);
    let destination = database.as_str().expect("a connection");
    let pipeline = pipeline
        .replacen("conn_…", &source, 1)
        .replacen("conn_…", destination, 1);
    assert_eq!(reader.answer(&pipeline)["id"], "pipe_acme");
    assert_eq!(reader.answer(sync)["state"], "completed");
    let statement = select
        .split('\'')
        .nth(1)
        .expect("the statement is in quotes");
    let table = server.psql(&database_url, statement);
    let accounts = unified.body["items"].as_array().expect("a page");
    assert!(!accounts.is_empty());
    for account in accounts {
        let name = account["name"].as_str().expect("a name");
        assert!(table.contains(name), "{name} is in the table: {table}");
    }
}
