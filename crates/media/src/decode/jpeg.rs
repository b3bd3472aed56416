//! JPEG through libjpeg-turbo, scaled down in the DCT where less is wanted.

use std::io::{BufReader, Cursor, Read, Seek};

use turbojpeg::{
    Colorspace, DecompressHeader, Decompressor, Image, PixelFormat, ScalingFactor, Subsamp,
};

use super::{Stored, Want, icc};
use crate::probe::{damaged, jpeg};
use crate::{Budget, Channels, MediaError, MediaType, Picture, colour};

/// The most scans of a progressive file. Encoders write about ten; each scan
/// costs a walk over the whole picture, so a small file with thousands of them
/// would be an attack.
pub(super) const MAX_SCANS: u32 = 100;

/// The most bytes for the coefficients of a file of several scans, which are all
/// kept until the last one: no more than the largest picture itself may take.
const MAX_COEFFICIENT_BYTES: u64 = 400_000_000;

/// The marker of a picture's end.
const END: [u8; 2] = [0xff, 0xd9];

/// The scales that libjpeg-turbo has fast code for.
const SCALES: [ScalingFactor; 4] = [
    ScalingFactor::ONE_EIGHTH,
    ScalingFactor::ONE_QUARTER,
    ScalingFactor::ONE_HALF,
    ScalingFactor::ONE,
];

/// Decodes the picture.
pub(super) fn decode(
    source: &mut (impl Read + Seek),
    want: Want,
    budget: &Budget,
) -> Result<Stored, MediaError> {
    let mut bytes = budget.read_whole(source)?;
    // Some cameras and senders leave the end out. What lacks more than that is found
    // to be damaged all the same: then nothing at all is put up with.
    let lacks_end = !bytes.ends_with(&END) && !has_end(&bytes);
    if lacks_end {
        bytes.extend_from_slice(&END);
    }
    let mut decompressor = Decompressor::new().map_err(refusal)?;
    decompressor.set_scan_limit(MAX_SCANS).map_err(refusal)?;
    let header = decompressor.read_header(&bytes).map_err(refusal)?;
    // The header is read twice by different readers; the budget must hold for
    // what the decoder believes.
    budget.check(header.width as u32, header.height as u32)?;
    check_coefficients(&header, &bytes)?;
    let scale = match want {
        Want::AtLeast { longest_side } if !header.is_lossless => {
            let longest = header.width.max(header.height);
            let is_enough = |scale: &&ScalingFactor| scale.scale(longest) >= longest_side as usize;
            *SCALES.iter().find(is_enough).unwrap_or(&ScalingFactor::ONE)
        }
        _ => ScalingFactor::ONE,
    };
    decompressor.set_scaling_factor(scale).map_err(refusal)?;
    let sides = header.scaled(scale);
    let is_cmyk = matches!(header.colorspace, Colorspace::CMYK | Colorspace::YCCK);
    let format = if is_cmyk {
        PixelFormat::CMYK
    } else {
        PixelFormat::RGB
    };
    let mut image = Image {
        pixels: vec![0; sides.width * sides.height * format.size()],
        width: sides.width,
        pitch: sides.width * format.size(),
        height: sides.height,
        format,
    };
    if lacks_end {
        let decoded = decompressor.decompress(&bytes, image.as_deref_mut());
        decoded.map_err(refusal)?;
    } else {
        decompress(&mut decompressor, &bytes, image.as_deref_mut())?;
    }
    let mut profile = icc::jpeg(&bytes);
    let pixels = if is_cmyk {
        let segments = jpeg::segments(&mut BufReader::new(Cursor::new(&bytes)))?;
        let mut inks = image.pixels;
        if segments.adobe {
            for ink in &mut inks {
                *ink = !*ink;
            }
        }
        // A profile of inks has done its work here.
        colour::inks_to_srgb(&inks, profile.take().as_deref()).unwrap_or_else(|| cmyk_to_rgb(&inks))
    } else {
        image.pixels
    };
    let exact = |side: usize| side as f64 * scale.num() as f64 / scale.denom() as f64;
    Ok(Stored {
        exact: (exact(header.width), exact(header.height)),
        picture: Picture::new(
            sides.width as u32,
            sides.height as u32,
            Channels::Rgb,
            pixels,
        )?,
        profile,
    })
}

