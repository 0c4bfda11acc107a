//! Secrets at rest: XChaCha20-Poly1305, whose nonces are long enough to be random.
//!
//! Two layers. A *data key* seals the secrets of one row; a *wrapping key* from outside of the store ([`super::keys`])
//! seals the data keys. Changing the wrapping key therefore touches one short text for each row. What is sealed is bound
//! to its place: copied to another row or column it does not open.

use std::fmt;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const NONCE_BYTES: usize = 24;
/// The form of what is sealed, so that another can follow.
const FORM: &str = "s1";

/// Why a secret does not open.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    #[error("it is not in the form that secrets are sealed in")]
    Malformed,
    #[error("it is sealed with the key `{0}`, which is not at hand")]
    OtherKey(String),
    #[error("it was changed, moved from another place, or sealed with another key")]
    Refused,
}

/// Where a secret is kept.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// As in `connections.credentials`.
    pub column: &'a str,
    pub row: &'a str,
}

impl Place<'_> {
    /// Neither part can be read as the other's: the length stands before each.
    fn bytes(&self) -> Vec<u8> {
        format!(
            "crosswalk {FORM} {}:{} {}:{}",
            self.column.len(),
            self.column,
            self.row.len(),
            self.row
        )
        .into_bytes()
    }
}

/// A key that seals. Wiped from memory when dropped; its `Debug` shows its id alone.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    bytes: Zeroizing<[u8; KEY_BYTES]>,
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

impl Key {
    /// A new random key.
    pub(crate) fn random(id: String) -> Self {
        Self {
            id,
            bytes: Zeroizing::new(rand::random()),
        }
    }

    pub(crate) fn from_bytes(id: String, bytes: &[u8]) -> Option<Self> {
        let bytes: [u8; KEY_BYTES] = bytes.try_into().ok()?;
        Some(Self {
            id,
            bytes: Zeroizing::new(bytes),
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.as_slice()
    }

    /// `s1:<key id>:<nonce and ciphertext>`
    pub(crate) fn seal(&self, place: Place<'_>, secret: &[u8]) -> String {
        let nonce: [u8; NONCE_BYTES] = rand::random();
        let payload = Payload {
            msg: secret,
            aad: &place.bytes(),
        };
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), payload)
            .expect("secrets are far shorter than the cipher's limit");
        let body = BASE64_URL_SAFE_NO_PAD.encode([nonce.as_slice(), &sealed].concat());
        format!("{FORM}:{}:{body}", self.id)
    }

    pub(crate) fn open(
        &self,
        place: Place<'_>,
        sealed: &str,
    ) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (id, body) = parts(sealed)?;
        if id != self.id {
            return Err(SealError::OtherKey(id.to_owned()));
        }
        let body = BASE64_URL_SAFE_NO_PAD
            .decode(body)
            .map_err(|_| SealError::Malformed)?;
        let (nonce, body) = body
            .split_at_checked(NONCE_BYTES)
            .ok_or(SealError::Malformed)?;
        let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| SealError::Malformed)?;
        let payload = Payload {
            msg: body,
            aad: &place.bytes(),
        };
        self.cipher()
            .decrypt(&XNonce::from(nonce), payload)
            .map(Zeroizing::new)
            .map_err(|_| SealError::Refused)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new(
            self.bytes
                .as_slice()
                .try_into()
                .expect("a key has its length"),
        )
    }

    /// A secret that is text.
    pub(crate) fn seal_text(&self, place: Place<'_>, secret: &SecretString) -> String {
        self.seal(place, secret.expose_secret().as_bytes())
    }

    pub(crate) fn open_text(
        &self,
        place: Place<'_>,
        sealed: &str,
    ) -> Result<SecretString, SealError> {
        let opened = self.open(place, sealed)?;
        let text = std::str::from_utf8(&opened).map_err(|_| SealError::Malformed)?;
        Ok(SecretString::from(text))
    }
}

/// The id of the key that something is sealed with.
pub(crate) fn key_of(sealed: &str) -> Result<&str, SealError> {
    parts(sealed).map(|(id, _)| id)
}

fn parts(sealed: &str) -> Result<(&str, &str), SealError> {
    let mut parts = sealed.split(':');
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(FORM), Some(id), Some(body), None) => Ok((id, body)),
        _ => Err(SealError::Malformed),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const HERE: Place<'_> = Place {
        column: "connections.credentials",
        row: "conn_1",
    };

    /// Covers: secret-at-rest
    #[test]
    fn a_secret_opens_at_its_place_and_nowhere_else() {
        let key = Key::random("k".to_owned());
        let sealed = key.seal(HERE, b"secret");
        assert_eq!(key.open(HERE, &sealed).unwrap().as_slice(), b"secret");
        for elsewhere in [
            Place {
                row: "conn_2",
                ..HERE
            },
            Place {
                column: "connections.settings",
                ..HERE
            },
            // The same text in all, divided in another way.
            Place {
                column: "connections.credentials 6:conn_1",
                row: "",
            },
        ] {
            assert_eq!(key.open(elsewhere, &sealed), Err(SealError::Refused));
        }
    }

    #[test]
    fn another_key_does_not_open_it() {
        let sealed = Key::random("k".to_owned()).seal(HERE, b"secret");
        assert_eq!(
            Key::random("k".to_owned()).open(HERE, &sealed),
            Err(SealError::Refused)
        );
        assert_eq!(
            Key::random("l".to_owned()).open(HERE, &sealed),
            Err(SealError::OtherKey("k".to_owned()))
        );
    }

    #[test]
    fn one_secret_is_never_sealed_alike_twice() {
        let key = Key::random("k".to_owned());
        assert_ne!(key.seal(HERE, b"secret"), key.seal(HERE, b"secret"));
    }

    /// Covers: secret-in-debug
    #[test]
    fn a_key_does_not_show_itself() {
        let key = Key::from_bytes("k".to_owned(), &[0x41; 32]).unwrap();
        assert_eq!(format!("{key:?}"), "Key(k)");
    }

    proptest! {
        /// Covers: secret-at-rest
        #[test]
        fn what_is_sealed_opens_and_a_changed_text_does_not(
            secret in any::<Vec<u8>>(),
            at in any::<prop::sample::Index>(),
            to in "[A-Za-z0-9_:-]",
        ) {
            let key = Key::random("k".to_owned());
            let sealed = key.seal(HERE, &secret);
            let opened = key.open(HERE, &sealed).unwrap();
            prop_assert_eq!(opened.as_slice(), secret.as_slice());
            let at = at.index(sealed.len());
            let mut changed = sealed.clone();
            changed.replace_range(at..=at, &to);
            if changed != sealed {
                // The last digit of base64 may have bits to spare, which a strict decoder refuses.
                prop_assert!(key.open(HERE, &changed).is_err());
            }
        }

        #[test]
        fn any_text_is_refused_without_a_panic(text in ".*") {
            let key = Key::random("k".to_owned());
            prop_assert!(key.open(HERE, &text).is_err());
        }
    }
}
