//! UDP on either side: one datagram is one message, peers are apart, and what is lost is said.

use crate::harness::{Listening, PATIENCE, Peer, Wsio, eventually};
use std::{
    net::{TcpListener, UdpSocket},
    thread,
    time::Duration,
};

/// The longest payload of a datagram.
const LARGEST: usize = 65_507;

fn udp() -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

/// A server that sends each datagram back to where it came from.
fn udp_echo() -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap().to_string();
    thread::spawn(move || {
        let mut buffer = vec![0; 65536];
        while let Ok((count, from)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&buffer[..count], from);
        }
    });
    address
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = vec![0; 65536];
    let count = socket.recv(&mut buffer).unwrap();
    buffer.truncate(count);
    buffer
}

/// A client of a UDP server of ours.
fn client(listening: &Listening) -> UdpSocket {
    let socket = udp();
    socket.connect(listening.address()).unwrap();
    socket
}

/// Nobody listens at this address.
fn closed() -> String {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_web_socket_message_is_a_datagram_and_back() {
    let listening = Listening::start(["pipe", "ws-listen:0", &format!("udp:{}", udp_echo())]);
    let mut peer = Peer::dial(listening.address());
    for payload in [&b"text"[..], b"", &[0xff; 1400], &[7; LARGEST], b""] {
        peer.send(true, 2, payload);
        let frame = peer.next().unwrap();
        assert_eq!((frame.opcode, frame.payload.len()), (2, payload.len()));
        assert!(frame.payload == payload);
    }
    peer.text("as text");
    assert_eq!(peer.next().map(|frame| (frame.opcode, frame.payload)), Some((2, b"as text".to_vec())));
    peer.close(1000, "");
    assert_eq!(peer.until_close().unwrap().code(), Some(1000));

    let listening = Listening::start(["listen", "0", "--to", &format!("udp:{}", udp_echo()), "--text"]);
    let mut peer = Peer::dial(listening.address());
    peer.send(true, 2, "grüße".as_bytes());
    assert_eq!(peer.next().map(|frame| (frame.opcode, frame.payload)), Some((1, "grüße".into())));
}

#[test]
fn many_peers_go_through_two_bridges_each_on_its_own() {
    let far = Listening::start(["pipe", "wss-listen:0", &format!("udp:{}", udp_echo()), "--self-signed"]);
    let near = Listening::start(["pipe", "udp-listen:0", &far.url, "-k"]);
    assert!(near.url.starts_with("udp://127.0.0.1:"), "{}", near.url);
    let clients: Vec<UdpSocket> = (0..20).map(|_| client(&near)).collect();
    for round in 0..3 {
        for (number, socket) in clients.iter().enumerate() {
            for size in [0, 1, 1400, 9000] {
                let mut payload = vec![number as u8; size];
                payload.extend_from_slice(&[round, number as u8]);
                socket.send(&payload).unwrap();
                assert!(receive(socket) == payload, "peer {number}, round {round}, {size} bytes");
            }
        }
    }
    clients[0].send(b"").unwrap();
    assert_eq!(receive(&clients[0]), b"", "an empty datagram is no end");
    eventually("one session each", || near.wsio.err_so_far().matches(" open").count() == 20);
    near.wsio.signal(rustix::process::Signal::TERM);
    let done = near.wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.err.matches(" close ended by SIGTERM; in ").count(), 20, "{}", done.err);
    eventually("the far side is told", || {
        far.wsio.err_so_far().matches("close 1001 going away").count() == 20
    });
}

#[test]
fn standard_input_and_output_speak_udp() {
    let target = format!("udp:{}", udp_echo());
    let done = Wsio::run(["pipe", "--framing", "lines", "-", &target], "one\n\nthree\n");
    assert_eq!((done.code, done.text(), done.err.as_str()), (0, "one\n\nthree\n", ""));
    let done = Wsio::run(["pipe", "-", &target], "raw \0 bytes");
    assert_eq!((done.code, done.text()), (0, "raw \0 bytes"), "{}", done.err);
    // A question and its answer; standard input stays open.
    let wsio = Wsio::start(["pipe", "-", &target, "--send", "ping", "-1"]);
    let done = wsio.wait();
    assert_eq!((done.code, done.text()), (0, "ping"), "{}", done.err);
}

