//! `upscale`: larger, the same picture, transparency kept, limits told.

use runnel_media::{Channels, Picture, encode_png, sample};
use runnel_testkit::{Db, TestApp};
use serde_json::json;

use super::{decoded, failed, likeness, made, photo, refused, uploaded};

const MODEL: &str = "upscale";

/// The picture made small again: each pixel the mean of those it became.
fn shrunk(picture: &Picture, scale: u32) -> Picture {
    let bytes = picture.channels().count();
    let (width, height) = (picture.width() / scale, picture.height() / scale);
    let mut pixels = Vec::new();
    for y in 0..height {
        for at in 0..width as usize * bytes {
            let (x, channel) = (at / bytes, at % bytes);
            let mut sum = 0;
            for row in 0..scale {
                for column in 0..scale as usize {
                    let from = (x * scale as usize + column) * bytes + channel;
                    sum += u32::from(picture.row(y * scale + row)[from]);
                }
            }
            pixels.push(((sum + scale * scale / 2) / (scale * scale)) as u8);
        }
    }
    Picture::new(width, height, picture.channels(), pixels).unwrap()
}

#[tokio::test]
async fn a_photo_becomes_larger_and_stays_the_same_photo() {
    let app = TestApp::start(Db::Sqlite).await;
    let original = decoded(&photo("chelsea.png"));
    let chelsea = uploaded(&app, "chelsea.png").await;
    for scale in [2, 3, 4] {
        let (picture, _) = made(&app, MODEL, json!({"asset_id": chelsea, "scale": scale})).await;
        assert_eq!(
            (picture.width(), picture.height()),
            (451 * scale, 300 * scale)
        );
        let same = likeness(&shrunk(&picture, scale), &original);
        assert!(same > 38.0, "{scale}: {same}");
        // Enlarged, not repeated: neighbours of one original pixel differ.
        let row = picture.row(150 * scale);
        let repeated = row
            .chunks_exact(6)
            .filter(|pair| pair[..3] == pair[3..])
            .count();
        assert!(repeated * 4 < row.len() / 6, "{repeated}");
    }
    // Twice is the default, and 2.0 is 2.
    for input in [
        json!({"asset_id": chelsea}),
        json!({"asset_id": chelsea, "scale": 2.0}),
    ] {
        assert_eq!(made(&app, MODEL, input).await.0.width(), 902);
    }
    app.stop().await;
}

#[tokio::test]
async fn transparency_is_kept() {
    let app = TestApp::start(Db::Sqlite).await;
    let (width, height) = (60, 40);
    let pixels = (0..width * height)
        .flat_map(|at| match at % width {
            x if x < 20 => [200, 30, 30, 255],
            x if x < 40 => [30, 30, 200, 128],
            _ => [0, 255, 0, 0],
        })
        .collect();
    let picture = Picture::new(width, height, Channels::Rgba, pixels).unwrap();
    let asset = app.asset("image/png", &encode_png(&picture).unwrap()).await;
    let (made, _) = made(&app, MODEL, json!({"asset_id": asset["id"], "scale": 3})).await;
    assert_eq!(made.channels(), Channels::Rgba);
    let pixel = |x: usize| made.row(60)[x * 4..x * 4 + 4].to_vec();
    assert_eq!(
        (pixel(20), pixel(90)),
        (vec![200, 30, 30, 255], vec![30, 30, 200, 128])
    );
    assert_eq!(pixel(170)[3], 0);
    let bleeds = made
        .pixels()
        .chunks_exact(4)
        .any(|pixel| pixel[3] > 8 && pixel[1] > 60);
    assert!(!bleeds, "green that cannot be seen stays unseen");
    app.stop().await;
}

/// A large picture in a small file.
fn plain(width: u32, height: u32) -> Vec<u8> {
    let pixels = vec![150; width as usize * height as usize * 3];
    encode_png(&Picture::new(width, height, Channels::Rgb, pixels).unwrap()).unwrap()
}

#[tokio::test]
async fn scales_outside_and_results_too_large_are_refused() {
    let app = TestApp::start(Db::Sqlite).await;
    let asset = app.asset("image/png", &sample::gradient_png(40, 30)).await;
    for scale in [
        json!(1),
        json!(5),
        json!(2.5),
        json!("2"),
        json!(-2),
        json!(0),
        json!(1e300),
    ] {
        let input = json!({"asset_id": asset["id"], "scale": scale});
        assert_eq!(
            refused(&app, MODEL, input).await.0,
            "input.scale",
            "{scale}"
        );
    }
    let large = app.asset("image/png", &plain(4000, 2500)).await;
    let told = failed(&app, MODEL, json!({"asset_id": large["id"], "scale": 3})).await;
    assert!(
        told.contains("4000×2500") && told.contains("largest scale possible is 2"),
        "{told}"
    );
    let larger = app.asset("image/png", &plain(5000, 4000)).await;
    let told = failed(&app, MODEL, json!({"asset_id": larger["id"]})).await;
    assert!(told.contains("at most 16 megapixels"), "{told}");
    app.stop().await;
}
