//! Against bodies as the two providers are documented to send them.

use super::*;
use crate::upstream::provider::{Auth, BaseUrl, Details, Errors, NativeDoor, Versions};

const NO_VERSIONS: Versions = Versions {
    retires: &[],
    default: "",
    families: &[],
};

static CORRELATION_HEADER: http::HeaderName =
    http::HeaderName::from_static("x-hubspot-correlation-id");

/// As `HubSpot` tells its faults.
static OBJECT: Provider = Provider {
    name: "object",
    title: "Object",
    base_url: BaseUrl::Fixed("https://object.example"),
    versions: NO_VERSIONS,
    auth: auth(&[]),
    check: None,
    scopes: &[],
    limits: &[],
    joins: &[],
    native_door: NativeDoor::PLAIN,
    errors: Errors {
        list: false,
        code: &["category", "errorType", "status"],
        message: "message",
        correlation_id: Some("correlationId"),
        correlation_header: Some(&CORRELATION_HEADER),
        details: Details {
            list: Some("errors"),
            message: Some("message"),
            code: Some("code"),
            fields: None,
            context: Some("context"),
        },
        named: &[],
        existing_id_after: Some("Existing ID: "),
        partial: None,
        classify: &[
            status(401, Code::Unauthorized),
            status(403, Code::Forbidden),
            status(404, Code::NotFound),
            status(409, Code::Conflict),
            status(429, Code::TooManyRequests),
            ErrorRule {
                status: Some(400),
                codes: &["CONFLICT", "OBJECT_ALREADY_EXISTS"],
                ..ErrorRule::new(Code::Conflict)
            },
            status(400, Code::BadRequest),
        ],
    },
};

/// As Salesforce tells its faults.
static LIST: Provider = Provider {
    name: "list",
    title: "List",
    base_url: BaseUrl::Fixed("https://list.example"),
    versions: NO_VERSIONS,
    auth: auth(&[
        "Connected app is not attached to Agent",
        "This session is not valid for use with the REST API",
    ]),
    check: None,
    scopes: &[],
    limits: &[],
    joins: &[],
    native_door: NativeDoor::PLAIN,
    errors: Errors {
        list: true,
        code: &["errorCode", "statusCode"],
        message: "message",
        correlation_id: None,
        correlation_header: None,
        details: Details {
            list: None,
            message: None,
            code: None,
            fields: Some("fields"),
            context: None,
        },
        named: &[],
        existing_id_after: None,
        partial: None,
        classify: &[
            status(401, Code::Unauthorized),
            codes(&["INVALID_SESSION_ID"], Code::Unauthorized),
            codes(&["REQUEST_LIMIT_EXCEEDED"], Code::TooManyRequests),
            codes(&["DUPLICATES_DETECTED", "DUPLICATE_VALUE"], Code::Conflict),
            codes(&["NOT_FOUND", "ENTITY_IS_DELETED"], Code::NotFound),
            status(404, Code::NotFound),
            status(403, Code::Forbidden),
            status(503, Code::ServiceUnavailable),
            status(400, Code::BadRequest),
        ],
    },
};

const fn auth(incurable: &'static [&'static str]) -> Auth {
    Auth {
        token_url: "https://login.example/token",
        login_url: None,
        lifetime_seconds: None,
        base_url_member: None,
        revoked: &[],
        incurable,
        authorize: None,
        logins: &[],
        revoke: None,
        granted: None,
    }
}

const fn status(status: u16, code: Code) -> ErrorRule {
    ErrorRule {
        status: Some(status),
        ..ErrorRule::new(code)
    }
}

const fn codes(codes: &'static [&'static str], code: Code) -> ErrorRule {
    ErrorRule {
        codes,
        ..ErrorRule::new(code)
    }
}

fn response(status: u16, body: &str) -> NativeResponse {
    NativeResponse {
        status,
        body: body.to_owned().into(),
        date: None,
        correlation_id: None,
        parts: Vec::new(),
    }
}

