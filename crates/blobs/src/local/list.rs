//! Walks everything that lies in the folder, a folder at a time.

use std::io;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, TryStreamExt};

use super::{Local, STAGING, blocking, layout};
use crate::error::BlobError;
use crate::object::Listed;

impl Local {
    /// Every file below the root but those that are still being written. Links
    /// are told as what they are and not followed.
    pub(crate) fn list(&self) -> BoxStream<'static, Result<Listed, BlobError>> {
        let root = self.root().to_owned();
        let folders = vec![root.clone()];
        let walked = futures_util::stream::try_unfold(folders, move |mut folders| {
            let root = root.clone();
            async move {
                let Some(folder) = folders.pop() else {
                    return Ok::<_, BlobError>(None);
                };
                let (files, below) = blocking(move || read_folder(&root, &folder)).await?;
                folders.extend(below);
                Ok(Some((
                    futures_util::stream::iter(files.into_iter().map(Ok)),
                    folders,
                )))
            }
        });
        walked.try_flatten().boxed()
    }
}

fn read_folder(root: &Path, folder: &Path) -> io::Result<(Vec<Listed>, Vec<PathBuf>)> {
    let mut files = Vec::new();
    let mut folders = Vec::new();
    let entries = match fs_err::read_dir(folder) {
        // What is removed while this walks was not there.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((files, folders)),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let found = match entry.metadata() {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            found => found?,
        };
        if found.is_dir() {
            if folder != root || entry.file_name() != STAGING {
                folders.push(path);
            }
            continue;
        }
        let name = path.strip_prefix(root).unwrap_or(&path);
        let name = name.to_string_lossy();
        let name = layout::key_at(&name).map_or_else(|| name.into_owned(), |key| key.to_string());
        let modified = found.modified().ok();
        let micros = modified
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok())
            .map_or(0, |since| since.as_micros() as i64);
        files.push(Listed::new(name, found.len(), micros));
    }
    Ok((files, folders))
}
