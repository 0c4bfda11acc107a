//! Connector configs: the app at a provider that customers consent to, or a kind of database.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    connection,
    connector::{Connector, Parted, merged_settings},
    input::{self, Faults, Query},
    json, kept, must_see_all,
};
use crate::{
    error::Error,
    model::Entity,
    own::{Own, OwnCall},
    store::{self, ConnectorConfigChange, ConnectorConfigInput, Store, new_id, rfc3339},
    translate::patch::Patch,
};

pub(super) const PREFIX: &str = "ccfg_";
const ORG_PREFIX: &str = "org_";
/// What the contract says a pipeline may be changed by; none of it is done here.
const LINKS: [&str; 7] = [
    "unified_banking",
    "unified_ats",
    "unified_accounting",
    "prefix_connector_name",
    "single_table",
    "unified_crm",
    "custom_link_ag",
];

/// A connector config, as far as it is no secret.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ConnectorConfig<'a> {
    created_at: String,
    updated_at: String,
    id: &'a str,
    connector_name: &'a str,
    config: Option<&'a Value>,
    org_id: &'a str,
    display_name: Option<&'a str>,
    disabled: bool,
    default_pipe_out: Option<&'a Value>,
    default_pipe_in: Option<&'a Value>,
    env_name: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Value>,
}

impl<'a> ConnectorConfig<'a> {
    fn new(own: &'a Own, config: &'a store::ConnectorConfig) -> Self {
        Self {
            created_at: rfc3339(config.created_at),
            updated_at: rfc3339(config.updated_at),
            id: &config.id,
            connector_name: &config.connector_name,
            config: config.config.as_ref(),
            org_id: &own.state.org_id,
            display_name: config.display_name.as_deref(),
            disabled: config.disabled,
            default_pipe_out: config.default_pipe_out.as_ref(),
            default_pipe_in: config.default_pipe_in.as_ref(),
            env_name: config.env_name.as_deref(),
            metadata: config.metadata.as_ref(),
        }
    }
}

pub(super) async fn list(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    must_see_all(&call.caller)?;
    let configs = own.store()?.connector_configs().await.map_err(kept)?;
    let configs: Vec<_> = configs
        .iter()
        .map(|it| ConnectorConfig::new(own, it))
        .collect();
    json(&configs)
}

pub(super) async fn get(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    must_see_all(&call.caller)?;
    let id = input::path_id(&call.request, PREFIX)?;
    let config = own.store()?.connector_config(id).await.map_err(kept)?;
    let config = config.ok_or_else(|| unknown(id))?;
    json(&ConnectorConfig::new(own, &config))
}

