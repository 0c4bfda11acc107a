//! Records that a provider could send, and such that none should: made of an entity's own members and of bytes that
//! choose among all that may be odd. The same bytes make the same record, and fewer of them a plainer one.

use std::collections::BTreeMap;

use crosswalk_codegen::plan::{
    PlanBesideKind, PlanConvert, PlanField, PlanNativeRef, PlanNativeType, PlanSource,
};

use crate::{Beside, Besides, Mapped, json::written, page, source::refs};

mod pools;

use pools::{FLAGS, FOREIGN_KEYS, INSTANTS, NUMBERS, ODD, PIECES, SPACES, TEXTS};

/// Choices that somebody has made in advance. After the last of them each is the first possibility.
#[derive(Debug)]
pub struct Choices<'c>(&'c [u8]);

impl<'c> Choices<'c> {
    pub fn new(bytes: &'c [u8]) -> Self {
        Self(bytes)
    }

    /// A number below `count`.
    pub fn below(&mut self, count: usize) -> usize {
        let Some((first, rest)) = self.0.split_first() else {
            return 0;
        };
        self.0 = rest;
        usize::from(*first) % count.max(1)
    }

    /// Seldom true: once in so many times.
    fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == times - 1
    }

    fn of<'t>(&mut self, these: &[&'t str]) -> &'t str {
        these[self.below(these.len())]
    }
}

/// A member of a native object.
#[derive(Debug)]
enum Node<'p> {
    Object(BTreeMap<&'p str, Node<'p>>),
    Value(Hint<'p>),
}

/// What a value could sensibly be.
#[derive(Debug, Clone)]
struct Hint<'p> {
    pool: &'static [&'static str],
    /// Values that mean something to the mapping.
    known: Vec<&'p str>,
    /// The record is refused without it.
    is_needed: bool,
}

/// How wild a record may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wildness {
    /// Every member once, keys that are text, objects where objects belong.
    Tame,
    /// Anything that is JSON, and now and then something that is not.
    Wild,
}

/// A native record of an entity.
pub fn record(mapped: Mapped<'_>, wildness: Wildness, choices: &mut Choices<'_>) -> String {
    let from = |from: &&PlanNativeRef| from.beside.is_none();
    object(&tree(mapped, from), wildness, choices)
}

/// An answer with a list of records.
pub fn answer(mapped: Mapped<'_>, wildness: Wildness, choices: &mut Choices<'_>) -> String {
    let Some(pager) = page::list(mapped).and_then(|list| list.full.first()) else {
        return String::new();
    };
    let rows: Vec<String> = (0..choices.below(5))
        .map(|_| match choices.below(24) {
            22 => "null".to_owned(),
            23 if wildness == Wildness::Wild => choices.of(ODD).to_owned(),
            _ => record(mapped, wildness, choices),
        })
        .collect();
    let rows = match choices.below(16) {
        14 => "null".to_owned(),
        15 => choices.of(ODD).to_owned(),
        _ => format!("[{}]", rows.join(",")),
    };
    let mut members = vec![nested(&pager.rows, &rows)];
    let token = [
        "\"17\"",
        "17",
        "\"\"",
        "null",
        "\"\\u0031\\u00e9 &?\"",
        "{}",
    ];
    for path in [&pager.next, &pager.more].into_iter().flatten() {
        if choices.once_in(2) {
            members.push(nested(path, choices.of(&token)));
        }
    }
    if choices.once_in(3) {
        members.push(foreign(choices, wildness));
    }
    if wildness == Wildness::Wild && choices.once_in(3) {
        let row = record(mapped, Wildness::Tame, choices);
        let rows = choices.of(&["[]", "null", "{}", "[null]"]);
        let rows = if choices.once_in(2) {
            format!("[{row}]")
        } else {
            rows.to_owned()
        };
        members.push(nested(&pager.rows, &rows));
    }
    if choices.once_in(2) {
        members.reverse();
    }
    format!("{{{}}}", members.join(","))
}

