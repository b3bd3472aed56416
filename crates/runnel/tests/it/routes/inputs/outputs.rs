//! What an engine makes: streamed into the storage within limits, all or nothing.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use runnel_engines::{EngineError, InputForm, OutputContent, OutputFile, Product};
use runnel_media::sample;
use runnel_testkit::{Db, Puppet, Request, Storage, TestApp, on_both_databases, samples};
use serde_json::{Value, json};

use super::{assets, create, run, start, start_in, work};

on_both_databases!(
    outputs_are_stored_as_they_come,
    an_output_that_cannot_be_used_leaves_nothing_behind,
);

fn streamed(bytes: &[u8]) -> OutputContent {
    let chunks: Vec<_> = bytes
        .chunks(100)
        .map(|chunk| Ok(Bytes::copy_from_slice(chunk)))
        .collect();
    OutputContent::Stream(stream::iter(chunks).boxed())
}

fn product(files: Vec<(&str, OutputContent)>) -> Product {
    let named = files
        .into_iter()
        .map(|(name, content)| (name.to_owned(), content));
    Product::of_files("made", named.collect())
}

async fn outputs_are_stored_as_they_come(db: Db) {
    let (app, puppet) = start(db).await;
    let png = sample::gradient_png(100, 80);
    let film = samples::of("video/mp4");
    let id = create(&app, &json!({})).await;
    work(&app, &puppet, |call| {
        let mut product = product(vec![
            ("a.png", streamed(&png)),
            ("b.mp4", streamed(film)),
            ("c.png", OutputContent::Bytes(png.clone())),
        ]);
        product
            .output
            .insert("deep".to_owned(), json!({"er": [1, null]}));
        product.files.push(OutputFile {
            pointer: "/deep/er/1".to_owned(),
            // The bytes say what it is, not the name.
            name: "d.jpg".to_owned(),
            content: streamed(&png),
        });
        call.answer(Ok(product));
    })
    .await;
    let ended = run(&app, &id).await;
    assert_eq!(ended["status_code"], "succeeded", "{ended}");
    for (pointer, expected) in [("/made/0", &*png), ("/made/1", film), ("/deep/er/1", &*png)] {
        let url = ended["output"].pointer(pointer).unwrap().as_str().unwrap();
        let body = Request::new("GET", url).send().await.assert(200).body;
        assert_eq!(body, expected, "{pointer}");
    }
    assert_eq!(ended["output"]["deep"]["er"][0], 1);
    app.run_jobs().await;
    let kept = assets(&app).await;
    assert_eq!(kept.len(), 4);
    for asset in kept {
        assert_eq!(asset["source_type"], "run_output");
        assert_eq!(asset["source_id"], id);
        assert!(asset["thumbnail_url"].is_string(), "{asset}");
        let is_film = asset["name"] == "b.mp4";
        let expected = if is_film { "video/mp4" } else { "image/png" };
        assert_eq!(asset["mime_type"], expected);
    }
    app.stop().await;
}

/// Has the engine answer with `content` after a sound file; the run as it is then.
async fn ended_with(app: &TestApp, puppet: &Puppet, content: OutputContent) -> Value {
    let id = create(app, &json!({})).await;
    let png = sample::gradient_png(100, 80);
    work(app, puppet, |call| {
        call.answer(Ok(product(vec![
            ("good.png", streamed(&png)),
            ("bad.png", content),
        ])));
    })
    .await;
    run(app, &id).await
}

async fn an_output_that_cannot_be_used_leaves_nothing_behind(db: Db) {
    const LIMIT: usize = 50_000;
    let (app, puppet) = start_in(db, Storage::Disk, InputForm::Bytes, |settings, _| {
        settings.max_output_bytes = LIMIT as u64;
    })
    .await;
    let png = sample::gradient_png(100, 80);
    let endless = stream::repeat_with(|| Ok(Bytes::from(vec![0; 1000])));
    let begun = stream::iter([Ok(Bytes::from(png.clone()))]);
    let cases = [
        (OutputContent::Bytes(Vec::new()), "empty"),
        (OutputContent::Stream(stream::empty().boxed()), "empty"),
        (streamed(b"<html>Internal Server Error</html>"), "supported"),
        (streamed(&vec![7; 4000]), "supported"),
        (streamed(&png[..png.len() / 2]), "bad.png"),
        (
            streamed(&sample::huge_header_png(60_000, 60_000)),
            "bad.png",
        ),
        (
            OutputContent::Stream(begun.chain(endless).boxed()),
            "RUNNEL_MAX_OUTPUT_BYTES",
        ),
        (OutputContent::Bytes(vec![0; LIMIT + 1]), "50000"),
    ];
    for (content, words) in cases {
        let run = ended_with(&app, &puppet, content).await;
        assert_eq!(run["failure_code"], "OUTPUT_INVALID", "{words}: {run}");
        assert_eq!(run["failure_stage_code"], "postprocess");
        let message = run["failure_message"].as_str().unwrap();
        assert!(
            message.contains(words) && message.contains("bad.png"),
            "{message}"
        );
        assert_eq!(app.objects().len(), 0, "{message}");
        assert_eq!(assets(&app).await.len(), 0);
    }

    // What breaks off on the way may be there at the next try.
    let broken = stream::iter([
        Ok(Bytes::from(png.clone())),
        Err(EngineError::unavailable("the engine went away")),
    ]);
    let run = ended_with(&app, &puppet, OutputContent::Stream(broken.boxed())).await;
    assert_eq!(run["status_code"], "running", "{run}");
    assert_eq!(app.objects().len(), 0);
    app.advance(Duration::from_mins(5));
    work(&app, &puppet, |call| {
        call.answer(Ok(product(vec![("good.png", streamed(&png))])));
    })
    .await;
    let id = run["id"].as_str().unwrap();
    assert_eq!(super::run(&app, id).await["status_code"], "succeeded");
    assert_eq!(assets(&app).await.len(), 1);
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_output_that_never_ends_ends_with_the_models_time() {
    let (app, puppet) = start(Db::Sqlite).await;
    app.add_model(puppet.entry(|spec| spec.time_limit_s = 1));
    let silent = OutputContent::Stream(stream::pending().boxed());
    let run = ended_with(&app, &puppet, silent).await;
    assert_eq!(run["failure_code"], "OUTPUT_INVALID", "{run}");
    let message = run["failure_message"].as_str().unwrap();
    assert!(message.contains("within 1 s"), "{message}");
    assert_eq!(app.objects().len(), 0);
    app.stop().await;
}
