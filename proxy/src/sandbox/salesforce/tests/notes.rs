//! Notes, enhanced and classic, and their links (`salesforce.md` §5.1).

use base64::prelude::{BASE64_STANDARD, Engine as _};

use super::*;

const ROOT: &str = "/services/data/v59.0";

fn note(html: &str) -> Value {
    json!({"Title": "T", "Content": BASE64_STANDARD.encode(html)})
}

fn read(org: &Salesforce, id: &str, fields: &str) -> Value {
    let (status, row) = call(
        org,
        "GET",
        &format!("/sobjects/ContentNote/{id}?fields={fields}"),
        &Value::Null,
    );
    assert_eq!(status, 200, "{row}");
    row
}

fn bytes(org: &Salesforce, id: &str) -> String {
    let reply = send(
        org,
        "GET",
        &format!("{ROOT}/sobjects/ContentNote/{id}/Content"),
        &Value::Null,
        &[],
    );
    assert_eq!(reply.status, 200);
    String::from_utf8(reply.body.to_vec()).unwrap()
}

#[test]
fn a_note_is_html_in_and_a_path_and_bytes_out() {
    let org = empty();
    let id = create(
        &org,
        "ContentNote",
        &note("<p>1 &lt; 2 &amp; \u{e9}\u{1F600}</p>\r\n<p>next</p>"),
    );
    assert!(id.starts_with("069"));
    let row = read(
        &org,
        &id,
        "Title,Content,TextPreview,FileType,OwnerId,IsDeleted",
    );
    assert_eq!(
        row["Content"],
        format!("{ROOT}/sobjects/ContentNote/{id}/Content")
    );
    assert_eq!(row["FileType"], "SNOTE");
    assert_eq!(row["TextPreview"], "1 < 2 & \u{e9}\u{1F600} next");
    // Raw newlines are dropped, nothing else is.
    assert_eq!(
        bytes(&org, &id),
        "<p>1 &lt; 2 &amp; \u{e9}\u{1F600}</p><p>next</p>"
    );
    let changed = call(
        &org,
        "PATCH",
        &format!("/sobjects/ContentNote/{id}"),
        &note("other"),
    );
    assert_eq!(changed.0, 204);
    assert_eq!(
        (
            bytes(&org, &id).as_str(),
            &read(&org, &id, "TextPreview")["TextPreview"]
        ),
        ("other", &json!("other"))
    );
    let (_, found) = ask(&org, "SELECT Title, FileType FROM ContentDocument");
    assert_eq!(found["totalSize"], 1);
    assert_eq!(found["records"][0]["FileType"], "SNOTE");
}

#[test]
fn a_preview_has_255_characters() {
    let org = empty();
    let id = create(&org, "ContentNote", &note(&"\u{e9}".repeat(300)));
    let row = read(&org, &id, "TextPreview,ContentSize");
    assert_eq!(row["TextPreview"], "\u{e9}".repeat(255));
    assert_eq!(row["ContentSize"], 600);
    assert_eq!(bytes(&org, &id).chars().count(), 300);
}

#[test]
fn what_is_no_notes_html_is_refused() {
    let org = empty();
    for html in ["Q&A", "a < b", "<script>alert(1)</script>", "bell \u{7}"] {
        let (status, code, _, fields) =
            fault(call(&org, "POST", "/sobjects/ContentNote", &note(html)));
        assert_eq!(
            (status, code.as_str(), fields),
            (400, "FIELD_INTEGRITY_EXCEPTION", json!(["Content"])),
            "{html}"
        );
    }
    let no_base64 = json!({"Title": "T", "Content": "not base64!"});
    assert_eq!(
        fault(call(&org, "POST", "/sobjects/ContentNote", &no_base64)).1,
        "JSON_PARSER_ERROR"
    );
    let untitled = json!({"Content": BASE64_STANDARD.encode("x")});
    assert_eq!(
        fault(call(&org, "POST", "/sobjects/ContentNote", &untitled)).3,
        json!(["Title"])
    );
    let read_only = json!({"Title": "T", "TextPreview": "x"});
    assert_eq!(
        fault(call(&org, "POST", "/sobjects/ContentNote", &read_only)).1,
        "INVALID_FIELD_FOR_INSERT_UPDATE"
    );
    assert_eq!(
        ask(&org, "SELECT COUNT() FROM ContentNote").1["totalSize"],
        0
    );
}

