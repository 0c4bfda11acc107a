//! What a provider's refusal means, read from its body by the data in [`Errors`](super::provider::Errors).
//!
//! Pure: depends on the response alone, so that translators can call it for parts of a response as well. Never assumes
//! JSON: gateways in front of a provider answer HTML, or nothing.

use std::{borrow::Cow, collections::HashMap};

use bytes::Bytes;
use serde_json::{Value, value::RawValue};

use super::provider::{ErrorRule, Provider};
use crate::{
    error::{Code, Error, Issue, ProviderFault},
    translate::{NativeResponse, xml},
};

/// The provider's words are kept up to this many characters: a message can list every option of a field.
const LONGEST_MESSAGE: usize = 2_000;
/// A code is a word.
const LONGEST_CODE: usize = 200;
/// Tokens of providers are longer by far.
const SHORTEST_SECRET: usize = 8;
/// So many single faults are told.
const MOST_ISSUES: usize = 50;

/// The error of the unified API that this response comes to.
pub fn fault(provider: &'static Provider, response: &NativeResponse) -> Error {
    let told = Told::read(provider, response);
    let rule = told.rule(provider, response.status);
    let code = rule.map_or(Code::BadGateway, |rule| rule.code);
    let is_own_fault = rule.is_none_or(|rule| rule.code == Code::InternalServerError);
    let verb = if response.status >= 500 && is_own_fault {
        // Whether a write was carried out before is another matter.
        "failed at the call"
    } else if rule.is_some_and(|rule| rule.code == Code::ServiceUnavailable) {
        "cannot take the call now"
    } else if response.is_success() {
        "did not carry out a part of the call"
    } else {
        "refused the call"
    };
    let mut message = match &told.message {
        Some(message) => format!("{} {verb}: {message}", provider.title),
        None => format!(
            "{} {verb}: status {} without a message",
            provider.title, response.status
        ),
    };
    let named = told.named(provider);
    for named in &named {
        message.truncate(message.trim_end_matches('.').len());
        message.push_str("; ");
        message.push_str(named);
    }
    let mut error = Error::new(code, message);
    error.issues = told.issues(provider, &named);
    if error.issues.is_empty()
        && named.is_empty()
        && matches!(code, Code::BadRequest | Code::Forbidden)
    {
        error.issues.extend(told.whole(provider));
    }
    error.issues.extend(named.into_iter().map(|message| Issue {
        message,
        path: None,
    }));
    error.provider = Some(Box::new(ProviderFault {
        name: provider.name,
        status: response.status,
        code: told.code,
        message: told.message,
        correlation_id: told
            .correlation_id
            .or_else(|| response.correlation_id.as_deref().map(str::to_owned)),
    }));
    error
}

/// A fault that was told inside of an answer, by its code and message.
pub(crate) fn told(
    provider: &'static Provider,
    status: u16,
    code: Option<String>,
    message: Option<String>,
) -> Error {
    let fault = in_own_shape(provider, code, message);
    let body = if provider.errors.list {
        Value::Array(vec![fault])
    } else {
        fault
    };
    let response = NativeResponse {
        status,
        body: body.to_string().into(),
        date: None,
        correlation_id: None,
        parts: Vec::new(),
    };
    self::fault(provider, &response)
}

/// A fault as the provider writes its others.
fn in_own_shape(provider: &Provider, code: Option<String>, message: Option<String>) -> Value {
    let errors = &provider.errors;
    let members = [
        (errors.code.first().copied(), code),
        (Some(errors.message), message),
    ];
    let members = members.into_iter().filter_map(|(name, value)| {
        let (name, value) = name.zip(value)?;
        Some((name.to_owned(), Value::String(value)))
    });
    Value::Object(members.collect())
}

