//! Media types, told from a file's first bytes and never from its name.
//!
//! Bytes have one type here, even where a file was made to be taken for two
//! (a picture that is also a script, an archive behind a picture): the one that
//! its beginning announces.

use crate::MediaType;

/// How many leading bytes [`sniff`] looks at, at most.
pub const HEAD_BYTES: usize = 4096;

/// What a file's first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Sniffed {
    /// The type, where the bytes are those of a known one.
    pub media_type: Option<MediaType>,
}

impl Sniffed {
    /// The media type for the wire; `application/octet-stream` when unknown.
    pub fn as_mime(self) -> &'static str {
        self.media_type
            .map_or("application/octet-stream", MediaType::as_mime)
    }

    /// The kind of asset; `other` when unknown.
    pub fn asset_type(self) -> &'static str {
        self.media_type.map_or("other", MediaType::asset_type)
    }

    /// The name for people; `unknown` when unknown.
    pub fn name(self) -> &'static str {
        self.media_type.map_or("unknown", MediaType::name)
    }

    /// Whether the bytes are of a type that an upload may have.
    pub fn is_supported(self) -> bool {
        self.media_type.is_some_and(MediaType::is_supported)
    }
}

/// Tells the type of a file from its first bytes: 64 are enough for most, and
/// no more than [`HEAD_BYTES`] are looked at.
pub fn sniff(head: &[u8]) -> Sniffed {
    let head = &head[..head.len().min(HEAD_BYTES)];
    Sniffed {
        media_type: by_signature(head).or_else(|| by_text(head)),
    }
}

fn by_signature(head: &[u8]) -> Option<MediaType> {
    let four_at = |at: usize| head.get(at..at + 4).unwrap_or_default();
    let found = match head {
        [0xff, 0xd8, 0xff, ..] => MediaType::Jpeg,
        [0x89, b'P', b'N', b'G', 0x0d, 0x0a, 0x1a, 0x0a, ..] => MediaType::Png,
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => MediaType::Gif,
        [b'R', b'I', b'F', b'F', ..] if four_at(8) == b"WEBP" => MediaType::WebP,
        [b'R', b'I', b'F', b'F', ..] if four_at(8) == b"WAVE" => MediaType::Wav,
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => MediaType::Tiff,
        [b'B', b'M', ..] if is_bmp(head) => MediaType::Bmp,
        [0x1a, 0x45, 0xdf, 0xa3, ..] => matroska(head),
        [b'I', b'D', b'3', 2..=4, ..] => MediaType::Mp3,
        [0xff, second, third, ..] if is_mp3_frame(*second, *third) => MediaType::Mp3,
        [b'f', b'L', b'a', b'C', ..] => MediaType::Flac,
        [b'O', b'g', b'g', b'S', 0, ..] => MediaType::Ogg,
        [b'%', b'P', b'D', b'F', b'-', ..] => MediaType::Pdf,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => MediaType::Zip,
        [0x7f, b'E', b'L', b'F', ..] => MediaType::Elf,
        [b'#', b'!', ..] => MediaType::ShellScript,
        _ => return iso_media(head),
    };
    Some(found)
}

/// A BMP's signature is two letters; the length of its second header makes it
/// certain.
fn is_bmp(head: &[u8]) -> bool {
    matches!(
        head.get(14..18),
        Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0])
    )
}

/// An MPEG audio frame of layer III with a legal bit rate and sample rate.
const fn is_mp3_frame(second: u8, third: u8) -> bool {
    second & 0xe6 == 0xe2
        && second & 0x18 != 0x08
        && third >> 4 != 0x0f
        && third >> 4 != 0
        && third & 0x0c != 0x0c
}

/// `WebM` is a Matroska whose `DocType` element says so, near the start.
fn matroska(head: &[u8]) -> MediaType {
    let start = &head[..head.len().min(256)];
    let says_webm = start
        .windows(7)
        .any(|w| w[0] == 0x42 && w[1] == 0x82 && &w[3..] == b"webm");
    if says_webm {
        MediaType::WebM
    } else {
        MediaType::Matroska
    }
}

/// The family of ISO 14496-12: a box length, a box type, and for `ftyp` the
/// brands that name the member.
fn iso_media(head: &[u8]) -> Option<MediaType> {
    match head.get(4..8)? {
        b"ftyp" => {}
        // QuickTime files from before `ftyp` begin with one of these boxes.
        b"moov" | b"mdat" | b"wide" => return Some(MediaType::QuickTime),
        _ => return None,
    }
    let length = u32::from_be_bytes(head.get(..4)?.try_into().ok()?) as usize;
    let major = head.get(8..12)?;
    let others = head.get(16..length.min(head.len())).unwrap_or_default();
    let is_named = |brand: &[u8]| major == brand || others.chunks_exact(4).any(|b| b == brand);
    let is_avif = || is_named(b"avif") || is_named(b"avis");
    Some(match major {
        b"avif" | b"avis" => MediaType::Avif,
        b"mif1" | b"msf1" | b"miaf" if is_avif() => MediaType::Avif,
        b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1" | b"miaf" => {
            MediaType::Heic
        }
        b"qt  " => MediaType::QuickTime,
        b"M4A " | b"M4B " | b"M4P " => MediaType::M4a,
        _ => MediaType::Mp4,
    })
}

