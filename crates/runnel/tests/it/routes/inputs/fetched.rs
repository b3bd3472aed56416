//! Files named by URL: fetched when the run is executed, once, and kept.

use std::time::Duration;

use runnel_domain::runs::{Execution, Lease};
use runnel_engines::{EngineError, InputContent, InputForm};
use runnel_media::sample;
use runnel_testkit::{
    Db, FileServer, Puppet, Request, Sent, Storage, TestApp, on_both_databases, samples, wait_until,
};
use serde_json::json;

use super::{assets, create, failed, run, start, start_in, work};

on_both_databases!(
    a_url_is_fetched_once_and_becomes_an_asset,
    what_was_fetched_before_a_failure_is_not_fetched_again,
    a_worker_that_lost_the_run_records_nothing,
    a_worker_that_dies_while_it_fetches_leaves_the_run_to_the_next,
    a_run_that_is_cancelled_fetches_no_further,
    a_run_that_has_no_room_in_memory_leaves_its_place_to_others,
    a_run_keeps_its_place_in_the_line_for_memory,
);

fn files() -> impl Fn(&str, usize) -> Sent {
    let png = sample::gradient_png(40, 30);
    move |path, before| match path {
        "/moved" => Sent::Redirect("/photo.png?token=SECRET".to_owned()),
        "/shaky.png" if before == 0 => Sent::Status(503),
        "/film" => Sent::File("video/mp4", samples::of("video/mp4").to_vec()),
        // The bytes say what it is, not the server.
        "/lying.png" => Sent::File("text/html", png.clone()),
        _ => Sent::File("image/png", png.clone()),
    }
}

async fn a_url_is_fetched_once_and_becomes_an_asset(db: Db) {
    let server = FileServer::start(files()).await;
    let (app, puppet) = start(db).await;
    let url = server.url("/photo.png?token=SECRET");
    let input = json!({"image_url": url, "images": [url, url]});
    let id = create(&app, &input).await;
    assert_eq!(run(&app, &id).await["input"], input);
    assert_eq!(
        server.asked().len(),
        0,
        "it is fetched when the run is executed"
    );

    let png = sample::gradient_png(40, 30);
    let passing = EngineError::unavailable("not yet");
    work(&app, &puppet, |call| {
        assert_eq!(call.work.files.len(), 3);
        let InputContent::Bytes(bytes) = &call.work.files["images.1"].content else {
            panic!("the engine wants bytes");
        };
        assert_eq!(bytes, &png);
        assert_eq!(call.work.files["image_url"].name, "photo.png");
        call.answer(Err(passing));
    })
    .await;
    app.advance(Duration::from_mins(5));
    work(&app, &puppet, |call| {
        assert_eq!(call.work.files.len(), 3);
        call.succeed();
    })
    .await;
    assert_eq!(server.asked(), ["/photo.png?token=SECRET"]);

    let ended = run(&app, &id).await;
    assert_eq!(ended["status_code"], "succeeded", "{ended}");
    let shown = ended["input"]["image_url"].as_str().unwrap();
    assert_eq!(shown, ended["input"]["images"][1]);
    assert_eq!(
        Request::new("GET", shown).send().await.assert(200).body,
        png
    );
    let kept = assets(&app).await;
    assert_eq!(kept.len(), 1);
    let asset = &kept[0];
    for (field, expected) in [
        ("source_type", json!("url_import")),
        ("source_id", json!(id)),
        ("name", json!("photo.png")),
        ("mime_type", json!("image/png")),
        ("size_bytes", json!(png.len())),
        ("width", json!(40)),
        ("created_by", ended["created_by"].clone()),
    ] {
        assert_eq!(asset[field], expected, "{field}");
    }
    assert!(asset["thumbnail_url"].is_string());
    let logs = app.get(&format!("/v1/runs/{id}/logs")).send().await;
    let logs = logs.assert(200).json().to_string();
    assert!(logs.contains("fetched image_url from 127.0.0.1"), "{logs}");
    assert!(!logs.contains("SECRET"), "{logs}");
    app.stop().await;
}

