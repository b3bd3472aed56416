//! Batches whose workers, pictures, models and processes go away: each ends,
//! once, and is told of once.

use std::path::Path;
use std::time::Duration;

use runnel_domain::jobs::Claimed;
use runnel_domain::runs::{Execution, Lease};
use runnel_media::sample;
use runnel_testkit::{Db, Process, Receiver, Request, TestApp, on_both_databases, wait_until};
use runnel_types::Job;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

on_both_databases!(
    the_last_items_end_at_once_and_the_batch_ends_once,
    the_last_item_is_ended_by_the_worker_that_lives,
    a_cancellation_meets_workers_that_end_items,
    a_picture_that_is_gone_fails_its_item_alone,
    a_model_that_is_gone_fails_every_item,
);

const ECHO: &str = "/v1/models/runnel/echo/batches";
const LEASE: Duration = Duration::from_secs(30);
const KEY: &str = "rf_live_0123456789abcdefghijKILL";

async fn telling(db: Db) -> TestApp {
    TestApp::start_with(db, |settings| {
        "127.0.0.0/8".clone_into(&mut settings.egress_allow);
    })
    .await
}

async fn batch_of(app: &TestApp, items: usize, callback_url: &str) -> String {
    let body = json!({"input": vec![json!({"text": "hi"}); items], "callback_url": callback_url});
    let batch = app.post(ECHO, &body).send().await.assert(201).json();
    format!("/v1/batches/{}", batch["id"].as_str().unwrap())
}

async fn get(app: &TestApp, path: &str) -> Value {
    app.get(path).send().await.assert(200).json()
}

async fn claim(app: &TestApp, worker: &str, count: usize) -> Vec<Claimed> {
    app.services()
        .claim_jobs(count, worker, LEASE)
        .await
        .unwrap()
}

/// What a worker does with a run that it claimed.
async fn execute(app: &TestApp, worker: &str, claimed: &Claimed) -> Execution {
    let Job::ExecuteRun { org_id, run_id } = claimed.job else {
        panic!("{claimed:?} is no run");
    };
    let lease = Lease {
        job_id: claimed.id,
        worker: worker.to_owned(),
        attempt: claimed.attempt,
    };
    app.services()
        .execute_run(org_id, run_id, &lease, &CancellationToken::new())
        .await
        .unwrap()
}

async fn the_last_items_end_at_once_and_the_batch_ends_once(db: Db) {
    let app = telling(db).await;
    let receiver = Receiver::start(&[]).await;
    for round in 1..=10 {
        let path = batch_of(&app, 4, receiver.url()).await;
        let claimed = claim(&app, "w", 4).await;
        let (a, b, c, d) = tokio::join!(
            execute(&app, "w", &claimed[0]),
            execute(&app, "w", &claimed[1]),
            execute(&app, "w", &claimed[2]),
            execute(&app, "w", &claimed[3]),
        );
        assert_eq!([a, b, c, d], [Execution::Recorded; 4]);
        let ended = get(&app, &path).await;
        assert_eq!(
            (&ended["status_code"], &ended["items_succeeded"]),
            (&json!("succeeded"), &json!(4)),
            "{ended}"
        );
        assert_eq!(app.run_jobs().await, 1, "one callback");
        assert_eq!(receiver.received().len(), round);
    }
    app.stop().await;
}

async fn the_last_item_is_ended_by_the_worker_that_lives(db: Db) {
    let app = telling(db).await;
    let receiver = Receiver::start(&[]).await;
    let path = batch_of(&app, 2, receiver.url()).await;
    let claimed = claim(&app, "late", 2).await;
    execute(&app, "late", &claimed[0]).await;
    app.advance(LEASE + Duration::from_millis(1));
    let again = claim(&app, "second", 1).await;
    // The first one comes back when its lease is another's.
    assert_eq!(execute(&app, "late", &claimed[1]).await, Execution::Stale);
    assert_eq!(get(&app, &path).await["status_code"], "running");
    assert_eq!(
        execute(&app, "second", &again[0]).await,
        Execution::Recorded
    );
    let ended = get(&app, &path).await;
    assert_eq!(
        (&ended["status_code"], &ended["items_succeeded"]),
        (&json!("succeeded"), &json!(2))
    );
    assert_eq!(execute(&app, "late", &claimed[1]).await, Execution::Stale);
    assert_eq!(app.run_jobs().await, 1);
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(get(&app, &path).await, ended);
    app.stop().await;
}

