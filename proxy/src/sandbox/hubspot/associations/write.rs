//! Making links and taking them away, one by one and in batches.

use http::StatusCode;
use serde_json::{Value, json};

use super::{
    ArchiveInput, Inputs, MAX_WRITE, Targets, Types, WriteInput, bounded, id_value, multi,
};
use crate::sandbox::http::Reply;
use crate::sandbox::hubspot::ask::Ask;
use crate::sandbox::hubspot::fault::Fault;
use crate::sandbox::hubspot::links::{self, LinkType};
use crate::sandbox::hubspot::path::Ends;
use crate::sandbox::hubspot::state::State;

/// The unlabelled link, both directions told.
pub(in crate::sandbox::hubspot) fn put_default(
    state: &mut State,
    ask: &Ask<'_>,
    types: Types,
    ends: &Ends,
) -> Result<Reply, Fault> {
    let results = make_default(state, types, &ends.id, &ends.to_id)?;
    Ok(multi(ask, StatusCode::OK, &results, &[]))
}

fn make_default(
    state: &mut State,
    types: Types,
    from: &str,
    to: &str,
) -> Result<Vec<Value>, Fault> {
    let own = |table: usize| state.tables[table].ty.id.clone();
    let (from_type, to_type) = (own(types.from), own(types.to));
    let at = state
        .links
        .kinds
        .plain(&from_type, &to_type)
        .ok_or_else(not_linkable)?;
    let from = links::target(state, &from_type, from)?;
    let to = links::target(state, &to_type, to)?;
    links::link(state, from, at, to);
    let spec = |at: usize, from: u64, to: u64| {
        let kind = state.links.kinds.get(at);
        let spec =
            json!({ "associationCategory": kind.category.name(), "associationTypeId": kind.id });
        json!({
            "from": { "id": from.to_string() },
            "to": { "id": to.to_string() },
            "associationSpec": spec,
        })
    };
    let inverse = state.links.kinds.get(at).inverse;
    let mut results = vec![spec(at, from, to)];
    results.extend(inverse.map(|inverse| spec(inverse, to, from)));
    Ok(results)
}

/// Unconfirmed: what two types answer that cannot be linked.
pub(super) fn not_linkable() -> Fault {
    Fault::validation("one or more associations are not valid")
}

/// Links of the kinds that the body names.
pub(in crate::sandbox::hubspot) fn put(
    state: &mut State,
    ask: &Ask<'_>,
    types: Types,
    ends: &Ends,
) -> Result<Reply, Fault> {
    let kinds: Vec<LinkType> = ask.body()?;
    let body = make(state, ask, types, &ends.id, &ends.to_id, &kinds)?;
    Ok(Reply::json(StatusCode::CREATED, &body))
}

fn make(
    state: &mut State,
    ask: &Ask<'_>,
    types: Types,
    from: &str,
    to: &str,
    kinds: &[LinkType],
) -> Result<Value, Fault> {
    if kinds.is_empty() {
        return Err(not_linkable());
    }
    let mut checked = Vec::new();
    for ty in kinds {
        let at = links::resolve(state, ty).ok_or_else(not_linkable)?;
        let kind = state.links.kinds.get(at);
        // By the types of the kind, not of the path: a kind of other types is told by their names.
        let from = links::target(state, &kind.from, from)?;
        let to = links::target(state, &kind.to, to)?;
        checked.push((from, at, to));
    }
    for (from, at, to) in &checked {
        links::link(state, *from, *at, *to);
    }
    let labels: Vec<&String> = checked
        .iter()
        .filter_map(|(_, at, _)| state.links.kinds.get(*at).label.as_ref())
        .collect();
    let ends = checked.first().map(|(from, _, to)| (*from, *to));
    let (from, to) = ends.ok_or_else(not_linkable)?;
    Ok(json!({
        "fromObjectTypeId": state.tables[types.from].ty.id,
        "fromObjectId": id_value(ask, from),
        "toObjectTypeId": state.tables[types.to].ty.id,
        "toObjectId": id_value(ask, to),
        "labels": labels,
    }))
}

pub(super) fn create(state: &mut State, ask: &Ask<'_>, types: Types) -> Result<Reply, Fault> {
    let Inputs { inputs } = ask.body::<Inputs<WriteInput>>()?;
    bounded(inputs.len(), MAX_WRITE)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in &inputs {
        match make(
            state,
            ask,
            types,
            &input.from.id,
            &input.to.id,
            &input.types,
        ) {
            Ok(result) => results.push(result),
            Err(fault) => errors.push(entry(input, fault)),
        }
    }
    Ok(multi(ask, StatusCode::CREATED, &results, &errors))
}

pub(super) fn associate_default(
    state: &mut State,
    ask: &Ask<'_>,
    types: Types,
) -> Result<Reply, Fault> {
    let Inputs { inputs } = ask.body::<Inputs<WriteInput>>()?;
    // The limit is unconfirmed; this is that of the other writes.
    bounded(inputs.len(), MAX_WRITE)?;
    let (mut results, mut errors) = (Vec::new(), Vec::new());
    for input in &inputs {
        match make_default(state, types, &input.from.id, &input.to.id) {
            Ok(made) => results.extend(made),
            Err(fault) => errors.push(entry(input, fault)),
        }
    }
    Ok(multi(ask, StatusCode::OK, &results, &errors))
}

/// The context of such entries is unconfirmed.
fn entry(input: &WriteInput, fault: Fault) -> Value {
    let context = json!({ "fromObjectId": [input.from.id], "toObjectId": [input.to.id] });
    fault.into_entry(Some(context))
}

pub(super) fn archive(state: &mut State, ask: &Ask<'_>) -> Result<Reply, Fault> {
    let Inputs { inputs } = ask.body::<Inputs<ArchiveInput>>()?;
    bounded(inputs.len(), MAX_WRITE)?;
    for ArchiveInput { from, to } in inputs {
        let to = match to {
            Targets::Many(ids) => ids,
            Targets::One(id) => vec![id],
        };
        for to in to {
            if let (Ok(from), Ok(to)) = (from.id.parse(), to.id.parse()) {
                links::unlink(state, from, None, to);
            }
        }
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}

/// Takes single labels away; the link itself stays.
pub(super) fn archive_labels(state: &mut State, ask: &Ask<'_>) -> Result<Reply, Fault> {
    let Inputs { inputs } = ask.body::<Inputs<WriteInput>>()?;
    bounded(inputs.len(), MAX_WRITE)?;
    for WriteInput { from, to, types } in &inputs {
        let kinds: Vec<usize> = types
            .iter()
            .filter_map(|ty| links::resolve(state, ty))
            .collect();
        if let (Ok(from), Ok(to)) = (from.id.parse(), to.id.parse()) {
            links::unlink(state, from, Some(&kinds), to);
        }
    }
    Ok(Reply::empty(StatusCode::NO_CONTENT))
}
