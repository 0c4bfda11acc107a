//! Writing unified records, straight from the tokens of native ones: one call for each field.
//!
//! A text that nothing converts is copied as it was written; everything else gets its value from [`read`].

#![expect(
    clippy::inline_always,
    reason = "where the key of a field is a constant, so are most of the bytes that are copied: a third of the time"
)]

use std::{borrow::Cow, ops::Range};

use super::{
    beside::Beside,
    decimal, instant,
    leaf::{Glance, Leaf, Source, Token},
    read,
    scalar::{Flag, Number, Scalar, Text},
    scan,
    warning::Warnings,
};
use crate::error::Error;
use lines::Lines;

mod lines;
#[cfg(test)]
mod tests;

/// A member of a unified object: its name, and how it is written. Made by [`field!`](crate::field).
#[derive(Debug, Clone, Copy)]
pub struct Field(#[doc(hidden)] pub &'static Parts);

/// A member as it is copied: most of it in one go.
#[doc(hidden)]
#[derive(Debug)]
pub struct Parts {
    /// As in `name`.
    pub name: &'static str,
    /// As in `,"name":`.
    pub prefix: &'static str,
    /// As in `,"name":null`.
    pub null: &'static str,
}

impl Field {
    /// As in `name`.
    #[inline]
    pub fn name(self) -> &'static str {
        self.0.name
    }

    /// As in `,"name":`.
    #[inline]
    fn prefix(self) -> &'static str {
        self.0.prefix
    }
}

/// A member of a unified object, by its name.
#[macro_export]
macro_rules! field {
    ($name:literal) => {
        $crate::translate::record::Field(&$crate::translate::record::Parts {
            name: $name,
            prefix: concat!(",\"", $name, "\":"),
            null: concat!(",\"", $name, "\":null"),
        })
    };
}

/// A unified record that is being written, member by member in the order of the contract.
#[derive(Debug)]
pub struct Record<'o> {
    json: &'o mut Vec<u8>,
    warnings: &'o mut Warnings,
    with_raw: bool,
    begin: usize,
}

/// A member that was written.
#[derive(Debug)]
pub struct Written {
    field: Field,
    place: Place,
}

/// Where the value of a member stands in the output; empty where it is null.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Place(Range<usize>);

impl Place {
    pub(super) fn range(&self) -> Range<usize> {
        self.0.clone()
    }
}

impl Written {
    /// A field that a record must have.
    #[inline]
    pub fn required(self) -> Result<Place, Error> {
        if self.is_set() {
            Ok(self.place)
        } else {
            read::required(self.field.name(), None)
        }
    }

    /// Whether it has a value.
    #[inline]
    pub fn is_set(&self) -> bool {
        !self.place.0.is_empty()
    }
}

impl<'o> Record<'o> {
    pub(super) fn begin(json: &'o mut Vec<u8>, warnings: &'o mut Warnings, with_raw: bool) -> Self {
        let begin = json.len();
        Self {
            json,
            warnings,
            with_raw,
            begin,
        }
    }

    /// The record is whole.
    #[inline]
    pub fn end(self) {
        end_object(self.json, self.begin);
    }

