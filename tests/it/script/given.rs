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
            "wsio: script: lib/deep.wsio:3:9: ${nope} is neither captured before nor set in the environment as UTF-8\n",
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
        &["--every", "1s=x"],
        &["--reply", "a=b"],
        &["--timestamps"],
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
        &["--every", "1s=x"],
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

#[test]
fn a_script_that_does_nothing_fails_unless_it_may() {
    for empty in ["", "# only words\n\n", "sleep 1ms\n", "include other.wsio\n"] {
        let folder = Folder::new(&[("t.wsio", empty), ("other.wsio", "# nothing\n"), ("server.wsio", empty)]);
        // Nobody listens there: it is judged before anything is sent.
        let done = folder.play("ws://127.0.0.1:1/", &["--report", "junit=report.xml"]);
        assert_eq!(done.code, 1, "{empty:?}: {}", done.err);
        assert!(done.err.contains("script: t.wsio neither sends nor expects anything"), "{}", done.err);
        assert!(done.err.contains("--allow-empty"), "{}", done.err);
        assert!(folder.read("report.xml").contains("failures=\"1\""), "{}", folder.read("report.xml"));
        let done = folder.start(&["listen", "127.0.0.1:0", "--script", "server.wsio"]).wait();
        assert_eq!(done.code, 1, "{empty:?}: {}", done.err);
        assert!(!done.err.contains("listening"), "{}", done.err);

        let (url, server) = serve(|mut peer| peer.answer_close());
        let done = folder.play(&url, &["--allow-empty"]);
        assert_eq!(done.code, 0, "{empty:?}: {}", done.err);
        assert!(server.join().unwrap().is_some());
    }
    let done = Wsio::run(["connect", "ws://127.0.0.1:1/", "--allow-empty"], "");
    assert_eq!(done.code, 2);
    assert!(done.err.contains("--allow-empty is about a script"), "{}", done.err);
}

#[test]
fn numbers_are_exact_and_keys_stay_in_their_order() {
    for (sent, expected, code) in [
        ("12345678901234567890124", "{\"id\":12345678901234567890123}", 1),
        ("12345678901234567890123", "{\"id\":12345678901234567890123}", 0),
        ("1.0", "{\"id\":1}", 0),
        ("1e2", "{\"id\":100}", 0),
        ("0.10000000000000000001", "{\"id\":0.1}", 1),
    ] {
        let folder = Folder::new(&[("t.wsio", &format!("< {expected}\n"))]);
        let (url, server) = serve(move |mut peer| {
            peer.text(&format!("{{\"id\":{sent}}}"));
            peer.answer_close();
        });
        let done = folder.play(&url, &[]);
        server.join().unwrap();
        assert_eq!(done.code, code, "{sent} {expected}: {}", done.err);
        if code == 1 {
            assert!(done.err.contains(&format!("got {sent}")), "{}", done.err);
        }
    }
    // What is captured is said again as it came: each digit, each key in its place.
    let script = "< {}\ncapture price /price\ncapture id /id\ncapture all /all\n> {\"p\":${price},\"i\":${id},\"a\":${all}}\n> ${price} ${id}\n";
    let folder = Folder::new(&[("t.wsio", script)]);
    let (url, server) = serve(|mut peer| {
        peer.text(r#"{"price":1.10,"id":12345678901234567890123,"all":{"z":1e+400,"a":-0.0,"m":[1.50]}}"#);
        let said: Vec<_> = (0..2).filter_map(|_| peer.message()).collect();
        peer.answer_close();
        said.into_iter().map(|said| String::from_utf8(said).unwrap()).collect::<Vec<_>>()
    });
    let done = folder.play(&url, &[]);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(
        server.join().unwrap(),
        [
            r#"{"p":1.10,"i":12345678901234567890123,"a":{"z":1e+400,"a":-0.0,"m":[1.50]}}"#,
            "1.10 12345678901234567890123"
        ]
    );
}

#[test]
fn a_filter_compares_numbers_by_each_digit() {
    for (wanted, sent, passes) in [
        ("/id=18446744073709551616", "18446744073709551617", false),
        ("/id=18446744073709551616", "18446744073709551616", true),
        ("/id=1", "1.0", true),
        ("/id=1.10", "1.1", true),
        ("/id=0.1", "0.10000000000000001", false),
    ] {
        let (url, server) = serve(move |mut peer| {
            peer.text(&format!("{{\"id\":{sent}}}"));
            peer.close(1000, "");
            peer.until_close();
        });
        let done = Wsio::run(["connect", &url, "--match-json", wanted], "");
        server.join().unwrap();
        assert_eq!(done.code, i32::from(!passes), "{wanted} {sent}: {}", done.err);
    }
}
