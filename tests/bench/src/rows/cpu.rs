//! CPU time per unified call, beside what nginx needs to pass its native calls through.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use hyper::Method;

use crate::{
    Failure,
    arguments::Group,
    load::{Call, Crowd},
    nginx::Nginx,
    process::Process,
    rows::{Bench, say},
    sidecar::{API_KEY, Home, connections},
    stats::Pairs,
    stub::{Native, Speaks, Stub, bodies},
    table::{Figure, Goal, Row},
};

/// How many callers there are.
const CALLERS: usize = 32;

/// A unified call.
struct Scenario {
    group: Group,
    what: &'static str,
    connection: &'static str,
    method: Method,
    target: String,
    /// One for each call, in turn.
    bodies: Vec<String>,
    goal: Goal,
}

/// Who is measured: a process, and callers who are connected with it.
pub(super) struct Measured {
    process: Process,
    crowd: Crowd,
}

/// The beginning of a native record in an answer.
const RAW_DATA: &[u8] = b"\"raw_data\":{\"";
const PERSON: &str = r#"{"record":{"first_name":"Ana","last_name":"Silva","phone":"+1 555 0100"}}"#;
/// How many people are upserted in turn: nobody upserts one by all callers at once, which would make them wait.
const PEOPLE: usize = 500;

fn scenarios() -> Vec<Scenario> {
    let contacts = "/unified/crm/contact";
    let hubspot = format!("{contacts}/{}", bodies::FIRST_CONTACT);
    let salesforce = format!("{contacts}/{}", bodies::salesforce_id("003", 1));
    let (one, page, bare) = (Goal::Ratio(1.2), Goal::Ratio(2.0), Goal::Ratio(1.2));
    let accounts = |query: &str| format!("/unified/crm/account?{query}");
    let rows = [
        (
            Group::Get,
            "get a contact, HubSpot",
            Method::GET,
            hubspot.clone(),
            "",
            one,
        ),
        (
            Group::Get,
            "get a contact, Salesforce",
            Method::GET,
            salesforce.clone(),
            "",
            one,
        ),
        (
            Group::Write,
            "create a contact, HubSpot",
            Method::POST,
            contacts.to_owned(),
            PERSON,
            one,
        ),
        (
            Group::Write,
            "create a contact, Salesforce",
            Method::POST,
            contacts.to_owned(),
            PERSON,
            one,
        ),
        (
            Group::Write,
            "update a contact, HubSpot",
            Method::PATCH,
            hubspot,
            PERSON,
            one,
        ),
        (
            Group::Write,
            "update a contact, Salesforce",
            Method::PATCH,
            salesforce,
            PERSON,
            one,
        ),
        (
            Group::Upsert,
            "upsert a contact by email, HubSpot",
            Method::POST,
            format!("{contacts}/_upsert"),
            "",
            one,
        ),
        (
            Group::Upsert,
            "upsert a contact by email, Salesforce",
            Method::POST,
            format!("{contacts}/_upsert"),
            "",
            one,
        ),
        (
            Group::Page,
            "page of 100 accounts, HubSpot",
            Method::GET,
            accounts("page_size=100"),
            "",
            page,
        ),
        (
            Group::Page,
            "page of 200 accounts, Salesforce",
            Method::GET,
            accounts("page_size=200"),
            "",
            page,
        ),
        (
            Group::Page,
            "page of 100, raw_data=none, HubSpot",
            Method::GET,
            accounts("page_size=100&raw_data=none"),
            "",
            bare,
        ),
        (
            Group::Page,
            "page of 200, raw_data=none, Salesforce",
            Method::GET,
            accounts("page_size=200&raw_data=none"),
            "",
            bare,
        ),
    ];
    rows.into_iter()
        .map(|(group, what, method, target, body, goal)| Scenario {
            group,
            what,
            connection: if what.ends_with("HubSpot") {
                "hubspot"
            } else {
                "salesforce"
            },
            method,
            target,
            bodies: match group {
                Group::Upsert => (0..PEOPLE).map(upsert).collect(),
                _ => vec![body.to_owned()],
            },
            goal,
        })
        .collect()
}

fn upsert(number: usize) -> String {
    format!(
        r#"{{"upsert_on":{{"key":"email","values":["ana.silva{number}@example.com"]}},"record":{{"first_name":"Ana","last_name":"Silva"}}}}"#
    )
}

