//! Single rows: read, create, update, delete, upsert (`salesforce.md` §3.1).

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::{Map, Value, json};

use super::{
    describe,
    fault::Fault,
    history, id, number,
    route::Context,
    rules,
    schema::{Field, Object},
    state::{Row, State, is_deleted},
};
use crate::sandbox::http::Reply;

/// A request for a row, wherever it came from: a socket or a composite.
#[derive(Debug)]
pub(super) struct RowCall<'c> {
    pub(super) method: &'c Method,
    /// After `/sobjects/`, still percent-encoded.
    pub(super) path: Vec<&'c str>,
    pub(super) query: Vec<(String, String)>,
    pub(super) body: Option<Value>,
    /// `/services/data/v59.0`.
    pub(super) root: &'c str,
    pub(super) org: Context<'c>,
}

impl RowCall<'_> {
    pub(super) fn handle(&self, state: &mut State) -> Result<Reply, Fault> {
        let segment = |index: usize| {
            self.path
                .get(index)
                .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
                .unwrap_or_default()
        };
        let object = state
            .object(&segment(0))
            .ok_or_else(Fault::not_found)?
            .clone();
        match (self.method.as_str(), self.path.len()) {
            ("POST", 1) => {
                let writing = self.org.writing(self.root);
                let id = state.create(&object.name, self.object_body()?, writing)?;
                let location = format!("{}/sobjects/{}/{id}", self.root, object.name);
                let saved = json!({ "id": id, "success": true, "errors": [] });
                Ok(number::json(StatusCode::CREATED, &saved).with_header("location", &location))
            }
            ("GET", 2) if segment(1) == "describe" => {
                let described = describe::object(state, &object, self.root);
                Ok(describe::unless_known(state, self.org, &described))
            }
            ("GET", 2) if segment(1) == "deleted" => {
                history::deleted(state, &object, &self.query, self.org.now)
            }
            ("GET", 2) if segment(1) == "updated" => {
                history::updated(state, &object, &self.query, self.org.now)
            }
            ("GET", 1) => {
                let about = describe::summary(state, &object, self.root);
                let answer = json!({ "objectDescribe": about, "recentItems": [] });
                Ok(number::json(StatusCode::OK, &answer))
            }
            ("GET", 2) => self.read(state, &object, &segment(1)),
            ("PATCH", 2) => {
                state.update(
                    &object.name,
                    &row_id(&segment(1))?,
                    self.object_body()?,
                    self.org.writing(self.root),
                )?;
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            }
            ("DELETE", 2) => {
                state.delete(&object.name, &row_id(&segment(1))?, self.org.now)?;
                Ok(Reply::empty(StatusCode::NO_CONTENT))
            }
            ("PATCH", 3) => self.upsert(state, &object, &segment(1), &segment(2)),
            (method, 1) => Err(Fault::not_allowed(method, "GET,HEAD,POST")),
            (method, 2) if segment(1) == "describe" => Err(Fault::not_allowed(method, "GET,HEAD")),
            ("POST", 2) if segment(1).eq_ignore_ascii_case("Id") => {
                // For clients that upsert by `Id` and have no value for it.
                let id = state.create(
                    &object.name,
                    self.object_body()?,
                    self.org.writing(self.root),
                )?;
                let saved = json!({ "id": id, "success": true, "errors": [], "created": true });
                Ok(number::json(StatusCode::CREATED, &saved))
            }
            ("GET", 3) => self.by_field(state, &object, &segment(1), &segment(2)),
            (method, 2 | 3) => Err(Fault::not_allowed(method, "DELETE,GET,HEAD,PATCH")),
            _ => Err(Fault::not_found()),
        }
    }

    /// A blob of a row, or a row by an external id.
    fn by_field(
        &self,
        state: &State,
        object: &Object,
        first: &str,
        second: &str,
    ) -> Result<Reply, Fault> {
        if let Some(id) = id::normalize(first)
            && let Some(field) = state.visible(object, second)
            && field.ty == "base64"
        {
            let row = live(state, object, &id)?;
            let bytes = rules::note::blob(row, &field.name);
            return Ok(Reply::text(
                StatusCode::OK,
                "application/octetstream",
                bytes,
            ));
        }
        let field = key(state, object, first)?;
        match matches(state, object, field, second).as_slice() {
            [] => Err(Fault::not_found()),
            [id] => self.read(state, object, id),
            many => Ok(self.several(object, many)),
        }
    }

    /// The addresses of rows that are all meant; no error list.
    fn several(&self, object: &Object, ids: &[String]) -> Reply {
        let addresses: Vec<String> = ids
            .iter()
            .map(|id| format!("{}/sobjects/{}/{id}", self.root, object.name))
            .collect();
        number::json(StatusCode::MULTIPLE_CHOICES, &json!(addresses))
    }

    fn read(&self, state: &State, object: &Object, id: &str) -> Result<Reply, Fault> {
        let id = row_id(id)?;
        let row = live(state, object, &id)?;
        let named = self
            .query
            .iter()
            .find(|(name, _)| name == "fields")
            .map(|(_, names)| names.as_str());
        let fields = fields(state, object, named)?;
        Ok(number::json(
            StatusCode::OK,
            &shown(state, object, row, &fields, self.root),
        ))
    }

    fn upsert(
        &self,
        state: &mut State,
        object: &Object,
        field: &str,
        value: &str,
    ) -> Result<Reply, Fault> {
        let field = key(state, object, field)?.clone();
        let mut values = self.object_body()?.clone();
        if values
            .keys()
            .any(|name| name.eq_ignore_ascii_case(&field.name) || name.eq_ignore_ascii_case("id"))
        {
            let message = format!(
                "The {} field should not be specified in the sobject data.",
                field.name
            );
            return Err(Fault::new(400, "INVALID_FIELD", message).fields(&[&field.name]));
        }
        let found = matches(state, object, &field, value);
        match found.as_slice() {
            [] if self
                .query
                .iter()
                .any(|(name, value)| name == "updateOnly" && value == "true") =>
            {
                Err(Fault::not_found())
            }
            [] if field.ty == "id" => Err(state.gone(&object.name, value)),
            [] => {
                values.insert(field.name.clone(), typed(&field, value));
                let id = state.create(&object.name, &values, self.org.writing(self.root))?;
                Ok(number::json(
                    StatusCode::CREATED,
                    &json!({ "id": id, "success": true, "errors": [], "created": true }),
                ))
            }
            [id] => {
                state.update(&object.name, id, &values, self.org.writing(self.root))?;
                Ok(number::json(
                    StatusCode::OK,
                    &json!({ "id": id, "success": true, "errors": [], "created": false }),
                ))
            }
            many => Ok(self.several(object, many)),
        }
    }

    fn object_body(&self) -> Result<&Map<String, Value>, Fault> {
        self.body
            .as_ref()
            .and_then(Value::as_object)
            .ok_or_else(Fault::no_body)
    }
}

