//! What a translator takes from the provider's answer to ours: `cargo bench --bench translators`.

#![expect(clippy::expect_used, reason = "a benchmark fails by panicking")]

mod bodies;

use bytes::Bytes;
use crosswalk as _;
use divan::{Bencher, counter::BytesCount};

use bodies::{Waiting, account, accounts, companies, company};

fn main() {
    divan::main();
}

fn bench(bencher: Bencher<'_, '_>, body: &Bytes, waiting: impl Fn() -> Waiting + Sync) {
    bencher
        .counter(BytesCount::new(body.len()))
        .with_inputs(waiting)
        .bench_local_values(|waiting| waiting.answer(body));
}

const RAW: [&str; 2] = ["full", "none"];

#[divan::bench(args = RAW)]
fn hubspot_page_of_100(bencher: Bencher<'_, '_>, raw: &str) {
    bench(bencher, &companies(100), || {
        let query = [("page_size", "100"), ("raw_data", raw)];
        Waiting::new("hubspot", "crm.account.list", &[], &query)
    });
}

#[divan::bench(args = RAW)]
fn salesforce_page_of_200(bencher: Bencher<'_, '_>, raw: &str) {
    bench(bencher, &accounts(200), || {
        let query = [("page_size", "200"), ("raw_data", raw)];
        Waiting::new("salesforce", "crm.account.list", &[], &query)
    });
}

#[divan::bench]
fn hubspot_get(bencher: Bencher<'_, '_>) {
    let body = company(1).to_string().into();
    bench(bencher, &body, || {
        Waiting::new("hubspot", "crm.account.get", &[("id", "9000000001")], &[])
    });
}

#[divan::bench]
fn salesforce_get(bencher: Bencher<'_, '_>) {
    let body = account(1).to_string().into();
    bench(bencher, &body, || {
        let id = [("id", "0015g0000000001AAA")];
        Waiting::new("salesforce", "crm.account.get", &id, &[])
    });
}