fn told(error: &Error) -> &ProviderFault {
    error.provider.as_deref().unwrap()
}

#[test]
fn what_a_message_leaves_to_its_context_is_told_with_it() {
    let scopes = response(
        403,
        r#"{"status":"error","message":"Not granted.","category":"MISSING_SCOPES","errors":[{"message":"One or more of the following scopes are required.","context":{"requiredGranularScopes":["a.read","b.read"]}}]}"#,
    );
    let error = fault(&OBJECT, &scopes);
    assert_eq!(
        error.issues[0].message,
        "One or more of the following scopes are required: a.read, b.read"
    );
    let link = response(
        400,
        r#"{"status":"error","message":"Links are invalid","category":"VALIDATION_ERROR","context":{"INVALID_OBJECT_IDS":["COMPANY=5 is not valid"],"objectId":["5"],"objectType":["COMPANY"]}}"#,
    );
    let error = fault(&OBJECT, &link);
    assert_eq!(
        error.issues[0].message,
        "Links are invalid: COMPANY=5 is not valid"
    );
    // What is not there is known to who asked for it, and what the message says already is not said twice.
    for (status, body) in [
        (
            404,
            r#"{"message":"Object not found.","context":{"id":["999"]}}"#,
        ),
        (400, r#"{"message":"Not 999","context":{"id":["999"]}}"#),
        (400, r#"{"message":"Bad","context":"999"}"#),
    ] {
        assert_eq!(fault(&OBJECT, &response(status, body)).issues, []);
    }
}

#[test]
fn a_conflict_names_the_record_in_the_way() {
    let response = response(
        409,
        r#"{"status":"error","message":"Contact already exists. Existing ID: 37765128953","correlationId":"2dea5219","category":"CONFLICT"}"#,
    );
    let error = fault(&OBJECT, &response);
    assert_eq!(error.code, Code::Conflict);
    assert_eq!(
        error.message,
        "Object refused the call: Contact already exists. Existing ID: 37765128953"
    );
    assert_eq!(
        *told(&error),
        ProviderFault {
            name: "object",
            status: 409,
            code: Some("CONFLICT".to_owned()),
            message: Some("Contact already exists. Existing ID: 37765128953".to_owned()),
            correlation_id: Some("2dea5219".to_owned()),
        }
    );
    assert_eq!(
        existing_id(&OBJECT, &response).as_deref(),
        Some("37765128953")
    );
}

#[test]
fn an_existing_id_is_digits_or_nothing() {
    let id = |message: &str| {
        existing_id(
            &OBJECT,
            &response(409, &serde_json::json!({ "message": message }).to_string()),
        )
    };
    assert_eq!(id("Existing ID: 12. Try again").as_deref(), Some("12"));
    assert_eq!(id("Existing ID: abc"), None);
    assert_eq!(id("Existing ID: "), None);
    assert_eq!(id("no such words"), None);
    assert_eq!(existing_id(&LIST, &response(409, "[]")), None);
}

#[test]
fn single_faults_become_issues() {
    let error = fault(
        &OBJECT,
        &response(
            400,
            r#"{"status":"error","message":"Property values were not valid: []","correlationId":"c","category":"VALIDATION_ERROR","errors":[{"message":"Property \"first_name\" does not exist","code":"PROPERTY_DOESNT_EXIST","context":{"propertyName":["first_name"]}},{"message":"no code here"}]}"#,
        ),
    );
    assert_eq!(error.code, Code::BadRequest);
    let messages: Vec<_> = error.issues.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            r#"Property "first_name" does not exist (PROPERTY_DOESNT_EXIST)"#,
            "no code here"
        ]
    );
}

#[test]
fn the_first_member_that_is_there_holds_the_code() {
    let error = fault(
        &OBJECT,
        &response(
            429,
            r#"{"status":"error","message":"You have reached your secondly limit.","errorType":"RATE_LIMIT","correlationId":"c","policyName":"SECONDLY"}"#,
        ),
    );
    assert_eq!(error.code, Code::TooManyRequests);
    assert_eq!(told(&error).code.as_deref(), Some("RATE_LIMIT"));
}

