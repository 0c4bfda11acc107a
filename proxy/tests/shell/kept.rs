//! Tokens of connections in the store: shared by sidecars, committed before they are used, given up last.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use crosswalk::store::ConnectionChange;
use http::StatusCode;
use serde_json::json;
use sqlx::{Connection as _, Executor as _};
use tokio::task::JoinSet;

use crate::{
    place::Place,
    stored::{ID, Stage, get, oauth, old, until},
    support::{Acme, Act, Seen, bearer, form, ok},
};

const FAR: &str = "2999-01-01T00:00:00Z";

/// A new refresh token with each token, as rotation has it.
fn rotated(number: u32) -> Act {
    Act::Reply(
        200,
        json!({
            "access_token": format!("token-{number}"),
            "refresh_token": format!("refresh-{number}"),
            "expires_in": 1800,
        }),
    )
}

/// Rotates, and takes a refresh token only once.
async fn rotating() -> Acme {
    let number = AtomicU32::new(0);
    Acme::start(move |seen| {
        if !seen.is_token_request() {
            return ok();
        }
        let last = number.fetch_add(1, Ordering::SeqCst);
        let expected = match last {
            0 => "refresh-secret".to_owned(),
            last => format!("refresh-{last}"),
        };
        if form(seen)["refresh_token"] == expected {
            Act::After(Duration::from_millis(100), Box::new(rotated(last + 1)))
        } else {
            refusal()
        }
    })
    .await
}

fn refusal() -> Act {
    Act::Reply(400, json!({ "error": "invalid_grant" }))
}

fn used(seen: &Seen) -> String {
    form(seen)["refresh_token"].clone()
}

/// Covers: token-herd
#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_calls_over_two_sidecars_make_one_refresh() {
    for place in Place::all() {
        let acme = rotating().await;
        let stage = Stage::on(place, &acme, &old()).await;
        let proxies = [Arc::new(stage.proxy().await), Arc::new(stage.proxy().await)];
        let mut calls = JoinSet::new();
        for index in 0..1000 {
            let proxy = Arc::clone(&proxies[index % 2]);
            calls.spawn(async move { get(&proxy, ID).await.status });
        }
        let statuses = calls.join_all().await;
        assert!(statuses.iter().all(|status| *status == StatusCode::OK));
        assert_eq!(acme.token_requests(), 1);
        let seen = acme.seen();
        let mut calls = seen.iter().filter(|seen| !seen.is_token_request());
        assert!(calls.all(|seen| bearer(seen) == "Bearer token-1"));
        let kept = stage.kept().await;
        assert_eq!(kept["refresh_token"], "refresh-1");
        assert_eq!(kept["access_token"], "token-1");
        assert_eq!(stage.row().await.credentials_version, 2);
        assert_eq!(stage.row().await.status.as_deref(), Some("healthy"));
        assert_eq!(stage.events().await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_restart_goes_on_with_the_token_that_is_good() {
    let acme = rotating().await;
    let stage = Stage::on(Place::sqlite(), &acme, &old()).await;
    let proxy = stage.proxy().await;
    assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
    proxy.stop().await;
    let proxy = stage.proxy().await;
    assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
    assert_eq!(acme.token_requests(), 1);
    let last = acme.seen().pop().unwrap();
    assert_eq!(bearer(&last), "Bearer token-1");
}

/// Covers: token-not-kept
#[tokio::test]
async fn a_token_is_not_used_before_it_is_committed() {
    for place in Place::all() {
        let acme = Acme::start(|seen| {
            if seen.is_token_request() {
                Act::After(Duration::from_millis(800), Box::new(rotated(1)))
            } else {
                ok()
            }
        })
        .await;
        let stage = Stage::on(place, &acme, &old()).await;
        let proxy = Arc::new(stage.proxy().await);
        let caller = Arc::clone(&proxy);
        let call = tokio::spawn(async move { get(&caller, ID).await.status });
        until(async || acme.token_requests() == 1).await;
        // While the provider thinks, somebody else takes the row.
        let mut database = stage.database().await;
        let begin = if stage.is_sqlite() {
            "BEGIN IMMEDIATE"
        } else {
            "BEGIN"
        };
        let mut transaction = database.begin_with(begin).await.unwrap();
        transaction
            .execute("UPDATE connections SET display_name = 'held'")
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(1800)).await;
        assert_eq!(acme.calls(), 0, "the token is there and not kept");
        transaction.commit().await.unwrap();
        assert_eq!(call.await.unwrap(), StatusCode::OK);
        assert_eq!(stage.kept().await["refresh_token"], "refresh-1");
    }
}

/// Covers: token-not-kept
#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_fails_is_made_up_for_and_stops_nobody() {
    let mut tests = JoinSet::new();
    for place in Place::all() {
        tests.spawn(async move {
            let acme = rotating().await;
            let stage = Stage::on(place, &acme, &old()).await;
            let proxy = stage.proxy().await;
            if stage.is_sqlite() {
                let forbid = "CREATE TRIGGER forbid BEFORE UPDATE OF credentials ON connections BEGIN SELECT RAISE(ABORT, 'read-only'); END";
                stage.place.execute(forbid).await;
            } else {
                let function = "CREATE FUNCTION forbid() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'read-only'; END $$";
                stage.place.execute(function).await;
                let forbid = "CREATE TRIGGER forbid BEFORE UPDATE OF credentials ON connections FOR EACH ROW EXECUTE FUNCTION forbid()";
                stage.place.execute(forbid).await;
            }
            assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
            assert_eq!(stage.kept().await["refresh_token"], "refresh-secret");
            // Another sidecar does not use the token that is dead.
            let other = stage.proxy().await;
            let waiting = tokio::spawn(async move { get(&other, ID).await.status });
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert_eq!(acme.token_requests(), 1);
            let drop = if stage.is_sqlite() {
                "DROP TRIGGER forbid"
            } else {
                "DROP TRIGGER forbid ON connections"
            };
            stage.place.execute(drop).await;
            until(async || stage.kept().await["refresh_token"] == "refresh-1").await;
            assert_eq!(waiting.await.unwrap(), StatusCode::OK);
            assert_eq!(acme.token_requests(), 1);
        });
    }
    tests.join_all().await;
}

