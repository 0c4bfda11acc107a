//! A list that is walked page by page, told as one text.

use serde_json::Value;

use crate::conversation::Conversation;

/// What a provider answers to the calls of one round.
pub(crate) type Round = Vec<(u16, Value)>;

/// Asks for a page for each of `pages`, each with the cursor of the one before; answers all that was said and the pages.
pub(crate) fn walk(
    provider: &'static str,
    operation: &'static str,
    pages: Vec<Vec<Round>>,
) -> (String, Vec<Value>) {
    let mut told = String::new();
    let mut answers: Vec<Value> = Vec::new();
    for rounds in pages {
        let mut call = Conversation::new(provider, operation);
        if let Some(cursor) = answers.last().and_then(|page| page["next_cursor"].as_str()) {
            call = call.query("cursor", cursor);
        }
        for round in rounds {
            call = call.answers_all(round);
        }
        let (text, answer) = call.run();
        let cursor = answer["next_cursor"].as_str().expect("a page has a cursor");
        // A cursor is opaque: what it leads to is told by the next page.
        told.push_str(&text.replace(cursor, "…"));
        answers.push(answer);
    }
    (readable(&told), answers)
}

/// Queries as people write them.
pub(crate) fn readable(told: &str) -> String {
    let written = [
        ("%20", " "),
        ("%2C", ","),
        ("%3A", ":"),
        ("%27", "'"),
        ("%3C", "<"),
        ("%3D", "="),
        ("%3E", ">"),
    ];
    let mut text = told.to_owned();
    for (escaped, character) in written {
        text = text.replace(escaped, character);
    }
    text
}

/// One call's answer.
pub(crate) fn ok(body: Value) -> Round {
    vec![(200, body)]
}
