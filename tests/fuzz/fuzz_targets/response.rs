//! Answers of providers: any status and body, to calls that are good. Whatever comes, there is an answer that is JSON,
//! or an error.
#![no_main]

use arbitrary::Arbitrary;
use crosswalk::generated::API;
use crosswalk_fuzz::{drive, request, routes};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    provider: u8,
    route: u8,
    /// Which of the good requests.
    good: u8,
    status: [u8; 3],
    bodies: [&'a [u8]; 3],
}

const STATUSES: [u16; 12] = [200, 201, 204, 207, 300, 400, 401, 404, 409, 429, 500, 503];

/// Bodies that one operation or another takes.
const BODIES: [&str; 8] = [
    "",
    r#"{"record":{"name":"Acme","website":"https://acme.example"}}"#,
    r#"{"record":{"name":"Acme","website":"https://acme.example","is_active":true},"upsert_on":{"key":"website","values":["acme.example"]}}"#,
    r#"{"record":{"first_name":"Ada","email":"ada@acme.example"},"upsert_on":{"key":"email","values":["ada@acme.example"]}}"#,
    r#"{"record":{"content":"hello","account_id":"001"}}"#,
    r#"{"ids":["1","2"],"properties":["name"]}"#,
    r#"{"name":"Invoice","label":{"singular":"Invoice","plural":"Invoices"},"primary_field_id":"name","fields":[{"id":"name","label":"Name","type":"string"}]}"#,
    r#"{"record":{"name__c":"x"}}"#,
];
const QUERIES: [&[(&str, &str)]; 4] = [
    &[],
    &[("sync_mode", "incremental")],
    &[("page_size", "2")],
    &[("raw_data", "none")],
];

fuzz_target!(|input: Input<'_>| {
    let routes = routes();
    let route = routes[usize::from(input.route) % routes.len()];
    let provider = API.providers[usize::from(input.provider) % API.providers.len()];
    let good = usize::from(input.good);
    let query = QUERIES[good / BODIES.len() % QUERIES.len()];
    let query = query
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let id = if provider.name.len() % 2 == 0 {
        "001000000000001AAA"
    } else {
        "101"
    };
    let body = BODIES[good % BODIES.len()].as_bytes();
    let request = request(route, &[id.to_owned()], query.collect(), body);
    let mut turn = 0;
    let _ = drive(provider, route.operation, &request, |_| {
        let at = turn % input.bodies.len();
        turn += 1;
        let status = STATUSES[usize::from(input.status[at]) % STATUSES.len()];
        (status, input.bodies[at].to_vec())
    });
});
