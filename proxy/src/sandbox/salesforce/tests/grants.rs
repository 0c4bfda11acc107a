//! The grants without which nobody sees what was made by API (`salesforce.md` §7.4).

use super::{
    metadata::{AMOUNT, grant_field, grant_object, invoice, permission_set, soap, tooling},
    *,
};

#[test]
fn an_object_is_nobodys_until_it_is_granted() {
    let org = empty();
    let answer = soap(&org, &invoice(AMOUNT));
    assert!(answer.contains("<createMetadataResponse><result><fullName>Invoice__c</fullName><success>true</success></result></createMetadataResponse>"), "{answer}");
    assert_eq!(
        fault(ask(&org, "SELECT Id FROM Invoice__c")).1,
        "INVALID_TYPE"
    );
    assert_eq!(
        fault(call(
            &org,
            "POST",
            "/sobjects/Invoice__c",
            &json!({"Name": "I"})
        ))
        .1,
        "NOT_FOUND"
    );
    assert_eq!(
        call(&org, "GET", "/sobjects/Invoice__c/describe", &Value::Null).0,
        404
    );
    let is_listed = || {
        let (_, global) = call(&org, "GET", "/sobjects", &Value::Null);
        let objects = global["sobjects"].as_array().unwrap().clone();
        objects
            .into_iter()
            .find(|object| object["name"] == "Invoice__c")
    };
    assert!(is_listed().is_none());
    grant_object(&org, "Invoice__c");
    let listed = is_listed().unwrap();
    assert_eq!(
        (
            &listed["custom"],
            &listed["keyPrefix"],
            &listed["labelPlural"]
        ),
        (&json!(true), &json!("a00"), &json!("Invoices"))
    );
    assert!(create(&org, "Invoice__c", &json!({"Name": "I"})).starts_with("a00"));
    // The field needs a grant of its own.
    let refused = call(
        &org,
        "POST",
        "/sobjects/Invoice__c",
        &json!({"Name": "I", "Amount__c": 1}),
    );
    assert_eq!(
        fault(refused),
        (
            400,
            "INVALID_FIELD".to_owned(),
            "No such column 'Amount__c' on sobject of type Invoice__c".to_owned(),
            Value::Null
        )
    );
    assert_eq!(
        fault(ask(&org, "SELECT Amount__c FROM Invoice__c")).1,
        "INVALID_FIELD"
    );
    let permission = grant_field(&org, "Invoice__c.Amount__c");
    create(
        &org,
        "Invoice__c",
        &json!({"Name": "J", "Amount__c": 12.345}),
    );
    let (_, found) = ask(
        &org,
        "SELECT Name, Amount__c FROM Invoice__c WHERE Amount__c > 12",
    );
    assert_eq!(
        (&found["totalSize"], &found["records"][0]["Amount__c"]),
        (&json!(1), &json!(12.35))
    );
    // Reading alone is less.
    let reads = json!({"PermissionsEdit": false});
    assert_eq!(
        call(
            &org,
            "PATCH",
            &format!("/sobjects/FieldPermissions/{permission}"),
            &reads
        )
        .0,
        204
    );
    let refused = call(
        &org,
        "POST",
        "/sobjects/Invoice__c",
        &json!({"Amount__c": 1}),
    );
    assert_eq!(fault(refused).1, "INVALID_FIELD_FOR_INSERT_UPDATE");
    let (_, described) = call(&org, "GET", "/sobjects/Invoice__c/describe", &Value::Null);
    let fields = described["fields"].as_array().unwrap();
    let amount = fields
        .iter()
        .find(|field| field["name"] == "Amount__c")
        .unwrap();
    assert_eq!(
        (
            &amount["createable"],
            &amount["precision"],
            &amount["scale"],
            &amount["custom"]
        ),
        (&json!(false), &json!(18), &json!(2), &json!(true))
    );
    call(
        &org,
        "DELETE",
        &format!("/sobjects/FieldPermissions/{permission}"),
        &Value::Null,
    );
    assert_eq!(
        fault(ask(&org, "SELECT Amount__c FROM Invoice__c")).1,
        "INVALID_FIELD"
    );
}

