//! What every storage must do, one function a behaviour, run on the local
//! disk, on an S3-compatible server, on Microsoft's emulator of Azure, on a
//! stand-in for Google's store and on `object_store`'s own memory.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::memory::InMemory;
use runnel_types::{AssetId, Clock, OrgId, SystemClock, Timestamp};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::remote::Remote;
use crate::{BlobError, Blobs, Download, Key, Variables};

/// Runs each behaviour on each kind of storage.
macro_rules! on_every_storage {
    ($($name:ident),* $(,)?) => {
        mod disk {
            $(#[tokio::test]
            async fn $name() {
                let folder = tempfile::tempdir().unwrap();
                super::$name(super::on_disk(folder.path()).await).await;
            })*
        }
        mod memory {
            $(#[tokio::test]
            async fn $name() { super::$name(super::in_memory()).await; })*
        }
        mod s3 {
            $(#[tokio::test]
            async fn $name() {
                let server = runnel_testkit::S3Server::start().await;
                super::$name(super::on_s3(&server).await).await;
            })*
        }
        mod azure {
            $(#[tokio::test]
            async fn $name() {
                let server = runnel_testkit::AzureServer::start().await;
                super::$name(super::on_azure(&server).await).await;
            })*
        }
        mod google {
            $(#[tokio::test]
            async fn $name() {
                let server = runnel_testkit::GoogleServer::start().await;
                super::$name(super::on_google(&server).await).await;
            })*
        }
    };
}

on_every_storage!(
    what_was_stored_is_read_back_whole_and_in_part,
    a_body_of_many_parts_is_whole,
    an_unpublished_key_takes_a_body_as_any_other,
    what_can_be_made_again_is_read_by_its_checksum,
    a_body_that_is_dropped_leaves_nothing,
    what_is_not_there_is_missing_everywhere,
    an_empty_object_is_an_object,
    a_copy_keeps_the_bytes_it_was_made_of,
    deleting_twice_is_fine,
    everything_of_an_asset_goes_and_nothing_else,
    a_list_tells_what_lies_there_and_what_is_not_ours,
    a_storage_in_order_says_so,
);

async fn on_disk(folder: &std::path::Path) -> Blobs {
    let url = url::Url::from_file_path(folder.join("objects")).unwrap();
    Blobs::open(url.as_str(), &Variables::default())
        .await
        .unwrap()
}

fn in_memory() -> Blobs {
    Blobs::remote(Remote::in_memory(Arc::new(InMemory::new()), "some/prefix"))
}

async fn on_s3(server: &runnel_testkit::S3Server) -> Blobs {
    let variables = Variables::of(server.credentials());
    Blobs::open(&server.storage_url(), &variables)
        .await
        .unwrap()
}

async fn on_azure(server: &runnel_testkit::AzureServer) -> Blobs {
    let variables = Variables::of(server.credentials());
    Blobs::open(&server.storage_url(), &variables)
        .await
        .unwrap()
}

async fn on_google(server: &runnel_testkit::GoogleServer) -> Blobs {
    let variables = Variables::of(server.credentials());
    Blobs::open(&server.storage_url(), &variables)
        .await
        .unwrap()
}

fn org() -> OrgId {
    Uuid::from_u128(3).into()
}

fn key_of(asset: u128, name: &str) -> Key {
    Key::asset(
        org(),
        Uuid::from_u128(asset).into(),
        Uuid::from_u128(9),
        name,
    )
}

fn key(name: &str) -> Key {
    key_of(4, name)
}

fn pattern(length: u32) -> Vec<u8> {
    (0..length).map(|number| (number % 251) as u8).collect()
}

async fn names(blobs: &Blobs) -> Vec<String> {
    let listed: Vec<_> = blobs.list().try_collect().await.unwrap();
    let mut names: Vec<String> = listed.into_iter().map(|found| found.name).collect();
    names.sort();
    names
}

