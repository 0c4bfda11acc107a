//! From the tree to the configuration: what is refused, and with which words.

use std::{net::SocketAddr, sync::Arc};

use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::{Host, Url};

use super::{
    Config, Connection, Credentials, DEFAULT_LISTEN, Level, Limits, Log, LogFormat, Mistake, OAuth,
    Roots, Tls,
    tree::{Map, Source, Value},
};
use crate::{
    route::Api,
    translate::{ConnectionSettings, CursorKey},
    upstream::provider::{BaseUrl, Provider, VersionMatch},
};

/// The longest id of a connection; it is sent in a header and stands in every log line.
const LONGEST_ID: usize = 128;

struct Check<'a> {
    source: Source<'a>,
    api: &'a Api,
    environment: &'a dyn Fn(&str) -> Option<String>,
    warnings: Vec<String>,
}

pub(super) fn config(
    name: &str,
    text: &str,
    api: &Api,
    environment: &dyn Fn(&str) -> Option<String>,
) -> Result<Config, Vec<Mistake>> {
    let mut check = Check {
        source: Source::new(name, text),
        api,
        environment,
        warnings: Vec::new(),
    };
    let Some(root) = check.source.root() else {
        return Err(check.source.mistakes);
    };
    let config = check.root(root);
    if check.source.mistakes.is_empty() {
        Ok(config)
    } else {
        let mut mistakes = check.source.mistakes;
        mistakes.sort_by_key(|mistake| mistake.place);
        Err(mistakes)
    }
}

