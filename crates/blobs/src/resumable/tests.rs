use super::*;
use runnel_types::{AssetId, OrgId};
use sha2::{Digest, Sha256};

/// A storage in a folder of the test's own.
async fn storage() -> (tempfile::TempDir, Blobs) {
    let folder = tempfile::tempdir().unwrap();
    let url = url::Url::from_file_path(folder.path().join("objects")).unwrap();
    let blobs = Blobs::open(url.as_str()).await.unwrap();
    (folder, blobs)
}

fn target() -> Key {
    let id = Uuid::from_u128(5);
    Key::asset(OrgId::from(id), AssetId::from(id), id, "film.mp4")
}

async fn begin(blobs: &Blobs) -> Progress {
    blobs
        .begin_resumable(&target(), Uuid::from_u128(9))
        .await
        .unwrap()
}

/// What a database gives back.
fn kept(progress: &Progress) -> Progress {
    Progress::from_text(&progress.to_text()).unwrap()
}

fn noise(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * at / 7) as u8).collect()
}

#[tokio::test]
async fn a_body_in_pieces_becomes_its_object() {
    let (_folder, blobs) = storage().await;
    let whole = noise(1_000_003);
    let mut progress = begin(&blobs).await;
    for piece in whole.chunks(300_001) {
        let mut appender = blobs.append_to(&kept(&progress)).await.unwrap();
        appender.write(piece).await.unwrap();
        progress = appender.sync().await.unwrap();
    }
    assert_eq!(progress.size_bytes(), whole.len() as u64);
    let appender = blobs.append_to(&progress).await.unwrap();
    let stored = appender.finish().await.unwrap();
    assert_eq!(stored.sha256, hex::encode(Sha256::digest(&whole)));
    assert_eq!(blobs.read_all(&target()).await.unwrap(), whole);
    // As after a crash between the move and the note of it.
    let again = blobs.append_to(&progress).await.unwrap();
    assert_eq!(again.finish().await.unwrap(), stored);
    assert_eq!(blobs.read_all(&target()).await.unwrap(), whole);
}

#[tokio::test]
async fn what_was_not_recorded_is_cut_off() {
    let (_folder, blobs) = storage().await;
    let mut appender = blobs.append_to(&begin(&blobs).await).await.unwrap();
    appender.write(b"kept").await.unwrap();
    let recorded = appender.sync().await.unwrap();
    appender.write(b" and then a crash").await.unwrap();
    let lost = appender.sync().await.unwrap();
    drop(appender);
    let mut appender = blobs.append_to(&recorded).await.unwrap();
    appender.write(b"!").await.unwrap();
    appender.sync().await.unwrap();
    appender.finish().await.unwrap();
    assert_eq!(blobs.read_all(&target()).await.unwrap(), b"kept!");
    let stale = blobs.append_to(&lost).await;
    assert!(matches!(stale, Err(BlobError::Missing { .. })), "{stale:?}");
}

#[tokio::test]
async fn bytes_behind_the_last_that_count_do_not_reach_the_object() {
    let (_folder, blobs) = storage().await;
    let mut appender = blobs.append_to(&begin(&blobs).await).await.unwrap();
    appender.write(b"whole").await.unwrap();
    let recorded = appender.sync().await.unwrap();
    appender.write(b" and more").await.unwrap();
    appender.sync().await.unwrap();
    drop(appender);
    let appender = blobs.append_to(&recorded).await.unwrap();
    assert_eq!(appender.finish().await.unwrap().size_bytes, 5);
    assert_eq!(blobs.read_all(&target()).await.unwrap(), b"whole");
}

#[tokio::test]
async fn two_are_never_at_work_at_once() {
    let (folder, blobs) = storage().await;
    let progress = begin(&blobs).await;
    let first = blobs.append_to(&progress).await.unwrap();
    // Another process has its own handle on the storage.
    let url = url::Url::from_file_path(folder.path().join("objects")).unwrap();
    let other = Blobs::open(url.as_str()).await.unwrap();
    for blobs in [&blobs, &other] {
        let second = blobs.append_to(&progress).await;
        assert!(matches!(second, Err(BlobError::Busy)), "{second:?}");
    }
    drop(first);
    other.append_to(&progress).await.unwrap();
}

#[tokio::test]
async fn an_abandoned_body_leaves_nothing() {
    let (folder, blobs) = storage().await;
    let mut appender = blobs.append_to(&begin(&blobs).await).await.unwrap();
    appender.write(b"some").await.unwrap();
    let progress = appender.sync().await.unwrap();
    drop(appender);
    for _ in 0..2 {
        blobs.abandon(&progress).await.unwrap();
    }
    let left: Vec<_> = std::fs::read_dir(folder.path().join("objects"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, [".staging"]);
}

#[tokio::test]
async fn a_checkpoint_comes_when_enough_has_arrived() {
    let (_folder, blobs) = storage().await;
    let mut appender = blobs.append_to(&begin(&blobs).await).await.unwrap();
    let mut checkpoints = Vec::new();
    for _ in 0..40 {
        appender.write(&vec![1; 1024 * 1024]).await.unwrap();
        checkpoints.extend(appender.checkpoint().await.unwrap());
    }
    let sizes: Vec<u64> = checkpoints.iter().map(Progress::size_bytes).collect();
    assert_eq!(sizes.len(), 2, "{sizes:?}");
    assert!(sizes.iter().all(|size| size % CHECKPOINT < 1024 * 1024));
}

#[test]
fn a_text_that_was_changed_is_no_progress() {
    let good = Progress::in_file(target(), target().piece(Uuid::from_u128(9))).to_text();
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
