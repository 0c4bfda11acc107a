//! CPU time per unified call, beside what nginx needs to pass its native calls through.

use std::sync::Arc;

use hyper::Method;

use crate::{
    Failure,
    arguments::Group,
    load::Call,
    rows::{
        Bench, say,
        side::{CALLERS, SINGLE, Side, as_caller_of, compare},
    },
    stub::{Native, Speaks, Stub, bodies},
    table::{Goal, Row},
};

/// A unified call.
struct Scenario {
    group: Group,
    what: String,
    connection: &'static str,
    method: Method,
    target: String,
    /// One for each call, in turn.
    bodies: Vec<String>,
    goal: Goal,
    /// Whether a bare relay passes its native call on as well.
    is_relayed: bool,
}

/// The beginning of a native record in an answer.
const RAW_DATA: &[u8] = b"\"raw_data\":{\"";
const PERSON: &str = r#"{"record":{"first_name":"Ana","last_name":"Silva","phone":"+1 555 0100"}}"#;
/// How many people are upserted in turn: nobody upserts one by all callers at once, which would make them wait.
const PEOPLE: usize = 500;

/// All of them, in the order of the groups.
fn scenarios() -> Vec<Scenario> {
    let hubspot = of_provider(
        "hubspot",
        "HubSpot",
        &bodies::FIRST_CONTACT.to_string(),
        100,
    );
    let id = bodies::salesforce_id("003", 1);
    let salesforce = of_provider("salesforce", "Salesforce", &id, 200);
    let mut all: Vec<_> = hubspot.into_iter().chain(salesforce).collect();
    all.sort_by_key(|scenario| scenario.group);
    all
}

/// The first call of each scenario, and what it is.
pub(super) fn calls() -> Vec<(String, Call)> {
    let all = scenarios().into_iter();
    let first = all.filter_map(|it| Some((it.what.clone(), it.calls().first()?.clone())));
    first.collect()
}

impl Scenario {
    fn calls(&self) -> Arc<[Call]> {
        let headers = as_caller_of(self.connection);
        let bodies = self.bodies.iter();
        bodies
            .map(|body| Call::new(self.method.clone(), &self.target, &headers, body))
            .collect()
    }
}

fn of_provider(connection: &'static str, title: &str, id: &str, size: u32) -> [Scenario; 6] {
    let contacts = "/unified/crm/contact";
    let contact = format!("{contacts}/{id}");
    let page = format!("/unified/crm/account?page_size={size}");
    let bare = format!("{page}&raw_data=none");
    let nothing = || vec![String::new()];
    let person = || vec![PERSON.to_owned()];
    let people = (0..PEOPLE).map(upsert).collect();
    let call = |group, what: &str, method, target: &str, bodies, most| Scenario {
        group,
        what: format!("{what}, {title}"),
        connection,
        method,
        target: target.to_owned(),
        bodies,
        goal: Goal::Ratio(most),
        is_relayed: matches!(group, Group::Get | Group::Page) && target != bare,
    };
    let upsert = format!("{contacts}/_upsert");
    let (of_page, of_bare) = (
        format!("page of {size} accounts"),
        format!("page of {size}, raw_data=none"),
    );
    [
        call(
            Group::Get,
            "get a contact",
            Method::GET,
            &contact,
            nothing(),
            1.2,
        ),
        call(
            Group::Write,
            "create a contact",
            Method::POST,
            contacts,
            person(),
            1.2,
        ),
        call(
            Group::Write,
            "update a contact",
            Method::PATCH,
            &contact,
            person(),
            1.2,
        ),
        call(
            Group::Upsert,
            "upsert a contact by email",
            Method::POST,
            &upsert,
            people,
            1.2,
        ),
        call(Group::Page, &of_page, Method::GET, &page, nothing(), 2.0),
        call(Group::Page, &of_bare, Method::GET, &bare, nothing(), 1.2),
    ]
}

/// The body of an upsert of one of many.
pub(super) fn upsert(number: usize) -> String {
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
    let mut ours = Side::ours(bench, &stub, SINGLE, CALLERS).await?;
    let mut theirs = Side::theirs(bench, &stub, CALLERS).await?;
    let mut relay = Side::relay(bench, &stub, CALLERS).await?;
    let mut rows = Vec::new();
    for scenario in wanted {
        let (row, native) = row(bench, &scenario, &stub, &mut ours, theirs.as_mut()).await?;
        say(&super::progress(&row));
        rows.push(row);
        if let (true, [native]) = (scenario.is_relayed, native.as_slice()) {
            let row = relayed(bench, &scenario, native, &mut relay, theirs.as_mut()).await?;
            say(&super::progress(&row));
            rows.push(row);
        }
    }
    Ok(rows)
}

/// What it costs to pass the native call through with the library that the proxy is built on, and to do nothing else.
async fn relayed(
    bench: &Bench<'_>,
    scenario: &Scenario,
    native: &Native,
    relay: &mut Side,
    theirs: Option<&mut Side>,
) -> Result<Row, Failure> {
    let calls: Arc<[Call]> = [Call::from(native)].into();
    let natives = std::slice::from_ref(native);
    Ok(Row {
        what: format!("{}; by a bare relay of hyper's", scenario.what),
        note: "nothing is looked at, the answer is the provider's".to_owned(),
        ..compare(bench, &calls, natives, relay, theirs).await?
    })
}

async fn row(
    bench: &Bench<'_>,
    scenario: &Scenario,
    stub: &Stub,
    ours: &mut Side,
    theirs: Option<&mut Side>,
) -> Result<(Row, Vec<Native>), Failure> {
    let calls = scenario.calls();
    let (native, answer) = ours.native(stub, &calls[0]).await?;
    let has_raw_data = answer.windows(RAW_DATA.len()).any(|it| it == RAW_DATA);
    if scenario.target.contains("raw_data=none") && has_raw_data {
        let row = Row::left_out(scenario.what.as_str(), scenario.goal, "not offered");
        return Ok((row, native));
    }
    let note = match native.len() {
        1 => String::new(),
        count => format!("{count} native calls"),
    };
    let mut row = compare(bench, &calls, &native, ours, theirs).await?;
    row.what.clone_from(&scenario.what);
    row.goal = scenario.goal;
    row.note = note;
    Ok((row, native))
}
