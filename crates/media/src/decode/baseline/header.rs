//! The head of a baseline JPEG, as far as the quick decoder takes it.

use super::huffman::Table;

/// A component of the picture.
#[derive(Debug, Clone, Copy)]
pub(super) struct Component {
    id: u8,
    /// How many blocks to the right and down a unit of the scan has of it.
    pub(super) across: usize,
    pub(super) down: usize,
    pub(super) quantiser: usize,
    /// Its tables: of first coefficients, and of the others.
    first: usize,
    others: usize,
}

/// What the segments before the scan say.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) components: Vec<Component>,
    /// Divisors in the order of coefficients.
    pub(super) quantisers: [Option<[i16; 64]>; 4],
    first: [Option<Box<Table>>; 2],
    others: [Option<Box<Table>>; 2],
    /// The tables of first coefficients, as they are used before those of the others.
    before: [[Option<Box<Table>>; 2]; 2],
    /// After how many units the scan begins anew; 0 for never.
    pub(super) restart: usize,
    /// Where the scan begins.
    pub(super) scan: usize,
}

/// Reads the head. `None` for everything that is not the plain case: the other
/// decoder knows all of them.
pub(super) fn read(bytes: &[u8]) -> Option<Header> {
    let mut header = Header::default();
    let mut has_jfif = false;
    let mut adobe = None;
    let mut at = 2;
    loop {
        let [0xff, marker, high, low] = *bytes.get(at..)?.first_chunk()? else {
            return None;
        };
        let length = usize::from(u16::from_be_bytes([high, low]));
        let body = bytes.get(at + 4..at + 2 + length)?;
        match marker {
            0xc0 => header.frame(body)?,
            0xc4 => header.tables(body)?,
            0xdb => header.divisors(body)?,
            0xdd => header.restart = usize::from(u16::from_be_bytes(*body.first_chunk()?)),
            0xda => {
                header.scan(body)?;
                header.scan = at + 2 + length;
                break;
            }
            0xe0 => has_jfif |= body.starts_with(b"JFIF\0"),
            0xee if body.starts_with(b"Adobe") => adobe = Some(*body.get(11)?),
            0xe1..=0xef | 0xfe => {}
            _ => return None,
        }
        at += 2 + length;
    }
    let ids = header.components.iter().map(|component| component.id);
    let is_usual = header.components.len() == 1
        || has_jfif
        || adobe == Some(1)
        || (adobe.is_none() && ids.eq(1..=3));
    is_usual.then_some(header)
}

impl Header {
    fn frame(&mut self, body: &[u8]) -> Option<()> {
        let [8, h1, h0, w1, w0, count, components @ ..] = body else {
            return None;
        };
        self.height = usize::from(u16::from_be_bytes([*h1, *h0]));
        self.width = usize::from(u16::from_be_bytes([*w1, *w0]));
        let (components, []) = components.as_chunks::<3>() else {
            return None;
        };
        if !self.components.is_empty()
            || components.len() != usize::from(*count)
            || !matches!(components.len(), 1 | 3)
            || self.width == 0
            || self.height == 0
        {
            return None;
        }
        for &[id, sides, quantiser] in components {
            let (across, down) = (usize::from(sides >> 4), usize::from(sides & 15));
            if !(1..=2).contains(&across) || !(1..=2).contains(&down) || quantiser > 3 {
                return None;
            }
            self.components.push(Component {
                id,
                across,
                down,
                quantiser: quantiser.into(),
                first: 0,
                others: 0,
            });
        }
        // Alone, a component has one block a unit, whatever it says.
        if let [only] = self.components.as_mut_slice() {
            (only.across, only.down) = (1, 1);
        }
        // Chroma may be coarser than luma, not finer.
        let is_plain = self.components[1..]
            .iter()
            .all(|chroma| (chroma.across, chroma.down) == (1, 1));
        is_plain.then_some(())
    }

    fn tables(&mut self, mut body: &[u8]) -> Option<()> {
        while let [which, rest @ ..] = body {
            let (counts, rest) = rest.split_first_chunk::<16>()?;
            let count = counts.iter().map(|&count| usize::from(count)).sum();
            let (symbols, rest) = rest.split_at_checked(count)?;
            let is_ac = which >> 4 == 1;
            let tables = match which >> 4 {
                0 => &mut self.first,
                1 => &mut self.others,
                _ => return None,
            };
            *tables.get_mut(usize::from(which & 15))? = Some(Table::new(counts, symbols, is_ac)?);
            body = rest;
        }
        Some(())
    }

    fn divisors(&mut self, mut body: &[u8]) -> Option<()> {
        while let [which, rest @ ..] = body {
            let (divisors, rest) = rest.split_first_chunk::<64>()?;
            // Those above 3 would be of two bytes each.
            *self.quantisers.get_mut(usize::from(*which))? = Some(divisors.map(i16::from));
            body = rest;
        }
        Some(())
    }

    /// Takes one scan with all components in the order of the frame.
    fn scan(&mut self, body: &[u8]) -> Option<()> {
        let [count, rest @ ..] = body else {
            return None;
        };
        let (tables, [0, 63, 0]) = rest.split_at_checked(usize::from(*count) * 2)? else {
            return None;
        };
        let (tables, _) = tables.as_chunks::<2>();
        if tables.len() != self.components.len() {
            return None;
        }
        for (component, &[id, which]) in self.components.iter_mut().zip(tables) {
            component.first = usize::from(which >> 4);
            component.others = usize::from(which & 15);
            let first = self.first.get(component.first)?.as_deref()?;
            let others = self.others.get(component.others)?.as_deref()?;
            self.before[component.first][component.others]
                .get_or_insert_with(|| first.before(others));
            if component.id != id {
                return None;
            }
        }
        Some(())
    }

    /// The tables of a component: for first coefficients, and for the others.
    pub(super) fn tables_of(&self, component: &Component) -> Option<(&Table, &Table)> {
        let first = self.before.get(component.first)?.get(component.others)?;
        let others = self.others.get(component.others)?;
        Some((first.as_deref()?, others.as_deref()?))
    }
}
