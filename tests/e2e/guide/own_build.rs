//! The guides after which the proxy is built anew: a field of one's own, and a provider.
//!
//! Each is followed in a copy of specs and mappings with the generator. What both have changed is then built as one, in a
//! copy of the project that keeps what it has compiled, and what the guides do with a new build is done with that.

use std::{
    fs::{self, File},
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
};

use crosswalk_tests::{Demo, Process, Reader};
use serde_json::{Value, json};

use super::reader;

const FIELD: &str = include_str!("../../../proxy/docs/custom-field.md");
const PROVIDER: &str = include_str!("../../../proxy/docs/add-a-provider.md");

/// The generator in the place of `cargo xtask`, at work in the folder of the reader.
const CARGO: &str =
    r#"cargo() { [ "$1" = xtask ] || return 1; shift; "$XTASK" "$@" --root "$PWD"; }"#;

fn root() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

fn cargo(arguments: &[&str], folder: &Path) {
    let done = crosswalk_tests::cargo()
        .args(arguments)
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "cargo {arguments:?}: {told}");
}

/// `target` of the tests.
fn target() -> PathBuf {
    // target/debug/deps/e2e-… → target
    let test = std::env::current_exe().unwrap();
    test.ancestors().nth(3).unwrap().to_owned()
}

fn xtask() -> PathBuf {
    cargo(
        &["build", "--quiet", "--workspace", "--bin", "xtask"],
        &root(),
    );
    target().join("debug/xtask")
}

/// Copies a folder, with the times at which its files were changed; what is there already and the same is not touched. So
/// nothing is compiled twice, and what is not changed is not compiled again.
fn copy(from: &Path, to: &Path, without: &[&str]) {
    let has_no_place = |path: &Path| without.iter().any(|it| path.ends_with(it));
    if from.is_file() {
        let bytes = fs::read(from).unwrap();
        if fs::read(to).ok().as_ref() != Some(&bytes) {
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::write(to, bytes).unwrap();
            let changed = fs::metadata(from).and_then(|it| it.modified()).unwrap();
            File::options()
                .append(true)
                .open(to)
                .and_then(|it| it.set_modified(changed))
                .unwrap();
        }
        return;
    }
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if !has_no_place(&path) {
            copy(&path, &to.join(path.file_name().unwrap()), without);
        }
    }
}

fn newer(one: &Path, other: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).unwrap().modified().unwrap();
    changed(one) > changed(other)
}

/// What the generator reads and writes.
fn sources() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for part in ["specs", "mappings", "README.md", "proxy/src/generated"] {
        copy(&root().join(part), &folder.path().join(part), &[]);
    }
    folder
}

fn generator(folder: &Path, xtask: &Path) -> Reader {
    Reader::new(folder)
        .with("XTASK", &xtask.display().to_string())
        .knows(CARGO)
}

/// What stands before and after the line from which a new build runs.
fn parts<'p>(page: &'p str, line: &str) -> (&'p str, &'p str) {
    let split = page.split_once(&format!("\n    {line}\n"));
    split.unwrap_or_else(|| panic!("the guide has a line `{line}`"))
}

/// The project with the field and the provider, built; the program.
fn built(field: &Path, provider: &Path, xtask: &Path) -> PathBuf {
    // It has all that the copy does not change, and that is then not compiled again.
    cargo(
        &["build", "--quiet", "--workspace", "--bin", "crosswalk"],
        &root(),
    );
    let project = target().join("guide/project");
    fs::create_dir_all(&project).unwrap();
    // What cargo has written into the lock file is the other name alone.
    let lock = project.join("Cargo.lock");
    if !lock.exists() || newer(&root().join("Cargo.lock"), &lock) {
        fs::copy(root().join("Cargo.lock"), &lock).unwrap();
    }
    for part in ["proxy", "codegen", "tests"] {
        let without = [
            "src/generated",
            "proxy/docs",
            "tests/fuzz",
            "tests/browser",
            "tests/clients",
            // It is written below.
            "proxy/Cargo.toml",
        ];
        copy(&root().join(part), &project.join(part), &without);
    }
    let merged = tempfile::tempdir().unwrap();
    for part in ["specs", "mappings"] {
        copy(&field.join(part), &merged.path().join(part), &[]);
    }
    for part in ["specs/pocketcrm.yaml", "mappings/pocketcrm"] {
        copy(&provider.join(part), &merged.path().join(part), &[]);
    }
    // Neither guide knows of the other.
    let mapping = merged.path().join("mappings/pocketcrm/crm/account.yaml");
    let text = fs::read_to_string(&mapping).unwrap();
    let both = text.replace(
        "not_mapped:\n",
        "not_mapped:\n  customer_tier: Pocket CRM has no tiers.\n",
    );
    assert_ne!(text, both);
    fs::write(&mapping, both).unwrap();
    copy(merged.path(), &project, &[]);
    let generated = Command::new(xtask)
        .args(["codegen", "--root"])
        .arg(&project)
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&generated.stderr);
    assert!(generated.status.success(), "{told}");
    // By another name, since what is compiled is kept in the same folder, under names that are made of packages' names. The
    // runtime keeps its own: it is the same.
    for (path, said, meant) in [
        (
            "proxy/Cargo.toml",
            "[package]\nname = \"crosswalk\"\n",
            "[package]\nname = \"crosswalk-guide\"\n",
        ),
        (
            "Cargo.toml",
            "crosswalk = { path = \"proxy\" }",
            "crosswalk = { path = \"proxy\", package = \"crosswalk-guide\" }",
        ),
    ] {
        let manifest = fs::read_to_string(root().join(path)).unwrap();
        let renamed = manifest.replacen(said, meant, 1);
        assert_ne!(manifest, renamed, "{path}");
        if fs::read_to_string(project.join(path)).ok().as_ref() != Some(&renamed) {
            fs::write(project.join(path), renamed).unwrap();
        }
    }
    let build = [
        "build",
        "--quiet",
        "--offline",
        "--workspace",
        "--bin",
        "crosswalk-guide",
        // Half the time: nobody debugs it.
        "--config",
        "profile.dev.package.crosswalk-guide.debug=0",
    ];
    cargo(&build, &project);
    // In a folder of its own it has the name by which guides call it.
    let program = target().join("guide/bin/crosswalk");
    fs::create_dir_all(program.parent().unwrap()).unwrap();
    let _ = fs::remove_file(&program);
    fs::copy(target().join("debug/crosswalk-guide"), &program).unwrap();
    program
}

