//! A connection: its provider, its place, its version, its credentials.

use std::sync::Arc;

use hmac::{Hmac, KeyInit, Mac};
use serde_saphyr::Location;
use sha2::Sha256;
use url::Url;

use super::{
    Check,
    place::{is_allowed_host, is_loopback, is_origin, with_origin},
};
use crate::{
    config::{
        Connection, Credentials, OAuth,
        tree::{Map, Value},
    },
    translate::{ConnectionSettings, CursorKey},
    upstream::provider::{BaseUrl, Provider, VersionMatch},
};

/// The longest id of a connection; it is sent in a header and stands in every log line.
const LONGEST_ID: usize = 128;

impl Check<'_> {
    pub(super) fn connections(
        &mut self,
        value: Option<Value>,
        cursor_key: &[u8; 32],
    ) -> Vec<Connection> {
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

        let version = self.version(map.take("api_version"), provider);
        let login_url = self.login_url(map.take("login_url"), provider);
        let has_place = match &provider.base_url {
            BaseUrl::Fixed(_) => true,
            BaseUrl::PerConnection { setting, .. } => map.has(setting) || map.has("base_url"),
        };
        let base_url = self.base_url(&mut map, provider);
        let credentials = self.credentials(&mut map, &at, &path);
        map.finish(&mut self.source);
        let credentials = credentials?;
        if !has_place
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
        let base_url = base_url.or_else(|| fixed(provider));
        // Where the address comes with the token, the place that issues tokens stands for it.
        let place = base_url.as_ref().unwrap_or(&token_url).as_str();
        let cursor_key = connection_key(cursor_key, &id, place);
        let (api_version, roots) = version?;
        Some(Connection {
            provider,
            api_version,
            base_url,
            token_url,
            credentials,
            settings: Arc::new(ConnectionSettings {
                id,
                roots,
                cursor_key,
            }),
        })
    }

    /// The version of the provider's API that a connection uses, and the beginnings of its paths.
    fn version(
        &mut self,
        value: Option<Value>,
        provider: &'static Provider,
    ) -> Option<(String, Vec<String>)> {
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
        let paths = roots.iter();
        let paths = paths.map(|root| root.replace("{version}", version));
        Some((version.to_owned(), paths.collect()))
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

    fn credentials(&mut self, map: &mut Map, at: &Location, path: &str) -> Option<Credentials> {
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
}

fn fixed(provider: &Provider) -> Option<Url> {
    match provider.base_url {
        BaseUrl::Fixed(url) => Url::parse(url).ok(),
        BaseUrl::PerConnection { .. } => None,
    }
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

/// Each connection's own key, so that a cursor of one means nothing to another, nor to the same one at another place.
fn connection_key(key: &[u8; 32], id: &str, place: &str) -> CursorKey {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("any length is a key");
    mac.update(id.as_bytes());
    // No id has a space in it.
    mac.update(b" ");
    mac.update(place.as_bytes());
    CursorKey(mac.finalize().into_bytes().into())
}
