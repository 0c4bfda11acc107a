//! The kinds of links: those that `HubSpot` defines (`data/links.json`, hubspot.md §6.2), and those that an account makes.
//!
//! Ids are unique within a category only: an account's own kinds count from 1, where `HubSpot`'s begin as well. That is
//! why a kind is addressed by its position here.

use serde::Deserialize;

/// Why the embedded kinds can be trusted: they are compiled in, and every test loads them.
const EMBEDDED: &str = "the embedded kinds of links are well-formed";
/// What the label is called that one link of a row can have.
const PRIMARY: &str = "Primary";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sandbox::hubspot) enum Category {
    HubSpot,
    User,
}

/// One direction of one kind of link. Types are ids of types.
#[derive(Debug, Clone)]
pub(in crate::sandbox::hubspot) struct LinkKind {
    pub(in crate::sandbox::hubspot) category: Category,
    pub(in crate::sandbox::hubspot) id: u32,
    pub(in crate::sandbox::hubspot) from: String,
    pub(in crate::sandbox::hubspot) to: String,
    /// What `type` says in v3 answers.
    pub(in crate::sandbox::hubspot) name: String,
    pub(in crate::sandbox::hubspot) label: Option<String>,
    /// The same link seen from the other side; links of leads to deals are kept in one direction only.
    pub(in crate::sandbox::hubspot) inverse: Option<usize>,
    /// The kind without a label, which every labelled one brings along.
    pub(in crate::sandbox::hubspot) plain: usize,
    /// A row has at most one such link.
    pub(in crate::sandbox::hubspot) primary: bool,
    removed: bool,
}

/// Both directions of a kind, as `data/links.json` has them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Pair {
    from: String,
    to: String,
    id: u32,
    #[serde(default)]
    inverse: Option<u32>,
    #[serde(default)]
    label: Option<String>,
    #[serde(default)]
    inverse_label: Option<String>,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    inverse_name: Option<String>,
}

/// What a new kind of an account is called on each side.
#[derive(Debug, Default)]
pub(in crate::sandbox::hubspot) struct Names {
    pub(in crate::sandbox::hubspot) name: String,
    pub(in crate::sandbox::hubspot) label: Option<String>,
    pub(in crate::sandbox::hubspot) inverse_name: String,
    pub(in crate::sandbox::hubspot) inverse_label: Option<String>,
}

/// Every kind, by position.
#[derive(Debug)]
pub(in crate::sandbox::hubspot) struct Kinds {
    all: Vec<LinkKind>,
    next_id: u32,
}

impl Category {
    pub(in crate::sandbox::hubspot) fn name(self) -> &'static str {
        match self {
            Self::HubSpot => "HUBSPOT_DEFINED",
            Self::User => "USER_DEFINED",
        }
    }

    /// Those of other apps and of work are not played.
    pub(in crate::sandbox::hubspot) fn parse(text: &str) -> Option<Self> {
        [Self::HubSpot, Self::User]
            .into_iter()
            .find(|category| category.name() == text)
    }
}

impl Kinds {
    /// What a fresh account has. `singular` names a type for the names of kinds.
    pub(super) fn embedded(singular: impl Fn(&str) -> String) -> Self {
        let pairs: Vec<Pair> =
            serde_json::from_str(include_str!("../data/links.json")).expect(EMBEDDED);
        let mut kinds = Self {
            all: Vec::new(),
            next_id: 1,
        };
        let has_primary: Vec<(String, String)> = pairs
            .iter()
            .filter(|pair| pair.label.as_deref() == Some(PRIMARY))
            .map(|pair| (pair.from.clone(), pair.to.clone()))
            .collect();
        for pair in pairs {
            let plain =
                has_primary.contains(&(pair.from.clone(), pair.to.clone())) && pair.label.is_none();
            let name = |from: &str, to: &str| {
                let suffix = if plain { "_unlabeled" } else { "" };
                format!("{}_to_{}{suffix}", singular(from), singular(to))
            };
            let names = Names {
                name: pair.name.unwrap_or_else(|| name(&pair.from, &pair.to)),
                inverse_name: pair
                    .inverse_name
                    .unwrap_or_else(|| name(&pair.to, &pair.from)),
                inverse_label: pair.inverse_label.or_else(|| pair.label.clone()),
                label: pair.label,
            };
            let ids = (pair.id, pair.inverse);
            kinds.push(Category::HubSpot, &pair.from, &pair.to, ids, names);
        }
        kinds
    }

