//! `--timeout` ends the whole run, a server's too.

use crate::harness::{Listening, Peer, Wsio};
use std::net::TcpStream;

#[test]
fn a_server_that_nobody_joins_is_over_in_time() {
    for args in [
        &["listen", "0"][..],
        &["listen", "0", "--echo"],
        &["listen", "0", "--once"],
        &["listen", "0", "--once", "-n", "2"],
        &["pipe", "ws-listen:0", "echo:"],
        &["pipe", "tcp-listen:0", "echo:"],
        &["pipe", "tcp-listen:0", "-", "--once"],
    ] {
        let mut wsio = Wsio::start([args, &["-m", "200ms"]].concat());
        // A standard input that stays open is no reason to stay.
        let stdin = wsio.take_stdin();
        let done = wsio.wait();
        drop(stdin);
        assert_eq!(done.code, 28, "{args:?}: {}", done.err);
        assert!(done.err.contains("listen: the time limit (--timeout) is over"), "{args:?}: {}", done.err);
    }
}

#[test]
fn open_sessions_get_1001_and_those_half_open_are_not_waited_for() {
    let args = ["listen", "0", "--echo", "-m", "2s", "--handshake-timeout", "10m", "--grace", "10m"];
    let listening = Listening::start(args);
    let _silent = TcpStream::connect(listening.address()).unwrap();
    let mut peers = [Peer::dial(listening.address()), Peer::dial(listening.address())];
    for peer in &mut peers {
        peer.text("hello");
        assert_eq!(peer.message().unwrap(), b"hello");
    }
    for peer in &mut peers {
        assert_eq!(peer.answer_close().unwrap().code(), Some(1001));
    }
    let done = listening.wsio.wait();
    assert_eq!(done.code, 28, "{}", done.err);
    assert_eq!(done.err.matches("close 1001 going away").count(), 2, "{}", done.err);
}

#[test]
fn with_once_the_sessions_verdict_counts() {
    for (more, code) in [(&["-n", "2"][..], 1), (&[], 28)] {
        let listening = Listening::start([&["listen", "0", "--once", "--echo", "-m", "1s"], more].concat());
        let mut peer = Peer::dial(listening.address());
        peer.text("only one");
        assert_eq!(peer.message().unwrap(), b"only one");
        assert_eq!(peer.answer_close().unwrap().code(), Some(1001));
        let done = listening.wsio.wait();
        assert_eq!(done.code, code, "{more:?}: {}", done.err);
    }
}

#[test]
fn a_server_without_a_limit_goes_on() {
    let listening = Listening::start(["listen", "0", "--echo", "-m", "off"]);
    for _ in 0..3 {
        let mut peer = Peer::dial(listening.address());
        peer.text("hello");
        assert_eq!(peer.message().unwrap(), b"hello");
    }
}
