//! Long answers in pages: the rows that a locator has yet to answer (`salesforce.md` §4.1).

use std::sync::Arc;

use serde_json::{Value, json};

use super::{fault::Fault, state::State};

/// At most so many are open for a user: the oldest dies.
const MOST_OPEN: usize = 10;

/// The answers that go on.
#[derive(Debug, Clone, Default)]
pub(super) struct Locators {
    issued: u64,
    open: Vec<Open>,
}

#[derive(Debug, Clone)]
struct Open {
    locator: String,
    /// Shared by the locators of all of its pages.
    rows: Arc<Vec<Value>>,
    from: usize,
}

impl State {
    /// A page of a query's rows; where more are left, with the address of the next.
    pub(super) fn page(
        &mut self,
        rows: Arc<Vec<Value>>,
        from: usize,
        size: usize,
        root: &str,
    ) -> Value {
        let total = rows.len();
        let end = (from + size).min(total);
        let mut answer = json!({ "totalSize": total, "done": end == total });
        let mut shown = Vec::new();
        if end < total {
            shown.extend_from_slice(&rows[from..end]);
            let locators = &mut self.locators;
            locators.issued += 1;
            let locator = format!("01g5g0000000{:06}AAA-{end}", locators.issued);
            // Those of queryAll go through /query as well.
            answer["nextRecordsUrl"] = json!(format!("{root}/query/{locator}"));
            locators.open.push(Open {
                locator,
                rows,
                from: end,
            });
            if locators.open.len() > MOST_OPEN {
                locators.open.remove(0);
            }
        } else {
            // Nobody else wants the rows of an answer that is whole, so that they need not be copied.
            shown = Arc::try_unwrap(rows).unwrap_or_else(|rows| rows.to_vec());
            shown.drain(..from);
        }
        answer["records"] = Value::Array(shown);
        answer
    }

    /// The page that a locator stands for; its size is the asking call's.
    pub(super) fn more(&mut self, locator: &str, size: usize, root: &str) -> Result<Value, Fault> {
        let open = self.locators.open.iter().find(|it| it.locator == locator);
        let open = open
            .cloned()
            .ok_or_else(|| Fault::new(400, "INVALID_QUERY_LOCATOR", "invalid query locator"))?;
        Ok(self.page(open.rows, open.from, size, root))
    }
}