/// Covers: token-race-lost
#[tokio::test]
async fn a_refused_refresh_token_is_looked_up_once_more() {
    for (newer, requests) in [
        // Another has a token already; or has been given credentials that nobody has used yet.
        (
            oauth("refresh-9", Some(("token-9", FAR))),
            vec!["refresh-secret"],
        ),
        (
            oauth("refresh-9", None),
            vec!["refresh-secret", "refresh-9"],
        ),
    ] {
        for place in Place::all() {
            let acme = Acme::start(|seen| match seen.is_token_request() {
                true if used(seen) == "refresh-9" => rotated(10),
                true => Act::After(Duration::from_millis(500), Box::new(refusal())),
                false => ok(),
            })
            .await;
            let stage = Stage::on(place, &acme, &old()).await;
            let proxy = Arc::new(stage.proxy().await);
            let caller = Arc::clone(&proxy);
            let call = tokio::spawn(async move { get(&caller, ID).await.status });
            until(async || acme.token_requests() == 1).await;
            stage.give(&newer).await;
            assert_eq!(call.await.unwrap(), StatusCode::OK);
            let seen = acme.seen();
            let asked: Vec<_> = seen
                .iter()
                .filter(|seen| seen.is_token_request())
                .map(used)
                .collect();
            assert_eq!(asked, requests);
            assert_ne!(stage.row().await.status.as_deref(), Some("disconnected"));
            assert_eq!(stage.events().await, Vec::<String>::new());
        }
    }
}

#[tokio::test]
async fn credentials_given_during_a_refresh_win_over_those_it_brings() {
    let acme = Acme::start(|seen| {
        if seen.is_token_request() {
            Act::After(Duration::from_millis(500), Box::new(rotated(1)))
        } else {
            ok()
        }
    })
    .await;
    let stage = Stage::on(Place::sqlite(), &acme, &old()).await;
    let proxy = Arc::new(stage.proxy().await);
    let caller = Arc::clone(&proxy);
    let call = tokio::spawn(async move { get(&caller, ID).await.status });
    until(async || acme.token_requests() == 1).await;
    stage
        .give(&oauth("refresh-9", Some(("token-9", FAR))))
        .await;
    assert_eq!(call.await.unwrap(), StatusCode::OK);
    assert_eq!(bearer(&acme.seen().pop().unwrap()), "Bearer token-9");
    assert_eq!(stage.kept().await["refresh_token"], "refresh-9");
}

