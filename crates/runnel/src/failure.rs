//! Why a command cannot go on, in words for the person at the terminal.

/// A failure of a command: what happened, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Says what happened.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
        }
    }

    /// Says what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// Says of what it happened.
    #[must_use]
    pub fn of(self, what: &str) -> Self {
        Self {
            message: format!("{what}: {}", self.message),
            ..self
        }
    }

    /// What to do about it, when that is known.
    pub fn advice(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl From<runnel_store::StoreError> for Failure {
    /// With all that lies under it: this is where the chain is told.
    fn from(error: runnel_store::StoreError) -> Self {
        Self {
            message: error.with_causes(),
            hint: error.advice().map(str::to_owned),
        }
    }
}

impl From<runnel_types::Fault> for Failure {
    fn from(fault: runnel_types::Fault) -> Self {
        Self::new(fault.detail.unwrap_or(fault.message))
    }
}
