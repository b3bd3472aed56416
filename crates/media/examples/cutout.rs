//! Puts the subject of a picture into a studio: `cutout IN.png PROMPT OUT.png`.

use std::fs::File;
use std::time::Instant;

use runnel_media::cutout::cut_out;
use runnel_media::segment::Segmenter;
use runnel_media::studio::StudioScene;
use runnel_media::{Budget, Want, decode, encode_png};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, input, prompt, output] = arguments.as_slice() else {
        return Err("cutout IN PROMPT OUT.png".into());
    };
    let weights = std::fs::read(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../models/u2netp.onnx"
    ))?;
    let mut started = Instant::now();
    let mut lap = |what: &str| {
        let line = format!("{what}: {} ms", started.elapsed().as_millis());
        started = Instant::now();
        line
    };
    let segmenter = Segmenter::load(&weights, 2)?;
    let mut laps = vec![lap("load")];
    let picture = decode(&mut File::open(input)?, Want::Full, &Budget::default())?;
    laps.push(lap("decode"));
    let mut mask = segmenter.mask(&picture)?;
    laps.push(lap("first inference"));
    for _ in 0..5 {
        mask = segmenter.mask(&picture)?;
        laps.push(lap("inference"));
    }
    let cutout = cut_out(&picture, &mask);
    laps.push(lap("cut out"));
    let result = StudioScene::from_prompt(prompt)?.render(&cutout);
    laps.push(lap("render"));
    std::fs::write(output, encode_png(&result)?)?;
    laps.push(lap("encode"));
    std::io::Write::write_all(
        &mut std::io::stderr(),
        format!("{}\n", laps.join("\n")).as_bytes(),
    )?;
    Ok(())
}
