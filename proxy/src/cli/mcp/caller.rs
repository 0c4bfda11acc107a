//! Who calls, and how its requests are told apart.
//!
//! Over stdin there is one caller, whose key the command was given. Over HTTP each request brings a credential of the
//! proxy, which is passed on and looked at nowhere else: what it may do is for the proxy to say.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crosswalk::store::GrantKind;
use http::{HeaderMap, HeaderName, HeaderValue, header::AUTHORIZATION};
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;

const API_KEY: HeaderName = HeaderName::from_static("x-apikey");
const CONNECTION_ID: &str = "x-connection-id";
pub(super) const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Who calls.
#[derive(Debug, Clone)]
pub(super) struct Caller {
    /// None where the proxy of the command has the key.
    credential: Option<(HeaderName, HeaderValue)>,
    /// The connection that is meant where a call names none.
    pub(super) connection: Option<String>,
    /// Within what the ids of requests are unique, as far as that is known.
    session: Option<Vec<u8>>,
}

impl Caller {
    /// The one at the other end of stdin.
    pub(super) fn only(connection: Option<String>) -> Self {
        let session = uuid::Uuid::new_v4();
        Self {
            credential: None,
            connection,
            session: Some(session.as_bytes().to_vec()),
        }
    }

    /// Who sends these headers, or why that is not known. Clients of MCP can often send nothing but a bearer: a connect
    /// token is told by its beginning, anything else is an API key.
    pub(super) fn of(headers: &HeaderMap, connection: Option<&str>) -> Result<Self, &'static str> {
        let mut given = Vec::new();
        for value in headers.get_all(API_KEY) {
            given.push((API_KEY, value.clone()));
        }
        for value in headers.get_all(AUTHORIZATION) {
            let bearer = value.to_str().ok().and_then(|text| text.split_once(' '));
            let Some((scheme, token)) = bearer else {
                return Err("an authorization that is not `Bearer`");
            };
            if !scheme.eq_ignore_ascii_case("bearer") {
                return Err("an authorization that is not `Bearer`");
            }
            if token.starts_with(GrantKind::ConnectToken.prefix()) {
                given.push((AUTHORIZATION, value.clone()));
            } else {
                let key = HeaderValue::from_str(token.trim());
                given.push((API_KEY, key.map_err(|_| "an odd one")?));
            }
        }
        let mut credential = match given.len() {
            0 => return Err("none"),
            1 => given.remove(0),
            _ => return Err("several"),
        };
        // Nothing that is logged shows it.
        credential.1.set_sensitive(true);
        // Two of them, or odd bytes, name nothing: never the connection of the command instead.
        let named = headers.get_all(CONNECTION_ID).iter();
        let named: Vec<_> = named
            .map(|it| String::from_utf8_lossy(it.as_bytes()))
            .collect();
        let named = (!named.is_empty()).then(|| named.join(", "));
        let session = headers.get(SESSION);
        Ok(Self {
            credential: Some(credential),
            connection: named.or_else(|| connection.map(str::to_owned)),
            session: session.map(|value| value.as_bytes().to_vec()),
        })
    }

    /// What the proxy is shown.
    pub(super) fn credentials(&self) -> HeaderMap {
        self.credential.iter().cloned().collect()
    }

    /// A connect token is one customer's, and what is nobody's in particular is not shown to it.
    pub(super) fn may_see_all(&self) -> bool {
        let credential = self.credential.as_ref();
        credential.is_none_or(|(name, _)| *name == API_KEY)
    }

    /// A name for the credential that is none itself.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        if let Some((name, value)) = &self.credential {
            hash.update(name.as_str());
            hash.update([0]);
            hash.update(value.as_bytes());
        }
        hash.finalize().into()
    }

    /// A name for one request of the caller's, which a repetition of it has as well and no other one. None where nothing
    /// says within what its id is unique: two clients count from 1 alike.
    pub(super) fn request(&self, id: &serde_json::Value) -> Option<Request> {
        let session = self.session.as_ref()?;
        let mut hash = Sha256::new();
        hash.update(self.fingerprint());
        hash.update((session.len() as u64).to_be_bytes());
        hash.update(session);
        hash.update(id.to_string());
        Some(Request(hash.finalize().into()))
    }
}

/// A request of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Request([u8; 32]);

impl Request {
    /// With this key its write is carried out once, however often it is sent.
    pub(super) fn idempotency_key(&self) -> String {
        let mut key = String::from("mcp-");
        for byte in &self.0[..16] {
            let _ = write!(key, "{byte:02x}");
        }
        key
    }
}

/// The requests that are under way, so that a later message can call one off.
#[derive(Debug, Clone, Default)]
pub(super) struct UnderWay(Arc<Mutex<HashMap<Request, oneshot::Sender<()>>>>);

/// One of them; it is under way until this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    all: UnderWay,
    request: Request,
    called_off: oneshot::Receiver<()>,
}

