//! `/readyz?verbose`: what the readiness is made of, for people, with how long it took to find out.

use std::time::Duration;

use http::{Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{Pipeline, STORE_ANSWERS, json as json_response};
use bytes::Bytes;

impl Pipeline {
    /// The status is that of the short answer: a store that is down for a while costs those nothing whose connections are
    /// in memory, so it is told here and does not send callers elsewhere. No provider is asked.
    pub(crate) async fn ready_in_detail(&self) -> Response<Full<Bytes>> {
        let is_draining = self.is_draining();
        let mut checks = vec![check(
            "draining",
            if is_draining { "failed" } else { "ok" },
            Duration::ZERO,
        )];
        let limit = self.limits.now().calls_in_flight;
        let busy = limit - self.places.available_permits();
        let is_full = busy >= limit;
        let mut places = check(
            "calls_in_flight",
            if is_full { "failed" } else { "ok" },
            Duration::ZERO,
        );
        places["in_flight"] = busy.into();
        places["limit"] = limit.into();
        checks.push(places);
        checks.push(timed("api_key", self.has_key()).await);
        if let Some(store) = &self.own.store {
            let pong = async { store.ping().await.map(|()| true).map_err(|_| ()) };
            checks.push(timed("store", pong).await);
            let began = Instant::now();
            let lag = tokio::time::timeout(STORE_ANSWERS, store.pipeline_lag()).await;
            let (state, lag) = match lag {
                Ok(Ok(lag)) => ("ok", Some(lag)),
                _ => ("failed", None),
            };
            let mut pipelines = check("pipelines", state, began.elapsed());
            pipelines["lag_seconds"] = lag.map_or(Value::Null, |lag| json!(lag.as_secs_f64()));
            checks.push(pipelines);
        }
        let (status, word) = if is_draining {
            (StatusCode::SERVICE_UNAVAILABLE, "draining")
        } else {
            (StatusCode::OK, "ok")
        };
        let body = json!({ "status": word, "checks": checks });
        json_response(status, body.to_string().into_bytes())
    }

    async fn has_key(&self) -> Result<bool, ()> {
        self.auth.has_key().await.map_err(|_| ())
    }
}

async fn timed(name: &str, asked: impl Future<Output = Result<bool, ()>>) -> Value {
    let began = Instant::now();
    let is_good = tokio::time::timeout(STORE_ANSWERS, asked).await;
    let state = match is_good {
        Ok(Ok(true)) => "ok",
        _ => "failed",
    };
    check(name, state, began.elapsed())
}

fn check(name: &str, state: &str, took: Duration) -> Value {
    json!({ "name": name, "state": state, "duration_ms": took.as_secs_f64() * 1000.0 })
}
