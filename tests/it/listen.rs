//! `wsio listen`: who is let in, what each client is joined to, what is said about it.

use crate::harness::{Listening, Peer, Wsio, eventually};
use rustix::process::Signal;
use std::{
    io::{Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    thread,
};

/// Sends these bytes and gives everything that comes back.
pub fn exchange(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

const UPGRADE: &str = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n";

#[test]
fn stdin_goes_to_every_client_and_their_messages_to_stdout() {
    let mut listening = Listening::start(["listen", "0"]);
    let mut peers = [Peer::dial(listening.address()), Peer::dial(listening.address())];
    eventually("both are in", || listening.wsio.err_so_far().matches(" open ").count() == 2);
    listening.wsio.write(b"to all\n");
    for (peer, name) in peers.iter_mut().zip(["first", "second"]) {
        assert_eq!(peer.message().unwrap(), b"to all");
        peer.text(name);
    }
    eventually("both are printed", || {
        let out = listening.wsio.out_so_far();
        let mut lines: Vec<_> = out.split(|byte| *byte == b'\n').collect();
        lines.sort();
        lines == [&b""[..], b"first", b"second"]
    });
    // The end of the input is not the end of the clients.
    listening.wsio.close_stdin();
    peers[0].text("still here");
    eventually("it is printed", || listening.wsio.out_so_far().ends_with(b"still here\n"));
    assert!(listening.wsio.is_running());
}

#[test]
fn stdin_is_not_read_before_the_first_client() {
    let mut listening = Listening::start(["listen", "0"]);
    listening.wsio.write(b"first line\n");
    listening.wsio.close_stdin();
    let mut peer = Peer::dial(listening.address());
    assert_eq!(peer.message().unwrap(), b"first line");
}

#[test]
fn once_serves_one_client_and_ends_with_its_code() {
    let listening = Listening::start(["listen", "0", "--once"]);
    let mut peer = Peer::dial(listening.address());
    peer.text("hello");
    peer.close(4000, "private matter");
    assert_eq!(peer.until_close().unwrap().code(), Some(4000));
    let done = listening.wsio.wait();
    assert_eq!((done.code, done.text()), (115, "hello\n"), "{}", done.err);
    assert!(done.err.contains("private matter"), "{}", done.err);
}

#[test]
fn once_lingers_after_its_input_and_closes() {
    let mut listening = Listening::start(["listen", "0", "--once", "--linger", "100ms"]);
    let mut peer = Peer::dial(listening.address());
    listening.wsio.write(b"question\n");
    listening.wsio.close_stdin();
    assert_eq!(peer.message().unwrap(), b"question");
    peer.text("answer");
    assert_eq!(peer.answer_close().unwrap().code(), Some(1000));
    let done = listening.wsio.wait();
    assert_eq!((done.code, done.text()), (0, "answer\n"), "{}", done.err);
}

#[test]
fn the_life_of_a_client_is_two_lines() {
    let listening = Listening::start(["listen", "0", "--echo", "--subprotocol", "chat"]);
    let mut peer =
        Peer::dial_with(listening.address(), "/room?x=1", &["Sec-WebSocket-Protocol: other, chat"]);
    assert!(peer.head.to_ascii_lowercase().contains("sec-websocket-protocol: chat\r\n"), "{}", peer.head);
    peer.text("12345");
    assert_eq!(peer.message().unwrap(), b"12345");
    peer.close(1000, "bye");
    assert_eq!(peer.until_close().unwrap().reason(), "bye");
    let open = listening.wsio.says(" open ");
    assert_eq!(open, "/room?x=1 subprotocol chat");
    let close = listening.wsio.says(" close ");
    assert_eq!(close, "1000 normal: bye; in 1 messages 5 bytes, out 1 messages 5 bytes");
}

#[test]
fn no_status_is_1005() {
    let listening = Listening::start(["listen", "0"]);
    let mut peer = Peer::dial(listening.address());
    peer.send(true, 8, b"");
    assert_eq!(peer.until_close().unwrap().code(), None, "no status is answered with no status");
    assert!(listening.wsio.says(" close ").starts_with("1005 no status;"));
}

#[test]
fn a_lost_client_is_1006() {
    let listening = Listening::start(["listen", "0"]);
    let peer = Peer::dial(listening.address());
    listening.wsio.says(" open ");
    peer.stream.shutdown(Shutdown::Write).unwrap();
    assert!(listening.wsio.says(" close ").starts_with("1006 abnormal"));
}

#[test]
fn plain_requests_get_plain_answers() {
    let listening = Listening::start(["listen", "0", "--path", "/chat", "--path", "/other"]);
    let address = listening.address();
    let header = |count: usize| (0..count).map(|n| format!("X-{n}: y\r\n")).collect::<String>();
    let rows = [
        ("a browser's GET", format!("GET /chat HTTP/1.1\r\nHost: {address}\r\n\r\n"), 426),
        (
            "another version",
            format!("GET /chat HTTP/1.1\r\nHost: localhost\r\n{}\r\n", UPGRADE.replace(": 13", ": 8")),
            426,
        ),
        ("another path", format!("GET /nowhere HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n"), 404),
        ("a POST", "POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n".into(), 405),
        ("two hosts", format!("GET /chat HTTP/1.1\r\nHost: a\r\nHost: b\r\n{UPGRADE}\r\n"), 400),
        ("no host", format!("GET /chat HTTP/1.1\r\n{UPGRADE}\r\n"), 400),
        ("HTTP/1.0", format!("GET /chat HTTP/1.0\r\nHost: localhost\r\n{UPGRADE}\r\n"), 426),
        (
            "a short key",
            format!("GET /chat HTTP/1.1\r\nHost: localhost\r\n{}\r\n", UPGRADE.replace("dGhl", "")),
            400,
        ),
        (
            "two keys",
            format!("GET /chat HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}Sec-WebSocket-Key: x\r\n\r\n"),
            400,
        ),
        (
            "no version",
            format!(
                "GET /chat HTTP/1.1\r\nHost: localhost\r\n{}\r\n",
                UPGRADE.replace("Sec-WebSocket-Version: 13\r\n", "")
            ),
            400,
        ),
        (
            "a body",
            format!("GET /chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n{UPGRADE}\r\nabc"),
            400,
        ),
        (
            "a folded line",
            format!("GET /chat HTTP/1.1\r\nHost: localhost\r\nX-A: b\r\n c\r\n{UPGRADE}\r\n"),
            400,
        ),
        ("a NUL", format!("GET /chat HTTP/1.1\r\nHost: localhost\r\nX-A: \0\r\n{UPGRADE}\r\n"), 400),
        ("no HTTP", "\x16\x03\x01\x02\x00\x01\x00\x01\r\n\r\n".into(), 400),
        (
            "too many fields",
            format!("GET /chat HTTP/1.1\r\nHost: localhost\r\n{}{UPGRADE}\r\n", header(101)),
            431,
        ),
        (
            "a long line",
            format!("GET /chat HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n{UPGRADE}\r\n", "y".repeat(8200)),
            431,
        ),
        (
            "a long head",
            format!(
                "GET /chat HTTP/1.1\r\nHost: localhost\r\n{}{UPGRADE}\r\n",
                format!("X: {}\r\n", "y".repeat(4000)).repeat(9)
            ),
            431,
        ),
    ];
    for (what, request, status) in rows {
        let answer = exchange(address, request.as_bytes());
        // An answer to HTTP/1.0 is HTTP/1.0.
        let line = answer.split_once(' ').unwrap_or_default();
        assert!(
            line.0.starts_with("HTTP/1.") && line.1.starts_with(&format!("{status} ")),
            "{what}: {answer:?}"
        );
        assert!(answer.to_ascii_lowercase().contains("content-length: "), "{what}: {answer}");
    }
    let browser = exchange(address, format!("GET /chat HTTP/1.1\r\nHost: {address}\r\n\r\n").as_bytes());
    let lower = browser.to_ascii_lowercase();
    assert!(
        lower.contains("\r\nupgrade: websocket\r\n") && lower.contains("\r\nsec-websocket-version: 13\r\n"),
        "{browser}"
    );
    assert!(browser.contains(&format!("wsio connect ws://{address}/chat")), "{browser}");
    let post = exchange(address, b"POST /chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
    assert!(post.to_ascii_lowercase().contains("\r\nallow: get, head\r\n"), "{post}");
    // After all that it still serves.
    Peer::dial_with(address, "/other", &[]).text("hello");
    eventually("it arrives", || listening.wsio.out_so_far() == b"hello\n");
}

#[test]
fn a_silent_client_is_dropped_and_delays_nobody() {
    let listening = Listening::start(["listen", "0", "--echo", "--handshake-timeout", "1s"]);
    let address = listening.address().to_owned();
    let silent: Vec<_> = (0..20).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let mut peer = Peer::dial(&address);
    peer.text("not delayed");
    assert_eq!(peer.message().unwrap(), b"not delayed");
    for mut stream in silent {
        let mut answer = String::new();
        stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
        let _ = stream.read_to_string(&mut answer);
        assert!(answer.starts_with("HTTP/1.1 408 "), "{answer:?}");
    }
    peer.text("and not dropped");
    assert_eq!(peer.message().unwrap(), b"and not dropped");
}

#[test]
fn one_client_more_than_allowed_gets_503() {
    let listening = Listening::start(["listen", "0", "--echo", "--max-connections", "1"]);
    let mut peer = Peer::dial(listening.address());
    let asks = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";
    let answer = exchange(listening.address(), asks);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    peer.close(1000, "");
    peer.until_close();
    drop(peer);
    listening.wsio.says(" close ");
    drop(Peer::dial(listening.address()));
}

#[test]
fn each_client_gets_a_fresh_target() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp:{}", target.local_addr().unwrap());
    thread::spawn(move || {
        for stream in target.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                let mut seen = Vec::new();
                stream.read_to_end(&mut seen).unwrap();
                stream.write_all(&[b"you said ", seen.as_slice()].concat()).unwrap();
            });
        }
    });
    let listening = Listening::start(["listen", "0", "--to", &to]);
    let mut peers = [Peer::dial(listening.address()), Peer::dial(listening.address())];
    for (peer, name) in peers.iter_mut().zip(["one", "two"]) {
        peer.send(true, 2, name.as_bytes());
        // Close is the end of what we say, and there is no half-close: nothing may come after it.
        peer.close(1000, "");
        assert_eq!(peer.until_close().unwrap().code(), Some(1000));
    }
}

