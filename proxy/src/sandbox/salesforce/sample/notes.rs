//! Notes on accounts, enhanced and classic.

use serde_json::{Map, Value, json};

use super::{create, setup};
use crate::sandbox::salesforce::{
    rules::note,
    state::{Row, State},
};

/// Title and body as an API client escapes it; on the account of the same place.
const NOTES: [(&str, &str); 5] = [
    (
        "Kick-off",
        "<p>Met the fleet manager.</p><p>They run 40 vessels &amp; want a pilot.</p>",
    ),
    (
        "Price talk",
        "Budget is below 20k.<br>Send the smaller package.",
    ),
    ("Print run", "Asked about 5&lt;10 day turnaround."),
    ("Owned by Grace", "Only she finds this one in a query."),
    ("Long one", ""),
];

pub(super) fn load(state: &mut State, accounts: &[String]) {
    for (index, (title, html)) in NOTES.into_iter().enumerate() {
        let now = format!("2025-04-{:02}T08:00:00.000+0000", index + 1);
        let long = "Everything that was said at the meeting, word for word. ".repeat(12);
        let html = if html.is_empty() { long.trim() } else { html };
        let mut values: Map<String, Value> = note::coded(html);
        values.insert("Title".to_owned(), json!(title));
        let id = create(state, "ContentNote", &Value::Object(values), &now);
        let link =
            json!({ "ContentDocumentId": id, "LinkedEntityId": accounts[index], "ShareType": "V" });
        create(state, "ContentDocumentLink", &link, &now);
        if index == 3 {
            give(state, &id, &setup::user(1), &now);
        }
    }
    let classic = json!({ "Title": "From the old days", "Body": "Filed before Lightning.", "ParentId": accounts[0] });
    create(state, "Note", &classic, "2025-04-06T08:00:00.000+0000");
}

/// Makes a note somebody else's, as if he had written it.
fn give(state: &mut State, id: &str, owner: &str, now: &str) {
    let given = Row::from_iter([("OwnerId".to_owned(), json!(owner))]);
    for object in ["ContentNote", "ContentDocument"] {
        state.amend(object, id, given.clone(), now);
    }
    let own = State::user_id();
    let link = state
        .table("ContentDocumentLink")
        .find(|(_, link)| {
            link.get("ContentDocumentId") == Some(&json!(id))
                && link.get("LinkedEntityId") == Some(&json!(own))
        })
        .map(|(link, _)| link.to_owned());
    if let Some(link) = link {
        let owner = Row::from_iter([("LinkedEntityId".to_owned(), json!(owner))]);
        state.amend("ContentDocumentLink", &link, owner, now);
    }
}
