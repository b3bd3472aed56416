//! Words of a short list, and the nearest of them to one that is not on it.

/// The longest text that is compared, in characters; a longer one is no slip.
const MAX_COMPARED: usize = 32;

/// What `text` stands for, or a message that names the words there are.
pub(crate) fn find<T: Copy>(words: &[(&str, T)], text: &str) -> Result<T, String> {
    if let Some((_, found)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*found);
    }
    let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
    let shown: String = text.chars().take(MAX_COMPARED).collect();
    let known_list = known.join(", ");
    Err(match nearest(&known, text) {
        Some(word) => {
            format!("is {shown:?}, did you mean {word:?}? it may be one of {known_list}")
        }
        None => format!("is {shown:?}, it may be one of {known_list}"),
    })
}

/// The word that `text` was most likely meant to be: at most every other letter
/// differs.
fn nearest<'a>(words: &[&'a str], text: &str) -> Option<&'a str> {
    if text.chars().count() > MAX_COMPARED {
        return None;
    }
    let lower = text.trim().to_lowercase();
    let ranked = words.iter().map(|word| (distance(word, &lower), *word));
    let (steps, word) = ranked.min_by_key(|(steps, _)| *steps)?;
    (steps * 2 <= word.len()).then_some(word)
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
}
