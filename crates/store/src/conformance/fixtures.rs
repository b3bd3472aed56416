//! Records with every field set, so that one that is not stored is noticed.

use runnel_types::{
    ApiKey, ApiKeyId, Asset, AssetType, Attempt, Batch, BatchPlace, BatchStatus, Delivery,
    DeliveryId, DeliveryStatus, DeliverySubject, EventType, FailureCode, FailureStage, ItemCounts,
    Job, JobId, Org, OrgId, Received, Run, RunFailure, RunId, RunSource, RunStatus, Scope,
    SourceType, Timestamp, Upload, Webhook, WebhookEvent,
};
use serde_json::json;

use super::{Db, NOW};
use crate::jobs::Place;

/// `NOW` and some seconds.
pub(super) const fn at(seconds: i64) -> Timestamp {
    Timestamp::from_micros(NOW.as_micros() + seconds * 1_000_000)
}

/// Text that is not easy to keep: quotes, NUL, four-byte characters.
pub(super) const NASTY: &str = "it's \"a\" \\ \0 $1 🦀 ../../etc/passwd";

pub(super) fn org(db: &Db, slug: &str) -> Org {
    Org {
        id: db.ids.next(),
        name: NASTY.to_owned(),
        slug: slug.to_owned(),
        created_at: NOW,
    }
}

pub(super) fn api_key(db: &Db, org: OrgId) -> ApiKey {
    ApiKey {
        id: db.ids.next(),
        org_id: org,
        name: NASTY.to_owned(),
        prefix: "rf_live_abcd".to_owned(),
        scopes: vec![Scope::AssetsCreate, Scope::CallbackSecretsRead],
        created_at: NOW,
        revoked_at: None,
    }
}

pub(super) fn received(storage_key: &str) -> Received {
    Received {
        storage_key: storage_key.to_owned(),
        size_bytes: 52_428_800,
        sha256: "ab".repeat(32),
    }
}

pub(super) fn upload(db: &Db, org: OrgId) -> Upload {
    Upload {
        asset_id: db.ids.next(),
        org_id: org,
        filename: NASTY.to_owned(),
        mime_type: "image/png".to_owned(),
        size_bytes: 52_428_800,
        expires_at: at(3600),
        created_by: Some(db.ids.next()),
        created_at: NOW,
        received: None,
        confirmed_at: None,
    }
}

pub(super) fn asset(db: &Db, org: OrgId) -> Asset {
    Asset {
        id: db.ids.next(),
        org_id: org,
        folder_id: Some(db.ids.next()),
        name: NASTY.to_owned(),
        storage_key: "org/assets/id/cup.jpg".to_owned(),
        thumbnail_key: Some("org/assets/id/thumbnail.webp".to_owned()),
        mime_type: "image/jpeg".to_owned(),
        size_bytes: 9_000_000_000,
        asset_type: AssetType::Image,
        source_type: SourceType::RunOutput,
        source_id: Some("a run".to_owned()),
        created_by: Some(db.ids.next()),
        created_at: NOW,
        updated_at: at(1),
        deleted_at: None,
        deleted_by: None,
        width: Some(6000),
        height: Some(4000),
        duration_ms: Some(12_345),
        codec: Some("h264".to_owned()),
        frames: Some(2),
        sha256: Some("cd".repeat(32)),
        thumbnail_crc32: Some(u32::MAX),
        blurhash: Some("LEHV6nWB2yk8pyo0adR*.7kCMdnj".to_owned()),
        metadata: Some(json!({"nested": [1, 2.5, null, "nul \u{0}"], "π": true})),
    }
}

pub(super) fn queued_run(db: &Db, org: OrgId) -> Run {
    Run {
        id: db.ids.next(),
        org_id: org,
        model_id: db.ids.next(),
        model: "runflow/background-replace".to_owned(),
        model_version: "1".to_owned(),
        status: RunStatus::Queued,
        source: RunSource::Api,
        input: json!({"prompt": "white studio \u{0}", "image_url": "runflow://assets/x"}),
        output: None,
        failure: None,
        progress: None,
        batch: None,
        client_ref: Some(NASTY.to_owned()),
        request_id: Some(db.ids.next()),
        created_by: Some(db.ids.next()),
        created_at: NOW,
        started_at: None,
        completed_at: None,
        callback_url: Some("http://127.0.0.1:1/hook".to_owned()),
        metadata: Some(json!({"order": 7})),
        has_logs: false,
    }
}

/// A batch of `total` items that none has begun.
pub(super) fn queued_batch(db: &Db, org: OrgId, total: u32) -> Batch {
    Batch {
        id: db.ids.next(),
        org_id: org,
        model_id: db.ids.next(),
        model: "runflow/background-replace".to_owned(),
        status: BatchStatus::Queued,
        source: RunSource::Api,
        items_total: total,
        counts: ItemCounts::default(),
        failure: None,
        request_id: Some(db.ids.next()),
        created_by: Some(db.ids.next()),
        created_at: NOW,
        started_at: None,
        completed_at: None,
        callback_url: Some("http://127.0.0.1:1/hook".to_owned()),
        metadata: Some(json!({"order": "\u{0} 7"})),
    }
}

