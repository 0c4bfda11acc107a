//! `crosswalk demo`: a proxy and a sandbox in one process.

use std::{
    fmt::Write as _,
    net::{Ipv4Addr, SocketAddr},
    path::Path,
};

use crosswalk::{
    config::{self, Config, Level, LogFormat},
    log,
    route::Api,
    server::{Server, StartError},
};

use super::{
    Failure, explain,
    players::{PLAYERS, Player, Playing},
    runtime, say,
    serve::until_stopped,
    signals::Signals,
};

mod keeping;

use keeping::Folder;

/// The key of the demo's only caller.
const API_KEY: &str = "demo";
/// Where the proxy listens unless told.
const PORT: u16 = 4040;
const ADMIN_PORT: u16 = 4043;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Where the proxy listens; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4040")]
    listen: SocketAddr,
    /// Where its metrics are, at /metrics; unset: port 4043 beside port 4040, a free one otherwise.
    #[arg(long = "admin-listen", alias = "admin", value_name = "ADDRESS")]
    admin: Option<SocketAddr>,
    /// Print what each call became: the unified request, the native calls, the answer.
    #[arg(long)]
    explain: bool,
}

pub(super) fn run(api: &Api, arguments: &Arguments) -> Result<(), Failure> {
    runtime()?.block_on(async {
        let signals = Signals::catch()?;
        let mut played = Vec::new();
        for player in &PLAYERS {
            played.push(Playing::start(player, 0).await?);
        }
        let folder = Folder::make()?;
        let config = config(api, arguments, folder.path(), &played)?;
        if let Some(settings) = &config.state.store {
            keeping::fill(settings, api, &played)
                .await
                .map_err(StartError::from)?;
        }
        log::start(config::Log {
            format: Some(LogFormat::Human),
            // What is explained need not be logged as well.
            level: if arguments.explain {
                Level::Warn
            } else {
                Level::Info
            },
        });
        let explain = arguments.explain.then(explain::to_stdout);
        let server = Server::bind(*api, &config, explain).await?;
        say(&greeting(server.address(), server.admin_address(), &played))?;
        until_stopped(server, signals).await
    })
}

/// The demo's configuration, read in the same way as a user's.
fn config(
    api: &Api,
    arguments: &Arguments,
    folder: &Path,
    played: &[Playing],
) -> Result<Config, Failure> {
    // A text of JSON is one of YAML.
    let folder = serde_json::Value::from(folder.display().to_string());
    let listen = arguments.listen;
    let admin = arguments.admin.unwrap_or_else(|| admin(listen));
    let mut text = format!(
        "listen: \"{listen}\"\nadmin_listen: \"{admin}\"\nstate_dir: {folder}\napi_keys: [{API_KEY}]\ntls: {{ roots: bundled }}\nconnections:\n"
    );
    for playing in played {
        let Player {
            name,
            url_setting,
            access_token,
            ..
        } = playing.player;
        let url = playing.url();
        let _ = writeln!(
            text,
            "  {name}-demo: {{ provider: {name}, {url_setting}: \"{url}\", access_token: \"{access_token}\" }}"
        );
    }
    Ok(config::parse("demo", &text, api, &|_| None)?)
}

/// Where the metrics are unless told: a fixed port beside the fixed one, so that two demos can run side by side.
fn admin(listen: SocketAddr) -> SocketAddr {
    let port = if listen.port() == PORT { ADMIN_PORT } else { 0 };
    SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port)
}

fn greeting(address: SocketAddr, admin: Option<SocketAddr>, played: &[Playing]) -> String {
    let mut text = format!(
        "Crosswalk listens on http://{address}. The providers behind it are played by the sandbox:\n"
    );
    for playing in played {
        let _ = writeln!(text, "  {:<11} {}", playing.player.title, playing.url());
    }
    text.push_str("\nUpsert an account. Paste one of these; paste it twice and it updates.\n");
    for playing in played {
        let _ = write!(
            text,
            "\n# {}\n{}\n",
            playing.player.title,
            curl(address, playing.player)
        );
    }
    let _ = write!(
        text,
        "\n# A link for a browser, where somebody connects an account at a sandbox\n{}\n",
        magic_link(address)
    );
    let _ = write!(
        text,
        "\n# Accounts, asked for by this program itself; `call --help` has the rest\n{}\n",
        call(address)
    );
    if let Some(admin) = admin {
        let _ = write!(
            text,
            "\n# The explorer: open it in a browser to try calls and see what they become\nhttp://{admin}/#key={API_KEY}\n\n# What it counts, as Prometheus reads it\ncurl --url http://{admin}/metrics\n"
        );
    }
    text.push_str("\nCtrl-C ends everything; nothing is kept.");
    text
}

/// The call that makes a magic link.
fn magic_link(address: SocketAddr) -> String {
    format!(
        "curl --request POST --url http://{address}/connect/magic-link --header 'Content-Type: application/json' --header 'x-apikey: {API_KEY}' --data '{{\"customerId\":\"acme\"}}'"
    )
}

/// The same program in another terminal.
fn call(address: SocketAddr) -> String {
    // Where it is looked for anyway.
    let url = match address.port() {
        PORT => String::new(),
        _ => format!(" --url http://{address}"),
    };
    format!(
        "CROSSWALK_API_KEY={API_KEY} {} call crm.account.list --connection {}-demo --page-size 5{url}",
        program(std::env::args().next().as_deref()),
        PLAYERS[0].name
    )
}

/// How this program was named by who started it, since a freshly built one is not where shells look for programs.
fn program(given: Option<&str>) -> &str {
    let is_plain = |it: &&str| {
        let is_plain = |it: char| it.is_ascii_alphanumeric() || "/._-+".contains(it);
        !it.is_empty() && it.chars().all(is_plain)
    };
    given.filter(is_plain).unwrap_or("crosswalk")
}

/// One line, so that it can be pasted whole.
fn curl(address: SocketAddr, player: &Player) -> String {
    let body = serde_json::from_str::<serde_json::Value>(player.upsert)
        .expect("the demo's bodies are JSON")
        .to_string();
    format!(
        "curl --request POST --url http://{address}/unified/crm/account/_upsert --header 'Content-Type: application/json' --header 'x-apikey: {API_KEY}' --header 'x-connection-id: {}-demo' --data '{body}'",
        player.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_program_is_named_as_it_was_started_unless_a_shell_would_misread_it() {
        for (given, told) in [
            (Some("target/release/crosswalk"), "target/release/crosswalk"),
            (Some("/opt/my tools/crosswalk"), "crosswalk"),
            (Some(""), "crosswalk"),
            (None, "crosswalk"),
        ] {
            assert_eq!(program(given), told, "{given:?}");
        }
    }

    #[test]
    fn the_lines_to_paste_survive_a_shell() {
        for player in &PLAYERS {
            let line = curl("127.0.0.1:4040".parse().unwrap(), player);
            assert!(!line.contains('\n'));
            let (_, body) = line.split_once("--data '").unwrap();
            let body = body.strip_suffix('\'').unwrap();
            assert!(!body.contains('\''), "a quote would end the argument");
            serde_json::from_str::<serde_json::Value>(body).unwrap();
        }
    }
}
