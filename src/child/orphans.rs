//! Orphans, which are ours when we are the first process of a container (PID 1).
//!
//! What a program leaves running is handed to the first process, and nobody else can take its status: until
//! then it is a zombie, and counts as a living member of its group. The statuses of children that were started
//! here belong to whoever waits for them, so these are known, and passed over.

use super::processes;
use rustix::process::{Pid, WaitId, WaitIdOptions, getpid, waitid};
use std::{
    collections::BTreeSet,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::signal::unix::{SignalKind, signal};

/// The children that were started here and are still to be waited for.
static STARTED: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());

/// A child that is waited for; afterwards it is dropped.
pub(super) struct Awaited(i32);

impl Drop for Awaited {
    fn drop(&mut self) {
        started().remove(&self.0);
    }
}

fn started() -> MutexGuard<'static, BTreeSet<i32>> {
    STARTED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a child; nobody takes it for an orphan, however soon it ends.
///
/// # Errors
/// Those of starting it.
pub(super) fn start(command: &mut tokio::process::Command) -> io::Result<(tokio::process::Child, Awaited)> {
    let mut started = started();
    let child = command.spawn()?;
    let pid = child.id().ok_or(io::ErrorKind::NotFound)?.cast_signed();
    started.insert(pid);
    drop(started);
    Ok((child, Awaited(pid)))
}

/// Takes the status of every orphan that ends, if orphans are ours; never ends.
pub async fn reap() {
    if getpid() == Pid::INIT
        && let Ok(mut ended) = signal(SignalKind::child())
    {
        while ended.recv().await.is_some() {
            take_statuses();
        }
    }
    std::future::pending().await
}

fn take_statuses() {
    let started = started();
    let us = getpid().as_raw_nonzero().get();
    for process in processes::all().filter(|process| process.is_zombie && process.parent == us) {
        if !started.contains(&process.pid.as_raw_nonzero().get()) {
            // The status may have been taken meanwhile, which does no harm.
            let _ = waitid(WaitId::Pid(process.pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
    }
}
