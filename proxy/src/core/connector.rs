//! What can be connected: every generated provider as a source, PostgreSQL and SQLite as destinations.
//!
//! Which settings each kind takes, and which of them are secret, is decided here and nowhere else. What is secret is
//! parted from what is not before anything is kept, so that no answer can show it.

use secrecy::SecretString;
use serde_json::{Map, Value, json};
use url::Url;

use super::input::{Faults, Members, did_you_mean, kind};
use crate::{
    config::given::{Given, Wrong, settle},
    route::Api,
    upstream::provider::{BaseUrl, Provider},
};

mod destination;

/// Settings of a source that nobody has to give: the scopes that were granted, and whose account it is.
const NOTED: [&str; 2] = ["scopes", "account"];

/// What a connector config leads to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Connector {
    Source(&'static Provider),
    Postgres,
    Sqlite,
}

/// Settings, with their secrets apart.
#[derive(Debug, Default)]
pub(crate) struct Parted {
    /// None where there is none.
    pub(crate) visible: Option<Value>,
    /// A JSON object with the secret members at the places where they were given.
    pub(crate) secret: Option<SecretString>,
}

/// What the connector config says that a connection under it begins with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Under<'a> {
    pub(crate) config: Option<&'a Value>,
    /// Whether the settings come from a customer, who does not decide where this installation's secrets are sent.
    pub(crate) by_customer: bool,
    /// Whether there are credentials already, so that none need be given.
    pub(crate) has_credentials: bool,
    /// Whether those that there are can be renewed.
    pub(crate) has_oauth: bool,
}

impl Connector {
    pub(crate) fn named(api: &Api, name: &str) -> Option<Self> {
        match name {
            "postgres" => Some(Self::Postgres),
            "sqlite" => Some(Self::Sqlite),
            name => api.provider(name).map(Self::Source),
        }
    }

    /// The names of all, for people.
    pub(crate) fn names(api: &Api) -> Vec<&'static str> {
        let sources = api.providers.iter().map(|provider| provider.name);
        sources.chain(["postgres", "sqlite"]).collect()
    }

    /// A connector that a caller names.
    pub(crate) fn read(api: &Api, path: &str, name: &str, faults: &mut Faults) -> Option<Self> {
        let found = Self::named(api, name);
        if found.is_none() {
            let names = Self::names(api);
            let (last, others) = names.split_last().unwrap_or((&"", &[]));
            faults.add(
                path,
                format!(
                    "expected {} or {last}{}",
                    others.join(", "),
                    did_you_mean(name, &names)
                ),
            );
        }
        found
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Source(provider) => provider.name,
            Self::Postgres => "postgres",
            Self::Sqlite => "sqlite",
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Source(provider) => provider.title,
            Self::Postgres => "PostgreSQL",
            Self::Sqlite => "SQLite",
        }
    }

    pub(crate) fn is_source(self) -> bool {
        matches!(self, Self::Source(_))
    }

    /// What kind of records there are, by the contract's names.
    pub(crate) fn verticals(self, api: &Api) -> Vec<&'static str> {
        let Self::Source(provider) = self else {
            return vec!["database"];
        };
        let known = api.capabilities.iter();
        let mut verticals: Vec<_> = known
            .filter(|each| each.provider == provider.name)
            .flat_map(|each| each.entities)
            .filter_map(|entity| entity.name.split_once('.'))
            .map(|(vertical, _)| vertical)
            .collect();
        verticals.sort_unstable();
        verticals.dedup();
        verticals
    }

    /// Checks the `config` of a connector config, and parts it.
    pub(crate) fn config(self, config: Map<String, Value>, faults: &mut Faults) -> Parted {
        let mut members = Members::new("body.config", config);
        let Self::Source(provider) = self else {
            members.finish(faults);
            return Parted::default();
        };
        let mut visible = Map::new();
        let client_id = members.text("client_id", faults);
        let client_secret = members.text("client_secret", faults);
        if client_secret.is_some() && client_id.is_none() {
            faults.add(
                members.at("client_id"),
                "is missing; a client_secret alone is of no use",
            );
        }
        if let Some(scopes) = members.texts("scopes", faults) {
            if let Some(at) = scopes
                .iter()
                .position(|scope| scope.contains(char::is_whitespace))
            {
                faults.add(
                    format!("{}[{at}]", members.at("scopes")),
                    "expected one scope, found several with spaces",
                );
            }
            visible.insert("scopes".to_owned(), json!(scopes));
        }
        let place = ["api_version", "login_url", "base_url"].map(|name| members.text(name, faults));
        let [api_version, login_url, base_url] = place.each_ref().map(Option::as_deref);
        let path = members.path().to_owned();
        members.finish(faults);
        must_be_own_place(provider, base_url, &path, faults);
        let given = Given {
            provider,
            api_version,
            login_url,
            base_url,
            own_url: None,
            // The connections say where their API is, if the token does not.
            has_oauth: true,
        };
        // Without it, what is missing is for each connection to say.
        if let Err(wrong) = settle(&given) {
            let stays = |wrong: &Wrong| wrong.key.is_some();
            add_wrong(&path, wrong.into_iter().filter(stays), faults);
        }
        for (name, value) in [
            ("client_id", client_id.as_deref()),
            ("api_version", api_version),
            ("login_url", login_url),
            ("base_url", base_url),
        ] {
            if let Some(value) = value {
                visible.insert(name.to_owned(), value.into());
            }
        }
        Parted {
            visible: (!visible.is_empty()).then_some(Value::Object(visible)),
            secret: client_secret
                .map(|secret| json!({ "client_secret": secret }).to_string().into()),
        }
    }

    /// Checks the `settings` of a connection, and parts them.
    pub(crate) fn settings(
        self,
        settings: Map<String, Value>,
        under: Under<'_>,
        faults: &mut Faults,
    ) -> Parted {
        let members = Members::new("body.settings", settings);
        match self {
            Self::Source(provider) => source_settings(provider, members, under, faults),
            Self::Postgres => destination::postgres(members, under.has_credentials, faults),
            Self::Sqlite => destination::sqlite(members, faults),
        }
    }
}

