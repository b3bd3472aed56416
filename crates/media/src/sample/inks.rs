//! CMYK: a JPEG of one colour, and the smallest profile of a press.

use turbojpeg::{Colorspace, Compressor, Image, PixelFormat, Subsamp};

/// What [`ink_profile`] says that cyan looks like, in sRGB: what a press for
/// coated paper prints.
pub const INK_CYAN: [u8; 3] = [0, 152, 216];

/// Lab of paper, cyan, magenta, yellow and black, as ICC's eight bits have it:
/// lightness in hundredths of 255, the colours around 128.
const PAPER: [u8; 3] = [255, 128, 128];
const CYAN: [u8; 3] = [148, 107, 84];
const BLACK: [u8; 3] = [0, 128, 128];

/// A profile that knows the corners of the cube of inks: paper, cyan, and black
/// for everything else.
pub fn ink_profile() -> Vec<u8> {
    let mut lut = b"mft1\0\0\0\0".to_vec();
    // Four inks in, three samples of Lab out, two points an ink.
    lut.extend_from_slice(&[4, 3, 2, 0]);
    for at in 0..9u32 {
        let one = if at % 4 == 0 { 0x1_0000u32 } else { 0 };
        lut.extend_from_slice(&one.to_be_bytes());
    }
    let straight: Vec<u8> = (0..=255).collect();
    lut.extend(straight.repeat(4));
    for corner in 0..16u8 {
        // The first ink varies slowest.
        lut.extend_from_slice(match corner {
            0 => &PAPER,
            0b1000 => &CYAN,
            _ => &BLACK,
        });
    }
    lut.extend(straight.repeat(3));
    let white = [
        b"XYZ \0\0\0\0".as_slice(),
        &[0, 0, 0xf6, 0xd6, 0, 1, 0, 0, 0, 0, 0xd3, 0x2d],
    ]
    .concat();
    let mut profile = vec![0; 128];
    profile[8..12].copy_from_slice(&[2, 0x40, 0, 0]);
    profile[12..16].copy_from_slice(b"prtr");
    profile[16..20].copy_from_slice(b"CMYK");
    profile[20..24].copy_from_slice(b"Lab ");
    profile[36..40].copy_from_slice(b"acsp");
    profile[68..80].copy_from_slice(&white[8..]);
    let lut_at = 128 + 4 + 2 * 12;
    profile.extend_from_slice(&2u32.to_be_bytes());
    for (tag, at, length) in [
        (b"A2B0", lut_at, lut.len()),
        (b"wtpt", lut_at + lut.len(), white.len()),
    ] {
        profile.extend_from_slice(tag);
        profile.extend_from_slice(&(at as u32).to_be_bytes());
        profile.extend_from_slice(&(length as u32).to_be_bytes());
    }
    profile.extend(lut);
    profile.extend(white);
    let length = profile.len() as u32;
    profile[..4].copy_from_slice(&length.to_be_bytes());
    profile
}

/// A JPEG of 16×16 pixels of these inks, inverted as Adobe's segment says.
pub fn cmyk_jpeg(inks: [u8; 4]) -> Vec<u8> {
    let pixels = inks.map(|ink| !ink).repeat(16 * 16);
    let image = Image {
        pixels: pixels.as_slice(),
        width: 16,
        pitch: 16 * 4,
        height: 16,
        format: PixelFormat::CMYK,
    };
    // INVARIANT: the settings are legal, and the sides are those of the buffer.
    let mut compressor = Compressor::new().expect("a sample is encoded");
    for set in [
        compressor.set_quality(95),
        compressor.set_subsamp(Subsamp::None),
        compressor.set_colorspace(Colorspace::CMYK),
    ] {
        set.expect("a sample is encoded");
    }
    compressor
        .compress_to_vec(image)
        .expect("a sample is encoded")
}
