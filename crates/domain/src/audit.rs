//! Holds the objects of the store against the rows that name them.
//!
//! A crash between an object and its row leaves an object that no row names:
//! it costs disk and is safe to remove. A row whose object is gone is a loss,
//! which can only be told; but a picture's thumbnail can be drawn again. What is younger than [`YOUNG`] is not judged: it may
//! be on its way into a row that is not committed yet.
//!
//! Not a job: a database that was restored from an old copy does not name what
//! came later, and nothing may remove that before a person has looked.

use std::time::Duration;

use futures_util::TryStreamExt;
use runnel_blobs::{Key, Progress};
use runnel_media::{TOOLS, Tool};
use runnel_types::{Asset, AssetId, Fault, OrgId, Upload};

use crate::{Services, faults};

/// How old an object must be before it is missed in the rows. The longest time
/// between an object and its row is that of the first of a run's outputs, of which the
/// last may come a day later.
pub const YOUNG: Duration = Duration::from_hours(25);

/// Rows read at a time.
const BATCH: i64 = 500;

/// Something that does not fit together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// An object that no row names.
    Stray {
        /// Its name in the store.
        name: String,
        /// Its size.
        size_bytes: u64,
        /// Whether it was removed just now.
        is_removed: bool,
    },
    /// An object whose name is none of ours. It is left alone.
    Foreign {
        /// Its name in the store.
        name: String,
        /// Its size.
        size_bytes: u64,
    },
    /// A thumbnail that was gone and was drawn again just now.
    Redrawn {
        /// The asset.
        asset_id: AssetId,
        /// The name of the object.
        name: String,
    },
    /// A row whose object is gone.
    Missing {
        /// The asset, or the upload that is to become one.
        asset_id: AssetId,
        /// The name of the object.
        name: String,
        /// What the object was: `bytes`, `thumbnail` or `upload`.
        part: &'static str,
    },
}

/// What was looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Audited {
    /// Objects in the store.
    pub objects: u64,
    /// Objects that are too young to be judged.
    pub young: u64,
    /// Assets and open uploads.
    pub rows: u64,
}

/// A program that reads what the server does not read by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reader {
    /// The program.
    pub tool: Tool,
    /// Whether it is installed.
    pub is_installed: bool,
}

impl Services {
    /// The programs that there is a use for.
    pub fn readers(&self) -> [Reader; TOOLS.len()] {
        TOOLS.map(|tool| Reader {
            tool,
            is_installed: tool.is_in(&self.programs),
        })
    }

    /// Looks at every object and every row, and tells what does not fit
    /// together as it is found. With `repair`, objects that no row names are
    /// removed, and thumbnails that are gone are drawn again where they can be.
    ///
    /// # Errors
    /// When the database or the storage fails; what was repaired is repaired.
    pub async fn audit_objects(
        &self,
        repair: bool,
        tell: &mut (dyn FnMut(Finding) + Send),
    ) -> Result<Audited, Fault> {
        let mut audited = Audited::default();
        self.audit_strays(repair, &mut audited, tell).await?;
        self.audit_assets(repair, &mut audited, tell).await?;
        self.audit_uploads(&mut audited, tell).await?;
        Ok(audited)
    }

    async fn audit_strays(
        &self,
        repair: bool,
        audited: &mut Audited,
        tell: &mut (dyn FnMut(Finding) + Send),
    ) -> Result<(), Fault> {
        let old = self.now().minus(YOUNG);
        let mut objects = self.blobs.list();
        // Objects of one asset come one after the other in most stores.
        let mut rows = Rows::default();
        while let Some(object) = objects.try_next().await.map_err(faults::blob)? {
            audited.objects += 1;
            let size_bytes = object.size_bytes;
            let Some(key) = object.key else {
                let name = object.name;
                tell(Finding::Foreign { name, size_bytes });
                continue;
            };
            if object.modified > old {
                audited.young += 1;
                continue;
            }
            if rows.asset_id != Some(key.owner().1) {
                rows = self.rows_of(key.owner()).await?;
            }
            // What was known of others of its objects may be old by now.
            if rows.name(&key) || self.is_named(key.owner(), &object.name).await? {
                continue;
            }
            if repair {
                self.blobs.delete(&key).await.map_err(faults::blob)?;
            }
            tell(Finding::Stray {
                name: object.name,
                size_bytes,
                is_removed: repair,
            });
        }
        Ok(())
    }

    async fn rows_of(&self, (org, id): (OrgId, AssetId)) -> Result<Rows, Fault> {
        let reader = self.store.read();
        // ORDER: a name goes from what arrives to the upload and from there to the
        // asset; read in this order, it is met wherever it goes meanwhile.
        let arriving = reader.resumable_uploads().get(org, id).await;
        let arriving = arriving.map_err(faults::store)?;
        let upload = reader.uploads().get_unscoped_for_url(id).await;
        let upload = upload.map_err(faults::store)?;
        let asset = reader.assets().get_for_url(id).await;
        Ok(Rows {
            asset_id: Some(id),
            asset: asset.map_err(faults::store)?,
            upload,
            progress: arriving.and_then(|row| row.progress),
        })
    }

