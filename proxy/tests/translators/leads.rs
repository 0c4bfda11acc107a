//! Leads: at HubSpot they live on a contact that is read beside them, at Salesforce they are converted and merged.

use insta::assert_snapshot;
use serde_json::{Value, json};

use crate::{
    conversation::Conversation,
    pages::{ok, readable, walk},
};

/// A lead as `hubspot.md` §5.4 has it: what was asked for is there, and what is unset is null.
fn lead(id: &str, contact: Option<&str>) -> Value {
    json!({
        "id": id,
        "properties": {
            "hs_lead_name": "Ada Lovelace: engines", "hs_lead_name_calculated": "Ada Lovelace: engines",
            "hs_associated_contact_firstname": contact.map(|_| "Ada"), "hs_associated_contact_lastname": contact.map(|_| "Lovelace"),
            "hubspot_owner_id": "5001", "hs_associated_company_name": "Engines Ltd", "hs_lead_source": "REFERRALS",
            "hs_primary_company_id": "512", "hs_primary_contact_id": contact, "hs_createdate": "2024-01-30T17:51:23.123Z",
            "hs_lastmodifieddate": "2024-01-31T12:34:56.789Z", "hs_object_id": id
        },
        "createdAt": "2024-01-30T17:51:23.123Z", "updatedAt": "2024-01-31T12:34:56.789Z", "archived": false
    })
}

fn contact(id: &str) -> Value {
    json!({
        "id": id,
        "properties": {
            "firstname": "Ada", "lastname": "Lovelace", "jobtitle": "Analyst", "company": "Engines", "address": "1 Market St",
            "city": "London", "state": null, "zip": "W1", "country": "UK", "email": "ada@example.com", "work_email": null,
            "phone": "+44 20", "mobilephone": "+44 7", "fax": ""
        },
        "createdAt": "2024-01-30T17:51:23.123Z", "updatedAt": "2024-01-31T12:34:56.789Z", "archived": false
    })
}

fn contacts(rows: &[Value]) -> Value {
    json!({"status": "COMPLETE", "results": rows})
}

#[test]
fn a_lead_of_hubspot_has_the_person_of_its_contact() {
    let (told, answer) = Conversation::new("hubspot", "crm.lead.get")
        .id("900")
        .answers(200, lead("900", Some("77")))
        .answers(200, contacts(&[contact("77")]))
        .run();
    assert_eq!(answer["record"]["raw_data"], lead("900", Some("77")));
    assert_snapshot!(told);
}

#[test]
fn a_lead_without_a_contact_is_read_in_one_call() {
    let (told, answer) = Conversation::new("hubspot", "crm.lead.get")
        .id("900")
        .answers(200, lead("900", None))
        .run();
    assert_eq!(answer["record"]["email_addresses"], Value::Null);
    assert_eq!(answer["record"]["converted_contact_id"], Value::Null);
    assert_eq!(answer["warnings"], Value::Null);
    assert_snapshot!(told.lines().next().unwrap_or_default());
}

#[test]
fn a_contact_that_the_app_may_not_read_costs_its_fields_only() {
    let refused = json!({"status":"error","message":"This app hasn't been granted all required scopes to make this call. Read more about required scopes here: https://developers.hubspot.com/scopes.","correlationId":"c",
        "errors":[{"message":"One or more of the following scopes are required.","context":{"requiredGranularScopes":["crm.objects.contacts.read"]}}],"links":{"scopes":"https://developers.hubspot.com/scopes"},"category":"MISSING_SCOPES"});
    let (told, answer) = Conversation::new("hubspot", "crm.lead.get")
        .id("900")
        .answers(200, lead("900", Some("77")))
        .answers(403, refused)
        .run();
    assert_eq!(answer["record"]["first_name"], "Ada");
    assert_eq!(answer["record"]["phone_numbers"], Value::Null);
    assert_snapshot!(told);
}

#[test]
fn a_contact_that_is_gone_leaves_what_the_lead_has_itself() {
    let gone = json!({"status":"COMPLETE","results":[],"numErrors":1,"errors":[{"status":"error","category":"OBJECT_NOT_FOUND","message":"Could not get some CONTACT objects","context":{"ids":["77"]}}]});
    let (_, answer) = Conversation::new("hubspot", "crm.lead.get")
        .id("900")
        .answers(200, lead("900", Some("77")))
        .answers(207, gone)
        .run();
    assert_eq!(answer["record"]["last_name"], "Lovelace");
    assert_eq!(answer["record"]["title"], Value::Null);
    assert_eq!(answer["warnings"], Value::Null);
}

