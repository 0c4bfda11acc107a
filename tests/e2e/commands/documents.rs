//! `crosswalk openapi`, `completions`, `man`, and the help of every command.

use crosswalk_tests::exchange;

use super::*;

#[test]
fn the_document_is_the_same_in_both_forms() {
    let document = json_of(&run(&["openapi"], &[]));
    let yaml = run(&["openapi", "--format", "yaml"], &[]);
    assert_eq!(yaml.code, 0);
    let yaml: Value = serde_saphyr::from_str(&yaml.out).unwrap();
    assert_eq!(document, yaml);
    assert_eq!(document["openapi"], "3.0.3");
}

#[test]
fn every_shell_gets_a_script_that_it_can_read() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = run(&["completions", shell], &[]);
        assert_eq!(ran.code, 0, "{shell}");
        assert!(
            ran.out.contains("crm.account.list"),
            "{shell} completes operations"
        );
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script");
        std::fs::write(&path, &ran.out).unwrap();
        // Where the shell is there, it says whether it is one of its own.
        if ["bash", "zsh", "fish"].contains(&shell)
            && let Ok(output) = Command::new(shell).arg("-n").arg(&path).output()
        {
            assert!(
                output.status.success(),
                "{shell}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[test]
fn each_command_has_a_page_and_a_help_with_examples() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("man");
    let ran = run(&["man", "--out", out.to_str().unwrap()], &[]);
    assert_eq!(ran.code, 0, "{}", ran.err);
    let page = |name: &str| std::fs::read_to_string(out.join(name)).unwrap();
    assert!(page("crosswalk.1").contains("Exit codes"));
    for command in [
        "serve",
        "demo",
        "sandbox",
        "check-config",
        "print-config",
        "example-config",
        "schema",
        "doctor",
        "connections",
        "keys",
        "pipelines",
        "call",
        "openapi",
        "completions",
        "version",
    ] {
        assert!(
            page(&format!("crosswalk-{command}.1")).starts_with(".ie"),
            "{command}"
        );
        let help = run(&[command, "--help"], &[]);
        assert_eq!(help.code, 0, "{command}");
        assert!(
            help.out.contains("Examples:") || command == "version",
            "{command}: {}",
            help.out
        );
    }
    let operation = run(&["call", "crm.account.upsert", "--help"], &[]).out;
    for words in [
        "--connection",
        "[env: CROSSWALK_CONNECTION]",
        "--set record.name=value",
        "POST /unified/crm/account/_upsert",
    ] {
        assert!(operation.contains(words), "{words}: {operation}");
    }
}

#[test]
fn a_sandbox_is_filled_before_it_starts() {
    let mut sandbox = Process::start(
        &["sandbox", "--any-port", "--fill", "3000"],
        &std::env::temp_dir(),
        &[],
    );
    sandbox.out.wait_for("Ctrl-C");
    let printed = sandbox.out.text();
    let urls = printed
        .lines()
        .filter_map(|line| line.trim().strip_prefix("url"));
    for (url, object) in urls.zip(["contacts", "Contact"]) {
        let address = url.trim().strip_prefix("http://").unwrap();
        let target = format!("/_sandbox/records?object={object}&fields=&limit=10000");
        let page = exchange(address, "GET", &target, "", None);
        let rows = page.body["records"]
            .as_array()
            .unwrap_or_else(|| panic!("{}", page.text));
        assert!(rows.len() >= 3000, "{object}: {}", rows.len());
    }
    sandbox.terminate();
    assert_eq!(sandbox.exit_code(), 0);
    let wrong = run(&["sandbox", "--fill", "-1"], &[]);
    assert_eq!(wrong.code, 2);
}
