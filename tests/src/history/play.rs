//! The clients of a history, at work.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use serde_json::{Map, Value, json};

use super::{
    call::{Ended, Request, call},
    register::Moment,
    script::{Doing, Entity, Fields, Script, Step},
    told::{Event, Mark, Told, What, unified},
};
use crate::{Contract, stage::headers};

/// Beyond the time within which the proxy must have answered: the machine may be busy with much else.
const GRACE: Duration = Duration::from_secs(8);
/// The pages of lists: longer than a history has records.
const PAGE: usize = 100;

/// Where clients call, and what an answer may look like.
#[derive(Debug)]
pub(super) struct Door {
    pub(super) address: String,
    pub(super) connection: String,
    /// Within which the proxy answers, whatever happens.
    pub(super) deadline: Duration,
    pub(super) answers: Arc<Answers>,
}

/// The contract's schemas, each made once.
#[derive(Debug)]
pub(super) struct Answers {
    contract: Contract,
    made: Mutex<BTreeMap<(String, u16), Arc<jsonschema::Validator>>>,
}

/// What clients share: they tell each other of records.
#[derive(Debug)]
pub(super) struct Stage {
    began: Instant,
    known: Mutex<Vec<(Entity, String)>>,
    events: Mutex<Vec<Event>>,
}

impl Answers {
    pub(super) fn new() -> Self {
        Self {
            contract: Contract::load(),
            made: Mutex::default(),
        }
    }

    fn fault(&self, operation: &str, status: u16, body: &Value) -> Option<String> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (operation.to_owned(), status);
        let validator = match made.get(&key) {
            Some(validator) => Arc::clone(validator),
            None => match self.contract.validator(operation, status) {
                None => {
                    return Some(format!(
                        "{operation} has no answer {status} in the contract"
                    ));
                }
                Some(validator) => Arc::clone(made.entry(key).or_insert(Arc::new(validator))),
            },
        };
        drop(made);
        let fault = validator.iter_errors(body).next()?;
        Some(format!("not an answer of the contract: {fault} in {body}"))
    }
}

impl Stage {
    pub(super) fn new() -> Self {
        Self {
            began: Instant::now(),
            known: Mutex::default(),
            events: Mutex::default(),
        }
    }

    pub(super) fn now(&self) -> Moment {
        self.at(Instant::now())
    }

    /// In microseconds, from 1: 0 is before everything.
    pub(super) fn at(&self, moment: Instant) -> Moment {
        let since = moment.saturating_duration_since(self.began).as_micros();
        1 + Moment::try_from(since).unwrap_or(Moment::MAX - 1)
    }

    pub(super) fn events(&self) -> Vec<Event> {
        let events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.clone()
    }

    pub(super) fn known(&self, entity: Entity) -> Vec<String> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = known.iter().filter(|(of, _)| *of == entity);
        known.map(|(_, id)| id.clone()).collect()
    }

    fn push(&self, event: Event) {
        if let Told::Done(body) = &event.told
            && let Some(record) = unified(event.entity, &body["record"])
        {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            let record = (event.entity, record.id);
            if !known.contains(&record) {
                known.push(record);
            }
        }
        let mut events = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        events.push(event);
    }
}

/// One client, from its first step to its last.
pub(super) async fn client(door: &Door, stage: &Stage, script: &Script, number: usize) {
    for (at, step) in script.clients[number].iter().enumerate() {
        tokio::time::sleep(step.pause).await;
        let name = format!("c{number}s{at}");
        perform(door, stage, script, *step, &name).await;
    }
}

