//! What is given as a script: from where it is read, and what is refused before or while it is sent.

use super::{Folder, play};
use crate::harness::{Peer, Wsio, serve};

#[test]
fn what_is_no_script_never_reaches_the_server() {
    let folder = Folder::new(&[
        ("t.wsio", "include lib/deep.wsio\n"),
        ("lib/deep.wsio", "> fine\n\n> {\"id\":${nope}}\n"),
    ]);
    let (url, server) = serve(|mut peer| peer.next());
    let done = folder.play(&url, &[]);
    assert_eq!((done.code, done.text()), (2, ""));
    assert_eq!(
        done.err,
        concat!(
            "wsio: script: lib/deep.wsio:3:9: ${nope} is neither captured before nor set in the environment\n",
            "  | > {\"id\":${nope}}\n  |         ^\n  try: set it, capture it first, or write $${ for a plain ${\n",
        )
    );
    assert!(!server.is_finished());
    let done = folder.start(&["connect", &url, "--script", "none.wsio"]).wait();
    assert_eq!(done.code, 26);
    assert!(done.err.contains("script: cannot read none.wsio: no such file"), "{}", done.err);
    // Let the server go.
    drop(Peer::dial(url.trim_start_matches("ws://").trim_end_matches('/')));
    server.join().unwrap();
}

#[test]
fn a_script_may_come_from_standard_input() {
    let (url, server) = serve(|mut peer| {
        let heard = peer.message();
        peer.text("b");
        peer.answer_close();
        heard
    });
    let done = Wsio::run(["connect", &url, "--script", "-"], "> a\n< b\n");
    assert_eq!((done.code, done.text(), done.err.as_str()), (0, "", ""));
    assert_eq!(server.join().unwrap().as_deref(), Some(&b"a"[..]));
    let done = Wsio::run(["connect", "ws://127.0.0.1:1/", "--script", "-"], "> a\nb\n");
    assert_eq!(done.code, 2);
    assert!(done.err.contains("script: stdin:2:1: a line begins with"), "{}", done.err);
}

#[test]
fn options_that_a_script_leaves_nothing_to_do_are_refused() {
    let folder = Folder::new(&[("t.wsio", "> a\n")]);
    let connect = ["connect", "ws://127.0.0.1:1/", "--script", "t.wsio"];
    for more in [
        &["--send", "x"][..],
        &["-1"],
        &["-n", "2"],
        &["--match", "x"],
        &["--match-json", "/a=1"],
        &["--expect-close", "1000"],
        &["--linger", "1"],
        &["--framing", "raw"],
        &["-0"],
        &["-t"],
        &["-b"],
        &["--recv-only"],
        &["--send-only"],
        &["--json", "--report", "tap"],
        &["--report", "tap", "--report", "github"],
        &["--report", "xunit"],
        &["--report", "junit="],
    ] {
        let done = folder.start(&[&connect[..], more].concat()).wait();
        assert_eq!(done.code, 2, "{more:?}: {}", done.err);
    }
    let listen = ["listen", "0", "--script", "t.wsio"];
    for more in [
        &["--echo"][..],
        &["--relay"],
        &["--to", "null:"],
        &["--last", "3"],
        &["--report", "tap"],
        &["--", "cat"],
    ] {
        let done = folder.start(&[&listen[..], more].concat()).wait();
        assert_eq!(done.code, 2, "{more:?}: {}", done.err);
    }
    let done = folder.start(&["connect", "ws://127.0.0.1:1/", "--report", "tap"]).wait();
    assert_eq!(done.code, 2, "{}", done.err);
}

#[test]
fn a_message_that_cannot_be_sent_names_its_line() {
    let (done, close) =
        play("> a\n> <<END\nlonger than\nten\nEND\n", &["--max-message", "10"], |mut peer| {
            peer.answer_close().and_then(|close| close.code())
        });
    assert_eq!((done.code, close), (65, Some(1000)));
    assert!(
        done.err.starts_with("wsio: script: t.wsio:2: 15 bytes are more than the 10 that can be sent\n"),
        "{}",
        done.err
    );
}
