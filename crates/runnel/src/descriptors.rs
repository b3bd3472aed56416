//! How many files and connections the process may have open, settled once at the
//! start.
//!
//! Many systems give a process a thousand, for the sake of programs from before
//! `poll`, and let it ask for more. A thousand connections would be fewer than
//! the server takes, and then not even the database could open a file.
#![cfg_attr(unix, expect(unsafe_code, reason = "the C library has a C interface"))]

/// The most that is asked for: connections, and a file for each of many answers.
/// Some systems would allow a billion, and programs that are started inherit it.
#[cfg(unix)]
const ENOUGH: libc::rlim_t = 65_536;

/// Settles it. A system that refuses leaves the limit as it was.
pub(crate) fn settle() {
    #[cfg(unix)]
    {
        let mut limit = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: the C library writes one `rlimit`, and this is one.
        if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
            return;
        }
        let wanted = limit.rlim_max.min(ENOUGH);
        if limit.rlim_cur < wanted {
            limit.rlim_cur = wanted;
            // SAFETY: the C library reads one `rlimit`, and this is one.
            unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
        }
    }
}
