//! BMP, in all its bit depths, masks and run lengths.

use std::io::{BufReader, Read, Seek};

use image::codecs::bmp::BmpDecoder;
use image::error::ImageError;
use image::{ColorType, ImageDecoder};

use super::Stored;
use crate::probe::damaged;
use crate::{Budget, Channels, MediaError, MediaType, Picture, Probe};

/// Decodes the picture, which is whole in memory then: rows are stored from
/// the bottom up.
pub(super) fn decode(
    source: &mut (impl Read + Seek),
    facts: &Probe,
    budget: &Budget,
) -> Result<Stored, MediaError> {
    let decoder = BmpDecoder::new(BufReader::new(source)).map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    budget.check(width, height)?;
    if (width, height) != (facts.width, facts.height) {
        return Err(damaged(MediaType::Bmp, "it has two headers"));
    }
    let channels = match decoder.color_type() {
        ColorType::Rgb8 => Channels::Rgb,
        ColorType::Rgba8 => Channels::Rgba,
        other => {
            return Err(damaged(
                MediaType::Bmp,
                format!("it has pixels of the kind {other:?}"),
            ));
        }
    };
    let mut pixels = vec![0; width as usize * height as usize * channels.count()];
    if decoder.total_bytes() != pixels.len() as u64 {
        return Err(damaged(MediaType::Bmp, "its size contradicts itself"));
    }
    decoder.read_image(&mut pixels).map_err(refusal)?;
    Ok(Stored::whole(Picture::new(
        width, height, channels, pixels,
    )?))
}

fn refusal(error: ImageError) -> MediaError {
    match error {
        ImageError::IoError(cause) => MediaError::Read(cause),
        ImageError::Unsupported(cause) => MediaError::Unusable {
            format: MediaType::Bmp,
            reason: cause.to_string(),
        },
        other => damaged(MediaType::Bmp, other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;
    use crate::{Want, decode, probe, sample};

    fn full(file: &[u8]) -> Result<Picture, MediaError> {
        decode(&mut Cursor::new(file), Want::Full, &Budget::default())
    }

    #[test]
    fn rows_from_the_bottom_and_from_the_top_give_the_same() {
        let picture = full(&sample::bmp(5, 3)).unwrap();
        assert_eq!((picture.width(), picture.height()), (5, 3));
        assert_eq!(picture.row(2)[..3], [0, 2, 7]);
        let mut from_the_top = sample::bmp(5, 3);
        from_the_top[22..26].copy_from_slice(&(-3i32).to_le_bytes());
        let upside_down = full(&from_the_top).unwrap();
        assert_eq!(upside_down.row(0), picture.row(2));
        let facts = probe(&mut Cursor::new(&from_the_top), &Budget::default()).unwrap();
        assert_eq!((facts.width, facts.height), (5, 3));
    }

    #[test]
    fn what_a_header_announces_is_checked_before_anything_is_allocated() {
        for (width, height) in [
            (60_000, 60_000),
            (i32::MAX, 1),
            (-5, 5),
            (0, 9),
            (9, i32::MIN),
        ] {
            let mut bomb = sample::bmp(5, 3);
            bomb[18..22].copy_from_slice(&width.to_le_bytes());
            bomb[22..26].copy_from_slice(&height.to_le_bytes());
            assert!(full(&bomb).is_err(), "{width}×{height}");
        }
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused() {
        let file = sample::bmp(9, 7);
        for length in 0..file.len() {
            assert!(full(&file[..length]).is_err(), "{length}");
        }
    }

    proptest! {
        #[test]
        fn a_file_with_changed_bytes_is_judged(
            changes in proptest::collection::vec((0usize..80, any::<u8>()), 1..8),
        ) {
            let mut file = sample::bmp(9, 7);
            for (at, value) in changes {
                file[at] = value;
            }
            let budget = Budget { max_pixels: 1_000_000, ..Budget::default() };
            if let Ok(picture) = decode(&mut Cursor::new(&file), Want::Full, &budget) {
                prop_assert!(picture.pixels().len() <= 4_000_000);
            }
        }
    }
}
