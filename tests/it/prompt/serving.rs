//! The prompt of `listen`: what is typed, the log and what clients say are kept apart, and each message
//! names its client.

use crate::harness::{Options, Peer, Terminal, eventually};
use rustix::process::Signal;
use std::fs;

/// A server on a terminal, and the address of its socket.
fn server(command: &str, more: &str) -> (Terminal, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    let script = format!(
        "exec {} listen 127.0.0.1:0 --announce {} {more} {command}",
        env!("CARGO_BIN_EXE_wsio"),
        file.display()
    );
    let terminal = Terminal::start("sh", ["-c", &script]);
    eventually("the URL", || file.exists());
    let url = fs::read_to_string(&file).unwrap();
    (terminal, url.trim_end().trim_start_matches("ws://").trim_end_matches('/').to_owned())
}

/// A client that the server has logged.
fn client(terminal: &Terminal, address: &str, number: u64) -> Peer {
    let peer = Peer::dial(address);
    eventually("its line of the log", || {
        let rows = terminal.written();
        rows.contains(&format!("#{number} 127.0.0.1:"))
    });
    peer
}

fn closes(peer: &mut Peer) -> (Option<u16>, String) {
    let close = peer.answer_close().unwrap();
    (close.code(), close.reason().to_owned())
}

#[test]
fn what_is_typed_stays_below_and_each_message_names_its_client() {
    for (target, greeting) in [("", "· every line goes to all clients"), ("--relay", "· every line")] {
        let (mut terminal, address) = server("", target);
        terminal.ends_with(&[">"]);
        assert!(terminal.rows()[1].starts_with(greeting), "{:?}", terminal.rows());
        terminal.types("half a line");
        let mut one = client(&terminal, &address, 1);
        let mut two = client(&terminal, &address, 2);
        one.text("from one");
        terminal.ends_with(&["#1 < from one", "> half a line"]);
        two.text("from\ntwo");
        terminal.ends_with(&["#1 < from one", "#2 < from", "  two", "> half a line"]);
        let opened = terminal.rows().iter().filter(|row| row.ends_with(" open /")).count();
        assert_eq!(opened, 2, "the log stands above: {:?}", terminal.rows());
        if target == "--relay" {
            assert_eq!(two.message().unwrap(), b"from one");
            assert_eq!(one.message().unwrap(), b"from\ntwo");
        }
        terminal.types(", sent\r");
        for peer in [&mut one, &mut two] {
            assert_eq!(peer.message().unwrap(), b"half a line, sent");
        }
        terminal.ends_with(&["> half a line, sent", ">"]);
        terminal.types("\x03");
        for peer in [&mut one, &mut two] {
            assert_eq!(closes(peer), (Some(1001), String::new()));
        }
        assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    }
}

#[test]
fn its_commands_are_for_every_client_and_the_server_stays() {
    let (mut terminal, address) = server("", "");
    let (mut one, mut two) = (client(&terminal, &address, 1), client(&terminal, &address, 2));
    terminal.types("/ping hello\r");
    for (number, peer) in [(1, &mut one), (2, &mut two)] {
        let ping = peer.next().unwrap();
        assert_eq!((ping.opcode, ping.text()), (9, "hello"));
        peer.send(true, 10, b"hello");
        terminal.shows(&format!("· #{number} pong in "));
    }
    terminal.types("/help\r");
    terminal.shows("close every client and end the server");
    terminal.types("/close 4000 enough\r");
    for peer in [&mut one, &mut two] {
        assert_eq!(closes(peer), (Some(4000), "enough".to_owned()));
    }
    eventually("the ends in the log", || terminal.written().matches(" close 4000 ").count() == 2);
    terminal.types("for the next\r");
    terminal.shows("no client is here: what is typed waits for the next one");
    let mut three = client(&terminal, &address, 3);
    assert_eq!(three.message().unwrap(), b"for the next");
    assert!(!terminal.written().contains("sent to no client"));
    terminal.types("/close\r");
    assert_eq!(closes(&mut three), (Some(1000), String::new()));
    let mut four = client(&terminal, &address, 4);
    terminal.types("/quit\r");
    assert_eq!(closes(&mut four).0, Some(1001));
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
}

#[test]
fn the_end_of_its_input_leaves_the_server_and_the_names() {
    let (mut terminal, address) = server("", "");
    let mut one = client(&terminal, &address, 1);
    terminal.types("cleared\x03");
    terminal.ends_with(&["> cleared", ">"]);
    terminal.types("\x04");
    terminal.shows("the server and its clients stay");
    one.text("still here");
    terminal.ends_with(&["#1 < still here"]);
    terminal.signal(Signal::INT);
    assert_eq!(closes(&mut one).0, Some(1001));
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
}

#[test]
fn what_nobody_came_to_hear_is_told_at_the_end() {
    let (mut terminal, _) = server("", "");
    terminal.types("one\r");
    terminal.shows("no client is here: what is typed waits for the next one");
    terminal.types("two\r/ping\r\x03");
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    let told = "what was typed: 2 messages read and sent to no client";
    assert!(terminal.written().contains(told), "{}", terminal.written());
}

#[test]
fn one_client_alone_needs_no_name() {
    let (mut terminal, address) = server("", "--once");
    let mut one = client(&terminal, &address, 1);
    one.text("hello");
    terminal.ends_with(&["< hello", ">"]);
    terminal.types("answer\r");
    assert_eq!(one.message().unwrap(), b"answer");
    terminal.types("\x04");
    assert_eq!(closes(&mut one).0, Some(1000));
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
}

#[test]
fn bytes_stay_bytes_where_they_are_asked_for_or_nobody_looks() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    let into_file = format!("> {}", file.display());
    for (more, command, shown) in [
        ("--framing lines", "", Some("hello")),
        ("", "< /dev/null", Some("#1 < hello")),
        ("--out lines", "< /dev/null", Some("hello")),
        ("", into_file.as_str(), None),
    ] {
        let (mut terminal, address) = server(command, more);
        let mut one = client(&terminal, &address, 1);
        one.text("hello");
        one.close(1000, "");
        one.until_close().unwrap();
        match shown {
            Some(row) => {
                eventually("the message", || terminal.rows().iter().any(|shown| shown == row));
            }
            None => eventually("the message", || fs::read(&file).unwrap() == b"hello\n"),
        }
        assert!(!terminal.written().contains("every line goes"), "{more} {command}");
        terminal.signal(Signal::INT);
        assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    }
}

#[test]
fn a_terminal_without_a_prompt_names_them_too() {
    let options = Options { env: &[("TERM", "dumb")], ..Options::default() };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    let mut terminal =
        Terminal::wsio_in(options, ["listen", "127.0.0.1:0", "--announce", file.to_str().unwrap()]);
    eventually("the URL", || file.exists());
    let url = fs::read_to_string(&file).unwrap();
    let address = url.trim_end().trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let (mut one, mut two) = (client(&terminal, &address, 1), client(&terminal, &address, 2));
    two.text("from two\x1b[2J");
    terminal.shows("#2 < from two\\u{1b}[2J\r\n");
    one.text("a\nb");
    terminal.shows("#1 < a\r\n  b\r\n");
    terminal.types("to all\n");
    for peer in [&mut one, &mut two] {
        assert_eq!(peer.message().unwrap(), b"to all");
    }
    terminal.signal(Signal::INT);
    for client in [&mut one, &mut two] {
        closes(client);
    }
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
}
