//! libwebp behind safe functions: the only file of this crate with `unsafe`.
//!
//! Both functions hand the library buffers that Rust owns and whose sizes are
//! checked here, and free whatever the library allocated on every path.
#![expect(unsafe_code, reason = "libwebp has a C interface")]

use std::ptr;

use libwebp_sys as ffi;

use crate::{Channels, MediaError, MediaType, Picture};

/// The longest side that the format can carry.
pub(crate) const MAX_SIDE: u32 = 16_383;

/// Decodes one still WebP of the stored sides `from`, scaled to the sides `to`.
pub(crate) fn decode(
    webp: &[u8],
    from: (u32, u32),
    to: (u32, u32),
    channels: Channels,
) -> Result<Picture, MediaError> {
    let damaged = |reason: &str| MediaError::Damaged {
        format: MediaType::WebP,
        reason: reason.to_owned(),
    };
    let Ok(mut config) = ffi::WebPDecoderConfig::new() else {
        return Err(damaged("the decoder could not be set up"));
    };
    // SAFETY: the pointer and the length are those of a live slice, and
    // `config.input` is a live struct of the type that is written.
    let status = unsafe { ffi::WebPGetFeatures(webp.as_ptr(), webp.len(), &raw mut config.input) };
    let found = (config.input.width, config.input.height);
    if status != ffi::VP8StatusCode::VP8_STATUS_OK {
        return Err(damaged(reason(status)));
    }
    // The frame may claim other sides than the container that was checked
    // against the budget.
    if found != (from.0 as i32, from.1 as i32) {
        return Err(damaged("its frame does not have the announced size"));
    }
    let stride = to.0 as usize * channels.count();
    let mut pixels = vec![0; stride * to.1 as usize];
    config.options.use_scaling = i32::from(from != to);
    config.options.scaled_width = to.0 as i32;
    config.options.scaled_height = to.1 as i32;
    config.output.colorspace = match channels {
        Channels::Rgb => ffi::WEBP_CSP_MODE::MODE_RGB,
        Channels::Rgba => ffi::WEBP_CSP_MODE::MODE_RGBA,
    };
    config.output.width = to.0 as i32;
    config.output.height = to.1 as i32;
    config.output.is_external_memory = 1;
    config.output.u.RGBA = ffi::WebPRGBABuffer {
        rgba: pixels.as_mut_ptr(),
        stride: stride as i32,
        size: pixels.len(),
    };
    // SAFETY: the input is a live slice; the output buffer is `pixels`, which
    // outlives the call and whose size the library checks against the sides.
    let status = unsafe { ffi::WebPDecode(webp.as_ptr(), webp.len(), &raw mut config) };
    // SAFETY: the buffer was set up above; external memory is left alone.
    unsafe { ffi::WebPFreeDecBuffer(&raw mut config.output) };
    if status != ffi::VP8StatusCode::VP8_STATUS_OK {
        return Err(damaged(reason(status)));
    }
    Picture::new(to.0, to.1, channels, pixels)
}

const fn reason(status: ffi::VP8StatusCode) -> &'static str {
    use ffi::VP8StatusCode as Status;
    match status {
        Status::VP8_STATUS_OUT_OF_MEMORY => "there is not enough memory for it",
        Status::VP8_STATUS_UNSUPPORTED_FEATURE => "it uses an unknown feature",
        Status::VP8_STATUS_SUSPENDED | Status::VP8_STATUS_NOT_ENOUGH_DATA => "it ends too early",
        _ => "its pixels cannot be decoded",
    }
}

/// Encodes with the given quality (0–100) and effort (0 fast – 6 slow).
pub(crate) fn encode(picture: &Picture, quality: f32, effort: i32) -> Result<Vec<u8>, MediaError> {
    let refused = |reason: String| MediaError::Encode {
        format: MediaType::WebP,
        reason,
    };
    if picture.width().max(picture.height()) > MAX_SIDE {
        return Err(refused(format!("a side is longer than {MAX_SIDE} pixels")));
    }
    let (Ok(mut config), Ok(mut frame)) = (ffi::WebPConfig::new(), ffi::WebPPicture::new()) else {
        return Err(refused("the encoder could not be set up".to_owned()));
    };
    config.quality = quality.clamp(0.0, 100.0);
    config.method = effort.clamp(0, 6);
    frame.width = picture.width() as i32;
    frame.height = picture.height() as i32;
    let stride = picture.stride() as i32;
    let pixels = picture.pixels().as_ptr();
    let mut writer = ffi::WebPMemoryWriter {
        mem: ptr::null_mut(),
        size: 0,
        max_size: 0,
        pad: [0],
    };
    frame.writer = Some(ffi::WebPMemoryWrite);
    frame.custom_ptr = (&raw mut writer).cast();
    // SAFETY: a `Picture` holds `height` rows of `stride` bytes, and the sides
    // given to the library are the picture's. `writer` lives, unmoved, until
    // the end of this function, and `WebPMemoryWrite` expects just that type.
    let done = unsafe {
        let imported = match picture.channels() {
            Channels::Rgb => ffi::WebPPictureImportRGB(&raw mut frame, pixels, stride),
            Channels::Rgba => ffi::WebPPictureImportRGBA(&raw mut frame, pixels, stride),
        };
        imported != 0 && ffi::WebPEncode(&raw const config, &raw mut frame) != 0
    };
    let written = if done && !writer.mem.is_null() {
        // SAFETY: the writer holds `size` initialised bytes at `mem`.
        Ok(unsafe { std::slice::from_raw_parts(writer.mem, writer.size) }.to_vec())
    } else {
        Err(refused(format!("{:?}", frame.error_code)))
    };
    // SAFETY: both were set up above and are not used again.
    unsafe {
        ffi::WebPPictureFree(&raw mut frame);
        ffi::WebPMemoryWriterClear(&raw mut writer);
    }
    written
}

/// Decodes a lossy file to the planes that it holds.
#[cfg(test)]
pub(crate) fn decode_planes(webp: &[u8]) -> Option<crate::planes::Planes> {
    let (mut width, mut height, mut stride, mut half_stride) = (0, 0, 0, 0);
    let (mut blue, mut red) = (ptr::null_mut(), ptr::null_mut());
    // SAFETY: the input is a live slice, and each of the others a live place for
    // what the library tells of the planes that it allocates.
    let luma = unsafe {
        ffi::WebPDecodeYUV(
            webp.as_ptr(),
            webp.len(),
            &raw mut width,
            &raw mut height,
            &raw mut blue,
            &raw mut red,
            &raw mut stride,
            &raw mut half_stride,
        )
    };
    if luma.is_null() {
        return None;
    }
    let plane = |start: *const u8, stride: i32, width: i32, height: i32| {
        let rows = (0..height as usize).map(|y| {
            // SAFETY: each plane has `height` rows of `stride` bytes, of which
            // the first `width` are pixels.
            unsafe { std::slice::from_raw_parts(start.add(y * stride as usize), width as usize) }
        });
        rows.flatten().copied().collect()
    };
    let (half_width, half_height) = ((width + 1) / 2, (height + 1) / 2);
    let planes = crate::planes::Planes {
        width: width as u32,
        height: height as u32,
        luma: plane(luma, stride, width, height),
        blue: plane(blue, half_stride, half_width, half_height),
        red: plane(red, half_stride, half_width, half_height),
    };
    // SAFETY: the planes are one block that the library allocated, which begins
    // with the first of them; nothing points into it any more.
    unsafe { ffi::WebPFree(luma.cast()) };
    Some(planes)
}
