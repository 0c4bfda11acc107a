//! `specs/unified.yaml` against the interface that apps of this kind already speak: every operation, parameter, field,
//! enumeration and nullability that it has is in ours, the same, and what is more in ours is optional.
//!
//! The comparer is tested by breaking our own contract, one thing at a time: each break must be found, at its place.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "compatibility/added.rs"]
mod added;
#[path = "compatibility/compare.rs"]
mod compare;
#[path = "compatibility/document.rs"]
mod document;

use std::{fs, path::PathBuf};

use serde_json::{Value, json};

use compare::compare;
use document::Document;

fn project(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/..")).join(path)
}

fn interface() -> Document {
    let text = fs::read_to_string(project("proxy/tests/compatibility/unified-v0.json")).unwrap();
    Document(serde_json::from_str(&text).unwrap())
}

fn contract() -> Document {
    let text = fs::read_to_string(project("specs/unified.yaml")).unwrap();
    Document(serde_saphyr::from_str(&text).unwrap())
}

/// The differences after one thing in our contract was changed.
fn broken(change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut ours = contract();
    change(&mut ours.0);
    compare(&interface(), &ours).differences
}

/// Writes over what is there. A place that is gone fails the test instead of making it pass for nothing.
fn set(document: &mut Value, pointer: &str, value: Value) {
    let place = document.pointer_mut(pointer);
    *place.unwrap_or_else(|| panic!("no {pointer} in specs/unified.yaml")) = value;
}

fn remove(document: &mut Value, pointer: &str, key: &str) {
    let object = document.pointer_mut(pointer).and_then(Value::as_object_mut);
    let removed = object.and_then(|it| it.remove(key));
    assert!(
        removed.is_some(),
        "no {pointer}/{key} in specs/unified.yaml"
    );
}

/// The comparer said so, at this place.
#[track_caller]
fn assert_found(differences: &[String], place: &str, what: &str) {
    assert!(
        differences
            .iter()
            .any(|it| it.starts_with(&format!("{place}: {what}"))),
        "expected `{place}: {what}`, found:\n{}",
        differences.join("\n")
    );
}

const GET_ACCOUNT: &str = "get /unified/crm/account/{id} 200.record";
const SCHEMAS: &str = "/components/schemas";
/// Those of the unified API, `/core` and `/connect`, and one webhook.
const OPERATIONS: usize = 28 + 20 + 3 + 1;

/// Covers: contract-broken
#[test]
fn the_contract_is_compatible() {
    let comparison = compare(&interface(), &contract());
    assert!(
        comparison.differences.is_empty(),
        "specs/unified.yaml differs from the interface:\n{}",
        comparison.differences.join("\n")
    );
    assert_eq!(comparison.operations.len(), OPERATIONS, "compared");
}

/// "Nothing is added without being said": the tables of the page have what was added, and nothing else.
#[test]
fn the_page_on_compatibility_has_what_was_added() {
    let page = fs::read_to_string(project("proxy/docs/compatibility.md")).unwrap();
    let added = added::added(&interface(), &contract());
    for (title, expected) in [
        ("operation", &added.operations),
        ("parameter", &added.parameters),
        ("members", &added.members),
    ] {
        let beginning = format!("| {title} | what for |\n");
        let (_, rest) = page.split_once(&beginning).unwrap();
        let cells = rest
            .lines()
            .map_while(|line| line.strip_prefix("| "))
            .filter_map(|line| line.split(" | ").next());
        let found: std::collections::BTreeSet<String> = cells
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .map(str::to_owned)
            .collect();
        assert_eq!(&found, expected, "{title}");
    }
    let (_, rest) = page.split_once("\nErrors: ").unwrap();
    let (sentence, _) = rest.split_once("\n\n").unwrap();
    for status in &added.statuses {
        assert!(sentence.contains(status.as_str()), "{status}: {sentence}");
    }
}

#[test]
fn an_answer_that_may_be_anything_may_be_narrower_and_a_request_may_not() {
    let mut ours = contract();
    set(
        &mut ours.0,
        "/paths/~1unified~1crm~1custom_objects~1{object_name}/post/requestBody/content/application~1json/schema",
        json!({"type": "object", "required": ["record"], "properties": {"record": {"type": "object", "additionalProperties": {"type": "string"}}}}),
    );
    let differences = compare(&interface(), &ours).differences;
    assert_found(
        &differences,
        "post /unified/crm/custom_objects/{object_name} body.record.*",
        "rule for further fields",
    );
    assert_eq!(differences.len(), 1, "{differences:?}");
}

