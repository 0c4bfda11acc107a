//! Many clients for a while, each with records of its own: what they were told, how long it took, and what the proxy's
//! memory did.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    arena::{configured, held, name, order},
    judge,
    play::{Answers, Door, Stage, perform},
    register::Moment,
    script::{Doing, Script, step},
    tally::Tally,
    told::{Event, Record, Told},
};
use crate::{
    Sandbox, Sidecar,
    injector::{Injector, Plan, Seen, Speaks, Weather},
};

/// Long enough for a machine that is busy with much else: what takes too long is then a fault's doing.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(40);
const PROVIDERS: [Speaks; 2] = [Speaks::HubSpot, Speaks::Salesforce];

/// What a load has shown.
#[derive(Debug)]
pub struct Load {
    pub tally: Tally,
    /// How long calls took that were sent once, in microseconds, from the shortest to the longest.
    pub times: Vec<u64>,
    /// Resident memory of the proxy in kilobytes, from just before the load, each second.
    pub memory: Vec<u64>,
    /// Answers by status.
    pub statuses: std::collections::BTreeMap<u16, u64>,
    /// Native calls that met a fault.
    pub faults: u64,
    /// Writes that reached the provider and ended in an error: each is explained by a fault of its own. What callers share,
    /// a token or a joined read, may fail for all of them at once.
    pub own_errors: u64,
    /// What must not be.
    pub wrong: Vec<String>,
}

/// What one client has been told.
struct Client {
    number: u64,
    events: Vec<Event>,
}

/// Lets so many clients, half of them at each provider, call for so long, while so many of 100 native calls meet a fault.
///
/// # Panics
///
/// When something does not start.
pub async fn load(clients: u64, long: Duration, percent: u64, seed: u64) -> Load {
    let sandbox = tokio::task::spawn_blocking(Sandbox::start).await;
    let sandbox = sandbox.expect("a sandbox starts");
    let mut injectors = Vec::new();
    let mut config = format!(
        "limits: {{ request_timeout: {}ms, native_timeout: 15s }}\nconnections:\n",
        REQUEST_TIMEOUT.as_millis()
    );
    for speaks in PROVIDERS {
        let provider: SocketAddr = sandbox.address(name(speaks)).parse().expect("an address");
        let own = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 73));
        let injector = Injector::start(own, provider, speaks);
        config.push_str(&configured(name(speaks), speaks, injector.address()));
        order(
            sandbox.address(name(speaks)),
            "POST",
            "/_sandbox/reset",
            &serde_json::json!({"empty": true}),
        )
        .await;
        // A load is more than a small org may ask for in a day; HubSpot is played without limits anyway.
        if name(speaks) == "salesforce" {
            let off = serde_json::json!({"rate_limits": "off"});
            let address = sandbox.address(name(speaks));
            order(address, "PATCH", "/_sandbox/settings", &off).await;
        }
        injectors.push(injector);
    }
    let sidecar = tokio::task::spawn_blocking(move || Sidecar::start_quiet(&config)).await;
    let sidecar = sidecar.expect("a sidecar starts");
    let answers = Arc::new(Answers::new());
    let process = sidecar.process.id();
    let mut memory = vec![resident(process)];
    for injector in &injectors {
        let weather = Weather::Loaded(percent);
        injector.begin(Plan::Drawn {
            weather,
            seed,
            history: 0,
        });
    }
    let until = Instant::now() + long;
    let mut playing = tokio::task::JoinSet::new();
    for number in 0..clients {
        let script = Script {
            seed,
            number,
            provider: PROVIDERS[usize::from(number % 2 == 1)],
            weather: Weather::Loaded(percent),
            clients: Vec::new(),
        };
        let door = Door {
            address: sidecar.address.clone(),
            connection: name(script.provider).to_owned(),
            deadline: REQUEST_TIMEOUT,
            answers: Arc::clone(&answers),
        };
        playing.spawn(one(door, script, until));
    }
    while Instant::now() < until {
        tokio::time::sleep(Duration::from_secs(1)).await;
        memory.push(resident(process));
    }
    let mut told = Vec::new();
    while let Some(client) = playing.join_next().await {
        told.push(client.expect("a client calls to its end"));
    }
    memory.push(resident(process));
    let mut came_by = Vec::new();
    let mut there = Vec::new();
    for (speaks, injector) in PROVIDERS.into_iter().zip(&injectors) {
        came_by.extend(injector.seal().await);
        there.push(held(sandbox.address(name(speaks)), speaks).await);
    }
    judged(&told, &came_by, &there, memory)
}

