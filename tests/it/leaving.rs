//! A server that is told to go: 0 only if every client got everything and answered our Close within `--grace`.
//!
//! Else the signal's code, and a line with how many clients and messages fell short.

use crate::harness::{Done, Listening, Peer, accept_bounded, eventually};
use rustix::process::Signal;
use std::{
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

const LINE: usize = 8000;
/// More than a client's socket takes, less than `--queue` keeps for it.
const LINES: usize = 1200;
const GRACE: Duration = Duration::from_secs(4);

fn line(number: usize) -> String {
    format!("{number:06} {}", "l".repeat(LINE - 7))
}

fn hub() -> Listening {
    Listening::start(["listen", "0", "--grace", "4s", "--queue", "64M"])
}

/// Gives all lines to a hub's standard input, which stays open, once so many clients are there.
fn feed(listening: &mut Listening, clients: usize) {
    eventually("all are there", || listening.wsio.err_so_far().matches(" open ").count() == clients);
    for number in 0..LINES {
        listening.wsio.write(format!("{}\n", line(number)).as_bytes());
    }
}

/// A client that takes next to nothing.
fn deaf(listening: &Listening) -> Peer {
    Peer::dial_narrow(listening.address(), 4096)
}

/// Reads to our Close, and answers it or does not; gives how many lines came and the code.
fn reads(mut peer: Peer, answers: bool) -> JoinHandle<(usize, Option<u16>)> {
    thread::spawn(move || {
        let mut count = 0;
        loop {
            match peer.next() {
                Some(frame) if frame.opcode == 8 => {
                    if answers {
                        peer.send(true, 8, &frame.payload);
                    }
                    // Whoever does not answer stays until it is cut off.
                    let _ = peer.stream.read_to_end(&mut Vec::new());
                    return (count, frame.code());
                }
                Some(frame) if frame.opcode == 1 => {
                    assert!(frame.text() == line(count), "not line {count}: {:.9}", frame.text());
                    count += 1;
                }
                Some(_) => {}
                None => return (count, None),
            }
        }
    })
}

/// Tells it to go, and waits until it is gone.
fn leaves(listening: Listening, signal: Signal) -> Done {
    let told = Instant::now();
    listening.wsio.signal(signal);
    let done = listening.wsio.wait();
    assert!(told.elapsed() < GRACE + Duration::from_secs(6), "{:?}", told.elapsed());
    done
}

/// The line that says who fell short.
#[track_caller]
fn fell_short(done: &Done, clients: u64) {
    let words = if clients == 1 { " client that did not" } else { " clients that did not" };
    assert_eq!(done.told(words), clients, "{}", done.err);
    assert!(done.err.contains(" left unsent"), "{}", done.err);
}

#[test]
fn clients_that_read_and_answer_are_a_good_end() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut listening = hub();
        let clients = [(); 2].map(|()| reads(Peer::dial(listening.address()), true));
        feed(&mut listening, 2);
        let done = leaves(listening, signal);
        assert_eq!(done.code, 0, "{}", done.err);
        assert!(!done.err.contains("did not"), "{}", done.err);
        for client in clients {
            let (count, code) = client.join().unwrap();
            // What the pipe still held at the signal was never taken from it.
            assert!(count > 0 && code == Some(1001), "{count} {code:?}");
            assert!(done.err.contains(&format!("out {count} messages")), "{count}: {}", done.err);
        }
    }
}

#[test]
fn a_client_that_takes_nothing_is_told_with_its_messages() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let mut listening = hub();
        let mut client = deaf(&listening);
        feed(&mut listening, 1);
        let done = leaves(listening, signal);
        assert_eq!(done.code, code, "{}", done.err);
        fell_short(&done, 1);
        let mut count = 0;
        while client.message().is_some() {
            count += 1;
        }
        assert!(count < LINES, "it cannot have everything");
        let unsent = done.told(" messages left unsent") as usize;
        assert!(unsent > 0 && count + unsent <= LINES, "{count} came, {unsent} told: {}", done.err);
    }
}

#[test]
fn a_client_that_reads_and_never_answers_is_told() {
    let mut listening = hub();
    let client = reads(Peer::dial(listening.address()), false);
    listening.wsio.write(format!("{}\n", line(0)).as_bytes());
    eventually("it is open", || listening.wsio.err_so_far().contains(" open "));
    let done = leaves(listening, Signal::TERM);
    assert_eq!(done.code, 143, "{}", done.err);
    fell_short(&done, 1);
    assert!(done.err.contains("; 0 messages left unsent"), "{}", done.err);
    assert_eq!(client.join().unwrap().1, Some(1001));
}

