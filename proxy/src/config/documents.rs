//! What people read of the settings: the example and the reference page, both made from the table.

use std::fmt::Write as _;

use super::{
    SETTINGS,
    settings::{CONNECTION, Change, Kind, Setting, Standard},
};

/// How wide a comment may be.
const WIDTH: usize = 118;

const EXAMPLE_HEAD: &str = "\
# yaml-language-server: $schema=config.schema.json
# Every setting of `crosswalk serve`, with its default where it has one. None must be there where a store is kept; without
# one, `api_keys` must. Each can be given by a variable or a flag as well: `limits.connections` is
# CROSSWALK_LIMITS_CONNECTIONS and --set limits.connections=5.
#
# A secret is written as env:NAME or file:/path. Written plainly it works, and the log warns about it.
# `crosswalk check-config --config crosswalk.yaml` tells all mistakes at once, each with its line and column;
# `crosswalk print-config` shows what holds and where it comes from; `crosswalk schema config > config.schema.json` lets
# editors complete and check this file.
";

const EXAMPLE_CONNECTIONS: &str = "\
# One customer's account at a provider each; the name is what callers send in x-connection-id.
connections:
  acme-hubspot:
    provider: hubspot
    access_token: \"env:ACME_HUBSPOT_TOKEN\"
    # api_version: \"2026-09\"
    # base_url: http://127.0.0.1:4041     # a sandbox; https anywhere else
  globex-hubspot:
    provider: hubspot
    oauth:
      client_id: \"env:HUBSPOT_CLIENT_ID\"
      client_secret: \"env:HUBSPOT_CLIENT_SECRET\"
      refresh_token: \"env:GLOBEX_HUBSPOT_REFRESH_TOKEN\"
  acme-salesforce:
    provider: salesforce
    # The org's own host. With oauth it may be left out: it comes with each token.
    instance_url: https://acme.my.salesforce.com
    # login_url: https://test.salesforce.com     # for the provider's own sandboxes
    # api_version: \"59.0\"
    oauth:
      client_id: \"env:SALESFORCE_CLIENT_ID\"
      client_secret: \"env:SALESFORCE_CLIENT_SECRET\"
      refresh_token: \"env:ACME_SALESFORCE_REFRESH_TOKEN\"
";

/// A configuration file with every setting and a comment on each.
pub fn example() -> String {
    let mut text = EXAMPLE_HEAD.to_owned();
    let mut open = None;
    for setting in SETTINGS {
        let (group, key) = parts(setting);
        if group.is_none() || group != open {
            text.push('\n');
        }
        if let (Some(group), true) = (group, group != open) {
            let _ = writeln!(text, "{group}:");
        }
        open = group;
        match (group, setting.standard) {
            (None, standard) => {
                comment(&mut text, setting.doc);
                let _ = match standard {
                    Standard::Is(value) => writeln!(text, "{key}: {value}"),
                    // Without it and without a store nobody could call.
                    Standard::Unset { example, .. } if setting.kind == Kind::Secrets => {
                        writeln!(text, "{key}: {example}")
                    }
                    Standard::Unset { example, .. } => writeln!(text, "# {key}: {example}"),
                };
            }
            (Some(_), Standard::Is(value)) => {
                let _ = writeln!(text, "  {key}: {value} # {}", setting.doc);
            }
            (Some(_), Standard::Unset { example, .. }) => {
                let _ = writeln!(text, "  # {key}: {example} # {}", setting.doc);
            }
        }
    }
    text.push('\n');
    text.push_str(EXAMPLE_CONNECTIONS);
    text
}

const REFERENCE_HEAD: &str = "\
<!-- Generated from proxy/src/config/settings.rs by `CROSSWALK_UPDATE=1 cargo test -p crosswalk-runtime config::`. Don't edit. -->

# Configuration

## Where a setting comes from

Flags go before environment variables, which go before the file, which goes before the defaults.

- **The file** is YAML: `--config FILE` or `CROSSWALK_CONFIG`, `crosswalk.yaml` unless told.
  `crosswalk example-config` prints one with every setting and a comment on each. Where neither names a file, there is no
  `crosswalk.yaml` and a variable or a flag says something, it goes without.
- **Variables**: `CROSSWALK_` and the setting's name in capitals, with `_` for each `.`: `limits.request_timeout` is
  `CROSSWALK_LIMITS_REQUEST_TIMEOUT`. Lists are parted by commas. An empty variable counts as one that is not set. Only
  the names below are settings: others are left alone, and one that looks like a slip of the pen is warned about.
- **Flags**: `--listen`, `--admin-listen`, `--store` and `--log-level`; any other is `--set NAME=VALUE`, as often as wanted.
- **Connections** are set in the file only, or made in the store by the API and by magic links.

