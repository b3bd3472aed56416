//! Video, sound and documents.

use super::*;

/// A second of moving bars, coded by x264.
fn mp4() -> Vec<u8> {
    made::ffmpeg(
        "-f lavfi -i testsrc=s=64x48:r=10:d=1 -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
        "a.mp4",
    )
}

#[test]
fn every_container_tells_sides_length_and_codec() {
    const SOURCES: &str =
        "-f lavfi -i color=red:s=64x48:r=10:d=1 -f lavfi -i sine=d=1 -pix_fmt yuv420p -c:v";
    let table = [
        (
            "a.mp4",
            "libx264 -preset ultrafast -c:a aac",
            "h264",
            MediaType::Mp4,
        ),
        (
            "a.mov",
            "mpeg4 -c:a pcm_s16le",
            "mpeg4",
            MediaType::QuickTime,
        ),
        ("a.webm", "libvpx -c:a libopus", "vp8", MediaType::WebM),
        (
            "a.mkv",
            "libx264 -preset ultrafast -c:a aac",
            "h264",
            MediaType::Matroska,
        ),
    ];
    for (out, codecs, codec, media_type) in table {
        let bytes = made::ffmpeg(&format!("{SOURCES} {codecs}"), out);
        let found = look(&bytes).unwrap();
        assert_eq!(found.media_type, media_type, "{out}");
        assert_eq!((found.width, found.height), (Some(64), Some(48)), "{out}");
        assert_eq!(found.codec.as_deref(), Some(codec), "{out}");
        let length = found.duration_ms.unwrap();
        assert!((950..=1100).contains(&length), "{out}: {length} ms");
        let made = thumbnail_in(&bytes).unwrap();
        assert_eq!((made.width, made.height), (64, 48), "{out}");
        assert_eq!(made.source.media_type, media_type);
        let red = pixel(&small(&bytes), 4, 20);
        assert!(red[0] > 150 && red[1] < 90 && red[2] < 90, "{out}: {red:?}");
    }
}

#[test]
fn sound_tells_its_length_and_has_no_picture() {
    let table = [
        ("a.mp3", "libmp3lame", "mp3", MediaType::Mp3),
        ("a.wav", "pcm_s16le", "pcm_s16le", MediaType::Wav),
        ("a.flac", "flac", "flac", MediaType::Flac),
        ("a.ogg", "libvorbis", "vorbis", MediaType::Ogg),
        ("a.opus", "libopus", "opus", MediaType::Ogg),
        ("a.m4a", "aac", "aac", MediaType::M4a),
        ("a.mp4", "aac", "aac", MediaType::Mp4),
    ];
    for (out, encoder, codec, media_type) in table {
        let bytes = made::ffmpeg(&format!("-f lavfi -i sine=d=2 -c:a {encoder}"), out);
        let found = look(&bytes).unwrap();
        assert_eq!(found.media_type, media_type, "{out}");
        assert_eq!(found.codec.as_deref(), Some(codec), "{out}");
        assert_eq!((found.width, found.frames), (None, None), "{out}");
        let length = found.duration_ms.unwrap();
        assert!((1950..=2150).contains(&length), "{out}: {length} ms");
        assert!(thumbnail_in(&bytes).is_err(), "{out}");
    }
}

#[test]
fn the_cover_of_a_sound_is_no_video() {
    let bytes = made::ffmpeg(
        "-f lavfi -i sine=d=1 -f lavfi -i testsrc=s=32x32:d=0.1:r=10 -map 0 -map 1 -frames:v 1 \
         -c:v mjpeg -disposition:v attached_pic -c:a aac",
        "a.m4a",
    );
    let found = look(&bytes).unwrap();
    assert_eq!((found.width, found.codec.as_deref()), (None, Some("aac")));
}

#[test]
fn a_video_on_its_side_comes_upright() {
    let table = "-i in.mp4 -metadata:s:v rotate=90 -c copy a.mp4";
    let bytes = made::of(("in.mp4", &mp4()), "ffmpeg", table, "a.mp4");
    let found = look(&bytes).unwrap();
    assert_eq!((found.width, found.height), (Some(48), Some(64)));
    let made = thumbnail_in(&bytes).unwrap();
    assert_eq!((made.width, made.height), (48, 64));
}

#[test]
fn a_frame_that_shows_something_is_found_behind_black() {
    // Ten seconds, of which a part in the middle is green.
    let bytes = made::ffmpeg(
        "-f lavfi -i color=black:s=64x48:r=5:d=10 \
         -vf drawbox=c=lime:t=fill:enable='between(t,4.5,8)' \
         -c:v libx264 -preset ultrafast -pix_fmt yuv420p",
        "a.mp4",
    );
    let green = pixel(&small(&bytes), 50, 50);
    assert!(green[1] > 200 && green[0] < 60, "{green:?}");
}

#[test]
fn a_video_that_is_black_throughout_has_a_thumbnail_all_the_same() {
    let bytes = made::ffmpeg(
        "-f lavfi -i color=black:s=64x48:r=5:d=2 -c:v libvpx",
        "a.webm",
    );
    assert_near(&pixel(&small(&bytes), 50, 50), &[0, 0, 0], 20);
}

#[test]
fn a_large_video_gets_a_thumbnail_of_512() {
    let bytes = made::ffmpeg(
        "-f lavfi -i testsrc=s=1280x720:r=5:d=0.4 -c:v mpeg4",
        "a.mov",
    );
    let made = thumbnail_in(&bytes).unwrap();
    assert_eq!((made.width, made.height), (512, 288));
    assert_eq!((made.source.width, made.source.height), (1280, 720));
}

/// A PDF of a page of 200×100, orange with a blue corner.
pub(super) fn pdf() -> Vec<u8> {
    let svg = br##"<svg xmlns="http://www.w3.org/2000/svg" width="200" height="100">
        <rect width="200" height="100" fill="#f08020"/><rect width="50" height="50" fill="#2040f0"/></svg>"##;
    made::of(
        ("in.svg", svg),
        "rsvg-convert",
        "-f pdf in.svg -o a.pdf",
        "a.pdf",
    )
}

#[test]
fn the_first_page_of_a_document_is_its_thumbnail() {
    let bytes = pdf();
    let found = look(&bytes).unwrap();
    assert_eq!(found.media_type, MediaType::Pdf);
    assert_eq!((found.width, found.duration_ms), (None, None));
    let made = thumbnail_in(&bytes).unwrap();
    assert_eq!((made.width, made.height), (512, 256));
    let picture = small(&bytes);
    assert_near(&pixel(&picture, 10, 20), &[0x20, 0x40, 0xf0], 12);
    assert_near(&pixel(&picture, 70, 70), &[0xf0, 0x80, 0x20], 12);
}

#[test]
fn a_broken_document_is_damaged() {
    let bytes = pdf();
    for broken in [&b"%PDF-1.7\nnothing"[..], &bytes[..40]] {
        let refused = thumbnail_in(broken).unwrap_err();
        assert!(matches!(refused, MediaError::Damaged { .. }), "{refused}");
    }
}
