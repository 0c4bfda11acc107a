//! Lists, page by page: the native calls that make one up, and the machine that answers a page.

use jiff::Timestamp;

use super::{
    Answer, Context, NativeRequest, NativeResponse, Recent, Step, Translator, answer,
    call::Fields,
    cursor::{self, Position},
    decode,
    entity::{Entity, Output},
    flow::Rows,
    hidden, native,
    paging::{self, After, Page, PageEnd, PageLimits, Paging, Window},
    pick::{self, Path},
    read,
    records::{Mark, Records, Row},
    warning::Warnings,
};
use crate::{error::Error, route::UnifiedRequest, upstream::fault};

/// The most native pages that one call reads until its own is full.
const MOST_NATIVE_PAGES: u32 = 20;

/// A list of one entity.
#[derive(Debug)]
pub struct ListPlan {
    /// Records in a page, where the caller does not say.
    pub default: u32,
    /// The most records that a page may have.
    pub max: u32,
    /// The native lists that make up all records, read one after the other.
    pub full: &'static [PagerPlan],
    /// The native lists that make up what has changed in a window of time.
    pub changes: &'static [PagerPlan],
    /// How far a window of changes reaches back into the one before it.
    pub overlap_seconds: u32,
    /// How a page is completed whose fields do not fit in the list's own call.
    pub complete: Option<CompletePlan>,
}

/// One native list.
#[derive(Debug)]
pub struct PagerPlan {
    pub call: fn(&PageCall<'_>) -> NativeRequest,
    /// The most rows that one call may ask for, where fewer than the page may have.
    pub max: Option<u32>,
    /// Where the rows are; empty: the body itself is the list.
    pub rows: Path,
    /// Where the provider's token of the next page is.
    pub next: Option<Path>,
    /// Something that is there when there are more rows.
    pub more: Option<Path>,
    /// The instant in a row that decides whether it belongs to the window, where the provider does not choose the rows.
    pub keep: Option<Path>,
}

/// What one call of a list is given.
#[derive(Debug)]
pub struct PageCall<'p> {
    pub cx: &'p Context,
    pub page: Page<'p>,
    /// Of a full list: nothing that any mapping asks for.
    pub window: Window,
    pub fields: &'p Fields,
}

/// The call that reads the fields of records whose ids a list has told.
#[derive(Debug)]
pub struct CompletePlan {
    /// When the names of the fields have more characters than this.
    pub over: usize,
    /// The fields that the list itself is asked for then.
    pub lean: &'static [&'static str],
    pub call: fn(&Context, &[String], &Fields) -> NativeRequest,
    /// The most ids of one call.
    pub max: usize,
    pub rows: Path,
}

/// The machine of a list.
#[derive(Debug)]
pub struct List {
    cx: Context,
    entity: &'static Entity,
    plan: &'static ListPlan,
    fields: Fields,
    warnings: Warnings,
    paging: Paging,
    /// Whether it is a list of changes. At the end of a full one the paging stands at the first of them already.
    is_changes: bool,
    /// The rows that the page has so far.
    rows: Vec<Row>,
    pages: u32,
    /// The page is full and has come to the end of a native list: where the next one begins, while it is looked into.
    full_at: Option<Position>,
    waits_for: WaitsFor,
    /// The page that is told while it is read.
    flowing: Option<Flowing>,
}

/// A native page whose records are told as they come.
#[derive(Debug)]
struct Flowing {
    rows: Rows,
    output: Output,
    mark: Mark,
    /// Records that the page may have.
    size: usize,
    taken: usize,
    /// The last record of the page, where its id says how the list goes on.
    last: Option<Vec<u8>>,
    has_told: bool,
}

#[derive(Debug)]
enum WaitsFor {
    Page,
    Description,
    /// The fields of the rows.
    Completion(End),
    Beside(Box<Records>, End),
}

