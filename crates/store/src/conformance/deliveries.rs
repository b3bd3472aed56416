//! Callbacks and their attempts.

use runnel_types::{Attempt, Delivery, DeliveryStatus, DeliverySubject};

use super::Db;
use super::fixtures::{at, attempt, delivery, nobody, stored_batch, stored_run};
use crate::deliveries::AttemptOutcome;

async fn stored(db: &Db) -> Delivery {
    let run = stored_run(db, db.org("a").await.id).await;
    let delivery = delivery(db, &run);
    let mut tx = db.store.begin().await.unwrap();
    tx.deliveries().insert(&delivery).await.unwrap();
    tx.commit().await.unwrap();
    delivery
}

async fn record(
    db: &Db,
    delivery: &Delivery,
    attempt: &Attempt,
    outcome: AttemptOutcome,
) -> Option<Delivery> {
    let mut tx = db.store.begin().await.unwrap();
    let recorded = tx
        .deliveries()
        .record_attempt(delivery.org_id, attempt, &outcome, at(8))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    recorded
}

pub(super) async fn every_field_comes_back(db: Db) {
    let bare = stored(&db).await;
    let full = Delivery {
        id: db.ids.next(),
        is_automatic: false,
        status: DeliveryStatus::Failed,
        failure_reason_code: Some("GONE".to_owned()),
        failure_detail: Some("no \0 more".to_owned()),
        attempt_count: 3,
        next_attempt_at: None,
        created_at: at(1),
        updated_at: at(2),
        completed_at: Some(at(3)),
        ..bare.clone()
    };
    let mut tx = db.store.begin().await.unwrap();
    tx.deliveries().insert(&full).await.unwrap();
    tx.commit().await.unwrap();
    let read = db.store.read();
    assert_eq!(
        read.deliveries()
            .get(full.org_id, full.id)
            .await
            .unwrap()
            .as_ref(),
        Some(&full)
    );
    let listed = read
        .deliveries()
        .list_for(full.org_id, full.subject)
        .await
        .unwrap();
    assert_eq!(listed, [(bare, vec![]), (full, vec![])]);
}

pub(super) async fn a_batch_has_deliveries_of_its_own(db: Db) {
    let of_run = stored(&db).await;
    let org = of_run.org_id;
    let (batch, _) = stored_batch(&db, org, 1).await;
    let subject = DeliverySubject::Batch(batch.id);
    let of_batch = Delivery {
        id: db.ids.next(),
        subject,
        ..of_run.clone()
    };
    let is_under_way = async |org| {
        let read = db.store.read();
        read.deliveries().is_under_way(org, subject).await.unwrap()
    };
    assert!(!is_under_way(org).await);
    let mut tx = db.store.begin().await.unwrap();
    tx.deliveries().insert(&of_batch).await.unwrap();
    tx.commit().await.unwrap();
    assert!(is_under_way(org).await);
    assert!(!is_under_way(nobody(&db).0).await);
    let read = db.store.read();
    let listed = read.deliveries().list_for(org, subject).await.unwrap();
    assert_eq!(listed, [(of_batch.clone(), vec![])]);
    let listed = read.deliveries().list_for(org, of_run.subject).await;
    assert_eq!(listed.unwrap(), [(of_run, vec![])]);

    let made = attempt(&db, of_batch.id);
    record(&db, &of_batch, &made, AttemptOutcome::RetryAt(at(60))).await;
    assert!(is_under_way(org).await, "it waits for its next attempt");
    let made = attempt(&db, of_batch.id);
    record(&db, &of_batch, &made, AttemptOutcome::Succeeded).await;
    assert!(!is_under_way(org).await);
    let listed = read.deliveries().list_for(org, subject).await.unwrap();
    assert_eq!(listed[0].1.len(), 2);
}