/// Fills an image, and puts up with what does not change a pixel.
pub(super) fn decompress(
    decompressor: &mut Decompressor,
    bytes: &[u8],
    image: Image<&mut [u8]>,
) -> Result<(), MediaError> {
    match decompressor.decompress(bytes, image) {
        Err(error) if !(is_harmless(&error) && has_end(bytes)) => Err(refusal(error)),
        _ => Ok(()),
    }
}

/// Refuses a file of several scans that would need too much memory.
pub(super) fn check_coefficients(
    header: &DecompressHeader,
    bytes: &[u8],
) -> Result<(), MediaError> {
    // Twice the samples a pixel, since they are halves for some subsamplings.
    let doubled_samples = match (header.colorspace, header.subsamp) {
        (Colorspace::Gray, _) => 2,
        (Colorspace::CMYK | Colorspace::YCCK, _) => 8,
        (_, Subsamp::Sub2x2 | Subsamp::Sub4x1 | Subsamp::Sub1x4) => 3,
        (_, Subsamp::Sub2x1 | Subsamp::Sub1x2) => 4,
        _ => 6,
    };
    let pixels = header.width as u64 * header.height as u64;
    // Two bytes a coefficient.
    let needed = pixels * doubled_samples;
    if needed > MAX_COEFFICIENT_BYTES && (header.is_progressive || has_more_scans(bytes)?) {
        return Err(MediaError::Unusable {
            format: MediaType::Jpeg,
            reason: format!(
                "it is stored in several scans and would need {} MB to decode, the limit is {}; \
                 save it without progression",
                needed / 1_000_000,
                MAX_COEFFICIENT_BYTES / 1_000_000
            ),
        });
    }
    Ok(())
}

/// Whether the first scan has not all of the colours.
fn has_more_scans(bytes: &[u8]) -> Result<bool, MediaError> {
    let mut reader = BufReader::new(Cursor::new(bytes));
    let segments = jpeg::segments(&mut reader)?;
    // The walk ends where the scan's segment says how many it has.
    let mut in_scan = [0];
    reader.read_exact(&mut in_scan)?;
    Ok(in_scan[0] < segments.components)
}

pub(super) fn refusal(error: turbojpeg::Error) -> MediaError {
    let reason = match error {
        turbojpeg::Error::TurboJpegError(words) => words,
        other => other.to_string(),
    };
    damaged(MediaType::Jpeg, reason)
}

/// Warnings about what does not change a pixel. libjpeg keeps the first
/// warning alone, so [`has_end`] has to hold too.
fn is_harmless(error: &turbojpeg::Error) -> bool {
    const HARMLESS: [&str; 4] = [
        "extraneous bytes before marker",
        "unknown JFIF revision",
        "Unknown Adobe color transform",
        "Invalid SOS parameters for sequential JPEG",
    ];
    let turbojpeg::Error::TurboJpegError(words) = error else {
        return false;
    };
    HARMLESS.iter().any(|harmless| words.contains(harmless))
}

/// Whether the end-of-image marker follows the last scan.
fn has_end(bytes: &[u8]) -> bool {
    let last = |marker: [u8; 2]| bytes.windows(2).rposition(|pair| pair == marker);
    matches!((last([0xff, 0xda]), last(END)), (Some(scan), Some(end)) if scan < end)
}

/// Ink to light, without a profile.
pub(super) fn cmyk_to_rgb(inks: &[u8]) -> Vec<u8> {
    let (pixels, _) = inks.as_chunks::<4>();
    let light = |ink: u8, black: u8| {
        let product = u32::from(!ink) * u32::from(!black);
        ((product + 127) / 255) as u8
    };
    let mut rgb = Vec::with_capacity(pixels.len() * 3);
    for &[c, m, y, k] in pixels {
        rgb.extend_from_slice(&[light(c, k), light(m, k), light(y, k)]);
    }
    rgb
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_becomes_light() {
        let table = [
            ([0, 0, 0, 0], [255, 255, 255]),
            ([0, 0, 0, 255], [0, 0, 0]),
            ([255, 0, 0, 0], [0, 255, 255]),
            ([0, 128, 255, 0], [255, 127, 0]),
        ];
        for (ink, wanted) in table {
            assert_eq!(cmyk_to_rgb(&ink), wanted);
        }
    }

    #[test]
    fn an_end_inside_a_preview_is_not_the_end() {
        assert!(has_end(b"\xff\xd8\xff\xda..\xff\xd9"));
        assert!(!has_end(b"\xff\xd8 \xff\xda \xff\xd9 \xff\xda.."));
        assert!(!has_end(b""));
    }
}
