//! How the C library keeps memory that was given back, settled once at the start.
//!
//! A thumbnail takes and gives back some megabytes in a few milliseconds. By
//! default glibc returns them to the system each time and takes fresh, cleared
//! pages for the next one, which was a tenth of an upload's CPU. Here a little
//! is kept for the next, and what is large goes straight back.
#![cfg_attr(
    all(target_os = "linux", target_env = "gnu"),
    expect(unsafe_code, reason = "the C library has a C interface")
)]

/// Blocks from this size on are taken from the system and returned to it by
/// themselves, so that one large picture leaves nothing behind.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const LARGE: i32 = 4 << 20;

/// How much may be kept at the end of each arena.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const KEPT: i32 = 16 << 20;

/// How many arenas there are: with one for each thread, as by default, each of
/// hundreds of threads would keep some for itself.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const ARENAS: i32 = 4;

/// Settles it. Other C libraries are left as they are.
pub(crate) fn settle() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    for (what, value) in [
        (libc::M_MMAP_THRESHOLD, LARGE),
        (libc::M_TRIM_THRESHOLD, KEPT),
        (libc::M_ARENA_MAX, ARENAS),
    ] {
        // SAFETY: `mallopt` takes two numbers and a lock of its own; it may be
        // called at any time, and a refusal leaves everything as it was.
        unsafe { libc::mallopt(what, value) };
    }
}
