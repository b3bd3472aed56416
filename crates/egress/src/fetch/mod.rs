//! Fetches a file from a URL that somebody gave: guarded at every hop, bounded
//! in bytes and in time.
//!
//! A redirect is a new decision: its target is checked as the first URL was, and
//! there are three at most. The body is handed on as it comes and never decoded,
//! so a few compressed bytes cannot become many. What counts for the pace is the
//! time spent waiting for the other side, not the time the caller takes to write.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, StatusCode};
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use crate::client::{Egress, describe};
use crate::error::EgressError;

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 3;

/// The longest URL, in characters: URLs signed with temporary credentials are long.
const MAX_URL: usize = 8192;

/// What a fetch is called in messages.
const PURPOSE: &str = "request";

/// How fast the other side must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// How long each server may take to begin its answer.
    pub answer_within: Duration,
    /// Over which stretch of waiting the pace is judged.
    pub window: Duration,
    /// How many bytes must come in each such stretch.
    pub least_bytes: u64,
    /// How long all of it may take.
    pub total: Duration,
}

impl Default for Pace {
    /// 30 s for an answer, a kilobyte a second, half an hour.
    fn default() -> Self {
        Self {
            answer_within: Duration::from_secs(30),
            window: Duration::from_secs(20),
            least_bytes: 20 * 1024,
            total: Duration::from_mins(30),
        }
    }
}

/// Why a file could not be fetched, for whoever gave the URL.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// No answer, or one that broke off.
    #[error(transparent)]
    Exchange(#[from] EgressError),
    /// An answer without the file.
    #[error("{host} answers {status}, {}", meaning(*status))]
    Status {
        /// The host asked last.
        host: String,
        /// What it answered.
        status: u16,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// A redirect to where nobody may be sent.
    #[error("{host} redirects to a place that is not followed: {reason}")]
    Redirect {
        /// The host that redirects.
        host: String,
        /// Why it is not followed.
        reason: String,
    },
    /// Redirects without end.
    #[error(
        "more than {MAX_REDIRECTS} redirects, the last one by {host}; give the URL of the file itself"
    )]
    TooManyRedirects {
        /// The host that redirected last.
        host: String,
    },
    /// A compressed body.
    #[error(
        "{host} sends the file compressed ({encoding}) although it was asked not to; give a URL that sends the file as it is"
    )]
    Encoded {
        /// The host.
        host: String,
        /// What it did to the file.
        encoding: String,
    },
    /// More bytes than are taken.
    #[error("the file at {host} has {}, and the limit is {limit} bytes", size(*announced, *limit))]
    TooLarge {
        /// The host.
        host: String,
        /// The size it announced.
        announced: Option<u64>,
        /// The limit, in bytes.
        limit: u64,
    },
    /// Fewer bytes than were announced.
    #[error("{host} announced {announced} bytes and broke off after {received}")]
    Truncated {
        /// The host.
        host: String,
        /// The size it announced.
        announced: u64,
        /// What came.
        received: u64,
    },
    /// A trickle.
    #[error("{host} is too slow: {received} bytes came in {} of waiting, {least} are the least", seconds(*window))]
    TooSlow {
        /// The host.
        host: String,
        /// What came in the stretch.
        received: u64,
        /// The stretch.
        window: Duration,
        /// What should have come.
        least: u64,
    },
    /// The time is up.
    #[error("{host} did not send the whole file within {}", seconds(*limit))]
    TooLong {
        /// The host.
        host: String,
        /// The limit.
        limit: Duration,
    },
}

impl FetchError {
    /// Whether the same URL may work when it is asked again.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Exchange(error) => matches!(
                error,
                EgressError::Resolve { .. }
                    | EgressError::Connect { .. }
                    | EgressError::Tls { .. }
                    | EgressError::Timeout { .. }
                    | EgressError::Protocol { .. }
            ),
            Self::Status { status, .. } => matches!(*status, 408 | 425 | 429 | 500..),
            Self::Truncated { .. } | Self::TooSlow { .. } => true,
            Self::Redirect { .. }
            | Self::TooManyRedirects { .. }
            | Self::Encoded { .. }
            | Self::TooLarge { .. }
            | Self::TooLong { .. } => false,
        }
    }

    /// When the other side asked to be tried again, if it did.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}

