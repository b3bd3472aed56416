//! Bodies that arrive in pieces, on a disk and in a bucket alike.

use super::*;
use crate::Variables;
use crate::remote::Remote;
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use runnel_types::{AssetId, OrgId};
use sha2::{Digest, Sha256};
use std::sync::Arc;

/// A part of a bucket's upload, and then some.
const MORE_THAN_A_PART: usize = 9 * 1024 * 1024;

async fn disk() -> (tempfile::TempDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let blobs = open(&folder).await;
    (folder, blobs)
}

async fn open(folder: &tempfile::TempDir) -> Blobs {
    let url = url::Url::from_file_path(folder.path().join("objects")).unwrap();
    Blobs::open(url.as_str(), &Variables::default())
        .await
        .unwrap()
}

/// A folder and a bucket.
async fn both() -> (tempfile::TempDir, [Blobs; 2]) {
    let (folder, disk) = disk().await;
    let bucket = Remote::in_memory(Arc::new(InMemory::new()), "some/prefix");
    (folder, [disk, Blobs::remote(bucket)])
}

fn target() -> Key {
    let id = Uuid::from_u128(5);
    Key::asset(OrgId::from(id), AssetId::from(id), id, "film.mp4")
}

async fn begin(blobs: &Blobs) -> Progress {
    let fresh = Uuid::from_u128(9);
    blobs.begin_resumable(&target(), fresh).await.unwrap()
}

/// Goes on from what a database gives back.
async fn go_on(blobs: &Blobs, progress: &Progress) -> Appender {
    let kept = Progress::from_text(&progress.to_text()).unwrap();
    assert_eq!(&kept, progress);
    // No two appenders have the same.
    let fresh = Uuid::from_u128(u128::from(progress.size_bytes() + 1) << 64);
    blobs.append_to(&kept, fresh).await.unwrap()
}

async fn names(blobs: &Blobs) -> Vec<String> {
    let listed: Vec<_> = blobs.list().try_collect().await.unwrap();
    let mut names: Vec<String> = listed.into_iter().map(|found| found.name).collect();
    names.sort();
    names
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * at / 7) as u8).collect()
}

#[tokio::test]
async fn a_body_in_pieces_becomes_its_object_and_nothing_else() {
    let (_folder, storages) = both().await;
    for blobs in storages {
        becomes_its_object_and_nothing_else(blobs).await;
    }
}

#[tokio::test]
async fn a_body_in_pieces_becomes_an_object_of_azure() {
    let server = runnel_testkit::AzureServer::start().await;
    let variables = Variables::of(server.credentials());
    let blobs = Blobs::open(&server.storage_url(), &variables).await;
    becomes_its_object_and_nothing_else(blobs.unwrap()).await;
}

#[tokio::test]
async fn a_body_in_pieces_becomes_an_object_of_google() {
    let server = runnel_testkit::GoogleServer::start().await;
    let variables = Variables::of(server.credentials());
    let blobs = Blobs::open(&server.storage_url(), &variables).await;
    becomes_its_object_and_nothing_else(blobs.unwrap()).await;
}

async fn becomes_its_object_and_nothing_else(blobs: Blobs) {
    let whole = noise(2 * MORE_THAN_A_PART + 3);
    let mut progress = begin(&blobs).await;
    for piece in whole.chunks(5_000_001) {
        let mut appender = go_on(&blobs, &progress).await;
        for part in piece.chunks(1_000_003) {
            appender.write(part).await.unwrap();
        }
        progress = appender.sync().await.unwrap();
        assert_eq!(appender.sync().await.unwrap(), progress);
    }
    assert_eq!(progress.size_bytes(), whole.len() as u64);
    let stored = go_on(&blobs, &progress).await.finish().await.unwrap();
    assert_eq!(stored.sha256, hex::encode(Sha256::digest(&whole)));
    // As after a crash between the end and the note of it.
    let again = go_on(&blobs, &progress).await.finish().await.unwrap();
    assert_eq!(again, stored);
    for piece in progress.leftovers() {
        blobs.delete(&piece).await.unwrap();
    }
    assert_eq!(blobs.read_all(&target()).await.unwrap(), whole);
    assert_eq!(names(&blobs).await, [target().to_string()]);
}

#[tokio::test]
async fn an_end_that_was_not_noted_comes_again() {
    let (_folder, storages) = both().await;
    for blobs in storages {
        let mut appender = go_on(&blobs, &begin(&blobs).await).await;
        appender.write(&noise(MORE_THAN_A_PART)).await.unwrap();
        let progress = appender.sync().await.unwrap();
        let stored = appender.finish().await.unwrap();
        for _ in 0..2 {
            let again = go_on(&blobs, &progress).await;
            assert_eq!(again.finish().await.unwrap(), stored);
        }
    }
}

