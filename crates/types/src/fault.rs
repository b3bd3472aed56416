//! Faults: what went wrong, in words for the person who asked.
//!
//! Subject errors (`StoreError`, `MediaError`, …) are turned into a [`Fault`]
//! by the rules that know what the caller can do about them. A fault knows
//! nothing of HTTP; the table from [`Kind`] to status lives in the API.

use std::fmt;

/// The kind of a fault, which decides how a driver reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request itself cannot be read.
    BadRequest,
    /// No caller is known.
    Unauthorized,
    /// The caller is known and may not do this.
    PermissionDenied,
    /// The thing asked for does not exist for this caller.
    NotFound,
    /// The method is not one that this resource knows.
    MethodNotAllowed,
    /// The state of the thing does not allow it now.
    Conflict,
    /// The request names a version of its protocol that is not spoken here.
    UnknownVersion,
    /// Another request is at work on the same thing.
    Locked,
    /// The bytes that arrived are not those that were sent.
    Corrupted,
    /// The body is larger than the limit.
    TooLarge,
    /// The body has a content type that is not taken here.
    UnsupportedMediaType,
    /// The request can be read, and a value in it is wrong.
    Invalid,
    /// Too many requests in too short a time.
    RateLimited,
    /// Something that is needed is away for the moment.
    Unavailable,
    /// A defect or a broken machine; the cause is in the log, not in the answer.
    Internal,
}

/// One wrong field of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldFault {
    /// Where it is: `body`, `query` or `path` first, then the path to it.
    pub loc: Vec<String>,
    /// A stable word for the rule that it breaks, such as `less_than_equal`.
    pub rule: &'static str,
    /// What is wrong and what would be right, for a person.
    pub message: String,
}

impl FieldFault {
    /// A fault of the body's field at `path` (dotted: `input.prompt`).
    pub fn body(path: &str, rule: &'static str, message: impl Into<String>) -> Self {
        let loc = std::iter::once("body")
            .chain(path.split('.'))
            .map(str::to_owned)
            .collect();
        Self {
            loc,
            rule,
            message: message.into(),
        }
    }

    /// The same fault of what lies at `path` instead of at the top.
    #[must_use]
    pub fn within(mut self, path: &[&str]) -> Self {
        let at = self.loc.len().min(1);
        self.loc
            .splice(at..at, path.iter().map(|part| (*part).to_owned()));
        self
    }

    /// The path dotted, without its first part; that alone for the body as a whole.
    pub fn field(&self) -> String {
        match self.loc.as_slice() {
            [whole] => whole.clone(),
            path => path.get(1..).unwrap_or_default().join("."),
        }
    }
}

/// What went wrong, told to the caller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The kind, from which a driver derives its status.
    pub kind: Kind,
    /// The stable code of the contract, such as `ASSET_NOT_FOUND`.
    pub code: &'static str,
    /// What happened and what to do, for a person; never an inner detail.
    pub message: String,
    /// The wrong fields, for [`Kind::Invalid`].
    pub fields: Vec<FieldFault>,
    /// The cause, for the log alone.
    pub detail: Option<String>,
}

impl Fault {
    fn new(kind: Kind, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            code,
            message: message.into(),
            fields: Vec::new(),
            detail: None,
        }
    }

    /// The request cannot be read.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(Kind::BadRequest, "BAD_REQUEST", message)
    }

    /// No key, or one that is not known.
    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(Kind::Unauthorized, "UNAUTHORIZED", message)
    }

    /// The caller may not do this.
    pub fn permission_denied(message: impl Into<String>) -> Self {
        Self::new(Kind::PermissionDenied, "PERMISSION_DENIED", message)
    }

    /// A storage URL whose time has passed.
    pub fn url_expired(message: impl Into<String>) -> Self {
        Self::new(Kind::PermissionDenied, "URL_EXPIRED", message)
    }

    /// A storage URL, or a header that it signs, was changed.
    pub fn signature_invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::PermissionDenied, "SIGNATURE_INVALID", message)
    }

    /// The thing does not exist for this caller; `code` names the resource.
    pub fn not_found(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Kind::NotFound, code, message)
    }

    /// The method is not known here.
    pub fn method_not_allowed(message: impl Into<String>) -> Self {
        Self::new(Kind::MethodNotAllowed, "METHOD_NOT_ALLOWED", message)
    }

    /// The state does not allow it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(Kind::Conflict, "CONFLICT", message)
    }

    /// The version of the upload protocol is another one.
    pub fn tus_version_unsupported(message: impl Into<String>) -> Self {
        Self::new(Kind::UnknownVersion, "TUS_VERSION_UNSUPPORTED", message)
    }

    /// Another request is appending to the upload, or two bodies are arriving already.
    pub fn upload_locked(message: impl Into<String>) -> Self {
        Self::new(Kind::Locked, "UPLOAD_LOCKED", message)
    }

    /// The bytes do not have the checksum that was sent with them.
    pub fn checksum_mismatch(message: impl Into<String>) -> Self {
        Self::new(Kind::Corrupted, "CHECKSUM_MISMATCH", message)
    }

    /// The body is over the limit.
    pub fn too_large(message: impl Into<String>) -> Self {
        Self::new(Kind::TooLarge, "PAYLOAD_TOO_LARGE", message)
    }

    /// The content type is not taken here.
    pub fn unsupported_media_type(message: impl Into<String>) -> Self {
        Self::new(
            Kind::UnsupportedMediaType,
            "UNSUPPORTED_MEDIA_TYPE",
            message,
        )
    }

    /// Values in the request are wrong.
    pub fn invalid(fields: Vec<FieldFault>) -> Self {
        let message = match fields.as_slice() {
            // What is wrong with all of the body says so itself.
            [one] if one.loc.len() == 1 => one.message.clone(),
            [one] => format!("{}: {}", one.field(), one.message),
            many => format!("{} fields are not valid", many.len()),
        };
        Self {
            fields,
            ..Self::new(Kind::Invalid, "VALIDATION_ERROR", message)
        }
    }

    /// One value in the request's body is wrong.
    pub fn invalid_field(path: &str, rule: &'static str, message: impl Into<String>) -> Self {
        Self::invalid(vec![FieldFault::body(path, rule, message)])
    }

    /// The organization asks too often; a later request is answered.
    pub fn rate_limited(message: impl Into<String>) -> Self {
        Self::new(Kind::RateLimited, "RATE_LIMITED", message)
    }

    /// Something is away for the moment; asking again later may work.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, "SERVICE_UNAVAILABLE", message)
    }

    /// A defect or a broken machine. `detail` goes to the log alone.
    pub fn internal(detail: impl fmt::Display) -> Self {
        let message =
            "something went wrong on the server; the log line with this request's id says what";
        Self {
            detail: Some(detail.to_string()),
            ..Self::new(Kind::Internal, "INTERNAL_ERROR", message)
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {}",
            self.code,
            self.detail.as_deref().unwrap_or(&self.message)
        )
    }
}

impl std::error::Error for Fault {}
