//! `wsio connect` as people run it: pipelines, late replies, one-shot questions, refusals.

use crate::harness::{Peer, Wsio, serve, serve_many};
use std::{thread::sleep, time::Duration};

/// Echoes data until the Close, which it answers; gives its code.
pub fn echo(mut peer: Peer) -> Option<u16> {
    loop {
        let frame = peer.next()?;
        match frame.opcode {
            0..=2 => peer.send(frame.fin, frame.opcode, &frame.payload),
            8 => {
                peer.send(true, 8, &frame.payload);
                return frame.code();
            }
            _ => {}
        }
    }
}

#[test]
fn lines_come_back_from_the_embedded_server() {
    let done = Wsio::run(["connect", "echo:", "--linger", "300ms"], "hello\n");
    assert_eq!((done.code, done.text()), (0, "hello\n"), "{}", done.err);
    assert_eq!(done.err, "", "the common case says nothing");
}

#[test]
fn an_upgrade_that_takes_two_seconds_is_waited_for() {
    let (url, peer) = serve_many(|listener| {
        sleep(Duration::from_secs(2));
        echo(Peer::accept(listener))
    });
    let done = Wsio::run(["connect", &url], "a\nb\n");
    assert_eq!((done.code, done.text()), (0, "a\nb\n"), "{}", done.err);
    assert_eq!(peer.join().unwrap(), Some(1000));
}

#[test]
fn replies_that_come_late_are_printed() {
    let (url, _peer) = serve(|mut peer| {
        let messages = [peer.message().unwrap(), peer.message().unwrap()];
        for message in messages {
            sleep(Duration::from_millis(900));
            peer.send(true, 1, &message);
        }
        peer.answer_close();
    });
    let done = Wsio::run(["connect", &url], "a\nb\n");
    assert_eq!((done.code, done.text()), (0, "a\nb\n"), "{}", done.err);
}

#[test]
fn a_server_that_closes_after_its_replies_ends_it_at_once() {
    let (url, _peer) = serve(|mut peer| {
        for _ in 0..2 {
            let message = peer.message().unwrap();
            peer.send(true, 1, &message);
        }
        peer.close(1000, "");
        peer.until_close()
    });
    let done = Wsio::run(["connect", &url, "--linger", "inf"], "a\nb\n");
    assert_eq!((done.code, done.text()), (0, "a\nb\n"), "{}", done.err);
}

#[test]
fn no_input_only_receives_until_the_server_closes() {
    let (url, _peer) = serve(|mut peer| {
        for text in ["one", "two"] {
            sleep(Duration::from_millis(300));
            peer.text(text);
        }
        peer.close(1001, "done");
        peer.until_close()
    });
    let done = Wsio::run(["connect", &url, "--linger", "0"], "");
    assert_eq!((done.code, done.text()), (0, "one\ntwo\n"), "{}", done.err);
}

#[test]
fn an_idle_standard_input_does_not_hold_up_the_peers_close() {
    let (url, _peer) = serve(|mut peer| {
        peer.close(1011, "disk full");
        peer.until_close()
    });
    let wsio = Wsio::start(["connect", &url]);
    let done = wsio.wait();
    assert_eq!(done.code, 115);
    assert!(done.err.contains("1011 internal error: disk full"), "{}", done.err);
}

#[test]
fn one_question_one_answer() {
    let (url, peer) = serve(echo);
    let done = Wsio::run(["connect", &url, "--send", "q1", "--send", "@@q2", "-n", "2"], "");
    assert_eq!((done.code, done.text()), (0, "q1\n@q2\n"), "{}", done.err);
    assert_eq!(peer.join().unwrap(), Some(1000));
}

#[test]
fn a_message_from_standard_input_is_input() {
    for args in [&["connect"][..], &["connect", "--send", "first"], &["pipe"]] {
        let (url, peer) = serve(echo);
        let done = Wsio::run(args.iter().chain(&["--linger", "500ms", "--send", "@-", &url]), "all of it");
        assert_eq!((done.code, done.text().trim_end().ends_with("all of it")), (0, true), "{done:?}");
        assert_eq!(peer.join().unwrap(), Some(1000));
    }
}

#[test]
fn a_secret_from_standard_input_is_no_message() {
    let (url, _peer) = serve(|mut peer| {
        sleep(Duration::from_millis(300));
        peer.text("late");
        peer.close(1000, "");
        peer.until_close()
    });
    let done = Wsio::run(["connect", &url, "--linger", "0", "--bearer", "@-"], "s3cret");
    assert_eq!((done.code, done.text()), (0, "late\n"), "{}", done.err);
}

