//! A field that is being made: what each type needs and refuses (`salesforce.md` §7.3).

use serde_json::{Value, json};

use super::{
    integrity, names,
    values::{self, is_on},
    word,
};
use crate::sandbox::salesforce::{
    fault::Fault,
    schema::{Field, Object},
    state::State,
};

/// The field of a definition.
pub(super) fn defined(
    state: &State,
    object: &Object,
    name: &str,
    definition: &Value,
) -> Result<Field, Fault> {
    let label = word(definition, "label");
    if label.is_empty() {
        let message = "Must specify a non-empty label for the CustomField";
        return Err(Fault::new(400, "REQUIRED_FIELD_MISSING", message).fields(&["label"]));
    }
    let ty = word(definition, "type");
    let is_required = is_on(&definition["required"]) || ty == "MasterDetail";
    let mut field = Field {
        name: name.to_owned(),
        label: label.to_owned(),
        ty: native(ty)?.to_owned(),
        nillable: !is_required,
        createable: true,
        updateable: true,
        filterable: true,
        sortable: true,
        // Everybody sees what everybody must fill in.
        needs_grant: !is_required,
        permissionable: !is_required,
        help: Some(word(definition, "inlineHelpText").to_owned()).filter(|help| !help.is_empty()),
        external_id: is_on(&definition["externalId"]),
        id_lookup: is_on(&definition["externalId"]),
        unique: is_on(&definition["unique"]),
        ..Field::default()
    };
    match ty {
        "Text" => field.length = number(definition, "length", ty, 1..=255)?,
        "LongTextArea" | "Html" => {
            field.length = number(definition, "length", ty, 256..=131_072)?;
            number(definition, "visibleLines", ty, 1..=100)?;
            let info = if ty == "Html" {
                "richtextarea"
            } else {
                "plaintextarea"
            };
            field.extra_type_info = Some(info.to_owned());
            (field.filterable, field.sortable) = (false, false);
        }
        "TextArea" => {
            if !definition["length"].is_null() {
                let message = "Can not specify 'length' for a CustomField of type TextArea";
                return Err(integrity(message).fields(&["length"]));
            }
            field.length = 255;
            field.extra_type_info = Some("plaintextarea".to_owned());
        }
        "Number" | "Currency" | "Percent" => {
            field.precision = number(definition, "precision", ty, 1..=18)?;
            field.scale = number(definition, "scale", ty, 0..=18)?;
            if field.scale > field.precision {
                let message = "The scale must be less than or equal to the precision";
                return Err(integrity(message).fields(&["scale"]));
            }
        }
        "Checkbox" => checkbox(&mut field, definition)?,
        "Picklist" => {
            field.length = 255;
            values::set(&mut field, definition)?;
        }
        "MultiselectPicklist" => {
            number(definition, "visibleLines", ty, 3..=10)?;
            field.length = 4099;
            field.sortable = false;
            values::set(&mut field, definition)?;
        }
        "Url" => field.length = 255,
        "Email" => field.length = 80,
        "Phone" => field.length = 40,
        "Lookup" | "MasterDetail" => lookup(state, object, &mut field, definition)?,
        _ => {}
    }
    Ok(field)
}

/// What a describe calls a type.
fn native(ty: &str) -> Result<&'static str, Fault> {
    Ok(match ty {
        "Text" => "string",
        "TextArea" | "LongTextArea" | "Html" => "textarea",
        "Number" => "double",
        "Currency" => "currency",
        "Percent" => "percent",
        "Checkbox" => "boolean",
        "Picklist" => "picklist",
        "MultiselectPicklist" => "multipicklist",
        "Date" => "date",
        "DateTime" => "datetime",
        "Time" => "time",
        "Url" => "url",
        "Email" => "email",
        "Phone" => "phone",
        "Lookup" | "MasterDetail" => "reference",
        // Formulas, roll-ups, locations and automatic numbers are not played.
        _ => {
            let message = format!("'{ty}' is not a valid value for the enum 'FieldType'");
            return Err(Fault::new(400, "JSON_PARSER_ERROR", message));
        }
    })
}

fn checkbox(field: &mut Field, definition: &Value) -> Result<(), Fault> {
    if is_on(&definition["required"]) {
        let message = "Can not specify 'required' for a CustomField of type Checkbox";
        return Err(integrity(message).fields(&["required"]));
    }
    let default = &definition["defaultValue"];
    let is_given = default.is_boolean() || matches!(default.as_str(), Some("true" | "false"));
    if !is_given {
        let message = "Must specify 'defaultValue' for a CustomField of type Checkbox";
        return Err(integrity(message).fields(&["defaultValue"]));
    }
    field.default_value = json!(is_on(default));
    (field.nillable, field.defaulted) = (false, true);
    Ok(())
}