pub(super) async fn attempts_are_numbered_and_lead_to_their_outcome(db: Db) {
    let made = stored(&db).await;
    let mut tx = db.store.begin().await.unwrap();
    let delivering = tx
        .deliveries()
        .mark_delivering(made.org_id, made.id, at(7))
        .await
        .unwrap()
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        delivering,
        Delivery {
            status: DeliveryStatus::Delivering,
            updated_at: at(7),
            ..made.clone()
        }
    );

    let first = attempt(&db, made.id);
    let waiting = record(&db, &made, &first, AttemptOutcome::RetryAt(at(60)))
        .await
        .unwrap();
    let expected = Delivery {
        status: DeliveryStatus::Pending,
        attempt_count: 1,
        next_attempt_at: Some(at(60)),
        updated_at: at(8),
        ..made.clone()
    };
    assert_eq!(waiting, expected);

    let silent = Attempt {
        status_code: None,
        response_body: None,
        response_time_ms: None,
        ..attempt(&db, made.id)
    };
    let failed = AttemptOutcome::Failed {
        code: "CONNECTION".to_owned(),
        detail: "refused".to_owned(),
    };
    let given_up = record(&db, &made, &silent, failed).await.unwrap();
    assert_eq!(
        (given_up.status, given_up.attempt_count),
        (DeliveryStatus::Failed, 2)
    );
    assert_eq!(
        (given_up.next_attempt_at, given_up.completed_at),
        (None, Some(at(8)))
    );
    assert_eq!(given_up.failure_reason_code.as_deref(), Some("CONNECTION"));
    assert_eq!(given_up.failure_detail.as_deref(), Some("refused"));

    let attempts = vec![
        first,
        Attempt {
            attempt_number: 2,
            ..silent
        },
    ];
    let read = db.store.read();
    assert_eq!(
        read.deliveries()
            .list_attempts(made.org_id, made.id)
            .await
            .unwrap(),
        attempts
    );
    let listed = read
        .deliveries()
        .list_for(made.org_id, made.subject)
        .await
        .unwrap();
    assert_eq!(listed, [(given_up, attempts)]);
}

pub(super) async fn a_delivery_that_ended_takes_no_attempt(db: Db) {
    let made = stored(&db).await;
    let done = record(
        &db,
        &made,
        &attempt(&db, made.id),
        AttemptOutcome::Succeeded,
    )
    .await
    .unwrap();
    assert_eq!(
        (done.status, done.completed_at),
        (DeliveryStatus::Succeeded, Some(at(8)))
    );
    assert_eq!(
        record(
            &db,
            &made,
            &attempt(&db, made.id),
            AttemptOutcome::Succeeded
        )
        .await,
        None
    );
    let mut tx = db.store.begin().await.unwrap();
    assert_eq!(
        tx.deliveries()
            .mark_delivering(made.org_id, made.id, at(9))
            .await
            .unwrap(),
        None
    );
    tx.commit().await.unwrap();
    let read = db.store.read();
    assert_eq!(
        read.deliveries()
            .list_attempts(made.org_id, made.id)
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        read.deliveries().get(made.org_id, made.id).await.unwrap(),
        Some(done)
    );
}

pub(super) async fn a_delivery_of_another_organization_is_not_there(db: Db) {
    let made = stored(&db).await;
    record(
        &db,
        &made,
        &attempt(&db, made.id),
        AttemptOutcome::RetryAt(at(60)),
    )
    .await
    .unwrap();
    let stranger = nobody(&db).0;
    let as_stranger = Delivery {
        org_id: stranger,
        ..made.clone()
    };
    assert_eq!(
        record(
            &db,
            &as_stranger,
            &attempt(&db, made.id),
            AttemptOutcome::Succeeded
        )
        .await,
        None
    );
    let read = db.store.read();
    assert_eq!(
        read.deliveries().get(stranger, made.id).await.unwrap(),
        None
    );
    assert_eq!(
        read.deliveries()
            .list_for(stranger, made.subject)
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        read.deliveries()
            .list_attempts(stranger, made.id)
            .await
            .unwrap(),
        []
    );
}