async fn what_was_fetched_before_a_failure_is_not_fetched_again(db: Db) {
    let server = FileServer::start(files()).await;
    let (app, puppet) = start(db).await;
    let input = json!({
        "images": (0..6).map(|n| server.url(&format!("/{n}.png"))).collect::<Vec<_>>(),
        "image_url": server.url("/moved"),
        "asset_id": null,
    });
    let with = |path: &str| {
        let mut input = input.clone();
        input["zip_url"] = json!(server.url(path));
        input
    };
    // The server has no room at first.
    let id = create(&app, &with("/shaky.png")).await;
    app.run_jobs().await;
    assert_eq!(run(&app, &id).await["status_code"], "queued");
    app.advance(Duration::from_mins(5));
    work(&app, &puppet, |call| {
        assert_eq!(call.work.files.len(), 8);
        call.succeed();
    })
    .await;
    let asked = server.asked();
    let times = |path: &str| asked.iter().filter(|known| *known == path).count();
    assert_eq!(times("/shaky.png"), 2, "{asked:?}");
    for n in 0..6 {
        // What had not arrived when the failure came may be asked for again.
        assert!((1..=2).contains(&times(&format!("/{n}.png"))), "{asked:?}");
    }
    assert_eq!(assets(&app).await.len(), 8, "no file is there twice");

    // A web page in the place of a file: no try can mend that.
    let id = create(&app, &json!({"image_url": server.url("/lying.png")})).await;
    work(&app, &puppet, |call| {
        assert_eq!(call.work.files["image_url"].mime_type, "image/png");
        call.succeed();
    })
    .await;
    assert_eq!(run(&app, &id).await["status_code"], "succeeded");
    app.stop().await;
}

async fn a_worker_that_lost_the_run_records_nothing(db: Db) {
    let server = FileServer::start(files()).await;
    let (app, puppet) = start(db).await;
    let url = server.url("/photo.png");
    let id = create(&app, &json!({"image_url": url})).await;
    let me = app.get("/v1/auth/me").send().await.assert(200).json();
    let org = &me["memberships"][0]["org"]["id"];
    let ghost = Lease {
        job_id: id.parse().unwrap(),
        worker: "one that lost its lease".to_owned(),
        attempt: 1,
    };
    let (org, run_id) = (org.as_str().unwrap().parse().unwrap(), id.parse().unwrap());
    let never = tokio_util::sync::CancellationToken::new();
    let executed = app.services().fetch_run_inputs(org, run_id, &ghost, &never);
    assert_eq!(executed.await.unwrap(), Execution::Stale);
    assert_eq!(server.asked(), ["/photo.png"]);
    assert_eq!(run(&app, &id).await["input"]["image_url"], url);
    assert_eq!(assets(&app).await.len(), 0);
    assert_eq!(app.objects().len(), 0);
    assert!(!puppet.is_called().await);
    app.stop().await;
}

/// A server whose files do not come at the first time, and one whose first file
/// comes and whose second does not.
fn stuck() -> impl Fn(&str, usize) -> Sent {
    let png = sample::gradient_png(40, 30);
    move |path, before| match path {
        "/stuck.png" if before == 0 => Sent::Trickle("image/png", sample::noise_jpeg(400, 300)),
        _ => Sent::File("image/png", png.clone()),
    }
}

