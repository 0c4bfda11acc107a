//! The life of one record: created, read in every way, upserted, changed, cleared.

use http::Method;
use proptest::{prelude::*, test_runner::TestCaseError};
use serde_json::{Map, Value, json};

use crate::played::{Outcome, Played};

/// Tells what of a written field's value comes back, with the provider's own rules for it.
pub(crate) type Expected = fn(&Played, &str, &Value) -> Value;

pub(crate) struct Scenario<'p> {
    pub(crate) played: &'p Played,
    pub(crate) entity: &'static str,
    /// The key and the field that records are matched by.
    pub(crate) key: &'static str,
    pub(crate) expected: Expected,
}

/// Whether a record was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Taken,
    Refused,
}

impl Scenario<'_> {
    fn target(&self, rest: &str) -> String {
        format!("/unified/crm/{}{rest}", self.entity)
    }

    /// Creates a record of `written`, and then changes it to `changed`, field by field.
    pub(crate) fn play(
        &self,
        written: &Map<String, Value>,
        changed: &Map<String, Value>,
    ) -> Result<Verdict, TestCaseError> {
        let created =
            self.played
                .call(&Method::POST, &self.target(""), &json!({"record": written}));
        let Some(created) = taken(created)? else {
            return Ok(Verdict::Refused);
        };
        let record = &created["record"];
        self.holds(record, written, &created)?;
        let id = record["id"].as_str().unwrap();
        self.is_read_everywhere(id, record)?;
        self.is_found_again(id, written)?;
        let mut now = written.clone();
        for (name, value) in changed {
            self.change(id, &mut now, name, value)?;
        }
        for name in written.keys() {
            self.change(id, &mut now, name, &Value::Null)?;
        }
        Ok(Verdict::Taken)
    }

    /// Changes one field, and nothing else; what is refused changes nothing.
    fn change(
        &self,
        id: &str,
        now: &mut Map<String, Value>,
        name: &str,
        value: &Value,
    ) -> Result<(), TestCaseError> {
        let target = self.target(&format!("/{id}"));
        let body = json!({"record": { name: value }});
        if let Some(updated) = taken(self.played.call(&Method::PATCH, &target, &body))? {
            let changed = merged(now.get(name), value);
            now.insert(name.to_owned(), changed);
            return self.holds(&updated["record"], now, &updated);
        }
        let got = self.played.call(&Method::GET, &target, &Value::Null);
        self.holds(&got.unwrap()["record"], now, &json!({}))
    }

    /// Get, list and batch read all answer what the create answered.
    fn is_read_everywhere(&self, id: &str, record: &Value) -> Result<(), TestCaseError> {
        let read = |method, rest: &str, body: &Value| {
            self.played
                .call(&method, &self.target(rest), body)
                .unwrap_or_else(|refusal| panic!("{rest}: {refusal:?}"))
        };
        let got = read(Method::GET, &format!("/{id}"), &Value::Null);
        prop_assert_eq!(&got["record"], record);
        for list in ["?sync_mode=full", ""] {
            let page = read(Method::GET, list, &Value::Null);
            let found = page["items"]
                .as_array()
                .unwrap()
                .iter()
                .find(|item| item["id"] == id);
            prop_assert_eq!(found, Some(record));
        }
        let ids = json!({"ids": [id], "properties": []});
        let batch = read(Method::POST, "/_batch_read", &ids);
        prop_assert_eq!(&batch, &json!([record]));
        Ok(())
    }

    /// An upsert by the record's own key is an update that changes nothing.
    fn is_found_again(&self, id: &str, written: &Map<String, Value>) -> Result<(), TestCaseError> {
        let Some(value) = written.get(self.key).filter(|value| value.is_string()) else {
            return Ok(());
        };
        let on = json!({"key": self.key, "values": [value]});
        let body = json!({"upsert_on": on, "record": written});
        let upserted = self
            .played
            .call(&Method::POST, &self.target("/_upsert"), &body);
        // What a field takes need not be a key to match by.
        let Some(upserted) = taken(upserted)? else {
            return Ok(());
        };
        prop_assert_eq!(&upserted["record"]["id"], id, "{} is found", value);
        self.holds(&upserted["record"], written, &upserted)
    }

    /// The record has the values that were written; what was not written is told.
    fn holds(
        &self,
        record: &Value,
        written: &Map<String, Value>,
        answer: &Value,
    ) -> Result<(), TestCaseError> {
        for (name, value) in written {
            let expected = (self.expected)(self.played, name, value);
            prop_assert_eq!(
                &record[name],
                &expected,
                "{} {} of {:?}: {}",
                self.played.name,
                name,
                value,
                answer["warnings"]
            );
        }
        Ok(())
    }
}

/// A list's entries are each written by their type: those of types that are not in the list are left alone.
fn merged(before: Option<&Value>, value: &Value) -> Value {
    let (Some(Value::Array(before)), Value::Array(entries)) = (before, value) else {
        return value.clone();
    };
    let tag = |entry: &Value| {
        [
            entry["address_type"].clone(),
            entry["phone_number_type"].clone(),
        ]
    };
    let is_kept = |old: &&Value| !entries.iter().any(|entry| tag(entry) == tag(old));
    let kept = before.iter().filter(is_kept);
    kept.chain(entries).cloned().collect()
}

/// The answer, or none where it was refused as a refusal should be: a status of the caller's, and the reason.
pub(crate) fn taken(outcome: Outcome) -> Result<Option<Value>, TestCaseError> {
    match outcome {
        Ok(answer) => Ok(Some(answer)),
        Err(refusal) => {
            let status = refusal.status;
            prop_assert!((400..500).contains(&status), "{:?}", refusal);
            let has_reason = refusal.body["issues"][0]["message"].is_string()
                || refusal.body["provider"]["message"].is_string();
            prop_assert!(has_reason, "{:?}", refusal);
            Ok(None)
        }
    }
}
