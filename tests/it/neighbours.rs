//! What one bad client costs the others of a fan-out: a second in thirty, however many are bad.

use crate::harness::{Frame, Listening, Peer, eventually};
use std::{
    io::{Read, Write},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// Bytes of a line, its end included.
const LINE: usize = 10_000;
/// A time without a message for anybody that a busy machine alone does not make.
const GAP: Duration = Duration::from_millis(300);
/// The second that a bad client may cost, and what a busy machine may add to it.
const HELD: Duration = Duration::from_secs(6);
/// Time that one client may wait alone in all, for a core of the machine too.
const HELD_ALONE: Duration = Duration::from_secs(3 * 6);

/// The line of this number.
fn line(number: usize) -> Vec<u8> {
    format!("{number:0>width$}\n", width = LINE - 1).into_bytes()
}

/// What a client got: the numbers of the messages, in order or not, and when they came.
struct Got {
    numbers: Vec<usize>,
    times: Vec<Instant>,
    end: Option<Frame>,
}

/// The gaps between these messages that are longer than a busy machine makes.
fn gaps(times: &[Instant]) -> Duration {
    times.windows(2).map(|pair| pair[1] - pair[0]).filter(|gap| *gap > GAP).sum()
}

/// For how long in all none of the clients got anything, though more was to come.
///
/// One that waits alone may wait for a core of the machine: those that a bad client holds up are held together,
/// and the bound on each by itself is a wide one.
#[track_caller]
fn were_hardly_held(all: &[Got], by: &str) {
    let mut times: Vec<Instant> = all.iter().flat_map(|got| got.times.iter().copied()).collect();
    times.sort();
    let (together, alone) = (gaps(&times), all.iter().map(|got| gaps(&got.times)).max());
    assert!(together < HELD, "{by} held the others for {together:?}");
    assert!(alone < Some(HELD_ALONE), "{by} held one of the others for {alone:?}");
}

/// Reads until so many messages have come, or the Close.
fn read(mut peer: Peer, count: usize, mut pace: impl FnMut(usize) + Send + 'static) -> JoinHandle<Got> {
    thread::spawn(move || {
        let mut got = Got { numbers: Vec::new(), times: Vec::new(), end: None };
        while got.numbers.len() < count {
            let Some(frame) = peer.next() else { break };
            if frame.opcode == 8 {
                got.end = Some(frame);
                break;
            }
            if frame.opcode != 1 {
                continue;
            }
            got.times.push(Instant::now());
            got.numbers.push(std::str::from_utf8(&frame.payload).unwrap().parse().unwrap());
            pace(got.numbers.len());
        }
        got
    })
}

fn dial(listening: &Listening, count: usize) -> Vec<Peer> {
    let open = || listening.wsio.err_so_far().matches(" open ").count();
    let before = open();
    let peers = (0..count).map(|_| Peer::dial(listening.address())).collect();
    eventually("all are in", || open() == before + count);
    peers
}

fn feed(listening: &mut Listening, count: usize) -> JoinHandle<()> {
    let mut stdin = listening.wsio.take_stdin();
    thread::spawn(move || {
        (0..count).for_each(|number| stdin.write_all(&line(number)).unwrap());
        // The input stays open: its end is another matter.
        thread::sleep(Duration::from_millis(1));
        std::mem::forget(stdin);
    })
}

fn all(count: usize) -> Vec<usize> {
    (0..count).collect()
}

/// The Close of a client that has read nothing so far.
fn told(mut peer: Peer) -> (Option<u16>, String) {
    let close = peer.until_close().expect("a Close");
    (close.code(), close.reason().to_owned())
}

#[test]
fn of_twenty_clients_those_that_read_nothing_cost_the_others_a_second_together() {
    const COUNT: usize = 800;
    for bad in [1, 3] {
        let mut listening = Listening::start(["listen", "0", "--queue", "1M", "--ping-interval", "off"]);
        let bad = dial(&listening, bad);
        let good: Vec<_> =
            dial(&listening, 20 - bad.len()).into_iter().map(|peer| read(peer, COUNT, |_| {})).collect();
        feed(&mut listening, COUNT).join().unwrap();
        let good: Vec<Got> = good.into_iter().map(|good| good.join().unwrap()).collect();
        for got in &good {
            assert!(got.numbers == all(COUNT), "{} came", got.numbers.len());
        }
        were_hardly_held(&good, &format!("{} bad ones", bad.len()));
        for bad in bad {
            let (code, reason) = told(bad);
            assert_eq!(code, Some(1013), "{reason}");
            assert!(reason.starts_with("too slow: "), "{reason}");
        }
    }
}

#[test]
fn a_client_that_takes_64_kib_a_second_is_waited_for_by_standard_input() {
    const COUNT: usize = 240;
    let mut listening = Listening::start(["listen", "0", "--queue", "64k", "--ping-interval", "off"]);
    let peers = dial(&listening, 3);
    let mut readers: Vec<_> = Vec::new();
    for (index, peer) in peers.into_iter().enumerate() {
        // The first one takes some 200 kB a second.
        readers.push(read(peer, COUNT, move |_| {
            if index == 0 {
                thread::sleep(Duration::from_millis(50));
            }
        }));
    }
    feed(&mut listening, COUNT).join().unwrap();
    for reader in readers {
        let got = reader.join().unwrap();
        assert!(
            got.numbers == all(COUNT),
            "{} came, then {:?}",
            got.numbers.len(),
            got.end.map(|end| end.code())
        );
    }
    assert!(!listening.wsio.err_so_far().contains("too slow"), "{}", listening.wsio.err_so_far());
}

#[test]
fn a_client_alone_is_waited_for() {
    const COUNT: usize = 500;
    let mut listening = Listening::start(["listen", "0", "--queue", "64k", "--ping-interval", "off"]);
    let mut alone = dial(&listening, 1).remove(0);
    let feeding = feed(&mut listening, COUNT);
    // Longer than several would be allowed to take nothing.
    thread::sleep(Duration::from_secs(4));
    let mut first = [0; 4];
    alone.stream.read_exact(&mut first).unwrap();
    assert_eq!(first[..2], [0x81, 126]);
    let mut rest = vec![0; LINE - 1];
    alone.stream.read_exact(&mut rest).unwrap();
    let got = read(alone, COUNT - 1, |_| {}).join().unwrap();
    assert!(got.numbers == (1..COUNT).collect::<Vec<_>>(), "{} came", got.numbers.len());
    feeding.join().unwrap();
}

#[test]
fn a_sender_of_a_hub_waits_a_second_for_those_that_read_nothing() {
    const COUNT: usize = 800;
    for args in [
        &["listen", "0", "--queue", "1M", "--ping-interval", "off", "--to", "hub:x"][..],
        &["listen", "0", "--queue", "1M", "--ping-interval", "off", "--relay"],
    ] {
        let listening = Listening::start(args);
        let mut sender = dial(&listening, 1).remove(0);
        let bad = dial(&listening, 1).remove(0);
        let good: Vec<_> = dial(&listening, 4).into_iter().map(|peer| read(peer, COUNT, |_| {})).collect();
        let sending = thread::spawn(move || {
            for number in 0..COUNT {
                sender.text(std::str::from_utf8(&line(number)).unwrap().trim_end());
                // No faster than anybody reads: its own pace is not what is looked at.
                thread::sleep(Duration::from_millis(2));
            }
            sender
        });
        let good: Vec<Got> = good.into_iter().map(|good| good.join().unwrap()).collect();
        for got in &good {
            assert!(got.numbers == all(COUNT), "{args:?}: {} came", got.numbers.len());
        }
        were_hardly_held(&good, &format!("{args:?}: the bad one"));
        assert_eq!(told(bad).0, Some(1013), "{args:?}");
        drop(sending.join().unwrap());
    }
}
