//! SOQL, parsed and evaluated for real (`salesforce.md` §4): what is malformed is refused as Salesforce refuses it.

mod columns;
mod lexer;
mod parser;

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{
    fault::Fault,
    rows::value_of,
    schema::{Field, Object},
    state::{Row, State},
};
use columns::{Column, shown};
use parser::{Comparison, Condition, Literal, Name, Operator, Order, Selection};

/// The most rows of one answer.
const PAGE: usize = 2000;

/// The rows that a query finds, each as it is answered.
pub(super) struct Found {
    pub(super) rows: Vec<Value>,
    /// `SELECT COUNT()` answers a number and no rows.
    pub(super) count: Option<usize>,
}

pub(super) fn run(
    state: &State,
    text: &str,
    deleted_too: bool,
    root: &str,
) -> Result<Found, Fault> {
    if text.chars().count() > 100_000 {
        return Err(Fault::new(
            400,
            "MALFORMED_QUERY",
            "SOQL statements cannot be longer than 100,000 characters.",
        ));
    }
    let query = parser::parse(text)?;
    let object = state
        .object(&query.object.text)
        .ok_or_else(|| Fault::no_such_object(&query.object.text).in_query(text, query.object.at))?;
    let columns = match &query.selection {
        Selection::Count => Vec::new(),
        Selection::Fields(names) => {
            let mut columns: Vec<Column<'_>> = Vec::new();
            for name in names {
                let column = Column::resolve(state, object, name, text)?;
                if columns.iter().any(|known| known.path() == column.path()) {
                    let message = format!("duplicate field selected: {}", column.path());
                    return Err(Fault::new(400, "INVALID_FIELD", message));
                }
                columns.push(column);
            }
            columns
        }
    };
    if let Some(condition) = &query.condition {
        check(state, object, condition, text)?;
    }
    let mut order = Vec::new();
    for wanted in &query.order {
        let field = field(state, object, &wanted.field, text)?;
        if !field.sortable {
            let message = format!("field '{}' can not be sorted in a query call", field.name);
            let fault = Fault::new(400, "INVALID_FIELD", message);
            return Err(fault.in_query(text, wanted.field.at));
        }
        order.push((field, wanted));
    }
    let mut rows: Vec<&Row> = state
        .rows
        .get(&object.name)
        .into_iter()
        .flat_map(|rows| rows.values())
        .filter(|row| deleted_too || row.get("IsDeleted") != Some(&json!(true)))
        .filter(|row| {
            query
                .condition
                .as_ref()
                .is_none_or(|condition| holds(object, condition, row))
        })
        .collect();
    rows.sort_by(|one, other| {
        order
            .iter()
            .map(|(field, wanted)| {
                in_order(
                    wanted,
                    field,
                    &value_of(field, one),
                    &value_of(field, other),
                )
            })
            .find(|ordering| *ordering != Ordering::Equal)
            .unwrap_or(Ordering::Equal)
    });
    let rows: Vec<&Row> = rows
        .into_iter()
        .skip(query.offset)
        .take(query.limit.unwrap_or(usize::MAX))
        .collect();
    if matches!(query.selection, Selection::Count) {
        return Ok(Found {
            count: Some(rows.len()),
            rows: Vec::new(),
        });
    }
    Ok(Found {
        rows: rows
            .into_iter()
            .map(|row| shown(state, object, row, &columns, root))
            .collect(),
        count: None,
    })
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

fn field<'s>(
    state: &'s State,
    object: &'s Object,
    name: &Name,
    text: &str,
) -> Result<&'s Field, Fault> {
    state
        .visible(object, &name.text)
        .ok_or_else(|| Fault::no_such_column(&name.text, &object.name).in_query(text, name.at))
}

fn in_order(wanted: &Order, field: &Field, one: &Value, other: &Value) -> Ordering {
    if let (Some(nulls_last), true) = (wanted.nulls_last, one.is_null() != other.is_null()) {
        let first = one.is_null() != nulls_last;
        return if first {
            Ordering::Less
        } else {
            Ordering::Greater
        };
    }
    let ordering = compare(field, one, other);
    if wanted.descending {
        ordering.reverse()
    } else {
        ordering
    }
}

/// Whether every comparison fits the type of its field.
fn check(state: &State, object: &Object, condition: &Condition, text: &str) -> Result<(), Fault> {
    match condition {
        Condition::All(parts) | Condition::Any(parts) => parts
            .iter()
            .try_for_each(|part| check(state, object, part, text)),
        Condition::Not(inner) => check(state, object, inner, text),
        Condition::Compare(comparison) => {
            let field = field(state, object, &comparison.field, text)?;
            let refused = |code: &str, message: String| {
                Err(Fault::new(400, code, message).in_query(text, comparison.field.at))
            };
            if !field.filterable {
                let message = format!("field '{}' can not be filtered in a query call", field.name);
                return refused("INVALID_FIELD", message);
            }
            // The code is unconfirmed.
            if comparison.operator == Operator::Like && !field.is_text() {
                let message = format!("invalid operator on {} field", field.ty);
                return refused("INVALID_QUERY_FILTER_OPERATOR", message);
            }
            comparison.values.iter().try_for_each(|literal| {
                check_literal(field, literal)
                    .map_err(|fault| fault.in_query(text, comparison.field.at))
            })
        }
    }
}

