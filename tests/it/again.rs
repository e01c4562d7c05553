//! Trying again: until a server is there, and when a connection is lost.

use crate::harness::{Done, Peer, Wsio, accept_bounded, eventually, read_head, serve, serve_many};
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
        // It takes three, talks, answers no ping, and dies.
        (0..3).for_each(|_| {
            drop(peer.message().unwrap());
            peer.text("a word proves nothing");
        });
        peer.reset();
        let mut peer = Peer::accept(listener);
        peer.close(1000, "");
        peer.until_close();
    });
    let mut wsio = Wsio::start(["connect", "--reconnect", &url]);
    wsio.write(b"1\n22\n333\n");
    wsio.says("; connecting again");
    let loss = wsio.err_so_far();
    assert!(loss.contains("; 3 messages sent last may not have arrived (6 bytes)"), "{loss}");
    server.join().unwrap();
    let done = wsio.wait();
    assert_eq!(done.code, 55, "{}", done.err);
}

/// Connections that are lost.
const CUTS: usize = 4;

/// How a server treats its connections before the last one.
#[derive(Clone, Copy)]
struct Habits {
    /// Messages it says before it reads any.
    talks: usize,
    /// It says something to each message.
    answers: bool,
}

/// Resets each of `cuts` connections after some messages, then reads one to its Close; all that it read.
fn resets(listener: &TcpListener, cuts: usize, habits: Habits) -> Vec<usize> {
    let mut read = Vec::new();
    for round in 0..=cuts {
        let mut peer = Peer::accept(listener);
        (0..habits.talks).for_each(|_| {
            let _ = peer.try_send(true, 1, &[b'x'; 500]);
        });
        // Far apart and close together.
        let most = if round == cuts { usize::MAX } else { round * 7919 % 400 + round % 2 };
        let until = read.len().saturating_add(most);
        while read.len() < until {
            let Some(frame) = peer.next() else { break };
            match frame.opcode {
                8 => {
                    let _ = peer.try_send(true, 8, &frame.payload);
                    return read;
                }
                9 => drop(peer.try_send(true, 10, &frame.payload)),
                _ => {
                    read.push(frame.text().trim().parse().unwrap());
                    if habits.answers {
                        let _ = peer.try_send(true, 1, b"yes");
                    }
                }
            }
        }
        peer.reset();
    }
    panic!("the last connection was not closed");
}

/// Sends so many numbered lines on each connection to such a server; what it read, how many were said to be
/// in doubt, and the end.
fn numbered(count: usize, habits: Habits, options: &[&str]) -> (Vec<usize>, u64, Done) {
    let (url, server) = serve_many(move |listener| resets(listener, CUTS, habits));
    let args = ["connect", "--reconnect", "--out", "jsonl", "--linger", "0", &url];
    let mut wsio = Wsio::start(args.iter().chain(options));
    // A part for each connection: input that has ended is no reason to connect again.
    for part in 0..=CUTS {
        let gaps = || wsio.err_so_far().matches("connected again").count();
        eventually("the next connection", || gaps() == part);
        let lines = (part * count..(part + 1) * count).map(|number| format!("{number:20}\n"));
        wsio.write(lines.collect::<String>().as_bytes());
    }
    wsio.close_stdin();
    let done = wsio.wait();
    let records = done.text().lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    let doubtful = records
        .filter(|record| record["type"] == "reconnect")
        .map(|gap| {
            let (messages, bytes) =
                (gap["doubtful"].as_u64().unwrap(), gap["doubtful_bytes"].as_u64().unwrap());
            assert_eq!(bytes, 20 * messages);
            assert_eq!(gap["resent"] == true, messages > 0 && options.contains(&"--resend"));
            messages
        })
        .sum();
    (server.join().unwrap(), doubtful, done)
}

const ANSWERING: Habits = Habits { talks: 0, answers: true };
/// What it says at first fills no buffer of the kernel.
const TALKING: Habits = Habits { talks: 100, answers: false };

