//! Reading many records by id: in parts of the provider's size, side by side, answered in the order asked.

use std::collections::HashMap;

use super::{Context, NativeRequest, NativeResponse, call::Fields, record_id::RecordIdForm};
use crate::{error::Error, upstream::fault};

/// The ids of a batch read, in their normal form.
#[derive(Debug)]
pub struct Batch {
    pub cx: Context,
    pub fields: Fields,
    /// As asked; none where a text can't be an id, and so is of no record.
    asked: Vec<Option<String>>,
}

impl Batch {
    pub fn new(
        cx: Context,
        fields: Fields,
        form: RecordIdForm,
        prefix: Option<&str>,
        ids: &[String],
    ) -> Self {
        let asked = ids
            .iter()
            .map(|id| form.normalize(id, prefix).map(std::borrow::Cow::into_owned))
            .collect();
        Self { cx, fields, asked }
    }

    /// One call for each part of the ids, each id once.
    pub fn calls(
        &self,
        max: usize,
        call: impl FnMut(&[String]) -> NativeRequest,
    ) -> Vec<NativeRequest> {
        let mut seen = std::collections::HashSet::new();
        let ids: Vec<String> = self
            .asked
            .iter()
            .flatten()
            .filter(|id| seen.insert(id.as_str()))
            .cloned()
            .collect();
        ids.chunks(max).map(call).collect()
    }

    /// Refuses the whole where one part failed: half an answer would look like records that are not there.
    pub fn check(&self, responses: &[NativeResponse]) -> Result<(), Error> {
        match responses.iter().find(|response| !response.is_success()) {
            Some(failed) => Err(fault::fault(self.cx.provider, failed)),
            None => Ok(()),
        }
    }

    /// The records in the order asked; ids of no record are left out.
    pub fn in_order<'r, T>(&self, records: &'r HashMap<String, T>) -> Vec<&'r T> {
        self.asked
            .iter()
            .flatten()
            .filter_map(|id| records.get(id))
            .collect()
    }
}
