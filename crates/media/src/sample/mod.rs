//! Sample files for tests: small, made on the spot, the same on every run.
//!
//! The well-formed ones come from the encoders of this crate; those that no
//! encoder writes (interlaced, oversized, broken) are put together by hand.

mod archives;
mod boxes;
mod inks;
mod old_formats;

pub use archives::{zip, zip_with};
pub use boxes::{avif_header, avif_of};
pub use inks::{INK_CYAN, cmyk_jpeg, ink_profile};
pub use old_formats::{TIFF_START, Tiff, bmp, tiff_of};

use crate::{Channels, Picture, encode_jpeg, encode_webp};

/// Soft colours with a little noise, like a photo: it compresses like one too.
pub fn photo(width: u32, height: u32) -> Picture {
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut pixels = Vec::with_capacity((width * height * 3) as usize);
    for y in 0..height {
        for x in 0..width {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let noise = (state >> 56) as u32 % 24;
            let (across, down) = (x * 200 / width.max(1), y * 200 / height.max(1));
            let wave = (x / 7 + y / 11) % 32;
            let rgb = [across + noise, down + wave, across.midpoint(down) + noise];
            pixels.extend(rgb.map(|sample| sample.min(255) as u8));
        }
    }
    // INVARIANT: three bytes were pushed for each pixel; callers ask for sides.
    Picture::new(width, height, Channels::Rgb, pixels).expect("a sample has sides")
}

/// A photo-like JPEG of quality 90.
pub fn noise_jpeg(width: u32, height: u32) -> Vec<u8> {
    // INVARIANT: samples are small enough for every encoder here and below.
    encode_jpeg(&photo(width, height), 90).expect("a sample is encoded")
}

/// The same JPEG with an EXIF segment of the given orientation.
pub fn turned_jpeg(width: u32, height: u32, orientation: u16) -> Vec<u8> {
    let mut segment = b"Exif\0\0".to_vec();
    segment.extend(exif(orientation));
    with_jpeg_segment(&noise_jpeg(width, height), 0xe1, &segment)
}

/// A JPEG with one more segment at its start.
pub fn with_jpeg_segment(jpeg: &[u8], marker: u8, segment: &[u8]) -> Vec<u8> {
    let length = (segment.len() + 2) as u16;
    let start = [0xff, marker];
    [
        &jpeg[..2],
        &start,
        &length.to_be_bytes(),
        segment,
        &jpeg[2..],
    ]
    .concat()
}

/// A photo-like WebP of quality 80.
pub fn webp(width: u32, height: u32) -> Vec<u8> {
    // INVARIANT: as above.
    encode_webp(&photo(width, height), 80).expect("a sample is encoded")
}

/// An animated WebP of two frames, both smaller than the canvas.
pub fn animated_webp(width: u32, height: u32) -> Vec<u8> {
    let [w0, w1, w2, _] = (width - 1).to_le_bytes();
    let [h0, h1, h2, _] = (height - 1).to_le_bytes();
    let (inner_width, inner_height) = ((width / 2).max(1), (height / 2).max(1));
    let [iw0, iw1, iw2, _] = (inner_width - 1).to_le_bytes();
    let [ih0, ih1, ih2, _] = (inner_height - 1).to_le_bytes();
    let still = webp(inner_width, inner_height);
    let mut frame = vec![0, 0, 0, 0, 0, 0, iw0, iw1, iw2, ih0, ih1, ih2, 100, 0, 0, 0];
    frame.extend_from_slice(&still[12..]);
    let mut body = b"WEBP".to_vec();
    webp_chunk(
        &mut body,
        *b"VP8X",
        &[0x12, 0, 0, 0, w0, w1, w2, h0, h1, h2],
    );
    webp_chunk(&mut body, *b"ANIM", &[0; 6]);
    webp_chunk(&mut body, *b"ANMF", &frame);
    webp_chunk(&mut body, *b"ANMF", &frame);
    let mut file = Vec::new();
    webp_chunk(&mut file, *b"RIFF", &body);
    file
}

