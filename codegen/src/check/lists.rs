//! Lists and batches: paging, and the sizes that the provider allows.

use super::{
    answers::{self, Wanted},
    calls::{self, Calls},
    chosen,
    natives::Natives,
    slots::Scope,
};
use crate::{
    diagnostic::{Diagnostic, listed},
    mapping::{
        MappingSource,
        operation::{MappingBatch, MappingComplete, MappingList, MappingPager},
    },
    plan::{
        PlanBatch, PlanCall, PlanComplete, PlanList, PlanPager, PlanPath, PlanQueryValue, PlanSlot,
        PlanTemplatePart,
    },
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

pub(super) fn list(list: &MappingList, natives: Natives<'_>, calls: Calls<'_>) -> Option<PlanList> {
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
    check_overlap(&list.changes, calls);
    let overlaps = list
        .changes
        .iter()
        .filter_map(|pager| pager.overlap_seconds.as_ref());
    let complete = list
        .complete
        .as_ref()
        .map(|planned| complete(planned, list, natives, calls));
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

/// Windows of changes must overlap: what is written just now may be seen only later. The largest that is said counts.
fn check_overlap(changes: &[MappingPager], calls: Calls<'_>) {
    let Some(first) = changes.first() else { return };
    let said: Vec<_> = changes
        .iter()
        .filter_map(|pager| pager.overlap_seconds.as_ref())
        .collect();
    let help = "how many seconds may pass until the provider shows what was written? At least 1";
    let refuse = |message, span| {
        calls
            .sink
            .push(Diagnostic::new("no-overlap", message, span).help(help));
    };
    if said.is_empty() {
        let message = "a list of changes must say in `overlap_seconds` how far its windows overlap";
        refuse(message, first.call.operation.span);
    }
    for overlap in said.iter().filter(|overlap| overlap.value == 0) {
        let message = "windows that do not overlap miss what becomes visible late";
        refuse(message, overlap.span);
    }
}

fn complete(
    complete: &MappingComplete,
    list: &MappingList,
    natives: Natives<'_>,
    calls: Calls<'_>,
) -> Option<PlanComplete> {
    let batch = batch(&complete.batch, calls)?;
    let entity = calls.objects.entity?;
    for name in &complete.lean {
        let at = |offset, length| name.part(offset, length);
        calls.objects.check_field(entity, &name.value, at);
    }
    // What is read of a row before it is completed. What always comes need not be asked for.
    let id = calls.mapping.fields.iter().find_map(|field| {
        let MappingSource::From { from, .. } = field.source.as_ref()? else {
            return None;
        };
        from.first().filter(|_| field.name.value == "id")
    });
    let kept = list.changes.iter().filter_map(|pager| pager.keep.as_ref());
    for path in id.into_iter().chain(kept) {
        let parts: PlanPath = path.value.split('.').map(str::to_owned).collect();
        let Some(name) = natives.selected(&parts) else {
            continue;
        };
        let is_field = calls.objects.has_field(entity, &name);
        if is_field && !complete.lean.iter().any(|lean| lean.value == name) {
            let at = complete
                .lean
                .first()
                .map_or(complete.over.span, |lean| lean.span);
            let message = format!("`lean` leaves out `{name}`, which the list itself needs");
            calls.sink.push(
                Diagnostic::new("field-not-read", message, at)
                    .other(path.span, "it is needed for this"),
            );
        }
    }
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
    let (call, answer) = calls.reading(&pager.call, &scope)?;
    check_size(pager, max_size, &scope, calls);
    chosen::check_mapped(&pager.call, answer, calls.sink);
    let at = pager.call.operation.span;
    let place_of = |path: &Option<_>, wanted| match path {
        Some(path) => answers::path(answer, path, wanted, calls.sink).map(Some),
        None => Some(None),
    };
    let rows = answers::rows(answer, pager.rows.as_ref(), at, calls.sink);
    if let (Some(keep), Some(rows)) = (&pager.keep, &rows)
        && let Some(row) = answer.element(rows)
    {
        answers::within(answer, row, keep, Wanted::Instant, calls.sink);
    }
    if slots.contains(&"window.from") {
        check_window(pager, &scope, calls);
    }
    if let Some(max) = &pager.max {
        calls::at_least_one(max, calls.sink);
    }
    let next = place_of(&pager.next, Wanted::Text);
    let more = place_of(&pager.more, Wanted::Anything);
    let extra_row = scope.uses(&PlanSlot::PageSizePlusOne);
    if ends_at_page_size(&call) {
        let message =
            "a query that ends at `page.size` rows cannot tell whether there is another one";
        calls.sink.push(
            Diagnostic::new("no-next-page", message, at)
                .help("ask for one more: `page.size_plus_one`"),
        );
    } else {
        check_paging(pager, &scope, extra_row, calls);
    }
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

/// Changes are those of a window: chosen by the provider, or by an instant in each row.
fn check_window(pager: &MappingPager, scope: &Scope<'_>, calls: Calls<'_>) {
    let unused: Vec<&str> = [
        ("window.from", PlanSlot::WindowFrom),
        ("window.to", PlanSlot::WindowTo),
    ]
    .into_iter()
    .filter(|(_, slot)| !scope.uses(slot))
    .map(|(name, _)| name)
    .collect();
    if unused.is_empty() || pager.keep.is_some() {
        return;
    }
    let message = format!(
        "the call is not given {}: it would read what has not changed",
        listed(&unused)
    );
    let help = "where the provider knows no windows, say in `keep` which instant in a row counts";
    calls
        .sink
        .push(Diagnostic::new("no-window", message, pager.call.operation.span).help(help));
}

/// Whether a query ends with as many rows as the page has. Then nothing in its answer can tell of another one.
fn ends_at_page_size(call: &PlanCall) -> bool {
    let mut templates = call.query.iter().filter_map(|query| match &query.value {
        PlanQueryValue::Template(parts) => Some(parts),
        _ => None,
    });
    let size = PlanTemplatePart::Slot(PlanSlot::PageSize);
    let is_size = |part: &PlanTemplatePart| match part {
        PlanTemplatePart::Optional(parts) => parts.contains(&size),
        part => *part == size,
    };
    templates.any(|parts| parts.iter().any(is_size))
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
    let (call, answer) = calls.reading(&batch.call, &scope)?;
    if !scope.uses(&PlanSlot::Ids) && !scope.uses(&PlanSlot::IdsEach) {
        let message = "the call is given no `ids`: it would read the same records for all";
        calls.sink.push(Diagnostic::new(
            "unbound-parameter",
            message,
            batch.call.operation.span,
        ));
    }
    let rows = answers::rows(
        answer,
        batch.rows.as_ref(),
        batch.call.operation.span,
        calls.sink,
    )?;
    let max = calls::at_least_one(&batch.max, calls.sink);
    chosen::check_mapped(&batch.call, answer, calls.sink);
    Some(PlanBatch { call, max, rows })
}
