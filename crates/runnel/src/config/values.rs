//! Values of flags that clap does not know by itself; each refusal says which
//! form would do.

use std::net::{IpAddr, SocketAddr};

use tracing_subscriber::EnvFilter;

/// The longest that a signed URL may work, in seconds: a year.
pub(super) const LONGEST_URL: u64 = 365 * 24 * 3600;
/// The longest that something may be kept, in seconds: a hundred years, which
/// the clock can still count.
pub(super) const LONGEST_KEPT: u64 = 100 * LONGEST_URL;
/// The most workers of a process. Each is a loop that waits for a job, so more
/// than a few for each core have nothing to do.
pub(super) const MOST_WORKERS: usize = 1024;

/// An address to listen on.
pub(crate) fn listen_address(text: &str) -> Result<SocketAddr, String> {
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if let Ok(ip) = text.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Err(format!(
            "the port is missing; give {}",
            SocketAddr::new(ip, 8080)
        ));
    }
    let port = |text: &str| text.parse::<u16>().ok();
    Err(match text.rsplit_once(':') {
        Some(("", end)) if port(end).is_some() => format!(
            "the address is missing; give 127.0.0.1:{end} for this machine alone, or 0.0.0.0:{end} for every address that it has"
        ),
        Some(("localhost", end)) if port(end).is_some() => {
            format!("a name is no address; give 127.0.0.1:{end} or [::1]:{end}")
        }
        _ => "give an IP address and a port, such as 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080"
            .to_owned(),
    })
}

/// What is logged.
pub(crate) fn log_filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(
            "give a level (off, error, warn, info, debug or trace), or levels of parts such as info,runnel=debug"
                .to_owned(),
        ),
    }
}
