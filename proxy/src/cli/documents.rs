//! `crosswalk openapi`, `completions` and `man`: what describes the API and the program itself.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::{Command, ValueEnum};
use clap_complete::Shell;
use crosswalk::generated::API;

use super::{Failure, command, contract::document, say};

#[derive(Debug, clap::Args)]
pub(super) struct OpenApi {
    /// As JSON, or as it was written.
    #[arg(long, value_enum, default_value = "json")]
    format: Format,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    Json,
    Yaml,
}

pub(super) fn openapi(arguments: &OpenApi) -> Result<(), Failure> {
    match arguments.format {
        Format::Json => say(&serde_json::to_string_pretty(document())
            .expect("what was read as JSON's kinds of values is written as such")),
        Format::Yaml => say(API.document.trim_end()),
    }
}

#[derive(Debug, clap::Args)]
pub(super) struct Completions {
    /// The shell that is to complete.
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn completions(arguments: &Completions) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command(), "crosswalk", &mut script);
    say(String::from_utf8_lossy(&script).trim_end())
}

#[derive(Debug, clap::Args)]
pub(super) struct Man {
    /// The folder that the pages are written into; made where it is missing.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// A page for the program and one for each command. Operations of `call` have no page of their own: their help has it.
pub(super) fn man(arguments: &Man) -> Result<(), Failure> {
    fs::create_dir_all(&arguments.out).map_err(|error| in_place(&arguments.out, &error))?;
    let mut command = command();
    command.build();
    let mut count = page(&command, "crosswalk", &arguments.out)?;
    for sub in command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set() && sub.get_name() != "help")
    {
        let name = format!("crosswalk-{}", sub.get_name());
        count += page(sub, &name, &arguments.out)?;
    }
    say(&format!("{count} pages in {}", arguments.out.display()))
}

fn page(command: &Command, name: &str, folder: &Path) -> Result<usize, Failure> {
    let mut text = Vec::new();
    clap_mangen::Man::new(command.clone()).render(&mut text)?;
    let path = folder.join(format!("{name}.1"));
    fs::write(&path, text).map_err(|error| in_place(&path, &error))?;
    Ok(1)
}

fn in_place(path: &Path, error: &io::Error) -> Failure {
    io::Error::new(error.kind(), format!("{}: {error}", path.display())).into()
}
