//! `GET /oauth/authorize`: the page of `app.hubspot.com` on which a user installs an app (hubspot.md §1.2).
//!
//! What is wrong with the address itself is told on a page, never by a redirect; only the user's own answer goes back to
//! the app. Parameters that the reference does not name are ignored. The words of all pages are ours.

use std::collections::BTreeSet;

use super::access::random;
use super::ask::Ask;
use super::oauth::{HUB_DOMAIN, SCOPES, USER};
use super::state::State;
use super::{Options, PORTAL_ID};
use crate::sandbox::consent::{self, Decision, Look, Page};
use crate::sandbox::grants::Code;
use crate::sandbox::http::Reply;

const LOOK: Look = Look {
    title: "Sandbox HubSpot",
    accent: "#b3402a",
    action: "/oauth/authorize",
};

/// The scopes that a consent is about.
struct Scopes {
    required: Vec<String>,
    optional: Vec<String>,
}

/// Title and text of a page that asks nobody.
struct Problem(&'static str, String);

/// Asks the user, or carries out what he answered.
pub(super) fn authorize(options: &Options, state: &mut State, ask: &Ask<'_>) -> Reply {
    let asked = consent::asked(ask.call);
    let param = |name: &str| {
        let pair = asked.iter().find(|(own, _)| own == name);
        pair.map_or("", |(_, value)| value.as_str())
    };
    if param("client_id") != options.client_id {
        return consent::problem(
            &LOOK,
            "This app is not known",
            "The client_id in the address is missing, or belongs to no app.",
        );
    }
    let settings = &state.settings;
    let registered = settings.redirect_uris.as_deref();
    let Some(target) = consent::redirect_target(param("redirect_uri"), registered) else {
        return consent::problem(
            &LOOK,
            "The redirect URI does not match",
            "The redirect_uri in the address is missing, or is none that the app has registered.",
        );
    };
    let scopes = match scopes(state, param("scope"), param("optional_scope")) {
        Ok(scopes) => scopes,
        Err(Problem(title, detail)) => return consent::problem(&LOOK, title, &detail),
    };
    let challenge = Some(param("code_challenge")).filter(|it| !it.is_empty());
    let method = param("code_challenge_method");
    if challenge.is_some() && !matches!(method, "" | "S256") {
        // Which methods there are is unconfirmed; the newer apps' documents name this one.
        return consent::problem(
            &LOOK,
            "The code challenge is not understood",
            "The code_challenge_method must be S256.",
        );
    }
    match consent::decision(&asked, settings.consent, settings.deny_consent) {
        Decision::Pending => consent::page(&Page {
            look: &LOOK,
            client_id: &options.client_id,
            redirect_uri: param("redirect_uri"),
            about: vec![
                ("Account", format!("{HUB_DOMAIN} ({PORTAL_ID})")),
                ("User", USER.to_owned()),
            ],
            scopes: scopes.required,
            optional: scopes.optional,
            asked: &asked,
        }),
        // The words are unconfirmed.
        Decision::Deny => consent::go_back(
            target,
            &[
                ("error", "access_denied"),
                ("error_description", "The user denied access to the app"),
                ("state", param("state")),
            ],
        ),
        Decision::Allow => {
            let name = format!("{:032x}", random());
            let mut granted = scopes.required;
            granted.extend(scopes.optional);
            if !granted.iter().any(|scope| scope == "oauth") {
                // Implied (hubspot.md §1.4).
                granted.insert(0, "oauth".to_owned());
            }
            let code = Code {
                scopes: granted,
                redirect_uri: param("redirect_uri").to_owned(),
                challenge: challenge.map(str::to_owned),
                issued_ms: ask.now,
            };
            state.grants.keep_code(name.clone(), code);
            consent::go_back(target, &[("code", &name), ("state", param("state"))])
        }
    }
}

/// What may be granted of what is asked, or why nothing can be.
fn scopes(state: &State, required: &str, optional: &str) -> Result<Scopes, Problem> {
    let unavailable = &state.settings.unavailable_scopes;
    let known = known(state);
    let listed = |text: &str| {
        let names: BTreeSet<String> = text.split_whitespace().map(str::to_owned).collect();
        names
    };
    let required = listed(required);
    let mut optional = listed(optional);
    let unknown = required
        .union(&optional)
        .any(|scope| !known.contains(scope));
    // An address without scopes cannot match an app's either; that optional ones count is unconfirmed.
    if unknown || required.is_empty() && optional.is_empty() {
        let detail = "There is a mismatch between the scopes in the install URL and those that the app is configured with.";
        return Err(Problem("Authorization failed", detail.to_owned()));
    }
    if let Some(lacking) = required.iter().find(|scope| unavailable.contains(scope)) {
        let detail = format!("The account cannot grant {lacking}, which the app requires.");
        return Err(Problem("This account cannot install the app", detail));
    }
    optional.retain(|scope| !unavailable.contains(scope) && !required.contains(scope));
    Ok(Scopes {
        required: required.into_iter().collect(),
        optional: optional.into_iter().collect(),
    })
}

/// The scopes that the app is configured with; all that any call needs, unless a setting names them.
fn known(state: &State) -> BTreeSet<String> {
    if let Some(scopes) = &state.settings.app_scopes {
        return scopes.iter().cloned().collect();
    }
    let mut known: BTreeSet<String> = SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
    for ty in state.tables.iter().map(|table| &table.ty) {
        for scope in [&ty.scope, &ty.schema_scope] {
            for verb in ["read", "write"] {
                known.insert(format!("{scope}.{verb}"));
                known.insert(format!("{scope}.sensitive.{verb}.v2"));
                known.insert(format!("{scope}.highly_sensitive.{verb}.v2"));
            }
        }
    }
    known
}
