//! Plain studio scenes: read from a prompt, rendered around a subject.

mod prompt;
mod render;
mod words;

pub use prompt::StudioError;

use crate::Picture;

/// A studio: a wall that runs into a floor, lit softly.
#[derive(Debug, Clone, PartialEq)]
pub struct StudioScene {
    /// The wall's colour at the top, sRGB from 0 to 1.
    top: [f32; 3],
    /// The colour at the bottom.
    bottom: [f32; 3],
    /// Whether the colours run from left to right instead.
    is_sideways: bool,
    /// Whether there is a floor, with its line and shadow.
    has_floor: bool,
}

impl StudioScene {
    /// Reads a prompt such as "white studio" or "gradient from blue to white".
    ///
    /// # Errors
    /// [`StudioError`] for a prompt that asks for more than a plain studio.
    pub fn from_prompt(prompt: &str) -> Result<Self, StudioError> {
        prompt::read(prompt)
    }

    /// Puts the cut-out (RGBA) into the studio.
    pub fn render(&self, cutout: &Picture) -> Picture {
        render::render(self, cutout)
    }
}
