//! Tests of what the local disk alone does.

use super::stage::Place;
use super::*;
use crate::{Blobs, Variables};
use futures_util::TryStreamExt;
use uuid::Uuid;

async fn storage() -> (tempfile::TempDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let url = url::Url::from_file_path(folder.path().join("objects")).unwrap();
    let blobs = Blobs::open(url.as_str(), &Variables::default())
        .await
        .unwrap();
    (folder, blobs)
}

fn key(name: &str) -> Key {
    let id = Uuid::from_u128(3);
    Key::asset(id.into(), id.into(), id, name)
}

fn files(folder: &Path) -> usize {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .map(|path| if path.is_dir() { files(&path) } else { 1 })
        .sum()
}

#[tokio::test]
async fn what_was_stored_is_read_back_whole_and_in_part() {
    let (_folder, blobs) = storage().await;
    let bytes: Vec<u8> = (0..700_000_u32).map(|number| number as u8).collect();
    let mut staged = blobs.stage(&key("a.bin"));
    for part in bytes.chunks(100_001) {
        staged.write(part).await.unwrap();
    }
    let stored = staged.finish().await.unwrap();
    assert_eq!(stored.size_bytes, 700_000);
    assert_eq!(stored.sha256, hex::encode(Sha256::digest(&bytes)));
    assert_eq!(blobs.read_all(&key("a.bin")).await.unwrap(), bytes);
    let object = blobs.open_object(&key("a.bin")).await.unwrap().unwrap();
    let part: Vec<Bytes> = object
        .into_stream(100..400_000)
        .try_collect()
        .await
        .unwrap();
    assert_eq!(part.concat(), bytes[100..400_000]);
}

#[tokio::test]
async fn bodies_that_arrive_at_once_are_kept_apart() {
    let (_folder, blobs) = storage().await;
    let bodies: Vec<Vec<u8>> = (1..13_u32)
        .map(|body| {
            let bytes = (0..body * 170_001).map(|number| ((number * body) >> 5) as u8);
            bytes.collect()
        })
        .collect();
    let storing = bodies.iter().enumerate().map(|(number, bytes)| {
        let key = key(&format!("{number}.bin"));
        let mut staged = blobs.stage(&key);
        async move {
            for part in bytes.chunks(60_007) {
                staged.write(part).await.unwrap();
            }
            (key, staged.finish().await.unwrap())
        }
    });
    let stored = futures_util::future::join_all(storing).await;
    for ((key, stored), bytes) in stored.into_iter().zip(&bodies) {
        assert_eq!(stored.size_bytes, bytes.len() as u64);
        assert_eq!(stored.sha256, hex::encode(Sha256::digest(bytes)));
        assert!(blobs.read_all(&key).await.unwrap() == *bytes, "{key}");
    }
}

#[tokio::test]
async fn a_dropped_body_leaves_nothing() {
    let (folder, blobs) = storage().await;
    let mut staged = blobs.stage(&key("a.bin"));
    staged.write(&vec![1; 600_000]).await.unwrap();
    assert_eq!(files(folder.path()), 1);
    drop(staged);
    assert_eq!(files(folder.path()), 0);
}

