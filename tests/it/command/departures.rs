//! Clients that go while their child is busy: what came is taken as far as it can be, and nothing waits.

use super::{marked, running};
use crate::harness::{Listening, Peer, eventually};
use std::{io::ErrorKind, time::Duration};

/// A server with short pings that runs this shell script for each client.
fn pinging(script: &str) -> Listening {
    let pings = ["--ping-interval", "200ms", "--ping-timeout", "500ms"];
    Listening::start([&["listen", "0"][..], &pings, &["--", "/bin/sh", "-c", script]].concat())
}

/// Sends until nothing more is read from it.
fn fill(peer: &mut Peer) {
    peer.stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
    let failure = loop {
        if let Err(error) = peer.try_send(true, 2, &[b'x'; 60_000]) {
            break error;
        }
    };
    assert!(matches!(failure.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut), "{failure}");
}

#[test]
fn a_client_that_dies_while_nothing_is_taken_takes_its_child_along() {
    // With and without a reset: the last bytes of a client that just leaves may never get through.
    for (word, resets) in [(300_131, true), (300_132, false)] {
        let word = marked(word);
        let listening = pinging(&format!("exec sleep {word}"));
        let mut peer = Peer::dial(listening.address());
        eventually("it runs", || running(&word) > 0);
        fill(&mut peer);
        std::thread::sleep(Duration::from_millis(700));
        assert!(!listening.wsio.err_so_far().contains("#1 close"), "whoever waits is not gone");
        match resets {
            true => peer.reset(),
            false => drop(peer),
        }
        assert!(listening.wsio.says("close 1006").contains(" bytes not taken"));
        eventually("it is gone", || running(&word) == 0);
    }
}
