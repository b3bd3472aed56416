//! Webhooks of organizations.

use std::time::Duration;

use runnel_types::list::{ListRequest, Listed, parse_sort};
use runnel_types::{BatchStatus, EventType, OrgId, RunStatus, Webhook};

use super::Db;
use super::fixtures::{
    NASTY, asset, at, nobody, stored_batch, stored_run, stored_webhook, webhook,
};
use crate::webhooks::{Change, Hearer};
use crate::{batches, runs};

fn everything() -> ListRequest {
    ListRequest {
        limit: 50,
        sort: parse_sort(Webhook::DEFAULT_SORT, Webhook::FIELDS).unwrap(),
        filter: None,
        place: None,
        backward: false,
    }
}

async fn listed(db: &Db, org: OrgId) -> Vec<Webhook> {
    let read = db.store.read();
    let page = read.webhooks().list(org, &everything()).await.unwrap();
    page.items
}

pub(super) async fn every_field_comes_back(db: Db) {
    let org = db.org("a").await.id;
    let full = Webhook {
        event_types: EventType::ALL.to_vec(),
        disabled_at: Some(at(1)),
        disabled_reason: Some(NASTY.to_owned()),
        last_triggered_at: Some(at(2)),
        failing_since: Some(at(3)),
        updated_at: at(4),
        ..webhook(&db, org)
    };
    let bare = Webhook {
        name: None,
        created_by: None,
        ..webhook(&db, org)
    };
    let mut tx = db.store.begin().await.unwrap();
    tx.webhooks().insert(&full, "sealed").await.unwrap();
    tx.webhooks().insert(&bare, "other").await.unwrap();
    tx.commit().await.unwrap();
    let read = db.store.read();
    assert_eq!(
        read.webhooks().get_sealed(org, full.id).await.unwrap(),
        Some((full.clone(), "sealed".to_owned()))
    );
    assert_eq!(read.webhooks().count(org).await.unwrap(), 2);

    let mut tx = db.store.begin().await.unwrap();
    let change = Change {
        name: None,
        url: "https://example.com/other",
        event_types: &[EventType::RunFailed],
        secret: Some(("resealed", "fedcba9876543210")),
    };
    let changed = tx.webhooks().update(org, full.id, &change, at(9)).await;
    let expected = Webhook {
        name: None,
        url: "https://example.com/other".to_owned(),
        event_types: vec![EventType::RunFailed],
        secret_fingerprint: "fedcba9876543210".to_owned(),
        updated_at: at(9),
        ..full
    };
    assert_eq!(changed.unwrap().as_ref(), Some(&expected));
    let same_secret = Change {
        secret: None,
        ..change
    };
    tx.webhooks()
        .update(org, expected.id, &same_secret, at(9))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(
        read.webhooks().get_sealed(org, expected.id).await.unwrap(),
        Some((expected.clone(), "resealed".to_owned()))
    );
    assert_eq!(listed(&db, org).await, [bare, expected]);
}

pub(super) async fn live_ones_hear_of_what_they_subscribed_to(db: Db) {
    let org = db.org("a").await.id;
    stored_webhook(&db, db.org("b").await.id).await;
    let with = |types: &[EventType]| Webhook {
        event_types: types.to_vec(),
        ..webhook(&db, org)
    };
    let all = with(&[]);
    let runs = with(&[EventType::RunCompleted, EventType::RunPartialSucceeded]);
    let batches = with(&[EventType::BatchPartialSucceeded]);
    let disabled = Webhook {
        disabled_at: Some(at(1)),
        ..with(&[])
    };
    let mut tx = db.store.begin().await.unwrap();
    for one in [&all, &runs, &batches, &disabled] {
        tx.webhooks().insert(one, "sealed").await.unwrap();
    }
    for (event, hearers) in [
        (EventType::RunCompleted, vec![&all, &runs]),
        (EventType::RunPartialSucceeded, vec![&all, &runs]),
        (EventType::BatchPartialSucceeded, vec![&all, &batches]),
        (EventType::RunFailed, vec![&all]),
        (EventType::AssetDeleted, vec![&all]),
    ] {
        let heard = tx.webhooks().hearing(org, event).await.unwrap();
        let expected: Vec<Hearer> = hearers
            .into_iter()
            .map(|one| Hearer {
                id: one.id,
                url: one.url.clone(),
            })
            .collect();
        assert_eq!(heard, expected, "{event}");
    }
    tx.commit().await.unwrap();
}

