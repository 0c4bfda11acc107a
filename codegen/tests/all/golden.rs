//! What is generated for the invented provider, checked in where it is compiled and served: `proxy/tests/orgbook`.

use crosswalk_codegen::{emit, output};

use crate::support;

const GOLDEN: &str = "proxy/tests/orgbook/generated";

/// `UPDATE_GOLDEN=1 cargo test -p crosswalk-codegen golden` writes it anew.
#[test]
fn the_invented_providers_modules_are_as_checked_in() {
    let plan = support::check(&support::invented())
        .plan
        .expect("the invented provider is right");
    let texts: output::Texts = output::generated(emit::emit(&plan))
        .into_iter()
        .map(|(path, text)| (path.replace(output::GENERATED, GOLDEN), text))
        .collect();
    let root = support::project_root();
    let differences =
        output::compare(root, &texts, Some(GOLDEN)).expect("the golden can be compared");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        output::write(root, &texts, &differences).expect("the golden can be written");
    } else {
        assert_eq!(
            differences,
            [],
            "UPDATE_GOLDEN=1 cargo test -p crosswalk-codegen golden"
        );
    }
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
