//! Idempotency keys: of any number of attempts at one write, by any number of sidecars, one is under way at a time, and
//! its answer is kept.
//!
//! An attempt is a row with a holder. It goes from `begun` to `writing` before the provider is asked to write, and to
//! `done` before the caller is answered. A holder that is not heard of any more is followed by the next attempt, which
//! is told how far it was; the old one, should it live, finds at its next step that the row is not its own any more.

use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use sha2::{Digest, Sha256};
use sqlx::{Any, Row as _, Transaction, any::AnyRow};

use super::{
    Place, Store, StoreError, new_id,
    seal::{self, Key},
};

const ANSWER: &str = "idempotency_keys.answer";
/// Of the installation's secret that answers are sealed with.
const PURPOSE: &str = "idempotency";
/// A row may be removed between looking and locking, but not again and again.
const MOST_LOOKS: usize = 4;
/// Rows that are removed in one statement, so that nobody waits long for it.
const PURGED_AT_ONCE: i64 = 200;

/// One attempt at a write that was asked for with a key.
#[derive(Debug, Clone)]
pub struct Attempt {
    id: String,
    connection: String,
    fingerprint: String,
    holder: String,
}

/// What comes of claiming a key for an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Claim {
    /// The attempt has the key, and nobody has written anything under it.
    Fresh,
    /// The attempt has the key. The holder before it is gone, and may have written.
    Abandoned,
    /// Another attempt is under way.
    Running,
    /// The key was used for another request.
    OtherRequest,
    /// This was answered.
    Done(Vec<u8>),
}

/// What the row of a key means for a new attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// As if there were none: it is too old.
    Expired,
    Running,
    OtherRequest,
    Done,
    /// Its holder is gone; whether it may have written.
    Left {
        writing: bool,
    },
}

impl Attempt {
    /// A new attempt; `fingerprint` tells requests apart that use the same key.
    pub fn new(connection: &str, key: &str, fingerprint: &[u8]) -> Self {
        Self {
            id: hash(&[connection.as_bytes(), key.as_bytes()]),
            connection: connection.to_owned(),
            // With the key in it, which is not kept, a guess at the request cannot be tried.
            fingerprint: hash(&[key.as_bytes(), fingerprint]),
            holder: new_id("try"),
        }
    }

    fn place(&self) -> Place<'_> {
        Place {
            column: ANSWER,
            row: &self.id,
        }
    }
}

/// SHA-256 over parts, none of which can be read as the end of another.
fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    BASE64_URL_SAFE_NO_PAD.encode(hash.finalize())
}

/// What a row means at a time. One that is held is never old.
fn found(phase: &str, held_until: i64, expires_at: i64, same_request: bool, now: i64) -> Found {
    let is_done = phase == "done";
    let is_held = !is_done && held_until > now;
    match (same_request, is_held) {
        (_, false) if expires_at <= now => Found::Expired,
        (false, _) => Found::OtherRequest,
        (true, true) => Found::Running,
        (true, false) if is_done => Found::Done,
        (true, false) => Found::Left {
            writing: phase == "writing",
        },
    }
}

impl Store {
    /// Claims the key for an attempt, which then holds it for `lease` unless it says that it goes on.
    pub async fn claim_key(
        &self,
        attempt: &Attempt,
        lease: Duration,
        keep: Duration,
    ) -> Result<Claim, StoreError> {
        let (lease, keep) = (milliseconds(lease), milliseconds(keep));
        for _ in 0..MOST_LOOKS {
            let mut transaction = self.begin().await?;
            let now = self.now_in(&mut transaction).await?;
            let made = sqlx::query(
                "INSERT INTO idempotency_keys
                     (id, connection_id, fingerprint, phase, holder, held_until, created_at, expires_at)
                 VALUES ($1, $2, $3, 'begun', $4, $5, $6, $7)
                 ON CONFLICT (id) DO NOTHING",
            )
            .bind(&attempt.id)
            .bind(&attempt.connection)
            .bind(&attempt.fingerprint)
            .bind(&attempt.holder)
            .bind(now.saturating_add(lease))
            .bind(now)
            .bind(now.saturating_add(keep))
            .execute(&mut *transaction)
            .await?;
            if made.rows_affected() == 1 {
                transaction.commit().await?;
                return Ok(Claim::Fresh);
            }
            let select = format!(
                "SELECT * FROM idempotency_keys WHERE id = $1{}",
                self.dialect.for_update()
            );
            let row = sqlx::query(sqlx::AssertSqlSafe(select))
                .bind(&attempt.id)
                .fetch_optional(&mut *transaction)
                .await?;
            if let Some(row) = row {
                return self
                    .claim_row(attempt, transaction, &row, lease, keep)
                    .await;
            }
        }
        Err(StoreError::Conflict(
            "the idempotency key is claimed and given up too often; try again".to_owned(),
        ))
    }

