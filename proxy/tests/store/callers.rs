use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crosswalk::{
    auth::{Auth, Principal, Scope},
    config::{Limits, Roots},
    connections::Directory,
    error::{Code, Error},
    generated::API,
    store::{GrantKind, NewGrant, Store},
    upstream::{Upstream, provider::Effect},
};
use http::HeaderMap;
use tokio::task::JoinSet;

use super::place::Place;

fn auth(store: &Store) -> Auth {
    let keys = ["configured".to_owned().into()];
    let upstream = Upstream::new(&Limits::default(), Roots::Bundled).unwrap();
    let directory = Directory::new(API, upstream, [], Some(store.clone()), &Limits::default());
    Auth::new(&keys, Some(store.clone()), Arc::new(directory))
}

async fn caller(auth: &Auth, pairs: &[(&'static str, &str)]) -> Result<Principal, Error> {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(*name, value.parse().unwrap());
    }
    auth.caller(&headers).await
}

async fn by_key(auth: &Auth, key: &str) -> Result<Principal, Error> {
    caller(auth, &[("x-apikey", key)]).await
}

async fn key(store: &Store, scope: &str, lasts: Option<Duration>) -> (String, String) {
    let new = NewGrant {
        scope: Some(scope),
        ..NewGrant::new(GrantKind::ApiKey, lasts)
    };
    let (grant, secret) = store.make_grant(&new).await.unwrap();
    (grant.id, secret.show_once())
}

async fn token(store: &Store, customer: &str) -> String {
    let new = NewGrant {
        customer_id: Some(customer),
        ..NewGrant::new(GrantKind::ConnectToken, Some(Duration::from_mins(1)))
    };
    store.make_grant(&new).await.unwrap().1.show_once()
}

#[tokio::test]
async fn a_key_of_the_store_has_its_scope_and_a_token_its_customer() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let auth = auth(&store);
        for (name, scope) in [
            ("admin", Scope::Admin),
            ("unified", Scope::Unified),
            ("native", Scope::Native),
            ("read", Scope::Read),
        ] {
            let (_, key) = key(&store, name, None).await;
            assert_eq!(by_key(&auth, &key).await.unwrap().scope, scope);
        }
        let token = token(&store, "acme").await;
        for scheme in ["Bearer", "bearer"] {
            let caller = caller(&auth, &[("authorization", &format!("{scheme} {token}"))]).await;
            let caller = caller.unwrap();
            assert_eq!(caller.scope, Scope::Customer("acme".to_owned()));
            assert!(caller.may_see(Some("acme")));
            assert!(!caller.may_see(Some("other")) && !caller.may_see(None));
            assert!(caller.must_be_allowed(Effect::Write).is_ok());
            assert!(caller.must_be_admin().is_err() && caller.must_see_all().is_err());
            assert!(caller.must_manage(Some("acme")).is_ok());
            assert!(caller.must_manage(None).is_err());
        }
    }
}

#[tokio::test]
async fn a_caller_shows_one_credential_in_its_place() {
    let place = Place::sqlite();
    let store = place.open().await.unwrap();
    let auth = auth(&store);
    let (_, key) = key(&store, "admin", None).await;
    let token = token(&store, "acme").await;
    let (bearer, bearer_key) = (format!("Bearer {token}"), format!("Bearer {key}"));
    for (pairs, words) in [
        (
            &[("x-apikey", key.as_str()), ("authorization", &bearer)][..],
            "found both",
        ),
        (
            &[
                ("authorization", "Basic YTpi"),
                ("authorization", &bearer),
                ("x-apikey", "configured"),
            ],
            "found both",
        ),
        (&[("x-apikey", &key), ("x-apikey", &key)], "several"),
        (
            &[("authorization", &bearer), ("authorization", &bearer)],
            "several",
        ),
        (&[], "found none"),
        (&[("authorization", "Basic YTpi")], "not `Bearer`"),
        (&[("authorization", &token)], "not `Bearer`"),
        (
            &[("authorization", &bearer_key)],
            "in the place of a connect token",
        ),
        (&[("x-apikey", &token)], "not known"),
        (&[("authorization", "Bearer cwt_wrong")], "not known"),
        (&[("x-apikey", "cwk_wrong")], "not known"),
        (&[("x-apikey", "")], "not known"),
    ] {
        let error = caller(&auth, pairs).await.unwrap_err();
        assert_eq!(error.code, Code::Unauthorized, "{pairs:?}");
        assert!(
            error.message.contains(words),
            "{pairs:?}: {}",
            error.message
        );
        assert!(!error.message.contains(&key) && !error.message.contains(&token));
    }
}