/// What a status means for whoever gave the URL.
const fn meaning(status: u16) -> &'static str {
    match status {
        401 | 403 | 407 => {
            "it wants a password, a token or a signature; give a URL that works without, such as a signed one"
        }
        404 | 410 => "there is nothing at this URL; check it",
        408 | 425 | 429 => "it has no room for this request now",
        500.. => "it failed",
        _ => "it does not send the file",
    }
}

fn size(announced: Option<u64>, limit: u64) -> String {
    match announced {
        Some(bytes) => format!("{bytes} bytes"),
        None => format!("more than {limit} bytes"),
    }
}

fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// A file that is arriving.
#[derive(Debug)]
pub struct Fetched {
    inner: reqwest::Response,
    host: String,
    announced: Option<u64>,
    limit: u64,
    received: u64,
    pace: Pace,
    deadline: Instant,
    /// What came, and how long was waited, in the present stretch.
    in_window: u64,
    waited: Duration,
}

impl Egress {
    /// Checks what can be checked of a file's URL without looking its name up.
    ///
    /// # Errors
    /// [`EgressError::InvalidUrl`], or [`EgressError::Refused`] for an address.
    pub fn check_file_url(&self, url: &str) -> Result<(), EgressError> {
        self.parse(url, MAX_URL, PURPOSE).map(drop)
    }

    /// Asks for the file at `url`, of at most `max_bytes`, and follows redirects.
    /// The body is still to be read.
    ///
    /// # Errors
    /// Every [`FetchError`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the exchange.
    pub async fn fetch(
        &self,
        url: &str,
        max_bytes: u64,
        pace: Pace,
    ) -> Result<Fetched, FetchError> {
        let deadline = Instant::now() + pace.total;
        let (mut url, mut host) = self.parse(url, MAX_URL, PURPOSE)?;
        for _ in 0..=MAX_REDIRECTS {
            self.check_name(&url, &host, PURPOSE).await?;
            let asked = self.get(&url, &host, pace.answer_within);
            let response = match timeout_at(deadline, asked).await {
                Ok(response) => response?,
                Err(_elapsed) => {
                    let limit = pace.total;
                    return Err(FetchError::TooLong { host, limit });
                }
            };
            if !is_redirect(response.status()) {
                return Fetched::begin(response, host, max_bytes, pace, deadline);
            }
            (url, host) = self.target(&url, &host, response.headers())?;
        }
        Err(FetchError::TooManyRedirects { host })
    }

    async fn get(
        &self,
        url: &Url,
        host: &str,
        within: Duration,
    ) -> Result<reqwest::Response, EgressError> {
        let request = self
            .client
            .get(url.clone())
            .header(ACCEPT_ENCODING, "identity");
        match timeout(within, request.send()).await {
            Ok(sent) => sent.map_err(|error| describe(&error, host, PURPOSE, within)),
            Err(_elapsed) => Err(EgressError::Timeout {
                host: host.to_owned(),
                limit: within,
            }),
        }
    }

    /// Where a redirect leads, checked as the first URL was.
    fn target(
        &self,
        from: &Url,
        host: &str,
        headers: &HeaderMap,
    ) -> Result<(Url, String), FetchError> {
        let refused = |reason: String| FetchError::Redirect {
            host: host.to_owned(),
            reason,
        };
        let location =
            text(headers, &LOCATION).ok_or_else(|| refused("it names none".to_owned()))?;
        let target = from
            .join(location)
            .map_err(|error| refused(error.to_string()))?;
        if from.scheme() == "https" && target.scheme() == "http" {
            let reason = "it leads from https:// to http://, where anybody on the way could change the file; give the URL of the file itself";
            return Err(refused(reason.to_owned()));
        }
        self.parse(target.as_str(), MAX_URL, PURPOSE)
            .map_err(|error| refused(error.to_string()))
    }
}

