//! From the bytes of a request to its typed form. A wrong request ends here, with the place and what was expected.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer, de::DeserializeOwned};

use super::{
    entity::RawData, patch::ObjectOnly, query::is_name, record_id::RecordIdForm, scalar::shorten,
    scan, warning::Warnings,
};
use crate::{error::Error, route::UnifiedRequest};

/// The most extra fields that one read may ask for.
pub(crate) const MAX_FIELDS: usize = 500;
/// The most ids of one batch read.
pub(crate) const MAX_IDS: usize = 10_000;
/// The most values of one upsert's key.
pub(crate) const MAX_KEY_VALUES: usize = 100;

/// `GET …?sync_mode&cursor&page_size&fields&raw_data`.
#[derive(Debug)]
pub struct ListRequest {
    pub sync_mode: Option<SyncMode>,
    pub cursor: Option<String>,
    pub page_size: Option<u32>,
    pub fields: Vec<String>,
    pub raw_data: RawData,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncMode {
    Full,
    Incremental,
}

/// `GET …/{id}?fields&raw_data`.
#[derive(Debug)]
pub struct GetRequest<'r> {
    pub id: &'r str,
    pub fields: Vec<String>,
    pub raw_data: RawData,
}

/// `POST …` with `{record}`.
#[derive(Debug, Deserialize)]
#[serde(remote = "Self")]
pub struct CreateRequest<T> {
    pub record: T,
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for CreateRequest<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(ObjectOnly(deserializer))
    }
}

/// `PATCH …/{id}` with `{record}`.
#[derive(Debug)]
pub struct UpdateRequest<'r, T> {
    pub id: &'r str,
    pub record: T,
}

/// `POST …/_batch_read` with `{ids, properties}`.
#[derive(Debug, Deserialize)]
#[serde(remote = "Self")]
pub struct BatchReadRequest {
    pub ids: Vec<String>,
    pub properties: Vec<String>,
}

impl<'de> Deserialize<'de> for BatchReadRequest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(ObjectOnly(deserializer))
    }
}

/// `POST …/_upsert` with `{upsert_on, record}`.
#[derive(Debug, Deserialize)]
#[serde(remote = "Self")]
pub struct UpsertRequest<K, T> {
    pub upsert_on: UpsertOn<K>,
    pub record: T,
}

impl<'de, K: Deserialize<'de>, T: Deserialize<'de>> Deserialize<'de> for UpsertRequest<K, T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(ObjectOnly(deserializer))
    }
}

#[derive(Debug, Deserialize)]
#[serde(remote = "Self")]
pub struct UpsertOn<K> {
    pub key: K,
    pub values: Vec<String>,
}

impl<'de, K: Deserialize<'de>> Deserialize<'de> for UpsertOn<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::deserialize(ObjectOnly(deserializer))
    }
}

pub fn list(request: &UnifiedRequest, warnings: &mut Warnings) -> Result<ListRequest, Error> {
    let query = query(
        request,
        &["sync_mode", "cursor", "page_size", "fields", "raw_data"],
        warnings,
    )?;
    let [sync_mode, cursor, page_size, fields, raw_data] = query;
    Ok(ListRequest {
        sync_mode: match sync_mode {
            None => None,
            Some("full") => Some(SyncMode::Full),
            Some("incremental") => Some(SyncMode::Incremental),
            Some(other) => {
                let message = format!(
                    "expected `full` or `incremental`, found {:?}",
                    shorten(other)
                );
                return Err(Error::issue("query.sync_mode", message));
            }
        },
        // An app that stores the cursor it was given may send back an empty one.
        cursor: cursor
            .filter(|cursor| !cursor.is_empty())
            .map(str::to_owned),
        page_size: page_size.map(read_page_size).transpose()?,
        fields: read_fields("query.fields", fields.unwrap_or_default().split(','))?,
        raw_data: read_raw_data(raw_data)?,
    })
}

fn read_raw_data(asked: Option<&str>) -> Result<RawData, Error> {
    match asked {
        None | Some("full") => Ok(RawData::Full),
        Some("none") => Ok(RawData::None),
        Some(other) => {
            let message = format!("expected `full` or `none`, found {:?}", shorten(other));
            Err(Error::issue("query.raw_data", message))
        }
    }
}

pub fn get<'r>(
    request: &'r UnifiedRequest,
    warnings: &mut Warnings,
) -> Result<GetRequest<'r>, Error> {
    let [fields, raw_data] = query(request, &["fields", "raw_data"], warnings)?;
    Ok(GetRequest {
        id: id(request),
        fields: read_fields("query.fields", fields.unwrap_or_default().split(','))?,
        raw_data: read_raw_data(raw_data)?,
    })
}

