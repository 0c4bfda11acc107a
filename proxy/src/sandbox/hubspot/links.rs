//! Links between rows: made on create, shown on reads, followed by merges. Kinds are a table.

use std::collections::BTreeSet;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::ask::text_or_number;
use super::fault::Fault;
use super::state::State;

/// One direction of one kind of link.
#[derive(Debug)]
struct LinkKind {
    id: u32,
    from: &'static str,
    to: &'static str,
    /// What `type` says in v3 answers; those of links within one type are unconfirmed.
    name: &'static str,
    inverse: u32,
    /// The kind without a label, which every labelled one brings along.
    plain: u32,
}

const KINDS: [LinkKind; 8] = [
    kind(
        279,
        "contacts",
        "companies",
        "contact_to_company_unlabeled",
        280,
        279,
    ),
    kind(
        280,
        "companies",
        "contacts",
        "company_to_contact_unlabeled",
        279,
        280,
    ),
    kind(
        CONTACT_PRIMARY,
        "contacts",
        "companies",
        "contact_to_company",
        COMPANY_PRIMARY,
        279,
    ),
    kind(
        COMPANY_PRIMARY,
        "companies",
        "contacts",
        "company_to_contact",
        CONTACT_PRIMARY,
        280,
    ),
    kind(449, "contacts", "contacts", "contact_to_contact", 449, 449),
    kind(
        450,
        "companies",
        "companies",
        "company_to_company",
        450,
        450,
    ),
    kind(
        13,
        "companies",
        "companies",
        "parent_to_child_company",
        14,
        450,
    ),
    kind(
        14,
        "companies",
        "companies",
        "child_to_parent_company",
        13,
        450,
    ),
];
const CONTACT_PRIMARY: u32 = 1;
const COMPANY_PRIMARY: u32 = 2;
/// The property of a contact that shows its primary company.
const PRIMARY_PROPERTY: &str = "associatedcompanyid";

const fn kind(
    id: u32,
    from: &'static str,
    to: &'static str,
    name: &'static str,
    inverse: u32,
    plain: u32,
) -> LinkKind {
    LinkKind {
        id,
        from,
        to,
        name,
        inverse,
        plain,
    }
}

fn kind_of(id: u32) -> Option<&'static LinkKind> {
    KINDS.iter().find(|kind| kind.id == id)
}

/// All links, both directions; ids are unique across types.
#[derive(Debug, Default)]
pub(super) struct Links(BTreeSet<(u64, u32, u64)>);

/// A link that a create asks for.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct LinkInput {
    to: LinkTarget,
    types: Vec<LinkType>,
}

#[derive(Debug, Clone, Deserialize)]
struct LinkTarget {
    #[serde(deserialize_with = "text_or_number")]
    id: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LinkType {
    association_category: String,
    association_type_id: u32,
}

impl Links {
    fn add(&mut self, from: u64, kind: &LinkKind, to: u64) {
        let plain = kind_of(kind.plain).unwrap_or(kind);
        for kind in [plain, kind] {
            self.0.insert((from, kind.id, to));
            self.0.insert((to, kind.inverse, from));
        }
    }

    fn primary(&self, contact: u64) -> Option<u64> {
        self.0
            .range((contact, CONTACT_PRIMARY, 0)..=(contact, CONTACT_PRIMARY, u64::MAX))
            .next()
            .map(|link| link.2)
    }

    /// The links of a row to one type: target and kind, by target.
    fn of(&self, from: u64, to_type: &str) -> Vec<(u64, &'static LinkKind)> {
        let own = self.0.range((from, 0, 0)..=(from, u32::MAX, u64::MAX));
        let mut found: Vec<_> = own
            .filter_map(|(_, kind, to)| {
                kind_of(*kind)
                    .filter(|kind| kind.to == to_type)
                    .map(|kind| (*to, kind))
            })
            .collect();
        found.sort_by_key(|(to, kind)| (*to, kind.id));
        found
    }

