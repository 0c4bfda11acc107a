//! Every setting and limit, its default and the reason for the default.
//!
//! The configuration is one YAML file, under what flags and environment variables say. All mistakes in it are told at
//! once, each with its place. A secret is written as `env:NAME` or `file:/path`, or plainly, which is warned about.
//! [`SETTINGS`] describes every setting; the schema, the reference page and the example are made from it. The only room
//! that reads the environment. Never reloads by itself, and never shows a secret.

use std::{
    fmt::{self, Write as _},
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use secrecy::SecretString;
use url::Url;

use crate::{
    route::Api,
    store::{Location, keys::KeySource},
    translate::ConnectionSettings,
    upstream::provider::Provider,
};

pub(crate) mod changes;
mod check;
mod documents;
pub(crate) mod given;
mod layers;
mod live;
mod origin;
mod print;
mod provider_limits;
mod schema;
mod settings;
mod tree;

pub(crate) use check::{is_allowed_host, is_loopback, is_origin, with_origin};
pub use documents::{example, reference};
pub use layers::{DEFAULT_FILE, Flag, Layers};
pub use live::LiveLimits;
pub use origin::Origin;
pub use print::{Form, print};
pub use provider_limits::{Assumed, ProviderLimits};
pub use schema::schema;
pub use settings::{Change, Kind, SETTINGS, Setting, Standard};
pub use tree::Mistake;

/// All that a proxy is told by its user.
#[derive(Debug)]
pub struct Config {
    /// Where to listen. Loopback by default, since whoever reaches the port and knows a key acts for every connection.
    pub listen: SocketAddr,
    /// A socket in the place of `listen`, for callers on this machine alone.
    pub listen_unix: Option<UnixSocket>,
    /// Where those who watch the process find `/metrics`, `/livez` and `/readyz`; nowhere unless told. Without a key, so
    /// what listens there is for loopback or a network of the operators' own.
    pub admin_listen: Option<SocketAddr>,
    pub state: State,
    /// Whether `/proxy/…` reaches providers' own APIs. By default it does: it takes a key that may do all, or one that was
    /// made for it, so nobody may do more than was meant, and whoever misses something in the unified API needs no second
    /// way with credentials of its own.
    pub native_door: bool,
    /// Who may call, and may do all: the values of `x-apikey` that are taken beside the keys in the store.
    pub api_keys: Vec<SecretString>,
    /// Values of `Host` that are taken beside loopback's names; all others are refused, which stops DNS rebinding.
    pub allowed_hosts: Vec<String>,
    /// Values of `Origin` that are taken. None by default: a web page has no business with a sidecar.
    pub allowed_origins: Vec<String>,
    pub limits: Limits,
    pub provider_limits: ProviderLimits,
    pub log: Log,
    pub telemetry: Telemetry,
    pub tls: Tls,
    pub reload: Reload,
    pub connections: Vec<Connection>,
    /// What is allowed and still worth a line in the log.
    pub warnings: Vec<String>,
    /// The files that secrets were read from.
    pub files: Vec<PathBuf>,
    /// The environment variables that secrets were read from.
    pub variables: Vec<String>,
}

/// Where a proxy listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listening {
    pub listen: SocketAddr,
    /// In the place of `listen`.
    pub listen_unix: Option<UnixSocket>,
    pub admin_listen: Option<SocketAddr>,
}

/// When the configuration is read again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reload {
    /// When its file changes, or one that a secret comes from, and at SIGHUP.
    #[default]
    OnChange,
    /// At SIGHUP alone.
    OnSignal,
}

/// A socket that is a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnixSocket {
    pub path: PathBuf,
    /// Who may connect, as the mode of a file.
    pub mode: u32,
}

/// What is kept, and what follows from keeping it.
#[derive(Debug, Clone)]
pub struct State {
    /// The folder of what lasts: the store's file, its key, destinations that are files. None where nothing lasts.
    pub folder: Option<PathBuf>,
    /// None where nothing is kept: then there are the connections of the configuration and no others.
    pub store: Option<StoreSettings>,
    /// The organisation that this installation is for, as the API names it.
    pub org_id: String,
    /// Where browsers reach this proxy, for magic links and consents; where it listens, unless told otherwise.
    pub public_url: Option<Url>,
    /// Whether webhooks may lead into private networks, and without TLS there. Not by default: who can make a webhook
    /// could otherwise have this proxy call what only it can reach.
    pub private_webhooks: bool,
}

