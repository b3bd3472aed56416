//! VP8's tree of tokens: how likely each branch is, and the choices that lead to
//! a coefficient (RFC 6386, section 13).
#![expect(
    clippy::inline_always,
    reason = "vector instructions are chosen in `dispatch`, for what is inlined into it"
)]

use std::sync::LazyLock;

use super::coder::Coder;
use super::lanes::{Choice, choice};
use super::tables::{BANDS, BRANCHES, CONTEXTS, DEFAULTS, KEPT};
use super::tokens::{Counts, END, LARGE, NODES, SHAPES, SPANS, TOKENS, Token};

/// The choices of a token that is not large: eight at once, and what is too many
/// is written over.
pub(super) const AT_ONCE: usize = 8;

/// The most choices of a coefficient.
pub(super) const MOST: usize = 19;

/// The choices of all tokens of a frame.
#[derive(Debug)]
pub(super) struct Tree {
    rows: Vec<[Choice; AT_ONCE]>,
    /// How many of its row a token has; none where it is large.
    counts: Box<[u8; TOKENS]>,
    known: [[u8; BRANCHES]; NODES],
}

impl Tree {
    /// Chooses the probabilities for what was counted, and writes them to the
    /// frame's head. Tokens that were not counted have no choices.
    pub(super) fn new(counted: &Counts, head: &mut Coder) -> Self {
        let mut known = [[0; BRANCHES]; NODES];
        for (node, known) in known.iter_mut().enumerate() {
            let shapes = counted.shapes(node);
            let taken = branches(&shapes, &counted.spans[node], may_end(node));
            let (kind, band, context) = split(node);
            let (defaults, kept) = (&DEFAULTS[kind][band][context], &KEPT[kind][band][context]);
            for branch in 0..BRANCHES {
                let chosen = choose(taken[branch], defaults[branch], kept[branch]);
                head.put(chosen.is_some(), kept[branch]);
                if let Some(probability) = chosen {
                    head.put_number(u32::from(probability), 8);
                }
                known[branch] = chosen.unwrap_or(defaults[branch]);
            }
        }
        Self::of(&known, counted)
    }

    /// The choices of what was counted, with these probabilities of each node.
    pub(super) fn of(known: &[[u8; BRANCHES]; NODES], counted: &Counts) -> Self {
        let mut tree = Self {
            rows: vec![[0; AT_ONCE]; TOKENS],
            counts: Box::new([0; TOKENS]),
            known: *known,
        };
        for node in 0..NODES {
            for (shape, count) in (0..).zip(counted.shapes(node)) {
                if count > 0 {
                    tree.enter(node, shape);
                }
            }
        }
        tree
    }

    /// Finds the choices of what may be at a node.
    fn enter(&mut self, node: usize, shape: u16) {
        let mut row = [0; MOST];
        let count = match shape {
            LARGE => 0,
            END => {
                row[0] = choice(self.known[node][0], false);
                1
            }
            _ => {
                let size = shape.div_ceil(2) as i16;
                let level = if shape.is_multiple_of(2) { -size } else { size };
                self.spell(node, level, &mut row)
            }
        };
        let token = node * SHAPES + usize::from(shape);
        self.rows[token].copy_from_slice(&row[..AT_ONCE]);
        self.counts[token] = count as u8;
    }

