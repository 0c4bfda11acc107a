//! The way of one call: path, method, token, limits, scopes, content type, and then its handler.

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;

use super::access::{self, Need};
use super::ask::{Ask, Version};
use super::fault::Fault;
use super::state::State;
use super::{Options, batch, oauth, objects, owners, properties, search};
use crate::sandbox::http::{Call, Reply};

/// What a path addresses. `ty` is a type's name as sent.
#[derive(Debug)]
enum Route {
    Authorize,
    Token,
    TokenInfo(String),
    Account,
    Owners,
    Owner(String),
    Rows { ty: String },
    Row { ty: String, id: String },
    Batch { ty: String, verb: batch::Verb },
    Search { ty: String },
    Merge { ty: String },
    Properties { ty: String },
    Property { ty: String, name: String },
    Groups { ty: String },
}

pub(super) fn answer(options: &Options, state: &mut State, call: &Call, now: i64) -> Reply {
    let correlation_id = access::correlation_id();
    let reply = respond(options, state, call, now, &correlation_id)
        .unwrap_or_else(|fault| fault.into_reply(&correlation_id));
    let is_json = reply
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|media| media.as_bytes().starts_with(b"application/json"));
    let reply = if is_json {
        reply.with_header("content-type", "application/json;charset=utf-8")
    } else {
        reply
    };
    reply.with_header("x-hubspot-correlation-id", &correlation_id)
}

fn respond(
    options: &Options,
    state: &mut State,
    call: &Call,
    now: i64,
    correlation_id: &str,
) -> Result<Reply, Fault> {
    if call.path.len() + call.query.len() + 1 > state.settings.max_url_bytes {
        return Err(Fault::page(
            StatusCode::URI_TOO_LONG,
            "<html><body><h1>414 Request-URI Too Large</h1></body></html>",
        ));
    }
    let (version, route) = parse(&call.path).ok_or_else(Fault::not_found)?;
    if !route.methods().contains(&call.method) {
        return Err(Fault::page(
            StatusCode::METHOD_NOT_ALLOWED,
            "<html><body><h1>HTTP 405</h1></body></html>",
        ));
    }
    let ask = Ask::new(call, version, now);
    match &route {
        Route::Token => return oauth::token(options, state, &ask),
        Route::Authorize => return oauth::authorize(options, state, &ask),
        Route::TokenInfo(token) => return oauth::token_info(state, &ask, token),
        _ => {}
    }
    let caller = access::authenticate(options, &state.tokens, call, now)?;
    let is_search = matches!(route, Route::Search { .. });
    let admitted = state
        .usage
        .admit(&state.settings.rate_limits, caller, is_search, now);
    let reply = admitted.and_then(|()| carry_out(state, &ask, route));
    if is_search {
        return reply;
    }
    // Refusals carry the rate headers as well.
    let reply = reply.unwrap_or_else(|fault| fault.into_reply(correlation_id));
    Ok(state
        .usage
        .headers(&state.settings.rate_limits, caller, reply))
}

fn parse(path: &str) -> Option<(Version, Route)> {
    let segments: Option<Vec<String>> = path
        .strip_prefix('/')?
        .split('/')
        .map(|segment| {
            percent_decode_str(segment)
                .decode_utf8()
                .ok()
                .map(std::borrow::Cow::into_owned)
        })
        .collect();
    let mut segments = segments?;
    // Older clients end the owners path with a slash.
    if segments.last().is_some_and(String::is_empty) {
        segments.pop();
    }
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["oauth", "authorize"] => Some((Version::Numbered(1), Route::Authorize)),
        ["oauth", version, "token"] => Some((Version::parse(version)?, Route::Token)),
        ["oauth", "v1", "access-tokens", token] => {
            Some((Version::Numbered(1), Route::TokenInfo((*token).to_owned())))
        }
        ["account-info", version, "details"] => Some((crm_version(version)?, Route::Account)),
        ["crm", "v3", area, rest @ ..] => Some((Version::Numbered(3), parse_area(area, rest)?)),
        ["crm", area, version, rest @ ..] => {
            let version = Version::parse(version).filter(|version| version.is_dated())?;
            Some((version, parse_area(area, rest)?))
        }
        _ => None,
    }
}

fn crm_version(segment: &str) -> Option<Version> {
    Version::parse(segment).filter(|version| *version != Version::Numbered(1))
}