/// The store and the key of its secrets.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    pub location: Location,
    pub keys: KeySource,
}

/// What may be used up. Everything that can grow has its bound here.
#[derive(Debug, Clone)]
pub struct Limits {
    /// A request's body. A batch of 10,000 ids is well below 1 MiB; 4 MiB leaves room for long notes.
    pub request_body_bytes: usize,
    /// A provider's response, after it is inflated. 2,000 wide rows are about 20 MiB.
    pub response_body_bytes: usize,
    /// The head of a request: line and headers.
    pub header_bytes: usize,
    /// The headers of a request. No client of an API sends half as many.
    pub headers: usize,
    /// Open connections; further ones are answered 503 and closed, since one that waits unheard looks like a fault of
    /// the network.
    pub connections: usize,
    /// Calls at one time; further ones are answered 503 at once, since a queue would only hide the overload.
    pub calls_in_flight: usize,
    /// Threads that answer calls. One serves thousands of calls a second, and costs each of them least: nothing has to
    /// pass from thread to thread. Pipelines and webhooks have a thread of their own.
    pub threads: usize,
    /// Native calls of one unified call at one time. Providers' own
    /// clients and browsers allow themselves 6, so 8 is polite.
    pub native_calls_side_by_side: usize,
    /// Calls of one account at a provider that wait for their turn under its limits. At 100 calls in 10 seconds the last
    /// of so many would wait for 100 seconds, longer than any caller does.
    pub queue_length: usize,
    /// How long a call waits for its turn, where its deadline allows so long. Callers rather hear `Retry-After`.
    pub queue_wait: Duration,
    /// Answers of providers that are remembered for some minutes, such as descriptions of objects: their bytes, over
    /// all connections. One description is up to 1 MiB.
    pub remembered_bytes: usize,
    /// Connections of the store that are in memory, at some KiB each; further ones are read again when they are used.
    pub connections_in_memory: usize,
    /// The whole of one call; a caller may ask for less by `x-request-timeout`. Callers' own timeouts are rarely longer.
    pub request_timeout: Duration,
    /// Until a body has been read. Callers are on the same machine.
    pub body_timeout: Duration,
    /// Until a connection has sent the whole head of its next request. It ends idle connections as well, so it is
    /// longer than the idle time of usual client pools, which would otherwise race with our closing.
    pub idle_timeout: Duration,
    /// One native call. Providers cut their own calls at 20 to 30 seconds.
    pub native_timeout: Duration,
    /// Until a provider's socket is open.
    pub connect_timeout: Duration,
    /// One refresh of a token, with its retries.
    pub token_timeout: Duration,
    /// Pipelines that sync at one time, in this process. Each holds two pages in memory and up to four connections to
    /// its destination.
    pub pipelines_at_once: usize,
    /// After so long without a word from the sidecar that runs a pipeline another one takes it over. Long enough for a
    /// store that is slow for a moment.
    pub pipeline_lease: Duration,
    /// Where a provider does not tell what was deleted, all records are read so often to find out.
    pub full_walk_interval: Duration,
    /// Whether reads are joined: identical ones that are under way, and single ones into the provider's call for many.
    /// It saves calls, which providers count; without it each read is a native call of its own.
    pub join_reads: bool,
    /// How long the answer to a write with an `Idempotency-Key` is kept: a day, as with the APIs that people know.
    pub idempotency_keep: Duration,
    /// After so long without a word from the sidecar that carries out such a write it is taken to have ended. Long enough
    /// for a store that is slow for a moment.
    pub idempotency_lease: Duration,
    /// The largest answer to such a write that is kept. A record with all its fields is rarely a tenth of it.
    pub idempotency_answer_bytes: usize,
    /// The last calls that the port of those who watch tells of; 0 for none. Without that port none are kept.
    pub recorded_calls: usize,
    /// What they take in memory; a call that was recorded in full may take a quarter of it.
    pub recorded_bytes: usize,
    /// How long calls may go on after SIGTERM. Orchestrators commonly kill after 30 seconds.
    pub drain_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_body_bytes: 4 * 1024 * 1024,
            response_body_bytes: 64 * 1024 * 1024,
            header_bytes: 32 * 1024,
            headers: 100,
            connections: 1024,
            calls_in_flight: 512,
            threads: 1,
            native_calls_side_by_side: 8,
            queue_length: 1000,
            queue_wait: Duration::from_secs(30),
            remembered_bytes: 64 * 1024 * 1024,
            connections_in_memory: 20_000,
            request_timeout: Duration::from_mins(1),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(90),
            native_timeout: Duration::from_secs(30),
            connect_timeout: Duration::from_secs(5),
            token_timeout: Duration::from_secs(20),
            pipelines_at_once: 2,
            pipeline_lease: Duration::from_secs(15),
            full_walk_interval: Duration::from_hours(24),
            join_reads: true,
            idempotency_keep: Duration::from_hours(24),
            idempotency_lease: Duration::from_secs(15),
            idempotency_answer_bytes: 1024 * 1024,
            recorded_calls: 500,
            recorded_bytes: 16 * 1024 * 1024,
            drain_timeout: Duration::from_secs(30),
        }
    }
}

