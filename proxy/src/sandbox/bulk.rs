//! Many invented rows at once, and all rows of an object at a glance: what both providers' commands for that share.
//!
//! | | |
//! | --- | --- |
//! | `POST /_sandbox/fill` | `{"contacts": 200000, "accounts": 1000, "step_ms": 1, "linked": false}`; all can be left out |
//! | `POST /_sandbox/churn` | `{"object": "contacts", "creates": 2, "updates": 5, "deletes": 1, "seed": 7}`: changes as others make them |
//! | `GET /_sandbox/records?object=contacts&limit=1000&fields=email&after=…` | a page of all rows, deleted ones too |
//!
//! The same fill of the same account makes the same people. Each row is `step_ms` younger than the one before, and the
//! last is of now; 0 gives all of them one time. `linked` gives each contact one of the accounts made with it.

use serde::Deserialize;
use serde_json::{Value, json};

/// The most rows of one fill: what a machine's memory takes.
const MOST_ROWS: u64 = 2_000_000;
const DEFAULT_LIMIT: usize = 1_000;
const MAX_LIMIT: usize = 10_000;

const FIRST_NAMES: [&str; 16] = [
    "Ada", "Bela", "Carla", "Dario", "Edda", "Falk", "Greta", "Hugo", "Ines", "Jonas", "Kira",
    "Levi", "Mila", "Nils", "Orla", "Pavel",
];
const LAST_NAMES: [&str; 23] = [
    "Abel", "Berg", "Costa", "Dahl", "Engel", "Frost", "Gruber", "Hansen", "Ivarsson", "Jansen",
    "Keller", "Lund", "Moreau", "Novak", "Olsen", "Petrov", "Quist", "Rossi", "Santos", "Tanaka",
    "Urban", "Vogel", "Weiss",
];
const CITIES: [&str; 7] = ["Oslo", "Porto", "Graz", "Leeds", "Turku", "Ghent", "Malaga"];

/// What a fill asks for.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Fill {
    pub(super) contacts: u64,
    #[serde(alias = "companies")]
    pub(super) accounts: u64,
    pub(super) step_ms: u32,
    pub(super) linked: bool,
}

impl Default for Fill {
    fn default() -> Self {
        Self {
            contacts: 0,
            accounts: 0,
            step_ms: 1,
            linked: false,
        }
    }
}

impl Fill {
    pub(super) fn read(body: &Value) -> Result<Self, String> {
        let fill = Self::deserialize(body).map_err(|e| e.to_string())?;
        if fill.contacts.saturating_add(fill.accounts) > MOST_ROWS {
            return Err(format!("at most {MOST_ROWS} rows can be made at once"));
        }
        if fill.linked && fill.accounts == 0 && fill.contacts > 0 {
            return Err("linked: accounts are needed to link contacts to".to_owned());
        }
        Ok(fill)
    }

    /// When the row at a position among so many was written.
    pub(super) fn time(&self, position: u64, of: u64, now_ms: i64) -> i64 {
        let younger = of.saturating_sub(position + 1);
        let by = younger.saturating_mul(u64::from(self.step_ms));
        now_ms.saturating_sub(i64::try_from(by).unwrap_or(i64::MAX))
    }
}

/// What a churn asks for.
#[derive(Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Churn {
    object: String,
    pub(super) creates: u64,
    updates: u64,
    deletes: u64,
    seed: u64,
}

impl Default for Churn {
    fn default() -> Self {
        Self {
            object: "contacts".to_owned(),
            creates: 0,
            updates: 0,
            deletes: 0,
            seed: 0,
        }
    }
}

/// The rows that a churn changes and ends; none is in both.
#[derive(Debug)]
pub(super) struct Chosen<T> {
    pub(super) updates: Vec<T>,
    pub(super) deletes: Vec<T>,
}

impl Churn {
    pub(super) fn read(body: &Value) -> Result<Self, String> {
        let churn = Self::deserialize(body).map_err(|e| e.to_string())?;
        if churn.creates > MOST_ROWS {
            return Err(format!("at most {MOST_ROWS} rows can be made at once"));
        }
        Ok(churn)
    }

    /// Whether it is about accounts, which both providers have another name for, or about contacts.
    pub(super) fn is_of_accounts(&self) -> Result<bool, String> {
        match self.object.to_ascii_lowercase().as_str() {
            "contacts" | "contact" => Ok(false),
            "accounts" | "account" | "companies" => Ok(true),
            other => Err(format!(
                "object: expected contacts or accounts, found {other}"
            )),
        }
    }

