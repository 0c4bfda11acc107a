//! Consent, calls about tokens, and the proof that a connection works.

use super::{
    answers::{self, Answer, Wanted},
    bodies, calls,
    versions::Roots,
};
use crate::{
    diagnostic::{Diagnostic, Sink, listed},
    mapping::{
        call::MappingCall,
        connect::{MappingAuthorize, MappingCheck, MappingGranted, MappingLogin, MappingTokenCall},
        provider::{MappingBaseUrl, MappingProvider},
    },
    plan::{
        PlanAccount, PlanAuthorize, PlanCheck, PlanFixedCall, PlanGranted, PlanLogin, PlanTokenCall,
    },
    source::{Text, yaml::NodeKind},
    spec::{Spec, SpecOperation, SpecParameterPlace},
};

const METHODS: [&str; 3] = ["GET", "POST", "DELETE"];

/// What is said of one provider, and what it is held against.
#[derive(Debug, Clone, Copy)]
pub(super) struct Connect<'a> {
    pub(super) mapping: &'a MappingProvider,
    pub(super) spec: &'a Spec,
    pub(super) roots: &'a Roots,
    pub(super) sink: &'a Sink,
}

impl<'a> Connect<'a> {
    pub(super) fn authorize(&self, authorize: &MappingAuthorize) -> PlanAuthorize {
        self.url(&authorize.url, &["login_url"]);
        PlanAuthorize {
            url: authorize.url.value.clone(),
            pkce: authorize.pkce,
            scopes: values(&authorize.scopes),
            optional: authorize
                .optional
                .as_ref()
                .map(|optional| (optional.parameter.value.clone(), values(&optional.scopes))),
            parameters: pairs(&authorize.parameters),
        }
    }

    pub(super) fn login(&self, login: &MappingLogin) -> PlanLogin {
        let url = &login.url;
        let names = names(&url.value);
        let host = url.value.strip_prefix("https://").unwrap_or_default();
        let is_allowed = match &self.mapping.base_url {
            MappingBaseUrl::Fixed(_) => true,
            MappingBaseUrl::PerConnection { allowed_hosts, .. } => allowed_hosts
                .iter()
                .any(|allowed| host.ends_with(&allowed.value)),
        };
        if host.is_empty() || host.contains('/') || names.len() > 1 || !is_allowed {
            let message = format!(
                "expected `https://` and a host that tokens may go to, with at most one name in braces, found `{}`",
                url.value
            );
            self.sink
                .push(Diagnostic::new("bad-url", message, url.span));
        }
        if names.is_empty() == login.hint.is_some() {
            let message =
                "a login has a `hint` where its URL has a name in braces, and nowhere else";
            self.sink
                .push(Diagnostic::new("missing-key", message, url.span));
        }
        PlanLogin {
            title: login.title.value.clone(),
            url: url.value.clone(),
            hint: login.hint.as_ref().map(|hint| hint.value.clone()),
        }
    }

    pub(super) fn token_call(&self, call: &MappingTokenCall) -> PlanTokenCall {
        let method = &call.method;
        if !METHODS.contains(&method.value.as_str()) {
            let message = format!(
                "expected {}, found `{}`",
                listed(&METHODS).replace(" and ", " or "),
                method.value
            );
            self.sink.push(
                Diagnostic::new("unknown-choice", message, method.span)
                    .nearest(&method.value, METHODS),
            );
        }
        self.url(&call.url, &["login_url", "token"]);
        let known = ["token", "client_id", "client_secret"];
        for (_, value) in &call.form {
            self.placeholders(value, &known);
        }
        let mut places = call.form.iter().map(|(_, value)| value).chain([&call.url]);
        if !places.any(|place| place.value.contains("{token}")) {
            let message = "the call does not say which token it is about";
            self.sink.push(
                Diagnostic::new("bad-template", message, call.url.span)
                    .help("`{token}` stands for it, in the URL or in the form"),
            );
        }
        PlanTokenCall {
            method: method.value.clone(),
            url: call.url.value.clone(),
            form: pairs(&call.form),
        }
    }

    pub(super) fn granted(&self, granted: &MappingGranted) -> PlanGranted {
        PlanGranted {
            scopes: granted.scopes.value.clone(),
            call: granted.call.as_ref().map(|call| self.token_call(call)),
            account_name: granted.account_name.as_ref().map(|name| name.value.clone()),
        }
    }