#[test]
fn a_link_to_the_owner_is_made_by_itself() {
    let org = empty();
    let id = create(&org, "ContentNote", &note("x"));
    let (_, links) = ask(
        &org,
        &format!(
            "SELECT LinkedEntityId, ShareType FROM ContentDocumentLink WHERE ContentDocumentId = '{id}'"
        ),
    );
    assert_eq!(links["totalSize"], 1);
    assert_eq!(
        links["records"][0]["LinkedEntityId"],
        State::user_id().as_str()
    );
    assert_eq!(links["records"][0]["ShareType"], "I");
}

#[test]
fn links_are_refused_in_salesforces_words() {
    let org = empty();
    let account = create(&org, "Account", &json!({"Name": "A"}));
    let id = create(&org, "ContentNote", &note("x"));
    let link = |entity: &str, share: &str| {
        call(
            &org,
            "POST",
            "/sobjects/ContentDocumentLink",
            &json!({"ContentDocumentId": id, "LinkedEntityId": entity, "ShareType": share}),
        )
    };
    assert_eq!(link(&account, "V").0, 201);
    assert_eq!(fault(link(&account, "V")).1, "DUPLICATE_VALUE");
    let (status, code, message, _) = fault(link("0015g0000000zzz", "V"));
    assert_eq!(
        (status, code.as_str()),
        (400, "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY")
    );
    assert_eq!(
        message,
        "insufficient access rights on cross-reference id: 0015g0000000zzz"
    );
    assert_eq!(fault(link("nonsense", "V")).1, "MALFORMED_ID");
    assert_eq!(
        fault(link(&account, "X")).1,
        "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"
    );
    let bare = json!({"ContentDocumentId": id, "LinkedEntityId": account});
    assert_eq!(
        fault(call(&org, "POST", "/sobjects/ContentDocumentLink", &bare)).3,
        json!(["ShareType"])
    );
}

#[test]
fn links_are_found_by_a_note_or_a_record_only() {
    let org = empty();
    for condition in [
        "",
        " WHERE ShareType = 'V'",
        " WHERE ContentDocumentId != null",
        " WHERE (ContentDocumentId = '0695g000000000A' OR ShareType = 'V')",
    ] {
        let (status, code, message, _) = fault(ask(
            &org,
            &format!("SELECT Id FROM ContentDocumentLink{condition}"),
        ));
        assert_eq!(
            (status, code.as_str()),
            (400, "MALFORMED_QUERY"),
            "{condition}"
        );
        assert!(message.starts_with(
            "Implementation restriction: ContentDocumentLink requires a filter by a single Id"
        ));
    }
    for condition in [
        "ContentDocumentId = '0695g000000000A'",
        "ShareType = 'V' AND LinkedEntityId IN ('0015g000000000A')",
    ] {
        assert_eq!(
            ask(
                &org,
                &format!("SELECT Id FROM ContentDocumentLink WHERE {condition}")
            )
            .0,
            200
        );
    }
}

#[test]
fn a_note_and_its_link_are_all_or_nothing() {
    let org = empty();
    let account = create(&org, "Account", &json!({"Name": "A"}));
    let attempt = |entity: &str| {
        let request = json!({"allOrNone": true, "compositeRequest": [
            {"method": "POST", "url": format!("{ROOT}/sobjects/ContentNote"), "referenceId": "note", "body": note("Body")},
            {"method": "POST", "url": format!("{ROOT}/sobjects/ContentDocumentLink"), "referenceId": "link",
             "body": {"ContentDocumentId": "@{note.id}", "LinkedEntityId": entity, "ShareType": "V", "Visibility": "AllUsers"}},
            {"method": "GET", "url": format!("{ROOT}/sobjects/ContentNote/@{{note.id}}?fields=Id,Title"), "referenceId": "row"}]});
        let (status, answer) = call(&org, "POST", "/composite", &request);
        assert_eq!(status, 200);
        answer["compositeResponse"].as_array().unwrap().clone()
    };
    let refused = attempt("0015g0000000zzzAAA");
    let told = |part: &Value| {
        (
            part["httpStatusCode"].clone(),
            part["body"][0]["errorCode"].clone(),
        )
    };
    assert_eq!(told(&refused[0]), (json!(400), json!("PROCESSING_HALTED")));
    assert_eq!(
        told(&refused[1]),
        (
            json!(400),
            json!("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY")
        )
    );
    assert_eq!(told(&refused[2]), (json!(400), json!("PROCESSING_HALTED")));
    assert_eq!(told(&attempt("nonsense")[1]).1, "MALFORMED_ID");
    // Nothing is left of it, neither note nor document nor the owner's link.
    for object in ["ContentNote", "ContentDocument"] {
        assert_eq!(
            ask(&org, &format!("SELECT COUNT() FROM {object}")).1["totalSize"],
            0
        );
    }
    assert_eq!(
        ask(
            &org,
            &format!(
                "SELECT COUNT() FROM ContentDocumentLink WHERE LinkedEntityId = '{}'",
                State::user_id()
            )
        )
        .1["totalSize"],
        0
    );
    let made = attempt(&account);
    assert_eq!(
        (&made[1]["httpStatusCode"], &made[2]["body"]["Title"]),
        (&json!(201), &json!("T"))
    );
    let linked = ask(&org, &format!("SELECT ContentDocument.Title FROM ContentDocumentLink WHERE LinkedEntityId = '{account}'")).1;
    assert_eq!(linked["records"][0]["ContentDocument"]["Title"], "T");
}

