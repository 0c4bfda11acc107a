//! What a provider has of the unified API, field by field: one reading of the plan for the tables of the documentation
//! and for the tables that the proxy answers from, so that both say the same.

use crate::plan::{
    PlanBesideKind, PlanEntity, PlanField, PlanForm, PlanMember, PlanNativeRef, PlanProvider,
    PlanShape, PlanSlot, PlanSource, PlanTypeKind, PlanVertical, PlanWrite,
};

/// Why most fields are not written: no provider is asked to.
pub const READ_ONLY: &str = "The unified API has it for reading only.";
/// Why a field of the input is not read.
pub const WRITE_ONLY: &str = "The unified API has it for writing only.";

/// What becomes of one unified field.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are answers to questions of their own"
)]
pub struct OfferField {
    pub name: String,
    pub read: bool,
    /// Whether a new record gets it.
    pub create: bool,
    /// Whether a record that exists can be given another.
    pub update: bool,
    /// The native fields behind it, dotted, each once; those of another record begin with its native name.
    pub native: Vec<String>,
    /// Of a list of typed entries: the types that there are.
    pub entries: Vec<String>,
    /// Whether only records that were merged into others have it.
    pub of_merged: bool,
    /// Why it is not read or not written, in words for a customer.
    pub reason: Option<String>,
}

impl OfferField {
    pub fn writes(&self) -> bool {
        self.create || self.update
    }
}

/// The fields of an entity: those of its record in their order, then those that are written only.
pub fn fields(
    vertical: &PlanVertical,
    provider: &PlanProvider,
    entity: &PlanEntity,
) -> Vec<OfferField> {
    let offers = Offers {
        vertical,
        provider,
        entity,
    };
    let record = members(vertical, &entity.record);
    let known = record
        .iter()
        .filter_map(|member| offers.field(&member.name));
    let inputs = entity.inputs.iter().map(|name| offers.input(name));
    known.chain(inputs).collect()
}

struct Offers<'a> {
    vertical: &'a PlanVertical,
    provider: &'a PlanProvider,
    entity: &'a PlanEntity,
}

impl Offers<'_> {
    /// None where the member is no field, as the native record is.
    fn field(&self, name: &str) -> Option<OfferField> {
        let entity = self.entity;
        let mapped = entity.fields.iter().find(|field| field.name == name);
        let reason = entity
            .not_mapped
            .iter()
            .find(|not_mapped| not_mapped.field == name)
            .map(|not_mapped| not_mapped.reason.clone());
        if mapped.is_none() && reason.is_none() {
            return None;
        }
        let writes = mapped.is_some_and(|field| !writes(&field.source).is_empty());
        let (create, update) = (writes && self.creates(), writes && self.updates());
        let is_in_input = entity.input.as_ref().is_some_and(|input| {
            let members = members(self.vertical, input);
            members.iter().any(|member| member.name == name)
        });
        let reason = reason.or_else(|| (!is_in_input).then(|| READ_ONLY.to_owned()));
        Some(OfferField {
            name: name.to_owned(),
            read: mapped.is_some(),
            create,
            update,
            native: mapped.map_or_else(Vec::new, |field| self.natives(field)),
            entries: mapped.map_or_else(Vec::new, |field| entries(&field.source)),
            of_merged: mapped
                .is_some_and(|field| matches!(field.source, PlanSource::Losers { .. })),
            reason,
        })
    }

    /// A field that only calls use.
    fn input(&self, name: &str) -> OfferField {
        let uses = |in_shape: fn(&PlanShape) -> bool| {
            let operations = self.entity.operations.iter();
            let mut ours = operations.filter(|planned| {
                let mut known = self.vertical.operations.iter();
                known.any(|known| known.name == planned.name && in_shape(&known.shape))
            });
            ours.any(|planned| {
                let slots = planned.calls().into_iter().flat_map(|call| call.slots());
                slots
                    .into_iter()
                    .any(|slot| *slot == PlanSlot::Input(name.to_owned()))
            })
        };
        OfferField {
            name: name.to_owned(),
            read: false,
            create: uses(|shape| {
                matches!(shape, PlanShape::Create { .. } | PlanShape::Upsert { .. })
            }),
            update: uses(|shape| {
                matches!(shape, PlanShape::Update { .. } | PlanShape::Upsert { .. })
            }),
            native: Vec::new(),
            entries: Vec::new(),
            of_merged: false,
            reason: Some(WRITE_ONLY.to_owned()),
        }
    }

    fn creates(&self) -> bool {
        self.has(|shape| matches!(shape, PlanShape::Create { .. } | PlanShape::Upsert { .. }))
    }

    fn updates(&self) -> bool {
        self.has(|shape| matches!(shape, PlanShape::Update { .. } | PlanShape::Upsert { .. }))
    }

    fn has(&self, shape: fn(&PlanShape) -> bool) -> bool {
        let mut known = self.vertical.operations.iter();
        known.any(|known| {
            let mut planned = self.entity.operations.iter();
            shape(&known.shape) && planned.any(|planned| planned.name == known.name)
        })
    }

    /// The native fields that a unified one is read from and written to.
    fn natives(&self, field: &PlanField) -> Vec<String> {
        let written = writes(&field.source);
        let read = reads(&field.source).into_iter().filter(|from| {
            // A text that has a call of its own has no path, only the mapping's name; where it is written it has one.
            written.is_empty() || from.beside.is_none() || !from.path.is_empty()
        });
        let read = read.map(|from| self.native(from));
        let written = written.iter().map(|write| {
            let holder = self.provider.fields_in.iter().cloned();
            let path = holder.chain([write.name.clone()]);
            path.collect::<Vec<_>>().join(".")
        });
        let mut natives: Vec<String> = Vec::new();
        for native in read.chain(written) {
            if !natives.contains(&native) {
                natives.push(native);
            }
        }
        natives
    }

    fn native(&self, from: &PlanNativeRef) -> String {
        let beside = from.beside.as_ref().and_then(|name| {
            let mut besides = self.entity.beside.iter();
            besides.find(|beside| beside.name == *name)
        });
        let holder = beside.map(|beside| match &beside.kind {
            PlanBesideKind::Records { native, .. } => native.clone(),
            PlanBesideKind::Text | PlanBesideKind::Labels { .. } => beside.name.clone(),
        });
        let path = from.path.iter().cloned();
        holder.into_iter().chain(path).collect::<Vec<_>>().join(".")
    }
}

