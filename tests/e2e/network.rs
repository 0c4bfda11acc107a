//! Each thing that can go wrong between the proxy and a provider, once: what a caller is told of a write and of a read, and
//! what the provider holds afterwards. `histories` plays them all together.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener},
    time::Duration,
};

use crosswalk_tests::{
    Answer, Sandbox, Sidecar, exchange,
    injector::{Fault, Injector, Plan, Speaks},
};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

/// An address of this machine of which no other test gets its ports.
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 74));
const SHORT: Duration = Duration::from_millis(40);
/// Cured by the proxy, or no fault at all for who has time.
const HARMLESS: [Fault; 9] = [
    Fault::None,
    Fault::DelayBefore(SHORT),
    Fault::DelayAfter(SHORT),
    Fault::Drip(SHORT),
    Fault::HalfClosed,
    Fault::Throttled(Some(0)),
    Fault::Throttled(None),
    Fault::Unauthorized,
    Fault::Expired,
];
/// The call may have been carried out, and nobody can know.
const CUTS: [Fault; 17] = [
    Fault::ResetBefore,
    Fault::ResetDuring,
    Fault::ResetAfter,
    Fault::CloseAfter,
    Fault::Truncated(0),
    Fault::Truncated(60),
    Fault::LengthShort,
    Fault::LengthLong,
    Fault::Corrupt(0),
    Fault::Corrupt(70),
    Fault::ErrorBefore(500),
    Fault::ErrorBefore(503),
    Fault::ErrorAfter(502),
    Fault::Gateway { carried_out: false },
    Fault::Gateway { carried_out: true },
    Fault::Page,
    Fault::Deaf(SHORT),
];

/// A connection with its injector and the fault that is for it.
struct Way {
    speaks: Speaks,
    injector: Injector,
    fault: Fault,
    id: String,
}

struct Stage {
    runtime: Runtime,
    sandbox: Sandbox,
    sidecar: Sidecar,
    ways: Vec<Way>,
}

fn name(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::HubSpot => "hubspot",
        Speaks::Salesforce => "salesforce",
    }
}

fn connection(id: &str, speaks: Speaks, address: SocketAddr) -> String {
    let place = match speaks {
        Speaks::HubSpot => format!("base_url: \"http://{address}\""),
        Speaks::Salesforce => {
            format!("login_url: \"http://{address}\", instance_url: \"http://{address}\"")
        }
    };
    let oauth = "oauth: { client_id: sandbox-client, client_secret: \"env:CANARY_CLIENT_SECRET\", refresh_token: \"env:CANARY_REFRESH_TOKEN\" }";
    let provider = name(speaks);
    format!("  {id}: {{ provider: {provider}, {place}, {oauth} }}\n")
}

/// A connection of its own for each fault, so that no circuit knows of another one.
fn stage(faults: &[Fault]) -> Stage {
    let runtime = Runtime::new().expect("a runtime starts");
    let inside = runtime.enter();
    let sandbox = Sandbox::start();
    let mut config = "connections:\n".to_owned();
    let mut ways = Vec::new();
    for speaks in [Speaks::HubSpot, Speaks::Salesforce] {
        let provider = sandbox.address(name(speaks)).parse().expect("an address");
        for (number, fault) in faults.iter().copied().enumerate() {
            let injector = Injector::start(OWN, provider, speaks);
            let id = format!("{}-{number}", name(speaks));
            config.push_str(&connection(&id, speaks, injector.address()));
            ways.push(Way {
                speaks,
                injector,
                fault,
                id,
            });
        }
    }
    let sidecar = Sidecar::start(&config);
    drop(inside);
    Stage {
        runtime,
        sandbox,
        sidecar,
        ways,
    }
}

impl Stage {
    fn create(&self, way: &Way, name: &str) -> Answer {
        let body = json!({"record": {"name": name}});
        self.sidecar
            .call(&way.id, "POST", "/unified/crm/account", Some(&body))
    }

