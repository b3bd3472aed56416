//! Media types, told from a file's first bytes and never from its name.
//!
//! More types are recognised than can be decoded, so that a refusal can say
//! what the file is. [`SUPPORTED`] lists those that are taken.

/// How many leading bytes [`sniff`] looks at, at most.
pub const HEAD_BYTES: usize = 4096;

/// A type of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the format's own name")]
pub enum MediaType {
    Jpeg,
    Png,
    WebP,
    Gif,
    Bmp,
    Tiff,
    Avif,
    Heic,
    Svg,
    Mp4,
    QuickTime,
    WebM,
    Matroska,
    Mp3,
    Wav,
    Flac,
    Ogg,
    M4a,
    Pdf,
    Html,
    Xml,
    Zip,
    ShellScript,
    Elf,
}

/// The types that an upload may have today.
pub const SUPPORTED: &[MediaType] = &[
    MediaType::Jpeg,
    MediaType::Png,
    MediaType::WebP,
    MediaType::Gif,
];

/// What is known of one type: its name for people, its media types (the first
/// is the one that Runnel writes), its kind of asset and its file extensions.
struct Facts(
    &'static str,
    &'static [&'static str],
    &'static str,
    &'static [&'static str],
);

impl MediaType {
    const ALL: [Self; 24] = [
        Self::Jpeg,
        Self::Png,
        Self::WebP,
        Self::Gif,
        Self::Bmp,
        Self::Tiff,
        Self::Avif,
        Self::Heic,
        Self::Svg,
        Self::Mp4,
        Self::QuickTime,
        Self::WebM,
        Self::Matroska,
        Self::Mp3,
        Self::Wav,
        Self::Flac,
        Self::Ogg,
        Self::M4a,
        Self::Pdf,
        Self::Html,
        Self::Xml,
        Self::Zip,
        Self::ShellScript,
        Self::Elf,
    ];

    #[rustfmt::skip]
    const fn facts(self) -> Facts {
        match self {
            Self::Jpeg => Facts("JPEG", &["image/jpeg", "image/jpg", "image/pjpeg"], "image", &["jpg", "jpeg", "jpe"]),
            Self::Png => Facts("PNG", &["image/png", "image/x-png", "image/apng"], "image", &["png", "apng"]),
            Self::WebP => Facts("WebP", &["image/webp"], "image", &["webp"]),
            Self::Gif => Facts("GIF", &["image/gif"], "image", &["gif"]),
            Self::Bmp => Facts("BMP", &["image/bmp", "image/x-ms-bmp", "image/x-bmp"], "image", &["bmp"]),
            Self::Tiff => Facts("TIFF", &["image/tiff"], "image", &["tif", "tiff"]),
            Self::Avif => Facts("AVIF", &["image/avif"], "image", &["avif"]),
            Self::Heic => Facts("HEIC", &["image/heic", "image/heif"], "image", &["heic", "heif"]),
            Self::Svg => Facts("SVG", &["image/svg+xml"], "image", &["svg"]),
            Self::Mp4 => Facts("MP4", &["video/mp4"], "video", &["mp4", "m4v"]),
            Self::QuickTime => Facts("QuickTime", &["video/quicktime"], "video", &["mov", "qt"]),
            Self::WebM => Facts("WebM", &["video/webm", "audio/webm"], "video", &["webm"]),
            Self::Matroska => Facts("Matroska", &["video/x-matroska", "video/matroska"], "video", &["mkv"]),
            Self::Mp3 => Facts("MP3", &["audio/mpeg", "audio/mp3"], "audio", &["mp3"]),
            Self::Wav => Facts("WAV", &["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"], "audio", &["wav"]),
            Self::Flac => Facts("FLAC", &["audio/flac", "audio/x-flac"], "audio", &["flac"]),
            Self::Ogg => Facts("Ogg", &["audio/ogg", "application/ogg", "video/ogg"], "audio", &["ogg", "oga", "opus"]),
            Self::M4a => Facts("M4A", &["audio/mp4", "audio/x-m4a", "audio/m4a"], "audio", &["m4a"]),
            Self::Pdf => Facts("PDF", &["application/pdf"], "document", &["pdf"]),
            Self::Html => Facts("HTML", &["text/html", "application/xhtml+xml"], "document", &["html", "htm"]),
            Self::Xml => Facts("XML", &["application/xml", "text/xml"], "document", &["xml"]),
            Self::Zip => Facts("ZIP", &["application/zip", "application/x-zip-compressed"], "archive", &["zip"]),
            Self::ShellScript => Facts("shell script", &["text/x-shellscript", "application/x-sh"], "other", &["sh"]),
            Self::Elf => Facts("ELF program", &["application/x-executable", "application/x-elf"], "other", &[]),
        }
    }

