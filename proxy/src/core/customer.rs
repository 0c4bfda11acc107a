//! Customers.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    input::{self, Query},
    json, kept, must_see_all,
};
use crate::{
    error::Error,
    own::{Own, OwnCall},
    store::{self, rfc3339},
    translate::patch::Patch,
};

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Customer<'a> {
    id: &'a str,
    org_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata: Option<&'a Value>,
    created_at: String,
    updated_at: String,
}

impl<'a> Customer<'a> {
    fn new(own: &'a Own, customer: &'a store::Customer) -> Self {
        Self {
            id: &customer.id,
            org_id: &own.state.org_id,
            metadata: customer.metadata.as_ref(),
            created_at: rfc3339(customer.created_at),
            updated_at: rfc3339(customer.updated_at),
        }
    }
}

pub(super) async fn list(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    must_see_all(&call.caller)?;
    let mut query = Query::new(&call.request);
    let (limit, offset) = query.page();
    query.end()?;
    let customers = own.store()?.customers(limit, offset).await.map_err(kept)?;
    let customers: Vec<_> = customers.iter().map(|it| Customer::new(own, it)).collect();
    json(&customers)
}

pub(super) async fn get(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    must_see_all(&call.caller)?;
    let id = input::path_customer(&call.request)?;
    let found = own.store()?.customer(id).await.map_err(kept)?;
    let customer = found.ok_or_else(|| Error::not_found(format!("there is no customer {id:?}")))?;
    json(&Customer::new(own, &customer))
}

pub(super) async fn upsert(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    #[derive(Debug, Deserialize)]
    struct Body {
        #[serde(default)]
        metadata: Patch<Value>,
    }
    call.caller.must_be_admin()?;
    let id = input::path_customer(&call.request)?;
    let body: Body = input::body(&call.request)?;
    let metadata = input::metadata(body.metadata);
    let customer = own
        .store()?
        .upsert_customer(id, metadata.as_ref())
        .await
        .map_err(kept)?;
    json(&Customer::new(own, &customer))
}
