//! Resizing decoded pixels: all of them or a part, colours weighted by alpha.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions, Resizer};

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
    let part = part.within(picture);
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .crop(part.left, part.top, part.width, part.height);
    let sides = (picture.width(), picture.height());
    let resample = match channels {
        Channels::Rgb => resample::<U8x3>,
        Channels::Rgba => resample::<U8x4>,
    };
    let pixels = resample(picture.pixels(), sides, (width, height), &options);
    Picture::new(width, height, channels, pixels.ok_or_else(shape)?)
}

/// Brings pixels of one kind to other sides; `None` when there are not as many
/// as the sides say.
///
/// The kind is a type: chosen at run time, the resizer is compiled for all its
/// kinds, and that is minutes.
pub(crate) fn resample<P: PixelTrait>(
    pixels: &[u8],
    (width, height): (u32, u32),
    (to_width, to_height): (u32, u32),
    options: &ResizeOptions,
) -> Option<Vec<u8>> {
    let from = TypedImageRef::<P>::from_buffer(width, height, pixels).ok()?;
    let mut made = vec![0; to_width as usize * to_height as usize * size_of::<P>()];
    let mut to = TypedImage::<P>::from_buffer(to_width, to_height, &mut made).ok()?;
    let done = Resizer::new().resize_typed(&from, &mut to, options);
    done.ok()?;
    Some(made)
}
