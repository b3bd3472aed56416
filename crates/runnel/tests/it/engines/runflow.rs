//! Another Runnel as the engine, over TLS with an authority of its own.

use runnel_media::sample;
use runnel_testkit::{Db, Request, TestApp, on_both_databases, wait_until};
use serde_json::json;

use super::{run, server_with};

/// A server with workers, and the lines of a model file that name it.
async fn remote(db: Db, is_tls: bool, workers: usize) -> (TestApp, String) {
    let remote = TestApp::start_with(db, |settings| {
        settings.tls_self_signed = is_tls;
        settings.workers = workers;
    })
    .await;
    let mut lines = format!(
        "engine = \"runflow\"\nurl = {:?}\napi_key = {:?}\nmax_attempts = 1\n",
        remote.url(""),
        remote.key()
    );
    if is_tls {
        let ca = remote.data_dir().join("tls/ca.pem");
        let file = format!("ca_file = {:?}\n", ca.to_str().unwrap());
        lines.push_str(&file);
    }
    (remote, lines)
}

async fn a_model_runs_on_another_runnel_over_tls(db: Db) {
    let (remote, lines) = remote(Db::Sqlite, true, 2).await;
    let models = format!(
        "[models.\"acme/larger\"]\n{lines}remote_model = \"runflow/upscale\"\ninputs = \"any\"\n\
         [models.\"acme/absent\"]\n{lines}inputs = \"any\"\n\
         [fallback]\n{lines}"
    )
    .replacen("[fallback]\n", "[fallback]\nowners = [\"runnel\"]\n", 1);
    let (app, _folder) = server_with(db, &models).await;
    let asset = app.asset("image/png", &sample::gradient_png(40, 30)).await;
    let reference = format!("runflow://assets/{}", asset["id"].as_str().unwrap());
    let input = json!({"image_url": reference, "scale": 2});
    let ended = run(&app, "acme/larger", &input).await;
    assert_eq!(ended["status_code"], "succeeded", "{ended}");
    let url = ended["output"]["image_urls"][0].as_str().unwrap();
    assert!(
        url.starts_with(&app.url("/storage/")),
        "the output is ours: {url}"
    );
    let picture = Request::new("GET", url).send().await.assert(200);
    assert_eq!(picture.header("content-type"), Some("image/png"));

    let wrong = json!({"image_url": reference, "scale": 9});
    let ended = run(&app, "acme/larger", &wrong).await;
    assert_eq!(ended["failure_code"], "INPUT_VALIDATION_FAILED", "{ended}");
    let message = ended["failure_message"].as_str().unwrap();
    assert!(message.contains("scale"), "{message}");

    let ended = run(&app, "acme/absent", &json!({})).await;
    assert_eq!(ended["failure_code"], "ENGINE_ERROR", "{ended}");
    let message = ended["failure_message"].as_str().unwrap();
    assert!(message.contains("acme/absent"), "{message}");
    app.stop().await;
    remote.stop().await;
}

async fn a_remote_that_is_not_trusted_is_away(db: Db) {
    let (remote, lines) = remote(Db::Sqlite, true, 0).await;
    let untrusted: Vec<&str> = lines
        .lines()
        .filter(|line| !line.starts_with("ca_file"))
        .collect();
    let untrusted = untrusted.join("\n");
    let models = format!("[models.\"acme/it\"]\n{untrusted}\ninputs = \"any\"\n");
    let (app, _folder) = server_with(db, &models).await;
    let ended = run(&app, "acme/it", &json!({})).await;
    assert_eq!(ended["failure_code"], "ENGINE_UNAVAILABLE", "{ended}");
    let message = ended["failure_message"].as_str().unwrap();
    assert!(message.contains("certificate"), "{message}");
    app.stop().await;
    remote.stop().await;
}

async fn a_run_that_is_cancelled_here_is_cancelled_there(db: Db) {
    let (remote, lines) = remote(Db::Sqlite, false, 0).await;
    let models = format!(
        "[models.\"acme/echo\"]\n{lines}remote_model = \"runnel/echo\"\ninputs = \"any\"\n"
    );
    let (app, _folder) = server_with(db, &models).await;
    let body = json!({"input": {}});
    let created = app.post("/v1/models/acme/echo/runs", &body).send().await;
    let id = created.assert(201).json()["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let cancelling = async {
        let theirs = wait_until("the remote run", || async {
            let list = remote.get("/v1/runs").send().await.assert(200).json();
            list["items"].get(0).cloned()
        })
        .await;
        assert_eq!(theirs["client_ref"], id);
        let path = format!("/v1/runs/{id}/cancellation");
        app.post(&path, &json!({})).send().await.assert(201);
        theirs["id"].as_str().unwrap().to_owned()
    };
    let (_, theirs) = tokio::join!(app.run_jobs(), cancelling);
    let ours = app.get(&format!("/v1/runs/{id}")).send().await.json();
    assert_eq!(ours["status_code"], "canceled", "{ours}");
    let theirs = remote
        .get(&format!("/v1/runs/{theirs}"))
        .send()
        .await
        .json();
    assert_eq!(theirs["status_code"], "canceled", "{theirs}");
    app.stop().await;
    remote.stop().await;
}

on_both_databases!(
    a_model_runs_on_another_runnel_over_tls,
    a_remote_that_is_not_trusted_is_away,
    a_run_that_is_cancelled_here_is_cancelled_there,
);
