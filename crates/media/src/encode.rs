//! Encoding: pixels in, a file's bytes out.

use ravif::{BitDepth, Encoder, Img, RGB8, RGBA8};
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use crate::{Channels, MediaError, MediaType, Picture, libwebp};

/// How hard libwebp tries (0–6) on results that are kept as they are.
const FULL_EFFORT: i32 = 4;

/// How little rav1e tries (1 slow – 10 fast).
const AVIF_SPEED: u8 = 9;

/// Encodes as PNG, with alpha where the picture has it.
///
/// # Errors
/// [`MediaError::Encode`] when the encoder refuses.
pub fn encode_png(picture: &Picture) -> Result<Vec<u8>, MediaError> {
    let refused = |error: png::EncodingError| MediaError::Encode {
        format: MediaType::Png,
        reason: error.to_string(),
    };
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, picture.width(), picture.height());
    encoder.set_color(match picture.channels() {
        Channels::Rgb => png::ColorType::Rgb,
        Channels::Rgba => png::ColorType::Rgba,
    });
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Fast);
    let mut writer = encoder.write_header().map_err(refused)?;
    writer.write_image_data(picture.pixels()).map_err(refused)?;
    writer.finish().map_err(refused)?;
    Ok(bytes)
}

/// Encodes as lossy WebP of the given quality (0–100), alpha kept exactly.
///
/// # Errors
/// [`MediaError::Encode`] when a side is over 16,383 pixels.
pub fn encode_webp(picture: &Picture, quality: u8) -> Result<Vec<u8>, MediaError> {
    libwebp::encode(picture, f32::from(quality), FULL_EFFORT)
}

/// Encodes as JPEG of the given quality (1–100). Alpha is dropped: compose the
/// picture on a ground first.
///
/// # Errors
/// [`MediaError::Encode`] when a side is over 65,500 pixels.
pub fn encode_jpeg(picture: &Picture, quality: u8) -> Result<Vec<u8>, MediaError> {
    let refused = |error: turbojpeg::Error| MediaError::Encode {
        format: MediaType::Jpeg,
        reason: error.to_string(),
    };
    let quality = i32::from(quality.clamp(1, 100));
    let mut compressor = Compressor::new().map_err(refused)?;
    compressor.set_quality(quality).map_err(refused)?;
    // Fine colour edges are what high quality is asked for.
    let subsampling = if quality >= 90 {
        Subsamp::None
    } else {
        Subsamp::Sub2x2
    };
    compressor.set_subsamp(subsampling).map_err(refused)?;
    let image = Image {
        pixels: picture.pixels(),
        width: picture.width() as usize,
        pitch: picture.stride(),
        height: picture.height() as usize,
        format: match picture.channels() {
            Channels::Rgb => PixelFormat::RGB,
            Channels::Rgba => PixelFormat::RGBA,
        },
    };
    compressor.compress_to_vec(image).map_err(refused)
}

/// Encodes as AVIF of the given quality (1–100), with alpha where the picture
/// has it. The slowest of the encoders by far, on the calling thread alone.
///
/// # Errors
/// [`MediaError::Encode`] when the encoder refuses.
pub fn encode_avif(picture: &Picture, quality: u8) -> Result<Vec<u8>, MediaError> {
    let refused = |error: ravif::Error| MediaError::Encode {
        format: MediaType::Avif,
        reason: error.to_string(),
    };
    let quality = f32::from(quality.clamp(1, 100));
    let encoder = Encoder::new()
        .with_quality(quality)
        .with_alpha_quality(quality)
        .with_speed(AVIF_SPEED)
        // Ten bits gain little on pictures of eight, and take half as long again.
        .with_bit_depth(BitDepth::Eight)
        .with_num_threads(Some(1));
    let (width, height) = (picture.width() as usize, picture.height() as usize);
    let encoded = match picture.channels() {
        Channels::Rgb => {
            let (pixels, _) = picture.pixels().as_chunks::<3>();
            let pixels: Vec<RGB8> = pixels.iter().map(|&[r, g, b]| RGB8 { r, g, b }).collect();
            encoder.encode_rgb(Img::new(&pixels, width, height))
        }
        Channels::Rgba => {
            let (pixels, _) = picture.pixels().as_chunks::<4>();
            let pixels: Vec<RGBA8> = pixels
                .iter()
                .map(|&[r, g, b, a]| RGBA8 { r, g, b, a })
                .collect();
            encoder.encode_rgba(Img::new(&pixels, width, height))
        }
    };
    Ok(encoded.map_err(refused)?.avif_file)
}
