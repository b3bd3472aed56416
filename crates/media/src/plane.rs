//! One channel of numbers, and the few operations that masks and shadows need.

/// A channel of `width` × `height` numbers, row by row.
#[derive(Debug, Clone)]
pub(crate) struct Plane {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) data: Vec<f32>,
}

impl Plane {
    pub(crate) fn new(width: usize, height: usize, value: f32) -> Self {
        Self {
            width,
            height,
            data: vec![value; width * height],
        }
    }

    pub(crate) fn from_fn(
        width: usize,
        height: usize,
        mut f: impl FnMut(usize, usize) -> f32,
    ) -> Self {
        let mut data = Vec::with_capacity(width * height);
        for y in 0..height {
            for x in 0..width {
                data.push(f(x, y));
            }
        }
        Self {
            width,
            height,
            data,
        }
    }

    /// Combines two planes of one size, number by number.
    pub(crate) fn zip(&self, other: &Self, f: impl Fn(f32, f32) -> f32) -> Self {
        let data = self
            .data
            .iter()
            .zip(&other.data)
            .map(|(a, b)| f(*a, *b))
            .collect();
        Self {
            width: self.width,
            height: self.height,
            data,
        }
    }

    /// The value at a place in the unit square, between the four around it.
    pub(crate) fn sample(&self, u: f32, v: f32) -> f32 {
        let x = (u * self.width as f32 - 0.5).clamp(0.0, (self.width - 1) as f32);
        let y = (v * self.height as f32 - 0.5).clamp(0.0, (self.height - 1) as f32);
        let (left, top) = (x as usize, y as usize);
        let (right, bottom) = (
            (left + 1).min(self.width - 1),
            (top + 1).min(self.height - 1),
        );
        let (across, down) = (x - left as f32, y - top as f32);
        let row = |y: usize| {
            let (a, b) = (
                self.data[y * self.width + left],
                self.data[y * self.width + right],
            );
            a + (b - a) * across
        };
        let upper = row(top);
        upper + (row(bottom) - upper) * down
    }

    /// The same picture at another size.
    pub(crate) fn resized(&self, width: usize, height: usize) -> Self {
        Self::from_fn(width, height, |x, y| {
            self.sample(
                (x as f32 + 0.5) / width as f32,
                (y as f32 + 0.5) / height as f32,
            )
        })
    }

    /// The mean over a square of `2 × radius + 1` a side, cut off at the edges.
    /// Its cost does not depend on the radius.
    pub(crate) fn blurred(&self, radius: usize) -> Self {
        if radius == 0 {
            return self.clone();
        }
        let mut across = Self::new(self.width, self.height, 0.0);
        for (source, target) in self
            .data
            .chunks_exact(self.width)
            .zip(across.data.chunks_exact_mut(self.width))
        {
            means(
                radius,
                self.width,
                |x| source[x],
                |x, mean| target[x] = mean,
            );
        }
        let mut both = Self::new(self.width, self.height, 0.0);
        both.blur_down(&across, radius);
        both
    }

    /// The vertical half of a blur: whole rows are added to and taken from the
    /// sums, so that memory is walked in order.
    fn blur_down(&mut self, source: &Self, radius: usize) {
        let (width, height) = (self.width, self.height);
        let row = |y: usize| &source.data[y * width..(y + 1) * width];
        let mut sums = vec![0.0_f64; width];
        let mut count = 0_u32;
        for y in 0..radius.min(height) {
            sums.iter_mut()
                .zip(row(y))
                .for_each(|(sum, value)| *sum += f64::from(*value));
            count += 1;
        }
        for y in 0..height {
            if y + radius < height {
                sums.iter_mut()
                    .zip(row(y + radius))
                    .for_each(|(sum, value)| *sum += f64::from(*value));
                count += 1;
            }
            if y > radius {
                sums.iter_mut()
                    .zip(row(y - radius - 1))
                    .for_each(|(sum, value)| *sum -= f64::from(*value));
                count -= 1;
            }
            let target = &mut self.data[y * width..(y + 1) * width];
            target
                .iter_mut()
                .zip(&sums)
                .for_each(|(target, sum)| *target = (sum / f64::from(count)) as f32);
        }
    }

