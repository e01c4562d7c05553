//! Pipelines as people write them: coprocesses, FIFOs, sleeps, counters, and readers that leave.
//!
//! Other modules test one promise each; here several meet in the shape in which they are used.

use crate::harness::{Listening, Peer, Wsio, eventually, serve, serve_many};
use std::{
    io::{BufRead, BufReader, Read, Write},
    path::Path,
    process::{Command, Output, Stdio},
    thread::{self, sleep},
    time::{Duration, Instant},
};

/// A line of a shell, where `$W` is the program and `$URL` the server.
fn shell(line: &str, url: &str, folder: &Path) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", line]).current_dir(folder);
    command.env("W", env!("CARGO_BIN_EXE_wsio")).env("URL", url).env("NO_PROXY", "*");
    command
}

/// Runs such a line to its end, within bounds.
fn runs(line: &str, url: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = shell(line, url, folder.path());
    let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    eventually(line, || child.try_wait().unwrap().is_some());
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_coprocess_hears_the_greeting_before_it_says_anything() {
    let (url, server) = serve(|mut peer| {
        peer.text(r#"{"op":0,"challenge":"abc"}"#);
        let login = peer.message().unwrap();
        peer.text(r#"{"op":2}"#);
        let request = peer.message().unwrap();
        peer.text(r#"{"op":7,"ok":true}"#);
        peer.answer_close();
        [login, request]
    });
    let mut child = Command::new(env!("CARGO_BIN_EXE_wsio"))
        .args(["connect", "-q", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut say = child.stdin.take().unwrap();
    let mut hear = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // Each answer has to be out of every buffer before the next line is written: else both sides wait for ever.
    let hello: serde_json::Value = serde_json::from_str(&hear.next().unwrap()).unwrap();
    let answer: String = hello["challenge"].as_str().unwrap().chars().rev().collect();
    writeln!(say, "login {answer}").unwrap();
    assert_eq!(hear.next().unwrap(), r#"{"op":2}"#);
    writeln!(say, "request").unwrap();
    assert_eq!(hear.next().unwrap(), r#"{"op":7,"ok":true}"#);
    drop(say);
    assert_eq!(hear.next(), None);
    assert!(child.wait().unwrap().success());
    assert_eq!(server.join().unwrap(), [b"login cba".to_vec(), b"request".to_vec()]);
}

#[test]
fn short_commands_share_one_session_through_two_fifos() {
    let (url, server) = serve(|mut peer| {
        let mut asked = Vec::new();
        while let Some(message) = peer.message() {
            peer.text(&format!("re {}", text(&message)));
            asked.push(String::from_utf8(message).unwrap());
        }
        let _ = peer.try_send(true, 8, &[3, 232]);
        asked
    });
    // Each subshell is a command of its own; descriptors 3 and 4 keep the session open.
    let line = r#"
        mkfifo in out
        "$W" connect "$URL" <in >out & exec 3>in 4<out
        ask() ( echo "$1" >in; read -r answer <&4; echo "$2 got $answer" )
        ask one first; ask two second; ask three third
        exec 3>&-; wait $!; echo "exit $?"
    "#;
    let output = runs(line, &url);
    assert_eq!(
        text(&output.stdout),
        "first got re one\nsecond got re two\nthird got re three\nexit 0\n",
        "{}",
        text(&output.stderr)
    );
    assert_eq!(server.join().unwrap(), ["one", "two", "three"]);
}

#[test]
fn lines_are_sent_when_they_are_written_and_answers_are_captured() {
    let (url, server) = serve(|mut peer| {
        let mut came = Vec::new();
        while let Some(message) = peer.message() {
            came.push(Instant::now());
            peer.text(&format!("ok {}", text(&message)));
        }
        let _ = peer.try_send(true, 8, &[3, 232]);
        came
    });
    let line = r#"( echo auth; sleep 0.4; echo join; sleep 0.4 ) | "$W" connect "$URL" | tee out; cat out"#;
    let output = runs(line, &url);
    assert_eq!(text(&output.stdout), "ok auth\nok join\n".repeat(2), "{}", text(&output.stderr));
    let came = server.join().unwrap();
    assert!(came[1] - came[0] >= Duration::from_millis(200), "the first one did not wait for the second");
}

#[test]
fn events_are_counted_until_nothing_more_comes_and_none_is_fine() {
    for events in [0, 300] {
        let (url, server) = serve(move |mut peer| {
            let question = peer.message().unwrap();
            for number in 0..events {
                peer.text(&format!(r#"["EVENT","q",{{"n":{number}}}]"#));
            }
            // It stays open, as relays do.
            (question, peer.answer_close().unwrap().code())
        });
        let line = r#"echo '["REQ","q",{}]' | "$W" connect -q --linger 1s --timeout 20s "$URL" | wc -l"#;
        let output = runs(line, &url);
        assert_eq!(text(&output.stdout).trim(), events.to_string());
        assert_eq!(text(&output.stderr), "");
        assert_eq!(server.join().unwrap(), (br#"["REQ","q",{}]"#.to_vec(), Some(1000)));
    }
}

#[test]
fn the_first_messages_of_an_endless_feed() {
    let feed = || {
        serve(|mut peer| {
            let mut reading = peer.reader();
            let close = thread::spawn(move || reading.until_close().and_then(|frame| frame.code()));
            let mut number = 0;
            while peer.try_send(true, 1, format!("{number}").as_bytes()).is_ok() && !close.is_finished() {
                number += 1;
            }
            let code = close.join().unwrap();
            let _ = peer.try_send(true, 8, &[3, 232]);
            code
        })
    };
    for (args, lines, input) in
        [(&["-1"][..], 1, ""), (&["-n", "5"], 5, ""), (&["-n3"], 3, "SUB\nMSG\n"), (&["-n1"], 1, "SUB\n")]
    {
        let (url, server) = feed();
        let done = Wsio::run(["connect", &url].iter().chain(args), input);
        let expected: String = (0..lines).map(|number| format!("{number}\n")).collect();
        assert_eq!((done.code, done.text()), (0, expected.as_str()), "{args:?}");
        // The feed may be faster than what asks for it.
        let left = format!("wsio: standard input: {} bytes left unsent\n", input.len());
        assert!(done.err.is_empty() || !input.is_empty() && done.err == left, "{args:?} {}", done.err);
        assert_eq!(server.join().unwrap(), Some(1000), "{args:?}");
    }

    let (url, server) = feed();
    let line = r#"{ "$W" connect --origin https://evil.example "$URL"; echo "exit $?" >&2; } | head -10"#;
    let output = runs(line, &url);
    assert_eq!(text(&output.stdout).lines().count(), 10);
    assert_eq!(text(&output.stderr), "exit 141\n", "it leaves without a word");
    assert_eq!(server.join().unwrap(), Some(1001));
}

#[test]
fn a_few_seconds_of_a_feed_are_kept() {
    let (url, server) = serve(|mut peer| {
        peer.text("one");
        peer.text("two");
        peer.answer_close().unwrap().code()
    });
    let done = Wsio::run(["connect", "--timeout", "1s", &url], "");
    assert_eq!((done.code, done.text()), (28, "one\ntwo\n"), "{}", done.err);
    assert!(done.err.contains("--timeout"), "{}", done.err);
    assert!(server.join().unwrap().is_some(), "it says that it goes");
}

#[test]
fn flags_alone_ask_where_there_is_no_standard_input() {
    for redirect in ["<&-", "</dev/null"] {
        let (url, server) = serve(|mut peer| {
            let question = peer.message().unwrap();
            sleep(Duration::from_millis(300));
            peer.text("late answer");
            peer.answer_close();
            question
        });
        let output = runs(&format!(r#""$W" connect "$URL" --send question -1 {redirect}"#), &url);
        assert_eq!(output.status.code(), Some(0), "{redirect}: {}", text(&output.stderr));
        assert_eq!((text(&output.stdout), text(&output.stderr)), ("late answer\n", ""), "{redirect}");
        assert_eq!(server.join().unwrap(), b"question");
    }
}

#[test]
fn a_bulk_load_ends_when_everything_is_acknowledged() {
    const LINES: usize = 5000;
    let (url, server) = serve(|mut peer| {
        for _ in 0..LINES {
            assert!(peer.message().unwrap().starts_with(b"{\"ride\":"));
        }
        // A database that takes its time, within what silence is allowed.
        for number in 0..LINES {
            if number % 1000 == 0 {
                sleep(Duration::from_millis(300));
            }
            peer.text(&format!("ack {number}"));
        }
        peer.answer_close().unwrap().code()
    });
    let rides: String = (0..LINES).map(|number| format!("{{\"ride\":{number}}}\n")).collect();
    let done = Wsio::run(["connect", "--linger", "20s", "-n", &LINES.to_string(), &url], rides);
    assert_eq!(done.code, 0, "{}", done.err);
    let acks: String = (0..LINES).map(|number| format!("ack {number}\n")).collect();
    assert!(done.text() == acks, "{} lines", done.text().lines().count());
    assert_eq!(server.join().unwrap(), Some(1000));
}

#[test]
fn sound_goes_in_and_the_last_words_come_out() {
    const BYTES: usize = 300_000;
    let (url, server) = serve(|mut peer| {
        let mut heard = Vec::new();
        while heard.len() < BYTES {
            let frame = peer.next().unwrap();
            if frame.opcode == 2 {
                heard.extend_from_slice(&frame.payload);
            }
        }
        peer.text("partial");
        sleep(Duration::from_millis(500));
        peer.text("final transcript");
        peer.close(1000, "");
        peer.until_close();
        heard
    });
    let sound: Vec<u8> = (0..BYTES).map(|n| (n * 7 % 251) as u8).collect();
    let done = Wsio::run(["connect", "--in", "raw", "--linger", "20s", &url], sound.clone());
    assert_eq!((done.code, done.text()), (0, "partial\nfinal transcript\n"), "{}", done.err);
    assert!(server.join().unwrap() == sound);
}

#[test]
fn messages_that_hold_newlines_make_the_round_trip() {
    let messages: [&[u8]; 4] = [b"{\n  \"a\": 1\n}\n", b"", b"\r\n\r\n", "ü\n".as_bytes()];
    let nul = messages.map(|message| [message, b"\0"].concat()).concat();
    let length =
        messages.map(|message| [&(message.len() as u32).to_be_bytes()[..], message].concat()).concat();
    for (args, input) in [(&["-0"][..], &nul), (&["--framing", "length"], &length)] {
        let done = Wsio::run(["connect", "echo:", "-n4"].iter().chain(args), input.clone());
        assert_eq!((done.code, &done.out), (0, input), "{args:?}: {}", done.err);
    }
}

#[test]
fn a_large_file_is_one_message_there_and_back() {
    let file: Vec<u8> = (0..5_000_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    let (url, server) = serve(|mut peer| {
        let message = peer.message().unwrap();
        peer.send(true, 2, &message);
        peer.answer_close();
        message.len()
    });
    let done = Wsio::run(["connect", "--framing", "whole", "-1", &url], file.clone());
    assert_eq!((done.code, done.out == file), (0, true), "{} bytes: {}", done.out.len(), done.err);
    assert_eq!(server.join().unwrap(), file.len());
}

#[test]
fn two_hosts_exchange_bytes_to_the_end_of_both() {
    let there: Vec<u8> = (0..700_000).map(|n| (n * 13 % 256) as u8).collect();
    let back: Vec<u8> = (0..900_000).map(|n| (n * 11 % 256) as u8).collect();
    let mut listening = Listening::start(["listen", "0", "--once", "--framing", "raw"]);
    let mut stdin = listening.wsio.take_stdin();
    let feed = back.clone();
    let feeder = thread::spawn(move || stdin.write_all(&feed).unwrap());
    let near = Wsio::run(["pipe", &listening.url], there.clone());
    feeder.join().unwrap();
    let far = listening.wsio.wait();
    assert_eq!((near.code, far.code), (0, 0), "{}{}", near.err, far.err);
    assert!(far.out == there && near.out == back, "{} and {} bytes", far.out.len(), near.out.len());
}

#[test]
fn pings_keep_a_balancer_from_cutting_an_idle_line() {
    // It cuts what says nothing for long, and ends well what has pinged often enough.
    let balancer = || {
        serve(|mut peer| {
            peer.stream.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            for _ in 0..10 {
                match peer.next() {
                    Some(frame) => peer.send(true, 10, &frame.payload),
                    None => return,
                }
            }
            peer.close(1000, "");
            peer.until_close();
        })
    };
    let (url, server) = balancer();
    let done = Wsio::run(["connect", "--ping-interval", "50ms", &url], "");
    assert_eq!(done.code, 0, "{}", done.err);
    server.join().unwrap();
    let (url, server) = balancer();
    let done = Wsio::run(["connect", "--ping-interval", "off", &url], "");
    assert_eq!(done.code, 56, "{}", done.err);
    server.join().unwrap();
}

#[test]
fn hundreds_of_idle_clients_hear_one_line_and_the_end() {
    const CLIENTS: usize = 300;
    let mut listening = Listening::start(["listen", "0"]);
    let mut peers: Vec<Peer> = (0..CLIENTS).map(|_| Peer::dial(listening.address())).collect();
    let programs: Vec<Wsio> =
        (0..10).map(|_| Wsio::start(["connect", "--recv-only", &listening.url])).collect();
    eventually("all are here", || {
        listening.wsio.err_so_far().matches(" open ").count() == CLIENTS + programs.len()
    });
    listening.wsio.write(b"to all\n");
    for peer in &mut peers {
        assert_eq!(peer.message().unwrap(), b"to all");
    }
    listening.wsio.signal(rustix::process::Signal::TERM);
    for peer in &mut peers {
        assert_eq!(peer.answer_close().unwrap().code(), Some(1001));
    }
    for program in programs {
        let done = program.wait();
        assert_eq!((done.code, done.text()), (0, "to all\n"), "{}", done.err);
    }
    assert_eq!(listening.wsio.wait().code, 0);
}

#[test]
fn a_loop_of_the_shell_reads_messages_as_they_come() {
    let (url, server) = serve_many(|listener| {
        let mut peer = Peer::accept(listener);
        for number in 0..3 {
            peer.text(&format!("message {number}"));
            // The reader answers each one before the next is sent.
            assert_eq!(text(&peer.message().unwrap()), format!("seen message {number}"));
        }
        peer.close(1000, "");
        peer.until_close();
    });
    let folder = tempfile::tempdir().unwrap();
    let line = r#"mkfifo back; "$W" connect "$URL" <back | while read -r m; do echo "seen $m"; done >back"#;
    let mut child = shell(line, &url, folder.path()).stderr(Stdio::piped()).spawn().unwrap();
    server.join().unwrap();
    eventually("the loop ends", || child.try_wait().unwrap().is_some());
    let mut said = String::new();
    child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!(said, "");
}
