//! Small TIFFs that ask for gigabytes or for hours: each is refused, by its
//! directory or at the first strip, and hardly any of it is read.

use std::io::{Cursor, Result as IoResult, SeekFrom};

use flate2::write::ZlibEncoder;
use weezl::BitOrder;

use super::*;
use crate::decode::decode_stored;
use crate::sample::{self, TIFF_START, tiff_of};

const LZW: u64 = 5;
const JPEG: u64 = 7;
const DEFLATE: u64 = 8;
const PACK_BITS: u64 = 32_773;

/// A TIFF whose numbers are any.
struct Lies {
    sides: (u32, u32),
    compression: u64,
    samples: u64,
    /// The sides of a tile; strips have one row each.
    tile: Option<(u32, u32)>,
    /// Where each strip lies behind the header, and its length.
    places: Vec<(u64, u64)>,
    tables: Vec<u8>,
}

impl Default for Lies {
    fn default() -> Self {
        Self {
            sides: (1, 1),
            compression: DEFLATE,
            samples: 3,
            tile: None,
            places: vec![(0, 1)],
            tables: Vec::new(),
        }
    }
}

impl Lies {
    fn file(&self, bytes: &[u8]) -> Vec<u8> {
        let (width, height) = self.sides;
        let offsets = self.places.iter().map(|(at, _)| TIFF_START + at).collect();
        let lengths = self.places.iter().map(|(_, length)| *length).collect();
        let mut numbers = vec![
            (256, vec![width.into()]),
            (257, vec![height.into()]),
            (258, vec![8; self.samples as usize]),
            (259, vec![self.compression]),
            (262, vec![2]),
            (277, vec![self.samples]),
        ];
        if self.samples > 3 {
            numbers.push((338, vec![0; self.samples as usize - 3]));
        }
        if let Some((wide, high)) = self.tile {
            numbers.extend([(322, vec![wide.into()]), (323, vec![high.into()])]);
            numbers.extend([(324, offsets), (325, lengths)]);
        } else {
            numbers.extend([(273, offsets), (278, vec![1]), (279, lengths)]);
        }
        tiff_of(bytes, &numbers, &self.tables)
    }
}

/// A file, and how many of its bytes have been read.
struct Counted<'a> {
    file: Cursor<&'a [u8]>,
    read: usize,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> IoResult<usize> {
        let read = self.file.read(buffer)?;
        self.read += read;
        Ok(read)
    }
}

impl Seek for Counted<'_> {
    fn seek(&mut self, to: SeekFrom) -> IoResult<u64> {
        self.file.seek(to)
    }
}

/// What becomes of a file without any program's help, and how many bytes of it
/// were read for that.
fn outcome(file: &[u8]) -> (Result<Stored, MediaError>, usize) {
    let mut source = Counted {
        file: Cursor::new(file),
        read: 0,
    };
    let budget = Budget::default();
    let nothing = Programs::in_folders(["/nonexistent"]);
    let made = probe(&mut source, &budget)
        .and_then(|facts| decode_stored(&mut source, &facts, Want::Full, &budget, &nothing));
    (made, source.read)
}

/// A file is refused in these words, and little of it is read beyond what its
/// directory has.
#[track_caller]
fn assert_refused(file: &[u8], words: &str) {
    let (made, read) = outcome(file);
    let refused = made.err().expect("a file that is refused");
    let is_told = matches!(
        refused,
        MediaError::Damaged { .. } | MediaError::Unusable { .. }
    );
    let text = refused.to_string();
    assert!(is_told && text.contains(words), "{refused:?}");
    assert!(read < 8 << 20, "{read} bytes were read of {}", file.len());
}

/// Many deflated bytes that make one pixel: two megabytes of stored blocks
/// without length, and one of three bytes.
fn hollow() -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    stream.extend([0, 0, 0, 0xff, 0xff].repeat(400_000));
    stream.extend([1, 3, 0, 0xfc, 0xff, 7, 8, 9]);
    stream
}

/// A JPEG that tells other sides than it has.
fn jpeg_of(width: u16, height: u16) -> Vec<u8> {
    let mut jpeg = sample::noise_jpeg(1, 1);
    let is_frame = |pair: &[u8]| pair == [0xff, 0xc0];
    let frame = jpeg.windows(2).position(is_frame).unwrap();
    jpeg[frame + 5..frame + 7].copy_from_slice(&height.to_be_bytes());
    jpeg[frame + 7..frame + 9].copy_from_slice(&width.to_be_bytes());
    jpeg
}

