//! Assets.

use std::collections::HashSet;

use runnel_types::{Asset, AssetId, AssetType, OrgId};

use super::Db;
use super::fixtures::{asset, at, nobody};
use crate::assets::Change;

async fn store(db: &Db, assets: &[Asset]) {
    let mut tx = db.store.begin().await.unwrap();
    for asset in assets {
        tx.assets().insert(asset).await.unwrap();
    }
    tx.commit().await.unwrap();
}

pub(super) async fn every_field_comes_back(db: Db) {
    let org = db.org("a").await.id;
    let full = asset(&db, org);
    let bare = Asset {
        folder_id: None,
        thumbnail_key: None,
        asset_type: AssetType::Other,
        source_id: None,
        created_by: None,
        width: None,
        height: None,
        duration_ms: None,
        codec: None,
        frames: None,
        sha256: None,
        thumbnail_crc32: None,
        blurhash: None,
        metadata: None,
        ..asset(&db, org)
    };
    store(&db, &[full.clone(), bare.clone()]).await;
    for asset in [full, bare] {
        assert_eq!(
            db.store
                .read()
                .assets()
                .get_live(org, asset.id)
                .await
                .unwrap(),
            Some(asset)
        );
    }
}

pub(super) async fn a_deleted_asset_is_seen_only_by_those_who_ask_for_it(db: Db) {
    let org = db.org("a").await.id;
    let asset = asset(&db, org);
    store(&db, std::slice::from_ref(&asset)).await;
    let (stranger, _, key) = nobody(&db);
    let mut tx = db.store.begin().await.unwrap();
    assert_eq!(
        tx.assets()
            .soft_delete(stranger, asset.id, Some(key), at(5))
            .await
            .unwrap(),
        None
    );
    let deleted = tx
        .assets()
        .soft_delete(org, asset.id, Some(key), at(5))
        .await
        .unwrap()
        .unwrap()
        .row;
    assert_eq!(
        tx.assets()
            .soft_delete(org, asset.id, None, at(6))
            .await
            .unwrap(),
        None
    );
    tx.commit().await.unwrap();
    assert_eq!(
        deleted,
        Asset {
            deleted_at: Some(at(5)),
            deleted_by: Some(key),
            updated_at: at(5),
            ..asset.clone()
        }
    );
    let read = db.store.read();
    assert_eq!(read.assets().get_live(org, asset.id).await.unwrap(), None);
    assert_eq!(
        read.assets().get_many_live(org, &[asset.id]).await.unwrap(),
        []
    );
    assert_eq!(
        read.assets().get(org, asset.id).await.unwrap().as_ref(),
        Some(&deleted)
    );
    assert_eq!(
        read.assets().get_for_url(asset.id).await.unwrap(),
        Some(deleted)
    );
    assert_eq!(read.assets().get(stranger, asset.id).await.unwrap(), None);
}

pub(super) async fn many_are_found_at_once_and_only_ones_own(db: Db) {
    let (mine, theirs) = (db.org("a").await.id, db.org("b").await.id);
    let make = |org: OrgId, count: usize| (0..count).map(|_| asset(&db, org)).collect::<Vec<_>>();
    let (own, foreign) = (make(mine, 300), make(theirs, 3));
    store(&db, &own).await;
    store(&db, &foreign).await;
    let ids: Vec<AssetId> = own.iter().chain(&foreign).map(|asset| asset.id).collect();
    for count in [0, 1, 3, 257, 300, 303] {
        let asked: Vec<AssetId> = ids[..count].to_vec();
        let found = db
            .store
            .read()
            .assets()
            .get_many_live(mine, &asked)
            .await
            .unwrap();
        let found_ids: HashSet<AssetId> = found.iter().map(|asset| asset.id).collect();
        assert_eq!(found.len(), found_ids.len(), "nothing twice");
        assert_eq!(found_ids, asked.iter().take(300).copied().collect());
    }
    let twice = db
        .store
        .read()
        .assets()
        .get_many_live(mine, &[ids[0], ids[0], db.ids.next()])
        .await
        .unwrap();
    assert_eq!(twice, own[..1]);
}

pub(super) async fn a_deletion_is_taken_back_or_purged_but_never_both(db: Db) {
    let org = db.org("a").await.id;
    let (kept, purged) = (asset(&db, org), asset(&db, org));
    store(&db, &[kept.clone(), purged.clone()]).await;
    let mut tx = db.store.begin().await.unwrap();
    for (id, when) in [(purged.id, 5), (kept.id, 6)] {
        tx.assets()
            .soft_delete(org, id, None, at(when))
            .await
            .unwrap();
    }
    let due = tx.assets().list_deleted_unscoped(at(6), 10).await.unwrap();
    assert_eq!(
        due.iter().map(|asset| asset.id).collect::<Vec<_>>(),
        [purged.id]
    );
    let due = tx.assets().list_deleted_unscoped(at(7), 1).await.unwrap();
    assert_eq!(due[0].id, purged.id, "the longest deleted first");
    let restored = tx
        .assets()
        .restore(org, kept.id, None, at(8))
        .await
        .unwrap();
    assert_eq!(
        restored,
        Some(Asset {
            folder_id: None,
            updated_at: at(8),
            ..kept.clone()
        })
    );
    assert_eq!(
        tx.assets()
            .restore(org, kept.id, None, at(9))
            .await
            .unwrap(),
        None
    );
    assert!(!tx.assets().purge(org, kept.id, at(99)).await.unwrap());
    assert!(!tx.assets().purge(org, purged.id, at(5)).await.unwrap());
    assert!(
        !tx.assets()
            .purge(nobody(&db).0, purged.id, at(99))
            .await
            .unwrap()
    );
    assert!(tx.assets().purge(org, purged.id, at(6)).await.unwrap());
    assert_eq!(
        tx.assets()
            .restore(org, purged.id, None, at(9))
            .await
            .unwrap(),
        None
    );
    tx.commit().await.unwrap();
    assert_eq!(
        db.store.read().assets().get(org, purged.id).await.unwrap(),
        None
    );
}