    /// How many companies the provider has of this name.
    fn held(&self, speaks: Speaks, name_of_it: &str) -> usize {
        let (object, field) = match speaks {
            Speaks::HubSpot => ("companies", "name"),
            Speaks::Salesforce => ("Account", "Name"),
        };
        let target = format!("/_sandbox/records?object={object}&fields={field}");
        let page = exchange(self.sandbox.address(name(speaks)), "GET", &target, "", None).body;
        let rows = page["records"].as_array().expect("a page of records");
        rows.iter()
            .filter(|row| row["fields"][field] == name_of_it)
            .count()
    }
}

fn write_of(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::HubSpot => "POST /crm/objects/2026-09/companies",
        Speaks::Salesforce => "POST /services/data/v59.0/composite",
    }
}

fn read_of(speaks: Speaks) -> &'static str {
    match speaks {
        Speaks::HubSpot => "GET /crm/objects/2026-09/companies/",
        Speaks::Salesforce => "GET /services/data/v59.0/sobjects/Account/",
    }
}

/// Covers: write-cut, write-not-carried-out, answer-not-json, answer-wrong-length, throttled
#[test]
fn a_write_is_told_as_what_became_of_it() {
    let all = [&HARMLESS[..], &CUTS].concat();
    let stage = stage(&all);
    for way in &stage.ways {
        let (speaks, fault) = (way.speaks, way.fault);
        let name = format!("{speaks:?} {fault:?}");
        way.injector
            .begin(Plan::Script(vec![(write_of(speaks), fault)]));
        let answer = stage.create(way, &name);
        let seen = stage.runtime.block_on(way.injector.seal());
        let sent = seen.iter().filter(|seen| seen.call == write_of(speaks));
        let sent = sent.count();
        // What is spoilt may be what nobody needs of the answer: then the record is read back as it is.
        let is_spared = matches!(fault, Fault::Corrupt(_)) && answer.status == 200;
        if CUTS.contains(&fault) && !is_spared {
            assert!(answer.status >= 500, "{name}: {}", answer.text);
            assert_eq!(answer.body["outcome"], "unknown", "{name}: {}", answer.text);
            assert_eq!(sent, 1, "{name} is not sent again");
            let carried_out = usize::from(fault.may_be_carried_out());
            assert_eq!(stage.held(speaks, &name), carried_out, "{name}");
        } else {
            assert_eq!(answer.status, 200, "{name}: {}", answer.text);
            assert_eq!(answer.body["record"]["name"], json!(name));
            assert_eq!(stage.held(speaks, &name), 1, "{name}");
        }
        // What comes after it on the same way is not touched by what is left of it.
        way.injector.begin(Plan::Calm);
        let next = format!("{name}, then");
        let answer = stage.create(way, &next);
        assert_eq!(answer.status, 200, "{next}: {}", answer.text);
        assert_eq!(answer.body["record"]["name"], json!(next));
    }
}

/// Covers: read-cut, answer-not-json, answer-wrong-length, throttled
#[test]
fn a_read_is_tried_again_or_fails_and_is_never_wrong() {
    let all = [&HARMLESS[..], &CUTS].concat();
    let stage = stage(&all);
    for way in &stage.ways {
        let (speaks, fault) = (way.speaks, way.fault);
        let name = format!("{speaks:?} {fault:?}");
        let created = stage.create(way, &name);
        assert_eq!(created.status, 200, "{}", created.text);
        let id = created.body["record"]["id"].as_str().expect("an id");
        way.injector
            .begin(Plan::Script(vec![(read_of(speaks), fault)]));
        let target = format!("/unified/crm/account/{id}");
        let answer = stage.sidecar.call(&way.id, "GET", &target, None);
        // A success that cannot be read is the provider's word: to ask again would hardly change it.
        let is_garbled = matches!(fault, Fault::Corrupt(_) | Fault::LengthShort | Fault::Page);
        if is_garbled {
            assert_eq!(answer.status, 502, "{name}: {}", answer.text);
            assert_eq!(answer.body.get("outcome"), None, "{name}");
        } else {
            assert_eq!(answer.status, 200, "{name}: {}", answer.text);
            assert_eq!(answer.body["record"]["name"], json!(name));
        }
        way.injector.begin(Plan::Calm);
        let answer = stage.sidecar.call(&way.id, "GET", &target, None);
        assert_eq!(answer.body["record"]["name"], json!(name), "{name}, then");
    }
}

