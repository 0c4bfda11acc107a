//! Upserts: find, then create or update; or, where the provider can, both at once.

use super::{
    Context, MatchKey, NativeRequest, NativeResponse, Step, Translator,
    call::Fields,
    decode,
    entity::Entity,
    key::{self, Chunk, Found, Lookup, Normalize},
    pick::{self, Path},
    steps::{StepPlan, Steps},
    warning::Warnings,
    work::Work,
    write::NativeObject,
};
use crate::{error::Error, route::UnifiedRequest};

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
    pub set: &'static str,
    /// A record that has the key already does not get it again.
    pub omit_from_changes: bool,
    /// A row fits when the first present of these is one of the values asked for; empty: every row fits.
    pub matches: &'static [Path],
    pub find: FindPlan,
    pub direct: Option<DirectPlan>,
}

/// The call that finds records by a key.
#[derive(Debug)]
pub struct FindPlan {
    pub call: fn(&Work, &Chunk) -> NativeRequest,
    pub rows: Path,
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
    /// How many of the calls under way are searches, the rest reading recent records; none once the steps have begun.
    searches: Option<usize>,
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
            searches: None,
        }))
    }

    /// The step that finds and writes at once, where the value and the record allow it.
    fn direct(&self) -> Option<&'static str> {
        let direct = self.key.direct.as_ref()?;
        let work = &self.steps.work;
        let lookup = work.lookup.as_ref()?;
        let fits = lookup.is_single()
            && (!direct.plain_value || lookup.is_plain())
            && (!direct.record_keeps_key || work.keeps_key(self.key.set));
        fits.then_some(direct.step)
    }

    fn find(&mut self, recent: &[String]) -> Step {
        let work = &self.steps.work;
        let find = &self.key.find;
        let chunks = work
            .lookup
            .as_ref()
            .map_or_else(Vec::new, |lookup| lookup.chunks(find.split, find.max));
        let mut calls: Vec<NativeRequest> = chunks
            .iter()
            .map(|chunk| (find.call)(work, chunk))
            .collect();
        self.searches = Some(calls.len());
        if let Some(read) = self.plan.recent {
            calls.extend(recent.iter().map(|id| read(work, id)));
        }
        Step::Calls(calls)
    }

    fn found(&mut self, searches: usize, responses: &[NativeResponse]) -> Result<Step, Error> {
        let (searches, recent) = responses.split_at(searches.min(responses.len()));
        let work = &mut self.steps.work;
        for response in searches {
            work.success(response)?;
        }
        let Some(lookup) = &mut work.lookup else {
            return Ok(self.steps.go_to(self.plan.none));
        };
        for response in searches {
            let parts = pick::page(&response.body, self.key.find.rows, None, None)?;
            for row in parts.rows.0.into_iter().flatten() {
                self.key.consider(lookup, row.get().as_bytes())?;
            }
        }
        // One that is gone, or that cannot be read, is not found.
        for response in recent.iter().filter(|response| response.is_success()) {
            self.key.consider(lookup, &response.body)?;
        }
        match lookup.found() {
            Found::None => Ok(self.steps.go_to(self.plan.none)),
            Found::One(id) => {
                work.set_record_id(id);
                Ok(self.steps.go_to(self.plan.one))
            }
            Found::Many(ids) => Err(key::conflict(&ids)),
        }
    }
}

impl KeyPlan {
    fn consider(&self, lookup: &mut Lookup, row: &[u8]) -> Result<(), Error> {
        let id = pick::texts(row, &[self.find.id])?.pop().flatten();
        let values = pick::texts(row, self.matches)?;
        let values: Vec<_> = values.iter().map(Option::as_ref).collect();
        lookup.consider(id.as_ref(), &values);
        Ok(())
    }
}

impl Translator for Upsert {
    fn keys(&self) -> &[MatchKey] {
        self.steps.work.lookup.as_ref().map_or(&[], Lookup::keys)
    }

    fn start(&mut self, recent: &[String]) -> Result<Step, Error> {
        match self.direct() {
            Some(step) => Ok(self.steps.go_to(step)),
            None => Ok(self.find(recent)),
        }
    }

    fn resume(&mut self, responses: Vec<NativeResponse>) -> Result<Step, Error> {
        match self.searches.take() {
            Some(searches) => self.found(searches, &responses),
            None => self.steps.resume(responses),
        }
    }

    fn failed(&self, error: Error) -> Error {
        self.steps.failed(error)
    }
}
