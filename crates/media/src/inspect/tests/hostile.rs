//! Files made to do harm: each ends in a clear refusal or a sound result, in
//! bounded time and memory.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::sample;

/// What a refused file is told as; anything else of the errors would be a fault
/// of ours.
#[track_caller]
fn assert_told(name: &str, refused: &MediaError) {
    let is_told = matches!(
        refused,
        MediaError::Damaged { .. }
            | MediaError::Unusable { .. }
            | MediaError::Unsupported { .. }
            | MediaError::TooManyPixels { .. }
            | MediaError::TooManyBytes { .. }
    );
    assert!(is_told, "{name}: {refused:?}");
}

#[test]
fn what_a_header_announces_is_refused_before_it_is_allocated() {
    let tiff = |change: fn(&mut sample::Tiff)| {
        let mut tiff = sample::Tiff::default();
        change(&mut tiff);
        tiff.file()
    };
    let bmp = |width: i32, height: i32| {
        let mut file = sample::bmp(5, 3);
        file[18..22].copy_from_slice(&width.to_le_bytes());
        file[22..26].copy_from_slice(&height.to_le_bytes());
        file
    };
    let table = [
        ("png", sample::huge_header_png(60_000, 60_000)),
        ("png", sample::huge_header_png(u32::MAX, u32::MAX)),
        ("avif", sample::avif_header(60_000, 60_000, None)),
        ("avif", sample::avif_header(u32::MAX, u32::MAX, Some(1))),
        ("tiff", tiff(|tiff| tiff.announced = (60_000, 60_000))),
        ("tiff", tiff(|tiff| tiff.tile = Some((65_520, 65_520)))),
        ("tiff", tiff(|tiff| tiff.rows_per_strip = 0)),
        ("bmp", bmp(60_000, 60_000)),
        ("bmp", bmp(i32::MAX, i32::MIN)),
        (
            "gif",
            [b"GIF89a\xff\xff\xff\xff\0\0\0,\0\0\0\0\xff\xff\xff\xff\0\x02\0;".as_slice()].concat(),
        ),
        (
            "webp",
            b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff".to_vec(),
        ),
    ];
    for (name, bytes) in table {
        assert_told(name, &thumbnail_in(&bytes).unwrap_err());
    }
}

#[test]
fn a_profile_or_a_text_that_unpacks_to_gigabytes_is_not_unpacked() {
    // A megabyte of zlib that would be a gigabyte.
    let bomb = made::of(
        ("bomb.py", b"import zlib,sys\nc=zlib.compressobj(9)\nf=open('bomb','wb')\nfor _ in range(1024): f.write(c.compress(bytes(1<<20)))\nf.write(c.flush())\n"),
        "python3",
        "bomb.py",
        "bomb",
    );
    for (kind, before) in [
        (*b"iCCP", &b"name\0\0"[..]),
        (*b"zTXt", b"name\0\0"),
        (*b"iTXt", b"name\0\x01\0\0\0"),
    ] {
        let png = sample::Png {
            width: 8,
            height: 8,
            chunks: vec![(kind, [before, &bomb].concat())],
            ..sample::Png::default()
        };
        let bytes = png.file((0..8).map(|_| vec![90; 24]));
        let start = Instant::now();
        match thumbnail_in(&bytes) {
            Ok(made) => assert_eq!((made.width, made.height), (8, 8)),
            Err(refused) => assert_told("png", &refused),
        }
        assert!(start.elapsed() < Duration::from_secs(10));
    }
}

#[test]
fn thousands_of_frames_cost_a_walk_over_their_headers() {
    for bytes in [
        sample::gif_of_frames(10_000),
        sample::webp_of_frames(10_000),
    ] {
        let found = look(&bytes).unwrap();
        assert_eq!(found.frames, Some(10_000));
        assert_eq!(thumbnail_in(&bytes).unwrap().width, 1);
    }
}

