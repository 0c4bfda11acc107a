//! SOQL, parsed and evaluated for real (`salesforce.md` §4): what is malformed is refused as Salesforce refuses it.

mod columns;
mod filter;
mod lexer;
mod parser;
mod path;
mod source;
mod syntax;

use std::cmp::Ordering;

use serde_json::Value;

use super::{
    access,
    fault::Fault,
    rules,
    schema::Object,
    stamp,
    state::{Row, State, is_deleted},
};
use columns::shown;
use filter::{Test, compare};
use path::Path;
use syntax::{Item, Order, Query, Selection};

/// The most rows of one answer.
const PAGE: usize = 2000;
/// How long a deleted row is in the recycle bin, where queryAll still finds it.
const BIN_SECONDS: i64 = 15 * 24 * 60 * 60;

/// Which objects there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Api {
    Data,
    Tooling,
}

/// What a query is asked of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'c> {
    pub(super) api: Api,
    /// Whether deleted rows are looked at as well.
    pub(super) deleted_too: bool,
    /// Now, as Salesforce writes it.
    pub(super) now: &'c str,
    /// `/services/data/v59.0`.
    pub(super) root: &'c str,
}

/// The rows that a query finds, each as it is answered.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) rows: Vec<Value>,
    /// `SELECT COUNT()` answers a number and no rows.
    pub(super) count: Option<usize>,
}

pub(super) fn run(state: &State, text: &str, scope: Scope<'_>) -> Result<Found, Fault> {
    if text.chars().count() > 100_000 {
        return Err(Fault::new(
            400,
            "MALFORMED_QUERY",
            "SOQL statements cannot be longer than 100,000 characters.",
        ));
    }
    let query = parser::parse(text)?;
    let (object, rows) = rows(state, &query, text, scope)?;
    let items = match &query.selection {
        Selection::Count => {
            return Ok(Found {
                count: Some(rows.len()),
                rows: Vec::new(),
            });
        }
        Selection::Items(items) => items,
    };
    if items.iter().any(|item| matches!(item, Item::Count(..))) {
        return Ok(Found {
            rows: vec![columns::counted(state, object, items, &rows, text)?],
            count: None,
        });
    }
    let columns = columns::columns(state, object, &query, items, text)?;
    let is_whole =
        |column: &Path<'_>| matches!(column.field.name.as_str(), "Metadata" | "FullName");
    if scope.api == Api::Tooling && rows.len() > 1 && columns.iter().any(is_whole) {
        // The words are unconfirmed.
        let message = "When retrieving results with Metadata or FullName fields, the query qualifications must specify no more than one row for retrieval.";
        return Err(Fault::new(400, "MALFORMED_QUERY", message));
    }
    let rows = rows.into_iter();
    Ok(Found {
        rows: rows
            .map(|row| shown(state, object, row, &columns, scope.root))
            .collect(),
        count: None,
    })
}

/// The rows that a query is about, in order and within its window, and their object.
fn rows<'s>(
    state: &'s State,
    query: &Query,
    text: &str,
    scope: Scope<'s>,
) -> Result<(&'s Object, Vec<&'s Row>), Fault> {
    let name = &query.object;
    let object = match scope.api {
        Api::Data => state.object(&name.text),
        Api::Tooling => state.tooling_object(&name.text),
    };
    let object = object.ok_or_else(|| Fault::no_such_object(&name.text).in_query(text, name.at))?;
    // A field that is unknown is told of in the order of the text, so those selected come first.
    if let Selection::Items(items) = &query.selection {
        columns::check(state, object, items, text)?;
    }
    columns::check_links(object, query)?;
    let filter = query
        .condition
        .as_ref()
        .map(|condition| Test::resolve(state, object, condition, text, scope))
        .transpose()?;
    let order = query
        .order
        .iter()
        .map(|wanted| {
            let path = Path::resolve(state, object, &wanted.field, text)?;
            if path.field.sortable {
                return Ok((path, wanted));
            }
            let name = &path.field.name;
            let message = format!("field '{name}' can not be sorted in a query call");
            let fault = Fault::new(400, "INVALID_FIELD", message);
            Err(fault.in_query(text, wanted.field.at))
        })
        .collect::<Result<Vec<_>, _>>()?;
    let emptied = stamp::after(scope.now, -BIN_SECONDS);
    let source = source::source(state, object, filter.as_ref(), &order, scope.now);
    let found = source
        .rows
        .filter(|row| {
            !is_deleted(row)
                || (scope.deleted_too && access::text(row, "SystemModstamp") >= emptied.as_str())
        })
        .filter(|row| rules::is_found(state, &object.name, row))
        .filter(|row| {
            filter
                .as_ref()
                .is_none_or(|filter| filter.holds(state, row))
        });
    let limit = query.limit.unwrap_or(usize::MAX);
    if source.is_in_order {
        return Ok((object, found.skip(query.offset).take(limit).collect()));
    }
    let mut keyed: Vec<(Vec<Value>, &Row)> = found
        .map(|row| {
            let keys = order.iter().map(|(path, _)| path.value(state, row));
            (keys.collect(), row)
        })
        .collect();
    keyed.sort_by(|(one, _), (other, _)| {
        let pairs = order.iter().zip(one.iter().zip(other));
        pairs
            .map(|((path, wanted), (one, other))| in_order(wanted, path, one, other))
            .find(|ordering| *ordering != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
    });
    let window = keyed
        .into_iter()
        .skip(query.offset)
        .take(limit)
        .map(|(_, row)| row);
    Ok((object, window.collect()))
}

/// The size of an answer's page, from `Sforce-Query-Options`.
pub(super) fn page_size(options: Option<&str>) -> usize {
    options
        .and_then(|options| {
            options
                .split(',')
                .find_map(|option| option.trim().strip_prefix("batchSize="))
        })
        .and_then(|size| size.trim().parse().ok())
        .map_or(PAGE, |size: usize| size.clamp(200, PAGE))
}

fn in_order(wanted: &Order, path: &Path<'_>, one: &Value, other: &Value) -> Ordering {
    if let (Some(nulls_last), true) = (wanted.nulls_last, one.is_null() != other.is_null()) {
        let first = one.is_null() != nulls_last;
        return if first {
            Ordering::Less
        } else {
            Ordering::Greater
        };
    }
    let ordering = compare(path.field, one, other);
    if wanted.descending {
        ordering.reverse()
    } else {
        ordering
    }
}

#[cfg(test)]
mod tests;
