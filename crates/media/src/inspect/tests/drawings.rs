//! SVG: what is drawn, and what is not.

use std::fmt::Write as _;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::*;

const OPEN: &str = r#"<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="20">"#;

fn svg(inside: &str) -> Vec<u8> {
    format!("{OPEN}{inside}</svg>").into_bytes()
}

const RED: &str = r#"<rect width="40" height="20" fill="red"/>"#;

#[test]
fn a_drawing_is_drawn_in_the_size_that_is_wanted() {
    let bytes = svg(r#"<rect width="20" height="20" fill="blue"/>"#);
    let found = look(&bytes).unwrap();
    assert_eq!(found.media_type, MediaType::Svg);
    assert_eq!((found.width, found.height), (Some(40), Some(20)));
    assert_eq!(found.frames, Some(1));
    let made = thumbnail_in(&bytes).unwrap();
    assert_eq!((made.width, made.height), (512, 256));
    assert_eq!((made.source.width, made.source.height), (40, 20));
    let picture = small(&bytes);
    assert_eq!(pixel(&picture, 80, 50)[3], 0);
    assert_near(&pixel(&picture, 20, 50), &[0, 0, 255, 255], 8);
    for (want, sides) in [
        (Want::Full, (40, 20)),
        (Want::AtLeast { longest_side: 1024 }, (1024, 512)),
        (
            Want::AtLeast {
                longest_side: u32::MAX,
            },
            (4096, 2048),
        ),
    ] {
        let picture = decode(&mut Cursor::new(&bytes), want, &Budget::default()).unwrap();
        assert_eq!((picture.width(), picture.height()), sides);
    }
}

#[test]
fn a_drawing_without_a_size_is_drawn_too() {
    for root in [
        r#"viewBox="0 0 1000000000 500000000"><rect width="1e9" height="1e9" fill="red"/>"#,
        r#"width="1000000000" height="500000000"><rect width="1e9" height="1e9" fill="red"/>"#,
        r#"><rect width="40" height="20" fill="red"/>"#,
    ] {
        let bytes = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" {root}</svg>"#);
        let found = look(bytes.as_bytes()).unwrap();
        assert_eq!((found.width, found.height), (None, None));
        let made = thumbnail_in(bytes.as_bytes()).unwrap();
        assert_eq!((made.width, made.height), (512, 256));
        assert_near(&pixel(&small(bytes.as_bytes()), 50, 50), &[255, 0, 0], 8);
    }
}

#[test]
fn scripts_and_links_are_only_not_drawn() {
    let bytes = svg(&format!(
        r#"<script>while(true){{}}</script><a xlink:href="javascript:alert(1)">{RED}</a>
        <foreignObject width="40" height="20"><body xmlns="http://www.w3.org/1999/xhtml"
        onload="alert(1)"><iframe src="file:///etc/passwd"/></body></foreignObject>"#
    ));
    assert_near(&pixel(&small(&bytes), 50, 50), &[255, 0, 0], 8);
}

/// Every way in which a drawing may name something outside.
fn references(url: &str) -> [String; 8] {
    [
        format!(r#"<image width="40" height="20" href="{url}"/>"#),
        format!(r#"<image width="40" height="20" xlink:href="{url}"/>"#),
        format!(r#"<use xlink:href="{url}#a"/>"#),
        format!(
            r#"<style>@import url("{url}"); circle {{ fill: url({url}#b) }}</style><circle r="9"/>"#
        ),
        format!(
            r#"<filter id="f"><feImage xlink:href="{url}"/></filter><g filter="url(#f)"><rect width="9" height="9"/></g>"#
        ),
        format!(
            r#"<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="{url}" parse="text"/>"#
        ),
        format!(r#"<text><tref xlink:href="{url}#c"/></text>"#),
        format!(r#"<defs><linearGradient id="g" xlink:href="{url}#d"/></defs>"#),
    ]
}

#[test]
fn nothing_outside_is_fetched() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let here = format!("http://{}/picture.png", listener.local_addr().unwrap());
    for inside in references(&here) {
        let picture = small(&svg(&format!("{RED}{inside}")));
        assert_near(&pixel(&picture, 90, 90), &[255, 0, 0], 8);
    }
    let entity = format!(r#"<!DOCTYPE svg [<!ENTITY % x SYSTEM "{here}"> %x;]>"#);
    let _: Result<Thumbnail, MediaError> = thumbnail_in(&[entity.as_bytes(), &svg(RED)].concat());
    let met = listener.accept().unwrap_err();
    assert_eq!(
        met.kind(),
        std::io::ErrorKind::WouldBlock,
        "a connection was made"
    );
}

#[test]
fn no_file_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret.png");
    let green = Picture::new(4, 4, crate::Channels::Rgb, [0, 255, 0].repeat(16)).unwrap();
    std::fs::write(&secret, crate::encode_png(&green).unwrap()).unwrap();
    let path = secret.to_str().unwrap();
    for url in [
        path.to_owned(),
        format!("file://{path}"),
        format!("file:{path}"),
        "file:///etc/passwd".to_owned(),
        "/dev/zero".to_owned(),
        "/proc/self/environ".to_owned(),
    ] {
        for inside in references(&url) {
            let picture = small(&svg(&format!("{RED}{inside}")));
            assert_near(&pixel(&picture, 30, 50), &[255, 0, 0], 8);
        }
    }
    let entity = r#"<!DOCTYPE svg [<!ENTITY x SYSTEM "file:///etc/passwd">]>"#;
    let bytes = [entity.as_bytes(), &svg(&format!("{RED}<text>&x;</text>"))].concat();
    if let Ok(made) = thumbnail_in(&bytes) {
        assert_eq!((made.width, made.height), (512, 256));
    }
}

/// Ten times itself, nine times over.
fn laughs() -> Vec<u8> {
    let mut text = r#"<!DOCTYPE svg [<!ENTITY l0 "lol">"#.to_owned();
    for level in 1..10 {
        let ten = format!("&l{};", level - 1).repeat(10);
        write!(text, r#"<!ENTITY l{level} "{ten}">"#).unwrap();
    }
    format!("{text}]>{OPEN}<text>&l9;</text></svg>").into_bytes()
}

/// The same with elements.
fn nested_uses() -> Vec<u8> {
    let mut text = r#"<defs><g id="g0"><rect width="1" height="1"/></g>"#.to_owned();
    for level in 1..30 {
        let ten = format!(r##"<use xlink:href="#g{}"/>"##, level - 1).repeat(10);
        write!(text, r#"<g id="g{level}">{ten}</g>"#).unwrap();
    }
    svg(&format!(r##"{text}</defs><use xlink:href="#g29"/>"##))
}

/// Filters over everything, one after the other.
fn filters() -> Vec<u8> {
    let blur =
        r#"<feGaussianBlur stdDeviation="900"/><feTurbulence baseFrequency="9" numOctaves="99"/>"#;
    svg(&format!(
        r#"<filter id="f" x="-900%" y="-900%" width="1900%" height="1900%">{}</filter>
        <rect width="40" height="20" filter="url(#f)"/>"#,
        blur.repeat(400)
    ))
}

#[test]
fn a_drawing_that_would_cost_too_much_is_refused_in_time() {
    let deep = svg(&format!(
        "{}{}",
        "<g>".repeat(100_000),
        "</g>".repeat(100_000)
    ));
    let bomb = crate::sample::huge_header_png(60_000, 60_000);
    let inline = svg(&format!(
        r#"<image width="40" height="20" href="data:image/png;base64,{}"/>{RED}"#,
        base64(&bomb)
    ));
    let recursive = svg(
        r##"<g id="a"><use xlink:href="#a"/></g><pattern id="p"><rect width="9" height="9" fill="url(#p)"/></pattern><rect width="9" height="9" fill="url(#p)"/>"##,
    );
    for (name, bytes, is_refused) in [
        ("entities", laughs(), true),
        ("uses", nested_uses(), true),
        ("depth", deep, true),
        ("filters", filters(), false),
        ("an inline bomb", inline, false),
        ("circles", recursive, false),
        ("an open end", format!("{OPEN}{RED}").into_bytes(), true),
        ("no end of a tag", b"<svg width='4".to_vec(), true),
        (
            "foreign bytes",
            [OPEN.as_bytes(), &[0, 255, 254, 7]].concat(),
            true,
        ),
    ] {
        let start = Instant::now();
        let made = thumbnail_in(&bytes);
        assert!(start.elapsed() < Duration::from_mins(1), "{name}");
        match made {
            Ok(made) => assert!(!is_refused && made.width == 512, "{name}"),
            Err(MediaError::Damaged { reason, .. } | MediaError::Unusable { reason, .. }) => {
                assert!(!reason.is_empty(), "{name}");
            }
            Err(other) => panic!("{name}: {other}"),
        }
    }
}

#[test]
fn a_drawing_of_many_megabytes_is_refused_for_its_length() {
    let long = svg(&format!("<!--{}-->", " ".repeat(17 << 20)));
    let refused = thumbnail_in(&long).unwrap_err();
    assert!(
        matches!(refused, MediaError::TooManyBytes { .. }),
        "{refused}"
    );
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for part in bytes.chunks(3) {
        let bits = part
            .iter()
            .fold(0u32, |bits, byte| bits << 8 | u32::from(*byte))
            << (24 - 8 * part.len());
        for digit in 0..4 {
            let value = bits >> (18 - 6 * digit) & 63;
            let is_there = digit <= part.len();
            text.push(if is_there {
                DIGITS[value as usize].into()
            } else {
                '='
            });
        }
    }
    text
}
