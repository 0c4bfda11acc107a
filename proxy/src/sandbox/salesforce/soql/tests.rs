use proptest::prelude::*;
use serde_json::{Map, json};

use super::*;

const ROOT: &str = "/services/data/v59.0";

fn state() -> State {
    let mut state = State::new();
    for (name, website) in [
        ("Acme", "http://www.Acme.com/"),
        ("O'Dell \\ Sons", "odell.example"),
        ("50% Off_Shop", "shop.example"),
    ] {
        let mut values = Map::new();
        values.insert("Name".to_owned(), json!(name));
        values.insert("Website".to_owned(), json!(website));
        state
            .create("Account", &values, "2024-01-31T12:34:56.000+0000")
            .unwrap();
    }
    state
}

fn names(query: &str) -> Result<Vec<String>, String> {
    run(&state(), query, false, ROOT)
        .map(|found| {
            found
                .rows
                .iter()
                .map(|row| row["Name"].as_str().unwrap_or_default().to_owned())
                .collect()
        })
        .map_err(|fault| {
            format!(
                "{} {}",
                fault.body[0]["errorCode"].as_str().unwrap(),
                fault.body[0]["message"].as_str().unwrap()
            )
        })
}

#[test]
fn text_is_compared_without_regard_to_case() {
    assert_eq!(
        names("SELECT Name FROM Account WHERE Website IN ('HTTP://www.acme.com/', 'x')").unwrap(),
        ["Acme"]
    );
    assert_eq!(
        names("select NAME from ACCOUNT where name = 'acme'").unwrap(),
        ["Acme"]
    );
}

#[test]
fn quotes_and_backslashes_are_escaped() {
    assert_eq!(
        names(r"SELECT Name FROM Account WHERE Name = 'O\'Dell \\ Sons'").unwrap(),
        [r"O'Dell \ Sons"]
    );
    assert_eq!(
        names(r"SELECT Name FROM Account WHERE Name LIKE '50\% off\_%'").unwrap(),
        ["50% Off_Shop"]
    );
}

#[test]
fn the_errors_are_salesforces() {
    let error = names("SELECT foo FROM Account").unwrap_err();
    assert!(
        error.starts_with("INVALID_FIELD \nSELECT foo FROM Account\n       ^\nERROR at Row:1:Column:8\nNo such column 'foo' on entity 'Account'."),
        "{error}"
    );
    assert!(
        names("SELECT Name FROM Nothing")
            .unwrap_err()
            .starts_with("INVALID_TYPE")
    );
    for query in [
        "SELECT FROM Account",
        "SELECT Name",
        "SELECT Name FROM Account WHERE",
        "SELECT Name FROM Account WHERE Name = 'a",
        "SELECT Name FROM Account LIMIT x",
        r"SELECT Name FROM Account WHERE Name = '\q'",
        "SELECT Name FROM Account WHERE Name IN ()",
    ] {
        assert!(
            names(query).unwrap_err().starts_with("MALFORMED_QUERY"),
            "{query}"
        );
    }
    assert!(
        names("SELECT Name, name FROM Account")
            .unwrap_err()
            .contains("duplicate field selected: Name")
    );
    assert!(
        names("SELECT Name FROM Account WHERE Description = 'x'")
            .unwrap_err()
            .contains("can not be filtered")
    );
}

#[test]
fn literals_have_the_type_of_their_field() {
    assert!(
        names("SELECT Name FROM Account WHERE SystemModstamp > '2024-01-31T12:34:56Z'")
            .unwrap_err()
            .contains("must be of type dateTime and should not be enclosed in quotes")
    );
    assert!(
        names("SELECT Name FROM Account WHERE SystemModstamp > 2024-01-31T12:34:56.000+0000")
            .is_err()
    );
    assert_eq!(
        names("SELECT Name FROM Account WHERE SystemModstamp >= 2024-01-31T13:34:56+01:00")
            .unwrap()
            .len(),
        3
    );
    assert_eq!(
        names("SELECT Name FROM Account WHERE SystemModstamp > 2024-01-31T12:34:56Z")
            .unwrap()
            .len(),
        0
    );
    assert!(
        names("SELECT Name FROM Account WHERE Id > 'abc'")
            .unwrap_err()
            .starts_with("INVALID_QUERY_FILTER_OPERATOR")
    );
}

proptest! {
    /// Any text, escaped as the reference says, means itself.
    #[test]
    fn an_escaped_text_means_itself(text: String) {
        let mut escaped = String::new();
        for character in text.chars() {
            match character {
                '\\' => escaped.push_str("\\\\"),
                '\'' => escaped.push_str("\\'"),
                '\n' => escaped.push_str("\\n"),
                '\r' => escaped.push_str("\\r"),
                other => escaped.push(other),
            }
        }
        let query = format!("SELECT Name FROM Account WHERE Name = '{escaped}'");
        let parsed = parser::parse(&query).map_err(|fault| TestCaseError::fail(fault.body.to_string()))?;
        let Some(Condition::All(parts)) = parsed.condition else { return Err(TestCaseError::fail("a condition")) };
        let Condition::Compare(comparison) = &parts[0] else { return Err(TestCaseError::fail("a comparison")) };
        prop_assert_eq!(&comparison.values, &vec![Literal::Text(text)]);
    }
}
