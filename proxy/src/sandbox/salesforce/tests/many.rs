//! Composites, collections and long answers.

use super::*;

const ROOT: &str = "/services/data/v59.0";

fn part(method: &str, path: &str, name: &str, body: &Value) -> Value {
    let mut part = json!({"method": method, "url": format!("{ROOT}{path}"), "referenceId": name});
    if !body.is_null() {
        part["body"] = body.clone();
    }
    part
}

fn composite(org: &Salesforce, all_or_none: bool, parts: &[Value]) -> (u16, Value) {
    let body = json!({"allOrNone": all_or_none, "compositeRequest": parts});
    call(org, "POST", "/composite", &body)
}

fn count(org: &Salesforce, object: &str) -> Value {
    call(
        org,
        "GET",
        &format!("/query?q=SELECT+COUNT()+FROM+{object}"),
        &Value::Null,
    )
    .1["totalSize"]
        .clone()
}

#[test]
fn parts_refer_to_earlier_ones_in_address_and_body() {
    let org = empty();
    let (status, answer) = composite(
        &org,
        false,
        &[
            part("POST", "/sobjects/Account", "acc", &json!({"Name": "Acme"})),
            part(
                "POST",
                "/sobjects/Contact",
                "con",
                &json!({"LastName": "L", "AccountId": "@{acc.id}"}),
            ),
            part(
                "PATCH",
                "/sobjects/Contact/@{con.id}",
                "set",
                &json!({"Title": "T"}),
            ),
            part(
                "GET",
                "/query?q=SELECT+Id,AccountId+FROM+Contact",
                "found",
                &Value::Null,
            ),
            part(
                "GET",
                "/sobjects/Account/@{found.records[0].AccountId}?fields=Name",
                "row",
                &Value::Null,
            ),
            part(
                "GET",
                "/composite/sobjects/Account?ids=@{acc.id}&fields=Id",
                "list",
                &Value::Null,
            ),
            part(
                "GET",
                "/sobjects/Account/@{list[0].Id}?fields=Name",
                "again",
                &Value::Null,
            ),
        ],
    );
    assert_eq!(status, 200);
    let answers = answer["compositeResponse"].as_array().unwrap();
    let id = &answers[0]["body"]["id"];
    assert_eq!(
        answers[0],
        json!({"body": {"id": id, "success": true, "errors": []}, "httpHeaders": {"Location": format!("{ROOT}/sobjects/Account/{}", id.as_str().unwrap())},
            "httpStatusCode": 201, "referenceId": "acc"})
    );
    assert_eq!(
        answers[2],
        json!({"body": null, "httpHeaders": {}, "httpStatusCode": 204, "referenceId": "set"})
    );
    assert_eq!(answers[4]["body"]["Name"], "Acme");
    assert_eq!(answers[6]["body"]["Name"], "Acme");
}

#[test]
fn a_failure_undoes_all_when_all_or_none() {
    let org = empty();
    let parts = [
        part(
            "POST",
            "/sobjects/Account",
            "good",
            &json!({"Name": "Acme"}),
        ),
        part("POST", "/sobjects/Account", "bad", &json!({})),
        part(
            "POST",
            "/sobjects/Account",
            "late",
            &json!({"Name": "Late"}),
        ),
    ];
    let (status, answer) = composite(&org, true, &parts);
    let halted = json!([{"errorCode": "PROCESSING_HALTED",
        "message": "The transaction was rolled back since another operation in the same transaction failed."}]);
    let missing = json!([{"message": "Required fields are missing: [Name]", "errorCode": "REQUIRED_FIELD_MISSING", "fields": ["Name"]}]);
    let told = |body: &Value, name: &str| json!({"body": body, "httpHeaders": {}, "httpStatusCode": 400, "referenceId": name});
    assert_eq!(status, 200);
    assert_eq!(
        answer,
        json!({"compositeResponse": [told(&halted, "good"), told(&missing, "bad"), told(&halted, "late")]})
    );
    assert_eq!(count(&org, "Account"), 0);
    composite(&org, false, &parts);
    assert_eq!(count(&org, "Account"), 2);
}