/// What stands beside records of the entity.
pub fn besides(mapped: Mapped<'_>, choices: &mut Choices<'_>) -> Besides {
    let plans = mapped.entity.beside.iter();
    plans
        .map(|plan| match plan.kind {
            _ if choices.once_in(8) => Beside::Nothing,
            PlanBesideKind::Labels { .. } => {
                let mut labels = BTreeMap::new();
                for value in keys() {
                    if !choices.once_in(4) {
                        let label = serde_json::from_str(choices.of(TEXTS));
                        labels.insert(value, label.unwrap_or_default());
                    }
                }
                Beside::Labels(labels)
            }
            _ => {
                let mut records = BTreeMap::new();
                for key in keys() {
                    let record = if matches!(plan.kind, PlanBesideKind::Text) {
                        choices.of(TEXTS).to_owned()
                    } else {
                        let ours = |from: &&PlanNativeRef| from.beside.as_ref() == Some(&plan.name);
                        object(&tree(mapped, ours), Wildness::Tame, choices)
                    };
                    // What is beside a record was cut out of JSON.
                    let is_json = serde_json::from_str::<&serde_json::value::RawValue>(&record);
                    if is_json.is_ok() {
                        records.insert(key, record.trim().as_bytes().to_vec());
                    }
                }
                Beside::Records(records)
            }
        })
        .collect()
}

/// The keys that records have of what is beside them, as far as they are texts.
fn keys() -> impl Iterator<Item = String> {
    let keys = TEXTS[..6].iter().chain(&NUMBERS[..1]);
    keys.filter_map(|token| crate::json::text(token))
        .filter(|key| !key.is_empty())
}

/// Changes some bytes, so that it may be no JSON any more.
pub fn spoil(json: &mut Vec<u8>, choices: &mut Choices<'_>) {
    const BYTES: &[u8] = b"{}[]\",:\\ u0e-.+tfn\n\t\x00\x1f\x7f\x80\xc3\xed\xff/";
    for _ in 0..=choices.below(4) {
        let at = (choices.below(256) << 8 | choices.below(256)) % (json.len() + 1);
        let byte = BYTES[choices.below(BYTES.len())];
        match choices.below(5) {
            0 => json.insert(at, byte),
            1 if at < json.len() => {
                json.remove(at);
            }
            2 if at < json.len() => json[at] = byte,
            3 if at < json.len() => json[at] ^= 1 << choices.below(8),
            4 => json.truncate(at),
            _ => {}
        }
    }
}

/// `"a":{"b":value}` for the path to `b`.
pub(crate) fn nested(path: &[String], value: &str) -> String {
    let Some((first, rest)) = path.split_first() else {
        return value.to_owned();
    };
    let inner = match rest {
        [] => value.to_owned(),
        rest => format!("{{{}}}", nested(rest, value)),
    };
    format!("{}:{inner}", written(first))
}

fn tree(
    mapped: Mapped<'_>,
    is_wanted: impl Fn(&&PlanNativeRef) -> bool,
) -> BTreeMap<&str, Node<'_>> {
    let mut tree = BTreeMap::new();
    let entity = mapped.entity;
    for field in &entity.fields {
        let losers = match &field.source {
            PlanSource::Losers { from, .. } => Some(from),
            _ => None,
        };
        for from in refs(&field.source)
            .into_iter()
            .chain(losers)
            .filter(&is_wanted)
        {
            add(&mut tree, &from.path, hint(field, from));
        }
    }
    for beside in &entity.beside {
        if is_wanted(&&beside.key) {
            let hint = Hint {
                pool: &TEXTS[..8],
                known: Vec::new(),
                is_needed: false,
            };
            add(&mut tree, &beside.key.path, hint);
        }
    }
    tree
}

