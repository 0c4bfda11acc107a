//! Webhooks, and the deliveries of events to them.
//!
//! A delivery is one row for each event and webhook, made in the transaction that notes the event: none is forgotten, and
//! none is made for what did not happen. Each attempt is noted before it is made, together with when it is made again if
//! nothing is heard of it: a sidecar that dies in between has sent an event once or not at all, and another sends it again.

use std::time::Duration;

use secrecy::SecretString;
use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use super::{Event, Place, Store, StoreError, flag, json, json_text, new_id, seal};

const SECRET: &str = "webhooks.secret";

/// The events that webhooks are sent; all others are only listed.
pub const WEBHOOK_EVENTS: [&str; 4] = [
    "sync.completed",
    "connection.created",
    "connection.broken",
    "connection.repaired",
];

/// Where events are sent to, without the secret that signs them.
#[derive(Debug, Clone, PartialEq)]
pub struct Webhook {
    /// `whk_…`
    pub id: String,
    /// May hold a secret of the receiver's; for administrators alone.
    pub url: String,
    /// The names of the events that it wants; none: all of [`WEBHOOK_EVENTS`].
    pub events: Vec<String>,
    pub disabled: bool,
    pub created_at: i64,
    pub updated_at: i64,
    sealed: String,
}

/// What a webhook is made with.
#[derive(Debug)]
pub struct NewWebhook<'a> {
    pub url: &'a str,
    pub events: &'a [String],
    pub disabled: bool,
    /// In the form of Standard Webhooks, `whsec_…`.
    pub secret: &'a SecretString,
}

/// What is changed of a webhook; what is none stays.
#[derive(Debug, Default)]
pub struct WebhookChange {
    pub url: Option<String>,
    pub events: Option<Vec<String>>,
    pub disabled: Option<bool>,
}

/// How far a delivery is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// Given up.
    Dead,
}

impl DeliveryState {
    pub const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    pub fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// One event on its way to one webhook.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    /// `dlv_…`
    pub id: String,
    pub event_id: String,
    pub event_name: String,
    pub state: DeliveryState,
    pub attempts: i64,
    pub created_at: i64,
    pub last_attempt_at: Option<i64>,
    pub last_status: Option<i64>,
    pub last_error: Option<String>,
    pub next_attempt_at: i64,
}

/// An attempt that has been noted and is to be made now.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// The delivery's id.
    pub id: String,
    pub webhook_id: String,
    /// 1 for the first.
    pub number: i64,
    pub event: Event,
}

/// What came of an attempt.
#[derive(Debug, Clone, PartialEq)]
pub struct AttemptEnd {
    pub state: DeliveryState,
    /// The HTTP status of the answer; none where none came.
    pub status: Option<u16>,
    pub error: Option<String>,
    /// When the next attempt is made, for a delivery that is still pending.
    pub again_in: Duration,
}

/// What was sent on its way again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Replayed {
    /// So many.
    Yes(u64),
    /// Nothing, since these are no deliveries of the webhook: their places in what was asked for.
    Unknown(Vec<usize>),
}

impl Webhook {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            url: row.try_get("url")?,
            events: json(row, "events")?.unwrap_or_default(),
            disabled: flag(row, "disabled")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
            sealed: row.try_get("secret")?,
        })
    }

    fn wants(&self, event: &str) -> bool {
        WEBHOOK_EVENTS.contains(&event)
            && (self.events.is_empty() || self.events.iter().any(|name| name == event))
    }
}

impl Delivery {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let state: String = row.try_get("status")?;
        Ok(Self {
            id: row.try_get("id")?,
            event_id: row.try_get("event_id")?,
            event_name: row.try_get("event_name")?,
            state: DeliveryState::of(&state)
                .ok_or_else(|| StoreError::Corrupt(format!("deliveries.status: {state}")))?,
            attempts: row.try_get("attempts")?,
            created_at: row.try_get("created_at")?,
            last_attempt_at: row.try_get("last_attempt_at")?,
            last_status: row.try_get("last_status")?,
            last_error: row.try_get("last_error")?,
            next_attempt_at: row.try_get("next_attempt_at")?,
        })
    }
}

impl Store {
    /// Makes a webhook; a conflict where there are `most` already.
    pub async fn insert_webhook(
        &self,
        new: &NewWebhook<'_>,
        most: i64,
    ) -> Result<Webhook, StoreError> {
        let id = new_id("whk");
        let mut transaction = self.begin().await?;
        let now = self.now_in(&mut transaction).await?;
        let count: i64 = sqlx::query("SELECT COUNT(*) AS count FROM webhooks")
            .fetch_one(&mut *transaction)
            .await?
            .try_get("count")?;
        if count >= most {
            return Err(StoreError::Conflict(format!(
                "there are {count} webhooks, and no more than {most} can be; delete one"
            )));
        }
        let key = self.new_data_key(&mut transaction).await?;
        let place = Place {
            column: SECRET,
            row: &id,
        };
        let row = sqlx::query(
            "INSERT INTO webhooks (id, url, events, secret, data_key, disabled, created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $7) RETURNING *",
        )
        .bind(&id)
        .bind(new.url)
        .bind(events_text(new.events))
        .bind(key.seal_text(place, new.secret))
        .bind(&key.id)
        .bind(i64::from(new.disabled))
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        let webhook = Webhook::read(&row)?;
        transaction.commit().await?;
        Ok(webhook)
    }

