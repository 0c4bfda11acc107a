//! Upserts: find, then create or update; or, where the provider can, both at once.

use std::{collections::HashSet, time::Duration};

use super::{
    Context, MatchKey, NativeRequest, NativeResponse, Recent, Step, Translator, Written,
    call::Fields,
    decode,
    entity::Entity,
    key::{self, Chunk, Found, Lookup, Normalize},
    paging::Page,
    pick::{self, Path},
    steps::{StepPlan, Steps},
    warning::Warnings,
    work::Work,
    write::{NativeObject, Target},
};
use crate::{
    error::{Code, Error},
    route::UnifiedRequest,
};

/// So many pages of one search are read: the most that a provider is likely to have of one key many times over.
const MOST_PAGES: u32 = 10;

/// An upsert of one entity.
#[derive(Debug)]
pub struct UpsertPlan {
    pub keys: &'static [KeyPlan],
    /// Keys that this provider can't match by, and why.
    pub refused: &'static [(&'static str, &'static str)],
    /// Reads one record that was written a moment ago; its answer is a native record.
    pub recent: Option<fn(&Work, &str) -> NativeRequest>,
    /// The step when no record is found.
    pub none: &'static str,
    /// The step when one is found.
    pub one: &'static str,
    pub steps: &'static [StepPlan],
}

/// A key that records are matched by.
#[derive(Debug)]
pub struct KeyPlan {
    pub name: &'static str,
    pub normalize: Normalize,
    /// The native field that a created record gets the key's value in, unless it has one.
    pub set: Target,
    /// A record that has the key already does not get it again.
    pub omit_from_changes: bool,
    /// A row fits when the first present of these is one of the values asked for, or, where no row does, a further one;
    /// empty: every row fits.
    pub matches: &'static [Path],
    pub find: FindPlan,
    pub direct: Option<DirectPlan>,
}

/// The call that finds records by a key.
#[derive(Debug)]
pub struct FindPlan {
    pub call: fn(&Work, &Chunk, Page<'_>) -> NativeRequest,
    pub rows: Path,
    /// Where the provider's token of the next page is.
    pub next: Option<Path>,
    /// The rows may be what the records were a while ago: the one that fits is read once more before it is written.
    pub stale: bool,
    pub id: Path,
    /// The most characters of values that one call may have.
    pub split: usize,
    /// The most values of one call.
    pub max: usize,
}

/// The step to begin with when one value is given.
#[derive(Debug)]
pub struct DirectPlan {
    pub step: &'static str,
    /// Only if the value can stand in a path without being misread.
    pub plain_value: bool,
    /// Only if the record itself does not give the key another value.
    pub record_keeps_key: bool,
}

/// The machine of an upsert.
#[derive(Debug)]
pub struct Upsert {
    plan: &'static UpsertPlan,
    key: &'static KeyPlan,
    steps: Steps,
    /// As in `crm.account`.
    entity: &'static str,
    /// The records that were read by their ids.
    known: HashSet<String>,
    uncertain_for: Option<Duration>,
    pages: u32,
    waits_for: WaitsFor,
}

/// What the next responses are.
#[derive(Debug)]
enum WaitsFor {
    /// Those of searches, and then of records that were read by their ids.
    Found {
        searches: Vec<Search>,
        read: Vec<String>,
    },
    /// Those of the steps.
    Steps,
}

/// A search for a part of the values, at one of its pages.
#[derive(Debug)]
struct Search {
    chunk: Chunk,
    token: Option<String>,
}

impl Upsert {
    /// `POST …/_upsert`. `write` is the entity's own, `name` gives a key's name.
    pub fn open<K: serde::de::DeserializeOwned, T: serde::de::DeserializeOwned>(
        cx: Context,
        entity: &'static Entity,
        plan: &'static UpsertPlan,
        request: &UnifiedRequest,
        name: fn(K) -> &'static str,
        write: fn(&T, &mut Warnings) -> Result<NativeObject, Error>,
    ) -> Result<Box<dyn Translator>, Error> {
        let mut warnings = Warnings::default();
        let request = decode::upsert::<K, T>(request, &mut warnings)?;
        let record = write(&request.record, &mut warnings)?;
        let name = name(request.upsert_on.key);
        if let Some((_, why)) = plan.refused.iter().find(|(refused, _)| *refused == name) {
            return Err(Error::issue("body.upsert_on.key", *why));
        }
        let key = plan
            .keys
            .iter()
            .find(|key| key.name == name)
            .expect("the generator has seen to it that each key is there or refused");
        let fields = Fields::of(&cx, entity, Vec::new(), &mut warnings);
        let mut work = Work::new(cx, entity.form, fields, warnings);
        work.set_record(record);
        let values = &request.upsert_on.values;
        work.lookup = Some(Lookup::new(entity.name, key.name, key.normalize, values)?);
        work.apply_key(key.set, key.omit_from_changes)?;
        work.apply_defaults(entity.defaults);
        Ok(Box::new(Self {
            plan,
            key,
            steps: Steps::new(entity, plan.steps, work),
            entity: entity.name,
            known: HashSet::new(),
            uncertain_for: None,
            pages: 0,
            waits_for: WaitsFor::Steps,
        }))
    }