pub(super) async fn what_a_person_may_change_changes(db: Db) {
    let org = db.org("a").await.id;
    let before = asset(&db, org);
    store(&db, std::slice::from_ref(&before)).await;
    let metadata = serde_json::json!({"shot": 7});
    let change = Change {
        name: Some("another.jpg"),
        folder_id: Some(None),
        metadata: Some(Some(&metadata)),
    };
    let mut tx = db.store.begin().await.unwrap();
    let stranger = nobody(&db).0;
    assert_eq!(
        tx.assets()
            .update(stranger, before.id, &change, at(9))
            .await
            .unwrap(),
        None
    );
    let after = tx
        .assets()
        .update(org, before.id, &change, at(9))
        .await
        .unwrap();
    let expected = Asset {
        name: "another.jpg".to_owned(),
        folder_id: None,
        metadata: Some(metadata.clone()),
        updated_at: at(9),
        ..before.clone()
    };
    assert_eq!(after, Some(expected));
    tx.assets()
        .soft_delete(org, before.id, None, at(10))
        .await
        .unwrap();
    assert_eq!(
        tx.assets()
            .update(org, before.id, &change, at(11))
            .await
            .unwrap(),
        None
    );
}

pub(super) async fn assets_of_every_organization_are_walked_by_id(db: Db) {
    let (a, b) = (db.org("a").await.id, db.org("b").await.id);
    let mut assets = [asset(&db, a), asset(&db, b), asset(&db, a)];
    let mut tx = db.store.begin().await.unwrap();
    for asset in &assets {
        tx.assets().insert(asset).await.unwrap();
    }
    let deleted = tx.assets().soft_delete(b, assets[1].id, None, at(1)).await;
    assets[1] = deleted.unwrap().unwrap().row;
    tx.commit().await.unwrap();
    let after = async |id, limit| {
        let reader = db.store.read();
        let found = reader.assets().list_after_unscoped(id, limit).await;
        found.unwrap()
    };
    let nil = uuid::Uuid::nil().into();
    assert_eq!(after(nil, 2).await, assets[..2]);
    assert_eq!(after(assets[1].id, 9).await, assets[2..]);
    assert_eq!(after(assets[2].id, 9).await, []);
}

pub(super) async fn what_a_thumbnail_is_can_be_written_anew(db: Db) {
    let org = db.org("a").await.id;
    let drawn = asset(&db, org);
    store(&db, std::slice::from_ref(&drawn)).await;
    let (stranger, _, _) = nobody(&db);
    let name = drawn.thumbnail_key.as_deref().unwrap();
    let mut tx = db.store.begin().await.unwrap();
    for (org, name, is_recorded) in [
        (stranger, name, false),
        (org, "another", false),
        (org, name, true),
    ] {
        let mut assets = tx.assets();
        let recorded = assets.record_thumbnail_crc32(org, drawn.id, name, 7).await;
        assert_eq!(recorded.unwrap(), is_recorded, "{name}");
    }
    tx.commit().await.unwrap();
    assert_eq!(
        db.store
            .read()
            .assets()
            .get_live(org, drawn.id)
            .await
            .unwrap(),
        Some(Asset {
            thumbnail_crc32: Some(7),
            ..drawn
        })
    );
}

pub(super) async fn a_thumbnail_comes_once_and_not_to_what_is_deleted(db: Db) {
    let org = db.org("a").await.id;
    let bare = || Asset {
        thumbnail_key: None,
        blurhash: None,
        ..asset(&db, org)
    };
    let (waiting, deleted) = (bare(), bare());
    store(&db, &[waiting.clone(), deleted.clone()]).await;
    let (stranger, _, key) = nobody(&db);
    let mut tx = db.store.begin().await.unwrap();
    let gone = tx
        .assets()
        .soft_delete(org, deleted.id, Some(key), at(5))
        .await;
    assert!(gone.unwrap().is_some());
    for (org, id, name, is_recorded) in [
        (stranger, waiting.id, "theirs", false),
        (org, deleted.id, "too late", false),
        (org, waiting.id, "first", true),
        (org, waiting.id, "second", false),
    ] {
        let recorded = tx
            .assets()
            .record_thumbnail(org, id, name, "hash", at(9))
            .await;
        assert_eq!(recorded.unwrap(), is_recorded, "{name}");
    }
    tx.commit().await.unwrap();
    let read = db.store.read();
    assert_eq!(
        read.assets().get_live(org, waiting.id).await.unwrap(),
        Some(Asset {
            thumbnail_key: Some("first".to_owned()),
            blurhash: Some("hash".to_owned()),
            updated_at: at(9),
            ..waiting
        })
    );
    let kept = read.assets().get(org, deleted.id).await.unwrap().unwrap();
    assert_eq!((kept.thumbnail_key, kept.updated_at), (None, at(5)));
}