fn check_literal(field: &Field, literal: &Literal) -> Result<(), Fault> {
    let (expected, fits, quotes) = match field.ty.as_str() {
        "datetime" => ("dateTime", matches!(literal, Literal::DateTime(_)), false),
        "date" => ("date", matches!(literal, Literal::Date(_)), false),
        "boolean" => ("boolean", matches!(literal, Literal::Boolean(_)), false),
        "int" | "double" | "currency" | "percent" => {
            ("double", matches!(literal, Literal::Number(_)), false)
        }
        _ => (
            "string",
            matches!(literal, Literal::Text(_) | Literal::Pattern(_)),
            true,
        ),
    };
    if let (true, Literal::Text(id)) = (matches!(field.ty.as_str(), "id" | "reference"), literal)
        && super::id::normalize(id).is_none()
        && !id.is_empty()
    {
        return Err(Fault::new(
            400,
            "INVALID_QUERY_FILTER_OPERATOR",
            format!("invalid ID field: {id}"),
        ));
    }
    if fits || matches!(literal, Literal::Null) {
        return Ok(());
    }
    let quotes = if quotes {
        "should be enclosed in quotes"
    } else {
        "should not be enclosed in quotes"
    };
    let message = format!(
        "value of filter criterion for field '{}' must be of type {expected} and {quotes}",
        field.name
    );
    Err(Fault::new(400, "INVALID_FIELD", message))
}

fn holds(object: &Object, condition: &Condition, row: &Row) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().all(|part| holds(object, part, row)),
        Condition::Any(parts) => parts.iter().any(|part| holds(object, part, row)),
        Condition::Not(inner) => !holds(object, inner, row),
        Condition::Compare(comparison) => object
            .field(&comparison.field.text)
            .is_some_and(|field| compares(field, comparison, row)),
    }
}

fn compares(field: &Field, comparison: &Comparison, row: &Row) -> bool {
    let value = value_of(field, row);
    let ordering = |literal: &Literal| compare(field, &value, &literal.value());
    let is_null = value.is_null();
    match (&comparison.operator, comparison.values.as_slice()) {
        (Operator::Equal, [Literal::Null]) => is_null,
        (Operator::NotEqual, [Literal::Null]) => !is_null,
        (Operator::Equal | Operator::In, literals) => literals
            .iter()
            .any(|literal| !is_null && ordering(literal) == Ordering::Equal),
        (Operator::NotEqual | Operator::NotIn, literals) => literals
            .iter()
            .all(|literal| is_null || ordering(literal) != Ordering::Equal),
        (Operator::Like, [Literal::Pattern(pattern)]) => value
            .as_str()
            .is_some_and(|text| like(&text.to_lowercase(), pattern)),
        (Operator::Less, [literal]) => !is_null && ordering(literal) == Ordering::Less,
        (Operator::LessOrEqual, [literal]) => !is_null && ordering(literal) != Ordering::Greater,
        (Operator::Greater, [literal]) => !is_null && ordering(literal) == Ordering::Greater,
        (Operator::GreaterOrEqual, [literal]) => !is_null && ordering(literal) != Ordering::Less,
        _ => false,
    }
}

/// Nulls first; ids by byte, other text without regard to case, times by instant.
fn compare(field: &Field, one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Null, Value::Null) => Ordering::Equal,
        (Value::Null, _) => Ordering::Less,
        (_, Value::Null) => Ordering::Greater,
        (Value::Number(one), Value::Number(other)) => one
            .as_f64()
            .unwrap_or_default()
            .total_cmp(&other.as_f64().unwrap_or_default()),
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::String(one), Value::String(other)) => match field.ty.as_str() {
            "datetime" => one
                .parse::<jiff::Timestamp>()
                .ok()
                .cmp(&other.parse::<jiff::Timestamp>().ok()),
            "id" | "reference" => {
                let normal = |id: &str| super::id::normalize(id).unwrap_or_else(|| id.to_owned());
                normal(one).cmp(&normal(other))
            }
            "date" => one.cmp(other),
            _ => one.to_lowercase().cmp(&other.to_lowercase()),
        },
        _ => Ordering::Equal,
    }
}

/// `%` is any text, `_` any character, a backslash takes either's meaning away. `text` is in lower case.
fn like(text: &str, pattern: &str) -> bool {
    fn fits(text: &[char], pattern: &[char]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some(('%', rest)) => (0..=text.len()).any(|skipped| fits(&text[skipped..], rest)),
            Some(('_', rest)) => !text.is_empty() && fits(&text[1..], rest),
            Some(('\\', rest)) if !rest.is_empty() => {
                text.first() == Some(&rest[0]) && fits(&text[1..], &rest[1..])
            }
            Some((character, rest)) => text.first() == Some(character) && fits(&text[1..], rest),
        }
    }
    let characters = |text: &str| text.chars().collect::<Vec<char>>();
    fits(&characters(text), &characters(&pattern.to_lowercase()))
}

#[cfg(test)]
mod tests;