#[test]
fn a_query_finds_only_the_notes_that_are_shared_with_the_user() {
    let org = Salesforce::new(&Options::default());
    let (_, found) = ask(&org, "SELECT Title FROM ContentNote");
    let titles: Vec<&str> = found["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|note| note["Title"].as_str().unwrap())
        .collect();
    assert_eq!(titles.len(), 4);
    assert!(!titles.contains(&"Owned by Grace"));
}

#[test]
fn links_go_with_their_note() {
    let org = empty();
    let id = create(&org, "ContentNote", &note("x"));
    assert_eq!(
        call(
            &org,
            "DELETE",
            &format!("/sobjects/ContentNote/{id}"),
            &Value::Null
        )
        .0,
        204
    );
    let left = |object: &str, key: &str| {
        ask(
            &org,
            &format!("SELECT COUNT() FROM {object} WHERE {key} = '{id}'"),
        )
        .1["totalSize"]
            .clone()
    };
    assert_eq!(
        (
            left("ContentDocumentLink", "ContentDocumentId"),
            left("ContentDocument", "Id")
        ),
        (json!(0), json!(0))
    );
}

#[test]
fn a_classic_note_is_plain_text_of_one_parent() {
    let org = empty();
    let account = create(&org, "Account", &json!({"Name": "A"}));
    let body = "line\nline & <b>";
    let id = create(
        &org,
        "Note",
        &json!({"Title": "T", "Body": body, "ParentId": account}),
    );
    let (_, found) = ask(
        &org,
        "SELECT Id, Title, Body, ParentId, Parent.Name, OwnerId, CreatedDate, SystemModstamp, IsDeleted FROM Note",
    );
    assert_eq!(
        (
            &found["records"][0]["Body"],
            &found["records"][0]["Parent"]["Name"]
        ),
        (&json!(body), &json!("A"))
    );
    assert_eq!(
        fault(ask(&org, "SELECT Id FROM Note WHERE Body = 'x'")).1,
        "INVALID_FIELD"
    );
    let moved = call(
        &org,
        "PATCH",
        &format!("/sobjects/Note/{id}"),
        &json!({"ParentId": account}),
    );
    assert_eq!(fault(moved).1, "INVALID_FIELD_FOR_INSERT_UPDATE");
    let long = call(
        &org,
        "POST",
        "/sobjects/Note",
        &json!({"Title": "a".repeat(81), "ParentId": account}),
    );
    assert_eq!(fault(long).1, "STRING_TOO_LONG");
    assert_eq!(
        fault(call(&org, "POST", "/sobjects/Note", &json!({"Title": "T"}))).3,
        json!(["ParentId"])
    );
}

#[test]
fn an_org_may_have_classic_notes_only() {
    let org = Salesforce::new(&Options::default());
    org.configure(&json!({"enhanced_notes": false})).unwrap();
    assert_eq!(
        fault(ask(&org, "SELECT Id FROM ContentNote")).1,
        "INVALID_TYPE"
    );
    let (_, global) = call(&org, "GET", "/sobjects", &Value::Null);
    let objects = global["sobjects"].as_array().unwrap();
    let has = |name: &str| objects.iter().any(|object| object["name"] == name);
    assert!(!has("ContentNote") && has("Note"));
    org.reset(false);
    assert_eq!(org.settings()["enhanced_notes"], false);
    assert_eq!(ask(&org, "SELECT COUNT() FROM Note").1["totalSize"], 1);
}