    /// The same for a key that has a row, which the transaction has locked.
    async fn claim_row(
        &self,
        attempt: &Attempt,
        mut transaction: Transaction<'static, Any>,
        row: &AnyRow,
        lease: i64,
        keep: i64,
    ) -> Result<Claim, StoreError> {
        // After the lock: it may have been waited for.
        let now = self.now_in(&mut transaction).await?;
        let phase: String = row.try_get("phase")?;
        let fingerprint: String = row.try_get("fingerprint")?;
        let found = found(
            &phase,
            row.try_get("held_until")?,
            row.try_get("expires_at")?,
            fingerprint == attempt.fingerprint,
            now,
        );
        let (claim, phase) = match found {
            Found::Running => return Ok(Claim::Running),
            Found::OtherRequest => return Ok(Claim::OtherRequest),
            Found::Done => {
                let sealed: String = row.try_get("answer")?;
                // The key of answers is read by its own connection, so this one is let go first.
                transaction.rollback().await?;
                let opened = self.answer_key().await?.open(attempt.place(), &sealed)?;
                return Ok(Claim::Done(opened.to_vec()));
            }
            Found::Left { writing: true } => (Claim::Abandoned, "writing"),
            Found::Left { writing: false } | Found::Expired => (Claim::Fresh, "begun"),
        };
        sqlx::query(
            "UPDATE idempotency_keys
             SET fingerprint = $1, phase = $2, holder = $3, held_until = $4, answer = NULL, expires_at = $5
             WHERE id = $6",
        )
        .bind(&attempt.fingerprint)
        .bind(phase)
        .bind(&attempt.holder)
        .bind(now.saturating_add(lease))
        .bind(now.saturating_add(keep))
        .bind(&attempt.id)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(claim)
    }

    /// Says that the attempt goes on; false where it has the key no more.
    pub async fn keep_key(&self, attempt: &Attempt, lease: Duration) -> Result<bool, StoreError> {
        self.hold_key(
            attempt,
            lease,
            "UPDATE idempotency_keys SET held_until = $1 WHERE id = $2 AND holder = $3 AND phase <> 'done'",
        )
        .await
    }

    /// Says that from now on the provider may have written; false where the attempt has the key no more, and must not
    /// have anything written.
    pub async fn key_is_writing(
        &self,
        attempt: &Attempt,
        lease: Duration,
    ) -> Result<bool, StoreError> {
        self.hold_key(
            attempt,
            lease,
            "UPDATE idempotency_keys SET held_until = $1, phase = 'writing' WHERE id = $2 AND holder = $3 AND phase <> 'done'",
        )
        .await
    }

    async fn hold_key(
        &self,
        attempt: &Attempt,
        lease: Duration,
        update: &'static str,
    ) -> Result<bool, StoreError> {
        let now = self.now().await?;
        let held = sqlx::query(update)
            .bind(now.saturating_add(milliseconds(lease)))
            .bind(&attempt.id)
            .bind(&attempt.holder)
            .execute(self.pool())
            .await?;
        Ok(held.rows_affected() == 1)
    }

