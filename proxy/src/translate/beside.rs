//! What is read beside records, so that they can be answered: records of other objects that they name, texts that have
//! a call of their own, and the labels of values that are ids.
//!
//! All of it is read in as few calls as the provider allows, after the records and before they are written. What the
//! connected user may not see leaves its fields null, with a warning; it never costs the caller the record.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashMap},
};

use bytes::Bytes;

use super::{
    Context, Freshness, NativeRequest, NativeResponse, hidden,
    leaf::Leaf,
    pick::{self, Path},
    records::Row,
    scalar::{Text, shorten},
    scan::{Native, Scan},
    warning::Warnings,
    write::quote,
};
use crate::{
    error::{Code, Error},
    upstream::fault,
};

/// Something that an entity's records have beside them.
#[derive(Debug)]
pub struct BesidePlan {
    /// As in `contact`.
    pub name: &'static str,
    /// Where a record has the key of what is beside it.
    pub key: Path,
    /// The unified fields that come from it, for a warning where it cannot be read.
    pub fields: &'static [&'static str],
    pub kind: BesideKind,
}

/// How it is read.
#[derive(Debug)]
pub enum BesideKind {
    /// Records of another object, many in one call.
    Records {
        call: fn(&Context, &[String]) -> NativeRequest,
        /// The most keys of one call.
        max: usize,
        rows: Path,
        id: Path,
        /// What is read of each of them.
        reads: &'static [Path],
    },
    /// A text for each record, which is the body of an answer.
    Text {
        call: fn(&Context, &str) -> NativeRequest,
    },
    /// A table of values and their labels, which is the same for all records and changes seldom.
    Labels {
        call: fn(&Context) -> NativeRequest,
        rows: Path,
        /// The list in each row that has the values, where it is not the row itself.
        inner: Option<Path>,
        value: Path,
        label: Path,
    },
}

/// What stands beside the records of one answer, in the order of the entity's plan.
#[derive(Debug, Default)]
pub struct Beside(Vec<Part>);

/// What was read for one of the plans.
#[derive(Debug)]
pub enum Part {
    /// Not read: no record names any.
    Unread,
    /// The connected user may not see it.
    Hidden,
    /// Records by their keys.
    Records(HashMap<String, Bytes>),
    /// Texts by the keys of their records, as JSON strings.
    Texts(HashMap<String, String>),
    /// Labels by values.
    Labels(HashMap<String, String>),
}

impl Beside {
    /// What is known already, in the order of the entity's plan.
    pub fn of(parts: Vec<Part>) -> Self {
        Self(parts)
    }

    /// What is wanted of the record of another object that has this key; nothing is set where there is none.
    pub fn record<'a, T: Native<'a>>(
        &'a self,
        at: usize,
        key: Option<&Text<'_>>,
    ) -> Result<T, Error> {
        let record = match (self.0.get(at), key) {
            (Some(Part::Records(records)), Some(key)) => records.get(&*key.0),
            _ => None,
        };
        let mut native = T::default();
        if let Some(record) = record {
            Scan::of_bytes(record)?.record(&mut native)?;
        }
        Ok(native)
    }

    /// The text that was read for the record with this key.
    pub fn text(&self, at: usize, key: Option<&Text<'_>>) -> Leaf<'_> {
        let text = match (self.0.get(at), key) {
            (Some(Part::Texts(texts)), Some(key)) => texts.get(&*key.0),
            _ => None,
        };
        text.map_or_else(Leaf::default, |text| Leaf::of(text))
    }

    /// The label of a value. One without a label is told, and the field is null: the value is in `raw_data`.
    pub fn label(
        &self,
        at: usize,
        field: &str,
        value: Option<&Text<'_>>,
        warnings: &mut Warnings,
    ) -> Option<Cow<'_, str>> {
        let value = value.filter(|value| !value.0.is_empty())?;
        let Some(Part::Labels(labels)) = self.0.get(at) else {
            return None;
        };
        let label = labels.get(&*value.0);
        if label.is_none() {
            let detail = format!(
                "{:?} has no label at the provider; see raw_data",
                shorten(&value.0)
            );
            warnings.not_read(field, detail);
        }
        label.map(|label| Cow::Borrowed(label.as_str()))
    }

    fn has_label(&self, at: usize, value: &str) -> bool {
        match self.0.get(at) {
            Some(Part::Labels(labels)) => labels.contains_key(value),
            _ => true,
        }
    }
}

/// The reading of what is beside some records.
#[derive(Debug)]
pub struct Reading {
    plans: &'static [BesidePlan],
    /// The member of the provider's records that holds their fields.
    fields_in: Option<&'static str>,
    beside: Beside,
    /// What the calls under way are for.
    asked: Vec<Asked>,
    round: Round,
}

#[derive(Debug)]
struct Asked {
    /// The number of the plan.
    plan: usize,
    /// The key, where the call is one record's.
    key: Option<String>,
    /// The number of the call: two plans may share one.
    call: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    First,
    /// Labels that were not known are looked for once more, in a table that is not a remembered one.
    Again,
    Done,
}

impl Reading {
    pub fn new(plans: &'static [BesidePlan], fields_in: Option<&'static str>) -> Self {
        let mut parts = Vec::with_capacity(plans.len());
        parts.resize_with(plans.len(), || Part::Unread);
        Self {
            plans,
            fields_in,
            beside: Beside(parts),
            asked: Vec::new(),
            round: if plans.is_empty() {
                Round::Done
            } else {
                Round::First
            },
        }
    }

    pub fn beside(&self) -> &Beside {
        &self.beside
    }