/// A fault of SOAP, as calls by it have.
fn soap(provider: &Provider, body: &[u8]) -> Option<Value> {
    let body = xml::read(body).ok()?;
    let fault = body.pointer("/Envelope/Body/Fault")?;
    // A fault's code has a prefix, as in `sf:INVALID_SESSION_ID`.
    let code = text(fault, "faultcode").and_then(|code| code.rsplit(':').next());
    let message = text(fault, "faultstring");
    Some(in_own_shape(
        provider,
        code.map(str::to_owned),
        message.map(str::to_owned),
    ))
}

/// What is wrong with a response, if anything is: a refusal, or a success that lists a part that failed.
pub fn of(provider: &'static Provider, response: &NativeResponse) -> Option<Error> {
    if !response.is_success() {
        return Some(fault(provider, response));
    }
    let partial = provider.errors.partial.as_ref()?;
    if response.status != partial.status {
        return None;
    }
    // The rest of the body is a page of records: it is skipped.
    let body: HashMap<Cow<'_, str>, &RawValue> =
        serde_json::from_slice(&response.body).unwrap_or_default();
    let errors: Option<Vec<Value>> = body
        .get(partial.list)
        .and_then(|list| serde_json::from_str(list.get()).ok());
    // A success with failures that names none: what it has may not be all there is.
    let Some(errors) = errors else {
        return Some(fault(provider, response));
    };
    let failed = errors.into_iter().find(|error| {
        let code = provider
            .errors
            .code
            .iter()
            .find_map(|name| text(error, name));
        !code.is_some_and(|code| partial.ignore.contains(&code))
    })?;
    let part = NativeResponse {
        body: failed.to_string().into(),
        ..response.clone()
    };
    Some(fault(provider, &part))
}

/// The id of the record that is in the way, where the provider's message tells it.
pub fn existing_id(provider: &'static Provider, response: &NativeResponse) -> Option<String> {
    let marker = provider.errors.existing_id_after?;
    let body = body(provider, response)?;
    let message = text(&body, provider.errors.message)?;
    let (_, rest) = message.split_once(marker)?;
    let end = rest
        .find(|character: char| !character.is_ascii_digit())
        .unwrap_or(rest.len());
    (end > 0).then(|| rest[..end].to_owned())
}

/// The rule that fits a response, where one does.
pub(crate) fn rule(
    provider: &'static Provider,
    response: &NativeResponse,
) -> Option<&'static ErrorRule> {
    Told::read(provider, response).rule(provider, response.status)
}

/// The provider's own code of a refusal.
pub(crate) fn code(provider: &'static Provider, response: &NativeResponse) -> Option<String> {
    Told::read(provider, response).code
}

/// Whether a new token is known not to help against this 401.
pub(super) fn is_incurable(provider: &'static Provider, response: &NativeResponse) -> bool {
    Told::read(provider, response)
        .message
        .is_some_and(|message| {
            provider
                .auth
                .incurable
                .iter()
                .any(|words| message.contains(words))
        })
}

/// Takes the token that the call was made with out of a refusal: a provider's words go to the caller.
pub(super) fn without_secret(response: &mut NativeResponse, secret: &str) {
    // Whatever is shorter is no token, and would take other words with it.
    if secret.len() < SHORTEST_SECRET {
        return;
    }
    if let Some(id) = &mut response.correlation_id {
        *id = id.replace(secret, "…").into();
    }
    response.body = masked(&response.body, secret);
}

/// A body without a secret that it repeats.
pub(super) fn masked(body: &Bytes, secret: &str) -> Bytes {
    let Ok(text) = std::str::from_utf8(body) else {
        // Nothing is read of such a body.
        return body.clone();
    };
    if secret.len() < SHORTEST_SECRET {
        return body.clone();
    }
    // In JSON, and in that alone, it can be written with escapes.
    let unescaped = text
        .contains('\\')
        .then(|| serde_json::from_str::<Value>(text).ok())
        .flatten()
        .map(|body| body.to_string());
    let text = unescaped.as_deref().unwrap_or(text);
    if text.contains(secret) {
        return text.replace(secret, "…").into();
    }
    body.clone()
}

