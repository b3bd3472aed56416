//! Where an object lies in the folder.
//!
//! Assets that were created within the same 65 seconds lie in one folder, named by
//! the beginning of their ids, which is the time: `ORG/assets/018f4e1a/` and then the
//! rest of the key in one name, its parts joined by a plus. A folder for each asset
//! and each body, as their keys have them, would cost as many blocks on the disk as
//! there are objects, and an upload two syncs more. What does not belong to an asset
//! yet lies where its key says.
//!
//! Versions before this layout put assets there as well. They are found there still.

use runnel_types::{AssetId, OrgId};

use crate::key::Key;

/// What stands in a name for the slashes of a key; no key has one.
const JOINT: char = '+';

/// How much of an asset's id names its folder: 32 bits of its 48 of milliseconds.
const WINDOW: usize = 8;

/// The path of an object below the root.
pub(super) fn path_of(key: &Key) -> String {
    let text = key.to_string();
    match below_assets(key, &text) {
        Some(below) => {
            let (org, asset) = key.owner();
            let name = below.replace('/', &JOINT.to_string());
            format!("{}/{name}", window(org, asset))
        }
        None => text,
    }
}

/// The path that it had before this layout, where that was another.
pub(super) fn earlier_path_of(key: &Key) -> Option<String> {
    let text = key.to_string();
    below_assets(key, &text).is_some().then_some(text)
}

/// The key of what lies at a path, if it is one of ours.
pub(super) fn key_at(path: &str) -> Option<Key> {
    let mut parts = path.split('/');
    let text = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(org), Some("assets"), Some(_window), Some(name)) if name.contains(JOINT) => {
            format!("{org}/assets/{}", name.replace(JOINT, "/"))
        }
        _ => path.to_owned(),
    };
    let key: Key = text.parse().ok()?;
    let is_there = path == path_of(&key) || earlier_path_of(&key).is_some_and(|text| path == text);
    is_there.then_some(key)
}

/// The folder in which everything of an asset lies, beside that of others.
pub(super) fn window(org: OrgId, asset: AssetId) -> String {
    let id = asset.to_string();
    format!("{org}/assets/{}", &id[..WINDOW])
}

/// What the names of everything of an asset begin with in its folder.
pub(super) fn names_of(asset: AssetId) -> String {
    format!("{asset}{JOINT}")
}

/// What follows in the text of an asset's key after the folder of all assets.
fn below_assets<'a>(key: &Key, text: &'a str) -> Option<&'a str> {
    match key {
        Key::Asset { .. } | Key::Thumbnail { .. } | Key::Transform { .. } => {
            text.split_once("/assets/").map(|(_org, below)| below)
        }
        Key::Upload { .. } | Key::Piece { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn ids() -> (OrgId, AssetId, Uuid) {
        let id = |number: u128| Uuid::from_u128(0x018f_4e1a_0000_7000_8000_0000_0000_0000 + number);
        (id(1).into(), id(2).into(), id(3))
    }

    #[test]
    fn everything_of_an_asset_lies_in_the_folder_of_its_time() {
        let (org, asset, body) = ids();
        let key = Key::asset(org, asset, body, "cup.jpg");
        let transform = key.transform(&"0123456789".repeat(2), "webp");
        let folder = "018f4e1a-0000-7000-8000-000000000001/assets/018f4e1a";
        let names = "018f4e1a-0000-7000-8000-000000000002+018f4e1a-0000-7000-8000-000000000003+";
        assert_eq!(window(org, asset), folder);
        assert!(names.starts_with(&names_of(asset)));
        for (key, name) in [
            (&key, "cup.jpg"),
            (&key.thumbnail().unwrap(), "thumbnail.webp"),
            (&transform.unwrap(), "transforms+01234567890123456789.webp"),
        ] {
            let path = path_of(key);
            assert_eq!(path, format!("{folder}/{names}{name}"));
            assert_eq!(key_at(&path).as_ref(), Some(key));
            let earlier = earlier_path_of(key).unwrap();
            assert_eq!(earlier, key.to_string());
            assert_eq!(key_at(&earlier).as_ref(), Some(key));
        }
        for key in [Key::upload(org, asset, "cup.jpg"), key.piece(body)] {
            assert_eq!(path_of(&key), key.to_string());
            assert_eq!(earlier_path_of(&key), None);
            assert_eq!(key_at(&path_of(&key)), Some(key));
        }
    }

    #[test]
    fn other_spellings_of_a_path_are_none() {
        let (org, asset, body) = ids();
        let path = path_of(&Key::asset(org, asset, body, "cup.jpg"));
        assert!(key_at(&path).is_some());
        for other in [
            path.replace("/018f4e1a/", "/018f4e1b/"),
            path.replace("+cup", "/cup"),
            path.replace("+cup", "+../cup"),
            path.replacen('+', "/", 1),
            path.replace("cup.jpg", "cup.jpg/x"),
            path.replace("cup.jpg", "c+p.jpg"),
            format!("{path}+"),
            format!("/{path}"),
        ] {
            assert_eq!(key_at(&other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn every_filename_has_a_path_that_leads_back(filename in ".*") {
            let (org, asset, body) = ids();
            let key = Key::asset(org, asset, body, &filename);
            let path = path_of(&key);
            prop_assert_eq!(path.split('/').count(), 4);
            // What most file systems take as one name.
            prop_assert!(path.split('/').all(|part| (1..=255).contains(&part.len())));
            prop_assert_eq!(key_at(&path), Some(key));
        }
    }
}
