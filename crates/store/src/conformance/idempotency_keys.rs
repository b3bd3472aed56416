//! Idempotency keys.

use std::time::Duration;

use runnel_types::{Answer, OrgId, RequestId, Timestamp, Used};

use super::fixtures::{NASTY, at};
use super::{Db, NOW};
use crate::idempotency_keys::Claim;

const LEASE: Duration = Duration::from_mins(1);
const LIFE: Duration = Duration::from_hours(24);

async fn claim(db: &Db, org: OrgId, owner: RequestId, after: Duration) -> bool {
    let now = NOW.plus(after);
    let mut tx = db.store.begin().await.unwrap();
    let claim = Claim {
        org,
        key: NASTY,
        fingerprint: &"a".repeat(64),
        owner,
        now,
        lease_until: now.plus(LEASE),
        forgotten_before: now.minus(LIFE),
    };
    let claimed = tx.idempotency_keys().claim(claim).await.unwrap();
    tx.commit().await.unwrap();
    claimed
}

async fn mark_done(db: &Db, org: OrgId, owner: RequestId) -> bool {
    let mut tx = db.store.begin().await.unwrap();
    let marked = tx.idempotency_keys().mark_done(org, NASTY, owner).await;
    tx.commit().await.unwrap();
    marked.unwrap()
}

async fn used(db: &Db, org: OrgId) -> Option<Used> {
    let read = db.store.read();
    read.idempotency_keys().get(org, NASTY).await.unwrap()
}

pub(super) async fn one_request_has_a_key_and_its_answer_stays(db: Db) {
    let org = db.org("a").await.id;
    let other = db.org("b").await.id;
    let (first, second): (RequestId, RequestId) = (db.ids.next(), db.ids.next());
    let (one, two) = tokio::join!(
        claim(&db, org, first, Duration::ZERO),
        claim(&db, org, second, Duration::ZERO)
    );
    assert_ne!(one, two);
    let owner = if one { first } else { second };
    let loser = if one { second } else { first };
    assert!(
        claim(&db, other, loser, Duration::ZERO).await,
        "a key is of one organization alone"
    );
    assert!(!mark_done(&db, org, loser).await);
    assert!(mark_done(&db, org, owner).await);
    let answer = Answer {
        status: 201,
        content_type: "application/json".to_owned(),
        body: format!("{{\"name\":{NASTY:?}}}"),
    };
    for keeper in [loser, owner] {
        let mut tx = db.store.begin().await.unwrap();
        let fingerprint = if keeper == owner { "b" } else { "c" }.repeat(64);
        tx.idempotency_keys()
            .keep_answer(org, NASTY, keeper, &fingerprint, &answer)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    let expected = Used {
        fingerprint: "b".repeat(64),
        is_done: true,
        lease_until: NOW.plus(LEASE),
        answer: Some(answer),
    };
    assert_eq!(used(&db, org).await, Some(expected));
    assert!(!claim(&db, org, loser, LIFE).await);
    let later = LIFE + Duration::from_micros(1);
    assert!(
        claim(&db, org, loser, later).await,
        "it is forgotten by then"
    );
    let fresh = used(&db, org).await.unwrap();
    assert_eq!((fresh.is_done, fresh.answer), (false, None));
}

pub(super) async fn a_dead_requests_key_is_taken_over_unless_it_was_done(db: Db) {
    let org = db.org("a").await.id;
    let (dead, next): (RequestId, RequestId) = (db.ids.next(), db.ids.next());
    assert!(claim(&db, org, dead, Duration::ZERO).await);
    assert!(!claim(&db, org, next, LEASE).await);
    let later = LEASE + Duration::from_micros(1);
    assert!(claim(&db, org, next, later).await);
    assert!(!mark_done(&db, org, dead).await, "it came back too late");
    assert!(mark_done(&db, org, next).await);
    let much_later = Duration::from_hours(2);
    assert!(!claim(&db, org, dead, much_later).await);
}

pub(super) async fn a_lease_is_renewed_by_its_request_alone(db: Db) {
    let org = db.org("a").await.id;
    let (owner, other): (RequestId, RequestId) = (db.ids.next(), db.ids.next());
    let renew = async |who: RequestId, until: Timestamp| {
        let mut tx = db.store.begin().await.unwrap();
        let renewed = tx.idempotency_keys().renew(org, NASTY, who, until).await;
        tx.commit().await.unwrap();
        renewed.unwrap()
    };
    assert!(!renew(owner, NOW.plus(LEASE)).await, "there is no such key");
    assert!(claim(&db, org, owner, Duration::ZERO).await);
    assert!(!renew(other, NOW).await);
    assert!(renew(owner, NOW.plus(LEASE * 3)).await);
    let after_the_first = LEASE * 2;
    assert!(!claim(&db, org, other, after_the_first).await);
    let after_both = LEASE * 3 + Duration::from_micros(1);
    assert!(claim(&db, org, other, after_both).await);
    assert!(!renew(owner, NOW.plus(LEASE * 9)).await, "it was overtaken");
    let used = used(&db, org).await.unwrap();
    assert_eq!(used.lease_until, NOW.plus(after_both + LEASE));
}

pub(super) async fn a_key_is_given_free_only_by_its_request_and_forgotten_by_age(db: Db) {
    let org = db.org("a").await.id;
    let (owner, other): (RequestId, RequestId) = (db.ids.next(), db.ids.next());
    let release = async |who: RequestId| {
        let mut tx = db.store.begin().await.unwrap();
        tx.idempotency_keys()
            .release(org, NASTY, who)
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    assert!(claim(&db, org, owner, Duration::ZERO).await);
    release(other).await;
    assert!(used(&db, org).await.is_some());
    release(owner).await;
    assert_eq!(used(&db, org).await, None);
    assert!(claim(&db, org, owner, Duration::ZERO).await);
    assert!(mark_done(&db, org, owner).await);
    release(owner).await;
    assert!(used(&db, org).await.is_some(), "what was done stays known");
    let mut tx = db.store.begin().await.unwrap();
    let keys = &mut tx.idempotency_keys();
    assert_eq!(keys.forget_unscoped(NOW, 10).await.unwrap(), 0);
    assert_eq!(keys.forget_unscoped(at(1), 10).await.unwrap(), 1);
    tx.commit().await.unwrap();
}
