//! Our spec of the invented provider, held against the document that it would publish itself.
//!
//! A file of `tests/spec_diff/` is one change of that document, written as those of `tests/bad/` are.

use std::{error::Error as _, fmt::Write as _, fs, path::Path};

use crosswalk_codegen::{
    check,
    diagnostic::{Format, Sink},
    load::{self, Files},
    source::Sources,
    spec_diff::{self, Document},
};
use serde_json::Value;

use crate::{
    support,
    xtask::{project, run},
};

const DOCUMENT: &str = "document/orgbook.yaml";

/// The files of the invented provider and its document.
fn files() -> Files {
    let mut files = support::invented();
    let document =
        fs::read_to_string(support::invented_root().join(DOCUMENT)).expect("there is a document");
    files.insert(DOCUMENT.to_owned(), document);
    files
}

/// The report, and whether anything breaks.
fn diff(mut files: Files, format: Format) -> (String, bool) {
    let document = files.remove(DOCUMENT).expect("there is a document");
    let document = Document::read(DOCUMENT, &document).unwrap_or_else(|error| panic!("{error}"));
    let mut sources = Sources::default();
    let sink = Sink::default();
    let input = load::load(&files, &mut sources, &sink).expect("the files can be read");
    check::check(&input, &sources, &sink).expect("nothing is wrong with them");
    let report = spec_diff::compare(input, "orgbook", &[document], &sources)
        .expect("there is such a provider");
    (
        spec_diff::render(&report, &sources, format),
        report.breaks(),
    )
}

#[test]
fn a_document_that_says_the_same_changes_nothing() {
    let (text, breaks) = diff(files(), Format::Human);
    assert!(!breaks);
    insta::assert_snapshot!(text, @"orgbook: nothing that the mappings use has changed; compared 16 of 16 operations and 2 of 2 native objects");
}