    /// The calls that are to be made next; none at the end.
    pub fn calls(&mut self, cx: &Context, rows: &[Row]) -> Result<Vec<NativeRequest>, Error> {
        let round = self.round;
        self.round = match round {
            Round::First => Round::Again,
            Round::Again | Round::Done => Round::Done,
        };
        self.asked.clear();
        let mut calls = Vec::new();
        if round == Round::Done {
            return Ok(calls);
        }
        for (at, plan) in self.plans.iter().enumerate() {
            let mut keys = BTreeSet::new();
            for row in rows {
                if let Some(key) =
                    pick::text_at(row.json(), plan.key)?.filter(|key| !key.is_empty())
                {
                    keys.insert(key.into_owned());
                }
            }
            match &plan.kind {
                BesideKind::Labels { call, .. } => {
                    let unknown = match round {
                        Round::First => !keys.is_empty(),
                        _ => keys.iter().any(|key| !self.beside.has_label(at, key)),
                    };
                    if unknown {
                        let freshness = match round {
                            Round::First => Freshness::Remembered,
                            _ => Freshness::Renewed,
                        };
                        let call = call(cx).with_freshness(freshness);
                        let known = calls
                            .iter()
                            .position(|known: &NativeRequest| known.target == call.target);
                        self.ask(at, None, known.unwrap_or(calls.len()));
                        if known.is_none() {
                            calls.push(call);
                        }
                    }
                }
                _ if round == Round::Again => {}
                BesideKind::Records { call, max, .. } => {
                    let keys: Vec<String> = keys.into_iter().collect();
                    for keys in keys.chunks(*max) {
                        self.ask(at, None, calls.len());
                        calls.push(call(cx, keys));
                    }
                }
                BesideKind::Text { call } => {
                    for key in keys {
                        let call = call(cx, &key);
                        self.ask(at, Some(key), calls.len());
                        calls.push(call);
                    }
                }
            }
        }
        if calls.is_empty() {
            self.round = Round::Done;
        }
        Ok(calls)
    }

    /// Takes in what the calls were answered.
    pub fn read(
        &mut self,
        cx: &Context,
        responses: &[NativeResponse],
        warnings: &mut Warnings,
    ) -> Result<(), Error> {
        let asked = std::mem::take(&mut self.asked);
        for Asked {
            plan: at,
            key,
            call,
        } in asked
        {
            let Some(response) = responses.get(call) else {
                continue;
            };
            let plan = &self.plans[at];
            if let Some(error) = fault::of(cx.provider, response) {
                match error.code {
                    Code::Forbidden => {
                        warnings.not_visible(plan.fields, &error.message);
                        self.beside.0[at] = Part::Hidden;
                        continue;
                    }
                    // It went away between the two calls.
                    Code::NotFound => continue,
                    _ => return Err(error),
                }
            }
            match &plan.kind {
                BesideKind::Records {
                    rows, id, reads, ..
                } => {
                    let parts = pick::page(&response.body, rows, None, None)?;
                    if let Some(first) = parts.rows.iter().flatten().next() {
                        let names = reads
                            .iter()
                            .filter(|path| path.first().copied() == self.fields_in)
                            .filter_map(|path| path.last().copied());
                        hidden::warn_of_missing(first.as_bytes(), self.fields_in, names, warnings)?;
                    }
                    for row in parts.rows.into_iter().flatten() {
                        let row = response.body.slice_ref(row.as_bytes());
                        let id = pick::text_at(&row, id)?.map(Cow::into_owned);
                        self.insert_record(at, id, row);
                    }
                }
                BesideKind::Text { .. } => self.insert_text(at, key, &response.body),
                BesideKind::Labels {
                    rows,
                    inner,
                    value,
                    label,
                    ..
                } => {
                    let labels = labels(&response.body, rows, *inner, value, label)?;
                    self.beside.0[at] = Part::Labels(labels);
                }
            }
        }
        Ok(())
    }

    fn ask(&mut self, plan: usize, key: Option<String>, call: usize) {
        self.asked.push(Asked { plan, key, call });
    }

    fn insert_record(&mut self, at: usize, key: Option<String>, record: Bytes) {
        let Some(key) = key else { return };
        match &mut self.beside.0[at] {
            Part::Hidden => {}
            Part::Records(records) => {
                records.insert(key, record);
            }
            part => *part = Part::Records(HashMap::from([(key, record)])),
        }
    }

    fn insert_text(&mut self, at: usize, key: Option<String>, text: &[u8]) {
        let Some(key) = key else { return };
        let text = quote(&String::from_utf8_lossy(text));
        match &mut self.beside.0[at] {
            Part::Hidden => {}
            Part::Texts(texts) => {
                texts.insert(key, text);
            }
            part => *part = Part::Texts(HashMap::from([(key, text)])),
        }
    }
}

fn labels(
    body: &[u8],
    rows: Path,
    inner: Option<Path>,
    value: Path,
    label: Path,
) -> Result<HashMap<String, String>, Error> {
    let mut labels = HashMap::new();
    let mut note = |row: &str| -> Result<(), Error> {
        let mut texts = pick::texts(row.as_bytes(), &[value, label])?;
        if let (Some(label), Some(value)) = (texts.pop().flatten(), texts.pop().flatten()) {
            labels.insert(value.0.into_owned(), label.0.into_owned());
        }
        Ok(())
    };
    let parts = pick::page(body, rows, None, None)?;
    for row in parts.rows.into_iter().flatten() {
        match inner {
            None => note(row)?,
            Some(inner) => {
                let parts = pick::page(row.as_bytes(), inner, None, None)?;
                for row in parts.rows.into_iter().flatten() {
                    note(row)?;
                }
            }
        }
    }
    Ok(labels)
}
