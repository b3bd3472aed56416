//! What becomes of pixels: sides, cuts, alpha, orientation, colours, formats.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::{Orientation, decode, sample};

const PLAIN: Transform = Transform {
    width: None,
    height: None,
    fit: Fit::Contain,
    format: Format::Png,
    quality: None,
};

fn boxed(width: u32, height: u32, fit: Fit) -> Transform {
    Transform {
        width: Some(width),
        height: Some(height),
        fit,
        ..PLAIN
    }
}

fn attempt(file: &[u8], wanted: &Transform) -> Result<Transformed, MediaError> {
    let (budget, programs) = (Budget::default(), Programs::default());
    transform(&mut Cursor::new(file), wanted, &budget, &programs)
}

fn make(file: &[u8], wanted: &Transform) -> Transformed {
    attempt(file, wanted).unwrap()
}

fn pixels(file: &[u8]) -> Picture {
    decode(&mut Cursor::new(file), Want::Full, &Budget::default()).unwrap()
}

/// Vertical stripes of equal width, each of one colour.
fn stripes(width: u32, height: u32, colours: &[[u8; 3]]) -> Picture {
    let stripe = |x: u32| colours[(x as usize * colours.len()) / width as usize];
    let row: Vec<u8> = (0..width).flat_map(stripe).collect();
    Picture::new(width, height, Channels::Rgb, row.repeat(height as usize)).unwrap()
}

const RED: [u8; 3] = [220, 20, 20];
const GREEN: [u8; 3] = [20, 200, 20];
const BLUE: [u8; 3] = [20, 20, 220];

fn is_near(pixel: &[u8], colour: [u8; 3], within: u8) -> bool {
    let near = |(a, b): (&u8, u8)| a.abs_diff(b) <= within;
    pixel[..3].iter().zip(colour).all(near)
}

#[test]
fn sides_follow_the_box_and_never_grow() {
    let one = |width, height, fit| Transform {
        width,
        height,
        fit,
        ..PLAIN
    };
    let all = [Fit::Contain, Fit::Cover, Fit::Crop];
    let table = [
        (one(Some(300), None, Fit::Contain), (300, 200)),
        (one(None, Some(100), Fit::Contain), (150, 100)),
        (one(Some(300), None, Fit::Cover), (300, 200)),
        (one(None, None, Fit::Cover), (600, 400)),
        (one(Some(300), None, Fit::Crop), (300, 400)),
        (boxed(300, 300, Fit::Contain), (300, 200)),
        (boxed(1, 1, Fit::Contain), (1, 1)),
        (boxed(300, 300, Fit::Cover), (300, 300)),
        (boxed(300, 300, Fit::Crop), (300, 300)),
        (boxed(8192, 8192, Fit::Contain), (600, 400)),
        // The shape that was asked for, as large as the picture allows.
        (boxed(8192, 8192, Fit::Cover), (400, 400)),
        (boxed(1000, 500, Fit::Cover), (600, 300)),
        (boxed(8192, 100, Fit::Cover), (600, 7)),
        (boxed(8192, 100, Fit::Crop), (600, 100)),
        (boxed(8192, 8192, Fit::Crop), (600, 400)),
    ];
    for (wanted, sides) in table {
        assert_eq!(wanted.sides(600, 400).unwrap(), sides, "{wanted:?}");
        let made = make(&sample::gradient_png(600, 400), &wanted);
        assert_eq!((made.width, made.height), sides, "{wanted:?}");
    }
    for fit in all {
        assert_eq!(boxed(9, 9, fit).sides(1, 1).unwrap(), (1, 1));
    }
}

#[test]
fn too_large_a_result_is_refused_before_a_pixel_is_read() {
    let header = sample::huge_header_png(9000, 9000);
    for (wanted, limit) in [(PLAIN, "PNG"), (boxed(8192, 8192, Fit::Crop), "PNG")] {
        let refused = attempt(&header, &wanted);
        let message = refused.unwrap_err().to_string();
        assert!(
            message.contains(limit) && message.contains("40000000"),
            "{message}"
        );
    }
    let avif = Transform {
        format: Format::Avif,
        ..PLAIN
    };
    assert!(avif.sides(3840, 2160).is_ok());
    assert!(avif.sides(6000, 4000).is_err());
    assert!(boxed(2000, 2000, Fit::Contain).sides(9000, 9000).is_ok());
}

