//! The sides of what a model makes: a shape and a size, both by name.

/// The shapes that can be asked for, width to height.
pub const ASPECT_RATIOS: &[&str] = &[
    "1:1", "4:5", "3:4", "2:3", "9:16", "5:4", "4:3", "3:2", "16:9", "21:9",
];

/// The sizes that can be asked for. SPEC: runs.md; the longer side has 1024,
/// 2048 or 4096 pixels.
pub const RESOLUTIONS: &[&str] = &["1K", "2K", "4K"];

/// The sides of a picture that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// In pixels, at least 1.
    pub width: u32,
    /// In pixels, at least 1.
    pub height: u32,
}

impl Frame {
    /// The frame of a shape of [`ASPECT_RATIOS`] and a size of [`RESOLUTIONS`];
    /// `None` for any other.
    pub fn named(aspect_ratio: &str, resolution: &str) -> Option<Self> {
        if !ASPECT_RATIOS.contains(&aspect_ratio) {
            return None;
        }
        let (across, down) = aspect_ratio.split_once(':')?;
        let (across, down) = (across.parse::<u32>().ok()?, down.parse::<u32>().ok()?);
        let at = RESOLUTIONS.iter().position(|name| *name == resolution)?;
        let longest = 1024_u32 << at;
        let side = |part: u32| (longest * part + across.max(down) / 2) / across.max(down);
        Some(Self {
            width: side(across),
            height: side(down),
        })
    }

    /// Width over height.
    pub(crate) fn aspect(self) -> f64 {
        f64::from(self.width) / f64::from(self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_named_frame_has_its_shape_and_its_longer_side() {
        for aspect_ratio in ASPECT_RATIOS {
            for (resolution, longest) in [("1K", 1024), ("2K", 2048), ("4K", 4096)] {
                let frame = Frame::named(aspect_ratio, resolution).unwrap();
                assert_eq!(frame.width.max(frame.height), longest);
                let (across, down) = aspect_ratio.split_once(':').unwrap();
                let wanted = across.parse::<f64>().unwrap() / down.parse::<f64>().unwrap();
                let off = (frame.aspect() / wanted - 1.0).abs();
                assert!(off < 0.002, "{aspect_ratio} {resolution}: {frame:?}");
            }
        }
        let wide = Frame::named("16:9", "1K").unwrap();
        assert_eq!((wide.width, wide.height), (1024, 576));
    }

    #[test]
    fn what_has_no_name_has_no_frame() {
        for (aspect_ratio, resolution) in [
            ("1:2", "1K"),
            ("0:0", "1K"),
            ("1:1", "8K"),
            ("1:1", "1k"),
            ("", ""),
            ("1:1:1", "1K"),
        ] {
            assert_eq!(Frame::named(aspect_ratio, resolution), None);
        }
    }
}
