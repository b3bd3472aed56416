//! The network against the plain loops, and against another implementation.

use rten::{ModelOptions, RunOptions};
use rten_tensor::NdTensor;
use rten_tensor::prelude::*;

use super::block::{BORDER, Block, LANES};
use super::convolution::{Before, Convolution};
use super::network::{Network, SIDE};
use super::sampling::double;
use super::weights::{self, Filter};

/// Numbers between -1 and 1 that are the same each time.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f32 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 40) as f32 / (1_u64 << 23) as f32) - 1.0
    }

    fn many(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.next()).collect()
    }
}

fn blocks_of(channels: &[Vec<f32>], side: usize) -> Vec<Block> {
    channels
        .chunks(LANES)
        .map(|channels| {
            let mut block = Block::zeros(side);
            let stride = block.stride();
            for (y, row) in block.rows_mut().chunks_mut(stride).enumerate() {
                for x in 0..side {
                    for (lane, channel) in channels.iter().enumerate() {
                        row[BORDER + x].0[lane] = channel[y * side + x];
                    }
                }
            }
            block
        })
        .collect()
}

fn shipped() -> Vec<u8> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/u2netp.onnx");
    std::fs::read(path).expect("the weights are in the repository")
}

/// The definition, in double precision.
fn plainly(filter: &Filter, channels: &[Vec<f32>], side: usize, to: usize, at: usize) -> f64 {
    let (x, y) = ((at % side) as isize, (at / side) as isize);
    let mut sum = f64::from(filter.bias[to]);
    for (from, channel) in channels.iter().enumerate() {
        for tap in 0..9 {
            let x = x + (tap as isize % 3 - 1) * filter.dilation as isize;
            let y = y + (tap as isize / 3 - 1) * filter.dilation as isize;
            let inside = 0..side as isize;
            if inside.contains(&x) && inside.contains(&y) {
                let weight = filter.weights[(to * filter.inputs + from) * 9 + tap];
                sum += f64::from(weight) * f64::from(channel[y as usize * side + x as usize]);
            }
        }
    }
    sum.max(0.0)
}

#[test]
fn a_convolution_is_what_its_definition_says() {
    let mut numbers = Numbers(1);
    for (outputs, inputs, dilation, side) in [
        (64, 3, 1, 23),
        (16, 64, 1, 10),
        (16, 16, 2, 21),
        (16, 32, 4, 20),
        (16, 16, 8, 10),
        (64, 128, 1, 7),
        (64, 32, 1, 1),
    ] {
        let filter = Filter {
            outputs,
            inputs,
            kernel: 3,
            dilation,
            weights: numbers.many(outputs * inputs * 9),
            bias: numbers.many(outputs),
        };
        let channels: Vec<_> = (0..inputs).map(|_| numbers.many(side * side)).collect();
        let earlier: Vec<_> = (0..outputs).map(|_| numbers.many(side * side)).collect();
        let input = blocks_of(&channels, side);
        let input: Vec<_> = input.iter().collect();
        for before in [Before::Replace, Before::Add] {
            let mut output = blocks_of(&earlier, side);
            Convolution::new(&filter).run(&input, &mut output, before);
            for (to, earlier) in earlier.iter().enumerate() {
                for (at, earlier) in earlier.iter().enumerate() {
                    let found = output[to / LANES].row(at / side)[at % side].0[to % LANES];
                    let mut wanted = plainly(&filter, &channels, side, to, at);
                    if before == Before::Add {
                        wanted += f64::from(*earlier);
                    }
                    assert!(
                        (f64::from(found) - wanted).abs() < 1e-4,
                        "{outputs} of {inputs}, dilation {dilation}, side {side}: \
                         channel {to} at {at} is {found}, not {wanted}"
                    );
                }
            }
        }
    }
}

#[test]
fn doubling_keeps_the_border_zero_and_the_mean() {
    let side = 5;
    let values = Numbers(2).many(side * side);
    let input = blocks_of(std::slice::from_ref(&values), side);
    let mut output = Block::zeros(2 * side);
    double(&input[0], &mut output);
    let all = output.run(0, 0, output.stride() * (2 * side + 2 * BORDER));
    let sum: f32 = all.iter().map(|pixel| pixel.0[0]).sum();
    let inside: f32 = (0..2 * side)
        .flat_map(|y| output.row(y))
        .map(|pixel| pixel.0[0])
        .sum();
    assert!((sum - inside).abs() < 1e-6, "something was written outside");
    assert!(
        (output.row(0)[0].0[0] - values[0]).abs() < 1e-6,
        "the corner repeats"
    );
    let between = 0.75 * values[0] + 0.25 * values[1];
    assert!((output.row(0)[1].0[0] - between).abs() < 1e-6);
}

#[test]
fn the_network_agrees_with_another_runtime() {
    let file = shipped();
    let mut numbers = Numbers(3);
    // A bright disc on noise: something to find.
    let picture: Vec<[f32; 3]> = (0..SIDE * SIDE)
        .map(|at| {
            let (x, y) = ((at % SIDE) as f32 - 150.0, (at / SIDE) as f32 - 170.0);
            let disc = if x.hypot(y) < 80.0 { 2.0 } else { 0.0 };
            std::array::from_fn(|_| disc + 0.3 * numbers.next())
        })
        .collect();
    let ours = Network::load(&file)
        .expect("these are its weights")
        .run(&picture);

    let mut planes = vec![0.0; 3 * SIDE * SIDE];
    for (at, colour) in picture.iter().enumerate() {
        for (channel, value) in colour.iter().enumerate() {
            planes[channel * SIDE * SIDE + at] = *value;
        }
    }
    let model = ModelOptions::with_all_ops()
        .load(file)
        .expect("it reads the same file");
    let input = NdTensor::from_data([1, 3, SIDE, SIDE], planes);
    let output: NdTensor<f32, 4> = model
        .run(
            vec![(model.input_ids()[0], input.view().into())],
            &[model.output_ids()[0]],
            Some(RunOptions::default()),
        )
        .expect("it runs")
        .remove(0)
        .try_into()
        .expect("four dimensions");
    let theirs = output.to_vec();
    let furthest = ours
        .iter()
        .zip(&theirs)
        .map(|(ours, theirs)| (ours - theirs).abs())
        .fold(0.0, f32::max);
    assert!(furthest < 1e-3, "a value of the mask is {furthest} away");
    assert!(theirs.iter().any(|value| *value > 0.9), "nothing was found");
}

#[test]
fn the_weights_of_something_else_are_refused() {
    let no_graph = Network::load(b"").expect_err("nothing is no network");
    assert!(no_graph.to_string().contains("no graph"), "{no_graph}");

    let mut filters = weights::read(&shipped()).expect("these are its weights");
    filters[5].dilation = 3;
    let another = Network::arrange(filters.clone()).expect_err("it has another shape");
    assert!(another.to_string().contains("convolution 5"), "{another}");

    filters[5].dilation = 1;
    filters.pop();
    let short = Network::arrange(filters).expect_err("the last is missing");
    assert!(short.to_string().contains("too few"), "{short}");
}
