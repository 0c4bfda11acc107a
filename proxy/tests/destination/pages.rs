//! What a page becomes: rows with their values, the cursor with them, once however often it is applied.

use crosswalk::destination::{Kind, Problem, Row};
use serde_json::{Value, json};

use crate::stage::{Runner, Stage, accounts, row, table};

on_both!(
    every_kind_of_value_is_kept,
    rows_and_cursor_are_written_together,
    a_page_applied_twice_changes_nothing,
    the_last_of_an_id_in_a_page_counts,
    a_deletion_is_marked_and_keeps_what_it_does_not_tell,
    a_record_that_comes_back_is_no_longer_deleted,
    a_value_that_fits_no_column_becomes_null,
    what_databases_refuse_is_replaced,
    records_without_an_id_are_left_out,
    a_large_page_is_written,
    a_wide_table_is_written,
    an_empty_page_moves_the_cursor,
    columns_that_are_not_synced_are_left_alone,
);

async fn every_kind_of_value_is_kept(stage: Stage) {
    let table = accounts();
    let runner = Runner::of(&stage, &table).await;
    let record = r#"{"id":"a","name":"Größe \"1\"\n","employees":9223372036854775807,
        "amount":12345678901234567890.123456789012345678901,"is_deleted":false,
        "updated_at":"2024-01-31T10:00:00.123456+02:00","closed_on":"2024-02-29","addresses":[{"city":"Köln"},null],
        "raw_data":{"id":1,"properties":{"x":null}}}"#;
    let applied = runner
        .apply_rows(&[Row::from_record(record).unwrap()], "1")
        .await
        .unwrap();
    assert_eq!(
        (applied.written, applied.warnings.as_slice()),
        (1, [].as_slice())
    );
    let rows = stage.rows(&table).await;
    let mut found = row(&rows, "a").clone();
    let synced_at = found.as_object_mut().unwrap().remove("_synced_at").unwrap();
    assert!(
        synced_at
            .as_str()
            .unwrap()
            .parse::<jiff::Timestamp>()
            .is_ok(),
        "{synced_at}"
    );
    assert_eq!(
        found,
        json!({
            "name": "Größe \"1\"\n",
            "employees": "9223372036854775807",
            "amount": "12345678901234567890.123456789012345678901",
            "is_deleted": false,
            "updated_at": "2024-01-31T08:00:00.123456Z",
            "closed_on": "2024-02-29",
            "addresses": [{"city": "Köln"}, null],
            "raw_data": {"id": 1, "properties": {"x": null}},
            "_customer_id": "cust_1",
            "_deleted": false,
            "_deleted_at": null,
            "_generation": "0",
        })
    );
}

async fn rows_and_cursor_are_written_together(stage: Stage) {
    let table = accounts();
    let runner = Runner::of(&stage, &table).await;
    let applied = runner
        .apply(&[json!({"id": "a"}), json!({"id": "b"})], "after b")
        .await
        .unwrap();
    assert_eq!(applied.state.cursor.as_deref(), Some("after b"));
    assert_eq!((applied.state.records, applied.state.pages), (2, 1));
    assert_eq!(runner.cursor().await.as_deref(), Some("after b"));
    // A failure behind the rows: neither is there.
    let spoil = if stage.is_postgres() {
        "ALTER TABLE crm_account ADD CHECK (name <> 'bad')"
    } else {
        "CREATE TRIGGER spoil BEFORE INSERT ON crm_account WHEN NEW.name = 'bad' BEGIN SELECT RAISE(ABORT, 'bad'); END"
    };
    stage.sql(spoil).await;
    let mut records: Vec<Value> = (0..100).map(|n| json!({"id": format!("c{n}")})).collect();
    records.push(json!({"id": "z", "name": "bad"}));
    let refused = runner.apply(&records, "after z").await.unwrap_err();
    assert!(!refused.may_pass(), "{refused}");
    assert_eq!(runner.cursor().await.as_deref(), Some("after b"));
    assert_eq!(stage.rows(&table).await.len(), 2);
}

async fn a_page_applied_twice_changes_nothing(stage: Stage) {
    let table = accounts();
    let runner = Runner::of(&stage, &table).await;
    let page = [
        json!({"id": "a", "name": "A", "amount": 12.5, "employees": 3, "updated_at": "2024-01-01T00:00:00Z",
               "addresses": [1], "raw_data": {"b": 1, "a": 2}}),
        json!({"id": "b", "is_deleted": true}),
    ];
    assert_eq!(runner.apply(&page, "1").await.unwrap().written, 2);
    let before = stage.rows(&table).await;
    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    assert_eq!(runner.apply(&page, "2").await.unwrap().written, 0);
    assert_eq!(stage.rows(&table).await, before);
    assert_eq!(runner.cursor().await.as_deref(), Some("2"));
    // And a change is one.
    let changed = [json!({"id": "a", "name": "B"})];
    assert_eq!(runner.apply(&changed, "3").await.unwrap().written, 1);
    let after = stage.rows(&table).await;
    assert_ne!(
        row(&after, "a")["_synced_at"],
        row(&before, "a")["_synced_at"]
    );
    assert_eq!(row(&after, "a")["amount"], Value::Null);
}

