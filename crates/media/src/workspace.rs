//! Folders that programs work in. They go when the work is done, and with a sweep
//! when the process that made them died before: as the files of bodies that are
//! arriving do, which the crate of the object stores keeps.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use fs_err as fs;
use rustix::process::geteuid;

/// What the names of such folders begin with.
const PREFIX: &str = "runnel-work-";

/// What the names of the files end with that are locked as long as there is work in
/// the folder beside them. A network's file system locks no folders, and removes none
/// that holds an open file.
const LOCK: &str = ".lock";

/// A folder that is worked in.
///
/// The kernel takes its lock back when its holder dies, in whatever container that
/// lived.
#[derive(Debug)]
pub(crate) struct Workspace {
    folder: PathBuf,
    lock: tempfile::NamedTempFile,
}

impl Workspace {
    pub(crate) fn new() -> io::Result<Self> {
        Self::new_in(&std::env::temp_dir())
    }

    fn new_in(parent: &Path) -> io::Result<Self> {
        loop {
            let lock = tempfile::Builder::new()
                .prefix(PREFIX)
                .suffix(LOCK)
                .tempfile_in(parent)?;
            // Where nothing can be locked, a sweep cannot either, and removes nothing.
            let _ = lock.as_file().lock();
            // A sweep may have come between the two; it removes what it locked.
            if lock.as_file().metadata()?.nlink() > 0 {
                let folder = lock.path().with_extension("");
                DirBuilder::new().mode(0o700).create(&folder)?;
                return Ok(Self { folder, lock });
            }
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // ORDER: the folder before its lock, by which the next sweep finds what could
        // not be removed.
        if fs::remove_dir_all(&self.folder).is_err() {
            self.lock.disable_cleanup(true);
        }
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
    for entry in entries {
        let removed = match entry {
            Ok(entry) if is_our_lock(&entry) => remove_abandoned(&entry.path()),
            Ok(_) => continue,
            Err(error) => Err(error),
        };
        match removed {
            Ok(is_removed) => swept += usize::from(is_removed),
            Err(error) => failed = failed.or(Some(error)),
        }
    }
    (swept, failed)
}

/// Whether a process of the same user made it: the folder for temporary files
/// belongs to everybody.
fn is_our_lock(entry: &fs::DirEntry) -> bool {
    let name = entry.file_name();
    let name = name.to_string_lossy();
    name.starts_with(PREFIX)
        && name.ends_with(LOCK)
        && entry
            .metadata()
            .is_ok_and(|found| found.is_file() && found.uid() == geteuid().as_raw())
}

/// Removes the folder of a lock that nobody holds, and the lock.
fn remove_abandoned(path: &Path) -> io::Result<bool> {
    let lock = match fs::OpenOptions::new().write(true).open(path) {
        // It is done with.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        opened => opened?,
    };
    if lock.file().try_lock().is_err() {
        return Ok(false);
    }
    match fs::remove_dir_all(path.with_extension("")) {
        // Its process died between the two, or comes to it only now and sees that
        // its lock is gone.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        removed => removed?,
    }
    match fs::remove_file(path) {
        // Whoever was done with it came first.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        removed => removed.map(|()| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a process leaves that dies at work.
    fn left_behind(parent: &Path, name: &str) -> PathBuf {
        let folder = parent.join(format!("{PREFIX}{name}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("in"), b"bytes").unwrap();
        fs::write(parent.join(format!("{PREFIX}{name}{LOCK}")), b"").unwrap();
        folder
    }

    #[test]
    fn what_the_dead_left_goes_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let at_work = Workspace::new_in(parent.path()).unwrap();
        let left = left_behind(parent.path(), "left");
        // One that died before there was a folder.
        fs::write(parent.path().join(format!("{PREFIX}early{LOCK}")), b"").unwrap();
        let others = parent.path().join("somebody-elses");
        fs::create_dir(&others).unwrap();
        let link = parent.path().join(format!("{PREFIX}link{LOCK}"));
        std::os::unix::fs::symlink(&others, link).unwrap();
        assert!(matches!(sweep(parent.path()), (2, None)));
        assert!(!left.exists());
        fs::write(at_work.path().join("in"), b"bytes").unwrap();
        assert!(others.is_dir());
        drop(at_work);
        assert!(matches!(sweep(parent.path()), (0, None)));
        let names = fs::read_dir(parent.path()).unwrap();
        assert_eq!(names.count(), 2, "somebody else's folder and the link");
    }

    #[test]
    fn what_cannot_be_removed_is_told_and_keeps_no_other() {
        let parent = tempfile::tempdir().unwrap();
        for name in ["a", "b", "c"] {
            left_behind(parent.path(), name);
        }
        // No folder, so it cannot be removed as one.
        let stuck = parent.path().join(format!("{PREFIX}b"));
        fs::remove_dir_all(&stuck).unwrap();
        fs::write(&stuck, b"bytes").unwrap();
        assert!(matches!(sweep(parent.path()), (2, Some(_))));
        assert!(stuck.is_file());
        let nowhere = parent.path().join("nowhere");
        assert!(matches!(sweep(&nowhere), (0, None)));
    }
}
