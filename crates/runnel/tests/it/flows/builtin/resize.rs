//! `smart-resize`: another shape, the subject whole and undistorted.

use runnel_media::Picture;
use runnel_testkit::{Db, TestApp};
use serde_json::json;

use super::{decoded, found, made, photo, pixel, uploaded};

const MODEL: &str = "smart-resize";

/// The red of the saucer, which no wood has.
fn saucer(picture: &Picture) -> (u32, u32, u32, u32) {
    found(picture, |[red, green, blue]| {
        red > 130 && green < 38 && blue < 30
    })
}

#[tokio::test]
async fn a_cup_is_whole_and_round_in_every_shape() {
    let app = TestApp::start(Db::Sqlite).await;
    let coffee = uploaded(&app, "coffee.png").await;
    let original = decoded(&photo("coffee.png"));
    let (left, top, right, bottom) = saucer(&original);
    let shape = f64::from(right - left) / f64::from(bottom - top);
    for (aspect_ratio, sides) in [
        ("1:1", (1024, 1024)),
        ("16:9", (1024, 576)),
        ("9:16", (576, 1024)),
        ("3:2", (1024, 683)),
        ("21:9", (1024, 439)),
    ] {
        let input = json!({"asset_id": coffee, "aspect_ratio": aspect_ratio});
        let (picture, log) = made(&app, MODEL, input).await;
        assert_eq!((picture.width(), picture.height()), sides);
        let (left, top, right, bottom) = saucer(&picture);
        assert!(
            left > 3 && top > 3 && right + 3 < sides.0 && bottom + 3 < sides.1,
            "{aspect_ratio}"
        );
        let now = f64::from(right - left) / f64::from(bottom - top);
        assert!(
            (now / shape - 1.0).abs() < 0.04,
            "{aspect_ratio}: {now} {shape}"
        );
        assert_eq!(
            log.contains("continue the picture's background"),
            aspect_ratio != "3:2",
            "{log}"
        );
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_added_is_background_and_has_no_seam() {
    let app = TestApp::start(Db::Sqlite).await;
    let coffee = uploaded(&app, "coffee.png").await;
    let input = json!({"asset_id": coffee, "aspect_ratio": "9:16", "resolution": "2K"});
    let (picture, _) = made(&app, MODEL, input).await;
    let (_, top, _, bottom) = saucer(&picture);
    // Wood everywhere above and below: brown or dark, never white, never black
    // bars, and from row to row no step.
    let mean = |y: u32| {
        let sum: u32 = (0..picture.width())
            .map(|x| {
                pixel(&picture, x, y)
                    .iter()
                    .map(|value| u32::from(*value))
                    .sum::<u32>()
            })
            .sum();
        f64::from(sum) / f64::from(picture.width() * 3)
    };
    for y in (1..top / 2).chain(bottom + (picture.height() - bottom) / 2..picture.height()) {
        assert!((30.0..180.0).contains(&mean(y)), "{y}: {}", mean(y));
        assert!((mean(y) - mean(y - 1)).abs() < 4.0, "{y}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_small_subject_is_cropped_to_and_nothing_is_made_up() {
    let app = TestApp::start(Db::Sqlite).await;
    let rocket = uploaded(&app, "rocket.jpg").await;
    let input = json!({"asset_id": rocket, "aspect_ratio": "4:5", "resolution": "1K"});
    let (picture, log) = made(&app, MODEL, input).await;
    assert_eq!((picture.width(), picture.height()), (819, 1024));
    assert!(!log.contains("continue"), "{log}");
    // The rocket, bright before a blue sky, stands in the middle.
    let [red, _, blue] = pixel(&picture, 409, 520);
    assert!(
        red > 90 && i32::from(red) > i32::from(blue) - 60,
        "{red} {blue}"
    );
    let [red, _, blue] = pixel(&picture, 330, 300);
    assert!(blue > red, "the sky beside it: {red} {blue}");
    app.stop().await;
}
