//! Tables are made, grow with the model, and are never taken for ours when they are not.

use crosswalk::destination::{Destination, DestinationError, Kind, Prepared, Settings, Table};
use crosswalk_tests::Postgres;
use serde_json::json;

use crate::stage::{Runner, Stage, accounts, named_table, row, table};

on_both!(
    a_table_is_made_and_grows,
    a_users_own_column_is_no_matter,
    what_is_no_table_is_in_the_way,
    a_table_of_someone_elses_is_in_the_way,
    a_column_of_another_type_is_in_the_way,
    a_column_that_needs_a_value_is_in_the_way,
    a_table_without_its_key_is_in_the_way,
    a_foreign_table_of_cursors_is_in_the_way,
    a_table_that_is_gone_is_told,
    runners_that_start_together_agree,
    names_are_quoted,
);

/// Why a table cannot be prepared.
async fn refusal(stage: &Stage, table: &Table) -> String {
    let destination = stage.open().await;
    let error = destination.prepare(table).await.unwrap_err();
    assert!(
        matches!(error, DestinationError::TableInTheWay { .. }),
        "{error:?}"
    );
    assert!(!error.may_pass());
    error.to_string()
}

async fn a_table_is_made_and_grows(stage: Stage) {
    let small = table(&[("name", Kind::Text)]);
    let runner = Runner::of(&stage, &small).await;
    runner
        .apply(&[json!({"id": "a", "name": "A"})], "1")
        .await
        .unwrap();
    let same = runner.destination.prepare(&small).await.unwrap();
    assert_eq!(same, Prepared::default());
    let grown = runner.destination.prepare(&accounts()).await.unwrap();
    let added = [
        "employees",
        "amount",
        "is_deleted",
        "updated_at",
        "closed_on",
        "addresses",
    ];
    assert_eq!(
        (grown.created, grown.added),
        (false, added.map(str::to_owned).to_vec())
    );
    // The same connection writes by the new columns at once.
    let runner = Runner {
        table: accounts(),
        ..runner
    };
    runner
        .apply(&[json!({"id": "a", "name": "A", "employees": 3})], "2")
        .await
        .unwrap();
    assert_eq!(row(&stage.rows(&accounts()).await, "a")["employees"], "3");
    // A smaller model removes nothing.
    assert_eq!(
        runner.destination.prepare(&small).await.unwrap(),
        Prepared::default()
    );
    assert_eq!(row(&stage.rows(&accounts()).await, "a")["employees"], "3");
}

async fn a_users_own_column_is_no_matter(stage: Stage) {
    let runner = Runner::of(&stage, &accounts()).await;
    stage
        .sql("ALTER TABLE crm_account ADD COLUMN mine text NOT NULL DEFAULT 'x'")
        .await;
    assert_eq!(
        runner.destination.prepare(&accounts()).await.unwrap(),
        Prepared::default()
    );
    runner.apply(&[json!({"id": "a"})], "1").await.unwrap();
}

async fn what_is_no_table_is_in_the_way(stage: Stage) {
    stage.sql("CREATE VIEW crm_account AS SELECT 1 AS id").await;
    let told = refusal(&stage, &accounts()).await;
    assert_eq!(
        told,
        "`crm_account` is in the way: it is a view, and no table; rename or drop it, or choose another schema or database"
    );
}

async fn a_table_of_someone_elses_is_in_the_way(stage: Stage) {
    stage
        .sql("CREATE TABLE crm_account (id text PRIMARY KEY, name text)")
        .await;
    stage
        .sql("INSERT INTO crm_account VALUES ('1', 'theirs')")
        .await;
    let told = refusal(&stage, &accounts()).await;
    assert!(
        told.contains("no column `raw_data`, so it was not made by crosswalk"),
        "{told}"
    );
    assert_eq!(stage.value("SELECT name FROM crm_account").await, "theirs");
}

async fn a_column_of_another_type_is_in_the_way(stage: Stage) {
    stage
        .open()
        .await
        .prepare(&table(&[("employees", Kind::Text)]))
        .await
        .unwrap();
    let told = refusal(&stage, &accounts()).await;
    assert!(
        told.contains("`employees` is of type `text`, expected type `bigint`"),
        "{told}"
    );
}

async fn a_column_that_needs_a_value_is_in_the_way(stage: Stage) {
    stage.open().await.prepare(&table(&[])).await.unwrap();
    if stage.is_postgres() {
        stage
            .sql("ALTER TABLE crm_account ADD COLUMN extra text NOT NULL")
            .await;
    } else {
        // SQLite adds no such column to a table; one that was made with it is as good.
        let made = stage
            .value("SELECT sql FROM sqlite_schema WHERE name = 'crm_account'")
            .await;
        stage.sql("DROP TABLE crm_account").await;
        stage
            .sql(&made.replacen('(', "(extra text NOT NULL, ", 1))
            .await;
    }
    let told = refusal(&stage, &accounts()).await;
    assert!(told.contains("`extra` must have a value"), "{told}");
}

