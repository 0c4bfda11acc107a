//! One proxy, and lanes on which one history after the other is played: each lane has its own providers, and injectors
//! before them.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};
use tokio::sync::Mutex;

use super::{
    call::{Ended, Request, call},
    judge,
    play::{Answers, Door, Stage, client, perform},
    script::{Doing, Entity, Script, Step},
    tally::Tally,
    told::{Event, Record, mark_in},
};
use crate::{
    Sandbox, Sidecar,
    injector::{Injector, Plan, Seen, Speaks},
};

/// Connections that take turns on a lane, so that what one history has done to a circuit does not hinder the next one.
const SLOTS: usize = 8;
/// Short, so that ten thousand histories do not take a day. A native call's is longer than most delays.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(4);
const NATIVE_TIMEOUT: Duration = Duration::from_millis(1_200);
const LONG: Duration = Duration::from_secs(30);

/// All that histories need.
#[derive(Debug)]
pub struct Arena {
    sidecar: Sidecar,
    lanes: Vec<Arc<Mutex<Lane>>>,
    answers: Arc<Answers>,
}

#[derive(Debug)]
struct Lane {
    number: usize,
    sandbox: Sandbox,
    slots: Vec<[Injector; 2]>,
    next: usize,
}

/// A history that went wrong.
#[derive(Debug)]
pub struct Failure {
    pub seed: u64,
    pub number: u64,
    /// What is wrong, and all that happened, for people.
    pub text: String,
}

