//! The pages beside the code: settings and codes that they must name, and their links.

use std::collections::BTreeSet;
use std::path::Path;

use super::tree::{files_under, none, read, root, sources};

#[test]
fn every_setting_and_every_code_has_its_line_in_the_docs() {
    let pages = |name: &str| read(&root().join("docs").join(name));
    let (settings, codes, testing) = (
        pages("configuration.md"),
        pages("errors.md"),
        pages("testing.md"),
    );
    let mut wrong = BTreeSet::new();
    for file in sources().iter().filter(|file| file.path.contains("/src/")) {
        for (_, text) in file.literals.iter().filter(|(_, text)| is_shouted(text)) {
            let (page, held) = if text.starts_with("RUNNEL_TEST_") {
                ("testing.md", &testing)
            } else if text.starts_with("RUNNEL_") || text.starts_with("RUNFLOW_") {
                ("configuration.md", &settings)
            } else if ["types", "domain", "egress", "api"].contains(&file.krate())
                && !text.starts_with("CARGO_")
            {
                ("errors.md", &codes)
            } else {
                continue;
            };
            if !held.contains(&format!("`{text}`")) {
                wrong.insert(format!(
                    "{}: `{text}` is not in docs/{page}; add its line",
                    file.path
                ));
            }
        }
    }
    none(&wrong.into_iter().collect::<Vec<_>>());
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut wrong = Vec::new();
    for page in files_under(&root(), "md") {
        let text = read(&page);
        for target in text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next())
        {
            let target = target.split('#').next().unwrap_or_default();
            if target.is_empty() || target.contains(':') || target.contains(' ') {
                continue;
            }
            let folder = page.parent().unwrap_or(Path::new("."));
            if !folder.join(target).exists() {
                wrong.push(format!(
                    "{}: `{target}` is not there; mend the link",
                    page.display()
                ));
            }
        }
    }
    none(&wrong);
}

/// Whether a literal has the form `TWO_WORDS` or more.
fn is_shouted(text: &str) -> bool {
    text.contains('_')
        && text
            .split('_')
            .all(|word| !word.is_empty() && word.chars().all(|c| c.is_ascii_uppercase()))
}
