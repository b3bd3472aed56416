//! A picture as brightness and two planes of colour of half its sides, in the
//! ranges of WebP: what JPEG has and WebP wants, so that nothing between the two
//! has to go by way of red, green and blue.
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

mod scale;

use scale::{Filter, Range, Scaling};

use crate::decode::baseline::Plane;
use crate::{Channels, MediaError, Picture};

/// What 0 and 255 become in the ranges of WebP.
const LUMA: Range = Range {
    from: 16.0,
    to: 235.0,
};
const CHROMA: Range = Range {
    from: 128.0 - 128.0 * 224.0 / 255.0,
    to: 128.0 + 127.0 * 224.0 / 255.0,
};

/// A picture in planes. Those of colour have half of its sides, rounded up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planes {
    pub(crate) width: u32,
    pub(crate) height: u32,
    /// From 16 to 235.
    pub(crate) luma: Vec<u8>,
    /// How much bluer than grey, 128.
    pub(crate) blue: Vec<u8>,
    /// How much redder than grey, 128.
    pub(crate) red: Vec<u8>,
}

impl Planes {
    /// Brings the planes of a JPEG to the given sides. `None` when there is nothing
    /// of them, or when those of colour differ in their sides.
    pub(crate) fn of_jpeg(planes: &[Plane], (width, height): (u32, u32)) -> Option<Self> {
        let (luma, chroma) = planes.split_first()?;
        let half = (width.div_ceil(2), height.div_ceil(2));
        // Where a side is odd, the last pixel of colour reaches beyond the picture.
        let reach = (
            f64::from(half.0 * 2) / f64::from(width),
            f64::from(half.1 * 2) / f64::from(height),
        );
        let (blue, red) = if let [blue, red] = chroma {
            let both = scaling(blue, Filter::Triangle, half, reach, CHROMA)?;
            (both.apply(blue)?, both.apply(red)?)
        } else {
            let grey = vec![128; half.0 as usize * half.1 as usize];
            (grey.clone(), grey)
        };
        let bright = scaling(luma, Filter::CatmullRom, (width, height), (1.0, 1.0), LUMA)?;
        Some(Self {
            width,
            height,
            luma: bright.apply(luma)?,
            blue,
            red,
        })
    }

    /// The same picture in red, green and blue.
    pub(crate) fn to_rgb(&self) -> Result<Picture, MediaError> {
        let width = self.width as usize;
        let half = width.div_ceil(2);
        let mut pixels = Vec::with_capacity(self.luma.len() * 3);
        for (y, row) in self.luma.chunks_exact(width).enumerate() {
            let start = y / 2 * half;
            let (blues, reds) = (&self.blue[start..], &self.red[start..]);
            for (x, &luma) in row.iter().enumerate() {
                pixels.extend_from_slice(&rgb(luma, blues[x / 2], reds[x / 2]));
            }
        }
        Picture::new(self.width, self.height, Channels::Rgb, pixels)
    }

    /// A small picture in red, green and blue: the means of boxes so large that
    /// its longest side is `longest` pixels at most.
    pub(crate) fn in_boxes(&self, longest: u32) -> Result<Picture, MediaError> {
        let (width, height) = (self.width as usize, self.height as usize);
        // Half of a box is one of the planes of colour.
        let half = width.max(height).div_ceil(2 * longest as usize);
        let luma = means(&self.luma, width, half * 2);
        let blue = means(&self.blue, width.div_ceil(2), half);
        let red = means(&self.red, width.div_ceil(2), half);
        let colours = luma.iter().zip(blue).zip(red);
        Picture::new(
            width.div_ceil(half * 2) as u32,
            height.div_ceil(half * 2) as u32,
            Channels::Rgb,
            colours
                .flat_map(|((luma, blue), red)| rgb(*luma, blue, red))
                .collect(),
        )
    }
}

/// A colour by BT.601.
fn rgb(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let bright = (i32::from(luma) - 16) * 76309;
    let (blue, red) = (i32::from(blue) - 128, i32::from(red) - 128);
    [
        bright + red * 104_597,
        bright - blue * 25_675 - red * 53_279,
        bright + blue * 132_201,
    ]
    .map(|sum| ((sum + (1 << 15)) >> 16).clamp(0, 255) as u8)
}

/// The means of boxes of `side` pixels, fewer at the right and lower edge.
fn means(plane: &[u8], width: usize, side: usize) -> Vec<u8> {
    struct Means<'a>(&'a [u8], usize, usize);
    impl pulp::WithSimd for Means<'_> {
        type Output = Vec<u8>;
        #[inline(always)]
        fn with_simd<S: pulp::Simd>(self, _: S) -> Vec<u8> {
            means_of_boxes(self.0, self.1, self.2)
        }
    }
    pulp::Arch::new().dispatch(Means(plane, width, side))
}

#[inline(always)]
fn means_of_boxes(plane: &[u8], width: usize, side: usize) -> Vec<u8> {
    let mut means = Vec::new();
    let mut sums = vec![0u32; width];
    for band in plane.chunks(width * side) {
        sums.fill(0);
        for row in band.chunks_exact(width) {
            for (sum, pixel) in sums.iter_mut().zip(row) {
                *sum += u32::from(*pixel);
            }
        }
        let rows = band.len() / width;
        means.extend(sums.chunks(side).map(|sums| {
            let count = (sums.len() * rows) as u32;
            ((sums.iter().sum::<u32>() + count / 2) / count) as u8
        }));
    }
    means
}

/// How planes like this one are brought to the given sides and range; the picture
/// has of it the part that is left when divided by `reach`.
fn scaling(
    plane: &Plane,
    filter: Filter,
    (width, height): (u32, u32),
    reach: (f64, f64),
    range: Range,
) -> Option<Scaling> {
    let exact = (
        (plane.exact.0 * reach.0).min(plane.width as f64),
        (plane.exact.1 * reach.1).min(plane.height as f64),
    );
    let from = (plane.width, plane.height);
    Scaling::new(
        from,
        exact,
        (width as usize, height as usize),
        filter,
        range,
    )
}