#[tokio::test]
async fn an_authorization_that_an_app_passes_on_for_others_does_not_matter_beside_a_key() {
    let place = Place::sqlite();
    let store = place.open().await.unwrap();
    let auth = auth(&store);
    for passed_on in ["", "Basic YTpi", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x"] {
        let pairs = [("x-apikey", "configured"), ("authorization", passed_on)];
        assert_eq!(caller(&auth, &pairs).await.unwrap().scope, Scope::Admin);
        let wrong = [("x-apikey", "wrong"), ("authorization", passed_on)];
        assert_eq!(
            caller(&auth, &wrong).await.unwrap_err().code,
            Code::Unauthorized
        );
    }
}

/// Covers: caller-unknown
#[tokio::test]
async fn a_revoked_key_is_refused_within_two_seconds_and_an_ended_one_says_so() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let auth = auth(&store);
        let (id, revoked) = key(&store, "admin", None).await;
        let (_, ended) = key(&store, "admin", Some(Duration::from_millis(300))).await;
        assert!(by_key(&auth, &revoked).await.is_ok() && by_key(&auth, &ended).await.is_ok());
        store.revoke_grant(GrantKind::ApiKey, &id).await.unwrap();
        let since = Instant::now();
        let error = loop {
            match by_key(&auth, &revoked).await {
                Ok(_) => assert!(since.elapsed() < Duration::from_secs(2)),
                Err(error) => break error,
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(error.code, Code::Unauthorized);
        assert!(error.message.contains("was revoked"), "{}", error.message);
        let error = by_key(&auth, &ended).await.unwrap_err();
        assert_eq!(error.code, Code::Unauthorized);
        assert!(error.message.contains("has expired"), "{}", error.message);
    }
}

/// Covers: store-down
#[tokio::test]
async fn known_callers_go_on_without_the_store_and_newcomers_are_told_to_wait() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let auth = auth(&store);
        let (_, known) = key(&store, "unified", None).await;
        let (_, newcomer) = key(&store, "unified", None).await;
        assert!(by_key(&auth, &known).await.is_ok());
        place
            .execute("ALTER TABLE grants RENAME TO elsewhere")
            .await;
        tokio::time::sleep(Duration::from_millis(1200)).await;
        for _ in 0..20 {
            assert_eq!(by_key(&auth, &known).await.unwrap().scope, Scope::Unified);
        }
        assert_eq!(
            by_key(&auth, "configured").await.unwrap().scope,
            Scope::Admin
        );
        let error = by_key(&auth, &newcomer).await.unwrap_err();
        assert_eq!(error.code, Code::ServiceUnavailable);
        assert!(error.retry_after.is_some());
        place
            .execute("ALTER TABLE elsewhere RENAME TO grants")
            .await;
        assert!(by_key(&auth, &newcomer).await.is_ok());
    }
}

#[tokio::test]
async fn made_up_keys_do_not_keep_known_callers_waiting() {
    for place in Place::all() {
        let store = place.open().await.unwrap();
        let auth = Arc::new(auth(&store));
        let (_, known) = key(&store, "read", None).await;
        assert!(by_key(&auth, &known).await.is_ok());
        let mut flood = JoinSet::new();
        for number in 0..2000 {
            let auth = Arc::clone(&auth);
            flood.spawn(async move { by_key(&auth, &format!("cwk_{number}")).await });
        }
        let until = Instant::now() + Duration::from_millis(2500);
        while Instant::now() < until {
            let asked = Instant::now();
            assert!(by_key(&auth, &known).await.is_ok());
            assert!(asked.elapsed() < Duration::from_secs(2));
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        for answer in flood.join_all().await {
            let code = answer.unwrap_err().code;
            assert!(matches!(
                code,
                Code::Unauthorized | Code::ServiceUnavailable
            ));
        }
    }
}
