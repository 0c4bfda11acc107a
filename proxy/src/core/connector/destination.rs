//! The settings of databases.

use serde_json::{Map, json};
use url::Url;

use super::Parted;
use crate::core::input::{Faults, Members};

/// As long as PostgreSQL's own names.
const LONGEST_SCHEMA: usize = 63;
const LONGEST_PATH: usize = 200;

/// A URL is secret as a whole: it may have a password in many places.
pub(super) fn postgres(mut members: Members, has_credentials: bool, faults: &mut Faults) -> Parted {
    let url = members.text("url", faults);
    match &url {
        Some(url) => {
            let is_fit = Url::parse(url).is_ok_and(|url| {
                matches!(url.scheme(), "postgres" | "postgresql") && url.fragment().is_none()
            });
            if !is_fit {
                faults.add(
                    members.at("url"),
                    "expected a URL as in postgres://user:password@host:5432/database",
                );
            }
        }
        None if has_credentials => {}
        None => faults.add(
            members.at("url"),
            "is missing; expected a URL as in postgres://user:password@host:5432/database",
        ),
    }
    let schema = members.text("schema", faults);
    if schema.as_ref().is_some_and(|it| it.len() > LONGEST_SCHEMA) {
        faults.add(
            members.at("schema"),
            format!("expected a name of at most {LONGEST_SCHEMA} bytes"),
        );
    }
    members.finish(faults);
    Parted {
        visible: schema.map(|schema| json!({ "schema": schema })),
        secret: url.map(|url| json!({ "url": url }).to_string().into()),
    }
}

pub(super) fn sqlite(mut members: Members, faults: &mut Faults) -> Parted {
    let path = members.text("path", faults);
    let mut visible = Map::new();
    match path {
        None => faults.add(
            members.at("path"),
            "is missing; expected a file's name as in customers.db",
        ),
        Some(path) if is_below(&path) => {
            visible.insert("path".to_owned(), path.into());
        }
        Some(_) => faults.add(
            members.at("path"),
            format!(
                "expected a file's name of at most {LONGEST_PATH} letters, digits, `.`, `_` and `-`, folders before it with `/`; all are below the state directory"
            ),
        ),
    }
    members.finish(faults);
    Parted {
        visible: (!visible.is_empty()).then(|| visible.into()),
        secret: None,
    }
}

/// Whether a path stays in its folder, whatever is there.
fn is_below(path: &str) -> bool {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "._-/".contains(character);
    path.len() <= LONGEST_PATH
        && path.chars().all(is_plain)
        // Those would be taken for another database's.
        && !["-wal", "-shm", "-journal"].iter().any(|end| path.ends_with(end))
        && path
            .split('/')
            .all(|name| !name.is_empty() && name.bytes().any(|byte| byte != b'.'))
}
