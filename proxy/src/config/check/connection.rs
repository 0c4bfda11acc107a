//! A connection: its provider, its place, its version, its credentials.

use std::sync::Arc;

use super::Check;
use crate::{
    config::{
        Connection, Credentials, OAuth,
        given::{self, Given, Wrong},
        tree::{At, Map, Value},
    },
    translate::ConnectionSettings,
    upstream::provider::BaseUrl,
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

        let setting = match &provider.base_url {
            BaseUrl::Fixed(_) => None,
            BaseUrl::PerConnection { setting, .. } => Some(*setting),
        };
        let keys = [
            Some("api_version"),
            Some("login_url"),
            Some("base_url"),
            setting,
        ];
        let values = keys.map(|key| map.take(key?));
        let credentials = self.credentials(&mut map, at, &path);
        map.finish(&mut self.source);
        let texts = values.each_ref().map(|value| {
            let value = value.as_ref()?;
            Some(value.text(&mut self.source))
        });
        if texts.contains(&Some(None)) {
            return None;
        }
        let [api_version, login_url, base_url, own_url] =
            texts.each_ref().map(|text| text.as_ref()?.as_deref());
        let given = Given {
            provider,
            api_version,
            login_url,
            base_url,
            own_url,
            // Credentials that are wrong are told by themselves.
            has_oauth: !matches!(credentials, Some(Credentials::AccessToken(_))),
        };
        let settled = match given::settle(&given) {
            Ok(settled) => settled,
            Err(wrong) => {
                for Wrong { key, message } in wrong {
                    let index = keys.iter().position(|known| key.is_some() && *known == key);
                    match index.and_then(|index| values[index].as_ref()) {
                        Some(value) => value.wrong(&mut self.source, message),
                        None => self.source.mistake(at, &path, message),
                    }
                }
                return None;
            }
        };
        let cursor_key = settled.cursor_key(cursor_key, &id);
        Some(Connection {
            provider,
            api_version: settled.api_version,
            base_url: settled.base_url,
            token_url: settled.token_url,
            credentials: credentials?,
            settings: Arc::new(ConnectionSettings {
                id,
                roots: settled.roots.into(),
                cursor_key,
            }),
        })
    }

    fn credentials(&mut self, map: &mut Map, at: At, path: &str) -> Option<Credentials> {
        let access_token = map.take("access_token");
        let oauth = map.take("oauth");
        if access_token.is_none() && oauth.is_none() {
            self.source.mistake(
                at,
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
