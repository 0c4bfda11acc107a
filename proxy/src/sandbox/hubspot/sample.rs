//! What a new account holds: owners always, rows of every type to look at if wanted.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::owners::Owner;
use super::state::{State, Values};
use super::{calculated, links};

/// Why the sample can be trusted: it is compiled in, and every test loads it.
const EMBEDDED: &str = "the embedded sample is well-formed";
/// Begins the keys that name a linked row by type and position, as `"@companies": "3"`.
const LINK: char = '@';

#[derive(Debug, Deserialize)]
struct Sample {
    owners: Vec<Owner>,
    #[serde(flatten)]
    rows: BTreeMap<String, Vec<Values>>,
}

pub(super) fn load(state: &mut State, rows: bool) {
    let mut sample: Sample =
        serde_json::from_str(include_str!("data/sample.json")).expect(EMBEDDED);
    state.owners = sample.owners;
    if !rows {
        return;
    }
    let sales: BTreeMap<String, Vec<Values>> =
        serde_json::from_str(include_str!("data/sales.json")).expect(EMBEDDED);
    sample.rows.extend(sales);
    let mut made: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    // By name, and no type refers to a later one.
    for (ty, rows) in sample.rows {
        let table = state.table_named(&ty).expect(EMBEDDED);
        for mut values in rows {
            let linked: Vec<u64> = values
                .iter()
                .filter_map(|(name, position)| Some((name.strip_prefix(LINK)?, position)))
                .map(|(ty, position)| made[ty][position.parse::<usize>().expect(EMBEDDED)])
                .collect();
            values.retain(|name, _| !name.starts_with(LINK));
            calculated::own(&state.tables[table], None, &mut values, 0);
            values.insert("hs_object_source".to_owned(), "IMPORT".to_owned());
            let id = state.take_id();
            // The sample is older than any clock that a test sets, so it is in the index.
            state.tables[table].insert(id, values, 0, 0);
            calculated::refresh(state, id);
            for other in linked {
                links::set_primary(state, id, other);
            }
            made.entry(ty.clone()).or_default().push(id);
        }
    }
}
