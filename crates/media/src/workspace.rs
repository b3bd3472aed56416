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
            let lock = match File::open(folder.path()) {
                // A sweep came between the two, as it may before the lock.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                opened => opened?,
            };
            lock.lock()?;
            if folder.path().is_dir() {
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

/// Removes the folders of programs whose server died; answers how many.
///
/// # Errors
/// When the folder for temporary files cannot be read, or one of them not removed.
pub fn sweep_workspaces() -> io::Result<usize> {
    sweep(&std::env::temp_dir())
}

fn sweep(parent: &Path) -> io::Result<usize> {
    let mut swept = 0;
    for entry in fs::read_dir(parent)? {
        let entry = entry?;
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        // One that is gone by now was done with.
        let Ok(found) = entry.metadata() else {
            continue;
        };
        // The folder for temporary files belongs to everybody.
        if !found.is_dir() || found.uid() != geteuid().as_raw() {
            continue;
        }
        let Ok(lock) = File::open(entry.path()) else {
            continue;
        };
        if lock.try_lock().is_err() {
            continue;
        }
        match fs::remove_dir_all(entry.path()) {
            Ok(()) => swept += 1,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(swept)
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
        assert_eq!(sweep(parent.path()).unwrap(), 1);
        assert!(!left.exists());
        assert!(at_work.path().is_dir() && others.join("in").is_file());
        let path = at_work.path().to_owned();
        drop(at_work);
        assert!(!path.exists());
        assert_eq!(sweep(parent.path()).unwrap(), 0);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 3);
    }
}
