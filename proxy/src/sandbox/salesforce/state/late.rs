//! Late commits: a row that no query sees before some seconds after its `SystemModstamp` have passed (`salesforce.md` §9).
//!
//! A lag that were the same for every row would lose nobody anything, so a list of lags is taken in turn: with `[3, 0]`
//! the first write is seen after the second.

use std::{collections::BTreeMap, sync::Arc};

use super::Row;
use crate::sandbox::salesforce::stamp;

#[derive(Debug, Clone, Default)]
pub(in crate::sandbox::salesforce) struct Late {
    /// Seconds until a write is seen, for one write after the other; none: at once.
    pub(in crate::sandbox::salesforce) lags: Vec<u32>,
    turn: usize,
    /// By object and id.
    unseen: BTreeMap<String, BTreeMap<String, Unseen>>,
}

#[derive(Debug, Clone)]
struct Unseen {
    /// From when on it is seen.
    from: String,
    /// What is seen until then.
    before: Option<Arc<Row>>,
}

impl Late {
    /// Notes a write of a row, which was `before` until now.
    pub(super) fn written(&mut self, object: &str, id: &str, before: Option<&Arc<Row>>, now: &str) {
        if self.lags.is_empty() {
            return;
        }
        let lag = self.lags[self.turn % self.lags.len()];
        self.turn += 1;
        let unseen = self.unseen.entry(object.to_owned()).or_default();
        unseen.retain(|_, it| it.from.as_str() > now);
        let before = match unseen.remove(id) {
            // What was not seen is not what is seen until now.
            Some(earlier) => earlier.before,
            None => before.cloned(),
        };
        if lag > 0 {
            let from = stamp::after(now, i64::from(lag));
            unseen.insert(id.to_owned(), Unseen { from, before });
        }
    }

    /// Whether queries see every row of an object as it is.
    pub(in crate::sandbox::salesforce) fn is_over(&self, object: &str, now: &str) -> bool {
        let unseen = self.unseen.get(object);
        unseen.is_none_or(|rows| rows.values().all(|it| it.from.as_str() <= now))
    }

    /// The row as a query sees it now, if it does.
    pub(in crate::sandbox::salesforce) fn seen<'s>(
        &'s self,
        object: &str,
        id: &str,
        row: &'s Row,
        now: &str,
    ) -> Option<&'s Row> {
        let unseen = self.unseen.get(object).and_then(|rows| rows.get(id));
        match unseen.filter(|it| it.from.as_str() > now) {
            Some(unseen) => unseen.before.as_deref(),
            None => Some(row),
        }
    }
}
