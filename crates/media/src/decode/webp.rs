//! WebP through libwebp, scaled while rows are written where less is wanted.

use std::io::{Read, Seek};

use super::shrink::Shrinker;
use super::{Stored, Want, fit};
use crate::probe::damaged;
use crate::{Budget, Channels, MediaError, MediaType, Probe, libwebp};

/// Up to this many pixels a picture with alpha is decoded whole. libwebp scales
/// colours without regard to alpha, so that hidden colours bleed into edges;
/// above this, memory matters more.
const MAX_WHOLE_ALPHA: u64 = 16_000_000;

/// Decodes the picture, or the first frame of an animation.
pub(super) fn decode(
    source: &mut (impl Read + Seek),
    facts: &Probe,
    want: Want,
    budget: &Budget,
) -> Result<Stored, MediaError> {
    let bytes = budget.read_whole(source)?;
    let (width, height) = facts.orientation.turn_sides(facts.width, facts.height);
    let channels = if facts.has_alpha {
        Channels::Rgba
    } else {
        Channels::Rgb
    };
    let sides = (width, height);
    let stored = if is_animation(&bytes) {
        first_of_animation(&first_frame(&bytes)?, sides, want, budget)?
    } else {
        let to = scaled(sides, facts.has_alpha, want);
        libwebp::decode(&bytes, sides, to, channels).map(Stored::whole)?
    };
    Ok(Stored {
        profile: profile(&bytes),
        ..stored
    })
}

/// Whether frames are stored as those of an animation, be it of one frame.
fn is_animation(bytes: &[u8]) -> bool {
    const ANIMATION: u8 = 0x02;
    bytes.get(12..16) == Some(b"VP8X") && bytes.get(20).is_some_and(|flags| flags & ANIMATION != 0)
}

/// The ICC profile, which comes right after the extended header.
fn profile(bytes: &[u8]) -> Option<Vec<u8>> {
    let (first, _, rest) = next_chunk(bytes.get(12..)?)?;
    let (second, payload, _) = next_chunk(rest)?;
    (first == b"VP8X" && second == b"ICCP").then(|| payload.to_vec())
}

/// The sides that libwebp is asked for.
fn scaled((width, height): (u32, u32), has_alpha: bool, want: Want) -> (u32, u32) {
    let is_small = u64::from(width) * u64::from(height) <= MAX_WHOLE_ALPHA;
    match want {
        Want::AtLeast { longest_side } if !(has_alpha && is_small) => {
            fit(width, height, longest_side)
        }
        _ => (width, height),
    }
}

/// One frame of an animation, and where it lies on the canvas.
struct Frame {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    /// The frame as a file of its own.
    webp: Vec<u8>,
}

/// Finds the first frame and makes a still file of it.
fn first_frame(bytes: &[u8]) -> Result<Frame, MediaError> {
    let mut rest = bytes.get(12..).unwrap_or_default();
    while let Some((kind, payload, after)) = next_chunk(rest) {
        rest = after;
        if kind != b"ANMF" {
            continue;
        }
        let Some((header, chunks)) = payload.split_first_chunk::<16>() else {
            break;
        };
        let number =
            |at: usize| u32::from_le_bytes([header[at], header[at + 1], header[at + 2], 0]);
        let (width, height) = (number(6) + 1, number(9) + 1);
        return Ok(Frame {
            left: number(0) * 2,
            top: number(3) * 2,
            width,
            height,
            webp: still_file(width, height, chunks),
        });
    }
    Err(damaged(MediaType::WebP, "its first frame is missing"))
}

/// The chunk at the start of `bytes`, as far as there is one, and what follows.
fn next_chunk(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (kind, rest) = bytes.split_at_checked(4)?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length) as usize;
    let payload = &rest[..length.min(rest.len())];
    let after = rest.get(length + (length & 1)..).unwrap_or_default();
    Some((kind, payload, after))
}

/// Puts a frame's chunks into a container with an extended header, which may
/// hold an alpha chunk beside the colours.
fn still_file(width: u32, height: u32, chunks: &[u8]) -> Vec<u8> {
    const ALPHA: u8 = 0x10;
    let [w0, w1, w2, _] = (width - 1).to_le_bytes();
    let [h0, h1, h2, _] = (height - 1).to_le_bytes();
    let is_lossless = chunks.starts_with(b"VP8L");
    let mut file = b"RIFF\0\0\0\0WEBP".to_vec();
    if !is_lossless {
        file.extend_from_slice(b"VP8X\x0a\0\0\0");
        let flags = if chunks.starts_with(b"ALPH") {
            ALPHA
        } else {
            0
        };
        file.extend_from_slice(&[flags, 0, 0, 0, w0, w1, w2, h0, h1, h2]);
    }
    file.extend_from_slice(chunks);
    let length = (file.len() - 8) as u32;
    file[4..8].copy_from_slice(&length.to_le_bytes());
    file
}

/// The first frame on a transparent canvas, which is never in memory as a
/// whole: a small file may announce a large one.
fn first_of_animation(
    frame: &Frame,
    canvas: (u32, u32),
    want: Want,
    budget: &Budget,
) -> Result<Stored, MediaError> {
    let sides = (frame.width, frame.height);
    budget.check(frame.width, frame.height)?;
    if (frame.left, frame.top) == (0, 0) && sides == canvas {
        let to = scaled(sides, true, want);
        return libwebp::decode(&frame.webp, sides, to, Channels::Rgba).map(Stored::whole);
    }
    if frame.left + frame.width > canvas.0 || frame.top + frame.height > canvas.1 {
        return Err(damaged(
            MediaType::WebP,
            "its first frame is larger than its canvas",
        ));
    }
    let picture = libwebp::decode(&frame.webp, sides, sides, Channels::Rgba)?;
    let mut shrinker = Shrinker::new(canvas.0, canvas.1, Channels::Rgba.count(), want);
    let mut row = vec![0; canvas.0 as usize * Channels::Rgba.count()];
    let start = frame.left as usize * Channels::Rgba.count();
    for y in 0..canvas.1 {
        row.fill(0);
        if (frame.top..frame.top + frame.height).contains(&y) {
            row[start..start + picture.stride()].copy_from_slice(picture.row(y - frame.top));
        }
        shrinker.add_row(&row);
    }
    shrinker.finish()
}
