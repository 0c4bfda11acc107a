//! Which rows were deleted or changed in a time: `/sobjects/X/deleted` and `/updated` (`salesforce.md` §9).

use http::StatusCode;
use serde_json::{Value, json};

use super::{fault::Fault, schema::Object, stamp, state::State};
use crate::sandbox::http::Reply;

const DAY: i64 = 24 * 60 * 60;
/// How far back each of the two may look, in days; that of changes is unconfirmed.
const DELETED_DAYS: i64 = 15;
const UPDATED_DAYS: i64 = 30;
/// The most ids of an answer.
const MOST_IDS: usize = 600_000;

pub(super) fn deleted(
    state: &State,
    object: &Object,
    query: &[(String, String)],
    now: &str,
) -> Result<Reply, Fault> {
    let within = window(query, now, DELETED_DAYS)?;
    let found = state.deleted_within(&object.name, &within);
    check_count(found.len())?;
    let records: Vec<Value> = found
        .into_iter()
        .map(|(id, date)| json!({ "id": id, "deletedDate": date }))
        .collect();
    let answer = json!({
        "deletedRecords": records, "earliestDateAvailable": stamp::minute(&stamp::after(now, -DELETED_DAYS * DAY)),
        "latestDateCovered": covered(&within.end, now),
    });
    Ok(Reply::json(StatusCode::OK, &answer))
}

pub(super) fn updated(
    state: &State,
    object: &Object,
    query: &[(String, String)],
    now: &str,
) -> Result<Reply, Fault> {
    let within = window(query, now, UPDATED_DAYS)?;
    let ids = state.updated_within(&object.name, &within);
    check_count(ids.len())?;
    let answer = json!({ "ids": ids, "latestDateCovered": covered(&within.end, now) });
    Ok(Reply::json(StatusCode::OK, &answer))
}

/// The time that is asked about, in whole minutes: seconds are ignored. Codes and words of the refusals are unconfirmed.
fn window(
    query: &[(String, String)],
    now: &str,
    days: i64,
) -> Result<std::ops::Range<String>, Fault> {
    let at = |name: &str| {
        let text = query.iter().find(|(known, _)| known == name);
        let (_, text) = text.ok_or_else(|| {
            Fault::new(
                400,
                "MISSING_ARGUMENT",
                format!("{name} is a required parameter"),
            )
        })?;
        let instant = stamp::parse(text)
            .ok_or_else(|| refused(format!("{name} is not a valid dateTime: {text}")))?;
        Ok(stamp::minute(&stamp::seconds(instant)))
    };
    let within = at("start")?..at("end")?;
    if within.start >= within.end {
        return Err(refused(
            "endDate must be at least one minute greater than startDate".to_owned(),
        ));
    }
    if within.start < stamp::minute(&stamp::after(now, -days * DAY)) {
        return Err(refused(format!(
            "startDate cannot be more than {days} days ago"
        )));
    }
    Ok(within)
}

fn refused(message: String) -> Fault {
    Fault::new(400, "INVALID_REPLICATION_DATE", message)
}

fn check_count(count: usize) -> Result<(), Fault> {
    if count <= MOST_IDS {
        return Ok(());
    }
    Err(Fault::new(400, "EXCEEDED_ID_LIMIT", "too many ids"))
}

/// What is still to come is not covered.
fn covered(end: &str, now: &str) -> String {
    let now = stamp::minute(now);
    if *end < *now { end.to_owned() } else { now }
}
