//! What translators are made of.
//!
//! A translator is a state machine without I/O: it says which native calls to make, is given their responses, and says
//! again, until it has the answer. It reads no clock, holds no lock and knows no socket; time and settings come in with
//! its [`Context`]. What is generated declares; what behaves is here.

pub mod answer;
pub mod batch;
pub mod beside;
pub mod bundle;
pub mod call;
pub mod cursor;
pub mod decimal;
pub mod decode;
pub mod encoded;
pub mod entity;
pub mod hidden;
pub mod html;
pub mod instant;
pub mod json;
pub mod key;
pub mod leaf;
pub mod list;
pub mod long;
pub mod native;
pub mod objects;
pub mod page;
pub mod paging;
pub mod patch;
pub mod pick;
pub mod query;
pub mod read;
pub mod record;
pub mod record_id;
pub mod records;
pub mod scalar;
pub mod scan;
pub mod script;
pub mod steps;
pub mod taken;
pub mod template;
pub mod upsert;
pub mod warning;
pub mod work;
pub mod write;
pub mod xml;

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
pub use encoded::{EncodedRecord, encode_record};
use http::HeaderValue;
use jiff::Timestamp;

use crate::{
    error::{Code, Error},
    upstream::provider::{NativeOperation, Provider},
};

/// One unified call on its way through a provider.
pub trait Translator: Send {
    /// The keys that this call matches records by. Calls with a key in common must run one after the other, since a
    /// provider that finds nothing for both would be given two records. Empty for most.
    fn keys(&self) -> &[MatchKey] {
        &[]
    }

    /// The keys that a record may get by this call. They are locked like [`Self::keys`]: a call that matches by one of
    /// them must not look for it while this one writes it.
    fn written_keys(&self) -> Vec<MatchKey> {
        Vec::new()
    }

    /// Whether the first step depends on what was written under one of [`Self::keys`] a moment ago.
    fn looks_back(&self) -> bool {
        true
    }

    /// The first step. `recent` is what was written under one of [`Self::keys`] a moment ago.
    fn start(&mut self, recent: &Recent) -> Result<Step, Error>;

    /// The next step, given one response for each call of the last one, in the same order.
    fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error>;

    /// Whether the answer to the only call of the last step may be read while it comes, and be told at once. Then
    /// [`Self::begins`], [`Self::feed`], [`Self::hand_on`] and [`Self::flowed`] take the place of [`Self::resume`], if the
    /// answer is a large one and nobody else needs the whole of it.
    fn flows(&self) -> bool {
        false
    }

    /// The answer has begun; its body is to come.
    fn begins(&mut self, _response: &NativeResponse) -> Result<(), Error> {
        Err(never_flows())
    }

    /// More of the body has come. How many bytes of the answer can be told and were not handed on yet, as nearly as it
    /// matters: 0 where there are none.
    fn feed(&mut self, _body: &[u8]) -> Result<usize, Error> {
        Err(never_flows())
    }

    /// What can be told of the answer, and was not handed on yet.
    fn hand_on(&mut self) -> Vec<u8> {
        Vec::new()
    }

    /// The body has come to its end. The body of what is answered is what was not handed on yet.
    fn flowed(&mut self, _response: &NativeResponse) -> Result<Answer, Error> {
        Err(never_flows())
    }

    /// A call of the last step could not be made or got no response. The translator adds what it knows: above all
    /// whether something had been written before.
    fn failed(&self, error: Error) -> Error {
        error
    }

    /// What this call has written, or may have written, asked for when it ended in an error that says so.
    fn left_behind(&self) -> Option<Written> {
        None
    }
}

fn never_flows() -> Error {
    Error::new(
        Code::InternalServerError,
        "an answer flowed that should not; please report it with the request id",
    )
}

/// What was written a moment ago under the keys of a call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    /// The ids of records.
    pub ids: Vec<String>,
    /// A record may have been written whose id nobody knows, and a search may miss it for so long.
    pub uncertain_for: Option<Duration>,
}