pub fn create<T: DeserializeOwned>(
    request: &UnifiedRequest,
    warnings: &mut Warnings,
) -> Result<CreateRequest<T>, Error> {
    let [] = query(request, &[], warnings)?;
    body(&request.body, warnings)
}

pub fn update<'r, T: DeserializeOwned>(
    request: &'r UnifiedRequest,
    warnings: &mut Warnings,
) -> Result<UpdateRequest<'r, T>, Error> {
    let CreateRequest { record } = create(request, warnings)?;
    Ok(UpdateRequest {
        id: id(request),
        record,
    })
}

pub fn batch_read(
    request: &UnifiedRequest,
    warnings: &mut Warnings,
) -> Result<BatchReadRequest, Error> {
    let [] = query(request, &[], warnings)?;
    let mut unknown = Warnings::default();
    let mut read: BatchReadRequest = body(&request.body, &mut unknown)?;
    // The answer is a list, which has no room for a warning.
    if let Some(warning) = unknown.as_slice().first() {
        let path = warning.field.clone().unwrap_or_default();
        return Err(Error::issue(
            path,
            "is not known here; expected `ids` and `properties` only",
        ));
    }
    if read.ids.len() > MAX_IDS {
        return Err(Error::issue(
            "body.ids",
            format!("expected at most {MAX_IDS} ids, found {}", read.ids.len()),
        ));
    }
    read.properties = read_fields(
        "body.properties",
        read.properties.iter().map(String::as_str),
    )?;
    Ok(read)
}

pub fn upsert<K: DeserializeOwned, T: DeserializeOwned>(
    request: &UnifiedRequest,
    warnings: &mut Warnings,
) -> Result<UpsertRequest<K, T>, Error> {
    let [] = query(request, &[], warnings)?;
    let upsert: UpsertRequest<K, T> = body(&request.body, warnings)?;
    let count = upsert.upsert_on.values.len();
    if count == 0 || count > MAX_KEY_VALUES {
        let message = format!("expected 1 to {MAX_KEY_VALUES} values, found {count}");
        return Err(Error::issue("body.upsert_on.values", message));
    }
    Ok(upsert)
}

/// The body of a request that is not about records, held against its type.
pub fn free<T: DeserializeOwned>(
    request: &UnifiedRequest,
    warnings: &mut Warnings,
) -> Result<T, Error> {
    body(&request.body, warnings)
}

/// The id of a record in its normal form. One that can't be an id is not found, without asking.
pub fn record_id(
    form: RecordIdForm,
    prefix: Option<&str>,
    id: &str,
    entity: &str,
) -> Result<String, Error> {
    form.normalize(id, prefix)
        .map(std::borrow::Cow::into_owned)
        .ok_or_else(|| {
            Error::not_found(format!(
                "no {entity} has the id {:?}: it is not of the form that this provider's ids have",
                shorten(id)
            ))
        })
}

fn id(request: &UnifiedRequest) -> &str {
    request
        .path
        .iter()
        .find(|(name, _)| *name == "id")
        .map_or("", |(_, id)| id)
}

/// The values of the query parameters named, each at most once.
fn query<'r, const N: usize>(
    request: &'r UnifiedRequest,
    names: &[&'static str; N],
    warnings: &mut Warnings,
) -> Result<[Option<&'r str>; N], Error> {
    let mut values = [None; N];
    for (name, value) in &request.query {
        match names.iter().position(|known| known == name) {
            Some(index) if values[index].is_some() => {
                return Err(Error::issue(
                    format!("query.{name}"),
                    "expected once, found twice",
                ));
            }
            Some(index) => values[index] = Some(value.as_str()),
            None => warnings.ignored(&format!("query.{}", shorten(name))),
        }
    }
    Ok(values)
}

fn read_page_size(text: &str) -> Result<u32, Error> {
    text.parse().ok().filter(|size| *size > 0).ok_or_else(|| {
        Error::issue(
            "query.page_size",
            format!(
                "expected a whole number from 1 on, found {:?}",
                shorten(text)
            ),
        )
    })
}

