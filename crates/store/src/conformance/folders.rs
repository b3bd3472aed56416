//! Folders.

use runnel_types::list::{ListRequest, Listed, parse_filter, parse_sort};
use runnel_types::{Asset, Folder, FolderId, OrgId};

use super::Db;
use super::fixtures::{NASTY, asset, at, nobody};
use crate::StoreError;

async fn folder(db: &Db, org: OrgId, parent: Option<FolderId>, name: &str) -> Folder {
    let folder = Folder {
        id: db.ids.next(),
        org_id: org,
        parent_id: parent,
        name: name.to_owned(),
        asset_count: 0,
        created_at: at(0),
        updated_at: at(1),
    };
    let mut tx = db.store.begin().await.unwrap();
    tx.folders().insert(&folder).await.unwrap();
    tx.commit().await.unwrap();
    folder
}

async fn file(db: &Db, org: OrgId, folder: FolderId) -> Asset {
    let asset = Asset {
        folder_id: Some(folder),
        ..asset(db, org)
    };
    let mut tx = db.store.begin().await.unwrap();
    tx.assets().insert(&asset).await.unwrap();
    tx.commit().await.unwrap();
    asset
}

pub(super) async fn every_field_comes_back_with_its_count(db: Db) {
    let org = db.org("a").await.id;
    let top = folder(&db, org, None, NASTY).await;
    let inner = folder(&db, org, Some(top.id), NASTY).await;
    for _ in 0..3 {
        file(&db, org, top.id).await;
    }
    let gone = file(&db, org, top.id).await;
    let mut tx = db.store.begin().await.unwrap();
    tx.assets()
        .soft_delete(org, gone.id, None, at(2))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let read = db.store.read();
    let counted = Folder {
        asset_count: 3,
        ..top.clone()
    };
    assert_eq!(
        read.folders().get(org, top.id).await.unwrap(),
        Some(counted.clone())
    );
    assert_eq!(
        read.folders().get(org, inner.id).await.unwrap(),
        Some(inner.clone())
    );
    assert_eq!(
        read.folders().get(nobody(&db).0, top.id).await.unwrap(),
        None
    );
    let request = ListRequest {
        limit: 10,
        sort: parse_sort("name", Folder::FIELDS).unwrap(),
        filter: parse_filter("parent_id:null", Folder::FIELDS).unwrap(),
        place: None,
        backward: false,
    };
    assert_eq!(
        read.folders().list(org, &request).await.unwrap().items,
        [counted]
    );
    let steps = read.folders().ancestors(org, &[inner.id]).await.unwrap();
    assert_eq!(steps.len(), 2);
    assert!(steps.contains(&(inner.id, Some(top.id), NASTY.to_owned())));
}

pub(super) async fn siblings_have_different_names(db: Db) {
    let (org, other) = (db.org("a").await.id, db.org("b").await.id);
    let top = folder(&db, org, None, "x").await;
    folder(&db, other, None, "x").await;
    let inner = folder(&db, org, Some(top.id), "x").await;
    let mut tx = db.store.begin().await.unwrap();
    let again = Folder {
        id: db.ids.next(),
        ..top.clone()
    };
    assert!(matches!(
        tx.folders().insert(&again).await,
        Err(StoreError::Conflict { .. })
    ));
    drop(tx);
    let mut tx = db.store.begin().await.unwrap();
    let moved = tx.folders().update(org, inner.id, "x", None, at(2)).await;
    assert!(matches!(moved, Err(StoreError::Conflict { .. })));
    drop(tx);
    let mut tx = db.store.begin().await.unwrap();
    assert_eq!(
        tx.folders()
            .soft_delete(org, top.id, None, None, at(3))
            .await
            .unwrap(),
        2
    );
    tx.folders().insert(&again).await.unwrap();
    tx.commit().await.unwrap();
}