async fn a_worker_that_dies_while_it_fetches_leaves_the_run_to_the_next(db: Db) {
    let server = FileServer::start(stuck()).await;
    let (app, puppet) = start(db).await;
    let input = json!({"images": [server.url("/whole.png"), server.url("/stuck.png")]});
    let id = create(&app, &input).await;
    // One file is there and recorded, the other one is on its way.
    let half = || async {
        let is_begun = server.asked().len() == 2;
        (is_begun && assets(&app).await.len() == 1).then_some(())
    };
    tokio::select! {
        _ = app.run_jobs() => panic!("the run is stuck"),
        () = wait_until("a file that is on its way", half) => {}
    }
    let shown = run(&app, &id).await["input"]["images"].clone();
    assert_eq!(shown[1], input["images"][1]);
    assert!(shown[0].as_str().unwrap().contains("/storage/"), "{shown}");
    app.advance(Duration::from_mins(1));
    work(&app, &puppet, |call| {
        assert_eq!(call.work.files.len(), 2);
        call.succeed();
    })
    .await;
    assert_eq!(run(&app, &id).await["status_code"], "succeeded");
    let mut asked = server.asked();
    asked.sort();
    assert_eq!(asked, ["/stuck.png", "/stuck.png", "/whole.png"]);
    assert_eq!(assets(&app).await.len(), 2);
    app.stop().await;
}

