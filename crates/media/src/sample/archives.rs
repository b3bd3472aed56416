//! ZIP archives, packed as programs pack them and as strangers change them.

use std::io::Write;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use rawzip::path::EntryPath;
use rawzip::{CompressionMethod, ZipArchiveWriter};

/// A ZIP of these files, deflated, under exactly these names.
pub fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    // INVARIANT: writing to memory does not fail, and samples are small.
    written(files).expect("a sample is packed")
}

fn written(files: &[(&str, &[u8])]) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut bytes = Vec::new();
    let mut archive = ZipArchiveWriter::new(&mut bytes);
    for (name, content) in files {
        let file = archive.new_file(EntryPath::verbatim(name.as_bytes()));
        let (mut entry, config) = file
            .compression_method(CompressionMethod::DEFLATE)
            .start()?;
        let mut writer = config.wrap(DeflateEncoder::new(&mut entry, Compression::default()));
        writer.write_all(content)?;
        let (packer, descriptor) = writer.finish()?;
        packer.finish()?;
        entry.finish(descriptor)?;
    }
    archive.finish()?;
    Ok(bytes)
}

/// The same ZIP with two bytes of its first entry's record in the directory
/// changed, which begins with `PK\x01\x02`: at 8 the flags, at 10 the method.
pub fn zip_with(mut zip: Vec<u8>, offset: usize, value: u16) -> Vec<u8> {
    let record = zip.windows(4).position(|mark| mark == b"PK\x01\x02");
    // INVARIANT: every ZIP of the function above has a directory.
    let at = record.expect("a sample has a directory") + offset;
    zip[at..at + 2].copy_from_slice(&value.to_le_bytes());
    zip
}
