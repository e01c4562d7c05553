//! A clean end with an output that takes nothing: standard output and a child are waited for while they
//! live, with the WebSocket closed meanwhile; a socket is given up after `--close-timeout`, which is 23.

use super::{Stalled, at_once, lines, message};
use crate::harness::{Done, Listening, Peer, Wsio, accept_bounded, eventually, narrow_listener, serve};
use rustix::process::Signal;
use std::{
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// More than any pipe or socket here takes by itself.
const COUNT: usize = 4000;

/// Sends so many lines, then closes or waits for our Close; gives the code of our Close.
fn gives(mut peer: Peer, closes: bool) -> Option<u16> {
    let mut reading = peer.reader();
    let closing = thread::spawn(move || reading.until_close());
    for number in 0..COUNT {
        if peer.try_send(true, 1, message(number).as_bytes()).is_err() {
            break;
        }
    }
    if closes {
        let _ = peer.try_send(true, 8, &[3, 232]);
    }
    let frame = closing.join().unwrap()?;
    if !closes {
        let _ = peer.try_send(true, 8, &frame.payload);
    }
    frame.code()
}

fn server(closes: bool) -> (String, JoinHandle<Option<u16>>) {
    serve(move |peer| gives(peer, closes))
}

/// The clean ends: what is asked for, and whether the peer closes.
const ENDS: [(&[&str], bool); 2] = [(&["-n", "4000"], false), (&[], true)];

#[test]
fn what_lives_is_waited_for_and_gets_everything() {
    at_once(["standard output", "child"], |stall| {
        for (args, closes) in ENDS {
            let (url, peer) = server(closes);
            let (mut wsio, output) =
                Stalled::start(stall, &[args, &["--close-timeout", "500ms"]].concat(), &url);
            // The WebSocket is closed while nothing is taken.
            assert_eq!(peer.join().unwrap(), Some(1000), "{stall} {args:?}");
            thread::sleep(Duration::from_millis(1200));
            assert!(wsio.is_running(), "{stall} {args:?}: {}", wsio.err_so_far());
            let found = output.resume();
            let done = wsio.wait();
            assert_eq!(done.code, 0, "{stall} {args:?}: {}", done.err);
            assert_eq!(lines(&found), COUNT, "{stall} {args:?}: {}", done.err);
        }
    });
}

#[test]
fn the_wait_is_told_after_a_while_and_a_signal_ends_it() {
    at_once(["standard output", "child"], |stall| {
        for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
            let (url, peer) = server(true);
            let (wsio, output) = Stalled::start(stall, &[], &url);
            peer.join().unwrap();
            if signal == Signal::TERM {
                wsio.says("has not taken the rest: ");
            }
            let since = Instant::now();
            wsio.signal(signal);
            let done = wsio.wait();
            assert!(since.elapsed() < Duration::from_secs(8), "{stall} {:?}", since.elapsed());
            assert_eq!(done.code, code, "{stall}: {}", done.err);
            missing(&done, stall, lines(&output.resume()));
        }
    });
}

#[test]
fn the_time_limit_ends_the_wait() {
    at_once(["standard output", "child"], |stall| {
        let (url, peer) = server(true);
        let (wsio, output) = Stalled::start(stall, &["-m", "2s", "--close-timeout", "500ms"], &url);
        assert_eq!(peer.join().unwrap(), Some(1000), "{stall}");
        let done = wsio.wait();
        assert_eq!(done.code, 28, "{stall}: {}", done.err);
        missing(&done, stall, lines(&output.resume()));
    });
}

/// So many lines were found; the rest is told.
#[track_caller]
fn missing(done: &Done, stall: &str, found: usize) {
    assert!(done.err.contains(" bytes not taken"), "{stall}: {}", done.err);
    let told = super::last_told(done);
    if stall == "child" {
        // It is ended by us, with what its pipe holds.
        return assert!(told > 0 && found + told <= COUNT, "{stall}: {}", done.err);
    }
    assert_eq!(found + told, COUNT, "{stall}: {}", done.err);
}

#[test]
fn a_socket_that_takes_nothing_is_given_up() {
    at_once(["tcp:", "unix:"], |stall| {
        for (args, closes) in ENDS {
            let (url, peer) = server(closes);
            let (wsio, output) = Stalled::start(stall, &[args, &["--close-timeout", "500ms"]].concat(), &url);
            assert_eq!(peer.join().unwrap(), Some(1000), "{stall} {args:?}");
            let done = wsio.wait();
            assert_eq!(done.code, 23, "{stall} {args:?}: {}", done.err);
            missing(&done, stall, lines(&output.resume()));
        }
    });
}

#[test]
fn a_socket_that_is_merely_slow_gets_everything() {
    let listener = narrow_listener(16384);
    let tcp = format!("tcp:{}", listener.local_addr().unwrap());
    let reading = thread::spawn(move || {
        let mut stream = accept_bounded(&listener);
        let (mut bytes, mut chunk) = (Vec::new(), vec![0; 32768]);
        // Slower than its close-timeout for all of it, never silent for so long.
        while let Ok(count @ 1..) = std::io::Read::read(&mut stream, &mut chunk) {
            bytes.extend_from_slice(&chunk[..count]);
            thread::sleep(Duration::from_millis(4));
        }
        bytes
    });
    let (url, peer) = server(true);
    let done = Wsio::run(["pipe", "--out", "lines", &url, &tcp, "--close-timeout", "700ms"], "");
    assert_eq!((done.code, lines(&reading.join().unwrap())), (0, COUNT), "{}", done.err);
    assert_eq!(peer.join().unwrap(), Some(1000));
}

#[test]
fn a_child_that_leaves_without_taking_it_is_23() {
    let (url, peer) = server(true);
    let done = Wsio::run(["pipe", "--out", "lines", &url, "exec:sleep 2"], "");
    assert_eq!(done.code, 23, "{}", done.err);
    assert_eq!(peer.join().unwrap(), Some(1000));
}

#[test]
fn a_servers_child_is_waited_for_no_longer_than_a_close() {
    let args = ["listen", "0", "--once", "--close-timeout", "500ms", "--read-ahead", "16M"];
    let word = crate::command::marked(300_133);
    let once = Listening::start(args.into_iter().chain(["--", "sleep", &word]));
    assert_eq!(gives(Peer::dial(once.address()), true), Some(1000));
    let done = once.wsio.wait();
    assert_eq!(done.code, 23, "{}", done.err);
    eventually("the child is gone", || crate::command::running(&word) == 0);
}

#[test]
fn an_end_of_input_waits_for_standard_output_too() {
    let (url, peer) = serve(|mut peer| {
        peer.message().unwrap();
        for number in 0..COUNT {
            peer.text(&message(number));
        }
        peer.answer_close().and_then(|frame| frame.code())
    });
    let (reader, writer) = std::io::pipe().unwrap();
    let (stdin, question) = std::io::pipe().unwrap();
    let wsio =
        Wsio::between(stdin, writer, ["connect", &url, "--linger", "100ms", "--close-timeout", "500ms"]);
    std::io::Write::write_all(&mut { question }, b"q\n").unwrap();
    assert_eq!(peer.join().unwrap(), Some(1000));
    let found = Stalled::Pipe(Some(reader)).resume();
    let done = wsio.wait();
    assert_eq!((done.code, lines(&found)), (0, COUNT), "{}", done.err);
}
