//! What a new account holds: owners always, companies and contacts to look at if wanted.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::links;
use super::owners::Owner;
use super::state::{State, Values};

/// Why the sample can be trusted: it is compiled in, and every test loads it.
const EMBEDDED: &str = "the embedded sample is well-formed";
/// In the sample, the position of a contact's company.
const COMPANY: &str = "associatedcompany";

#[derive(Debug, Deserialize)]
struct Sample {
    owners: Vec<Owner>,
    #[serde(flatten)]
    rows: BTreeMap<String, Vec<Values>>,
}

pub(super) fn load(state: &mut State, rows: bool) {
    let sample: Sample = serde_json::from_str(include_str!("data/sample.json")).expect(EMBEDDED);
    state.owners = sample.owners;
    if !rows {
        return;
    }
    let mut companies: Vec<u64> = Vec::new();
    // By name, so companies before contacts, which refer to them.
    for (ty, rows) in sample.rows {
        let table = state.table_named(&ty).expect(EMBEDDED);
        for mut values in rows {
            let company = values.remove(COMPANY);
            let id = state.take_id();
            values.insert("hs_object_source".to_owned(), "IMPORT".to_owned());
            // The sample is older than any clock that a test sets, so it is in the index.
            state.tables[table].insert(id, values, 0, 0);
            match company {
                Some(position) => {
                    let position: usize = position.parse().expect(EMBEDDED);
                    links::set_primary(state, id, companies[position]);
                }
                None if ty == "companies" => companies.push(id),
                None => {}
            }
        }
    }
}