#[test]
fn framings_and_types_reach_the_wire() {
    for (args, input, frames) in [
        (&["--linger", "0"][..], "a\n\nlast", &[(1, "a"), (1, ""), (1, "last")][..]),
        (&["-b", "--linger", "0"], "a\r\nb\n", &[(2, "a\r"), (2, "b")]),
        (&["-0", "--linger", "0"], "a\nb\0c", &[(1, "a\nb"), (1, "c")]),
        (&["--in", r"sep=\x1e", "--linger", "0"], "a\n\x1e\x1elast", &[(1, "a\n"), (1, ""), (1, "last")]),
        (&["--in", r"sep=\r\n", "-b", "--linger", "0"], "a\r\r\nb\n", &[(2, "a\r"), (2, "b\n")]),
        (&["--framing", "whole", "-t", "--linger", "0"], "a\nb\n", &[(1, "a\nb\n")]),
        (&["--in", "raw", "--linger", "0"], "a\nb\n", &[(2, "a\nb\n")]),
    ] {
        let (url, peer) = serve(|mut peer| {
            let mut seen = Vec::new();
            while let Some(frame) = peer.next().filter(|frame| frame.opcode != 8) {
                assert!(frame.fin);
                seen.push((frame.opcode, String::from_utf8(frame.payload).unwrap()));
            }
            peer.send(true, 8, &[3, 232]);
            seen
        });
        let done = Wsio::run(["connect", &url].iter().chain(args), input);
        assert_eq!(done.code, 0, "{args:?}: {}", done.err);
        let seen = peer.join().unwrap();
        let seen: Vec<_> = seen.iter().map(|(opcode, text)| (*opcode, text.as_str())).collect();
        assert_eq!(seen, frames, "{args:?}");
    }
}

#[test]
fn received_bytes_are_printed_unchanged() {
    let (url, _peer) = serve(|mut peer| {
        peer.send(true, 2, &[0, 0xff, b'\n', 0x1b]);
        peer.send(false, 1, "gr".as_bytes());
        peer.send(true, 9, b"between");
        peer.send(true, 0, "üße 👋".as_bytes());
        peer.close(1000, "");
        peer.until_close()
    });
    let done = Wsio::run(["connect", &url], "");
    let expected = [&[0, 0xff, b'\n', 0x1b, b'\n'][..], "grüße 👋\n".as_bytes()].concat();
    assert_eq!((done.code, done.out), (0, expected), "{}", done.err);
}

#[test]
fn pings_are_answered_while_nothing_else_happens() {
    let (url, peer) = serve(|mut peer| {
        peer.send(true, 9, b"are you there");
        let frame = peer.next().unwrap();
        peer.close(1000, "");
        peer.until_close();
        frame
    });
    let done = Wsio::run(["connect", &url], "");
    assert_eq!(done.code, 0, "{}", done.err);
    let pong = peer.join().unwrap();
    assert_eq!((pong.opcode, pong.payload.as_slice()), (10, &b"are you there"[..]));
}

#[test]
fn input_that_is_not_utf8_is_refused_with_its_line() {
    let (url, peer) = serve(|mut peer| (peer.message(), peer.answer_close().unwrap().code()));
    let done = Wsio::run(["connect", &url], b"good\nb\xffd\nnever\n".to_vec());
    assert_eq!(done.code, 65);
    assert!(done.err.contains("line 2"), "{}", done.err);
    assert_eq!(peer.join().unwrap(), (Some(b"good".to_vec()), Some(1000)));
}

#[test]
fn one_direction_only() {
    let (url, peer) = serve(|mut peer| {
        peer.text("unwanted");
        let message = peer.message();
        peer.answer_close();
        message
    });
    let done = Wsio::run(["connect", &url, "--send-only", "--linger", "100ms"], "a\n");
    assert_eq!((done.code, done.text(), done.err.as_str()), (0, "", ""));
    assert_eq!(peer.join().unwrap().unwrap(), b"a");

    let (url, _peer) = serve(|mut peer| peer.answer_close());
    let done = Wsio::run(["connect", &url, "--send-only", "--linger", "0"], "a\n");
    assert_eq!((done.code, done.err.as_str()), (0, ""), "nothing was wanted, nothing is missed");

    let (url, peer) = serve(|mut peer| {
        peer.text("wanted");
        peer.close(1000, "");
        peer.message()
    });
    let done = Wsio::run(["connect", &url, "--recv-only"], "never sent\n");
    assert_eq!((done.code, done.text()), (0, "wanted\n"), "{}", done.err);
    assert_eq!(peer.join().unwrap(), None);
}

#[test]
fn a_silent_peer_gets_a_word_about_linger() {
    let (url, _peer) = serve(|mut peer| peer.answer_close());
    let done = Wsio::run(["connect", &url, "--linger", "50ms"], "a\n");
    assert_eq!(done.code, 0);
    assert!(done.err.contains("--linger"), "{}", done.err);
    let (url, _peer) = serve(|mut peer| peer.answer_close());
    assert_eq!(Wsio::run(["connect", &url, "--linger", "50ms", "-q"], "a\n").err, "");
}

