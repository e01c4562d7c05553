//! What is expected of a server and does not come is exit 1, with what came instead.

use crate::{
    harness::{Listening, Peer, Wsio, eventually, serve},
    session::Robot,
};
use std::time::Duration;
use wsio::{
    exit::Exit,
    fault::Fault,
    session::{Event, Rules, Side, SideKind, SourceEnd},
};

/// A server that says this, then waits for our Close.
fn says(texts: &'static [&'static str]) -> (String, std::thread::JoinHandle<Option<u16>>) {
    serve(|mut peer| {
        texts.iter().for_each(|text| peer.text(text));
        peer.answer_close().and_then(|close| close.code())
    })
}

/// A server that waits for a message, then closes.
fn closes(code: u16, reason: &'static str) -> (String, std::thread::JoinHandle<()>) {
    serve(move |mut peer: Peer| {
        peer.message();
        peer.close(code, reason);
        peer.until_close();
    })
}

#[test]
fn only_what_matches_is_printed_and_counted() {
    const SAID: &[&str] =
        &["tick", r#"{"id":7,"result":{"ok":true}}"#, "pong 1", r#"{"id":8}"#, "pong 2", "pong 3"];
    for (args, out) in [
        (&["--match", "^pong"][..], "pong 1\npong 2\npong 3\n"),
        (&["--match", "^pong", "-n", "2"], "pong 1\npong 2\n"),
        (&["--match", "pong", "--match", "[12]$", "-n2"], "pong 1\npong 2\n"),
        (&["--match-json", "/id=8"], "{\"id\":8}\n"),
        (&["--match-json", "/result={\"ok\":true}", "-1"], "{\"id\":7,\"result\":{\"ok\":true}}\n"),
        (
            &["--match-json", "/result/ok=true", "--match-json", "/id=7"],
            "{\"id\":7,\"result\":{\"ok\":true}}\n",
        ),
        (&["--match", "result", "--match-json", "/id=7"], "{\"id\":7,\"result\":{\"ok\":true}}\n"),
    ] {
        let (url, server) = says(SAID);
        let all = [&["connect", "--linger", "0.2", "--send", "x"][..], args, &[&url]].concat();
        let done = Wsio::run(all, "input\n");
        assert_eq!((done.code, done.text()), (0, out), "{args:?}: {}", done.err);
        assert_eq!(server.join().unwrap(), Some(1000));
    }
}

#[test]
fn binary_messages_are_matched_by_their_bytes() {
    let (url, server) = serve(|mut peer| {
        peer.send(true, 2, b"\xff\x01");
        peer.send(true, 2, b"\xff\x02");
        peer.answer_close();
    });
    let done = Wsio::run(["connect", "--out", "hex", "--match", r"(?-u)^\xff\x02", "-1", &url], "");
    assert_eq!((done.code, done.text()), (0, "ff02\n"), "{}", done.err);
    server.join().unwrap();
}

#[test]
fn nothing_that_matches_is_exit_1_and_shows_what_came() {
    let (url, server) = says(&["one", "two\u{1b}[31m", "three", "four"]);
    let done = Wsio::run(["connect", "--linger", "0.2", "--match", "^five$", &url], "x\n");
    assert_eq!((done.code, done.text()), (1, ""));
    assert!(
        done.err.starts_with(
            "wsio: session: expected a message with /^five$/, 0 of 4 matched: the session ended\n  \
             | got two\\u{1b}[31m\n  | got three\n  | got four\n  try: "
        ),
        "{}",
        done.err
    );
    server.join().unwrap();

    let (url, server) = says(&["five", "one"]);
    let done = Wsio::run(["connect", "--match", "five", "-n3", "--timeout", "0.5", &url], "");
    assert_eq!((done.code, done.text()), (1, "five\n"));
    let said =
        "expected 3 messages with /five/, 1 of 2 matched: the time limit (--timeout) is over\n  | got one\n";
    assert!(done.err.contains(said), "{}", done.err);
    server.join().unwrap();
}

#[test]
fn a_filter_that_matched_leaves_the_time_limit_its_own_exit() {
    let (url, server) = says(&["five"]);
    let done = Wsio::run(["connect", "--match", "five", "--timeout", "0.5", &url], "");
    assert_eq!((done.code, done.text()), (28, "five\n"), "{}", done.err);
    server.join().unwrap();
}

#[test]
fn a_filter_lets_pings_and_the_close_through_to_records() {
    let (url, server) = serve(|mut peer| {
        peer.text("no");
        peer.send(true, 9, b"p");
        peer.text("yes");
        peer.close(1000, "bye");
        peer.until_close();
    });
    let done = Wsio::run(["connect", "--json", "--match", "yes", &url], "");
    assert_eq!(done.code, 0, "{}", done.err);
    let kinds = ["open", "ping", "text", "close", "end"].map(|kind| format!("\"type\":\"{kind}\""));
    let lines: Vec<_> = done.text().lines().collect();
    assert_eq!(lines.len(), kinds.len(), "{lines:#?}");
    assert!(lines.iter().zip(&kinds).all(|(line, kind)| line.contains(kind)), "{lines:#?}");
    server.join().unwrap();
}

#[test]
fn a_pipe_filters_what_its_server_says() {
    let (url, server) = says(&["no", "yes"]);
    let done = Wsio::run(["pipe", "-", &url, "--match", "yes", "-1"], "");
    assert_eq!((done.code, done.text()), (0, "yes"), "{}", done.err);
    server.join().unwrap();
}

#[test]
fn the_peer_has_to_close_as_expected() {
    for (expected, code, exit, said) in [
        ("4001", 4001, 0, ""),
        ("1008,4000-4999", 4321, 0, ""),
        ("1000", 1000, 0, ""),
        ("4001", 4002, 1, "expected the peer to close with 4001, it closed with 4002 private: token"),
        (
            "4001,4003",
            1000,
            1,
            "expected the peer to close with 4001,4003, it closed with 1000 normal: token",
        ),
    ] {
        let (url, server) = closes(code, "token");
        // The input is over long before the Close: that is waited for.
        let done = Wsio::run(["connect", "--expect-close", expected, &url], "bad token\n");
        assert_eq!(done.code, exit, "{expected}: {}", done.err);
        assert!(done.err.contains(said), "{}", done.err);
        server.join().unwrap();
    }
}

#[test]
fn a_close_that_does_not_come_is_waited_for_up_to_the_limit() {
    let (url, server) = says(&[]);
    let done = Wsio::run(["connect", "--expect-close", "4001", "--timeout", "1.5", &url], "x\n");
    assert_eq!(done.code, 1);
    let said = "expected the peer to close with 4001, it did not: the time limit (--timeout) is over";
    assert!(done.err.contains(said), "{}", done.err);
    server.join().unwrap();

    let (url, server) = says(&[]);
    let done = Wsio::run(["connect", "--expect-close", "1000", "--linger", "0", &url], "x\n");
    assert_eq!(done.code, 1, "the echo of our own Close is none of the peer's: {}", done.err);
    assert!(done.err.contains("it did not: we closed first"), "{}", done.err);
    server.join().unwrap();
}

#[test]
fn a_connection_that_is_lost_keeps_its_own_exit() {
    let (url, server) = serve(|mut peer| {
        peer.message();
        peer.reset();
    });
    let done = Wsio::run(["connect", "--expect-close", "4001", "--match", "x", &url], "x\n");
    assert_eq!(done.code, 56, "{}", done.err);
    server.join().unwrap();
}

#[test]
fn a_subprotocol_that_was_not_chosen_is_said() {
    let listening = Listening::start(["listen", "0", "--echo", "--subprotocol", "v2"]);
    let asking = |names: &str, more: &[&str]| {
        let done =
            Wsio::run([&["connect", &listening.url, "-1", "--subprotocol", names], more].concat(), "x\n");
        assert_eq!((done.code, done.text()), (0, "x\n"), "{}", done.err);
        done.err
    };
    assert!(asking("a,b", &[]).contains("the server chose no subprotocol of a, b"));
    assert_eq!(asking("a,b", &["-q"]), "");
    assert_eq!(asking("a,v2", &[]), "");
}

#[test]
fn the_subprotocol_is_expected_before_anything_is_said() {
    let listening = Listening::start(["listen", "0", "--echo", "--subprotocol", "v2"]);
    let url = &listening.url;
    let ask = |offered: &str, expected: &str| {
        let offer = ["connect", "--subprotocol", offered, "--expect-subprotocol", expected];
        Wsio::run([&offer[..], &["--send", "hello", "-1", url]].concat(), "more\n")
    };
    let done = ask("v1,v2", "v2");
    assert_eq!((done.code, done.text()), (0, "hello\n"), "{}", done.err);
    let done = ask("v1,v2", "v1");
    assert_eq!((done.code, done.text()), (1, ""));
    assert!(
        done.err.contains("upgrade: expected the subprotocol `v1`, the server chose `v2`"),
        "{}",
        done.err
    );
    let done = ask("v3", "v3");
    assert!(done.err.contains("the server chose none"), "{}", done.err);
    assert_eq!(done.code, 1);
    // It leaves politely.
    eventually("all have left", || {
        listening.wsio.err_so_far().matches("close 1000 normal; in 0 messages").count() == 2
    });
}

#[test]
fn what_could_do_nothing_or_contradicts_is_refused() {
    for (args, said) in [
        (&["connect", "ws://h", "--match", "("][..], "not a regular expression: unclosed group"),
        (&["connect", "ws://h", "--match-json", "/id"], "expected POINTER=VALUE"),
        (&["connect", "ws://h", "--match-json", "id=7"], "a JSON pointer begins with /"),
        (&["connect", "ws://h", "--match", "x", "--send-only"], "cannot be used with"),
        (&["connect", "ws://h", "--expect-close", "1006"], "ended without a Close"),
        (&["connect", "ws://h", "--expect-close", "4001", "-1"], "cannot be used with"),
        (&["connect", "ws://h", "--expect-close", "4001", "-n", "2"], "cannot be used with"),
        (&["connect", "ws://h", "--expect-subprotocol", "v1"], "add --subprotocol v1"),
        (&["pipe", "-", "tcp:h:1", "--match", "x"], "--match needs a ws: or wss: endpoint"),
        (&["pipe", "ws-listen:0", "tcp:h:1", "--expect-close", "1000"], "needs a ws: or wss: endpoint"),
        (&["listen", "0", "--match", "x"], "--match"),
        (
            &["pipe", "ws://h", "-", "--framing", "length", "--max-message", "4G"],
            "messages of 4 GiB and more",
        ),
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
        assert!(done.err.contains(said), "{args:?}: {}", done.err);
    }
}

#[test]
fn what_is_not_delivered_cannot_be_counted() {
    let nobody = "ws://127.0.0.1:1/";
    for (args, option) in [
        (&["connect", nobody, "-1"][..], "-1"),
        (&["connect", nobody, "-n", "2"], "--count"),
        (&["listen", "0", "-n", "2"], "--count"),
        (&["listen", "0", "--once", "-1", "--", "cat"], "-1"),
        (&["pipe", nobody, "-1"], "-1"),
        (&["pipe", "-", "nats://127.0.0.1:1/x", "-1"], "-1"),
        (&["pipe", "ws-listen:0", "nats://127.0.0.1:1/x", "-1"], "-1"),
        (&["pipe", "nats://127.0.0.1:1/x", nobody, "-1"], "-1"),
    ] {
        let command: Vec<_> = [&args[..1], &["--send-only"], &args[1..]].concat();
        let done = Wsio::run(command, "");
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
        let said = format!("{option} counts delivered messages, and --send-only delivers none");
        assert!(done.err.contains(&said) && done.err.contains("try: "), "{args:?}: {}", done.err);
    }
    // What clients say to a subject is delivered, and counted.
    let done = Wsio::run(["pipe", "--send-only", nobody, "nats://127.0.0.1:1/x", "-1"], "");
    assert_ne!(done.code, 2, "{}", done.err);
}

#[test]
fn the_first_fault_wins_over_an_expectation() {
    let rules = || Rules { expect_close: vec![4001..=4001], ..Rules::default() };
    let kinds = [SideKind::Standard, SideKind::WebSocket];
    let closed = |code| SourceEnd::Close { code, reason: String::new(), described: "x".into(), advice: None };
    let exit = |rules: Rules, events: Vec<Event>| {
        let mut robot = Robot::new(rules, kinds, true);
        events.into_iter().for_each(|event| robot.happens(event));
        robot.wait(Duration::from_secs(60));
        robot.session.verdict().map(|fault| fault.exit)
    };
    let signal = || Event::Signal(Box::new(Fault::new(Exit::Interrupt, "session", "SIGINT")));
    let peer = |code| Event::Ended { side: Side::B, how: Box::new(closed(code)) };
    assert_eq!(exit(rules(), vec![peer(Some(4001))]), None);
    assert_eq!(exit(rules(), vec![peer(None)]), Some(Exit::Expectation));
    assert_eq!(exit(Rules { expect_close: vec![1005..=1005], ..rules() }, vec![peer(None)]), None);
    assert_eq!(
        exit(Rules { ok_close: vec![4002..=4002], ..rules() }, vec![peer(Some(4002))]),
        Some(Exit::Expectation)
    );
    assert_eq!(exit(rules(), vec![signal()]), Some(Exit::Interrupt));
    let unmet = Event::Unmet(Box::new(Fault::new(Exit::Expectation, "upgrade", "no subprotocol")));
    let mut robot = Robot::new(Rules::default(), kinds, true);
    robot.happens(unmet);
    assert_eq!(robot.closes[1], [Some(1000)]);
    assert_eq!(robot.session.verdict().map(|fault| fault.phase), Some("upgrade"));
}
