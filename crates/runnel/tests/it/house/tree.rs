//! The files of the tree, and how a rule ends.

use std::path::{Path, PathBuf};
use std::{env, fs};

use super::source::Source;

pub(super) fn sources() -> Vec<Source> {
    let root = root();
    let mut all: Vec<Source> = files_under(&root.join("crates"), "rs")
        .iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).unwrap_or(path).to_string_lossy();
            Source::read(
                &inside.replace('\\', "/"),
                &fs::read_to_string(path).unwrap(),
            )
        })
        .collect();
    assert!(
        !all.is_empty(),
        "no Rust file under {}; run this from the root of the workspace",
        root.display()
    );
    all.sort_by(|a, b| a.path.cmp(&b.path));
    all
}

pub(super) fn files_under(folder: &Path, extension: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if path.extension().is_some_and(|it| it == extension) {
                found.push(path);
            }
        }
    }
    found
}

/// The root of the workspace: known to Cargo, and the current folder without it.
pub(super) fn root() -> PathBuf {
    option_env!("CARGO_MANIFEST_DIR").map_or_else(
        || env::current_dir().unwrap(),
        |manifest| {
            Path::new(manifest)
                .ancestors()
                .nth(2)
                .unwrap_or(Path::new("."))
                .to_owned()
        },
    )
}

pub(super) fn none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}
