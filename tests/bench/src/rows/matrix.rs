//! The same calls to a provider that speaks as real ones do: TLS, deflated answers, HTTP/2.

use std::sync::Arc;

use hyper::Method;

use crate::{
    Failure,
    arguments::Group,
    load::Call,
    nginx::Nginx,
    rows::{
        Bench, progress, say,
        side::{CALLERS, SINGLE, Side, as_caller_of, compare},
    },
    stub::{Speaks, Stub, bodies},
    table::{Goal, Row},
};

/// A way of speaking, and whether this nginx can speak so to a provider.
const WAYS: [(&str, Speaks, bool); 4] = [
    ("gzip", way(false, false, true), true),
    ("TLS", way(true, false, false), true),
    ("TLS, gzip", way(true, false, true), true),
    ("TLS, gzip, HTTP/2", way(true, true, true), false),
];

const fn way(tls: bool, http2: bool, gzip: bool) -> Speaks {
    Speaks {
        tls,
        http2,
        gzip,
        delay: std::time::Duration::ZERO,
    }
}

pub(super) async fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    if !bench.wants(Group::Matrix) {
        return Ok(rows);
    }
    for (name, speaks, by_nginx) in WAYS {
        let stub = Stub::start(speaks, &bench.identity)?;
        let mut ours = Side::ours(bench, &stub, SINGLE, CALLERS).await?;
        let mut theirs = if by_nginx {
            Side::theirs(bench, &stub, CALLERS).await?
        } else {
            None
        };
        for (what, call) in calls() {
            let calls: Arc<[Call]> = Arc::from([call]);
            let (native, _) = ours.native(&stub, &calls[0]).await?;
            let mut row = compare(bench, &calls, &native, &mut ours, theirs.as_mut()).await?;
            row.what = format!("{what}; {name}");
            row.note = note(&stub, speaks, by_nginx);
            row.goal = Goal::None;
            say(&progress(&row));
            rows.push(row);
        }
    }
    Ok(rows)
}

fn note(stub: &Stub, speaks: Speaks, by_nginx: bool) -> String {
    let mut notes = Vec::new();
    if speaks.http2 && stub.calls().1 == 0 {
        notes.push("HTTP/1.1 was spoken".to_owned());
    }
    if speaks.gzip && by_nginx {
        notes.push("nginx does not inflate".to_owned());
    }
    if let (false, Some(version)) = (by_nginx, Nginx::version()) {
        notes.push(format!("nginx {version} cannot"));
    }
    notes.join("; ")
}

fn calls() -> [(&'static str, Call); 3] {
    let get = format!("/unified/crm/contact/{}", bodies::FIRST_CONTACT);
    let call = |connection, target| Call::new(Method::GET, target, &as_caller_of(connection), "");
    [
        ("get, HubSpot", call("hubspot", &get)),
        (
            "page of 100, HubSpot",
            call("hubspot", "/unified/crm/account?page_size=100"),
        ),
        (
            "page of 200, Salesforce",
            call("salesforce", "/unified/crm/account?page_size=200"),
        ),
    ]
}