#[test]
fn each_change_is_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/spec_diff");
    let mut wrong = Vec::new();
    for name in support::names(&folder) {
        let Some(case) = name.strip_suffix(".change") else {
            continue;
        };
        let change = fs::read_to_string(folder.join(&name)).expect("the change can be read");
        let mut files = files();
        support::apply(&mut files, &change);
        let (text, breaks) = diff(files, Format::Human);
        // The name of a case says what is to come of it.
        let harmless = case.starts_with("harmless_");
        if breaks == harmless {
            wrong.push(format!("{case}:\n{text}"));
        }
        insta::with_settings!({ snapshot_path => &folder, prepend_module_to_snapshot => false, omit_expression => true }, {
            insta::assert_snapshot!(case, text);
        });
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn programs_read_a_report_as_json() {
    let mut files = files();
    replace(
        &mut files,
        "        field: { enum: [id, homepage,",
        "        field: { enum: [id,",
    );
    replace(&mut files, "schemas/Relation", "schemas/Relations");
    insta::assert_snapshot!(diff(files, Format::Json).0);
}

fn replace(files: &mut Files, out: &str, put: &str) {
    let document = files.get_mut(DOCUMENT).expect("there is a document");
    assert_eq!(
        document.matches(out).count(),
        1,
        "this must be there once: {out}"
    );
    *document = document.replace(out, put);
}

/// The document in JSON and in the words of `OpenAPI` 3.0.
fn in_json(text: &str) -> String {
    let mut document: Value = serde_saphyr::from_str(text).expect("the document is YAML");
    document["openapi"] = "3.0.1".into();
    let relation = &mut document["components"]["schemas"]["Relation"];
    relation["type"] = "string".into();
    relation["nullable"] = true.into();
    document.to_string()
}

#[test]
fn json_of_an_older_version_says_the_same() {
    let mut files = files();
    let text = in_json(&files[DOCUMENT]);
    files.insert(DOCUMENT.to_owned(), text);
    assert_eq!(
        diff(files, Format::Human),
        diff(self::files(), Format::Human)
    );
}

#[test]
fn what_is_not_a_document_is_told_with_its_reason() {
    let told = |text: &str| match Document::read("their.yaml", text) {
        Ok(_) => "it was read".to_owned(),
        Err(error) => match error.source() {
            Some(cause) => format!("{error}: {cause}"),
            None => error.to_string(),
        },
    };
    let texts = [
        (
            "swagger: '2.0'\npaths: {}\n",
            "their.yaml is Swagger 2.0; expected OpenAPI 3.0 or 3.1",
        ),
        (
            "openapi: 3.2.0\npaths: {}\n",
            "their.yaml is OpenAPI 3.2.0; expected OpenAPI 3.0 or 3.1",
        ),
        (
            "openapi: 3.10.0\npaths: {}\n",
            "their.yaml is OpenAPI 3.10.0; expected OpenAPI 3.0 or 3.1",
        ),
        (
            "{}",
            "their.yaml is no OpenAPI document: it has no `openapi`; expected OpenAPI 3.0 or 3.1",
        ),
        (
            "[1, 2]",
            "their.yaml is no OpenAPI document: it has no `openapi`; expected OpenAPI 3.0 or 3.1",
        ),
        (
            "openapi: 3.0.0\n",
            "their.yaml has no paths: there is nothing to hold our spec against",
        ),
        (
            "openapi: 3.1.0\npaths: { /a: 1 }\n",
            "their.yaml has no paths: there is nothing to hold our spec against",
        ),
    ];
    for (text, expected) in texts {
        assert_eq!(told(text), expected, "{text}");
    }
    assert!(told("{\"openapi\": ").starts_with("their.yaml is not JSON: EOF"));
    assert!(told("openapi: [").starts_with("their.yaml is not YAML: "));
    // Nested deeper than anybody would: an error, and no overflow of the stack.
    let deep = format!("{{\"openapi\": {}", "[".repeat(5_000));
    assert!(told(&deep).starts_with("their.yaml is not JSON: recursion limit"));
    let deep = format!("openapi: {}", "[".repeat(5_000));
    assert!(told(&deep).starts_with("their.yaml is not YAML: "));
    // A document that would unfold to billions.
    let mut bomb = "a0: &a0 [x]\n".to_owned();
    for level in 1..20 {
        let nine = format!("*a{},", level - 1).repeat(9);
        let _ = writeln!(bomb, "a{level}: &a{level} [{nine}]");
    }
    assert!(told(&bomb).starts_with("their.yaml is not YAML: "));
}

/// Covers: spec-odd
#[test]
fn circles_and_floods_of_parts_come_to_an_end() {
    let mut files = files();
    // Each part is twice the next one.
    let mut parts = String::new();
    for level in 0..64 {
        let next = format!("$ref: \"#/components/schemas/Part{}\"", level + 1);
        let _ = writeln!(
            parts,
            "    Part{level}: {{ allOf: [{{ {next} }}, {{ {next} }}] }}"
        );
    }
    let around = "    Around: { $ref: \"#/components/schemas/Back\" }\n    Back: { $ref: \"#/components/schemas/Around\" }\n";
    let document = files.get_mut(DOCUMENT).expect("there is a document");
    document.push_str(&parts);
    document.push_str(around);
    replace(
        &mut files,
        "switchboard: { type: string }",
        "switchboard: { $ref: \"#/components/schemas/Part0\" }",
    );
    replace(
        &mut files,
        "summary: { type: string }",
        "summary: { $ref: \"#/components/schemas/Around\" }",
    );
    let (text, breaks) = diff(files, Format::Human);
    assert!(!breaks, "{text}");
    assert!(text.contains("too many parts"), "{text}");
    assert!(text.contains("is a reference to itself"), "{text}");
}

#[test]
fn what_is_in_one_of_several_documents_is_there() {
    let text = &files()[DOCUMENT];
    let (mut one, mut two): (Value, Value) = (
        serde_saphyr::from_str(text).expect("YAML"),
        serde_saphyr::from_str(text).expect("YAML"),
    );
    for (document, lookup) in [(&mut one, true), (&mut two, false)] {
        let paths = document["paths"].as_object_mut().expect("an object");
        paths.retain(|path, _| path.ends_with("lookup") == lookup);
    }
    let project = project();
    let folder = project.path();
    fs::write(folder.join("one.json"), one.to_string()).expect("it can be written");
    fs::write(folder.join("two.json"), two.to_string()).expect("it can be written");
    let [one, two] = ["one.json", "two.json"].map(|name| folder.join(name).display().to_string());
    assert_eq!(run(folder, &["spec-diff", "orgbook", &one]).0, Some(1));
    assert_eq!(
        run(folder, &["spec-diff", "orgbook", &one, &two]).0,
        Some(0)
    );
}

#[test]
fn a_comparison_ends_with_0_1_or_2() {
    let project = project();
    let folder = project.path();
    let path = folder.join("their.yaml").display().to_string();
    let write = |text: &str| fs::write(&path, text).expect("it can be written");
    let document = files().remove(DOCUMENT).expect("there is a document");

    write(&document);
    let (code, text) = run(folder, &["spec-diff", "orgbook", &path]);
    assert_eq!(code, Some(0), "{text}");
    // Something that is used has changed, and nothing breaks.
    write(&document.replace("created_at: { type: integer", "created_at: { type: number"));
    let (code, text) = run(folder, &["spec-diff", "orgbook", &path]);
    assert!(text.starts_with("warning[type-changed]"), "{text}");
    assert_eq!(code, Some(0));
    // Something breaks.
    write(&document.replace("staff:", "employees:"));
    let (code, text) = run(folder, &["spec-diff", "orgbook", &path, "--json"]);
    let report: Value = serde_json::from_str(&text).expect("the output is JSON");
    assert_eq!((code, &report["breaks"]), (Some(1), &true.into()));
    // The command cannot do its work.
    write("swagger: '2.0'\n");
    let usage: [&[&str]; 4] = [
        &["spec-diff", "orgbook", &path],
        &["spec-diff", "orgbook", "/nowhere/their.yaml"],
        &["spec-diff", "orgbook"],
        &["spec-diff"],
    ];
    for arguments in usage {
        assert_eq!(run(folder, arguments).0, Some(2), "{arguments:?}");
    }
    write(&document);
    assert_eq!(run(folder, &["spec-diff", "orgbok", &path]).0, Some(2));
    // Our own mappings have a fault.
    let mapping = folder.join("mappings/orgbook/crm/account.yaml");
    let text = fs::read_to_string(&mapping).expect("the mapping can be read");
    fs::write(&mapping, text.replace("from: staff", "from: stuff")).expect("it can be written");
    let (code, text) = run(folder, &["spec-diff", "orgbook", &path, "--json"]);
    assert_eq!(code, Some(1));
    assert!(text.contains("unknown-native-field"), "{text}");
}
