//! The readers, and what must hold of each. This file is compiled twice: into
//! the fuzz targets, and into the black-box tests of the server.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use runnel_blobs::{Key, Method, UrlSigner};
use runnel_media::archive::read_entry;
use runnel_media::subprocess::Programs;
use runnel_media::{Budget, HEAD_BYTES, MediaType, THUMBNAIL_SIDE, probe, sniff, thumbnail_with};
use runnel_types::list::{
    BadList, Field, Filter, Listed, Place, Sort, Value, parse_filter, parse_sort, sort_text,
};
use runnel_types::{Asset, AssetId, Folder, ModelSpec, OrgId, Run, Timestamp};

/// The fields of every list.
const LISTS: [&[Field]; 4] = [
    Asset::FIELDS,
    Folder::FIELDS,
    ModelSpec::FIELDS,
    Run::FIELDS,
];

/// The longest message, in bytes: the names of all fields, and a little of what was sent.
const LONGEST_MESSAGE: usize = 2000;

/// What a URL was signed for, by [`signed_url`].
const SIGNED_TYPE: &str = "image/png";
const SIGNED_SIZE: u64 = 7;
const SIGNED_UNTIL: i64 = 2_000_000_000;

/// The filter language: no text recurses without end, asks for more than a
/// database takes, or is echoed at length.
pub fn filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for fields in LISTS {
        match parse_filter(text, fields) {
            Ok(None) => assert!(text.trim().is_empty(), "{text:?} is not empty"),
            Ok(Some(filter)) => {
                let (depth, tests) = extent(&filter);
                assert!(depth <= 80, "{depth} levels: {text:?}");
                assert!((1..=200).contains(&tests), "{tests} tests: {text:?}");
            }
            Err(error) => short(&error),
        }
    }
}

/// Levels and comparisons of a filter.
fn extent(filter: &Filter) -> (usize, usize) {
    match filter {
        Filter::Test(_) => (1, 1),
        Filter::Not(inner) => {
            let (depth, tests) = extent(inner);
            (depth + 1, tests)
        }
        Filter::All(parts) | Filter::Any(parts) => {
            assert!(!parts.is_empty(), "nothing is asked between parentheses");
            let parts: Vec<(usize, usize)> = parts.iter().map(extent).collect();
            (
                parts.iter().map(|part| part.0).max().unwrap_or(0) + 1,
                parts.iter().map(|part| part.1).sum(),
            )
        }
    }
}

fn short(error: &BadList) {
    let message = error.to_string();
    assert!(
        (10..=LONGEST_MESSAGE).contains(&message.len()),
        "a message of {} bytes: {message}",
        message.len()
    );
}

/// `sort_by`: what is taken is written back the same.
pub fn order(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for fields in LISTS {
        match parse_sort(text, fields) {
            Ok(sort) => {
                assert!((1..=4).contains(&sort.len()), "{text:?}");
                assert_eq!(parse_sort(&sort_text(&sort), fields), Ok(sort));
            }
            Err(error) => short(&error),
        }
    }
}

/// Cursors, as they are sent and as they are inside: what is taken has a value
/// of the right kind for each field of the order, and is written back the same.
pub fn cursor(data: &[u8]) {
    let inside = URL_SAFE_NO_PAD.encode(data);
    let text = String::from_utf8_lossy(data);
    for (list, order, fields) in [
        (Asset::LIST, "created_at:desc", Asset::FIELDS),
        (Asset::LIST, "name:asc,width:desc", Asset::FIELDS),
        (Folder::LIST, "name:asc", Folder::FIELDS),
        (Run::LIST, "status_code:asc,created_at:desc", Run::FIELDS),
    ] {
        let Ok(sort) = parse_sort(order, fields) else {
            panic!("{order} is an order");
        };
        for cursor in [&*inside, &*text] {
            match Place::from_cursor(cursor, list, &sort) {
                Ok(place) => told_back(&place, list, &sort),
                Err(error) => short(&error),
            }
        }
    }
    // The cursors of logs.
    if let Ok(cursor) = text.parse::<runnel_types::Cursor>() {
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
    }
}

fn told_back(place: &Place, list: &str, sort: &[Sort]) {
    assert_eq!(place.values.len(), sort.len());
    for value in &place.values {
        assert!(matches!(value, Value::Text(_) | Value::Integer(_)));
    }
    let again = Place::from_cursor(&place.to_cursor(list, sort), list, sort);
    assert_eq!(again.as_ref(), Ok(place));
}

