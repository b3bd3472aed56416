//! `smart-resize`: another shape, the subject whole and undistorted.

use runnel_media::{Channels, Picture, encode_png};
use runnel_testkit::{Db, TestApp};
use serde_json::json;

use super::{found, made, pixel, uploaded};

const MODEL: &str = "smart-resize";

/// A red plate on a grey table, which everyone would take for the subject.
fn plate() -> Vec<u8> {
    let (width, height) = (600, 400);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let away = (f64::from(x) - 290.0).hypot(f64::from(y) - 205.0);
            let table = (150 + x / 15 + y / 20) as u8;
            pixels.extend(match away {
                ..100.0 => [215, 60, 60],
                ..150.0 => [190, 20, 30],
                _ => [table; 3],
            });
        }
    }
    let picture = Picture::new(width, height, Channels::Rgb, pixels).unwrap();
    encode_png(&picture).unwrap()
}

fn red(picture: &Picture) -> (u32, u32, u32, u32) {
    found(picture, |[red, green, _]| red > 140 && green < 100)
}

#[tokio::test]
async fn a_plate_is_whole_and_round_in_every_shape() {
    let app = TestApp::start(Db::Sqlite).await;
    let asset = app.asset("image/png", &plate()).await;
    for (aspect_ratio, sides) in [
        ("1:1", (1024, 1024)),
        ("16:9", (1024, 576)),
        ("9:16", (576, 1024)),
        ("3:2", (1024, 683)),
        ("21:9", (1024, 439)),
    ] {
        let input = json!({"asset_id": asset["id"], "aspect_ratio": aspect_ratio});
        let (picture, log) = made(&app, MODEL, input).await;
        assert_eq!((picture.width(), picture.height()), sides);
        let (left, top, right, bottom) = red(&picture);
        let whole = left > 3 && top > 3 && right + 3 < sides.0 && bottom + 3 < sides.1;
        assert!(whole, "{aspect_ratio}: {left} {top} {right} {bottom}");
        let shape = f64::from(right - left) / f64::from(bottom - top);
        assert!((shape - 1.0).abs() < 0.02, "{aspect_ratio}: {shape}");
        // Tall and very wide frames need more table than there is.
        let is_extended = log.contains("continue the picture's background");
        match aspect_ratio {
            "9:16" | "21:9" => assert!(is_extended, "{log}"),
            "1:1" | "3:2" => assert!(!is_extended, "{log}"),
            _ => {}
        }
        // All around is table: grey, as bright as it was.
        for x in 0..sides.0 {
            for y in [0, sides.1 - 1] {
                let [red, green, blue] = pixel(&picture, x, y);
                assert!((140..220).contains(&red), "{aspect_ratio} {x} {y}: {red}");
                assert!(red.abs_diff(green) < 12 && red.abs_diff(blue) < 12);
            }
        }
    }
    app.stop().await;
}

#[tokio::test]
async fn what_is_added_is_background_and_has_no_seam() {
    let app = TestApp::start(Db::Sqlite).await;
    let coffee = uploaded(&app, "coffee.png").await;
    let input = json!({"asset_id": coffee, "aspect_ratio": "9:16", "resolution": "2K"});
    let (picture, _) = made(&app, MODEL, input).await;
    let height = picture.height();
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
    for y in (1..height / 4).chain(height * 3 / 4..height) {
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