/// A still WebP with an extended header and an EXIF chunk after the pixels.
pub fn turned_webp(width: u32, height: u32, orientation: u16) -> Vec<u8> {
    let [w0, w1, w2, _] = (width - 1).to_le_bytes();
    let [h0, h1, h2, _] = (height - 1).to_le_bytes();
    let mut body = b"WEBP".to_vec();
    webp_chunk(
        &mut body,
        *b"VP8X",
        &[0x08, 0, 0, 0, w0, w1, w2, h0, h1, h2],
    );
    body.extend_from_slice(&webp(width, height)[12..]);
    webp_chunk(&mut body, *b"EXIF", &exif(orientation));
    let mut file = Vec::new();
    webp_chunk(&mut file, *b"RIFF", &body);
    file
}

/// A plain WebP in a container with an ICC profile.
pub fn with_webp_profile(webp: &[u8], sides: (u32, u32), profile: &[u8]) -> Vec<u8> {
    let [w0, w1, w2, _] = (sides.0 - 1).to_le_bytes();
    let [h0, h1, h2, _] = (sides.1 - 1).to_le_bytes();
    let mut body = b"WEBP".to_vec();
    let header = [0x20, 0, 0, 0, w0, w1, w2, h0, h1, h2];
    webp_chunk(&mut body, *b"VP8X", &header);
    webp_chunk(&mut body, *b"ICCP", profile);
    body.extend_from_slice(&webp[12..]);
    let mut file = Vec::new();
    webp_chunk(&mut file, *b"RIFF", &body);
    file
}

/// A PNG with an ICC profile after its header.
pub fn with_png_profile(png: &[u8], profile: &[u8]) -> Vec<u8> {
    const HEADER_END: usize = 8 + 25;
    let mut file = png[..HEADER_END].to_vec();
    let named = [b"a name\0\0", stored_zlib(profile).as_slice()].concat();
    png_chunk(&mut file, *b"iCCP", &named);
    file.extend_from_slice(&png[HEADER_END..]);
    file
}

fn webp_chunk(file: &mut Vec<u8>, kind: [u8; 4], payload: &[u8]) {
    file.extend_from_slice(&kind);
    file.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    file.extend_from_slice(payload);
    if payload.len() % 2 == 1 {
        file.push(0);
    }
}

/// A GIF of 4×3 pixels and two frames; the first is red at the left and
/// transparent at the right.
pub fn gif_two_frames() -> Vec<u8> {
    let mut file = Vec::new();
    let palette = [0, 0, 0, 255, 0, 0, 0, 0, 255, 0, 255, 0];
    // INVARIANT: the encoder writes to memory, and the frames fit the screen.
    let mut encoder = gif::Encoder::new(&mut file, 4, 3, &palette).expect("a sample is encoded");
    for colours in [[1, 1, 0, 0], [2, 2, 2, 2]] {
        let frame = gif::Frame {
            width: 4,
            height: 3,
            transparent: Some(0),
            buffer: colours.repeat(3).into(),
            ..gif::Frame::default()
        };
        encoder.write_frame(&frame).expect("a sample is encoded");
    }
    drop(encoder);
    file
}

