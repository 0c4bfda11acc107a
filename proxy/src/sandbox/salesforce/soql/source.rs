//! Which rows a query has to look at: by id or by time of change, where its condition leaves only a stretch of either.
//!
//! What is looked at is still held against the whole condition; here only that is left out that cannot fit.

use super::{
    filter::Test,
    path::Path,
    syntax::{Literal, Operator, Order},
};
use crate::sandbox::salesforce::{
    schema::Object,
    state::{Row, Span, State},
};

/// Rows of a time that are rather gathered and sorted than found by going through the ids.
const FEW: usize = 4_096;

/// The rows to look at.
pub(super) struct Source<'s> {
    pub(super) rows: Box<dyn Iterator<Item = &'s Row> + 's>,
    /// Whether they come in the order that the query wants, so that its limit ends the looking.
    pub(super) is_in_order: bool,
}

/// The fields that rows can be found by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Key {
    Id,
    Stamp,
}

impl Key {
    fn of(path: &Path<'_>) -> Option<Self> {
        match path.field.name.as_str() {
            _ if !path.steps.is_empty() => None,
            "Id" => Some(Self::Id),
            "SystemModstamp" => Some(Self::Stamp),
            _ => None,
        }
    }
}

pub(super) fn source<'s>(
    state: &'s State,
    object: &'s Object,
    filter: Option<&Test<'_>>,
    order: &[(Path<'_>, &Order)],
    now: &'s str,
) -> Source<'s> {
    let span = |key: Key| filter.map_or_else(Span::default, |filter| span(filter, key));
    let keys: Option<Vec<Key>> = order
        .iter()
        .map(|(path, wanted)| Key::of(path).filter(|_| !wanted.descending))
        .collect();
    // Without a wish the rows come by id.
    let by_id = matches!(keys.as_deref(), Some([] | [Key::Id, ..]));
    let by_stamp = matches!(
        keys.as_deref(),
        Some([Key::Stamp] | [Key::Stamp, Key::Id, ..])
    );
    let times = span(Key::Stamp);
    let name = object.name.as_str();
    // A row that a query sees as it was has another time than the index knows.
    let stamped = || {
        state
            .stamped(name, &times)
            .filter(|_| state.late.is_over(name, now))
    };
    if by_stamp && let Some(rows) = stamped() {
        return Source {
            rows: Box::new(rows.map(|(_, row)| row)),
            is_in_order: true,
        };
    }
    if times != Span::default()
        && let Some(rows) = stamped()
    {
        let mut few: Vec<(&str, &Row)> = rows.take(FEW + 1).collect();
        if few.len() <= FEW {
            few.sort_unstable_by_key(|(id, _)| *id);
            return Source {
                rows: Box::new(few.into_iter().map(|(_, row)| row)),
                is_in_order: by_id,
            };
        }
    }
    let late = &state.late;
    let rows = state.table_within(&object.name, span(Key::Id));
    let seen = rows.filter_map(move |(id, row)| late.seen(&object.name, id, row, now));
    Source {
        rows: Box::new(seen),
        is_in_order: by_id,
    }
}

/// A stretch outside of which no row fits.
fn span(test: &Test<'_>, key: Key) -> Span {
    match test {
        Test::All(parts) => parts.iter().fold(Span::default(), |narrowed, part| {
            let part = span(part, key);
            Span {
                // Of two ends that are there the narrower one; `None` is below every text.
                from: narrowed.from.max(part.from),
                to: match (narrowed.to, part.to) {
                    (Some(one), Some(other)) => Some(one.min(other)),
                    (one, other) => one.or(other),
                },
            }
        }),
        Test::Any(parts) => {
            let mut parts = parts.iter().map(|part| span(part, key));
            let first = parts.next().unwrap_or_default();
            parts.fold(first, |widened, part| Span {
                from: widened.from.min(part.from),
                to: widened.to.zip(part.to).map(|(one, other)| one.max(other)),
            })
        }
        Test::Compare(path, operator, literals) if Key::of(path) == Some(key) => {
            compared(*operator, literals)
        }
        Test::Not(_) | Test::Compare(..) => Span::default(),
    }
}

fn compared(operator: Operator, literals: &[Literal]) -> Span {
    let texts: Option<Vec<&String>> = literals
        .iter()
        .map(|literal| match literal {
            Literal::Text(text) | Literal::DateTime(text) => Some(text),
            _ => None,
        })
        .collect();
    let texts = texts.unwrap_or_default();
    let lowest = texts.iter().min().map(|text| (*text).clone());
    let highest = texts.iter().max().map(|text| (*text).clone());
    match operator {
        Operator::Equal | Operator::In => Span {
            from: lowest,
            to: highest,
        },
        Operator::Greater | Operator::GreaterOrEqual => Span {
            from: lowest,
            to: None,
        },
        Operator::Less | Operator::LessOrEqual => Span {
            from: None,
            to: highest,
        },
        _ => Span::default(),
    }
}