    /// The step that finds and writes at once, where the value and the record allow it.
    fn direct(&self) -> Option<&'static str> {
        let direct = self.key.direct.as_ref()?;
        let work = &self.steps.work;
        let lookup = work.lookup.as_ref()?;
        let fits = lookup.is_single()
            && (!direct.plain_value || lookup.is_plain())
            && (!direct.record_keeps_key || work.keeps_key());
        fits.then_some(direct.step)
    }

    /// The first calls: a search for each part of the values, and the records that were written a moment ago.
    fn find(&mut self, recent: &Recent) -> Step {
        let work = &self.steps.work;
        let find = &self.key.find;
        self.uncertain_for = recent.uncertain_for;
        let chunks = work
            .lookup
            .as_ref()
            .map_or_else(Vec::new, |lookup| lookup.chunks(find.split, find.max));
        let searches: Vec<Search> = chunks
            .into_iter()
            .map(|chunk| Search { chunk, token: None })
            .collect();
        let read = match self.plan.recent {
            Some(_) => recent.ids.clone(),
            None => Vec::new(),
        };
        self.calls(searches, read)
    }

    fn calls(&mut self, searches: Vec<Search>, read: Vec<String>) -> Step {
        let work = &self.steps.work;
        let search = |search: &Search| (self.key.find.call)(work, &search.chunk, search.page());
        let mut calls: Vec<NativeRequest> = searches.iter().map(search).collect();
        if let Some(recent) = self.plan.recent {
            calls.extend(read.iter().map(|id| recent(work, id)));
        }
        self.waits_for = WaitsFor::Found { searches, read };
        Step::Calls(calls)
    }

