//! Every kind of TIFF, and those cut off or changed.

use proptest::prelude::*;
use tiff::encoder::{TiffEncoder, colortype};
use turbojpeg::{Colorspace, Compressor, Image, PixelFormat, Subsamp};

use super::*;
use crate::{Picture, decode, sample, thumbnail};

fn full(file: &[u8]) -> Result<Picture, MediaError> {
    decode(&mut Cursor::new(file), Want::Full, &Budget::default())
}

fn written<C>(width: u32, height: u32, samples: &[C::Inner]) -> Vec<u8>
where
    C: colortype::ColorType,
    [C::Inner]: tiff::encoder::TiffValue,
{
    let mut file = Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut file).unwrap();
    encoder.write_image::<C>(width, height, samples).unwrap();
    file.into_inner()
}

#[test]
fn every_kind_of_pixel_becomes_eight_bit_colour() {
    let rgb = full(&written::<colortype::RGB8>(2, 1, &[1, 2, 3, 4, 5, 6])).unwrap();
    assert_eq!(rgb.pixels(), [1, 2, 3, 4, 5, 6]);
    let deep = written::<colortype::RGBA16>(1, 1, &[0x0102, 0x0304, 0x0506, 0xffff]);
    assert_eq!(full(&deep).unwrap().pixels(), [1, 3, 5, 255]);
    let grey = full(&written::<colortype::Gray8>(2, 1, &[9, 200])).unwrap();
    assert_eq!(grey.pixels(), [9, 9, 9, 200, 200, 200]);
    let real = written::<colortype::Gray32Float>(3, 1, &[-1.0, 0.5, f32::NAN]);
    assert_eq!(full(&real).unwrap().row(0)[..6], [0, 0, 0, 128, 128, 128]);
    let inks = full(&written::<colortype::CMYK8>(1, 1, &[0, 128, 255, 0])).unwrap();
    assert_eq!(inks.pixels(), [255, 127, 0]);
}

#[test]
fn white_may_be_the_smallest_number_and_bits_may_be_packed() {
    let mut file = written::<colortype::Gray8>(2, 1, &[9, 200]);
    let tag = b"\x06\x01\x03\0\x01\0\0\0\x01";
    let at = file.windows(9).position(|part| part == tag).unwrap();
    file[at + 8] = 0;
    assert_eq!(full(&file).unwrap().pixels(), [246, 246, 246, 55, 55, 55]);
    assert_eq!(
        unpack(&[0b1010_0000, 0b0110_0000], 3, 1),
        [1, 0, 1, 0, 1, 1]
    );
    assert_eq!(unpack(&[0x1f, 0x20], 3, 4), [1, 15, 2]);
    assert_eq!(unpack(&[0b1101_1000], 3, 2), [3, 1, 2]);
}

#[test]
fn tiles_strips_and_turns_are_put_together() {
    let plain = sample::Tiff::default();
    let picture = full(&plain.file()).unwrap();
    assert_eq!((picture.width(), picture.height()), (20, 10));
    let tiled = sample::Tiff {
        tile: Some((16, 16)),
        ..plain.clone()
    };
    assert!(full(&tiled.file()).unwrap() == picture);
    let striped = sample::Tiff {
        rows_per_strip: 3,
        ..plain.clone()
    };
    assert!(full(&striped.file()).unwrap() == picture);
    let turned = sample::Tiff {
        orientation: 6,
        ..plain
    };
    let turned = full(&turned.file()).unwrap();
    assert_eq!((turned.width(), turned.height()), (10, 20));
    assert_eq!(turned.row(0)[9 * 3..], picture.row(0)[..3]);
}

/// How a picture of JPEG strips is stored.
#[derive(Clone, Copy)]
struct Jpegs {
    /// The photometric interpretation, and the samples a pixel.
    kind: (u64, usize),
    tile: Option<u32>,
    /// The rows of a strip, where there are no tiles.
    rows: u32,
    /// Whether the tables are stored once for all.
    are_tables_shared: bool,
    /// Whether the last strip has as many rows as the others.
    is_last_whole: bool,
}

impl Jpegs {
    const SIDES: (u32, u32) = (40, 25);

    /// The samples of a pixel as stored, before the step from light to luma.
    fn stored((photometric, samples): (u64, usize), x: u32, y: u32) -> Vec<u8> {
        let all = [x * 5, y * 8, 60 + x * 2, 90].map(|sample| sample.min(255) as u8);
        let turn = |sample: &u8| if photometric == 0 { !sample } else { *sample };
        all[..samples].iter().map(turn).collect()
    }