    pub(super) fn check(&self, check: &MappingCheck) -> Option<PlanCheck> {
        let (call, operation) = self.fixed(&check.call)?;
        let account = check.account.as_ref().map(|account| {
            let (own, operation) = match &account.call {
                Some(call) => {
                    let (call, operation) = self.fixed(call)?;
                    (Some(call), operation)
                }
                None => (None, operation),
            };
            let answer = Answer {
                operation,
                object: None,
                is_faultless: true,
            };
            let path = |path| answers::path(answer, path, Wanted::Anything, self.sink);
            Some(PlanAccount {
                call: own,
                id: path(&account.id)?,
                name: match &account.name {
                    Some(name) => Some(path(name)?),
                    None => None,
                },
            })
        });
        Some(PlanCheck {
            call,
            account: match account {
                Some(account) => Some(account?),
                None => None,
            },
        })
    }

    /// A call that reads, and is the same each time.
    fn fixed(&self, call: &MappingCall) -> Option<(PlanFixedCall, &'a SpecOperation)> {
        let operation = calls::operation(self.spec, &call.operation, self.sink)?;
        let at = call.operation.span;
        let refuse = |id, message: String, at| {
            self.sink
                .push(Diagnostic::new(id, message, at).other(operation.span, "the operation"));
        };
        if calls::writes(operation, &self.mapping.reads_by_post) {
            let message = format!("`{}` is called to check, and it writes", operation.id);
            refuse("write-in-a-read", message, at);
            return None;
        }
        let (root, path) = self.roots.split(&operation.path);
        if path.contains('{') || operation.body.is_some() {
            let message = format!(
                "`{}` needs more than a query, and a check is the same for every connection",
                operation.id
            );
            refuse("unbound-parameter", message, at);
        }
        let mut query = Vec::new();
        for (name, value) in &call.query {
            let parameter = operation.parameter(SpecParameterPlace::Query, &name.value);
            match (&value.kind, parameter) {
                (_, None) => {
                    let message = format!(
                        "`{}` has no parameter `{}` in its query",
                        operation.id, name.value
                    );
                    refuse("unknown-parameter", message, name.span);
                }
                (NodeKind::Scalar { text, .. }, Some(parameter)) if !text.starts_with('$') => {
                    let schema = &parameter.schema;
                    bodies::check_literal(&value.to_json(), value.span, schema, self.sink);
                    query.push((name.value.clone(), text.clone()));
                }
                _ => {
                    let message = "a check is the same for every connection: there are no slots";
                    self.sink
                        .push(Diagnostic::new("slot-not-available", message, value.span));
                }
            }
        }
        for parameter in operation.parameters.iter().filter(|it| {
            it.required
                && it.place == SpecParameterPlace::Query
                && !call.query.iter().any(|(name, _)| name.value == it.name)
        }) {
            let message = format!(
                "`{}` needs the parameter `{}`, and nothing is given for it",
                operation.id, parameter.name
            );
            refuse("unbound-parameter", message, at);
        }
        let plan = PlanFixedCall {
            operation: self.spec.operations.get_index_of(&operation.id)?,
            root,
            path: path.to_owned(),
            query,
        };
        Some((plan, operation))
    }

    /// Secrets go to this URL.
    fn url(&self, url: &Text, known: &[&str]) {
        let at_login = url.value.starts_with("{login_url}/");
        let has_login = self.mapping.auth.login_url.is_some();
        if !url.value.starts_with("https://") && !at_login {
            let message = format!(
                "expected `https://` and a host, or `{{login_url}}/`, found `{}`",
                url.value
            );
            self.sink
                .push(Diagnostic::new("bad-url", message, url.span));
        } else if at_login && !has_login {
            let message = "`auth` has no `login_url` that could stand here";
            self.sink
                .push(Diagnostic::new("bad-url", message, url.span));
        }
        self.placeholders(url, known);
    }

    fn placeholders(&self, text: &Text, known: &[&str]) {
        for name in names(&text.value) {
            if !known.contains(&name) {
                let message = format!("nothing stands for `{{{name}}}` here");
                self.sink.push(
                    Diagnostic::new("bad-template", message, text.span)
                        .nearest(name, known.iter().copied()),
                );
            }
        }
    }
}

/// The names in braces.
fn names(text: &str) -> Vec<&str> {
    let rests = text.split('{').skip(1);
    rests
        .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
        .collect()
}

fn values(texts: &[Text]) -> Vec<String> {
    texts.iter().map(|text| text.value.clone()).collect()
}

fn pairs(pairs: &[(Text, Text)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (name.value.clone(), value.value.clone()))
        .collect()
}
