//! What the org says of its objects and fields (`salesforce.md` §3.1).

use super::*;

#[test]
fn the_global_describe_lists_what_can_be_asked_for() {
    let org = empty();
    let (_, global) = call(&org, "GET", "/sobjects", &Value::Null);
    assert_eq!(
        (&global["encoding"], &global["maxBatchSize"]),
        (&json!("UTF-8"), &json!(200))
    );
    let objects = global["sobjects"].as_array().unwrap();
    let names: Vec<&str> = objects
        .iter()
        .map(|object| object["name"].as_str().unwrap())
        .collect();
    for name in [
        "Account",
        "Contact",
        "Lead",
        "Opportunity",
        "OpportunityStage",
        "User",
        "ContentNote",
        "Note",
        "ContentDocumentLink",
    ] {
        assert!(names.contains(&name), "{name}");
    }
    // Those of the Tooling API are not here, nor is what nobody can ask for.
    for name in ["CustomField", "CustomObject", "Name"] {
        assert!(!names.contains(&name), "{name}");
    }
    let lead = objects
        .iter()
        .find(|object| object["name"] == "Lead")
        .unwrap();
    assert_eq!(
        (&lead["keyPrefix"], &lead["mergeable"], &lead["custom"]),
        (&json!("00Q"), &json!(true), &json!(false))
    );
    assert_eq!(
        lead["urls"]["rowTemplate"],
        "/services/data/v59.0/sobjects/Lead/{ID}"
    );
}

#[test]
fn a_describe_has_every_key_of_the_recorded_ones() {
    let org = empty();
    for object in ["Lead", "Opportunity", "User", "Account", "Contact"] {
        let (status, described) = call(
            &org,
            "GET",
            &format!("/sobjects/{object}/describe"),
            &Value::Null,
        );
        assert_eq!(status, 200);
        assert_eq!(described.as_object().unwrap().len(), 45, "{object}");
        let fields = described["fields"].as_array().unwrap();
        for field in fields {
            assert_eq!(field.as_object().unwrap().len(), 57, "{field}");
        }
    }
    let (_, lead) = call(&org, "GET", "/sobjects/Lead/describe", &Value::Null);
    let fields = lead["fields"].as_array().unwrap();
    let field = |name: &str| fields.iter().find(|field| field["name"] == name).unwrap();
    assert_eq!(fields.len(), 54);
    assert_eq!(field("OwnerId")["referenceTo"], json!(["Group", "User"]));
    assert_eq!(field("OwnerId")["polymorphicForeignKey"], true);
    assert_eq!(field("LastName")["byteLength"], 240);
    assert_eq!(
        (
            &field("LastName")["nillable"],
            &field("LastName")["compoundFieldName"]
        ),
        (&json!(false), &json!("Name"))
    );
    assert_eq!(
        (
            &field("Status")["defaultValue"],
            &field("Status")["picklistValues"][0]["defaultValue"]
        ),
        (&json!("Open - Not Contacted"), &json!(true))
    );
    assert_eq!(
        (
            &field("AnnualRevenue")["precision"],
            &field("AnnualRevenue")["soapType"]
        ),
        (&json!(18), &json!("xsd:double"))
    );
    assert_eq!(
        (
            &field("IsConverted")["createable"],
            &field("IsConverted")["updateable"]
        ),
        (&json!(true), &json!(false))
    );
    let (_, account) = call(&org, "GET", "/sobjects/Account/describe", &Value::Null);
    let children = account["childRelationships"].as_array().unwrap();
    assert!(
        children
            .iter()
            .any(|it| it["childSObject"] == "Contact" && it["relationshipName"] == "Contacts")
    );
}
