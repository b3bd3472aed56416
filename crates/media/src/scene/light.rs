//! Brings a subject into the light and colour of a scene, within limits.
//!
//! In Oklab, where a step looks the same whatever the colour: the mean of
//! brightness and of both colour axes moves part of the way to the scene's, and
//! so does the contrast. A product must stay recognisable, so each of them is
//! limited, and a side that the scene lights more is lit a little more.

use super::layout::Layout;
use crate::rows::each_row;
use crate::{Channels, Picture};

/// How much of the way each mean goes, and how far at most.
const BRIGHTNESS: (f32, f32) = (0.38, 0.10);
const COLOUR: (f32, f32) = (0.35, 0.028);
/// How much of the way contrast goes, and by which factor at most.
const CONTRAST: (f32, f32) = (0.35, 1.10);
/// How much brighter one side of the subject becomes than the other, at most.
const SIDES: (f32, f32) = (0.30, 0.045);

/// Mean of the three axes and deviation of brightness.
#[derive(Debug, Clone, Copy, Default)]
struct Tone {
    mean: [f32; 3],
    deviation: f32,
}

/// What is done to each colour of the subject.
#[derive(Debug, Clone, Copy)]
pub(super) struct Match {
    middle: f32,
    contrast: f32,
    shift: [f32; 3],
    /// From the left edge to the right.
    slope: f32,
}

impl Match {
    pub(super) fn between(subject: &Picture, scene: &Picture, layout: &Layout) -> Self {
        let own = Tone::of(subject, (0.0, 1.0), (0.0, 1.0));
        let (width, height) = (layout.frame.0 as f32, layout.frame.1 as f32);
        let (left, right) = (
            layout.left as f32 / width,
            (layout.left + layout.width) as f32 / width,
        );
        let (top, bottom) = (
            layout.top as f32 / height,
            (layout.top + layout.height) as f32 / height,
        );
        // What surrounds the subject counts as much as all of the scene.
        let (aside, above) = (0.35 * (right - left), 0.25 * (bottom - top));
        let near = Tone::of(
            scene,
            (left - aside, right + aside),
            (top - above, bottom + above),
        );
        let all = Tone::of(scene, (0.0, 1.0), (0.0, 1.0));
        let scene_mean = [0, 1, 2].map(|axis: usize| 0.5 * (near.mean[axis] + all.mean[axis]));
        let toward = |axis: usize, (part, most): (f32, f32)| {
            ((scene_mean[axis] - own.mean[axis]) * part).clamp(-most, most)
        };
        let deviation = 0.5 * (near.deviation + all.deviation);
        let ratio = (deviation + 0.02) / (own.deviation + 0.02);
        let sides = |from: f32, to: f32| Tone::of(scene, (from, to), (0.0, 1.0)).mean[0];
        let middle = 0.5 * (left + right);
        let slope = (sides(middle, 1.0) - sides(0.0, middle)) * SIDES.0;
        Self {
            middle: own.mean[0],
            contrast: ratio.powf(CONTRAST.0).clamp(1.0 / CONTRAST.1, CONTRAST.1),
            shift: [toward(0, BRIGHTNESS), toward(1, COLOUR), toward(2, COLOUR)],
            slope: slope.clamp(-SIDES.1, SIDES.1),
        }
    }

    /// Changes the colours of a subject that fills its picture.
    pub(super) fn apply(&self, subject: &mut Picture) {
        let stride = subject.stride();
        let width = subject.width() as f32;
        each_row(subject.pixels_mut(), stride, |_, row| {
            for (x, pixel) in row.chunks_exact_mut(4).enumerate() {
                if pixel[3] == 0 {
                    continue;
                }
                let u = (x as f32 + 0.5) / width - 0.5;
                let [light, a, b] = to_oklab([pixel[0], pixel[1], pixel[2]]);
                let contrasted = self.middle + (light - self.middle) * self.contrast;
                // Black and white stay what they are: no light makes a hole grey.
                let room = (4.0 * light * (1.0 - light)).clamp(0.0, 1.0).sqrt();
                let changed = [
                    contrasted + (self.shift[0] + self.slope * u) * room,
                    a + self.shift[1] * room,
                    b + self.shift[2] * room,
                ];
                pixel[..3].copy_from_slice(&from_oklab(changed));
            }
        });
    }
}

