//! The size that an SVG tells: its root element's attributes, read without
//! building the document.
//!
//! `width` and `height` count where they are lengths, the `viewBox` otherwise.
//! Many drawings tell none: they are as large as the place they are shown in.

use std::io::{BufReader, Read, Seek};

use crate::MediaError;
use crate::sniff::markup_after_prolog;

/// How much of a file is looked through for its root element. A document type
/// of Illustrator's with its entities has 4 KB.
const MAX_BYTES: u64 = 64 << 10;

/// A longer side is a mistake, or an attack.
const MAX_SIDE: f64 = 65_535.0;

/// The sides in CSS pixels, where the file tells both.
pub(crate) fn sides<S: Read + Seek>(
    reader: &mut BufReader<S>,
) -> Result<Option<(u32, u32)>, MediaError> {
    let mut head = Vec::new();
    reader.take(MAX_BYTES).read_to_end(&mut head)?;
    Ok(of_root(markup_after_prolog(&head)))
}

fn of_root(root: &[u8]) -> Option<(u32, u32)> {
    let (mut width, mut height, mut view) = (None, None, None);
    for (name, value) in attributes(root) {
        match name {
            b"width" => width = length(value),
            b"height" => height = length(value),
            b"viewBox" => view = view_box(value),
            _ => {}
        }
    }
    let (width, height) = match (width, height, view) {
        (Some(width), Some(height), _) => (width, height),
        (Some(width), None, Some((across, down))) => (width, width * down / across),
        (None, Some(height), Some((across, down))) => (height * across / down, height),
        (None, None, Some(view)) => view,
        _ => return None,
    };
    Some((pixels(width)?, pixels(height)?))
}

fn pixels(side: f64) -> Option<u32> {
    (side <= MAX_SIDE).then(|| side.round().max(1.0) as u32)
}

/// The attributes of the element that `text` begins with, as far as they are
/// well formed.
fn attributes(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let name = text
        .iter()
        .position(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))
        .unwrap_or(text.len());
    let mut rest = &text[name..];
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        let equals = rest
            .iter()
            .position(|byte| matches!(byte, b'=' | b'>' | b'<'))
            .filter(|at| rest[*at] == b'=')?;
        let name = rest[..equals].trim_ascii_end();
        let value = rest[equals + 1..].trim_ascii_start();
        let (quote, value) = value.split_first()?;
        if !matches!(quote, b'"' | b'\'') {
            return None;
        }
        let end = value.iter().position(|byte| byte == quote)?;
        rest = &value[end + 1..];
        Some((name, &value[..end]))
    })
}

/// A length in CSS pixels; nothing for a share of the surroundings or for what
/// is no length.
fn length(value: &[u8]) -> Option<f64> {
    const UNITS: [(&str, f64); 7] = [
        ("px", 1.0),
        ("pt", 96.0 / 72.0),
        ("pc", 16.0),
        ("mm", 96.0 / 25.4),
        ("cm", 96.0 / 2.54),
        ("in", 96.0),
        ("", 1.0),
    ];
    let value = std::str::from_utf8(value).ok()?.trim();
    let (digits, factor) = UNITS
        .iter()
        .find_map(|(unit, factor)| Some((value.strip_suffix(unit)?, factor)))?;
    Some(number(digits)? * factor)
}

fn view_box(value: &[u8]) -> Option<(f64, f64)> {
    let mut numbers = std::str::from_utf8(value)
        .ok()?
        .split(|c: char| c == ',' || c.is_ascii_whitespace())
        .filter(|part| !part.is_empty())
        .skip(2);
    Some((number(numbers.next()?)?, number(numbers.next()?)?))
}

/// A positive number.
fn number(digits: &str) -> Option<f64> {
    // Rust reads "infinity" and "nan" as numbers too.
    let is_digit =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'+' | b'-' | b'e' | b'E');
    let digits = digits.trim();
    let value: f64 = digits
        .bytes()
        .all(is_digit)
        .then(|| digits.parse().ok())??;
    (value > 0.0 && value.is_finite()).then_some(value)
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Option<(u32, u32)> {
        sides(&mut BufReader::new(Cursor::new(text))).unwrap()
    }

    #[test]
    fn the_root_tells_the_sides() {
        let table = [
            ("<svg width='40' height='30'>", Some((40, 30))),
            ("<svg width = \"40px\"\n height='30.4'/>", Some((40, 30))),
            ("<svg:svg height='1in' width='2.54cm'>", Some((96, 96))),
            ("<svg width='3pt' height='1pc'>", Some((4, 16))),
            ("<svg viewBox='0 0 24 12'>", Some((24, 12))),
            ("<svg viewBox='-5,-5, 24,12' width='100%'>", Some((24, 12))),
            ("<svg viewBox='0 0 20 10' width='50'>", Some((50, 25))),
            ("<svg viewBox='0 0 20 10' height='1e2'>", Some((200, 100))),
            ("<svg width='0.2' height='9'>", Some((1, 9))),
            (
                "\u{feff}<?xml version='1.0'?><!-- <svg width='9' height='9'> -->\n<svg width='4' height='3'>",
                Some((4, 3)),
            ),
            (
                "<!DOCTYPE svg [<!ENTITY w \"<svg width='9' height='9'>\">]><svg width='4' height='3'>",
                Some((4, 3)),
            ),
            (
                "<svg xmlns='x' data-width='7' height='3' width='4'>",
                Some((4, 3)),
            ),
        ];
        for (text, wanted) in table {
            assert_eq!(read(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_tells_no_size_has_none() {
        for text in [
            "<svg>",
            "<svg",
            "",
            "<svg width='100%' height='100%'>",
            "<svg width='40'>",
            "<svg width='40' height='2em'>",
            "<svg width='-4' height='3'>",
            "<svg width='0' height='3'>",
            "<svg width='inf' height='nan'>",
            "<svg width='1e999' height='3'>",
            "<svg width='1000000000' height='1000000000'>",
            "<svg viewBox='0 0 1e9 1e9'>",
            "<svg viewBox='0 0 10'>",
            "<svg viewBox='0 0 10 0'>",
            "<svg width=40 height=30>",
            "<svg><rect width='4' height='3'/></svg>",
            "<svg width='4' height='3",
            "<svg width='&w;' height='3'>",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_root_far_behind_is_not_looked_for() {
        let far = format!("<!--{}--><svg width='4' height='3'>", " ".repeat(1 << 20));
        assert_eq!(read(&far), None);
    }

    proptest! {
        #[test]
        fn any_root_is_judged(
            text in "(<svg| width=| height=| viewBox=|'|\"|[0-9]{1,9}|px|%|e|\\.|-| |>|<!--|-->|=){0,30}",
        ) {
            if let Some((width, height)) = read(&text) {
                prop_assert!((1..=65_535).contains(&width) && (1..=65_535).contains(&height));
            }
        }
    }
}
