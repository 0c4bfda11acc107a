//! An entity of a provider, as its generated module declares it, and where its records are written to.

use std::borrow::Cow;

use super::{
    MatchKey, Written,
    beside::{Beside, BesidePlan},
    hidden::FieldsOf,
    key::Normalize,
    leaf::Leaf,
    pick::{self, Path},
    record::{self, Place, Record},
    scalar::{Scalar, Text, kind},
    scan::Scan,
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
    /// Native → unified: reads the native record that comes next and writes the unified one. Nothing is written, and
    /// nothing warned of, before the record has been read to its end.
    pub encode: fn(&mut Scan<'_>, &Beside, &mut Output) -> Result<(), Error>,
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

/// Whether the provider's own record comes along with each unified one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RawData {
    /// Byte for byte.
    #[default]
    Full,
    /// An empty object is in its place.
    None,
}

/// Native bytes of a page whose records are handed on at one time, as a rule: [`crate::upstream::Flow`] hands on what it
/// has when the unified records take 128 KiB, and may have been given 32 KiB more by then.
const FLOWING: usize = 96 * 1024;

/// Unified records on their way to the answer.
#[derive(Debug, Default)]
pub struct Output {
    /// What stands before the records, and the records as JSON with commas between them.
    json: Vec<u8>,
    /// Where the records begin.
    begin: usize,
    /// Some were handed on before.
    goes_on: bool,
    pub warnings: Warnings,
    /// Where the id of the last record stands; nowhere where it was handed on.
    last: Place,
    /// That id, as a JSON string.
    handed_id: Vec<u8>,
    with_losers: bool,
    without_raw: bool,
}

impl Output {
    pub fn new(warnings: Warnings) -> Self {
        Self {
            warnings,
            ..Self::default()
        }
    }

    /// Records that were merged into others are told too, where the others tell their ids.
    #[must_use]
    pub fn with_losers(self) -> Self {
        Self {
            with_losers: true,
            ..self
        }
    }

    /// The native records come along, or are left out.
    #[must_use]
    pub fn with_raw(self, raw_data: RawData) -> Self {
        Self {
            without_raw: raw_data == RawData::None,
            ..self
        }
    }

    /// Makes room for the records of so many native bytes. The answer begins with what stands before the records, unless
    /// it has begun.
    pub fn begin(&mut self, prefix: &[u8], native: usize) {
        // A unified record with all of its fields is about as long as the native one that comes with it.
        let size = if self.without_raw { native } else { native * 2 };
        self.json.reserve(size + 256);
        if self.json.is_empty() && !self.goes_on {
            self.json.extend_from_slice(prefix);
            self.begin = self.json.len();
        }
    }

    /// The same of a page that comes in pieces. There is room at once for about what is handed on at a time, so that it is
    /// not moved again and again while it grows.
    pub(super) fn begin_piece(&mut self, prefix: &[u8], native: usize) {
        let has_room = self.json.capacity() > 0;
        self.begin(
            prefix,
            if has_room {
                native
            } else {
                native.max(FLOWING)
            },
        );
    }

    /// Begins a record, which is written member by member and then ended.
    #[inline]
    pub fn record(&mut self) -> Record<'_> {
        if self.json.len() > self.begin || self.goes_on {
            self.json.push(b',');
        }
        Record::begin(&mut self.json, &mut self.warnings, !self.without_raw)
    }

    /// Writes the records that were merged into a native one, each with `write`, from the list of their ids in it with
    /// semicolons between them; none where they are not to be told.
    pub fn losers(
        &mut self,
        list: Leaf<'_>,
        write: impl Fn(&mut Record<'_>, &str),
    ) -> Result<(), Error> {
        if !self.with_losers || !list.is_set() {
            return Ok(());
        }
        let text = Text::from_token(list.json()).ok_or_else(|| {
            let detail = format!("expected {}, found {}", Text::EXPECTED, kind(list.json()));
            Error::bad_gateway("the provider's answer is not what its spec says")
                .with_detail(detail)
        })?;
        let ids = text.0.split(';').map(str::trim);
        for id in ids.filter(|id| !id.is_empty()) {
            let mut record = self.record();
            write(&mut record, id);
            record.end();
        }
        Ok(())
    }

    /// Sets the id that counts as the last one: that of a record that was read, not of one that it has swallowed.
    pub fn remember_last(&mut self, id: &Place) {
        self.last.clone_from(id);
    }

    /// Keeps the last id although the records will not be here any more.
    fn keep_last(&mut self) {
        let last = std::mem::take(&mut self.last).range();
        if !last.is_empty() {
            self.handed_id.clear();
            self.handed_id.extend_from_slice(&self.json[last]);
        }
    }

    /// The records that are here.
    pub fn json(&self) -> &[u8] {
        &self.json[self.begin..]
    }

    /// All that is here, to end it with the warnings.
    pub(super) fn into_parts(self) -> (Vec<u8>, Warnings) {
        (self.json, self.warnings)
    }

    /// Hands on what was written since the last time.
    pub fn hand_on(&mut self) -> Vec<u8> {
        self.keep_last();
        self.goes_on |= self.json.len() > self.begin;
        self.begin = 0;
        std::mem::take(&mut self.json)
    }

    /// How much has been written and warned of, to come back to.
    pub(super) fn mark(&self) -> (usize, usize) {
        (self.json.len(), self.warnings.as_slice().len())
    }

    /// Forgets what was written and warned of since a mark.
    pub(super) fn back_to(&mut self, (written, warned): (usize, usize)) {
        self.keep_last();
        self.json.truncate(written);
        self.warnings.truncate(warned);
    }

    /// The id of the record that was written last; empty where there is none.
    pub fn last_id(&self) -> Cow<'_, str> {
        let last = self.last.range();
        let id = if last.is_empty() {
            &self.handed_id
        } else {
            &self.json[last]
        };
        record::text_in(id).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field;

    fn write(output: &mut Output, id: &str) {
        let mut record = output.record();
        let id = record.text(field!("id"), Leaf::of(id)).required().unwrap();
        record.end();
        output.remember_last(&id);
    }

    #[test]
    fn the_last_id_is_known_wherever_its_record_has_gone() {
        let mut output = Output::new(Warnings::default());
        assert_eq!(output.last_id(), "");
        write(&mut output, r#""a""#);
        assert_eq!(output.last_id(), "a");
        let mark = output.mark();
        write(&mut output, r#""\u00e9""#);
        assert_eq!(output.last_id(), "é");
        output.back_to(mark);
        assert_eq!(output.last_id(), "é");
        let mut out = output.hand_on();
        assert_eq!(output.last_id(), "é");
        write(&mut output, r#""c""#);
        assert_eq!(output.last_id(), "c");
        out.append(&mut output.hand_on());
        assert_eq!(output.last_id(), "c");
        assert_eq!(out, br#"{"id":"a"},{"id":"c"}"#);
    }
}
