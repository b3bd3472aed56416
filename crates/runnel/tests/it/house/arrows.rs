//! Who may use whom: crates, folders inside the layered crates, and dependencies.

use std::collections::{BTreeMap, BTreeSet};

use super::source::Source;
use super::tree::{entries, none, read, root, sources};

/// Where the tables stand, for the messages.
const THIS_FILE: &str = "crates/runnel/tests/it/house/arrows.rs";

/// Crates for tests alone: anyone may list them, under `[dev-dependencies]`.
const TEST_CRATES: &[&str] = &["testdb", "testkit"];

/// Who, and whom it may use.
type Arrow = (&'static str, &'static [&'static str]);

/// Which of our crates each crate may use: the picture in `ARCHITECTURE.md`.
const ARROWS: &[Arrow] = &[
    ("types", &[]),
    ("media", &["types"]),
    ("store", &["types"]),
    ("blobs", &["types"]),
    ("egress", &["types"]),
    ("engines", &["egress", "media", "types"]),
    (
        "domain",
        &["blobs", "egress", "engines", "media", "store", "types"],
    ),
    ("worker", &["domain", "types"]),
    ("api", &["domain", "types"]),
    (
        "runnel",
        &[
            "api", "blobs", "domain", "egress", "engines", "media", "store", "types", "worker",
        ],
    ),
    ("testdb", &[]),
    // For tests only, so it may look at everything.
    (
        "testkit",
        &[
            "api", "blobs", "domain", "egress", "engines", "media", "runnel", "store", "testdb",
            "types", "worker",
        ],
    ),
];

/// Dependencies with one door: the only crate that may list them. The testing
/// kit may list each of them too.
const DOORS: &[(&str, &str)] = &[
    ("sqlx", "store"),
    ("rusqlite", "store"),
    ("axum", "api"),
    ("aide", "api"),
    ("reqwest", "egress"),
    ("object_store", "blobs"),
];

/// Which sibling folders a folder of a layered crate may import.
const FOLDERS: &[(&str, &[Arrow])] = &[
    (
        "domain",
        &[
            ("meters", &[]),
            ("folders", &[]),
            ("assets", &["folders"]),
            ("models", &[]),
            ("deliveries", &["jobs", "meters", "runs"]),
            ("webhooks", &["assets", "deliveries", "runs"]),
            ("uploads", &["assets", "folders"]),
            ("runs", &["assets", "models"]),
            ("jobs", &["runs"]),
            ("batches", &["assets", "runs"]),
        ],
    ),
    ("worker", &[("deliverer", &[]), ("jobs", &[])]),
    (
        "api",
        &[
            ("assets", &[]),
            ("auth", &[]),
            ("batches", &["runs"]),
            ("callback_secrets", &[]),
            ("docs", &[]),
            ("folders", &[]),
            ("lenient", &[]),
            ("models", &[]),
            ("runs", &[]),
            ("storage", &[]),
            ("uploads", &["assets"]),
            ("webhooks", &[]),
        ],
    ),
];

#[test]
fn crates_use_each_other_along_the_arrows() {
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    let mut wrong = Vec::new();
    for (krate, dependencies) in manifests() {
        let Some(arrows) = allowed.get(krate.as_str()) else {
            wrong.push(format!(
                "crates/{krate}: not in the table ARROWS of {THIS_FILE}; a crate earns its place by an arrow to enforce or a heavy dependency to isolate"
            ));
            continue;
        };
        for dependency in dependencies {
            let Some(ours) = dependency.our_crate() else {
                continue;
            };
            if dependency.dev && TEST_CRATES.contains(&ours) {
                continue;
            }
            if !arrows.contains(&ours) {
                wrong.push(format!(
                    "crates/{krate}/Cargo.toml: `{krate}` may not use `{ours}`; pass what it needs down from the crate above, see the picture in ARCHITECTURE.md"
                ));
            }
        }
    }
    none(&wrong);
}

#[test]
fn the_arrows_between_crates_have_no_circle() {
    // The kit and the executable know each other: a test builds the one with the other.
    let arrows = ARROWS.iter().filter(|(krate, _)| *krate != "testkit");
    no_circle(&arrows.copied().collect::<Vec<_>>());
}

#[test]
fn a_dependency_with_one_door_is_listed_there_alone() {
    let mut wrong = Vec::new();
    for (krate, dependencies) in manifests() {
        for dependency in dependencies {
            let Some((name, door)) = DOORS.iter().find(|(name, _)| *name == dependency.name) else {
                continue;
            };
            if krate != *door && krate != "testkit" {
                wrong.push(format!(
                    "crates/{krate}/Cargo.toml: `{name}` is listed by `{door}` alone; give `{door}` a function that does what you need"
                ));
            }
        }
    }
    none(&wrong);
}

#[test]
fn sibling_folders_import_each_other_along_the_table() {
    let mut wrong = Vec::new();
    for (krate, table) in FOLDERS {
        no_circle(table);
        let allowed: BTreeMap<&str, &[&str]> = table.iter().copied().collect();
        let prefix = format!("crates/{krate}/src/");
        let files: Vec<Source> = sources()
            .into_iter()
            .filter(|file| file.path.starts_with(&prefix))
            .collect();
        let folders: BTreeSet<String> = files.iter().filter_map(Source::folder).collect();
        for file in &files {
            let Some(folder) = file.folder() else {
                continue;
            };
            let Some(may) = allowed.get(folder.as_str()) else {
                wrong.push(format!(
                    "{}: the folder `{folder}` is not in the table FOLDERS of {THIS_FILE}; add it with what it may import",
                    file.path
                ));
                continue;
            };
            for other in file.imports(&folders) {
                if other != folder && !may.contains(&other.as_str()) {
                    wrong.push(format!(
                        "{}: `{folder}` may not import `{other}`; move what both need a level up, or add the arrow to FOLDERS in {THIS_FILE} if it makes no circle",
                        file.path
                    ));
                }
            }
        }
    }
    none(&wrong);
}

/// A line of a manifest's dependencies.
struct Dependency {
    name: String,
    dev: bool,
}

impl Dependency {
    fn our_crate(&self) -> Option<&str> {
        match self.name.strip_prefix("runnel-") {
            None if self.name == "runnel" => Some("runnel"),
            other => other,
        }
    }
}

/// Each crate with what its manifest lists, whatever the section.
fn manifests() -> Vec<(String, Vec<Dependency>)> {
    let folders = entries(&root().join("crates")).into_iter();
    let crates = folders.filter(|path| path.join("Cargo.toml").exists());
    crates
        .map(|path| {
            let text = read(&path.join("Cargo.toml"));
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            (name, dependencies(&text))
        })
        .collect()
}

fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut found = Vec::new();
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            if let Some((_, name)) = section.rsplit_once("dependencies.") {
                found.push(Dependency {
                    name: name.to_owned(),
                    dev: section.contains("dev-"),
                });
            }
        } else if section.ends_with("dependencies") && !line.is_empty() && !line.starts_with('#') {
            let key = line.split(['.', '=', ' ']).next().unwrap_or_default();
            let renamed = line
                .split("package = \"")
                .nth(1)
                .and_then(|rest| rest.split('"').next());
            found.push(Dependency {
                name: renamed.unwrap_or(key).to_owned(),
                dev: section.contains("dev-"),
            });
        }
    }
    found
}

fn no_circle(arrows: &[Arrow]) {
    let mut left: Vec<Arrow> = arrows.to_vec();
    while !left.is_empty() {
        let names: BTreeSet<&str> = left.iter().map(|(name, _)| *name).collect();
        let before = left.len();
        left.retain(|(_, uses)| uses.iter().any(|used| names.contains(used)));
        assert!(
            left.len() < before,
            "these use each other in a circle: {names:?}; turn one arrow round"
        );
    }
}
