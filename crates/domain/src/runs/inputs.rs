//! The files that a run's input refers to: found before the run is accepted,
//! loaded when it is executed.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use runnel_blobs::Key;
use runnel_engines::{Engine, InputContent, InputFile, InputForm};
use runnel_media::MediaType;
use runnel_types::{
    Asset, AssetId, Fault, FieldFault, ModelSpec, OrgId, ReferenceForm, SourceType,
};
use serde_json::{Map, Value};

use crate::assets::{NewFile, parse_reference};
use crate::{Caller, Services, faults};

/// What a run's input refers to.
#[derive(Debug, Default)]
pub(super) struct References {
    /// Assets, by the name of the input.
    pub(super) assets: BTreeMap<String, AssetId>,
    /// Pictures within the input itself.
    pub(super) inline: Vec<Inline>,
}

/// A picture within the input, decoded from its `data:` URI.
#[derive(Debug)]
pub(super) struct Inline {
    pub(super) name: String,
    mime_type: String,
    bytes: Vec<u8>,
}

impl Inline {
    pub(super) fn into_file(self, caller: &Caller) -> NewFile {
        let extension = MediaType::from_mime(&self.mime_type)
            .and_then(|kind| kind.extensions().first().copied());
        NewFile {
            org_id: caller.org_id,
            name: format!("{}.{}", self.name, extension.unwrap_or("bin")),
            bytes: self.bytes,
            declared: Some(self.mime_type),
            source_type: SourceType::Inline,
            source_id: None,
            created_by: Some(caller.key_id()),
        }
    }
}

impl Services {
    /// Finds what `input` refers to; one fault for each reference that leads
    /// nowhere. Another organization's asset leads nowhere.
    pub(super) async fn find_references(
        &self,
        org: OrgId,
        model: &ModelSpec,
        engine: &dyn Engine,
        input: &Map<String, Value>,
    ) -> Result<Result<References, Vec<FieldFault>>, Fault> {
        let (references, mut found) = read_references(model, input);
        let ids: Vec<AssetId> = references.assets.values().copied().collect();
        let live = self
            .store
            .read()
            .assets()
            .get_many_live(org, &ids)
            .await
            .map_err(faults::store)?;
        let mut refuse = |name: &str, rule, message| {
            found.push(FieldFault::body(&format!("input.{name}"), rule, message));
        };
        for (name, id) in &references.assets {
            match live.iter().find(|asset| asset.id == *id) {
                None => refuse(name, "asset_not_found", not_found(*id)),
                Some(asset) => {
                    if let Err(message) = engine.check_type(&model.model, &asset.mime_type) {
                        let message = format!("{} {message}", asset.name);
                        refuse(name, "unsupported", message);
                    }
                }
            }
        }
        for inline in &references.inline {
            if let Err(message) = engine.check_type(&model.model, &inline.mime_type) {
                let message = format!("the data: URI {message}");
                refuse(&inline.name, "unsupported", message);
            }
        }
        Ok(if found.is_empty() {
            Ok(references)
        } else {
            Err(found)
        })
    }

    /// Loads the files of a run that is about to be executed, by input.
    pub(super) async fn load_files(
        &self,
        org: OrgId,
        model: &ModelSpec,
        engine: &dyn Engine,
        input: &Map<String, Value>,
    ) -> Result<Result<BTreeMap<String, InputFile>, String>, Fault> {
        let form = engine.input_form(&model.model);
        let (references, _) = read_references(model, input);
        let ids: Vec<AssetId> = references.assets.values().copied().collect();
        let live = self
            .store
            .read()
            .assets()
            .get_many_live(org, &ids)
            .await
            .map_err(faults::store)?;
        let mut files = BTreeMap::new();
        for (name, id) in references.assets {
            let Some(asset) = live.iter().find(|asset| asset.id == id) else {
                return Ok(Err(not_found(id)));
            };
            files.insert(name, self.load_file(asset, form).await?);
        }
        Ok(Ok(files))
    }

