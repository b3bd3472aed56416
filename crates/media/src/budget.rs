//! How large a picture may be, checked from its header before anything is
//! allocated for it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use crate::MediaError;

/// The limits of one decoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// The most pixels (width × height).
    pub max_pixels: u64,
    /// The longest side, in pixels.
    pub max_side: u32,
    /// The most bytes of a file that are held in memory at once. JPEG and WebP
    /// are read whole before they are decoded; PNG and GIF are streamed.
    pub max_bytes: u64,
}

impl Default for Budget {
    /// 100 megapixels, 65,535 a side, 64 MiB.
    fn default() -> Self {
        Self {
            max_pixels: 100_000_000,
            max_side: 65_535,
            max_bytes: 64 << 20,
        }
    }
}

impl Budget {
    /// Refuses sides that are over the limits.
    pub(crate) fn check(&self, width: u32, height: u32) -> Result<(), MediaError> {
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.max_pixels || width.max(height) > self.max_side {
            return Err(MediaError::TooManyPixels {
                width,
                height,
                max_pixels: self.max_pixels,
                max_side: self.max_side,
            });
        }
        Ok(())
    }

    /// Copies a whole file, up to the limit, to one that a program can have as
    /// its standard input.
    pub(crate) fn copy_whole(&self, source: &mut (impl Read + Seek)) -> Result<File, MediaError> {
        source.seek(SeekFrom::Start(0))?;
        let mut file = tempfile::tempfile()?;
        let size_bytes = io::copy(&mut source.take(self.max_bytes + 1), &mut file)?;
        if size_bytes > self.max_bytes {
            return Err(MediaError::TooManyBytes {
                size_bytes,
                max_bytes: self.max_bytes,
            });
        }
        file.rewind()?;
        Ok(file)
    }

    /// Reads a whole file from its beginning, up to the limit.
    pub(crate) fn read_whole(
        &self,
        source: &mut (impl Read + Seek),
    ) -> Result<Vec<u8>, MediaError> {
        let too_many = |size_bytes| MediaError::TooManyBytes {
            size_bytes,
            max_bytes: self.max_bytes,
        };
        let size = source.seek(SeekFrom::End(0))?;
        if size > self.max_bytes {
            return Err(too_many(size));
        }
        source.seek(SeekFrom::Start(0))?;
        let mut bytes = Vec::with_capacity(size as usize);
        // A file may still grow between the two calls.
        source.take(self.max_bytes + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > self.max_bytes {
            return Err(too_many(bytes.len() as u64));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn sides_and_pixels_are_limited_without_overflow() {
        let budget = Budget::default();
        assert!(budget.check(10_000, 10_000).is_ok());
        for (width, height) in [(10_001, 10_000), (65_536, 1), (u32::MAX, u32::MAX)] {
            let refused = budget.check(width, height);
            assert!(matches!(refused, Err(MediaError::TooManyPixels { .. })));
        }
    }

    #[test]
    fn a_file_over_the_byte_limit_is_not_read() {
        let budget = Budget {
            max_bytes: 10,
            ..Budget::default()
        };
        assert_eq!(
            budget.read_whole(&mut Cursor::new([7; 10])).unwrap(),
            [7; 10]
        );
        let refused = budget.read_whole(&mut Cursor::new([7; 11]));
        assert!(matches!(
            refused,
            Err(MediaError::TooManyBytes { size_bytes: 11, .. })
        ));
    }
}
