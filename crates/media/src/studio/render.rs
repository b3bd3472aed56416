//! Renders a studio around a subject: wall, floor line, falloff, shadow.
//!
//! The light stands over the subject, and the wall runs into the floor behind
//! its foot.

use super::StudioScene;
use crate::Picture;
use crate::compose::over;
use crate::plane::smoothstep;
use crate::shadow::{Place, Shadow, small_alpha};

pub(super) fn render(scene: &StudioScene, cutout: &Picture) -> Picture {
    let alpha = small_alpha(cutout);
    let place = Place::of(&alpha);
    let shadow = scene.has_floor.then(|| Shadow::of(&alpha, place));
    let (width, height) = (cutout.width() as f32, cutout.height() as f32);
    over(cutout, |x, y| {
        let (u, v) = ((x as f32 + 0.5) / width, (y as f32 + 0.5) / height);
        let mut colour = backdrop(scene, place, u, v);
        if let Some(shadow) = &shadow {
            let dark = shadow.at(u, v);
            colour = colour.map(|channel| channel * (1.0 - dark));
        }
        colour.map(|channel| channel * 255.0)
    })
}

/// The wall and the floor, sRGB from 0 to 1.
fn backdrop(scene: &StudioScene, place: Place, u: f32, v: f32) -> [f32; 3] {
    let along = if scene.is_sideways { u } else { v };
    let mix = smoothstep(0.0, 1.0, along);
    let base = [0, 1, 2].map(|at: usize| scene.top[at] + (scene.bottom[at] - scene.top[at]) * mix);
    // The light stands over the subject and falls off towards the corners.
    let (centre_u, centre_v) = (
        0.5 * (place.left + place.right),
        0.5 * (place.top + place.bottom),
    );
    let (du, dv) = (u - (0.5 + centre_u) * 0.5, v - (0.45 + centre_v) * 0.5);
    let falloff = smoothstep(0.25, 0.95, (du * du + dv * dv).sqrt());
    let brightness = (base[0] + base[1] + base[2]) / 3.0;
    // A bright studio is kept bright; a dark one shows the pool of light.
    let mut shade = 1.0 - falloff * (0.07 + 0.25 * (1.0 - brightness));
    let mut lift = (1.0 - falloff) * 0.05 * (1.0 - brightness);
    if scene.has_floor {
        // The wall runs into the floor behind the subject's foot, as paper does
        // that is not folded: the line is a soft change of light.
        let line = place.bottom - 0.22 * (place.bottom - place.top);
        let floor = smoothstep(line - 0.10, line + 0.06, v);
        let crease = (-((v - line) / 0.07).powi(2)).exp();
        shade *= 1.0 - 0.030 * crease - 0.012 * (1.0 - floor);
        lift += 0.03 * floor * (1.0 - brightness);
    }
    base.map(|channel| channel * shade + lift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Channels;

    fn block(width: u32, height: u32, is_inside: impl Fn(u32, u32) -> bool) -> Picture {
        let mut pixels = Vec::new();
        for y in 0..height {
            for x in 0..width {
                pixels.extend(if is_inside(x, y) {
                    [200, 40, 40, 255]
                } else {
                    [0, 0, 0, 0]
                });
            }
        }
        Picture::new(width, height, Channels::Rgba, pixels).unwrap()
    }

    fn luma_at(picture: &Picture, x: u32, y: u32) -> u32 {
        let at = ((y * picture.width() + x) * 3) as usize;
        picture.pixels()[at..at + 3]
            .iter()
            .map(|value| u32::from(*value))
            .sum()
    }

    #[test]
    fn a_white_studio_is_white_with_a_shadow_at_the_foot() {
        let cutout = block(200, 200, |x, y| {
            (70..130).contains(&x) && (60..150).contains(&y)
        });
        let scene = StudioScene::from_prompt("white studio").unwrap();
        let picture = scene.render(&cutout);
        assert!(luma_at(&picture, 100, 20) > 3 * 240, "the wall is bright");
        let foot = luma_at(&picture, 100, 152);
        assert!(foot + 150 < luma_at(&picture, 100, 20), "{foot}");
        assert!(
            luma_at(&picture, 10, 152) > foot + 100,
            "the shadow stays with the subject"
        );
        assert_eq!(luma_at(&picture, 100, 100), 280, "the subject is untouched");
        assert_eq!(picture, scene.render(&cutout), "the same every time");
    }

    #[test]
    fn a_subject_that_is_cut_off_has_no_shadow() {
        let cutout = block(100, 100, |x, y| (30..70).contains(&x) && y >= 40);
        let picture = StudioScene::from_prompt("white studio")
            .unwrap()
            .render(&cutout);
        assert!(luma_at(&picture, 27, 95) > 3 * 225);
    }

    #[test]
    fn every_shape_of_picture_is_rendered() {
        let scene = StudioScene::from_prompt("gradient from navy to black").unwrap();
        for (width, height) in [(1, 1), (1, 300), (900, 2)] {
            for inside in [true, false] {
                let picture = scene.render(&block(width, height, |_, _| inside));
                assert_eq!((picture.width(), picture.height()), (width, height));
            }
        }
    }
}
