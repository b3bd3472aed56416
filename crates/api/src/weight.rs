//! What a JSON text becomes in memory, told from its bytes before it is parsed.
//!
//! Values are larger than their text: `{"":0},` has 7 bytes, and a map for it has
//! more than 600. So the number of bytes bounds nothing, and what is counted are
//! the marks that begin a value. Within text that is no JSON the parser stops
//! where it is wrong; until there, both see the same marks.

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
    let mut rest = text.iter();
    while let Some(byte) = rest.next() {
        weight += match byte {
            b'{' => MAP,
            b'[' => LIST,
            b',' => VALUE,
            b':' => KEY,
            b'"' => {
                skip_text(&mut rest);
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

/// Marks within a text are part of it.
fn skip_text(rest: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = rest.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(rest.next()),
            _ => {}
        }
    }
}