    pub(super) fn targets(&self, from: u64, to_type: &str) -> BTreeSet<u64> {
        self.of(from, to_type)
            .into_iter()
            .map(|(to, _)| to)
            .collect()
    }
}

/// Refuses links that cannot be made from a row of this table.
pub(super) fn check(state: &State, table: usize, inputs: &[LinkInput]) -> Result<(), Fault> {
    for input in inputs {
        if input.types.is_empty() {
            return Err(not_valid());
        }
        for ty in &input.types {
            let kind = kind_of(ty.association_type_id)
                .filter(|_| ty.association_category == "HUBSPOT_DEFINED");
            let kind = kind
                .filter(|kind| kind.from == state.tables[table].ty.plural)
                .ok_or_else(not_valid)?;
            let target = &state.tables[state.table_named(kind.to)?];
            if input
                .to
                .id
                .parse()
                .ok()
                .and_then(|id| target.live(id))
                .is_none()
            {
                let object_type = target.ty.singular.to_uppercase();
                let context = json!({
                    "INVALID_OBJECT_IDS": [format!("{object_type}={} is not valid", input.to.id)],
                    "objectId": [input.to.id],
                    "objectType": [object_type],
                });
                return Err(Fault::validation("One or more associations are invalid")
                    .with("context", context));
            }
        }
    }
    Ok(())
}

fn not_valid() -> Fault {
    Fault::new(
        StatusCode::BAD_REQUEST,
        "one or more associations are not valid",
    )
    .category("VALIDATION_ERROR")
}

/// Makes checked links from a row.
pub(super) fn make(state: &mut State, from: u64, inputs: &[LinkInput]) {
    for input in inputs {
        for ty in &input.types {
            if let (Some(kind), Ok(to)) = (kind_of(ty.association_type_id), input.to.id.parse()) {
                link(state, from, kind, to);
            }
        }
    }
}

/// Makes `company` the primary one of `contact`.
pub(super) fn set_primary(state: &mut State, contact: u64, company: u64) {
    if let Some(kind) = kind_of(CONTACT_PRIMARY) {
        link(state, contact, kind, company);
    }
}

fn link(state: &mut State, from: u64, kind: &LinkKind, to: u64) {
    let (contact, company) = match (kind.from, kind.to) {
        ("contacts", "companies") => (from, to),
        ("companies", "contacts") => (to, from),
        _ => return state.links.add(from, kind, to),
    };
    let former = state.links.primary(contact);
    let labelled = matches!(kind.id, CONTACT_PRIMARY | COMPANY_PRIMARY);
    state.links.add(from, kind, to);
    // The first company becomes primary by itself (unconfirmed for every path); a new primary unseats the former.
    if !labelled && former.is_some() {
        return;
    }
    if let Some(former) = former.filter(|former| *former != company) {
        state.links.0.remove(&(contact, CONTACT_PRIMARY, former));
        state.links.0.remove(&(former, COMPANY_PRIMARY, contact));
    }
    if let Some(primary) = kind_of(CONTACT_PRIMARY) {
        state.links.add(contact, primary, company);
    }
    show_primary(state, contact);
}

/// Brings the property that shows a contact's primary company up to date.
fn show_primary(state: &mut State, contact: u64) {
    let company = state
        .links
        .primary(contact)
        .map(|id| id.to_string())
        .unwrap_or_default();
    for table in state
        .tables
        .iter_mut()
        .filter(|table| table.properties.contains_key(PRIMARY_PROPERTY))
    {
        table.set_quietly(contact, PRIMARY_PROPERTY, &company);
    }
}

/// Gives the links of `from` to `to`, or drops them.
pub(super) fn pass_on(state: &mut State, from: u64, to: Option<u64>) {
    let touched: Vec<_> = state
        .links
        .0
        .iter()
        .filter(|link| link.0 == from || link.2 == from)
        .copied()
        .collect();
    let mut contacts = BTreeSet::new();
    for link in touched {
        state.links.0.remove(&link);
        if link.1 == CONTACT_PRIMARY {
            contacts.insert(if link.0 == from {
                to.unwrap_or(from)
            } else {
                link.0
            });
        }
        let Some(to) = to else { continue };
        let (source, kind, target) = link;
        let (source, target) = (
            if source == from { to } else { source },
            if target == from { to } else { target },
        );
        let contact = match kind {
            CONTACT_PRIMARY => Some(source),
            COMPANY_PRIMARY => Some(target),
            _ => None,
        };
        // A contact keeps the one primary company that it has.
        if source != target
            && contact.is_none_or(|contact| {
                state
                    .links
                    .primary(contact)
                    .is_none_or(|p| p == target || p == source)
            })
        {
            state.links.0.insert((source, kind, target));
        }
    }
    for contact in contacts {
        show_primary(state, contact);
    }
}

/// The types that `associations=` names, as positions of tables.
pub(super) fn named(state: &State, names: &[String]) -> Result<Vec<usize>, Fault> {
    names.iter().map(|name| state.table_named(name)).collect()
}

/// The `associations` of a row; nothing when it has none. One entry per label, as the real API does.
pub(super) fn shown(state: &State, id: u64, types: &[usize]) -> Option<Value> {
    let mut shown = Map::new();
    for ty in types
        .iter()
        .map(|table| state.tables[*table].ty.plural.as_str())
    {
        let links = state.links.of(id, ty).into_iter();
        let entries: Vec<Value> = links
            .map(|(to, kind)| json!({ "id": to.to_string(), "type": kind.name }))
            .collect();
        if !entries.is_empty() {
            shown.insert(ty.to_owned(), json!({ "results": entries }));
        }
    }
    (!shown.is_empty()).then_some(Value::Object(shown))
}
