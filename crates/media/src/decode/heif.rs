//! HEIC and AVIF stills through libheif's converter, in a process of its own.
//!
//! HEVC is covered by patents and has no decoder in Rust; one program for both
//! formats also puts together grids, turns and alpha. The primary picture comes
//! back as a PNG, or as a fine JPEG where speed counts and nothing is
//! transparent; either carries the colour profile on.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

use super::{Stored, Want, jpeg, png};
use crate::orient::Orientation;
use crate::subprocess::{Limits, Program, Programs, RunError, run};
use crate::workspace::Workspace;
use crate::{Budget, MediaError, Probe, probe};

/// The converter's names: the newer one first.
pub(crate) const CONVERTERS: [Program; 2] = [
    Program {
        name: "heif-dec",
        package: "libheif-examples",
    },
    Program {
        name: "heif-convert",
        package: "libheif-examples",
    },
];

/// Decodes the primary picture.
pub(super) fn decode(
    source: &mut (impl Read + Seek),
    facts: &Probe,
    want: Want,
    budget: &Budget,
    programs: &Programs,
) -> Result<Stored, MediaError> {
    let format = facts.media_type;
    let failed = |error| MediaError::of_run(format, error);
    let found = CONVERTERS.iter().find(|tool| programs.find(**tool).is_ok());
    let Some(converter) = found else {
        return Err(failed(RunError::Missing(CONVERTERS[1])));
    };
    let folder = Workspace::new()?;
    let changes = probe::heif::others_hidden(source, format)?;
    source.seek(SeekFrom::Start(0))?;
    let mut input = File::create(folder.path().join("in"))?;
    let copied = io::copy(&mut source.take(budget.max_bytes + 1), &mut input)?;
    if copied > budget.max_bytes {
        return Err(MediaError::TooManyBytes {
            size_bytes: copied,
            max_bytes: budget.max_bytes,
        });
    }
    for (at, byte) in changes {
        input.write_all_at(&[byte], at)?;
    }
    let is_quick = !facts.has_alpha && want != Want::Full;
    let name = if is_quick { "out.jpg" } else { "out.png" };
    let arguments = ["-q", "97", "in", name];
    let limits = Limits::default();
    let done = run(
        programs,
        *converter,
        &arguments,
        None,
        folder.path(),
        &limits,
    )
    .map_err(failed)?;
    let written = folder.path().join(name);
    if !written.is_file() {
        return Err(probe::refused_by(format, &done));
    }
    let mut file = fs::File::open(written)?;
    let made = probe(&mut file, budget)?;
    file.rewind()?;
    // The converter has turned the picture; the tag that it copies is spent.
    let made = Probe {
        width: made.orientation.turn_sides(made.width, made.height).0,
        height: made.orientation.turn_sides(made.width, made.height).1,
        orientation: Orientation::Upright,
        ..made
    };
    if (made.width, made.height) != (facts.width, facts.height) {
        return Err(probe::damaged(
            format,
            "its picture does not have the announced size",
        ));
    }
    if is_quick {
        jpeg::decode(&mut file, want, budget)
    } else {
        png::decode(&mut file, &made, want)
    }
}
