//! Who calls, what it may do, and for which connection.
//!
//! A caller shows one credential: an API key of the configuration or of the store in `x-apikey`, or a connect token in
//! `authorization: Bearer`. Keys are compared by their hash and without haste, so that time tells nothing about them.
//! Never says which part of a key was wrong, and never repeats one.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    connections::Directory,
    error::{Code, Error},
    store::{GrantKind, Store, StoreError, may_be_secret},
    upstream::{Connection, provider::Effect},
};

mod given;

use given::Given;

static API_KEY: HeaderName = HeaderName::from_static("x-apikey");
static CONNECTION_ID: HeaderName = HeaderName::from_static("x-connection-id");

/// Who may call, and where what they call about is found.
#[derive(Debug)]
pub struct Auth {
    /// SHA-256 of each key of the configuration: all of one length, so that comparing tells no length either. With the
    /// id of its holder.
    keys: ArcSwap<Vec<([u8; 32], Arc<str>)>>,
    /// None where nothing is kept.
    given: Option<Given>,
    directory: Arc<Directory>,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub scope: Scope,
    /// Tells callers apart: the id of what was given out, or that of a key of the configuration. No secret.
    pub id: Arc<str>,
}

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Admin,
    /// Every unified operation, and looking at what the installation has.
    Unified,
    /// The same, and the provider's own API.
    Native,
    /// Every unified operation and looking, as far as it changes nothing.
    Read,
    /// One customer's own connections.
    Customer(String),
}

impl Scope {
    /// The scope of an API key, by its name.
    pub fn of_key(name: &str) -> Option<Self> {
        match name {
            "admin" => Some(Self::Admin),
            "unified" => Some(Self::Unified),
            "native" => Some(Self::Native),
            "read" => Some(Self::Read),
            _ => None,
        }
    }
}

impl Principal {
    /// The customer whose things alone the caller may see; none where it may see all.
    pub fn customer(&self) -> Option<&str> {
        match &self.scope {
            Scope::Customer(customer) => Some(customer),
            Scope::Admin | Scope::Unified | Scope::Native | Scope::Read => None,
        }
    }

    /// Whether the caller may know of something that belongs to a customer, or to nobody.
    pub fn may_see(&self, customer: Option<&str>) -> bool {
        self.customer().is_none_or(|own| customer == Some(own))
    }

    /// Refuses all who may not change the installation.
    pub fn must_be_admin(&self) -> Result<(), Error> {
        match self.scope {
            Scope::Admin => Ok(()),
            Scope::Unified | Scope::Native | Scope::Read | Scope::Customer(_) => Err(Error::new(
                Code::Forbidden,
                "expected an API key with the scope `admin`, which this operation needs; `crosswalk keys create --scope admin` makes one",
            )),
        }
    }

    /// Refuses a customer, who may not look at the installation as a whole.
    pub fn must_see_all(&self) -> Result<(), Error> {
        match self.scope {
            Scope::Admin | Scope::Unified | Scope::Native | Scope::Read => Ok(()),
            Scope::Customer(_) => Err(Error::new(
                Code::Forbidden,
                "expected an API key, which this operation needs; a connect token is for one customer's connections",
            )),
        }
    }

    /// Refuses all who may not change what belongs to a customer: an administrator may, and the customer itself. Who
    /// may not see it is better told that it does not exist, by [`Self::may_see`].
    pub fn must_manage(&self, customer: Option<&str>) -> Result<(), Error> {
        match &self.scope {
            Scope::Customer(own) if customer == Some(own) => Ok(()),
            Scope::Customer(_) => Err(Error::new(
                Code::Forbidden,
                "the connect token is for another customer",
            )),
            Scope::Admin | Scope::Unified | Scope::Native | Scope::Read => self.must_be_admin(),
        }
    }

