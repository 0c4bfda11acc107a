//! Another client of the provider: it writes by the provider's own API, straight at the sandbox, and knows what it wrote.

use std::collections::{BTreeMap, BTreeSet};

use crosswalk_tests::{Demo, exchange};
use serde_json::{Value, json};

use super::kinds::Kind;

/// What has become of all records of an entity.
#[derive(Debug, Default, Clone)]
pub(super) struct Truth {
    /// What each record says.
    pub(super) live: BTreeMap<String, String>,
    pub(super) deleted: BTreeSet<String>,
    /// Each with what it was merged into, which may have been merged into another in its turn.
    pub(super) merged: BTreeMap<String, String>,
    /// Records that may change and go, in no order.
    movable: Vec<String>,
    /// So many records were made.
    made: usize,
    /// So many times something was written.
    pub(super) changes: usize,
}

#[derive(Debug)]
pub(super) struct Other<'d> {
    demo: &'d Demo,
    connection: &'static str,
    is_hubspot: bool,
    /// Of the sequence by which records are chosen: always the same one.
    chance: usize,
    /// Contacts that stay, for leads to hang on.
    pub(super) anchors: Vec<String>,
}

impl<'d> Other<'d> {
    pub(super) fn new(demo: &'d Demo, connection: &'static str) -> Self {
        Self {
            demo,
            connection,
            is_hubspot: connection.starts_with("hubspot"),
            chance: 7,
            anchors: Vec::new(),
        }
    }

    fn native(&self, method: &str, target: &str, body: Option<&Value>) -> Value {
        let (root, token) = if self.is_hubspot {
            ("/crm/objects/2026-09", "pat-na1-sandbox-demo")
        } else {
            ("/services/data/v59.0/composite", "00DSANDBOX!demo")
        };
        let authorization = format!("authorization: Bearer {token}\r\n");
        let address = self.demo.sandbox_address(self.connection);
        let target = format!("{root}{target}");
        let answer = exchange(address, method, &target, &authorization, body);
        assert!(answer.status < 300, "{method} {target}: {}", answer.text);
        let failed = answer.body.as_array().into_iter().flatten();
        let failed = failed.clone().find(|result| result["success"] == false);
        assert_eq!(failed, None, "{method} {target}");
        answer.body
    }

    fn command(&self, name: &str, body: &Value) -> Value {
        let target = format!("/_sandbox/{name}");
        let answer = self
            .demo
            .sandbox(self.connection, "POST", &target, Some(body));
        assert!(answer.status < 300, "{name} {body}: {}", answer.text);
        answer.body
    }

    /// Creates so many records; those beyond the first `movable` of all stay as they are.
    pub(super) fn create(&mut self, kind: &Kind, truth: &mut Truth, count: usize, movable: usize) {
        let numbers: Vec<usize> = (truth.made..truth.made + count).collect();
        let most = if self.is_hubspot { 100 } else { 200 };
        for part in numbers.chunks(most) {
            let ids = self.create_some(kind, part);
            assert_eq!(ids.len(), part.len(), "{kind:?}");
            for (number, (id, text)) in part.iter().zip(ids) {
                if *number < movable {
                    truth.movable.push(id.clone());
                }
                truth.live.insert(id, text);
            }
        }
        truth.made += count;
        truth.changes += count;
    }

