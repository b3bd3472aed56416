//! Video and sound, through `ffprobe` and `ffmpeg` in processes of their own.
//!
//! Both are told the format that the first bytes announced, so that a file
//! cannot pick a playlist reader that would open other files, and may open
//! nothing but local files at all: the one that is handed to them as standard
//! input.

use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::time::Duration;

use serde_json::Value;

use crate::decode::fit;
use crate::probe::{damaged, refused_by};
use crate::subprocess::{Limits, Output, Program, Programs, run};
use crate::workspace::Workspace;
use crate::{Budget, MediaError, MediaType, Picture, ppm};

pub(crate) const FFPROBE: Program = Program {
    name: "ffprobe",
    package: "ffmpeg",
};
pub(crate) const FFMPEG: Program = Program {
    name: "ffmpeg",
    package: "ffmpeg",
};

/// The longest side of a frame that is handed over, in pixels.
const FRAME_SIDE: u32 = 1024;

/// Where a frame is looked for, in hundredths of the duration: titles fade in
/// at the start and out at the end.
const PLACES: [u64; 5] = [10, 30, 50, 75, 0];

/// The same for a file that does not tell its duration, in milliseconds.
const MOMENTS: [u64; 4] = [1_000, 0, 5_000, 15_000];

/// What a video or a sound says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Clip {
    /// The width in pixels, seen upright; `None` without a picture.
    pub width: Option<u32>,
    /// The height in pixels, seen upright; `None` without a picture.
    pub height: Option<u32>,
    /// How long it lasts, in milliseconds, where the file tells.
    pub duration_ms: Option<u64>,
    /// The codec of the picture, or else of the sound, as ffmpeg names it.
    pub codec: Option<String>,
    /// The number of the picture's stream.
    stream: Option<u64>,
}

/// Reads what a video or a sound says of itself.
///
/// # Errors
/// [`MediaError::ToolMissing`] without ffmpeg, [`MediaError::Damaged`] when it
/// cannot read the file or finds neither picture nor sound,
/// [`MediaError::TooManyPixels`] over the budget, [`MediaError::Unusable`] when
/// it takes too long.
pub fn probe_clip(
    file: &File,
    format: MediaType,
    budget: &Budget,
    programs: &Programs,
) -> Result<Clip, MediaError> {
    const ENTRIES: &str = "format=duration:\
        stream=index,codec_type,codec_name,width,height,duration:\
        stream_disposition=attached_pic:stream_side_data=rotation:stream_tags=rotate";
    let arguments = ["-show_entries", ENTRIES, "-of", "json"];
    let limits = Limits {
        wall: Duration::from_secs(10),
        cpu_seconds: 8,
        output_bytes: 1 << 20,
        ..Limits::default()
    };
    let done = run_on(file, format, FFPROBE, &[], &arguments, programs, &limits)?;
    if !done.status.success() {
        return Err(refused_by(format, &done));
    }
    let told: Value = serde_json::from_slice(&done.stdout)
        .map_err(|_| damaged(format, "nothing could be learned of it"))?;
    let mut clip = Clip::of(&told);
    let is_silent_picture = clip.width.is_none() && format.is_video();
    if clip.codec.is_none() || (is_silent_picture && clip.stream.is_some()) {
        return Err(damaged(format, "it has neither picture nor sound"));
    }
    if let (Some(width), Some(height)) = (clip.width, clip.height) {
        budget.check(width, height)?;
    }
    if let Some(told) = clip.duration_ms {
        let slowest = file.metadata()?.len().saturating_mul(1000) / SLOWEST;
        if told > slowest {
            clip.duration_ms = Some(believed(told, file, format, programs)?);
        }
    }
    Ok(clip)
}

/// Bytes a second, below which a file has to show that it lasts as long as it
/// tells. Speech has 750 at the least.
const SLOWEST: u64 = 1000;

