//! Opportunities: their status, their labels and their exact amounts.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    conversation::Conversation,
    pages::{ok, readable, walk},
};

/// A deal as `hubspot.md` §5.5 has it.
fn deal(id: &str, stage: &str, closed: (&str, &str)) -> Value {
    json!({
        "id": id,
        "properties": {
            "dealname": "Engines", "description": "", "hubspot_owner_id": "5001", "hs_is_closed_won": closed.1, "hs_is_closed": closed.0,
            "dealstage": stage, "closedate": "2024-03-31T23:30:00Z", "hs_primary_associated_company": "512", "pipeline": "default",
            "amount": "12345678901234.55", "notes_last_updated": "2024-01-31T10:00:00Z", "hs_merged_object_ids": null,
            "createdate": "2024-01-30T17:51:23.123Z", "hs_lastmodifieddate": "2024-01-31T12:34:56.789Z", "hs_object_id": id
        },
        "createdAt": "2024-01-30T17:51:23.123Z", "updatedAt": "2024-01-31T12:34:56.789Z", "archived": false
    })
}

fn pipelines() -> Value {
    json!({"results": [
        {"id": "default", "label": "Sales Pipeline", "displayOrder": 0, "archived": false, "stages": [
            {"id": "qualifiedtobuy", "label": "Qualified To Buy", "displayOrder": 1, "metadata": {"isClosed": "false", "probability": "0.4"}, "archived": false},
            {"id": "closedwon", "label": "Closed Won", "displayOrder": 5, "metadata": {"isClosed": "true", "probability": "1.0"}, "archived": false},
            {"id": "closedlost", "label": "Closed Lost", "displayOrder": 6, "metadata": {"isClosed": "true", "probability": "0.0"}, "archived": false}]},
        {"id": "74211953", "label": "Renewals", "displayOrder": 1, "archived": false, "stages": [
            {"id": "148220373", "label": "Closed Won", "displayOrder": 2, "metadata": {"isClosed": "true", "probability": "1.0"}, "archived": false}]}
    ]})
}

fn get(answers: &[Value]) -> (String, Value) {
    let mut call = Conversation::new("hubspot", "crm.opportunity.get").id("600");
    for answer in answers {
        call = call.answers(200, answer.clone());
    }
    call.run()
}

#[test]
fn a_deal_is_read_with_its_labels_and_its_amount_as_it_is_written() {
    let deal = deal("600", "qualifiedtobuy", ("false", "false"));
    let (told, answer) = get(&[deal.clone(), pipelines()]);
    assert_eq!(answer["record"]["raw_data"], deal);
    assert_snapshot!(told);
}

#[test]
fn a_status_is_what_the_closed_flags_say_in_words() {
    for (stage, closed, status) in [
        ("qualifiedtobuy", ("false", "false"), "OPEN"),
        ("closedwon", ("true", "true"), "WON"),
        ("closedlost", ("true", "false"), "LOST"),
    ] {
        let (_, answer) = get(&[deal("600", stage, closed), pipelines()]);
        assert_eq!(answer["record"]["status"], status, "{stage} {closed:?}");
    }
}

#[test]
fn a_deal_whose_flags_are_not_to_be_seen_has_no_status() {
    let mut deal = deal("600", "qualifiedtobuy", ("", ""));
    let properties = deal["properties"].as_object_mut();
    properties.and_then(|properties| properties.remove("hs_is_closed_won"));
    let (_, answer) = get(&[deal, pipelines()]);
    assert_eq!(answer["record"]["status"], Value::Null);
}

#[test]
fn a_stage_that_is_new_is_looked_for_once_more_and_then_told() {
    let deal = deal("600", "closedloost", ("false", "false"));
    let (told, answer) = get(&[deal, pipelines(), pipelines()]);
    assert_eq!(answer["record"]["stage"], Value::Null);
    assert_eq!(answer["record"]["pipeline"], "Sales Pipeline");
    assert_eq!(answer["warnings"][0]["field"], "stage");
    let calls: Vec<&str> = told.lines().take_while(|line| *line != "answer").collect();
    assert_snapshot!(calls.join("\n"));
}

