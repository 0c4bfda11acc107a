//! What stands around the help that clap writes: groups of commands, examples, exit codes.

use std::fmt::Write as _;

use clap::{
    Command,
    error::{ContextKind, ContextValue},
};

/// Commands by what they are for. One that is in no group is shown with the last.
const GROUPS: [(&str, &[&str]); 4] = [
    ("Run", &["serve", "demo", "sandbox", "mcp"]),
    (
        "Configure and look after it",
        &[
            "check-config",
            "print-config",
            "example-config",
            "schema",
            "doctor",
            "connections",
            "keys",
            "pipelines",
        ],
    ),
    ("Call it", &["call", "openapi"]),
    ("This program", &["completions", "version"]),
];

/// How many names are told that may have been meant.
const SUGGESTIONS: usize = 3;

/// Below the help of the program. Each command's own says where it differs.
pub(super) const END: &str = "\
Exit codes:
  0  done
  1  failed while running
  2  wrong usage or configuration; nothing was sent
  3  no proxy answers at the address
  4  the proxy refused the call, and would do so again
  5  the proxy or the provider behind it could not do it now; another try may help
  `doctor` ends with 0 where all is well, 1 where there is something to know of, and 2 where something is to be mended.

Colours are for terminals, and for none where NO_COLOR is set.";

pub(super) const SERVE: &str = "\
SIGTERM or Ctrl-C lets open calls end (`limits.drain_timeout`); a second one stops at once, with exit code 1.

Examples:
  crosswalk serve
  crosswalk serve --config /etc/crosswalk/crosswalk.yaml";
pub(super) const DEMO: &str = "\
Examples:
  crosswalk demo
  crosswalk demo --explain
  crosswalk demo --listen 127.0.0.1:0";
pub(super) const SANDBOX: &str = "\
Examples:
  crosswalk sandbox
  crosswalk sandbox --fill 1000";
pub(super) const CHECK_CONFIG: &str = "\
Ends with 2 where there is a mistake; each is told with its line and column.

Examples:
  crosswalk check-config
  crosswalk check-config --config /etc/crosswalk/crosswalk.yaml";
pub(super) const PRINT_CONFIG: &str = "\
Examples:
  crosswalk print-config
  crosswalk print-config --format json --set limits.request_timeout=10s";
pub(super) const EXAMPLE_CONFIG: &str = "\
Examples:
  crosswalk example-config > crosswalk.yaml";
pub(super) const SCHEMA: &str = "\
Examples:
  crosswalk schema config > config.schema.json
  crosswalk schema mapping > mapping.schema.json";
pub(super) const DOCTOR: &str = "\
Changes nothing: no store is made, no table is brought up to date. A connection is tried by one cheap call, for \
which its token may be renewed. No secret is shown.

Exit codes: 0 all is well, 1 there is something to know of, 2 something is to be mended.

Examples:
  crosswalk doctor
  crosswalk doctor --offline
  crosswalk doctor --connection acme-hubspot --json";
pub(super) const CONNECTIONS: &str = "\
Examples:
  crosswalk connections list
  crosswalk connections check --all
  crosswalk connections delete conn_…";
pub(super) const KEYS: &str = "\
Works on the store itself, whether a proxy runs or not.

Examples:
  crosswalk keys create --scope unified --name reports --expires-in 90d
  crosswalk keys list
  crosswalk keys revoke key_…";
pub(super) const PIPELINES: &str = "\
Examples:
  crosswalk pipelines list
  crosswalk pipelines sync pipe_… --full-resync";
pub(super) const CALL: &str = "\
The answer goes to stdout; status, time and request id go to stderr. `crosswalk call OPERATION --help` has the \
parameters of one operation.

Exit codes: 0 done, 2 nothing was sent since something is wrong or missing, 3 no proxy answers, 4 the call was \
refused (4xx), 5 the proxy or the provider could not do it now (429, 5xx).

Examples:
  crosswalk call crm.account.list --connection hubspot-demo --page-size 5
  crosswalk call crm.account.list --connection hubspot-demo --all --json > accounts.jsonl
  crosswalk call crm.account.create --connection hubspot-demo --set record.name=Acme --native
  crosswalk call crm.account.upsert --connection hubspot-demo --data @upsert.json
  CROSSWALK_API_KEY=demo CROSSWALK_CONNECTION=hubspot-demo crosswalk call crm.user.list";
pub(super) const OPENAPI: &str = "\
Examples:
  crosswalk openapi > openapi.json
  crosswalk openapi --format yaml";
pub(super) const COMPLETIONS: &str = "\
Examples:
  crosswalk completions bash > ~/.local/share/bash-completion/completions/crosswalk
  crosswalk completions zsh > ~/.zfunc/_crosswalk
  crosswalk completions fish > ~/.config/fish/completions/crosswalk.fish";

/// The same command line, with its commands shown in groups.
pub(super) fn grouped(command: Command) -> Command {
    let mut text = String::new();
    let visible: Vec<(&str, String)> = command
        .get_subcommands()
        .filter(|sub| !sub.is_hide_set())
        .map(|sub| {
            (
                sub.get_name(),
                sub.get_about().map(ToString::to_string).unwrap_or_default(),
            )
        })
        .collect();
    let width = visible
        .iter()
        .map(|(name, _)| name.len())
        .max()
        .unwrap_or_default();
    let is_grouped = |name: &str| GROUPS.iter().any(|(_, names)| names.contains(&name));
    let last = GROUPS.len() - 1;
    for (index, (title, names)) in GROUPS.iter().enumerate() {
        let _ = writeln!(text, "{title}:");
        let own = names
            .iter()
            .filter_map(|name| visible.iter().find(|(known, _)| known == name));
        let others = visible
            .iter()
            .filter(|(name, _)| index == last && !is_grouped(name));
        for (name, about) in own.chain(others) {
            let _ = writeln!(text, "  {name:width$}  {about}");
        }
        text.push('\n');
    }
    // Braces would be taken for names of the template's parts.
    let template = format!(
        "{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n{}Options:\n{{options}}{{after-help}}",
        text.replace('{', "(").replace('}', ")")
    );
    command.help_template(template)
}

/// What clap says of a wrong command line, with the likeliest names first and not all that are a little like what was
/// typed: names of operations are all alike.
pub(super) fn with_few_suggestions(mut error: clap::Error) -> clap::Error {
    for kind in [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ] {
        // They come from the least to the most alike.
        if let Some(ContextValue::Strings(names)) = error.get(kind) {
            let likeliest = names.iter().rev().take(SUGGESTIONS).cloned().collect();
            error.insert(kind, ContextValue::Strings(likeliest));
        }
    }
    error
}
