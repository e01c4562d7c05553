//! JSON records: what `--json` prints and reads, and recordings that can be sent again.

use crate::harness::{Listening, Peer, Wsio, eventually, serve};
use serde_json::Value;
use std::{fs, path::Path};

fn records(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")))
        .collect()
}

fn types(records: &[Value]) -> Vec<&str> {
    records.iter().map(|record| record["type"].as_str().unwrap()).collect()
}

/// The frames a peer was sent, up to the Close.
fn frames(mut peer: Peer) -> Vec<(u8, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some(frame) = peer.next() {
        frames.push((frame.opcode, frame.payload.clone()));
        if frame.opcode == 8 {
            let _ = peer.try_send(true, 8, &frame.payload);
            break;
        }
    }
    frames
}

#[test]
fn every_message_is_a_record_between_open_and_end() {
    let (url, server) = serve(|mut peer| {
        peer.text("a\nb");
        peer.send(true, 2, b"\0\xff");
        peer.send(true, 9, b"hi");
        peer.close(4001, "bye");
        peer.until_close()
    });
    let done = Wsio::run(["connect", "--json", &url], "");
    server.join().unwrap();
    assert_eq!(done.code, 115, "{}", done.err);
    let records = records(done.text());
    assert_eq!(types(&records), ["open", "text", "binary", "ping", "close", "end"]);
    assert_eq!(records[0]["url"], url);
    assert!(records[0]["timings"]["upgrade"].is_number());
    assert_eq!((&records[1]["dir"], &records[1]["data"]), (&"in".into(), &"a\nb".into()));
    assert_eq!(records[2]["base64"], "AP8=");
    assert_eq!(records[3]["base64"], "aGk=");
    assert_eq!(
        (&records[4]["code"], &records[4]["name"], &records[4]["reason"]),
        (&4001.into(), &"private".into(), &"bye".into())
    );
    assert_eq!((&records[5]["exit"], &records[5]["messages_in"]), (&115.into(), &2.into()));
    assert!(records[5]["cause"].as_str().unwrap().contains("4001 private: bye"));
    assert!(records.iter().all(|record| record["time"].as_str().unwrap().ends_with('Z')));
}

#[test]
fn records_are_sent_as_their_type_and_a_close_with_its_code() {
    let (url, server) = serve(frames);
    let input = concat!(
        "{\"type\":\"text\",\"data\":\"t\"}\n{\"type\":\"binary\",\"base64\":\"AP8=\"}\n",
        "{\"type\":\"ping\",\"base64\":\"aGk=\"}\n{\"type\":\"pong\"}\n",
        "{\"type\":\"close\",\"code\":4001,\"reason\":\"bye\"}\n{\"type\":\"text\",\"data\":\"too late\"}\n",
    );
    let done = Wsio::run(["connect", "--in", "jsonl", "--linger", "0", &url], input);
    assert_eq!(done.code, 0, "{}", done.err);
    let close = [&4001u16.to_be_bytes()[..], b"bye"].concat();
    assert_eq!(
        server.join().unwrap(),
        [(1, b"t".to_vec()), (2, vec![0, 0xff]), (9, b"hi".to_vec()), (10, vec![]), (8, close)]
    );
}

#[test]
fn a_byte_order_mark_before_the_first_record_is_none_of_it() {
    let (url, server) = serve(frames);
    let input = "\u{feff}{\"type\":\"text\",\"data\":\"\u{feff}t\"}\n";
    let done = Wsio::run(["connect", "--in", "jsonl", "--linger", "0", &url], input);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(server.join().unwrap()[0], (1, "\u{feff}t".as_bytes().to_vec()));

    let (url, _server) = serve(frames);
    let done = Wsio::run(["connect", "--json", &url], format!("{{\"type\":\"ping\"}}\n{input}"));
    assert_eq!(done.code, 65, "{}", done.err);
}

#[test]
fn a_line_that_is_no_record_is_named_and_what_came_before_is_sent() {
    let (url, server) = serve(frames);
    let input = "{\"type\":\"text\",\"data\":\"good\"}\n{\"type\":\"text\",\"data\":\n";
    let done = Wsio::run(["connect", "--json", &url], input);
    assert_eq!(done.code, 65);
    assert!(done.err.contains("line 2 is no JSON record"), "{}", done.err);
    assert!(done.err.contains("try: a line is a record"), "{}", done.err);
    assert_eq!(server.join().unwrap()[0], (1, b"good".to_vec()));
    let end = records(done.text()).pop().unwrap();
    assert_eq!((&end["type"], &end["exit"]), (&"end".into(), &65.into()));
}

#[test]
fn a_connection_that_never_opened_has_an_end_all_the_same() {
    let done = Wsio::run(["connect", "--json", "ws://127.0.0.1:1/"], "");
    assert_eq!(done.code, 7);
    let records = records(done.text());
    assert_eq!(types(&records), ["end"]);
    assert_eq!(records[0]["exit"], 7);
    assert!(records[0]["cause"].as_str().unwrap().contains("connection refused"));
}