impl UnderWay {
    pub(super) fn enter(&self, request: Request) -> Place {
        let (call_off, called_off) = oneshot::channel();
        self.lock().insert(request, call_off);
        Place {
            all: self.clone(),
            request,
            called_off,
        }
    }

    /// Whether it was under way.
    pub(super) fn call_off(&self, request: Request) -> bool {
        let call_off = self.lock().remove(&request);
        call_off.is_some_and(|it| it.send(()).is_ok())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Request, oneshot::Sender<()>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Resolves when the request is called off, and never otherwise.
    pub(super) async fn called_off(&mut self) {
        // Another one with the same name has taken the place: it goes on, and this one too.
        if (&mut self.called_off).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What belongs to another one with the same name stays.
        self.called_off.close();
        let mut all = self.all.lock();
        if all
            .get(&self.request)
            .is_some_and(oneshot::Sender::is_closed)
        {
            all.remove(&self.request);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn caller(pairs: &[(&'static str, &str)]) -> Result<Caller, &'static str> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        Caller::of(&headers, Some("of-the-command"))
    }

    #[test]
    fn a_caller_shows_one_credential_in_either_header() {
        for (pairs, name, value) in [
            (&[("x-apikey", "hush")][..], "x-apikey", "hush"),
            (&[("authorization", "Bearer hush")], "x-apikey", "hush"),
            (&[("authorization", "bearer hush")], "x-apikey", "hush"),
            (
                &[("authorization", "Bearer cwt_hush")],
                "authorization",
                "Bearer cwt_hush",
            ),
        ] {
            let caller = caller(pairs).unwrap();
            let credentials = caller.credentials();
            assert_eq!(credentials.len(), 1);
            assert_eq!(credentials[name], value);
            assert!(!format!("{caller:?}").contains("hush"), "{caller:?}");
            assert_eq!(caller.may_see_all(), name == "x-apikey");
        }
        for (pairs, found) in [
            (&[][..], "none"),
            (&[("x-apikey", "one"), ("x-apikey", "two")], "several"),
            (
                &[("x-apikey", "one"), ("authorization", "Bearer one")],
                "several",
            ),
            (&[("authorization", "Basic b25l")], "not `Bearer`"),
            (&[("authorization", "one")], "not `Bearer`"),
        ] {
            assert!(caller(pairs).unwrap_err().contains(found), "{pairs:?}");
        }
    }

    #[test]
    fn a_header_s_connection_goes_before_that_of_the_command() {
        let named = caller(&[("x-apikey", "one"), ("x-connection-id", "acme")]).unwrap();
        assert_eq!(named.connection.as_deref(), Some("acme"));
        let two = [
            ("x-apikey", "one"),
            ("x-connection-id", "acme"),
            ("x-connection-id", "other"),
        ];
        let doubled = caller(&two).unwrap();
        assert_eq!(doubled.connection.as_deref(), Some("acme, other"));
        let unnamed = caller(&[("x-apikey", "one")]).unwrap();
        assert_eq!(unnamed.connection.as_deref(), Some("of-the-command"));
    }

    #[test]
    fn a_request_has_one_name_within_its_session_alone() {
        let in_session = |key: &str, session: &str, id: serde_json::Value| {
            let caller = caller(&[("x-apikey", key), ("mcp-session-id", session)]).unwrap();
            caller.request(&id).unwrap()
        };
        let first = in_session("one", "a", json!(1));
        assert_eq!(first, in_session("one", "a", json!(1)));
        for other in [
            in_session("two", "a", json!(1)),
            in_session("one", "b", json!(1)),
            in_session("one", "a", json!(2)),
            in_session("one", "a", json!("1")),
        ] {
            assert_ne!(first, other);
        }
        assert_eq!(first.idempotency_key().len(), 36);
        let without = caller(&[("x-apikey", "one")]).unwrap();
        assert_eq!(without.request(&json!(1)), None);
        let id = json!(1);
        assert_ne!(
            Caller::only(None).request(&id),
            Caller::only(None).request(&id)
        );
    }

    #[tokio::test]
    async fn a_request_is_called_off_while_it_is_under_way() {
        let all = UnderWay::default();
        let request = Caller::only(None).request(&json!(1)).unwrap();
        assert!(!all.call_off(request), "it has not begun");
        let mut place = all.enter(request);
        assert!(all.call_off(request));
        place.called_off().await;
        drop(place);
        let mut first = all.enter(request);
        let second = all.enter(request);
        let waited = tokio::time::timeout(std::time::Duration::from_millis(10), first.called_off());
        assert!(waited.await.is_err(), "who is replaced goes on");
        drop(first);
        assert_eq!(all.lock().len(), 1, "the place is the second one's");
        drop(second);
        assert_eq!(all.lock().len(), 0);
    }
}
