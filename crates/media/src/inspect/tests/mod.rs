//! Every type through the two doors, with files that real encoders made.
//!
//! A program that is missing fails these tests: what is told of a type has to
//! be true of the programs that Runnel runs.

mod clips;
mod drawings;
mod hostile;
mod made;
mod pictures;

use std::io::{Cursor, Write};

use super::*;
use crate::{Picture, Want, decode};

/// Bytes as a file.
fn file(bytes: &[u8]) -> File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file
}

fn look(bytes: &[u8]) -> Result<Inspection, MediaError> {
    inspect(&mut file(bytes), &Budget::default(), &Programs::default())
}

fn thumbnail_in(bytes: &[u8]) -> Result<Thumbnail, MediaError> {
    thumbnail_of(&mut file(bytes), &Budget::default(), &Programs::default())
}

/// The pixels of the thumbnail.
fn small(bytes: &[u8]) -> Picture {
    let made = thumbnail_in(bytes).unwrap();
    let budget = Budget::default();
    decode(&mut Cursor::new(&made.webp), Want::Full, &budget).unwrap()
}

/// The pixel at so many hundredths of the sides.
fn pixel(picture: &Picture, across: u32, down: u32) -> Vec<u8> {
    let (x, y) = (
        picture.width() * across / 100,
        picture.height() * down / 100,
    );
    let count = picture.channels().count();
    picture.row(y)[x as usize * count..][..count].to_vec()
}

#[track_caller]
fn assert_near(found: &[u8], wanted: &[u8], within: u8) {
    let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= within;
    let is_near = found.len() >= wanted.len() && found.iter().zip(wanted).all(near);
    assert!(is_near, "{found:?} is not {wanted:?}");
}

#[test]
fn what_needs_a_missing_program_says_so() {
    let nothing = Programs::in_folders(["/nonexistent"]);
    let budget = Budget::default();
    let table: [(&[u8], &str); 4] = [
        (
            b"\0\0\0\x18ftypmp42\0\0\0\0isommp42",
            "MP4 files need the program ffprobe, which is not installed; install the package ffmpeg",
        ),
        (
            b"%PDF-1.4\n",
            "PDF files need the program pdftoppm, which is not installed; install the package poppler-utils",
        ),
        (
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
            "SVG files need the program rsvg-convert, which is not installed; install the package librsvg2-bin",
        ),
        (
            &crate::sample::avif_header(40, 30, None),
            "AVIF files need the program heif-convert, which is not installed; install the package libheif-examples",
        ),
    ];
    for (bytes, words) in table {
        let refused = thumbnail_of(&mut file(bytes), &budget, &nothing).unwrap_err();
        assert!(matches!(refused, MediaError::ToolMissing { .. }));
        assert_eq!(refused.to_string(), words);
    }
}

#[test]
fn a_file_without_a_picture_has_no_thumbnail() {
    for bytes in [&b"PK\x03\x04\x14\0"[..], b"fLaC\0\0\0\x22"] {
        let refused = thumbnail_in(bytes).unwrap_err();
        assert!(matches!(
            refused,
            MediaError::Unsupported { found: Some(_) }
        ));
    }
    for runs in [&b"#!/bin/sh\n"[..], b"<html>", b"\x7fELF", b"", b"words"] {
        assert!(matches!(look(runs), Err(MediaError::Unsupported { .. })));
        assert!(matches!(
            thumbnail_in(runs),
            Err(MediaError::Unsupported { .. })
        ));
    }
}
