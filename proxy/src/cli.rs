//! The commands. Each is a short file over the library; what they print for people goes to stdout, logs go to stderr.

use std::{io::Write as _, path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use crosswalk::{config::ConfigError, route::Api, server::StartError, store::StoreError};
use tokio::runtime::{self, Runtime};

mod check_config;
mod demo;
mod explain;
mod keys;
mod notify;
mod pipelines;
mod players;
mod sandbox;
mod serve;
mod signals;

#[derive(Debug, Parser)]
#[command(
    name = "crosswalk",
    version,
    about = "One local address for every customer's CRM: a unified API, translated to HubSpot and Salesforce and back.",
    arg_required_else_help = true,
    after_help = "Exit codes: 0 done, 1 failed while running, 2 wrong usage or configuration."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer unified calls with the connections of a configuration file.
    Serve(ConfigArguments),
    /// Say what is wrong with a configuration file, and nothing else.
    CheckConfig(ConfigArguments),
    /// Play the providers on loopback, with sample data.
    Sandbox(sandbox::Arguments),
    /// Start a proxy and a sandbox together, and print calls to try.
    Demo(demo::Arguments),
    /// Make, list and revoke the API keys of callers, and change the key that secrets are sealed with.
    Keys(keys::Arguments),
    /// List the pipelines of a running proxy, and sync them.
    Pipelines(pipelines::Arguments),
    /// Print the version.
    Version,
}

#[derive(Debug, clap::Args)]
struct ConfigArguments {
    /// The configuration file.
    #[arg(
        long,
        // Where a command has commands of its own, it may stand behind them.
        global = true,
        value_name = "FILE",
        env = "CROSSWALK_CONFIG",
        default_value = "crosswalk.yaml"
    )]
    config: PathBuf,
}

/// Why a command ended without having done what it should.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("{0}")]
    Config(#[from] ConfigError),
    #[error("{0}")]
    Start(#[from] StartError),
    /// A proxy that was called did not do what it should.
    #[error("{0}")]
    Call(String),
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The configuration keeps nothing.
    #[error(
        "keys are kept in the store, and this configuration has none; set `store` or `state_dir`"
    )]
    NoStore,
    #[error("no API key has the id {0}; `crosswalk keys list` shows those that there are")]
    UnknownKey(String),
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Some calls were cut off when the time to drain was up.
    #[error("calls that were still open after the drain timeout were cut off")]
    Cut,
    /// A second signal came.
    #[error("stopped at once, calls in flight were cut off")]
    Stopped,
}

impl Failure {
    fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::NoStore => ExitCode::from(2),
            Self::Start(_)
            | Self::Store(_)
            | Self::UnknownKey(_)
            | Self::Call(_)
            | Self::Io(_)
            | Self::Cut
            | Self::Stopped => ExitCode::from(1),
        }
    }
}

/// Runs the command that the arguments name.
pub(crate) fn run(api: &Api) -> ExitCode {
    let arguments = Arguments::parse();
    let result = match arguments.command {
        Command::Serve(arguments) => serve::run(api, &arguments.config),
        Command::CheckConfig(arguments) => check_config::run(api, &arguments.config),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
        Command::Demo(arguments) => demo::run(api, &arguments),
        Command::Keys(arguments) => keys::run(api, &arguments),
        Command::Pipelines(arguments) => pipelines::run(arguments),
        Command::Version => say(concat!("crosswalk ", env!("CARGO_PKG_VERSION"))),
    };
    crosswalk::log::flush();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // Nothing can be done where even stderr is gone.
            for line in failure.to_string().lines() {
                let _ = writeln!(std::io::stderr(), "error: {line}");
            }
            failure.exit_code()
        }
    }
}

/// Prints for people.
fn say(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()?;
    Ok(())
}

fn runtime() -> Result<Runtime, Failure> {
    Ok(runtime::Builder::new_multi_thread().enable_all().build()?)
}

/// Answers calls on so many threads; with one, it is the thread that waits for the end.
fn runtime_of(threads: usize) -> Result<Runtime, Failure> {
    let mut builder = if threads > 1 {
        let mut builder = runtime::Builder::new_multi_thread();
        builder.worker_threads(threads);
        builder
    } else {
        runtime::Builder::new_current_thread()
    };
    Ok(builder.enable_all().build()?)
}

/// For what is done beside calls, so that it never keeps one waiting.
fn background() -> Result<Runtime, Failure> {
    Ok(runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("background")
        .enable_all()
        .build()?)
}
