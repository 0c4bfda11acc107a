//! Every setting, described once: the schema, the reference page, the example, `print-config` and the names of variables
//! are made from this table. Tests hold it against what the reader takes, refuses and assumes.
//!
//! What stands below `connections` is described by [`CONNECTION`], since its keys depend on the provider.

use super::{origin::Origin, tree::Over};

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// As in `limits.connections`.
    pub path: &'static str,
    pub kind: Kind,
    pub standard: Standard,
    /// When a change of it counts.
    pub change: Change,
    /// A sentence or a few, for whoever sets it.
    pub doc: &'static str,
}

/// What a setting takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An address with a port.
    Address,
    /// The same, or a socket, as in `unix:/run/crosswalk.sock`.
    Place,
    /// The mode of a file, as in `0660`.
    Mode,
    /// The address of a collector, with http or https.
    Url,
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Flag,
    /// A whole number of this or more.
    Count(usize),
    /// A number of bytes of this or more, as in `4 MiB`.
    Bytes(usize),
    /// As in `500ms`, a day at most.
    Time,
    /// A list of texts.
    Texts,
    Secret,
    Secrets,
    /// `sqlite`, `none` or a URL, which may be a secret.
    Store,
    /// A word, or a map by provider.
    ProviderLimits,
}

/// What holds where nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standard {
    /// This, as it would be written.
    Is(&'static str),
    /// What `then` says; `example` is what one might write.
    Unset {
        then: &'static str,
        example: &'static str,
    },
}

/// When a change of a setting counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// As soon as the configuration is read again.
    Reload,
    /// After a restart; until then the old value does.
    Restart,
}

impl Setting {
    pub fn find(path: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.path == path)
    }

    /// Its environment variable.
    pub fn variable(&self) -> String {
        format!("CROSSWALK_{}", self.path.replace('.', "_").to_uppercase())
    }

    pub fn is_list(&self) -> bool {
        matches!(self.kind, Kind::Texts | Kind::Secrets)
    }

    pub fn is_secret(&self) -> bool {
        matches!(self.kind, Kind::Secret | Kind::Secrets | Kind::Store)
    }

    pub(super) fn over(&'static self, value: &str, origin: Origin) -> Over {
        Over {
            path: self.path,
            text: value.to_owned(),
            is_list: self.is_list(),
            origin,
        }
    }
}

impl Kind {
    /// For the reference page.
    pub fn title(self) -> String {
        match self {
            Self::Address => "address and port".to_owned(),
            Self::Place => "address and port, or `unix:/path`".to_owned(),
            Self::Mode => "mode of a file, in quotes".to_owned(),
            Self::Url => "address with http or https".to_owned(),
            Self::Text => "text".to_owned(),
            Self::Word(words) => {
                let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
                words.join(", ")
            }
            Self::Flag => "`true`, `false`".to_owned(),
            Self::Count(least) => format!("number, {least} or more"),
            Self::Bytes(least) => format!("bytes, {least} or more"),
            Self::Time => "time, 1ms to 24h".to_owned(),
            Self::Texts => "list".to_owned(),
            Self::Secret => "secret".to_owned(),
            Self::Secrets => "list of secrets".to_owned(),
            Self::Store => {
                "`sqlite`, `sqlite:/path`, `none`, or the URL of a PostgreSQL".to_owned()
            }
            Self::ProviderLimits => "`off`, `assumed`, or either or numbers by provider".to_owned(),
        }
    }
}

/// One key of a connection.
#[derive(Debug)]
pub(super) struct ConnectionKey {
    /// As in `oauth.client_id`.
    pub path: &'static str,
    pub is_secret: bool,
    pub doc: &'static str,
}

/// The keys that connections of all providers have. A provider whose accounts have hosts of their own names one more.
pub(super) const CONNECTION: &[ConnectionKey] = &[
    ConnectionKey {
        path: "provider",
        is_secret: false,
        doc: "Whose account it is.",
    },
    ConnectionKey {
        path: "api_version",
        is_secret: false,
        doc: "The version of the provider's API, in quotes. Unset: the newest that this version of Crosswalk was tested with.",
    },
    ConnectionKey {
        path: "login_url",
        is_secret: false,
        doc: "The host that issues tokens, where the provider has several.",
    },
    ConnectionKey {
        path: "base_url",
        is_secret: false,
        doc: "Another place of the API: a sandbox on this machine, or an https host of the provider's own.",
    },
    ConnectionKey {
        path: "access_token",
        is_secret: true,
        doc: "A token that is used as it is. Beside `oauth` it is used until the provider refuses it.",
    },
    ConnectionKey {
        path: "oauth.client_id",
        is_secret: false,
        doc: "The app's id. It may be env:NAME or file:/path.",
    },
    ConnectionKey {
        path: "oauth.client_secret",
        is_secret: true,
        doc: "The app's secret, unless it has none.",
    },
    ConnectionKey {
        path: "oauth.refresh_token",
        is_secret: true,
        doc: "What new access tokens are had with.",
    },
];

