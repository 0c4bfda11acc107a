//! The page on which a user allows an app or does not: what both providers' pages have in common.
//!
//! It is self-contained, has no script, and shows nothing that was not escaped. The names are ours, so that nobody takes
//! it for the real page.

use std::borrow::Cow;

use http::StatusCode;
use serde::{Deserialize, Serialize};
use url::Url;

use super::http::{Call, Reply};

/// The form's field that says which button was pressed.
const DECISION: &str = "sandbox_decision";
/// No script and nothing from elsewhere. `form-action` is left out: browsers hold it against the redirect as well.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
const STYLE: &str = "
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: #f1f3f5; color: #1c2024; }
main { box-sizing: border-box; width: min(30rem, 100vw - 2rem); margin: 1rem; padding: 1.75rem; background: #fff; border-radius: .75rem; border-top: .35rem solid var(--accent); box-shadow: 0 1px 6px #0003; }
h1 { margin: 0 0 .25rem; font-size: 1.3rem; }
h2 { margin: 1.25rem 0 .25rem; font-size: 1rem; }
p { margin: .25rem 0; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; margin: 1rem 0 0; }
dt { color: #5b6169; }
dd { margin: 0; overflow-wrap: anywhere; }
ul { margin: 0; padding-left: 1.2rem; }
code { font-size: .9rem; overflow-wrap: anywhere; }
form { display: flex; gap: .75rem; margin-top: 1.5rem; }
button { flex: 1; padding: .65rem; font: inherit; font-weight: 600; border-radius: .5rem; border: 1px solid #5b6169; background: none; color: inherit; cursor: pointer; }
button[value=allow] { background: var(--accent); border-color: var(--accent); color: #fff; }
button:focus-visible { outline: 3px solid #1d6fe0; outline-offset: 2px; }
@media (prefers-color-scheme: dark) { body { background: #16191d; color: #e9ecef; } main { background: #23272d; } dt { color: #a7aeb7; } }
";

/// Whether a user is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Mode {
    /// By a page with two buttons.
    #[default]
    Page,
    /// Not at all: the answer is the redirect.
    AtOnce,
}

impl Mode {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "page" => Some(Self::Page),
            "at_once" => Some(Self::AtOnce),
            _ => None,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::AtOnce => "at_once",
        }
    }
}

/// What the page shows.
#[derive(Debug)]
pub(super) struct Page<'p> {
    pub(super) look: &'p Look,
    pub(super) client_id: &'p str,
    pub(super) redirect_uri: &'p str,
    /// Rows of the summary beside the app: a name and a value.
    pub(super) about: Vec<(&'static str, String)>,
    pub(super) scopes: Vec<String>,
    /// Those that the account may leave out.
    pub(super) optional: Vec<String>,
    /// What was asked, for the form to send again with the decision.
    pub(super) asked: &'p [(String, String)],
}

/// What differs between the providers' pages.
#[derive(Debug)]
pub(super) struct Look {
    /// `Sandbox HubSpot`
    pub(super) title: &'static str,
    pub(super) accent: &'static str,
    /// Where the form is sent.
    pub(super) action: &'static str,
}

/// What the user did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    /// He has yet to be asked.
    Pending,
    Allow,
    Deny,
}

/// What was asked of the authorization endpoint: the query of the first call, the form of the button.
pub(super) fn asked(call: &Call) -> Vec<(String, String)> {
    if call.method == http::Method::POST {
        return call.form_pairs();
    }
    let mut pairs = call.query_pairs();
    // Only a button decides.
    pairs.retain(|(name, _)| name != DECISION);
    pairs
}

/// What is decided: by a setting, or by the button.
pub(super) fn decision(asked: &[(String, String)], mode: Mode, denies: bool) -> Decision {
    let button = asked.iter().find(|(name, _)| name == DECISION);
    match button.map(|(_, value)| value.as_str()) {
        _ if denies => Decision::Deny,
        Some("allow") => Decision::Allow,
        Some(_) => Decision::Deny,
        None if mode == Mode::AtOnce => Decision::Allow,
        None => Decision::Pending,
    }
}

/// A redirect URI that may be used: one of those registered, or any that is https or on loopback when none are.
pub(super) fn redirect_target(uri: &str, registered: Option<&[String]>) -> Option<Url> {
    let parsed = Url::parse(uri).ok()?;
    let is_allowed = match registered {
        Some(registered) => registered.iter().any(|one| one == uri),
        None => parsed.scheme() == "https" || parsed.scheme() == "http" && is_loopback(&parsed),
    };
    (is_allowed && parsed.fragment().is_none()).then_some(parsed)
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// The way back to the app, with what it is told; empty values are left out.
pub(super) fn go_back(mut target: Url, told: &[(&str, &str)]) -> Reply {
    for (name, value) in told.iter().filter(|(_, value)| !value.is_empty()) {
        target.query_pairs_mut().append_pair(name, value);
    }
    guarded(Reply::empty(StatusCode::FOUND).with_header("location", target.as_str()))
}

/// The page that asks.
pub(super) fn page(page: &Page<'_>) -> Reply {
    let client = escaped(page.client_id);
    let mut rows = String::new();
    let summary = page
        .about
        .iter()
        .map(|(name, value)| (*name, value.as_str()));
    for (name, value) in summary.chain([("Goes back to", page.redirect_uri)]) {
        let value = escaped(value);
        rows.extend(["<dt>", name, "</dt><dd>", &value, "</dd>\n"]);
    }
    let mut scopes = list("It asks for", &page.scopes);
    scopes.push_str(&list("It would like to have", &page.optional));
    let mut fields = String::new();
    for (name, value) in page.asked.iter().filter(|(name, _)| name != DECISION) {
        let (name, value) = (escaped(name), escaped(value));
        let input = [
            "<input type=\"hidden\" name=\"",
            &name,
            "\" value=\"",
            &value,
            "\">\n",
        ];
        fields.extend(input);
    }
    let action = page.look.action;
    let body = format!(
        "<p>The app <code id=\"client\">{client}</code> asks for access to your account. Nothing here is real: this is a sandbox.</p>
<dl>
{rows}</dl>
{scopes}<form method=\"post\" action=\"{action}\">
{fields}<button type=\"submit\" id=\"deny\" name=\"{DECISION}\" value=\"deny\">Deny</button>
<button type=\"submit\" id=\"allow\" name=\"{DECISION}\" value=\"allow\">Allow</button>
</form>"
    );
    document(page.look, StatusCode::OK, &body)
}

/// A page that says why nobody can be asked; the app is not told, since it may not be the app that asks.
pub(super) fn problem(look: &Look, title: &str, detail: &str) -> Reply {
    let (title, detail) = (escaped(title), escaped(detail));
    let body = format!("<h2>{title}</h2>\n<p id=\"problem\" role=\"alert\">{detail}</p>");
    document(look, StatusCode::BAD_REQUEST, &body)
}

fn document(look: &Look, status: StatusCode, body: &str) -> Reply {
    let Look { title, accent, .. } = look;
    let page = format!(
        "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">
<title>{title}</title>
<style>:root {{ --accent: {accent}; }}{STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{body}
</main>
</body>
</html>
"
    );
    guarded(Reply::html(status, page).with_header("content-security-policy", POLICY))
}

/// Neither kept nor told to others: a code stands in the address.
fn guarded(reply: Reply) -> Reply {
    reply
        .with_header("cache-control", "no-store")
        .with_header("referrer-policy", "no-referrer")
}

fn list(title: &str, scopes: &[String]) -> String {
    if scopes.is_empty() {
        return String::new();
    }
    let entries = scopes.iter().map(|scope| escaped(scope));
    let entries: Vec<String> = entries
        .map(|scope| format!("<li><code>{scope}</code></li>\n"))
        .collect();
    format!("<h2>{title}</h2>\n<ul>\n{}</ul>\n", entries.concat())
}

fn escaped(text: &str) -> Cow<'_, str> {
    if !text.contains(['&', '<', '>', '"', '\'']) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(other),
        }
    }
    safe.into()
}
