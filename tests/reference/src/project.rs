//! The plans of a project, and the entities in them.

use std::path::Path;

use crosswalk_codegen::{
    check,
    diagnostic::Sink,
    load,
    plan::{Plan, PlanEntity, PlanMember, PlanProvider, PlanType, PlanTypeKind, PlanVertical},
    source::Sources,
};

/// All mappings of a project.
#[derive(Debug)]
pub struct Reference(Plan);

/// An entity of a provider.
#[derive(Debug, Clone, Copy)]
pub struct Mapped<'p> {
    pub provider: &'p PlanProvider,
    pub vertical: &'p PlanVertical,
    pub entity: &'p PlanEntity,
}

impl Reference {
    /// Loads `specs/` and `mappings/` of a folder, which must be right.
    pub fn load(root: &Path) -> Self {
        let files = load::read_files(root).expect("specs and mappings can be read");
        let (mut sources, sink) = (Sources::default(), Sink::default());
        let plan = load::load(&files, &mut sources, &sink)
            .and_then(|input| check::check(&input, &sources, &sink));
        Self(plan.expect("specs and mappings are right"))
    }

    /// As in `crm.account` of a provider.
    pub fn entity(&self, provider: &str, entity: &str) -> Option<Mapped<'_>> {
        self.entities()
            .find(|mapped| mapped.provider.name == provider && mapped.name() == entity)
    }

    pub fn entities(&self) -> impl Iterator<Item = Mapped<'_>> {
        let plan = &self.0;
        let all = plan.providers.iter();
        all.flat_map(move |provider| {
            provider.entities.iter().map(move |entity| Mapped {
                provider,
                vertical: plan
                    .verticals
                    .iter()
                    .find(|vertical| vertical.name == entity.vertical)
                    .expect("the plan has the vertical of each entity"),
                entity,
            })
        })
    }
}

impl<'p> Mapped<'p> {
    /// As in `crm.account`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.entity.vertical, self.entity.name)
    }

    /// The members of the unified record, in the order in which they are written.
    pub(crate) fn members(&self) -> &'p [PlanMember] {
        self.members_of(&self.entity.record)
    }

    /// The members of an object type.
    pub(crate) fn members_of(&self, name: &str) -> &'p [PlanMember] {
        let ty = self.vertical.types.iter().find(|ty| ty.name == name);
        match ty {
            Some(PlanType {
                kind: PlanTypeKind::Struct(members),
                ..
            }) => members,
            _ => panic!("`{name}` is no type with members"),
        }
    }
}
