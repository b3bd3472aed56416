//! What is wrong in a model file, with line and column.

use std::fmt;

/// The most mistakes that are told at once.
const MOST: usize = 50;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong and what would be right.
    pub message: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// Mistakes as they are found, by their places in the text.
#[derive(Debug, Default)]
pub(super) struct Mistakes(Vec<(usize, String)>);

impl Mistakes {
    /// Notes that what begins at the byte `at` is wrong.
    pub(super) fn note(&mut self, at: usize, message: impl Into<String>) {
        self.0.push((at, message.into()));
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those of a text, from its beginning to its end.
    pub(super) fn in_text(mut self, text: &str) -> Vec<Mistake> {
        self.0.sort_by_key(|(at, _)| *at);
        let located = self.0.into_iter().take(MOST).map(|(at, message)| {
            let mut at = at.min(text.len());
            while !text.is_char_boundary(at) {
                at -= 1;
            }
            let before = &text[..at];
            let line_begin = before.rfind('\n').map_or(0, |newline| newline + 1);
            Mistake {
                line: before.matches('\n').count() + 1,
                column: before[line_begin..].chars().count() + 1,
                message,
            }
        });
        located.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_counted_in_lines_and_characters() {
        let text = "a\nüb = 🍰\n";
        let mut mistakes = Mistakes::default();
        for at in [text.len() + 9, 4, 0, 10] {
            mistakes.note(at, "x");
        }
        let places: Vec<_> = mistakes
            .in_text(text)
            .iter()
            .map(|mistake| (mistake.line, mistake.column))
            .collect();
        assert_eq!(places, [(1, 1), (2, 2), (2, 6), (3, 1)]);
    }
}