    /// A text, as it was written; an empty one means unset at every provider.
    #[inline]
    pub fn text<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        put_text(self.json, field, source, field, self.warnings)
    }

    /// Texts joined by a space, the unset ones left out.
    pub fn join<const N: usize>(&mut self, field: Field, leaves: [Leaf<'_>; N]) -> Written {
        let texts = leaves.map(|leaf| leaf.text(field.name(), self.warnings));
        self.owned(field, read::join(texts.each_ref().map(Option::as_ref)))
    }

    /// The text that HTML shows, where it shows nothing but text; otherwise the HTML.
    pub fn html<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        let text = self.text_of(field, source);
        self.owned(field, read::html(text.as_ref()))
    }

    /// The label that a table beside the records has for a value.
    pub fn label(&mut self, field: Field, beside: &Beside, at: usize, leaf: Leaf<'_>) -> Written {
        let value = self.text_of(field, leaf);
        let label = beside.label(at, field.name(), value.as_ref(), self.warnings);
        self.owned(field, label)
    }

    /// A number that is a number natively too.
    #[inline]
    pub fn number<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        match source.glance() {
            Glance::Unset => self.null(field),
            Glance::Other(token) if decimal::is_plain(token.bytes()) => {
                put_as_it_is(self.json, field, token)
            }
            _ => self.any_number(field, source),
        }
    }

    #[cold]
    fn any_number<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        let token = source.scalar::<Number<'_>>(field.name(), self.warnings);
        if !token.is_set() {
            return self.null(field);
        }
        let plain = decimal::plain(token.json());
        self.json(field, plain.as_deref().unwrap_or(token.json()))
    }

    /// A number that is a text natively.
    #[inline]
    pub fn number_of_text<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        match source.glance() {
            Glance::Unset => self.null(field),
            Glance::Text(token) if token.inside().is_some_and(decimal::is_plain) => {
                put_one(self.json, field, token.inside().unwrap_or_default())
            }
            _ => self.number_of_any_text(field, source),
        }
    }

    #[cold]
    fn number_of_any_text<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        let text = self.text_of(field, source);
        let plain = text.as_ref().and_then(|text| decimal::plain(text.0.trim()));
        if let Some(plain) = plain {
            return self.json(field, &plain);
        }
        // What is no number is told.
        read::number_of_text(field.name(), text.as_ref(), self.warnings);
        self.null(field)
    }

    /// A truth value.
    #[inline]
    pub fn flag<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        if let Glance::Other(token) = source.glance()
            && matches!(token.bytes(), b"true" | b"false")
        {
            return put_as_it_is(self.json, field, token);
        }
        self.any_flag(field, source)
    }

    #[cold]
    fn any_flag<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        let flag = flag(field, source, self.warnings);
        self.truth(field, flag)
    }

    /// The opposite of a truth value.
    pub fn not<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        let flag = flag(field, source, self.warnings);
        self.truth(field, flag.map(|flag| !flag))
    }

    /// A truth value that is a text natively.
    pub fn flag_of_text<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        let text = self.text_of(field, source);
        let flag = read::flag_of_text(field.name(), text.as_ref(), self.warnings);
        self.truth(field, flag)
    }

    /// The value of the first truth that holds. Where one before it is not known, neither is the value.
    pub fn first_true<const N: usize>(
        &mut self,
        field: Field,
        cases: [(Truth<'_>, &'static str); N],
        otherwise: &'static str,
    ) -> Written {
        // All are looked at, so that what is odd is told whether or not it is needed.
        let cases = cases.map(|(truth, value)| {
            let holds = match truth {
                Truth::Flag(leaf) => flag(field, leaf, self.warnings),
                Truth::Text(leaf) => {
                    let text = self.text_of(field, leaf);
                    read::flag_of_text(field.name(), text.as_ref(), self.warnings)
                }
            };
            (holds, value)
        });
        let value = read::first_true(cases, otherwise);
        self.owned(field, value.map(Cow::Borrowed))
    }

    /// A value of an enumeration by its counterpart. `name` is how a value is written.
    pub fn value<'a, T: Copy>(
        &mut self,
        field: Field,
        pairs: &[(&str, T)],
        name: fn(T) -> &'static str,
        source: impl Source<'a>,
    ) -> Written {
        match source.glance() {
            Glance::Unset => return self.null(field),
            Glance::Text(token) => {
                let known = token.inside().and_then(|text| {
                    let pair = pairs.iter().find(|(native, _)| native.as_bytes() == text)?;
                    Some(name(pair.1))
                });
                // Otherwise it may be written with escapes.
                if let Some(known) = known {
                    return put_name(self.json, field, known);
                }
            }
            Glance::Other(_) | Glance::Several => {}
        }
        let text = self.text_of(field, source);
        let value = read::value(field.name(), pairs, text.as_ref(), self.warnings);
        self.owned(field, value.map(|value| Cow::Borrowed(name(value))))
    }

    /// An instant in any form that providers use, as RFC 3339 in UTC with milliseconds.
    #[inline(always)]
    pub fn timestamp<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        match source.glance() {
            Glance::Unset => return self.null(field),
            Glance::Text(token) => {
                if let Some(written) = token.inside().and_then(instant::written) {
                    return put_instant(self.json, field, token, written);
                }
            }
            Glance::Other(_) | Glance::Several => {}
        }
        self.any_timestamp(field, source)
    }

    #[cold]
    fn any_timestamp<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        let token = source.scalar::<Text<'_>>(field.name(), self.warnings);
        let text = Text::from_token(token.json());
        let instant = read::timestamp(field.name(), text.as_ref(), self.warnings);
        self.owned(field, instant)
    }

    /// An instant that is a number natively: seconds or milliseconds since the epoch.
    pub fn timestamp_of_number<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        let number = self.scalar::<Number<'_>>(field, source);
        let instant = read::timestamp_of_number(field.name(), number.as_ref(), self.warnings);
        self.owned(field, instant)
    }

    /// A date, as midnight UTC of that day.
    #[inline]
    pub fn date_as_timestamp<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        match source.glance() {
            Glance::Unset => return self.null(field),
            Glance::Text(token) if token.inside().is_some_and(instant::is_day) => {
                let mut written = put_as_it_is(self.json, field, token);
                self.json.pop();
                self.json.extend_from_slice(b"T00:00:00.000Z\"");
                written.place.0.end = self.json.len();
                return written;
            }
            _ => {}
        }
        self.any_date_as_timestamp(field, source)
    }

    #[cold]
    fn any_date_as_timestamp<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        let token = source.scalar::<Text<'_>>(field.name(), self.warnings);
        let text = token.text(field.name(), self.warnings);
        let instant = read::date_as_timestamp(field.name(), text.as_ref(), self.warnings);
        self.owned(field, instant)
    }

    /// The day of a date or an instant, in UTC.
    pub fn date<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        let text = self.text_of(field, source);
        let date = read::date(field.name(), text.as_ref(), self.warnings);
        self.owned(field, date)
    }

    /// The native record, byte for byte, where the caller wants it.
    #[inline]
    pub fn raw(&mut self, field: Field, record: &str) -> Written {
        self.json(field, if self.with_raw { record } else { "{}" })
    }

    /// A list of what flat native fields make, the empty entries left out; none at all is null.
    pub fn entries(&mut self, field: Field, write: impl FnOnce(&mut Entries<'_>)) -> Written {
        self.json.extend_from_slice(field.prefix().as_bytes());
        let begin = self.json.len();
        self.json.push(b'[');
        write(&mut Entries {
            field,
            json: self.json,
            warnings: self.warnings,
        });
        let mut place = begin..self.json.len();
        if let Some(last @ b',') = self.json.last_mut() {
            *last = b']';
        } else {
            self.json.truncate(begin);
            self.json.extend_from_slice(b"null");
            place = 0..0;
        }
        let place = Place(place);
        Written { field, place }
    }

    /// A value that the mapping has word for word.
    #[inline]
    pub fn json(&mut self, field: Field, json: &str) -> Written {
        put_one(self.json, field, json.as_bytes())
    }

    /// What this provider has no counterpart for.
    #[inline]
    pub fn null(&mut self, field: Field) -> Written {
        put_null(self.json, field)
    }

    /// An id that is known already.
    pub fn id(&mut self, field: Field, id: &str) -> Written {
        self.owned(field, Some(Cow::Borrowed(id)))
    }

    /// The value that stands at another place of the answer.
    pub fn copy(&mut self, field: Field, place: &Place) {
        self.json.extend_from_slice(field.prefix().as_bytes());
        self.json.extend_from_within(place.range());
    }

    fn truth(&mut self, field: Field, flag: Option<bool>) -> Written {
        match flag {
            Some(true) => self.json(field, "true"),
            Some(false) => self.json(field, "false"),
            None => self.null(field),
        }
    }

    fn owned(&mut self, field: Field, text: Option<Cow<'_, str>>) -> Written {
        put_converted(self.json, field, text)
    }

    fn text_of<'a>(&mut self, field: Field, source: impl Source<'a>) -> Option<Text<'a>> {
        self.scalar(field, source)
    }

    fn scalar<'a, S: Scalar<'a>>(&mut self, field: Field, source: impl Source<'a>) -> Option<S> {
        let token = source.scalar::<S>(field.name(), self.warnings);
        match token.json() {
            "" => None,
            token => S::from_token(token),
        }
    }
}

