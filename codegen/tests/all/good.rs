//! What is right is planned.

use crosswalk_codegen::{
    coverage,
    diagnostic::{Format, render},
    load::Files,
    plan::{Plan, PlanForm, PlanUnifiedKind},
};

use crate::support;

fn plan(files: &Files) -> Plan {
    let checked = support::check(files);
    let rendered = render(&checked.diagnostics, &checked.sources, Format::Human);
    checked.plan.unwrap_or_else(|| panic!("{rendered}"))
}

#[test]
fn the_real_mappings_have_no_fault() {
    let plan = plan(&support::real());
    for provider in &plan.providers {
        assert!(
            !provider.entities.is_empty(),
            "{} has entities",
            provider.name
        );
    }
}

#[test]
fn the_same_files_make_the_same_plan() {
    let files = support::real();
    assert_eq!(format!("{:?}", plan(&files)), format!("{:?}", plan(&files)));
}

#[test]
fn the_invented_provider_is_planned() {
    let plan = plan(&support::invented());
    let provider = &plan.providers[0];
    let account = &provider.entities[0];
    insta::assert_debug_snapshot!("fields", account.fields);
    insta::assert_debug_snapshot!("selection", account.selection);
    insta::assert_debug_snapshot!("not_mapped", account.not_mapped);
    insta::assert_debug_snapshot!("versions", provider.versions);
    insta::assert_debug_snapshot!("native_operations", provider.operations);
    let forms = ["list", "get", "update", "upsert"];
    for operation in &account.operations {
        let verb = operation.name.rsplit('.').next().expect("a name with dots");
        if forms.contains(&verb) {
            insta::assert_debug_snapshot!(format!("operation_{verb}"), operation.form);
        }
    }
}

#[test]
fn all_shapes_of_the_unified_api_are_known() {
    let plan = plan(&support::invented());
    let crm = &plan.verticals[0];
    insta::assert_debug_snapshot!("unified_operations", crm.operations);
    let types: Vec<_> = crm
        .types
        .iter()
        .map(|ty| (&ty.name, ty.in_answers, ty.in_requests))
        .collect();
    insta::assert_debug_snapshot!("unified_types", types);
}

#[test]
fn operations_are_numbered_as_they_are_listed() {
    let plan = plan(&support::real());
    for provider in &plan.providers {
        assert!(
            provider.operations.is_sorted_by(|a, b| a.id < b.id),
            "by id, each once"
        );
        for entity in &provider.entities {
            for operation in &entity.operations {
                if let PlanForm::Batch(batch) = &operation.form {
                    let native = &provider.operations[batch.call.operation];
                    assert!(
                        !native.writes,
                        "{} reads by `{}`",
                        operation.name, native.id
                    );
                }
            }
        }
    }
}

#[test]
fn what_the_proxy_answers_by_itself_is_a_route_and_in_no_mapping() {
    let plan = plan(&support::invented());
    let (own, others): (Vec<_>, Vec<_>) = plan.routes.iter().partition(|route| route.is_own);
    assert_eq!(
        own.iter()
            .map(|route| (route.path.as_str(), route.operation.as_str(), route.writes))
            .collect::<Vec<_>>(),
        [("/capabilities", "capabilities", false)]
    );
    assert!(!others.is_empty());
    let for_providers = plan
        .verticals
        .iter()
        .flat_map(|vertical| &vertical.operations);
    assert_eq!(for_providers.count(), others.len());
    assert!(!coverage::operations(&plan).contains("capabilities"));
}

#[test]
fn entities_that_can_be_listed_have_columns() {
    let mut files = support::invented();
    let spec = files
        .get_mut("specs/unified.yaml")
        .expect("the invented contract");
    // Both are numbers to a mapping, and not to a column.
    *spec = spec.replace(
        "number_of_employees: { type: number,",
        "number_of_employees: { type: integer,",
    );
    let entities = plan(&files).entities;
    let lists: Vec<_> = entities.iter().map(|it| it.list.as_str()).collect();
    assert_eq!(lists, ["crm.account.list", "crm.visit.list"]);
    let kind = |entity: usize, field: &str| {
        let mut fields = entities[entity].fields.iter();
        let field = fields.find(|it| it.name == field)?;
        Some((field.kind, field.always))
    };
    assert_eq!(kind(0, "id"), Some((PlanUnifiedKind::Text, true)));
    for (name, expected) in [
        ("name", PlanUnifiedKind::Text),
        ("lifecycle_stage", PlanUnifiedKind::Text),
        ("number_of_employees", PlanUnifiedKind::Integer),
        ("last_activity_at", PlanUnifiedKind::Timestamp),
        ("created_at", PlanUnifiedKind::Timestamp),
        ("is_deleted", PlanUnifiedKind::Boolean),
        ("addresses", PlanUnifiedKind::Json),
    ] {
        assert_eq!(kind(0, name), Some((expected, false)), "{name}");
    }
    assert_eq!(kind(0, "raw_data"), None);
    assert_eq!(kind(1, "held_on"), Some((PlanUnifiedKind::Text, false)));
}

#[test]
fn what_is_listed_of_an_object_that_callers_name_is_no_entity() {
    let entities = plan(&support::real()).entities;
    assert!(!entities.is_empty());
    assert!(entities.iter().all(|it| it.name != "crm.custom_object"));
}