    pub(in crate::sandbox::hubspot) fn get(&self, at: usize) -> &LinkKind {
        &self.all[at]
    }

    pub(in crate::sandbox::hubspot) fn find(&self, category: Category, id: u32) -> Option<usize> {
        self.all
            .iter()
            .position(|kind| !kind.removed && kind.category == category && kind.id == id)
    }

    /// The kinds from one type to another.
    pub(in crate::sandbox::hubspot) fn between<'k>(
        &'k self,
        from: &'k str,
        to: &'k str,
    ) -> impl Iterator<Item = (usize, &'k LinkKind)> {
        self.all
            .iter()
            .enumerate()
            .filter(move |(_, kind)| !kind.removed && kind.from == from && kind.to == to)
    }

    /// The kind without a label from one type to another; leads have only one kind to deals, which is taken.
    pub(in crate::sandbox::hubspot) fn plain(&self, from: &str, to: &str) -> Option<usize> {
        self.between(from, to)
            .find(|(at, kind)| kind.plain == *at)
            .map(|(at, _)| at)
    }

    /// The kind of which a row has at most one, above the unlabelled kind `plain`.
    pub(super) fn primary_above(&self, plain: usize) -> Option<usize> {
        self.all
            .iter()
            .position(|kind| kind.primary && kind.plain == plain)
    }

    /// A new kind of this account; the position of the asked direction.
    pub(in crate::sandbox::hubspot) fn make(
        &mut self,
        from: &str,
        to: &str,
        names: Names,
    ) -> usize {
        let id = self.next_id;
        let same = names.label == names.inverse_label && from == to;
        let inverse = if same { id } else { id + 1 };
        self.next_id = inverse + 1;
        self.push(Category::User, from, to, (id, Some(inverse)), names)
    }

    /// Sets the labels of a kind and of its other direction.
    pub(in crate::sandbox::hubspot) fn relabel(
        &mut self,
        at: usize,
        label: &str,
        inverse_label: Option<&str>,
    ) {
        self.all[at].label = Some(label.to_owned());
        if let Some(inverse) = self.all[at].inverse.filter(|inverse| *inverse != at) {
            self.all[inverse].label = Some(inverse_label.unwrap_or(label).to_owned());
        }
    }

    /// Takes a kind away in both directions. Positions stay as they are.
    pub(super) fn remove(&mut self, at: usize) {
        self.all[at].removed = true;
        if let Some(inverse) = self.all[at].inverse {
            self.all[inverse].removed = true;
        }
    }

    fn push(
        &mut self,
        category: Category,
        from: &str,
        to: &str,
        (id, inverse): (u32, Option<u32>),
        names: Names,
    ) -> usize {
        let at = self.all.len();
        let primary = category == Category::HubSpot && names.label.as_deref() == Some(PRIMARY);
        let labelled = names.label.is_some();
        let plain = |kinds: &Self, from: &str, to: &str, own: usize| {
            kinds.plain(from, to).filter(|_| labelled).unwrap_or(own)
        };
        let one_entry = inverse == Some(id);
        let inverse_at = inverse.map(|_| if one_entry { at } else { at + 1 });
        let forward = LinkKind {
            category,
            id,
            from: from.to_owned(),
            to: to.to_owned(),
            name: names.name,
            label: names.label,
            inverse: inverse_at,
            plain: plain(self, from, to, at),
            primary,
            removed: false,
        };
        let backward = inverse.filter(|_| !one_entry).map(|id| LinkKind {
            category,
            id,
            from: to.to_owned(),
            to: from.to_owned(),
            name: names.inverse_name,
            label: names.inverse_label,
            inverse: Some(at),
            plain: plain(self, to, from, at + 1),
            primary: false,
            removed: false,
        });
        self.all.push(forward);
        self.all.extend(backward);
        at
    }
}
