//! Objects and fields that callers make (`salesforce.md` §7), whichever API they come by.
//!
//! What is made is nobody's until it is granted (§7.4); required fields are everybody's. Codes are the reference's; most
//! of the words are the likeliest ones.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{
    access::text,
    fault::Fault,
    schema::{Field, Object},
    state::{Row, State},
};

mod field;
mod names;
mod values;

/// The objects that anything may be attached to; what is made joins those that they may refer to.
const ATTACHED: [(&str, &str); 2] = [
    ("contentdocumentlink", "LinkedEntityId"),
    ("note", "ParentId"),
];

fn integrity(message: impl Into<String>) -> Fault {
    Fault::new(400, "FIELD_INTEGRITY_EXCEPTION", message)
}

/// Makes an object with the fields that stand in its definition, or nothing.
pub(super) fn create_object(state: &mut State, definition: &Value, now: &str) -> Result<(), Fault> {
    let before = state.clone();
    let made = try_create_object(state, definition, now);
    if made.is_err() {
        *state = before;
    }
    made
}

fn try_create_object(state: &mut State, definition: &Value, now: &str) -> Result<(), Fault> {
    let name = word(definition, "fullName");
    let developer_name = names::checked(name, "Object")?;
    if state.any_object(name).is_some() {
        let message = "That object name is already in use.";
        return Err(Fault::new(400, "DUPLICATE_DEVELOPER_NAME", message).fields(&["DeveloperName"]));
    }
    for key in ["label", "pluralLabel"] {
        if word(definition, key).is_empty() {
            let message = format!("Must specify a non-empty {key} for the CustomObject");
            return Err(Fault::new(400, "REQUIRED_FIELD_MISSING", message).fields(&[key]));
        }
    }
    for (key, values) in [
        (
            "deploymentStatus",
            &["InDevelopment", "Deployed"] as &[&str],
        ),
        (
            "sharingModel",
            &["Private", "Read", "ReadWrite", "ControlledByParent"],
        ),
    ] {
        if !values.contains(&word(definition, key)) {
            let message = format!("Must specify a {key}: one of {}", values.join(", "));
            return Err(integrity(message).fields(&[key]));
        }
    }
    let number = state.table("CustomObject").count();
    let mut object = Object {
        name: name.to_owned(),
        prefix: prefix(number),
        label: word(definition, "label").to_owned(),
        label_plural: word(definition, "pluralLabel").to_owned(),
        deletable: true,
        createable: true,
        updateable: true,
        needs_grant: true,
        fields: field::standard(word(definition, "label")),
        ..Object::default()
    };
    field::set_name(&mut object, &definition["nameField"])?;
    state
        .schema
        .insert(name.to_ascii_lowercase(), Arc::new(object));
    for (attached, reference) in ATTACHED {
        if let Some(attached) = state.schema.get_mut(attached) {
            let fields = &mut Arc::make_mut(attached).fields;
            let reference = fields.iter_mut().find(|field| field.name == reference);
            if let Some(reference) = reference {
                reference.reference_to.push(name.to_owned());
            }
        }
    }
    let id = state.next_id("01I");
    let row = json!({
        "DeveloperName": developer_name, "ManageableState": "unmanaged", "Description": definition["description"],
        "SharingModel": definition["sharingModel"], "Definition": definition,
    });
    put(state, "CustomObject", &id, &row, now);
    for inline in list(&definition["fields"]) {
        let bare = word(inline, "fullName").to_owned();
        create_field(state, &format!("{name}.{bare}"), inline, now)?;
    }
    Ok(())
}

/// Makes a field, `Invoice__c.Amount__c`; answers its id.
pub(super) fn create_field(
    state: &mut State,
    full_name: &str,
    definition: &Value,
    now: &str,
) -> Result<String, Fault> {
    let (object, name) = parts(state, full_name)?;
    let developer_name = names::checked(&name, "Field")?;
    if object.field(&name).is_some() {
        let message = format!(
            "There is already a field named {developer_name} on {}.",
            object.label
        );
        return Err(Fault::new(400, "DUPLICATE_DEVELOPER_NAME", message).fields(&["DeveloperName"]));
    }
    let field = field::defined(state, &object, &name, definition)?;
    set_field(state, &object, field);
    let id = state.next_id("00N");
    let table = table_of(state, &object);
    let mut definition = definition.clone();
    if let Some(members) = definition.as_object_mut() {
        members.shift_remove("fullName");
    }
    let row = json!({
        "TableEnumOrId": table, "DeveloperName": developer_name, "FullName": format!("{}.{name}", object.name),
        "Metadata": definition,
    });
    put(state, "CustomField", &id, &row, now);
    Ok(id)
}

