//! The subject alone, centred on white: the picture that shops ask for.
//!
//! White is pure white up to the edge, as marketplaces demand, so there is no
//! shadow and no falloff.

use crate::resize::{Part, resize};
use crate::subject::Bounds;
use crate::{Channels, Frame, MediaError, Picture};

/// How much of the frame's width or height the subject fills. Shops ask for
/// 85 % and no less; a little below that is left to the eye.
const FILLED: f64 = 0.85;

/// A subject on white.
#[derive(Debug)]
pub struct Isolated {
    /// The picture, opaque.
    pub picture: Picture,
    /// How much larger the subject is than it was; below 1 it is smaller.
    pub enlarged: f64,
}

/// Centres the subject of a cut-out, whose box is `bounds`, on white.
///
/// # Errors
/// [`MediaError::Shape`] when `bounds` are not those of the cut-out.
pub fn isolate(cutout: Picture, bounds: Bounds, frame: Frame) -> Result<Isolated, MediaError> {
    let (wide, high) = (f64::from(bounds.width()), f64::from(bounds.height()));
    let scale =
        (f64::from(frame.width) * FILLED / wide).min(f64::from(frame.height) * FILLED / high);
    let side = |length: f64, most: u32| ((length * scale).round() as u32).clamp(1, most);
    let sides = (side(wide, frame.width), side(high, frame.height));
    let part = Part {
        left: f64::from(bounds.left),
        top: f64::from(bounds.top),
        width: wide,
        height: high,
    };
    let subject = resize(cutout.into_rgba(), part, sides)?;
    let stride = frame.width as usize * 3;
    let mut pixels = vec![255; stride * frame.height as usize];
    let left = ((frame.width - subject.width()) / 2) as usize * 3;
    let top = ((frame.height - subject.height()) / 2) as usize;
    let subject = subject.on_white();
    let rows = pixels.chunks_exact_mut(stride).skip(top);
    for (y, row) in (0..subject.height()).zip(rows) {
        row[left..left + subject.stride()].copy_from_slice(subject.row(y));
    }
    Ok(Isolated {
        picture: Picture::new(frame.width, frame.height, Channels::Rgb, pixels)?,
        enlarged: scale,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(width: u32, height: u32, inside: &Bounds) -> Picture {
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                let is_inside = (inside.left..inside.right).contains(&x)
                    && (inside.top..inside.bottom).contains(&y);
                pixels.extend(if is_inside {
                    [180, 20, 20, 255]
                } else {
                    [0, 0, 0, 0]
                });
            }
        }
        Picture::new(width, height, Channels::Rgba, pixels).unwrap()
    }

    fn box_of_colour(picture: &Picture) -> Bounds {
        let pixels = picture
            .pixels()
            .chunks_exact(3)
            .flat_map(|pixel| [0, 0, 0, if pixel[1] < 128 { 255 } else { 0 }])
            .collect();
        let mask = Picture::new(picture.width(), picture.height(), Channels::Rgba, pixels);
        Bounds::of(&mask.unwrap()).unwrap()
    }

    #[test]
    fn the_subject_stands_in_the_middle_and_fills_the_frame() {
        let inside = Bounds {
            left: 10,
            top: 40,
            right: 90,
            bottom: 60,
        };
        for (aspect_ratio, across, down) in [
            ("1:1", 0.85, 0.2125),
            ("9:16", 0.85, 0.119_5),
            ("21:9", 0.85, 0.496),
        ] {
            let frame = Frame::named(aspect_ratio, "1K").unwrap();
            let cutout = block(100, 100, &inside);
            let bounds = Bounds::of(&cutout).unwrap();
            let made = isolate(cutout, bounds, frame).unwrap();
            let found = box_of_colour(&made.picture);
            let (width, height) = (f64::from(frame.width), f64::from(frame.height));
            assert_eq!(
                (made.picture.width(), made.picture.height()),
                (frame.width, frame.height)
            );
            assert!(
                (f64::from(found.width()) / width - across).abs() < 0.004,
                "{found:?}"
            );
            assert!(
                (f64::from(found.height()) / height - down).abs() < 0.004,
                "{found:?}"
            );
            assert!(
                found.left.abs_diff(frame.width - found.right) <= 1,
                "{found:?}"
            );
            assert!(
                found.top.abs_diff(frame.height - found.bottom) <= 1,
                "{found:?}"
            );
            assert!(made.picture.row(0).iter().all(|sample| *sample == 255));
            assert!((made.enlarged - width * 0.85 / 80.0).abs() < 0.01);
        }
    }

    #[test]
    fn the_smallest_and_the_narrowest_subject_have_a_picture() {
        for inside in [(7, 7, 8, 8), (0, 3, 64, 4), (3, 0, 4, 64), (0, 0, 64, 64)] {
            let (left, top, right, bottom) = inside;
            let bounds = Bounds {
                left,
                top,
                right,
                bottom,
            };
            let frame = Frame::named("21:9", "1K").unwrap();
            let made = isolate(block(64, 64, &bounds), bounds, frame).unwrap();
            assert_eq!(made.picture.width(), 1024);
            assert!(made.picture.pixels().iter().any(|sample| *sample < 128));
        }
    }
}
