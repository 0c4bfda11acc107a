//! What an operation that goes step by step carries along.

use super::{
    Context, NativeResponse,
    call::Fields,
    entity::{Initial, InitialValue},
    html,
    key::Lookup,
    read::format_timestamp,
    warning::Warnings,
    write::{NativeForm, NativeObject},
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
    /// What a created record gets.
    pub record: NativeObject,
    /// What a record that is there gets.
    pub changes: NativeObject,
    pub lookup: Option<Lookup>,
    /// The record that this is about, once it is known.
    record_id: Option<String>,
    wrote: bool,
}

impl Work {
    pub fn new(cx: Context, form: &'static NativeForm, fields: Fields, warnings: Warnings) -> Self {
        let empty = NativeObject::new(form);
        Self {
            cx,
            fields,
            warnings,
            record: empty.clone(),
            changes: empty,
            lookup: None,
            record_id: None,
            wrote: false,
        }
    }

    /// Sets what is to be written.
    pub fn set_record(&mut self, record: NativeObject) {
        self.changes = record.clone();
        self.record = record;
    }

    /// Completes what a created record gets.
    pub fn apply_defaults(&mut self, defaults: &[InitialValue]) {
        for default in defaults {
            if self.record.contains(default.name) {
                continue;
            }
            let json = match default.value {
                Initial::Json(json) => json.to_owned(),
                Initial::Now => super::write::quote(&format_timestamp(self.cx.now)),
                Initial::TitleOf(input) => {
                    let text = self.record.inputs().get(input).unwrap_or_default();
                    super::write::quote(&html::title(text, LONGEST_TITLE))
                }
            };
            self.record.set(default.name, json);
        }
    }

    /// Completes what an upsert writes: a created record gets the key it was looked for by, so that the next upsert
    /// finds it; one that is there does not get a key that it has already.
    pub fn apply_key(&mut self, native: &str, omit_from_changes: bool) -> Result<(), Error> {
        let Some(lookup) = &self.lookup else {
            return Ok(());
        };
        if !self.record.contains(native) {
            self.record.key(native, lookup.value())?;
        } else if !lookup.is_kept_by(self.record.get(native)) {
            self.warnings.key_differs(lookup.key);
        }
        if omit_from_changes && lookup.is_kept_by(self.changes.get(native)) {
            self.changes.remove(native);
        }
        Ok(())
    }

    /// Whether the record that is to be written keeps the key it is looked for by.
    pub fn keeps_key(&self, native: &str) -> bool {
        self.lookup
            .as_ref()
            .is_some_and(|lookup| lookup.is_kept_by(self.changes.get(native)))
    }

    pub fn set_record_id(&mut self, id: String) {
        self.record_id = Some(id);
    }

    pub fn record_id(&self) -> &str {
        self.record_id
            .as_deref()
            .expect("the generator orders the steps so that the id is known")
    }

    /// The first value of the key.
    pub fn key_value(&self) -> &str {
        self.lookup.as_ref().map_or("", Lookup::value)
    }

    /// Notes that something was written, and its id where the answer tells it.
    pub fn wrote(&mut self, id: Option<String>) {
        self.wrote = true;
        if id.is_some() {
            self.record_id = id;
        }
    }

    pub fn has_written(&self) -> bool {
        self.wrote
    }

    /// The response if it is a success, else the provider's fault.
    pub fn success(&self, response: &NativeResponse) -> Result<(), Error> {
        if response.is_success() {
            Ok(())
        } else {
            Err(self.fault(response))
        }
    }

    /// The provider's fault as an error of ours.
    pub fn fault(&self, response: &NativeResponse) -> Error {
        self.failed(fault::fault(self.cx.provider, response))
    }

    /// A record was in the way: goes on with it, where the provider says which.
    pub fn adopt_existing(&mut self, response: &NativeResponse) -> Result<(), Error> {
        self.record_id = Some(
            fault::existing_id(self.cx.provider, response).ok_or_else(|| self.fault(response))?,
        );
        Ok(())
    }

    /// An error after a write says that the write was carried out.
    pub fn failed(&self, mut error: Error) -> Error {
        if self.wrote && error.outcome.is_none() {
            let id = self.record_id.as_deref().unwrap_or("unknown");
            error.message = format!(
                "the record was written (id {id}), but reading it back failed: {}",
                error.message
            );
            error.outcome = Some(Outcome::Written);
        }
        error
    }
}
