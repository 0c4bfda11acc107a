//! The hosts that are called: whether their names are known, their ports open, their certificates trusted, and whether
//! their clocks and this one agree.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use bytes::Bytes;
use http::{Method, Request, header::DATE};
use http_body_util::Full;
use serde_json::Value;
use tokio::{
    net::{TcpStream, lookup_host},
    task::JoinSet,
    time::timeout,
};
use url::{Host, Url};

use super::{Finding, Found, Group, State, store::Kept};
use crate::{
    config::{Config, Credentials},
    route::Api,
    upstream::{
        Trust,
        client::{Client, Failure},
        provider::BaseUrl,
        reach::Reach,
    },
};

/// Until a name is found, and until a host has answered. The socket has `limits.connect_timeout`.
const RESOLVES: Duration = Duration::from_secs(5);
const ANSWERS: Duration = Duration::from_secs(10);
/// Hosts that are asked at one time.
const AT_ONCE: usize = 8;
/// Seconds of difference from which on tokens are taken to live longer or shorter than they do, and from which on
/// certificates and signatures are refused.
const ODD: i64 = 30;
const WRONG: i64 = 300;

/// The places that connections lead to, and those that renew their tokens.
pub(super) fn of(api: &Api, config: &Config, kept: &Kept) -> BTreeSet<Url> {
    let mut hosts = BTreeSet::new();
    let mut add = |url: &Url| {
        if let Ok(origin) = Url::parse(&url.origin().ascii_serialization()) {
            hosts.insert(origin);
        }
    };
    for connection in &config.connections {
        connection.base_url.iter().for_each(&mut add);
        if matches!(connection.credentials, Credentials::OAuth(_)) {
            add(&connection.token_url);
        }
    }
    for connection in &kept.connections {
        let Some(provider) = api.provider(&connection.connector_name) else {
            continue;
        };
        let setting = |name: &str| {
            let settings = connection.settings.as_ref()?;
            Url::parse(settings.get(name).and_then(Value::as_str)?).ok()
        };
        let own = match provider.base_url {
            BaseUrl::Fixed(url) => setting("base_url").or_else(|| Url::parse(url).ok()),
            BaseUrl::PerConnection { setting: name, .. } => {
                setting(name).or_else(|| setting("base_url"))
            }
        };
        own.iter().chain(&setting("login_url")).for_each(&mut add);
    }
    hosts
}

pub(super) async fn examine(config: Arc<Config>, hosts: BTreeSet<Url>, is_offline: bool) -> Found {
    if hosts.is_empty() {
        let message = "no connection leads anywhere yet";
        return vec![Finding::new(Group::Hosts, "all", State::Skipped, message)];
    }
    if is_offline {
        let message = format!("{} hosts not asked (--offline)", hosts.len());
        return vec![Finding::new(Group::Hosts, "all", State::Skipped, message)];
    }
    let client = match Trust::new(config.tls) {
        Ok(trust) => Arc::new(Client::new(&config.limits, &trust, Reach::Providers)),
        Err(error) => return vec![Finding::new(Group::Hosts, "TLS", State::Fail, error)],
    };
    let mut asking = JoinSet::new();
    let (mut findings, mut skews) = (Vec::new(), Vec::new());
    let mut take = |asked: Option<Result<Asked, _>>| -> Result<(), tokio::task::JoinError> {
        if let Some(asked) = asked {
            let asked = asked?;
            findings.push(asked.finding);
            skews.extend(asked.skew);
        }
        Ok(())
    };
    for host in hosts {
        if asking.len() >= AT_ONCE {
            let _ = take(asking.join_next().await);
        }
        let (client, patience) = (Arc::clone(&client), config.limits.connect_timeout);
        asking.spawn(async move { ask(&host, &client, patience).await });
    }
    while let Some(asked) = asking.join_next().await {
        let _ = take(Some(asked));
    }
    findings.extend(clock(skews));
    findings
}

/// What a host said.
struct Asked {
    finding: Finding,
    /// Seconds by which this clock is ahead of the host's.
    skew: Option<i64>,
}

async fn ask(url: &Url, client: &Client, patience: Duration) -> Asked {
    let began = Instant::now();
    let subject = match url.port() {
        Some(port) => format!("{}:{port}", url.host_str().unwrap_or_default()),
        None => url.host_str().unwrap_or_default().to_owned(),
    };
    let finding = |state, message: String| {
        let mut finding = Finding::new(Group::Hosts, subject.clone(), state, message);
        finding.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        finding
    };
    let failed = |message: String, help: &str| Asked {
        finding: finding(State::Fail, message).help(help),
        skew: None,
    };
    let addresses = match resolve(url).await {
        Ok(addresses) => addresses,
        Err(reason) => {
            return failed(
                format!("DNS: {reason}"),
                "see that the name is right and that this machine has a resolver (/etc/resolv.conf)",
            );
        }
    };
    if let Err(reason) = connect(&addresses, patience).await {
        return failed(
            format!("DNS well, TCP: {reason}"),
            "see that a firewall or a network policy lets this machine out to there",
        );
    }
    let request = Request::builder()
        .method(Method::HEAD)
        .uri(url.as_str())
        .body(Full::<Bytes>::default());
    let Ok(request) = request else {
        return failed(
            "the address cannot be called".to_owned(),
            "see its spelling in the configuration",
        );
    };
    let deadline = tokio::time::Instant::now() + ANSWERS;
    let is_tls = url.scheme() == "https";
    match client.send_for_head(request, deadline).await {
        // Whatever the status is: without a credential there is nothing to be had.
        Ok((_, headers)) => {
            let date = headers.get(DATE).and_then(|date| date.to_str().ok());
            let date = date.and_then(|date| httpdate::parse_http_date(date).ok());
            let tls = if is_tls { ", TLS" } else { "" };
            Asked {
                finding: finding(State::Ok, format!("DNS, TCP{tls} and HTTP are well")),
                skew: date.map(|date| ahead(SystemTime::now(), date)),
            }
        }
        Err(Failure::NotConnected(reason)) if is_tls => failed(
            format!("DNS and TCP well, TLS: {reason}"),
            "see the machine's clock and its store of certificates; behind a proxy that opens TLS, that store needs the proxy's authority, and `tls: { roots: system }` uses it",
        ),
        Err(failure) => failed(
            format!("DNS and TCP well, HTTP: {failure}"),
            "see whether something between here and there ends the connection",
        ),
    }
}

