//! Files within the input itself: `data:` URIs, in base64 or percent-encoded.
//!
//! Read as browsers read them (RFC 2397 and the fetch standard): parameters are
//! passed over, base64 may be broken into lines and go without its padding. What
//! the bytes really are is looked at here too, before anything is stored.

use std::borrow::Cow;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use runnel_media::{MediaType, declared_fits};

use super::shortened;

const FORM: &str = "data:<mime>;base64,<bytes>";

/// Base64 with its padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Why a text gives no file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoFile {
    /// It is no `data:` URI, or one of a type that no file has here in plain letters.
    Text(String),
    /// It is one, and wrong.
    Wrong(String),
}

/// The type and the bytes of a `data:` URI of at most `limit` bytes.
pub(super) fn read(text: &str, limit: u64) -> Result<(MediaType, Vec<u8>), NoFile> {
    let (head, body) = text
        .get(..5)
        .filter(|scheme| scheme.eq_ignore_ascii_case("data:"))
        .and_then(|_| text[5..].split_once(','))
        .ok_or_else(|| NoFile::Text(format!("a data: URI must have the form {FORM}")))?;
    let mut parts = head.split(';').map(str::trim);
    let mime_type = parts.next().unwrap_or_default();
    let is_base64 = parts
        .next_back()
        .is_some_and(|last| last.eq_ignore_ascii_case("base64"));
    let declared = MediaType::from_mime(mime_type).filter(|kind| kind.is_accepted());
    let declared = declared.ok_or_else(|| {
        let message = format!(
            "the type {:?} of the data: URI is not supported; GET /v1/assets/types lists those that are",
            shortened(mime_type)
        );
        // SPEC: the bytes of a file are never kept in a run's row.
        if is_base64 && mime_type.contains('/') {
            NoFile::Wrong(message)
        } else {
            NoFile::Text(message)
        }
    })?;
    decode(body, is_base64, limit)
        .and_then(|bytes| Ok((judge(declared, &bytes)?, bytes)))
        .map_err(NoFile::Wrong)
}

fn decode(body: &str, is_base64: bool, limit: u64) -> Result<Vec<u8>, String> {
    let unescaped = unescape(body);
    let bytes = if is_base64 {
        let is_space = |byte: &u8| byte.is_ascii_whitespace();
        let letters: Cow<'_, [u8]> = if unescaped.iter().any(is_space) {
            let mut letters = unescaped.into_owned();
            letters.retain(|byte| !is_space(byte));
            letters.into()
        } else {
            unescaped
        };
        BASE64
            .decode(&*letters)
            .map_err(|error| format!("the data: URI is not valid base64: {error}"))?
    } else {
        unescaped.into_owned()
    };
    match bytes.len() as u64 {
        0 => Err("the data: URI holds no bytes".to_owned()),
        length if length > limit => Err(format!(
            "the data: URI holds {length} bytes, the limit is {limit}; upload the file and give its asset"
        )),
        _ => Ok(bytes),
    }
}

/// What the bytes are, when that is what the URI says.
fn judge(declared: MediaType, bytes: &[u8]) -> Result<MediaType, String> {
    let found = runnel_media::sniff(bytes).media_type;
    match found.filter(|found| declared_fits(declared.as_mime(), *found)) {
        Some(found) => Ok(found),
        None => Err(format!(
            "the data: URI says {}, its bytes are {}; give the type that they have",
            declared.as_mime(),
            found.map_or("of a type that is not known here", MediaType::as_mime)
        )),
    }
}

/// `%41` as the byte that it stands for; any other `%` is one.
pub(super) fn unescape(text: &str) -> Cow<'_, [u8]> {
    if !text.contains('%') {
        return text.as_bytes().into();
    }
    let bytes = text.as_bytes();
    let digit = |at: usize| char::from(*bytes.get(at)?).to_digit(16);
    let mut unescaped = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if let (b'%', Some(high), Some(low)) = (byte, digit(at + 1), digit(at + 2)) {
            unescaped.push((high * 16 + low) as u8);
            at += 3;
        } else {
            unescaped.push(*byte);
            at += 1;
        }
    }
    unescaped.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";
    const SVG: &str = "<svg xmlns='http://www.w3.org/2000/svg' width='5%'/>";

    #[test]
    fn every_form_of_a_data_uri_is_read() {
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        for uri in [
            format!("data:image/png;base64,{PNG}"),
            format!("DATA:IMAGE/PNG;BASE64,{PNG}"),
            format!("data:image/png;base64,{}", PNG.trim_end_matches('=')),
            format!("data:image/png;charset=utf-8;name=a.png;base64,{PNG}"),
            format!("data:image/png; base64,{}\r\n {}", &PNG[..8], &PNG[8..]),
            format!("data:image/png;base64,{}", PNG.replace('=', "%3D")),
            "data:image/png,%89PNG%0d%0A%1a%0a%00%00%00%0DIHDR".to_owned(),
        ] {
            let (kind, bytes) = read(&uri, 100).unwrap();
            assert_eq!((kind, &bytes), (MediaType::Png, &png), "{uri}");
        }
        let (kind, bytes) = read(&format!("data:image/svg+xml;utf8,{SVG}"), 100).unwrap();
        assert_eq!((kind, bytes), (MediaType::Svg, SVG.as_bytes().to_vec()));
    }

    #[test]
    fn what_is_no_file_is_told_from_what_is_a_wrong_one() {
        let long = format!("data:{}", "x".repeat(5000));
        for text in [
            "data: a word about it",
            "data:text/html,hi",
            "data:,hi",
            "é:,",
            "",
            &long,
        ] {
            assert!(matches!(read(text, 100), Err(NoFile::Text(_))), "{text}");
        }
        let cases = [
            ("data:image/png;base64,***".to_owned(), "base64"),
            ("data:text/html;base64,aGk=".to_owned(), "not supported"),
            ("data:image/png;base64,aGk=aGk=".to_owned(), "base64"),
            ("data:image/png;base64,".to_owned(), "no bytes"),
            ("data:image/png,hi".to_owned(), "not known here"),
            (format!("data:image/jpeg;base64,{PNG}"), "image/png"),
            (
                format!("data:image/svg+xml,{}{SVG}", " ".repeat(100)),
                "limit is 100",
            ),
        ];
        for (uri, words) in cases {
            let Err(NoFile::Wrong(message)) = read(&uri, 100) else {
                panic!("{uri} is read");
            };
            assert!(message.contains(words), "{uri}: {message}");
        }
    }
}
