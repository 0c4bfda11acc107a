//! The rows, and the rules by which they are written.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    fault::Fault,
    id,
    locators::Locators,
    schema::{Field, Object, Schema, standard},
};

/// A row: the values of its fields by their canonical names. What is not there is null.
pub(super) type Row = BTreeMap<String, Value>;

/// All that changes.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) schema: Schema,
    /// By object, then by id.
    pub(super) rows: BTreeMap<String, BTreeMap<String, Row>>,
    /// Objects' fields that the user cannot see.
    pub(super) hidden: BTreeMap<String, Vec<String>>,
    /// Queries' answers that go on.
    pub(super) locators: Locators,
    next: u64,
}

/// The user whom the sandbox's tokens belong to.
pub(super) const USER_NUMBER: u64 = 1;

impl State {
    pub(super) fn new() -> Self {
        Self {
            schema: standard(),
            rows: BTreeMap::new(),
            hidden: BTreeMap::new(),
            locators: Locators::default(),
            next: 100,
        }
    }

    pub(super) fn object(&self, name: &str) -> Option<&Object> {
        self.schema.get(&name.to_ascii_lowercase())
    }

    /// A field that the user can see.
    pub(super) fn visible<'s>(&'s self, object: &'s Object, name: &str) -> Option<&'s Field> {
        let hidden = self
            .hidden
            .get(&object.name)
            .is_some_and(|hidden| hidden.iter().any(|it| it.eq_ignore_ascii_case(name)));
        object.field(name).filter(|_| !hidden)
    }

    pub(super) fn user_id() -> String {
        id::make("005", USER_NUMBER)
    }

    pub(super) fn insert_raw(&mut self, object: &str, number: u64, mut row: Row) -> String {
        let prefix = self
            .object(object)
            .map_or("000", |object| object.prefix.as_str());
        let id = id::make(prefix, number);
        row.insert("Id".to_owned(), json!(id));
        self.rows
            .entry(object.to_owned())
            .or_default()
            .insert(id.clone(), row);
        id
    }

    /// A row that is not deleted.
    pub(super) fn live(&self, object: &str, id: &str) -> Option<&Row> {
        self.rows
            .get(object)?
            .get(id)
            .filter(|row| row.get("IsDeleted") != Some(&json!(true)))
    }

    /// Creates a row. `now` is a datetime in Salesforce's form.
    pub(super) fn create(
        &mut self,
        object: &str,
        values: &Map<String, Value>,
        now: &str,
    ) -> Result<String, Fault> {
        let object = self.object(object).ok_or_else(Fault::not_found)?.clone();
        let mut row = self.checked(&object, values, true)?;
        let missing: Vec<&str> = object
            .fields
            .iter()
            .filter(|field| {
                field.createable
                    && !field.nillable
                    && !field.defaulted
                    && field.ty != "boolean"
                    && !is_set(&row, &field.name)
            })
            .map(|field| field.name.as_str())
            .collect();
        if !missing.is_empty() {
            let message = format!("Required fields are missing: [{}]", missing.join(", "));
            return Err(Fault::new(400, "REQUIRED_FIELD_MISSING", message).fields(&missing));
        }
        for field in &object.fields {
            if field.ty == "boolean" {
                row.entry(field.name.clone()).or_insert(json!(false));
            }
            if field.name == "OwnerId" && !is_set(&row, "OwnerId") {
                row.insert("OwnerId".to_owned(), json!(Self::user_id()));
            }
        }
        for name in ["CreatedDate", "LastModifiedDate", "SystemModstamp"] {
            row.insert(name.to_owned(), json!(now));
        }
        for name in ["CreatedById", "LastModifiedById"] {
            row.insert(name.to_owned(), json!(Self::user_id()));
        }
        compute_name(&object, &mut row);
        self.next += 1;
        Ok(self.insert_raw(&object.name, self.next, row))
    }