#[test]
fn a_rule_with_codes_goes_by_the_code() {
    let error = fault(
        &OBJECT,
        &response(400, r#"{"category":"OBJECT_ALREADY_EXISTS","message":"x"}"#),
    );
    assert_eq!(error.code, Code::Conflict);
}

#[test]
fn the_first_fault_of_a_list_counts_and_all_are_told() {
    let error = fault(
        &LIST,
        &response(
            400,
            r#"[{"message":"Required fields are missing: [Name]","errorCode":"REQUIRED_FIELD_MISSING","fields":["Name"]},{"message":"Email: invalid email address: x","errorCode":"INVALID_EMAIL_ADDRESS","fields":["Email"]}]"#,
        ),
    );
    assert_eq!(error.code, Code::BadRequest);
    assert_eq!(told(&error).code.as_deref(), Some("REQUIRED_FIELD_MISSING"));
    assert_eq!(
        error.message,
        "List refused the call: Required fields are missing: [Name]"
    );
    let messages: Vec<_> = error.issues.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(
        messages,
        [
            "Name: Required fields are missing: [Name] (REQUIRED_FIELD_MISSING)",
            "Email: Email: invalid email address: x (INVALID_EMAIL_ADDRESS)"
        ]
    );
}

#[test]
fn codes_of_a_list_are_classified() {
    for (status, code, message, expected) in [
        (
            403,
            "REQUEST_LIMIT_EXCEEDED",
            "TotalRequests Limit exceeded.",
            Code::TooManyRequests,
        ),
        (
            403,
            "API_DISABLED_FOR_ORG",
            "The REST API is not enabled for this Organization.",
            Code::Forbidden,
        ),
        (
            400,
            "DUPLICATE_VALUE",
            "duplicate value found",
            Code::Conflict,
        ),
        (
            404,
            "ENTITY_IS_DELETED",
            "entity is deleted",
            Code::NotFound,
        ),
        (
            401,
            "INVALID_SESSION_ID",
            "Session expired or invalid",
            Code::Unauthorized,
        ),
        (
            500,
            "UNKNOWN_EXCEPTION",
            "An unexpected error occurred.",
            Code::BadGateway,
        ),
    ] {
        let body = serde_json::json!([{ "message": message, "errorCode": code }]).to_string();
        let error = fault(&LIST, &response(status, &body));
        assert_eq!(error.code, expected, "{code}");
        assert_eq!(told(&error).message.as_deref(), Some(message));
    }
    // In results of collections the member has another name.
    let error = fault(
        &LIST,
        &response(400, r#"[{"statusCode":"DUPLICATE_VALUE","message":"x"}]"#),
    );
    assert_eq!(error.code, Code::Conflict);
}

#[test]
fn duplicates_are_a_conflict() {
    let error = fault(
        &LIST,
        &response(
            400,
            r#"[{"duplicateResut":{"allowSave":true},"errorCode":"DUPLICATES_DETECTED","message":"You're creating a duplicate record. We recommend you use an existing record instead."}]"#,
        ),
    );
    assert_eq!(error.code, Code::Conflict);
}

#[test]
fn what_is_not_json_has_no_message() {
    for body in [
        "<html><body>502 Bad Gateway</body></html>",
        "",
        "[]",
        "\"text\"",
        "null",
        "{\"message\":7}",
    ] {
        let error = fault(&OBJECT, &response(502, body));
        assert_eq!(error.code, Code::BadGateway, "{body}");
        assert_eq!(
            error.message, "Object failed at the call: status 502 without a message",
            "{body}"
        );
        assert_eq!(told(&error).message, None);
        assert_eq!(told(&error).status, 502);
    }
}

#[test]
fn a_header_gives_the_correlation_id_where_the_body_has_none() {
    let mut response = response(500, "");
    response.correlation_id = Some("from-header".into());
    assert_eq!(
        told(&fault(&OBJECT, &response)).correlation_id.as_deref(),
        Some("from-header")
    );
}

#[test]
fn long_messages_are_cut_between_characters() {
    let body = serde_json::json!({ "message": "é".repeat(5000) }).to_string();
    let error = fault(&OBJECT, &response(400, &body));
    let message = told(&error).message.clone().unwrap();
    assert_eq!(message.chars().count(), LONGEST_MESSAGE + 1);
    assert!(message.ends_with('…'));
}

#[test]
fn some_401s_are_incurable() {
    let body = |message: &str| {
        serde_json::json!([{ "message": message, "errorCode": "INVALID_SESSION_ID" }]).to_string()
    };
    assert!(!is_incurable(
        &LIST,
        &response(401, &body("Session expired or invalid"))
    ));
    assert!(is_incurable(
        &LIST,
        &response(
            401,
            &body("This session is not valid for use with the REST API")
        )
    ));
}

/// Covers: secret-from-provider
#[test]
fn a_refusal_that_repeats_the_token_is_told_without_it() {
    let without = |body: &'static [u8], secret| {
        let mut response = NativeResponse {
            status: 400,
            body: Bytes::from_static(body),
            date: None,
            correlation_id: Some("of CNtoken123".into()),
            parts: Vec::new(),
        };
        without_secret(&mut response, secret);
        (
            response.body,
            response
                .correlation_id
                .as_deref()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    let id = "of …".to_owned();
    assert_eq!(
        without(br#"{"message":"CNtoken123 and CNtoken123"}"#, "CNtoken123"),
        (Bytes::from(r#"{"message":"… and …"}"#), id.clone())
    );
    // However it is written.
    assert_eq!(
        without(br#"{"message":"\u0043N\u0074oken123"}"#, "CNtoken123"),
        (Bytes::from(r#"{"message":"…"}"#), id.clone())
    );
    // Neither a body that is no text nor a word that is no token is touched.
    assert_eq!(
        without(b"\xffCNtoken123", "CNtoken123"),
        (Bytes::from_static(b"\xffCNtoken123"), id)
    );
    assert_eq!(without(b"not at all", "t").0, &b"not at all"[..]);
}

#[test]
fn a_fault_of_soap_is_told_like_any_other() {
    let envelope = r#"<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/" xmlns:sf="http://soap.sforce.com/2006/04/metadata"><soapenv:Body><soapenv:Fault><faultcode>sf:INVALID_SESSION_ID</faultcode><faultstring>INVALID_SESSION_ID: Invalid Session ID found in SessionHeader</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>"#;
    let error = fault(&LIST, &response(500, envelope));
    assert_eq!(error.code, Code::Unauthorized);
    let told = error.provider.unwrap();
    assert_eq!(told.code.as_deref(), Some("INVALID_SESSION_ID"));
    assert_eq!(
        told.message.as_deref(),
        Some("INVALID_SESSION_ID: Invalid Session ID found in SessionHeader")
    );
}

/// Covers: secret-from-provider
#[test]
fn a_token_is_taken_out_of_any_bytes_and_the_rest_stays() {
    const SECRET: &str = "token-12345";
    for (body, expected) in [
        ("", ""),
        ("token-1234", "token-1234"),
        ("token-12345", "…"),
        ("a token-token-12345 b token-12345", "a token-… b …"),
        ("ttoken-12345token-12345t", "t……t"),
    ] {
        let clean = without_bytes(Bytes::from(body), SECRET);
        assert_eq!(clean, expected, "{body}");
    }
    let whole = Bytes::from_static(b"\xff\0 untouched");
    assert_eq!(
        without_bytes(whole.clone(), SECRET).as_ptr(),
        whole.as_ptr()
    );
    assert_eq!(without_bytes(Bytes::from_static(b"aaaa"), "a"), "aaaa");
}
