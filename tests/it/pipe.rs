//! `wsio pipe`: any two endpoints, and what passes between two WebSockets.

use crate::harness::{Listening, Peer, Wsio, accept_bounded, eventually, read_head, serve, serve_many};
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    process::{Command, Stdio},
    thread,
};

/// A TCP server that sends back what it gets, to the end of each connection.
fn tcp_echo() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut writer = stream.try_clone().unwrap();
                let _ = std::io::copy(&mut stream, &mut writer);
                let _ = writer.shutdown(Shutdown::Write);
            });
        }
    });
    address
}

#[test]
fn a_byte_protocol_goes_through_two_bridges_again_and_again() {
    // What `ssh -o ProxyCommand='wsio pipe ws://…'` does: bytes both ways, many times over.
    let listening = Listening::start(["pipe", "ws-listen:0", &format!("tcp:{}", tcp_echo())]);
    let mut descriptors = None;
    for round in 0..8u8 {
        let mut wsio = Wsio::start(["pipe", &listening.url]);
        for size in [1, 1000, 100_000] {
            let before = wsio.out_so_far().len();
            wsio.write(&vec![round; size]);
            eventually("all of it is back", || wsio.out_so_far().len() == before + size);
        }
        wsio.close_stdin();
        let done = wsio.wait();
        assert_eq!(done.code, 0, "{}", done.err);
        assert_eq!(done.out, vec![round; 101_001]);
        eventually("the session is closed", || {
            listening.wsio.err_so_far().matches(" close ").count() == usize::from(round) + 1
        });
        let now = listening.wsio.descriptors();
        eventually("no descriptor is left behind", || {
            listening.wsio.descriptors() <= *descriptors.get_or_insert(now)
        });
    }
}

