//! Makes one thumbnail, as a whole process: `thumbnail IN OUT.webp`.
//!
//! `bench/thumbnails.sh` times it against another program.

use std::error::Error;
use std::fs::{self, File};

use runnel_media::subprocess::Programs;
use runnel_media::{Budget, thumbnail_of};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(input), Some(output)) = (arguments.next(), arguments.next()) else {
        return Err("two arguments are needed: the picture, and the WebP to write".into());
    };
    let programs = Programs::default();
    let made = thumbnail_of(&mut File::open(input)?, &Budget::default(), &programs)?;
    fs::write(output, made.webp)?;
    Ok(())
}
