//! A provider as data: what `provider.yaml` says, in the form that the engine reads. Every value is generated.

use http::{HeaderName, Method};

use crate::error::Code;

mod connect;
mod joins;
mod limits;

pub use connect::{
    AccountPlace, Authorize, Check, FixedCall, Granted, Login, OperationScopes, OptionalScopes,
    TokenCall, TokenValues,
};
pub use joins::{Join, JoinPart};
pub use limits::{Limit, LimitKind, QuotaLeft, QuotaTold};

/// All that the engine knows of a provider.
#[derive(Debug)]
pub struct Provider {
    /// As in a connection's `provider:` and in an error's `provider.name`.
    pub name: &'static str,
    /// As people write it.
    pub title: &'static str,
    pub base_url: BaseUrl,
    pub versions: Versions,
    pub auth: Auth,
    /// How a connection is proved to work.
    pub check: Option<Check>,
    /// What each operation needs; empty where the provider has no scopes.
    pub scopes: &'static [OperationScopes],
    /// How many calls an account may make.
    pub limits: &'static [Limit],
    /// Which single reads it answers together.
    pub joins: &'static [Join],
    /// What callers may ask of its own API.
    pub native_door: NativeDoor,
    pub errors: Errors,
}

/// Which paths and headers pass between a caller and the provider's own API. All are in small letters.
#[derive(Debug)]
pub struct NativeDoor {
    /// What paths begin with; empty: every path may be asked for.
    pub open: &'static [&'static str],
    /// What the paths of those begin with that may not: what tells of credentials.
    pub closed: &'static [&'static str],
    /// Headers of requests, beside those that mean the same everywhere.
    pub request_headers: &'static [&'static str],
    /// The same of answers.
    pub answer_headers: &'static [&'static str],
}

impl NativeDoor {
    /// Every path, and no header but the usual ones.
    pub const PLAIN: Self = Self {
        open: &[],
        closed: &[],
        request_headers: &[],
        answer_headers: &[],
    };
}

/// Where the provider's API is.
#[derive(Debug)]
pub enum BaseUrl {
    Fixed(&'static str),
    /// Each connection has a host of its own, which comes with the token or from this setting of the connection.
    PerConnection {
        setting: &'static str,
        /// Hosts end with one of these; any other is refused. Overrides to loopback are for the sandbox.
        allowed_hosts: &'static [&'static str],
    },
}

/// The versions of the API that a connection may choose.
#[derive(Debug)]
pub struct Versions {
    pub default: &'static str,
    pub families: &'static [VersionFamily],
    /// By version, the day (`2027-09-01`) from which the provider may not answer it any more, where that is known.
    pub retires: &'static [(&'static str, &'static str)],
}

/// Versions that write their paths alike.
#[derive(Debug)]
pub struct VersionFamily {
    pub matches: VersionMatch,
    /// The beginnings of paths, in the order that the translators number them; `{version}` stands for the version.
    pub roots: &'static [&'static str],
}

#[derive(Debug)]
pub enum VersionMatch {
    OneOf(&'static [&'static str]),
    /// `major.minor` numbers from this one on.
    AtLeast(&'static str),
}

/// How a token is had.
#[derive(Debug)]
pub struct Auth {
    /// The token endpoint; `{login_url}` stands for the connection's login host.
    pub token_url: &'static str,
    pub login_url: Option<&'static str>,
    /// Seconds that a token lives when the answer does not say.
    pub lifetime_seconds: Option<u64>,
    /// The member of the token's answer that names the API's base URL.
    pub base_url_member: Option<&'static str>,
    /// A refusal with one of these values in one of these members means that a person must connect again:
    /// `(member, values)`.
    pub revoked: &'static [(&'static str, &'static [&'static str])],
    /// A 401 with one of these messages is not cured by a new token.
    pub incurable: &'static [&'static str],
    /// How a person is asked for consent; without it no account is connected on a page.
    pub authorize: Option<Authorize>,
    /// The hosts that a person may choose to log in at; empty where there is only one.
    pub logins: &'static [Login],
    /// Takes a refresh token back.
    pub revoke: Option<TokenCall>,
    /// Where the granted scopes are told.
    pub granted: Option<Granted>,
}

