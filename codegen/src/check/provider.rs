//! `provider.yaml` and, through it, the entities of a provider.

use super::{
    answers::{self, Answer, Wanted},
    bodies::{self, slot_text},
    calls,
    connect::Connect,
    document,
    entities::Entities,
    granted,
    joins::Joins,
    limits, native_door,
    unified::Unified,
    versions::{self, Roots},
};
use crate::{
    diagnostic::{Diagnostic, Sink, listed},
    load::InputProvider,
    mapping::provider::{
        MappingBaseUrl, MappingBundle, MappingDescription, MappingErrorRule, MappingErrors,
        MappingPartial,
    },
    plan::{
        PlanAuth, PlanBaseUrl, PlanBundle, PlanErrorRule, PlanErrors, PlanNamed,
        PlanNativeOperation, PlanPartial, PlanProvider,
    },
    source::{Sources, Text},
    spec::{SpecKind, SpecOperation, SpecSchema},
};

/// The codes of the unified API's errors.
const ERROR_CODES: [&str; 16] = [
    "BAD_REQUEST",
    "UNAUTHORIZED",
    "FORBIDDEN",
    "NOT_FOUND",
    "METHOD_NOT_SUPPORTED",
    "TIMEOUT",
    "CONFLICT",
    "PAYLOAD_TOO_LARGE",
    "UNSUPPORTED_MEDIA_TYPE",
    "MISDIRECTED_REQUEST",
    "TOO_MANY_REQUESTS",
    "REQUEST_HEADER_FIELDS_TOO_LARGE",
    "INTERNAL_SERVER_ERROR",
    "NOT_IMPLEMENTED",
    "BAD_GATEWAY",
    "SERVICE_UNAVAILABLE",
];

/// Checks a provider. Its calls number the operations of its spec, all of them; `build` leaves out the unused ones.
pub(super) fn check(
    provider: &InputProvider,
    unified: &Unified,
    sources: &Sources,
    sink: &Sink,
) -> Option<PlanProvider> {
    let mapping = &provider.mapping;
    let spec = &provider.spec;
    let checker = Checker {
        provider,
        unified,
        sources,
        sink,
        roots: Roots::new(spec, &mapping.version.parameter.value),
    };
    checker.check_name();
    for id in &mapping.reads_by_post {
        calls::operation(spec, id, sink);
    }
    if let Some(said) = &mapping.document {
        document::check(said, &checker.roots, spec, sink);
    }
    // Without roots no path can be bound.
    let versions = versions::check(&mapping.version, &checker.roots, spec, sink)?;
    let bundle = mapping.bundle.as_ref().map(|bundle| checker.bundle(bundle));
    let joins = checker.joins().check();
    let errors = checker.errors(&mapping.errors);
    let entities: Vec<_> = provider
        .entities
        .iter()
        .filter_map(|entity| checker.entities().entity(entity))
        .collect();
    let scripts: Vec<_> = provider
        .scripts
        .iter()
        .filter_map(|scripts| checker.entities().scripts(scripts))
        .collect();
    let check = mapping.check.as_ref().map(|it| checker.connect().check(it));
    let has = entities
        .iter()
        .flat_map(|it| {
            it.operations
                .iter()
                .map(|operation| operation.name.as_str())
        })
        .chain(scripts.iter().flat_map(|it| {
            it.operations
                .iter()
                .map(|operation| operation.name.as_str())
        }));
    let scopes = granted::check(mapping, unified, &has.collect::<Vec<_>>(), sink);
    let operations = spec
        .operations
        .values()
        .map(|operation| PlanNativeOperation {
            id: operation.id.clone(),
            method: operation.method.clone(),
            writes: calls::writes(operation, &mapping.reads_by_post),
            is_xml: operation.is_xml,
        });
    Some(PlanProvider {
        name: mapping.name.value.clone(),
        title: mapping.title.value.clone(),
        base_url: checker.base_url(&mapping.base_url),
        versions,
        auth: checker.auth(),
        check: match check {
            Some(check) => Some(check?),
            None => None,
        },
        scopes,
        limits: limits::check(&mapping.limits, spec, sink),
        errors,
        bundle: match bundle {
            Some(bundle) => Some(bundle?),
            None => None,
        },
        joins: joins?,
        native_door: native_door::check(&mapping.native_door, sink),
        clear: mapping.clear,
        record_id: mapping.record_id,
        fields_in: mapping.fields_in.as_ref().map(|text| text.value.clone()),
        operations: operations.collect(),
        entities,
        scripts,
        sources: vec![spec.path.clone(), sources.file(mapping.file).path.clone()],
    })
}

