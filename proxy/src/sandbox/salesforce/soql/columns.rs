//! What a query selects, and a row as it is answered.

use serde_json::{Map, Value, json};

use super::{
    path::Path,
    syntax::{Condition, Family, Item, Literal, Operator, Query, Values},
};
use crate::sandbox::salesforce::{
    fault::Fault,
    rows::attributes,
    schema::Object,
    state::{Row, State},
};

/// The most rows of a query that asks for `FIELDS(ALL)` or `FIELDS(CUSTOM)`.
const MOST_ROWS: usize = 200;

/// The columns of a query for rows.
pub(super) fn columns<'s>(
    state: &'s State,
    object: &'s Object,
    query: &Query,
    items: &[Item],
    text: &str,
) -> Result<Vec<Path<'s>>, Fault> {
    let mut columns: Vec<Path<'s>> = Vec::new();
    for item in items {
        let more = match item {
            Item::Field(name) => vec![Path::resolve(state, object, name, text)?],
            Item::Fields(family) => {
                check_window(*family, query)?;
                family_of(state, object, *family)
            }
            Item::Count(name, _) => {
                let message = format!("Field must be grouped or aggregated: {}", name.text);
                let fault = Fault::new(400, "MALFORMED_QUERY", message);
                return Err(fault.in_query(text, name.at));
            }
        };
        for column in more {
            let name = column.name();
            if columns.iter().any(|known| known.name() == name) {
                let message = format!("duplicate field selected: {name}");
                return Err(Fault::new(400, "INVALID_FIELD", message));
            }
            columns.push(column);
        }
    }
    Ok(columns)
}

/// What `FIELDS(…)` means. That it means nothing, where there are no custom fields, is no fault (unconfirmed).
fn family_of<'s>(state: &'s State, object: &'s Object, family: Family) -> Vec<Path<'s>> {
    let fields = object.fields.iter().filter(|field| match family {
        Family::All => true,
        Family::Custom => field.is_custom(),
        Family::Standard => !field.is_custom(),
    });
    fields
        .filter(|field| state.visible(object, &field.name).is_some())
        .map(|field| Path::own(object, field))
        .collect()
}

/// `FIELDS(ALL)` and `FIELDS(CUSTOM)` need a small limit, or a short list of ids.
fn check_window(family: Family, query: &Query) -> Result<(), Fault> {
    let is_small = query.limit.is_some_and(|limit| limit <= MOST_ROWS);
    let names_few = || query.condition.as_ref().is_some_and(names_few_ids);
    if family == Family::Standard || is_small || names_few() {
        return Ok(());
    }
    let message = "The SOQL FIELDS function must have a LIMIT of at most 200";
    Err(Fault::new(400, "MALFORMED_QUERY", message))
}

fn names_few_ids(condition: &Condition) -> bool {
    match condition {
        Condition::All(parts) => parts.iter().any(names_few_ids),
        Condition::Compare(comparison) => {
            let is_equal = matches!(comparison.operator, Operator::In | Operator::Equal);
            let is_short =
                matches!(&comparison.values, Values::Literals(ids) if ids.len() <= MOST_ROWS);
            is_equal && is_short && comparison.field.text.eq_ignore_ascii_case("Id")
        }
        _ => false,
    }
}

/// Whether every field that is selected is there.
pub(super) fn check(
    state: &State,
    object: &Object,
    items: &[Item],
    text: &str,
) -> Result<(), Fault> {
    items.iter().try_for_each(|item| match item {
        Item::Field(name) | Item::Count(name, _) => {
            Path::resolve(state, object, name, text).map(|_| ())
        }
        Item::Fields(_) => Ok(()),
    })
}

/// The only row of a query that counts: one column for each `COUNT(…)`.
pub(super) fn counted(
    state: &State,
    object: &Object,
    items: &[Item],
    rows: &[&Row],
    text: &str,
) -> Result<Value, Fault> {
    let mut counted = Map::new();
    counted.insert(
        "attributes".to_owned(),
        json!({ "type": "AggregateResult" }),
    );
    let mut unnamed = 0;
    for item in items {
        let (name, alias) = match item {
            Item::Count(name, alias) => (name, alias),
            Item::Field(name) => {
                let message = format!("Field must be grouped or aggregated: {}", name.text);
                let fault = Fault::new(400, "MALFORMED_QUERY", message);
                return Err(fault.in_query(text, name.at));
            }
            Item::Fields(_) => {
                let message = "The SOQL FIELDS function is not supported in an aggregate query";
                return Err(Fault::new(400, "MALFORMED_QUERY", message));
            }
        };
        let path = Path::resolve(state, object, name, text)?;
        let is_counted = |row: &&&Row| !path.value(state, row).is_null();
        let count = rows.iter().filter(is_counted).count();
        let column = alias.clone().unwrap_or_else(|| {
            unnamed += 1;
            format!("expr{}", unnamed - 1)
        });
        counted.insert(column, json!(count));
    }
    Ok(Value::Object(counted))
}

/// A row as a query answers it; the fields of one parent are in one object, null where there is no parent.
pub(super) fn shown(
    state: &State,
    object: &Object,
    row: &Row,
    columns: &[Path<'_>],
    root: &str,
) -> Value {
    let mut shown = attributes(object, row, root);
    for column in columns {
        insert(state, &mut shown, row, column, 0, root);
    }
    Value::Object(shown)
}

fn insert(
    state: &State,
    shown: &mut Map<String, Value>,
    row: &Row,
    column: &Path<'_>,
    depth: usize,
    root: &str,
) {
    let Some(step) = column.steps.get(depth) else {
        let value = column.shown(state, row, root);
        shown.insert(column.field.name.clone(), value);
        return;
    };
    let parent = step.parent(state, row);
    let entry = shown.entry(step.relationship).or_insert_with(|| {
        parent.map_or(Value::Null, |(object, row)| {
            Value::Object(attributes(object, row, root))
        })
    });
    if let (Some(members), Some((_, parent))) = (entry.as_object_mut(), parent) {
        insert(state, members, parent, column, depth + 1, root);
    }
}

/// Whether a condition is one of the filters without which `ContentDocumentLink` answers nothing (`salesforce.md` §2).
pub(super) fn check_links(object: &Object, query: &Query) -> Result<(), Fault> {
    fn filters(condition: &Condition) -> bool {
        match condition {
            Condition::All(parts) => parts.iter().any(filters),
            Condition::Any(parts) => parts.len() == 1 && filters(&parts[0]),
            Condition::Not(_) => false,
            Condition::Compare(comparison) => {
                let field = &comparison.field.text;
                let is_key = ["ContentDocumentId", "LinkedEntityId"]
                    .iter()
                    .any(|key| field.eq_ignore_ascii_case(key));
                let is_null = matches!(&comparison.values, Values::Literals(it) if it.contains(&Literal::Null));
                is_key && !is_null && matches!(comparison.operator, Operator::Equal | Operator::In)
            }
        }
    }
    if object.name != "ContentDocumentLink" || query.condition.as_ref().is_some_and(filters) {
        return Ok(());
    }
    let message = "Implementation restriction: ContentDocumentLink requires a filter by a single Id on ContentDocumentId or LinkedEntityId using the equals operator or multiple Id's using the IN operator.";
    Err(Fault::new(400, "MALFORMED_QUERY", message))
}
