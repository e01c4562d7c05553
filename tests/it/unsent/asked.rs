//! Where the user asked for the end, or the input is none that is read, what is left of it is no failure.
//!
//! It is told all the same, and the offset of a file stands behind what was sent.

use super::{LINE, Lines, closes_after, line, rest};
use crate::harness::{Done, Listening, Peer, Terminal, Wsio, serve};
use rustix::process::Signal;
use std::{
    fs::File,
    io::{Seek, Write},
    sync::mpsc,
    thread::{self, JoinHandle},
};

const LINES: usize = 2000;

/// Takes some messages, does something, and reads on until our Close, which it answers; gives what it had.
fn after_some(act: impl FnOnce(&mut Peer) + Send + 'static) -> (String, JoinHandle<Vec<Vec<u8>>>) {
    serve(move |mut peer| {
        let mut got: Vec<_> = (0..5).map(|_| peer.message().unwrap()).collect();
        act(&mut peer);
        while let Some(message) = peer.message() {
            got.push(message);
        }
        let _ = peer.try_send(true, 8, &[3, 232]);
        got
    })
}

/// What came is counted, the rest is told, and the file's offset stands in between.
#[track_caller]
fn is_told(done: &Done, code: i32, got: &[Vec<u8>], file: &mut File) {
    assert_eq!(done.code, code, "{}", done.err);
    assert!(got.len() < LINES, "there was much to send");
    assert!((0..got.len()).all(|number| got[number] == line(number)));
    assert_eq!(done.sent(), (got.len() as u64, (got.len() * LINE) as u64), "{}", done.err);
    let (messages, bytes) = rest(done);
    let left = messages * (LINE as u64 + 1) + bytes;
    assert!(left > 0, "what is left is told: {}", done.err);
    let sent = (got.len() * (LINE + 1)) as u64;
    assert_eq!(sent + left, (LINES * (LINE + 1)) as u64, "{}", done.err);
    assert_eq!(file.stream_position().unwrap(), sent);
}

/// Runs it with a file of lines as standard input.
fn fed(lines: &Lines, args: &[&str]) -> (Wsio, File) {
    let file = lines.open();
    let stdin = file.try_clone().unwrap();
    (Wsio::fed(stdin, ["connect", "--stats"].iter().chain(args)), file)
}

#[test]
fn a_met_count_leaves_input() {
    let lines = Lines::new(LINES);
    let (url, peer) = after_some(|peer| peer.text("one"));
    let (wsio, mut file) = fed(&lines, &["-n", "1", &url]);
    let done = wsio.wait();
    assert_eq!(done.text(), "one\n");
    is_told(&done, 0, &peer.join().unwrap(), &mut file);
}

#[test]
fn a_close_that_was_expected_leaves_input() {
    let lines = Lines::new(LINES);
    for code in [1000, 4001] {
        let (url, peer) = after_some(move |peer| peer.close(code, ""));
        let (wsio, mut file) = fed(&lines, &["--expect-close", "1000,4001", &url]);
        is_told(&wsio.wait(), 0, &peer.join().unwrap(), &mut file);
    }
}

#[test]
fn a_signal_leaves_input() {
    let lines = Lines::new(LINES);
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (tell, told) = mpsc::channel();
        let (go, gone) = mpsc::channel();
        let (url, peer) = after_some(move |_| {
            tell.send(()).unwrap();
            gone.recv().unwrap();
        });
        let (wsio, mut file) = fed(&lines, &[&url]);
        told.recv().unwrap();
        wsio.signal(signal);
        go.send(()).unwrap();
        is_told(&wsio.wait(), code, &peer.join().unwrap(), &mut file);
    }
}

#[test]
fn a_time_limit_leaves_input() {
    let lines = Lines::new(LINES);
    let (url, peer) = after_some(|_| thread::sleep(std::time::Duration::from_millis(1500)));
    let (wsio, mut file) = fed(&lines, &["--timeout", "1s", &url]);
    is_told(&wsio.wait(), 28, &peer.join().unwrap(), &mut file);
}

#[test]
fn a_record_that_closes_leaves_input() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records");
    let records = "{\"type\":\"text\",\"data\":\"a\"}\n{\"type\":\"close\",\"code\":1000}\n";
    std::fs::write(&path, format!("{records}{}", "{\"type\":\"text\",\"data\":\"b\"}\n".repeat(50_000)))
        .unwrap();
    let (url, peer) = serve(|mut peer| {
        let message = peer.message();
        (message, peer.answer_close().unwrap().code())
    });
    let mut file = File::open(&path).unwrap();
    let done = Wsio::fed(file.try_clone().unwrap(), ["connect", "--json", &url]).wait();
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(peer.join().unwrap(), (Some(b"a".to_vec()), Some(1000)));
    let position = file.stream_position().unwrap();
    assert_eq!(position, records.len() as u64, "the next command goes on behind the record that closes");
}

