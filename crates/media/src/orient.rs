//! Orientation: which way up a camera held the picture, and turning it so.

use crate::{Channels, Picture};

/// The eight ways of EXIF tag 274, named by what has to be done to the stored
/// pixels to see the picture upright.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Orientation {
    /// 1: nothing.
    #[default]
    Upright,
    /// 2: mirror left to right.
    MirrorHorizontal,
    /// 3: turn by 180°.
    Turn180,
    /// 4: mirror top to bottom.
    MirrorVertical,
    /// 5: mirror along the falling diagonal.
    Transpose,
    /// 6: turn clockwise by 90°.
    Turn90,
    /// 7: mirror along the rising diagonal.
    Transverse,
    /// 8: turn clockwise by 270°.
    Turn270,
}

impl Orientation {
    /// The orientation that an EXIF value names; anything else is upright.
    pub fn from_exif(value: u32) -> Self {
        match value {
            2 => Self::MirrorHorizontal,
            3 => Self::Turn180,
            4 => Self::MirrorVertical,
            5 => Self::Transpose,
            6 => Self::Turn90,
            7 => Self::Transverse,
            8 => Self::Turn270,
            _ => Self::Upright,
        }
    }

    /// Whether width and height change places.
    pub const fn swaps_sides(self) -> bool {
        matches!(
            self,
            Self::Transpose | Self::Turn90 | Self::Transverse | Self::Turn270
        )
    }

    /// The sides after turning.
    pub(crate) const fn turn_sides(self, width: u32, height: u32) -> (u32, u32) {
        if self.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Turns stored pixels upright.
    pub(crate) fn apply(self, stored: Picture) -> Picture {
        if self == Self::Upright {
            return stored;
        }
        match stored.channels() {
            Channels::Rgb => self.turn::<3>(&stored),
            Channels::Rgba => self.turn::<4>(&stored),
        }
    }

    fn turn<const N: usize>(self, stored: &Picture) -> Picture {
        let (columns, rows) = (stored.width() as usize, stored.height() as usize);
        let (width, height) = self.turn_sides(stored.width(), stored.height());
        let (source, _) = stored.pixels().as_chunks::<N>();
        let mut pixels = Vec::with_capacity(stored.pixels().len());
        for y in 0..height as usize {
            for x in 0..width as usize {
                let (column, row) = match self {
                    Self::Upright => (x, y),
                    Self::MirrorHorizontal => (columns - 1 - x, y),
                    Self::Turn180 => (columns - 1 - x, rows - 1 - y),
                    Self::MirrorVertical => (x, rows - 1 - y),
                    Self::Transpose => (y, x),
                    Self::Turn90 => (y, rows - 1 - x),
                    Self::Transverse => (columns - 1 - y, rows - 1 - x),
                    Self::Turn270 => (columns - 1 - y, x),
                };
                pixels.extend_from_slice(&source[row * columns + column]);
            }
        }
        // INVARIANT: the same number of pixels, and the sides of the turn.
        Picture::new(width, height, stored.channels(), pixels).expect("a turn keeps every pixel")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2×3 pixels, each with its own red: rows 1 2, 3 4, 5 6.
    fn numbered() -> Picture {
        let pixels = (1..=6u8).flat_map(|n| [n, 0, 0]).collect();
        Picture::new(2, 3, Channels::Rgb, pixels).unwrap()
    }

    #[test]
    fn each_of_the_eight_turns_the_pixels_where_exif_says() {
        let table: [(u32, u32, [u8; 6]); 8] = [
            (1, 2, [1, 2, 3, 4, 5, 6]),
            (2, 2, [2, 1, 4, 3, 6, 5]),
            (3, 2, [6, 5, 4, 3, 2, 1]),
            (4, 2, [5, 6, 3, 4, 1, 2]),
            (5, 3, [1, 3, 5, 2, 4, 6]),
            (6, 3, [5, 3, 1, 6, 4, 2]),
            (7, 3, [6, 4, 2, 5, 3, 1]),
            (8, 3, [2, 4, 6, 1, 3, 5]),
        ];
        for (value, width, wanted) in table {
            let turned = Orientation::from_exif(value).apply(numbered());
            let reds: Vec<u8> = turned.pixels().chunks_exact(3).map(|p| p[0]).collect();
            assert_eq!(
                (turned.width(), reds.as_slice()),
                (width, &wanted[..]),
                "{value}"
            );
        }
    }

    #[test]
    fn an_illegal_value_is_upright() {
        for value in [0, 9, u32::MAX] {
            assert_eq!(Orientation::from_exif(value), Orientation::Upright);
        }
    }
}
