//! Objects of which some members are wanted.

#![expect(
    clippy::inline_always,
    reason = "where a key is a constant, it is compared by a few instructions: a third of the time"
)]

use super::{
    Scan, Stop,
    passing::{plain_string, plain_value},
    unquote,
};
use crate::translate::leaf::{Kind, Leaf, Token};

/// An object of which some members are wanted.
pub trait Native<'a>: Default {
    /// Shows each member that is wanted, with the place for its value. They stand in the order in which they are likely
    /// to come: one that comes behind the one before it is known by a single comparison. Any order is right, and none is
    /// relied upon.
    fn members(&mut self, members: &mut impl Members<'a>) -> Result<(), Left>;
}

/// Who is shown the members of an object.
pub trait Members<'a> {
    fn take(&mut self, key: Key, value: &mut impl Value<'a>) -> Result<(), Left>;
}

/// The place for the value of a member.
pub trait Value<'a> {
    /// Takes the scalar that a text begins with, and says how long it is; none where it takes a closer look.
    fn take_scalar(&mut self, _text: &'a [u8]) -> Option<usize> {
        None
    }

    /// Takes the value that comes next, exactly one. A fresh place is one that nothing has been put into.
    fn take(&mut self, scan: &mut Scan<'a>, is_fresh: bool) -> Result<(), Stop>;

    /// Whether a value was taken. What is no scalar does not know.
    fn is_there(&self) -> bool {
        false
    }

    /// How many of these names are those of members that were taken.
    fn count_there(&mut self, _names: &[&str]) -> usize {
        0
    }
}

/// Why no more members are to be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// The object is at its end, or what was looked for is found.
    Done,
    /// It cannot be read.
    Stopped(Stop),
}

impl From<Stop> for Left {
    fn from(stop: Stop) -> Self {
        Self::Stopped(stop)
    }
}

/// The key of a member. Made by [`key!`](crate::key).
#[derive(Debug, Clone, Copy)]
pub struct Key(#[doc(hidden)] pub &'static KeyParts);

#[doc(hidden)]
#[derive(Debug)]
pub struct KeyParts {
    /// As in `name`.
    pub name: &'static str,
    /// As it nearly always stands before its value: `"name":`.
    pub written: &'static str,
}

/// The key of a member, by its name.
#[macro_export]
macro_rules! key {
    ($name:literal) => {
        $crate::translate::scan::Key(&$crate::translate::scan::KeyParts {
            name: $name,
            written: concat!("\"", $name, "\":"),
        })
    };
}

impl<'a> Value<'a> for Leaf<'a> {
    #[inline(always)]
    fn take_scalar(&mut self, text: &'a [u8]) -> Option<usize> {
        if let Some(length) = plain_string(text) {
            *self = Token::new(text, length, Kind::Plain).into();
            return Some(length);
        }
        if text.starts_with(b"null") {
            *self = Leaf::NULL;
            return Some(4);
        }
        self.take_other_scalar(text)
    }

    fn take(&mut self, scan: &mut Scan<'a>, _is_fresh: bool) -> Result<(), Stop> {
        scan.leaf(self)
    }

    #[inline]
    fn is_there(&self) -> bool {
        Leaf::is_there(*self)
    }
}

impl<'a, T: Native<'a>> Value<'a> for T {
    fn take(&mut self, scan: &mut Scan<'a>, is_fresh: bool) -> Result<(), Stop> {
        if !is_fresh {
            *self = T::default();
        }
        scan.object(self)
    }

    fn count_there(&mut self, names: &[&str]) -> usize {
        let mut there = There { names, count: 0 };
        // It counts all and stops nowhere.
        let _ = self.members(&mut there);
        there.count
    }
}

