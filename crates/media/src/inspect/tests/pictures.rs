//! Pictures as encoders write them: sides, colours, alpha and frames.

use moxcms::ColorProfile;

use super::*;
use crate::{Channels, encode_png, sample};

const RED: [u8; 3] = [210, 40, 30];
const BLUE: [u8; 3] = [30, 60, 200];

/// Red at the left, blue at the right.
fn halves(width: u32, height: u32) -> Vec<u8> {
    halves_of([RED, BLUE], width, height)
}

fn halves_of([left, right]: [[u8; 3]; 2], width: u32, height: u32) -> Vec<u8> {
    let middle = width as usize / 2;
    let row = [left.repeat(middle), right.repeat(width as usize - middle)].concat();
    let pixels = row.repeat(height as usize);
    let picture = Picture::new(width, height, Channels::Rgb, pixels).unwrap();
    encode_png(&picture).unwrap()
}

/// Orange at the left, nothing at the right.
fn half_transparent(width: u32, height: u32) -> Vec<u8> {
    let left = width as usize / 2;
    let row = [
        [240, 140, 20, 255].repeat(left),
        [0; 4].repeat(width as usize - left),
    ]
    .concat();
    let pixels = row.repeat(height as usize);
    let picture = Picture::new(width, height, Channels::Rgba, pixels).unwrap();
    encode_png(&picture).unwrap()
}

#[track_caller]
fn assert_halves(bytes: &[u8], media_type: MediaType, sides: (u32, u32), name: &str) {
    let found = look(bytes).unwrap_or_else(|refused| panic!("{name}: {refused}"));
    assert_eq!(found.media_type, media_type, "{name}");
    assert_eq!(
        (found.width, found.height),
        (Some(sides.0), Some(sides.1)),
        "{name}"
    );
    let made = thumbnail_in(bytes).unwrap_or_else(|refused| panic!("{name}: {refused}"));
    assert_eq!((made.width, made.height), sides, "{name}");
    let picture = small(bytes);
    let seen = [pixel(&picture, 20, 50), pixel(&picture, 80, 50)];
    for (seen, wanted) in seen.iter().zip([RED, BLUE]) {
        let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 14;
        assert!(
            seen.iter().zip(&wanted).all(near),
            "{name}: {seen:?} is not {wanted:?}"
        );
    }
}

#[test]
fn heic_and_avif_of_even_and_odd_sides_are_decoded() {
    for sides in [(64, 48), (65, 49)] {
        let png = halves(sides.0, sides.1);
        for (out, media_type) in [("a.heic", MediaType::Heic), ("a.avif", MediaType::Avif)] {
            let bytes = made::heif(&png, "-q 90", out);
            assert_halves(&bytes, media_type, sides, out);
        }
    }
    let deep = made::heif(&halves(64, 48), "-q 90 -b 10", "a.avif");
    assert_halves(&deep, MediaType::Avif, (64, 48), "ten bits");
}

/// The same file with the last picture that it shows as its primary one.
fn last_is_primary(mut file: Vec<u8>) -> Vec<u8> {
    let places = |kind: &[u8]| -> Vec<usize> {
        let here = |at: &usize| file[*at..].starts_with(kind);
        (0..file.len()).filter(here).collect()
    };
    // After the type a version, flags of which the last bit hides, and the number.
    let shown: Vec<usize> = places(b"infe")
        .into_iter()
        .filter(|at| file[at + 7] & 1 == 0)
        .collect();
    assert_eq!(shown.len(), 2);
    let (primary, last) = (places(b"pitm")[0] + 8, shown[1] + 8);
    let number = [file[last], file[last + 1]];
    assert_ne!(file[primary..primary + 2], number);
    file[primary..primary + 2].copy_from_slice(&number);
    file
}

#[test]
fn of_several_pictures_the_primary_one_is_shown_wherever_it_stands() {
    let (wanted, other) = (halves(64, 48), halves_of([BLUE, RED], 64, 48));
    for (out, media_type) in [("a.heic", MediaType::Heic), ("a.avif", MediaType::Avif)] {
        let first = made::heif_of_two([&wanted, &other], out);
        assert_halves(&first, media_type, (64, 48), out);
        let last = last_is_primary(made::heif_of_two([&other, &wanted], out));
        assert_halves(&last, media_type, (64, 48), out);
    }
}

