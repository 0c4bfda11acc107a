//! Tables of what is covered.

use crosswalk_codegen::coverage;

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