/// An operation that a provider has no mapping for.
pub fn not_implemented(operation: &str, provider: &Provider) -> Error {
    Error::new(
        Code::NotImplemented,
        format!("{operation} is not available for {}", provider.title),
    )
}

/// What a translator wants next.
#[derive(Debug)]
pub enum Step {
    /// Native calls to make, side by side.
    Calls(Vec<NativeRequest>),
    /// The end.
    Answer(Answer),
}

impl Step {
    pub fn call(request: NativeRequest) -> Self {
        Self::Calls(vec![request])
    }
}

/// One call to a provider, complete but for its host and its credentials.
#[derive(Debug, Clone)]
pub struct NativeRequest {
    pub operation: &'static NativeOperation,
    /// Path and query, percent-encoded, beginning with `/`.
    pub target: String,
    /// JSON, where the call has a body.
    pub body: Option<Bytes>,
    pub freshness: Freshness,
    /// Where in the body the credential belongs, for calls that want it there: it is put in by the engine alone.
    pub credential_at: Option<usize>,
    /// What the call is made of, where it is a bundle.
    pub parts: Option<bundle::Parts>,
}

/// How new a call's answer must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Freshness {
    /// The provider is asked.
    #[default]
    Asked,
    /// What the connection was answered a few minutes ago will do: tables of labels, descriptions of objects.
    Remembered,
    /// The provider is asked, since what was remembered did not help; the answer is remembered instead.
    Renewed,
}

impl NativeRequest {
    #[must_use]
    pub fn with_freshness(self, freshness: Freshness) -> Self {
        Self { freshness, ..self }
    }
}

/// What a provider answered: any status, read to its end.
#[derive(Debug, Clone)]
pub struct NativeResponse {
    pub status: u16,
    pub body: Bytes,
    /// Its `Date` header, for the few who ask. An answer that is remembered has none, nor one that is a part of another.
    pub date: Option<HeaderValue>,
    /// From the header that `provider.yaml` names.
    pub correlation_id: Option<Arc<str>>,
    /// The responses to the parts of a bundle, where it was taken apart on the way.
    pub parts: Vec<NativeResponse>,
}

impl NativeResponse {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The provider's clock.
    pub fn clock(&self) -> Option<Timestamp> {
        let date = self.date.as_ref()?.to_str().ok()?;
        let date = httpdate::parse_http_date(date).ok()?;
        Timestamp::try_from(date).ok()
    }
}

/// A value of a key that records are matched by, in its normal form.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MatchKey {
    /// As in `crm.account`.
    pub entity: &'static str,
    /// As in `website`.
    pub key: &'static str,
    pub value: String,
}

/// The answer of a unified call: status 200 and this body.
#[derive(Debug)]
pub struct Answer {
    /// JSON.
    pub body: Vec<u8>,
    /// What was written, so that the next upsert finds it even where the provider's search lags behind.
    pub written: Option<Written>,
    /// Native fields that turned out to be hidden from the connected user.
    pub hidden: Vec<hidden::HiddenField>,
    /// Objects or fields were made: what is remembered of them is old.
    pub changed_metadata: bool,
}

/// A record that was written, and the keys by which it can be found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// None where a record may have been written and nobody knows its id.
    pub id: Option<String>,
    pub keys: Vec<MatchKey>,
}

