//! Reads the convolutions of an ONNX file, in the order in which they run.
//!
//! For files that ship with Runnel: the reader underneath does not come back
//! from every file that was made to hang it.
//!
//! SPEC: onnx.proto3, `Conv`; the file has its batch normalisations folded in.

use rten_onnx::onnx::{ModelProto, TensorProto};
use std::collections::HashMap;

use super::SegmentError;

/// One convolution as the file has it.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// Output channels.
    pub(super) outputs: usize,
    /// Input channels.
    pub(super) inputs: usize,
    /// The side of the kernel: 3 or 1.
    pub(super) kernel: usize,
    /// The distance of the kernel's taps, in pixels.
    pub(super) dilation: usize,
    /// `[outputs][inputs][kernel][kernel]`.
    pub(super) weights: Vec<f32>,
    /// `[outputs]`.
    pub(super) bias: Vec<f32>,
}

/// Every convolution of `file`, in the order of the graph.
///
/// # Errors
/// [`SegmentError::Load`] for bytes that are no ONNX model, and for a `Conv`
/// whose tensors are missing or do not agree.
pub(super) fn read(file: &[u8]) -> Result<Vec<Filter>, SegmentError> {
    let failed = |text: String| SegmentError::Load(text);
    let model = ModelProto::parse_buf(file).map_err(|error| failed(error.to_string()))?;
    let graph = model
        .graph
        .ok_or_else(|| failed("it has no graph".to_owned()))?;
    let tensors: HashMap<&str, &TensorProto> = graph
        .initializer
        .iter()
        .filter_map(|tensor| Some((tensor.name.as_deref()?, tensor)))
        .collect();
    graph
        .node
        .iter()
        .filter(|node| node.op_type.as_deref() == Some("Conv"))
        .map(|node| {
            let name = node.name.as_deref().unwrap_or("a convolution");
            let tensor = |at: usize| {
                node.input
                    .get(at)
                    .and_then(|input| tensors.get(input.as_str()))
                    .ok_or_else(|| failed(format!("{name} lacks its tensor {at}")))
            };
            let (weights, bias) = (tensor(1)?, tensor(2)?);
            let &[outputs, inputs, kernel, _] = weights.dims.as_slice() else {
                return Err(failed(format!("{name} is not two-dimensional")));
            };
            let dilation = node
                .attribute
                .iter()
                .find(|attribute| attribute.name.as_deref() == Some("dilations"))
                .and_then(|attribute| attribute.ints.first())
                .map_or(1, |dilation| *dilation as usize);
            let filter = Filter {
                outputs: outputs as usize,
                inputs: inputs as usize,
                kernel: kernel as usize,
                dilation,
                weights: floats(weights),
                bias: floats(bias),
            };
            let agrees = filter.weights.len()
                == filter.outputs * filter.inputs * filter.kernel * filter.kernel
                && filter.bias.len() == filter.outputs;
            agrees
                .then_some(filter)
                .ok_or_else(|| failed(format!("the tensors of {name} are cut short")))
        })
        .collect()
}

fn floats(tensor: &TensorProto) -> Vec<f32> {
    tensor.raw_data.as_ref().map_or_else(
        || tensor.float_data.clone(),
        |bytes| {
            let bytes = bytes.borrow();
            let (values, _) = bytes.as_chunks::<4>();
            values.iter().copied().map(f32::from_le_bytes).collect()
        },
    )
}