async fn resolve(url: &Url) -> Result<Vec<SocketAddr>, String> {
    let port = url.port_or_known_default().unwrap_or(443);
    let name = match url.host() {
        Some(Host::Ipv4(address)) => return Ok(vec![(address, port).into()]),
        Some(Host::Ipv6(address)) => return Ok(vec![(address, port).into()]),
        Some(Host::Domain(name)) => name,
        None => return Err("there is no name".to_owned()),
    };
    let found = timeout(RESOLVES, lookup_host((name, port))).await;
    let found = found
        .map_err(|_| format!("no answer within {} s", RESOLVES.as_secs()))?
        .map_err(|error| error.to_string())?;
    let found = Reach::Providers.among(name, found.collect());
    let found = found.map_err(|error| error.to_string())?;
    if found.is_empty() {
        return Err("the name leads to no address".to_owned());
    }
    Ok(found)
}

/// Whether any of the addresses takes a connection; otherwise why the last one does not.
async fn connect(addresses: &[SocketAddr], patience: Duration) -> Result<(), String> {
    let mut reason = "there is no address".to_owned();
    for address in addresses.iter().take(4) {
        match timeout(patience, TcpStream::connect(address)).await {
            Ok(Ok(_)) => return Ok(()),
            Ok(Err(error)) => reason = format!("{address}: {error}"),
            Err(_) => reason = format!("{address}: no answer within {} s", patience.as_secs_f64()),
        }
    }
    Err(reason)
}

/// Whole seconds by which the first is after the second.
fn ahead(here: SystemTime, there: SystemTime) -> i64 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    match here.duration_since(there) {
        Ok(span) => seconds(span),
        Err(error) => -seconds(error.duration()),
    }
}

/// What the hosts' clocks say of this one. That of the middle counts, since one of theirs may be wrong as well.
fn clock(mut skews: Vec<i64>) -> Option<Finding> {
    skews.sort_unstable();
    let skew = *skews.get(skews.len() / 2)?;
    let finding = |state, message| Finding::new(Group::Machine, "clock", state, message);
    let by = skew.unsigned_abs();
    let way = if skew > 0 { "ahead of" } else { "behind" };
    let help = "set the clock, and have it kept right by NTP (`timedatectl set-ntp true`)";
    Some(match skew.abs() {
        0..ODD => finding(State::Ok, format!("as the hosts have it, of which {} told", skews.len())),
        ODD..WRONG => finding(State::Warn, format!("{by} s {way} the hosts' clocks")).help(help),
        _ => finding(State::Fail, format!("{by} s {way} the hosts' clocks, so that tokens and certificates are taken for what they are not")).help(help),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_in_the_middle_counts() {
        for (skews, state) in [
            (vec![0, 1, 5000], State::Ok),
            (vec![-40, -45, 0], State::Warn),
            (vec![400, 420], State::Fail),
            (vec![-400], State::Fail),
        ] {
            assert_eq!(clock(skews.clone()).unwrap().state, state, "{skews:?}");
        }
        assert_eq!(clock(Vec::new()), None, "nobody told");
        assert!(
            clock(vec![-400])
                .unwrap()
                .message
                .starts_with("400 s behind")
        );
    }

    async fn asked(url: &str) -> Finding {
        let limits = crate::config::Limits::default();
        let trust = Trust::new(crate::config::Roots::Bundled).unwrap();
        let client = Client::new(&limits, &trust, Reach::Providers);
        let url = Url::parse(url).unwrap();
        ask(&url, &client, Duration::from_secs(2)).await.finding
    }

    #[tokio::test]
    async fn what_fails_is_named_by_its_step() {
        // Longer than a part of a name can be, so that no resolver is asked.
        let name = asked(&format!("https://{}.example", "a".repeat(64))).await;
        assert!(name.message.starts_with("DNS: "), "{}", name.message);
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let closed = asked(&format!("http://{address}")).await;
        assert!(
            closed.message.starts_with("DNS well, TCP: "),
            "{}",
            closed.message
        );
        assert_eq!(closed.state, State::Fail);
    }

    #[tokio::test]
    async fn a_host_that_speaks_no_tls_is_told_so() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let hangs_up = tokio::spawn(async move {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ =
                    tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad\r\n\r\n")
                        .await;
            }
        });
        let found = asked(&format!("https://{address}")).await;
        assert!(
            found.message.starts_with("DNS and TCP well, TLS: "),
            "{}",
            found.message
        );
        hangs_up.await.unwrap();
    }
}
