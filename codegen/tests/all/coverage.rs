//! Tables of what is covered.

use crosswalk_codegen::{coverage, diagnostic::Sink, load, offer, origins, source::Sources};

use crate::support;

#[test]
fn tables_say_what_is_covered_and_why_not() {
    let plan = support::check(&support::invented())
        .plan
        .expect("the invented provider is right");
    insta::assert_snapshot!("operations", coverage::operations(&plan));
    insta::assert_snapshot!("fields", coverage::fields(&plan));
}

#[test]
fn the_table_goes_between_its_marks() {
    let plan = support::check(&support::invented())
        .plan
        .expect("the invented provider is right");
    let before = "# Readme\n<!-- coverage:begin -->\nold\n<!-- coverage:end -->\nrest\n";
    let after = coverage::readme(before, &plan).expect("it has marks");
    assert!(
        after.starts_with("# Readme\n<!-- coverage:begin -->\n| Operation |"),
        "{after}"
    );
    assert!(
        after.ends_with("|\n<!-- coverage:end -->\nrest\n"),
        "{after}"
    );
    assert_eq!(coverage::readme(&after, &plan).as_ref(), Some(&after));
    assert_eq!(coverage::readme("# Readme\n", &plan), None);
}

#[test]
fn what_is_not_read_or_not_written_has_a_reason() {
    let plan = support::check(&support::real())
        .plan
        .expect("the mappings are right");
    let vertical = &plan.verticals[0];
    let mut silent = Vec::new();
    for provider in &plan.providers {
        for entity in &provider.entities {
            for field in offer::fields(vertical, provider, entity) {
                let is_whole = field.read && field.writes();
                if is_whole == field.reason.is_some() {
                    silent.push(format!("{} {}: {field:?}", provider.name, entity.name));
                }
            }
        }
    }
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn what_becomes_of_each_field_is_read_from_the_plan() {
    let plan = support::check(&support::invented())
        .plan
        .expect("the invented provider is right");
    let provider = &plan.providers[0];
    let visit = &provider.entities[1];
    let fields = offer::fields(&plan.verticals[0], provider, visit);
    let find = |name: &str| {
        let mut fields = fields.iter();
        fields.find(|field| field.name == name).expect("a field")
    };
    // No visit can be changed.
    let report = find("report");
    assert_eq!(
        (report.read, report.create, report.update),
        (true, true, false)
    );
    assert_eq!(report.reason, None);
    // From another record, by the name of its object.
    assert_eq!(find("host_city").native, ["Person.home.city"]);
    assert_eq!(find("host_city").reason.as_deref(), Some(offer::READ_ONLY));
    // Only a call beside the record uses it.
    let account = find("account_id");
    assert_eq!(
        (account.read, account.create, account.update),
        (false, true, false)
    );
    assert_eq!(account.reason.as_deref(), Some(offer::WRITE_ONLY));
}

#[test]
fn every_field_has_the_line_that_it_comes_from() {
    let mut sources = Sources::default();
    let input = load::load(&support::invented(), &mut sources, &Sink::default())
        .expect("the invented provider is right");
    insta::assert_snapshot!("origins", origins::table(&input, &sources));
}
