//! Reading many records by id: in parts of the provider's size, side by side, answered in the order asked.

use std::{
    collections::{HashMap, HashSet},
    ops::Range,
};

use super::{
    Answer, Context, NativeRequest, NativeResponse, Recent, Step, Translator,
    call::Fields,
    decode,
    entity::{Entity, Output},
    hidden, native,
    pick::{self, Path},
    records::{Mark, Records},
    warning::Warnings,
};
use crate::{error::Error, route::UnifiedRequest, upstream::fault};

/// A batch read of one entity.
#[derive(Debug)]
pub struct BatchPlan {
    pub call: fn(&Context, &[String], &Fields) -> NativeRequest,
    /// The most ids of one call.
    pub max: usize,
    /// Where the rows are; empty: the body itself is the list.
    pub rows: Path,
}

/// The machine of a batch read.
#[derive(Debug)]
pub struct BatchRead {
    cx: Context,
    entity: &'static Entity,
    plan: &'static BatchPlan,
    fields: Fields,
    warnings: Warnings,
    /// As asked; none where a text can't be an id, and so is of no record.
    asked: Vec<Option<String>>,
    waits_for: WaitsFor,
}

#[derive(Debug)]
enum WaitsFor {
    Rows,
    Description,
    Beside(Box<Records>),
}

impl BatchRead {
    /// `POST …/_batch_read`.
    pub fn open(
        cx: Context,
        entity: &'static Entity,
        plan: &'static BatchPlan,
        request: &UnifiedRequest,
    ) -> Result<Box<dyn Translator>, Error> {
        let mut warnings = Warnings::default();
        let request = decode::batch_read(request, &mut warnings)?;
        let fields = Fields::of(&cx, entity, request.properties, &mut warnings);
        let asked = request
            .ids
            .iter()
            .map(|id| {
                let id = entity.form.record_id.normalize(id, entity.id_prefix);
                id.map(std::borrow::Cow::into_owned)
            })
            .collect();
        Ok(Box::new(Self {
            cx,
            entity,
            plan,
            fields,
            warnings,
            asked,
            waits_for: WaitsFor::Rows,
        }))
    }

    /// One call for each part of the ids, each id once.
    fn calls(&self) -> Vec<NativeRequest> {
        let mut seen = HashSet::new();
        let ids: Vec<String> = self
            .asked
            .iter()
            .flatten()
            .filter(|id| seen.insert(id.as_str()))
            .cloned()
            .collect();
        ids.chunks(self.plan.max)
            .map(|ids| (self.plan.call)(&self.cx, ids, &self.fields))
            .collect()
    }

    fn rows(&mut self, responses: &[NativeResponse]) -> Result<Step, Error> {
        // Refused as a whole where one part failed: half an answer would look like records that are not there.
        if let Some(failed) = responses.iter().find(|response| !response.is_success()) {
            if let Some(call) = hidden::describe(&self.cx, self.entity, &self.fields, failed) {
                self.waits_for = WaitsFor::Description;
                return Ok(Step::call(call));
            }
            return Err(fault::fault(self.cx.provider, failed));
        }
        let in_part = |response| fault::of(self.cx.provider, response);
        if let Some(error) = responses.iter().find_map(in_part) {
            return Err(error);
        }
        let mut rows = Vec::new();
        for response in responses {
            let parts = pick::page(&response.body, self.plan.rows, None, None)?;
            let raw = parts.rows.into_iter().flatten();
            let mark = Mark::of(self.cx.provider, response);
            rows.extend(raw.map(|raw| mark.row(response.body.slice_ref(raw.as_bytes()))));
        }
        self.end(Box::new(Records::new(self.entity, rows)))
    }

    fn end(&mut self, mut records: Box<Records>) -> Result<Step, Error> {
        let calls = records.calls(&self.cx)?;
        if !calls.is_empty() {
            self.waits_for = WaitsFor::Beside(records);
            return Ok(Step::Calls(calls));
        }
        let mut output = Output::new(std::mem::take(&mut self.warnings));
        let mut places: HashMap<String, Range<usize>> = HashMap::new();
        for row in records.rows() {
            // After the comma that stands before all records but the first.
            let begin = output.json().len() + usize::from(!output.json().is_empty());
            records.encode_one(row, &mut output)?;
            places.insert(output.last_id().into_owned(), begin..output.json().len());
        }
        let in_order: Vec<&Range<usize>> = self
            .asked
            .iter()
            .flatten()
            .filter_map(|id| places.get(id))
            .collect();
        let length: usize = in_order.iter().map(|place| place.len() + 1).sum();
        let mut body = Vec::with_capacity(length + 2);
        body.push(b'[');
        for (index, place) in in_order.into_iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&output.json()[place.clone()]);
        }
        body.push(b']');
        Ok(Step::Answer(Answer {
            body,
            written: None,
            hidden: self.fields.learned(),
            changed_metadata: false,
        }))
    }
}

impl Translator for BatchRead {
    fn start(&mut self, _recent: &Recent) -> Result<Step, Error> {
        let calls = self.calls();
        if calls.is_empty() {
            return self.rows(&[]);
        }
        Ok(Step::Calls(calls))
    }

    fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
        match std::mem::replace(&mut self.waits_for, WaitsFor::Rows) {
            WaitsFor::Rows => self.rows(&responses),
            WaitsFor::Description => {
                let response = native::one(responses)?;
                hidden::learn(
                    &self.cx,
                    self.entity,
                    &mut self.fields,
                    &response,
                    &mut self.warnings,
                )?;
                Ok(Step::Calls(self.calls()))
            }
            WaitsFor::Beside(mut records) => {
                let mut output = Output::new(std::mem::take(&mut self.warnings));
                records.read(&self.cx, &responses, &mut output)?;
                self.warnings = output.warnings;
                self.end(records)
            }
        }
    }
}
