//! Heartbeats and answers above WebSocket: gateways and chats that drop who does not keep up with them.

use crate::harness::{Peer, Wsio, serve};
use std::time::{Duration, Instant};

/// A gateway that says how often it wants to hear something, acknowledges it, and closes on who is silent.
fn gateway(mut peer: Peer, beats: usize) -> usize {
    peer.text(r#"{"op":10,"d":{"heartbeat_interval":100}}"#);
    peer.stream.set_read_timeout(Some(Duration::from_secs(3))).unwrap();
    let mut heard = 0;
    while heard < beats {
        match peer.next() {
            Some(frame) if frame.opcode == 1 && frame.text() == r#"{"op":1,"d":null}"# => {
                heard += 1;
                peer.text(r#"{"op":11}"#);
            }
            Some(frame) if frame.opcode == 9 => peer.send(true, 10, &frame.payload),
            Some(frame) => panic!("the gateway got {frame:?}"),
            None => {
                peer.close(4009, "session timed out");
                break;
            }
        }
    }
    if heard == beats {
        peer.close(1000, "");
    }
    peer.stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    peer.until_close();
    heard
}

#[test]
fn a_heartbeat_keeps_a_gateway_content() {
    let (url, server) = serve(|peer| gateway(peer, 10));
    let start = Instant::now();
    let done = Wsio::run(["connect", "--every", r#"100ms={"op":1,"d":null}"#, &url], "");
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(server.join().unwrap(), 10);
    assert!(start.elapsed() >= Duration::from_millis(900), "not faster than asked for");
    assert_eq!(done.text().matches(r#"{"op":11}"#).count(), 10);
}

#[test]
fn without_one_the_gateway_closes() {
    let (url, server) = serve(|peer| gateway(peer, 10));
    let done = Wsio::run(["connect", &url], "");
    assert_eq!((done.code, server.join().unwrap()), (115, 0));
    assert!(done.err.contains("4009 private: session timed out"), "{}", done.err);
}

#[test]
fn a_chat_server_is_answered_with_what_it_asked() {
    let (url, server) = serve(|mut peer| {
        let mut answers = Vec::new();
        for number in 0..5 {
            peer.text(&format!(":someone PRIVMSG #x :hello {number}"));
            peer.text(&format!("PING :token={number}"));
            answers.push(String::from_utf8(peer.message().unwrap()).unwrap());
        }
        peer.close(1000, "");
        peer.until_close();
        answers
    });
    let done = Wsio::run(["connect", "--reply", r"^PING :(.*)\=(.*)=PONG :$1=$2", &url], "");
    assert_eq!(done.code, 0, "{}", done.err);
    let expected: Vec<String> = (0..5).map(|number| format!("PONG :token={number}")).collect();
    assert_eq!(server.join().unwrap(), expected);
    assert_eq!(done.text().lines().count(), 10, "what is answered is printed too");
}

#[test]
fn what_is_said_by_itself_is_counted_and_recorded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("r.jsonl");
    let (url, server) = serve(|mut peer| {
        peer.text("a");
        let answer = peer.message();
        peer.close(1000, "");
        peer.until_close();
        answer
    });
    let done = Wsio::run(["connect", "--reply", "a=b", "--record", file.to_str().unwrap(), &url], "");
    assert_eq!((done.code, server.join().unwrap()), (0, Some(b"b".to_vec())));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.contains(r#""dir":"out","type":"text","data":"b""#), "{text}");
    assert!(text.contains(r#""messages_out":1,"#), "{text}");
}

#[test]
fn bad_words_are_refused() {
    for (args, cause) in [
        (&["--every", "hello"][..], "--every needs DURATION=MSG"),
        (&["--every", "0=x"], "--every 0: 0 would be over at once"),
        (&["--reply", "PING"], "expected REGEX=MSG"),
        (&["--reply", "(=x"], "unclosed group"),
    ] {
        let done = Wsio::run(["connect", "ws://h/"].iter().chain(args), "");
        assert_eq!(done.code, 2);
        assert!(done.err.contains(cause), "{args:?}: {}", done.err);
    }
}