/// How the provider tells what went wrong.
#[derive(Debug)]
pub struct Errors {
    /// The body is a list of faults, of which the first counts.
    pub list: bool,
    /// The members that may hold the code, the first present one counts.
    pub code: &'static [&'static str],
    pub message: &'static str,
    pub correlation_id: Option<&'static str>,
    pub correlation_header: Option<&'static HeaderName>,
    pub details: Details,
    /// What a refusal names beside its message, and the caller must know to help himself.
    pub named: &'static [Named],
    /// What stands before the id of the record that is in the way, in the message.
    pub existing_id_after: Option<&'static str>,
    /// How a success tells that a part of the call failed.
    pub partial: Option<Partial>,
    /// The first rule that fits counts. Where none does: 5xx and all else is `BAD_GATEWAY`.
    pub classify: &'static [ErrorRule],
}

/// Where the single faults of an error are.
#[derive(Debug)]
pub struct Details {
    /// The member with a list of faults, each with a message and a code.
    pub list: Option<&'static str>,
    pub message: Option<&'static str>,
    pub code: Option<&'static str>,
    /// The member with a list of the names of the fields at fault.
    pub fields: Option<&'static str>,
    /// The member of a fault, single or whole, that has what its message is about: lists of texts by name.
    pub context: Option<&'static str>,
}

/// Texts of a refusal that its message does not tell: the scopes that are missing, the records that are in the way.
#[derive(Debug)]
pub struct Named {
    /// What they are, as in `missing scopes`.
    pub what: &'static str,
    /// Where they are; a list on the way counts as each of its elements.
    pub at: &'static [&'static [&'static str]],
    /// What to do about them.
    pub help: Option<&'static str>,
}

/// Where an answer that is a success lists what failed.
#[derive(Debug)]
pub struct Partial {
    pub status: u16,
    /// The member with the list, each of which is like the body of an error.
    pub list: &'static str,
    /// The codes of those that only say that something is not there.
    pub ignore: &'static [&'static str],
}

/// What a status and a code of the provider mean.
#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is a key of the mapping, and any of them may stand with any other.
pub struct ErrorRule {
    pub status: Option<u16>,
    /// Any of these; empty: any code.
    pub codes: &'static [&'static str],
    /// Members that tell apart what status and code do not: each has one of its values.
    pub with: &'static [(&'static str, &'static [&'static str])],
    /// Words in the message that tell it apart.
    pub message: Option<&'static str>,
    pub code: Code,
    /// The token may have expired: get a new one and try once more.
    pub refresh: bool,
    /// A read may have failed for a field that the connected user may not see.
    pub hidden_field: bool,
    /// It is certain that nothing was carried out, so even a write may be repeated.
    pub not_carried_out: bool,
    /// It does not pass within the time of a call, so it is not tried again.
    pub never_again: bool,
    /// When the caller may try again, in seconds, where the provider does not say.
    pub retry_after_seconds: Option<u32>,
    /// The name of the limit that it says is spent.
    pub limit: Option<&'static str>,
}

impl ErrorRule {
    /// A rule that fits everything and says no more than the code.
    pub const fn new(code: Code) -> Self {
        Self {
            status: None,
            codes: &[],
            with: &[],
            message: None,
            code,
            refresh: false,
            hidden_field: false,
            not_carried_out: false,
            never_again: false,
            retry_after_seconds: None,
            limit: None,
        }
    }
}

/// One operation of the provider's API.
#[derive(Debug)]
pub struct NativeOperation {
    /// Its `operationId`.
    pub id: &'static str,
    pub method: Method,
    pub effect: Effect,
    pub content: Content,
}

/// What the bodies of an operation are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Json,
    /// XML in an envelope; such calls name their action in a header, which may be empty.
    Soap,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing, so it may be repeated.
    Read,
    Write,
}
