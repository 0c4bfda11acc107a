//! `kill -9` at random moments: what is in the destination is in the end what is in the source, row by row.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use crosswalk::sandbox::{hubspot, salesforce};
use crosswalk_tests::exchange;
use rand::RngExt as _;
use serde_json::{Value, json};

use crate::stage::{Place, Stage};

/// So often the sidecar is killed, unless `CROSSWALK_KILLS` says otherwise.
const KILLS: u32 = 25;
/// Enough for a walk of several pages.
const CONTACTS: u32 = 1_000;

const PIPELINES: [(&str, &str); 2] = [
    ("pipe_hubspot", "conn_hubspot"),
    ("pipe_salesforce", "conn_salesforce"),
];

/// Covers: kill-during-sync
#[tokio::test(flavor = "multi_thread")]
async fn pipelines_survive_kill_9() {
    let kills = std::env::var("CROSSWALK_KILLS")
        .ok()
        .map_or(KILLS, |kills| kills.parse().unwrap());
    let mut stage = Stage::new().await;
    stage.limits = "pipeline_lease: 1s, full_walk_interval: 5s".to_owned();
    let mut places = vec![("conn_file", stage.sqlite("conn_file").await)];
    if let Some(place) = stage.postgres("conn_postgres").await {
        places.push(("conn_postgres", place));
    }
    for provider in ["hubspot", "salesforce"] {
        stage.sandbox.control(
            provider,
            "POST",
            "/_sandbox/fill",
            Some(&json!({ "contacts": CONTACTS })),
        );
    }
    let mut pipelines = Vec::new();
    {
        let sidecar = stage.sidecar();
        for (id, source) in PIPELINES {
            for (destination, place) in &places {
                let id = format!("{id}_{}", destination.trim_start_matches("conn_"));
                sidecar.create(&json!({
                    "id": id, "sourceId": source, "destinationId": destination, "streams": { "crm.contact": {} },
                }));
                pipelines.push((id, source, place));
            }
        }
    }
    let writers = Writers::start(&stage);
    let began = Instant::now();
    let mut rng = rand::rng();
    for kill in 0..kills {
        let sidecar = stage.sidecar();
        for (id, ..) in &pipelines {
            let full = rng.random_ratio(1, 4);
            sidecar.sync(id, &json!({ "async": true, "fullResync": full }));
        }
        thread::sleep(Duration::from_millis(rng.random_range(0..1_500)));
        // Dropping it is SIGKILL.
        drop(sidecar);
        if kill % 20 == 19 {
            println!(
                "{} kills in {:.0} s",
                kill + 1,
                began.elapsed().as_secs_f64()
            );
        }
    }
    let took = began.elapsed();
    let count = writers.stop();
    let sidecar = stage.sidecar();
    for (id, source, place) in &pipelines {
        sidecar.complete(id);
        // HubSpot's changes do not tell of what was deleted.
        if *source == "conn_hubspot" {
            let full = sidecar.sync(id, &json!({ "fullResync": true }));
            assert_eq!(full["state"], "completed", "{full:#}");
        }
        compare(&stage, source, place).await;
        let shown = sidecar.get(id);
        println!("{id}: {}", shown["sourceState"]["crm.contact"]);
    }
    println!(
        "{kills} kills in {:.0} s, {count} writes at the sources meanwhile",
        took.as_secs_f64()
    );
}

/// Others who change both sources all the time.
struct Writers {
    stop: Arc<AtomicBool>,
    writes: Arc<AtomicU64>,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Writers {
    fn start(stage: &Stage) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let writes = Arc::new(AtomicU64::new(0));
        let threads = ["hubspot", "salesforce"]
            .into_iter()
            .map(|provider| {
                let address = stage.sandbox.address(provider).to_owned();
                let (stop, writes) = (Arc::clone(&stop), Arc::clone(&writes));
                thread::spawn(move || {
                    let mut ids = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        write(
                            provider,
                            &address,
                            &mut ids,
                            writes.fetch_add(1, Ordering::Relaxed),
                        );
                        thread::sleep(Duration::from_millis(20));
                    }
                })
            })
            .collect();
        Self {
            stop,
            writes,
            threads,
        }
    }

    fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.writes.load(Ordering::Relaxed)
    }
}