struct Checker<'a> {
    provider: &'a InputProvider,
    unified: &'a Unified,
    sources: &'a Sources,
    sink: &'a Sink,
    roots: Roots,
}

impl Checker<'_> {
    fn joins(&self) -> Joins<'_> {
        Joins {
            mapping: &self.provider.mapping,
            spec: &self.provider.spec,
            roots: &self.roots,
            sink: self.sink,
        }
    }

    fn entities(&self) -> Entities<'_> {
        Entities {
            provider: self.provider,
            unified: self.unified,
            roots: &self.roots,
            sources: self.sources,
            sink: self.sink,
        }
    }

    /// The name becomes a module's.
    fn check_name(&self) {
        let name = &self.provider.mapping.name;
        let legal = |character: char| {
            character.is_ascii_lowercase() || character.is_ascii_digit() || character == '_'
        };
        if !name.value.chars().all(legal)
            || !name
                .value
                .starts_with(|first: char| first.is_ascii_lowercase())
        {
            let message = format!(
                "`{}` cannot name a module: expected small letters, digits and `_`",
                name.value
            );
            self.sink
                .push(Diagnostic::new("bad-name", message, name.span));
        }
    }

    fn base_url(&self, base_url: &MappingBaseUrl) -> PlanBaseUrl {
        match base_url {
            MappingBaseUrl::Fixed(url) => {
                if !url.value.starts_with("https://") || url.value.ends_with('/') {
                    let message = format!(
                        "expected `https://` and a host, without `/` at the end, found `{}`",
                        url.value
                    );
                    self.sink
                        .push(Diagnostic::new("bad-url", message, url.span));
                }
                PlanBaseUrl::Fixed(url.value.clone())
            }
            MappingBaseUrl::PerConnection {
                setting,
                allowed_hosts,
            } => PlanBaseUrl::PerConnection {
                setting: setting.value.clone(),
                allowed_hosts: texts(allowed_hosts),
            },
        }
    }

    fn bundle(&self, bundle: &MappingBundle) -> Option<PlanBundle> {
        let spec = &self.provider.spec;
        let operation = calls::operation(spec, &bundle.call, self.sink)?;
        let (root, path) = self.roots.split(&operation.path);
        if path.contains('{') {
            let message = format!(
                "`{}` has parameters in its path, and a bundle binds none",
                operation.id
            );
            self.sink.push(
                Diagnostic::new("unbound-parameter", message, bundle.call.span)
                    .other(operation.span, "the operation"),
            );
        }
        let answer = Answer {
            operation,
            object: None,
            is_faultless: true,
        };
        self.bundle_request(bundle, operation);
        self.bundle_answer(bundle, answer);
        if let (true, Some(halted)) = (bundle.atomic_members.is_empty(), bundle.halted.first()) {
            let message =
                "`halted` is for bundles that are undone, and there are no `atomic_members`";
            self.sink
                .push(Diagnostic::new("missing-key", message, halted.span));
        }
        if !["step", "path"]
            .iter()
            .all(|part| bundle.reference.value.contains(part))
        {
            let message = "a reference says where `step` and `path` stand in it";
            self.sink.push(
                Diagnostic::new("bad-template", message, bundle.reference.span)
                    .help("as in `@{step.path}`"),
            );
        }
        let members = |members: &[(Text, crate::source::yaml::Node)]| {
            members
                .iter()
                .map(|(name, node)| (name.value.clone(), node.to_json().to_string()))
                .collect()
        };
        Some(PlanBundle {
            operation: spec.operations.get_index_of(&operation.id)?,
            root,
            path: path.to_owned(),
            max: calls::at_least_one(&bundle.max, self.sink),
            for_targets_over: bundle
                .for_targets_over
                .as_ref()
                .map(|over| usize::try_from(over.value).unwrap_or(usize::MAX)),
            members: members(&bundle.members),
            atomic_members: members(&bundle.atomic_members),
            halted: bundle
                .halted
                .iter()
                .map(|code| code.value.clone())
                .collect(),
            requests: bundle.requests.value.clone(),
            request_method: bundle.method.value.clone(),
            request_target: bundle.target.value.clone(),
            request_name: bundle.name.value.clone(),
            request_body: bundle.body.value.clone(),
            responses: bundle.responses.value.clone(),
            response_status: bundle.status.value.clone(),
            response_body: bundle.response_body.value.clone(),
            reference: bundle.reference.value.clone(),
        })
    }

    /// The members of a bundle's request, and of each call in it, with the values that are the same for all.
    fn bundle_request(&self, bundle: &MappingBundle, operation: &SpecOperation) {
        let Some(body) = &operation.body else {
            let message = format!("`{}` takes no body", operation.id);
            self.sink.push(
                Diagnostic::new("unknown-body-member", message, bundle.call.span)
                    .other(operation.span, "the operation"),
            );
            return;
        };
        let unknown = |name: &Text, schema: &SpecSchema| {
            let message = format!(
                "the request of `{}` has no member `{}`",
                operation.id, name.value
            );
            let known = schema.object().into_iter();
            let known = known.flat_map(|object| object.properties.keys());
            let diagnostic = Diagnostic::new("unknown-body-member", message, name.span);
            self.sink
                .push(diagnostic.nearest(&name.value, known.map(String::as_str)));
        };
        for (name, node) in bundle.members.iter().chain(&bundle.atomic_members) {
            if slot_text(node).is_some() {
                let message = "a member of every bundle is the same for all: there are no slots";
                self.sink
                    .push(Diagnostic::new("slot-not-available", message, node.span));
                continue;
            }
            match body.member(&name.value) {
                Some(member) => {
                    bodies::check_literal(&node.to_json(), node.span, member, self.sink);
                }
                None if body.is_open() => {}
                None => unknown(name, body),
            }
        }
        let calls = match body.member(&bundle.requests.value) {
            Some(calls) => calls,
            None if body.is_open() => return,
            None => return unknown(&bundle.requests, body),
        };
        let SpecKind::List(call) = &calls.kind else {
            let message = format!(
                "`{}` is {}, and a bundle is a list of calls",
                bundle.requests.value,
                calls.kind_name()
            );
            self.sink.push(
                Diagnostic::new("type-mismatch", message, bundle.requests.span)
                    .other(calls.span, "it is said here"),
            );
            return;
        };
        let names = [&bundle.method, &bundle.target, &bundle.name, &bundle.body];
        for name in names {
            if call.member(&name.value).is_none() && !call.is_open() {
                unknown(name, call);
            }
        }
    }

    fn bundle_answer(&self, bundle: &MappingBundle, answer: Answer<'_>) {
        let list = answers::path(answer, &bundle.responses, Wanted::List, self.sink);
        let part = list.and_then(|list| answer.element(&list));
        for name in [&bundle.status, &bundle.response_body] {
            if let Some(part) = part {
                answers::within(answer, part, name, Wanted::Anything, self.sink);
            }
        }
    }

    /// Hidden fields are looked for where an error says that there may be some.
    fn check_hidden(&self, rules: &[MappingErrorRule], described: Option<&MappingDescription>) {
        let rule = rules.iter().find(|rule| rule.hidden_field);
        let (message, span) = match (rule, described) {
            (Some(rule), None) => (
                "a hidden field is to be looked for, and `hidden_fields` does not say how",
                rule.span,
            ),
            (None, Some(described)) => (
                "no rule of `classify` says `hidden_field: true`: hidden fields are never looked for",
                described.call.operation.span,
            ),
            _ => return,
        };
        self.sink
            .push(Diagnostic::new("bad-error-rule", message, span));
    }

    fn errors(&self, errors: &MappingErrors) -> PlanErrors {
        self.check_hidden(
            &errors.classify,
            self.provider.mapping.hidden_fields.as_ref(),
        );
        let details = errors.details.as_ref();
        let detail = |pick: fn(&crate::mapping::provider::MappingDetails) -> &Option<Text>| {
            details.and_then(|details| value(pick(details).as_ref()))
        };
        let mut classify = Vec::new();
        for rule in &errors.classify {
            if !ERROR_CODES.contains(&rule.code.value.as_str()) {
                let message = format!("the unified API has no error code `{}`", rule.code.value);
                let diagnostic = Diagnostic::new("unknown-error-code", message, rule.code.span);
                self.sink
                    .push(diagnostic.nearest(&rule.code.value, ERROR_CODES));
            }
            let status = rule
                .status
                .as_ref()
                .and_then(|status| u16::try_from(status.value).ok());
            let valid =
                rule.status.is_none() || status.is_some_and(|status| (100..=599).contains(&status));
            if !valid || (rule.status.is_none() && rule.codes.is_empty()) {
                let message = "a rule says a `status` from 100 to 599, or a `code`, or both";
                self.sink
                    .push(
                        Diagnostic::new("bad-error-rule", message, rule.span).help(format!(
                            "the first rule that fits counts; codes are in {}",
                            listed(&texts(&errors.code))
                        )),
                    );
            }
            limits::of_rule(rule, &self.provider.mapping.limits, self.sink);
            classify.push(PlanErrorRule {
                status,
                codes: texts(&rule.codes),
                with: rule
                    .with
                    .iter()
                    .map(|(member, values)| (member.value.clone(), texts(values)))
                    .collect(),
                message: value(rule.message.as_ref()),
                code: rule.code.value.clone(),
                refresh: rule.refresh,
                hidden_field: rule.hidden_field,
                not_carried_out: rule.not_carried_out,
                never_again: rule.never_again,
                retry_after_seconds: rule.retry_after_seconds.as_ref().map(|it| it.value),
                limit: value(rule.limit.as_ref()),
            });
        }
        PlanErrors {
            list: errors.list,
            code: texts(&errors.code),
            message: errors.message.value.clone(),
            correlation_id: value(errors.correlation_id.as_ref()),
            correlation_header: errors
                .correlation_header
                .as_ref()
                .map(|name| native_door::header_name(name, self.sink)),
            details_list: detail(|details| &details.list),
            details_message: detail(|details| &details.message),
            details_code: detail(|details| &details.code),
            details_fields: detail(|details| &details.fields),
            named: errors
                .named
                .iter()
                .map(|named| PlanNamed {
                    what: named.what.value.clone(),
                    at: named
                        .at
                        .iter()
                        .map(|path| path.value.split('.').map(str::to_owned).collect())
                        .collect(),
                    help: value(named.help.as_ref()),
                })
                .collect(),
            details_context: detail(|details| &details.context),
            existing_id_after: value(errors.existing_id_after.as_ref()),
            partial: errors.partial.as_ref().and_then(|it| self.partial(it)),
            classify,
        }
    }
}

