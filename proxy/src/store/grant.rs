//! Grants: secrets that were given out, each for one purpose. Only their hash is kept.
//!
//! A secret is 256 random bits. It is found by its SHA-256 in an index, which compares in a time that depends on how much
//! of two *hashes* is alike. That tells nobody anything of use: who guesses cannot choose a text whose hash begins with
//! what was learned, other than by trying as many texts as the hash has values; and a slow hash, made for what people
//! think up, would only cost time here.

use std::{fmt, time::Duration};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use secrecy::SecretString;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sqlx::{Any, Row as _, Transaction, any::AnyRow};
use zeroize::Zeroizing;

use super::{Place, Store, StoreError, json, json_text, new_id, seal};

const SECRETS: &str = "grants.secrets";
/// No given-out secret is longer; what is need not be hashed.
const LONGEST_SECRET: usize = 64;
/// Expired grants that are removed in one transaction.
const PURGED_AT_ONCE: i64 = 500;

/// What a secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GrantKind {
    /// `x-apikey`; lasts until it is revoked, unless made with an end.
    ApiKey,
    /// `authorization: Bearer`, for one customer.
    ConnectToken,
    /// A link to the page on which a customer connects an account.
    MagicLink,
    /// The cookie of a browser that has opened such a link.
    ConnectVisit,
    /// What comes back from a provider's consent page; good for one use.
    OauthState,
}

impl GrantKind {
    const ALL: [Self; 5] = [
        Self::ApiKey,
        Self::ConnectToken,
        Self::MagicLink,
        Self::ConnectVisit,
        Self::OauthState,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "api_key",
            Self::ConnectToken => "connect_token",
            Self::MagicLink => "magic_link",
            Self::ConnectVisit => "connect_visit",
            Self::OauthState => "oauth_state",
        }
    }

    /// What secrets of this kind begin with, so that scanners of logs and repositories know them.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "cwk_",
            Self::ConnectToken => "cwt_",
            Self::MagicLink => "cwm_",
            Self::ConnectVisit => "cwv_",
            Self::OauthState => "cws_",
        }
    }

    fn id_prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "key",
            Self::ConnectToken => "ctok",
            Self::MagicLink => "link",
            Self::ConnectVisit => "visit",
            Self::OauthState => "state",
        }
    }
}

/// A secret that was just made. It can be had once, from here; nothing prints it by accident.
pub struct GrantSecret(Zeroizing<String>);

impl GrantSecret {
    fn random(kind: GrantKind) -> Self {
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(rand::random());
        let mut text = Zeroizing::new(kind.prefix().to_owned());
        BASE64_URL_SAFE_NO_PAD.encode_string(bytes.as_slice(), &mut text);
        Self(text)
    }

    /// The text, for the one answer that shows it.
    pub fn show_once(mut self) -> String {
        std::mem::take(&mut *self.0)
    }
}

impl fmt::Debug for GrantSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("GrantSecret(…)")
    }
}

/// A grant without its secrets.
#[derive(Debug, Clone, PartialEq)]
pub struct Grant {
    /// `key_…`, `ctok_…`, `link_…`, `visit_…`, `state_…`; no secret.
    pub id: String,
    pub kind: GrantKind,
    /// Of an API key: `admin`, `unified`, `read`.
    pub scope: Option<String>,
    pub customer_id: Option<String>,
    pub name: Option<String>,
    pub data: Option<Value>,
    pub created_at: i64,
    pub expires_at: Option<i64>,
    pub revoked_at: Option<i64>,
    pub used_at: Option<i64>,
    /// When it was read, by the same clock as the others.
    pub read_at: i64,
    sealed: Option<String>,
}

/// What a grant is made with.
#[derive(Debug, Clone, Copy)]
pub struct NewGrant<'a> {
    pub kind: GrantKind,
    pub scope: Option<&'a str>,
    pub customer_id: Option<&'a str>,
    pub name: Option<&'a str>,
    pub data: Option<&'a Value>,
    /// What belongs to it and is secret, such as the verifier of PKCE; sealed.
    pub secrets: Option<&'a SecretString>,
    /// None where it has no end.
    pub lasts: Option<Duration>,
}

impl NewGrant<'_> {
    /// Nothing but its kind and its end.
    pub fn new(kind: GrantKind, lasts: Option<Duration>) -> Self {
        Self {
            kind,
            scope: None,
            customer_id: None,
            name: None,
            data: None,
            secrets: None,
            lasts,
        }
    }
}

/// Why a grant is not good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantFault {
    /// There is none with this secret.
    Unknown,
    Revoked,
    Expired,
    /// It was for one use.
    Used,
}

