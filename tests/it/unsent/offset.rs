//! The offset of a file as standard input: behind the last whole message that was sent, after every end.

use super::{Lines, closes_after, line};
use crate::harness::{Wsio, serve};
use rustix::process::Signal;
use std::{
    fs::{self, File},
    io::{Read, Seek, SeekFrom},
    path::Path,
    sync::mpsc,
};

const MESSAGES: usize = 2000;
/// What stands in front of what is sent: somebody else has read it.
const HEAD: &[u8] = b"a head that somebody else has read\n";

/// Message `number` as it stands in a file with this framing.
fn written(framing: &str, number: usize) -> Vec<u8> {
    let payload = line(number);
    match framing {
        "lines" => [&payload[..], b"\n"].concat(),
        "nul" => [&payload[..], b"\0"].concat(),
        "sep=---" => [&payload[..], b"---"].concat(),
        "length" => [&u32::try_from(payload.len()).unwrap().to_be_bytes()[..], &payload].concat(),
        "headers" => [format!("Content-Length: {}\r\n\r\n", payload.len()).as_bytes(), &payload].concat(),
        "paragraph" => [&payload[..100], b"\n", &payload[100..], b"\n\n"].concat(),
        "hex" => format!("{}\n", hex::encode(payload)).into_bytes(),
        "base64" => {
            use base64::{Engine, prelude::BASE64_STANDARD};
            format!("{}\n", BASE64_STANDARD.encode(payload)).into_bytes()
        }
        "jsonl" => {
            let text = String::from_utf8(payload).unwrap();
            format!("{{\"dir\":\"out\",\"type\":\"text\",\"data\":\"{text}\"}}\n").into_bytes()
        }
        other => panic!("{other}"),
    }
}

fn file(folder: &Path, framing: &str) -> (File, Vec<usize>) {
    let path = folder.join(framing);
    let messages: Vec<_> = (0..MESSAGES).map(|number| written(framing, number)).collect();
    fs::write(&path, [HEAD, &messages.concat()].concat()).unwrap();
    let mut file = File::open(&path).unwrap();
    file.seek(SeekFrom::Start(HEAD.len() as u64)).unwrap();
    (file, messages.iter().map(Vec::len).collect())
}

const FRAMINGS: [&str; 9] =
    ["lines", "nul", "sep=---", "length", "headers", "paragraph", "hex", "base64", "jsonl"];

#[test]
fn it_stands_behind_what_the_peer_had_in_every_framing() {
    let folder = tempfile::tempdir().unwrap();
    for framing in FRAMINGS {
        for count in [0, 30] {
            let (url, peer) = closes_after(count);
            let (mut file, lengths) = file(folder.path(), framing);
            let stdin = file.try_clone().unwrap();
            let done = Wsio::fed(stdin, ["connect", "--in", framing, "--stats", &url]).wait();
            let got = peer.join().unwrap();
            assert_eq!(done.code, 55, "{framing} {}", done.err);
            assert!(got.len() < MESSAGES, "{framing}");
            let sent = lengths[..got.len()].iter().sum::<usize>() + HEAD.len();
            assert_eq!(file.stream_position().unwrap(), sent as u64, "{framing} {}", done.err);
        }
    }
}

#[test]
fn raw_pieces_are_messages_too() {
    let lines = Lines::new(MESSAGES);
    for count in [0, 30] {
        let (url, peer) = closes_after(count);
        let mut file = lines.open();
        file.seek(SeekFrom::Start(17)).unwrap();
        let stdin = file.try_clone().unwrap();
        let done = Wsio::fed(stdin, ["connect", "--in", "raw", "--stats", &url]).wait();
        let got: usize = peer.join().unwrap().iter().map(Vec::len).sum();
        assert_eq!(done.code, 55, "{}", done.err);
        assert_eq!(done.sent().1, got as u64);
        assert_eq!(file.stream_position().unwrap(), 17 + got as u64, "{}", done.err);
    }
}

