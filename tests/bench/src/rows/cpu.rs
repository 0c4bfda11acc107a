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
    stub::{Speaks, Stub, bodies},
    table::{Goal, Row},
};

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
    let mut rows = Vec::new();
    for scenario in wanted {
        let row = row(bench, &scenario, &stub, &mut ours, theirs.as_mut()).await?;
        say(&super::progress(&row));
        rows.push(row);
    }
    Ok(rows)
}

async fn row(
    bench: &Bench<'_>,
    scenario: &Scenario,
    stub: &Stub,
    ours: &mut Side,
    theirs: Option<&mut Side>,
) -> Result<Row, Failure> {
    let headers = as_caller_of(scenario.connection);
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
