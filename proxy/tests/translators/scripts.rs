//! Counts, custom objects and metadata: operations that the mappings say in steps and templates.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::conversation::Conversation;

fn hubspot(operation: &'static str) -> Conversation {
    Conversation::new("hubspot", operation)
}

fn salesforce(operation: &'static str) -> Conversation {
    Conversation::new("salesforce", operation)
}

/// An object with what fields can have, and with what providers make differently.
fn starship() -> Value {
    json!({
        "name": "starship", "description": "Flies & <shines>", "labels": {"singular": "Starship", "plural": "Starships"}, "primary_field_id": "title",
        "fields": [
            {"id": "title", "label": "Title", "type": "text", "is_required": true},
            {"id": "crew", "label": "Crew", "type": "number", "is_required": true, "precision": 6, "scale": 0, "default_value": 5, "description": "heads", "group_name": "ships"},
            {"id": "motto", "label": "Motto", "type": "text", "default_value": "so \"long\""},
            {"id": "log", "label": "Log", "type": "textarea", "is_required": true},
            {"id": "colour", "label": "Colour", "type": "picklist", "options": [
                {"label": "R & <w>", "value": "red", "description": "usual"}, {"label": "Green", "value": "green", "hidden": true}]},
            {"id": "tags", "label": "Tags", "type": "multipicklist", "options": []},
            {"id": "armed", "label": "Armed", "type": "boolean", "is_required": true, "default_value": true},
            {"id": "launched_on", "label": "Launched", "type": "date", "default_value": "2026-01-01"},
            {"id": "seen_at", "label": "Seen", "type": "datetime"},
            {"id": "home", "label": "Home", "type": "url", "raw_details": {"label": "Home page"}}
        ]
    })
}

fn schemas() -> Value {
    json!({"results": [
        {"id": "3453932", "name": "car", "labels": {"singular": "Car", "plural": "Cars"}, "objectTypeId": "2-3453932", "fullyQualifiedName": "p123456_car", "requiredProperties": [], "searchableProperties": [], "archived": false}
    ]})
}

fn property() -> Value {
    json!({"name": "stage", "label": "Stage", "type": "enumeration", "fieldType": "checkbox", "groupName": "custom_properties", "options": []})
}

fn sobjects() -> Value {
    json!({"sobjects": [
        {"name": "Account", "label": "Account", "custom": false, "customSetting": false},
        {"name": "Invoice__c", "label": "Invoice", "custom": true, "customSetting": false},
        {"name": "Limits__c", "label": "Limits", "custom": true, "customSetting": true}
    ]})
}

fn me() -> Value {
    json!({"user_id": "0055500001QdQWaAAN", "organization_id": "00D5500000000aaEAA"})
}

fn sets() -> Value {
    json!({"totalSize": 1, "done": true, "records": [{"attributes": {"type": "PermissionSet"}, "Id": "0PS5500000000aaGAA", "Name": "X00e5500000000aaAAA"}]})
}

fn none() -> Value {
    json!({"totalSize": 0, "done": true, "records": []})
}

fn granted(successes: &[bool]) -> Value {
    let one = |success: &bool| {
        if *success {
            json!({"id": "01k5500000000aaAAA", "success": true, "errors": []})
        } else {
            json!({"success": false, "errors": [{"statusCode": "FIELD_INTEGRITY_EXCEPTION", "message": "You cannot deploy to a required field: starship__c.crew__c", "fields": ["Field"]}]})
        }
    };
    successes.iter().map(one).collect()
}

