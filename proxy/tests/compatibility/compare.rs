//! Holds a contract against the interface that it must be compatible with: all that the interface has must be there and
//! the same; what the contract adds must be optional. Says every difference, each with its place.
//!
//! Descriptions and examples are not compared: they tell a reader. Limits that the interface has not may narrow a value
//! in ours, as `maximum` does.

use std::{collections::BTreeSet, fmt::Debug};

use serde_json::Value;

use super::document::{Document, Shape, elements};

const METHODS: [&str; 8] = [
    "get", "put", "post", "delete", "options", "head", "patch", "trace",
];

#[derive(Default)]
pub(crate) struct Comparison {
    /// The operation ids of the interface that were held against the contract.
    pub(crate) operations: Vec<String>,
    /// `place: what differs`.
    pub(crate) differences: Vec<String>,
}

/// Compares the operations of each entity that the contract offers. An entity is offered as a whole: one of its
/// operations without the others is a difference. What is not about entities, and every webhook, must be there.
pub(crate) fn compare(interface: &Document, contract: &Document) -> Comparison {
    let mut run = Run {
        interface,
        contract,
        result: Comparison::default(),
        open: Vec::new(),
    };
    let offered: BTreeSet<&str> = members(&contract.0["paths"])
        .map(|(path, _)| entity(path))
        .collect();
    for (path, item) in members(&interface.0["paths"]) {
        if !path.starts_with("/unified/") || offered.contains(entity(path)) {
            run.path(path, item);
        }
    }
    for (name, item) in members(webhooks(interface)) {
        let place = format!("webhook {name}");
        run.result.operations.push(place.clone());
        let found = &webhooks(contract)[name];
        for (method, operation) in members(item) {
            run.body(
                &place,
                &operation["requestBody"],
                &found[method]["requestBody"],
            );
        }
    }
    run.result
}

/// `account` of `/unified/crm/account/{id}`.
fn entity(path: &str) -> &str {
    path.split('/').nth(3).unwrap_or_default()
}

/// OpenAPI 3.0 has no word for webhooks, and leaves words with this beginning to documents.
fn webhooks(document: &Document) -> &Value {
    let words = ["webhooks", "x-webhooks"];
    let mut found = words.iter().filter_map(|word| document.0.get(word));
    found.next().unwrap_or(&Value::Null)
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn is_required(value: &Value) -> bool {
    value["required"] == true
}

struct Run<'d> {
    interface: &'d Document,
    contract: &'d Document,
    result: Comparison,
    /// The schemas being compared, outermost first: one that contains itself is compared once.
    open: Vec<(*const Value, *const Value)>,
}

impl<'d> Run<'d> {
    fn differ(&mut self, place: &str, what: impl Into<String>) {
        let what = what.into();
        self.result.differences.push(format!("{place}: {what}"));
    }

    fn same<T: PartialEq + Debug>(&mut self, place: &str, what: &str, expected: &T, found: &T) {
        if expected != found {
            self.differ(
                place,
                format!("{what}: expected {expected:?}, found {found:?}"),
            );
        }
    }

    fn path(&mut self, path: &str, expected: &'d Value) {
        let contract = self.contract;
        let found = &contract.0["paths"][path];
        for (method, operation) in members(expected) {
            if !METHODS.contains(&method.as_str()) {
                continue;
            }
            let place = format!("{method} {path}");
            let id = &operation["operationId"];
            self.result
                .operations
                .push(id.as_str().unwrap_or_default().to_owned());
            let Some(ours) = found.get(method) else {
                self.differ(&place, format!("missing operation {id}"));
                continue;
            };
            self.same(&place, "operationId", id, &ours["operationId"]);
            self.parameters(&place, (expected, operation), (found, ours));
            self.body(&place, &operation["requestBody"], &ours["requestBody"]);
            for (status, answer) in members(&operation["responses"]) {
                self.answer(&place, status, answer, &ours["responses"][status]);
            }
        }
    }

    fn parameters(
        &mut self,
        place: &str,
        expected: (&'d Value, &'d Value),
        found: (&'d Value, &'d Value),
    ) {
        let expected = self.all_parameters(place, self.interface, expected);
        let found = self.all_parameters(place, self.contract, found);
        for theirs in &expected {
            let place = format!("{place} {} {}", text(theirs, "in"), text(theirs, "name"));
            match found.iter().find(|ours| same_parameter(theirs, ours)) {
                None => self.differ(&place, "missing parameter"),
                Some(ours) => {
                    self.same(&place, "required", &is_required(theirs), &is_required(ours));
                    self.schema(&place, &theirs["schema"], &ours["schema"]);
                }
            }
        }
        for ours in found {
            if is_required(ours) && !expected.iter().any(|theirs| same_parameter(theirs, ours)) {
                let place = format!("{place} {} {}", text(ours, "in"), text(ours, "name"));
                self.differ(&place, "added parameter is required");
            }
        }
    }

