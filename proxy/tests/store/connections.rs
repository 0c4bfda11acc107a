use std::time::Duration;

use crosswalk::store::{
    ConnectionChange, ConnectionFilter, ConnectorConfigChange, ConnectorConfigInput, Location,
    NewConnection, Saved, Store, StoreError,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use sqlx::{Connection as _, Executor as _};

use super::place::Place;

const LONG: Duration = Duration::from_mins(1);
const CANARY: &str = "canary-refresh-token";

pub(crate) async fn config(store: &Store, id: &str) {
    let input = ConnectorConfigInput {
        id,
        connector_name: "orgbook",
        display_name: None,
        disabled: false,
        config: Some(&json!({"client_id": "client"})),
        secrets: Some(
            &json!({"client_secret": "canary-client-secret"})
                .to_string()
                .into(),
        ),
        default_pipe_out: None,
        default_pipe_in: None,
    };
    store.upsert_connector_config(&input).await.unwrap();
}

pub(crate) async fn connect(store: &Store, id: &str, customer: Option<&str>) {
    let new = NewConnection {
        id,
        connector_config_id: "ccfg_1",
        connector_name: "orgbook",
        customer_id: customer,
        integration_id: None,
        display_name: Some("Brightwater"),
        disabled: false,
        settings: Some(&json!({"instance_url": "https://example.com"})),
        metadata: Some(&json!({"plan": "small", "nested": {"a": 1}})),
        status: None,
        credentials: Some(&json!({"refresh_token": CANARY}).to_string().into()),
    };
    store.insert_connection(&new).await.unwrap();
}

async fn credentials(store: &Store, id: &str) -> Option<String> {
    let connection = store.connection(id).await.unwrap().unwrap();
    let secret = store.credentials(&connection).await.unwrap();
    secret.map(|secret| secret.expose_secret().to_owned())
}

#[tokio::test]
async fn a_connection_is_found_as_it_was_made_and_its_credentials_open() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        config(&store, "ccfg_1").await;
        connect(&store, "conn_1", Some("acme")).await;
        let found = store.connection("conn_1").await.unwrap().unwrap();
        assert_eq!(found.connector_name, "orgbook");
        assert_eq!(found.customer_id.as_deref(), Some("acme"));
        assert_eq!(found.display_name.as_deref(), Some("Brightwater"));
        assert_eq!(
            found.settings,
            Some(json!({"instance_url": "https://example.com"}))
        );
        assert_eq!(found.integration_id, None);
        assert_eq!(
            credentials(&store, "conn_1").await,
            Some(json!({"refresh_token": CANARY}).to_string())
        );
        assert!(!format!("{found:?}").contains(CANARY));
        assert_eq!(store.connection("conn_2").await.unwrap(), None);
    }
}

#[tokio::test]
async fn metadata_is_merged_member_by_member_and_no_deeper() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        config(&store, "ccfg_1").await;
        connect(&store, "conn_1", None).await;
        let change = |metadata| ConnectionChange {
            metadata: Some(metadata),
            ..ConnectionChange::default()
        };
        for (new, then) in [
            (
                json!({"nested": {"b": 2}, "seats": 3}),
                Some(json!({"plan": "small", "nested": {"b": 2}, "seats": 3})),
            ),
            (json!("text"), Some(json!("text"))),
            (json!({"a": null}), Some(json!({"a": null}))),
            (Value::Null, None),
        ] {
            let updated = store
                .update_connection("conn_1", &change(new))
                .await
                .unwrap();
            assert_eq!(updated.unwrap().metadata, then);
        }
        assert!(
            store
                .update_connection("conn_9", &ConnectionChange::default())
                .await
                .unwrap()
                .is_none()
        );
    }
}

#[tokio::test]
async fn what_is_not_changed_stays_and_null_clears() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        config(&store, "ccfg_1").await;
        connect(&store, "conn_1", Some("acme")).await;
        let before = store.connection("conn_1").await.unwrap().unwrap();
        let change = ConnectionChange {
            display_name: Some(None),
            disabled: Some(true),
            ..ConnectionChange::default()
        };
        let after = store
            .update_connection("conn_1", &change)
            .await
            .unwrap()
            .unwrap();
        assert_eq!(after.display_name, None);
        assert!(after.disabled);
        assert_eq!(after.customer_id, before.customer_id);
        assert_eq!(after.settings, before.settings);
        assert_eq!(after.credentials_version, before.credentials_version);
        assert!(after.version > before.version);
    }
}

