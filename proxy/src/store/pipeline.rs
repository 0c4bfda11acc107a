//! Pipelines, the syncs that are asked for, and how far they are.
//!
//! Who runs a pipeline holds its lease; what a runner notes is guarded by the lease's fence, so that one that was
//! overtaken changes nothing. A sync that was asked for is a row as well: it survives whoever was asked.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use super::{Lease, Store, StoreError, flag, is_constraint, json, json_text, new_id};

/// A pipeline, and what is known of its syncs.
#[derive(Debug, Clone, PartialEq)]
pub struct Pipeline {
    /// `pipe_…`
    pub id: String,
    pub source_id: String,
    pub destination_id: String,
    /// As the API has them.
    pub streams: Option<Value>,
    pub sync_interval_seconds: Option<i64>,
    pub disabled: bool,
    pub metadata: Option<Value>,
    pub source_state: Option<Value>,
    pub destination_state: Option<Value>,
    /// The sync that runs or the last one.
    pub progress: Option<Value>,
    pub sync_request: Option<SyncRequest>,
    pub last_sync_started_at: Option<i64>,
    pub last_sync_completed_at: Option<i64>,
    pub next_sync_at: Option<i64>,
    pub created_at: i64,
    pub updated_at: i64,
}

/// What a pipeline is made with.
#[derive(Debug)]
pub struct NewPipeline<'a> {
    pub id: &'a str,
    pub source_id: &'a str,
    pub destination_id: &'a str,
    pub streams: Option<&'a Value>,
    pub sync_interval_seconds: Option<i64>,
    pub disabled: bool,
    pub metadata: Option<&'a Value>,
}

/// What is changed of a pipeline; what is none stays.
#[derive(Debug, Default)]
pub struct PipelineChange {
    pub streams: Option<Option<Value>>,
    pub sync_interval_seconds: Option<Option<i64>>,
    pub disabled: Option<bool>,
    /// Objects are merged, member by member and no deeper; anything else takes the place of what is there.
    pub metadata: Option<Value>,
}

/// A sync that was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncRequest {
    /// The id of the event that will tell its end.
    pub event_id: String,
    pub full_resync: bool,
    pub meta_only: bool,
}

/// What a runner notes of its sync; each is JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncNotes {
    pub progress: String,
    pub source_state: String,
    pub destination_state: String,
}

/// The end of a sync.
#[derive(Debug)]
pub struct SyncEnd<'a> {
    pub event_id: &'a str,
    pub notes: &'a SyncNotes,
    pub is_complete: bool,
    /// How much later than due the next one may start, so that pipelines don't all start together.
    pub jitter: Duration,
    /// What the event says.
    pub data: &'a Value,
    /// A second event, where there is one to tell.
    pub beside: Option<&'a str>,
    pub customer_id: Option<&'a str>,
}

/// The lease of who runs a pipeline.
pub fn pipeline_lease(id: &str) -> String {
    format!("pipeline:{id}")
}

impl Pipeline {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        Ok(Self {
            id: row.try_get("id")?,
            source_id: row.try_get("source_id")?,
            destination_id: row.try_get("destination_id")?,
            streams: json(row, "streams")?,
            sync_interval_seconds: row.try_get("sync_interval_seconds")?,
            disabled: flag(row, "disabled")?,
            metadata: json(row, "metadata")?,
            source_state: json(row, "source_state")?,
            destination_state: json(row, "destination_state")?,
            progress: json(row, "progress")?,
            sync_request: json(row, "sync_request")?,
            last_sync_started_at: row.try_get("last_sync_started_at")?,
            last_sync_completed_at: row.try_get("last_sync_completed_at")?,
            next_sync_at: row.try_get("next_sync_at")?,
            created_at: row.try_get("created_at")?,
            updated_at: row.try_get("updated_at")?,
        })
    }
}

impl Store {
    /// Makes a pipeline. One that syncs by itself begins at once. An id that is taken, and connections that are not
    /// there, are a conflict.
    pub async fn insert_pipeline(&self, new: &NewPipeline<'_>) -> Result<Pipeline, StoreError> {
        let mut transaction = self.begin().await?;
        let pipeline = self.insert_pipeline_in(&mut transaction, new).await?;
        transaction.commit().await?;
        Ok(pipeline)
    }

