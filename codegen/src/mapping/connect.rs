//! What `provider.yaml` says of connecting an account and of proving that a connection works, as typed syntax.

use super::{Table, call::MappingCall, entries, texts};
use crate::{
    diagnostic::Sink,
    source::{
        Text,
        yaml::{Node, NodeKind},
    },
};

/// `auth.authorize`: how a person is asked for consent.
#[derive(Debug)]
pub struct MappingAuthorize {
    pub url: Text,
    pub pkce: bool,
    pub scopes: Vec<Text>,
    pub optional: Option<MappingOptionalScopes>,
    pub parameters: Vec<(Text, Text)>,
}

/// Scopes that are granted where the account can.
#[derive(Debug)]
pub struct MappingOptionalScopes {
    pub parameter: Text,
    pub scopes: Vec<Text>,
}

/// `auth.logins`: the hosts that a person may choose to log in at.
#[derive(Debug)]
pub struct MappingLogin {
    pub title: Text,
    pub url: Text,
    pub hint: Option<Text>,
}

/// A call that is about a token and not about the account's data.
#[derive(Debug)]
pub struct MappingTokenCall {
    pub method: Text,
    pub url: Text,
    pub form: Vec<(Text, Text)>,
}

/// `auth.granted`: where the granted scopes are told.
#[derive(Debug)]
pub struct MappingGranted {
    pub scopes: Text,
    pub call: Option<MappingTokenCall>,
    pub account_name: Option<Text>,
}

/// `check`: how a connection is proved to work, and whose account it is.
#[derive(Debug)]
pub struct MappingCheck {
    pub call: MappingCall,
    pub account: Option<MappingAccount>,
}

#[derive(Debug)]
pub struct MappingAccount {
    /// None: it is told in the answer to the check itself.
    pub call: Option<MappingCall>,
    pub id: Text,
    pub name: Option<Text>,
}

/// `scopes`: what operations need.
#[derive(Debug, Default)]
pub struct MappingScopes {
    pub every: Vec<MappingAnyOf>,
    pub entities: Vec<(Text, MappingEntityScopes)>,
    pub operations: Vec<(Text, Vec<MappingAnyOf>)>,
}

#[derive(Debug)]
pub struct MappingEntityScopes {
    pub reads: Vec<MappingAnyOf>,
    pub writes: Vec<MappingAnyOf>,
}

/// Scopes of which any one will do.
pub type MappingAnyOf = Vec<Text>;

pub(super) fn authorize(node: &Node, sink: &Sink) -> Option<MappingAuthorize> {
    let mut table = Table::new(node, sink)?;
    let url = table.text("url");
    let pkce = table.flag("pkce");
    let scopes = table.texts("scopes");
    let optional = table.optional("optional").and_then(|node| {
        let mut table = Table::new(node, sink)?;
        let parameter = table.text("parameter");
        let scopes = table.texts("scopes");
        table.finish();
        Some(MappingOptionalScopes {
            parameter: parameter?,
            scopes,
        })
    });
    let parameters = table.texts_by_name("parameters");
    table.finish();
    Some(MappingAuthorize {
        url: url?,
        pkce,
        scopes,
        optional,
        parameters,
    })
}

pub(super) fn login(node: &Node, sink: &Sink) -> Option<MappingLogin> {
    let mut table = Table::new(node, sink)?;
    let (title, url) = (table.text("title"), table.text("url"));
    let hint = table.optional_text("hint");
    table.finish();
    Some(MappingLogin {
        title: title?,
        url: url?,
        hint,
    })
}

/// `method`, `url` and `form`, in a mapping of their own.
pub(super) fn token_call(node: &Node, sink: &Sink) -> Option<MappingTokenCall> {
    let mut table = Table::new(node, sink)?;
    let (method, url) = (table.text("method"), table.text("url"));
    let form = table.texts_by_name("form");
    table.finish();
    Some(MappingTokenCall {
        method: method?,
        url: url?,
        form,
    })
}

pub(super) fn granted(node: &Node, sink: &Sink) -> Option<MappingGranted> {
    let mut table = Table::new(node, sink)?;
    let scopes = table.text("scopes");
    let call = table.optional("call");
    let account_name = table.optional_text("account_name");
    table.finish();
    Some(MappingGranted {
        scopes: scopes?,
        call: call.and_then(|node| token_call(node, sink)),
        account_name,
    })
}

pub(super) fn check(node: &Node, sink: &Sink) -> Option<MappingCheck> {
    let mut table = Table::new(node, sink)?;
    let call = super::call::keys(&mut table, sink);
    let account = table.optional("account");
    table.finish();
    Some(MappingCheck {
        call: call?,
        account: account.and_then(|node| self::account(node, sink)),
    })
}

fn account(node: &Node, sink: &Sink) -> Option<MappingAccount> {
    let mut table = Table::new(node, sink)?;
    let has_call = table.optional("call").is_some();
    let call = has_call.then(|| super::call::keys(&mut table, sink));
    let id = table.text("id");
    let name = table.optional_text("name");
    table.finish();
    Some(MappingAccount {
        call: match call {
            Some(call) => Some(call?),
            None => None,
        },
        id: id?,
        name,
    })
}

pub(super) fn scopes(node: &Node, sink: &Sink) -> Option<MappingScopes> {
    let mut table = Table::new(node, sink)?;
    let all_of = |node: &Node| self::all_of(node, sink);
    let every = table.optional("every").map_or_else(Vec::new, all_of);
    let by_name = |node: Option<&Node>| node.map_or_else(Vec::new, |node| entries(node, sink));
    let entities = by_name(table.optional("entities"));
    let operations = by_name(table.optional("operations"));
    table.finish();
    Some(MappingScopes {
        every,
        entities: entities
            .iter()
            .filter_map(|(name, node)| {
                let mut table = Table::new(node, sink)?;
                let reads = table.optional("reads").map_or_else(Vec::new, all_of);
                let writes = table.optional("writes").map_or_else(Vec::new, all_of);
                table.finish();
                Some((name.clone(), MappingEntityScopes { reads, writes }))
            })
            .collect(),
        operations: operations
            .into_iter()
            .map(|(name, node)| (name, all_of(&node)))
            .collect(),
    })
}

/// A list of scopes, in which a list stands for any one of its own.
fn all_of(node: &Node, sink: &Sink) -> Vec<MappingAnyOf> {
    match &node.kind {
        NodeKind::List(elements) => elements
            .iter()
            .map(|element| texts(element, sink))
            .collect(),
        _ => vec![texts(node, sink)],
    }
}
