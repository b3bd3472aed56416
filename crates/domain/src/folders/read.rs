//! Reads folders, each with its path.

use std::collections::HashMap;

use runnel_store::folders::Step;
use runnel_types::list::{ListRequest, Place};
use runnel_types::{Fault, Folder, FolderId, Page, Scope};

use crate::{Caller, Services, faults};

/// A folder as it is shown.
#[derive(Debug, Clone)]
pub struct FolderView {
    /// The record.
    pub folder: Folder,
    /// The names from the top down to it, each after a slash.
    pub path: String,
}

impl Services {
    /// A folder of the caller's organization.
    ///
    /// # Errors
    /// `FOLDER_NOT_FOUND`.
    pub async fn get_folder(&self, caller: &Caller, id: FolderId) -> Result<FolderView, Fault> {
        caller.require(Scope::AssetsRead)?;
        let read = self.store.read();
        let found = read.folders().get(caller.org_id, id).await;
        let folder = found
            .map_err(faults::store)?
            .ok_or_else(|| super::not_found(id))?;
        let steps = read.folders().ancestors(caller.org_id, &[id]).await;
        Ok(view(folder, &steps.map_err(faults::store)?))
    }

    /// A page of the caller's folders.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn list_folders(
        &self,
        caller: &Caller,
        request: &ListRequest,
    ) -> Result<Page<FolderView, Place>, Fault> {
        caller.require(Scope::AssetsRead)?;
        let read = self.store.read();
        let page = read.folders().list(caller.org_id, request).await;
        let page = page.map_err(faults::store)?;
        let ids: Vec<FolderId> = page.items.iter().map(|folder| folder.id).collect();
        let steps = read.folders().ancestors(caller.org_id, &ids).await;
        let steps = steps.map_err(faults::store)?;
        let steps = by_id(&steps);
        Ok(page.map(|folder| FolderView {
            path: path(folder.id, &steps),
            folder,
        }))
    }
}

/// The folder with its path, which `steps` lead up.
pub(super) fn view(folder: Folder, steps: &[Step]) -> FolderView {
    FolderView {
        path: path(folder.id, &by_id(steps)),
        folder,
    }
}

type Steps<'a> = HashMap<FolderId, (Option<FolderId>, &'a str)>;

fn by_id(steps: &[Step]) -> Steps<'_> {
    steps
        .iter()
        .map(|(id, parent, name)| (*id, (*parent, name.as_str())))
        .collect()
}

fn path(id: FolderId, steps: &Steps<'_>) -> String {
    let mut names = Vec::new();
    let mut next = Some(id);
    // A circle cannot come about; were there one, the path ends somewhere.
    while let Some((parent, name)) = next.and_then(|id| steps.get(&id)) {
        names.push(*name);
        if names.len() > steps.len() {
            break;
        }
        next = *parent;
    }
    names
        .iter()
        .rev()
        .fold(String::new(), |path, name| path + "/" + name)
}
