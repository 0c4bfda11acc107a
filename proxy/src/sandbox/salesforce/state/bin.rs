//! What becomes of rows that are deleted: found again, gone for good, merged into another (`salesforce.md` §9).
//!
//! No REST call does these; people do them in the browser, and tests through the control endpoints.

use serde_json::{Value, json};

use super::{Row, State, is_deleted};
use crate::sandbox::salesforce::{access::text, id, stamp};

/// The most losers of one merge.
const MOST_LOSERS: usize = 2;

/// A row that is not even in the recycle bin any more.
#[derive(Debug, Clone)]
pub(in crate::sandbox::salesforce) struct Purged {
    object: String,
    id: String,
    deleted: String,
}

impl State {
    /// Takes rows out of the recycle bin; all or none.
    pub(in crate::sandbox::salesforce) fn undelete(
        &mut self,
        ids: &[String],
        now: &str,
    ) -> Result<(), String> {
        for (object, id) in self.binned(ids)? {
            let changes = json!({
                "IsDeleted": false, "MasterRecordId": null, "SystemModstamp": now, "LastModifiedDate": now,
            });
            let mut changes: Row = changes.as_object().cloned().into_iter().flatten().collect();
            if self
                .row(&object, &id)
                .is_some_and(|row| !row.contains_key("MasterRecordId"))
            {
                changes.remove("MasterRecordId");
            }
            self.amend(&object, &id, changes, now);
        }
        Ok(())
    }

    /// Empties rows out of the recycle bin; all or none.
    pub(in crate::sandbox::salesforce) fn purge(&mut self, ids: &[String]) -> Result<(), String> {
        for (object, id) in self.binned(ids)? {
            let deleted = self
                .row(&object, &id)
                .map(|row| text(row, "SystemModstamp"));
            let deleted = deleted.unwrap_or_default().to_owned();
            self.remove(&object, &id);
            self.purged.push(Purged {
                object,
                id,
                deleted,
            });
        }
        Ok(())
    }

    /// The deleted rows of ids, each with its object; a note is a document too.
    fn binned(&self, ids: &[String]) -> Result<Vec<(String, String)>, String> {
        let mut found = Vec::new();
        for given in ids {
            let id = id::normalize(given).ok_or_else(|| format!("{given}: this is no id"))?;
            let before = found.len();
            for object in self.rows.keys() {
                if self.row(object, &id).is_some_and(is_deleted) {
                    found.push((object.clone(), id.clone()));
                }
            }
            if found.len() == before {
                return Err(format!("{given}: no such row in the recycle bin"));
            }
        }
        Ok(found)
    }

    /// Merges rows into a master: the losers are deleted and name it, what referred to them refers to it.
    pub(in crate::sandbox::salesforce) fn merge(
        &mut self,
        master: &str,
        losers: &[String],
        now: &str,
    ) -> Result<Value, String> {
        let normal =
            |given: &str| id::normalize(given).ok_or_else(|| format!("{given}: this is no id"));
        let master = normal(master)?;
        let losers = losers
            .iter()
            .map(|loser| normal(loser))
            .collect::<Result<Vec<_>, _>>()?;
        if losers.is_empty() || losers.len() > MOST_LOSERS || losers.contains(&master) {
            return Err(format!("losers: expected 1 to {MOST_LOSERS} other rows"));
        }
        let object = self
            .schema
            .values()
            .find(|object| object.mergeable && master.starts_with(&object.prefix))
            .map(|object| object.name.clone())
            .ok_or_else(|| format!("{master}: only accounts, contacts and leads can be merged"))?;
        for id in losers.iter().chain([&master]) {
            if self.live(&object, id).is_none() {
                return Err(format!("{id}: no such {object}"));
            }
        }
        let related = self.adopt(&object, &master, &losers, now);
        for loser in &losers {
            // In one write: nobody sees a row that has a master and is not deleted.
            let changes = [
                ("MasterRecordId", json!(master)),
                ("IsDeleted", json!(true)),
                ("SystemModstamp", json!(now)),
            ];
            let changes = changes.map(|(name, value)| (name.to_owned(), value));
            self.amend(&object, loser, Row::from_iter(changes), now);
        }
        let changes = ["LastModifiedDate", "SystemModstamp"];
        let changes = changes.map(|name| (name.to_owned(), json!(now)));
        self.amend(&object, &master, Row::from_iter(changes), now);
        Ok(json!({ "id": master, "mergedRecordIds": losers, "updatedRelatedIds": related }))
    }

    /// Lets what refers to the losers refer to the master; answers the ids of what was changed.
    fn adopt(&mut self, object: &str, master: &str, losers: &[String], now: &str) -> Vec<String> {
        let mut changes: Vec<(String, String, String)> = Vec::new();
        for child in self.schema.values() {
            for field in &child.fields {
                if !field.reference_to.iter().any(|it| it == object)
                    || field.name == "MasterRecordId"
                {
                    continue;
                }
                let refers = |row: &Row| losers.iter().any(|loser| text(row, &field.name) == loser);
                let rows = self
                    .table(&child.name)
                    .filter(|(_, row)| !is_deleted(row) && refers(row));
                changes.extend(
                    rows.map(|(id, _)| (child.name.clone(), id.to_owned(), field.name.clone())),
                );
            }
        }
        for (child, id, field) in &changes {
            let moved = [
                (field.as_str(), json!(master)),
                ("SystemModstamp", json!(now)),
            ];
            let moved = moved.map(|(name, value)| (name.to_owned(), value));
            self.amend(child, id, Row::from_iter(moved), now);
        }
        changes.into_iter().map(|(_, id, _)| id).collect()
    }

    /// The rows of an object that were deleted in a time, each with when, purged ones too.
    pub(in crate::sandbox::salesforce) fn deleted_within(
        &self,
        object: &str,
        within: &std::ops::Range<String>,
    ) -> Vec<(String, String)> {
        let binned = self
            .table(object)
            .filter(|(_, row)| is_deleted(row))
            .map(|(id, row)| (id.to_owned(), text(row, "SystemModstamp").to_owned()));
        let purged = self.purged.iter().filter(|it| it.object == object);
        let purged = purged.map(|it| (it.id.clone(), it.deleted.clone()));
        let mut all: Vec<(String, String)> = binned
            .chain(purged)
            .filter(|(_, deleted)| within.contains(deleted))
            .collect();
        all.sort();
        all
    }

    /// The rows of an object that changed in a time.
    pub(in crate::sandbox::salesforce) fn updated_within(
        &self,
        object: &str,
        within: &std::ops::Range<String>,
    ) -> Vec<String> {
        let rows = self.table(object).filter(|(_, row)| {
            !is_deleted(row) && within.contains(&text(row, "SystemModstamp").to_owned())
        });
        rows.map(|(id, _)| id.to_owned()).collect()
    }

    /// How many rows every object has, as counted some time in the last hour: a row that is new need not be in it.
    pub(in crate::sandbox::salesforce) fn counts(&mut self, now: &str) -> &[(String, usize)] {
        let is_old = self.counted_until.as_str() <= now;
        if is_old {
            self.counted_until = stamp::after(now, 3600);
            self.counted = self
                .schema
                .values()
                .filter(|object| !object.tooling && !object.hidden)
                .map(|object| {
                    let live = self.table(&object.name).filter(|(_, row)| !is_deleted(row));
                    (object.name.clone(), live.count())
                })
                .collect();
        }
        &self.counted
    }
}