use Change::{Reload, Restart};
use Standard::{Is, Unset};

const fn setting(
    path: &'static str,
    kind: Kind,
    standard: Standard,
    change: Change,
    doc: &'static str,
) -> Setting {
    Setting {
        path,
        kind,
        standard,
        change,
        doc,
    }
}

/// Every setting but the connections, in the order in which they are shown.
#[rustfmt::skip] // A table: one line for what is set, one for what it means.
pub const SETTINGS: &[Setting] = &[
    setting("listen", Kind::Place, Is("127.0.0.1:4040"), Restart,
        "Where to listen. Whoever reaches it and knows an API key acts for every connection, so keep it on loopback. `unix:/run/crosswalk/api.sock` is a socket for callers on this machine that may open the file; what is left of a process that was killed is replaced, one that somebody listens on is not. Sockets that systemd hands over (named `api` and `admin` by FileDescriptorName=) go before what is said here."),
    setting("listen_mode", Kind::Mode, Unset { then: "`0660`, where `listen` is a socket", example: "\"0660\"" }, Restart,
        "Who may open the socket that `listen` names: by default its owner and group."),
    setting("admin_listen", Kind::Address, Unset { then: "nowhere", example: "127.0.0.1:4043" }, Restart,
        "Where those who watch find /metrics, /livez and /readyz, without a key; nowhere unless told. The explorer is there as well, at /: it shows nothing of customers without an API key. Keep it on loopback or on a network of the operators' own."),
    setting("native_door", Kind::Flag, Is("true"), Restart,
        "Whether /proxy/… reaches the provider's own API with a connection's credentials and limits, for what the unified API does not have. It takes a key with the scope `native` or `admin`."),
    setting("api_keys", Kind::Secrets, Unset { then: "those of the store", example: "[\"env:CROSSWALK_API_KEY\"]" }, Reload,
        "What callers send in x-apikey, for those who may do all. `crosswalk keys` makes others, in the store. Several keys let one be replaced while the other still works. None must be there where a store is kept; without one, they must."),
    setting("store", Kind::Store, Unset { then: "`sqlite` where there is a `state_dir`, `none` otherwise", example: "sqlite" }, Restart,
        "What is kept: customers, connections, pipelines, API keys. `sqlite` is a file in state_dir; several proxies share a PostgreSQL by its URL, as in \"env:STORE_URL\"; `none` keeps nothing and leaves the connections below alone."),
    setting("state_dir", Kind::Text, Unset { then: "`$STATE_DIRECTORY`, `$XDG_STATE_HOME/crosswalk` or `~/.local/state/crosswalk`", example: "/var/lib/crosswalk" }, Restart,
        "The folder of what is kept. Unset: $STATE_DIRECTORY, $XDG_STATE_HOME/crosswalk or ~/.local/state/crosswalk."),
    setting("store_key", Kind::Secret, Unset { then: "`store.key` in `state_dir`", example: "file:/var/lib/crosswalk/store.key" }, Restart,
        "Seals the secrets in the store; made on the first start where the file is missing. Keep a copy: without it every customer has to connect again."),
    setting("org_id", Kind::Text, Is("org_crosswalk"), Restart,
        "The organisation that the API names."),
    setting("public_url", Kind::Text, Unset { then: "where it listens", example: "https://connect.example.com" }, Restart,
        "Where browsers reach this proxy, for links that let customers connect their accounts. Unset: where it listens."),
    setting("allowed_hosts", Kind::Texts, Is("[]"), Reload,
        "Further values of Host to answer to; localhost, 127.0.0.1 and [::1] always are. Others are refused with 421."),
    setting("allowed_origins", Kind::Texts, Is("[]"), Reload,
        "Values of Origin to answer to. None by default: no web page may call the proxy."),
    setting("cursor_key", Kind::Secret, Unset { then: "it follows from `api_keys`", example: "\"file:/run/secrets/cursor-key\"" }, Reload,
        "Signs cursors. Unset, it follows from the API keys: then cursors end when the keys change."),
    setting("provider_limits", Kind::ProviderLimits, Unset { then: "`assumed`, but for a provider that is played on this machine", example: "{ hubspot: { burst: 190 } }" }, Restart,
        "What is assumed of providers' own limits until they tell: what mappings/<provider>/provider.yaml says, but for one that is played on this machine. `off`, `assumed` (on this machine too), or by provider: off, assumed, or numbers of one's plan."),
    setting("reload", Kind::Word(&["on_change", "on_signal"]), Is("on_change"), Restart,
        "When the configuration is read again: when its file changes, or one that a secret comes from, or at SIGHUP alone."),

    setting("webhooks.allow_private", Kind::Flag, Is("false"), Restart, "whether webhooks may lead into private networks, and without TLS there; those on loopback always may"),

    setting("limits.request_body_bytes", Kind::Bytes(1024), Is("4 MiB"), Reload, "above it 413"),
    setting("limits.response_body_bytes", Kind::Bytes(1024), Is("64 MiB"), Restart, "of a provider, after it is inflated"),
    setting("limits.header_bytes", Kind::Bytes(8192), Is("32 KiB"), Restart, "of a request's head; above it 431"),
    setting("limits.headers", Kind::Count(1), Is("100"), Restart, "of a request; above it 431"),
    setting("limits.connections", Kind::Count(1), Is("1024"), Restart, "further ones are answered 503 and closed"),
    setting("limits.calls_in_flight", Kind::Count(1), Is("512"), Restart, "further ones are answered 503 at once"),
    setting("limits.threads", Kind::Count(1), Is("1"), Restart, "that answer calls; pipelines and webhooks have one of their own"),
    setting("limits.native_calls_side_by_side", Kind::Count(1), Is("8"), Reload, "of one call"),
    setting("limits.queue_length", Kind::Count(1), Is("1000"), Restart, "calls of an account that wait for their turn under its provider's limits; further ones are answered 429"),
    setting("limits.queue_wait", Kind::Time, Is("30s"), Restart, "how long each of them waits; one whose turn would come later is answered 429 at once"),
    setting("limits.remembered_bytes", Kind::Bytes(1024), Is("64 MiB"), Restart, "answers of providers that are remembered for some minutes, over all connections"),
    setting("limits.connections_in_memory", Kind::Count(1), Is("20000"), Restart, "of the store; further ones are read again when they are used"),
    setting("limits.request_timeout", Kind::Time, Is("60s"), Reload, "a whole call; a caller may ask for less by x-request-timeout"),
    setting("limits.body_timeout", Kind::Time, Is("30s"), Reload, "until a request's body has come"),
    setting("limits.idle_timeout", Kind::Time, Is("90s"), Restart, "until a connection has sent its next request's head"),
    setting("limits.native_timeout", Kind::Time, Is("30s"), Restart, "one native call"),
    setting("limits.connect_timeout", Kind::Time, Is("5s"), Restart, "until a provider's socket is open"),
    setting("limits.token_timeout", Kind::Time, Is("20s"), Restart, "one refresh of a token, with its retries"),
    setting("limits.recorded_calls", Kind::Count(0), Is("500"), Restart, "calls that are remembered for who looks on the admin port, where there is one; 0: none"),
    setting("limits.recorded_bytes", Kind::Bytes(1024), Is("16 MiB"), Restart, "that they take at most"),
    setting("limits.pipelines_at_once", Kind::Count(1), Is("2"), Restart, "pipelines that this process syncs at one time"),
    setting("limits.pipeline_lease", Kind::Time, Is("15s"), Restart, "after so long without a word from the sidecar that runs a pipeline another one takes it over"),
    setting("limits.full_walk_interval", Kind::Time, Is("24h"), Restart, "how often all is read where the provider does not tell what was deleted"),
    setting("limits.join_reads", Kind::Flag, Is("true"), Restart, "reads that are under way together become one call to the provider, where it has one for many"),
    setting("limits.idempotency_keep", Kind::Time, Is("24h"), Restart, "how long the answer to a write with an Idempotency-Key is kept"),
    setting("limits.idempotency_lease", Kind::Time, Is("15s"), Restart, "after so long without a word from the sidecar that carries it out it is taken to have ended"),
    setting("limits.idempotency_answer_bytes", Kind::Bytes(1024), Is("1 MiB"), Restart, "a larger answer is not kept"),
    setting("limits.drain_timeout", Kind::Time, Is("30s"), Restart, "calls may go on so long after SIGTERM"),

    setting("log.format", Kind::Word(&["human", "json"]), Unset { then: "`human` on a terminal, `json` otherwise", example: "json" }, Restart, "human or json; unset: human on a terminal, JSON otherwise"),
    setting("log.level", Kind::Word(&["error", "warn", "info", "debug"]), Is("info"), Reload, "error, warn, info or debug; info has one line for each call"),

    setting("telemetry.otlp_endpoint", Kind::Url, Unset { then: "`$OTEL_EXPORTER_OTLP_ENDPOINT`, or nothing is sent", example: "http://127.0.0.1:4318" }, Restart,
        "a collector of traces on this machine or in a private network, to which a span for each call and each native call is sent as OTLP in JSON over HTTP; /v1/traces is added. A caller's `traceparent` is gone on with"),
    setting("telemetry.service_name", Kind::Text, Unset { then: "`$OTEL_SERVICE_NAME`, or `crosswalk`", example: "crosswalk" }, Restart, "the name that spans have"),

    setting("tls.roots", Kind::Word(&["system", "bundled"]), Is("system"), Restart, "whom to trust: the machine's store, or Mozilla's list with `bundled`"),
    setting("tls.http2", Kind::Flag, Is("false"), Restart, "whether providers are offered HTTP/2; HTTP/1.1 costs less per call"),
];

#[cfg(test)]
pub(in crate::config) mod tests;