pub(super) async fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, Failure> {
    let wanted: Vec<_> = scenarios()
        .into_iter()
        .filter(|it| bench.wants(it.group))
        .collect();
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let stub = Stub::start(Speaks::default(), &bench.identity)?;
    // Each call is to be the native one that nginx passes through; joined reads are a row of their own.
    let rest = format!("limits: {{ join_reads: false }}\n{}", connections(&stub));
    let home = Home::new(&bench.arguments.binary, &bench.identity, &rest)?;
    let mut ours = Measured::new(home.serve(&bench.cores)?, home.address).await?;
    let mut theirs = None;
    if bench.has_nginx {
        let nginx = Nginx::new(&stub, &bench.identity.path())?;
        theirs = Some((
            Measured::new(nginx.serve(&bench.cores)?, nginx.address).await?,
            nginx,
        ));
    }
    let mut rows = Vec::new();
    for scenario in wanted {
        let theirs = theirs.as_mut().map(|(theirs, _)| theirs);
        let row = row(bench, &scenario, &stub, &mut ours, theirs).await?;
        say(&super::progress(&row));
        rows.push(row);
    }
    Ok(rows)
}

async fn row(
    bench: &Bench<'_>,
    scenario: &Scenario,
    stub: &Stub,
    ours: &mut Measured,
    theirs: Option<&mut Measured>,
) -> Result<Row, Failure> {
    let headers = [
        ("x-apikey", API_KEY),
        ("x-connection-id", scenario.connection),
    ];
    let bodies = scenario.bodies.iter();
    let calls: Arc<[Call]> = bodies
        .map(|body| Call::new(scenario.method.clone(), &scenario.target, &headers, body))
        .collect();
    let (native, answer) = ours.native(stub, &calls[0]).await?;
    let has_raw_data = answer.windows(RAW_DATA.len()).any(|it| it == RAW_DATA);
    if scenario.target.contains("raw_data=none") && has_raw_data {
        return Ok(Row::left_out(scenario.what, scenario.goal, "not offered"));
    }
    let note = match native.len() {
        1 => String::new(),
        count => format!("{count} native calls"),
    };
    let mut row = compare(bench, &calls, &native, ours, theirs).await?;
    scenario.what.clone_into(&mut row.what);
    row.goal = scenario.goal;
    row.note = note;
    Ok(row)
}

/// What a unified call costs, in turns with its native ones through nginx.
pub(super) async fn compare(
    bench: &Bench<'_>,
    unified: &Arc<[Call]>,
    native: &[Native],
    ours: &mut Measured,
    mut theirs: Option<&mut Measured>,
) -> Result<Row, Failure> {
    let long = bench.arguments.load();
    let natives: Arc<[Call]> = native.iter().map(Call::from).collect();
    // What is only done once is done before it counts.
    ours.micros_per_call(long / 10, unified).await?;
    if let Some(theirs) = &mut theirs {
        theirs.micros_per_call(long / 10, &natives).await?;
    }
    let mut pairs = Pairs::default();
    for _ in 0..bench.arguments.rounds() {
        let other = match &mut theirs {
            Some(theirs) => theirs.micros_per_call(long, &natives).await?,
            None => f64::NAN,
        };
        let others = f64::from(u32::try_from(native.len())?) * other;
        pairs.add(ours.micros_per_call(long, unified).await?, others);
    }
    let has_other = theirs.is_some();
    Ok(Row {
        theirs: has_other.then(|| Figure::CpuMicros(pairs.theirs())),
        ratio: has_other.then(|| pairs.ratio()),
        spread: has_other.then(|| pairs.spread()),
        ..Row::alone("", Figure::CpuMicros(pairs.ours()), Goal::None)
    })
}

impl Measured {
    pub(super) async fn new(process: Process, address: SocketAddr) -> Result<Self, Failure> {
        let crowd = Crowd::connect(address, CALLERS).await?;
        Ok(Self { process, crowd })
    }

    /// The native calls that a call becomes, and its answer.
    pub(super) async fn native(
        &mut self,
        stub: &Stub,
        call: &Call,
    ) -> Result<(Vec<Native>, Bytes), Failure> {
        stub.record();
        let answer = self.crowd.ask(call).await;
        let native = stub.recorded();
        Ok((native, answer?))
    }

    /// Time on a core for each call that is answered.
    pub(super) async fn micros_per_call(
        &mut self,
        long: Duration,
        calls: &Arc<[Call]>,
    ) -> Result<f64, Failure> {
        let before = self.process.cpu();
        let answered = self.crowd.call_for(long, calls).await?;
        let spent = self.process.cpu().saturating_sub(before);
        Ok(spent.as_secs_f64() * 1e6 / f64::from(u32::try_from(answered)?))
    }
}
