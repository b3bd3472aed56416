//! A server that the operator named, such as a model's: requests to its own
//! origin skip the policy, everything that it leads to elsewhere does not.
//!
//! The origin is scheme, host and port of the URL in the operator's file, so it
//! may be private. Whatever comes out of it is not the operator's word: a
//! redirect or the URL of an output that leaves the origin takes the guarded way,
//! without the headers that hold secrets. Redirects are followed three times at
//! most; a request with a body is sent again only within the origin, and only
//! where the status says so.

mod reply;
mod websocket;

use std::time::Duration;

use http::{HeaderMap, Method, StatusCode, header};
use tokio::time::timeout;
use url::Url;

use crate::client::{Body, Egress, describe};
use crate::error::EgressError;

pub use reply::Reply;
pub use websocket::WebSocket;

/// The most redirects that are followed.
const MAX_REDIRECTS: usize = 3;
/// The longest URL, in characters: URLs signed with temporary credentials are long.
const MAX_URL: usize = 8192;
/// What a request to elsewhere is called in a refusal.
const PURPOSE: &str = "request";

/// How much slowness is borne.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// How long a server may take to begin an answer, where the request does not
    /// say otherwise.
    pub answer: Duration,
    /// Over which stretch of waiting the pace of a body is judged.
    pub window: Duration,
    /// How many bytes must come in each such stretch.
    pub least_bytes: u64,
}

impl Default for Patience {
    /// 30 s for an answer, a kilobyte a second.
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            window: Duration::from_secs(20),
            least_bytes: 20 * 1024,
        }
    }
}

/// A server that the operator named.
#[derive(Debug, Clone)]
pub struct Origin {
    base: Url,
    client: reqwest::Client,
    elsewhere: Egress,
    patience: Patience,
}

/// A request to a server, or to where its answers lead.
#[derive(Debug)]
pub struct Ask {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: Url,
    /// Headers that hold secrets, left out wherever the request leaves the origin.
    pub secrets: Vec<(String, String)>,
    /// The other headers.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// How long the answer may take to begin; `None` leaves that to the caller.
    pub within: Option<Duration>,
}

impl Egress {
    /// The way to the server at `url`, which the operator named. `ca` holds
    /// certificates of authorities that are trusted for this server alone.
    ///
    /// # Errors
    /// [`EgressError::InvalidUrl`].
    pub fn to_origin(&self, url: &str, ca: Option<&[u8]>) -> Result<Origin, EgressError> {
        let invalid = |reason: &str| EgressError::InvalidUrl {
            reason: reason.to_owned(),
        };
        let base = Url::parse(url).map_err(|error| invalid(&error.to_string()))?;
        if !matches!(base.scheme(), "http" | "https") {
            return Err(invalid("it must begin with http:// or https://"));
        }
        if !base.username().is_empty() || base.password().is_some() {
            return Err(invalid(
                "it holds a user name or a password; put them into a header",
            ));
        }
        if base.host_str().is_none_or(str::is_empty) {
            return Err(invalid("it has no host"));
        }
        Ok(Origin {
            base,
            client: match ca {
                Some(pem) => self.trusting(pem)?,
                None => self.trusted.clone(),
            },
            elsewhere: self.clone(),
            patience: Patience::default(),
        })
    }
}

impl Origin {
    /// The same with another patience.
    #[must_use]
    pub fn with_patience(self, patience: Patience) -> Self {
        Self { patience, ..self }
    }

    /// The URL that the operator gave.
    pub const fn base(&self) -> &Url {
        &self.base
    }

    /// Host and port, for messages.
    pub fn name(&self) -> String {
        name_of(&self.base)
    }

    /// The URL of `path` below the operator's URL; a whole URL stays as it is.
    ///
    /// # Errors
    /// [`EgressError::InvalidUrl`].
    pub fn url(&self, path: &str) -> Result<Url, EgressError> {
        let invalid = |error: url::ParseError| EgressError::InvalidUrl {
            reason: error.to_string(),
        };
        if path.starts_with("http://") || path.starts_with("https://") {
            return Url::parse(path).map_err(invalid);
        }
        let mut folder = self.base.clone();
        folder.set_query(None);
        folder.set_fragment(None);
        if !folder.path().ends_with('/') {
            folder.set_path(&format!("{}/", self.base.path()));
        }
        folder.join(path.trim_start_matches('/')).map_err(invalid)
    }