#[test]
fn a_server_numbers_the_connections_in_its_records() {
    let mut listening = Listening::start(["listen", "0", "--json"]);
    let mut one = Peer::dial_with(listening.address(), "/a", &[]);
    one.text("first");
    eventually("it is printed", || listening.wsio.out_so_far().ends_with(b"\"first\"}\n"));
    let mut two = Peer::dial_with(listening.address(), "/b", &[]);
    two.send(true, 9, b"x");
    two.close(1001, "off");
    assert_eq!(two.until_close().unwrap().code(), Some(1001));
    eventually("it has ended", || listening.wsio.out_so_far().ends_with(b"\"exit\":0}\n"));
    listening.wsio.write(b"{\"type\":\"binary\",\"base64\":\"AP8=\"}\n");
    let frame = one.next().unwrap();
    assert_eq!((frame.opcode, &frame.payload[..]), (2, &[0, 0xff][..]));

    let records = records(&String::from_utf8(listening.wsio.out_so_far()).unwrap());
    let told: Vec<_> = records
        .iter()
        .map(|record| (record["conn"].as_u64().unwrap(), record["type"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [(1, "open"), (1, "text"), (2, "open"), (2, "ping"), (2, "close"), (2, "end")]);
    assert!(records[0]["url"].as_str().unwrap().ends_with("/a"));
}

#[test]
fn a_record_that_names_a_connection_is_for_that_client_alone() {
    let mut listening = Listening::start(["listen", "0", "--json"]);
    let dial = |count: usize| {
        let peer = Peer::dial(listening.address());
        eventually("it is in", || listening.wsio.err_so_far().matches(" open ").count() == count);
        peer
    };
    let (mut one, mut two) = (dial(1), dial(2));
    for line in [
        r#"{"conn":2,"type":"text","data":"for two"}"#,
        r#"{"conn":7,"type":"text","data":"for nobody"}"#,
        r#"{"type":"text","data":"for all"}"#,
        r#"{"conn":2,"type":"close","code":4000,"reason":"enough"}"#,
    ] {
        listening.wsio.write(format!("{line}\n").as_bytes());
    }
    assert_eq!(one.message().unwrap(), b"for all");
    assert_eq!([two.message().unwrap(), two.message().unwrap()], [b"for two".to_vec(), b"for all".to_vec()]);
    let close = two.answer_close().unwrap();
    assert_eq!((close.code(), close.reason()), (Some(4000), "enough"));
    listening.wsio.says("no client #7 is here");
    listening
        .wsio
        .write(b"{\"type\":\"close\",\"code\":1012}\n{\"type\":\"text\",\"data\":\"for who comes\"}\n");
    assert_eq!(one.answer_close().unwrap().code(), Some(1012), "and one for all is for all");
    eventually("both have left", || listening.wsio.err_so_far().matches(" close ").count() == 2);
    let mut three = Peer::dial(listening.address());
    assert_eq!(three.message().unwrap(), b"for who comes");
    listening.wsio.write(b"{\"type\":\"text\"}\n");
    let done = listening.wsio.wait();
    assert!(done.code == 65 && done.err.contains("line 7 is a text without `data`"), "{}", done.err);
}

#[test]
fn a_program_gets_records_too() {
    let listening = Listening::start(["listen", "0", "--json", "--", "cat"]);
    let mut peer = Peer::dial(listening.address());
    // What it is told of the opening is nothing that can be sent; a message comes back as what it was.
    peer.send(true, 2, b"\0\xff");
    let frame = peer.next().unwrap();
    assert_eq!((frame.opcode, &frame.payload[..]), (2, &[0, 0xff][..]));
}

#[test]
fn a_recording_is_complete_and_sends_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.jsonl");
    let (url, server) = serve(|mut peer| {
        peer.text("hello from the server");
        peer.send(true, 2, b"\0\x01\xff");
        frames(peer)
    });
    let input = "{\"type\":\"text\",\"data\":\"é \\u0000\"}\n{\"type\":\"binary\",\"base64\":\"gIGC\"}\n";
    let record = file.to_str().unwrap();
    let done = Wsio::run(["connect", "--in", "jsonl", "--record", record, &url], input);
    assert_eq!(done.code, 0, "{}", done.err);
    server.join().unwrap();
    let recorded = records(&fs::read_to_string(&file).unwrap());
    let of = |dir: &str| -> Vec<&str> {
        let mine = recorded.iter().filter(|record| record["dir"] == dir);
        mine.map(|record| record["type"].as_str().unwrap()).collect()
    };
    assert_eq!(of("out"), ["text", "binary", "close"]);
    assert_eq!(of("in"), ["text", "binary", "close"]);
    assert_eq!((&recorded[0]["type"], &recorded.last().unwrap()["type"]), (&"open".into(), &"end".into()));

    let (url, server) = serve(frames);
    let done = Wsio::run(["connect", "--in", "jsonl", &url], fs::read(&file).unwrap());
    assert_eq!(done.code, 0, "{}", done.err);
    let mut again = server.join().unwrap();
    assert_eq!(again.pop().unwrap().0, 8);
    again.sort();
    let mut before = vec![
        (1, "é \0".as_bytes().to_vec()),
        (1, b"hello from the server".to_vec()),
        (2, vec![0, 1, 0xff]),
        (2, vec![0x80, 0x81, 0x82]),
    ];
    before.sort();
    assert_eq!(again, before);
}

#[test]
fn a_har_holds_the_messages_and_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.har");
    let (url, server) = serve(|mut peer| {
        peer.text("reply");
        frames(peer)
    });
    let url = format!("{url}feed?x=1&token=s3cret");
    let args =
        ["connect", "--record", file.to_str().unwrap(), "--bearer", "s3cret", "--cookie", "id=s3cret", &url];
    let done = Wsio::run(args, "question\n");
    assert_eq!(done.code, 0, "{}", done.err);
    server.join().unwrap();
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains("s3cret"), "{text}");
    let har: Value = serde_json::from_str(&text).unwrap();
    let entry = &har["log"]["entries"][0];
    assert_eq!(entry["response"]["status"], 101);
    assert!(entry["request"]["url"].as_str().unwrap().ends_with("feed?x=1&token=[hidden]"));
    let messages = entry["_webSocketMessages"].as_array().unwrap();
    let said = |kind: &str, opcode: u64| {
        let found = messages.iter().find(|message| message["type"] == kind && message["opcode"] == opcode);
        found.unwrap_or_else(|| panic!("{messages:?}"))["data"].as_str().unwrap().to_owned()
    };
    assert_eq!((said("send", 1), said("receive", 1)), ("question".to_owned(), "reply".to_owned()));
}