/// A key's value out of an address, as the body of a create would have it.
fn typed(field: &Field, value: &str) -> Value {
    match field.ty.as_str() {
        "int" | "double" | "currency" | "percent" => {
            serde_json::from_str(value).unwrap_or_else(|_| json!(value))
        }
        _ => json!(value),
    }
}

fn row_id(text: &str) -> Result<String, Fault> {
    id::normalize(text).ok_or_else(|| Fault::no_external_id(text))
}

/// A row that can be read.
fn live<'s>(state: &'s State, object: &Object, id: &str) -> Result<&'s Row, Fault> {
    match state.live(&object.name, id) {
        Some(row) => Ok(row),
        None if state.row(&object.name, id).is_some() => Err(Fault::deleted()),
        None => Err(Fault::not_found()),
    }
}

/// A field by which rows are addressed.
pub(super) fn key<'s>(
    state: &'s State,
    object: &'s Object,
    name: &str,
) -> Result<&'s Field, Fault> {
    state
        .visible(object, name)
        .filter(|field| field.id_lookup || field.ty == "id")
        .ok_or_else(|| Fault::no_external_id(name))
}

/// The ids of the rows that have a key's value.
pub(super) fn matches(state: &State, object: &Object, field: &Field, value: &str) -> Vec<String> {
    // An id has a short form as well.
    let full = (field.ty == "id").then(|| id::normalize(value)).flatten();
    let wanted = full.as_deref().unwrap_or(value);
    let rows = state.table(&object.name).filter(|(_, row)| {
        let found = row.get(&field.name).map(|found| match found.as_str() {
            Some(text) => text.eq_ignore_ascii_case(wanted),
            None => !found.is_null() && *found == typed(field, wanted),
        });
        !is_deleted(row) && found == Some(true)
    });
    rows.map(|(id, _)| id.to_owned()).collect()
}

