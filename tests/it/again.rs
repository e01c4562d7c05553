//! Trying again: until a server is there, and when a connection is lost.

use crate::harness::{Peer, Wsio, accept_bounded, read_head, serve, serve_many};
use std::{
    io::Write,
    net::TcpListener,
    time::{Duration, Instant},
};

/// An address that nobody listens on.
fn free_address() -> String {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

#[test]
fn a_server_that_is_still_starting_is_waited_for() {
    let address = free_address();
    let wsio = Wsio::start([
        "connect",
        "--retry-connrefused",
        "--retry-max-time",
        "30s",
        "--retry-delay",
        "20ms",
        "-1",
        &format!("ws://{address}/"),
    ]);
    wsio.says("connection refused; trying again in 20 ms");
    let listener = TcpListener::bind(&address).unwrap();
    let mut peer = Peer::accept(&listener);
    peer.text("up");
    peer.answer_close();
    let done = wsio.wait();
    assert_eq!((done.code, done.text()), (0, "up\n"), "{}", done.err);
}

#[test]
fn tries_end_with_the_fault_of_the_last_one() {
    let url = format!("ws://{}/", free_address());
    let args = ["connect", "--retry", "2", "--retry-delay", "1ms", "--retry-connrefused", &url];
    let done = Wsio::run(args, "");
    assert_eq!(done.code, 7);
    assert_eq!(done.err.matches("; trying again in").count(), 2, "{}", done.err);
    assert!(done.err.contains("connection refused (tried 3 times)"), "{}", done.err);
    let done = Wsio::run(["connect", "--retry", "2", &url], "");
    assert_eq!(
        (done.code, done.err.contains("trying again")),
        (7, false),
        "a refusal is final: {}",
        done.err
    );
    let done = Wsio::run(["connect", "--retry-connrefused", &url], "");
    assert_eq!(done.code, 2);
    assert!(done.err.contains("--retry-max-time 30s"), "{}", done.err);
}

#[test]
fn a_busy_server_is_asked_again_and_a_forbidding_one_is_not() {
    let (url, server) = serve_many(|listener| {
        for answer in ["503 Service Unavailable\r\nRetry-After: 0", "429 Too Many Requests"] {
            let mut stream = accept_bounded(listener);
            read_head(&mut stream);
            write!(stream, "HTTP/1.1 {answer}\r\nContent-Length: 0\r\n\r\n").unwrap();
        }
        let mut peer = Peer::accept(listener);
        peer.text("at last");
        peer.answer_close();
        let mut stream = accept_bounded(listener);
        read_head(&mut stream);
        stream.write_all(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n").unwrap();
    });
    let args = ["connect", "--retry", "5", "--retry-delay", "1ms", "-1", &url];
    let done = Wsio::run(args, "");
    assert_eq!((done.code, done.text()), (0, "at last\n"), "{}", done.err);
    assert_eq!(Wsio::run(args, "").code, 22);
    server.join().unwrap();
}

/// Sends numbered lines, a few on each connection, and cuts it; sees a login first each time.
fn feed(listener: &TcpListener, cuts: usize) -> usize {
    let mut number = 0;
    for round in 0..=cuts {
        let mut peer = Peer::accept(listener);
        assert_eq!(peer.message().unwrap(), b"login", "round {round}");
        for _ in 0..5 {
            number += 1;
            peer.text(&format!("{number}"));
        }
        match round {
            _ if round == cuts => {
                peer.close(1000, "that was all");
                peer.until_close();
            }
            // One server dies, the next one says that it goes.
            _ if round % 2 == 0 => peer.reset(),
            _ => {
                peer.close(1012, "restart");
                peer.until_close();
            }
        }
    }
    number
}

#[test]
fn a_feed_goes_on_across_restarts_and_every_gap_is_told() {
    let (url, server) = serve_many(|listener| feed(listener, 5));
    let done = Wsio::run(["connect", "--reconnect", "--send", "login", "--json", &url], "");
    let sent = server.join().unwrap();
    assert_eq!(done.code, 0, "{}", done.err);
    let records: Vec<serde_json::Value> =
        done.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |kind: &str| records.iter().filter(|record| record["type"] == kind).cloned().collect::<Vec<_>>();
    let numbers: Vec<usize> =
        of("text").iter().map(|record| record["data"].as_str().unwrap().parse().unwrap()).collect();
    // A reset may take what was on its way, but nothing comes twice or out of order.
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert_eq!(numbers.last(), Some(&sent));
    let gaps = of("reconnect");
    assert_eq!(gaps.len(), 5, "{}", done.text());
    assert!(gaps[1]["cause"].as_str().unwrap().contains("1012 service restart: restart"), "{:?}", gaps[1]);
    assert!(gaps.iter().all(|gap| gap["tries"].is_number() && gap["away"].is_number()));
    assert_eq!(done.err.matches("; connecting again").count(), 5, "{}", done.err);
    assert_eq!(done.err.matches("connected again after").count(), 5, "{}", done.err);
}

#[test]
fn input_waits_while_the_server_is_away() {
    let (url, server) = serve_many(|listener| {
        let mut peer = Peer::accept(listener);
        let first = peer.message().unwrap();
        peer.close(1001, "");
        peer.until_close();
        drop(peer);
        let mut peer = Peer::accept(listener);
        let lines: Vec<String> = std::iter::from_fn(|| peer.message())
            .take(3)
            .map(|message| String::from_utf8(message).unwrap())
            .collect();
        peer.answer_close();
        (first, lines)
    });
    let mut wsio = Wsio::start(["connect", "--reconnect", "--linger", "0", &url]);
    wsio.write(b"before\n");
    wsio.says("; connecting again");
    wsio.write(b"a\nb\nc\n");
    wsio.close_stdin();
    let done = wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    let (first, lines) = server.join().unwrap();
    assert_eq!(first, b"before");
    assert_eq!(lines, ["a", "b", "c"]);
}

#[test]
fn what_may_not_have_arrived_is_counted() {
    let (url, server) = serve_many(|listener| {
        let mut peer = Peer::accept(listener);
        // It takes three and says nothing before it dies.
        (0..3).for_each(|_| drop(peer.message().unwrap()));
        peer.reset();
        let mut peer = Peer::accept(listener);
        peer.close(1000, "");
        peer.until_close();
    });
    let mut wsio = Wsio::start(["connect", "--reconnect", &url]);
    wsio.write(b"1\n2\n3\n");
    let gap = wsio.says("connected again after ");
    assert!(gap.contains("3 messages sent last may not have arrived"), "{gap}");
    server.join().unwrap();
    assert_eq!(wsio.wait().code, 0);
}

#[test]
fn a_silent_server_is_given_up_and_connected_to_again() {
    let (url, server) = serve_many(|listener| {
        let silent = Peer::accept(listener);
        let mut peer = Peer::accept(listener);
        drop(silent);
        peer.text("here");
        peer.close(1000, "");
        peer.until_close();
    });
    let args = ["connect", "--reconnect", "--ping-interval", "50ms", "--ping-timeout", "100ms", &url];
    let done = Wsio::run(args, "");
    server.join().unwrap();
    assert_eq!((done.code, done.text()), (0, "here\n"), "{}", done.err);
    assert!(done.err.contains("no pong within"), "{}", done.err);
}

#[test]
fn the_last_try_decides_and_a_final_close_is_no_loss() {
    let (url, server) = serve(|mut peer| {
        peer.close(4001, "bad token");
        peer.until_close();
    });
    let done = Wsio::run(["connect", "--reconnect", &url], "");
    server.join().unwrap();
    assert_eq!((done.code, done.err.contains("again")), (115, false), "{}", done.err);

    let (url, server) = serve(|peer| peer.reset());
    let done = Wsio::run(["connect", "--reconnect=2", &url], "");
    server.join().unwrap();
    // Nobody listens any more.
    assert_eq!(done.code, 7, "{}", done.err);
    assert_eq!(done.err.matches("; trying again").count(), 1, "{}", done.err);
}

#[test]
fn a_signal_ends_it_at_once_while_the_server_is_away() {
    let (url, server) = serve(|peer| peer.reset());
    let wsio = Wsio::start(["connect", "--reconnect", &url]);
    server.join().unwrap();
    wsio.says("; trying again");
    std::thread::sleep(Duration::from_secs(2));
    // The same cause is said once an outage.
    assert_eq!(wsio.err_so_far().matches("; trying again").count(), 1, "{}", wsio.err_so_far());
    let start = Instant::now();
    wsio.signal(rustix::process::Signal::INT);
    assert_eq!(wsio.wait().code, 130);
    assert!(start.elapsed() < Duration::from_secs(4), "{:?}", start.elapsed());
}

#[test]
fn a_tunnel_comes_back_for_a_byte_stream() {
    let (url, server) = serve_many(|listener| {
        let mut peer = Peer::accept(listener);
        peer.send(true, 2, b"one ");
        peer.reset();
        let mut peer = Peer::accept(listener);
        peer.send(true, 2, b"two");
        peer.close(1000, "");
        peer.until_close();
    });
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    let b = format!("append:{}", file.display());
    let done = Wsio::run(["pipe", "--reconnect", &url, &b], "");
    server.join().unwrap();
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(std::fs::read_to_string(&file).unwrap().ends_with("two"));
    assert_eq!(Wsio::run(["pipe", "--reconnect", "ws-listen:0", &url], "").code, 2);
}
