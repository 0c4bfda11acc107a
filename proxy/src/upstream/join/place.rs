//! Where in a single read the id is, and the call for many that it can be a part of. Pure.

use std::{
    borrow::{Borrow, Cow},
    ops::Range,
};

use super::core::Place;
use crate::{
    translate::{NativeRequest, call::Fields, json::Json, record_id::RecordIdForm},
    upstream::provider::{Join, JoinPart, Provider},
};

/// The place of a read among those that can be joined. None where it has anything that the call for many cannot say:
/// a parameter beside the fields, an id of another form. What is percent-encoded is no plain name or id, and two
/// spellings of it could be read differently by the two calls.
pub(super) fn place<'a>(
    provider: &'static Provider,
    roots: &[String],
    request: &'a NativeRequest,
) -> Option<Place<'a>> {
    place_in(provider.joins, roots, request)
}

fn place_in<'a, J: Borrow<Join>>(
    joins: &[J],
    roots: &[String],
    request: &'a NativeRequest,
) -> Option<Place<'a>> {
    let mut joins = joins.iter().map(Borrow::borrow).enumerate();
    let (number, join) = joins.find(|(_, join)| std::ptr::eq(join.single, request.operation))?;
    if request.body.is_some() || join.max < 2 {
        return None;
    }
    let target = request.target.as_str();
    let mut at = None;
    let query = walk(join, roots, target, |part, range| {
        if part == JoinPart::Id {
            at = Some(range);
        }
    })?;
    fields(join, &target[query..])?;
    let at = at?;
    Some(Place {
        join: number,
        max: join.max,
        id: canonical(join, &target[at.clone()])?,
        at,
        gathers: true,
    })
}

/// An id in its normal form; none where it is none that can be asked for together with others.
pub(super) fn canonical<'a>(join: &Join, id: &'a str) -> Option<Cow<'a, str>> {
    let id = join.record_id.normalize(id, None)?;
    // The provider may read `007` and `7` as one, and refuses a call that names one twice.
    let is_plain =
        !(id.contains('%') || join.record_id == RecordIdForm::Decimal && id.starts_with('0'));
    is_plain.then_some(id)
}

/// The call for many: its target and its body. `target` is one of the single reads.
pub(super) fn many(
    join: &'static Join,
    roots: &[String],
    target: &str,
    ids: &[String],
) -> Option<NativeRequest> {
    let mut same: Vec<(&'static str, Range<usize>)> = Vec::new();
    let query = walk(join, roots, target, |part, range| {
        if let JoinPart::Same(name) = part {
            same.push((name, range));
        }
    })?;
    let names = fields(join, &target[query..])?.split(',');
    let fields = Fields::new(&[], names.map(str::to_owned).collect());
    let mut path = roots.get(join.many_root)?.clone();
    for part in join.many_path {
        match part {
            JoinPart::Text(text) => path.push_str(text),
            JoinPart::Same(name) => {
                let (_, range) = same.iter().find(|(known, _)| known == name)?;
                path.push_str(&target[range.clone()]);
            }
            JoinPart::Id => return None,
        }
    }
    let mut body = Json::default();
    (join.body)(&mut body, ids, &fields);
    Some(NativeRequest {
        operation: join.many,
        target: path,
        body: Some(body.into_bytes()),
        freshness: crate::translate::Freshness::Asked,
        credential_at: None,
        parts: None,
    })
}

/// Shows each part of a path that is not text, and returns where the query begins.
fn walk(
    join: &Join,
    roots: &[String],
    target: &str,
    mut seen: impl FnMut(JoinPart, Range<usize>),
) -> Option<usize> {
    let root = roots.get(join.root)?;
    let path = target.split('?').next()?;
    let mut rest = path.strip_prefix(root.as_str())?;
    for part in join.path {
        if let JoinPart::Text(text) = part {
            rest = rest.strip_prefix(text)?;
            continue;
        }
        let end = rest.find('/').unwrap_or(rest.len());
        let start = path.len() - rest.len();
        seen(*part, start..start + end);
        rest = &rest[end..];
        if end == 0 {
            return None;
        }
    }
    rest.is_empty().then_some(path.len())
}

/// The names of the fields in a query that has nothing else.
fn fields<'a>(join: &Join, query: &'a str) -> Option<&'a str> {
    let names = query.strip_prefix('?')?.strip_prefix(join.fields)?;
    let names = names.strip_prefix('=')?;
    let is_name = |name: &str| {
        let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
        !name.is_empty() && name.bytes().all(legal)
    };
    names.split(',').all(is_name).then_some(names)
}

#[cfg(test)]
pub(super) mod tests;
