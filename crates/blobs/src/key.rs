//! Every path in the bucket is a variant of one enum; no other file makes one.

use std::fmt;
use std::str::FromStr;

use runnel_types::{AssetId, OrgId};
use uuid::Uuid;

/// The name of every thumbnail, beside its asset's bytes.
const THUMBNAIL: &str = "thumbnail.webp";

/// The folder of what was made of an asset's bytes, beside them.
const TRANSFORMS: &str = "transforms";

/// What such a file's name may end in.
const TRANSFORM_EXTENSIONS: [&str; 4] = ["avif", "jpg", "png", "webp"];

/// The letters of such a file's name before that.
const TRANSFORM_DIGEST: usize = 20;

/// The longest safe name, in bytes.
const MAX_NAME: usize = 100;

/// The name of an object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// What an upload URL names. Where the server takes the bytes, no object
    /// lies here: each body that arrives gets an [`Key::Asset`] of its own.
    /// Where a store takes them, the last body lies here until it is
    /// confirmed, which copies it. `{org}/uploads/{asset}/{name}`.
    Upload {
        /// The organization.
        org: OrgId,
        /// The upload.
        asset: AssetId,
        /// The file's name, made safe.
        name: String,
    },
    /// The bytes of an asset, written once. `{org}/assets/{asset}/{body}/{name}`.
    Asset {
        /// The organization.
        org: OrgId,
        /// The asset.
        asset: AssetId,
        /// Tells this body from others that were sent for the same upload.
        body: Uuid,
        /// The file's name, made safe.
        name: String,
    },
    /// A part of a body that is still arriving, removed when it is complete.
    /// `{org}/resumable/{asset}/{piece}`.
    Piece {
        /// The organization.
        org: OrgId,
        /// The upload.
        asset: AssetId,
        /// Tells this part from others of the same upload.
        piece: Uuid,
    },
    /// The thumbnail of those bytes. `{org}/assets/{asset}/{body}/thumbnail.webp`.
    Thumbnail {
        /// The organization.
        org: OrgId,
        /// The asset.
        asset: AssetId,
        /// The body that it is made of; of one that was drawn later, an id of
        /// its own.
        body: Uuid,
    },
    /// What a transform made of those bytes; it can be made again at any time.
    /// `{org}/assets/{asset}/{body}/transforms/{digest}.{extension}`.
    Transform {
        /// The organization.
        org: OrgId,
        /// The asset.
        asset: AssetId,
        /// The body that it is made of.
        body: Uuid,
        /// The digest of the transform, and the extension of what it made.
        name: String,
    },
}

/// A text that is no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no key of an object")]
pub struct BadKey(pub String);

impl Key {
    /// The key that an upload's URL names.
    pub fn upload(org: OrgId, asset: AssetId, filename: &str) -> Self {
        Self::Upload {
            org,
            asset,
            name: safe_name(filename),
        }
    }

    /// The key of one body of an asset.
    pub fn asset(org: OrgId, asset: AssetId, body: Uuid, filename: &str) -> Self {
        Self::Asset {
            org,
            asset,
            body,
            name: safe_name(filename),
        }
    }

    /// The key that the URL of the upload of these bytes names.
    #[must_use]
    pub fn upload_of(&self) -> Option<Self> {
        match self {
            Self::Asset {
                org, asset, name, ..
            } => Some(Self::Upload {
                org: *org,
                asset: *asset,
                name: name.clone(),
            }),
            _ => None,
        }
    }

    /// What the names of everything of an asset begin with, without a slash at
    /// the end.
    pub(crate) fn folder_of(org: OrgId, asset: AssetId) -> String {
        format!("{org}/assets/{asset}")
    }

    /// The same of parts of bodies that were still arriving for it.
    pub(crate) fn pieces_of(org: OrgId, asset: AssetId) -> String {
        format!("{org}/resumable/{asset}")
    }

    /// The key of a thumbnail that is drawn after its asset was made. Each
    /// attempt has another `drawing`: one that comes late removes its own
    /// object and no other's.
    pub const fn later_thumbnail(org: OrgId, asset: AssetId, drawing: Uuid) -> Self {
        Self::Thumbnail {
            org,
            asset,
            body: drawing,
        }
    }

