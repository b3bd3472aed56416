//! The quick decoder beside libjpeg-turbo.

use proptest::prelude::*;
use turbojpeg::{Compressor, Image, PixelFormat, Subsamp};

use super::decode;
use crate::decode::decode_stored;
use crate::planes::Planes;
use crate::resize::{Part, resize};
use crate::subprocess::Programs;
use crate::{Budget, Channels, Picture, Want, probe, sample};

/// Cups and saucers of 64×43 pixels, where everything begins anew after three units.
const WITH_RESTARTS: &str = "
ffd8ffdb0043001b12141714111b1716171e1c1b2028422b28252528513a3d3042605565645f555d5b6a7899816a7190
735b5d85b586909ea3abadab6780bcc9baa6c799a8aba4ffdb0043011c1e1e2823284e2b2b4ea46e5d6ea4a4a4a4a4a4
a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4a4ffc00011
08002b004003012200021101031101ffc400190000030101010000000000000000000000030405020100ffc4002d1000
02010302030606030000000000000001020300041121411231511322326171810514235291d142a1f1ffc40018010003
01010000000000000000000000000203040001ffc4001c11000202030101000000000000000000000001021103213141
12ffdd00040003ffda000c03010002110311003f0082a092001934f5bda60714bf8a2c50c700c2f798ef5a9188d0fe3a
52253be15431d7466dadda7ce0848d7c4dd3d29b8e0b451808cde6cdcff141b7900f851235224ef63d34a08f997d4614
7a505a475a6d8f3d942e3e9131b6d9390693647462ac0861a1a2c334b1b0590641dc516fe65e2893f9b2f17eab69ab46
569d33ffd0d0217d69885b51be69503273fd53108035d01a9515c85d620be1d4ee6926059cf9eb5430c473249f3e5531
a50e8ac3c40709f6ad41c18782e9ad252578644618643c9bf54f25f58c83227311fb6453a7b8a84bdfb81c44e079e334
295c76ac630426d9d68fe13d3024fd3fffd123df59ae8ac6e1bed4040f726909a69279de4908e2276e4074141b487e62
d5d98a8e1ce39924e9b0af404904363438d2a771515a2cc6ee43c9292a0e35dcd6bb40dbfbd2cafa151b56d075a13b2e
94113979d47f88446cae99b8730ca7381b1abf078735cbc8a392d240ea18609d6890ab3fffd28d32ab27691b710f2e63
d450385cec6b8da39c695a17130d048714095707b926f61edfe616368d4e11f98ad995621c11e1a43d390a4da69241de
7623a6699b045690646685af59d8cd72239027d3d7fda280457575519ae49bd298c47fffd9
";

