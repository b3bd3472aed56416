//! Pixels of every kind of file, and the refusal of those that lack some.

use std::io::Cursor;

use proptest::prelude::*;
use turbojpeg::{Colorspace, Compressor, Image, PixelFormat, Subsamp};

use super::*;
use crate::{Channels, Orientation, encode_webp, sample};

fn decode_all(file: &[u8], want: Want) -> Result<Picture, MediaError> {
    decode(&mut Cursor::new(file), want, &Budget::default())
}

fn full(file: &[u8]) -> Picture {
    decode_all(file, Want::Full).unwrap()
}

fn small(file: &[u8], longest_side: u32) -> Picture {
    decode_all(file, Want::AtLeast { longest_side }).unwrap()
}

fn pixel(picture: &Picture, x: u32, y: u32) -> Vec<u8> {
    let count = picture.channels().count();
    picture.row(y)[x as usize * count..][..count].to_vec()
}

fn is_near(found: &[u8], wanted: &[u8]) -> bool {
    let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 6;
    found.len() == wanted.len() && found.iter().zip(wanted).all(near)
}

/// A JPEG of one colour, from samples of the given format.
fn flat_jpeg(format: PixelFormat, colorspace: Option<Colorspace>, samples: &[u8]) -> Vec<u8> {
    let pixels = samples.repeat(16 * 16);
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(95).unwrap();
    compressor
        .set_subsamp(match format {
            PixelFormat::GRAY => Subsamp::Gray,
            _ => Subsamp::None,
        })
        .unwrap();
    if let Some(colorspace) = colorspace {
        compressor.set_colorspace(colorspace).unwrap();
    }
    let pitch = 16 * samples.len();
    let image = Image {
        pixels: pixels.as_slice(),
        width: 16,
        pitch,
        height: 16,
        format,
    };
    compressor.compress_to_vec(image).unwrap()
}

#[test]
fn colours_survive_in_every_jpeg_colour_space() {
    let inks = [255 - 10, 255 - 200, 255 - 250, 255];
    let table = [
        (
            flat_jpeg(PixelFormat::RGB, None, &[245, 55, 5]),
            [245, 55, 5],
        ),
        (flat_jpeg(PixelFormat::GRAY, None, &[77]), [77, 77, 77]),
        // As Adobe stores it: what is left of the light.
        (
            flat_jpeg(PixelFormat::CMYK, Some(Colorspace::CMYK), &inks),
            [245, 55, 5],
        ),
        (
            flat_jpeg(PixelFormat::CMYK, Some(Colorspace::YCCK), &inks),
            [245, 55, 5],
        ),
    ];
    for (file, wanted) in table {
        for picture in [full(&file), small(&file, 2)] {
            let found = pixel(&picture, 1, 1);
            assert!(is_near(&found, &wanted), "{found:?} is not {wanted:?}");
        }
    }
}

#[test]
fn ink_without_adobes_segment_is_ink() {
    let mut file = flat_jpeg(
        PixelFormat::CMYK,
        Some(Colorspace::CMYK),
        &[10, 200, 250, 0],
    );
    let adobe = file.windows(5).position(|word| word == b"Adobe").unwrap();
    file[adobe] = b'a';
    assert!(is_near(&pixel(&full(&file), 3, 3), &[245, 55, 5]));
}

#[test]
fn a_jpeg_shrinks_in_the_transform_to_no_less_than_wanted() {
    let file = sample::noise_jpeg(801, 400);
    for (longest_side, width) in [(50, 101), (101, 101), (102, 201), (500, 801), (900, 801)] {
        assert_eq!(small(&file, longest_side).width(), width);
    }
}

/// A progressive JPEG, smooth, of the given sides.
fn progressive_jpeg(width: usize, height: usize) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_progressive(true).unwrap();
    compressor.set_subsamp(Subsamp::None).unwrap();
    let pixels = vec![90; width * height * 3];
    let format = PixelFormat::RGB;
    let image = Image {
        pixels: pixels.as_slice(),
        width,
        pitch: width * 3,
        height,
        format,
    };
    compressor.compress_to_vec(image).unwrap()
}

