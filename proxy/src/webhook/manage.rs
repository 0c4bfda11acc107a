//! The operations on webhooks and their deliveries; for administrators.

use base64::prelude::{BASE64_STANDARD, Engine as _};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::{Map, Value};
use zeroize::Zeroizing;

use super::{
    page::{self, Page},
    sender::Sender,
};
use crate::{
    core::{
        input::{self, Faults, Members, Query, did_you_mean, kind},
        json, kept,
    },
    error::Error,
    own::{Own, OwnCall},
    store::{
        Delivery, DeliveryState, NewWebhook, Replayed, WEBHOOK_EVENTS, Webhook, WebhookChange,
        rfc3339,
    },
};

const ID: &str = "whk_";
/// Each event is put on its way to each of them in one transaction.
const MOST_WEBHOOKS: i64 = 100;
/// Deliveries that are replayed by name in one call.
const MOST_REPLAYED: usize = 1000;
/// What a secret of Standard Webhooks begins with.
const SECRET: &str = "whsec_";

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Item<'a> {
    id: &'a str,
    created_at: String,
    updated_at: String,
    url: &'a str,
    events: &'a [String],
    disabled: bool,
    /// Only in the answer to its creation.
    #[serde(skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
}

#[derive(Debug, Serialize)]
struct DeliveryPage<'a> {
    next_cursor: Option<String>,
    has_next_page: bool,
    items: Vec<DeliveryItem<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct DeliveryItem<'a> {
    id: &'a str,
    event_id: &'a str,
    event_name: &'a str,
    state: &'static str,
    attempts: i64,
    created_at: String,
    last_attempt_at: Option<String>,
    last_status: Option<i64>,
    last_error: Option<&'a str>,
    /// None where none will be made.
    next_attempt_at: Option<String>,
}

/// What a caller sent of a webhook, checked.
#[derive(Debug)]
struct Given {
    url: Option<String>,
    events: Option<Vec<String>>,
    disabled: Option<bool>,
}

pub(super) async fn list(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    let webhooks = own.store()?.webhooks().await.map_err(kept)?;
    let items: Vec<_> = webhooks.iter().map(|it| item(it, None)).collect();
    json(&items)
}

pub(super) async fn create(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    let store = own.store()?;
    let given = Given::read(call, &own.webhooks, true)?;
    let secret = new_secret();
    let new = NewWebhook {
        url: given.url.as_deref().unwrap_or_default(),
        events: given.events.as_deref().unwrap_or_default(),
        disabled: given.disabled.unwrap_or_default(),
        secret: &secret,
    };
    let webhook = store
        .insert_webhook(&new, MOST_WEBHOOKS)
        .await
        .map_err(kept)?;
    json(&item(&webhook, Some(secret.expose_secret())))
}

pub(super) async fn get(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    json(&item(&found(own, call).await?, None))
}

pub(super) async fn update(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    let id = input::path_id(&call.request, ID)?;
    let given = Given::read(call, &own.webhooks, false)?;
    let change = WebhookChange {
        url: given.url,
        events: given.events,
        disabled: given.disabled,
    };
    let updated = own.store()?.update_webhook(id, &change).await;
    let webhook = updated.map_err(kept)?.ok_or_else(|| unknown(id))?;
    json(&item(&webhook, None))
}

pub(super) async fn delete(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    let id = input::path_id(&call.request, ID)?;
    if own.store()?.delete_webhook(id).await.map_err(kept)? {
        json(&Map::new())
    } else {
        Err(unknown(id))
    }
}

pub(super) async fn deliveries(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    let webhook = found(own, call).await?;
    let list = format!("deliveries {}", webhook.id);
    let mut query = Query::new(&call.request);
    let page = Page::read(&mut query, &list);
    let state = query.one_of("state", &DeliveryState::ALL.map(DeliveryState::name));
    query.end()?;
    let mut found = own
        .store()?
        .deliveries(
            &webhook.id,
            state.and_then(DeliveryState::of),
            page.after.as_deref(),
            page.size.saturating_add(1),
        )
        .await
        .map_err(kept)?;
    let size = usize::try_from(page.size).unwrap_or(usize::MAX);
    let has_next_page = found.len() > size;
    found.truncate(size);
    let end = found.last().filter(|_| has_next_page);
    json(&DeliveryPage {
        next_cursor: end.map(|end| page::cursor(&list, &end.id)),
        has_next_page,
        items: found.iter().map(delivery_item).collect(),
    })
}

