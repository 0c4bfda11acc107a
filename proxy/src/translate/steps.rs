//! Operations that go step by step: what a mapping says of each step, and the machine that goes through them.

use super::{
    Answer, Context, NativeRequest, NativeResponse, Recent, Step, Translator, answer,
    bundle::BundleForm,
    call::Fields,
    decode,
    entity::{Entity, Output},
    hidden, key, native,
    pick::{self, Path},
    records::{Mark, Records, Row},
    taken,
    warning::Warnings,
    work::Work,
    write::NativeObject,
};
use crate::{error::Error, route::UnifiedRequest, upstream::provider::Effect};

/// One step of an operation.
#[derive(Debug)]
pub struct StepPlan {
    name: &'static str,
    kind: StepKind,
    if_empty: Option<(Written, &'static str)>,
    if_wide: Option<(usize, &'static str)>,
    on: &'static [(u16, To)],
    otherwise: Option<&'static str>,
    then: Option<&'static str>,
}

#[derive(Debug)]
enum StepKind {
    Call(StepCall),
    /// Several calls in one round trip, by name.
    Bundle {
        form: &'static BundleForm,
        /// Whether all parts are undone when one fails.
        atomic: bool,
        parts: &'static [(&'static str, StepCall)],
    },
}

/// One native call of a step.
#[derive(Debug)]
pub struct StepCall {
    request: fn(&Work) -> NativeRequest,
    id: Option<Path>,
    record: bool,
    /// The list in the body whose only row is the record; none where the body is the record.
    rows: Option<Path>,
    on: &'static [(u16, To)],
    only_if: Option<&'static str>,
}

/// Where a status leads.
#[derive(Debug, Clone, Copy)]
pub enum To {
    Step(&'static str),
    /// More than one record fits.
    Conflict,
}

/// What a step writes.
#[derive(Debug, Clone, Copy)]
pub enum Written {
    Record,
    /// The record without the key that it is found by.
    Changes,
}

impl StepPlan {
    pub const fn call(name: &'static str, call: StepCall) -> Self {
        Self::new(name, StepKind::Call(call))
    }

    pub const fn bundle(
        name: &'static str,
        form: &'static BundleForm,
        parts: &'static [(&'static str, StepCall)],
    ) -> Self {
        Self::new(
            name,
            StepKind::Bundle {
                form,
                atomic: false,
                parts,
            },
        )
    }

    /// A bundle of which nothing is carried out when one part fails.
    pub const fn atomic_bundle(
        name: &'static str,
        form: &'static BundleForm,
        parts: &'static [(&'static str, StepCall)],
    ) -> Self {
        Self::new(
            name,
            StepKind::Bundle {
                form,
                atomic: true,
                parts,
            },
        )
    }

    const fn new(name: &'static str, kind: StepKind) -> Self {
        Self {
            name,
            kind,
            if_empty: None,
            if_wide: None,
            on: &[],
            otherwise: None,
            then: None,
        }
    }

    /// Where to go without calling, when there is nothing to write.
    #[must_use]
    pub const fn if_empty(mut self, written: Written, step: &'static str) -> Self {
        self.if_empty = Some((written, step));
        self
    }

    /// Where to go without calling, when the names of the fields have more characters than this.
    #[must_use]
    pub const fn if_wide(mut self, over: usize, step: &'static str) -> Self {
        self.if_wide = Some((over, step));
        self
    }

    /// Where to go on a status of the provider.
    #[must_use]
    pub const fn on(mut self, routes: &'static [(u16, To)]) -> Self {
        self.on = routes;
        self
    }

    /// Where to go when the writing parts of a bundle succeeded and the reading part did not.
    #[must_use]
    pub const fn otherwise(mut self, step: &'static str) -> Self {
        self.otherwise = Some(step);
        self
    }

    /// Where to go next.
    #[must_use]
    pub const fn then(mut self, step: &'static str) -> Self {
        self.then = Some(step);
        self
    }
}

impl StepCall {
    pub const fn new(request: fn(&Work) -> NativeRequest) -> Self {
        Self {
            request,
            id: None,
            record: false,
            rows: None,
            on: &[],
            only_if: None,
        }
    }

    /// Where the answer has the record's id.
    #[must_use]
    pub const fn id(mut self, path: Path) -> Self {
        self.id = Some(path);
        self
    }

    /// The body of the answer is the native record.
    #[must_use]
    pub const fn record(mut self) -> Self {
        self.record = true;
        self
    }