pub(super) async fn what_is_in_a_tree_goes_some_at_a_time(db: Db) {
    let org = db.org("a").await.id;
    let top = folder(&db, org, None, "top").await;
    let inner = folder(&db, org, Some(top.id), "inner").await;
    let other = folder(&db, org, None, "other").await;
    // So many that SQLite does not keep in memory what it may have to undo.
    for _ in 0..1200 {
        file(&db, org, top.id).await;
    }
    file(&db, org, inner.id).await;
    let kept = file(&db, org, other.id).await;
    let stranger = nobody(&db).0;
    let delete = async |org, most| {
        let mut tx = db.store.begin().await.unwrap();
        let mut folders = tx.folders();
        let how = (None, None, at(5));
        let deleted = folders.soft_delete_some(org, top.id, how, most).await;
        tx.commit().await.unwrap();
        deleted.unwrap()
    };
    assert_eq!(delete(stranger, 1000).await, 0);
    let holds_more_than = async |org, count| {
        let read = db.store.read();
        let found = read.folders().holds_more_than(org, top.id, count).await;
        found.unwrap()
    };
    assert!(holds_more_than(org, 1200).await);
    assert!(!holds_more_than(org, 1201).await);
    assert!(!holds_more_than(stranger, 0).await);
    assert_eq!(delete(org, 1000).await, 1000);
    assert_eq!(delete(org, 1000).await, 201);
    assert_eq!(delete(org, 1000).await, 0);
    let read = db.store.read();
    let left = read.assets().get_live(org, kept.id).await.unwrap();
    assert_eq!(left.map(|asset| asset.id), Some(kept.id));
    for folder in [top.id, inner.id] {
        assert!(read.folders().exists(org, folder).await.unwrap());
    }
    assert!(!read.folders().exists(stranger, top.id).await.unwrap());
}

pub(super) async fn a_tree_goes_as_a_whole_and_nothing_else_does(db: Db) {
    let org = db.org("a").await.id;
    let top = folder(&db, org, None, "top").await;
    let middle = folder(&db, org, Some(top.id), "middle").await;
    let bottom = folder(&db, org, Some(middle.id), "bottom").await;
    let beside = folder(&db, org, Some(top.id), "beside").await;
    let deep = file(&db, org, bottom.id).await;
    let kept = file(&db, org, beside.id).await;
    let key = nobody(&db).2;
    let mut tx = db.store.begin().await.unwrap();
    tx.orgs().lock(org).await.unwrap();
    assert!(tx.folders().contains(org, top.id, bottom.id).await.unwrap());
    assert!(tx.folders().contains(org, top.id, top.id).await.unwrap());
    assert!(
        !tx.folders()
            .contains(org, middle.id, beside.id)
            .await
            .unwrap()
    );
    for (folder, bytes) in [(&top, 14), (&middle, 7), (&bottom, 0)] {
        let under = tx.folders().longest_path_under(org, folder.id).await;
        assert_eq!(under.unwrap(), bytes, "/middle/bottom, /bottom, nothing");
    }
    assert!(!tx.folders().is_empty(org, bottom.id).await.unwrap());
    assert!(!tx.folders().is_empty(org, top.id).await.unwrap());
    let stranger = nobody(&db).0;
    assert_eq!(
        tx.folders()
            .soft_delete(stranger, top.id, None, None, at(5))
            .await
            .unwrap(),
        0
    );
    assert_eq!(
        tx.folders()
            .soft_delete(org, middle.id, Some(key), None, at(5))
            .await
            .unwrap(),
        2
    );
    tx.commit().await.unwrap();
    let read = db.store.read();
    assert_eq!(read.folders().get(org, bottom.id).await.unwrap(), None);
    assert_eq!(read.assets().get_live(org, deep.id).await.unwrap(), None);
    assert_eq!(
        read.assets()
            .get(org, deep.id)
            .await
            .unwrap()
            .unwrap()
            .deleted_by,
        Some(key)
    );
    assert_eq!(
        read.assets().get_live(org, kept.id).await.unwrap(),
        Some(kept)
    );
    assert!(read.folders().get(org, top.id).await.unwrap().is_some());
}