async fn the_last_of_an_id_in_a_page_counts(stage: Stage) {
    let table = accounts();
    let runner = Runner::of(&stage, &table).await;
    let page = [
        json!({"id": "a", "name": "first"}),
        json!({"id": "b", "name": "other"}),
        json!({"id": "a", "name": "last"}),
    ];
    assert_eq!(runner.apply(&page, "1").await.unwrap().written, 2);
    assert_eq!(row(&stage.rows(&table).await, "a")["name"], "last");
}

async fn a_deletion_is_marked_and_keeps_what_it_does_not_tell(stage: Stage) {
    let table = accounts();
    let runner = Runner::of(&stage, &table).await;
    let live = json!({"id": "a", "name": "A", "employees": 1, "raw_data": {"x": 1}});
    runner.apply(&[live], "1").await.unwrap();
    let gone = json!({"id": "a", "name": null, "employees": 2, "is_deleted": true});
    runner.apply(&[gone], "2").await.unwrap();
    let rows = stage.rows(&table).await;
    let found = row(&rows, "a");
    assert_eq!(
        (
            &found["name"],
            &found["employees"],
            &found["_deleted"],
            &found["is_deleted"],
            &found["raw_data"]
        ),
        (
            &json!("A"),
            &json!("2"),
            &json!(true),
            &json!(true),
            &json!({"x": 1})
        )
    );
    let since = found["_deleted_at"].clone();
    assert!(since.is_string());
    runner
        .apply(
            &[json!({"id": "a", "employees": 3, "is_deleted": true})],
            "3",
        )
        .await
        .unwrap();
    assert_eq!(
        row(&stage.rows(&table).await, "a")["_deleted_at"],
        since,
        "the first time counts"
    );
}

async fn a_record_that_comes_back_is_no_longer_deleted(stage: Stage) {
    let table = accounts();
    let runner = Runner::of(&stage, &table).await;
    runner
        .apply(&[json!({"id": "a", "is_deleted": true})], "1")
        .await
        .unwrap();
    runner
        .apply(&[json!({"id": "a", "is_deleted": false})], "2")
        .await
        .unwrap();
    let rows = stage.rows(&table).await;
    assert_eq!(
        (
            &row(&rows, "a")["_deleted"],
            &row(&rows, "a")["_deleted_at"]
        ),
        (&json!(false), &Value::Null)
    );
}

async fn a_value_that_fits_no_column_becomes_null(stage: Stage) {
    let table = accounts();
    let runner = Runner::of(&stage, &table).await;
    let records = [
        r#"{"id":"a","name":"A","employees":9223372036854775808,"amount":1e400000,"updated_at":"300000-01-01T00:00:00Z"}"#,
        r#"{"id":"b","name":"B","employees":"many","closed_on":"2024-02-30","updated_at":5,"amount":"NaN"}"#,
    ];
    let rows: Vec<Row> = records
        .iter()
        .map(|text| Row::from_record(text).unwrap())
        .collect();
    let applied = runner.apply_rows(&rows, "1").await.unwrap();
    let told: Vec<(&str, Problem, u64)> = applied
        .warnings
        .iter()
        .map(|warning| (warning.column.as_str(), warning.problem, warning.records))
        .collect();
    assert_eq!(
        told,
        [
            ("", Problem::Replaced, 1),
            ("amount", Problem::OtherKind, 1),
            ("amount", Problem::OutOfRange, 1),
            ("closed_on", Problem::OtherKind, 1),
            ("employees", Problem::OtherKind, 1),
            ("employees", Problem::OutOfRange, 1),
            ("updated_at", Problem::OtherKind, 1),
            ("updated_at", Problem::OutOfRange, 1),
        ]
    );
    let rows = stage.rows(&table).await;
    assert_eq!(
        (&row(&rows, "a")["name"], &row(&rows, "a")["employees"]),
        (&json!("A"), &Value::Null)
    );
    assert_eq!(
        (&row(&rows, "b")["name"], &row(&rows, "b")["closed_on"]),
        (&json!("B"), &Value::Null)
    );
}

