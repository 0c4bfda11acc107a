//! Single rows: what is answered, and what is refused in which words.

use super::*;

#[test]
fn a_row_has_its_attributes_first_and_its_times_in_seconds() {
    let org = empty();
    let values = json!({"name": "Acme", "BILLINGSTREET": "1 Market St\nSuite 300"});
    let reply = send(
        &org,
        "POST",
        "/services/data/v62.0/sobjects/account",
        &values,
        &[],
    );
    let saved: Value = serde_json::from_slice(&reply.body).unwrap();
    let id = saved["id"].as_str().unwrap();
    assert_eq!(saved, json!({"id": id, "success": true, "errors": []}));
    let address = format!("/services/data/v62.0/sobjects/Account/{id}");
    assert_eq!(reply.headers["location"], address.as_str());
    let target = format!("{address}?fields=id,Name,website,BillingAddress,SystemModstamp");
    let row: Value =
        serde_json::from_slice(&send(&org, "GET", &target, &Value::Null, &[]).body).unwrap();
    let stamp = row["SystemModstamp"].as_str().unwrap();
    assert!(stamp.len() == 28 && stamp.ends_with(".000+0000"), "{stamp}");
    let expected = json!({
        "attributes": {"type": "Account", "url": address}, "Id": id, "Name": "Acme", "Website": null,
        "BillingAddress": {"city": null, "country": null, "geocodeAccuracy": null, "latitude": null, "longitude": null,
            "postalCode": null, "state": null, "street": "1 Market St\nSuite 300"},
        "SystemModstamp": stamp,
    });
    assert_eq!(row.to_string(), expected.to_string());
}

#[test]
fn every_visible_field_comes_when_none_is_named() {
    let org = empty();
    let id = create(&org, "Contact", &json!({"LastName": "L", "FirstName": "F"}));
    let (_, row) = call(
        &org,
        "GET",
        &format!("/sobjects/Contact/{id}"),
        &Value::Null,
    );
    // The 59 of the describe, and the attributes.
    assert_eq!(row.as_object().unwrap().len(), 60);
    assert_eq!(
        (&row["Name"], &row["MailingAddress"]),
        (&json!("F L"), &Value::Null)
    );
    assert_eq!(row["OwnerId"].as_str().unwrap().len(), 18);
}

#[test]
fn values_are_refused_by_their_labels() {
    let org = empty();
    let contact = create(&org, "Contact", &json!({"LastName": "L"}));
    let long = "a".repeat(256);
    let cases = [
        (
            json!({"LastName": null}),
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [LastName]",
            json!(["LastName"]),
        ),
        (
            json!({"LastName": "L", "Email": "Not a real email address"}),
            "INVALID_EMAIL_ADDRESS",
            "Email: invalid email address: Not a real email address",
            json!(["Email"]),
        ),
        (
            json!({"LastName": "L", "CleanStatus": "X"}),
            "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            "Clean Status: bad value for restricted picklist field: X",
            json!(["CleanStatus"]),
        ),
        (
            json!({"LastName": "L", "AccountId": "006B000002nBrQ"}),
            "MALFORMED_ID",
            "Account ID: id value of incorrect type: 006B000002nBrQ",
            json!(["AccountId"]),
        ),
        (
            json!({"LastName": "L", "AccountId": contact}),
            "MALFORMED_ID",
            &format!("Account ID: id value of incorrect type: {contact}"),
            json!(["AccountId"]),
        ),
        (
            json!({"LastName": "L", "AccountId": "0015500001QdQWaAAN"}),
            "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
            "insufficient access rights on cross-reference id: 0015500001QdQWa",
            json!([]),
        ),
        (
            json!({"LastName": "L", "Name": "N"}),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: Name. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
            json!(["Name"]),
        ),
        (
            json!({"LastName": "L", "foo": 1}),
            "INVALID_FIELD",
            "No such column 'foo' on sobject of type Contact",
            Value::Null,
        ),
        (
            json!({"LastName": "L", "EmailBouncedDate": "xyz"}),
            "JSON_PARSER_ERROR",
            "Cannot deserialize instance of datetime from VALUE_STRING value xyz or request may be missing a required field at [line:1, column:1]",
            Value::Null,
        ),
    ];
    for (body, code, message, fields) in cases {
        assert_eq!(
            fault(call(&org, "POST", "/sobjects/Contact", &body)),
            (400, code.to_owned(), message.to_owned(), fields)
        );
    }
    let (status, code, message, fields) = fault(call(
        &org,
        "POST",
        "/sobjects/Account",
        &json!({"Name": long}),
    ));
    assert_eq!(
        (status, code.as_str(), fields),
        (400, "STRING_TOO_LONG", json!(["Name"]))
    );
    assert!(
        message.starts_with("Account Name: data value too large: a"),
        "{message}"
    );
    assert!(message.ends_with("(max length=255)"), "{message}");
}

#[test]
fn a_written_time_may_have_any_zone() {
    let org = empty();
    for written in [
        "2024-01-31T13:34:56+01:00",
        "2024-01-31T12:34:56.789Z",
        "2024-01-31T12:34:56.000+0000",
    ] {
        let id = create(
            &org,
            "Contact",
            &json!({"LastName": "L", "EmailBouncedDate": written}),
        );
        let target = format!("/sobjects/Contact/{id}?fields=EmailBouncedDate");
        let (_, row) = call(&org, "GET", &target, &Value::Null);
        assert_eq!(
            row["EmailBouncedDate"], "2024-01-31T12:34:56.000+0000",
            "{written}"
        );
    }
}