    /// Refuses all who may not use the provider's own API, which can do more than the unified one: delete what it
    /// cannot bring back, and read what no mapping names. So it is for those alone who were given it, or everything.
    pub fn must_be_native(&self) -> Result<(), Error> {
        match self.scope {
            Scope::Admin | Scope::Native => Ok(()),
            Scope::Unified | Scope::Read | Scope::Customer(_) => Err(Error::new(
                Code::Forbidden,
                "expected an API key with the scope `native` or `admin`, which the provider's own API needs; `crosswalk keys create --scope native` makes one",
            )),
        }
    }

    /// Refuses a caller that may only read, where something is written.
    pub fn must_be_allowed(&self, effect: Effect) -> Result<(), Error> {
        match (&self.scope, effect) {
            (Scope::Read, Effect::Write) => Err(Error::new(
                Code::Forbidden,
                "the API key has the scope `read`, and this operation writes",
            )),
            _ => Ok(()),
        }
    }
}

impl Auth {
    pub fn new(api_keys: &[SecretString], store: Option<Store>, directory: Arc<Directory>) -> Self {
        Self {
            keys: ArcSwap::from_pointee(hashes(api_keys)),
            given: store.map(Given::new),
            directory,
        }
    }

    /// From now on these are the keys of the configuration.
    pub(crate) fn replace_keys(&self, api_keys: &[SecretString]) {
        self.keys.store(Arc::new(hashes(api_keys)));
    }

    /// The connection that a call is for, which the caller may know of.
    pub async fn connection(
        &self,
        headers: &HeaderMap,
        caller: &Principal,
    ) -> Result<Arc<Connection>, Error> {
        let Some(id) = single(headers, &CONNECTION_ID) else {
            return Err(Error::bad_request(format!(
                "expected one {CONNECTION_ID} header with the id of a connection"
            )));
        };
        let id = id.to_str().unwrap_or_default();
        let connection = self.directory.find(id).await?;
        let customer = connection.customer_id.as_deref();
        // To a customer, another's connection is as one that does not exist, disabled or not.
        if !caller.may_see(customer) {
            return Err(Directory::unknown(id));
        }
        connection.must_be_enabled(id)?;
        match &connection.upstream {
            Some(upstream) => {
                let upstream = Arc::clone(upstream);
                upstream.fetch();
                Ok(upstream)
            }
            None => Err(Error::bad_request(format!(
                "expected in {CONNECTION_ID} a connection to a provider, found one to a destination"
            ))),
        }
    }

    /// Who shows a credential that is known; all others are refused.
    pub async fn caller(&self, headers: &HeaderMap) -> Result<Principal, Error> {
        // An app that passes its own callers' headers on may have an authorization that is for somebody else.
        let has_key = headers.contains_key(&API_KEY);
        let has_token =
            headers.contains_key(AUTHORIZATION) && (!has_key || has_connect_token(headers));
        match (has_key, has_token) {
            (true, true) => Err(refused("both of them")),
            (false, false) => Err(refused("none")),
            (true, false) => match single(headers, &API_KEY) {
                Some(key) => self.holder_of_key(key).await,
                None => Err(refused("several API keys")),
            },
            (false, true) => match single(headers, &AUTHORIZATION) {
                Some(value) => self.holder_of_token(value).await,
                None => Err(refused("several authorizations")),
            },
        }
    }

    async fn holder_of_key(&self, key: &HeaderValue) -> Result<Principal, Error> {
        let hash: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        if let Some(id) = self.holder_in_configuration(&hash) {
            return Ok(Principal {
                scope: Scope::Admin,
                id,
            });
        }
        self.holder(
            GrantKind::ApiKey,
            "API key",
            key.to_str().unwrap_or_default(),
        )
        .await
    }

    fn holder_in_configuration(&self, hash: &[u8; 32]) -> Option<Arc<str>> {
        let keys = self.keys.load();
        let known = keys
            .iter()
            .fold(Choice::from(0), |known, (each, _)| known | each.ct_eq(hash));
        // Which of them it is may show in the time from here on: who knows a key knows which it is.
        let id = bool::from(known).then(|| keys.iter().find(|(each, _)| each == hash));
        id.flatten().map(|(_, id)| Arc::clone(id))
    }

