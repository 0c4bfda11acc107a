//! A provider that nobody has written Rust for: specs and mappings alone (`codegen/tests/invented`) make it serve list,
//! get, create, update and upsert through the real server and engine.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../codegen/tests/invented/proxy/src/generated/mod.rs"]
#[rustfmt::skip]
#[expect(
    unreachable_pub,
    dead_code,
    reason = "generated for a library, and this is a test"
)]
mod generated;
#[path = "orgbook/visits.rs"]
mod visits;

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{Arc, Mutex, atomic::Ordering},
};

use crosswalk::{
    config,
    sandbox::http::{Call, Provider, Reply, serve},
    server::Server,
};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use visits::Visits;

/// The invented provider itself: organizations by id, in memory, and visits.
#[derive(Default)]
struct Orgbook(Mutex<BTreeMap<String, Map<String, Value>>>, Visits);

impl Orgbook {
    fn answer(&self, call: &Call) -> Reply {
        let mut rows = self.0.lock().unwrap();
        let body: Value = serde_json::from_slice(&call.body).unwrap_or(Value::Null);
        let query: BTreeMap<String, String> = call.query_pairs().into_iter().collect();
        let path = call
            .path
            .strip_prefix("/api/v2/organizations")
            .unwrap_or("?");
        match (call.method.as_str(), path) {
            ("GET", "") => {
                assert_eq!(query["order"], "oldest_first");
                let after = query.get("page_token").cloned().unwrap_or_default();
                let size: usize = query["per_page"].parse().unwrap();
                let page: Vec<Value> = rows
                    .iter()
                    .filter(|(id, _)| **id > after)
                    .take(size)
                    .map(|(_, row)| json!(row))
                    .collect();
                let last = page
                    .last()
                    .map(|row| row["id"].as_str().unwrap_or_default().to_owned());
                let more = last.clone().filter(|last| rows.keys().any(|id| id > last));
                Reply::json(
                    StatusCode::OK,
                    &json!({"data": {"organizations": page, "next_page_token": more}}),
                )
            }
            ("POST", "") => {
                let id = format!("org_{:04}", rows.len() + 1);
                let mut row = body.as_object().cloned().unwrap_or_default();
                if row.get("display_name").is_none_or(Value::is_null) {
                    let problem = json!({"type": "missing", "detail": "an organization needs a name", "trace_id": "t1", "violations": [{"field": "display_name", "rule": "required", "reason": "is missing"}]});
                    return Reply::json(StatusCode::UNPROCESSABLE_ENTITY, &problem);
                }
                for (name, value) in [
                    ("id", json!(id)),
                    ("created_at", json!(1_706_704_496)),
                    ("changed_at", json!("2024-01-31T12:34:56+01:00")),
                    ("sector", json!("Tools")),
                    ("sector_detail", json!("Anvils")),
                    ("manager", json!({"id": "u7", "label": "Ada"})),
                ] {
                    row.insert(name.to_owned(), value);
                }
                rows.insert(id, row.clone());
                Reply::json(StatusCode::CREATED, &json!(row))
            }
            ("POST", ":lookup") => {
                let wanted: Vec<&str> = body["any_of"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter_map(|one| one["equals"].as_str())
                    .collect();
                let found: Vec<Value> = rows
                    .values()
                    .filter(|row| {
                        row.get("homepage")
                            .and_then(Value::as_str)
                            .is_some_and(|it| wanted.contains(&it))
                    })
                    .map(|row| json!(row))
                    .collect();
                Reply::json(StatusCode::OK, &json!({"found": found}))
            }
            (method, path) => match (method, rows.get_mut(path.trim_start_matches('/'))) {
                ("GET", Some(row)) => Reply::json(StatusCode::OK, &json!(row)),
                ("PUT", Some(row)) => {
                    row.extend(body.as_object().cloned().unwrap_or_default());
                    Reply::empty(StatusCode::NO_CONTENT)
                }
                _ => Reply::json(
                    StatusCode::NOT_FOUND,
                    &json!({"type": "not-found", "detail": "there is no such organization", "trace_id": "t2"}),
                ),
            },
        }
    }
}

impl Provider for Orgbook {
    fn handle(&self, call: &Call) -> Reply {
        if call.bearer() != Some("orgbook-token") {
            return Reply::json(
                StatusCode::UNAUTHORIZED,
                &json!({"type": "unauthorized", "detail": "who are you"}),
            );
        }
        self.1.answer(call).unwrap_or_else(|| self.answer(call))
    }
}

/// The proxy, built from nothing but what was generated for the invented provider.
struct Proxy {
    address: SocketAddr,
    orgbook: Arc<Orgbook>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let at = listener.local_addr().unwrap();
        let orgbook = Arc::new(Orgbook::default());
        let provider: Arc<dyn Provider> = Arc::clone(&orgbook) as _;
        tokio::spawn(serve(listener, provider, std::future::pending::<()>()));
        let text = format!(
            "listen: 127.0.0.1:0\napi_keys: [key]\ntls: {{ roots: bundled }}\nconnections:\n  c: {{ provider: orgbook, base_url: \"http://{at}\", access_token: orgbook-token }}\n"
        );
        let config = config::parse("test.yaml", &text, &generated::API, &|_| None).unwrap();
        let server = Server::bind(generated::API, &config, None).await.unwrap();
        let address = server.address();
        tokio::spawn(server.run(std::future::pending::<()>()));
        Self { address, orgbook }
    }

