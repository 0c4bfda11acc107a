//! Requests of apps: any path parameters, query and body. Whatever they are, the native calls keep their form, and a
//! refusal says what was wrong.
#![no_main]

use arbitrary::Arbitrary;
use crosswalk::generated::API;
use crosswalk_fuzz::{drive, request, routes};
use libfuzzer_sys::fuzz_target;

#[derive(Debug, Arbitrary)]
struct Input<'a> {
    provider: u8,
    route: u8,
    path: Vec<String>,
    query: Vec<(String, String)>,
    body: &'a [u8],
}

fuzz_target!(|input: Input<'_>| {
    let routes = routes();
    let route = routes[usize::from(input.route) % routes.len()];
    let provider = API.providers[usize::from(input.provider) % API.providers.len()];
    let request = request(route, &input.path, input.query, input.body.to_vec());
    // Nothing is found at this provider.
    let _ = drive(provider, route.operation, &request, |_| {
        (404, b"{}".to_vec())
    });
});
