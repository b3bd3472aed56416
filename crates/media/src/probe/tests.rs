//! What is known of a picture before a pixel of it is decoded.

use std::io::Cursor;

use proptest::prelude::*;

use super::*;
use crate::sample;

fn facts(file: &[u8]) -> Result<Probe, MediaError> {
    probe(&mut Cursor::new(file), &Budget::default())
}

#[test]
fn every_format_tells_its_sides() {
    let table = [
        (MediaType::Jpeg, sample::noise_jpeg(37, 21)),
        (MediaType::Png, sample::gradient_png(37, 21)),
        (MediaType::WebP, sample::webp(37, 21)),
        (MediaType::WebP, sample::turned_webp(37, 21, 1)),
    ];
    for (media_type, file) in table {
        let wanted = Probe {
            media_type,
            width: 37,
            height: 21,
            has_alpha: false,
            animated: false,
            frames: 1,
            orientation: Orientation::Upright,
        };
        assert_eq!(facts(&file).unwrap(), wanted);
    }
}

#[test]
fn animations_say_so() {
    let webp = facts(&sample::animated_webp(40, 30)).unwrap();
    assert_eq!((webp.width, webp.height, webp.frames), (40, 30, 2));
    assert!(webp.animated);
    let gif = facts(&sample::gif_two_frames()).unwrap();
    assert_eq!((gif.width, gif.height, gif.frames), (4, 3, 2));
    assert!(gif.animated);
    assert!(gif.has_alpha);
    let counts = |frames: u32| sample::Png {
        chunks: vec![(*b"acTL", [frames.to_be_bytes(), [0; 4]].concat())],
        ..sample::Png::default()
    };
    for frames in [1, 2] {
        let file = counts(frames).file([vec![1, 2, 3]]);
        assert_eq!(facts(&file).unwrap().animated, frames > 1);
    }
    let file = counts(u32::MAX).file([vec![1, 2, 3]]);
    assert_eq!(facts(&file).unwrap().frames, MAX_FRAMES);
}

#[test]
fn frames_are_counted_up_to_a_limit_and_as_far_as_the_file_goes() {
    for (frames, counted) in [(1, 1), (7, 7), (10_000, 10_000), (10_200, 10_000)] {
        let gif = sample::gif_of_frames(frames);
        assert_eq!(facts(&gif).unwrap().frames, counted);
        let webp = sample::webp_of_frames(frames);
        assert_eq!(facts(&webp).unwrap().frames, counted);
    }
    let gif = sample::gif_of_frames(9);
    let webp = sample::webp_of_frames(9);
    let half = facts(&gif[..gif.len() / 2]).unwrap().frames;
    assert!((2..9).contains(&half), "{half}");
    let half = facts(&webp[..webp.len() / 2]).unwrap().frames;
    assert!((2..9).contains(&half), "{half}");
}

#[test]
fn orientation_is_found_in_every_format_that_has_it() {
    for value in 1..=8u16 {
        let png = sample::Png {
            width: 2,
            chunks: vec![(*b"eXIf", sample::exif(value))],
            ..sample::Png::default()
        };
        let files = [
            sample::turned_jpeg(2, 1, value),
            sample::turned_webp(2, 1, value),
            png.file([vec![0; 6]]),
        ];
        for file in files {
            let found = facts(&file).unwrap();
            assert_eq!(found.orientation, Orientation::from_exif(value.into()));
            let wanted = if value < 5 { (2, 1) } else { (1, 2) };
            assert_eq!((found.width, found.height), wanted);
        }
    }
}

#[test]
fn a_bomb_is_refused_from_its_header() {
    let file = sample::huge_header_png(50_000, 50_000);
    assert!(file.len() < 31_000);
    // The header is all that is needed: the rest is not even there.
    for length in [33, file.len()] {
        let refused = facts(&file[..length]);
        let refused = refused.unwrap_err().to_string();
        assert!(refused.starts_with("picture is 50000×50000"), "{refused}");
    }
    let mut jpeg = sample::noise_jpeg(8, 8);
    let frame = jpeg
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    jpeg[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    let mut webp = sample::turned_webp(8, 8, 1);
    webp[24..30].fill(0xff);
    let mut gif = sample::gif_two_frames();
    gif[6..10].fill(0xff);
    for file in [jpeg, webp, gif] {
        assert!(matches!(
            facts(&file),
            Err(MediaError::TooManyPixels { .. })
        ));
    }
}

#[test]
fn other_files_are_refused_by_name() {
    let refused = facts(b"#!/bin/sh\necho hello\n").unwrap_err().to_string();
    assert!(
        refused.starts_with("shell script cannot be decoded"),
        "{refused}"
    );
    let refused = facts(b"").unwrap_err().to_string();
    assert!(refused.starts_with("a file of unknown type"), "{refused}");
}

#[test]
fn a_picture_without_pixels_is_damaged() {
    let empty = sample::Png {
        width: 0,
        ..sample::Png::default()
    };
    assert!(matches!(
        facts(&empty.file([])),
        Err(MediaError::Damaged { .. })
    ));
    for file in [
        &b"\xff\xd8\xff\xd9"[..],
        b"GIF89a",
        b"RIFF\0\0\0\0WEBP",
        b"\x89PNG\r\n\x1a\n",
    ] {
        assert!(matches!(facts(file), Err(MediaError::Damaged { .. })));
    }
}

proptest! {
    #[test]
    fn any_bytes_behind_a_signature_are_judged(
        tail in proptest::collection::vec(any::<u8>(), 0..400),
    ) {
        let signatures = [
            &b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"GIF89a",
            b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0", b"RIFF\0\0\0\0WEBPVP8L", b"",
        ];
        for signature in signatures {
            if let Ok(found) = facts(&[signature, &tail].concat()) {
                prop_assert!(found.width > 0 && found.height > 0);
                prop_assert!(u64::from(found.width) * u64::from(found.height) <= 100_000_000);
            }
        }
    }

    #[test]
    fn a_header_with_changed_bytes_is_judged(at in 0usize..200, value in any::<u8>()) {
        let files = [
            sample::turned_jpeg(9, 5, 6), sample::gradient_png(9, 5),
            sample::animated_webp(9, 5), sample::gif_two_frames(),
        ];
        for mut file in files {
            let at = at % file.len();
            file[at] = value;
            if let Ok(found) = facts(&file) {
                prop_assert!(found.width > 0 && found.height > 0);
            }
        }
    }
}
