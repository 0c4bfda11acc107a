//! The destination of a pipeline, its tables, and which streams are written there.

use serde_json::Value;

use secrecy::{ExposeSecret as _, SecretString};

use super::{input::Streams, progress::Fault};
use crate::{
    capability::ListTable,
    destination::{Column, Kind, Settings, Table},
    error::{Code, Error},
    model::{self, Entity},
    own::Own,
    route::Api,
    store::{self, make_private_folder},
    upstream::provider::Provider,
};

/// The connectors that a pipeline leads to.
pub(super) const DESTINATIONS: [&str; 2] = ["postgres", "sqlite"];
/// Where files are, below the state's folder.
const FOLDER: &str = "destinations";

/// One stream as a pipeline has it.
#[derive(Debug, Clone)]
pub(super) struct Chosen {
    pub(super) entity: &'static Entity,
    pub(super) list: &'static ListTable,
    /// Only these fields; otherwise all.
    pub(super) fields: Option<Vec<String>>,
}

/// How a provider lists an entity, where it does.
pub(super) fn list_of(
    api: &Api,
    provider: &'static Provider,
    entity: &Entity,
) -> Option<&'static ListTable> {
    api.capabilities
        .iter()
        .find(|table| table.provider == provider.name)?
        .entities
        .iter()
        .find(|table| table.name == entity.name)?
        .list
        .as_ref()
}

/// The streams to be read: those that are named and enabled, or all that the provider lists.
pub(super) fn chosen(
    api: &Api,
    provider: &'static Provider,
    streams: Option<&Streams>,
) -> Vec<Chosen> {
    api.entities
        .iter()
        .filter_map(|entity| {
            let list = list_of(api, provider, entity)?;
            let fields = match streams {
                None => None,
                Some(streams) => {
                    let stream = streams.get(entity.name).filter(|it| !it.is_disabled())?;
                    stream.fields.clone()
                }
            };
            Some(Chosen {
                entity,
                list,
                fields,
            })
        })
        .collect()
}

/// The table of a stream, as `crm_account` for `crm.account`.
pub(super) fn table(chosen: &Chosen) -> Result<Table, Fault> {
    let is_chosen = |name: &str| {
        let fields = chosen.fields.as_deref();
        fields.is_none_or(|fields| fields.iter().any(|field| field == name))
    };
    let columns = chosen
        .entity
        .fields
        .iter()
        .filter(|field| is_chosen(field.name))
        .map(|field| Column {
            name: field.name.to_owned(),
            kind: kind(field.kind),
        });
    Table::new(chosen.entity.name.replace('.', "_"), columns).map_err(|error| Fault::from(&error))
}

fn kind(kind: model::Kind) -> Kind {
    match kind {
        model::Kind::Text => Kind::Text,
        model::Kind::Integer => Kind::Integer,
        model::Kind::Number => Kind::Number,
        model::Kind::Boolean => Kind::Boolean,
        model::Kind::Timestamp => Kind::Timestamp,
        model::Kind::Json => Kind::Json,
    }
}

/// What a connection to a destination says of it.
pub(crate) async fn settings(own: &Own, connection: &store::Connection) -> Result<Settings, Error> {
    let secrets = own
        .store()?
        .credentials(connection)
        .await
        .map_err(|error| super::api::store_failed(&error))?;
    let secrets: Value = secrets
        .map(|text| serde_json::from_str(text.expose_secret()))
        .transpose()
        .map_err(|_| missing("settings"))?
        .unwrap_or_default();
    let plain = connection.settings.clone().unwrap_or_default();
    let member = |name: &str| {
        [&secrets, &plain]
            .into_iter()
            .find_map(|object| object[name].as_str().map(str::to_owned))
    };
    match connection.connector_name.as_str() {
        "postgres" => Ok(Settings::Postgres {
            url: SecretString::from(member("url").ok_or_else(|| missing("settings.url"))?),
            schema: member("schema"),
        }),
        "sqlite" => {
            let path = member("path").ok_or_else(|| missing("settings.path"))?;
            let Some(folder) = &own.state.folder else {
                return Err(Error::new(
                    Code::NotImplemented,
                    "this proxy has no folder for destinations that are files; set `state_dir`",
                ));
            };
            let folder = folder.join(FOLDER);
            let made = folder.clone();
            let made = tokio::task::spawn_blocking(move || make_private_folder(&made)).await;
            match made {
                Ok(Ok(())) => Ok(Settings::Sqlite { folder, path }),
                Ok(Err(error)) => Err(Error::new(
                    Code::ServiceUnavailable,
                    format!("the folder of destinations cannot be made: {error}"),
                )),
                Err(error) => Err(Error::new(
                    Code::InternalServerError,
                    "the folder of destinations cannot be made",
                )
                .with_detail(error.to_string())),
            }
        }
        other => Err(Error::new(
            Code::Conflict,
            format!("expected a destination that is a database, found a connection to {other}"),
        )),
    }
}

fn missing(what: &str) -> Error {
    Error::new(
        Code::Conflict,
        format!("the connection to the destination has no {what}; set it"),
    )
}
