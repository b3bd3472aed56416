//! What can be wrong with a picture, in words for the person who sent it.

use crate::MediaType;
use crate::subprocess::RunError;

/// Why a file could not be taken as a picture, or a picture not be written.
#[derive(Debug, thiserror::Error)]
pub enum MediaError {
    /// The bytes are of no type that can be decoded here.
    #[error("{} cannot be decoded as a picture; send a picture", type_name(*.found))]
    Unsupported {
        /// What the bytes look like, where that is known.
        found: Option<MediaType>,
    },
    /// The header announces more pixels than the budget has.
    #[error(
        "picture is {width}×{height}, the limit is {max_pixels} pixels and {max_side} a side; \
         send a smaller one"
    )]
    TooManyPixels {
        /// The announced width.
        width: u32,
        /// The announced height.
        height: u32,
        /// The most pixels that are taken.
        max_pixels: u64,
        /// The longest side that is taken.
        max_side: u32,
    },
    /// The file has more bytes than are taken into memory for decoding.
    #[error(
        "file is {size_bytes} bytes, the limit for decoding is {max_bytes}; send a smaller one"
    )]
    TooManyBytes {
        /// The file's size, or the first count above the limit.
        size_bytes: u64,
        /// The limit.
        max_bytes: u64,
    },
    /// The file ends too early or contradicts itself.
    #[error("{} file is damaged: {reason}; send the file again", .format.name())]
    Damaged {
        /// The type that the first bytes announced.
        format: MediaType,
        /// What the decoder stumbled over.
        reason: String,
    },
    /// The file is sound, and has a feature that is not taken here.
    #[error("{} file cannot be taken: {reason}", .format.name())]
    Unusable {
        /// The type that the first bytes announced.
        format: MediaType,
        /// The feature.
        reason: String,
    },
    /// A buffer does not have the length that its sides ask for.
    #[error("{got} bytes do not make a picture of {width}×{height} with {channels} channels")]
    Shape {
        /// The claimed width.
        width: u32,
        /// The claimed height.
        height: u32,
        /// The claimed bytes a pixel.
        channels: usize,
        /// The buffer's length.
        got: usize,
    },
    /// A picture would become larger than a result may be.
    #[error(
        "the result would be {width}×{height}, the limit for {} is {max_pixels} pixels and {max_side} a side; \
         ask for less width or height",
        .format.name()
    )]
    ResultTooLarge {
        /// The width that it would have.
        width: u32,
        /// The height that it would have.
        height: u32,
        /// The wanted type.
        format: MediaType,
        /// The most pixels of that type.
        max_pixels: u64,
        /// The longest side.
        max_side: u32,
    },
    /// A picture cannot be enlarged by that much.
    #[error(
        "the picture is {width}×{height} and would have {:.1} megapixels when enlarged {scale} times, \
         the limit is {}; {}",
        megapixels(*.width, *.height, *.scale), .max_pixels / 1_000_000, advice(*.largest, *.max_pixels)
    )]
    ScaleTooLarge {
        /// The picture's width.
        width: u32,
        /// The picture's height.
        height: u32,
        /// By how much it was to be enlarged.
        scale: u32,
        /// The most pixels of a result.
        max_pixels: u64,
        /// The largest scale that is possible.
        largest: Option<u32>,
    },
    /// An encoder refused the picture.
    #[error("picture could not be written as {}: {reason}", .format.name())]
    Encode {
        /// The wanted type.
        format: MediaType,
        /// What the encoder said.
        reason: String,
    },
    /// A program that reads this type is not installed.
    #[error(
        "{} files need the program {program}, which is not installed; install the package {package}",
        .format.name()
    )]
    ToolMissing {
        /// The type of the file.
        format: MediaType,
        /// The program's name.
        program: &'static str,
        /// The Debian package that has it.
        package: &'static str,
    },
    /// The file could not be read.
    #[error("file could not be read")]
    Read(#[from] std::io::Error),
}

impl MediaError {
    /// What it means for a file that the program that reads it came to no end
    /// of its own.
    pub(crate) fn of_run(format: MediaType, error: RunError) -> Self {
        match error {
            RunError::Missing(program) => Self::ToolMissing {
                format,
                program: program.name,
                package: program.package,
            },
            RunError::Io { source, .. } => Self::Read(source),
            RunError::TimedOut { seconds, .. } => Self::Unusable {
                format,
                reason: format!("reading it took more than {seconds} s"),
            },
            RunError::TooMuchOutput { bytes, .. } => Self::Unusable {
                format,
                reason: format!("reading it gave more than {bytes} bytes"),
            },
        }
    }
}

fn megapixels(width: u32, height: u32, scale: u32) -> f64 {
    f64::from(width) * f64::from(height) * f64::from(scale).powi(2) / 1e6
}

fn advice(largest: Option<u32>, max_pixels: u64) -> String {
    match largest {
        Some(largest) => format!("the largest scale possible is {largest}"),
        None => format!(
            "send a picture of at most {} megapixels, which can be enlarged twice",
            max_pixels / 4_000_000
        ),
    }
}

fn type_name(found: Option<MediaType>) -> &'static str {
    found.map_or("a file of unknown type", MediaType::name)
}
