//! `cargo xtask check`.

use crosswalk_codegen::{
    diagnostic::{self, Format},
    plan::Plan,
};

use crate::{
    Failure, Outcome,
    project::{self, Project},
};

pub(crate) fn run(project: &Project, format: Format) -> Result<Outcome, Failure> {
    let checked = project.check()?;
    print!(
        "{}",
        diagnostic::render(&checked.diagnostics, &checked.sources, format)
    );
    match (&checked.plan, format) {
        (_, Format::Json) => {}
        (Some(plan), Format::Human) => println!("{}: no fault", checked_things(plan)),
        (None, Format::Human) => println!(
            "\n{} found",
            project::count(checked.diagnostics.len(), "fault")
        ),
    }
    Ok(if checked.plan.is_some() {
        Outcome::Well
    } else {
        Outcome::Wrong
    })
}

/// What was checked, so that an empty folder is not taken for a right one.
fn checked_things(plan: &Plan) -> String {
    let entities = || plan.providers.iter().flat_map(|it| &it.entities);
    let fields = entities().map(|it| it.fields.len()).sum();
    let operations = entities().map(|it| it.operations.len()).sum();
    [
        project::count(plan.providers.len(), "provider"),
        project::count_of(entities().count(), "entity", "entities"),
        project::count(fields, "field"),
        project::count(operations, "operation"),
    ]
    .join(", ")
}