/// How long a file lasts that has few bytes for what it tells: its packets are
/// counted, which takes no time, since they are few.
fn believed(
    told: u64,
    file: &File,
    format: MediaType,
    programs: &Programs,
) -> Result<u64, MediaError> {
    let arguments = [
        "-map",
        "0:v?",
        "-map",
        "0:a?",
        "-c",
        "copy",
        "-f",
        "null",
        "-progress",
        "pipe:1",
        "-",
    ];
    let limits = Limits {
        wall: Duration::from_secs(10),
        cpu_seconds: 8,
        output_bytes: 1 << 20,
        ..Limits::default()
    };
    let before = ["-nostdin"];
    let done = run_on(file, format, FFMPEG, &before, &arguments, programs, &limits)?;
    let printed = String::from_utf8_lossy(&done.stdout);
    let played = printed
        .lines()
        .filter_map(|line| line.strip_prefix("out_time_us=")?.parse::<u64>().ok())
        .next_back();
    // The last packet may be one of a still picture that stays for a while.
    Ok(match played.map(|microseconds| microseconds / 1000) {
        Some(played) if told > played * 2 + 2000 => played,
        _ => told,
    })
}

impl Clip {
    fn of(told: &Value) -> Self {
        let streams = told["streams"].as_array().map(Vec::as_slice);
        let of_kind = |kind: &str| {
            streams.unwrap_or_default().iter().find(|stream| {
                // A cover is a picture of the sound, not a video.
                stream["codec_type"] == kind && stream["disposition"]["attached_pic"] != 1
            })
        };
        let video = of_kind("video");
        let leading = video.or_else(|| of_kind("audio"));
        let side = |name: &str| {
            let side = video?[name].as_u64()?;
            u32::try_from(side).ok().filter(|side| *side > 0)
        };
        let (mut width, mut height) = (side("width"), side("height"));
        if video.is_some_and(is_on_its_side) {
            (width, height) = (height, width);
        }
        let duration = milliseconds(&told["format"]["duration"])
            .or_else(|| milliseconds(&leading?["duration"]));
        Self {
            width,
            height,
            duration_ms: duration,
            codec: leading
                .and_then(|stream| stream["codec_name"].as_str())
                .map(|name| name.chars().take(40).collect()),
            stream: video.and_then(|stream| stream["index"].as_u64()),
        }
    }

    /// The moments at which a frame is looked for, in milliseconds.
    fn moments(&self) -> Vec<u64> {
        match self.duration_ms {
            Some(duration) if duration > 0 => PLACES.map(|place| duration / 100 * place).to_vec(),
            _ => MOMENTS.to_vec(),
        }
    }
}

/// Whether a stream says that it is shown after a quarter turn.
fn is_on_its_side(stream: &Value) -> bool {
    let of_matrix = stream["side_data_list"]
        .as_array()
        .and_then(|list| list.iter().find_map(|data| data["rotation"].as_f64()));
    let of_tag = || stream["tags"]["rotate"].as_str()?.parse().ok();
    let angle: f64 = of_matrix.or_else(of_tag).unwrap_or(0.0);
    (angle.abs() % 180.0 - 90.0).abs() < 1.0
}

/// Seconds in words as milliseconds; nothing for what is not a duration.
fn milliseconds(seconds: &Value) -> Option<u64> {
    /// A thousand years: more is no duration, but a broken header.
    const MOST_SECONDS: f64 = 3.2e10;
    let seconds: f64 = seconds.as_str()?.parse().ok()?;
    (0.0..MOST_SECONDS)
        .contains(&seconds)
        .then(|| (seconds * 1000.0).round() as u64)
}