#[test]
fn strips_that_all_are_the_same_large_one_are_refused_by_their_directory() {
    let large_jpeg = sample::with_jpeg_segment(&sample::noise_jpeg(1, 1), 0xfe, &vec![0; 60_000]);
    let table = [
        (JPEG, large_jpeg),
        (DEFLATE, hollow()),
        // A code that clears the table, again and again.
        (
            LZW,
            [0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01, 0x00].repeat(10_000),
        ),
        // The code that says nothing.
        (PACK_BITS, vec![0x80; 100_000]),
    ];
    for (compression, bytes) in table {
        for tile in [None, Some((16, 1))] {
            let file = Lies {
                sides: (1, 65_535),
                compression,
                tile,
                places: vec![(0, bytes.len() as u64); 65_535],
                ..Lies::default()
            };
            assert_refused(&file.file(&bytes), "bytes together, and the file has");
        }
    }
}

#[test]
fn lengths_whose_sum_does_not_fit_a_number_are_refused() {
    for places in [
        vec![(0, u64::MAX), (0, 2)],
        vec![(0, u64::MAX); 2],
        vec![(0, 1 << 63), (0, 1 << 63)],
        vec![(0, 1), (0, u64::from(u32::MAX))],
    ] {
        let file = Lies {
            sides: (1, 2),
            places,
            ..Lies::default()
        };
        assert_refused(&file.file(&hollow()), "bytes together, and the file has");
    }
}

#[test]
fn a_place_behind_all_numbers_is_nowhere() {
    for compression in [LZW, JPEG, DEFLATE, PACK_BITS] {
        let file = Lies {
            compression,
            places: vec![(u64::MAX - TIFF_START, 100)],
            ..Lies::default()
        };
        assert_refused(&file.file(&[0; 200]), "behind its end");
    }
}

#[test]
fn a_strip_that_tells_few_bytes_is_read_no_further() {
    let file = Lies {
        sides: (1, 65_535),
        places: vec![(0, 1); 65_535],
        ..Lies::default()
    };
    // Each strip would be looked for in the whole file, and found at its end.
    assert_refused(&file.file(&hollow()), "ends too early");
    let one = |length| Lies {
        places: vec![(0, length)],
        ..Lies::default()
    };
    let (_, read) = outcome(&one(7).file(&hollow()));
    assert!(read < 1 << 20, "{read}");
    let (made, _) = outcome(&one(hollow().len() as u64).file(&hollow()));
    assert_eq!(made.unwrap().picture.pixels(), [7, 8, 9]);
}

#[test]
fn a_tile_is_read_until_it_is_full() {
    let mut packed = weezl::encode::Encoder::with_tiff_size_switch(BitOrder::Msb, 8)
        .encode(&[7; 16 * 16 * 3])
        .unwrap();
    packed.resize(3 << 20, 0);
    let file = Lies {
        sides: (3, 1),
        compression: LZW,
        tile: Some((16, 16)),
        places: vec![(0, packed.len() as u64)],
        ..Lies::default()
    };
    let (made, read) = outcome(&file.file(&packed));
    assert_eq!(made.unwrap().picture.pixels(), [7; 9]);
    assert!(read < 1 << 20, "{read}");
}

#[test]
fn a_jpeg_larger_than_its_strip_is_not_decoded() {
    let strip = |sides, tile, jpeg: &[u8]| {
        let lies = Lies {
            sides,
            compression: JPEG,
            tile,
            places: vec![(0, jpeg.len() as u64)],
            ..Lies::default()
        };
        lies.file(jpeg)
    };
    for (width, height) in [(16_384, 16_384), (65_500, 1), (1, 65_500), (2, 1), (1, 2)] {
        let words = format!("is {width}×{height}, and its place 1×1");
        assert_refused(&strip((1, 1), None, &jpeg_of(width, height)), &words);
    }
    // As large as the tile tells, which is far larger than the picture.
    let large = strip((1, 1), Some((16_384, 16_384)), &jpeg_of(16_384, 16_384));
    assert_refused(&large, "more than 400 MB");
    // One that is too small is not made larger.
    assert_refused(&strip((9, 1), None, &jpeg_of(8, 1)), "is 8×1");
    // What is told is as large as allowed, and has no pixels.
    let hollow = strip((2_000, 1), Some((2_000, 2_000)), &jpeg_of(2_000, 2_000));
    assert_refused(&hollow, "a JPEG strip of it");
}

#[test]
fn a_jpeg_of_many_scans_is_held_to_the_memory_of_its_coefficients() {
    let mut jpeg = jpeg_of(12_000, 12_000);
    let is_frame = |pair: &[u8]| pair == [0xff, 0xc0];
    let frame = jpeg.windows(2).position(is_frame).unwrap();
    jpeg[frame + 1] = 0xc2;
    let file = Lies {
        compression: JPEG,
        tile: Some((12_000, 12_000)),
        places: vec![(0, jpeg.len() as u64)],
        ..Lies::default()
    };
    assert_refused(&file.file(&jpeg), "MB to decode");
}

