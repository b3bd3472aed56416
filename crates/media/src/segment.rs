//! Finds the subject of a picture with U²-Net-p.
//!
//! SPEC: the network takes 320×320 RGB, divided by the picture's maximum, less
//! the mean, over the deviation of its training set; its first output, between
//! its own least and greatest value, is the mask.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use rten::{Model, ModelOptions, RunOptions, ThreadPool};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;
use std::sync::Arc;

use crate::{Channels, Picture};

/// The side of the network's input and output, in pixels.
const SIDE: usize = 320;
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
pub struct Segmenter {
    model: Model,
    threads: Arc<ThreadPool>,
}

impl std::fmt::Debug for Segmenter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Segmenter").finish_non_exhaustive()
    }
}

impl Segmenter {
    /// Reads the weights (ONNX) and prepares them for `threads` threads.
    ///
    /// # Errors
    /// [`SegmentError::Load`].
    pub fn load(weights: &[u8], threads: usize) -> Result<Self, SegmentError> {
        let model = ModelOptions::with_all_ops()
            .enable_optimization(true)
            .prepack_weights(true)
            .load(weights.to_vec())
            .map_err(|error| SegmentError::Load(error.to_string()))?;
        Ok(Self {
            model,
            threads: Arc::new(ThreadPool::with_num_threads(threads.max(1))),
        })
    }

    /// Finds the subject. The mask has the network's size; [`crate::cutout`]
    /// brings it to the picture's.
    ///
    /// # Errors
    /// [`SegmentError::Run`].
    pub fn mask(&self, picture: &Picture) -> Result<Mask, SegmentError> {
        let failed = |error: &dyn std::fmt::Display| SegmentError::Run(error.to_string());
        let input = prepare(picture).map_err(|error| failed(&error))?;
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(&self.threads)));
        let input_id = self
            .model
            .input_ids()
            .first()
            .copied()
            .ok_or_else(|| failed(&"it has no input"))?;
        let output_id = self
            .model
            .output_ids()
            .first()
            .copied()
            .ok_or_else(|| failed(&"it has no output"))?;
        let outputs = self
            .model
            .run(
                vec![(input_id, input.view().into())],
                &[output_id],
                Some(options),
            )
            .map_err(|error| failed(&error))?;
        let output = outputs
            .into_iter()
            .next()
            .ok_or_else(|| failed(&"it has no output"))?;
        let output: NdTensor<f32, 4> = output
            .try_into()
            .map_err(|_| failed(&"its output has another shape"))?;
        let values = output.to_vec();
        if values.len() < SIDE * SIDE {
            return Err(failed(&"its output is too small"));
        }
        Ok(Mask {
            width: SIDE as u32,
            height: SIDE as u32,
            alpha: normalised(&values[..SIDE * SIDE]),
        })
    }
}

fn prepare(picture: &Picture) -> Result<NdTensor<f32, 4>, Box<dyn std::error::Error>> {
    let rgb = match picture.channels() {
        Channels::Rgb => picture.pixels().to_vec(),
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
    let source = ImageRef::new(picture.width(), picture.height(), &rgb, PixelType::U8x3)?;
    let mut small = Image::new(SIDE as u32, SIDE as u32, PixelType::U8x3);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(FilterType::Bilinear));
    Resizer::new().resize(&source, &mut small, &options)?;
    let greatest = f32::from(small.buffer().iter().copied().max().unwrap_or(1).max(1));
    let mut data = vec![0.0_f32; 3 * SIDE * SIDE];
    for (at, pixel) in small.buffer().chunks_exact(3).enumerate() {
        for channel in 0..3 {
            let value = f32::from(pixel[channel]) / greatest;
            data[channel * SIDE * SIDE + at] = (value - MEAN[channel]) / DEVIATION[channel];
        }
    }
    Ok(NdTensor::from_data([1, 3, SIDE, SIDE], data))
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