#[test]
fn raw_bytes_are_cut_so_that_they_fit() {
    let server = udp();
    let target = format!("udp:{}", server.local_addr().unwrap());
    let wsio = thread::spawn(move || Wsio::run(["pipe", "-", &target, "--linger", "0"], vec![b'x'; 150_000]));
    let (mut total, mut longest) = (0, 0);
    while total < 150_000 {
        let count = receive(&server).len();
        (total, longest) = (total + count, longest.max(count));
    }
    assert!(total == 150_000 && longest <= LARGEST, "{total} bytes, at most {longest} at once");
    let done = wsio.join().unwrap();
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn what_fits_no_datagram_is_65_and_never_cut() {
    let server = udp();
    let target = format!("udp:{}", server.local_addr().unwrap());
    let listening = Listening::start(["pipe", "ws-listen:0", &target, "--once"]);
    let mut peer = Peer::dial(listening.address());
    peer.send(true, 2, b"before");
    peer.send(true, 2, &vec![0; LARGEST + 1]);
    peer.send(true, 2, b"after");
    let close = peer.answer_close().unwrap();
    assert_eq!((close.code(), close.reason()), (Some(1009), "message too big"));
    let done = listening.wsio.wait();
    assert_eq!(done.code, 65, "{}", done.err);
    assert!(done.err.contains("a message of 65508 bytes does not fit a datagram"), "{}", done.err);
    assert_eq!(receive(&server), b"before");
    server.set_nonblocking(true).unwrap();
    assert!(server.recv(&mut [0; 9]).is_err(), "nothing but what came before it");

    let done = Wsio::run(["pipe", "--framing", "whole", "-", &target], vec![0; 70_000]);
    assert_eq!(done.code, 65, "{}", done.err);
}

#[test]
fn nobody_there_is_7_and_gone_is_56() {
    let target = format!("udp:{}", closed());
    let mut wsio = Wsio::start(["pipe", "-", &target]);
    wsio.write(b"anyone?\n");
    // Standard input stays open: it is noticed without another datagram.
    let done = wsio.wait();
    assert_eq!(done.code, 7, "{}", done.err);
    assert!(done.err.contains("connection refused"), "{}", done.err);
    assert!(
        done.err.contains(&format!("check that a server listens on UDP {}", &target[4..])),
        "{}",
        done.err
    );

    let server = udp();
    let target = format!("udp:{}", server.local_addr().unwrap());
    let mut wsio = Wsio::start(["pipe", "-", &target]);
    wsio.write(b"hello");
    let (_, from) = server.recv_from(&mut [0; 9]).unwrap();
    server.send_to(b"welcome", from).unwrap();
    eventually("the answer", || wsio.out_so_far() == b"welcome");
    drop(server);
    wsio.write(b"still there?");
    let done = wsio.wait();
    assert_eq!(done.code, 56, "{}", done.err);

    let listening = Listening::start(["pipe", "ws-listen:0", &format!("udp:{}", closed())]);
    let mut peer = Peer::dial(listening.address());
    peer.send(true, 2, b"anyone?");
    assert_eq!(peer.answer_close().unwrap().code(), Some(1011));
    listening.wsio.says("connection refused");
    assert!(listening.wsio.says(" close ").starts_with("1011"));
}

#[test]
fn a_silent_peer_ends_and_comes_again_as_somebody_new() {
    let server = Listening::start(["pipe", "udp-listen:0", "echo:", "--idle-timeout", "300ms"]);
    let socket = client(&server);
    for number in 1..=2 {
        socket.send(b"hello").unwrap();
        assert_eq!(receive(&socket), b"hello");
        let close = server.wsio.says(&format!("#{number} {} close ", socket.local_addr().unwrap()));
        assert!(close.contains("--idle-timeout"), "{close}");
        assert!(close.contains("in 1 messages 5 bytes, out 1 messages 5 bytes"), "{close}");
    }
    let once = Listening::start(["pipe", "udp-listen:0", "-", "--once", "--idle-timeout", "300ms"]);
    client(&once).send(b"only this").unwrap();
    let done = once.wsio.wait();
    assert_eq!((done.code, done.text()), (28, "only this"), "{}", done.err);
}

#[test]
fn peers_beyond_the_limit_are_told_of_and_wait_their_turn() {
    let args = ["pipe", "udp-listen:0", "echo:", "--max-connections", "1", "--idle-timeout", "1s"];
    let server = Listening::start(args);
    let (first, second) = (client(&server), client(&server));
    // Who has sent but one makes room for others.
    for _ in 0..2 {
        first.send(b"first").unwrap();
        assert_eq!(receive(&first), b"first");
    }
    second.send(b"second").unwrap();
    eventually("it is told", || {
        server.wsio.err_so_far().contains(": too many connections (--max-connections)\n")
    });
    second.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    eventually("the second one's turn", || {
        second.send(b"again").unwrap();
        second.recv(&mut [0; 9]).is_ok()
    });
    eventually("two sessions", || server.wsio.err_so_far().matches(" open").count() == 2);
}

#[test]
fn datagrams_of_peers_that_were_not_let_in_are_summed_up() {
    let args = ["pipe", "udp-listen:0", "echo:", "--max-connections", "1", "--stats"];
    let server = Listening::start(args);
    let (first, second) = (client(&server), client(&server));
    let exchange = |payload: &[u8]| {
        first.send(payload).unwrap();
        assert_eq!(receive(&first), payload);
    };
    (0..2).for_each(|_| exchange(b"first"));
    // In step with the first one, so that the system's own queue does not overflow.
    for _ in 0..7 {
        second.send(b"second").unwrap();
        exchange(b"first");
    }
    server.wsio.says("too many connections (--max-connections)");
    server.wsio.signal(rustix::process::Signal::TERM);
    let done = server.wsio.wait();
    assert!(done.err.contains("\ndropped 7 datagrams of new peers in all\n"), "{}", done.err);
    assert!(done.err.contains("\ndropped: 7 datagrams of new peers that were not let in\n"), "{}", done.err);
    let said = done.err.matches("too many connections").count();
    assert!((1..=2).contains(&said), "said at once, then counted: {}", done.err);

    // What they send to a target that is not there goes nowhere either.
    let server = Listening::start(["pipe", "udp-listen:0", &format!("tcp:{}", closed())]);
    let socket = client(&server);
    for _ in 0..3 {
        socket.send(b"lost").unwrap();
    }
    server.wsio.says(" refused: connect: ");
    eventually("another try", || {
        socket.send(b"lost too").unwrap();
        server.wsio.err_so_far().matches(" refused: connect: ").count() == 2
    });
    server.wsio.signal(rustix::process::Signal::TERM);
    let done = server.wsio.wait();
    let all = done.err.lines().find_map(|line| line.strip_suffix(" datagrams of new peers in all"));
    let all: u64 = all.and_then(|line| line.strip_prefix("dropped ")?.parse().ok()).unwrap_or(0);
    assert!(all >= 3, "{}", done.err);
}

#[test]
fn a_side_that_does_not_keep_up_costs_datagrams_and_they_are_counted() {
    let stuck = TcpListener::bind("127.0.0.1:0").unwrap();
    let server = Listening::start(["pipe", "udp-listen:0", &format!("tcp:{}", stuck.local_addr().unwrap())]);
    let socket = client(&server);
    socket.send(b"first").unwrap();
    let (stream, _) = stuck.accept().unwrap();
    let payload = vec![7; 8000];
    #[cfg(target_os = "linux")]
    let before = server.wsio.peak_kib();
    for number in 0..4000 {
        // The system's own queues are small: what it drops itself nobody can count.
        if number % 10 == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        let _ = socket.send(&payload);
    }
    #[cfg(target_os = "linux")]
    assert!(server.wsio.peak_kib() < before + 20_000, "32 MB were sent to a side that takes nothing");
    let told = server.wsio.says("dropped 1 datagram from ");
    assert!(told.contains("does not keep up"), "{told}");
    drop(stream);
    let close = server.wsio.says(" close ");
    let dropped = close.split(", dropped ").nth(1).unwrap_or_else(|| panic!("{close}"));
    assert!(dropped.split(' ').next().unwrap().parse::<u64>().unwrap() > 0, "{close}");
}

#[test]
fn a_target_that_comes_later_is_found_and_not_asked_for_each_datagram() {
    let reserved = TcpListener::bind("127.0.0.1:0").unwrap();
    let target = reserved.local_addr().unwrap();
    drop(reserved);
    let server = Listening::start(["pipe", "udp-listen:0", &format!("ws://{target}/")]);
    let socket = client(&server);
    for _ in 0..50 {
        socket.send(b"knock").unwrap();
    }
    server.wsio.says("refused: connect: ");
    for _ in 0..50 {
        socket.send(b"knock").unwrap();
    }
    let echo = Listening::start(["listen", &target.to_string(), "--echo"]);
    socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    eventually("an answer", || {
        socket.send(b"knock").unwrap();
        socket.recv(&mut [0; 9]).is_ok()
    });
    let asked = server.wsio.err_so_far().matches("refused: connect: ").count();
    assert!(asked < 50, "asked {asked} times for 100 datagrams");
    drop(echo);
}

#[test]
fn in_text_mode_a_datagram_is_utf8_or_refused() {
    let (url, far) =
        crate::harness::serve(|mut peer| (peer.next().unwrap(), peer.answer_close().unwrap().code()));
    let server = Listening::start(["pipe", "udp-listen:0", &url, "-t", "--once"]);
    let socket = client(&server);
    socket.send("grüße".as_bytes()).unwrap();
    socket.send(b"gr\xfc\xdfe").unwrap();
    let (frame, code) = far.join().unwrap();
    assert_eq!((frame.opcode, frame.text(), code), (1, "grüße", Some(1000)));
    let done = server.wsio.wait();
    assert_eq!(done.code, 65, "{}", done.err);
    assert!(done.err.contains("datagram 2 is not UTF-8 (byte 3)"), "{}", done.err);
}

#[test]
fn a_web_socket_that_closes_lets_its_peer_begin_anew() {
    let (url, far) = crate::harness::serve_many(|listener| {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let mut peer = Peer::accept(listener);
            seen.push(peer.message().unwrap());
            peer.close(1000, "");
            peer.until_close();
        }
        seen
    });
    let server = Listening::start(["pipe", "udp-listen:0", &url]);
    let socket = client(&server);
    socket.send(b"one").unwrap();
    server.wsio.says("#1 ");
    eventually("the first end", || server.wsio.err_so_far().contains(" close "));
    socket.send(b"two").unwrap();
    assert_eq!(far.join().unwrap(), [b"one", b"two"]);
}

