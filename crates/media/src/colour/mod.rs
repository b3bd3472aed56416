//! Colour: pixels of an embedded ICC profile turned into sRGB.
//!
//! A profile that is broken, of another colour space than the pixels, or as
//! good as sRGB changes nothing: a picture is never refused for its profile.

use moxcms::{
    ColorProfile, DataColorSpace, Layout, RenderingIntent, ToneReprCurve, TransformOptions, Xyzd,
};

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
        // Most profiles that are embedded are sRGB under some name; a transform
        // only to find that out would cost every such picture a millisecond.
        DataColorSpace::Rgb if is_srgb(&profile) => {}
        DataColorSpace::Rgb => convert_rgb(picture, &profile),
        DataColorSpace::Gray => convert_grey(picture, &profile),
        _ => {}
    }
}

/// Whether [`to_srgb`] would leave every picture as it is.
pub(crate) fn is_needless(profile: Option<&[u8]>) -> bool {
    let profile = profile.and_then(parse);
    profile.is_none_or(|profile| {
        profile.color_space == DataColorSpace::Rgb && is_srgb(&profile)
    })
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
            options(&profile),
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

/// Whether the primaries and the curves of a profile are those of sRGB, as near
/// as the many writers of such profiles came.
fn is_srgb(profile: &ColorProfile) -> bool {
    let srgb = ColorProfile::new_srgb();
    let near = |(a, b): (Xyzd, Xyzd)| {
        let apart = [a.x - b.x, a.y - b.y, a.z - b.z];
        apart.iter().all(|apart| apart.abs() < 0.002)
    };
    let has_primaries = [
        (profile.red_colorant, srgb.red_colorant),
        (profile.green_colorant, srgb.green_colorant),
        (profile.blue_colorant, srgb.blue_colorant),
    ]
    .into_iter()
    .all(near);
    let curves = [&profile.red_trc, &profile.green_trc, &profile.blue_trc];
    let has_curves = || {
        curves.iter().all(|curve| {
            let is_near = |at: u16| {
                let at = f64::from(at) / 16.0;
                let found = curve.as_ref().and_then(|curve| light(curve, at));
                found.is_some_and(|found| (found - srgb_light(at)).abs() < 0.003)
            };
            (0..=16).all(is_near)
        })
    };
    // With a table of its own, a profile's primaries are only for those who
    // cannot read the table.
    let has_table =
        profile.lut_a_to_b_perceptual.is_some() || profile.lut_a_to_b_colorimetric.is_some();
    !has_table && has_primaries && has_curves()
}

/// The light of a sample from 0 to 1, by sRGB's own curve.
fn srgb_light(sample: f64) -> f64 {
    if sample <= 0.04045 {
        sample / 12.92
    } else {
        ((sample + 0.055) / 1.055).powf(2.4)
    }
}

/// The same by a profile's curve; nothing for the rarer kinds.
fn light(curve: &ToneReprCurve, sample: f64) -> Option<f64> {
    match curve {
        ToneReprCurve::Lut(table) if table.len() > 1 => {
            let place = sample * (table.len() - 1) as f64;
            let (low, share) = (place.floor(), place.fract());
            let at = |index: usize| f64::from(table[index.min(table.len() - 1)]);
            let mixed = at(low as usize) * (1.0 - share) + at(low as usize + 1) * share;
            Some(mixed / 65_535.0)
        }
        ToneReprCurve::Parametric(numbers) => {
            let &[gamma, a, b, c, d] = numbers.as_slice() else {
                return None;
            };
            let [gamma, a, b, c, d] = [gamma, a, b, c, d].map(f64::from);
            Some(if sample >= d {
                (a * sample + b).powf(gamma)
            } else {
                c * sample
            })
        }
        ToneReprCurve::Lut(_) => None,
    }
}

/// A profile may have a table for one intent alone, and moxcms takes no other.
fn options(profile: &ColorProfile) -> TransformOptions {
    let has_one = profile.lut_a_to_b_perceptual.is_some();
    TransformOptions {
        rendering_intent: if has_one && profile.lut_a_to_b_colorimetric.is_none() {
            RenderingIntent::Perceptual
        } else {
            RenderingIntent::RelativeColorimetric
        },
        ..TransformOptions::default()
    }
}

fn convert_rgb(picture: &mut Picture, profile: &ColorProfile) {
    let layout = match picture.channels() {
        Channels::Rgb => Layout::Rgb,
        Channels::Rgba => Layout::Rgba,
    };
    let srgb = ColorProfile::new_srgb();
    let Ok(transform) = profile.create_transform_8bit(layout, &srgb, layout, options(profile))
    else {
        return;
    };
    let count = picture.channels().count();
    let samples = sample_colours(count);
    let mut seen = vec![0; samples.len()];
    if transform.transform(&samples, &mut seen).is_err() {
        return;
    }
    // As good as sRGB: 24 megapixels of nothing would take a while.
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
    let Ok(transform) =
        profile.create_transform_8bit(Layout::Gray, &srgb, Layout::Rgb, options(profile))
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
mod tests;
