//! What the org says of itself: its objects, their fields, its limits and versions (`salesforce.md` §1.7, §3.1).
//!
//! Fields that the user cannot see are left out, as field-level security does.

use serde_json::{Value, json};

use super::{
    schema::{Field, Object},
    state::State,
};

/// `GET /services/data`: needs no session and costs nothing.
pub(super) fn versions() -> Value {
    // Three releases a year since v59.0, Winter '24.
    (59..=67)
        .map(|major: u32| {
            let season = ["Winter", "Spring", "Summer"][(major as usize - 59) % 3];
            let year = 24 + (major - 59) / 3;
            json!({
                "label": format!("{season} '{year}"), "url": format!("/services/data/v{major}.0"),
                "version": format!("{major}.0"),
            })
        })
        .collect()
}

/// `GET /limits`.
pub(super) fn limits(daily_limit: u64, calls: u64) -> Value {
    json!({
        "DailyApiRequests": { "Max": daily_limit, "Remaining": daily_limit.saturating_sub(calls) },
        "DataStorageMB": { "Max": 5, "Remaining": 5 },
        "FileStorageMB": { "Max": 20, "Remaining": 20 },
    })
}

/// `GET /sobjects`.
pub(super) fn global(state: &State, root: &str) -> Value {
    let objects: Vec<Value> = state
        .schema
        .values()
        .map(|object| summary(object, root))
        .collect();
    json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects })
}

/// An object as the global describe lists it.
pub(super) fn summary(object: &Object, root: &str) -> Value {
    let address = format!("{root}/sobjects/{}", object.name);
    let below = |path: &str| format!("{address}/{path}");
    json!({
        "activateable": false, "associateEntityType": null, "associateParentEntity": null, "createable": true,
        "custom": false, "customSetting": false, "deepCloneable": false, "deletable": object.deletable,
        "deprecatedAndHidden": false, "feedEnabled": true, "hasSubtypes": false, "isInterface": false,
        "isSubtype": false, "keyPrefix": object.prefix, "label": object.label, "labelPlural": object.label_plural,
        "layoutable": true, "mergeable": object.deletable, "mruEnabled": true, "name": object.name, "queryable": true,
        "replicateable": true, "retrieveable": true, "searchable": true, "triggerable": true,
        "undeletable": object.deletable, "updateable": true,
        "urls": { "sobject": address, "describe": below("describe"), "rowTemplate": below("{ID}") },
    })
}

/// `GET /sobjects/X/describe`.
pub(super) fn object(state: &State, object: &Object, root: &str) -> Value {
    let mut described = summary(object, root);
    described["fields"] = object
        .fields
        .iter()
        .filter(|it| state.visible(object, &it.name).is_some())
        .map(field)
        .collect();
    described
}

fn field(field: &Field) -> Value {
    let values: Vec<Value> = field
        .values
        .iter()
        .map(|value| {
            json!({ "active": true, "defaultValue": false, "label": value, "validFor": null, "value": value })
        })
        .collect();
    json!({
        "name": field.name, "label": field.label, "type": field.ty, "length": field.length,
        "nillable": field.nillable, "createable": field.createable, "updateable": field.updateable,
        "filterable": field.filterable, "sortable": field.sortable, "idLookup": field.id_lookup,
        "defaultedOnCreate": field.defaulted, "custom": field.name.ends_with("__c"),
        "referenceTo": field.reference_to, "relationshipName": field.relationship_name,
        "restrictedPicklist": field.restricted, "picklistValues": values,
    })
}
