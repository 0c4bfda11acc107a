//! What the user may see and do: permissions on objects, field-level security (`salesforce.md` §5, §7.4).
//!
//! Standard objects and fields are all his but for those that the settings hide. What was made by API is nobody's until
//! `ObjectPermissions` and `FieldPermissions` of his profile's permission set, or of one assigned to him, say otherwise.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};

use super::{
    fault::Fault,
    schema::{Field, Object},
    state::{Row, State},
};

/// What the user was granted, by names in lower case; kept beside the rows so that no read has to look through them.
#[derive(Debug, Clone, Default)]
pub(super) struct Grants {
    objects: BTreeMap<String, Vec<Access>>,
    /// `invoice__c.amount__c`, and whether he may write it as well.
    fields: BTreeMap<String, bool>,
}

/// What may be done to the rows of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    Read,
    Create,
    Edit,
    Delete,
}

impl Access {
    const ALL: [Self; 4] = [Self::Read, Self::Create, Self::Edit, Self::Delete];

    /// The field of `ObjectPermissions` that grants it.
    fn field(self) -> &'static str {
        match self {
            Self::Read => "PermissionsRead",
            Self::Create => "PermissionsCreate",
            Self::Edit => "PermissionsEdit",
            Self::Delete => "PermissionsDelete",
        }
    }
}

impl State {
    /// An object of the data API that the user can see.
    pub(super) fn object(&self, name: &str) -> Option<&Arc<Object>> {
        self.any_object(name)
            .filter(|object| !object.tooling && !object.hidden)
            .filter(|object| !(self.notes_off && object.name == "ContentNote"))
            .filter(|object| self.may(object, Access::Read))
    }

    /// An object of the Tooling API.
    pub(super) fn tooling_object(&self, name: &str) -> Option<&Arc<Object>> {
        self.any_object(name).filter(|object| object.tooling)
    }

    /// An object, whoever may see it.
    pub(super) fn any_object(&self, name: &str) -> Option<&Arc<Object>> {
        self.schema.get(&name.to_ascii_lowercase())
    }

    pub(super) fn may(&self, object: &Object, access: Access) -> bool {
        if object.needs_grant {
            let granted = self.grants.objects.get(&object.name.to_ascii_lowercase());
            return granted.is_some_and(|granted| granted.contains(&access));
        }
        match access {
            Access::Read => true,
            Access::Create => object.createable,
            Access::Edit => object.updateable,
            Access::Delete => object.deletable,
        }
    }

    /// The same as a refusal. The code is documented, the words are the likeliest ones.
    pub(super) fn must(&self, object: &Object, access: Access) -> Result<(), Fault> {
        if self.may(object, access) {
            return Ok(());
        }
        let message = match access {
            Access::Create => format!("entity type {} does not support create", object.name),
            _ => "insufficient access rights on object id".to_owned(),
        };
        let code = if access == Access::Create && !object.needs_grant {
            "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
        } else {
            "INSUFFICIENT_ACCESS_OR_READONLY"
        };
        Err(Fault::new(400, code, message).fields(&[]))
    }

    /// A field that the user can see.
    pub(super) fn visible<'s>(&'s self, object: &'s Object, name: &str) -> Option<&'s Field> {
        let field = object.field(name)?;
        let is_open = !field.needs_grant && !self.is_hidden(object, field);
        (is_open || self.granted(object, field).is_some()).then_some(field)
    }

    /// Whether the user may write a field that he can see.
    pub(super) fn writable(&self, object: &Object, field: &Field) -> bool {
        !field.needs_grant || self.granted(object, field) == Some(true)
    }

    fn is_hidden(&self, object: &Object, field: &Field) -> bool {
        let hidden = self.hidden.get(&object.name);
        hidden.is_some_and(|hidden| hidden.iter().any(|it| it.eq_ignore_ascii_case(&field.name)))
    }

    fn granted(&self, object: &Object, field: &Field) -> Option<bool> {
        if self.grants.fields.is_empty() {
            return None;
        }
        let name = format!("{}.{}", object.name, field.name).to_ascii_lowercase();
        self.grants.fields.get(&name).copied()
    }

    /// Reads the grants again, after a permission was written.
    pub(super) fn regrant(&mut self) {
        let user = Self::user_id();
        let profile = self.row("User", &user).map(|user| text(user, "ProfileId"));
        let owned = self
            .table("PermissionSet")
            .filter(|(_, set)| profile.is_some() && text(set, "ProfileId") == profile.unwrap_or(""))
            .map(|(id, _)| id);
        let assigned = self
            .table("PermissionSetAssignment")
            .filter(|(_, it)| text(it, "AssigneeId") == user)
            .map(|(_, it)| text(it, "PermissionSetId"));
        let sets: Vec<&str> = owned.chain(assigned).collect();
        let mine = |row: &Row| sets.contains(&text(row, "ParentId"));
        let is_on = |row: &Row, name: &str| row.get(name) == Some(&json!(true));
        let mut grants = Grants::default();
        for (_, row) in self.table("ObjectPermissions").filter(|(_, it)| mine(it)) {
            let granted = Access::ALL
                .into_iter()
                .filter(|access| is_on(row, access.field()));
            let object = text(row, "SobjectType").to_ascii_lowercase();
            grants.objects.entry(object).or_default().extend(granted);
        }
        for (_, row) in self.table("FieldPermissions").filter(|(_, it)| mine(it)) {
            let (reads, edits) = (is_on(row, "PermissionsRead"), is_on(row, "PermissionsEdit"));
            if reads || edits {
                let field = text(row, "Field").to_ascii_lowercase();
                *grants.fields.entry(field).or_default() |= edits;
            }
        }
        self.grants = grants;
    }

    /// Takes away what was granted on the fields that the settings hide.
    pub(super) fn hide(&mut self, hidden: BTreeMap<String, Vec<String>>) {
        let named = |row: &Row| {
            text(row, "Field")
                .split_once('.')
                .is_some_and(|(object, field)| {
                    hidden.get(object).is_some_and(|fields| {
                        fields.iter().any(|it| it.eq_ignore_ascii_case(field))
                    })
                })
        };
        let revoked: Vec<String> = self
            .table("FieldPermissions")
            .filter(|(_, row)| named(row))
            .map(|(id, _)| id.to_owned())
            .collect();
        for id in revoked {
            self.remove("FieldPermissions", &id);
        }
        self.hidden = hidden;
        self.regrant();
    }
}

/// A text of a row; empty where there is none.
pub(super) fn text<'r>(row: &'r Row, name: &str) -> &'r str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}
