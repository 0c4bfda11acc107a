//! Any values, and any pages, walks and failures in any order, against a map that is kept beside.

use std::{collections::BTreeMap, future::poll_fn, pin::pin, task::Poll};

use crosswalk::destination::{Kind, Row, WalkEnd};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::stage::{Runner, Stage, accounts, row, table};

on_both!(any_values_are_read_back, any_sequence_of_pages_equals_a_map);

/// Runs as many cases as there is time for, with the database from one to the next.
async fn for_cases<T: std::fmt::Debug>(
    strategy: impl Strategy<Value = T>,
    cases: usize,
    mut case: impl AsyncFnMut(T),
) {
    let mut runner = proptest::test_runner::TestRunner::default();
    for _ in 0..cases {
        let tree = strategy.new_tree(&mut runner).unwrap();
        case(proptest::strategy::ValueTree::current(&tree)).await;
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 20, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            prop::collection::vec((any::<String>(), inner), 0..5)
                .prop_map(|members| Value::Object(members.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// As it is kept: no NUL characters.
fn kept(value: &Value) -> Value {
    match value {
        Value::String(text) => text.replace('\0', "\u{fffd}").into(),
        Value::Array(items) => items.iter().map(kept).collect(),
        Value::Object(members) => members
            .iter()
            .map(|(name, value)| (name.replace('\0', "\u{fffd}"), kept(value)))
            .collect::<Map<_, _>>()
            .into(),
        other => other.clone(),
    }
}

/// Whether two values are the same JSON; numbers by their value, as `jsonb` writes them in full.
fn is_same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => {
            left == right || left.as_f64() == right.as_f64()
        }
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .zip(right)
                    .all(|(left, right)| is_same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            left.len() == right.len()
                && left
                    .iter()
                    .all(|(name, left)| right.get(name).is_some_and(|right| is_same(left, right)))
        }
        _ => left == right,
    }
}

async fn any_values_are_read_back(stage: Stage) {
    let table = table(&[
        ("text", Kind::Text),
        ("integer", Kind::Integer),
        ("number", Kind::Number),
        ("json", Kind::Json),
    ]);
    let runner = Runner::of(&stage, &table).await;
    let records = prop::collection::vec(
        (
            any::<String>(),
            any::<i64>(),
            any::<f64>(),
            any_json(),
            any_json(),
        ),
        1..20,
    );
    let mut count = 0;
    for_cases(records, 60, async |records| {
        let page: Vec<Value> = records
            .iter()
            .enumerate()
            .map(|(n, (text, integer, number, value, raw))| {
                json!({"id": n.to_string(), "text": text, "integer": integer, "number": number, "json": value, "raw_data": raw})
            })
            .collect();
        count += page.len();
        let applied = runner.apply(&page, "1").await.unwrap();
        for warning in &applied.warnings {
            assert_eq!(warning.column, "", "only characters are replaced: {warning:?}");
        }
        let rows = stage.rows(&table).await;
        for (n, (text, integer, number, value, raw)) in records.iter().enumerate() {
            let found = row(&rows, &n.to_string());
            assert_eq!(found["text"], text.replace('\0', "\u{fffd}"));
            assert_eq!(found["integer"], integer.to_string());
            let read: f64 = found["number"].as_str().unwrap().parse().unwrap();
            assert!(read.to_bits() == number.to_bits() || (read == 0.0 && *number == 0.0), "{number} {read}");
            assert!(is_same(&found["json"], &kept(value)), "{value} {}", found["json"]);
            assert!(is_same(&found["raw_data"], &kept(raw)), "{raw} {}", found["raw_data"]);
        }
    })
    .await;
    assert!(count > 100);
}

#[derive(Debug, Clone)]
enum Step {
    Page(Vec<Change>),
    /// The runner is gone after it has waited for the database so many times; whether it has written is found out by
    /// the cursor.
    Aborted(Vec<Change>, u8),
    BeginWalk,
    FinishWalk,
    /// Another runner takes over, and the old one tries once more.
    TakeOver(Vec<Change>),
}

#[derive(Debug, Clone)]
struct Change {
    id: u8,
    name: Option<u8>,
    employees: Option<i32>,
    is_deleted: bool,
}

impl Change {
    fn record(&self) -> Value {
        json!({"id": self.id.to_string(), "name": self.name.map(|name| name.to_string()), "employees": self.employees,
               "is_deleted": self.is_deleted})
    }
}

/// Goes on with something until it has had to wait so many times, and drops it: no clock decides how far it gets.
async fn give_up(doing: impl Future, waits: u8) {
    let mut doing = pin!(doing);
    let mut left = waits;
    poll_fn(|cx| {
        if left == 0 || doing.as_mut().poll(cx).is_ready() {
            return Poll::Ready(());
        }
        left -= 1;
        Poll::Pending
    })
    .await;
}

fn any_step() -> impl Strategy<Value = Step> {
    let change = (
        0..30_u8,
        prop::option::of(0..4_u8),
        prop::option::of(0..4_i32),
        prop::bool::weighted(0.2),
    )
        .prop_map(|(id, name, employees, is_deleted)| Change {
            id,
            name,
            employees,
            is_deleted,
        });
    let page = prop::collection::vec(change, 0..25);
    prop_oneof![
        5 => page.clone().prop_map(Step::Page),
        3 => (page.clone(), 0..12_u8).prop_map(|(page, waits)| Step::Aborted(page, waits)),
        1 => Just(Step::BeginWalk),
        1 => Just(Step::FinishWalk),
        1 => page.prop_map(Step::TakeOver),
    ]
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Kept {
    name: Option<String>,
    employees: Option<String>,
    is_deleted: bool,
    generation: i64,
}

#[derive(Debug, Clone, Default)]
struct Model {
    rows: BTreeMap<String, Kept>,
    generation: i64,
}

impl Model {
    fn apply(&mut self, changes: &[Change]) {
        for change in changes {
            let kept = self.rows.entry(change.id.to_string()).or_default();
            let name = change.name.map(|name| name.to_string());
            let employees = change.employees.map(|employees| employees.to_string());
            if change.is_deleted {
                kept.name = name.or(kept.name.take());
                kept.employees = employees.or(kept.employees.take());
            } else {
                (kept.name, kept.employees) = (name, employees);
            }
            kept.is_deleted = change.is_deleted;
            kept.generation = self.generation;
        }
    }

    fn finish_walk(&mut self) {
        for kept in self.rows.values_mut() {
            if kept.generation < self.generation {
                kept.is_deleted = true;
            }
        }
    }
}

async fn found(stage: &Stage) -> BTreeMap<String, Kept> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    stage
        .rows(&accounts())
        .await
        .into_iter()
        .map(|((_, id), row)| {
            assert_eq!(row["_deleted"] == true, row["_deleted_at"].is_string());
            let kept = Kept {
                name: text(&row["name"]),
                employees: text(&row["employees"]),
                is_deleted: row["_deleted"] == true,
                generation: text(&row["_generation"]).unwrap().parse().unwrap(),
            };
            (id, kept)
        })
        .collect()
}

async fn any_sequence_of_pages_equals_a_map(stage: Stage) {
    let mut runner = Runner::of(&stage, &accounts()).await;
    let mut model = Model::default();
    let mut cursor = 0_u64;
    let mut aborted = [0, 0];
    for_cases(any_step(), 250, async |step| {
        cursor += 1;
        let next = cursor.to_string();
        match &step {
            Step::Page(changes) => {
                let page: Vec<Value> = changes.iter().map(Change::record).collect();
                runner.apply(&page, &next).await.unwrap();
                model.apply(changes);
            }
            Step::Aborted(changes, waits) => {
                let rows: Vec<Row> = changes
                    .iter()
                    .map(|change| Row::from_record(&change.record().to_string()).unwrap())
                    .collect();
                give_up(runner.apply_rows(&rows, &next), *waits).await;
                // As a runner that was killed and started again.
                runner.fence += 1;
                let reached = runner
                    .destination
                    .claim(&runner.key, runner.fence)
                    .await
                    .unwrap();
                let is_written = reached.cursor.as_deref() == Some(next.as_str());
                aborted[usize::from(is_written)] += 1;
                if is_written {
                    model.apply(changes);
                }
            }
            Step::BeginWalk => {
                let reached = runner
                    .destination
                    .begin_walk(&runner.key, &runner.table, runner.fence, Some(&next))
                    .await
                    .unwrap();
                model.generation += 1;
                assert_eq!(reached.generation, model.generation);
            }
            Step::FinishWalk => {
                let end = WalkEnd {
                    key: &runner.key,
                    table: &runner.table,
                    fence: runner.fence,
                    cursor: Some(&next),
                };
                runner.destination.finish_walk(end).await.unwrap();
                model.finish_walk();
            }
            Step::TakeOver(changes) => {
                runner
                    .destination
                    .claim(&runner.key, runner.fence + 1)
                    .await
                    .unwrap();
                let page: Vec<Value> = changes.iter().map(Change::record).collect();
                runner.apply(&page, &next).await.unwrap_err();
                runner.fence += 1;
            }
        }
        assert_eq!(found(&stage).await, model.rows, "after {step:?}");
    })
    .await;
    assert!(
        aborted.iter().all(|count| *count > 0),
        "both outcomes of an abort: {aborted:?}"
    );
}
