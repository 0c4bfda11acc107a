//! Objects and fields that callers make (`salesforce.md` §7).

use super::*;

const HEAD: &str = r#"<?xml version="1.0" encoding="UTF-8"?><soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><soapenv:Header xmlns="http://soap.sforce.com/2006/04/metadata"><SessionHeader><sessionId>"#;

pub(super) fn soap_as(org: &Salesforce, session: &str, body: &str) -> (u16, String) {
    let text = format!(
        r#"{HEAD}{session}</sessionId></SessionHeader></soapenv:Header><soapenv:Body xmlns="http://soap.sforce.com/2006/04/metadata">{body}</soapenv:Body></soapenv:Envelope>"#
    );
    let mut headers = HeaderMap::new();
    headers.insert("soapaction", "\"\"".parse().unwrap());
    headers.insert("content-type", "text/xml; charset=utf-8".parse().unwrap());
    let reply = org.handle(&Call {
        method: Method::POST,
        path: "/services/Soap/m/59.0".to_owned(),
        query: String::new(),
        headers,
        body: text.into(),
    });
    assert_eq!(reply.headers["content-type"], "text/xml;charset=UTF-8");
    (
        reply.status.as_u16(),
        String::from_utf8(reply.body.to_vec()).unwrap(),
    )
}

pub(super) fn soap(org: &Salesforce, body: &str) -> String {
    let (status, answer) = soap_as(org, ACCESS_TOKEN, body);
    assert_eq!(status, 200, "{answer}");
    answer
}

pub(super) fn invoice(fields: &str) -> String {
    format!(
        r#"<createMetadata><metadata xsi:type="CustomObject"><fullName>Invoice__c</fullName><deploymentStatus>Deployed</deploymentStatus>{fields}<label>Invoice</label><nameField><label>Name</label><type>Text</type></nameField><pluralLabel>Invoices</pluralLabel><sharingModel>ReadWrite</sharingModel></metadata></createMetadata>"#
    )
}

pub(super) const AMOUNT: &str = "<fields><fullName>Amount__c</fullName><label>Amount</label><precision>18</precision><required>false</required><scale>2</scale><type>Number</type></fields>";

pub(super) fn tooling(org: &Salesforce, full_name: &str, metadata: &Value) -> (u16, Value) {
    call(
        org,
        "POST",
        "/tooling/sobjects/CustomField",
        &json!({"FullName": full_name, "Metadata": metadata}),
    )
}

/// The permission set in the shadow of the user's profile.
pub(super) fn permission_set(org: &Salesforce) -> String {
    let soql = format!(
        "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true AND ProfileId IN (SELECT ProfileId FROM User WHERE Id = '{}')",
        State::user_id()
    );
    let (status, found) = ask(org, &soql);
    assert_eq!((status, &found["totalSize"]), (200, &json!(1)), "{found}");
    found["records"][0]["Id"].as_str().unwrap().to_owned()
}

pub(super) fn grant_object(org: &Salesforce, object: &str) {
    create(
        org,
        "ObjectPermissions",
        &json!({"ParentId": permission_set(org), "SobjectType": object,
        "PermissionsRead": true, "PermissionsCreate": true, "PermissionsEdit": true, "PermissionsDelete": true}),
    );
}

pub(super) fn grant_field(org: &Salesforce, field: &str) -> String {
    let object = field.split_once('.').unwrap().0;
    create(
        org,
        "FieldPermissions",
        &json!({"ParentId": permission_set(org), "SobjectType": object, "Field": field,
        "PermissionsRead": true, "PermissionsEdit": true}),
    )
}

