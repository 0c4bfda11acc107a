//! A sandbox, a store with connections in it, and sidecars over it.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    path::PathBuf,
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use crosswalk::{
    sandbox::{hubspot, salesforce},
    store::{
        ConnectorConfigInput, Location, NewConnection, Store,
        keys::{KeyRing, KeySource},
    },
};
use crosswalk_tests::{Answer, Postgres, Process, Sandbox, exchange};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _, SqliteConnection};

pub(crate) const KEY: &str = "canary-api-key";
/// Longer than anything here takes.
const LONG: Duration = Duration::from_mins(1);

/// So that no two configurations have one name.
static NUMBER: AtomicU32 = AtomicU32::new(0);

/// What is the same for all sidecars of a test.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) sandbox: Sandbox,
    pub(crate) store: Store,
    location: Location,
    /// Of the configuration.
    pub(crate) limits: String,
}

/// A running sidecar.
#[derive(Debug)]
pub(crate) struct Sidecar {
    pub(crate) process: Process,
    pub(crate) address: String,
}

/// Where a pipeline leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Sqlite(PathBuf),
    Postgres(String),
}

impl Stage {
    /// With the store in a file.
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let location = Location::Sqlite(folder.path().join("state").join("crosswalk.db"));
        Self::with(folder, location).await
    }

    /// With the store in a database of its own; none where there is no server.
    pub(crate) async fn on_postgres() -> Option<Self> {
        let location = Location::Postgres(Postgres::shared()?.database().into());
        Some(Self::with(tempfile::tempdir().unwrap(), location).await)
    }

    async fn with(folder: tempfile::TempDir, location: Location) -> Self {
        let home = folder.path().join("state");
        std::fs::create_dir_all(&home).unwrap();
        let keys = KeyRing::load(KeySource::File(home.join("store.key"))).unwrap();
        let store = Store::open(&location, keys).await.unwrap();
        let sandbox = Sandbox::start();
        let stage = Self {
            folder,
            sandbox,
            store,
            location,
            limits: "pipeline_lease: 3s".to_owned(),
        };
        stage.connect("hubspot", "conn_hubspot", None).await;
        stage.connect("salesforce", "conn_salesforce", None).await;
        stage
    }

    /// A connection in the store; sources are in the configuration as well.
    pub(crate) async fn connect(&self, connector: &str, id: &str, settings: Option<&Value>) {
        let config = format!("ccfg_{}", id.trim_start_matches("conn_"));
        self.store
            .upsert_connector_config(&ConnectorConfigInput {
                id: &config,
                connector_name: connector,
                display_name: None,
                disabled: false,
                config: None,
                secrets: None,
                default_pipe_out: None,
                default_pipe_in: None,
            })
            .await
            .unwrap();
        let secret = settings.map(|settings| settings.to_string().into());
        self.store
            .insert_connection(&NewConnection {
                id,
                connector_config_id: &config,
                connector_name: connector,
                customer_id: None,
                integration_id: None,
                display_name: None,
                disabled: false,
                settings: None,
                metadata: None,
                status: None,
                credentials: secret.as_ref(),
            })
            .await
            .unwrap();
    }

    /// A destination that is a file.
    pub(crate) async fn sqlite(&self, id: &str) -> Place {
        let name = format!("{id}.db");
        self.connect("sqlite", id, Some(&json!({ "path": name })))
            .await;
        Place::Sqlite(self.folder.path().join("state/destinations").join(name))
    }

    /// A destination that is a database of its own; none where there is no server.
    pub(crate) async fn postgres(&self, id: &str) -> Option<Place> {
        let url = Postgres::shared()?.database();
        self.connect("postgres", id, Some(&json!({ "url": url })))
            .await;
        Some(Place::Postgres(url))
    }

    pub(crate) fn sidecar(&self) -> Sidecar {
        let mut text = format!(
            "listen: 127.0.0.1:0\napi_keys: [\"{KEY}\"]\ncursor_key: \"env:CANARY_CURSOR_KEY\"\ntls: {{ roots: bundled }}\nlog: {{ format: json, level: debug }}\n"
        );
        let state = self.folder.path().join("state");
        writeln!(text, "state_dir: {}", state.display()).unwrap();
        writeln!(
            text,
            "store_key: \"file:{}\"",
            state.join("store.key").display()
        )
        .unwrap();
        if let Location::Postgres(_) = &self.location {
            writeln!(text, "store: \"env:CANARY_STORE\"").unwrap();
        }
        writeln!(text, "limits: {{ {} }}", self.limits).unwrap();
        writeln!(
            text,
            "connections:\n  conn_hubspot: {{ provider: hubspot, base_url: \"http://{}\", access_token: \"{}\" }}\n  conn_salesforce: {{ provider: salesforce, instance_url: \"http://{}\", access_token: \"{}\" }}",
            self.sandbox.address("hubspot"),
            hubspot::PRIVATE_APP_TOKEN,
            self.sandbox.address("salesforce"),
            salesforce::ACCESS_TOKEN,
        )
        .unwrap();
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let file = self.folder.path().join(format!("config-{number}.yaml"));
        std::fs::write(&file, text).unwrap();
        let url = match &self.location {
            Location::Postgres(url) => {
                use secrecy::ExposeSecret as _;
                url.expose_secret().to_owned()
            }
            Location::Sqlite(_) => String::new(),
        };
        let process = Process::start(
            &["serve", "--config", file.to_str().unwrap()],
            self.folder.path(),
            &[
                ("CANARY_STORE", url.as_str()),
                ("CANARY_CURSOR_KEY", "a key for cursors in tests"),
            ],
        );
        let line = process.err.wait_for("\"listening\"");
        let line: Value = serde_json::from_str(&line).unwrap();
        let address = line["address"].as_str().unwrap().to_owned();
        Sidecar { process, address }
    }

    /// Runs SQL in the store's own database.
    pub(crate) async fn state_sql(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        let place = match &self.location {
            Location::Sqlite(path) => Place::Sqlite(path.clone()),
            Location::Postgres(url) => {
                use secrecy::ExposeSecret as _;
                Place::Postgres(url.expose_secret().to_owned())
            }
        };
        place.sql(sql).await
    }

    /// The names of the events so far, in their order.
    pub(crate) async fn events(&self) -> Vec<String> {
        let rows = self
            .state_sql("SELECT name FROM events WHERE name LIKE 'sync.%' ORDER BY seq")
            .await;
        rows.into_iter()
            .filter_map(|mut row| row.remove(0))
            .collect()
    }

    /// A native call to the provider, as somebody else makes it.
    pub(crate) fn native(
        &self,
        provider: &str,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Answer {
        let token = match provider {
            "hubspot" => hubspot::PRIVATE_APP_TOKEN,
            _ => salesforce::ACCESS_TOKEN,
        };
        exchange(
            self.sandbox.address(provider),
            method,
            target,
            &format!("authorization: Bearer {token}\r\n"),
            body,
        )
    }

    /// A contact of HubSpot's; its id.
    pub(crate) fn contact(&self, email: &str) -> String {
        let body = json!({ "properties": { "email": email, "firstname": "Ada" } });
        let made = self.native("hubspot", "POST", "/crm/v3/objects/contacts", Some(&body));
        assert_eq!(made.status, 201, "{}", made.text);
        made.body["id"].as_str().unwrap().to_owned()
    }
}

