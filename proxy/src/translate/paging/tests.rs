use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::translate::{entity::RawData, tests::context};

const LIMITS: PageLimits = PageLimits {
    default: 3,
    max: 10,
    overlap_seconds: 60,
    full_lists: 1,
    change_lists: 1,
};

/// What an answer says after a page.
fn next(cx: &crate::translate::Context, mut paging: Paging, end: PageEnd) -> Next {
    let after = paging.advance(end);
    Paging::next(cx, paging.position().as_ref(), after != After::End)
}

fn window(paging: &Paging) -> Window {
    let phase = paging.phase().expect("the list has not ended");
    phase.window.expect("changes follow the full list")
}

fn request(
    sync_mode: Option<SyncMode>,
    cursor: Option<String>,
    page_size: Option<u32>,
) -> ListRequest {
    ListRequest {
        sync_mode,
        cursor,
        page_size,
        fields: Vec::new(),
        raw_data: RawData::Full,
    }
}

#[test]
fn a_page_size_beyond_the_limit_names_the_limit() {
    let error = Paging::open(&context(), &request(None, None, Some(11)), LIMITS).unwrap_err();
    assert_eq!(
        error.message,
        "query.page_size: expected at most 10, found 11"
    );
}

#[test]
fn a_full_list_ends_without_a_cursor_and_an_incremental_one_with() {
    let cx = context();
    let full = Paging::open(&cx, &request(Some(SyncMode::Full), None, None), LIMITS).unwrap();
    assert_eq!(
        next(&cx, full, PageEnd::default()),
        Next {
            cursor: None,
            has_next_page: false
        }
    );
    let incremental = Paging::open(&cx, &request(None, None, None), LIMITS).unwrap();
    let next = next(&cx, incremental, PageEnd::default());
    assert!(!next.has_next_page);
    let changes = Paging::open(&cx, &request(None, next.cursor, None), LIMITS).unwrap();
    assert_eq!(
        cx.now.as_millisecond() - window(&changes).from.as_millisecond(),
        60_000
    );
}

#[test]
fn a_provider_whose_clock_is_behind_loses_nothing() {
    let cx = context();
    let behind = Timestamp::from_millisecond(cx.now.as_millisecond() - 600_000).unwrap();
    let paging = Paging::open(&cx, &request(None, None, None), LIMITS).unwrap();
    let next = next(&cx, paging, PageEnd::default().at(None, Some(behind)));
    let changes = Paging::open(&cx, &request(None, next.cursor, None), LIMITS).unwrap();
    assert_eq!(
        window(&changes).from.as_millisecond(),
        behind.as_millisecond() - 60_000
    );
}

#[test]
fn a_cursor_does_not_change_its_mode() {
    let cx = context();
    let paging = Paging::open(&cx, &request(None, None, None), LIMITS).unwrap();
    let next = next(&cx, paging, PageEnd::new(None, true).at(Some("7"), None));
    assert!(
        Paging::open(
            &cx,
            &request(Some(SyncMode::Full), next.cursor, None),
            LIMITS,
        )
        .is_err()
    );
}

/// A provider that knows when each record last changed.
#[derive(Debug, Default)]
struct Model {
    /// id → changed at, in seconds.
    records: BTreeMap<u32, i64>,
}

impl Model {
    fn answer(&self, phase: Phase<'_>) -> (Vec<u32>, Option<u32>) {
        let (page, window) = (phase.page, phase.window);
        let after: u32 = page.after.map_or(0, |after| after.parse().unwrap());
        let fits = |changed: i64| {
            window.is_none_or(|window| {
                (window.from.as_second()..=window.to.as_second()).contains(&changed)
            })
        };
        let mut found: Vec<u32> = self
            .records
            .iter()
            .filter(|(id, changed)| **id > after && fits(**changed))
            .map(|(id, _)| *id)
            .collect();
        let more = found.len() > page.size as usize;
        found.truncate(page.size as usize);
        let last = if more { found.last().copied() } else { None };
        (found, last)
    }
}