    async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.entity("account", method, path, body).await
    }

    async fn visit(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        self.entity("visit", method, path, body).await
    }

    async fn entity(
        &self,
        entity: &str,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> (u16, Value) {
        let path = format!("/unified/crm/{entity}{path}");
        self.send(method, &path, body).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<Value>) -> (u16, Value) {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.address))
            .header("x-apikey", "key")
            .header("x-connection-id", "c");
        if body.is_some() {
            request = request.header("content-type", "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let client = Client::builder(TokioExecutor::new()).build_http();
        let response = client
            .request(request.body(Full::<bytes::Bytes>::from(body)).unwrap())
            .await
            .unwrap();
        let status = response.status().as_u16();
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&bytes).unwrap())
    }
}

#[tokio::test]
async fn specs_and_mappings_alone_serve_a_provider() {
    let proxy = Proxy::start().await;
    let address = json!({"address_type": "mailing", "city": "Oslo", "country": null, "postal_code": null, "state": null, "street_1": "Box 1", "street_2": "Oslo"});
    let record = json!({"name": "Acme", "website": "https://acme.example", "number_of_employees": 7, "lifecycle_stage": "customer", "owner_id": "u1", "addresses": [address]});
    let (status, created) = proxy
        .call(Method::POST, "", Some(json!({"record": record})))
        .await;
    assert_eq!(status, 200, "{created:#}");
    let told = &created["record"];
    assert_eq!(told["id"], "org_0001");
    assert_eq!(told["updated_at"], "2024-01-31T11:34:56.000Z");
    assert_eq!(told["created_at"], "2024-01-31T12:34:56.000Z");
    assert_eq!(told["industry"], "Tools Anvils");
    assert_eq!(told["is_deleted"], false);
    assert_eq!(told["owner_id"], "u7");
    assert_eq!(told["lifecycle_stage"], "customer");
    assert_eq!(told["raw_data"]["relation"], "client");
    assert_eq!(told["addresses"][0]["street_2"], "Oslo");
    let warned: Vec<&str> = created["warnings"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|warning| warning["field"].as_str())
        .collect();
    assert_eq!(warned, ["addresses[0].city", "owner_id"]);

    let (status, updated) = proxy
        .call(
            Method::PATCH,
            "/org_0001",
            Some(json!({"record": {"description": "Anvils", "number_of_employees": null}})),
        )
        .await;
    assert_eq!(
        (
            status,
            &updated["record"]["description"],
            &updated["record"]["number_of_employees"]
        ),
        (200, &json!("Anvils"), &Value::Null)
    );
    let (status, got) = proxy.call(Method::GET, "/org_0001", None).await;
    assert_eq!((status, &got["record"]), (200, &updated["record"]));

    let upsert = |website: &str| json!({"upsert_on": {"key": "website", "values": [website]}, "record": {"name": "Upserted"}});
    let (status, one) = proxy
        .call(Method::POST, "/_upsert", Some(upsert("ACME.example/")))
        .await;
    assert_eq!((status, &one["record"]["id"]), (200, &json!("org_0001")));
    let (_, other) = proxy
        .call(Method::POST, "/_upsert", Some(upsert("other.example")))
        .await;
    assert_eq!(other["record"]["website"], "other.example");

    let (_, first) = proxy.call(Method::GET, "?page_size=1", None).await;
    assert_eq!(
        (
            first["items"].as_array().unwrap().len(),
            &first["has_next_page"]
        ),
        (1, &json!(true))
    );
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = proxy
        .call(Method::GET, &format!("?page_size=5&cursor={cursor}"), None)
        .await;
    assert_eq!(
        (
            &second["items"][0]["id"],
            &second["has_next_page"],
            &second["next_cursor"]
        ),
        (&json!("org_0002"), &json!(false), &Value::Null)
    );
}

