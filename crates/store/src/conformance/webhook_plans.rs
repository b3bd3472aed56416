//! The statements of webhooks that must use an index do, on both engines.

use runnel_types::list::Listed;
use runnel_types::{
    Asset, Delivery, DeliveryStatus, DeliverySubject, EventType, OrgId, Webhook, WebhookDelivery,
    WebhookEvent,
};

use super::Db;
use super::fixtures::{asset, at, webhook, webhook_delivery};
use super::plans::{analyze, deep, uses};
use crate::column::Args;
use crate::reader::Statement;
use crate::{assets, deliveries, query, webhooks};

/// Two thousand webhooks, and of the first two thousand deliveries, one in a
/// hundred of which waits; every other one has a delivery that repeats one.
async fn fill(db: &Db) -> (Webhook, Delivery) {
    let org = db.org("a").await.id;
    let mut tx = db.store.begin().await.unwrap();
    let first = webhook(db, org);
    tx.webhooks().insert(&first, "sealed").await.unwrap();
    let mut told = None;
    for n in 0..2000 {
        let webhook = Webhook {
            created_at: at(n),
            disabled_at: Some(at(n)),
            ..webhook(db, org)
        };
        tx.webhooks().insert(&webhook, "sealed").await.unwrap();
        let made = Delivery {
            created_at: at(n),
            status: DeliveryStatus::ALL[if n % 100 == 0 { 0 } else { 2 }],
            ..webhook_delivery(db, &first)
        };
        let again = Delivery {
            subject: DeliverySubject::Webhook(WebhookEvent {
                webhook_id: webhook.id,
                event_type: EventType::AssetCreated,
                redelivery_of: Some(made.id),
            }),
            created_at: at(n),
            status: DeliveryStatus::Succeeded,
            ..webhook_delivery(db, &webhook)
        };
        tx.deliveries().insert(&made).await.unwrap();
        tx.deliveries().insert(&again).await.unwrap();
        told.get_or_insert(made);
    }
    tx.commit().await.unwrap();
    analyze(db).await;
    (first, told.unwrap())
}

pub(super) async fn webhooks_and_their_deliveries_use_their_index(db: Db) {
    let (webhook, delivery) = fill(&db).await;
    let org = webhook.org_id;
    let dialect = db.store.dialect();
    let newest = |fields, backward| deep(fields, "", "created_at:desc", backward);
    let list = |backward| {
        query::statement(
            dialect,
            webhooks::rows(org),
            &newest(Webhook::FIELDS, backward),
        )
    };
    let deliveries = |of, backward| {
        query::statement(
            dialect,
            deliveries::rows_of_webhook(org, of),
            &newest(WebhookDelivery::FIELDS, backward),
        )
    };
    let written = |sql: &'static str, args| Statement::new("plan", sql, args);
    let hearing = Args::new().word(org).word(EventType::RunFailed);
    let under_way = Args::new().word(org).word(delivery.id);
    let pending = Args::new().word(org).word(webhook.id).int(500);
    let of_one = Some(webhook.id);
    for (name, statement, index) in [
        ("webhooks, older", list(false), "webhooks_by_org"),
        ("webhooks, newer", list(true), "webhooks_by_org"),
        (
            "deliveries of a webhook",
            deliveries(of_one, false),
            "deliveries_by_webhook",
        ),
        (
            "deliveries of a webhook, newer",
            deliveries(of_one, true),
            "deliveries_by_webhook",
        ),
        (
            "deliveries of all webhooks",
            deliveries(None, false),
            "deliveries_of_webhooks",
        ),
        (
            "deliveries of all webhooks, newer",
            deliveries(None, true),
            "deliveries_of_webhooks",
        ),
        (
            "an event under way",
            written(deliveries::EVENT_UNDER_WAY, under_way),
            "deliveries_again",
        ),
        (
            "what waits",
            written(deliveries::PENDING, pending),
            "deliveries_pending_by_webhook",
        ),
    ] {
        uses(&db, name, statement, index).await;
    }
    // It may sort, as there are few; an organization without any reads nothing.
    let plan = super::plans::plan(&db, written(webhooks::HEARING, hearing)).await;
    assert!(plan.contains("webhooks_live"), "{plan}");
}

pub(super) async fn a_deletion_is_walked_along_its_index(db: Db) {
    let org: OrgId = db.org("a").await.id;
    let mut tx = db.store.begin().await.unwrap();
    for n in 0..2000 {
        let asset = Asset {
            created_at: at(n),
            ..asset(&db, org)
        };
        tx.assets().insert(&asset).await.unwrap();
    }
    tx.commit().await.unwrap();
    analyze(&db).await;
    let args = Args::new()
        .word(org)
        .word(uuid::Uuid::nil())
        .word(uuid::Uuid::nil())
        .int(500);
    let statement = Statement::new("plan", assets::DELETION, args);
    uses(&db, "a deletion", statement, "assets_by_deletion_id").await;
}
