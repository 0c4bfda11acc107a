//! Where things are kept, and under which key.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Check, place::is_origin};
use crate::{
    config::{
        State, StoreSettings,
        tree::{Map, Value},
    },
    store::{Location, keys::KeySource},
};

const DEFAULT_ORG: &str = "org_crosswalk";

impl Check<'_> {
    pub(super) fn state(&mut self, root: &mut Map) -> State {
        let folder = match root.take("state_dir") {
            Some(value) => value.text(&mut self.source).map(PathBuf::from),
            None => self.default_folder(),
        };
        let key = root
            .take("store_key")
            .and_then(|value| self.store_key(&value));
        let location = match root.take("store") {
            Some(value) => self.location(&value, folder.as_deref()),
            // Who has no home either, as in a container without a disk, gets on without.
            None => folder.as_deref().map(sqlite),
        };
        let keys = key.or_else(|| {
            folder
                .as_ref()
                .map(|folder| KeySource::File(folder.join("store.key")))
        });
        let store = match (location, keys) {
            (Some(location), Some(keys)) => Some(StoreSettings { location, keys }),
            (Some(_), None) => {
                self.source.mistake(
                    root.at(),
                    "store_key",
                    "missing; without `state_dir` there is no place for a key, so expected env:NAME or file:/path",
                );
                None
            }
            (None, _) => None,
        };
        let org_id = root.take("org_id").and_then(|value| {
            value.parse(&mut self.source, "an id that begins with org_", |text| {
                (text.starts_with("org_") && text.len() <= 128).then(|| text.to_owned())
            })
        });
        let public_url = root.take("public_url").and_then(|value| {
            value.parse(
                &mut self.source,
                "https:// and a host, nothing behind it; http:// only on loopback",
                |text| Url::parse(text).ok().filter(is_origin),
            )
        });
        let private_webhooks = self.private_webhooks(root);
        State {
            folder,
            store,
            org_id: org_id.unwrap_or_else(|| DEFAULT_ORG.to_owned()),
            public_url,
            private_webhooks,
        }
    }

    fn private_webhooks(&mut self, root: &mut Map) -> bool {
        let source = &mut self.source;
        let Some(mut map) = root.take("webhooks").and_then(|value| value.map(source)) else {
            return false;
        };
        let allowed = map.take("allow_private").and_then(|value| {
            value.parse(source, "true or false", |text| text.parse::<bool>().ok())
        });
        map.finish(source);
        allowed.unwrap_or_default()
    }

    /// A folder that lasts, by what systemd and the desktop say.
    fn default_folder(&self) -> Option<PathBuf> {
        let set = |name| (self.environment)(name).filter(|text| !text.is_empty());
        // systemd may name several, parted by colons.
        if let Some(folders) = set("STATE_DIRECTORY") {
            return folders.split(':').next().map(PathBuf::from);
        }
        if let Some(folder) = set("XDG_STATE_HOME") {
            return Some(PathBuf::from(folder).join("crosswalk"));
        }
        set("HOME").map(|home| PathBuf::from(home).join(".local/state/crosswalk"))
    }

    fn location(&mut self, value: &Value, folder: Option<&std::path::Path>) -> Option<Location> {
        let text = value.text(&mut self.source)?;
        match text.as_str() {
            "none" => return None,
            "sqlite" => {
                if folder.is_none() {
                    value.wrong(
                        &mut self.source,
                        "there is no folder for it; set `state_dir`",
                    );
                }
                return folder.map(sqlite);
            }
            _ => {}
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            return Some(Location::Sqlite(PathBuf::from(path)));
        }
        // A URL without a password is no secret, and is not warned about.
        let plain = Url::parse(&text).is_ok_and(|url| url.password().is_none())
            && !text.starts_with("env:")
            && !text.starts_with("file:");
        let url = if plain {
            SecretString::from(text)
        } else {
            self.secret(value)?
        };
        let is_postgres = ["postgres://", "postgresql://"]
            .iter()
            .any(|scheme| url.expose_secret().starts_with(scheme));
        if !is_postgres {
            value.wrong(
                &mut self.source,
                "expected `sqlite`, `sqlite:/path`, `none`, or a URL as in postgres://user@host/database, which may be env:NAME or file:/path",
            );
            return None;
        }
        Some(Location::Postgres(url))
    }

    /// `file:` names the place, so that keys can be rotated there; anything else is the key.
    fn store_key(&mut self, value: &Value) -> Option<KeySource> {
        let text = value.text(&mut self.source)?;
        if let Some(path) = text.strip_prefix("file:") {
            return Some(KeySource::File(PathBuf::from(path)));
        }
        self.secret_of_lines(value).map(KeySource::Text)
    }
}

fn sqlite(folder: &std::path::Path) -> Location {
    Location::Sqlite(folder.join("crosswalk.db"))
}
