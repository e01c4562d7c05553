//! Programs on a terminal of their own: they do not hold their output back, nothing they are given or
//! give is changed, and nothing is left of them.

#[cfg(target_os = "linux")]
use crate::command::{leaves_nothing, marked, running, zombies};
use crate::{
    command::texts,
    harness::{Listening, Peer, Wsio, eventually},
};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpStream},
    process::Command,
};

/// A server that runs this shell script on a terminal for each client.
fn script(script: &str) -> Listening {
    Listening::start(["listen", "0", "--pty", "--", "/bin/sh", "-c", script])
}

/// A server that offers it as a console.
fn console(script: &str) -> Listening {
    Listening::start(["listen", "0", "--framing", "raw", "--pty", "--", "/bin/sh", "-c", script])
}

/// Reads messages until this was shown; what came before it is given.
fn shows(peer: &mut Peer, text: &str) -> String {
    let mut shown = String::new();
    while !shown.contains(text) {
        let message = peer.message().unwrap_or_else(|| panic!("`{text}` was never shown:\n{shown}"));
        shown.push_str(&String::from_utf8_lossy(&message));
    }
    shown
}

#[test]
fn a_program_that_buffers_answers_each_line() {
    // On a pipe, tr writes nothing before its input has ended.
    let listening = Listening::start(["listen", "0", "--pty", "--", "tr", "a-z", "A-Z"]);
    let mut peer = Peer::dial(listening.address());
    for (text, answer) in [("one", "ONE"), ("two", "TWO")] {
        peer.text(text);
        assert_eq!(texts(&mut peer, 1), [answer]);
    }
    peer.close(1000, "");
    assert_eq!(peer.until_close().unwrap().code(), Some(1000));
}

#[test]
fn all_three_streams_are_a_terminal_that_says_nothing_by_itself() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsio"));
    command.args(["listen", "0", "--pty", "--", "/bin/sh", "-c"]);
    command.arg(
        "test -t 0 && test -t 1 && test -t 2 && : < /dev/tty && echo terminal
         stty size
         echo \"$TERM ${COLUMNS-unset} ${LINES-unset} $WSIO_CONN\"
         read line; echo \"read $line\"; echo error >&2; exit 7",
    );
    let wsio = Wsio::spawn(command.env("COLUMNS", "7").env("LINES", "7").env("TERM", "ours"));
    let url = wsio.says("listening on ws://");
    let mut peer = Peer::dial(url.trim_end_matches('/'));
    peer.text("a line");
    // What was typed is not among it, and no line ends with a carriage return.
    let seen = texts(&mut peer, 5);
    assert_eq!(seen, ["terminal", "24 80", "dumb unset unset 1", "read a line", "error"]);
    let close = peer.answer_close().unwrap();
    assert_eq!((close.code(), close.reason()), (Some(1011), "exit 7"));
}

#[test]
fn every_byte_goes_through_both_ways() {
    let start = |framing| Listening::start(["listen", "0", "--framing", framing, "--pty", "--", "cat"]);
    // With and without ends of lines: no line is cut at the kernel's 4096 bytes.
    let every: Vec<u8> = (0..=255).collect();
    let no_line_end: Vec<u8> = every.iter().copied().filter(|byte| *byte != b'\n').collect();
    let length = start("length");
    let mut peer = Peer::dial(length.address());
    for content in [b"x".to_vec(), every.repeat(100), no_line_end.repeat(200)] {
        peer.send(true, 2, &content);
        assert!(peer.message().unwrap() == content, "{} bytes", content.len());
    }
    let lines = start("lines");
    let mut peer = Peer::dial(lines.address());
    for size in [1, 999, 1000, 1001, 4095, 4096, 4097, 300_000] {
        peer.text(&"é".repeat(size / 2));
        assert_eq!(peer.message().unwrap().len(), size / 2 * 2);
    }
}

#[test]
fn the_end_of_input_is_said_and_all_output_still_comes() {
    let wsio = Wsio::start(["pipe", "tcp-listen:0", "exec:sort", "--framing", "lines", "--pty", "--once"]);
    let url = wsio.says("listening on tcp://");
    let mut client = TcpStream::connect(&url).unwrap();
    let lines: String = (0..20_000).rev().map(|number| format!("{number:05}\n")).collect();
    let mut writing = client.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        writing.write_all(lines.as_bytes()).unwrap();
        writing.shutdown(Shutdown::Write).unwrap();
    });
    let mut sorted = String::new();
    client.read_to_string(&mut sorted).unwrap();
    writer.join().unwrap();
    assert_eq!(sorted.lines().count(), 20_000);
    assert!(sorted.starts_with("00000\n00001\n") && sorted.ends_with("19999\n"));
    let done = wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn the_end_of_input_is_said_to_each_program_that_reads() {
    let wsio = Wsio::start([
        "pipe",
        "tcp-listen:0",
        "sh:cat; cat; cat; echo over",
        "--in",
        "lines",
        "--pty",
        "--once",
    ]);
    let mut client = TcpStream::connect(wsio.says("listening on tcp://")).unwrap();
    client.write_all(b"once").unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut all = String::new();
    client.read_to_string(&mut all).unwrap();
    assert_eq!(all, "onceover");
}

