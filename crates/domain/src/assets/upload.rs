//! The one-step form of an upload: the whole file in one request.

use runnel_blobs::{Key, Staged};
use runnel_types::{Asset, AssetId, Fault, FieldFault, FolderId, Scope, SourceType};

use super::inspect::Inspected;
use super::register::Described;
use crate::{Caller, Services, faults, folders};

/// A file on its way in.
#[derive(Debug)]
pub struct IncomingFile {
    /// The name given.
    pub name: String,
    /// The type given, when one is.
    pub mime_type: Option<String>,
    id: AssetId,
    key: Key,
    staged: Staged,
    size: u64,
}

impl Services {
    /// Begins to take a file.
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
        let id: AssetId = self.ids.next();
        let key = Key::asset(caller.org_id, id, self.ids.next(), &name);
        let staged = self.blobs.stage(&key);
        Ok(IncomingFile {
            id,
            key,
            name,
            mime_type,
            staged,
            size: 0,
        })
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
        file.staged.write(bytes).await.map_err(faults::blob)
    }

    /// Makes the asset of a file that is there as a whole.
    ///
    /// # Errors
    /// `FOLDER_NOT_FOUND`; `VALIDATION_ERROR` when the file is empty, not of a
    /// supported type, not of the type given, or cannot be decoded: nothing of
    /// it is kept then.
    pub async fn finish_file(
        &self,
        caller: &Caller,
        file: IncomingFile,
        folder: Option<FolderId>,
    ) -> Result<Asset, Fault> {
        self.check_folder(caller, folder).await?;
        if file.size == 0 {
            return Err(refused("the file is empty".to_owned()));
        }
        let storage_key = file.key.to_string();
        let stored = file.staged.finish().await.map_err(faults::blob)?;
        let declared = file
            .mime_type
            .as_deref()
            .filter(|declared| *declared != "application/octet-stream");
        let wait = Some(self.limits.thumbnail_wait);
        let facts = match self.inspect_object(&storage_key, declared, wait).await? {
            Inspected::Sound(facts) => facts,
            Inspected::Refused(message) => {
                self.discard(&storage_key).await;
                return Err(refused(message));
            }
        };
        let asset = Asset {
            id: file.id,
            org_id: caller.org_id,
            folder_id: folder,
            name: file.name,
            storage_key,
            size_bytes: stored.size_bytes,
            sha256: Some(stored.sha256),
            created_by: Some(caller.key_id()),
            ..Asset::new(SourceType::Upload, self.now())
        };
        let new = self.record_of(facts, asset).await?;
        let kept = self.insert_filed(caller, &new).await;
        if kept.is_err() {
            self.discard_files([&new.asset]).await;
        }
        kept.map(|()| new.asset)
    }

    /// Writes the row of an asset, in a folder that exists.
    async fn insert_filed(&self, caller: &Caller, new: &Described) -> Result<(), Fault> {
        let mut tx = self.begin_once(caller).await?;
        if let Some(folder) = new.asset.folder_id {
            folders::hold(&mut tx, new.asset.org_id, folder).await?;
        }
        self.insert_described(&mut tx, new).await?;
        tx.commit().await.map_err(faults::store)
    }
}

fn refused(message: String) -> Fault {
    Fault::invalid(vec![FieldFault::body("file", "content_mismatch", message)])
}
