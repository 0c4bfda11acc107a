//! What goes wrong is told in words, without a secret, and leaves the cursor where it was.

use std::time::{Duration, Instant};

use crosswalk::destination::{Destination, DestinationError, Settings};
use crosswalk_tests::{POSTGRES_PASSWORD, Postgres};
use serde_json::json;
use tokio::net::TcpListener;

use crate::stage::{Runner, Stage, accounts};

on_both!(
    an_older_fence_is_refused,
    a_runner_that_was_taken_over_writes_nothing,
    a_destination_shows_nothing_in_debug,
);

async fn an_older_fence_is_refused(stage: Stage) {
    let runner = Runner::of(&stage, &accounts()).await;
    let key = &runner.key;
    let claimed = runner.destination.claim(key, 5).await.unwrap();
    assert_eq!(claimed.fence, 5);
    assert_eq!(
        runner.destination.claim(key, 5).await.unwrap().fence,
        5,
        "its own again"
    );
    for refused in [
        runner.destination.claim(key, 4).await.map(|_| ()),
        runner.apply(&[json!({"id": "a"})], "1").await.map(|_| ()),
        runner
            .destination
            .begin_walk(key, &accounts(), 4, None)
            .await
            .map(|_| ()),
        runner
            .destination
            .finish_walk(crosswalk::destination::WalkEnd {
                key,
                table: &accounts(),
                fence: 4,
                cursor: None,
            })
            .await
            .map(|_| ()),
    ] {
        assert_eq!(refused, Err(DestinationError::Fenced));
    }
    assert_eq!(
        (runner.cursor().await, stage.rows(&accounts()).await.len()),
        (None, 0)
    );
}

/// Two runners write as fast as they can; the second takes over in the middle. From then on the first writes nothing.
async fn a_runner_that_was_taken_over_writes_nothing(stage: Stage) {
    let first = Runner::of(&stage, &accounts()).await;
    let mut second = Runner {
        destination: stage.open().await,
        key: first.key.clone(),
        table: accounts(),
        fence: 2,
    };
    let writing = tokio::spawn(async move {
        for n in 0.. {
            let record = json!({"id": "a", "name": format!("first {n}")});
            match first.apply(&[record], &n.to_string()).await {
                Ok(_) => {}
                Err(error) => return (n, error),
            }
        }
        unreachable!()
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let taken = second.destination.claim(&second.key, 2).await.unwrap();
    second.fence = taken.fence;
    second
        .apply(&[json!({"id": "a", "name": "second"})], "of second")
        .await
        .unwrap();
    let (written, error) = writing.await.unwrap();
    assert_eq!(error, DestinationError::Fenced);
    assert_eq!(
        taken.pages, written,
        "the cursor that was taken over is the first's last"
    );
    assert_eq!(
        taken.cursor,
        (written > 0).then(|| (written - 1).to_string())
    );
    assert_eq!(second.cursor().await.as_deref(), Some("of second"));
    assert_eq!(stage.value("SELECT name FROM crm_account").await, "second");
}

async fn a_destination_shows_nothing_in_debug(stage: Stage) {
    let destination = stage.open().await;
    let shown = format!("{destination:?} {:?}", stage.settings);
    assert!(!shown.contains(POSTGRES_PASSWORD), "{shown}");
    destination.close().await;
    let error = destination
        .claim(&crate::stage::key(), 1)
        .await
        .unwrap_err();
    assert!(
        matches!(error, DestinationError::Unreachable { .. }),
        "{error:?}"
    );
}

/// The error of opening this URL; never with a password in it.
async fn refusal(url: &str) -> DestinationError {
    let settings = Settings::Postgres {
        url: url.into(),
        schema: None,
    };
    let error = Destination::open(&settings).await.unwrap_err();
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(
            !shown.contains("canary") && !shown.contains(POSTGRES_PASSWORD),
            "{shown}"
        );
    }
    error
}

#[tokio::test]
async fn a_wrong_password_is_told_as_such() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let url = server.database().replace(POSTGRES_PASSWORD, "canary-wrong");
    let error = refusal(&url).await;
    assert!(
        matches!(error, DestinationError::Authentication { .. }),
        "{error:?}"
    );
    assert!(!error.may_pass());
}

