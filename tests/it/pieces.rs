//! Large messages pass in pieces where nothing needs the whole: in little memory, and not late.

use crate::harness::{Listening, Peer, Wsio, serve};
use std::{
    io::{Read, Write, pipe},
    process::Stdio,
};

/// Far more than a bridge may hold. Bytes.
const LARGE: usize = 64 << 20;
/// What it may hold, with the program itself. KiB.
const MOST: u64 = 24 * 1024;

fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|index| b'a' + (index % 23) as u8).collect()
}

#[test]
fn a_message_larger_than_memory_may_be_flows_to_standard_output() {
    for opcode in [1, 2] {
        let (url, peer) = serve(move |mut peer| {
            peer.send(true, opcode, &payload(LARGE));
            peer.close(1000, "");
            peer.until_close();
        });
        let (mut out, stdout) = pipe().unwrap();
        let given = ["connect", &url, "--recv-only", "--max-message", "100M", "--out", "raw"];
        let wsio = Wsio::between(Stdio::null(), stdout, given);
        let mut got = vec![0; LARGE];
        let (first, second) = got.split_at_mut(LARGE / 2);
        out.read_exact(first).unwrap();
        let peak = wsio.peak_kib();
        out.read_exact(second).unwrap();
        assert!(got == payload(LARGE));
        assert!(peak < MOST, "{peak} KiB");
        let mut rest = Vec::new();
        out.read_to_end(&mut rest).unwrap();
        assert_eq!((&rest[..], wsio.wait().code), (&b""[..], 0));
        peer.join().unwrap();
    }
}

#[test]
fn what_has_come_of_a_large_message_is_passed_on_before_the_rest() {
    let (url, peer) = serve(|mut peer| {
        // Two fragments, of which the second is not whole.
        peer.send(false, 2, b"first ");
        peer.raw(&[0x80, 126, 0x80, 0]);
        peer.raw(b"second ");
        peer
    });
    let (mut out, stdout) = pipe().unwrap();
    let wsio = Wsio::between(Stdio::null(), stdout, ["connect", &url, "--recv-only", "--out", "raw"]);
    let mut got = [0; 13];
    out.read_exact(&mut got).unwrap();
    assert_eq!(&got, b"first second ");
    drop(peer.join().unwrap());
    let done = wsio.wait();
    assert_eq!(done.code, 56, "{}", done.err);
    assert!(done.err.contains("19 bytes into a message (passed on as they came)"), "{}", done.err);
}

#[test]
fn all_input_as_one_message_leaves_while_it_is_read() {
    let (url, peer) = serve(|mut peer| {
        let first = peer.next().unwrap();
        let (mut opcodes, mut payload) = (vec![(first.opcode, first.fin)], first.payload);
        while let Some(frame) = peer.next().filter(|frame| frame.opcode != 8) {
            opcodes.push((frame.opcode, frame.fin));
            payload.extend_from_slice(&frame.payload);
        }
        peer.close(1000, "");
        (opcodes, payload)
    });
    let args = ["connect", &url, "--in", "whole", "--text", "--max-message", "100M"];
    let mut wsio = Wsio::start(args);
    let mut stdin = wsio.take_stdin();
    let text = "ü".repeat(LARGE / 2);
    stdin.write_all(text.as_bytes()).unwrap();
    // No more than the pipe and the sockets have room for is still to come.
    let peak = wsio.peak_kib();
    drop(stdin);
    let done = wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    let (opcodes, payload) = peer.join().unwrap();
    assert!(payload == text.as_bytes());
    assert!(opcodes.len() > 100 && opcodes[0] == (1, false), "{opcodes:?}");
    let (last, between) = opcodes[1..].split_last().unwrap();
    assert!(between.iter().all(|frame| *frame == (0, false)) && *last == (0, true));
    assert!(peak < MOST, "{peak} KiB");
}

#[test]
fn a_small_input_is_one_frame() {
    let (url, peer) = serve(|mut peer| {
        let frame = peer.next().unwrap();
        peer.close(1000, "");
        peer.until_close();
        (frame.opcode, frame.fin, frame.payload)
    });
    let done = Wsio::run(["connect", &url, "--in", "whole"], "small");
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(peer.join().unwrap(), (2, true, b"small".to_vec()));
}

