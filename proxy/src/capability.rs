//! What a connection can do, as data: codegen writes it from the same mappings as the translators, `GET /capabilities`
//! shows it.
//!
//! Nothing here is looked at by any other call.

use serde::Serialize;

use crate::{
    config::Limits,
    route::{Api, ServedBy},
    translate::decode::{MAX_FIELDS, MAX_IDS, MAX_KEY_VALUES},
    upstream::provider::{Effect, Provider},
};

/// Why most fields are not written: no provider is asked to.
pub const READ_ONLY: &str = "The unified API has it for reading only.";
/// Why a field of the input is not read.
pub const WRITE_ONLY: &str = "The unified API has it for writing only.";

/// What one provider has of the unified API.
#[derive(Debug)]
pub struct Capabilities {
    /// Whose they are: [`Provider::name`].
    pub provider: &'static str,
    /// The unified operations that it has.
    pub operations: &'static [&'static str],
    pub entities: &'static [EntityTable],
    pub native_objects: &'static [NativeObjectName],
    /// Whether calls may name further objects, which the provider is asked for.
    pub looks_up_objects: bool,
}

/// An object of the provider that calls may be about.
#[derive(Debug, Serialize)]
pub struct NativeObjectName {
    /// As the provider calls it.
    pub name: &'static str,
    /// As callers may.
    pub called: &'static [&'static str],
}

/// One unified entity at one provider.
#[derive(Debug, Serialize)]
pub struct EntityTable {
    /// As in `crm.account`.
    pub name: &'static str,
    /// The native object that its records are; where calls name the object, what all of those have in common.
    pub native_object: &'static str,
    pub fields: &'static [Field],
    pub list: Option<ListTable>,
    pub batch_read: Option<BatchTable>,
    pub upsert: Option<UpsertTable>,
}

/// What becomes of one unified field.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are answers to questions of their own"
)]
pub struct Field {
    pub name: &'static str,
    pub read: bool,
    /// Whether a new record gets it.
    pub create: bool,
    /// Whether a record that exists can be given another.
    pub update: bool,
    /// The native fields behind it.
    pub native_fields: &'static [&'static str],
    /// Of a list of typed entries: the types that there are.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub entries: &'static [&'static str],
    /// Whether only records have it that were merged into others; it is null in all others.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_of_merged: bool,
    /// Why it is not read or not written; none where it is both.
    pub reason: Option<&'static str>,
}

impl Field {
    /// A field that is neither read nor written, until more is said.
    pub const fn of(name: &'static str, native_fields: &'static [&'static str]) -> Self {
        Self {
            name,
            read: false,
            create: false,
            update: false,
            native_fields,
            entries: &[],
            only_of_merged: false,
            reason: None,
        }
    }

    #[must_use]
    pub const fn read(mut self) -> Self {
        self.read = true;
        self
    }

    #[must_use]
    pub const fn create(mut self) -> Self {
        self.create = true;
        self
    }

    #[must_use]
    pub const fn update(mut self) -> Self {
        self.update = true;
        self
    }

    #[must_use]
    pub const fn entries(mut self, entries: &'static [&'static str]) -> Self {
        self.entries = entries;
        self
    }

    #[must_use]
    pub const fn only_of_merged(mut self) -> Self {
        self.only_of_merged = true;
        self
    }

    #[must_use]
    pub const fn because(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }
}

/// How an entity is listed.
#[derive(Debug, Serialize)]
pub struct ListTable {
    pub page_size_default: u32,
    pub page_size_max: u32,
    /// Whether the provider tells what has changed since a cursor.
    pub incremental: bool,
    /// How far a list of changes reaches back into the one before it.
    pub overlap_seconds: u32,
    /// What lists of changes tell of records that were deleted.
    pub deleted: Told,
    /// The same of records that were merged into others.
    pub merged: Told,
}

/// Whether lists of changes tell something of a record.
#[derive(Debug, Serialize)]
pub struct Told {
    pub told: bool,
    /// The unified field that tells.
    pub field: Option<&'static str>,
    /// Why it is not told, or of which records it is not told all the same.
    pub reason: Option<&'static str>,
}

impl Told {
    pub const fn by(field: &'static str) -> Self {
        Self {
            told: true,
            field: Some(field),
            reason: None,
        }
    }