#[test]
fn leads_of_hubspot_are_listed_then_searched_then_looked_for_among_the_archived() {
    let archived = |id: &str, at: &str| {
        let mut row = lead(id, None);
        row["archived"] = json!(true);
        row["archivedAt"] = json!(at);
        row
    };
    let (told, pages) = walk(
        "hubspot",
        "crm.lead.list",
        vec![
            vec![
                ok(
                    json!({"results": [lead("900", Some("77")), lead("901", Some("78")), lead("902", Some("77")), lead("903", None)],
                    "paging": {"next": {"after": "904", "link": "x"}}}),
                ),
                ok(contacts(&[contact("77")])),
            ],
            vec![ok(json!({"results": []}))],
            vec![
                ok(
                    json!({"total": 2, "results": [lead("905", Some("77"))], "paging": {"next": {"after": "1"}}}),
                ),
                ok(contacts(&[contact("77")])),
            ],
            vec![
                ok(json!({"total": 0, "results": []})),
                ok(json!({"results": [
                    archived("910", "2026-11-23T11:59:00Z"),
                    archived("911", "2026-11-23T11:00:00Z"),
                ]})),
            ],
        ],
    );
    assert_eq!(pages[0]["items"].as_array().map(Vec::len), Some(4));
    assert_eq!(pages[3]["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(pages[3]["items"][0]["is_deleted"], true);
    assert_snapshot!(told);
}

/// A row of Salesforce: all that was asked for is there, `attributes` first.
fn row(id: &str) -> Value {
    json!({
        "attributes": {"type": "Lead", "url": format!("/services/data/v59.0/sobjects/Lead/{id}")},
        "Id": id, "SystemModstamp": "2024-01-31T12:34:56.000+0000", "Name": "Ada Lovelace", "FirstName": "Ada", "LastName": "Lovelace",
        "OwnerId": "00G5500001QdQWaEAN", "Title": "Analyst", "Company": "Engines Ltd", "ConvertedDate": null, "LeadSource": "Web",
        "ConvertedAccountId": null, "ConvertedContactId": null, "City": "London", "Country": "UK", "PostalCode": "W1", "State": null,
        "Street": "1 Market St\r\nSuite 300\r\nFloor 2", "Email": "ada@example.com", "Phone": "+44 20", "MobilePhone": null, "Fax": null,
        "CreatedDate": "2024-01-30T17:51:23.000+0000", "IsDeleted": false, "LastModifiedDate": "2024-01-31T12:30:00.000+0000",
        "MasterRecordId": null
    })
}

const ADA: &str = "00Q5500001H9cakEAB";
const BO: &str = "00Q5500001H9calEAB";

#[test]
fn a_converted_lead_of_salesforce_says_when_and_into_what() {
    let mut converted = row(ADA);
    converted["ConvertedDate"] = json!("2024-01-31");
    converted["ConvertedAccountId"] = json!("0015500001QdQWaAAN");
    converted["ConvertedContactId"] = json!("0035500001H9cakAAB");
    let (told, answer) = Conversation::new("salesforce", "crm.lead.get")
        .id(&ADA[..15])
        .answers(200, converted.clone())
        .run();
    assert_eq!(answer["record"]["raw_data"], converted);
    assert_snapshot!(readable(&told));
}

#[test]
fn a_hidden_field_is_left_out_with_a_warning_and_the_lead_comes() {
    let refused = json!([{"message":"\nSELECT Id\n       ^\nERROR at Row:1:Column:8\nNo such column 'Fax' on entity 'Lead'.","errorCode":"INVALID_FIELD"}]);
    let mut visible = row(ADA);
    visible.as_object_mut().and_then(|row| row.remove("Fax"));
    let fields: Vec<Value> = visible
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, _)| json!({"name": name}))
        .collect();
    let (told, answer) = Conversation::new("salesforce", "crm.lead.get")
        .id(ADA)
        .answers(400, refused)
        .answers(200, json!({"name": "Lead", "fields": fields}))
        .answers(200, visible)
        .run();
    assert_eq!(answer["warnings"][0]["field"], "Fax");
    assert_eq!(
        answer["record"]["phone_numbers"].as_array().map(Vec::len),
        Some(1)
    );
    let calls: Vec<&str> = told.lines().take_while(|line| *line != "answer").collect();
    assert_snapshot!(readable(&calls.join("\n")));
}

#[test]
fn leads_of_salesforce_that_were_deleted_or_merged_are_among_the_changes() {
    let mut merged = row(BO);
    merged["IsDeleted"] = json!(true);
    merged["MasterRecordId"] = json!(ADA);
    let (told, pages) = walk(
        "salesforce",
        "crm.lead.list",
        vec![
            vec![ok(
                json!({"totalSize": 1, "done": true, "records": [row(ADA)]}),
            )],
            vec![ok(
                json!({"totalSize": 2, "done": false, "nextRecordsUrl": "/services/data/v59.0/query/01g-1", "records": [row(ADA)]}),
            )],
            vec![ok(
                json!({"totalSize": 1, "done": true, "records": [merged]}),
            )],
        ],
    );
    assert_eq!(pages[2]["items"][0]["merged_into"], ADA);
    assert_eq!(pages[2]["items"][0]["is_deleted"], true);
    assert_snapshot!(told);
}