#[test]
fn a_bad_end_is_told_after_all_output() {
    for (end, reason) in [("exit 7", "exit 7"), ("kill -KILL $$", "signal KILL")] {
        let listening = script(&format!("seq 20000; {end}"));
        let mut peer = Peer::dial(listening.address());
        assert_eq!(texts(&mut peer, 20_000).last().unwrap(), "20000");
        let close = peer.answer_close().unwrap();
        assert_eq!((close.code(), close.reason()), (Some(1011), reason));
    }
}

#[test]
fn a_console_echoes_edits_and_interrupts() {
    let listening = console(
        "trap 'echo caught; over=1' INT; echo \"$TERM ready\"; read line; echo \"<$line>\"
         while test -z \"$over\"; do sleep 0.1; done; echo on; cat; echo bye",
    );
    let mut peer = Peer::dial(listening.address());
    assert_eq!(shows(&mut peer, "\n"), "xterm-256color ready\r\n");
    // DEL takes the last character away.
    peer.send(true, 2, b"ab\x7fc\r");
    let shown = shows(&mut peer, "<ac>\r\n");
    assert!(shown.starts_with("ab"), "no echo: {shown:?}");
    peer.send(true, 2, b"\x03");
    shows(&mut peer, "caught\r\non\r\n");
    peer.send(true, 2, b"\x04");
    shows(&mut peer, "bye\r\n");
    assert_eq!(peer.answer_close().unwrap().code(), Some(1000));
}

#[test]
fn a_terminal_is_for_programs() {
    for args in [
        &["listen", "0", "--pty"][..],
        &["listen", "0", "--echo", "--pty"],
        &["listen", "0", "--to", "tcp:127.0.0.1:1", "--pty"],
        &["listen", "0", "--child-stderr", "client"],
        &["listen", "0", "--pty", "--child-stderr", "client", "--", "cat"],
        &["pipe", "-", "tcp:127.0.0.1:1", "--pty"],
        &["connect", "ws://127.0.0.1:1", "--pty"],
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
        assert!(done.err.contains("--pty") || done.err.contains("--child-stderr"), "{}", done.err);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_is_left_when_the_client_goes() {
    for (number, what) in [
        (310_201, "sleep {} & cat"),
        (310_202, "trap '' HUP TERM; sleep {} & wait"),
        (310_203, "trap '' HUP TERM; while :; do sleep 0.1; : {}; done"),
        // A job of its own, whose shell ends at the end of its input.
        (310_204, "set -m; (trap '' HUP; sleep {}) & cat"),
        (310_205, "exec sleep {}"),
        // It fills the terminal that nobody reads any more.
        (310_206, "trap '' HUP; while :; do echo {}; done"),
    ] {
        let word = marked(number);
        let listening = script(&what.replace("{}", &word));
        let mut peer = Peer::dial(listening.address());
        eventually("it runs", || running(&word) > 0);
        peer.close(1000, "");
        peer.until_close();
        eventually(&format!("`{what}` is gone"), || running(&word) == 0);
        eventually("no zombie", || zombies(&listening) == 0);
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_program_that_reads_nothing_does_not_stay_when_its_client_goes() {
    let word = marked(310_207);
    let listening = script(&format!("exec sleep {word}"));
    let mut peer = Peer::dial(listening.address());
    eventually("it runs", || running(&word) > 0);
    for _ in 0..20 {
        peer.send(true, 2, &[b'x'; 10_000]);
    }
    peer.close(1000, "");
    assert_eq!(peer.until_close().unwrap().code(), Some(1000));
    eventually("it is gone", || running(&word) == 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_killed_server_takes_its_programs_along() {
    let word = marked(310_208);
    let listening = script(&format!("sleep {word} & cat"));
    let _peer = Peer::dial(listening.address());
    eventually("it runs", || running(&word) > 0);
    drop(listening);
    eventually("it is gone", || running(&word) == 0);
}

#[cfg(target_os = "linux")]
#[test]
fn many_short_sessions_leave_no_descriptor_and_no_zombie() {
    leaves_nothing(&script("echo done"));
}

#[test]
fn a_program_that_has_said_all_ends_in_its_own_time() {
    let script = "sh:cat; echo done; exec <&- >&- 2>&-; sleep 0.3; exit 0";
    let wsio = Wsio::start(["pipe", "tcp-listen:0", script, "--framing", "lines", "--pty", "--once"]);
    let mut client = TcpStream::connect(wsio.says("listening on tcp://")).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    let mut said = String::new();
    client.read_to_string(&mut said).unwrap();
    let done = wsio.wait();
    assert_eq!((said.as_str(), done.code), ("done\n", 0), "its terminal hung up on it: {}", done.err);
}
