//! Input that is left when the peer closes: it is counted by what the peer had, told in every place, and 55.
//!
//! The peer closes with 1000 after some messages and reads on until our Close, so that what it has then is
//! what was sent. Every way to give input is held against it.

mod asked;
mod offset;

use crate::harness::{Done, PATIENCE, Peer, Wsio, serve_many};
use std::{
    fs::File,
    io::{Seek, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread::{self, JoinHandle},
};
use tempfile::TempDir;

/// A Close with 1000, as a server sends it.
const CLOSE: [u8; 4] = [0x88, 2, 3, 232];
/// Bytes of a line, without its end.
const LINE: usize = 8000;
/// More than sockets take on their own.
const LINES: usize = 2000;

/// Line `number`.
pub fn line(number: usize) -> Vec<u8> {
    let mut line = format!("{number:06} ").into_bytes();
    line.resize(LINE, b'x');
    line
}

/// A file of so many lines, in a folder that lasts as long as it.
pub struct Lines {
    _folder: TempDir,
    pub path: PathBuf,
}

impl Lines {
    pub fn new(count: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lines");
        let mut file = File::create(&path).unwrap();
        for number in 0..count {
            file.write_all(&[&line(number)[..], b"\n"].concat()).unwrap();
        }
        Self { _folder: folder, path }
    }

    pub fn open(&self) -> File {
        File::open(&self.path).unwrap()
    }
}

/// A server that closes once it has so many messages, and reads on until our Close; gives what it had.
pub fn closes_after(count: usize) -> (String, JoinHandle<Vec<Vec<u8>>>) {
    serve_many(move |listener| {
        let behind = if count == 0 { &CLOSE[..] } else { &[] };
        let mut peer = Peer::accept_and(listener, &[], behind);
        let mut got = Vec::new();
        while let Some(message) = peer.message() {
            got.push(message);
            if got.len() == count {
                peer.raw(&CLOSE);
            }
        }
        got
    })
}

/// Holds what the peer had against the code and all that is told; the number of lines is what there was.
#[track_caller]
fn judge(done: &Done, got: &[Vec<u8>], lines: usize) {
    for (number, message) in got.iter().enumerate() {
        assert!(*message == line(number), "message {number} is not line {number}");
    }
    let sent = got.len() as u64;
    assert_eq!(done.sent(), (sent, sent * LINE as u64), "{}", done.err);
    let code = if got.len() == lines { 0 } else { 55 };
    assert_eq!(done.code, code, "{sent} of {lines} came; {}", done.err);
    assert_eq!(done.err.contains(" unsent") || done.err.contains(" too late"), code == 55, "{}", done.err);
}

/// What is told of lines that were left: messages that were taken, and bytes that were not yet messages.
#[track_caller]
fn judge_rest(done: &Done, got: &[Vec<u8>], lines: usize) {
    let (messages, bytes) = rest(done);
    let all = (lines * (LINE + 1)) as u64;
    let sent = (got.len() * (LINE + 1)) as u64;
    assert_eq!(sent + messages * (LINE as u64 + 1) + bytes, all, "{}", done.err);
}

/// Messages and bytes that standard error says were left.
pub fn rest(done: &Done) -> (u64, u64) {
    let told = |words: &[&str]| words.iter().map(|words| done.told(words)).max().unwrap();
    let messages =
        told(&[" messages and ", " message and ", " messages left unsent", " message left unsent"]);
    let bytes = told(&[
        " bytes more left unsent",
        " byte more left unsent",
        " bytes left unsent",
        " byte left unsent",
    ]);
    (messages, bytes)
}

const COUNTS: [usize; 4] = [0, 1, 40, 300];

#[test]
fn of_a_file_that_a_pipe_reads_everything_is_accounted_for() {
    let lines = Lines::new(LINES);
    for count in COUNTS {
        let (url, peer) = closes_after(count);
        let file = format!("file:{}", lines.path.display());
        let done = Wsio::run(["pipe", "--in", "lines", "--stats", &file, &url], "");
        let got = peer.join().unwrap();
        assert!(got.len() < LINES, "the Close came while there was much to send");
        judge(&done, &got, LINES);
        judge_rest(&done, &got, LINES);
        assert!(!done.err.contains("at least"), "{}", done.err);
    }
}

#[test]
fn of_a_file_as_standard_input_the_rest_is_left_to_the_next_command() {
    let lines = Lines::new(LINES);
    for count in COUNTS {
        let (url, peer) = closes_after(count);
        let mut file = lines.open();
        let stdin = file.try_clone().unwrap();
        let wsio = Wsio::fed(stdin, ["connect", "--stats", "--in", "lines", "--out", "jsonl", &url]);
        let done = wsio.wait();
        let got = peer.join().unwrap();
        assert!(got.len() < LINES, "the Close came while there was much to send");
        judge(&done, &got, LINES);
        judge_rest(&done, &got, LINES);
        assert_eq!(file.stream_position().unwrap(), (got.len() * (LINE + 1)) as u64);
        let end = done.text().lines().last().unwrap();
        let end: serde_json::Value = serde_json::from_str(end).unwrap();
        let (messages, bytes) = rest(&done);
        let field = |name: &str| end.get(name).and_then(serde_json::Value::as_u64).unwrap_or(0);
        assert_eq!(end["type"], "end");
        assert_eq!(field("messages_out"), got.len() as u64, "{end}");
        assert_eq!(field("bytes_out"), (got.len() * LINE) as u64, "{end}");
        assert_eq!((field("unsent_messages"), field("unsent_bytes")), (messages, bytes), "{end}");
        assert_eq!(field("exit"), 55, "{end}");
    }
}

#[test]
fn of_a_pipe_what_is_on_its_way_counts_too() {
    let lines = Lines::new(LINES);
    for count in COUNTS {
        let (url, peer) = closes_after(count);
        let mut cat = Command::new("cat").arg(&lines.path).stdout(Stdio::piped()).spawn().unwrap();
        let done = Wsio::fed(cat.stdout.take().unwrap(), ["connect", "--stats", &url]).wait();
        cat.wait().unwrap();
        let got = peer.join().unwrap();
        assert!(got.len() < LINES, "the Close came while there was much to send");
        judge(&done, &got, LINES);
    }
}

#[test]
fn what_a_pipe_still_holds_is_at_least_that_while_somebody_may_write_more() {
    const HELD: usize = 100;
    for writer_lives in [true, false] {
        let (url, peer) = closes_after(0);
        let (stdin, mut writer) = std::io::pipe().unwrap();
        rustix::pipe::fcntl_setpipe_size(&writer, 1 << 20).unwrap();
        (0..HELD).for_each(|number| writer.write_all(&[&line(number)[..], b"\n"].concat()).unwrap());
        let writer = writer_lives.then_some(writer);
        let done = Wsio::fed(stdin, ["connect", "--stats", &url]).wait();
        let got = peer.join().unwrap();
        assert!(got.len() < HELD, "the Close came with the answer");
        judge(&done, &got, HELD);
        judge_rest(&done, &got, HELD);
        assert_eq!(done.err.contains("at least"), writer_lives, "{}", done.err);
        drop(writer);
    }
}

#[test]
fn messages_on_the_command_line_are_input_too() {
    let folder = tempfile::tempdir().unwrap();
    let (path, size) = (folder.path().join("big"), 4_000_000);
    std::fs::write(&path, vec![b'y'; size]).unwrap();
    let send = format!("@{}", path.display());
    for count in [0, 1, 3] {
        let (url, peer) = closes_after(count);
        let args = ["connect", "--stats", "--send", &send, "--send", &send, "--send", &send, &url];
        let done = Wsio::run(args, "");
        let got = peer.join().unwrap();
        assert!(got.iter().all(|message| message.len() == size));
        assert_eq!(done.sent(), (got.len() as u64, (got.len() * size) as u64), "{}", done.err);
        let (messages, _) = rest(&done);
        assert_eq!(got.len() as u64 + messages, 3, "{}", done.err);
        assert_eq!(done.code, if got.len() == 3 { 0 } else { 55 }, "{}", done.err);
    }
}

#[test]
fn of_a_command_everything_is_accounted_for() {
    let lines = Lines::new(LINES);
    for count in COUNTS {
        let (url, peer) = closes_after(count);
        let exec = format!("exec:cat {}", lines.path.display());
        let done = Wsio::run(["pipe", "--framing", "lines", "--stats", &url, &exec], "");
        let got = peer.join().unwrap();
        assert!(got.len() < LINES, "the Close came while there was much to send");
        judge(&done, &got, LINES);
    }
}

#[test]
fn of_a_socket_everything_is_accounted_for() {
    let lines = Lines::new(LINES);
    for count in COUNTS {
        let (url, peer) = closes_after(count);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let tcp = format!("tcp:{}", listener.local_addr().unwrap());
        let source = feeds(listener, lines.path.clone());
        let done = Wsio::run(["pipe", "--framing", "lines", "--stats", &tcp, &url], "");
        let got = peer.join().unwrap();
        assert!(got.len() < LINES, "the Close came while there was much to send");
        judge(&done, &got, LINES);
        source.join().unwrap();
    }
}

/// Gives a file to the next connection, as far as it is taken.
fn feeds(listener: TcpListener, path: PathBuf) -> JoinHandle<()> {
    thread::spawn(move || {
        let mut stream: TcpStream = crate::harness::accept_bounded(&listener);
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        let _ = std::io::copy(&mut File::open(path).unwrap(), &mut stream);
    })
}

#[test]
fn of_what_a_server_is_given_for_one_client_everything_is_accounted_for() {
    let lines = Lines::new(LINES);
    for count in [1, 300] {
        let mut file = lines.open();
        let stdin = file.try_clone().unwrap();
        let wsio = Wsio::fed(stdin, ["listen", "--once", "--stats", "0"]);
        let url = wsio.says("listening on ");
        let mut peer = Peer::dial(url.trim_start_matches("ws://").trim_end_matches('/'));
        let mut got = Vec::new();
        while let Some(message) = peer.message() {
            got.push(message);
            if got.len() == count {
                peer.close(1000, "");
            }
        }
        drop(peer);
        let done = wsio.wait();
        assert!(got.len() < LINES, "the Close came while there was much to send");
        judge(&done, &got, LINES);
        judge_rest(&done, &got, LINES);
        assert_eq!(file.stream_position().unwrap(), (got.len() * (LINE + 1)) as u64);
    }
}

#[test]
fn where_everything_was_sent_the_close_of_the_peer_is_a_good_end() {
    let lines = Lines::new(50);
    let file = |path: &Path| format!("file:{}", path.display());
    let connect = |url: &str| {
        let mut file = lines.open();
        let stdin = file.try_clone().unwrap();
        let done = Wsio::fed(stdin, ["connect", "--linger", "20s", "--stats", url]).wait();
        assert_eq!(file.stream_position().unwrap(), 50 * (LINE as u64 + 1));
        done
    };
    let pipe = |url: &str| {
        let args = ["pipe", "--linger", "20s", "--in", "lines", "--stats", &file(&lines.path), url];
        Wsio::run(args, "")
    };
    let cat = |url: &str| {
        let content = std::fs::read(&lines.path).unwrap();
        Wsio::run(["connect", "--linger", "20s", "--stats", url], content)
    };
    let ways: [&dyn Fn(&str) -> Done; 3] = [&connect, &pipe, &cat];
    for way in ways {
        let (url, peer) = closes_after(50);
        let done = way(&url);
        judge(&done, &peer.join().unwrap(), 50);
        assert_eq!(done.code, 0, "{}", done.err);
    }
}