    /// The native record is the only row of a list in the answer.
    #[must_use]
    pub const fn record_in(mut self, rows: Path) -> Self {
        self.record = true;
        self.rows = Some(rows);
        self
    }

    /// Where to go on a status of this part of a bundle.
    #[must_use]
    pub const fn on(mut self, routes: &'static [(u16, To)]) -> Self {
        self.on = routes;
        self
    }

    /// The part is left out of its bundle unless the unified input has this field.
    #[must_use]
    pub const fn only_if(mut self, input: &'static str) -> Self {
        self.only_if = Some(input);
        self
    }

    fn is_made(&self, work: &Work) -> bool {
        self.only_if
            .is_none_or(|input| work.record.inputs().get(input).is_some())
    }
}

/// The machine of one operation.
#[derive(Debug)]
pub struct Steps {
    entity: &'static Entity,
    plan: &'static [StepPlan],
    pub(super) work: Work,
    at: usize,
    waits_for: WaitsFor,
    /// What the calls under way do.
    effect: Effect,
    /// The last write was answered without the id that it should have told.
    lacks_id: bool,
}

/// What the next responses are.
#[derive(Debug)]
enum WaitsFor {
    /// Those of the step.
    Step,
    /// What the connected user may see, since a read failed for a field.
    Description,
    /// What stands beside the record, which is here already.
    Beside(Box<Records>),
}

impl Steps {
    /// The machine, before its first step.
    pub fn new(entity: &'static Entity, plan: &'static [StepPlan], work: Work) -> Self {
        Self {
            entity,
            plan,
            work,
            at: 0,
            waits_for: WaitsFor::Step,
            effect: Effect::Read,
            lacks_id: false,
        }
    }

    /// `GET …/{id}`.
    pub fn get(
        cx: Context,
        entity: &'static Entity,
        plan: &'static [StepPlan],
        request: &UnifiedRequest,
    ) -> Result<Box<dyn Translator>, Error> {
        let mut warnings = Warnings::default();
        let request = decode::get(request, &mut warnings)?;
        let fields = Fields::of(&cx, entity, request.fields, &mut warnings);
        let mut work = Work::new(cx, entity.form, fields, warnings);
        work.set_record_id(record_id(entity, request.id)?);
        work.raw_data = request.raw_data;
        Ok(Box::new(Self::new(entity, plan, work)))
    }

    /// `POST …` with a record to create. `write` is the entity's own.
    pub fn create<T: serde::de::DeserializeOwned>(
        cx: Context,
        entity: &'static Entity,
        plan: &'static [StepPlan],
        request: &UnifiedRequest,
        write: fn(&T, &mut Warnings) -> Result<NativeObject, Error>,
    ) -> Result<Box<dyn Translator>, Error> {
        let mut warnings = Warnings::default();
        let request = decode::create::<T>(request, &mut warnings)?;
        let record = write(&request.record, &mut warnings)?;
        let fields = Fields::of(&cx, entity, Vec::new(), &mut warnings);
        let mut work = Work::new(cx, entity.form, fields, warnings);
        work.set_record(record);
        work.apply_defaults(entity.defaults);
        Ok(Box::new(Self::new(entity, plan, work)))
    }

    /// `PATCH …/{id}` with what is to change. `write` is the entity's own.
    pub fn update<T: serde::de::DeserializeOwned>(
        cx: Context,
        entity: &'static Entity,
        plan: &'static [StepPlan],
        request: &UnifiedRequest,
        write: fn(&T, &mut Warnings) -> Result<NativeObject, Error>,
    ) -> Result<Box<dyn Translator>, Error> {
        let mut warnings = Warnings::default();
        let request = decode::update::<T>(request, &mut warnings)?;
        let record = write(&request.record, &mut warnings)?;
        let fields = Fields::of(&cx, entity, Vec::new(), &mut warnings);
        let mut work = Work::new(cx, entity.form, fields, warnings);
        work.set_record(record);
        work.set_record_id(record_id(entity, request.id)?);
        Ok(Box::new(Self::new(entity, plan, work)))
    }

    /// Goes to the step of a name.
    pub(super) fn go_to(&mut self, name: &'static str) -> Step {
        self.at = self
            .plan
            .iter()
            .position(|step| step.name == name)
            .expect("the generator has seen to it that each step that is named exists");
        self.go()
    }

