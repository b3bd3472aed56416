//! Decoding: a checked file in, upright eight-bit pixels out.
//!
//! [`decode`] probes first, so that no decoder sees a picture that is over the
//! [`Budget`]. Each format has its own way to read less than everything when
//! only a small version is [`Want`]ed: JPEG scales in the DCT (its plain kind by
//! [`baseline`], into planes), WebP while it
//! writes rows, PNG, GIF and TIFF average boxes of pixels row by row. Colours of
//! an embedded profile become sRGB, at the smallest size there is.

pub(crate) mod baseline;
mod bmp;
mod gif;
mod heif;
pub(crate) mod icc;
mod jpeg;
mod lzw;
pub(crate) mod png;
mod shrink;
mod tiff;
mod webp;

use std::io::{Read, Seek, SeekFrom};

use crate::subprocess::Programs;
use crate::{Budget, MediaError, MediaType, Picture, Probe, colour, probe, svg};

pub(crate) use heif::CONVERTERS;

/// How much of a picture is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// Every pixel.
    Full,
    /// Any size whose longest side is at least this many pixels, or every
    /// pixel of a smaller picture. What comes is chosen for speed and is
    /// seldom the exact size.
    AtLeast {
        /// In pixels.
        longest_side: u32,
    },
}

/// Decodes the picture that begins at the source's start, its first frame when
/// there are several, and turns it upright.
///
/// # Errors
/// Those of [`probe()`], [`MediaError::ToolMissing`] for AVIF and HEIC without
/// libheif's converter and for SVG without librsvg's, and [`MediaError::Damaged`] when pixels are missing or
/// wrong, [`MediaError::TooManyBytes`] for a file over the budget that has to be
/// in memory as a whole.
pub fn decode(
    source: &mut (impl Read + Seek),
    want: Want,
    budget: &Budget,
) -> Result<Picture, MediaError> {
    let facts = probe(source, budget)?;
    let mut stored = decode_stored(source, &facts, want, budget, &Programs::default())?;
    colour::to_srgb(&mut stored.picture, stored.profile.as_deref());
    Ok(facts.orientation.apply(stored.picture))
}

/// A picture as stored, before it is turned upright.
pub(crate) struct Stored {
    pub(crate) picture: Picture,
    /// The sides as the scale would have them, where the last row or column
    /// stands for less than a whole one: 1001 halved is 500.5 of 501.
    pub(crate) exact: (f64, f64),
    /// The ICC profile that the samples are still of.
    pub(crate) profile: Option<Vec<u8>>,
}

impl Stored {
    pub(crate) fn whole(picture: Picture) -> Self {
        let exact = (f64::from(picture.width()), f64::from(picture.height()));
        Self {
            picture,
            exact,
            profile: None,
        }
    }
}

/// Decodes what `facts` describe, without turning it.
pub(crate) fn decode_stored(
    source: &mut (impl Read + Seek),
    facts: &Probe,
    want: Want,
    budget: &Budget,
    programs: &Programs,
) -> Result<Stored, MediaError> {
    source.seek(SeekFrom::Start(0))?;
    let format = facts.media_type;
    let stored = match format {
        MediaType::Jpeg => jpeg::decode(source, want, budget),
        MediaType::Png => png::decode(source, facts, want),
        MediaType::WebP => webp::decode(source, facts, want, budget),
        MediaType::Gif => gif::decode(source, facts, want, budget),
        MediaType::Avif | MediaType::Heic => heif::decode(source, facts, want, budget, programs),
        MediaType::Bmp => bmp::decode(source, facts, budget),
        MediaType::Tiff => tiff::decode(source, facts, want, budget, programs),
        MediaType::Svg => svg::draw(source, want, budget, programs),
        other => Err(MediaError::Unsupported { found: Some(other) }),
    };
    stored.map_err(|error| probe::ended_early(format, error))
}

/// The sides of a picture whose longest one becomes at most `longest`; none is
/// enlarged, none vanishes.
pub(crate) fn fit(width: u32, height: u32, longest: u32) -> (u32, u32) {
    let now = width.max(height).max(1);
    if now <= longest {
        return (width, height);
    }
    let scale = |side: u32| {
        let rounded = (u64::from(side) * u64::from(longest) + u64::from(now) / 2) / u64::from(now);
        (rounded as u32).max(1)
    };
    (scale(width), scale(height))
}

#[cfg(test)]
mod tests;
