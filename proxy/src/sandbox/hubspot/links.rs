//! Links between rows: made, shown, taken away, followed by merges. What kinds there are is in `links/kinds.rs`.
//!
//! Ids of rows are unique across types here, so that a link is three numbers.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::PUBLIC_BASE;
use super::calculated;
use super::fault::Fault;
use super::state::{State, Table};

mod inputs;
mod kinds;

pub(super) use inputs::{LinkInput, LinkType, check, make, resolve, target};
pub(super) use kinds::{Category, Kinds, LinkKind, Names};

/// From a row, of the kind at a position, to a row.
pub(super) type Link = (u64, usize, u64);

/// All links, each in both directions where its kind has two.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) kinds: Kinds,
    forward: BTreeSet<Link>,
    /// The same links as to, kind, from.
    backward: BTreeSet<Link>,
}

impl Links {
    /// None yet; `tables` name the types for the names of kinds.
    pub(super) fn new(tables: &[Table]) -> Self {
        let singular = |id: &str| {
            let table = tables.iter().find(|table| table.ty.id == id);
            table.map_or_else(|| id.to_owned(), |table| table.ty.singular.clone())
        };
        Self {
            kinds: Kinds::embedded(singular),
            forward: BTreeSet::new(),
            backward: BTreeSet::new(),
        }
    }

    fn insert(&mut self, from: u64, at: usize, to: u64) {
        for (from, at, to) in self.directions(from, at, to) {
            self.forward.insert((from, at, to));
            self.backward.insert((to, at, from));
        }
    }

    fn drop(&mut self, from: u64, at: usize, to: u64) {
        for (from, at, to) in self.directions(from, at, to) {
            self.forward.remove(&(from, at, to));
            self.backward.remove(&(to, at, from));
        }
    }

    fn directions(&self, from: u64, at: usize, to: u64) -> impl Iterator<Item = Link> + use<> {
        let inverse = self
            .kinds
            .get(at)
            .inverse
            .map(|inverse| (to, inverse, from));
        [(from, at, to)].into_iter().chain(inverse)
    }

    /// A link with what it brings along: a labelled one is an unlabelled one as well.
    fn add(&mut self, from: u64, at: usize, to: u64) {
        self.insert(from, self.kinds.get(at).plain, to);
        self.insert(from, at, to);
    }

    fn first(&self, from: u64, at: usize) -> Option<u64> {
        let mut own = self.forward.range((from, at, 0)..=(from, at, u64::MAX));
        own.next().map(|link| link.2)
    }

    /// The row of the type `to` that is the primary one of `from`.
    pub(super) fn primary(&self, from: u64, to: &str) -> Option<u64> {
        let own = self
            .forward
            .range((from, 0, 0)..=(from, usize::MAX, u64::MAX));
        own.filter(|(_, at, _)| {
            let kind = self.kinds.get(*at);
            kind.primary && kind.to == to
        })
        .map(|link| link.2)
        .next()
    }

    /// The links of a row to one type: target and kind, by target and the kind's id.
    pub(super) fn of(&self, from: u64, to_type: &str) -> Vec<(u64, usize)> {
        let own = self
            .forward
            .range((from, 0, 0)..=(from, usize::MAX, u64::MAX));
        let mut found: Vec<(u64, usize)> = own
            .filter(|(_, at, _)| self.kinds.get(*at).to == to_type)
            .map(|(_, at, to)| (*to, *at))
            .collect();
        found.sort_by_key(|(to, at)| (*to, self.kinds.get(*at).id));
        found
    }

    pub(super) fn targets(&self, from: u64, to_type: &str) -> BTreeSet<u64> {
        self.of(from, to_type)
            .into_iter()
            .map(|(to, _)| to)
            .collect()
    }

    /// Every link that touches a row, from either side.
    fn touching(&self, id: u64) -> Vec<Link> {
        let range = (id, 0, 0)..=(id, usize::MAX, u64::MAX);
        let out = self.forward.range(range.clone()).copied();
        let back = self
            .backward
            .range(range)
            .map(|(to, at, from)| (*from, *at, *to));
        out.chain(back).collect()
    }
}

/// Makes `to` the primary one of `from`, or its first link of any kind where the two types know no primary one.
pub(super) fn set_primary(state: &mut State, from: u64, to: u64) {
    let (Some(own), Some(other)) = (state.table_of(from), state.table_of(to)) else {
        return;
    };
    let (own, other) = (&state.tables[own].ty.id, &state.tables[other].ty.id);
    let Some(plain) = state.links.kinds.plain(own, other) else {
        return;
    };
    let at = state.links.kinds.primary_above(plain).unwrap_or(plain);
    link(state, from, at, to);
}