/// A GIF of one pixel and many frames.
pub fn gif_of_frames(frames: u32) -> Vec<u8> {
    let mut file = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff".to_vec();
    for _ in 0..frames {
        file.extend_from_slice(b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0");
    }
    file.push(0x3b);
    file
}

/// An animated WebP of one pixel and many frames.
pub fn webp_of_frames(frames: u32) -> Vec<u8> {
    let still = webp(1, 1);
    let mut frame = vec![0; 16];
    frame.extend_from_slice(&still[12..]);
    let mut body = b"WEBP".to_vec();
    webp_chunk(&mut body, *b"VP8X", &[2, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    webp_chunk(&mut body, *b"ANIM", &[0; 6]);
    for _ in 0..frames {
        webp_chunk(&mut body, *b"ANMF", &frame);
    }
    let mut file = Vec::new();
    webp_chunk(&mut file, *b"RIFF", &body);
    file
}

/// An EXIF block (TIFF, little-endian) with the orientation alone.
pub fn exif(orientation: u16) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
    tiff.extend_from_slice(&u32::from(orientation).to_le_bytes());
    tiff.extend_from_slice(&[0; 4]);
    tiff
}

/// A colour PNG: red grows to the right, green downwards.
pub fn gradient_png(width: u32, height: u32) -> Vec<u8> {
    let shade = |at: u32, of: u32| (at * 255 / of.max(2).saturating_sub(1)) as u8;
    let rows = (0..height).map(|y| {
        let pixels = (0..width).flat_map(|x| [shade(x, width), shade(y, height), 128]);
        pixels.collect::<Vec<u8>>()
    });
    Png {
        width,
        height,
        ..Png::default()
    }
    .file(rows)
}

/// The gradient with one byte of its pixels changed, in the middle.
pub fn corrupt_png() -> Vec<u8> {
    let mut file = gradient_png(64, 64);
    let middle = file.len() / 2;
    file[middle] ^= 0x55;
    file
}

/// A PNG of 30 KiB whose header announces any size at all.
pub fn huge_header_png(width: u32, height: u32) -> Vec<u8> {
    Png {
        width,
        height,
        ..Png::default()
    }
    .file([vec![0; 30 << 10]])
}

/// A PNG to be put together by hand, its pixels not compressed.
#[derive(Debug, Clone)]
pub struct Png {
    /// As announced.
    pub width: u32,
    /// As announced.
    pub height: u32,
    /// Bits a sample.
    pub depth: u8,
    /// The colour type of the format: 0 grey, 2 colour, 3 palette, 4 and 6
    /// with alpha.
    pub colour_type: u8,
    /// Whether the rows are those of the seven passes.
    pub interlaced: bool,
    /// Chunks between the header and the pixels.
    pub chunks: Vec<([u8; 4], Vec<u8>)>,
}

impl Default for Png {
    fn default() -> Self {
        Self {
            width: 1,
            height: 1,
            depth: 8,
            colour_type: 2,
            interlaced: false,
            chunks: Vec::new(),
        }
    }
}

impl Png {
    /// The file with these rows, in the order in which they are stored.
    pub fn file(&self, rows: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
        let mut header = Vec::new();
        header.extend_from_slice(&self.width.to_be_bytes());
        header.extend_from_slice(&self.height.to_be_bytes());
        header.extend_from_slice(&[self.depth, self.colour_type, 0, 0, self.interlaced.into()]);
        let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
        png_chunk(&mut file, *b"IHDR", &header);
        for (kind, payload) in &self.chunks {
            png_chunk(&mut file, *kind, payload);
        }
        // Each row begins with its filter: none.
        let raw: Vec<u8> = rows
            .into_iter()
            .flat_map(|row| std::iter::once(0).chain(row))
            .collect();
        png_chunk(&mut file, *b"IDAT", &stored_zlib(&raw));
        png_chunk(&mut file, *b"IEND", &[]);
        file
    }
}

fn png_chunk(file: &mut Vec<u8>, kind: [u8; 4], payload: &[u8]) {
    file.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    let start = file.len();
    file.extend_from_slice(&kind);
    file.extend_from_slice(payload);
    let mut crc = u32::MAX;
    for byte in &file[start..] {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 * (crc & 1));
        }
    }
    file.extend_from_slice(&(!crc).to_be_bytes());
}

/// A zlib stream of stored blocks.
fn stored_zlib(raw: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = raw.chunks(0xffff).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        stream.push(blocks.peek().is_none().into());
        stream.extend_from_slice(&length.to_le_bytes());
        stream.extend_from_slice(&(!length).to_le_bytes());
        stream.extend_from_slice(block);
    }
    let (mut a, mut b) = (1u32, 0u32);
    for byte in raw {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    stream.extend_from_slice(&(b << 16 | a).to_be_bytes());
    stream
}
