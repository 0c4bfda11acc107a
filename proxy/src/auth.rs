//! Who calls, what it may do, and for which connection.
//!
//! Keys are compared by their hash and without haste, so that time tells nothing about them. Never says which part of
//! a key was wrong.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    connections::Directory,
    error::{Code, Error},
    store::Store,
    upstream::{Connection, provider::Effect},
};

const API_KEY: &str = "x-apikey";
const CONNECTION_ID: &str = "x-connection-id";

/// Who may call, and where what they call about is found.
#[derive(Debug)]
pub struct Auth {
    /// SHA-256 of each key of the configuration: all of one length, so that comparing tells no length either.
    keys: Vec<[u8; 32]>,
    store: Option<Store>,
    directory: Arc<Directory>,
}

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    pub scope: Scope,
}

/// What a caller may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    Admin,
    /// Every unified operation, and looking at what the installation has.
    Unified,
    /// The same as far as it changes nothing.
    Read,
    /// One customer's own connections.
    Customer(String),
}

impl Principal {
    /// The customer whose things alone the caller may see; none where it may see all.
    pub fn customer(&self) -> Option<&str> {
        match &self.scope {
            Scope::Customer(customer) => Some(customer),
            Scope::Admin | Scope::Unified | Scope::Read => None,
        }
    }

    /// Refuses all who may not change the installation.
    pub fn must_be_admin(&self) -> Result<(), Error> {
        match self.scope {
            Scope::Admin => Ok(()),
            Scope::Unified | Scope::Read | Scope::Customer(_) => Err(Error::new(
                Code::Forbidden,
                "expected an API key with the scope `admin`, which this operation needs; `crosswalk keys create --scope admin` makes one",
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
            keys: api_keys
                .iter()
                .map(|key| Sha256::digest(key.expose_secret().as_bytes()).into())
                .collect(),
            store,
            directory,
        }
    }

    /// The connection that a call is for, which the caller may know of.
    pub async fn connection(
        &self,
        headers: &HeaderMap,
        caller: &Principal,
    ) -> Result<Arc<Connection>, Error> {
        let Some(id) = single(headers, CONNECTION_ID) else {
            return Err(Error::bad_request(format!(
                "expected one {CONNECTION_ID} header with the id of a connection"
            )));
        };
        let id = id.to_str().unwrap_or_default();
        let connection = self.directory.connection(id).await?;
        let customer = connection.customer_id.as_deref();
        // To a customer, another's connection is as one that does not exist.
        match connection.upstream {
            Some(upstream) if caller.customer().is_none_or(|own| customer == Some(own)) => {
                Ok(upstream)
            }
            Some(_) => Err(Directory::unknown(id)),
            None => Err(Error::bad_request(format!(
                "expected in {CONNECTION_ID} a connection to a provider, found one to a destination"
            ))),
        }
    }

    /// Who shows a key that is known; all others are refused.
    pub async fn caller(&self, headers: &HeaderMap) -> Result<Principal, Error> {
        let refused = |found| {
            Err(Error::new(
                Code::Unauthorized,
                format!("expected an API key in one {API_KEY} header, found {found}"),
            ))
        };
        if !headers.contains_key(API_KEY) {
            return refused("none");
        }
        let Some(key) = single(headers, API_KEY) else {
            return refused("several");
        };
        let key: [u8; 32] = Sha256::digest(key.as_bytes()).into();
        let known = self
            .keys
            .iter()
            .fold(Choice::from(0), |known, each| known | each.ct_eq(&key));
        if bool::from(known) {
            Ok(Principal {
                scope: Scope::Admin,
            })
        } else {
            refused("one that is not known")
        }
    }
}

/// The value of a header that is there exactly once.
fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a HeaderValue> {
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
            assert_eq!(caller, admin());
        }
    }

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