/// Makes a link of the kind at `at`.
pub(super) fn link(state: &mut State, from: u64, at: usize, to: u64) {
    let links = &mut state.links;
    links.add(from, at, to);
    let plain = links.kinds.get(at).plain;
    let sides = [
        Some((from, plain, to)),
        links
            .kinds
            .get(plain)
            .inverse
            .filter(|inverse| *inverse != plain)
            .map(|inverse| (to, inverse, from)),
    ];
    for (owner, plain, owned) in sides.into_iter().flatten() {
        let Some(primary) = links.kinds.primary_above(plain) else {
            continue;
        };
        let asked = at == primary || Some(at) == links.kinds.get(primary).inverse;
        let all = links
            .forward
            .range((owner, primary, 0)..=(owner, primary, u64::MAX));
        let former: Vec<u64> = all
            .map(|link| link.2)
            .filter(|former| *former != owned)
            .collect();
        // The first one becomes primary by itself (unconfirmed for every path); a new one unseats the former.
        if asked || former.is_empty() {
            for former in former {
                links.drop(owner, primary, former);
            }
            links.add(owner, primary, owned);
        }
    }
    calculated::activity_linked(state, from, to);
    calculated::activity_linked(state, to, from);
    calculated::refresh(state, from);
    calculated::refresh(state, to);
}

/// Takes links of these kinds between two rows away; of all kinds when none is named.
pub(super) fn unlink(state: &mut State, from: u64, kinds: Option<&[usize]>, to: u64) {
    let between: Vec<usize> = state
        .links
        .forward
        .range((from, 0, 0)..=(from, usize::MAX, u64::MAX))
        .filter(|link| link.2 == to)
        .map(|link| link.1)
        .filter(|at| kinds.is_none_or(|kinds| kinds.contains(at)))
        .collect();
    for at in between {
        state.links.drop(from, at, to);
    }
    calculated::refresh(state, from);
    calculated::refresh(state, to);
}

/// Takes a kind away in both directions, with all its links.
pub(super) fn remove_kind(state: &mut State, at: usize) {
    let gone: Vec<Link> = state
        .links
        .forward
        .iter()
        .filter(|link| link.1 == at)
        .copied()
        .collect();
    for (from, at, to) in gone {
        state.links.drop(from, at, to);
    }
    state.links.kinds.remove(at);
}

/// Gives the links of `from` to `to`, or drops them; the answer is what it had.
pub(super) fn pass_on(state: &mut State, from: u64, to: Option<u64>) -> Vec<Link> {
    let had = state.links.touching(from);
    for (source, at, target) in &had {
        state.links.drop(*source, *at, *target);
    }
    let moved = |id: u64| if id == from { to.unwrap_or(id) } else { id };
    if to.is_some() {
        let links: Vec<Link> = had
            .iter()
            .map(|(source, at, target)| (moved(*source), *at, moved(*target)))
            .collect();
        bring_back(state, &links);
    }
    for (source, _, target) in &had {
        calculated::refresh(state, moved(*source));
        calculated::refresh(state, moved(*target));
    }
    had
}

/// Makes links as they once were; a row keeps the one primary link that it has.
pub(super) fn bring_back(state: &mut State, links: &[Link]) {
    for (source, at, target) in links {
        let kind = state.links.kinds.get(*at);
        let is_inverse_of_primary = kind
            .inverse
            .is_some_and(|inverse| state.links.kinds.get(inverse).primary);
        let taken = kind.primary
            && state
                .links
                .first(*source, *at)
                .is_some_and(|p| p != *target);
        // The other direction of a primary link comes with it or not at all.
        if source != target && !taken && !is_inverse_of_primary {
            state.links.insert(*source, *at, *target);
        }
    }
    for (source, _, target) in links {
        calculated::refresh(state, *source);
        calculated::refresh(state, *target);
    }
}

/// The types that `associations=` names, as positions of tables.
pub(super) fn named(state: &State, names: &[String]) -> Result<Vec<usize>, Fault> {
    names
        .iter()
        .map(|name| state.table_strictly_named(name))
        .collect()
}

/// The `associations` of a row; nothing when it has none. One entry per label, as the real API does. Long lists end with
/// a page of their own.
pub(super) fn shown(state: &State, table: usize, id: u64, types: &[usize]) -> Option<Value> {
    let own = &state.tables[table].ty.plural;
    let limit = state.settings.inline_associations;
    let mut shown = Map::new();
    for ty in types.iter().map(|table| &state.tables[*table].ty) {
        let links = state.links.of(id, &ty.id);
        let entries: Vec<Value> = links
            .iter()
            .take(limit)
            .map(
                |(to, at)| json!({ "id": to.to_string(), "type": state.links.kinds.get(*at).name }),
            )
            .collect();
        if entries.is_empty() {
            continue;
        }
        let mut body = json!({ "results": entries });
        if let Some((after, _)) = links.get(limit) {
            let after = after.to_string();
            let to = &ty.plural;
            let link =
                format!("{PUBLIC_BASE}/crm/v3/objects/{own}/{id}/associations/{to}?after={after}");
            body["paging"] = json!({ "next": { "after": after, "link": link } });
        }
        // Keys of standard types have spaces: `line items`.
        let key = if ty.is_custom() {
            ty.plural.clone()
        } else {
            ty.plural.replace('_', " ")
        };
        shown.insert(key, body);
    }
    (!shown.is_empty()).then_some(Value::Object(shown))
}