/// The setting for the place of an account's API, where the provider has one of its own.
fn own_setting(provider: &Provider) -> Option<&'static str> {
    match provider.base_url {
        BaseUrl::PerConnection { setting, .. } => Some(setting),
        BaseUrl::Fixed(_) => None,
    }
}

/// Refuses to send credentials to a host that is neither the provider's own nor this machine, where a provider has one
/// for all accounts. Those with a host for each account are held against their list of hosts with the rest.
fn must_be_own_place(provider: &Provider, base_url: Option<&str>, path: &str, faults: &mut Faults) {
    let (BaseUrl::Fixed(own), Some(Ok(given))) = (&provider.base_url, base_url.map(Url::parse))
    else {
        return;
    };
    let is_own = Url::parse(own).is_ok_and(|own| own.origin() == given.origin());
    if !is_own && !crate::config::is_loopback(&given) {
        faults.add(
            format!("{path}.base_url"),
            format!(
                "expected {own} or a sandbox on this machine; only the configuration file may send credentials elsewhere"
            ),
        );
    }
}

fn source_settings(
    provider: &'static Provider,
    mut members: Members,
    under: Under<'_>,
    faults: &mut Faults,
) -> Parted {
    let config = |name: &str| under.config?.get(name)?.as_str();
    let oauth = members.object("oauth", faults);
    let access_token = members.text("access_token", faults);
    if oauth.is_some() && access_token.is_some() {
        faults.add(
            members.at("access_token"),
            "expected either access_token or oauth, found both",
        );
    }
    let is_given = oauth.is_some() || access_token.is_some();
    if !is_given && !under.has_credentials {
        faults.add(
            members.path(),
            "expected access_token, or oauth with credentials that have a refresh_token",
        );
    }
    let has_oauth = if is_given {
        oauth.is_some()
    } else {
        under.has_oauth
    };
    if has_oauth && config("client_id").is_none() {
        faults.add(
            members.at("oauth"),
            "the connector config has no client_id, without which no token can be renewed; set its config first",
        );
    }
    let credentials = oauth.and_then(|oauth| oauth_credentials(oauth, faults));
    let secret = match (credentials, access_token) {
        (Some(credentials), _) => Some(json!({ "oauth": { "credentials": credentials } })),
        (None, Some(token)) => Some(json!({ "access_token": token })),
        (None, None) => None,
    };

    let own = own_setting(provider);
    let own_url = own.and_then(|name| members.text(name, faults));
    let place = ["api_version", "login_url", "base_url"].map(|name| members.text(name, faults));
    let [api_version, login_url, base_url] = place.each_ref().map(Option::as_deref);
    // What a consent or a check has noted: it is shown with the rest, so it may come back with the rest.
    let noted = NOTED.map(|name| (name, members.take(name)));
    let path = members.path().to_owned();
    members.finish(faults);
    must_be_own_place(provider, base_url, &path, faults);
    if under.by_customer {
        for (name, url) in [("login_url", login_url), ("base_url", base_url)]
            .into_iter()
            .chain(own.map(|name| (name, own_url.as_deref())))
        {
            // Elsewhere the provider's own hosts are the only ones; here this machine or any host would be.
            let is_own = url.is_some_and(|url| {
                name != "base_url"
                    && Url::parse(url).is_ok_and(|url| !crate::config::is_loopback(&url))
            });
            if url.is_some() && !is_own && url != config(name) {
                faults.add(
                    format!("{path}.{name}"),
                    "a connect token may not send credentials elsewhere than to the provider",
                );
            }
        }
    }
    let given = Given {
        provider,
        api_version: api_version.or_else(|| config("api_version")),
        login_url: login_url.or_else(|| config("login_url")),
        // What the connection says goes before what its config says.
        base_url: base_url.or_else(|| config("base_url").filter(|_| own_url.is_none())),
        own_url: own_url.as_deref(),
        has_oauth,
    };
    if let Err(wrong) = settle(&given) {
        add_wrong(&path, wrong.into_iter(), faults);
    }
    let mut visible = Map::new();
    for (name, value) in [
        ("api_version", api_version),
        ("login_url", login_url),
        ("base_url", base_url),
    ]
    .into_iter()
    .chain(own.map(|name| (name, own_url.as_deref())))
    {
        if let Some(value) = value {
            visible.insert(name.to_owned(), value.into());
        }
    }
    for (name, value) in noted {
        if let Some(value) = value {
            visible.insert(name.to_owned(), value);
        }
    }
    Parted {
        visible: (!visible.is_empty()).then_some(Value::Object(visible)),
        secret: secret.map(|secret| secret.to_string().into()),
    }
}

