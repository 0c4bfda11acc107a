//! A query's condition, held against the fields that it names, and then against rows.

use std::cmp::Ordering;

use serde_json::{Value, json};

use super::{
    Scope,
    path::Path,
    syntax::{Comparison, Condition, Item, Literal, Operator, Query, Selection, Values},
};
use crate::sandbox::salesforce::{
    fault::Fault,
    id,
    schema::{Field, Object},
    state::{Row, State},
};

/// A condition that fits its fields.
#[derive(Debug)]
pub(super) enum Test<'s> {
    All(Vec<Test<'s>>),
    Any(Vec<Test<'s>>),
    Not(Box<Test<'s>>),
    Compare(Path<'s>, Operator, Vec<Literal>),
}

impl<'s> Test<'s> {
    pub(super) fn resolve(
        state: &'s State,
        object: &'s Object,
        condition: &Condition,
        text: &str,
        scope: Scope<'_>,
    ) -> Result<Self, Fault> {
        let all = |parts: &[Condition]| {
            let parts = parts
                .iter()
                .map(|part| Self::resolve(state, object, part, text, scope));
            parts.collect::<Result<Vec<_>, _>>()
        };
        Ok(match condition {
            Condition::All(parts) => Self::All(all(parts)?),
            Condition::Any(parts) => Self::Any(all(parts)?),
            Condition::Not(inner) => {
                Self::Not(Box::new(Self::resolve(state, object, inner, text, scope)?))
            }
            Condition::Compare(comparison) => compared(state, object, comparison, text, scope)?,
        })
    }

    pub(super) fn holds(&self, state: &State, row: &Row) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(state, row)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(state, row)),
            Self::Not(inner) => !inner.holds(state, row),
            Self::Compare(path, operator, literals) => {
                compares(path.field, *operator, literals, &path.value(state, row))
            }
        }
    }
}

fn compared<'s>(
    state: &'s State,
    object: &'s Object,
    comparison: &Comparison,
    text: &str,
    scope: Scope<'_>,
) -> Result<Test<'s>, Fault> {
    let path = Path::resolve(state, object, &comparison.field, text)?;
    let at = comparison.field.at;
    let field = path.field;
    let refused =
        |code: &str, message: String| Err(Fault::new(400, code, message).in_query(text, at));
    if !field.filterable {
        let message = format!("field '{}' can not be filtered in a query call", field.name);
        return refused("INVALID_FIELD", message);
    }
    let takes = match comparison.operator {
        Operator::Like => field.is_text(),
        Operator::Includes | Operator::Excludes => field.ty == "multipicklist",
        _ => true,
    };
    if !takes {
        // The code is unconfirmed.
        let message = format!("invalid operator on {} field", field.ty);
        return refused("INVALID_QUERY_FILTER_OPERATOR", message);
    }
    let literals = match &comparison.values {
        Values::Literals(literals) => literals.clone(),
        Values::Query(query) => {
            if !matches!(field.ty.as_str(), "id" | "reference") {
                let message = format!(
                    "The left operand field in the where expression must be an id field, found {}",
                    field.name
                );
                return refused("MALFORMED_QUERY", message);
            }
            ids(state, query, text, scope)?
        }
    };
    let literals = literals
        .into_iter()
        .map(|literal| checked_literal(field, literal).map_err(|fault| fault.in_query(text, at)))
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Test::Compare(path, comparison.operator, literals))
}

/// What the query of a semi-join finds: the values of its only field.
fn ids(state: &State, query: &Query, text: &str, scope: Scope<'_>) -> Result<Vec<Literal>, Fault> {
    let (object, rows) = super::rows(state, query, text, scope)?;
    let Selection::Items(items) = &query.selection else {
        let message = "A semi join sub-select must select a field";
        return Err(Fault::new(400, "MALFORMED_QUERY", message));
    };
    let [Item::Field(name)] = items.as_slice() else {
        let message = "A semi join sub-select can only select one field";
        return Err(Fault::new(400, "MALFORMED_QUERY", message));
    };
    let path = Path::resolve(state, object, name, text)?;
    if !matches!(path.field.ty.as_str(), "id" | "reference") {
        let message = format!(
            "The selected field '{}' in the subquery and the left operand field in the where expression in the outer query should point to the same object type",
            path.name()
        );
        return Err(Fault::new(400, "MALFORMED_QUERY", message).in_query(text, name.at));
    }
    let values = rows.into_iter().map(|row| path.value(state, row));
    Ok(values
        .filter_map(|value| value.as_str().map(|id| Literal::Text(id.to_owned())))
        .collect())
}

/// A literal that fits the type of its field; ids in the form that rows have.
fn checked_literal(field: &Field, literal: Literal) -> Result<Literal, Fault> {
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
    if let (true, Literal::Text(text)) = (matches!(field.ty.as_str(), "id" | "reference"), &literal)
        && !text.is_empty()
    {
        let id = id::normalize(text).ok_or_else(|| {
            Fault::new(
                400,
                "INVALID_QUERY_FILTER_OPERATOR",
                format!("invalid ID field: {text}"),
            )
        })?;
        return Ok(Literal::Text(id));
    }
    if fits || matches!(literal, Literal::Null) {
        return Ok(literal);
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

fn compares(field: &Field, operator: Operator, literals: &[Literal], value: &Value) -> bool {
    let ordering = |literal: &Literal| compare(field, value, &literal.value());
    let is_null = value.is_null();
    let chosen = |literal: &Literal| match literal {
        // `a;b` wants both of them.
        Literal::Text(choices) => {
            let has: Vec<&str> = value.as_str().unwrap_or_default().split(';').collect();
            choices.split(';').all(|choice| has.contains(&choice))
        }
        _ => false,
    };
    match (operator, literals) {
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
        (Operator::Includes, literals) => !is_null && literals.iter().any(chosen),
        (Operator::Excludes, literals) => is_null || !literals.iter().any(chosen),
        (Operator::Less, [literal]) => !is_null && ordering(literal) == Ordering::Less,
        (Operator::LessOrEqual, [literal]) => !is_null && ordering(literal) != Ordering::Greater,
        (Operator::Greater, [literal]) => !is_null && ordering(literal) == Ordering::Greater,
        (Operator::GreaterOrEqual, [literal]) => !is_null && ordering(literal) != Ordering::Less,
        _ => false,
    }
}

/// Nulls first; ids by byte, other text without regard to case. Times have one form, so they are in the order of their text.
pub(super) fn compare(field: &Field, one: &Value, other: &Value) -> Ordering {
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
            "datetime" | "date" | "id" | "reference" => one.cmp(other),
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

impl Literal {
    fn value(&self) -> Value {
        match self {
            Self::Text(text) | Self::Pattern(text) | Self::Date(text) | Self::DateTime(text) => {
                json!(text)
            }
            Self::Number(number) => json!(number),
            Self::Boolean(flag) => json!(flag),
            Self::Null => Value::Null,
        }
    }
}