#[test]
fn a_code_that_is_not_0_stays() {
    let lines = Lines::new(LINES);
    for (code, exit) in [(1008, 115), (4000, 115)] {
        let (url, peer) = after_some(move |peer| peer.close(code, "no"));
        let (wsio, mut file) = fed(&lines, &[&url]);
        is_told(&wsio.wait(), exit, &peer.join().unwrap(), &mut file);
    }
}

#[test]
fn a_lost_connection_is_no_close() {
    let lines = Lines::new(LINES);
    let (url, peer) = serve(|mut peer| {
        peer.message().unwrap();
        peer.reset();
    });
    let (wsio, _) = fed(&lines, &[&url]);
    let done = wsio.wait();
    peer.join().unwrap();
    assert_eq!(done.code, 56, "{}", done.err);
    assert!(done.err.contains(" left unsent"), "{}", done.err);
}

#[test]
fn input_that_is_not_read_is_not_left() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("t.wsio");
    std::fs::write(&script, "< one\n").unwrap();
    let lines = Lines::new(10);
    let modes: [&[&str]; 4] =
        [&["--recv-only"], &["--check"], &["--ping", "1"], &["--script", script.to_str().unwrap()]];
    for args in modes {
        let closes = args == ["--recv-only"];
        let (url, peer) = serve(move |mut peer| {
            peer.text("one");
            if closes {
                peer.close(1000, "");
            }
            loop {
                match peer.next() {
                    Some(frame) if frame.opcode == 9 => peer.send(true, 10, &frame.payload),
                    Some(frame) if frame.opcode == 8 => {
                        break closes || peer.try_send(true, 8, &frame.payload).is_ok();
                    }
                    Some(frame) => panic!("{frame:?}"),
                    None => break false,
                }
            }
        });
        let mut file = lines.open();
        let stdin = file.try_clone().unwrap();
        let done = Wsio::fed(stdin, ["connect", &url].iter().chain(args)).wait();
        assert_eq!(done.code, 0, "{args:?} {}", done.err);
        assert!(!done.err.contains("unsent"), "{args:?} {}", done.err);
        assert_eq!(file.stream_position().unwrap(), 0, "{args:?} reads nothing");
        assert!(peer.join().unwrap(), "{args:?} closes");
    }
}

#[test]
fn a_file_for_many_is_no_input_of_one() {
    let lines = Lines::new(20);
    let mut listening = Listening::start(["listen", "0"]);
    let mut peer = Peer::dial(listening.address());
    listening.wsio.write(&std::fs::read(&lines.path).unwrap());
    peer.message().unwrap();
    peer.close(1000, "");
    peer.until_close();
    drop(peer);
    listening.wsio.says(" close 1000");
    listening.wsio.signal(Signal::TERM);
    let done = listening.wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn what_was_typed_ahead_is_for_whoever_reads_next() {
    // At the prompt, and on a terminal without one.
    for args in [&["connect"][..], &["connect", "--framing", "lines"]] {
        let (go, gone) = mpsc::channel::<()>();
        let (url, peer) = serve(move |mut peer| {
            peer.text("up");
            gone.recv().unwrap();
            peer.close(1000, "");
            peer.until_close().unwrap().code()
        });
        let mut terminal = Terminal::wsio(args.iter().copied().chain([url.as_str()]));
        terminal.shows("up");
        terminal.types("half a line");
        terminal.shows("half a line");
        go.send(()).unwrap();
        assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
        assert!(!terminal.written().contains("unsent"), "{}", terminal.written());
        assert_eq!(peer.join().unwrap(), Some(1000));
    }
}

#[test]
fn lines_that_were_typed_before_it_began_are_for_whoever_reads_next() {
    let (url, peer) = closes_after(0);
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let go = folder.path().join("go");
    let script = format!(
        "while [ ! -e {go} ]; do sleep 0.05; done; {wsio} connect {url} > {out} 2>&1; echo \"code $?\"",
        go = go.display(),
        out = out.display(),
        wsio = env!("CARGO_BIN_EXE_wsio"),
    );
    let mut terminal = Terminal::start("sh", ["-c", &script]);
    terminal.types("typed ahead\n");
    terminal.shows("typed ahead");
    File::create(&go).unwrap().write_all(b"x").unwrap();
    let got = peer.join().unwrap();
    assert_eq!(terminal.exit(), Some(0), "{}", terminal.written());
    let said = std::fs::read_to_string(&out).unwrap();
    // A line that was taken and not sent is unsent; one that nobody took is none.
    let taken = said.contains("1 message left unsent");
    let code = if taken { "code 55" } else { "code 0" };
    assert!(terminal.written().contains(code) && !said.contains("byte"), "{} {said}", terminal.written());
    assert!(got.is_empty() || !taken, "{got:?}");
}
