//! Callbacks and their attempts.

use runnel_types::{Attempt, Delivery, DeliveryStatus, DeliverySubject, OrgId};

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
    let taken = tx.deliveries().take_up(&[made.id], at(7)).await.unwrap();
    tx.commit().await.unwrap();
    let delivering = Delivery {
        status: DeliveryStatus::Delivering,
        updated_at: at(7),
        ..made.clone()
    };
    assert_eq!(taken, [delivering]);

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
        tx.deliveries().take_up(&[made.id], at(9)).await.unwrap(),
        []
    );
    let ended = tx.deliveries().succeed(&[made.id], None, at(9)).await;
    assert!(ended.unwrap().is_empty());
    tx.deliveries()
        .put_back(&[made.id], at(9), at(9))
        .await
        .unwrap();
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

pub(super) async fn many_are_taken_up_put_back_and_delivered_at_once(db: Db) {
    let first = stored(&db).await;
    let mut ids = vec![first.id];
    let mut tx = db.store.begin().await.unwrap();
    for _ in 1..300 {
        let more = Delivery {
            id: db.ids.next(),
            ..first.clone()
        };
        tx.deliveries().insert(&more).await.unwrap();
        ids.push(more.id);
    }
    let taken = tx.deliveries().take_up(&ids, at(1)).await.unwrap();
    assert_eq!(taken.len(), 300);
    tx.deliveries()
        .put_back(&ids[..100], at(9), at(2))
        .await
        .unwrap();
    let secret = db.ids.next();
    let numbers = tx
        .deliveries()
        .succeed(&ids[100..], Some(secret), at(3))
        .await
        .unwrap();
    assert_eq!(numbers.len(), 200);
    assert!(numbers.values().all(|number| *number == 1));
    let attempts: Vec<(OrgId, Attempt)> = ids[100..]
        .iter()
        .map(|id| (first.org_id, attempt(&db, *id)))
        .collect();
    tx.deliveries().insert_attempts(&attempts).await.unwrap();
    tx.commit().await.unwrap();
    let read = db.store.read();
    let mut deliveries = read.deliveries();
    let listed = deliveries.list_for(first.org_id, first.subject).await;
    let listed = listed.unwrap();
    let back = Delivery {
        next_attempt_at: Some(at(9)),
        updated_at: at(2),
        ..first.clone()
    };
    let delivered = Delivery {
        status: DeliveryStatus::Succeeded,
        attempt_count: 1,
        next_attempt_at: None,
        completed_at: Some(at(3)),
        updated_at: at(3),
        signing_secret_id: Some(secret),
        ..first
    };
    for (at, id) in ids.iter().enumerate() {
        let (found, made) = listed.iter().find(|(found, _)| found.id == *id).unwrap();
        let expected = if at < 100 { &back } else { &delivered };
        assert_eq!(
            Delivery {
                id: *id,
                ..expected.clone()
            },
            *found
        );
        let expected = attempts
            .iter()
            .find(|(_, attempt)| attempt.delivery_id == *id);
        let expected: Vec<Attempt> = expected
            .map(|(_, attempt)| attempt.clone())
            .into_iter()
            .collect();
        assert_eq!(*made, expected);
    }
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