#[tokio::test]
async fn its_faults_are_told_in_its_words() {
    let proxy = Proxy::start().await;
    let (status, fault) = proxy
        .call(Method::POST, "", Some(json!({"record": {}})))
        .await;
    assert_eq!(
        (
            status,
            &fault["provider"]["code"],
            &fault["provider"]["correlation_id"]
        ),
        (400, &json!("missing"), &json!("t1")),
        "{fault:#}"
    );
    assert_eq!(proxy.call(Method::GET, "/org_9", None).await.0, 404);
    assert_eq!(proxy.call(Method::GET, "/nonsense", None).await.0, 404);
    let (status, refused) = proxy
        .call(
            Method::POST,
            "/_upsert",
            Some(json!({"upsert_on": {"key": "domain", "values": ["x.example"]}, "record": {}})),
        )
        .await;
    assert_eq!(status, 400);
    assert!(
        refused["message"]
            .as_str()
            .unwrap()
            .contains("Orgbook knows websites and no domains")
    );
    assert_eq!(
        proxy
            .call(
                Method::POST,
                "/_batch_read",
                Some(json!({"ids": [], "properties": []}))
            )
            .await
            .0,
        501
    );
}

#[tokio::test]
async fn a_record_is_completed_from_beside_it() {
    let proxy = Proxy::start().await;
    let visits = &proxy.orgbook.1;
    visits.put(
        "v1",
        &json!({"host": "p1", "room": "r7", "report": "<p>All <b>well</b></p>", "purpose": "selling", "is_held": true, "is_closed": true, "begins_at": "2024-01-31T23:30:00-01:00"}),
    );
    let (status, got) = proxy.visit(Method::GET, "/v1", None).await;
    assert_eq!(status, 200, "{got:#}");
    let mut record = got["record"].clone();
    let raw = record["raw_data"].take();
    assert_eq!(
        record,
        json!({
            "id": "v1", "updated_at": "2024-02-01T10:00:00.000Z", "raw_data": null,
            "report": "<p>All <b>well</b></p>", "state": "held", "held_on": "2024-02-01", "is_open": false, "kind": "sale",
            "host_name": "Ada", "host_city": "Oslo", "room": "The attic", "minutes": "Tea was had.",
            "merged_into": null, "is_deleted": false,
        })
    );
    assert_eq!((&raw["host"], &raw["room"]), (&json!("p1"), &json!("r7")));

    // What is beside it went away, has no label, or no counterpart.
    visits.put(
        "v2",
        &json!({"host": "p9", "room": "r9", "purpose": "celebrating", "is_called_off": true}),
    );
    let (_, got) = proxy.visit(Method::GET, "/v2", None).await;
    let record = &got["record"];
    for missing in ["host_name", "room", "minutes", "kind"] {
        assert_eq!(record[missing], Value::Null, "{missing}");
    }
    assert_eq!(record["state"], "called_off");
    let warned = warned(&got);
    assert_eq!(warned, ["kind", "room"]);
}

fn warned(answer: &Value) -> Vec<&str> {
    let warnings = answer["warnings"].as_array().into_iter().flatten();
    warnings.filter_map(|it| it["field"].as_str()).collect()
}

fn ids(answer: &Value) -> Vec<&str> {
    let items = answer["items"].as_array().into_iter().flatten();
    items.filter_map(|it| it["id"].as_str()).collect()
}

#[tokio::test]
async fn one_list_is_made_of_two_native_ones() {
    let proxy = Proxy::start().await;
    let visits = &proxy.orgbook.1;
    visits.put("v1", &json!({"is_called_off": true}));
    visits.put("v2", &json!({"host": "p1"}));
    visits.put("v3", &json!({"absorbed": "v7;v8"}));
    let (status, first) = proxy
        .visit(Method::GET, "?sync_mode=full&page_size=2", None)
        .await;
    assert_eq!((status, ids(&first)), (200, vec!["v2", "v3"]), "{first:#}");
    assert_eq!(first["items"][0]["host_name"], "Ada");
    let cursor = first["next_cursor"].as_str().unwrap();
    let (_, second) = proxy
        .visit(
            Method::GET,
            &format!("?sync_mode=full&page_size=2&cursor={cursor}"),
            None,
        )
        .await;
    assert_eq!(
        (ids(&second), &second["has_next_page"]),
        (vec!["v1"], &json!(false))
    );
    assert_eq!(second["items"][0]["state"], "called_off");
}

