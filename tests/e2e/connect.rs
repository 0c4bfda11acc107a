//! `/connect`: tokens, links, and the way of a browser over the pages, the provider's consent and back.

mod attacks;
mod browser;
mod faults;
mod links;
mod visitor;

use crosswalk_tests::{API_KEY, Answer, Postgres, Sandbox, Sidecar, exchange};
use serde_json::{Value, json};

use crate::CONTRACT;
use visitor::Visitor;

/// A proxy with a config for each provider, which the sandbox plays.
struct Scene {
    sandbox: Sandbox,
    sidecar: Sidecar,
}

impl Scene {
    fn start() -> Self {
        Self::with_store("")
    }

    /// A scene with settings of the store, as lines of the configuration.
    fn with_store(store: &str) -> Self {
        let sandbox = Sandbox::start();
        let sidecar = Sidecar::start(&format!("{store}connections: {{}}\n"));
        let scene = Self { sandbox, sidecar };
        for (provider, place) in [("hubspot", "base_url"), ("salesforce", "login_url")] {
            let url = format!("http://{}", scene.sandbox.address(provider));
            scene.config(provider, json!({ place: url }));
        }
        scene
    }

    /// A scene in which nobody is asked at the providers: they say yes at once.
    fn at_once() -> Self {
        Self::start().saying_yes()
    }

    fn saying_yes(self) -> Self {
        for provider in ["hubspot", "salesforce"] {
            self.set(provider, &json!({ "consent": "at_once" }));
        }
        self
    }

    fn set(&self, provider: &str, settings: &Value) {
        self.sandbox
            .control(provider, "PATCH", "/_sandbox/settings", Some(settings));
    }

    /// Makes a connector config with the sandbox's client; its id.
    fn config(&self, connector: &str, mut more: Value) -> String {
        more["client_id"] = "sandbox-client".into();
        more["client_secret"] = "sandbox-secret".into();
        let body = json!({ "orgId": "org_crosswalk", "connectorName": connector, "config": more });
        let made = self.good(
            "core.connector_config.upsert",
            "POST",
            "/core/connector_config",
            Some(&body),
        );
        made["id"].as_str().unwrap().to_owned()
    }

    /// A call with the admin's key.
    fn call(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        let headers = format!("x-apikey: {API_KEY}\r\n");
        exchange(&self.sidecar.address, method, target, &headers, body)
    }

    /// One that must succeed, by the contract.
    fn good(&self, operation: &str, method: &str, target: &str, body: Option<&Value>) -> Value {
        self.answered(operation, 200, method, target, body)
    }