fn parse_area(area: &str, rest: &[&str]) -> Option<Route> {
    let own = |text: &str| text.to_owned();
    Some(match (area, rest) {
        ("owners", []) => Route::Owners,
        ("owners", [id]) => Route::Owner(own(id)),
        ("objects", [ty]) => Route::Rows { ty: own(ty) },
        ("objects", [ty, "search"]) => Route::Search { ty: own(ty) },
        ("objects", [ty, "merge"]) => Route::Merge { ty: own(ty) },
        ("objects", [ty, "batch", verb]) => Route::Batch {
            ty: own(ty),
            verb: batch::Verb::parse(verb)?,
        },
        ("objects", [ty, id]) => Route::Row {
            ty: own(ty),
            id: own(id),
        },
        ("properties", [ty]) => Route::Properties { ty: own(ty) },
        ("properties", [ty, "groups"]) => Route::Groups { ty: own(ty) },
        ("properties", [ty, name]) => Route::Property {
            ty: own(ty),
            name: own(name),
        },
        _ => return None,
    })
}

impl Route {
    fn methods(&self) -> &'static [Method] {
        match self {
            Self::Token | Self::Batch { .. } | Self::Search { .. } | Self::Merge { .. } => {
                &[Method::POST]
            }
            Self::Authorize
            | Self::TokenInfo(_)
            | Self::Account
            | Self::Owners
            | Self::Owner(_)
            | Self::Property { .. } => &[Method::GET],
            Self::Rows { .. } | Self::Properties { .. } | Self::Groups { .. } => {
                &[Method::GET, Method::POST]
            }
            Self::Row { .. } => &[Method::GET, Method::PATCH, Method::DELETE],
        }
    }
}

fn carry_out(state: &mut State, ask: &Ask<'_>, route: Route) -> Result<Reply, Fault> {
    let call = ask.call;
    let get = call.method == Method::GET;
    if state.settings.require_content_type
        && !call.body.is_empty()
        && !get
        && call.media_type().as_deref() != Some("application/json")
    {
        // The status is documented by clients only; the body is unconfirmed.
        return Err(Fault::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "HTTP 415 Unsupported Media Type",
        ));
    }
    let rows = if get { Need::ReadRows } else { Need::WriteRows };
    let definitions = if get {
        Need::ReadDefinitions
    } else {
        Need::WriteDefinitions
    };
    match route {
        Route::Account => Ok(oauth::account()),
        Route::Owners | Route::Owner(_) => {
            access::require(&state.settings, &["crm.objects.owners.read".to_owned()])?;
            match route {
                Route::Owner(id) => owners::get(&state.owners, ask, &id),
                _ => owners::list(&state.owners, ask),
            }
        }
        Route::Rows { ty } => {
            let table = permitted(state, &ty, rows)?;
            if get {
                objects::list(state, ask, table)
            } else {
                objects::create(state, ask, table)
            }
        }
        Route::Row { ty, id } => {
            let table = permitted(state, &ty, rows)?;
            match call.method {
                Method::PATCH => objects::update(state, ask, table, &id),
                Method::DELETE => objects::archive(state, ask, table, &id),
                _ => objects::get(state, ask, table, &id),
            }
        }
        Route::Batch { ty, verb } => {
            let need = if verb == batch::Verb::Read {
                Need::ReadRows
            } else {
                Need::WriteRows
            };
            let table = permitted(state, &ty, need)?;
            batch::run(state, ask, table, verb)
        }
        Route::Search { ty } => {
            let table = permitted(state, &ty, Need::ReadRows)?;
            search::search(state, ask, table)
        }
        Route::Merge { ty } => {
            let table = permitted(state, &ty, Need::WriteRows)?;
            objects::merge(state, ask, table)
        }
        Route::Properties { ty } => {
            let table = permitted(state, &ty, definitions)?;
            if get {
                properties::list(state, ask, table)
            } else {
                properties::create(state, ask, table)
            }
        }
        Route::Property { ty, name } => {
            let table = permitted(state, &ty, definitions)?;
            properties::get(state, table, &name)
        }
        Route::Groups { ty } => {
            let table = permitted(state, &ty, definitions)?;
            if get {
                Ok(properties::groups(state, table))
            } else {
                properties::create_group(state, ask, table)
            }
        }
        Route::Token | Route::Authorize | Route::TokenInfo(_) => Err(Fault::not_found()),
    }
}

fn permitted(state: &State, ty: &str, need: Need) -> Result<usize, Fault> {
    let table = state.table_named(ty)?;
    access::authorize(&state.settings, &state.tables[table].ty, need)?;
    Ok(table)
}