#[test]
fn alpha_is_kept_from_every_format_that_has_it() {
    let png = half_transparent(64, 48);
    let files = [
        ("png", png.clone()),
        ("avif", made::heif(&png, "-q 90", "a.avif")),
        ("heic", made::heif(&png, "-q 90", "a.heic")),
        (
            "webp",
            made::ffmpeg_of(&png, "-c:v libwebp -lossless 1", "a.webp"),
        ),
        ("tiff", made::vips(&png, "[compression=lzw]", "a.tif")),
        (
            "gif",
            made::ffmpeg_of(
                &png,
                "-vf split[a][b];[a]palettegen[p];[b][p]paletteuse",
                "a.gif",
            ),
        ),
        ("bmp", made::ffmpeg_of(&png, "-pix_fmt bgra", "a.bmp")),
    ];
    for (name, bytes) in files {
        let picture = small(&bytes);
        // A BMP of 32 bits has alpha only by its later headers.
        if name == "bmp" {
            assert_near(&pixel(&picture, 20, 50), &[240, 140, 20], 14);
            continue;
        }
        assert_eq!(picture.channels(), Channels::Rgba, "{name}");
        let (left, right) = (pixel(&picture, 20, 50), pixel(&picture, 80, 50));
        assert_near(&left, &[240, 140, 20, 255], 14);
        assert!(right[3] < 10, "{name}: {right:?}");
    }
}

#[test]
fn every_variant_of_bmp_is_decoded() {
    let png = halves(37, 21);
    for format in ["bgr24", "bgra", "rgb565le", "rgb555le"] {
        let bytes = made::ffmpeg_of(&png, &format!("-pix_fmt {format}"), "a.bmp");
        assert_halves(&bytes, MediaType::Bmp, (37, 21), format);
    }
    for format in ["gray", "monob", "monow", "rgb444le"] {
        let bytes = made::ffmpeg_of(&png, &format!("-pix_fmt {format}"), "a.bmp");
        let made = thumbnail_in(&bytes).unwrap();
        assert_eq!((made.width, made.height), (37, 21), "{format}");
    }
}

#[test]
fn every_variant_of_tiff_is_decoded() {
    let png = halves(80, 50);
    for options in [
        "[compression=none]",
        "[compression=lzw]",
        "[compression=deflate,predictor=horizontal]",
        "[compression=packbits]",
        "[compression=jpeg,Q=95]",
        // Luma and chroma, where the other is red, green and blue.
        "[compression=jpeg,Q=85]",
        "[compression=jpeg,Q=85,tile,tile-width=32,tile-height=16]",
        "[compression=lzw,tile,tile-width=32,tile-height=16]",
        "[compression=deflate,tile,tile-width=16,tile-height=16,pyramid]",
        "[bigtiff]",
    ] {
        let bytes = made::vips(&png, options, "a.tif");
        assert_halves(&bytes, MediaType::Tiff, (80, 50), options);
    }
    for format in ["rgb48le", "rgb24", "pal8"] {
        let bytes = made::ffmpeg_of(&png, &format!("-pix_fmt {format}"), "a.tif");
        assert_halves(&bytes, MediaType::Tiff, (80, 50), format);
    }
    let grey = made::ffmpeg_of(&png, "-pix_fmt gray", "grey.png");
    let fax = made::vips(&grey, "[compression=ccittfax4,bitdepth=1]", "a.tif");
    assert_eq!(thumbnail_in(&fax).unwrap().width, 80);
    for format in ["gray", "gray16le", "ya8", "monob", "monow"] {
        let bytes = made::ffmpeg_of(&png, &format!("-pix_fmt {format}"), "a.tif");
        let made = thumbnail_in(&bytes).unwrap();
        assert_eq!((made.width, made.height), (80, 50), "{format}");
    }
}

