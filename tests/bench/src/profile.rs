//! What the processor does for whole calls: the instructions of each, and which functions they are in.

use std::{fs, path::Path, time::Duration};

use tokio::runtime;

use crate::{
    Failure,
    arguments::Arguments,
    callgrind::{self, Watched},
    load::Crowd,
    rows::{progress, say, unified_calls},
    sidecar::{Home, Log, connections},
    stub::{Identity, Speaks, Stub},
    table::{Figure, Goal, Row},
};

/// How often each call is made before it counts, so that what is only done once is done.
const BEFORE: u32 = 8;
const COUNTED: u32 = 40;
/// How long a start is left alone: what it does beside calls does not belong to them.
const REST: Duration = Duration::from_secs(1);

/// Counts the instructions of the proxy for each call that is measured, and leaves a profile of each in a folder. The
/// binary needs symbols, if their names are to be read.
pub(crate) fn write(arguments: &Arguments, folder: &Path) -> Result<(), Failure> {
    fs::create_dir_all(folder)?;
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(count(arguments, folder))
}

async fn count(arguments: &Arguments, folder: &Path) -> Result<(), Failure> {
    let stub = Stub::start(Speaks::default(), &Identity::new()?)?;
    // The store is looked at by and by, whoever calls.
    let rest = format!(
        "store: none\nlimits: {{ join_reads: false }}\n{}",
        connections(&stub)
    );
    let home = Home::new(&arguments.binary, None, Log::Faults, &rest)?;
    let mut watched = Watched::serve(&home, folder)?;
    tokio::time::sleep(REST).await;
    let mut crowd = Crowd::connect(home.address, 1).await?;
    for (what, call) in unified_calls() {
        for _ in 0..BEFORE {
            crowd.ask(&call).await?;
        }
        watched.zero()?;
        for _ in 0..COUNTED {
            crowd.ask(&call).await?;
        }
        let dump = watched.dump()?;
        let (_, total) = callgrind::told(&dump)?;
        let per_call = Figure::Instructions(total / f64::from(COUNTED));
        say(&progress(&Row {
            note: format!("{COUNTED} of them in {}", dump.display()),
            ..Row::alone(what, per_call, Goal::None)
        }));
    }
    watched.end();
    Ok(())
}