impl Sidecar {
    pub(crate) fn call(&self, method: &str, target: &str, body: Option<&Value>) -> Answer {
        let headers = format!("x-apikey: {KEY}\r\n");
        exchange(&self.address, method, target, &headers, body)
    }

    /// A call that must succeed, and whose answer the contract allows.
    pub(crate) fn good(
        &self,
        operation: &str,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Value {
        let answer = self.call(method, target, body);
        assert_eq!(answer.status, 200, "{method} {target}: {}", answer.text);
        judged(operation, &answer);
        answer.body
    }

    /// A call that must be refused, as the contract allows; the error's body.
    pub(crate) fn refused(
        &self,
        (operation, status): (&str, u16),
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Value {
        let answer = self.call(method, target, body);
        assert_eq!(answer.status, status, "{method} {target}: {}", answer.text);
        judged(operation, &answer);
        answer.body
    }

    pub(crate) fn create(&self, body: &Value) -> Value {
        self.good("core.pipeline.create", "POST", "/core/pipeline", Some(body))
    }

    pub(crate) fn get(&self, id: &str) -> Value {
        self.good(
            "core.pipeline.get",
            "GET",
            &format!("/core/pipeline/{id}"),
            None,
        )
    }

    pub(crate) fn update(&self, id: &str, body: &Value) -> Value {
        let target = format!("/core/pipeline/{id}");
        self.good("core.pipeline.update", "PATCH", &target, Some(body))
    }

    pub(crate) fn sync(&self, id: &str, body: &Value) -> Value {
        let target = format!("/core/pipeline/{id}/_sync");
        self.good("core.pipeline.sync", "POST", &target, Some(body))
    }

    /// A sync that completes.
    pub(crate) fn complete(&self, id: &str) -> Value {
        let ended = self.sync(id, &json!({}));
        assert_eq!(ended["state"], "completed", "{ended:#}");
        ended
    }

    /// Asks until the pipeline is as it should be.
    pub(crate) fn wait(&self, id: &str, is_there: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + LONG;
        loop {
            let pipeline = self.get(id);
            if is_there(&pipeline) {
                return pipeline;
            }
            assert!(
                Instant::now() < until,
                "{pipeline:#}\n{}",
                self.process.err.text()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn judged(operation: &str, answer: &Answer) {
    static CONTRACT: OnceLock<crosswalk_tests::Contract> = OnceLock::new();
    let contract = CONTRACT.get_or_init(crosswalk_tests::Contract::load);
    let faults = contract.faults(operation, answer.status, &answer.body);
    assert!(
        faults.is_empty(),
        "{operation}: {faults:#?} in {}",
        answer.text
    );
}

impl Place {
    /// Runs a query; each row as JSON texts, none for NULL.
    pub(crate) async fn sql(&self, sql: &str) -> Vec<Vec<Option<String>>> {
        match self {
            Self::Sqlite(path) => {
                let url = format!("sqlite:{}", path.display());
                let mut connection = SqliteConnection::connect(&url).await.unwrap();
                let rows = sqlx::query(AssertSqlSafe(sql))
                    .fetch_all(&mut connection)
                    .await
                    .unwrap();
                connection.close().await.unwrap();
                rows.iter()
                    .map(|row| (0..row.len()).map(|at| row.get(at)).collect())
                    .collect()
            }
            Self::Postgres(url) => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                let rows = sqlx::query(AssertSqlSafe(sql))
                    .fetch_all(&mut connection)
                    .await
                    .unwrap();
                connection.close().await.unwrap();
                rows.iter()
                    .map(|row| (0..row.len()).map(|at| row.get(at)).collect())
                    .collect()
            }
        }
    }

    /// The live rows of a table, by id, with one text column.
    pub(crate) async fn live(&self, table: &str, column: &str) -> BTreeMap<String, String> {
        let sql = format!("SELECT id, CAST({column} AS text) FROM {table} WHERE NOT _deleted");
        self.pairs(&sql).await
    }

    pub(crate) async fn deleted(&self, table: &str) -> Vec<String> {
        let sql = format!("SELECT id, 'x' FROM {table} WHERE _deleted ORDER BY id");
        self.pairs(&sql).await.into_keys().collect()
    }

    pub(crate) async fn count(&self, table: &str) -> u64 {
        let sql = format!("SELECT CAST(count(*) AS text) FROM {table}");
        self.sql(&sql).await[0][0].clone().unwrap().parse().unwrap()
    }

    async fn pairs(&self, sql: &str) -> BTreeMap<String, String> {
        self.sql(sql)
            .await
            .into_iter()
            .map(|row| {
                let mut row = row.into_iter().map(Option::unwrap_or_default);
                (row.next().unwrap(), row.next().unwrap())
            })
            .collect()
    }
}