/// Where traces go.
#[derive(Debug, Clone)]
pub struct Telemetry {
    /// A collector by HTTP, to whose address `/v1/traces` is added. None by default: then there are no traces.
    pub otlp_endpoint: Option<Url>,
    /// What this process is called there.
    pub service_name: String,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            service_name: "crosswalk".to_owned(),
        }
    }
}

/// How to log.
#[derive(Debug, Clone, Copy, Default)]
pub struct Log {
    /// Unset: human on a terminal, JSON otherwise.
    pub format: Option<LogFormat>,
    pub level: Level,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    Human,
    Json,
}

/// The least that is logged. `info` has one line for each call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Tls {
    pub roots: Roots,
    /// Whether providers are offered HTTP/2, in which all calls to a host share one connection. HTTP/1.1 costs less per
    /// call, and a connection that breaks takes one call along.
    pub http2: bool,
}

impl From<Roots> for Tls {
    fn from(roots: Roots) -> Self {
        Self {
            roots,
            ..Self::default()
        }
    }
}

/// Whom to trust when a provider shows its certificate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Roots {
    /// The machine's store, which knows a company's own authority.
    #[default]
    System,
    /// Mozilla's list, built in, for images that have no store.
    Bundled,
}

/// One customer's account at a provider.
#[derive(Debug)]
pub struct Connection {
    pub provider: &'static Provider,
    /// The version of the provider's API, as it stands in paths.
    pub api_version: String,
    /// Scheme, host and port of the API; none where they come with the token.
    pub base_url: Option<Url>,
    /// The token endpoint, complete.
    pub token_url: Url,
    pub credentials: Credentials,
    /// The part that translators may know.
    pub settings: Arc<ConnectionSettings>,
}

/// What opens an account. Nothing of it shows in `Debug`.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// A token that is used as it is; when the provider refuses it, a person must act.
    AccessToken(SecretString),
    OAuth(OAuth),
}

#[derive(Debug, Clone)]
pub struct OAuth {
    pub client_id: String,
    pub client_secret: Option<SecretString>,
    pub refresh_token: SecretString,
    /// Used until the provider refuses it, where there is one.
    pub access_token: Option<SecretString>,
}

/// The configuration cannot be used; every reason, in the order of the file.
#[derive(Debug, thiserror::Error)]
pub struct ConfigError {
    pub mistakes: Vec<Mistake>,
    /// The files that secrets were read from.
    pub files: Vec<PathBuf>,
    /// Those that could not be read: one that comes later may be what was missing.
    pub missing: Vec<PathBuf>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        for mistake in &self.mistakes {
            writeln!(text, "{mistake}")?;
        }
        f.write_str(text.trim_end())
    }
}

/// Reads and checks the file at `path`, under what the environment says.
pub fn read(path: &Path, api: &Api) -> Result<Config, ConfigError> {
    Layers::of_environment(path, Vec::new(), &[]).read(api)
}

/// Reads and checks `text` and nothing else; `name` stands for it in mistakes, `environment` resolves `env:NAME`.
pub fn parse(
    name: &str,
    text: &str,
    api: &Api,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    check::config(name, text, Vec::new(), api, environment)
}

/// `127.0.0.1:4040`: fixed and easy to remember.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4040);

#[cfg(test)]
mod tests;
