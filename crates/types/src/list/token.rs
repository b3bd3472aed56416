//! The words of the filter language, each with its place.

use super::BadList;

/// A word of a filter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Open,
    Close,
    Comma,
    /// `:`, `=`, `!=`, `>`, `<`, `>=` or `<=`.
    Sign(&'static str),
    /// A word as it is written.
    Word(String),
    /// What was between quotes.
    Quoted(String),
}

/// A token and the number of characters before it.
#[derive(Debug, Clone)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: usize,
}

/// Signs, the longer ones first.
const SIGNS: [&str; 7] = ["!=", ">=", "<=", ":", "=", ">", "<"];

/// Splits a filter.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, BadList> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let begin = at;
        let token = match c {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            '(' => single(&mut at, Token::Open),
            ')' => single(&mut at, Token::Close),
            ',' => single(&mut at, Token::Comma),
            '"' | '\'' => quoted(&chars, &mut at)?,
            _ => match sign(&chars[at..]) {
                Some(sign) => {
                    at += sign.len();
                    Token::Sign(sign)
                }
                None => word(&chars, &mut at, ends_in_value(&found)),
            },
        };
        found.push(Placed { token, at: begin });
    }
    Ok(found)
}

fn single(at: &mut usize, token: Token) -> Token {
    *at += 1;
    token
}

fn sign(chars: &[char]) -> Option<&'static str> {
    SIGNS
        .into_iter()
        .find(|sign| sign.chars().eq(chars.iter().copied().take(sign.len())))
}

/// Whether a value follows what was read so far: then a word may hold signs, as
/// `created_at>2026-04-01T10:00:00Z` does.
fn ends_in_value(found: &[Placed]) -> bool {
    matches!(
        found.last(),
        Some(Placed {
            token: Token::Sign(_),
            ..
        })
    )
}

fn word(chars: &[char], at: &mut usize, is_value: bool) -> Token {
    let begin = *at;
    while let Some(&c) = chars.get(*at) {
        let ends = c.is_whitespace()
            || matches!(c, '(' | ')' | ',')
            || (!is_value && (sign(&chars[*at..]).is_some() || matches!(c, '"' | '\'')));
        if ends {
            break;
        }
        *at += 1;
    }
    Token::Word(chars[begin..*at].iter().collect())
}

/// What is between quotes; a quote within is doubled or has a backslash.
fn quoted(chars: &[char], at: &mut usize) -> Result<Token, BadList> {
    let (begin, quote) = (*at, chars[*at]);
    let mut text = String::new();
    *at += 1;
    while let Some(&c) = chars.get(*at) {
        *at += 1;
        match (c, chars.get(*at)) {
            ('\\', Some(&next)) if next == quote || next == '\\' => {
                text.push(next);
                *at += 1;
            }
            (c, Some(&next)) if c == quote && next == quote => {
                text.push(quote);
                *at += 1;
            }
            (c, _) if c == quote => return Ok(Token::Quoted(text)),
            _ => text.push(c),
        }
    }
    Err(BadList::new(format!(
        "q, character {}: this quote is never closed",
        begin + 1
    )))
}
