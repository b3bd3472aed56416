//! Thumbnails: a small WebP and a blurred placeholder from one decoding.

use std::io::{Cursor, Read, Seek};

use crate::decode::{Stored, baseline, decode_stored, fit, icc};
use crate::planes::Planes;
use crate::resize::{Part, resize, to_display};
use crate::subprocess::Programs;
use crate::{
    Budget, MediaError, MediaType, Orientation, Picture, Probe, Want, colour, libwebp, probe, vp8,
};

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
/// own where that is shorter: upright, alpha kept, first frame. A drawing is
/// drawn in that size.
///
/// # Errors
/// Those of [`crate::decode()`]; the whole file is read, so a damaged one is
/// found here.
pub fn thumbnail(
    source: &mut (impl Read + Seek),
    budget: &Budget,
) -> Result<Thumbnail, MediaError> {
    thumbnail_with(source, budget, &Programs::default())
}

/// The same with the programs that are given.
///
/// # Errors
/// Those of [`thumbnail`], and when a program is missing that the file needs.
pub fn thumbnail_with(
    source: &mut (impl Read + Seek),
    budget: &Budget,
    programs: &Programs,
) -> Result<Thumbnail, MediaError> {
    let facts = probe(source, budget)?;
    let want = Want::AtLeast {
        longest_side: THUMBNAIL_SIDE,
    };
    if facts.media_type == MediaType::Jpeg {
        let bytes = budget.read_whole(source)?;
        if let Some(made) = of_plain_jpeg(&bytes, &facts)? {
            return Ok(made);
        }
        let stored = decode_stored(&mut Cursor::new(bytes), &facts, want, budget, programs)?;
        return of_stored(stored, facts);
    }
    let stored = decode_stored(source, &facts, want, budget, programs)?;
    of_stored(stored, facts)
}

/// Makes a thumbnail of the plain kind of JPEG, which most photos are: without
/// going by way of colours of pixels where that can be. `None` for the others.
fn of_plain_jpeg(bytes: &[u8], facts: &Probe) -> Result<Option<Thumbnail>, MediaError> {
    let stored = facts.orientation.turn_sides(facts.width, facts.height);
    let Some(planes) = baseline::decode(bytes, stored, THUMBNAIL_SIDE as usize) else {
        return Ok(None);
    };
    let sides = fit(stored.0, stored.1, THUMBNAIL_SIDE);
    let Some(planes) = Planes::of_jpeg(&planes, sides) else {
        return Ok(None);
    };
    let profile = icc::jpeg(bytes);
    if facts.orientation != Orientation::Upright || !colour::is_needless(profile.as_deref()) {
        let mut small = planes.to_rgb()?;
        colour::to_srgb(&mut small, profile.as_deref());
        return of_small(facts.orientation.apply(small), *facts).map(Some);
    }
    Ok(Some(Thumbnail {
        webp: vp8::encode(&planes, QUALITY),
        width: planes.width,
        height: planes.height,
        blurhash: hash(planes.in_boxes(BLUR_SIDE)?),
        source: *facts,
    }))
}

/// Makes a thumbnail of decoded pixels.
pub(crate) fn of_stored(stored: Stored, facts: Probe) -> Result<Thumbnail, MediaError> {
    // A drawing has the sides that it is drawn in, and any in its header.
    let (width, height) = if facts.media_type == MediaType::Svg {
        (stored.picture.width(), stored.picture.height())
    } else {
        facts.orientation.turn_sides(facts.width, facts.height)
    };
    let sides = fit(width, height, THUMBNAIL_SIDE);
    let whole = Part::whole(&stored);
    let small = to_display(stored, whole, sides)?;
    of_small(facts.orientation.apply(small), facts)
}

/// Makes a thumbnail of pixels of its size.
fn of_small(upright: Picture, facts: Probe) -> Result<Thumbnail, MediaError> {
    Ok(Thumbnail {
        webp: libwebp::encode(&upright, QUALITY, EFFORT)?,
        width: upright.width(),
        height: upright.height(),
        blurhash: blurhash(upright)?,
        source: facts,
    })
}

/// The placeholder of a picture. What is transparent counts as white.
fn blurhash(picture: Picture) -> Result<String, MediaError> {
    let sides = fit(picture.width(), picture.height(), BLUR_SIDE);
    let stored = Stored::whole(picture);
    let whole = Part::whole(&stored);
    Ok(hash(resize(stored.picture, whole, sides)?))
}

fn hash(tiny: Picture) -> String {
    let tiny = tiny.on_white().into_rgba();
    let (across, down) = BLUR_WAVES;
    // INVARIANT: the waves are between 1 and 9, and a `Picture` has the bytes
    // that its sides ask for.
    blurhash::encode(across, down, tiny.width(), tiny.height(), tiny.pixels())
        .expect("a picture has a placeholder")
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;
    use crate::{Channels, Orientation, decode, encode_png, sample};

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
            (sample::noise_jpeg(3000, 1), (512, 1)),
            (sample::noise_jpeg(1, 1100), (1, 512)),
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
    fn the_quick_way_looks_as_the_other_one() {
        let file = sample::noise_jpeg(1301, 870);
        let facts = probe(&mut Cursor::new(&file), &Budget::default()).unwrap();
        let quick = of_plain_jpeg(&file, &facts).unwrap().expect("a plain file");
        let stored = decode_stored(
            &mut Cursor::new(&file),
            &facts,
            Want::AtLeast {
                longest_side: THUMBNAIL_SIDE,
            },
            &Budget::default(),
            &Programs::default(),
        );
        let slow = of_stored(stored.unwrap(), facts).unwrap();
        assert_eq!((quick.width, quick.height), (slow.width, slow.height));
        let [quick, slow] = [quick, slow].map(|made| {
            let webp = &mut Cursor::new(made.webp);
            let seen = decode(webp, Want::Full, &Budget::default()).unwrap();
            let hash = blurhash::decode(&made.blurhash, 8, 8, 1.0).unwrap();
            (seen.into_pixels(), hash)
        });
        let mean = |a: &[u8], b: &[u8]| {
            let sum: u32 = a
                .iter()
                .zip(b)
                .map(|(a, b)| u32::from(a.abs_diff(*b)))
                .sum();
            f64::from(sum) / a.len() as f64
        };
        let apart = (mean(&quick.0, &slow.0), mean(&quick.1, &slow.1));
        assert!(apart.0 < 5.0 && apart.1 < 4.0, "{apart:?}");
    }

    #[test]
    fn a_turned_photo_and_one_in_other_colours_go_the_quick_way_too() {
        let profile = moxcms::ColorProfile::new_display_p3().encode().unwrap();
        let segment = [b"ICC_PROFILE\0\x01\x01", profile.as_slice()].concat();
        let plain = sample::noise_jpeg(1200, 800);
        let table = [
            (sample::turned_jpeg(1200, 800, 6), (341, 512)),
            (
                sample::with_jpeg_segment(&plain, 0xe2, &segment),
                (512, 341),
            ),
        ];
        for (file, sides) in table {
            let facts = probe(&mut Cursor::new(&file), &Budget::default()).unwrap();
            let quick = of_plain_jpeg(&file, &facts).unwrap().expect("a plain file");
            assert_eq!((quick.width, quick.height), sides);
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
