//! Says what a store's refusal means, for the person who can mend it.

use std::borrow::Cow;

use object_store::Error;

use crate::error::BlobError;
use crate::storage_url::Protocol;

/// The most of a store's words that goes into a message, in characters.
const MOST: usize = 500;

/// The address that machines in a cloud ask for credentials, when none are given.
const METADATA: &str = "169.254.169.254";

/// Turns the errors of one bucket into words.
#[derive(Debug, Clone)]
pub(super) struct Failures {
    protocol: Protocol,
    bucket: String,
}

/// The variables that hold a store's credentials.
pub(crate) const fn credential_names(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::S3 => {
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN where they are temporary)"
        }
        Protocol::Google => "GOOGLE_APPLICATION_CREDENTIALS or GOOGLE_SERVICE_ACCOUNT_KEY",
        Protocol::Azure => "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
    }
}

impl Failures {
    pub(super) fn new(protocol: Protocol, bucket: &str) -> Self {
        Self {
            protocol,
            bucket: bucket.to_owned(),
        }
    }

    pub(super) fn bucket(&self) -> &str {
        &self.bucket
    }

    pub(super) fn of(&self, error: Error) -> BlobError {
        let reason = reason(&error);
        if is_about_the_bucket(&reason) {
            return BlobError::NoBucket {
                kind: match self.protocol {
                    Protocol::S3 | Protocol::Google => "bucket",
                    Protocol::Azure => "container",
                },
                bucket: self.bucket.clone(),
            };
        }
        if reason.contains(METADATA) {
            return self
                .denied("none were given, and this machine has no role of its own".to_owned());
        }
        match error {
            Error::NotFound { path, .. } => BlobError::Missing { key: path },
            Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => self.denied(reason),
            _ if is_about_rights(&reason) => self.denied(reason),
            _ => BlobError::Unavailable { reason },
        }
    }

    const fn denied(&self, reason: String) -> BlobError {
        BlobError::Denied {
            reason,
            hint: credential_names(self.protocol),
        }
    }
}

/// Whether a 404 means the bucket, or a 400 its name, by the codes of S3 and
/// Google, and of Azure. The names of objects are never refused.
fn is_about_the_bucket(text: &str) -> bool {
    [
        "NoSuchBucket",
        "InvalidBucketName",
        "ContainerNotFound",
        "InvalidResourceName",
    ]
    .iter()
    .any(|code| text.contains(code))
}

/// Whether a list was refused, whose errors have no kind of their own.
fn is_about_rights(text: &str) -> bool {
    text.contains("status code: 403") || text.contains("status code: 401")
}

/// The error with its causes, on one line and not too long: a store answers
/// with pages.
fn reason(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        let said = error.to_string();
        if !text.contains(&said) {
            text = format!("{text}: {said}");
        }
        cause = error.source();
    }
    let line = without_markup(&text);
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().take(MOST).collect()
}

/// The code and the message of a store's document instead of the document,
/// whose form is that of S3 with all three.
fn without_markup(text: &str) -> Cow<'_, str> {
    let within = |name: &str| {
        let (_, rest) = text.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    };
    match (within("Code"), within("Message"), text.split_once('<')) {
        (Some(code), Some(message), Some((before, _))) => {
            Cow::Owned(format!("{before}{code}: {message}"))
        }
        _ => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn not_found(said: &'static str) -> Error {
        Error::NotFound {
            path: "a/b".to_owned(),
            source: said.into(),
        }
    }

    #[test]
    fn a_missing_bucket_is_not_a_missing_object() {
        let failures = Failures::new(Protocol::S3, "media");
        let bucket = failures.of(not_found("<Code>NoSuchBucket</Code>"));
        assert!(
            bucket.to_string().contains("no bucket \"media\""),
            "{bucket}"
        );
        let object = failures.of(not_found("<Code>NoSuchKey</Code>"));
        assert!(matches!(object, BlobError::Missing { key } if key == "a/b"));
    }

    #[test]
    fn refused_credentials_say_where_they_come_from() {
        let refused = |protocol| {
            let error = Error::PermissionDenied {
                path: String::new(),
                source: "SignatureDoesNotMatch".into(),
            };
            Failures::new(protocol, "x").of(error).to_string()
        };
        assert!(refused(Protocol::S3).contains("AWS_SECRET_ACCESS_KEY"));
        assert!(refused(Protocol::Google).contains("GOOGLE_"));
        assert!(refused(Protocol::Azure).contains("AZURE_"));
    }

    #[test]
    fn a_list_that_is_refused_is_about_credentials_too() {
        let error = Error::Generic {
            store: "S3",
            source: "Server returned non-2xx status code: 403 Forbidden: ".into(),
        };
        let failures = Failures::new(Protocol::S3, "x");
        assert!(matches!(failures.of(error), BlobError::Denied { .. }));
    }

    #[test]
    fn a_machine_without_credentials_is_told_which_to_give() {
        let error = Error::Generic {
            store: "S3",
            source: "error sending request for url (http://169.254.169.254/latest/api/token)"
                .into(),
        };
        let said = Failures::new(Protocol::S3, "x").of(error).to_string();
        assert!(
            said.contains("none were given") && said.contains("AWS_ACCESS_KEY_ID"),
            "{said}"
        );
    }

    #[test]
    fn of_a_document_only_what_it_says_is_told() {
        let source = "status code: 503: <?xml version=\"1.0\"?> <Error> <Code>SlowDown</Code> \
            <Message>Reduce your\nrequest rate.</Message> <Host>x</Host></Error>";
        let error = Error::Generic {
            store: "S3",
            source: source.into(),
        };
        let said = reason(&error);
        let words = "status code: 503: SlowDown: Reduce your request rate.";
        assert!(said.ends_with(words), "{said}");
    }

    #[test]
    fn a_page_of_html_becomes_one_short_line() {
        let source = format!("<html>\n{}", "x".repeat(10_000));
        let error = Error::Generic {
            store: "S3",
            source: source.into(),
        };
        let said = Failures::new(Protocol::S3, "x").of(error).to_string();
        assert!(said.len() < 700 && !said.contains('\n'), "{said}");
    }
}
