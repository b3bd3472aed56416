//! What libwebp's decoder makes of the encoder's files.

use proptest::prelude::*;

use super::encode;
use crate::libwebp;
use crate::planes::Planes;

fn planes(width: u32, height: u32, pixel: impl Fn(usize, usize, usize) -> u8) -> Planes {
    let plane = |which: usize, width: u32, height: u32| {
        let places = (0..height as usize).flat_map(|y| (0..width as usize).map(move |x| (x, y)));
        places.map(|(x, y)| pixel(which, x, y)).collect()
    };
    let (half_width, half_height) = (width.div_ceil(2), height.div_ceil(2));
    Planes {
        width,
        height,
        luma: plane(0, width, height),
        blue: plane(1, half_width, half_height),
        red: plane(2, half_width, half_height),
    }
}

/// A number that looks like chance.
fn noise(seed: usize) -> u8 {
    let mut number = (seed as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    number ^= number >> 29;
    number = number.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (number >> 56) as u8
}

/// The largest difference of two planes, and the mean of its square.
fn apart(a: &[u8], b: &[u8]) -> (u8, f64) {
    assert_eq!(a.len(), b.len());
    let differences = a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    let sum: f64 = differences.clone().map(|d| f64::from(d).powi(2)).sum();
    (differences.max().unwrap_or(0), sum / a.len() as f64)
}

proptest! {
    // An encoder that sees other pixels than a decoder goes astray more with
    // each macroblock: after some hundred of noise nothing would be left.
    #[test]
    fn at_the_finest_steps_a_decoder_sees_the_picture(
        width in 1u32..200, height in 1u32..120, seed in any::<u32>(), grain in 1usize..40,
    ) {
        let from = planes(width, height, |which, x, y| {
            noise(seed as usize + which * 7919 + (x / grain) * 613 + (y / grain) * 10_007)
        });
        let seen = libwebp::decode_planes(&encode(&from, 100.0)).unwrap();
        prop_assert_eq!((seen.width, seen.height), (width, height));
        for (a, b) in [(&from.luma, &seen.luma), (&from.blue, &seen.blue), (&from.red, &seen.red)] {
            let (most, _) = apart(a, b);
            prop_assert!(most <= 12, "{most} in {width}×{height}");
        }
    }

    #[test]
    fn any_picture_and_quality_make_a_whole_file(
        width in 1u32..90, height in 1u32..90, quality in 0u8..=100, seed in any::<u32>(),
        contrast in 0u8..=255,
    ) {
        let from = planes(width, height, |which, x, y| {
            noise(seed as usize + which + x * 613 + y * 10_007) / 128 * contrast
        });
        let seen = libwebp::decode_planes(&encode(&from, f32::from(quality))).unwrap();
        prop_assert_eq!((seen.width, seen.height), (width, height));
    }
}

#[test]
fn a_flat_picture_takes_a_few_bytes() {
    let file = encode(&planes(512, 512, |which, _, _| [200, 90, 160][which]), 78.0);
    assert!(file.len() < 600, "{}", file.len());
    let seen = libwebp::decode_planes(&file).unwrap();
    let table = [(&seen.luma, 200), (&seen.blue, 90), (&seen.red, 160)];
    for (plane, wanted) in table {
        assert!(plane.iter().all(|pixel| pixel.abs_diff(wanted) <= 2));
    }
}

#[test]
fn better_quality_is_nearer_and_larger() {
    let from = planes(320, 240, |which, x, y| {
        let wave = ((x * x + y * y * (which + 1)) as f64 / 900.0).sin() * 90.0;
        (128.0 + wave) as u8
    });
    let mut last = (0, f64::MAX);
    for quality in [20.0, 60.0, 78.0, 95.0] {
        let file = encode(&from, quality);
        let seen = libwebp::decode_planes(&file).unwrap();
        let (_, error) = apart(&from.luma, &seen.luma);
        assert!(file.len() > last.0 && error < last.1, "{quality}");
        last = (file.len(), error);
    }
    assert!(last.1 < 6.0, "{}", last.1);
}
