//! A page of a provider, read row by row in one pass: whoever takes the rows is given each as it is met, and what the
//! page says of the next one is known at its end.
//!
//! A [`PageReader`] reads a body that is here as a whole; [`Pieces`] are read as they come.

use std::borrow::Cow;

use super::{
    pick::{self, Path},
    scan::{self, Scan, Stop},
};
use crate::error::Error;

/// Where things are in a page.
#[derive(Debug, Clone, Copy, Default)]
pub struct PageForm {
    /// Where the rows are; empty: the body itself is the list.
    pub rows: Path,
    /// Where the provider's token of the next page is.
    pub next: Option<Path>,
    /// Something that is there when there are more rows.
    pub more: Option<Path>,
    /// Where a row has its id, if that of the last row is wanted.
    pub id: Option<Path>,
    /// Rows beyond so many are not taken.
    pub size: usize,
}

/// What takes the rows.
pub trait TakesRows {
    /// The row that comes next. It must be read as a whole, and nothing may be kept of it if that fails.
    fn take(&mut self, scan: &mut Scan<'_>) -> Result<(), Error>;

    /// The list of the rows came again: only the last one counts, and nothing that was taken.
    fn take_back(&mut self) -> Result<(), Error>;
}

/// What a page said, at its end.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PageSaid {
    /// The provider's token of the next page.
    pub token: Option<String>,
    /// Whether there are more rows: the provider says so, or gave more than were asked for.
    pub more: bool,
    /// The id of the last row that was taken, where it is wanted.
    pub last: Option<String>,
}

/// Reads a page.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a thing of its own that a page may have said"
)]
pub struct PageReader {
    form: PageForm,
    at: At,
    taken: usize,
    has_rows: bool,
    /// Rows were taken from a list that came again.
    is_stale: bool,
    is_cut: bool,
    /// The token of the next page, as it is written.
    token: Option<String>,
    more: bool,
    /// The last row that was taken, where its id is wanted: looked at when no other follows.
    last: String,
}

/// Where the next byte belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    Beginning,
    /// Before a member of the body, or of an object so many levels deep on the way to the rows.
    Member {
        depth: usize,
        is_first: bool,
    },
    Row {
        is_first: bool,
    },
    /// Behind it all.
    End,
}

impl PageReader {
    pub fn new(form: PageForm) -> Self {
        Self {
            form,
            at: At::Beginning,
            taken: 0,
            has_rows: false,
            is_stale: false,
            is_cut: false,
            token: None,
            more: false,
            last: String::new(),
        }
    }

    /// Reads a body that is here as a whole.
    pub fn whole(
        form: PageForm,
        body: &[u8],
        rows: &mut impl TakesRows,
    ) -> Result<PageSaid, Error> {
        let mut reader = Self::new(form);
        let mut scan = Scan::of_bytes(body)?;
        reader.read(&mut scan, rows)?;
        reader.end(&mut scan)
    }

