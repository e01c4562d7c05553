//! Reading ahead of an output that takes nothing: pings are answered, a Close is seen, order is kept, and
//! memory is bounded.

use crate::{
    harness::{Listening, Peer, eventually, narrow_listener, serve},
    stalled::{Stalled, lines, message},
};
use std::{
    fs,
    io::ErrorKind,
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// More than a pipe holds and the transport takes ahead of a program that does not read.
const COUNT: usize = 6000;

/// Whether a pong comes within this time.
fn pongs(peer: &mut Peer, within: Duration) -> bool {
    peer.stream.set_read_timeout(Some(within)).unwrap();
    let since = Instant::now();
    while since.elapsed() < within {
        match peer.next() {
            Some(frame) if frame.opcode == 10 => return true,
            Some(_) => {}
            None => return false,
        }
    }
    false
}

/// A server that sends more than is taken, then a ping, whose pong it waits for, and then does this.
///
/// `within` bounds all of that; gives whether the pong came.
fn pinging(
    count: usize,
    within: Duration,
    then: impl FnOnce(&mut Peer) + Send + 'static,
) -> (String, thread::JoinHandle<bool>) {
    serve(move |mut peer| {
        let mut reading = peer.reader();
        let ponged = thread::spawn(move || pongs(&mut reading, within));
        peer.stream.set_write_timeout(Some(within)).unwrap();
        let sent = (0..count).all(|number| peer.try_send(true, 1, message(number).as_bytes()).is_ok())
            && peer.try_send(true, 9, b"alive?").is_ok();
        let ponged = ponged.join().unwrap();
        if sent {
            then(&mut peer);
        }
        ponged
    })
}

#[test]
fn a_ping_behind_what_nobody_takes_is_answered_and_the_session_lives() {
    for stall in ["standard output", "child", "tcp:", "unix:"] {
        let (tell, told) = mpsc::channel();
        let (url, peer) = pinging(COUNT, Duration::from_secs(20), move |peer| {
            tell.send(()).unwrap();
            peer.text(&message(COUNT));
            peer.close(1000, "");
            peer.stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            assert_eq!(peer.until_close().unwrap().code(), Some(1000));
        });
        // A socket is given up some time after the Close; not before it is read here.
        let (wsio, output) = Stalled::start(stall, &["--close-timeout", "10s"], &url);
        told.recv().expect("the ping gets through");
        let found = output.resume();
        let done = wsio.wait();
        assert!(peer.join().unwrap(), "{stall}: the ping is answered");
        assert_eq!((done.code, lines(&found)), (0, COUNT + 1), "{stall} {}", done.err);
    }
}

#[test]
fn off_and_what_is_beyond_the_bound_is_not_read() {
    for (limit, count) in [("off", COUNT), ("64k", 2 * COUNT)] {
        let (go, gone) = mpsc::channel::<()>();
        let (url, peer) = pinging(count, Duration::from_millis(3500), move |peer| {
            let _ = gone.recv();
            let _ = peer.try_send(true, 8, &[3, 232]);
        });
        let (wsio, output) = Stalled::start("standard output", &["--read-ahead", limit], &url);
        thread::sleep(Duration::from_secs(4));
        drop(output);
        drop(go);
        assert!(!peer.join().unwrap(), "{limit}: nobody reads the ping");
        wsio.wait();
    }
}

#[cfg(target_os = "linux")]
#[test]
fn memory_is_bounded_by_what_is_read_ahead() {
    const MESSAGES: usize = 100_000;
    let (url, _peer) = serve(|mut peer| {
        peer.stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
        let payload = vec![b'x'; 1000];
        let sent = (0..MESSAGES).take_while(|_| peer.try_send(true, 2, &payload).is_ok()).count();
        assert!(sent < MESSAGES, "not all of it is taken");
    });
    let (wsio, output) = Stalled::start("standard output", &["--read-ahead", "1M"], &url);
    thread::sleep(Duration::from_secs(3));
    assert!(wsio.peak_kib() < 32 * 1024, "{} KiB", wsio.peak_kib());
    drop(output);
    wsio.wait();
}

#[test]
fn a_server_reads_ahead_for_each_client() {
    let folder = tempfile::tempdir().unwrap();
    let (go, out) = (folder.path().join("go"), folder.path().join("out"));
    let script = format!("while [ ! -e {} ]; do sleep 0.05; done; cat > {}", go.display(), out.display());
    let target = narrow_listener(4096);
    let tcp = format!("tcp:{}", target.local_addr().unwrap());
    // As much as is stuck without it: more than a pipe or the target's socket holds, and what waits for them.
    for (args, name) in [(&["--to", &tcp][..], "tcp:"), (&["--", "/bin/sh", "-c", &script], "child")] {
        for (limit, answers) in [("16M", true), ("off", false)] {
            let given = ["listen", "0", "--out", "lines", "--read-ahead", limit];
            let server = Listening::start(given.iter().chain(args));
            let mut peer = Peer::dial(server.address());
            peer.stream.set_write_timeout(Some(Duration::from_secs(3))).unwrap();
            let mut writing = peer.reader();
            let feeding = thread::spawn(move || {
                let mut sent = 0;
                while sent < COUNT && writing.try_send(true, 1, message(sent).as_bytes()).is_ok() {
                    sent += 1;
                }
                sent == COUNT && writing.try_send(true, 9, b"alive?").is_ok()
            });
            let within = Duration::from_millis(if answers { 20_000 } else { 3000 });
            assert_eq!(pongs(&mut peer, within), answers, "{name} {limit}: {}", server.wsio.err_so_far());
            assert!(feeding.join().unwrap() || !answers, "{name}");
            if answers && name == "child" {
                fs::write(&go, "").unwrap();
                peer.close(1000, "");
                eventually("the child has all", || {
                    fs::metadata(&out).is_ok_and(|file| file.len() == (COUNT * 1001) as u64)
                });
                assert_eq!(lines(&fs::read(&out).unwrap()), COUNT);
                fs::remove_file(&go).unwrap();
            }
        }
    }
}

#[test]
fn a_close_is_seen_behind_what_nobody_takes() {
    // It is answered at once, though its reader takes nothing for longer than the peer would wait.
    let (url, peer) = serve(|mut peer| {
        for number in 0..COUNT {
            peer.text(&message(number));
        }
        peer.close(1000, "");
        peer.until_close().map(|frame| frame.code())
    });
    let (wsio, output) = Stalled::start("standard output", &[], &url);
    assert_eq!(peer.join().unwrap(), Some(Some(1000)));
    let found = output.resume();
    assert_eq!((wsio.wait().code, lines(&found)), (0, COUNT));
}

#[test]
fn a_slow_reader_is_read_ahead_of_too() {
    let (url, peer) = pinging(COUNT, Duration::from_secs(25), |peer| peer.close(1000, ""));
    let (wsio, output) = Stalled::start("standard output", &[], &url);
    let Stalled::Pipe(Some(mut reader)) = output else { unreachable!() };
    let (mut bytes, mut chunk) = (Vec::new(), vec![0; 16 * 1024]);
    // 400 kB a second: what stands in front of the ping would take longer than many peers wait.
    loop {
        match std::io::Read::read(&mut reader, &mut chunk) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error}"),
        }
        if !peer.is_finished() {
            thread::sleep(Duration::from_millis(40));
        }
    }
    assert!(bytes.len() >= COUNT * 1001, "{}", wsio.err_so_far());
    assert!(peer.join().unwrap(), "the ping was answered");
    assert_eq!((wsio.wait().code, lines(&bytes)), (0, COUNT));
}