async fn a_cancellation_meets_workers_that_end_items(db: Db) {
    let app = telling(db).await;
    let receiver = Receiver::start(&[]).await;
    for round in 1..=10 {
        let path = batch_of(&app, 6, receiver.url()).await;
        let claimed = claim(&app, "w", 4).await;
        let cancel = app.post(&format!("{path}/cancellation"), &json!({})).send();
        let (canceled, ..) = tokio::join!(
            cancel,
            execute(&app, "w", &claimed[0]),
            execute(&app, "w", &claimed[1]),
            execute(&app, "w", &claimed[2]),
            execute(&app, "w", &claimed[3]),
        );
        let canceled = canceled.assert(201).json();
        let ended = get(&app, &path).await;
        assert_eq!(canceled, ended, "it ended with its cancellation");
        let of = |field: &str| ended[field].as_u64().unwrap();
        assert_eq!(of("items_succeeded") + of("items_cancelled"), 6, "{ended}");
        assert!(of("items_cancelled") >= 2, "{ended}");
        app.advance(LEASE + Duration::from_millis(1));
        app.run_jobs().await;
        assert_eq!(receiver.received().len(), round);
        assert_eq!(get(&app, &path).await, ended);
    }
    app.stop().await;
}

async fn a_picture_that_is_gone_fails_its_item_alone(db: Db) {
    let app = telling(db).await;
    let receiver = Receiver::start(&[]).await;
    let png = sample::gradient_png(20, 10);
    let (kept, gone) = (
        app.asset("image/png", &png).await,
        app.asset("image/png", &png).await,
    );
    let body = json!({
        "input": [{"asset_id": gone["id"]}, {"asset_id": kept["id"]}],
        "callback_url": receiver.url(),
    });
    let path = "/v1/models/runflow/background-removal/batches";
    let batch = app.post(path, &body).send().await.assert(201).json();
    let asset = format!("/v1/assets/{}", gone["id"].as_str().unwrap());
    app.delete(&asset).send().await.assert(204);
    app.run_jobs().await;
    let path = format!("/v1/batches/{}", batch["id"].as_str().unwrap());
    let ended = get(&app, &path).await;
    assert_eq!(ended["status_code"], "partial_succeeded", "{ended}");
    assert_eq!(
        (&ended["items_failed"], &ended["items_succeeded"]),
        (&json!(1), &json!(1))
    );
    assert!(ended["failure_code"].is_null());
    let output = &ended["output"]["items"];
    assert_eq!(output[0]["error"]["code"], "INPUT_FETCH_FAILED");
    assert_eq!(output[0]["error"]["stage"], "preprocess");
    assert!(output[0]["output"].is_null() && output[1]["error"].is_null());
    let items = get(&app, &format!("{path}/items?status_code=failed")).await;
    assert_eq!(items["items"][0]["sequence_index"], 0);
    assert_eq!(items["items"][0]["error"], output[0]["error"]);
    let told: Value = serde_json::from_slice(&receiver.received()[0].1).unwrap();
    assert_eq!(told["event"], "batch.partial_succeeded");
    // The picture was made in the transaction that ended the batch.
    let url = told["output"]["items"][1]["output"]["image_urls"][0].as_str();
    Request::new("GET", url.unwrap()).send().await.assert(200);
    app.stop().await;
}

