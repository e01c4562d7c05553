//! Signals and a reader that leaves, with the real process and real pipes.

use crate::harness::{Listening, Peer, Wsio, eventually, serve};
use rustix::process::Signal;
use std::{
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

#[test]
fn the_first_signal_closes_politely() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let (url, peer) = serve(|mut peer| {
            peer.text("up");
            peer.answer_close().map(|frame| frame.code())
        });
        let wsio = Wsio::start(["connect", &url]);
        eventually("it is open", || wsio.out_so_far() == b"up\n");
        wsio.signal(signal);
        let done = wsio.wait();
        assert_eq!(done.code, code);
        // ssh hangs up on its ProxyCommand at every normal end.
        assert_eq!(done.err.is_empty(), signal == Signal::HUP, "{}", done.err);
        assert_eq!(peer.join().unwrap(), Some(Some(1001)));
    }
}

#[test]
fn the_second_signal_ends_at_once() {
    let (url, peer) = serve(|mut peer| {
        peer.text("up");
        let close = peer.until_close();
        // No answer: only the second signal ends it before --close-timeout.
        peer.next();
        close.map(|frame| frame.code())
    });
    let wsio = Wsio::start(["connect", &url, "--close-timeout", "10m"]);
    eventually("it is open", || wsio.out_so_far() == b"up\n");
    wsio.signal(Signal::INT);
    sleep(Duration::from_millis(200));
    wsio.signal(Signal::TERM);
    assert_eq!(wsio.wait().code, 143);
    assert_eq!(peer.join().unwrap(), Some(Some(1001)));
}

#[test]
fn a_signal_before_the_connection_is_open_ends_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let wsio = Wsio::start(["connect", &url, "-v"]);
    wsio.says("connected to ");
    wsio.signal(Signal::INT);
    assert_eq!(wsio.wait().code, 130);
}

#[test]
fn a_reader_that_leaves_an_endless_feed() {
    let (url, peer) = serve(|mut peer| {
        let mut reading = peer.reader();
        let close = std::thread::spawn(move || reading.until_close().map(|frame| frame.code()));
        while peer.try_send(true, 1, b"a line of the feed").is_ok() {}
        close.join().unwrap()
    });
    let mut wsio = Command::new(env!("CARGO_BIN_EXE_wsio"))
        .args(["connect", &url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut head = Command::new("head")
        .arg("-1")
        .stdin(wsio.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("wsio ends", || wsio.try_wait().unwrap().is_some());
    let done = wsio.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(141));
    assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(head.wait().unwrap().success());
    assert_eq!(peer.join().unwrap(), Some(Some(1001)));
}

#[test]
fn a_reader_that_leaves_is_noticed_while_nothing_arrives() {
    let (url, peer) = serve(|mut peer| {
        peer.text("only one");
        peer.answer_close().map(|frame| frame.code())
    });
    let mut wsio = Command::new(env!("CARGO_BIN_EXE_wsio"))
        .args(["connect", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut head = Command::new("head")
        .arg("-1")
        .stdin(wsio.stdout.take().unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(head.wait().unwrap().success());
    let _stdin = wsio.stdin.take();
    eventually("wsio ends", || wsio.try_wait().unwrap().is_some());
    assert_eq!(wsio.wait().unwrap().code(), Some(141));
    assert_eq!(peer.join().unwrap(), Some(Some(1001)));
}

#[test]
fn a_server_drains_at_a_signal() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    let mut peers = [Peer::dial(listening.address()), Peer::dial(listening.address())];
    for peer in &mut peers {
        peer.text("hello");
        assert_eq!(peer.message().unwrap(), b"hello");
    }
    listening.wsio.signal(Signal::TERM);
    for peer in &mut peers {
        assert_eq!(peer.answer_close().unwrap().code(), Some(1001));
    }
    let done = listening.wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.err.matches("close 1001 going away").count(), 2, "{}", done.err);
}

#[test]
fn a_server_whose_clients_do_not_drain_says_so_with_its_exit() {
    let listening = Listening::start(["listen", "0", "--echo", "--grace", "200ms"]);
    let mut peer = Peer::dial(listening.address());
    listening.wsio.signal(Signal::INT);
    assert_eq!(peer.until_close().unwrap().code(), Some(1001));
    let done = listening.wsio.wait();
    assert!(
        done.code == 130 && done.err.contains(" close 1006 abnormal: cut off"),
        "{} {}",
        done.code,
        done.err
    );
}

#[test]
fn a_reader_that_has_all_it_wanted_may_leave() {
    for _ in 0..20 {
        let (url, _peer) = serve(|mut peer| {
            peer.text("one");
            peer.answer_close()
        });
        let mut child = Command::new(env!("CARGO_BIN_EXE_wsio"))
            .args(["connect", &url, "-1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        std::io::Read::read_exact(&mut out, &mut [0; 4]).unwrap();
        drop(out);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