/// How a page ends.
#[derive(Debug, Clone)]
struct End {
    position: Option<Position>,
    has_next_page: bool,
}

impl List {
    /// `GET …`.
    pub fn open(
        cx: Context,
        entity: &'static Entity,
        plan: &'static ListPlan,
        request: &UnifiedRequest,
    ) -> Result<Box<dyn Translator>, Error> {
        let mut warnings = Warnings::default();
        let request = decode::list(request, &mut warnings)?;
        let lists = |lists: &[PagerPlan]| u8::try_from(lists.len()).unwrap_or(u8::MAX);
        let limits = PageLimits {
            default: plan.default,
            max: plan.max,
            overlap_seconds: plan.overlap_seconds,
            full_lists: lists(plan.full),
            change_lists: lists(plan.changes),
        };
        let paging = Paging::open(&cx, &request, limits)?;
        let is_changes = paging.phase().is_some_and(|phase| phase.window.is_some());
        let list = Self {
            is_changes,
            fields: Fields::of(&cx, entity, request.fields, &mut warnings),
            cx,
            entity,
            plan,
            warnings,
            paging,
            rows: Vec::new(),
            pages: 0,
            full_at: None,
            waits_for: WaitsFor::Page,
            flowing: None,
        };
        list.check_position()?;
        Ok(Box::new(list))
    }