#[tokio::test]
async fn a_database_that_is_not_there_is_told_as_such() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let error = refusal(&server.url("nowhere")).await;
    assert!(
        matches!(&error, DestinationError::Settings { reason } if reason == "database \"nowhere\" does not exist"),
        "{error:?}"
    );
}

#[tokio::test]
async fn nobody_at_the_port_is_told_at_once() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let began = Instant::now();
    let error = refusal(&format!("postgres://ann:canary@127.0.0.1:{port}/db")).await;
    assert!(
        matches!(error, DestinationError::Unreachable { .. }) && error.may_pass(),
        "{error:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn who_never_answers_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let began = Instant::now();
    let error = refusal(&format!(
        "postgres://ann:canary@127.0.0.1:{port}/db?connect_timeout=1"
    ))
    .await;
    assert!(
        matches!(error, DestinationError::Unreachable { .. }) && error.may_pass(),
        "{error:?}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
    drop(listener);
}

#[tokio::test]
async fn what_speaks_another_protocol_is_no_database() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        use tokio::io::AsyncWriteExt as _;
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let error = refusal(&format!(
        "postgres://ann:canary@127.0.0.1:{port}/db?sslmode=disable&connect_timeout=2"
    ))
    .await;
    assert!(
        matches!(error, DestinationError::Unreachable { .. }),
        "{error:?}"
    );
    serving.abort();
}

#[tokio::test]
async fn tls_that_is_asked_for_and_not_there_is_told() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let error = refusal(&format!("{}?sslmode=require", server.database())).await;
    assert!(
        matches!(&error, DestinationError::Unreachable { reason } if reason.contains("secure")),
        "{error:?}"
    );
}

/// Covers: place-not-writable
#[tokio::test]
async fn a_read_only_database_is_told() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let url = server.database();
    let runner = Runner::of(&Stage::of_postgres(url.clone()), &accounts()).await;
    let name = url.rsplit('/').next().unwrap();
    server.psql(
        &url,
        &format!("ALTER DATABASE {name} SET default_transaction_read_only = on"),
    );
    let error = refusal(&url).await;
    assert!(
        matches!(error, DestinationError::ReadOnly { .. }),
        "{error:?}"
    );
    // Who was connected before writes as before; who connects again, as after a failover, is told as well.
    runner.apply(&[json!({"id": "a"})], "1").await.unwrap();
    server.psql(
        &url,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'crosswalk' AND datname = current_database()",
    );
    let error = runner.apply(&[json!({"id": "b"})], "2").await.unwrap_err();
    assert!(
        matches!(error, DestinationError::ReadOnly { .. }) && error.may_pass(),
        "{error:?}"
    );
}

/// Covers: place-not-writable
#[tokio::test]
async fn a_full_disk_keeps_the_cursor_and_goes_on_later() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let stage = Stage::of_postgres(server.database());
    let runner = Runner::of(&stage, &accounts()).await;
    runner.apply(&[json!({"id": "a"})], "1").await.unwrap();
    // What the server says when it cannot extend a file; a real full disk is not to be had in a test.
    stage
        .sql(
            "CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.id = 'm' THEN RAISE EXCEPTION \
             'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END IF; RETURN NEW; END $$",
        )
        .await;
    stage
        .sql("CREATE TRIGGER full_disk BEFORE INSERT ON crm_account FOR EACH ROW EXECUTE FUNCTION full_disk()")
        .await;
    let page: Vec<_> = ["k", "l", "m", "n"]
        .iter()
        .map(|id| json!({"id": id}))
        .collect();
    let error = runner.apply(&page, "2").await.unwrap_err();
    assert!(
        matches!(error, DestinationError::Full { .. }) && error.may_pass(),
        "{error:?}"
    );
    assert_eq!(runner.cursor().await.as_deref(), Some("1"));
    assert_eq!(stage.rows(&accounts()).await.len(), 1);
    stage.sql("DROP TRIGGER full_disk ON crm_account").await;
    assert_eq!(runner.apply(&page, "2").await.unwrap().written, 4);
}