    /// The parameters of a path and of its operation, where the operation's own win.
    fn all_parameters(
        &mut self,
        place: &str,
        document: &'d Document,
        (path, operation): (&'d Value, &'d Value),
    ) -> Vec<&'d Value> {
        let mut all: Vec<&Value> = Vec::new();
        for parameter in elements(&operation["parameters"]).chain(elements(&path["parameters"])) {
            match document.resolve(parameter) {
                Err(fault) => self.differ(place, fault),
                Ok(parameter) => {
                    if !all.iter().any(|other| same_parameter(other, parameter)) {
                        all.push(parameter);
                    }
                }
            }
        }
        all
    }

    fn body(&mut self, place: &str, expected: &'d Value, found: &'d Value) {
        let place = format!("{place} body");
        let Some((expected, found)) = self.resolved(&place, expected, found) else {
            return;
        };
        self.same(
            &place,
            "required",
            &is_required(expected),
            &is_required(found),
        );
        self.content(&place, expected, found);
    }

    fn answer(&mut self, place: &str, status: &str, expected: &'d Value, found: &'d Value) {
        let place = format!("{place} {status}");
        if let Some((expected, found)) = self.resolved(&place, expected, found) {
            self.content(&place, expected, found);
        }
    }

    fn content(&mut self, place: &str, expected: &'d Value, found: &'d Value) {
        for (media, theirs) in members(&expected["content"]) {
            match found["content"].get(media) {
                None => self.differ(place, format!("missing content {media}")),
                Some(ours) => self.schema(place, &theirs["schema"], &ours["schema"]),
            }
        }
    }

    fn schema(&mut self, place: &str, expected: &'d Value, found: &'d Value) {
        let Some((expected, found)) = self.resolved(place, expected, found) else {
            return;
        };
        // What may be answered is anything: whatever we answer is fine. What may be sent is not for us to narrow.
        let is_answer = place.contains(" 200");
        if is_answer && expected.as_object().is_some_and(serde_json::Map::is_empty) {
            return;
        }
        let pair = (std::ptr::from_ref(expected), std::ptr::from_ref(found));
        if self.open.contains(&pair) {
            return;
        }
        match (self.interface.shape(expected), self.contract.shape(found)) {
            (Ok(theirs), Ok(ours)) => {
                self.open.push(pair);
                self.shape(place, &theirs, &ours);
                self.open.pop();
            }
            (theirs, ours) => {
                for fault in [theirs.err(), ours.err()].into_iter().flatten() {
                    self.differ(place, fault);
                }
            }
        }
    }

    fn shape(&mut self, place: &str, expected: &Shape<'d>, found: &Shape<'d>) {
        self.same(place, "type", &expected.types, &found.types);
        self.same(place, "nullable", &expected.nullable, &found.nullable);
        self.same(place, "format", &expected.format, &found.format);
        self.same(place, "enum", &expected.values, &found.values);
        for (limit, theirs) in &expected.limits {
            self.same(
                place,
                limit,
                &Some(*theirs),
                &found.limits.get(limit).copied(),
            );
        }
        for (name, theirs) in &expected.properties {
            let place = format!("{place}.{name}");
            match found.properties.get(name) {
                None => self.differ(&place, "missing field"),
                Some(ours) => {
                    let [expected, found] = [expected, found].map(|it| it.required.contains(name));
                    self.same(&place, "required", &expected, &found);
                    self.schema(&place, theirs, ours);
                }
            }
        }
        for name in &found.required {
            if !expected.properties.contains_key(name) {
                self.differ(&format!("{place}.{name}"), "added field is required");
            }
        }
        self.optional(&format!("{place}[]"), "items", expected.items, found.items);
        self.optional(
            &format!("{place}.*"),
            "rule for further fields",
            expected.additional,
            found.additional,
        );
        let counts = [expected, found].map(|it| it.variants.len());
        self.same(place, "number of variants", &counts[0], &counts[1]);
        for (index, (theirs, ours)) in expected.variants.iter().zip(&found.variants).enumerate() {
            self.schema(&format!("{place}|{index}"), theirs, ours);
        }
    }

    fn optional(
        &mut self,
        place: &str,
        what: &str,
        expected: Option<&'d Value>,
        found: Option<&'d Value>,
    ) {
        match (expected, found) {
            (None, None) => {}
            (Some(theirs), Some(ours)) if theirs.is_object() && ours.is_object() => {
                self.schema(place, theirs, ours);
            }
            (theirs, ours) => self.same(place, what, &theirs, &ours),
        }
    }

    fn resolved(
        &mut self,
        place: &str,
        expected: &'d Value,
        found: &'d Value,
    ) -> Option<(&'d Value, &'d Value)> {
        match (
            self.interface.resolve(expected),
            self.contract.resolve(found),
        ) {
            (Ok(theirs), Ok(ours)) => Some((theirs, ours)),
            (theirs, ours) => {
                for fault in [theirs.err(), ours.err()].into_iter().flatten() {
                    self.differ(place, fault);
                }
                None
            }
        }
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or("?")
}

fn same_parameter(one: &Value, other: &Value) -> bool {
    ["name", "in"].iter().all(|key| one[key] == other[key])
}
