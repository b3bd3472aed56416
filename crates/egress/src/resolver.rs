//! From names to addresses that were checked.

use std::fmt;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::dns::{Addrs, Name, Resolving};

use crate::policy::{Policy, Refused};

/// The addresses of a name.
pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Finds the addresses of a name.
pub trait Resolve: Send + Sync + fmt::Debug {
    /// Looks `name` up.
    fn resolve(&self, name: &str) -> Addresses;
}

/// The operating system's resolver.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemResolver;

impl Resolve for SystemResolver {
    fn resolve(&self, name: &str) -> Addresses {
        let name = name.to_owned();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Why a name led to no address that may be reached.
#[derive(Debug, Clone, thiserror::Error)]
pub(crate) enum ResolveError {
    /// The resolver found nothing.
    #[error("{0}")]
    NotFound(String),
    /// Every address is refused; the first one's refusal.
    #[error("{0}")]
    Refused(Refused),
}

/// Resolves for the HTTP client: it connects to what this answers, and to
/// nothing else, so that no second look-up can come between check and use.
#[derive(Debug, Clone)]
pub(crate) struct CheckedResolver {
    pub(crate) policy: Arc<Policy>,
    pub(crate) resolver: Arc<dyn Resolve>,
}

impl CheckedResolver {
    /// The same look-ups without the policy.
    pub(crate) fn opened(&self) -> Self {
        Self {
            policy: Arc::new(Policy::open()),
            resolver: Arc::clone(&self.resolver),
        }
    }

    pub(crate) async fn checked(&self, name: &str) -> Result<Vec<IpAddr>, ResolveError> {
        let found = self
            .resolver
            .resolve(name)
            .await
            .map_err(|error| ResolveError::NotFound(error.to_string()))?;
        let mut refused = None;
        let mut allowed = Vec::new();
        for address in found {
            match self.policy.check(address) {
                Ok(()) => allowed.push(address),
                Err(refusal) => refused = refused.or(Some(refusal)),
            }
        }
        match (allowed.is_empty(), refused) {
            (false, _) => Ok(allowed),
            (true, Some(refused)) => Err(ResolveError::Refused(refused)),
            (true, None) => Err(ResolveError::NotFound("it has no address".to_owned())),
        }
    }
}

impl reqwest::dns::Resolve for CheckedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let resolver = self.clone();
        Box::pin(async move {
            let addresses = resolver.checked(name.as_str()).await?;
            let addresses: Addrs = Box::new(
                addresses
                    .into_iter()
                    .map(|address| SocketAddr::new(address, 0)),
            );
            Ok(addresses)
        })
    }
}