#[test]
fn the_time_stands_before_each_message_where_it_is_asked_for() {
    let done = Wsio::run(["connect", "--timestamps", "echo:"], "one\ntwo\n");
    assert_eq!(done.code, 0, "{}", done.err);
    let lines: Vec<(&str, &str)> = done.text().lines().map(|line| line.split_once(' ').unwrap()).collect();
    assert_eq!([lines[0].1, lines[1].1], ["one", "two"]);
    assert!(lines.iter().all(|(time, _)| time.ends_with('Z') && time.len() == 24), "{lines:?}");
    let done = Wsio::run(["connect", "--timestamps=delta", "echo:"], "one\n");
    assert!(done.text().starts_with('+') && done.text().ends_with(" one\n"), "{}", done.text());
    for args in [&["connect", "--json", "--timestamps", "echo:"][..], &["pipe", "--timestamps", "ws://h/"]] {
        assert_eq!(Wsio::run(args, "").code, 2);
    }
}

#[test]
fn a_port_alone_is_this_machines() {
    for (write, path) in [("", ""), (":", ""), (":", "chat?room=1")] {
        let (url, peer) = serve(|mut peer| {
            let request = peer.head.lines().next().unwrap().to_owned();
            peer.text("here");
            peer.answer_close();
            request
        });
        let port = url.rsplit(':').next().unwrap().trim_end_matches('/');
        let slash = if path.is_empty() { "" } else { "/" };
        let done = Wsio::run(["connect", "-v", &format!("{write}{port}{slash}{path}"), "-1"], "");
        assert_eq!((done.code, done.text()), (0, "here\n"), "{}", done.err);
        let taken = format!("no scheme was written: taken as ws://127.0.0.1:{port}/{path}");
        assert!(done.err.contains(&taken), "{}", done.err);
        assert_eq!(peer.join().unwrap(), format!("GET /{path} HTTP/1.1"));
    }
}

#[test]
fn a_run_is_summed_up_where_it_is_asked_for() {
    let (url, server) = serve(|mut peer| {
        let message = peer.message().unwrap();
        peer.send(true, 1, &message);
        // Long enough for a ping; its pong is the peer's to send.
        let ping = std::iter::from_fn(|| peer.next()).find(|frame| frame.opcode == 9).unwrap();
        peer.send(true, 10, &ping.payload);
        peer.close(1000, "");
        peer.until_close();
    });
    let done =
        Wsio::run(["connect", "-q", "--stats", "--ping-interval", "50ms", "--linger", "inf", &url], "four\n");
    server.join().unwrap();
    assert_eq!(done.code, 0, "{}", done.err);
    let lines: Vec<&str> = done.err.lines().collect();
    assert!(lines[0].starts_with("opening: dns ") && lines[0].contains(", upgrade "), "{}", done.err);
    assert!(lines[1].starts_with("open for "), "{}", done.err);
    assert!(lines[2].starts_with("in: 1 messages, 4 bytes, "), "{}", done.err);
    assert!(lines[3].starts_with("out: 1 messages, 4 bytes, "), "{}", done.err);
    assert!(lines[4].starts_with("rtt: min ") && lines[4].ends_with(", of 1 pings"), "{}", done.err);
}

#[test]
fn the_case_of_a_scheme_means_nothing() {
    let (url, peer) = serve(|mut peer| peer.answer_close().unwrap().code());
    let done = Wsio::run(["connect", &url.replace("ws:", "WS:"), "--linger", "0"], "x");
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(peer.join().unwrap(), Some(1000));
    let done = Wsio::run(["connect", "Echo:", "--linger", "10s", "-1"], "x");
    assert_eq!((done.code, done.text()), (0, "x\n"), "{}", done.err);
}

#[test]
fn what_is_no_url_gets_the_next_step() {
    for (target, code, text) in [
        ("-", 2, "try: wsio connect wss://HOST/PATH: standard input and output are always the other side"),
        ("70000", 3, "port 70000 is above 65535"),
        ("0", 3, "port 0 cannot be connected to"),
        (":", 3, "empty host"),
        ("FTP://h", 3, "`FTP:` is no scheme that wsio knows"),
    ] {
        let done = Wsio::run(["connect", target], "");
        assert_eq!(done.code, code, "{target}: {}", done.err);
        assert!(done.err.contains(text), "{target}: {}", done.err);
    }
    let done = Wsio::run(["connect", "-", "ws://h/"], "");
    assert_eq!(done.code, 2, "{}", done.err);
    assert!(done.err.contains("standard input and output are always the other side"), "{}", done.err);
    assert!(done.err.contains("try: wsio connect ws://h/\n"), "{}", done.err);
}

#[test]
fn a_message_to_send_and_a_time_to_stay_are_all_the_input_there_has_to_be() {
    let (url, peer) = serve(|mut peer| {
        let message = peer.message().unwrap();
        peer.text("answer");
        (message, peer.answer_close().unwrap().code())
    });
    let done = Wsio::run(["connect", &url, "--send", "ask", "--linger", "300ms"], "");
    assert_eq!((done.code, done.text()), (0, "answer\n"), "{}", done.err);
    assert_eq!(peer.join().unwrap(), (b"ask".to_vec(), Some(1000)));
}
