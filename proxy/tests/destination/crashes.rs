//! Processes that are killed in the middle of writing: the runner's, and the database server's.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use crosswalk::destination::{Destination, Settings};
use crosswalk_tests::Postgres;
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use crate::stage::{Runner, Stage, accounts, key};

on_both!(a_runner_that_is_killed_leaves_whole_pages);

/// How the child is told where to write.
const WHERE: &str = "CROSSWALK_TEST_DESTINATION";
const ROWS: usize = 40;

/// Page `n` of an endless source: it sets all rows to `n` and has one more, `n`, of its own.
fn page(n: u64) -> Vec<Value> {
    let mut page: Vec<Value> = (0..ROWS)
        .map(|row| json!({"id": format!("row {row}"), "name": n.to_string()}))
        .collect();
    page.push(json!({"id": format!("page {n:06}"), "name": n.to_string()}));
    page
}

/// All of the pages up to the cursor, and nothing of the next; the cursor.
async fn check(stage: &Stage) -> u64 {
    let destination = stage.open().await;
    let reached = destination.state(&key()).await.unwrap();
    let cursor = reached
        .and_then(|state| state.cursor)
        .map_or(0, |cursor| cursor.parse().unwrap());
    destination.close().await;
    let rows = stage.rows(&accounts()).await;
    let mut pages = 0;
    for ((_, id), row) in &rows {
        let name = row["name"].as_str().unwrap();
        if let Some(page) = id.strip_prefix("page ") {
            assert_eq!(page.parse::<u64>().unwrap().to_string(), name);
            pages += 1;
        } else {
            assert_eq!(name, cursor.to_string(), "{id}");
        }
    }
    assert_eq!(pages, cursor, "none is lost, none is there in part");
    cursor
}

async fn a_runner_that_is_killed_leaves_whole_pages(stage: Stage) {
    let place = match &stage.settings {
        Settings::Postgres { url, .. } => url.expose_secret().to_owned(),
        Settings::Sqlite { folder, .. } => folder.display().to_string(),
    };
    stage.open().await.prepare(&accounts()).await.unwrap();
    let mut last = 0;
    for round in 0..15 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "crashes::endless_runner"])
            .env(WHERE, &place)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Killed at some moment after it has begun to write.
        let mut waited = 0;
        let written = i64::try_from(last).unwrap();
        let watching = stage.open().await;
        loop {
            tokio::time::sleep(Duration::from_millis(5)).await;
            let reached = watching.state(&key()).await.unwrap();
            if reached.is_some_and(|state| state.fence == round + 1 && state.pages > written) {
                break;
            }
            waited += 1;
            assert!(
                waited < 4_000 && child.try_wait().unwrap().is_none(),
                "the runner writes"
            );
        }
        watching.close().await;
        tokio::time::sleep(Duration::from_micros(rand::random_range(0..60_000))).await;
        child.kill().unwrap();
        child.wait().unwrap();
        let cursor = check(&stage).await;
        assert!(cursor >= last, "what was committed stays");
        last = cursor;
    }
    assert!(last >= 15, "{last}");
}

/// No test: the process that is killed.
#[tokio::test]
#[ignore = "started by a test, which kills it"]
async fn endless_runner() {
    let Ok(place) = std::env::var(WHERE) else {
        return;
    };
    let settings = if place.starts_with("postgres:") {
        Settings::Postgres {
            url: place.into(),
            schema: None,
        }
    } else {
        Settings::Sqlite {
            folder: place.into(),
            path: "crm.db".to_owned(),
        }
    };
    let destination = Destination::open(&settings).await.unwrap();
    let before = destination.state(&key()).await.unwrap();
    let fence = before.map_or(0, |state| state.fence) + 1;
    let state = destination.claim(&key(), fence).await.unwrap();
    let runner = Runner {
        destination,
        key: key(),
        table: accounts(),
        fence,
    };
    let done: u64 = state.cursor.map_or(0, |cursor| cursor.parse().unwrap());
    for n in done + 1.. {
        runner.apply(&page(n), &n.to_string()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_crashes_leaves_whole_pages() {
    // Its own: the shared one serves other tests.
    let Some(server) = Postgres::start() else {
        return;
    };
    let stage = Stage::of_postgres(server.database());
    let runner = Runner::of(&stage, &accounts()).await;
    let mut next = 1;
    for _ in 0..5 {
        let begun = tokio::sync::Notify::new();
        let failing = async {
            for n in next.. {
                if let Err(error) = runner.apply(&page(n), &n.to_string()).await {
                    return error;
                }
                begun.notify_one();
            }
            unreachable!()
        };
        let crashing = async {
            begun.notified().await;
            tokio::time::sleep(Duration::from_micros(rand::random_range(0..100_000))).await;
            tokio::task::block_in_place(|| server.crash());
        };
        let (error, ()) = tokio::join!(failing, crashing);
        assert!(error.may_pass(), "{error:?}");
        let error = runner.destination.claim(&key(), 1).await.unwrap_err();
        assert!(error.may_pass(), "{error:?}");
        tokio::task::block_in_place(|| server.resume());
        let cursor = check(&stage).await;
        // The same runner, which kept its connections, goes on.
        let reached = runner.destination.claim(&key(), 1).await.unwrap();
        assert_eq!(
            reached.cursor.map_or(0, |cursor| cursor.parse().unwrap()),
            cursor
        );
        assert!(cursor + 1 >= next, "what was committed stays");
        next = cursor + 1;
    }
    assert!(next > 5, "{next}");
}
