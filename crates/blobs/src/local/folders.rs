//! The folders that objects lie in: made when the first of them comes, removed with
//! the last, and on the disk before what lies in them is said to be.

use std::collections::VecDeque;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::create_private;

/// How many folders are known to be on the disk, of which a server works in a few
/// at a time.
const MOST_KNOWN: usize = 64;

/// How often a folder is made again that others remove, each time because it is
/// empty, before something is put into it.
const ATTEMPTS: usize = 100;

/// The folders below a root.
#[derive(Debug)]
pub(crate) struct Folders {
    root: PathBuf,
    /// Folders whose own names were synced, the latest last.
    known: Mutex<VecDeque<Known>>,
}

/// A folder whose name is on the disk, as long as it is this one: another of that name
/// may have been made since, by this process or another one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Known {
    folder: PathBuf,
    inode: u64,
    /// When it was made: an inode may be used again.
    made: SystemTime,
}

impl Known {
    /// `None` where the file system does not tell one folder from another.
    fn of(folder: &Path, found: &Metadata) -> Option<Self> {
        Some(Self {
            folder: folder.to_owned(),
            inode: found.ino(),
            made: found.created().ok()?,
        })
    }
}

impl Folders {
    pub(super) fn below(root: PathBuf) -> Self {
        Self {
            root,
            known: Mutex::default(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Puts something into the folder of `path`, which is made if it is not there.
    /// `put` may be called again, when it finds that there is none.
    pub(crate) fn put_at<T>(
        &self,
        path: &Path,
        mut put: impl FnMut(&Path) -> io::Result<T>,
    ) -> io::Result<T> {
        let folder = self.folder_of(path);
        let mut attempts = 0;
        loop {
            let made = if folder.exists() {
                Ok(())
            } else {
                create_private(folder)
            };
            match made.and_then(|()| put(path)) {
                // Somebody removed it in between, for there was nothing in it.
                Err(error) if error.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS => {
                    attempts += 1;
                }
                done => return done,
            }
        }
    }

    /// Brings the name of `path`, which is there, to the disk, and those of the
    /// folders above it.
    pub(crate) fn sync_name(&self, path: &Path) -> io::Result<()> {
        let folder = self.folder_of(path);
        let found = sync(folder)?.metadata()?;
        let this = Known::of(folder, &found);
        let is_known = |this: &Known| self.known().contains(this);
        // Whoever made this folder may not have synced its name yet.
        if this.as_ref().is_some_and(is_known) {
            return Ok(());
        }
        let above = folder.ancestors().skip(1);
        for above in above.take_while(|above| above.starts_with(&self.root)) {
            sync(above)?;
        }
        if let Some(this) = this {
            let mut known = self.known();
            known.retain(|other| other.folder != this.folder);
            if known.len() == MOST_KNOWN {
                known.pop_front();
            }
            known.push_back(this);
        }
        Ok(())
    }

    /// Removes the folders above `path` that have nothing left in them.
    pub(crate) fn remove_empty_above(&self, path: &Path) {
        let folders = path.ancestors().skip(1);
        for folder in folders.take_while(|folder| *folder != self.root) {
            // The first folder with something left in it ends this.
            if std::fs::remove_dir(folder).is_err() {
                break;
            }
        }
    }

    fn folder_of<'a>(&'a self, path: &'a Path) -> &'a Path {
        path.parent().unwrap_or(&self.root)
    }

    fn known(&self) -> MutexGuard<'_, VecDeque<Known>> {
        // Nothing that holds the lock can leave it half changed.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Brings the names in a folder to the disk.
pub(super) fn sync(folder: &Path) -> io::Result<File> {
    let opened = fs_err::File::open(folder)?;
    opened.sync_all()?;
    Ok(opened.into_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below_a_root() -> (tempfile::TempDir, Folders) {
        let root = tempfile::tempdir().unwrap();
        let folders = Folders::below(root.path().to_owned());
        (root, folders)
    }

    fn put(folders: &Folders, path: &Path) {
        folders
            .put_at(path, |path| std::fs::write(path, b""))
            .unwrap();
        folders.sync_name(path).unwrap();
    }

    #[test]
    fn a_folder_is_known_as_long_as_it_is_the_same() {
        let (root, folders) = below_a_root();
        let (one, two) = (root.path().join("a/b/1"), root.path().join("a/b/2"));
        put(&folders, &one);
        let first = folders.known().clone();
        put(&folders, &two);
        assert_eq!(*folders.known(), first);
        assert_eq!(first[0].folder, root.path().join("a/b"));
        // As if it were another one of that name.
        folders.known()[0].inode += 1;
        put(&folders, &two);
        assert_eq!(*folders.known(), first);
    }

    #[test]
    fn empty_folders_go_and_others_stay() {
        let (root, folders) = below_a_root();
        let (one, two) = (root.path().join("a/b/1"), root.path().join("a/2"));
        put(&folders, &one);
        put(&folders, &two);
        std::fs::remove_file(&one).unwrap();
        folders.remove_empty_above(&one);
        assert!(!root.path().join("a/b").exists() && two.exists());
        std::fs::remove_file(&two).unwrap();
        folders.remove_empty_above(&two);
        assert!(!root.path().join("a").exists() && root.path().exists());
    }

    #[test]
    fn so_many_are_known_and_no_more() {
        let (root, folders) = below_a_root();
        for number in 0..=MOST_KNOWN {
            put(&folders, &root.path().join(number.to_string()).join("x"));
        }
        assert_eq!(folders.known().len(), MOST_KNOWN);
        assert_eq!(folders.known()[0].folder, root.path().join("1"));
    }

    #[test]
    fn what_cannot_be_put_at_all_ends() {
        let (root, folders) = below_a_root();
        let mut tried = 0;
        let never = folders.put_at(&root.path().join("a/b"), |_| {
            tried += 1;
            Err::<(), _>(io::ErrorKind::NotFound.into())
        });
        assert_eq!(never.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(tried, ATTEMPTS + 1);
    }
}
