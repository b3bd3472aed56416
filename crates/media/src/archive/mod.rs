//! One file out of a ZIP that a stranger sent.
//!
//! Nothing is written to a disk and no name becomes a path, so that a name such
//! as `../../x` is a name like any other. What an entry claims about its size
//! decides nothing but a quick refusal: what comes out is counted, up to a
//! limit, and held against the claim and the checksum at the end. The directory
//! is walked without being copied, whatever its length.

use std::io::Read;

use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ErrorKind, ZipArchive, ZipSliceArchive, ZipSliceEntry};

/// How many names are told when the one asked for is missing.
const NAMES_TOLD: usize = 10;
/// The most characters of a name in a message.
const LONGEST_NAME: usize = 80;

/// Why an entry could not be read.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ArchiveError {
    /// The bytes are no ZIP, or its directory is damaged.
    #[error("the archive is no ZIP that can be read ({0}); make it again and send that")]
    Unreadable(String),
    /// There is no such entry.
    #[error("the archive has no file {name:?}; {told}")]
    Missing {
        /// The name asked for.
        name: String,
        /// What there is instead.
        told: String,
    },
    /// Several entries have the name, and readers differ in which they take.
    #[error("the archive has more than one file {0:?}; give each a name of its own")]
    Ambiguous(String),
    /// The entry is a folder.
    #[error("{0:?} is a folder of the archive; name a file in it")]
    Folder(String),
    /// The entry is encrypted.
    #[error("{0:?} is encrypted; make the archive without a password")]
    Encrypted(String),
    /// The entry is compressed in a way that is not taken.
    #[error(
        "{name:?} is compressed with {method}; make the archive with deflate, as ZIP programs do by themselves"
    )]
    Method {
        /// The entry.
        name: String,
        /// The method.
        method: String,
    },
    /// The entry is larger than is taken.
    #[error(
        "{name:?} is larger than {max_bytes} bytes, the limit for a file of an archive; send a smaller one"
    )]
    TooLarge {
        /// The entry.
        name: String,
        /// The limit.
        max_bytes: u64,
    },
    /// The entry's bytes are not those that were packed.
    #[error("{name:?} is damaged in the archive ({reason}); make it again and send that")]
    Damaged {
        /// The entry.
        name: String,
        /// What does not fit.
        reason: String,
    },
}

/// Reads the entry called `name`, at most `max_bytes` of it.
///
/// # Errors
/// [`ArchiveError`], whose message names the entry.
pub fn read_entry(archive: &[u8], name: &str, max_bytes: u64) -> Result<Vec<u8>, ArchiveError> {
    let archive = ZipArchive::from_slice(archive).map_err(|error| unreadable(&error))?;
    let mut found = None;
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry().map_err(|error| unreadable(&error))? {
        if entry.file_path().as_ref() != name.as_bytes() {
            continue;
        }
        if found.replace(entry).is_some() {
            return Err(ArchiveError::Ambiguous(short(name)));
        }
    }
    let Some(entry) = found else {
        return Err(missing(&archive, name));
    };
    if entry.is_dir() {
        return Err(ArchiveError::Folder(short(name)));
    }
    if entry.flags().is_encrypted() || entry.flags().has_strong_encryption() {
        return Err(ArchiveError::Encrypted(short(name)));
    }
    let method = entry.compression_method();
    if method != CompressionMethod::STORE && method != CompressionMethod::DEFLATE {
        return Err(ArchiveError::Method {
            name: short(name),
            method: method
                .name()
                .map_or_else(|| format!("method {}", method.as_u16()), str::to_owned),
        });
    }
    if entry.uncompressed_size_hint() > max_bytes {
        return Err(too_large(name, max_bytes));
    }
    let packed = archive
        .get_entry(entry.wayfinder())
        .map_err(|error| damaged(name, &reason(error.kind())))?;
    unpack(&packed, method, name, max_bytes)
}

fn unpack(
    packed: &ZipSliceEntry<'_>,
    method: CompressionMethod,
    name: &str,
    max_bytes: u64,
) -> Result<Vec<u8>, ArchiveError> {
    let mut bytes = Vec::new();
    let read = if method == CompressionMethod::STORE {
        let reader = packed.verifying_reader(packed.data());
        reader.take(max_bytes + 1).read_to_end(&mut bytes)
    } else {
        let reader = packed.verifying_reader(DeflateDecoder::new(packed.data()));
        reader.take(max_bytes + 1).read_to_end(&mut bytes)
    };
    // A bomb may run over the limit and into a wrong checksum in one read.
    if bytes.len() as u64 > max_bytes {
        return Err(too_large(name, max_bytes));
    }
    match read {
        Ok(_) => Ok(bytes),
        Err(error) => Err(damaged(name, &error.to_string().to_lowercase())),
    }
}

fn missing(archive: &ZipSliceArchive<&[u8]>, name: &str) -> ArchiveError {
    let names = archive
        .entries()
        .filter_map(Result::ok)
        .filter(|entry| !entry.is_dir());
    let told: Vec<String> = names
        .take(NAMES_TOLD + 1)
        .map(|entry| {
            let name = entry.file_path();
            format!("{:?}", short(&String::from_utf8_lossy(name.as_ref())))
        })
        .collect();
    let told = match told.len() {
        0 => "it is empty".to_owned(),
        count if count > NAMES_TOLD => {
            format!("it has {}, and more", told[..NAMES_TOLD].join(", "))
        }
        _ => format!("it has {}", told.join(", ")),
    };
    ArchiveError::Missing {
        name: short(name),
        told,
    }
}

fn unreadable(error: &rawzip::Error) -> ArchiveError {
    ArchiveError::Unreadable(reason(error.kind()))
}

fn reason(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::MissingEndOfCentralDirectory => "its end is missing".to_owned(),
        ErrorKind::Eof => "it ends too early".to_owned(),
        other => other.to_string().to_lowercase(),
    }
}

fn damaged(name: &str, reason: &str) -> ArchiveError {
    ArchiveError::Damaged {
        name: short(name),
        reason: reason.to_owned(),
    }
}

fn too_large(name: &str, max_bytes: u64) -> ArchiveError {
    ArchiveError::TooLarge {
        name: short(name),
        max_bytes,
    }
}

/// Enough of a name to recognise it, without what would not be printed.
fn short(name: &str) -> String {
    let shown = |letter: char| {
        let is_plain = letter.escape_debug().len() <= 2 && !letter.is_control();
        if is_plain { letter } else { '\u{fffd}' }
    };
    let mut letters = name.chars();
    let mut short: String = letters.by_ref().take(LONGEST_NAME).map(shown).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests;
