//! What the network does to calls through the native door: a read may be made again, a write only where it was certainly
//! not carried out.

use std::{
    fmt::Write as _,
    net::{IpAddr, Ipv4Addr},
    time::Duration,
};

use crosswalk_tests::{
    Sandbox, Sidecar,
    injector::{Fault, Injector, Plan, Speaks},
};
use tokio::runtime::Runtime;

use super::{accounts, ask};

/// An address of this machine of which no other test gets its ports.
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 75));
const SHORT: Duration = Duration::from_millis(40);

/// What meets a call, and the statuses of a read and of a write that met it once.
const FAULTS: [(Fault, u16, u16); 11] = [
    (Fault::DelayAfter(SHORT), 200, 201),
    (Fault::Throttled(Some(0)), 200, 201),
    (Fault::Unauthorized, 200, 201),
    (Fault::Expired, 200, 201),
    (Fault::ResetBefore, 200, 502),
    (Fault::ResetAfter, 200, 502),
    (Fault::Truncated(60), 200, 502),
    (Fault::LengthLong, 200, 502),
    // The provider's own word, which is not ours to change.
    (Fault::ErrorBefore(500), 200, 500),
    (Fault::ErrorAfter(502), 200, 502),
    (Fault::Gateway { carried_out: false }, 200, 502),
];

/// Covers: read-cut, write-cut, throttled, provider-down
#[test]
fn a_fault_is_cured_for_reads_and_told_of_writes() {
    let runtime = Runtime::new().expect("a runtime starts");
    let inside = runtime.enter();
    let sandbox = Sandbox::start();
    let mut config = "connections:\n".to_owned();
    let mut ways = Vec::new();
    let oauth = "oauth: { client_id: sandbox-client, client_secret: \"env:CANARY_CLIENT_SECRET\", refresh_token: \"env:CANARY_REFRESH_TOKEN\" }";
    for (speaks, provider) in [
        (Speaks::HubSpot, "hubspot"),
        (Speaks::Salesforce, "salesforce"),
    ] {
        for (number, fault) in FAULTS.into_iter().enumerate() {
            let address = sandbox.address(provider).parse().expect("an address");
            let injector = Injector::start(OWN, address, speaks);
            let at = injector.address();
            let place = match speaks {
                Speaks::HubSpot => format!("base_url: \"http://{at}\""),
                Speaks::Salesforce => {
                    format!("login_url: \"http://{at}\", instance_url: \"http://{at}\"")
                }
            };
            let id = format!("{provider}-{number}");
            writeln!(
                config,
                "  {id}: {{ provider: {provider}, {place}, {oauth} }}"
            )
            .expect("a String takes all");
            ways.push((provider, injector, fault, id));
        }
    }
    let sidecar = Sidecar::start(&config);
    drop(inside);
    for (provider, injector, (fault, read, write), id) in &ways {
        let (place, record) = accounts(provider);
        let list = if *provider == "hubspot" {
            place
        } else {
            "/services/data/v59.0/limits"
        };
        for (method, target, body, expected) in [
            ("GET", list, None, *read),
            ("POST", place, Some(&record), *write),
        ] {
            let script = if method == "GET" {
                Plan::Script(vec![("GET /", *fault)])
            } else if *provider == "hubspot" {
                Plan::Script(vec![("POST /crm", *fault)])
            } else {
                Plan::Script(vec![("POST /services/data", *fault)])
            };
            injector.begin(script);
            let got = ask(&sidecar, id, (method, target, ""), body);
            let seen = runtime.block_on(injector.seal());
            let name = format!("{id} {fault:?} {method}");
            assert_eq!(got.status, expected, "{name}: {}", got.text);
            let sent = seen
                .iter()
                .filter(|seen| seen.call.starts_with(method) && !seen.call.contains("/oauth"))
                .count();
            let is_cured = expected < 300;
            let is_repeated = !matches!(fault, Fault::DelayAfter(_));
            assert_eq!(
                sent,
                1 + usize::from(is_cured && is_repeated),
                "{name}: {seen:?}"
            );
            if got.header("x-answered-by").is_none() && method == "POST" {
                assert_eq!(got.body["outcome"], "unknown", "{name}: {}", got.text);
            }
        }
    }
}
