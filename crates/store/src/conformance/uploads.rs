//! Upload sessions.

use runnel_types::Upload;

use super::Db;
use super::fixtures::{at, nobody, received, stored_upload, upload};
use crate::uploads::Recorded;

async fn record(db: &Db, upload: &Upload, key: &str) -> Recorded {
    let mut tx = db.store.begin().await.unwrap();
    let recorded = tx
        .uploads()
        .record_received(upload.org_id, upload.asset_id, &received(key))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    recorded
}

async fn confirm(db: &Db, upload: &Upload, key: &str) -> bool {
    let mut tx = db.store.begin().await.unwrap();
    let confirmed = tx
        .uploads()
        .mark_confirmed(upload.org_id, upload.asset_id, at(9), key)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    confirmed
}

async fn get(db: &Db, upload: &Upload) -> Upload {
    db.store
        .read()
        .uploads()
        .get(upload.org_id, upload.asset_id)
        .await
        .unwrap()
        .unwrap()
}

fn superseding(key: Option<&str>) -> Recorded {
    Recorded::Recorded {
        superseded: key.map(str::to_owned),
    }
}

pub(super) async fn every_field_comes_back(db: Db) {
    let org = db.org("a").await.id;
    let open = upload(&db, org);
    let done = Upload {
        received: Some(received("k")),
        confirmed_at: Some(at(5)),
        created_by: None,
        ..upload(&db, org)
    };
    let mut tx = db.store.begin().await.unwrap();
    for upload in [&open, &done] {
        tx.uploads().insert(upload).await.unwrap();
        assert_eq!(
            tx.uploads()
                .lock_for_update(org, upload.asset_id)
                .await
                .unwrap()
                .as_ref(),
            Some(upload)
        );
    }
    tx.commit().await.unwrap();
    for upload in [open, done] {
        assert_eq!(get(&db, &upload).await, upload);
        let by_url = db
            .store
            .read()
            .uploads()
            .get_unscoped_for_url(upload.asset_id)
            .await
            .unwrap();
        assert_eq!(by_url, Some(upload));
    }
}

pub(super) async fn a_second_body_supersedes_the_first(db: Db) {
    let upload = stored_upload(&db, db.org("a").await.id).await;
    assert_eq!(record(&db, &upload, "one").await, superseding(None));
    assert_eq!(record(&db, &upload, "two").await, superseding(Some("one")));
    // Told twice, it must not be named as replaced: its object would be removed.
    assert_eq!(record(&db, &upload, "two").await, superseding(None));
    assert_eq!(get(&db, &upload).await.received, Some(received("two")));
}

