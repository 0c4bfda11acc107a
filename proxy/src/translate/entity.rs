//! An entity of a provider, as its generated module declares it, and where its records are written to.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use super::{
    MatchKey, Written,
    beside::{Beside, BesidePlan},
    hidden::FieldsOf,
    key::Normalize,
    pick::{self, Path},
    warning::Warnings,
    write::{NativeForm, NativeObject},
};
use crate::error::Error;

/// One entity of one provider.
#[derive(Debug)]
pub struct Entity {
    /// As in `crm.account`.
    pub name: &'static str,
    /// How the provider wants records written.
    pub form: &'static NativeForm,
    /// What every id of this entity begins with.
    pub id_prefix: Option<&'static str>,
    /// Where a native record has its id.
    pub id: Path,
    /// The native fields that every read asks for.
    pub selection: &'static [&'static str],
    /// Native → unified: reads one native record and writes the unified one.
    pub encode: fn(&RawValue, &Beside, &mut Output) -> Result<(), Error>,
    /// What is read beside its records, so that they can be answered.
    pub beside: &'static [BesidePlan],
    /// How the provider tells which fields the connected user has, where a read fails for one that he has not.
    pub description: Option<FieldsOf>,
    /// What a created record gets unless it has it.
    pub defaults: &'static [InitialValue],
    /// The keys by which a written record is remembered, so that the next upsert finds it.
    pub remembered: &'static [Remembered],
}

/// A native field that a created record gets unless it has it.
#[derive(Debug)]
pub struct InitialValue {
    pub name: &'static str,
    pub value: Initial,
}

#[derive(Debug)]
pub enum Initial {
    /// JSON that the mapping has word for word.
    Json(&'static str),
    /// The time of the call.
    Now,
    /// The first line of a field of the unified input.
    TitleOf(&'static str),
}

/// A key by which a written record is remembered.
#[derive(Debug)]
pub struct Remembered {
    pub key: &'static str,
    pub normalize: Normalize,
    /// Each of these counts.
    pub from: &'static [Path],
}

impl Entity {
    /// The last part of the name, as in `account`.
    pub fn short_name(&self) -> &'static str {
        self.name.rsplit('.').next().unwrap_or(self.name)
    }

    /// What is remembered of a record that was written.
    pub fn written(&self, id: &str, raw: &[u8]) -> Result<Written, Error> {
        let mut keys: Vec<MatchKey> = Vec::new();
        for remembered in self.remembered {
            for value in pick::texts(raw, remembered.from)?.iter().flatten() {
                let normal = remembered.normalize.apply(&value.0);
                keys.extend(normal.map(|value| self.key(remembered.key, value)));
            }
        }
        Ok(Written {
            id: Some(id.to_owned()),
            keys,
        })
    }

    /// What is known to be remembered of a record before it has been read back: the keys that it was given, and what
    /// they share with others, since a provider may derive one key from another.
    pub fn left_behind(&self, id: Option<&str>, record: &NativeObject) -> Option<Written> {
        let mut keys: Vec<MatchKey> = Vec::new();
        for remembered in self.remembered {
            let names = remembered
                .from
                .iter()
                .filter_map(|path| self.form.name(path));
            for normal in names.filter_map(|name| remembered.normalize.apply_json(record.get(name)))
            {
                keys.push(self.key("", remembered.normalize.shared(&normal)));
                keys.push(self.key(remembered.key, normal));
            }
        }
        let id = id.map(str::to_owned);
        (!keys.is_empty()).then_some(Written { id, keys })
    }

    fn key(&self, key: &'static str, value: String) -> MatchKey {
        MatchKey {
            entity: self.name,
            key,
            value,
        }
    }
}

/// Unified records on their way to the answer.
#[derive(Debug, Default)]
pub struct Output {
    /// The records as JSON, with commas between them.
    json: Vec<u8>,
    /// Some were handed on before.
    goes_on: bool,
    pub warnings: Warnings,
    last_id: String,
    with_losers: bool,
}

impl Output {
    pub fn new(warnings: Warnings) -> Self {
        Self {
            warnings,
            ..Self::default()
        }
    }

    /// Writes one record.
    pub fn record(&mut self, id: &str, record: &impl Serialize) {
        if self.goes_on || !self.json.is_empty() {
            self.json.push(b',');
        }
        serde_json::to_writer(&mut self.json, record)
            .expect("a record of texts, numbers and truth values serializes");
        self.remember_last(id);
    }

    /// Records that were merged into others are told too, where the others tell their ids.
    #[must_use]
    pub fn with_losers(self) -> Self {
        Self {
            with_losers: true,
            ..self
        }
    }

    /// The ids of records that were merged into a native record, from a list in it with semicolons between them; none
    /// where they are not to be told.
    pub fn losers<'r>(&self, raw: &'r RawValue, path: Path) -> Result<Vec<Cow<'r, str>>, Error> {
        if !self.with_losers {
            return Ok(Vec::new());
        }
        let list = pick::text_at(raw.get().as_bytes(), path)?.unwrap_or_default();
        let ids = list.split(';').map(str::trim).filter(|id| !id.is_empty());
        Ok(ids.map(|id| Cow::Owned(id.to_owned())).collect())
    }

    /// The native record of one that was merged away: there is none.
    pub fn no_record() -> &'static RawValue {
        serde_json::from_str("{}").expect("an empty object is JSON")
    }

    /// Sets the id that counts as the last one: that of a record that was read, not of one that it has swallowed.
    pub fn remember_last(&mut self, id: &str) {
        self.last_id.clear();
        self.last_id.push_str(id);
    }

    /// Hands on the records that were written since the last time.
    pub(super) fn hand_on(&mut self, out: &mut Vec<u8>) {
        self.goes_on |= !self.json.is_empty();
        out.append(&mut self.json);
    }

    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// The id of the record that was written last; empty where there is none.
    pub fn last_id(&self) -> &str {
        &self.last_id
    }
}