fn lookup(
    state: &State,
    object: &Object,
    field: &mut Field,
    definition: &Value,
) -> Result<(), Fault> {
    let target = word(definition, "referenceTo");
    let target = state
        .any_object(target)
        .filter(|target| !target.tooling && !target.hidden)
        .ok_or_else(|| {
            let message =
                format!("referenceTo value of '{target}' does not resolve to a valid sObject type");
            integrity(message).fields(&["referenceTo"])
        })?;
    let relationship = word(definition, "relationshipName");
    if relationship.is_empty() {
        let message = format!(
            "Must specify a relationshipName for the field {}",
            field.name
        );
        return Err(integrity(message).fields(&["relationshipName"]));
    }
    names::check(relationship, "Child Relationship Name")?;
    // The way back is one name for each object that is referred to, a custom one with `__r`.
    let way_back = format!("{relationship}__r");
    let is_taken = state.schema.values().any(|other| {
        other.fields.iter().any(|other| {
            let leads_there = other.reference_to.contains(&target.name);
            let way = other.child_relationship.as_deref();
            leads_there && way.is_some_and(|way| way.eq_ignore_ascii_case(&way_back))
        })
    });
    if is_taken {
        let message = format!(
            "There is already a Child Relationship named {relationship} on {}.",
            target.label
        );
        return Err(
            Fault::new(400, "DUPLICATE_DEVELOPER_NAME", message).fields(&["relationshipName"])
        );
    }
    if word(definition, "type") == "MasterDetail" && !object.is_custom() {
        let message = "a standard object cannot be the detail of a master-detail relationship";
        return Err(integrity(message).fields(&["type"]));
    }
    field.updateable = word(definition, "type") == "Lookup";
    field.length = 18;
    field.reference_to = vec![target.name.clone()];
    field.relationship_name = field
        .name
        .strip_suffix("__c")
        .map(|bare| format!("{bare}__r"));
    field.child_relationship = Some(way_back);
    Ok(())
}

/// A whole number of a definition that has to be there.
fn number(
    definition: &Value,
    key: &str,
    ty: &str,
    within: std::ops::RangeInclusive<usize>,
) -> Result<usize, Fault> {
    let value = &definition[key];
    let number = match value {
        Value::Null => {
            let message = format!("Must specify '{key}' for a CustomField of type {ty}");
            return Err(integrity(message).fields(&[key]));
        }
        other => other
            .as_u64()
            .and_then(|number| usize::try_from(number).ok()),
    };
    number.filter(|number| within.contains(number)).ok_or_else(|| {
        let message = format!(
            "Can not specify a '{key}' of {} for a CustomField of type {ty}: it must be from {} to {}",
            value.as_str().map_or_else(|| value.to_string(), str::to_owned),
            within.start(),
            within.end()
        );
        integrity(message).fields(&[key])
    })
}

/// The fields that every custom object has.
pub(super) fn standard(label: &str) -> Vec<Field> {
    let field = |name: &str, label: &str, ty: &str| Field {
        name: name.to_owned(),
        label: label.to_owned(),
        ty: ty.to_owned(),
        filterable: true,
        sortable: true,
        defaulted: true,
        ..Field::default()
    };
    let user = |name: &str, label: &str, way: &str| Field {
        length: 18,
        reference_to: vec!["User".to_owned()],
        relationship_name: Some(way.to_owned()),
        ..field(name, label, "reference")
    };
    let seen = |name: &str, label: &str| Field {
        nillable: true,
        defaulted: false,
        ..field(name, label, "datetime")
    };
    vec![
        Field {
            length: 18,
            id_lookup: true,
            ..field("Id", "Record ID", "id")
        },
        Field {
            createable: true,
            updateable: true,
            reference_to: vec!["Group".to_owned(), "User".to_owned()],
            ..user("OwnerId", "Owner ID", "Owner")
        },
        field("IsDeleted", "Deleted", "boolean"),
        Field {
            length: 80,
            nillable: true,
            createable: true,
            updateable: true,
            id_lookup: true,
            is_name: true,
            ..field("Name", &format!("{label} Name"), "string")
        },
        field("CreatedDate", "Created Date", "datetime"),
        user("CreatedById", "Created By ID", "CreatedBy"),
        field("LastModifiedDate", "Last Modified Date", "datetime"),
        user("LastModifiedById", "Last Modified By ID", "LastModifiedBy"),
        field("SystemModstamp", "System Modstamp", "datetime"),
        seen("LastViewedDate", "Last Viewed Date"),
        seen("LastReferencedDate", "Last Referenced Date"),
    ]
}

/// Sets how the rows of an object are called.
pub(super) fn set_name(object: &mut Object, definition: &Value) -> Result<(), Fault> {
    let label = word(definition, "label");
    let format = match word(definition, "type") {
        "Text" => None,
        "AutoNumber" => Some(word(definition, "displayFormat")),
        _ => {
            let message =
                "Must specify a nameField of type Text or AutoNumber for the CustomObject";
            return Err(integrity(message).fields(&["nameField"]));
        }
    };
    if format.is_some_and(|format| !format.contains("{0")) {
        let message = "Must specify a displayFormat for a nameField of type AutoNumber";
        return Err(integrity(message).fields(&["displayFormat"]));
    }
    object.auto_name = format.map(str::to_owned);
    let name = object.fields.iter_mut().find(|field| field.name == "Name");
    if let Some(name) = name {
        if !label.is_empty() {
            label.clone_into(&mut name.label);
        }
        if format.is_some() {
            (name.createable, name.updateable, name.nillable) = (false, false, false);
        }
    }
    Ok(())
}
