//! Transforms: a picture in other sides and another format.
//!
//! What comes out is upright, in sRGB, never larger than the picture was, and
//! of an animation the first frame. Only as much is decoded as the result
//! needs: a JPEG scales in its DCT, a WebP and a PNG while rows are read.

use std::io::{Read, Seek};

use crate::decode::decode_stored;
use crate::encode::{encode_avif, encode_jpeg, encode_png, encode_webp};
use crate::resize::{Part, to_display};
use crate::subprocess::Programs;
use crate::{Budget, Channels, MediaError, MediaType, Picture, Want, probe};

/// The longest side of a result, in pixels.
pub const MAX_RESULT_SIDE: u32 = 8192;

/// The most pixels of a result: more than today's cameras have, and few enough
/// for a few of them at once.
const MAX_PIXELS: u64 = 40_000_000;

/// The most pixels of an AVIF, whose encoder takes about a second for two
/// million and keeps several copies of each.
const MAX_AVIF_PIXELS: u64 = 8_400_000;

/// How a picture is brought into a box of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fit {
    /// All of the picture, as large as the box allows.
    Contain,
    /// The box filled; what hangs over is cut off on both sides alike.
    Cover,
    /// The middle of the picture at its own scale, as much as the box holds.
    Crop,
}

/// What a picture is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// WebP.
    WebP,
    /// AVIF.
    Avif,
    /// JPEG; what is transparent becomes white.
    Jpeg,
    /// PNG.
    Png,
    /// What every program reads: PNG for a picture with transparent parts,
    /// JPEG otherwise.
    Plain,
}

/// What is to be made of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Transform {
    /// The width of the box; without it, whatever the height leaves.
    pub width: Option<u32>,
    /// The height of the box; without it, whatever the width leaves.
    pub height: Option<u32>,
    /// How the picture is brought into it.
    pub fit: Fit,
    /// What it is written as.
    pub format: Format,
    /// The quality (1–100); without it, one that fits the format. PNG has none.
    pub quality: Option<u8>,
}

/// A transformed picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transformed {
    /// The file.
    pub bytes: Vec<u8>,
    /// Its type.
    pub media_type: MediaType,
    /// Its width in pixels.
    pub width: u32,
    /// Its height in pixels.
    pub height: u32,
}

impl Format {
    /// The quality when none is asked for: about the same to the eye.
    pub const fn default_quality(self) -> u8 {
        match self {
            Self::Avif => 60,
            Self::WebP => 80,
            Self::Jpeg | Self::Png | Self::Plain => 82,
        }
    }

    /// The type of what is written, as far as it is known before the pixels are.
    const fn media_type(self) -> MediaType {
        match self {
            Self::Avif => MediaType::Avif,
            Self::WebP => MediaType::WebP,
            Self::Png => MediaType::Png,
            Self::Jpeg | Self::Plain => MediaType::Jpeg,
        }
    }

    /// The most pixels of a result.
    const fn max_pixels(self) -> u64 {
        match self {
            Self::Avif => MAX_AVIF_PIXELS,
            _ => MAX_PIXELS,
        }
    }
}

/// Which part of a picture becomes how large.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Plan {
    part: Part,
    sides: (u32, u32),
}

impl Transform {
    /// The sides of what a picture of the given sides becomes.
    ///
    /// # Errors
    /// [`MediaError::ResultTooLarge`] when the format does not allow them.
    pub fn sides(&self, width: u32, height: u32) -> Result<(u32, u32), MediaError> {
        let (width, height) = self.plan(width.max(1), height.max(1)).sides;
        let max_pixels = self.format.max_pixels();
        let pixels = u64::from(width) * u64::from(height);
        if pixels > max_pixels || width.max(height) > MAX_RESULT_SIDE {
            return Err(MediaError::ResultTooLarge {
                width,
                height,
                format: self.format.media_type(),
                max_pixels,
                max_side: MAX_RESULT_SIDE,
            });
        }
        Ok((width, height))
    }

    /// The same for a picture that lies on its side.
    const fn turned(self) -> Self {
        Self {
            width: self.height,
            height: self.width,
            ..self
        }
    }

    fn plan(&self, width: u32, height: u32) -> Plan {
        match (self.fit, self.width, self.height) {
            (Fit::Crop, ..) => {
                let wide = self.width.unwrap_or(width).clamp(1, width);
                let high = self.height.unwrap_or(height).clamp(1, height);
                Plan {
                    // Whole pixels: at its own scale nothing is to be blurred.
                    part: Part {
                        left: f64::from((width - wide) / 2),
                        top: f64::from((height - high) / 2),
                        width: f64::from(wide),
                        height: f64::from(high),
                    },
                    sides: (wide, high),
                }
            }
            (Fit::Cover, Some(wide), Some(high)) => cover((width, height), (wide, high)),
            (_, wide, high) => Plan {
                part: Part {
                    left: 0.0,
                    top: 0.0,
                    width: f64::from(width),
                    height: f64::from(height),
                },
                sides: contain((width, height), wide, high),
            },
        }
    }
}

