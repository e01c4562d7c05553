//! A child inherits nothing beside its three streams, and ends with us; a terminal becomes its own.
//!
//! The only file with unsafe code, because what runs between fork and exec can be set no other way. It
//! makes system calls and nothing else: no allocation, no lock, no panic.

#![allow(unsafe_code, reason = "code between fork and exec is unsafe by nature; it is a few system calls")]

use std::{io, os::unix::process::CommandExt, process::Command};

/// Readies what happens in the child before its program starts.
///
/// With a terminal as its standard input it leads a session, and that terminal controls the session.
pub(super) fn prepare(command: &mut Command, on_terminal: bool) {
    let parent = rustix::process::getpid();
    let limit = super::limit::before();
    // SAFETY: the closure is async-signal-safe: it makes system calls on values it owns, and neither
    // allocates nor takes a lock; `set_fds_cloexec_threadsafe` is made for this place.
    unsafe {
        command.pre_exec(move || {
            if on_terminal {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
            }
            if let Some(limit) = limit {
                rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?;
            }
            // Descriptors that our own parent left open are not for a child.
            close_fds::set_fds_cloexec_threadsafe(3, &[]);
            #[cfg(target_os = "linux")]
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::TERM))?;
            // We may have died before the line above.
            match rustix::process::getppid() {
                Some(now) if now == parent => Ok(()),
                _ => Err(io::ErrorKind::NotFound.into()),
            }
        });
    }
}
