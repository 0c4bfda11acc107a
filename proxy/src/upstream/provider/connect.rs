//! What a provider says of connecting an account, of its tokens, and of proving that a connection works.

use http::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};

use super::NativeOperation;

/// All but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The page on which a person consents, by the authorization code flow of OAuth.
#[derive(Debug)]
pub struct Authorize {
    /// `{login_url}` stands for the connection's login host.
    pub url: &'static str,
    /// Whether a code challenge (S256) is sent, and its verifier with the code.
    pub pkce: bool,
    /// What is asked for unless a connector config says otherwise.
    pub scopes: &'static [&'static str],
    pub optional: Option<OptionalScopes>,
    /// Beside those that OAuth has: name and value.
    pub parameters: &'static [(&'static str, &'static str)],
}

/// Scopes that are granted where the account can, and do not stand in the way where it cannot.
#[derive(Debug)]
pub struct OptionalScopes {
    /// The parameter of the page that has them, with spaces.
    pub parameter: &'static str,
    pub scopes: &'static [&'static str],
}

/// A host to log in at.
#[derive(Debug)]
pub struct Login {
    /// For people, as in "Sandbox".
    pub title: &'static str,
    /// With at most one name in braces, for what the person types.
    pub url: &'static str,
    /// What to type; there where the URL has a name in braces.
    pub hint: Option<&'static str>,
}

impl Login {
    /// The URL, with what was typed in the place of the name. Nothing where it could be more than a part of a host.
    pub fn fill(&self, typed: &str) -> Option<String> {
        let Some((before, rest)) = self.url.split_once('{') else {
            return Some(self.url.to_owned());
        };
        let (_, after) = rest.split_once('}')?;
        let typed = typed.trim();
        let is_host = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
        let is_whole = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        let is_fit =
            typed.len() <= 200 && typed.bytes().all(is_host) && typed.split('.').all(is_whole);
        is_fit.then(|| format!("{before}{}{after}", typed.to_ascii_lowercase()))
    }
}

/// A call to the provider that is about a token and not about an account's data. It carries no bearer token.
#[derive(Debug)]
pub struct TokenCall {
    pub method: Method,
    /// With `{login_url}` and `{token}`. An origin that a connection overrides takes the place of this one's.
    pub url: &'static str,
    /// The form that is its body: name and value, of which `{token}`, `{client_id}` and `{client_secret}` are filled in.
    /// Empty: there is no body.
    pub form: &'static [(&'static str, &'static str)],
}

/// What the places of a [`TokenCall`] are filled with.
#[derive(Debug, Clone, Copy)]
pub struct TokenValues<'v> {
    pub login_url: &'v str,
    pub token: &'v SecretString,
    pub client_id: &'v str,
    pub client_secret: &'v SecretString,
}

impl TokenCall {
    /// The URL. It may have the token in it, so it is a secret.
    pub fn url(&self, values: TokenValues<'_>) -> SecretString {
        let token = utf8_percent_encode(values.token.expose_secret(), ENCODED);
        let url = self.url.replace("{login_url}", values.login_url);
        url.replace("{token}", &token.to_string()).into()
    }

    /// The body, of the type `application/x-www-form-urlencoded`.
    pub fn form(&self, values: TokenValues<'_>) -> Option<SecretString> {
        if self.form.is_empty() {
            return None;
        }
        let mut body = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.form {
            // What is filled in is not looked at again.
            body.append_pair(
                name,
                match *value {
                    "{token}" => values.token.expose_secret(),
                    "{client_id}" => values.client_id,
                    "{client_secret}" => values.client_secret.expose_secret(),
                    literal => literal,
                },
            );
        }
        Some(body.finish().into())
    }
}

/// Where the scopes are told that a token was granted: a list of texts, or one text with spaces.
#[derive(Debug)]
pub struct Granted {
    /// The member of the answer.
    pub scopes: &'static str,
    /// The call about an access token whose answer it is; none: it is the token endpoint's.
    pub call: Option<TokenCall>,
    /// The member that names the account.
    pub account_name: Option<&'static str>,
}

impl Granted {
    /// The scopes in an answer; none where it does not tell.
    pub fn read(&self, answer: &serde_json::Value) -> Option<Vec<String>> {
        match answer.get(self.scopes)? {
            serde_json::Value::String(text) => {
                Some(text.split_whitespace().map(str::to_owned).collect())
            }
            serde_json::Value::Array(list) => Some(
                list.iter()
                    .filter_map(|it| it.as_str())
                    .map(str::to_owned)
                    .collect(),
            ),
            _ => None,
        }
    }
}

/// How a connection is proved to work.
#[derive(Debug)]
pub struct Check {
    /// One cheap call. That it succeeds is the proof.
    pub call: FixedCall,
    pub account: Option<AccountPlace>,
}

/// Where the account's own id and name are.
#[derive(Debug)]
pub struct AccountPlace {
    /// The call that tells them, which may fail without proving anything; none: the answer to the check does.
    pub call: Option<FixedCall>,
    /// Text or a number.
    pub id: &'static [&'static str],
    pub name: Option<&'static [&'static str]>,
}

/// A native call without a body that is the same each time.
#[derive(Debug)]
pub struct FixedCall {
    pub operation: &'static NativeOperation,
    /// Which of the roots of the version's family the path begins with.
    pub root: usize,
    pub path: &'static str,
    pub query: &'static [(&'static str, &'static str)],
}

impl FixedCall {
    /// Path and query, beginning with the root of a connection's version.
    pub fn target(&self, roots: &[String]) -> String {
        let mut target = roots.get(self.root).cloned().unwrap_or_default();
        target.push_str(self.path);
        for (at, (name, value)) in self.query.iter().enumerate() {
            target.push(if at == 0 { '?' } else { '&' });
            target.push_str(name);
            target.push('=');
            target.extend(utf8_percent_encode(value, ENCODED));
        }
        target
    }
}

/// What one unified operation needs.
#[derive(Debug)]
pub struct OperationScopes {
    /// As in `crm.account.list`.
    pub operation: &'static str,
    /// Of each of these lists any one scope.
    pub all_of: &'static [&'static [&'static str]],
}

impl OperationScopes {
    /// What it lacks with these scopes. Of several that would do, the first is named.
    pub fn missing(&self, granted: &[String]) -> Vec<&'static str> {
        let has = |scope: &&str| granted.iter().any(|it| it == scope);
        let lacking = self.all_of.iter().filter(|any_of| !any_of.iter().any(has));
        lacking
            .filter_map(|any_of| any_of.first().copied())
            .collect()
    }
}

#[cfg(test)]
mod tests;
