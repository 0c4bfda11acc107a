//! The end of a connection.

use serde::Serialize;

use super::{PREFIX, event_data, is_visible, must_be_owner, unknown};
use crate::{
    core::{
        input::{self, Query},
        json, kept,
    },
    error::Error,
    own::{Own, OwnCall},
    upstream::account::Revoked,
};

/// What became of a connection and of what hung on it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Deleted {
    secrets: &'static str,
    secrets_message: Option<String>,
    pipelines: Vec<DeletedPipeline>,
}

#[derive(Debug, Serialize)]
struct DeletedPipeline {
    id: String,
    outcome: &'static str,
}

/// Forgets a connection, and then has its secrets revoked where the provider can. That order, since a connection whose
/// provider does not answer must be forgotten all the same.
pub(in crate::core) async fn delete(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    must_be_owner(call)?;
    let store = own.store()?;
    let id = input::path_id(&call.request, PREFIX)?;
    let mut query = Query::new(&call.request);
    let skip_revoke = query.flag("skipRevoke");
    query.end()?;
    // What it was reached with is found while it is there.
    let upstream = own.directory.find(id).await.ok();
    let upstream = upstream.and_then(|found| found.upstream.clone());
    let mut transaction = store.begin().await.map_err(kept)?;
    let connection = store
        .locked_connection(&mut transaction, id)
        .await
        .map_err(kept)?
        .filter(|it| is_visible(call, it))
        .ok_or_else(|| unknown(id))?;
    let pipelines = store
        .delete_connection_in(&mut transaction, id)
        .await
        .map_err(kept)?;
    store
        .add_event_in(
            &mut transaction,
            "connection.deleted",
            &event_data(&connection),
            connection.customer_id.as_deref(),
        )
        .await
        .map_err(kept)?;
    transaction.commit().await.map_err(|it| kept(it.into()))?;
    own.directory.forget(id);
    let revoked = match upstream {
        None => Revoked::No("its connector has nothing to revoke them with".to_owned()),
        Some(_) if skip_revoke => Revoked::No("skipRevoke says so".to_owned()),
        Some(upstream) => own.upstream.revoke(&upstream, call.deadline).await,
    };
    let (secrets, secrets_message) = match revoked {
        Revoked::Yes => ("revoked", None),
        Revoked::No(reason) => ("forgotten", Some(reason)),
    };
    json(&Deleted {
        secrets,
        secrets_message,
        pipelines: pipelines
            .into_iter()
            .map(|id| DeletedPipeline {
                id,
                outcome: "deleted",
            })
            .collect(),
    })
}