#[test]
fn a_target_that_cannot_be_reached_is_502() {
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let listening = Listening::start(["listen", "0", "--to", &format!("tcp:{gone}")]);
    let request = format!("GET / HTTP/1.1\r\nHost: localhost\r\n{UPGRADE}\r\n");
    let answer = exchange(listening.address(), request.as_bytes());
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(
        listening.wsio.says("connection refused").is_empty()
            || listening.wsio.err_so_far().contains("connect")
    );
}

#[test]
fn the_url_is_announced_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("url");
    let listening =
        Listening::start(["listen", "0", "--path", "/feed", "--announce", file.to_str().unwrap()]);
    eventually("the file is there", || file.exists());
    assert_eq!(std::fs::read_to_string(&file).unwrap(), format!("{}\n", listening.url));
    assert!(
        listening.url.starts_with("ws://127.0.0.1:") && listening.url.ends_with("/feed"),
        "{}",
        listening.url
    );
}

#[test]
fn extra_headers_stand_in_the_answer() {
    let listening = Listening::start(["listen", "0", "-H", "X-Served-By: wsio"]);
    let peer = Peer::dial(listening.address());
    assert!(peer.head.contains("X-Served-By: wsio\r\n"), "{}", peer.head);
}

#[test]
fn the_answer_spells_its_fields_as_the_standard_does() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    let peer = Peer::dial(listening.address());
    assert!(peer.head.contains("\r\nSec-WebSocket-Accept: "), "{}", peer.head);
}

