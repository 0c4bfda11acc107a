//! `crosswalk doctor`: a list of what was looked at, how it is, and what to do.

use std::{fmt::Write as _, io};

use crosswalk::{
    doctor::{Finding, Options, State, examine},
    route::Api,
};
use serde_json::json;

use super::{
    ConfigArguments, Failure,
    json_text::harmless,
    paint::{Ink, Paint},
    progress::Progress,
    runtime, say,
};

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigArguments,
    /// Send nothing beyond this machine: hosts and connections are left out.
    #[arg(long)]
    offline: bool,
    /// Only this connection, of the configuration or of the store; may be given several times.
    #[arg(long, value_name = "ID")]
    connection: Vec<String>,
    /// Print the findings as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(api: &Api, arguments: Arguments) -> Result<(), Failure> {
    let options = Options {
        is_offline: arguments.offline,
        connections: arguments.connection,
    };
    let layers = arguments.config.layers();
    let findings = runtime()?.block_on(async {
        let mut progress = None;
        let mut tell = |done: usize, total: usize, what: &str| {
            let total = u64::try_from(total).unwrap_or_default();
            let bar = progress.get_or_insert_with(|| Progress::of(total));
            bar.step(&format!("looked at {what}, {done} of {total}"));
        };
        examine(*api, &layers, &options, &mut tell).await
    });
    let worst = worst(&findings);
    if arguments.json {
        let all = json!({ "state": worst, "checks": findings });
        say(&serde_json::to_string_pretty(&all).expect("texts and numbers serialize"))?;
    } else {
        say(&checklist(&findings, Paint::of(&io::stdout())))?;
    }
    match worst {
        State::Ok | State::Skipped => Ok(()),
        State::Warn => Err(Failure::Told(1)),
        State::Fail => Err(Failure::Told(2)),
    }
}

/// What was not looked at is no fault.
fn worst(findings: &[Finding]) -> State {
    let states = findings.iter().map(|finding| finding.state);
    states
        .filter(|state| *state != State::Skipped)
        .max()
        .unwrap_or(State::Ok)
}

fn checklist(findings: &[Finding], paint: Paint) -> String {
    let mut text = String::new();
    let mut group = None;
    for finding in findings {
        if group != Some(finding.group) {
            group = Some(finding.group);
            let between = if text.is_empty() { "" } else { "\n" };
            let _ = writeln!(
                text,
                "{between}{}",
                paint.ink(Ink::Title, finding.group.title())
            );
        }
        let (word, ink) = match finding.state {
            State::Ok => ("ok  ", Ink::Good),
            State::Skipped => ("-   ", Ink::Faint),
            State::Warn => ("warn", Ink::Careful),
            State::Fail => ("fail", Ink::Bad),
        };
        let _ = writeln!(
            text,
            "  {}  {}: {}",
            paint.ink(ink, word),
            harmless(&finding.subject, paint),
            harmless(&finding.message, paint)
        );
        if let Some(help) = &finding.help {
            let _ = writeln!(
                text,
                "        {} {}",
                paint.ink(Ink::Faint, "→"),
                harmless(help, paint)
            );
        }
    }
    let count = |state| {
        findings
            .iter()
            .filter(|finding| finding.state == state)
            .count()
    };
    let _ = write!(
        text,
        "\n{} well, {} to know of, {} to mend, {} not looked at",
        count(State::Ok),
        count(State::Warn),
        count(State::Fail),
        count(State::Skipped)
    );
    text
}

#[cfg(test)]
mod tests {
    use crosswalk::doctor::Group;

    use super::*;

    fn finding(
        group: Group,
        subject: &str,
        state: State,
        message: &str,
        help: Option<&str>,
    ) -> Finding {
        Finding {
            group,
            subject: subject.to_owned(),
            state,
            message: message.to_owned(),
            help: help.map(str::to_owned),
            milliseconds: 1,
        }
    }

    fn findings() -> Vec<Finding> {
        vec![
            finding(
                Group::Configuration,
                "crosswalk.yaml",
                State::Ok,
                "can be read",
                None,
            ),
            finding(
                Group::Machine,
                "clock",
                State::Warn,
                "40 s behind",
                Some("set it"),
            ),
            finding(
                Group::Machine,
                "listen 127.0.0.1:4040",
                State::Ok,
                "free",
                None,
            ),
            finding(
                Group::Connections,
                "acme",
                State::Fail,
                "HubSpot: no",
                Some("connect again"),
            ),
            finding(
                Group::Connections,
                "globex",
                State::Skipped,
                "disabled",
                None,
            ),
        ]
    }

    #[test]
    fn the_list_says_what_to_do_below_each_fault() {
        insta::assert_snapshot!(checklist(&findings(), Paint::PLAIN));
    }

    #[test]
    fn the_worst_counts_and_what_was_left_out_does_not() {
        assert_eq!(worst(&findings()), State::Fail);
        assert_eq!(worst(&findings()[..3]), State::Warn);
        assert_eq!(worst(&findings()[4..]), State::Ok);
    }
}