    /// The same, together with what else the transaction does.
    pub(crate) async fn insert_pipeline_in(
        &self,
        transaction: &mut Transaction<'static, Any>,
        new: &NewPipeline<'_>,
    ) -> Result<Pipeline, StoreError> {
        let now = self.now_in(transaction).await?;
        let row = sqlx::query(
            "INSERT INTO pipelines
                 (id, source_id, destination_id, streams, sync_interval_seconds, disabled, metadata, next_sync_at,
                  created_at, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
             RETURNING *",
        )
        .bind(new.id)
        .bind(new.source_id)
        .bind(new.destination_id)
        .bind(json_text(new.streams))
        .bind(new.sync_interval_seconds)
        .bind(i64::from(new.disabled))
        .bind(json_text(new.metadata))
        .bind(new.sync_interval_seconds.map(|_| now))
        .bind(now)
        .fetch_one(&mut **transaction)
        .await
        .map_err(|error| {
            if is_constraint(&error) {
                StoreError::Conflict(format!(
                    "{} is there already, or one of its connections is gone",
                    new.id
                ))
            } else {
                error.into()
            }
        })?;
        Pipeline::read(&row)
    }

    pub async fn pipeline(&self, id: &str) -> Result<Option<Pipeline>, StoreError> {
        let row = sqlx::query("SELECT * FROM pipelines WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(Pipeline::read).transpose()
    }

    /// The newest first; where `connections` are given, those alone that lead from or to one of them.
    pub async fn pipelines(
        &self,
        connections: Option<&[String]>,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<Pipeline>, StoreError> {
        let ids = json_text(connections.map(<[String]>::to_vec).as_ref());
        let among = self.dialect.select_texts();
        let select = format!(
            "SELECT * FROM pipelines
             WHERE ($1 IS NULL OR source_id IN ({among}) OR destination_id IN ({among}))
             ORDER BY created_at DESC, id DESC LIMIT $2 OFFSET $3"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(select))
            .bind(ids)
            .bind(limit)
            .bind(offset)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(Pipeline::read).collect()
    }

    /// Changes a pipeline; none where there is none.
    pub async fn update_pipeline(
        &self,
        id: &str,
        change: &PipelineChange,
    ) -> Result<Option<Pipeline>, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(old) = self.locked_pipeline(&mut transaction, id).await? else {
            return Ok(None);
        };
        let now = self.now_in(&mut transaction).await?;
        let metadata = match (&change.metadata, &old.metadata) {
            (None, old) => old.clone(),
            (Some(Value::Null), _) => None,
            (Some(Value::Object(new)), Some(Value::Object(old))) => {
                let mut merged = old.clone();
                merged.extend(new.clone());
                Some(Value::Object(merged))
            }
            (Some(new), _) => Some(new.clone()),
        };
        let interval = change
            .sync_interval_seconds
            .unwrap_or(old.sync_interval_seconds);
        let next = match interval {
            _ if interval == old.sync_interval_seconds => old.next_sync_at,
            _ if old.sync_request.is_some() => Some(now),
            None => None,
            Some(seconds) => {
                let due = old.last_sync_started_at.unwrap_or_default() + seconds * 1000;
                Some(due.max(now))
            }
        };
        let row = sqlx::query(
            "UPDATE pipelines SET streams = $2, sync_interval_seconds = $3, disabled = $4, metadata = $5,
                 next_sync_at = $6, updated_at = $7
             WHERE id = $1 RETURNING *",
        )
        .bind(id)
        .bind(json_text(change.streams.as_ref().unwrap_or(&old.streams).as_ref()))
        .bind(interval)
        .bind(i64::from(change.disabled.unwrap_or(old.disabled)))
        .bind(json_text(metadata.as_ref()))
        .bind(next)
        .bind(now)
        .fetch_one(&mut *transaction)
        .await?;
        let pipeline = Pipeline::read(&row)?;
        transaction.commit().await?;
        Ok(Some(pipeline))
    }

    /// Removes a pipeline; what it was, none where there is none.
    pub async fn delete_pipeline(&self, id: &str) -> Result<Option<Pipeline>, StoreError> {
        let row = sqlx::query("DELETE FROM pipelines WHERE id = $1 RETURNING *")
            .bind(id)
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(Pipeline::read).transpose()
    }

    /// Asks for a sync; none where there is no such pipeline. One that was asked for and has not begun is joined, so
    /// that any number of callers wait for the same.
    pub async fn request_sync(
        &self,
        id: &str,
        full_resync: bool,
        meta_only: bool,
    ) -> Result<Option<SyncRequest>, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(pipeline) = self.locked_pipeline(&mut transaction, id).await? else {
            return Ok(None);
        };
        let now = self.now_in(&mut transaction).await?;
        let is_running = sqlx::query("SELECT 1 FROM leases WHERE name = $1 AND expires_at > $2")
            .bind(pipeline_lease(id))
            .bind(now)
            .fetch_optional(&mut *transaction)
            .await?
            .is_some();
        let begun = pipeline
            .progress
            .as_ref()
            .filter(|_| is_running)
            .and_then(|progress| progress["sync_completed_event_id"].as_str());
        let request = match pipeline.sync_request {
            Some(waiting) if begun != Some(&waiting.event_id) => SyncRequest {
                event_id: waiting.event_id,
                full_resync: waiting.full_resync || full_resync,
                meta_only: waiting.meta_only && meta_only,
            },
            _ => SyncRequest {
                event_id: new_id("evt"),
                full_resync,
                meta_only,
            },
        };
        sqlx::query("UPDATE pipelines SET sync_request = $2, next_sync_at = $3 WHERE id = $1")
            .bind(id)
            .bind(json_text(Some(&request)))
            .bind(now)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(Some(request))
    }

    /// What the event says that tells the end of a sync; none until it has ended.
    pub async fn sync_end(&self, event_id: &str) -> Result<Option<Value>, StoreError> {
        let row = sqlx::query("SELECT data FROM events WHERE id = $1")
            .bind(event_id)
            .fetch_optional(self.pool())
            .await?;
        row.map(|row| json(&row, "data"))
            .transpose()
            .map(Option::flatten)
    }

    /// Pipelines that are due and that nobody runs, those that are due for longest first.
    pub async fn due_pipelines(&self, limit: i64) -> Result<Vec<String>, StoreError> {
        let now = self.now().await?;
        let rows = sqlx::query(
            "SELECT pipelines.id FROM pipelines
             LEFT JOIN leases ON leases.name = 'pipeline:' || pipelines.id
             WHERE pipelines.next_sync_at <= $1 AND pipelines.disabled = 0
               AND (leases.expires_at IS NULL OR leases.expires_at <= $1)
             ORDER BY pipelines.next_sync_at, pipelines.id LIMIT $2",
        )
        .bind(now)
        .bind(limit)
        .fetch_all(self.pool())
        .await?;
        rows.iter().map(|row| Ok(row.try_get("id")?)).collect()
    }

    /// How long the pipeline that is most behind is behind: since its last good sync, its interval taken off. Those that are
    /// disabled or have no interval are never behind.
    pub async fn pipeline_lag(&self) -> Result<Duration, StoreError> {
        let row = sqlx::query(
            "SELECT COALESCE(last_sync_completed_at, created_at) + sync_interval_seconds * 1000 AS due
             FROM pipelines WHERE disabled = 0 AND sync_interval_seconds IS NOT NULL
             ORDER BY 1 LIMIT 1",
        )
        .fetch_optional(self.pool())
        .await?;
        let Some(row) = row else {
            return Ok(Duration::ZERO);
        };
        let due: i64 = row.try_get("due")?;
        let late = self.now().await?.saturating_sub(due);
        Ok(Duration::from_millis(u64::try_from(late).unwrap_or(0)))
    }

    /// A sync begins, if it is still due: who held the lease before may have done it. The pipeline as it is then.
    pub async fn start_sync(
        &self,
        lease: &Lease,
        id: &str,
    ) -> Result<Option<Pipeline>, StoreError> {
        let mut transaction = self.begin().await?;
        let now = self.now_in(&mut transaction).await?;
        let row = sqlx::query(
            "UPDATE pipelines SET last_sync_started_at = $2
             WHERE id = $1 AND disabled = 0 AND next_sync_at <= $2
               AND EXISTS (SELECT 1 FROM leases WHERE name = $3 AND holder = $4 AND fence = $5)
             RETURNING *",
        )
        .bind(id)
        .bind(now)
        .bind(&lease.name)
        .bind(&lease.holder)
        .bind(lease.fence)
        .fetch_optional(&mut *transaction)
        .await?;
        let pipeline = row.as_ref().map(Pipeline::read).transpose()?;
        transaction.commit().await?;
        Ok(pipeline)
    }

    /// Notes how far a sync is; false where it is not to go on: the lease is lost, or the pipeline is gone or disabled.
    pub async fn note_sync(
        &self,
        lease: &Lease,
        id: &str,
        notes: &SyncNotes,
    ) -> Result<bool, StoreError> {
        let row = sqlx::query(
            "UPDATE pipelines SET progress = $2, source_state = $3, destination_state = $4
             WHERE id = $1 AND EXISTS (SELECT 1 FROM leases WHERE name = $5 AND holder = $6 AND fence = $7)
             RETURNING disabled",
        )
        .bind(id)
        .bind(&notes.progress)
        .bind(&notes.source_state)
        .bind(&notes.destination_state)
        .bind(&lease.name)
        .bind(&lease.holder)
        .bind(lease.fence)
        .fetch_optional(self.pool())
        .await?;
        row.map_or(Ok(false), |row| Ok(!flag(&row, "disabled")?))
    }

    /// Notes the end of a sync with the event that tells it, and when the next one is due. Times that were missed
    /// meanwhile are not made up for. False where the lease is lost or the pipeline gone; then nothing is noted.
    pub async fn end_sync(
        &self,
        lease: &Lease,
        id: &str,
        end: &SyncEnd<'_>,
    ) -> Result<bool, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(pipeline) = self.locked_pipeline(&mut transaction, id).await? else {
            return Ok(false);
        };
        let held =
            sqlx::query("SELECT 1 FROM leases WHERE name = $1 AND holder = $2 AND fence = $3")
                .bind(&lease.name)
                .bind(&lease.holder)
                .bind(lease.fence)
                .fetch_optional(&mut *transaction)
                .await?;
        if held.is_none() {
            return Ok(false);
        }
        let now = self.now_in(&mut transaction).await?;
        let request = pipeline
            .sync_request
            .filter(|request| request.event_id != end.event_id);
        let next = match (&request, pipeline.sync_interval_seconds) {
            (Some(_), _) => Some(now),
            (None, None) => None,
            (None, Some(seconds)) => {
                let jitter = i64::try_from(end.jitter.as_millis()).unwrap_or_default();
                let due = pipeline.last_sync_started_at.unwrap_or(now) + seconds * 1000;
                Some(due.max(now) + jitter)
            }
        };
        let completed = if end.is_complete {
            Some(now)
        } else {
            pipeline.last_sync_completed_at
        };
        sqlx::query(
            "UPDATE pipelines SET progress = $2, source_state = $3, destination_state = $4, sync_request = $5,
                 next_sync_at = $6, last_sync_completed_at = $7
             WHERE id = $1",
        )
        .bind(id)
        .bind(&end.notes.progress)
        .bind(&end.notes.source_state)
        .bind(&end.notes.destination_state)
        .bind(json_text(request.as_ref()))
        .bind(next)
        .bind(completed)
        .execute(&mut *transaction)
        .await?;
        self.add_event_as_in(
            &mut transaction,
            end.event_id,
            "sync.completed",
            end.data,
            end.customer_id,
        )
        .await?;
        if let Some(name) = end.beside {
            self.add_event_in(&mut transaction, name, end.data, end.customer_id)
                .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    async fn locked_pipeline(
        &self,
        transaction: &mut Transaction<'static, Any>,
        id: &str,
    ) -> Result<Option<Pipeline>, StoreError> {
        let select = format!(
            "SELECT * FROM pipelines WHERE id = $1{}",
            self.dialect.for_update()
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(select))
            .bind(id)
            .fetch_optional(&mut **transaction)
            .await?;
        row.as_ref().map(Pipeline::read).transpose()
    }
}