    /// The native list that is being read.
    fn pager(&self) -> Result<&'static PagerPlan, Error> {
        let phase = self.paging.phase();
        let plan = self.plan;
        phase
            .and_then(|phase| {
                let lists = if phase.window.is_some() {
                    plan.changes
                } else {
                    plan.full
                };
                lists.get(phase.list)
            })
            .ok_or_else(|| cursor::refused(&self.cx))
    }

    /// Refuses a signed cursor of a mapping that has changed since: a list that goes on in another way than the cursor
    /// knows would leave out what the cursor says, and so start again in silence.
    fn check_position(&self) -> Result<(), Error> {
        let pager = self.pager()?;
        let page = self.paging.phase().map(|phase| phase.page);
        let fits = page.is_none_or(|page| {
            let goes_on_by_token = pager.next.is_some();
            (page.token.is_none() || goes_on_by_token)
                && (page.after.is_none() || !goes_on_by_token)
        });
        if fits {
            Ok(())
        } else {
            Err(cursor::refused(&self.cx))
        }
    }

    fn call(&mut self) -> Result<Step, Error> {
        let pager = self.pager()?;
        let Some(phase) = self.paging.phase() else {
            return Ok(Step::Calls(Vec::new()));
        };
        let lean;
        let fields = match self.completion() {
            Some(complete) => {
                lean = Fields::new(complete.lean, Vec::new());
                &lean
            }
            None => &self.fields,
        };
        let page = Page {
            size: self.room(pager),
            ..phase.page
        };
        let window = phase.window.unwrap_or(Window {
            from: Timestamp::UNIX_EPOCH,
            to: self.cx.now,
        });
        let call = (pager.call)(&PageCall {
            cx: &self.cx,
            page,
            window,
            fields,
        });
        self.waits_for = WaitsFor::Page;
        Ok(Step::call(call))
    }

    /// How many rows the next call may ask for. A full page still asks for one, to know whether there is any.
    fn room(&self, pager: &PagerPlan) -> u32 {
        let taken = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let room = self.paging.size().saturating_sub(taken).max(1);
        room.min(pager.max.unwrap_or(u32::MAX))
    }

    fn completion(&self) -> Option<&'static CompletePlan> {
        let complete = self.plan.complete.as_ref()?;
        (self.fields.characters() > complete.over).then_some(complete)
    }

    fn page(&mut self, response: &NativeResponse) -> Result<Step, Error> {
        if !response.is_success() {
            if let Some(call) = hidden::describe(&self.cx, self.entity, &self.fields, response) {
                self.waits_for = WaitsFor::Description;
                return Ok(Step::call(call));
            }
            return Err(fault::fault(self.cx.provider, response));
        }
        let pager = self.pager()?;
        let parts = pick::page(&response.body, pager.rows, pager.next, pager.more)?;
        let mut end = page_end(&parts)?;
        // What a provider gives beyond the page's size comes before its token, and is lost if it is cut off.
        let size = if pager.next.is_some() {
            u32::MAX
        } else {
            self.room(pager)
        };
        let rows = paging::cut(parts.rows, size, &mut end);
        let last = match rows.last().filter(|_| pager.next.is_none()) {
            Some(row) => pick::text_at(row.get().as_bytes(), self.entity.id)?,
            None => None,
        };
        must_go_on(pager, &end, last.as_deref())?;
        let end = end.at(last.as_deref(), response.date);
        let window = self.paging.phase().and_then(|phase| phase.window);
        let mark = Mark::of(self.cx.provider, response);
        let mut kept = Vec::with_capacity(rows.len());
        for row in rows {
            let bytes = row.get().as_bytes();
            if pager.keep.is_none_or(|path| is_within(bytes, path, window)) {
                kept.push(mark.row(response.body.slice_ref(bytes)));
            }
        }
        self.pages += 1;
        self.went_on(kept, end)
    }

    /// A native page has been read: the answer, or the next native page.
    fn went_on(&mut self, kept: Vec<Row>, end: PageEnd) -> Result<Step, Error> {
        let may_read_on = self.pages < MOST_NATIVE_PAGES;
        if let Some(begins) = self.full_at.take() {
            // Only looked into: whether there is anything for the next page.
            if !kept.is_empty() {
                return self.end(Some(begins), true);
            }
            return match self.paging.advance(end) {
                After::End => self.end(self.paging.position(), false),
                _ if may_read_on => {
                    self.full_at = self.paging.position();
                    self.call()
                }
                _ => self.end(self.paging.position(), true),
            };
        }
        self.rows.extend(kept);
        match self.paging.advance(end) {
            After::End => self.end(self.paging.position(), false),
            After::More if self.wants_more() && may_read_on => self.call(),
            After::NextList if may_read_on => {
                if self.rows.len() >= usize::try_from(self.paging.size()).unwrap_or(usize::MAX) {
                    self.full_at = self.paging.position();
                }
                self.call()
            }
            After::More | After::NextList => self.end(self.paging.position(), true),
        }
    }

    /// Whether the page goes on with the rest of a native list: it has nothing yet, or it is larger than what one call
    /// may ask for.
    fn wants_more(&self) -> bool {
        let size = self.paging.size();
        let taken = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        let is_cut = self
            .pager()
            .is_ok_and(|pager| pager.max.is_some_and(|max| max < size));
        taken == 0 || (is_cut && taken < size)
    }

    fn end(&mut self, position: Option<Position>, has_next_page: bool) -> Result<Step, Error> {
        let end = End {
            position,
            has_next_page,
        };
        let Some(complete) = self.completion().filter(|_| !self.rows.is_empty()) else {
            return self.answer_rows(end);
        };
        let mut ids = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            ids.extend(
                pick::text_at(row.json(), self.entity.id)?.map(std::borrow::Cow::into_owned),
            );
        }
        let calls = ids
            .chunks(complete.max)
            .map(|ids| (complete.call)(&self.cx, ids, &self.fields))
            .collect();
        self.waits_for = WaitsFor::Completion(end);
        Ok(Step::Calls(calls))
    }

    /// Puts the whole records in the place of those that had little more than ids.
    fn completed(&mut self, responses: &[NativeResponse], end: End) -> Result<Step, Error> {
        let Some(complete) = self.completion() else {
            return self.answer_rows(end);
        };
        let mut whole = std::collections::HashMap::new();
        for response in responses {
            if let Some(error) = fault::of(self.cx.provider, response) {
                return Err(error);
            }
            let parts = pick::page(&response.body, complete.rows, None, None)?;
            let mark = Mark::of(self.cx.provider, response);
            for row in parts.rows.0.into_iter().flatten() {
                let row = mark.row(response.body.slice_ref(row.get().as_bytes()));
                if let Some(id) = pick::text_at(row.json(), self.entity.id)? {
                    whole.insert(id.into_owned(), row.clone());
                }
            }
        }
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in std::mem::take(&mut self.rows) {
            let id = pick::text_at(row.json(), self.entity.id)?.unwrap_or_default();
            if let Some(complete) = whole.remove(&*id) {
                rows.push(complete);
                continue;
            }
            // It is archived, or went away a moment ago: what the list told stays.
            self.warnings.incomplete(&id);
            rows.push(row.lean());
        }
        self.rows = rows;
        self.answer_rows(end)
    }

    fn answer_rows(&mut self, end: End) -> Result<Step, Error> {
        let rows = std::mem::take(&mut self.rows);
        self.finish(Box::new(Records::new(self.entity, rows)), end)
    }

    fn finish(&mut self, mut records: Box<Records>, end: End) -> Result<Step, Error> {
        let calls = records.calls(&self.cx)?;
        if !calls.is_empty() {
            self.waits_for = WaitsFor::Beside(records, end);
            return Ok(Step::Calls(calls));
        }
        let mut output = self.output();
        records.encode(&mut output)?;
        let next = Paging::next(&self.cx, end.position.as_ref(), end.has_next_page);
        Ok(Step::Answer(Answer {
            body: answer::page(&next, &output),
            written: None,
            hidden: self.fields.learned(),
            changed_metadata: false,
        }))
    }
}

