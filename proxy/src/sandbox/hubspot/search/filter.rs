//! One filter: an operator with its operands, checked for its property, and whether a row's values fit it.
//!
//! Case: text ignores it, but `IN` and `NOT_IN` compare lower case with what was sent; enumerations never ignore it.
//! A row without the value fits `NEQ`, `NOT_IN` and `NOT_CONTAINS_TOKEN` (unconfirmed).

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use serde::Deserialize;
use serde_json::Value;

use super::{number, problem, unknown_property};
use crate::sandbox::hubspot::access;
use crate::sandbox::hubspot::fault::Fault;
use crate::sandbox::hubspot::schema::{Kind, Property};
use crate::sandbox::hubspot::state::{State, Table, Values};
use crate::sandbox::hubspot::values::{day, instant_ms};

/// A property name of this form asks for linked rows.
const LINK_PREFIX: &str = "associations.";

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FilterInput {
    property_name: String,
    operator: Operator,
    #[serde(default, deserialize_with = "present")]
    value: Option<Value>,
    #[serde(default)]
    high_value: Option<Value>,
    #[serde(default)]
    values: Option<Vec<Value>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Operator {
    Eq,
    Neq,
    Lt,
    Lte,
    Gt,
    Gte,
    Between,
    In,
    NotIn,
    HasProperty,
    NotHasProperty,
    ContainsToken,
    NotContainsToken,
}

#[derive(Debug)]
pub(super) struct Filter<'t> {
    subject: Subject<'t>,
    operator: Operator,
    /// One for most operators, two for `BETWEEN`, any number for `IN`.
    operands: Vec<String>,
}

#[derive(Debug)]
enum Subject<'t> {
    Property(&'t Property),
    /// The id of the linked type.
    Links(String),
}

/// What an index has of every row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bounded {
    /// The time of the last change, in milliseconds.
    Modified,
    Id,
}

/// Tells an absent `value` from one that is null.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

impl<'t> Filter<'t> {
    pub(super) fn new(state: &State, table: &'t Table, input: &FilterInput) -> Result<Self, Fault> {
        let name = input.property_name.as_str();
        let subject = match name.strip_prefix(LINK_PREFIX) {
            Some(ty) => {
                let linked = state.table_named(ty).map_err(|_| unknown_property(name))?;
                // Not custom objects, and leads are not named either (hubspot.md §4.3).
                let linked_type = &state.tables[linked].ty;
                if linked_type.is_custom() || linked_type.plural == "leads" {
                    return Err(unknown_property(name));
                }
                Subject::Links(state.tables[linked].ty.id.clone())
            }
            None => Subject::Property(
                table
                    .properties
                    .get(name)
                    .filter(|property| access::reads(&state.settings, &table.ty, property))
                    .ok_or_else(|| unknown_property(name))?,
            ),
        };
        let operator = input.operator;
        let operands = operands(input)?;
        if let Subject::Property(property) = subject {
            let ordered = matches!(
                operator,
                Operator::Lt | Operator::Lte | Operator::Gt | Operator::Gte | Operator::Between
            );
            let typed = matches!(property.kind, Kind::Number | Kind::Date | Kind::Datetime);
            let compares = ordered
                || matches!(
                    operator,
                    Operator::Eq | Operator::Neq | Operator::In | Operator::NotIn
                );
            if let Some(wrong) = operands
                .iter()
                .find(|text| typed && compares && magnitude(property, text).is_none())
            {
                return Err(problem(&format!(
                    "{wrong} is not a valid {} for {name}",
                    property.kind.name()
                )));
            }
        }
        Ok(Self {
            subject,
            operator,
            operands,
        })
    }

