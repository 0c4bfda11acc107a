//! The connections: whether the credentials of each are good, by the one cheap call that its provider has for it.

use std::{fmt::Write as _, sync::Arc};

use tokio::{sync::Semaphore, time::Instant};

use super::{Checking, Finding, Group, Options, State, store::Kept};
use crate::{
    config::{self, Config},
    connections::Directory,
    error::{Code, Error},
    route::Api,
    store::{self, Store},
    upstream::{self, NativeLog, Upstream, account},
};

/// Connections that are asked about at one time.
const AT_ONCE: usize = 8;
/// Days before the end of a version of a provider's API at which it is told.
const SOON: i64 = 90;

/// One check for each connection.
pub(super) fn examine(
    api: Api,
    config: &Arc<Config>,
    options: &Options,
    store: Option<&Store>,
    kept: Kept,
) -> Vec<Checking> {
    let is_meant = |id: &str| {
        options.connections.is_empty() || options.connections.iter().any(|named| named == id)
    };
    let mut checks: Vec<Checking> = Vec::new();
    let mut known: Vec<String> = Vec::new();
    let ready = |finding: Finding| -> Checking { Box::pin(std::future::ready(vec![finding])) };
    let upstream = match Upstream::new(&config.limits, config.tls) {
        Ok(upstream) => upstream.with_limits(config.provider_limits.clone(), store.cloned()),
        Err(error) => {
            return vec![ready(Finding::new(
                Group::Connections,
                "all",
                State::Fail,
                error,
            ))];
        }
    };
    let directory = Arc::new(Directory::new(
        api,
        upstream.clone(),
        [],
        store.cloned(),
        &config.limits,
    ));
    let places = Arc::new(Semaphore::new(AT_ONCE));
    for (index, connection) in config.connections.iter().enumerate() {
        let id = &connection.settings.id;
        if !is_meant(id) {
            continue;
        }
        known.push(id.clone());
        if options.is_offline {
            checks.push(ready(offline(id, connection.provider.title)));
            continue;
        }
        let (config, upstream, places) =
            (Arc::clone(config), upstream.clone(), Arc::clone(&places));
        checks.push(Box::pin(async move {
            let _place = places.acquire().await;
            vec![configured(&config.connections[index], &config, &upstream).await]
        }));
    }
    for connection in kept.connections {
        known.push(connection.id.clone());
        if options.is_offline {
            checks.push(ready(offline(&connection.id, &connection.connector_name)));
            continue;
        }
        let (config, upstream) = (Arc::clone(config), upstream.clone());
        let (directory, places) = (Arc::clone(&directory), Arc::clone(&places));
        checks.push(Box::pin(async move {
            let _place = places.acquire().await;
            vec![stored(&connection, &config, &upstream, &directory).await]
        }));
    }
    let is_unknown = |id: &&String| !known.contains(id);
    checks.extend(options.connections.iter().filter(is_unknown).map(|id| {
        let finding = Finding::new(
            Group::Connections,
            id,
            State::Fail,
            "there is no such connection",
        );
        ready(finding.help("`crosswalk connections list` shows those that there are"))
    }));
    if checks.is_empty() {
        let message = "there are none yet";
        let finding = Finding::new(Group::Connections, "all", State::Skipped, message);
        checks.push(ready(finding.help("name one under `connections` in the configuration, or let a customer connect: `crosswalk call connect.magic_link.create --set customerId=acme`")));
    }
    checks
}

fn offline(id: &str, provider: &str) -> Finding {
    let message = format!("{provider}, not asked (--offline)");
    Finding::new(Group::Connections, id, State::Skipped, message)
}

/// Looks at one connection of a configuration; none where it has no such connection.
pub async fn check_configured(config: &Config, id: &str) -> Option<Finding> {
    let connection = config.connections.iter().find(|it| it.settings.id == id)?;
    Some(match Upstream::new(&config.limits, config.tls) {
        Ok(upstream) => configured(connection, config, &upstream).await,
        Err(error) => Finding::new(Group::Connections, id, State::Fail, error),
    })
}

async fn configured(
    connection: &config::Connection,
    config: &Config,
    upstream: &Upstream,
) -> Finding {
    match upstream.connect(connection) {
        Ok(connected) => {
            let renew = format!(
                "give connections.{} other credentials in the configuration",
                connected.settings.id
            );
            check(&connected, config, upstream, &renew).await
        }
        Err(error) => failed(
            &connection.settings.id,
            connection.provider.title,
            &error,
            None,
        ),
    }
}

