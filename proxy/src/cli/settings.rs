//! The flags that name a configuration, and those that go before it.

use std::{net::SocketAddr, path::PathBuf};

use clap::CommandFactory as _;
use crosswalk::{
    config::{Config, ConfigError, DEFAULT_FILE, Flag, Layers},
    route::Api,
};

/// Which configuration, for every command that has one.
#[derive(Debug, clap::Args)]
pub(super) struct ConfigArguments {
    /// The configuration file.
    #[arg(
        long,
        // Where a command has commands of its own, it may stand behind them.
        global = true,
        value_name = "FILE",
        env = "CROSSWALK_CONFIG",
        default_value = DEFAULT_FILE
    )]
    pub(super) config: PathBuf,
    #[arg(
        long,
        global = true,
        value_name = "STORE",
        help = "Where things are kept: sqlite, sqlite:/path, none, or the URL of a PostgreSQL"
    )]
    store: Option<String>,
    #[arg(
        long,
        global = true,
        value_name = "NAME=VALUE",
        value_parser = Flag::of_set,
        help = "Any other setting, as in limits.request_timeout=5s; as often as wanted"
    )]
    set: Vec<Flag>,
}

/// The same, for commands that are about what `serve` does.
#[derive(Debug, clap::Args)]
pub(super) struct ServeArguments {
    #[command(flatten)]
    pub(super) config: ConfigArguments,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Where those who watch find /metrics, /livez and /readyz.
    #[arg(long, value_name = "ADDRESS")]
    admin_listen: Option<SocketAddr>,
    /// The least that is logged: error, warn, info or debug.
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,
}

impl ConfigArguments {
    fn flags(&self) -> Vec<Flag> {
        let mut flags = self.set.clone();
        flags.extend(flag("--store", "store", self.store.as_ref()));
        flags
    }

    fn layers_with(&self, flags: Vec<Flag>) -> Layers {
        Layers::of_environment(&self.config, flags, &foreign())
    }

    pub(super) fn layers(&self) -> Layers {
        self.layers_with(self.flags())
    }

    /// Reads and checks the configuration.
    pub(super) fn read(&self, api: &Api) -> Result<Config, ConfigError> {
        self.layers().read(api)
    }
}

impl ServeArguments {
    pub(super) fn layers(&self) -> Layers {
        let mut flags = self.config.flags();
        flags.extend(flag("--listen", "listen", self.listen.as_ref()));
        flags.extend(flag(
            "--admin-listen",
            "admin_listen",
            self.admin_listen.as_ref(),
        ));
        flags.extend(flag("--log-level", "log.level", self.log_level.as_ref()));
        self.config.layers_with(flags)
    }
}

fn flag(name: &str, path: &str, value: Option<impl ToString>) -> Option<Flag> {
    Some(Flag {
        name: name.to_owned(),
        path: path.to_owned(),
        value: value?.to_string(),
    })
}

/// The environment variables that commands read for themselves, which are no settings.
fn foreign() -> Vec<String> {
    fn collect(command: &clap::Command, names: &mut Vec<String>) {
        let variables = command.get_arguments().filter_map(clap::Arg::get_env);
        names.extend(variables.map(|name| name.to_string_lossy().into_owned()));
        for command in command.get_subcommands() {
            collect(command, names);
        }
    }
    let mut names = Vec::new();
    collect(&super::Arguments::command(), &mut names);
    names
}