/// What remains of markup from its first element on.
pub(crate) fn markup_after_prolog(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    split_prolog(text).1
}

/// Markup, which may begin with a byte order mark, white space and comments.
fn by_text(head: &[u8]) -> Option<MediaType> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = text.trim_ascii_start();
    let begins = |tag: &[u8]| starts_with(text, tag);
    if begins(b"%PDF-") {
        return Some(MediaType::Pdf);
    }
    if !begins(b"<") {
        return None;
    }
    let (prolog, rest) = split_prolog(text);
    if prolog == Prolog::Page {
        return Some(MediaType::Html);
    }
    let root = root_name(rest);
    if root.eq_ignore_ascii_case(b"svg") {
        return Some(MediaType::Svg);
    }
    let pages = [
        &b"html"[..],
        b"head",
        b"body",
        b"script",
        b"iframe",
        b"title",
    ];
    if pages.iter().any(|page| root.eq_ignore_ascii_case(page)) {
        return Some(MediaType::Html);
    }
    match prolog {
        Prolog::Picture if root.is_empty() => Some(MediaType::Svg),
        Prolog::None => None,
        _ => Some(MediaType::Xml),
    }
}

/// What comes before the first element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Prolog {
    None,
    /// A document type of HTML.
    Page,
    /// A document type of SVG.
    Picture,
    /// Declarations and comments.
    Other,
}

/// Reads over declarations, comments and the document type, as far as they are
/// there; what remains begins with the first element.
fn split_prolog(mut text: &[u8]) -> (Prolog, &[u8]) {
    let mut found = Prolog::None;
    loop {
        text = text.trim_ascii_start();
        let end: &[u8] = if text.starts_with(b"<?") {
            b"?>"
        } else if text.starts_with(b"<!--") {
            b"-->"
        } else if starts_with(text, b"<!doctype") {
            let name = text[9..].trim_ascii_start();
            found = if starts_with(name, b"html") {
                Prolog::Page
            } else if starts_with(name, b"svg") {
                Prolog::Picture
            } else {
                Prolog::Other
            };
            let plain = text.iter().position(|byte| matches!(byte, b'[' | b'>'));
            let has_subset = plain.is_some_and(|at| text[at] == b'[');
            if has_subset { b"]>" } else { b">" }
        } else {
            return (found, text);
        };
        if found == Prolog::None {
            found = Prolog::Other;
        }
        let Some(at) = text.windows(end.len()).position(|part| part == end) else {
            return (found, b"");
        };
        text = &text[at + end.len()..];
    }
}

/// The name of the element that `text` begins with, without its prefix.
fn root_name(text: &[u8]) -> &[u8] {
    let Some(name) = text.strip_prefix(b"<") else {
        return b"";
    };
    let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_');
    let length = name.iter().take_while(|byte| is_part(byte)).count();
    let name = &name[..length];
    let colon = name.iter().position(|byte| *byte == b':');
    colon.map_or(name, |at| &name[at + 1..])
}

