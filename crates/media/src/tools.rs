//! The programs that read what is not read in this process, and what goes
//! without one that is not installed.

use crate::subprocess::{Program, Programs};
use crate::{clip, decode, page, svg};

/// A program that is used where it is installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    /// Its name, and others under which it does as well.
    names: &'static [Program],
    /// What there is not without it.
    pub without: &'static str,
}

/// Every tool there is a use for.
pub const TOOLS: [Tool; 5] = [
    Tool {
        names: &[clip::FFPROBE],
        without: "videos and sounds have no dimensions and no duration",
    },
    Tool {
        names: &[clip::FFMPEG],
        without: "videos and rarer kinds of TIFF have no thumbnail",
    },
    Tool {
        names: &decode::CONVERTERS,
        without: "AVIF and HEIC have no thumbnail, and models cannot work on them",
    },
    Tool {
        names: &[page::PDFTOPPM],
        without: "PDF has no thumbnail",
    },
    Tool {
        names: &[svg::RSVG_CONVERT],
        without: "SVG has no thumbnail",
    },
];

impl Tool {
    /// The name of its executable.
    pub const fn name(&self) -> &'static str {
        self.names[self.names.len() - 1].name
    }

    /// The Debian package that has it.
    pub const fn package(&self) -> &'static str {
        self.names[0].package
    }

    /// Whether it is installed.
    pub fn is_in(&self, programs: &Programs) -> bool {
        self.names.iter().any(|name| programs.find(*name).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_here_for_the_tests_and_missing_where_nothing_is() {
        for tool in TOOLS {
            assert!(tool.is_in(&Programs::default()), "{}", tool.name());
            assert!(!tool.is_in(&Programs::in_folders(["/nonexistent"])));
        }
    }
}