#[tokio::test]
async fn a_revoked_connection_breaks_once_and_is_repaired_by_new_credentials() {
    for place in Place::all() {
        let acme = Acme::start(|seen| match seen.is_token_request() {
            true if used(seen) == "refresh-9" => rotated(10),
            true => refusal(),
            false => ok(),
        })
        .await;
        let stage = Stage::on(place, &acme, &old()).await;
        let proxies = [stage.proxy().await, stage.proxy().await];
        for proxy in proxies.iter().chain(&proxies) {
            let got = get(proxy, ID).await;
            assert_eq!(got.status, StatusCode::UNAUTHORIZED);
            assert!(
                got.text.contains("connect the account again"),
                "{}",
                got.text
            );
        }
        assert_eq!(acme.token_requests(), 2, "each asks once");
        let row = stage.row().await;
        assert_eq!(row.status.as_deref(), Some("disconnected"));
        let message = row.status_message.unwrap();
        assert!(message.contains("refresh token is refused"), "{message}");
        assert_eq!(stage.events().await, ["connection.broken"]);

        stage.give(&oauth("refresh-9", None)).await;
        tokio::time::sleep(Duration::from_millis(2100)).await;
        for proxy in &proxies {
            assert_eq!(get(proxy, ID).await.status, StatusCode::OK);
        }
        assert_eq!(stage.row().await.status.as_deref(), Some("healthy"));
        assert_eq!(stage.row().await.status_message, None);
        assert_eq!(
            stage.events().await,
            ["connection.broken", "connection.repaired"]
        );
    }
}

#[tokio::test]
async fn a_wrong_client_is_told_of_the_connector_config_and_cured_there() {
    let acme = Acme::start(|seen| match seen.is_token_request() {
        true if form(seen)["client_id"] == "right" => rotated(1),
        true => Act::Reply(401, json!({ "error": "invalid_client" })),
        false => ok(),
    })
    .await;
    let stage = Stage::on(Place::sqlite(), &acme, &old()).await;
    let proxy = stage.proxy().await;
    let got = get(&proxy, ID).await;
    assert!(got.text.contains("in the connector config"), "{}", got.text);
    assert_eq!(stage.row().await.status.as_deref(), Some("error"));
    stage.config(false, "right").await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
    assert_eq!(
        stage.events().await,
        ["connection.broken", "connection.repaired"]
    );
}

/// Covers: token-lease-lost
#[tokio::test]
async fn the_turn_of_a_sidecar_that_died_ends() {
    let acme = rotating().await;
    let stage = Stage::on(Place::sqlite(), &acme, &old()).await;
    let lasts = Duration::from_millis(1500);
    let dead = stage.store.take_lease("token:conn_1", "dead", lasts).await;
    assert!(dead.unwrap().is_some());
    let proxy = stage.proxy().await;
    let begun = Instant::now();
    assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
    assert!(begun.elapsed() > Duration::from_millis(1200));
    assert_eq!(acme.token_requests(), 1);
}

#[tokio::test]
async fn a_second_hand_token_that_is_dead_as_well_is_replaced() {
    let issued = AtomicU32::new(0);
    let acme = Acme::start(move |seen| {
        if seen.is_token_request() {
            return rotated(issued.fetch_add(1, Ordering::SeqCst) + 1);
        }
        // Only the newest lives.
        if bearer(seen) == format!("Bearer token-{}", issued.load(Ordering::SeqCst)) {
            return ok();
        }
        Act::Reply(401, json!({ "message": "expired" }))
    })
    .await;
    let stage = Stage::on(Place::sqlite(), &acme, &old()).await;
    let proxy = stage.proxy().await;
    assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
    // What another sidecar has kept has died meanwhile, and this one has not heard of it.
    stage
        .give(&oauth("refresh-1", Some(("token-0", FAR))))
        .await;
    let first = acme.seen().len();
    acme_expires(&proxy, &acme, first).await;
}