#[test]
fn a_required_field_is_everybodys_and_takes_no_grant() {
    let org = empty();
    let required = json!({"label": "Code", "type": "Text", "length": 10, "required": true});
    assert_eq!(tooling(&org, "Account.Code__c", &required).0, 201);
    assert_eq!(
        fault(call(
            &org,
            "POST",
            "/sobjects/Account",
            &json!({"Name": "A"})
        ))
        .3,
        json!(["Code__c"])
    );
    create(&org, "Account", &json!({"Name": "A", "Code__c": "1"}));
    let set = permission_set(&org);
    let grant = |field: &str, reads: bool| {
        let object = field.split_once('.').unwrap().0;
        fault(call(
            &org,
            "POST",
            "/sobjects/FieldPermissions",
            &json!({"ParentId": set, "SobjectType": object, "Field": field, "PermissionsRead": reads, "PermissionsEdit": true}),
        ))
    };
    let (status, code, message, _) = grant("Account.Code__c", true);
    assert_eq!(
        (status, code.as_str(), message.as_str()),
        (
            400,
            "FIELD_INTEGRITY_EXCEPTION",
            "You cannot deploy to a required field: Account.Code__c"
        )
    );
    assert_eq!(
        grant("Account.Name", true).1,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    );
    assert_eq!(
        grant("Account.Unheard__c", true).1,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    );
    assert_eq!(grant("Account.Fax", false).1, "FIELD_INTEGRITY_EXCEPTION");
    grant_field(&org, "Account.Fax");
    assert_eq!(grant("Account.Fax", true).1, "DUPLICATE_VALUE");
}

#[test]
fn grants_go_through_collections_and_composite() {
    let org = empty();
    for name in ["One__c", "Two__c"] {
        assert_eq!(
            tooling(
                &org,
                &format!("Account.{name}"),
                &json!({"label": name, "type": "Url"})
            )
            .0,
            201
        );
    }
    let set = permission_set(&org);
    let grant = |name: &str| json!({"attributes": {"type": "FieldPermissions"}, "ParentId": set, "SobjectType": "Account", "Field": format!("Account.{name}"), "PermissionsRead": true, "PermissionsEdit": true});
    let (_, results) = call(
        &org,
        "POST",
        "/composite/sobjects",
        &json!({"allOrNone": false, "records": [grant("One__c"), grant("Unheard__c")]}),
    );
    assert_eq!(
        (
            &results[0]["success"],
            &results[1]["errors"][0]["statusCode"]
        ),
        (
            &json!(true),
            &json!("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST")
        )
    );
    let part = json!({"compositeRequest": [{"method": "POST", "url": "/services/data/v59.0/sobjects/FieldPermissions", "referenceId": "a", "body": grant("Two__c")}]});
    let (_, answer) = call(&org, "POST", "/composite", &part);
    assert_eq!(answer["compositeResponse"][0]["httpStatusCode"], 201);
    create(
        &org,
        "Account",
        &json!({"Name": "A", "One__c": "x.example", "Two__c": "y.example"}),
    );
    let found = ask(
        &org,
        "SELECT Id FROM FieldPermissions WHERE SobjectType = 'Account'",
    )
    .1;
    assert_eq!(found["totalSize"], 2);
}

#[test]
fn a_lookup_leads_to_its_parent_and_notes_can_be_linked_to_what_was_made() {
    let org = empty();
    soap(&org, &invoice(""));
    grant_object(&org, "Invoice__c");
    let lookup = json!({"label": "Account", "type": "Lookup", "referenceTo": "Account", "relationshipName": "Invoices"});
    assert_eq!(tooling(&org, "Invoice__c.Account__c", &lookup).0, 201);
    grant_field(&org, "Invoice__c.Account__c");
    let account = create(&org, "Account", &json!({"Name": "A"}));
    let id = create(
        &org,
        "Invoice__c",
        &json!({"Name": "I", "Account__c": account}),
    );
    let (_, found) = ask(
        &org,
        "SELECT Account__r.Name FROM Invoice__c WHERE Account__r.Name = 'A'",
    );
    assert_eq!(found["records"][0]["Account__r"]["Name"], "A");
    let (_, described) = call(&org, "GET", "/sobjects/Account/describe", &Value::Null);
    let children = described["childRelationships"].as_array().unwrap();
    assert!(children.iter().any(|it| it["childSObject"] == "Invoice__c" && it["relationshipName"] == "Invoices__r"));
    create(&org, "Note", &json!({"Title": "T", "ParentId": id}));
}

#[test]
fn the_user_and_the_permission_set_are_found_in_two_queries_too() {
    let org = empty();
    let (_, user) = ask(
        &org,
        &format!(
            "SELECT ProfileId FROM User WHERE Id = '{}'",
            State::user_id()
        ),
    );
    let profile = user["records"][0]["ProfileId"].as_str().unwrap();
    assert!(profile.starts_with("00e"));
    let (_, sets) = ask(
        &org,
        &format!("SELECT Id, IsOwnedByProfile FROM PermissionSet WHERE ProfileId = '{profile}'"),
    );
    assert_eq!(sets["records"][0]["Id"], permission_set(&org).as_str());
    assert_eq!(sets["records"][0]["IsOwnedByProfile"], true);
}
