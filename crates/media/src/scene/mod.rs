//! Puts a subject into another picture, so that it looks taken there.
//!
//! The scene is cut to the shape of the subject's picture and loses sharpness
//! behind the subject, as it does behind a lens. The subject stands on the
//! ground at a plausible size, in the scene's light and colour, with a shadow
//! at its foot.

mod layout;
mod light;

use crate::plane::{Plane, smoothstep};
use crate::pyramid::Pyramid;
use crate::resize::{Part, resize};
use crate::rows::each_row;
use crate::shadow::{Place, SHADOW_SIDE, Shadow};
use crate::subject::Bounds;
use crate::{Channels, MediaError, Picture};
use layout::Layout;
use light::Match;

/// The longest side at which the scene is kept; behind the subject it is not
/// sharp anyway.
const SCENE_SIDE: u32 = 2048;
/// How unsharp the scene is at the subject's foot and far behind it, as parts
/// of the longer side.
const BLUR_NEAR: f32 = 0.0007;
const BLUR_FAR: f32 = 0.0042;
/// How much of the scene's light wraps around the subject's edge.
const WRAP: f32 = 0.30;

/// Puts the subject of `cutout`, whose box is `bounds`, into `scene`. The result
/// has the sides of the cut-out.
///
/// # Errors
/// [`MediaError::Shape`] when `bounds` are not those of the cut-out.
pub fn place(cutout: Picture, bounds: Bounds, scene: Picture) -> Result<Picture, MediaError> {
    let (width, height) = (cutout.width(), cutout.height());
    let scene = cropped(scene, width, height)?;
    let layout = Layout::of(bounds, width, height, layout::horizon(&scene));
    let part = Part {
        left: f64::from(bounds.left),
        top: f64::from(bounds.top),
        width: f64::from(bounds.width()),
        height: f64::from(bounds.height()),
    };
    let mut subject = resize(cutout.into_rgba(), part, (layout.width, layout.height))?;
    Match::between(&subject, &scene, &layout).apply(&mut subject);
    compose(&subject, &scene, &layout)
}

/// The scene in the shape of the result: its middle, and rather more of its
/// lower part, where the ground is.
fn cropped(scene: Picture, width: u32, height: u32) -> Result<Picture, MediaError> {
    let (from_width, from_height) = (f64::from(scene.width()), f64::from(scene.height()));
    let aspect = f64::from(width) / f64::from(height);
    let wide = from_width.min(from_height * aspect);
    let high = from_height.min(from_width / aspect);
    let part = Part {
        left: (from_width - wide) * 0.5,
        top: (from_height - high) * 0.62,
        width: wide,
        height: high,
    };
    let longest = width.max(height);
    let side = |side: u32| {
        let small = u64::from(side) * u64::from(SCENE_SIDE.min(longest)) / u64::from(longest);
        (small as u32).max(1)
    };
    resize(scene.on_white(), part, (side(width), side(height)))
}

/// A place in the frame, from 0 to 1, at the subject's own size.
struct Silhouette<'a> {
    subject: &'a Picture,
    layout: &'a Layout,
}

impl Silhouette<'_> {
    /// How much of a pixel of the frame the subject covers, and in which colour.
    fn at(&self, x: usize, y: usize) -> [u8; 4] {
        let x = x as i64 - i64::from(self.layout.left);
        let y = y as i64 - i64::from(self.layout.top);
        let is_inside = (0..i64::from(self.layout.width)).contains(&x)
            && (0..i64::from(self.layout.height)).contains(&y);
        if !is_inside {
            return [0; 4];
        }
        let at = x as usize * 4;
        let row = self.subject.row(y as u32);
        [row[at], row[at + 1], row[at + 2], row[at + 3]]
    }

    /// The outline at a small size, for what is soft.
    fn small(&self) -> Plane {
        let (width, height) = (self.layout.frame.0 as usize, self.layout.frame.1 as usize);
        let longest = width.max(height);
        let side = |side: usize| (side * SHADOW_SIDE.min(longest) / longest).max(1);
        let (wide, high) = (side(width), side(height));
        Plane::from_fn(wide, high, |x, y| {
            let alpha = self.at(x * width / wide, y * height / high)[3];
            f32::from(alpha) / 255.0
        })
    }
}