#[test]
fn soap_refuses_in_results_and_faults() {
    let org = empty();
    soap(&org, &invoice(""));
    let again = soap(&org, &invoice(""));
    assert!(again.contains("<statusCode>DUPLICATE_DEVELOPER_NAME</statusCode></errors><fullName>Invoice__c</fullName><success>false</success>"), "{again}");
    let field = |name: &str| {
        soap(
            &org,
            &format!(
                r#"<createMetadata><metadata xsi:type="CustomField"><fullName>Account.{name}</fullName><label>Tier &amp; more</label><length>20</length><type>Text</type></metadata></createMetadata>"#
            ),
        )
    };
    assert!(field("Tier__c").contains("<success>true</success>"));
    assert!(field("Tier__c").contains("<message>There is already a field named Tier on Account.</message><statusCode>DUPLICATE_DEVELOPER_NAME"));
    assert!(field("a__b__c").contains("FIELD_INTEGRITY_EXCEPTION"));
    let (status, dead) = soap_as(&org, "nobody", &invoice(""));
    assert_eq!(status, 500);
    assert!(dead.contains("<soapenv:Fault><faultcode>sf:INVALID_SESSION_ID</faultcode><faultstring>INVALID_SESSION_ID: Invalid Session ID found in SessionHeader"), "{dead}");
    let (status, unknown) = soap_as(&org, ACCESS_TOKEN, "<destroyMetadata/>");
    assert_eq!(status, 500);
    assert!(unknown.contains("soapenv:Client"));
    let eleven = r#"<metadata xsi:type="CustomField"/>"#.repeat(11);
    assert_eq!(
        soap_as(
            &org,
            ACCESS_TOKEN,
            &format!("<createMetadata>{eleven}</createMetadata>")
        )
        .0,
        500
    );
    // An object whose field is refused is not made.
    let broken = invoice(
        "<fields><fullName>On__c</fullName><label>On</label><type>Checkbox</type></fields>",
    )
    .replace("Invoice__c", "Broken__c");
    assert!(soap(&org, &broken).contains("FIELD_INTEGRITY_EXCEPTION"));
    let read = soap(
        &org,
        "<readMetadata><type>CustomObject</type><fullNames>Broken__c</fullNames></readMetadata>",
    );
    assert!(
        read.contains(r#"<result><records xsi:nil="true"/></result>"#),
        "{read}"
    );
}

#[test]
fn what_was_made_can_be_read_by_either_api() {
    let org = empty();
    let stage = "<fields><fullName>Stage__c</fullName><label>Stage</label><type>Picklist</type><valueSet><restricted>true</restricted><valueSetDefinition><sorted>false</sorted><value><fullName>new</fullName><default>true</default><label>Brand new</label></value></valueSetDefinition></valueSet></fields>";
    soap(&org, &invoice(&format!("{AMOUNT}{stage}")));
    let read = soap(
        &org,
        "<readMetadata><type>CustomObject</type><fullNames>Invoice__c</fullNames></readMetadata>",
    );
    assert!(
        read.contains(r#"<records xsi:type="CustomObject"><fullName>Invoice__c</fullName>"#),
        "{read}"
    );
    assert!(read.contains("<precision>18</precision>"), "{read}");
    let field = soap(
        &org,
        "<readMetadata><type>CustomField</type><fullNames>Invoice__c.Stage__c</fullNames></readMetadata>",
    );
    assert!(
        field.contains("<fullName>new</fullName>") && !field.contains("valueName"),
        "{field}"
    );
    let query = "/tooling/query?q=SELECT+Id,DeveloperName,TableEnumOrId,Metadata+FROM+CustomField+WHERE+DeveloperName='Stage'";
    let (status, found) = call(&org, "GET", query, &Value::Null);
    assert_eq!((status, &found["totalSize"]), (200, &json!(1)), "{found}");
    let row = &found["records"][0];
    assert!(row["TableEnumOrId"].as_str().unwrap().starts_with("01I"));
    assert_eq!(
        row["Metadata"]["valueSet"]["valueSetDefinition"]["value"][0]["valueName"],
        "new"
    );
    assert_eq!(row["Metadata"]["valueSet"]["restricted"], true);
    grant_object(&org, "Invoice__c");
    grant_field(&org, "Invoice__c.Stage__c");
    let (_, described) = call(&org, "GET", "/sobjects/Invoice__c/describe", &Value::Null);
    let fields = described["fields"].as_array().unwrap();
    let field = fields
        .iter()
        .find(|field| field["name"] == "Stage__c")
        .unwrap();
    assert_eq!(
        field["picklistValues"],
        json!([{"active": true, "defaultValue": true, "label": "Brand new", "validFor": null, "value": "new"}])
    );
    let id = create(&org, "Invoice__c", &json!({}));
    let (_, made) = call(
        &org,
        "GET",
        &format!("/sobjects/Invoice__c/{id}?fields=Name,Stage__c"),
        &Value::Null,
    );
    assert_eq!(
        (&made["Name"], &made["Stage__c"]),
        (&json!(id), &json!("new"))
    );
    let other = call(
        &org,
        "POST",
        "/sobjects/Invoice__c",
        &json!({"Stage__c": "old"}),
    );
    assert_eq!(fault(other).1, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
}

#[test]
fn the_tooling_api_makes_changes_and_removes_fields() {
    let org = empty();
    let text = json!({"label": "Tier", "type": "Text", "length": 10});
    let (status, saved) = tooling(&org, "Account.Tier__c", &text);
    assert_eq!(status, 201);
    let id = saved["id"].as_str().unwrap().to_owned();
    assert_eq!(
        saved,
        json!({"id": id, "success": true, "errors": [], "warnings": [], "infos": []})
    );
    assert!(id.starts_with("00N"));
    let (_, found) = call(
        &org,
        "GET",
        "/tooling/query?q=SELECT+Id+FROM+CustomField+WHERE+TableEnumOrId='Account'+AND+DeveloperName='Tier'",
        &Value::Null,
    );
    assert_eq!(found["records"][0]["Id"], id.as_str());
    assert_eq!(
        found["records"][0]["attributes"]["url"],
        format!("/services/data/v59.0/tooling/sobjects/CustomField/{id}")
    );
    // The data API does not know it.
    assert_eq!(
        fault(ask(&org, "SELECT Id FROM CustomField")).1,
        "INVALID_TYPE"
    );
    assert_eq!(
        call(&org, "POST", "/tooling/sobjects/CustomObject", &json!({})).0,
        405
    );
    grant_field(&org, "Account.Tier__c");
    let tiered = |tier: &str| {
        call(
            &org,
            "POST",
            "/sobjects/Account",
            &json!({"Name": "A", "Tier__c": tier}),
        )
    };
    assert_eq!(fault(tiered(&"x".repeat(11))).1, "STRING_TOO_LONG");
    let wider = json!({"Metadata": {"label": "Tier", "type": "Text", "length": 20}});
    assert_eq!(
        call(
            &org,
            "PATCH",
            &format!("/tooling/sobjects/CustomField/{id}"),
            &wider
        )
        .0,
        204
    );
    assert_eq!(tiered(&"x".repeat(11)).0, 201);
    let (_, row) = call(
        &org,
        "GET",
        &format!("/tooling/sobjects/CustomField/{id}"),
        &Value::Null,
    );
    assert_eq!(
        (&row["FullName"], &row["Metadata"]["length"]),
        (&json!("Account.Tier__c"), &json!(20))
    );
    assert_eq!(
        call(
            &org,
            "DELETE",
            &format!("/tooling/sobjects/CustomField/{id}"),
            &Value::Null
        )
        .0,
        204
    );
    assert_eq!(fault(tiered("x")).1, "INVALID_FIELD");
    assert_eq!(
        ask(&org, "SELECT COUNT() FROM FieldPermissions").1["totalSize"],
        0
    );
}

#[test]
fn each_type_has_what_it_needs_and_nothing_else() {
    let org = empty();
    let values = json!({"restricted": false, "valueSetDefinition": {"sorted": false, "value": [{"valueName": "a", "label": "A", "default": false}]}});
    let refused = [
        (
            json!({"type": "Text", "length": 10}),
            "REQUIRED_FIELD_MISSING",
        ),
        (
            json!({"label": "L", "type": "Text"}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "Text", "length": 256}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "TextArea", "length": 10}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "LongTextArea", "length": 255, "visibleLines": 4}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "LongTextArea", "length": 1000}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "Number", "precision": 18}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "Number", "precision": 19, "scale": 0}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "Number", "precision": 2, "scale": 3}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "Checkbox"}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "Checkbox", "defaultValue": "false", "required": true}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "Picklist"}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "MultiselectPicklist", "valueSet": values}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "Picklist", "valueSet": {"valueSetDefinition": {"value": [{"fullName": "a"}]}}}),
            "REQUIRED_FIELD_MISSING",
        ),
        (
            json!({"label": "L", "type": "Lookup", "referenceTo": "Nothing__c", "relationshipName": "R"}),
            "FIELD_INTEGRITY_EXCEPTION",
        ),
        (
            json!({"label": "L", "type": "Unheard"}),
            "JSON_PARSER_ERROR",
        ),
    ];
    for (metadata, code) in refused {
        let (status, found, message, _) = fault(tooling(&org, "Account.New__c", &metadata));
        assert_eq!(
            (status, found.as_str()),
            (400, code),
            "{metadata}: {message}"
        );
    }
    assert_eq!(
        fault(tooling(
            &org,
            "Nothing__c.New__c",
            &json!({"label": "L", "type": "Url"})
        ))
        .1,
        "INVALID_TYPE"
    );
    let taken = [
        json!({"label": "L", "type": "Text", "length": 255}),
        json!({"label": "L", "type": "LongTextArea", "length": 131_072, "visibleLines": 4}),
        json!({"label": "L", "type": "TextArea"}),
        json!({"label": "L", "type": "Number", "precision": 18, "scale": 18}),
        json!({"label": "L", "type": "Checkbox", "defaultValue": "false", "required": false}),
        json!({"label": "L", "type": "Picklist", "valueSet": values}),
        json!({"label": "L", "type": "MultiselectPicklist", "visibleLines": 4, "valueSet": values}),
        json!({"label": "L", "type": "Date"}),
        json!({"label": "L", "type": "DateTime"}),
        json!({"label": "L", "type": "Url"}),
        json!({"label": "L", "type": "Lookup", "referenceTo": "Account", "relationshipName": "Others"}),
    ];
    for (number, metadata) in taken.iter().enumerate() {
        let (status, saved) = tooling(&org, &format!("Account.New{number}__c"), metadata);
        assert_eq!(status, 201, "{metadata}: {saved}");
    }
    let clash = json!({"label": "L", "type": "Lookup", "referenceTo": "Account", "relationshipName": "Others"});
    let (status, code, message, _) = fault(tooling(&org, "Contact.Second__c", &clash));
    assert_eq!((status, code.as_str()), (400, "DUPLICATE_DEVELOPER_NAME"));
    assert_eq!(
        message,
        "There is already a Child Relationship named Others on Account."
    );
}