impl<'a> Scan<'a> {
    /// Takes what is wanted of the object whose brace comes next, into places that nothing has been put into.
    pub(super) fn wanted<T: Native<'a>>(&mut self, native: &mut T) -> Result<(), Stop> {
        self.at += 1;
        if self.passes(b'}')? {
            return Ok(());
        }
        match self.all_wanted(native) {
            Ok(()) | Err(Left::Done) => Ok(()),
            Err(Left::Stopped(stop)) => Err(stop),
        }
    }

    fn all_wanted<T: Native<'a>>(&mut self, native: &mut T) -> Result<(), Left> {
        let mut is_fresh = true;
        loop {
            native.members(&mut InOrder {
                scan: self,
                is_wanted: is_wanted::<T>,
                is_fresh,
                out_of_order: None,
            })?;
            is_fresh = false;
            // What comes now is of an earlier place in the order, or is wanted by nobody.
            while self.passes_unwanted(is_wanted::<T>) {
                self.next_member()?;
            }
            let (key, is_escaped) = self.key()?;
            let mut by_name = ByName {
                scan: self,
                name: &name(key, is_escaped),
            };
            match native.members(&mut by_name) {
                Ok(()) => self.pass()?,
                Err(Left::Done) => {}
                Err(stopped) => return Err(stopped),
            }
            self.next_member()?;
        }
    }

    /// Passes a member that nobody wants, if it is written in the shortest way and its value needs no closer look.
    #[inline(never)]
    fn passes_unwanted(&mut self, is_wanted: fn(&[u8]) -> bool) -> bool {
        let passes = |rest: &[u8]| {
            let length = plain_string(rest)?;
            let (key, value) = rest.split_at_checked(length)?;
            let value = value.strip_prefix(b":")?;
            if is_wanted(&key[1..length - 1]) {
                return None;
            }
            Some(length + 1 + plain_value(value)?)
        };
        let length = self.rest().and_then(passes);
        self.at += length.unwrap_or_default();
        length.is_some()
    }

    /// Behind a member: passes the comma before the next one.
    #[inline(always)]
    fn next_member(&mut self) -> Result<(), Left> {
        if self.text.as_bytes().get(self.at) == Some(&b',') {
            self.at += 1;
            return Ok(());
        }
        self.last_member()
    }

    #[inline(never)]
    fn last_member(&mut self) -> Result<(), Left> {
        if self.ends(b'}')? {
            return Err(Left::Done);
        }
        Ok(())
    }

    /// What has not been passed.
    #[inline(always)]
    fn rest(&self) -> Option<&'a [u8]> {
        self.text.as_bytes().get(self.at..)
    }

    /// Whether a key stands here in the shortest way.
    fn stands(&self, key: Key) -> bool {
        let written = key.0.written.as_bytes();
        self.rest().is_some_and(|rest| rest.starts_with(written))
    }
}

/// The name that is written between quotation marks; empty where half a pair of surrogates is in it, which is in no
/// name.
fn name(key: &str, is_escaped: bool) -> std::borrow::Cow<'_, str> {
    if is_escaped {
        unquote(key).unwrap_or_default()
    } else {
        key.into()
    }
}

/// Takes members as long as they come in the order in which they are shown.
struct InOrder<'s, 'a> {
    scan: &'s mut Scan<'a>,
    is_wanted: fn(&[u8]) -> bool,
    /// Nothing has been put into the places.
    is_fresh: bool,
    /// Where one comes that is wanted, but was not the one that was shown.
    out_of_order: Option<usize>,
}

impl<'a> Members<'a> for InOrder<'_, 'a> {
    #[inline(always)]
    fn take(&mut self, key: Key, value: &mut impl Value<'a>) -> Result<(), Left> {
        let written = key.0.written.as_bytes();
        loop {
            // Nearly always it is here, and its value is a scalar that needs no closer look.
            if let Some(rest) = self.scan.rest()
                && let Some(text) = rest.strip_prefix(written)
                && let Some(length) = value.take_scalar(text)
            {
                self.scan.at += written.len() + length;
                return self.scan.next_member();
            }
            if !self.passes_unwanted()? {
                return self.take_any(key, value);
            }
        }
    }
}