impl Tone {
    /// Of a part of a picture, in parts of its sides; what is transparent
    /// counts for nothing. Some ten thousand pixels are looked at.
    fn of(picture: &Picture, across: (f32, f32), down: (f32, f32)) -> Self {
        const LOOKS: usize = 100;
        let bytes = picture.channels().count();
        let place = |at: usize, (from, to): (f32, f32), side: u32| {
            let (from, to) = (from.clamp(0.0, 1.0), to.clamp(0.0, 1.0));
            let place = from + (to - from) * (at as f32 + 0.5) / LOOKS as f32;
            ((place * side as f32) as u32).min(side - 1)
        };
        let (mut sum, mut squares, mut count) = ([0.0_f64; 3], 0.0_f64, 0.0_f64);
        for row in 0..LOOKS {
            let y = place(row, down, picture.height());
            for column in 0..LOOKS {
                let at = place(column, across, picture.width()) as usize * bytes;
                let pixel = &picture.row(y)[at..at + bytes];
                let weight = match picture.channels() {
                    Channels::Rgb => 1.0,
                    Channels::Rgba => f64::from(pixel[3]) / 255.0,
                };
                let lab = to_oklab([pixel[0], pixel[1], pixel[2]]);
                for (sum, value) in sum.iter_mut().zip(lab) {
                    *sum += weight * f64::from(value);
                }
                squares += weight * f64::from(lab[0]).powi(2);
                count += weight;
            }
        }
        if count <= 0.0 {
            return Self::default();
        }
        let mean = sum.map(|sum| sum / count);
        let variance = (squares / count - mean[0] * mean[0]).max(0.0);
        Self {
            mean: mean.map(|mean| mean as f32),
            deviation: variance.sqrt() as f32,
        }
    }
}

/// Oklab (Ottosson 2020): brightness from 0 to 1, green to red, blue to yellow.
fn to_oklab(rgb: [u8; 3]) -> [f32; 3] {
    let [red, green, blue] = rgb.map(|sample| {
        let value = f32::from(sample) / 255.0;
        if value <= 0.040_45 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    });
    let long = (0.412_221_47 * red + 0.536_332_54 * green + 0.051_445_993 * blue).cbrt();
    let medium = (0.211_903_5 * red + 0.680_699_5 * green + 0.107_396_96 * blue).cbrt();
    let short = (0.088_302_46 * red + 0.281_718_85 * green + 0.629_978_7 * blue).cbrt();
    [
        0.210_454_26 * long + 0.793_617_8 * medium - 0.004_072_047 * short,
        1.977_998_5 * long - 2.428_592_2 * medium + 0.450_593_7 * short,
        0.025_904_037 * long + 0.782_771_77 * medium - 0.808_675_77 * short,
    ]
}

fn from_oklab([light, a, b]: [f32; 3]) -> [u8; 3] {
    let long = (light + 0.396_337_78 * a + 0.215_803_76 * b).powi(3);
    let medium = (light - 0.105_561_346 * a - 0.063_854_17 * b).powi(3);
    let short = (light - 0.089_484_18 * a - 1.291_485_5 * b).powi(3);
    [
        4.076_741_7 * long - 3.307_711_6 * medium + 0.230_969_94 * short,
        -1.268_438 * long + 2.609_757_4 * medium - 0.341_319_38 * short,
        -0.004_196_086_3 * long - 0.703_418_6 * medium + 1.707_614_7 * short,
    ]
    .map(|value| {
        let value = value.clamp(0.0, 1.0);
        let encoded = if value <= 0.003_130_8 {
            value * 12.92
        } else {
            1.055 * value.powf(1.0 / 2.4) - 0.055
        };
        (encoded * 255.0).round() as u8
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_back_from_oklab() {
        for red in (0..=255).step_by(15) {
            for green in (0..=255).step_by(15) {
                for blue in (0..=255).step_by(15) {
                    let back = from_oklab(to_oklab([red, green, blue]));
                    let off = back.iter().zip([red, green, blue]);
                    assert!(off.map(|(a, b)| a.abs_diff(b)).max().unwrap() <= 1);
                }
            }
        }
        let [light, a, b] = to_oklab([255; 3]);
        assert!((light - 1.0).abs() < 1e-3 && a.abs() < 1e-3 && b.abs() < 1e-3);
    }

    fn flat(channels: Channels, colour: &[u8]) -> Picture {
        Picture::new(8, 8, channels, colour.repeat(64)).unwrap()
    }

    fn lit(colour: [u8; 3], scene: [u8; 3]) -> [u8; 3] {
        let mut subject = flat(Channels::Rgba, &[colour[0], colour[1], colour[2], 255]);
        let layout = Layout {
            frame: (8, 8),
            left: 0,
            top: 0,
            width: 8,
            height: 8,
            is_cut: false,
            horizon: 0.5,
        };
        Match::between(&subject, &flat(Channels::Rgb, &scene), &layout).apply(&mut subject);
        [0, 1, 2].map(|at: usize| subject.pixels()[at])
    }

    #[test]
    fn a_dark_and_a_warm_scene_make_a_subject_darker_and_warmer_within_limits() {
        let grey = [128; 3];
        let dark = lit(grey, [10; 3]);
        assert!(dark[0] < 120 && dark[0] > 80, "{dark:?}");
        let warm = lit(grey, [250, 150, 60]);
        assert!(warm[0] > warm[2] + 8 && warm[0] < warm[2] + 60, "{warm:?}");
        // In a scene of its own colour nothing changes.
        let same = lit([90, 140, 60], [90, 140, 60]);
        assert!(
            same.iter()
                .zip([90, 140, 60])
                .all(|(a, b)| a.abs_diff(b) <= 1),
            "{same:?}"
        );
        // A black product stays black, a white one white.
        assert!(lit([0; 3], [250; 3])[0] < 12);
        assert!(lit([255; 3], [10; 3])[0] > 243);
    }
}
