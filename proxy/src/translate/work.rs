//! What an operation that goes step by step carries along.

use super::{
    Context, NativeResponse,
    call::Fields,
    entity::{Initial, InitialValue, RawData},
    html,
    key::Lookup,
    read::format_timestamp,
    warning::Warnings,
    write::{NativeForm, NativeObject, Target},
};
use crate::{
    error::{Error, Outcome},
    upstream::fault,
};

/// Characters of a title that is made of a longer text; no provider's titles are shorter.
const LONGEST_TITLE: usize = 120;

/// The state of one operation between its steps.
#[derive(Debug)]
pub struct Work {
    pub cx: Context,
    pub fields: Fields,
    pub warnings: Warnings,
    /// What the answer has beside the unified record.
    pub raw_data: RawData,
    /// What a created record gets.
    pub record: NativeObject,
    /// What a record that is there gets, where that is something else.
    changes: Option<NativeObject>,
    pub lookup: Option<Lookup>,
    /// Whether the record that is to be written has the key that it is looked for by.
    keeps_key: bool,
    /// The record that this is about, once it is known.
    record_id: Option<String>,
    /// The record of that id was not there when it was to be written.
    is_gone: bool,
    wrote: bool,
}

impl Work {
    pub fn new(cx: Context, form: &'static NativeForm, fields: Fields, warnings: Warnings) -> Self {
        Self {
            cx,
            fields,
            warnings,
            raw_data: RawData::Full,
            record: NativeObject::nothing(form),
            changes: None,
            lookup: None,
            keeps_key: true,
            record_id: None,
            is_gone: false,
            wrote: false,
        }
    }

    /// Sets what is to be written.
    pub fn set_record(&mut self, record: NativeObject) {
        self.changes = None;
        self.record = record;
    }

    /// What a record that is there gets.
    pub fn changes(&self) -> &NativeObject {
        self.changes.as_ref().unwrap_or(&self.record)
    }

    /// Keeps what a record that is there gets, before what a created one gets becomes something else.
    fn keep_changes(&mut self) -> &mut NativeObject {
        self.changes.get_or_insert_with(|| self.record.clone())
    }

    /// Completes what a created record gets.
    pub fn apply_defaults(&mut self, defaults: &[InitialValue]) {
        for default in defaults {
            if self.record.contains(default.name) {
                continue;
            }
            self.keep_changes();
            let quoted;
            let json = match default.value {
                Initial::Json(json) => json,
                Initial::Now => {
                    quoted = super::write::quote(&format_timestamp(self.cx.now));
                    &quoted
                }
                Initial::TitleOf(input) => {
                    let text = self.record.inputs().get(input).unwrap_or_default();
                    quoted = super::write::quote(&html::title(text, LONGEST_TITLE));
                    &quoted
                }
            };
            self.record.set(default.name, json);
        }
    }

    /// Completes what an upsert writes: a created record gets the key it was looked for by, so that the next upsert
    /// finds it; one that is there does not get a key that it has already.
    pub fn apply_key(&mut self, target: Target, omit_from_changes: bool) -> Result<(), Error> {
        let Some(lookup) = &self.lookup else {
            return Ok(());
        };
        let native = target.name();
        self.keeps_key = lookup.is_kept_by(self.record.get(native));
        // What changes is what was to be written before the key was added.
        if !self.record.contains(native) {
            let changes = self.record.clone();
            self.record
                .key("body.upsert_on.values[0]", target, lookup.value())?;
            self.changes.get_or_insert(changes);
        } else if !self.keeps_key {
            self.warnings.key_differs(lookup.key);
        }
        if omit_from_changes && self.keeps_key {
            self.keep_changes().remove(native);
        }
        Ok(())
    }

    /// Whether the record that is to be written keeps the key it is looked for by.
    pub fn keeps_key(&self) -> bool {
        self.keeps_key
    }

    pub fn set_record_id(&mut self, id: String) {
        self.record_id = Some(id);
        self.is_gone = false;
    }

    pub fn record_id(&self) -> &str {
        self.record_id
            .as_deref()
            .expect("the generator orders the steps so that the id is known")
    }

    /// The id of the record that this is about, where it is known.
    pub fn known_id(&self) -> Option<&str> {
        self.record_id.as_deref()
    }

    /// The first value of the key.
    pub fn key_value(&self) -> &str {
        self.lookup.as_ref().map_or("", Lookup::value)
    }

    /// Notes that something was written, and its id where the answer tells it.
    pub fn wrote(&mut self, id: Option<String>) {
        self.wrote = true;
        if let Some(id) = id {
            self.set_record_id(id);
        }
    }

    /// Notes that the record which this is about is not there: what is written next is another one.
    pub fn is_gone(&mut self) {
        self.is_gone = true;
    }

    /// The id of the record that is written, as far as it is known.
    pub fn written_id(&self) -> Option<&str> {
        self.record_id.as_deref().filter(|_| !self.is_gone)
    }

    pub fn has_written(&self) -> bool {
        self.wrote
    }

    /// Nothing if the response is a success, else the provider's fault.
    pub fn success(&self, response: &NativeResponse) -> Result<(), Error> {
        match fault::of(self.cx.provider, response) {
            None => Ok(()),
            Some(error) => Err(self.failed(error)),
        }
    }

    /// The provider's fault as an error of ours.
    pub fn fault(&self, response: &NativeResponse) -> Error {
        self.failed(fault::fault(self.cx.provider, response))
    }

    /// A record was in the way: goes on with it, where the provider says which. One that the record clashes with by
    /// another value than the one it is looked for by is not the one that was asked for.
    pub fn adopt_existing(&mut self, response: &NativeResponse) -> Result<(), Error> {
        let Some(id) = fault::existing_id(self.cx.provider, response) else {
            return Err(self.fault(response));
        };
        if !self.keeps_key {
            let mut error = self.fault(response);
            error.message = format!(
                "the record cannot be created: another one has its values already, and does not match upsert_on (id {id}); nothing was written"
            );
            return Err(error);
        }
        self.set_record_id(id);
        Ok(())
    }

    /// The answer to a write is a success and cannot be used: whoever answered, it may not have been the provider.
    pub fn unusable(&self, error: Error) -> Error {
        error.into_unknown()
    }

    /// The answer to a write does not tell the id that the next call needs.
    pub fn without_id(&self) -> Error {
        Error::bad_gateway(format!(
            "the record was written, but {} did not tell its id, so it cannot be read back",
            self.cx.provider.title
        ))
        .with_outcome(Outcome::Written)
    }

    /// An error after a write says that the write was carried out.
    pub fn failed(&self, mut error: Error) -> Error {
        if self.wrote && error.outcome.is_none() {
            let id = self.written_id().unwrap_or("unknown");
            error.message = format!(
                "the record was written (id {id}), but reading it back failed: {}",
                error.message
            );
            error.outcome = Some(Outcome::Written);
        }
        error
    }
}