async fn a_table_without_its_key_is_in_the_way(stage: Stage) {
    stage.open().await.prepare(&table(&[])).await.unwrap();
    if stage.is_postgres() {
        stage
            .sql("ALTER TABLE crm_account DROP CONSTRAINT crm_account_pkey")
            .await;
        stage
            .sql("CREATE UNIQUE INDEX partial ON crm_account (_connection_id, id) WHERE NOT _deleted")
            .await;
    } else {
        stage.sql("ALTER TABLE crm_account RENAME TO old").await;
        stage
            .sql("CREATE TABLE crm_account AS SELECT * FROM old")
            .await;
        let made = stage
            .value("SELECT sql FROM sqlite_schema WHERE name = 'old'")
            .await;
        stage.sql("DROP TABLE crm_account").await;
        let (columns, _) = made.split_once(", PRIMARY KEY").unwrap();
        stage
            .sql(&format!("{})", columns.replace("\"old\"", "crm_account")))
            .await;
    }
    let told = refusal(&stage, &accounts()).await;
    assert!(
        told.contains("no primary key of the columns _connection_id and id"),
        "{told}"
    );
}

async fn a_foreign_table_of_cursors_is_in_the_way(stage: Stage) {
    stage
        .sql("CREATE TABLE _crosswalk_streams (pipeline text)")
        .await;
    let error = Destination::open(&stage.settings).await.unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("`_crosswalk_streams` is in the way"),
        "{error}"
    );
}

async fn a_table_that_is_gone_is_told(stage: Stage) {
    let runner = Runner::of(&stage, &accounts()).await;
    runner.apply(&[json!({"id": "a"})], "1").await.unwrap();
    stage.sql("DROP TABLE crm_account").await;
    let error = runner.apply(&[json!({"id": "b"})], "2").await.unwrap_err();
    assert!(
        matches!(&error, DestinationError::TableInTheWay { table, .. } if table == "crm_account"),
        "{error:?}"
    );
    assert_eq!(runner.cursor().await.as_deref(), Some("1"));
    // Preparing again makes it, and the walk starts over.
    assert!(
        runner
            .destination
            .prepare(&accounts())
            .await
            .unwrap()
            .created
    );
    runner.apply(&[json!({"id": "b"})], "2").await.unwrap();
}

async fn runners_that_start_together_agree(stage: Stage) {
    let starts = (0..6).map(|_| {
        let settings = stage.settings.clone();
        tokio::spawn(async move {
            let destination = Destination::open(&settings).await?;
            destination.prepare(&accounts()).await
        })
    });
    let mut created = 0;
    for start in starts.collect::<Vec<_>>() {
        created += usize::from(start.await.unwrap().unwrap().created);
    }
    assert_eq!(created, 1);
}

async fn names_are_quoted(stage: Stage) {
    // Words of SQL's own.
    let table = named_table(
        "select",
        &[
            ("order", Kind::Text),
            ("group", Kind::Integer),
            ("user", Kind::Json),
            ("excluded", Kind::Text),
            ("t", Kind::Text),
        ],
    );
    let runner = Runner::of(&stage, &table).await;
    for name in ["x", "y"] {
        let record =
            json!({"id": "a", "order": name, "group": 1, "user": {}, "excluded": name, "t": name});
        assert_eq!(runner.apply(&[record], name).await.unwrap().written, 1);
    }
    let rows = stage.rows(&table).await;
    assert_eq!(
        (&row(&rows, "a")["order"], &row(&rows, "a")["t"]),
        (&json!("y"), &json!("y"))
    );
}

#[tokio::test]
async fn a_schema_is_made_and_used() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let url = server.database();
    let settings = |schema: &str| Settings::Postgres {
        url: url.clone().into(),
        schema: Some(schema.to_owned()),
    };
    let destination = Destination::open(&settings("Sales")).await.unwrap();
    destination.prepare(&accounts()).await.unwrap();
    let found = server.psql(&url, "SELECT count(*) FROM \"Sales\".crm_account");
    assert_eq!(found, "0");
    // A table of the name in another schema is none of ours.
    server.psql(&url, "CREATE TABLE public.crm_account (x int)");
    assert_eq!(
        destination.prepare(&accounts()).await.unwrap(),
        Prepared::default()
    );
    let refused = Destination::open(&settings("pg_x")).await.unwrap_err();
    assert!(
        matches!(refused, DestinationError::Settings { .. }),
        "{refused:?}"
    );
}

#[tokio::test]
async fn a_schema_that_is_there_needs_no_right_to_make_one() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let url = server.database();
    let role = format!("writer_{}", server.port());
    server.psql(&url, &format!("DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'w'; CREATE SCHEMA crm AUTHORIZATION {role}"));
    let (_, rest) = url.split_once('@').unwrap();
    let settings = |schema: Option<&str>| Settings::Postgres {
        url: format!("postgres://{role}:w@{rest}").into(),
        schema: schema.map(str::to_owned),
    };
    let destination = Destination::open(&settings(Some("crm"))).await.unwrap();
    assert!(destination.prepare(&accounts()).await.unwrap().created);
    for schema in [None, Some("other")] {
        let error = Destination::open(&settings(schema)).await.unwrap_err();
        assert!(
            matches!(error, DestinationError::Permission { .. }),
            "{error:?}"
        );
    }
}