#[test]
fn the_interface_is_compatible_with_itself() {
    let comparison = compare(&interface(), &interface());
    assert_eq!(comparison.differences, Vec::<String>::new());
    assert_eq!(comparison.operations.len(), OPERATIONS);
}

/// Covers: contract-broken
#[test]
fn a_missing_field_is_found() {
    let found = broken(|it| {
        remove(it, &format!("{SCHEMAS}/crm.account/properties"), "website");
    });
    assert_found(&found, &format!("{GET_ACCOUNT}.website"), "missing field");
    // Each place that shows the field is named, not only the first.
    assert_found(
        &found,
        "get /unified/crm/account 200.items[].website",
        "missing field",
    );
}

#[test]
fn another_type_is_found() {
    let found = broken(|it| {
        set(
            it,
            &format!("{SCHEMAS}/crm.account/properties/website/type"),
            json!("number"),
        );
    });
    assert_found(&found, &format!("{GET_ACCOUNT}.website"), "type");
}

#[test]
fn a_value_missing_from_an_enumeration_is_found() {
    let found = broken(|it| {
        let values = it.pointer_mut(&format!("{SCHEMAS}/crm.address_type/enum"));
        values.unwrap().as_array_mut().unwrap().pop().unwrap();
    });
    assert_found(
        &found,
        &format!("{GET_ACCOUNT}.addresses[].address_type"),
        "enum",
    );
}

#[test]
fn a_value_added_to_an_enumeration_is_found() {
    let found = broken(|it| {
        let values = it.pointer_mut(&format!("{SCHEMAS}/crm.address_type/enum"));
        values
            .unwrap()
            .as_array_mut()
            .unwrap()
            .push(json!("summer"));
    });
    assert_found(
        &found,
        &format!("{GET_ACCOUNT}.addresses[].address_type"),
        "enum",
    );
}

#[test]
fn changed_nullability_is_found() {
    let found = broken(|it| {
        set(
            it,
            &format!("{SCHEMAS}/crm.account/properties/website/nullable"),
            json!(false),
        );
    });
    assert_found(
        &found,
        &format!("{GET_ACCOUNT}.website"),
        "nullable: expected true, found false",
    );
}

#[test]
fn nullability_lost_from_a_reference_is_found() {
    let found = broken(|it| {
        remove(
            it,
            &format!("{SCHEMAS}/crm.account/properties/lifecycle_stage"),
            "nullable",
        );
    });
    assert_found(
        &found,
        &format!("{GET_ACCOUNT}.lifecycle_stage"),
        "nullable: expected true, found false",
    );
}

#[test]
fn a_field_made_required_is_found() {
    let found = broken(|it| {
        it.pointer_mut(&format!("{SCHEMAS}/crm.account_input"))
            .unwrap()["required"] = json!(["website"]);
    });
    assert_found(
        &found,
        "post /unified/crm/account body.record.website",
        "required: expected false, found true",
    );
}

#[test]
fn a_required_field_made_optional_is_found() {
    let found = broken(|it| {
        remove(it, &format!("{SCHEMAS}/crm.account"), "required");
    });
    assert_found(
        &found,
        &format!("{GET_ACCOUNT}.id"),
        "required: expected true, found false",
    );
}

#[test]
fn an_added_field_is_fine_until_it_is_required() {
    let add = |it: &mut Value| {
        let schema = it.pointer_mut(&format!("{SCHEMAS}/crm.account_input"));
        schema.unwrap()["properties"]["colour"] = json!({"type": "string"});
    };
    assert_eq!(broken(add), Vec::<String>::new());
    let found = broken(|it| {
        add(it);
        it.pointer_mut(&format!("{SCHEMAS}/crm.account_input"))
            .unwrap()["required"] = json!(["colour"]);
    });
    assert_found(
        &found,
        "patch /unified/crm/account/{id} body.record.colour",
        "added field is required",
    );
}

/// Covers: contract-broken
#[test]
fn a_missing_operation_is_found() {
    let found = broken(|it| {
        remove(it, "/paths/~1unified~1crm~1account~1_upsert", "post");
    });
    assert_eq!(
        found,
        ["post /unified/crm/account/_upsert: missing operation \"crm-upsertAccount\""]
    );
}

#[test]
fn a_missing_path_is_found() {
    let found = broken(|it| remove(it, "/paths", "/unified/crm/contact/{id}"));
    assert_eq!(
        found,
        [
            "get /unified/crm/contact/{id}: missing operation \"crm-getContact\"",
            "patch /unified/crm/contact/{id}: missing operation \"crm-updateContact\"",
        ]
    );
}

#[test]
fn a_path_missing_outside_of_the_unified_api_is_found() {
    let found = broken(|it| remove(it, "/paths", "/core/connection/{id}/_check"));
    assert_eq!(
        found,
        ["post /core/connection/{id}/_check: missing operation \"checkConnection\""]
    );
}