impl Check<'_> {
    /// Goes on after a mistake, with the default in place of the wrong value: the result counts only without any.
    fn root(&mut self, mut root: Map) -> Config {
        let listen = root
            .take("listen")
            .and_then(|value| {
                value.parse(
                    &mut self.source,
                    "an address with a port, as in 127.0.0.1:4040",
                    |text| text.parse::<SocketAddr>().ok(),
                )
            })
            .unwrap_or(DEFAULT_LISTEN);
        if !listen.ip().is_loopback() {
            self.warnings.push(format!(
                "listen: {listen} is not loopback; whoever reaches it and knows an API key acts for every connection"
            ));
        }
        let api_keys = self.api_keys(&mut root);
        let allowed_hosts = self.texts(root.take("allowed_hosts"));
        let allowed_origins = self.texts(root.take("allowed_origins"));
        let cursor_key = match root.take("cursor_key") {
            Some(value) => self.secret(&value).map(|secret| hashed(&[secret])),
            None => None,
        }
        .unwrap_or_else(|| hashed(&api_keys));
        let limits = self.limits(root.take("limits"));
        let log = self.log(root.take("log"));
        let tls = self.tls(root.take("tls"));
        let connections = self.connections(root.take("connections"), &cursor_key);
        root.finish(&mut self.source);
        Config {
            listen,
            api_keys,
            allowed_hosts,
            allowed_origins,
            limits,
            log,
            tls,
            connections,
            warnings: std::mem::take(&mut self.warnings),
        }
    }

    fn api_keys(&mut self, root: &mut Map) -> Vec<SecretString> {
        let Some(value) = root.take("api_keys") else {
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
        set("header_bytes", &mut limits.header_bytes, &mut head);
        set("connections", &mut limits.connections, &mut count);
        set("calls_in_flight", &mut limits.calls_in_flight, &mut count);
        set(
            "native_calls_side_by_side",
            &mut limits.native_calls_side_by_side,
            &mut count,
        );
        for (key, limit) in [
            ("request_timeout", &mut limits.request_timeout),
            ("body_timeout", &mut limits.body_timeout),
            ("idle_timeout", &mut limits.idle_timeout),
            ("native_timeout", &mut limits.native_timeout),
            ("connect_timeout", &mut limits.connect_timeout),
            ("token_timeout", &mut limits.token_timeout),
            ("drain_timeout", &mut limits.drain_timeout),
        ] {
            if let Some(value) = map.take(key)
                && let Some(duration) = value.duration(source)
            {
                *limit = duration;
            }
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
        map.finish(source);
        Tls {
            roots: roots.unwrap_or_default(),
        }
    }

    fn connections(&mut self, value: Option<Value>, cursor_key: &[u8; 32]) -> Vec<Connection> {
        let Some(map) = value.and_then(|value| value.map(&mut self.source)) else {
            return Vec::new();
        };
        map.take_all()
            .into_iter()
            .filter_map(|(id, value)| self.connection(id, value, cursor_key))
            .collect()
    }

    fn connection(
        &mut self,
        id: String,
        value: Value,
        cursor_key: &[u8; 32],
    ) -> Option<Connection> {
        if id.is_empty() || id.len() > LONGEST_ID || !id.bytes().all(|byte| byte.is_ascii_graphic())
        {
            value.wrong(
                &mut self.source,
                format!("expected an id of 1 to {LONGEST_ID} visible ASCII characters, since callers send it in x-connection-id"),
            );
        }
        let mut map = value.map(&mut self.source)?;
        let (at, path) = (map.at(), map.path().to_owned());
        let providers: Vec<_> = self.api.providers.iter().map(|each| each.name).collect();
        let expected = providers.join(" or ");
        let Some(named) = map.take("provider") else {
            self.source.mistake(
                at,
                &path,
                format!("provider is missing; expected {expected}"),
            );
            return None;
        };
        let api = self.api;
        let provider = named.parse(&mut self.source, &expected, |name| api.provider(name))?;

        let roots = self.roots(map.take("api_version"), provider);
        let login_url = self.login_url(map.take("login_url"), provider);
        let base_url = self.base_url(&mut map, provider);
        let credentials = self.credentials(&mut map, &at, &path);
        map.finish(&mut self.source);
        let credentials = credentials?;
        if base_url.is_none()
            && let BaseUrl::PerConnection { setting, .. } = provider.base_url
            && (matches!(credentials, Credentials::AccessToken(_))
                || provider.auth.base_url_member.is_none())
        {
            self.source.mistake(
                at,
                &path,
                format!("{setting} is missing; every {} account has a host of its own, and an access token alone does not tell it", provider.title),
            );
        }
        let token_url = provider
            .auth
            .token_url
            .replace("{login_url}", login_url.as_deref().unwrap_or_default());
        let Ok(token_url) = Url::parse(&token_url) else {
            self.source.mistake(
                at,
                &path,
                "login_url is missing; expected the host that issues tokens",
            );
            return None;
        };
        // The token endpoint of a provider that we play on loopback is there as well.
        let token_url = match (&base_url, &provider.base_url) {
            (Some(base), BaseUrl::Fixed(_)) if is_loopback(base) => with_origin(&token_url, base),
            _ => token_url,
        };
        Some(Connection {
            provider,
            base_url: base_url.or_else(|| fixed(provider)),
            token_url,
            credentials,
            settings: Arc::new(ConnectionSettings {
                cursor_key: connection_key(cursor_key, &id),
                id,
                roots: roots?,
            }),
        })
    }

    fn roots(&mut self, value: Option<Value>, provider: &'static Provider) -> Option<Vec<String>> {
        let version = match &value {
            Some(value) => value.text(&mut self.source)?,
            None => provider.versions.default.to_owned(),
        };
        let Some((version, roots)) = provider.versions.families.iter().find_map(|family| {
            matching(&family.matches, &version).map(|version| (version, family.roots))
        }) else {
            let expected: Vec<_> = provider
                .versions
                .families
                .iter()
                .map(|family| match &family.matches {
                    VersionMatch::OneOf(versions) => versions.join(", "),
                    VersionMatch::AtLeast(least) => format!("{least} and later"),
                })
                .collect();
            if let Some(value) = value {
                value.wrong(
                    &mut self.source,
                    format!(
                        "expected a version of {}'s API: {}",
                        provider.title,
                        expected.join(", ")
                    ),
                );
            }
            return None;
        };
        Some(
            roots
                .iter()
                .map(|root| root.replace("{version}", version))
                .collect(),
        )
    }

    fn login_url(&mut self, value: Option<Value>, provider: &'static Provider) -> Option<String> {
        let Some(value) = value else {
            return provider.auth.login_url.map(str::to_owned);
        };
        if provider.auth.login_url.is_none() {
            value.wrong(
                &mut self.source,
                format!(
                    "{} has one token endpoint for everybody; leave it out",
                    provider.title
                ),
            );
            return None;
        }
        let url = self.url(&value)?;
        if let BaseUrl::PerConnection { allowed_hosts, .. } = &provider.base_url
            && !is_loopback(&url)
            && !is_allowed_host(&url, allowed_hosts)
        {
            value.wrong(
                &mut self.source,
                format!(
                    "expected a host that ends with {}; credentials go there",
                    allowed_hosts.join(" or ")
                ),
            );
            return None;
        }
        Some(url.origin().ascii_serialization())
    }

    /// The `base_url` that a connection may give to every provider, or the setting that the provider names.
    fn base_url(&mut self, map: &mut Map, provider: &'static Provider) -> Option<Url> {
        let general = map.take("base_url");
        let BaseUrl::PerConnection {
            setting,
            allowed_hosts,
        } = &provider.base_url
        else {
            return general.and_then(|value| self.url(&value));
        };
        let own = map.take(setting);
        if let (Some(general), Some(_)) = (&general, &own) {
            general.wrong(
                &mut self.source,
                format!("expected either base_url or {setting}, found both"),
            );
        }
        let value = own.or(general)?;
        let url = self.url(&value)?;
        if is_loopback(&url) || is_allowed_host(&url, allowed_hosts) {
            return Some(url);
        }
        value.wrong(
            &mut self.source,
            format!(
                "expected a host that ends with {}",
                allowed_hosts.join(" or ")
            ),
        );
        None
    }

    /// An origin: https, or http on loopback; nothing after the port.
    fn url(&mut self, value: &Value) -> Option<Url> {
        value.parse(
            &mut self.source,
            "https:// and a host, nothing behind it; http:// only on loopback, for the sandbox",
            |text| Url::parse(text).ok().filter(is_origin),
        )
    }

    fn credentials(
        &mut self,
        map: &mut Map,
        at: &serde_saphyr::Location,
        path: &str,
    ) -> Option<Credentials> {
        let access_token = map.take("access_token");
        let oauth = map.take("oauth");
        if access_token.is_none() && oauth.is_none() {
            self.source.mistake(
                *at,
                path,
                "credentials are missing; expected access_token, or oauth with client_id, client_secret and refresh_token",
            );
            return None;
        }
        let access_token = match access_token {
            Some(value) => Some(self.secret(&value)?),
            None => None,
        };
        let Some(oauth) = oauth else {
            return access_token.map(Credentials::AccessToken);
        };
        let mut map = oauth.map(&mut self.source)?;
        let (at, path) = (map.at(), map.path().to_owned());
        let client_id = map
            .take("client_id")
            .and_then(|value| self.secret_or_text(&value));
        let client_secret = map
            .take("client_secret")
            .and_then(|value| self.secret(&value));
        let refresh_token = map
            .take("refresh_token")
            .and_then(|value| self.secret(&value));
        if client_id.is_none() || refresh_token.is_none() {
            self.source.mistake(
                at,
                &path,
                "expected client_id and refresh_token, and client_secret unless the app has none",
            );
        }
        map.finish(&mut self.source);
        Some(Credentials::OAuth(OAuth {
            client_id: client_id?,
            client_secret,
            refresh_token: refresh_token?,
            access_token,
        }))
    }

    /// A secret: `env:NAME`, `file:/path`, or the text itself.
    fn secret(&mut self, value: &Value) -> Option<SecretString> {
        let text = value.text(&mut self.source)?;
        if !text.starts_with("env:") && !text.starts_with("file:") {
            self.warnings.push(format!(
                "{}: the secret stands in the configuration file; write env:NAME or file:/path instead",
                value.path
            ));
        }
        self.resolve(value, text).map(SecretString::from)
    }

    /// Not a secret, and yet often kept beside one.
    fn secret_or_text(&mut self, value: &Value) -> Option<String> {
        let text = value.text(&mut self.source)?;
        self.resolve(value, text)
    }

    fn resolve(&mut self, value: &Value, text: String) -> Option<String> {
        let resolved = if let Some(name) = text.strip_prefix("env:") {
            (self.environment)(name)
                .ok_or_else(|| format!("the environment variable {name} is not set"))
        } else if let Some(path) = text.strip_prefix("file:") {
            std::fs::read_to_string(path)
                .map(|content| content.trim_end_matches(['\r', '\n']).to_owned())
                .map_err(|error| format!("the file {path} could not be read: {error}"))
        } else {
            Ok(text)
        };
        let message = match resolved {
            Ok(secret) if secret.is_empty() => "expected a secret, found nothing".to_owned(),
            // It will stand in a header, where a control character is either an accident or an attack.
            Ok(secret) if secret.chars().any(char::is_control) => {
                "expected a secret on one line, found a control character in it".to_owned()
            }
            Ok(secret) => return Some(secret),
            Err(message) => message,
        };
        value.wrong(&mut self.source, message);
        None
    }
}

fn fixed(provider: &Provider) -> Option<Url> {
    match provider.base_url {
        BaseUrl::Fixed(url) => Url::parse(url).ok(),
        BaseUrl::PerConnection { .. } => None,
    }
}

/// Whether a URL says scheme, host and port and nothing else, and is safe to send a credential to.
pub(crate) fn is_origin(url: &Url) -> bool {
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && matches!(url.path(), "" | "/")
        && url.host_str().is_some_and(|host| !host.is_empty());
    bare && (url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)))
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether the host is one of the provider's own, on the usual port.
pub(crate) fn is_allowed_host(url: &Url, allowed: &[&str]) -> bool {
    url.scheme() == "https"
        && url.port().is_none()
        && matches!(url.host(), Some(Host::Domain(name)) if allowed.iter().any(|end| name.ends_with(end)))
}

fn with_origin(url: &Url, origin: &Url) -> Url {
    let mut moved = origin.clone();
    moved.set_path(url.path());
    moved
}

/// The version as it stands in paths, where the family has it.
fn matching<'a>(family: &VersionMatch, version: &'a str) -> Option<&'a str> {
    match family {
        VersionMatch::OneOf(versions) => versions.contains(&version).then_some(version),
        VersionMatch::AtLeast(least) => {
            // People write it with the letter that stands before it in paths.
            let version = version.strip_prefix('v').unwrap_or(version);
            (numbers(version)? >= numbers(least)?).then_some(version)
        }
    }
}

fn numbers(version: &str) -> Option<(u32, u32)> {
    let (major, minor) = version.split_once('.')?;
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(major) || !digits(minor) {
        return None;
    }
    Some((major.parse().ok()?, minor.parse().ok()?))
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

/// Each connection's own key, so that a cursor of one means nothing to another.
fn connection_key(key: &[u8; 32], id: &str) -> CursorKey {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(id.as_bytes());
    CursorKey(mac.finalize().into_bytes().into())
}