const MADE: &str = r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="http://soap.sforce.com/2006/04/metadata"><soapenv:Body><createMetadataResponse><result><fullName>starship__c</fullName><success>true</success></result></createMetadataResponse></soapenv:Body></soapenv:Envelope>"#;
const TAKEN: &str = r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns="http://soap.sforce.com/2006/04/metadata"><soapenv:Body><createMetadataResponse><result><errors><message>There is already an object named starship.</message><statusCode>DUPLICATE_DEVELOPER_NAME</statusCode></errors><fullName>starship__c</fullName><success>false</success></result></createMetadataResponse></soapenv:Body></soapenv:Envelope>"#;
const ENDED: &str = r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="http://soap.sforce.com/2006/04/metadata"><soapenv:Body><soapenv:Fault><faultcode>sf:INVALID_SESSION_ID</faultcode><faultstring>INVALID_SESSION_ID: Invalid Session ID found in SessionHeader: Illegal Session</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>"#;

#[test]
fn hubspot_counts_by_a_search_without_rows() {
    let call = hubspot("crm.object.count").path("entity", "opportunity");
    let (told, _) = call
        .answers(200, json!({"total": 31_337, "results": []}))
        .run();
    assert_snapshot!(told);
}

#[test]
fn hubspot_counts_owners_page_by_page() {
    let first =
        json!({"results": [{"id": "1"}, {"id": "2"}], "paging": {"next": {"after": "a&b=c"}}});
    let call = hubspot("crm.object.count").path("entity", "user");
    let (told, answer) = call
        .answers(200, first)
        .answers(200, json!({"results": [{"id": "3"}]}))
        .run();
    assert_eq!(answer, json!({"count": 3}));
    assert_snapshot!(told);
}

#[test]
fn hubspot_asks_again_for_an_object_that_it_does_not_know() {
    let call = hubspot("crm.object.count").path("entity", "boat");
    let (told, _) = call.answers(200, schemas()).answers(200, schemas()).run();
    assert_snapshot!(told);
}

#[test]
fn salesforce_counts_by_a_query() {
    let call = salesforce("crm.object.count").path("entity", "invoice");
    let count = json!({"totalSize": 12, "done": true, "records": []});
    let (told, _) = call.answers(200, sobjects()).answers(200, count).run();
    assert_snapshot!(told);
}

#[test]
fn hubspot_lists_objects_of_both_kinds() {
    let (told, _) = hubspot("crm.metadata.list_objects")
        .answers(200, schemas())
        .run();
    assert_snapshot!(told);
}

#[test]
fn hubspot_without_custom_objects_lists_the_standard_ones() {
    let fault = json!({"status": "error", "message": "This app hasn't been granted all required scopes to make this call.", "category": "MISSING_SCOPES"});
    let (_, answer) = hubspot("crm.metadata.list_objects")
        .query("type", "standard")
        .answers(403, fault.clone())
        .run();
    assert_eq!(answer.as_array().unwrap().len(), 16);
    let (_, answer) = hubspot("crm.metadata.list_objects")
        .query("type", "custom")
        .answers(403, fault)
        .run();
    assert_eq!(answer, json!([]));
}

#[test]
fn salesforce_lists_custom_objects_without_settings() {
    let (told, _) = salesforce("crm.metadata.list_objects")
        .query("type", "custom")
        .answers(200, sobjects())
        .run();
    assert_snapshot!(told);
}

#[test]
fn hubspot_lists_properties_by_type() {
    let of = |ty: &str, field: &str| json!({"name": format!("{ty}_{field}"), "label": "L", "type": ty, "fieldType": field});
    let types = [
        ("string", "text"),
        ("string", "textarea"),
        ("string", "html"),
        ("string", "file"),
        ("phone_number", "phonenumber"),
        ("number", "number"),
        ("bool", "booleancheckbox"),
        ("enumeration", "select"),
        ("enumeration", "radio"),
        ("enumeration", "checkbox"),
        ("date", "date"),
        ("datetime", "date"),
        ("json", "text"),
        ("object_coordinates", "text"),
    ];
    let properties: Vec<Value> = types.iter().map(|(ty, field)| of(ty, field)).collect();
    let (_, answer) = hubspot("crm.metadata.list_properties")
        .path("object_name", "2-3453932")
        .answers(200, schemas())
        .answers(200, json!({ "results": properties }))
        .run();
    let told: Vec<String> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|property| format!("{} = {}", property["id"], property["type"]))
        .collect();
    assert_eq!(answer[0]["raw_details"], properties[0]);
    assert_snapshot!(told.join("\n"));
}