async fn one(door: Door, script: Script, until: Instant) -> Client {
    let stage = Stage::new();
    let mut number = 0;
    while Instant::now() < until {
        let mut next = step(script.seed, script.number, number);
        // An error is to be one that a fault explains, and not one that the caller has asked for.
        next.timeout = None;
        // Others' records make a page longer and longer; to page is not what is measured here.
        if let Doing::List(entity) = next.doing {
            next.doing = Doing::Get(entity, 0);
        }
        let is_known = !stage.known(next.doing.entity()).is_empty();
        let is_new = matches!(next.doing, Doing::Create(_) | Doing::Upsert(..));
        if !is_known && !is_new {
            next.doing = Doing::Create(next.doing.entity());
        }
        tokio::time::sleep(next.pause).await;
        perform(&door, &stage, &script, next, &format!("s{number}")).await;
        number += 1;
    }
    Client {
        number: script.number,
        events: stage.events(),
    }
}

fn judged(told: &[Client], seen: &[Seen], there: &[Vec<Record>], memory: Vec<u64>) -> Load {
    let mut load = Load {
        tally: Tally::of(&[], seen),
        times: Vec::new(),
        memory,
        statuses: std::collections::BTreeMap::new(),
        faults: 0,
        own_errors: 0,
        wrong: Vec::new(),
    };
    load.faults = load.tally.faults.values().sum();
    load.tally.histories = 0;
    let mut owned = 0;
    for client in told {
        let own = format!("hx{}", client.number);
        let held: Vec<Record> = there[usize::from(client.number % 2 == 1)]
            .iter()
            .filter(|record| {
                let rest = record.mark.strip_prefix(&own);
                rest.is_some_and(|rest| rest.starts_with(['s', 'k']))
            })
            .cloned()
            .collect();
        owned += held.len();
        load.tally.add(&Tally::of(&client.events, &[]));
        for event in &client.events {
            let status = match &event.told {
                Told::Done(_) => 200,
                Told::Refused(status, _) | Told::Unknown(status, _) | Told::Written(status, _) => {
                    *status
                }
                Told::Nothing | Told::Nonsense(_) => 0,
            };
            *load.statuses.entry(status).or_default() += 1;
            let is_own = matches!(event.told, Told::Unknown(..) | Told::Written(..));
            load.own_errors += u64::from(is_own && event.what.is_write());
            if event.sent == 1 && status != 0 {
                load.times.push(event.to - event.from);
            }
        }
        load.wrong
            .extend(judge::faults(&client.events, &held, Moment::MAX - 1));
    }
    let all: usize = there.iter().map(Vec::len).sum();
    if all != owned {
        load.wrong
            .push(format!("of {all} records nobody asked for {}", all - owned));
    }
    load.times.sort_unstable();
    load
}

impl Load {
    /// The time within which so many of 1,000 calls were answered.
    pub fn within(&self, thousandths: usize) -> Duration {
        let at = self.times.len() * thousandths / 1_000;
        let time = self.times.get(at.min(self.times.len().saturating_sub(1)));
        Duration::from_micros(time.copied().unwrap_or_default())
    }
}

/// What a process has in memory, in kilobytes.
fn resident(process: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok())
        .unwrap_or_default()
}