/// One call whose token is refused, then the one found in the store, then none.
async fn acme_expires(proxy: &crate::support::Proxy, acme: &Acme, first: usize) {
    // Uses up the number, so that what the proxy holds is dead.
    let mut client = tokio::net::TcpStream::connect(acme.address).await.unwrap();
    let body = "refresh_token=x";
    let text = format!(
        "POST /token HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    tokio::io::AsyncWriteExt::write_all(&mut client, text.as_bytes())
        .await
        .unwrap();
    let mut answer = String::new();
    tokio::io::AsyncReadExt::read_to_string(&mut client, &mut answer)
        .await
        .unwrap();
    assert_eq!(get(proxy, ID).await.status, StatusCode::OK);
    let seen = acme.seen();
    let bearers: Vec<_> = seen[first..]
        .iter()
        .filter(|seen| !seen.is_token_request())
        .map(bearer)
        .collect();
    assert!(
        bearers.ends_with(&["Bearer token-0", "Bearer token-3"]),
        "{bearers:?}"
    );
}

#[tokio::test]
async fn a_change_of_other_things_costs_no_token() {
    let acme = rotating().await;
    let stage = Stage::on(Place::sqlite(), &acme, &old()).await;
    let proxy = stage.proxy().await;
    assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
    stage
        .change(ConnectionChange {
            metadata: Some(json!({ "plan": "large" })),
            ..ConnectionChange::default()
        })
        .await;
    tokio::time::sleep(Duration::from_millis(2100)).await;
    assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
    assert_eq!(acme.token_requests(), 1);
}

#[tokio::test]
async fn a_token_outlives_an_endpoint_that_fails_and_no_longer() {
    let is_down = Arc::new(AtomicU32::new(1));
    let down = Arc::clone(&is_down);
    let acme = Acme::start(move |seen| match seen.is_token_request() {
        true if down.load(Ordering::SeqCst) == 1 => Act::Reply(500, json!({})),
        true => rotated(1),
        false => ok(),
    })
    .await;
    let ends = jiff::Timestamp::now() + Duration::from_secs(5);
    let credentials = oauth("refresh-secret", Some(("old-token", &ends.to_string())));
    let stage = Stage::on(Place::sqlite(), &acme, &credentials).await;
    let proxy = stage.proxy().await;
    assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
    assert_eq!(acme.token_requests(), 0);
    tokio::time::sleep(Duration::from_millis(3800)).await;
    assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
    assert!(acme.token_requests() > 0, "a new one was due");
    tokio::time::sleep(Duration::from_millis(1500)).await;
    let got = get(&proxy, ID).await;
    assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(stage.events().await, Vec::<String>::new());
    is_down.store(0, Ordering::SeqCst);
    until(async || get(&proxy, ID).await.status == StatusCode::OK).await;
    let last = acme.seen().pop().unwrap();
    assert_eq!(bearer(&last), "Bearer token-1");
}

/// Covers: token-not-kept, kill-during-refresh
#[tokio::test]
async fn what_a_refresh_brings_is_kept_although_the_proxy_ends() {
    let acme = Acme::start(|seen| {
        if seen.is_token_request() {
            Act::After(Duration::from_millis(700), Box::new(rotated(1)))
        } else {
            ok()
        }
    })
    .await;
    let stage = Stage::on(Place::sqlite(), &acme, &old()).await;
    let proxy = stage
        .proxy_with("limits: { request_timeout: 300ms }\n")
        .await;
    let got = get(&proxy, ID).await;
    assert_eq!(got.status, StatusCode::GATEWAY_TIMEOUT);
    proxy.stop().await;
    assert_eq!(acme.token_requests(), 1);
    assert_eq!(stage.kept().await["refresh_token"], "refresh-1");
}

#[tokio::test]
async fn a_refresh_that_is_asked_for_is_made_although_the_token_is_good() {
    let acme = rotating().await;
    let credentials = oauth("refresh-secret", Some(("old-token", FAR)));
    let stage = Stage::on(Place::sqlite(), &acme, &credentials).await;
    let (upstream, directory) = stage.directory();
    let deadline = tokio::time::Instant::now() + Duration::from_secs(10);
    for number in 1..=2 {
        let found = directory.connection(ID).await.unwrap();
        let connection = found.upstream.clone().unwrap();
        assert!(upstream.refresh(&connection, deadline).await.unwrap());
        assert_eq!(acme.token_requests(), number);
    }
    assert_eq!(stage.kept().await["access_token"], "token-2");
    // One that there is nothing to renew of says so.
    stage.give(&json!({ "access_token": "alone" })).await;
    directory.forget(ID);
    let found = directory.connection(ID).await.unwrap();
    let connection = found.upstream.clone().unwrap();
    assert!(!upstream.refresh(&connection, deadline).await.unwrap());
}
