//! Queries of the form `SELECT … FROM … WHERE … ORDER BY … LIMIT …`: the names in them are fields of the object.
//!
//! Only words are looked at. What is quoted, a number or a slot is no name, and neither is a word of the language; the
//! word after `FROM` is the object. A query in parentheses has an object of its own.

use super::objects::{About, Object, Objects};
use crate::{diagnostic::Diagnostic, source::Text};

/// The words of the language that mappings need, no more: another word is taken for a field.
const WORDS: [&str; 19] = [
    "SELECT", "FROM", "WHERE", "AND", "OR", "NOT", "IN", "LIKE", "ORDER", "BY", "ASC", "DESC",
    "NULLS", "FIRST", "LAST", "LIMIT", "NULL", "TRUE", "FALSE",
];

/// One `SELECT`.
#[derive(Debug, Default)]
struct Query<'t> {
    /// How many parentheses are around it.
    depth: usize,
    object: Option<Word<'t>>,
    fields: Vec<Word<'t>>,
}

#[derive(Debug, Clone, Copy)]
struct Word<'t> {
    text: &'t str,
    at: usize,
}

/// The object of the query, if it names one that there is.
pub(super) fn check<'a>(
    text: &Text,
    about: About<'a>,
    objects: &Objects<'a>,
) -> Option<Object<'a>> {
    let mut open: Vec<Query<'_>> = vec![Query::default()];
    let mut done = Vec::new();
    let mut depth = 0_usize;
    let mut after_from = false;
    for token in tokens(&text.value) {
        match token.text {
            "(" => depth += 1,
            ")" => {
                depth = depth.saturating_sub(1);
                if open.len() > 1 && open.last().is_some_and(|query| query.depth > depth) {
                    done.extend(open.pop());
                }
            }
            word => {
                let is_word = WORDS.iter().any(|known| known.eq_ignore_ascii_case(word));
                let begins = word.eq_ignore_ascii_case("SELECT");
                if begins && depth > 0 {
                    open.push(Query {
                        depth,
                        ..Query::default()
                    });
                }
                let is_slot = word.starts_with('{');
                if let (false, Some(query)) = (is_word, open.last_mut()) {
                    if after_from {
                        query.object = Some(token);
                    } else if !is_slot {
                        query.fields.push(token);
                    }
                }
                after_from = word.eq_ignore_ascii_case("FROM");
            }
        }
    }
    let outer = open.into_iter().next()?;
    for query in done {
        one(&query, text, About::Anything, objects);
    }
    one(&outer, text, about, objects)
}

fn one<'a>(
    query: &Query<'_>,
    text: &Text,
    about: About<'a>,
    objects: &Objects<'a>,
) -> Option<Object<'a>> {
    let Some(named) = query.object else {
        let message = "the query does not say `FROM` which object";
        let diagnostic = Diagnostic::new("bad-template", message, text.span);
        objects.sink.push(diagnostic);
        return None;
    };
    let name = Text {
        value: named.text.to_owned(),
        span: text.part(named.at, named.text.len()),
    };
    let object = if named.text.starts_with('{') {
        // Which object it is will be known when it is called.
        objects.entity?
    } else {
        objects.named(&name, about)?
    };
    for field in &query.fields {
        objects.check_field(object, field.text, |offset, length| {
            text.part(field.at + offset, length)
        });
    }
    Some(object)
}

/// The fields between `SELECT` and `FROM`; none where the slot of all mapped fields stands there.
pub(super) fn chosen(text: &str) -> Option<Vec<String>> {
    let is_from = |token: &Word<'_>| token.text.eq_ignore_ascii_case("FROM");
    let tokens = tokens(text);
    let from = tokens.iter().position(is_from).unwrap_or(tokens.len());
    let end = tokens.get(from).map_or(text.len(), |token| token.at);
    let names = tokens[..from].iter().map(|token| token.text);
    let names = names.filter(|name| !name.eq_ignore_ascii_case("SELECT") && !name.starts_with('{'));
    (!text[..end].contains("{fields}")).then(|| names.map(str::to_owned).collect())
}

/// Words, slots and parentheses.
fn tokens(text: &str) -> Vec<Word<'_>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match first {
            '\'' | '"' => quoted(rest, first),
            '{' => rest.find('}').map_or(rest.len(), |end| end + 1),
            '0'..='9' => run(rest, |character| {
                character.is_alphanumeric() || "._:+-".contains(character)
            }),
            _ if is_name(first) => run(rest, |character| is_name(character) || character == '.'),
            _ => first.len_utf8(),
        };
        if is_name(first) && !first.is_ascii_digit() || matches!(first, '(' | ')' | '{') {
            tokens.push(Word {
                text: &rest[..length],
                at,
            });
        }
        at += length;
    }
    tokens
}

fn is_name(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn run(text: &str, holds: impl Fn(char) -> bool) -> usize {
    text.find(|character| !holds(character))
        .unwrap_or(text.len())
}

/// How long a quoted text is, with its quotes.
fn quoted(text: &str, quote: char) -> usize {
    let mut is_escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        match character {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            _ if character == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}
