//! How long those wait who change a mapping.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Instant,
};

use crate::{
    Failure,
    arguments::Group,
    rows::{Bench, say},
    stats::median,
    table::{Figure, Goal, Row},
};

const ALL: (&str, Goal) = ("generator, all mappings", seconds(1.0));
const ONE: (&str, Goal) = ("generator, one changed mapping", seconds(0.3));
const FULL: (&str, Goal) = ("debug build from nothing", seconds(180.0));
const AGAIN: (&str, Goal) = (
    "generator and debug build after a change of a mapping",
    seconds(10.0),
);

/// What is changed, and into what: a contact's phone is read from another native field.
const MAPPING: &str = "mappings/hubspot/crm/contact.yaml";
const BEFORE: &str = "from: properties.phone }";
const AFTER: &str = "from: properties.jobtitle }";

const fn seconds(most: f64) -> Goal {
    Goal::AtMost(Figure::Seconds(most))
}

pub(super) fn rows(bench: &Bench<'_>) -> Result<Vec<Row>, Failure> {
    if !bench.wants(Group::Generator) {
        return Ok(Vec::new());
    }
    let Some(xtask) = &bench.arguments.xtask else {
        return Ok(vec![Row::left_out(
            ALL.0,
            ALL.1,
            "`cargo xtask bench` measures it",
        )]);
    };
    let root = &bench.arguments.root;
    let folder = tempfile::tempdir()?;
    copy(
        root,
        folder.path(),
        &["specs", "mappings", "proxy/src/generated"],
    )?;
    let mut all = Vec::new();
    let mut one = Vec::new();
    for round in 0..bench.arguments.rounds() {
        all.push(generate(bench, xtask, folder.path(), &["--check"])?);
        change(folder.path(), round % 2 == 0)?;
        one.push(generate(bench, xtask, folder.path(), &[])?);
    }
    let row =
        |(what, goal): (&str, Goal), times| Row::alone(what, Figure::Seconds(median(times)), goal);
    let mut rows = vec![row(ALL, all), row(ONE, one)];
    if bench.arguments.builds {
        let (full, again) = builds(bench, xtask)?;
        rows.push(row(FULL, vec![full]));
        rows.push(row(AGAIN, again));
    } else {
        rows.extend(
            [FULL, AGAIN].map(|(what, goal)| Row::left_out(what, goal, "measured with --builds")),
        );
    }
    Ok(rows)
}

/// Builds a copy of the project from nothing, and again after each of some changes.
fn builds(bench: &Bench<'_>, xtask: &Path) -> Result<(f64, Vec<f64>), Failure> {
    let root = &bench.arguments.root;
    // Beside what is built anyway, where there is room for it.
    let copy_of = tempfile::tempdir_in(root.join("target"))?;
    let project = copy_of.path();
    copy(root, project, &["."])?;
    say("building a copy of the project from nothing");
    let mut build = bench.cores.all(&PathBuf::from("cargo"));
    build
        .args(["build", "--locked", "--quiet"])
        .env("CARGO_TARGET_DIR", project.join("target"))
        .current_dir(project);
    let full = time(&mut build)?;
    let mut again = Vec::new();
    for round in 0..bench.arguments.rounds().min(3) {
        change(project, round % 2 == 0)?;
        let generated = generate(bench, xtask, project, &[])?;
        again.push(generated + time(&mut build)?);
    }
    Ok((full, again))
}

fn generate(
    bench: &Bench<'_>,
    xtask: &Path,
    project: &Path,
    arguments: &[&str],
) -> Result<f64, Failure> {
    let mut generate = bench.cores.all(xtask);
    generate
        .arg("--root")
        .arg(project)
        .arg("codegen")
        .args(arguments);
    time(&mut generate)
}

/// How many seconds a command takes, which must end well.
fn time(command: &mut Command) -> Result<f64, Failure> {
    let started = Instant::now();
    let output = command.stdin(Stdio::null()).output()?;
    let took = started.elapsed().as_secs_f64();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{command:?}: {}\n{said}", output.status).into());
    }
    Ok(took)
}

fn change(project: &Path, forth: bool) -> Result<(), Failure> {
    let path = project.join(MAPPING);
    let text = fs::read_to_string(&path)?;
    let (from, to) = if forth {
        (BEFORE, AFTER)
    } else {
        (AFTER, BEFORE)
    };
    if !text.contains(from) {
        return Err(format!("{MAPPING} has no `{from}` any more").into());
    }
    fs::write(path, text.replacen(from, to, 1))?;
    Ok(())
}

/// Copies what git knows below some folders, as it is on disk.
fn copy(root: &Path, into: &Path, folders: &[&str]) -> Result<(), Failure> {
    let mut list = Command::new("git");
    let list = list
        .current_dir(root)
        .args(["ls-files", "-z", "--"])
        .args(folders);
    let output = list.output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let list = String::from_utf8(output.stdout)?;
    for path in list.split_terminator('\0') {
        let (from, to) = (root.join(path), into.join(path));
        if let Some(folder) = to.parent() {
            fs::create_dir_all(folder)?;
        }
        // Deleted, but not from git yet.
        if from.exists() {
            fs::copy(from, to)?;
        }
    }
    Ok(())
}