async fn a_run_that_is_cancelled_fetches_no_further(db: Db) {
    let server = FileServer::start(stuck()).await;
    let (app, puppet) = start(db).await;
    let id = create(&app, &json!({"image_url": server.url("/stuck.png")})).await;
    tokio::join!(app.run_jobs(), async {
        let begun = || async { (!server.asked().is_empty()).then_some(()) };
        wait_until("a file that is on its way", begun).await;
        let path = format!("/v1/runs/{id}/cancellation");
        app.post(&path, &json!({})).send().await.assert(201);
    });
    assert_eq!(run(&app, &id).await["status_code"], "canceled");
    let gone = || async { app.objects().is_empty().then_some(()) };
    wait_until("nothing to be left of it", gone).await;
    assert_eq!(assets(&app).await.len(), 0);
    assert!(!puppet.is_called().await);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_engine_that_takes_urls_gets_signed_ones_of_any_file() {
    let server = FileServer::start(files()).await;
    let (app, puppet) = start_in(Db::Sqlite, Storage::Disk, InputForm::Url, |settings, _| {
        // No memory is needed for files that are not held in it.
        settings.input_memory_bytes = 1;
        settings.asset_url_ttl = Duration::from_secs(1);
    })
    .await;
    let input = json!({"video_url": server.url("/film"), "image_url": server.url("/a%20b")});
    create(&app, &input).await;
    let mut urls = Vec::new();
    work(&app, &puppet, |call| {
        for file in call.work.files.values() {
            let InputContent::Url(url) = &file.content else {
                panic!("the engine wants URLs");
            };
            urls.push((file.name.clone(), url.clone()));
        }
        call.succeed();
    })
    .await;
    // They outlive what a client is shown, for as long as the run may take.
    app.advance(Duration::from_mins(1));
    let names: Vec<&str> = urls.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a b.png", "film.mp4"]);
    let film = Request::new("GET", &urls[1].1)
        .send()
        .await
        .assert(200)
        .body;
    assert_eq!(film, samples::of("video/mp4"));
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_an_engine_that_takes_bytes_have_a_budget() {
    let png = sample::gradient_png(40, 30);
    let server = FileServer::start(files()).await;
    let (app, puppet) = start_in(
        Db::Sqlite,
        Storage::Disk,
        InputForm::Bytes,
        |settings, _| {
            settings.input_memory_bytes = 2 * png.len() as u64;
        },
    )
    .await;
    let images = |count: usize| {
        let urls: Vec<String> = (0..count)
            .map(|n| server.url(&format!("/{n}.png")))
            .collect();
        json!({"images": urls})
    };
    let id = create(&app, &images(2)).await;
    work(&app, &puppet, runnel_testkit::Call::succeed).await;
    assert_eq!(run(&app, &id).await["status_code"], "succeeded");
    let id = create(&app, &images(3)).await;
    let run = failed(&app, &puppet, &id).await;
    assert_eq!(run["failure_code"], "INPUT_FETCH_FAILED");
    let message = run["failure_message"].as_str().unwrap();
    assert!(message.contains("RUNNEL_INPUT_MEMORY_BYTES"), "{message}");
    app.stop().await;
}

/// Waits until so many jobs are due, by nobody's clock.
async fn until_due(app: &TestApp, count: i64) {
    let services = app.services();
    wait_until("jobs to be due", || async {
        let due = services.store.read().jobs().count_due(services.now()).await;
        (due.unwrap() == count).then_some(())
    })
    .await;
}

async fn a_run_that_has_no_room_in_memory_leaves_its_place_to_others(db: Db) {
    let (app, puppet) = start(db).await;
    let asset = app.asset("image/png", &sample::gradient_png(40, 30)).await;
    let (foreign, memory) = (app.foreign_key().await, &app.services().input_memory);
    let me = app.get("/v1/auth/me").send().await.assert(200).json();
    let org = me["memberships"][0]["org"]["id"].as_str().unwrap();
    let all = memory.take(org.parse().unwrap(), memory.bytes()).await;
    let id = create(&app, &json!({"asset_id": asset["id"]})).await;
    let body = json!({"input": {"prompt": "needs none"}});
    let other = Request::new("POST", &app.url(Puppet::RUNS)).key(&foreign);
    other.json(&body).send().await.assert(201);
    // Two jobs: one is put back, the other one is done.
    let both = tokio::join!(app.run_jobs(), async { puppet.call().await.succeed() });
    assert_eq!(both.0, 2);
    let waiting = run(&app, &id).await;
    assert_eq!(waiting["status_code"], "queued");
    let logs = app.get(&format!("/v1/runs/{id}/logs")).send().await;
    let told = logs.assert(200).json()["items"][0]["message"].clone();
    let told = told.as_str().unwrap();
    assert!(
        told.starts_with("waiting: other runs have the memory"),
        "{told}"
    );
    // Its job is due when there is room.
    drop(all);
    until_due(&app, 1).await;
    let held = memory.bytes() - memory.free();
    assert!(held > 0, "it is kept for the run");
    work(&app, &puppet, runnel_testkit::Call::succeed).await;
    assert_eq!(memory.free(), memory.bytes());
    assert_eq!(run(&app, &id).await["status_code"], "succeeded");
    app.stop().await;
}

async fn a_run_keeps_its_place_in_the_line_for_memory(db: Db) {
    let large = sample::noise_jpeg(100, 100);
    let half = (large.len() as u64).next_multiple_of(4096) + 4096;
    let (app, puppet) = start_in(db, Storage::Disk, InputForm::Bytes, |settings, _| {
        settings.input_memory_bytes = 2 * half;
    })
    .await;
    let memory = &app.services().input_memory;
    let mut runs = Vec::new();
    for (kind, bytes) in [
        ("image/jpeg", large),
        ("image/png", sample::gradient_png(8, 8)),
    ] {
        let asset = app.asset(kind, &bytes).await;
        runs.push(create(&app, &json!({"asset_id": asset["id"]})).await);
    }
    let me = app.get("/v1/auth/me").send().await.assert(200).json();
    let org = me["memberships"][0]["org"]["id"].as_str().unwrap();
    // There is room for the second run beside it, and not for the first.
    let held = memory.take(org.parse().unwrap(), half - 2048).await;
    for _ in 0..3 {
        assert_eq!(app.run_jobs().await, 2);
        for id in &runs {
            assert_eq!(run(&app, id).await["status_code"], "queued");
        }
        app.advance(Duration::from_secs(15));
    }
    assert!(!puppet.is_called().await);
    drop(held);
    until_due(&app, 2).await;
    tokio::join!(app.run_jobs(), async {
        for _ in &runs {
            puppet.call().await.succeed();
        }
    });
    for id in &runs {
        assert_eq!(run(&app, id).await["status_code"], "succeeded");
    }
    assert_eq!(memory.free(), memory.bytes());
    app.stop().await;
}
