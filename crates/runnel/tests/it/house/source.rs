//! A Rust file, taken apart just far enough for the rules.

use std::collections::BTreeSet;

/// A Rust file, taken apart just far enough for the rules above.
pub(super) struct Source {
    /// From the root of the workspace, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    /// The text without comments and without what is in literals.
    pub(super) code: String,
    /// Each string literal with its line.
    pub(super) literals: Vec<(usize, String)>,
}

impl Source {
    pub(super) fn read(path: &str, text: &str) -> Self {
        let (code, literals) = take_apart(text);
        Self {
            path: path.to_owned(),
            text: text.to_owned(),
            code,
            literals,
        }
    }

    pub(super) fn krate(&self) -> &str {
        self.path.split('/').nth(1).unwrap_or_default()
    }

    /// The first folder under the crate's `src`.
    pub(super) fn folder(&self) -> Option<String> {
        let (_, inside) = self.path.split_once("/src/")?;
        inside.split_once('/').map(|(folder, _)| folder.to_owned())
    }

    /// Lines outside `#[cfg(test)] mod … { … }`, which rustfmt ends with a `}` in column 0.
    pub(super) fn lines_outside_tests(&self) -> usize {
        let lines: Vec<&str> = self.text.lines().collect();
        let (mut count, mut at) = (0, 0);
        while at < lines.len() {
            let opens = lines
                .get(at + 1)
                .is_some_and(|next| next.starts_with("mod ") && next.ends_with('{'));
            if lines[at] == "#[cfg(test)]" && opens {
                at += lines[at..]
                    .iter()
                    .position(|line| *line == "}")
                    .unwrap_or(lines.len() - at);
            } else {
                count += 1;
            }
            at += 1;
        }
        count
    }

    /// Which of `folders` the code names behind `crate::`, grouped imports included.
    pub(super) fn imports(&self, folders: &BTreeSet<String>) -> BTreeSet<String> {
        let code: String = self.code.split_whitespace().collect();
        let mut found = BTreeSet::new();
        for rest in code.split("crate::").skip(1) {
            let mut depth = 0_usize;
            let mut word = String::new();
            for c in rest.chars() {
                match c {
                    '{' => depth += 1,
                    '}' | ',' | ':' | ';' | '(' | ')' | '<' | '>' => {
                        // In `{a::{b, c}, d}` only `a` and `d` lie directly behind `crate::`.
                        if depth <= 1 && folders.contains(&word) {
                            found.insert(word.clone());
                        }
                        depth -= usize::from(c == '}' && depth > 0);
                        word.clear();
                        if depth == 0 {
                            break;
                        }
                    }
                    _ if c.is_alphanumeric() || c == '_' => word.push(c),
                    _ => break,
                }
            }
        }
        found
    }
}

/// Splits Rust text into code without comments and literals, and the string literals.
fn take_apart(text: &str) -> (String, Vec<(usize, String)>) {
    let chars: Vec<char> = text.chars().collect();
    let (mut code, mut literals) = (String::new(), Vec::new());
    let (mut at, mut line) = (0, 1);
    let starts = |at: usize, what: &str| {
        what.chars()
            .enumerate()
            .all(|(i, c)| chars.get(at + i) == Some(&c))
    };
    while at < chars.len() {
        let end = if starts(at, "//") {
            (at..chars.len())
                .find(|&i| chars[i] == '\n')
                .unwrap_or(chars.len())
        } else if starts(at, "/*") {
            end_of_block(&chars, at)
        } else if chars[at] == 'r' && !is_word(&chars, at) && raw_hashes(&chars, at + 1).is_some() {
            let hashes = raw_hashes(&chars, at + 1).unwrap_or_default();
            let close = format!("\"{}", "#".repeat(hashes));
            let first = at + 2 + hashes;
            let last = (first..chars.len())
                .find(|&i| starts(i, &close))
                .unwrap_or(chars.len());
            literals.push((line, chars[first..last].iter().collect()));
            last + close.len()
        } else if chars[at] == '"' {
            let last = end_of_string(&chars, at + 1);
            literals.push((line, chars[at + 1..last].iter().collect()));
            last + 1
        } else if starts(at, "'\\") {
            // An escaped character: `'\''` closes at its third quote or later.
            (at + 3..chars.len())
                .find(|&i| chars[i] == '\'')
                .map_or(chars.len(), |i| i + 1)
        } else if chars[at] == '\'' && chars.get(at + 2) == Some(&'\'') {
            at + 3
        } else {
            code.push(chars[at]);
            line += usize::from(chars[at] == '\n');
            at += 1;
            continue;
        };
        let end = end.min(chars.len());
        let skipped = chars[at..end].iter().filter(|&&c| c == '\n').count();
        code.extend(std::iter::repeat_n('\n', skipped));
        line += skipped;
        at = end;
    }
    (code, literals)
}

fn end_of_block(chars: &[char], start: usize) -> usize {
    let (mut depth, mut at) = (0, start);
    while at + 1 < chars.len() {
        match (chars[at], chars[at + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                at += 1;
                continue;
            }
        }
        at += 2;
        if depth == 0 {
            return at;
        }
    }
    chars.len()
}

fn end_of_string(chars: &[char], first: usize) -> usize {
    let mut at = first;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at.min(chars.len())
}

/// The number of `#` when a raw string opens at `at`.
fn raw_hashes(chars: &[char], at: usize) -> Option<usize> {
    let hashes = chars.get(at..)?.iter().take_while(|&&c| c == '#').count();
    (chars.get(at + hashes) == Some(&'"')).then_some(hashes)
}

/// Whether the character before `at` continues a word, `b` of a byte string apart.
fn is_word(chars: &[char], at: usize) -> bool {
    let before = at.checked_sub(1).map(|i| chars[i]);
    before.is_some_and(|c| (c.is_alphanumeric() && c != 'b') || c == '_')
}

#[test]
fn the_reader_of_sources_tells_code_from_text() {
    let file = Source::read(
        "crates/x/src/a.rs",
        "//! \"no\"\nfn f<'a>(x: &'a str) { g(\"a\\\"b\", r#\"c\"d\"#, 'e', '\"', b\"f\"); } /* \"no\" /* */ */\n\
         #[cfg(test)]\nmod tests {\n    use crate::assets;\n}\nuse crate::{runs::x, uploads};\n",
    );
    let literals: Vec<&str> = file
        .literals
        .iter()
        .map(|(_, text)| text.as_str())
        .collect();
    assert_eq!(literals, ["a\\\"b", "c\"d", "f"]);
    assert_eq!(file.lines_outside_tests(), 3);
    let folders = ["assets", "runs", "uploads"].map(str::to_owned).into();
    assert_eq!(file.imports(&folders), folders);
}
