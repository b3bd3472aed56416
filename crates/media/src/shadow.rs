//! The shadow that a subject throws on the floor it stands on.
//!
//! It is made of the subject's own outline: moved down a little and softened
//! twice, narrow and dark where the subject touches the floor, wide and faint
//! around it. A subject that the picture's bottom cuts off stands on no floor
//! that could be seen, and has no shadow there.

use crate::plane::{Plane, smoothstep};
use crate::{Channels, Picture};

/// The longest side at which shadows are computed, in pixels; they are soft.
pub(crate) const SHADOW_SIDE: usize = 640;

/// Where the subject stands, in the unit square.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) left: f32,
    pub(crate) right: f32,
    pub(crate) top: f32,
    pub(crate) bottom: f32,
}

impl Place {
    pub(crate) fn of(alpha: &Plane) -> Self {
        let mut place = Self {
            left: 1.0,
            right: 0.0,
            top: 1.0,
            bottom: 0.0,
        };
        for (at, value) in alpha.data.iter().enumerate() {
            if *value > 0.5 {
                let u = (at % alpha.width) as f32 / alpha.width as f32;
                let v = (at / alpha.width) as f32 / alpha.height as f32;
                place.left = place.left.min(u);
                place.right = place.right.max(u);
                place.top = place.top.min(v);
                place.bottom = place.bottom.max(v);
            }
        }
        if place.right < place.left {
            return Self {
                left: 0.3,
                right: 0.7,
                top: 0.3,
                bottom: 0.8,
            };
        }
        place
    }
}

/// The subject's shadow on the floor, 0 to 1.
pub(crate) struct Shadow {
    contact: Plane,
    wide: Plane,
}

impl Shadow {
    pub(crate) fn of(alpha: &Plane, place: Place) -> Self {
        let size = alpha.width.max(alpha.height) as f32;
        let tall = place.bottom - place.top;
        // Only the lower part is near enough to the floor to darken it.
        let low = Plane::from_fn(alpha.width, alpha.height, |x, y| {
            let v = y as f32 / alpha.height as f32;
            alpha.data[y * alpha.width + x]
                * smoothstep(place.top + 0.35 * tall, place.bottom - 0.1 * tall, v)
        });
        let is_cut = place.bottom > 1.0 - 1.5 / alpha.height as f32;
        let strength = if is_cut { 0.0 } else { 1.0 };
        let drop = |by: f32, deviation: f32, weight: f32| {
            let moved = Plane::from_fn(alpha.width, alpha.height, |x, y| {
                let from = y as f32 - by * size;
                if from < 0.0 {
                    0.0
                } else {
                    low.data[(from as usize).min(alpha.height - 1) * alpha.width + x] * weight
                }
            });
            moved.softened(deviation * size)
        };
        Self {
            contact: drop(0.008, 0.0055, 0.50 * strength),
            wide: drop(0.028, 0.026, 0.34 * strength),
        }
    }

    pub(crate) fn at(&self, u: f32, v: f32) -> f32 {
        let contact = self.contact.sample(u, v);
        let wide = self.wide.sample(u, v);
        // Two shadows of one light: together they never reach black.
        (1.0 - (1.0 - contact) * (1.0 - wide)).min(0.75)
    }
}

pub(crate) fn small_alpha(cutout: &Picture) -> Plane {
    let (width, height) = (cutout.width() as usize, cutout.height() as usize);
    let longest = width.max(height);
    let scale = |side: usize| {
        if longest <= SHADOW_SIDE {
            side
        } else {
            (side * SHADOW_SIDE / longest).max(1)
        }
    };
    let (small_width, small_height) = (scale(width), scale(height));
    let is_rgba = cutout.channels() == Channels::Rgba;
    Plane::from_fn(small_width, small_height, |x, y| {
        if !is_rgba {
            return 1.0;
        }
        let (from_x, from_y) = (x * width / small_width, y * height / small_height);
        f32::from(cutout.pixels()[(from_y * width + from_x) * 4 + 3]) / 255.0
    })
}
