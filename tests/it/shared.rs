//! Standard streams that others have too: nothing about them changes, and neither way waits for the other.

use crate::harness::{Peer, Wsio, serve};
use rustix::fs::{OFlags, fcntl_getfl};
use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read, Write},
    os::{fd::OwnedFd, unix::net::UnixStream},
    thread,
};

/// Greets, waits for one line and closes; gives the line.
fn greets(mut peer: Peer) -> Vec<u8> {
    peer.text("hello");
    let line = peer.message().unwrap();
    peer.close(1000, "");
    peer.until_close();
    line
}

/// Ends of a stream, the reading one first.
type Ends = [OwnedFd; 2];

fn pipe() -> Ends {
    let (from, to) = io::pipe().unwrap();
    [from.into(), to.into()]
}

fn sockets() -> Ends {
    let (from, to) = UnixStream::pair().unwrap();
    [from.into(), to.into()]
}

/// A pipe with a name, as two that opened it have it.
fn fifo() -> Ends {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
    assert!(made.success());
    let both = File::options().read(true).write(true).open(&path).unwrap();
    let from = File::open(&path).unwrap();
    let to = File::options().write(true).open(&path).unwrap();
    drop(both);
    [from.into(), to.into()]
}

#[test]
fn a_stream_that_others_share_keeps_its_flags() {
    for (kind, ends) in [("pipe", pipe as fn() -> Ends), ("socket", sockets), ("fifo", fifo)] {
        let (url, server) = serve(greets);
        let [stdin, feeds] = ends();
        let [shows, stdout] = ends();
        let shared = [stdin.try_clone().unwrap(), stdout.try_clone().unwrap()];
        let blocks = || shared.iter().all(|end| !fcntl_getfl(end).unwrap().contains(OFlags::NONBLOCK));
        let wsio = Wsio::between(stdin, stdout, ["connect", &url]);
        let mut shown = BufReader::new(File::from(shows));
        let mut line = String::new();
        shown.read_line(&mut line).unwrap();
        // Both are in use now: standard input has been waited for, standard output was written.
        assert_eq!((line.as_str(), blocks()), ("hello\n", true), "{kind}");
        File::from(feeds).write_all(b"a line\n").unwrap();
        assert_eq!(server.join().unwrap(), b"a line", "{kind}");
        let done = wsio.wait();
        assert_eq!((done.code, done.err.as_str(), blocks()), (0, "", true), "{kind}");
        // Whoever else has it writes on, behind what was written.
        File::from(shared[1].try_clone().unwrap()).write_all(b"and more").unwrap();
        drop(shared);
        let mut rest = String::new();
        shown.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "and more", "{kind}");
    }
}

#[test]
fn an_input_that_never_ends_leaves_the_other_way_its_turn() {
    // Takes everything, and says a line for every million bytes until ten were said.
    let (url, server) = serve(|mut peer| {
        let (mut came, mut said) = (0, 0);
        while said < 10 {
            came += peer.message().unwrap().len();
            if came / 1_000_000 > said {
                said += 1;
                peer.text("another million");
            }
        }
        peer.close(1000, "");
        while peer.message().is_some() {}
        said
    });
    let [stdin, feeds] = pipe();
    let feeder = thread::spawn(move || {
        let (mut feeds, lines) = (File::from(feeds), "x".repeat(999) + "\n");
        while feeds.write_all(lines.as_bytes()).is_ok() {}
    });
    let done = Wsio::fed(stdin, ["connect", &url]).wait();
    assert_eq!(server.join().unwrap(), 10);
    feeder.join().unwrap();
    assert_eq!(done.text(), "another million\n".repeat(10));
    // What the pipe held and what was read are unsent input.
    assert_eq!(done.code, 55, "{}", done.err);
}