#[test]
fn checks_that_only_connect_are_one_line_together() {
    for more in [&[][..], &["--self-signed"]] {
        let listening = Listening::start(["listen", "0", "--echo"].iter().chain(more));
        for _ in 0..3 {
            // It is gone when its end is answered.
            let mut visitor = TcpStream::connect(listening.address()).unwrap();
            visitor.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
            visitor.shutdown(Shutdown::Write).unwrap();
            let _ = visitor.read_to_end(&mut Vec::new());
        }
        listening.wsio.signal(Signal::TERM);
        let done = listening.wsio.wait();
        assert_eq!(done.code, 0, "{}", done.err);
        let lines: Vec<_> =
            done.err.lines().filter(|line| line.contains("closed before a request")).collect();
        let line =
            "3 connections from 127.0.0.1 closed before a request, as the checks of a load balancer are";
        assert_eq!(lines, [line], "{}", done.err);
        assert!(!done.err.contains('#'), "{}", done.err);
    }
    let listening = Listening::start(["listen", "0", "-v"]);
    let visitor = TcpStream::connect(listening.address()).unwrap();
    let from = visitor.local_addr().unwrap();
    drop(visitor);
    listening.wsio.says(&format!("* #1 {from} closed before a request"));
}

#[test]
fn what_is_no_request_is_answered_and_named() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    for (request, cause) in [
        (&b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0"[..], "HTTP/2 is not spoken here"),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", "this is TLS"),
        (b"PROXY TCP4 10.0.0.9 10.0.0.1 5000 80\r\nGET / HTTP/1.1\r\n\r\n", "the PROXY protocol"),
        (b"PROXY UNKNOWN\r\n", "the PROXY protocol"),
        (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c", "the PROXY protocol"),
        (b"\x03\0\0\x13\x0e\xe0", "a control character (0x03)"),
        (b"hello\r\n", "`hello` is no request line"),
        (b"GET /\r\n", "`GET /` is no request line"),
        (b"hello", "closed in the middle of a request"),
        (b"GET / HTTP/1.1\r\nHost: h", "closed in the middle of a request"),
    ] {
        let mut stream = TcpStream::connect(listening.address()).unwrap();
        stream.set_read_timeout(Some(crate::harness::PATIENCE)).unwrap();
        stream.write_all(request).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 400 ") && answer.contains(cause), "{cause}: {answer}");
        listening.wsio.says(&format!("refused 400: {cause}"));
    }
}

