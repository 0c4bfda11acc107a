//! Deleted, merged and late rows (`salesforce.md` §9).

use super::*;

fn at(org: &Salesforce, seconds: i64) {
    org.configure(&json!({"clock_offset_ms": seconds * 1000}))
        .unwrap();
}

fn query_all(org: &Salesforce, soql: &str) -> Value {
    let mut target = url::form_urlencoded::Serializer::new("/queryAll?".to_owned());
    let (status, found) = call(
        org,
        "GET",
        &target.append_pair("q", soql).finish(),
        &Value::Null,
    );
    assert_eq!(status, 200, "{found}");
    found
}

fn stamp_of(org: &Salesforce, id: &str) -> String {
    let found = query_all(
        org,
        &format!("SELECT SystemModstamp FROM Account WHERE Id = '{id}'"),
    );
    found["records"][0]["SystemModstamp"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A time so many seconds from the machine's, as a query has it.
fn time(seconds: i64) -> String {
    let now = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
    now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[test]
fn a_deleted_row_shows_in_query_all_with_a_later_time() {
    let org = empty();
    let id = create(&org, "Account", &json!({"Name": "A"}));
    let before = stamp_of(&org, &id);
    at(&org, 10);
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
    assert_eq!(ask(&org, "SELECT Id FROM Account").1["totalSize"], 0);
    let after = stamp_of(&org, &id);
    assert!(after > before, "{after} {before}");
    let keyset = before.replace("+0000", "Z");
    let found = query_all(
        &org,
        &format!(
            "SELECT Id, IsDeleted FROM Account WHERE SystemModstamp > {keyset} OR (SystemModstamp = {keyset} AND Id > '{id}') ORDER BY SystemModstamp ASC, Id ASC LIMIT 10"
        ),
    );
    assert_eq!(
        (&found["totalSize"], &found["records"][0]["IsDeleted"]),
        (&json!(1), &json!(true))
    );
    assert_eq!(
        query_all(&org, "SELECT COUNT() FROM Account WHERE IsDeleted = true")["totalSize"],
        1
    );
    let gone =
        json!([{"message": "entity is deleted", "errorCode": "ENTITY_IS_DELETED", "fields": []}]);
    for method in ["GET", "DELETE"] {
        assert_eq!(
            call(
                &org,
                method,
                &format!("/sobjects/Account/{id}"),
                &Value::Null
            ),
            (404, gone.clone())
        );
    }
    assert_eq!(
        call(
            &org,
            "PATCH",
            &format!("/sobjects/Account/{id}"),
            &json!({"Name": "B"})
        ),
        (404, gone)
    );
    let (_, rows) = call(
        &org,
        "POST",
        "/composite/sobjects/Account",
        &json!({"ids": [id], "fields": ["Id"]}),
    );
    assert_eq!(rows, json!([null]));
}

#[test]
fn the_recycle_bin_gives_back_and_is_emptied() {
    let org = empty();
    let (one, two) = (
        create(&org, "Account", &json!({"Name": "A"})),
        create(&org, "Account", &json!({"Name": "B"})),
    );
    for id in [&one, &two] {
        call(
            &org,
            "DELETE",
            &format!("/sobjects/Account/{id}"),
            &Value::Null,
        );
    }
    at(&org, 120);
    org.command("undelete", &json!({"ids": [&one[..15]]}))
        .unwrap()
        .unwrap();
    org.command("purge", &json!({"ids": [two]}))
        .unwrap()
        .unwrap();
    assert_eq!(
        call(
            &org,
            "GET",
            &format!("/sobjects/Account/{one}"),
            &Value::Null
        )
        .1["IsDeleted"],
        false
    );
    assert_eq!(
        query_all(&org, "SELECT COUNT() FROM Account")["totalSize"],
        1
    );
    assert_eq!(
        fault(call(
            &org,
            "GET",
            &format!("/sobjects/Account/{two}"),
            &Value::Null
        ))
        .1,
        "NOT_FOUND"
    );
    // The log still knows the one that is gone for good.
    let (_, deleted) = call(
        &org,
        "GET",
        &format!(
            "/sobjects/Account/deleted/?start={}&end={}",
            time(-60),
            time(120)
        ),
        &Value::Null,
    );
    assert_eq!(deleted["deletedRecords"][0]["id"], two.as_str());
    assert_eq!(deleted["deletedRecords"].as_array().unwrap().len(), 1);
    for wrong in [
        json!({"ids": [one]}),
        json!({"ids": ["x"]}),
        json!({"ids": 1}),
    ] {
        assert!(org.command("undelete", &wrong).unwrap().is_err(), "{wrong}");
    }
    assert!(org.command("unheard", &json!({})).is_none());
}

#[test]
fn the_log_tells_what_was_deleted_and_changed_in_whole_minutes() {
    let org = empty();
    let kept = create(&org, "Account", &json!({"Name": "A"}));
    let gone = create(&org, "Account", &json!({"Name": "B"}));
    call(
        &org,
        "DELETE",
        &format!("/sobjects/Account/{gone}"),
        &Value::Null,
    );
    let log = |kind: &str, start: i64, end: i64| {
        call(
            &org,
            "GET",
            &format!(
                "/sobjects/Account/{kind}/?start={}&end={}",
                time(start),
                time(end)
            ),
            &Value::Null,
        )
    };
    let (status, deleted) = log("deleted", -60, 120);
    assert_eq!(status, 200, "{deleted}");
    assert_eq!(
        deleted["deletedRecords"],
        json!([{"id": gone, "deletedDate": stamp_of(&org, &gone)}])
    );
    let covered = deleted["latestDateCovered"].as_str().unwrap();
    assert!(covered.ends_with(":00.000+0000"), "{covered}");
    assert!(deleted["earliestDateAvailable"].as_str().unwrap() < covered);
    let (_, updated) = log("updated", -60, 120);
    assert_eq!(updated["ids"], json!([kept]));
    assert!(updated["latestDateCovered"].is_string());
    assert_eq!(log("deleted", -7200, -3600).1["deletedRecords"], json!([]));
    for (start, end) in [(0, -600), (-16 * 86_400, 0)] {
        let (status, code, ..) = fault(log("deleted", start, end));
        assert_eq!((status, code.as_str()), (400, "INVALID_REPLICATION_DATE"));
    }
    assert_eq!(
        call(&org, "GET", "/sobjects/Account/deleted", &Value::Null).0,
        400
    );
}

#[test]
fn a_merge_deletes_the_loser_and_moves_what_referred_to_it() {
    let org = empty();
    let master = create(&org, "Account", &json!({"Name": "A"}));
    let loser = create(&org, "Account", &json!({"Name": "B"}));
    let contact = create(
        &org,
        "Contact",
        &json!({"LastName": "L", "AccountId": loser}),
    );
    let before = stamp_of(&org, &loser);
    at(&org, 10);
    let merged = org
        .command("merge", &json!({"master": master, "losers": [loser]}))
        .unwrap()
        .unwrap();
    assert_eq!(
        merged,
        json!({"id": master, "mergedRecordIds": [loser], "updatedRelatedIds": [contact]})
    );
    let found = query_all(
        &org,
        "SELECT Id, IsDeleted, MasterRecordId, SystemModstamp FROM Account ORDER BY Id",
    );
    assert_eq!(found["records"][0]["MasterRecordId"], Value::Null);
    assert_eq!(
        (
            &found["records"][1]["IsDeleted"],
            &found["records"][1]["MasterRecordId"]
        ),
        (&json!(true), &json!(master))
    );
    for index in 0..2 {
        assert!(found["records"][index]["SystemModstamp"].as_str().unwrap() > before.as_str());
    }
    assert_eq!(
        call(
            &org,
            "GET",
            &format!("/sobjects/Contact/{contact}"),
            &Value::Null
        )
        .1["AccountId"],
        master.as_str()
    );
    assert_eq!(
        fault(call(
            &org,
            "GET",
            &format!("/sobjects/Account/{loser}"),
            &Value::Null
        ))
        .1,
        "ENTITY_IS_DELETED"
    );
    let deal = create(
        &org,
        "Opportunity",
        &json!({"Name": "D", "StageName": "Prospecting", "CloseDate": "2025-01-01"}),
    );
    for wrong in [
        json!({"master": master, "losers": [loser]}),
        json!({"master": master, "losers": []}),
        json!({"master": master, "losers": [master]}),
        json!({"master": deal, "losers": [deal]}),
    ] {
        assert!(org.command("merge", &wrong).unwrap().is_err(), "{wrong}");
    }
}

#[test]
fn a_late_write_is_seen_after_a_newer_one() {
    let org = empty();
    org.configure(&json!({"commit_lag_seconds": [3, 0]}))
        .unwrap();
    let late = create(&org, "Account", &json!({"Name": "late"}));
    at(&org, 1);
    let newer = create(&org, "Account", &json!({"Name": "newer"}));
    let seen = |org: &Salesforce| {
        let (_, found) = ask(
            org,
            "SELECT Id, Name FROM Account ORDER BY SystemModstamp, Id",
        );
        found["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["Id"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(&org), [newer.as_str()]);
    // Its writer reads it all the same.
    assert_eq!(
        call(
            &org,
            "GET",
            &format!("/sobjects/Account/{late}"),
            &Value::Null
        )
        .0,
        200
    );
    at(&org, 5);
    assert_eq!(seen(&org), [late.as_str(), newer.as_str()]);
    // A change that is not seen yet leaves what was there.
    call(
        &org,
        "PATCH",
        &format!("/sobjects/Account/{newer}"),
        &json!({"Name": "changed"}),
    );
    let name = || {
        ask(
            &org,
            &format!("SELECT Name FROM Account WHERE Id = '{newer}'"),
        )
        .1["records"][0]["Name"]
            .clone()
    };
    assert_eq!(name(), "newer");
    at(&org, 10);
    assert_eq!(name(), "changed");
    org.configure(&json!({"commit_lag_seconds": 0})).unwrap();
    let now = create(&org, "Account", &json!({"Name": "now"}));
    assert!(seen(&org).contains(&now));
    assert!(
        org.configure(&json!({"commit_lag_seconds": "soon"}))
            .is_err()
    );
}

#[test]
fn the_recycle_bin_keeps_a_row_for_15_days() {
    let org = empty();
    let id = create(&org, "Account", &json!({"Name": "A"}));
    call(
        &org,
        "DELETE",
        &format!("/sobjects/Account/{id}"),
        &Value::Null,
    );
    let found = || query_all(&org, "SELECT COUNT() FROM Account")["totalSize"].clone();
    at(&org, 15 * 86_400 - 60);
    assert_eq!(found(), 1);
    at(&org, 15 * 86_400 + 60);
    assert_eq!(found(), 0);
}

#[test]
fn a_merge_is_seen_whole_however_late_its_writes_are() {
    for lags in [[0, 3], [3, 0]] {
        let org = empty();
        let (master, loser) = (
            create(&org, "Account", &json!({"Name": "A"})),
            create(&org, "Account", &json!({"Name": "B"})),
        );
        org.configure(&json!({"commit_lag_seconds": lags})).unwrap();
        org.command("merge", &json!({"master": master, "losers": [loser]}))
            .unwrap()
            .unwrap();
        let told = || {
            let soql =
                format!("SELECT MasterRecordId, IsDeleted FROM Account WHERE Id = '{loser}'");
            let row = query_all(&org, &soql)["records"][0].clone();
            (row["MasterRecordId"].clone(), row["IsDeleted"].clone())
        };
        let whole = (json!(master), json!(true));
        let at_first = told();
        assert!(
            at_first == whole || at_first == (Value::Null, json!(false)),
            "{at_first:?}"
        );
        at(&org, 5);
        assert_eq!(told(), whole);
    }
}