#[test]
fn a_progressive_jpeg_is_read_and_found_out_when_scans_are_missing() {
    let file = progressive_jpeg(400, 300);
    assert_eq!(small(&file, 100).width(), 100);
    let outcome = decode_all(&file[..file.len() * 2 / 3], Want::Full);
    assert!(
        matches!(outcome, Err(MediaError::Damaged { .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_progressive_jpeg_that_needs_too_much_memory_is_refused() {
    let mut file = progressive_jpeg(16, 16);
    let frame = file
        .windows(2)
        .position(|pair| pair == [0xff, 0xc2])
        .unwrap();
    // 9000 × 9000: within the budget of pixels.
    file[frame + 5..frame + 9].copy_from_slice(&[0x23, 0x28, 0x23, 0x28]);
    let outcome = decode_all(&file, Want::AtLeast { longest_side: 16 });
    assert!(
        matches!(outcome, Err(MediaError::Unusable { .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_jpeg_of_a_scan_for_each_colour_is_held_to_the_same_memory() {
    let mut file = flat_jpeg(PixelFormat::RGB, None, &[245, 55, 5]);
    let at = |file: &[u8], marker: u8| {
        let is_there = |pair: &[u8]| pair == [0xff, marker];
        file.windows(2).position(is_there).unwrap()
    };
    let frame = at(&file, 0xc0);
    file[frame + 5..frame + 9].copy_from_slice(&[0x23, 0x28, 0x23, 0x28]);
    let scan = at(&file, 0xda);
    file.truncate(scan);
    file.extend_from_slice(&[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0, 0xff, 0xd9]);
    let outcome = decode_all(&file, Want::AtLeast { longest_side: 16 });
    let reason = outcome.unwrap_err().to_string();
    assert!(reason.contains("486 MB"), "{reason}");
}

#[test]
fn every_orientation_comes_upright() {
    // The gradient is dark at the left; after each turn it is dark elsewhere.
    for value in 1..=8u16 {
        let orientation = Orientation::from_exif(value.into());
        let stored = full(&sample::noise_jpeg(60, 40));
        let turned = full(&sample::turned_jpeg(60, 40, value));
        assert!(turned == orientation.apply(stored), "{value}");
        let webp = full(&sample::turned_webp(60, 40, value));
        assert_eq!(
            (webp.width(), webp.height()),
            (turned.width(), turned.height())
        );
    }
}

/// A PNG of 3×2 pixels of the given kind.
fn tiny_png(
    depth: u8,
    colour_type: u8,
    chunks: &[([u8; 4], Vec<u8>)],
    rows: [&[u8]; 2],
) -> Picture {
    let png = sample::Png {
        width: 3,
        height: 2,
        depth,
        colour_type,
        chunks: chunks.to_vec(),
        ..sample::Png::default()
    };
    full(&png.file(rows.map(<[u8]>::to_vec)))
}

#[test]
fn every_kind_of_png_becomes_eight_bit_colour() {
    let palette = (*b"PLTE", vec![9, 8, 7, 60, 50, 40, 255, 0, 0]);
    let see_through = (*b"tRNS", vec![255, 128]);
    let grey = tiny_png(8, 0, &[], [&[1, 2, 3], &[4, 5, 6]]);
    assert_eq!(pixel(&grey, 2, 1), [6, 6, 6]);
    let bits = tiny_png(1, 0, &[], [&[0b1010_0000], &[0b0100_0000]]);
    assert_eq!(bits.row(0), [255, 255, 255, 0, 0, 0, 255, 255, 255]);
    let grey_alpha = tiny_png(8, 4, &[], [&[1, 10, 2, 20, 3, 30], &[0; 6]]);
    assert_eq!(pixel(&grey_alpha, 1, 0), [2, 2, 2, 20]);
    let deep = tiny_png(
        16,
        2,
        &[],
        [&[200, 99, 100, 99, 50, 99].repeat(3), &[0; 18]],
    );
    assert_eq!(pixel(&deep, 2, 0), [200, 100, 50]);
    let deep_alpha = tiny_png(16, 6, &[], [&[9, 0, 8, 0, 7, 0, 6, 0].repeat(3), &[0; 24]]);
    assert_eq!(pixel(&deep_alpha, 0, 0), [9, 8, 7, 6]);
    let indexed = tiny_png(
        8,
        3,
        std::slice::from_ref(&palette),
        [&[0, 1, 2], &[2, 1, 0]],
    );
    assert_eq!(indexed.row(0), [9, 8, 7, 60, 50, 40, 255, 0, 0]);
    let indexed = tiny_png(
        2,
        3,
        &[palette, see_through],
        [&[0b0001_1000], &[0b1001_0000]],
    );
    assert_eq!(pixel(&indexed, 1, 0), [60, 50, 40, 128]);
    assert_eq!(pixel(&indexed, 2, 0), [255, 0, 0, 255]);
}

/// The rows of an eight-bit colour picture as the seven passes store them.
fn in_passes(picture: &Picture) -> Vec<Vec<u8>> {
    let passes = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let mut rows = Vec::new();
    for (left, top, step, down) in passes {
        for y in (top..picture.height()).step_by(down) {
            let columns = (left..picture.width()).step_by(step);
            let row: Vec<u8> = columns.flat_map(|x| pixel(picture, x, y)).collect();
            if !row.is_empty() {
                rows.push(row);
            }
        }
    }
    rows
}

#[test]
fn an_interlaced_png_is_the_same_picture() {
    for (width, height) in [(1, 1), (3, 5), (2, 9), (50, 41)] {
        let plain = sample::gradient_png(width, height);
        let interlaced = sample::Png {
            width,
            height,
            interlaced: true,
            ..sample::Png::default()
        };
        let interlaced = interlaced.file(in_passes(&full(&plain)));
        assert!(full(&plain) == full(&interlaced));
        assert!(small(&plain, 10) == small(&interlaced, 10));
    }
}

#[test]
fn a_png_is_shrunk_while_it_is_read() {
    let picture = small(&sample::gradient_png(1000, 600), 100);
    assert_eq!((picture.width(), picture.height()), (167, 100));
    assert!(is_near(&pixel(&picture, 0, 0), &[1, 1, 128]));
    assert!(is_near(&pixel(&picture, 166, 99), &[254, 254, 128]));
}

#[test]
fn webp_is_scaled_while_it_is_read() {
    let file = sample::webp(300, 200);
    let picture = small(&file, 60);
    assert_eq!((picture.width(), picture.height()), (60, 40));
    let (whole, photo) = (full(&file), sample::photo(300, 200));
    let mean = |picture: &Picture| {
        let sum: u64 = picture
            .pixels()
            .iter()
            .map(|&sample| u64::from(sample))
            .sum();
        sum / picture.pixels().len() as u64
    };
    assert!(mean(&whole).abs_diff(mean(&photo)) < 4);
    assert!(mean(&picture).abs_diff(mean(&photo)) < 4);
}

#[test]
fn transparency_is_kept() {
    let clear = [[10, 200, 30, 255], [90, 90, 90, 0]]
        .concat()
        .repeat(32 * 32 / 2);
    let picture = Picture::new(32, 32, Channels::Rgba, clear).unwrap();
    let webp = full(&encode_webp(&picture, 90).unwrap());
    assert_eq!(
        (
            webp.channels(),
            pixel(&webp, 0, 0)[3],
            pixel(&webp, 1, 0)[3]
        ),
        (Channels::Rgba, 255, 0)
    );
    let png = full(&crate::encode_png(&picture).unwrap());
    assert!(png == picture);
    let gif = full(&sample::gif_two_frames());
    assert_eq!(
        gif.row(2),
        [[255, 0, 0, 255], [255, 0, 0, 255], [0; 4], [0; 4]].concat()
    );
}

#[test]
fn an_animation_gives_its_first_frame_on_its_canvas() {
    let picture = full(&sample::animated_webp(40, 30));
    assert_eq!((picture.width(), picture.height()), (40, 30));
    assert_eq!(pixel(&picture, 19, 14)[3], 255);
    assert_eq!(pixel(&picture, 20, 14)[3], 0);
    let picture = small(&sample::animated_webp(400, 300), 50);
    assert_eq!((picture.width(), picture.height()), (80, 60));
    assert_eq!(
        (pixel(&picture, 39, 29)[3], pixel(&picture, 40, 29)[3]),
        (255, 0)
    );
}

#[test]
fn one_pixel_is_a_picture() {
    let gif = sample::gif_two_frames();
    for file in [
        sample::noise_jpeg(1, 1),
        sample::gradient_png(1, 1),
        sample::webp(1, 1),
        sample::animated_webp(1, 1),
    ] {
        for want in [Want::Full, Want::AtLeast { longest_side: 512 }] {
            let picture = decode_all(&file, want).unwrap();
            assert_eq!((picture.width(), picture.height()), (1, 1));
        }
    }
    assert_eq!(small(&gif, 1).width(), 1);
}

#[test]
fn a_file_cut_off_anywhere_is_damaged() {
    let files = [
        sample::turned_jpeg(60, 40, 6),
        sample::gradient_png(20, 20),
        sample::webp(60, 40),
        sample::animated_webp(40, 30),
        sample::gif_two_frames(),
    ];
    for file in &files {
        // The last bytes may be padding, a mark, or frames after the first.
        let needed = match file.as_slice() {
            [b'G', ..] => file.len() - 30,
            [b'R', ..] if file[12..16] == *b"VP8X" => file.len() / 2,
            [b'R' | 0xff, ..] => file.len() - 2,
            _ => file.len(),
        };
        for length in 16..needed {
            for want in [Want::Full, Want::AtLeast { longest_side: 16 }] {
                let outcome = decode_all(&file[..length], want);
                let is_refused = matches!(outcome, Err(MediaError::Damaged { .. }));
                assert!(is_refused, "{length} of {} bytes: {outcome:?}", file.len());
            }
        }
    }
}

#[test]
fn a_jpeg_without_its_last_mark_is_whole() {
    for file in [sample::noise_jpeg(90, 70), sample::turned_jpeg(60, 40, 6)] {
        for want in [Want::Full, Want::AtLeast { longest_side: 16 }] {
            let whole = decode_all(&file, want).unwrap();
            for missing in 1..=2 {
                let cut = decode_all(&file[..file.len() - missing], want).unwrap();
                assert_eq!(cut, whole);
            }
        }
    }
}

#[test]
fn a_large_jpeg_cut_in_half_is_damaged() {
    let file = sample::noise_jpeg(900, 700);
    let outcome = decode_all(&file[..file.len() / 2], Want::AtLeast { longest_side: 100 });
    assert!(
        matches!(outcome, Err(MediaError::Damaged { .. })),
        "{outcome:?}"
    );
}

#[test]
fn a_corrupt_middle_is_damaged() {
    let outcome = decode_all(&sample::corrupt_png(), Want::Full);
    assert!(
        matches!(outcome, Err(MediaError::Damaged { .. })),
        "{outcome:?}"
    );
}

#[test]
fn stray_bytes_before_a_marker_do_no_harm() {
    let mut file = sample::noise_jpeg(30, 20);
    let end = file.len() - 2;
    file.splice(end..end, [0x11, 0x22, 0x33]);
    assert_eq!(full(&file).width(), 30);
}

#[test]
fn changed_bytes_never_panic() {
    let files = [
        sample::turned_jpeg(40, 30, 3),
        sample::gradient_png(12, 12),
        sample::webp(40, 30),
        sample::animated_webp(20, 20),
        sample::gif_two_frames(),
    ];
    for file in &files {
        for at in 0..file.len().min(1500) {
            for value in [0x00, 0x01, 0x7f, 0xff] {
                let mut changed = file.clone();
                changed[at] = value;
                if let Ok(picture) = decode_all(&changed, Want::AtLeast { longest_side: 8 }) {
                    assert!(picture.width() > 0);
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn a_file_with_many_changed_bytes_is_judged(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
        longest_side in 1u32..64,
    ) {
        let files = [
            sample::turned_jpeg(48, 40, 5),
            progressive_jpeg(40, 24),
            sample::gradient_png(16, 12),
            sample::turned_webp(40, 30, 7),
            sample::animated_webp(24, 20),
            sample::gif_two_frames(),
        ];
        for mut file in files {
            for (at, value) in &changes {
                let at = at.index(file.len());
                file[at] = *value;
            }
            file.truncate(16 + cut.index(file.len() * 4));
            // A header may rightly announce up to the whole budget; a smaller
            // one keeps this quick.
            let budget = Budget { max_pixels: 1_000_000, ..Budget::default() };
            for want in [Want::Full, Want::AtLeast { longest_side }] {
                if let Ok(picture) = decode(&mut Cursor::new(&file), want, &budget) {
                    let pixels = u64::from(picture.width()) * u64::from(picture.height());
                    prop_assert!((1..=1_000_000).contains(&pixels));
                }
            }
        }
    }
}
