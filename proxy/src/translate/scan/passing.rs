//! Passing strings, numbers, words, and whatever is nested: the part of [`Scan`] that looks at bytes.

#![expect(
    clippy::inline_always,
    reason = "most strings are so short that a call takes longer than to find their end"
)]

use std::borrow::Cow;

use super::{Scan, Stop};
use crate::translate::leaf::{Kind, Leaf, Token};

impl Scan<'_> {
    /// Passes a string, from its quotation mark on. Says of which kind it is.
    #[inline]
    pub(super) fn pass_string(&mut self) -> Result<Kind, Stop> {
        let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        if let Some(length) = plain_string(rest) {
            self.at += length;
            return Ok(Kind::Plain);
        }
        self.pass_odd_string(rest)
    }

    #[inline(never)]
    fn pass_odd_string(&mut self, rest: &[u8]) -> Result<Kind, Stop> {
        match odd_string(rest) {
            Ok((length, kind)) => {
                self.at += length;
                Ok(kind)
            }
            Err(Stop::Incomplete) => Err(self.ended()),
            Err(stop) => Err(stop),
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
                            self.pass_to_value()?;
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
                        self.pass_to_value()?;
                    }
                    break;
                }
                nesting.pop();
            }
        }
    }

    /// Passes members of an object, and the key of the first one that takes a closer look.
    fn pass_to_value(&mut self) -> Result<(), Stop> {
        let mut rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
        while let Some([b',', next @ ..]) = plain_member(rest) {
            rest = next;
        }
        self.at = self.text.len() - rest.len();
        self.key().map(|_| ())
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

/// Bytes that are looked at together.
const CHUNK: usize = 16;

/// The length of the string that a text begins with, its quotation marks counted, where nothing in it is escaped. None
/// where it has to be looked at more closely: it is no such string, or the text ends soon after.
#[inline(always)]
pub(super) fn plain_string(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    if text.first() != Some(&b'"') {
        return None;
    }
    while let Some(chunk) = text.get(at..).and_then(<[u8]>::first_chunk) {
        let found = specials(*chunk);
        if found != 0 {
            let end = found.trailing_zeros() as usize;
            return (chunk[end % CHUNK] == b'"').then_some(at + end + 1);
        }
        at += CHUNK;
    }
    None
}

/// The length of any string that a text begins with, its quotation marks counted, and its kind.
fn odd_string(text: &[u8]) -> Result<(usize, Kind), Stop> {
    let mut kind = Kind::Plain;
    let mut at = plain_until(text, 1);
    loop {
        match text.get(at) {
            Some(b'"') => return Ok((at + 1, kind)),
            Some(b'\\') => {}
            Some(_) => return Err(Stop::Illegal),
            None => return Err(Stop::Incomplete),
        }
        match text.get(at + 1) {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                kind = kind.max(Kind::Escaped);
                at += 2;
            }
            Some(b'u') => {
                for place in at + 2..at + 6 {
                    match text.get(place) {
                        Some(digit) if digit.is_ascii_hexdigit() => {}
                        Some(_) => return Err(Stop::Illegal),
                        None => return Err(Stop::Incomplete),
                    }
                }
                kind = Kind::Numbered;
                at += 6;
            }
            Some(_) => return Err(Stop::Illegal),
            None => return Err(Stop::Incomplete),
        }
        at = plain_until(text, at);
    }
}

/// The length of the word that a text begins with: `null`, a truth value, or a number of a few digits. None where it has
/// to be looked at more closely.
fn plain_word(text: &[u8]) -> Option<usize> {
    match text {
        [b'n', b'u', b'l', b'l', ..] | [b't', b'r', b'u', b'e', ..] => Some(4),
        [b'f', b'a', b'l', b's', b'e', ..] => Some(5),
        [b'0', b',' | b'}', ..] => Some(1),
        [b'1'..=b'9', rest @ ..] => {
            let more = rest.iter().position(|byte| !byte.is_ascii_digit())?;
            matches!(rest[more], b',' | b'}').then_some(1 + more)
        }
        _ => None,
    }
}

/// The length of the value that a text begins with, where it is a plain string, a plain word, or an object of such
/// values, and written in the shortest way. None where it has to be looked at more closely.
pub(super) fn plain_value(text: &[u8]) -> Option<usize> {
    plain_string(text).or_else(|| match text.first() {
        Some(b'{') => plain_object(text),
        _ => plain_word(text),
    })
}

#[inline(never)]
fn plain_object(text: &[u8]) -> Option<usize> {
    let mut rest = text.get(1..)?;
    loop {
        match plain_member(rest)? {
            [b',', next @ ..] => rest = next,
            [b'}', behind @ ..] => return Some(text.len() - behind.len()),
            _ => return None,
        }
    }
}

/// What follows the member that a text begins with, where that is a plain string or a plain word under a plain name, and
/// written in the shortest way. None where it has to be looked at more closely.
#[inline(always)]
fn plain_member(text: &[u8]) -> Option<&[u8]> {
    let value = text.get(plain_string(text)?..)?.strip_prefix(b":")?;
    let length = plain_string(value).or_else(|| plain_word(value))?;
    value.get(length..)
}

impl<'a> Leaf<'a> {
    /// Takes the scalar that a text begins with and that is no plain string, and says how long it is; none where it takes
    /// a closer look.
    #[inline(never)]
    pub(super) fn take_other_scalar(&mut self, text: &'a [u8]) -> Option<usize> {
        if text.first() == Some(&b'"') {
            let (length, kind) = odd_string(text).ok()?;
            *self = Token::new(text, length, kind).into();
            return Some(length);
        }
        let length = plain_word(text)?;
        *self = if text[0] == b'n' {
            Self::NULL
        } else {
            Token::new(text, length, Kind::Other).into()
        };
        Some(length)
    }
}

/// The bytes that do not stand for themselves in a string, a bit for each: quotation marks, backslashes, and control
/// characters.
#[inline]
fn specials(chunk: [u8; CHUNK]) -> u32 {
    let chunk = wide::u8x16::from(chunk);
    let quotes = chunk.simd_eq(wide::u8x16::splat(b'"'));
    let backslashes = chunk.simd_eq(wide::u8x16::splat(b'\\'));
    let controls = chunk.min(wide::u8x16::splat(0x1f)).simd_eq(chunk);
    (quotes | backslashes | controls).to_bitmask()
}

/// Where the plain part of a string ends that goes on at `at`: at a quotation mark, a backslash, a control character, or
/// the end of the text.
#[inline]
pub(in crate::translate) fn plain_until(bytes: &[u8], mut at: usize) -> usize {
    const ONES: u64 = u64::MAX / 255;
    const HIGH_BITS: u64 = ONES * 0x80;
    while let Some(chunk) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        let found = specials(*chunk);
        if found != 0 {
            return at + found.trailing_zeros() as usize;
        }
        at += CHUNK;
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
    let bytes = text.as_bytes();
    let is_plain = |chunk: &[u8; CHUNK]| specials(*chunk) == 0;
    let Some(last) = bytes.last_chunk() else {
        let mut short = [b' '; CHUNK];
        short[..bytes.len()].copy_from_slice(bytes);
        return is_plain(&short);
    };
    // The last one may overlap the one before.
    bytes.as_chunks().0.iter().all(is_plain) && is_plain(last)
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