/// Takes a token out of any bytes; whatever else there is stays as it is.
pub(super) fn without_bytes(body: Bytes, secret: &str) -> Bytes {
    if secret.len() < SHORTEST_SECRET || body.len() < secret.len() {
        return body;
    }
    let secret = secret.as_bytes();
    let first = secret[0];
    let mut clean: Vec<u8> = Vec::new();
    let (mut kept, mut at) = (0, 0);
    // Nothing is copied as long as nothing is found, which is all but always.
    while let Some(next) = body[at..].iter().position(|byte| *byte == first) {
        at += next;
        if body[at..].starts_with(secret) {
            clean.extend_from_slice(&body[kept..at]);
            clean.extend_from_slice("…".as_bytes());
            at += secret.len();
            kept = at;
        } else {
            at += 1;
        }
    }
    if kept == 0 {
        return body;
    }
    clean.extend_from_slice(&body[kept..]);
    clean.into()
}

/// Keeps the beginning of a text.
pub(super) fn shorten(text: &str, longest: usize) -> String {
    short(text, longest).into_owned()
}

/// The same, as it is where it is short.
pub(super) fn short(text: &str, longest: usize) -> Cow<'_, str> {
    // No character has less than a byte.
    if text.len() <= longest {
        return text.into();
    }
    match text.char_indices().nth(longest) {
        None => text.into(),
        Some((end, _)) => format!("{}…", &text[..end]).into(),
    }
}

/// What the body says.
struct Told {
    /// The fault that counts.
    body: Option<Value>,
    /// All faults of a list.
    others: Vec<Value>,
    code: Option<String>,
    message: Option<String>,
    correlation_id: Option<String>,
}

impl Told {
    fn read(provider: &'static Provider, response: &NativeResponse) -> Self {
        let mut others = Vec::new();
        let body = match serde_json::from_slice(&response.body) {
            Ok(Value::Array(mut faults)) if !faults.is_empty() => {
                others = faults.split_off(1);
                faults.pop()
            }
            Ok(body) => Some(body),
            Err(_) => soap(provider, &response.body),
        };
        let errors = &provider.errors;
        let member = |name: &str| body.as_ref().and_then(|body| text(body, name));
        let code = errors.code.iter().find_map(|name| member(name));
        let message = member(errors.message);
        let correlation_id = errors.correlation_id.and_then(member);
        Self {
            code: code.map(|code| shorten(code, LONGEST_CODE)),
            message: message.map(|message| shorten(message.trim(), LONGEST_MESSAGE)),
            correlation_id: correlation_id.map(|id| shorten(id, LONGEST_CODE)),
            body,
            others,
        }
    }

