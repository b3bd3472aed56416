//! Colours of wide and narrow profiles, of inks and of broken ones.

use proptest::prelude::*;

use super::*;

fn profile(profile: &ColorProfile) -> Vec<u8> {
    profile.encode().unwrap()
}

fn one(channels: Channels, pixel: &[u8]) -> Picture {
    Picture::new(1, 1, channels, pixel.to_vec()).unwrap()
}

#[test]
fn a_wide_gamut_becomes_srgb_and_alpha_stays() {
    let p3 = profile(&ColorProfile::new_display_p3());
    let mut picture = one(Channels::Rgba, &[200, 100, 50, 77]);
    to_srgb(&mut picture, Some(&p3));
    let &[red, green, blue, alpha] = picture.pixels() else {
        panic!("one pixel of four samples");
    };
    // P3's (200, 100, 50) is redder than sRGB's of the same numbers.
    assert!(red > 208 && green < 99 && blue < 45 && alpha == 77);
    let mut white = one(Channels::Rgb, &[255; 3]);
    to_srgb(&mut white, Some(&p3));
    assert!(white.pixels().iter().all(|sample| *sample >= 254));
}

#[test]
fn srgb_itself_changes_no_byte() {
    let srgb = profile(&ColorProfile::new_srgb());
    let mut picture = crate::sample::photo(90, 70);
    let before = picture.clone();
    to_srgb(&mut picture, Some(&srgb));
    assert!(picture == before);
}

#[test]
fn srgb_is_known_by_its_numbers_and_nothing_else_is() {
    let srgb = ColorProfile::new_srgb();
    assert!(is_srgb(&parse(&profile(&srgb)).unwrap()));
    // As a table of 1024 points, the way the first profiles had it.
    let table: Vec<u16> = (0..1024)
        .map(|at| (srgb_light(f64::from(at) / 1023.0) * 65_535.0).round() as u16)
        .collect();
    let curve = Some(ToneReprCurve::Lut(table));
    let with = |change: &dyn Fn(&mut ColorProfile)| {
        let mut changed = srgb.clone();
        change(&mut changed);
        changed
    };
    let by_table = with(&|other| {
        other.red_trc.clone_from(&curve);
        other.green_trc.clone_from(&curve);
        other.blue_trc.clone_from(&curve);
    });
    assert!(is_srgb(&parse(&profile(&by_table)).unwrap()));
    let linear = with(&|other| other.blue_trc = Some(ToneReprCurve::Lut(vec![0, 65_535])));
    let without = with(&|other| other.green_trc = None);
    for other in [
        linear,
        without,
        ColorProfile::new_display_p3(),
        ColorProfile::new_adobe_rgb(),
        ColorProfile::new_bt2020(),
    ] {
        assert!(!is_srgb(&other));
    }
}

#[test]
fn grey_of_another_gamma_becomes_lighter_or_darker() {
    let linear = profile(&ColorProfile::new_gray_with_gamma(1.0));
    let mut picture = one(Channels::Rgb, &[55; 3]);
    to_srgb(&mut picture, Some(&linear));
    // 55 of linear light is about half of what sRGB counts.
    let grey = picture.pixels()[0];
    assert!((125..=131).contains(&grey), "{grey}");
}

#[test]
fn a_broken_or_foreign_profile_changes_nothing() {
    let p3 = profile(&ColorProfile::new_display_p3());
    let grey = profile(&ColorProfile::new_gray_with_gamma(2.2));
    assert_eq!(inks_to_srgb(&[0; 8], Some(&p3)), None);
    assert_eq!(inks_to_srgb(&[0; 8], Some(&grey)), None);
    assert_eq!(inks_to_srgb(&[0; 8], None), None);
    for broken in [&p3[..p3.len() / 2], &p3[..100], b"", b"no profile"] {
        let mut picture = one(Channels::Rgb, &[200, 100, 50]);
        to_srgb(&mut picture, Some(broken));
        assert_eq!(picture.pixels(), [200, 100, 50]);
    }
}

#[test]
fn a_profile_is_found_in_every_format_that_carries_one() {
    use crate::{Budget, Want, decode, encode_png, encode_webp, sample, thumbnail};
    use std::io::Cursor;

    let p3 = profile(&ColorProfile::new_display_p3());
    let flat = Picture::new(32, 32, Channels::Rgb, [200, 100, 50].repeat(32 * 32)).unwrap();
    let mut wanted = flat.clone();
    to_srgb(&mut wanted, Some(&p3));
    let segment = [b"ICC_PROFILE\0\x01\x01", p3.as_slice()].concat();
    let jpeg = crate::encode_jpeg(&flat, 95).unwrap();
    let files = [
        sample::with_jpeg_segment(&jpeg, 0xe2, &segment),
        sample::with_png_profile(&encode_png(&flat).unwrap(), &p3),
        sample::with_webp_profile(&encode_webp(&flat, 95).unwrap(), (32, 32), &p3),
    ];
    for file in files {
        let budget = Budget::default();
        let picture = decode(&mut Cursor::new(&file), Want::Full, &budget).unwrap();
        let made = thumbnail(&mut Cursor::new(&file), &budget).unwrap();
        let small = decode(&mut Cursor::new(&made.webp), Want::Full, &budget).unwrap();
        for (seen, within) in [(picture, 4), (small, 8)] {
            let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= within;
            let is_near = seen.row(9)[..3].iter().zip(wanted.pixels()).all(near);
            assert!(
                is_near,
                "{:?} is not {:?}",
                &seen.row(9)[..3],
                &wanted.pixels()[..3]
            );
        }
    }
    let tiff = sample::Tiff {
        profile: p3.clone(),
        ..sample::Tiff::default()
    }
    .file();
    let plain = sample::Tiff::default().file();
    let [tagged, mut plain] = [tiff, plain]
        .map(|file| decode(&mut Cursor::new(file), Want::Full, &Budget::default()).unwrap());
    assert!(tagged != plain);
    to_srgb(&mut plain, Some(&p3));
    assert!(tagged == plain);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_profile_leaves_a_picture(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9),
    ) {
        for mut bytes in [
            profile(&ColorProfile::new_display_p3()),
            profile(&ColorProfile::new_gray_with_gamma(1.8)),
            crate::sample::ink_profile(),
        ] {
            for (at, value) in &changes {
                let at = at.index(bytes.len());
                bytes[at] = *value;
            }
            let mut picture = crate::sample::photo(5, 5);
            to_srgb(&mut picture, Some(&bytes));
            prop_assert_eq!(picture.width(), 5);
            let inks = inks_to_srgb(&[9; 40], Some(&bytes));
            prop_assert!(inks.is_none_or(|pixels| pixels.len() == 30));
        }
    }
}