#[tokio::test]
async fn lists_are_filtered_and_paged() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        config(&store, "ccfg_1").await;
        for number in 0..5 {
            let customer = if number % 2 == 0 { "even" } else { "odd" };
            connect(&store, &format!("conn_{number}"), Some(customer)).await;
        }
        let list = async |filter, limit, offset| {
            let connections = store.connections(filter, limit, offset).await.unwrap();
            connections.into_iter().map(|it| it.id).collect::<Vec<_>>()
        };
        let even = ConnectionFilter {
            customer_id: Some("even"),
            ..ConnectionFilter::default()
        };
        assert_eq!(list(even, 10, 0).await, ["conn_4", "conn_2", "conn_0"]);
        assert_eq!(list(even, 1, 1).await, ["conn_2"]);
        let other = ConnectionFilter {
            connector_name: Some("other"),
            ..ConnectionFilter::default()
        };
        assert!(list(other, 10, 0).await.is_empty());
        assert_eq!(list(ConnectionFilter::default(), 10, 0).await.len(), 5);
    }
}

/// Covers: token-lease-lost
#[tokio::test]
async fn credentials_are_replaced_by_who_holds_the_lease_and_knows_the_newest() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        config(&store, "ccfg_1").await;
        connect(&store, "conn_1", None).await;
        let lease = |holder: &'static str| {
            let store = store.clone();
            async move {
                store
                    .take_lease("token:conn_1", holder, LONG)
                    .await
                    .unwrap()
                    .unwrap()
            }
        };
        let first = lease("a").await;
        let secret = |text: &str| text.to_owned().into();
        let saved = store
            .save_credentials("conn_1", 1, &secret("{\"n\":2}"), &first)
            .await;
        assert_eq!(saved.unwrap(), Saved::Yes(2));
        let saved = store
            .save_credentials("conn_1", 1, &secret("{\"n\":3}"), &first)
            .await;
        assert_eq!(
            saved.unwrap(),
            Saved::Superseded,
            "it began with an old version"
        );
        store.give_lease_back(&first).await.unwrap();
        let _second = lease("b").await;
        let saved = store
            .save_credentials("conn_1", 2, &secret("{\"n\":3}"), &first)
            .await;
        assert_eq!(saved.unwrap(), Saved::Superseded, "the lease is another's");
        assert_eq!(
            credentials(&store, "conn_1").await.as_deref(),
            Some("{\"n\":2}")
        );
        let saved = store
            .save_credentials("conn_9", 1, &secret("{}"), &first)
            .await;
        assert_eq!(saved.unwrap(), Saved::Gone);
    }
}

#[tokio::test]
async fn a_deleted_connection_takes_its_secrets_with_it() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        config(&store, "ccfg_1").await;
        connect(&store, "conn_1", None).await;
        let connection = store.connection("conn_1").await.unwrap().unwrap();
        assert_eq!(
            store.delete_connection("conn_1").await.unwrap(),
            Some(vec![])
        );
        assert_eq!(store.delete_connection("conn_1").await.unwrap(), None);
        // Even who kept a copy of the row cannot open it: its key is gone.
        assert!(store.credentials(&connection).await.is_err());
    }
}

#[tokio::test]
async fn a_connector_config_with_connections_is_not_deleted() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        config(&store, "ccfg_1").await;
        connect(&store, "conn_1", None).await;
        let refused = store.delete_connector_config("ccfg_1").await.unwrap_err();
        assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
        store.delete_connection("conn_1").await.unwrap();
        assert!(store.delete_connector_config("ccfg_1").await.unwrap());
        assert!(!store.delete_connector_config("ccfg_1").await.unwrap());
    }
}

#[tokio::test]
async fn a_connector_config_keeps_the_secrets_that_are_not_given_again() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        config(&store, "ccfg_1").await;
        let input = ConnectorConfigInput {
            id: "ccfg_1",
            connector_name: "orgbook",
            display_name: Some("Named"),
            disabled: false,
            config: Some(&json!({"client_id": "other"})),
            secrets: None,
            default_pipe_out: None,
            default_pipe_in: None,
        };
        let config = store.upsert_connector_config(&input).await.unwrap();
        assert_eq!(config.config, Some(json!({"client_id": "other"})));
        let secrets = store
            .connector_config_secrets(&config)
            .await
            .unwrap()
            .unwrap();
        assert!(secrets.expose_secret().contains("canary-client-secret"));
        let change = ConnectorConfigChange {
            disabled: Some(true),
            ..ConnectorConfigChange::default()
        };
        let config = store
            .update_connector_config("ccfg_1", &change)
            .await
            .unwrap()
            .unwrap();
        assert!(config.disabled);
        assert_eq!(config.display_name.as_deref(), Some("Named"));
        let other = ConnectorConfigInput {
            connector_name: "other",
            ..input
        };
        let refused = store.upsert_connector_config(&other).await.unwrap_err();
        assert!(matches!(refused, StoreError::Conflict(_)), "{refused}");
    }
}

/// Covers: secret-at-rest
#[tokio::test]
async fn no_secret_stands_in_the_file() {
    let place = Place::sqlite();
    let store = place.open().await.unwrap();
    config(&store, "ccfg_1").await;
    connect(&store, "conn_1", None).await;
    let Location::Sqlite(path) = &place.location else {
        unreachable!("it is SQLite");
    };
    for name in ["crosswalk.db", "crosswalk.db-wal"] {
        let bytes = std::fs::read(path.with_file_name(name)).unwrap();
        let holds = |word: &[u8]| bytes.windows(word.len()).any(|window| window == word);
        assert!(!holds(b"canary"), "{name}");
    }
    let bytes = std::fs::read(path.with_file_name("crosswalk.db-wal")).unwrap();
    assert!(
        bytes.windows(6).any(|window| window == b"conn_1"),
        "what is looked through is what was written"
    );
}

