//! The wrapping keys: outside of the store, in a file of the owner's or in the environment.
//!
//! A key's id follows from the key, so that a wrong one is told from a right one without trying it. The first key wraps
//! what is new; the others open what is older, until [`Store::rotate_keys`] has wrapped it anew.

use std::{
    fs, io,
    io::Write as _,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine as _};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use sqlx::{Any, Row as _, Transaction};
use zeroize::Zeroizing;

use super::{
    Place, Store, StoreError, new_id,
    seal::{self, Key, SealError},
};

/// Of a wrapped data key.
const WRAPPED: &str = "data_keys.wrapped";
/// Data keys that are wrapped anew in one transaction.
const ROTATED_AT_ONCE: i64 = 500;

/// Where the wrapping keys are.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// One key in each line, the newest first; made with one key, and readable by its owner alone, where it is missing.
    File(PathBuf),
    /// The same as a text, from the environment.
    Text(SecretString),
}

/// Why the wrapping keys cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("the key file {path} cannot be read or made: {source}")]
    File { path: String, source: io::Error },
    #[error(
        "{place} line {line}: expected a key of 32 bytes in base64, as `openssl rand -base64 32` prints"
    )]
    Malformed { place: String, line: usize },
    #[error("{0} has no key in it; expected one of 32 bytes in base64 on a line of its own")]
    Empty(String),
    #[error(
        "secrets in the store are sealed with the key {id}, which is not in {place} (there: {there}); put that key back, or the connections have to be made anew"
    )]
    Missing {
        id: String,
        place: String,
        there: String,
    },
    #[error(
        "a key from the environment cannot be changed by itself: put a new key before the old one, then rotate"
    )]
    NotAFile,
}

impl KeyError {
    fn of(path: &Path, source: io::Error) -> Self {
        Self::File {
            path: path.display().to_string(),
            source,
        }
    }
}

/// The wrapping keys at hand.
#[derive(Debug)]
pub struct KeyRing {
    source: KeySource,
    keys: RwLock<Arc<[Key]>>,
}

impl KeyRing {
    /// Reads the keys. A missing file is none yet: it is made when the store turns out to have no secrets.
    pub fn load(source: KeySource) -> Result<Self, KeyError> {
        let keys = match &source {
            KeySource::File(path) if !exists(path)? => Arc::default(),
            _ => read(&source)?,
        };
        Ok(Self {
            source,
            keys: RwLock::new(keys),
        })
    }

    /// Makes the file with a first key, where there is none.
    fn make(&self) -> Result<(), KeyError> {
        if let KeySource::File(path) = &self.source {
            make_file(path).map_err(|source| KeyError::of(path, source))?;
            self.reload()?;
        }
        Ok(())
    }

    fn keys(&self) -> Arc<[Key]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The key with an id; a file is read again for one that is not known, since another process may have put it there.
    pub(super) fn find(&self, id: &str) -> Result<Key, KeyError> {
        let find = |keys: &[Key]| keys.iter().find(|key| key.id == id).cloned();
        if let Some(key) = find(&self.keys()) {
            return Ok(key);
        }
        if let KeySource::File(path) = &self.source
            && exists(path)?
        {
            self.reload()?;
        }
        let keys = self.keys();
        find(&keys).ok_or_else(|| {
            let ids: Vec<&str> = keys.iter().map(|key| key.id.as_str()).collect();
            KeyError::Missing {
                id: id.to_owned(),
                place: self.source.place(),
                there: if ids.is_empty() {
                    "none".to_owned()
                } else {
                    ids.join(", ")
                },
            }
        })
    }

    fn reload(&self) -> Result<(), KeyError> {
        let keys = read(&self.source)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The key that wraps what is new. A file is read again, since another process may have put one before it; where
    /// that fails, the one that is known will do.
    fn newest(&self) -> Key {
        if matches!(self.source, KeySource::File(_))
            && let Err(error) = self.reload()
        {
            tracing::warn!(%error, "the keys of the store could not be read again");
        }
        self.keys()
            .first()
            .cloned()
            .expect("a ring without keys was refused when it was read")
    }

    /// Puts a new key before the others. The file is replaced as a whole, so that no reader sees half of it.
    fn add(&self) -> Result<(), KeyError> {
        let KeySource::File(path) = &self.source else {
            return Err(KeyError::NotAFile);
        };
        let mut lines = Zeroizing::new(line(&new_key()));
        for key in self.keys().iter() {
            lines.push_str(&line(key));
        }
        let beside = path.with_extension("new");
        let replaced = fs::remove_file(&beside)
            .or_else(|error| match error.kind() {
                io::ErrorKind::NotFound => Ok(()),
                _ => Err(error),
            })
            .and_then(|()| write_private(&beside, &lines))
            .and_then(|()| fs::rename(&beside, path));
        replaced.map_err(|source| KeyError::of(path, source))?;
        self.reload()
    }
}

impl KeySource {
    fn place(&self) -> String {
        match self {
            Self::File(path) => format!("the key file {}", path.display()),
            Self::Text(_) => "`store_key`".to_owned(),
        }
    }
}

fn read(source: &KeySource) -> Result<Arc<[Key]>, KeyError> {
    let text = match source {
        KeySource::File(path) => SecretString::from(
            fs::read_to_string(path).map_err(|source| KeyError::of(path, source))?,
        ),
        KeySource::Text(text) => text.clone(),
    };
    let mut keys = Vec::new();
    for (number, line) in text.expose_secret().lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let bytes = BASE64_STANDARD_NO_PAD
            .decode(line.trim_end_matches('='))
            .map(Zeroizing::new);
        let key = bytes
            .ok()
            .and_then(|bytes| Key::from_bytes(key_id(&bytes), &bytes));
        keys.push(key.ok_or_else(|| KeyError::Malformed {
            place: source.place(),
            line: number + 1,
        })?);
    }
    if keys.is_empty() {
        return Err(KeyError::Empty(source.place()));
    }
    Ok(keys.into())
}

