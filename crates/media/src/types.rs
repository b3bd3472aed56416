//! The types of file that Runnel knows: names, kinds and extensions.
//!
//! [`types`] is the table of those that an upload may have. A few more are
//! known ([`MediaType::Html`] and its like), so that a refusal can say what a
//! file is.

use crate::{Budget, svg};

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

/// The types whose thumbnail [`crate::thumbnail()`] makes without the help of
/// a program.
pub const SUPPORTED: &[MediaType] = &[
    MediaType::Jpeg,
    MediaType::Png,
    MediaType::WebP,
    MediaType::Gif,
    MediaType::Bmp,
    MediaType::Tiff,
];

/// One row of the table of types that an upload may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TypeInfo {
    /// The type.
    pub media_type: MediaType,
    /// The media type for the wire, such as `image/webp`.
    pub mime_type: &'static str,
    /// The kind of asset: `image`, `video`, `audio`, `document` or `archive`.
    pub asset_type: &'static str,
    /// The file extensions, without a dot, the usual one first.
    pub extensions: &'static [&'static str],
    /// Whether there is a picture of it: its own, a frame or its first page.
    pub thumbnail: bool,
    /// The most bytes of a file that can be read; see [`MediaType::max_bytes`].
    pub max_bytes: Option<u64>,
}

/// The types that an upload may have, pictures first.
pub fn types() -> impl Iterator<Item = TypeInfo> {
    let is_taken = |kind: &MediaType| kind.is_accepted();
    MediaType::ALL
        .into_iter()
        .filter(is_taken)
        .map(|media_type| TypeInfo {
            media_type,
            mime_type: media_type.as_mime(),
            asset_type: media_type.asset_type(),
            extensions: media_type.extensions(),
            thumbnail: media_type.has_thumbnail(),
            max_bytes: media_type.max_bytes(),
        })
}

