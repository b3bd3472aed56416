//! Readers of strangers' input, on the seeds of the fuzz targets and on many
//! small changes of them. `make fuzz` does the same for longer, led by coverage.

#[path = "../../../../../fuzz/src/readers.rs"]
#[expect(unreachable_pub, reason = "the fuzz targets are another crate")]
mod readers;

use std::path::Path;

use runnel_blobs::Method;

/// Changes of each seed; enough to matter, few enough for every change of the code.
const CHANGES: usize = 1500;

/// Pseudo-random numbers (xorshift), the same in every run: what fails fails again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % end.max(1) as u64) as usize
    }

    /// One to four changes: bytes flipped, set, cut out, doubled, or taken from
    /// another seed.
    fn change(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(12)).min(bytes.len());
            match self.below(7) {
                0 if at < bytes.len() => bytes[at] ^= 1 << self.below(8),
                1 if at < bytes.len() => {
                    bytes[at] = [0, 0xFF, b'(', b'\'', b'0', b'%', b'\n'][self.below(7)];
                }
                2 => drop(bytes.drain(at..end)),
                3 => {
                    let part = bytes[at..end].repeat(1 + self.below(40));
                    bytes.splice(at..at, part);
                }
                4 => {
                    let from = self.below(other.len() + 1);
                    let to = (from + self.below(40)).min(other.len());
                    bytes.splice(at..end, other[from..to].iter().copied());
                }
                5 => bytes.truncate(at),
                _ => {
                    let number = [0, 1, -1, i64::MIN, i64::MAX][self.below(5)];
                    bytes.splice(
                        at..end,
                        number.to_be_bytes()[self.below(8)..].iter().copied(),
                    );
                }
            }
        }
        bytes.truncate(1 << 16);
        bytes
    }
}

fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut paths: Vec<_> = std::fs::read_dir(folder.join(target))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort_unstable();
    paths
        .iter()
        .map(|path| std::fs::read(path).unwrap())
        .collect()
}

fn all_hold(target: &str, reader: fn(&[u8]), more: Vec<Vec<u8>>) {
    let seeds: Vec<Vec<u8>> = seeds(target).into_iter().chain(more).collect();
    assert!(!seeds.is_empty(), "{target} has no seeds");
    let mut chance = Chance(0x9E37_79B9_7F4A_7C15);
    for seed in &seeds {
        reader(seed);
        for _ in 0..CHANGES {
            let other = &seeds[chance.below(seeds.len())];
            reader(&chance.change(seed, other));
        }
    }
}

#[test]
fn every_filter_is_read_or_refused_with_its_place() {
    all_hold("filter", readers::filter, Vec::new());
}

#[test]
fn every_order_is_read_or_refused() {
    all_hold("order", readers::order, Vec::new());
}

#[test]
fn every_cursor_leads_somewhere_or_is_refused() {
    all_hold("cursor", readers::cursor, Vec::new());
}

#[test]
fn every_file_is_recognized_within_its_budget_or_refused() {
    all_hold("picture", readers::picture, Vec::new());
}

#[test]
fn every_picture_is_drawn_small_or_refused() {
    all_hold("thumbnail", readers::thumbnail, Vec::new());
}

#[test]
fn every_archive_gives_a_file_within_the_limit_or_is_refused() {
    all_hold("archive", readers::archive, Vec::new());
}

#[test]
fn every_url_allows_what_it_was_signed_for_or_nothing() {
    let signed = [Method::Get, Method::Put].map(|method| readers::signed(method).into_bytes());
    all_hold("signed_url", readers::signed_url, signed.to_vec());
}