fn exists(path: &Path) -> Result<bool, KeyError> {
    path.try_exists()
        .map_err(|source| KeyError::of(path, source))
}

fn new_key() -> Key {
    let key = Key::random(String::new());
    let id = key_id(key.bytes());
    Key::from_bytes(id, key.bytes()).expect("a key has its length")
}

/// Tells nothing of the key: it is the beginning of a hash of 256 random bits.
fn key_id(key: &[u8]) -> String {
    let hash = Sha256::new()
        .chain_update(b"crosswalk key id 1")
        .chain_update(key)
        .finalize();
    format!(
        "{:08x}",
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    )
}

fn line(key: &Key) -> String {
    format!("{}\n", BASE64_STANDARD_NO_PAD.encode(key.bytes()))
}

/// Two processes that start together agree on one key: the file is linked into its place whole, by the first.
fn make_file(path: &Path) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        super::make_private_folder(folder)?;
    }
    let beside = path.with_extension(format!("{:08x}", rand::random::<u32>()));
    write_private(&beside, &Zeroizing::new(line(&new_key())))?;
    let linked = fs::hard_link(&beside, path);
    fs::remove_file(&beside)?;
    match linked {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

impl Store {
    /// A new data key, kept wrapped.
    pub(crate) async fn new_data_key(
        &self,
        transaction: &mut Transaction<'static, Any>,
    ) -> Result<Key, StoreError> {
        let key = Key::random(new_id("dk"));
        let wrapping = self.keys.newest();
        let place = Place {
            column: WRAPPED,
            row: &key.id,
        };
        let now = self.now_in(transaction).await?;
        sqlx::query(
            "INSERT INTO data_keys (id, wrapped_by, wrapped, created_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(&key.id)
        .bind(&wrapping.id)
        .bind(wrapping.seal(place, key.bytes()))
        .bind(now)
        .execute(&mut **transaction)
        .await?;
        Ok(key)
    }

    /// The data key with an id.
    pub(crate) async fn data_key(&self, id: &str) -> Result<Key, StoreError> {
        let row = sqlx::query("SELECT wrapped FROM data_keys WHERE id = $1")
            .bind(id)
            .fetch_optional(self.pool())
            .await?
            .ok_or_else(|| StoreError::Corrupt(format!("there is no data key {id}")))?;
        let wrapped: String = row.try_get("wrapped")?;
        self.unwrap(id, &wrapped)
    }

    pub(super) fn unwrap(&self, id: &str, wrapped: &str) -> Result<Key, StoreError> {
        let place = Place {
            column: WRAPPED,
            row: id,
        };
        let wrapping = self.keys.find(seal::key_of(wrapped)?)?;
        let bytes = wrapping.open(place, wrapped)?;
        Key::from_bytes(id.to_owned(), &bytes).ok_or(StoreError::Seal(SealError::Malformed))
    }

    /// Removes a data key: what is sealed with it can never be opened again, in a copy of the store neither.
    pub(crate) async fn forget_data_key(
        transaction: &mut Transaction<'static, Any>,
        id: &str,
    ) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM data_keys WHERE id = $1")
            .bind(id)
            .execute(&mut **transaction)
            .await?;
        Ok(())
    }

    /// Refuses keys that do not open what is sealed. One data key of each wrapping key is tried. A store without secrets
    /// gets its first key, where it is to come from a file.
    pub(super) async fn check_keys(&self) -> Result<(), StoreError> {
        let rows = sqlx::query("SELECT MIN(id) AS id FROM data_keys GROUP BY wrapped_by")
            .fetch_all(self.pool())
            .await?;
        if rows.is_empty() && self.keys.keys().is_empty() {
            self.keys.make()?;
        }
        for row in rows {
            let id: String = row.try_get("id")?;
            self.data_key(&id).await?;
        }
        Ok(())
    }

    /// Makes a new wrapping key where the keys are in a file, and wraps every data key with the newest one. Other
    /// processes may go on meanwhile: they find the new key in the file when they meet it. Returns how many were wrapped
    /// anew.
    pub async fn rotate_keys(&self) -> Result<u64, StoreError> {
        match self.keys.add() {
            Ok(()) | Err(KeyError::NotAFile) => {}
            Err(error) => return Err(error.into()),
        }
        let wrapping = self.keys.newest();
        let mut rotated = 0;
        loop {
            let mut transaction = self.begin().await?;
            let select = format!(
                "SELECT id, wrapped FROM data_keys WHERE wrapped_by <> $1 ORDER BY id LIMIT $2{}",
                self.dialect.for_update()
            );
            let rows = sqlx::query(sqlx::AssertSqlSafe(select))
                .bind(&wrapping.id)
                .bind(ROTATED_AT_ONCE)
                .fetch_all(&mut *transaction)
                .await?;
            if rows.is_empty() {
                return Ok(rotated);
            }
            for row in rows {
                let id: String = row.try_get("id")?;
                let wrapped: String = row.try_get("wrapped")?;
                let key = self.unwrap(&id, &wrapped)?;
                let place = Place {
                    column: WRAPPED,
                    row: &id,
                };
                sqlx::query("UPDATE data_keys SET wrapped_by = $1, wrapped = $2 WHERE id = $3")
                    .bind(&wrapping.id)
                    .bind(wrapping.seal(place, key.bytes()))
                    .bind(&id)
                    .execute(&mut *transaction)
                    .await?;
                rotated += 1;
            }
            transaction.commit().await?;
        }
    }
}
