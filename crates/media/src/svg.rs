//! SVG, drawn by librsvg's `rsvg-convert` in a process of its own.
//!
//! A small drawing can be made to cost any time and memory, and a renderer in
//! this process could not be stopped. The file comes in as standard input, so it
//! has no place that a reference could be relative to, and librsvg follows none:
//! neither to other files nor to the network. Scripts are never run.

use std::io::{BufReader, Cursor, Read, Seek};
use std::time::Duration;

use crate::decode::{Stored, Want, png};
use crate::probe::svg::sides;
use crate::probe::{probe, refused_by};
use crate::subprocess::{Limits, Program, Programs, run};
use crate::workspace::Workspace;
use crate::{Budget, MediaError, MediaType};

pub(crate) const RSVG_CONVERT: Program = Program {
    name: "rsvg-convert",
    package: "librsvg2-bin",
};

/// The most bytes of a drawing. Its elements are all in memory at once, at
/// several times the size of their text.
pub(crate) const MAX_BYTES: u64 = 16 << 20;

/// The longest side that is drawn, in pixels, whatever the file tells.
const MAX_SIDE: u32 = 4096;

/// The longest side of a whole drawing that tells no size.
const USUAL_SIDE: u32 = 1024;

/// Draws the file. A drawing has no pixels of its own: what comes has just the
/// longest side that is wanted.
///
/// # Errors
/// [`MediaError::ToolMissing`] without librsvg, [`MediaError::Damaged`] when it
/// cannot read the file, [`MediaError::TooManyBytes`] for a very long one,
/// [`MediaError::Unusable`] when drawing it takes too long.
pub(crate) fn draw(
    source: &mut (impl Read + Seek),
    want: Want,
    budget: &Budget,
    programs: &Programs,
) -> Result<Stored, MediaError> {
    let short = Budget {
        max_bytes: MAX_BYTES.min(budget.max_bytes),
        ..*budget
    };
    let mut file = short.copy_whole(source)?;
    let side = match want {
        Want::AtLeast { longest_side } => longest_side,
        Want::Full => {
            let told = sides(&mut BufReader::new(&mut file))?;
            told.map_or(USUAL_SIDE, |(width, height)| width.max(height))
        }
    };
    file.rewind()?;
    let side = side.clamp(1, MAX_SIDE).to_string();
    let arguments = ["-f", "png", "-a", "-w", &side, "-h", &side];
    let limits = Limits {
        wall: Duration::from_secs(10),
        cpu_seconds: 4,
        memory_bytes: 1 << 30,
        ..Limits::default()
    };
    let folder = Workspace::new()?;
    let done = run(
        programs,
        RSVG_CONVERT,
        &arguments,
        Some(file),
        folder.path(),
        &limits,
    )
    .map_err(|error| MediaError::of_run(MediaType::Svg, error))?;
    if !done.status.success() {
        return Err(refused_by(MediaType::Svg, &done));
    }
    let mut drawn = Cursor::new(done.stdout);
    let facts = probe(&mut drawn, budget)?;
    drawn.set_position(0);
    png::decode(&mut drawn, &facts, Want::Full)
}
