//! `crosswalk connections`: those of a configuration, and those of the store of a running proxy, by its own API.

use std::{
    fmt::Write as _,
    io::{self, BufRead as _, IsTerminal as _, Write as _},
};

use clap::Subcommand;
use crosswalk::{
    doctor::{State, check_configured},
    route::Api,
};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{
    Failure,
    client::{Access, Call, Proxy},
    json_text::{harmless, pretty},
    paint::{Ink, Paint},
    progress::Progress,
    runtime, say,
    table::table,
};

const PAGE: usize = 500;
/// Ids of the store begin so; all others are names of a configuration.
const PREFIX: &str = "conn_";

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    access: Access,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the connections: provider, customer, and how each is.
    #[command(
        after_help = "Examples:\n  crosswalk connections list\n  crosswalk connections list --customer acme --json"
    )]
    List {
        /// Only of this customer.
        #[arg(long, value_name = "ID")]
        customer: Option<String>,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Show one connection with its settings, secrets left out.
    #[command(after_help = "Examples:\n  crosswalk connections show conn_…")]
    Show {
        /// As in conn_…
        id: String,
        /// Print the answer's bytes as they came.
        #[arg(long)]
        json: bool,
    },
    /// Prove that credentials are good, by one cheap call to the provider.
    #[command(
        after_help = "Ends with 1 where one of them is no good.\n\nExamples:\n  crosswalk connections check conn_…\n  crosswalk connections check acme-hubspot\n  crosswalk connections check --all"
    )]
    Check {
        /// As in conn_…, or the name of one in the configuration.
        #[arg(required_unless_present = "all")]
        ids: Vec<String>,
        /// All that `connections list` shows.
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Print what the checks found as JSON, one a line.
        #[arg(long)]
        json: bool,
    },
    /// Delete a connection of the store, with the pipelines that hang on it.
    #[command(
        after_help = "Examples:\n  crosswalk connections delete conn_…\n  crosswalk connections delete conn_… --yes --skip-revoke"
    )]
    Delete {
        /// As in conn_…
        id: String,
        /// Do not ask.
        #[arg(long)]
        yes: bool,
        /// Only forget the secrets here, and do not have the provider end them.
        #[arg(long)]
        skip_revoke: bool,
    },
}

pub(super) fn run(api: &Api, arguments: Arguments) -> Result<(), Failure> {
    let proxy = arguments.access.proxy(api)?;
    runtime()?.block_on(async {
        match arguments.command {
            Command::List { customer, json } => list(&proxy, customer.as_deref(), json).await,
            Command::Show { id, json } => show(&proxy, &id, json).await,
            Command::Check { ids, all, json } => check(&proxy, ids, all, json).await,
            Command::Delete {
                id,
                yes,
                skip_revoke,
            } => delete(&proxy, &id, yes, skip_revoke).await,
        }
    })
}

/// A connection as a list shows it.
fn of_configuration(proxy: &Proxy) -> Vec<Value> {
    let connections = proxy.config.iter().flat_map(|config| &config.connections);
    connections
        .map(|connection| {
            json!({
                "id": connection.settings.id, "connectorName": connection.provider.name,
                "customerId": null, "status": null, "from": "configuration",
            })
        })
        .collect()
}

/// Those of the store; none where the proxy keeps nothing.
async fn of_store(proxy: &Proxy, customer: Option<&str>) -> Result<Vec<Value>, Failure> {
    let mut connections = Vec::new();
    loop {
        let mut call = Call::new(Method::GET, &["core", "connection"])
            .query("limit", PAGE)
            .query("offset", connections.len());
        if let Some(customer) = customer {
            call = call.query("customerId", customer);
        }
        let answer = proxy.send(call).await?;
        // `store: none`
        if answer.status == StatusCode::NOT_IMPLEMENTED {
            return Ok(connections);
        }
        if !answer.status.is_success() {
            return Err(proxy.refused(&answer));
        }
        let page = answer.value();
        let page = page.as_array().cloned().unwrap_or_default();
        let is_last = page.len() < PAGE;
        connections.extend(page.into_iter().map(|mut connection| {
            connection["from"] = "store".into();
            connection
        }));
        if is_last {
            return Ok(connections);
        }
    }
}