async fn what_databases_refuse_is_replaced(stage: Stage) {
    let table = accounts();
    let runner = Runner::of(&stage, &table).await;
    let record = r#"{"id":"a","name":"x\u0000y\ud800","addresses":{"\u0000":"\udc00"},"raw_data":{"n":1e400000,"s":"\u0000\ud83d"}}"#;
    let deep = format!(
        r#"{{"id":"b","name":"deep","raw_data":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let rows = [
        Row::from_record(record).unwrap(),
        Row::from_record(&deep).unwrap(),
    ];
    let applied = runner.apply_rows(&rows, "1").await.unwrap();
    let told: Vec<(&str, Problem)> = applied
        .warnings
        .iter()
        .map(|warning| (warning.column.as_str(), warning.problem))
        .collect();
    assert_eq!(
        told,
        [("", Problem::Replaced), ("raw_data", Problem::TooDeep)]
    );
    let rows = stage.rows(&table).await;
    let found = row(&rows, "a");
    assert_eq!(found["name"], "x\u{fffd}y\u{fffd}");
    assert_eq!(found["addresses"], json!({"\u{fffd}": "\u{fffd}"}));
    assert_eq!(
        found["raw_data"],
        json!({"n": "1e400000", "s": "\u{fffd}\u{fffd}"})
    );
    assert_eq!(
        (&row(&rows, "b")["name"], &row(&rows, "b")["raw_data"]),
        (&json!("deep"), &Value::Null)
    );
}

async fn records_without_an_id_are_left_out(stage: Stage) {
    let table = accounts();
    let runner = Runner::of(&stage, &table).await;
    let long = "x".repeat(1_001);
    let page = [
        json!({"name": "A"}),
        json!({"id": null}),
        json!({"id": ""}),
        json!({"id": long}),
        json!({"id": 7}),
    ];
    let applied = runner.apply(&page, "1").await.unwrap();
    assert_eq!((applied.written, applied.skipped), (1, 4));
    assert_eq!(applied.warnings[0].problem, Problem::NoId);
    let ids: Vec<String> = stage
        .rows(&table)
        .await
        .into_keys()
        .map(|(_, id)| id)
        .collect();
    assert_eq!(ids, ["7"]);
    // The longest id still fits into the index.
    let long = "ä".repeat(500);
    assert_eq!(
        runner
            .apply(&[json!({"id": long})], "2")
            .await
            .unwrap()
            .written,
        1
    );
}

async fn a_large_page_is_written(stage: Stage) {
    let table = accounts();
    let runner = Runner::of(&stage, &table).await;
    let text = "x".repeat(10_000);
    let page: Vec<Value> = (0..5_000)
        .map(|n| json!({"id": n.to_string(), "name": format!("n{n}"), "raw_data": text}))
        .collect();
    let applied = runner.apply(&page, "1").await.unwrap();
    assert_eq!((applied.written, applied.state.records), (5_000, 5_000));
    let count = "SELECT CAST(count(DISTINCT name) AS text) FROM crm_account";
    assert_eq!(stage.value(count).await, "5000");
}

async fn a_wide_table_is_written(stage: Stage) {
    let names: Vec<String> = (0..300).map(|n| format!("c{n}")).collect();
    let columns: Vec<(&str, Kind)> = names
        .iter()
        .map(|name| (name.as_str(), Kind::Text))
        .collect();
    let table = table(&columns);
    let runner = Runner::of(&stage, &table).await;
    let page: Vec<Value> = (0..200)
        .map(|n| json!({"id": n.to_string(), "c0": "first", "c299": format!("last {n}")}))
        .collect();
    assert_eq!(runner.apply(&page, "1").await.unwrap().written, 200);
    assert_eq!(runner.apply(&page, "2").await.unwrap().written, 0);
    assert_eq!(
        stage
            .value("SELECT c299 FROM crm_account WHERE id = '77'")
            .await,
        "last 77"
    );
}

async fn an_empty_page_moves_the_cursor(stage: Stage) {
    let runner = Runner::of(&stage, &accounts()).await;
    runner.apply(&[], "moved").await.unwrap();
    assert_eq!(runner.cursor().await.as_deref(), Some("moved"));
}

async fn columns_that_are_not_synced_are_left_alone(stage: Stage) {
    let mut runner = Runner::of(&stage, &accounts()).await;
    runner
        .apply(&[json!({"id": "a", "name": "A", "employees": 1})], "1")
        .await
        .unwrap();
    stage
        .sql("ALTER TABLE crm_account ADD COLUMN note text")
        .await;
    stage.sql("UPDATE crm_account SET note = 'ours'").await;
    runner.table = table(&[("name", Kind::Text)]);
    assert!(
        runner
            .destination
            .prepare(&runner.table)
            .await
            .unwrap()
            .added
            .is_empty()
    );
    runner
        .apply(&[json!({"id": "a", "name": "B", "employees": 2})], "2")
        .await
        .unwrap();
    let found = stage
        .value("SELECT name || employees || note FROM crm_account")
        .await;
    assert_eq!(found, "B1ours");
}