impl List {
    /// What the records of a page are written to.
    fn output(&mut self) -> Output {
        let output = Output::new(std::mem::take(&mut self.warnings));
        if self.is_changes {
            return output.with_losers();
        }
        output
    }

    /// Whether the next native page is the whole of the answer, record by record.
    fn is_told_as_it_comes(&self) -> bool {
        let (Ok(pager), Some(phase)) = (self.pager(), self.paging.phase()) else {
            return false;
        };
        let lists = if phase.window.is_some() {
            self.plan.changes
        } else {
            self.plan.full
        };
        matches!(self.waits_for, WaitsFor::Page)
            && self.rows.is_empty()
            && self.full_at.is_none()
            && self.completion().is_none()
            && Records::stand_alone(self.entity)
            // No other native list is to be looked into behind it.
            && phase.list + 1 == lists.len()
            && pager.max.is_none_or(|max| max >= self.paging.size())
            // Otherwise the records of a page may all be left out, and the next one is read.
            && pager.keep.is_none()
            && pager.rows.len() == 1
    }
}

/// What a native page says of the one after it.
fn page_end(parts: &pick::PageParts<'_>) -> Result<PageEnd, Error> {
    let token = match parts.next {
        Some(token) => Some(pick::text(token)?.0.into_owned()),
        None => None,
    };
    Ok(PageEnd::new(token, parts.more.is_some()))
}

/// Refuses a page behind which there is more, nobody knows where.
fn must_go_on(pager: &PagerPlan, end: &PageEnd, last: Option<&str>) -> Result<(), Error> {
    if pager.next.is_none() && end.has_more() && last.is_none() {
        return Err(Error::bad_gateway(
            "the provider says that there are more records, but not after which one: the list cannot go on",
        ));
    }
    Ok(())
}

/// Whether the instant in a row is within the window. One that cannot be read is: better twice than never.
fn is_within(row: &[u8], path: Path, window: Option<Window>) -> bool {
    let Some(window) = window else { return true };
    match pick::text_at(row, path) {
        Ok(Some(text)) => read::parse_timestamp(&text)
            .is_none_or(|instant| window.from <= instant && instant <= window.to),
        _ => true,
    }
}

impl Translator for List {
    fn start(&mut self, _recent: &Recent) -> Result<Step, Error> {
        self.call()
    }