`crosswalk check-config` tells all mistakes at once, each with its line and column, its variable or its flag.
`crosswalk print-config` shows each value and where it comes from; secrets are masked. `--format json` is for programs.

## Values

| kind | is written |
| --- | --- |
| time | a number and `ms`, `s`, `m` or `h`: `500ms`, `60s` |
| bytes | a number and `KiB`, `MiB`, `GiB` or nothing: `4 MiB`, `1000` |
| address and port | `127.0.0.1:4040`, `[::1]:4040` |
| secret | `env:NAME` for a variable, `file:/path` for a file's content without its last line break, or the secret itself, which is warned about in a file and on the command line |

## Reading it again

`serve` reads everything again at SIGHUP and, unless `reload` is `on_signal`, within some seconds after the file changed or
a file that a secret comes from; a ConfigMap or a Secret of Kubernetes that is mounted counts as well. All is checked
first. With a mistake in it the old configuration stays as it is, and one line of the log for each mistake tells it;
otherwise it is put in place at once. Calls in flight end with what they began with. A connection that did not change keeps
its tokens; one that is gone is answered 404.

What is marked *reload* below changes then, and so do `connections`. What is marked *restart* keeps its old value, and a
line of the log names it. Environment variables and flags are those of the start.

`crosswalk_config_reloads_total{outcome=\"applied\"}` and `{outcome=\"refused\"}` count, and
`crosswalk_config_last_reload_successful` is 0 while the file in place is one that was refused.

## In editors

`crosswalk schema config` prints the JSON Schema of the file. With
`# yaml-language-server: $schema=config.schema.json` as the first line of the file, or a line in the editor's settings,
editors complete and check it. `crosswalk schema mapping` and `crosswalk schema provider` do the same for the files under
`mappings/`.
";

/// The reference page.
pub fn reference() -> String {
    let mut text = REFERENCE_HEAD.to_owned();
    let mut open = Some("");
    for setting in SETTINGS {
        let (group, _) = parts(setting);
        if group != open {
            let title = group.map_or("## Settings".to_owned(), |group| format!("## `{group}`"));
            let _ = write!(
                text,
                "\n{title}\n\n| setting | takes | unset | change | what it means |\n| --- | --- | --- | --- | --- |\n"
            );
            open = group;
        }
        let unset = match setting.standard {
            Standard::Is(value) => format!("`{value}`"),
            Standard::Unset { then, .. } => then.to_owned(),
        };
        let change = match setting.change {
            Change::Reload => "reload",
            Change::Restart => "restart",
        };
        let _ = writeln!(
            text,
            "| `{}`<br>`{}` | {} | {unset} | {change} | {} |",
            setting.path,
            setting.variable(),
            setting.kind.title(),
            sentence(setting.doc)
                .replace('|', "\\|")
                .replace('<', "&lt;"),
        );
    }
    text.push_str(
        "\n## `connections`\n\nThe name of a connection is what callers send in `x-connection-id`: 1 to 128 visible ASCII characters.\n\n| key | what it means |\n| --- | --- |\n",
    );
    for key in CONNECTION {
        let secret = if key.is_secret { " A secret." } else { "" };
        let _ = writeln!(text, "| `{}` | {}{secret} |", key.path, key.doc);
    }
    text.push_str(
        "\n`access_token`, `oauth` or both must be there. A provider whose accounts have hosts of their own has one more key: for\nSalesforce it is `instance_url`, which may be left out with `oauth`, since it comes with each token.\n",
    );
    text
}

/// With a capital at its beginning.
fn sentence(words: &str) -> String {
    let mut characters = words.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(characters).collect()
}

/// The group of a setting and its key in it.
fn parts(setting: &Setting) -> (Option<&'static str>, &'static str) {
    match setting.path.split_once('.') {
        Some((group, key)) => (Some(group), key),
        None => (None, setting.path),
    }
}

/// A comment of as many lines as it needs.
fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split(' ') {
        if line.len() + 1 + word.len() > WIDTH {
            let _ = writeln!(text, "{line}");
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    let _ = writeln!(text, "{line}");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// The file holds this text; `CROSSWALK_UPDATE=1` writes it.
    fn is_kept(file: &str, text: &str) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file);
        if std::env::var_os("CROSSWALK_UPDATE").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            kept == text,
            "proxy/{file} is not what the settings say; `CROSSWALK_UPDATE=1 cargo test -p crosswalk-runtime config::` writes it"
        );
    }

    #[test]
    fn the_files_that_are_made_from_the_settings_are_up_to_date() {
        is_kept("crosswalk.example.yaml", &example());
        is_kept("docs/configuration.md", &reference());
        let schema = crate::config::schema(&crate::generated::API);
        is_kept("config.schema.json", &format!("{schema:#}\n"));
    }
}