    /// What the filter asks of the time of change or of the id, where it asks for a stretch of either and nothing else.
    pub(super) fn bounds(&self, table: &Table) -> Option<(Bounded, RangeInclusive<i64>)> {
        let Subject::Property(property) = self.subject else {
            return None;
        };
        let bounded = if property.name == table.ty.modified {
            Bounded::Modified
        } else if property.name == "hs_object_id" {
            Bounded::Id
        } else {
            return None;
        };
        let number = |text: &String| match bounded {
            Bounded::Modified => time_ms(text),
            Bounded::Id => text.parse().ok(),
        };
        let first = number(self.operands.first()?)?;
        let range = match self.operator {
            Operator::Eq => first..=first,
            Operator::Lt => i64::MIN..=first.checked_sub(1)?,
            Operator::Lte => i64::MIN..=first,
            Operator::Gt => first.checked_add(1)?..=i64::MAX,
            Operator::Gte => first..=i64::MAX,
            Operator::Between => first..=number(self.operands.get(1)?)?,
            _ => return None,
        };
        Some((bounded, range))
    }

    pub(super) fn fits(&self, state: &State, id: u64, values: &Values) -> bool {
        match &self.subject {
            Subject::Property(property) => {
                let value = values
                    .get(&property.name)
                    .map(String::as_str)
                    .filter(|value| !value.is_empty());
                self.fits_value(property, value)
            }
            Subject::Links(ty) => self.fits_links(&state.links.targets(id, ty)),
        }
    }

    fn fits_value(&self, property: &Property, value: Option<&str>) -> bool {
        let Some(value) = value else {
            return matches!(
                self.operator,
                Operator::Neq
                    | Operator::NotIn
                    | Operator::NotHasProperty
                    | Operator::NotContainsToken
            );
        };
        let first = self.operands.first().map_or("", String::as_str);
        let compared = |operand: &str| compare(property, value, operand);
        match self.operator {
            Operator::HasProperty => true,
            Operator::NotHasProperty => false,
            Operator::Eq => equals(property, value, first),
            Operator::Neq => !equals(property, value, first),
            Operator::Lt => compared(first).is_some_and(std::cmp::Ordering::is_lt),
            Operator::Lte => compared(first).is_some_and(std::cmp::Ordering::is_le),
            Operator::Gt => compared(first).is_some_and(std::cmp::Ordering::is_gt),
            Operator::Gte => compared(first).is_some_and(std::cmp::Ordering::is_ge),
            Operator::Between => {
                compared(first).is_some_and(std::cmp::Ordering::is_ge)
                    && self
                        .operands
                        .get(1)
                        .and_then(|high| compared(high))
                        .is_some_and(std::cmp::Ordering::is_le)
            }
            Operator::In => self
                .operands
                .iter()
                .any(|operand| is_listed(property, value, operand)),
            Operator::NotIn => !self
                .operands
                .iter()
                .any(|operand| is_listed(property, value, operand)),
            Operator::ContainsToken => has_tokens(property, value, first),
            Operator::NotContainsToken => !has_tokens(property, value, first),
        }
    }

    fn fits_links(&self, targets: &BTreeSet<u64>) -> bool {
        let named = self
            .operands
            .iter()
            .any(|id| id.parse().is_ok_and(|id| targets.contains(&id)));
        match self.operator {
            Operator::Eq | Operator::In => named,
            Operator::Neq | Operator::NotIn => !named,
            Operator::HasProperty => !targets.is_empty(),
            Operator::NotHasProperty => targets.is_empty(),
            _ => false,
        }
    }
}