#[tokio::test]
async fn what_was_not_recorded_is_cut_off() {
    let (_folder, storages) = both().await;
    let (kept, lost) = (noise(MORE_THAN_A_PART), noise(MORE_THAN_A_PART));
    for blobs in storages {
        let mut appender = go_on(&blobs, &begin(&blobs).await).await;
        appender.write(&kept).await.unwrap();
        let recorded = appender.sync().await.unwrap();
        appender.write(&lost).await.unwrap();
        appender.sync().await.unwrap();
        drop(appender);
        let mut appender = go_on(&blobs, &recorded).await;
        appender.write(b"!").await.unwrap();
        let stored = appender.finish().await.unwrap();
        let whole = [&kept[..], b"!"].concat();
        assert_eq!(stored.sha256, hex::encode(Sha256::digest(&whole)));
        assert_eq!(blobs.read_all(&target()).await.unwrap(), whole);
    }
}

#[tokio::test]
async fn bytes_behind_the_last_that_count_do_not_reach_the_object() {
    let (_folder, storages) = both().await;
    for blobs in storages {
        let mut appender = go_on(&blobs, &begin(&blobs).await).await;
        appender.write(b"whole").await.unwrap();
        let recorded = appender.sync().await.unwrap();
        appender.write(b" and more").await.unwrap();
        appender.sync().await.unwrap();
        drop(appender);
        let stored = go_on(&blobs, &recorded).await.finish().await.unwrap();
        assert_eq!(stored.size_bytes, 5);
        assert_eq!(blobs.read_all(&target()).await.unwrap(), b"whole");
    }
}

#[tokio::test]
async fn less_than_was_recorded_is_told() {
    let (_folder, storages) = both().await;
    for blobs in storages {
        let mut appender = go_on(&blobs, &begin(&blobs).await).await;
        appender.write(b"some bytes").await.unwrap();
        let progress = appender.sync().await.unwrap();
        drop(appender);
        // What the doctor asks before it removes anything.
        for name in names(&blobs).await {
            assert!(progress.names(&name.parse().unwrap()), "{name}");
        }
        assert!(progress.names(&target()) && !progress.names(&target().piece(Uuid::max())));
        for name in names(&blobs).await {
            blobs.delete_named(&name).await.unwrap();
        }
        let lost = blobs.append_to(&progress, Uuid::from_u128(1)).await;
        assert!(matches!(lost, Err(BlobError::Missing { .. })), "{lost:?}");
    }
}

#[tokio::test]
async fn on_a_disk_two_are_never_at_work_at_once() {
    let (folder, blobs) = disk().await;
    let progress = begin(&blobs).await;
    let first = go_on(&blobs, &progress).await;
    // Another process has its own handle on the storage.
    let other = open(&folder).await;
    for blobs in [&blobs, &other] {
        let second = blobs.append_to(&progress, Uuid::from_u128(1)).await;
        assert!(matches!(second, Err(BlobError::Busy)), "{second:?}");
    }
    drop(first);
    go_on(&other, &progress).await;
}

#[tokio::test]
async fn an_abandoned_body_leaves_nothing() {
    let (_folder, storages) = both().await;
    for blobs in storages {
        let mut progress = begin(&blobs).await;
        for _ in 0..3 {
            let mut appender = go_on(&blobs, &progress).await;
            appender.write(b"some").await.unwrap();
            progress = appender.sync().await.unwrap();
        }
        blobs.abandon(&progress).await.unwrap();
        assert_eq!(names(&blobs).await, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_checkpoint_comes_when_enough_has_arrived() {
    let (_folder, storages) = both().await;
    for blobs in storages {
        let mut appender = go_on(&blobs, &begin(&blobs).await).await;
        let mut sizes = Vec::new();
        for _ in 0..40 {
            appender.write(&vec![1; 1024 * 1024]).await.unwrap();
            let checkpoint = appender.checkpoint().await.unwrap();
            sizes.extend(checkpoint.map(|progress| progress.size_bytes()));
        }
        assert_eq!(sizes.len(), 2, "{sizes:?}");
        let steps = [sizes[0], sizes[1] - sizes[0]];
        let expected = CHECKPOINT..=CHECKPOINT + 1024 * 1024;
        assert!(
            steps.iter().all(|step| expected.contains(step)),
            "{sizes:?}"
        );
    }
}

#[tokio::test]
async fn a_text_that_was_changed_is_no_progress() {
    let (_folder, blobs) = disk().await;
    let good = begin(&blobs).await.to_text();
    assert!(Progress::from_text(&good).is_ok());
    for (from, to) in [
        ("\"length\":0", "\"length\":1"),
        ("\"rest\":[]", "\"rest\":[1]"),
        ("film.mp4", "../film.mp4"),
        ("{", "["),
    ] {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good);
        assert!(Progress::from_text(&changed).is_err(), "{changed}");
    }
}

#[tokio::test]
async fn a_body_does_not_go_on_in_another_storage() {
    let (_folder, [disk, bucket]) = both().await;
    for (here, there) in [(&disk, &bucket), (&bucket, &disk)] {
        let progress = begin(here).await;
        let error = there.append_to(&progress, Uuid::from_u128(1)).await;
        assert!(error.unwrap_err().to_string().contains("begin it again"));
        there.abandon(&progress).await.unwrap();
    }
}
