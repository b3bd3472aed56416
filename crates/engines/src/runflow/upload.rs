//! The files of an input, brought to the remote: uploaded through its presigned
//! URLs, or named by URLs of ours.

use std::collections::BTreeMap;

use bytes::Bytes;
use runnel_egress::Method;
use serde_json::{Map, Value, json};

use super::{Runflow, encoded};
use crate::engine::{EngineError, InputContent, InputFile, Work};
use crate::remote::{Call, refusal};

impl Runflow {
    /// The input with references that mean something to the remote.
    pub(super) async fn input(&self, work: &mut Work) -> Result<Map<String, Value>, EngineError> {
        let mut references = BTreeMap::new();
        for (place, file) in &mut work.files {
            let reference = match &mut file.content {
                InputContent::Url(url) => std::mem::take(url),
                InputContent::Bytes(bytes) => {
                    let bytes = Bytes::from(std::mem::take(bytes));
                    self.upload(file, bytes).await?
                }
            };
            references.insert(place.clone(), reference);
        }
        let by_url: Vec<String> = references
            .iter()
            .filter(|(place, reference)| {
                reference.starts_with("http") && place.ends_with("asset_id")
            })
            .map(|(place, _)| place.clone())
            .collect();
        let mut input = work.input_with(|file| {
            let place = work
                .files
                .iter()
                .find(|(_, known)| std::ptr::eq(*known, file));
            let reference = place.and_then(|(place, _)| references.get(place));
            Value::from(reference.cloned())
        });
        for place in by_url {
            rename(&mut input, &place);
        }
        Ok(input)
    }

    async fn upload(&self, file: &InputFile, bytes: Bytes) -> Result<String, EngineError> {
        let session = self
            .server
            .json(Call::new(Method::POST, "v1/asset-uploads").json(&json!({
                "filename": file.name,
                "mime_type": file.mime_type,
                "size_bytes": bytes.len(),
            })))
            .await?;
        let (Some(id), Some(url)) = (session["asset_id"].as_str(), session["upload_url"].as_str())
        else {
            return Err(EngineError::output_invalid(format!(
                "{} answered a request for an upload without asset_id or upload_url",
                self.server.name()
            )));
        };
        let call = Call::new(Method::PUT, url)
            .bytes(&file.mime_type, bytes)
            .without_secrets()
            .as_long_as_it_takes();
        let reply = self.server.send(call).await?;
        if !reply.is_success() {
            let error = refusal::read(reply).await;
            let message = format!("the upload of {} to the remote failed: {error}", file.name);
            return Err(EngineError { message, ..error });
        }
        let path = format!("v1/asset-uploads/{}/confirmations", encoded(id));
        let call = Call::new(Method::POST, path).json(&json!({}));
        self.server.json(call.as_long_as_it_takes()).await?;
        Ok(format!("runflow://assets/{id}"))
    }
}

/// Gives an input that takes an id of an asset the name of the one that takes a
/// URL: `asset_id` is `image_url`, `reference_asset_id` is `reference_url`.
fn rename(input: &mut Map<String, Value>, place: &str) {
    let Some(prefix) = place.strip_suffix("asset_id") else {
        return;
    };
    if let Some(value) = input.remove(place) {
        let name = match prefix {
            "" => "image_url".to_owned(),
            prefix => format!("{prefix}url"),
        };
        input.insert(name, value);
    }
}
