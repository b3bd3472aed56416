//! API keys.

use runnel_types::{ApiKey, Scope};

use super::Db;
use super::fixtures::{api_key, at, nobody};

async fn stored(db: &Db, slug: &str, hash: &str) -> ApiKey {
    let key = api_key(db, db.org(slug).await.id);
    let mut tx = db.store.begin().await.unwrap();
    tx.api_keys().insert(&key, hash).await.unwrap();
    tx.commit().await.unwrap();
    key
}

pub(super) async fn a_key_is_found_by_its_hash_and_by_nothing_else(db: Db) {
    let key = stored(&db, "a", "hash").await;
    let read = db.store.read();
    assert_eq!(
        read.api_keys().get_by_hash("hash").await.unwrap(),
        Some(key.clone())
    );
    for other in ["", "HASH", "hash ", "has", "%"] {
        assert_eq!(
            read.api_keys().get_by_hash(other).await.unwrap(),
            None,
            "{other:?}"
        );
    }
    assert_eq!(read.api_keys().list(key.org_id).await.unwrap(), [key]);
    assert_eq!(read.api_keys().list(nobody(&db).0).await.unwrap(), []);
}

pub(super) async fn a_revoked_key_stays_and_says_so(db: Db) {
    let key = stored(&db, "a", "hash").await;
    let mut tx = db.store.begin().await.unwrap();
    assert_eq!(
        tx.api_keys()
            .revoke(nobody(&db).0, key.id, at(1))
            .await
            .unwrap(),
        None
    );
    let revoked = ApiKey {
        revoked_at: Some(at(2)),
        ..key.clone()
    };
    assert_eq!(
        tx.api_keys()
            .revoke(key.org_id, key.id, at(2))
            .await
            .unwrap()
            .as_ref(),
        Some(&revoked)
    );
    // The second time changes nothing.
    assert_eq!(
        tx.api_keys()
            .revoke(key.org_id, key.id, at(3))
            .await
            .unwrap()
            .as_ref(),
        Some(&revoked)
    );
    tx.commit().await.unwrap();
    assert_eq!(
        db.store
            .read()
            .api_keys()
            .get_by_hash("hash")
            .await
            .unwrap(),
        Some(revoked)
    );
}

pub(super) async fn an_upsert_keeps_the_id_and_takes_the_rest(db: Db) {
    let old = stored(&db, "a", "hash").await;
    let new = ApiKey {
        name: "new".to_owned(),
        scopes: Scope::ALL.to_vec(),
        created_at: at(9),
        ..api_key(&db, old.org_id)
    };
    let mut tx = db.store.begin().await.unwrap();
    let kept = tx.api_keys().upsert_by_hash(&new, "hash").await.unwrap();
    assert_eq!(
        kept,
        ApiKey {
            id: old.id,
            created_at: old.created_at,
            ..new.clone()
        }
    );
    assert_eq!(
        tx.api_keys().upsert_by_hash(&new, "another").await.unwrap(),
        new
    );
    tx.commit().await.unwrap();
    assert_eq!(
        db.store
            .read()
            .api_keys()
            .get_by_hash("hash")
            .await
            .unwrap(),
        Some(kept)
    );
}

pub(super) async fn keys_are_counted_over_all_organizations(db: Db) {
    assert_eq!(db.store.read().api_keys().count_all().await.unwrap(), 0);
    stored(&db, "a", "one").await;
    stored(&db, "b", "two").await;
    assert_eq!(db.store.read().api_keys().count_all().await.unwrap(), 2);
}