    fn found(
        &mut self,
        searches: Vec<Search>,
        read: Vec<String>,
        responses: &[NativeResponse],
    ) -> Result<Step, Error> {
        let work = &mut self.steps.work;
        for response in &responses[..searches.len()] {
            work.success(response)?;
        }
        for response in &responses[searches.len()..] {
            if !is_absent(work, response) {
                work.success(response)?;
            }
        }
        let Some(lookup) = &mut work.lookup else {
            return Ok(self.steps.go_to(self.plan.none));
        };
        // What was read by its id is as it is now, whatever the index says of it.
        for (id, response) in read.into_iter().zip(&responses[searches.len()..]) {
            lookup.forget(&id);
            if response.is_success() {
                let row = self.key.consider(lookup, &response.body, true)?;
                self.known.extend(row);
            }
            self.known.insert(id);
        }
        let mut more = Vec::new();
        let find = &self.key.find;
        for (search, response) in searches.into_iter().zip(responses) {
            let parts = pick::page(&response.body, find.rows, find.next, None)?;
            for row in parts.rows.into_iter().flatten() {
                let row = row.as_bytes();
                let id = pick::text_at(row, find.id)?;
                if !id.is_some_and(|id| self.known.contains(&*id)) {
                    self.key.consider(lookup, row, !find.stale)?;
                }
            }
            if let Some(token) = parts.next {
                let token = Some(pick::text(token)?.0.into_owned());
                more.push(Search { token, ..search });
            }
        }
        self.pages += 1;
        // A row that fits better than all before it may be on the last page.
        if !more.is_empty() && !lookup.is_settled() {
            if self.pages >= MOST_PAGES {
                return Err(key::too_many(lookup.key));
            }
            return Ok(self.calls(more, Vec::new()));
        }
        match lookup.found() {
            Found::Many(ids) => Err(key::conflict(&ids)),
            Found::Unsure(ids) => Ok(self.calls(Vec::new(), ids)),
            Found::One(id) => {
                work.set_record_id(id);
                Ok(self.steps.go_to(self.plan.one))
            }
            Found::None => match self.uncertain_for.filter(|_| self.plan.recent.is_some()) {
                Some(left) => Err(key::uncertain(lookup.key, left)),
                None => Ok(self.steps.go_to(self.plan.none)),
            },
        }
    }
}

/// The record is not there: gone since it was written, or merged away.
fn is_absent(work: &Work, response: &NativeResponse) -> bool {
    !response.is_success() && work.fault(response).code == Code::NotFound
}

impl Search {
    /// The page that is asked for; how large it is, the mapping says.
    fn page(&self) -> Page<'_> {
        Page {
            size: 0,
            token: self.token.as_deref(),
            after: None,
        }
    }
}

impl KeyPlan {
    /// Notes a row that may fit; its id.
    fn consider(
        &self,
        lookup: &mut Lookup,
        row: &[u8],
        is_sure: bool,
    ) -> Result<Option<String>, Error> {
        let id = pick::texts(row, &[self.find.id])?.pop().flatten();
        let values = pick::texts(row, self.matches)?;
        let values: Vec<_> = values.iter().map(Option::as_ref).collect();
        lookup.consider(id.as_ref(), &values, is_sure);
        Ok(id.map(|id| id.0.into_owned()))
    }
}

impl Translator for Upsert {
    fn keys(&self) -> &[MatchKey] {
        self.steps.work.lookup.as_ref().map_or(&[], Lookup::keys)
    }

    fn written_keys(&self) -> Vec<MatchKey> {
        let work = &self.steps.work;
        let mut keys = Vec::new();
        for key in self.plan.keys {
            // What the record has of the key that it is looked for by is among those then.
            if std::ptr::eq(key, self.key) && work.keeps_key() {
                continue;
            }
            if let Some(normal) = key.normalize.apply_json(work.record.get(key.set.name())) {
                let of = |key, value| MatchKey {
                    entity: self.entity,
                    key,
                    value,
                };
                keys.push(of("", key.normalize.shared(&normal)));
                keys.push(of(key.name, normal));
            }
        }
        keys
    }

    fn looks_back(&self) -> bool {
        self.plan.recent.is_some() && self.direct().is_none()
    }

    fn start(&mut self, recent: &Recent) -> Result<Step, Error> {
        match self.direct() {
            Some(step) => Ok(self.steps.go_to(step)),
            None => Ok(self.find(recent)),
        }
    }

    fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
        match std::mem::replace(&mut self.waits_for, WaitsFor::Steps) {
            WaitsFor::Found { searches, read } => self.found(searches, read, &responses),
            WaitsFor::Steps => self.steps.resume(responses),
        }
    }

    fn failed(&self, error: Error) -> Error {
        self.steps.failed(error)
    }

    fn left_behind(&self) -> Option<Written> {
        self.steps.left_behind()
    }
}
