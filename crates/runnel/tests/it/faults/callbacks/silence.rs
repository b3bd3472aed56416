//! Receivers that take their time: the limit holds for the whole exchange, and
//! one that is slow and in time is as good as any.

use std::sync::Arc;
use std::time::{Duration, Instant};

use runnel::wire::Environment;
use runnel_egress::{Addresses, Resolve};
use runnel_testkit::{Conduct, Db, TestApp, UnrulyReceiver, on_both_databases, wait_until};
use serde_json::json;

use super::echo_with_callback;
use super::{allowing, allowing_in, assert_given_up, attempted_to_the_end, delivery};

on_both_databases!(
    no_answer_within_the_limit_is_a_failure,
    an_answer_that_is_slow_and_in_time_is_a_receipt,
    a_body_that_trickles_is_cut_at_the_limit,
);

/// In place of the ten seconds, so that eight attempts take no minute.
const LIMIT: Duration = Duration::from_millis(300);

async fn impatient(db: Db) -> TestApp {
    allowing_in(db, |environment| environment.callback_timeout = LIMIT).await
}

#[test]
fn the_limit_is_ten_seconds() {
    let limit = Environment::system().callback_timeout;
    assert_eq!(limit, Duration::from_secs(10));
}

async fn no_answer_within_the_limit_is_a_failure(db: Db) {
    let app = impatient(db).await;
    let head = b"HTTP/1.1 200 OK\r\n".to_vec();
    for conduct in [
        // What would come after that comes too late: the caller has gone.
        Conduct::Hold,
        Conduct::Trickle(head, b"X-Slow: 1\r\n".to_vec()),
        Conduct::Trickle(Vec::new(), b"HTTP/1.1 100 Continue\r\n\r\n".to_vec()),
    ] {
        let receiver = UnrulyReceiver::start(conduct).await;
        let started = Instant::now();
        let failed = attempted_to_the_end(&app, &receiver.url()).await;
        assert_given_up(&failed, "TIMEOUT", "no answer from 127.0.0.1 within 0.3 s");
        assert!(failed["attempts"][0]["status_code"].is_null(), "{failed}");
        assert!(started.elapsed() >= LIMIT * 8, "{:?}", started.elapsed());
        assert_eq!(receiver.received().len(), 8);
        wait_until("the end of the connections", || async {
            (receiver.open() == 0).then_some(())
        })
        .await;
    }
    app.stop().await;
}

async fn an_answer_that_is_slow_and_in_time_is_a_receipt(db: Db) {
    let app = allowing(db).await;
    let receiver = UnrulyReceiver::start(Conduct::Hold).await;
    let path = echo_with_callback(&app, &receiver.url()).await;
    let answering = async {
        wait_until("the attempt to be under way", || async {
            let under_way = delivery(&app, &path).await["status_code"] == "delivering";
            (under_way && receiver.received().len() == 1).then_some(())
        })
        .await;
        receiver.conduct(Conduct::answer(200, "at last"));
    };
    tokio::join!(app.run_jobs(), answering);
    let taken = delivery(&app, &path).await;
    let attempt = &taken["attempts"][0];
    assert_eq!(
        (&taken["status_code"], &attempt["response_body"]),
        (&json!("succeeded"), &json!("at last")),
        "{taken}"
    );
    app.stop().await;
}

async fn a_body_that_trickles_is_cut_at_the_limit(db: Db) {
    let app = impatient(db).await;
    let head = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n".to_vec();
    let receiver = UnrulyReceiver::start(Conduct::Trickle(head, b"x".to_vec())).await;
    let taken = attempted_to_the_end(&app, &receiver.url()).await;
    let attempt = &taken["attempts"][0];
    assert_eq!(
        (&taken["status_code"], &attempt["error_message"]),
        (
            &json!("succeeded"),
            &json!("the answer was not over within 0.3 s")
        ),
        "{taken}"
    );
    let kept = attempt["response_body"].as_str().unwrap();
    assert!(
        !kept.is_empty() && kept.bytes().all(|byte| byte == b'x'),
        "{kept}"
    );
    app.stop().await;
}

/// A resolver that knows everything and says nothing.
#[derive(Debug)]
struct Mute;

impl Resolve for Mute {
    fn resolve(&self, _: &str) -> Addresses {
        Box::pin(std::future::pending())
    }
}

#[tokio::test]
async fn a_look_up_without_an_answer_ends_at_the_limit_too() {
    let app = allowing_in(Db::Sqlite, |environment| {
        environment.callback_timeout = LIMIT;
        environment.resolver = Arc::new(Mute);
    })
    .await;
    let failed = attempted_to_the_end(&app, "http://receiver.test/hook").await;
    assert_given_up(&failed, "NAME_NOT_RESOLVED", "no answer within 0.3 s");
    app.stop().await;
}
