//! Organizations.

use runnel_types::Org;

use super::fixtures::at;
use super::{Db, NOW};
use crate::StoreError;

pub(super) async fn a_slug_is_unique(db: Db) {
    let org = db.org("a").await;
    let twin = Org {
        id: db.ids.next(),
        ..org.clone()
    };
    let mut tx = db.store.begin().await.unwrap();
    let error = tx.orgs().insert(&twin).await.unwrap_err();
    assert!(
        matches!(&error, StoreError::Conflict { constraint } if constraint == "orgs_slug_key"),
        "{error:?}"
    );
    drop(tx);
    let read = db.store.read();
    assert_eq!(
        read.orgs().list().await.unwrap(),
        std::slice::from_ref(&org)
    );
    assert_eq!(read.orgs().get(org.id).await.unwrap(), Some(org));
    assert_eq!(read.orgs().get(twin.id).await.unwrap(), None);
}

pub(super) async fn get_or_insert_gives_everybody_the_same(db: Db) {
    let default = async |seconds| {
        let mut tx = db.store.begin().await.unwrap();
        let org = tx.orgs().default_org(&db.ids, at(seconds)).await.unwrap();
        tx.commit().await.unwrap();
        org
    };
    let (one, two) = tokio::join!(default(0), default(1));
    assert_eq!(one, two);
    assert_eq!(
        (
            one.slug.as_str(),
            db.store.read().orgs().list().await.unwrap().len()
        ),
        ("default", 1)
    );
}

pub(super) async fn organizations_are_listed_oldest_first(db: Db) {
    let late = db.org("late").await;
    let early = Org {
        id: db.ids.next(),
        slug: "early".to_owned(),
        created_at: at(-1),
        ..late.clone()
    };
    let mut tx = db.store.begin().await.unwrap();
    tx.orgs().insert(&early).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(late.created_at, NOW);
    assert_eq!(db.store.read().orgs().list().await.unwrap(), [early, late]);
}
