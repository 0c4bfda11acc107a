//! Batches, collections by key, and duplicate rules (`salesforce.md` §2.1, §3.2, §3.3).

use super::*;

#[test]
fn the_parts_of_a_batch_know_nothing_of_each_other() {
    let org = empty();
    let id = create(&org, "Account", &json!({"Name": "A"}));
    let parts = json!([
        {"method": "GET", "url": format!("v59.0/sobjects/Account/{id}?fields=Name")},
        {"method": "GET", "url": "v60.0/sobjects/Account/0015g0000000zzz"},
        {"method": "PATCH", "url": format!("v59.0/sobjects/Account/{id}"), "richInput": {"Name": "B"}}]);
    let before = org.settings()["calls_today"].as_u64().unwrap();
    let (status, answer) = call(
        &org,
        "POST",
        "/composite/batch",
        &json!({"batchRequests": parts}),
    );
    assert_eq!((status, &answer["hasErrors"]), (200, &json!(true)));
    assert_eq!(
        (
            &answer["results"][0]["statusCode"],
            &answer["results"][0]["result"]["Name"]
        ),
        (&json!(200), &json!("A"))
    );
    assert_eq!(
        (
            &answer["results"][1]["statusCode"],
            &answer["results"][1]["result"][0]["errorCode"]
        ),
        (&json!(404), &json!("NOT_FOUND"))
    );
    assert_eq!(
        answer["results"][2],
        json!({"statusCode": 204, "result": null})
    );
    // Each part counts.
    assert_eq!(org.settings()["calls_today"], before + 3);
    let (_, halted) = call(
        &org,
        "POST",
        "/composite/batch",
        &json!({"haltOnError": true, "batchRequests": parts}),
    );
    assert_eq!(
        (
            &halted["results"][2]["statusCode"],
            &halted["results"][2]["result"][0]["errorCode"]
        ),
        (&json!(412), &json!("BATCH_PROCESSING_HALTED"))
    );
    let many: Vec<&Value> = (0..26).map(|_| &parts[0]).collect();
    assert_eq!(
        call(
            &org,
            "POST",
            "/composite/batch",
            &json!({"batchRequests": many})
        )
        .0,
        400
    );
}

#[test]
fn many_are_upserted_by_a_key_and_deleted_by_id() {
    let org = empty();
    let record =
        |email: &str| json!({"attributes": {"type": "Contact"}, "LastName": "L", "Email": email});
    let records = json!({"allOrNone": false, "records": [record("a@x.example"), record("a@x.example"), record("")]});
    let (status, results) = call(&org, "PATCH", "/composite/sobjects/Contact/Email", &records);
    assert_eq!(status, 200);
    assert_eq!(
        (&results[0]["created"], &results[1]["created"]),
        (&json!(true), &json!(false))
    );
    assert_eq!(results[0]["id"], results[1]["id"]);
    assert_eq!(results[2]["errors"][0]["statusCode"], "MISSING_ARGUMENT");
    let id = results[0]["id"].as_str().unwrap();
    let (status, results) = call(
        &org,
        "DELETE",
        &format!("/composite/sobjects?ids={id},{id}&allOrNone=true"),
        &Value::Null,
    );
    assert_eq!(status, 200);
    assert_eq!(
        results[0]["errors"][0]["statusCode"],
        "ALL_OR_NONE_OPERATION_ROLLED_BACK"
    );
    assert_eq!(results[1]["errors"][0]["statusCode"], "ENTITY_IS_DELETED");
    let (_, results) = call(
        &org,
        "DELETE",
        &format!("/composite/sobjects?ids={id}"),
        &Value::Null,
    );
    assert_eq!(results[0], json!({"id": id, "success": true, "errors": []}));
}

