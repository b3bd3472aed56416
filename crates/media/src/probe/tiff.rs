//! The header of a TIFF: the tags of its first picture.

use std::io::{BufReader, ErrorKind, Read, Seek};

use tiff::ColorType;
use tiff::decoder::{Decoder, Limits};
use tiff::tags::Tag;

use super::{Header, damaged};
use crate::orient::Orientation;
use crate::{Budget, MediaError, MediaType};

/// The most bytes that a chunk of pixels takes while it is decoded.
pub(crate) const MAX_CHUNK_BYTES: usize = 400_000_000;

/// Reads a file's first directory under limits; no pixel is touched.
pub(crate) fn open<S: Read + Seek>(source: S, budget: &Budget) -> Result<Decoder<S>, MediaError> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = MAX_CHUNK_BYTES;
    limits.intermediate_buffer_size = MAX_CHUNK_BYTES;
    limits.ifd_value_size = 4 << 20;
    let mut decoder = Decoder::new(source).map_err(refusal)?.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(refusal)?;
    budget.check(width, height)?;
    Ok(decoder)
}

pub(super) fn header<S: Read + Seek>(
    reader: &mut BufReader<S>,
    budget: &Budget,
) -> Result<Header, MediaError> {
    let mut decoder = open(reader, budget)?;
    let (width, height) = decoder.dimensions().map_err(refusal)?;
    // What is not known here may well be transparent.
    let has_alpha = !matches!(
        decoder.colortype(),
        Ok(ColorType::Gray(_) | ColorType::RGB(_) | ColorType::CMYK(_) | ColorType::YCbCr(_))
    );
    // A tag that cannot be read says nothing.
    let orientation = decoder.find_tag_unsigned::<u32>(Tag::Orientation);
    Ok(Header {
        width,
        height,
        has_alpha,
        orientation: Orientation::from_exif(orientation.ok().flatten().unwrap_or(1)),
        ..Header::default()
    })
}

/// What the decoder's words mean for the sender.
pub(crate) fn refusal(error: tiff::TiffError) -> MediaError {
    let unusable = |reason: String| MediaError::Unusable {
        format: MediaType::Tiff,
        reason,
    };
    match error {
        // So the readers below it tell of packed bytes that make no sense.
        tiff::TiffError::IoError(cause)
            if matches!(
                cause.kind(),
                ErrorKind::InvalidData | ErrorKind::InvalidInput
            ) =>
        {
            damaged(MediaType::Tiff, cause.to_string())
        }
        tiff::TiffError::IoError(cause) => MediaError::Read(cause),
        tiff::TiffError::UnsupportedError(cause) => unusable(cause.to_string()),
        tiff::TiffError::LimitsExceeded => unusable(format!(
            "a part of it would need more than {} MB to decode; save it in smaller strips",
            MAX_CHUNK_BYTES / 1_000_000
        )),
        other => damaged(MediaType::Tiff, other.to_string()),
    }
}
