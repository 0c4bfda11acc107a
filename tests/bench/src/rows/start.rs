//! How long it takes from nothing to the first answer, and what many tenants cost.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use hyper::Method;
use serde_json::Value;

use crate::{
    Failure,
    arguments::Group,
    load::{Call, Crowd},
    nginx::Nginx,
    process::Process,
    rows::{
        Bench, say,
        side::{CALLERS, SINGLE, as_caller_of, cpu_per_call},
    },
    sidecar::{API_KEY, Home, Log},
    stats::Pairs,
    stub::{Speaks, Stub, bodies},
    table::{Figure, Goal, Row},
};

const KEPT: usize = 1_000;
const TENANTS: usize = 10_000;
const FIRST_ANSWER: Goal = Goal::AtMost(Figure::Millis(20.0));
/// No slower, by what can be told from a few rounds.
const NO_SLOWER: Goal = Goal::Ratio(1.05);

pub(super) async fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, Failure> {
    let (wants_start, wants_tenants) = (bench.wants(Group::Start), bench.wants(Group::Tenants));
    if !wants_start && !wants_tenants {
        return Ok(Vec::new());
    }
    let stub = Stub::start(Speaks::default(), &bench.identity)?;
    let home = Home::new(&bench.arguments.binary, None, Log::Faults, SINGLE)?;
    let mut rows = Vec::new();
    let mut tenants = keep(bench, &home, &stub, Vec::new(), KEPT).await?;
    if wants_start {
        rows.push(start(bench, &home, &stub, &tenants[KEPT / 2]).await?);
    }
    if wants_tenants {
        let count = if bench.arguments.quick {
            2 * KEPT
        } else {
            TENANTS
        };
        tenants = keep(bench, &home, &stub, tenants, count).await?;
        rows.push(in_turn(bench, &home, &tenants).await?);
    }
    Ok(rows)
}

/// Connects customers until there are so many; their connections' ids.
async fn keep(
    bench: &Bench<'_>,
    home: &Home,
    stub: &Stub,
    mut known: Vec<String>,
    count: usize,
) -> Result<Vec<String>, Failure> {
    let _process = home.serve(&bench.cores)?;
    let mut crowd = Crowd::connect(home.address, CALLERS).await?;
    let headers = [("x-apikey", API_KEY)];
    let config = r#"{"orgId":"org_crosswalk","connectorName":"hubspot"}"#;
    let config = Call::new(Method::POST, "/core/connector_config", &headers, config);
    let config: Value = serde_json::from_slice(&crowd.ask(&config).await?)?;
    let calls: Arc<[Call]> = (known.len()..count)
        .map(|number| {
            let body = serde_json::json!({
                "connectorConfigId": config["id"],
                "customerId": format!("customer-{number}"),
                "settings": { "access_token": format!("token-{number}"), "base_url": stub.url() },
            });
            Call::new(
                Method::POST,
                "/core/connection",
                &headers,
                &body.to_string(),
            )
        })
        .collect();
    for answer in crowd.ask_all(&calls).await? {
        known.push(serde_json::from_slice(&answer)?);
    }
    say(&format!("{count} connections are in the store"));
    Ok(known)
}

async fn start(
    bench: &Bench<'_>,
    home: &Home,
    stub: &Stub,
    connection: &str,
) -> Result<Row, Failure> {
    let call = get(connection);
    let mut native = None;
    let mut nginx = None;
    if bench.has_nginx {
        stub.record();
        first_answer(|| home.serve(&bench.cores), home.address, &call).await?;
        native = stub.recorded().first().map(Call::from);
        nginx = Some(Nginx::new(stub, &bench.identity.path(), Log::Faults)?);
    }
    let mut pairs = Pairs::default();
    // It is so short that more rounds cost nothing.
    for _ in 0..=2 * bench.arguments.rounds() {
        let other = match (&nginx, &native) {
            (Some(nginx), Some(native)) => {
                first_answer(|| nginx.serve(&bench.cores), nginx.address, native).await?
            }
            _ => f64::NAN,
        };
        let own = first_answer(|| home.serve(&bench.cores), home.address, &call).await?;
        pairs.add(own, other);
    }
    let what = "start to first answer, 1,000 connections kept";
    let row = Row::alone(what, Figure::Millis(pairs.ours()), FIRST_ANSWER);
    Ok(match nginx {
        Some(_) => row.beside(Figure::Millis(pairs.theirs()), &pairs),
        None => row,
    })
}

/// From the start of a process to the end of its first answer, in milliseconds. What pins it to its core is part of it,
/// less than a millisecond.
async fn first_answer(
    start: impl FnOnce() -> Result<Process, Failure>,
    address: SocketAddr,
    call: &Call,
) -> Result<f64, Failure> {
    let started = Instant::now();
    let _process = start()?;
    let mut crowd = Crowd::connect(address, 1).await?;
    crowd.time(call).await?;
    Ok(started.elapsed().as_secs_f64() * 1e3)
}

/// Gets for one tenant, and for all of them in turn.
async fn in_turn(bench: &Bench<'_>, home: &Home, tenants: &[String]) -> Result<Row, Failure> {
    let process = home.serve(&bench.cores)?;
    let mut crowd = Crowd::connect(home.address, CALLERS).await?;
    let one: Arc<[Call]> = Arc::from([get(&tenants[0])]);
    let all: Arc<[Call]> = tenants.iter().map(|tenant| get(tenant)).collect();
    // Each is read from the store once.
    crowd.ask_all(&all).await?;
    let long = bench.arguments.load();
    let mut pairs = Pairs::default();
    for _ in 0..bench.arguments.rounds() {
        let one = cpu_per_call(&process, &mut crowd, long, &one).await?;
        pairs.add(cpu_per_call(&process, &mut crowd, long, &all).await?, one);
    }
    let what = format!("get, {} connections in turn", tenants.len());
    Ok(Row {
        theirs: None,
        note: format!("with one connection {}", Figure::CpuMicros(pairs.theirs())),
        ..Row::alone(what, Figure::CpuMicros(pairs.ours()), NO_SLOWER)
            .beside(Figure::CpuMicros(pairs.theirs()), &pairs)
    })
}

fn get(connection: &str) -> Call {
    let target = format!("/unified/crm/contact/{}", bodies::FIRST_CONTACT);
    Call::new(Method::GET, &target, &as_caller_of(connection), "")
}
