//! Memory: a server keeps little for clients that say nothing, whatever they or others have said before.
//!
//! Bounds are far above what is measured (`tests/soak/run idle` has the figures), since the program under test is
//! not optimized and its clients are few; they are far below what one buffer more for each client would take.

use crate::harness::{Listening, PATIENCE, Peer, eventually};
use flate2::{Compress, Compression, FlushCompress};
use std::{
    thread,
    time::{Duration, Instant},
};

const CLIENTS: u64 = 200;

/// Dials so many, of which each has said nothing yet.
fn dial(address: &str, lines: &[&str]) -> Vec<Peer> {
    (0..CLIENTS).map(|_| Peer::dial_with(address, "/", lines)).collect()
}

/// Asserts that the server comes to need no more than this beyond what it needed before its clients, KiB a client.
fn comes_down(server: &Listening, before: u64, most: u64) {
    let mut now = 0;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        now = server.wsio.resident_kib().saturating_sub(before) / CLIENTS;
        if now <= most {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("{now} KiB a client, over {most}");
}

#[test]
fn a_large_message_leaves_nothing_with_its_client() {
    const HALF: usize = 512 << 10;
    let server = Listening::start(["listen", "127.0.0.1:0", "--echo", "--max-connections", "1000"]);
    let before = server.wsio.resident_kib();
    let mut clients = dial(server.address(), &[]);
    let half = vec![7; HALF];
    // Of all of them a half is there at once.
    clients.iter_mut().for_each(|client| client.send(false, 2, &half));
    for client in &mut clients {
        client.send(true, 0, &half);
        let mut back = 0;
        while back < 2 * HALF {
            back += client.next().unwrap().payload.len();
        }
    }
    comes_down(&server, before, 64);
}

#[test]
fn compression_costs_a_client_the_window_of_the_peer() {
    let server =
        Listening::start(["listen", "127.0.0.1:0", "--echo", "--compress", "--max-connections", "1000"]);
    let before = server.wsio.resident_kib();
    let mut clients = dial(server.address(), &["Sec-WebSocket-Extensions: permessage-deflate"]);
    // "Hello" of RFC 7692 section 7.2.3.1 is too short to be compressed by us, so it is said twenty times.
    let mut deflater = Compress::new(Compression::fast(), false);
    let mut message = Vec::with_capacity(1000);
    deflater.compress_vec(&b"Hello".repeat(20), &mut message, FlushCompress::Sync).unwrap();
    message.truncate(message.len() - 4);
    for client in &mut clients {
        client.try_send_first(0xc1, &message).unwrap();
        assert!(client.next().unwrap().rsv1, "it comes back compressed");
    }
    // 92 of them are for the compressors, which are 64 whatever the number of the clients.
    comes_down(&server, before, 92 + 110);
}

#[test]
fn clients_that_came_and_went_leave_nothing() {
    let server = Listening::start(["listen", "127.0.0.1:0", "--echo", "--max-connections", "1000"]);
    let idle = server.wsio.descriptors();
    drop(dial(server.address(), &[]));
    eventually("all have left", || server.wsio.descriptors() <= idle + 8);
    let before = server.wsio.resident_kib();
    for _ in 0..8 {
        drop(dial(server.address(), &[]));
        eventually("all have left", || server.wsio.descriptors() <= idle + 8);
    }
    comes_down(&server, before, 8);
}