#[test]
fn an_inherited_udp_socket_is_served() {
    let (socket, other) = (udp(), udp());
    let address = socket.local_addr().unwrap();
    let args = ["pipe", "udp-listen:fd:3", "echo:"];
    let wsio = Wsio::handed("", [socket.into(), other.into()], args);
    wsio.says(&format!("listening on udp://{address}"));
    let client = udp();
    client.send_to(b"hello", address).unwrap();
    assert_eq!(receive(&client), b"hello");

    let stream = TcpListener::bind("127.0.0.1:0").unwrap();
    let wsio = Wsio::handed("", [stream.into(), udp().into()], args);
    let done = wsio.wait();
    assert_eq!(done.code, 116, "{}", done.err);
    assert!(done.err.contains("fd:3: is not a UDP socket"), "{}", done.err);
}

#[test]
fn what_cannot_be_is_refused() {
    let neither = "is for bytes, and neither side has them";
    for (args, code, text) in [
        (&["pipe", "udp-listen:0", "ws://h/", "--framing", "lines"][..], 2, neither),
        (&["pipe", "ws-listen:0", "udp:h:1", "--in", "lines"], 2, neither),
        (&["pipe", "udp-listen:0", "hub:x", "--out", "lines"], 2, neither),
        (&["listen", "0", "--to", "udp:h:1", "-0"], 2, "-0 is for bytes"),
        (&["pipe", "udp-listen:unix:/tmp/x", "echo:"], 3, "not over a Unix socket"),
        (&["pipe", "udp:h", "echo:"], 3, "lacks a port"),
        (&["pipe", "-", "udp-listen:0"], 2, "second"),
        (&["pipe", "udp-listen:0", "-"], 2, "--once"),
        (&["pipe", "udp:127.0.0.1:1", "echo:", "--once"], 2, "needs a listening endpoint"),
        (&["connect", "udp:h:1"], 2, "wsio pipe - udp:h:1"),
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, code, "{args:?}: {}", done.err);
        assert!(done.err.contains(text), "{args:?}: {}", done.err);
    }
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let first = Listening::start(["pipe", &format!("udp-listen:{taken}"), "echo:"]);
    let done = Wsio::run(["pipe", &format!("udp-listen:{}", first.address()), "echo:"], "");
    assert_eq!(done.code, 116, "{}", done.err);
    assert!(done.err.contains("address already in use"), "{}", done.err);
}
