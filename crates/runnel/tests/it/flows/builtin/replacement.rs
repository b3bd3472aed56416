//! `background-replace` with a reference picture as the new background.

use runnel_media::{Channels, Picture, encode_jpeg};
use runnel_testkit::{Db, TestApp};
use serde_json::json;

use super::{failed, found, made, mean, refused, uploaded};

const MODEL: &str = "background-replace";

/// A sky over a meadow, with some texture.
fn meadow() -> Vec<u8> {
    let (width, height) = (900, 700);
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let grain = ((x * 7 + y * 13) % 23) as u8;
            pixels.extend(if y < 380 {
                [120 + grain / 4, 160 + grain / 4, 215]
            } else {
                [70 + grain, 120 + grain, 50 + grain / 2]
            });
        }
    }
    let picture = Picture::new(width, height, Channels::Rgb, pixels).unwrap();
    encode_jpeg(&picture, 92).unwrap()
}

#[tokio::test]
async fn a_cup_stands_in_a_meadow() {
    let app = TestApp::start(Db::Sqlite).await;
    let coffee = uploaded(&app, "coffee.png").await;
    let scene = app.asset("image/jpeg", &meadow()).await;
    let reference = format!("runflow://assets/{}", scene["id"].as_str().unwrap());
    let inputs = [
        json!({"asset_id": coffee, "reference_asset_id": scene["id"], "prompt": "on a beach at sunset"}),
        json!({"asset_id": coffee, "reference_url": reference}),
    ];
    let (picture, log) = made(&app, MODEL, inputs[0].clone()).await;
    assert!(log.contains("the prompt is not used"), "{log}");
    assert_eq!((picture.width(), picture.height()), (600, 400));
    // Sky above, meadow below, no wood left anywhere at the border.
    let [red, green, blue] = mean(&picture, (0, 0, 600, 30));
    assert!(
        blue > green + 20.0 && green > red + 10.0,
        "{red} {green} {blue}"
    );
    for part in [(0, 370, 80, 400), (520, 370, 600, 400)] {
        let [red, green, blue] = mean(&picture, part);
        assert!(
            green > red + 20.0 && green > blue + 20.0,
            "{red} {green} {blue}"
        );
    }
    // The red saucer, whole, smaller than it was and on the ground.
    let (left, top, right, bottom) = found(&picture, |[red, green, blue]| {
        red > 100 && u32::from(red) > 2 * u32::from(green.max(blue))
    });
    assert!(
        left > 60 && right < 540 && top > 30,
        "{left} {top} {right} {bottom}"
    );
    assert!(
        (290..=385).contains(&bottom),
        "the foot is on the meadow: {bottom}"
    );
    assert!((130..=280).contains(&(bottom - top)), "{}", bottom - top);
    // Under it lies a shadow: darker than the meadow beside.
    let middle = left.midpoint(right);
    let below = (middle - 20, bottom + 4, middle + 20, bottom + 9);
    let [_, under, _] = mean(&picture, below);
    let [_, beside, _] = mean(&picture, (10, bottom + 4, 50, bottom + 9));
    assert!(under < beside - 15.0, "{under} {beside}");

    let (again, log) = made(&app, MODEL, inputs[1].clone()).await;
    assert!(
        !log.contains("prompt") && again == picture,
        "both forms give the same picture"
    );
    app.stop().await;
}

#[tokio::test]
async fn the_light_of_the_scene_falls_on_the_subject() {
    let app = TestApp::start(Db::Sqlite).await;
    let astronaut = uploaded(&app, "astronaut.png").await;
    let flat = |rgb: [u8; 3]| {
        let picture = Picture::new(64, 64, Channels::Rgb, rgb.repeat(64 * 64)).unwrap();
        encode_jpeg(&picture, 95).unwrap()
    };
    let mut suits = Vec::new();
    for scene in [[20, 20, 30], [235, 235, 240], [255, 190, 120]] {
        let scene = app.asset("image/jpeg", &flat(scene)).await;
        let input = json!({"asset_id": astronaut, "reference_asset_id": scene["id"]});
        let (picture, _) = made(&app, MODEL, input).await;
        // The suit's chest; the subject is cut off and stays where it was.
        suits.push(mean(&picture, (180, 330, 230, 400)));
    }
    let sum = |rgb: [f64; 3]| rgb.iter().sum::<f64>();
    assert!(sum(suits[0]) + 25.0 < sum(suits[1]), "{suits:?}");
    assert!(
        suits[2][0] - suits[2][2] > suits[1][0] - suits[1][2] + 4.0,
        "warmer: {suits:?}"
    );
    for suit in suits {
        assert!(suit[0] > suit[2] + 60.0, "it stays orange: {suit:?}");
    }
    app.stop().await;
}

#[tokio::test]
async fn without_a_reference_the_prompt_is_needed_and_read() {
    let app = TestApp::start(Db::Sqlite).await;
    let coffee = uploaded(&app, "coffee.png").await;
    let missing = "018f4e1a-0000-7000-8000-000000000001";
    let cases = [
        (json!({"asset_id": coffee}), "input.prompt"),
        (
            json!({"asset_id": coffee, "prompt": "in a kitchen"}),
            "input.prompt",
        ),
        (json!({"asset_id": coffee, "prompt": ""}), "input.prompt"),
        (json!({"prompt": "white studio"}), "input.asset_id"),
        (json!({"reference_asset_id": coffee}), "input.asset_id"),
        (
            json!({"asset_id": coffee, "reference_asset_id": missing}),
            "input.reference_asset_id",
        ),
        (
            json!({"asset_id": coffee, "reference_asset_id": "x"}),
            "input.reference_asset_id",
        ),
        (
            json!({"asset_id": coffee, "reference_url": "data:text/html;base64,aGk="}),
            "input.reference_url",
        ),
    ];
    for (input, expected) in cases {
        let (field, message) = refused(&app, MODEL, input.clone()).await;
        assert_eq!(field, expected, "{input}: {message}");
    }
    app.stop().await;
}

#[tokio::test]
async fn a_picture_without_a_subject_is_refused_with_a_reason() {
    let app = TestApp::start(Db::Sqlite).await;
    let coffee = uploaded(&app, "coffee.png").await;
    // Fully transparent: whatever the network thinks it sees, nothing is there.
    let nothing = Picture::new(80, 60, Channels::Rgba, vec![0; 80 * 60 * 4]).unwrap();
    let asset = app
        .asset("image/png", &runnel_media::encode_png(&nothing).unwrap())
        .await;
    for (model, input) in [
        ("product-isolation", json!({"asset_id": asset["id"]})),
        (
            MODEL,
            json!({"asset_id": asset["id"], "reference_asset_id": coffee}),
        ),
    ] {
        let told = failed(&app, model, input).await;
        assert!(told.contains("no subject was found"), "{told}");
    }
    app.stop().await;
}
