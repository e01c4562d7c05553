//! Everything that a child started: its process group, and its whole session when it has a terminal.
//!
//! A shell on a terminal gives each of its jobs a group of its own, so the group of the shell is not
//! all there is. No system call names the processes of a session; the kernel's table does, where there
//! is one (Linux). Elsewhere the jobs are left to the hang-up of their terminal.

use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process_group};

pub(super) struct Group {
    /// The child: it leads the group, and the session if there is one.
    pub leader: Pid,
    /// Whether it leads a session.
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
        if !self.session || !cfg!(target_os = "linux") {
            return Vec::new();
        }
        let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
        let pids = all.filter_map(|entry| Pid::from_raw(entry.ok()?.file_name().to_str()?.parse().ok()?));
        pids.filter(|pid| self.is_member(*pid)).collect()
    }

    fn is_member(&self, pid: Pid) -> bool {
        // `PID (NAME) STATE PARENT GROUP SESSION …`, and a name may hold anything.
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let mut fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
        let dead = fields.next().is_none_or(|state| matches!(state, "Z" | "X"));
        let session = fields.nth(2).and_then(|session| session.parse::<i32>().ok());
        !dead && session == Some(self.leader.as_raw_nonzero().get())
    }
}

impl Drop for Group {
    /// Whoever is in too much of a hurry to see it off leaves nothing behind either.
    fn drop(&mut self) {
        if !self.is_gone() {
            self.tell(Signal::KILL);
        }
    }
}
