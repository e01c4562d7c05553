//! A bridge tells its byte side how the WebSocket ended: what was cut never looks whole.
//!
//! A TCP peer gets everything that came, and then a reset after an abnormal end and a FIN after a clean one.

mod reverse;
mod signs;

use crate::harness::{Listening, Peer, Wsio, accept_bounded, serve};
use std::{
    io::{ErrorKind, Read},
    net::{Shutdown, TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::Duration,
};

/// What comes before the end.
const SIZE: usize = 1_000_000;

/// An end of the WebSocket, as its peer brings it about.
pub struct End {
    pub name: &'static str,
    pub act: fn(Peer),
    /// Whether what came before is the whole.
    pub whole: bool,
    /// The exit code of one that has no other fault.
    pub exit: i32,
}

/// Sends a Close and waits for its answer.
fn closes(mut peer: Peer, code: u16) {
    peer.close(code, "");
    peer.until_close();
}

const fn end(name: &'static str, act: fn(Peer), whole: bool, exit: i32) -> End {
    End { name, act, whole, exit }
}

pub const ENDS: [End; 9] = [
    end("1000", |peer| closes(peer, 1000), true, 0),
    end("1001", |peer| closes(peer, 1001), true, 0),
    end("1002", |peer| closes(peer, 1002), false, 115),
    end("1009", |peer| closes(peer, 1009), false, 115),
    end("1011", |peer| closes(peer, 1011), false, 115),
    end(
        "reset",
        |mut peer| {
            // A pong says that what came before was read; the reset would take it along.
            peer.send(true, 9, b"");
            assert!(std::iter::from_fn(|| peer.next()).any(|frame| frame.opcode == 10));
            peer.reset();
        },
        false,
        56,
    ),
    end("FIN without a Close", |peer| peer.stream.shutdown(Shutdown::Write).unwrap(), false, 56),
    end(
        "a frame that breaks the protocol",
        |mut peer| {
            peer.raw(&[0x83, 0x80, 0, 0, 0, 0]);
            peer.until_close();
        },
        false,
        111,
    ),
    end(
        "a ping that stays unanswered",
        |mut peer| {
            peer.until_close();
        },
        false,
        56,
    ),
];

/// Pings that find a silent peer soon, for every run.
pub const PINGS: [&str; 4] = ["--ping-interval", "300ms", "--ping-timeout", "1s"];

/// Gives what comes before the end, and ends.
pub fn gives(mut peer: Peer, end: &End) {
    for _ in 0..SIZE / 50_000 {
        peer.send(true, 2, &[b'x'; 50_000]);
    }
    (end.act)(peer);
}

/// Reads a TCP connection to its end: how many bytes came, and whether a reset ended them.
pub fn reads(mut stream: TcpStream) -> (usize, bool) {
    let (mut bytes, mut chunk) = (0, vec![0; 65536]);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return (bytes, false),
            Ok(count) => bytes += count,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return (bytes, true),
            Err(error) => panic!("{error}"),
        }
    }
}

/// A TCP target that reads to the end; slowly at first, so that there is much to be acknowledged.
fn target() -> (String, JoinHandle<(usize, bool)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp:{}", listener.local_addr().unwrap());
    let reading = thread::spawn(move || {
        let stream = accept_bounded(&listener);
        thread::sleep(Duration::from_millis(200));
        reads(stream)
    });
    (endpoint, reading)
}

#[track_caller]
fn judge(end: &End, way: &str, target: JoinHandle<(usize, bool)>, err: &str) {
    let (bytes, reset) = target.join().unwrap();
    assert_eq!((bytes, reset), (SIZE, !end.whole), "{way}, {}: {err}", end.name);
}

#[test]
fn a_pipe_to_a_socket_tells_it_how_its_source_ended() {
    for end in &ENDS {
        let (tcp, reading) = target();
        let (url, _peer) = serve(move |peer| gives(peer, end));
        let done = Wsio::run(["pipe", &url, &tcp].iter().chain(&PINGS), "");
        assert_eq!(done.code, end.exit, "{} {}", end.name, done.err);
        judge(end, "pipe ws: tcp:", reading, &done.err);
    }
}