impl Fetched {
    /// Judges an answer by its head.
    fn begin(
        inner: reqwest::Response,
        host: String,
        limit: u64,
        pace: Pace,
        deadline: Instant,
    ) -> Result<Self, FetchError> {
        let status = inner.status();
        let headers = inner.headers();
        if !matches!(
            status,
            StatusCode::OK | StatusCode::NON_AUTHORITATIVE_INFORMATION
        ) {
            let retry_after = text(headers, &RETRY_AFTER).and_then(|text| text.trim().parse().ok());
            return Err(FetchError::Status {
                host,
                status: status.as_u16(),
                retry_after: retry_after.map(Duration::from_secs),
            });
        }
        let encoding = text(headers, &CONTENT_ENCODING)
            .unwrap_or("identity")
            .trim();
        if !encoding.is_empty() && !encoding.eq_ignore_ascii_case("identity") {
            let encoding = encoding.chars().take(40).collect();
            return Err(FetchError::Encoded { host, encoding });
        }
        let announced = inner.content_length();
        if announced.is_some_and(|bytes| bytes > limit) {
            return Err(FetchError::TooLarge {
                host,
                announced,
                limit,
            });
        }
        Ok(Self {
            inner,
            host,
            announced,
            limit,
            received: 0,
            pace,
            deadline,
            in_window: 0,
            waited: Duration::ZERO,
        })
    }

    /// The host that the file comes from.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The type that the answer claims to have.
    pub fn claimed_type(&self) -> Option<&str> {
        text(self.inner.headers(), &CONTENT_TYPE)
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`FetchError::TooLarge`], [`FetchError::TooSlow`], [`FetchError::TooLong`],
    /// [`FetchError::Truncated`]; [`FetchError::Exchange`] when it breaks off.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            let began = Instant::now();
            let left = self.pace.window.saturating_sub(self.waited);
            let until = (began + left).min(self.deadline);
            let came = timeout_at(until, self.inner.chunk()).await;
            self.waited += began.elapsed();
            let chunk = match came {
                Ok(Ok(Some(chunk))) => Some(chunk),
                Ok(Ok(None)) => return Ok(None),
                Ok(Err(error)) => return Err(self.broken(&error)),
                Err(_elapsed) if Instant::now() >= self.deadline => {
                    return Err(FetchError::TooLong {
                        host: self.host.clone(),
                        limit: self.pace.total,
                    });
                }
                Err(_elapsed) => None,
            };
            let bytes = chunk.as_ref().map_or(0, |chunk| chunk.len() as u64);
            self.received += bytes;
            self.in_window += bytes;
            if self.received > self.limit {
                return Err(FetchError::TooLarge {
                    host: self.host.clone(),
                    announced: None,
                    limit: self.limit,
                });
            }
            self.judge_pace()?;
            if chunk.is_some() {
                return Ok(chunk);
            }
        }
    }

    /// Begins a new stretch when one is over, unless too little came in it.
    fn judge_pace(&mut self) -> Result<(), FetchError> {
        if self.waited < self.pace.window {
            return Ok(());
        }
        if self.in_window < self.pace.least_bytes {
            return Err(FetchError::TooSlow {
                host: self.host.clone(),
                received: self.in_window,
                window: self.pace.window,
                least: self.pace.least_bytes,
            });
        }
        self.in_window = 0;
        self.waited = Duration::ZERO;
        Ok(())
    }

    fn broken(&self, error: &reqwest::Error) -> FetchError {
        match self.announced {
            Some(announced) if self.received < announced => FetchError::Truncated {
                host: self.host.clone(),
                announced,
                received: self.received,
            },
            _ => describe(error, &self.host, PURPOSE, self.pace.answer_within).into(),
        }
    }
}

const fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests;
