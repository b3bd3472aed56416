//! Folders: a tree for each organization, in which assets are filed.
//!
//! Whatever changes the tree, or files an asset in it, first locks the
//! organization ([`runnel_store::orgs::Orgs::lock`]) in its
//! transaction: otherwise two moves at once could close a circle, and an asset
//! could be filed in a folder while that is deleted.

mod change;
mod create;
mod delete;
mod read;

pub use read::FolderView;

use runnel_store::Tx;
use runnel_types::{Fault, Folder, FolderId, OrgId};

use crate::fields::Fields;
use crate::{Caller, Services, faults};

/// The longest path of a folder, in bytes; what bounds a page of them.
const LONGEST_PATH: u64 = 32 * 1024;

/// The fault of a folder that the caller does not have.
pub(crate) fn not_found(id: FolderId) -> Fault {
    Fault::not_found("FOLDER_NOT_FOUND", format!("there is no folder {id}"))
}

/// Locks the tree and makes sure that `folder` is in it.
pub(crate) async fn hold(tx: &mut Tx, org: OrgId, folder: FolderId) -> Result<(), Fault> {
    tx.orgs().lock(org).await.map_err(faults::store)?;
    let is_there = tx.folders().exists(org, folder).await;
    is_there
        .map_err(faults::store)?
        .then_some(())
        .ok_or_else(|| not_found(folder))
}

/// Refuses a name with a slash, which would be two folders in a path. Nothing
/// else is refused or changed: names are compared and come back as they were
/// sent, so an é of one code point and one of two are different names.
fn check_name(fields: &mut Fields<'_>, name: Option<&str>) {
    if name.is_some_and(|name| name.contains('/')) {
        fields.refuse(
            "name",
            "slash",
            "must not contain a slash; make a folder inside a folder with parent_id",
        );
    }
}

/// A sibling that has the name already.
fn taken(name: &str) -> Fault {
    Fault::conflict(format!(
        "there is a folder {name:?} in the same place already; choose another name"
    ))
}

impl Services {
    /// The folder with its path, read in the caller's transaction. Refused when
    /// its path, or that of one under it, is too long.
    async fn view_in(tx: &mut Tx, folder: Folder) -> Result<FolderView, Fault> {
        let under = tx
            .folders()
            .longest_path_under(folder.org_id, folder.id)
            .await
            .map_err(faults::store)?;
        let steps = tx
            .folders()
            .ancestors(folder.org_id, &[folder.id])
            .await
            .map_err(faults::store)?;
        let view = read::view(folder, &steps);
        let longest = view.path.len() as u64 + under;
        if longest > LONGEST_PATH {
            let message = format!(
                "the path of this folder, or of one under it, would have {longest} bytes, the limit is {LONGEST_PATH}"
            );
            return Err(Fault::invalid_field("parent_id", "too_deep", message));
        }
        Ok(view)
    }

    /// Makes sure that the caller has the folder that a body names.
    pub(crate) async fn check_folder(
        &self,
        caller: &Caller,
        folder: Option<FolderId>,
    ) -> Result<(), Fault> {
        let Some(folder) = folder else {
            return Ok(());
        };
        let reader = self.store.read();
        let is_there = reader.folders().exists(caller.org_id, folder).await;
        is_there
            .map_err(faults::store)?
            .then_some(())
            .ok_or_else(|| not_found(folder))
    }
}