    /// The ids of new records and what each says.
    fn create_some(&self, kind: &Kind, numbers: &[usize]) -> Vec<(String, String)> {
        let text = |number: &usize| format!("{} {number}", kind.entity);
        if self.is_hubspot && kind.entity == "user" {
            let added = self.command("owners", &json!({"add": numbers.len()}))["added"].clone();
            let ids: Vec<String> = serde_json::from_value(added).unwrap();
            return ids.into_iter().map(|id| (id, String::new())).collect();
        }
        let rows = numbers.iter().map(|number| {
            let mut row = kind.row(&text(number), *number);
            if !self.is_hubspot {
                row["attributes"] = json!({"type": kind.native()});
                return row;
            }
            let mut input = json!({ "properties": row });
            if kind.entity == "lead" {
                let contact = &self.anchors[number % self.anchors.len()];
                let ty =
                    json!({"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 578});
                input["associations"] = json!([{"to": {"id": contact}, "types": [ty]}]);
            }
            // Results come in any order; this tells them apart.
            input["objectWriteTraceId"] = json!(number.to_string());
            input
        });
        let rows: Vec<Value> = rows.collect();
        if self.is_hubspot {
            let target = format!("/{}/batch/create", kind.native());
            let made = self.native("POST", &target, Some(&json!({ "inputs": rows })));
            let results = made["results"].as_array().unwrap().clone();
            let row = |result: &Value| {
                let trace = result["objectWriteTraceId"].as_str().unwrap();
                (id(result), text(&trace.parse().unwrap()))
            };
            return results.iter().map(row).collect();
        }
        let made = self.native(
            "POST",
            "/sobjects",
            Some(&json!({"allOrNone": true, "records": rows})),
        );
        let made = made.as_array().unwrap();
        made.iter().map(id).zip(numbers.iter().map(text)).collect()
    }

    /// Some record that may change, or go.
    fn any(&mut self, truth: &Truth) -> usize {
        self.chance = self.chance.wrapping_mul(25_214_903_917).wrapping_add(11) % (1 << 40);
        (self.chance >> 8) % truth.movable.len()
    }

    fn update(&mut self, kind: &Kind, truth: &mut Truth) {
        let id = truth.movable[self.any(truth)].clone();
        truth.changes += 1;
        let text = format!("{} changed by {}", kind.entity, truth.changes);
        let mut row = kind.change(&text);
        if self.is_hubspot {
            let target = format!("/{}/{id}", kind.native());
            self.native("PATCH", &target, Some(&json!({ "properties": row })));
        } else {
            row["attributes"] = json!({"type": kind.native()});
            row["Id"] = json!(id);
            let body = json!({"allOrNone": true, "records": [row]});
            self.native("PATCH", "/sobjects", Some(&body));
        }
        truth.live.insert(id, text);
    }

    fn delete(&mut self, kind: &Kind, truth: &mut Truth) {
        let place = self.any(truth);
        let id = truth.movable.swap_remove(place);
        truth.changes += 1;
        if self.is_hubspot && kind.entity == "user" {
            self.command("owners", &json!({ "archive": id }));
        } else if self.is_hubspot {
            self.native("DELETE", &format!("/{}/{id}", kind.native()), None);
        } else {
            let target = format!("/sobjects?ids={id}&allOrNone=true");
            self.native("DELETE", &target, None);
        }
        truth.live.remove(&id);
        truth.deleted.insert(id);
    }

    fn merge(&mut self, kind: &Kind, truth: &mut Truth) {
        let winner = self.any(truth);
        let winner = truth.movable.swap_remove(winner);
        let loser = self.any(truth);
        let loser = truth.movable.swap_remove(loser);
        truth.changes += 1;
        let text = truth.live.remove(&winner).unwrap();
        truth.live.remove(&loser);
        let into = if self.is_hubspot {
            let body = json!({"primaryObjectId": winner, "objectIdToMerge": loser});
            let target = format!("/{}/merge", kind.native());
            // A third one.
            let into = id(&self.native("POST", &target, Some(&body)));
            truth.merged.insert(winner, into.clone());
            into
        } else {
            self.command("merge", &json!({"master": winner, "losers": [loser]}));
            winner
        };
        truth.merged.insert(loser, into.clone());
        truth.live.insert(into.clone(), text);
        truth.movable.push(into);
    }

    /// A little of everything.
    pub(super) fn round(&mut self, kind: &Kind, truth: &mut Truth) {
        self.create(kind, truth, 2, usize::MAX);
        if kind.can_update() {
            self.update(kind, truth);
            self.update(kind, truth);
        }
        if kind.can_delete() {
            self.delete(kind, truth);
        }
        if kind.can_merge() {
            self.merge(kind, truth);
        }
    }
}

impl Truth {
    /// The records that stay as they are.
    pub(super) fn unmoved(&self) -> Vec<String> {
        let movable: BTreeSet<&String> = self.movable.iter().collect();
        let ids = self.live.keys().filter(|id| !movable.contains(id));
        ids.cloned().collect()
    }

    /// What has become of a merged record at last: it may have been merged on.
    pub(super) fn end_of<'t>(&'t self, mut id: &'t str) -> &'t str {
        while let Some(into) = self.merged.get(id) {
            id = into;
        }
        id
    }
}

fn id(row: &Value) -> String {
    row["id"].as_str().unwrap().to_owned()
}
