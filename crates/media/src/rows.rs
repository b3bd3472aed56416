//! Work on the rows of a picture, shared out between two threads.

/// Calls `work` with each row of `samples` and its number; the last one may be
/// shorter. Rows are independent of each other, so that who does which makes no
/// difference to the result.
pub(crate) fn each_row<T: Send>(
    samples: &mut [T],
    stride: usize,
    work: impl Fn(usize, &mut [T]) + Sync,
) {
    if stride == 0 || samples.is_empty() {
        return;
    }
    let rows = (samples.len() / stride).div_ceil(2).max(1);
    let work = &work;
    std::thread::scope(|scope| {
        for (half, part) in samples.chunks_mut(rows * stride).enumerate() {
            scope.spawn(move || {
                for (at, row) in part.chunks_mut(stride).enumerate() {
                    work(half * rows + at, row);
                }
            });
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_seen_once_with_its_number() {
        for height in [0_usize, 1, 2, 3, 7] {
            let mut samples = vec![0_usize; height * 3];
            each_row(&mut samples, 3, |y, row| {
                for sample in row {
                    *sample += y + 1;
                }
            });
            let expected: Vec<usize> = (1..=height).flat_map(|row| [row; 3]).collect();
            assert_eq!(samples, expected);
        }
    }
}