/// What the ends of a run and a batch, a new asset and a deleted one tell.
async fn told(db: &Db, org: OrgId) -> [bool; 4] {
    let run = stored_run(db, org).await;
    let (batch, _) = stored_batch(db, org, 1).await;
    let asset = asset(db, org);
    let mut tx = db.store.begin().await.unwrap();
    let end = runs::Outcome {
        status: RunStatus::Canceled,
        output: None,
        failure: None,
        at: at(1),
    };
    let run = tx.runs().finish(org, run.id, &end).await.unwrap().unwrap();
    let end = batches::Outcome {
        status: BatchStatus::Canceled,
        failure: None,
        at: at(1),
    };
    let batch = tx.batches().finish(org, batch.id, &end).await.unwrap();
    let created = tx.assets().insert(&asset).await.unwrap();
    let deleted = tx.assets().soft_delete(org, asset.id, None, at(2)).await;
    tx.commit().await.unwrap();
    [
        run.has_webhooks,
        batch.unwrap().has_webhooks,
        created,
        deleted.unwrap().unwrap().has_webhooks,
    ]
}

pub(super) async fn what_is_written_tells_whether_somebody_listens(db: Db) {
    let org = db.org("a").await.id;
    stored_webhook(&db, db.org("b").await.id).await;
    assert_eq!(told(&db, org).await, [false; 4], "only another one listens");
    let webhook = stored_webhook(&db, org).await;
    assert_eq!(told(&db, org).await, [true; 4]);
    let mut tx = db.store.begin().await.unwrap();
    let disabled = tx.webhooks().disable(org, webhook.id, "why", at(1)).await;
    assert!(disabled.unwrap().is_some());
    tx.commit().await.unwrap();
    assert_eq!(told(&db, org).await, [false; 4], "it is disabled");
}

pub(super) async fn a_disabled_one_keeps_its_reason_and_an_enabled_one_begins_anew(db: Db) {
    let org = db.org("a").await.id;
    let webhook = stored_webhook(&db, org).await;
    let mut tx = db.store.begin().await.unwrap();
    let mut webhooks = tx.webhooks();
    webhooks.note_failure(org, webhook.id, at(1)).await.unwrap();
    for (reason, now) in [("first", at(2)), ("second", at(3))] {
        let disabled = webhooks.disable(org, webhook.id, reason, now).await;
        let disabled = disabled.unwrap().unwrap();
        assert_eq!(
            (disabled.disabled_at, disabled.disabled_reason.as_deref()),
            (Some(at(2)), Some("first"))
        );
        assert!(!disabled.is_live());
    }
    let enabled = webhooks.enable(org, webhook.id, at(4)).await.unwrap();
    let expected = Webhook {
        last_triggered_at: Some(at(1)),
        updated_at: at(4),
        ..webhook
    };
    assert_eq!(enabled, Some(expected), "nothing is left of its failing");
    tx.commit().await.unwrap();
}

