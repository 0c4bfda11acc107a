//! Who may use what was made: Salesforce's field-level security, and what is told when it cannot be set.

use crosswalk_tests::{Demo, Sandbox, Sidecar};
use serde_json::{Value, json};

use crate::{
    CONNECTIONS, good,
    metadata::{OBJECTS, create_starship, starship, warnings},
    natives::native,
};

#[test]
fn a_required_field_needs_no_grant_and_a_checkbox_does() {
    let demo = Demo::start();
    let connection = CONNECTIONS[1];
    let target = format!("{OBJECTS}/account/properties");
    for (ty, is_granted) in [("text", false), ("boolean", true), ("textarea", true)] {
        let body = json!({"id": format!("must_{ty}"), "label": "Must", "type": ty, "raw_details": {"is_required": true}});
        let made = good(
            &demo,
            connection,
            "crm.metadata.create_property",
            "POST",
            &target,
            Some(&body),
        );
        assert_eq!(
            warnings(&made, "access_granted").len(),
            usize::from(is_granted),
            "{made:#}"
        );
        assert_eq!(
            warnings(&made, "access_not_granted"),
            Vec::<String>::new(),
            "{ty}"
        );
        assert!(made["raw_details"].is_object(), "{ty} can be seen");
    }
}

/// Has Salesforce refuse the next calls to an address.
fn fail(demo: &Demo, path: &str, times: u32, status: u16, body: &Value) {
    let reply = json!({"status": status, "body": body});
    let fault = json!({"match": {"path": path}, "times": times, "action": {"reply": reply}});
    let set = demo.sandbox(CONNECTIONS[1], "POST", "/_sandbox/faults", Some(&fault));
    assert!(set.status < 300, "{}", set.text);
}

/// Covers: access-not-granted
#[test]
fn a_refused_grant_leaves_the_object_and_says_so() {
    let demo = Demo::start();
    let connection = CONNECTIONS[1];
    let refusal = json!([{"errorCode": "INSUFFICIENT_ACCESS", "message": "insufficient access rights on object id"}]);
    // Who the user is stands first, for it is remembered.
    for path in [
        "/services/oauth2/userinfo",
        "/services/data/v59.0/query",
        "/services/data/v59.0/composite/sobjects",
    ] {
        let reset = json!({});
        demo.sandbox(connection, "POST", "/_sandbox/reset", Some(&reset));
        fail(&demo, path, 1, 403, &refusal);
        let made = create_starship(&demo, connection);
        let told = warnings(&made, "access_not_granted");
        assert_eq!(told.len(), 1, "{path}: {made:#}");
        assert!(told[0].contains("the object was made"), "{path}: {told:?}");
        assert_eq!(
            warnings(&made, "access_granted"),
            Vec::<String>::new(),
            "{path}"
        );
        let again = demo.call(connection, "POST", OBJECTS, Some(&starship()));
        assert_eq!(again.status, 409, "{path}: {}", again.text);
    }
}

#[test]
fn a_failure_after_the_object_was_made_says_that_something_was_written() {
    let demo = Demo::start();
    let connection = CONNECTIONS[1];
    let body = json!([{"errorCode": "UNKNOWN_EXCEPTION", "message": "oh"}]);
    fail(
        &demo,
        "/services/data/v59.0/composite/sobjects",
        9,
        500,
        &body,
    );
    let failed = demo.call(connection, "POST", OBJECTS, Some(&starship()));
    assert!(failed.status >= 500, "{}", failed.text);
    assert_eq!(failed.body["outcome"], "written", "{}", failed.text);
}

#[test]
fn a_session_that_ended_before_the_object_was_made_is_renewed_and_makes_one() {
    let sandbox = Sandbox::start();
    let sidecar = Sidecar::start(&sandbox.with_oauth());
    let first = sidecar.call("salesforce", "GET", "/unified/crm/account/_count", None);
    assert_eq!(first.status, 200, "{}", first.text);
    sandbox.control("salesforce", "POST", "/_sandbox/expire_tokens", None);
    sandbox.native_calls("salesforce");
    let made = sidecar.call("salesforce", "POST", OBJECTS, Some(&starship()));
    assert_eq!(made.status, 200, "{}", made.text);
    let calls = sandbox.native_calls("salesforce");
    assert_eq!(
        calls[..3],
        [
            "POST /services/Soap/m/59.0",
            "POST /services/oauth2/token",
            "POST /services/Soap/m/59.0"
        ],
        "{calls:?}"
    );
    let soap = calls.iter().filter(|call| call.contains("/Soap/"));
    assert_eq!(soap.count(), 2, "{calls:?}");
}

#[test]
fn what_hubspot_requires_stands_with_its_own_objects() {
    let demo = Demo::start();
    let connection = "hubspot-demo";
    let object = create_starship(&demo, connection);
    let must = json!({"id": "must", "label": "Must", "type": "text", "raw_details": {"is_required": true}});
    let property = |name: &str| {
        good(
            &demo,
            connection,
            "crm.metadata.create_property",
            "POST",
            &format!("/unified/crm/metadata/objects/{name}/properties"),
            Some(&must),
        )
    };
    let made = property("starship");
    assert_eq!(made["warnings"], json!([]));
    let ty = object["id"].as_str().unwrap();
    let schema = native(
        &demo,
        connection,
        "GET",
        &format!("/crm-object-schemas/v3/schemas/{ty}"),
        None,
    );
    let required = schema.body["requiredProperties"].as_array().unwrap();
    assert!(required.contains(&json!("title")), "{required:?}");
    assert!(required.contains(&json!("must")), "{required:?}");

    let made = property("account");
    assert_eq!(made["warnings"][0]["title"], "required not kept");
    assert_eq!(made["warnings"][0]["field"], "must");
}