    /// Whether a URL is of this server.
    pub fn owns(&self, url: &Url) -> bool {
        url.scheme() == self.base.scheme()
            && url.host() == self.base.host()
            && url.port_or_known_default() == self.base.port_or_known_default()
    }

    /// Sends a request and follows redirects; the body of the answer is still to
    /// be read.
    ///
    /// # Errors
    /// Every [`EgressError`].
    ///
    /// # Cancel safety
    /// Dropping the future ends the exchange.
    pub async fn send(&self, ask: Ask) -> Result<Reply, EgressError> {
        let Ask {
            method,
            mut url,
            secrets,
            headers,
            body,
            within,
        } = ask;
        let mut body = Some(body);
        for _ in 0..=MAX_REDIRECTS {
            let sent = body.take().unwrap_or(Body::Empty);
            let again = match &sent {
                Body::Empty => Some(Body::Empty),
                Body::Bytes(bytes) => Some(Body::Bytes(bytes.clone())),
                Body::Stream(_) => None,
            };
            let mut request = self.request(&method, &url, &secrets).await?;
            for (name, value) in &headers {
                request = request.header(name, value);
            }
            let inner = exchange(request, sent, name_of(&url), within).await?;
            if !is_redirect(inner.status()) {
                return Ok(Reply::new(inner, name_of(&url), self.patience));
            }
            url = self.target(&method, &url, inner.status(), inner.headers())?;
            body = again;
        }
        Err(EgressError::Protocol {
            host: name_of(&url),
            reason: format!("it redirects more than {MAX_REDIRECTS} times"),
        })
    }

    /// A request on the way that its URL has to take.
    async fn request(
        &self,
        method: &Method,
        url: &Url,
        secrets: &[(String, String)],
    ) -> Result<reqwest::RequestBuilder, EgressError> {
        if self.owns(url) {
            let mut request = self.client.request(method.clone(), url.clone());
            for (name, value) in secrets {
                request = request.header(name, value);
            }
            return Ok(request);
        }
        let (_, host) = self.elsewhere.parse(url.as_str(), MAX_URL, PURPOSE)?;
        self.elsewhere.check_name(url, &host, PURPOSE).await?;
        Ok(self.elsewhere.client.request(method.clone(), url.clone()))
    }

    /// Where a redirect leads, if it may be followed.
    fn target(
        &self,
        method: &Method,
        from: &Url,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Url, EgressError> {
        let refused = |reason: String| EgressError::Protocol {
            host: name_of(from),
            reason,
        };
        let location = headers
            .get(header::LOCATION)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| refused(format!("it answers {} to nowhere", status.as_u16())))?;
        let target = from
            .join(location)
            .map_err(|error| refused(format!("it redirects to what is no URL: {error}")))?;
        if from.scheme() == "https" && target.scheme() == "http" {
            return Err(refused("it redirects from https:// to http://".to_owned()));
        }
        let keeps_method = matches!(status.as_u16(), 307 | 308);
        let is_read = matches!(*method, Method::GET | Method::HEAD);
        if !is_read && !(keeps_method && self.owns(&target)) {
            return Err(refused(format!(
                "it redirects the {method} to {}; give the URL of the server itself",
                name_of(&target)
            )));
        }
        Ok(target)
    }

    /// How much slowness is borne.
    pub const fn patience(&self) -> Patience {
        self.patience
    }
}

async fn exchange(
    request: reqwest::RequestBuilder,
    body: Body,
    host: String,
    within: Option<Duration>,
) -> Result<reqwest::Response, EgressError> {
    let request = request.header(header::ACCEPT_ENCODING, "identity");
    let request = match body {
        Body::Empty => request,
        Body::Bytes(bytes) => request.body(bytes),
        Body::Stream(stream) => request.body(stream),
    };
    let limit = within.unwrap_or(Duration::MAX);
    match timeout(limit, request.send()).await {
        Ok(sent) => sent.map_err(|error| describe(&error, &host, PURPOSE, limit)),
        Err(_elapsed) => Err(EgressError::Timeout { host, limit }),
    }
}

const fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Host and port of a URL, for messages.
fn name_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

#[cfg(test)]
mod tests;
