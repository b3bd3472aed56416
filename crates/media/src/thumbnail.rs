//! Thumbnails: a small WebP and a blurred placeholder from one decoding.

use std::io::{Read, Seek};

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::decode::{Stored, decode_stored, fit};
use crate::subprocess::Programs;
use crate::{Budget, Channels, MediaError, Picture, Probe, Want, colour, libwebp, probe};

/// The longest side of a thumbnail, in pixels.
pub const THUMBNAIL_SIDE: u32 = 512;

/// The WebP quality of a thumbnail.
const QUALITY: f32 = 78.0;

/// How hard libwebp tries (0–6). Of a photo's 512 pixels, three takes 174 million
/// instructions for 27.0 kB, two 74 for 28.0 kB, and none 40 for 31.3 kB, at 40 dB
/// each: a thumbnail is made in every upload, and the bytes are few either way.
const EFFORT: i32 = 0;

/// The longest side of what the placeholder is computed from, in pixels: it
/// holds no more than twelve waves.
const BLUR_SIDE: u32 = 32;

/// Waves of the placeholder, across and down.
const BLUR_WAVES: (u32, u32) = (4, 3);

/// A small version of a picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// The file, of type `image/webp`.
    pub webp: Vec<u8>,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
    /// The `BlurHash` (4×3) of the picture.
    pub blurhash: String,
    /// What the picture's own header says.
    pub source: Probe,
}

/// Makes a thumbnail whose longest side is [`THUMBNAIL_SIDE`], or the picture's
/// own where that is shorter: upright, alpha kept, first frame.
///
/// # Errors
/// Those of [`crate::decode()`]; the whole file is read, so a damaged one is
/// found here.
pub fn thumbnail(
    source: &mut (impl Read + Seek),
    budget: &Budget,
) -> Result<Thumbnail, MediaError> {
    with_programs(source, budget, &Programs::default())
}

/// The same with the programs that are given.
pub(crate) fn with_programs(
    source: &mut (impl Read + Seek),
    budget: &Budget,
    programs: &Programs,
) -> Result<Thumbnail, MediaError> {
    let facts = probe(source, budget)?;
    let want = Want::AtLeast {
        longest_side: THUMBNAIL_SIDE,
    };
    let stored = decode_stored(source, &facts, want, budget, programs)?;
    of_stored(stored, facts)
}

/// Makes a thumbnail of decoded pixels.
pub(crate) fn of_stored(stored: Stored, facts: Probe) -> Result<Thumbnail, MediaError> {
    let (width, height) = facts.orientation.turn_sides(facts.width, facts.height);
    let sides = fit(width, height, THUMBNAIL_SIDE);
    let small = to_display(stored, sides)?;
    let upright = facts.orientation.apply(small);
    Ok(Thumbnail {
        webp: libwebp::encode(&upright, QUALITY, EFFORT)?,
        width: upright.width(),
        height: upright.height(),
        blurhash: blurhash(upright)?,
        source: facts,
    })
}

/// Brings a picture to the given sides and to sRGB, in the order that costs
/// least.
fn to_display(mut stored: Stored, sides: (u32, u32)) -> Result<Picture, MediaError> {
    let profile = stored.profile.take();
    let mut small = resize(stored, sides)?;
    colour::to_srgb(&mut small, profile.as_deref());
    Ok(small)
}

/// The placeholder of a picture. What is transparent counts as white.
fn blurhash(picture: Picture) -> Result<String, MediaError> {
    let sides = fit(picture.width(), picture.height(), BLUR_SIDE);
    let mut tiny = resize(Stored::whole(picture), sides)?.into_rgba();
    for pixel in tiny.pixels_mut().chunks_exact_mut(4) {
        let alpha = u32::from(pixel[3]);
        for sample in &mut pixel[..3] {
            *sample = ((u32::from(*sample) * alpha + 255 * (255 - alpha) + 127) / 255) as u8;
        }
    }
    let (across, down) = BLUR_WAVES;
    // INVARIANT: the waves are between 1 and 9, and a `Picture` has the bytes
    // that its sides ask for.
    let hash = blurhash::encode(across, down, tiny.width(), tiny.height(), tiny.pixels())
        .expect("a picture has a placeholder");
    Ok(hash)
}