/// The members of a type of the vertical.
fn members<'a>(vertical: &'a PlanVertical, name: &str) -> &'a [PlanMember] {
    let ty = vertical.types.iter().find(|ty| ty.name == name);
    match ty.map(|ty| &ty.kind) {
        Some(PlanTypeKind::Struct(members)) => members,
        _ => &[],
    }
}

fn reads(source: &PlanSource) -> Vec<&PlanNativeRef> {
    match source {
        PlanSource::Value { from, .. } | PlanSource::Join(from) => from.iter().collect(),
        PlanSource::Constant(_) => Vec::new(),
        PlanSource::FirstTrue { cases, .. } => cases.iter().map(|(_, from)| from).collect(),
        PlanSource::Losers { from, .. } => vec![from],
        PlanSource::Group { rows, .. } => {
            let members = rows.iter().flat_map(|row| &row.members);
            members.map(|member| &member.from).collect()
        }
    }
}

fn writes(source: &PlanSource) -> Vec<&PlanWrite> {
    match source {
        PlanSource::Value { write, .. } => write.iter().collect(),
        PlanSource::Group {
            writes: true, rows, ..
        } => {
            let members = rows.iter().flat_map(|row| &row.members);
            members.filter_map(|member| member.write.as_ref()).collect()
        }
        _ => Vec::new(),
    }
}

fn entries(source: &PlanSource) -> Vec<String> {
    match source {
        PlanSource::Group { rows, .. } => rows.iter().map(|row| row.tag.clone()).collect(),
        _ => Vec::new(),
    }
}

/// The names of the operations that a provider has, in the order of the unified API.
pub fn operations<'a>(vertical: &'a PlanVertical, provider: &PlanProvider) -> Vec<&'a str> {
    let entities = provider.entities.iter();
    let of_entities = entities.flat_map(|entity| entity.operations.iter().map(|one| &one.name));
    let scripts = provider.scripts.iter();
    let of_scripts = scripts.flat_map(|scripts| scripts.operations.iter().map(|one| &one.name));
    let has: Vec<&String> = of_entities.chain(of_scripts).collect();
    let known = vertical.operations.iter().map(|operation| &operation.name);
    known
        .filter(|name| has.contains(name))
        .map(String::as_str)
        .collect()
}

/// The list of an entity, where it has one.
pub fn list(entity: &PlanEntity) -> Option<&crate::plan::PlanList> {
    entity
        .operations
        .iter()
        .find_map(|operation| match &operation.form {
            PlanForm::List(list) => Some(list),
            _ => None,
        })
}
