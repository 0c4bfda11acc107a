//! A page that comes in pieces, wherever it is cut: the same as the whole one.

use crosswalk::{
    error::Error,
    translate::{
        beside,
        entity::{Entity, Output},
        page::{PageForm, PageSaid, Pieces, TakesRows},
        scan::Scan,
    },
};

use super::{Agreed, same, text, warnings};
use crate::{Mapped, page, random::Choices};

/// Where things are in a page of an entity's list, for as long as the program runs.
pub fn form(mapped: Mapped<'_>) -> Option<PageForm> {
    fn kept(path: &[String]) -> &'static [&'static str] {
        let names = path.iter().map(|name| &*name.clone().leak());
        names.collect::<Vec<&str>>().leak()
    }
    let pager = page::list(mapped)?.full.first()?;
    // What is beside records is read before they are written, and so after the page has come.
    mapped.entity.beside.is_empty().then(|| PageForm {
        rows: kept(&pager.rows),
        next: pager.next.as_deref().map(kept),
        more: pager.more.as_deref().map(kept),
        id: pager.next.is_none().then(|| kept(&mapped.entity.id)),
        size: usize::MAX,
    })
}

/// Compares the plain version of a whole page with the records that are written while it comes, a piece at a time.
pub fn pieces(
    mapped: Mapped<'_>,
    entity: &Entity,
    form: PageForm,
    body: &[u8],
    cuts: &mut Choices<'_>,
) -> Result<Agreed, String> {
    let full = page::list(mapped).ok_or("no such list")?;
    let pager = &full.full[0];
    let plain = page::page(mapped, pager, body, form.size, true);
    let mut writer = Writer(entity, Output::default());
    let fast = fed(form, body, &mut writer, cuts).and_then(|said| {
        if form.next.is_none() && said.more && said.last.is_none() {
            return Err(Error::bad_gateway("the list cannot go on"));
        }
        Ok(said)
    });
    if fast.is_err() && page::comes_again(body, &pager.rows) {
        return Ok(Agreed::Refused);
    }
    let output = writer.1;
    let fast = fast.map(|said| {
        (
            said,
            text(output.json()),
            warnings(output.warnings.as_slice()),
        )
    });
    same(fast, plain, |(said, items, warnings), plain| {
        // Whether fields are hidden is looked at elsewhere.
        let told = plain.warnings.iter();
        let told = told.filter(|warning| warning.problem_type != "field_not_visible");
        let after = said
            .last
            .clone()
            .filter(|_| said.more && form.next.is_none());
        *items == plain.items
            && warnings.iter().eq(told)
            && said.token.clone().filter(|token| !token.is_empty()) == plain.token
            && after == plain.after
    })
}

fn fed(
    form: PageForm,
    body: &[u8],
    rows: &mut Writer<'_>,
    cuts: &mut Choices<'_>,
) -> Result<PageSaid, Error> {
    let mut pieces = Pieces::new(form);
    let mut rest = body;
    while !rest.is_empty() {
        let length = match cuts.below(4) {
            0 => 1 + cuts.below(256) * 4,
            1 => 1 + cuts.below(64),
            _ => 1 + cuts.below(4),
        };
        let (piece, after) = rest.split_at(length.min(rest.len()));
        pieces.feed(piece, rows)?;
        rest = after;
    }
    pieces.end(rows)
}

struct Writer<'e>(&'e Entity, Output);

impl TakesRows for Writer<'_> {
    fn take(&mut self, scan: &mut Scan<'_>) -> Result<(), Error> {
        (self.0.encode)(scan, &beside::Beside::default(), &mut self.1)
    }

    fn take_back(&mut self) -> Result<(), Error> {
        self.1 = Output::default();
        Ok(())
    }
}
