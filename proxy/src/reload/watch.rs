//! Whether files have changed: looked at every few seconds, since nothing else works for every file system, network mounts
//! and the symbolic links of Kubernetes' volumes among them, which are exchanged and never written.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

/// Between two looks.
const EVERY: Duration = Duration::from_secs(2);
/// A change is taken for complete when nothing more has changed for so long.
const SETTLED: Duration = Duration::from_millis(300);
/// One that never comes to rest is not waited for longer than so many times that.
const MOST_LOOKS: usize = 10;

/// Files, and how they were when they were last looked at.
#[derive(Debug)]
pub struct Watch {
    /// The configuration's own file comes first.
    files: Vec<PathBuf>,
    marks: Vec<Mark>,
}

/// What tells one content of a file from another; none where there is no file.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Mark(Option<(u64, u64, Option<SystemTime>, u64)>);

impl Mark {
    /// Of the file at the end of all links.
    fn of(path: &Path) -> Self {
        let Ok(metadata) = std::fs::metadata(path) else {
            return Self(None);
        };
        #[cfg(unix)]
        let (device, inode) = {
            use std::os::unix::fs::MetadataExt as _;
            (metadata.dev(), metadata.ino())
        };
        #[cfg(not(unix))]
        let (device, inode) = (0, 0);
        Self(Some((
            device,
            inode,
            metadata.modified().ok(),
            metadata.len(),
        )))
    }
}

fn marks(files: &[PathBuf]) -> Vec<Mark> {
    files.iter().map(|file| Mark::of(file)).collect()
}

/// The same without keeping the thread that answers calls.
async fn marks_of(files: &[PathBuf]) -> Vec<Mark> {
    let files = files.to_vec();
    tokio::task::spawn_blocking(move || marks(&files))
        .await
        .unwrap_or_default()
}

impl Watch {
    /// Begins to watch the configuration's file. Before it is read, so that no change is missed.
    pub fn new(file: &Path) -> Self {
        let files = vec![file.to_owned()];
        Self {
            marks: marks(&files),
            files,
        }
    }

    /// The same with the files that secrets were read from.
    #[must_use]
    pub fn with(mut self, secrets: &[PathBuf]) -> Self {
        self.marks.extend(marks(secrets));
        self.files.extend_from_slice(secrets);
        self
    }

    /// From now on these are the files that secrets come from, besides those whose change is yet to be seen.
    pub(super) async fn follow(&mut self, secrets: Vec<PathBuf>) {
        let known = |file: &PathBuf| self.files.iter().position(|known| known == file);
        let new = marks_of(&secrets).await;
        let mut marks = vec![self.marks[0].clone()];
        // Of a file that is known already it is the mark from before it was read that counts.
        marks.extend(
            secrets
                .iter()
                .zip(new)
                .map(|(file, new)| match known(file) {
                    Some(at) => self.marks[at].clone(),
                    None => new,
                }),
        );
        self.files.truncate(1);
        self.files.extend(secrets);
        self.marks = marks;
    }

    /// Takes all files for seen as they are.
    pub(super) async fn mark(&mut self) {
        self.marks = marks_of(&self.files).await;
    }

    /// Resolves when a file has changed since it was last marked, and has come to rest. Dropped before its end, it has done
    /// nothing.
    pub(super) async fn changed(&self) {
        loop {
            tokio::time::sleep(EVERY).await;
            let mut seen = marks_of(&self.files).await;
            if seen == self.marks {
                continue;
            }
            for _ in 0..MOST_LOOKS {
                tokio::time::sleep(SETTLED).await;
                let now = marks_of(&self.files).await;
                if now == seen {
                    break;
                }
                seen = now;
            }
            // What was put back as it was has not changed.
            if seen != self.marks {
                return;
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    async fn sees(watch: &Watch) -> bool {
        tokio::time::timeout(EVERY * 3, watch.changed())
            .await
            .is_ok()
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_replaced_or_removed_is_seen_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (file, secret) = (folder.path().join("c"), folder.path().join("s"));
        fs::write(&file, "one").unwrap();
        fs::write(&secret, "one").unwrap();
        let mut watch = Watch::new(&file).with(std::slice::from_ref(&secret));
        assert!(!sees(&watch).await);
        fs::write(&file, "three").unwrap();
        assert!(sees(&watch).await, "written in place");
        watch.mark().await;
        assert!(!sees(&watch).await);
        let other = folder.path().join("other");
        fs::write(&other, "seven").unwrap();
        fs::rename(&other, &file).unwrap();
        assert!(sees(&watch).await, "replaced by one of the same length");
        watch.mark().await;
        fs::write(&secret, "changed").unwrap();
        assert!(sees(&watch).await, "a secret");
        watch.mark().await;
        fs::remove_file(&file).unwrap();
        assert!(sees(&watch).await, "removed");
        watch.mark().await;
        assert!(!sees(&watch).await, "it is told once");
    }

    /// As Kubernetes does it: `c` leads to `..data/c`, and `..data` to a folder that is never written again.
    #[tokio::test(start_paused = true)]
    async fn a_volume_that_is_exchanged_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("..1", "one"), ("..2", "two")] {
            fs::create_dir(folder.path().join(name)).unwrap();
            fs::write(folder.path().join(name).join("c"), text).unwrap();
        }
        symlink("..1", folder.path().join("..data")).unwrap();
        symlink("..data/c", folder.path().join("c")).unwrap();
        let watch = Watch::new(&folder.path().join("c"));
        assert!(!sees(&watch).await);
        symlink("..2", folder.path().join("..new")).unwrap();
        fs::rename(folder.path().join("..new"), folder.path().join("..data")).unwrap();
        assert!(sees(&watch).await);
    }
}
