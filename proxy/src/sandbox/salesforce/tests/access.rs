//! Field-level security: what is hidden is nowhere (`salesforce.md` §5).

use super::*;

fn hiding(fields: &Value) -> Salesforce {
    let org = empty();
    org.configure(&json!({"hidden_fields": fields})).unwrap();
    org
}

#[test]
fn a_hidden_field_is_in_no_describe_and_no_row() {
    let org = hiding(&json!({"account": ["fax", "BillingStreet"]}));
    let id = create(
        &org,
        "Account",
        &json!({"Name": "A", "BillingCity": "Oslo"}),
    );
    let (_, described) = call(&org, "GET", "/sobjects/Account/describe", &Value::Null);
    let names: Vec<&Value> = described["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| &field["name"])
        .collect();
    assert_eq!(names.len(), 62);
    assert!(!names.contains(&&json!("Fax")) && !names.contains(&&json!("BillingStreet")));
    let (_, row) = call(
        &org,
        "GET",
        &format!("/sobjects/Account/{id}"),
        &Value::Null,
    );
    assert!(row.get("Fax").is_none() && row.get("BillingCity").is_some());
    let (_, all) = ask(&org, "SELECT FIELDS(ALL) FROM Account LIMIT 1");
    assert!(all["records"][0].get("Fax").is_none());
}

#[test]
fn naming_a_hidden_field_is_refused_everywhere() {
    let org = hiding(&json!({"Account": ["Fax"]}));
    let id = create(&org, "Account", &json!({"Name": "A"}));
    let words = "No such column 'Fax' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names.";
    let marked = |query: &str, at: usize| {
        format!(
            "\n{query}\n{}^\nERROR at Row:1:Column:{at}\n{words}",
            " ".repeat(at - 1)
        )
    };
    for (query, at) in [
        ("SELECT Fax FROM Account", 8),
        ("SELECT Id FROM Account WHERE Fax = '1'", 30),
        ("SELECT Id FROM Account ORDER BY Fax", 33),
    ] {
        let (status, code, message, fields) = fault(ask(&org, query));
        assert_eq!(
            (status, code.as_str(), fields),
            (400, "INVALID_FIELD", Value::Null)
        );
        assert_eq!(message, marked(query, at));
    }
    let parent = fault(ask(&org, "SELECT Account.Fax FROM Contact"));
    assert!(
        parent
            .2
            .contains("No such column 'Fax' on entity 'Account'"),
        "{}",
        parent.2
    );
    let row = fault(call(
        &org,
        "GET",
        &format!("/sobjects/Account/{id}?fields=Id,Fax"),
        &Value::Null,
    ));
    assert_eq!((row.0, row.1.as_str()), (400, "INVALID_FIELD"));
    let many = fault(call(
        &org,
        "POST",
        "/composite/sobjects/Account",
        &json!({"ids": [id], "fields": ["Fax"]}),
    ));
    assert_eq!((many.0, many.1.as_str()), (400, "INVALID_FIELD"));
    for (method, target) in [
        ("POST", "/sobjects/Account".to_owned()),
        ("PATCH", format!("/sobjects/Account/{id}")),
    ] {
        let (status, code, message, _) = fault(call(
            &org,
            method,
            &target,
            &json!({"Name": "A", "fax": "1"}),
        ));
        assert_eq!(
            (status, code.as_str(), message.as_str()),
            (
                400,
                "INVALID_FIELD",
                "No such column 'fax' on sobject of type Account"
            )
        );
    }
}

#[test]
fn a_hidden_part_does_not_show_in_its_address() {
    let org = empty();
    let id = create(
        &org,
        "Account",
        &json!({"Name": "A", "BillingStreet": "1 Main", "BillingCity": "Oslo"}),
    );
    let lead = create(
        &org,
        "Lead",
        &json!({"LastName": "L", "Company": "C", "Street": "1 Main"}),
    );
    org.configure(&json!({"hidden_fields": {"Account": ["BillingStreet"], "Lead": ["Street"]}}))
        .unwrap();
    let (_, row) = call(
        &org,
        "GET",
        &format!("/sobjects/Account/{id}?fields=BillingAddress"),
        &Value::Null,
    );
    assert_eq!(
        (
            &row["BillingAddress"]["street"],
            &row["BillingAddress"]["city"]
        ),
        (&Value::Null, &json!("Oslo"))
    );
    let (_, found) = ask(
        &org,
        &format!("SELECT Address FROM Lead WHERE Id = '{lead}'"),
    );
    assert_eq!(found["records"][0]["Address"], Value::Null);
    // A reference that is hidden leads nowhere either.
    org.configure(&json!({"hidden_fields": {"Contact": ["AccountId"]}}))
        .unwrap();
    assert_eq!(
        fault(ask(&org, "SELECT Account.Name FROM Contact")).1,
        "INVALID_FIELD"
    );
}

#[test]
fn what_cannot_be_hidden_is_refused_by_the_setting() {
    let org = empty();
    for (fields, word) in [
        (json!({"Account": ["Name"]}), "Name"),
        (json!({"Account": ["SystemModstamp"]}), "SystemModstamp"),
        (json!({"Account": ["Unheard"]}), "Unheard"),
    ] {
        assert!(
            org.configure(&json!({"hidden_fields": fields}))
                .unwrap_err()
                .contains(word)
        );
    }
}

#[test]
fn a_reset_keeps_what_is_hidden_and_forgets_what_was_granted() {
    let org = hiding(&json!({"Account": ["Fax"]}));
    let hidden = |org: &Salesforce| ask(org, "SELECT Fax FROM Account").0 == 400;
    assert!(hidden(&org));
    let (_, found) = ask(
        &org,
        "SELECT Id FROM PermissionSet WHERE Profile.Name = 'System Administrator'",
    );
    let grant = json!({"ParentId": found["records"][0]["Id"], "SobjectType": "Account", "Field": "Account.Fax", "PermissionsRead": true, "PermissionsEdit": true});
    create(&org, "FieldPermissions", &grant);
    assert!(!hidden(&org));
    org.reset(true);
    assert!(hidden(&org));
    assert_eq!(org.settings()["hidden_fields"], json!({"Account": ["Fax"]}));
    // Hiding takes the grant away.
    create(&org, "FieldPermissions", &grant);
    org.configure(&json!({"hidden_fields": {"Account": ["Fax"]}}))
        .unwrap();
    assert!(hidden(&org));
    org.configure(&json!({"hidden_fields": {}})).unwrap();
    assert!(!hidden(&org));
}

#[test]
fn a_reset_keeps_custom_fields_of_the_settings() {
    let org = empty();
    org.configure(&json!({"custom_fields": {"Account": [{"name": "Tier__c"}]}}))
        .unwrap();
    org.reset(true);
    create(&org, "Account", &json!({"Name": "A", "Tier__c": "gold"}));
    assert_eq!(
        ask(&org, "SELECT FIELDS(CUSTOM) FROM Account LIMIT 1").1["records"][0]["Tier__c"],
        "gold"
    );
}

#[test]
fn a_describe_that_is_known_is_not_sent_again() {
    let org = empty();
    for target in [
        "/services/data/v59.0/sobjects/Account/describe",
        "/services/data/v59.0/sobjects",
    ] {
        let reply = send(&org, "GET", target, &Value::Null, &[]);
        let changed = reply.headers["last-modified"].to_str().unwrap().to_owned();
        let since = |since: &str| {
            send(
                &org,
                "GET",
                target,
                &Value::Null,
                &[("if-modified-since", since)],
            )
        };
        let known = since(&changed);
        assert_eq!((known.status.as_u16(), known.body.len()), (304, 0));
        assert_eq!(since("Mon, 01 Jan 2024 00:00:00 GMT").status, 200);
    }
    let known =
        httpdate::fmt_http_date(std::time::SystemTime::now() - std::time::Duration::from_mins(1));
    let field = json!({"FullName": "Account.New__c", "Metadata": {"label": "New", "type": "Url"}});
    call(&org, "POST", "/tooling/sobjects/CustomField", &field);
    let target = "/services/data/v59.0/sobjects/Account/describe";
    assert_eq!(
        send(
            &org,
            "GET",
            target,
            &Value::Null,
            &[("if-modified-since", &known)]
        )
        .status,
        200
    );
}
