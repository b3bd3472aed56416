//! Assets.

use std::collections::HashSet;

use runnel_types::{Asset, AssetId, AssetType, OrgId};

use super::Db;
use super::fixtures::{asset, at, nobody};

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
        sha256: None,
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
        .unwrap();
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
