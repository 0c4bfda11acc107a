//! `crosswalk print-config`

use clap::ValueEnum;
use crosswalk::{
    config::{self, Form},
    route::Api,
};

use super::{Failure, ServeArguments, say};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    serve: ServeArguments,
    /// yaml is a configuration file with each origin in a comment; json is for programs.
    #[arg(long, value_enum, default_value = "yaml")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Yaml,
    Json,
}

pub(super) fn run(api: &Api, arguments: &Arguments) -> Result<(), Failure> {
    let form = match arguments.format {
        Format::Yaml => Form::Yaml,
        Format::Json => Form::Json,
    };
    let text = config::print(&arguments.serve.layers(), api, form)?;
    say(text.trim_end())
}