#[tokio::test]
async fn deleting_twice_is_fine_and_leaves_no_folders() {
    let (folder, blobs) = storage().await;
    blobs.put_bytes(&key("a.png"), b"hi").await.unwrap();
    blobs.delete(&key("a.png")).await.unwrap();
    blobs.delete(&key("a.png")).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(folder.path().join("objects"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, [STAGING]);
    assert!(matches!(
        blobs.read_all(&key("a.png")).await,
        Err(BlobError::Missing { .. })
    ));
    assert!(blobs.open_object(&key("a.png")).await.unwrap().is_none());
}

#[tokio::test]
async fn what_dead_processes_left_is_swept_and_what_is_being_written_is_not() {
    let (folder, blobs) = storage().await;
    let staging = folder.path().join("objects").join(STAGING);
    let mut arriving = blobs.stage(&key("a.bin"));
    arriving.write(&vec![1; 600_000]).await.unwrap();
    // A process of another container may have had this number too.
    let own = format!("{}-77", std::process::id());
    for left in ["4294967294-0", "1-0", own.as_str()] {
        std::fs::write(staging.join(left), b"left over").unwrap();
    }
    assert_eq!(blobs.sweep_temporary().await.unwrap(), 3);
    std::fs::write(staging.join("1-0"), b"left over").unwrap();
    let url = url::Url::from_file_path(folder.path().join("objects")).unwrap();
    let opened = Blobs::open(url.as_str(), &Variables::default()).await;
    opened.unwrap();
    assert_eq!(files(&staging), 1);
    assert_eq!(arriving.finish().await.unwrap().size_bytes, 600_000);
    assert_eq!(files(&staging), 0);
}

#[tokio::test]
async fn a_small_body_of_an_unpublished_key_needs_no_temporary_file() {
    let (folder, blobs) = storage().await;
    let objects = folder.path().join("objects");
    std::fs::remove_dir(objects.join(STAGING)).unwrap();
    let mut staged = blobs.stage_unpublished(&key("a.bin"));
    staged.write(b"hi").await.unwrap();
    staged.finish().await.unwrap();
    assert_eq!(blobs.read_all(&key("a.bin")).await.unwrap(), b"hi");
    // The other ways have no place for theirs, and leave what is there.
    let mut large = blobs.stage_unpublished(&key("b.bin"));
    assert!(large.write(&vec![1; 600_000]).await.is_err());
    let mut again = blobs.stage_unpublished(&key("a.bin"));
    again.write(b"ho").await.unwrap();
    assert!(again.finish().await.is_err());
    assert!(blobs.put_bytes(&key("c.bin"), b"hi").await.is_err());
    assert_eq!(blobs.read_all(&key("a.bin")).await.unwrap(), b"hi");
    assert_eq!(files(&objects), 1);
}

#[tokio::test]
async fn a_body_that_is_given_up_takes_its_own_file_away_and_no_other() {
    let (folder, blobs) = storage().await;
    let folders = Folders::below(folder.path().join("objects"));
    let target = folders.root().join(layout::path_of(&key("a.bin")));
    let intended = || Place::Intended(folder.path().join("temporary"));
    let given_up = intended().open_in_place(&folders, &target).unwrap();
    assert!(target.exists());
    drop(given_up);
    assert!(!target.exists());
    let given_up = intended().open_in_place(&folders, &target).unwrap();
    let mut staged = blobs.stage_unpublished(&key("a.bin"));
    staged.write(b"another").await.unwrap();
    staged.finish().await.unwrap();
    drop(given_up);
    assert_eq!(blobs.read_all(&key("a.bin")).await.unwrap(), b"another");
}

#[tokio::test]
async fn what_lies_where_it_lay_before_is_found_and_removed_there() {
    let (folder, blobs) = storage().await;
    let root = folder.path().join("objects");
    let (id, other) = (Uuid::from_u128(3), Uuid::from_u128(4));
    let (old, new) = (key("old.bin"), key("new.bin"));
    let transform = old.transform(&"0123456789".repeat(2), "webp").unwrap();
    let put_as_before = |key: &Key| {
        let path = root.join(key.to_string());
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"before").unwrap();
    };
    let listed = async || {
        let all: Vec<_> = blobs.list().try_collect().await.unwrap();
        let mut keys: Vec<_> = all.into_iter().map(|found| found.key.unwrap()).collect();
        keys.sort_by_key(Key::to_string);
        keys
    };
    put_as_before(&old);
    put_as_before(&transform);
    blobs.put_bytes(&new, b"now").await.unwrap();
    assert!(!root.join(new.to_string()).exists());
    assert_eq!(
        listed().await,
        [new.clone(), old.clone(), transform.clone()]
    );
    for key in [&old, &transform] {
        assert_eq!(blobs.read_all(key).await.unwrap(), b"before");
        assert_eq!(blobs.head(key).await.unwrap().unwrap().size_bytes, 6);
        assert_eq!(blobs.read_head(key, 2).await.unwrap(), b"be");
        assert!(blobs.open_object(key).await.unwrap().is_some());
        let checksum = crate::crc32(b"before");
        let whole = blobs.open_reproducible(key, checksum).await.unwrap();
        assert!(whole.is_some());
    }
    blobs.copy(&old, &key("copy.bin")).await.unwrap();
    // What is written once more lies in the new place, and is what is read.
    blobs.put_bytes(&transform, b"again").await.unwrap();
    assert_eq!(blobs.read_all(&transform).await.unwrap(), b"again");
    blobs.delete(&transform).await.unwrap();
    assert!(blobs.head(&transform).await.unwrap().is_none());
    // One that is told apart by no more than its id lies in the same folder.
    let beside = Key::asset(id.into(), other.into(), id, "b.bin");
    blobs.put_bytes(&beside, b"beside").await.unwrap();
    blobs.delete_asset(id.into(), id.into()).await.unwrap();
    assert_eq!(listed().await, std::slice::from_ref(&beside));
    blobs.delete(&beside).await.unwrap();
    assert_eq!(files(&root), 0);
    let left = std::fs::read_dir(&root).unwrap().count();
    assert_eq!(left, 1, "only the folder of what is being written");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_that_others_remove_is_made_again() {
    let (_folder, blobs) = storage().await;
    let rounds = (1..=4_u128).map(|number| {
        let blobs = blobs.clone();
        // All in one folder, which each of them leaves empty again and again.
        let id = Uuid::from_u128(number);
        let key = Key::asset(Uuid::from_u128(3).into(), id.into(), id, "a.bin");
        tokio::spawn(async move {
            for round in 0..200 {
                let mut staged = match round % 2 {
                    0 => blobs.stage(&key),
                    _ => blobs.stage_unpublished(&key),
                };
                staged.write(b"hi").await.unwrap();
                staged.finish().await.unwrap();
                assert_eq!(blobs.read_all(&key).await.unwrap(), b"hi");
                blobs.delete(&key).await.unwrap();
            }
        })
    });
    for round in rounds.collect::<Vec<_>>() {
        round.await.unwrap();
    }
}