/// Gives a field that is there another definition: all of it, not only what changes.
pub(super) fn redefine_field(
    state: &mut State,
    id: &str,
    definition: &Value,
    now: &str,
) -> Result<(), Fault> {
    let Some(row) = state.live("CustomField", id) else {
        return Err(state.gone("CustomField", id));
    };
    let full_name = text(row, "FullName").to_owned();
    let (object, name) = parts(state, &full_name)?;
    // It must not stand in its own way.
    let without = Object {
        fields: object
            .fields
            .iter()
            .filter(|field| !field.name.eq_ignore_ascii_case(&name))
            .cloned()
            .collect(),
        ..object.as_ref().clone()
    };
    let before = state.clone();
    state
        .schema
        .insert(object.name.to_ascii_lowercase(), Arc::new(without.clone()));
    match field::defined(state, &without, &name, definition) {
        Ok(field) => set_field(state, &without, field),
        Err(fault) => {
            *state = before;
            return Err(fault);
        }
    }
    let changes = [
        ("Metadata", definition.clone()),
        ("LastModifiedDate", json!(now)),
        ("SystemModstamp", json!(now)),
    ];
    let changes = changes.map(|(name, value)| (name.to_owned(), value));
    state.amend("CustomField", id, Row::from_iter(changes), now);
    state.redescribe(now);
    Ok(())
}

/// Takes a field away, its grants too.
pub(super) fn delete_field(state: &mut State, id: &str, now: &str) -> Result<(), Fault> {
    let Some(row) = state.live("CustomField", id) else {
        return Err(state.gone("CustomField", id));
    };
    let full_name = text(row, "FullName").to_owned();
    let (object, name) = parts(state, &full_name)?;
    if let Some(object) = state.schema.get_mut(&object.name.to_ascii_lowercase()) {
        let fields = &mut Arc::make_mut(object).fields;
        fields.retain(|field| !field.name.eq_ignore_ascii_case(&name));
    }
    let grants: Vec<String> = state
        .table("FieldPermissions")
        .filter(|(_, grant)| text(grant, "Field").eq_ignore_ascii_case(&full_name))
        .map(|(id, _)| id.to_owned())
        .collect();
    for grant in grants {
        state.remove("FieldPermissions", &grant);
    }
    state.remove("CustomField", id);
    state.regrant();
    state.redescribe(now);
    Ok(())
}

/// What `readMetadata` says of an object.
pub(super) fn read_object(state: &State, name: &str) -> Option<Value> {
    let object = state
        .any_object(name)
        .filter(|it| !it.tooling && !it.hidden)?;
    let mut shown = state
        .table("CustomObject")
        .find(|(_, row)| names::matches(text(row, "DeveloperName"), &object.name))
        .map_or_else(
            || json!({ "label": object.label, "pluralLabel": object.label_plural }),
            |(_, row)| row.get("Definition").cloned().unwrap_or_default(),
        );
    shown["fullName"] = json!(object.name);
    let fields: Vec<Value> = state
        .table("CustomField")
        .filter_map(|(_, row)| {
            let (of, name) = text(row, "FullName").split_once('.')?;
            let mut field = row.get("Metadata").cloned().filter(|_| of == object.name)?;
            field["fullName"] = json!(name);
            Some(field)
        })
        .collect();
    shown["fields"] = json!(fields);
    Some(shown)
}

/// What `readMetadata` says of a field.
pub(super) fn read_field(state: &State, full_name: &str) -> Option<Value> {
    let (_, row) = state
        .table("CustomField")
        .find(|(_, row)| text(row, "FullName").eq_ignore_ascii_case(full_name))?;
    let mut shown = row.get("Metadata").cloned()?;
    shown["fullName"] = json!(text(row, "FullName"));
    Some(shown)
}

/// The object and the name of a field, from `Invoice__c.Amount__c`.
fn parts(state: &State, full_name: &str) -> Result<(Arc<Object>, String), Fault> {
    let (object, name) = full_name.split_once('.').unwrap_or(("", full_name));
    let found = state
        .any_object(object)
        .filter(|it| !it.tooling && !it.hidden);
    let found = found.ok_or_else(|| Fault::no_such_object(object))?;
    Ok((Arc::clone(found), name.to_owned()))
}

fn set_field(state: &mut State, object: &Object, field: Field) {
    if let Some(object) = state.schema.get_mut(&object.name.to_ascii_lowercase()) {
        Arc::make_mut(object).fields.push(field);
    }
}

/// What `CustomField.TableEnumOrId` says: a custom object's id, a standard one's name.
fn table_of(state: &State, object: &Object) -> String {
    state
        .table("CustomObject")
        .find(|(_, row)| names::matches(text(row, "DeveloperName"), &object.name))
        .map_or_else(|| object.name.clone(), |(id, _)| id.to_owned())
}

fn put(state: &mut State, object: &str, id: &str, values: &Value, now: &str) {
    state.redescribe(now);
    let mut row: Row = values.as_object().cloned().into_iter().flatten().collect();
    for name in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
        row.insert(name.to_owned(), json!(now));
    }
    for name in ["CreatedById", "LastModifiedById"] {
        row.insert(name.to_owned(), json!(State::user_id()));
    }
    state.put(object, id, row);
}

/// The key prefix of the `number`th custom object.
fn prefix(number: usize) -> String {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let digit = |number: usize| char::from(DIGITS[number % DIGITS.len()]);
    format!("a{}{}", digit(number / DIGITS.len()), digit(number))
}

/// A text of a definition; empty where there is none.
fn word<'d>(definition: &'d Value, name: &str) -> &'d str {
    definition
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
}

/// The members of a list; none where there is no list.
fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}