/// There is no such connector config.
pub(super) fn unknown(id: &str) -> Error {
    Error::not_found(format!("there is no connector config {id}"))
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Upsert {
    id: Option<String>,
    connector_name: Option<String>,
    org_id: String,
    #[serde(default)]
    config: Patch<Map<String, Value>>,
    #[serde(default)]
    display_name: Patch<String>,
    #[serde(default)]
    default_pipe_out: Patch<Map<String, Value>>,
    #[serde(default)]
    default_pipe_in: Patch<Map<String, Value>>,
    disabled: Option<bool>,
}

/// Without an id, or with one that is not there, a connector config is made; otherwise what is given is changed.
pub(super) async fn upsert(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    let store = own.store()?;
    let body: Upsert = input::body(&call.request)?;
    let mut faults = Faults::default();
    body.check(own, store, &mut faults).await?;
    let id = body.id.clone().unwrap_or_else(|| new_id("ccfg"));
    let mut transaction = store.begin().await.map_err(kept)?;
    let old = store
        .locked_connector_config(&mut transaction, &id)
        .await
        .map_err(kept)?;
    let connector = body.connector(own, old.as_ref(), &mut faults);
    let parted = connector.and_then(|it| body.parted(it, old.as_ref(), &mut faults));
    faults.end()?;
    let config = if let Some(old) = old {
        let change = body.change(parted);
        let changed = store
            .update_connector_config_in(&mut transaction, &old, &change)
            .await
            .map_err(kept)?;
        transaction.commit().await.map_err(|it| kept(it.into()))?;
        own.directory.forget_all();
        changed
    } else {
        // The one that makes it has a transaction of its own, and SQLite has one at a time.
        transaction.rollback().await.map_err(|it| kept(it.into()))?;
        let parted = parted.unwrap_or_default();
        let object = |pipe: &Patch<Map<String, Value>>| pipe.value().cloned().map(Value::Object);
        store
            .upsert_connector_config(&ConnectorConfigInput {
                id: &id,
                connector_name: connector.map_or("", Connector::name),
                display_name: body.display_name.value().map(String::as_str),
                disabled: body.disabled.unwrap_or(false),
                config: parted.visible.as_ref(),
                secrets: parted.secret.as_ref(),
                default_pipe_out: object(&body.default_pipe_out).as_ref(),
                default_pipe_in: object(&body.default_pipe_in).as_ref(),
            })
            .await
            .map_err(kept)?
    };
    json(&ConnectorConfig::new(own, &config))
}

impl Upsert {
    /// What can be told without knowing whether the config is there.
    async fn check(&self, own: &Own, store: &Store, faults: &mut Faults) -> Result<(), Error> {
        faults.prefixed("body.id", PREFIX, self.id.as_deref());
        faults.name(
            "body.displayName",
            self.display_name.value().map(String::as_str),
        );
        check_org(own, &self.org_id, faults);
        for (pipe, path, is_source) in [
            (&self.default_pipe_out, "body.defaultPipeOut", false),
            (&self.default_pipe_in, "body.defaultPipeIn", true),
        ] {
            let end = check_pipe(own.api.entities, pipe.value(), path, faults);
            check_end(own, store, end, is_source, faults).await?;
        }
        Ok(())
    }

    /// What it is a config of. That never changes.
    fn connector(
        &self,
        own: &Own,
        old: Option<&store::ConnectorConfig>,
        faults: &mut Faults,
    ) -> Option<Connector> {
        const PATH: &str = "body.connectorName";
        let name = self.connector_name.as_deref();
        let named = name.and_then(|name| Connector::read(&own.api, PATH, name, faults));
        match (old, named) {
            (Some(old), Some(named)) if old.connector_name != named.name() => {
                faults.add(
                    PATH,
                    format!(
                        "{} is a config of `{}`; a config's connector cannot be changed",
                        old.id, old.connector_name
                    ),
                );
                None
            }
            // It may be of a provider that this version does not have; then its config cannot be checked.
            (Some(old), _) => Connector::named(&own.api, &old.connector_name),
            (None, named) => {
                if name.is_none() {
                    let message = match &self.id {
                        Some(id) => {
                            format!("is missing; there is no connector config {id}, so one is made")
                        }
                        None => "is missing; a new connector config needs it".to_owned(),
                    };
                    faults.add(PATH, message);
                }
                named
            }
        }
    }

    /// The config as it will be, where it is given: members replace those that are there, null removes one.
    fn parted(
        &self,
        connector: Connector,
        old: Option<&store::ConnectorConfig>,
        faults: &mut Faults,
    ) -> Option<Parted> {
        let had = old.and_then(|old| old.config.as_ref());
        let whole = match &self.config {
            Patch::Absent => return None,
            Patch::Null => Map::new(),
            Patch::Value(given) => merged_settings(had, given.clone()),
        };
        Some(connector.config(whole, faults))
    }

    fn change(self, parted: Option<Parted>) -> ConnectorConfigChange {
        // The secret stays unless there is another, or null in its place or for the whole.
        let is_removed = match &self.config {
            Patch::Absent => false,
            Patch::Null => true,
            Patch::Value(config) => config.get("client_secret").is_some_and(Value::is_null),
        };
        let mut change = ConnectorConfigChange {
            display_name: input::change(self.display_name),
            disabled: self.disabled,
            default_pipe_out: input::change(self.default_pipe_out).map(|it| it.map(Value::Object)),
            default_pipe_in: input::change(self.default_pipe_in).map(|it| it.map(Value::Object)),
            ..ConnectorConfigChange::default()
        };
        if let Some(parted) = parted {
            if parted.secret.is_some() || is_removed {
                change.secrets = Some(parted.secret);
            }
            change.config = Some(parted.visible);
        }
        change
    }
}

fn check_org(own: &Own, org: &str, faults: &mut Faults) {
    faults.prefixed("body.orgId", ORG_PREFIX, Some(org));
    if org.starts_with(ORG_PREFIX) && org != own.state.org_id {
        faults.add(
            "body.orgId",
            format!(
                "expected {}, the organisation that this installation is for",
                own.state.org_id
            ),
        );
    }
}

/// `defaultPipeOut` and `defaultPipeIn` have the same members but for the other end. Where that is, and its id.
fn check_pipe(
    entities: &[Entity],
    pipe: Option<&Map<String, Value>>,
    path: &str,
    faults: &mut Faults,
) -> Option<(String, String)> {
    let pipe = pipe?;
    let mut members = input::Members::new(path, pipe.clone());
    let other_end = if path.ends_with("Out") {
        if let Some(streams) = members.object("streams", faults) {
            streams.flags(faults);
            for name in streams.names() {
                if !entities.iter().any(|entity| entity.name == name) {
                    let names: Vec<_> = entities.iter().map(|entity| entity.name).collect();
                    faults.add(
                        streams.at(name),
                        format!(
                            "expected one of {}{}",
                            names.join(", "),
                            input::did_you_mean(name, &names)
                        ),
                    );
                }
            }
        }
        "destination_id"
    } else {
        "source_id"
    };
    for (index, link) in members
        .texts("links", faults)
        .unwrap_or_default()
        .iter()
        .enumerate()
    {
        if !LINKS.contains(&link.as_str()) {
            faults.add(
                format!("{path}.links[{index}]"),
                format!(
                    "expected one of {}{}",
                    LINKS.join(", "),
                    input::did_you_mean(link, &LINKS)
                ),
            );
        }
    }
    let id = members.text(other_end, faults);
    if id.is_none() && other_end == "source_id" {
        faults.add(members.at(other_end), "is missing");
    }
    let at = members.at(other_end);
    faults.prefixed(&at, connection::PREFIX, id.as_deref());
    members.finish(faults);
    id.filter(|id| id.starts_with(connection::PREFIX))
        .map(|id| (at, id))
}

/// The other end of a pipeline must be there, and be what it is to be.
async fn check_end(
    own: &Own,
    store: &Store,
    end: Option<(String, String)>,
    is_source: bool,
    faults: &mut Faults,
) -> Result<(), Error> {
    let Some((path, id)) = end else {
        return Ok(());
    };
    let Some(found) = store.connection(&id).await.map_err(kept)? else {
        faults.add(path, "no connection has this id");
        return Ok(());
    };
    let connector = Connector::named(&own.api, &found.connector_name);
    if connector.is_some_and(|it| it.is_source() != is_source) {
        let expected = if is_source {
            "expected a connection to a provider, found one to a database"
        } else {
            "expected a connection to a database, found one to a provider"
        };
        faults.add(path, expected);
    }
    Ok(())
}

pub(super) async fn update(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Body {
        #[serde(default)]
        metadata: Patch<Value>,
        #[serde(default)]
        display_name: Patch<String>,
        disabled: Option<bool>,
    }
    call.caller.must_be_admin()?;
    let id = input::path_id(&call.request, PREFIX)?;
    let body: Body = input::body(&call.request)?;
    let mut faults = Faults::default();
    faults.name(
        "body.displayName",
        body.display_name.value().map(String::as_str),
    );
    faults.end()?;
    let change = ConnectorConfigChange {
        display_name: input::change(body.display_name),
        disabled: body.disabled,
        metadata: input::metadata(body.metadata),
        ..ConnectorConfigChange::default()
    };
    let changed = own
        .store()?
        .update_connector_config(id, &change)
        .await
        .map_err(kept)?;
    let config = changed.ok_or_else(|| unknown(id))?;
    own.directory.forget_all();
    json(&ConnectorConfig::new(own, &config))
}

pub(super) async fn delete(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    let id = input::path_id(&call.request, PREFIX)?;
    let deleted = own
        .store()?
        .delete_connector_config(id)
        .await
        .map_err(kept)?;
    if deleted {
        json(&Map::new())
    } else {
        Err(unknown(id))
    }
}

/// What a customer may know of a connector config.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    id: &'a str,
    env_name: Option<&'a str>,
    display_name: Option<&'a str>,
    connector_name: &'a str,
    is_source: bool,
    is_destination: bool,
    verticals: Vec<&'static str>,
    integrations: [&'static str; 0],
}

pub(super) async fn infos(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    let mut query = Query::new(&call.request);
    let kind = query.one_of("type", &["source", "destination"]);
    let id = query.prefixed("id", PREFIX);
    let connector_name = query.text("connectorName");
    query.end()?;
    let configs = own.store()?.connector_configs().await.map_err(kept)?;
    let infos: Vec<_> = configs
        .iter()
        .filter(|config| !config.disabled)
        .filter(|config| id.is_none_or(|id| id == config.id))
        .filter(|config| connector_name.is_none_or(|name| name == config.connector_name))
        .filter_map(|config| {
            // One of a provider that this version does not have is of no use to anybody.
            let connector = Connector::named(&own.api, &config.connector_name)?;
            let is_source = connector.is_source();
            if kind.is_some_and(|kind| (kind == "source") != is_source) {
                return None;
            }
            Some(Info {
                id: &config.id,
                env_name: config.env_name.as_deref(),
                display_name: config.display_name.as_deref(),
                connector_name: &config.connector_name,
                is_source,
                is_destination: !is_source,
                verticals: connector.verticals(&own.api),
                integrations: [],
            })
        })
        .collect();
    json(&infos)
}