/// What a translator knows of the world: the connection's settings, the time, the key that cursors are signed with.
#[derive(Debug, Clone)]
pub struct Context {
    pub provider: &'static Provider,
    /// As in `crm.account.list`.
    pub operation: &'static str,
    pub connection: Arc<dyn HasSettings>,
    pub now: Timestamp,
    /// The native fields that are known to be hidden from the connected user.
    pub hidden: Arc<[hidden::HiddenField]>,
    /// The native names of the objects that the call is about, by role, where they are not the mapping's.
    pub objects: Arc<[(&'static str, String)]>,
    /// The fields of the object, where all of them are read.
    pub fields: Option<Arc<[String]>>,
}

impl Context {
    /// The native name of an object that the call is about.
    pub fn object(&self, role: &str) -> Option<&str> {
        let known = self.objects.iter().find(|(known, _)| *known == role);
        known.map(|(_, name)| name.as_str())
    }
}

/// What has a connection's settings: they alone, or the whole connection, whose are a part of it. Thousands of them are as
/// many places in memory, which each call would have to reach beside that of its connection.
pub trait HasSettings: std::fmt::Debug + Send + Sync {
    /// Those of the connection.
    fn settings(&self) -> &ConnectionSettings;
}

impl HasSettings for ConnectionSettings {
    fn settings(&self) -> &ConnectionSettings {
        self
    }
}

/// The part of a connection that translators may know: no secret in it. What every call looks at comes first.
#[derive(Debug, Clone)]
#[repr(C)]
pub struct ConnectionSettings {
    /// The beginnings of the provider's paths in this connection's API version; `provider.yaml` orders them. Connections
    /// share them.
    pub roots: Arc<[String]>,
    pub id: String,
    /// Signs cursors; a cursor of one connection is refused by every other.
    pub cursor_key: CursorKey,
}

/// A key that cursors are signed with. Its `Debug` shows nothing.
#[derive(Clone)]
pub struct CursorKey(pub [u8; 32]);

impl std::fmt::Debug for CursorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("CursorKey(…)")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::upstream::provider::{
        Auth, BaseUrl, Details, ErrorRule, Errors, NativeDoor, Versions,
    };

    static PROVIDER: Provider = Provider {
        name: "example",
        title: "Example",
        base_url: BaseUrl::Fixed("https://example.com"),
        versions: Versions {
            default: "1",
            families: &[],
            retires: &[],
        },
        auth: Auth {
            token_url: "",
            login_url: None,
            lifetime_seconds: None,
            base_url_member: None,
            revoked: &[],
            incurable: &[],
            authorize: None,
            logins: &[],
            revoke: None,
            granted: None,
        },
        check: None,
        scopes: &[],
        limits: &[],
        joins: &[],
        native_door: NativeDoor::PLAIN,
        errors: Errors {
            list: false,
            code: &[],
            message: "message",
            correlation_id: None,
            correlation_header: None,
            details: Details {
                list: None,
                message: None,
                code: None,
                fields: None,
                context: None,
            },
            named: &[],
            existing_id_after: None,
            partial: None,
            classify: &[],
        },
    };

    /// The same, with a code that says that nothing was carried out.
    pub(crate) static LOCKING: Provider = Provider {
        name: "example",
        title: "Example",
        base_url: BaseUrl::Fixed("https://example.com"),
        versions: Versions {
            default: "1",
            families: &[],
            retires: &[],
        },
        auth: Auth {
            token_url: "",
            login_url: None,
            lifetime_seconds: None,
            base_url_member: None,
            revoked: &[],
            incurable: &[],
            authorize: None,
            logins: &[],
            revoke: None,
            granted: None,
        },
        check: None,
        scopes: &[],
        limits: &[],
        joins: &[],
        native_door: NativeDoor::PLAIN,
        errors: Errors {
            list: false,
            code: &["code"],
            message: "message",
            correlation_id: None,
            correlation_header: None,
            details: Details {
                list: None,
                message: None,
                code: None,
                fields: None,
                context: None,
            },
            named: &[],
            existing_id_after: None,
            partial: None,
            classify: &[ErrorRule {
                codes: &["LOCKED"],
                not_carried_out: true,
                ..ErrorRule::new(Code::Conflict)
            }],
        },
    };

    /// A context of an invented provider, at a fixed time.
    pub(crate) fn context() -> Context {
        Context {
            provider: &PROVIDER,
            operation: "crm.thing.list",
            connection: Arc::new(ConnectionSettings {
                id: "c1".to_owned(),
                roots: ["/api".to_owned()].into(),
                cursor_key: CursorKey([7; 32]),
            }),
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            hidden: Arc::default(),
            objects: Arc::default(),
            fields: None,
        }
    }
}
