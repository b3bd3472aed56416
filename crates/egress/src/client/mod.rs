//! The client: one request, one answer, within limits.

mod post;

use std::error::Error as _;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt};
use http::Method;
use url::{Host, Url};

use crate::error::EgressError;
use crate::policy::Policy;
use crate::resolver::{CheckedResolver, Resolve, ResolveError, SystemResolver};

pub use post::{Answer, Post};

/// How long a connection may take to come about.
const CONNECT_TIME: Duration = Duration::from_secs(5);

/// The longest URL of a callback or an engine, in characters.
const MAX_URL: usize = 2048;

/// How a door is built.
#[derive(Debug, Clone)]
pub struct EgressConfig {
    policy: Policy,
    resolver: Arc<dyn Resolve>,
    extra_ca: Option<Vec<u8>>,
}

impl EgressConfig {
    /// A door that follows `policy`, with the system's resolver.
    pub fn new(policy: Policy) -> Self {
        Self {
            policy,
            resolver: Arc::new(SystemResolver),
            extra_ca: None,
        }
    }

    /// Looks names up with `resolver`.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolve>) -> Self {
        Self { resolver, ..self }
    }

    /// Trusts the certificate authorities in `pem` too.
    #[must_use]
    pub fn with_ca(self, pem: Vec<u8>) -> Self {
        Self {
            extra_ca: Some(pem),
            ..self
        }
    }
}

/// The guarded client.
#[derive(Debug, Clone)]
pub struct Egress {
    pub(crate) client: reqwest::Client,
    /// The same without the policy, for servers that the operator named.
    pub(crate) trusted: reqwest::Client,
    resolver: CheckedResolver,
    extra_ca: Option<Vec<u8>>,
}

/// The body of a request.
#[derive(Debug)]
pub enum Body {
    /// None.
    Empty,
    /// Whole in memory.
    Bytes(Bytes),
    /// Sent as it comes.
    Stream(reqwest::Body),
}

impl Body {
    /// A body that is sent as it comes.
    pub fn stream(chunks: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self::Stream(reqwest::Body::wrap_stream(chunks))
    }
}

/// An answer whose body is still to be read.
#[derive(Debug)]
pub struct Response {
    inner: reqwest::Response,
    host: String,
}

impl Response {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        self.inner.status().as_u16()
    }

    /// A header field, if it is there and a text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.inner.headers().get(name)?.to_str().ok()
    }

    /// The whole body, which must have at most `limit` bytes.
    ///
    /// # Errors
    /// [`EgressError::Protocol`] for a longer one, or when it breaks off.
    pub async fn bytes(self, limit: usize) -> Result<Bytes, EgressError> {
        let host = self.host.clone();
        let (body, is_whole) = read_up_to(self.inner, limit)
            .await
            .map_err(|error| describe(&error, &host, "request", CONNECT_TIME))?;
        if is_whole {
            return Ok(body);
        }
        Err(EgressError::Protocol {
            host,
            reason: format!("the answer has more than {limit} bytes"),
        })
    }
}

impl Egress {
    /// Builds the door.
    ///
    /// # Errors
    /// When the certificate authorities cannot be read.
    pub fn new(config: EgressConfig) -> Result<Self, EgressError> {
        let resolver = CheckedResolver {
            policy: Arc::new(config.policy),
            resolver: config.resolver,
        };
        let extra_ca = config.extra_ca;
        Ok(Self {
            client: build_client(resolver.clone(), extra_ca.as_deref())?,
            trusted: build_client(resolver.opened(), extra_ca.as_deref())?,
            resolver,
            extra_ca,
        })
    }

    /// A client without the policy that trusts the authorities in `pem` too.
    pub(crate) fn trusting(&self, pem: &[u8]) -> Result<reqwest::Client, EgressError> {
        let mut authorities = self.extra_ca.clone().unwrap_or_default();
        authorities.push(b'\n');
        authorities.extend_from_slice(pem);
        build_client(self.resolver.opened(), Some(&authorities))
    }

    /// A door without a guard, for commands that a person runs.
    ///
    /// # Errors
    /// When `extra_ca` holds no certificates.
    pub fn open_for_cli(extra_ca: Option<Vec<u8>>) -> Result<Self, EgressError> {
        Self::new(EgressConfig {
            extra_ca,
            ..EgressConfig::new(Policy::open())
        })
    }

    /// Checks what can be checked of a URL without looking its name up. `purpose`
    /// is what it is for, in a word for the message.
    ///
    /// # Errors
    /// [`EgressError::InvalidUrl`], or [`EgressError::Refused`] for an address.
    pub fn check_url(&self, url: &str, purpose: &'static str) -> Result<(), EgressError> {
        self.parse(url, MAX_URL, purpose).map(drop)
    }

    /// Sends a request of any kind; the caller reads the answer's body.
    ///
    /// # Errors
    /// Every [`EgressError`].
    pub async fn request(
        &self,
        method: Method,
        url: &str,
        headers: Vec<(String, String)>,
        body: Body,
    ) -> Result<Response, EgressError> {
        let (url, host) = self.parse(url, MAX_URL, "request")?;
        self.check_name(&url, &host, "request").await?;
        let mut request = self.client.request(method, url);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        request = match body {
            Body::Empty => request,
            Body::Bytes(bytes) => request.body(bytes),
            Body::Stream(stream) => request.body(stream),
        };
        let inner = request
            .send()
            .await
            .map_err(|error| describe(&error, &host, "request", CONNECT_TIME))?;
        Ok(Response { inner, host })
    }