impl Arena {
    /// Starts a proxy and so many lanes.
    ///
    /// # Panics
    ///
    /// When something does not start.
    pub async fn start(lanes: usize) -> Self {
        let mut all = Vec::new();
        let mut config = format!(
            "limits: {{ request_timeout: {}ms, native_timeout: {}ms, token_timeout: 2500ms, connect_timeout: 500ms }}\nconnections:\n",
            REQUEST_TIMEOUT.as_millis(),
            NATIVE_TIMEOUT.as_millis()
        );
        for number in 0..lanes {
            let sandbox = tokio::task::spawn_blocking(Sandbox::start);
            let sandbox = sandbox.await.expect("a sandbox starts");
            let mut slots = Vec::new();
            for slot in 0..SLOTS {
                let mut pair = Vec::new();
                for speaks in [Speaks::HubSpot, Speaks::Salesforce] {
                    let provider = sandbox.address(name(speaks));
                    let provider: SocketAddr = provider.parse().expect("an address");
                    // Any address of 127.0.0.0/8 is this machine; this one is not what others get their ports of.
                    let own = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 71));
                    let injector = Injector::start(own, provider, speaks);
                    let id = connection(number, slot, speaks);
                    config.push_str(&configured(&id, speaks, injector.address()));
                    pair.push(injector);
                }
                slots.push(pair.try_into().expect("two providers"));
            }
            all.push(Arc::new(Mutex::new(Lane {
                number,
                sandbox,
                slots,
                next: 0,
            })));
        }
        let sidecar = tokio::task::spawn_blocking(move || Sidecar::start_quiet(&config));
        Self {
            sidecar: sidecar.await.expect("a sidecar starts"),
            lanes: all,
            answers: Arc::new(Answers::new()),
        }
    }

    pub(super) fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// Plays a history on a lane and judges it.
    pub(super) async fn play(&self, lane: usize, script: &Script) -> (Tally, Option<Failure>) {
        let mut lane = self.lanes[lane].lock().await;
        let slot = lane.next;
        lane.next = (slot + 1) % SLOTS;
        let provider = script.provider;
        let sandbox = lane.sandbox.address(name(provider)).to_owned();
        order(&sandbox, "POST", "/_sandbox/reset", &json!({"empty": true})).await;
        if provider == Speaks::HubSpot {
            // The index of the real one is behind.
            let lag = if script.number.is_multiple_of(8) {
                60_000
            } else {
                0
            };
            let lag = json!({ "search_lag_ms": lag });
            order(&sandbox, "PATCH", "/_sandbox/settings", &lag).await;
        }
        order(&sandbox, "DELETE", "/_sandbox/calls", &Value::Null).await;
        let injector = &lane.slots[slot][usize::from(provider == Speaks::Salesforce)];
        let door = Door {
            address: self.sidecar.address.clone(),
            connection: connection(lane.number, slot, provider),
            deadline: REQUEST_TIMEOUT,
            answers: Arc::clone(&self.answers),
        };
        let stage = Stage::new();
        injector.begin(Plan::Calm);
        for (number, entity) in [Entity::Account, Entity::Contact].into_iter().enumerate() {
            let step = Step::simple(Doing::Create(entity));
            for again in 0..20 {
                let title = format!("x{number}s{again}");
                if perform(&door, &stage, script, step, &title).await {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        }
        injector.begin(Plan::Drawn {
            weather: script.weather,
            seed: script.seed,
            history: script.number,
        });
        let began = stage.now();
        let clients = (0..script.clients.len()).map(|number| client(&door, &stage, script, number));
        together(clients.collect()).await;
        let seen = injector.seal().await;
        let end = stage.now();
        let held = held(&sandbox, provider).await;
        let events = stage.events();
        let faults = judge::faults(&events, &held, end);
        let tally = Tally::of(&events, &seen);
        let failure = (!faults.is_empty()).then(|| Failure {
            seed: script.seed,
            number: script.number,
            text: told(script, &faults, &events, &seen, &held, (&stage, began)),
        });
        (tally, failure)
    }
}

/// Polls all of them to their ends.
async fn together<F: Future<Output = ()>>(futures: Vec<F>) {
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    std::future::poll_fn(|context| {
        futures.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if futures.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

pub(super) fn name(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::HubSpot => "hubspot",
        Speaks::Salesforce => "salesforce",
    }
}

fn connection(lane: usize, slot: usize, speaks: Speaks) -> String {
    format!("lane{lane}-{slot}-{}", name(speaks))
}

pub(super) fn configured(id: &str, speaks: Speaks, address: SocketAddr) -> String {
    let oauth = "oauth: { client_id: sandbox-client, client_secret: \"env:CANARY_CLIENT_SECRET\", refresh_token: \"env:CANARY_REFRESH_TOKEN\" }";
    let place = match speaks {
        Speaks::HubSpot => format!("base_url: \"http://{address}\""),
        Speaks::Salesforce => {
            format!("login_url: \"http://{address}\", instance_url: \"http://{address}\"")
        }
    };
    format!(
        "  {id}: {{ provider: {}, {place}, {oauth} }}\n",
        name(speaks)
    )
}

/// A call to the sandbox itself, past the injector.
pub(super) async fn order(
    address: &str,
    method: &'static str,
    target: &str,
    body: &Value,
) -> Value {
    let request = Request {
        method,
        target: target.to_owned(),
        headers: String::new(),
        body: (!body.is_null()).then(|| body.clone()),
    };
    match call(address, &request, None, LONG).await {
        Ended::Answered(status, text) if status < 300 => {
            serde_json::from_str(&text).unwrap_or_default()
        }
        other => panic!("{target}: {other:?}"),
    }
}

/// What the provider has.
pub(super) async fn held(sandbox: &str, speaks: Speaks) -> Vec<Record> {
    let objects: [(Entity, &str, [&str; 2], &[&str]); 3] = match speaks {
        Speaks::HubSpot => [
            (
                Entity::Account,
                "companies",
                ["name", "description"],
                &["website"],
            ),
            (
                Entity::Contact,
                "contacts",
                ["lastname", "firstname"],
                &["email", "phone"],
            ),
            (Entity::Note, "notes", ["", ""], &["hs_note_body"]),
        ],
        Speaks::Salesforce => [
            (
                Entity::Account,
                "Account",
                ["Name", "Description"],
                &["Website"],
            ),
            (
                Entity::Contact,
                "Contact",
                ["LastName", "FirstName"],
                &["Email", "Phone"],
            ),
            (Entity::Note, "ContentDocument", ["", ""], &["Title"]),
        ],
    };
    let mut held = Vec::new();
    for (entity, object, fields, marks) in objects {
        let named: Vec<&str> = fields.iter().chain(marks).copied().collect();
        let named = named.join(",");
        let mut after = String::new();
        loop {
            let target =
                format!("/_sandbox/records?object={object}&fields={named}&limit=10000{after}");
            let page = order(sandbox, "GET", &target, &Value::Null).await;
            for row in page["records"].as_array().into_iter().flatten() {
                let text = |name: &str| row["fields"][name].as_str().map(str::to_owned);
                let mark = marks.iter().find_map(|name| mark_in(&text(name)?));
                held.push(Record {
                    entity,
                    id: row["id"].as_str().unwrap_or_default().to_owned(),
                    mark: mark.unwrap_or_else(|| format!("without a mark: {row}")),
                    fields: fields.map(text),
                });
            }
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
    }
    held
}

/// Everything, for whoever has to find out why.
fn told(
    script: &Script,
    faults: &[String],
    events: &[Event],
    seen: &[Seen],
    held: &[Record],
    (stage, began): (&Stage, u64),
) -> String {
    let mut text = format!(
        "history {} of seed {} at {} in {:?}:\n",
        script.number,
        script.seed,
        name(script.provider),
        script.weather
    );
    for fault in faults {
        let _ = writeln!(text, "  WRONG: {fault}");
    }
    let mut lines: Vec<(u64, String)> = Vec::new();
    for event in events {
        let sent = if event.sent > 1 {
            format!(" (sent {} times)", event.sent)
        } else {
            String::new()
        };
        lines.push((event.from, format!("> {}{sent}", event.title)));
        let name = event.title.split(' ').next().unwrap_or_default();
        lines.push((event.to, format!("< {name} {}", event.told)));
    }
    for call in seen {
        lines.push((
            stage.at(call.at),
            format!("    {:.110} {:?}", call.call, call.fault),
        ));
    }
    lines.sort_by_key(|(at, _)| *at);
    for (at, line) in lines {
        let [at, began] = [at, began].map(|at| i64::try_from(at).unwrap_or(i64::MAX));
        let (sign, since) = if at < began {
            ("-", began - at)
        } else {
            ("+", at - began)
        };
        let (whole, part) = (since / 1_000, since % 1_000);
        let _ = writeln!(text, "  {sign}{whole:>5}.{part:03} ms {line}");
    }
    for record in held {
        let _ = writeln!(text, "  held: {record:?}");
    }
    let _ = writeln!(
        text,
        "  again: CROSSWALK_SEED={} CROSSWALK_HISTORY={} cargo test -p crosswalk-tests --test e2e histories:: -- --nocapture",
        script.seed, script.number
    );
    text
}
