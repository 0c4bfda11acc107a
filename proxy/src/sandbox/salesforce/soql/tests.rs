use proptest::prelude::*;
use serde_json::{Map, json};

use super::syntax::{Condition, Literal, Values};
use super::*;
use crate::sandbox::salesforce::state::Writing;

const NOW: &str = "2024-01-31T12:34:56.000+0000";
const SCOPE: Scope<'_> = Scope {
    api: Api::Data,
    deleted_too: false,
    now: NOW,
    root: "/services/data/v59.0",
};

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
        state.create("Account", &values, Writing::at(NOW)).unwrap();
    }
    state
}

fn names(query: &str) -> Result<Vec<String>, String> {
    run(&state(), query, SCOPE)
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
fn the_word_at_fault_is_marked_where_it_stands() {
    let mark = |query: &str| {
        let error = names(query).unwrap_err();
        let column = error.split("Column:").nth(1).unwrap();
        column.split('\n').next().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(mark("SELECT Website FROM Account WHERE Website = 5"), 35);
    assert_eq!(mark("SELECT Id FROM Account ORDER BY nothing"), 33);
    assert_eq!(
        mark("SELECT Description FROM Account WHERE Description = 'x'"),
        39
    );
    assert_eq!(
        names("SELECT Id,\n  foo FROM Account")
            .unwrap_err()
            .lines()
            .last(),
        Some(
            "No such column 'foo' on entity 'Account'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name. Please reference your WSDL or the describe call for the appropriate names."
        )
    );
    assert!(
        names("SELECT Id,\n  foo FROM Account")
            .unwrap_err()
            .contains("ERROR at Row:2:Column:3\n")
    );
}

#[test]
fn orders_conditions_and_windows_are_kept() {
    let named = |rest: &str| names(&format!("SELECT Name FROM Account {rest}")).unwrap();
    assert_eq!(
        named("ORDER BY Name DESC"),
        ["O'Dell \\ Sons", "Acme", "50% Off_Shop"]
    );
    assert_eq!(named("ORDER BY Name LIMIT 1 OFFSET 1"), ["Acme"]);
    assert_eq!(
        named("WHERE (Name = 'acme' OR Website LIKE 'shop%') AND NOT Name = 'x' ORDER BY Name"),
        ["50% Off_Shop", "Acme"]
    );
    assert_eq!(
        named("WHERE Name NOT IN ('Acme', 'x') AND Name < 'b'"),
        ["50% Off_Shop"]
    );
    assert_eq!(named("WHERE Phone != null").len(), 0);
    assert_eq!(named("WHERE Phone = null AND IsDeleted = false").len(), 3);
    for (query, code) in [
        (
            "WHERE Name = 'a' OR Name = 'b' AND Name = 'c'",
            "MALFORMED_QUERY",
        ),
        ("ORDER BY Description", "INVALID_FIELD"),
        ("WHERE NumberOfEmployees > inf", "MALFORMED_QUERY"),
        (
            "WHERE NumberOfEmployees LIKE 5",
            "INVALID_QUERY_FILTER_OPERATOR",
        ),
        ("WHERE NumberOfEmployees = '5'", "INVALID_FIELD"),
        ("WHERE IsDeleted = 'true'", "INVALID_FIELD"),
        (
            "WHERE LastActivityDate > 2024-01-31T12:34:56Z",
            "INVALID_FIELD",
        ),
        ("WHERE CreatedDate > 2024-01-31", "INVALID_FIELD"),
        ("LIMIT 1 OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE"),
    ] {
        let error = names(&format!("SELECT Name FROM Account {query}")).unwrap_err();
        assert!(error.starts_with(code), "{query}: {error}");
    }
}

#[test]
fn nulls_stand_where_they_are_told_to() {
    let mut state = state();
    let values = json!({"Name": "Blank"});
    state
        .create("Account", values.as_object().unwrap(), Writing::at(NOW))
        .unwrap();
    for (order, index) in [
        ("Website NULLS LAST", 3),
        ("Website DESC NULLS LAST", 3),
        ("Website NULLS FIRST", 0),
        ("Website DESC NULLS FIRST", 0),
    ] {
        let query = format!("SELECT Name FROM Account ORDER BY {order}");
        let found = run(&state, &query, SCOPE).unwrap();
        assert_eq!(found.rows[index]["Name"], "Blank", "{order}");
    }
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

#[test]
fn a_wildcard_is_one_unless_it_is_escaped() {
    let mut state = State::new();
    for name in [r"a\b", "ab", r"a\%", "a%", "axb"] {
        let values = json!({"Name": name});
        state
            .create("Account", values.as_object().unwrap(), Writing::at(NOW))
            .unwrap();
    }
    let like = |pattern: &str| -> Vec<String> {
        let query = format!("SELECT Name FROM Account WHERE Name LIKE '{pattern}' ORDER BY Id");
        let found = run(&state, &query, SCOPE).unwrap();
        let name = |row: &Value| row["Name"].as_str().unwrap().to_owned();
        found.rows.iter().map(name).collect()
    };
    assert_eq!(like(r"a\\b"), [r"a\b"]);
    assert_eq!(like(r"a\\%"), [r"a\b", r"a\%"]);
    assert_eq!(like(r"a\\\%"), [r"a\%"]);
    assert_eq!(like(r"a\%"), ["a%"]);
    assert_eq!(like("A_B"), [r"a\b", "axb"]);
    assert!(
        run(
            &state,
            r"SELECT Name FROM Account WHERE Name = 'a\%'",
            SCOPE
        )
        .is_err()
    );
}

#[test]
fn every_escape_has_its_meaning() {
    let query = r#"SELECT Id FROM Account WHERE Name = '\n\r\t\b\f\"\'\\\u0041'"#;
    let parsed = parser::parse(query).unwrap();
    let Some(Condition::All(parts)) = parsed.condition else {
        panic!("a condition")
    };
    let Condition::Compare(comparison) = &parts[0] else {
        panic!("a comparison")
    };
    let meant = "\n\r\t\u{8}\u{c}\"'\\A".to_owned();
    let Values::Literals(literals) = &comparison.values else {
        panic!("literals");
    };
    assert_eq!(literals, &[Literal::Text(meant)]);
    for wrong in [r"\a", r"\u00", r"\u+041", "\\"] {
        let query = format!("SELECT Id FROM Account WHERE Name = '{wrong}'");
        assert!(parser::parse(&query).is_err(), "{wrong}");
    }
}

proptest! {
    /// Any text, escaped as the reference says, means itself.
    #[test]
    fn an_escaped_text_means_itself(text in r"(\PC|[\n\r\t\x08\x0c'%_\\]){0,40}") {
        let mut escaped = String::new();
        for character in text.chars() {
            match character {
                '\\' => escaped.push_str("\\\\"),
                '\'' => escaped.push_str("\\'"),
                '\n' => escaped.push_str("\\n"),
                '\r' => escaped.push_str("\\r"),
                '\t' => escaped.push_str("\\t"),
                '\u{8}' => escaped.push_str("\\b"),
                '\u{c}' => escaped.push_str("\\f"),
                other => escaped.push(other),
            }
        }
        let query = format!("SELECT Name FROM Account WHERE Name = '{escaped}'");
        let parsed = parser::parse(&query).map_err(|fault| TestCaseError::fail(fault.body.to_string()))?;
        let Some(Condition::All(parts)) = parsed.condition else { return Err(TestCaseError::fail("a condition")) };
        let Condition::Compare(comparison) = &parts[0] else { return Err(TestCaseError::fail("a comparison")) };
        let Values::Literals(literals) = &comparison.values else { return Err(TestCaseError::fail("literals")) };
        prop_assert_eq!(literals, &vec![Literal::Text(text)]);
    }
}
