//! Real files of every type that is taken, small, made by the programs that
//! people make them with; once for each test executable.

use std::fmt::Write;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

/// The sides of every picture and every video.
pub const SIDES: (u32, u32) = (128, 96);
/// About how long every video and every sound lasts, in milliseconds.
pub const DURATION_MS: u64 = 1000;

/// A file.
#[derive(Debug)]
pub struct Sample {
    /// Its type.
    pub mime_type: &'static str,
    /// A name for it.
    pub name: &'static str,
    /// What sort of thing it is.
    pub asset_type: &'static str,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Name, type, kind of asset, and what ffmpeg is told to make it; files without
/// words for it are made in other ways.
type Row = (&'static str, &'static str, &'static str, &'static str);

const PICTURE: &str = "-map 0:v -frames:v 1 -update 1";

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("a.jpg", "image/jpeg", "image", ""),
    ("a.png", "image/png", "image", ""),
    ("a.webp", "image/webp", "image", "-c:v libwebp"),
    ("a.gif", "image/gif", "image", "-map 0:v -frames:v 2 -pix_fmt rgb8"),
    ("a.bmp", "image/bmp", "image", ""),
    ("a.tiff", "image/tiff", "image", "-pix_fmt rgb24"),
    ("a.avif", "image/avif", "image", ""),
    ("a.heic", "image/heic", "image", ""),
    ("a.svg", "image/svg+xml", "image", ""),
    ("a.mp4", "video/mp4", "video", "-map 0:v -map 1:a -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -movflags +faststart"),
    ("a.mov", "video/quicktime", "video", "-map 0:v -map 1:a -c:v mpeg4 -c:a pcm_s16le"),
    ("a.webm", "video/webm", "video", "-map 0:v -map 1:a -c:v libvpx -deadline realtime -c:a libvorbis"),
    ("a.mkv", "video/x-matroska", "video", "-map 0:v -map 1:a -c:v mpeg4 -c:a aac"),
    ("a.mp3", "audio/mpeg", "audio", "-map 1:a -c:a libmp3lame"),
    ("a.wav", "audio/wav", "audio", "-map 1:a"),
    ("a.flac", "audio/flac", "audio", "-map 1:a"),
    ("a.ogg", "audio/ogg", "audio", "-map 1:a -c:a libvorbis"),
    ("a.m4a", "audio/mp4", "audio", "-map 1:a -c:a aac"),
    ("a.pdf", "application/pdf", "document", ""),
    ("a.zip", "application/zip", "archive", ""),
];

/// One of every type.
pub fn all() -> &'static [Sample] {
    static MADE: LazyLock<Vec<Sample>> = LazyLock::new(make);
    &MADE
}

/// The one of a type.
#[track_caller]
pub fn of(mime_type: &str) -> &'static [u8] {
    let found = all().iter().find(|sample| sample.mime_type == mime_type);
    &found
        .unwrap_or_else(|| panic!("there is no sample of {mime_type}"))
        .bytes
}

/// A video that lasts ten hours, and has ten frames.
pub fn video_of_ten_hours() -> &'static [u8] {
    static MADE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let folder = tempfile::tempdir().unwrap();
        let source = format!("testsrc2=s={}x{}:r=1/3600:d=36000", SIDES.0, SIDES.1);
        let made = "-frames:v 10 -c:v mpeg4 long.mp4";
        ffmpeg(folder.path(), &["-f", "lavfi", "-i", &source], made);
        read(folder.path(), "long.mp4")
    });
    &MADE
}

