//! How many rows a second are written. Nothing is asserted: the figures depend on the machine.
//!
//! `cargo test --release -p crosswalk --test destination -- --ignored --nocapture rates::`

use std::time::{Duration, Instant};

use crosswalk::destination::{Kind, Row};
use serde_json::json;

use crate::stage::{Runner, Stage, table};

const TIME: Duration = Duration::from_secs(3);

#[tokio::test]
#[ignore = "a measurement"]
async fn rows_a_second() {
    for size in [100, 200] {
        if let Some(stage) = Stage::postgres() {
            measure("PostgreSQL", &stage, size).await;
        }
        measure("SQLite", &Stage::sqlite(), size).await;
    }
}

/// Contacts of about a kilobyte of native JSON, twenty columns: first all new, then all changed, then all the same.
async fn measure(database: &str, stage: &Stage, size: usize) {
    let names: Vec<String> = (0..14).map(|n| format!("text_{n}")).collect();
    let mut columns: Vec<(&str, Kind)> = names
        .iter()
        .map(|name| (name.as_str(), Kind::Text))
        .collect();
    columns.extend([
        ("employees", Kind::Integer),
        ("amount", Kind::Number),
        ("is_deleted", Kind::Boolean),
        ("created_at", Kind::Timestamp),
        ("updated_at", Kind::Timestamp),
        ("addresses", Kind::Json),
    ]);
    let table = table(&columns);
    let runner = Runner::of(stage, &table).await;
    let record = |n: usize, version: &str| {
        let mut record = json!({"id": format!("{n:012}"), "employees": n, "amount": 12.5, "is_deleted": false,
            "created_at": "2024-01-31T10:00:00Z", "updated_at": "2024-01-31T10:00:00Z",
            "addresses": [{"city": "Berlin", "street": "Torstr. 1"}], "raw_data": {"properties": "x".repeat(900)}});
        for name in &names {
            record[name] = json!(format!("{version} {name} {n}"));
        }
        Row::from_record(&record.to_string()).unwrap()
    };
    let mut pages = 0;
    for version in ["new", "changed", "same"] {
        let began = Instant::now();
        let mut spent = Duration::ZERO;
        let mut done = 0;
        while began.elapsed() < TIME && (version == "new" || done < pages) {
            let text = if version == "new" { "new" } else { "changed" };
            let rows: Vec<Row> = (done * size..(done + 1) * size)
                .map(|n| record(n, text))
                .collect();
            let page = Instant::now();
            runner.apply_rows(&rows, "x").await.unwrap();
            spent += page.elapsed();
            done += 1;
        }
        if version != "same" {
            pages = done;
        }
        #[allow(clippy::cast_precision_loss, reason = "a figure to look at")]
        let rate = (done * size) as f64 / spent.as_secs_f64();
        println!("{database:<10} pages of {size}, {version:<7}: {rate:>8.0} rows/s");
    }
}
