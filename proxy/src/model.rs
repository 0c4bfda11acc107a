//! The entities of the unified API as data, for those who keep their records in tables. Codegen writes the table from
//! `specs/unified.yaml`; it is at [`crate::route::Api::entities`].
//!
//! Custom objects are not among them: their fields are the customer's own, and differ from one connection to the next.

/// An entity whose records can be listed.
#[derive(Debug)]
pub struct Entity {
    /// As in `crm.account`.
    pub name: &'static str,
    /// The operation that lists its records, as in `crm.account.list`.
    pub list: &'static str,
    /// All fields of a record in the order of the contract, but for `raw_data`, the native record. `id` is among them.
    pub fields: &'static [Field],
}

/// A field of a record, under its name on the wire.
#[derive(Debug)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// Whether every record has it, never null.
    pub always: bool,
}

/// What a field's values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Enumerations and days without a time are text as well.
    Text,
    Integer,
    /// Any JSON number.
    Number,
    Boolean,
    /// An instant, as text by RFC 3339.
    Timestamp,
    /// An object or a list.
    Json,
}

impl Entity {
    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{generated::API, route::ServedBy};

    #[test]
    fn every_listable_entity_has_a_list_that_a_provider_answers() {
        let names: Vec<&str> = API.entities.iter().map(|entity| entity.name).collect();
        assert_eq!(
            names,
            [
                "crm.account",
                "crm.contact",
                "crm.lead",
                "crm.opportunity",
                "crm.note",
                "crm.user"
            ]
        );
        for entity in API.entities {
            let mut routes = API.routes.iter();
            let route = routes.find(|route| route.operation == entity.list).unwrap();
            assert_eq!(route.served_by, ServedBy::Provider);
            assert!(!route.path.contains('{'), "{}", route.path);
        }
    }

    #[test]
    fn every_entity_has_an_id_and_the_time_of_its_last_change() {
        for entity in API.entities {
            for (name, kind) in [("id", Kind::Text), ("updated_at", Kind::Timestamp)] {
                let field = entity.field(name).unwrap();
                assert_eq!((field.kind, field.always), (kind, true), "{}", entity.name);
            }
            assert!(entity.field("raw_data").is_none());
        }
    }

    #[test]
    fn a_field_is_of_the_kind_that_the_contract_says() {
        let account = API.entity("crm.account").unwrap();
        for (name, kind) in [
            ("name", Kind::Text),
            ("lifecycle_stage", Kind::Text),
            ("number_of_employees", Kind::Number),
            ("is_deleted", Kind::Boolean),
            ("created_at", Kind::Timestamp),
            ("addresses", Kind::Json),
        ] {
            let field = account.field(name).unwrap();
            assert_eq!((field.kind, field.always), (kind, false), "{name}");
        }
        // A day, and no instant.
        let closes = API
            .entity("crm.opportunity")
            .unwrap()
            .field("close_date")
            .unwrap();
        assert_eq!(closes.kind, Kind::Text);
    }
}