proptest! {
    /// However many records change at one instant, and whatever changes between two pages: every change is seen.
    #[test]
    fn every_change_is_seen_and_no_list_is_endless(
        initial in prop::collection::vec(1u32..40, 0..40),
        changes in prop::collection::vec((1u32..60, any::<bool>()), 0..30),
        size in 1u32..5,
    ) {
        let mut cx = context();
        let start = cx.now.as_second();
        let mut model = Model { records: initial.into_iter().map(|id| (id, start - 1000)).collect() };
        let mut expected: BTreeSet<u32> = model.records.keys().copied().collect();
        let mut seen = BTreeSet::new();
        let mut cursor = None;
        let mut clock = start;
        let mut changes = changes.into_iter();
        let mut pages = 0;
        let mut ends = 0;
        loop {
            cx.now = Timestamp::from_second(clock).unwrap();
            let paging = Paging::open(&cx, &request(None, cursor.take(), Some(size)), LIMITS).unwrap();
            let (found, last) = model.answer(paging.phase().unwrap());
            seen.extend(found);
            let next = next(&cx, paging, PageEnd::new(None, last.is_some()).at(last.map(|id| id.to_string()).as_deref(), None));
            cursor = next.cursor;
            // Between two calls records change, many of them at one and the same second.
            let more_changes = if let Some((id, tick)) = changes.next() {
                clock += i64::from(tick);
                model.records.insert(id, clock);
                expected.insert(id);
                seen.remove(&id);
                true
            } else {
                false
            };
            pages += 1;
            prop_assert!(pages < 2000, "the list does not end");
            // The window that was open when the last record changed need not have it: the one after it must.
            if !next.has_next_page && !more_changes {
                ends += 1;
                if ends == 2 {
                    break;
                }
            }
        }
        prop_assert_eq!(seen, expected);
    }
}

proptest! {
    /// The provider stamps by its own clock, which may be an hour off, and a window may take much longer to page than
    /// it reaches back.
    #[test]
    fn no_change_is_lost_whatever_the_clocks_say_and_however_slow_the_paging(
        initial in prop::collection::vec(1u32..40, 0..40),
        changes in prop::collection::vec(prop::collection::vec(1u32..60, 0..3), 0..30),
        size in 1u32..5,
        ahead in prop::sample::select(vec![-3600i64, -61, -1, 0, 1, 61, 3600]),
        pace in prop::sample::select(vec![1i64, 45, 400]),
    ) {
        let mut cx = context();
        let mut clock = cx.now.as_second();
        let mut model = Model { records: initial.into_iter().map(|id| (id, clock + ahead - 1000)).collect() };
        let mut expected: BTreeSet<u32> = model.records.keys().copied().collect();
        let mut seen = BTreeSet::new();
        let mut cursor = None;
        let mut changes = changes.into_iter();
        let (mut pages, mut ends) = (0, 0);
        while ends < 2 {
            cx.now = Timestamp::from_second(clock).unwrap();
            let paging = Paging::open(&cx, &request(None, cursor.take(), Some(size)), LIMITS).unwrap();
            let (found, last) = model.answer(paging.phase().unwrap());
            seen.extend(found);
            let date = Timestamp::from_second(clock + ahead).unwrap();
            let end = PageEnd::new(None, last.is_some()).at(last.map(|id| id.to_string()).as_deref(), Some(date));
            let next = next(&cx, paging, end);
            cursor = next.cursor;
            clock += pace;
            pages += 1;
            prop_assert!(pages < 2000, "the list does not end");
            // Two windows after the last change, everything must have been seen.
            let Some(changed) = changes.next() else {
                ends += usize::from(!next.has_next_page);
                continue;
            };
            for id in changed {
                model.records.insert(id, clock + ahead);
                expected.insert(id);
                seen.remove(&id);
            }
        }
        prop_assert_eq!(seen, expected);
    }
}

#[test]
fn the_first_window_ends_where_a_clock_that_is_ahead_stands() {
    let mut cx = context();
    let hour = jiff::SignedDuration::from_hours(1);
    let full = Paging::open(&cx, &request(None, None, None), LIMITS).unwrap();
    let after_full = next(&cx, full, PageEnd::default().at(None, Some(cx.now + hour)));
    cx.now += jiff::SignedDuration::from_mins(5);
    let changes = Paging::open(&cx, &request(None, after_full.cursor, None), LIMITS).unwrap();
    let window = window(&changes);
    let second = jiff::SignedDuration::from_millis(999);
    assert_eq!(window.to, cx.now + hour + second);
    assert_eq!(window.to.duration_since(window.from).as_secs(), 6 * 60);
}