/// The operands that the operator takes, as text; an operand that it does not take is refused.
fn operands(input: &FilterInput) -> Result<Vec<String>, Fault> {
    let name = &input.property_name;
    let refuse = |detail: &str| Err(problem(&format!("{name}: {detail}")));
    let one = |value: Option<&Value>, key: &str| {
        value
            .and_then(text)
            .ok_or_else(|| problem(&format!("{name}: {key} is needed by {:?}", input.operator)))
    };
    match input.operator {
        Operator::HasProperty | Operator::NotHasProperty => {
            if input.value.is_some() || input.values.is_some() || input.high_value.is_some() {
                return refuse("HAS_PROPERTY and NOT_HAS_PROPERTY take no value");
            }
            Ok(Vec::new())
        }
        Operator::In | Operator::NotIn => {
            let values = input
                .values
                .iter()
                .flatten()
                .map(|value| one(Some(value), "values"));
            let values = values.collect::<Result<Vec<_>, _>>()?;
            if values.is_empty() {
                return refuse("values must not be empty for IN and NOT_IN");
            }
            Ok(values)
        }
        Operator::Between => Ok(vec![
            one(input.value.as_ref(), "value")?,
            one(input.high_value.as_ref(), "highValue")?,
        ]),
        _ => Ok(vec![one(input.value.as_ref(), "value")?]),
    }
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// Numbers and times on one scale: the number itself, or milliseconds.
// Milliseconds stay far below 2^53, where this would begin to lose.
#[expect(clippy::cast_precision_loss)]
fn magnitude(property: &Property, text: &str) -> Option<f64> {
    match property.kind {
        Kind::Number => Some(number(text)).filter(|number| !number.is_nan()),
        Kind::Date | Kind::Datetime => time_ms(text).map(|ms| ms as f64),
        _ => None,
    }
}

/// An instant, or the midnight that a day begins with.
fn time_ms(text: &str) -> Option<i64> {
    let midnight = || day(text).and_then(|_| instant_ms(&format!("{text}T00:00:00Z")));
    instant_ms(text).or_else(midnight)
}

fn compare(property: &Property, value: &str, operand: &str) -> Option<std::cmp::Ordering> {
    if matches!(property.kind, Kind::Number | Kind::Date | Kind::Datetime) {
        return magnitude(property, value)?.partial_cmp(&magnitude(property, operand)?);
    }
    Some(value.to_lowercase().cmp(&operand.to_lowercase()))
}

fn equals(property: &Property, value: &str, operand: &str) -> bool {
    match property.kind {
        Kind::Enumeration if property.is_multiple() => value.split(';').any(|one| one == operand),
        Kind::Enumeration => value == operand,
        _ if property.field_type == "phonenumber" => {
            let digits: String = operand.chars().filter(char::is_ascii_digit).collect();
            !digits.is_empty() && national(value) == digits
        }
        _ => compare(property, value, operand).is_some_and(std::cmp::Ordering::is_eq),
    }
}

/// Text is kept in lower case for this: an operand with a capital letter finds nothing.
fn is_listed(property: &Property, value: &str, operand: &str) -> bool {
    match property.kind {
        Kind::String => value.to_lowercase() == operand,
        _ => equals(property, value, operand),
    }
}

/// A phone number as the search keeps it: area code and local number. Country codes have one digit in North
/// America, two are taken for all others.
fn national(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let country = match (phone.trim_start().starts_with('+'), digits.starts_with('1')) {
        (true, true) => 1,
        (true, false) => 2,
        (false, _) => 0,
    };
    digits.get(country..).unwrap_or_default().to_owned()
}

/// The operand's words stand in the value one after the other; `*` stands for any part of a word.
fn has_tokens(property: &Property, value: &str, operand: &str) -> bool {
    if property.kind == Kind::Enumeration {
        return equals(property, value, operand);
    }
    let wanted = tokens(operand, true);
    let there = tokens(value, false);
    !wanted.is_empty()
        && there.windows(wanted.len()).any(|window| {
            window
                .iter()
                .zip(&wanted)
                .all(|(own, pattern)| is_like(own, pattern))
        })
}

/// Lower-case words: runs of letters and digits, and of `*` where that is a wildcard.
pub(super) fn tokens(text: &str, wildcards: bool) -> Vec<String> {
    text.split(|letter: char| !(letter.is_alphanumeric() || wildcards && letter == '*'))
        .filter(|word| !word.is_empty())
        .map(str::to_lowercase)
        .collect()
}

fn is_like(word: &str, pattern: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return word == pattern;
    };
    let Some(word) = word.strip_prefix(head) else {
        return false;
    };
    word.char_indices()
        .map(|(at, _)| at)
        .chain([word.len()])
        .any(|at| is_like(&word[at..], rest))
}
