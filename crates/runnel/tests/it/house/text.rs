//! What is written in one place alone: SQL, URLs, the table of operations.

use std::collections::BTreeSet;

use super::tree::{none, sources};

/// This folder, which names what it forbids.
const THIS_FOLDER: &str = "crates/runnel/tests/it/house/";

/// Crates whose string literals may hold SQL: `testdb` makes databases.
const SQL_CRATES: &[&str] = &["store", "testdb"];

/// Beginnings of SQL statements, as this house writes them.
const SQL: &[&str] = &[
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "CREATE INDEX ",
    "CREATE UNIQUE ",
    "CREATE DATABASE ",
    "CREATE SCHEMA ",
    "ALTER TABLE ",
    "DROP ",
    "PRAGMA ",
    "BEGIN IMMEDIATE",
    "LISTEN ",
    "NOTIFY ",
    "VACUUM",
];

#[test]
fn sql_is_written_in_the_store_alone() {
    let mut wrong = Vec::new();
    for file in sources() {
        if file.path.starts_with(THIS_FOLDER) || SQL_CRATES.contains(&file.krate()) {
            continue;
        }
        for (line, literal) in &file.literals {
            if looks_like_sql(literal) {
                wrong.push(format!(
                    "{}:{line}: SQL outside the store; write a function for it in crates/store/src/<table>.rs",
                    file.path
                ));
            }
        }
    }
    none(&wrong);
}

#[test]
fn urls_of_the_api_stand_in_its_table_of_routes_alone() {
    let mut wrong = Vec::new();
    for file in sources() {
        if file.krate() != "api" || file.path == "crates/api/src/routes.rs" {
            continue;
        }
        for (line, _) in file
            .literals
            .iter()
            .filter(|(_, text)| text.starts_with("/v1/"))
        {
            wrong.push(format!(
                "{}:{line}: a URL outside the table; put it into crates/api/src/routes.rs, as a constant if it is needed here",
                file.path
            ));
        }
    }
    none(&wrong);
}

#[test]
fn every_operation_is_in_the_table_of_routes() {
    let all = sources();
    let Some(routes) = all
        .iter()
        .find(|file| file.path == "crates/api/src/routes.rs")
    else {
        panic!(
            "crates/api/src/routes.rs is gone; it holds every operation of the server, one line each"
        );
    };
    let routes = words(&routes.code);
    let mut wrong = Vec::new();
    for file in &all {
        let Some(inside) = file.path.strip_prefix("crates/api/src/") else {
            continue;
        };
        let Some((folder, name)) = inside.trim_end_matches(".rs").rsplit_once('/') else {
            continue;
        };
        let operation = format!("{}::{name}", folder.replace('/', "::"));
        let handles = file.code.contains("pub async fn ")
            || file.code.contains("pub(crate) async fn ")
            || file.code.contains("pub(super) async fn ");
        if handles && name != "mod" && !routes.contains(&operation) {
            wrong.push(format!(
                "{}: no line of crates/api/src/routes.rs names `{operation}`; add the operation there, or move what is shared out of the folder of operations",
                file.path
            ));
        }
    }
    none(&wrong);
}

fn looks_like_sql(literal: &str) -> bool {
    let flat = literal.split_whitespace().collect::<Vec<_>>().join(" ");
    SQL.iter().any(|opening| match *opening {
        "SELECT " => flat.starts_with(opening) && (flat.contains(" FROM ") || flat.len() < 16),
        "UPDATE " => flat.starts_with(opening) && flat.contains(" SET "),
        _ => flat.starts_with(opening),
    })
}

/// Every path of words joined by `::` in `code`, with each of its beginnings.
fn words(code: &str) -> BTreeSet<String> {
    let paths = code.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let mut all = BTreeSet::new();
    for path in paths {
        let parts: Vec<&str> = path.split("::").collect();
        for first in 0..parts.len() {
            for last in first + 1..=parts.len() {
                all.insert(parts[first..last].join("::"));
            }
        }
    }
    all
}

#[test]
fn sql_is_told_from_prose() {
    assert!(looks_like_sql("\n  UPDATE runs\n  SET status = $1"));
    assert!(looks_like_sql("SELECT 1"));
    assert!(!looks_like_sql("UPDATE the client"));
    assert!(!looks_like_sql("SELECT one of the models"));
}
