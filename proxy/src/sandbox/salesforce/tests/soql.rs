//! What only whole orgs show of SOQL; its grammar is tested beside it (`salesforce.md` §4, §8).

use super::*;

fn three(org: &Salesforce) -> Vec<String> {
    org.configure(&json!({"custom_fields": {"Account": [
        {"name": "Colors__c", "type": "multipicklist", "values": ["red", "green", "blue"], "restricted": true}]}})).unwrap();
    [("A", "red;green"), ("B", "blue"), ("C", "")]
        .map(|(name, colors)| create(org, "Account", &json!({"Name": name, "Colors__c": colors})))
        .to_vec()
}

fn names(org: &Salesforce, condition: &str) -> Vec<String> {
    let (status, found) = ask(
        org,
        &format!("SELECT Name FROM Account WHERE {condition} ORDER BY Name"),
    );
    assert_eq!(status, 200, "{found}");
    found["records"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["Name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn counts_are_a_total_or_a_column() {
    let org = empty();
    three(&org);
    assert_eq!(
        ask(&org, "SELECT COUNT() FROM Account").1,
        json!({"totalSize": 3, "done": true, "records": []})
    );
    let (_, found) = ask(
        &org,
        "SELECT COUNT(Id), COUNT(Colors__c) colored FROM Account",
    );
    assert_eq!(
        found,
        json!({"totalSize": 1, "done": true, "records": [{"attributes": {"type": "AggregateResult"}, "expr0": 3, "colored": 2}]})
    );
    let (status, code, message, _) = fault(ask(&org, "SELECT Name, COUNT(Id) FROM Account"));
    assert_eq!((status, code.as_str()), (400, "MALFORMED_QUERY"));
    assert!(
        message.ends_with("Field must be grouped or aggregated: Name"),
        "{message}"
    );
    assert_eq!(
        fault(ask(&org, "SELECT COUNT() FROM Nothing")).1,
        "INVALID_TYPE"
    );
}

#[test]
fn families_of_fields_need_a_small_limit() {
    let org = empty();
    let ids = three(&org);
    for family in ["ALL", "CUSTOM"] {
        for tail in ["", " LIMIT 201"] {
            let refused = fault(ask(
                &org,
                &format!("SELECT FIELDS({family}) FROM Account{tail}"),
            ));
            assert_eq!(
                refused,
                (
                    400,
                    "MALFORMED_QUERY".to_owned(),
                    "The SOQL FIELDS function must have a LIMIT of at most 200".to_owned(),
                    Value::Null
                )
            );
        }
        assert_eq!(
            ask(
                &org,
                &format!(
                    "SELECT FIELDS({family}) FROM Account WHERE Id IN ('{}')",
                    ids[0]
                )
            )
            .0,
            200
        );
    }
    let keys = |soql: &str| {
        let (status, found) = ask(&org, soql);
        assert_eq!(status, 200, "{found}");
        found["records"][0].as_object().unwrap().len()
    };
    // The attributes are one more.
    assert_eq!(keys("SELECT FIELDS(STANDARD) FROM Account"), 65);
    assert_eq!(keys("SELECT FIELDS(ALL) FROM Account LIMIT 200"), 66);
    assert_eq!(keys("SELECT Id, FIELDS(CUSTOM) FROM Account LIMIT 200"), 3);
    let (_, code, message, _) = fault(ask(&org, "SELECT Id, FIELDS(ALL) FROM Account LIMIT 1"));
    assert_eq!(
        (code.as_str(), message.as_str()),
        ("INVALID_FIELD", "duplicate field selected: Id")
    );
    assert_eq!(
        fault(ask(&org, "SELECT FIELDS(SOME) FROM Account LIMIT 1")).1,
        "MALFORMED_QUERY"
    );
}

#[test]
fn choices_are_included_and_excluded() {
    let org = empty();
    three(&org);
    assert_eq!(
        names(&org, "Colors__c INCLUDES ('red;green','blue')"),
        ["A", "B"]
    );
    assert_eq!(names(&org, "Colors__c INCLUDES ('red;blue')"), [""; 0]);
    assert_eq!(names(&org, "Colors__c EXCLUDES ('red')"), ["B", "C"]);
    assert_eq!(
        fault(ask(
            &org,
            "SELECT Id FROM Account WHERE Name INCLUDES ('a')"
        ))
        .1,
        "INVALID_QUERY_FILTER_OPERATOR"
    );
    let refused = call(
        &org,
        "POST",
        "/sobjects/Account",
        &json!({"Name": "D", "Colors__c": "red;pink"}),
    );
    assert_eq!(fault(refused).1, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST");
}

#[test]
fn a_semi_join_is_a_query_within() {
    let org = empty();
    let ids = three(&org);
    create(
        &org,
        "Contact",
        &json!({"LastName": "L", "AccountId": ids[1]}),
    );
    assert_eq!(
        names(
            &org,
            "Id IN (SELECT AccountId FROM Contact WHERE LastName = 'L')"
        ),
        ["B"]
    );
    assert_eq!(
        names(&org, "Id NOT IN (SELECT AccountId FROM Contact)"),
        ["A", "C"]
    );
    for (condition, code) in [
        ("Name IN (SELECT AccountId FROM Contact)", "MALFORMED_QUERY"),
        ("Id IN (SELECT LastName FROM Contact)", "MALFORMED_QUERY"),
        (
            "Id IN (SELECT Id, AccountId FROM Contact)",
            "MALFORMED_QUERY",
        ),
        ("Id IN (SELECT COUNT() FROM Contact)", "MALFORMED_QUERY"),
        ("Id IN (SELECT Unheard FROM Contact)", "INVALID_FIELD"),
        ("Id IN (SELECT Id FROM Unheard)", "INVALID_TYPE"),
    ] {
        assert_eq!(
            fault(ask(
                &org,
                &format!("SELECT Id FROM Account WHERE {condition}")
            ))
            .1,
            code,
            "{condition}"
        );
    }
}

#[test]
fn a_keyset_goes_through_rows_of_one_second_without_loss() {
    let org = Salesforce::new(&Options::default());
    let mut seen: Vec<String> = Vec::new();
    let mut condition = String::new();
    loop {
        let (status, found) = ask(
            &org,
            &format!(
                "SELECT Id, SystemModstamp FROM Account {condition} ORDER BY SystemModstamp ASC, Id ASC LIMIT 4"
            ),
        );
        assert_eq!(status, 200, "{found}");
        let records = found["records"].as_array().unwrap();
        let Some(last) = records.last() else { break };
        seen.extend(
            records
                .iter()
                .map(|row| row["Id"].as_str().unwrap().to_owned()),
        );
        let (at, id) = (
            last["SystemModstamp"]
                .as_str()
                .unwrap()
                .replace("+0000", "Z"),
            last["Id"].as_str().unwrap(),
        );
        condition =
            format!("WHERE SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > '{id}')");
    }
    assert_eq!(seen.len(), 25);
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 25);
}

#[test]
fn parents_are_reached_in_five_steps() {
    let org = Salesforce::new(&Options::default());
    let (status, found) = ask(
        &org,
        "SELECT Account.Owner.Profile.Name FROM Contact WHERE Account.Owner.Profile.Name LIKE 'System%' ORDER BY Account.Name LIMIT 1",
    );
    assert_eq!(status, 200, "{found}");
    let account = &found["records"][0]["Account"];
    assert_eq!(account["attributes"]["type"], "Account");
    assert_eq!(account["Owner"]["Profile"]["Name"], "System Administrator");
    let six = "Account.Parent.Parent.Parent.Parent.Parent.Name";
    assert_eq!(
        fault(ask(&org, &format!("SELECT {six} FROM Contact"))).1,
        "MALFORMED_QUERY"
    );
    assert_eq!(
        fault(ask(&org, "SELECT Nobody.Name FROM Contact")).1,
        "INVALID_FIELD"
    );
}

#[test]
fn a_record_count_is_a_snapshot() {
    let org = empty();
    let count = |target: &str| call(&org, "GET", target, &Value::Null).1;
    assert_eq!(
        count("/limits/recordCount?sObjects=Account,Unheard"),
        json!({"sObjects": []})
    );
    three(&org);
    assert_eq!(
        count("/limits/recordCount?sObjects=account"),
        json!({"sObjects": []})
    );
    org.configure(&json!({"clock_offset_ms": 3_700_000}))
        .unwrap();
    assert_eq!(
        count("/limits/recordCount?sObjects=Account,Contact"),
        json!({"sObjects": [{"count": 3, "name": "Account"}]})
    );
    let all = count("/limits/recordCount");
    assert!(
        all["sObjects"]
            .as_array()
            .unwrap()
            .iter()
            .any(|it| it["name"] == "User" && it["count"] == 4)
    );
}
