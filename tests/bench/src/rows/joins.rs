//! Many gets of one connection at the same time, of a provider that takes a while.

use std::time::Duration;

use hyper::Method;

use crate::{
    Failure,
    arguments::Group,
    load::{Call, Crowd},
    rows::{
        Bench,
        side::{SINGLE, Side, as_caller_of},
    },
    stats::{Pairs, median, within},
    stub::{Speaks, Stub, bodies},
    table::{Figure, Goal, Row},
};

const CROWD: usize = 256;
const DELAY: Duration = Duration::from_millis(80);
const FEW: Goal = Goal::AtMost(Figure::Calls(8.0));
const FASTER: Goal = Goal::Ratio(1.0);

pub(super) async fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, Failure> {
    if !bench.wants(Group::Joins) {
        return Ok(Vec::new());
    }
    let speaks = Speaks {
        delay: DELAY,
        ..Speaks::default()
    };
    let stub = Stub::start(speaks, &bench.identity)?;
    let mut joined = Side::ours(bench, &stub, "", CROWD).await?;
    let mut single = Side::ours(bench, &stub, SINGLE, CROWD).await?;
    let mut theirs = Side::theirs(bench, &stub, CROWD).await?;
    let mut calls = Vec::new();
    let mut times = Pairs::default();
    let mut times_theirs = Vec::new();
    // The first round opens connections to the provider.
    for round in 0..=bench.arguments.rounds() {
        let gets = gets(round);
        let (_, others) = at_once(&stub, &mut single.crowd, &gets).await?;
        let (native, own) = at_once(&stub, &mut joined.crowd, &gets).await?;
        if round > 0 {
            calls.push(native);
            times.add(own, others);
        }
        if let Some(theirs) = &mut theirs {
            // What is recorded of one get does for all of them: the stub reads the id from the path.
            let (natives, _) = single.native(&stub, &gets[0]).await?;
            let native = Call::from(natives.first().ok_or("a get makes no native call")?);
            let natives = vec![native; CROWD];
            let (_, took) = at_once(&stub, &mut theirs.crowd, &natives).await?;
            if round > 0 {
                times_theirs.push(took);
            }
        }
    }
    let has_nginx = theirs.is_some();
    Ok(vec![
        Row {
            note: "to a provider that takes 80 ms".to_owned(),
            ..Row::alone(
                "256 gets at once, native calls",
                Figure::Calls(median(calls)),
                FEW,
            )
        },
        Row {
            theirs: has_nginx.then(|| Figure::Millis(median(times_theirs))),
            note: format!(
                "ratio to 256 that are not joined, {}",
                Figure::Millis(times.theirs())
            ),
            ..Row::alone(
                "256 gets at once, p50",
                Figure::Millis(times.ours()),
                FASTER,
            )
            .beside(Figure::Millis(times.theirs()), &times)
        },
    ])
}

/// Native calls, and the time within which half of the callers were answered, in milliseconds.
async fn at_once(stub: &Stub, crowd: &mut Crowd, calls: &[Call]) -> Result<(f64, f64), Failure> {
    let (before, _) = stub.calls();
    let mut took = crowd.call_at_once(calls).await?;
    let (after, _) = stub.calls();
    let native = u32::try_from(after - before)?;
    Ok((f64::from(native), within(&mut took, 500)))
}

/// Each asks for a contact of its own, in each round for another.
fn gets(round: usize) -> Vec<Call> {
    let headers = as_caller_of("hubspot");
    let first = bodies::FIRST_CONTACT + (round * CROWD) as u64;
    (first..first + CROWD as u64)
        .map(|id| {
            Call::new(
                Method::GET,
                &format!("/unified/crm/contact/{id}"),
                &headers,
                "",
            )
        })
        .collect()
}