#[test]
fn a_row_is_read_by_its_key_and_upserted_by_its_id() {
    let org = empty();
    let id = create(
        &org,
        "Contact",
        &json!({"LastName": "L", "Email": "a@x.example"}),
    );
    let (status, row) = call(
        &org,
        "GET",
        "/sobjects/Contact/Email/a%40x.example?fields=Id",
        &Value::Null,
    );
    assert_eq!((status, &row["Id"]), (200, &json!(id)));
    create(
        &org,
        "Contact",
        &json!({"LastName": "M", "Email": "a@x.example"}),
    );
    assert_eq!(
        call(
            &org,
            "GET",
            "/sobjects/Contact/Email/a%40x.example",
            &Value::Null
        )
        .0,
        300
    );
    assert_eq!(
        call(
            &org,
            "PATCH",
            &format!("/sobjects/Contact/Id/{}", &id[..15]),
            &json!({"LastName": "N"})
        )
        .0,
        200
    );
    let (status, made) = call(
        &org,
        "POST",
        "/sobjects/Contact/Id",
        &json!({"LastName": "O"}),
    );
    assert_eq!((status, &made["created"]), (201, &json!(true)));
    assert_eq!(
        call(
            &org,
            "PATCH",
            "/sobjects/Contact/Id/0035g0000000zzz",
            &json!({"LastName": "P"})
        )
        .0,
        404
    );
}

#[test]
fn a_duplicate_is_refused_unless_the_call_says_so() {
    let org = empty();
    let values = json!({"LastName": "L", "Email": "a@x.example"});
    let first = create(&org, "Contact", &values);
    create(&org, "Contact", &values);
    org.configure(&json!({"duplicate_rules": "alert"})).unwrap();
    let target = "/services/data/v59.0/sobjects/Contact";
    let save = |header: &str| {
        send(
            &org,
            "POST",
            target,
            &values,
            &[("sforce-duplicate-rule-header", header)],
        )
    };
    let (status, body) = call(&org, "POST", "/sobjects/Contact", &values);
    assert_eq!(status, 400);
    let error = &body[0];
    assert_eq!(
        (&error["errorCode"], &error["message"]),
        (
            &json!("DUPLICATES_DETECTED"),
            &json!("Use one of these records?")
        )
    );
    assert!(error.get("fields").is_none());
    let detail = &error["duplicateResut"];
    assert_eq!(
        (&detail["allowSave"], &detail["duplicateRuleEntityType"]),
        (&json!(true), &json!("Contact"))
    );
    let matched = &detail["matchResults"][0];
    assert_eq!(matched["size"], 2);
    assert_eq!(
        matched["matchRecords"][0]["record"],
        json!({"attributes": {"type": "Contact", "url": format!("{target}/{first}")}, "Id": first})
    );
    assert_eq!(save("allowSave=false").status, 400);
    assert_eq!(
        save("includeRecordDetails=true; allowSave=true").status,
        201
    );
    let record = json!({"records": [{"attributes": {"type": "Contact"}, "LastName": "L", "Email": "A@x.example"}]});
    let (_, results) = call(&org, "POST", "/composite/sobjects", &record);
    assert_eq!(
        results[0]["errors"],
        json!([{"statusCode": "DUPLICATES_DETECTED", "message": "Use one of these records?", "fields": []}])
    );
    let part = |headers: Value| json!({"compositeRequest": [{"method": "POST", "url": target, "referenceId": "a", "body": values, "httpHeaders": headers}]});
    let sub = |headers: Value| {
        call(&org, "POST", "/composite", &part(headers)).1["compositeResponse"][0]["httpStatusCode"]
            .clone()
    };
    assert_eq!(sub(json!({})), 400);
    assert_eq!(
        sub(json!({"Sforce-Duplicate-Rule-Header": "allowSave=true"})),
        201
    );
    assert_eq!(sub(json!({"Authorization": "Bearer x"})), 400);
    org.configure(&json!({"duplicate_rules": "block"})).unwrap();
    let blocked = save("allowSave=true");
    let body: Value = serde_json::from_slice(&blocked.body).unwrap();
    assert_eq!(
        (
            blocked.status.as_u16(),
            &body[0]["duplicateResut"]["allowSave"]
        ),
        (400, &json!(false))
    );
    // What is left as it is makes no new duplicate.
    assert_eq!(
        call(
            &org,
            "PATCH",
            &format!("/sobjects/Contact/{first}"),
            &json!({"LastName": "M"})
        )
        .0,
        204
    );
    assert!(
        org.configure(&json!({"duplicate_rules": "sometimes"}))
            .is_err()
    );
}