#[cfg(unix)]
#[tokio::test]
async fn the_files_are_their_owners_alone() {
    use std::os::unix::fs::PermissionsExt as _;

    let place = Place::sqlite();
    let store = place.open().await.unwrap();
    config(&store, "ccfg_1").await;
    let Location::Sqlite(path) = &place.location else {
        unreachable!("it is SQLite");
    };
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for name in ["crosswalk.db", "crosswalk.db-wal", "crosswalk.db-shm"] {
        assert_eq!(mode(&path.with_file_name(name)), 0o600, "{name}");
    }
    assert_eq!(mode(path.parent().unwrap()), 0o700);
    assert_eq!(mode(&place.key_file()), 0o600);
}

#[tokio::test]
async fn changes_of_connections_are_told_in_their_order() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        config(&store, "ccfg_1").await;
        for id in ["conn_1", "conn_2", "conn_3"] {
            connect(&store, id, None).await;
        }
        let start = store.newest_connection_change().await.unwrap();
        let told = async |after| store.connection_changes(after).await.unwrap();
        assert_eq!(
            told(start).await.of,
            Some(Vec::new()),
            "new ones are in no memory"
        );

        let same = ConnectionChange::default();
        store.update_connection("conn_2", &same).await.unwrap();
        let lease = store
            .take_lease("token:conn_1", "me", LONG)
            .await
            .unwrap()
            .unwrap();
        let secret = json!({"refresh_token": "next"}).to_string().into();
        let saved = store.save_credentials("conn_1", 1, &secret, &lease).await;
        assert_eq!(saved.unwrap(), Saved::Yes(2));
        store.delete_connection("conn_3").await.unwrap();
        let first = told(start).await;
        let ids = ["conn_2", "conn_1", "conn_3"].map(str::to_owned);
        assert_eq!(first.of.as_deref(), Some(&ids[..]));
        assert_eq!(told(first.newest).await.of, Some(Vec::new()));
        let last = told(first.newest - 1).await;
        assert_eq!(last.of.as_deref(), Some(&ids[2..]));

        let refused = store.save_credentials("conn_1", 1, &secret, &lease).await;
        assert_eq!(refused.unwrap(), Saved::Superseded);
        assert_eq!(told(first.newest).await.of, Some(Vec::new()));
        let same = ConnectorConfigChange::default();
        let updated = store.update_connector_config("ccfg_1", &same).await;
        assert!(updated.unwrap().is_some());
        let all = told(first.newest).await;
        assert_eq!((all.of, all.newest), (None, first.newest + 1));
        config(&store, "ccfg_1").await;
        assert_eq!(told(all.newest).await.of, None);
    }
}

#[tokio::test]
async fn who_has_missed_changes_takes_all_for_changed() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        config(&store, "ccfg_1").await;
        connect(&store, "conn_1", None).await;
        let start = store.newest_connection_change().await.unwrap();
        let change = ConnectionChange::default();
        store.update_connection("conn_1", &change).await.unwrap();
        // As though many had come since.
        place
            .execute("UPDATE counters SET value = 20000 WHERE name = 'connection_change'")
            .await;
        store.update_connection("conn_1", &change).await.unwrap();
        let changes = store.connection_changes(start).await.unwrap();
        assert_eq!((changes.of, changes.newest), (None, 20_001));
        // A store that is not the one that was asked before.
        let changes = store.connection_changes(30_000).await.unwrap();
        assert_eq!((changes.of, changes.newest), (None, 20_001));
    }
}

/// As SQLite does on a full disk: the transaction is ended by the database, before its owner can end it.
/// Covers: place-not-writable
#[tokio::test]
async fn transactions_that_sqlite_has_ended_itself_do_not_stop_the_store() {
    let place = Place::sqlite();
    let store = place.open().await.unwrap();
    let Location::Sqlite(path) = &place.location else {
        unreachable!("it is SQLite");
    };
    let url = format!("sqlite:{}", path.display());
    let mut other = sqlx::SqliteConnection::connect(&url).await.unwrap();
    other
        .execute("CREATE TRIGGER full_disk BEFORE INSERT ON events BEGIN SELECT RAISE(ROLLBACK, 'full'); END")
        .await
        .unwrap();
    // More than the store has connections.
    for _ in 0..20 {
        let error = store.add_event("it", &json!({}), None).await.unwrap_err();
        assert!(error.to_string().contains("full"), "{error}");
    }
    other.execute("DROP TRIGGER full_disk").await.unwrap();
    store.add_event("it", &json!({}), None).await.unwrap();
}
