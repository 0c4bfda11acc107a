//! Values that something on the way might take for something else.

use proptest::prelude::*;
use serde_json::{Value, json};

/// So many cases. A failure prints its values; a file beside the tests would say no more.
pub(crate) fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

/// Pieces that mean something to JSON, SOQL, a URL, a bundle of calls, a list, a shell, or a trimmer of spaces.
const PIECES: [&str; 40] = [
    "'",
    "\"",
    "\\",
    "\\'",
    "\\\\",
    "''",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\u{0}",
    "\u{7f}",
    "\u{1b}[31m",
    "\u{feff}",
    "\u{2028}",
    "\u{200b}",
    "😀",
    "👩‍👩‍👧",
    "é",
    "e\u{301}",
    "ﷺ",
    "\u{10ffff}",
    " ",
    "%",
    "%27",
    "%0A",
    "_",
    "*",
    ";",
    ";a",
    "&b=c#d?e",
    "+",
    "' OR Name != '",
    "') LIMIT 1 --",
    "SELECT Id FROM Account WHERE Name LIKE '%'",
    "NULL",
    "{record.id}",
    "@{write.id}",
    "{!$User.Id}",
    "\\u0027",
];

/// Text of any kind: words, hostile pieces, any characters at all, and long ones.
pub(crate) fn text() -> impl Strategy<Value = String> {
    let pieces = prop::collection::vec(prop::sample::select(PIECES.to_vec()), 1..4);
    let hostile = ("[a-zA-Z ]{0,6}", pieces, "[a-zA-Z ]{0,6}")
        .prop_map(|(before, pieces, after)| format!("{before}{}{after}", pieces.concat()));
    let characters = prop::collection::vec(any::<char>(), 0..20);
    prop_oneof![
        2 => "[ A-Za-z0-9.-]{1,20}",
        6 => hostile,
        2 => characters.prop_map(|characters| characters.into_iter().collect::<String>()),
        1 => prop::sample::select(vec![39_usize, 40, 41, 79, 81, 255, 256]).prop_map(|length| "x".repeat(length)),
        1 => prop::sample::select(vec!["'\\😀\n", "x", "\\", "é "]).prop_map(of_ten_thousand),
    ]
}

fn of_ten_thousand(piece: &str) -> String {
    piece.chars().cycle().take(10_000).collect()
}

/// Text or null.
pub(crate) fn part() -> impl Strategy<Value = Value> {
    prop_oneof![
        1 => Just(Value::Null),
        3 => "[A-Za-z0-9 ]{1,10}".prop_map(Value::from),
        3 => text().prop_map(Value::from),
    ]
}

/// Numbers, those among them that are not whole or that no machine's integer holds.
pub(crate) fn number() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<u16>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        prop::sample::select(vec![
            json!(0),
            json!(-1),
            json!(1.5),
            json!(12.0),
            json!(1e3),
            json!(-0.0),
            json!(1e15),
            json!(1e300),
            json!(2_147_483_648_u64),
            json!(9_007_199_254_740_993_u64),
        ]),
    ]
}

/// Addresses, good and bad ones.
pub(crate) fn email() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z0-9.+_'-]{1,12}@[a-z]{1,8}[.](example|inc|json)",
        2 => "[A-Z]{1,5}@[A-Z]{1,8}[.]EXAMPLE",
        1 => "é[a-z]{1,5}@ü[a-z]{1,5}[.]example",
        1 => "[a-z/?#&=%!{}]{1,8}@[a-z]{1,8}[.]example",
        2 => text(),
        1 => text().prop_map(|text| format!("{text}@a.example")),
    ]
}

/// Web addresses, good and bad ones.
pub(crate) fn website() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "(http://|https://|HTTPS://|)(www[.]|WWW[.]|)[a-z]{1,10}[.]example(/|/[a-z]{1,5}|)",
        2 => "[a-z]{1,8}[.]example/[a-z'?#&=%+@{}\\\\ ]{1,8}",
        1 => "[A-Za-z]{1,8}é[.]example",
        3 => text(),
    ]
}