    /// The calls of the step that the machine stands at.
    fn go(&mut self) -> Step {
        let step = &self.plan[self.at];
        if let Some((written, other)) = step.if_empty
            && self.written(written).is_empty()
        {
            return self.go_to(other);
        }
        if let Some((over, other)) = step.if_wide
            && self.work.fields.characters() > over
        {
            return self.go_to(other);
        }
        let work = &self.work;
        let request = match &step.kind {
            StepKind::Call(call) => (call.request)(work),
            StepKind::Bundle {
                form,
                atomic,
                parts,
            } => {
                let requests: Vec<(&str, NativeRequest)> = made(parts, work)
                    .map(|(name, call)| (*name, (call.request)(work)))
                    .collect();
                form.request(&work.cx, &requests, *atomic)
            }
        };
        self.effect = request.operation.effect;
        self.lacks_id = false;
        self.waits_for = WaitsFor::Step;
        Step::call(request)
    }

    fn written(&self, written: Written) -> &NativeObject {
        match written {
            Written::Record => &self.work.record,
            Written::Changes => self.work.changes(),
        }
    }

    fn after(&mut self, response: &NativeResponse) -> Result<Step, Error> {
        let step = &self.plan[self.at];
        match &step.kind {
            StepKind::Call(call) => {
                if let Some(step) = self.route(step.on, response)? {
                    return Ok(step);
                }
                if !response.is_success()
                    && let Some(describe) = self.hidden_field(response)
                {
                    return Ok(describe);
                }
                self.work.success(response)?;
                self.note(call, self.effect, response)?;
                if call.record {
                    return self.answer(call, response);
                }
                self.next(step)
            }
            StepKind::Bundle {
                form,
                atomic,
                parts,
            } => {
                self.work.success(response)?;
                let made: Vec<&StepCall> = made(parts, &self.work).map(|(_, call)| call).collect();
                let responses = form
                    .responses(response, made.len())
                    .map_err(|error| self.unusable(error))?;
                if *atomic && let Some(failed) = form.culprit(self.work.cx.provider, &responses) {
                    let mut error = self.work.fault(failed);
                    let at = responses
                        .iter()
                        .position(|response| std::ptr::eq(response, failed));
                    // A part that is there for one field of the input fails for it.
                    if let Some(input) = at.and_then(|at| made.get(at)?.only_if) {
                        error.blame(&format!("body.record.{input}"));
                    }
                    return Err(error);
                }
                self.after_parts(step, &made, &responses)
            }
        }
    }

