//! What providers answer, of the size and the kind of content that they have in life, and the calls that are answered.

use std::sync::Arc;

use bytes::Bytes;
use crosswalk::{
    generated::API,
    route::UnifiedRequest,
    translate::{ConnectionSettings, Context, CursorKey, NativeResponse, Recent, Step, Translator},
};
use serde_json::{Value, json};

/// A company of `HubSpot`, about 0.8 KB.
pub(crate) fn company(number: usize) -> Value {
    let id = (9_000_000_000 + number).to_string();
    let created = format!(
        "2024-03-{:02}T10:{:02}:12.345Z",
        number % 28 + 1,
        number % 60
    );
    let updated = format!(
        "2026-10-{:02}T08:{:02}:01.001Z",
        number % 28 + 1,
        number % 60
    );
    json!({
        "id": id,
        "properties": {
            "address": format!("{number} Main Street"), "address2": "Suite 5", "city": "Springfield",
            "country": "United States", "createdate": created,
            "description": "Harbor Foods makes things \"well\" & sells them to people who need such things.",
            "hs_lastmodifieddate": updated, "hs_merged_object_ids": null, "hs_object_id": id,
            "hubspot_owner_id": "77001", "industry": "COMPUTER_SOFTWARE", "lifecyclestage": "customer",
            "name": "Harbor Foods", "notes_last_updated": "2026-09-01T00:00:00Z",
            "numberofemployees": (number * 3).to_string(), "phone": "+1 555 0100", "state": "IL",
            "website": format!("https://www.example{number}.com"), "zip": "62701",
        },
        "createdAt": created, "updatedAt": updated, "archived": false,
        "url": format!("https://app.hubspot.com/contacts/12345/record/0-2/{id}"),
    })
}

/// An account of Salesforce, about 0.8 KB.
pub(crate) fn account(number: usize) -> Value {
    let id = format!("0015g00000{number:05}AAA");
    json!({
        "attributes": {"type": "Account", "url": format!("/services/data/v66.0/sobjects/Account/{id}")},
        "Id": id, "SystemModstamp": "2026-10-01T08:00:01.000+0000", "Name": "Cedar Mill", "IsDeleted": false,
        "Website": format!("https://www.example{number}.com"), "Industry": "Technology",
        "NumberOfEmployees": number * 3, "OwnerId": "0055g00000AAAAAAA1",
        "CreatedDate": "2024-03-01T10:00:12.000+0000", "Description": "Cedar Mill makes things.",
        "LastActivityDate": "2026-09-01", "BillingCity": "Springfield", "BillingCountry": "United States",
        "BillingPostalCode": "62701", "BillingState": "IL",
        "BillingStreet": format!("{number} Main Street\nSuite 5"), "ShippingCity": null, "ShippingCountry": null,
        "ShippingPostalCode": null, "ShippingState": null, "ShippingStreet": null, "Phone": "+1 555 0100",
        "Fax": null, "LastModifiedDate": "2026-10-01T08:00:01.000+0000", "MasterRecordId": null,
    })
}

/// A page of so many companies.
pub(crate) fn companies(count: usize) -> Bytes {
    let rows: Vec<Value> = (0..count).map(company).collect();
    json!({"results": rows, "paging": {"next": {"after": "9000000099", "link": "https://api.hubapi.com/"}}})
        .to_string()
        .into()
}

/// A page of so many accounts.
pub(crate) fn accounts(count: usize) -> Bytes {
    let rows: Vec<Value> = (0..count).map(account).collect();
    let next = "/services/data/v66.0/query/01g5g00000XXXX-200";
    json!({"totalSize": 5000, "done": false, "nextRecordsUrl": next, "records": rows})
        .to_string()
        .into()
}

/// A unified call that has got as far as its native one.
pub(crate) struct Waiting(Box<dyn Translator>);

impl Waiting {
    pub(crate) fn new(
        provider: &str,
        operation: &'static str,
        path: &[(&'static str, &str)],
        query: &[(&str, &str)],
    ) -> Self {
        let mut known = API.providers.iter();
        let provider = known
            .find(|known| known.name == provider)
            .expect("a provider");
        let settings = ConnectionSettings {
            id: "c1".to_owned(),
            roots: vec!["/api".to_owned(); provider.versions.families[0].roots.len()].into(),
            cursor_key: CursorKey([1; 32]),
        };
        let cx = Context {
            provider,
            operation,
            connection: Arc::new(settings),
            now: "2026-11-23T12:00:00Z".parse().expect("a time"),
            hidden: Arc::default(),
            objects: Arc::default(),
            fields: None,
        };
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let request = UnifiedRequest {
            path: path
                .iter()
                .map(|(name, id)| (*name, (*id).to_owned()))
                .collect(),
            query: query.iter().map(owned).collect(),
            body: Bytes::new(),
        };
        let mut translator = (API.translator)(operation, cx, &request).expect("a translator");
        match translator.start(&Recent::default()).expect("a first step") {
            Step::Calls(calls) => assert_eq!(calls.len(), 1),
            Step::Answer(_) => panic!("it did not ask"),
        }
        Self(translator)
    }

    /// The answer, once the provider has answered with `body`.
    pub(crate) fn answer(mut self, body: &Bytes) -> Vec<u8> {
        let response = NativeResponse {
            status: 200,
            body: body.clone(),
            date: None,
            correlation_id: None,
            parts: Vec::new(),
        };
        match self.0.resume(vec![response]).expect("the last step") {
            Step::Answer(answer) => answer.body,
            Step::Calls(calls) => panic!("it asks again: {calls:?}"),
        }
    }
}
