//! PNG, row by row: never more than one row and the result in memory.

use std::io::{BufReader, Read, Seek};

use png::{ColorType, DecodeOptions, Decoder, DecodingError, Transformations};

use super::shrink::Shrinker;
use super::{Stored, Want};
use crate::probe::damaged;
use crate::{MediaError, MediaType, Probe};

/// Bytes that are read ahead of the decoder.
const READ_AHEAD: usize = 64 << 10;

/// Decodes the picture, or the first frame of an animation.
pub(crate) fn decode(
    source: &mut (impl Read + Seek),
    facts: &Probe,
    want: Want,
) -> Result<Stored, MediaError> {
    let mut options = DecodeOptions::default();
    options.set_ignore_text_chunk(true);
    let buffered = BufReader::with_capacity(READ_AHEAD, source);
    let mut decoder = Decoder::new_with_options(buffered, options);
    // Everything becomes eight-bit grey or colour, with alpha or without.
    decoder.set_transformations(Transformations::EXPAND | Transformations::STRIP_16);
    let mut reader = decoder.read_info().map_err(refusal)?;
    let (width, height) = reader.info().size();
    if facts.orientation.turn_sides(width, height) != (facts.width, facts.height) {
        return Err(damaged(MediaType::Png, "it has two headers"));
    }
    let samples = match reader.output_color_type().0 {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(damaged(MediaType::Png, "it has no palette")),
    };
    let mut shrinker = Shrinker::new(width, height, samples, want);
    if reader.info().interlaced {
        for pass in interlaced_rows(width, height) {
            let Some(row) = reader.next_interlaced_row().map_err(refusal)? else {
                return Err(damaged(MediaType::Png, "rows are missing"));
            };
            shrinker.add_sparse(pass.y, pass.first, pass.step, row.data());
        }
    } else {
        while let Some(row) = reader.next_row().map_err(refusal)? {
            shrinker.add_row(row.data());
        }
    }
    let profile = reader.info().icc_profile.as_ref().map(|icc| icc.to_vec());
    // What follows the pixels is read too: a file cut off there is damaged.
    reader.finish().map_err(refusal)?;
    Ok(Stored {
        profile,
        ..shrinker.finish()?
    })
}

fn refusal(error: DecodingError) -> MediaError {
    match error {
        DecodingError::IoError(cause) => MediaError::Read(cause),
        other => damaged(MediaType::Png, other.to_string()),
    }
}

/// Where the pixels of one row of an interlaced file belong.
struct PassRow {
    y: usize,
    first: usize,
    step: usize,
}

/// The rows of the seven passes in the order of the file (PNG, section 8.2).
fn interlaced_rows(width: u32, height: u32) -> impl Iterator<Item = PassRow> {
    /// First column, first row, step of columns, step of rows.
    const PASSES: [(usize, usize, usize, usize); 7] = [
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ];
    let (width, height) = (width as usize, height as usize);
    PASSES
        .into_iter()
        .filter(move |(first, ..)| *first < width)
        .flat_map(move |(first, top, step, down)| {
            (top..height)
                .step_by(down)
                .map(move |y| PassRow { y, first, step })
        })
}
