//! EXIF: the one field of it that is needed, the orientation.

use crate::orient::Orientation;

/// The most bytes of an EXIF block that are looked at: what one JPEG segment
/// can carry.
pub(crate) const MAX_BYTES: u64 = 65_535;

/// The orientation in a TIFF block. A block that cannot be read says nothing,
/// and a picture is not refused for it.
pub(crate) fn orientation(tiff: &[u8]) -> Orientation {
    let tiff = tiff.strip_prefix(b"Exif\0\0").unwrap_or(tiff);
    exif::Reader::new()
        .continue_on_error(true)
        .read_raw(tiff.to_vec())
        .or_else(|error| error.distill_partial_result(|_| ()))
        .ok()
        .and_then(|fields| {
            let field = fields.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?;
            field.value.get_uint(0)
        })
        .map_or(Orientation::Upright, Orientation::from_exif)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample;

    #[test]
    fn every_value_is_read_with_and_without_its_prefix() {
        for value in 1..=8u16 {
            let tiff = sample::exif(value);
            let wanted = Orientation::from_exif(u32::from(value));
            assert_eq!(orientation(&tiff), wanted);
            assert_eq!(
                orientation(&[b"Exif\0\0", tiff.as_slice()].concat()),
                wanted
            );
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_orientation(mut bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            orientation(&bytes);
            if bytes.len() >= 8 {
                bytes[..8].copy_from_slice(b"II*\0\x08\0\0\0");
                orientation(&bytes);
            }
        }
    }
}