/// The first look at a file: whatever is announced, the facts are within the
/// budget, and the type is the one that was recognized.
pub fn picture(data: &[u8]) {
    let head = &data[..data.len().min(HEAD_BYTES)];
    let sniffed = sniff(head);
    let budget = Budget {
        max_pixels: 1 << 24,
        max_side: 8192,
        max_bytes: 1 << 20,
    };
    if let Ok(found) = probe(&mut Cursor::new(data), &budget) {
        assert_eq!(Some(found.media_type), sniffed.media_type);
        assert!(found.width > 0 && found.height > 0, "{found:?}");
        assert!(found.width.max(found.height) <= 8192, "{found:?}");
        let pixels = u64::from(found.width) * u64::from(found.height);
        assert!(pixels <= 1 << 24, "{found:?}");
        assert!(found.frames >= 1, "{found:?}");
    }
}

/// The pixels of a file: what is drawn of it is as small as it should be, and says
/// of the file what the first look said. What programs draw is left out: each would
/// be a process, and there are none here.
pub fn thumbnail(data: &[u8]) {
    let budget = Budget {
        max_pixels: 1 << 18,
        max_side: 8192,
        max_bytes: 1 << 20,
    };
    let Ok(found) = probe(&mut Cursor::new(data), &budget) else {
        return;
    };
    let is_drawn_here = matches!(
        found.media_type,
        MediaType::Jpeg
            | MediaType::Png
            | MediaType::WebP
            | MediaType::Gif
            | MediaType::Bmp
            | MediaType::Tiff
    );
    if !is_drawn_here {
        return;
    }
    let none = Programs::in_folders(["/nonexistent"]);
    if let Ok(drawn) = thumbnail_with(&mut Cursor::new(data), &budget, &none) {
        assert_eq!(drawn.source, found);
        assert!(drawn.width.max(drawn.height) <= THUMBNAIL_SIDE, "{found:?}");
        let made = probe(&mut Cursor::new(&drawn.webp), &budget).expect("a thumbnail is a picture");
        assert_eq!(made.media_type, MediaType::WebP);
        assert_eq!((made.width, made.height), (drawn.width, drawn.height));
    }
}

/// Archives: whatever a ZIP claims, what comes out of it is within the limit,
/// and what is said about it stays short.
pub fn archive(data: &[u8]) {
    const LIMIT: u64 = 4096;
    for name in ["a.png", "dir/", "../b.png", "none"] {
        match read_entry(data, name, LIMIT) {
            Ok(bytes) => assert!(bytes.len() as u64 <= LIMIT, "{} bytes", bytes.len()),
            Err(error) => {
                let message = error.to_string();
                let length = message.chars().count();
                assert!((10..=LONGEST_MESSAGE).contains(&length), "{message}");
            }
        }
    }
}

/// Storage URLs, a path and a query on two lines: whatever is changed about a
/// signed one, it allows what it was signed for or nothing.
pub fn signed_url(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let (path, query) = text.split_once('\n').unwrap_or((&text, ""));
    let signer = UrlSigner::new([7; 32]);
    let now = Timestamp::from_micros(0);
    for method in [Method::Get, Method::Head, Method::Put] {
        let Ok(grant) = signer.verify(method, path, query, now) else {
            continue;
        };
        assert_eq!(grant.key, signed_key(), "{text:?}");
        let sent = (grant.mime_type.as_deref(), grant.size_bytes);
        let expected = match method {
            Method::Put => (Some(SIGNED_TYPE), Some(SIGNED_SIZE)),
            Method::Get | Method::Head => (None, None),
        };
        assert_eq!(sent, expected, "{text:?}");
    }
}

/// The input of [`signed_url`] that is signed for `method`.
pub fn signed(method: Method) -> String {
    let signer = UrlSigner::new([7; 32]);
    let until = Timestamp::from_micros(SIGNED_UNTIL * 1_000_000);
    let url = match method {
        Method::Put => signer.sign_put("", &signed_key(), until, SIGNED_TYPE, SIGNED_SIZE),
        Method::Get | Method::Head => signer.sign_get("", &signed_key(), until),
    };
    url.trim_start_matches("/storage/").replacen('?', "\n", 1)
}

fn signed_key() -> Key {
    Key::upload(OrgId::from_u128(1), AssetId::from_u128(2), "a.png")
}
