//! `runnel worker`: it does the work of servers, and is none.

use std::path::Path;

use runnel_media::sample;
use runnel_testkit::{Db, Process, Receiver, Request, database_url, on_both_databases, wait_until};
use serde_json::{Value, json};

use super::{runnel, runnel_with, stderr, stdout};

on_both_databases!(it_works_off_what_a_server_accepts);

const RUNNEL: &str = env!("CARGO_BIN_EXE_runnel");
const KEY: &str = "rf_live_0123456789abcdefghijWORK";

async fn get(process: &Process, path: &str) -> runnel_testkit::Response {
    let request = Request::new("GET", &process.url(path)).key(KEY);
    request.send().await
}

async fn it_works_off_what_a_server_accepts(db: Db) {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let database = database_url(db).await;
    let mut variables = vec![
        ("RUNNEL_BOOTSTRAP_API_KEY", KEY),
        ("RUNNEL_EGRESS_ALLOW", "127.0.0.0/8"),
    ];
    variables.extend(database.as_deref().map(|url| ("RUNNEL_DATABASE_URL", url)));
    let idle = [variables.as_slice(), &[("RUNNEL_WORKERS", "0")]].concat();
    let server = Process::serve(RUNNEL, &data, &idle);
    let public_url = server.base_url.clone();
    variables.push(("RUNNEL_PUBLIC_URL", &public_url));
    let worker = Process::worker(RUNNEL, &data, &variables);

    let receiver = Receiver::start(&[]).await;
    let picture = sample::gradient_png(40, 30);
    let escaped = picture
        .iter()
        .fold(String::new(), |text, byte| text + &format!("%{byte:02x}"));
    let picture = format!("data:image/png,{escaped}");
    let body = json!({
        "input": {"image_url": picture, "color_red": 51, "color_green": 102, "color_blue": 255},
        "callback_url": receiver.url(),
    });
    let url = server.url("/v1/models/runflow/background-color/runs");
    let run = Request::new("POST", &url).key(KEY).json(&body).send().await;
    let run = run.assert(201).json();
    let (_, told) = wait_until("the callback", || async { receiver.received().pop() }).await;
    let told: Value = serde_json::from_slice(&told).unwrap();
    assert_eq!(
        (&told["event"], &told["run_id"]),
        (&json!("run.completed"), &run["id"])
    );

    // What the worker has signed leads to the server, which takes it.
    let made = told["output"]["image_urls"][0].as_str().unwrap();
    assert!(made.starts_with(&public_url), "{made}");
    let bytes = Request::new("GET", made).send().await.assert(200).body;
    assert!(bytes.starts_with(b"\x89PNG"), "{made}");

    for path in ["/v1/health", "/v1/readiness"] {
        get(&worker, path).await.assert(200);
    }
    // Counted a moment after the commit that the callback follows.
    let ended = "runnel_runs_total{engine=\"builtin\",status=\"succeeded\"} 1";
    wait_until("the run in the metrics", || async {
        let page = get(&worker, "/metrics").await.assert(200).body;
        let page = String::from_utf8(page).unwrap();
        page.contains(ended).then_some(())
    })
    .await;
    for path in ["/v1/assets", "/docs", "/v1/openapi.json", "/storage/a"] {
        let refused = get(&worker, path).await.assert_error(404, "NOT_FOUND");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(&public_url), "{path}: {message}");
    }
    let wrong = Request::new("POST", &worker.url("/v1/health")).send().await;
    wrong.assert(405);
    for process in [worker, server] {
        let (status, log) = process.terminate();
        assert_eq!(status.code(), Some(0), "{log}");
        assert!(!log.contains("rf_live_"), "{log}");
    }
}

#[track_caller]
fn refused(arguments: &[&str], variables: &[(&str, &str)], hint: &str) {
    let output = runnel_with(arguments, variables);
    assert!(!output.status.success(), "{arguments:?}");
    let told = stderr(&output);
    assert!(told.contains(hint), "{arguments:?}: {told}");
    assert_eq!(stdout(&output), "", "{arguments:?}");
}

#[test]
fn what_it_cannot_work_with_is_refused_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let served = folder.path().join("served");
    let (status, log) = Process::serve(RUNNEL, &served, &[]).terminate();
    assert_eq!(status.code(), Some(0), "{log}");
    let elsewhere = folder.path().join("elsewhere");
    let at = |place: &'static str, data: &Path| {
        ["worker", "--data-dir", data.to_str().unwrap(), place].map(str::to_owned)
    };
    let public = "--public-url=https://media.example.com";
    let cases = [
        (at("--workers=1", &served), "https://media.example.com"),
        (at("--workers=0", &served), "runnel serve --workers 0"),
        (at(public, &elsewhere), "there is no database at"),
    ];
    // No certificate is made in a wrong folder either.
    let secure = [("RUNNEL_TLS_SELF_SIGNED", "true")];
    for (arguments, hint) in &cases {
        refused(&arguments.each_ref().map(String::as_str), &secure, hint);
    }
    assert!(!elsewhere.exists(), "a wrong folder is left alone");

    // The rows and the objects of the server, and not its key.
    let database = format!("sqlite://{}", served.join("runnel.db").display());
    let objects = format!("file://{}", served.join("objects").display());
    let variables = [
        ("RUNNEL_DATABASE_URL", database.as_str()),
        ("RUNNEL_STORAGE_URL", objects.as_str()),
    ];
    let arguments = at(public, &elsewhere);
    let arguments = arguments.each_ref().map(String::as_str);
    refused(&arguments, &variables, "secret.key is missing");
    let key = "ab".repeat(32);
    let other = [variables.as_slice(), &[("RUNNEL_SECRET_KEY", &key)]].concat();
    refused(&arguments, &other, "the same RUNNEL_SECRET_KEY");
    assert!(!elsewhere.exists(), "no key is made there");
}

#[test]
fn its_help_tells_what_differs() {
    let help = stdout(&runnel(&["worker", "--help"]));
    for told in [
        "1 at least",
        "health, readiness and metrics",
        "default: 127.0.0.1:0",
    ] {
        assert!(help.contains(told), "{told}: {help}");
    }
}
