use std::time::Duration;

use crosswalk::store::{GrantFault, GrantKind, NewGrant, Redeemed, Store};
use secrecy::ExposeSecret;
use serde_json::json;
use tokio::task::JoinSet;

use super::place::Place;

const LONG: Option<Duration> = Some(Duration::from_mins(10));
const ENDED: Option<Duration> = Some(Duration::ZERO);

async fn made(store: &Store, kind: GrantKind, lasts: Option<Duration>) -> (String, String) {
    let (grant, secret) = store.make_grant(&NewGrant::new(kind, lasts)).await.unwrap();
    (grant.id, secret.show_once())
}

#[tokio::test]
async fn a_grant_is_found_by_its_secret_and_its_kind_alone() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let data = json!({"connector": "orgbook"});
        let new = NewGrant {
            scope: Some("read"),
            customer_id: Some("acme"),
            name: Some("a report"),
            data: Some(&data),
            ..NewGrant::new(GrantKind::ApiKey, LONG)
        };
        let (grant, secret) = store.make_grant(&new).await.unwrap();
        assert_eq!(format!("{secret:?}"), "GrantSecret(…)");
        let secret = secret.show_once();
        assert_eq!(secret.len(), "cwk_".len() + 43, "32 bytes in base64");
        let found = store.find_grant(GrantKind::ApiKey, &secret).await.unwrap();
        let found = found.unwrap();
        assert_eq!(found.id, grant.id);
        assert_eq!(found.scope.as_deref(), Some("read"));
        assert_eq!(found.customer_id.as_deref(), Some("acme"));
        assert_eq!(found.name.as_deref(), Some("a report"));
        assert_eq!(found.data, Some(data));
        assert_eq!(found.fault(), None);
        assert!(found.lasts().unwrap() <= LONG.unwrap());
        // A hash of it under another kind is another matter, though nobody can make one with this prefix.
        for (kind, secret) in [
            (GrantKind::ConnectToken, secret.as_str()),
            (GrantKind::ApiKey, "cwk_"),
            (GrantKind::ApiKey, &secret[4..]),
            (GrantKind::ApiKey, &grant.id),
            (GrantKind::ApiKey, &"cwk_".repeat(1000)),
        ] {
            assert_eq!(store.find_grant(kind, secret).await.unwrap(), None);
        }
    }
}

#[tokio::test]
async fn of_many_who_use_a_grant_at_one_time_one_gets_it() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let (_, secret) = made(&store, GrantKind::OauthState, LONG).await;
        let mut users = JoinSet::new();
        for _ in 0..16 {
            let (store, secret) = (store.clone(), secret.clone());
            users.spawn(async move {
                store
                    .use_grant(GrantKind::OauthState, &secret)
                    .await
                    .unwrap()
            });
        }
        let used = users.join_all().await;
        let got = |used: &&Redeemed| matches!(used, Redeemed::Yes(_));
        assert_eq!(used.iter().filter(got).count(), 1);
        let refused = |used: &&Redeemed| **used == Redeemed::No(GrantFault::Used);
        assert_eq!(used.iter().filter(refused).count(), 15);
    }
}

#[tokio::test]
async fn an_ended_revoked_or_unknown_grant_cannot_be_used_and_says_why() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let kind = GrantKind::MagicLink;
        let (_, ended) = made(&store, kind, ENDED).await;
        let (id, revoked) = made(&store, kind, LONG).await;
        assert!(store.revoke_grant(kind, &id).await.unwrap().is_some());
        let other_kind = store.revoke_grant(GrantKind::ApiKey, &id).await.unwrap();
        assert_eq!(other_kind, None);
        for (secret, fault) in [
            (ended.as_str(), GrantFault::Expired),
            (&revoked, GrantFault::Revoked),
            ("cwm_nobody", GrantFault::Unknown),
        ] {
            let used = store.use_grant(kind, secret).await.unwrap();
            assert_eq!(used, Redeemed::No(fault));
            let found = store.find_grant(kind, secret).await.unwrap();
            let found = found.map_or(Some(GrantFault::Unknown), |grant| grant.fault());
            assert_eq!(found, Some(fault));
        }
    }
}

#[tokio::test]
async fn the_secrets_of_a_grant_are_sealed_and_gone_with_it() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let verifier = "canary-verifier".to_owned().into();
        let new = NewGrant {
            secrets: Some(&verifier),
            ..NewGrant::new(GrantKind::OauthState, ENDED)
        };
        let (grant, _) = store.make_grant(&new).await.unwrap();
        assert!(!format!("{grant:?}").contains("canary-verifier"));
        let opened = store.grant_secrets(&grant).await.unwrap().unwrap();
        assert_eq!(opened.expose_secret(), "canary-verifier");
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(store.purge_grants(Duration::ZERO).await.unwrap(), 1);
        assert!(store.grant_secrets(&grant).await.is_err());
    }
}

#[tokio::test]
async fn only_what_ended_long_ago_is_removed() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let kind = GrantKind::ApiKey;
        made(&store, kind, None).await;
        made(&store, kind, LONG).await;
        made(&store, kind, ENDED).await;
        assert_eq!(store.purge_grants(Duration::from_mins(1)).await.unwrap(), 0);
        assert_eq!(store.grants(kind, 10, 0).await.unwrap().len(), 3);
        assert_eq!(store.grants(kind, 10, 2).await.unwrap().len(), 1);
        tokio::time::sleep(Duration::from_millis(5)).await;
        assert_eq!(store.purge_grants(Duration::ZERO).await.unwrap(), 1);
        let left = store.grants(kind, 10, 0).await.unwrap();
        assert!(left.iter().all(|grant| grant.fault().is_none()) && left.len() == 2);
    }
}