/// The sides of a picture made small enough for a box.
fn contain((width, height): (u32, u32), wide: Option<u32>, high: Option<u32>) -> (u32, u32) {
    let across = wide.map_or(1.0, |wide| f64::from(wide) / f64::from(width));
    let down = high.map_or(1.0, |high| f64::from(high) / f64::from(height));
    let scale = across.min(down).min(1.0);
    let side = |side: u32| ((f64::from(side) * scale).round() as u32).clamp(1, side);
    (side(width), side(height))
}

/// A box filled with the middle of a picture. A box that is larger than the
/// picture becomes as small as it must be, and keeps its shape.
fn cover((width, height): (u32, u32), (wide, high): (u32, u32)) -> Plan {
    let (wide, high) = (wide.max(1), high.max(1));
    let shrink = (f64::from(width) / f64::from(wide)).min(f64::from(height) / f64::from(high));
    let shrink = shrink.min(1.0);
    let side = |side: u32, most: u32| ((f64::from(side) * shrink).round() as u32).clamp(1, most);
    let sides = (side(wide, width), side(high, height));
    let scale = (f64::from(width) / f64::from(sides.0)).min(f64::from(height) / f64::from(sides.1));
    let (part_width, part_height) = (f64::from(sides.0) * scale, f64::from(sides.1) * scale);
    Plan {
        part: Part {
            left: ((f64::from(width) - part_width) / 2.0).max(0.0),
            top: ((f64::from(height) - part_height) / 2.0).max(0.0),
            width: part_width.min(f64::from(width)),
            height: part_height.min(f64::from(height)),
        },
        sides,
    }
}

/// Makes what `transform` says of the picture in `source`. A type that is not read
/// in this process is read by one of `programs`.
///
/// # Errors
/// Those of [`crate::decode()`] and of [`Transform::sides`], and
/// [`MediaError::Encode`] when the format cannot hold the result.
pub fn transform(
    source: &mut (impl Read + Seek),
    transform: &Transform,
    budget: &Budget,
    programs: &Programs,
) -> Result<Transformed, MediaError> {
    let facts = probe(source, budget)?;
    transform.sides(facts.width, facts.height)?;
    let (width, height) = facts.orientation.turn_sides(facts.width, facts.height);
    let lying = if facts.orientation.swaps_sides() {
        transform.turned()
    } else {
        *transform
    };
    let plan = lying.plan(width, height);
    let want = wanted(&plan, width.max(height));
    let stored = decode_stored(source, &facts, want, budget, programs)?;
    // What was decoded is smaller than the picture by a factor.
    let across = stored.exact.0 / f64::from(width);
    let down = stored.exact.1 / f64::from(height);
    let part = Part {
        left: plan.part.left * across,
        top: plan.part.top * down,
        width: plan.part.width * across,
        height: plan.part.height * down,
    };
    let small = to_display(stored, part, plan.sides)?;
    write(facts.orientation.apply(small), transform)
}

/// How much of a picture has to be decoded.
fn wanted(plan: &Plan, longest: u32) -> Want {
    let (width, height) = plan.sides;
    let scale = (f64::from(width) / plan.part.width).max(f64::from(height) / plan.part.height);
    let longest_side = (f64::from(longest) * scale).ceil() as u32;
    if longest_side >= longest {
        Want::Full
    } else {
        Want::AtLeast { longest_side }
    }
}

fn write(picture: Picture, transform: &Transform) -> Result<Transformed, MediaError> {
    let (width, height) = (picture.width(), picture.height());
    let format = match transform.format {
        Format::Plain if is_see_through(&picture) => Format::Png,
        Format::Plain => Format::Jpeg,
        other => other,
    };
    let quality = transform.quality.unwrap_or(format.default_quality());
    let bytes = match format {
        Format::Avif => encode_avif(&picture, quality)?,
        Format::WebP => encode_webp(&picture, quality)?,
        Format::Png => encode_png(&picture)?,
        Format::Jpeg | Format::Plain => encode_jpeg(&picture.on_white(), quality)?,
    };
    Ok(Transformed {
        bytes,
        media_type: format.media_type(),
        width,
        height,
    })
}

/// Whether anything shines through; many pictures with alpha are opaque.
fn is_see_through(picture: &Picture) -> bool {
    picture.channels() == Channels::Rgba
        && picture.pixels().chunks_exact(4).any(|pixel| pixel[3] < 255)
}

#[cfg(test)]
mod tests;
