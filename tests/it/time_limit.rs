//! `--timeout` ends the whole run, a server's too.

use crate::harness::{Listening, Peer, Wsio, serve};
use std::{
    fs,
    net::TcpStream,
    time::{Duration, Instant},
};

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

/// A second for both of them, and less than what 2 s more of lingering would make of it.
const BOUND: Duration = Duration::from_millis(2800);

#[test]
fn a_peer_that_never_answers_the_close_is_left_by_the_limit_and_the_close_timeout() {
    let limits = ["-m", "300ms", "--close-timeout", "700ms"];
    for (args, code) in [
        (&["connect"][..], 28),
        (&["connect", "--send", "x", "--linger", "1m"], 28),
        (&["connect", "--send", "x", "-n", "2"], 1),
        (&["connect", "--recv-only"], 28),
        (&["connect", "--reconnect"], 28),
        (&["connect", "--check"], 28),
        (&["connect", "--ping", "5"], 28),
        (&["pipe", "-"], 28),
    ] {
        // It answers neither pings nor the Close.
        let (url, peer) = serve(|mut peer| while peer.next().is_some() {});
        let start = Instant::now();
        let mut wsio = Wsio::start([args, &[url.as_str()], &limits].concat());
        let stdin = wsio.take_stdin();
        let done = wsio.wait();
        let took = start.elapsed();
        drop(stdin);
        assert_eq!(done.code, code, "{args:?}: {}", done.err);
        assert!(took >= Duration::from_millis(300) && took < BOUND, "{args:?}: {took:?}");
        assert!(done.err.contains("the time limit (--timeout) is over"), "{args:?}: {}", done.err);
        peer.join().unwrap();
    }
    for args in
        [&["listen", "0", "--echo"][..], &["listen", "0", "--once"], &["pipe", "ws-listen:0", "echo:"]]
    {
        // Here --grace is what sessions have when the server ends.
        let limits = ["-m", "2s", "--close-timeout", "700ms", "--grace", "700ms"];
        let start = Instant::now();
        let listening = Listening::start([args, &limits].concat());
        let peer = Peer::dial(listening.address());
        let done = listening.wsio.wait();
        let took = start.elapsed();
        drop(peer);
        assert_eq!(done.code, 28, "{args:?}: {}", done.err);
        assert!(
            took >= Duration::from_secs(2) && took < BOUND + Duration::from_secs(2),
            "{args:?}: {took:?}"
        );
    }
}

#[test]
fn help_man_page_and_check_say_the_same_of_it() {
    let words = "exit at most --close-timeout later";
    let flat = |text: &str| text.replace("\\-", "-").split_whitespace().collect::<Vec<_>>().join(" ");
    for name in ["connect", "listen", "pipe"] {
        let help = flat(Wsio::run([name, "--help"], "").text());
        let path = format!("{}/man/wsio-{name}.1", env!("CARGO_MANIFEST_DIR"));
        let man = flat(&fs::read_to_string(path).unwrap());
        let expected = format!("Close after DURATION; {words}, with code 28");
        assert!(help.contains(&expected), "{name} --help: {help}");
        let (_, in_man) = man.split_once("--timeout\\fR \\fI<DURATION>\\fR ").unwrap();
        assert!(in_man.starts_with(&expected), "wsio-{name}.1: {in_man:.200}");
        if name == "connect" {
            let check = format!("close by --timeout, {words}");
            assert!(help.contains(&check) && man.contains(&check), "--check: {help}");
        }
    }
}

#[test]
fn a_session_that_is_asked_for_so_long_ends_normally() {
    // In the middle of input and output, with what came until then.
    let server = Listening::start(["listen", "0", "--echo"]);
    for args in [
        &["connect", &server.url, "--for", "300ms"][..],
        &["pipe", "-", &server.url, "--framing", "lines", "--for", "300ms"],
        &["pipe", "-", "sh:cat", "--for", "300ms"],
    ] {
        let mut wsio = Wsio::start(args);
        wsio.write(b"hello\n");
        let stdin = wsio.take_stdin();
        let done = wsio.wait();
        drop(stdin);
        assert_eq!((done.code, done.text()), (0, "hello\n"), "{args:?}: {}", done.err);
    }
    server.wsio.says("close 1000 normal; in 1 messages 5 bytes, out 1 messages 5 bytes");
    // What is still expected is missing then.
    let done = Wsio::run(["connect", &server.url, "--send", "a", "-n", "2", "--for", "200ms"], "");
    assert_eq!(done.code, 1, "{}", done.err);
}

#[test]
fn each_session_of_a_server_lasts_so_long_and_the_server_goes_on() {
    // Targets that say nothing, and do not end by themselves.
    let target = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = format!("tcp:{}", target.local_addr().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("target");
    let _target = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let unix = format!("unix:{}", path.display());
    for args in [
        &["listen", "0", "--echo"][..],
        &["listen", "0"],
        &["listen", "0", "--to", &tcp],
        &["listen", "0", "--to", &unix],
        &["pipe", "ws-listen:0", "echo:"],
        &["pipe", "ws-listen:0", &tcp],
        &["pipe", "ws-listen:0", &unix],
    ] {
        let listening = Listening::start([args, &["--for", "200ms", "--close", "4000:enough"]].concat());
        for _ in 0..2 {
            let mut peer = Peer::dial(listening.address());
            let closed = peer.answer_close().unwrap();
            assert_eq!((closed.code(), closed.reason()), (Some(4000), "enough"), "{args:?}");
        }
        assert!(listening.wsio.err_so_far().matches(" open ").count() >= 2, "{args:?}");
    }
}