fn read_fields<'t>(path: &str, names: impl Iterator<Item = &'t str>) -> Result<Vec<String>, Error> {
    let mut fields = Vec::new();
    for name in names.map(str::trim).filter(|name| !name.is_empty()) {
        if !is_name(name) {
            let message = format!("expected names of native fields, found {:?}", shorten(name));
            return Err(Error::issue(path, message));
        }
        fields.push(name.to_owned());
        if fields.len() > MAX_FIELDS {
            return Err(Error::issue(
                path,
                format!("expected at most {MAX_FIELDS} fields"),
            ));
        }
    }
    Ok(fields)
}

/// A JSON body. Members that are not known are ignored, with a warning each.
fn body<T: DeserializeOwned>(bytes: &[u8], warnings: &mut Warnings) -> Result<T, Error> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Error::issue(
            "body",
            "expected a JSON object, found nothing",
        ));
    }
    // Once for all texts in it, which are taken as they are then.
    let text = scan::checked(bytes).map_err(|error| {
        let at = error.valid_up_to();
        Error::issue("body", format!("is not valid JSON: no UTF-8 at byte {at}"))
    })?;
    let mut json = serde_json::Deserializer::from_str(text);
    let mut ignored = Vec::new();
    let mut note = |path: serde_ignored::Path<'_>| ignored.push(path.to_string());
    let read = T::deserialize(serde_ignored::Deserializer::new(&mut json, &mut note));
    let value = read.map_err(|error| misplaced::<T>(bytes, &error))?;
    json.end()
        .map_err(|error| Error::issue("body", format!("is not valid JSON: {error}")))?;
    for path in ignored {
        warnings.ignored(&format!("body.{}", path.replace(".?", "")));
    }
    Ok(value)
}

/// The fault of a body, with its place. To know the place costs a note of every member on the way: a body is read so only
/// when it is known to have a fault.
#[cold]
fn misplaced<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> Error {
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let read = T::deserialize(serde_ignored::Deserializer::new(
        serde_path_to_error::Deserializer::new(&mut json, &mut track),
        &mut |_| {},
    ));
    body_error(&track.path(), read.as_ref().err().unwrap_or(error))
}

fn body_error(path: &serde_path_to_error::Path, error: &serde_json::Error) -> Error {
    let path = match path.to_string().as_str() {
        "." => "body".to_owned(),
        path => format!("body.{}", path.replace(".?", "")),
    };
    let text = error.to_string();
    // The place is in the path; a line and a column say nothing about a body of one line.
    let text = text
        .rsplit_once(" at line ")
        .map_or(text.as_str(), |(text, _)| text);
    if error.is_syntax() || error.is_eof() {
        return Error::issue("body", format!("is not valid JSON: {error}"));
    }
    let message = ["invalid type: ", "invalid value: "]
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix)?.rsplit_once(", expected "))
        .map_or_else(
            || text.to_owned(),
            |(found, expected)| {
                let (expected, found) = (in_json(expected), in_json(found));
                format!("expected {expected}, found {}", shorten(&found))
            },
        );
    Error::issue(path, message)
}

