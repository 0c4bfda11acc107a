//! Where connections are found: the configuration, and the store, whose changes are seen.

use std::{sync::Arc, time::Duration};

use crosswalk::store::ConnectionChange;
use http::StatusCode;
use serde_json::json;

use crate::{
    place::Place,
    stored::{ID, Stage, get},
    support::{Acme, ok},
};

/// What another sidecar's change takes to be seen.
const SEEN: Duration = Duration::from_millis(2100);

async fn stage(place: Place) -> (Acme, Stage) {
    let acme = Acme::start(|_| ok()).await;
    let stage = Stage::on(place, &acme, &json!({ "access_token": "static" })).await;
    (acme, stage)
}

#[tokio::test]
async fn a_connection_of_the_store_is_found_and_an_unknown_one_is_not() {
    for place in Place::all() {
        let (acme, stage) = stage(place).await;
        let proxy = stage.proxy().await;
        assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
        assert_eq!(acme.calls(), 1);
        for (id, help) in [
            ("conn_2", "GET /core/connection"),
            ("c", "under `connections` in the configuration"),
        ] {
            let got = get(&proxy, id).await;
            assert_eq!(got.status, StatusCode::NOT_FOUND, "{id}");
            assert!(got.text.contains(help), "{}", got.text);
        }
    }
}

#[tokio::test]
async fn a_change_by_another_sidecar_is_seen() {
    for place in Place::all() {
        let (_acme, stage) = stage(place).await;
        let proxy = stage.proxy().await;
        assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
        let disabled = |disabled| ConnectionChange {
            disabled: Some(disabled),
            ..ConnectionChange::default()
        };
        stage.change(disabled(true)).await;
        tokio::time::sleep(SEEN).await;
        let got = get(&proxy, ID).await;
        assert_eq!(got.status, StatusCode::CONFLICT);
        assert!(got.text.contains("`conn_1` is disabled"), "{}", got.text);

        stage.change(disabled(false)).await;
        stage.config(true, "id").await;
        tokio::time::sleep(SEEN).await;
        let got = get(&proxy, ID).await;
        assert_eq!(got.status, StatusCode::CONFLICT);
        assert!(got.text.contains("connector config"), "{}", got.text);

        stage.config(false, "id").await;
        tokio::time::sleep(SEEN).await;
        assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
        stage.store.delete_connection(ID).await.unwrap();
        tokio::time::sleep(SEEN).await;
        assert_eq!(get(&proxy, ID).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn settings_that_cannot_be_used_are_told_with_their_path() {
    let (acme, stage) = stage(Place::sqlite()).await;
    let token = json!({ "access_token": "static" });
    let settings = json!({ "shop_url": "https://evil.example", "api_version": "7" });
    stage.connect("conn_2", &settings, &token).await;
    stage.connect("conn_3", &json!({}), &token).await;
    let proxy = stage.proxy().await;
    let got = get(&proxy, "conn_2").await;
    assert_eq!(got.status, StatusCode::CONFLICT);
    let issues = &got.json()["issues"];
    assert_eq!(issues[0]["path"], "settings.api_version");
    assert_eq!(issues[1]["path"], "settings.shop_url");
    assert!(got.text.contains(".acme.example"), "{}", got.text);
    let got = get(&proxy, "conn_3").await;
    assert!(got.text.contains("shop_url is missing"), "{}", got.text);
    assert_eq!(acme.calls(), 0);
}

/// Covers: store-down
#[tokio::test]
async fn what_is_in_memory_outlasts_a_store_that_is_down() {
    for place in Place::all() {
        let (acme, stage) = stage(place).await;
        let settings = json!({ "shop_url": acme.url() });
        let token = json!({ "access_token": "static" });
        stage.connect("conn_2", &settings, &token).await;
        let proxy = stage.proxy().await;
        assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
        stage
            .place
            .execute("ALTER TABLE connections RENAME TO away")
            .await;
        tokio::time::sleep(SEEN).await;
        assert_eq!(get(&proxy, ID).await.status, StatusCode::OK);
        let got = get(&proxy, "conn_2").await;
        assert_eq!(got.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(got.headers.contains_key("retry-after"));
        stage
            .place
            .execute("ALTER TABLE away RENAME TO connections")
            .await;
        tokio::time::sleep(SEEN).await;
        assert_eq!(get(&proxy, "conn_2").await.status, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_change_of_our_own_is_seen_at_once() {
    let (_acme, stage) = stage(Place::sqlite()).await;
    let (_, directory) = stage.directory();
    assert!(directory.connection(ID).await.is_ok());
    stage
        .change(ConnectionChange {
            disabled: Some(true),
            customer_id: Some(Some("another".to_owned())),
            ..ConnectionChange::default()
        })
        .await;
    directory.forget(ID);
    let error = directory.connection(ID).await.unwrap_err();
    assert!(error.message.contains("is disabled"), "{error}");
    let found = directory.find(ID).await.unwrap();
    assert_eq!(found.customer_id.as_deref(), Some("another"));

    stage
        .change(ConnectionChange {
            disabled: Some(false),
            ..ConnectionChange::default()
        })
        .await;
    stage.config(true, "id").await;
    directory.forget_all();
    let error = directory.connection(ID).await.unwrap_err();
    assert!(error.message.contains("connector config"), "{error}");
    stage.store.delete_connection(ID).await.unwrap();
    directory.forget(ID);
    assert!(directory.find(ID).await.is_err());
}

#[tokio::test]
async fn what_is_fresh_is_found_without_the_store() {
    let (_acme, stage) = stage(Place::sqlite()).await;
    let (_, directory) = stage.directory();
    let first = directory.connection(ID).await.unwrap();
    // Nothing could be read any more, and nothing is.
    stage
        .place
        .execute("ALTER TABLE connections RENAME TO away")
        .await;
    for _ in 0..1000 {
        let again = directory.connection(ID).await.unwrap();
        assert!(Arc::ptr_eq(
            again.upstream.as_ref().unwrap(),
            first.upstream.as_ref().unwrap()
        ));
    }
}
