//! Leads, opportunities, stages and users (`salesforce.md` §5.1).

use super::*;

fn sample() -> Salesforce {
    Salesforce::new(&Options::default())
}

fn rows(org: &Salesforce, soql: &str) -> Vec<Value> {
    let (status, found) = ask(org, soql);
    assert_eq!(status, 200, "{found}");
    found["records"].as_array().unwrap().clone()
}

fn opportunity(more: &Value) -> Value {
    let mut values = json!({"Name": "Deal", "StageName": "Prospecting", "CloseDate": "2025-05-31"});
    for (name, value) in more.as_object().unwrap() {
        values[name] = value.clone();
    }
    values
}

#[test]
fn a_stage_says_whether_an_opportunity_is_closed_and_won() {
    let org = empty();
    let read = "?fields=IsClosed,IsWon,Probability,ForecastCategoryName,ExpectedRevenue,FiscalQuarter,FiscalYear,LastStageChangeDate";
    let id = create(
        &org,
        "Opportunity",
        &opportunity(&json!({"Amount": 200.25})),
    );
    let row = |org: &Salesforce| {
        let (status, row) = call(
            org,
            "GET",
            &format!("/sobjects/Opportunity/{id}{read}"),
            &Value::Null,
        );
        assert_eq!(status, 200, "{row}");
        row
    };
    let open = row(&org);
    assert_eq!(
        (&open["IsClosed"], &open["IsWon"]),
        (&json!(false), &json!(false))
    );
    assert_eq!(
        (&open["Probability"], &open["ForecastCategoryName"]),
        (&json!(10.0), &json!("Pipeline"))
    );
    assert_eq!(
        (&open["FiscalQuarter"], &open["FiscalYear"]),
        (&json!(2), &json!(2025))
    );
    assert_eq!(
        (&open["ExpectedRevenue"], &open["LastStageChangeDate"]),
        (&json!(20.03), &Value::Null)
    );
    let patch = |values: Value| {
        call(
            &org,
            "PATCH",
            &format!("/sobjects/Opportunity/{id}"),
            &values,
        )
        .0
    };
    assert_eq!(patch(json!({"StageName": "Closed Won"})), 204);
    let won = row(&org);
    assert_eq!(
        (&won["IsClosed"], &won["IsWon"], &won["Probability"]),
        (&json!(true), &json!(true), &json!(100.0))
    );
    assert!(won["LastStageChangeDate"].is_string());
    assert_eq!(patch(json!({"StageName": "Closed Lost"})), 204);
    let lost = row(&org);
    assert_eq!(
        (&lost["IsClosed"], &lost["IsWon"]),
        (&json!(true), &json!(false))
    );
    // The picklist takes any text; what it says of its own probability stays.
    assert_eq!(
        patch(json!({"StageName": "Our own", "Probability": 33})),
        204
    );
    let own = row(&org);
    assert_eq!(
        (&own["IsClosed"], &own["Probability"]),
        (&json!(false), &json!(33.0))
    );
}

#[test]
fn leads_and_opportunities_need_their_required_fields() {
    let org = empty();
    let missing = |object: &str| {
        let (status, code, message, fields) = fault(call(
            &org,
            "POST",
            &format!("/sobjects/{object}"),
            &json!({}),
        ));
        assert_eq!((status, code.as_str()), (400, "REQUIRED_FIELD_MISSING"));
        (message, fields)
    };
    assert_eq!(
        missing("Lead"),
        (
            "Required fields are missing: [LastName, Company]".to_owned(),
            json!(["LastName", "Company"])
        )
    );
    assert_eq!(
        missing("Opportunity").1,
        json!(["Name", "StageName", "CloseDate"])
    );
    for closed in ["IsClosed", "IsWon"] {
        let refused = call(
            &org,
            "POST",
            "/sobjects/Opportunity",
            &opportunity(&json!({closed: true})),
        );
        assert_eq!(fault(refused).1, "INVALID_FIELD_FOR_INSERT_UPDATE");
    }
}

#[test]
fn amounts_are_numbers_of_two_decimals_within_their_range() {
    let org = empty();
    let amount = |written: Value| {
        let id = create(
            &org,
            "Opportunity",
            &opportunity(&json!({"Amount": written})),
        );
        let (_, row) = call(
            &org,
            "GET",
            &format!("/sobjects/Opportunity/{id}?fields=Amount"),
            &Value::Null,
        );
        row["Amount"].to_string()
    };
    assert_eq!(amount(json!(184_250.75)), "184250.75");
    assert_eq!(amount(json!(100)), "100.0");
    assert_eq!(amount(json!(0.125)), "0.13");
    // Read again from the text, it is the same number.
    assert_eq!(amount(json!(12_345_678.9)), "12345678.9");
    assert_eq!(amount(Value::Null), "null");
    let large = call(
        &org,
        "POST",
        "/sobjects/Opportunity",
        &opportunity(&json!({"Amount": 1e17})),
    );
    let (status, code, _, fields) = fault(large);
    assert_eq!(
        (status, code.as_str(), fields),
        (400, "NUMBER_OUTSIDE_VALID_RANGE", json!(["Amount"]))
    );
    let text = call(
        &org,
        "POST",
        "/sobjects/Opportunity",
        &opportunity(&json!({"Amount": "12"})),
    );
    assert_eq!(fault(text).1, "JSON_PARSER_ERROR");
}