#[test]
fn what_a_server_that_answers_or_talks_did_not_read_was_said_to_be_in_doubt() {
    const COUNT: usize = 4000;
    for habits in [ANSWERING, TALKING] {
        let (read, doubtful, done) = numbered(COUNT, habits, &[]);
        assert!(read.windows(2).all(|pair| pair[0] < pair[1]), "nothing comes twice or out of order");
        let lost = (COUNT * (CUTS + 1) - read.len()) as u64;
        assert!(lost <= doubtful, "{lost} lost, {doubtful} said to be in doubt: {}", done.err);
        assert!(lost > 0, "the test sees losses");
        assert_eq!(done.code, 55, "{}", done.err);
    }
}

#[test]
fn what_is_in_doubt_is_sent_again_until_all_has_arrived_in_order() {
    const COUNT: usize = 4000;
    for habits in [ANSWERING, TALKING] {
        let (read, _, done) = numbered(COUNT, habits, &["--resend"]);
        assert_eq!(done.code, 0, "{}", done.err);
        let mut next = 0;
        for number in read {
            assert!(number <= next, "{number} came before {next}");
            next = next.max(number + 1);
        }
        assert_eq!(next, COUNT * (CUTS + 1), "{}", done.err);
    }
}

#[test]
fn a_server_that_answers_no_pings_gets_all_of_it_and_ends_resending() {
    const COUNT: usize = 30_000;
    let read_all = |mut peer: Peer| {
        let mut count = 0;
        while peer.message().is_some() {
            count += 1;
        }
        let _ = peer.try_send(true, 8, &1000_u16.to_be_bytes());
        count
    };
    let input = format!("{:60}\n", "x").repeat(COUNT);
    let (url, server) = serve(read_all);
    let args = ["connect", "--reconnect", "--linger", "0", "--ping-timeout", "300ms", &url];
    let done = Wsio::run(args, input.clone());
    assert_eq!((done.code, server.join().unwrap()), (0, COUNT), "{}", done.err);
    assert_eq!(done.err.matches("the peer confirms nothing").count(), 1, "{}", done.err);

    let (url, server) = serve(read_all);
    let args = ["connect", "--reconnect", "--resend", "--linger", "0", "--ping-timeout", "300ms", &url];
    let done = Wsio::run(args, input.clone());
    assert_eq!(done.code, 56, "{}", done.err);
    assert!(done.err.contains("the peer confirms nothing") && done.err.contains("--resend"), "{}", done.err);
    assert!(server.join().unwrap() < COUNT);

    let (url, server) = serve(read_all);
    let args = ["connect", "--reconnect", "--linger", "0", "--ping-interval", "off", &url];
    let done = Wsio::run(args, input);
    assert_eq!((done.code, server.join().unwrap()), (0, COUNT), "{}", done.err);
    assert_eq!(done.err.matches("--ping-interval off: nothing confirms").count(), 1, "{}", done.err);
}

#[test]
fn whole_input_is_sent_again_from_a_file_and_not_from_a_pipe() {
    let line = ["connect", "--reconnect", "--resend", "--in", "whole", "ws://127.0.0.1:9/"];
    let done = Wsio::run(line, "x");
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.err.contains("all of an input that is no file"), "{}", done.err);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("in");
    std::fs::write(&file, "all of it").unwrap();
    let (url, server) = serve_many(|listener| {
        let mut peer = Peer::accept(listener);
        assert_eq!(peer.message().unwrap(), b"all of it");
        peer.reset();
        let mut peer = Peer::accept(listener);
        let again = peer.message().unwrap();
        peer.answer_close();
        again
    });
    let from = format!("file:{}", file.display());
    let args = ["pipe", "--reconnect", "--resend", "--framing", "whole", "--linger", "0", &from, &url];
    let done = Wsio::run(args, "");
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(server.join().unwrap(), b"all of it");
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
fn each_loss_has_all_its_tries() {
    let (url, server) = serve_many(|listener| {
        for _ in 0..3 {
            Peer::accept(listener).reset();
            // The first try fails, the second one does not.
            drop(accept_bounded(listener));
        }
        let mut peer = Peer::accept(listener);
        peer.close(1000, "");
        peer.until_close();
    });
    let done = Wsio::run(["connect", "--reconnect=2", &url], "");
    server.join().unwrap();
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.err.matches("connected again").count(), 3, "{}", done.err);
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
