//! Answers each line on stdin with the milliseconds of one inference, until
//! stdin ends: `inference THREADS`. The second of two in a row is timed.

use std::io::{BufRead, Write};
use std::time::Instant;

use runnel_media::segment::Segmenter;
use runnel_media::{Budget, Want, decode};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
    let threads = std::env::args()
        .nth(1)
        .ok_or("inference THREADS")?
        .parse()?;
    let segmenter = Segmenter::load(
        &std::fs::read(format!("{root}/models/u2netp.onnx"))?,
        threads,
    )?;
    let mut photo = std::fs::File::open(format!("{root}/photos/coffee.png"))?;
    let picture = decode(&mut photo, Want::Full, &Budget::default())?;
    let mut stdout = std::io::stdout();
    for line in std::io::stdin().lock().lines() {
        line?;
        segmenter.mask(&picture)?;
        let started = Instant::now();
        segmenter.mask(&picture)?;
        writeln!(stdout, "{}", started.elapsed().as_secs_f64() * 1e3)?;
        stdout.flush()?;
    }
    Ok(())
}
