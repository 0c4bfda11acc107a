//! `cargo xtask schema`.

use crosswalk_codegen::{diagnostic::Format, output::Texts, schema};

use crate::{
    Failure, Outcome,
    project::{Project, Wanted},
};

pub(crate) fn run(project: &Project, check: bool, format: Format) -> Result<Outcome, Failure> {
    let files = [
        ("mappings/mapping.schema.json", schema::mapping()),
        ("mappings/provider.schema.json", schema::provider()),
    ];
    let texts: Texts = files
        .into_iter()
        .map(|(path, schema)| (path.to_owned(), format!("{schema:#}\n")))
        .collect();
    project.write_or_compare(
        &Wanted {
            texts,
            folder: None,
            command: "schema",
            next: None,
        },
        check,
        format,
    )
}