    /// The pixel that is seen.
    fn seen((photometric, samples): (u64, usize), x: u32, y: u32) -> Vec<u8> {
        match photometric {
            0 | 1 => Self::stored((1, 1), x, y).repeat(3),
            5 => cmyk_to_rgb(&Self::stored((5, 4), x, y)),
            _ => Self::stored((2, samples), x, y),
        }
    }

    /// A part as a JPEG without a word about its colours, and its tables.
    fn part(&self, left: u32, top: u32, width: u32, height: u32) -> (Vec<u8>, Vec<u8>) {
        let places = (top..top + height).flat_map(|y| (left..left + width).map(move |x| (x, y)));
        let pixels: Vec<u8> = places
            .flat_map(|(x, y)| Self::stored(self.kind, x, y))
            .collect();
        let (format, colours, subsampling) = match self.kind {
            (6, _) => (PixelFormat::RGB, Colorspace::YCbCr, Subsamp::Sub2x2),
            (_, 1) => (PixelFormat::GRAY, Colorspace::Gray, Subsamp::Gray),
            (_, 3) => (PixelFormat::RGB, Colorspace::RGB, Subsamp::None),
            _ => (PixelFormat::CMYK, Colorspace::CMYK, Subsamp::None),
        };
        let mut compressor = Compressor::new().unwrap();
        compressor.set_quality(98).unwrap();
        compressor.set_subsamp(subsampling).unwrap();
        compressor.set_colorspace(colours).unwrap();
        let image = Image {
            pixels: pixels.as_slice(),
            width: width as usize,
            pitch: width as usize * self.kind.1,
            height: height as usize,
            format,
        };
        let jpeg = compressor.compress_to_vec(image).unwrap();
        let (mut part, mut tables) = (vec![0xff, 0xd8], vec![0xff, 0xd8]);
        let mut at = 2;
        while jpeg[at + 1] != 0xda {
            let length = usize::from(u16::from_be_bytes([jpeg[at + 2], jpeg[at + 3]]));
            let segment = &jpeg[at..at + 2 + length];
            match segment[1] {
                0xe0..=0xef => {}
                0xdb | 0xc4 if self.are_tables_shared => tables.extend_from_slice(segment),
                _ => part.extend_from_slice(segment),
            }
            at += segment.len();
        }
        part.extend_from_slice(&jpeg[at..]);
        tables.extend_from_slice(&[0xff, 0xd9]);
        (part, tables)
    }

    fn file(&self) -> Vec<u8> {
        let (width, height) = Self::SIDES;
        let (wide, high) = self.tile.map_or((width, self.rows), |side| (side, side));
        let is_whole = self.tile.is_some() || self.is_last_whole;
        let (mut bytes, mut shared) = (Vec::new(), Vec::new());
        let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
        for top in (0..height).step_by(high as usize) {
            let rows = if is_whole {
                high
            } else {
                high.min(height - top)
            };
            for left in (0..width).step_by(wide as usize) {
                let (part, tables) = self.part(left, top, wide, rows);
                offsets.push(sample::TIFF_START + bytes.len() as u64);
                lengths.push(part.len() as u64);
                bytes.extend(part);
                shared = tables;
            }
        }
        let (photometric, samples) = self.kind;
        let mut numbers = vec![
            (256, vec![width.into()]),
            (257, vec![height.into()]),
            (258, vec![8; samples]),
            (259, vec![7]),
            (262, vec![photometric]),
            (277, vec![samples as u64]),
        ];
        if self.kind == (2, 4) {
            numbers.push((338, vec![2]));
        }
        if self.tile.is_some() {
            numbers.extend([(322, vec![wide.into()]), (323, vec![high.into()])]);
            numbers.extend([(324, offsets), (325, lengths)]);
        } else {
            numbers.extend([(273, offsets), (278, vec![high.into()]), (279, lengths)]);
        }
        let tables = if self.are_tables_shared {
            shared
        } else {
            Vec::new()
        };
        sample::tiff_of(&bytes, &numbers, &tables)
    }
}