#[test]
fn what_cannot_be_written_ends_it_however_much_there_is_to_read() {
    for args in [["pipe", "file:/dev/zero", "file:/dev/full"], ["pipe", "-", "exec:yes"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_wsio"));
        command.args(args).args(["-m", "20s"]).stdin(Stdio::null()).stdout(full);
        let done = command.output().unwrap();
        let err = String::from_utf8_lossy(&done.stderr);
        assert_eq!(done.status.code(), Some(23), "{args:?}: {err}");
        assert!(err.contains("No space left on device"), "{err}");
    }
}

#[test]
fn a_file_arrives_whole() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    let bytes: Vec<u8> = (0..20_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    std::fs::write(&from, &bytes).unwrap();
    for tls in [false, true] {
        let (scheme, more, trust) = match tls {
            false => ("ws-listen:0", &["--once"][..], &[][..]),
            true => ("wss-listen:0", &["--once", "--self-signed"][..], &["-k"][..]),
        };
        let to_file = format!("file:{}", to.display());
        let listening = Listening::start(["pipe", scheme, &to_file].iter().chain(more));
        let from_file = format!("file:{}", from.display());
        let done = Wsio::run(["pipe", &from_file, &listening.url, "--linger", "0"].iter().chain(trust), "");
        assert_eq!(done.code, 0, "{}", done.err);
        let served = listening.wsio.wait();
        assert_eq!(served.code, 0, "{}", served.err);
        assert!(std::fs::read(&to).unwrap() == bytes, "tls {tls}: the file differs");
    }
}

#[test]
fn append_adds_to_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let endpoint = format!("append:{}", path.display());
    for text in ["one\n", "two\n"] {
        let done = Wsio::run(["pipe", "-", &endpoint], text);
        assert_eq!(done.code, 0, "{}", done.err);
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
}

#[test]
fn two_web_sockets_keep_type_boundaries_subprotocol_and_close() {
    let (url, far) = serve(|mut peer| {
        let head = peer.head.to_ascii_lowercase();
        assert!(!head.contains("sec-websocket-protocol"), "nothing was asked for: {head}");
        let seen: Vec<_> = (0..3).map(|_| peer.next().unwrap()).collect();
        peer.text("back");
        peer.close(4321, "that was all");
        peer.until_close();
        seen
    });
    let listening = Listening::start(["pipe", "ws-listen:0", &url]);
    let mut near = Peer::dial(listening.address());
    near.text("text");
    near.send(true, 2, &[0xff, 0]);
    near.text("");
    assert_eq!(near.message().unwrap(), b"back");
    let close = near.answer_close().unwrap();
    assert_eq!((close.code(), close.reason()), (Some(4321), "that was all"));
    let seen: Vec<_> = far.join().unwrap().into_iter().map(|frame| (frame.opcode, frame.payload)).collect();
    assert_eq!(seen, [(1, b"text".to_vec()), (2, vec![0xff, 0]), (1, Vec::new())]);
}

#[test]
fn a_relay_passes_the_subprotocol_on() {
    let chat = Listening::start(["listen", "0", "--echo", "--subprotocol", "chat"]);
    let relay = Listening::start(["pipe", "ws-listen:0", &chat.url]);
    let mut peer = Peer::dial_with(relay.address(), "/", &["Sec-WebSocket-Protocol: x, chat"]);
    assert!(peer.head.to_ascii_lowercase().contains("sec-websocket-protocol: chat\r\n"), "{}", peer.head);
    peer.close(4000, "near end");
    assert_eq!(peer.until_close().unwrap().code(), Some(4000));
    let close = chat.wsio.says(" close ");
    assert!(close.starts_with("4000 private: near end"), "{close}");
}

#[test]
fn a_relay_tells_that_the_other_peer_is_lost() {
    let (url, far) = serve(|peer| peer.stream.shutdown(Shutdown::Both).unwrap());
    let relay = Listening::start(["pipe", "ws-listen:0", &url, "--once"]);
    let mut near = Peer::dial(relay.address());
    let close = near.answer_close().unwrap();
    assert_eq!((close.code(), close.reason()), (Some(1011), "peer lost"));
    far.join().unwrap();
    assert_eq!(relay.wsio.wait().code, 56);
}

#[test]
fn tcp_clients_reach_a_web_socket_server() {
    let echo = Listening::start(["listen", "0", "--echo"]);
    let bridge = Listening::start(["pipe", "tcp-listen:127.0.0.1:0", &echo.url]);
    let address = bridge.url.trim_start_matches("tcp://").to_owned();
    for _ in 0..3 {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
        stream.write_all(b"through the bridge").unwrap();
        let mut back = [0; 18];
        stream.read_exact(&mut back).unwrap();
        assert_eq!(&back, b"through the bridge");
        stream.shutdown(Shutdown::Write).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert_eq!(rest, b"");
    }
}

#[test]
fn a_byte_end_still_gets_what_comes_after_its_input_ended() {
    let (url, peer) = serve(|mut peer| {
        let message = peer.message().unwrap();
        thread::sleep(std::time::Duration::from_millis(200));
        peer.send(true, 2, b"late answer");
        (message, peer.answer_close().unwrap().code())
    });
    let bridge = Listening::start(["pipe", "tcp-listen:127.0.0.1:0", &url]);
    let mut stream = TcpStream::connect(bridge.url.trim_start_matches("tcp://")).unwrap();
    stream.write_all(b"question").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"late answer");
    assert_eq!(peer.join().unwrap(), (b"question".to_vec(), Some(1000)));
}

#[test]
fn unix_sockets_on_both_sides() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    let echo = Listening::start(["pipe", &format!("unix-listen:{}", path("a")), "echo:"]);
    let done = Wsio::run(["pipe", "-", &format!("unix:{}", path("a"))], "over unix");
    assert_eq!((done.code, done.text()), (0, "over unix"), "{}", done.err);
    drop(echo);
}

#[test]
fn null_and_echo_stand_alone() {
    let done = Wsio::run(["pipe", "-", "null:"], "swallowed");
    assert_eq!((done.code, done.text()), (0, ""), "{}", done.err);
    let done = Wsio::run(["pipe", "-", "echo:"], "and back");
    assert_eq!((done.code, done.text()), (0, "and back"), "{}", done.err);
}

