//! Who may see and do what, written as rows (`salesforce.md` §7.4).

use serde_json::json;

use crate::sandbox::salesforce::{
    access::text,
    fault::Fault,
    schema::Field,
    state::{Row, State},
};

/// One grant needs others; the fields of both.
const NEEDS: [(&str, &[&str]); 5] = [
    ("PermissionsCreate", &["PermissionsRead"]),
    ("PermissionsEdit", &["PermissionsRead"]),
    ("PermissionsDelete", &["PermissionsRead", "PermissionsEdit"]),
    ("PermissionsViewAllRecords", &["PermissionsRead"]),
    (
        "PermissionsModifyAllRecords",
        &[
            "PermissionsRead",
            "PermissionsEdit",
            "PermissionsDelete",
            "PermissionsViewAllRecords",
        ],
    ),
];

/// `FieldPermissions`: only of fields that can be hidden, and once for each field of a permission set.
pub(super) fn field(state: &State, before: Option<&Row>, row: &mut Row) -> Result<(), Fault> {
    let named = text(row, "Field").to_owned();
    let bad = |label: &str, value: &str, field: &str| {
        let message = format!("{label}: bad value for restricted picklist field: {value}");
        let code = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST";
        Err(Fault::new(400, code, message).fields(&[field]))
    };
    let object = text(row, "SobjectType");
    let Some(object) = state.any_object(object).filter(|object| !object.tooling) else {
        return bad("Sobject Type Name", object, "SobjectType");
    };
    let found = named
        .split_once('.')
        .filter(|(of, _)| of.eq_ignore_ascii_case(&object.name))
        .and_then(|(_, field)| object.field(field));
    let Some(found) = found else {
        return bad("Field Name", &named, "Field");
    };
    if found.is_custom() && is_always_seen(found) {
        let message = format!("You cannot deploy to a required field: {named}");
        return Err(Fault::new(400, "FIELD_INTEGRITY_EXCEPTION", message).fields(&["Field"]));
    }
    if !found.permissionable {
        return bad("Field Name", &named, "Field");
    }
    let canonical = format!("{}.{}", object.name, found.name);
    let object = object.name.clone();
    row.insert("Field".to_owned(), json!(canonical));
    row.insert("SobjectType".to_owned(), json!(object));
    check_needs(row)?;
    check_once(state, "FieldPermissions", "Field", before, row)
}

/// `ObjectPermissions`: once for each object of a permission set.
pub(super) fn object(state: &State, before: Option<&Row>, row: &mut Row) -> Result<(), Fault> {
    let named = text(row, "SobjectType").to_owned();
    let Some(object) = state.any_object(&named).filter(|object| !object.tooling) else {
        let message =
            format!("SObject Type Name: bad value for restricted picklist field: {named}");
        let code = "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST";
        return Err(Fault::new(400, code, message).fields(&["SobjectType"]));
    };
    row.insert("SobjectType".to_owned(), json!(object.name));
    check_needs(row)?;
    check_once(state, "ObjectPermissions", "SobjectType", before, row)
}

/// Required fields and master records are seen by everybody.
fn is_always_seen(field: &Field) -> bool {
    !field.nillable && field.ty != "boolean"
}

/// The code is documented, the words are unconfirmed.
fn check_needs(row: &Row) -> Result<(), Fault> {
    let is_on = |name: &str| row.get(name) == Some(&json!(true));
    for (grant, needs) in NEEDS {
        let missing = needs.iter().find(|need| !is_on(need));
        if let (true, Some(missing)) = (is_on(grant), missing) {
            let word = |name: &str| name.trim_start_matches("Permissions").to_owned();
            let of = text(row, "SobjectType");
            let message = format!(
                "Permission {} {of} depends on permission(s): {} {of}",
                word(grant),
                word(missing)
            );
            return Err(Fault::new(400, "FIELD_INTEGRITY_EXCEPTION", message).fields(&[]));
        }
    }
    Ok(())
}

fn check_once(
    state: &State,
    table: &str,
    key: &str,
    before: Option<&Row>,
    row: &Row,
) -> Result<(), Fault> {
    let own = before.map_or("", |before| text(before, "Id"));
    let same = |other: &Row, name: &str| text(other, name).eq_ignore_ascii_case(text(row, name));
    let is_there = state
        .table(table)
        .any(|(id, other)| id != own && same(other, "ParentId") && same(other, key));
    if !is_there {
        return Ok(());
    }
    // These objects name neither the field nor the other row.
    let message = "duplicate value found: <unknown> duplicates value on record with id: <unknown>";
    Err(Fault::new(400, "DUPLICATE_VALUE", message).fields(&[]))
}
