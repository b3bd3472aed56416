//! The engine against ComfyUI's own server. It wants `PyTorch`, gigabytes of it, so
//! these tests are left out of the others: `make test-comfyui` installs it and runs
//! them. The workflows need no model: a picture is loaded, changed and saved.

use std::io::Cursor;

use runnel_media::{Budget, Picture, Want, decode, sample};
use runnel_types::RunId;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::engine::{Engine, EngineErrorKind, InputContent, Report, Work};
use crate::remote::python::Python;
use crate::remote::stub::{bytes, cancellable_work, engine, told, with_file};

fn workflow(url: &str, graph: &Value) -> (TempDir, std::sync::Arc<dyn Engine>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("workflow.json");
    std::fs::write(&path, graph.to_string()).unwrap();
    let settings = format!(
        "url = \"{url}\"\nworkflow = {:?}\n[nodes]\nimage_url = \"1.inputs.image\"",
        path.display()
    );
    let engine = engine("comfyui", &settings);
    (folder, engine)
}

/// Work on a picture, for a run of its own.
fn with_picture(mut work: Work, run: u128, png: &[u8]) -> Work {
    work.run_id = RunId::from_u128(run);
    with_file(work, "image_url", InputContent::Bytes(png.to_vec()))
}

fn pixels(png: &[u8]) -> Picture {
    let whole = decode(&mut Cursor::new(png), Want::Full, &Budget::default());
    whole.unwrap().into_rgb()
}

/// Nodes that keep a core busy for minutes, one after the other.
fn slow() -> Value {
    let mut graph = json!({
        "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
        "2": {"class_type": "ImageScale", "inputs": {"image": ["1", 0], "upscale_method": "bilinear", "width": 3072, "height": 3072, "crop": "disabled"}},
    });
    for node in 3..12 {
        let blur = json!({"image": [(node - 1).to_string(), 0], "blur_radius": 15, "sigma": 5.0});
        graph[node.to_string()] = json!({"class_type": "ImageBlur", "inputs": blur});
    }
    graph["99"] = json!({"class_type": "SaveImage", "inputs": {"images": ["11", 0], "filename_prefix": "slow"}});
    graph
}

#[tokio::test]
#[ignore = "wants ComfyUI's own server; make test-comfyui installs it"]
async fn comfyui_does_the_work_calls_it_off_and_says_what_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let server = Python::comfyui(folder.path()).await;
    let png = sample::gradient_png(12, 9);

    // A picture is uploaded, inverted, saved and fetched; progress is told.
    let graph = json!({
        "1": {"class_type": "LoadImage", "inputs": {"image": "example.png"}},
        "2": {"class_type": "ImageInvert", "inputs": {"image": ["1", 0]}},
        "3": {"class_type": "SaveImage", "inputs": {"images": ["2", 0], "filename_prefix": "inverted"}},
    });
    let (_folder, inverting) = workflow(&server.url, &graph);
    let input = json!({"image_url": "runflow://assets/1"});
    let (work, mut reports, _cancel) = cancellable_work(&input);
    let product = inverting
        .execute(with_picture(work, 1, &png))
        .await
        .unwrap();
    assert!(product.output["image_urls"].is_array(), "{product:?}");
    let made = bytes(product).await.unwrap();
    assert_eq!(made.len(), 1);
    let (before, after) = (pixels(&png), pixels(&made[0]));
    // The server works in fractions and rounds down.
    let pairs = before.pixels().iter().zip(after.pixels());
    let is_inverted = |(before, after): (&u8, &u8)| (255 - before).abs_diff(*after) <= 1;
    assert!(pairs.clone().all(is_inverted), "{:?}", after.pixels());
    assert_eq!(before.pixels().len(), after.pixels().len());
    let told = told(&mut reports);
    assert!(
        told.iter()
            .any(|report| matches!(report, Report::Progress(_))),
        "{told:?}"
    );

    // One that is at its turn is interrupted, and one that waits is taken out.
    let (_folder, slow) = workflow(&server.url, &slow());
    let mut working = Vec::new();
    for run in [2, 3] {
        let (work, reports, cancel) = cancellable_work(&input);
        let (work, slow) = (with_picture(work, run, &png), std::sync::Arc::clone(&slow));
        let task = tokio::spawn(async move { slow.execute(work).await });
        working.push((task, cancel, reports));
        let place = if run == 2 {
            "\"queue_running\": [["
        } else {
            "\"queue_pending\": [["
        };
        server.wait_for("/queue", place).await;
    }
    for (task, cancel, _reports) in working.into_iter().rev() {
        cancel.cancel();
        let error = task.await.unwrap().unwrap_err();
        assert_eq!(error.kind, EngineErrorKind::Cancelled, "{error}");
    }
    let empty = "{\"queue_running\": [], \"queue_pending\": []}";
    server.wait_for("/queue", empty).await;

    // What the server says of a workflow that it does not take comes through.
    let mut unknown = graph.clone();
    unknown["2"]["class_type"] = "NoSuchNode".into();
    let (_folder, unknown) = workflow(&server.url, &unknown);
    let (work, _reports, _cancel) = cancellable_work(&input);
    let error = unknown
        .execute(with_picture(work, 4, &png))
        .await
        .unwrap_err();
    assert!(error.message.contains("NoSuchNode"), "{error}");
    assert!(!error.is_passing, "{error}");

    // A node that fails is named.
    let mut failing = graph;
    failing["2"] = json!({"class_type": "ImageCrop", "inputs": {"image": ["1", 0], "width": 4, "height": 4, "x": 0, "y": 0}});
    failing["1"] = json!({"class_type": "LoadImage", "inputs": {"image": "none.png"}});
    let (_folder, failing) = workflow(&server.url, &failing);
    let (work, _reports, _cancel) = cancellable_work(&input);
    let broken = with_picture(work, 5, b"\x89PNG\r\n\x1a\nno picture");
    let error = failing.execute(broken).await.unwrap_err();
    assert!(error.message.contains("LoadImage"), "{error}");
}

#[tokio::test]
#[ignore = "wants ComfyUI's own server; make test-comfyui installs it"]
async fn a_comfyui_that_dies_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Python::comfyui(folder.path()).await;
    let (_folder, slow) = workflow(&server.url, &slow());
    let (work, _reports, _cancel) = cancellable_work(&json!({"image_url": "runflow://assets/1"}));
    let work = with_picture(work, 6, &sample::gradient_png(12, 9));
    let working = tokio::spawn(async move { slow.execute(work).await });
    server.wait_for("/queue", "\"queue_running\": [[").await;
    server.end();
    let error = working.await.unwrap().unwrap_err();
    assert_eq!(error.kind, EngineErrorKind::Unavailable, "{error}");
    assert!(error.is_passing, "{error}");
}