#[test]
fn a_composite_that_is_too_much_writes_nothing() {
    let org = empty();
    let write = |name: &str| part("POST", "/sobjects/Account", name, &json!({"Name": "Acme"}));
    let query = |number: usize| {
        part(
            "GET",
            "/query?q=SELECT+Id+FROM+Account",
            &format!("q{number}"),
            &Value::Null,
        )
    };
    let many: Vec<Value> = (0..26).map(|number| write(&format!("w{number}"))).collect();
    let mut queries: Vec<Value> = (0..6).map(query).collect();
    queries.insert(0, write("first"));
    for parts in [
        many,
        queries,
        vec![write("a"), write("a")],
        vec![write("a"), write("1st")],
    ] {
        assert_eq!(composite(&org, false, &parts).0, 400);
    }
    assert_eq!(count(&org, "Account"), 0);
    let fits: Vec<Value> = (0..5)
        .map(query)
        .chain((0..20).map(|it| write(&format!("w{it}"))))
        .collect();
    assert_eq!(composite(&org, false, &fits).0, 200);
    assert_eq!(count(&org, "Account"), 20);
}

#[test]
fn rows_are_retrieved_by_position() {
    let org = empty();
    let id = create(&org, "Account", &json!({"Name": "Acme"}));
    let gone = create(&org, "Account", &json!({"Name": "Gone"}));
    call(
        &org,
        "DELETE",
        &format!("/sobjects/Account/{gone}"),
        &Value::Null,
    );
    let row = json!({"attributes": {"type": "Account", "url": format!("{ROOT}/sobjects/Account/{id}")}, "Id": id, "Name": "Acme"});
    let target = "/composite/sobjects/account";
    let wanted = json!({"ids": ["0015500001QdQWaAAN", id, gone], "fields": ["id", "name"]});
    assert_eq!(
        call(&org, "POST", target, &wanted),
        (200, json!([null, row, null]))
    );
    let get = format!("{target}?ids={id},{gone}&fields=Id,Name");
    assert_eq!(
        call(&org, "GET", &get, &Value::Null),
        (200, json!([row, null]))
    );
    let code = |body: &Value| fault(call(&org, "POST", target, body)).1;
    assert_eq!(
        code(&json!({"ids": [id, "003DEMO"], "fields": ["Id"]})),
        "MALFORMED_ID"
    );
    assert_eq!(
        code(&json!({"ids": [id], "fields": ["foo"]})),
        "INVALID_FIELD"
    );
    assert_eq!(code(&json!({"ids": [id]})), "JSON_PARSER_ERROR");
    assert_eq!(
        code(&json!({"ids": [id], "fields": []})),
        "JSON_PARSER_ERROR"
    );
    assert_eq!(
        call(
            &org,
            "POST",
            target,
            &json!({"ids": vec![&id; 2000], "fields": ["Id"]})
        )
        .0,
        200
    );
    assert_eq!(
        call(
            &org,
            "POST",
            target,
            &json!({"ids": vec![&id; 2001], "fields": ["Id"]})
        )
        .0,
        400
    );
}