/// A grant that may have been good for one use.
#[derive(Debug, Clone, PartialEq)]
pub enum Redeemed {
    /// It was, and has been used now.
    Yes(Box<Grant>),
    No(GrantFault),
}

impl Grant {
    fn read(row: &AnyRow) -> Result<Self, StoreError> {
        let kind: String = row.try_get("kind")?;
        Ok(Self {
            id: row.try_get("id")?,
            kind: GrantKind::ALL
                .into_iter()
                .find(|each| each.name() == kind)
                .ok_or_else(|| StoreError::Corrupt(format!("grants.kind: {kind}")))?,
            scope: row.try_get("scope")?,
            customer_id: row.try_get("customer_id")?,
            name: row.try_get("name")?,
            data: json(row, "data")?,
            created_at: row.try_get("created_at")?,
            expires_at: row.try_get("expires_at")?,
            revoked_at: row.try_get("revoked_at")?,
            used_at: row.try_get("used_at")?,
            read_at: row.try_get("read_at")?,
            sealed: row.try_get("secrets")?,
        })
    }

    /// Why it is not good, where it is not; as it was when it was read.
    pub fn fault(&self) -> Option<GrantFault> {
        if self.revoked_at.is_some() {
            Some(GrantFault::Revoked)
        } else if self.used_at.is_some() {
            Some(GrantFault::Used)
        } else if self.expires_at.is_some_and(|end| end <= self.read_at) {
            Some(GrantFault::Expired)
        } else {
            None
        }
    }

    /// How long it went on to be good when it was read; none where it has no end.
    pub fn lasts(&self) -> Option<Duration> {
        let end = self.expires_at?;
        let left = u64::try_from(end.saturating_sub(self.read_at)).unwrap_or_default();
        Some(Duration::from_millis(left))
    }
}

impl Store {
    /// Gives out a secret.
    pub async fn make_grant(&self, new: &NewGrant<'_>) -> Result<(Grant, GrantSecret), StoreError> {
        let mut transaction = self.begin().await?;
        let made = self.make_grant_in(&mut transaction, new).await?;
        transaction.commit().await?;
        Ok(made)
    }

