//! What a peer announces: nothing is reserved on its word, and a length that cannot be is a fault of its.

use crate::harness::{Done, Listening, Peer, Wsio, eventually, serve, serve_many};
use std::{
    process::Command,
    thread,
    time::{Duration, Instant},
};

/// The header of a client's binary frame of this length, under a mask of zeros.
fn announce(length: u64) -> Vec<u8> {
    [&[0x82, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat()
}

/// A server whose address space is bounded, KiB.
#[cfg(target_os = "linux")]
fn listen_within(kib: u64, args: &[&str]) -> Listening {
    let mut command = Command::new("/bin/sh");
    let script = format!("ulimit -v {kib}; exec \"$0\" \"$@\"");
    let wsio = Wsio::spawn(command.args(["-c", &script, env!("CARGO_BIN_EXE_wsio")]).args(args));
    let url = wsio.says("listening on ");
    Listening { wsio, url }
}

#[cfg(target_os = "linux")]
fn echoes(listening: &Listening, length: usize) {
    let mut honest = Peer::dial(listening.address());
    let message = vec![b'm'; length];
    honest.send(true, 2, &message);
    assert!(honest.message() == Some(message), "it comes back whole:\n{}", listening.wsio.err_so_far());
}

#[cfg(target_os = "linux")]
#[test]
fn forty_clients_that_announce_60_mib_cost_what_they_sent() {
    for more in [&[][..], &["--compress"]] {
        let listening = listen_within(1 << 20, &[&["listen", "0", "--echo"][..], more].concat());
        let mut silent = Vec::new();
        for n in 0..40 {
            let mut peer = Peer::dial_with(
                listening.address(),
                "/",
                if n % 2 == 0 { &[] } else { &["Sec-WebSocket-Extensions: permessage-deflate"] },
            );
            peer.raw(&announce(60 << 20));
            peer.raw(&[b'x'; 1024]);
            silent.push(peer);
        }
        echoes(&listening, 10);
        echoes(&listening, 3 << 20);
        let peak = listening.wsio.peak_kib();
        assert!(peak < 64 * 1024, "{peak} KiB for 40 KiB that came");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_message_that_memory_has_no_room_for_costs_its_sender_alone() {
    let listening = listen_within(400 << 10, &["listen", "0", "--echo", "--max-connections", "100"]);
    let address = listening.address().to_owned();
    let senders: Vec<_> = (0..16)
        .map(|n| {
            let mut peer = Peer::dial(&address);
            thread::spawn(move || {
                // All but the last byte, whole or in fragments: what came is kept.
                let piece = vec![b'x'; 1 << 20];
                let mut failed = false;
                if n % 2 == 0 {
                    peer.raw(&announce(40 << 20));
                }
                for at in 0..39 {
                    failed = failed
                        || match n % 2 {
                            0 => std::io::Write::write_all(&mut peer.stream, &piece),
                            _ => peer.try_send(false, if at == 0 { 2 } else { 0 }, &piece),
                        }
                        .is_err();
                }
                peer
            })
        })
        .collect();
    let mut peers: Vec<_> = senders.into_iter().map(|sender| sender.join().unwrap()).collect();
    eventually("it is told", || listening.wsio.err_so_far().contains("no memory for a message"));
    for peer in &peers {
        peer.stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    }
    let codes: Vec<_> = peers
        .iter_mut()
        .filter_map(|peer| {
            let mut head = [0; 4];
            let read = std::io::Read::read_exact(&mut peer.stream, &mut head);
            read.is_ok().then(|| (head[0], u16::from_be_bytes([head[2], head[3]])))
        })
        .collect();
    assert!(codes.iter().all(|code| *code == (0x88, 1009)), "{codes:?}");
    let refused = listening.wsio.err_so_far().matches("no memory for a message").count();
    assert!((1..16).contains(&refused), "{refused} of 16 were refused:\n{}", listening.wsio.err_so_far());
    // What the others hold is theirs; a message that is not large has room beside it.
    echoes(&listening, 10);
    echoes(&listening, 60_000);
    drop(peers);
    eventually("it is given back", || {
        let mut honest = Peer::dial(&address);
        honest.send(true, 2, &[b'm'; 3 << 20]);
        honest.message().is_some_and(|message| message.len() == 3 << 20)
    });
}

#[test]
fn a_length_over_the_limit_is_judged_before_its_payload() {
    let listening = Listening::start(["listen", "0", "--max-message", "1M"]);
    for frames in [
        announce((1 << 20) + 1),
        // What is assembled counts too, before the fragment that is too much has come.
        [&[0x02, 0x82, 0, 0, 0, 0, 1, 2, 0x80, 0xff][..], &(1u64 << 20).to_be_bytes(), &[0; 4]].concat(),
    ] {
        let mut peer = Peer::dial(listening.address());
        peer.raw(&frames);
        assert_eq!(peer.until_close().unwrap().code(), Some(1009));
    }
}

/// Frames whose length has its top bit set, from either side.
fn impossible(is_client: bool) -> Vec<(&'static str, Vec<u8>)> {
    let frame = |first: u8, length: u64| {
        let mut bytes = vec![first, if is_client { 0xff } else { 0x7f }];
        bytes.extend_from_slice(&length.to_be_bytes());
        bytes.extend_from_slice(&[0; 4][..if is_client { 4 } else { 0 }]);
        bytes
    };
    let begun = if is_client { &[0x01, 0x81, 0, 0, 0, 0, b'a'][..] } else { &[0x01, 0x01, b'a'] };
    let top = 1 << 63;
    vec![
        ("the bit alone, binary", frame(0x82, top)),
        ("all bits, text", frame(0x81, u64::MAX)),
        ("a short length otherwise", frame(0x82, top | 5)),
        ("a first fragment", frame(0x02, top)),
        ("a last fragment", [begun, &frame(0x80, top | 1)].concat()),
        ("a middle fragment", [begun, &frame(0x00, u64::MAX)].concat()),
        ("a ping", frame(0x89, top | 5)),
        ("a pong", frame(0x8a, top)),
        ("a Close", frame(0x88, top | 2)),
        ("a compressed message", frame(0xc2, top | 2)),
    ]
}

fn is_told(what: &str, done: &Done) {
    assert_eq!(done.code, 111, "{what}: {}", done.err);
    assert!(done.err.contains("a length with its top bit set"), "{what}: {}", done.err);
    let shown = done.err.lines().any(|line| line.contains('<') && line.contains("9223372036854775808"));
    assert!(shown || !what.contains("alone"), "-vv shows it: {}", done.err);
}

#[test]
fn a_length_with_its_top_bit_set_is_1002_and_111_for_a_client() {
    for (what, frames) in impossible(false) {
        for compress in [false, true] {
            let frames = frames.clone();
            let (url, peer) = serve_many(move |listener| {
                let agreed = compress.then_some("Sec-WebSocket-Extensions: permessage-deflate");
                let mut peer = Peer::accept_with(listener, agreed.as_slice());
                peer.raw(&frames);
                peer.answer_close().and_then(|close| close.code())
            });
            let more = compress.then_some("--compress");
            let done = Wsio::run(["connect", "-vv", &url].into_iter().chain(more), "");
            is_told(what, &done);
            assert_eq!(peer.join().unwrap(), Some(1002), "{what}");
        }
    }
}

#[test]
fn a_length_with_its_top_bit_set_is_1002_and_111_for_a_server() {
    for (what, frames) in impossible(true) {
        for extension in [&[][..], &["Sec-WebSocket-Extensions: permessage-deflate"]] {
            let listening = Listening::start(["listen", "0", "--once", "-vv", "--compress"]);
            let mut peer = Peer::dial_with(listening.address(), "/", extension);
            peer.raw(&frames);
            assert_eq!(peer.until_close().and_then(|close| close.code()), Some(1002), "{what}");
            drop(peer);
            is_told(what, &listening.wsio.wait());
        }
    }
}

#[test]
fn what_came_ahead_of_a_fault_is_answered_ahead_of_the_close() {
    let faults: [(&[u8], u16); 3] =
        [(b"\x83\x80\0\0\0\0", 1002), (b"\xc1\x80\0\0\0\0", 1002), (b"\x81\x81\0\0\0\0\xff", 1007)];
    for (fault, code) in faults {
        for count in [1, 3000] {
            // All of it in one piece, so that the fault is there when the messages are read.
            let bytes = [b"\x81\x82\0\0\0\0hi".repeat(count), fault.to_vec()].concat();
            let listening = Listening::start(["listen", "0", "--once", "--echo"]);
            let mut peer = Peer::dial(listening.address());
            peer.raw(&bytes);
            for number in 0..count {
                assert_eq!(peer.message().as_deref(), Some(&b"hi"[..]), "{number} of {count}, {code}");
            }
            assert_eq!(peer.next().and_then(|close| close.code()), Some(code), "after {count}");
            drop(peer);
            let unmasked = [b"\x81\x02hi".repeat(count), fault[..1].to_vec(), vec![0]].concat();
            let unmasked =
                if code == 1007 { [&unmasked[..4 * count], b"\x81\x01\xff"].concat() } else { unmasked };
            let (url, peer) = serve(move |mut peer| {
                peer.raw(&unmasked);
                let echoed = std::iter::from_fn(|| peer.next()).take_while(|frame| frame.opcode != 8);
                echoed.filter(|frame| frame.text() == "hi").count()
            });
            let done = Wsio::run(["pipe", &url, "echo:"], "");
            assert_eq!(peer.join().unwrap(), count, "{}", done.err);
        }
    }
}

#[test]
fn a_control_frame_that_is_too_long_is_refused_before_its_payload() {
    let listening = Listening::start(["listen", "0"]);
    for frame in
        [&b"\x89\xfe\x00\x7e\0\0\0\0"[..], b"\x8a\xff\0\0\0\0\x03\0\0\0\0\0\0\0", b"\x88\xfe\xff\xff\0\0\0\0"]
    {
        let mut peer = Peer::dial(listening.address());
        peer.raw(frame);
        assert_eq!(peer.until_close().unwrap().code(), Some(1002));
    }
}

#[test]
fn a_client_that_tells_a_length_in_a_longer_form_than_it_needs_is_refused() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    for frame in [
        &b"\x81\xfe\x00\x02\0\0\0\0hi"[..],
        b"\x82\xff\0\0\0\0\0\0\xff\xff\0\0\0\0",
        b"\x01\xff\0\0\0\0\0\0\0\x01\0\0\0\0h",
        b"\x89\xfe\x00\x01\0\0\0\0p",
    ] {
        let mut peer = Peer::dial(listening.address());
        peer.raw(frame);
        assert_eq!(peer.until_close().unwrap().code(), Some(1002));
    }
}

#[test]
fn a_server_that_tells_a_length_in_a_longer_form_than_it_needs_is_understood_and_noted() {
    for (frame, length) in [
        (&b"\x81\x7e\x00\x02hi"[..], 2),
        (b"\x81\x7f\0\0\0\0\0\0\0\x02hi", 2),
        (b"\x01\x7f\0\0\0\0\0\0\0\x01h\x80\x7e\x00\x01i", 1),
    ] {
        let (url, peer) = serve(move |mut peer| {
            peer.raw(frame);
            peer.close(1000, "");
            peer.until_close();
        });
        let done = Wsio::run(["connect", &url, "-v", "--recv-only"], "");
        assert_eq!((done.code, &done.out[..]), (0, &b"hi\n"[..]), "{}", done.err);
        let said = format!("the peer tells a length of {length} in a longer form than it needs");
        assert_eq!(done.err.matches(&said).count(), 1, "{}", done.err);
        peer.join().unwrap();
    }
}

#[test]
fn a_length_before_input_reserves_nothing() {
    let (url, peer) = serve(|mut peer| {
        let close = peer.answer_close();
        close.and_then(|close| close.code())
    });
    let start = Instant::now();
    let done = Wsio::run(
        ["connect", &url, "--in", "length", "--max-message", "4095M", "--binary"],
        &b"\xff\xef\xff\xff only this"[..],
    );
    assert_eq!(done.code, 65, "{} after {:?}", done.err, start.elapsed());
    assert!(done.err.contains("ends within record 1"), "{}", done.err);
    assert!(peer.join().unwrap().is_some());
}
