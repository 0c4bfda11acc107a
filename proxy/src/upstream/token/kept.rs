//! Credentials as they are kept: one JSON object, which the store seals as a whole.
//!
//! Its form is that of the secret settings of a connection: `{"access_token": …}` where that is all there is, otherwise
//! `{"oauth": {"credentials": {"refresh_token": …, "access_token": …, "expires_at": …, "base_url": …}}}`.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::store::rfc3339;

/// What opens an account, and what the last refresh told beside.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// None where the access token is all that there is.
    pub refresh_token: Option<SecretString>,
    pub access_token: Option<SecretString>,
    /// When the access token ends, in milliseconds since the epoch; none where nobody has told.
    pub expires_at: Option<i64>,
    /// Where the API is, as the access token's answer told it.
    pub base_url: Option<Url>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Form {
    OAuth { oauth: OAuth },
    AccessToken { access_token: String },
}

#[derive(Deserialize)]
struct OAuth {
    credentials: Members,
}

#[derive(Deserialize)]
struct Members {
    refresh_token: Option<String>,
    access_token: Option<String>,
    expires_at: Option<String>,
    base_url: Option<String>,
}

impl Kept {
    /// Reads credentials; none where it is something else.
    pub fn from_json(json: &SecretString) -> Option<Self> {
        // The error is dropped: it could quote a secret.
        match serde_json::from_str(json.expose_secret()).ok()? {
            Form::OAuth { oauth } => {
                let members = oauth.credentials;
                let expires_at = members.expires_at.map(|text| text.parse::<Timestamp>());
                let base_url = members.base_url.map(|text| Url::parse(&text));
                Some(Self {
                    refresh_token: members.refresh_token.map(SecretString::from),
                    access_token: members.access_token.map(SecretString::from),
                    expires_at: expires_at.transpose().ok()?.map(Timestamp::as_millisecond),
                    base_url: base_url.transpose().ok()?,
                })
            }
            Form::AccessToken { access_token } => Some(Self {
                access_token: Some(access_token.into()),
                ..Self::default()
            }),
        }
    }

    pub fn to_json(&self) -> SecretString {
        let mut members = Map::new();
        let tokens = [
            ("refresh_token", &self.refresh_token),
            ("access_token", &self.access_token),
        ];
        for (name, secret) in tokens {
            if let Some(secret) = secret {
                members.insert(name.to_owned(), secret.expose_secret().into());
            }
        }
        if let Some(expires_at) = self.expires_at {
            members.insert("expires_at".to_owned(), rfc3339(expires_at).into());
        }
        if let Some(base_url) = &self.base_url {
            members.insert("base_url".to_owned(), base_url.as_str().into());
        }
        let json = if self.refresh_token.is_some() {
            json!({ "oauth": { "credentials": members } })
        } else {
            Value::Object(members)
        };
        json.to_string().into()
    }

    /// Whether these are the same tokens, so that who is not sure whether they were kept can tell.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let secret = |secret: &Option<SecretString>| {
            secret
                .as_ref()
                .map(|secret| secret.expose_secret().to_owned())
        };
        secret(&self.access_token) == secret(&other.access_token)
            && secret(&self.refresh_token) == secret(&other.refresh_token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_and_shows_nothing() {
        let kept = Kept {
            refresh_token: Some("secret-r".into()),
            access_token: Some("secret-a".into()),
            expires_at: Some(1_700_000_000_000),
            base_url: Url::parse("https://x.acme.example").ok(),
        };
        let read = Kept::from_json(&kept.to_json()).unwrap();
        assert!(read.is_same(&kept));
        assert_eq!(
            (read.expires_at, &read.base_url),
            (kept.expires_at, &kept.base_url)
        );
        assert!(!format!("{kept:?} {:?}", kept.to_json()).contains("secret-"));
        let other = Kept {
            refresh_token: Some("secret-2".into()),
            ..kept.clone()
        };
        assert!(!other.is_same(&kept));
    }

    #[test]
    fn the_settings_of_a_connection_are_read_as_they_were_given() {
        let read = |json: &str| Kept::from_json(&json.into()).unwrap();
        let oauth = read(
            r#"{"oauth":{"credentials":{"refresh_token":"r","expires_at":"2026-01-31T12:00:00.5Z"}}}"#,
        );
        assert_eq!(oauth.expires_at, Some(1_769_860_800_500));
        assert!(oauth.access_token.is_none());
        let alone = read(r#"{"access_token":"a"}"#);
        assert!(alone.refresh_token.is_none());
        assert_eq!(alone.to_json().expose_secret(), r#"{"access_token":"a"}"#);
    }

    #[test]
    fn what_is_something_else_is_none() {
        for json in ["", "[]", "{}", "{\"access_token\":1}", "{\"oauth\":{}}"] {
            assert!(Kept::from_json(&json.into()).is_none(), "{json}");
        }
    }
}