    /// Reads as far as the text goes. Of a part, the scan is left where the next part must begin.
    pub fn read(&mut self, scan: &mut Scan<'_>, rows: &mut impl TakesRows) -> Result<(), Error> {
        let mut last = None;
        while self.at != At::End {
            let mark = scan.position();
            match self.step(scan, rows, &mut last) {
                Ok(()) => {}
                Err(_) if scan.is_incomplete() => {
                    scan.back_to(mark);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if let (Some(row), Some(_)) = (last, self.form.id) {
            self.last.clear();
            self.last.push_str(row);
        }
        Ok(())
    }

    /// The end of the body, which the scan must stand at.
    pub fn end(self, scan: &mut Scan<'_>) -> Result<PageSaid, Error> {
        if self.at != At::End {
            return Err(scan.error(Stop::Illegal));
        }
        scan.end().map_err(|stop| scan.error(stop))?;
        if !self.has_rows {
            return Err(pick::missing(self.form.rows));
        }
        let last = match self.form.id {
            Some(id) if !self.last.is_empty() => pick::text_at(self.last.as_bytes(), id)?,
            _ => None,
        };
        let token = self.token.as_deref().map(pick::text).transpose()?;
        Ok(PageSaid {
            token: token.map(|token| token.0.into_owned()),
            more: self.more || self.is_cut,
            last: last.map(Cow::into_owned),
        })
    }

    /// Reads a member or a row, or passes a bracket. Where the text ends too early nothing has changed.
    #[inline]
    fn step<'a>(
        &mut self,
        scan: &mut Scan<'a>,
        rows: &mut impl TakesRows,
        last: &mut Option<&'a str>,
    ) -> Result<(), Error> {
        let outcome = match self.at {
            At::Row { is_first } => return self.row(scan, is_first, rows, last),
            At::Beginning => self.begin(scan),
            At::Member { depth, is_first } => self.member(scan, depth, is_first),
            At::End => Ok(()),
        };
        outcome.map_err(|stop| scan.error(stop))?;
        if std::mem::take(&mut self.is_stale) {
            (self.taken, self.is_cut) = (0, false);
            self.last.clear();
            *last = None;
            rows.take_back()?;
        }
        Ok(())
    }

    fn begin(&mut self, scan: &mut Scan<'_>) -> Result<(), Stop> {
        if self.form.rows.is_empty() {
            return self.list(scan, None);
        }
        if scan.passes(b'{')? {
            self.at = At::Member {
                depth: 0,
                is_first: true,
            };
        } else {
            scan.pass()?;
            self.at = At::End;
        }
        Ok(())
    }

    fn member(&mut self, scan: &mut Scan<'_>, depth: usize, is_first: bool) -> Result<(), Stop> {
        let is_end = if is_first {
            scan.passes(b'}')?
        } else {
            scan.ends(b'}')?
        };
        if is_end {
            self.at = after(depth.checked_sub(1));
            return Ok(());
        }
        let (key, is_escaped) = scan.key()?;
        let key = if is_escaped {
            scan::unquote(key).unwrap_or_default()
        } else {
            Cow::Borrowed(key)
        };
        if self.form.rows[depth] != key {
            let value = scan.value()?;
            self.note(depth, &key, Some(value));
            self.at = after(Some(depth));
            return Ok(());
        }
        if depth + 1 == self.form.rows.len() {
            return self.list(scan, Some(depth));
        }
        if scan.passes(b'{')? {
            self.at = At::Member {
                depth: depth + 1,
                is_first: true,
            };
        } else {
            scan.pass()?;
            self.at = after(Some(depth));
        }
        self.note(depth, &key, None);
        self.is_stale = std::mem::take(&mut self.has_rows);
        Ok(())
    }

    /// Passes the bracket before the rows. In a member, null is a list without any.
    fn list(&mut self, scan: &mut Scan<'_>, depth: Option<usize>) -> Result<(), Stop> {
        if scan.passes(b'[')? {
            self.at = At::Row { is_first: true };
        } else {
            let is_null = scan.peek()? == b'n';
            scan.pass()?;
            if !is_null || depth.is_none() {
                return Err(Stop::NoList);
            }
            self.at = after(depth);
        }
        self.is_stale = std::mem::replace(&mut self.has_rows, true);
        Ok(())
    }

    /// Notes what a member says of the next page. The last one of a name counts.
    fn note(&mut self, depth: usize, key: &str, value: Option<&str>) {
        let around = &self.form.rows[..depth];
        let inside = |path: Option<Path>| match path?.strip_prefix(around)? {
            [first, rest @ ..] if *first == key => Some(rest),
            _ => None,
        };
        let at = |rest| pick::not_null(value.and_then(|value| scan::place(value, rest)));
        if let Some(rest) = inside(self.form.next) {
            self.token = at(rest).map(str::to_owned);
        }
        if let Some(rest) = inside(self.form.more) {
            self.more = at(rest).is_some();
        }
    }

    fn row<'a>(
        &mut self,
        scan: &mut Scan<'a>,
        is_first: bool,
        rows: &mut impl TakesRows,
        last: &mut Option<&'a str>,
    ) -> Result<(), Error> {
        let is_end = if is_first {
            scan.passes(b']')
        } else {
            scan.ends(b']')
        };
        let is_end = is_end.and_then(|is_end| {
            let is_null = !is_end && scan.peek()? == b'n';
            // A row that is null is none, and those beyond the page are the next one's.
            let is_passed = is_null || (!is_end && self.taken == self.form.size);
            if is_passed {
                scan.pass()?;
                self.is_cut |= !is_null;
            }
            Ok((is_end, is_passed))
        });
        let (is_end, is_passed) = is_end.map_err(|stop| scan.error(stop))?;
        if is_end {
            self.at = after(self.form.rows.len().checked_sub(1));
            return Ok(());
        }
        if !is_passed {
            let mark = scan.position();
            rows.take(scan)?;
            *last = Some(scan.since(mark));
            self.taken += 1;
        }
        self.at = At::Row { is_first: false };
        Ok(())
    }
}

/// Behind a value in the object of a depth, or behind the body.
fn after(depth: Option<usize>) -> At {
    depth.map_or(At::End, |depth| At::Member {
        depth,
        is_first: false,
    })
}

/// At least so many bytes are joined with the beginning of a row: an average one is whole then.
const JOINED: usize = 1024;

/// Reads a page that comes in pieces.
#[derive(Debug)]
pub struct Pieces {
    reader: PageReader,
    /// What has come and is not read.
    text: String,
    /// The beginning of a character.
    character: Vec<u8>,
    /// A row that was longer than what there was of it is not tried again for every few bytes.
    wait_for: usize,
}

impl Pieces {
    pub fn new(form: PageForm) -> Self {
        Self {
            reader: PageReader::new(form),
            text: String::new(),
            character: Vec::new(),
            wait_for: 0,
        }
    }

