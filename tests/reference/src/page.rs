//! The page of a list.

use crosswalk_codegen::plan::{PlanForm, PlanList, PlanPager};
use serde_json::value::RawValue;

use crate::{
    Mapped, Warnings,
    json::{self, Object, Refused},
    record::{Besides, Told, encode_into},
    warnings::Warning,
};

/// A page of records, as far as the provider's own answer decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// What stands between the brackets of `items`.
    pub items: String,
    pub warnings: Vec<Warning>,
    /// How many native records are in it.
    pub rows: usize,
    /// The provider's token of the next page.
    pub token: Option<String>,
    /// Whether there are more records after the last of this page; the list goes on after its id.
    pub after: Option<String>,
}

/// The list operation of an entity, where it has one.
pub fn list(mapped: Mapped<'_>) -> Option<&PlanList> {
    let mut operations = mapped.entity.operations.iter();
    operations.find_map(|operation| match &operation.form {
        PlanForm::List(list) => Some(list),
        _ => None,
    })
}

/// An answer of the provider as a page of `size` records, of which nothing is known beside them.
pub fn page(
    mapped: Mapped<'_>,
    pager: &PlanPager,
    body: &[u8],
    size: usize,
    raw: bool,
) -> Result<Page, Refused> {
    let told = Told { losers: false, raw };
    let body = json::legal(body)?;
    let mut rows = rows(body, &pager.rows)?;
    let token = match pager
        .next
        .as_ref()
        .and_then(|path| json::at_if_any(body, path))
    {
        Some(token) => json::text(token.get()).ok_or_else(|| Refused("no token".to_owned()))?,
        None => String::new(),
    };
    let mut more = pager
        .more
        .as_ref()
        .is_some_and(|path| json::at_if_any(body, path).is_some());
    if pager.next.is_none() && rows.len() > size {
        rows.truncate(size);
        more = true;
    }
    let mut after = None;
    if let Some(last) = rows.last().filter(|_| pager.next.is_none()) {
        after = id(last, &mapped.entity.id)?.filter(|_| more);
    }
    if pager.next.is_none() && more && after.is_none() {
        return Err(Refused("nobody knows after which record".to_owned()));
    }
    for row in &rows {
        // Whoever asks for what is beside the records has to know for whom.
        for beside in &mapped.entity.beside {
            id(row, &beside.key.path)?;
        }
    }
    let mut warnings = Warnings::default();
    if let Some(first) = rows.first() {
        tell_missing(mapped, first, &mut warnings)?;
    }
    let mut items = Vec::new();
    for row in &rows {
        let (item, _) = encode_into(mapped, row, &Besides::new(), told, &mut warnings)?;
        items.push(item);
    }
    Ok(Page {
        items: items.join(","),
        warnings: warnings.0,
        rows: rows.len(),
        token: Some(token).filter(|token| !token.is_empty()),
        after,
    })
}

/// Whether the list of the rows, or an object around it, is given more than once.
pub fn comes_again(body: &[u8], path: &[String]) -> bool {
    fn is_twice(raw: &RawValue, path: &[String]) -> bool {
        let (Some((first, rest)), Ok(object)) = (path.split_first(), Object::read(raw)) else {
            return false;
        };
        let named = object.members().filter(|(key, _)| *key == first.as_bytes());
        let inner: Vec<_> = named.map(|(_, raw)| raw).collect();
        inner.len() > 1 || inner.iter().any(|raw| is_twice(raw, rest))
    }
    json::legal(body).is_ok_and(|body| is_twice(body, path))
}

/// The rows; null in their place stands for none, and a row that is null is none.
fn rows<'a>(body: &'a RawValue, path: &[String]) -> Result<Vec<&'a RawValue>, Refused> {
    let list = match path.split_last() {
        None => Some(body),
        Some((last, parents)) => {
            let parent = json::at_if_any(body, parents).and_then(|it| Object::read(it).ok());
            let parent = parent.filter(|parent| parent.has(last));
            let parent = parent.ok_or_else(|| Refused(format!("no `{}`", path.join("."))))?;
            parent.get(last)
        }
    };
    let rows = list.map_or_else(|| Ok(Vec::new()), json::elements)?;
    Ok(rows.into_iter().filter(|row| row.get() != "null").collect())
}

/// A text in a row that has to be one if it is there.
fn id(row: &RawValue, path: &[String]) -> Result<Option<String>, Refused> {
    let token = json::at_if_any(row, path);
    token
        .map(|token| json::text(token.get()).ok_or_else(|| Refused("no text".to_owned())))
        .transpose()
}

/// A provider whose records have their fields in a member of their own leaves out those that the connected user may not
/// see: all that were asked for and are not in the first record are told.
fn tell_missing(
    mapped: Mapped<'_>,
    first: &RawValue,
    warnings: &mut Warnings,
) -> Result<(), Refused> {
    let Some(member) = &mapped.provider.fields_in else {
        return Ok(());
    };
    let Some(fields) = Object::read(first)?.get(member) else {
        return Ok(());
    };
    let fields = Object::read(fields)?;
    for name in &mapped.entity.selection {
        if !fields.has(name) {
            warnings.hidden(name);
        }
    }
    Ok(())
}
