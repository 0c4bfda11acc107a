//! Scripts that drive Chromium: those in `tests/browser`.
//!
//! `tests/browser/install` puts what drives it into `target/browser`; no test installs anything. Where that or Chromium
//! is missing a test says so and passes; but where `CI` is set it fails.

use std::{
    fs,
    io::{Read, Seek, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/browser");
/// Where Debian, others and the environment have it.
const CHROMIUMS: [&str; 4] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
    "/snap/bin/chromium",
];
/// They take half a minute; one that hangs must not hang the tests.
const LONGEST: Duration = Duration::from_mins(5);

/// Runs a script with what `settings` gives it, which is asked for only where there is a browser. `log` is what the
/// proxy has printed, for who looks at a failure.
///
/// # Panics
///
/// When the script is not content.
pub(crate) fn drive<T>(
    script: &str,
    stage: impl FnOnce() -> (T, Vec<(&'static str, String)>),
    log: impl FnOnce(&T) -> String,
) {
    let chromium = match found() {
        Ok(chromium) => chromium,
        Err(missing) => {
            assert!(
                std::env::var_os("CI").is_none(),
                "{script} cannot run: {missing}"
            );
            // Not by a macro: what those print is shown of failed tests only.
            let _ = writeln!(
                std::io::stderr(),
                "\nNOT TESTED: {script} in a browser: {missing}\n"
            );
            return;
        }
    };
    let (stage, settings) = stage();
    let own = tempfile::tempdir().unwrap();
    // Who wants to look at the pictures says where they go.
    let pictures = std::env::var_os("CROSSWALK_TEST_SCREENSHOTS")
        .map_or_else(|| own.path().to_owned(), PathBuf::from);
    fs::create_dir_all(&pictures).unwrap();
    let mut printed = tempfile::tempfile().unwrap();
    let file = || Stdio::from(printed.try_clone().unwrap());
    let mut child = Command::new("node")
        .arg(Path::new(SCRIPTS).join(script))
        .env("BROWSER_LIBRARIES", libraries())
        .env("CHROMIUM", chromium)
        .envs(settings)
        .env("SCREENSHOTS", &pictures)
        // What it makes for the browser goes with the test.
        .env("TMPDIR", own.path())
        // Loopback is reached directly, whatever the machine's proxy.
        .env("NO_PROXY", "*")
        .env("no_proxy", "*")
        .stdin(Stdio::null())
        .stdout(file())
        .stderr(file())
        .spawn()
        .unwrap();
    let until = Instant::now() + LONGEST;
    let status = loop {
        match child.try_wait().unwrap() {
            Some(status) => break Some(status),
            None if Instant::now() > until => {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    let mut text = String::new();
    printed.rewind().unwrap();
    printed.read_to_string(&mut text).unwrap();
    match status {
        None => panic!("{script} did not end within {LONGEST:?}:\n{text}"),
        Some(status) => assert!(
            status.success(),
            "{script}, {status}:\n{text}\n{}",
            log(&stage)
        ),
    }
    // A script that ends early with success has shown nothing.
    assert!(text.contains("all as expected"), "{text}");
}

/// The browser, where all that the script needs is there.
fn found() -> Result<PathBuf, String> {
    let pinned = fs::read(Path::new(SCRIPTS).join("package-lock.json")).unwrap();
    let installed = libraries().join("node_modules/package-lock.json");
    let help = "tests/browser/install installs it";
    match fs::read(&installed) {
        Err(error) => return Err(format!("{}: {error}; {help}", installed.display())),
        Ok(found) if found != pinned => {
            return Err(format!(
                "{} is of other versions; {help}",
                installed.display()
            ));
        }
        Ok(_) => {}
    }
    let node = Command::new("node")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !node.is_ok_and(|status| status.success()) {
        return Err("Node.js is not installed".to_owned());
    }
    let named = std::env::var_os("CHROMIUM").map(PathBuf::from);
    named
        .into_iter()
        .chain(CHROMIUMS.map(PathBuf::from))
        .find(|path| path.exists())
        .ok_or_else(|| "Chromium is not installed; CHROMIUM may say where it is".to_owned())
}

/// The same folder as in the script that installs them.
fn libraries() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into());
    root.join(target).join("browser")
}