#[test]
fn salesforce_lists_fields_by_type() {
    let types = [
        "id",
        "reference",
        "string",
        "textarea",
        "picklist",
        "multipicklist",
        "boolean",
        "int",
        "double",
        "currency",
        "percent",
        "long",
        "date",
        "datetime",
        "time",
        "email",
        "phone",
        "url",
        "address",
        "location",
        "base64",
        "anyType",
        "combobox",
        "encryptedstring",
        "complexvalue",
    ];
    let fields: Vec<Value> = types
        .iter()
        .map(|ty| json!({"name": ty, "label": "L", "type": ty}))
        .collect();
    let (_, answer) = salesforce("crm.metadata.list_properties")
        .path("object_name", "account")
        .answers(200, json!({"name": "Account", "fields": fields}))
        .run();
    let told: Vec<String> = answer
        .as_array()
        .unwrap()
        .iter()
        .map(|field| format!("{} = {}", field["id"], field["type"]))
        .collect();
    assert_eq!(answer[1]["raw_details"], fields[1]);
    assert_snapshot!(told.join("\n"));
}

#[test]
fn hubspot_makes_an_object() {
    let (told, _) = hubspot("crm.metadata.create_object")
        .body(&starship())
        .answers(201, json!({"objectTypeId": "2-77", "name": "starship"}))
        .run();
    assert_snapshot!(told);
}

#[test]
fn salesforce_makes_an_object_and_grants_access() {
    let (told, _) = salesforce("crm.metadata.create_object")
        .body(&starship())
        .answers_text(200, MADE)
        .answers(200, me())
        .answers(200, sets())
        .answers(200, granted(&[true; 9]))
        .run();
    assert_snapshot!(told);
}

#[test]
fn salesforce_tells_what_was_not_granted() {
    let small = json!({"name": "starship__c", "description": null, "labels": {"singular": "Starship", "plural": "Starships"}, "primary_field_id": "title",
        "fields": [{"id": "title", "label": "Title", "type": "text"}, {"id": "crew__c", "label": "Crew", "type": "number"}]});
    let made = || {
        salesforce("crm.metadata.create_object")
            .body(&small)
            .answers_text(200, MADE)
    };
    let some = made()
        .answers(200, me())
        .answers(200, sets())
        .answers(200, granted(&[true, false]));
    let refused = json!([{"errorCode": "INVALID_TYPE", "message": "sObject type 'PermissionSet' is not supported."}]);
    let unseen = made().answers(200, me()).answers(400, refused);
    let no_set = made().answers(200, me()).answers(200, none());
    let nobody = made().answers_text(403, "Bad_OAuth_Token");
    let told: Vec<String> = [some, unseen, no_set, nobody]
        .into_iter()
        .map(|call| {
            let (told, answer) = call.run();
            let calls: Vec<&str> = told.lines().filter(|line| line.contains(" -> ")).collect();
            format!("{}\n{:#}", calls.join("\n"), answer["warnings"])
        })
        .collect();
    assert_snapshot!(told.join("\n\n"));
}

#[test]
fn salesforce_tells_why_an_object_was_not_made() {
    let call = || salesforce("crm.metadata.create_object").body(&starship());
    let (_, taken) = call().answers_text(200, TAKEN).run();
    let (_, ended) = call().answers_text(500, ENDED).run();
    assert_snapshot!(format!("{taken:#}\n{ended:#}"));
}

#[test]
fn an_object_without_its_primary_field_is_refused() {
    let mut body = starship();
    body["primary_field_id"] = json!("nobody");
    let (_, hubspot) = hubspot("crm.metadata.create_object").body(&body).run();
    let (_, salesforce) = salesforce("crm.metadata.create_object").body(&body).run();
    assert_eq!(hubspot["message"], salesforce["message"]);
    assert_snapshot!(format!("{hubspot:#}"));
}

