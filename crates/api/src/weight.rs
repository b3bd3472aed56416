//! What a JSON text becomes in memory, told from its bytes before it is parsed.
//!
//! Values are larger than their text: `{"":0},` has 7 bytes, and a map for it has
//! more than 600. So the number of bytes bounds nothing, and what is counted are
//! the marks that begin a value; what is empty takes nothing. Within text that is no
//! JSON the parser stops where it is wrong; until there, both see the same marks.

use memchr::memchr2;

/// A map's first node with its key and value, as `BTreeMap<String, Value>` has it.
const MAP: usize = 640;

/// A list that is not empty begins with room for four.
const LIST: usize = 128;

/// One more value in a list or map, with its share of room not yet used, and the
/// least that is taken for a text.
const VALUE: usize = 64;

/// A key, and its share of nodes that are half full.
const KEY: usize = 96;

/// About how many bytes the values of `text` take, apart from those of their text.
/// Stops counting above `most`.
pub(crate) fn of_values(text: &[u8], most: usize) -> usize {
    let mut weight = 0;
    let mut rest = text;
    while let [byte, after @ ..] = rest {
        rest = after;
        weight += match byte {
            b'{' if !is_next(b'}', rest) => MAP,
            b'[' if !is_next(b']', rest) => LIST,
            b',' => VALUE,
            b':' => KEY,
            b'"' => {
                rest = after_text(rest);
                0
            }
            _ => 0,
        };
        if weight > most {
            break;
        }
    }
    weight
}

fn is_next(mark: u8, rest: &[u8]) -> bool {
    rest.trim_ascii_start().first() == Some(&mark)
}

/// What follows the text that has begun: marks within it are part of it.
fn after_text(mut rest: &[u8]) -> &[u8] {
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        // What is escaped ends nothing.
        let is_end = rest[at] == b'"';
        let next = if is_end { at + 1 } else { at + 2 };
        rest = rest.get(next..).unwrap_or_default();
        if is_end {
            return rest;
        }
    }
    &[]
}
