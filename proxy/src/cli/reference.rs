//! The reference of the command line, written from what clap knows; proxy/docs/cli.md holds it.

use std::fmt::Write as _;

use clap::Command;

use super::command;

/// Wide enough for most lines of examples, and for a page.
const WIDTH: usize = 110;

/// The whole of it. Operations of `call` are in a table: their parameters are those of the API.
pub(super) fn text() -> String {
    let mut whole = command().term_width(WIDTH);
    whole.build();
    let mut text = String::from(
        "# The command line\n\nWritten by `crosswalk reference` from what the program prints as its help; a test holds it against that.\n\n",
    );
    block(&mut text, whole.clone());
    let subs: Vec<Command> = whole
        .get_subcommands()
        .filter(|sub| is_shown(sub))
        .cloned()
        .collect();
    for sub in subs {
        let _ = write!(text, "\n## {}\n\n", title(&sub));
        if sub.get_name() == "call" {
            call(&mut text, sub);
            continue;
        }
        let below: Vec<Command> = sub
            .get_subcommands()
            .filter(|sub| is_shown(sub))
            .cloned()
            .collect();
        block(&mut text, sub);
        for sub in below {
            let _ = write!(text, "\n### {}\n\n", title(&sub));
            block(&mut text, sub);
        }
    }
    text
}

fn is_shown(command: &Command) -> bool {
    !command.is_hide_set() && command.get_name() != "help"
}

fn title(command: &Command) -> String {
    command
        .get_bin_name()
        .unwrap_or(command.get_name())
        .to_owned()
}

fn block(text: &mut String, mut command: Command) {
    let help = command.render_long_help().to_string();
    let _ = writeln!(text, "```text");
    for line in help.trim_end().lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(text, "```");
}

fn call(text: &mut String, call: Command) {
    let operations: Vec<Command> = call
        .get_subcommands()
        .filter(|sub| is_shown(sub))
        .cloned()
        .collect();
    block(text, call);
    let example = operations
        .iter()
        .find(|operation| operation.get_name() == "crm.account.upsert");
    if let Some(example) = example {
        let _ = write!(text, "\n### {}\n\n", title(example));
        block(text, example.clone());
    }
    text.push_str("\n### What each operation takes\n\n| operation | flags; those that must be there in bold |\n| --- | --- |\n");
    for operation in &operations {
        let flags = operation.get_arguments().filter_map(|argument| {
            let long = argument.get_long()?;
            let is_own =
                argument.get_help_heading() == Some("Parameters") || argument.is_required_set();
            (is_own && long != "help").then(|| {
                if argument.is_required_set() {
                    format!("**`--{long}`**")
                } else {
                    format!("`--{long}`")
                }
            })
        });
        let body = operation
            .get_arguments()
            .any(|argument| argument.get_id() == "data");
        let body = body.then(|| "`--data` or `--set`".to_owned());
        let flags: Vec<String> = flags.chain(body).collect();
        let _ = writeln!(
            text,
            "| `{}` | {} |",
            operation.get_name(),
            flags.join(", ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::{super::nearest, *};

    #[test]
    fn the_reference_is_current() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/cli.md");
        let kept = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            kept == text(),
            "proxy/docs/cli.md is stale; `cargo run --quiet -- reference > proxy/docs/cli.md` writes it anew"
        );
    }

    #[test]
    fn the_command_line_has_no_contradictions() {
        let mut whole = command();
        whole.build();
        whole.debug_assert();
    }

    #[test]
    fn the_help_of_the_program_is_in_groups() {
        insta::assert_snapshot!(command().term_width(WIDTH).render_long_help().to_string());
    }

    /// What clap says of a wrong command line.
    fn refused(arguments: &str) -> String {
        let arguments = std::iter::once("crosswalk").chain(arguments.split(' '));
        let error = command().term_width(WIDTH).try_get_matches_from(arguments);
        nearest::only(error.unwrap_err()).to_string()
    }

    #[test]
    fn slips_are_answered_with_what_was_meant() {
        for (arguments, meant) in [
            ("docter", "'doctor'"),
            ("call crm.acount.list", "'crm.account.list'"),
            (
                "call crm.account.list --connection c --pagesize 5",
                "'--page-size'",
            ),
            (
                "call crm.account.list --connection c --sync-mode ful",
                "'full'",
            ),
            (
                "call crm.account.list --connection c --page-size 0",
                "expected a whole number from 1 on",
            ),
            ("call crm.account.get --connection c", "--id <TEXT>"),
            (
                "call core.connection.get --id acme",
                "expected an id as in conn_…",
            ),
            (
                "call crm.account.create --connection c",
                "--data <JSON|@FILE|->",
            ),
            ("connections chek conn_1", "'check'"),
            ("completions bsh", "'bash'"),
        ] {
            let told = refused(arguments);
            assert!(told.contains(meant), "{arguments}: {told}");
        }
    }
}