/// Brings a picture to the given sides. Colours are weighted by alpha.
fn resize(stored: Stored, (width, height): (u32, u32)) -> Result<Picture, MediaError> {
    let Stored { picture, exact, .. } = stored;
    if (picture.width(), picture.height()) == (width, height) {
        return Ok(picture);
    }
    let channels = picture.channels();
    let shape = || MediaError::Shape {
        width: picture.width(),
        height: picture.height(),
        channels: channels.count(),
        got: picture.pixels().len(),
    };
    let kind = match channels {
        Channels::Rgb => PixelType::U8x3,
        Channels::Rgba => PixelType::U8x4,
    };
    let from = ImageRef::new(picture.width(), picture.height(), picture.pixels(), kind)
        .map_err(|_| shape())?;
    let mut to = Image::new(width, height, kind);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(0.0, 0.0, exact.0, exact.1);
    Resizer::new()
        .resize(&from, &mut to, &options)
        .map_err(|_| shape())?;
    Picture::new(width, height, channels, to.into_vec())
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::{MediaType, Orientation, decode, encode_png, sample};

    fn make(file: &[u8]) -> Thumbnail {
        thumbnail(&mut Cursor::new(file), &Budget::default()).unwrap()
    }

    #[test]
    fn the_longest_side_becomes_512_and_the_shape_stays() {
        let table = [
            (sample::noise_jpeg(1200, 800), (512, 341)),
            (sample::gradient_png(700, 1400), (256, 512)),
            (sample::webp(1024, 10), (512, 5)),
            (sample::gradient_png(3000, 1), (512, 1)),
            (sample::noise_jpeg(100, 70), (100, 70)),
            (sample::turned_jpeg(900, 600, 6), (341, 512)),
            (sample::animated_webp(600, 600), (512, 512)),
            (sample::gif_two_frames(), (4, 3)),
        ];
        for (file, sides) in table {
            let made = make(&file);
            assert_eq!((made.width, made.height), sides);
            let facts = probe(&mut Cursor::new(&made.webp), &Budget::default()).unwrap();
            assert_eq!((facts.width, facts.height), sides);
            assert_eq!(facts.media_type, MediaType::WebP);
            assert_eq!(facts.orientation, Orientation::Upright);
            assert_eq!(made.blurhash.len(), 28);
        }
    }

    #[test]
    fn edges_of_what_is_transparent_keep_their_colour() {
        // Red beside a transparent green that must never be seen.
        let row = [[255, 0, 0, 255].repeat(601), [0, 255, 0, 0].repeat(599)].concat();
        let picture = Picture::new(1200, 100, Channels::Rgba, row.repeat(100)).unwrap();
        let lossless = encode_png(&picture).unwrap();
        let made = make(&lossless);
        let budget = Budget::default();
        let seen = decode(&mut Cursor::new(&made.webp), Want::Full, &budget).unwrap();
        assert_eq!(seen.channels(), Channels::Rgba);
        assert_eq!((seen.row(20)[3], seen.row(20)[511 * 4 + 3]), (255, 0));
        for pixel in seen.pixels().chunks_exact(4).filter(|pixel| pixel[3] > 0) {
            assert!(pixel[1] < 60, "{pixel:?}");
        }
    }

    #[test]
    fn the_placeholder_has_the_colour_of_the_picture() {
        let red = Picture::new(64, 64, Channels::Rgb, [200, 30, 20].repeat(64 * 64)).unwrap();
        let made = make(&encode_png(&red).unwrap());
        let shown = blurhash::decode(&made.blurhash, 8, 8, 1.0).unwrap();
        let mean = |sample: usize| {
            let sum: u32 = shown
                .iter()
                .skip(sample)
                .step_by(4)
                .map(|&s| u32::from(s))
                .sum();
            sum / 64
        };
        let means = [mean(0), mean(1), mean(2)];
        let near = means
            .iter()
            .zip([200, 30, 20])
            .all(|(a, b)| a.abs_diff(b) < 12);
        assert!(near, "{means:?}");
    }
}