    /// One that must be answered with a status, by the contract.
    fn answered(
        &self,
        operation: &str,
        status: u16,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Value {
        let got = self.call(method, target, body);
        assert_eq!(got.status, status, "{method} {target}: {}", got.text);
        let faults = CONTRACT.faults(operation, status, &got.body);
        assert!(
            faults.is_empty(),
            "{operation}: {faults:#?} in {}",
            got.text
        );
        got.body
    }

    /// The secret of a new link.
    fn link(&self, more: &Value) -> String {
        let mut body = json!({ "customerId": "acme" });
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        let made = self.good(
            "connect.magic_link.create",
            "POST",
            "/connect/magic-link",
            Some(&body),
        );
        let url = made["url"].as_str().unwrap();
        let (page, secret) = url.split_once('#').unwrap();
        let port = self.sidecar.address.rsplit(':').next().unwrap();
        assert_eq!(page, format!("http://localhost:{port}/connect/open"));
        assert!(secret.starts_with("cwm_"));
        secret.to_owned()
    }

    /// A browser that has opened a new link.
    fn visitor(&self, more: &Value) -> Visitor {
        let mut visitor = Visitor::new(&self.sidecar.address);
        let opened = visitor.open(&self.link(more));
        assert_eq!(opened.status, 303, "{}", opened.text);
        visitor
    }

    /// A customer's connections, by the API.
    fn connections(&self, customer: &str) -> Vec<Value> {
        let listed = self.good(
            "core.connection.list",
            "GET",
            &format!("/core/connection?customerId={customer}"),
            None,
        );
        listed.as_array().unwrap().clone()
    }

    /// The names of all events, the first one first.
    fn events(&self) -> Vec<String> {
        let listed = self.call("GET", "/core/events?since=0", None);
        assert_eq!(listed.status, 200, "{}", listed.text);
        let events = listed.body["items"].as_array().or(listed.body.as_array());
        let mut names: Vec<_> = events
            .unwrap()
            .iter()
            .map(|event| event["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    }
}

#[test]
fn an_account_is_connected_and_can_be_called() {
    connected_and_called(&Scene::at_once());
}

#[test]
fn an_account_is_connected_on_postgresql_as_well() {
    if let Some(server) = Postgres::shared() {
        let store = format!("store: \"{}\"\n", server.database());
        connected_and_called(&Scene::with_store(&store).saying_yes());
    }
}

fn connected_and_called(scene: &Scene) {
    scene.set("salesforce", &json!({ "require_pkce": true }));
    for (provider, title) in [("hubspot", "HubSpot"), ("salesforce", "Salesforce")] {
        let customer = format!("acme-{provider}");
        let visitor =
            scene.visitor(&json!({ "customerId": customer, "displayName": "Acme & Söhne" }));
        let page = visitor.get("/connect");
        assert_eq!(page.status, 200);
        assert!(page.text.contains("Acme &amp; Söhne"), "{}", page.text);
        assert!(page.text.contains(title));

        let callback = visitor.consent(scene, provider);
        let back = visitor.get(&callback);
        assert_eq!(back.status, 303, "{}", back.text);
        let connections = scene.connections(&customer);
        assert_eq!(connections.len(), 1, "{connections:#?}");
        let id = connections[0]["id"].as_str().unwrap();
        assert_eq!(
            back.header("location"),
            Some(format!("/connect?connected={id}").as_str())
        );
        let page = visitor.get(&format!("/connect?connected={id}"));
        assert!(page.text.contains(&format!("{title} is connected.")));

        assert_eq!(connections[0]["connectorName"], provider);
        assert_eq!(connections[0]["standard"]["status"], "healthy");
        let shown = connections[0].to_string();
        for secret in ["refresh_token\":", "access_token", "sandbox-secret"] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let scopes = connections[0]["settings"]["scopes"].as_array().unwrap();
        assert!(!scopes.is_empty());

        let headers = format!("x-apikey: {API_KEY}\r\nx-connection-id: {id}\r\n");
        let accounts = exchange(
            &scene.sidecar.address,
            "GET",
            "/unified/crm/account",
            &headers,
            None,
        );
        assert_eq!(accounts.status, 200, "{}", accounts.text);
        assert!(!accounts.body["items"].as_array().unwrap().is_empty());
    }
    assert_eq!(
        scene.events(),
        [
            "connect.completed",
            "connect.completed",
            "connection.created",
            "connection.created"
        ]
    );
}

#[test]
fn what_is_connected_gets_the_pipeline_that_its_config_wants() {
    let scene = Scene::at_once();
    let files = scene.good(
        "core.connector_config.upsert",
        "POST",
        "/core/connector_config",
        Some(&json!({ "orgId": "org_crosswalk", "connectorName": "sqlite" })),
    );
    let destination = scene.good(
        "core.connection.create",
        "POST",
        "/core/connection",
        Some(&json!({ "connectorConfigId": files["id"], "settings": { "path": "crm.db" } })),
    );
    let infos = scene.call(
        "GET",
        "/core/connector_config_info?connectorName=hubspot",
        None,
    );
    let wish = json!({
        "id": infos.body[0]["id"],
        "orgId": "org_crosswalk",
        "defaultPipeOut": { "destination_id": destination, "streams": { "crm.account": true } },
    });
    scene.good(
        "core.connector_config.upsert",
        "POST",
        "/core/connector_config",
        Some(&wish),
    );
    let visitor = scene.visitor(&json!({}));
    let callback = visitor.consent(&scene, "hubspot");
    assert_eq!(visitor.get(&callback).status, 303);
    let pipelines = scene.good("core.pipeline.list", "GET", "/core/pipeline", None);
    let connections = scene.connections("acme");
    assert_eq!(pipelines.as_array().map(Vec::len), Some(1), "{pipelines:#}");
    assert_eq!(pipelines[0]["sourceId"], connections[0]["id"]);
    assert_eq!(pipelines[0]["destinationId"], destination);
}

#[test]
fn one_account_connected_twice_is_one_connection() {
    let scene = Scene::at_once();
    let visitor = scene.visitor(&json!({}));
    for _ in 0..2 {
        let callback = visitor.consent(&scene, "hubspot");
        assert_eq!(visitor.get(&callback).status, 303);
    }
    let connections = scene.connections("acme");
    assert_eq!(connections.len(), 1, "{connections:#?}");
    // Another customer's is another connection.
    let other = scene.visitor(&json!({ "customerId": "other" }));
    let callback = other.consent(&scene, "hubspot");
    assert_eq!(other.get(&callback).status, 303);
    assert_eq!(scene.connections("other").len(), 1);
}

#[test]
fn a_connection_is_repaired_and_given_up() {
    let scene = Scene::at_once();
    let visitor = scene.visitor(&json!({}));
    let callback = visitor.consent(&scene, "hubspot");
    visitor.get(&callback);
    let id = scene.connections("acme")[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();

    // The same customer, in another browser, by a link that is about this connection.
    let visitor = scene.visitor(&json!({ "connectionId": id }));
    let page = visitor.get("/connect");
    assert!(page.text.contains("Reconnect"), "{}", page.text);
    assert!(!page.text.contains("Connect another"), "{}", page.text);
    let form = format!("connection={id}");
    let callback = visitor.consent_by(&scene, "hubspot", &form);
    let back = visitor.get(&callback);
    assert_eq!(back.status, 303, "{}", back.text);
    let connections = scene.connections("acme");
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0]["id"], id.as_str());

    let page = visitor.get(&format!("/connect/disconnect?connection={id}"));
    assert!(page.text.contains("Disconnect HubSpot?"), "{}", page.text);
    assert_eq!(scene.connections("acme").len(), 1, "nobody has confirmed");
    let gone = visitor.post("/connect/disconnect", &form);
    assert_eq!(gone.status, 303, "{}", gone.text);
    assert!(scene.connections("acme").is_empty());
    let page = visitor.get(gone.header("location").unwrap());
    assert!(
        page.text.contains("HubSpot is disconnected."),
        "{}",
        page.text
    );
}

#[test]
fn another_account_does_not_take_the_place_of_the_old_one() {
    let scene = Scene::at_once();
    let visitor = scene.visitor(&json!({}));
    visitor.get(&visitor.consent(&scene, "hubspot"));
    let id = scene.connections("acme")[0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    // The sandbox plays one account, so the connection is said to be with another.
    let other = json!({ "settings": { "account": { "id": "7", "name": "other" } } });
    scene.good(
        "core.connection.update",
        "PATCH",
        &format!("/core/connection/{id}"),
        Some(&other),
    );
    let callback = visitor.consent_by(&scene, "hubspot", &format!("connection={id}"));
    let refused = visitor.get(&callback);
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(refused.text.contains("another account"), "{}", refused.text);
    let connections = scene.connections("acme");
    assert_eq!(connections.len(), 1, "{connections:#?}");
    assert_eq!(connections[0]["settings"]["account"]["id"], "7");
}

#[test]
fn who_says_no_is_told_that_nothing_happened() {
    let scene = Scene::at_once();
    scene.set("hubspot", &json!({ "deny_consent": true }));
    let visitor = scene.visitor(&json!({}));
    let callback = visitor.consent(&scene, "hubspot");
    let back = visitor.get(&callback);
    assert_eq!(back.status, 303, "{}", back.text);
    let page = visitor.get(back.header("location").unwrap());
    assert_eq!(page.status, 200);
    assert!(page.text.contains("was not connected"), "{}", page.text);
    assert!(scene.connections("acme").is_empty());
    assert!(scene.events().is_empty());
}

#[test]
fn the_end_leads_to_where_the_link_says() {
    let scene = Scene::at_once();
    let url = "https://app.example/done?x=1#y";
    let visitor = scene.visitor(&json!({ "redirectUrl": url }));
    let callback = visitor.consent(&scene, "salesforce");
    let back = visitor.get(&callback);
    assert_eq!((back.status, back.header("location")), (303, Some(url)));
}

/// Covers: sandbox-login, login-host-foreign
#[test]
fn a_person_chooses_where_to_log_in() {
    let scene = Scene::start();
    let config = scene.config("salesforce", json!({}));
    let visitor = scene.visitor(&json!({ "connectorNames": "salesforce" }));
    let page = visitor.get(&format!("/connect/choose?config={config}"));
    assert!(page.text.contains("login.salesforce.com"), "{}", page.text);
    for (form, host) in [
        ("login=0", "login.salesforce.com"),
        ("login=1", "test.salesforce.com"),
        (
            "login=2&domain=acme--uat.sandbox",
            "acme--uat.sandbox.my.salesforce.com",
        ),
        (
            "login=2&domain=https%3A%2F%2FAcme.my.salesforce.com%2F",
            "acme.my.salesforce.com",
        ),
    ] {
        let page = visitor.post("/connect/start", &format!("config={config}&{form}"));
        assert_eq!(page.status, 200, "{form}: {}", page.text);
        let url = visitor::onward(&page);
        let expected = format!("https://{host}/services/oauth2/authorize?");
        assert!(url.starts_with(&expected), "{url}");
        assert!(url.contains("code_challenge_method=S256"), "{url}");
    }
    for form in [
        "login=2",
        "login=2&domain=",
        "login=2&domain=evil.example%2Fx",
        "login=2&domain=evil.example%3F",
        "login=2&domain=evil.example%23",
        "login=2&domain=a%40evil.example%2F",
        "login=2&domain=http%3A%2F%2F127.0.0.1%2F",
        "login=2&domain=%3Cscript%3E",
        "login=2&domain=a..b",
        "login=3",
    ] {
        let page = visitor.post("/connect/start", &format!("config={config}&{form}"));
        assert_eq!(page.status, 400, "{form}: {}", page.text);
        assert!(!page.text.contains("http-equiv"), "{form}");
        assert!(!page.text.contains("<script>"), "{form}");
    }
}