    /// Writes the choices of a token, whose level is the next of `large` where it
    /// has none itself; answers how many they are.
    #[inline(always)]
    pub(super) fn write<'a>(
        &self,
        token: Token,
        large: &mut impl Iterator<Item = &'a i16>,
        room: &mut [Choice; MOST],
    ) -> usize {
        let token = usize::from(token);
        room[..AT_ONCE].copy_from_slice(&self.rows[token]);
        match self.counts[token] {
            0 => {
                let level = large.next().copied().unwrap_or_default();
                self.spell(token / SHAPES, level, room)
            }
            count => usize::from(count),
        }
    }

    /// Writes the choices that lead from a node to a level; answers how many they are.
    #[cold]
    #[inline(never)]
    fn spell(&self, node: usize, level: i16, room: &mut [Choice; MOST]) -> usize {
        let known = &self.known[node];
        let size = usize::from(level.unsigned_abs());
        let mut written = 0;
        let mut put = |probability: u8, yes: bool| {
            room[written] = choice(probability, yes);
            written += 1;
        };
        if may_end(node) {
            put(known[0], true);
        }
        put(known[1], size > 0);
        if size > 0 {
            put(known[2], size > 1);
        }
        if size > 1 {
            put(known[3], size > 4);
        }
        match size {
            0 | 1 => {}
            2..=4 => {
                put(known[4], size > 2);
                if size > 2 {
                    put(known[5], size > 3);
                }
            }
            5..=10 => {
                put(known[6], false);
                put(known[7], size > 6);
                if size <= 6 {
                    put(159, size == 6);
                } else {
                    put(165, size >= 9);
                    put(145, size.is_multiple_of(2));
                }
            }
            _ => {
                put(known[6], true);
                let span = SPANS.iter().rposition(|from| size >= usize::from(*from));
                let span = span.unwrap_or_default();
                put(known[8], span >= 2);
                put(known[9 + span / 2], span % 2 == 1);
                let rest = size - usize::from(SPANS[span]);
                for (bit, probability) in (0..SPAN_BITS[span].len()).rev().zip(SPAN_BITS[span]) {
                    put(*probability, rest >> bit & 1 == 1);
                }
            }
        }
        if size > 0 {
            put(128, level < 0);
        }
        written
    }
}

/// How likely the bits are that say which of a span a size is.
const SPAN_BITS: [&[u8]; SPANS.len()] = [
    &[173, 148, 140],
    &[176, 155, 140, 135],
    &[180, 157, 141, 134, 130],
    &[254, 254, 243, 230, 196, 177, 153, 140, 133, 130, 129],
];

/// The kind, the band and the context of a node.
const fn split(node: usize) -> (usize, usize, usize) {
    (
        node / (BANDS * CONTEXTS),
        node / CONTEXTS % BANDS,
        node % CONTEXTS,
    )
}

/// Whether a block may end here: not after a zero, which is where a context is 0
/// but at the beginning.
const fn may_end(node: usize) -> bool {
    let (kind, band, context) = split(node);
    context > 0 || band == (kind == 0) as usize
}

/// How often each branch was not taken and taken, from how often each shape and
/// each span of large ones came.
fn branches(
    shapes: &[u32; SHAPES],
    spans: &[u32; SPANS.len() + 1],
    may_end: bool,
) -> [(u32, u32); BRANCHES] {
    // From the end over the sizes from 0 on to the spans.
    let size = |size: usize| shapes[2 * size - 1] + shapes[2 * size];
    let mut counts = [0; 12];
    counts[0] = shapes[usize::from(END)];
    counts[1] = shapes[0];
    for at in 1..=4 {
        counts[at + 1] = size(at);
    }
    counts[6] = size(5) + size(6);
    counts[7..].copy_from_slice(spans);
    let sum = |from: usize, to: usize| counts[from..to].iter().sum::<u32>();
    [
        if may_end {
            (counts[0], sum(1, 12))
        } else {
            (0, 0)
        },
        (counts[1], sum(2, 12)),
        (counts[2], sum(3, 12)),
        (sum(3, 6), sum(6, 12)),
        (counts[3], sum(4, 6)),
        (counts[4], counts[5]),
        (sum(6, 8), sum(8, 12)),
        (counts[6], counts[7]),
        (sum(8, 10), sum(10, 12)),
        (counts[8], counts[9]),
        (counts[10], counts[11]),
    ]
}

/// The probability that is worth its place in the head, if one is.
fn choose((no, yes): (u32, u32), default: u8, kept: u8) -> Option<u8> {
    let total = u64::from(no) + u64::from(yes);
    if total == 0 {
        return None;
    }
    let found = (u64::from(no) * 255 / total).max(1) as u8;
    let cost = |probability: u8| {
        u64::from(no) * cost(u32::from(probability))
            + u64::from(yes) * cost(256 - u32::from(probability))
    };
    let changed = cost(found) + self::cost(256 - u32::from(kept)) + 8 * 256;
    (changed < cost(default) + self::cost(u32::from(kept))).then_some(found)
}

/// What a choice of this probability of 256 costs, in 1/256 of a bit.
fn cost(probability: u32) -> u64 {
    static COSTS: LazyLock<[u16; 257]> = LazyLock::new(|| {
        std::array::from_fn(|probability| {
            (-256.0 * (probability.max(1) as f32 / 256.0).log2()).round() as u16
        })
    });
    u64::from(COSTS[probability as usize % 257])
}
