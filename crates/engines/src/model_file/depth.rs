//! Keys that are nested without end, `a.a.a.…`: refused before they are read,
//! as the tables that they make would be taken down one inside the other, on a
//! stack that ends before they do.

/// The most parts of a key.
pub(super) const DEEPEST: usize = 64;

/// Where a key has more parts than [`DEEPEST`].
pub(super) fn too_deep(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut at, mut dots) = (0, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'.' => dots += 1,
            b'\n' | b'=' | b',' | b'{' | b'[' => dots = 0,
            b'#' => at += length_until(&bytes[at..], b"\n"),
            quote @ (b'"' | b'\'') => at += string(&bytes[at..], quote),
            _ => {}
        }
        if dots >= DEEPEST {
            return Some(at);
        }
        at += 1;
    }
    None
}

/// How much of a text comes before `end`; all of it when there is none.
fn length_until(text: &[u8], end: &[u8]) -> usize {
    text.windows(end.len())
        .position(|window| window == end)
        .map_or(text.len(), |found| found.saturating_sub(1))
}

/// How many bytes of a string come after its first quote.
fn string(text: &[u8], quote: u8) -> usize {
    let whole = [quote; 3];
    let (end, from) = if text.starts_with(&whole) {
        (&whole[..], 3)
    } else {
        (&whole[..1], 1)
    };
    let mut at = from;
    while at < text.len() {
        match text[at] {
            b'\\' if quote == b'"' => at += 1,
            // A string of one line that is never closed ends with its line.
            b'\n' if end.len() == 1 => return at - 1,
            _ if text[at..].starts_with(end) => return at + end.len() - 1,
            _ => {}
        }
        at += 1;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_count_in_keys_alone() {
        let dots = ".a".repeat(100);
        for deep in [
            format!("a{dots} = 1"),
            format!("[a{dots}]"),
            format!("x = 1\n  \"a\"{} = 1", ".\"a\"".repeat(100)),
            format!("x = {{ a{dots} = 1 }}"),
            format!("s = \"unclosed\na{dots} = 1"),
            format!("s = 'it\\'\na{dots} = 1"),
            format!("# words\na{dots} = 1"),
        ] {
            assert!(too_deep(&deep).is_some(), "{deep}");
        }
        for flat in [
            format!("x = \"{dots}\""),
            format!("x = '{dots}'"),
            format!("x = \"\"\"\n{dots}\n\\\"\"\"\" # {dots}"),
            format!("x = '''\n{dots}\n'''"),
            format!("# {dots}"),
            "x.y = [1.5, 2.5]\n".repeat(100),
            format!("x = [{}]", "1.5, ".repeat(100)),
            String::new(),
            "\"".to_owned(),
            "'''".to_owned(),
            "\"\\".to_owned(),
        ] {
            assert_eq!(too_deep(&flat), None, "{flat}");
        }
    }
}