    /// Reads a URL; an address in it is checked here, since the HTTP client
    /// asks the resolver only about names.
    pub(crate) fn parse(
        &self,
        url: &str,
        longest: usize,
        purpose: &'static str,
    ) -> Result<(Url, String), EgressError> {
        let invalid = |reason: String| EgressError::InvalidUrl { reason };
        if url.chars().count() > longest {
            return Err(invalid(format!("it has more than {longest} characters")));
        }
        let parsed = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(invalid(format!(
                "it begins with {}://, not http:// or https://",
                parsed.scheme()
            )));
        }
        if !parsed.username().is_empty() || parsed.password().is_some() {
            return Err(invalid("it holds a user name or a password".to_owned()));
        }
        let address: Option<IpAddr> = match parsed.host() {
            Some(Host::Ipv4(address)) => Some(address.into()),
            Some(Host::Ipv6(address)) => Some(address.into()),
            Some(Host::Domain(_)) => None,
            None => return Err(invalid("it has no host".to_owned())),
        };
        let host = parsed.host_str().unwrap_or_default().to_owned();
        if let Some(address) = address
            && let Err(refused) = self.resolver.policy.check(address)
        {
            return Err(EgressError::Refused {
                purpose,
                host,
                refused,
            });
        }
        Ok((parsed, host))
    }

    /// Looks a name up beforehand, for a message that says what was refused.
    /// What counts is the check at the time of the connection.
    pub(crate) async fn check_name(
        &self,
        url: &Url,
        host: &str,
        purpose: &'static str,
    ) -> Result<(), EgressError> {
        let Some(Host::Domain(name)) = url.host() else {
            return Ok(());
        };
        match self.resolver.checked(name).await {
            Ok(_) => Ok(()),
            Err(ResolveError::Refused(refused)) => Err(EgressError::Refused {
                purpose,
                host: host.to_owned(),
                refused,
            }),
            Err(ResolveError::NotFound(reason)) => Err(EgressError::Resolve {
                host: host.to_owned(),
                reason,
            }),
        }
    }
}

/// Reads at most `limit` bytes; tells whether that was all.
async fn read_up_to(
    response: reqwest::Response,
    limit: usize,
) -> Result<(Bytes, bool), reqwest::Error> {
    let mut body = BytesMut::new();
    let mut chunks = response.bytes_stream();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk?;
        let room = limit - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((body.freeze(), false));
        }
    }
    Ok((body.freeze(), true))
}

pub(crate) fn describe(
    error: &reqwest::Error,
    host: &str,
    purpose: &'static str,
    limit: Duration,
) -> EgressError {
    let host = host.to_owned();
    // The innermost cause says what happened; those above say where.
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(ResolveError::Refused(refused)) = cause.downcast_ref() {
            return EgressError::Refused {
                purpose,
                host,
                refused: refused.clone(),
            };
        }
        reason = cause.to_string();
        if is_of_tls(cause) {
            return EgressError::Tls { host, reason };
        }
        source = cause.source();
    }
    match (error.is_connect(), error.is_timeout()) {
        (true, true) => EgressError::Connect {
            host,
            reason: format!("none came about within {} s", CONNECT_TIME.as_secs()),
        },
        (true, false) => EgressError::Connect { host, reason },
        (false, true) => EgressError::Timeout { host, limit },
        (false, false) => EgressError::Protocol { host, reason },
    }
}

/// Whether an error is one of TLS, which I/O hands on wrapped, perhaps twice.
fn is_of_tls(cause: &(dyn std::error::Error + 'static)) -> bool {
    let wrapped = cause
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref);
    cause.is::<rustls::Error>() || wrapped.is_some_and(|inner| is_of_tls(inner))
}

fn build_client(
    resolver: CheckedResolver,
    extra_ca: Option<&[u8]>,
) -> Result<reqwest::Client, EgressError> {
    reqwest::Client::builder()
        .tls_backend_preconfigured(tls_config(extra_ca)?)
        .dns_resolver(resolver)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .referer(false)
        .connect_timeout(CONNECT_TIME)
        .pool_idle_timeout(Duration::from_secs(30))
        .user_agent(concat!("runnel/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| EgressError::InvalidUrl {
            reason: format!("the HTTP client cannot be built: {error}"),
        })
}

fn tls_config(extra_ca: Option<&[u8]>) -> Result<rustls::ClientConfig, EgressError> {
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let unusable = |error: &dyn std::fmt::Display| EgressError::InvalidUrl {
        reason: format!("the CA file holds no certificate: {error}"),
    };
    for certificate in CertificateDer::pem_slice_iter(extra_ca.unwrap_or_default()) {
        let certificate = certificate.map_err(|error| unusable(&error))?;
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unusable(&error))?;
    Ok(builder.with_root_certificates(roots).with_no_client_auth())
}

#[cfg(test)]
mod tests;
