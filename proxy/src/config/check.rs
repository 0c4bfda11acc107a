//! From the tree to the configuration: what is refused, and with which words.

use std::{net::SocketAddr, path::PathBuf};

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use super::{
    Config, ConfigError, DEFAULT_LISTEN, Level, Limits, Listening, Log, LogFormat, Reload, Roots,
    Tls,
    tree::{Map, Over, Source, Value},
};
use crate::route::Api;

mod connection;
mod listen;
mod place;
mod provider_limits;
mod secret;
mod store;
mod telemetry;

pub(super) use telemetry::{ENDPOINT as OTLP_ENDPOINT, SERVICE as OTEL_SERVICE};

pub(crate) use place::{is_allowed_host, is_loopback, is_origin, with_origin};

struct Check<'a> {
    source: Source<'a>,
    api: &'a Api,
    environment: &'a dyn Fn(&str) -> Option<String>,
    warnings: Vec<String>,
    /// What secrets were read from.
    files: Vec<PathBuf>,
    /// What they could not be read from.
    missing: Vec<PathBuf>,
    /// The variables that the file names.
    variables: Vec<String>,
}

/// Where a proxy listens, whatever else is wrong.
pub(super) fn listening(
    name: &str,
    text: &str,
    over: Vec<Over>,
    api: &Api,
) -> Result<Listening, ConfigError> {
    let mut check = Check {
        source: Source::new(name, text, over),
        api,
        environment: &|_| None,
        warnings: Vec::new(),
        files: Vec::new(),
        missing: Vec::new(),
        variables: Vec::new(),
    };
    let listening = check.source.root().map(|mut root| {
        let (listen, listen_unix) = check.listen(&mut root);
        Listening {
            listen,
            listen_unix,
            admin_listen: check.admin_listen(&mut root, listen),
        }
    });
    match listening {
        Some(listening) if check.source.mistakes.is_empty() => Ok(listening),
        _ => Err(ConfigError {
            mistakes: check.source.mistakes,
            files: Vec::new(),
            missing: Vec::new(),
        }),
    }
}