    /// The same mask without what is small beside its largest piece: islands
    /// of less than a twentieth of it, which are the network's doubts.
    pub(crate) fn without_specks(&self) -> Self {
        let mut piece_of = vec![usize::MAX; self.data.len()];
        let mut sizes = Vec::new();
        let mut open = Vec::new();
        for start in 0..self.data.len() {
            if self.data[start] < 0.4 || piece_of[start] != usize::MAX {
                continue;
            }
            let piece = sizes.len();
            sizes.push(0_usize);
            piece_of[start] = piece;
            open.push(start);
            while let Some(at) = open.pop() {
                // Doubtful pixels hold a piece together and count for nothing.
                sizes[piece] += usize::from(self.data[at] > 0.5);
                let (x, y) = (at % self.width, at / self.width);
                let neighbours = [
                    (x > 0).then(|| at - 1),
                    (x + 1 < self.width).then(|| at + 1),
                    (y > 0).then(|| at - self.width),
                    (y + 1 < self.height).then(|| at + self.width),
                ];
                for next in neighbours.into_iter().flatten() {
                    if self.data[next] >= 0.4 && piece_of[next] == usize::MAX {
                        piece_of[next] = piece;
                        open.push(next);
                    }
                }
            }
        }
        let least = sizes.iter().copied().max().unwrap_or(0) / 20;
        let kept = |piece: &usize| sizes.get(*piece).is_some_and(|size| *size > least);
        let data = piece_of
            .iter()
            .map(|piece| f32::from(u8::from(kept(piece))))
            .collect();
        // The soft edge around a piece goes with it.
        let near = Self { data, ..*self }.blurred(4);
        let data = self
            .zip(&near, |value, near| if near > 0.0 { value } else { 0.0 })
            .data;
        Self { data, ..*self }
    }

    /// Three box blurs, which come close to a Gaussian of that deviation.
    pub(crate) fn softened(&self, deviation: f32) -> Self {
        let radius = (deviation.max(0.0)).round() as usize;
        self.blurred(radius).blurred(radius).blurred(radius)
    }
}

/// Running means over one line.
fn means(
    radius: usize,
    length: usize,
    get: impl Fn(usize) -> f32,
    mut set: impl FnMut(usize, f32),
) {
    let mut sum: f64 = (0..radius.min(length)).map(|at| f64::from(get(at))).sum();
    let mut count = radius.min(length) as u32;
    for at in 0..length {
        if at + radius < length {
            sum += f64::from(get(at + radius));
            count += 1;
        }
        if at > radius {
            sum -= f64::from(get(at - radius - 1));
            count -= 1;
        }
        set(at, (sum / f64::from(count)) as f32);
    }
}

/// 0 below `from`, 1 above `to`, smooth in between.
pub(crate) fn smoothstep(from: f32, to: f32, value: f32) -> f32 {
    let t = ((value - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blur_keeps_what_is_flat_and_the_mean_of_what_is_not() {
        let flat = Plane::new(17, 5, 0.25).blurred(9);
        assert!(flat.data.iter().all(|value| (value - 0.25).abs() < 1e-6));
        let spike = Plane::from_fn(9, 9, |x, y| f32::from(u8::from(x == 4 && y == 4)));
        let blurred = spike.blurred(1);
        assert!((blurred.data[4 * 9 + 4] - 1.0 / 9.0).abs() < 1e-6);
        assert!((blurred.data.iter().sum::<f32>() - 1.0).abs() < 1e-4);
    }

    #[test]
    fn specks_go_and_the_subject_stays() {
        let mask = Plane::from_fn(40, 40, |x, y| match (x, y) {
            (5..=25, 5..=25) => 1.0,
            (35..=36, 35..=36) => 0.9,
            _ => 0.0,
        });
        let clean = mask.without_specks();
        assert!((clean.data[10 * 40 + 10] - 1.0).abs() < 1e-6);
        assert!(clean.data[35 * 40 + 35].abs() < 1e-6);
    }

    #[test]
    fn every_size_can_be_blurred_and_resized() {
        for (width, height) in [(1, 1), (1, 40), (40, 1), (3, 2)] {
            let plane = Plane::from_fn(width, height, |x, y| (x + y) as f32)
                .softened(7.0)
                .resized(5, 5);
            assert!(plane.data.iter().all(|value| value.is_finite()));
        }
    }
}
