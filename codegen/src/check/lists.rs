//! Lists and batches: paging, and the sizes that the provider allows.

use super::{
    answers::{self, Wanted},
    calls::Calls,
    slots::Scope,
};
use crate::{
    diagnostic::Diagnostic,
    mapping::operation::{MappingBatch, MappingComplete, MappingList, MappingPager},
    plan::{PlanBatch, PlanComplete, PlanList, PlanPager, PlanSlot},
    source::Spanned,
};

const FULL: [&str; 5] = [
    "fields",
    "page.size",
    "page.size_plus_one",
    "page.token",
    "page.after",
];
const CHANGES: [&str; 7] = [
    "fields",
    "page.size",
    "page.size_plus_one",
    "page.token",
    "page.after",
    "window.from",
    "window.to",
];

pub(super) fn list(list: &MappingList, calls: Calls<'_>) -> Option<PlanList> {
    let (default, max) = (&list.default_size, &list.max_size);
    if default.value == 0 || default.value > max.value {
        let message = format!(
            "the default size {} is not from 1 to {}",
            default.value, max.value
        );
        calls
            .sink
            .push(Diagnostic::new("bad-page-size", message, default.span));
    }
    let full = pagers(&list.full, "a full list", &FULL, max, calls);
    let changes = pagers(&list.changes, "a list of changes", &CHANGES, max, calls);
    for pager in &list.full {
        if let Some(overlap) = &pager.overlap_seconds {
            let message = "only a list of changes has windows that could overlap";
            calls
                .sink
                .push(Diagnostic::new("unknown-key", message, overlap.span));
        }
        if let Some(keep) = &pager.keep {
            let message = "only a list of changes has a window that rows could be outside of";
            calls
                .sink
                .push(Diagnostic::new("unknown-key", message, keep.span));
        }
    }
    let overlaps = list
        .changes
        .iter()
        .filter_map(|pager| pager.overlap_seconds.as_ref());
    let complete = list
        .complete
        .as_ref()
        .map(|planned| complete(planned, calls));
    Some(PlanList {
        default_size: default.value,
        max_size: max.value,
        full: full?,
        changes: changes?,
        overlap_seconds: overlaps.map(|seconds| seconds.value).max().unwrap_or(0),
        complete: match complete {
            Some(complete) => Some(complete?),
            None => None,
        },
    })
}

fn pagers(
    pagers: &[MappingPager],
    place: &str,
    slots: &[&'static str],
    max_size: &Spanned<u32>,
    calls: Calls<'_>,
) -> Option<Vec<PlanPager>> {
    let planned: Vec<_> = pagers
        .iter()
        .map(|planned| pager(planned, place, slots, max_size, calls))
        .collect();
    planned.into_iter().collect()
}

fn complete(complete: &MappingComplete, calls: Calls<'_>) -> Option<PlanComplete> {
    let batch = batch(&complete.batch, calls)?;
    Some(PlanComplete {
        over: usize::try_from(complete.over.value).unwrap_or(usize::MAX),
        lean: complete
            .lean
            .iter()
            .map(|field| field.value.clone())
            .collect(),
        call: batch.call,
        max: batch.max,
        rows: batch.rows,
    })
}

fn pager(
    pager: &MappingPager,
    place: &str,
    slots: &[&'static str],
    max_size: &Spanned<u32>,
    calls: Calls<'_>,
) -> Option<PlanPager> {
    let scope = Scope::new(place, slots);
    let (call, operation) = calls.reading(&pager.call, &scope)?;
    check_size(pager, max_size, &scope, calls);
    let at = pager.call.operation.span;
    let place_of = |path: &Option<_>, wanted| match path {
        Some(path) => answers::path(operation, path, wanted, calls.sink).map(Some),
        None => Some(None),
    };
    let rows = answers::rows(operation, pager.rows.as_ref(), at, calls.sink);
    let next = place_of(&pager.next, Wanted::Text);
    let more = place_of(&pager.more, Wanted::Anything);
    let extra_row = scope.uses(&PlanSlot::PageSizePlusOne);
    check_paging(pager, &scope, extra_row, calls);
    Some(PlanPager {
        call,
        max: pager.max.as_ref().map(|max| max.value),
        rows: rows?,
        next: next?,
        more: more?,
        keep: pager
            .keep
            .as_ref()
            .map(|path| path.value.split('.').map(str::to_owned).collect()),
    })
}

/// There must be a way to the next page, and a way to know that there is one.
fn check_paging(pager: &MappingPager, scope: &Scope<'_>, extra_row: bool, calls: Calls<'_>) {
    let refuse = |message: &str| {
        calls.sink.push(Diagnostic::new(
            "no-next-page",
            message,
            pager.call.operation.span,
        ));
    };
    let by_token = scope.uses(&PlanSlot::PageToken);
    if !by_token && !scope.uses(&PlanSlot::PageAfter) {
        refuse(
            "the call uses neither `page.token` nor `page.after`: every page would be the first",
        );
    } else if by_token && pager.next.is_none() {
        refuse("the call uses `page.token`, and `next` does not say where an answer has it");
    } else if !by_token && pager.more.is_none() && !extra_row {
        refuse("nothing says whether there are more rows: neither `more` nor `page.size_plus_one`");
    }
}

/// The largest page must be within what the bound parameter takes.
fn check_size(pager: &MappingPager, max_size: &Spanned<u32>, scope: &Scope<'_>, calls: Calls<'_>) {
    let largest = pager.max.as_ref().map_or(max_size, |max| {
        if max.value < max_size.value {
            max
        } else {
            max_size
        }
    });
    for used in scope.used.borrow().iter() {
        let rows = match used.slot {
            PlanSlot::PageSize => f64::from(largest.value),
            PlanSlot::PageSizePlusOne => f64::from(largest.value) + 1.0,
            _ => continue,
        };
        if let Some(maximum) = used.maximum.filter(|maximum| rows > *maximum) {
            let message = format!(
                "a page may have {} rows, and the call takes at most {maximum}",
                largest.value
            );
            let diagnostic = Diagnostic::new("page-size-too-large", message, largest.span);
            calls.sink.push(
                diagnostic
                    .other(used.span, "what it is bound to")
                    .help("give the call a `max:` of its own, and pages are made of several calls"),
            );
        }
    }
}

pub(super) fn batch(batch: &MappingBatch, calls: Calls<'_>) -> Option<PlanBatch> {
    let scope = Scope::new("a batch read", &["fields", "ids"]);
    let (call, operation) = calls.reading(&batch.call, &scope)?;
    if !scope.uses(&PlanSlot::Ids) && !scope.uses(&PlanSlot::IdsEach) {
        let message = "the call is given no `ids`: it would read the same records for all";
        calls.sink.push(Diagnostic::new(
            "unbound-parameter",
            message,
            batch.call.operation.span,
        ));
    }
    let rows = answers::rows(
        operation,
        batch.rows.as_ref(),
        batch.call.operation.span,
        calls.sink,
    )?;
    Some(PlanBatch {
        call,
        max: usize::try_from(batch.max.value).unwrap_or(usize::MAX),
        rows,
    })
}