    /// A number for a changed row, the same for the same seed.
    pub(super) fn number(&self, position: usize) -> u64 {
        mixed(self.seed.wrapping_add(mixed(position as u64)))
    }

    /// Rows out of those there are: the same ones for the same seed, and as many as there are at most.
    pub(super) fn choose<T>(&self, mut rows: Vec<T>) -> Chosen<T> {
        let mut state = self.seed;
        let mut take = |count: u64| {
            let mut taken = Vec::new();
            for _ in 0..count.min(rows.len() as u64) {
                state = mixed(state.wrapping_add(1));
                let at = state % rows.len() as u64;
                taken.push(rows.swap_remove(usize::try_from(at).unwrap_or_default()));
            }
            taken
        };
        Chosen {
            deletes: take(self.deletes),
            updates: take(self.updates),
        }
    }
}

/// Spreads numbers that follow each other (the finalizer of `SplitMix64`).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Somebody who does not exist.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) first_name: &'static str,
    pub(super) last_name: &'static str,
    pub(super) email: String,
    pub(super) phone: String,
}

/// The person of a number; no two have one address.
pub(super) fn person(number: u64) -> Person {
    let first_name = pick(&FIRST_NAMES, number);
    let last_name = pick(&LAST_NAMES, number / FIRST_NAMES.len() as u64);
    let (first, last) = (first_name.to_lowercase(), last_name.to_lowercase());
    Person {
        first_name,
        last_name,
        email: format!("{first}.{last}.{number}@people.example"),
        phone: phone(number),
    }
}

/// A telephone that does not ring.
pub(super) fn phone(number: u64) -> String {
    format!("+1 555 {:07}", number % 10_000_000)
}

/// A city for a firm to move to.
pub(super) fn city(number: u64) -> &'static str {
    pick(&CITIES, number)
}

/// A firm that does not exist.
#[derive(Debug)]
pub(super) struct Firm {
    pub(super) name: String,
    pub(super) domain: String,
    pub(super) city: &'static str,
}

/// The firm of a number; no two have one domain.
pub(super) fn firm(number: u64) -> Firm {
    Firm {
        name: format!("{} & Sons {number}", pick(&LAST_NAMES, number)),
        domain: format!("firm-{number}.example"),
        city: pick(&CITIES, number),
    }
}

fn pick(names: &'static [&'static str], number: u64) -> &'static str {
    let at = number % names.len() as u64;
    usize::try_from(at).map_or(names[0], |at| names[at])
}

/// Which rows a dump asks for.
#[derive(Debug)]
pub(super) struct Dump {
    pub(super) object: String,
    /// The last id of the page before.
    pub(super) after: Option<String>,
    pub(super) limit: usize,
    fields: Vec<String>,
}

impl Dump {
    pub(super) fn read(asked: &[(String, String)]) -> Result<Self, String> {
        let mut dump = Self {
            object: String::new(),
            after: None,
            limit: DEFAULT_LIMIT,
            fields: Vec::new(),
        };
        for (name, value) in asked {
            match name.as_str() {
                "object" => dump.object.clone_from(value),
                "after" => dump.after = Some(value.clone()),
                "limit" => {
                    let limit = value.parse().ok();
                    let limit = limit.filter(|limit| (1..=MAX_LIMIT).contains(limit));
                    dump.limit = limit.ok_or_else(|| {
                        format!("limit: expected 1 to {MAX_LIMIT}, found {value}")
                    })?;
                }
                "fields" => dump.fields.extend(value.split(',').map(str::to_owned)),
                _ => return Err(format!("{name}: there is no such parameter")),
            }
        }
        if dump.object.is_empty() {
            return Err("object: expected the name of an object".to_owned());
        }
        Ok(dump)
    }

    /// Whether a value is asked for; `*` asks for all.
    pub(super) fn wants(&self, field: &str) -> bool {
        self.fields.iter().any(|one| one == field || one == "*")
    }
}

/// A page of a dump; `next` is the `after` of the next one.
pub(super) fn page(records: &[Value], has_more: bool, total: usize) -> Value {
    let last = records.last().filter(|_| has_more);
    let next = last.map(|record| record["id"].clone());
    json!({ "records": records, "next": next, "total": total })
}
