//! The files that a run's input refers to: found and judged before the run is
//! accepted, fetched before it is executed, loaded when it is.
//!
//! # What a string may be
//! | | in a file's input | elsewhere, in any depth |
//! |---|---|---|
//! | `runflow://assets/…` | the asset | the asset |
//! | a URL that this server signed | the asset | the asset |
//! | `data:…` | becomes an asset | becomes an asset, where its type is one |
//! | `http(s)://…` | fetched before the run is executed | text |
//!
//! # What a crash leaves
//! Creation: `data:` URIs are stored as objects, then one commit writes the run
//! and their rows; before it, a crash leaves objects that no row names. Execution:
//! each fetched file is stored as an object, then one commit writes its row and
//! puts the reference in the place of the URL on the run, provided that the lease
//! is still held. A crash before that leaves an object that no row names, and the
//! next worker fetches again; after it, nobody does.

mod data_uri;
mod fetch;
mod line;
mod load;
mod own_url;
mod places;

use std::collections::{BTreeMap, BTreeSet};

use runnel_engines::Engine;
use runnel_media::MediaType;
use runnel_types::{Asset, AssetId, Fault, FieldFault, InputType, ModelSpec, OrgId, SourceType};
use serde_json::{Map, Value};

use self::data_uri::NoFile;
use self::own_url::Own;
use self::places::{Slot, visit};
use crate::assets::{NewFile, parse_reference, reference};
use crate::{Caller, Services, faults};

pub(super) use fetch::{Imported, InputFailure};
pub use line::MemoryLine;
pub(super) use load::{Prepared, Ready};

/// The most files that the input of one run refers to.
const MOST_FILES: usize = 256;

/// What a run's input refers to.
#[derive(Debug, Default)]
pub(super) struct References {
    /// Assets, by the place of the reference.
    assets: BTreeMap<String, (AssetId, Slot)>,
    /// Files within the input itself. Their texts are taken out of it.
    pub(super) inline: Vec<Inline>,
}

/// A file within the input, decoded from its `data:` URI.
#[derive(Debug)]
pub(super) struct Inline {
    pub(super) place: String,
    slot: Slot,
    media_type: MediaType,
    pub(super) bytes: Vec<u8>,
}

impl Inline {
    pub(super) fn new_file(&self, caller: &Caller) -> NewFile {
        let extension = self.media_type.extensions().first();
        NewFile {
            org_id: caller.org_id,
            name: format!("{}.{}", self.place, extension.unwrap_or(&"bin")),
            declared: Some(self.media_type.as_mime().to_owned()),
            source_type: SourceType::Inline,
            source_id: None,
            created_by: Some(caller.key_id()),
        }
    }
}

/// What is found on the way through an input.
struct Search<'a> {
    services: &'a Services,
    org: OrgId,
    places: BTreeSet<String>,
    references: References,
    faults: Vec<FieldFault>,
}

impl Services {
    /// Finds what `input` refers to; one fault for each reference that leads
    /// nowhere. Another organization's asset leads nowhere. URLs that this server
    /// signed become references, and the texts of `data:` URIs are taken out.
    pub(super) async fn find_references(
        &self,
        org: OrgId,
        model: &ModelSpec,
        engine: &dyn Engine,
        input: &mut Map<String, Value>,
    ) -> Result<Result<References, Vec<FieldFault>>, Fault> {
        let mut search = Search {
            services: self,
            org,
            places: BTreeSet::new(),
            references: References::default(),
            faults: Vec::new(),
        };
        visit(model, input, &mut |place, slot, text| {
            search.look_at(place, slot, text);
        });
        let Search {
            places,
            references,
            mut faults,
            ..
        } = search;
        if places.len() > MOST_FILES {
            let message = format!(
                "the input refers to {} files, the limit is {MOST_FILES}",
                places.len()
            );
            return Ok(Err(vec![FieldFault::body("input", "too_many", message)]));
        }
        let ids: Vec<AssetId> = references.assets.values().map(|(id, _)| *id).collect();
        let live = self.live_assets(org, &ids).await?;
        let mut judge = |place: &str, slot, what: &str, mime_type: &str| {
            if let Err(message) = check_type(model, engine, (place, slot), mime_type) {
                let message = format!("{what} {message}");
                faults.push(fault(place, "unsupported", message));
            }
        };
        let mut missing = Vec::new();
        for (place, (id, slot)) in &references.assets {
            match live.iter().find(|asset| asset.id == *id) {
                None => missing.push(fault(place, "asset_not_found", not_found(*id))),
                Some(asset) => judge(place, *slot, &asset.name, &asset.mime_type),
            }
        }
        for inline in &references.inline {
            let mime_type = inline.media_type.as_mime();
            judge(&inline.place, inline.slot, "the data: URI", mime_type);
        }
        faults.append(&mut missing);
        Ok(if faults.is_empty() {
            Ok(references)
        } else {
            Err(faults)
        })
    }

    /// Those of `ids` that the organization has.
    async fn live_assets(&self, org: OrgId, ids: &[AssetId]) -> Result<Vec<Asset>, Fault> {
        let found = self.store.read().assets().get_many_live(org, ids).await;
        found.map_err(faults::store)
    }
}