fn add<'p>(tree: &mut BTreeMap<&'p str, Node<'p>>, path: &'p [String], hint: Hint<'p>) {
    match path {
        [] => {}
        [last] => match tree.get_mut(last.as_str()) {
            Some(Node::Value(known)) => {
                known.is_needed |= hint.is_needed;
                known.known.extend(hint.known);
            }
            Some(Node::Object(_)) => {}
            None => {
                tree.insert(last, Node::Value(hint));
            }
        },
        [first, rest @ ..] => {
            let node = tree
                .entry(first)
                .or_insert_with(|| Node::Object(BTreeMap::new()));
            if let Node::Object(inner) = node {
                add(inner, rest, hint);
            }
        }
    }
}

fn hint<'p>(field: &'p PlanField, from: &PlanNativeRef) -> Hint<'p> {
    let mut known = Vec::new();
    let by_convert = match &field.source {
        PlanSource::Value { convert, .. } => match convert {
            PlanConvert::Integer | PlanConvert::Number => Some(NUMBERS),
            PlanConvert::Timestamp | PlanConvert::DateAsTimestamp | PlanConvert::Date => {
                Some(INSTANTS)
            }
            PlanConvert::Boolean | PlanConvert::Not => Some(FLAGS),
            PlanConvert::Values { pairs, .. } => {
                known.extend(pairs.iter().map(|(_, native)| native.as_str()));
                None
            }
            _ => None,
        },
        _ => None,
    };
    let by_type = match from.ty {
        PlanNativeType::Text => TEXTS,
        PlanNativeType::Number => NUMBERS,
        PlanNativeType::Boolean => FLAGS,
    };
    Hint {
        pool: by_convert.unwrap_or(by_type),
        known,
        is_needed: field.required,
    }
}

fn object(
    tree: &BTreeMap<&str, Node<'_>>,
    wildness: Wildness,
    choices: &mut Choices<'_>,
) -> String {
    let mut members = Vec::new();
    for (name, node) in tree {
        let (is_needed, times) = match node {
            Node::Value(hint) => (hint.is_needed, 48),
            Node::Object(_) => (true, 24),
        };
        let may_be_absent = !is_needed || choices.once_in(32);
        if may_be_absent && choices.once_in(6) {
            continue;
        }
        let again = wildness == Wildness::Wild && choices.once_in(times);
        for _ in 0..=usize::from(again) {
            let value = match node {
                Node::Object(inner) => match choices.below(32) {
                    30 => "null".to_owned(),
                    31 if wildness == Wildness::Wild => choices.of(ODD).to_owned(),
                    _ => object(inner, wildness, choices),
                },
                Node::Value(hint) => value(hint, wildness, choices),
            };
            let key = key(name, choices);
            members.push(member(&key, &value, choices));
        }
        if choices.once_in(8) {
            members.push(foreign(choices, wildness));
        }
    }
    // Another order.
    for at in 0..members.len() {
        if choices.once_in(3) {
            let other = choices.below(members.len());
            members.swap(at, other);
        }
    }
    let (before, after) = (choices.of(SPACES), choices.of(SPACES));
    format!("{before}{{{}{after}}}{after}", members.join(","))
}