    fn after_parts(
        &mut self,
        step: &'static StepPlan,
        calls: &[&'static StepCall],
        responses: &[NativeResponse],
    ) -> Result<Step, Error> {
        let mut record = None;
        for (call, response) in calls.iter().zip(responses) {
            if call.record {
                record = Some((*call, response));
                continue;
            }
            if let Some(step) = self.route(call.on, response)? {
                return Ok(step);
            }
            self.work.success(response)?;
            // A bundle counts as what it is made for; its parts that only read have no id to note.
            self.note(call, self.effect, response)?;
        }
        match (record, step.otherwise) {
            (Some((call, response)), _) if response.is_success() => self.answer(call, response),
            (Some(_), Some(otherwise)) => self.go_on(otherwise),
            (Some((_, response)), None) => Err(self.work.fault(response)),
            (None, _) => self.next(step),
        }
    }

    fn next(&mut self, step: &StepPlan) -> Result<Step, Error> {
        self.go_on(step.then.expect("a step without a record leads on"))
    }

    /// Goes to the step after one that was carried out.
    fn go_on(&mut self, name: &'static str) -> Result<Step, Error> {
        if self.lacks_id {
            return Err(self.work.without_id());
        }
        Ok(self.go_to(name))
    }

    /// Notes that something was written, and its id.
    fn note(
        &mut self,
        call: &StepCall,
        effect: Effect,
        response: &NativeResponse,
    ) -> Result<(), Error> {
        if effect != Effect::Write && call.id.is_none() {
            return Ok(());
        }
        // Some answers to writes have no body.
        let id = if response.body.is_empty() {
            Ok(None)
        } else {
            pick::text_at(&response.body, call.id.unwrap_or_default())
        };
        let id = id.map_err(|error| self.unusable(error))?;
        let id = id.map(std::borrow::Cow::into_owned);
        self.lacks_id |= call.id.is_some() && id.is_none();
        if effect == Effect::Write {
            self.work.wrote(id);
        } else if let Some(id) = id {
            self.work.set_record_id(id);
        }
        Ok(())
    }

    /// The answer to the calls under way cannot be read.
    fn unusable(&self, error: Error) -> Error {
        match self.effect {
            Effect::Read => error,
            Effect::Write => self.work.unusable(error),
        }
    }

    /// Where a status leads, if it leads anywhere.
    fn route(
        &mut self,
        routes: &'static [(u16, To)],
        response: &NativeResponse,
    ) -> Result<Option<Step>, Error> {
        let Some((_, to)) = routes.iter().find(|(status, _)| *status == response.status) else {
            return Ok(None);
        };
        match to {
            To::Conflict => Err(key::conflict(&native::listed_ids(&response.body))),
            To::Step(step) => {
                // A conflict names the record that is in the way.
                if response.status == 409 {
                    self.work.adopt_existing(response)?;
                }
                if response.status == 404 {
                    self.work.is_gone();
                }
                Ok(Some(self.go_to(step)))
            }
        }
    }

    /// A read failed for a field that the connected user may not see: asks which ones there are.
    fn hidden_field(&mut self, response: &NativeResponse) -> Option<Step> {
        let call = hidden::describe(&self.work.cx, self.entity, &self.work.fields, response)?;
        self.waits_for = WaitsFor::Description;
        Some(Step::call(call))
    }

    /// The record has been read.
    fn answer(&mut self, call: &StepCall, response: &NativeResponse) -> Result<Step, Error> {
        let record = match call.rows {
            None => response.body.clone(),
            Some(rows) => {
                let parts = pick::page(&response.body, rows, None, None)?;
                let row = parts.rows.into_iter().flatten().next();
                let row = row.ok_or_else(|| {
                    let entity = self.entity.short_name();
                    Error::not_found(match self.work.known_id() {
                        Some(id) => format!("no {entity} has the id {id}"),
                        None => format!("the {entity} is not there"),
                    })
                })?;
                response.body.slice_ref(row.as_bytes())
            }
        };
        let row = Mark::of(self.work.cx.provider, response).row(record);
        self.end(Records::new(self.entity, vec![row]))
    }

    /// Reads what is beside the record, and then answers.
    fn end(&mut self, mut records: Records) -> Result<Step, Error> {
        let calls = records.calls(&self.work.cx)?;
        if !calls.is_empty() {
            self.waits_for = WaitsFor::Beside(Box::new(records));
            return Ok(Step::Calls(calls));
        }
        let warnings = std::mem::take(&mut self.work.warnings);
        let mut output = Output::new(warnings).with_raw(self.work.raw_data);
        output.begin(answer::RECORD_BEGINS, records.size());
        records.encode(&mut output)?;
        let mut written = None;
        if self.work.has_written() {
            let raw = records.rows().first().map_or(&[][..], Row::json);
            taken::check(self.work.changes(), raw, &mut output.warnings);
            written = Some(self.entity.written(&output.last_id(), raw)?);
        }
        Ok(Step::Answer(Answer {
            body: answer::record(output),
            written,
            hidden: self.work.fields.learned(),
            changed_metadata: false,
        }))
    }
}

/// The parts of a bundle that are made.
fn made<'w>(
    parts: &'static [(&'static str, StepCall)],
    work: &'w Work,
) -> impl Iterator<Item = &'static (&'static str, StepCall)> + 'w {
    parts.iter().filter(move |(_, call)| call.is_made(work))
}

/// The id of a request in its normal form.
pub(super) fn record_id(entity: &Entity, id: &str) -> Result<String, Error> {
    decode::record_id(
        entity.form.record_id,
        entity.id_prefix,
        id,
        entity.short_name(),
    )
}

impl Translator for Steps {
    fn start(&mut self, _recent: &Recent) -> Result<Step, Error> {
        Ok(self.go())
    }

    fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
        self.resumed(responses)
            .map_err(|error| self.work.failed(error))
    }

    fn failed(&self, error: Error) -> Error {
        self.work.failed(error)
    }

    fn left_behind(&self) -> Option<super::Written> {
        let work = &self.work;
        self.entity.left_behind(work.written_id(), &work.record)
    }
}

impl Steps {
    fn resumed(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
        match std::mem::replace(&mut self.waits_for, WaitsFor::Step) {
            WaitsFor::Step => self.after(&native::one(responses)?),
            WaitsFor::Description => {
                let response = native::one(responses)?;
                hidden::learn(
                    &self.work.cx,
                    self.entity,
                    &mut self.work.fields,
                    &response,
                    &mut self.work.warnings,
                )?;
                Ok(self.go())
            }
            WaitsFor::Beside(mut records) => {
                let mut output = Output::new(std::mem::take(&mut self.work.warnings));
                let read = records.read(&self.work.cx, &responses, &mut output);
                self.work.warnings = output.warnings;
                read?;
                self.end(*records)
            }
        }
    }
}
