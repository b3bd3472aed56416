//! `background-replace` with a bundle: a ZIP that holds the pictures. Strangers
//! make ZIPs of every kind.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use runnel_media::sample;
use runnel_testkit::{Db, TestApp};
use serde_json::{Value, json};

use super::{failed, made, photo, refused, uploaded};

const MODEL: &str = "background-replace";

async fn bundle(app: &TestApp, zip: &[u8]) -> String {
    let asset = app.asset("application/zip", zip).await;
    format!("runflow://assets/{}", asset["id"].as_str().unwrap())
}

#[tokio::test]
async fn a_bundle_gives_the_same_picture_as_its_files_do() {
    let app = TestApp::start(Db::Sqlite).await;
    let (coffee, rocket) = (photo("coffee.png"), photo("rocket.jpg"));
    let zip = sample::zip(&[
        ("in/coffee.png", &coffee),
        ("../../rocket.jpg", &rocket),
        ("notes.txt", b"hello"),
    ]);
    let by_files = json!({
        "asset_id": uploaded(&app, "coffee.png").await,
        "reference_asset_id": uploaded(&app, "rocket.jpg").await,
    });
    let (expected, _) = made(&app, MODEL, by_files).await;
    let files = |zip_url: String| json!({"zip_url": zip_url, "file_image": "in/coffee.png", "file_reference": "../../rocket.jpg"});
    let inline = format!("data:application/zip;base64,{}", STANDARD.encode(&zip));
    for zip_url in [bundle(&app, &zip).await, inline] {
        let (picture, log) = made(&app, MODEL, files(zip_url)).await;
        assert!(picture == expected, "{log}");
        assert!(
            log.contains("the background is rocket.jpg (640×427)"),
            "{log}"
        );
    }
    // One of the two may come by itself, and the prompt may take the
    // reference's place.
    let mixed = json!({
        "zip_url": bundle(&app, &zip).await,
        "file_reference": "../../rocket.jpg",
        "asset_id": uploaded(&app, "coffee.png").await,
    });
    assert!(made(&app, MODEL, mixed).await.0 == expected);
    let studio = json!({
        "zip_url": bundle(&app, &zip).await,
        "file_image": "in/coffee.png",
        "prompt": "white studio",
    });
    let (picture, _) = made(&app, MODEL, studio).await;
    assert!(picture.row(0)[0] > 200, "a white studio");
    app.stop().await;
}

#[tokio::test]
async fn inputs_of_a_bundle_belong_together() {
    let app = TestApp::start(Db::Sqlite).await;
    let zip_url = bundle(&app, &sample::zip(&[("a.png", b"x")])).await;
    let coffee = uploaded(&app, "coffee.png").await;
    let cases: [(Value, &str); 9] = [
        (json!({"zip_url": zip_url}), "input.asset_id"),
        (
            json!({"zip_url": zip_url, "prompt": "white studio"}),
            "input.asset_id",
        ),
        (
            json!({"zip_url": zip_url, "file_reference": "a.png"}),
            "input.asset_id",
        ),
        (
            json!({"zip_url": zip_url, "file_image": "a.png"}),
            "input.prompt",
        ),
        (
            json!({"file_image": "a.png", "file_reference": "b.png"}),
            "input.zip_url",
        ),
        (
            json!({"zip_url": zip_url, "file_image": "", "file_reference": "b"}),
            "input.file_image",
        ),
        (
            json!({"zip_url": zip_url, "file_image": "x".repeat(1025), "file_reference": "b"}),
            "input.file_image",
        ),
        (
            json!({"zip_url": zip_url, "file_image": "a", "asset_id": coffee, "prompt": "white studio"}),
            "input.file_image",
        ),
        (
            json!({"zip_url": "runflow://assets/018f4e1a-0000-7000-8000-000000000001", "file_image": "a", "file_reference": "b"}),
            "input.zip_url",
        ),
    ];
    for (input, expected) in cases {
        let (field, message) = refused(&app, MODEL, input.clone()).await;
        assert_eq!(field, expected, "{input}: {message}");
    }
    app.stop().await;
}

#[tokio::test]
async fn hostile_archives_fail_the_run_and_nothing_else() {
    let app = TestApp::start(Db::Sqlite).await;
    let coffee = photo("coffee.png");
    let good = sample::zip(&[("a.png", &coffee), ("dir/", b""), ("b.txt", b"no picture")]);
    let twice = sample::zip(&[("a.png", &coffee), ("a.png", &coffee)]);
    let nested = sample::zip(&[("a.png", &good)]);
    let bomb = sample::zip(&[("a.png", &vec![0; 70 << 20])]);
    let mut flipped = good.clone();
    flipped[5000] ^= 0x55;
    let many: Vec<(String, &[u8])> = (0..100_000).map(|at| (format!("{at}"), &b""[..])).collect();
    let many: Vec<(&str, &[u8])> = many
        .iter()
        .map(|(name, bytes)| (name.as_str(), *bytes))
        .collect();
    let cases = [
        (
            good.clone(),
            "c.png",
            "has no file \"c.png\"; it has \"a.png\"",
        ),
        (good.clone(), "dir/", "is a folder"),
        (good.clone(), "b.txt", "b.txt in "),
        (
            sample::zip_with(good.clone(), 8, 1),
            "a.png",
            "\"a.png\" is encrypted",
        ),
        (
            sample::zip_with(good.clone(), 10, 99),
            "a.png",
            "\"a.png\" is compressed with",
        ),
        (
            good[..good.len() / 2].to_vec(),
            "a.png",
            "no ZIP that can be read",
        ),
        (flipped, "a.png", "\"a.png\" is damaged"),
        (twice, "a.png", "more than one file \"a.png\""),
        (nested, "a.png", "a.png in "),
        (bomb, "a.png", "\"a.png\" is larger than"),
        (sample::zip(&many), "a.png", "and more"),
        // A size that is said to stand in a field of zip64 that is not there.
        (
            sample::zip_with(sample::zip_with(good, 24, u16::MAX), 26, u16::MAX),
            "a.png",
            "",
        ),
    ];
    for (zip, name, expected) in cases {
        let zip_url = bundle(&app, &zip).await;
        let input = json!({"zip_url": zip_url, "file_image": name, "prompt": "white studio"});
        let told = failed(&app, MODEL, input).await;
        assert!(told.contains(expected), "{expected}: {told}");
        assert!(told.len() < 600, "{told}");
    }
    // A picture is no archive, and an archive no picture.
    let zip_url = format!(
        "runflow://assets/{}",
        uploaded(&app, "coffee.png").await.as_str().unwrap()
    );
    let input = json!({"zip_url": zip_url, "file_image": "a.png", "prompt": "white studio"});
    assert_eq!(refused(&app, MODEL, input).await.0, "input.zip_url");
    let archive = app
        .asset("application/zip", &sample::zip(&[("a.png", &coffee)]))
        .await;
    let input = json!({"asset_id": archive["id"], "prompt": "white studio"});
    assert_eq!(refused(&app, MODEL, input).await.0, "input.asset_id");
    for name in ["image_url", "reference_url"] {
        let reference = format!("runflow://assets/{}", archive["id"].as_str().unwrap());
        let coffee = uploaded(&app, "coffee.png").await;
        let input = match name {
            "image_url" => json!({name: reference, "prompt": "white studio"}),
            _ => json!({name: reference, "asset_id": coffee}),
        };
        assert_eq!(refused(&app, MODEL, input).await.0, format!("input.{name}"));
    }
    app.stop().await;
}
