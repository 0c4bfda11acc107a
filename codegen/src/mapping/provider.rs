//! `provider.yaml` as typed syntax.

use super::{
    Table,
    call::{self, MappingCall},
    connect::{
        self, MappingAuthorize, MappingCheck, MappingGranted, MappingLogin, MappingScopes,
        MappingTokenCall,
    },
    document::{self, MappingDocument},
    entries,
    joins::{self, MappingJoin},
    limits::{self, MappingLimit},
    native_door::{self, MappingNativeDoor},
    script::MappingObjects,
};
use crate::{
    diagnostic::Sink,
    plan::{PlanClear, PlanRecordId},
    source::{FileId, Span, Spanned, Text, yaml::Node},
};

/// What is true of a provider as a whole.
#[derive(Debug)]
pub struct MappingProvider {
    pub file: FileId,
    pub name: Text,
    pub title: Text,
    /// The file of its spec, as in `examplecrm.yaml`.
    pub spec: Text,
    pub version: MappingVersion,
    pub base_url: MappingBaseUrl,
    pub auth: MappingAuth,
    pub check: Option<MappingCheck>,
    pub scopes: Option<MappingScopes>,
    pub limits: Vec<MappingLimit>,
    pub reads_by_post: Vec<Text>,
    /// Single reads that one call carries out together.
    pub joins: Vec<MappingJoin>,
    /// What callers may ask of its own API.
    pub native_door: MappingNativeDoor,
    pub clear: PlanClear,
    pub fields_in: Option<Text>,
    pub record_id: PlanRecordId,
    pub bundle: Option<MappingBundle>,
    pub hidden_fields: Option<MappingDescription>,
    /// How names of objects lead to native ones.
    pub objects: Option<MappingObjects>,
    /// How the provider's own document says things.
    pub document: Option<MappingDocument>,
    pub errors: MappingErrors,
}

/// How the provider tells which fields of an object the connected user has.
#[derive(Debug)]
pub struct MappingDescription {
    pub call: MappingCall,
    pub rows: Option<Text>,
    pub name: Text,
}

#[derive(Debug)]
pub struct MappingVersion {
    pub default: Text,
    /// The path parameter that holds the version.
    pub parameter: Text,
    pub families: Vec<MappingFamily>,
    /// By version, the day from which the provider may not answer it any more.
    pub retires: Vec<(Text, Text)>,
}

#[derive(Debug)]
pub struct MappingFamily {
    pub span: Span,
    pub one_of: Vec<Text>,
    pub at_least: Option<Text>,
    pub paths: Vec<(Text, Text)>,
}

#[derive(Debug)]
pub enum MappingBaseUrl {
    Fixed(Text),
    PerConnection {
        setting: Text,
        allowed_hosts: Vec<Text>,
    },
}

#[derive(Debug)]
pub struct MappingAuth {
    pub token_url: Text,
    pub login_url: Option<Text>,
    pub lifetime_seconds: Option<Spanned<u32>>,
    pub base_url_member: Option<Text>,
    pub revoked: Vec<(Text, Vec<Text>)>,
    pub incurable: Vec<Text>,
    pub authorize: Option<MappingAuthorize>,
    pub logins: Vec<MappingLogin>,
    pub revoke: Option<MappingTokenCall>,
    pub granted: Option<MappingGranted>,
}

#[derive(Debug)]
pub struct MappingBundle {
    pub span: Span,
    pub call: Text,
    pub max: Spanned<u32>,
    pub for_targets_over: Option<Spanned<u32>>,
    pub members: Vec<(Text, Node)>,
    pub atomic_members: Vec<(Text, Node)>,
    pub halted: Vec<Text>,
    pub requests: Text,
    pub method: Text,
    pub target: Text,
    pub name: Text,
    pub body: Text,
    pub responses: Text,
    pub status: Text,
    pub response_body: Text,
    pub reference: Text,
}

#[derive(Debug)]
pub struct MappingErrors {
    pub list: bool,
    pub code: Vec<Text>,
    pub message: Text,
    pub correlation_id: Option<Text>,
    pub correlation_header: Option<Text>,
    pub details: Option<MappingDetails>,
    pub named: Vec<MappingNamed>,
    pub existing_id_after: Option<Text>,
    pub partial: Option<MappingPartial>,
    pub classify: Vec<MappingErrorRule>,
}