    /// The organization and the asset that it belongs to.
    pub const fn owner(&self) -> (OrgId, AssetId) {
        let (Self::Upload { org, asset, .. }
        | Self::Asset { org, asset, .. }
        | Self::Piece { org, asset, .. }
        | Self::Thumbnail { org, asset, .. }
        | Self::Transform { org, asset, .. }) = self;
        (*org, *asset)
    }

    /// The thumbnail's key, beside the bytes of an asset.
    pub fn thumbnail(&self) -> Option<Self> {
        match self {
            Self::Asset {
                org, asset, body, ..
            } => Some(Self::Thumbnail {
                org: *org,
                asset: *asset,
                body: *body,
            }),
            Self::Upload { .. }
            | Self::Piece { .. }
            | Self::Thumbnail { .. }
            | Self::Transform { .. } => None,
        }
    }

    /// The key of a part that arrives before the rest of this body.
    pub(crate) const fn piece(&self, piece: Uuid) -> Self {
        let (org, asset) = self.owner();
        Self::Piece { org, asset, piece }
    }

    /// The key of what a transform makes of an asset: `digest` has 20 hex
    /// letters and tells it from others; `None` for what is no such name.
    pub fn transform(&self, digest: &str, extension: &str) -> Option<Self> {
        let name = format!("{digest}.{extension}");
        match self {
            Self::Asset {
                org, asset, body, ..
            } if is_transform(&name) => Some(Self::Transform {
                org: *org,
                asset: *asset,
                body: *body,
                name,
            }),
            _ => None,
        }
    }
}

fn is_transform(name: &str) -> bool {
    name.split_once('.').is_some_and(|(digest, extension)| {
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        digest.len() == TRANSFORM_DIGEST
            && digest.bytes().all(is_hex)
            && TRANSFORM_EXTENSIONS.contains(&extension)
    })
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upload { org, asset, name } => write!(f, "{org}/uploads/{asset}/{name}"),
            Self::Asset {
                org,
                asset,
                body,
                name,
            } => write!(f, "{org}/assets/{asset}/{body}/{name}"),
            Self::Piece { org, asset, piece } => write!(f, "{org}/resumable/{asset}/{piece}"),
            Self::Thumbnail { org, asset, body } => {
                write!(f, "{org}/assets/{asset}/{body}/{THUMBNAIL}")
            }
            Self::Transform {
                org,
                asset,
                body,
                name,
            } => write!(f, "{org}/assets/{asset}/{body}/{TRANSFORMS}/{name}"),
        }
    }
}

impl FromStr for Key {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let bad = || BadKey(text.chars().take(200).collect());
        let parts: Vec<&str> = text.split('/').collect();
        let key = match parts.as_slice() {
            [org, "uploads", asset, name] => Self::Upload {
                org: org.parse().map_err(|_| bad())?,
                asset: asset.parse().map_err(|_| bad())?,
                name: (*name).to_owned(),
            },
            [org, "resumable", asset, piece] => Self::Piece {
                org: org.parse().map_err(|_| bad())?,
                asset: asset.parse().map_err(|_| bad())?,
                piece: piece.parse().map_err(|_| bad())?,
            },
            [org, "assets", asset, body, name] => {
                let org = org.parse().map_err(|_| bad())?;
                let asset = asset.parse().map_err(|_| bad())?;
                let body = body.parse().map_err(|_| bad())?;
                match *name {
                    THUMBNAIL => Self::Thumbnail { org, asset, body },
                    name => Self::Asset {
                        org,
                        asset,
                        body,
                        name: name.to_owned(),
                    },
                }
            }
            [org, "assets", asset, body, TRANSFORMS, name] if is_transform(name) => {
                Self::Transform {
                    org: org.parse().map_err(|_| bad())?,
                    asset: asset.parse().map_err(|_| bad())?,
                    body: body.parse().map_err(|_| bad())?,
                    name: (*name).to_owned(),
                }
            }
            _ => return Err(bad()),
        };
        // Only the one spelling that `Display` writes: this refuses every
        // traversal, odd name and other form of an id at once.
        let is_safe = parts
            .last()
            .is_some_and(|name| *name == THUMBNAIL || safe_name(name) == *name);
        if is_safe && key.to_string() == text {
            Ok(key)
        } else {
            Err(bad())
        }
    }
}