async fn what_was_stored_is_read_back_whole_and_in_part(blobs: Blobs) {
    let bytes = pattern(700_000);
    let mut staged = blobs.stage(&key("a.bin"));
    for part in bytes.chunks(100_001) {
        staged.write(part).await.unwrap();
    }
    let stored = staged.finish().await.unwrap();
    let sha256 = hex::encode(Sha256::digest(&bytes));
    assert_eq!((stored.size_bytes, &stored.sha256), (700_000, &sha256));
    let meta = blobs.head(&key("a.bin")).await.unwrap().unwrap();
    assert_eq!(meta.size_bytes, 700_000);
    assert_eq!(blobs.read_all(&key("a.bin")).await.unwrap(), bytes);
    assert_eq!(
        blobs.read_head(&key("a.bin"), 10).await.unwrap(),
        bytes[..10]
    );
    assert_eq!(
        blobs.read_head(&key("a.bin"), 1_000_000).await.unwrap(),
        bytes
    );
    for (range, expected) in [
        (100..400_000, &bytes[100..400_000]),
        (0..u64::MAX, &bytes[..]),
        (699_999..700_001, &bytes[699_999..]),
        (5..5, &[][..]),
        (900_000..900_001, &[][..]),
    ] {
        let object = blobs.open_object(&key("a.bin")).await.unwrap().unwrap();
        let parts: Vec<Bytes> = object
            .into_stream(range.clone())
            .try_collect()
            .await
            .unwrap();
        assert!(parts.concat() == expected, "{range:?}");
    }
    let (mut file, hashed) = blobs.open_hashed(&key("a.bin")).await.unwrap();
    let mut read = Vec::new();
    file.read_to_end(&mut read).unwrap();
    assert!(read == bytes && hashed == stored);
    let mut read = Vec::new();
    let mut file = blobs.open_std(&key("a.bin")).await.unwrap();
    file.read_to_end(&mut read).unwrap();
    assert!(read == bytes);
}

async fn a_body_of_many_parts_is_whole(blobs: Blobs) {
    // Two whole parts and a rest; then whole parts and nothing.
    for length in [20 * 1024 * 1024 + 7, 16 * 1024 * 1024] {
        let bytes = pattern(length);
        let mut staged = blobs.stage(&key("l.bin"));
        for part in bytes.chunks(3 * 1024 * 1024 + 1) {
            staged.write(part).await.unwrap();
        }
        let stored = staged.finish().await.unwrap();
        assert_eq!(stored.size_bytes, u64::from(length));
        let (_, hashed) = blobs.open_hashed(&key("l.bin")).await.unwrap();
        assert_eq!(hashed, stored);
        assert_eq!(stored.sha256, hex::encode(Sha256::digest(&bytes)));
    }
}

async fn an_unpublished_key_takes_a_body_as_any_other(blobs: Blobs) {
    // The second time there is one already.
    for length in [0, 3, 600_000, 5, 600_001] {
        let bytes = pattern(length);
        let mut staged = blobs.stage_unpublished(&key("a.bin"));
        staged.write(&bytes).await.unwrap();
        let stored = staged.finish().await.unwrap();
        assert_eq!(stored.sha256, hex::encode(Sha256::digest(&bytes)));
        assert!(blobs.read_all(&key("a.bin")).await.unwrap() == bytes);
        let mut dropped = blobs.stage_unpublished(&key("b.bin"));
        dropped.write(&bytes).await.unwrap();
        drop(dropped);
        assert_eq!(names(&blobs).await, [key("a.bin").to_string()]);
    }
}

async fn what_can_be_made_again_is_read_by_its_checksum(blobs: Blobs) {
    let bytes = b"123456789";
    let checksum = blobs.put_reproducible(&key("a.bin"), bytes).await.unwrap();
    // The check value of CRC-32/ISO-HDLC.
    assert_eq!(checksum, 0xCBF4_3926);
    let open = async |name, checksum| blobs.open_reproducible(&key(name), checksum).await.unwrap();
    let object = open("a.bin", checksum).await.unwrap();
    assert_eq!(object.size_bytes(), 9);
    let part: Vec<Bytes> = object.into_stream(2..100).try_collect().await.unwrap();
    assert_eq!(part.concat(), b"3456789");
    let object = open("a.bin", checksum).await.unwrap();
    let nothing: Vec<Bytes> = object.into_stream(9..9).try_collect().await.unwrap();
    assert!(nothing.is_empty());
    assert_eq!(open("a.bin", !checksum).await.is_some(), blobs.is_remote());
    assert!(open("b.bin", checksum).await.is_none());
}