#[test]
fn hubspot_makes_a_property_in_a_group_that_is_there() {
    let body = json!({"id": "stage", "label": "Stage", "type": "multipicklist", "raw_details": {
        "options": [{"label": "R", "value": "r"}], "hasUniqueValue": false, "is_required": true, "default_value": "r"}});
    let taken =
        json!({"status": "error", "message": "exists", "category": "OBJECT_ALREADY_EXISTS"});
    let (told, _) = hubspot("crm.metadata.create_property")
        .path("object_name", "lead")
        .body(&body)
        .answers(409, taken)
        .answers(201, property())
        .answers(200, json!({"results": []}))
        .run();
    assert_snapshot!(told);
}

#[test]
fn hubspot_says_with_a_custom_object_that_a_property_is_required() {
    let body = json!({"id": "stage", "label": "Stage", "type": "text", "raw_details": {"is_required": true}});
    let ships = json!({"results": [{"objectTypeId": "2-7", "name": "ship", "fullyQualifiedName": "p1_ship", "requiredProperties": ["title"]}]});
    let (told, _) = hubspot("crm.metadata.create_property")
        .path("object_name", "ship")
        .body(&body)
        .answers(200, ships.clone())
        .answers(201, json!({"name": "custom_properties"}))
        .answers(201, property())
        .answers(200, ships)
        .answers(
            200,
            json!({"objectTypeId": "2-7", "requiredProperties": ["title", "stage"]}),
        )
        .run();
    assert_snapshot!(told);
}

#[test]
fn hubspot_makes_a_property_in_a_group_of_the_callers() {
    let body = json!({"id": "stage", "label": "Stage", "raw_details": {"groupName": "mine", "fieldType": "html"}});
    let (told, _) = hubspot("crm.metadata.create_property")
        .path("object_name", "account")
        .body(&body)
        .answers(201, property())
        .run();
    assert_snapshot!(told);
}

#[test]
fn hubspot_says_that_a_group_was_made_for_a_property_that_was_refused() {
    let fault = json!({"status": "error", "message": "Property name is bad", "category": "VALIDATION_ERROR"});
    let (told, _) = hubspot("crm.metadata.create_property")
        .path("object_name", "account")
        .body(&json!({"id": "Sta ge", "label": "Stage", "type": "text"}))
        .answers(201, json!({"name": "custom_properties"}))
        .answers(400, fault)
        .run();
    assert_snapshot!(told);
}

#[test]
fn salesforce_makes_a_field_and_grants_it() {
    let body = json!({"id": "stage", "label": "Stage", "type": "picklist", "raw_details": {
        "options": [{"label": "R", "value": "r"}], "inlineHelpText": "help", "metadata": {"description": "native"}}});
    let described = json!({"name": "Invoice__c", "fields": [{"name": "Name", "type": "string"}, {"name": "stage__c", "type": "picklist", "label": "Stage"}]});
    let (told, _) = salesforce("crm.metadata.create_property")
        .path("object_name", "Invoice")
        .body(&body)
        .answers(200, sobjects())
        .answers(
            201,
            json!({"id": "00N5500000000aaEAA", "success": true, "errors": []}),
        )
        .answers(200, me())
        .answers(200, sets())
        .answers(200, granted(&[true]))
        .answers(200, described)
        .run();
    assert_snapshot!(told);
}

#[test]
fn salesforce_makes_a_required_field_without_a_grant() {
    let body = json!({"id": "stage__c", "label": "Stage", "raw_details": {"is_required": true, "default_value": "it's \"x\" \\"}});
    let (told, _) = salesforce("crm.metadata.create_property")
        .path("object_name", "account")
        .body(&json!({"id": body["id"], "label": "Stage", "type": "text", "raw_details": body["raw_details"]}))
        .answers(201, json!({"id": "00N5500000000aaEAA", "success": true, "errors": []}))
        .answers(200, me())
        .answers(200, sets())
        .answers(200, json!({"name": "Account", "fields": []}))
        .run();
    assert_snapshot!(told);
}

