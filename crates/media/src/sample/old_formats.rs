//! BMP and TIFF files put together by hand, so that each number in them can be
//! a lie.

/// A BMP of 24 bits whose red is the column, green the row, blue 7.
pub fn bmp(width: u32, height: u32) -> Vec<u8> {
    let stride = (width * 3).next_multiple_of(4);
    let mut file = b"BM".to_vec();
    file.extend_from_slice(&(54 + stride * height).to_le_bytes());
    file.extend_from_slice(&[0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0]);
    file.extend_from_slice(&width.to_le_bytes());
    file.extend_from_slice(&height.to_le_bytes());
    file.extend_from_slice(&[1, 0, 24, 0]);
    file.extend_from_slice(&[0; 24]);
    for y in (0..height).rev() {
        let start = file.len();
        for x in 0..width {
            file.extend_from_slice(&[7, y as u8, x as u8]);
        }
        file.resize(start + stride as usize, 0);
    }
    file
}

/// A TIFF of 20×10 colour pixels, not compressed.
#[derive(Debug, Clone)]
pub struct Tiff {
    /// The sides that the header tells.
    pub announced: (u32, u32),
    /// Strips of so many rows, where there are no tiles.
    pub rows_per_strip: u32,
    /// The sides of a tile.
    pub tile: Option<(u32, u32)>,
    /// The value of the orientation tag.
    pub orientation: u16,
    /// The ICC profile.
    pub profile: Vec<u8>,
}

/// The sides of the pixels that a [`Tiff`] holds.
const SIDES: (u32, u32) = (20, 10);

impl Default for Tiff {
    fn default() -> Self {
        Self {
            announced: SIDES,
            rows_per_strip: SIDES.1,
            tile: None,
            orientation: 1,
            profile: Vec::new(),
        }
    }
}

/// The type numbers of values in a directory.
const SHORT: u16 = 3;
const LONG: u16 = 4;
const LONG8: u16 = 16;
const UNDEFINED: u16 = 7;

impl Tiff {
    /// The file.
    pub fn file(&self) -> Vec<u8> {
        let mut file = b"II*\0\0\0\0\0".to_vec();
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for chunk in self.chunks() {
            offsets.push(file.len() as u32);
            lengths.push(chunk.len() as u32);
            file.extend(chunk);
        }
        let long = |tag, values: &[u32]| {
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            (tag, LONG, values.len() as u32, bytes)
        };
        let short = |tag, value: u16| (tag, SHORT, 1, vec![value as u8, (value >> 8) as u8, 0, 0]);
        let mut tags = vec![
            long(256, &[self.announced.0]),
            long(257, &[self.announced.1]),
            (258, SHORT, 3, vec![8, 0, 8, 0, 8, 0]),
            short(259, 1),
            short(262, 2),
            short(274, self.orientation),
            short(277, 3),
        ];
        if let Some((width, height)) = self.tile {
            tags.extend([
                long(322, &[width]),
                long(323, &[height]),
                long(324, &offsets),
                long(325, &lengths),
            ]);
        } else {
            tags.extend([
                long(273, &offsets),
                long(278, &[self.rows_per_strip]),
                long(279, &lengths),
            ]);
        }
        if !self.profile.is_empty() {
            let length = self.profile.len() as u32;
            tags.push((34_675, UNDEFINED, length, self.profile.clone()));
        }
        with_directory(file, tags)
    }

    /// The pixels of each strip or tile; a tile of an absurd size is empty.
    fn chunks(&self) -> Vec<Vec<u8>> {
        let (width, height) = match self.tile {
            Some((width, height)) if width > 64 || height > 64 || width == 0 => {
                return vec![vec![0; 64]];
            }
            Some(sides) => sides,
            None if self.rows_per_strip == 0 => return vec![vec![0; 64]],
            None => (SIDES.0, self.rows_per_strip),
        };
        let mut chunks = Vec::new();
        for top in (0..SIDES.1).step_by(height as usize) {
            // The last strip ends with the picture; a tile is always whole.
            let rows = if self.tile.is_some() {
                height
            } else {
                height.min(SIDES.1 - top)
            };
            for left in (0..SIDES.0).step_by(width as usize) {
                let places =
                    (top..top + rows).flat_map(|y| (left..left + width).map(move |x| (x, y)));
                chunks.push(
                    places
                        .flat_map(|(x, y)| [(x * 9) as u8, (y * 20) as u8, 200])
                        .collect(),
                );
            }
        }
        chunks
    }
}

/// An entry of a directory: the tag, the type of its values, how many there are,
/// and their bytes.
type Entry = (u16, u16, u32, Vec<u8>);

/// Where the bytes of [`tiff_of`] lie in the file.
pub const TIFF_START: u64 = 8;

/// A TIFF of any bytes, with a directory of any numbers, of as few bytes as the
/// largest under a tag needs. `tables` are those that JPEG strips share.
pub fn tiff_of(bytes: &[u8], numbers: &[(u16, Vec<u64>)], tables: &[u8]) -> Vec<u8> {
    let entry = |(tag, values): &(u16, Vec<u64>)| {
        let largest = values.iter().max().copied().unwrap_or_default();
        let (kind, width) = match largest {
            0..=0xffff => (SHORT, 2),
            0x1_0000..=0xffff_ffff => (LONG, 4),
            _ => (LONG8, 8),
        };
        let bytes = values
            .iter()
            .flat_map(|v| v.to_le_bytes().into_iter().take(width));
        (*tag, kind, values.len() as u32, bytes.collect())
    };
    let mut tags: Vec<Entry> = numbers.iter().map(entry).collect();
    if !tables.is_empty() {
        tags.push((347, UNDEFINED, tables.len() as u32, tables.to_vec()));
    }
    with_directory([b"II*\0\0\0\0\0", bytes].concat(), tags)
}

/// Puts the directory behind the pixels.
fn with_directory(mut file: Vec<u8>, mut tags: Vec<Entry>) -> Vec<u8> {
    tags.sort_by_key(|(tag, ..)| *tag);
    let mut directory = (tags.len() as u16).to_le_bytes().to_vec();
    for (tag, kind, count, bytes) in tags {
        directory.extend_from_slice(&u16::to_le_bytes(tag));
        directory.extend_from_slice(&kind.to_le_bytes());
        directory.extend_from_slice(&count.to_le_bytes());
        if bytes.len() <= 4 {
            directory.extend_from_slice(&bytes);
            directory.resize(directory.len() + 4 - bytes.len(), 0);
        } else {
            directory.extend_from_slice(&(file.len() as u32).to_le_bytes());
            file.extend_from_slice(&bytes);
        }
    }
    directory.extend_from_slice(&[0; 4]);
    let at = file.len() as u32;
    file[4..8].copy_from_slice(&at.to_le_bytes());
    file.extend_from_slice(&directory);
    file
}
