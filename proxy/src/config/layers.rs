//! What is said where: flags go before the environment, which goes before the file, which goes before the defaults.
//!
//! A setting's variable is `CROSSWALK_` and its path in capitals, with `_` between its parts. Other variables that begin
//! so are none of ours, as those that Kubernetes makes for a service of that name; one that looks like a slip of the pen
//! is warned about. An empty variable counts as one that is not set, as compose files have it.

use std::{collections::BTreeMap, io, path::Path, path::PathBuf};

use super::{
    Config, ConfigError, Listening, Mistake, SETTINGS, Setting, check, origin::Origin, tree::Over,
    tree::nearest,
};
use crate::route::Api;

/// The file that is read where none is named.
pub const DEFAULT_FILE: &str = "crosswalk.yaml";
const PREFIX: &str = "CROSSWALK_";

/// A setting that a flag gives.
#[derive(Debug, Clone)]
pub struct Flag {
    /// As it was written, as in `--listen`.
    pub name: String,
    /// As in `limits.connections`.
    pub path: String,
    pub value: String,
}

impl Flag {
    /// What `--set` was given: `limits.connections=5`. An error says what was expected.
    pub fn of_set(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((path, value)) if !path.trim().is_empty() && !value.trim().is_empty() => {
                Ok(Self {
                    name: "--set".to_owned(),
                    path: path.trim().to_owned(),
                    value: value.trim().to_owned(),
                })
            }
            _ => {
                Err("expected a setting and its value, as in limits.request_timeout=5s".to_owned())
            }
        }
    }
}

/// All that a configuration is made of, to be read as often as wanted. The environment and the flags stay as they were at
/// the start; files are read anew.
#[derive(Debug, Clone)]
pub struct Layers {
    path: PathBuf,
    flags: Vec<Flag>,
    environment: BTreeMap<String, String>,
    /// Variables that are for something else.
    foreign: Vec<String>,
    /// There was a file at the start, so one that is not there later is a mistake.
    had_file: bool,
}

/// A text, and the name that it has in mistakes.
pub(super) struct Read {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) over: Vec<Over>,
}

impl Layers {
    /// With the environment of this process. `foreign` are variables that begin as settings' do and are none.
    pub fn of_environment(path: &Path, flags: Vec<Flag>, foreign: &[String]) -> Self {
        let variables = std::env::vars_os().filter_map(|(name, value)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        });
        Self::new(path, flags, variables.collect(), foreign)
    }

    pub fn new(
        path: &Path,
        flags: Vec<Flag>,
        environment: BTreeMap<String, String>,
        foreign: &[String],
    ) -> Self {
        Self {
            path: path.to_owned(),
            flags,
            environment,
            foreign: foreign.to_vec(),
            had_file: false,
        }
    }

    /// The configuration's file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a variable of the environment is set.
    pub(super) fn has(&self, variable: &str) -> bool {
        let value = self.environment.get(variable);
        value.is_some_and(|value| !value.is_empty())
    }

    /// The same for reading again.
    #[must_use]
    pub fn started(mut self) -> Self {
        self.had_file = self.path.exists();
        self
    }

    /// Reads and checks all of it.
    pub fn read(&self, api: &Api) -> Result<Config, ConfigError> {
        let Read { name, text, over } = self.gather()?;
        let environment = |name: &str| self.environment.get(name).cloned();
        let mut config = check::config(&name, &text, over, api, &environment)?;
        let near = self.near_misses(&config.variables);
        config.warnings.extend(near);
        Ok(config)
    }

    /// Where the proxy listens, for who only wants to reach it: a mistake anywhere else, or a secret that this user may not
    /// read, is not in his way.
    pub fn listening(&self, api: &Api) -> Result<Listening, ConfigError> {
        let Read { name, text, over } = self.gather()?;
        check::listening(&name, &text, over, api)
    }

    /// What stands in the file, and what goes before it.
    pub(super) fn gather(&self) -> Result<Read, ConfigError> {
        let mut mistakes = Vec::new();
        let mut over = self.variables();
        for flag in &self.flags {
            match Setting::find(&flag.path) {
                Some(setting) => {
                    over.push(setting.over(&flag.value, Origin::Flag(flag.name.clone())));
                }
                None => mistakes.push(unknown(flag)),
            }
        }
        let name = self.path.display().to_string();
        let text = match std::fs::read_to_string(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.may_lack_file(&over) => {
                String::new()
            }
            Err(error) => {
                mistakes.push(Mistake {
                    file: name.clone(),
                    place: None,
                    path: String::new(),
                    message: format!(
                        "expected a readable configuration file: {error}; `crosswalk example-config` prints one to begin with"
                    ),
                });
                String::new()
            }
        };
        if mistakes.is_empty() {
            Ok(Read { name, text, over })
        } else {
            Err(ConfigError {
                mistakes,
                files: Vec::new(),
                missing: Vec::new(),
            })
        }
    }

    /// Whether somebody has said by other means what is wanted, and named no file.
    fn may_lack_file(&self, over: &[Over]) -> bool {
        !self.had_file && self.path == Path::new(DEFAULT_FILE) && !over.is_empty()
    }

    fn variables(&self) -> Vec<Over> {
        SETTINGS
            .iter()
            .filter_map(|setting| {
                let name = setting.variable();
                let value = self.environment.get(&name)?.trim();
                (!value.is_empty()).then(|| setting.over(value, Origin::Variable(name)))
            })
            .collect()
    }

    /// Warnings about variables that were probably meant to be settings.
    fn near_misses(&self, referenced: &[String]) -> Vec<String> {
        let known: Vec<_> = SETTINGS.iter().map(Setting::variable).collect();
        // A name that begins as those of a group do says that it is one of them.
        let groups: Vec<_> = SETTINGS
            .iter()
            .filter_map(|setting| setting.path.split_once('.'))
            .map(|(group, _)| format!("{PREFIX}{}_", group.to_uppercase()))
            .collect();
        let is_ours = |name: &&String| {
            name.starts_with(PREFIX)
                && !known.contains(name)
                && !self.foreign.contains(name)
                && !referenced.contains(name)
        };
        let unknown = self.environment.keys().filter(is_ours);
        unknown
            .filter_map(|name| {
                // Without the beginning, which all of them share.
                let ends = known.iter().map(|known| &known[PREFIX.len()..]);
                let near = nearest(&name[PREFIX.len()..], ends);
                let is_grouped = groups.iter().any(|group| name.starts_with(group));
                let help = match near {
                    Some(near) => format!("did you mean {PREFIX}{near}?"),
                    None if is_grouped => {
                        "proxy/docs/configuration.md lists those that are".to_owned()
                    }
                    None => return None,
                };
                Some(format!("{name}: no setting has this variable; {help}"))
            })
            .collect()
    }
}

fn unknown(flag: &Flag) -> Mistake {
    let message = if flag.path.split('.').next() == Some("connections") {
        "connections can only be set in the configuration file".to_owned()
    } else if let Some(near) = nearest(&flag.path, SETTINGS.iter().map(|setting| setting.path)) {
        format!("unknown setting; did you mean `{near}`?")
    } else {
        "unknown setting; `crosswalk print-config` shows those that there are".to_owned()
    };
    Mistake {
        file: flag.name.clone(),
        place: None,
        path: flag.path.clone(),
        message,
    }
}

#[cfg(test)]
mod tests;