pub(super) async fn replay(own: &Own, call: &OwnCall) -> Result<Vec<u8>, Error> {
    call.caller.must_be_admin()?;
    let webhook = found(own, call).await?;
    let mut faults = Faults::default();
    let mut members = Members::new("body", input::body(&call.request)?);
    let ids = members.texts("deliveryIds", &mut faults);
    members.finish(&mut faults);
    for (index, id) in ids.iter().flatten().enumerate() {
        faults.prefixed(&format!("body.deliveryIds[{index}]"), "dlv_", Some(id));
    }
    if ids.as_ref().is_some_and(|ids| ids.len() > MOST_REPLAYED) {
        faults.add(
            "body.deliveryIds",
            format!("expected at most {MOST_REPLAYED} ids, found more"),
        );
    }
    faults.end()?;
    let replayed = own
        .store()?
        .replay_deliveries(&webhook.id, ids.as_deref())
        .await
        .map_err(kept)?;
    match replayed {
        Replayed::Yes(count) => json(&serde_json::json!({ "replayed": count })),
        Replayed::Unknown(places) => {
            let mut faults = Faults::default();
            for place in places {
                faults.add(
                    format!("body.deliveryIds[{place}]"),
                    "expected a delivery of this webhook, found none with this id",
                );
            }
            faults.end()?;
            json(&serde_json::json!({ "replayed": 0 }))
        }
    }
}

async fn found(own: &Own, call: &OwnCall) -> Result<Webhook, Error> {
    let id = input::path_id(&call.request, ID)?;
    let webhook = own.store()?.webhook(id).await.map_err(kept)?;
    webhook.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Error {
    Error::not_found(format!("no webhook has the id {id}"))
}

impl Given {
    /// Null is as if a member were not there.
    fn read(call: &OwnCall, sender: &Sender, is_new: bool) -> Result<Self, Error> {
        let mut faults = Faults::default();
        let mut members = Members::new("body", input::body(&call.request)?);
        let is_given = members.has("url");
        let url = members.text("url", &mut faults);
        let events = members.texts("events", &mut faults);
        let disabled = match members.take("disabled") {
            None => None,
            Some(Value::Bool(disabled)) => Some(disabled),
            Some(other) => {
                let found = kind(&other);
                faults.add(
                    "body.disabled",
                    format!("expected a boolean, found {found}"),
                );
                None
            }
        };
        members.finish(&mut faults);
        let url = match url.as_deref().map(|url| sender.check(url)) {
            None => {
                if is_new && !is_given {
                    faults.add(
                        "body.url",
                        "missing; expected where events are to be posted to",
                    );
                }
                None
            }
            // As it will be called: without the ways to write one URL in two.
            Some(Ok(url)) => Some(url.to_string()),
            Some(Err(error)) => {
                faults.add("body.url", error);
                None
            }
        };
        for (index, event) in events.iter().flatten().enumerate() {
            if !WEBHOOK_EVENTS.contains(&event.as_str()) {
                faults.add(
                    format!("body.events[{index}]"),
                    format!(
                        "expected one of {}{}",
                        WEBHOOK_EVENTS.join(", "),
                        did_you_mean(event, &WEBHOOK_EVENTS)
                    ),
                );
            }
        }
        faults.end()?;
        let events = events.map(|given| {
            let wanted = WEBHOOK_EVENTS
                .iter()
                .filter(|known| given.iter().any(|event| event == *known));
            wanted.map(|name| (*name).to_owned()).collect()
        });
        Ok(Self {
            url,
            events,
            disabled,
        })
    }
}

fn new_secret() -> SecretString {
    let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
    let mut text = SECRET.to_owned();
    BASE64_STANDARD.encode_string(bytes.as_slice(), &mut text);
    SecretString::from(text)
}

fn item<'a>(webhook: &'a Webhook, secret: Option<&'a str>) -> Item<'a> {
    Item {
        id: &webhook.id,
        created_at: rfc3339(webhook.created_at),
        updated_at: rfc3339(webhook.updated_at),
        url: &webhook.url,
        events: &webhook.events,
        disabled: webhook.disabled,
        secret,
    }
}

fn delivery_item(delivery: &Delivery) -> DeliveryItem<'_> {
    DeliveryItem {
        id: &delivery.id,
        event_id: &delivery.event_id,
        event_name: &delivery.event_name,
        state: delivery.state.name(),
        attempts: delivery.attempts,
        created_at: rfc3339(delivery.created_at),
        last_attempt_at: delivery.last_attempt_at.map(rfc3339),
        last_status: delivery.last_status,
        last_error: delivery.last_error.as_deref(),
        next_attempt_at: (delivery.state == DeliveryState::Pending)
            .then(|| rfc3339(delivery.next_attempt_at)),
    }
}