pub(super) async fn a_failure_is_remembered_until_a_success(db: Db) {
    let org = db.org("a").await.id;
    let id = stored_webhook(&db, org).await.id;
    let mut tx = db.store.begin().await.unwrap();
    let mut webhooks = tx.webhooks();
    let minute = Duration::from_mins(1);
    let late = at(100).plus(minute);
    for (now, triggered) in [(at(100), at(100)), (at(130), at(100)), (late, late)] {
        let failed = webhooks.note_failure(org, id, now).await.unwrap().unwrap();
        assert_eq!(failed.failing_since, Some(at(100)));
        assert_eq!(failed.last_triggered_at, Some(triggered), "to the minute");
    }
    let succeeded_at = late.plus(Duration::from_secs(1));
    webhooks.note_success(org, id, succeeded_at).await.unwrap();
    let known = webhooks.get(org, id).await.unwrap().unwrap();
    assert_eq!(known.failing_since, None);
    assert_eq!(known.last_triggered_at, Some(succeeded_at));
    for (after, noted) in [(59, succeeded_at), (60, succeeded_at.plus(minute))] {
        let now = succeeded_at.plus(Duration::from_secs(after));
        webhooks.note_success(org, id, now).await.unwrap();
        let known = webhooks.get(org, id).await.unwrap().unwrap();
        assert_eq!(known.last_triggered_at, Some(noted), "{after}");
    }
    tx.commit().await.unwrap();
}

pub(super) async fn a_deleted_one_is_there_for_its_deliveries_alone(db: Db) {
    let org = db.org("a").await.id;
    let webhook = stored_webhook(&db, org).await;
    let mut tx = db.store.begin().await.unwrap();
    let mut webhooks = tx.webhooks();
    let deleted = webhooks.soft_delete(org, webhook.id, at(1)).await.unwrap();
    assert_eq!(deleted.unwrap().deleted_at, Some(at(1)));
    let again = webhooks.soft_delete(org, webhook.id, at(2)).await;
    assert_eq!(again.unwrap(), None);
    assert_eq!(webhooks.get(org, webhook.id).await.unwrap(), None);
    assert_eq!(webhooks.count(org).await.unwrap(), 0);
    let heard = webhooks.hearing(org, EventType::RunFailed).await.unwrap();
    assert_eq!(heard, []);
    assert_eq!(webhooks.enable(org, webhook.id, at(2)).await.unwrap(), None);
    assert_eq!(
        webhooks.disable(org, webhook.id, "x", at(2)).await.unwrap(),
        None
    );
    let (known, sealed) = webhooks.get_sealed(org, webhook.id).await.unwrap().unwrap();
    assert_eq!((known.deleted_at, sealed.as_str()), (Some(at(1)), ""));
    assert_eq!(webhooks.lock(org, webhook.id).await.unwrap(), Some(known));
    tx.commit().await.unwrap();
    assert_eq!(listed(&db, org).await, []);
}

pub(super) async fn a_webhook_of_another_organization_is_not_there(db: Db) {
    let org = db.org("a").await.id;
    let webhook = stored_webhook(&db, org).await;
    let stranger = nobody(&db).0;
    let change = Change {
        name: None,
        url: "x",
        event_types: &[],
        secret: Some(("x", "x")),
    };
    let mut tx = db.store.begin().await.unwrap();
    let mut webhooks = tx.webhooks();
    let id = webhook.id;
    for found in [
        webhooks.get(stranger, id).await,
        webhooks.lock(stranger, id).await,
        webhooks.update(stranger, id, &change, at(1)).await,
        webhooks.disable(stranger, id, "x", at(1)).await,
        webhooks.enable(stranger, id, at(1)).await,
        webhooks.soft_delete(stranger, id, at(1)).await,
        webhooks.note_failure(stranger, id, at(1)).await,
    ] {
        assert_eq!(found.unwrap(), None);
    }
    webhooks.note_success(stranger, id, at(1)).await.unwrap();
    assert_eq!(webhooks.get_sealed(stranger, id).await.unwrap(), None);
    assert_eq!(webhooks.count(stranger).await.unwrap(), 0);
    tx.commit().await.unwrap();
    assert_eq!(listed(&db, stranger).await, []);
    assert_eq!(listed(&db, org).await, [webhook]);
}
