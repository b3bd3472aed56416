//! Receivers that answer that they failed: retried on the schedule, recorded,
//! given up in the end.

use std::time::Duration;

use runnel_testkit::{Db, Receiver, on_both_databases};
use serde_json::json;

use super::{allowing, delivery, echo_with_callback};

on_both_databases!(
    a_failing_receiver_is_tried_eight_times_over_a_day,
    gone_ends_it,
);

async fn a_failing_receiver_is_tried_eight_times_over_a_day(db: Db) {
    let app = allowing(db).await;
    let receiver = Receiver::start(&[500; 8]).await;
    let path = echo_with_callback(&app, receiver.url()).await;
    assert_eq!(app.run_jobs().await, 2);
    for (attempt, pause) in [5, 30, 120, 600, 3600, 21_600, 61_200]
        .into_iter()
        .enumerate()
    {
        let pending = delivery(&app, &path).await;
        assert_eq!(
            (&pending["status_code"], &pending["attempt_count"]),
            (&json!("pending"), &json!(attempt + 1)),
            "{pending}"
        );
        app.advance(
            Duration::from_secs(pause)
                .checked_sub(Duration::from_millis(1))
                .unwrap(),
        );
        assert_eq!(app.run_jobs().await, 0, "not before its time");
        // The jitter stretches a pause by a tenth at most.
        app.advance(Duration::from_secs(pause) / 10 + Duration::from_millis(2));
        assert_eq!(app.run_jobs().await, 1);
    }
    let failed = delivery(&app, &path).await;
    assert_eq!(
        (&failed["status_code"], &failed["attempt_count"]),
        (&json!("failed"), &json!(8)),
        "{failed}"
    );
    assert_eq!(failed["failure_reason_code"], "HTTP_STATUS");
    assert!(failed["completed_at"].is_string() && failed["next_attempt_at"].is_null());
    let received = receiver.received();
    assert_eq!(received.len(), 8);
    assert!(
        received.iter().all(|(_, body)| *body == received[0].1),
        "the same bytes every time"
    );
    let id = format!("webhook-id: {}", failed["id"].as_str().unwrap());
    assert!(received.iter().all(|(head, _)| head.contains(&id)));
    app.advance(Duration::from_hours(48));
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}

async fn gone_ends_it(db: Db) {
    let app = allowing(db).await;
    let receiver = Receiver::start(&[410]).await;
    let path = echo_with_callback(&app, receiver.url()).await;
    app.run_jobs().await;
    let failed = delivery(&app, &path).await;
    assert_eq!(
        (&failed["status_code"], &failed["attempt_count"]),
        (&json!("failed"), &json!(1)),
        "{failed}"
    );
    app.advance(Duration::from_hours(48));
    assert_eq!(app.run_jobs().await, 0);
    app.stop().await;
}