async fn a_model_that_is_gone_fails_every_item(db: Db) {
    let app = telling(db).await;
    let receiver = Receiver::start(&[]).await;
    let path = batch_of(&app, 3, receiver.url()).await;
    app.services().models.replace([]);
    app.run_jobs().await;
    let ended = get(&app, &path).await;
    assert_eq!(
        (&ended["status_code"], &ended["items_failed"]),
        (&json!("failed"), &json!(3)),
        "{ended}"
    );
    assert_eq!(
        (&ended["failure_code"], &ended["failure_stage_code"]),
        (&json!("ENGINE_UNAVAILABLE"), &json!("dispatch"))
    );
    let message = ended["failure_message"].as_str().unwrap();
    assert!(
        message.contains("item 0") && message.contains("no longer in the catalogue"),
        "{message}"
    );
    let told: Value = serde_json::from_slice(&receiver.received()[0].1).unwrap();
    assert_eq!(
        (&told["event"], &told["status"]),
        (&json!("batch.failed"), &json!("failed"))
    );
    assert_eq!(told["output"]["failed"], 3);
    let again = app.post(ECHO, &json!({"input": [{}]})).send().await;
    again.assert_error(404, "MODEL_NOT_FOUND");
    app.stop().await;
}

fn serve(data_dir: &Path) -> Process {
    Process::serve(
        env!("CARGO_BIN_EXE_runnel"),
        data_dir,
        &[
            ("RUNNEL_BOOTSTRAP_API_KEY", KEY),
            ("RUNNEL_LOG", "error"),
            ("RUNNEL_EGRESS_ALLOW", "127.0.0.0/8"),
        ],
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_in_the_middle_of_a_batch_every_item_ends_and_one_callback_is_planned() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let receiver = Receiver::start(&[]).await;
    let mut server = serve(&data);
    let png = sample::gradient_png(24, 16);
    let created = Request::new("POST", &server.url("/v1/assets"))
        .key(KEY)
        .file("a.png", "image/png", &png);
    let asset = created.send().await.assert(201).json();
    let body = json!({
        "input": vec![json!({"asset_id": asset["id"]}); 6],
        "callback_url": receiver.url(),
    });
    let path = "/v1/models/runflow/background-removal/batches";
    let created = Request::new("POST", &server.url(path)).key(KEY).json(&body);
    let batch = created.send().await.assert(201).json();
    let path = format!("/v1/batches/{}", batch["id"].as_str().unwrap());
    let ask = async |url: String| {
        let answer = Request::new("GET", &url).key(KEY).send().await;
        answer.assert(200).json()
    };
    // Killed twice, each time after something more was done. A third time would
    // be the end of the items that were in hand at each of them.
    let mut kills = 0;
    let mut done = 0;
    let ended = loop {
        let url = server.url(&path);
        let batch = wait_until("one more item to end", || async {
            let batch = ask(url.clone()).await;
            let now = batch["items_succeeded"].as_u64().unwrap();
            let is_news = now > done || batch["completed_at"].is_string();
            is_news.then_some(batch)
        })
        .await;
        if batch["completed_at"].is_string() {
            break batch;
        }
        done = batch["items_succeeded"].as_u64().unwrap();
        if kills < 2 {
            kills += 1;
            server.kill();
            server = serve(&data);
        }
    };
    assert_eq!(
        (&ended["status_code"], &ended["items_succeeded"]),
        (&json!("succeeded"), &json!(6)),
        "{ended}"
    );
    let url = server.url(&format!("{path}/callback"));
    let deliveries = wait_until("the callback to arrive", || async {
        let deliveries = ask(url.clone()).await;
        (deliveries[0]["status_code"] == "succeeded").then_some(deliveries)
    })
    .await;
    assert_eq!(deliveries.as_array().unwrap().len(), 1);
    assert_eq!(receiver.received().len(), 1);
    // Items that were done again left one result each.
    let assets = ask(server.url("/v1/assets?limit=500&q=source_type:run_output")).await;
    assert_eq!(assets["items"].as_array().unwrap().len(), 6);
}
