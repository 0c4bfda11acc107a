//! `/services/oauth2/authorize`: the page on which a user approves an app (`salesforce.md` §1.2).
//!
//! An unknown app or callback is told on a page, since there is nobody to go back to; the rest goes back to the app. The
//! user is logged in already and is asked each time, so `prompt` and `display` change nothing; `login_hint` is shown.

use super::{CLIENT_ID, SCOPE, Sessions, State, random, value};
use crate::sandbox::{
    consent::{self, Decision, Look, Page},
    grants::Code,
    http::{Call, Reply},
    salesforce::access::text,
};

const LOOK: Look = Look {
    title: "Sandbox Salesforce",
    accent: "#0b5a8f",
    action: "/services/oauth2/authorize",
};

/// Scopes that an app can have; those that the reference does not name are from general knowledge (unconfirmed).
const SCOPES: [&str; 14] = [
    "address",
    "api",
    "chatter_api",
    "custom_permissions",
    "email",
    "full",
    "id",
    "offline_access",
    "openid",
    "phone",
    "profile",
    "refresh_token",
    "visualforce",
    "web",
];

impl Sessions {
    /// Asks the user, or carries out what he answered.
    pub(in crate::sandbox::salesforce) fn authorize(
        &mut self,
        call: &Call,
        state: &State,
        now_ms: i64,
    ) -> Reply {
        let asked = consent::asked(call);
        let param = |name: &str| value(&asked, name);
        let settings = &self.settings;
        if param("client_id") != CLIENT_ID {
            return problem("invalid_client_id", "client identifier invalid");
        }
        let registered = settings.redirect_uris.as_deref();
        let Some(target) = consent::redirect_target(param("redirect_uri"), registered) else {
            return problem(
                "redirect_uri_mismatch",
                "redirect_uri must match configuration",
            );
        };
        let back = |error: &str, description: &str| {
            consent::go_back(
                target.clone(),
                &[
                    ("error", error),
                    ("error_description", description),
                    ("state", param("state")),
                ],
            )
        };
        if param("response_type") != "code" {
            return back("unsupported_response_type", "response type not supported");
        }
        let scopes = match param("scope") {
            "" => SCOPE,
            scopes => scopes,
        };
        let scopes: Vec<String> = scopes.split_whitespace().map(str::to_owned).collect();
        let has = |scope: &String| match &settings.app_scopes {
            Some(scopes) => scopes.contains(scope),
            None => SCOPES.contains(&scope.as_str()),
        };
        // Code and words of these refusals are unconfirmed.
        if !scopes.iter().all(has) {
            return back("invalid_scope", "the requested scope is not allowed");
        }
        let challenge = Some(param("code_challenge")).filter(|it| !it.is_empty());
        if settings.requires_pkce && challenge.is_none() {
            return back("invalid_request", "missing required code challenge");
        }
        if challenge.is_some() && !matches!(param("code_challenge_method"), "" | "S256") {
            return back("invalid_request", "code challenge method not supported");
        }
        match consent::decision(&asked, settings.consent, settings.denies) {
            Decision::Pending => {
                let user = state.row("User", &State::user_id());
                let user = user.map_or("", |user| text(user, "Username"));
                let mut about = vec![
                    ("Organization", "Crosswalk Demo".to_owned()),
                    ("User", user.to_owned()),
                ];
                let hint = param("login_hint");
                if !hint.is_empty() && hint != user {
                    about.push(("Asked to be", hint.to_owned()));
                }
                consent::page(&Page {
                    look: &LOOK,
                    client_id: CLIENT_ID,
                    redirect_uri: param("redirect_uri"),
                    about,
                    scopes,
                    optional: Vec::new(),
                    asked: &asked,
                })
            }
            Decision::Deny => back("access_denied", "end-user denied authorization"),
            Decision::Allow => {
                let name = format!("aPrx{}==", random(24));
                let code = Code {
                    scopes,
                    redirect_uri: param("redirect_uri").to_owned(),
                    challenge: challenge.map(str::to_owned),
                    issued_ms: now_ms,
                };
                let answer = [("code", name.as_str()), ("state", param("state"))];
                let reply = consent::go_back(target.clone(), &answer);
                self.grants.keep_code(name, code);
                reply
            }
        }
    }
}

/// The page with the two words that the real one shows.
fn problem(error: &str, description: &str) -> Reply {
    let detail = format!("error={error}&error_description={description}");
    consent::problem(&LOOK, "The app cannot be authorized", &detail)
}