    fn rule(&self, provider: &'static Provider, status: u16) -> Option<&'static ErrorRule> {
        let code = self.code.as_deref();
        let is = |(member, values): &(&str, &[&str])| {
            let found = self.body.as_ref().and_then(|body| text(body, member));
            found.is_some_and(|found| values.contains(&found))
        };
        let says = |words: &str| {
            let message = self.message.as_deref();
            message.is_some_and(|message| message.contains(words))
        };
        provider.errors.classify.iter().find(|rule| {
            rule.status.is_none_or(|wanted| wanted == status)
                && (rule.codes.is_empty() || code.is_some_and(|code| rule.codes.contains(&code)))
                && rule.with.iter().all(is)
                && rule.message.is_none_or(says)
        })
    }

    /// What the refusal names beside its message, a sentence for each kind.
    fn named(&self, provider: &'static Provider) -> Vec<String> {
        let mut sentences = Vec::new();
        for named in provider.errors.named {
            let mut names = Vec::new();
            for fault in self.body.iter().chain(&self.others) {
                for path in named.at {
                    collect(fault, path, &mut names);
                }
            }
            if !names.is_empty() {
                let help = named.help.map(|help| format!(": {help}"));
                let names = names.join(", ");
                sentences.push(format!(
                    "{}: {names}{}",
                    named.what,
                    help.unwrap_or_default()
                ));
            }
        }
        sentences
    }

    /// The whole fault as a single one, where it says what it is about.
    fn whole(&self, provider: &'static Provider) -> Option<Issue> {
        let about = about(
            self.body.as_ref()?,
            provider.errors.details.context?,
            self.message.as_deref()?,
            &[],
        );
        Some(issue(&about?, None))
    }

    /// The single faults: those that the body lists, the fields that it names, and further faults of a list.
    /// What they are about is not said where another sentence says it.
    fn issues(&self, provider: &'static Provider, sentences: &[String]) -> Vec<Issue> {
        let details = &provider.errors.details;
        let listed = self
            .body
            .as_ref()
            .zip(details.list)
            .and_then(|(body, list)| body.get(list)?.as_array())
            .into_iter()
            .flatten()
            .filter_map(|one| {
                let message = text(one, details.message?)?;
                let about = details
                    .context
                    .and_then(|member| about(one, member, message, sentences));
                Some(issue(
                    about.as_deref().unwrap_or(message),
                    details.code.and_then(|code| text(one, code)),
                ))
            });
        let fields = details.fields;
        let field_faults = self.body.iter().chain(&self.others).filter_map(move |one| {
            let names: Vec<&str> = one
                .get(fields?)?
                .as_array()?
                .iter()
                .filter_map(Value::as_str)
                .collect();
            let message = text(one, provider.errors.message)?;
            let code = provider.errors.code.iter().find_map(|name| text(one, name));
            (!names.is_empty()).then(|| issue(&format!("{}: {message}", names.join(", ")), code))
        });
        listed.chain(field_faults).take(MOST_ISSUES).collect()
    }
}

/// The texts at a place, each once; a list on the way counts as each of its elements.
fn collect(value: &Value, path: &[&str], names: &mut Vec<String>) {
    match (value, path) {
        (Value::Array(elements), _) => {
            for element in elements {
                collect(element, path, names);
            }
        }
        (value, [member, rest @ ..]) => {
            if let Some(value) = value.get(member) {
                collect(value, rest, names);
            }
        }
        (Value::String(name), []) if !name.is_empty() => {
            let name = shorten(name, LONGEST_CODE);
            if names.len() < MOST_ISSUES && !names.contains(&name) {
                names.push(name);
            }
        }
        _ => {}
    }
}

/// A message with what it is about, where the message itself does not say so: as in "… scopes are required: a.read".
fn about(fault: &Value, member: &str, message: &str, sentences: &[String]) -> Option<String> {
    let lists = fault.get(member)?.as_object()?.values();
    let texts = lists.filter_map(Value::as_array).flatten();
    let mut named: Vec<&str> = Vec::new();
    for text in texts.filter_map(Value::as_str) {
        let is_told = message.contains(text)
            || named.iter().any(|known| known.contains(text))
            || sentences.iter().any(|sentence| sentence.contains(text));
        if !is_told {
            named.push(text);
        }
    }
    let message = message.trim_end_matches(['.', ' ']);
    (!named.is_empty()).then(|| format!("{message}: {}", named.join(", ")))
}

fn issue(message: &str, code: Option<&str>) -> Issue {
    let message = shorten(message, LONGEST_MESSAGE);
    Issue {
        message: match code {
            Some(code) => format!("{message} ({})", shorten(code, LONGEST_CODE)),
            None => message,
        },
        path: None,
    }
}

/// The fault that counts, as JSON.
fn body(provider: &'static Provider, response: &NativeResponse) -> Option<Value> {
    Told::read(provider, response).body
}

fn text<'a>(body: &'a Value, member: &str) -> Option<&'a str> {
    body.get(member)?.as_str().filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests;
