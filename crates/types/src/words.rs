//! Words for messages: what there is to choose from, and the nearest of it to
//! what somebody wrote.

use serde_json::Value;

/// The longest text that is compared, in characters; a longer one is no slip.
const MAX_COMPARED: usize = 32;
/// The most words of a list that a message repeats.
const MAX_LISTED: usize = 30;

/// What `text` stands for.
///
/// # Errors
/// A message that names the words there are.
pub fn find<T: Copy>(words: &[(&str, T)], text: &str) -> Result<T, String> {
    if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*found);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    Err(none_of(&known, text))
}

/// What to say of `text` that is none of `words`.
pub fn none_of(words: &[&str], text: &str) -> String {
    let shown = shortened(text);
    let all = listed(words);
    match nearest(words, text) {
        Some(word) => format!("is {shown:?}, did you mean {word:?}? it may be one of {all}"),
        None => format!("is {shown:?}, it may be one of {all}"),
    }
}

/// The word that `text` was most likely meant to be: at most every other letter
/// differs.
pub fn nearest<'a>(words: &[&'a str], text: &str) -> Option<&'a str> {
    if text.chars().count() > MAX_COMPARED {
        return None;
    }
    let lower = text.trim().to_lowercase();
    let ranked = words.iter().map(|word| (distance(word, &lower), *word));
    let (steps, word) = ranked.min_by_key(|(steps, _)| *steps)?;
    (steps * 2 <= word.len()).then_some(word)
}

/// The words between commas; of many, the first.
pub fn listed(words: &[&str]) -> String {
    match words.get(..MAX_LISTED) {
        Some(first) if words.len() > MAX_LISTED => {
            format!("{} and {} more", first.join(", "), words.len() - MAX_LISTED)
        }
        _ => words.join(", "),
    }
}

/// Enough of a text to recognise it in a message.
pub fn shortened(text: &str) -> String {
    text.chars().take(MAX_COMPARED).collect()
}

/// What a JSON value is, in a word for a message.
pub const fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// How many letters have to be put in, taken out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (above, a) in one.chars().enumerate() {
        let mut diagonal = above;
        row[0] = above + 1;
        for (at, b) in other.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[at + 1];
            row[at + 1] = changed.min(row[at] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [(&str, u8); 3] = [("contain", 1), ("cover", 2), ("crop", 3)];

    #[test]
    fn a_slip_is_told_with_the_word_that_was_meant() {
        assert_eq!(find(&WORDS, "cover"), Ok(2));
        for (slip, meant) in [
            ("covr", "cover"),
            ("COVER", "cover"),
            ("contains", "contain"),
        ] {
            let message = find(&WORDS, slip).unwrap_err();
            assert!(
                message.contains(&format!("did you mean {meant:?}")),
                "{message}"
            );
            assert!(message.contains("contain, cover, crop"), "{message}");
        }
        for far in ["", "fill-the-box", "🍰", &"x".repeat(5000)] {
            let message = find(&WORDS, far).unwrap_err();
            assert!(
                !message.contains("did you mean") && message.len() < 200,
                "{message}"
            );
        }
    }

    #[test]
    fn of_many_words_a_message_has_the_first() {
        let many = vec!["word"; 5000];
        let message = none_of(&many, "x");
        assert!(message.ends_with("and 4970 more"), "{message}");
    }
}