#[test]
fn http_1_0_is_served_and_a_handshake_that_lost_its_fields_is_told_which() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("up"), "fine\n").unwrap();
    let listening = Listening::start(["listen", "0", "--serve", folder.path().to_str().unwrap()]);
    let address = listening.address();
    for (request, status, body) in [
        ("GET /up HTTP/1.0\r\n\r\n".to_owned(), 200, "fine\n"),
        (format!("GET /up HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n"), 200, "fine\n"),
        ("HEAD /up HTTP/1.0\r\n\r\n".to_owned(), 200, ""),
        ("GET /none HTTP/1.0\r\n\r\n".to_owned(), 404, ""),
        ("GET /up HTTP/1.0\r\nHost: rebound.example\r\n\r\n".to_owned(), 421, ""),
    ] {
        let answer = exchange(address, request.as_bytes());
        assert!(answer.contains(&format!(" {status} ")) && answer.ends_with(body), "{request}: {answer}");
    }
    // Without a folder there is no page, and a HEAD of it is what a GET is, but for the body.
    let bare = Listening::start(["listen", "0", "--echo"]);
    let answer = exchange(bare.address(), b"HEAD / HTTP/1.0\r\n\r\n");
    assert!(answer.contains(" 426 ") && answer.ends_with("\r\n\r\n"), "{answer}");
    const NGINX: &str = "proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection";
    let fields = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (version, more, lacks) in [
        ("1.0", "Connection: close\r\n", "`Upgrade: websocket` and `Connection: Upgrade` and HTTP/1.1"),
        ("1.1", "Upgrade: websocket\r\n", "`Connection: Upgrade`"),
        ("1.1", "Upgrade: websocket\r\nConnection: keep-alive\r\n", "`Connection: Upgrade`"),
        ("1.1", "Connection: Upgrade\r\n", "`Upgrade: websocket`"),
        ("1.0", "Upgrade: websocket\r\nConnection: Upgrade\r\n", "HTTP/1.1"),
    ] {
        let request = format!("GET /ws HTTP/{version}\r\nHost: {address}\r\n{more}{fields}\r\n");
        let answer = exchange(address, request.as_bytes());
        assert!(answer.contains(" 426 Upgrade Required"), "{answer}");
        assert!(
            answer.contains(&format!("the handshake lacks {lacks}; ")) && answer.contains(NGINX),
            "{answer}"
        );
        listening.wsio.says(&format!("refused 426 /ws: the handshake lacks {lacks}; "));
    }
    // Without files, a plain request is told what stands there.
    let listening = Listening::start(["listen", "0"]);
    let answer = exchange(listening.address(), b"GET / HTTP/1.0\r\n\r\n");
    assert!(answer.contains(" 426 ") && answer.contains("wsio connect ws://HOST/"), "{answer}");
}

