//! Search: checked against its limits, matched against the index, answered with the rows as they are now.
//!
//! The index may be behind (`search_lag_ms`): a row matches by what it was, and a new one not at all. What the answer
//! shows is the row of now, which is why a caller can meet a row that does not fit its own filter; or, with
//! `search_answers_old_values`, what the index has, since no source says which.

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::Ask;
use super::fault::Fault;
use super::render::{self, Wanted};
use super::schema::Property;
use super::state::{State, Table, Values};
use crate::sandbox::http::Reply;

mod filter;
mod group;
mod order;

use filter::{FilterInput, tokens};
use group::{Group, times};
use order::{By, Hit, page};

const DEFAULT_LIMIT: usize = 10;
const MAX_LIMIT: usize = 200;
const MAX_BODY: usize = 3_000;
const MAX_GROUPS: usize = 5;
const MAX_FILTERS_IN_GROUP: usize = 6;
const MAX_FILTERS: usize = 18;
/// No page reaches beyond this many rows.
const WALL: usize = 10_000;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    #[serde(default)]
    filter_groups: Option<Vec<GroupInput>>,
    /// One group without its brackets.
    #[serde(default)]
    filters: Option<Vec<FilterInput>>,
    #[serde(default)]
    sorts: Option<Vec<SortInput>>,
    #[serde(default)]
    query: Option<String>,
    #[serde(default)]
    properties: Option<Vec<String>>,
    #[serde(default)]
    limit: Option<i64>,
    #[serde(default)]
    after: Option<Value>,
}

#[derive(Debug, Deserialize)]
struct GroupInput {
    #[serde(default)]
    filters: Vec<FilterInput>,
}

/// `"-createdate"` or `{"propertyName","direction"}`.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum SortInput {
    Text(String),
    #[serde(rename_all = "camelCase")]
    Object {
        property_name: String,
        #[serde(default)]
        direction: Option<String>,
    },
}

#[derive(Debug)]
struct Sort<'a> {
    property: &'a Property,
    descending: bool,
}

pub(super) fn search(state: &State, ask: &Ask<'_>, table: usize) -> Result<Reply, Fault> {
    let length = String::from_utf8_lossy(&ask.call.body).chars().count();
    if length > MAX_BODY {
        return Err(problem(&format!(
            "The request body exceeds {MAX_BODY} characters: {length}"
        )));
    }
    let request: Request = ask.body()?;
    let limit = match request.limit {
        None => DEFAULT_LIMIT,
        Some(limit) => usize::try_from(limit)
            .ok()
            .filter(|limit| *limit <= MAX_LIMIT)
            .ok_or_else(|| {
                problem(&format!(
                    "limit must be between 0 and {MAX_LIMIT}, but was {limit}"
                ))
            })?,
    };
    let offset = offset(request.after.as_ref())?;
    if offset.saturating_add(limit) > WALL {
        return Err(problem(&format!(
            "Paging beyond {WALL} results is not supported: after={offset} limit={limit}"
        )));
    }
    let own = &state.tables[table];
    let groups = groups(state, own, request.filter_groups, request.filters)?;
    let sort = sort(own, request.sorts)?;
    let query = request.query.unwrap_or_default();

    // A count asks for no order.
    let by = if limit == 0 {
        By::Id
    } else {
        By::new(own, sort.as_ref())
    };
    let found = found(state, ask, own, &groups, &query, &by);
    let total = found.len();

    let wanted = Wanted::named(request.properties.unwrap_or_default());
    let results: Vec<Value> = page(found, sort.as_ref(), offset, limit)
        .iter()
        .filter_map(|hit| own.live(hit.id))
        .map(|row| {
            let indexed = row.found_as(ask.now);
            let indexed = indexed.filter(|_| state.settings.search_answers_old_values);
            let values = indexed.unwrap_or(&row.values);
            render::row_with(own, row, values, &wanted, &state.settings)
        })
        .collect();
    let mut body = json!({ "total": total, "results": results });
    let next = offset + limit;
    if limit > 0 && next < total {
        let after = next.to_string();
        body["paging"] = json!({ "next": { "after": after, "link": ask.page_link(&after) } });
    }
    Ok(Reply::json(StatusCode::OK, &body))
}