impl<'a> InOrder<'_, 'a> {
    /// Passes a member that nobody wants, where that takes no closer look.
    fn passes_unwanted(&mut self) -> Result<bool, Left> {
        let is_wanted = self.out_of_order == Some(self.scan.at);
        let passes = !is_wanted && self.scan.passes_unwanted(self.is_wanted);
        if passes {
            self.scan.next_member()?;
        }
        Ok(passes)
    }

    #[inline(never)]
    fn take_any(&mut self, key: Key, value: &mut impl Value<'a>) -> Result<(), Left> {
        if self.scan.stands(key) {
            self.scan.at += key.0.written.len();
        } else if self.out_of_order == Some(self.scan.at) || !self.comes(key)? {
            return Ok(());
        }
        value
            .take(self.scan, self.is_fresh)
            .map_err(|stop| self.scan.stopped_in(key.0.name, stop))?;
        self.scan.next_member()
    }

    /// Whether the member comes although it does not stand here in the shortest way: passes its key then, and before it
    /// the members that nobody wants.
    fn comes(&mut self, wanted: Key) -> Result<bool, Left> {
        loop {
            let mark = self.scan.position();
            let (key, is_escaped) = self.scan.key()?;
            let name = name(key, is_escaped);
            if name == wanted.0.name {
                return Ok(true);
            }
            if (self.is_wanted)(name.as_bytes()) {
                self.scan.back_to(mark);
                self.out_of_order = Some(mark);
                return Ok(false);
            }
            self.scan.pass()?;
            self.scan.next_member()?;
            if self.scan.stands(wanted) {
                self.scan.at += wanted.0.written.len();
                return Ok(true);
            }
        }
    }
}

/// Takes the one member of a name.
struct ByName<'s, 'a> {
    scan: &'s mut Scan<'a>,
    name: &'s str,
}

impl<'a> Members<'a> for ByName<'_, 'a> {
    fn take(&mut self, key: Key, value: &mut impl Value<'a>) -> Result<(), Left> {
        if key.0.name != self.name {
            return Ok(());
        }
        value
            .take(self.scan, false)
            .map_err(|stop| self.scan.stopped_in(key.0.name, stop))?;
        Err(Left::Done)
    }
}

/// Whether a member of this name is wanted.
fn is_wanted<'a, T: Native<'a>>(name: &[u8]) -> bool {
    T::default().members(&mut Finds(name)).is_err()
}

/// Looks for a name.
struct Finds<'n>(&'n [u8]);

impl<'a> Members<'a> for Finds<'_> {
    #[inline]
    fn take(&mut self, key: Key, _value: &mut impl Value<'a>) -> Result<(), Left> {
        if key.0.name.as_bytes() == self.0 {
            return Err(Left::Done);
        }
        Ok(())
    }
}

/// Fields that are expected in a member of a record.
#[derive(Debug, Clone, Copy)]
pub(in crate::translate) struct Expected {
    pub(in crate::translate) member: &'static str,
    pub(in crate::translate) names: &'static [&'static str],
}

impl Expected {
    /// Whether all of them are certainly there.
    pub(super) fn are_in<'a, T: Native<'a>>(self, native: &mut T) -> bool {
        let mut inside = Inside {
            expected: self,
            count: 0,
        };
        // It counts all and stops nowhere.
        let _ = native.members(&mut inside);
        inside.count == self.names.len()
    }
}

/// Counts in one member.
struct Inside {
    expected: Expected,
    count: usize,
}

impl<'a> Members<'a> for Inside {
    #[inline]
    fn take(&mut self, key: Key, value: &mut impl Value<'a>) -> Result<(), Left> {
        if key.0.name == self.expected.member {
            self.count += value.count_there(self.expected.names);
        }
        Ok(())
    }
}

/// Counts the members that were taken and have one of these names.
struct There<'n> {
    names: &'n [&'n str],
    count: usize,
}

impl<'a> Members<'a> for There<'_> {
    #[inline]
    fn take(&mut self, key: Key, value: &mut impl Value<'a>) -> Result<(), Left> {
        let is_expected = value.is_there() && self.names.contains(&key.0.name);
        self.count += usize::from(is_expected);
        Ok(())
    }
}