fn value(hint: &Hint<'_>, wildness: Wildness, choices: &mut Choices<'_>) -> String {
    if hint.is_needed && !choices.once_in(16) {
        // So that most records are not refused for one value.
        let good: Vec<&str> = hint.pool[..5]
            .iter()
            .copied()
            .filter(|it| it.len() > 2)
            .collect();
        return choices.of(&good).to_owned();
    }
    match choices.below(16) {
        0..=8 if !hint.known.is_empty() => written(hint.known[choices.below(hint.known.len())]),
        0..=6 if hint.pool != FLAGS => made(hint.pool, choices),
        0..=9 => legal(choices.of(hint.pool), wildness, choices),
        10 => "null".to_owned(),
        11 => choices.of(&[r#""""#, "{}", "[]"]).to_owned(),
        12 => choices.of(TEXTS).to_owned(),
        13 => choices.of(INSTANTS).to_owned(),
        14 => legal(choices.of(NUMBERS), wildness, choices),
        _ => legal(choices.of(ODD), wildness, choices),
    }
}

/// A token that is put together, of the kind that a pool has.
fn made(pool: &[&str], choices: &mut Choices<'_>) -> String {
    let quoted = |text: String| format!("\"{text}\"");
    if pool == INSTANTS {
        let mut two = |least: usize, count: usize| least + choices.below(count);
        // Leap years are at the turn of a century, and at its fourth year.
        let (century, year) = (two(15, 10), [0, 4, two(0, 100)][two(0, 3)]);
        // Now and then one that is on no calendar or on no clock.
        let (month, day) = ([2, two(1, 13)][two(0, 2)], [29, two(0, 33)][two(0, 2)]);
        let (hour, minute, second) = (two(0, 26), two(0, 62), two(0, 62));
        let fraction = choices.of(&[
            ".000",
            ".789",
            "",
            ".7",
            ".999",
            ".9995",
            ".",
            ".12345678912",
        ]);
        let zone = choices.of(&["Z", "+0000", "+00:00", "-0000", "+0130", "-11:59", "z", ""]);
        let day = format!("{century:02}{year:02}-{month:02}-{day:02}");
        return quoted(format!(
            "{day}T{hour:02}:{minute:02}:{second:02}{fraction}{zone}"
        ));
    }
    if pool == NUMBERS {
        let sign = choices.of(&["", "", "-"]);
        let digits = |choices: &mut Choices<'_>, most: usize| -> String {
            let count = 1 + choices.below(most);
            (0..count)
                .map(|_| choices.of(&["0", "1", "0", "5", "9"]))
                .collect()
        };
        let whole = digits(choices, 24);
        let whole = whole.trim_start_matches('0');
        let whole = if whole.is_empty() { "0" } else { whole };
        let fraction = match choices.below(2) {
            0 => String::new(),
            _ => format!(".{}", digits(choices, 24)),
        };
        let exponent = match choices.below(3) {
            0 | 1 => String::new(),
            _ => format!("e{}{}", choices.of(&["", "+", "-"]), digits(choices, 3)),
        };
        let number = format!("{sign}{whole}{fraction}{exponent}");
        return if choices.once_in(3) {
            quoted(number)
        } else {
            number
        };
    }
    let count = choices.below(24);
    quoted((0..count).map(|_| choices.of(PIECES)).collect())
}

/// What is no JSON stands there seldom: it costs the whole record.
fn legal(token: &str, wildness: Wildness, choices: &mut Choices<'_>) -> String {
    let is_legal = serde_json::from_str::<&serde_json::value::RawValue>(token).is_ok();
    if is_legal || (wildness == Wildness::Wild && choices.once_in(8)) {
        token.to_owned()
    } else {
        "null".to_owned()
    }
}

fn key(name: &str, choices: &mut Choices<'_>) -> String {
    if !choices.once_in(10) {
        return name.to_owned();
    }
    let at = choices.below(name.len());
    let escaped = name.chars().enumerate().map(|(index, character)| {
        if index == at {
            format!("\\u{:04x}", u32::from(character))
        } else {
            character.to_string()
        }
    });
    escaped.collect()
}

fn member(key: &str, value: &str, choices: &mut Choices<'_>) -> String {
    let mut space = || choices.of(SPACES);
    format!(
        "{}\"{key}\"{}:{}{value}{}",
        space(),
        space(),
        space(),
        space()
    )
}

fn foreign(choices: &mut Choices<'_>, wildness: Wildness) -> String {
    let key = choices.of(FOREIGN_KEYS);
    let is_half = key.starts_with("\\ud");
    let key = if wildness == Wildness::Tame && is_half {
        "attributes"
    } else {
        key
    };
    let pool = if choices.once_in(2) { ODD } else { TEXTS };
    let token = choices.of(pool);
    let mut value = legal(token, wildness, choices);
    // Deeper than a recursion would like.
    for _ in 0..[0, 1, 3, 200][choices.below(4)] {
        value = if choices.once_in(2) {
            format!("[{value}]")
        } else {
            format!("{{\"id\":{value}}}")
        };
    }
    member(key, &value, choices)
}
