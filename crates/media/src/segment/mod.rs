//! Finds the subject of a picture with U²-Net-p.
//!
//! SPEC: the network takes 320×320 RGB, divided by the picture's maximum, less
//! the mean, over the deviation of its training set; its first output, between
//! its own least and greatest value, is the mask.

use std::borrow::Cow;

use fast_image_resize::pixels::U8x3;
use fast_image_resize::{FilterType, ResizeAlg, ResizeOptions};

use crate::resize::resample;
use crate::{Channels, Picture};
use network::{Network, SIDE};

mod block;
mod convolution;
mod network;
mod sampling;
mod side;
mod weights;

#[cfg(test)]
mod tests;

const MEAN: [f32; 3] = [0.485, 0.456, 0.406];
const DEVIATION: [f32; 3] = [0.229, 0.224, 0.225];

/// Why no subject could be looked for.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// The weights are not those of the network.
    #[error("the network's weights cannot be read: {0}")]
    Load(String),
    /// The network failed.
    #[error("the network failed: {0}")]
    Run(String),
}

/// How much each pixel belongs to the subject, 0 to 255, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mask {
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// One byte a pixel.
    pub alpha: Vec<u8>,
}

/// The network, ready to run. It may be shared between threads.
#[derive(Debug)]
pub struct Segmenter {
    network: Network,
    threads: rayon::ThreadPool,
}

impl Segmenter {
    /// Reads the weights (ONNX) and prepares them for `threads` threads.
    ///
    /// # Errors
    /// [`SegmentError::Load`].
    pub fn load(weights: &[u8], threads: usize) -> Result<Self, SegmentError> {
        let network = Network::load(weights)?;
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(threads.max(1))
            .thread_name(|at| format!("inference-{at}"))
            .build()
            .map_err(|error| SegmentError::Load(error.to_string()))?;
        Ok(Self { network, threads })
    }

    /// Finds the subject. The mask has the network's size; [`crate::cutout`]
    /// brings it to the picture's.
    ///
    /// # Errors
    /// [`SegmentError::Run`].
    pub fn mask(&self, picture: &Picture) -> Result<Mask, SegmentError> {
        let input = prepare(picture).map_err(|error| SegmentError::Run(error.to_string()))?;
        let values = self.threads.install(|| self.network.run(&input));
        Ok(Mask {
            width: SIDE as u32,
            height: SIDE as u32,
            alpha: normalised(&values),
        })
    }
}

fn prepare(picture: &Picture) -> Result<Vec<[f32; 3]>, Box<dyn std::error::Error>> {
    let rgb: Cow<'_, [u8]> = match picture.channels() {
        Channels::Rgb => Cow::Borrowed(picture.pixels()),
        // What is transparent is seen on white, as a person would.
        Channels::Rgba => picture
            .pixels()
            .chunks_exact(4)
            .flat_map(|pixel| {
                let alpha = u32::from(pixel[3]);
                [0, 1, 2].map(|channel| {
                    ((u32::from(pixel[channel]) * alpha + 255 * (255 - alpha)) / 255) as u8
                })
            })
            .collect(),
    };
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    let sides = (picture.width(), picture.height());
    let small = resample::<U8x3>(&rgb, sides, (SIDE as u32, SIDE as u32), &options)
        .ok_or("the picture has not as many pixels as its sides say")?;
    let greatest = f32::from(small.iter().copied().max().unwrap_or(1).max(1));
    Ok(small
        .chunks_exact(3)
        .map(|pixel| {
            std::array::from_fn(|channel| {
                (f32::from(pixel[channel]) / greatest - MEAN[channel]) / DEVIATION[channel]
            })
        })
        .collect())
}

fn normalised(values: &[f32]) -> Vec<u8> {
    let (least, greatest) = values
        .iter()
        .fold((f32::MAX, f32::MIN), |(least, greatest), value| {
            (least.min(*value), greatest.max(*value))
        });
    // A flat answer says that there is no subject, not that all of it is one.
    let span = (greatest - least).max(1e-6);
    values
        .iter()
        .map(|value| (((value - least) / span) * 255.0).round() as u8)
        .collect()
}
