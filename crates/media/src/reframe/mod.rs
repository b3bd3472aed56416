//! A picture in another shape: cropped around its subject where there is more
//! than the shape needs, continued where there is less, never distorted.

mod extend;
mod window;

use crate::cutout::cut_out;
use crate::plane::{Plane, smoothstep};
use crate::resize::{Part, resize, resized};
use crate::segment::Mask;
use crate::subject::{Bounds, Cuts};
use crate::{Frame, MediaError, Picture, decode};

/// A picture in its new frame.
#[derive(Debug)]
pub struct Reframed {
    /// The picture, opaque.
    pub picture: Picture,
    /// How much larger everything is than it was; below 1 it is smaller.
    pub enlarged: f64,
    /// How much of the frame was not in the picture, from 0 to 1.
    pub added: f64,
    /// Whether a subject was found; without one the middle is shown.
    pub has_subject: bool,
}

/// The longest side at which the subject is looked at: its box and a soft mask
/// are all that is needed.
const SUBJECT_SIDE: u32 = 1024;

/// Brings a picture into `frame`, around the subject that `mask` shows.
///
/// # Errors
/// [`MediaError::Shape`] when the frame cannot be filled.
pub fn reframe(picture: Picture, mask: &Mask, frame: Frame) -> Result<Reframed, MediaError> {
    let (width, height) = (picture.width(), picture.height());
    let whole = Part {
        left: 0.0,
        top: 0.0,
        width: f64::from(width),
        height: f64::from(height),
    };
    let small = resized(&picture, whole, decode::fit(width, height, SUBJECT_SIDE))?;
    let subject = cut_out(&small, mask);
    let found = Bounds::of(&subject).map(|bounds| bounds.scaled(&subject, width, height));
    let window = window::window(width, height, found, frame.aspect());
    let place = Place::of(window, width, height, frame);
    let inner = resize(picture.on_white(), place.part, (place.width, place.height))?;
    let shown = f64::from(place.width) * f64::from(place.height);
    let all = f64::from(frame.width) * f64::from(frame.height);
    let picture = if (place.width, place.height) == (frame.width, frame.height) {
        inner
    } else {
        let kept = left_out(&subject, found, place.part, (width, height));
        extend::extend(&inner, (place.left, place.top), &kept, frame)?
    };
    Ok(Reframed {
        picture,
        enlarged: f64::from(frame.width) / window.width,
        added: 1.0 - shown / all,
        has_subject: found.is_some(),
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

/// How far from an edge that cuts the subject off it is continued there, as
/// parts of the longer side.
const CONTINUED: (f32, f32) = (0.02, 0.10);

/// How much of each place of the part is no background to continue: the
/// subject and a little around it, since its soft edge is none either. Close to
/// an edge that cuts it off it goes on like everything else, or the cut would
/// stand out.
fn left_out(
    subject: &Picture,
    found: Option<Bounds>,
    part: Part,
    (width, height): (u32, u32),
) -> Plane {
    let (wide, high) = (subject.width() as usize, subject.height() as usize);
    let longest = wide.max(high) as f32;
    let cuts = found.map_or(Cuts::default(), |bounds| bounds.cuts(width, height));
    let alpha = Plane::from_fn(wide, high, |x, y| {
        let edges = [
            (cuts.left, x),
            (cuts.top, y),
            (cuts.right, wide - 1 - x),
            (cuts.bottom, high - 1 - y),
        ];
        let away = edges.iter().filter(|(is_cut, _)| *is_cut);
        let kept = away
            .map(|(_, away)| smoothstep(CONTINUED.0, CONTINUED.1, *away as f32 / longest))
            .fold(1.0, f32::min);
        let own = subject.pixels()[(y * wide + x) * 4 + 3];
        f32::from(own) / 255.0 * kept
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

#[cfg(test)]
mod tests;