#[test]
fn strips_and_tiles_of_jpeg_have_the_colours_that_the_picture_tells() {
    // White first, black first, light, light and alpha, inks, luma and chroma.
    for kind in [(0, 1), (1, 1), (2, 3), (2, 4), (5, 4), (6, 3)] {
        // One strip of thirty-two rows goes on below the picture.
        for (tile, rows) in [(None, 8), (None, 32), (Some(16), 0), (Some(64), 0)] {
            for flags in 0..4 {
                let jpegs = Jpegs {
                    kind,
                    tile,
                    rows,
                    are_tables_shared: flags & 1 == 1,
                    is_last_whole: flags & 2 == 2,
                };
                let picture = full(&jpegs.file()).unwrap();
                let (width, height) = Jpegs::SIDES;
                assert_eq!((picture.width(), picture.height()), (width, height));
                let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
                let wanted = pixels.flat_map(|(x, y)| Jpegs::seen(kind, x, y));
                let differences = wanted
                    .zip(picture.pixels())
                    .map(|(wanted, found)| wanted.abs_diff(*found));
                let most = differences.max().unwrap();
                assert!(most <= 12, "{kind:?} {tile:?} {rows} {flags}: {most}");
            }
        }
    }
}

#[test]
fn a_jpeg_strip_of_other_colours_is_refused() {
    let jpegs = Jpegs {
        kind: (1, 1),
        tile: None,
        rows: 8,
        are_tables_shared: false,
        is_last_whole: false,
    };
    let mut file = jpegs.file();
    // The samples of a pixel: one, of a picture in colour three.
    for (tag, value) in [(262u16, 2u8), (277, 3)] {
        let entry = [&tag.to_le_bytes()[..], &[3, 0, 1, 0, 0, 0]].concat();
        let at = file.windows(8).position(|part| part == entry).unwrap();
        file[at + 8] = value;
    }
    let refused = full(&file).unwrap_err().to_string();
    assert!(refused.contains("other colours"), "{refused}");
}

#[test]
fn a_jpeg_strip_cut_off_anywhere_is_refused() {
    let whole = Jpegs {
        kind: (6, 3),
        tile: Some(64),
        rows: 8,
        are_tables_shared: true,
        is_last_whole: true,
    };
    let (jpeg, tables) = whole.part(0, 0, 40, 25);
    let strip = |length: usize| {
        let number = |value: usize| vec![value as u64];
        let numbers = [
            (256, number(40)),
            (257, number(25)),
            (258, vec![8; 3]),
            (259, number(7)),
            (262, number(6)),
            (273, vec![sample::TIFF_START]),
            (277, number(3)),
            (279, number(length)),
        ];
        full(&sample::tiff_of(&jpeg, &numbers, &tables))
    };
    assert!(strip(jpeg.len()).is_ok());
    for length in 0..jpeg.len() - 2 {
        let refused = strip(length).unwrap_err();
        assert!(
            matches!(refused, MediaError::Damaged { .. }),
            "{length}: {refused:?}"
        );
    }
}

#[test]
fn a_large_one_is_shrunk_while_it_is_read() {
    let photo = sample::photo(1500, 1000);
    let file = written::<colortype::RGB8>(1500, 1000, photo.pixels());
    let made = thumbnail(&mut Cursor::new(file), &Budget::default()).unwrap();
    assert_eq!((made.width, made.height), (512, 341));
}

#[test]
fn what_a_header_announces_is_checked_before_anything_is_allocated() {
    let table = [
        sample::Tiff {
            announced: (60_000, 60_000),
            ..sample::Tiff::default()
        },
        sample::Tiff {
            announced: (u32::MAX, u32::MAX),
            ..sample::Tiff::default()
        },
        sample::Tiff {
            tile: Some((65_520, 65_520)),
            ..sample::Tiff::default()
        },
        sample::Tiff {
            tile: Some((u32::MAX - 15, u32::MAX - 15)),
            ..sample::Tiff::default()
        },
        sample::Tiff {
            tile: Some((0, 0)),
            ..sample::Tiff::default()
        },
    ];
    for bomb in table {
        let refused = full(&bomb.file());
        assert!(refused.is_err(), "{refused:?}");
    }
}

#[test]
fn a_file_cut_off_anywhere_is_refused() {
    for tile in [None, Some((16, 16))] {
        let file = sample::Tiff {
            tile,
            ..sample::Tiff::default()
        }
        .file();
        for length in 0..file.len() - 16 {
            assert!(full(&file[..length]).is_err(), "{length} of {}", file.len());
        }
    }
}

proptest! {
    #[test]
    fn a_file_with_changed_bytes_is_judged(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        tiled in any::<bool>(),
    ) {
        let tile = tiled.then_some((16, 16));
        let mut file = sample::Tiff { tile, ..sample::Tiff::default() }.file();
        for (at, value) in &changes {
            let at = at.index(file.len());
            file[at] = *value;
        }
        let budget = Budget { max_pixels: 1_000_000, ..Budget::default() };
        if let Ok(picture) = decode(&mut Cursor::new(&file), Want::Full, &budget) {
            prop_assert!(picture.pixels().len() <= 4_000_000);
        }
    }
}