#[test]
fn names_below_localhost_are_loopback_on_both_sides() {
    let listening = Listening::start(["listen", "app.localhost:0", "--echo"]);
    let port = listening.address().rsplit(':').next().unwrap();
    for host in ["app.localhost", "localhost", "a.b.LOCALHOST", "localhost."] {
        let done = Wsio::run(["connect", &format!("ws://{host}:{port}/"), "--send", "hello", "-1"], "");
        assert_eq!((done.code, done.text()), (0, "hello\n"), "{host}: {}", done.err);
    }
    let answer = exchange(&format!("127.0.0.1:{port}"), b"GET / HTTP/1.1\r\nHost: notlocalhost\r\n\r\n");
    assert!(answer.contains(" 421 "), "{answer}");
}

#[test]
fn a_port_in_use_is_116() {
    let listening = Listening::start(["listen", "0"]);
    let done = Wsio::run(["listen", listening.address()], "");
    assert_eq!(done.code, 116);
    assert!(done.err.contains("address already in use"), "{}", done.err);
}

#[test]
fn a_unix_socket_is_served_and_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ws.sock");
    let listening =
        Listening::start(["listen".to_owned(), format!("unix:{}", path.display()), "--echo".into()]);
    let url = format!("ws+unix:{}:/any?x", path.display());
    let done = Wsio::run(["connect", &url, "--linger", "300ms"], "over unix\n");
    assert_eq!((done.code, done.text()), (0, "over unix\n"), "{}", done.err);
    listening.wsio.signal(rustix::process::Signal::TERM);
    assert_eq!(listening.wsio.wait().code, 0);
    assert!(!path.exists());
}

#[test]
fn where_nothing_can_be_announced_nobody_listens() {
    let done = Wsio::run(["listen", "0", "--announce", "/nonexistent/url"], "");
    assert_eq!(done.code, 23, "{}", done.err);
    assert!(done.err.contains("announce: cannot write /nonexistent/url"), "{}", done.err);
    assert!(!done.err.contains("listening on"), "{}", done.err);
}

#[test]
fn a_link_to_announce_in_stays_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let (target, link) = (folder.path().join("target"), folder.path().join("link"));
    std::fs::write(&target, "old").unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let listening = Listening::start(["listen", "0", "--announce", link.to_str().unwrap()]);
    eventually("the URL", || std::fs::read_to_string(&target).unwrap() == format!("{}\n", listening.url));
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
}

