//! Who calls, and for which connection.
//!
//! Keys are compared by their hash and without haste, so that time tells nothing about them. Never says which part of
//! a key was wrong.

use std::{collections::HashMap, sync::Arc};

use http::{HeaderMap, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    error::{Code, Error},
    upstream::Connection,
};

const API_KEY: &str = "x-apikey";
const CONNECTION_ID: &str = "x-connection-id";

/// The keys and connections that exist.
#[derive(Debug)]
pub struct Auth {
    /// SHA-256 of each key: all of one length, so that comparing tells no length either.
    keys: Vec<[u8; 32]>,
    connections: HashMap<String, Arc<Connection>>,
}

impl Auth {
    pub fn new(
        api_keys: &[SecretString],
        connections: impl IntoIterator<Item = Connection>,
    ) -> Self {
        Self {
            keys: api_keys
                .iter()
                .map(|key| Sha256::digest(key.expose_secret().as_bytes()).into())
                .collect(),
            connections: connections
                .into_iter()
                .map(|connection| (connection.settings.id.clone(), Arc::new(connection)))
                .collect(),
        }
    }

    /// The connection that a call is for. Whether the caller may know of it has been found out before.
    pub fn connection(&self, headers: &HeaderMap) -> Result<Arc<Connection>, Error> {
        let Some(id) = single(headers, CONNECTION_ID) else {
            return Err(Error::bad_request(format!(
                "expected one {CONNECTION_ID} header with the id of a connection"
            )));
        };
        let connection = id
            .to_str()
            .ok()
            .and_then(|id| self.connections.get(id))
            .ok_or_else(|| {
                Error::not_found(format!(
                    "no connection has the id in {CONNECTION_ID}; expected one of those under `connections` in the configuration"
                ))
            })?;
        Ok(Arc::clone(connection))
    }

    /// Refuses a caller who shows no key that is known.
    pub fn caller(&self, headers: &HeaderMap) -> Result<(), Error> {
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
            Ok(())
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
        Auth::new(&["one".into(), "two".into()], [])
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn every_key_of_the_configuration_is_taken() {
        for key in ["one", "two"] {
            assert!(auth().caller(&headers(&[("x-apikey", key)])).is_ok());
        }
    }

    #[test]
    fn a_missing_wrong_or_doubled_key_is_refused() {
        for pairs in [
            &[][..],
            &[("x-apikey", "")],
            &[("x-apikey", "on")],
            &[("x-apikey", "one ")],
            &[("x-apikey", "one"), ("x-apikey", "two")],
        ] {
            let error = auth().caller(&headers(pairs)).unwrap_err();
            assert_eq!(error.code, Code::Unauthorized, "{pairs:?}");
        }
    }

    #[test]
    fn an_unknown_connection_is_not_found_and_none_is_a_bad_request() {
        for (pairs, code) in [
            (&[("x-connection-id", "acme")][..], Code::NotFound),
            (&[], Code::BadRequest),
        ] {
            let error = auth().connection(&headers(pairs)).unwrap_err();
            assert_eq!(error.code, code);
        }
    }
}
