use std::cell::Cell;

use http::Method;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::{
    played::{PROVIDERS, Played},
    scenario::taken,
    values::{cases, text},
};

const CASES: u32 = 96;

/// Text of any kind, and HTML of good and of odd form.
fn content() -> impl Strategy<Value = String> {
    let tags = prop::sample::select(vec![
        ("<p>", "</p>"),
        ("<b>", "</b>"),
        ("a<br>", ""),
        ("<ul><li>", "</li></ul>"),
        ("1 < 2 &amp; ", " &lt;b&gt;"),
        ("<!--", "-->"),
        ("<", ">"),
        ("&#39;", "&unheard;"),
    ]);
    prop_oneof![
        3 => text(),
        1 => (tags, "[a-z \n]{0,8}").prop_map(|((before, after), text)| format!("{before}{text}{after}")),
    ]
}

#[test]
fn any_note_is_listed_as_it_was_written_or_refused() {
    for name in PROVIDERS {
        let count = Cell::new(0);
        proptest!(cases(CASES), |(content in content())| {
            let played = Played::new(name);
            let body = json!({"record": {"content": content}});
            let Some(created) = taken(played.call(&Method::POST, "/unified/crm/note", &body))? else {
                return Ok(());
            };
            count.set(count.get() + 1);
            let record = &created["record"];
            let expected = if content.is_empty() { Value::Null } else { json!(content) };
            prop_assert_eq!(&record["content"], &expected, "{}", name);
            for query in ["?sync_mode=full", ""] {
                let target = format!("/unified/crm/note{query}");
                let page = played.call(&Method::GET, &target, &Value::Null).unwrap();
                prop_assert_eq!(&page["items"], &json!([record]), "{} {}", name, query);
            }
        });
        assert!(count.get() > CASES / 4, "{name} took {}", count.get());
    }
}
