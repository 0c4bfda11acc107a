//! Rows by a field that finds them, and collections that write by one or delete.

use super::*;

fn person(email: &str) -> Value {
    json!({"LastName": "L", "Email": email})
}

#[test]
fn a_row_is_read_by_a_field_that_finds_it() {
    let org = empty();
    let id = create(&org, "Contact", &person("ada@example.com"));
    let read = |target: &str| call(&org, "GET", target, &Value::Null);
    let (status, row) = read("/sobjects/Contact/email/Ada%40example.com?fields=Id,LastName");
    assert_eq!(
        (status, &row["Id"], &row["LastName"]),
        (200, &json!(id), &json!("L"))
    );
    let nobody = read("/sobjects/Contact/Email/b%40example.com");
    assert_eq!(fault(nobody).1, "NOT_FOUND");
    let (status, code, message, _) = fault(read("/sobjects/Contact/Title/boss"));
    assert_eq!(
        (status, code.as_str(), message.as_str()),
        (
            404,
            "NOT_FOUND",
            "Provided external ID field does not exist or is not accessible: Title"
        )
    );
    let other = create(&org, "Contact", &person("ada@example.com"));
    let addresses: Vec<String> = [id, other]
        .iter()
        .map(|id| format!("/services/data/v59.0/sobjects/Contact/{id}"))
        .collect();
    assert_eq!(
        read("/sobjects/Contact/Email/ada%40example.com"),
        (300, json!(addresses))
    );
}

#[test]
fn a_collection_upserts_by_a_field() {
    let org = empty();
    let ada = create(&org, "Contact", &person("ada@example.com"));
    for _ in 0..2 {
        create(&org, "Contact", &person("twice@example.com"));
    }
    let record =
        |email: &str| json!({"attributes": {"type": "Contact"}, "Email": email, "LastName": "New"});
    let upsert = |all_or_none: bool, records: Value| {
        let body = json!({"allOrNone": all_or_none, "records": records});
        call(&org, "PATCH", "/composite/sobjects/Contact/Email", &body)
    };
    let records = json!([
        record("ada@example.com"),
        record("twice@example.com"),
        record("b@example.com"),
        {"attributes": {"type": "Contact"}, "LastName": "New"},
    ]);
    let (status, saved) = upsert(true, records.clone());
    assert_eq!((status, &saved[0]["success"]), (200, &json!(false)));
    let (_, row) = call(
        &org,
        "GET",
        &format!("/sobjects/Contact/{ada}"),
        &Value::Null,
    );
    assert_eq!(row["LastName"], "L");

    let (status, saved) = upsert(false, records);
    assert_eq!(status, 200);
    assert_eq!(
        saved[0],
        json!({"id": ada, "success": true, "errors": [], "created": false})
    );
    assert_eq!(saved[1]["errors"][0]["statusCode"], "DUPLICATE_EXTERNAL_ID");
    assert_eq!(
        (&saved[2]["success"], &saved[2]["created"]),
        (&json!(true), &json!(true))
    );
    assert_eq!(saved[3]["errors"][0]["statusCode"], "MISSING_ARGUMENT");
    let (_, row) = call(
        &org,
        "GET",
        "/sobjects/Contact/Email/b%40example.com",
        &Value::Null,
    );
    assert_eq!(
        (&row["Id"], &row["LastName"]),
        (&saved[2]["id"], &json!("New"))
    );

    let account =
        json!([{"attributes": {"type": "Account"}, "Name": "Acme", "Email": "c@example.com"}]);
    assert_eq!(
        upsert(false, account).1[0]["errors"][0]["statusCode"],
        "INVALID_TYPE"
    );
    let body = json!({"records": [record("c@example.com")]});
    let unknown = call(&org, "PATCH", "/composite/sobjects/Contact/Title", &body);
    assert_eq!(fault(unknown).1, "NOT_FOUND");
}

#[test]
fn a_collection_is_deleted_by_its_ids() {
    let org = empty();
    let ids: Vec<String> = (0..2)
        .map(|_| create(&org, "Account", &json!({"Name": "Acme"})))
        .collect();
    let contact = create(&org, "Contact", &json!({"LastName": "L"}));
    let delete = |ids: &[&str], all_or_none: bool| {
        let target = format!(
            "/composite/sobjects?ids={}&allOrNone={all_or_none}",
            ids.join(",")
        );
        call(&org, "DELETE", &target, &Value::Null)
    };
    let gone = "001000000000000AAA";
    let (status, deleted) = delete(&[&ids[0], gone], true);
    assert_eq!(
        (status, &deleted[0]["errors"][0]["statusCode"]),
        (200, &json!("ALL_OR_NONE_OPERATION_ROLLED_BACK"))
    );
    let (status, deleted) = delete(&[&ids[0], gone, "foo", &contact], false);
    assert_eq!(status, 200);
    assert_eq!(
        deleted[0],
        json!({"id": ids[0], "success": true, "errors": []})
    );
    let code = |index: usize| &deleted[index]["errors"][0]["statusCode"];
    assert_eq!(code(1), "INVALID_CROSS_REFERENCE_KEY");
    assert_eq!(code(2), "MALFORMED_ID");
    assert_eq!(deleted[3]["success"], true);
    let left = |id: &str| {
        call(
            &org,
            "GET",
            &format!("/sobjects/Account/{id}"),
            &Value::Null,
        )
        .0
    };
    assert_eq!((left(&ids[0]), left(&ids[1])), (404, 200));
    let many = vec![ids[1].as_str(); 201];
    assert_eq!(delete(&many, false).0, 400);
    let none = call(&org, "DELETE", "/composite/sobjects", &Value::Null);
    assert_eq!(none.0, 400);
}
