//! Pixels: a decoded picture as one row-major buffer of eight-bit samples.
//!
//! Every decoder ends in a [`Picture`] and every encoder begins with one, so
//! that nothing between them has to know a file format. Samples are sRGB as
//! stored, alpha is straight (not premultiplied).

use crate::MediaError;

/// Which samples make up one pixel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Red, green, blue and straight alpha.
    Rgba,
}

impl Channels {
    /// The bytes of one pixel.
    pub const fn count(self) -> usize {
        match self {
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }
}

/// A decoded picture.
#[derive(Clone, PartialEq, Eq)]
pub struct Picture {
    width: u32,
    height: u32,
    channels: Channels,
    pixels: Vec<u8>,
}

impl Picture {
    /// Takes `pixels` (row-major, no padding) as a picture.
    ///
    /// # Errors
    /// [`MediaError::Shape`] when a side is zero or the buffer's length is not
    /// `width × height × channels`.
    pub fn new(
        width: u32,
        height: u32,
        channels: Channels,
        pixels: Vec<u8>,
    ) -> Result<Self, MediaError> {
        let wanted = (width as usize)
            .checked_mul(height as usize)
            .and_then(|n| n.checked_mul(channels.count()));
        if width == 0 || height == 0 || wanted != Some(pixels.len()) {
            return Err(MediaError::Shape {
                width,
                height,
                channels: channels.count(),
                got: pixels.len(),
            });
        }
        Ok(Self {
            width,
            height,
            channels,
            pixels,
        })
    }

    /// The width in pixels, at least 1.
    pub const fn width(&self) -> u32 {
        self.width
    }

    /// The height in pixels, at least 1.
    pub const fn height(&self) -> u32 {
        self.height
    }

    /// Which samples make up a pixel.
    pub const fn channels(&self) -> Channels {
        self.channels
    }

    /// The samples, row by row from the top, without padding.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The samples, to be changed in place.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// Gives the buffer away.
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// The bytes of one row.
    pub const fn stride(&self) -> usize {
        self.width as usize * self.channels.count()
    }

    /// One row's samples; an empty slice for a `y` outside the picture.
    pub fn row(&self, y: u32) -> &[u8] {
        let start = y as usize * self.stride();
        self.pixels
            .get(start..start + self.stride())
            .unwrap_or_default()
    }

    /// The same picture with an alpha channel, opaque where it had none.
    #[must_use]
    pub fn into_rgba(self) -> Self {
        if self.channels == Channels::Rgba {
            return self;
        }
        let mut pixels = Vec::with_capacity(self.pixels.len() / 3 * 4);
        for rgb in self.pixels.chunks_exact(3) {
            pixels.extend_from_slice(&[rgb[0], rgb[1], rgb[2], 255]);
        }
        Self {
            channels: Channels::Rgba,
            pixels,
            ..self
        }
    }

    /// The same colours without alpha; transparent parts keep whatever colour
    /// they had.
    #[must_use]
    pub fn into_rgb(self) -> Self {
        if self.channels == Channels::Rgb {
            return self;
        }
        let mut pixels = Vec::with_capacity(self.pixels.len() / 4 * 3);
        for rgba in self.pixels.chunks_exact(4) {
            pixels.extend_from_slice(&rgba[..3]);
        }
        Self {
            channels: Channels::Rgb,
            pixels,
            ..self
        }
    }

    /// The picture on a white ground, without alpha.
    #[must_use]
    pub fn on_white(self) -> Self {
        if self.channels == Channels::Rgb {
            return self;
        }
        let mut pixels = Vec::with_capacity(self.pixels.len() / 4 * 3);
        for rgba in self.pixels.chunks_exact(4) {
            let alpha = u32::from(rgba[3]);
            let blend = |sample: u8| (u32::from(sample) * alpha + 255 * (255 - alpha) + 127) / 255;
            pixels.extend(rgba[..3].iter().map(|sample| blend(*sample) as u8));
        }
        Self {
            channels: Channels::Rgb,
            pixels,
            ..self
        }
    }
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Picture({}×{} {:?})",
            self.width, self.height, self.channels
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_of_the_wrong_length_is_refused() {
        assert!(Picture::new(2, 2, Channels::Rgb, vec![0; 12]).is_ok());
        for (width, height, length) in [(2, 2, 11), (0, 2, 0), (2, 0, 0), (u32::MAX, u32::MAX, 3)] {
            let refused = Picture::new(width, height, Channels::Rgb, vec![0; length]);
            assert!(matches!(refused, Err(MediaError::Shape { .. })));
        }
    }

    #[test]
    fn alpha_is_added_opaque_and_dropped_without_touching_colour() {
        let picture = Picture::new(2, 1, Channels::Rgb, vec![1, 2, 3, 4, 5, 6]).unwrap();
        let rgba = picture.clone().into_rgba();
        assert_eq!(rgba.pixels(), [1, 2, 3, 255, 4, 5, 6, 255]);
        assert_eq!(rgba.into_rgb(), picture);
    }

    #[test]
    fn what_is_transparent_becomes_white_by_degrees() {
        let pixels = vec![10, 20, 30, 255, 10, 20, 30, 0, 0, 0, 0, 128];
        let picture = Picture::new(3, 1, Channels::Rgba, pixels).unwrap();
        let white = picture.on_white();
        assert_eq!(white.pixels(), [10, 20, 30, 255, 255, 255, 127, 127, 127]);
    }

    #[test]
    fn a_row_outside_is_empty() {
        let picture = Picture::new(1, 2, Channels::Rgb, vec![1, 2, 3, 4, 5, 6]).unwrap();
        assert_eq!(picture.row(1), [4, 5, 6]);
        assert!(picture.row(2).is_empty());
    }
}