#[test]
fn no_client_empties_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data.json");
    std::fs::write(&path, "precious").unwrap();
    let file = format!("file:{}", path.display());
    let socket = format!("unix-listen:{}", folder.path().join("s").display());
    for args in [
        &["listen", "0", "--to", &file][..],
        &["pipe", "ws-listen:0", &file],
        &["pipe", "tcp-listen:0", &file],
        &["pipe", "udp-listen:0", &file],
        &["pipe", &socket, &file],
    ] {
        let done = Wsio::run(args.iter().copied(), "");
        assert_eq!(done.code, 2, "{done:?}");
        assert!(done.err.contains("emptied by each client"), "{done:?}");
        assert!(done.err.contains(&format!("append:{}", path.display())), "{done:?}");
        assert_eq!(std::fs::read(&path).unwrap(), b"precious");
    }
    // The hint for another tool's word leads to no file that is written.
    let done = Wsio::run(["pipe", "ws-listen:0", "readfile:data.json"], "");
    assert!(done.code == 3 && done.err.contains("exec:'cat PATH'"), "{done:?}");

    // One client: its first byte empties the file, its coming does not.
    for (sent, kept) in [(None, "precious"), (Some("new"), "new")] {
        let listening = Listening::start(["listen", "0", "--once", "--to", &file]);
        let mut peer = Peer::dial(listening.address());
        if let Some(text) = sent {
            peer.text(text);
        }
        peer.close(1000, "");
        peer.until_close();
        assert_eq!(listening.wsio.wait().code, 0);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), kept);
    }
}

#[test]
fn a_terminal_behind_a_server_is_refused_with_what_carries_both_ways() {
    let pty = rustix::pty::openpt(rustix::pty::OpenptFlags::RDWR | rustix::pty::OpenptFlags::NOCTTY).unwrap();
    rustix::pty::grantpt(&pty).unwrap();
    rustix::pty::unlockpt(&pty).unwrap();
    let line = rustix::pty::ptsname(&pty, Vec::new()).unwrap().into_string().unwrap();
    for scheme in ["file", "append"] {
        for more in [&[][..], &["--once"]] {
            let to = format!("{scheme}:{line}");
            let done = Wsio::run([&["listen", "0", "--to", &to][..], more].concat(), "");
            assert_eq!(done.code, 2, "{done:?}");
            assert!(done.err.contains(&format!("sh:'socat - {line},raw,echo=0'")), "{done:?}");
        }
    }
}

#[test]
fn first_guesses_at_endpoints_are_answered_before_anything_is_opened() {
    for (args, code, hint) in [
        (&["listen", "0", "--to", "localhost:5900"][..], 3, "tcp:localhost:5900 for a stream of bytes"),
        (&["listen", "ws-listen:8080"], 3, "wsio listen 8080"),
        (&["connect", "unix:S"], 2, "wsio connect ws+unix:S"),
        (&["connect", "ws-listen:8080"], 2, "wsio listen 8080"),
        (&["connect", "ws//h/x"], 3, "ws://h/x"),
        (&["connect", "ws://::1:9001/"], 3, "ws://[::1]:9001/"),
        (&["pipe", "ws-l:8080", "-"], 3, "ws-listen:ADDR"),
        (&["pipe", "tcp-l:8080", "-"], 3, "tcp-listen:ADDR"),
        (&["pipe", "wsz:", "-"], 3, "ws://HOST"),
        (&["connect", "ws://h", "--silent", "--netrc"], 2, "-u @FILE"),
    ] {
        let done = Wsio::run(args.iter().copied(), "");
        assert_eq!(done.code, code, "{done:?}");
        assert!(done.err.lines().last().unwrap().starts_with("  try: "), "{done:?}");
        assert!(done.err.contains(hint), "{done:?}");
    }
}