    /// Reads on.
    pub fn feed(&mut self, piece: &[u8], rows: &mut impl TakesRows) -> Result<(), Error> {
        let joined;
        let piece = if self.character.is_empty() {
            piece
        } else {
            self.character.extend_from_slice(piece);
            joined = std::mem::take(&mut self.character);
            &joined
        };
        let whole = match scan::checked(piece) {
            Ok(text) => text,
            Err(error) if error.error_len().is_none() => {
                let (text, rest) = piece.split_at(error.valid_up_to());
                self.character = rest.to_vec();
                scan::utf8(text)?
            }
            Err(_) => scan::utf8(piece)?,
        };
        let mut rest = whole;
        while !self.text.is_empty() && !rest.is_empty() {
            // What there is of a row is joined with little more than makes it whole: the rest is read where it is.
            let (part, after) =
                rest.split_at(rest.floor_char_boundary(self.text.len().max(JOINED)));
            let held = self.text.len();
            self.text.push_str(part);
            rest = after;
            if self.text.len() < self.wait_for {
                continue;
            }
            let read = Self::read(&mut self.reader, &self.text, rows)?;
            if read < held {
                self.text.drain(..read);
                self.wait_for = self.text.len() * 2;
            } else {
                let unread = self.text.len() - read + rest.len();
                rest = &whole[whole.len() - unread..];
                self.text.clear();
            }
        }
        if self.text.is_empty() {
            let read = Self::read(&mut self.reader, rest, rows)?;
            self.text.push_str(&rest[read..]);
            self.wait_for = self.text.len() * 2;
        }
        Ok(())
    }

    /// The body has come to its end.
    pub fn end(mut self, rows: &mut impl TakesRows) -> Result<PageSaid, Error> {
        let mut scan = Scan::new(&self.text);
        if !self.character.is_empty() {
            return Err(scan.error(Stop::Illegal));
        }
        self.reader.read(&mut scan, rows)?;
        self.reader.end(&mut scan)
    }

    fn read(
        reader: &mut PageReader,
        text: &str,
        rows: &mut impl TakesRows,
    ) -> Result<usize, Error> {
        let mut scan = Scan::of_part(text);
        reader.read(&mut scan, rows)?;
        Ok(scan.position())
    }
}

#[cfg(test)]
mod tests;