/// A name that is safe on every disk and in every URL: ASCII letters, digits,
/// `.`, `_` and `-`; never empty, hidden, or the thumbnail's own.
fn safe_name(filename: &str) -> String {
    let mut name = String::new();
    for letter in filename.chars() {
        let safe = if letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_' | '-') {
            letter
        } else {
            '_'
        };
        // A run of replaced letters says no more than one of them.
        if safe != '_' || !name.ends_with('_') {
            name.push(safe);
        }
    }
    let trimmed = name.trim_matches(['.', '_', '-']);
    let (stem, ending) = match trimmed.rsplit_once('.') {
        Some((stem, ending)) if (1..=10).contains(&ending.len()) && !stem.is_empty() => {
            (stem, format!(".{ending}"))
        }
        _ => (trimmed, String::new()),
    };
    let stem: String = stem.chars().take(MAX_NAME - ending.len()).collect();
    match format!("{stem}{ending}") {
        name if name.is_empty() => "file".to_owned(),
        name if name == THUMBNAIL => format!("file-{THUMBNAIL}"),
        name => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hostile_names_become_harmless() {
        let cases = [
            ("photo.jpg", "photo.jpg"),
            ("../../etc/passwd", "etc_passwd"),
            ("..", "file"),
            ("", "file"),
            (".bashrc", "bashrc"),
            ("a\0b.png", "a_b.png"),
            ("🍰.png", "png"),
            ("Kuchen 🍰 am See.jpeg", "Kuchen_am_See.jpeg"),
            ("thumbnail.webp", "file-thumbnail.webp"),
            ("con.", "con"),
        ];
        for (given, expected) in cases {
            assert_eq!(safe_name(given), expected, "{given:?}");
        }
        let long = safe_name(&format!("{}.jpeg", "x".repeat(500)));
        assert_eq!(long.len(), MAX_NAME);
        assert_eq!(
            long.rsplit_once('.').map(|(_, extension)| extension),
            Some("jpeg")
        );
    }

    #[test]
    fn other_spellings_are_no_keys() {
        let id = "018f4e1a-0000-7000-8000-000000000001";
        let good = format!("{id}/assets/{id}/{id}/a.png");
        assert_eq!(good.parse::<Key>().unwrap().to_string(), good);
        let bad = [
            format!("{id}/assets/{id}/{id}/../a.png"),
            format!("{id}/assets/{id}/{id}/.."),
            format!("{id}/assets/{id}/{id}/a b.png"),
            format!("/{good}"),
            format!("{good}/"),
            good.to_uppercase(),
            good.replace("018f4e1a", "{018f4e1a"),
            good.replace('-', ""),
            String::new(),
        ];
        for bad in bad {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_transform_makes_lies_beside_the_bytes() {
        let id = Uuid::from_u128(7);
        let asset = Key::asset(id.into(), id.into(), id, "a.png");
        let digest = "0123456789".repeat(2);
        let key = asset.transform(&digest, "webp").unwrap();
        let text = format!("{id}/assets/{id}/{id}/transforms/{digest}.webp");
        assert_eq!(key.to_string(), text);
        assert_eq!(text.parse::<Key>().unwrap(), key);
        for (digest, extension) in [
            (&digest[1..], "webp"),
            (&digest.replace('9', "F"), "webp"),
            (&digest, "svg"),
            (&digest, "webp.svg"),
            ("../../../../etc/pass", "webp"),
        ] {
            assert_eq!(asset.transform(digest, extension), None);
            let text = format!("{id}/assets/{id}/{id}/transforms/{digest}.{extension}");
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
        assert_eq!(key.transform(&digest, "webp"), None);
        assert_eq!(key.thumbnail(), None);
    }

    proptest! {
        #[test]
        fn every_filename_makes_a_key_that_reads_back(filename in ".*") {
            let id = Uuid::from_u128(7);
            let key = Key::asset(id.into(), id.into(), id, &filename);
            prop_assert_eq!(key.to_string().parse::<Key>(), Ok(key.clone()));
            prop_assert!(key.to_string().len() < 250);
        }
    }
}
