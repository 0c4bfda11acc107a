//! Passing strings, numbers, words, and whatever is nested: the part of [`Scan`] that looks at bytes.

use std::borrow::Cow;

use super::{Scan, Stop};

impl Scan<'_> {
    /// Passes a string, from its quotation mark on. Says whether something in it is escaped.
    #[inline]
    pub(super) fn pass_string(&mut self) -> Result<bool, Stop> {
        let bytes = self.text.as_bytes();
        let end = plain_until(bytes, self.at + 1);
        if bytes.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(false);
        }
        self.pass_rest_of_string(end)
    }

    fn pass_rest_of_string(&mut self, mut at: usize) -> Result<bool, Stop> {
        let bytes = self.text.as_bytes();
        let mut is_escaped = false;
        loop {
            match bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(is_escaped);
                }
                Some(b'\\') => is_escaped = true,
                Some(_) => return Err(Stop::Illegal),
                None => return Err(self.ended()),
            }
            match bytes.get(at + 1) {
                Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => at += 2,
                Some(b'u') => {
                    for place in at + 2..at + 6 {
                        match bytes.get(place) {
                            Some(digit) if digit.is_ascii_hexdigit() => {}
                            Some(_) => return Err(Stop::Illegal),
                            None => return Err(self.ended()),
                        }
                    }
                    at += 6;
                }
                Some(_) => return Err(Stop::Illegal),
                None => return Err(self.ended()),
            }
            at = plain_until(bytes, at);
        }
    }

    /// Passes a number, `true`, `false` or `null`, of which `first` is the first byte.
    #[inline]
    pub(super) fn pass_word(&mut self, first: u8) -> Result<(), Stop> {
        match first {
            b't' => self.pass_literal("true"),
            b'f' => self.pass_literal("false"),
            b'n' => self.pass_literal("null"),
            b'-' | b'0'..=b'9' => self.pass_number(),
            _ => Err(Stop::Illegal),
        }
    }

    #[inline]
    fn pass_literal(&mut self, literal: &str) -> Result<(), Stop> {
        let rest = &self.text.as_bytes()[self.at..];
        if rest.starts_with(literal.as_bytes()) {
            self.at += literal.len();
            return Ok(());
        }
        if literal.as_bytes().starts_with(rest) {
            return Err(self.ended());
        }
        Err(Stop::Illegal)
    }

    fn pass_number(&mut self) -> Result<(), Stop> {
        let bytes = self.text.as_bytes();
        let mut at = self.at;
        let digits = |from: usize| {
            let rest = bytes.get(from..).unwrap_or_default();
            let more = rest.iter().position(|byte| !byte.is_ascii_digit());
            from + more.unwrap_or(rest.len())
        };
        // At least one digit, from `from` on.
        let some_digits = |from: usize| match bytes.get(from) {
            Some(b'0'..=b'9') => Ok(digits(from)),
            Some(_) => Err(Stop::Illegal),
            None => Err(self.ended()),
        };
        if bytes.get(at) == Some(&b'-') {
            at += 1;
        }
        // Nothing follows a zero in front: the next digit is no comma and no end, and is refused as such.
        at = match bytes.get(at) {
            Some(b'0') => at + 1,
            _ => some_digits(at)?,
        };
        if bytes.get(at) == Some(&b'.') {
            at = some_digits(at + 1)?;
        }
        if let Some(b'e' | b'E') = bytes.get(at) {
            at += 1;
            if let Some(b'+' | b'-') = bytes.get(at) {
                at += 1;
            }
            at = some_digits(at)?;
        }
        if at == bytes.len() && self.is_part {
            return Err(Stop::Incomplete);
        }
        self.at = at;
        Ok(())
    }

    /// Passes an object or a list with all that is in it. No depth is too much: it is counted, not called.
    pub(super) fn pass_nested(&mut self) -> Result<(), Stop> {
        let mut nesting = Nesting::default();
        loop {
            // Before a value.
            match self.peek()? {
                b'"' => {
                    self.pass_string()?;
                }
                open @ (b'{' | b'[') => {
                    self.at += 1;
                    let end = open + 2;
                    if !self.passes(end)? {
                        nesting.push(end);
                        if end == b'}' {
                            self.key()?;
                        }
                        continue;
                    }
                }
                first => self.pass_word(first)?,
            }
            // After it.
            loop {
                let Some(end) = nesting.end() else {
                    return Ok(());
                };
                if !self.ends(end)? {
                    if end == b'}' {
                        self.key()?;
                    }
                    break;
                }
                nesting.pop();
            }
        }
    }
}