#[test]
fn a_new_lead_is_open_and_the_users() {
    let org = empty();
    let id = create(
        &org,
        "Lead",
        &json!({"LastName": "L", "Company": "C", "Street": "1\n2", "PostalCode": "0150"}),
    );
    let (_, row) = call(&org, "GET", &format!("/sobjects/Lead/{id}"), &Value::Null);
    assert!(id.starts_with("00Q"));
    assert_eq!(row["Status"], "Open - Not Contacted");
    assert_eq!(row["OwnerId"], State::user_id().as_str());
    assert_eq!(
        (&row["Name"], &row["IsConverted"]),
        (&json!("L"), &json!(false))
    );
    assert_eq!(
        (&row["Address"]["street"], &row["Address"]["postalCode"]),
        (&json!("1\n2"), &json!("0150"))
    );
    let upserted = call(
        &org,
        "PATCH",
        "/sobjects/Lead/Email/l%40example.com",
        &json!({"LastName": "M", "Company": "C"}),
    );
    assert_eq!(upserted.0, 201);
}

#[test]
fn the_sample_has_leads_in_every_state() {
    let org = sample();
    let converted = rows(
        &org,
        "SELECT Id, ConvertedDate, ConvertedAccountId, ConvertedContactId, ConvertedOpportunityId, Status FROM Lead WHERE IsConverted = true",
    );
    assert_eq!(converted.len(), 1);
    assert_eq!(converted[0]["ConvertedDate"], "2025-03-20");
    for (field, prefix) in [
        ("ConvertedAccountId", "001"),
        ("ConvertedContactId", "003"),
        ("ConvertedOpportunityId", "006"),
    ] {
        assert!(
            converted[0][field].as_str().unwrap().starts_with(prefix),
            "{field}"
        );
    }
    let id = converted[0]["Id"].as_str().unwrap();
    let refused = call(
        &org,
        "PATCH",
        &format!("/sobjects/Lead/{id}"),
        &json!({"Title": "x"}),
    );
    assert_eq!(fault(refused).1, "CANNOT_UPDATE_CONVERTED_LEAD");
    let queued = rows(
        &org,
        "SELECT OwnerId, Owner.Name, Owner.Type FROM Lead WHERE Owner.Type = 'Queue' OR OwnerId = '00G5g0000000001'",
    );
    assert_eq!(queued.len(), 1);
    assert!(queued[0]["OwnerId"].as_str().unwrap().starts_with("00G"));
    assert_eq!(queued[0]["Owner"]["attributes"]["type"], "Group");
    assert_eq!(queued[0]["Owner"]["Name"], "Lead Queue");
}

#[test]
fn the_sample_has_opportunities_open_won_and_lost() {
    let org = sample();
    let count = |condition: &str| {
        ask(
            &org,
            &format!("SELECT COUNT() FROM Opportunity WHERE {condition}"),
        )
        .1["totalSize"]
            .clone()
    };
    assert_eq!(count("IsClosed = false"), 8);
    assert_eq!(count("IsWon = true"), 2);
    assert_eq!(count("IsClosed = true AND IsWon = false"), 2);
    let parents = rows(
        &org,
        "SELECT Id, Account.Name, Account.Owner.Name FROM Opportunity WHERE Account.Name = 'Halden Marine Systems'",
    );
    assert_eq!(parents.len(), 2);
    assert_eq!(parents[0]["Account"]["Owner"]["Name"], "Integration User");
}