fn oauth_credentials(mut oauth: Members, faults: &mut Faults) -> Option<Value> {
    let credentials = oauth.object("credentials", faults);
    let at = oauth.at("credentials");
    oauth.finish(faults);
    let Some(mut members) = credentials else {
        faults.add(at, "is missing; expected an object with a refresh_token");
        return None;
    };
    let refresh_token = members.text("refresh_token", faults);
    if refresh_token.is_none() {
        faults.add(
            members.at("refresh_token"),
            "is missing; without it no token can be renewed",
        );
    }
    let access_token = members.text("access_token", faults);
    let expires_at = members.take("expires_at").and_then(|value| {
        let time = value
            .as_str()
            .and_then(|text| text.parse::<jiff::Timestamp>().ok());
        if time.is_none() {
            faults.add(
                members.at("expires_at"),
                format!(
                    "expected a time as in 2026-01-31T12:00:00Z, found {}",
                    kind(&value)
                ),
            );
        }
        time
    });
    members.finish(faults);
    let mut credentials = Map::new();
    credentials.insert("refresh_token".to_owned(), refresh_token?.into());
    if let Some(token) = access_token {
        credentials.insert("access_token".to_owned(), token.into());
    }
    if let Some(time) = expires_at {
        credentials.insert("expires_at".to_owned(), time.to_string().into());
    }
    Some(Value::Object(credentials))
}

fn add_wrong(path: &str, wrong: impl Iterator<Item = Wrong>, faults: &mut Faults) {
    for Wrong { key, message } in wrong {
        match key {
            Some(key) => faults.add(format!("{path}.{key}"), message),
            None => faults.add(path, message),
        }
    }
}

/// Settings after a change: members that are given replace those that are there, null removes one, the rest stays.
pub(crate) fn merged_settings(
    old: Option<&Value>,
    change: Map<String, Value>,
) -> Map<String, Value> {
    let mut merged = match old {
        Some(Value::Object(old)) => old.clone(),
        _ => Map::new(),
    };
    merged.extend(change);
    merged
}
