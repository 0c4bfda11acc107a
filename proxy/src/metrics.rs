//! What is counted, for those who watch the process: every number that `/metrics` shows.
//!
//! Labels are bounded: operations and providers are names of ours, and neither a connection nor a customer is ever a
//! label. To count is an atomic addition, so whoever holds the [`Metrics`] counts where a thing happens. What is a state
//! and no event is set right before it is read, by [`Metrics::text`]'s caller.

use std::{
    collections::BTreeMap,
    fmt::{self, Write as _},
    sync::{Arc, Mutex, OnceLock, PoisonError, atomic::AtomicU64},
    time::Duration,
};

use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram, info::Info},
    registry::{Registry, Unit},
};

use crate::upstream::provider::Provider;

mod known;
mod labels;

pub use labels::{Joined, Reason, Refreshed, Reloaded, Status};

use known::{ByStatus, Known, OfOperation, OfProvider};
use labels::{
    ByLimit, ByProvider, ByState, CallLabels, JoinLabels, NativeLabels, OperationLabels,
    RefreshLabels, ReloadLabels, RetryLabels,
};

/// What [`Metrics::text`] is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// From a call that memory answers to the longest that a deadline allows, in seconds.
const DURATIONS: [f64; 12] = [
    0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// All counters of a process.
pub struct Metrics {
    registry: Registry,
    calls: Family<CallLabels, Counter>,
    calls_native: Family<OperationLabels, Counter>,
    durations: Family<OperationLabels, Histogram, fn() -> Histogram>,
    in_flight: Gauge,
    connections: Gauge,
    turned_away: Counter,
    native_calls: Family<NativeLabels, Counter>,
    native_durations: Family<ByProvider, Histogram, fn() -> Histogram>,
    retries: Family<RetryLabels, Counter>,
    retries_refused: Family<ByProvider, Counter>,
    circuits: Family<ByState, Gauge>,
    circuit_refusals: Family<ByProvider, Counter>,
    refreshes: Family<RefreshLabels, Counter>,
    waits: Family<ByProvider, Histogram, fn() -> Histogram>,
    budget_refusals: Family<ByLimit, Counter>,
    budget_waiting: Family<ByProvider, Gauge>,
    budget_left: Family<ByLimit, Gauge>,
    joined: Family<JoinLabels, Counter>,
    replays: Counter,
    store_up: Gauge,
    reloads: Family<ReloadLabels, Counter>,
    last_reload_successful: Gauge,
    pipeline_lag: Gauge<f64, AtomicU64>,
    spans_exported: Counter,
    spans_dropped: Counter,
    least: Mutex<BTreeMap<(&'static str, &'static str), Least>>,
    /// What every call counts, looked up once: to find a metric by its labels takes longer than to count.
    of_operations: Known<OperationLabels, OfOperation>,
    of_providers: Known<&'static str, OfProvider>,
}

/// The least that was told to be left since it was last read.
#[derive(Debug)]
struct Least {
    left: i64,
    is_read: bool,
}

fn durations() -> Histogram {
    Histogram::new(DURATIONS)
}

impl Default for Metrics {
    #[allow(clippy::too_many_lines)] // A table: one metric after the other.
    fn default() -> Self {
        let mut registry = Registry::with_prefix("crosswalk");
        let by_durations = durations as fn() -> Histogram;
        // A counter that is there from the beginning shows its first rise.
        let reloads = Family::default();
        for outcome in [Reloaded::Applied, Reloaded::Refused] {
            drop(reloads.get_or_create(&ReloadLabels { outcome }));
        }
        // The one that it starts with is.
        let successful = Gauge::default();
        successful.set(1);
        let build = Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version that runs", build);
        macro_rules! counted {
            ($name:literal, $help:literal, $metric:expr) => {{
                let metric = $metric;
                registry.register($name, $help, metric.clone());
                metric
            }};
            ($name:literal, $help:literal, $unit:expr, $metric:expr) => {{
                let metric = $metric;
                registry.register_with_unit($name, $help, $unit, metric.clone());
                metric
            }};
        }
        Self {
            calls: counted!(
                "calls",
                "Calls by operation, provider and class of status",
                Family::default()
            ),
            calls_native: counted!(
                "call_native_calls",
                "Calls to providers that calls of an operation took",
                Family::default()
            ),
            durations: counted!(
                "call_duration",
                "How long calls took",
                Unit::Seconds,
                Family::new_with_constructor(by_durations)
            ),
            in_flight: counted!(
                "calls_in_flight",
                "Calls that are being answered",
                Gauge::default()
            ),
            connections: counted!(
                "connections",
                "Open connections of callers",
                Gauge::default()
            ),
            turned_away: counted!(
                "connections_turned_away",
                "Connections that were answered 503 since the house was full",
                Counter::default()
            ),
            native_calls: counted!(
                "native_calls",
                "Calls to providers by class of status, retries among them",
                Family::default()
            ),
            native_durations: counted!(
                "native_call_duration",
                "How long calls to providers took",
                Unit::Seconds,
                Family::new_with_constructor(by_durations)
            ),
            retries: counted!(
                "retries",
                "Calls to providers that were made again, and why",
                Family::default()
            ),
            retries_refused: counted!(
                "retries_refused",
                "Calls to providers that were not made again since too many were already",
                Family::default()
            ),
            circuits: counted!(
                "circuits",
                "Hosts whose circuit is not closed",
                Family::default()
            ),
            circuit_refusals: counted!(
                "circuit_refusals",
                "Calls to providers that were refused by an open circuit",
                Family::default()
            ),
            refreshes: counted!(
                "token_refreshes",
                "Refreshes of tokens and how they ended",
                Family::default()
            ),
            waits: counted!(
                "budget_wait",
                "How long calls waited for their turn",
                Unit::Seconds,
                Family::new_with_constructor(by_durations)
            ),
            budget_refusals: counted!(
                "budget_refusals",
                "Calls that were refused since the provider allows no more",
                Family::default()
            ),
            budget_waiting: counted!(
                "budget_waiting",
                "Calls that wait for their turn now",
                Family::default()
            ),
            budget_left: counted!(
                "budget_left",
                "The least that any account had left of a limit since the last look",
                Family::default()
            ),
            joined: counted!(
                "joined_reads",
                "Reads that needed no call of their own",
                Family::default()
            ),
            replays: counted!(
                "idempotent_replays",
                "Writes that were answered from the store",
                Counter::default()
            ),
            store_up: counted!(
                "store_up",
                "Whether the store answers; 1 where there is none to answer",
                Gauge::default()
            ),
            reloads: counted!(
                "config_reloads",
                "Configurations that were read again, and what became of them",
                reloads
            ),
            last_reload_successful: counted!(
                "config_last_reload_successful",
                "Whether the configuration that was last read is in place",
                successful
            ),
            pipeline_lag: counted!(
                "pipeline_lag",
                "How long the pipeline that is most behind is behind: since its last good sync, its interval taken off",
                Unit::Seconds,
                Gauge::default()
            ),
            spans_exported: counted!(
                "spans_exported",
                "Spans that the collector of traces took",
                Counter::default()
            ),
            spans_dropped: counted!(
                "spans_dropped",
                "Spans that it did not take, or that found the queue full",
                Counter::default()
            ),
            registry,
            least: Mutex::default(),
            of_operations: Known::default(),
            of_providers: Known::default(),
        }
    }
}

impl Metrics {
    /// Shows of a provider what has not happened yet, as 0: where a counter begins with its first event, whoever looks for
    /// increases misses that one.
    pub fn expect(&self, provider: &'static Provider) {
        let Provider { name, limits, .. } = *provider;
        let by_provider = ByProvider { provider: name };
        for status in [
            Status::Success,
            Status::Client,
            Status::Server,
            Status::None,
        ] {
            let labels = NativeLabels {
                provider: name,
                status,
            };
            drop(self.native_calls.get_or_create(&labels));
        }
        for reason in Reason::ALL {
            let labels = RetryLabels {
                provider: name,
                reason,
            };
            drop(self.retries.get_or_create(&labels));
        }
        for result in Refreshed::ALL {
            let labels = RefreshLabels {
                provider: name,
                result,
            };
            drop(self.refreshes.get_or_create(&labels));
        }
        for how in Joined::ALL {
            let labels = JoinLabels {
                provider: name,
                how,
            };
            drop(self.joined.get_or_create(&labels));
        }
        for limit in limits {
            let labels = ByLimit {
                provider: name,
                limit: limit.name,
            };
            drop(self.budget_refusals.get_or_create(&labels));
        }
        drop(self.retries_refused.get_or_create(&by_provider));
        drop(self.circuit_refusals.get_or_create(&by_provider));
        drop(self.native_durations.get_or_create(&by_provider));
        drop(self.waits.get_or_create(&by_provider));
    }

    /// A call came to its end, after so many calls to its provider. `status` is 499 where its caller hung up.
    pub fn call(
        &self,
        operation: &'static str,
        provider: &'static str,
        status: u16,
        native_calls: u32,
        took: Duration,
    ) {
        let labels = OperationLabels {
            operation,
            provider,
        };
        let known = self.of_operations.get(labels, || OfOperation {
            calls: ByStatus::default(),
            native_calls: OnceLock::new(),
            durations: Histogram::clone(&self.durations.get_or_create(&labels)),
        });
        let calls = known.calls.of(Status::of(status), |status| {
            let labels = CallLabels {
                operation,
                provider,
                status,
            };
            Counter::clone(&self.calls.get_or_create(&labels))
        });
        calls.inc();
        known.durations.observe(took.as_secs_f64());
        if native_calls > 0 {
            let calls_native = known
                .native_calls
                .get_or_init(|| Counter::clone(&self.calls_native.get_or_create(&labels)));
            calls_native.inc_by(native_calls.into());
        }
    }

    /// A call to a provider came to its end, without a status where there was no answer.
    pub fn native_call(&self, provider: &'static str, status: Option<u16>, took: Duration) {
        let known = self.of_provider(provider);
        let status = status.map_or(Status::None, Status::of);
        let calls = known.calls.of(status, |status| {
            let labels = NativeLabels { provider, status };
            Counter::clone(&self.native_calls.get_or_create(&labels))
        });
        calls.inc();
        let durations = known.durations.get_or_init(|| {
            let labels = ByProvider { provider };
            Histogram::clone(&self.native_durations.get_or_create(&labels))
        });
        durations.observe(took.as_secs_f64());
    }

    fn of_provider(&self, provider: &'static str) -> Arc<OfProvider> {
        self.of_providers.get(provider, OfProvider::default)
    }

    /// A call to a provider is made again.
    pub fn retry(&self, provider: &'static str, reason: Reason) {
        let labels = RetryLabels { provider, reason };
        self.retries.get_or_create(&labels).inc();
    }

    /// A call to a provider would be made again if there were not too many already.
    pub fn retry_refused(&self, provider: &'static str) {
        let labels = ByProvider { provider };
        self.retries_refused.get_or_create(&labels).inc();
    }

    /// An open circuit refused a call to a provider.
    pub fn circuit_refused(&self, provider: &'static str) {
        let labels = ByProvider { provider };
        self.circuit_refusals.get_or_create(&labels).inc();
    }

    /// So many circuits of a provider are open, and so many half open.
    pub fn circuits(&self, provider: &'static str, open: u64, half_open: u64) {
        for (state, count) in [("open", open), ("half_open", half_open)] {
            let labels = ByState { provider, state };
            let gauge = self.circuits.get_or_create(&labels);
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }

    /// A refresh of a token ended.
    pub fn refreshed(&self, provider: &'static str, result: Refreshed) {
        let labels = RefreshLabels { provider, result };
        self.refreshes.get_or_create(&labels).inc();
    }

    /// A call waited for its turn, and got it or gave up.
    pub fn waited(&self, provider: &'static str, took: Duration) {
        let known = self.of_provider(provider);
        let waits = known.waits.get_or_init(|| {
            let labels = ByProvider { provider };
            Histogram::clone(&self.waits.get_or_create(&labels))
        });
        waits.observe(took.as_secs_f64());
    }

    /// A call was refused since a limit of the provider allows no more.
    pub fn budget_refused(&self, provider: &'static str, limit: &'static str) {
        let labels = ByLimit { provider, limit };
        self.budget_refusals.get_or_create(&labels).inc();
    }

    /// So many calls to a provider wait for their turn.
    pub fn budget_waiting(&self, provider: &'static str, calls: usize) {
        let labels = ByProvider { provider };
        let gauge = self.budget_waiting.get_or_create(&labels);
        gauge.set(i64::try_from(calls).unwrap_or(i64::MAX));
    }

    /// An account has so much left of a limit. Of all that is told between two looks the least is shown, so that the
    /// account that is nearest to its end is seen and no account is a label.
    pub fn budget_left(&self, provider: &'static str, limit: &'static str, left: u64) {
        let left = i64::try_from(left).unwrap_or(i64::MAX);
        let mut least = self.least.lock().unwrap_or_else(PoisonError::into_inner);
        let known = least.entry((provider, limit)).or_insert(Least {
            left,
            is_read: false,
        });
        if known.is_read || left < known.left {
            *known = Least {
                left,
                is_read: false,
            };
        }
    }

    /// So many reads needed no call of their own.
    pub fn joined(&self, provider: &'static str, how: Joined, saved: u64) {
        let labels = JoinLabels { provider, how };
        self.joined.get_or_create(&labels).inc_by(saved);
    }

    /// A write was answered from the store.
    pub fn replayed(&self) {
        self.replays.inc();
    }

    /// A caller connected and was let in.
    pub fn connected(&self) {
        self.connections.inc();
    }

    /// A connection of [`Self::connected`] ended.
    pub fn disconnected(&self) {
        self.connections.dec();
    }

    /// A caller connected and was sent away.
    pub fn turned_away(&self) {
        self.turned_away.inc();
    }

    /// So many calls are being answered.
    pub fn in_flight(&self, calls: usize) {
        self.in_flight.set(i64::try_from(calls).unwrap_or(i64::MAX));
    }

    /// A configuration was read again.
    pub fn reloaded(&self, outcome: Reloaded) {
        self.reloads.get_or_create(&ReloadLabels { outcome }).inc();
        let is_applied = outcome == Reloaded::Applied;
        self.last_reload_successful.set(i64::from(is_applied));
    }

    /// Whether the store answers.
    pub fn store_is_up(&self, is_up: bool) {
        self.store_up.set(i64::from(is_up));
    }

    /// So long is the pipeline behind that is most behind.
    pub fn pipeline_lags(&self, lag: Duration) {
        self.pipeline_lag.set(lag.as_secs_f64());
    }

    /// So many spans were taken by the collector.
    pub fn spans_exported(&self, count: u64) {
        self.spans_exported.inc_by(count);
    }

    /// So many were not.
    pub fn spans_dropped(&self, count: u64) {
        self.spans_dropped.inc_by(count);
    }

    /// Everything, as `OpenMetrics` has it.
    pub fn text(&self) -> String {
        for (&(provider, limit), least) in
            &mut *self.least.lock().unwrap_or_else(PoisonError::into_inner)
        {
            let labels = ByLimit { provider, limit };
            self.budget_left.get_or_create(&labels).set(least.left);
            least.is_read = true;
        }
        let mut text = String::new();
        if encode(&mut text, &self.registry).is_err() {
            // A String takes all, so this is never seen; an end without numbers is still OpenMetrics.
            text.clear();
            let _ = text.write_str("# EOF\n");
        }
        text
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics(…)")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_happens_is_told_by_bounded_labels() {
        let metrics = Metrics::default();
        metrics.call(
            "crm.account.get",
            "hubspot",
            200,
            2,
            Duration::from_millis(3),
        );
        metrics.call("crm.account.get", "hubspot", 499, 0, Duration::from_secs(3));
        metrics.native_call("hubspot", None, Duration::from_secs(1));
        metrics.retry("hubspot", Reason::Throttled);
        metrics.circuits("hubspot", 2, 1);
        metrics.refreshed("salesforce", Refreshed::Failed);
        metrics.joined("hubspot", Joined::Batch, 99);
        let text = metrics.text();
        for line in [
            "crosswalk_calls_total{operation=\"crm.account.get\",provider=\"hubspot\",status=\"2xx\"} 1",
            "crosswalk_calls_total{operation=\"crm.account.get\",provider=\"hubspot\",status=\"4xx\"} 1",
            "crosswalk_call_duration_seconds_bucket{le=\"0.005\",operation=\"crm.account.get\",provider=\"hubspot\"} 1",
            "crosswalk_call_native_calls_total{operation=\"crm.account.get\",provider=\"hubspot\"} 2",
            "crosswalk_native_calls_total{provider=\"hubspot\",status=\"none\"} 1",
            "crosswalk_retries_total{provider=\"hubspot\",reason=\"throttled\"} 1",
            "crosswalk_circuits{provider=\"hubspot\",state=\"open\"} 2",
            "crosswalk_token_refreshes_total{provider=\"salesforce\",result=\"failed\"} 1",
            "crosswalk_joined_reads_total{provider=\"hubspot\",how=\"batch\"} 99",
        ] {
            assert!(text.lines().any(|it| it == line), "{line}\n{text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }

    #[test]
    fn what_was_counted_before_is_counted_on_and_nothing_else_is_shown() {
        let metrics = Metrics::default();
        for status in [200, 204, 404, 200] {
            metrics.call("crm.account.get", "hubspot", status, 0, Duration::ZERO);
            metrics.native_call("hubspot", Some(status), Duration::ZERO);
            metrics.waited("hubspot", Duration::ZERO);
        }
        metrics.call("crm.account.get", "salesforce", 200, 0, Duration::ZERO);
        let text = metrics.text();
        let shown = |name: &str| {
            let lines = text.lines().filter(|line| line.starts_with(name));
            lines
                .filter_map(|line| Some(line.split_once('{')?.1.to_owned()))
                .collect::<BTreeSet<_>>()
        };
        assert_eq!(
            shown("crosswalk_calls_total{"),
            [
                "operation=\"crm.account.get\",provider=\"hubspot\",status=\"2xx\"} 3",
                "operation=\"crm.account.get\",provider=\"hubspot\",status=\"4xx\"} 1",
                "operation=\"crm.account.get\",provider=\"salesforce\",status=\"2xx\"} 1",
            ]
            .map(str::to_owned)
            .into()
        );
        assert_eq!(
            shown("crosswalk_native_calls_total{"),
            [
                "provider=\"hubspot\",status=\"2xx\"} 3",
                "provider=\"hubspot\",status=\"4xx\"} 1",
            ]
            .map(str::to_owned)
            .into()
        );
        for name in [
            "crosswalk_native_call_duration_seconds_count",
            "crosswalk_budget_wait_seconds_count",
        ] {
            assert_eq!(shown(name), ["provider=\"hubspot\"} 4".to_owned()].into());
        }
        assert_eq!(shown("crosswalk_call_native_calls_total"), [].into());
    }

    #[test]
    fn of_what_is_left_the_least_is_shown_until_it_was_seen() {
        let metrics = Metrics::default();
        let shown = |metrics: &Metrics| {
            let text = metrics.text();
            let line = text
                .lines()
                .find(|line| line.starts_with("crosswalk_budget_left{"));
            line.and_then(|line| line.rsplit(' ').next())
                .map(str::to_owned)
        };
        for left in [90, 3, 50] {
            metrics.budget_left("hubspot", "burst", left);
        }
        assert_eq!(shown(&metrics).as_deref(), Some("3"));
        assert_eq!(
            shown(&metrics).as_deref(),
            Some("3"),
            "nothing was told since"
        );
        metrics.budget_left("hubspot", "burst", 70);
        assert_eq!(shown(&metrics).as_deref(), Some("70"));
    }
}
