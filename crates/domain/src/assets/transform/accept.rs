//! What `format=auto` comes to, by the `Accept` of a request.
//!
//! AVIF is the smallest and by far the slowest to make, so it is chosen for
//! results of moderate size alone. A `*/*` names nothing: programs send it that
//! read neither AVIF nor WebP, browsers name what they read.

use runnel_media::Format;

/// The most pixels for which AVIF is chosen by itself.
const MAX_AVIF_PIXELS: u64 = 2_100_000;

/// The format for a client that sent `accept`, of a result of so many pixels.
pub(crate) fn choose(accept: &str, pixels: u64) -> Format {
    if pixels <= MAX_AVIF_PIXELS && names(accept, "image/avif") {
        Format::Avif
    } else if names(accept, "image/webp") {
        Format::WebP
    } else {
        Format::Plain
    }
}

/// Whether the header names a type and does not refuse it (RFC 9110, 12.5.1).
fn names(accept: &str, wanted: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let is_wanted = parts
            .next()
            .is_some_and(|kind| kind.eq_ignore_ascii_case(wanted));
        let is_refused = parts.any(|parameter| {
            let weight = parameter
                .split_once('=')
                .filter(|(name, _)| name.trim().eq_ignore_ascii_case("q"));
            weight.is_some_and(|(_, weight)| weight.trim().parse::<f32>().is_ok_and(|q| q <= 0.0))
        });
        is_wanted && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_named_format_is_chosen() {
        let chrome = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";
        let table = [
            (chrome, Format::Avif),
            ("image/webp,*/*", Format::WebP),
            ("*/*", Format::Plain),
            ("image/*", Format::Plain),
            ("", Format::Plain),
            ("IMAGE/WebP ; q=0.5", Format::WebP),
            ("image/avif;q=0, image/webp;q=0.000", Format::Plain),
            ("image/avif;q=0,image/webp", Format::WebP),
            ("image/avif; v=1; q=0.1", Format::Avif),
            ("image/avifs,,;;,=", Format::Plain),
            ("text/html, image/webp;q=nonsense", Format::WebP),
        ];
        for (accept, format) in table {
            assert_eq!(choose(accept, 1_000_000), format, "{accept:?}");
        }
        assert_eq!(choose(chrome, 24_000_000), Format::WebP);
    }
}
