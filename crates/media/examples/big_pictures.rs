//! Makes the large pictures that thumbnails are timed with: `big_pictures
//! PHOTO FOLDER`.
//!
//! The photo is enlarged and given a grain, so that it compresses like what a
//! camera writes; the same photo gives the same files on every machine.

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;

use runnel_media::{Budget, Channels, Picture, Want, decode, encode_jpeg, encode_webp};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1);
    let (Some(photo), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("two arguments are needed: a photo, and the folder to write to".into());
    };
    let folder = Path::new(&folder);
    fs::create_dir_all(folder)?;
    let photo = decode(&mut File::open(photo)?, Want::Full, &Budget::default())?.into_rgb();
    fs::write(
        folder.join("24mp.jpg"),
        encode_jpeg(&enlarge(&photo, 6000, 4000)?, 92)?,
    )?;
    let middle = enlarge(&photo, 4000, 2667)?;
    fs::write(folder.join("11mp.png"), camera_png(&middle)?)?;
    fs::write(folder.join("11mp.webp"), encode_webp(&middle, 80)?)?;
    Ok(())
}

/// Enlarges a photo and adds a grain of a few steps.
fn enlarge(photo: &Picture, width: u32, height: u32) -> Result<Picture, Box<dyn Error>> {
    let mut pixels = smooth(photo, width as usize, height as usize);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for sample in &mut pixels {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        // Two dice, so that small steps are more frequent than large ones.
        let grain = (state >> 40) as u8 % 9 + (state >> 50) as u8 % 9;
        *sample = sample.saturating_add(grain).saturating_sub(8);
    }
    Ok(Picture::new(width, height, Channels::Rgb, pixels)?)
}

/// A photo at other sides: each sample is a blend of the four around its place.
fn smooth(photo: &Picture, width: usize, height: usize) -> Vec<u8> {
    let (across, down) = (photo.width() as usize, photo.height() as usize);
    // The two neighbours of a place and the weight of the second, of 256.
    let place = |at: usize, to: usize, from: usize| {
        let exact = (at * 2 + 1) * from * 128 / to;
        let exact = exact.saturating_sub(128).min((from - 1) * 256);
        (exact / 256, (exact / 256 + 1).min(from - 1), exact % 256)
    };
    let mut pixels = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        let (above, below, low) = place(y, height, down);
        for x in 0..width {
            let (left, right, far) = place(x, width, across);
            for channel in 0..3 {
                let sample = |x: usize, y: usize| {
                    usize::from(photo.pixels()[(y * across + x) * 3 + channel])
                };
                let upper = sample(left, above) * (256 - far) + sample(right, above) * far;
                let lower = sample(left, below) * (256 - far) + sample(right, below) * far;
                pixels.push(((upper * (256 - low) + lower * low) >> 16) as u8);
            }
        }
    }
    pixels
}

/// A PNG as most programs write it: filters chosen row by row, zlib's usual
/// effort.
fn camera_png(picture: &Picture) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(picture.pixels())?;
    writer.finish()?;
    Ok(bytes)
}
