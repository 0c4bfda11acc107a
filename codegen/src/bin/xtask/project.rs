//! The project that the commands work on, and its plan.

use std::path::{Path, PathBuf};

use crosswalk_codegen::{
    check,
    diagnostic::{Diagnostic, Format, Sink, render},
    load::{self, Files},
    origins,
    output::{self, Difference, Texts},
    plan::Plan,
    source::Sources,
};

use crate::{Failure, Outcome};

/// Where specs, mappings and generated code are.
pub(crate) struct Project {
    root: PathBuf,
}

/// What came of reading and checking everything.
pub(crate) struct Checked {
    pub(crate) plan: Option<Plan>,
    /// Where each field comes from.
    pub(crate) origins: Option<String>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    pub(crate) sources: Sources,
}

/// What a command wants to be on disk.
pub(crate) struct Wanted {
    pub(crate) texts: Texts,
    /// Whatever else is in this folder is orphaned.
    pub(crate) folder: Option<&'static str>,
    /// The command that repairs.
    pub(crate) command: &'static str,
    /// What is to be done after it has changed something.
    pub(crate) next: Option<&'static str>,
}

impl Project {
    /// The one in a folder, or else the workspace that this crate is in.
    pub(crate) fn new(root: Option<PathBuf>) -> Self {
        let krate = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = root.unwrap_or_else(|| krate.parent().unwrap_or(krate).to_owned());
        Self { root }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn files(&self) -> Result<Files, Failure> {
        Ok(load::read_files(&self.root)?)
    }

    pub(crate) fn check(&self) -> Result<Checked, Failure> {
        let files = self.files()?;
        let mut sources = Sources::default();
        let sink = Sink::default();
        let input = load::load(&files, &mut sources, &sink);
        let origins = input.as_ref().map(|input| origins::table(input, &sources));
        let plan = input.and_then(|input| check::check(&input, &sources, &sink));
        let diagnostics = sink.into_sorted(&sources);
        Ok(Checked {
            plan,
            origins,
            diagnostics,
            sources,
        })
    }

    /// The plan; without one the diagnostics have been shown.
    pub(crate) fn plan(&self, format: Format) -> Result<Option<Plan>, Failure> {
        Ok(self.plan_and_origins(format)?.map(|(plan, _)| plan))
    }

    /// The same, and where each field comes from.
    pub(crate) fn plan_and_origins(
        &self,
        format: Format,
    ) -> Result<Option<(Plan, String)>, Failure> {
        let checked = self.check()?;
        if checked.plan.is_none() {
            show(&checked.diagnostics, &checked.sources, format);
        }
        Ok(checked.plan.zip(checked.origins))
    }

    /// Writes texts, or with `check` only says how the disk differs from them and which command repairs it.
    pub(crate) fn write_or_compare(
        &self,
        wanted: &Wanted,
        check: bool,
        format: Format,
    ) -> Result<Outcome, Failure> {
        let Wanted { texts, folder, .. } = wanted;
        let mut differences = output::compare(&self.root, texts, *folder)?;
        if !check {
            output::write(&self.root, texts, &differences)?;
            if format == Format::Human {
                println!(
                    "{} checked, {} changed",
                    count(texts.len(), "file"),
                    differences.len()
                );
                if let (false, Some(next)) = (differences.is_empty(), wanted.next) {
                    println!("{next}");
                }
            }
            // What differed has been mended.
            differences.clear();
        }
        if format == Format::Json {
            let each: Vec<_> = differences.iter().map(|one| json(one, wanted)).collect();
            println!("{:#}", serde_json::Value::Array(each));
        } else if !differences.is_empty() {
            for difference in &differences {
                eprintln!("{difference}");
            }
            eprintln!(
                "\nrun `cargo xtask {}` and commit what it writes",
                wanted.command
            );
        }
        Ok(if differences.is_empty() {
            Outcome::Well
        } else {
            Outcome::Wrong
        })
    }
}

/// Shows why nothing was done: to people beside what they asked for, to programs in its place.
pub(crate) fn show(diagnostics: &[Diagnostic], sources: &Sources, format: Format) {
    let rendered = render(diagnostics, sources, format);
    if format == Format::Json {
        print!("{rendered}");
    } else {
        eprint!("{rendered}");
        eprintln!(
            "\n{} found; nothing was done",
            count(diagnostics.len(), "fault")
        );
    }
}

/// A difference as programs read it: in the shape of a diagnostic, so that they need to know only one.
fn json(difference: &Difference, wanted: &Wanted) -> serde_json::Value {
    let (id, line, message) = match difference {
        Difference::Missing { .. } => ("missing-file", 1, "the file is missing".to_owned()),
        Difference::Orphaned { .. } => ("orphaned-file", 1, "nothing writes this file".to_owned()),
        Difference::Stale { line, expected, .. } => {
            let message = match expected {
                Some(expected) => format!("this line should be `{expected}`"),
                None => "the file should end here".to_owned(),
            };
            ("stale-file", *line, message)
        }
    };
    serde_json::json!({
        "id": id,
        "message": message,
        "at": { "path": difference.path(), "line": line, "column": 1, "length": 0, "label": "" },
        "others": [],
        "help": format!("run `cargo xtask {}` and commit what it writes", wanted.command),
    })
}

pub(crate) fn count(number: usize, what: &str) -> String {
    count_of(number, what, &format!("{what}s"))
}

pub(crate) fn count_of(number: usize, one: &str, many: &str) -> String {
    let what = if number == 1 { one } else { many };
    format!("{number} {what}")
}