/// One step, with its repetitions. True if it was done.
pub(super) async fn perform(
    door: &Door,
    stage: &Stage,
    script: &Script,
    step: Step,
    name: &str,
) -> bool {
    let (what, operation, mut request) = ask(stage, script, step.doing, name);
    request.headers = headers(&door.connection);
    if let Some(timeout) = step.timeout {
        let line = format!("x-request-timeout: {}ms\r\n", timeout.as_millis());
        request.headers.push_str(&line);
    }
    if step.keyed.is_some() {
        let line = format!("idempotency-key: \"{}-{name}\"\r\n", mark(script, name));
        request.headers.push_str(&line);
    }
    let allowed = step
        .timeout
        .map_or(door.deadline, |told| told.min(door.deadline));
    let from = stage.now();
    let mut told: Option<Told> = None;
    let (mut sent, mut late) = (0, Duration::ZERO);
    for again in 0..=step.keyed.unwrap_or(0) {
        // Only the first time: somebody who hangs up comes back to know.
        let hangs_up = step.hangs_up.filter(|_| again == 0);
        let asked = Instant::now();
        let ended = call(&door.address, &request, hangs_up, GRACE + allowed).await;
        late = late.max(asked.elapsed().saturating_sub(allowed));
        sent += 1;
        let latest = judged(&door.answers, &operation, ended);
        told = Some(together(told, latest));
        if matches!(told, Some(Told::Done(_) | Told::Nonsense(_))) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    let told = told.unwrap_or(Told::Nothing);
    let is_done = matches!(told, Told::Done(_));
    let body = request
        .body
        .map(|body| body.to_string())
        .unwrap_or_default();
    let (method, target) = (request.method, &request.target);
    stage.push(Event {
        title: format!("{name} {method} {target} {body}"),
        entity: step.doing.entity(),
        what,
        from,
        to: stage.now(),
        told,
        sent,
        late,
    });
    is_done
}

/// What is known after a further try with the same key.
fn together(before: Option<Told>, latest: Told) -> Told {
    match (before, latest) {
        // A refusal of the first says that it wrote nothing; one of the repetition says nothing of what was before it, which
        // may still be under way.
        (None | Some(Told::Refused(..)), latest)
        | (_, latest @ (Told::Done(_) | Told::Nonsense(_))) => latest,
        (Some(before @ Told::Written(..)), _) => before,
        (Some(_), latest @ Told::Written(..)) => latest,
        (Some(before), _) => before,
    }
}

fn judged(answers: &Answers, operation: &str, ended: Ended) -> Told {
    let (status, text) = match ended {
        Ended::Answered(status, text) => (status, text),
        Ended::HungUp => return Told::Nothing,
        Ended::TooLate => return Told::Nonsense("no answer in time".to_owned()),
        Ended::Broken(error) => return Told::Nonsense(format!("no answer: {error}")),
    };
    let Ok(body) = serde_json::from_str::<Value>(&text) else {
        return Told::Nonsense(format!("{status}, and not JSON: {text:?}"));
    };
    if let Some(fault) = answers.fault(operation, status, &body) {
        return Told::Nonsense(format!("{status}: {fault}"));
    }
    match body["outcome"].as_str() {
        _ if status == 200 => Told::Done(body),
        Some("unknown") => Told::Unknown(status, body),
        Some("written") => Told::Written(status, body),
        None => Told::Refused(status, body),
        Some(other) => Told::Nonsense(format!("outcome {other:?}")),
    }
}

/// A mark of this history that nothing else has.
fn mark(script: &Script, name: &str) -> Mark {
    format!("hx{}{name}", script.number)
}

fn ask(stage: &Stage, script: &Script, doing: Doing, name: &str) -> (What, String, Request) {
    let entity = doing.entity();
    let base = format!("/unified/crm/{}", entity.name());
    let known = stage.known(entity);
    let picked = |pick: usize| known.get(pick % known.len().max(1)).cloned();
    let (what, verb, method, target, body) = match doing {
        Doing::Create(Entity::Note) => {
            let mark = mark(script, name);
            let body = json!({"record": {"content": mark}});
            let what = What::Create(mark, [None, None]);
            (what, "create", "POST", base, Some(body))
        }
        Doing::Create(_) => {
            let mark = mark(script, name);
            let (mut record, values) = fields(entity, Fields::Both, name);
            match entity {
                Entity::Account => record.insert("website".into(), website(&mark)),
                _ => record.insert("phone".into(), json!(mark)),
            };
            let body = json!({ "record": record });
            (
                What::Create(mark, values),
                "create",
                "POST",
                base,
                Some(body),
            )
        }
        Doing::Upsert(_, key) => {
            let mark = format!("hx{}k{key}", script.number);
            let (record, values) = fields(entity, Fields::Both, name);
            let on = match entity {
                Entity::Account => json!({"key": "website", "values": [website(&mark)]}),
                _ => json!({"key": "email", "values": [format!("{mark}@mark.example")]}),
            };
            let body = json!({ "upsert_on": on, "record": record });
            let target = format!("{base}/_upsert");
            (
                What::Upsert(mark, values),
                "upsert",
                "POST",
                target,
                Some(body),
            )
        }
        Doing::Update(_, pick, which) if let Some(id) = picked(pick) => {
            let (record, values) = fields(entity, which, name);
            let target = format!("{base}/{id}");
            let body = json!({ "record": record });
            (
                What::Update(id, values),
                "update",
                "PATCH",
                target,
                Some(body),
            )
        }
        Doing::Get(_, pick) if let Some(id) = picked(pick) => {
            let target = format!("{base}/{id}");
            (What::Get(id), "get", "GET", target, None)
        }
        Doing::BatchRead(_) if !known.is_empty() => {
            let ids: Vec<String> = known.into_iter().take(3).collect();
            let target = format!("{base}/_batch_read");
            let body = json!({ "ids": ids, "properties": [] });
            (
                What::BatchRead(ids),
                "batch_read",
                "POST",
                target,
                Some(body),
            )
        }
        Doing::List(_) | Doing::Update(..) | Doing::Get(..) | Doing::BatchRead(_) => {
            let target = format!("{base}?page_size={PAGE}");
            (What::List, "list", "GET", target, None)
        }
    };
    let operation = format!("crm.{}.{verb}", entity.name());
    let request = Request {
        method,
        target,
        headers: String::new(),
        body,
    };
    (what, operation, request)
}

fn website(mark: &str) -> Value {
    json!(format!("https://{mark}.example"))
}

/// Values that no other call writes.
fn fields(entity: Entity, which: Fields, name: &str) -> (Map<String, Value>, [Option<String>; 2]) {
    let mut values = [None, None];
    let mut record = Map::new();
    for (index, field) in entity.fields().into_iter().enumerate() {
        if which.has(index) {
            let value = format!("v{name}f{index}");
            record.insert(field.to_owned(), json!(value));
            values[index] = Some(value);
        }
    }
    (record, values)
}
