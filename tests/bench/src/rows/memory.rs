//! What the proxy has in memory: with nothing to do, at its peak, and after a while of load.

use std::{sync::Arc, time::Duration};

use hyper::Method;

use crate::{
    Failure,
    arguments::Group,
    load::Call,
    rows::{
        Bench, say,
        side::{CALLERS, SINGLE, Side, as_caller_of},
    },
    stub::{Speaks, Stub, bodies},
    table::{Figure, Goal, Row},
};

/// How many list pages at one time.
const CROWD: usize = 256;
const IDLE: Goal = Goal::AtMost(Figure::Mebibytes(10.0));
const PEAK: Goal = Goal::AtMost(Figure::Mebibytes(40.0));
/// An allocator's own ups and downs.
const NO_GROWTH: Goal = Goal::AtMost(Figure::Mebibytes(1.0));
/// How long a process is left alone before it counts as idle.
const REST: Duration = Duration::from_secs(1);

pub(super) async fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let stub = Stub::start(Speaks::default(), &bench.identity)?;
    if bench.wants(Group::Memory) {
        rows.extend(idle_and_peak(bench, &stub).await?);
    }
    if bench.wants(Group::Growth) {
        rows.push(growth(bench, &stub).await?);
    }
    Ok(rows)
}

async fn idle_and_peak(bench: &Bench<'_>, stub: &Stub) -> Result<Vec<Row>, Failure> {
    let mut ours = Side::ours(bench, stub, SINGLE, 0).await?;
    let mut theirs = Side::theirs(bench, stub, 0).await?;
    tokio::time::sleep(REST).await;
    let idle = ours.process.resident();
    let idle_theirs = theirs.as_ref().map(|theirs| theirs.process.resident());
    let pages = pages();
    let mut natives = Vec::new();
    ours.crowd.grow(CROWD).await?;
    for page in pages.iter() {
        let (native, _) = ours.native(stub, page).await?;
        natives.extend(native.iter().map(Call::from));
    }
    let long = 3 * bench.arguments.load();
    ours.crowd.call_for(long, &pages).await?;
    let peak = ours.process.peak();
    tokio::time::sleep(REST).await;
    let after = ours.process.resident();
    let mut peak_theirs = None;
    if let Some(theirs) = &mut theirs {
        theirs.crowd.grow(CROWD).await?;
        theirs.crowd.call_for(long, &natives.into()).await?;
        peak_theirs = Some(theirs.process.peak());
    }
    let row = |what: &str, ours: u32, theirs: Option<u32>, goal: Goal, note: String| Row {
        theirs: theirs.map(mebibytes),
        ratio: theirs.map(|theirs| f64::from(ours) / f64::from(theirs)),
        note,
        ..Row::alone(what, mebibytes(ours), goal)
    };
    let after = format!("{} a second after", mebibytes(after));
    Ok(vec![
        row(
            "memory, idle, with a store",
            idle,
            idle_theirs,
            IDLE,
            String::new(),
        ),
        row(
            "memory, peak, 256 callers listing pages",
            peak,
            peak_theirs,
            PEAK,
            after,
        ),
    ])
}

/// Gets, pages and upserts for a while.
async fn growth(bench: &Bench<'_>, stub: &Stub) -> Result<Row, Failure> {
    let mut ours = Side::ours(bench, stub, "", CALLERS).await?;
    let minutes = if bench.arguments.quick {
        0.02
    } else {
        bench.arguments.load_minutes
    };
    let calls = mixed();
    let mut memory = Vec::new();
    let parts = 40;
    for part in 0..parts {
        let long = Duration::from_secs_f64(minutes * 60.0 / f64::from(parts));
        ours.crowd.call_for(long, &calls).await?;
        memory.push(ours.process.resident());
        if part % 10 == 9 {
            say(&format!(
                "memory after {:.1} of {minutes} minutes of load: {}",
                minutes * f64::from(part + 1) / f64::from(parts),
                mebibytes(*memory.last().unwrap_or(&0))
            ));
        }
    }
    let grown = grown(&memory);
    Ok(Row {
        note: format!(
            "{} at the end of {minutes} minutes; least of the last quarter over least of the second",
            mebibytes(*memory.last().unwrap_or(&0))
        ),
        ..Row::alone("growth of memory under load", mebibytes(grown), NO_GROWTH)
    })
}

/// By how much the least of the last quarter is above the least of the second: the first is for warming up.
fn grown(memory: &[u32]) -> u32 {
    let quarter = memory.len() / 4;
    let least = |from: usize, to: usize| memory[from..to].iter().min().copied().unwrap_or_default();
    let second = least(quarter, 2 * quarter);
    least(3 * quarter, memory.len()).saturating_sub(second)
}

fn pages() -> Arc<[Call]> {
    let page = |connection, size| {
        let target = format!("/unified/crm/account?page_size={size}");
        Call::new(Method::GET, &target, &as_caller_of(connection), "")
    };
    Arc::from([page("hubspot", 100), page("salesforce", 200)])
}

fn mixed() -> Arc<[Call]> {
    let headers = as_caller_of("hubspot");
    let gets = (0..1_000).map(|number| {
        let id = bodies::FIRST_CONTACT + number;
        Call::new(
            Method::GET,
            &format!("/unified/crm/contact/{id}"),
            &headers,
            "",
        )
    });
    let upserts = (0..1_000).map(|number| {
        let body = super::cpu::upsert(number);
        Call::new(
            Method::POST,
            "/unified/crm/contact/_upsert",
            &headers,
            &body,
        )
    });
    let pages = pages();
    let rows = gets.zip(upserts).enumerate();
    rows.flat_map(|(number, (get, upsert))| [get, upsert, pages[number % pages.len()].clone()])
        .collect()
}

fn mebibytes(kibibytes: u32) -> Figure {
    Figure::Mebibytes(f64::from(kibibytes) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_up_and_down_does_not_grow() {
        assert_eq!(grown(&[1, 5, 9, 7, 12, 7, 7, 10]), 0);
    }

    #[test]
    fn what_only_goes_up_grows() {
        assert_eq!(grown(&[1, 2, 3, 4, 5, 6, 7, 8]), 4);
    }
}