impl Search<'_> {
    fn look_at(&mut self, place: &str, slot: Slot, text: &mut String) {
        if let Some(named) = parse_reference(text) {
            match named {
                Ok(id) => self.keep_asset(place, slot, id),
                Err(()) => self.refuse(
                    place,
                    "asset_not_found",
                    format!("asset not found or expired: {}", shortened(text)),
                ),
            }
            return;
        }
        match (slot, self.services.own_asset(self.org, text)) {
            (Slot::Id, own) => self.look_at_id(place, &own, text),
            (_, Own::Asset(id)) => {
                self.keep_asset(place, slot, id);
                *text = reference(id);
            }
            (Slot::File(_), Own::Forged(message)) => self.refuse(place, "url", message),
            (Slot::File(_), Own::Stranger) if is_url(text) => self.look_at_url(place, text),
            (Slot::File(_) | Slot::Free, _) => self.look_at_data(place, slot, text),
        }
    }

    fn look_at_id(&mut self, place: &str, own: &Own, text: &mut String) {
        if let Ok(id) = text.parse() {
            self.keep_asset(place, Slot::Id, id);
        } else if let Own::Asset(id) = own {
            self.keep_asset(place, Slot::Id, *id);
            *text = reference(*id);
        } else {
            let message = "must be the id of an asset, a UUID".to_owned();
            self.refuse(place, "uuid_type", message);
        }
    }

    /// A URL is only looked at here; it is fetched before the run is executed.
    fn look_at_url(&mut self, place: &str, text: &str) {
        if !self.places.insert(place.to_owned()) {
            return self.refuse_place(place);
        }
        if let Err(error) = self.services.egress.check_file_url(text) {
            let message = format!(
                "{error}; give a URL that anybody may fetch, or upload the file and give its asset"
            );
            self.refuse(place, "url", message);
        }
    }

    fn look_at_data(&mut self, place: &str, slot: Slot, text: &mut String) {
        let limit = self.services.limits.max_upload_bytes;
        let is_data = text
            .get(..5)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
        match (slot, data_uri::read(text, limit)) {
            (_, Ok((media_type, bytes))) => {
                if self.places.insert(place.to_owned()) {
                    // Not twice in memory: the reference takes its place later.
                    *text = String::new();
                    self.references.inline.push(Inline {
                        place: place.to_owned(),
                        slot,
                        media_type,
                        bytes,
                    });
                } else {
                    self.refuse_place(place);
                }
            }
            (_, Err(NoFile::Wrong(message))) => self.refuse(place, "data_uri", message),
            (Slot::File(_), Err(NoFile::Text(message))) if is_data => {
                self.refuse(place, "data_uri", message);
            }
            (Slot::File(_), Err(NoFile::Text(_))) => {
                let message = format!(
                    "{:?} is no file; give an http(s):// URL, a runflow://assets/… reference or a data: URI",
                    shortened(text)
                );
                self.refuse(place, "url", message);
            }
            (Slot::Id | Slot::Free, Err(NoFile::Text(_))) => {}
        }
    }

    fn keep_asset(&mut self, place: &str, slot: Slot, id: AssetId) {
        if self.places.insert(place.to_owned()) {
            let found = (id, slot);
            self.references.assets.insert(place.to_owned(), found);
        } else {
            self.refuse_place(place);
        }
    }

    /// Keys may have dots in them, and two places then have one name.
    fn refuse_place(&mut self, place: &str) {
        let message = "two files stand at places of this name; rename the key with a dot in it";
        self.refuse(place, "place", message.to_owned());
    }

    fn refuse(&mut self, place: &str, rule: &'static str, message: String) {
        if self.faults.len() < MOST_FILES {
            self.faults.push(fault(place, rule, message));
        }
    }
}

/// Puts a reference where its file stood.
pub(super) fn put_references(
    model: &ModelSpec,
    input: &mut Map<String, Value>,
    by_place: &BTreeMap<String, AssetId>,
) {
    visit(model, input, &mut |place, _, text| {
        if let Some(id) = by_place.get(place) {
            *text = reference(*id);
        }
    });
}

/// Whether a file of this type may stand in `slot`; the message says what may.
fn check_type(
    model: &ModelSpec,
    engine: &dyn Engine,
    (place, slot): (&str, Slot),
    mime_type: &str,
) -> Result<(), String> {
    if slot == Slot::Free {
        return Ok(());
    }
    let input = place.split('.').next().unwrap_or(place);
    engine.check_type(&model.model, input, mime_type)?;
    let Slot::File(kind) = slot else {
        return Ok(());
    };
    let found = MediaType::from_mime(mime_type);
    let wanted = match kind {
        InputType::Image | InputType::ImageList if !found.is_some_and(MediaType::is_picture) => {
            "a picture"
        }
        InputType::Video if !found.is_some_and(MediaType::is_video) => "a video",
        _ => return Ok(()),
    };
    Err(format!("is {mime_type}, and this input takes {wanted}"))
}

fn is_url(text: &str) -> bool {
    // Whatever names a scheme and a host is for the guarded client to judge.
    !text
        .get(..5)
        .is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"))
        && text.contains("://")
}

fn fault(place: &str, rule: &'static str, message: String) -> FieldFault {
    FieldFault::body(&format!("input.{place}"), rule, message)
}

/// The one sentence that clients look for.
fn not_found(id: AssetId) -> String {
    format!("asset not found or expired: runflow://assets/{id}")
}

/// Enough of a caller's text to recognise it in a message.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}
