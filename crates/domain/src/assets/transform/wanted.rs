//! What is wanted of a picture: read from a body, put into a URL, read from it.

use runnel_blobs::TransformParameters;
use runnel_media::{Fit, Format, MAX_RESULT_SIDE, Transform};
use runnel_types::Fault;

use super::accept;
use crate::fields::Fields;

const FITS: [(&str, Fit); 3] = [
    ("contain", Fit::Contain),
    ("cover", Fit::Cover),
    ("crop", Fit::Crop),
];

/// A format as it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Asked {
    /// By the client's `Accept`.
    Auto,
    /// This one.
    Of(Format),
}

const FORMATS: [(&str, Asked); 5] = [
    ("auto", Asked::Auto),
    ("webp", Asked::Of(Format::WebP)),
    ("avif", Asked::Of(Format::Avif)),
    ("jpeg", Asked::Of(Format::Jpeg)),
    ("png", Asked::Of(Format::Png)),
];

/// What is wanted; what is left out is as it comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    width: Option<u32>,
    height: Option<u32>,
    fit: Option<Fit>,
    format: Option<Asked>,
    quality: Option<u8>,
}

impl Wanted {
    /// Reads a body; its faults are noted there.
    pub(crate) fn read(fields: &mut Fields<'_>) -> Self {
        let most = u64::from(MAX_RESULT_SIDE);
        // The casts lose nothing: the numbers are within their limits.
        Self {
            width: fields.optional_integer("w", 1, most).map(|w| w as u32),
            height: fields.optional_integer("h", 1, most).map(|h| h as u32),
            fit: fields.optional_word("fit", &FITS),
            format: fields.optional_word("format", &FORMATS),
            quality: fields.optional_integer("q", 1, 100).map(|q| q as u8),
        }
    }

    /// The parameters of a URL.
    pub(crate) fn parameters(&self) -> TransformParameters {
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        TransformParameters {
            width: number(self.width),
            height: number(self.height),
            fit: self.fit.and_then(|fit| word(&FITS, fit)),
            format: self.format.and_then(|format| word(&FORMATS, format)),
            quality: number(self.quality.map(u32::from)),
        }
    }

    /// Reads the parameters of a URL that was signed.
    ///
    /// # Errors
    /// `SIGNATURE_INVALID`: a server of another version signed it.
    pub(crate) fn parse(parameters: &TransformParameters) -> Result<Self, Fault> {
        let number = |text: &Option<String>| text.as_deref().map(str::parse::<u32>).transpose();
        let read = || {
            Some(Self {
                width: number(&parameters.width).ok()?,
                height: number(&parameters.height).ok()?,
                fit: parse_word(&FITS, parameters.fit.as_deref())?,
                format: parse_word(&FORMATS, parameters.format.as_deref())?,
                quality: number(&parameters.quality).ok()?.map(|q| q.min(100) as u8),
            })
        };
        read().ok_or_else(|| {
            Fault::signature_invalid("this URL asks for a transform that this server does not know")
        })
    }

    /// The first field that asks for something, as a body names it.
    pub(crate) const fn first_field(&self) -> &'static str {
        match self {
            Self { width: Some(_), .. } => "w",
            Self {
                height: Some(_), ..
            } => "h",
            Self { fit: Some(_), .. } => "fit",
            Self {
                format: Some(_), ..
            } => "format",
            _ => "q",
        }
    }

    /// Whether the client's `Accept` decides.
    pub(crate) const fn is_negotiated(&self) -> bool {
        matches!(self.format, None | Some(Asked::Auto))
    }

    /// The transform for a client that sent `accept`, of a picture of `sides`.
    pub(crate) fn transform(&self, accept: &str, sides: Option<(u32, u32)>) -> Transform {
        let plain = Transform {
            width: self.width,
            height: self.height,
            fit: self.fit.unwrap_or(Fit::Contain),
            format: Format::Plain,
            quality: self.quality,
        };
        let format = match self.format {
            Some(Asked::Of(format)) => format,
            None | Some(Asked::Auto) => {
                let sides = sides.and_then(|(width, height)| plain.sides(width, height).ok());
                let pixels =
                    sides.map_or(0, |(width, height)| u64::from(width) * u64::from(height));
                accept::choose(accept, pixels)
            }
        };
        Transform { format, ..plain }
    }
}

fn word<T: Copy + PartialEq>(words: &[(&str, T)], wanted: T) -> Option<String> {
    let found = words.iter().find(|(_, value)| *value == wanted);
    found.map(|(word, _)| (*word).to_owned())
}

/// `Some(None)` when nothing is said, `None` when it is no word.
#[expect(
    clippy::option_option,
    reason = "left out, known and unknown are three things"
)]
fn parse_word<T: Copy>(words: &[(&str, T)], text: Option<&str>) -> Option<Option<T>> {
    let Some(text) = text else {
        return Some(None);
    };
    let found = words.iter().find(|(word, _)| *word == text);
    found.map(|(_, value)| Some(*value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_a_body_says_comes_back_from_the_url() {
        for body in [
            json!({}),
            json!({"w": 800}),
            json!({"w": 1, "h": 8192, "fit": "cover", "format": "avif", "q": 100}),
            json!({"h": 7, "fit": "crop", "format": "auto", "q": 1}),
        ] {
            let mut fields = Fields::of(&body).unwrap();
            let wanted = Wanted::read(&mut fields);
            fields.finish().unwrap();
            let parameters = wanted.parameters();
            assert_eq!(Wanted::parse(&parameters), Ok(wanted));
            assert_eq!(parameters.is_empty(), body == json!({}));
        }
    }

    #[test]
    fn parameters_of_another_version_are_refused() {
        let text = |text: &str| Some(text.to_owned());
        for parameters in [
            TransformParameters {
                width: text("x"),
                ..Default::default()
            },
            TransformParameters {
                height: text("-1"),
                ..Default::default()
            },
            TransformParameters {
                fit: text("stretch"),
                ..Default::default()
            },
            TransformParameters {
                format: text("jxl"),
                ..Default::default()
            },
            TransformParameters {
                quality: text(""),
                ..Default::default()
            },
        ] {
            let refused = Wanted::parse(&parameters).unwrap_err();
            assert_eq!(refused.code, "SIGNATURE_INVALID");
        }
    }
}