/// A PDF of one red page; one that is locked opens with a password that nobody
/// knows.
pub fn pdf(is_locked: bool) -> Vec<u8> {
    let content = "1 0 0 rg 0 0 200 100 re f";
    let unknown = "5a".repeat(32);
    let objects = [
        "<</Type/Catalog/Pages 2 0 R>>".to_owned(),
        "<</Type/Pages/Kids[3 0 R]/Count 1>>".to_owned(),
        "<</Type/Page/Parent 2 0 R/MediaBox[0 0 200 100]/Contents 4 0 R>>".to_owned(),
        format!("<</Length {}>>stream\n{content}\nendstream", content.len()),
        format!("<</Filter/Standard/V 1/R 2/Length 40/P -4/O<{unknown}>/U<{unknown}>>>"),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut table = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
    for (index, object) in objects.iter().enumerate() {
        let _ = writeln!(table, "{:010} 00000 n ", file.len());
        let _ = writeln!(file, "{} 0 obj{object}\nendobj", index + 1);
    }
    let lock = format!("/Encrypt 5 0 R/ID[<{unknown}><{unknown}>]");
    let lock = if is_locked { &lock } else { "" };
    let start = file.len();
    let count = objects.len() + 1;
    let _ = write!(
        file,
        "{table}trailer<</Size {count}/Root 1 0 R{lock}>>\nstartxref\n{start}\n%%EOF\n"
    );
    file.into_bytes()
}

fn make() -> Vec<Sample> {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let source = format!("testsrc2=s={}x{}:r=10:d=1", SIDES.0, SIDES.1);
    let inputs = [
        "-f", "lavfi", "-i", &source, "-f", "lavfi", "-i", "sine=d=1",
    ];
    let mut outputs = String::new();
    for (name, mime_type, kind, how) in ROWS {
        let by_others = ["image/avif", "image/heic", "image/svg+xml"];
        if !matches!(*kind, "image" | "video" | "audio") || by_others.contains(mime_type) {
            continue;
        }
        let first = if how.contains("-map") { "" } else { PICTURE };
        let _ = write!(outputs, "{first} {how} {name} ");
    }
    ffmpeg(folder, &inputs, &outputs);
    run(folder, "heif-enc", &["-o", "a.heic", "a.png"]);
    run(folder, "heif-enc", &["-A", "-o", "a.avif", "a.png"]);
    let sample = |&(name, mime_type, asset_type, _): &Row| Sample {
        mime_type,
        name,
        asset_type,
        bytes: match mime_type {
            "image/svg+xml" => svg().into_bytes(),
            "application/pdf" => pdf(false),
            "application/zip" => zip(),
            _ => read(folder, name),
        },
    };
    ROWS.iter().map(sample).collect()
}

fn svg() -> String {
    let (width, height) = SIDES;
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}"><rect width="100%" height="100%" fill="#0a0"/></svg>"##
    )
}

/// An archive of one empty file, whose checksum is zero.
fn zip() -> Vec<u8> {
    let name = b"a.txt";
    let mut local = b"PK\x03\x04\x0a\0\0\0\0\0".to_vec();
    local.extend_from_slice(&[0; 16]);
    local.extend_from_slice(&[5, 0, 0, 0]);
    local.extend_from_slice(name);
    let mut central = b"PK\x01\x02\x0a\0\x0a\0\0\0\0\0".to_vec();
    central.extend_from_slice(&[0; 16]);
    central.extend_from_slice(&[5, 0]);
    central.extend_from_slice(&[0; 16]);
    central.extend_from_slice(name);
    let mut end = b"PK\x05\x06\0\0\0\0\x01\0\x01\0".to_vec();
    end.extend_from_slice(&(central.len() as u32).to_le_bytes());
    end.extend_from_slice(&(local.len() as u32).to_le_bytes());
    end.extend_from_slice(&[0, 0]);
    [local, central, end].concat()
}

fn ffmpeg(folder: &Path, inputs: &[&str], outputs: &str) {
    let arguments = ["-v", "error", "-nostdin", "-y"];
    let arguments: Vec<&str> = arguments
        .into_iter()
        .chain(inputs.iter().copied())
        .chain(outputs.split_whitespace())
        .collect();
    run(folder, "ffmpeg", &arguments);
}

fn run(folder: &Path, program: &str, arguments: &[&str]) {
    let done = Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; `make setup` installs it"));
    assert!(
        done.status.success(),
        "{program}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
}

fn read(folder: &Path, name: &str) -> Vec<u8> {
    std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}
