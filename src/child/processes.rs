//! The processes of this machine, as far as `/proc` tells (Linux): who leads what, and who is dead.

use rustix::process::Pid;

/// The known facts of a process.
pub(super) struct Process {
    pub pid: Pid,
    /// It has ended, and its status was not taken.
    pub is_zombie: bool,
    /// It runs no more.
    pub is_dead: bool,
    /// Raw identifiers, as `/proc` gives them.
    pub parent: i32,
    pub session: i32,
}

/// All of them; none elsewhere.
pub(super) fn all() -> impl Iterator<Item = Process> {
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