/// The objects and lists around a place, one bit for each.
#[derive(Default)]
struct Nesting {
    depth: usize,
    /// The innermost 64 of them, the last in the lowest bit; set for an object.
    bits: u64,
    /// Those around, 64 at a time.
    outer: Vec<u64>,
}

impl Nesting {
    fn push(&mut self, end: u8) {
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.outer.push(self.bits);
        }
        self.bits = self.bits << 1 | u64::from(end == b'}');
        self.depth += 1;
    }

    fn pop(&mut self) {
        self.depth -= 1;
        self.bits >>= 1;
        if self.depth > 0 && self.depth.is_multiple_of(64) {
            self.bits = self.outer.pop().unwrap_or_default();
        }
    }

    /// What ends the innermost one.
    fn end(&self) -> Option<u8> {
        match self.depth {
            0 => None,
            _ if self.bits & 1 == 1 => Some(b'}'),
            _ => Some(b']'),
        }
    }
}

/// Where the plain part of a string ends that goes on at `at`: at a quotation mark, a backslash, a control character, or
/// the end of the text. Eight bytes are looked at in one go.
#[inline]
fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH_BITS: u64 = ONES * 0x80;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk::<16>) {
        let chunk = wide::u8x16::from(*chunk);
        let quotes = chunk.simd_eq(wide::u8x16::splat(b'"'));
        let backslashes = chunk.simd_eq(wide::u8x16::splat(b'\\'));
        let controls = chunk.min(wide::u8x16::splat(0x1f)).simd_eq(chunk);
        let found = (quotes | backslashes | controls).to_bitmask();
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += 16;
    }
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let word = u64::from_le_bytes(*word);
        let quotes = (word ^ (ONES * 0x22)).wrapping_sub(ONES);
        let backslashes = (word ^ (ONES * 0x5c)).wrapping_sub(ONES);
        let controls = word.wrapping_sub(ONES * 0x20);
        // The high bit of a byte is set where it is one of these. What is not ASCII is none; a borrow can only reach the
        // bytes after one that is.
        let found = (quotes | backslashes | controls) & !word & HIGH_BITS;
        if found != 0 {
            return at + found.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    let rest = bytes.get(at..).unwrap_or_default();
    let ends = |byte: &u8| *byte < 0x20 || matches!(byte, b'"' | b'\\');
    at + rest.iter().position(ends).unwrap_or(rest.len())
}

/// The text inside of a string's quotation marks, borrowed where nothing in it is escaped; none where half a pair of
/// surrogates is in it.
pub fn unquote(inside: &str) -> Option<Cow<'_, str>> {
    if !inside.contains('\\') {
        return Some(Cow::Borrowed(inside));
    }
    serde_json::from_str(&format!("\"{inside}\""))
        .ok()
        .map(Cow::Owned)
}

/// Whether a text can stand between quotation marks as it is.
#[inline]
pub(in crate::translate) fn is_plain(text: &str) -> bool {
    plain_until(text.as_bytes(), 0) == text.len()
}

/// Whether the inside of a string has a meaning in Unicode: no half of a pair of surrogates stands alone.
#[inline]
pub(in crate::translate) fn is_unicode(inside: &str) -> bool {
    let plain = plain_until(inside.as_bytes(), 0);
    plain == inside.len() || is_escaped_unicode(&inside[plain..])
}

fn is_escaped_unicode(inside: &str) -> bool {
    let mut rest = inside;
    let mut waits_for_low = false;
    while let Some(at) = rest.find('\\') {
        if waits_for_low && at > 0 {
            return false;
        }
        let escape = rest.as_bytes().get(at + 1).copied();
        if escape == Some(b'u') {
            let digits = rest.get(at + 2..at + 6);
            let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
            match (unit, waits_for_low) {
                (Some(0xdc00..=0xdfff), true) => waits_for_low = false,
                (Some(0xd800..=0xdbff), false) => waits_for_low = true,
                (Some(0xd800..=0xdfff) | None, _) | (_, true) => return false,
                (Some(_), false) => {}
            }
            rest = &rest[at + 6..];
        } else {
            if waits_for_low {
                return false;
            }
            rest = rest.get(at + 2..).unwrap_or_default();
        }
    }
    !waits_for_low
}
