//! What a run is to measure, and for how long.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Parser, ValueEnum};

/// Measures what the proxy costs; `cargo xtask bench` builds all that is needed and starts this.
#[derive(Debug, Parser)]
pub struct Arguments {
    /// The proxy to measure.
    #[arg(long, default_value = "crosswalk")]
    pub binary: PathBuf,
    /// The project, for the generator's rows and for where the table is written.
    #[arg(long, default_value = ".")]
    pub root: PathBuf,
    /// The generator.
    #[arg(long)]
    pub xtask: Option<PathBuf>,
    /// These rows alone.
    #[arg(long, value_delimiter = ',')]
    pub only: Vec<Group>,
    /// Short runs: to see that it works, not to believe the figures.
    #[arg(long)]
    pub quick: bool,
    /// How long the proxy is loaded while its memory is watched.
    #[arg(long, default_value_t = 0.5, value_name = "MINUTES")]
    pub load_minutes: f64,
    /// Build the project from nothing as well, which takes minutes.
    #[arg(long)]
    pub builds: bool,
    /// The proxy's example `translate`: its instructions are counted, and nothing else is measured.
    #[arg(long)]
    pub instructions: Option<PathBuf>,
    /// Tell the rows as JSON, for programs; how far it is goes to stderr.
    #[arg(long)]
    pub json: bool,
    /// Where the table is written, if the proxy was built from the project as it is. Without it, and with `--only` or `--quick`, it is printed alone.
    #[arg(long)]
    pub write: Option<PathBuf>,
    /// Measure nothing: write a linker's script that has the functions which run, by callgrind. The binary needs symbols.
    #[arg(long, value_name = "FILE")]
    pub layout: Option<PathBuf>,
    /// Measure nothing: count the instructions of whole calls, and leave a profile of each, by callgrind, in a folder.
    #[arg(long, value_name = "FOLDER")]
    pub profiles: Option<PathBuf>,
    /// Be the bare relay that is measured beside the proxy: where it listens, and where it passes calls on to.
    #[arg(long, hide = true, num_args = 2, value_names = ["ADDRESS", "PROVIDER"])]
    pub relay: Option<Vec<SocketAddr>>,
}

/// Rows that are measured together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Group {
    Get,
    Write,
    Upsert,
    Page,
    Latency,
    Joins,
    Memory,
    Growth,
    Start,
    Tenants,
    Generator,
    Matrix,
}

impl Arguments {
    /// Whether a group of rows is asked for.
    pub(crate) fn wants(&self, group: Group) -> bool {
        self.only.is_empty() || self.only.contains(&group)
    }

    /// How often each figure is taken; an odd number, so that one of them is the median.
    pub(crate) fn rounds(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }

    /// How long a load lasts.
    pub(crate) fn load(&self) -> Duration {
        Duration::from_millis(if self.quick { 200 } else { 1_000 })
    }
}
