//! Where in a scene a subject stands, and how large.

use crate::Picture;
use crate::subject::Bounds;

/// How much of the frame's width and height a subject may fill.
const FILLED: f64 = 0.64;
/// By how much a subject may become larger than it is in its own picture.
const MOST_ENLARGED: f64 = 1.6;
/// Where the ground begins in a scene that does not show it.
const PLAIN_HORIZON: f32 = 0.55;

/// Where the subject comes to lie, in pixels of the frame.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Layout {
    pub(super) frame: (u32, u32),
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Whether its own picture cut the subject off.
    pub(super) is_cut: bool,
    /// Where the ground begins, from the top, 0 to 1.
    pub(super) horizon: f32,
}

impl Layout {
    /// Places the subject of a picture of these sides.
    pub(super) fn of(bounds: Bounds, width: u32, height: u32, horizon: Option<f32>) -> Self {
        let cuts = bounds.cuts(width, height);
        let is_cut = cuts.named().is_some();
        let horizon = horizon.unwrap_or(PLAIN_HORIZON);
        if is_cut {
            // What an edge cuts off has to stay at that edge.
            return Self {
                frame: (width, height),
                left: bounds.left,
                top: bounds.top,
                width: bounds.width(),
                height: bounds.height(),
                is_cut,
                horizon,
            };
        }
        let (wide, high) = (f64::from(bounds.width()), f64::from(bounds.height()));
        let room = (f64::from(width) * FILLED / wide).min(f64::from(height) * FILLED / high);
        let scale = room.min(MOST_ENLARGED);
        let side = |length: f64, most: u32| ((length * scale).round() as u32).clamp(1, most);
        let (subject_width, subject_height) = (side(wide, width), side(high, height));
        // The foot stands in the nearer half of the ground.
        let foot = (f64::from(horizon) + (1.0 - f64::from(horizon)) * 0.66).clamp(0.80, 0.90);
        let bottom = ((f64::from(height) * foot).round() as u32).max(subject_height);
        let middle = 0.5 * f64::from(bounds.left + bounds.right) / f64::from(width);
        // It keeps its side of the picture, but comes nearer to the middle.
        let centre = (0.5 + (middle - 0.5) * 0.6) * f64::from(width);
        let left = (centre - 0.5 * f64::from(subject_width)).round().max(0.0) as u32;
        Self {
            frame: (width, height),
            left: left.min(width - subject_width),
            top: bottom.min(height) - subject_height,
            width: subject_width,
            height: subject_height,
            is_cut,
            horizon,
        }
    }
}

/// Where the ground of a scene begins, from the top, 0 to 1: the row at which
/// what lies above differs most from what lies below, when it differs clearly.
pub(super) fn horizon(scene: &Picture) -> Option<f32> {
    let (width, height) = (scene.width() as usize, scene.height() as usize);
    if height < 16 {
        return None;
    }
    let means: Vec<[f32; 3]> = (0..height)
        .map(|y| {
            let mut sum = [0.0; 3];
            for pixel in scene.row(y as u32).chunks_exact(3) {
                for (sum, value) in sum.iter_mut().zip(pixel) {
                    *sum += f32::from(*value);
                }
            }
            sum.map(|sum| sum / width as f32)
        })
        .collect();
    let reach = (height / 12).max(2);
    let mean = |from: usize, to: usize| {
        let rows = &means[from..to];
        [0, 1, 2].map(|at: usize| rows.iter().map(|row| row[at]).sum::<f32>() / rows.len() as f32)
    };
    let (first, last) = (height * 3 / 10, height * 3 / 4);
    let steps = (first.max(reach)..last.min(height - reach)).map(|y| {
        let (above, below) = (mean(y - reach, y), mean(y, y + reach));
        let step: f32 = above.iter().zip(below).map(|(a, b)| (a - b).powi(2)).sum();
        (y, step.sqrt())
    });
    let (at, step) = steps.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (step > 18.0).then_some(at as f32 / height as f32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Channels;

    const MIDDLE: Bounds = Bounds {
        left: 200,
        top: 10,
        right: 400,
        bottom: 390,
    };

    #[test]
    fn a_whole_subject_stands_on_the_ground_at_a_plausible_size() {
        let layout = Layout::of(MIDDLE, 600, 400, Some(0.6));
        assert_eq!(layout.height, 256);
        assert!((layout.width as f32 / layout.height as f32 - 200.0 / 380.0).abs() < 0.01);
        let foot = layout.top + layout.height;
        assert!((320..=360).contains(&foot), "{layout:?}");
        assert!((layout.left + layout.width / 2).abs_diff(300) <= 1);
        assert!(!layout.is_cut);
        let tiny = Bounds {
            left: 20,
            top: 20,
            right: 30,
            bottom: 40,
        };
        assert_eq!(Layout::of(tiny, 600, 400, None).height, 32, "not blown up");
    }

    #[test]
    fn a_subject_that_is_cut_off_stays_where_it_was() {
        let cut = Bounds {
            bottom: 400,
            ..MIDDLE
        };
        let layout = Layout::of(cut, 600, 400, Some(0.6));
        assert!(layout.is_cut);
        assert_eq!((layout.left, layout.top, layout.height), (200, 10, 390));
    }

    #[test]
    fn the_ground_is_found_where_there_is_one() {
        let scene = |split: usize| {
            let rows = (0..200).flat_map(|y| {
                let colour = if y < split {
                    [120, 160, 220]
                } else {
                    [90, 120, 60]
                };
                std::iter::repeat_n(colour, 50).flatten()
            });
            Picture::new(50, 200, Channels::Rgb, rows.collect()).unwrap()
        };
        assert!((horizon(&scene(110)).unwrap() - 0.55).abs() < 0.02);
        assert_eq!(horizon(&scene(0)), None);
        let low = Picture::new(5, 3, Channels::Rgb, vec![0; 45]).unwrap();
        assert_eq!(horizon(&low), None);
    }

    #[test]
    fn every_shape_of_picture_and_subject_has_its_place() {
        for (width, height) in [(1, 1), (1, 900), (900, 1), (3, 2)] {
            let bounds = Bounds {
                left: 0,
                top: 0,
                right: width,
                bottom: height,
            };
            let layout = Layout::of(bounds, width, height, None);
            assert!(layout.left + layout.width <= width && layout.top + layout.height <= height);
        }
    }
}
