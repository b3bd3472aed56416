//! Resizing decoded pixels: all of them or a part, colours weighted by alpha.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use crate::decode::Stored;
use crate::{Channels, MediaError, Picture, colour};

/// A part of a picture, in pixels that need not be whole ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Part {
    pub(crate) left: f64,
    pub(crate) top: f64,
    pub(crate) width: f64,
    pub(crate) height: f64,
}

impl Part {
    /// All of a decoded picture.
    pub(crate) fn whole(stored: &Stored) -> Self {
        Self {
            left: 0.0,
            top: 0.0,
            width: stored.exact.0,
            height: stored.exact.1,
        }
    }

    /// The same part, not a rounding error further than the picture goes.
    fn within(self, picture: &Picture) -> Self {
        let reach = |start: f64, length: f64, side: u32| {
            let end = f64::from(side);
            if start + length > end {
                end - start - 2.0 * end * f64::EPSILON
            } else {
                length
            }
        };
        Self {
            width: reach(self.left, self.width, picture.width()),
            height: reach(self.top, self.height, picture.height()),
            ..self
        }
    }
}

/// Brings a part of a picture to the given sides and to sRGB, in the order that
/// costs least.
pub(crate) fn to_display(
    mut stored: Stored,
    part: Part,
    sides: (u32, u32),
) -> Result<Picture, MediaError> {
    let profile = stored.profile.take();
    let mut small = resize(stored.picture, part, sides)?;
    colour::to_srgb(&mut small, profile.as_deref());
    Ok(small)
}

/// Brings a part of a picture to the given sides; the whole of a picture that
/// has them is given back as it is.
pub(crate) fn resize(
    picture: Picture,
    part: Part,
    (width, height): (u32, u32),
) -> Result<Picture, MediaError> {
    let is_at_origin = part.left <= 0.0 && part.top <= 0.0;
    if is_at_origin && (picture.width(), picture.height()) == (width, height) {
        return Ok(picture);
    }
    resized(&picture, part, (width, height))
}

/// A part of a picture at the given sides.
pub(crate) fn resized(
    picture: &Picture,
    part: Part,
    (width, height): (u32, u32),
) -> Result<Picture, MediaError> {
    let channels = picture.channels();
    let shape = || MediaError::Shape {
        width: picture.width(),
        height: picture.height(),
        channels: channels.count(),
        got: picture.pixels().len(),
    };
    let kind = match channels {
        Channels::Rgb => PixelType::U8x3,
        Channels::Rgba => PixelType::U8x4,
    };
    let from = ImageRef::new(picture.width(), picture.height(), picture.pixels(), kind)
        .map_err(|_| shape())?;
    let mut to = Image::new(width, height, kind);
    let part = part.within(picture);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(part.left, part.top, part.width, part.height);
    Resizer::new()
        .resize(&from, &mut to, &options)
        .map_err(|_| shape())?;
    Picture::new(width, height, channels, to.into_vec())
}
