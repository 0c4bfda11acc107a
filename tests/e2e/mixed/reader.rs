//! A client of the unified API that keeps a copy of an entity by its lists.

use std::collections::{BTreeMap, BTreeSet};

use crosswalk_tests::Demo;
use serde_json::Value;

use super::kinds::{Kind, PAGE_SIZE};
use crate::CONTRACT;

/// Every so many pages one is held against the contract; all of them would take longer than the lists themselves.
const JUDGED: usize = 16;

/// The copy, and where it stands.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) cursor: Option<String>,
    pub(super) live: BTreeMap<String, String>,
    pub(super) deleted: BTreeSet<String>,
    pub(super) merged: BTreeMap<String, String>,
    pub(super) pages: usize,
    pub(super) records: usize,
}

impl Reader {
    /// Reads to the end of what there is now, within so many pages; answers the ids of live
    /// records in the order in which they came.
    pub(super) fn walk(
        &mut self,
        demo: &Demo,
        connection: &str,
        kind: &Kind,
        most: usize,
    ) -> Vec<String> {
        let mut ids = Vec::new();
        for _ in 0..most {
            let mut target = format!("{}?page_size={PAGE_SIZE}", kind.list());
            if let Some(cursor) = &self.cursor {
                target.push_str("&cursor=");
                target.push_str(cursor);
            }
            let page = demo.call(connection, "GET", &target, None);
            assert_eq!(page.status, 200, "{connection} {kind:?}: {}", page.text);
            if self.pages.is_multiple_of(JUDGED) {
                let faults = CONTRACT.faults(&kind.operation(), 200, &page.body);
                assert_eq!(faults, Vec::<String>::new(), "{connection} {kind:?}");
            }
            self.pages += 1;
            let items = page.body["items"].as_array().unwrap();
            // A record comes with those that were merged into it, which are none of the page's own.
            let merged = |item: &&Value| item["merged_into"].is_string();
            let merged = items.iter().filter(merged).count();
            assert!(items.len() - merged <= PAGE_SIZE, "{connection} {kind:?}");
            for item in items {
                let id = item["id"].as_str().unwrap().to_owned();
                if self.take(kind, &id, item) {
                    ids.push(id);
                }
            }
            self.cursor = page.body["next_cursor"].as_str().map(str::to_owned);
            if page.body["has_next_page"] == false {
                return ids;
            }
            assert!(
                !items.is_empty(),
                "{connection} {kind:?}: a page before the last has records"
            );
        }
        panic!("{connection} {kind:?}: the list does not end within {most} pages");
    }

    /// Whether it is a live record.
    fn take(&mut self, kind: &Kind, id: &str, item: &Value) -> bool {
        self.records += 1;
        if let Some(into) = item["merged_into"].as_str() {
            assert_eq!(item["is_deleted"], true, "{kind:?}: {item}");
            self.live.remove(id);
            self.merged.insert(id.to_owned(), into.to_owned());
        } else if item["is_deleted"] == true {
            self.live.remove(id);
            self.deleted.insert(id.to_owned());
        } else {
            self.live.insert(id.to_owned(), kind.text(item));
            return true;
        }
        false
    }
}