#[test]
fn a_collection_tells_each_record() {
    let org = empty();
    let record = |name: &Value| json!({"attributes": {"type": "Account"}, "Name": name});
    let records = [record(&json!("Acme")), record(&Value::Null)];
    let save = |all_or_none: bool| {
        call(
            &org,
            "POST",
            "/composite/sobjects",
            &json!({"allOrNone": all_or_none, "records": records}),
        )
    };
    let missing = json!({"success": false, "errors": [{"statusCode": "REQUIRED_FIELD_MISSING", "message": "Required fields are missing: [Name]", "fields": ["Name"]}]});
    let rolled = json!({"success": false, "errors": [{"statusCode": "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "message": "Record rolled back because not all records were valid and the request was using AllOrNone header", "fields": []}]});
    assert_eq!(save(true), (200, json!([rolled, missing])));
    assert_eq!(count(&org, "Account"), 0);
    let (status, saved) = save(false);
    assert_eq!((status, &saved[1]), (200, &missing));
    let id = &saved[0]["id"];
    assert_eq!(saved[0], json!({"id": id, "success": true, "errors": []}));
    let change =
        json!({"records": [{"attributes": {"type": "Account"}, "id": id, "Name": "Acme 2"}]});
    assert_eq!(
        call(&org, "PATCH", "/composite/sobjects", &change).1[0]["success"],
        true
    );
    let target = format!("/sobjects/Account/{}?fields=Name", id.as_str().unwrap());
    assert_eq!(call(&org, "GET", &target, &Value::Null).1["Name"], "Acme 2");
}

#[test]
fn too_many_records_or_runs_are_refused() {
    let org = empty();
    let records = |number: usize, kinds: &[&str]| {
        let of = |index: usize| json!({"attributes": {"type": kinds[index % kinds.len()]}, "Name": "a", "LastName": "b"});
        json!({"records": (0..number).map(of).collect::<Vec<_>>()})
    };
    let status = |body: &Value| call(&org, "POST", "/composite/sobjects", body).0;
    assert_eq!(status(&records(200, &["Account"])), 200);
    assert_eq!(status(&records(201, &["Account"])), 400);
    assert_eq!(status(&records(10, &["Account", "Contact"])), 200);
    assert_eq!(status(&records(11, &["Account", "Contact"])), 400);
}

#[test]
fn a_query_in_a_composite_is_paged_too() {
    let org = empty();
    let record = json!({"attributes": {"type": "Account"}, "Name": "a"});
    for _ in 0..11 {
        call(
            &org,
            "POST",
            "/composite/sobjects",
            &json!({"records": vec![&record; 200]}),
        );
    }
    let (_, answer) = composite(
        &org,
        false,
        &[part(
            "GET",
            "/query?q=SELECT+Id+FROM+Account",
            "q",
            &Value::Null,
        )],
    );
    let page = &answer["compositeResponse"][0]["body"];
    assert_eq!(
        (&page["totalSize"], &page["done"]),
        (&json!(2200), &json!(false))
    );
    assert_eq!(page["records"].as_array().unwrap().len(), 2000);
    let next = page["nextRecordsUrl"].as_str().unwrap();
    let rest: Value =
        serde_json::from_slice(&send(&org, "GET", next, &Value::Null, &[]).body).unwrap();
    assert_eq!(
        (&rest["done"], rest["records"].as_array().unwrap().len()),
        (&json!(true), 200)
    );
    assert!(rest.get("nextRecordsUrl").is_none());
}

#[test]
fn the_eleventh_locator_kills_the_first() {
    let org = empty();
    let record = json!({"attributes": {"type": "Account"}, "Name": "a"});
    for _ in 0..2 {
        call(
            &org,
            "POST",
            "/composite/sobjects",
            &json!({"records": vec![&record; 200]}),
        );
    }
    let target = format!("{ROOT}/query?q=SELECT+Id+FROM+Account");
    let addresses: Vec<String> = (0..11)
        .map(|_| {
            let reply = send(
                &org,
                "GET",
                &target,
                &Value::Null,
                &[("sforce-query-options", "batchSize=200")],
            );
            let page: Value = serde_json::from_slice(&reply.body).unwrap();
            page["nextRecordsUrl"].as_str().unwrap().to_owned()
        })
        .collect();
    let more = |address: &str| send(&org, "GET", address, &Value::Null, &[]);
    let body: Value = serde_json::from_slice(&more(&addresses[0]).body).unwrap();
    assert_eq!(
        body,
        json!([{"message": "invalid query locator", "errorCode": "INVALID_QUERY_LOCATOR"}])
    );
    assert_eq!(more(&addresses[1]).status, 200);
}

#[test]
fn an_address_that_is_too_long_is_refused() {
    let org = empty();
    let long = |length: usize| {
        let target = format!(
            "{ROOT}/query?q=SELECT+Id+FROM+Account+WHERE+Name='{}'",
            "a".repeat(length)
        );
        send(&org, "GET", &target, &Value::Null, &[])
            .status
            .as_u16()
    };
    assert_eq!(long(3000), 200);
    assert_eq!(long(16_384), 414);
}

#[test]
fn a_parents_fields_stand_in_an_object_of_their_own() {
    let org = empty();
    let account = create(&org, "Account", &json!({"Name": "Acme"}));
    create(
        &org,
        "Contact",
        &json!({"LastName": "L", "AccountId": account}),
    );
    create(&org, "Contact", &json!({"LastName": "M"}));
    let query = |select: &str| {
        let target = format!("/query?q=SELECT+{select}+FROM+Contact+ORDER+BY+LastName");
        call(&org, "GET", &target, &Value::Null)
    };
    let (_, found) = query("LastName,account.NAME,Account.Id");
    let parent = json!({"attributes": {"type": "Account", "url": format!("{ROOT}/sobjects/Account/{account}")}, "Name": "Acme", "Id": account});
    assert_eq!(found["records"][0]["Account"], parent);
    assert_eq!(found["records"][1].get("Account"), Some(&Value::Null));
    assert_eq!(
        query("Owner.Name").1["records"][0]["Owner"]["Name"],
        "Integration User"
    );
    assert_eq!(fault(query("Owner.foo")).1, "INVALID_FIELD");
    assert_eq!(fault(query("Nobody.Name")).1, "INVALID_FIELD");
    assert_eq!(fault(query("Owner.Name,owner.name")).1, "INVALID_FIELD");
}