async fn list(proxy: &Proxy, customer: Option<&str>, is_json: bool) -> Result<(), Failure> {
    let mut connections = match customer {
        // Those of a configuration are nobody's.
        Some(_) => Vec::new(),
        None => of_configuration(proxy),
    };
    connections.extend(of_store(proxy, customer).await?);
    let paint = Paint::of(&io::stdout());
    if is_json {
        return say(&pretty(&Value::from(connections).to_string(), paint));
    }
    let is_hidden = proxy.config.is_none() && customer.is_none();
    if is_hidden {
        tell("those of the proxy's configuration are not shown; --config names the file");
    }
    if connections.is_empty() {
        let whose = match customer {
            Some(_) => "The customer has",
            None if is_hidden => "The proxy's store has",
            None => "There is",
        };
        return say(&format!(
            "{whose} no connection yet; `crosswalk call connect.magic_link.create --set customerId=…` makes a link for one."
        ));
    }
    let heading = ["ID", "PROVIDER", "CUSTOMER", "STATE", "FROM"].map(str::to_owned);
    let rows = connections.iter().map(|connection| row(connection, paint));
    let rows: Vec<_> = std::iter::once(heading).chain(rows).collect();
    say(table(&rows).trim_end())
}

fn row(connection: &Value, paint: Paint) -> [String; 5] {
    let word = |value: &Value| harmless(value.as_str().unwrap_or("-"), paint);
    [
        word(&connection["id"]),
        word(&connection["connectorName"]),
        word(&connection["customerId"]),
        harmless(&state(connection), paint),
        word(&connection["from"]),
    ]
}

/// How it is, and why.
fn state(connection: &Value) -> String {
    if connection["disabled"] == true {
        return "disabled".to_owned();
    }
    let standard = &connection["standard"];
    let status = standard["status"].as_str();
    match (status, standard["statusMessage"].as_str()) {
        (Some(status), Some(message)) => format!("{status}: {message}"),
        (Some(status), None) => status.to_owned(),
        (None, _) => "not checked yet".to_owned(),
    }
}

async fn show(proxy: &Proxy, id: &str, is_json: bool) -> Result<(), Failure> {
    let paint = Paint::of(&io::stdout());
    let answer = proxy
        .send(Call::new(Method::GET, &["core", "connection", id]))
        .await?;
    if !answer.status.is_success() {
        return match of_configuration(proxy).iter().find(|each| each["id"] == id) {
            Some(connection) => say(&pretty(&connection.to_string(), paint)),
            None => Err(proxy.refused(&answer)),
        };
    }
    say(&if is_json {
        answer.text()
    } else {
        pretty(&answer.text(), paint)
    })
}

/// How one connection was found to be.
struct Checked {
    id: String,
    is_good: bool,
    message: String,
    found: Value,
}

async fn check(proxy: &Proxy, ids: Vec<String>, all: bool, is_json: bool) -> Result<(), Failure> {
    let ids = if all {
        let connections = of_configuration(proxy)
            .into_iter()
            .chain(of_store(proxy, None).await?);
        connections
            .filter(|connection| connection["disabled"] != true)
            .filter_map(|connection| connection["id"].as_str().map(str::to_owned))
            .collect()
    } else {
        ids
    };
    let steps = u64::try_from(ids.len()).unwrap_or(u64::MAX);
    // One at a time: who looks at all of them is in no hurry, and their providers have limits.
    let mut progress = Progress::beside_results(steps);
    let mut bad = 0;
    let paint = Paint::of(&io::stdout());
    for id in &ids {
        let checked = check_one(proxy, id).await?;
        bad += u32::from(!checked.is_good);
        let line = if is_json {
            checked.found.to_string()
        } else {
            let (word, ink) = if checked.is_good {
                ("ok  ", Ink::Good)
            } else {
                ("fail", Ink::Bad)
            };
            format!(
                "{}  {}: {}",
                paint.ink(ink, word),
                harmless(&checked.id, paint),
                harmless(&checked.message, paint)
            )
        };
        say(&line)?;
        progress.step(id);
    }
    progress.end();
    match bad {
        0 => Ok(()),
        _ => Err(Failure::Told(1)),
    }
}

async fn check_one(proxy: &Proxy, id: &str) -> Result<Checked, Failure> {
    if !id.starts_with(PREFIX)
        && let Some(config) = &proxy.config
        && let Some(finding) = check_configured(config, id).await
    {
        let status = if finding.state == State::Fail {
            "error"
        } else {
            "healthy"
        };
        return Ok(Checked {
            id: id.to_owned(),
            is_good: finding.state != State::Fail,
            found: json!({ "id": id, "status": status, "status_message": finding.message }),
            message: match finding.help {
                Some(help) => format!("{}; {help}", finding.message),
                None => finding.message,
            },
        });
    }
    if !id.starts_with(PREFIX) {
        return Err(Failure::Usage(format!(
            "{id}: expected an id as in {PREFIX}…, or the name of a connection in the configuration, which --config names"
        )));
    }
    let call = Call::new(Method::POST, &["core", "connection", id, "_check"]).json(&json!({}));
    let mut found = proxy.ask(call).await?;
    let status = found["status"].as_str().unwrap_or("-").to_owned();
    let message = checked_message(&found, &status);
    found["id"] = id.into();
    Ok(Checked {
        id: id.to_owned(),
        is_good: status == "healthy",
        message,
        found,
    })
}

