//! What is measured, row by row.

use std::{fs, path::Path};

use tokio::runtime;

use crate::{
    Failure,
    arguments::{Arguments, Group},
    cores::Cores,
    layout,
    load::Call,
    machine,
    nginx::Nginx,
    profile, relay,
    stub::Identity,
    table::{self, Row},
};

mod cpu;
mod generator;
mod instructions;
mod joins;
mod latency;
mod matrix;
mod memory;
mod side;
mod start;

/// What all rows need.
#[derive(Debug)]
pub(crate) struct Bench<'a> {
    pub(crate) arguments: &'a Arguments,
    pub(crate) cores: Cores,
    pub(crate) identity: Identity,
    pub(crate) has_nginx: bool,
}

/// Measures all that is asked for, prints the table, and writes it where that was asked for.
pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if let Some([address, provider]) = arguments.relay.as_deref() {
        return relay::serve(*address, *provider);
    }
    if let Some(script) = &arguments.layout {
        return layout::write(arguments, script);
    }
    if let Some(folder) = &arguments.profiles {
        return profile::write(arguments, folder);
    }
    // Before there are threads: they would stay on the core of the proxy.
    let cores = Cores::pin();
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let bench = Bench {
        arguments,
        cores,
        identity: Identity::new()?,
        has_nginx: Nginx::version().is_some(),
    };
    let mut rows = Vec::new();
    let measured = runtime.block_on(bench.measure(&mut rows));
    // The table is of what was built from the project.
    let is_built = arguments.write.is_some() || arguments.instructions.is_some();
    let given = (!is_built).then_some(&*arguments.binary);
    let machine = machine::told(&arguments.root, given, &bench.cores);
    if arguments.json {
        print(&format!("{:#}", table::json(&rows)));
    } else {
        print(&format!("\n{}\n{machine}", table::text(&rows)));
    }
    // What was measured before is shown all the same, but not written.
    measured?;
    let is_whole =
        arguments.only.is_empty() && !arguments.quick && arguments.instructions.is_none();
    if let Some(path) = arguments.write.as_ref().filter(|_| is_whole) {
        write(path, &rows, &machine)?;
        say(&format!("written to {}", path.display()));
    }
    Ok(())
}

impl Bench<'_> {
    async fn measure(&self, rows: &mut Vec<Row>) -> Result<(), Failure> {
        if let Some(translate) = &self.arguments.instructions {
            rows.extend(instructions::rows(translate)?);
            return Ok(());
        }
        rows.extend(cpu::rows(self).await?);
        rows.extend(told(latency::rows(self).await?));
        rows.extend(told(joins::rows(self).await?));
        rows.extend(told(memory::rows(self).await?));
        rows.extend(told(start::rows(self).await?));
        rows.extend(matrix::rows(self).await?);
        rows.extend(told(generator::rows(self)?));
        Ok(())
    }

    pub(crate) fn wants(&self, group: Group) -> bool {
        self.arguments.wants(group)
    }
}

/// One of each kind of unified call that is measured, of each provider, and what it is.
pub(crate) fn unified_calls() -> Vec<(String, Call)> {
    cpu::calls()
}

fn write(path: &Path, rows: &[Row], machine: &str) -> Result<(), Failure> {
    let text = format!("{INTRODUCTION}\n{machine}\n\n{}", table::markdown(rows));
    fs::write(path, text)?;
    Ok(())
}

const INTRODUCTION: &str = "\
# What the proxy costs

Written by `cargo xtask bench`. A stub provider gives canned answers; nginx passes the same native calls through that
crosswalk makes for a unified one, with no log on either side; 32 callers keep their connections open. CPU time is the
process's own accounting of one core, by calls that were answered; the two are measured in turns, and the ratio is the
median of the rounds' ratios, with the least and the greatest in brackets.
";

/// Tells how far it is.
#[allow(clippy::print_stderr)]
pub(crate) fn say(text: &str) {
    eprintln!("{text}");
}

#[allow(clippy::print_stdout)]
fn print(text: &str) {
    println!("{text}");
}

/// A row as it is told while others are still measured.
pub(crate) fn progress(row: &Row) -> String {
    table::text(std::slice::from_ref(row))
        .lines()
        .last()
        .unwrap_or_default()
        .to_owned()
}

fn told(rows: Vec<Row>) -> Vec<Row> {
    for row in &rows {
        say(&progress(row));
    }
    rows
}