#[test]
fn whoever_reads_has_everything_beside_those_that_do_not() {
    let mut listening =
        Listening::start(["listen", "0", "--grace", "4s", "--slow", "drop", "--queue", "64M"]);
    let deaf = deaf(&listening);
    let mute = reads(Peer::dial(listening.address()), false);
    let fair = reads(Peer::dial(listening.address()), true);
    feed(&mut listening, 3);
    // All lines but what the pipe holds are taken; the fair ones have them by then or get them.
    let done = leaves(listening, Signal::TERM);
    assert_eq!(done.code, 143, "{}", done.err);
    fell_short(&done, 2);
    let (fair, mute) = (fair.join().unwrap(), mute.join().unwrap());
    assert_eq!((fair.1, mute.1), (Some(1001), Some(1001)));
    for (count, _) in [fair, mute] {
        assert!(count > 0 && done.err.contains(&format!("out {count} messages")), "{count}: {}", done.err);
    }
    // Only the deaf one has messages left.
    assert_eq!(done.err.matches(" messages left unsent").count(), 2, "{}", done.err);
    drop(deaf);
}

#[test]
fn a_child_or_target_that_floods_a_deaf_client_does_not_keep_the_server() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = format!("tcp:{}", target.local_addr().unwrap());
    let floods = thread::spawn(move || {
        let mut stream = accept_bounded(&target);
        while stream.write_all(&[b'x'; 65536]).is_ok() {}
    });
    let ways: [&[&str]; 2] = [&["--to", &tcp], &["--", "yes"]];
    for way in ways {
        let listening = Listening::start(["listen", "0", "--grace", "4s"].iter().chain(way));
        let mut client = deaf(&listening);
        assert!(client.next().is_some(), "it is under way");
        let done = leaves(listening, Signal::TERM);
        assert_eq!(done.code, 143, "{way:?} {}", done.err);
        fell_short(&done, 1);
    }
    floods.join().unwrap();
}

#[test]
fn a_child_or_target_with_a_fair_client_is_a_good_end() {
    let target = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp = format!("tcp:{}", target.local_addr().unwrap());
    let echoes = thread::spawn(move || {
        let mut stream = accept_bounded(&target);
        let _ = std::io::copy(&mut stream.try_clone().unwrap(), &mut stream);
    });
    let ways: [&[&str]; 2] = [&["--to", &tcp], &["--", "cat"]];
    for way in ways {
        let listening = Listening::start(["listen", "0", "--grace", "10s"].iter().chain(way));
        let mut client = Peer::dial(listening.address());
        client.text("hello");
        client.message().unwrap();
        listening.wsio.signal(Signal::TERM);
        assert_eq!(client.answer_close().unwrap().code(), Some(1001), "{way:?}");
        drop(client);
        let done = listening.wsio.wait();
        assert_eq!(done.code, 0, "{way:?} {}", done.err);
        assert!(!done.err.contains("did not"), "{way:?} {}", done.err);
    }
    echoes.join().unwrap();
}

#[test]
fn a_client_that_is_slow_but_in_time_is_a_good_end() {
    let mut listening = Listening::start(["listen", "0", "--grace", "25s"]);
    let mut client = deaf(&listening);
    (0..60).for_each(|number| listening.wsio.write(format!("{}\n", line(number)).as_bytes()));
    let first = client.message().unwrap();
    assert_eq!(first, line(0).as_bytes());
    listening.wsio.signal(Signal::TERM);
    let mut count = 1;
    let close = loop {
        let frame = client.next().unwrap();
        match frame.opcode {
            8 => break frame,
            _ => count += 1,
        }
        thread::sleep(Duration::from_millis(10));
    };
    client.send(true, 8, &close.payload);
    drop(client);
    let done = listening.wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains(&format!("out {count} messages")), "{count} came: {}", done.err);
}

#[test]
fn the_second_signal_waits_for_nobody() {
    let mut listening = Listening::start(["listen", "0", "--grace", "10m", "--queue", "64M"]);
    let _client = deaf(&listening);
    feed(&mut listening, 1);
    listening.wsio.signal(Signal::TERM);
    eventually("nobody can come any more", || TcpStream::connect(listening.address()).is_err());
    listening.wsio.signal(Signal::INT);
    let done = listening.wsio.wait();
    assert!(matches!(done.code, 130 | 143), "{} {}", done.code, done.err);
}