#[derive(Debug)]
pub struct MappingDetails {
    pub list: Option<Text>,
    pub message: Option<Text>,
    pub code: Option<Text>,
    pub fields: Option<Text>,
    pub context: Option<Text>,
}

#[derive(Debug)]
pub struct MappingPartial {
    pub status: Spanned<u32>,
    pub list: Text,
    pub ignore: Vec<Text>,
}

#[derive(Debug)]
pub struct MappingNamed {
    pub what: Text,
    pub at: Vec<Text>,
    pub help: Option<Text>,
}

#[derive(Debug)]
#[allow(clippy::struct_excessive_bools)] // Each is a key of the mapping, and any of them may stand with any other.
pub struct MappingErrorRule {
    pub span: Span,
    pub status: Option<Spanned<u32>>,
    pub codes: Vec<Text>,
    pub with: Vec<(Text, Vec<Text>)>,
    pub message: Option<Text>,
    pub code: Text,
    pub refresh: bool,
    pub hidden_field: bool,
    pub not_carried_out: bool,
    pub never_again: bool,
    pub retry_after_seconds: Option<Spanned<u32>>,
    /// The limit that the refusal says is spent.
    pub limit: Option<Text>,
}

/// Reads `provider.yaml`.
pub fn provider(file: FileId, node: &Node, sink: &Sink) -> Option<MappingProvider> {
    let mut table = Table::new(node, sink)?;
    let name = table.text("provider");
    let title = table.text("title");
    let spec = table.text("spec");
    let version = table
        .required("version")
        .and_then(|node| version(node, sink));
    let base_url = table
        .required("base_url")
        .and_then(|node| base_url(node, sink));
    let auth = table.required("auth").and_then(|node| auth(node, sink));
    let check = table
        .optional("check")
        .and_then(|node| connect::check(node, sink));
    let scopes = table
        .optional("scopes")
        .and_then(|node| connect::scopes(node, sink));
    let limits = table
        .optional("limits")
        .map_or_else(Vec::new, |node| limits::limits(node, sink));
    let reads_by_post = table.texts("reads_by_post");
    let joins = table
        .optional("joins")
        .map_or_else(Vec::new, |node| list(node, sink));
    let native_door = table
        .optional("native_door")
        .and_then(|node| native_door::native_door(node, sink));
    let clear = table.choice("clear", &["null", "empty_text"]);
    let fields_in = table.optional_text("fields_in");
    let record_id = table.choice("record_id", &["text", "decimal", "base62_checked"]);
    let bundle_node = table.optional("bundle");
    let bundle = bundle_node.and_then(|node| bundle(node, sink));
    let objects = table
        .optional("objects")
        .and_then(|node| super::script::objects(node, sink));
    let hidden_fields = table
        .optional("hidden_fields")
        .and_then(|node| description(node, sink));
    let document = table
        .optional("document")
        .and_then(|node| document::document(node, sink));
    let errors = table.required("errors").and_then(|node| errors(node, sink));
    table.finish();
    Some(MappingProvider {
        file,
        name: name?,
        title: title?,
        spec: spec?,
        version: version?,
        base_url: base_url?,
        auth: auth?,
        check,
        scopes,
        limits,
        reads_by_post,
        joins: joins
            .iter()
            .filter_map(|node| joins::join(node, sink))
            .collect(),
        native_door: native_door.unwrap_or_default(),
        clear: if clear? == "null" {
            PlanClear::Null
        } else {
            PlanClear::EmptyText
        },
        fields_in,
        record_id: match record_id? {
            "decimal" => PlanRecordId::Decimal,
            "base62_checked" => PlanRecordId::Base62Checked,
            _ => PlanRecordId::Text,
        },
        bundle,
        hidden_fields,
        objects,
        document,
        errors: errors?,
    })
}

fn description(node: &Node, sink: &Sink) -> Option<MappingDescription> {
    let mut table = Table::new(node, sink)?;
    let call = call::keys(&mut table, sink);
    let rows = table.optional_text("rows");
    let name = table.text("name");
    table.finish();
    Some(MappingDescription {
        call: call?,
        rows,
        name: name?,
    })
}

