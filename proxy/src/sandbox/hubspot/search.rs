//! Search: checked against its limits, matched against the index, answered with the rows as they are now.
//!
//! The index may be behind (`search_lag_ms`): a row matches by what it was, and a new one not at all. What the answer
//! shows is the row of now, which is why a caller can meet a row that does not fit its own filter; or, with
//! `search_answers_old_values`, what the index has, since no source says which.

use std::cmp::Ordering;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::ask::Ask;
use super::fault::Fault;
use super::render::{self, Wanted};
use super::schema::{Kind, Property};
use super::state::{Row, State, Table, Values};
use crate::sandbox::http::Reply;

mod filter;

use filter::{Filter, FilterInput, tokens};

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
    filter_groups: Option<Vec<Group>>,
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
struct Group {
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

    let mut found: Vec<(&Row, &Values)> = own
        .rows
        .values()
        .filter(|row| row.archived_at.is_none())
        .filter_map(|row| Some((row, row.found_as(ask.now)?)))
        .filter(|(row, values)| {
            let fits = |group: &Vec<Filter<'_>>| {
                group
                    .iter()
                    .all(|filter| filter.fits(state, row.id, values))
            };
            (groups.is_empty() || groups.iter().any(fits)) && answers_query(own, values, &query)
        })
        .collect();
    found.sort_by(|a, b| order(own, sort.as_ref(), a, b));

    let wanted = Wanted::named(request.properties.unwrap_or_default());
    let page = found.iter().skip(offset).take(limit);
    let results: Vec<Value> = page
        .map(|(row, indexed)| {
            let values = if state.settings.search_answers_old_values {
                *indexed
            } else {
                &row.values
            };
            render::row_with(own, row, values, &wanted, &state.settings)
        })
        .collect();
    let mut body = json!({ "total": found.len(), "results": results });
    let next = offset + limit;
    if limit > 0 && next < found.len() {
        let after = next.to_string();
        body["paging"] = json!({ "next": { "after": after, "link": ask.page_link(&after) } });
    }
    Ok(Reply::json(StatusCode::OK, &body))
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
    groups: Option<Vec<Group>>,
    filters: Option<Vec<FilterInput>>,
) -> Result<Vec<Vec<Filter<'t>>>, Fault> {
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
        .map(|group| {
            group
                .iter()
                .map(|input| Filter::new(state, table, input))
                .collect()
        })
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

fn order(
    table: &Table,
    sort: Option<&Sort<'_>>,
    a: &(&Row, &Values),
    b: &(&Row, &Values),
) -> Ordering {
    let Some(Sort {
        property,
        descending,
    }) = sort
    else {
        // Creation, oldest first.
        let created = |values: &Values| values.get(&table.ty.created).cloned();
        return created(a.1).cmp(&created(b.1)).then(a.0.id.cmp(&b.0.id));
    };
    let key = |values: &Values| {
        values
            .get(&property.name)
            .filter(|value| !value.is_empty())
            .cloned()
    };
    let by_value = match (key(a.1), key(b.1)) {
        // Rows without the value come last in either direction.
        (None, None) => Ordering::Equal,
        (None, Some(_)) => return Ordering::Greater,
        (Some(_), None) => return Ordering::Less,
        (Some(a), Some(b)) => {
            let by_value = if property.kind == Kind::Number {
                number(&a).total_cmp(&number(&b))
            } else {
                a.to_lowercase().cmp(&b.to_lowercase())
            };
            if *descending {
                by_value.reverse()
            } else {
                by_value
            }
        }
    };
    // There is no second key to sort by: ties stand in an order that means nothing, the same on every page.
    by_value.then_with(|| scatter(a.0.id).cmp(&scatter(b.0.id)))
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or(f64::NAN)
}

/// A fixed permutation of the ids (Fibonacci hashing).
fn scatter(id: u64) -> u64 {
    id.wrapping_mul(0x9e37_79b9_7f4a_7c15)
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
