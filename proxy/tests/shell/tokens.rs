//! How tokens are had, shared and replaced.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use http::{Method, StatusCode};
use serde_json::json;
use tokio::task::JoinSet;

use crate::support::{
    Acme, Act, Proxy, Seen, bearer, form, ok, token, with_access_token, with_oauth,
};

async fn started(play: impl Fn(&Seen) -> Act + Send + Sync + 'static) -> (Acme, Proxy) {
    let acme = Acme::start(play).await;
    let proxy = Proxy::start(&with_oauth(&acme)).await;
    (acme, proxy)
}

/// Covers: token-herd
#[tokio::test]
async fn a_thousand_calls_share_one_refresh() {
    let (acme, proxy) = started(|seen| {
        if seen.is_token_request() {
            Act::After(Duration::from_millis(200), Box::new(token(1)))
        } else {
            ok()
        }
    })
    .await;
    let text = "limits: { calls_in_flight: 2000, connections: 2000 }\n";
    let proxy = {
        drop(proxy);
        Arc::new(Proxy::start(&format!("{}{text}", with_oauth(&acme))).await)
    };
    let mut calls = JoinSet::new();
    for index in 0..1000 {
        let proxy = Arc::clone(&proxy);
        calls.spawn(async move { proxy.get(&format!("/unified/thing/{index}")).await.status });
    }
    let statuses = calls.join_all().await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK));
    assert_eq!(statuses.len(), 1000);
    assert_eq!(acme.token_requests(), 1);
}

/// Covers: token-herd
#[tokio::test]
async fn a_thousand_calls_refused_for_an_old_token_share_one_refresh() {
    let issued = Arc::new(AtomicU32::new(0));
    let (acme, proxy) = started(move |seen| {
        if seen.is_token_request() {
            let number = issued.fetch_add(1, Ordering::SeqCst) + 1;
            return Act::After(Duration::from_millis(50), Box::new(token(number)));
        }
        match bearer(seen) {
            "Bearer token-1" if seen.path.ends_with("/first") => ok(),
            "Bearer token-2" => ok(),
            _ => Act::After(
                Duration::from_millis(20),
                Box::new(Act::Reply(401, json!({ "message": "expired" }))),
            ),
        }
    })
    .await;
    let proxy = Arc::new(proxy);
    assert_eq!(
        proxy.get("/unified/thing/first").await.status,
        StatusCode::OK
    );
    let mut calls = JoinSet::new();
    for _ in 0..300 {
        let proxy = Arc::clone(&proxy);
        calls.spawn(async move { proxy.post("/unified/thing", "{}").await.status });
    }
    let statuses = calls.join_all().await;
    assert!(statuses.iter().all(|status| *status == StatusCode::OK));
    assert_eq!(acme.token_requests(), 2, "the first, and one for all");
}

#[tokio::test]
async fn the_form_is_that_of_a_refresh() {
    let (acme, proxy) = started(|seen| {
        if seen.is_token_request() {
            token(1)
        } else {
            ok()
        }
    })
    .await;
    proxy.get("/unified/thing/1").await;
    let seen = acme.seen();
    assert_eq!(seen[0].method, Method::POST);
    assert_eq!(
        seen[0].headers["content-type"],
        "application/x-www-form-urlencoded"
    );
    let form = form(&seen[0]);
    assert_eq!(form["grant_type"], "refresh_token");
    assert_eq!(form["client_id"], "id");
    assert_eq!(form["client_secret"], "client-secret");
    assert_eq!(form["refresh_token"], "refresh-secret");
    assert_eq!(bearer(&seen[1]), "Bearer token-1");
}

/// Covers: token-second-401
#[tokio::test]
async fn a_second_401_is_final() {
    let (acme, proxy) = started(|seen| {
        if seen.is_token_request() {
            token(seen.index)
        } else {
            Act::Reply(401, json!({ "message": "not you" }))
        }
    })
    .await;
    let got = proxy.get("/unified/thing/1").await;
    assert_eq!(got.status, StatusCode::UNAUTHORIZED);
    assert_eq!(got.json()["provider"]["message"], "not you");
    assert_eq!((acme.calls(), acme.token_requests()), (2, 2));
}

