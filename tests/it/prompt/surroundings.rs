//! The prompt's surroundings: the home with its history, paths to complete, the window and its shell.

use super::{listener, prompt, prompt_in, puppet, says};
use crate::harness::{Options, Terminal, serve};
use rustix::process::Signal;
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn lines_come_back_in_the_next_session() {
    let (url, _peer) = serve(listener);
    let mut terminal = prompt(&url, &[]);
    let home = terminal.home.clone();
    terminal.types("first\rsecond\r beginning with a space\r{\"password\":\"x\"}\r\x04");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    let file = home.path().join(".local/state/wsio/history");
    assert_eq!(fs::read_to_string(&file).unwrap(), "first\nsecond\n");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);

    let (url, peer) = serve(listener);
    let mut terminal = prompt_in(Options { home: Some(home.clone()), ..Options::default() }, &url, &[]);
    terminal.types("\x1b[A");
    terminal.ends_with(&["> second"]);
    terminal.types("\r\x12fir");
    terminal.ends_with(&["(reverse-i-search)`fir': first"]);
    terminal.types("\r\x04");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    assert_eq!(peer.join().unwrap().0, ["second", "first"]);
}

#[test]
fn without_history_nothing_is_written() {
    let (url, _peer) = serve(listener);
    let mut terminal = prompt(&url, &["--no-history"]);
    terminal.types("first\r\x1b[A\r\x04");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    assert_eq!(fs::read_dir(terminal.home.path()).unwrap().count(), 0);
}

#[test]
fn a_history_that_cannot_be_written_is_said_once() {
    let home = std::sync::Arc::new(tempfile::tempdir().unwrap());
    fs::write(home.path().join(".local"), "in the way").unwrap();
    let (url, peer) = serve(listener);
    let mut terminal = prompt_in(Options { home: Some(home), ..Options::default() }, &url, &[]);
    terminal.types("first\r");
    terminal.shows("the history cannot be ");
    terminal.types("second\r\x04");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    assert_eq!(peer.join().unwrap().0, ["first", "second"]);
}

#[test]
fn tab_completes_commands_and_paths() {
    let (url, peer) = serve(listener);
    let mut terminal = prompt(&url, &[]);
    fs::write(terminal.home.path().join("a file"), b"x").unwrap();
    let path = terminal.home.path().display().to_string();
    terminal.types("/fi\t");
    terminal.ends_with(&["> /file"]);
    terminal.types(&format!("{path}/a\t\r"));
    terminal.shows("· sent 1 bytes");
    terminal.types("/p\t");
    terminal.ends_with(&["> /p", "/ping  /pong", "> /p"]);
    terminal.types("\x03");
    terminal.shows("press Ctrl-C again");
    terminal.types("\x04");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    assert_eq!(peer.join().unwrap().0, ["binary [120]"]);
}

#[test]
fn a_window_may_change_its_size() {
    let (url, peer) = puppet();
    let mut terminal = prompt(&url, &[]);
    terminal.types("a line of forty-five characters, more or less");
    terminal.ends_with(&["> a line of forty-five characters, more or less"]);
    terminal.resize(24, 30);
    says(&peer, "message");
    terminal.ends_with(&["< message", "> a line of forty-five charact", "ers, more or less"]);
}

#[test]
fn ctrl_z_gives_the_terminal_back_and_fg_goes_on() {
    let (url, peer) = serve(listener);
    let script = format!(
        "set -m; {} connect {url} -q --no-history; stty -a | grep -o -w -e '-*icanon' -e '-*echo'; echo stopped; fg; echo exit $?",
        env!("CARGO_BIN_EXE_wsio")
    );
    let mut terminal = Terminal::start("sh", ["-c", &script]);
    terminal.ends_with(&[">"]);
    terminal.types("before");
    terminal.ends_with(&["> before"]);
    terminal.types("\x1a");
    terminal.shows("stopped");
    terminal.types(" and after\r");
    terminal.ends_with(&["> before and after", ">"]);
    terminal.types("\x04");
    terminal.shows("exit 0");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    assert_eq!(peer.join().unwrap().0, ["before and after"]);
    let rows = terminal.rows();
    assert!(rows.contains(&"> beforeicanon".to_owned()) && rows.contains(&"echo".to_owned()), "{rows:?}");
}

#[test]
fn signals_that_were_ignored_leave_the_prompt_alone_and_keys_still_close() {
    for (name, signal) in [("INT", Signal::INT), ("HUP", Signal::HUP)] {
        let (url, peer) = serve(listener);
        let script = format!("trap '' {name}; exec \"$0\" connect \"$1\" -q --no-history");
        let mut terminal = Terminal::start("/bin/sh", ["-c", &script, env!("CARGO_BIN_EXE_wsio"), &url]);
        terminal.ends_with(&[">"]);
        terminal.types("bef");
        terminal.ends_with(&["> bef"]);
        terminal.signal(signal);
        terminal.types("ore\rafter\r");
        terminal.ends_with(&["> before", "> after", ">"]);
        // Ctrl-C is a key there, and asks as ever.
        terminal.types("\x03");
        terminal.shows("press Ctrl-C again to close");
        terminal.types("\x03");
        assert_eq!(terminal.exit(), Some(130), "{}", terminal.written());
        let (messages, code, _) = peer.join().unwrap();
        assert_eq!((messages.join(" "), code), ("before after".to_owned(), Some(1000)));
    }
}
