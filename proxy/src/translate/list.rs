//! Lists, page by page: the native calls that make one up, and the machine that answers a page.

use bytes::Bytes;
use jiff::Timestamp;

use super::{
    Answer, Context, NativeRequest, NativeResponse, Recent, Step, Translator, answer,
    beside::Beside,
    call::Fields,
    cursor::{self, Position},
    decode,
    entity::{Entity, Output},
    hidden, native,
    page::{PageForm, PageReader, PageSaid, Pieces, TakesRows},
    paging::{After, Page, PageEnd, PageLimits, Paging, Window},
    pick::{self, Path},
    read,
    records::{self, Mark, Records, Row},
    scan::Scan,
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
    paging: Paging,
    /// The records that the page has so far, where they are written as they come.
    output: Output,
    /// The rows that it has, where more is to be read before they are written.
    rows: Vec<Row>,
    /// How many it has either way.
    taken: usize,
    pages: u32,
    /// The page is full and has come to the end of a native list: where the next one begins, while it is looked into.
    full_at: Option<Position>,
    /// Records have been written.
    has_begun: bool,
    waits_for: WaitsFor,
    /// The page that is told while it is read.
    flowing: Option<Flowing>,
}

/// A native page whose records are told as they come.
#[derive(Debug)]
struct Flowing {
    pieces: Pieces,
    mark: Mark,
    taken: usize,
    /// Where the output stood before the first record.
    began: (usize, usize),
    /// Some of the output was handed on.
    is_told: bool,
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
        // At the end of a full list the paging stands at the first list of changes already.
        let is_changes = paging.phase().is_some_and(|phase| phase.window.is_some());
        let fields = Fields::of(&cx, entity, request.fields, &mut warnings);
        let mut output = Output::new(warnings).with_raw(request.raw_data);
        if is_changes {
            output = output.with_losers();
        }
        let list = Self {
            fields,
            cx,
            entity,
            plan,
            paging,
            output,
            rows: Vec::new(),
            taken: 0,
            pages: 0,
            full_at: None,
            has_begun: false,
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
        let taken = u32::try_from(self.taken).unwrap_or(u32::MAX);
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
        let form = self.form(pager);
        let into = if self.full_at.is_some() {
            Goes::Nothing
        } else if self.writes_at_once() {
            if !self.has_begun {
                self.output.begin(answer::PAGE_BEGINS, response.body.len());
            }
            Goes::Output(&mut self.output, &mut self.has_begun)
        } else {
            Goes::Rows(&mut self.rows, &response.body)
        };
        let window = self.paging.phase().and_then(|phase| phase.window);
        let mark = Mark::of(self.cx.provider, response);
        let mut taker = Taker::new(self.entity, &mark, into, pager.keep.zip(window));
        let said = PageReader::whole(form, &response.body, &mut taker)?;
        let kept = taker.kept;
        let end = page_end(pager, said, response.clock())?;
        self.pages += 1;
        self.went_on(kept, end)
    }

    /// Whether records are written as they come: nothing else is to be read for them.
    fn writes_at_once(&self) -> bool {
        self.entity.beside.is_empty() && self.completion().is_none() && self.rows.is_empty()
    }

