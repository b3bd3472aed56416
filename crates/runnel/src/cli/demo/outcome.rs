//! What the demo leaves: the pictures, the callback, a summary.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::{Failure, printer};

/// Everything that the story brought home.
pub(super) struct Outcome {
    pub(super) asset: Value,
    pub(super) run: Value,
    pub(super) thumbnail: Bytes,
    pub(super) result: Bytes,
    pub(super) callback: Bytes,
}

impl Outcome {
    /// Writes the pictures and the callback to `folder`.
    pub(super) fn write(&self, folder: &Path, name: &str, photo: &[u8]) -> Result<(), Failure> {
        let before = before(name);
        let files: [(&str, &[u8]); 4] = [
            (&before, photo),
            ("after.png", &self.result),
            ("thumbnail.webp", &self.thumbnail),
            ("callback.json", &self.callback),
        ];
        for (name, bytes) in files {
            fs_err::write(folder.join(name), bytes)
                .map_err(|error| Failure::new(error.to_string()))?;
        }
        Ok(())
    }

    /// Says what was shown and where it lies.
    pub(super) fn summarize(&self, folder: &Path, name: &str, elapsed: Duration) {
        let before = before(name);
        let folder = folder.display();
        printer::note(&format!(
            "\nEverything as promised, in {:.1} s.\n\
             \n  asset     {} ({}×{}, {} bytes)\
             \n  run       {} ({} ms)\
             \n  before    {folder}/{before}\
             \n  after     {folder}/after.png\
             \n  thumbnail {folder}/thumbnail.webp\
             \n  callback  {folder}/callback.json\n",
            elapsed.as_secs_f64(),
            self.asset["id"].as_str().unwrap_or("?"),
            self.asset["width"],
            self.asset["height"],
            self.asset["size_bytes"],
            self.run["id"].as_str().unwrap_or("?"),
            self.run["duration_ms"],
        ));
    }
}

/// The name of the copy of the photo, with the ending of its own.
fn before(name: &str) -> String {
    let ending = Path::new(name).extension().map_or_else(
        || "png".into(),
        |ending| ending.to_string_lossy().to_lowercase(),
    );
    format!("before.{ending}")
}
