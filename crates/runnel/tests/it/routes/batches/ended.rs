//! Batches are listed, cancelled, and told of once when they end.

use std::time::Duration;

use runnel_testkit::{Db, Receiver, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::{ECHO, column, count, create, get, path_of, telling};

on_both_databases!(
    batches_and_items_are_listed_and_filtered,
    what_has_not_ended_is_cancelled_at_once,
    a_hundred_items_end_with_one_callback,
    what_ended_is_told_again_when_somebody_asks,
);

async fn batches_and_items_are_listed_and_filtered(db: Db) {
    let app = TestApp::start(db).await;
    let texts: Vec<Value> = (0..7)
        .map(|n| json!({"text": n.to_string(), "client_ref": format!("ref {n}")}))
        .collect();
    let batch = create(&app, ECHO, &json!({"input": texts})).await;
    app.run_jobs().await;
    let later = create(&app, ECHO, &json!({"input": [{"text": "z"}]})).await;
    create(&app, "/v1/models/runnel/echo/runs", &json!({"input": {}})).await;

    let batches = get(&app, "/v1/batches").await;
    assert_eq!(column(&batches, "id"), json!([later["id"], batch["id"]]));
    assert_eq!(column(&batches, "items_total"), json!([1, 7]));
    for null in ["items", "input", "output"] {
        assert_eq!(column(&batches, null), json!([null, null]), "{null}");
    }
    for (query, expected) in [
        ("?q=status_code:succeeded", vec![&batch]),
        ("?status_code=queued", vec![&later]),
        ("?q=model:*echo%20AND%20items_total%3E1", vec![&batch]),
        ("?sort_by=items_total:desc", vec![&batch, &later]),
        ("?q=items_succeeded:7", vec![&batch]),
        ("?q=completed_at:null", vec![&later]),
    ] {
        let found = get(&app, &format!("/v1/batches{query}")).await;
        let ids: Value = expected.iter().map(|batch| batch["id"].clone()).collect();
        assert_eq!(column(&found, "id"), ids, "{query}");
    }
    let few = get(&app, "/v1/batches?fields=id,status_code&limit=1").await;
    assert_eq!(
        few["items"],
        json!([{"id": later["id"], "status_code": "queued"}])
    );

    let items = path_of(&batch, "/items");
    let first = get(&app, &format!("{items}?limit=4")).await;
    assert_eq!(column(&first, "sequence_index"), json!([0, 1, 2, 3]));
    let item = &first["items"][1];
    assert_eq!(
        (&item["input"], &item["output"], &item["client_ref"]),
        (
            &json!({"text": "1"}),
            &json!({"text": "1"}),
            &json!("ref 1")
        )
    );
    assert_eq!(
        (&item["run"]["id"], &item["run"]["batch_id"]),
        (&item["run_id"], &batch["id"])
    );
    assert!(item["error"].is_null() && item["cost"].is_null());
    let next = first["next"].as_str().unwrap();
    let rest = get(&app, &format!("{items}?limit=4&pq={next}")).await;
    assert_eq!(column(&rest, "sequence_index"), json!([4, 5, 6]));
    assert!(rest["next"].is_null());
    for (query, expected) in [
        ("?q=client_ref.EQ:'ref%203'", json!([3])),
        ("?q=sequence_index%3E4", json!([5, 6])),
        ("?sort_by=sequence_index:desc&limit=2", json!([6, 5])),
        ("?status_code=failed", json!([])),
    ] {
        let found = get(&app, &format!("{items}{query}")).await;
        assert_eq!(column(&found, "sequence_index"), expected, "{query}");
    }
    let wrong = app.get(&format!("{items}?q=batch_id:x")).send().await;
    wrong.assert_error(400, "BAD_REQUEST");
    let of_runs = get(&app, "/v1/runs").await["next"].clone();
    assert!(of_runs.is_null());
    let strange = app.get(&format!("/v1/runs?pq={next}")).send().await;
    strange.assert_error(400, "BAD_REQUEST");

    let id = batch["id"].as_str().unwrap();
    assert_eq!(count(&app, &format!("/v1/runs?q=batch_id:{id}")).await, 7);
    assert_eq!(count(&app, "/v1/runs?q=batch_id:null").await, 1);
    assert_eq!(count(&app, "/v1/runs").await, 9);
    app.run_jobs().await;
    app.stop().await;
}

async fn what_has_not_ended_is_cancelled_at_once(db: Db) {
    let app = telling(db).await;
    let receiver = Receiver::start(&[]).await;
    let body = json!({
        "input": [{"text": "done"}, {"text": "at work"}, {"text": "waiting"}],
        "callback_url": receiver.url(),
    });
    let untouched = create(&app, ECHO, &body).await;
    let cancel = |batch: &Value, body: &Value| app.post(&path_of(batch, "/cancellation"), body);
    for wrong in [
        json!({"reason": "no"}),
        json!({"reason": "x".repeat(501)}),
        json!({"reason": 7}),
    ] {
        let error = cancel(&untouched, &wrong).send().await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        assert_eq!(error["errors"][0]["field"], "reason");
    }
    let reason = json!({"reason": "wrong pictures"});
    let ended = cancel(&untouched, &reason).send().await.assert(201).json();
    assert_eq!(ended["status_code"], "canceled", "{ended}");
    assert_eq!(
        (&ended["items_cancelled"], &ended["items_total"]),
        (&json!(3), &json!(3))
    );
    assert!(ended["started_at"].is_null() && ended["completed_at"].is_string());
    let again = cancel(&untouched, &json!({}))
        .send()
        .await
        .assert(200)
        .json();
    assert_eq!(again, ended);
    let run = ended["items"][0]["run_id"].as_str().unwrap();
    let logs = get(&app, &format!("/v1/runs/{run}/logs")).await;
    let told = logs["items"].to_string();
    assert!(told.contains("wrong pictures"), "{told}");

    // One that is half done: what ended stays ended.
    app.run_jobs().await;
    let begun = create(&app, ECHO, &body).await;
    let services = app.services();
    let claimed = services
        .claim_jobs(2, "w", Duration::from_secs(30))
        .await
        .unwrap();
    let run_of = |index: usize| match &claimed[index].job {
        runnel_types::Job::ExecuteRun { org_id, run_id } => (*org_id, *run_id),
        other => panic!("{other:?}"),
    };
    let lease = |index: usize| runnel_domain::runs::Lease {
        job_id: claimed[index].id,
        worker: "w".to_owned(),
        attempt: 1,
    };
    let (org, done) = run_of(0);
    let stop = tokio_util::sync::CancellationToken::new();
    services
        .execute_run(org, done, &lease(0), &stop)
        .await
        .unwrap();
    let at_work = get(&app, &path_of(&begun, "")).await;
    assert_eq!(at_work["status_code"], "running");
    let ended = cancel(&begun, &json!({})).send().await.assert(201).json();
    assert_eq!(ended["status_code"], "partial_succeeded", "{ended}");
    assert_eq!(
        (&ended["items_succeeded"], &ended["items_cancelled"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(
        column(&ended["output"], "status_code"),
        column(&ended, "status_code")
    );
    // The worker that has the second one in hand comes late, and finds it ended.
    let (org, late) = run_of(1);
    services
        .execute_run(org, late, &lease(1), &stop)
        .await
        .unwrap();
    app.advance(Duration::from_mins(2));
    app.run_jobs().await;
    assert_eq!(get(&app, &path_of(&begun, "")).await, ended);

    let events: Vec<Value> = receiver
        .received()
        .iter()
        .map(|(_, body)| serde_json::from_slice(body).unwrap())
        .collect();
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(
        (
            &events[0]["event"],
            &events[0]["status"],
            &events[0]["batch_id"]
        ),
        (
            &json!("batch.cancelled"),
            &json!("cancelled"),
            &untouched["id"]
        )
    );
    assert_eq!(
        (
            &events[1]["event"],
            &events[1]["status"],
            &events[1]["batch_id"]
        ),
        (
            &json!("batch.partial_succeeded"),
            &json!("partial_succeeded"),
            &begun["id"]
        )
    );
    assert_eq!(events[1]["output"]["cancelled"], 2);
    app.stop().await;
}

async fn a_hundred_items_end_with_one_callback(db: Db) {
    let app = telling(db).await;
    let receiver = Receiver::start(&[]).await;
    let input: Vec<Value> = (0..100)
        .map(|n| json!({"text": format!("text {n}"), "client_ref": n.to_string()}))
        .collect();
    let body = json!({"input": input, "callback_url": receiver.url(), "metadata": {"a": 1}});
    let batch = create(&app, ECHO, &body).await;
    assert_eq!(batch["items"].as_array().unwrap().len(), 100);
    assert_eq!(
        app.run_jobs().await,
        101,
        "a hundred runs, and one callback"
    );
    let ended = get(&app, &path_of(&batch, "")).await;
    assert_eq!(ended["status_code"], "succeeded");
    let received = receiver.received();
    assert_eq!(received.len(), 1);
    let told: Value = serde_json::from_slice(&received[0].1).unwrap();
    let mut fields: Vec<&str> = told
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    fields.sort_unstable();
    assert_eq!(
        fields,
        [
            "batch_id",
            "completed_at",
            "created_at",
            "duration_ms",
            "event",
            "metadata",
            "output",
            "status"
        ]
    );
    assert_eq!(
        (&told["event"], &told["status"], &told["metadata"]),
        (
            &json!("batch.succeeded"),
            &json!("succeeded"),
            &json!({"a": 1})
        )
    );
    assert_eq!(told["output"], ended["output"]);
    for (field, number) in [
        ("succeeded", 100),
        ("failed", 0),
        ("cancelled", 0),
        ("total", 100),
    ] {
        assert_eq!(told["output"][field], number, "{field}");
    }
    assert_eq!(
        told["output"]["items"][99]["output"],
        json!({"text": "text 99"})
    );
    assert_eq!(told["output"]["items"][99]["client_ref"], "99");
    assert!(told["completed_at"].as_str().unwrap().ends_with("+00:00"));
    let deliveries = get(&app, &path_of(&batch, "/callback")).await;
    assert_eq!(deliveries.as_array().unwrap().len(), 1);
    assert_eq!(
        (&deliveries[0]["batch_id"], &deliveries[0]["run_id"]),
        (&batch["id"], &Value::Null)
    );
    assert_eq!(deliveries[0]["payload_bytes"], received[0].1.len());
    assert_eq!(deliveries[0]["status_code"], "succeeded");
    let run = batch["items"][0]["run_id"].as_str().unwrap();
    let of_run = get(&app, &format!("/v1/runs/{run}/callback")).await;
    assert_eq!(of_run, json!([]), "items have no callback of their own");
    app.stop().await;
}

async fn what_ended_is_told_again_when_somebody_asks(db: Db) {
    let app = telling(db).await;
    let receiver = Receiver::start(&[]).await;
    let url = receiver.url();
    let run = "/v1/models/runnel/echo/runs";
    let made = [
        (
            create(
                &app,
                ECHO,
                &json!({"input": [{"text": "a"}], "callback_url": url}),
            )
            .await,
            create(&app, ECHO, &json!({"input": [{}]})).await,
            "batches",
        ),
        (
            create(
                &app,
                run,
                &json!({"input": {"text": "a"}, "callback_url": url}),
            )
            .await,
            create(&app, run, &json!({"input": {}})).await,
            "runs",
        ),
    ];
    let redeliver = |kind: &str, record: &Value| {
        let id = record["id"].as_str().unwrap();
        let path = format!("/v1/{kind}/{id}/callback-redeliveries");
        app.post(&path, &json!({}))
    };
    let refused = async |kind: &str, record: &Value, words: &str| {
        let error = redeliver(kind, record).send().await;
        let error = error.assert_error(422, "VALIDATION_ERROR");
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{error}"
        );
        assert_eq!(error["errors"][0]["loc"], json!(["path", "id"]));
    };
    for (told, _, kind) in &made {
        refused(kind, told, "is queued").await;
    }
    app.run_jobs().await;
    assert_eq!(receiver.received().len(), 2);
    for (told, silent, kind) in &made {
        refused(kind, silent, "without a callback_url").await;
        let again = redeliver(kind, told).send().await.assert(201).json();
        assert_eq!(
            (&again["is_automatic"], &again["status_code"]),
            (&json!(false), &json!("pending"))
        );
        refused(kind, told, "on its way").await;
        app.run_jobs().await;
        let received = receiver.received();
        let (first, last) = (&received[0], received.last().unwrap());
        assert_ne!(first.0, last.0, "another webhook-id");
        let told_again: Value = serde_json::from_slice(&last.1).unwrap();
        assert_eq!(told_again, again["payload"]);
        let id = told["id"].as_str().unwrap();
        let deliveries = get(&app, &format!("/v1/{kind}/{id}/callback")).await;
        assert_eq!(
            column(&json!({"items": deliveries}), "is_automatic"),
            json!([true, false])
        );
        assert_eq!(deliveries[0]["payload"], deliveries[1]["payload"]);
        // Asked twice at once, it is sent once more and no oftener.
        let (one, two) = tokio::join!(redeliver(kind, told).send(), redeliver(kind, told).send());
        let mut statuses = [one.status, two.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 422]);
        app.run_jobs().await;
    }
    assert_eq!(receiver.received().len(), 6);
    app.stop().await;
}