    /// Changes a row.
    pub(super) fn update(
        &mut self,
        object: &str,
        id: &str,
        values: &Map<String, Value>,
        now: &str,
    ) -> Result<(), Fault> {
        let object = self.object(object).ok_or_else(Fault::not_found)?.clone();
        if self.live(&object.name, id).is_none() {
            return Err(self.gone(&object.name, id));
        }
        let changes = self.checked(&object, values, false)?;
        for (name, value) in &changes {
            let required = object.field(name).is_some_and(|field| !field.nillable);
            if required && value.is_null() {
                let message = format!("Required fields are missing: [{name}]");
                return Err(Fault::new(400, "REQUIRED_FIELD_MISSING", message).fields(&[name]));
            }
        }
        if let Some(row) = self
            .rows
            .get_mut(&object.name)
            .and_then(|rows| rows.get_mut(id))
        {
            row.extend(changes);
            row.insert("LastModifiedDate".to_owned(), json!(now));
            row.insert("SystemModstamp".to_owned(), json!(now));
            compute_name(&object, row);
        }
        Ok(())
    }

    pub(super) fn delete(&mut self, object: &str, id: &str, now: &str) -> Result<(), Fault> {
        let object = self.object(object).ok_or_else(Fault::not_found)?;
        let (name, deletable) = (object.name.clone(), object.deletable);
        if self.live(&name, id).is_none() {
            return Err(self.gone(&name, id));
        }
        if !deletable {
            // That users cannot be deleted is documented, the words are not; the code is the likeliest one.
            let message = format!(
                "insufficient access rights on object id: {}",
                id.get(..15).unwrap_or(id)
            );
            return Err(Fault::new(400, "INSUFFICIENT_ACCESS_OR_READONLY", message).fields(&[]));
        }
        if let Some(row) = self.rows.get_mut(&name).and_then(|rows| rows.get_mut(id)) {
            row.insert("IsDeleted".to_owned(), json!(true));
            row.insert("SystemModstamp".to_owned(), json!(now));
        }
        Ok(())
    }

    fn gone(&self, object: &str, id: &str) -> Fault {
        if self
            .rows
            .get(object)
            .is_some_and(|rows| rows.contains_key(id))
        {
            Fault::new(404, "ENTITY_IS_DELETED", "entity is deleted").fields(&[])
        } else {
            Fault::new(
                404,
                "INVALID_CROSS_REFERENCE_KEY",
                "invalid cross reference id",
            )
            .fields(&[])
        }
    }

    /// The values of a write by their canonical names, or what is wrong with them.
    fn checked(
        &self,
        object: &Object,
        values: &Map<String, Value>,
        creates: bool,
    ) -> Result<Row, Fault> {
        let mut row = Row::new();
        for (name, value) in values {
            if name == "attributes" {
                continue;
            }
            let Some(field) = self.visible(object, name) else {
                let message = format!("No such column '{name}' on sobject of type {}", object.name);
                return Err(Fault::new(400, "INVALID_FIELD", message));
            };
            if !(if creates {
                field.createable
            } else {
                field.updateable
            }) {
                let message = format!(
                    "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is read/write for your profile or permission set.",
                    field.name
                );
                return Err(Fault::new(400, "INVALID_FIELD_FOR_INSERT_UPDATE", message)
                    .fields(&[&field.name]));
            }
            row.insert(field.name.clone(), self.checked_value(field, value)?);
        }
        Ok(row)
    }

    fn checked_value(&self, field: &Field, value: &Value) -> Result<Value, Fault> {
        let wrong = |expected: &str| {
            Err(Fault::unparsable(format!(
                "Cannot deserialize instance of {expected} from {} value {} or request may be missing a required field at [line:1, column:1]",
                kind(value),
                value
                    .as_str()
                    .map_or_else(|| value.to_string(), str::to_owned)
            )))
        };
        let text = value.as_str();
        if value.is_null() || text == Some("") {
            return Ok(Value::Null);
        }
        let (expected, fits) = match field.ty.as_str() {
            "boolean" => ("boolean", value.is_boolean()),
            "int" => ("int", value.is_i64() || value.is_u64()),
            "double" | "currency" | "percent" => ("double", value.is_number()),
            "date" => (
                "date",
                text.is_some_and(|text| {
                    text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok()
                }),
            ),
            "datetime" => match text.and_then(datetime) {
                Some(normal) => return Ok(json!(normal)),
                None => ("datetime", false),
            },
            _ => ("string", text.is_some()),
        };
        match (fits, text) {
            (false, _) => wrong(expected),
            (true, Some(text)) if field.ty == "reference" => self.checked_reference(field, text),
            (true, Some(text)) if field.ty != "date" => checked_text(field, text),
            (true, _) => Ok(value.clone()),
        }
    }

