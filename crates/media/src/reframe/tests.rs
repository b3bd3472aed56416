//! Reframing as a whole: what is shown is shown undistorted, and what is added
//! begins where the picture ends.

use super::*;
use crate::Channels;

/// A red square on a grey ground that grows brighter to the right, and its mask.
fn scene(width: u32, height: u32, square: (u32, u32, u32, u32)) -> (Picture, Mask) {
    let (left, top, right, bottom) = square;
    let is_inside = |x: u32, y: u32| (left..right).contains(&x) && (top..bottom).contains(&y);
    let (mut pixels, mut alpha) = (Vec::new(), Vec::new());
    for y in 0..height {
        for x in 0..width {
            let ground = (100 + x * 100 / width) as u8;
            pixels.extend(if is_inside(x, y) {
                [200, 20, 20]
            } else {
                [ground; 3]
            });
            alpha.push(if is_inside(x, y) { 255 } else { 0 });
        }
    }
    let picture = Picture::new(width, height, Channels::Rgb, pixels).unwrap();
    let mask = Mask {
        width,
        height,
        alpha,
    };
    (picture, mask)
}

/// The box of what is red.
fn red(picture: &Picture) -> Bounds {
    let pixels = picture
        .pixels()
        .chunks_exact(3)
        .flat_map(|pixel| [0, 0, 0, if pixel[1] < 60 { 255 } else { 0 }])
        .collect();
    let mask = Picture::new(picture.width(), picture.height(), Channels::Rgba, pixels);
    Bounds::of(&mask.unwrap()).unwrap()
}

#[test]
fn a_square_stays_square_and_whole_in_every_frame() {
    for square in [
        (20, 60, 340, 240),
        (150, 100, 250, 200),
        (300, 10, 390, 290),
    ] {
        let sides = f64::from(square.2 - square.0) / f64::from(square.3 - square.1);
        for aspect_ratio in crate::ASPECT_RATIOS {
            let (picture, mask) = scene(400, 300, square);
            let frame = Frame::named(aspect_ratio, "1K").unwrap();
            let made = reframe(picture, &mask, frame).unwrap();
            assert!(made.has_subject);
            assert_eq!(
                (made.picture.width(), made.picture.height()),
                (frame.width, frame.height)
            );
            let found = red(&made.picture);
            let now = f64::from(found.width()) / f64::from(found.height());
            assert!(
                (now / sides - 1.0).abs() < 0.02,
                "{aspect_ratio} {square:?}: {found:?}"
            );
            let cuts = found.cuts(frame.width, frame.height);
            assert_eq!(cuts.named(), None, "{aspect_ratio} {square:?}: {found:?}");
        }
    }
}

#[test]
fn what_is_added_goes_on_from_the_border_without_the_subject() {
    // Wide subject, tall frame: above and below are added.
    let (picture, mask) = scene(400, 300, (20, 60, 380, 240));
    let frame = Frame::named("9:16", "1K").unwrap();
    let made = reframe(picture, &mask, frame).unwrap();
    assert!(made.added > 0.4, "{}", made.added);
    let picture = made.picture;
    let red = red(&picture);
    let column = frame.width / 2;
    let brightness = |y: u32| i32::from(picture.row(y)[column as usize * 3 + 1]);
    let near = brightness(red.top - 8);
    for y in (0..red.top - 8).chain(red.bottom + 8..frame.height) {
        // The ground has one brightness in each column, but for blur and grain.
        assert!(
            (brightness(y) - near).abs() <= 14,
            "{y}: {} {near}",
            brightness(y)
        );
    }
    for y in 1..red.top - 8 {
        assert!(
            (brightness(y) - brightness(y - 1)).abs() <= 6,
            "a seam at {y}"
        );
    }
}

#[test]
fn without_a_subject_the_middle_is_shown_and_nothing_added() {
    let (picture, mut mask) = scene(400, 300, (0, 0, 1, 1));
    mask.alpha.fill(0);
    let made = reframe(picture, &mask, Frame::named("1:1", "1K").unwrap()).unwrap();
    assert!(!made.has_subject && made.added == 0.0);
    assert!((made.enlarged - 1024.0 / 300.0).abs() < 0.01);
}

#[test]
fn a_picture_of_one_pixel_is_reframed() {
    for (width, height) in [(1, 1), (1, 700), (700, 1)] {
        for value in [0, 255] {
            let (picture, mut mask) = scene(width, height, (0, 0, width, height));
            mask.alpha.fill(value);
            let frame = Frame::named("21:9", "1K").unwrap();
            let made = reframe(picture, &mask, frame).unwrap();
            assert_eq!(made.picture.width(), 1024);
        }
    }
}
