//! What the stub answers: records as the two providers write them, made in code, the same in every run.
//!
//! Members, their order and their forms are those of real answers (hubspot.md §2, salesforce.md §3). A page of HubSpot's
//! has about 80 KB, one of Salesforce's about 165 KB.

use serde_json::{Value, json};

/// How many records HubSpot's page has.
pub(crate) const HUBSPOT_PAGE: u64 = 100;
/// How many Salesforce's has: it is asked for one more than the page is to have, which tells whether there are more.
pub(crate) const SALESFORCE_PAGE: u64 = 201;
/// The id of HubSpot's first contact.
pub(crate) const FIRST_CONTACT: u64 = 51_000_000_000;

const COMPANIES: [&str; 8] = [
    "Brightwater Analytics",
    "Harbor Foods",
    "Lumen Works",
    "Northwind Traders",
    "Summit Clinics",
    "Cedar Mill",
    "Copper Ridge",
    "Björk & Sons",
];
const FIRST_NAMES: [&str; 5] = ["Ana", "Björn", "Chen", "Dana", "Eve"];
const LAST_NAMES: [&str; 5] = ["Silva", "Olsen", "Wei", "Smith", "Müller"];

/// A contact of HubSpot's.
pub(crate) fn hubspot_contact(id: &str) -> Value {
    let number = number(id);
    let (first, last) = (of(&FIRST_NAMES, number), of(&LAST_NAMES, number / 5));
    let (made, changed) = (instant("2024-03", number), instant("2026-10", number));
    json!({
        "id": id,
        "properties": {
            "createdate": made,
            "email": format!("{}.{}{number}@example.com", first.to_lowercase(), last.to_lowercase()),
            "firstname": first,
            "hs_merged_object_ids": null,
            "hs_object_id": id,
            "lastmodifieddate": changed,
            "lastname": last,
            "phone": format!("+1 555 01{:02}", number % 100),
        },
        "createdAt": made,
        "updatedAt": changed,
        "archived": false,
        "url": format!("https://app.hubspot.com/contacts/12345/record/0-1/{id}"),
    })
}

/// HubSpot's answer to a batch read: the contacts that were asked for.
pub(crate) fn hubspot_contacts<'i>(ids: impl Iterator<Item = &'i str>) -> Value {
    json!({
        "status": "COMPLETE",
        "results": ids.map(hubspot_contact).collect::<Vec<_>>(),
        "startedAt": "2026-10-01T08:00:00.001Z",
        "completedAt": "2026-10-01T08:00:00.015Z",
    })
}

/// HubSpot's page of companies, with more to come.
pub(crate) fn hubspot_page() -> Value {
    let last = 9_000_000_000 + HUBSPOT_PAGE - 1;
    json!({
        "results": (0..HUBSPOT_PAGE).map(hubspot_company).collect::<Vec<_>>(),
        "paging": { "next": {
            "after": last.to_string(),
            "link": format!("https://api.hubapi.com/crm/objects/2026-09/companies?after={last}"),
        } },
    })
}

fn hubspot_company(number: u64) -> Value {
    let id = (9_000_000_000 + number).to_string();
    let name = of(&COMPANIES, number);
    let (made, changed) = (instant("2024-03", number), instant("2026-10", number));
    json!({
        "id": id,
        "properties": {
            "address": format!("{number} Main Street"),
            "address2": "Suite 5",
            "city": "Springfield",
            "country": "United States",
            "createdate": made,
            "description": format!("{name} makes things \"well\" & sells them to people who need such things."),
            "hs_lastmodifieddate": changed,
            "hs_merged_object_ids": null,
            "hs_object_id": id,
            "hubspot_owner_id": "77001",
            "industry": "COMPUTER_SOFTWARE",
            "lifecyclestage": "customer",
            "name": name,
            "notes_last_updated": "2026-09-01T00:00:00Z",
            "numberofemployees": (number * 3).to_string(),
            "phone": "+1 555 0100",
            "state": "IL",
            "website": format!("https://www.example{number}.com"),
            "zip": "62701",
        },
        "createdAt": made,
        "updatedAt": changed,
        "archived": false,
        "url": format!("https://app.hubspot.com/contacts/12345/record/0-2/{id}"),
    })
}

/// A contact of Salesforce's.
pub(crate) fn salesforce_contact(id: &str) -> Value {
    // Salesforce's ids begin with 1. Its first contact is the same person as HubSpot's, whom the calls that are measured
    // write: a provider has what it was told, and one that has not is a matter of its own.
    let number = number(id).saturating_sub(1);
    let (first, last) = (of(&FIRST_NAMES, number), of(&LAST_NAMES, number / 5));
    json!({
        "attributes": { "type": "Contact", "url": format!("/services/data/v59.0/sobjects/Contact/{id}") },
        "Id": id,
        "SystemModstamp": "2026-10-01T08:00:01.000+0000",
        "FirstName": first,
        "LastName": last,
        "Email": format!("{}.{}{number}@example.com", first.to_lowercase(), last.to_lowercase()),
        "Phone": "+1 555 0100",
        "IsDeleted": false,
        "MasterRecordId": null,
    })
}

