//! Failures that only the connection itself can be made to have.

use tempfile::TempDir;

use super::*;
use crate::destination::Row;

fn key() -> StreamKey {
    StreamKey {
        pipeline: "pipe_1".to_owned(),
        stream: "t".to_owned(),
        connection_id: "conn_1".to_owned(),
    }
}

async fn opened() -> (TempDir, Sqlite, Table) {
    let folder = tempfile::tempdir().unwrap();
    let sqlite = Sqlite::open(folder.path(), "a.db").await.unwrap();
    let table = Table::new("t", []).unwrap();
    sqlite.prepare(&table).await.unwrap();
    sqlite.claim(&key(), 1).await.unwrap();
    (folder, sqlite, table)
}

async fn apply(sqlite: &Sqlite, table: &Table, cursor: &str) -> Result<Applied, DestinationError> {
    let record = |n: usize| {
        format!(
            r#"{{"id":"{cursor} {n}","raw_data":"{}"}}"#,
            "x".repeat(1_000)
        )
    };
    let rows: Vec<Row> = (0..100)
        .map(|n| Row::from_record(&record(n)).unwrap())
        .collect();
    let page = Page {
        key: &key(),
        table,
        customer_id: "cust_1",
        fence: 1,
        rows: &rows,
        cursor: Some(cursor),
    };
    sqlite.apply(page).await
}

async fn pragma(sqlite: &Sqlite, pragma: &'static str) {
    sqlx::query(pragma).fetch_all(&sqlite.pool).await.unwrap();
}

/// What is in the database: the cursor and how many rows.
async fn found(sqlite: &Sqlite) -> (Option<String>, i64) {
    let state = sqlite.state(&key()).await.unwrap().unwrap();
    let count = sqlx::query_scalar("SELECT count(*) FROM t");
    (state.cursor, count.fetch_one(&sqlite.pool).await.unwrap())
}

#[tokio::test]
async fn a_full_disk_keeps_the_cursor_and_goes_on_later() {
    let (_folder, sqlite, table) = opened().await;
    apply(&sqlite, &table, "1").await.unwrap();
    pragma(&sqlite, "PRAGMA max_page_count = 45").await;
    let error = apply(&sqlite, &table, "2").await.unwrap_err();
    assert!(
        matches!(error, DestinationError::Full { .. }) && error.may_pass(),
        "{error:?}"
    );
    assert_eq!(found(&sqlite).await, (Some("1".to_owned()), 100));
    pragma(&sqlite, "PRAGMA max_page_count = 100000").await;
    apply(&sqlite, &table, "2").await.unwrap();
    assert_eq!(found(&sqlite).await, (Some("2".to_owned()), 200));
}

#[tokio::test]
async fn a_read_only_file_is_told() {
    let (_folder, sqlite, table) = opened().await;
    pragma(&sqlite, "PRAGMA query_only = on").await;
    let error = apply(&sqlite, &table, "1").await.unwrap_err();
    assert!(
        matches!(error, DestinationError::ReadOnly { .. }) && error.may_pass(),
        "{error:?}"
    );
    assert_eq!(found(&sqlite).await, (None, 0));
}

#[tokio::test]
async fn a_writer_that_does_not_end_is_told() {
    let (folder, sqlite, table) = opened().await;
    // Not as long as in life.
    pragma(&sqlite, "PRAGMA busy_timeout = 100").await;
    let other = Sqlite::open(folder.path(), "a.db").await.unwrap();
    let writing = other.begin().await.unwrap();
    let error = apply(&sqlite, &table, "1").await.unwrap_err();
    assert!(
        matches!(error, DestinationError::Busy { .. }) && error.may_pass(),
        "{error:?}"
    );
    drop(writing);
    apply(&sqlite, &table, "1").await.unwrap();
}

#[tokio::test]
async fn who_comes_while_another_one_leaves_gets_the_file() {
    for round in 0..60 {
        let folder = tempfile::tempdir().unwrap();
        let coming = (0..6).map(|_| {
            let folder = folder.path().to_owned();
            tokio::spawn(async move {
                let table = Table::new("t", []).unwrap();
                Sqlite::open(&folder, "a.db").await?.prepare(&table).await
            })
        });
        let mut created = 0;
        for came in coming.collect::<Vec<_>>() {
            let prepared = came.await.unwrap();
            created += usize::from(
                prepared
                    .unwrap_or_else(|error| panic!("round {round}: {error}"))
                    .created,
            );
        }
        assert_eq!(created, 1, "round {round}");
    }
}
