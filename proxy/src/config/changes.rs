//! What a configuration that was read again changes: what counts at once, and what only counts after a restart.

use std::{net::SocketAddr, path::Path};

use secrecy::{ExposeSecret, SecretString};

use super::{Config, Connection, Credentials, Limits, State};
use crate::store::{Location, keys::KeySource};

/// The settings that differ and keep their old value until a restart, by their paths.
pub(crate) fn after_restart(running: &Config, new: &Config) -> Vec<&'static str> {
    let mut changed = Vec::new();
    if place(running) != place(new) {
        changed.push("listen");
    }
    if let (Some(running), Some(new)) = (&running.listen_unix, &new.listen_unix)
        && running.mode != new.mode
    {
        changed.push("listen_mode");
    }
    // Neither of these types shows a secret; those that have one are compared by what is in them.
    macro_rules! compare {
        ($($path:literal: $($field:ident).+),+ $(,)?) => { $(
            if format!("{:?}", running.$($field).+) != format!("{:?}", new.$($field).+) {
                changed.push($path);
            }
        )+ };
    }
    compare! {
        "native_door": native_door,
        "limits.recorded_calls": limits.recorded_calls,
        "limits.recorded_bytes": limits.recorded_bytes,
        "telemetry.otlp_endpoint": telemetry.otlp_endpoint,
        "telemetry.service_name": telemetry.service_name,
        "admin_listen": admin_listen,
        "state_dir": state.folder,
        "org_id": state.org_id,
        "public_url": state.public_url,
        "webhooks.allow_private": state.private_webhooks,
        "provider_limits": provider_limits.others,
        "reload": reload,
        "limits.response_body_bytes": limits.response_body_bytes,
        "limits.header_bytes": limits.header_bytes,
        "limits.headers": limits.headers,
        "limits.connections": limits.connections,
        "limits.calls_in_flight": limits.calls_in_flight,
        "limits.threads": limits.threads,
        "limits.queue_length": limits.queue_length,
        "limits.queue_wait": limits.queue_wait,
        "limits.remembered_bytes": limits.remembered_bytes,
        "limits.connections_in_memory": limits.connections_in_memory,
        "limits.idle_timeout": limits.idle_timeout,
        "limits.native_timeout": limits.native_timeout,
        "limits.connect_timeout": limits.connect_timeout,
        "limits.token_timeout": limits.token_timeout,
        "limits.pipelines_at_once": limits.pipelines_at_once,
        "limits.pipeline_lease": limits.pipeline_lease,
        "limits.full_walk_interval": limits.full_walk_interval,
        "limits.join_reads": limits.join_reads,
        "limits.idempotency_keep": limits.idempotency_keep,
        "limits.idempotency_lease": limits.idempotency_lease,
        "limits.idempotency_answer_bytes": limits.idempotency_answer_bytes,
        "limits.drain_timeout": limits.drain_timeout,
        "log.format": log.format,
        "tls.roots": tls.roots,
        "tls.http2": tls.http2,
    }
    // Maps have no order that could be compared by its text.
    if running.provider_limits.named != new.provider_limits.named
        && !changed.contains(&"provider_limits")
    {
        changed.push("provider_limits");
    }
    // By default the two follow from the folder.
    if store(&running.state) != store(&new.state) {
        changed.push("store");
    }
    if store_key(&running.state) != store_key(&new.state) {
        changed.push("store_key");
    }
    changed
}

fn place(config: &Config) -> (SocketAddr, Option<&Path>) {
    let socket = config.listen_unix.as_ref();
    (config.listen, socket.map(|socket| &*socket.path))
}

fn store(state: &State) -> Option<String> {
    Some(match &state.store.as_ref()?.location {
        Location::Sqlite(path) => format!("sqlite:{}", path.display()),
        Location::Postgres(url) => url.expose_secret().to_owned(),
    })
}

fn store_key(state: &State) -> Option<String> {
    Some(match &state.store.as_ref()?.keys {
        KeySource::File(path) => format!("file:{}", path.display()),
        KeySource::Text(text) => text.expose_secret().to_owned(),
    })
}

/// The limits that hold after a change: of those that count at once the new ones, of the others those that run.
pub(crate) fn limits_now(running: &Limits, new: &Limits) -> Limits {
    Limits {
        request_body_bytes: new.request_body_bytes,
        native_calls_side_by_side: new.native_calls_side_by_side,
        request_timeout: new.request_timeout,
        body_timeout: new.body_timeout,
        ..running.clone()
    }
}

impl Connection {
    /// Whether both lead to the same account with the same credentials, so that tokens of the one are good for the other.
    pub(crate) fn has_account_of(&self, other: &Self) -> bool {
        self.provider.name == other.provider.name
            && self.base_url == other.base_url
            && self.token_url == other.token_url
            && self.credentials.is(&other.credentials)
    }
}