/// As SQLite does on a full disk: the transaction is ended by the database, before its owner can end it.
#[tokio::test]
async fn a_transaction_that_sqlite_has_ended_itself_does_not_stop_the_next() {
    let stage = Stage::sqlite();
    let runner = Runner::of(&stage, &accounts()).await;
    runner.apply(&[json!({"id": "a"})], "1").await.unwrap();
    stage
        .sql("CREATE TRIGGER full_disk BEFORE INSERT ON crm_account BEGIN SELECT RAISE(ROLLBACK, 'full'); END")
        .await;
    for _ in 0..2 {
        let error = runner.apply(&[json!({"id": "b"})], "2").await.unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
    }
    stage.sql("DROP TRIGGER full_disk").await;
    assert_eq!(runner.cursor().await.as_deref(), Some("1"));
    let applied = runner.apply(&[json!({"id": "b"})], "2").await.unwrap();
    assert_eq!(applied.written, 1);
}

/// What each of the server's codes is told as; by a trigger that raises the one that a record names.
#[tokio::test]
async fn every_error_of_the_server_is_told_as_what_it_is() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let stage = Stage::of_postgres(server.database());
    let runner = Runner::of(&stage, &accounts()).await;
    stage
        .sql(
            "CREATE FUNCTION raise() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'as told' USING ERRCODE = \
             NEW.name, DETAIL = 'canary'; END $$",
        )
        .await;
    stage
        .sql("CREATE TRIGGER raise BEFORE INSERT ON crm_account FOR EACH ROW EXECUTE FUNCTION raise()")
        .await;
    for (codes, words, may_pass) in [
        (
            &["28000", "28P01"][..],
            "refuses the user or password: as told",
            false,
        ),
        (&["3D000", "3F000"], "settings are wrong: as told", false),
        (&["42501"], "does not let the user do this: as told", false),
        (&["25006"], "is read-only: as told", true),
        (&["53100", "53400"], "is full: as told", true),
        (
            &["55P03", "57014", "40001", "40P01"],
            "is busy: as told",
            true,
        ),
        (
            &["57P01", "57P02", "57P03", "53300", "53200", "08006"],
            "cannot be reached: as told",
            true,
        ),
        (
            &["23502", "23514", "42P01", "42703"],
            "`crm_account` is in the way: as told",
            false,
        ),
        (&["XX000"], "failed: as told (XX000)", false),
    ] {
        for code in codes {
            let error = runner
                .apply(&[json!({"id": "a", "name": code})], code)
                .await
                .unwrap_err();
            assert!(error.to_string().contains(words), "{code}: {error}");
            assert_eq!(error.may_pass(), may_pass, "{code}");
            // A detail has the values of a row.
            assert!(!format!("{error:?}").contains("canary"), "{error:?}");
        }
    }
    assert_eq!(
        (runner.cursor().await, stage.rows(&accounts()).await.len()),
        (None, 0)
    );
}

