//! The deliveries of webhooks, and the deletions that they are to be told of.

use runnel_types::list::{ListRequest, Listed, parse_filter, parse_sort};
use runnel_types::{
    AssetId, Delivery, DeliveryId, DeliveryStatus, DeliverySubject, Folder, OrgId, WebhookDelivery,
    WebhookEvent, WebhookId,
};

use super::Db;
use super::fixtures::{
    asset, at, attempt, delivery, nobody, stored_run, stored_webhook, webhook_delivery,
};
use crate::deliveries::AttemptOutcome;

async fn store(db: &Db, deliveries: &[&Delivery]) {
    let mut tx = db.store.begin().await.unwrap();
    for delivery in deliveries {
        tx.deliveries().insert(delivery).await.unwrap();
    }
    tx.commit().await.unwrap();
}

async fn list(db: &Db, org: OrgId, webhook: Option<WebhookId>, filter: &str) -> Vec<Delivery> {
    let fields = WebhookDelivery::FIELDS;
    let request = ListRequest {
        limit: 50,
        sort: parse_sort(WebhookDelivery::DEFAULT_SORT, fields).unwrap(),
        filter: parse_filter(filter, fields).unwrap(),
        place: None,
        backward: false,
    };
    let read = db.store.read();
    let mut deliveries = read.deliveries();
    let page = deliveries.list_of_webhook(org, webhook, &request).await;
    page.unwrap().items
}

pub(super) async fn every_field_comes_back_and_no_callback_is_among_them(db: Db) {
    let org = db.org("a").await.id;
    let (one, other) = (
        stored_webhook(&db, org).await,
        stored_webhook(&db, org).await,
    );
    let first = Delivery {
        created_at: at(1),
        ..webhook_delivery(&db, &one)
    };
    let again = Delivery {
        subject: DeliverySubject::Webhook(WebhookEvent {
            redelivery_of: Some(first.id),
            ..first.subject.webhook().unwrap()
        }),
        status: DeliveryStatus::Failed,
        created_at: at(2),
        ..webhook_delivery(&db, &one)
    };
    let elsewhere = Delivery {
        created_at: at(3),
        ..webhook_delivery(&db, &other)
    };
    let run = stored_run(&db, org).await;
    let callback = delivery(&db, &run);
    store(&db, &[&first, &again, &elsewhere, &callback]).await;
    assert_eq!(
        list(&db, org, None, "").await,
        [elsewhere, again.clone(), first.clone()]
    );
    assert_eq!(
        list(&db, org, Some(one.id), "").await,
        [again.clone(), first.clone()]
    );
    for (filter, found) in [
        ("status_code:failed", vec![again.clone()]),
        ("event_type_code:run.failed", vec![]),
        (
            "event_type_code:asset.created AND status_code:pending",
            vec![first.clone()],
        ),
    ] {
        assert_eq!(
            list(&db, org, Some(one.id), filter).await,
            found,
            "{filter}"
        );
    }
    let read = db.store.read();
    let of_run = read.deliveries().list_for(org, callback.subject).await;
    assert_eq!(of_run.unwrap(), [(callback, vec![])]);

    let tries = [attempt(&db, again.id), attempt(&db, first.id)];
    let mut tx = db.store.begin().await.unwrap();
    let retry = AttemptOutcome::RetryAt(at(9));
    tx.deliveries()
        .record_attempt(org, &tries[1], &retry, at(4))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let ids = [again.id, first.id, db.ids.next()];
    let attempts = read.deliveries().attempts_of(org, &ids).await.unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[&first.id], [tries[1].clone()]);
    let none = read.deliveries().attempts_of(org, &[]).await.unwrap();
    assert!(none.is_empty());
}

pub(super) async fn what_waits_is_given_up_and_what_is_attempted_is_not(db: Db) {
    let org = db.org("a").await.id;
    let (webhook, other) = (
        stored_webhook(&db, org).await,
        stored_webhook(&db, org).await,
    );
    let waiting = [(); 3].map(|()| webhook_delivery(&db, &webhook));
    let attempted = Delivery {
        status: DeliveryStatus::Delivering,
        ..webhook_delivery(&db, &webhook)
    };
    let elsewhere = webhook_delivery(&db, &other);
    let [a, b, c] = &waiting;
    store(&db, &[a, b, c, &attempted, &elsewhere]).await;
    let why = ("WEBHOOK_DELETED", "it is gone");
    let mut given_up = Vec::new();
    for _ in 0..3 {
        let mut tx = db.store.begin().await.unwrap();
        let count = tx
            .deliveries()
            .give_up_pending(org, webhook.id, why, at(7), 2)
            .await;
        given_up.push(count.unwrap());
        tx.commit().await.unwrap();
    }
    assert_eq!(given_up, [2, 1, 0]);
    let failed = list(&db, org, None, "status_code:failed").await;
    assert_eq!(failed.len(), 3);
    let expected = Delivery {
        status: DeliveryStatus::Failed,
        failure_reason_code: Some("WEBHOOK_DELETED".to_owned()),
        failure_detail: Some("it is gone".to_owned()),
        next_attempt_at: None,
        completed_at: Some(at(7)),
        updated_at: at(7),
        ..a.clone()
    };
    assert_eq!(failed[2], expected);

    // Its worker may give it up, once.
    let mut tx = db.store.begin().await.unwrap();
    let ended = tx.deliveries().give_up(org, attempted.id, why, at(8)).await;
    assert_eq!(ended.unwrap().unwrap().status, DeliveryStatus::Failed);
    let ended = tx.deliveries().give_up(org, attempted.id, why, at(9)).await;
    assert_eq!(ended.unwrap(), None);
    tx.commit().await.unwrap();
    let left = list(&db, org, None, "status_code:pending").await;
    assert_eq!(left, [elsewhere]);
}