impl Credentials {
    fn is(&self, other: &Self) -> bool {
        let text = |secret: &Option<SecretString>| {
            secret
                .as_ref()
                .map(|secret| secret.expose_secret().to_owned())
        };
        match (self, other) {
            (Self::AccessToken(own), Self::AccessToken(other)) => {
                own.expose_secret() == other.expose_secret()
            }
            (Self::OAuth(own), Self::OAuth(other)) => {
                own.client_id == other.client_id
                    && own.refresh_token.expose_secret() == other.refresh_token.expose_secret()
                    && text(&own.client_secret) == text(&other.client_secret)
                    && text(&own.access_token) == text(&other.access_token)
            }
            (Self::AccessToken(_) | Self::OAuth(_), _) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        config::{self, Change, Kind, SETTINGS},
        generated::API,
    };

    fn read(text: &str) -> Config {
        let read = config::parse("c", text, &API, &|name| Some(format!("/{name}")));
        read.unwrap_or_else(|error| panic!("{text}: {error}"))
    }

    #[test]
    fn every_setting_counts_when_the_table_says() {
        let base = "api_keys: [k]\nstate_dir: /s\nlimits:\n  headers: 99\n";
        let running = read(base);
        assert_eq!(after_restart(&running, &read(base)), [""; 0]);
        for setting in SETTINGS {
            let other = match setting.path {
                // Only a socket has a mode.
                "listen_mode" => continue,
                "listen" => "unix:/run/a.sock",
                "telemetry.otlp_endpoint" => "http://127.0.0.1:4318",
                "state_dir" => "/other",
                "store" => "none",
                "store_key" => "file:/k",
                "org_id" => "org_other",
                "public_url" => "https://c.example",
                "allowed_hosts" | "allowed_origins" | "api_keys" => "[a, b]",
                "telemetry.service_name" | "cursor_key" => "other",
                "provider_limits" => "{ hubspot: off }",
                "webhooks.allow_private" | "tls.http2" => "true",
                "native_door" | "limits.join_reads" => "false",
                _ => match setting.kind {
                    Kind::Address => "127.0.0.1:9",
                    Kind::Count(_) => "7",
                    Kind::Bytes(_) => "9000",
                    Kind::Time => "7s",
                    Kind::Word(words) if setting.path == "log.level" => words[0],
                    Kind::Word(words) => words.last().unwrap(),
                    kind => panic!("{}: {kind:?}", setting.path),
                },
            };
            let text = match setting.path.split_once('.') {
                Some(("limits", key)) => {
                    base.replace("headers: 99", &format!("headers: 98\n  {key}: {other}"))
                }
                Some((group, key)) => format!("{base}{group}: {{ {key}: {other} }}\n"),
                None if ["api_keys", "state_dir"].contains(&setting.path) => {
                    let lines = base.lines().filter(|line| !line.starts_with(setting.path));
                    let kept: Vec<_> = lines.collect();
                    format!("{}\n{}: {other}\n", kept.join("\n"), setting.path)
                }
                None => format!("{base}{}: {other}\n", setting.path),
            };
            // One that is changed on the way to another one.
            let text = match setting.path {
                "limits.headers" => text.replace("headers: 98\n", "\n").replace("\n  \n", "\n"),
                path if path.starts_with("limits.") => text.replace("headers: 98", "headers: 99"),
                _ => text,
            };
            let new = read(&text);
            let waits = after_restart(&running, &new).contains(&setting.path);
            assert_eq!(
                waits,
                setting.change == Change::Restart,
                "{}: {text}",
                setting.path
            );
            if setting.path.starts_with("limits.") {
                let now = limits_now(&running.limits, &new.limits);
                let is_old = format!("{now:?}") == format!("{:?}", running.limits);
                assert_eq!(is_old, waits, "{}", setting.path);
            }
        }
    }

    #[test]
    fn the_mode_of_a_socket_needs_a_restart() {
        let socket = |mode: &str| {
            read(&format!(
                "api_keys: [k]\nlisten: unix:/run/a.sock\nlisten_mode: \"{mode}\"\n"
            ))
        };
        assert_eq!(
            after_restart(&socket("0660"), &socket("0600")),
            ["listen_mode"]
        );
    }

    #[test]
    fn a_store_whose_password_changed_is_another_one() {
        let store = |url: &str| read(&format!("api_keys: [k]\nstate_dir: /s\nstore: {url}\n"));
        let changed = after_restart(&store("postgres://u:a@h/d"), &store("postgres://u:b@h/d"));
        assert_eq!(changed, ["store"]);
    }

    #[test]
    fn an_account_is_the_same_with_the_same_credentials_at_the_same_place() {
        let connection = |fields: &str| {
            let text =
                format!("api_keys: [k]\nconnections: {{ c: {{ provider: hubspot, {fields} }} }}\n");
            read(&text).connections.remove(0)
        };
        let same = |one: &str, other: &str| connection(one).has_account_of(&connection(other));
        let oauth = "oauth: { client_id: c, client_secret: s, refresh_token: r }";
        assert!(same(oauth, oauth));
        assert!(same(oauth, &format!("{oauth}, api_version: v3")));
        assert!(same("access_token: t", "access_token: t"));
        for other in [
            "oauth: { client_id: d, client_secret: s, refresh_token: r }",
            "oauth: { client_id: c, client_secret: t, refresh_token: r }",
            "oauth: { client_id: c, refresh_token: r }",
            "oauth: { client_id: c, client_secret: s, refresh_token: q }",
            "access_token: t",
        ] {
            assert!(!same(oauth, other), "{other}");
        }
        assert!(!same(oauth, &format!("{oauth}, access_token: t")));
        assert!(!same(
            oauth,
            &format!("{oauth}, base_url: \"http://127.0.0.1:1\"")
        ));
        assert!(!same("access_token: t", "access_token: u"));
    }
}