/// Takes a frame that shows something, upright, its longest side at most 1024
/// pixels; of a video that is black wherever one looks, the brightest.
///
/// # Errors
/// Those of [`probe_clip`], and [`MediaError::Damaged`] when there is no frame.
pub fn frame(
    file: &File,
    format: MediaType,
    clip: &Clip,
    budget: &Budget,
    programs: &Programs,
) -> Result<Picture, MediaError> {
    let (Some(width), Some(height), Some(stream)) = (clip.width, clip.height, clip.stream) else {
        return Err(MediaError::Unusable {
            format,
            reason: "it has sound alone".to_owned(),
        });
    };
    let (width, height) = fit(width, height, FRAME_SIDE);
    let scale = format!("scale={width}:{height}");
    let map = format!("0:{stream}");
    let arguments = [
        "-map",
        &map,
        "-frames:v",
        "1",
        "-vf",
        &scale,
        "-pix_fmt",
        "rgb24",
        "-c:v",
        "ppm",
        "-f",
        "image2pipe",
        "pipe:1",
    ];
    let limits = Limits {
        wall: Duration::from_secs(10),
        cpu_seconds: 8,
        output_bytes: 8 << 20,
        ..Limits::default()
    };
    let mut brightest: Option<(u32, Picture)> = None;
    let mut refusal = damaged(format, "it has no frame");
    for moment in clip.moments() {
        let seconds = format!("{}.{:03}", moment / 1000, moment % 1000);
        let before = ["-nostdin", "-threads", "1", "-ss", &seconds];
        let done = run_on(file, format, FFMPEG, &before, &arguments, programs, &limits)?;
        // A moment after the real end gives nothing, and an exit of zero.
        if done.stdout.is_empty() {
            if !done.status.success() {
                refusal = refused_by(format, &done);
            }
            continue;
        }
        let picture = ppm::read(&done.stdout, format, budget)?;
        let light = lightness(&picture);
        if light >= LIGHT_ENOUGH {
            return Ok(picture);
        }
        if brightest.as_ref().is_none_or(|(most, _)| light > *most) {
            brightest = Some((light, picture));
        }
    }
    brightest.map(|(_, picture)| picture).ok_or(refusal)
}

/// The pixels of a picture as a PNG, for the kinds that are too rare for a
/// reader here.
pub(crate) fn rare_picture(
    file: &File,
    format: MediaType,
    programs: &Programs,
) -> Result<Vec<u8>, MediaError> {
    let arguments = [
        "-frames:v",
        "1",
        "-c:v",
        "png",
        "-f",
        "image2pipe",
        "pipe:1",
    ];
    let limits = Limits {
        output_bytes: 256 << 20,
        ..Limits::default()
    };
    let before = ["-nostdin", "-threads", "1"];
    let done = run_on(file, format, FFMPEG, &before, &arguments, programs, &limits)?;
    if !done.status.success() || done.stdout.is_empty() {
        return Err(refused_by(format, &done));
    }
    Ok(done.stdout)
}

/// Thousandths of the pixels that have to be brighter than black.
const LIGHT_ENOUGH: u32 = 20;

/// How many thousandths of the pixels are brighter than black, which is 16 in
/// most videos and noisy.
fn lightness(picture: &Picture) -> u32 {
    let (pixels, _) = picture.pixels().as_chunks::<3>();
    let bright = pixels
        .iter()
        .filter(|pixel| pixel.iter().any(|sample| *sample > 40));
    (bright.count() * 1000 / pixels.len().max(1)) as u32
}

/// Runs one of ffmpeg's programs on a file of a known format.
fn run_on(
    file: &File,
    format: MediaType,
    program: Program,
    before: &[&str],
    after: &[&str],
    programs: &Programs,
    limits: &Limits,
) -> Result<Output, MediaError> {
    let demuxer = match format {
        MediaType::WebM | MediaType::Matroska => "matroska",
        MediaType::Mp3 => "mp3",
        MediaType::Wav => "wav",
        MediaType::Flac => "flac",
        MediaType::Ogg => "ogg",
        MediaType::Mp4 | MediaType::QuickTime | MediaType::M4a => "mov",
        MediaType::Tiff => "tiff_pipe",
        other => return Err(MediaError::Unsupported { found: Some(other) }),
    };
    let mut arguments = vec!["-v", "error", "-protocol_whitelist", "file", "-f", demuxer];
    arguments.extend_from_slice(before);
    arguments.extend_from_slice(&["-i", "file:/dev/stdin"]);
    arguments.extend_from_slice(after);
    let mut input = file.try_clone()?;
    // Where opening standard input does not open the file anew, the place in
    // it is shared.
    input.seek(SeekFrom::Start(0))?;
    let folder = Workspace::new()?;
    run(
        programs,
        program,
        &arguments,
        Some(input),
        folder.path(),
        limits,
    )
    .map_err(|error| MediaError::of_run(format, error))
}