#[test]
fn stages_tell_what_they_mean() {
    let org = empty();
    let soql = "SELECT ApiName, MasterLabel, IsClosed, IsWon, DefaultProbability, SortOrder FROM OpportunityStage WHERE IsActive = true ORDER BY SortOrder";
    let stages = rows(&org, soql);
    assert_eq!(stages.len(), 10);
    assert_eq!(
        (&stages[0]["ApiName"], &stages[0]["DefaultProbability"]),
        (&json!("Prospecting"), &json!(10.0))
    );
    assert_eq!(
        (&stages[8]["MasterLabel"], &stages[8]["IsWon"]),
        (&json!("Closed Won"), &json!(true))
    );
    assert_eq!(
        (&stages[9]["IsClosed"], &stages[9]["IsWon"]),
        (&json!(true), &json!(false))
    );
    let (_, described) = call(
        &org,
        "GET",
        "/sobjects/OpportunityStage/describe",
        &Value::Null,
    );
    assert_eq!(
        (&described["createable"], &described["keyPrefix"]),
        (&json!(false), &json!("01J"))
    );
    assert_eq!(
        call(&org, "POST", "/sobjects/OpportunityStage", &json!({})).0,
        400
    );
}

#[test]
fn users_are_active_and_inactive_and_never_deleted() {
    let org = empty();
    let users = rows(
        &org,
        "SELECT Id, Name, Email, IsActive, ProfileId, Profile.Name FROM User WHERE UserType = 'Standard' ORDER BY Name",
    );
    let active = |wanted: bool| {
        users
            .iter()
            .filter(|user| user["IsActive"] == wanted)
            .count()
    };
    assert_eq!((active(true), active(false)), (3, 1));
    let mine = users
        .iter()
        .find(|user| user["Id"] == State::user_id().as_str())
        .unwrap();
    assert_eq!(mine["Profile"]["Name"], "System Administrator");
    let (_, code, message, _) = fault(ask(&org, "SELECT IsDeleted FROM User"));
    assert_eq!(code, "INVALID_FIELD");
    assert!(
        message.contains("No such column 'IsDeleted' on entity 'User'"),
        "{message}"
    );
    let other = users.iter().find(|user| user["IsActive"] == false).unwrap()["Id"]
        .as_str()
        .unwrap();
    let refused = call(
        &org,
        "DELETE",
        &format!("/sobjects/User/{other}"),
        &Value::Null,
    );
    assert_eq!(fault(refused).1, "INSUFFICIENT_ACCESS_OR_READONLY");
    // Nothing is given to a user who is switched off.
    let (status, code, message, _) = fault(call(
        &org,
        "POST",
        "/sobjects/Account",
        &json!({"Name": "A", "OwnerId": other}),
    ));
    assert_eq!((status, code.as_str()), (400, "INACTIVE_OWNER_OR_USER"));
    assert!(message.ends_with("as owner of account"), "{message}");
}

#[test]
fn a_user_is_made_and_switched_off() {
    let org = empty();
    let (_, profile) = ask(&org, "SELECT Id FROM Profile WHERE Name = 'Standard User'");
    let values = json!({"Username": "new@x.example", "LastName": "New", "Email": "new@x.example", "Alias": "new", "IsActive": true,
        "TimeZoneSidKey": "America/Chicago", "LocaleSidKey": "en_US", "LanguageLocaleKey": "en_US", "EmailEncodingKey": "UTF-8",
        "ProfileId": profile["records"][0]["Id"]});
    let id = create(&org, "User", &values);
    let (_, user) = call(
        &org,
        "GET",
        &format!("/sobjects/User/{id}?fields=Name,UserType,IsActive"),
        &Value::Null,
    );
    assert_eq!(
        (&user["Name"], &user["UserType"], &user["IsActive"]),
        (&json!("New"), &json!("Standard"), &json!(true))
    );
    assert_eq!(
        fault(call(&org, "POST", "/sobjects/User", &values)).1,
        "DUPLICATE_USERNAME"
    );
    assert_eq!(
        call(
            &org,
            "PATCH",
            &format!("/sobjects/User/{id}"),
            &json!({"IsActive": false})
        )
        .0,
        204
    );
    let refused = call(
        &org,
        "POST",
        "/sobjects/Lead",
        &json!({"LastName": "L", "Company": "C", "OwnerId": id}),
    );
    assert_eq!(fault(refused).1, "INACTIVE_OWNER_OR_USER");
}

#[test]
fn large_amounts_are_written_with_an_exponent() {
    let org = empty();
    let id = create(
        &org,
        "Opportunity",
        &opportunity(&json!({"Amount": 12_345_678.9})),
    );
    let target = format!("/services/data/v59.0/sobjects/Opportunity/{id}?fields=Amount");
    let text = |reply: Reply| String::from_utf8(reply.body.to_vec()).unwrap();
    assert!(
        text(send(&org, "GET", &target, &Value::Null, &[])).ends_with(r#""Amount":1.23456789E7}"#)
    );
    let part =
        json!({"compositeRequest": [{"method": "GET", "url": target, "referenceId": "row"}]});
    let composite = send(&org, "POST", "/services/data/v59.0/composite", &part, &[]);
    assert!(text(composite).contains(r#""Amount":1.23456789E7}"#));
}