#[test]
fn tables_are_not_read_again_and_again_when_they_are_long() {
    let tables = [&[0xff, 0xd8][..], &vec![0xff; 100_000]].concat();
    let file = Lies {
        sides: (1, 65_535),
        compression: JPEG,
        places: vec![(0, 1); 65_535],
        tables,
        ..Lies::default()
    };
    assert_refused(&file.file(&[0; 100]), "tables");
    // What is no table spoils a good strip, and an empty one does not.
    let strip = sample::noise_jpeg(1, 1);
    for (tables, is_sound) in [
        (&b"\xff"[..], false),
        (b"words", false),
        (b"\xff\xd8", true),
        (b"\xff\xd8\xff\xd9", true),
    ] {
        let file = Lies {
            compression: JPEG,
            places: vec![(0, strip.len() as u64)],
            tables: tables.to_vec(),
            ..Lies::default()
        };
        let (made, _) = outcome(&file.file(&strip));
        assert_eq!(made.is_ok(), is_sound, "{tables:?}");
    }
}

#[test]
fn a_length_without_a_jpeg_is_no_strip() {
    for length in 0..4 {
        let file = Lies {
            compression: JPEG,
            places: vec![(0, length)],
            ..Lies::default()
        };
        assert_refused(&file.file(b"\xff\xd8\xff\xd9"), "");
    }
    let words = Lies {
        compression: JPEG,
        places: vec![(0, 4)],
        ..Lies::default()
    };
    assert_refused(&words.file(b"word"), "is none");
}

#[test]
fn what_is_unpacked_and_then_cut_off_counts() {
    let wide = Lies {
        sides: (1, 65_535),
        tile: Some((1 << 31, 1)),
        places: vec![(0, 1); 65_535],
        ..Lies::default()
    };
    assert_refused(&wide.file(&[0]), "more than 400 MB");
    let many = Lies {
        sides: (1, 65_535),
        tile: Some((40_000, 1)),
        places: vec![(0, 1); 65_535],
        ..Lies::default()
    };
    assert_refused(&many.file(&[0]), "7864 MB unpacked, the limit is 3200");
    let high = Lies {
        tile: Some((1 << 16, 1 << 31)),
        ..Lies::default()
    };
    assert_refused(&high.file(&[0]), "unpacked");
    let deep = Lies {
        sides: (1, 65_535),
        samples: 60_000,
        places: vec![(0, 1); 65_535],
        ..Lies::default()
    };
    assert_refused(&deep.file(&[0]), "unpacked");
}

#[test]
fn a_picture_is_not_cut_into_single_pixels() {
    let file = Lies {
        sides: (300, 300),
        tile: Some((1, 1)),
        places: vec![(0, 1); 90_000],
        ..Lies::default()
    };
    assert_refused(&file.file(&[0]), "90000 parts");
}

#[test]
fn the_smallest_tiles_may_be_many() {
    let mut packer = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, &[9; 16 * 16 * 3]).unwrap();
    let packed = packer.finish().unwrap();
    // Those at the edges are counted whole.
    let count = 5000u32.div_ceil(16) * 3500u32.div_ceil(16);
    assert!(count > Budget::default().max_side);
    let file = Lies {
        sides: (5000, 3500),
        tile: Some((16, 16)),
        places: vec![(0, packed.len() as u64); count as usize],
        ..Lies::default()
    };
    let (made, _) = outcome(&file.file(&packed));
    assert_eq!(made.unwrap().picture.width(), 5000);
}

#[test]
fn a_plain_strip_may_tell_a_wrong_length() {
    let file = Lies {
        compression: 1,
        places: vec![(0, 1_000_000)],
        ..Lies::default()
    };
    let (made, _) = outcome(&file.file(&[1, 2, 3]));
    assert_eq!(made.unwrap().picture.pixels(), [1, 2, 3]);
}

#[test]
fn tiles_of_one_colour_may_be_stored_once() {
    let mut packer = ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packer, &[9; 32 * 32 * 3]).unwrap();
    let packed = packer.finish().unwrap();
    let file = Lies {
        sides: (640, 640),
        tile: Some((32, 32)),
        places: vec![(0, packed.len() as u64); 400],
        ..Lies::default()
    };
    let file = file.file(&packed);
    assert!(packed.len() * 400 > file.len());
    let (made, _) = outcome(&file);
    let picture = made.unwrap().picture;
    assert_eq!((picture.width(), picture.height()), (640, 640));
    assert!(picture.pixels().iter().all(|sample| *sample == 9));
}