#[test]
fn a_pipe_from_a_socket_tells_it_how_the_other_side_ended() {
    for end in &ENDS {
        let (tcp, reading) = target();
        let (url, _peer) = serve(move |peer| gives(peer, end));
        let done = Wsio::run(["pipe", &tcp, &url].iter().chain(&PINGS), "");
        assert_eq!(done.code, end.exit, "{} {}", end.name, done.err);
        judge(end, "pipe tcp: ws:", reading, &done.err);
    }
}

#[test]
fn a_server_tells_its_target_how_the_client_ended() {
    for end in &ENDS {
        let (tcp, reading) = target();
        let once = Listening::start(["listen", "0", "--once", "--to", &tcp].iter().chain(&PINGS));
        gives(Peer::dial(once.address()), end);
        let done = once.wsio.wait();
        assert_eq!(done.code, end.exit, "{} {}", end.name, done.err);
        judge(end, "listen --to tcp:", reading, &done.err);
    }
}

#[test]
fn clients_of_a_bridge_are_told_how_the_server_ended() {
    for end in &ENDS {
        let (url, _peer) = serve(move |peer| gives(peer, end));
        let bridge = Listening::start(["pipe", "tcp-listen:127.0.0.1:0", &url].iter().chain(&PINGS));
        let stream =
            TcpStream::connect(bridge.url.trim_start_matches("tcp://").trim_start_matches("tcp-listen:"));
        let stream = stream.unwrap();
        stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
        assert_eq!(reads(stream), (SIZE, !end.whole), "{}: {}", end.name, bridge.wsio.err_so_far());
    }
}

#[test]
fn a_code_that_is_fine_is_a_clean_end() {
    for (args, reset) in [(&["--ok-close", "4001"][..], false), (&[], true)] {
        let (tcp, reading) = target();
        let (url, _peer) = serve(|peer| closes(peer, 4001));
        let done = Wsio::run(["pipe", &url, &tcp].iter().chain(args), "");
        assert_eq!(done.code, if reset { 115 } else { 0 }, "{}", done.err);
        assert_eq!(reading.join().unwrap(), (0, reset));
    }
}

/// The least silence that an idle timeout is suspected for.
const LONG: Duration = Duration::from_secs(10);

#[test]
fn after_a_long_silence_the_log_names_the_idle_timeout_too() {
    let server = || Listening::start(["listen", "0", "--echo", "--ping-interval", "off"]);
    let (cut, closed, left, quick) = (server(), server(), server(), server());
    let mut peers = [&cut, &closed, &left].map(|server| Peer::dial(server.address()));
    let (url, peer) = serve(|mut peer| {
        thread::sleep(LONG + Duration::from_millis(500));
        peer.close(1001, "");
        peer.until_close();
    });
    let client = Wsio::start(["connect", &url, "--ping-interval", "off"]);
    for peer in &mut peers {
        peer.text("hello");
        assert_eq!(peer.message().unwrap(), b"hello");
    }
    drop(Peer::dial(quick.address()));
    quick.wsio.says(" close 1006");
    thread::sleep(LONG + Duration::from_millis(500));
    let [lost, mut idle, mut page] = peers;
    drop(lost);
    idle.close(1000, "Connection timed out");
    page.close(1001, "");
    idle.until_close();
    page.until_close();
    cut.wsio.says(" close 1006");
    let said = cut.wsio.says(" try: --ping-interval ");
    assert!(said.contains("idle timeout of whatever stands between"), "{said}");
    let said = closed.wsio.says("without a message in either direction, for its idle timeout; try: ");
    assert!(said.contains("--ping-interval "), "{said}");
    left.wsio.says(" close 1001");
    peer.join().unwrap();
    let done = client.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(
        done.err.contains("which may be an idle timeout's doing\n  try: --ping-interval "),
        "{}",
        done.err
    );
    // Nor where it was none: a page that is left says 1001, and a client that comes and goes was not idle.
    for server in [left, quick] {
        server.wsio.signal(rustix::process::Signal::TERM);
        let done = server.wsio.wait();
        assert!(!done.err.contains("try: ") && !done.err.contains("idle"), "{}", done.err);
    }
}
