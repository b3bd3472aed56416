//! `POST /v1/runs/{id}/reruns`: the same again, or a reason why not.

use base64::Engine;
use runnel_media::sample;
use runnel_testkit::{Db, Puppet, Receiver, Response, TestApp, on_both_databases};
use serde_json::{Value, json};

use super::{id, read, start, with_puppet};

on_both_databases!(
    a_rerun_has_the_same_model_input_and_metadata,
    what_is_gone_is_told,
    asked_twice_under_a_key_it_is_one,
);

async fn rerun(app: &TestApp, id: &str, body: &Value) -> Response {
    let path = format!("/v1/runs/{id}/reruns");
    app.post(&path, body).send().await
}

async fn assets(app: &TestApp) -> usize {
    let list = app.get("/v1/assets").send().await.assert(200).json();
    list["items"].as_array().unwrap().len()
}

/// What a run's input says, with the signature taken from the URL in it.
fn picture(run: &Value) -> String {
    let url = run["input"]["image_url"].as_str().unwrap();
    url.split('?').next().unwrap().to_owned()
}

async fn a_rerun_has_the_same_model_input_and_metadata(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let receiver = Receiver::start(&[]).await;
    let png = base64::engine::general_purpose::STANDARD.encode(sample::gradient_png(9, 9));
    let body = json!({
        "input": {"text": "hi", "image_url": format!("data:image/png;base64,{png}")},
        "metadata": {"order": 7}, "client_ref": "mine", "callback_url": receiver.url(),
    });
    let first = app
        .post(Puppet::RUNS, &body)
        .send()
        .await
        .assert(201)
        .json();
    let steps = async { puppet.call().await.succeed() };
    tokio::join!(app.run_jobs(), steps);
    let again = rerun(&app, &id(&first), &json!({}))
        .await
        .assert(201)
        .json();
    assert_ne!(again["id"], first["id"]);
    for same in ["model", "model_id", "metadata", "created_by"] {
        assert_eq!(again[same], first[same], "{same}");
    }
    assert_eq!(again["input"]["text"], "hi");
    assert_eq!(picture(&again), picture(&first), "the same asset");
    assert_eq!(assets(&app).await, 1);
    for new in ["client_ref", "callback_url", "output", "started_at"] {
        assert_eq!(again[new], Value::Null, "{new}");
    }
    assert_eq!(
        (&again["status_code"], &again["source_code"]),
        (&json!("queued"), &json!("api"))
    );
    let steps = async {
        let call = puppet.call().await;
        assert_eq!(call.work.files.len(), 1);
        call.succeed();
    };
    tokio::join!(app.run_jobs(), steps);
    assert_eq!(read(&app, &id(&again)).await["status_code"], "succeeded");
    assert_eq!(receiver.received().len(), 1, "the first one's alone");
    let own = json!({"client_ref": "new", "callback_url": receiver.url()});
    let path = format!("/v1/runs/{}/reruns", id(&again));
    let own = app.post(&path, &own).header("prefer", "wait=1");
    let own = own.send().await.assert(201);
    assert_eq!(own.header("preference-applied"), Some("wait=1"));
    let own = own.json();
    assert_eq!(own["client_ref"], "new");
    assert_eq!(own["callback_url"], receiver.url());
    app.stop().await;
}

async fn what_is_gone_is_told(db: Db) {
    let (app, puppet) = with_puppet(db).await;
    let picture = app.asset("image/png", &sample::gradient_png(9, 9)).await;
    let picture = picture["id"].as_str().unwrap();
    let body = json!({"input": {"image_url": format!("runflow://assets/{picture}")}});
    let run = app
        .post(Puppet::RUNS, &body)
        .send()
        .await
        .assert(201)
        .json();
    let run = id(&run);
    let wrong = rerun(&app, &run, &json!({"client_ref": 7})).await;
    let wrong = wrong.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(wrong["errors"][0]["field"], "client_ref");
    // The model takes other inputs by now.
    app.add_model(puppet.entry(|spec| spec.inputs.truncate(1)));
    let changed = rerun(&app, &run, &json!({})).await;
    let changed = changed.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(changed["errors"][0]["field"], "input.image_url");
    app.add_model(puppet.entry(|_| {}));
    app.delete(&format!("/v1/assets/{picture}"))
        .send()
        .await
        .assert(204);
    let error = rerun(&app, &run, &json!({})).await;
    let error = error.assert_error(422, "VALIDATION_ERROR");
    assert_eq!(
        error["errors"][0]["msg"],
        format!("asset not found or expired: runflow://assets/{picture}")
    );
    app.services().models.replace([]);
    let error = rerun(&app, &run, &json!({})).await;
    let error = error.assert_error(404, "MODEL_NOT_FOUND");
    let message = error["message"].as_str().unwrap();
    assert!(
        message.contains("test/puppet") && message.contains("no longer in the catalogue"),
        "{message}"
    );
    let runs = app.get("/v1/runs").send().await.assert(200).json();
    assert_eq!(
        runs["items"].as_array().unwrap().len(),
        1,
        "nothing was made"
    );
    app.stop().await;
}

async fn asked_twice_under_a_key_it_is_one(db: Db) {
    let (app, _puppet) = with_puppet(db).await;
    let run = start(&app).await;
    let path = format!("/v1/runs/{run}/reruns");
    let ask = || app.post(&path, &json!({})).header("idempotency-key", "k");
    let first = ask().send().await.assert(201);
    let again = ask().send().await.assert(201);
    assert_eq!(first.body, again.body);
    let runs = app.get("/v1/runs").send().await.assert(200).json();
    assert_eq!(runs["items"].as_array().unwrap().len(), 2);
    app.stop().await;
}
