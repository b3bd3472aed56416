//! Files made by the encoders that people use.

use std::fs;
use std::process::Command;

/// What an encoder makes of `input`, a file of that name: the bytes of `out`.
/// The words of the arguments are separated by white space.
pub(super) fn of(input: (&str, &[u8]), program: &str, arguments: &str, out: &str) -> Vec<u8> {
    of_files(&[input], program, arguments, out)
}

/// The same of several files.
fn of_files(inputs: &[(&str, &[u8])], program: &str, arguments: &str, out: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in inputs {
        fs::write(folder.path().join(name), bytes).unwrap();
    }
    let done = Command::new(program)
        .args(arguments.split_whitespace())
        .current_dir(folder.path())
        .output()
        .unwrap_or_else(|error| panic!("{program} cannot be run, see scripts/setup.sh: {error}"));
    let words = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {arguments}: {words}");
    fs::read(folder.path().join(out)).unwrap()
}

/// What ffmpeg makes of sources of its own.
pub(super) fn ffmpeg(arguments: &str, out: &str) -> Vec<u8> {
    let arguments = format!("-v error -threads 1 {arguments} {out}");
    of(("none", b""), "ffmpeg", &arguments, out)
}

/// What ffmpeg makes of a picture.
pub(super) fn ffmpeg_of(png: &[u8], arguments: &str, out: &str) -> Vec<u8> {
    let arguments = format!("-v error -i in.png {arguments} {out}");
    of(("in.png", png), "ffmpeg", &arguments, out)
}

/// A HEIC (`out` ends so) or an AVIF of a PNG.
pub(super) fn heif(png: &[u8], arguments: &str, out: &str) -> Vec<u8> {
    let codec = if out.ends_with("avif") { "-A" } else { "" };
    let arguments = format!("{codec} {arguments} in.png -o {out}");
    of(("in.png", png), "heif-enc", &arguments, out)
}

/// A HEIC or an AVIF of two PNGs, which shows both; the first is the primary one.
pub(super) fn heif_of_two(pngs: [&[u8]; 2], out: &str) -> Vec<u8> {
    let codec = if out.ends_with("avif") { "-A" } else { "" };
    let arguments = format!("{codec} -q 90 one.png two.png -o {out}");
    let files = [("one.png", pngs[0]), ("two.png", pngs[1])];
    of_files(&files, "heif-enc", &arguments, out)
}

/// What libvips saves a picture as.
pub(super) fn vips(png: &[u8], arguments: &str, out: &str) -> Vec<u8> {
    let arguments = format!("copy in.png {out}{arguments}");
    of(("in.png", png), "vips", &arguments, out)
}