    /// A native page has been read, and so many rows of it were kept: the answer, or the next native page.
    fn went_on(&mut self, kept: usize, end: PageEnd) -> Result<Step, Error> {
        let may_read_on = self.pages < MOST_NATIVE_PAGES;
        if let Some(begins) = self.full_at.take() {
            // Only looked into: whether there is anything for the next page.
            if kept > 0 {
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
        self.taken += kept;
        match self.paging.advance(end) {
            After::End => self.end(self.paging.position(), false),
            After::More if self.wants_more() && may_read_on => self.call(),
            After::NextList if may_read_on => {
                if self.taken >= usize::try_from(self.paging.size()).unwrap_or(usize::MAX) {
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
        let taken = u32::try_from(self.taken).unwrap_or(u32::MAX);
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
            for row in parts.rows.into_iter().flatten() {
                let row = mark.row(response.body.slice_ref(row.as_bytes()));
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
            self.output.warnings.incomplete(&id);
            rows.push(row.lean());
        }
        self.rows = rows;
        self.answer_rows(end)
    }

    fn answer_rows(&mut self, end: End) -> Result<Step, Error> {
        if self.has_begun {
            return Ok(self.answer(&end));
        }
        let rows = std::mem::take(&mut self.rows);
        self.finish(Box::new(Records::new(self.entity, rows)), end)
    }

    fn finish(&mut self, mut records: Box<Records>, end: End) -> Result<Step, Error> {
        let calls = records.calls(&self.cx)?;
        if !calls.is_empty() {
            self.waits_for = WaitsFor::Beside(records, end);
            return Ok(Step::Calls(calls));
        }
        self.output.begin(answer::PAGE_BEGINS, records.size());
        records.encode(&mut self.output)?;
        Ok(self.answer(&end))
    }

    fn answer(&mut self, end: &End) -> Step {
        Step::Answer(self.answered(end))
    }

    fn answered(&mut self, end: &End) -> Answer {
        let next = Paging::next(&self.cx, end.position.as_ref(), end.has_next_page);
        Answer {
            body: answer::page(&next, std::mem::take(&mut self.output)),
            written: None,
            hidden: self.fields.learned(),
            changed_metadata: false,
        }
    }
}

/// What takes the rows of a native page.
struct Taker<'l> {
    entity: &'static Entity,
    mark: &'l Mark,
    into: Goes<'l>,
    /// Where a row has the instant that must be within the window.
    keep: Option<(Path, Window)>,
    kept: usize,
    /// What there was before.
    before: (usize, usize),
    /// Whether any had been written before.
    had_begun: bool,
}

/// Where they go.
enum Goes<'l> {
    /// They are written, and whether any has been.
    Output(&'l mut Output, &'l mut bool),
    /// They are cut out of the body.
    Rows(&'l mut Vec<Row>, &'l Bytes),
    /// They are only counted.
    Nothing,
}

impl<'l> Taker<'l> {
    fn new(
        entity: &'static Entity,
        mark: &'l Mark,
        into: Goes<'l>,
        keep: Option<(Path, Window)>,
    ) -> Self {
        let (before, had_begun) = match &into {
            Goes::Output(output, has_begun) => (output.mark(), **has_begun),
            Goes::Rows(rows, _) => ((rows.len(), 0), false),
            Goes::Nothing => ((0, 0), false),
        };
        Self {
            entity,
            mark,
            into,
            keep,
            kept: 0,
            before,
            had_begun,
        }
    }
}

impl TakesRows for Taker<'_> {
    fn take(&mut self, scan: &mut Scan<'_>) -> Result<(), Error> {
        let begin = scan.position();
        if let Some((path, window)) = self.keep {
            let row = scan.value().map_err(|stop| scan.error(stop))?;
            if !is_within(row.as_bytes(), path, window) {
                return Ok(());
            }
            scan.back_to(begin);
        }
        match &mut self.into {
            Goes::Output(output, has_begun) => {
                if !**has_begun {
                    // One record tells for all: what was asked for is in each of them, as null where it is not set.
                    let row = scan.value().map_err(|stop| scan.error(stop))?;
                    records::warn_of_missing(self.entity, row.as_bytes(), output)?;
                    scan.back_to(begin);
                    **has_begun = true;
                }
                (self.entity.encode)(scan, &Beside::default(), output)
                    .map_err(|error| self.mark.put(error))?;
            }
            Goes::Rows(rows, body) => {
                let row = scan.value().map_err(|stop| scan.error(stop))?;
                rows.push(self.mark.row(body.slice_ref(row.as_bytes())));
            }
            Goes::Nothing => scan.pass().map_err(|stop| scan.error(stop))?,
        }
        self.kept += 1;
        Ok(())
    }

    fn take_back(&mut self) -> Result<(), Error> {
        self.kept = 0;
        match &mut self.into {
            Goes::Output(output, has_begun) => {
                output.back_to(self.before);
                **has_begun = self.had_begun;
            }
            Goes::Rows(rows, _) => rows.truncate(self.before.0),
            Goes::Nothing => {}
        }
        Ok(())
    }
}

impl List {
    fn form(&self, pager: &PagerPlan) -> PageForm {
        // What a provider gives beyond the page's size comes before its token, and is lost if it is cut off.
        let size = if pager.next.is_some() {
            usize::MAX
        } else {
            usize::try_from(self.room(pager)).unwrap_or(usize::MAX)
        };
        PageForm {
            rows: pager.rows,
            next: pager.next,
            more: pager.more,
            id: pager.next.is_none().then_some(self.entity.id),
            size,
        }
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
            && self.writes_at_once()
            && self.taken == 0
            && self.full_at.is_none()
            // No other native list is to be looked into behind it.
            && phase.list + 1 == lists.len()
            && pager.max.is_none_or(|max| max >= self.paging.size())
            // Otherwise the records of a page may all be left out, and the next one is read.
            && pager.keep.is_none()
    }

    /// Reads a page that is told as it comes.
    fn flow<T>(
        &mut self,
        read: impl FnOnce(&mut Flowing, &mut Told<'_>) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Some(mut flowing) = self.flowing.take() else {
            return Err(cursor::refused(&self.cx));
        };
        let into = Goes::Output(&mut self.output, &mut self.has_begun);
        let mark = flowing.mark.clone();
        let mut taker = Taker::new(self.entity, &mark, into, None);
        if !flowing.is_told {
            (taker.before, taker.had_begun) = (flowing.began, false);
        }
        let mut told = Told {
            taker,
            before: flowing.taken,
            is_late: flowing.is_told,
        };
        let read = read(&mut flowing, &mut told)?;
        flowing.taken = told.before + told.taker.kept;
        self.flowing = Some(flowing);
        Ok(read)
    }
}

/// What a native page says of the one after it.
fn page_end(pager: &PagerPlan, said: PageSaid, date: Option<Timestamp>) -> Result<PageEnd, Error> {
    let end = PageEnd::new(said.token, said.more);
    if pager.next.is_none() && end.has_more() && said.last.is_none() {
        return Err(Error::bad_gateway(
            "the provider says that there are more records, but not after which one: the list cannot go on",
        ));
    }
    Ok(end.at(said.last.as_deref(), date))
}

/// What takes the rows of a page that is told as it comes.
struct Told<'l> {
    taker: Taker<'l>,
    /// Records that were taken before.
    before: usize,
    /// The caller has some of them.
    is_late: bool,
}

impl TakesRows for Told<'_> {
    fn take(&mut self, scan: &mut Scan<'_>) -> Result<(), Error> {
        self.taker.take(scan)
    }