pub(super) async fn an_event_is_under_way_with_any_of_its_deliveries(db: Db) {
    let org = db.org("a").await.id;
    let webhook = stored_webhook(&db, org).await;
    let first = webhook_delivery(&db, &webhook);
    let again = Delivery {
        subject: DeliverySubject::Webhook(WebhookEvent {
            redelivery_of: Some(first.id),
            ..first.subject.webhook().unwrap()
        }),
        ..webhook_delivery(&db, &webhook)
    };
    store(&db, &[&first, &webhook_delivery(&db, &webhook)]).await;
    let under_way = async |id: DeliveryId| {
        let read = db.store.read();
        read.deliveries().is_event_under_way(org, id).await.unwrap()
    };
    let end = async |delivery: &Delivery| {
        let mut tx = db.store.begin().await.unwrap();
        let made = attempt(&db, delivery.id);
        tx.deliveries()
            .record_attempt(org, &made, &AttemptOutcome::Succeeded, at(4))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    };
    assert!(under_way(first.id).await);
    end(&first).await;
    assert!(!under_way(first.id).await);
    store(&db, &[&again]).await;
    assert!(under_way(first.id).await, "it is on its way once more");
    end(&again).await;
    assert!(!under_way(first.id).await);
}

pub(super) async fn what_goes_with_a_folder_is_walked_once(db: Db) {
    let org = db.org("a").await.id;
    let folder = Folder {
        id: db.ids.next(),
        org_id: org,
        parent_id: None,
        name: "doomed".to_owned(),
        asset_count: 0,
        created_at: at(0),
        updated_at: at(0),
    };
    let mut inside = [(); 5].map(|()| asset(&db, org));
    let mut tx = db.store.begin().await.unwrap();
    tx.folders().insert(&folder).await.unwrap();
    for asset in &mut inside {
        asset.folder_id = Some(folder.id);
        tx.assets().insert(asset).await.unwrap();
    }
    // Gone before, in the very same moment.
    let before = inside[0].id;
    tx.assets()
        .soft_delete(org, before, None, at(5))
        .await
        .unwrap();
    let deletion = db.ids.next();
    tx.folders()
        .soft_delete(org, folder.id, None, Some(deletion), at(5))
        .await
        .unwrap();
    tx.assets()
        .restore(org, inside[2].id, None, at(6))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let page = async |org, after| {
        let read = db.store.read();
        let found = read.assets().list_deletion(org, deletion, after, 2).await;
        let ids = found.unwrap().into_iter().map(|asset| asset.id);
        ids.collect::<Vec<AssetId>>()
    };
    assert_eq!(page(org, None).await, [inside[1].id, inside[3].id]);
    assert_eq!(page(org, Some(inside[3].id)).await, [inside[4].id]);
    assert_eq!(page(org, Some(inside[4].id)).await, []);
    assert_eq!(page(nobody(&db).0, None).await, []);
}

pub(super) async fn one_of_another_organization_is_not_there(db: Db) {
    let org = db.org("a").await.id;
    let webhook = stored_webhook(&db, org).await;
    let made = webhook_delivery(&db, &webhook);
    store(&db, &[&made]).await;
    let mut tx = db.store.begin().await.unwrap();
    let made_attempt = attempt(&db, made.id);
    tx.deliveries()
        .record_attempt(org, &made_attempt, &AttemptOutcome::RetryAt(at(9)), at(4))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let stranger = nobody(&db).0;
    assert_eq!(list(&db, stranger, None, "").await, []);
    assert_eq!(list(&db, stranger, Some(webhook.id), "").await, []);
    let why = ("X", "x");
    let mut tx = db.store.begin().await.unwrap();
    let mut deliveries = tx.deliveries();
    assert!(!deliveries.lock(stranger, made.id).await.unwrap());
    let given_up = deliveries.give_up(stranger, made.id, why, at(5)).await;
    assert_eq!(given_up.unwrap(), None);
    let count = deliveries
        .give_up_pending(stranger, webhook.id, why, at(5), 10)
        .await;
    assert_eq!(count.unwrap(), 0);
    let under_way = deliveries.is_event_under_way(stranger, made.id).await;
    assert!(!under_way.unwrap());
    let attempts = deliveries.attempts_of(stranger, &[made.id]).await.unwrap();
    assert!(attempts.is_empty());
    tx.commit().await.unwrap();
}
