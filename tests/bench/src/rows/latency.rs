//! How much longer one caller waits for one call at a time, over asking the provider itself.

use hyper::Method;

use crate::{
    Failure,
    arguments::Group,
    load::{Call, Crowd},
    rows::{
        Bench,
        side::{SINGLE, Side, as_caller_of},
    },
    stats::{Pairs, within},
    stub::{Speaks, Stub, bodies},
    table::{Figure, Goal, Row},
};

/// How many calls of each a round has.
const CALLS: usize = 4_000;
const GOAL: Goal = Goal::Ratio(1.3);

/// How long calls took, in microseconds.
#[derive(Debug, Default)]
struct Times {
    direct: Vec<f64>,
    ours: Vec<f64>,
    theirs: Vec<f64>,
}

pub(super) async fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, Failure> {
    if !bench.wants(Group::Latency) {
        return Ok(Vec::new());
    }
    let stub = Stub::start(Speaks::default(), &bench.identity)?;
    let get = format!("/unified/crm/contact/{}", bodies::FIRST_CONTACT);
    let page = "/unified/crm/account?page_size=100";
    let mut rows = added(bench, &stub, "a get", &get, CALLS, GOAL).await?;
    rows.extend(
        added(
            bench,
            &stub,
            "a page of 100, HubSpot",
            page,
            CALLS / 10,
            Goal::None,
        )
        .await?,
    );
    Ok(rows)
}

async fn added(
    bench: &Bench<'_>,
    stub: &Stub,
    what: &str,
    target: &str,
    calls: usize,
    goal: Goal,
) -> Result<Vec<Row>, Failure> {
    let mut direct = Crowd::connect(stub.address(), 1).await?;
    let mut ours = Side::ours(bench, stub, SINGLE, 1).await?;
    let mut theirs = Side::theirs(bench, stub, 1).await?;
    let call = Call::new(Method::GET, target, &as_caller_of("hubspot"), "");
    let (native, _) = ours.native(stub, &call).await?;
    let native = Call::from(native.first().ok_or("it makes no native call")?);
    let mut medians = Pairs::default();
    let mut worst = Pairs::default();
    let calls = if bench.arguments.quick {
        calls / 20
    } else {
        calls
    };
    // The first round warms up.
    for round in 0..=bench.arguments.rounds() {
        let mut times = Times::default();
        // One of each in turn: whatever disturbs one of them disturbs the others as often.
        for _ in 0..calls {
            times.direct.push(direct.time(&native).await?);
            times.ours.push(ours.crowd.time(&call).await?);
            if let Some(theirs) = &mut theirs {
                times.theirs.push(theirs.crowd.time(&native).await?);
            }
        }
        if round > 0 {
            times.add(500, &mut medians);
            times.add(990, &mut worst);
        }
    }
    let row = |rank: &str, pairs: &Pairs| {
        let what = format!("added latency of {what}, one caller, {rank}");
        let row = Row::alone(what, Figure::Micros(pairs.ours()), goal);
        if theirs.is_some() {
            row.beside(Figure::Micros(pairs.theirs()), pairs)
        } else {
            row
        }
    };
    Ok(vec![row("p50", &medians), row("p99", &worst)])
}

impl Times {
    /// What is added to the direct way, where so many of 1,000 calls are no slower.
    fn add(&mut self, thousandths: usize, pairs: &mut Pairs) {
        let direct = within(&mut self.direct, thousandths);
        pairs.add(
            within(&mut self.ours, thousandths) - direct,
            within(&mut self.theirs, thousandths) - direct,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_what_is_above_the_direct_way() {
        let mut times = Times {
            direct: vec![10.0, 11.0, 12.0],
            ours: vec![25.0, 24.0, 26.0],
            theirs: vec![21.0, 20.0, 22.0],
        };
        let mut pairs = Pairs::default();
        times.add(500, &mut pairs);
        assert!((pairs.ours() - 14.0).abs() < 1e-9);
        assert!((pairs.ratio() - 1.4).abs() < 1e-9);
    }
}