async fn stored(
    connection: &store::Connection,
    config: &Config,
    upstream: &Upstream,
    directory: &Directory,
) -> Finding {
    let finding =
        |state, message: String| Finding::new(Group::Connections, &connection.id, state, message);
    let name = &connection.connector_name;
    if connection.disabled {
        return finding(State::Skipped, format!("{name}, disabled"));
    }
    let found = match directory.find(&connection.id).await {
        Ok(found) => found,
        Err(error) => return failed(&connection.id, name, &error, None),
    };
    let Some(connected) = &found.upstream else {
        return finding(
            State::Skipped,
            format!(
                "{name}, a destination; `crosswalk connections check {}` tries it",
                connection.id
            ),
        );
    };
    let renew = match &connection.customer_id {
        Some(customer) => format!(
            "let the customer connect again: `crosswalk call connect.magic_link.create --set customerId={customer}`"
        ),
        None => format!(
            "give it other credentials: `crosswalk call core.connection.update --id {}`",
            connection.id
        ),
    };
    check(connected, config, upstream, &renew).await
}

/// What the provider says of the credentials. `renew` is what to do where they are no good.
async fn check(
    connection: &upstream::Connection,
    config: &Config,
    upstream: &Upstream,
    renew: &str,
) -> Finding {
    let provider = connection.provider;
    let id = &connection.settings.id;
    let finding = |state, message: String| Finding::new(Group::Connections, id, state, message);
    let Some(check) = &provider.check else {
        return finding(
            State::Skipped,
            format!("{} has no call that proves credentials", provider.title),
        );
    };
    let deadline = Instant::now() + config.limits.native_timeout;
    let log = NativeLog::default();
    let told = match upstream
        .fixed_call(connection, &check.call, deadline, &log)
        .await
    {
        Ok(told) => told,
        Err(error) => return failed(id, provider.title, &error, Some(renew)),
    };
    if !told.response.is_success() {
        return match account::refusal(connection, &told.response) {
            Ok(error) | Err(error) => failed(id, provider.title, &error, Some(renew)),
        };
    }
    let mut message = format!(
        "{} takes the credentials; API version {}",
        provider.title, connection.api_version
    );
    if let Some(left) = provider.quota(&told.headers) {
        let _ = write!(message, ", {} of {} calls left", left.remaining, left.limit);
    }
    let retires = provider.versions.retires.iter();
    let mut retires = retires.filter(|(version, _)| *version == connection.api_version);
    match retires.next().map(|(_, day)| (*day, days_until(day))) {
        Some((day, Some(days))) if days < SOON => {
            finding(State::Warn, format!("{message}, which ends on {day}"))
                .help("set `api_version` to a later one")
        }
        _ => finding(State::Ok, message),
    }
}

/// Whole days from now to a day as in 2027-09-01.
fn days_until(day: &str) -> Option<i64> {
    let midnight: jiff::Timestamp = format!("{day}T00:00:00Z").parse().ok()?;
    let seconds = midnight.as_second() - jiff::Timestamp::now().as_second();
    Some(seconds.div_euclid(24 * 60 * 60))
}

fn failed(id: &str, provider: &str, error: &Error, renew: Option<&str>) -> Finding {
    // Most of them say whose they are.
    let told = error.message.get(..provider.len());
    let mut message = if told.is_some_and(|told| told.eq_ignore_ascii_case(provider)) {
        error.message.clone()
    } else {
        format!("{provider}: {}", error.message)
    };
    // Why nothing came back stands in what is otherwise for the log.
    if let Some(detail) = &error.detail {
        let _ = write!(message, " ({detail})");
    }
    let finding = Finding::new(Group::Connections, id, State::Fail, message);
    match (error.code, renew) {
        (Code::Unauthorized, Some(renew)) => finding.help(renew),
        (Code::Forbidden, _) => finding.help("give the app at the provider the scopes that it asks for"),
        (Code::TooManyRequests, _) => finding.help("the account's limit is spent for now; look again later"),
        (Code::Conflict, _) => finding.help("mend what it says with `crosswalk call core.connection.update`"),
        (Code::ServiceUnavailable | Code::BadGateway | Code::Timeout, _) => {
            finding.help("see the hosts above; where they are well, the provider has a fault, and its status page tells")
        }
        _ => finding,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_counted_down() {
        let tomorrow = jiff::Timestamp::now().as_second() + 2 * 24 * 60 * 60;
        let tomorrow = jiff::Timestamp::from_second(tomorrow).unwrap().to_string();
        assert_eq!(days_until(&tomorrow[..10]), Some(1));
        assert!(days_until("2020-01-01").unwrap() < 0);
        assert_eq!(days_until("soon"), None);
    }

    #[test]
    fn a_provider_is_named_once() {
        let told =
            |message| failed("c", "hubspot", &Error::new(Code::NotFound, message), None).message;
        assert_eq!(told("HubSpot refused the call"), "HubSpot refused the call");
        assert_eq!(told("no token came"), "hubspot: no token came");
    }

    #[test]
    fn what_to_do_follows_from_what_is_wrong() {
        let help = |code| failed("c", "HubSpot", &Error::new(code, "no"), Some("renew it")).help;
        assert_eq!(help(Code::Unauthorized).as_deref(), Some("renew it"));
        assert!(help(Code::BadGateway).unwrap().contains("hosts above"));
        assert_eq!(help(Code::NotFound), None);
    }
}
