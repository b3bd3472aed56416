//! A picture in another shape: cropped around its subject where there is more
//! than the shape needs, continued where there is less, never distorted.

mod extend;
mod window;

use crate::plane::Plane;
use crate::resize::{Part, resize};
use crate::subject::Bounds;
use crate::{Channels, Frame, MediaError, Picture};

/// A picture in its new frame.
#[derive(Debug)]
pub struct Reframed {
    /// The picture, opaque.
    pub picture: Picture,
    /// How much larger everything is than it was; below 1 it is smaller.
    pub enlarged: f64,
    /// How much of the frame was not in the picture, from 0 to 1.
    pub added: f64,
}

/// Brings a picture into `frame`. `subject` is its cut-out, at any size.
///
/// # Errors
/// [`MediaError::Shape`] when the frame cannot be filled.
pub fn reframe(picture: Picture, subject: &Picture, frame: Frame) -> Result<Reframed, MediaError> {
    let (width, height) = (picture.width(), picture.height());
    let bounds = Bounds::of(subject).map(|bounds| {
        let scale = |at: u32, from: u32, to: u32| {
            (u64::from(at) * u64::from(to) / u64::from(from.max(1))) as u32
        };
        let across = |at| scale(at, subject.width(), width);
        let down = |at| scale(at, subject.height(), height);
        Bounds {
            left: across(bounds.left),
            top: down(bounds.top),
            right: across(bounds.right),
            bottom: down(bounds.bottom),
        }
    });
    let window = window::window(width, height, bounds, frame.aspect());
    let place = Place::of(window, width, height, frame);
    let inner = resize(picture.on_white(), place.part, (place.width, place.height))?;
    let enlarged = f64::from(frame.width) / window.width;
    let shown = f64::from(place.width) * f64::from(place.height);
    let all = f64::from(frame.width) * f64::from(frame.height);
    let picture = if (place.width, place.height) == (frame.width, frame.height) {
        inner
    } else {
        let mask = mask(subject, place.part, width, height);
        extend::extend(&inner, (place.left, place.top), &mask, frame)?
    };
    Ok(Reframed {
        picture,
        enlarged,
        added: 1.0 - shown / all,
    })
}

/// Where the part of the picture that is shown comes to lie in the frame.
struct Place {
    part: Part,
    left: u32,
    top: u32,
    width: u32,
    height: u32,
}

impl Place {
    fn of(window: Part, width: u32, height: u32, frame: Frame) -> Self {
        // One side: from where to where in the picture, and in the frame.
        let side = |start: f64, shown: f64, length: u32, frame: u32| {
            let scale = f64::from(frame) / shown;
            let (from, to) = (start.max(0.0), (start + shown).min(f64::from(length)));
            let first = (((from - start) * scale).round() as u32).min(frame - 1);
            let end = (((to - start) * scale).round() as u32).clamp(first + 1, frame);
            (from, to - from, first, end - first)
        };
        let (left, part_width, first_x, wide) = side(window.left, window.width, width, frame.width);
        let (top, part_height, first_y, high) =
            side(window.top, window.height, height, frame.height);
        Self {
            part: Part {
                left,
                top,
                width: part_width,
                height: part_height,
            },
            left: first_x,
            top: first_y,
            width: wide,
            height: high,
        }
    }
}

/// How much of each place of the part is subject, a little more than it is:
/// its soft edge is no background.
fn mask(subject: &Picture, part: Part, width: u32, height: u32) -> Plane {
    let (wide, high) = (subject.width() as usize, subject.height() as usize);
    let has_alpha = subject.channels() == Channels::Rgba;
    let alpha = Plane::from_fn(wide, high, |x, y| match has_alpha {
        true => f32::from(subject.pixels()[(y * wide + x) * 4 + 3]) / 255.0,
        false => 1.0,
    });
    let radius = (wide.max(high) / 100).max(1);
    let mut grown = alpha.blurred(radius);
    grown
        .data
        .iter_mut()
        .for_each(|value| *value = (*value * 6.0).min(1.0));
    let place = |at: usize, count: usize, start: f64, length: f64, all: u32| {
        ((start + (at as f64 + 0.5) / count as f64 * length) / f64::from(all)) as f32
    };
    Plane::from_fn(wide, high, |x, y| {
        let u = place(x, wide, part.left, part.width, width);
        let v = place(y, high, part.top, part.height, height);
        grown.sample(u, v)
    })
}
