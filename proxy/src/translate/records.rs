//! Native records that have come, on their way to unified ones.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Context, NativeRequest, NativeResponse,
    beside::{Beside, Reading},
    entity::{Entity, Output},
    hidden,
    scan::{Expected, Scan},
};
use crate::{
    error::{Error, ProviderFault},
    upstream::provider::Provider,
};

/// A native record, and the answer that it came in.
#[derive(Debug, Clone)]
pub struct Row {
    json: Bytes,
    answer: Mark,
    /// Less was asked for it than is read of a record.
    is_lean: bool,
}

/// The mark of an answer, for what is wrong with a record in it.
#[derive(Debug, Clone)]
pub struct Mark {
    provider: &'static str,
    status: u16,
    correlation_id: Option<Arc<str>>,
}

impl Mark {
    pub fn of(provider: &Provider, response: &NativeResponse) -> Self {
        Self {
            provider: provider.name,
            status: response.status,
            correlation_id: response.correlation_id.clone(),
        }
    }

    /// Says of an error that it is about something in the answer.
    pub(super) fn put(&self, mut error: Error) -> Error {
        if error.provider.is_none() {
            error.provider = Some(Box::new(ProviderFault {
                name: self.provider,
                status: self.status,
                correlation_id: self.correlation_id.as_deref().map(str::to_owned),
                ..ProviderFault::default()
            }));
        }
        error
    }

    pub fn row(&self, json: Bytes) -> Row {
        Row {
            json,
            answer: self.clone(),
            is_lean: false,
        }
    }
}

impl Row {
    pub fn json(&self) -> &[u8] {
        &self.json
    }

    /// Says that less was asked for it than is read of a record.
    #[must_use]
    pub fn lean(self) -> Self {
        Self {
            is_lean: true,
            ..self
        }
    }
}

/// Records, and what is still to be read beside them.
#[derive(Debug)]
pub struct Records {
    entity: &'static Entity,
    rows: Vec<Row>,
    reading: Reading,
}

impl Records {
    pub fn new(entity: &'static Entity, rows: Vec<Row>) -> Self {
        Self {
            entity,
            rows,
            reading: Reading::new(entity.beside, entity.form.fields_in),
        }
    }

    /// The calls for what is beside the records; none when all has been read.
    pub fn calls(&mut self, cx: &Context) -> Result<Vec<NativeRequest>, Error> {
        self.reading.calls(cx, &self.rows)
    }

    pub fn read(
        &mut self,
        cx: &Context,
        responses: &[NativeResponse],
        output: &mut Output,
    ) -> Result<(), Error> {
        self.reading.read(cx, responses, &mut output.warnings)
    }

    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// How many bytes the native records have.
    pub fn size(&self) -> usize {
        self.rows.iter().map(|row| row.json.len()).sum()
    }

    /// Writes all records.
    pub fn encode(&self, output: &mut Output) -> Result<(), Error> {
        if let [row] = self.rows.as_slice()
            && !row.is_lean
        {
            let encoded = encode_only(self.entity, row.json(), self.reading.beside(), output);
            return encoded.map_err(|error| row.answer.put(error));
        }
        // One record tells for all: what was asked for is in each of them, as null where it is not set.
        if let Some(row) = self.rows.iter().find(|row| !row.is_lean) {
            warn_of_missing(self.entity, row.json(), output)?;
        }
        self.rows
            .iter()
            .try_for_each(|row| self.encode_one(row, output))
    }

    /// Writes one of the records.
    pub fn encode_one(&self, row: &Row, output: &mut Output) -> Result<(), Error> {
        encode(self.entity, row.json(), self.reading.beside(), output)
            .map_err(|error| row.answer.put(error))
    }
}

/// Writes the unified record of a native one, which tells by itself which fields were asked for and are not there: they
/// are warned of before all else.
fn encode_only(
    entity: &Entity,
    record: &[u8],
    beside: &Beside,
    output: &mut Output,
) -> Result<(), Error> {
    // What a record is remembered by is asked for as well, and is no part of the unified one: whoever reads that does not
    // come upon it.
    let (Some(member), []) = (entity.form.fields_in, entity.remembered) else {
        warn_of_missing(entity, record, output)?;
        return encode(entity, record, beside, output);
    };
    let mut scan = Scan::of_bytes(record)?;
    scan.expect(Expected {
        member,
        names: entity.selection,
    });
    let before = std::mem::take(&mut output.warnings);
    let encoded = (entity.encode)(&mut scan, beside, output);
    let own = std::mem::replace(&mut output.warnings, before);
    encoded?;
    scan.end().map_err(|stop| scan.error(stop))?;
    // Nearly always all of them were come upon.
    if !scan.has_met() {
        warn_of_missing(entity, record, output)?;
    }
    output.warnings.append(own);
    Ok(())
}