/// All calls of a connection wait for one token: a token endpoint that is asked once and believed makes one fault theirs.
///
/// Covers: answer-not-json, answer-wrong-length
#[test]
fn a_token_is_asked_for_again_where_its_answer_is_spoilt() {
    let stage = stage(&CUTS);
    for way in &stage.ways {
        let (speaks, fault) = (way.speaks, way.fault);
        let name = format!("{speaks:?} {fault:?}");
        let token = match speaks {
            Speaks::HubSpot => "POST /oauth",
            Speaks::Salesforce => "POST /services/oauth2/token",
        };
        way.injector.begin(Plan::Script(vec![(token, fault)]));
        let answer = stage.create(way, &name);
        assert_eq!(answer.status, 200, "{name}: {}", answer.text);
        let seen = stage.runtime.block_on(way.injector.seal());
        let met = seen.iter().filter(|seen| seen.fault == fault).count();
        assert_eq!(met, 1, "{name} was met: {seen:?}");
    }
}

/// Covers: provider-down, write-not-carried-out
#[test]
fn a_provider_that_nobody_listens_for_was_sent_nothing() {
    // The port is free again, and this address is not what others get theirs of.
    let address = TcpListener::bind((OWN, 0))
        .and_then(|listener| listener.local_addr())
        .expect("there is a port");
    let mut config = "connections:\n".to_owned();
    for speaks in [Speaks::HubSpot, Speaks::Salesforce] {
        // A token at hand, so that it is the write that finds nobody.
        let place = match speaks {
            Speaks::HubSpot => "base_url",
            Speaks::Salesforce => "instance_url",
        };
        let provider = name(speaks);
        let place = format!(
            "  {provider}: {{ provider: {provider}, {place}: \"http://{address}\", access_token: \"env:CANARY_REFRESH_TOKEN\" }}\n"
        );
        config.push_str(&place);
    }
    let sidecar = Sidecar::start(&config);
    for speaks in [Speaks::HubSpot, Speaks::Salesforce] {
        let body = json!({"record": {"name": "Nowhere"}});
        let target = "/unified/crm/account";
        let answer = sidecar.call(name(speaks), "POST", target, Some(&body));
        assert_eq!(answer.status, 502, "{}", answer.text);
        assert_eq!(
            answer.body.get("outcome"),
            None::<&Value>,
            "{}",
            answer.text
        );
        let message = answer.body["message"].as_str().unwrap_or_default();
        assert!(message.contains("nothing was sent"), "{message}");
    }
}

/// Covers: provider-down, write-not-carried-out
#[test]
fn a_provider_whose_name_leads_nowhere_was_sent_nothing() {
    // Names that end so are never given to anybody (RFC 6761).
    let sidecar = Sidecar::start(
        "connections:\n  hubspot: { provider: hubspot, base_url: \"https://provider.invalid\", access_token: \"env:CANARY_REFRESH_TOKEN\" }\n",
    );
    let body = json!({"record": {"name": "Nowhere"}});
    let answer = sidecar.call("hubspot", "POST", "/unified/crm/account", Some(&body));
    assert_eq!(answer.status, 502, "{}", answer.text);
    assert_eq!(
        answer.body.get("outcome"),
        None::<&Value>,
        "{}",
        answer.text
    );
    let message = answer.body["message"].as_str().unwrap_or_default();
    assert!(message.contains("nothing was sent"), "{message}");
}