    /// The name for people, such as `WebP`.
    pub const fn name(self) -> &'static str {
        self.facts().0
    }

    /// The media type for the wire, such as `image/webp`.
    pub const fn as_mime(self) -> &'static str {
        self.facts().1[0]
    }

    /// The kind of asset: `image`, `video`, `audio`, `document`, `archive` or
    /// `other`.
    pub const fn asset_type(self) -> &'static str {
        self.facts().2
    }

    /// The file extensions, without a dot, the usual one first.
    pub const fn extensions(self) -> &'static [&'static str] {
        self.facts().3
    }

    /// Whether [`SUPPORTED`] lists it.
    pub fn is_supported(self) -> bool {
        SUPPORTED.contains(&self)
    }

    /// The type that a media type names: in any case, aliases included,
    /// parameters after `;` ignored.
    pub fn from_mime(mime: &str) -> Option<Self> {
        let essence = mime.split(';').next().unwrap_or_default().trim();
        Self::ALL.into_iter().find(|kind| {
            let names = kind.facts().1;
            names.iter().any(|name| name.eq_ignore_ascii_case(essence))
        })
    }
}

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

/// Markup, which may begin with a byte order mark, white space and comments.
fn by_text(head: &[u8]) -> Option<MediaType> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let text = text.trim_ascii_start();
    let contains = |tag: &[u8]| text.windows(tag.len()).any(|w| w.eq_ignore_ascii_case(tag));
    let begins = |tag: &[u8]| {
        text.get(..tag.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(tag))
    };
    if !begins(b"<") {
        return begins(b"%PDF-").then_some(MediaType::Pdf);
    }
    if begins(b"<svg") {
        return Some(MediaType::Svg);
    }
    if begins(b"<!doctype html") || begins(b"<html") {
        return Some(MediaType::Html);
    }
    if begins(b"<?xml") || begins(b"<!--") || begins(b"<!doctype") {
        return Some(if contains(b"<svg") {
            MediaType::Svg
        } else if contains(b"<html") {
            MediaType::Html
        } else {
            MediaType::Xml
        });
    }
    let is_page = [&b"<head"[..], b"<body", b"<script", b"<iframe", b"<title"];
    is_page.into_iter().any(begins).then_some(MediaType::Html)
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
    fn media_types_are_read_in_any_case_and_with_parameters() {
        assert_eq!(MediaType::from_mime("IMAGE/PNG"), Some(MediaType::Png));
        let with_parameters = " image/webp ; q=1; x=\"y\"";
        assert_eq!(MediaType::from_mime(with_parameters), Some(MediaType::WebP));
        assert_eq!(MediaType::from_mime("image/jpg"), Some(MediaType::Jpeg));
        for unknown in ["", "image", "image/", ";image/png", "image/png2"] {
            assert_eq!(MediaType::from_mime(unknown), None, "{unknown:?}");
        }
    }

    #[test]
    fn every_type_is_found_again_by_its_own_name() {
        for kind in MediaType::ALL {
            assert_eq!(MediaType::from_mime(kind.as_mime()), Some(kind));
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
                (b"<svg", MediaType::Svg),
            ] {
                let head = [signature, &tail].concat();
                prop_assert_eq!(sniff(&head).media_type, Some(wanted));
            }
        }

        #[test]
        fn any_bytes_can_be_sniffed(head in proptest::collection::vec(any::<u8>(), 0..200)) {
            let sniffed = sniff(&head);
            prop_assert_eq!(sniffed.is_supported(), SUPPORTED.iter().any(|kind| kind.as_mime() == sniffed.as_mime()));
        }
    }
}