/// The rows that fit, in no order. Those that changed in another time than is asked for are not looked at.
fn found(
    state: &State,
    ask: &Ask<'_>,
    table: &Table,
    groups: &[Group<'_>],
    query: &str,
    by: &By<'_>,
) -> Vec<Hit> {
    let indexed = |id: u64| table.live(id).and_then(|row| row.found_as(ask.now));
    let hit = |ms: i64, id: u64| {
        let in_group = |group: &Group<'_>| group.fits(state, ms, id, || indexed(id));
        let fits = groups.is_empty() || groups.iter().any(in_group);
        let answers = || indexed(id).is_some_and(|values| answers_query(table, values, query));
        let fits = fits && (query.is_empty() || answers());
        fits.then(|| by.hit(table, ms, id, || indexed(id)))
    };
    let recent = &table.recent;
    let known = recent.within(&times(groups)).iter();
    let known = known.filter(|(_, id)| !recent.is_lagging(*id));
    let mut found: Vec<Hit> = known.filter_map(|(ms, id)| hit(*ms, *id)).collect();
    // What the index is behind of fits by what it was, if it was there at all.
    let lagging = recent
        .lagging()
        .filter_map(|id| Some((table.modified_ms(indexed(id)?), id)));
    found.extend(lagging.filter_map(|(ms, id)| hit(ms, id)));
    found
}

fn problem(detail: &str) -> Fault {
    Fault::validation("There was a problem with the request.")
        .with("errors", json!([{ "message": detail }]))
}

fn unknown_property(name: &str) -> Fault {
    problem(&format!("Unknown property {name}"))
}

/// The offset is a number as text; numbers are tolerated.
fn offset(after: Option<&Value>) -> Result<usize, Fault> {
    match after {
        None | Some(Value::Null) => Ok(0),
        Some(Value::String(text)) if text.is_empty() => Ok(0),
        Some(Value::String(text)) => text
            .parse()
            .map_err(|_| problem(&format!("after: {text} is not a number"))),
        Some(other) => other
            .as_u64()
            .and_then(|offset| usize::try_from(offset).ok())
            .ok_or_else(|| problem(&format!("after: {other} is not a number"))),
    }
}

fn groups<'t>(
    state: &State,
    table: &'t Table,
    groups: Option<Vec<GroupInput>>,
    filters: Option<Vec<FilterInput>>,
) -> Result<Vec<Group<'t>>, Fault> {
    let mut all: Vec<Vec<FilterInput>> = groups
        .unwrap_or_default()
        .into_iter()
        .map(|group| group.filters)
        .collect();
    all.extend(filters);
    all.retain(|filters| !filters.is_empty());
    if all.len() > MAX_GROUPS {
        return Err(problem(&format!(
            "at most {MAX_GROUPS} filterGroups are allowed, found {}",
            all.len()
        )));
    }
    if let Some(group) = all.iter().find(|group| group.len() > MAX_FILTERS_IN_GROUP) {
        let found = group.len();
        return Err(problem(&format!(
            "at most {MAX_FILTERS_IN_GROUP} filters are allowed in a group, found {found}"
        )));
    }
    let count: usize = all.iter().map(Vec::len).sum();
    if count > MAX_FILTERS {
        return Err(problem(&format!(
            "at most {MAX_FILTERS} filters are allowed, found {count}"
        )));
    }
    all.iter()
        .map(|filters| Group::new(state, table, filters))
        .collect()
}

fn sort(table: &Table, sorts: Option<Vec<SortInput>>) -> Result<Option<Sort<'_>>, Fault> {
    let mut sorts = sorts.unwrap_or_default();
    if sorts.len() > 1 {
        return Err(problem(&format!(
            "only one sort is allowed, found {}",
            sorts.len()
        )));
    }
    let Some(sort) = sorts.pop() else {
        return Ok(None);
    };
    let (name, descending) = match sort {
        SortInput::Text(text) => match text.strip_prefix('-') {
            Some(name) => (name.to_owned(), true),
            None => (text, false),
        },
        SortInput::Object {
            property_name,
            direction,
        } => match direction.as_deref() {
            None | Some("ASCENDING") => (property_name, false),
            Some("DESCENDING") => (property_name, true),
            Some(other) => {
                return Err(problem(&format!(
                    "direction: {other} is neither ASCENDING nor DESCENDING"
                )));
            }
        },
    };
    let property = table
        .properties
        .get(&name)
        .ok_or_else(|| unknown_property(&name))?;
    Ok(Some(Sort {
        property,
        descending,
    }))
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// Every word of the query begins a word of one of the type's search properties.
fn answers_query(table: &Table, values: &Values, query: &str) -> bool {
    let wanted = tokens(query, false);
    let fields = table.ty.search.iter().filter_map(|name| values.get(name));
    let there: Vec<String> = fields.flat_map(|value| tokens(value, false)).collect();
    wanted
        .iter()
        .all(|word| there.iter().any(|own| own.starts_with(word.as_str())))
}