/// A TIFF whose one directory names itself as the next.
#[test]
fn directories_in_a_circle_end() {
    let mut bytes = sample::Tiff::default().file();
    let first: [u8; 4] = bytes[4..8].try_into().unwrap();
    let at = u32::from_le_bytes(first) as usize;
    let end = bytes.len() - 4;
    assert!(at < end);
    bytes[end..].copy_from_slice(&first);
    match thumbnail_in(&bytes) {
        Ok(made) => assert_eq!(made.width, 20),
        Err(refused) => assert_told("tiff", &refused),
    }
}

#[test]
fn an_archive_is_told_by_its_name_and_never_opened() {
    // The directory of a file that would unpack to petabytes is never read.
    let bytes = [b"PK\x03\x04\x14\0".as_slice(), &[0xff; 4096]].concat();
    let found = look(&bytes).unwrap();
    assert_eq!(found.media_type, MediaType::Zip);
    assert_eq!((found.width, found.duration_ms), (None, None));
}

#[test]
fn a_file_of_two_types_is_the_one_that_it_begins_with() {
    let script: &[u8] = b"<script>alert(1)</script><?php system('id'); ?>";
    let archive: &[u8] = b"PK\x03\x04\x14\0\0\0\0\0";
    let gif = sample::gif_two_frames();
    let commented = [b"GIF89a/*".as_slice(), &gif[8..], b"*/=1;alert(1)"].concat();
    let table = [
        (MediaType::Gif, [&gif, script].concat()),
        (MediaType::Gif, commented),
        (
            MediaType::Png,
            [&sample::gradient_png(8, 8), script].concat(),
        ),
        (
            MediaType::Jpeg,
            [&sample::noise_jpeg(8, 8), script, archive].concat(),
        ),
        (
            MediaType::Jpeg,
            sample::with_jpeg_segment(&sample::noise_jpeg(8, 8), 0xfe, script),
        ),
        (MediaType::Pdf, [&clips::pdf(), archive].concat()),
        (MediaType::WebP, [&sample::webp(8, 8), archive].concat()),
    ];
    for (media_type, bytes) in table {
        match look(&bytes) {
            Ok(found) => assert_eq!(found.media_type, media_type),
            Err(refused) => assert_told(media_type.name(), &refused),
        }
        match thumbnail_in(&bytes) {
            // What is shown is a WebP of ours, whatever hid in the file.
            Ok(made) => assert!(made.webp.starts_with(b"RIFF")),
            Err(refused) => assert_told(media_type.name(), &refused),
        }
    }
}

#[test]
fn a_playlist_dressed_up_as_a_video_opens_nothing() {
    let playlist: &[u8] = b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n";
    let header: &[u8] = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42";
    let concat: &[u8] = b"ffconcat version 1.0\nfile /etc/passwd\n";
    for bytes in [
        playlist.to_vec(),
        concat.to_vec(),
        [header, playlist].concat(),
    ] {
        assert_told("playlist", &thumbnail_in(&bytes).unwrap_err());
        assert_told("playlist", &look(&bytes).unwrap_err());
    }
}

/// Cuts a file at every thousandth byte and looks at what is left.
fn cut_everywhere(name: &str, bytes: &[u8]) {
    for length in (0..bytes.len()).step_by(1000) {
        let start = Instant::now();
        let found = look(&bytes[..length]);
        if let Err(refused) = &found {
            assert_told(name, refused);
        }
        match thumbnail_in(&bytes[..length]) {
            Ok(made) => assert!(made.width.max(made.height) <= 512, "{name} {length}"),
            Err(refused) => assert_told(name, &refused),
        }
        assert!(start.elapsed() < Duration::from_secs(40), "{name} {length}");
    }
}

/// Noise, of which every coder makes a dozen kilobytes.
fn noise() -> Vec<u8> {
    made::ffmpeg(
        "-f lavfi -i testsrc=s=200x150 -frames:v 1 -vf noise=alls=80",
        "a.png",
    )
}

#[test]
fn heic_and_avif_cut_off_at_every_thousandth_byte_are_judged() {
    for out in ["a.heic", "a.avif"] {
        let bytes = made::heif(&noise(), "-q 60", out);
        assert!(
            (3000..40_000).contains(&bytes.len()),
            "{out}: {}",
            bytes.len()
        );
        cut_everywhere(out, &bytes);
    }
}

