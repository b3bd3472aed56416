//! Makes one thumbnail, as a whole process: `thumbnail IN OUT.webp`.
//!
//! `bench/thumbnails.sh` times it against another program.

use std::error::Error;
use std::fs::{self, File};

use runnel_media::{Budget, thumbnail};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("two arguments are needed: the picture, and the WebP to write".into());
    };
    let made = thumbnail(&mut File::open(input)?, &Budget::default())?;
    fs::write(output, made.webp)?;
    Ok(())
}