pub(super) fn config(
    name: &str,
    text: &str,
    over: Vec<Over>,
    api: &Api,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, ConfigError> {
    let mut check = Check {
        source: Source::new(name, text, over),
        api,
        environment,
        warnings: Vec::new(),
        files: Vec::new(),
        missing: Vec::new(),
        variables: Vec::new(),
    };
    let Some(root) = check.source.root() else {
        return Err(ConfigError {
            mistakes: check.source.mistakes,
            files: Vec::new(),
            missing: Vec::new(),
        });
    };
    let config = check.root(root);
    if check.source.mistakes.is_empty() {
        Ok(config)
    } else {
        let mut mistakes = check.source.mistakes;
        mistakes.sort_by_key(|mistake| mistake.place);
        Err(ConfigError {
            mistakes,
            files: config.files,
            missing: check.missing,
        })
    }
}

impl Check<'_> {
    /// Goes on after a mistake, with the default in place of the wrong value: the result counts only without any.
    fn root(&mut self, mut root: Map) -> Config {
        let (listen, listen_unix) = self.listen(&mut root);
        let admin_listen = self.admin_listen(&mut root, listen);
        let state = self.state(&mut root);
        if listen_unix.is_some() && state.store.is_some() && state.public_url.is_none() {
            self.warnings.push(
                "public_url: missing; no browser reaches a socket, so links for customers lead nowhere without it"
                    .to_owned(),
            );
        }
        let native_door = root.take("native_door").and_then(|value| {
            value.parse(&mut self.source, "true or false", |text| text.parse().ok())
        });
        let has_keys = root.has("api_keys");
        let api_keys = self.api_keys(&mut root, state.store.is_some());
        let allowed_hosts = self.texts(root.take("allowed_hosts"));
        let allowed_origins = self.texts(root.take("allowed_origins"));
        let is_unsigned = !has_keys && !root.has("cursor_key");
        if is_unsigned && state.store.is_some() && root.has("connections") {
            self.source.mistake(
                root.at(),
                "cursor_key",
                "missing; without `api_keys` there is nothing else that the cursors of these connections could be signed with",
            );
        }
        let cursor_key = match root.take("cursor_key") {
            Some(value) => self.secret(&value).map(|secret| hashed(&[secret])),
            None => None,
        }
        .unwrap_or_else(|| hashed(&api_keys));
        let limits = self.limits(root.take("limits"));
        let provider_limits = self.provider_limits(root.take("provider_limits"));
        let log = self.log(root.take("log"));
        let telemetry = self.telemetry(root.take("telemetry"));
        let tls = self.tls(root.take("tls"));
        let reload = self.reload(root.take("reload"));
        let connections = self.connections(root.take("connections"), &cursor_key);
        root.finish(&mut self.source);
        Config {
            listen,
            listen_unix,
            admin_listen,
            state,
            native_door: native_door.unwrap_or(true),
            api_keys,
            allowed_hosts,
            allowed_origins,
            limits,
            provider_limits,
            log,
            telemetry,
            tls,
            reload,
            connections,
            warnings: std::mem::take(&mut self.warnings),
            files: std::mem::take(&mut self.files),
            variables: std::mem::take(&mut self.variables),
        }
    }

    fn admin_listen(&mut self, root: &mut Map, listen: SocketAddr) -> Option<SocketAddr> {
        let value = root.take("admin_listen")?;
        let address = value.parse(
            &mut self.source,
            "an address with a port, as in 127.0.0.1:4043",
            |text| text.parse::<SocketAddr>().ok(),
        )?;
        if address == listen && address.port() != 0 {
            self.source.mistake(
                value.at,
                &value.path,
                "expected another address than that of `listen`",
            );
        }
        if !address.ip().is_loopback() {
            self.warnings.push(format!(
                "admin_listen: {address} is not loopback; whoever reaches it reads the metrics, without a key"
            ));
        }
        Some(address)
    }

    /// Where there is a store, keys may be in there alone.
    fn api_keys(&mut self, root: &mut Map, has_store: bool) -> Vec<SecretString> {
        let Some(value) = root.take("api_keys") else {
            if has_store {
                return Vec::new();
            }
            self.source.mistake(
                root.at(),
                "api_keys",
                "missing; expected a list of the keys that callers send in x-apikey, as in [\"env:CROSSWALK_API_KEY\"]",
            );
            return Vec::new();
        };
        let (at, path) = (value.at, value.path.clone());
        let items = value.list(&mut self.source);
        if items.is_empty() {
            self.source
                .mistake(at, &path, "expected at least one key, or nobody could call");
        }
        items.iter().filter_map(|item| self.secret(item)).collect()
    }

    fn texts(&mut self, value: Option<Value>) -> Vec<String> {
        value
            .map(|value| value.list(&mut self.source))
            .unwrap_or_default()
            .iter()
            .filter_map(|item| item.text(&mut self.source))
            .map(|text| text.to_ascii_lowercase())
            .collect()
    }

    fn limits(&mut self, value: Option<Value>) -> Limits {
        let mut limits = Limits::default();
        let Some(mut map) = value.and_then(|value| value.map(&mut self.source)) else {
            return limits;
        };
        let source = &mut self.source;
        let mut set =
            |key,
             limit: &mut usize,
             read: &mut dyn FnMut(&Value, &mut Source<'_>) -> Option<usize>| {
                if let Some(value) = map.take(key)
                    && let Some(read) = read(&value, source)
                {
                    *limit = read;
                }
            };
        let mut bytes = |value: &Value, source: &mut Source<'_>| value.bytes(source, 1024);
        // hyper's parser needs a buffer of 8 KiB at least.
        let mut head = |value: &Value, source: &mut Source<'_>| value.bytes(source, 8192);
        let mut count = |value: &Value, source: &mut Source<'_>| value.count(source, 1);
        let mut count_or_none = |value: &Value, source: &mut Source<'_>| value.count(source, 0);
        set(
            "recorded_calls",
            &mut limits.recorded_calls,
            &mut count_or_none,
        );
        set("recorded_bytes", &mut limits.recorded_bytes, &mut bytes);
        set(
            "request_body_bytes",
            &mut limits.request_body_bytes,
            &mut bytes,
        );
        set(
            "response_body_bytes",
            &mut limits.response_body_bytes,
            &mut bytes,
        );
        set(
            "idempotency_answer_bytes",
            &mut limits.idempotency_answer_bytes,
            &mut bytes,
        );
        set("header_bytes", &mut limits.header_bytes, &mut head);
        set("headers", &mut limits.headers, &mut count);
        set("remembered_bytes", &mut limits.remembered_bytes, &mut bytes);
        set(
            "connections_in_memory",
            &mut limits.connections_in_memory,
            &mut count,
        );
        set("connections", &mut limits.connections, &mut count);
        set("calls_in_flight", &mut limits.calls_in_flight, &mut count);
        set("threads", &mut limits.threads, &mut count);
        set(
            "native_calls_side_by_side",
            &mut limits.native_calls_side_by_side,
            &mut count,
        );
        set("queue_length", &mut limits.queue_length, &mut count);
        set(
            "pipelines_at_once",
            &mut limits.pipelines_at_once,
            &mut count,
        );
        for (key, limit) in [
            ("queue_wait", &mut limits.queue_wait),
            ("request_timeout", &mut limits.request_timeout),
            ("body_timeout", &mut limits.body_timeout),
            ("idle_timeout", &mut limits.idle_timeout),
            ("native_timeout", &mut limits.native_timeout),
            ("connect_timeout", &mut limits.connect_timeout),
            ("token_timeout", &mut limits.token_timeout),
            ("pipeline_lease", &mut limits.pipeline_lease),
            ("full_walk_interval", &mut limits.full_walk_interval),
            ("idempotency_keep", &mut limits.idempotency_keep),
            ("idempotency_lease", &mut limits.idempotency_lease),
            ("drain_timeout", &mut limits.drain_timeout),
        ] {
            if let Some(value) = map.take(key)
                && let Some(duration) = value.duration(source)
            {
                *limit = duration;
            }
        }
        if let Some(value) = map.take("join_reads") {
            limits.join_reads = value
                .parse(source, "true or false", |text| text.parse().ok())
                .unwrap_or(true);
        }
        map.finish(source);
        limits
    }

    fn log(&mut self, value: Option<Value>) -> Log {
        let mut log = Log::default();
        let source = &mut self.source;
        let Some(mut map) = value.and_then(|value| value.map(source)) else {
            return log;
        };
        if let Some(value) = map.take("format") {
            log.format = value.parse(source, "human or json", |text| match text {
                "human" => Some(LogFormat::Human),
                "json" => Some(LogFormat::Json),
                _ => None,
            });
        }
        if let Some(value) = map.take("level") {
            let level = value.parse(source, "error, warn, info or debug", |text| match text {
                "error" => Some(Level::Error),
                "warn" => Some(Level::Warn),
                "info" => Some(Level::Info),
                "debug" => Some(Level::Debug),
                _ => None,
            });
            log.level = level.unwrap_or_default();
        }
        map.finish(source);
        log
    }

    fn reload(&mut self, value: Option<Value>) -> Reload {
        let source = &mut self.source;
        let said = value.and_then(|value| {
            value.parse(source, "on_change or on_signal", |text| match text {
                "on_change" => Some(Reload::OnChange),
                "on_signal" => Some(Reload::OnSignal),
                _ => None,
            })
        });
        said.unwrap_or_default()
    }

    fn tls(&mut self, value: Option<Value>) -> Tls {
        let source = &mut self.source;
        let Some(mut map) = value.and_then(|value| value.map(source)) else {
            return Tls::default();
        };
        let roots = map.take("roots").and_then(|value| {
            value.parse(source, "system or bundled", |text| match text {
                "system" => Some(Roots::System),
                "bundled" => Some(Roots::Bundled),
                _ => None,
            })
        });
        let http2 = map
            .take("http2")
            .and_then(|value| value.parse(source, "true or false", |text| text.parse().ok()));
        map.finish(source);
        Tls {
            roots: roots.unwrap_or_default(),
            http2: http2.unwrap_or_default(),
        }
    }
}

/// The key behind all cursors. Without `cursor_key` it follows from the API keys: it survives a restart, is the same
/// for every proxy with this configuration, and changes with the keys, which ends all cursors given out before.
fn hashed(secrets: &[SecretString]) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(b"crosswalk cursor key 1");
    for secret in secrets {
        let secret = secret.expose_secret().as_bytes();
        hash.update((secret.len() as u64).to_be_bytes());
        hash.update(secret);
    }
    hash.finalize().into()
}