/// A truth of which the first that holds counts.
#[derive(Debug, Clone, Copy)]
pub enum Truth<'a> {
    Flag(Leaf<'a>),
    /// A text natively.
    Text(Leaf<'a>),
}

/// The entries of a list.
#[derive(Debug)]
pub struct Entries<'o> {
    /// The list, for warnings.
    field: Field,
    json: &'o mut Vec<u8>,
    warnings: &'o mut Warnings,
}

impl Entries<'_> {
    /// An entry; `write` says whether it is there at all.
    pub fn entry(&mut self, write: impl FnOnce(&mut Entry<'_>) -> bool) {
        let begin = self.json.len();
        let is_there = write(&mut Entry {
            list: self.field,
            json: self.json,
            warnings: self.warnings,
            has_any: false,
        });
        if is_there {
            end_object(self.json, begin);
            self.json.push(b',');
        } else {
            self.json.truncate(begin);
        }
    }
}

/// One entry of a list.
#[derive(Debug)]
pub struct Entry<'o> {
    list: Field,
    json: &'o mut Vec<u8>,
    warnings: &'o mut Warnings,
    has_any: bool,
}

impl Entry<'_> {
    /// What the entry is for.
    #[inline]
    pub fn tag(&mut self, field: Field, value: &str) {
        put_name(self.json, field, value);
    }

    /// A text, as it was written.
    #[inline]
    pub fn text<'a>(&mut self, field: Field, source: impl Source<'a>) -> Written {
        let written = put_text(self.json, field, source, self.list, self.warnings);
        self.note(written)
    }

    /// The first line of a text of several.
    pub fn first_line(&mut self, field: Field, leaf: Leaf<'_>) -> Written {
        let Some(token) = leaf.token() else {
            return put_null(self.json, field);
        };
        if let Some(lines) = Lines::of(token) {
            if !lines.has_first() {
                return put_null(self.json, field);
            }
            self.json.extend_from_slice(field.prefix().as_bytes());
            let begin = self.json.len();
            lines.push_first(self.json);
            let place = Place(begin..self.json.len());
            return self.note(Written { field, place });
        }
        let text = leaf.text(self.list.name(), self.warnings);
        self.converted(field, read::first_line(text.as_ref()))
    }

    /// All lines of a text but the first.
    pub fn rest_lines(&mut self, field: Field, leaf: Leaf<'_>) -> Written {
        let Some(token) = leaf.token() else {
            return put_null(self.json, field);
        };
        if let Some(lines) = Lines::of(token) {
            if !lines.has_rest() {
                return put_null(self.json, field);
            }
            let before = self.json.len();
            self.json.extend_from_slice(field.prefix().as_bytes());
            let begin = self.json.len();
            if lines.push_rest(self.json) {
                let place = Place(begin..self.json.len());
                return self.note(Written { field, place });
            }
            self.json.truncate(before);
        }
        let text = leaf.text(self.list.name(), self.warnings);
        self.converted(field, read::rest_lines(text.as_ref()))
    }

    /// What this provider has no counterpart for.
    #[inline]
    pub fn null(&mut self, field: Field) {
        put_null(self.json, field);
    }

    /// Whether any of its fields has a value.
    pub fn has_any(&self) -> bool {
        self.has_any
    }

    fn converted(&mut self, field: Field, text: Option<Cow<'_, str>>) -> Written {
        let written = put_converted(self.json, field, text);
        self.note(written)
    }

    fn note(&mut self, written: Written) -> Written {
        self.has_any |= written.is_set();
        written
    }
}

