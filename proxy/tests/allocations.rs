//! What a page takes of the allocator does not depend on how many records are in it.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use bytes::Bytes;
use crosswalk as _;

#[path = "../benches/translators/bodies.rs"]
mod bodies;

use bodies::{Waiting, accounts, companies};

/// How often memory is asked for between the provider's answer and ours.
fn allocations(provider: &str, body: &Bytes, raw: &str) -> u64 {
    let query = [("page_size", "100"), ("raw_data", raw)];
    let waiting = Waiting::new(provider, "crm.account.list", &[], &query);
    let mut length = 0;
    let counted = allocation_counter::measure(|| length = waiting.answer(body).len());
    assert!(length > 100);
    counted.count_total
}

#[test]
fn allocations_do_not_depend_on_the_number_of_records() {
    for raw in ["full", "none"] {
        for (provider, page) in [
            ("hubspot", companies as fn(usize) -> Bytes),
            ("salesforce", accounts),
        ] {
            // Both say that there are more, and where.
            let few = allocations(provider, &page(2), raw);
            let many = allocations(provider, &page(100), raw);
            assert_eq!(few, many, "{provider} {raw}");
            assert!(many < 40, "{provider} {raw}: {many}");
        }
    }
}