fn version(node: &Node, sink: &Sink) -> Option<MappingVersion> {
    let mut table = Table::new(node, sink)?;
    let default = table.text("default");
    let parameter = table.text("parameter");
    let families = table
        .required("families")
        .map_or_else(Vec::new, |node| list(node, sink));
    let retires = table.texts_by_name("retires");
    table.finish();
    let families = families
        .iter()
        .filter_map(|node| family(node, sink))
        .collect();
    Some(MappingVersion {
        default: default?,
        parameter: parameter?,
        families,
        retires,
    })
}

fn family(node: &Node, sink: &Sink) -> Option<MappingFamily> {
    let mut table = Table::new(node, sink)?;
    let family = MappingFamily {
        span: node.span,
        one_of: table.texts("one_of"),
        at_least: table.optional_text("at_least"),
        paths: table.texts_by_name("paths"),
    };
    table.finish();
    Some(family)
}

fn base_url(node: &Node, sink: &Sink) -> Option<MappingBaseUrl> {
    let mut table = Table::new(node, sink)?;
    let fixed = table.optional_text("fixed");
    let setting = table.optional_text("per_connection");
    let allowed_hosts = table.texts("allowed_hosts");
    let span = table.span;
    table.finish();
    match (fixed, setting) {
        (Some(url), None) => Some(MappingBaseUrl::Fixed(url)),
        (None, Some(setting)) => Some(MappingBaseUrl::PerConnection {
            setting,
            allowed_hosts,
        }),
        _ => {
            let message = "expected either `fixed` or `per_connection`";
            sink.push(crate::diagnostic::Diagnostic::new(
                "missing-key",
                message,
                span,
            ));
            None
        }
    }
}

fn auth(node: &Node, sink: &Sink) -> Option<MappingAuth> {
    let mut table = Table::new(node, sink)?;
    let token_url = table.text("token_url");
    let login_url = table.optional_text("login_url");
    let lifetime_seconds = table.integer("lifetime_seconds");
    let base_url_member = table.optional_text("base_url_member");
    let revoked = table
        .optional("revoked")
        .map_or_else(Vec::new, |node| entries(node, sink));
    let incurable = table.texts("incurable");
    let authorize = table.optional("authorize");
    let logins = table
        .optional("logins")
        .map_or_else(Vec::new, |node| list(node, sink));
    let revoke = table.optional("revoke");
    let granted = table.optional("granted");
    table.finish();
    let revoked = revoked
        .into_iter()
        .map(|(member, values)| (member, super::texts(&values, sink)))
        .collect();
    Some(MappingAuth {
        token_url: token_url?,
        login_url,
        lifetime_seconds,
        base_url_member,
        revoked,
        incurable,
        authorize: authorize.and_then(|node| connect::authorize(node, sink)),
        logins: logins
            .iter()
            .filter_map(|node| connect::login(node, sink))
            .collect(),
        revoke: revoke.and_then(|node| connect::token_call(node, sink)),
        granted: granted.and_then(|node| connect::granted(node, sink)),
    })
}

fn bundle(node: &Node, sink: &Sink) -> Option<MappingBundle> {
    let mut table = Table::new(node, sink)?;
    let call = table.text("call");
    let max = table.required("max").and(table.integer("max"));
    let for_targets_over = table.integer("for_targets_over");
    let members = table
        .optional("members")
        .map_or_else(Vec::new, |node| entries(node, sink));
    let atomic_members = table
        .optional("atomic_members")
        .map_or_else(Vec::new, |node| entries(node, sink));
    let halted = table.texts("halted");
    let requests = table.text("requests");
    let request = table.required("request");
    let responses = table.text("responses");
    let response = table.required("response");
    let reference = table.text("reference");
    table.finish();
    let mut request = Table::new(request?, sink)?;
    let (method, target) = (request.text("method"), request.text("target"));
    let (name, body) = (request.text("name"), request.text("body"));
    request.finish();
    let mut response = Table::new(response?, sink)?;
    let (status, response_body) = (response.text("status"), response.text("body"));
    response.finish();
    Some(MappingBundle {
        span: node.span,
        call: call?,
        max: max?,
        for_targets_over,
        members,
        atomic_members,
        halted,
        requests: requests?,
        method: method?,
        target: target?,
        name: name?,
        body: body?,
        responses: responses?,
        status: status?,
        response_body: response_body?,
        reference: reference?,
    })
}

