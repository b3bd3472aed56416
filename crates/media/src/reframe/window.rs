//! Which part of a picture a new frame shows, and how much it lacks.
//!
//! Along one side the window lies within the picture and is cut as close to the
//! subject as the shape asks for; along the other it may reach beyond the
//! picture, and what it lacks there is shared out so that the subject comes to
//! the middle, but never at an edge that cuts the subject off: there nothing
//! could continue it.

use crate::resize::Part;
use crate::subject::{Bounds, Cuts};

/// The room on either side of the subject, as a part of the window.
const MARGIN: f64 = 0.07;

/// One side of the picture and what of it the subject takes.
#[derive(Debug, Clone, Copy)]
struct Side {
    length: f64,
    from: f64,
    to: f64,
    cut_before: bool,
    cut_after: bool,
}

/// The window of shape `aspect` on a picture of the given sides. It may reach
/// beyond the picture on two opposite sides.
pub(super) fn window(width: u32, height: u32, subject: Option<Bounds>, aspect: f64) -> Part {
    // Without a subject the middle is shown, as much as fits.
    let cuts = subject.map_or(Cuts::default(), |bounds| bounds.cuts(width, height));
    let middle = |side: u32| (f64::from(side) * 0.5, f64::from(side) * 0.5);
    let across = subject.map_or(middle(width), |bounds| {
        (f64::from(bounds.left), f64::from(bounds.right))
    });
    let down = subject.map_or(middle(height), |bounds| {
        (f64::from(bounds.top), f64::from(bounds.bottom))
    });
    let across = Side {
        length: f64::from(width),
        from: across.0,
        to: across.1,
        cut_before: cuts.left,
        cut_after: cuts.right,
    };
    let down = Side {
        length: f64::from(height),
        from: down.0,
        to: down.1,
        cut_before: cuts.top,
        cut_after: cuts.bottom,
    };
    if across.length > down.length * aspect {
        let wide = across.needed(down.length * aspect);
        let high = wide / aspect;
        Part {
            left: across.within(wide),
            top: down.beyond(high),
            width: wide,
            height: high,
        }
    } else {
        let high = down.needed(across.length / aspect);
        let wide = high * aspect;
        Part {
            left: across.beyond(wide),
            top: down.within(high),
            width: wide,
            height: high,
        }
    }
}

impl Side {
    /// How much of this side must be shown: at least `least`, which needs no
    /// more of the other side than there is, and the subject with its margin.
    fn needed(&self, least: f64) -> f64 {
        let wanted = (self.to - self.from) / (1.0 - 2.0 * MARGIN);
        wanted.max(least).min(self.length)
    }

    /// Where `shown` begins when it must lie within the picture.
    fn within(&self, shown: f64) -> f64 {
        let centred = 0.5 * (self.from + self.to - shown);
        centred.clamp(0.0, (self.length - shown).max(0.0))
    }

    /// Where `shown` begins when it may reach beyond the picture.
    fn beyond(&self, shown: f64) -> f64 {
        let lacking = (shown - self.length).max(0.0);
        match (self.cut_before, self.cut_after) {
            (true, true) => -0.5 * lacking,
            (true, false) => 0.0,
            (false, true) => -lacking,
            (false, false) => (0.5 * (self.from + self.to - shown)).clamp(-lacking, 0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(subject: (u32, u32, u32, u32), aspect: f64) -> Part {
        let (left, top, right, bottom) = subject;
        let bounds = Bounds {
            left,
            top,
            right,
            bottom,
        };
        window(600, 400, Some(bounds), aspect)
    }

    fn is_near(found: Part, expected: [f64; 4]) -> bool {
        let found = [found.left, found.top, found.width, found.height];
        found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 0.5)
    }

    #[test]
    fn a_small_subject_is_cropped_to_and_nothing_is_lacking() {
        // A square around a subject at the right: as high as the picture.
        let found = of((380, 100, 480, 300), 1.0);
        assert!(is_near(found, [200.0, 0.0, 400.0, 400.0]), "{found:?}");
        let found = of((250, 150, 350, 250), 2.0);
        assert!(is_near(found, [0.0, 50.0, 600.0, 300.0]), "{found:?}");
        // The same shape shows all of it.
        let found = of((250, 150, 350, 250), 1.5);
        assert!(is_near(found, [0.0, 0.0, 600.0, 400.0]), "{found:?}");
    }

    #[test]
    fn a_wide_subject_is_never_cut_and_the_picture_is_extended() {
        let found = of((50, 100, 540, 380), 1.0);
        assert!((found.width - 490.0 / 0.86).abs() < 0.5, "{found:?}");
        assert!(found.left <= 50.0 && found.left + found.width >= 540.0);
        assert!(found.top < 0.0 && found.top + found.height > 400.0);
        // The subject comes to the middle as far as that goes.
        let middle = found.top + found.height / 2.0;
        assert!((middle - 240.0).abs() < 45.0, "{found:?}");
    }

    #[test]
    fn nothing_is_added_where_the_picture_cuts_the_subject_off() {
        let found = of((50, 100, 540, 400), 9.0 / 16.0);
        assert!((found.top + found.height - 400.0).abs() < 0.5, "{found:?}");
        let both = of((50, 0, 540, 400), 9.0 / 16.0);
        assert!(
            (both.top + both.height / 2.0 - 200.0).abs() < 0.5,
            "{both:?}"
        );
    }

    #[test]
    fn without_a_subject_the_middle_is_shown() {
        let found = window(600, 400, None, 1.0);
        assert!(is_near(found, [100.0, 0.0, 400.0, 400.0]), "{found:?}");
    }

    #[test]
    fn one_pixel_and_extreme_shapes_have_a_window() {
        for (width, height) in [(1, 1), (1, 5000), (5000, 1)] {
            for aspect in [9.0 / 21.0, 1.0, 21.0 / 9.0] {
                let bounds = Bounds {
                    left: 0,
                    top: 0,
                    right: width,
                    bottom: height,
                };
                for subject in [None, Some(bounds)] {
                    let found = window(width, height, subject, aspect);
                    assert!((found.width / found.height / aspect - 1.0).abs() < 1e-9);
                    assert!(found.width > 0.0 && found.height > 0.0);
                }
            }
        }
    }
}