fn starts_with(text: &[u8], tag: &[u8]) -> bool {
    text.get(..tag.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(tag))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn first_bytes_name_the_type() {
        let table: &[(&[u8], Option<MediaType>)] = &[
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some(MediaType::Jpeg)),
            (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", Some(MediaType::Png)),
            (b"RIFF\x24\0\0\0WEBPVP8 ", Some(MediaType::WebP)),
            (b"RIFF\x24\0\0\0WAVEfmt ", Some(MediaType::Wav)),
            (b"RIFF\x24\0\0\0AVI LIST", None),
            (b"GIF89a\x01\0\x01\0", Some(MediaType::Gif)),
            (b"GIF87a\x01\0\x01\0", Some(MediaType::Gif)),
            (b"%PDF-1.7\n", Some(MediaType::Pdf)),
            (b"PK\x03\x04\x14\0", Some(MediaType::Zip)),
            (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", Some(MediaType::Mp4)),
            (
                b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
                Some(MediaType::QuickTime),
            ),
            (b"\0\0\0\x08wide\0\0\0\0mdat", Some(MediaType::QuickTime)),
            (b"\0\0\0\x18ftypM4A \0\0\0\0isomM4A ", Some(MediaType::M4a)),
            (b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf", Some(MediaType::Avif)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0miafavif", Some(MediaType::Avif)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0miafheic", Some(MediaType::Heic)),
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Some(MediaType::Heic)),
            (
                b"\x1a\x45\xdf\xa3\x9f\x42\x82\x84webm",
                Some(MediaType::WebM),
            ),
            (
                b"\x1a\x45\xdf\xa3\xa3\x42\x82\x88matroska",
                Some(MediaType::Matroska),
            ),
            (b"ID3\x04\0\0\0\0\0\0", Some(MediaType::Mp3)),
            (b"\xff\xfb\x90\x64\0", Some(MediaType::Mp3)),
            (b"\xff\xff\xff\xff\xff", None),
            (b"fLaC\0\0\0\x22", Some(MediaType::Flac)),
            (b"OggS\0\x02", Some(MediaType::Ogg)),
            (
                b"  <svg xmlns='http://www.w3.org/2000/svg'>",
                Some(MediaType::Svg),
            ),
            (
                b"<?xml version='1.0'?><!-- x --><svg>",
                Some(MediaType::Svg),
            ),
            (b"<?xml version='1.0'?><feed>", Some(MediaType::Xml)),
            (b"\xef\xbb\xbf\n<!DOCTYPE HTML><p>", Some(MediaType::Html)),
            (b"<script>alert(1)</script>", Some(MediaType::Html)),
            (b"#!/bin/sh\nrm -rf /\n", Some(MediaType::ShellScript)),
            (b"\x7fELF\x02\x01\x01", Some(MediaType::Elf)),
            (
                b"BM\x46\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0",
                Some(MediaType::Bmp),
            ),
            (b"BMW is a car, not a picture", None),
            (b"II*\0\x08\0\0\0", Some(MediaType::Tiff)),
            (b"MM\0*\0\0\0\x08", Some(MediaType::Tiff)),
            (b"plain words", None),
            (b"", None),
        ];
        for (head, wanted) in table {
            assert_eq!(sniff(head).media_type, *wanted, "{head:?}");
        }
    }

    #[test]
    fn markup_is_told_by_its_root() {
        let table: &[(&[u8], Option<MediaType>)] = &[
            (b"<!-- c --><html><svg>", Some(MediaType::Html)),
            (
                b"<?xml version='1.0'?><html><svg/></html>",
                Some(MediaType::Html),
            ),
            (b"<svg:svg xmlns:svg='x'>", Some(MediaType::Svg)),
            (b"<SVG>", Some(MediaType::Svg)),
            (
                b"<!DOCTYPE svg [<!ENTITY a '>'> <!ENTITY b \"<html>\">]><svg>",
                Some(MediaType::Svg),
            ),
            (b"<!DOCTYPE svg PUBLIC '-//W3C//DTD", Some(MediaType::Svg)),
            (b"<!doctype html><svg>", Some(MediaType::Html)),
            (b"<!doctype html><table>", Some(MediaType::Html)),
            (b"<svgs>", None),
            (b"<?xml", Some(MediaType::Xml)),
            (b"<!-- never closed <svg>", Some(MediaType::Xml)),
            (b"<?php echo 1; ?>", Some(MediaType::Xml)),
            (b"<", None),
        ];
        for (head, wanted) in table {
            let shown = String::from_utf8_lossy(head);
            assert_eq!(sniff(head).media_type, *wanted, "{shown}");
        }
    }

    #[test]
    fn a_file_made_for_two_types_has_the_one_it_begins_with() {
        let table: &[(&[u8], MediaType)] = &[
            (
                b"GIF89a/*\x01\0\0\0*/=1;alert(document.domain)//",
                MediaType::Gif,
            ),
            (
                b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR<script>alert(1)</script>",
                MediaType::Png,
            ),
            (
                b"\xff\xd8\xff\xe0/*JFIF*/=alert(1)PK\x03\x04",
                MediaType::Jpeg,
            ),
            (b"<script>x</script>GIF89a", MediaType::Html),
            (b"%PDF-1.4 PK\x03\x04 <html>", MediaType::Pdf),
            (b"#!/bin/sh\n\x89PNG\r\n\x1a\n", MediaType::ShellScript),
        ];
        for (head, wanted) in table {
            assert_eq!(sniff(head).media_type, Some(*wanted));
        }
    }

    proptest! {
        #[test]
        fn what_follows_a_signature_does_not_change_the_type(
            tail in proptest::collection::vec(any::<u8>(), 0..5000),
        ) {
            for (signature, wanted) in [
                (&b"\xff\xd8\xff"[..], MediaType::Jpeg),
                (b"\x89PNG\r\n\x1a\n", MediaType::Png),
                (b"GIF89a", MediaType::Gif),
                (b"RIFF\0\0\0\0WEBP", MediaType::WebP),
                (b"#!", MediaType::ShellScript),
                (b"<svg ", MediaType::Svg),
            ] {
                let head = [signature, &tail].concat();
                prop_assert_eq!(sniff(&head).media_type, Some(wanted));
            }
        }

        #[test]
        fn any_bytes_can_be_sniffed(head in proptest::collection::vec(any::<u8>(), 0..200)) {
            let sniffed = sniff(&head);
            prop_assert_eq!(MediaType::from_mime(sniffed.as_mime()), sniffed.media_type);
        }

        #[test]
        fn any_markup_can_be_sniffed(head in "(<|!|--|>|\\[|\\]|\\?|svg|html|doctype| ){0,40}") {
            let kind = sniff(head.as_bytes()).media_type;
            prop_assert!(matches!(kind, None | Some(MediaType::Svg | MediaType::Html | MediaType::Xml)));
        }
    }
}