    /// The same, together with what else the transaction does.
    pub(crate) async fn make_grant_in(
        &self,
        transaction: &mut Transaction<'static, Any>,
        new: &NewGrant<'_>,
    ) -> Result<(Grant, GrantSecret), StoreError> {
        let secret = GrantSecret::random(new.kind);
        let id = new_id(new.kind.id_prefix());
        let now = self.now_in(transaction).await?;
        let (sealed, data_key) = match new.secrets {
            Some(secrets) => {
                let key = self.new_data_key(transaction).await?;
                let place = Place {
                    column: SECRETS,
                    row: &id,
                };
                (Some(key.seal_text(place, secrets)), Some(key.id))
            }
            None => (None, None),
        };
        let lasts = new
            .lasts
            .map(|lasts| i64::try_from(lasts.as_millis()).unwrap_or(i64::MAX));
        let row = sqlx::query(
            "INSERT INTO grants
                 (id, hash, kind, scope, customer_id, name, data, secrets, data_key, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             RETURNING *, created_at AS read_at",
        )
        .bind(&id)
        .bind(hash(&secret.0))
        .bind(new.kind.name())
        .bind(new.scope)
        .bind(new.customer_id)
        .bind(new.name)
        .bind(json_text(new.data))
        .bind(sealed)
        .bind(data_key)
        .bind(now)
        .bind(lasts.map(|lasts| now.saturating_add(lasts)))
        .fetch_one(&mut **transaction)
        .await?;
        Ok((Grant::read(&row)?, secret))
    }

    /// The grant with a secret, good or not: [`Grant::fault`] tells. None where there is none of this kind.
    pub async fn find_grant(
        &self,
        kind: GrantKind,
        secret: &str,
    ) -> Result<Option<Grant>, StoreError> {
        if !may_be_secret(kind, secret) {
            return Ok(None);
        }
        let select = format!(
            "SELECT grants.*, ({}) AS read_at FROM grants WHERE hash = $1 AND kind = $2",
            self.dialect.select_now()
        );
        let row = sqlx::query(sqlx::AssertSqlSafe(select))
            .bind(hash(secret))
            .bind(kind.name())
            .fetch_optional(self.pool())
            .await?;
        row.as_ref().map(Grant::read).transpose()
    }

    /// Uses a grant that is good for one use: of any number who try it at one time, one gets it.
    pub async fn use_grant(&self, kind: GrantKind, secret: &str) -> Result<Redeemed, StoreError> {
        if !may_be_secret(kind, secret) {
            return Ok(Redeemed::No(GrantFault::Unknown));
        }
        let now = self.now().await?;
        let row = sqlx::query(
            "UPDATE grants SET used_at = $1
             WHERE hash = $2 AND kind = $3 AND used_at IS NULL AND revoked_at IS NULL
               AND (expires_at IS NULL OR expires_at > $1)
             RETURNING *, used_at AS read_at",
        )
        .bind(now)
        .bind(hash(secret))
        .bind(kind.name())
        .fetch_optional(self.pool())
        .await?;
        if let Some(row) = row {
            return Ok(Redeemed::Yes(Box::new(Grant::read(&row)?)));
        }
        let fault = match self.find_grant(kind, secret).await? {
            // It was good until it was tried, so somebody else has used it since, or it has ended.
            Some(grant) => grant.fault().unwrap_or(GrantFault::Used),
            None => GrantFault::Unknown,
        };
        Ok(Redeemed::No(fault))
    }

    /// The secrets of a grant, as the text that they were given as.
    pub async fn grant_secrets(&self, grant: &Grant) -> Result<Option<SecretString>, StoreError> {
        let Some(sealed) = &grant.sealed else {
            return Ok(None);
        };
        let key = self.data_key(seal::key_of(sealed)?).await?;
        let place = Place {
            column: SECRETS,
            row: &grant.id,
        };
        Ok(Some(key.open_text(place, sealed)?))
    }

    /// Ends a grant for good; none where there is none with this id and kind. One that was revoked before stays as it
    /// is.
    pub async fn revoke_grant(
        &self,
        kind: GrantKind,
        id: &str,
    ) -> Result<Option<Grant>, StoreError> {
        let now = self.now().await?;
        let row = sqlx::query(
            "UPDATE grants SET revoked_at = COALESCE(revoked_at, $1) WHERE id = $2 AND kind = $3
             RETURNING *, revoked_at AS read_at",
        )
        .bind(now)
        .bind(id)
        .bind(kind.name())
        .fetch_optional(self.pool())
        .await?;
        row.as_ref().map(Grant::read).transpose()
    }

    /// Whether there is a grant of this kind that is good.
    pub async fn has_good_grant(&self, kind: GrantKind) -> Result<bool, StoreError> {
        let now = self.now().await?;
        let found = sqlx::query(
            "SELECT 1 FROM grants
             WHERE kind = $1 AND revoked_at IS NULL AND used_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
             LIMIT 1",
        )
        .bind(kind.name())
        .bind(now)
        .fetch_optional(self.pool())
        .await?;
        Ok(found.is_some())
    }

    /// All of one kind, the oldest first.
    pub async fn grants(
        &self,
        kind: GrantKind,
        limit: i64,
        offset: i64,
    ) -> Result<Vec<Grant>, StoreError> {
        let select = format!(
            "SELECT grants.*, ({}) AS read_at FROM grants WHERE kind = $1
             ORDER BY created_at, id LIMIT $2 OFFSET $3",
            self.dialect.select_now()
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(select))
            .bind(kind.name())
            .bind(limit)
            .bind(offset)
            .fetch_all(self.pool())
            .await?;
        rows.iter().map(Grant::read).collect()
    }

    /// Removes grants that ended longer than `ago` ago, and the keys of their secrets. Those without an end stay, revoked
    /// ones too, so that it can be told what there was. Returns how many were removed.
    pub async fn purge_grants(&self, ago: Duration) -> Result<u64, StoreError> {
        let ago = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
        let mut purged = 0;
        loop {
            let mut transaction = self.begin().await?;
            let now = self.now_in(&mut transaction).await?;
            let rows = sqlx::query(
                "DELETE FROM grants WHERE id IN
                     (SELECT id FROM grants WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)
                 RETURNING data_key",
            )
            .bind(now.saturating_sub(ago))
            .bind(PURGED_AT_ONCE)
            .fetch_all(&mut *transaction)
            .await?;
            for row in &rows {
                if let Some(key) = row.try_get::<Option<String>, _>("data_key")? {
                    Self::forget_data_key(&mut transaction, &key).await?;
                }
            }
            transaction.commit().await?;
            if rows.is_empty() {
                return Ok(purged);
            }
            purged += rows.len() as u64;
        }
    }
}

/// What cannot be a secret of this kind asks nothing of the database.
pub(crate) fn may_be_secret(kind: GrantKind, text: &str) -> bool {
    text.len() <= LONGEST_SECRET && text.starts_with(kind.prefix())
}

fn hash(secret: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(secret.as_bytes()))
}