    #[must_use]
    pub const fn except(mut self, reason: &'static str) -> Self {
        self.reason = Some(reason);
        self
    }

    pub const fn not(reason: &'static str) -> Self {
        Self {
            told: false,
            field: None,
            reason: Some(reason),
        }
    }
}

/// How records are read by their ids.
#[derive(Debug, Serialize)]
pub struct BatchTable {
    /// More are split into several native calls.
    pub ids_per_native_call: usize,
}

/// How records are matched.
#[derive(Debug, Serialize)]
pub struct UpsertTable {
    pub keys: &'static [&'static str],
    pub refused_keys: &'static [RefusedKey],
}

/// A key of the unified API that the provider cannot match by.
#[derive(Debug, Serialize)]
pub struct RefusedKey {
    pub key: &'static str,
    pub reason: &'static str,
}

#[derive(Serialize)]
struct Answer<'a> {
    connection_id: &'a str,
    provider: AnswerProvider<'a>,
    operations: Vec<AnswerOperation>,
    entities: &'static [EntityTable],
    native_objects: &'static [NativeObjectName],
    looks_up_objects: bool,
    limits: AnswerLimits,
}

#[derive(Serialize)]
struct AnswerProvider<'a> {
    name: &'static str,
    title: &'static str,
    api_version: &'a str,
}

#[derive(Serialize)]
struct AnswerOperation {
    id: &'static str,
    method: &'static str,
    path: &'static str,
    writes: bool,
    mapped: bool,
}

#[derive(Serialize)]
struct AnswerLimits {
    batch_read_ids: usize,
    upsert_values: usize,
    extra_fields: usize,
    request_body_bytes: usize,
    response_body_bytes: usize,
    header_bytes: usize,
    connections: usize,
    calls_in_flight: usize,
    native_calls_side_by_side: usize,
    request_timeout_milliseconds: u128,
    body_timeout_milliseconds: u128,
    idle_timeout_milliseconds: u128,
    native_timeout_milliseconds: u128,
    connect_timeout_milliseconds: u128,
    token_timeout_milliseconds: u128,
}

/// What a connection of a provider can do, as JSON. A provider without tables has no operation mapped.
pub fn answer(
    api: &Api,
    provider: &'static Provider,
    api_version: &str,
    connection_id: &str,
    limits: &Limits,
) -> Result<Vec<u8>, serde_json::Error> {
    let mut tables = api.capabilities.iter();
    let table = tables.find(|table| table.provider == provider.name);
    let routes = api.routes.iter();
    let for_providers = routes.filter(|route| route.served_by == ServedBy::Provider);
    let operations = for_providers.map(|route| AnswerOperation {
        id: route.operation,
        method: route.method.as_str(),
        path: route.path,
        writes: route.effect == Effect::Write,
        mapped: table.is_some_and(|table| table.operations.contains(&route.operation)),
    });
    serde_json::to_vec(&Answer {
        connection_id,
        provider: AnswerProvider {
            name: provider.name,
            title: provider.title,
            api_version,
        },
        operations: operations.collect(),
        entities: table.map_or(&[], |table| table.entities),
        native_objects: table.map_or(&[], |table| table.native_objects),
        looks_up_objects: table.is_some_and(|table| table.looks_up_objects),
        limits: told(limits),
    })
}

fn told(limits: &Limits) -> AnswerLimits {
    AnswerLimits {
        batch_read_ids: MAX_IDS,
        upsert_values: MAX_KEY_VALUES,
        extra_fields: MAX_FIELDS,
        request_body_bytes: limits.request_body_bytes,
        response_body_bytes: limits.response_body_bytes,
        header_bytes: limits.header_bytes,
        connections: limits.connections,
        calls_in_flight: limits.calls_in_flight,
        native_calls_side_by_side: limits.native_calls_side_by_side,
        request_timeout_milliseconds: limits.request_timeout.as_millis(),
        body_timeout_milliseconds: limits.body_timeout.as_millis(),
        idle_timeout_milliseconds: limits.idle_timeout.as_millis(),
        native_timeout_milliseconds: limits.native_timeout.as_millis(),
        connect_timeout_milliseconds: limits.connect_timeout.as_millis(),
        token_timeout_milliseconds: limits.token_timeout.as_millis(),
    }
}