/// Makes a contact, or changes or deletes one that was made.
fn write(provider: &str, address: &str, ids: &mut Vec<String>, number: u64) {
    let (root, token) = match provider {
        "hubspot" => ("/crm/v3/objects/contacts", hubspot::PRIVATE_APP_TOKEN),
        _ => (
            "/services/data/v66.0/sobjects/Contact",
            salesforce::ACCESS_TOKEN,
        ),
    };
    let call = |method: &str, target: &str, body: Option<&Value>| {
        let headers = format!("authorization: Bearer {token}\r\n");
        let answer = exchange(address, method, target, &headers, body);
        assert!(answer.status < 300, "{method} {target}: {}", answer.text);
        answer.body
    };
    let body = |name: String| match provider {
        "hubspot" => json!({ "properties": { "firstname": "Ada", "lastname": name } }),
        _ => json!({ "FirstName": "Ada", "LastName": name }),
    };
    let mut rng = rand::rng();
    let chance = rng.random_range(0..10);
    if ids.is_empty() || chance < 4 {
        let made = call("POST", root, Some(&body(format!("New {number}"))));
        ids.push(made["id"].as_str().unwrap().to_owned());
    } else {
        let at = rng.random_range(0..ids.len());
        let target = format!("{root}/{}", ids[at]);
        if chance < 8 {
            call("PATCH", &target, Some(&body(format!("Changed {number}"))));
        } else {
            call("DELETE", &target, None);
            ids.swap_remove(at);
        }
    }
}

/// Live records are live rows with the same values, and no other row is live.
pub(crate) async fn compare(stage: &Stage, source: &str, place: &Place) {
    let (live, gone) = records(stage, source.trim_start_matches("conn_"));
    let sql = format!(
        "SELECT id, first_name, last_name, CAST(_deleted AS text) FROM crm_contact WHERE _connection_id = '{source}'"
    );
    let mut rows = BTreeMap::new();
    let mut deleted = Vec::new();
    for row in place.sql(&sql).await {
        let [id, first, last, is_deleted] = row.try_into().unwrap();
        let id = id.unwrap();
        if matches!(is_deleted.as_deref(), Some("true" | "1")) {
            deleted.push(id);
        } else {
            assert!(
                rows.insert(id, (first, last)).is_none(),
                "no row is there twice"
            );
        }
    }
    assert!(live.len() > 100);
    for (id, values) in &live {
        assert_eq!(rows.get(id), Some(values), "{source} {id} in {place:?}");
    }
    let more: Vec<_> = rows.keys().filter(|id| !live.contains_key(*id)).collect();
    assert!(
        more.is_empty(),
        "{source}: live rows of {more:?} in {place:?}"
    );
    for id in &deleted {
        assert!(
            gone.contains(id),
            "{source}: {id} is marked deleted in {place:?}"
        );
    }
}

type Names = (Option<String>, Option<String>);

/// What the provider has: live contacts, and the ids of those that are gone.
fn records(stage: &Stage, provider: &str) -> (BTreeMap<String, Names>, Vec<String>) {
    let (object, first, last) = match provider {
        "hubspot" => ("contacts", "firstname", "lastname"),
        _ => ("Contact", "FirstName", "LastName"),
    };
    let (mut live, mut gone) = (BTreeMap::new(), Vec::new());
    let mut after = String::new();
    loop {
        let target =
            format!("/_sandbox/records?object={object}&limit=1000&fields={first},{last}{after}");
        let page = exchange(stage.sandbox.address(provider), "GET", &target, "", None).body;
        for record in page["records"].as_array().unwrap() {
            let id = record["id"].as_str().unwrap().to_owned();
            let text = |name: &str| record["fields"][name].as_str().map(str::to_owned);
            if record["deleted"] == true {
                gone.push(id);
            } else {
                live.insert(id, (text(first), text(last)));
            }
        }
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (live, gone),
        }
    }
}