async fn a_body_that_is_dropped_leaves_nothing(blobs: Blobs) {
    blobs.put_bytes(&key("a.bin"), b"earlier").await.unwrap();
    for length in [600_000, 20 * 1024 * 1024] {
        let mut staged = blobs.stage(&key("a.bin"));
        staged.write(&pattern(length)).await.unwrap();
        drop(staged);
        assert_eq!(blobs.read_all(&key("a.bin")).await.unwrap(), b"earlier");
        assert_eq!(names(&blobs).await, [key("a.bin").to_string()]);
    }
}

async fn what_is_not_there_is_missing_everywhere(blobs: Blobs) {
    let key = key("a.bin");
    assert!(blobs.head(&key).await.unwrap().is_none());
    assert!(blobs.open_object(&key).await.unwrap().is_none());
    let missing = [
        blobs.open_std(&key).await.err(),
        blobs.open_hashed(&key).await.err(),
        blobs.read_all(&key).await.err(),
        blobs.read_head(&key, 10).await.err(),
        blobs.copy(&key, &key_of(5, "b")).await.err(),
    ];
    for error in missing {
        assert!(
            matches!(error, Some(BlobError::Missing { .. })),
            "{error:?}"
        );
    }
    assert!(names(&blobs).await.is_empty());
}

async fn an_empty_object_is_an_object(blobs: Blobs) {
    let stored = blobs.put_bytes(&key("a.bin"), b"").await.unwrap();
    assert_eq!(stored.size_bytes, 0);
    assert_eq!(
        blobs.head(&key("a.bin")).await.unwrap().unwrap().size_bytes,
        0
    );
    assert!(blobs.read_all(&key("a.bin")).await.unwrap().is_empty());
    assert!(blobs.read_head(&key("a.bin"), 9).await.unwrap().is_empty());
    let object = blobs.open_object(&key("a.bin")).await.unwrap().unwrap();
    let parts: Vec<Bytes> = object.into_stream(0..10).try_collect().await.unwrap();
    assert!(parts.concat().is_empty());
}

async fn a_copy_keeps_the_bytes_it_was_made_of(blobs: Blobs) {
    let from = Key::upload(org(), Uuid::from_u128(4).into(), "a.bin");
    blobs.put_bytes(&from, &pattern(300_000)).await.unwrap();
    blobs.copy(&from, &key("a.bin")).await.unwrap();
    blobs.put_bytes(&from, b"later").await.unwrap();
    assert_eq!(
        blobs.read_all(&key("a.bin")).await.unwrap(),
        pattern(300_000)
    );
    assert_eq!(key("a.bin").upload_of(), Some(from));
}

async fn deleting_twice_is_fine(blobs: Blobs) {
    blobs.put_bytes(&key("a.bin"), b"hi").await.unwrap();
    blobs.delete(&key("a.bin")).await.unwrap();
    blobs.delete(&key("a.bin")).await.unwrap();
    assert!(names(&blobs).await.is_empty());
}

async fn everything_of_an_asset_goes_and_nothing_else(blobs: Blobs) {
    let asset: AssetId = Uuid::from_u128(4).into();
    let kept = key_of(5, "a.bin");
    let thumbnail = key("a.bin").thumbnail().unwrap();
    for key in [&key("a.bin"), &thumbnail, &kept] {
        blobs.put_bytes(key, b"hi").await.unwrap();
    }
    blobs.delete_asset(org(), asset).await.unwrap();
    assert_eq!(names(&blobs).await, [kept.to_string()]);
    blobs.delete_asset(org(), asset).await.unwrap();
    blobs
        .delete_asset(Uuid::from_u128(77).into(), Uuid::from_u128(5).into())
        .await
        .unwrap();
    assert_eq!(names(&blobs).await, [kept.to_string()]);
}