    async fn holder_of_token(&self, value: &HeaderValue) -> Result<Principal, Error> {
        let Some(token) = bearer(value) else {
            return Err(refused("an authorization that is not `Bearer`"));
        };
        if may_be_secret(GrantKind::ApiKey, token) {
            return Err(refused("an API key in the place of a connect token"));
        }
        self.holder(GrantKind::ConnectToken, "connect token", token)
            .await
    }

    /// Who was given a secret by the store.
    async fn holder(&self, kind: GrantKind, what: &str, secret: &str) -> Result<Principal, Error> {
        match &self.given {
            // What does not look like one was made up, or is of a configuration that has changed.
            Some(given) if may_be_secret(kind, secret) => given.caller(kind, secret).await,
            _ => Err(unknown(what)),
        }
    }

    /// Whether there is a key that anybody could call with.
    pub async fn has_key(&self) -> Result<bool, StoreError> {
        if !self.keys.load().is_empty() {
            return Ok(true);
        }
        match &self.given {
            Some(given) => given.has_key().await,
            None => Ok(false),
        }
    }
}

fn hashes(api_keys: &[SecretString]) -> Vec<([u8; 32], Arc<str>)> {
    let keys = api_keys.iter().map(|key| {
        let hash: [u8; 32] = Sha256::digest(key.expose_secret().as_bytes()).into();
        let [a, b, c, d, ..] = hash;
        (hash, format!("config:{a:02x}{b:02x}{c:02x}{d:02x}").into())
    });
    keys.collect()
}

fn refused(found: &str) -> Error {
    Error::new(
        Code::Unauthorized,
        format!(
            "expected an API key in one {API_KEY} header, or a connect token in one `authorization: Bearer`, found {found}"
        ),
    )
}

fn unknown(what: &str) -> Error {
    Error::new(
        Code::Unauthorized,
        format!("expected a known {what}, found one that is not known"),
    )
}

/// Whether one of the authorizations looks like a connect token of ours.
fn has_connect_token(headers: &HeaderMap) -> bool {
    let mut tokens = headers.get_all(AUTHORIZATION).iter().filter_map(bearer);
    tokens.any(|token| may_be_secret(GrantKind::ConnectToken, token))
}

/// What stands behind `Bearer`.
fn bearer(value: &HeaderValue) -> Option<&str> {
    let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The value of a header that is there exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn auth() -> Auth {
        Auth::new(&["one".into(), "two".into()], None, Arc::default())
    }

    fn admin() -> Principal {
        Principal {
            scope: Scope::Admin,
            id: "key".into(),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[tokio::test]
    async fn every_key_of_the_configuration_is_an_admins() {
        for key in ["one", "two"] {
            let caller = auth().caller(&headers(&[("x-apikey", key)])).await.unwrap();
            assert_eq!(caller.scope, admin().scope);
        }
    }

    /// Covers: caller-unknown
    #[tokio::test]
    async fn a_missing_wrong_or_doubled_key_is_refused() {
        for pairs in [
            &[][..],
            &[("x-apikey", "")],
            &[("x-apikey", "on")],
            &[("x-apikey", "one ")],
            &[("x-apikey", "one"), ("x-apikey", "two")],
        ] {
            let error = auth().caller(&headers(pairs)).await.unwrap_err();
            assert_eq!(error.code, Code::Unauthorized, "{pairs:?}");
        }
    }

    #[tokio::test]
    async fn an_unknown_connection_is_not_found_and_none_is_a_bad_request() {
        for (pairs, code) in [
            (&[("x-connection-id", "acme")][..], Code::NotFound),
            (&[], Code::BadRequest),
        ] {
            let error = auth().connection(&headers(pairs), &admin()).await;
            assert_eq!(error.unwrap_err().code, code);
        }
    }
}