#[test]
fn fields_are_made_in_a_composite_of_the_tooling_api() {
    let org = empty();
    let root = "/services/data/v59.0/tooling";
    let part = |name: &str, label: &str| json!({"method": "POST", "url": format!("{root}/sobjects/CustomField"), "referenceId": name, "body": {"FullName": format!("Account.{name}__c"), "Metadata": {"label": label, "type": "Url"}}});
    let (status, answer) = call(
        &org,
        "POST",
        "/tooling/composite",
        &json!({"allOrNone": false, "compositeRequest": [part("One", "1"), part("Two", "")]}),
    );
    assert_eq!(status, 200);
    assert_eq!(answer["compositeResponse"][0]["httpStatusCode"], 201);
    assert_eq!(
        answer["compositeResponse"][1]["body"][0]["errorCode"],
        "REQUIRED_FIELD_MISSING"
    );
    // The two APIs do not mix.
    let data = json!({"compositeRequest": [{"method": "GET", "url": "/services/data/v59.0/sobjects", "referenceId": "a"}]});
    assert_eq!(
        call(&org, "POST", "/tooling/composite", &data).1["compositeResponse"][0]["httpStatusCode"],
        404
    );
}

#[test]
fn rows_of_an_object_may_be_called_by_number() {
    let org = empty();
    let numbered = invoice("").replace(
        "<type>Text</type>",
        "<displayFormat>INV-{0000}</displayFormat><type>AutoNumber</type>",
    );
    soap(&org, &numbered);
    grant_object(&org, "Invoice__c");
    create(&org, "Invoice__c", &json!({}));
    create(&org, "Invoice__c", &json!({}));
    let (_, found) = ask(&org, "SELECT Name FROM Invoice__c ORDER BY Name DESC");
    assert_eq!(found["records"][0]["Name"], "INV-0002");
    assert_eq!(
        fault(call(
            &org,
            "POST",
            "/sobjects/Invoice__c",
            &json!({"Name": "x"})
        ))
        .1,
        "INVALID_FIELD_FOR_INSERT_UPDATE"
    );
}