fn with_restarts() -> Vec<u8> {
    let digits: Vec<u8> = WITH_RESTARTS
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Soft waves of colour, of which a small version shows as much as a large one.
fn waves(width: u32, height: u32) -> Picture {
    let longest = f64::from(width.max(height));
    let pixels = (0..height)
        .flat_map(|y| (0..width).map(move |x| (f64::from(x) / longest, f64::from(y) / longest)))
        .flat_map(|(x, y)| {
            let wave = |a: f64, b: f64| (128.0 + 100.0 * (x * a + y * b).sin()) as u8;
            [wave(3.0, 2.5), wave(-2.0, 3.0), wave(1.5, -2.0)]
        });
    Picture::new(width, height, Channels::Rgb, pixels.collect()).unwrap()
}

fn jpeg(picture: &Picture, subsampling: Subsamp, quality: i32) -> Vec<u8> {
    let mut compressor = Compressor::new().unwrap();
    compressor.set_quality(quality).unwrap();
    compressor.set_subsamp(subsampling).unwrap();
    compressor
        .compress_to_vec(Image {
            pixels: picture.pixels(),
            width: picture.width() as usize,
            pitch: picture.stride(),
            height: picture.height() as usize,
            format: PixelFormat::RGB,
        })
        .unwrap()
}

/// The mean difference of two pictures of the same size.
fn mean_difference(a: &Picture, b: &Picture) -> f64 {
    assert_eq!((a.width(), a.height()), (b.width(), b.height()));
    let differences = a
        .pixels()
        .iter()
        .zip(b.pixels())
        .map(|(a, b)| a.abs_diff(*b));
    differences.map(f64::from).sum::<f64>() / a.pixels().len() as f64
}

/// Both ways to a small picture of the same sides.
fn both(file: &[u8], sides: (u32, u32), small: (u32, u32)) -> (Picture, Picture) {
    let longest = small.0.max(small.1);
    let planes = decode(file, sides, longest as usize).expect("the plain case");
    let quick = Planes::of_jpeg(&planes, small).unwrap().to_rgb().unwrap();
    let want = Want::AtLeast {
        longest_side: longest,
    };
    let mut source = std::io::Cursor::new(file);
    let budget = Budget::default();
    let facts = probe(&mut source, &budget).unwrap();
    let programs = Programs::default();
    let stored = decode_stored(&mut source, &facts, want, &budget, &programs).unwrap();
    let whole = Part::whole(&stored);
    (quick, resize(stored.picture, whole, small).unwrap())
}

#[test]
fn each_sampling_and_scale_looks_as_by_the_other_decoder() {
    let samplings = [
        Subsamp::None,
        Subsamp::Sub2x1,
        Subsamp::Sub1x2,
        Subsamp::Sub2x2,
        Subsamp::Gray,
    ];
    // Four, three, two and one of eight, with sides that fill no unit.
    let table = [
        ((301, 203), (128, 86)),
        ((301, 203), (112, 76)),
        ((403, 301), (100, 75)),
        ((97, 611), (12, 76)),
    ];
    for (sides, small) in table {
        let picture = waves(sides.0, sides.1);
        for subsampling in samplings {
            let file = jpeg(&picture, subsampling, 95);
            let (quick, slow) = both(&file, sides, small);
            let apart = mean_difference(&quick, &slow);
            assert!(apart < 2.5, "{apart} for {subsampling:?} of {sides:?}");
        }
    }
}

#[test]
fn what_begins_anew_is_followed() {
    let (quick, slow) = both(&with_restarts(), (64, 43), (32, 22));
    let apart = mean_difference(&quick, &slow);
    assert!(apart < 7.0, "{apart}");
}

#[test]
fn sharp_edges_stay_in_their_range() {
    let black_and_white = (0..256u32 * 256).flat_map(|at| {
        let is_white = (at / 5 + at / 256 / 3) % 2 == 0;
        [if is_white { 255 } else { 0 }; 3]
    });
    let pixels = black_and_white.collect();
    let picture = Picture::new(256, 256, Channels::Rgb, pixels).unwrap();
    for quality in [1, 30, 100] {
        let file = jpeg(&picture, Subsamp::Sub2x2, quality);
        let (quick, slow) = both(&file, (256, 256), (128, 128));
        let apart = mean_difference(&quick, &slow);
        assert!(apart < 40.0, "{apart} at {quality}");
    }
}

#[test]
fn what_is_not_plain_is_left_to_the_other_decoder() {
    let picture = waves(301, 203);
    let plain = jpeg(&picture, Subsamp::Sub2x2, 90);
    assert!(decode(&plain, (301, 203), 128).is_some());
    // Larger than a half is wanted, or the header was read as another.
    assert!(decode(&plain, (301, 203), 160).is_none());
    assert!(decode(&plain, (203, 301), 128).is_none());
    let mut progressive = Compressor::new().unwrap();
    progressive.set_progressive(true).unwrap();
    let image = Image {
        pixels: picture.pixels(),
        width: 301,
        pitch: picture.stride(),
        height: 203,
        format: PixelFormat::RGB,
    };
    let progressive = progressive.compress_to_vec(image).unwrap();
    assert!(decode(&progressive, (301, 203), 128).is_none());
    let inks = sample::cmyk_jpeg([0, 90, 200, 10]);
    assert!(decode(&inks, (16, 16), 4).is_none());
}

#[test]
fn a_file_without_its_end_is_not_believed() {
    for file in [with_restarts(), jpeg(&waves(64, 43), Subsamp::None, 60)] {
        assert!(decode(&file, (64, 43), 16).is_some());
        for length in 0..file.len() {
            assert!(decode(&file[..length], (64, 43), 16).is_none(), "{length}");
        }
    }
}

#[test]
fn a_scan_that_is_too_short_or_too_long_is_not_believed() {
    let file = jpeg(&waves(64, 43), Subsamp::Sub2x2, 60);
    let end = file.len() - 2;
    let shorter = [&file[..end - 4], &[0xff, 0xd9]].concat();
    let longer = [&file[..end], &[0x12, 0x34, 0xff, 0xd9]].concat();
    for broken in [shorter, longer] {
        assert!(decode(&broken, (64, 43), 16).is_none());
    }
}

proptest! {
    #[test]
    fn no_change_of_a_file_breaks_more_than_the_picture(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        is_head in any::<bool>(),
    ) {
        let mut file = with_restarts();
        let length = if is_head { 330 } else { file.len() };
        for (place, byte) in changes {
            file[place.index(length)] = byte;
        }
        for longest in [8, 32] {
            if let Some(planes) = decode(&file, (64, 43), longest) {
                prop_assert!(Planes::of_jpeg(&planes, (32, 22)).is_some());
            }
        }
    }
}
