//! Native fields that the connected user may not see.
//!
//! Some providers refuse a whole read for one such field. Then the provider is asked which fields the user has, the
//! hidden ones are left out with a warning each, and the read is made again. What was learned is remembered for the
//! connection for a few minutes, so that the next read goes well at once.

use super::{
    Context, NativeRequest, NativeResponse,
    call::Fields,
    entity::Entity,
    pick::{self, Path},
    scan::{Scan, Stop},
    warning::Warnings,
};
use crate::{error::Error, upstream::fault};

/// How a provider tells which fields of an object the connected user has.
#[derive(Debug)]
pub struct FieldsOf {
    pub call: fn(&Context) -> NativeRequest,
    /// The list of fields.
    pub rows: Path,
    /// Where one has its name.
    pub name: Path,
}

/// A field that is hidden, and the entity that maps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenField {
    /// As in `crm.account`.
    pub entity: &'static str,
    /// The native name.
    pub field: String,
}

/// The call that tells which fields there are, where a failed read may have failed for one.
pub(super) fn describe(
    cx: &Context,
    entity: &Entity,
    fields: &Fields,
    response: &NativeResponse,
) -> Option<NativeRequest> {
    let description = entity.description.as_ref()?;
    let names_hidden = fault::rule(cx.provider, response).is_some_and(|rule| rule.hidden_field);
    // Asked once: if it fails again, something else is wrong.
    (names_hidden && !fields.is_checked()).then(|| (description.call)(cx))
}

/// Leaves the hidden fields out.
pub(super) fn learn(
    cx: &Context,
    entity: &'static Entity,
    fields: &mut Fields,
    response: &NativeResponse,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    if !response.is_success() {
        return Err(fault::fault(cx.provider, response));
    }
    let Some(description) = &entity.description else {
        return Ok(());
    };
    let parts = pick::page(&response.body, description.rows, None, None)?;
    let mut names = Vec::new();
    for row in parts.rows.into_iter().flatten() {
        names.extend(pick::text_at(row.as_bytes(), description.name)?);
    }
    let visible = |field: &str| {
        // A field of a parent is the parent's to show.
        field.contains('.') || names.iter().any(|name| name.eq_ignore_ascii_case(field))
    };
    fields.leave_out(entity, visible, warnings);
    Ok(())
}

/// Warns of fields that a record lacks, where the provider's records have their fields in a member of their own: such
/// providers leave out what the connected user may not see, or what does not exist, without a word. What is only not
/// set is there, as null.
pub(super) fn warn_of_missing(
    row: &[u8],
    fields_in: Option<&'static str>,
    names: impl Iterator<Item = &'static str>,
    warnings: &mut Warnings,
) -> Result<(), Error> {
    let Some(member) = fields_in else {
        return Ok(());
    };
    let names: Vec<&str> = names.collect();
    let mut scan = Scan::of_bytes(row)?;
    // Whether each was there; none where there is no member for them. What is no record is told by whoever writes it.
    if let Ok(Some(there)) = which_are_there(&mut scan, member, &names) {
        for (name, _) in names.iter().zip(there).filter(|(_, is_there)| !is_there) {
            warnings.hidden(name);
        }
    }
    Ok(())
}

/// Which of these names a record has in a member of its own.
fn which_are_there(
    scan: &mut Scan<'_>,
    member: &str,
    names: &[&str],
) -> Result<Option<Vec<bool>>, Stop> {
    let mut found = None;
    if scan.peek()? != b'{' {
        return Err(Stop::NoObject);
    }
    scan.members(|key, scan| {
        if key != member {
            return scan.pass();
        }
        if scan.peek()? != b'{' {
            found = None;
            return scan.pass();
        }
        let mut there = vec![false; names.len()];
        // Providers have an order of their own, and keep it.
        let mut likely = 0;
        scan.members(|key, scan| {
            let at = match names.get(likely) {
                Some(name) if *name == key => Some(likely),
                _ => names.iter().position(|name| *name == key),
            };
            if let Some(at) = at {
                there[at] = true;
                likely = at + 1;
            }
            scan.pass()
        })?;
        found = Some(there);
        Ok(())
    })?;
    Ok(found)
}