    async fn load_file(&self, asset: &Asset, form: InputForm) -> Result<InputFile, Fault> {
        let key: Key = asset.storage_key.parse().map_err(Fault::internal)?;
        let content = match form {
            InputForm::Bytes => {
                InputContent::Bytes(self.blobs.read_all(&key).await.map_err(faults::blob)?)
            }
            InputForm::Url => InputContent::Url(
                self.asset_url(asset, self.now())
                    .ok_or_else(|| Fault::internal(format!("{} has no URL", asset.id)))?,
            ),
        };
        Ok(InputFile {
            mime_type: asset.mime_type.clone(),
            name: asset.name.clone(),
            size_bytes: asset.size_bytes,
            content,
        })
    }
}

/// The one sentence that clients look for.
fn not_found(id: AssetId) -> String {
    format!("asset not found or expired: runflow://assets/{id}")
}

fn read_references(model: &ModelSpec, input: &Map<String, Value>) -> (References, Vec<FieldFault>) {
    let mut references = References::default();
    let mut found = Vec::new();
    for spec in &model.inputs {
        let (name, Some(form)) = (spec.name.as_str(), spec.reference_form()) else {
            continue;
        };
        let Some(text) = input.get(name).and_then(Value::as_str) else {
            continue;
        };
        let mut refuse = |rule, message: String| {
            found.push(FieldFault::body(&format!("input.{name}"), rule, message));
        };
        match (form, parse_reference(text)) {
            (_, Some(Ok(id))) => drop(references.assets.insert(name.to_owned(), id)),
            (_, Some(Err(()))) => refuse(
                "asset_not_found",
                format!("asset not found or expired: {}", shortened(text)),
            ),
            (ReferenceForm::Id, None) => match text.parse() {
                Ok(id) => drop(references.assets.insert(name.to_owned(), id)),
                Err(_) => refuse("uuid_type", "must be the id of an asset, a UUID".to_owned()),
            },
            (ReferenceForm::Url | ReferenceForm::Urls, None) => match read_data_uri(text) {
                Ok((mime_type, bytes)) => references.inline.push(Inline {
                    name: name.to_owned(),
                    mime_type,
                    bytes,
                }),
                Err(message) => refuse("data_uri", message),
            },
        }
    }
    (references, found)
}

/// The type and bytes of `data:<mime>;base64,…`.
fn read_data_uri(text: &str) -> Result<(String, Vec<u8>), String> {
    let form = "data:<mime>;base64,<bytes>";
    let Some(rest) = text.strip_prefix("data:") else {
        let message = if text.starts_with("http://") || text.starts_with("https://") {
            "pictures are not fetched from URLs by this version; upload the file and give its asset_id".to_owned()
        } else {
            format!(
                "{:?} is no picture; give a runflow://assets/… reference or {form}",
                shortened(text)
            )
        };
        return Err(message);
    };
    let (mime_type, encoded) = rest
        .split_once(";base64,")
        .ok_or_else(|| format!("a data: URI must have the form {form}"))?;
    let kind = MediaType::from_mime(mime_type).filter(|kind| kind.is_accepted());
    let kind = kind.ok_or_else(|| {
        format!(
            "the type {:?} of the data: URI is not supported",
            shortened(mime_type)
        )
    })?;
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|error| format!("the data: URI is not valid base64: {error}"))?;
    if bytes.is_empty() {
        return Err("the data: URI holds no bytes".to_owned());
    }
    Ok((kind.as_mime().to_owned(), bytes))
}

/// Enough of a caller's text to recognise it in a message.
fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(80).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_uris_are_read_strictly() {
        assert_eq!(
            read_data_uri("data:image/png;base64,aGk=").unwrap(),
            ("image/png".to_owned(), b"hi".to_vec())
        );
        let long = format!("nonsense {}", "x".repeat(5000));
        for bad in [
            "data:image/png,hi",
            "data:image/png;base64,***",
            "data:image/png;base64,",
            "data:text/html;base64,aGk=",
            "http://example.com/a.png",
            &long,
        ] {
            let message = read_data_uri(bad).unwrap_err();
            assert!(message.len() < 300, "{message}");
        }
    }
}