/// The provider of the guide, played: its address.
fn pocketcrm() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let companies: Arc<Mutex<Vec<Value>>> = Arc::default();
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let companies = Arc::clone(&companies);
            std::thread::spawn(move || while answer(&stream, &companies).is_some() {});
        }
    });
    address
}

/// One call on a connection; none when it is closed.
fn answer(mut stream: &TcpStream, companies: &Mutex<Vec<Value>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    let (mut first, mut length, mut is_known) = (String::new(), 0, false);
    reader.read_line(&mut first).ok().filter(|it| *it > 0)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim().to_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        is_known |= line == "authorization: bearer token-of-pocket";
        if line.is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let mut companies = companies.lock().unwrap();
    let (status, answer) = match first.split(' ').collect::<Vec<_>>().as_slice() {
        _ if !is_known => (401, json!({"error": "unknown", "message": "who is there?"})),
        ["POST", "/v1/companies", _] => {
            let mut company: Value = serde_json::from_slice(&body).ok()?;
            company["id"] = json!(format!("c{}", companies.len() + 1));
            for name in ["created_at", "changed_at"] {
                company[name] = json!("2026-11-23T14:07:03Z");
            }
            companies.push(company.clone());
            (201, company)
        }
        ["GET", target, _] if target.starts_with("/v1/companies?limit=") => {
            (200, json!({"companies": *companies, "next": null}))
        }
        _ => (
            404,
            json!({"error": "not_found", "message": "there is no such thing"}),
        ),
    };
    let text = answer.to_string();
    write!(
        stream,
        "HTTP/1.1 {status} It\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{text}",
        text.len()
    )
    .ok()
}

#[test]
fn a_field_and_a_provider_of_ones_own_are_served_by_a_new_build() {
    let xtask = xtask();
    let (field, provider) = (sources(), sources());

    let (before, after_field) = parts(FIELD, "cargo run -- demo");
    {
        let demo = Demo::start();
        reader(field.path(), &demo)
            .with("XTASK", &xtask.display().to_string())
            .knows(CARGO)
            .follow(before);
    }
    let (before, after_provider) = parts(PROVIDER, "cargo run -- serve");
    let pocket = pocketcrm();
    generator(provider.path(), &xtask)
        .says(
            "    access_token: env:POCKETCRM_TOKEN",
            &format!("    base_url: \"http://{pocket}\"\n    access_token: env:POCKETCRM_TOKEN"),
        )
        .follow(before);

    let program = built(field.path(), provider.path(), &xtask);

    let demo = Demo::start_program(&program, &["demo"]);
    reader(field.path(), &demo)
        .with_program(&program)
        .follow(&(function(FIELD) + after_field));

    let secrets = [
        ("CROSSWALK_KEY", "some-key"),
        ("POCKETCRM_TOKEN", "token-of-pocket"),
    ];
    let served = Process::start_program(
        &program,
        &["serve", "--listen", "127.0.0.1:0"],
        provider.path(),
        &secrets,
    );
    let listening = served.err.wait_for("listening");
    let (_, address) = listening.split_once("127.0.0.1:").unwrap();
    let digits = address.find(|it: char| !it.is_ascii_digit());
    let port = &address[..digits.unwrap_or(address.len())];
    let url = format!("http://127.0.0.1:{port}");
    let reader = Reader::new(provider.path()).with_program(&program);
    secrets
        .iter()
        .fold(reader.with("CROSSWALK_URL", &url), |it, (name, value)| {
            it.with(name, value)
        })
        .with("CROSSWALK_API_KEY", "some-key")
        .follow(after_provider);
}

/// The function that the guide's calls are made with, as a page of its own.
fn function(page: &str) -> String {
    let start = page.find("    api() {").expect("there is a function");
    let end = page[start..].find("\n\n").expect("it ends");
    format!("{}\n\n", &page[start..start + end])
}
