//! How coarse a frame is: from a quality to the steps of its coefficients.

use super::block::Step;
use super::coder::Coder;
use super::lanes::STREAMS;

/// What the indices of luma and chroma stand for (RFC 6386, section 14.1): the
/// step of a block's mean.
const MEANS: [i16; 128] = [
    4, 5, 6, 7, 8, 9, 10, 10, 11, 12, 13, 14, 15, 16, 17, 17, 18, 19, 20, 20, 21, 21, 22, 22, 23,
    23, 24, 25, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 37, 38, 39, 40, 41, 42, 43, 44,
    45, 46, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 67,
    68, 69, 70, 71, 72, 73, 74, 75, 76, 76, 77, 78, 79, 80, 81, 82, 83, 84, 85, 86, 87, 88, 89, 91,
    93, 95, 96, 98, 100, 101, 102, 104, 106, 108, 110, 112, 114, 116, 118, 122, 124, 126, 128, 130,
    132, 134, 136, 138, 140, 143, 145, 148, 151, 154, 157,
];

/// The same for the other coefficients.
const OTHERS: [i16; 128] = [
    4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28,
    29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 52,
    53, 54, 55, 56, 57, 58, 60, 62, 64, 66, 68, 70, 72, 74, 76, 78, 80, 82, 84, 86, 88, 90, 92, 94,
    96, 98, 100, 102, 104, 106, 108, 110, 112, 114, 116, 119, 122, 125, 128, 131, 134, 137, 140,
    143, 146, 149, 152, 155, 158, 161, 164, 167, 170, 173, 177, 181, 185, 189, 193, 197, 201, 205,
    209, 213, 217, 221, 225, 229, 234, 239, 245, 249, 254, 259, 264, 269, 274, 279, 284,
];

/// How much finer the means of chroma are coded: flat colours show.
const FINER_CHROMA: usize = 2;

/// The steps of a frame: of the first coefficient, and of the others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Quantiser {
    index: usize,
    /// The level of the filter along the edges of blocks.
    filter: u32,
    pub(super) luma: [Step; 2],
    pub(super) means: [Step; 2],
    pub(super) chroma: [Step; 2],
}

impl Quantiser {
    /// The steps that libwebp takes for a quality (0–100).
    pub(super) fn of_quality(quality: f32) -> Self {
        let share = quality.clamp(0.0, 100.0) / 100.0;
        let linear = if share < 0.75 {
            share * 2.0 / 3.0
        } else {
            2.0 * share - 1.0
        };
        let index = (127.0 * (1.0 - linear.cbrt())) as usize;
        let step = OTHERS[index];
        Self {
            index,
            // What is weaker than two is not seen, and costs decoders time.
            filter: Some(step as u32 / 4 * 300 / 256)
                .filter(|level| *level >= 2)
                .map_or(0, |level| level.min(63)),
            luma: [Step::new(step, 110); 2],
            means: [
                Step::new(MEANS[index] * 2, 96),
                Step::new((i32::from(step) * 155 / 100).max(8) as i16, 108),
            ],
            chroma: [
                Step::new(MEANS[index.saturating_sub(FINER_CHROMA).min(117)], 110),
                Step::new(step, 115),
            ],
        }
    }

    /// Writes the filter, the number of streams and the steps to the frame's head.
    pub(super) fn write(&self, head: &mut Coder) {
        // The filter of all planes, its level and sharpness, no adjustments.
        head.put(false, 128);
        head.put_number(self.filter, 6);
        head.put_number(0, 4);
        head.put_number(STREAMS.ilog2(), 2);
        head.put_number(self.index as u32, 7);
        // The means of luma and of means, the others of means: as they are.
        head.put_number(0, 3);
        let finer = FINER_CHROMA.min(self.index) as u32;
        head.put(finer > 0, 128);
        if finer > 0 {
            head.put_number(finer << 1 | 1, 5);
        }
        head.put_number(0, 2);
    }
}