#[test]
fn input_that_turns_out_bad_leaves_its_message_unfinished() {
    let bad = [&payload(2_000_000)[..], b"\xff", &payload(100)].concat();
    for (args, input, why) in [
        (&["--text"][..], bad, "not UTF-8 (byte 2000001)"),
        (&["--max-message", "300k"], payload(400_000), "longer than 307200 bytes"),
    ] {
        let (url, peer) = serve(|mut peer| {
            let mut ended = false;
            loop {
                let frame = peer.next().unwrap();
                if frame.opcode == 8 {
                    peer.close(1000, "");
                    return (ended, frame.code());
                }
                ended |= frame.fin;
            }
        });
        let done = Wsio::run(["connect", &url, "--in", "whole"].iter().chain(args), input);
        assert_eq!(done.code, 65, "{}", done.err);
        assert!(done.err.contains(why), "{}", done.err);
        assert_eq!(peer.join().unwrap(), (false, Some(1011)));
    }
}

#[test]
fn a_relay_passes_a_large_message_on_as_it_comes_and_keeps_its_type_and_its_end() {
    let (url, server) = serve(|mut peer| {
        let (mut messages, mut open): (Vec<(u8, Vec<u8>)>, bool) = (Vec::new(), false);
        while let Some(frame) = peer.next() {
            match frame.opcode {
                8 => break,
                0 => messages.last_mut().unwrap().1.extend_from_slice(&frame.payload),
                opcode => {
                    assert!(!open, "a message begins in another");
                    messages.push((opcode, frame.payload.clone()));
                }
            }
            open = !frame.fin;
        }
        peer.close(1000, "");
        messages
    });
    let relay = Listening::start(["listen", "0", "--to", &url, "--max-message", "100M"]);
    let mut client = Peer::dial(relay.address());
    client.send(true, 2, &payload(LARGE / 4));
    client.text("between");
    client.send(false, 1, "gr\u{fc}".as_bytes().split_last().unwrap().1);
    client.send(true, 0, b"\xbcn");
    client.send(true, 1, &payload(100_000));
    client.close(1000, "");
    client.until_close();
    let messages = server.join().unwrap();
    let expected = [
        (2, payload(LARGE / 4)),
        (1, b"between".to_vec()),
        (1, "gr\u{fc}n".as_bytes().to_vec()),
        (1, payload(100_000)),
    ];
    assert!(messages == expected);
    assert!(relay.wsio.peak_kib() < MOST, "{} KiB", relay.wsio.peak_kib());
}

#[test]
fn a_large_text_that_is_wrong_ends_where_it_is_and_what_came_before_stands() {
    let (url, peer) = serve(|mut peer| {
        let mut text = payload(200_000);
        text[150_000] = 0xff;
        peer.try_send(true, 1, &text).unwrap();
        peer.until_close().and_then(|close| close.code())
    });
    let done = Wsio::run(["connect", &url, "--recv-only", "--out", "raw"], "");
    assert_eq!(done.code, 112, "{}", done.err);
    assert!(payload(150_000).starts_with(&done.out), "only what is right is passed on");
    assert_eq!(peer.join().unwrap(), Some(1007));
}

#[test]
fn the_limit_on_a_message_counts_its_pieces() {
    let (url, peer) = serve(|mut peer| {
        for number in 0..40 {
            let opcode = if number == 0 { 2 } else { 0 };
            if peer.try_send(false, opcode, &payload(30_000)).is_err() {
                break;
            }
        }
        peer.until_close().and_then(|close| close.code())
    });
    let done = Wsio::run(["connect", &url, "--recv-only", "--out", "raw", "--max-message", "1M"], "");
    assert!(done.err.contains("the limit is 1048576"), "{}", done.err);
    assert!(done.out.len() <= 1 << 20);
    assert_eq!(peer.join().unwrap(), Some(1009));
}

#[test]
fn a_message_that_was_passed_on_in_part_counts_once_and_as_unsent() {
    let (url, server) = serve(|mut peer| {
        let mut came = 0;
        while came < 60_000 {
            came += peer.next().unwrap().payload.len();
        }
        peer.close(1000, "");
        peer.until_close();
    });
    let relay = Listening::start(["listen", "0", "--to", &url]);
    let mut client = Peer::dial(relay.address());
    (0..3).for_each(|_| client.send(true, 2, b"hi"));
    client.send(false, 2, &payload(65_536));
    assert_eq!(client.until_close().unwrap().code(), Some(1000));
    client.close(1000, "");
    server.join().unwrap();
    relay.wsio.says("1 message left unsent");
    let said = relay.wsio.err_so_far();
    assert!(said.contains("in 3 messages 6 bytes"), "{said}");
}