#[test]
fn amounts_keep_every_digit() {
    for (native, unified) in [
        ("0.1", "0.1"),
        ("-0.10", "-0.1"),
        ("12345678901234567890.12", "12345678901234567890.12"),
        ("0", "0"),
        ("1.0E7", "10000000"),
    ] {
        let mut deal = deal("600", "closedwon", ("true", "true"));
        deal["properties"]["amount"] = json!(native);
        let told = Conversation::new("hubspot", "crm.opportunity.get")
            .id("600")
            .answers(200, deal)
            .answers(200, pipelines())
            .text();
        let expected = format!("\"amount\":{unified},");
        assert!(told.contains(&expected), "{native}: {told}");
    }
}

#[test]
fn deals_are_listed_searched_and_told_when_archived_or_merged() {
    let mut winner = deal("600", "closedwon", ("true", "true"));
    winner["properties"]["hs_merged_object_ids"] = json!("598;599");
    let mut gone = deal("610", "closedlost", ("true", "false"));
    gone["archived"] = json!(true);
    gone["archivedAt"] = json!("2026-11-23T11:59:00Z");
    let (told, pages) = walk(
        "hubspot",
        "crm.opportunity.list",
        vec![
            vec![
                ok(json!({"results": [deal("601", "qualifiedtobuy", ("false", "false"))]})),
                ok(pipelines()),
            ],
            vec![
                ok(json!({"total": 2, "results": [winner], "paging": {"next": {"after": "1"}}})),
                ok(pipelines()),
            ],
            vec![
                ok(json!({"total": 0, "results": []})),
                ok(json!({"results": [gone]})),
                ok(pipelines()),
            ],
        ],
    );
    let merged: Vec<&Value> = pages[1]["items"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|item| item["merged_into"] == "600")
        .map(|item| &item["id"])
        .collect();
    assert_eq!(merged, ["598", "599"]);
    assert_eq!(pages[2]["items"][0]["is_deleted"], true);
    assert_snapshot!(told);
}

fn row(id: &str) -> Value {
    json!({
        "attributes": {"type": "Opportunity", "url": format!("/services/data/v59.0/sobjects/Opportunity/{id}")},
        "Id": id, "SystemModstamp": "2024-01-31T12:34:56.000+0000", "Name": "Engines", "Description": null, "OwnerId": "0055500001QdQWaAAN",
        "IsWon": false, "IsClosed": false, "StageName": "Prospecting", "CloseDate": "2024-03-31", "AccountId": "0015500001QdQWaAAN",
        "Amount": 12_345_678_901.55, "LastActivityDate": "2024-01-31", "CreatedDate": "2024-01-30T17:51:23.000+0000", "IsDeleted": false,
        "LastModifiedDate": "2024-01-31T12:30:00.000+0000"
    })
}

const ID: &str = "0065500001H9cakAAB";

#[test]
fn an_opportunity_of_salesforce_has_every_field_but_a_pipeline() {
    let (told, answer) = Conversation::new("salesforce", "crm.opportunity.get")
        .id(ID)
        .answers(200, row(ID))
        .run();
    assert_eq!(answer["record"]["raw_data"], row(ID));
    assert_snapshot!(readable(&told));
}

#[test]
fn an_opportunity_of_salesforce_is_won_or_lost_when_it_is_closed() {
    for (closed, won, status) in [
        (false, false, "OPEN"),
        (true, true, "WON"),
        (true, false, "LOST"),
    ] {
        let mut row = row(ID);
        row["IsClosed"] = json!(closed);
        row["IsWon"] = json!(won);
        let (_, answer) = Conversation::new("salesforce", "crm.opportunity.get")
            .id(ID)
            .answers(200, row)
            .run();
        assert_eq!(answer["record"]["status"], status);
    }
}

#[test]
fn opportunities_of_salesforce_that_were_deleted_are_among_the_changes() {
    let mut deleted = row(ID);
    deleted["IsDeleted"] = json!(true);
    let (told, pages) = walk(
        "salesforce",
        "crm.opportunity.list",
        vec![
            vec![ok(json!({"totalSize": 0, "done": true, "records": []}))],
            vec![ok(
                json!({"totalSize": 1, "done": true, "records": [deleted]}),
            )],
        ],
    );
    assert_eq!(pages[1]["items"][0]["is_deleted"], true);
    assert_snapshot!(told);
}
