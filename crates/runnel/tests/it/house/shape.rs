//! The shape of files: how long, how named, how they open.

use super::tree::{none, read, root, sources};

/// Lines a file may have, its inline tests not counted.
const MAX_LINES: usize = 500;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &[
    "util", "utils", "helper", "helpers", "common", "misc", "manager", "core", "base", "impls",
];

#[test]
fn every_file_is_short_enough_to_have_one_subject() {
    let mut wrong = Vec::new();
    for file in sources() {
        let lines = file.lines_outside_tests();
        if lines > MAX_LINES {
            wrong.push(format!(
                "{}: {lines} lines, the limit is {MAX_LINES}; find its two subjects and give each a file",
                file.path
            ));
        }
    }
    none(&wrong);
}

#[test]
fn every_file_opens_by_saying_what_it_is() {
    let silent = sources()
        .into_iter()
        .filter(|file| !file.text.starts_with("//! "));
    let wrong: Vec<String> = silent
        .map(|file| {
            format!(
                "{}: line 1 must be `//! ` and a sentence that stands alone; then what lives here",
                file.path
            )
        })
        .collect();
    none(&wrong);
}

#[test]
fn no_name_is_empty_of_meaning() {
    let mut wrong = Vec::new();
    for file in sources() {
        let parts = file.path.trim_end_matches(".rs").split('/');
        for part in parts.filter(|part| {
            EMPTY_NAMES.contains(part) || part.starts_with("new_") || part.ends_with("_v2")
        }) {
            wrong.push(format!(
                "{}: `{part}` does not say what is inside; name it after its one subject",
                file.path
            ));
        }
    }
    none(&wrong);
}

#[test]
fn every_file_is_compiled() {
    let all = sources();
    let declares = |parent: &str, name: &str| {
        let line = format!("mod {name};");
        all.iter()
            .any(|file| file.path == parent && file.code.lines().any(|is| is.ends_with(&line)))
    };
    let wrong: Vec<String> = all
        .iter()
        .filter(|file| !is_root(&file.path))
        .filter_map(|file| {
            let module = file.path.trim_end_matches(".rs").trim_end_matches("/mod");
            let (folder, name) = module.rsplit_once('/')?;
            let parents = ["mod.rs", "lib.rs", "main.rs"].map(|at| format!("{folder}/{at}"));
            let is_known = parents.iter().any(|parent| declares(parent, name));
            (!is_known).then(|| {
                format!(
                    "{}: nothing declares it, so nothing compiles it; write `mod {name};` in its folder's front page",
                    file.path
                )
            })
        })
        .collect();
    none(&wrong);
}

#[test]
fn every_test_is_run() {
    let is_left_out = |krate: &str| {
        let manifest = read(&root().join("crates").join(krate).join("Cargo.toml"));
        let library = manifest.split("\n[").find(|part| part.starts_with("lib]"));
        library.is_some_and(|library| library.contains("\ntest = false"))
    };
    let wrong: Vec<String> = sources()
        .iter()
        .filter(|file| file.text.contains("\n#[cfg(test)]"))
        .filter_map(|file| {
            let (krate, _) = file.path.strip_prefix("crates/")?.split_once("/src/")?;
            is_left_out(krate).then(|| {
                format!(
                    "{}: its tests are never run; take `test = false` out of crates/{krate}/Cargo.toml",
                    file.path
                )
            })
        })
        .collect();
    none(&wrong);
}

/// Whether Cargo finds the file by itself.
fn is_root(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    matches!(parts.last(), Some(&("lib.rs" | "main.rs" | "build.rs")))
        || matches!(parts[..], ["crates", _, "benches" | "examples", _])
}

#[test]
fn a_folder_keeps_its_front_page_in_mod_rs() {
    let all = sources();
    let wrong: Vec<String> = all
        .iter()
        .filter(|file| {
            let folder = format!("{}/", file.path.trim_end_matches(".rs"));
            all.iter().any(|other| other.path.starts_with(&folder))
        })
        .map(|file| {
            let folder = file.path.trim_end_matches(".rs");
            format!(
                "{}: stands beside its folder; move it to {folder}/mod.rs",
                file.path
            )
        })
        .collect();
    none(&wrong);
}
