use http::HeaderMap;

use super::*;

mod access;
mod batches;
mod bulk;
mod consent;
mod describes;
mod encoding;
mod grants;
mod history;
mod keys;
mod many;
mod metadata;
mod notes;
mod oauth;
mod org;
mod pipeline;
mod soql;
mod writes;

/// What is sent and answered, of any version and with any headers besides the usual.
fn send(
    org: &Salesforce,
    method: &str,
    target: &str,
    body: &Value,
    more: &[(&'static str, &str)],
) -> Reply {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = HeaderMap::new();
    let session = format!("Bearer {ACCESS_TOKEN}");
    let usual = [
        ("authorization", session.as_str()),
        ("content-type", "application/json; charset=UTF-8"),
    ];
    for (name, value) in usual.iter().chain(more) {
        headers.insert(*name, value.parse().unwrap());
    }
    let body = match body {
        Value::Null => Vec::new(),
        body => body.to_string().into_bytes(),
    };
    org.handle(&Call {
        method: method.parse().unwrap(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: body.into(),
    })
}

fn call(org: &Salesforce, method: &str, target: &str, body: &Value) -> (u16, Value) {
    let reply = send(
        org,
        method,
        &format!("/services/data/v59.0{target}"),
        body,
        &[],
    );
    let body = serde_json::from_slice(&reply.body).unwrap_or(Value::Null);
    (reply.status.as_u16(), body)
}

/// The only error of an answer, as status, code, message and fields.
fn fault((status, body): (u16, Value)) -> (u16, String, String, Value) {
    let errors = body.as_array().expect("a list of errors");
    assert_eq!(errors.len(), 1, "{body}");
    let text = |name: &str| errors[0][name].as_str().unwrap_or_default().to_owned();
    (
        status,
        text("errorCode"),
        text("message"),
        errors[0]["fields"].clone(),
    )
}

fn create(org: &Salesforce, object: &str, values: &Value) -> String {
    let (status, saved) = call(org, "POST", &format!("/sobjects/{object}"), values);
    assert_eq!(status, 201, "{saved}");
    saved["id"].as_str().unwrap().to_owned()
}

/// The answer of a query.
fn ask(org: &Salesforce, soql: &str) -> (u16, Value) {
    let mut target = url::form_urlencoded::Serializer::new("/query?".to_owned());
    let target = target.append_pair("q", soql).finish();
    call(org, "GET", &target, &Value::Null)
}

fn empty() -> Salesforce {
    Salesforce::new(&Options { sample: false })
}

#[test]
fn a_row_is_created_read_changed_and_deleted() {
    let org = empty();
    let (status, saved) = call(
        &org,
        "POST",
        "/sobjects/Account",
        &json!({"Name": "Acme", "BillingCity": "Oslo", "website": ""}),
    );
    assert_eq!((status, &saved["success"]), (201, &json!(true)));
    let id = saved["id"].as_str().unwrap();
    let (_, row) = call(
        &org,
        "GET",
        &format!(
            "/sobjects/account/{}?fields=name,BillingAddress,Website",
            &id[..15]
        ),
        &Value::Null,
    );
    assert_eq!(
        row.as_object().unwrap().keys().collect::<Vec<_>>(),
        ["attributes", "Name", "BillingAddress", "Website"]
    );
    assert_eq!(row["BillingAddress"]["city"], "Oslo");
    assert_eq!(row["Website"], Value::Null);
    assert_eq!(
        call(
            &org,
            "PATCH",
            &format!("/sobjects/Account/{id}"),
            &json!({"Name": "Acme 2"})
        ),
        (204, Value::Null)
    );
    assert_eq!(
        call(
            &org,
            "DELETE",
            &format!("/sobjects/Account/{id}"),
            &Value::Null
        )
        .0,
        204
    );
    assert_eq!(
        call(
            &org,
            "GET",
            &format!("/sobjects/Account/{id}"),
            &Value::Null
        )
        .0,
        404
    );
    let (_, gone) = call(
        &org,
        "PATCH",
        &format!("/sobjects/Account/{id}"),
        &json!({"Name": "x"}),
    );
    assert_eq!(gone[0]["errorCode"], "ENTITY_IS_DELETED");
    let (_, found) = call(
        &org,
        "GET",
        "/queryAll?q=SELECT+Id,IsDeleted+FROM+Account",
        &Value::Null,
    );
    assert_eq!(found["records"][0]["IsDeleted"], true);
}

#[test]
fn what_salesforce_refuses_is_refused_in_its_words() {
    let org = empty();
    for (body, code, message) in [
        (
            json!({}),
            "REQUIRED_FIELD_MISSING",
            "Required fields are missing: [Name]",
        ),
        (
            json!({"Name": "a", "foo": 1}),
            "INVALID_FIELD",
            "No such column 'foo' on sobject of type Account",
        ),
        (
            json!({"Name": "a", "IsDeleted": true}),
            "INVALID_FIELD_FOR_INSERT_UPDATE",
            "Unable to create/update fields: IsDeleted. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
        ),
        (
            json!({"Name": "a", "OwnerId": "00612"}),
            "MALFORMED_ID",
            "Owner ID: id value of incorrect type: 00612",
        ),
    ] {
        let (status, fault) = call(&org, "POST", "/sobjects/Account", &body);
        assert_eq!(
            (
                status,
                fault[0]["errorCode"].as_str().unwrap(),
                fault[0]["message"].as_str().unwrap()
            ),
            (400, code, message)
        );
    }
    let (_, fault) = call(
        &org,
        "POST",
        "/sobjects/Contact",
        &json!({"LastName": "x", "Email": "Not a real email address"}),
    );
    assert_eq!(
        fault[0]["message"],
        "Email: invalid email address: Not a real email address"
    );
    assert_eq!(
        call(&org, "GET", "/sobjects/Account/nonsense", &Value::Null).1[0]["errorCode"],
        "NOT_FOUND"
    );
    assert_eq!(
        call(
            &org,
            "POST",
            "/sobjects/Account",
            &json!({"Name": "a".repeat(256)})
        )
        .1[0]["errorCode"],
        "STRING_TOO_LONG"
    );
}

#[test]
fn a_dead_session_is_told_so() {
    let org = empty();
    org.expire_tokens();
    let (status, fault) = call(&org, "GET", "/sobjects", &Value::Null);
    assert_eq!(status, 401);
    assert_eq!(
        fault,
        json!([{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}])
    );
}

#[test]
fn upsert_by_email_creates_updates_and_lists_several() {
    let org = empty();
    let target = "/sobjects/Contact/Email/ada%40example.com";
    assert_eq!(
        call(&org, "PATCH", target, &json!({"LastName": "L"})).0,
        201
    );
    let (status, saved) = call(&org, "PATCH", target, &json!({"LastName": "M"}));
    assert_eq!((status, &saved["created"]), (200, &json!(false)));
    call(
        &org,
        "POST",
        "/sobjects/Contact",
        &json!({"LastName": "N", "Email": "ADA@example.com"}),
    );
    let (status, several) = call(&org, "PATCH", target, &json!({"LastName": "O"}));
    assert_eq!((status, several.as_array().unwrap().len()), (300, 2));
    assert_eq!(
        call(
            &org,
            "PATCH",
            "/sobjects/Account/Website/x",
            &json!({"Name": "a"})
        )
        .0,
        404
    );
}

#[test]
fn a_composite_resolves_references_and_tells_each_part() {
    let org = empty();
    let request = |name: &Value| {
        json!({"allOrNone": false, "compositeRequest": [
        {"method": "POST", "url": "/services/data/v59.0/sobjects/Account", "referenceId": "acc", "body": {"Name": name}},
        {"method": "GET", "url": "/services/data/v59.0/sobjects/Account/@{acc.id}?fields=Id,Name", "referenceId": "row"}]})
    };
    let (status, answer) = call(&org, "POST", "/composite", &request(&json!("Acme")));
    assert_eq!(status, 200);
    assert_eq!(answer["compositeResponse"][0]["httpStatusCode"], 201);
    assert_eq!(answer["compositeResponse"][1]["body"]["Name"], "Acme");
    let (_, answer) = call(&org, "POST", "/composite", &request(&Value::Null));
    assert_eq!(
        answer["compositeResponse"][0]["body"][0]["errorCode"],
        "REQUIRED_FIELD_MISSING"
    );
    assert_eq!(
        answer["compositeResponse"][1]["body"][0]["errorCode"],
        "PROCESSING_HALTED"
    );
}

#[test]
fn rows_by_id_come_in_the_order_asked_with_nulls() {
    let org = empty();
    let id = call(&org, "POST", "/sobjects/Account", &json!({"Name": "Acme"})).1["id"].clone();
    let (_, rows) = call(
        &org,
        "POST",
        "/composite/sobjects/Account",
        &json!({"ids": ["0015500001QdQWaAAN", id], "fields": ["Id"]}),
    );
    assert_eq!(rows[0], Value::Null);
    assert_eq!(rows[1]["Id"], id);
    let (status, fault) = call(
        &org,
        "POST",
        "/composite/sobjects/Account",
        &json!({"ids": ["x"], "fields": ["Id"]}),
    );
    assert_eq!(
        (status, &fault[0]["errorCode"]),
        (400, &json!("MALFORMED_ID"))
    );
}

#[test]
fn long_answers_go_on_by_a_locator() {
    let org = empty();
    for number in 0..450 {
        call(
            &org,
            "POST",
            "/sobjects/Account",
            &json!({"Name": format!("a{number}")}),
        );
    }
    let mut headers = HeaderMap::new();
    headers.insert(
        "authorization",
        format!("Bearer {ACCESS_TOKEN}").parse().unwrap(),
    );
    headers.insert("sforce-query-options", "batchSize=200".parse().unwrap());
    let request = Call {
        method: Method::GET,
        path: "/services/data/v60.0/query".to_owned(),
        query: "q=SELECT+Id+FROM+Account".to_owned(),
        headers,
        body: bytes::Bytes::new(),
    };
    let page: Value = serde_json::from_slice(&org.handle(&request).body).unwrap();
    assert_eq!(
        (
            page["totalSize"].as_u64(),
            page["done"].as_bool(),
            page["records"].as_array().unwrap().len()
        ),
        (Some(450), Some(false), 200)
    );
    let next = page["nextRecordsUrl"]
        .as_str()
        .unwrap()
        .strip_prefix("/services/data/v60.0")
        .unwrap()
        .to_owned();
    let (_, rest) = call(&org, "GET", &next, &Value::Null);
    assert_eq!(rest["records"].as_array().unwrap().len(), 250);
    assert_eq!(
        call(&org, "GET", "/query/01gnone-1", &Value::Null).1[0]["errorCode"],
        "INVALID_QUERY_LOCATOR"
    );
}

#[test]
fn a_hidden_field_is_not_there() {
    let org = empty();
    org.configure(&json!({"hidden_fields": {"Account": ["Fax"]}}))
        .unwrap();
    assert_eq!(
        call(
            &org,
            "GET",
            "/query?q=SELECT+Fax+FROM+Account",
            &Value::Null
        )
        .1[0]["errorCode"],
        "INVALID_FIELD"
    );
    assert_eq!(
        call(
            &org,
            "POST",
            "/sobjects/Account",
            &json!({"Name": "a", "Fax": "1"})
        )
        .1[0]["errorCode"],
        "INVALID_FIELD"
    );
}
