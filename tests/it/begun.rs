//! What a peer begins and does not end: a frame that stands still is a lost peer, a message between its
//! frames is not, and what all clients of a server leave unfinished has a bound.

use crate::harness::{Listening, Peer, Wsio, serve};
use std::{
    thread::{self, sleep},
    time::{Duration, Instant},
};

const PINGS: [&str; 4] = ["--ping-interval", "200ms", "--ping-timeout", "700ms"];

/// Answers pings until the other side is gone; gives how many.
fn answers(peer: &Peer) -> thread::JoinHandle<usize> {
    let (mut reading, mut writing) = (peer.reader(), peer.reader());
    thread::spawn(move || {
        let mut count = 0;
        while let Some(frame) = reading.next() {
            match frame.opcode {
                9 if writing.try_send(true, 10, &frame.payload).is_ok() => count += 1,
                8 => drop(writing.try_send(true, 8, &frame.payload)),
                _ => {}
            }
        }
        count
    })
}

/// The begin of a text frame: its head, and so much of what it says it has.
fn begins(peer: &mut Peer, is_client: bool) {
    let mask: &[u8] = if is_client { &[0; 4] } else { &[] };
    peer.raw(&[&[0x81, if is_client { 0x80 | 126 } else { 126 }, 1, 0], mask, &[b'h'; 57]].concat());
}

#[test]
fn a_frame_that_stands_still_is_a_lost_peer() {
    // Also where no ping could tell: the clock of the frame is its own.
    for pings in [&PINGS[..], &["--ping-interval", "off", "--ping-timeout", "700ms"]] {
        let (url, _peer) = serve(|mut peer| {
            peer.text("whole");
            begins(&mut peer, false);
            peer.until_close();
        });
        let since = Instant::now();
        let done = Wsio::run(["connect", &url].iter().chain(pings), "");
        assert!(since.elapsed() < Duration::from_secs(10), "{:?}", since.elapsed());
        assert_eq!((done.code, done.text()), (56, "whole\n"), "{}", done.err);
        assert!(done.err.contains("57 bytes") || done.err.contains("a frame had begun"), "{}", done.err);
        assert!(!done.err.contains("--ping-interval 20"), "no option that is on: {}", done.err);
    }
}

#[test]
fn in_a_server_it_is_1006() {
    let server = Listening::start(["listen", "0"].iter().chain(&PINGS));
    let mut peer = Peer::dial(server.address());
    begins(&mut peer, true);
    let line = server.wsio.says(" close 1006");
    assert!(line.contains("a frame had begun"), "{line}");
    // The others never notice.
    let mut other = Peer::dial(server.address());
    other.text("hello");
    other.close(1000, "");
    server.wsio.says(" close 1000");
}

#[test]
fn a_frame_that_trickles_lives() {
    let (url, _peer) = serve(|mut peer| {
        peer.raw(&[0x81, 20]);
        for _ in 0..20 {
            sleep(Duration::from_millis(100));
            peer.raw(b"t");
        }
        peer.close(1000, "");
        peer.until_close();
    });
    let done = Wsio::run(["connect", &url].iter().chain(&PINGS), "");
    assert_eq!((done.code, done.text()), (0, "tttttttttttttttttttt\n"), "{}", done.err);
}

#[test]
fn between_the_frames_of_a_message_pings_decide() {
    // One that answers them has all the time.
    let (url, peer) = serve(|mut peer| {
        peer.send(false, 1, b"one, ");
        let answering = answers(&peer);
        sleep(Duration::from_millis(2500));
        peer.send(true, 0, b"two");
        peer.close(1000, "");
        answering.join().unwrap()
    });
    let done = Wsio::run(["connect", &url].iter().chain(&PINGS), "");
    assert_eq!((done.code, done.text()), (0, "one, two\n"), "{}", done.err);
    assert!(peer.join().unwrap() > 0, "it was pinged");

    // One that does not is lost, as between messages.
    let (url, _peer) = serve(|mut peer| {
        peer.send(false, 1, b"one, ");
        peer.until_close();
    });
    let done = Wsio::run(["connect", &url].iter().chain(&PINGS), "");
    assert_eq!((done.code, done.text()), (56, ""), "{}", done.err);
}

/// The begin of a message, of so many bytes.
fn leaves_unfinished(peer: &mut Peer, bytes: usize) {
    peer.send(false, 2, &vec![b'u'; bytes]);
}

#[test]
fn of_clients_with_unfinished_messages_the_largest_goes() {
    let args = ["listen", "0", "--out", "raw", "--max-message", "1M", "--max-buffer", "1M"];
    let server = Listening::start(args);
    let mut peers = [(); 3].map(|()| Peer::dial(server.address()));
    for (peer, bytes) in peers.iter_mut().zip([300_000, 200_000, 700_000]) {
        leaves_unfinished(peer, bytes);
    }
    let [mut one, mut two, mut three] = peers;
    assert_eq!(three.until_close().unwrap().code(), Some(1013));
    drop(three);
    assert!(server.wsio.says(" close 1013").contains("--max-buffer"));
    // The others finish what they began, and get on.
    let mut expected = 0;
    for (peer, bytes) in [(&mut one, 300_000), (&mut two, 200_000)] {
        peer.send(true, 0, b"end");
        expected += bytes + 3;
        peer.close(1000, "");
        assert_eq!(peer.until_close().unwrap().code(), Some(1000));
    }
    crate::harness::eventually("both came", || server.wsio.out_so_far().len() == expected);
}

#[test]
fn what_was_finished_or_passed_on_does_not_count() {
    let args = ["listen", "0", "--out", "raw", "--max-message", "1M", "--max-buffer", "1M"];
    let server = Listening::start(args);
    let mut peers = [(); 3].map(|()| Peer::dial(server.address()));
    // Whole messages, ten times the bound in all.
    for _ in 0..5 {
        for peer in &mut peers {
            leaves_unfinished(peer, 400_000);
            peer.send(true, 0, b"");
            peer.send(true, 9, b"done?");
            assert_eq!(peer.next().unwrap().opcode, 10);
        }
    }
    for peer in &mut peers {
        peer.close(1000, "");
        assert_eq!(peer.until_close().unwrap().code(), Some(1000));
    }
    crate::harness::eventually("all came", || server.wsio.out_so_far().len() == 15 * 400_000);
}
