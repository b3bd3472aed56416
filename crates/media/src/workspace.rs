//! Folders that programs work in. They go when the work is done, and with a sweep
//! when the process that made them died before.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;
use tempfile::TempDir;

/// What the names of such folders begin with.
const PREFIX: &str = "runnel-work-";

/// The file in each that is locked: a network's file system locks no folders.
const LOCK: &str = ".lock";

/// A folder that is worked in.
///
/// It is locked meanwhile, and the kernel takes a lock back when its holder dies,
/// in whatever container it lived.
#[derive(Debug)]
pub(crate) struct Workspace {
    folder: TempDir,
    _lock: File,
}

impl Workspace {
    pub(crate) fn new() -> io::Result<Self> {
        Self::new_in(&std::env::temp_dir())
    }

    fn new_in(parent: &Path) -> io::Result<Self> {
        loop {
            let folder = tempfile::Builder::new().prefix(PREFIX).tempdir_in(parent)?;
            let path = folder.path().join(LOCK);
            let lock = match File::create(&path) {
                // A sweep came between the two, as it may before the lock.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            // Where nothing can be locked, a sweep cannot either, and removes nothing.
            let _ = lock.lock();
            if path.is_file() {
                return Ok(Self {
                    folder,
                    _lock: lock,
                });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// Removes the folders of programs whose server died; answers how many, and with the
/// first failure: one that cannot be removed keeps none of the others.
pub fn sweep_workspaces() -> (usize, Option<io::Error>) {
    sweep(&std::env::temp_dir())
}

fn sweep(parent: &Path) -> (usize, Option<io::Error>) {
    let entries = match fs::read_dir(parent) {
        Ok(entries) => entries,
        // Nothing was ever worked in there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return (0, None),
        Err(error) => return (0, Some(error)),
    };
    let (mut swept, mut failed) = (0, None);
    for entry in entries.map_while(Result::ok) {
        if !is_ours(&entry) {
            continue;
        }
        match remove_abandoned(&entry.path()) {
            Ok(true) => swept += 1,
            Ok(false) => {}
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    (swept, failed)
}

/// Whether a process of the same user made it: the folder for temporary files
/// belongs to everybody.
fn is_ours(entry: &fs::DirEntry) -> bool {
    entry.file_name().to_string_lossy().starts_with(PREFIX)
        && entry
            .metadata()
            .is_ok_and(|found| found.is_dir() && found.uid() == geteuid().as_raw())
}

/// Removes a folder unless its lock is held.
fn remove_abandoned(folder: &Path) -> io::Result<bool> {
    // Made where it is missing: whoever is just making it, too, waits for it then.
    let lock = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(folder.join(LOCK));
    let removed = match lock {
        Ok(lock) if lock.try_lock().is_err() => return Ok(false),
        Ok(_lock) => fs::remove_dir_all(folder),
        Err(error) => Err(error),
    };
    match removed {
        // One that is gone by now was done with.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_dead_left_goes_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let at_work = Workspace::new_in(parent.path()).unwrap();
        let left = parent.path().join(format!("{PREFIX}left"));
        let others = parent.path().join("somebody-elses");
        for folder in [&left, &others] {
            fs::create_dir(folder).unwrap();
            fs::write(folder.join("in"), b"bytes").unwrap();
        }
        fs::write(parent.path().join(format!("{PREFIX}file")), b"bytes").unwrap();
        std::os::unix::fs::symlink(&others, parent.path().join(format!("{PREFIX}link"))).unwrap();
        assert!(matches!(sweep(parent.path()), (1, None)));
        assert!(!left.exists());
        assert!(at_work.path().is_dir() && others.join("in").is_file());
        let path = at_work.path().to_owned();
        drop(at_work);
        assert!(!path.exists());
        assert!(matches!(sweep(parent.path()), (0, None)));
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 3);
    }

    #[test]
    fn what_cannot_be_removed_is_told_and_keeps_no_other() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            let folder = parent.path().join(format!("{PREFIX}{name}"));
            fs::create_dir(&folder).unwrap();
        }
        // No file can be made in its place, whoever asks.
        let stuck = parent.path().join(format!("{PREFIX}b")).join(LOCK);
        fs::create_dir(&stuck).unwrap();
        assert!(matches!(sweep(parent.path()), (2, Some(_))));
        assert!(stuck.is_dir());
        let nowhere = parent.path().join("nowhere");
        assert!(matches!(sweep(&nowhere), (0, None)));
    }
}