fn errors(node: &Node, sink: &Sink) -> Option<MappingErrors> {
    let mut table = Table::new(node, sink)?;
    let list_flag = table.flag("list");
    let code = table.texts("code");
    let message = table.text("message");
    let correlation_id = table.optional_text("correlation_id");
    let correlation_header = table.optional_text("correlation_header");
    let details = table
        .optional("details")
        .and_then(|node| details(node, sink));
    let named = table
        .optional("named")
        .map_or_else(Vec::new, |node| list(node, sink));
    let existing_id = table.optional("existing_id");
    let partial = table
        .optional("partial")
        .and_then(|node| partial(node, sink));
    let classify = table
        .required("classify")
        .map_or_else(Vec::new, |node| list(node, sink));
    table.finish();
    let existing_id_after = existing_id.and_then(|node| {
        let mut table = Table::new(node, sink)?;
        let after = table.text("after");
        table.finish();
        after
    });
    Some(MappingErrors {
        list: list_flag,
        code,
        message: message?,
        correlation_id,
        correlation_header,
        details,
        named: named
            .iter()
            .filter_map(|node| self::named(node, sink))
            .collect(),
        existing_id_after,
        partial,
        classify: classify
            .iter()
            .filter_map(|node| rule(node, sink))
            .collect(),
    })
}

fn details(node: &Node, sink: &Sink) -> Option<MappingDetails> {
    let mut table = Table::new(node, sink)?;
    let details = MappingDetails {
        list: table.optional_text("list"),
        message: table.optional_text("message"),
        code: table.optional_text("code"),
        fields: table.optional_text("fields"),
        context: table.optional_text("context"),
    };
    table.finish();
    Some(details)
}

fn named(node: &Node, sink: &Sink) -> Option<MappingNamed> {
    let mut table = Table::new(node, sink)?;
    let what = table.text("what");
    let at = table.required("at").and(Some(table.texts("at")));
    let help = table.optional_text("help");
    table.finish();
    Some(MappingNamed {
        what: what?,
        at: at?,
        help,
    })
}

fn partial(node: &Node, sink: &Sink) -> Option<MappingPartial> {
    let mut table = Table::new(node, sink)?;
    let status = table.required("status").and(table.integer("status"));
    let list = table.text("list");
    let ignore = table.texts("ignore");
    table.finish();
    Some(MappingPartial {
        status: status?,
        list: list?,
        ignore,
    })
}

fn rule(node: &Node, sink: &Sink) -> Option<MappingErrorRule> {
    let mut table = Table::new(node, sink)?;
    let status = table.integer("status");
    let codes = table.texts("code");
    let with = table
        .optional("with")
        .map_or_else(Vec::new, |node| entries(node, sink));
    let message = table.optional_text("message");
    let code = table.text("as");
    let refresh = table.flag("refresh");
    let hidden_field = table.flag("hidden_field");
    let not_carried_out = table.flag("not_carried_out");
    let retry = table.optional_choice("retry", &["never"]);
    let retry_after_seconds = table.integer("retry_after_seconds");
    let limit = table.optional_text("limit");
    table.finish();
    let with = with
        .into_iter()
        .map(|(member, values)| (member, super::texts(&values, sink)))
        .collect();
    Some(MappingErrorRule {
        span: node.span,
        status,
        codes,
        with,
        message,
        code: code?,
        refresh,
        hidden_field,
        not_carried_out,
        never_again: retry.is_some(),
        retry_after_seconds,
        limit,
    })
}

pub(super) fn list(node: &Node, sink: &Sink) -> Vec<Node> {
    if let crate::source::yaml::NodeKind::List(elements) = &node.kind {
        elements.clone()
    } else {
        super::wrong_kind(node, "a list", sink);
        Vec::new()
    }
}
