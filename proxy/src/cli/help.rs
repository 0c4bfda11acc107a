//! What stands around the help that clap writes: groups of commands, examples, exit codes.

use std::fmt::Write as _;

use clap::Command;

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
            "health",
            "connections",
            "keys",
            "pipelines",
        ],
    ),
    ("Call it", &["call", "openapi"]),
    ("This program", &["completions", "version"]),
];

/// Below the help of the program. Each command's own says where it differs.
pub(super) const END: &str = "\
Exit codes:
  0  done
  1  failed while running
  2  wrong usage or configuration; nothing was sent
  3  no proxy answers at the address
  4  the proxy refused the call, and would do so again
  5  the proxy or the provider behind it could not do it now; another try may help
  `health` ends with 0 or 1 alone, as health checks of containers want it.
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
pub(super) const HEALTH: &str = "\
Asks the admin port, or the API where there is none, and waits three seconds at most. One line says how it is. A mistake \
in the configuration that is not about where to listen does not matter, as the proxy goes on with what it had. Sockets \
that systemd has opened are not in the configuration: name them with --url.

Exit codes: 0 it lives (with --ready: and takes calls), 1 it does not, or its place cannot be found out.

Examples:
  crosswalk health
  crosswalk health --ready --config /etc/crosswalk/crosswalk.yaml
  crosswalk health --url unix:/run/crosswalk/api.sock";
pub(super) const CONNECTIONS: &str = "\
Examples:
  crosswalk connections list
  crosswalk connections check --all
  crosswalk connections delete conn_…";
pub(super) const MCP: &str = "\
A client starts it, or reaches it by HTTP; proxy/docs/mcp.md shows how clients are told. It calls the proxy as `call` \
does: what it may do is what the key may do. Tools read alone unless --allow-writes is given; each write has an \
idempotency key. Lists have `raw_data=none` unless a call asks otherwise.

It ends with 0 when stdin ends or at SIGTERM; with --listen, SIGTERM lets open calls end for up to 10 s.

Examples:
  crosswalk mcp
  crosswalk mcp --connection hubspot-demo --only crm.account,crm.contact
  crosswalk mcp --allow-writes --only crm.note
  crosswalk mcp --listen 127.0.0.1:4045";
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
