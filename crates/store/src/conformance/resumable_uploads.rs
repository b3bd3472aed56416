//! Uploads whose bytes arrive in pieces.

use runnel_types::{ResumableUpload, Upload};

use super::Db;
use super::fixtures::{NASTY, nobody, stored_upload};

async fn resumable(db: &Db) -> (Upload, ResumableUpload) {
    let upload = stored_upload(db, db.org("a").await.id).await;
    let mut tx = db.store.begin().await.unwrap();
    tx.resumable_uploads()
        .insert(upload.org_id, upload.asset_id)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let row = get(db, &upload).await.unwrap();
    (upload, row)
}

async fn get(db: &Db, upload: &Upload) -> Option<ResumableUpload> {
    db.store
        .read()
        .resumable_uploads()
        .get(upload.org_id, upload.asset_id)
        .await
        .unwrap()
}

async fn record(db: &Db, next: &ResumableUpload) -> bool {
    let mut tx = db.store.begin().await.unwrap();
    let recorded = tx.resumable_uploads().record(next).await.unwrap();
    tx.commit().await.unwrap();
    recorded
}

pub(super) async fn of_two_who_go_on_from_one_place_one_is_recorded(db: Db) {
    let (upload, row) = resumable(&db).await;
    let step = |offset_bytes| ResumableUpload {
        offset_bytes,
        progress: Some(NASTY.to_owned()),
        ..row.clone()
    };
    let (five, six) = (step(5_000_000_000), step(6));
    let (first, second) = tokio::join!(record(&db, &five), record(&db, &six));
    assert_ne!(first, second, "one and only one");
    let kept = get(&db, &upload).await.unwrap();
    let won = if first { five } else { six };
    assert_eq!(
        kept,
        ResumableUpload {
            version: row.version + 1,
            ..won
        }
    );
    assert!(!record(&db, &step(7)).await, "the version was read before");
    assert!(record(&db, &kept).await);
}

pub(super) async fn what_began_afresh_takes_nothing_from_before(db: Db) {
    let (upload, row) = resumable(&db).await;
    let half = ResumableUpload {
        offset_bytes: 9,
        progress: Some("half".to_owned()),
        ..row.clone()
    };
    assert!(record(&db, &half).await);
    let before = get(&db, &upload).await;
    let mut tx = db.store.begin().await.unwrap();
    let forgotten = tx
        .resumable_uploads()
        .reset(upload.org_id, upload.asset_id)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(forgotten, before);
    let fresh = get(&db, &upload).await.unwrap();
    assert_eq!((fresh.offset_bytes, &fresh.progress), (0, &None));
    assert!(!record(&db, &before.unwrap()).await);
    assert!(!record(&db, &row).await);
}

pub(super) async fn it_ends_once_and_goes_with_its_session(db: Db) {
    let (upload, row) = resumable(&db).await;
    let mut tx = db.store.begin().await.unwrap();
    for expected in [Some(row), None] {
        let ended = tx
            .resumable_uploads()
            .end(upload.org_id, upload.asset_id)
            .await
            .unwrap();
        assert_eq!(ended, expected);
    }
    tx.resumable_uploads()
        .insert(upload.org_id, upload.asset_id)
        .await
        .unwrap();
    tx.uploads()
        .remove_unconfirmed(upload.org_id, upload.asset_id)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(get(&db, &upload).await, None);
}

pub(super) async fn one_of_another_organization_is_not_there(db: Db) {
    let (upload, row) = resumable(&db).await;
    for stranger in [db.org("b").await.id, nobody(&db).0] {
        let foreign = Upload {
            org_id: stranger,
            ..upload.clone()
        };
        assert_eq!(get(&db, &foreign).await, None);
        let step = ResumableUpload {
            org_id: stranger,
            ..row.clone()
        };
        assert!(!record(&db, &step).await);
        let mut tx = db.store.begin().await.unwrap();
        let mut rows = tx.resumable_uploads();
        assert_eq!(rows.reset(stranger, upload.asset_id).await.unwrap(), None);
        assert_eq!(rows.end(stranger, upload.asset_id).await.unwrap(), None);
        tx.commit().await.unwrap();
    }
    assert_eq!(get(&db, &upload).await, Some(row));
}
