//! What is generated for the invented provider, checked in beside what it is made from, as in a project; the
//! proxy's tests compile and serve it.

use crosswalk_codegen::{emit, origins, output};

use crate::support;

#[test]
fn the_invented_providers_modules_are_as_checked_in() {
    let checked = support::check(&support::invented());
    let plan = checked.plan.expect("the invented provider is right");
    let mut texts = output::generated(emit::emit(&plan));
    texts.insert(origins::path(), checked.origins);
    let root = support::invented_root();
    let differences = output::compare(&root, &texts, Some(output::GENERATED))
        .expect("the golden can be compared");
    assert_eq!(
        differences,
        [],
        "`cargo xtask codegen --root codegen/tests/invented` writes them"
    );
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let emitted = || {
        emit::emit(
            &support::check(&support::real())
                .plan
                .expect("the mappings are right"),
        )
    };
    assert_eq!(emitted(), emitted());
}
