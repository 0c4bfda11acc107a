use crosswalk::store::{
    Store, StoreError,
    keys::{KeyError, KeyRing, KeySource},
};

use super::{
    connections::{config, connect},
    place::Place,
};

/// What is kept opens with these keys.
async fn opens(store: &Store) -> bool {
    let connection = store.connection("conn_1").await.unwrap().unwrap();
    store.credentials(&connection).await.is_ok()
}

async fn filled(place: &Place) -> Store {
    let store = place.open().await.unwrap();
    config(&store, "ccfg_1").await;
    connect(&store, "conn_1", None).await;
    store
}

/// Covers: key-missing
#[tokio::test]
async fn a_store_with_secrets_does_not_open_with_another_key() {
    for place in Place::all() {
        drop(filled(&place).await);
        let kept = std::fs::read(place.key_file()).unwrap();
        std::fs::remove_file(place.key_file()).unwrap();
        let error = place.open().await.unwrap_err();
        let StoreError::Key(KeyError::Missing { id, .. }) = &error else {
            panic!("{error}");
        };
        assert!(error.to_string().contains(id) && error.to_string().contains("put that key back"));
        assert!(
            !place.key_file().exists(),
            "no other key is made in its place"
        );
        std::fs::write(
            place.key_file(),
            "8Wk3o7lLk0cQKZ7eNyXbI5jJ7DqGmAeHhb7Zk3b8n1A",
        )
        .unwrap();
        let error = place.open().await.unwrap_err().to_string();
        assert!(
            error.contains(id),
            "a wrong one is told by the same words: {error}"
        );
        std::fs::write(place.key_file(), kept).unwrap();
        assert!(opens(&place.open().await.unwrap()).await);
    }
}

/// Covers: key-rotation
#[tokio::test]
async fn keys_are_rotated_under_those_who_use_them() {
    for place in Place::all() {
        let running = filled(&place).await;
        let rotating = place.open().await.unwrap();
        assert_eq!(
            rotating.rotate_keys().await.unwrap(),
            2,
            "the config's and the connection's"
        );
        assert!(opens(&running).await, "it finds the new key in the file");
        connect(&running, "conn_2", None).await;
        // The old key is not needed any more.
        let text = std::fs::read_to_string(place.key_file()).unwrap();
        let (newest, _) = text.split_once('\n').unwrap();
        let alone = KeyRing::load(KeySource::Text(newest.to_owned().into())).unwrap();
        let store = Store::open(&place.location, alone).await.unwrap();
        assert!(opens(&store).await);
    }
}

#[tokio::test]
async fn a_key_of_the_environment_is_rotated_to_the_first() {
    for place in Place::all() {
        drop(filled(&place).await);
        let old = std::fs::read_to_string(place.key_file()).unwrap();
        let new = "8Wk3o7lLk0cQKZ7eNyXbI5jJ7DqGmAeHhb7Zk3b8n1A=";
        let both = KeyRing::load(KeySource::Text(format!("{new}\n{old}").into())).unwrap();
        let store = Store::open(&place.location, both).await.unwrap();
        assert_eq!(store.rotate_keys().await.unwrap(), 2);
        let alone = KeyRing::load(KeySource::Text(new.to_owned().into())).unwrap();
        assert!(opens(&Store::open(&place.location, alone).await.unwrap()).await);
    }
}

#[test]
fn a_key_that_is_none_is_told_by_its_line_and_not_shown() {
    let text = "# a comment\nnot-a-key-canary\n";
    let error = KeyRing::load(KeySource::Text(text.to_owned().into())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`store_key` line 2: expected a key of 32 bytes in base64, as `openssl rand -base64 32` prints"
    );
    let error = KeyRing::load(KeySource::Text("\n".to_owned().into())).unwrap_err();
    assert!(error.to_string().contains("has no key in it"), "{error}");
}

/// Covers: two-on-one-store
#[tokio::test]
async fn stores_that_are_opened_at_one_time_agree_on_key_and_tables() {
    for place in Place::all() {
        let mut stores = Vec::new();
        let mut opening = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let (location, file) = (place.location.clone(), place.key_file());
            opening.spawn(async move {
                let keys = KeyRing::load(KeySource::File(file)).unwrap();
                Store::open(&location, keys).await
            });
        }
        while let Some(store) = opening.join_next().await {
            stores.push(store.unwrap().unwrap());
        }
        config(&stores[0], "ccfg_1").await;
        connect(&stores[1], "conn_1", None).await;
        for store in &stores {
            assert!(opens(store).await);
        }
    }
}

#[tokio::test]
async fn an_installation_secret_is_made_once_for_all() {
    for place in Place::all() {
        let (one, other) = (place.open().await.unwrap(), place.open().await.unwrap());
        let secret = one.installation_secret("cursors").await.unwrap();
        assert_eq!(
            *other.installation_secret("cursors").await.unwrap(),
            *secret
        );
        assert_ne!(*one.installation_secret("links").await.unwrap(), *secret);
    }
}

/// As `crosswalk keys` and a sidecar that ends do.
#[tokio::test(flavor = "multi_thread")]
async fn who_comes_while_another_one_leaves_gets_the_store() {
    for round in 0..30 {
        let place = Place::sqlite();
        let coming = (0..6).map(|_| {
            let (location, keys) = (place.location.clone(), place.keys());
            tokio::spawn(async move { Store::open(&location, keys).await.map(|_| ()) })
        });
        for came in coming.collect::<Vec<_>>() {
            came.await
                .unwrap()
                .unwrap_or_else(|error| panic!("round {round}: {error}"));
        }
    }
}
