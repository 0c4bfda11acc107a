//! The same calls to a provider that speaks as real ones do: TLS, deflated answers, HTTP/2.

use std::sync::Arc;

use hyper::Method;

use crate::{
    Failure,
    arguments::Group,
    load::Call,
    rows::{
        Bench, progress, say,
        side::{CALLERS, SINGLE, Side, as_caller_of, compare},
    },
    sidecar::Log,
    stub::{Speaks, Stub, bodies},
    table::Row,
};

/// A way of speaking, and whether nginx is to pass on in the same way.
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
    rows.push(logging(bench).await?);
    for (name, speaks, by_nginx) in WAYS {
        let stub = Stub::start(speaks, &bench.identity)?;
        let settings = format!("tls: {{ http2: {} }}\n{SINGLE}", speaks.http2);
        let mut ours = Side::ours(bench, &stub, &settings, CALLERS).await?;
        let mut theirs = if by_nginx {
            Side::theirs(bench, &stub, CALLERS).await?
        } else {
            None
        };
        for (what, call) in calls() {
            let row = Row {
                what: format!("{what}; {name}"),
                ..compared(bench, call, &stub, &mut ours, theirs.as_mut()).await?
            };
            let note = note(&stub, speaks, by_nginx);
            rows.push(shown(Row { note, ..row }));
        }
    }
    Ok(rows)
}

/// A get where each side writes a line about it.
async fn logging(bench: &Bench<'_>) -> Result<Row, Failure> {
    let stub = Stub::start(Speaks::default(), &bench.identity)?;
    let mut ours = Side::ours_logging(bench, &stub, SINGLE, CALLERS, Log::Calls).await?;
    let mut theirs = Side::theirs_logging(bench, &stub, CALLERS, Log::Calls).await?;
    let [(what, call), ..] = calls();
    Ok(shown(Row {
        what: format!("{what}; a line of log for each"),
        ..compared(bench, call, &stub, &mut ours, theirs.as_mut()).await?
    }))
}

async fn compared(
    bench: &Bench<'_>,
    call: Call,
    stub: &Stub,
    ours: &mut Side,
    theirs: Option<&mut Side>,
) -> Result<Row, Failure> {
    let calls: Arc<[Call]> = Arc::from([call]);
    let (native, _) = ours.native(stub, &calls[0]).await?;
    compare(bench, &calls, &native, ours, theirs).await
}

fn shown(row: Row) -> Row {
    say(&progress(&row));
    row
}

fn note(stub: &Stub, speaks: Speaks, by_nginx: bool) -> String {
    let mut notes = Vec::new();
    if speaks.http2 && stub.calls().1 == 0 {
        notes.push("HTTP/1.1 was spoken".to_owned());
    }
    if speaks.gzip && by_nginx {
        notes.push("nginx does not inflate".to_owned());
    }
    if !by_nginx {
        notes.push("nginx passes on by HTTP/1.1".to_owned());
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
