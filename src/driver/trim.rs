//! Memory that clients have left goes back to the system.
//!
//! glibc's allocator gives back only what stands free at the end of a heap. Behind clients that came and went, and
//! behind large messages, pages stay that nobody uses, because something small beside them is in use: after ten
//! rounds of ten thousand clients that was more than the clients themselves had. So a server that was busy looks
//! for such pages once it is quiet: the walk through a heap takes milliseconds, which nobody then waits for. While
//! all goes on, what was freed is used again, and nothing is looked for.

#![allow(
    unsafe_code,
    reason = "malloc_trim(3) is a C function; it takes a number and touches free memory only"
)]

use crate::link::Moved;
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::Duration,
};
use tokio::time::sleep;

/// Time without a departure or a large read or write after which it is quiet.
const QUIET: Duration = Duration::from_secs(1);

/// A step of a transport from which on memory may have been needed that is worth giving back, bytes.
const LARGE: u64 = 64 * 1024;

/// Number of the events so far after which memory may be free.
static EVENTS: AtomicU64 = AtomicU64::new(0);
/// Somebody waits for the quiet.
static IS_AWAITED: AtomicBool = AtomicBool::new(false);

/// Takes note that much memory may be free now; has it looked for once it is quiet.
pub(super) fn later() {
    EVENTS.fetch_add(1, Relaxed);
    if cfg!(all(target_os = "linux", target_env = "gnu")) && !IS_AWAITED.swap(true, Relaxed) {
        tokio::spawn(once_quiet(Awaiting));
    }
}

/// The same when a client's transport has moved much: memory of large messages is free soon after they have passed.
pub(super) fn after_step(serving: bool, before: Moved, now: Moved) {
    let step = now.received.saturating_sub(before.received).max(now.sent.saturating_sub(before.sent));
    if serving && step >= LARGE {
        later();
    }
}

/// Ends the wait, also when its runtime ends.
struct Awaiting;

impl Drop for Awaiting {
    fn drop(&mut self) {
        IS_AWAITED.store(false, Relaxed);
    }
}

async fn once_quiet(awaiting: Awaiting) {
    loop {
        let events = EVENTS.load(Relaxed);
        sleep(QUIET).await;
        if EVENTS.load(Relaxed) == events {
            break;
        }
    }
    drop(awaiting);
    let _ = tokio::task::spawn_blocking(trim).await;
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    // SAFETY: it may be called at any time from any thread, and touches no memory that is in use.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators give free pages back by themselves.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}