#[test]
fn roles_and_names_are_checked_before_anything_is_opened() {
    for (args, code, text) in [
        (&["pipe", "null:", "-"][..], 2, "first"),
        (&["pipe", "-", "ws-listen:0"], 2, "second"),
        (&["pipe", "-", "tpc:localhost:22"], 3, "tcp:"),
        (&["pipe", "-", "tcp:localhost"], 3, "port"),
        (&["pipe", "-", "ws://h/#x"], 3, "fragment"),
        (&["connect", "tcp:localhost:22"], 2, "wsio pipe - tcp:localhost:22"),
        (&["pipe", "wss-listen:0", "null:"], 2, "--self-signed"),
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, code, "{args:?}: {}", done.err);
        assert!(done.err.contains(text), "{args:?}: {}", done.err);
    }
}

#[test]
fn a_refused_target_is_7_and_a_missing_file_26() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let done = Wsio::run(["pipe", "-", &format!("tcp:{gone}")], "");
    assert_eq!(done.code, 7, "{}", done.err);
    let done = Wsio::run(["pipe", "file:/no/such/file", "-"], "");
    assert_eq!(done.code, 26, "{}", done.err);
    let done = Wsio::run(["pipe", "-", "file:/no/such/folder/file"], "x");
    assert_eq!(done.code, 23, "{}", done.err);
}

#[test]
fn a_relay_asks_for_what_its_client_asked_for() {
    let (url, server) = serve(|mut peer| {
        peer.answer_close();
        peer.head
    });
    let relay = Listening::start([
        "pipe",
        "ws-listen:0",
        &url,
        "--forward-header",
        "X-Trace",
        "--forward-header",
        "cookie",
        "-H",
        "X-Own: 1",
    ]);
    let lines = ["X-Trace: a", "X-Trace: b", "Cookie: id=7", "X-Other: no"];
    let mut peer = Peer::dial_with(relay.address(), "/deep/path?x=1&y=%20", &lines);
    peer.close(1000, "");
    let head = server.join().unwrap();
    assert!(head.starts_with("GET /deep/path?x=1&y=%20 HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("X-Trace: a\r\nX-Trace: b\r\n"), "{head}");
    assert!(head.contains("Cookie: id=7\r\n") && head.contains("X-Own: 1\r\n"), "{head}");
    assert!(!head.contains("X-Other"), "{head}");
}

#[test]
fn a_relay_passes_a_refusal_on() {
    let (url, server) = serve_many(|listener| {
        let mut stream = accept_bounded(listener);
        read_head(&mut stream);
        let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Bearer realm=x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n{\"why\":\"old\"}\r\n0\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let relay = Listening::start(["pipe", "ws-listen:0", &url]);
    let done = Wsio::run(["connect", &relay.url], "");
    server.join().unwrap();
    assert_eq!(done.code, 22);
    assert!(done.err.contains("answered 401 Unauthorized instead of 101"), "{}", done.err);
    assert!(done.err.contains("| www-authenticate: Bearer realm=x\n"), "{}", done.err);
    assert!(done.err.contains("| {\"why\":\"old\"}\n"), "{}", done.err);
    relay.wsio.says(" refused 401 /: upgrade: ");
}

#[test]
fn what_comes_back_to_a_file_that_is_read_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("data");
    std::fs::write(&file, "question").unwrap();
    let from = format!("file:{}", file.display());
    for (more, told) in [(&[][..], true), (&["--send-only"], false)] {
        let (url, peer) = serve(|mut peer| {
            peer.message();
            peer.text("answer");
            peer.text("more");
            peer.answer_close();
        });
        let done = Wsio::run([&["pipe", &from, &url][..], more].concat(), "");
        peer.join().unwrap();
        assert_eq!(done.code, 0, "{done:?}");
        let said =
            format!("2 messages of 10 bytes came back and had nowhere to go, since {from} is only read");
        assert_eq!(done.err.contains(&said), told, "{done:?}");
    }
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "question");
}
