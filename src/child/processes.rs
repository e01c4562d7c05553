//! The processes of a child: its group, its session, and the orphans that they leave.
//!
//! A shell on a terminal gives each of its jobs a group of its own, so the group of the shell is not
//! all there is. No system call names the processes of a session; the kernel's table does, where there
//! is one (`/proc` of Linux). Elsewhere the jobs are left to the hang-up of their terminal.
//!
//! Orphans are ours when we are the first process of a container (PID 1): what a program leaves running is
//! handed to the first process, and nobody else can take its status. Until then it is a zombie, and counts
//! as a living member of its group. The statuses of children that were started here belong to whoever waits
//! for them, so these are known, and passed over.

use rustix::process::{
    Pid, Signal, WaitId, WaitIdOptions, getpid, kill_process, kill_process_group, test_kill_process_group,
    waitid,
};
use std::{
    collections::BTreeSet,
    io,
    sync::{Mutex, MutexGuard, PoisonError},
};
use tokio::signal::unix::{SignalKind, signal};

/// The known facts of a process.
struct Process {
    pub pid: Pid,
    /// It has ended, and its status was not taken.
    pub is_zombie: bool,
    /// It runs no more.
    pub is_dead: bool,
    /// Raw identifiers, as `/proc` gives them.
    pub parent: i32,
    pub session: i32,
}

/// Everything that a child started: its process group, and its whole session when it has a terminal.
pub(super) struct Group {
    /// The child: it leads the group, and the session if there is one.
    pub leader: Pid,
    /// The child leads a session.
    pub session: bool,
}

impl Group {
    pub(super) fn tell(&self, signal: Signal) {
        let _ = kill_process_group(self.leader, signal);
        for member in self.members() {
            let _ = kill_process(member, signal);
        }
    }

    pub(super) fn is_gone(&self) -> bool {
        test_kill_process_group(self.leader).is_err() && self.members().is_empty()
    }

    /// The living processes of the session.
    fn members(&self) -> Vec<Pid> {
        if !self.session {
            return Vec::new();
        }
        let leader = self.leader.as_raw_nonzero().get();
        let members = all().filter(|process| !process.is_dead && process.session == leader);
        members.map(|process| process.pid).collect()
    }
}

impl Drop for Group {
    /// Kills the processes that are left when the group is dropped before its end.
    fn drop(&mut self) {
        if !self.is_gone() {
            self.tell(Signal::KILL);
        }
    }
}

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
    for process in all().filter(|process| process.is_zombie && process.parent == us) {
        if !started.contains(&process.pid.as_raw_nonzero().get()) {
            // The status may have been taken meanwhile, which does no harm.
            let _ = waitid(WaitId::Pid(process.pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
        }
    }
}

/// All processes of this machine, as far as `/proc` tells (Linux); none elsewhere.
fn all() -> impl Iterator<Item = Process> {
    let entries = cfg!(target_os = "linux").then(|| std::fs::read_dir("/proc").ok()).flatten();
    entries.into_iter().flatten().filter_map(|entry| look(entry.ok()?.file_name().to_str()?))
}

fn look(name: &str) -> Option<Process> {
    let pid = Pid::from_raw(name.parse().ok()?)?;
    parse(pid, &std::fs::read_to_string(format!("/proc/{name}/stat")).ok()?)
}

/// `PID (NAME) STATE PARENT GROUP SESSION …`, and a name may hold anything.
fn parse(pid: Pid, stat: &str) -> Option<Process> {
    let mut fields = stat.rsplit(')').next()?.split_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    Some(Process { pid, is_zombie: state == "Z", is_dead: matches!(state, "Z" | "X"), parent, session })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let pid = Pid::from_raw(7).unwrap();
        let process = parse(pid, "7 (a) Z 1 (b) S 3 4 5 0 -1").unwrap();
        assert_eq!((process.parent, process.session, process.is_dead), (3, 5, false));
        let process = parse(pid, "7 (sleep) Z 1 4 5 0 -1").unwrap();
        assert!(process.is_zombie && process.is_dead && process.parent == 1);
        assert!(parse(pid, "").is_none() && parse(pid, "7 (sleep)").is_none());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn we_are_one_of_them() {
        let ours = all().find(|process| process.pid == rustix::process::getpid()).unwrap();
        assert!(!ours.is_dead);
        assert_eq!(Some(ours.parent), rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get()));
    }
}
