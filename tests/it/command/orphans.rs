//! `wsio` as the first process of a container: what its programs leave running is handed to it when they end.

use crate::harness::{Listening, Peer, Wsio, eventually};
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, process::Command};

/// Runs what follows as the first process of its own.
const UNSHARE: [&str; 6] = ["--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--kill-child"];

/// The children of a process, and whether they are zombies.
fn children(parent: Pid) -> Vec<(Pid, bool)> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit(')').next()?.split_whitespace();
        let is_zombie = fields.next()? == "Z";
        let is_ours = fields.next()?.parse() == Ok(parent.as_raw_nonzero().get());
        is_ours.then(|| Some((Pid::from_raw(pid)?, is_zombie)))?
    });
    processes.collect()
}

#[test]
#[allow(clippy::print_stderr, reason = "says where it was not run")]
fn the_statuses_of_orphans_are_taken_and_those_of_children_are_told() {
    let may = Command::new("unshare").args(UNSHARE).arg("true").output();
    if !may.is_ok_and(|done| done.status.success()) {
        eprintln!("not run: no process may be the first one here (unshare --user --pid)");
        return;
    }
    let script = "(sleep 0.1) & read line; echo got $line; exit 7";
    let mut command = Command::new("unshare");
    command.args(UNSHARE).args([env!("CARGO_BIN_EXE_wsio"), "listen", "0", "--", "/bin/sh", "-c", script]);
    let listening = Listening::of(Wsio::spawn(&mut command));
    let first = children(listening.wsio.pid())[0].0;
    for _ in 0..5 {
        let mut peer = Peer::dial(listening.address());
        peer.text("it\n");
        assert_eq!(peer.message().unwrap(), b"got it");
        let close = peer.answer_close().unwrap();
        assert_eq!((close.code(), close.reason()), (Some(1011), "exit 7"), "no status of a child is lost");
    }
    eventually("none is left", || children(first).is_empty());
    kill_process(first, Signal::TERM).unwrap();
    assert_eq!(listening.wsio.wait().code, 0);
}