/// A batch and its runs, committed.
pub(super) async fn stored_batch(db: &Db, org: OrgId, total: u32) -> (Batch, Vec<Run>) {
    let batch = queued_batch(db, org, total);
    let mut tx = db.store.begin().await.unwrap();
    tx.batches().insert(&batch).await.unwrap();
    let mut runs = Vec::new();
    for index in 0..total {
        let run = Run {
            source: RunSource::Batch,
            batch: Some(BatchPlace {
                id: batch.id,
                index,
            }),
            ..queued_run(db, org)
        };
        tx.runs().insert(&run).await.unwrap();
        runs.push(run);
    }
    tx.commit().await.unwrap();
    (batch, runs)
}

/// A run with the fields that a queued one does not have.
pub(super) fn failed_run(db: &Db, org: OrgId) -> Run {
    Run {
        status: RunStatus::Failed,
        output: Some(json!({"image_urls": []})),
        failure: Some(failure()),
        progress: Some(0.25),
        started_at: Some(at(1)),
        completed_at: Some(at(2)),
        ..queued_run(db, org)
    }
}

pub(super) fn failure() -> RunFailure {
    RunFailure {
        code: FailureCode::EngineError,
        stage: FailureStage::Inference,
        message: "the engine \0 said no".to_owned(),
    }
}

pub(super) fn delivery(db: &Db, run: &Run) -> Delivery {
    Delivery {
        id: db.ids.next(),
        org_id: run.org_id,
        subject: DeliverySubject::Run(run.id),
        callback_url: "http://127.0.0.1:1/hook?a=b".to_owned(),
        payload: r#"{"event": "run.completed"}"#.to_owned(),
        signing_secret_id: None,
        is_automatic: true,
        status: DeliveryStatus::Pending,
        failure_reason_code: None,
        failure_detail: None,
        attempt_count: 0,
        max_attempts: 8,
        next_attempt_at: Some(at(5)),
        created_at: NOW,
        updated_at: NOW,
        completed_at: None,
    }
}

pub(super) fn webhook(db: &Db, org: OrgId) -> Webhook {
    Webhook {
        id: db.ids.next(),
        org_id: org,
        name: Some(NASTY.to_owned()),
        url: "https://example.com/hook?a=b".to_owned(),
        event_types: Vec::new(),
        secret_fingerprint: "0123456789abcdef".to_owned(),
        created_by: Some(db.ids.next()),
        disabled_at: None,
        disabled_reason: None,
        last_triggered_at: None,
        failing_since: None,
        created_at: NOW,
        updated_at: NOW,
        deleted_at: None,
    }
}

/// A webhook that hears of everything, committed.
pub(super) async fn stored_webhook(db: &Db, org: OrgId) -> Webhook {
    let webhook = webhook(db, org);
    let mut tx = db.store.begin().await.unwrap();
    tx.webhooks().insert(&webhook, "sealed").await.unwrap();
    tx.commit().await.unwrap();
    webhook
}

/// A delivery to a webhook.
pub(super) fn webhook_delivery(db: &Db, webhook: &Webhook) -> Delivery {
    Delivery {
        subject: DeliverySubject::Webhook(WebhookEvent {
            webhook_id: webhook.id,
            event_type: EventType::AssetCreated,
            redelivery_of: None,
        }),
        ..delivery(db, &queued_run(db, webhook.org_id))
    }
}

pub(super) fn attempt(db: &Db, delivery: DeliveryId) -> Attempt {
    Attempt {
        id: db.ids.next(),
        delivery_id: delivery,
        attempt_number: 1,
        status_code: Some(503),
        response_body: Some("not \0 now".to_owned()),
        response_time_ms: Some(250),
        error_message: Some("late".to_owned()),
        created_at: at(3),
    }
}

pub(super) fn job(db: &Db) -> (JobId, Job) {
    (
        db.ids.next(),
        Job::ExecuteRun {
            org_id: db.ids.next(),
            run_id: db.ids.next(),
        },
    )
}

/// A run, committed.
pub(super) async fn stored_run(db: &Db, org: OrgId) -> Run {
    let run = queued_run(db, org);
    let mut tx = db.store.begin().await.unwrap();
    tx.runs().insert(&run).await.unwrap();
    tx.commit().await.unwrap();
    run
}

/// An upload, committed.
pub(super) async fn stored_upload(db: &Db, org: OrgId) -> Upload {
    let upload = upload(db, org);
    let mut tx = db.store.begin().await.unwrap();
    tx.uploads().insert(&upload).await.unwrap();
    tx.commit().await.unwrap();
    upload
}

/// Where a job stands when it does not matter.
pub(super) const PLACE: Place<'static> = Place {
    lane: "a/model",
    flow: "an organization",
};

/// Jobs that are due at `NOW`, committed.
pub(super) async fn stored_jobs(db: &Db, count: usize) -> Vec<JobId> {
    let mut tx = db.store.begin().await.unwrap();
    let mut ids = Vec::with_capacity(count);
    for _ in 0..count {
        let (id, job) = job(db);
        tx.jobs().enqueue(id, &job, PLACE, NOW, NOW).await.unwrap();
        ids.push(id);
    }
    tx.commit().await.unwrap();
    ids
}

/// An id that nothing has.
pub(super) fn nobody(db: &Db) -> (OrgId, RunId, ApiKeyId) {
    (db.ids.next(), db.ids.next(), db.ids.next())
}
