//! What the org says of itself: its objects, their fields, its limits and versions (`salesforce.md` §1.7, §3.1).
//!
//! What the user cannot see is left out, as field-level security does.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::{
    access::Access,
    oauth,
    route::Context,
    schema::{Field, Object},
    stamp,
    state::State,
};
use crate::sandbox::http::Reply;

mod field;

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

/// What is below a version: the resources that the sandbox plays, and who asks.
pub(super) fn resources(root: &str, org: Context<'_>) -> Value {
    let names = [
        "tooling",
        "query",
        "queryAll",
        "composite",
        "sobjects",
        "limits",
    ];
    let members = names.map(|name| (name.to_owned(), json!(format!("{root}/{name}"))));
    let mut members: Map<String, Value> = members.into_iter().collect();
    let host = org.header("host").unwrap_or("localhost");
    let identity = oauth::identity(&format!("http://{host}"));
    members.insert("identity".to_owned(), json!(identity));
    Value::Object(members)
}

/// `GET /limits`.
pub(super) fn limits(daily_limit: u64, calls: u64) -> Value {
    json!({
        "DailyApiRequests": { "Max": daily_limit, "Remaining": daily_limit.saturating_sub(calls) },
        "DataStorageMB": { "Max": 5, "Remaining": 5 },
        "FileStorageMB": { "Max": 20, "Remaining": 20 },
    })
}

/// `GET /limits/recordCount`: a snapshot; objects that are unknown or empty are left out.
pub(super) fn record_count(state: &mut State, query: &[(String, String)], now: &str) -> Value {
    let named = query.iter().find(|(name, _)| name == "sObjects");
    let is_wanted = |name: &str| {
        named.is_none_or(|(_, named)| {
            named
                .split(',')
                .any(|wanted| wanted.trim().eq_ignore_ascii_case(name))
        })
    };
    let counts: Vec<Value> = state
        .counts(now)
        .iter()
        .filter(|(name, count)| *count > 0 && is_wanted(name))
        .map(|(name, count)| json!({ "count": count, "name": name }))
        .collect();
    json!({ "sObjects": counts })
}

/// A description, or that the caller has it: `If-Modified-Since` against when the schema or a grant last changed.
pub(super) fn unless_known(state: &State, org: Context<'_>, description: &Value) -> Reply {
    let changed =
        stamp::parse(&state.described).map_or(std::time::UNIX_EPOCH, std::time::SystemTime::from);
    let known = org
        .header("if-modified-since")
        .and_then(|since| httpdate::parse_http_date(since).ok());
    let reply = if known.is_some_and(|known| known >= changed) {
        Reply::empty(StatusCode::NOT_MODIFIED)
    } else {
        Reply::json(StatusCode::OK, description)
    };
    reply.with_header("last-modified", &httpdate::fmt_http_date(changed))
}

/// `GET /sobjects`.
pub(super) fn global(state: &State, root: &str) -> Value {
    let objects: Vec<Value> = visible(state)
        .map(|object| summary(state, object, root))
        .collect();
    json!({ "encoding": "UTF-8", "maxBatchSize": 200, "sobjects": objects })
}

fn visible(state: &State) -> impl Iterator<Item = &Object> {
    let names = state.schema.values().map(|object| object.name.as_str());
    names.filter_map(|name| state.object(name).map(AsRef::as_ref))
}

/// An object as the global describe lists it.
pub(super) fn summary(state: &State, object: &Object, root: &str) -> Value {
    let address = format!("{root}/sobjects/{}", object.name);
    let below = |path: &str| format!("{address}/{path}");
    let creates = state.may(object, Access::Create);
    let deletes = state.may(object, Access::Delete);
    let is_data = object.field("IsDeleted").is_some();
    json!({
        "activateable": false, "associateEntityType": null, "associateParentEntity": null, "createable": creates,
        "custom": object.is_custom(), "customSetting": false, "deepCloneable": false, "deletable": deletes,
        "deprecatedAndHidden": false, "feedEnabled": is_data, "hasSubtypes": false, "isInterface": false,
        "isSubtype": false, "keyPrefix": object.prefix, "label": object.label, "labelPlural": object.label_plural,
        "layoutable": is_data, "mergeable": object.mergeable, "mruEnabled": is_data, "name": object.name,
        "queryable": true, "replicateable": true, "retrieveable": true, "searchable": is_data, "triggerable": is_data,
        "undeletable": deletes && is_data, "updateable": state.may(object, Access::Edit),
        "urls": {
            "compactLayouts": below("describe/compactLayouts"), "rowTemplate": below("{ID}"),
            "approvalLayouts": below("describe/approvalLayouts"), "listviews": below("listviews"),
            "describe": below("describe"), "quickActions": below("quickActions"), "layouts": below("describe/layouts"),
            "sobject": address,
        },
    })
}

/// `GET /sobjects/X/describe`.
pub(super) fn object(state: &State, object: &Object, root: &str) -> Value {
    let mut described = summary(state, object, root);
    let layout = format!(
        "{root}/sobjects/{}/describe/layouts/012000000000000AAA",
        object.name
    );
    let more = json!({
        "actionOverrides": [], "childRelationships": children(state, object), "compactLayoutable": true,
        "defaultImplementation": null, "extendedBy": null, "extendsInterfaces": null, "implementedBy": null,
        "implementsInterfaces": null, "listviewable": null, "lookupLayoutable": null, "namedLayoutInfos": [],
        "networkScopeFieldName": null,
        "recordTypeInfos": [{
            "active": true, "available": true, "defaultRecordTypeMapping": true, "developerName": "Master", "master": true,
            "name": "Master", "recordTypeId": "012000000000000AAA", "urls": { "layout": layout },
        }],
        "searchLayoutable": true, "sobjectDescribeOption": "FULL",
        "supportedScopes": [
            { "label": format!("All {}", object.label_plural.to_lowercase()), "name": "everything" },
            { "label": format!("My {}", object.label_plural.to_lowercase()), "name": "mine" },
        ],
    });
    let fields: Vec<Value> = object
        .fields
        .iter()
        .filter(|it| state.visible(object, &it.name).is_some())
        .map(|it| field::described(it, state.writable(object, it)))
        .collect();
    if let (Some(described), Value::Object(more)) = (described.as_object_mut(), more) {
        described.extend(more);
        described.insert("fields".to_owned(), json!(fields));
    }
    described
}

/// The fields of other objects that refer to this one.
fn children(state: &State, parent: &Object) -> Vec<Value> {
    let refers = |object: &Object, field: &Field| {
        field.reference_to.contains(&parent.name) && state.visible(object, &field.name).is_some()
    };
    visible(state)
        .flat_map(|object| object.fields.iter().map(move |field| (object, field)))
        .filter(|(object, field)| refers(object, field))
        .map(|(object, field)| {
            json!({
                "cascadeDelete": false, "childSObject": object.name, "deprecatedAndHidden": false, "field": field.name,
                "junctionIdListNames": [], "junctionReferenceTo": [], "relationshipName": field.child_relationship,
                "restrictedDelete": false,
            })
        })
        .collect()
}
