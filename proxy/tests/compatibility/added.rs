//! What the contract has and the interface has not, of the operations that both have, and the operations more.
//!
//! Of a member that was added only its own name is told, not what is in it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::Document;

#[derive(Default, Debug)]
pub(crate) struct Added {
    /// As in `GET /core/customer`.
    pub(crate) operations: BTreeSet<String>,
    pub(crate) parameters: BTreeSet<String>,
    pub(crate) members: BTreeSet<String>,
    pub(crate) statuses: BTreeSet<String>,
}

pub(crate) fn added(interface: &Document, contract: &Document) -> Added {
    let mut added = Added::default();
    for (path, item) in members(&contract.0["paths"]) {
        let theirs = &interface.0["paths"][path];
        for (method, ours) in members(item).filter(|(method, _)| *method != "parameters") {
            let Some(theirs_operation) = theirs.get(method) else {
                let method = method.to_uppercase();
                added.operations.insert(format!("{method} {path}"));
                continue;
            };
            let known = parameters(interface, theirs, theirs_operation);
            let all = parameters(contract, item, ours);
            added.parameters.extend(all.difference(&known).cloned());
            let mut pairs = vec![(&theirs_operation["requestBody"], &ours["requestBody"])];
            for (status, answer) in members(&ours["responses"]) {
                match theirs_operation["responses"].get(status) {
                    Some(known) => pairs.push((known, answer)),
                    None if theirs_operation["responses"].get("400").is_some() => {
                        added.statuses.insert(status.clone());
                    }
                    None => {}
                }
            }
            for (theirs, ours) in pairs {
                let schema = |document: &Document, body: &Value| {
                    resolve(document, body)["content"]["application/json"]["schema"].clone()
                };
                let (theirs, ours) = (schema(interface, theirs), schema(contract, ours));
                let mut run = Run {
                    documents: (interface, contract),
                    found: &mut added.members,
                    open: Vec::new(),
                };
                run.schema(&[&theirs], &[&ours]);
            }
        }
    }
    added
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn resolve<'v>(document: &'v Document, value: &'v Value) -> &'v Value {
    let mut value = value;
    while let Some(place) = value["$ref"].as_str() {
        let place = place.strip_prefix('#').unwrap();
        value = document.0.pointer(place).unwrap();
    }
    value
}

fn parameters(document: &Document, path: &Value, operation: &Value) -> BTreeSet<String> {
    let lists = [&path["parameters"], &operation["parameters"]];
    let all = lists.into_iter().filter_map(Value::as_array).flatten();
    all.map(|one| resolve(document, one)["name"].as_str().unwrap().to_owned())
        .collect()
}

struct Run<'r> {
    documents: (&'r Document, &'r Document),
    found: &'r mut BTreeSet<String>,
    /// Names of ours that are being looked at, since a schema may contain itself.
    open: Vec<String>,
}

impl Run<'_> {
    /// Schemas that hold together for one value, in the interface and in the contract.
    fn schema(&mut self, theirs: &[&Value], ours: &[&Value]) {
        let (interface, contract) = self.documents;
        let theirs: Vec<&Value> = theirs.iter().flat_map(|it| flat(interface, it)).collect();
        let ours: Vec<&Value> = ours.iter().flat_map(|it| flat(contract, it)).collect();
        let inner = |all: &[&Value], key: &str| -> Vec<Value> {
            all.iter().filter_map(|it| it.get(key)).cloned().collect()
        };
        let (their_items, our_items) = (inner(&theirs, "items"), inner(&ours, "items"));
        if !their_items.is_empty() {
            self.schema(
                &their_items.iter().collect::<Vec<_>>(),
                &our_items.iter().collect::<Vec<_>>(),
            );
        }
        for (name, value) in ours.iter().flat_map(|it| members(&it["properties"])) {
            let known: Vec<&Value> = theirs
                .iter()
                .filter_map(|it| it["properties"].get(name))
                .collect();
            if known.is_empty() {
                self.found.insert(name.clone());
            } else if self.open.len() < 12 {
                self.open.push(name.clone());
                self.schema(&known, &[value]);
                self.open.pop();
            }
        }
    }
}

/// A schema and those that it is made of.
fn flat<'v>(document: &'v Document, schema: &'v Value) -> Vec<&'v Value> {
    let schema = resolve(document, schema);
    let mut all = vec![schema];
    for key in ["allOf", "oneOf", "anyOf"] {
        let parts = schema[key].as_array().into_iter().flatten();
        all.extend(parts.flat_map(|part| flat(document, part)));
    }
    all
}
