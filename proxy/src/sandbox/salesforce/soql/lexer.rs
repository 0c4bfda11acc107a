//! Words, literals and signs of a query.

use crate::sandbox::salesforce::fault::Fault;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name, a keyword or an unquoted literal.
    Word(String),
    Text(Quoted),
    Sign(&'static str),
}

/// A quoted literal.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Quoted {
    /// What it says.
    pub(super) text: String,
    /// What it says to LIKE: a backslash stands before each character that is itself and no wildcard.
    pub(super) pattern: String,
    /// Whether it has `\%` or `\_`, which only LIKE reads.
    pub(super) is_pattern: bool,
}

/// The tokens of a query, each with its column from 1 on.
pub(super) fn tokens(text: &str) -> Result<Vec<(Token, usize)>, Fault> {
    let characters: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&character) = characters.get(at) {
        let column = at + 1;
        if character.is_whitespace() {
            at += 1;
        } else if character == '\'' {
            let (literal, end) = literal(text, &characters, at)?;
            tokens.push((Token::Text(literal), column));
            at = end;
        } else if let Some(sign) = sign(&characters[at..]) {
            tokens.push((Token::Sign(sign), column));
            at += sign.len();
        } else if is_word(character) {
            let length = characters[at..]
                .iter()
                .take_while(|character| is_word(**character))
                .count();
            tokens.push((
                Token::Word(characters[at..at + length].iter().collect()),
                column,
            ));
            at += length;
        } else {
            return Err(malformed(
                text,
                column,
                &format!("line 1:{at} no viable alternative at character '{character}'"),
            ));
        }
    }
    Ok(tokens)
}

fn is_word(character: char) -> bool {
    character.is_ascii_alphanumeric() || "_.:-+".contains(character)
}

fn sign(rest: &[char]) -> Option<&'static str> {
    ["!=", "<=", ">=", "<>", "=", "<", ">", "(", ")", ","]
        .into_iter()
        .find(|sign| sign.chars().eq(rest.iter().copied().take(sign.len())))
}

/// A quoted literal and where it ends.
fn literal(text: &str, characters: &[char], start: usize) -> Result<(Quoted, usize), Fault> {
    let mut literal = Quoted::default();
    let mut at = start + 1;
    loop {
        match characters.get(at) {
            None => return Err(malformed(text, start + 1, "unexpected token: '<EOF>'")),
            Some('\'') => break,
            Some('\\') => {
                at += 1;
                let meant = match characters.get(at) {
                    Some('n' | 'N') => '\n',
                    Some('r' | 'R') => '\r',
                    Some('t' | 'T') => '\t',
                    Some('b' | 'B') => '\u{8}',
                    Some('f' | 'F') => '\u{c}',
                    Some(same @ ('\'' | '"' | '\\')) => *same,
                    Some(wildcard @ ('%' | '_')) => {
                        literal.is_pattern = true;
                        *wildcard
                    }
                    Some('u') => {
                        let digits: String = characters.iter().skip(at + 1).take(4).collect();
                        at += 4;
                        Some(&digits)
                            .filter(|digits| digits.bytes().all(|it| it.is_ascii_hexdigit()))
                            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
                            .and_then(char::from_u32)
                            .ok_or_else(|| malformed(text, at, "Illegal escape sequence"))?
                    }
                    _ => {
                        return Err(malformed(
                            text,
                            at,
                            "Invalid string literal: Illegal escape sequence",
                        ));
                    }
                };
                literal.text.push(meant);
                literal.pattern.extend(['\\', meant]);
            }
            Some(character) => {
                literal.text.push(*character);
                literal.pattern.push(*character);
            }
        }
        at += 1;
    }
    if literal.text.chars().count() > 4000 {
        return Err(malformed(
            text,
            start + 1,
            "The string literal is longer than 4,000 characters",
        ));
    }
    Ok((literal, at + 1))
}

/// A fault of the text itself, at a column from 1 on.
pub(super) fn malformed(text: &str, column: usize, message: &str) -> Fault {
    Fault::new(400, "MALFORMED_QUERY", message).in_query(text, column.saturating_sub(1))
}
