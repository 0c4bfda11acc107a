//! The way of spans to the collector: in portions, beside all else. What cannot be delivered is dropped and counted.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, header::CONTENT_TYPE};
use http_body_util::Full;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use url::Url;

use super::{Span, json};
use crate::{
    config::{Limits, Telemetry},
    metrics::Metrics,
    upstream::{Trust, client::Client, reach::Reach},
};

/// Spans of one post.
const PORTION: usize = 512;
/// How long the first of them waits for others.
const PAUSE: Duration = Duration::from_secs(2);
/// How long the collector may take.
const LONGEST: Duration = Duration::from_secs(10);
/// The same when the process ends.
const LAST: Duration = Duration::from_secs(2);

/// Where the collector is.
#[derive(Debug)]
pub struct Endpoint {
    client: Client,
    url: Url,
    service: String,
}

/// What delivers spans.
#[derive(Debug)]
pub struct Exporting {
    waiting: mpsc::Receiver<Span>,
    metrics: Arc<Metrics>,
    endpoint: Endpoint,
}

impl Endpoint {
    /// None where no collector is configured.
    pub fn new(telemetry: &Telemetry, limits: &Limits, trust: &Trust) -> Option<Self> {
        let mut url = telemetry.otlp_endpoint.clone()?;
        let path = url.path().trim_end_matches('/');
        url.set_path(&format!("{path}/v1/traces"));
        Some(Self {
            // Collectors are beside what they collect from.
            client: Client::new(limits, trust, Reach::Inside),
            url,
            service: telemetry.service_name.clone(),
        })
    }
}

impl Exporting {
    pub(super) fn new(
        waiting: mpsc::Receiver<Span>,
        metrics: Arc<Metrics>,
        endpoint: Endpoint,
    ) -> Self {
        Self {
            waiting,
            metrics,
            endpoint,
        }
    }

    /// Delivers until `end` says so, then what is left.
    pub async fn run(mut self, mut end: watch::Receiver<bool>) {
        let mut portion = Vec::new();
        let mut due = Instant::now();
        loop {
            tokio::select! {
                span = self.waiting.recv() => {
                    let Some(span) = span else { break };
                    if portion.is_empty() {
                        due = Instant::now() + PAUSE;
                    }
                    portion.push(span);
                    if portion.len() < PORTION {
                        continue;
                    }
                }
                () = tokio::time::sleep_until(due), if !portion.is_empty() => {}
                // An error is a process that is gone.
                _ = end.wait_for(|end| *end) => break,
            }
            self.deliver(std::mem::take(&mut portion), LONGEST).await;
        }
        while let Ok(span) = self.waiting.try_recv() {
            portion.push(span);
        }
        if !portion.is_empty() {
            self.deliver(portion, LAST).await;
        }
    }

    async fn deliver(&self, portion: Vec<Span>, within: Duration) {
        let count = portion.len() as u64;
        let body = json::request(&self.endpoint.service, &portion);
        let request = Request::builder()
            .method(Method::POST)
            .uri(self.endpoint.url.as_str())
            .header(CONTENT_TYPE, "application/json")
            .body(Full::new(Bytes::from(body)));
        let Ok(request) = request else {
            self.metrics.spans_dropped(count);
            return;
        };
        let sent = self
            .endpoint
            .client
            .send_for_head(request, Instant::now() + within);
        match sent.await {
            Ok((status, _)) if status.is_success() => self.metrics.spans_exported(count),
            Ok((status, _)) => {
                self.metrics.spans_dropped(count);
                tracing::warn!(
                    spans = count,
                    status = status.as_u16(),
                    "the collector refused spans"
                );
            }
            Err(failure) => {
                self.metrics.spans_dropped(count);
                tracing::warn!(spans = count, %failure, "the collector was not reached");
            }
        }
    }
}
