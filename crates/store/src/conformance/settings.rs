//! Settings.

use super::Db;

pub(super) async fn the_first_value_stays(db: Db) {
    assert_eq!(
        db.store.read().settings().get("url_key").await.unwrap(),
        None
    );
    let set = async |value: &str| {
        let mut tx = db.store.begin().await.unwrap();
        let kept = tx.settings().get_or_insert("url_key", value).await.unwrap();
        tx.commit().await.unwrap();
        kept
    };
    let (one, two) = tokio::join!(set("one"), set("two"));
    assert_eq!(one, two);
    assert_eq!(set("three").await, one);
    assert_eq!(
        db.store.read().settings().get("url_key").await.unwrap(),
        Some(one)
    );
}
