//! What a child says when its client has gone: it is counted, and holds nobody up.

use super::script;
use crate::harness::{Listening, Peer, Wsio, eventually, serve};
use std::{fs, path::Path};

/// Takes its input to the end, then speaks.
const LATE: &str = "cat > /dev/null; echo done";

fn length(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |file| file.len())
}

/// A client that closes, and waits for the answer.
fn goes(peer: &mut Peer) {
    peer.text("x");
    peer.close(1000, "");
    assert_eq!(peer.until_close().unwrap().code(), Some(1000));
}

#[test]
fn output_after_the_close_is_told() {
    let listening = script(LATE);
    goes(&mut Peer::dial(listening.address()));
    assert!(listening.wsio.says("close 1000 normal").ends_with(", 5 bytes came too late"));

    let quiet = script("cat > /dev/null");
    goes(&mut Peer::dial(quiet.address()));
    assert!(!quiet.wsio.says("close 1000 normal").contains("late"));
}

#[test]
fn output_after_the_close_is_input_left_unsent() {
    let once = Listening::start(["listen", "0", "--once", "--", "/bin/sh", "-c", LATE]);
    goes(&mut Peer::dial(once.address()));
    let done = once.wsio.wait();
    assert!(done.code == 55 && done.err.contains("5 bytes came too late"), "{} {}", done.code, done.err);

    let (url, _peer) = serve(|mut peer| goes(&mut peer));
    let done = Wsio::run(["pipe", &url, &format!("sh:{LATE}")], "");
    assert!(done.code == 55 && done.err.contains("5 bytes came too late"), "{} {}", done.code, done.err);
}

#[test]
fn faults_that_came_first_stay() {
    let (url, _peer) = serve(|mut peer| {
        peer.text("x");
        peer.close(4001, "no");
        peer.until_close();
    });
    let done = Wsio::run(["pipe", &url, &format!("sh:{LATE}")], "");
    assert_eq!(done.code, 115, "{}", done.err);
}

#[test]
fn who_has_what_was_wanted_misses_nothing() {
    let (url, _peer) = serve(|mut peer| {
        peer.text("x");
        peer.answer_close();
    });
    let done = Wsio::run(["pipe", &url, &format!("sh:{LATE}"), "-1"], "");
    assert_eq!(done.code, 0, "{}", done.err);
}

#[test]
fn a_child_that_says_much_can_say_it_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("said");
    let listening = script(&format!(
        "trap '' TERM; cat > /dev/null; head -c 300000 /dev/zero; echo all > {}",
        file.display()
    ));
    goes(&mut Peer::dial(listening.address()));
    eventually("it has said all", || length(&file) == 4);
    listening.wsio.says(" bytes came too late");
}

#[test]
fn a_child_that_is_busy_saying_still_takes_what_came() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("taken");
    let listening = script(&format!("head -c 4000000 /dev/zero; cat > {}", file.display()));
    let mut peer = Peer::dial(listening.address());
    // More than a pipe holds, to a child that waits for a client who does not read.
    for _ in 0..20 {
        peer.send(true, 2, &[b'x'; 10_000]);
    }
    peer.close(1000, "");
    eventually("it has taken all", || length(&file) == 200_000 + 20);
    assert!(!listening.wsio.says("close 1000 normal").contains("not taken"));
}