/// What serde calls a thing, in the words of JSON.
fn in_json(text: &str) -> Cow<'_, str> {
    let known = match text {
        "sequence" | "a sequence" => "a list",
        "map" | "a map" => "an object",
        _ => "",
    };
    if !known.is_empty() {
        return Cow::Borrowed(known);
    }
    for (kind, article) in [
        ("integer `", "the number "),
        ("floating point `", "the number "),
        ("boolean `", ""),
    ] {
        if let Some(value) = text
            .strip_prefix(kind)
            .and_then(|rest| rest.strip_suffix('`'))
        {
            return Cow::Owned(format!("{article}{value}"));
        }
    }
    // `string "x"` is in quotation marks already.
    Cow::Borrowed(text.strip_prefix("string ").unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::translate::patch::{InputNumber, InputObject, Patch, required_nullable};

    #[derive(Debug, Deserialize)]
    #[serde(remote = "Self")]
    struct Address {
        #[serde(deserialize_with = "required_nullable")]
        city: Option<String>,
    }

    #[derive(Debug, Deserialize)]
    struct Record {
        #[serde(default)]
        name: Patch<String>,
        #[serde(default)]
        employees: Patch<InputNumber>,
        #[serde(default)]
        addresses: Patch<Vec<Address>>,
        #[serde(default)]
        passthrough_fields: Patch<InputObject>,
    }

    impl<'de> Deserialize<'de> for Address {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Self::deserialize(ObjectOnly(deserializer))
        }
    }

    fn request(body: &str) -> UnifiedRequest {
        UnifiedRequest {
            path: Vec::new(),
            query: Vec::new(),
            body: Bytes::copy_from_slice(body.as_bytes()),
        }
    }

    fn fault(body: &str) -> String {
        create::<Record>(&request(body), &mut Warnings::default())
            .unwrap_err()
            .message
    }

    /// Covers: wrong-value, json-odd
    #[test]
    fn a_fault_has_its_place_and_what_was_expected() {
        assert_eq!(
            fault(r#"{"record":{"employees":"about 40"}}"#),
            r#"body.record.employees: expected a number, found "about 40""#
        );
        assert_eq!(
            fault(r#"{"record":{"name":5}}"#),
            "body.record.name: expected a string, found the number 5"
        );
        assert_eq!(
            fault(r#"{"record":{"addresses":[{}]}}"#),
            "body.record.addresses[0]: missing field `city`"
        );
        assert_eq!(fault("{}"), "body: missing field `record`");
        assert_eq!(fault(""), "body: expected a JSON object, found nothing");
        assert!(
            fault(r#"{"record":{}} x"#).starts_with("body: is not valid JSON: trailing characters")
        );
        assert!(fault("{\"record\":").starts_with("body: is not valid JSON: EOF"));
    }

    #[test]
    fn a_list_is_not_taken_for_an_object() {
        for (body, told) in [
            ("[{}]", "body: expected an object, found a list"),
            (
                r#"{"record":{"addresses":[["Springfield"]]}}"#,
                "body.record.addresses[0]: expected an object, found a list",
            ),
            (
                r#"{"record":{"addresses":[[]]}}"#,
                "body.record.addresses[0]: expected an object, found a list",
            ),
            (
                r#"{"record":{"addresses":{"city":"x"}}}"#,
                "body.record.addresses: expected a list, found an object",
            ),
            (
                r#"{"record":{"addresses":["x"]}}"#,
                r#"body.record.addresses[0]: expected an object, found "x""#,
            ),
            (
                r#"{"record":{"passthrough_fields":["x"]}}"#,
                "body.record.passthrough_fields: expected an object, found a list",
            ),
            (
                r#"{"record":{"name":true}}"#,
                "body.record.name: expected a string, found true",
            ),
        ] {
            assert_eq!(fault(body), told);
        }
        let request = request(r#"{"upsert_on":["email",["a@b.co"]],"record":{}}"#);
        let error = upsert::<String, Record>(&request, &mut Warnings::default()).unwrap_err();
        assert_eq!(
            error.message,
            "body.upsert_on: expected an object, found a list"
        );
    }

    /// Covers: json-odd
    #[test]
    fn a_native_field_that_is_given_twice_is_refused() {
        assert_eq!(
            fault(r#"{"record":{"passthrough_fields":{"x":1,"y":2,"x":3}}}"#),
            r#"body.record.passthrough_fields: expected each member once, found a second "x""#
        );
    }

    #[test]
    fn absent_null_and_value_are_told_apart() {
        let read = create::<Record>(&request(r#"{"record":{"name":null,"employees":12.50,"addresses":[{"city":null}],"passthrough_fields":{"x":1e400}}}"#), &mut Warnings::default()).unwrap().record;
        assert_eq!(read.name, Patch::Null);
        assert_eq!(
            read.employees,
            Patch::Value(InputNumber("12.50".to_owned()))
        );
        assert_eq!(read.addresses.value().unwrap()[0].city, None);
        assert_eq!(
            read.passthrough_fields.value().unwrap().0["x"].get(),
            "1e400"
        );
    }

    #[test]
    fn unknown_members_are_told() {
        let mut warnings = Warnings::default();
        create::<Record>(
            &request(r#"{"record":{"nmae":"x"},"extra":1}"#),
            &mut warnings,
        )
        .unwrap();
        let fields: Vec<_> = warnings
            .as_slice()
            .iter()
            .map(|warning| warning.field.as_deref().unwrap())
            .collect();
        assert_eq!(fields, ["body.record.nmae", "body.extra"]);
    }

    /// Covers: page-size-odd
    #[test]
    fn page_sizes_are_whole_numbers_from_one_on() {
        for text in ["0", "-1", "1.5", "ten", "99999999999", ""] {
            assert!(read_page_size(text).is_err(), "{text}");
        }
        assert_eq!(read_page_size("100").unwrap(), 100);
    }

    proptest! {
        /// Covers: json-odd
        #[test]
        fn no_body_makes_it_panic(body: Vec<u8>) {
            let request = UnifiedRequest { path: Vec::new(), query: Vec::new(), body: body.into() };
            let _ = create::<Record>(&request, &mut Warnings::default());
        }
    }
}