fn checked_message(found: &Value, status: &str) -> String {
    let mut message = status.to_owned();
    if let Some(reason) = found["status_message"].as_str() {
        let _ = write!(message, ": {reason}");
    }
    let account = &found["account"];
    match (account["name"].as_str(), account["id"].as_str()) {
        (Some(name), Some(id)) => {
            let _ = write!(message, ", account {name} ({id})");
        }
        (Some(one), None) | (None, Some(one)) => {
            let _ = write!(message, ", account {one}");
        }
        (None, None) => {}
    }
    let missing = found["scopes"]["missing"]
        .as_object()
        .map_or(0, serde_json::Map::len);
    if missing > 0 {
        let _ = write!(
            message,
            "; {missing} operations lack scopes, --json tells which"
        );
    }
    if let Some(day) = found["api_version"]["retires_on"].as_str() {
        let _ = write!(message, "; its API version may end on {day}");
    }
    message
}

async fn delete(proxy: &Proxy, id: &str, is_sure: bool, skip_revoke: bool) -> Result<(), Failure> {
    let path = ["core", "connection", id];
    // Whoever is asked sees what it is about; and what is not there is told before anybody is asked.
    let connection = proxy.ask(Call::new(Method::GET, &path)).await?;
    if !is_sure {
        let paint = Paint::of(&io::stderr());
        let word = |name: &str| harmless(connection[name].as_str().unwrap_or("-"), paint);
        let question = format!(
            "Delete {id}, {} of customer {}, and its pipelines? This cannot be undone. Type `yes`: ",
            word("connectorName"),
            word("customerId")
        );
        if !is_confirmed(&question)? {
            return Err(Failure::Usage(
                "nothing was deleted; --yes does it without asking".to_owned(),
            ));
        }
    }
    let mut call = Call::new(Method::DELETE, &path);
    if skip_revoke {
        call = call.query("skipRevoke", true);
    }
    let deleted = proxy.ask(call).await?;
    let secrets = deleted["secrets"].as_str().unwrap_or("forgotten");
    let reason = deleted["secretsMessage"].as_str();
    let reason = reason.map_or_else(String::new, |reason| format!(" ({reason})"));
    let pipelines = deleted["pipelines"].as_array().map_or(0, Vec::len);
    say(&format!(
        "deleted {id}; its secrets were {secrets}{reason}; pipelines that went with it: {pipelines}"
    ))
}

fn is_confirmed(question: &str) -> Result<bool, Failure> {
    // Where nobody can answer, nobody has agreed.
    if !io::stdin().is_terminal() {
        return Ok(false);
    }
    write!(io::stderr(), "{question}")?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}

/// Nothing can be done where even stderr is gone.
fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_told_with_why_it_is_as_it_is() {
        let connection = json!({
            "id": "conn_1", "connectorName": "hubspot", "customerId": "acme", "disabled": false, "from": "store",
            "standard": { "status": "disconnected", "statusMessage": "the token was revoked" },
        });
        let told = [
            "conn_1",
            "hubspot",
            "acme",
            "disconnected: the token was revoked",
            "store",
        ];
        assert_eq!(row(&connection, Paint::PLAIN), told.map(str::to_owned));
        assert_eq!(state(&json!({ "standard": {} })), "not checked yet");
        assert_eq!(state(&json!({ "disabled": true })), "disabled");
    }

    #[test]
    fn a_check_says_whose_account_it_is_and_what_it_lacks() {
        let found = json!({
            "status": "healthy", "status_message": null, "account": { "id": "12", "name": "Acme" },
            "scopes": { "granted": [], "missing": { "crm.lead.list": ["leads"] } },
            "api_version": { "used": "v3", "retires_on": "2027-09-01" },
        });
        assert_eq!(
            checked_message(&found, "healthy"),
            "healthy, account Acme (12); 1 operations lack scopes, --json tells which; its API version may end on 2027-09-01"
        );
    }
}
