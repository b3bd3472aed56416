//! A reader that can be told where to stop, wherever it is sent.

use std::io::{Read, Result, Seek, SeekFrom};

/// Reads of a source what lies before an end, which may be moved.
///
/// The `tiff` crate takes the length of a strip for a hint: its deflate reader
/// goes on to the end of the file in search of the pixels that are due.
pub(crate) struct Window<S> {
    source: S,
    /// Where the next byte comes from.
    at: u64,
    end: u64,
}

impl<S> Window<S> {
    /// Reads a source that is at its start, without an end of its own.
    pub(super) const fn new(source: S) -> Self {
        Self {
            source,
            at: 0,
            end: u64::MAX,
        }
    }

    /// What lies at `end` and after it is not read from now on.
    pub(super) const fn end_at(&mut self, end: u64) {
        self.end = end;
    }
}

impl<S: Read> Read for Window<S> {
    fn read(&mut self, buffer: &mut [u8]) -> Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let read = self.source.read(&mut buffer[..most])?;
        self.at += read as u64;
        Ok(read)
    }
}

impl<S: Seek> Seek for Window<S> {
    fn seek(&mut self, to: SeekFrom) -> Result<u64> {
        self.at = self.source.seek(to)?;
        Ok(self.at)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    #[test]
    fn what_lies_behind_the_end_is_not_read_wherever_one_begins() {
        let mut window = Window::new(Cursor::new(*b"0123456789"));
        let mut read_from = |start, end| {
            window.end_at(end);
            window.seek(SeekFrom::Start(start)).unwrap();
            let mut text = String::new();
            window.read_to_string(&mut text).unwrap();
            text
        };
        assert_eq!(read_from(0, 3), "012");
        assert_eq!(read_from(2, u64::MAX), "23456789");
        assert_eq!(read_from(7, 2), "");
        assert_eq!(read_from(4, 5), "4");
        assert_eq!(read_from(20, 30), "");
    }
}
