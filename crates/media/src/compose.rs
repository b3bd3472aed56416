//! Puts a subject on a plain colour.

use crate::{Channels, Picture};

/// How far the colour falls off towards the corners. SPEC: runs.md, "soft
/// falloff shading at 30 %".
const FALLOFF: f32 = 0.30;

/// Puts the cut-out on `rgb`, which falls off softly from the middle.
pub fn compose_colour(cutout: &Picture, rgb: [u8; 3]) -> Picture {
    let (width, height) = (cutout.width() as f32, cutout.height() as f32);
    over(cutout, |x, y| {
        let across = (x as f32 + 0.5) / width - 0.5;
        let down = (y as f32 + 0.5) / height - 0.5;
        // 0 in the middle, 1 in the corners; squared, so that the middle is flat.
        let distance = (across * across + down * down) / 0.5;
        let shade = 1.0 - FALLOFF * distance * distance;
        rgb.map(|channel| f32::from(channel) * shade)
    })
}

/// Lays the cut-out over a background given for each pixel, 0 to 255.
pub(crate) fn over(
    cutout: &Picture,
    background: impl Fn(usize, usize) -> [f32; 3] + Sync,
) -> Picture {
    let (width, height) = (cutout.width() as usize, cutout.height() as usize);
    let bytes = if cutout.channels() == Channels::Rgba {
        4
    } else {
        3
    };
    let mut pixels = vec![0_u8; width * height * 3];
    let rows = height.div_ceil(2);
    let background = &background;
    std::thread::scope(|scope| {
        for (part, target) in pixels.chunks_mut(rows * width * 3).enumerate() {
            scope.spawn(move || {
                for (at, target) in target.chunks_exact_mut(3).enumerate() {
                    let (x, y) = (at % width, part * rows + at / width);
                    let source = &cutout.pixels()[(y * width + x) * bytes..][..bytes];
                    let alpha = source.get(3).map_or(1.0, |alpha| f32::from(*alpha) / 255.0);
                    let behind = background(x, y);
                    for channel in 0..3 {
                        let value =
                            f32::from(source[channel]) * alpha + behind[channel] * (1.0 - alpha);
                        target[channel] = (value + dither(x, y) * (1.0 - alpha))
                            .round()
                            .clamp(0.0, 255.0) as u8;
                    }
                }
            });
        }
    });
    // INVARIANT: three bytes for each pixel of the same sides were made above.
    Picture::new(cutout.width(), cutout.height(), Channels::Rgb, pixels)
        .expect("the sides fit the pixels")
}

/// Noise of half a step either way, the same on every run, which keeps a soft
/// gradient from showing bands (interleaved gradient noise, Jimenez 2014).
fn dither(x: usize, y: usize) -> f32 {
    let wave = 0.067_110_56 * x as f32 + 0.005_837_15 * y as f32;
    (52.982_918 * wave.fract()).fract() - 0.5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_colour_shows_where_the_subject_does_not() {
        let mut pixels = vec![0; 40 * 40 * 4];
        let centre = (20 * 40 + 20) * 4;
        pixels[centre..centre + 4].copy_from_slice(&[9, 8, 7, 255]);
        let cutout = Picture::new(40, 40, Channels::Rgba, pixels).unwrap();
        let composed = compose_colour(&cutout, [200, 100, 50]);
        let pixel = |x: usize, y: usize| composed.pixels()[(y * 40 + x) * 3..][..3].to_vec();
        assert_eq!(pixel(20, 20), [9, 8, 7]);
        assert!(pixel(19, 19)[0] >= 199 && pixel(19, 19)[1] >= 99);
        let corner = f32::from(pixel(0, 0)[0]) / 200.0;
        assert!((0.68..0.75).contains(&corner), "{corner}");
        assert_eq!(composed, compose_colour(&cutout, [200, 100, 50]));
    }
}
