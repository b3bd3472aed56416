//! The one-step form of an upload: the whole file in one request.

use std::sync::Arc;

use runnel_store::Tx;
use runnel_types::{Asset, Fault, FieldFault, FolderId, Scope, SourceType};

use super::register::{Described, NewFile, Storing};
use crate::{Caller, Services, folders};

/// A file on its way in.
#[derive(Debug)]
pub struct IncomingFile {
    storing: Storing,
    size: u64,
}

impl Services {
    /// Begins to take a file of the name given, and of the type given when one is.
    ///
    /// # Errors
    /// `PERMISSION_DENIED`, `VALIDATION_ERROR` for its name.
    pub fn begin_file(
        &self,
        caller: &Caller,
        name: String,
        mime_type: Option<String>,
    ) -> Result<IncomingFile, Fault> {
        caller.require(Scope::AssetsCreate)?;
        let length = name.chars().count();
        if !(1..=500).contains(&length) {
            return Err(Fault::invalid_field(
                "file",
                "filename",
                format!("needs a filename of 1 to 500 characters, this one has {length}"),
            ));
        }
        let storing = self.begin_storing(NewFile {
            org_id: caller.org_id,
            name,
            declared: mime_type.filter(|declared| declared != "application/octet-stream"),
            source_type: SourceType::Upload,
            source_id: None,
            created_by: Some(caller.key_id()),
        });
        Ok(IncomingFile { storing, size: 0 })
    }

    /// Takes some more bytes of it.
    ///
    /// # Errors
    /// `PAYLOAD_TOO_LARGE` past the limit of uploads; when the storage fails.
    pub async fn continue_file(&self, file: &mut IncomingFile, bytes: &[u8]) -> Result<(), Fault> {
        file.size += bytes.len() as u64;
        let most = self.limits.max_upload_bytes;
        if file.size > most {
            return Err(Fault::too_large(format!(
                "the file is larger than {most} bytes, the most that an upload may have"
            )));
        }
        file.storing.write(bytes).await
    }

    /// Makes the asset of a file that is there as a whole.
    ///
    /// # Errors
    /// `FOLDER_NOT_FOUND`; `VALIDATION_ERROR` when the file is empty, not of a
    /// supported type, not of the type given, or cannot be decoded;
    /// `SERVICE_UNAVAILABLE` when too many wait for the same. Nothing of it is kept
    /// then.
    pub async fn finish_file(
        self: &Arc<Self>,
        caller: &Caller,
        file: IncomingFile,
        folder: Option<FolderId>,
    ) -> Result<Asset, Fault> {
        self.check_folder(caller, folder).await?;
        if file.size == 0 {
            return Err(refused("the file is empty".to_owned()));
        }
        let org = caller.org_id;
        let (services, caller) = (Arc::clone(self), caller.clone());
        let keeping = async move { services.keep_file(&caller, file.storing, folder).await };
        self.to_the_end(org, keeping).await
    }

    async fn keep_file(
        &self,
        caller: &Caller,
        storing: Storing,
        folder: Option<FolderId>,
    ) -> Result<Asset, Fault> {
        let wait = self.limits.thumbnail_wait;
        let mut new = match self.finish_storing(storing, wait).await? {
            Ok(new) => new,
            Err(message) => return Err(refused(message)),
        };
        new.asset.folder_id = folder;
        let written = self.insert_filed(caller, &new).await;
        self.commit_files(written, [&new.asset]).await?;
        Ok(new.asset)
    }

    /// Writes the row of an asset, in a folder that exists; to be committed.
    async fn insert_filed(&self, caller: &Caller, new: &Described) -> Result<Tx, Fault> {
        let mut tx = self.begin_once(caller).await?;
        if let Some(folder) = new.asset.folder_id {
            folders::hold(&mut tx, new.asset.org_id, folder).await?;
        }
        self.insert_described(&mut tx, new).await?;
        Ok(tx)
    }
}

fn refused(message: String) -> Fault {
    Fault::invalid(vec![FieldFault::body("file", "content_mismatch", message)])
}
