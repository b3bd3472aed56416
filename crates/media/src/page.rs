//! The first page of a PDF, through poppler's `pdftoppm` in a process of its
//! own.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::time::Duration;

use crate::probe::refused_by;
use crate::subprocess::{Limits, Program, Programs, run};
use crate::workspace::Workspace;
use crate::{Budget, MediaError, MediaType, Picture, ppm};

pub(crate) const PDFTOPPM: Program = Program {
    name: "pdftoppm",
    package: "poppler-utils",
};

/// Draws the first page, its longest side 1024 pixels.
///
/// # Errors
/// [`MediaError::ToolMissing`] without poppler, [`MediaError::Damaged`] when it
/// cannot read the file, [`MediaError::Unusable`] when it takes too long.
pub fn first_page(
    file: &File,
    budget: &Budget,
    programs: &Programs,
) -> Result<Picture, MediaError> {
    let arguments = [
        "-q",
        "-f",
        "1",
        "-l",
        "1",
        "-singlefile",
        "-cropbox",
        "-scale-to",
        "1024",
        "/dev/stdin",
    ];
    let limits = Limits {
        wall: Duration::from_secs(10),
        cpu_seconds: 8,
        output_bytes: 8 << 20,
        ..Limits::default()
    };
    let mut input = file.try_clone()?;
    input.seek(SeekFrom::Start(0))?;
    let folder = Workspace::new()?;
    let done = run(
        programs,
        PDFTOPPM,
        &arguments,
        Some(input),
        folder.path(),
        &limits,
    )
    .map_err(|error| MediaError::of_run(MediaType::Pdf, error))?;
    if done.stdout.is_empty() {
        return Err(refused_by(MediaType::Pdf, &done));
    }
    ppm::read(&done.stdout, MediaType::Pdf, budget)
}
