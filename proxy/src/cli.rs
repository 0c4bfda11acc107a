//! The commands. Each is a short file over the library; what they print for people goes to stdout, logs go to stderr.

use std::{io::Write as _, process::ExitCode};

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use crosswalk::{
    config::{self, ConfigError},
    route::Api,
    server::StartError,
    store::StoreError,
};
use tokio::runtime::{self, Runtime};

mod call;
mod check_config;
mod client;
mod connections;
mod contract;
mod demo;
mod doctor;
mod documents;
mod explain;
mod health;
mod help;
mod json_text;
mod keys;
mod mcp;
mod nearest;
mod notify;
mod paint;
mod pipelines;
mod players;
mod print_config;
mod progress;
mod reference;
mod sandbox;
mod schema;
mod serve;
mod settings;
mod signals;
mod table;
mod thread;

use settings::{ConfigArguments, ServeArguments};

#[derive(Debug, Parser)]
#[command(
    name = "crosswalk",
    version,
    about = "One local address for every customer's CRM: a unified API, translated to HubSpot and Salesforce and back.",
    arg_required_else_help = true,
    after_help = help::END
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Answer unified calls with the connections of a configuration file.
    #[command(after_help = help::SERVE)]
    Serve(ServeArguments),
    /// Start a proxy and a sandbox together, and print calls to try.
    #[command(after_help = help::DEMO)]
    Demo(demo::Arguments),
    /// Play the providers on loopback, with sample data.
    #[command(after_help = help::SANDBOX)]
    Sandbox(sandbox::Arguments),
    /// Say what is wrong with a configuration file, and nothing else.
    #[command(after_help = help::CHECK_CONFIG)]
    CheckConfig(ServeArguments),
    /// Show every setting and where it comes from, secrets masked.
    #[command(after_help = help::PRINT_CONFIG)]
    PrintConfig(print_config::Arguments),
    /// Print a configuration file with every setting and a comment on each.
    #[command(after_help = help::EXAMPLE_CONFIG)]
    ExampleConfig,
    /// Print the JSON Schema of a file that people write, so that editors complete and check it.
    #[command(after_help = help::SCHEMA)]
    Schema(schema::Arguments),
    /// Offer the operations of a running proxy to AI agents as tools, by the Model Context Protocol.
    #[command(after_help = help::MCP)]
    Mcp(mcp::Arguments),
    /// Look at configuration, machine, store, hosts and connections, and say what to do.
    #[command(after_help = help::DOCTOR)]
    Doctor(doctor::Arguments),
    /// Say whether a proxy lives, or takes calls, by its exit code: for health checks.
    #[command(after_help = help::HEALTH)]
    Health(health::Arguments),
    /// List, check and delete the connections of a running proxy.
    #[command(after_help = help::CONNECTIONS)]
    Connections(connections::Arguments),
    /// Make, list and revoke the API keys of callers, and change the key that secrets are sealed with.
    #[command(after_help = help::KEYS)]
    Keys(keys::Arguments),
    /// List the pipelines of a running proxy, and sync them.
    #[command(after_help = help::PIPELINES)]
    Pipelines(pipelines::Arguments),
    /// Make a unified call to a running proxy, and print the answer.
    #[command(after_help = help::CALL)]
    Call(call::Arguments),
    /// Print the OpenAPI document of the unified API.
    #[command(name = "openapi", after_help = help::OPENAPI)]
    OpenApi(documents::OpenApi),
    /// Print a script that lets a shell complete commands, operations and options.
    #[command(after_help = help::COMPLETIONS)]
    Completions(documents::Completions),
    /// Write the man pages, for packages.
    #[command(hide = true)]
    Man(documents::Man),
    /// Print the reference of the command line, as proxy/docs/cli.md has it.
    #[command(hide = true)]
    Reference,
    /// Print the version.
    Version,
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
    /// What was asked for cannot be sent.
    #[error("{0}")]
    Usage(String),
    /// No proxy answers.
    #[error("{0}")]
    Unreachable(String),
    /// A proxy refused a call, and will do so again.
    #[error("{0}")]
    Refused(String),
    /// A proxy, or the provider behind it, could not do what it was asked for; another try may help.
    #[error("{0}")]
    Unavailable(String),
    /// It was told already.
    #[error("")]
    Told(u8),
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
            Self::Config(_) | Self::NoStore | Self::Usage(_) => ExitCode::from(2),
            Self::Unreachable(_) => ExitCode::from(3),
            Self::Refused(_) => ExitCode::from(4),
            Self::Unavailable(_) => ExitCode::from(5),
            Self::Told(code) => ExitCode::from(*code),
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

/// The command line as a whole.
fn command() -> clap::Command {
    help::grouped(Arguments::command())
}

/// Runs the command that the arguments name.
pub(crate) fn run(api: &Api) -> ExitCode {
    let matches = command()
        .try_get_matches()
        .unwrap_or_else(|error| nearest::only(error).exit());
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let result = match arguments.command {
        Command::Serve(arguments) => serve::run(api, &arguments),
        Command::Demo(arguments) => demo::run(api, &arguments),
        Command::Sandbox(arguments) => sandbox::run(&arguments),
        Command::CheckConfig(arguments) => check_config::run(api, &arguments),
        Command::PrintConfig(arguments) => print_config::run(api, &arguments),
        Command::ExampleConfig => say(config::example().trim_end()),
        Command::Schema(arguments) => schema::run(api, &arguments),
        Command::Doctor(arguments) => doctor::run(api, arguments),
        Command::Health(arguments) => health::run(api, arguments),
        Command::Connections(arguments) => connections::run(api, arguments),
        Command::Mcp(arguments) => mcp::run(api, arguments),
        Command::Keys(arguments) => keys::run(api, &arguments),
        Command::Pipelines(arguments) => pipelines::run(api, arguments),
        Command::Call(arguments) => call::run(api, arguments),
        Command::OpenApi(arguments) => documents::openapi(&arguments),
        Command::Completions(arguments) => documents::completions(&arguments),
        Command::Man(arguments) => documents::man(&arguments),
        Command::Reference => say(reference::text().trim_end()),
        Command::Version => say(concat!("crosswalk ", env!("CARGO_PKG_VERSION"))),
    };
    crosswalk::log::flush();
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Who has closed the pipe wants no more, as `head` does.
        Err(Failure::Io(error)) if error.kind() == std::io::ErrorKind::BrokenPipe => {
            ExitCode::from(1)
        }
        Err(failure) => {
            // Help goes below its error, and is none itself. Nothing can be done where even stderr is gone.
            for line in failure.to_string().lines() {
                let label = match line {
                    help if help.starts_with("help: ") || help.starts_with("  ") => "",
                    _ => "error: ",
                };
                let _ = writeln!(std::io::stderr(), "{label}{line}");
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

/// Runs a command on the thread that waits for its end.
fn runtime() -> Result<Runtime, Failure> {
    Ok(runtime::Builder::new_current_thread()
        .enable_all()
        .build()?)
}
