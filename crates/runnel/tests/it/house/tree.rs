//! The files of the tree, and how a rule ends.

use std::fs;
use std::path::{Path, PathBuf};

use super::source::Source;

pub(super) fn sources() -> Vec<Source> {
    let root = root();
    let mut all: Vec<Source> = files_under(&root.join("crates"), "rs")
        .iter()
        .map(|path| {
            let inside = path.strip_prefix(&root).unwrap_or(path).to_string_lossy();
            Source::read(&inside.replace('\\', "/"), &read(path))
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
        for path in entries(&folder) {
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

/// What is in a folder.
pub(super) fn entries(folder: &Path) -> Vec<PathBuf> {
    let found = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found =
        found.unwrap_or_else(|error| panic!("{} cannot be read: {error}", folder.display()));
    found.iter().map(fs::DirEntry::path).collect()
}

/// The text of a file.
pub(super) fn read(path: &Path) -> String {
    fs::read_to_string(path)
        .unwrap_or_else(|error| panic!("{} cannot be read: {error}", path.display()))
}

/// The root of the workspace: known to Cargo, and the current folder without it.
pub(super) fn root() -> PathBuf {
    option_env!("CARGO_MANIFEST_DIR").map_or_else(
        || PathBuf::from("."),
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
