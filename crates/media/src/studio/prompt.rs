//! From a prompt to a scene. Every word must be understood: a prompt that asks
//! for a beach is refused instead of being answered with a plain wall.

use super::StudioScene;
use super::words::{CHANGES, COLOURS, Change, STUDIO};

/// A prompt that does not describe a plain studio.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StudioError {
    /// It asks for something that would have to be generated.
    #[error(
        "the prompt asks for a generated scene ({words}), and no generative engine is configured for this model; \
         describe a plain studio such as \"white studio\", \"soft grey backdrop\" or \"gradient from blue to white\""
    )]
    NeedsGeneration {
        /// The words that no plain studio has.
        words: String,
    },
    /// It says nothing.
    #[error("the prompt names no colour and no studio; try \"white studio\"")]
    Empty,
}

pub(super) fn read(prompt: &str) -> Result<StudioScene, StudioError> {
    let words = words(prompt);
    let mut colours = Vec::new();
    let mut pending = Vec::new();
    let mut unknown = Vec::new();
    let mut is_studio = false;
    for (at, word) in words.iter().enumerate() {
        let next_is_lighting = words
            .get(at + 1)
            .is_some_and(|next| matches!(next.as_str(), "lighting" | "lit" | "light" | "lights"));
        if let Some(colour) = colour(word) {
            colours.push(pending.drain(..).fold(colour, change));
        } else if let Some((_, change)) = CHANGES
            .iter()
            .find(|(name, _)| name == word)
            .filter(|_| !next_is_lighting)
        {
            pending.push(*change);
        } else if STUDIO.contains(&word.as_str()) {
            is_studio |= !matches!(word.len(), 1..=3);
        } else {
            unknown.push(format!("{word:?}"));
        }
    }
    if !unknown.is_empty() {
        unknown.truncate(5);
        return Err(StudioError::NeedsGeneration {
            words: unknown.join(", "),
        });
    }
    if colours.is_empty() && !is_studio && pending.is_empty() {
        return Err(StudioError::Empty);
    }
    // A studio without a colour is white; "warm studio" a warm white.
    let base = pending.into_iter().fold([0.98, 0.98, 0.98], change);
    let first = colours.first().copied().unwrap_or(base);
    let has = |wanted: &[&str]| words.iter().any(|word| wanted.contains(&word.as_str()));
    let is_gradient = colours.len() > 1 || has(&["gradient", "ombre", "fading", "fade"]);
    let second = match colours.get(1) {
        Some(second) => *second,
        None if is_gradient => change(first, Change::Lighter(0.7)),
        None => first,
    };
    let is_flat =
        has(&["solid", "plain"]) && !has(&["studio", "floor", "cove", "cyclorama", "sweep"]);
    Ok(StudioScene {
        top: first,
        bottom: second,
        is_sideways: is_gradient && has(&["horizontal", "left", "right"]),
        has_floor: !is_flat,
    })
}

fn words(prompt: &str) -> Vec<String> {
    let lower = prompt
        .to_lowercase()
        .replace("off-white", "offwhite")
        .replace("off white", "offwhite");
    lower
        .split(|letter: char| !(letter.is_alphanumeric() || letter == '#'))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn colour(word: &str) -> Option<[f32; 3]> {
    if let Some(hex) = word.strip_prefix('#') {
        let value = u32::from_str_radix(hex, 16)
            .ok()
            .filter(|_| hex.len() == 6)?;
        return Some(unit([(value >> 16) as u8, (value >> 8) as u8, value as u8]));
    }
    let plain = word.strip_suffix("ish").unwrap_or(word);
    COLOURS
        .iter()
        .find(|(name, _)| *name == plain)
        .map(|(_, rgb)| unit(*rgb))
}

fn unit(rgb: [u8; 3]) -> [f32; 3] {
    rgb.map(|channel| f32::from(channel) / 255.0)
}

fn change(colour: [f32; 3], change: Change) -> [f32; 3] {
    let mix = |other: [f32; 3], by: f32| {
        [0, 1, 2].map(|at: usize| colour[at] + (other[at] - colour[at]) * by)
    };
    match change {
        Change::Lighter(by) => mix([1.0; 3], by),
        Change::Darker(by) => mix([0.0; 3], by),
        Change::Duller(by) => mix([(colour[0] + colour[1] + colour[2]) / 3.0; 3], by),
        Change::Tint(other) => mix(unit(other), 0.25),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_studios_are_understood() {
        let prompts = [
            "white studio",
            "White Studio.",
            "soft grey backdrop",
            "plain white background",
            "a clean white studio background",
            "solid black",
            "black studio",
            "pure white",
            "light gray seamless paper",
            "pastel pink backdrop",
            "navy blue studio",
            "gradient from blue to white",
            "gradient from white to light grey",
            "horizontal gradient from teal to mint",
            "warm beige studio with soft shadows",
            "cool grey gradient",
            "#ff8800 studio",
            "studio",
            "minimal studio with soft lighting",
            "white infinity cove",
            "off-white backdrop",
            "dusty rose wall",
            "dark charcoal backdrop",
            "sage green background",
            "product photography on white",
            "bright white e-commerce background",
            "cream",
            "professional packshot, white, even lighting",
            "white cyclorama",
            "lavender to pink gradient",
            "muted terracotta backdrop",
            "in a white studio with a soft contact shadow",
        ];
        for prompt in prompts {
            assert!(read(prompt).is_ok(), "{prompt}: {:?}", read(prompt));
        }
    }

    #[test]
    fn scenes_that_would_have_to_be_generated_are_refused_with_their_words() {
        let prompts = [
            ("on a beach at sunset", "beach"),
            ("in a kitchen", "kitchen"),
            ("marble table with flowers", "marble"),
            ("white studio with a cat", "cat"),
            ("cyberpunk city", "cyberpunk"),
            ("mountains", "mountains"),
            ("a wooden desk", "wooden"),
            ("rainforest", "rainforest"),
            ("blue sky", "sky"),
            ("ein weißes Studio", "ein"),
        ];
        for (prompt, word) in prompts {
            let error = read(prompt).unwrap_err().to_string();
            assert!(
                error.contains(word) && error.contains("generative engine"),
                "{prompt}: {error}"
            );
        }
        assert_eq!(read("…"), Err(StudioError::Empty));
        assert_eq!(read(""), Err(StudioError::Empty));
    }

    #[test]
    fn words_change_what_they_stand_before() {
        let brightness = |prompt: &str| read(prompt).unwrap().top.iter().sum::<f32>();
        assert!(brightness("light blue studio") > brightness("blue studio"));
        assert!(brightness("dark blue studio") < brightness("blue studio"));
        let gradient = read("gradient from blue to white").unwrap();
        assert!(gradient.top[2] > gradient.top[0] && gradient.bottom[0] > 0.9);
        assert!(
            read("horizontal gradient from red to blue")
                .unwrap()
                .is_sideways
        );
        assert!(!read("solid red background").unwrap().has_floor);
        let orange = read("#ff8800")
            .unwrap()
            .top
            .map(|channel| (channel * 255.0).round() as u8);
        assert_eq!(orange, [255, 136, 0]);
    }
}
