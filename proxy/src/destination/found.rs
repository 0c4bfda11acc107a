//! Whether what is there under a table's name is the table, and what it lacks.
//!
//! Both databases tell what they have as a [`Found`]; what is to be thought of it is decided here once.

use super::{
    Prepared,
    error::DestinationError,
    sql::{Dialect, STREAMS_COLUMNS},
    table::{Kind, OWN, Table},
};

/// The key of a table of records.
pub(super) const KEY: [&str; 2] = ["_connection_id", "id"];
/// The key of the table of cursors.
pub(super) const STREAMS_KEY: [&str; 3] = ["pipeline", "stream", "connection_id"];

/// What a database has under a name.
#[derive(Debug)]
pub(super) struct Found {
    /// Such as "a view"; `None` is a table.
    pub(super) not_a_table: Option<&'static str>,
    pub(super) columns: Vec<FoundColumn>,
    /// Sets of columns that are unique together.
    pub(super) keys: Vec<Vec<String>>,
}

#[derive(Debug)]
pub(super) struct FoundColumn {
    pub(super) name: String,
    /// As [`super::sql::Dialect::column_type`] would write it, if it is one of those.
    pub(super) ty: String,
    /// A new row needs a value for it.
    pub(super) is_required: bool,
}

/// A column that there should be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) kind: Kind,
    pub(super) ty: &'static str,
    /// A table without it was not made by us; it is never added.
    pub(super) is_own: bool,
}

/// The columns to add; or why the table cannot be used.
pub(super) fn missing<'a>(
    table: &str,
    found: &Found,
    wanted: &[Wanted<'a>],
    key: &[&str],
) -> Result<Vec<Wanted<'a>>, DestinationError> {
    let in_the_way = |problem: String| DestinationError::TableInTheWay {
        table: table.to_owned(),
        problem,
    };
    if let Some(what) = found.not_a_table {
        return Err(in_the_way(format!("it is {what}, and no table")));
    }
    let find = |name: &str| {
        found
            .columns
            .iter()
            .find(|column| column.name.eq_ignore_ascii_case(name))
    };
    let mut missing = Vec::new();
    for wanted in wanted {
        match find(wanted.name) {
            None if wanted.is_own => {
                return Err(in_the_way(format!(
                    "it has no column `{}`, so it was not made by crosswalk",
                    wanted.name
                )));
            }
            None => missing.push(*wanted),
            Some(column) if !column.ty.eq_ignore_ascii_case(wanted.ty) => {
                let named = |ty: &str| match ty {
                    "" => "no type".to_owned(),
                    ty => format!("type `{}`", ty.to_ascii_lowercase()),
                };
                return Err(in_the_way(format!(
                    "its column `{}` is of {}, expected {}",
                    wanted.name,
                    named(&column.ty),
                    named(wanted.ty)
                )));
            }
            Some(_) => {}
        }
    }
    let is_known = |name: &str| {
        wanted
            .iter()
            .any(|wanted| wanted.name.eq_ignore_ascii_case(name))
    };
    if let Some(column) = found
        .columns
        .iter()
        .find(|column| column.is_required && !is_known(&column.name))
    {
        return Err(in_the_way(format!(
            "its column `{}` must have a value, and crosswalk has none for it",
            column.name
        )));
    }
    let is_key = |columns: &Vec<String>| {
        columns.len() == key.len()
            && key
                .iter()
                .all(|name| columns.iter().any(|column| column == name))
    };
    if !found.keys.iter().any(is_key) {
        return Err(in_the_way(format!(
            "it has no primary key of the columns {}",
            key.join(" and ")
        )));
    }
    Ok(missing)
}

/// What a table of records is to have.
pub(super) fn wanted_of(dialect: Dialect, table: &Table) -> Vec<Wanted<'_>> {
    table
        .all_columns()
        .map(|(name, kind, _)| Wanted {
            name,
            kind,
            ty: dialect.column_type(kind),
            is_own: OWN.iter().any(|own| own.name == name),
        })
        .collect()
}

/// What the table of cursors is to have.
pub(super) fn wanted_of_streams(dialect: Dialect) -> Vec<Wanted<'static>> {
    STREAMS_COLUMNS
        .iter()
        .map(|(name, kind, _)| Wanted {
            name,
            kind: *kind,
            ty: dialect.column_type(*kind),
            is_own: true,
        })
        .collect()
}

/// What adding these columns is to be called.
pub(super) fn prepared(missing: &[Wanted<'_>]) -> Prepared {
    Prepared {
        created: false,
        added: missing
            .iter()
            .map(|wanted| wanted.name.to_owned())
            .collect(),
    }
}