fn flag<'a>(field: Field, source: impl Source<'a>, warnings: &mut Warnings) -> Option<bool> {
    let token = source.scalar::<Flag>(field.name(), warnings);
    Flag::from_token(token.json()).map(|flag| flag.0)
}

/// Each member has a comma before it; that of the first gives way to the bracket.
fn end_object(json: &mut Vec<u8>, begin: usize) {
    match json.get_mut(begin) {
        Some(comma) => *comma = b'{',
        None => json.push(b'{'),
    }
    json.push(b'}');
}

#[inline]
fn put(json: &mut Vec<u8>, field: Field, parts: &[&str]) -> Written {
    let prefix = field.prefix().as_bytes();
    json.reserve(prefix.len() + parts.iter().map(|part| part.len()).sum::<usize>());
    json.extend_from_slice(prefix);
    let begin = json.len();
    for part in parts {
        json.extend_from_slice(part.as_bytes());
    }
    Written {
        field,
        place: Place(begin..json.len()),
    }
}

#[inline]
fn put_one(json: &mut Vec<u8>, field: Field, value: &[u8]) -> Written {
    let prefix = field.prefix().as_bytes();
    json.reserve(prefix.len() + value.len());
    json.extend_from_slice(prefix);
    let begin = json.len();
    json.extend_from_slice(value);
    Written {
        field,
        place: Place(begin..json.len()),
    }
}

