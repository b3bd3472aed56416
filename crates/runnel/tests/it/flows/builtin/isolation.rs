//! `product-isolation`: the subject alone, in the middle of pure white.

use runnel_testkit::{Db, TestApp};
use serde_json::json;

use super::{found, made, photo, pixel, refused, uploaded};

const MODEL: &str = "product-isolation";

#[tokio::test]
async fn a_product_stands_in_the_middle_of_pure_white() {
    let app = TestApp::start(Db::Sqlite).await;
    let coffee = uploaded(&app, "coffee.png").await;
    for (aspect_ratio, resolution, sides) in [
        ("1:1", "1K", (1024, 1024)),
        ("4:5", "2K", (1638, 2048)),
        ("16:9", "1K", (1024, 576)),
        ("21:9", "4K", (4096, 1755)),
    ] {
        let input =
            json!({"asset_id": coffee, "aspect_ratio": aspect_ratio, "resolution": resolution});
        let (picture, _) = made(&app, MODEL, input).await;
        let (width, height) = (picture.width(), picture.height());
        assert_eq!((width, height), sides);
        for x in 0..width {
            for y in (0..height / 20).chain(height - height / 20..height) {
                assert_eq!(pixel(&picture, x, y), [255; 3], "{x} {y}");
            }
        }
        let (left, top, right, bottom) = found(&picture, |rgb| rgb != [255; 3]);
        let filled = (f64::from(right - left) / f64::from(width))
            .max(f64::from(bottom - top) / f64::from(height));
        assert!((0.83..0.87).contains(&filled), "{aspect_ratio}: {filled}");
        let off = |before: u32, after: u32, side: u32| before.abs_diff(side - after);
        assert!(off(left, right, width) <= 4 && off(top, bottom, height) <= 4);
        // The saucer is red on the left of the cup.
        let [red, green, blue] = pixel(
            &picture,
            left + (right - left) / 8,
            top + (bottom - top) * 6 / 10,
        );
        assert!(red > 120 && green < 80 && blue < 80, "{red} {green} {blue}");
    }
    app.stop().await;
}

#[tokio::test]
async fn left_out_inputs_have_their_defaults_and_the_log_tells_what_may_disappoint() {
    let app = TestApp::start(Db::Sqlite).await;
    let astronaut = uploaded(&app, "astronaut.png").await;
    let (picture, log) = made(&app, MODEL, json!({"asset_id": astronaut})).await;
    assert_eq!((picture.width(), picture.height()), (1024, 1024));
    assert!(
        log.contains("warning the picture cuts the subject off") && log.contains("lower"),
        "{log}"
    );
    let input = json!({"asset_id": astronaut, "resolution": "4K"});
    let (_, log) = made(&app, MODEL, input).await;
    assert!(log.contains("times as large and may look soft"), "{log}");
    app.stop().await;
}

#[tokio::test]
async fn frames_that_do_not_exist_are_refused() {
    let app = TestApp::start(Db::Sqlite).await;
    let asset = app.asset("image/png", &photo("coffee.png")).await;
    for model in [MODEL, "smart-resize"] {
        for (name, value) in [
            ("aspect_ratio", json!("1:2")),
            ("aspect_ratio", json!("")),
            ("aspect_ratio", json!("1:1 ")),
            ("aspect_ratio", json!(1)),
            ("resolution", json!("8K")),
            ("resolution", json!("1k")),
            ("resolution", json!(1024)),
            ("scale", json!(2)),
        ] {
            let input = json!({"asset_id": asset["id"], name: value});
            let (field, message) = refused(&app, model, input).await;
            assert_eq!(field, format!("input.{name}"), "{value}: {message}");
        }
        let (field, _) = refused(&app, model, json!({"aspect_ratio": "1:1"})).await;
        assert_eq!(field, "input.asset_id");
    }
    app.stop().await;
}