#[test]
fn a_file_that_is_one_message_is_sent_or_is_not() {
    let lines = Lines::new(100);
    let size = fs::metadata(&lines.path).unwrap().len();
    for count in [0, 1] {
        let (url, peer) = closes_after(count);
        let mut file = lines.open();
        let stdin = file.try_clone().unwrap();
        let done = Wsio::fed(stdin, ["connect", "--in", "whole", "--stats", &url]).wait();
        let got = peer.join().unwrap().len() as u64;
        assert_eq!(done.code, if got == 1 { 0 } else { 55 }, "{}", done.err);
        assert_eq!(file.stream_position().unwrap(), got * size, "{}", done.err);
    }
}

#[test]
fn the_next_command_goes_on_from_there() {
    let lines = Lines::new(MESSAGES);
    let mut file = lines.open();
    let mut all = Vec::new();
    for count in [10, 1, 25] {
        let (url, peer) = closes_after(count);
        let stdin = file.try_clone().unwrap();
        Wsio::fed(stdin, ["connect", "--in", "lines", &url]).wait();
        all.extend(peer.join().unwrap());
    }
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).unwrap();
    all.extend(rest.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec));
    assert_eq!(all.len(), MESSAGES);
    assert!(all.iter().enumerate().all(|(number, message)| *message == line(number)), "each once, in order");
}

#[test]
fn after_a_clean_end_it_stands_at_the_end() {
    let lines = Lines::new(30);
    let size = fs::metadata(&lines.path).unwrap().len();
    for framing in ["lines", "raw", "whole"] {
        let (url, peer) = serve(|mut peer| {
            let mut bytes = 0;
            while let Some(message) = peer.message() {
                bytes += message.len();
            }
            peer.close(1000, "");
            bytes
        });
        let mut file = lines.open();
        file.seek(SeekFrom::Start(line(0).len() as u64 + 1)).unwrap();
        let stdin = file.try_clone().unwrap();
        let done = Wsio::fed(stdin, ["connect", "--linger", "0", "--in", framing, &url]).wait();
        assert_eq!(done.code, 0, "{framing} {}", done.err);
        assert!(peer.join().unwrap() >= 29 * line(0).len(), "{framing}");
        assert_eq!(file.stream_position().unwrap(), size, "{framing}");
    }
}

#[test]
fn after_a_signal_it_stands_behind_what_the_peer_had() {
    let folder = tempfile::tempdir().unwrap();
    for framing in FRAMINGS {
        let (tell, told) = mpsc::channel();
        let (go, gone) = mpsc::channel::<()>();
        let (url, peer) = serve(move |mut peer| {
            let mut count = 0;
            while peer.message().is_some() {
                count += 1;
                if count == 20 {
                    tell.send(()).unwrap();
                    gone.recv().unwrap();
                }
            }
            let _ = peer.try_send(true, 8, &[3, 233]);
            count
        });
        let (mut file, lengths) = file(folder.path(), framing);
        let stdin = file.try_clone().unwrap();
        let wsio = Wsio::fed(stdin, ["connect", "--in", framing, "--stats", &url]);
        told.recv().unwrap();
        wsio.signal(Signal::TERM);
        go.send(()).unwrap();
        let done = wsio.wait();
        let count = peer.join().unwrap();
        assert_eq!(done.code, 143, "{framing} {}", done.err);
        assert_eq!(done.sent().0, count as u64, "{framing} {}", done.err);
        let sent = lengths[..count].iter().sum::<usize>() + HEAD.len();
        assert_eq!(file.stream_position().unwrap(), sent as u64, "{framing} {}", done.err);
    }
}

#[test]
fn where_many_are_served_it_stands_where_reading_stopped() {
    // There is no one receiver whose messages it could stand behind.
    let lines = Lines::new(20);
    let size = fs::metadata(&lines.path).unwrap().len();
    let mut file = lines.open();
    let wsio = Wsio::fed(file.try_clone().unwrap(), ["listen", "0"]);
    let url = wsio.says("listening on ");
    let mut peer = crate::harness::Peer::dial(url.trim_start_matches("ws://").trim_end_matches('/'));
    (0..20).for_each(|number| assert_eq!(peer.message().unwrap(), line(number)));
    wsio.signal(Signal::TERM);
    peer.answer_close();
    let done = wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(file.stream_position().unwrap(), size);
}
