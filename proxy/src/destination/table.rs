//! What a table of unified records looks like, and the names that it may have.

use super::error::DestinationError;

/// The longest name that PostgreSQL does not cut.
const LONGEST_NAME: usize = 63;

/// What a column holds. How each database spells it is in `sql`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Text,
    /// 64 bits.
    Integer,
    /// Any decimal number, to its last digit.
    Number,
    Boolean,
    /// An instant, to the microsecond.
    Timestamp,
    /// A day.
    Date,
    Json,
}

/// A unified field as a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub kind: Kind,
}

/// A table: one for an entity, shared by all connections. Its names have been checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    name: String,
    columns: Vec<Column>,
}

/// A column that every table has besides those of its entity. Those with an underscore are in no unified model.
#[derive(Debug, Clone, Copy)]
pub(super) struct Own {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) is_required: bool,
}

/// By these a table is known as ours.
pub(super) const OWN: [Own; 8] = [
    own("id", Kind::Text, true),
    own("raw_data", Kind::Json, false),
    own("_connection_id", Kind::Text, true),
    own("_customer_id", Kind::Text, true),
    own("_deleted", Kind::Boolean, true),
    own("_deleted_at", Kind::Timestamp, false),
    own("_synced_at", Kind::Timestamp, true),
    own("_generation", Kind::Integer, true),
];

const fn own(name: &'static str, kind: Kind, is_required: bool) -> Own {
    Own {
        name,
        kind,
        is_required,
    }
}

impl Table {
    /// A table of this name, as in `crm_account`, with a column for each field. `id` and `raw_data` are in every table
    /// and may be among the columns or not. Names are lower case letters, digits and underscores.
    pub fn new(
        name: impl Into<String>,
        columns: impl IntoIterator<Item = Column>,
    ) -> Result<Self, DestinationError> {
        let name = name.into();
        check_name("table", &name)?;
        let mut checked: Vec<Column> = Vec::new();
        for column in columns {
            check_name("column", &column.name)?;
            if checked.iter().any(|other| other.name == column.name) {
                let reason = format!("`{}` is a column of `{name}` twice", column.name);
                return Err(DestinationError::Settings { reason });
            }
            if !matches!(column.name.as_str(), "id" | "raw_data") {
                checked.push(column);
            }
        }
        Ok(Self {
            name,
            columns: checked,
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// The columns of the entity's fields, without those that every table has.
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// All columns in the order in which a new table has them, and whether they must have a value.
    pub(super) fn all_columns(&self) -> impl Iterator<Item = (&str, Kind, bool)> {
        let own = |own: &'static Own| (own.name, own.kind, own.is_required);
        let fields = self
            .columns
            .iter()
            .map(|column| (column.name.as_str(), column.kind, false));
        OWN[..1]
            .iter()
            .map(own)
            .chain(fields)
            .chain(OWN[1..].iter().map(own))
    }
}

fn check_name(what: &str, name: &str) -> Result<(), DestinationError> {
    let is_legal = name.len() <= LONGEST_NAME
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if is_legal {
        return Ok(());
    }
    Err(DestinationError::Settings {
        reason: format!(
            "`{name}` cannot be the name of a {what}: expected at most {LONGEST_NAME} lower case letters, digits and \
             underscores, beginning with a letter"
        ),
    })
}

/// Checks a schema's name, which a user chose: any name that needs no escaping and is not PostgreSQL's own.
pub(super) fn check_schema(name: &str) -> Result<(), DestinationError> {
    let is_legal = (1..=LONGEST_NAME).contains(&name.len())
        && name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let lower = name.to_ascii_lowercase();
    if is_legal && !lower.starts_with("pg_") && lower != "information_schema" {
        return Ok(());
    }
    Err(DestinationError::Settings {
        reason: "schema: expected at most 63 letters, digits and underscores, beginning with a letter, and not one of \
                 PostgreSQL's own (`pg_…`, `information_schema`)"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str) -> Column {
        Column {
            name: name.to_owned(),
            kind: Kind::Text,
        }
    }

    #[test]
    fn names_that_need_escaping_are_refused() {
        for name in ["", "A", "_a", "1a", "a\"b", "a b", "a.b", &"a".repeat(64)] {
            assert!(Table::new(name, []).is_err(), "{name}");
            assert!(Table::new("t", [column(name)]).is_err(), "{name}");
        }
        assert!(Table::new("t", [column("a"), column("a")]).is_err());
    }

    #[test]
    fn what_every_table_has_may_be_listed() {
        let table = Table::new("t", [column("id"), column("a"), column("raw_data")]).unwrap();
        assert_eq!(table.columns(), [column("a")]);
        let names: Vec<&str> = table.all_columns().map(|(name, ..)| name).collect();
        assert_eq!(names[..4], ["id", "a", "raw_data", "_connection_id"]);
    }

    #[test]
    fn schemas_are_checked() {
        for name in ["crm", "_x", "Sales2"] {
            assert!(check_schema(name).is_ok(), "{name}");
        }
        for name in [
            "",
            "pg_catalog",
            "PG_x",
            "information_schema",
            "a\"",
            "a-b",
            "ä",
            &"a".repeat(64),
        ] {
            assert!(check_schema(name).is_err(), "{name}");
        }
    }
}