/// Whether bytes that were found to be `found` are what `declared`, a media
/// type in any case and with any alias, promised.
///
/// MP4 and M4A are one format under two names; which of them a file announces
/// depends on the program that wrote it, so either is taken for the other. The
/// same holds for `WebM` and the Matroska that it is a subset of, in that
/// direction alone.
pub fn declared_fits(declared: &str, found: MediaType) -> bool {
    let Some(declared) = MediaType::from_mime(declared) else {
        return false;
    };
    declared == found
        || matches!(
            (declared, found),
            (MediaType::Mp4, MediaType::M4a)
                | (MediaType::M4a, MediaType::Mp4)
                | (MediaType::Matroska, MediaType::WebM)
        )
}

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
        Self::Zip,
        Self::Html,
        Self::Xml,
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
            Self::Bmp => Facts("BMP", &["image/bmp", "image/x-ms-bmp", "image/x-bmp", "image/x-windows-bmp"], "image", &["bmp", "dib"]),
            Self::Tiff => Facts("TIFF", &["image/tiff", "image/tif", "image/x-tiff", "image/x-tif"], "image", &["tif", "tiff"]),
            Self::Avif => Facts("AVIF", &["image/avif", "image/avif-sequence"], "image", &["avif"]),
            Self::Heic => Facts("HEIC", &["image/heic", "image/heif", "image/heic-sequence", "image/heif-sequence"], "image", &["heic", "heif", "hif"]),
            Self::Svg => Facts("SVG", &["image/svg+xml", "image/svg"], "image", &["svg"]),
            Self::Mp4 => Facts("MP4", &["video/mp4", "video/x-m4v", "application/mp4"], "video", &["mp4", "m4v"]),
            Self::QuickTime => Facts("QuickTime", &["video/quicktime", "video/mov"], "video", &["mov", "qt"]),
            Self::WebM => Facts("WebM", &["video/webm", "audio/webm"], "video", &["webm"]),
            Self::Matroska => Facts("Matroska", &["video/x-matroska", "video/matroska", "audio/x-matroska", "audio/matroska", "video/mkv", "video/x-mkv"], "video", &["mkv", "mka"]),
            Self::Mp3 => Facts("MP3", &["audio/mpeg", "audio/mp3", "audio/x-mp3", "audio/x-mpeg"], "audio", &["mp3"]),
            Self::Wav => Facts("WAV", &["audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"], "audio", &["wav"]),
            Self::Flac => Facts("FLAC", &["audio/flac", "audio/x-flac"], "audio", &["flac"]),
            Self::Ogg => Facts("Ogg", &["audio/ogg", "application/ogg", "video/ogg", "audio/opus", "audio/vorbis", "audio/x-ogg"], "audio", &["ogg", "oga", "opus"]),
            Self::M4a => Facts("M4A", &["audio/mp4", "audio/x-m4a", "audio/m4a", "audio/mp4a-latm"], "audio", &["m4a", "m4b"]),
            Self::Pdf => Facts("PDF", &["application/pdf", "application/x-pdf"], "document", &["pdf"]),
            Self::Html => Facts("HTML", &["text/html", "application/xhtml+xml"], "document", &["html", "htm"]),
            Self::Xml => Facts("XML", &["application/xml", "text/xml"], "document", &["xml"]),
            Self::Zip => Facts("ZIP", &["application/zip", "application/x-zip-compressed", "application/x-zip"], "archive", &["zip"]),
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

    /// Whether [`types`] lists it: an upload may be of this type. What a
    /// browser or a shell would run, and is no picture, is not taken.
    pub const fn is_accepted(self) -> bool {
        !matches!(self, Self::Html | Self::Xml | Self::ShellScript | Self::Elf)
    }

    /// Whether there is a picture of it: its own, a frame or its first page.
    pub const fn has_thumbnail(self) -> bool {
        self.is_picture() || self.is_video() || matches!(self, Self::Pdf)
    }

    /// The most bytes of a file that can be read, within the usual [`Budget`];
    /// `None` for what is read as it streams by, and for what is kept unread.
    pub fn max_bytes(self) -> Option<u64> {
        let in_memory = Budget::default().max_bytes;
        match self {
            Self::Svg => Some(svg::MAX_BYTES.min(in_memory)),
            Self::Jpeg | Self::WebP | Self::Tiff | Self::Avif | Self::Heic => Some(in_memory),
            _ => None,
        }
    }

    /// Whether it is a picture.
    pub const fn is_picture(self) -> bool {
        matches!(
            self,
            Self::Jpeg
                | Self::Png
                | Self::WebP
                | Self::Gif
                | Self::Bmp
                | Self::Tiff
                | Self::Avif
                | Self::Heic
                | Self::Svg
        )
    }

    /// Whether it is a video.
    pub const fn is_video(self) -> bool {
        matches!(
            self,
            Self::Mp4 | Self::QuickTime | Self::WebM | Self::Matroska
        )
    }

    /// Whether it is sound.
    pub const fn is_audio(self) -> bool {
        matches!(
            self,
            Self::Mp3 | Self::Wav | Self::Flac | Self::Ogg | Self::M4a
        )
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

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

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
        let mut names = HashSet::new();
        for kind in MediaType::ALL {
            for name in kind.facts().1 {
                assert_eq!(MediaType::from_mime(name), Some(kind));
                assert!(names.insert(*name), "{name} names two types");
            }
        }
    }

    #[test]
    fn the_table_lists_what_is_taken_and_nothing_that_runs() {
        let listed: Vec<TypeInfo> = types().collect();
        assert_eq!(listed.len(), 20);
        assert_eq!(listed[0].mime_type, "image/jpeg");
        for row in &listed {
            assert!(!row.extensions.is_empty(), "{}", row.mime_type);
            let of_kind = match row.asset_type {
                "image" => row.media_type.is_picture() && row.thumbnail,
                "video" => row.media_type.is_video() && row.thumbnail,
                "audio" => row.media_type.is_audio() && !row.thumbnail,
                "document" => row.media_type == MediaType::Pdf && row.thumbnail,
                "archive" => row.media_type == MediaType::Zip && !row.thumbnail,
                _ => false,
            };
            assert!(of_kind, "{}", row.mime_type);
        }
        for runs in ["text/html", "text/xml", "application/x-sh"] {
            assert!(!listed.iter().any(|row| row.mime_type == runs));
        }
    }

    #[test]
    fn a_declared_type_fits_by_any_of_its_names() {
        let table = [
            ("image/jpg", MediaType::Jpeg, true),
            ("Audio/X-WAV", MediaType::Wav, true),
            ("audio/mpeg; charset=binary", MediaType::Mp3, true),
            ("image/heif", MediaType::Heic, true),
            ("audio/mp4", MediaType::Mp4, true),
            ("video/mp4", MediaType::M4a, true),
            ("video/x-matroska", MediaType::WebM, true),
            ("video/webm", MediaType::Matroska, false),
            ("image/png", MediaType::Jpeg, false),
            ("text/html", MediaType::Gif, false),
            ("application/javascript", MediaType::Gif, false),
            ("image/gif", MediaType::Html, false),
            ("", MediaType::Gif, false),
        ];
        for (declared, found, wanted) in table {
            assert_eq!(
                declared_fits(declared, found),
                wanted,
                "{declared} {found:?}"
            );
        }
    }
}
