//! Where the subject of a cut-out lies, and where the picture cuts it off.

use crate::{Channels, Picture};

/// From which alpha a pixel belongs to the subject: fainter ones are the veil
/// around it, and a box that holds them all stands off to one side.
const LEAST_ALPHA: u8 = 24;

/// The box of a subject in its picture, in pixels; right and bottom lie just
/// outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// The first column.
    pub left: u32,
    /// The first row.
    pub top: u32,
    /// The column after the last one.
    pub right: u32,
    /// The row after the last one.
    pub bottom: u32,
}

/// Which edges of the picture cut the subject off.
#[expect(
    clippy::struct_excessive_bools,
    reason = "a picture has four edges, each of which does or does not"
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cuts {
    /// The left edge.
    pub left: bool,
    /// The upper edge.
    pub top: bool,
    /// The right edge.
    pub right: bool,
    /// The lower edge.
    pub bottom: bool,
}

impl Bounds {
    /// The box of what can be seen of a cut-out; `None` when nothing can.
    pub fn of(cutout: &Picture) -> Option<Self> {
        if cutout.channels() == Channels::Rgb {
            return Some(Self {
                left: 0,
                top: 0,
                right: cutout.width(),
                bottom: cutout.height(),
            });
        }
        let mut found: Option<Self> = None;
        for y in 0..cutout.height() {
            let row = cutout.row(y).chunks_exact(4);
            let is_seen = |pixel: &[u8]| pixel[3] >= LEAST_ALPHA;
            let Some(first) = row.clone().position(is_seen) else {
                continue;
            };
            let last = row.rev().position(is_seen).unwrap_or(0) as u32;
            let (left, right) = (first as u32, cutout.width() - last);
            let bounds = found.get_or_insert(Self {
                left,
                top: y,
                right,
                bottom: y + 1,
            });
            bounds.left = bounds.left.min(left);
            bounds.right = bounds.right.max(right);
            bounds.bottom = y + 1;
        }
        found
    }

    /// In pixels.
    pub fn width(&self) -> u32 {
        self.right - self.left
    }

    /// In pixels.
    pub fn height(&self) -> u32 {
        self.bottom - self.top
    }

    /// The same box in a picture of other sides than `cutout` has.
    pub(crate) fn scaled(&self, cutout: &Picture, width: u32, height: u32) -> Self {
        let scale = |at: u32, from: u32, to: u32| {
            (u64::from(at) * u64::from(to) / u64::from(from.max(1))) as u32
        };
        let (left, top) = (
            scale(self.left, cutout.width(), width),
            scale(self.top, cutout.height(), height),
        );
        Self {
            left,
            top,
            right: scale(self.right, cutout.width(), width).max(left + 1),
            bottom: scale(self.bottom, cutout.height(), height).max(top + 1),
        }
    }

    /// Which edges of a picture of these sides the box reaches, give or take
    /// half a percent: the network is not sure of the last pixels.
    pub fn cuts(&self, width: u32, height: u32) -> Cuts {
        let (near_x, near_y) = (width / 200, height / 200);
        Cuts {
            left: self.left <= near_x,
            top: self.top <= near_y,
            right: self.right + near_x >= width,
            bottom: self.bottom + near_y >= height,
        }
    }
}

impl Cuts {
    /// The edges by name, for a message; `None` when there are none.
    pub fn named(self) -> Option<String> {
        let names = [
            (self.left, "left"),
            (self.top, "upper"),
            (self.right, "right"),
            (self.bottom, "lower"),
        ];
        let cut: Vec<&str> = names
            .iter()
            .filter_map(|(is_cut, name)| is_cut.then_some(*name))
            .collect();
        (!cut.is_empty()).then(|| cut.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_pixels(width: u32, height: u32, seen: &[(u32, u32, u8)]) -> Picture {
        let mut pixels = vec![0; (width * height * 4) as usize];
        for (x, y, alpha) in seen {
            pixels[((y * width + x) * 4 + 3) as usize] = *alpha;
        }
        Picture::new(width, height, Channels::Rgba, pixels).unwrap()
    }

    #[test]
    fn the_box_holds_what_can_be_seen_and_no_veil() {
        let picture = with_pixels(20, 10, &[(3, 2, 255), (8, 6, 24), (19, 9, 23), (5, 2, 255)]);
        let bounds = Bounds::of(&picture).unwrap();
        let expected = Bounds {
            left: 3,
            top: 2,
            right: 9,
            bottom: 7,
        };
        assert_eq!(bounds, expected);
        assert_eq!(bounds.cuts(20, 10), Cuts::default());
        assert_eq!(bounds.cuts(20, 10).named(), None);
        assert_eq!(Bounds::of(&with_pixels(5, 5, &[])), None);
    }

    #[test]
    fn edges_that_cut_the_subject_are_named() {
        let picture = with_pixels(20, 10, &[(0, 5, 255), (10, 9, 255)]);
        let cuts = Bounds::of(&picture).unwrap().cuts(20, 10);
        assert!(cuts.left && cuts.bottom && !cuts.top && !cuts.right);
        assert_eq!(cuts.named().as_deref(), Some("left, lower"));
    }

    #[test]
    fn a_picture_without_alpha_is_all_subject() {
        let picture = Picture::new(3, 2, Channels::Rgb, vec![0; 18]).unwrap();
        let bounds = Bounds::of(&picture).unwrap();
        assert_eq!((bounds.width(), bounds.height()), (3, 2));
    }
}
