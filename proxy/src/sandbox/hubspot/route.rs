//! The way of one call: path, method, token, limits, scopes, content type, and then its handler.

use http::header::CONTENT_TYPE;
use http::{Method, StatusCode};

use super::access::{self, Need};
use super::ask::Ask;
use super::associations::{self, Types};
use super::fault::Fault;
use super::path::{self, Ends, Route};
use super::state::State;
use super::{
    Options, batch, consent, custom, merge, oauth, objects, owners, pipelines, properties, search,
};
use crate::sandbox::http::{Call, Reply};

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
    let (version, route) = path::parse(&call.path).ok_or_else(Fault::not_found)?;
    if !route.methods().contains(&call.method) {
        return Err(Fault::page(
            StatusCode::METHOD_NOT_ALLOWED,
            "<html><body><h1>HTTP 405</h1></body></html>",
        ));
    }
    let ask = Ask::new(call, version, now);
    match &route {
        Route::Token => return oauth::token(options, state, &ask),
        Route::Introspect => return oauth::introspect(options, state, &ask),
        Route::Revoke => return oauth::revoke(options, state, &ask),
        Route::Authorize => return Ok(consent::authorize(options, state, &ask)),
        Route::TokenInfo(token) => return oauth::token_info(state, &ask, token),
        Route::RefreshToken(token) => return oauth::refresh_token(options, state, &ask, token),
        Route::PrivateAppInfo => return oauth::private_app_info(options, state, &ask),
        _ => {}
    }
    let (caller, scopes) = access::authenticate(options, &state.grants, call, now)?;
    state.settings.caller_scopes = scopes;
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
    match route {
        Route::Account => Ok(oauth::account()),
        Route::Usage => Ok(oauth::usage(state, ask)),
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
            merge::merge(state, ask, table)
        }
        Route::GdprDelete { ty } => {
            let table = permitted(state, &ty, Need::WriteRows)?;
            merge::gdpr_delete(state, ask, table)
        }
        route @ (Route::Links { .. }
        | Route::DefaultLink(_)
        | Route::Link(_)
        | Route::LinkBatch { .. }
        | Route::Labels { .. }
        | Route::Label { .. }) => link(state, ask, route),
        route => metadata(state, ask, route),
    }
}

fn link(state: &mut State, ask: &Ask<'_>, route: Route) -> Result<Reply, Fault> {
    let method = &ask.call.method;
    match route {
        Route::Links { ty, id, to } => {
            let types = permitted_both(state, &ty, &to, Need::ReadRows)?;
            associations::list(state, ask, types, &id)
        }
        Route::DefaultLink(ends) => {
            let types = permitted_ends(state, &ends)?;
            associations::put_default(state, ask, types, &ends)
        }
        Route::Link(ends) => {
            let types = permitted_ends(state, &ends)?;
            if *method == Method::DELETE {
                return Ok(associations::delete(state, &ends));
            }
            associations::put(state, ask, types, &ends)
        }
        Route::LinkBatch { from, to, verb } => {
            let need = if verb == associations::Verb::Read {
                Need::ReadRows
            } else {
                Need::WriteRows
            };
            let types = permitted_both(state, &from, &to, need)?;
            associations::batch(state, ask, types, verb)
        }
        Route::Labels { from, to } if *method == Method::GET => {
            let types = permitted_both(state, &from, &to, Need::ReadRows)?;
            Ok(associations::list_labels(state, types))
        }
        Route::Labels { from, to } => {
            let types = permitted_both(state, &from, &to, Need::WriteLabels)?;
            if *method == Method::POST {
                associations::create_label(state, ask, types)
            } else {
                associations::update_label(state, ask, types)
            }
        }
        Route::Label { from, to, id } => {
            let types = permitted_both(state, &from, &to, Need::WriteLabels)?;
            associations::delete_label(state, types, &id)
        }
        _ => Err(Fault::not_found()),
    }
}

fn metadata(state: &mut State, ask: &Ask<'_>, route: Route) -> Result<Reply, Fault> {
    let method = &ask.call.method;
    let get = *method == Method::GET;
    let reads = get
        || matches!(&route, Route::PropertyBatch { verb, .. } if *verb == properties::Verb::Read);
    let need = if reads {
        Need::ReadDefinitions
    } else {
        Need::WriteDefinitions
    };
    match route {
        Route::Properties { ty } => {
            let table = permitted(state, &ty, need)?;
            if get {
                properties::list(state, ask, table)
            } else {
                properties::create(state, ask, table)
            }
        }
        Route::Property { ty, name } => {
            let table = permitted(state, &ty, need)?;
            match *method {
                Method::PATCH => properties::update(state, ask, table, &name),
                Method::DELETE => properties::archive(state, table, &name),
                _ => properties::get(state, ask, table, &name),
            }
        }
        Route::PropertyBatch { ty, verb } => {
            let table = permitted(state, &ty, need)?;
            properties::batch(state, ask, table, verb)
        }
        Route::Groups { ty } => {
            let table = permitted(state, &ty, need)?;
            if get {
                Ok(properties::groups(state, table))
            } else {
                properties::create_group(state, ask, table)
            }
        }
        Route::Pipelines { ty } => {
            let table = permitted(state, &ty, need)?;
            if get {
                pipelines::list(state, table, &ty)
            } else {
                pipelines::create(state, ask, table, &ty)
            }
        }
        Route::Pipeline { ty, id } => {
            let table = permitted(state, &ty, need)?;
            pipelines::get(state, table, &ty, &id)
        }
        Route::Stages { ty, id } => {
            let table = permitted(state, &ty, need)?;
            pipelines::create_stage(state, ask, table, &ty, &id)
        }
        route => schemas(state, ask, route),
    }
}

fn schemas(state: &mut State, ask: &Ask<'_>, route: Route) -> Result<Reply, Fault> {
    let method = &ask.call.method;
    let verb = if *method == Method::GET {
        "read"
    } else {
        "write"
    };
    access::require(&state.settings, &[format!("crm.schemas.custom.{verb}")])?;
    match route {
        Route::Schemas if *method == Method::GET => custom::list(state, ask),
        Route::Schemas => custom::create(state, ask),
        Route::Schema { ty } => match *method {
            Method::PATCH => custom::update(state, ask, &ty),
            Method::DELETE => custom::delete(state, ask, &ty),
            _ => custom::get(state, ask, &ty),
        },
        Route::SchemaLinks { ty } => custom::associate(state, ask, &ty),
        _ => Err(Fault::not_found()),
    }
}

fn permitted_ends(state: &State, ends: &Ends) -> Result<Types, Fault> {
    permitted_both(state, &ends.ty, &ends.to, Need::WriteRows)
}

/// Links need the scopes of both ends.
fn permitted_both(state: &State, from: &str, to: &str, need: Need) -> Result<Types, Fault> {
    Ok(Types {
        from: permitted(state, from, need)?,
        to: permitted(state, to, need)?,
    })
}

fn permitted(state: &State, ty: &str, need: Need) -> Result<usize, Fault> {
    let table = state.table_named(ty)?;
    access::authorize(&state.settings, &state.tables[table].ty, need)?;
    Ok(table)
}
