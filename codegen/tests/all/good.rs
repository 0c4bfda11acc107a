//! What is right is planned.

use crosswalk_codegen::{
    diagnostic::{Format, render},
    load::Files,
    plan::{Plan, PlanForm},
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
fn what_the_proxy_answers_by_itself_is_in_no_mapping() {
    let mut files = support::invented();
    let own = "paths:\n  /health:\n    get:\n      operationId: health\n      x-operation: health\n      x-own: true\n      responses: { \"200\": { description: Done } }\n";
    let spec = files
        .get_mut("specs/unified.yaml")
        .expect("the invented contract");
    *spec = spec.replacen("paths:\n", own, 1);
    assert!(spec.contains("x-own"));
    let routes = plan(&files).routes;
    assert!(!routes.is_empty());
    assert!(routes.iter().all(|route| route.path != "/health"));
}