    fn take_back(&mut self) -> Result<(), Error> {
        if self.is_late && self.before > 0 {
            return Err(Error::bad_gateway(
                "the provider's answer has its records twice, and the first of them have been told",
            ));
        }
        self.before = 0;
        self.taker.take_back()
    }
}

/// Whether the instant in a row is within the window. One that cannot be read is: better twice than never.
fn is_within(row: &[u8], path: Path, window: Window) -> bool {
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
        let form = self.form(self.pager()?);
        self.output.begin_piece(answer::PAGE_BEGINS, 0);
        self.flowing = Some(Flowing {
            pieces: Pieces::new(form),
            mark: Mark::of(self.cx.provider, response),
            taken: 0,
            began: self.output.mark(),
            is_told: false,
        });
        Ok(())
    }

    fn feed(&mut self, body: &[u8]) -> Result<usize, Error> {
        self.output.begin_piece(answer::PAGE_BEGINS, body.len());
        self.flow(|flowing, told| flowing.pieces.feed(body, told))?;
        // What has no record yet may be no page at all.
        Ok(self.output.json().len())
    }

    fn hand_on(&mut self) -> Vec<u8> {
        if let Some(flowing) = &mut self.flowing {
            flowing.is_told = true;
        }
        self.output.hand_on()
    }

    fn flowed(&mut self, response: &NativeResponse) -> Result<Answer, Error> {
        let said = self.flow(|flowing, told| {
            let nothing = Pieces::new(PageForm::default());
            std::mem::replace(&mut flowing.pieces, nothing).end(told)
        })?;
        let end = page_end(self.pager()?, said, response.clock())?;
        let has_next_page = self.paging.advance(end) != After::End;
        let position = self.paging.position();
        Ok(self.answered(&End {
            position,
            has_next_page,
        }))
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
                    &mut self.output.warnings,
                )?;
                self.call()
            }
            WaitsFor::Completion(end) => self.completed(&responses, end),
            WaitsFor::Beside(mut records, end) => {
                records.read(&self.cx, &responses, &mut self.output)?;
                self.finish(records, end)
            }
        }
    }
}
