//! GIF: the first frame on its canvas, palette colours spread row by row.

use std::io::{Read, Seek};
use std::num::NonZeroU64;

use gif::{ColorOutput, DecodeOptions, DecodingError, MemoryLimit};

use super::shrink::Shrinker;
use super::{Stored, Want};
use crate::probe::damaged;
use crate::{Budget, MediaError, MediaType, Probe};

/// Decodes the first frame.
pub(super) fn decode(
    source: &mut (impl Read + Seek),
    facts: &Probe,
    want: Want,
    budget: &Budget,
) -> Result<Stored, MediaError> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    let limit = NonZeroU64::new(budget.max_pixels).unwrap_or(NonZeroU64::MIN);
    options.set_memory_limit(MemoryLimit::Bytes(limit));
    let mut decoder = options.read_info(source).map_err(refusal)?;
    let Some(frame) = decoder.next_frame_info().map_err(refusal)? else {
        return Err(damaged(MediaType::Gif, "it has no frame"));
    };
    let (left, top) = (usize::from(frame.left), usize::from(frame.top));
    let (columns, rows) = (usize::from(frame.width), usize::from(frame.height));
    let transparent = frame.transparent;
    budget.check(frame.width.into(), frame.height.into())?;
    if columns == 0 || rows == 0 {
        return Err(damaged(MediaType::Gif, "its first frame is empty"));
    }
    let palette = decoder.palette().map_err(refusal)?.to_vec();
    let mut indexes = vec![0; columns * rows];
    decoder.read_into_buffer(&mut indexes).map_err(refusal)?;

    let samples = if facts.has_alpha { 4 } else { 3 };
    let colours = colours(&palette, transparent);
    let (width, height) = (facts.width as usize, facts.height as usize);
    let mut shrinker = Shrinker::new(facts.width, facts.height, samples, want);
    let mut row = vec![0; width * samples];
    for y in 0..height {
        row.fill(0);
        if (top..top + rows).contains(&y) {
            let line = &indexes[(y - top) * columns..][..columns];
            let places = row.chunks_exact_mut(samples).skip(left);
            for (pixel, index) in places.zip(line) {
                pixel.copy_from_slice(&colours[usize::from(*index)][..samples]);
            }
        }
        shrinker.add_row(&row);
    }
    shrinker.finish()
}

/// The colour of every index; one outside the palette shows nothing.
fn colours(palette: &[u8], transparent: Option<u8>) -> [[u8; 4]; 256] {
    let mut colours = [[0; 4]; 256];
    let (entries, _) = palette.as_chunks::<3>();
    for (colour, &[r, g, b]) in colours.iter_mut().zip(entries) {
        *colour = [r, g, b, 255];
    }
    if let Some(index) = transparent {
        colours[usize::from(index)] = [0; 4];
    }
    colours
}

fn refusal(error: DecodingError) -> MediaError {
    match error {
        DecodingError::Io(cause) => MediaError::Read(cause),
        DecodingError::UnexpectedEof => damaged(MediaType::Gif, "it ends too early"),
        other => damaged(MediaType::Gif, other.to_string()),
    }
}