#[test]
fn hubspot_makes_a_link_and_finds_the_asked_direction() {
    let labels = json!({"results": [
        {"category": "USER_DEFINED", "typeId": 38, "label": "Owned"}, {"category": "USER_DEFINED", "typeId": 37, "label": "Owned by"}]});
    let (told, _) = hubspot("crm.metadata.create_association")
        .body(&json!({"source_object": "car", "target_object": "account", "suggested_key_name": "owned_by", "display_name": "Owned by"}))
        .answers(200, schemas())
        .answers(200, labels)
        .run();
    assert_snapshot!(told);
}

#[test]
fn salesforce_makes_a_link_with_a_name_of_its_own() {
    let (told, _) = salesforce("crm.metadata.create_association")
        .body(&json!({"source_object": "invoice", "target_object": "account", "suggested_key_name": "payer__c", "display_name": "Payer"}))
        .answers(200, sobjects())
        .answers(201, json!({"id": "00N5500000000aaEAA", "success": true, "errors": []}))
        .answers(200, me())
        .answers(200, sets())
        .answers(200, granted(&[true]))
        .run();
    assert_snapshot!(told);
}

#[test]
fn hubspot_creates_and_lists_records_with_every_property() {
    let names = json!({"results": [{"name": "model"}, {"name": "hs_object_id"}]});
    let row = json!({"id": "5", "properties": {"model": "T", "hs_object_id": "5"}, "createdAt": "2024-01-30T17:51:23.123Z", "updatedAt": "2024-01-31T12:34:56.789Z", "archived": false});
    let (created, _) = hubspot("crm.custom_object.create")
        .path("object_name", "p123456_car")
        .body(&json!({"record": {"model": "T", "doors": 4, "sold": false, "note": null}}))
        .answers(200, schemas())
        .answers(200, names.clone())
        .answers(201, row.clone())
        .answers(200, json!({"status": "COMPLETE", "results": [row]}))
        .run();
    let (listed, _) = hubspot("crm.custom_object.list")
        .path("object_name", "car")
        .query("page_size", "1")
        .query("sync_mode", "full")
        .answers(200, schemas())
        .answers(200, names)
        .answers(200, json!({"results": [row]}))
        .run();
    assert_snapshot!(format!("{created}\n{listed}"));
}

#[test]
fn salesforce_creates_and_lists_records_with_every_field() {
    let fields = json!({"name": "Invoice__c", "fields": [{"name": "Id"}, {"name": "Name"}, {"name": "Amount__c"}, {"name": "SystemModstamp"}]});
    let row = json!({"attributes": {"type": "Invoice__c"}, "Id": "a015500001QdQWaAAN", "Name": "1", "Amount__c": 1.5, "SystemModstamp": "2024-01-31T12:34:56.000+0000"});
    let both = json!({"compositeResponse": [
        {"body": {"id": "a015500001QdQWaAAN", "success": true, "errors": []}, "httpHeaders": {}, "httpStatusCode": 201, "referenceId": "write"},
        {"body": row, "httpHeaders": {}, "httpStatusCode": 200, "referenceId": "row"}]});
    let (created, _) = salesforce("crm.custom_object.create")
        .path("object_name", "invoice")
        .body(&json!({"record": {"Name": "1", "Amount__c": 1.5}}))
        .answers(200, sobjects())
        .answers(200, fields.clone())
        .answers(200, both)
        .run();
    let (listed, _) = salesforce("crm.custom_object.list")
        .path("object_name", "Invoice__c")
        .query("sync_mode", "full")
        .answers(200, sobjects())
        .answers(200, fields)
        .answers(200, json!({"totalSize": 1, "done": true, "records": [row]}))
        .run();
    assert_snapshot!(format!("{created}\n{listed}"));
}