/// Salesforce's answer to the query for a page of accounts.
pub(crate) fn salesforce_page() -> Value {
    json!({
        "totalSize": SALESFORCE_PAGE,
        "done": true,
        "records": (0..SALESFORCE_PAGE).map(salesforce_account).collect::<Vec<_>>(),
    })
}

fn salesforce_account(number: u64) -> Value {
    let id = salesforce_id("001", number);
    let name = of(&COMPANIES, number);
    json!({
        "attributes": { "type": "Account", "url": format!("/services/data/v59.0/sobjects/Account/{id}") },
        "Id": id,
        "SystemModstamp": "2026-10-01T08:00:01.000+0000",
        "Name": name,
        "IsDeleted": false,
        "Website": format!("https://www.example{number}.com"),
        "Industry": "Technology",
        "NumberOfEmployees": number * 3,
        "OwnerId": salesforce_id("005", 1),
        "CreatedDate": "2024-03-01T10:00:12.000+0000",
        "Description": format!("{name} makes things."),
        "LastActivityDate": "2026-09-01",
        "BillingCity": "Springfield",
        "BillingCountry": "United States",
        "BillingPostalCode": "62701",
        "BillingState": "IL",
        "BillingStreet": format!("{number} Main Street\nSuite 5"),
        "ShippingCity": null,
        "ShippingCountry": null,
        "ShippingPostalCode": null,
        "ShippingState": null,
        "ShippingStreet": null,
        "Phone": "+1 555 0100",
        "Fax": null,
        "LastModifiedDate": "2026-10-01T08:00:01.000+0000",
        "MasterRecordId": null,
    })
}

/// Salesforce's answer to several calls in one: what each of them gets alone, under its own name.
pub(crate) fn salesforce_composite(request: &Value) -> Value {
    let parts = request["compositeRequest"].as_array();
    let answers = parts.into_iter().flatten().map(|part| {
        let url = part["url"].as_str().unwrap_or_default();
        let id = salesforce_id("003", 1);
        let (status, body) = match part["method"].as_str().unwrap_or_default() {
            "GET" => (200, salesforce_contact(&id)),
            // A row by its id is changed without a word; one by another field is told of.
            "PATCH" if url.contains("/Contact/003") => (204, Value::Null),
            "PATCH" => (200, json!({ "id": id, "success": true, "errors": [], "created": false })),
            _ => (201, json!({ "id": id, "success": true, "errors": [] })),
        };
        json!({ "body": body, "httpHeaders": {}, "httpStatusCode": status, "referenceId": part["referenceId"] })
    });
    json!({ "compositeResponse": answers.collect::<Vec<_>>() })
}

/// An id of 18 characters as Salesforce makes them: the last three tell which of the others are capitals
/// (salesforce.md §5.4).
pub(crate) fn salesforce_id(prefix: &str, number: u64) -> String {
    let short = format!("{prefix}5g00000{number:05}");
    let ending = short.as_bytes().chunks(5).map(|five| {
        let bits = five.iter().enumerate();
        let sum: usize = bits
            .map(|(place, byte)| usize::from(byte.is_ascii_uppercase()) << place)
            .sum();
        char::from(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ012345"[sum])
    });
    let ending: String = ending.collect();
    short + &ending
}

/// What is different from record to record follows from the digits of its id.
fn number(id: &str) -> u64 {
    let digits = id.bytes().filter(u8::is_ascii_digit);
    digits.fold(0, |sum: u64, digit| {
        (sum * 10 + u64::from(digit - b'0')) % 100_000
    })
}

fn of<'t>(texts: &[&'t str], number: u64) -> &'t str {
    let count = texts.len() as u64;
    usize::try_from(number % count).map_or("", |at| texts[at])
}

fn instant(month: &str, number: u64) -> String {
    format!(
        "{month}-{:02}T10:{:02}:12.345Z",
        number % 28 + 1,
        number % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_as_long_as_real_ones() {
        let hubspot = hubspot_page().to_string().len();
        assert!((76_000..86_000).contains(&hubspot), "{hubspot}");
        let salesforce = salesforce_page().to_string().len();
        assert!((155_000..175_000).contains(&salesforce), "{salesforce}");
    }

    #[test]
    fn an_id_ends_with_which_of_its_letters_are_capitals() {
        // "5g000", "00001" and "0035g" have no capital.
        assert_eq!(salesforce_id("003", 1), "0035g0000000001AAA");
        assert_eq!(salesforce_id("00D", 1), "00D5g0000000001EAA");
    }

    #[test]
    fn parts_of_a_composite_call_are_answered_under_their_names() {
        let request = json!({ "compositeRequest": [
            { "method": "PATCH", "url": "/services/data/v59.0/sobjects/Contact/0035g0000000001AAA", "referenceId": "write" },
            { "method": "GET", "url": "/services/data/v59.0/sobjects/Contact/0035g0000000001AAA", "referenceId": "row" },
        ] });
        let answer = salesforce_composite(&request);
        assert_eq!(answer["compositeResponse"][0]["httpStatusCode"], 204);
        assert_eq!(answer["compositeResponse"][0]["referenceId"], "write");
        assert_eq!(
            answer["compositeResponse"][1]["body"]["Id"],
            "0035g0000000001AAA"
        );
    }
}
