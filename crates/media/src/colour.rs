//! Colour: pixels of an embedded ICC profile turned into sRGB.
//!
//! A profile that is broken, of another colour space than the pixels, or as
//! good as sRGB changes nothing: a picture is never refused for its profile.

use moxcms::{ColorProfile, DataColorSpace, Layout, RenderingIntent, TransformOptions};

use crate::{Channels, Picture};

/// The most bytes of a profile that are looked at. Those of printers, the
/// largest there are, stay below 4 MiB.
pub(crate) const MAX_PROFILE_BYTES: usize = 4 << 20;

/// Pixels that are turned at once, so that the copy of the source stays small.
const AT_ONCE: usize = 4096;

/// Turns the colours of a picture into sRGB, in place; alpha stays.
pub(crate) fn to_srgb(picture: &mut Picture, profile: Option<&[u8]>) {
    let Some(profile) = profile.and_then(parse) else {
        return;
    };
    match profile.color_space {
        DataColorSpace::Rgb => convert_rgb(picture, &profile),
        DataColorSpace::Gray => convert_grey(picture, &profile),
        _ => {}
    }
}

/// Turns inks (0 is none, 255 is full) into sRGB; `None` where the profile is
/// not one of four inks.
pub(crate) fn inks_to_srgb(inks: &[u8], profile: Option<&[u8]>) -> Option<Vec<u8>> {
    let profile = profile.and_then(parse)?;
    if profile.color_space != DataColorSpace::Cmyk {
        return None;
    }
    // The layout of four samples stands for inks where the profile has four.
    let transform = profile
        .create_transform_8bit(
            Layout::Rgba,
            &ColorProfile::new_srgb(),
            Layout::Rgb,
            options(),
        )
        .ok()?;
    let mut rgb = vec![0; inks.len() / 4 * 3];
    for (from, to) in inks.chunks(AT_ONCE * 4).zip(rgb.chunks_mut(AT_ONCE * 3)) {
        transform.transform(from, to).ok()?;
    }
    Some(rgb)
}

fn parse(profile: &[u8]) -> Option<ColorProfile> {
    if profile.len() > MAX_PROFILE_BYTES {
        return None;
    }
    ColorProfile::new_from_slice(profile).ok()
}

fn options() -> TransformOptions {
    TransformOptions {
        rendering_intent: RenderingIntent::RelativeColorimetric,
        ..TransformOptions::default()
    }
}

fn convert_rgb(picture: &mut Picture, profile: &ColorProfile) {
    let layout = match picture.channels() {
        Channels::Rgb => Layout::Rgb,
        Channels::Rgba => Layout::Rgba,
    };
    let srgb = ColorProfile::new_srgb();
    let Ok(transform) = profile.create_transform_8bit(layout, &srgb, layout, options()) else {
        return;
    };
    let count = picture.channels().count();
    let samples = sample_colours(count);
    let mut seen = vec![0; samples.len()];
    if transform.transform(&samples, &mut seen).is_err() {
        return;
    }
    // Most profiles that are embedded are sRGB under some name: then there is
    // nothing to do, and 24 megapixels of nothing would take a while.
    if samples.iter().zip(&seen).all(|(a, b)| a.abs_diff(*b) <= 1) {
        return;
    }
    let mut before = vec![0; AT_ONCE * count];
    for pixels in picture.pixels_mut().chunks_mut(AT_ONCE * count) {
        let before = &mut before[..pixels.len()];
        before.copy_from_slice(pixels);
        if transform.transform(before, pixels).is_err() {
            return;
        }
    }
}

/// Grey pixels were spread to three equal samples when they were decoded.
fn convert_grey(picture: &mut Picture, profile: &ColorProfile) {
    let srgb = ColorProfile::new_srgb();
    let Ok(transform) = profile.create_transform_8bit(Layout::Gray, &srgb, Layout::Rgb, options())
    else {
        return;
    };
    let shades: Vec<u8> = (0..=255).collect();
    let mut colours = vec![0; 256 * 3];
    if transform.transform(&shades, &mut colours).is_err() {
        return;
    }
    let count = picture.channels().count();
    for pixel in picture.pixels_mut().chunks_exact_mut(count) {
        let at = usize::from(pixel[0]) * 3;
        pixel[..3].copy_from_slice(&colours[at..at + 3]);
    }
}

/// A coarse net over all colours.
fn sample_colours(count: usize) -> Vec<u8> {
    const STEPS: [u8; 6] = [0, 51, 102, 153, 204, 255];
    let mut samples = Vec::with_capacity(STEPS.len().pow(3) * count);
    for red in STEPS {
        for green in STEPS {
            for blue in STEPS {
                samples.extend_from_slice(&[red, green, blue, 255][..count]);
            }
        }
    }
    samples
}

#[cfg(test)]
mod tests {
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
            ] {
                for (at, value) in &changes {
                    let at = at.index(bytes.len());
                    bytes[at] = *value;
                }
                let mut picture = crate::sample::photo(5, 5);
                to_srgb(&mut picture, Some(&bytes));
                prop_assert_eq!(picture.width(), 5);
            }
        }
    }
}