    pub async fn webhook(&self, id: &str) -> Result<Option<Webhook>, StoreError> {
        let row = sqlx::query("SELECT * FROM webhooks WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(Webhook::read).transpose()
    }

    /// All, the oldest first.
    pub async fn webhooks(&self) -> Result<Vec<Webhook>, StoreError> {
        let rows = sqlx::query("SELECT * FROM webhooks ORDER BY created_at, id")
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(Webhook::read).collect()
    }

    /// The secret that signs what a webhook is sent.
    pub async fn webhook_secret(&self, webhook: &Webhook) -> Result<SecretString, StoreError> {
        let key = self.data_key(seal::key_of(&webhook.sealed)?).await?;
        let place = Place {
            column: SECRET,
            row: &webhook.id,
        };
        Ok(key.open_text(place, &webhook.sealed)?)
    }

    /// Changes a webhook; none where there is none.
    pub async fn update_webhook(
        &self,
        id: &str,
        change: &WebhookChange,
    ) -> Result<Option<Webhook>, StoreError> {
        let now = self.now().await?;
        let events = change.events.as_deref();
        let row = sqlx::query(
            "UPDATE webhooks SET
                 url = COALESCE($2, url),
                 events = CASE WHEN $3 = 1 THEN $4 ELSE events END,
                 disabled = COALESCE($5, disabled),
                 updated_at = $6
             WHERE id = $1 RETURNING *",
        )
        .bind(id)
        .bind(&change.url)
        .bind(i64::from(events.is_some()))
        .bind(events.and_then(events_text))
        .bind(change.disabled.map(i64::from))
        .bind(now)
        .fetch_optional(self.pool())
        .await?;
        row.as_ref().map(Webhook::read).transpose()
    }

    /// Removes a webhook with its secret and its deliveries; false where there is none.
    pub async fn delete_webhook(&self, id: &str) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let row = sqlx::query("DELETE FROM webhooks WHERE id = $1 RETURNING data_key")
            .bind(id)
            .fetch_optional(&mut *transaction)
            .await?;
        let Some(row) = row else {
            return Ok(false);
        };
        Self::forget_data_key(&mut transaction, row.try_get("data_key")?).await?;
        sqlx::query("DELETE FROM leases WHERE name = $1")
            .bind(webhook_lease(id))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Puts an event on its way to all who want it.
    pub(super) async fn add_deliveries_in(
        &self,
        transaction: &mut Transaction<'static, Any>,
        event: &Event,
    ) -> Result<(), StoreError> {
        if !WEBHOOK_EVENTS.contains(&event.name.as_str()) {
            return Ok(());
        }
        let select = format!(
            "SELECT * FROM webhooks WHERE disabled = 0 ORDER BY id{}",
            self.dialect.for_key_share()
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(select))
            .fetch_all(&mut **transaction)
            .await?;
        for row in &rows {
            let webhook = Webhook::read(row)?;
            if webhook.wants(&event.name) {
                sqlx::query(
                    "INSERT INTO deliveries
                         (id, webhook_id, event_id, status, attempts, next_attempt_at, created_at, updated_at)
                     VALUES ($1, $2, $3, 'pending', 0, $4, $4, $4)",
                )
                .bind(new_id("dlv"))
                .bind(&webhook.id)
                .bind(&event.id)
                .bind(event.created_at)
                .execute(&mut **transaction)
                .await?;
            }
        }
        Ok(())
    }

    /// The newest first, before the one with the id `before`.
    pub async fn deliveries(
        &self,
        webhook: &str,
        state: Option<DeliveryState>,
        before: Option<&str>,
        limit: i64,
    ) -> Result<Vec<Delivery>, StoreError> {
        let rows = sqlx::query(
            "SELECT deliveries.*, events.name AS event_name FROM deliveries
             JOIN events ON events.id = deliveries.event_id
             WHERE webhook_id = $1 AND ($2 IS NULL OR status = $2) AND ($3 IS NULL OR deliveries.id < $3)
             ORDER BY deliveries.id DESC LIMIT $4",
        )
        .bind(webhook)
        .bind(state.map(DeliveryState::name))
        .bind(before)
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(Delivery::read).collect()
    }

    /// Sends deliveries on their way again, from their first attempt on: those with the ids, or all dead ones.
    pub async fn replay_deliveries(
        &self,
        webhook: &str,
        ids: Option<&[String]>,
    ) -> Result<Replayed, StoreError> {
        let mut transaction = self.begin().await?;
        let now = self.now_in(&mut transaction).await?;
        let Some(ids) = ids else {
            let replayed = sqlx::query(
                "UPDATE deliveries SET status = 'pending', attempts = 0, next_attempt_at = $2, updated_at = $2
                 WHERE webhook_id = $1 AND status = 'dead'",
            )
            .bind(webhook)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
            transaction.commit().await?;
            return Ok(Replayed::Yes(replayed.rows_affected()));
        };
        let mut unknown = Vec::new();
        for (place, id) in ids.iter().enumerate() {
            let replayed = sqlx::query(
                "UPDATE deliveries SET status = 'pending', attempts = 0, next_attempt_at = $3, updated_at = $3
                 WHERE webhook_id = $1 AND id = $2",
            )
            .bind(webhook)
            .bind(id)
            .bind(now)
            .execute(&mut *transaction)
            .await?;
            if replayed.rows_affected() == 0 {
                unknown.push(place);
            }
        }
        if unknown.is_empty() {
            transaction.commit().await?;
            Ok(Replayed::Yes(ids.len() as u64))
        } else {
            transaction.rollback().await?;
            Ok(Replayed::Unknown(unknown))
        }
    }

    /// The webhooks that something is due for.
    pub async fn due_webhooks(&self) -> Result<Vec<String>, StoreError> {
        let now = self.now().await?;
        let rows = sqlx::query(
            "SELECT DISTINCT webhook_id FROM deliveries JOIN webhooks ON webhooks.id = webhook_id
             WHERE status = 'pending' AND next_attempt_at <= $1 AND webhooks.disabled = 0",
        )
        .bind(now)
        .fetch_all(self.pool())
        .await?;
        rows.iter()
            .map(|row| Ok(row.try_get("webhook_id")?))
            .collect()
    }

    /// Notes the next attempt for a webhook, in the order of events; none where nothing is due. Nobody else makes it
    /// before `lasts` has passed.
    pub async fn begin_attempt(
        &self,
        webhook: &str,
        lasts: Duration,
    ) -> Result<Option<Attempt>, StoreError> {
        let lasts = i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX);
        let mut transaction = self.begin().await?;
        let now = self.now_in(&mut transaction).await?;
        let row = sqlx::query(
            "SELECT events.*, deliveries.id AS delivery_id, attempts FROM deliveries
             JOIN events ON events.id = deliveries.event_id
             JOIN webhooks ON webhooks.id = deliveries.webhook_id
             WHERE webhook_id = $1 AND status = 'pending' AND next_attempt_at <= $2 AND webhooks.disabled = 0
             ORDER BY seq LIMIT 1",
        )
        .bind(webhook)
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let attempt = Attempt {
            id: row.try_get("delivery_id")?,
            webhook_id: webhook.to_owned(),
            number: row.try_get::<i64, _>("attempts")? + 1,
            event: Event::read(&row)?,
        };
        let noted = sqlx::query(
            "UPDATE deliveries SET attempts = $2, last_attempt_at = $3, next_attempt_at = $4, updated_at = $3
             WHERE id = $1 AND attempts = $2 - 1 AND status = 'pending'",
        )
        .bind(&attempt.id)
        .bind(attempt.number)
        .bind(now)
        .bind(now.saturating_add(lasts))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        // Where another sidecar was quicker, it is that one's.
        Ok((noted.rows_affected() == 1).then_some(attempt))
    }

    /// Notes what came of an attempt. It changes nothing where the delivery was replayed or attempted again meanwhile.
    pub async fn end_attempt(&self, attempt: &Attempt, end: &AttemptEnd) -> Result<(), StoreError> {
        let again_in = i64::try_from(end.again_in.as_millis()).unwrap_or(i64::MAX);
        let now = self.now().await?;
        sqlx::query(
            "UPDATE deliveries SET
                 status = $3, last_status = $4, last_error = $5, next_attempt_at = $6, updated_at = $7
             WHERE id = $1 AND attempts = $2 AND status = 'pending'",
        )
        .bind(&attempt.id)
        .bind(attempt.number)
        .bind(end.state.name())
        .bind(end.status.map(i64::from))
        .bind(&end.error)
        .bind(now.saturating_add(again_in))
        .bind(now)
        .execute(self.pool())
        .await?;
        Ok(())
    }
}

/// The lease of who sends to a webhook.
pub(crate) fn webhook_lease(id: &str) -> String {
    format!("webhook:{id}")
}

/// None stands for all.
fn events_text(events: &[String]) -> Option<String> {
    json_text((!events.is_empty()).then_some(events).as_ref())
}
