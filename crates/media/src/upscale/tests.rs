//! Enlarging: sides, detail, edges without halos, alpha, limits.

use super::*;

fn picture(width: u32, height: u32, colour: impl Fn(u32, u32) -> [u8; 3]) -> Picture {
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            pixels.extend(colour(x, y));
        }
    }
    Picture::new(width, height, Channels::Rgb, pixels).unwrap()
}

fn enlarged(picture: &Picture, scale: u32) -> Picture {
    upscale(picture, scale, || false).unwrap().unwrap()
}

/// The ratio of signal to noise between two pictures, in decibels.
fn likeness(one: &Picture, other: &Picture) -> f64 {
    let pairs = one.pixels().iter().zip(other.pixels());
    let squares: f64 = pairs
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum();
    10.0 * (65025.0 * one.pixels().len() as f64 / squares.max(1e-9)).log10()
}

/// A photo, and itself made small by means of `scale` by `scale` pixels.
fn photo_and_small(scale: u32) -> (Picture, Picture) {
    let bytes = include_bytes!("../../../../photos/coffee.png");
    let photo = crate::decode(
        &mut std::io::Cursor::new(&bytes[..]),
        crate::Want::Full,
        &crate::Budget::default(),
    );
    let photo = photo.unwrap().into_rgb();
    let small = picture(photo.width() / scale, photo.height() / scale, |x, y| {
        [0, 1, 2].map(|channel: usize| {
            let read = |at: u32| {
                let (x, y) = (x * scale + at % scale, y * scale + at / scale);
                u32::from(photo.row(y)[x as usize * 3 + channel])
            };
            let sum: u32 = (0..scale * scale).map(read).sum();
            ((sum + scale * scale / 2) / (scale * scale)) as u8
        })
    });
    (photo, small)
}

#[test]
fn a_photo_made_small_comes_back_better_than_by_lanczos() {
    for scale in [2, 4] {
        let (photo, small) = photo_and_small(scale);
        let made = enlarged(&small, scale);
        let plain = crate::resize::resize(
            small.clone(),
            crate::resize::Part {
                left: 0.0,
                top: 0.0,
                width: f64::from(small.width()),
                height: f64::from(small.height()),
            },
            (photo.width(), photo.height()),
        );
        let (ours, theirs) = (likeness(&made, &photo), likeness(&plain.unwrap(), &photo));
        assert!(ours > theirs + 0.1, "{scale}: {ours:.2} {theirs:.2}");
    }
}

#[test]
fn every_size_and_scale_has_the_sides_and_colours_it_should() {
    for (width, height) in [(1, 1), (1, 200), (200, 1), (129, 65), (128, 64)] {
        for scale in SCALES {
            let flat = picture(width, height, |_, _| [10, 128, 250]);
            let made = enlarged(&flat, scale);
            assert_eq!(
                (made.width(), made.height()),
                (width * scale, height * scale)
            );
            assert!(
                made.pixels()
                    .chunks_exact(3)
                    .all(|pixel| pixel == [10, 128, 250])
            );
        }
    }
}

#[test]
fn tiles_leave_no_seam() {
    // A slope is a slope in the result too, across every border of a tile.
    let slope = picture(300, 150, |x, y| [(x / 2) as u8, y as u8, 99]);
    let made = enlarged(&slope, 2);
    for y in 8..292 {
        let row = made.row(y);
        for x in 8..592_usize {
            assert!(row[x * 3].abs_diff(row[(x - 1) * 3]) <= 1, "{x} {y}");
            assert!(
                row[x * 3 + 1].abs_diff(made.row(y - 1)[x * 3 + 1]) <= 1,
                "{x} {y}"
            );
        }
    }
}

#[test]
fn an_edge_becomes_crisp_and_has_no_halo() {
    let edge = picture(40, 40, |x, y| if x + y < 40 { [60; 3] } else { [190; 3] });
    let made = enlarged(&edge, 4);
    assert!(made.pixels().iter().all(|value| (45..=205).contains(value)));
    // Across the edge, all but some eight pixels are one side or the other.
    let middle: Vec<u8> = made.row(80).chunks_exact(3).map(|pixel| pixel[0]).collect();
    let between = middle
        .iter()
        .filter(|value| (70..180).contains(*value))
        .count();
    assert!(between <= 8, "{middle:?}");
}

#[test]
fn alpha_is_kept_and_colours_do_not_bleed_out_of_nothing() {
    // Green where it cannot be seen must not tinge the red that can be.
    let mut pixels = Vec::new();
    for at in 0..32 * 32 {
        pixels.extend(if at % 32 < 16 {
            [200, 0, 0, 255]
        } else {
            [0, 255, 0, 0]
        });
    }
    let half = Picture::new(32, 32, Channels::Rgba, pixels).unwrap();
    let made = enlarged(&half, 3);
    assert_eq!(made.channels(), Channels::Rgba);
    for pixel in made.pixels().chunks_exact(4).filter(|pixel| pixel[3] > 8) {
        assert!(pixel[1] <= 2 && pixel[0] > 180, "{pixel:?}");
    }
    let pixel = |x: usize| &made.row(48)[x * 4..x * 4 + 4];
    assert_eq!((pixel(10)[3], pixel(90)[3]), (255, 0));
}

#[test]
fn what_would_be_too_large_is_refused_with_the_largest_scale() {
    assert!(check(4000, 4000, 2).is_ok());
    let told = |width, height, scale| check(width, height, scale).unwrap_err().to_string();
    assert!(told(4000, 2500, 3).contains("the largest scale possible is 2"));
    assert!(told(4001, 4000, 2).contains("at most 16 megapixels"));
    assert!(told(40_000, 1, 2).contains("at most 16 megapixels"));
    for scale in [0, 1, 5, 65_536, u32::MAX] {
        assert!(check(1, 1, scale).is_err());
    }
}

#[test]
fn work_that_is_to_stop_has_no_picture() {
    let flat = picture(40, 30, |_, _| [9, 9, 9]);
    assert_eq!(upscale(&flat, 2, || true).unwrap(), None);
}