    /// Keeps what is answered, for as long as it is said; false where the attempt has the key no more.
    pub async fn finish_key(
        &self,
        attempt: &Attempt,
        answer: &[u8],
        keep: Duration,
    ) -> Result<bool, StoreError> {
        let sealed = self.answer_key().await?.seal(attempt.place(), answer);
        let now = self.now().await?;
        // Done already, where the word of an earlier try got lost on its way back.
        let kept = sqlx::query(
            "UPDATE idempotency_keys SET phase = 'done', held_until = 0, answer = $1, expires_at = $2
             WHERE id = $3 AND holder = $4",
        )
        .bind(sealed)
        .bind(now.saturating_add(milliseconds(keep)))
        .bind(&attempt.id)
        .bind(&attempt.holder)
        .execute(self.pool())
        .await?;
        Ok(kept.rows_affected() == 1)
    }

    /// Gives the key back, as if it had not been used.
    pub async fn release_key(&self, attempt: &Attempt) -> Result<(), StoreError> {
        sqlx::query(
            "DELETE FROM idempotency_keys WHERE id = $1 AND holder = $2 AND phase <> 'done'",
        )
        .bind(&attempt.id)
        .bind(&attempt.holder)
        .execute(self.pool())
        .await?;
        Ok(())
    }

    /// Removes some keys whose time is over. Returns how many; less than the most that it removes at once says that no
    /// more are left.
    pub async fn purge_keys(&self) -> Result<Purged, StoreError> {
        let now = self.now().await?;
        let removed = sqlx::query(
            "DELETE FROM idempotency_keys WHERE id IN
                 (SELECT id FROM idempotency_keys WHERE expires_at <= $1 AND held_until <= $1
                  ORDER BY expires_at LIMIT $2)
             AND expires_at <= $1 AND held_until <= $1",
        )
        .bind(now)
        .bind(PURGED_AT_ONCE)
        .execute(self.pool())
        .await?
        .rows_affected();
        Ok(Purged {
            removed,
            may_have_left: removed >= PURGED_AT_ONCE.unsigned_abs(),
        })
    }

    /// Removes the keys of a connection that goes.
    pub(super) async fn forget_keys_in(
        transaction: &mut Transaction<'static, Any>,
        connection: &str,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM idempotency_keys WHERE connection_id = $1")
            .bind(connection)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// What answers are sealed with. One for all: a data key for each would double what a write costs here, and rows
    /// are gone in a day.
    async fn answer_key(&self) -> Result<&Key, StoreError> {
        self.answer_key
            .get_or_try_init(async || {
                let secret = self.installation_secret(PURPOSE).await?;
                Key::from_bytes(PURPOSE.to_owned(), secret.as_slice())
                    .ok_or(StoreError::Seal(seal::SealError::Malformed))
            })
            .await
    }
}

/// What a round of removing has removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purged {
    pub removed: u64,
    pub may_have_left: bool,
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Covers: key-after-its-time, key-after-crash
    #[test]
    fn what_a_row_means_follows_from_phase_time_and_request() {
        let (past, now, future) = (1, 2, 3);
        for (phase, held_until, expires_at, same, expected) in [
            ("begun", future, future, true, Found::Running),
            ("writing", future, future, true, Found::Running),
            ("writing", future, future, false, Found::OtherRequest),
            // It is held, however old it is.
            ("writing", future, past, true, Found::Running),
            ("begun", past, future, true, Found::Left { writing: false }),
            ("writing", past, future, true, Found::Left { writing: true }),
            ("writing", now, future, true, Found::Left { writing: true }),
            ("writing", past, future, false, Found::OtherRequest),
            ("writing", past, past, true, Found::Expired),
            ("done", 0, future, true, Found::Done),
            ("done", 0, future, false, Found::OtherRequest),
            ("done", 0, now, true, Found::Expired),
            ("done", 0, past, false, Found::Expired),
            // Nobody holds what is done.
            ("done", future, future, true, Found::Done),
        ] {
            assert_eq!(
                found(phase, held_until, expires_at, same, now),
                expected,
                "{phase} {held_until} {expires_at} {same}"
            );
        }
    }

    #[test]
    fn parts_of_a_hash_cannot_be_shifted() {
        assert_ne!(hash(&[b"ab", b"c"]), hash(&[b"a", b"bc"]));
        assert_ne!(
            Attempt::new("a", "bc", b"").id,
            Attempt::new("ab", "c", b"").id
        );
        assert_eq!(
            Attempt::new("a", "b", b"").id,
            Attempt::new("a", "b", b"x").id
        );
    }
}
