//! A slow path is not a dead one: no clock runs while bytes still move, and nothing is left on its way.
//!
//! The far end has a small receive buffer and reads slowly, so that our own data stands for seconds in
//! front of our pings and our Close, with clocks that are much shorter than that.

use crate::harness::{Done, Listening, Peer, Wsio, narrow_listener, serve_narrow};
use std::{
    io::{self, Read, Write},
    net::{Shutdown, TcpStream},
    thread::{self, JoinHandle, sleep},
    time::{Duration, Instant},
};

/// What is to get through, and in which pieces.
const SIZE: usize = 300_000;
const LINE: usize = 1000;
/// A receive buffer that fills at once.
const NARROW: usize = 8192;
/// How much is taken, and how long nothing is taken then: some 50 kB a second.
const SIP: usize = 4096;
const PAUSE: Duration = Duration::from_millis(80);
/// Clocks of which none would last for what stands in the queue.
const CLOCKS: [&str; 6] = ["--ping-interval", "500ms", "--ping-timeout", "2s", "--close-timeout", "2s"];

/// A stream that is read slowly, byte for byte what comes.
struct Slow(TcpStream, usize);

impl Read for Slow {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.1 == 0 {
            sleep(PAUSE);
            self.1 = SIP;
        }
        let most = into.len().min(self.1);
        let count = self.0.read(&mut into[..most])?;
        self.1 -= count;
        Ok(count)
    }
}

/// What a slow peer saw.
#[derive(Default)]
struct Seen {
    bytes: usize,
    messages: usize,
    pings: usize,
    close: Option<u16>,
}

/// Reads slowly to the Close and answers pings and it; says something every so many messages.
fn sips(mut peer: Peer, says_every: usize) -> Seen {
    let mut slow = Slow(peer.stream.try_clone().unwrap(), SIP);
    let mut seen = Seen::default();
    loop {
        let Some((opcode, payload)) = frame(&mut slow) else { return seen };
        match opcode {
            8 => {
                seen.close = payload.get(..2).map(|code| u16::from_be_bytes([code[0], code[1]]));
                let _ = peer.try_send(true, 8, &payload);
                let _ = io::copy(&mut slow, &mut io::sink());
                return seen;
            }
            9 => {
                seen.pings += 1;
                let _ = peer.try_send(true, 10, &payload);
            }
            1 | 2 => {
                seen.messages += 1;
                seen.bytes += payload.len();
                if says_every > 0 && seen.messages % says_every == 0 {
                    peer.text("still here");
                }
            }
            _ => {}
        }
    }
}

/// The next frame's opcode and payload.
fn frame(from: &mut impl Read) -> Option<(u8, Vec<u8>)> {
    let mut bytes = |count: usize| {
        let mut bytes = vec![0; count];
        from.read_exact(&mut bytes).ok().map(|()| bytes)
    };
    let head = bytes(2)?;
    let length = match head[1] & 0x7f {
        126 => bytes(2)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        127 => bytes(8)?.iter().fold(0, |length, byte| length << 8 | usize::from(*byte)),
        length => usize::from(length),
    };
    let mask = if head[1] & 0x80 == 0 { vec![0; 4] } else { bytes(4)? };
    let mut payload = bytes(length)?;
    payload.iter_mut().enumerate().for_each(|(index, byte)| *byte ^= mask[index % 4]);
    Some((head[0] & 0x0f, payload))
}

fn lines() -> Vec<u8> {
    [vec![b'l'; LINE - 1], b"\n".to_vec()].concat().repeat(SIZE / LINE)
}

#[track_caller]
fn has_all(name: &str, seen: &Seen, err: &str) {
    assert_eq!((seen.messages, seen.bytes), (SIZE / LINE, SIZE / LINE * (LINE - 1)), "{name} {err}");
}

#[test]
fn what_a_slow_peer_is_sent_arrives_before_we_leave() {
    type Way = fn(&str) -> Done;
    let ways: [(&str, Way); 2] = [
        ("connect", |url| Wsio::run(["connect", url].iter().chain(&CLOCKS), lines())),
        ("pipe", |url| Wsio::run(["pipe", "--in", "lines", "-", url].iter().chain(&CLOCKS), lines())),
    ];
    thread::scope(|scope| {
        for (name, way) in ways {
            scope.spawn(move || {
                let (url, peer) = serve_narrow(NARROW, |peer| sips(peer, 0));
                let done = way(&url);
                let seen = peer.join().unwrap();
                assert_eq!((done.code, seen.close), (0, Some(1000)), "{name} {}", done.err);
                has_all(name, &seen, &done.err);
                assert!(seen.pings > 0, "{name}: it was looked after meanwhile");
            });
        }
    });
}

#[test]
fn a_peer_that_talks_meanwhile_does_not_make_the_kernel_drop_the_rest() {
    let (url, peer) = serve_narrow(NARROW, |peer| sips(peer, 20));
    let done = Wsio::run(["connect", &url, "--linger", "0"].iter().chain(&CLOCKS), lines());
    let seen = peer.join().unwrap();
    assert_eq!((done.code, seen.close), (0, Some(1000)), "{}", done.err);
    has_all("connect", &seen, &done.err);
}