#[tokio::test]
async fn changes_are_kept_by_an_instant_in_the_row() {
    let proxy = Proxy::start().await;
    let visits = &proxy.orgbook.1;
    visits.put("v1", &json!({}));
    let (_, first) = proxy.visit(Method::GET, "", None).await;
    assert_eq!(ids(&first), ["v1"]);
    // The first run read everything; what changes from now on is later than its window.
    visits.put("v2", &json!({"changed_at": "2999-01-01T00:00:00Z"}));
    // A moment ago: within what windows overlap, and surely before the end of the next one.
    let changed_at = jiff::Timestamp::now() - jiff::SignedDuration::from_secs(2);
    let fields = json!({"changed_at": changed_at.to_string(), "absorbed": "v7;v8"});
    visits.put("v3", &fields);
    let cursor = first["next_cursor"].as_str().unwrap();
    let (status, changed) = proxy
        .visit(Method::GET, &format!("?cursor={cursor}"), None)
        .await;
    assert_eq!(
        (status, ids(&changed)),
        (200, vec!["v3", "v7", "v8"]),
        "{changed:#}"
    );
    let lost = &changed["items"][1];
    assert_eq!(
        (&lost["merged_into"], &lost["is_deleted"], &lost["raw_data"]),
        (&json!("v3"), &json!(true), &json!({}))
    );
}

#[tokio::test]
async fn many_fields_are_read_by_ids() {
    let proxy = Proxy::start().await;
    let visits = &proxy.orgbook.1;
    visits.put("v1", &json!({"language": "no", "purpose": "helping"}));
    let more: Vec<String> = (0..30).map(|number| format!("field_{number}")).collect();
    let path = format!("?sync_mode=full&fields=language,{}", more.join(","));
    let (status, page) = proxy.visit(Method::GET, &path, None).await;
    assert_eq!(status, 200, "{page:#}");
    let record = &page["items"][0];
    assert_eq!(
        (&record["kind"], &record["raw_data"]["language"]),
        (&json!("support"), &json!("no"))
    );
    let calls = visits.calls.lock().unwrap().clone();
    assert!(
        calls.contains(&"POST /visits:several".to_owned()),
        "{calls:?}"
    );
}

#[tokio::test]
async fn a_created_record_gets_what_the_input_has_no_field_for() {
    let proxy = Proxy::start().await;
    let visits = &proxy.orgbook.1;
    let record =
        json!({"report": "Went well & fast\nand on", "kind": "sale", "account_id": "org_0001"});
    let (status, created) = proxy
        .visit(Method::POST, "", Some(json!({"record": record})))
        .await;
    assert_eq!(status, 200, "{created:#}");
    assert_eq!(created["record"]["report"], "Went well & fast\nand on");
    let native = visits.get("v1");
    assert_eq!(native["headline"], "Went well & fast");
    assert_eq!(native["source"], "by_program");
    assert_eq!(native["organization"], "org_0001");
    assert!(native["begins_at"].as_str().unwrap().ends_with('Z'));

    // Without an account nothing is related.
    let (status, _) = proxy
        .visit(
            Method::POST,
            "",
            Some(json!({"record": {"report": "x", "passthrough_fields": {"headline": "Mine"}}})),
        )
        .await;
    let native = visits.get("v2");
    assert_eq!(
        (status, &native["headline"], &native["organization"]),
        (200, &json!("Mine"), &Value::Null)
    );

    // One part fails: nothing stays, and its own fault is told.
    let record = json!({"report": "x", "account_id": "nobody"});
    let (status, fault) = proxy
        .visit(Method::POST, "", Some(json!({"record": record})))
        .await;
    assert_eq!(
        (status, &fault["provider"]["code"]),
        (400, &json!("unknown-organization")),
        "{fault:#}"
    );
    assert_eq!(visits.get("v3"), Value::Null);
}

#[tokio::test]
async fn a_hidden_field_is_left_out_and_told() {
    let proxy = Proxy::start().await;
    let visits = &proxy.orgbook.1;
    visits.put("v1", &json!({"room": "r7", "purpose": "selling"}));
    visits.hides_rooms.store(true, Ordering::Relaxed);
    let (status, got) = proxy.visit(Method::GET, "/v1", None).await;
    assert_eq!(
        (status, &got["record"]["kind"], &got["record"]["room"]),
        (200, &json!("sale"), &Value::Null),
        "{got:#}"
    );
    assert!(!warned(&got).is_empty(), "{got:#}");
}