fn compose(subject: &Picture, scene: &Picture, layout: &Layout) -> Result<Picture, MediaError> {
    let (width, height) = layout.frame;
    let silhouette = Silhouette { subject, layout };
    let outline = silhouette.small();
    let place = Place::of(&outline);
    let shadow = (!layout.is_cut).then(|| Shadow::of(&outline, place));
    let inside = outline.softened(outline.width.max(outline.height) as f32 * 0.004);
    let backdrop = Backdrop::of(scene, layout);
    let stride = width as usize * 3;
    let mut pixels = vec![0; stride * height as usize];
    each_row(&mut pixels, stride, |y, row| {
        let v = (y as f32 + 0.5) / height as f32;
        for (x, target) in row.chunks_exact_mut(3).enumerate() {
            let u = (x as f32 + 0.5) / width as f32;
            let [red, green, blue, alpha] = silhouette.at(x, y);
            let alpha = f32::from(alpha) / 255.0;
            let behind = backdrop.at(u, v, place.bottom);
            let dark = shadow.as_ref().map_or(0.0, |shadow| shadow.at(u, v));
            // Light of the scene creeps around the edge, where little of the
            // subject is near.
            let wrap = WRAP * smoothstep(0.5, 0.0, inside.sample(u, v) - 0.5);
            let own = [red, green, blue].map(f32::from);
            for channel in 0..3 {
                let lit = own[channel] + (behind[channel].max(own[channel]) - own[channel]) * wrap;
                let ground = behind[channel] * (1.0 - dark);
                let value = lit * alpha + ground * (1.0 - alpha);
                target[channel] = value.round().clamp(0.0, 255.0) as u8;
            }
        }
    });
    Picture::new(width, height, Channels::Rgb, pixels)
}

/// The scene out of focus: most of all where it is far.
struct Backdrop<'a> {
    scene: &'a Picture,
    pyramid: Pyramid,
    horizon: f32,
}

impl<'a> Backdrop<'a> {
    fn of(scene: &'a Picture, layout: &Layout) -> Self {
        let (width, height) = (scene.width() as usize, scene.height() as usize);
        let pyramid = Pyramid::build(width, height, |x, y| {
            let at = (y * width + x) * 3;
            let pixel = &scene.pixels()[at..at + 3];
            [pixel[0], pixel[1], pixel[2], 1].map(f32::from)
        });
        Self {
            scene,
            pyramid,
            horizon: layout.horizon,
        }
    }

    fn at(&self, u: f32, v: f32, foot: f32) -> [f32; 3] {
        let (width, height) = (self.scene.width() as f32, self.scene.height() as f32);
        let far = smoothstep(foot, self.horizon.min(foot - 0.05), v);
        let blur = (BLUR_NEAR + (BLUR_FAR - BLUR_NEAR) * far) * width.max(height);
        let soft = self.pyramid.sample(u * width, v * height, blur.max(1.42));
        if blur >= 1.42 {
            return soft;
        }
        let sharp = self.sharp(u * width - 0.5, v * height - 0.5);
        let share = blur / 1.42;
        [0, 1, 2].map(|channel: usize| sharp[channel] + (soft[channel] - sharp[channel]) * share)
    }

    /// The scene itself, between the four pixels around a place.
    fn sharp(&self, x: f32, y: f32) -> [f32; 3] {
        let x = x.clamp(0.0, (self.scene.width() - 1) as f32);
        let y = y.clamp(0.0, (self.scene.height() - 1) as f32);
        let (left, top) = (x as u32, y as u32);
        let (across, down) = (x - left as f32, y - top as f32);
        let read = |x: u32, y: u32| {
            let row = self.scene.row(y.min(self.scene.height() - 1));
            let at = x.min(self.scene.width() - 1) as usize * 3;
            [0, 1, 2].map(|channel: usize| f32::from(row[at + channel]))
        };
        let corners = [
            read(left, top),
            read(left + 1, top),
            read(left, top + 1),
            read(left + 1, top + 1),
        ];
        [0, 1, 2].map(|channel: usize| {
            let upper = corners[0][channel] + (corners[1][channel] - corners[0][channel]) * across;
            let lower = corners[2][channel] + (corners[3][channel] - corners[2][channel]) * across;
            upper + (lower - upper) * down
        })
    }
}
