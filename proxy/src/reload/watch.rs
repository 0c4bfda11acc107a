//! Whether files have changed: looked at every few seconds, since nothing else works for every file system, network mounts
//! and the symbolic links of Kubernetes' volumes among them, which are exchanged and never written.

use std::{
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};

use super::Files;

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

    /// From now on these are the files that secrets come from. What was missing counts as changed as soon as it is there.
    pub(super) async fn follow(&mut self, files: Files) {
        let new = marks_of(&files.read).await;
        let known = std::mem::take(&mut self.files);
        let before = std::mem::take(&mut self.marks);
        // Of a file that is known already it is the mark from before it was read that counts.
        let mark = |(file, new): (&PathBuf, Mark)| match known.iter().position(|it| it == file) {
            Some(at) => before[at].clone(),
            None => new,
        };
        // One that is there and may not be read is known the next time, and not tried for ever.
        let missing = files.missing.iter().map(|file| mark((file, Mark(None))));
        self.files.extend(known.first().cloned());
        self.marks.extend(before.first().cloned());
        self.marks.extend(files.read.iter().zip(new).map(mark));
        self.marks.extend(missing);
        self.files.extend(files.read);
        self.files.extend(files.missing);
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

    #[tokio::test(start_paused = true)]
    async fn a_file_that_was_missing_is_seen_when_it_comes_however_soon() {
        let folder = tempfile::tempdir().unwrap();
        let (file, late, read) = ("c", "late", "read");
        let [file, late, read] = [file, late, read].map(|name| folder.path().join(name));
        fs::write(&file, "one").unwrap();
        fs::write(&read, "one").unwrap();
        let mut watch = Watch::new(&file);
        // It has come between the reading and this.
        fs::write(&late, "one").unwrap();
        let files = |missing| Files {
            read: vec![read.clone()],
            missing,
        };
        watch.follow(files(vec![late.clone()])).await;
        assert!(sees(&watch).await);
        watch.mark().await;
        watch.follow(files(vec![late.clone()])).await;
        assert!(!sees(&watch).await, "there, and still not to be read");
        watch.follow(files(Vec::new())).await;
        assert!(!sees(&watch).await);
        // Written between being marked and being followed again.
        fs::write(&read, "three").unwrap();
        watch.follow(files(Vec::new())).await;
        assert!(sees(&watch).await);
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