#[test]
fn bodies_that_are_no_json_are_refused() {
    let org = empty();
    let json = |body: &'static str| {
        let call = Call {
            method: Method::POST,
            path: "/services/data/v59.0/sobjects/Account".to_owned(),
            query: String::new(),
            headers: HeaderMap::from_iter([
                (
                    "authorization".parse().unwrap(),
                    format!("Bearer {ACCESS_TOKEN}").parse().unwrap(),
                ),
                (
                    "content-type".parse().unwrap(),
                    "application/json".parse().unwrap(),
                ),
            ]),
            body: body.into(),
        };
        let reply = org.handle(&call);
        fault((
            reply.status.as_u16(),
            serde_json::from_slice(&reply.body).unwrap(),
        ))
    };
    let (status, code, message, _) = json("{\"Name\": j}");
    assert_eq!((status, code.as_str()), (400, "JSON_PARSER_ERROR"));
    assert!(
        message.starts_with("Unexpected character ('j' (code 106)): was expecting"),
        "{message}"
    );
    assert!(message.ends_with("at [line:1, column:10]"), "{message}");
    assert_eq!(
        json("").2,
        "The HTTP entity body is required, but this request has no entity body."
    );
}

#[test]
fn paths_that_lead_nowhere_are_refused() {
    let org = empty();
    let none = Value::Null;
    let at = |method: &str, target: &str, body: &Value| {
        let (status, code, message, _) = fault(call(&org, method, target, body));
        (status, code, message)
    };
    let answer = |status, code: &str, message: &str| (status, code.to_owned(), message.to_owned());
    let missing = answer(404, "NOT_FOUND", "The requested resource does not exist");
    assert_eq!(
        at("GET", "/sobjects/Nothing/0015500001QdQWa", &none),
        missing
    );
    assert_eq!(
        at("GET", "/sobjects/Account/0015500001QdQWa", &none),
        missing
    );
    assert_eq!(
        at("GET", "/sobjects/Account/foo", &none),
        answer(
            404,
            "NOT_FOUND",
            "Provided external ID field does not exist or is not accessible: foo"
        )
    );
    assert_eq!(
        at(
            "PATCH",
            "/sobjects/Account/0015500001QdQWa",
            &json!({"Name": "a"})
        ),
        answer(
            404,
            "INVALID_CROSS_REFERENCE_KEY",
            "invalid cross reference id"
        )
    );
    assert_eq!(
        at("PATCH", "/sobjects/Account", &json!({"Name": "a"})),
        answer(
            405,
            "METHOD_NOT_ALLOWED",
            "HTTP Method 'PATCH' not allowed. Allowed are GET,HEAD,POST"
        )
    );
    assert_eq!(at("DELETE", "/query", &none).0, 405);
    let user = State::user_id();
    assert_eq!(
        at("DELETE", &format!("/sobjects/User/{user}"), &none).0,
        400
    );
    assert_eq!(
        call(&org, "GET", &format!("/sobjects/User/{user}"), &none).0,
        200
    );
}

#[test]
fn a_deleted_row_is_told_to_be() {
    let org = empty();
    let id = create(&org, "Account", &json!({"Name": "Acme"}));
    let target = format!("/sobjects/Account/{id}");
    assert_eq!(
        call(&org, "DELETE", &target, &Value::Null),
        (204, Value::Null)
    );
    assert_eq!(
        call(&org, "DELETE", &target, &Value::Null),
        (
            404,
            json!([{"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}])
        )
    );
}

#[test]
fn several_matches_of_an_upsert_are_a_list_of_addresses() {
    let org = empty();
    let person = json!({"LastName": "L", "Email": "ada@example.com"});
    let ids = [
        create(&org, "Contact", &person),
        create(&org, "Contact", &person),
    ];
    let addresses: Vec<String> = ids
        .iter()
        .map(|id| format!("/services/data/v59.0/sobjects/Contact/{id}"))
        .collect();
    let target = "/sobjects/Contact/Email/ada%40example.com";
    assert_eq!(
        call(&org, "PATCH", target, &json!({"LastName": "M"})),
        (300, json!(addresses))
    );
    let (status, saved) = call(
        &org,
        "PATCH",
        "/sobjects/Contact/Email/b%2Bc%40example.com",
        &json!({"LastName": "M"}),
    );
    assert_eq!(status, 201);
    assert_eq!(
        saved,
        json!({"id": saved["id"], "success": true, "errors": [], "created": true})
    );
    let (_, row) = call(
        &org,
        "GET",
        &format!("/sobjects/Contact/{}", saved["id"].as_str().unwrap()),
        &Value::Null,
    );
    assert_eq!(row["Email"], "b+c@example.com");
}

#[test]
fn the_sample_has_people_to_look_at() {
    let org = Salesforce::new(&Options::default());
    for (object, count) in [("Account", 25), ("Contact", 61), ("User", 4), ("Lead", 8)] {
        assert_eq!(
            call(
                &org,
                "GET",
                &format!("/query?q=SELECT+COUNT()+FROM+{object}"),
                &Value::Null
            ),
            (
                200,
                json!({"totalSize": count, "done": true, "records": []})
            )
        );
    }
}
