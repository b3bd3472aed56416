//! Makes the input of a run ready for its engine: every file is opened as the
//! engine wants it. What was named by URL was fetched before.
//!
//! Files that an engine takes as bytes lie in memory, of all runs together no more
//! than [`Services::input_memory`] has: a run waits until there is room, and one that
//! would never have it is refused. It waits as `queued`, since it has a place at its
//! engine here; see [`line`](super::line).

use std::collections::BTreeMap;
use std::time::Duration;

use runnel_blobs::{BlobError, Key};
use runnel_engines::{Engine, InputContent, InputFile, InputForm};
use runnel_types::{Asset, AssetId, Fault, ModelSpec, Run};
use serde_json::{Map, Value};

use super::fetch::InputFailure;
use super::not_found;
use super::places::{Slot, visit};
use crate::assets::parse_reference;
use crate::{Room, Services, faults};

/// How much longer than the run's time limit a signed URL works.
const URL_MARGIN: Duration = Duration::from_mins(10);

/// How long the files of a run may take to come from the storage. Whoever waits for
/// them has a place at its engine meanwhile.
const LOAD_WITHIN: Duration = Duration::from_mins(5);

/// How making an input ready went.
#[derive(Debug)]
pub(in crate::runs) enum Prepared {
    /// It is.
    Ready(Ready),
    /// A file of it cannot be had.
    Failed(InputFailure),
    /// Others have the memory that its files need; it is to ask again after so long.
    NoRoom(Duration),
}

/// An input and its files.
#[derive(Debug)]
pub(in crate::runs) struct Ready {
    /// The input, with references to files.
    pub(in crate::runs) input: Map<String, Value>,
    /// The files, by place.
    pub(in crate::runs) files: BTreeMap<String, InputFile>,
    /// Kept for as long as the bytes of the files are.
    pub(in crate::runs) memory: Option<Room>,
}

impl Services {
    /// Makes the input of a run ready.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing on record; room that the run had is given
    /// back, and its place in the line with it.
    pub(in crate::runs) async fn prepare(
        &self,
        run: &Run,
        model: &ModelSpec,
        engine: &dyn Engine,
    ) -> Result<Prepared, Fault> {
        let mut input = run.input.as_object().cloned().unwrap_or_default();
        let places = named_assets(model, &mut input);
        let ids: Vec<AssetId> = places.values().copied().collect();
        let live = self.live_assets(run.org_id, &ids).await?;
        let mut assets = BTreeMap::new();
        for (place, id) in places {
            let Some(asset) = live.iter().find(|asset| asset.id == id) else {
                let message = format!("{place}: {}", not_found(id));
                return Ok(Prepared::Failed(InputFailure::lasting(message)));
            };
            assets.insert(place, asset);
        }
        let form = engine.input_form(&model.model);
        let memory = match self.take_memory(run, form, assets.values().copied()) {
            Ok(memory) => memory,
            Err(prepared) => return Ok(prepared),
        };
        let loading = tokio::time::timeout(LOAD_WITHIN, self.load_files(assets, model, form));
        let Ok(loaded) = loading.await else {
            return Ok(Prepared::Failed(InputFailure::of_storage(LOAD_WITHIN)));
        };
        Ok(match loaded? {
            Ok(files) => Prepared::Ready(Ready {
                input,
                files,
                memory,
            }),
            Err(failure) => Prepared::Failed(failure),
        })
    }

    async fn load_files(
        &self,
        assets: BTreeMap<String, &Asset>,
        model: &ModelSpec,
        form: InputForm,
    ) -> Result<Result<BTreeMap<String, InputFile>, InputFailure>, Fault> {
        let mut files = BTreeMap::new();
        for (place, asset) in assets {
            let Some(file) = self.load_file(asset, model, form).await? else {
                let message = format!(
                    "{place}: the bytes of {} are lost from the storage; upload it again",
                    asset.name
                );
                return Ok(Err(InputFailure::lasting(message)));
            };
            files.insert(place, file);
        }
        Ok(Ok(files))
    }

    /// Takes room for files that are to lie in memory.
    fn take_memory<'a>(
        &self,
        run: &Run,
        form: InputForm,
        assets: impl Iterator<Item = &'a Asset>,
    ) -> Result<Option<Room>, Prepared> {
        let bytes: u64 = assets.map(|asset| asset.size_bytes).sum();
        if form == InputForm::Url || bytes == 0 {
            return Ok(None);
        }
        let most = self.input_memory.bytes();
        if bytes > most {
            return Err(Prepared::Failed(InputFailure::lasting(format!(
                "the files of the input have {bytes} bytes together, and this model takes at most {most}; give smaller files, or set RUNNEL_INPUT_MEMORY_BYTES on the server"
            ))));
        }
        let room = self.room_for(run, bytes).map_err(Prepared::NoRoom)?;
        Ok(Some(room))
    }

    /// The file of an asset; `None` when its object is gone.
    async fn load_file(
        &self,
        asset: &Asset,
        model: &ModelSpec,
        form: InputForm,
    ) -> Result<Option<InputFile>, Fault> {
        let key: Key = asset.storage_key.parse().map_err(Fault::internal)?;
        let content = match form {
            InputForm::Bytes => match self.blobs.read_all(&key).await {
                Err(BlobError::Missing { .. }) => return Ok(None),
                read => InputContent::Bytes(read.map_err(faults::blob)?),
            },
            InputForm::Url => {
                let needed = Duration::from_secs(model.time_limit_s).saturating_add(URL_MARGIN);
                let valid_for = self.limits.asset_url_ttl.max(needed);
                let url = self.asset_url_for(asset, self.now(), valid_for);
                InputContent::Url(
                    url.ok_or_else(|| Fault::internal(format!("{} has no URL", asset.id)))?,
                )
            }
        };
        Ok(Some(InputFile {
            mime_type: asset.mime_type.clone(),
            name: asset.name.clone(),
            size_bytes: asset.size_bytes,
            content,
        }))
    }
}

/// The assets that an accepted input refers to, by place.
fn named_assets(model: &ModelSpec, input: &mut Map<String, Value>) -> BTreeMap<String, AssetId> {
    let mut found = BTreeMap::new();
    visit(model, input, &mut |place, slot, text| {
        let named = match (parse_reference(text), slot) {
            (Some(named), _) => named.ok(),
            (None, Slot::Id) => text.parse().ok(),
            (None, _) => None,
        };
        found.extend(named.map(|id| (place.to_owned(), id)));
    });
    found
}