#[test]
fn a_missing_webhook_is_found() {
    let found = broken(|it| remove(it, "/x-webhooks", "sync.completed"));
    assert_found(&found, "webhook sync.completed body", "missing content");
}

#[test]
fn a_missing_error_is_found() {
    let found = broken(|it| {
        remove(it, "/paths/~1core~1pipeline~1{id}/delete/responses", "404");
    });
    assert_found(
        &found,
        "delete /core/pipeline/{id} 404",
        "missing content application/json",
    );
}

#[test]
fn another_form_of_an_id_is_found() {
    let found = broken(|it| {
        set(
            it,
            &format!("{SCHEMAS}/Connection/properties/id/pattern"),
            json!("^con_"),
        );
    });
    assert_found(
        &found,
        "patch /core/connection/{id} 200.id",
        "pattern: expected Some(String(\"^conn_\"))",
    );
}

#[test]
fn another_operation_id_is_found() {
    let found = broken(|it| {
        set(
            it,
            "/paths/~1unified~1crm~1account/get/operationId",
            json!("other"),
        );
    });
    assert_eq!(
        found,
        [
            "get /unified/crm/account: operationId: expected String(\"crm-listAccounts\"), found String(\"other\")"
        ]
    );
}

#[test]
fn a_missing_parameter_is_found() {
    let found = broken(|it| {
        set(it, "/components/parameters/page_size/name", json!("limit"));
    });
    assert_found(
        &found,
        "get /unified/crm/account query page_size",
        "missing parameter",
    );
}

#[test]
fn a_parameter_made_required_is_found() {
    for (name, what) in [
        ("page_size", "required: expected false, found true"),
        ("fields", "added parameter is required"),
    ] {
        let found = broken(|it| {
            it.pointer_mut(&format!("/components/parameters/{name}"))
                .unwrap()["required"] = json!(true);
        });
        assert_found(
            &found,
            &format!("get /unified/crm/account query {name}"),
            what,
        );
    }
}

#[test]
fn another_enumeration_of_a_parameter_is_found() {
    let found = broken(|it| {
        set(
            it,
            "/components/parameters/sync_mode/schema/enum",
            json!(["full"]),
        );
    });
    assert_found(&found, "get /unified/crm/contact query sync_mode", "enum");
}

#[test]
fn a_body_made_optional_is_found() {
    let found = broken(|it| {
        set(
            it,
            "/paths/~1unified~1crm~1account/post/requestBody/required",
            json!(false),
        );
    });
    assert_found(&found, "post /unified/crm/account body", "required");
}

#[test]
fn a_reference_that_leads_nowhere_is_found() {
    let found = broken(|it| remove(it, SCHEMAS, "crm.address"));
    assert!(
        found.iter().any(|it| it.contains("leads nowhere")),
        "{found:#?}"
    );
}

#[test]
fn both_versions_of_openapi_mean_the_same() {
    let name = json!({"type": "string", "enum": ["a", "b"]});
    let document = Document(json!({"components": {"schemas": {"name": name}}}));
    let reference = json!({"$ref": "#/components/schemas/name"});
    for schema in [
        json!({"type": "string", "enum": ["b", "a"], "nullable": true}),
        json!({"type": ["string", "null"], "enum": ["a", "b", null]}),
        json!({"oneOf": [{"type": "null"}, reference]}),
        json!({"anyOf": [reference, {"type": "null"}]}),
        json!({"allOf": [reference], "nullable": true}),
    ] {
        let shape = document.shape(&schema).unwrap();
        assert!(shape.nullable, "{schema}");
        assert!(shape.types.iter().eq(["string"]), "{schema}");
        assert!(shape.values.iter().eq(["\"a\"", "\"b\""]), "{schema}");
    }
    assert!(!document.shape(&reference).unwrap().nullable);
}

#[test]
fn every_spec_is_openapi_and_its_references_lead_somewhere() {
    let mut count = 0;
    for entry in fs::read_dir(project("specs")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|it| it != "yaml") {
            continue;
        }
        count += 1;
        let text = fs::read_to_string(&path).unwrap();
        let spec: Result<openapiv3::OpenAPI, _> = serde_saphyr::from_str(&text);
        assert!(spec.is_ok(), "{}: {}", path.display(), spec.unwrap_err());
        let document = Document(serde_saphyr::from_str(&text).unwrap());
        assert_eq!(
            document.dangling(),
            Vec::<String>::new(),
            "{}",
            path.display()
        );
    }
    assert!(count >= 3, "only {count} specs were read");
}