#[test]
fn video_cut_off_at_every_thousandth_byte_is_judged() {
    const SOURCE: &str =
        "-f lavfi -i testsrc=s=96x64:r=5:d=1 -pix_fmt yuv420p -c:v libx264 -preset ultrafast";
    for options in [
        "",
        "-movflags faststart",
        "-movflags frag_keyframe+empty_moov",
    ] {
        let bytes = made::ffmpeg(&format!("{SOURCE} {options}"), "a.mp4");
        assert!((2000..30_000).contains(&bytes.len()), "{}", bytes.len());
        cut_everywhere(options, &bytes);
    }
}

/// Replaces all of one pattern by another of the same length.
fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut bytes = bytes.to_vec();
    let mut places = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            bytes[at..at + from.len()].copy_from_slice(to);
            places += 1;
        }
    }
    assert!(places > 0, "the pattern is not there");
    bytes
}

#[test]
fn a_video_that_declares_ten_hours_and_holds_a_second_is_found_out() {
    const SOURCE: &str = "-f lavfi -i testsrc=s=64x48:r=10:d=1 -pix_fmt yuv420p";
    let mp4 = made::ffmpeg(&format!("{SOURCE} -c:v libx264 -preset ultrafast"), "a.mp4");
    // A duration of 1000 thousandths in the header of the film and the track's.
    let told = 1000u32.to_be_bytes();
    let mp4 = replaced(&mp4, &told, &36_000_000u32.to_be_bytes());
    let webm = made::ffmpeg(&format!("{SOURCE} -c:v libvpx"), "a.webm");
    let told = [&[0x44, 0x89, 0x88], 1000f64.to_be_bytes().as_slice()].concat();
    let ten_hours = [&[0x44, 0x89, 0x88], 36e6f64.to_be_bytes().as_slice()].concat();
    let webm = replaced(&webm, &told, &ten_hours);
    for bytes in [mp4, webm] {
        let start = Instant::now();
        let found = look(&bytes).unwrap();
        let length = found.duration_ms.unwrap();
        assert!((900..2000).contains(&length), "{length} ms");
        let made = thumbnail_in(&bytes).unwrap();
        assert_eq!((made.width, made.height), (64, 48));
        assert!(start.elapsed() < Duration::from_secs(40));
    }
}

#[test]
fn a_video_of_absurd_sides_is_refused() {
    let bytes = made::ffmpeg(
        "-f lavfi -i color=red:s=64x48:r=5:d=0.2 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
        "a.mkv",
    );
    // PixelWidth and PixelHeight of one byte each.
    let wide = replaced(&bytes, &[0xb0, 0x81, 64], &[0xb0, 0x81, 0xff]);
    match thumbnail_in(&wide) {
        Ok(made) => assert!(made.width <= 512),
        Err(refused) => assert_told("mkv", &refused),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Each case may start programs, so there are few; the readers that stand
    /// before them have properties of their own.
    #[test]
    fn changed_bytes_of_what_programs_read_are_judged(
        which in 0usize..4,
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = match which {
            0 => made::heif(&noise(), "-q 30", "a.heic"),
            1 => made::heif(&noise(), "-q 30", "a.avif"),
            2 => made::ffmpeg("-f lavfi -i testsrc=s=32x32:r=2:d=1 -c:v mpeg4", "a.mp4"),
            _ => clips::pdf(),
        };
        for (at, value) in &changes {
            let at = at.index(bytes.len());
            bytes[at] = *value;
        }
        if let Err(refused) = thumbnail_in(&bytes) {
            assert_told("changed", &refused);
        }
        if let Err(refused) = look(&bytes) {
            assert_told("changed", &refused);
        }
    }
}

#[test]
fn tiles_cut_off_at_every_thousandth_byte_are_judged() {
    let deep = made::ffmpeg_of(&noise(), "-pix_fmt rgb48be", "a.png");
    for png in [noise(), deep] {
        let options = "[compression=lzw,tile,tile-width=48,tile-height=32]";
        let bytes = made::vips(&png, options, "a.tif");
        assert_eq!(thumbnail_in(&bytes).unwrap().width, 200);
        cut_everywhere("tiles", &bytes);
    }
}