/// Bytes that are copied at once.
const SHORT: usize = 32;

/// A token as it is.
#[inline(always)]
fn put_as_it_is(json: &mut Vec<u8>, field: Field, token: Token<'_>) -> Written {
    json.extend_from_slice(field.prefix().as_bytes());
    let begin = json.len();
    let (text, length) = token.in_text();
    push(json, text, length);
    Written {
        field,
        place: Place(begin..json.len()),
    }
}

/// So many bytes of a text.
#[inline(always)]
fn push(json: &mut Vec<u8>, text: &[u8], length: usize) {
    match text.first_chunk::<SHORT>() {
        // To copy so many and not one less would take longer.
        Some(chunk) if length <= SHORT => {
            let end = json.len() + length;
            json.extend_from_slice(chunk);
            json.truncate(end);
        }
        _ => json.extend_from_slice(&text[..length]),
    }
}

/// An instant that is nearly as it is to be.
#[inline(always)]
fn put_instant(
    json: &mut Vec<u8>,
    field: Field,
    token: Token<'_>,
    written: instant::Written,
) -> Written {
    let mut put = put_as_it_is(json, field, token);
    let (length, rest) = match written {
        instant::Written::AsItIs => return put,
        instant::Written::Milliseconds => (instant::MILLISECONDS, "Z\""),
        instant::Written::Seconds => (instant::SECONDS, ".000Z\""),
    };
    json.truncate(put.place.0.start + 1 + length);
    json.extend_from_slice(rest.as_bytes());
    put.place.0.end = json.len();
    put
}

/// A word in which nothing is to be escaped, in quotation marks.
#[inline]
fn put_name(json: &mut Vec<u8>, field: Field, name: &str) -> Written {
    json.extend_from_slice(field.prefix().as_bytes());
    let begin = json.len();
    json.push(b'"');
    json.extend_from_slice(name.as_bytes());
    json.push(b'"');
    Written {
        field,
        place: Place(begin..json.len()),
    }
}

#[inline]
fn put_null(json: &mut Vec<u8>, field: Field) -> Written {
    json.extend_from_slice(field.0.null.as_bytes());
    Written {
        field,
        place: Place(0..0),
    }
}

/// A text as it is written; what is odd is told of as `told`.
#[inline(always)]
fn put_text<'a>(
    json: &mut Vec<u8>,
    field: Field,
    source: impl Source<'a>,
    told: Field,
    warnings: &mut Warnings,
) -> Written {
    match source.glance() {
        Glance::Unset => put_null(json, field),
        Glance::Text(token) => put_as_it_is(json, field, token),
        Glance::Other(_) | Glance::Several => put_any_text(json, field, source, told, warnings),
    }
}

#[cold]
fn put_any_text<'a>(
    json: &mut Vec<u8>,
    field: Field,
    source: impl Source<'a>,
    told: Field,
    warnings: &mut Warnings,
) -> Written {
    let token = source.scalar::<Text<'_>>(told.name(), warnings);
    put_token(json, field, token)
}

/// A text token as it is; a number or a truth value in quotation marks.
fn put_token(json: &mut Vec<u8>, field: Field, token: Leaf<'_>) -> Written {
    match token.json() {
        "" | "\"\"" => put_null(json, field),
        text if text.starts_with('"') => put_one(json, field, text.as_bytes()),
        other => put(json, field, &["\"", other, "\""]),
    }
}

fn put_converted(json: &mut Vec<u8>, field: Field, text: Option<Cow<'_, str>>) -> Written {
    let Some(text) = text else {
        return put_null(json, field);
    };
    json.extend_from_slice(field.prefix().as_bytes());
    let begin = json.len();
    quote(json, &text);
    Written {
        field,
        place: Place(begin..json.len()),
    }
}

/// A text as a JSON string.
pub(super) fn quote(json: &mut Vec<u8>, text: &str) {
    serde_json::to_writer(json, text).expect("a text serializes");
}

/// The text of a string token in the output.
pub(super) fn text_in(json: &[u8]) -> Option<Cow<'_, str>> {
    scan::text_of(std::str::from_utf8(json).ok()?)
}
