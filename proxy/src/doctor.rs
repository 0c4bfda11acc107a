//! What is wrong with an installation, and what to do about it: configuration, machine, store, hosts, connections.
//!
//! Changes nothing: no store is made or brought up to date, nothing is written. With [`Options::is_offline`] nothing is
//! sent beyond this machine either. Each check ends in time, and they run side by side. No finding holds a secret.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::task::JoinSet;

use crate::{
    config::{self, Config, Layers},
    route::Api,
};

mod connections;
mod hosts;
mod machine;
mod store;

pub use connections::check_configured;

/// The longest that any one check takes; what it waits for has limits of its own, which are shorter.
const LONGEST: Duration = Duration::from_secs(40);

/// What to look at.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Whether nothing is to be sent beyond this machine.
    pub is_offline: bool,
    /// Only these connections; all, where there is none.
    pub connections: Vec<String>,
}

/// What a finding is about, in the order in which they are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    Configuration,
    Machine,
    Store,
    Hosts,
    Connections,
}

impl Group {
    pub fn title(self) -> &'static str {
        match self {
            Self::Configuration => "Configuration",
            Self::Machine => "Machine",
            Self::Store => "Store",
            Self::Hosts => "Hosts of providers",
            Self::Connections => "Connections",
        }
    }
}

/// How something is; the worst goes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Ok,
    /// It was not looked at, and why is said.
    Skipped,
    /// It works, and somebody should know of it.
    Warn,
    Fail,
}

/// One thing that was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub group: Group,
    /// What was looked at, as in `api.hubapi.com` or the id of a connection.
    pub subject: String,
    pub state: State,
    /// How it is.
    pub message: String,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// How long it took to find out.
    pub milliseconds: u64,
}

impl Finding {
    fn new(
        group: Group,
        subject: impl Into<String>,
        state: State,
        message: impl Into<String>,
    ) -> Self {
        Self {
            group,
            subject: subject.into(),
            state,
            message: message.into(),
            help: None,
            milliseconds: 0,
        }
    }

    #[must_use]
    fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Findings that come together.
type Found = Vec<Finding>;

/// Looks at everything. `tell` hears of each check that has ended: how many have, of how many there are, and of what.
pub async fn examine(
    api: Api,
    layers: &Layers,
    options: &Options,
    tell: &mut dyn FnMut(usize, usize, &str),
) -> Vec<Finding> {
    let config = layers.read(&api);
    let mut findings = configuration(layers.path(), &config);
    let Ok(config) = config else {
        findings.extend(
            [
                Group::Machine,
                Group::Store,
                Group::Hosts,
                Group::Connections,
            ]
            .map(|group| {
                Finding::new(
                    group,
                    "all",
                    State::Skipped,
                    "not looked at: the configuration cannot be read",
                )
            }),
        );
        return findings;
    };
    let config = Arc::new(config);
    let mut checks = JoinSet::new();
    let mut names: Vec<&'static str> = Vec::new();
    let mut add = |name: &'static str, check: Checking| {
        names.push(name);
        checks.spawn(async move { (name, in_time(name, check).await) });
    };
    add("ports", Box::pin(machine::ports(Arc::clone(&config))));
    add("disk", Box::pin(machine::disk(Arc::clone(&config))));
    let looked = tokio::time::timeout(LONGEST, store::examine(&config)).await;
    let examined = looked.unwrap_or_else(|_| store::Examined::silent());
    findings.extend(examined.findings);
    let kept = match &examined.store {
        Some(store) => tokio::time::timeout(LONGEST, store::connections(store, options))
            .await
            .unwrap_or_default(),
        None => store::Kept::default(),
    };
    findings.extend(kept.findings.iter().cloned());
    let hosts = hosts::of(&api, &config, &kept);
    add(
        "hosts",
        Box::pin(hosts::examine(
            Arc::clone(&config),
            hosts,
            options.is_offline,
        )),
    );
    for check in connections::examine(api, &config, options, examined.store.as_ref(), kept) {
        add("a connection", check);
    }
    let total = names.len();
    let mut done = 0;
    while let Some(ended) = checks.join_next().await {
        done += 1;
        if let Ok((name, found)) = ended {
            tell(done, total, name);
            findings.extend(found);
        }
    }
    // In the order of the groups, and within each by name: checks end in any order.
    findings.sort_by(|a, b| (a.group, &a.subject).cmp(&(b.group, &b.subject)));
    findings
}

/// A check under way.
type Checking = std::pin::Pin<Box<dyn Future<Output = Found> + Send>>;

async fn in_time(name: &str, check: Checking) -> Found {
    let began = Instant::now();
    let mut found = tokio::time::timeout(LONGEST, check)
        .await
        .unwrap_or_else(|_| {
            let message = format!("no end of this check within {} s", LONGEST.as_secs());
            vec![Finding::new(Group::Machine, name, State::Fail, message)]
        });
    for finding in &mut found {
        if finding.milliseconds == 0 {
            finding.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        }
    }
    found
}

fn configuration(path: &Path, config: &Result<Config, config::ConfigError>) -> Found {
    let group = Group::Configuration;
    let subject = path.display().to_string();
    match config {
        Ok(config) => {
            let told = format!(
                "can be read, all references to the environment and to files among it; {} connections",
                config.connections.len()
            );
            let fine = Finding::new(group, &subject, State::Ok, told);
            let warnings = config.warnings.iter();
            let warnings =
                warnings.map(|warning| Finding::new(group, &subject, State::Warn, warning));
            std::iter::once(fine).chain(warnings).collect()
        }
        Err(error) => {
            let mistakes = error.mistakes.iter();
            mistakes
                .map(|mistake| {
                    let place = match mistake.place {
                        Some((line, column)) => format!("line {line}, column {column}: "),
                        None => String::new(),
                    };
                    let path = if mistake.path.is_empty() { "" } else { &format!("{}: ", mistake.path) };
                    let message = format!("{place}{path}{}", mistake.message);
                    let finding = Finding::new(group, &subject, State::Fail, message);
                    finding.help(if mistake.place.is_none() && !PathBuf::from(path).exists() {
                        "name the configuration with --config or CROSSWALK_CONFIG; `crosswalk demo` needs none"
                    } else {
                        "mend that line; `crosswalk check-config` tells whether it is well"
                    })
                })
                .collect()
        }
    }
}