#[test]
fn a_tiff_that_cannot_be_read_is_refused_with_its_reason() {
    let bytes = made::vips(&halves(80, 50), "[compression=zstd]", "a.tif");
    let refused = thumbnail_in(&bytes).unwrap_err();
    assert!(matches!(refused, MediaError::Unusable { .. }), "{refused}");
}

#[test]
fn of_a_tiff_with_several_pages_the_first_is_taken() {
    // One picture over another, cut into pages.
    let (red, blue) = (RED.repeat(40 * 30), BLUE.repeat(40 * 30));
    let both = Picture::new(40, 60, Channels::Rgb, [red, blue].concat()).unwrap();
    let arguments = "tiffsave in.png a.tif --page-height 30";
    let png = encode_png(&both).unwrap();
    let bytes = made::of(("in.png", &png), "vips", arguments, "a.tif");
    let made = thumbnail_in(&bytes).unwrap();
    assert_eq!((made.width, made.height), (40, 30));
    assert_near(&pixel(&small(&bytes), 50, 90), &RED, 10);
}

#[test]
fn animations_tell_their_frames() {
    const SOURCE: &str = "-f lavfi -i testsrc=s=40x30:r=5:d=1";
    for (out, codec) in [("a.gif", ""), ("a.webp", "-c:v libwebp_anim")] {
        let bytes = made::ffmpeg(&format!("{SOURCE} {codec}"), out);
        let found = look(&bytes).unwrap();
        assert_eq!((found.width, found.height), (Some(40), Some(30)), "{out}");
        assert_eq!(found.frames, Some(5), "{out}");
        let made = thumbnail_in(&bytes).unwrap();
        assert!(made.source.animated, "{out}");
        assert_eq!((made.width, made.height), (40, 30), "{out}");
    }
}

#[test]
fn a_wide_gamut_is_shown_in_its_own_colours() {
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    let flat = Picture::new(64, 64, Channels::Rgb, [200, 100, 50].repeat(64 * 64)).unwrap();
    let mut wanted = flat.clone();
    crate::colour::to_srgb(&mut wanted, Some(&p3));
    let tagged = made::vips(&encode_png(&flat).unwrap(), "[profile=p3]", "a.png");
    let files = [
        ("png", tagged.clone()),
        ("avif", made::heif(&tagged, "-q 95", "a.avif")),
        ("heic", made::heif(&tagged, "-q 95", "a.heic")),
        ("jpeg", made::vips(&tagged, "[Q=95]", "a.jpg")),
        ("webp", made::vips(&tagged, "[Q=95]", "a.webp")),
        ("tiff", made::vips(&tagged, "", "a.tif")),
    ];
    for (name, bytes) in files {
        let seen = pixel(&small(&bytes), 50, 50);
        let near = |(a, b): (&u8, &u8)| a.abs_diff(*b) <= 7;
        let wanted = &wanted.pixels()[..3];
        assert!(
            seen.iter().zip(wanted).all(near),
            "{name}: {seen:?} is not {wanted:?}"
        );
        let budget = Budget::default();
        let whole = decode(&mut Cursor::new(&bytes), Want::Full, &budget).unwrap();
        assert_near(&pixel(&whole, 50, 50), wanted, 7);
    }
}

#[test]
fn inks_are_shown_by_their_profile() {
    let profile = sample::ink_profile();
    let inks = [255, 0, 0, 0];
    let plain = sample::cmyk_jpeg(inks);
    // Without a profile, cyan is what no press prints.
    assert_near(&pixel(&small(&plain), 50, 50), &[0, 255, 255], 10);
    let segment = [b"ICC_PROFILE\0\x01\x01", profile.as_slice()].concat();
    let tagged = sample::with_jpeg_segment(&plain, 0xe2, &segment);
    assert_near(&pixel(&small(&tagged), 50, 50), &sample::INK_CYAN, 12);
    let white = sample::with_jpeg_segment(&sample::cmyk_jpeg([0; 4]), 0xe2, &segment);
    assert_near(&pixel(&small(&white), 50, 50), &[255; 3], 6);
}