/// The fields named, or all that the user can see.
pub(super) fn fields(
    state: &State,
    object: &Object,
    named: Option<&str>,
) -> Result<Vec<Field>, Fault> {
    let Some(named) = named else {
        let visible = object
            .fields
            .iter()
            .filter(|field| state.visible(object, &field.name).is_some());
        return Ok(visible.cloned().collect());
    };
    let mut fields: Vec<Field> = Vec::new();
    for name in named
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
    {
        let Some(field) = state.visible(object, name) else {
            let fault = Fault::no_such_column(name, &object.name);
            // A row's `fields` are read as a query's of one word.
            return Err(fault.in_query(name, 0));
        };
        if !fields.iter().any(|known| known.name == field.name) {
            fields.push(field.clone());
        }
    }
    Ok(fields)
}

/// A row as it is answered: `attributes` first, then the fields in the order asked.
pub(super) fn shown(
    state: &State,
    object: &Object,
    row: &Row,
    fields: &[Field],
    root: &str,
) -> Value {
    let mut shown = attributes(object, row, root);
    for field in fields {
        let value = shown_value(state, object, field, row, root);
        shown.insert(field.name.clone(), value);
    }
    Value::Object(shown)
}

/// What every row begins with.
pub(super) fn attributes(object: &Object, row: &Row, root: &str) -> Map<String, Value> {
    let id = row.get("Id").and_then(Value::as_str).unwrap_or_default();
    let url = format!("{root}/sobjects/{}/{id}", object.name);
    Map::from_iter([(
        "attributes".to_owned(),
        json!({ "type": object.name, "url": url }),
    )])
}

/// A field's value as it is answered: of a blob, the path where it is.
pub(super) fn shown_value(
    state: &State,
    object: &Object,
    field: &Field,
    row: &Row,
    root: &str,
) -> Value {
    let value = value_of(state, object, field, row);
    if field.ty != "base64" || value.is_null() {
        return value;
    }
    let id = row.get("Id").and_then(Value::as_str).unwrap_or_default();
    json!(format!(
        "{root}/sobjects/{}/{id}/{}",
        object.name, field.name
    ))
}

/// A field's value; a compound address is put together from those of its parts that the user can see.
pub(super) fn value_of(state: &State, object: &Object, field: &Field, row: &Row) -> Value {
    let Some(prefix) = field.address_prefix() else {
        return row.get(&field.name).cloned().unwrap_or(Value::Null);
    };
    let part = |name: &str| {
        let name = format!("{prefix}{name}");
        let value = state
            .visible(object, &name)
            .and_then(|field| row.get(&field.name));
        value.cloned().unwrap_or(Value::Null)
    };
    let address = json!({
        "city": part("City"), "country": part("Country"), "geocodeAccuracy": part("GeocodeAccuracy"),
        "latitude": part("Latitude"), "longitude": part("Longitude"), "postalCode": part("PostalCode"),
        "state": part("State"), "street": part("Street"),
    });
    let is_empty = address
        .as_object()
        .is_some_and(|parts| parts.values().all(Value::is_null));
    if is_empty { Value::Null } else { address }
}
