//! Reading JSON without making anything of it: one pass over the bytes of a provider's answer.
//!
//! A [`Scan`] stands somewhere in a text and goes forward only. Whatever it passes it has checked, so that a value that
//! was passed is legal JSON and can be copied as it is. Values come back as the very bytes they were written in: nothing
//! is decoded, and nothing is allocated for legal JSON that is nested no deeper than 64 levels.
//!
//! What is wanted of an object is said by a [`Native`] struct, one line for each member:
//!
//! ```
//! use crosswalk_runtime::{error::Error, key, translate::{leaf::Leaf, scan::{Left, Members, Native, Scan}}};
//!
//! #[derive(Default)]
//! struct Company<'a> {
//!     name: Leaf<'a>,
//! }
//!
//! impl<'a> Native<'a> for Company<'a> {
//!     fn members(&mut self, members: &mut impl Members<'a>) -> Result<(), Left> {
//!         members.take(key!("name"), &mut self.name)?;
//!         Ok(())
//!     }
//! }
//!
//! let mut company = Company::default();
//! Scan::new(r#"{"size": [1, {"x": null}], "name": "Acme"}"#).record(&mut company)?;
//! assert_eq!(company.name, Leaf::of(r#""Acme""#));
//! # Ok::<(), Error>(())
//! ```
//!
//! A text that is still coming is read by [`Scan::of_part`]: where it ends too early the outcome is
//! [`Stop::Incomplete`], and the same place is read again when there is more.

use std::{borrow::Cow, str::Utf8Error};

use super::leaf::{Kind, Leaf};
use crate::error::Error;

mod member;
mod passing;
#[cfg(test)]
mod tests;

pub(super) use member::Expected;
#[doc(hidden)]
pub use member::KeyParts;
pub use member::{Key, Left, Members, Native, Value};
pub use passing::unquote;
pub(super) use passing::{is_plain, is_unicode, plain_until};

/// Why a scan did not go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The text ends here, and more of it may come.
    Incomplete,
    /// It is not JSON.
    Illegal,
    /// It is JSON, but there is something else where an object must be.
    NoObject,
    /// The same where a list must be.
    NoList,
}

/// A place in a JSON text.
#[derive(Debug, Clone)]
pub struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// The text may go on.
    is_part: bool,
    /// What an [`Error`] is to say of the last stop.
    stopped: Option<Stop>,
    /// The members that lead to it, the innermost first.
    members: Vec<String>,
    /// What somebody wants to know of the next record.
    expected: Option<Expected>,
    met: bool,
}

