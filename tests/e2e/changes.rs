//! What changes is listed: however many rows share a time stamp, and past a search's greatest number of results.

use std::collections::BTreeSet;

use crosswalk_tests::Demo;
use serde_json::{Value, json};

use crate::{
    CONNECTIONS, good,
    natives::{configure, create_contacts, empty},
};

/// All pages from a cursor on: each page's ids, and the cursor at their end.
struct Walk {
    pages: Vec<Vec<String>>,
    cursor: String,
}

impl Walk {
    /// Goes on while there is a next page, but not for ever.
    fn from(demo: &Demo, connection: &str, cursor: &str, page_size: usize, most: usize) -> Self {
        let mut walk = Self {
            pages: Vec::new(),
            cursor: cursor.to_owned(),
        };
        loop {
            let target = format!(
                "/unified/crm/contact?page_size={page_size}&cursor={}",
                walk.cursor
            );
            let page = demo.call(connection, "GET", &target, None);
            assert_eq!(page.status, 200, "{connection}: {}", page.text);
            let items = page.body["items"].as_array().unwrap();
            assert!(items.len() <= page_size);
            let id = |item: &Value| item["id"].as_str().unwrap().to_owned();
            walk.pages.push(items.iter().map(id).collect());
            let next = page.body["next_cursor"].as_str().unwrap();
            next.clone_into(&mut walk.cursor);
            if page.body["has_next_page"] == false {
                return walk;
            }
            assert!(!items.is_empty(), "a page before the last has records");
            assert!(walk.pages.len() <= most, "{connection}: it comes to an end");
        }
    }

    fn ids(&self) -> Vec<&String> {
        self.pages.iter().flatten().collect()
    }
}

/// The cursor at the end of the full list of no records.
fn cursor_of_nothing(demo: &Demo, connection: &str) -> String {
    let target = "/unified/crm/contact";
    let page = good(demo, connection, "crm.contact.list", "GET", target, None);
    assert_eq!(page["items"], json!([]));
    assert_eq!(page["has_next_page"], false);
    page["next_cursor"].as_str().unwrap().to_owned()
}

fn sorted<'i>(ids: impl IntoIterator<Item = &'i String>) -> BTreeSet<&'i String> {
    ids.into_iter().collect()
}

/// Covers: one-time-stamp
#[test]
fn records_of_one_time_stamp_are_neither_lost_nor_repeated_for_ever() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        // Ten minutes ago, so that the overlap of a window has passed when the clock is right again.
        empty(
            &demo,
            connection,
            &json!({"clock_offset_ms": -600_000, "clock_stopped": true}),
        );
        let cursor = cursor_of_nothing(&demo, connection);
        let created = create_contacts(&demo, connection, 300);
        // A window ends where the provider's clock is, in whole seconds: the second of the records must be over.
        configure(&demo, connection, &json!({"clock_offset_ms": -598_000}));
        let walk = Walk::from(&demo, connection, &cursor, 7, 50);
        assert_eq!(walk.ids().len(), 300, "{connection}: each once in one walk");
        assert_eq!(sorted(walk.ids()), sorted(&created), "{connection}");
        assert_eq!(
            walk.pages.len(),
            300_usize.div_ceil(7),
            "no page is empty or short"
        );

        configure(
            &demo,
            connection,
            &json!({"clock_offset_ms": 0, "clock_stopped": false}),
        );
        // A window reaches back into the one before it, so they may come once more.
        let again = Walk::from(&demo, connection, &walk.cursor, 100, 4);
        assert!(sorted(again.ids()).is_subset(&sorted(&created)));
        let quiet = Walk::from(&demo, connection, &again.cursor, 100, 1);
        assert_eq!(quiet.ids(), Vec::<&String>::new(), "{connection}");

        let change = json!({"record": {"phone": "+1 555 0100"}});
        let target = format!("/unified/crm/contact/{}", created[150]);
        good(
            &demo,
            connection,
            "crm.contact.update",
            "PATCH",
            &target,
            Some(&change),
        );
        let changed = Walk::from(&demo, connection, &quiet.cursor, 100, 1);
        assert_eq!(changed.ids(), [&created[150]], "{connection}");
    }
}

/// Covers: search-cap, one-time-stamp
#[test]
fn more_changes_than_a_search_shows_are_all_listed() {
    const COUNT: usize = 10_500;
    let demo = Demo::start();
    let connection = "hubspot-demo";
    // All of one moment: no split of the window by time can help.
    empty(
        &demo,
        connection,
        &json!({"clock_stopped": true, "clock_offset_ms": -2_000}),
    );
    let cursor = cursor_of_nothing(&demo, connection);
    let created = create_contacts(&demo, connection, COUNT);
    configure(
        &demo,
        connection,
        &json!({"clock_stopped": false, "clock_offset_ms": 0}),
    );
    let walk = Walk::from(&demo, connection, &cursor, 200, 60);
    assert_eq!(walk.ids().len(), COUNT);
    assert_eq!(sorted(walk.ids()), sorted(&created));
}

/// Covers: page-shift
#[test]
fn a_record_that_changes_during_a_walk_is_seen_after_it() {
    let demo = Demo::start();
    for connection in CONNECTIONS {
        empty(&demo, connection, &json!({}));
        let cursor = cursor_of_nothing(&demo, connection);
        let created = create_contacts(&demo, connection, 10);
        let target = format!("/unified/crm/contact?page_size=4&cursor={cursor}");
        let first = demo.call(connection, "GET", &target, None).body;
        // The last of all changes once the first page is read: it is no longer in the window.
        let change = json!({"record": {"phone": "+1 555 0101"}});
        let last = format!("/unified/crm/contact/{}", created[9]);
        good(
            &demo,
            connection,
            "crm.contact.update",
            "PATCH",
            &last,
            Some(&change),
        );
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = Walk::from(&demo, connection, cursor, 4, 3);
        let after = Walk::from(&demo, connection, &rest.cursor, 100, 1);
        let first: Vec<String> = first["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["id"].as_str().unwrap().to_owned())
            .collect();
        let seen: BTreeSet<&String> = first.iter().chain(rest.ids()).chain(after.ids()).collect();
        assert_eq!(seen, sorted(&created), "{connection}: none is missed");
        assert!(after.ids().contains(&&created[9]), "{connection}");
    }
}