#[test]
fn a_close_of_the_peer_leaves_nothing_on_its_way() {
    // It closes at once and goes on reading: our answer stands behind what was sent until then.
    let (url, peer) = serve_narrow(NARROW, |mut peer| {
        sleep(Duration::from_millis(300));
        peer.close(1000, "");
        sips(peer, 0)
    });
    let args = ["connect", &url, "--stats"];
    let done = Wsio::run(args.iter().chain(&CLOCKS), lines());
    let seen = peer.join().unwrap();
    assert_eq!((done.code, seen.close), (55, Some(1000)), "{}", done.err);
    assert_eq!(done.sent(), (seen.messages as u64, seen.bytes as u64), "{}", done.err);
}

#[test]
fn a_slow_client_of_a_server_gets_everything() {
    thread::scope(|scope| {
        scope.spawn(|| {
            let once = Listening::start(["listen", "0", "--once"].iter().chain(&CLOCKS));
            let Listening { mut wsio, url } = once;
            let address = url.trim_start_matches("ws://").trim_end_matches('/');
            let peer = Peer::dial_narrow(address, NARROW);
            let client = thread::spawn(move || sips(peer, 0));
            let mut stdin = wsio.take_stdin();
            stdin.write_all(&lines()).unwrap();
            drop(stdin);
            let done = wsio.wait();
            let seen = client.join().unwrap();
            assert_eq!((done.code, seen.close), (0, Some(1000)), "{}", done.err);
            has_all("listen", &seen, &done.err);
        });
        scope.spawn(|| {
            let (tcp, feeding) = feeds();
            let args = ["listen", "0", "--in", "lines", "--to", &tcp];
            let server = Listening::start(args.iter().chain(&CLOCKS));
            let seen = sips(Peer::dial_narrow(server.address(), NARROW), 0);
            assert_eq!(seen.close, Some(1000), "{}", server.wsio.err_so_far());
            has_all("listen --to", &seen, &server.wsio.err_so_far());
            feeding.join().unwrap();
        });
        scope.spawn(|| {
            // A hub looks after a slow client too, for as long as it takes.
            let mut server = Listening::start(["listen", "0"].iter().chain(&CLOCKS));
            let peer = Peer::dial_narrow(server.address(), NARROW);
            let mut slow = Slow(peer.stream.try_clone().unwrap(), SIP);
            server.wsio.write(&lines());
            let mut messages = 0;
            let mut peer = peer;
            while messages < SIZE / LINE {
                let (opcode, payload) = frame(&mut slow).expect("it is not cut off");
                match opcode {
                    1 => messages += 1,
                    9 => peer.send(true, 10, &payload),
                    other => panic!("{other} {}", server.wsio.err_so_far()),
                }
            }
        });
    });
}

/// A TCP source that gives all lines and ends.
fn feeds() -> (String, JoinHandle<()>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("tcp:{}", listener.local_addr().unwrap());
    let feeding = thread::spawn(move || {
        let mut stream = crate::harness::accept_bounded(&listener);
        stream.write_all(&lines()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let _ = io::copy(&mut stream, &mut io::sink());
    });
    (endpoint, feeding)
}

#[test]
fn a_slow_tcp_target_gets_everything_after_a_close() {
    let listener = narrow_listener(NARROW);
    let tcp = format!("tcp:{}", listener.local_addr().unwrap());
    let reading = thread::spawn(move || {
        let mut bytes = Vec::new();
        Slow(crate::harness::accept_bounded(&listener), SIP).read_to_end(&mut bytes).map(|_| bytes.len())
    });
    let (url, _peer) = crate::harness::serve(|mut peer| {
        for _ in 0..SIZE / LINE {
            peer.send(true, 2, &[b'x'; LINE]);
        }
        peer.close(1000, "");
        peer.until_close()
    });
    let done = Wsio::run(["pipe", &url, &tcp].iter().chain(&CLOCKS), "");
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(reading.join().unwrap().unwrap(), SIZE / LINE * LINE, "{}", done.err);
}

#[test]
fn a_peer_that_stops_reading_is_still_found() {
    // By the ping clock with input that goes on, and by the wait for its answer where all was handed over.
    let rows: [(&[&str], bool, i32); 2] =
        [(&["--linger", "inf"], true, 56), (&["--linger", "0"], false, 114)];
    for (args, stays, code) in rows {
        let (url, _peer) = serve_narrow(NARROW, |peer| {
            sleep(Duration::from_secs(15));
            drop(peer);
        });
        let mut wsio = Wsio::start(["connect", &url].iter().chain(&CLOCKS).chain(args));
        let since = Instant::now();
        wsio.write(&lines()[..100_000]);
        let stdin = wsio.take_stdin();
        let kept = stays.then_some(stdin);
        let done = wsio.wait();
        drop(kept);
        assert_eq!(done.code, code, "{args:?} {}", done.err);
        assert!(since.elapsed() < Duration::from_secs(12), "{args:?} {:?}", since.elapsed());
    }
}

#[test]
fn an_absolute_limit_stays_absolute() {
    let (url, peer) = serve_narrow(NARROW, |peer| sips(peer, 0));
    let since = Instant::now();
    let args = ["connect", &url, "-m", "500ms", "--close-timeout", "500ms", "--stats"];
    let done = Wsio::run(args, lines());
    assert!(since.elapsed() < Duration::from_secs(8), "{:?}", since.elapsed());
    assert_eq!(done.code, 28, "{}", done.err);
    let seen = peer.join().unwrap();
    assert!(seen.messages < SIZE / LINE, "it was cut off");
    assert!(done.err.contains(" left unsent"), "{}", done.err);
}
