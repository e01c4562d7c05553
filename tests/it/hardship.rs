//! Slow, stuck and half-dead peers and readers: nothing that came is lost, and nothing waits for ever.

use crate::harness::{Listening, Peer, Wsio, eventually, serve};
use std::{
    io::{Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    thread::{self, sleep},
    time::Duration,
};

/// Runs `wsio` with this input and reads its output only after a while.
fn read_late(args: &[&str], input: &[u8], keep_open: bool, after: Duration) -> (i32, Vec<u8>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsio"));
    let piped = || Stdio::piped();
    let mut child = command.args(args).stdin(piped()).stdout(piped()).stderr(piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).unwrap();
    let _stdin = keep_open.then_some(stdin);
    sleep(after);
    let mut out = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
    let done = child.wait_with_output().unwrap();
    (done.status.code().unwrap(), out, String::from_utf8_lossy(&done.stderr).into_owned())
}

#[test]
fn a_slow_reader_of_ours_is_not_the_peers_silence() {
    let (url, peer) = serve(|mut peer| {
        peer.message().unwrap();
        for _ in 0..200 {
            // A peer that is closed in the middle sends no more, as real ones do.
            if peer.try_send(true, 1, &[b'x'; 50_000]).is_err() {
                break;
            }
        }
        peer.answer_close().and_then(|close| close.code())
    });
    let args = ["connect", &url, "--linger", "1s", "--close-timeout", "1s"];
    let (code, out, err) = read_late(&args, b"q\n", false, Duration::from_secs(4));
    assert_eq!((code, out.len()), (0, 200 * 50_001), "{err}");
    assert_eq!(peer.join().unwrap(), Some(1000));
}

#[test]
fn a_large_reply_on_its_way_is_no_silence() {
    let (url, _peer) = serve(|mut peer| {
        peer.message().unwrap();
        peer.raw(&[0x81, 126, 0, 200]);
        for _ in 0..40 {
            peer.raw(&[b'y'; 5]);
            sleep(Duration::from_millis(125));
        }
        peer.answer_close();
    });
    let args = ["connect", &url, "--linger", "2s", "--ping-interval", "2s", "--ping-timeout", "2s"];
    let done = Wsio::run(args, "q\n");
    assert_eq!((done.code, done.out.len()), (0, 201), "{}", done.err);
}

#[test]
fn what_came_before_a_close_is_delivered_to_a_slow_reader() {
    for size in [1_900_000, 2_100_000, 2_300_000] {
        let (url, _peer) = serve(move |mut peer| {
            for _ in 0..size / 100_000 {
                peer.send(true, 2, &[b'z'; 100_000]);
            }
            peer.close(1000, "");
            peer.until_close()
        });
        let url_args = ["connect", url.as_str(), "--out", "raw", "--close-timeout", "300ms"];
        // Input that arrives behind the Close must not disturb what is delivered.
        let mut command = Command::new(env!("CARGO_BIN_EXE_wsio"));
        let mut child = command
            .args(url_args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        sleep(Duration::from_millis(500));
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(b"too late\n").unwrap();
        sleep(Duration::from_millis(2500));
        let mut out = Vec::new();
        child.stdout.take().unwrap().read_to_end(&mut out).unwrap();
        let done = child.wait_with_output().unwrap();
        assert_eq!(out.len(), size, "{}", String::from_utf8_lossy(&done.stderr));
        assert!(matches!(done.status.code(), Some(0 | 55)), "{done:?}");
    }
}

#[test]
fn what_came_before_a_reset_is_not_lost_to_a_pong() {
    for _ in 0..3 {
        let (url, _peer) = serve(|mut peer| {
            let mut bytes = Vec::new();
            for _ in 0..3 {
                bytes.extend_from_slice(b"\x89\x01p");
            }
            bytes.extend_from_slice(b"\x81\x05hello\x88\x02\x03\xe8");
            peer.raw(&bytes);
            // Dropped at once: the pongs meet a closed socket.
        });
        let done = Wsio::run(["connect", &url], "");
        assert_eq!((done.code, done.text()), (0, "hello\n"), "{}", done.err);
    }
}

#[test]
fn a_peer_that_reads_nothing_does_not_keep_a_met_count_waiting() {
    let (url, _peer) = serve(|mut peer| {
        sleep(Duration::from_millis(300));
        peer.text("one");
        // It reads nothing; it goes when the test does.
        sleep(Duration::from_secs(20));
    });
    let mut wsio = Wsio::start(["connect", &url, "-1", "--close-timeout", "500ms"]);
    let full = thread::spawn({
        let mut stdin = wsio.take_stdin();
        move || while stdin.write_all(&[b'\n'; 65536]).is_ok() {}
    });
    let done = wsio.wait();
    assert_eq!((done.code, done.text()), (114, "one\n"), "{}", done.err);
    full.join().unwrap();
}

#[test]
fn a_transport_that_takes_nothing_is_found_by_the_ping_clock() {
    let (url, _peer) = serve(|_peer| sleep(Duration::from_secs(20)));
    let mut wsio = Wsio::start(["pipe", "-", &url, "--ping-interval", "300ms", "--ping-timeout", "300ms"]);
    let full = thread::spawn({
        let mut stdin = wsio.take_stdin();
        move || while stdin.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let done = wsio.wait();
    assert_eq!(done.code, 56, "{}", done.err);
    assert!(done.err.contains("nothing could be sent"), "{}", done.err);
    full.join().unwrap();
}

#[test]
fn input_in_our_buffers_when_the_peer_closes_is_unsent() {
    let (url, _peer) = serve(|mut peer| {
        // It reads nothing before it closes, and then goes.
        sleep(Duration::from_millis(700));
        peer.close(1000, "");
        sleep(Duration::from_millis(300));
    });
    let mut wsio = Wsio::start(["pipe", "-", &url]);
    let full = thread::spawn({
        let mut stdin = wsio.take_stdin();
        move || while stdin.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let done = wsio.wait();
    assert_eq!(done.code, 55, "{}", done.err);
    full.join().unwrap();
}

#[test]
fn a_standard_error_that_nobody_reads_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wsio"));
    command.args(["listen", "0", "--echo", "--announce"]).arg(&file);
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    eventually("the URL", || file.exists());
    let url = std::fs::read_to_string(&file).unwrap();
    let address = url.trim().trim_start_matches("ws://").trim_end_matches('/').to_owned();
    let path = "x".repeat(4000);
    for _ in 0..40 {
        let mut stream = TcpStream::connect(&address).unwrap();
        write!(stream, "POST /{path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
    }
    let mut peer = Peer::dial(&address);
    peer.text("still there");
    assert_eq!(peer.message().unwrap(), b"still there");
    drop(peer);
    rustix::process::kill_process(rustix::process::Pid::from_child(&child), rustix::process::Signal::TERM)
        .unwrap();
    eventually("its end", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_client_that_vanishes_in_its_handshake_leaves_no_ghost() {
    let mut listening = Listening::start(["listen", "0"]);
    for _ in 0..200 {
        let mut stream = TcpStream::connect(listening.address()).unwrap();
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        .unwrap();
        rustix::net::sockopt::set_socket_linger(&stream, Some(Duration::ZERO)).unwrap();
    }
    eventually("all are gone", || {
        let err = listening.wsio.err_so_far();
        // One line each; a Close's line may also say "lost".
        let over = |line: &&str| [" close ", " lost ", " refused"].iter().any(|word| line.contains(word));
        err.lines().filter(over).count() >= 200
    });
    listening.wsio.write(b"for a real client\n");
    sleep(Duration::from_millis(100));
    let mut peer = Peer::dial(listening.address());
    assert_eq!(peer.message().unwrap(), b"for a real client");
}

#[test]
fn a_fifo_that_nobody_opens_can_be_interrupted() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let wsio = Wsio::start(["pipe", &format!("file:{}", fifo.display()), "null:"]);
    sleep(Duration::from_millis(300));
    wsio.signal(rustix::process::Signal::TERM);
    assert_eq!(wsio.wait().code, 143);
}

#[test]
fn a_silent_client_does_not_hold_up_the_end() {
    let listening =
        Listening::start(["listen", "0", "--echo", "--handshake-timeout", "10m", "--grace", "10m"]);
    let _silent = TcpStream::connect(listening.address()).unwrap();
    let mut served = Peer::dial(listening.address());
    served.text("x");
    served.message().unwrap();
    listening.wsio.signal(rustix::process::Signal::TERM);
    assert_eq!(served.answer_close().unwrap().code(), Some(1001));
    assert_eq!(listening.wsio.wait().code, 0);
}
