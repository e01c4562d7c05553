//! At the door: those who connect and say nothing, or one thing, shut nobody out; nor does a limit that is
//! reached.

use crate::harness::{Listening, PATIENCE, Peer, Wsio, eventually};
use std::{
    io::{Read, Write},
    net::{TcpStream, UdpSocket},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Starts a listening program under these limits of a shell.
fn limited(limits: &str, args: &[&str]) -> Listening {
    let script = format!("{limits}; exec \"$0\" \"$@\"");
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_wsio")]).args(args);
    Listening::of(Wsio::spawn(&mut command))
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// An honest client is in long before any of the others' deadlines.
fn is_let_in(address: &str) {
    let start = Instant::now();
    let mut peer = Peer::dial(address);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    peer.text("hello");
    assert_eq!(peer.message().unwrap(), b"hello");
}

#[test]
fn silent_and_dripping_sockets_shut_nobody_out() {
    let listening = limited("ulimit -n 400", &["listen", "0", "--echo", "--max-connections", "50"]);
    let mut open = Vec::new();
    for round in 0..4 {
        for number in 0..100 {
            let mut stream = connect(listening.address());
            if (number + round) % 2 == 0 {
                let _ = stream.write_all(b"G");
            }
            open.push(stream);
        }
        is_let_in(listening.address());
    }
    listening.wsio.says(" unfinished handshakes: too many at a time");
    let limit = listening.wsio.descriptors();
    assert!(limit < 150, "{limit} descriptors");
    drop(open);
}

#[test]
fn silent_sockets_shut_nobody_out_where_tls_is_spoken() {
    let listening =
        limited("ulimit -n 400", &["listen", "0", "--echo", "--self-signed", "--max-connections", "50"]);
    let silent: Vec<_> = (0..300).map(|_| connect(listening.address())).collect();
    let url = format!("wss://{}/", listening.address());
    let done = Wsio::run(["connect", "-k", &url, "-1", "-m", "20", "--send", "hello"], "");
    assert_eq!((done.code, done.text()), (0, "hello\n"), "{}", done.err);
    drop(silent);
    let args = ["pipe", "tls-listen:0", "echo:", "--self-signed", "--max-connections", "50"];
    let listening = limited("ulimit -n 400", &args);
    let silent: Vec<_> = (0..300).map(|_| connect(listening.address())).collect();
    let done = Wsio::run(["pipe", "-k", "-", &listening.url, "-m", "20"], "hello");
    assert_eq!((done.code, done.text()), (0, "hello"), "{}", done.err);
    drop(silent);
}

#[test]
fn silent_and_dripping_connections_of_a_stream_server_make_room() {
    let args = ["pipe", "tcp-listen:0", "echo:", "--max-connections", "10"];
    let listening = Listening::start(args);
    let mut honest = connect(listening.address());
    honest.write_all(b"one that has begun: first").unwrap();
    let mut seen = [0; 25];
    honest.read_exact(&mut seen).unwrap();
    let mut seen = [0; 5];
    for round in 0..5 {
        let silent: Vec<_> = (0..20)
            .map(|number| {
                let mut stream = connect(listening.address());
                if (number + round) % 2 == 0 {
                    let _ = stream.write_all(b"G");
                }
                stream
            })
            .collect();
        let mut another = connect(listening.address());
        another.write_all(b"hello").unwrap();
        another.read_exact(&mut seen).unwrap();
        assert_eq!(&seen, b"hello");
        drop(silent);
    }
    honest.write_all(b"again").unwrap();
    honest.read_exact(&mut seen).unwrap();
    assert_eq!(&seen, b"again", "who has begun stays");
}

#[test]
fn peers_of_one_datagram_make_room() {
    let args = ["pipe", "udp-listen:0", "echo:", "--max-connections", "10"];
    let listening = Listening::start(args);
    let client = || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.connect(listening.address()).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    };
    let mut seen = [0; 9];
    let honest = client();
    for _ in 0..2 {
        honest.send(b"honest").unwrap();
        assert_eq!(honest.recv(&mut seen).unwrap(), 6);
    }
    for _ in 0..5 {
        for _ in 0..30 {
            let one = client();
            one.send(b"x").unwrap();
            assert_eq!(one.recv(&mut seen).unwrap(), 1, "a new one is served at once");
        }
        honest.send(b"honest").unwrap();
        assert_eq!(honest.recv(&mut seen).unwrap(), 6, "and who said more than once stays");
    }
}

#[test]
fn a_child_has_the_limit_on_descriptors_that_we_were_given() {
    let listening = limited("ulimit -Sn 100", &["listen", "0", "--", "/bin/sh", "-c", "ulimit -n; cat"]);
    let mut peer = Peer::dial(listening.address());
    assert_eq!(peer.message().unwrap(), b"100");
}

/// Asks for a WebSocket and gives the status, if one comes soon.
fn ask(address: &str) -> (Option<u16>, TcpStream) {
    let mut stream = connect(address);
    stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    let request = format!(
        "GET / HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    );
    let _ = stream.write_all(request.as_bytes());
    let mut line = [0; 12];
    let status =
        stream.read_exact(&mut line).ok().and_then(|()| std::str::from_utf8(&line[9..]).ok()?.parse().ok());
    (status, stream)
}

#[test]
fn out_of_descriptors_others_are_served_as_soon_as_there_are_some() {
    for target in [&["--echo"][..], &["--", "cat"]] {
        let args = [&["listen", "0"][..], target].concat();
        let listening = limited("ulimit -n 40", &args);
        let open: Vec<_> = (0..60).map(|_| ask(listening.address())).collect();
        let count = |wanted| open.iter().filter(|(status, _)| *status == Some(wanted)).count();
        assert!(count(101) >= 5);
        let inside = target == ["--echo"];
        assert!(!inside || count(503) >= 15, "they are told so: {:?}", count(503));
        let log = listening.wsio.err_so_far();
        let told = log
            .lines()
            .filter(|line| line.starts_with("wsio: accept: ") || line.starts_with("wsio: command: "))
            .count();
        assert!((1..10).contains(&told), "{target:?}: it is said, and not each time: {log}");
        drop(open);
        // Those who waited to be accepted take descriptors too, until it is seen that they have left.
        eventually("all is well again", || {
            let (status, mut stream) = ask(listening.address());
            let _ = stream.write_all(b"\x81\x85\0\0\0\0hello");
            let mut said = Vec::new();
            while !said.ends_with(b"hello") {
                let mut some = [0; 512];
                match stream.read(&mut some) {
                    Ok(count @ 1..) => said.extend_from_slice(&some[..count]),
                    _ => break,
                }
            }
            status == Some(101) && said.ends_with(b"hello")
        });
    }
}

#[test]
fn a_process_with_few_descriptors_says_so() {
    let mut refused = 0;
    for limit in 4..20 {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", &format!("ulimit -n {limit}; exec \"$0\" \"$@\""), env!("CARGO_BIN_EXE_wsio")]);
        let done = command.args(["connect", "-m", "1", "echo:"]).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(said.starts_with("wsio: ") && !said.contains("internal"), "{limit}: {} {said}", done.status);
        refused += u32::from(said.contains("open files"));
    }
    assert!(refused > 8, "{refused}");
}