#[tokio::test]
async fn a_right_that_is_taken_away_is_told() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let url = server.database();
    let owner = Runner::of(&Stage::of_postgres(url.clone()), &accounts()).await;
    let role = "reader_only";
    server.psql(
        &url,
        &format!("DROP ROLE IF EXISTS {role}; CREATE ROLE {role} LOGIN PASSWORD 'r'; GRANT SELECT, INSERT, UPDATE ON _crosswalk_streams TO {role}"),
    );
    let (_, rest) = url.split_once('@').unwrap();
    let settings = Settings::Postgres {
        url: format!("postgres://{role}:r@{rest}").into(),
        schema: None,
    };
    let runner = Runner {
        destination: Destination::open(&settings).await.unwrap(),
        key: owner.key.clone(),
        table: accounts(),
        fence: 1,
    };
    let error = runner.apply(&[json!({"id": "a"})], "1").await.unwrap_err();
    assert!(
        matches!(&error, DestinationError::Permission { reason } if reason.contains("crm_account")),
        "{error:?}"
    );
    runner.destination.close().await;
    server.psql(&url, &format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[tokio::test]
async fn a_connection_that_is_cut_in_a_transaction_leaves_nothing() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let url = server.database();
    let stage = Stage::of_postgres(url.clone());
    let runner = Runner::of(&stage, &accounts()).await;
    runner.apply(&[json!({"id": "a"})], "1").await.unwrap();
    // The page waits for a lock in the middle of its transaction; there its server process is ended.
    stage
        .sql("CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$")
        .await;
    stage
        .sql("CREATE TRIGGER cut AFTER INSERT ON crm_account FOR EACH STATEMENT EXECUTE FUNCTION cut()")
        .await;
    let page = [json!({"id": "b"})];
    let cutting = async {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let ended = stage
                .value("SELECT count(pg_terminate_backend(pid))::text FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()")
                .await;
            if ended != "0" {
                break;
            }
        }
    };
    let (applied, ()) = tokio::join!(runner.apply(&page, "2"), cutting);
    let error = applied.unwrap_err();
    assert!(
        matches!(error, DestinationError::Unreachable { .. }) && error.may_pass(),
        "{error:?}"
    );
    stage.sql("DROP TRIGGER cut ON crm_account").await;
    assert_eq!(runner.cursor().await.as_deref(), Some("1"));
    assert_eq!(stage.rows(&accounts()).await.len(), 1);
    runner.apply(&page, "2").await.unwrap();
}

#[tokio::test]
async fn a_lock_of_the_users_is_not_waited_for_without_end() {
    let Some(server) = Postgres::shared() else {
        return;
    };
    let url = server.database();
    let runner = Runner::of(&Stage::of_postgres(url.clone()), &accounts()).await;
    let holding = std::thread::spawn(move || {
        server.psql(
            &url,
            "BEGIN; LOCK TABLE crm_account; SELECT pg_sleep(6.5); COMMIT",
        );
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let error = runner.apply(&[json!({"id": "a"})], "1").await.unwrap_err();
    assert!(
        matches!(error, DestinationError::Busy { .. }) && error.may_pass(),
        "{error:?}"
    );
    holding.join().unwrap();
    runner.apply(&[json!({"id": "a"})], "1").await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_told() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("crm.db"), "name,city\n".repeat(1_000)).unwrap();
    let settings = Settings::Sqlite {
        folder: folder.path().to_owned(),
        path: "crm.db".to_owned(),
    };
    let error = Destination::open(&settings).await.unwrap_err();
    assert!(
        matches!(error, DestinationError::Settings { .. }),
        "{error:?}"
    );
    assert!(
        std::fs::read_to_string(folder.path().join("crm.db"))
            .unwrap()
            .starts_with("name,city")
    );
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let settings = Settings::Sqlite {
        folder: folder.path().join("nowhere"),
        path: "crm.db".to_owned(),
    };
    let error = Destination::open(&settings).await.unwrap_err();
    assert!(
        matches!(error, DestinationError::Unreachable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn every_file_of_a_database_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;
    let stage = Stage::sqlite();
    let runner = Runner::of(&stage, &accounts()).await;
    runner.apply(&[json!({"id": "a"})], "1").await.unwrap();
    let Settings::Sqlite { folder, .. } = &stage.settings else {
        unreachable!()
    };
    let files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(files.len() >= 2, "the database and its log");
    for file in files {
        assert_eq!(
            file.metadata().unwrap().permissions().mode() & 0o777,
            0o600,
            "{:?}",
            file.path()
        );
    }
}