#[test]
fn contain_keeps_everything_cover_and_crop_the_middle() {
    let picture = stripes(900, 300, &[RED, GREEN, BLUE]);
    for file in [
        encode_png(&picture).unwrap(),
        encode_jpeg(&picture, 95).unwrap(),
        encode_webp(&picture, 95).unwrap(),
    ] {
        let small = pixels(&make(&file, &boxed(90, 90, Fit::Contain)).bytes);
        assert_eq!((small.width(), small.height()), (90, 30));
        for (x, colour) in [(5, RED), (45, GREEN), (85, BLUE)] {
            assert!(is_near(&small.row(15)[x * 3..], colour, 12));
        }
        for fit in [Fit::Cover, Fit::Crop] {
            let middle = pixels(&make(&file, &boxed(100, 100, fit)).bytes);
            assert_eq!((middle.width(), middle.height()), (100, 100));
            for x in [2, 50, 97] {
                assert!(is_near(&middle.row(50)[x * 3..], GREEN, 12), "{fit:?} {x}");
            }
        }
        // A cut of the same shape as the picture is the picture.
        let whole = pixels(&make(&file, &boxed(90, 30, Fit::Cover)).bytes);
        assert!(is_near(&whole.row(15)[15..], RED, 12));
    }
}

#[test]
fn a_crop_is_the_original_pixel_for_pixel() {
    let picture = sample::photo(101, 77);
    let made = make(&encode_png(&picture).unwrap(), &boxed(31, 20, Fit::Crop));
    let cut = pixels(&made.bytes);
    for y in 0..20 {
        assert_eq!(cut.row(y), &picture.row(28 + y)[35 * 3..][..31 * 3]);
    }
}

#[test]
fn a_turned_picture_is_cut_as_it_is_seen() {
    // Stored lying, seen standing: the first stripe is at the top or the bottom.
    let jpeg = encode_jpeg(&stripes(600, 200, &[RED, GREEN, BLUE]), 95).unwrap();
    let turned = |orientation| {
        let segment = [&b"Exif\0\0"[..], &sample::exif(orientation)].concat();
        sample::with_jpeg_segment(&jpeg, 0xe1, &segment)
    };
    let wanted = boxed(50, 8192, Fit::Contain);
    let seen = pixels(&make(&turned(6), &wanted).bytes);
    assert_eq!((seen.width(), seen.height()), (50, 150));
    assert!(is_near(seen.row(10), RED, 15) && is_near(seen.row(140), BLUE, 15));
    let seen = pixels(&make(&turned(8), &wanted).bytes);
    assert!(is_near(seen.row(10), BLUE, 15) && is_near(seen.row(140), RED, 15));
    for fit in [Fit::Cover, Fit::Crop] {
        let cut = pixels(&make(&turned(6), &boxed(100, 60, fit)).bytes);
        assert_eq!((cut.width(), cut.height()), (100, 60));
        assert!(is_near(&cut.row(30)[150..], GREEN, 15));
    }
}

#[test]
fn alpha_is_kept_where_the_format_has_it_and_white_elsewhere() {
    let row = [[255, 0, 0, 255].repeat(200), [0, 255, 0, 0].repeat(200)].concat();
    let picture = Picture::new(400, 100, Channels::Rgba, row.repeat(100)).unwrap();
    let file = encode_png(&picture).unwrap();
    let small = |format| Transform {
        format,
        ..boxed(100, 25, Fit::Contain)
    };
    for format in [Format::Png, Format::WebP, Format::Plain] {
        let made = make(&file, &small(format));
        let seen = pixels(&made.bytes);
        let row = seen.row(12);
        assert_eq!((row[3], row[99 * 4 + 3]), (255, 0), "{format:?}");
        // The hidden green never shows, not even at the edge.
        let shown = row.chunks_exact(4).filter(|pixel| pixel[3] > 40);
        assert!(shown.into_iter().all(|pixel| pixel[1] < 70), "{format:?}");
    }
    assert_eq!(
        make(&file, &small(Format::Plain)).media_type,
        MediaType::Png
    );
    let jpeg = make(&file, &small(Format::Jpeg));
    assert_eq!(jpeg.media_type, MediaType::Jpeg);
    let seen = pixels(&jpeg.bytes);
    assert!(is_near(seen.row(12), [255, 0, 0], 12));
    assert!(is_near(&seen.row(12)[99 * 3..], [255; 3], 12));
    // Alpha that hides nothing is no reason for a PNG.
    let opaque = encode_png(&sample::photo(40, 40).into_rgba()).unwrap();
    assert_eq!(
        make(&opaque, &small(Format::Plain)).media_type,
        MediaType::Jpeg
    );
}