/// Covers: token-second-401
#[tokio::test]
async fn an_incurable_401_and_one_of_a_static_token_cause_no_refresh() {
    let (acme, proxy) = started(|seen| {
        if seen.is_token_request() {
            token(1)
        } else {
            Act::Reply(401, json!({ "message": "this app is blocked for good" }))
        }
    })
    .await;
    assert_eq!(
        proxy.get("/unified/thing/1").await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!((acme.calls(), acme.token_requests()), (1, 1));

    let proxy = Proxy::start(&with_access_token(&acme)).await;
    proxy.get("/unified/thing/1").await;
    assert_eq!((acme.calls(), acme.token_requests()), (2, 1));
}

/// Covers: token-revoked
#[tokio::test]
async fn a_revoked_connection_says_what_to_do_and_stops_asking() {
    let (acme, proxy) = started(|_| {
        Act::Reply(
            400,
            json!({ "error": "invalid_grant", "error_description": "refresh-secret is expired" }),
        )
    })
    .await;
    for _ in 0..3 {
        let got = proxy.get("/unified/thing/1").await;
        assert_eq!(got.status, StatusCode::UNAUTHORIZED);
        let told = got.json()["message"].as_str().unwrap().to_owned();
        assert!(told.contains("connect the account again"), "{told}");
        assert!(told.contains("`c`"), "{told}");
        assert!(!got.text.contains("refresh-secret"), "{}", got.text);
        assert_eq!(got.json()["provider"]["code"], "invalid_grant");
    }
    assert_eq!((acme.calls(), acme.token_requests()), (0, 1));
}

#[tokio::test]
async fn a_wrong_client_is_told_as_configuration() {
    let (_acme, proxy) = started(|_| Act::Reply(401, json!({ "error": "invalid_client" }))).await;
    let got = proxy.get("/unified/thing/1").await;
    assert!(got.text.contains("check client_id"), "{}", got.text);
}

/// Covers: token-endpoint-fails
#[tokio::test]
async fn a_token_endpoint_that_stumbles_is_asked_again() {
    let (acme, proxy) = started(|seen| match seen.index {
        0 => Act::Reply(503, json!({})),
        1 => Act::Reset,
        _ if seen.is_token_request() => token(1),
        _ => ok(),
    })
    .await;
    assert_eq!(proxy.get("/unified/thing/1").await.status, StatusCode::OK);
    assert_eq!(acme.token_requests(), 3);
}

/// Covers: token-endpoint-fails
#[tokio::test]
async fn an_old_token_serves_while_it_lives_and_the_endpoint_is_down() {
    let (acme, proxy) = started(|seen| match seen.index {
        // A margin is never more than a quarter of the life: after 6 of 8 seconds a new token is due.
        0 => Act::Reply(200, json!({ "access_token": "token-1", "expires_in": "8" })),
        _ if seen.is_token_request() => Act::Reply(500, json!({})),
        _ => ok(),
    })
    .await;
    assert_eq!(proxy.get("/unified/thing/1").await.status, StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(6050)).await;
    assert_eq!(proxy.get("/unified/thing/2").await.status, StatusCode::OK);
    assert!(
        acme.token_requests() > 1,
        "a refresh was tried by the clock"
    );
}

#[tokio::test]
async fn nobody_waits_for_the_next_token_while_the_old_one_lives() {
    let (acme, proxy) = started(|seen| match seen.index {
        // Due after 9 seconds of 12.
        0 => Act::Reply(200, json!({ "access_token": "token-1", "expires_in": 12 })),
        _ if seen.is_token_request() => Act::After(Duration::from_millis(800), Box::new(token(2))),
        _ => ok(),
    })
    .await;
    assert_eq!(proxy.get("/unified/thing/1").await.status, StatusCode::OK);
    tokio::time::sleep(Duration::from_millis(9050)).await;
    assert_eq!(proxy.get("/unified/thing/2").await.status, StatusCode::OK);
    let last_call = || {
        let seen = acme.seen();
        let mut calls = seen.iter().filter(|seen| !seen.is_token_request());
        bearer(calls.next_back().unwrap()).to_owned()
    };
    assert_eq!(last_call(), "Bearer token-1");
    tokio::time::sleep(Duration::from_millis(1200)).await;
    assert_eq!(proxy.get("/unified/thing/3").await.status, StatusCode::OK);
    assert_eq!(last_call(), "Bearer token-2");
    assert_eq!(acme.token_requests(), 2);
}

#[tokio::test]
async fn a_rotated_refresh_token_is_taken_over() {
    let (acme, proxy) = started(|seen| match seen.index {
        0 => Act::Reply(
            200,
            json!({ "access_token": "token-1", "refresh_token": "rotated" }),
        ),
        1 => Act::Reply(401, json!({})),
        2 => token(2),
        _ => ok(),
    })
    .await;
    assert_eq!(proxy.get("/unified/thing/1").await.status, StatusCode::OK);
    let seen = acme.seen();
    assert_eq!(form(&seen[2])["refresh_token"], "rotated");
    assert_eq!(bearer(&seen[3]), "Bearer token-2");
}

#[tokio::test]
async fn a_refresh_goes_on_when_nobody_waits_any_more() {
    let acme = Acme::start(|seen| {
        if seen.is_token_request() {
            Act::After(Duration::from_millis(300), Box::new(token(1)))
        } else {
            ok()
        }
    })
    .await;
    let text = format!(
        "{}limits: {{ request_timeout: 100ms }}\n",
        with_oauth(&acme)
    );
    let proxy = Proxy::start(&text).await;
    let got = proxy.get("/unified/thing/1").await;
    assert_eq!(got.status, StatusCode::GATEWAY_TIMEOUT);
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(proxy.get("/unified/thing/1").await.status, StatusCode::OK);
    assert_eq!(acme.token_requests(), 1);
}

/// Covers: instance-url-foreign
#[tokio::test]
async fn the_api_is_where_the_token_says_if_that_is_the_providers() {
    let api = Acme::start(|_| ok()).await;
    let told = Arc::new(std::sync::Mutex::new(api.url()));
    let tell = Arc::clone(&told);
    let login = Acme::start(move |_| {
        Act::Reply(
            200,
            json!({ "access_token": "t", "shop": *tell.lock().unwrap() }),
        )
    })
    .await;
    let text = format!(
        "connections:\n  c: {{ provider: acme, login_url: \"{}\", oauth: {{ client_id: id, refresh_token: r }} }}\n",
        login.url()
    );
    let proxy = Proxy::start(&text).await;
    assert_eq!(proxy.get("/unified/thing/1").await.status, StatusCode::OK);
    assert_eq!(api.calls(), 1);

    for elsewhere in [
        "https://x.acme.example.evil.example",
        "http://x.acme.example",
        "https://user@x.acme.example",
        "https://x.acme.example:8443",
        "https://x.acme.example/path",
        "https://169.254.169.254",
    ] {
        elsewhere.clone_into(&mut told.lock().unwrap());
        let proxy = Proxy::start(&text).await;
        let got = proxy.get("/unified/thing/1").await;
        assert_eq!(got.status, StatusCode::BAD_GATEWAY, "{elsewhere}");
        assert!(got.text.contains("not one of its own"), "{}", got.text);
    }
}
