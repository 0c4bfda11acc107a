//! `crosswalk schema`: the JSON Schemas of what people write, for editors.

use clap::ValueEnum;
use crosswalk::{config, route::Api};

use super::{Failure, say};

/// Written by `cargo xtask schema`, from what the generator reads.
const MAPPING: &str = include_str!("../../../mappings/mapping.schema.json");
const PROVIDER: &str = include_str!("../../../mappings/provider.schema.json");

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// What is to be described.
    #[arg(value_enum)]
    of: Of,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Of {
    /// The configuration file.
    Config,
    /// An entity's file under mappings/.
    Mapping,
    /// A provider.yaml under mappings/.
    Provider,
}

pub(super) fn run(api: &Api, arguments: &Arguments) -> Result<(), Failure> {
    let text = match arguments.of {
        Of::Config => &serde_json::to_string_pretty(&config::schema(api))
            .map_err(|error| Failure::Io(error.into()))?,
        Of::Mapping => MAPPING,
        Of::Provider => PROVIDER,
    };
    say(text.trim_end())
}
