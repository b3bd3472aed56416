//! Webhooks that fail: for five days in a row, or for good.

use std::time::Duration;

use runnel_testkit::{Db, Receiver, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::{at, deliveries, echo, id, shown, start, webhook};

on_both_databases!(
    five_days_of_failures_disable_it,
    a_success_in_between_begins_the_count_anew,
    gone_ends_the_delivery_and_disables_the_webhook,
    one_that_is_enabled_again_begins_anew,
);

const FIVE_DAYS: Duration = Duration::from_hours(5 * 24);
/// A second less.
const NEARLY: Duration = Duration::from_secs(5 * 24 * 60 * 60 - 1);

/// Lets time pass, and then whatever is due be done.
async fn after(app: &TestApp, time: Duration) {
    app.advance(time);
    app.run_jobs().await;
}

async fn five_days_of_failures_disable_it(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[500; 100]).await;
    let failing = webhook(&app, &receiver, &[]).await;
    let fine = Receiver::start(&[]).await;
    let other = webhook(&app, &fine, &[]).await;
    echo(&app, json!({"input": {}})).await;
    after(&app, NEARLY).await;
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(shown(&app, &failing).await["disabled_at"], Value::Null);
    // Fails too, and waits for its next attempt when the webhook is disabled.
    echo(&app, json!({"input": {}})).await;
    assert_eq!(receiver.received().len(), 3);
    after(&app, Duration::from_mins(2)).await;
    let disabled = shown(&app, &failing).await;
    assert!(disabled["disabled_at"].is_string(), "{disabled}");
    let reason = disabled["disabled_reason"].as_str().unwrap();
    assert!(reason.contains("for 5 days"), "{reason}");
    for delivery in deliveries(&app, id(&failing), "").await {
        assert_eq!(delivery["status_code"], "failed", "{delivery}");
        assert_eq!(delivery["failure_reason_code"], "WEBHOOK_DISABLED");
        let detail = delivery["failure_detail"].as_str().unwrap();
        assert!(detail.contains("for 5 days"), "{detail}");
        assert_eq!(delivery["next_attempt_at"], Value::Null);
    }
    // It hears of nothing more; the other one goes on.
    let before = receiver.received().len();
    echo(&app, json!({"input": {}})).await;
    after(&app, Duration::from_hours(48)).await;
    assert_eq!(receiver.received().len(), before);
    assert_eq!(deliveries(&app, id(&failing), "").await.len(), 2);
    assert_eq!(fine.received().len(), 3);
    assert_eq!(shown(&app, &other).await["disabled_at"], Value::Null);
    app.stop().await;
}

async fn a_success_in_between_begins_the_count_anew(db: Db) {
    let app = start(db).await;
    // Fails, works once, and fails from then on.
    let mut answers = vec![500, 200];
    answers.extend([500; 50]);
    let receiver = Receiver::start(&answers).await;
    let made = webhook(&app, &receiver, &[]).await;
    echo(&app, json!({"input": {}})).await;
    after(&app, FIVE_DAYS).await;
    assert_eq!(
        deliveries(&app, id(&made), "").await[0]["status_code"],
        "succeeded"
    );
    echo(&app, json!({"input": {}})).await;
    after(&app, NEARLY).await;
    assert_eq!(shown(&app, &made).await["disabled_at"], Value::Null);
    after(&app, Duration::from_mins(1)).await;
    assert!(shown(&app, &made).await["disabled_at"].is_string());
    app.stop().await;
}

async fn gone_ends_the_delivery_and_disables_the_webhook(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[500, 410]).await;
    let made = webhook(&app, &receiver, &[]).await;
    echo(&app, json!({"input": {}})).await;
    echo(&app, json!({"input": {}})).await;
    let disabled = shown(&app, &made).await;
    let reason = disabled["disabled_reason"].as_str().unwrap();
    assert!(reason.contains("410"), "{reason}");
    let mut codes: Vec<Value> = deliveries(&app, id(&made), "")
        .await
        .iter()
        .map(|delivery| delivery["failure_reason_code"].clone())
        .collect();
    codes.sort_by_key(ToString::to_string);
    assert_eq!(codes, ["GONE", "WEBHOOK_DISABLED"]);
    after(&app, Duration::from_hours(24)).await;
    assert_eq!(receiver.received().len(), 2);
    app.stop().await;
}

async fn one_that_is_enabled_again_begins_anew(db: Db) {
    let app = start(db).await;
    let receiver = Receiver::start(&[500; 4]).await;
    let made = webhook(&app, &receiver, &[]).await;
    echo(&app, json!({"input": {}})).await;
    after(&app, FIVE_DAYS).await;
    assert!(shown(&app, &made).await["disabled_at"].is_string());
    let enabled = app.patch(&at(&made), &json!({"disabled_at": null}));
    let enabled = enabled.send().await.assert(200).json();
    assert_eq!(enabled["disabled_at"], Value::Null);
    assert_eq!(enabled["disabled_reason"], Value::Null);
    // What had ended stays ended; what happens now is told, and one failure of
    // it is the first.
    echo(&app, json!({"input": {}})).await;
    assert_eq!(receiver.received().len(), 3);
    assert_eq!(shown(&app, &made).await["disabled_at"], Value::Null);
    after(&app, Duration::from_secs(6)).await;
    after(&app, Duration::from_mins(1)).await;
    let newest = deliveries(&app, id(&made), "limit=1").await.remove(0);
    assert_eq!(newest["status_code"], "succeeded", "{newest}");
    app.stop().await;
}
