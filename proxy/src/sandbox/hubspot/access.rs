//! Who calls, and may they: access tokens and scopes.

use http::StatusCode;
use serde_json::json;

use super::Options;
use super::fault::Fault;
use super::schema::{ObjectType, Property, Sensitivity};
use super::settings::Settings;
use crate::sandbox::clock::iso_ms;
use crate::sandbox::grants::Grants;
use crate::sandbox::http::Call;

/// What a token is decides which limits count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Caller {
    PrivateApp,
    PublicApp,
}

pub(super) fn random() -> u128 {
    rand::random()
}

/// A new correlation id.
pub(super) fn correlation_id() -> String {
    uuid()
}

/// A version 4 UUID.
pub(super) fn uuid() -> String {
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

/// Who calls, and the scopes of the grant that he calls with, where those are named.
pub(super) fn authenticate(
    options: &Options,
    grants: &Grants,
    call: &Call,
    now: i64,
) -> Result<(Caller, Option<Vec<String>>), Fault> {
    let token = call.bearer();
    if token == Some(options.private_app_token.as_str()) {
        return Ok((Caller::PrivateApp, None));
    }
    let Some(access) = token.and_then(|token| grants.access(token)) else {
        let message = "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview";
        return Err(
            Fault::new(StatusCode::UNAUTHORIZED, message).category("INVALID_AUTHENTICATION")
        );
    };
    let expiry = access.expires_ms.unwrap_or(i64::MAX);
    if expiry > now {
        return Ok((Caller::PublicApp, grants.scopes(access.grant).cloned()));
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
    let lists = [&settings.granted_scopes, &settings.caller_scopes];
    let in_all = lists.into_iter().flatten().all(|list| list.contains(scope));
    in_all && !settings.revoked_scopes.contains(scope)
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