#[test]
fn a_bridge_records_the_side_that_was_dialled() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.jsonl");
    let (url, server) = serve(frames);
    let listening = Listening::start(["pipe", "ws-listen:0", &url, "--record", file.to_str().unwrap()]);
    let mut peer = Peer::dial(listening.address());
    peer.text("through");
    peer.close(4002, "done");
    assert_eq!(peer.until_close().unwrap().code(), Some(4002));
    assert_eq!(server.join().unwrap()[0], (1, b"through".to_vec()));
    eventually("it is recorded", || {
        let text = fs::read_to_string(&file).unwrap_or_default();
        text.contains("\"conn\":1,\"dir\":\"out\",\"type\":\"text\",\"data\":\"through\"")
            && text.contains("\"type\":\"end\"")
    });
}

#[test]
fn a_recording_that_cannot_be_written_is_a_fault_of_its_own() {
    let done = Wsio::run(["connect", "--record", "/no/such/folder/x", "ws://127.0.0.1:1/"], "");
    assert_eq!(done.code, 23, "{}", done.err);
    assert!(done.err.contains("record: cannot write /no/such/folder/x: no such file"), "{}", done.err);
    if Path::new("/dev/full").exists() {
        let done = Wsio::run(["connect", "--record", "/dev/full", "echo:"], "x\n");
        assert_eq!((done.code, done.text()), (23, "x\n"), "{}", done.err);
    }
}

#[test]
fn options_that_contradict_records_are_refused() {
    for args in [
        &["connect", "--json", "-b", "ws://h/"][..],
        &["connect", "--json", "-0", "ws://h/"],
        &["connect", "--json", "--framing", "lines", "ws://h/"],
        &["listen", "--echo", "--json", "0"],
    ] {
        assert_eq!(Wsio::run(args, "").code, 2, "{args:?}");
    }
}

#[test]
fn the_one_client_of_a_server_has_an_end() {
    for args in [
        &["listen", "127.0.0.1:0", "--once", "--json"][..],
        &["pipe", "ws-listen:127.0.0.1:0", "-", "--once", "--json"],
    ] {
        let server = Listening::start(args);
        let mut peer = Peer::dial(server.address());
        peer.text("a");
        peer.close(4001, "why");
        peer.until_close();
        let done = server.wsio.wait();
        assert_eq!(done.code, 115, "{}", done.err);
        let last: Value = serde_json::from_str(done.text().lines().last().unwrap()).unwrap();
        assert_eq!(
            (&last["type"], &last["conn"], &last["exit"]),
            (&"end".into(), &1.into(), &115.into()),
            "{last}"
        );
        assert_eq!((&last["messages_in"], done.text().matches("\"end\"").count()), (&1.into(), 1), "{last}");
    }
}