#[tokio::test]
async fn what_it_can_do_is_told_from_its_mappings() {
    let proxy = Proxy::start().await;
    let (status, told) = proxy.send(Method::GET, "/capabilities", None).await;
    assert_eq!(status, 200);
    assert_eq!(told["provider"]["title"], "Orgbook");
    let operations = told["operations"].as_array().unwrap();
    let mapped = |operation: &&Value| operation["mapped"] == true;
    assert_eq!(
        operations.iter().filter(mapped).count(),
        operations.len() - 1,
        "it has no batch read"
    );
    for operation in operations {
        let (path, method) = (
            operation["path"].as_str().unwrap(),
            operation["method"].as_str().unwrap(),
        );
        let body = (method != "GET").then(|| json!({}));
        let path = path.replace("{id}", "nobody");
        let (status, _) = proxy.send(method.parse().unwrap(), &path, body).await;
        assert_eq!(status != 501, operation["mapped"] == true, "{operation}");
    }
    let [account, visit] = [0, 1].map(|at| &told["entities"][at]);
    assert_eq!(account["native_object"], "Organization");
    assert_eq!(
        account["fields"][5],
        json!({"name": "industry", "read": true, "create": false, "update": false,
            "native_fields": ["sector", "sector_detail"],
            "reason": "Orgbook works the sector out by itself, so it can be read and not be set."})
    );
    assert_eq!(
        account["list"],
        json!({"page_size_default": 25, "page_size_max": 250, "incremental": false, "overlap_seconds": 0,
            "deleted": {"told": false, "field": null, "reason": "Orgbook lists no changes: compare with a full list."},
            "merged": {"told": false, "field": null, "reason": "Orgbook merges no organizations."}})
    );
    assert_eq!(
        account["upsert"],
        json!({"keys": ["website"], "refused_keys": [
            {"key": "domain", "reason": "Orgbook knows websites and no domains; use website."}]})
    );
    assert_eq!(
        (&account["batch_read"], &visit["upsert"]),
        (&Value::Null, &Value::Null)
    );
    assert_eq!(visit["list"]["overlap_seconds"], 5);
    assert_eq!(visit["list"]["merged"]["field"], "merged_into");
}

#[tokio::test]
async fn an_operation_without_records_goes_by_templates() {
    let proxy = Proxy::start().await;
    let organization = json!({"record": {"name": "O'Hara", "website": "ohara.example"}});
    let (status, made) = proxy.call(Method::POST, "", Some(organization)).await;
    assert_eq!(status, 200, "{made:#}");
    let ask = |title: &'static str, kind: &'static str| {
        json!({"title": title, "nickname": "it's", "extra": {"secret": 1, "form": "x", "more": [2]}, "questions": [
            {"kind": kind, "value": "ohara.example"}, {"kind": "mood", "value": "skipped", "skipped": true}]})
    };
    let target = "/Visit/_ask";
    let asked = proxy
        .entity(
            "form",
            Method::POST,
            target,
            Some(ask("tea_form", "homepage")),
        )
        .await;
    let expected = json!({
        "title": "tea: tea_form is \"tea_form\"", "count": 1,
        "names": ["0. O'Hara", r"SELECT id FROM visits WHERE code = 'it\'s'"],
        "details": {"form": "visits", "more": [2]}});
    assert_eq!(asked, (200, expected));
    let plain = json!({"title": "tea", "questions": []});
    let (_, asked) = proxy
        .entity("form", Method::POST, target, Some(plain))
        .await;
    assert_eq!(asked["title"], "tea: tea_form is \"tea\"");
    assert_eq!(
        (&asked["count"], &asked["names"]),
        (&json!(0), &json!(["nobody"]))
    );
    let (status, refused) = proxy
        .entity("form", Method::POST, target, Some(ask("x", "mood")))
        .await;
    let message = refused["message"].as_str().unwrap();
    assert_eq!(status, 400, "{refused:#}");
    assert!(message.contains("knows nothing of moods"), "{message}");
    for (name, status) in [("nothing", 404), ("a%20b", 400)] {
        let target = format!("/{name}/_ask");
        let answer = proxy
            .entity("form", Method::POST, &target, Some(ask("x", "name")))
            .await;
        assert_eq!(answer.0, status, "{}", answer.1);
    }
}