#[test]
fn every_format_is_what_it_says_and_quality_costs_bytes() {
    let file = sample::noise_jpeg(400, 300);
    for (format, media_type) in [
        (Format::WebP, MediaType::WebP),
        (Format::Avif, MediaType::Avif),
        (Format::Jpeg, MediaType::Jpeg),
        (Format::Png, MediaType::Png),
        (Format::Plain, MediaType::Jpeg),
    ] {
        let of = |quality| {
            let wanted = Transform {
                format,
                quality,
                ..boxed(200, 200, Fit::Contain)
            };
            make(&file, &wanted)
        };
        let made = of(None);
        assert_eq!(made.media_type, media_type);
        assert_eq!(crate::sniff(&made.bytes).media_type, Some(media_type));
        let facts = probe(&mut Cursor::new(&made.bytes), &Budget::default()).unwrap();
        assert_eq!((facts.width, facts.height), (200, 150));
        assert_eq!(facts.orientation, Orientation::Upright);
        let sizes = [1, 50, 100].map(|quality| of(Some(quality)).bytes.len());
        if format == Format::Png {
            assert!(sizes[0] == sizes[2]);
        } else {
            assert!(
                sizes[0] < sizes[1] && sizes[1] < sizes[2],
                "{format:?} {sizes:?}"
            );
        }
    }
}

#[test]
fn an_avif_carries_alpha_and_odd_sides() {
    let row = [[200, 30, 30, 255].repeat(50), [0, 0, 0, 0].repeat(51)].concat();
    let picture = Picture::new(101, 33, Channels::Rgba, row.repeat(33)).unwrap();
    for picture in [picture.clone(), picture.into_rgb(), sample::photo(1, 1)] {
        let avif = encode_avif(&picture, 70).unwrap();
        let facts = probe(&mut Cursor::new(&avif), &Budget::default()).unwrap();
        assert_eq!(
            (facts.width, facts.height),
            (picture.width(), picture.height())
        );
        assert_eq!(facts.has_alpha, picture.channels() == Channels::Rgba);
    }
}

#[test]
fn of_an_animation_the_first_frame_is_taken() {
    for file in [sample::gif_two_frames(), sample::animated_webp(60, 40)] {
        let made = make(&file, &PLAIN);
        let whole = pixels(&file);
        assert_eq!((made.width, made.height), (whole.width(), whole.height()));
        assert!(pixels(&made.bytes) == whole);
    }
}

#[test]
fn colours_of_a_profile_become_srgb() {
    let p3 = moxcms::ColorProfile::new_display_p3().encode().unwrap();
    let flat = Picture::new(64, 64, Channels::Rgb, [200, 100, 50].repeat(64 * 64)).unwrap();
    let file = sample::with_png_profile(&encode_png(&flat).unwrap(), &p3);
    let mut wanted = flat;
    crate::colour::to_srgb(&mut wanted, Some(&p3));
    let seen = pixels(&make(&file, &boxed(16, 16, Fit::Cover)).bytes);
    let Some(&[r, g, b]) = wanted.pixels().first_chunk::<3>() else {
        panic!("a picture has pixels");
    };
    assert!(is_near(seen.row(3), [r, g, b], 1));
}

#[test]
fn what_is_no_picture_or_damaged_is_an_error() {
    let broken = sample::corrupt_png();
    for file in [&b"no picture"[..], b"", &broken] {
        let made = attempt(file, &PLAIN);
        assert!(made.is_err());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn a_plan_stays_within_the_picture(
        width in 1u32..70_000, height in 1u32..70_000,
        wide in proptest::option::of(0u32..9000), high in proptest::option::of(0u32..9000),
        fit in prop_oneof![Just(Fit::Contain), Just(Fit::Cover), Just(Fit::Crop)],
    ) {
        let wanted = Transform { width: wide, height: high, fit, ..PLAIN };
        let Plan { part, sides } = wanted.plan(width, height);
        prop_assert!(sides.0 >= 1 && sides.1 >= 1 && sides.0 <= width && sides.1 <= height);
        prop_assert!(wide.is_none_or(|wide| sides.0 <= wide.max(1)));
        prop_assert!(high.is_none_or(|high| sides.1 <= high.max(1)));
        prop_assert!(part.left >= 0.0 && part.top >= 0.0 && part.width > 0.0 && part.height > 0.0);
        prop_assert!(part.left + part.width <= f64::from(width) + 1e-6);
        prop_assert!(part.top + part.height <= f64::from(height) + 1e-6);
    }

    #[test]
    fn a_small_picture_can_be_cut_in_every_way(
        width in 1u32..40, height in 1u32..40, wide in 1u32..60, high in 1u32..60,
        fit in prop_oneof![Just(Fit::Contain), Just(Fit::Cover), Just(Fit::Crop)],
    ) {
        let file = encode_png(&sample::photo(width, height)).unwrap();
        let wanted = boxed(wide, high, fit);
        let made = attempt(&file, &wanted).unwrap();
        prop_assert_eq!((made.width, made.height), wanted.sides(width, height).unwrap());
    }
}