impl Checker<'_> {
    fn connect(&self) -> Connect<'_> {
        Connect {
            mapping: &self.provider.mapping,
            spec: &self.provider.spec,
            roots: &self.roots,
            sink: self.sink,
        }
    }

    fn auth(&self) -> PlanAuth {
        let auth = &self.provider.mapping.auth;
        let connect = self.connect();
        PlanAuth {
            token_url: auth.token_url.value.clone(),
            login_url: value(auth.login_url.as_ref()),
            lifetime_seconds: auth
                .lifetime_seconds
                .as_ref()
                .map(|seconds| u64::from(seconds.value)),
            base_url_member: value(auth.base_url_member.as_ref()),
            revoked: auth
                .revoked
                .iter()
                .map(|(member, values)| (member.value.clone(), texts(values)))
                .collect(),
            incurable: texts(&auth.incurable),
            authorize: auth.authorize.as_ref().map(|it| connect.authorize(it)),
            logins: auth.logins.iter().map(|it| connect.login(it)).collect(),
            revoke: auth.revoke.as_ref().map(|it| connect.token_call(it)),
            granted: auth.granted.as_ref().map(|it| connect.granted(it)),
        }
    }

    fn partial(&self, partial: &MappingPartial) -> Option<PlanPartial> {
        let status = &partial.status;
        let Some(status) = u16::try_from(status.value)
            .ok()
            .filter(|status| (200..=299).contains(status))
        else {
            let message = format!(
                "a part of a call failed where the whole of it succeeded: expected a status from 200 to 299, found {}",
                status.value
            );
            self.sink
                .push(Diagnostic::new("bad-error-rule", message, status.span));
            return None;
        };
        Some(PlanPartial {
            status,
            list: partial.list.value.clone(),
            ignore: texts(&partial.ignore),
        })
    }
}

fn value(text: Option<&Text>) -> Option<String> {
    text.map(|text| text.value.clone())
}

fn texts(list: &[Text]) -> Vec<String> {
    list.iter().map(|text| text.value.clone()).collect()
}