    fn flows(&self) -> bool {
        self.is_told_as_it_comes()
    }

    fn begins(&mut self, response: &NativeResponse) -> Result<(), Error> {
        let pager = self.pager()?;
        let member = pager.rows.first().copied().unwrap_or_default();
        let goes_on_by_token = pager.next.is_some();
        let size = if goes_on_by_token {
            usize::MAX
        } else {
            usize::try_from(self.room(pager)).unwrap_or(usize::MAX)
        };
        self.flowing = Some(Flowing {
            rows: Rows::new(member),
            output: self.output(),
            mark: Mark::of(self.cx.provider, response),
            size,
            taken: 0,
            last: (!goes_on_by_token).then(Vec::new),
            has_told: false,
        });
        Ok(())
    }

    fn feed(&mut self, body: &[u8], out: &mut Vec<u8>) -> Result<(), Error> {
        let entity = self.entity;
        let Some(flowing) = &mut self.flowing else {
            return Ok(());
        };
        let Flowing {
            rows,
            output,
            mark,
            size,
            taken,
            last,
            has_told,
        } = flowing;
        rows.feed(body, |row| {
            *taken += 1;
            if *taken > *size {
                return Ok(());
            }
            if let Some(last) = last {
                last.clear();
                last.extend_from_slice(row);
            }
            if *taken == 1 {
                Records::warn_of_missing(entity, row, output)?;
            }
            Records::encode_alone(entity, row, mark, output)
        })?;
        if !std::mem::replace(has_told, true) {
            out.extend_from_slice(answer::PAGE_BEGINS);
        }
        output.hand_on(out);
        Ok(())
    }

    fn flowed(&mut self, response: &NativeResponse) -> Result<Answer, Error> {
        let pager = self.pager()?;
        let Some(flowing) = self.flowing.take() else {
            return Err(cursor::refused(&self.cx));
        };
        let (frame, found) = flowing.rows.end();
        let parts = pick::page(&frame, pager.rows, pager.next, pager.more)?;
        // A list that is there twice counts as it is there last, and the first one has been told.
        let marks = parts.rows.0.iter().flatten();
        if marks.filter(|mark| mark.get() == "{}").count() != found
            || parts.rows.0.iter().flatten().count() != found
        {
            return Err(Error::bad_gateway(
                "the provider's answer is not what its spec says: its records are not a list of objects",
            ));
        }
        let end = page_end(&parts)?.beyond(flowing.taken > flowing.size);
        let last = match &flowing.last {
            Some(row) if !row.is_empty() => {
                pick::text_at(row, self.entity.id)?.map(std::borrow::Cow::into_owned)
            }
            _ => None,
        };
        must_go_on(pager, &end, last.as_deref())?;
        let has_next_page =
            self.paging.advance(end.at(last.as_deref(), response.date)) != After::End;
        let next = Paging::next(&self.cx, self.paging.position().as_ref(), has_next_page);
        Ok(Answer {
            body: answer::page_ends(Vec::new(), &next, &flowing.output.warnings),
            written: None,
            hidden: self.fields.learned(),
            changed_metadata: false,
        })
    }

    fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
        match std::mem::replace(&mut self.waits_for, WaitsFor::Page) {
            WaitsFor::Page => self.page(&native::one(responses)?),
            WaitsFor::Description => {
                let response = native::one(responses)?;
                hidden::learn(
                    &self.cx,
                    self.entity,
                    &mut self.fields,
                    &response,
                    &mut self.warnings,
                )?;
                self.call()
            }
            WaitsFor::Completion(end) => self.completed(&responses, end),
            WaitsFor::Beside(mut records, end) => {
                let mut output = Output::new(std::mem::take(&mut self.warnings));
                records.read(&self.cx, &responses, &mut output)?;
                self.warnings = output.warnings;
                self.finish(records, end)
            }
        }
    }
}
