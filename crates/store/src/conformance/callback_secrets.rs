//! Secrets that sign callbacks.

use std::time::Duration;

use runnel_types::{CallbackSecret, OrgId};

use super::Db;
use super::fixtures::{at, nobody};
use crate::StoreError;

fn secret(db: &Db, org: OrgId, is_current: bool) -> CallbackSecret {
    CallbackSecret {
        id: db.ids.next(),
        org_id: org,
        key_prefix: "whsec_abcd".to_owned(),
        label: Some("label".to_owned()),
        is_current,
        created_by: Some(db.ids.next()),
        disabled_at: None,
        last_used_at: None,
        created_at: at(1),
        updated_at: at(1),
    }
}

async fn stored(db: &Db, org: OrgId, is_current: bool) -> CallbackSecret {
    let secret = secret(db, org, is_current);
    let mut tx = db.store.begin().await.unwrap();
    tx.callback_secrets()
        .insert(&secret, "sealed")
        .await
        .unwrap();
    tx.commit().await.unwrap();
    secret
}

pub(super) async fn live_secrets_come_with_the_current_one_first(db: Db) {
    let org = db.org("a").await.id;
    let old = stored(&db, org, true).await;
    let new = stored(&db, org, false).await;
    stored(&db, db.org("b").await.id, true).await;
    let mut tx = db.store.begin().await.unwrap();
    let mut secrets = tx.callback_secrets();
    let live = secrets.live(org).await.unwrap();
    assert_eq!(
        live,
        [
            (old.clone(), "sealed".to_owned()),
            (new.clone(), "sealed".to_owned())
        ]
    );

    let promoted = secrets.promote(org, new.id, at(2)).await.unwrap().unwrap();
    assert!(promoted.is_current && promoted.updated_at == at(2));
    let live: Vec<_> = secrets.live(org).await.unwrap();
    assert_eq!(
        live.iter().map(|(secret, _)| secret.id).collect::<Vec<_>>(),
        [new.id, old.id]
    );
    assert!(!live[1].0.is_current);

    let disabled = secrets.disable(org, new.id, at(3)).await.unwrap().unwrap();
    assert_eq!(
        (disabled.disabled_at, disabled.is_current),
        (Some(at(3)), false)
    );
    let again = secrets.disable(org, new.id, at(4)).await.unwrap().unwrap();
    assert_eq!(again.disabled_at, Some(at(3)));
    assert_eq!(secrets.live(org).await.unwrap().len(), 1);
    assert_eq!(secrets.promote(org, new.id, at(5)).await.unwrap(), None);
    tx.commit().await.unwrap();
}

pub(super) async fn a_second_current_secret_is_refused(db: Db) {
    let org = db.org("a").await.id;
    stored(&db, org, true).await;
    let mut tx = db.store.begin().await.unwrap();
    let refused = tx
        .callback_secrets()
        .insert(&secret(&db, org, true), "sealed")
        .await;
    assert!(
        matches!(refused, Err(StoreError::Conflict { .. })),
        "{refused:?}"
    );
}

pub(super) async fn a_secret_is_found_by_its_organization_alone(db: Db) {
    let org = db.org("a").await.id;
    let known = stored(&db, org, true).await;
    let (stranger, ..) = nobody(&db);
    let mut tx = db.store.begin().await.unwrap();
    let mut secrets = tx.callback_secrets();
    assert_eq!(
        secrets.get(org, known.id).await.unwrap(),
        Some(known.clone())
    );
    assert_eq!(secrets.get(stranger, known.id).await.unwrap(), None);
    assert_eq!(
        secrets
            .relabel(stranger, known.id, None, at(2))
            .await
            .unwrap(),
        None
    );
    assert_eq!(
        secrets.promote(stranger, known.id, at(2)).await.unwrap(),
        None
    );
    assert_eq!(
        secrets.disable(stranger, known.id, at(2)).await.unwrap(),
        None
    );
    let relabelled = secrets
        .relabel(org, known.id, None, at(2))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(relabelled.label, None);
    tx.commit().await.unwrap();
}

pub(super) async fn the_last_use_is_noted_to_the_minute(db: Db) {
    let org = db.org("a").await.id;
    let known = stored(&db, org, true).await;
    let mut tx = db.store.begin().await.unwrap();
    let mut secrets = tx.callback_secrets();
    let first = at(1000);
    for (now, noted) in [
        (first, first),
        (first.plus(Duration::from_secs(59)), first),
        (
            first.plus(Duration::from_mins(1)),
            first.plus(Duration::from_mins(1)),
        ),
    ] {
        secrets.note_used(org, now).await.unwrap();
        let read = secrets.get(org, known.id).await.unwrap().unwrap();
        assert_eq!(read.last_used_at, Some(noted));
    }
    tx.commit().await.unwrap();
}
