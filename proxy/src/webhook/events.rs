//! `GET /core/events`

use serde::Serialize;
use serde_json::Value;

use super::page::{self, Page};
use crate::{
    core::{input::Query, json, kept},
    error::Error,
    own::{Own, OwnCall},
    store::{Event, EventFilter, rfc3339},
};

const LIST: &str = "events";
/// Numbers up to here are seconds since the epoch, those above are milliseconds: as seconds it is the year 5138, as
/// milliseconds it was in 1973.
const MOST_SECONDS: i64 = 100_000_000_000;

#[derive(Debug, Serialize)]
struct Answer<'a> {
    next_cursor: Option<String>,
    has_next_page: bool,
    items: Vec<Item<'a>>,
}

#[derive(Debug, Serialize)]
struct Item<'a> {
    id: &'a str,
    name: &'a str,
    data: Option<&'a Value>,
    timestamp: String,
    org_id: &'a str,
    customer_id: Option<&'a str>,
}

/// The oldest first. They are numbered in the order in which they were committed, and a cursor is such a number: who
/// goes on from one misses nothing, however many sidecars write.
pub(super) async fn list(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_see_all()?;
    let mut query = Query::new(&call.request);
    let page = Page::read(&mut query, LIST);
    let is_full = query.one_of("sync_mode", &["full", "incremental"]) == Some("full");
    let customer_id = query.own_id("customerId");
    let name = query.text("name");
    let since = query.number("since", 0, i64::MAX);
    if since.is_none() && query.text("since").is_none() {
        query.wrong(
            "since",
            "missing; expected Unix time in seconds or in milliseconds",
        );
    }
    let after = page.after.as_deref().map(str::parse::<i64>);
    if matches!(after, Some(Err(_))) {
        query.wrong("cursor", "expected a `next_cursor` of this list");
    }
    query.end()?;
    let filter = EventFilter {
        since: milliseconds(since.unwrap_or_default()),
        name,
        customer_id,
    };
    let after = after.and_then(Result::ok).unwrap_or_default();
    let store = own.store()?;
    // Asked before the page: whatever has a number up to this one is committed, and on the page if it is wanted.
    let newest = store.newest_event().await.map_err(kept)?;
    let mut events = store
        .events(&filter, after, page.size.saturating_add(1))
        .await
        .map_err(kept)?;
    let size = usize::try_from(page.size).unwrap_or(usize::MAX);
    let has_next_page = events.len() > size;
    events.truncate(size);
    let last = events.last().map(|event| event.seq);
    let next = match (has_next_page, is_full) {
        (true, _) => last,
        (false, true) => None,
        (false, false) => Some(after.max(newest).max(last.unwrap_or_default())),
    };
    json(&Answer {
        next_cursor: next.map(|number| page::cursor(LIST, &number.to_string())),
        has_next_page,
        items: events.iter().map(|event| item(own, event)).collect(),
    })
}

fn item<'a>(own: &'a Own, event: &'a Event) -> Item<'a> {
    Item {
        id: &event.id,
        name: &event.name,
        data: event.data.as_ref(),
        timestamp: rfc3339(event.created_at),
        org_id: &own.state.org_id,
        customer_id: event.customer_id.as_deref(),
    }
}

fn milliseconds(since: i64) -> i64 {
    if since > MOST_SECONDS {
        since
    } else {
        since.saturating_mul(1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_in_seconds_or_in_milliseconds() {
        assert_eq!(milliseconds(0), 0);
        assert_eq!(milliseconds(1_780_000_000), 1_780_000_000_000);
        assert_eq!(milliseconds(1_780_000_000_123), 1_780_000_000_123);
        assert_eq!(milliseconds(i64::MAX), i64::MAX);
    }
}
