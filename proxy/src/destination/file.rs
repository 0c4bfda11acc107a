//! Where a SQLite destination's file is: below a given folder, whatever the path says.
//!
//! Assumes that nobody else changes the folder in the same moment.

use std::{
    fs::{self, OpenOptions},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
};

use super::error::DestinationError;

const LONGEST_PATH: usize = 200;

/// Checks the path, and makes the file for its owner only unless it is there. SQLite gives its side files the same mode.
pub(super) fn place(folder: &Path, path: &str) -> Result<PathBuf, DestinationError> {
    let names = names(path)?;
    let mut place = folder.canonicalize().map_err(|error| unreachable(&error))?;
    for (at, name) in names.iter().enumerate() {
        place.push(name);
        let is_last = at + 1 == names.len();
        match fs::symlink_metadata(&place) {
            Ok(found) if found.is_symlink() => {
                return Err(wrong(&format!("`{name}` is a symbolic link")));
            }
            Ok(found) if is_last && !found.is_file() => {
                return Err(wrong(&format!("`{name}` is no file")));
            }
            Ok(found) if !is_last && !found.is_dir() => {
                return Err(wrong(&format!("`{name}` is no folder")));
            }
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => make(&place, is_last)?,
            Err(error) => return Err(unreachable(&error)),
        }
    }
    Ok(place)
}

/// Another runner may make it in the same moment, which is as good.
fn make(place: &Path, is_file: bool) -> Result<(), DestinationError> {
    let made = if is_file {
        OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(place)
            .map(|_| ())
    } else {
        fs::DirBuilder::new().mode(0o700).create(place)
    };
    match made {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Err(DestinationError::Full {
            reason: error.to_string(),
        }),
        Err(error) if error.kind() == io::ErrorKind::ReadOnlyFilesystem => {
            Err(DestinationError::ReadOnly {
                reason: error.to_string(),
            })
        }
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(unreachable(&error)),
        _ => Ok(()),
    }
}

/// The path's parts. Only characters that mean nothing to SQLite, a shell or a URL.
fn names(path: &str) -> Result<Vec<&str>, DestinationError> {
    let is_plain =
        |character: char| character.is_ascii_alphanumeric() || "._-/".contains(character);
    if path.is_empty() || path.len() > LONGEST_PATH || !path.chars().all(is_plain) {
        return Err(wrong(&format!(
            "expected a file's name of at most {LONGEST_PATH} letters, digits, `.`, `_` and `-`, folders before it with `/`"
        )));
    }
    // Those would be taken for another database's.
    if ["-wal", "-shm", "-journal"]
        .iter()
        .any(|end| path.ends_with(end))
        || path.ends_with('/')
    {
        return Err(wrong("it ends as no database's file does"));
    }
    Path::new(path)
        .components()
        .map(|part| match part {
            Component::Normal(name) => name.to_str().ok_or_else(|| wrong("it is not UTF-8")),
            Component::RootDir | Component::Prefix(_) => {
                Err(wrong("it is absolute, expected one inside the folder"))
            }
            Component::ParentDir | Component::CurDir => {
                Err(wrong("`.` and `..` are not allowed in it"))
            }
        })
        .collect()
}

fn wrong(reason: &str) -> DestinationError {
    DestinationError::Settings {
        reason: format!("path: {reason}"),
    }
}

fn unreachable(error: &io::Error) -> DestinationError {
    DestinationError::Unreachable {
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn files_are_their_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = place(folder.path(), "a/b/crm.db").unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let parent = folder.path().join("a/b").metadata().unwrap();
        assert_eq!(parent.permissions().mode() & 0o777, 0o700);
        assert_eq!(place(folder.path(), "a/b/crm.db").unwrap(), file);
    }

    #[test]
    fn no_path_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        fs::create_dir_all(inner.join("folder.db")).unwrap();
        fs::write(folder.path().join("secret.db"), "").unwrap();
        symlink(folder.path(), inner.join("out")).unwrap();
        symlink(folder.path().join("secret.db"), inner.join("link.db")).unwrap();
        fs::write(inner.join("file"), "").unwrap();
        for path in [
            "",
            "/etc/passwd",
            "../secret.db",
            "a/../../secret.db",
            "./x.db",
            "out/secret.db",
            "out/new.db",
            "link.db",
            "folder.db",
            "file/x.db",
            "x.db?mode=ro",
            "file:x.db",
            "a\0b",
            "x.db-wal",
            "x/",
            ":memory:",
        ] {
            let refused = place(&inner, path);
            assert!(
                matches!(refused, Err(DestinationError::Settings { .. })),
                "{path}: {refused:?}"
            );
        }
    }
}