    async fn audit_assets(
        &self,
        repair: bool,
        audited: &mut Audited,
        tell: &mut (dyn FnMut(Finding) + Send),
    ) -> Result<(), Fault> {
        let mut after = AssetId::from(uuid::Uuid::nil());
        loop {
            let reader = self.store.read();
            let found = reader.assets().list_after_unscoped(after, BATCH).await;
            let found = found.map_err(faults::store)?;
            let Some(last) = found.last() else {
                return Ok(());
            };
            after = last.id;
            audited.rows += found.len() as u64;
            for asset in found {
                let thumbnail = asset.thumbnail_key.as_ref();
                let named = [
                    Some((&asset.storage_key, "bytes")),
                    thumbnail.map(|name| (name, "thumbnail")),
                ];
                for (name, part) in named.into_iter().flatten() {
                    if self.has_object(name).await?
                        || !self.is_named((asset.org_id, asset.id), name).await?
                    {
                        continue;
                    }
                    let (asset_id, name) = (asset.id, name.clone());
                    let is_redrawn = repair
                        && part == "thumbnail"
                        && self.has_object(&asset.storage_key).await?
                        && self.restore_thumbnail(&asset).await?;
                    tell(if is_redrawn {
                        Finding::Redrawn { asset_id, name }
                    } else {
                        Finding::Missing {
                            asset_id,
                            name,
                            part,
                        }
                    });
                }
            }
        }
    }

    async fn audit_uploads(
        &self,
        audited: &mut Audited,
        tell: &mut (dyn FnMut(Finding) + Send),
    ) -> Result<(), Fault> {
        let mut after = AssetId::from(uuid::Uuid::nil());
        loop {
            let reader = self.store.read();
            let found = reader
                .uploads()
                .list_open_after_unscoped(after, BATCH)
                .await;
            let found = found.map_err(faults::store)?;
            let Some(last) = found.last() else {
                return Ok(());
            };
            after = last.asset_id;
            audited.rows += found.len() as u64;
            for upload in found {
                if let Some(received) = upload.received
                    && !self.has_object(&received.storage_key).await?
                    && self
                        .is_named((upload.org_id, upload.asset_id), &received.storage_key)
                        .await?
                {
                    tell(Finding::Missing {
                        asset_id: upload.asset_id,
                        name: received.storage_key,
                        part: "upload",
                    });
                }
            }
        }
    }

    /// Whether a row names the object still: what was purged or replaced since
    /// its row was read is not lost.
    async fn is_named(&self, of: (OrgId, AssetId), name: &str) -> Result<bool, Fault> {
        let rows = self.rows_of(of).await?;
        // A name that is no key can only be read from a row as it is.
        Ok(name.parse().map_or(true, |key| rows.name(&key)))
    }

    async fn has_object(&self, name: &str) -> Result<bool, Fault> {
        let Ok(key) = name.parse::<Key>() else {
            return Ok(false);
        };
        let found = self.blobs.head(&key).await.map_err(faults::blob)?;
        Ok(found.is_some())
    }
}

/// What the rows say of one asset.
#[derive(Debug, Default)]
struct Rows {
    asset_id: Option<AssetId>,
    asset: Option<Asset>,
    upload: Option<Upload>,
    /// How far its body has come, which names what has arrived of it.
    progress: Option<String>,
}

impl Rows {
    /// Whether one of them names the object.
    fn name(&self, key: &Key) -> bool {
        let text = key.to_string();
        let open = self
            .upload
            .as_ref()
            .filter(|upload| upload.confirmed_at.is_none());
        let received = open.and_then(|upload| upload.received.as_ref());
        let asset = self.asset.as_ref();
        let arriving = || {
            let progress = self.progress.as_deref().map(Progress::from_text);
            // What cannot be read may name anything: nothing is removed then.
            progress.is_some_and(|read| read.map_or(true, |progress| progress.names(key)))
        };
        match key {
            Key::Upload { .. } => open.is_some(),
            Key::Piece { .. } => arriving(),
            Key::Asset { .. } => {
                asset.is_some_and(|asset| asset.storage_key == text)
                    || received.is_some_and(|received| received.storage_key == text)
                    || arriving()
            }
            Key::Thumbnail { .. } => {
                asset.is_some_and(|asset| asset.thumbnail_key.as_ref() == Some(&text))
            }
            // It is found by its name alone, as long as the bytes are there
            // that it was made of.
            Key::Transform { body, .. } => {
                let source = asset.and_then(|asset| asset.storage_key.parse().ok());
                matches!(source, Some(Key::Asset { body: of, .. }) if of == *body)
            }
        }
    }
}