impl<'a> Scan<'a> {
    /// At the beginning of a whole text.
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            is_part: false,
            stopped: None,
            members: Vec::new(),
            expected: None,
            met: false,
        }
    }

    /// At the beginning of what has come of a text so far.
    pub fn of_part(text: &'a str) -> Self {
        Self {
            is_part: true,
            ..Self::new(text)
        }
    }

    /// At the beginning of a whole text, which must be UTF-8.
    pub fn of_bytes(bytes: &'a [u8]) -> Result<Self, Error> {
        utf8(bytes).map(Self::new)
    }

    /// How many bytes lie behind.
    pub fn position(&self) -> usize {
        self.at
    }

    /// The text from `mark`, an earlier position, up to here.
    pub fn since(&self, mark: usize) -> &'a str {
        &self.text[mark..self.at]
    }

    /// Goes back to an earlier position.
    pub fn back_to(&mut self, mark: usize) {
        self.at = mark;
    }

    /// The next byte that is no white space; it is not passed.
    #[inline]
    pub fn peek(&mut self) -> Result<u8, Stop> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\n' | b'\r' | b'\t') => self.at += 1,
                Some(byte) => return Ok(*byte),
                None => return Err(self.ended()),
            }
        }
    }

    /// Passes a byte if it is the next one that is no white space.
    #[inline]
    pub fn passes(&mut self, byte: u8) -> Result<bool, Stop> {
        let is_next = self.peek()? == byte;
        self.at += usize::from(is_next);
        Ok(is_next)
    }

    /// Passes a value of any kind.
    #[inline]
    pub fn pass(&mut self) -> Result<(), Stop> {
        match self.peek()? {
            b'"' => self.pass_string().map(|_| ()),
            b'{' | b'[' => self.pass_nested(),
            first => self.pass_word(first),
        }
    }

    /// A value of any kind, as it is written.
    #[inline]
    pub fn value(&mut self) -> Result<&'a str, Stop> {
        self.peek()?;
        let begin = self.at;
        self.pass()?;
        Ok(self.since(begin))
    }

    /// Takes the value of a field. A field that is given twice has the last value.
    fn leaf(&mut self, leaf: &mut Leaf<'a>) -> Result<(), Stop> {
        let first = self.peek()?;
        let begin = self.at;
        let mut string = Kind::Plain;
        match first {
            b'"' => string = self.pass_string()?,
            b'{' | b'[' => self.pass_nested()?,
            _ => self.pass_word(first)?,
        }
        *leaf = Leaf::written(self.since(begin), string);
        Ok(())
    }

    /// Takes what is wanted of an object, into places that nothing has been put into; null is an object without members.
    fn object<T: Native<'a>>(&mut self, native: &mut T) -> Result<(), Stop> {
        match self.peek()? {
            b'{' => self.wanted(native),
            b'n' => self.pass_word(b'n'),
            _ => {
                // What is no JSON at all is told as such.
                self.pass()?;
                Err(Stop::NoObject)
            }
        }
    }

    /// Goes through the members of the object that comes next, with the scan before the value of each.
    #[inline]
    pub fn members(
        &mut self,
        mut member: impl FnMut(&str, &mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.at += 1;
        if self.passes(b'}')? {
            return Ok(());
        }
        loop {
            let (key, is_escaped) = self.key()?;
            if is_escaped {
                self.escaped_member(key, &mut member)?;
            } else {
                member(key, self).map_err(|stop| self.stopped_in(key, stop))?;
            }
            if self.ends(b'}')? {
                return Ok(());
            }
        }
    }

    /// Goes through the elements of the list that comes next, with the scan before each.
    pub fn elements(
        &mut self,
        mut element: impl FnMut(&mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        self.at += 1;
        if self.passes(b']')? {
            return Ok(());
        }
        loop {
            element(self)?;
            if self.ends(b']')? {
                return Ok(());
            }
        }
    }

    /// After a value in an object or a list: passes the end and says so, or the comma before the next one.
    #[inline]
    pub fn ends(&mut self, end: u8) -> Result<bool, Stop> {
        let next = self.peek()?;
        if next != b',' && next != end {
            return Err(Stop::Illegal);
        }
        self.at += 1;
        Ok(next == end)
    }

    /// A key and the colon after it: the text in the quotation marks, and whether something in it is escaped.
    #[inline]
    pub fn key(&mut self) -> Result<(&'a str, bool), Stop> {
        if self.peek()? != b'"' {
            return Err(Stop::Illegal);
        }
        let begin = self.at + 1;
        let is_escaped = self.pass_string()? != Kind::Plain;
        let key = &self.text[begin..self.at - 1];
        if !self.passes(b':')? {
            return Err(Stop::Illegal);
        }
        Ok((key, is_escaped))
    }

    #[cold]
    fn escaped_member(
        &mut self,
        key: &str,
        member: &mut impl FnMut(&str, &mut Self) -> Result<(), Stop>,
    ) -> Result<(), Stop> {
        match unquote(key) {
            Some(key) => member(&key, self).map_err(|stop| self.stopped_in(&key, stop)),
            // Half a pair of surrogates: no name is written so.
            None => self.pass(),
        }
    }

    /// The end of a text: only white space follows.
    pub fn end(&mut self) -> Result<(), Stop> {
        match self.peek() {
            Ok(_) => Err(Stop::Illegal),
            Err(_) if self.at == self.text.len() && !self.is_part => Ok(()),
            Err(stop) => Err(stop),
        }
    }

    /// A whole native record, as it came; what is wanted of it is put in places that nothing has been put into.
    #[inline]
    pub fn record<T: Native<'a>>(&mut self, native: &mut T) -> Result<&'a str, Error> {
        let read = self.peek().and_then(|first| {
            let begin = self.at;
            if first != b'{' {
                // What is no JSON at all is told as such.
                self.pass()?;
                return Err(Stop::NoObject);
            }
            self.wanted(native)?;
            if let Some(expected) = self.expected.take() {
                self.met = expected.are_in(native);
            }
            Ok(self.since(begin))
        });
        read.map_err(|stop| self.error(stop))
    }

    /// Has the next record looked at for these fields.
    pub(super) fn expect(&mut self, expected: Expected) {
        self.expected = Some(expected);
        self.met = false;
    }

    /// Whether all that was expected of the last record is certainly there, be it as null.
    pub(super) fn has_met(&self) -> bool {
        self.met
    }

    /// Whether the last error was that the text is not complete.
    pub fn is_incomplete(&self) -> bool {
        self.stopped == Some(Stop::Incomplete)
    }

    /// What is told of a stop here. The log gets the place, and nothing of what was found: that is a customer's.
    #[cold]
    pub fn error(&mut self, stop: Stop) -> Error {
        self.stopped = Some(stop);
        let mut message = "the provider's answer is not what its spec says".to_owned();
        let members: Vec<&str> = self.members.iter().rev().map(String::as_str).collect();
        if !members.is_empty() {
            message = format!("{message}, at `{}`", members.join("."));
        }
        self.members.clear();
        let at = self.at;
        Error::bad_gateway(message).with_detail(match stop {
            Stop::Incomplete => format!("it ends too early, after {at} bytes"),
            Stop::Illegal => format!("illegal JSON at byte {at}"),
            Stop::NoObject => format!("expected an object before byte {at}"),
            Stop::NoList => format!("expected a list before byte {at}"),
        })
    }

    #[cold]
    fn stopped_in(&mut self, key: &str, stop: Stop) -> Stop {
        if matches!(stop, Stop::NoObject | Stop::NoList) {
            self.members.push(key.to_owned());
        }
        stop
    }

    #[cold]
    fn ended(&self) -> Stop {
        if self.is_part {
            Stop::Incomplete
        } else {
            Stop::Illegal
        }
    }
}

/// A body as text.
pub fn utf8(body: &[u8]) -> Result<&str, Error> {
    checked(body).map_err(|error| {
        Error::bad_gateway("the provider's answer is not what its spec says")
            .with_detail(format!("no UTF-8 at byte {}", error.valid_up_to()))
    })
}

/// The same, for whoever can do with the beginning of a text.
pub(super) fn checked(text: &[u8]) -> Result<&str, Utf8Error> {
    // Where the fault is costs more to know, and is asked only if there is one.
    simdutf8::basic::from_utf8(text).or_else(|_| std::str::from_utf8(text))
}

/// The value at a place of an object that has been passed before, and so is legal; none where it is not there.
pub fn place<'a>(text: &'a str, path: &[&str]) -> Option<&'a str> {
    let Some((first, rest)) = path.split_first() else {
        return Some(text);
    };
    if !text.starts_with('{') {
        return None;
    }
    let mut found = None;
    let mut scan = Scan::new(text);
    let passed = scan.members(|key, scan| {
        if key == *first {
            found = Some(scan.value()?);
            Ok(())
        } else {
            scan.pass()
        }
    });
    passed.ok()?;
    place(found?, rest)
}

/// The text of a string token.
pub(super) fn text_of(token: &str) -> Option<Cow<'_, str>> {
    unquote(token.get(1..token.len().checked_sub(1)?)?)
}
