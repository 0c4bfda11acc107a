//! What the processor does for a translator, counted by callgrind: the same in every run, on every machine of a kind.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use crate::{
    Failure,
    rows::say,
    stub::bodies,
    table::{Figure, Goal, Row},
};

/// A translator's work: what it is, its provider, operation and record, the answer, and how many records that has.
struct Work {
    what: &'static str,
    provider: &'static str,
    operation: &'static str,
    id: String,
    answer: serde_json::Value,
    records: u32,
}

/// How often it is done, with and without what is counted: the difference is free of what a process does once.
const FEW: u32 = 5;
const MANY: u32 = 25;

/// Counts for the `translate` example of the proxy.
pub(super) fn rows(translate: &Path) -> Result<Vec<Row>, Failure> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("answer.json");
    let mut rows = Vec::new();
    for work in works() {
        fs::write(&file, work.answer.to_string())?;
        let few = count(translate, &work, &file, FEW)?;
        let many = count(translate, &work, &file, MANY)?;
        let per_call = (many - few) / f64::from(MANY - FEW);
        let per_record = per_call / f64::from(work.records);
        let row = Row {
            note: match work.records {
                1 => String::new(),
                records => format!(
                    "{records} records, {} each",
                    Figure::Instructions(per_record)
                ),
            },
            ..Row::alone(work.what, Figure::Instructions(per_call), Goal::None)
        };
        say(&super::progress(&row));
        rows.push(row);
    }
    Ok(rows)
}

fn works() -> [Work; 4] {
    let contact = bodies::FIRST_CONTACT.to_string();
    let row = bodies::salesforce_id("003", 1);
    [
        Work {
            what: "translate a get, HubSpot",
            provider: "hubspot",
            operation: "crm.contact.get",
            answer: bodies::hubspot_contact(&contact),
            id: contact,
            records: 1,
        },
        Work {
            what: "translate a get, Salesforce",
            provider: "salesforce",
            operation: "crm.contact.get",
            answer: bodies::salesforce_contact(&row),
            id: row,
            records: 1,
        },
        Work {
            what: "translate a page of 100, HubSpot",
            provider: "hubspot",
            operation: "crm.account.list",
            answer: bodies::hubspot_page(),
            id: "-".to_owned(),
            records: 100,
        },
        Work {
            what: "translate a page of 200, Salesforce",
            provider: "salesforce",
            operation: "crm.account.list",
            answer: bodies::salesforce_page(),
            id: "-".to_owned(),
            records: 200,
        },
    ]
}

/// How many instructions so many translations take, with all that a process does once.
fn count(translate: &Path, work: &Work, file: &Path, times: u32) -> Result<f64, Failure> {
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(translate)
        .args([work.provider, work.operation, &work.id])
        .arg(file)
        .arg(times.to_string())
        .stdin(Stdio::null());
    let output = valgrind
        .output()
        .map_err(|error| format!("valgrind does not start; it is a package of its own: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = collected(&said).filter(|_| output.status.success());
    Ok(collected.ok_or_else(|| format!("{valgrind:?}: {}\n{said}", output.status))?)
}

/// What callgrind has counted, as in `==7== Collected : 123456`.
fn collected(said: &str) -> Option<f64> {
    let line = said.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_found_in_what_callgrind_says() {
        let said = "==1== Events    : Ir\n==1== Collected : 4375230\n==1== \n";
        assert_eq!(collected(said), Some(4_375_230.0));
        assert_eq!(collected("==1== Events    : Ir\n"), None);
    }
}