pub(super) async fn a_confirmed_upload_takes_no_body(db: Db) {
    let upload = stored_upload(&db, db.org("a").await.id).await;
    record(&db, &upload, "one").await;
    assert!(confirm(&db, &upload, "one").await);
    assert!(
        !confirm(&db, &upload, "one").await,
        "only one confirmation makes the asset"
    );
    assert_eq!(
        record(&db, &upload, "two").await,
        Recorded::AlreadyConfirmed
    );
    let mut tx = db.store.begin().await.unwrap();
    assert!(
        !tx.uploads()
            .clear_received(upload.org_id, upload.asset_id, "one")
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    let expected = Upload {
        received: Some(received("one")),
        confirmed_at: Some(at(9)),
        ..upload.clone()
    };
    assert_eq!(get(&db, &upload).await, expected);
}

pub(super) async fn a_confirmation_wants_the_body_it_looked_at(db: Db) {
    let upload = stored_upload(&db, db.org("a").await.id).await;
    assert!(!confirm(&db, &upload, "one").await, "there is no body yet");
    record(&db, &upload, "one").await;
    record(&db, &upload, "two").await;
    assert!(!confirm(&db, &upload, "one").await);
    assert!(confirm(&db, &upload, "two").await);
}

pub(super) async fn a_refused_body_is_forgotten_and_another_taken(db: Db) {
    let upload = stored_upload(&db, db.org("a").await.id).await;
    record(&db, &upload, "one").await;
    let mut tx = db.store.begin().await.unwrap();
    assert!(
        !tx.uploads()
            .clear_received(upload.org_id, upload.asset_id, "other")
            .await
            .unwrap()
    );
    assert!(
        tx.uploads()
            .clear_received(upload.org_id, upload.asset_id, "one")
            .await
            .unwrap()
    );
    tx.commit().await.unwrap();
    assert_eq!(get(&db, &upload).await, upload);
    assert_eq!(record(&db, &upload, "two").await, superseding(None));
}

/// Whatever the order, the body that is confirmed is never named as replaced,
/// and the other one never stays unnamed.
pub(super) async fn put_and_confirmation_at_once_agree_on_the_bytes(db: Db) {
    let org = db.org("a").await.id;
    for _ in 0..20 {
        let upload = stored_upload(&db, org).await;
        record(&db, &upload, "first").await;
        let (recorded, confirmed) = tokio::join!(
            record(&db, &upload, "second"),
            confirm(&db, &upload, "first")
        );
        let kept = get(&db, &upload).await;
        if confirmed {
            assert_eq!(recorded, Recorded::AlreadyConfirmed);
            assert_eq!(
                (kept.received, kept.confirmed_at),
                (Some(received("first")), Some(at(9)))
            );
        } else {
            assert_eq!(recorded, superseding(Some("first")));
            assert_eq!(
                (kept.received, kept.confirmed_at),
                (Some(received("second")), None)
            );
        }
    }
}

pub(super) async fn an_upload_of_another_organization_is_not_there(db: Db) {
    let upload = stored_upload(&db, db.org("a").await.id).await;
    record(&db, &upload, "one").await;
    let before = get(&db, &upload).await;
    for stranger in [db.org("b").await.id, nobody(&db).0] {
        assert_eq!(
            db.store
                .read()
                .uploads()
                .get(stranger, upload.asset_id)
                .await
                .unwrap(),
            None
        );
        let as_stranger = Upload {
            org_id: stranger,
            ..upload.clone()
        };
        assert_eq!(record(&db, &as_stranger, "two").await, Recorded::Gone);
        assert!(!confirm(&db, &as_stranger, "one").await);
        let mut tx = db.store.begin().await.unwrap();
        assert!(
            !tx.uploads()
                .clear_received(stranger, upload.asset_id, "one")
                .await
                .unwrap()
        );
        tx.commit().await.unwrap();
    }
    assert_eq!(get(&db, &upload).await, before);
}

pub(super) async fn what_was_never_confirmed_is_found_and_removed(db: Db) {
    let org = db.org("a").await.id;
    let (old, new, confirmed) = (
        upload(&db, org),
        Upload {
            expires_at: at(9000),
            ..upload(&db, org)
        },
        upload(&db, org),
    );
    let mut tx = db.store.begin().await.unwrap();
    for upload in [&old, &new, &confirmed] {
        tx.uploads().insert(upload).await.unwrap();
    }
    let body = received("a key");
    tx.uploads()
        .record_received(org, confirmed.asset_id, &body)
        .await
        .unwrap();
    assert!(
        tx.uploads()
            .mark_confirmed(org, confirmed.asset_id, at(1), &body.storage_key)
            .await
            .unwrap()
    );
    let found = tx
        .uploads()
        .list_expired_unscoped(at(3601), 10)
        .await
        .unwrap();
    assert_eq!(found, std::slice::from_ref(&old));
    for (id, removed) in [
        (confirmed.asset_id, None),
        (old.asset_id, Some(old.clone())),
        (old.asset_id, None),
    ] {
        let found = tx.uploads().remove_unconfirmed(org, id).await;
        assert_eq!(found.unwrap(), removed);
    }
    tx.uploads().remove(org, confirmed.asset_id).await.unwrap();
    assert_eq!(
        tx.uploads().get(org, confirmed.asset_id).await.unwrap(),
        None
    );
    assert!(tx.uploads().get(org, new.asset_id).await.unwrap().is_some());
}

pub(super) async fn open_sessions_of_every_organization_are_walked_by_id(db: Db) {
    let (a, b) = (db.org("a").await.id, db.org("b").await.id);
    let sessions = [upload(&db, a), upload(&db, b), upload(&db, a)];
    let mut tx = db.store.begin().await.unwrap();
    for session in &sessions {
        tx.uploads().insert(session).await.unwrap();
    }
    let confirmed = upload(&db, a);
    tx.uploads().insert(&confirmed).await.unwrap();
    let body = received("a key");
    let id = confirmed.asset_id;
    let recorded = tx.uploads().record_received(a, id, &body).await;
    recorded.unwrap();
    let key = &body.storage_key;
    let closed = tx.uploads().mark_confirmed(a, id, at(1), key).await;
    assert!(closed.unwrap());
    tx.commit().await.unwrap();
    let after = async |id, limit| {
        let reader = db.store.read();
        reader
            .uploads()
            .list_open_after_unscoped(id, limit)
            .await
            .unwrap()
    };
    let nil = uuid::Uuid::nil().into();
    assert_eq!(after(nil, 2).await, sessions[..2]);
    assert_eq!(after(sessions[1].asset_id, 9).await, sessions[2..]);
    assert_eq!(after(sessions[2].asset_id, 9).await, []);
}