async fn a_list_tells_what_lies_there_and_what_is_not_ours(blobs: Blobs) {
    assert!(names(&blobs).await.is_empty());
    let mut expected = Vec::new();
    for asset in 0..30 {
        let key = key_of(asset, "a.bin");
        blobs.put_bytes(&key, b"hi").await.unwrap();
        expected.push(key.to_string());
    }
    blobs.put_named("notes/read me.txt", b"hello").await;
    let listed: Vec<_> = blobs.list().try_collect().await.unwrap();
    let (ours, others): (Vec<_>, Vec<_>) =
        listed.into_iter().partition(|found| found.key.is_some());
    let mut found: Vec<String> = ours.iter().map(|found| found.name.clone()).collect();
    found.sort();
    assert_eq!(found, expected);
    assert!(ours.iter().all(|found| found.size_bytes == 2));
    assert!(
        ours.iter()
            .all(|found| found.modified.as_seconds() > 1_700_000_000)
    );
    assert_eq!(
        (others.len(), others[0].name.as_str(), others[0].size_bytes),
        (1, "notes/read me.txt", 5)
    );
    blobs.delete_named("notes/read me.txt").await.unwrap();
    assert_eq!(names(&blobs).await, expected);
    if !blobs.is_remote() {
        for out in ["../x", "/etc/passwd", "a/../../b", ""] {
            assert!(blobs.delete_named(out).await.is_err(), "{out}");
        }
    }
}

async fn a_storage_in_order_says_so(blobs: Blobs) {
    blobs.check().await.unwrap();
    assert!(names(&blobs).await.is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_breaks_off_leaves_no_parts_in_a_bucket() {
    let (s3, google) = (
        runnel_testkit::S3Server::start().await,
        runnel_testkit::GoogleServer::start().await,
    );
    let parts: [(Blobs, &dyn Fn() -> usize); 2] = [
        (on_s3(&s3).await, &|| s3.parts()),
        (on_google(&google).await, &|| google.parts()),
    ];
    for (blobs, parts) in parts {
        let mut staged = blobs.stage(&key("l.bin"));
        staged.write(&pattern(20 * 1024 * 1024)).await.unwrap();
        assert!(parts() > 0);
        drop(staged);
        runnel_testkit::wait_until("the parts to be removed", || async {
            (parts() == 0).then_some(())
        })
        .await;
    }
}

/// S3 and Google answer with a thousand names at once.
#[tokio::test]
async fn a_list_of_more_than_a_page_is_whole() {
    let (s3, google) = (
        runnel_testkit::S3Server::start().await,
        runnel_testkit::GoogleServer::start().await,
    );
    for (blobs, folder) in [
        (on_s3(&s3).await, s3.folder()),
        (on_google(&google).await, google.folder()),
    ] {
        std::fs::create_dir_all(&folder).unwrap();
        for number in 0..1003 {
            std::fs::write(folder.join(number.to_string()), b"").unwrap();
        }
        assert_eq!(names(&blobs).await.len(), 1003);
    }
}

/// Azure answers with five thousand, which take the emulator half a minute.
#[tokio::test]
#[ignore = "takes long"]
async fn a_list_of_more_than_a_page_of_azure_is_whole() {
    let server = runnel_testkit::AzureServer::start().await;
    let blobs = on_azure(&server).await;
    server.ask(
        "from concurrent.futures import ThreadPoolExecutor\n\
         put = lambda n: container.upload_blob(f'{prefix}{n}', b'')\n\
         list(ThreadPoolExecutor(8).map(put, range(5003)))",
    );
    assert_eq!(names(&blobs).await.len(), 5003);
}

#[tokio::test]
async fn a_url_of_azure_ends_with_its_time() {
    let server = runnel_testkit::AzureServer::start().await;
    let blobs = on_azure(&server).await;
    blobs.put_bytes(&key("a.bin"), b"hi").await.unwrap();
    let minute = Duration::from_mins(1);
    let download = Download {
        mime_type: "text/plain",
        disposition: "inline",
    };
    let now = SystemClock.now();
    let before = Timestamp::from_micros(now.as_micros() - 61_000_000);
    for (from, status) in [(now, 200), (before, 403)] {
        let url = blobs.presign_get(&key("a.bin"), from, minute, download);
        let url = url.unwrap();
        let got = runnel_testkit::Request::new("GET", &url).send().await;
        got.assert(status);
        assert_eq!(blobs.read_presigned(&url), Some(key("a.bin")));
    }
}

#[tokio::test]
async fn a_folder_that_is_not_synced_keeps_objects_too() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("file://{}/objects?sync=false", folder.path().display());
    let blobs = Blobs::open(&url, &Variables::default()).await.unwrap();
    blobs.put_bytes(&key("a.bin"), b"hi").await.unwrap();
    assert_eq!(blobs.read_all(&key("a.bin")).await.unwrap(), b"hi");
}
