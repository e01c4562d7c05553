//! Everything that a child started: its process group, and its whole session when it has a terminal.
//!
//! A shell on a terminal gives each of its jobs a group of its own, so the group of the shell is not
//! all there is. No system call names the processes of a session; the kernel's table does, where there
//! is one (Linux). Elsewhere the jobs are left to the hang-up of their terminal.

use super::processes;
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

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
        let members = processes::all().filter(|process| !process.is_dead && process.session == leader);
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
