//! The files of an input, as a model server wants to have them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::engine::{EngineError, InputContent, InputFile, InputForm, Work};

/// The most bytes of files that are put into one request.
const MAX_INLINE: u64 = 48 * 1024 * 1024;

/// How a file is written into a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileForm {
    /// The signed URL from which the server can fetch it.
    Url,
    /// `data:<type>;base64,…`.
    DataUri,
    /// The bytes in base64, and nothing else.
    Base64,
}

impl FileForm {
    /// In which form the engine wants the files for that.
    pub(crate) const fn input_form(self) -> InputForm {
        match self {
            Self::Url => InputForm::Url,
            Self::DataUri | Self::Base64 => InputForm::Bytes,
        }
    }

    fn write(self, file: &InputFile) -> Value {
        let text = match (&file.content, self) {
            // What has a URL has no bytes here, whatever was wanted.
            (InputContent::Url(url), _) => url.clone(),
            (InputContent::Bytes(bytes), Self::Base64) => STANDARD.encode(bytes),
            (InputContent::Bytes(bytes), Self::Url | Self::DataUri) => {
                let mut uri = format!("data:{};base64,", file.mime_type);
                STANDARD.encode_string(bytes, &mut uri);
                uri
            }
        };
        Value::String(text)
    }
}

/// The input with its files written into it.
pub(crate) fn write(work: &Work, form: FileForm) -> Result<Map<String, Value>, EngineError> {
    if form.input_form() == InputForm::Bytes {
        let total: u64 = work.files.values().map(|file| file.size_bytes).sum();
        if total > MAX_INLINE {
            return Err(EngineError::invalid_input(format!(
                "the files of the input have {total} bytes, and {MAX_INLINE} is the most that is put into a request; give smaller ones, or let the operator set files = \"url\" for {}",
                work.model
            )));
        }
    }
    Ok(work.input_with(|file| form.write(file)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::remote::stub::work;

    fn input(content: InputContent, size_bytes: u64) -> Work {
        let (mut work, _) = work(&serde_json::json!({"image_url": "runflow://assets/1", "n": 1}));
        let file = InputFile {
            mime_type: "image/png".to_owned(),
            name: "a.png".to_owned(),
            size_bytes,
            content,
        };
        work.files.insert("image_url".to_owned(), file);
        work
    }

    #[test]
    fn files_stand_in_the_form_that_the_server_wants() {
        let bytes = || InputContent::Bytes(b"hi".to_vec());
        let url = || InputContent::Url("http://here/x".to_owned());
        for (content, form, text) in [
            (bytes(), FileForm::DataUri, "data:image/png;base64,aGk="),
            (bytes(), FileForm::Base64, "aGk="),
            (url(), FileForm::Url, "http://here/x"),
        ] {
            let written = write(&input(content, 2), form).unwrap();
            assert_eq!(written["image_url"], text);
            assert_eq!(written["n"], 1);
        }
    }

    #[test]
    fn what_is_too_large_for_a_request_is_refused_unless_it_goes_by_url() {
        let large = || {
            input(
                InputContent::Url("http://here/x".to_owned()),
                MAX_INLINE + 1,
            )
        };
        let error = write(&large(), FileForm::DataUri).unwrap_err();
        assert!(error.message.contains("files = \"url\""), "{error}");
        assert!(write(&large(), FileForm::Url).is_ok());
    }
}
