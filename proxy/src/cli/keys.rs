//! `crosswalk keys`: the API keys of the store, and the key that the store's secrets are sealed with.
//!
//! Works on the store itself, beside any number of sidecars that run: they see what changed within two seconds.

use std::{io::Write as _, time::Duration};

use clap::{Subcommand, ValueEnum};
use crosswalk::{
    config::StoreSettings,
    route::Api,
    server::open_store,
    store::{Grant, GrantFault, GrantKind, NewGrant, Store, keys::KeySource, rfc3339},
};

use super::{ConfigArguments, Failure, runtime, say, table::table};

const KIND: GrantKind = GrantKind::ApiKey;
/// Keys that are read at one time.
const PAGE: i64 = 500;
/// The longest name of a key: it is one word or a few in a list.
const LONGEST_NAME: usize = 100;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make an API key. It goes to stdout, alone, and is never shown again.
    Create {
        /// What its holder may do.
        #[arg(long, value_enum)]
        scope: KeyScope,
        /// What it is for, as `keys list` shows it.
        #[arg(long, value_parser = name)]
        name: Option<String>,
        /// When it ends, as in 90d, 12h or 30m; without this it lasts until it is revoked.
        #[arg(long, value_name = "TIME", value_parser = time_span)]
        expires_in: Option<Duration>,
    },
    /// List the API keys, without the keys themselves.
    List,
    /// End an API key for good.
    Revoke {
        /// As in key_…
        id: String,
    },
    /// Seal the store's secrets with a new key, while sidecars run.
    Rotate,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum KeyScope {
    /// Everything.
    Admin,
    /// Every unified operation, and looking at what the installation has.
    Unified,
    /// The same, and the provider's own API below /proxy.
    Native,
    /// Every unified operation and looking, as far as it changes nothing.
    Read,
}

impl KeyScope {
    fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Unified => "unified",
            Self::Native => "native",
            Self::Read => "read",
        }
    }
}

pub(super) fn run(api: &Api, arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.config.read(api)?;
    let settings = config.state.store.as_ref().ok_or(Failure::NoStore)?;
    runtime()?.block_on(async {
        let store = open_store(settings).await?;
        match &arguments.command {
            Command::Create {
                scope,
                name,
                expires_in,
            } => create(&store, *scope, name.as_deref(), *expires_in).await,
            Command::List => list(&store).await,
            Command::Revoke { id } => revoke(&store, id).await,
            Command::Rotate => rotate(&store, settings).await,
        }
    })
}

async fn create(
    store: &Store,
    scope: KeyScope,
    name: Option<&str>,
    lasts: Option<Duration>,
) -> Result<(), Failure> {
    let new = NewGrant {
        scope: Some(scope.name()),
        name,
        ..NewGrant::new(KIND, lasts)
    };
    let (grant, secret) = store.make_grant(&new).await?;
    if let Err(failure) = say(&secret.show_once()) {
        // Nobody has it, so nobody should be able to find it later in a half-written file.
        store.revoke_grant(KIND, &grant.id).await?;
        return Err(failure);
    }
    let end = grant.expires_at.map_or_else(
        || format!("it lasts until `crosswalk keys revoke {}`", grant.id),
        |end| format!("it lasts until {}", rfc3339(end)),
    );
    tell(&format!(
        "made the API key {} with the scope `{}`; {end}. Callers send it in x-apikey. It is not shown again.",
        grant.id,
        scope.name()
    ))
}

async fn list(store: &Store) -> Result<(), Failure> {
    let mut rows = vec![["ID", "SCOPE", "CREATED", "STATE", "NAME"].map(str::to_owned)];
    loop {
        let offset = i64::try_from(rows.len() - 1).unwrap_or(i64::MAX);
        let page = store.grants(KIND, PAGE, offset).await?;
        if page.is_empty() {
            break;
        }
        rows.extend(page.iter().map(row));
    }
    if rows.len() == 1 {
        return tell("there are no API keys; `crosswalk keys create --scope admin` makes one");
    }
    say(table(&rows).trim_end())
}

fn row(grant: &Grant) -> [String; 5] {
    let state = match (grant.fault(), grant.expires_at) {
        (Some(GrantFault::Expired), _) => "expired".to_owned(),
        (Some(_), _) => "revoked".to_owned(),
        (None, Some(end)) => format!("until {}", rfc3339(end)),
        (None, None) => "good".to_owned(),
    };
    [
        grant.id.clone(),
        grant.scope.clone().unwrap_or_default(),
        rfc3339(grant.created_at),
        state,
        grant.name.clone().unwrap_or_default(),
    ]
}

async fn revoke(store: &Store, id: &str) -> Result<(), Failure> {
    match store.revoke_grant(KIND, id).await? {
        Some(grant) => tell(&format!(
            "revoked {}; sidecars that run refuse it within two seconds",
            grant.id
        )),
        None => Err(Failure::UnknownKey(id.chars().take(60).collect())),
    }
}

async fn rotate(store: &Store, settings: &StoreSettings) -> Result<(), Failure> {
    let count = store.rotate_keys().await?;
    let advice = match &settings.keys {
        KeySource::File(path) => format!(
            "the newest key in {}; keep a copy of that file now, since without it nothing in the store can be opened. Copies of the store that were made before need the older keys in it",
            path.display()
        ),
        KeySource::Text(_) => {
            "the first key of `store_key`; keep a copy of it, since without it nothing in the store can be opened. The others can go when no copy of the store from before is needed"
                .to_owned()
        }
    };
    tell(&format!("wrapped {count} data keys anew with {advice}."))
}

/// Explains, on stderr, so that stdout has nothing but what was asked for.
fn tell(text: &str) -> Result<(), Failure> {
    writeln!(std::io::stderr(), "{text}")?;
    Ok(())
}

fn name(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    if (1..=LONGEST_NAME).contains(&length) && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!(
            "expected 1 to {LONGEST_NAME} characters that can be printed"
        ))
    }
}

/// `90d`, `12h`, `30m` or `45s`; ten years at most.
fn time_span(text: &str) -> Result<Duration, String> {
    let wrong = || {
        "expected a time with its unit as in 90d, 12h, 30m or 45s, more than nothing and 3650d at most".to_owned()
    };
    let end = text
        .find(|character: char| !character.is_ascii_digit())
        .ok_or_else(wrong)?;
    let (number, unit) = text.split_at(end);
    let seconds: u64 = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(seconds))
        .filter(|seconds| (1..=3650 * 86_400).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_span_has_a_number_and_a_unit() {
        let day = Duration::from_hours(24);
        assert_eq!(time_span("90d"), Ok(day * 90));
        assert_eq!(time_span("36h"), Ok(day * 3 / 2));
        assert_eq!(time_span("1s"), Ok(Duration::from_secs(1)));
        for wrong in [
            "",
            "90",
            "d",
            "0d",
            "-1d",
            "1.5d",
            "1w",
            "3651d",
            "99999999999999999999d",
        ] {
            assert!(time_span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_name_cannot_steer_a_terminal() {
        assert!(name("nightly report").is_ok());
        for wrong in ["", "a\u{1b}[2J", "a\nb", &"a".repeat(101)] {
            assert!(name(wrong).is_err(), "{wrong:?}");
        }
    }
}
