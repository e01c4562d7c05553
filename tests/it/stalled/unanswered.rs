//! A Close that is not answered costs `--close-timeout`, whatever the peer does meanwhile, and no more.

use crate::harness::{Wsio, serve};
use std::{
    fs::File,
    thread,
    time::{Duration, Instant},
};

/// Runs it and gives its exit code, what it said and how long it took since the peer saw our Close.
fn costs(args: &[&str], talks: bool, stdout: Option<File>) -> (i32, String, Duration) {
    let (url, peer) = serve(move |mut peer| {
        peer.text("up");
        peer.until_close().unwrap();
        let since = Instant::now();
        // Small messages, ten a second, or nothing; until the other side is gone.
        if talks {
            while peer.try_send(true, 1, b"and on").is_ok() {
                thread::sleep(Duration::from_millis(100));
            }
        }
        while peer.next().is_some() {}
        since
    });
    let stdin = std::process::Stdio::null();
    let args: Vec<_> =
        ["connect", &url, "--close-timeout", "1s"].iter().chain(args).map(ToString::to_string).collect();
    let wsio = match stdout {
        Some(file) => Wsio::between(stdin, file, args),
        None => Wsio::fed(stdin, args),
    };
    let done = wsio.wait();
    let ended = Instant::now();
    (done.code, done.err, ended - peer.join().unwrap())
}

/// A second for the Close; 2 s more of lingering would make 3 s of it.
const BOUND: Duration = Duration::from_millis(2950);

#[test]
fn a_peer_that_answers_nothing_is_left_in_time() {
    for talks in [false, true] {
        for args in [&["-1"][..], &["--send", "x", "--linger", "0"]] {
            let (code, err, time) = costs(args, talks, None);
            assert_eq!(code, 114, "{args:?} {err}");
            assert!(time < BOUND, "{args:?} {time:?}");
        }
    }
}

#[test]
fn so_it_is_with_a_full_disk() {
    for talks in [false, true] {
        let Ok(full) = File::options().write(true).open("/dev/full") else { return };
        let (code, err, time) = costs(&[], talks, Some(full));
        assert_eq!(code, 23, "{err}");
        assert!(time < BOUND, "{time:?}");
    }
}

#[test]
fn so_it_is_after_a_time_limit() {
    for talks in [false, true] {
        let (code, err, time) = costs(&["-m", "500ms"], talks, None);
        assert_eq!(code, 28, "{err}");
        assert!(time < BOUND, "{time:?}");
    }
}

#[test]
fn a_message_that_has_begun_and_goes_on_renews_it() {
    let (url, _peer) = serve(|mut peer| {
        let payload = vec![b'm'; 4000];
        peer.send(false, 1, &payload);
        let close = peer.until_close().unwrap();
        // Longer than --close-timeout in all, and never slower than it has to be.
        for _ in 0..16 {
            thread::sleep(Duration::from_millis(100));
            peer.send(false, 0, &payload);
        }
        peer.send(true, 0, b"end");
        peer.send(true, 8, &close.payload);
    });
    let args = ["connect", &url, "--send", "x", "--linger", "500ms", "--close-timeout", "700ms"];
    let done = Wsio::run(args, "");
    assert_eq!((done.code, done.out.len()), (0, 17 * 4000 + 4), "{}", done.err);
}
