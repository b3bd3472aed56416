//! URLs that this server signed: the asset that one names, without a detour
//! through the network.
//!
//! Clients hand back what a record showed them. Fetching that over HTTP would
//! copy the asset, and fail where the server may not reach itself. An expired URL
//! is taken too: whoever may name the asset by its id gains nothing by it.

use runnel_blobs::{Grant, Key, Method};
use runnel_types::{AssetId, OrgId};

use crate::Services;

/// What a text is to this server.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Own {
    /// No URL of ours, or one for something else than an asset of the caller's.
    Stranger,
    /// The bytes of an asset of the caller's.
    Asset(AssetId),
    /// It looks like one of ours, and is none; why.
    Forged(String),
}

impl Services {
    /// The asset of `org` whose bytes the URL in `text` names.
    pub(super) fn own_asset(&self, org: OrgId, text: &str) -> Own {
        let below = text
            .strip_prefix(self.public_url.trim_end_matches('/'))
            .and_then(|rest| rest.strip_prefix("/storage/"));
        let key = match below {
            Some(below) => {
                let (path, query) = below.split_once('?').unwrap_or((below, ""));
                match self.signer.read_signed(Method::Get, path, query) {
                    Ok((Grant { key, transform, .. }, _)) if transform.is_empty() => Some(key),
                    Ok(_) => None,
                    Err(error) => return Own::Forged(error.to_string()),
                }
            }
            None => self.blobs.read_presigned(text),
        };
        match key {
            Some(Key::Asset {
                org: owner, asset, ..
            }) if owner == org => Own::Asset(asset),
            _ => Own::Stranger,
        }
    }
}
