//! Who calls, and may they: access tokens and scopes.

use std::collections::BTreeMap;

use http::StatusCode;
use serde_json::json;

use super::Options;
use super::fault::Fault;
use super::schema::{ObjectType, Property, Sensitivity};
use super::settings::Settings;
use crate::sandbox::clock::iso_ms;
use crate::sandbox::http::Call;

/// Issued tokens that are remembered; the oldest are forgotten, and then unknown.
const MAX_TOKENS: usize = 10_000;

/// Every access token that was issued, and the codes that can still be changed into one.
#[derive(Default)]
pub(super) struct Tokens {
    /// By token, the time of expiry.
    access: BTreeMap<String, i64>,
    /// By code, the time of expiry.
    codes: BTreeMap<String, i64>,
}

impl std::fmt::Debug for Tokens {
    /// The tokens themselves are left out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tokens")
            .field("access", &self.access.len())
            .finish_non_exhaustive()
    }
}

/// What a token is decides which limits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    PrivateApp,
    PublicApp,
}

impl Tokens {
    pub(super) fn issue(&mut self, now: i64, seconds: u32) -> String {
        if self.access.len() >= MAX_TOKENS
            && let Some(oldest) = self.access.iter().min_by_key(|(_, expiry)| **expiry)
        {
            let oldest = oldest.0.clone();
            self.access.remove(&oldest);
        }
        let token = format!("CN{:032x}{:032x}{:032x}", random(), random(), random());
        self.access
            .insert(token.clone(), now + i64::from(seconds) * 1000);
        token
    }

    pub(super) fn expiry(&self, token: &str) -> Option<i64> {
        self.access.get(token).copied()
    }

    pub(super) fn expire_all(&mut self, now: i64) {
        for expiry in self.access.values_mut() {
            *expiry = (*expiry).min(now);
        }
    }

    pub(super) fn restore_code(&mut self) {
        self.codes = BTreeMap::from([(super::AUTHORIZATION_CODE.to_owned(), i64::MAX)]);
    }

    pub(super) fn issue_code(&mut self, expiry: i64) -> String {
        if self.codes.len() >= MAX_TOKENS {
            self.restore_code();
        }
        let code = format!("{:032x}", random());
        self.codes.insert(code.clone(), expiry);
        code
    }

    /// A code works once; the answer is its expiry.
    pub(super) fn redeem(&mut self, code: &str) -> Option<i64> {
        self.codes.remove(code)
    }
}

pub(super) fn random() -> u128 {
    rand::random()
}

/// A new correlation id, in the form of a version 4 UUID.
pub(super) fn correlation_id() -> String {
    let bits = random();
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        (bits >> 96) & 0xffff_ffff,
        (bits >> 80) & 0xffff,
        (bits >> 68) & 0xfff,
        (bits >> 52) & 0x3fff | 0x8000,
        bits & 0xffff_ffff_ffff,
    )
}

pub(super) fn authenticate(
    options: &Options,
    tokens: &Tokens,
    call: &Call,
    now: i64,
) -> Result<Caller, Fault> {
    let token = call.bearer();
    if token == Some(options.private_app_token.as_str()) {
        return Ok(Caller::PrivateApp);
    }
    let Some(expiry) = token.and_then(|token| tokens.expiry(token)) else {
        let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";
        return Err(
            Fault::new(StatusCode::UNAUTHORIZED, message).category("INVALID_AUTHENTICATION")
        );
    };
    if expiry > now {
        return Ok(Caller::PublicApp);
    }
    let seconds = (now - expiry) / 1000;
    let message =
        format!("The OAuth token used to make this call expired {seconds} second(s) ago.");
    Err(Fault::new(StatusCode::UNAUTHORIZED, message)
        .category("EXPIRED_AUTHENTICATION")
        .with("context", json!({ "expire time": [iso_ms(expiry)] })))
}

/// What a call is going to do, for its scope.
#[derive(Debug, Clone, Copy)]
pub(super) enum Need {
    ReadRows,
    WriteRows,
    ReadDefinitions,
    WriteDefinitions,
    WriteLabels,
}

/// One of the scopes that `need` names must have been granted.
pub(super) fn authorize(settings: &Settings, ty: &ObjectType, need: Need) -> Result<(), Fault> {
    let ObjectType {
        scope,
        schema_scope,
        ..
    } = ty;
    let needed = match need {
        Need::ReadRows => vec![format!("{scope}.read")],
        Need::WriteRows => vec![format!("{scope}.write")],
        Need::ReadDefinitions => vec![format!("{scope}.read"), format!("{schema_scope}.read")],
        Need::WriteDefinitions => vec![format!("{schema_scope}.write")],
        // Which of the two is the least is unconfirmed.
        Need::WriteLabels => vec![format!("{schema_scope}.write"), format!("{scope}.write")],
    };
    require(settings, &needed)
}

pub(super) fn require(settings: &Settings, any_of: &[String]) -> Result<(), Fault> {
    if any_of.iter().any(|scope| has(settings, scope)) {
        return Ok(());
    }
    Err(Fault::missing_scopes(any_of))
}

fn has(settings: &Settings, scope: &String) -> bool {
    let granted = settings.granted_scopes.as_ref();
    granted.is_none_or(|granted| granted.contains(scope))
        && !settings.revoked_scopes.contains(scope)
}

/// How sensitive a property is, by its definition or by a setting.
pub(super) fn sensitivity(
    settings: &Settings,
    ty: &ObjectType,
    property: &Property,
) -> Sensitivity {
    let set = settings.sensitive_properties.get(&ty.plural);
    if set.is_some_and(|names| names.contains(&property.name)) {
        return Sensitivity::Sensitive;
    }
    property.sensitivity
}

/// Whether values of a property can be read; those that cannot are absent as if undefined.
pub(super) fn reads(settings: &Settings, ty: &ObjectType, property: &Property) -> bool {
    may(settings, ty, property, "read")
}

/// Whether values of a property can be written.
pub(super) fn writes(settings: &Settings, ty: &ObjectType, property: &Property) -> bool {
    may(settings, ty, property, "write")
}

fn may(settings: &Settings, ty: &ObjectType, property: &Property, verb: &str) -> bool {
    let sensitivity = sensitivity(settings, ty, property);
    sensitivity == Sensitivity::NonSensitive || {
        let scope = &ty.scope;
        has(
            settings,
            &format!("{scope}.{}.{verb}.v2", sensitivity.name()),
        )
    }
}