/// Warns of fields that were asked for and are not in a record, which tells for all of its answer.
pub(super) fn warn_of_missing(
    entity: &Entity,
    record: &[u8],
    output: &mut Output,
) -> Result<(), Error> {
    let names = entity.selection.iter().copied();
    hidden::warn_of_missing(record, entity.form.fields_in, names, &mut output.warnings)
}

/// Writes the unified record of a native one, which is the whole text.
pub(super) fn encode(
    entity: &Entity,
    record: &[u8],
    beside: &Beside,
    output: &mut Output,
) -> Result<(), Error> {
    let mut scan = Scan::of_bytes(record)?;
    (entity.encode)(&mut scan, beside, output)?;
    scan.end().map_err(|stop| scan.error(stop))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{generated::API, translate::warning::Warnings};

    fn entities() -> impl Iterator<Item = &'static Entity> {
        let all = API
            .records
            .iter()
            .flat_map(|of_provider| of_provider.iter());
        all.copied()
            .filter(|entity| entity.form.fields_in.is_some() && !entity.selection.is_empty())
    }

    /// What is written and warned of, or why nothing is.
    fn told(encode: impl FnOnce(&mut Output) -> Result<(), Error>) -> Result<String, String> {
        let mut output = Output::new(Warnings::default());
        encode(&mut output).map_err(|error| error.message)?;
        let json = String::from_utf8_lossy(output.json()).into_owned();
        let warnings = output.warnings.as_slice().iter();
        let warnings: Vec<_> = warnings.map(|it| (it.title, it.field.as_deref())).collect();
        Ok(format!("{json} {warnings:?}"))
    }

    fn only(entity: &Entity, record: &str) -> Result<String, String> {
        told(|output| encode_only(entity, record.as_bytes(), &Beside::default(), output))
    }

    /// The same in two passes, of which the first one is for the warnings alone.
    fn only_in_two_passes(entity: &Entity, record: &str) -> Result<String, String> {
        told(|output| {
            warn_of_missing(entity, record.as_bytes(), output)?;
            encode(entity, record.as_bytes(), &Beside::default(), output)
        })
    }

    /// Whoever reads a record comes upon every field that is asked for, so no second look is needed.
    #[test]
    fn a_record_with_all_of_its_fields_is_read_once() {
        let is_read_once = |entity: &&Entity| {
            let names = entity.selection.iter();
            let names: Vec<_> = names.map(|name| format!("\"{name}\":null")).collect();
            let member = entity.form.fields_in.unwrap();
            let record = format!(r#"{{"id":"1","{member}":{{{}}}}}"#, names.join(","));
            let mut scan = Scan::new(&record);
            scan.expect(Expected {
                member,
                names: entity.selection,
            });
            // Whether the record is a good one does not matter.
            let _ = (entity.encode)(&mut scan, &Beside::default(), &mut Output::default());
            scan.has_met()
        };
        let read_once: Vec<_> = entities().filter(is_read_once).map(|it| it.name).collect();
        for name in ["crm.contact", "crm.note", "crm.opportunity"] {
            assert!(read_once.contains(&name), "{name} of {read_once:?}");
        }
    }

    /// Members of a record in any order, some of them twice, and the fields of an entity among them.
    fn record(entity: &'static Entity) -> impl Strategy<Value = String> {
        let names = entity.selection.to_vec();
        let name = prop_oneof![
            9 => prop::sample::select(names),
            1 => prop::sample::select(vec!["hs_object_id", "e\\u006dail"]),
        ];
        let value = prop::sample::select(vec!["null", "\"\"", "\"a;b\"", "7", "{\"a\":[1]}"]);
        let field = (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"));
        let fields = prop::collection::vec(field, 0..12);
        let fields = fields.prop_map(|fields| format!("{{{}}}", fields.join(",")));
        let fields =
            prop_oneof![8 => fields, 1 => Just("null".to_owned()), 1 => Just("[1]".to_owned())];
        let fields = fields.prop_map(|fields| format!("\"properties\": {fields}"));
        let other = prop::sample::select(vec![
            r#""id":"7""#,
            r#""updatedAt":"2026-10-01T10:00:12.345Z""#,
            r#""archived":false"#,
            r#""archived":"x""#,
            r#""other":[{}]"#,
        ]);
        let member = prop_oneof![1 => fields, 3 => other.prop_map(str::to_owned)];
        prop::collection::vec(member, 0..6).prop_map(|members| {
            let always = r#""id":"7","updatedAt":"2026-10-01T10:00:12.345Z""#.to_owned();
            let members = std::iter::once(always).chain(members);
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        })
    }

    fn entity_and_record() -> impl Strategy<Value = (&'static Entity, String)> {
        let entities: Vec<_> = entities().collect();
        let entity = prop::sample::select(entities);
        entity.prop_flat_map(|entity| (Just(entity), record(entity)))
    }

    proptest! {
        #[test]
        fn what_a_record_lacks_is_told_as_by_a_look_of_its_own(
            (entity, record) in entity_and_record(),
        ) {
            prop_assert_eq!(only(entity, &record), only_in_two_passes(entity, &record));
        }
    }
}
