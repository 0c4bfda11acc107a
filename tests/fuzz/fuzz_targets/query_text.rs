//! Text in queries: between its quotes stands what came in, and it never gets out of them.
#![no_main]

use crosswalk::translate::query::Query;
use libfuzzer_sys::fuzz_target;

/// Reads a string literal as Salesforce does (salesforce.md §4.1); gives its text and what follows it.
fn literal(query: &str) -> (String, &str) {
    let mut characters = query
        .strip_prefix('\'')
        .expect("an opening quote")
        .char_indices();
    let mut text = String::new();
    while let Some((at, character)) = characters.next() {
        match character {
            '\'' => return (text, &query[at + 2..]),
            '\\' => match characters.next().expect("an escaped character").1 {
                'n' => text.push('\n'),
                'r' => text.push('\r'),
                't' => text.push('\t'),
                'b' => text.push('\u{8}'),
                'f' => text.push('\u{c}'),
                'u' => {
                    let digits: String =
                        (0..4).filter_map(|_| Some(characters.next()?.1)).collect();
                    let code = u32::from_str_radix(&digits, 16).expect("four hex digits");
                    text.push(char::from_u32(code).expect("a character"));
                }
                other => {
                    assert!(matches!(other, '\\' | '\'' | '"'), "no escape: {other:?}");
                    text.push(other);
                }
            },
            other => text.push(other),
        }
    }
    panic!("the quote does not close: {query}");
}

fuzz_target!(|texts: Vec<String>| {
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let query = Query::default()
        .literal("(")
        .texts(texts.iter().copied())
        .literal(")")
        .build();
    let mut rest = query.strip_prefix('(').expect("as written");
    for (index, wanted) in texts.iter().enumerate() {
        if index > 0 {
            rest = rest.strip_prefix(',').expect("a comma between literals");
        }
        let (found, after) = literal(rest);
        assert_eq!(found, *wanted);
        rest = after;
    }
    assert_eq!(rest, ")");
    // Names are names, or they are left out.
    let names = Query::default().names(texts.iter().copied()).build();
    assert!(
        names
            .chars()
            .all(|it| it.is_ascii_alphanumeric() || "_., ".contains(it))
    );
});