    fn checked_reference(&self, field: &Field, text: &str) -> Result<Value, Fault> {
        // Ids of objects that the sandbox does not play may have any prefix.
        let may_be = |id: &String| {
            let objects = field.reference_to.iter().map(|name| self.object(name));
            let prefixes: Option<Vec<&str>> = objects
                .map(|object| object.map(|object| object.prefix.as_str()))
                .collect();
            prefixes.is_none_or(|known| {
                known.is_empty() || known.iter().any(|prefix| id.starts_with(prefix))
            })
        };
        let Some(id) = id::normalize(text).filter(may_be) else {
            let message = format!("{}: id value of incorrect type: {text}", field.label);
            return Err(Fault::new(400, "MALFORMED_ID", message).fields(&[&field.name]));
        };
        let known = field.reference_to.iter().any(|object| {
            // Objects that the sandbox does not play are taken on trust.
            self.object(object)
                .is_none_or(|object| self.live(&object.name, &id).is_some())
        });
        if known || field.reference_to.is_empty() {
            Ok(json!(id))
        } else {
            let message = format!(
                "insufficient access rights on cross-reference id: {}",
                &id[..15]
            );
            Err(Fault::new(
                400,
                "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
                message,
            )
            .fields(&[]))
        }
    }
}

fn checked_text(field: &Field, text: &str) -> Result<Value, Fault> {
    if field.length > 0 && text.chars().count() > field.length {
        let shown: String = text.chars().take(80).collect();
        let message = format!(
            "{}: data value too large: {shown} (max length={})",
            field.label, field.length
        );
        return Err(Fault::new(400, "STRING_TOO_LONG", message).fields(&[&field.name]));
    }
    if field.ty == "email" {
        let legal = text.split_once('@').is_some_and(|(local, domain)| {
            !local.is_empty() && domain.contains('.') && !text.contains(char::is_whitespace)
        });
        if !legal {
            let message = format!("{}: invalid email address: {text}", field.label);
            return Err(Fault::new(400, "INVALID_EMAIL_ADDRESS", message).fields(&[&field.name]));
        }
    }
    if field.restricted && !field.values.iter().any(|value| value == text) {
        let message = format!(
            "{}: bad value for restricted picklist field: {text}",
            field.label
        );
        return Err(
            Fault::new(400, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message)
                .fields(&[&field.name]),
        );
    }
    Ok(json!(text))
}

/// A written datetime, `…Z`, `…+01:00` or `…+0000`, in whole seconds as rows have it.
fn datetime(text: &str) -> Option<String> {
    let instant: jiff::Timestamp = text.parse().ok()?;
    let whole = jiff::Timestamp::from_second(instant.as_second()).ok()?;
    Some(whole.strftime("%Y-%m-%dT%H:%M:%S.000+0000").to_string())
}

fn compute_name(object: &Object, row: &mut Row) {
    if object.field("LastName").is_some()
        && object.field("Name").is_some_and(|name| !name.createable)
    {
        let part = |name| {
            row.get(name)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let name = format!("{} {}", part("FirstName"), part("LastName"))
            .trim()
            .to_owned();
        row.insert("Name".to_owned(), json!(name));
    }
}

fn is_set(row: &Row, name: &str) -> bool {
    row.get(name).is_some_and(|value| !value.is_null())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "VALUE_NULL",
        Value::Bool(true) => "VALUE_TRUE",
        Value::Bool(false) => "VALUE_FALSE",
        Value::Number(_) => "VALUE_NUMBER",
        Value::String(_) => "VALUE_STRING",
        Value::Array(_) => "START_ARRAY",
        Value::Object(_) => "START_OBJECT",
    }
}
