//! Events, and the webhooks that they are sent to.
//!
//! An event is listed by who asks (`events`), and posted to webhooks by whichever sidecar is first (`worker`): at
//! least once, signed, again and again for three days. What cannot be delivered is kept to be replayed (`manage`).

use std::sync::Arc;

use tokio::sync::watch;

use crate::{
    error::{Code, Error},
    own::{Own, OwnCall},
};

mod events;
mod manage;
mod page;
mod schedule;
mod sender;
mod worker;

pub use sender::Sender;
pub use worker::Worker;

/// The body of the answer to an operation of this room.
pub async fn answer(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    match call.operation {
        "core.event.list" => events::list(own, call).await,
        "core.webhook.list" => manage::list(own, call).await,
        "core.webhook.create" => manage::create(own, call).await,
        "core.webhook.get" => manage::get(own, call).await,
        "core.webhook.update" => manage::update(own, call).await,
        "core.webhook.delete" => manage::delete(own, call).await,
        "core.webhook.deliveries" => manage::deliveries(own, call).await,
        "core.webhook.replay" => manage::replay(own, call).await,
        operation => Err(Error::new(
            Code::NotImplemented,
            format!("the operation `{operation}` is not implemented by this version of Crosswalk"),
        )),
    }
}

/// Sends events to webhooks and removes what is old, until `stop` says so.
pub async fn run(own: Arc<Own>, stop: watch::Receiver<bool>) {
    if let Some(store) = own.store.clone() {
        let sender = Arc::clone(&own.webhooks);
        drop(own);
        Worker::new(store, sender).run(stop).await;
    }
}
