//! permessage-deflate: what is offered and accepted, both directions of it, and its faults.

use crate::harness::{Listening, Peer, Wsio, eventually, field, serve, serve_many};
use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress};
use std::{thread, time::Duration};

/// FIN and RSV1 beside the opcodes of text and binary.
const TEXT: u8 = 0xc1;
const BINARY: u8 = 0xc2;
const DEFLATE: &str = "Sec-WebSocket-Extensions: permessage-deflate";

/// The other end's zlib.
struct Zlib(Compress, Decompress);

impl Zlib {
    fn new() -> Self {
        Self(Compress::new(Compression::default(), false), Decompress::new(false))
    }

    fn deflate(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(payload.len() + 1024);
        self.0.compress_vec(payload, &mut bytes, FlushCompress::Sync).unwrap();
        assert!(bytes.ends_with(&[0, 0, 0xff, 0xff]));
        bytes.truncate(bytes.len() - 4);
        bytes
    }

    fn inflate(&mut self, payload: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32 << 20);
        for part in [payload, &[0, 0, 0xff, 0xff]] {
            self.1.decompress_vec(part, &mut bytes, FlushDecompress::Sync).unwrap();
        }
        bytes
    }

    /// The next message, and whether it came compressed.
    fn message(&mut self, peer: &mut Peer) -> (Vec<u8>, bool) {
        let (mut payload, mut compressed) = (Vec::new(), None);
        loop {
            let frame = peer.next().expect("a message");
            if frame.opcode & 8 != 0 {
                continue;
            }
            assert!(compressed.is_none() || !frame.rsv1, "only the first frame says it");
            compressed.get_or_insert(frame.rsv1);
            payload.extend_from_slice(&frame.payload);
            if frame.fin {
                return match compressed {
                    Some(true) => (self.inflate(&payload), true),
                    _ => (payload, false),
                };
            }
        }
    }
}

fn send(peer: &mut Peer, first: u8, payload: &[u8]) {
    peer.try_send_first(first, payload).unwrap();
}

/// Lines of JSON, as feeds send them.
fn lines(count: usize) -> String {
    (0..count)
        .map(|n| {
            format!(
                "{{\"time\":{},\"symbol\":\"ABC\",\"price\":\"{}.{:02}\",\"size\":{}}}\n",
                n * 13,
                400 + n % 7,
                n % 100,
                n % 11
            )
        })
        .collect()
}

#[test]
fn connect_offers_and_both_directions_are_compressed() {
    let (url, peer) = serve_many(|listener| {
        let mut peer = Peer::accept_with(listener, &[DEFLATE]);
        let mut zlib = Zlib::new();
        let (mut got, mut compressed) = (String::new(), 0);
        for _ in 0..200 {
            let (message, is_compressed) = zlib.message(&mut peer);
            got += &(String::from_utf8(message).unwrap() + "\n");
            compressed += usize::from(is_compressed);
        }
        for line in lines(200).lines() {
            let payload = zlib.deflate(line.as_bytes());
            send(&mut peer, TEXT, &payload);
        }
        peer.text("plain is fine too");
        peer.close(1000, "");
        peer.until_close();
        (peer.head, got, compressed)
    });
    let done = Wsio::run(["connect", "--compress", "-v", "--linger", "inf", &url], lines(200));
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.text(), lines(200) + "plain is fine too\n");
    assert!(done.err.contains(", permessage-deflate\n"), "{}", done.err);
    let (head, got, compressed) = peer.join().unwrap();
    assert_eq!(
        field(&head, "sec-websocket-extensions").as_deref(),
        Some("permessage-deflate; client_max_window_bits")
    );
    assert_eq!(got, lines(200));
    assert!(compressed > 150, "{compressed} of 200: most are long enough");
}

#[test]
fn a_server_that_does_not_compress_gets_plain_frames() {
    let (url, peer) = serve(|mut peer| {
        let message = peer.next().unwrap();
        peer.answer_close();
        message
    });
    let line = "x".repeat(500);
    let done = Wsio::run(["connect", "--compress", "-v", "--linger", "0", &url], format!("{line}\n"));
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.err.contains("not compressed: the server does not"), "{}", done.err);
    let message = peer.join().unwrap();
    assert!(!message.rsv1 && message.text() == line);
}

#[test]
fn invalid_answers_are_110() {
    for (compress, answer, says) in [
        (false, "permessage-deflate", "`permessage-deflate`, which was not offered"),
        (true, "permessage-deflate; server_max_window_bits=16", "`server_max_window_bits` is `16`"),
        (true, "permessage-deflate; client_max_window_bits", "`client_max_window_bits` lacks its value"),
        (true, "permessage-deflate; what=1", "`what` is unknown"),
        (true, "permessage-deflate, permessage-deflate", "`permessage-deflate` twice"),
        (true, "x-webkit-deflate-frame", "`x-webkit-deflate-frame`, which was not offered"),
    ] {
        let line = format!("Sec-WebSocket-Extensions: {answer}");
        let (url, peer) = serve_many(move |listener| Peer::accept_with(listener, &[&line]).next());
        let args = if compress { &["connect", "--compress"][..] } else { &["connect"] };
        let done = Wsio::run(args.iter().copied().chain([url.as_str()]), "x\n");
        assert_eq!(done.code, 110, "{answer}: {}", done.err);
        assert!(done.err.contains(says), "{answer}: {}", done.err);
        assert_eq!(peer.join().unwrap(), None, "not a frame is sent");
    }
}

#[test]
fn the_servers_parameters_are_kept_to() {
    // Each of our messages has to stand alone, and reach no further back than 512 bytes.
    let (url, peer) = serve_many(|listener| {
        let line = format!("{DEFLATE}; client_no_context_takeover; client_max_window_bits=9");
        let mut peer = Peer::accept_with(listener, &[&line]);
        for n in 0..50 {
            let mut zlib = Zlib(
                Compress::new(Compression::default(), false),
                Decompress::new_with_window_bits(false, 9),
            );
            let (message, is_compressed) = zlib.message(&mut peer);
            assert_eq!(message, format!("{n} ").repeat(300).as_bytes());
            assert!(is_compressed);
        }
        peer.answer_close()
    });
    let input: String = (0..50).map(|n| format!("{n} ").repeat(300) + "\n").collect();
    let done = Wsio::run(["connect", "--compress", "--linger", "0", &url], input);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(peer.join().unwrap().unwrap().code(), Some(1000));
}

#[test]
fn a_compressed_frame_that_was_not_agreed_on_breaks_the_protocol() {
    let (url, peer) = serve(|mut peer| {
        send(&mut peer, TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00");
        peer.answer_close().unwrap().code()
    });
    let done = Wsio::run(["connect", &url], "");
    assert_eq!((done.code, peer.join().unwrap()), (111, Some(1002)), "{}", done.err);
    assert!(done.err.contains("reserved bits"), "{}", done.err);
}

#[test]
fn faults_of_compressed_messages_have_their_codes() {
    for (first, payload, code, close, says) in [
        (TEXT, &b"\x07\x00"[..], 111, 1002, "corrupt"),
        (TEXT, b"\x00\x02\x00\xfd\xff\xc3\x28\x00", 112, 1007, "UTF-8"),
        (0xc9, b"x", 111, 1002, "reserved bits"),
        (0xc0, b"\x00", 111, 1002, "reserved bits"),
    ] {
        let (url, peer) = serve_many(move |listener| {
            let mut peer = Peer::accept_with(listener, &[DEFLATE]);
            let before = Zlib::new().deflate(b"what came before is delivered");
            send(&mut peer, TEXT, &before);
            send(&mut peer, first, payload);
            peer.answer_close().unwrap().code()
        });
        let done = Wsio::run(["connect", "--compress", &url], "");
        assert_eq!((done.code, peer.join().unwrap()), (code, Some(close)), "{}", done.err);
        assert!(done.err.contains(says), "{}", done.err);
        assert_eq!(done.text(), "what came before is delivered\n");
    }
}

/// Zeros, a thousand to one.
fn bomb(size: usize) -> Vec<u8> {
    let mut zlib = Compress::new(Compression::default(), false);
    let mut bytes = Vec::with_capacity(size / 900 + 1024);
    for _ in 0..size >> 16 {
        zlib.compress_vec(&[0; 1 << 16], &mut bytes, FlushCompress::None).unwrap();
    }
    zlib.compress_vec(&[], &mut bytes, FlushCompress::Sync).unwrap();
    bytes.truncate(bytes.len() - 4);
    bytes
}

#[cfg(target_os = "linux")]
#[test]
fn a_bomb_ends_at_max_message_and_costs_no_more_memory() {
    let bomb = bomb(80 << 20);
    assert!(bomb.len() < (80 << 20) / 900);
    for (first, limit) in [(BINARY, 8 << 10), (TEXT, 8 << 10), (BINARY, 64 << 10)] {
        let args = ["listen", "0", "--compress", "--max-message", &format!("{limit}k")];
        let listening = Listening::start(args);
        let mut peer = Peer::dial_with(listening.address(), "/", &[DEFLATE]);
        send(&mut peer, TEXT, &Zlib::new().deflate(b"what a peer costs at all"));
        eventually("its text", || listening.wsio.out_so_far().ends_with(b"at all\n"));
        let before = listening.wsio.peak_kib();
        let mut reader = peer.reader();
        let bomb = bomb.clone();
        // It may end before all of it is written.
        let writing = thread::spawn(move || peer.try_send_first(first, &bomb));
        assert_eq!(reader.until_close().unwrap().code(), Some(1009));
        reader.stream.shutdown(std::net::Shutdown::Both).unwrap();
        listening.wsio.says(" close ");
        let more = listening.wsio.peak_kib() - before;
        assert!(more < limit + 2048, "{more} KiB for a limit of {limit} KiB");
        let _ = writing.join().unwrap();
    }
}

#[test]
fn what_is_restored_of_unfinished_messages_counts_for_all() {
    let limits = ["--max-message", "48M", "--max-buffer", "64M"];
    let listening = Listening::start(["listen", "0", "--compress"].into_iter().chain(limits));
    let (bomb, mut closed) = (bomb(40 << 20), None);
    let mut peers: Vec<_> = (0..2).map(|_| Peer::dial_with(listening.address(), "/", &[DEFLATE])).collect();
    for peer in &mut peers {
        // A first fragment, and no other.
        peer.try_send_first(0x42, &bomb).unwrap();
        peer.stream.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    }
    eventually("one of them is closed", || {
        let mut head = [0; 4];
        let mut read = |peer: &mut Peer| std::io::Read::read_exact(&mut peer.stream, &mut head).is_ok();
        let any = peers.iter_mut().any(&mut read);
        closed = any.then(|| (head[0], u16::from_be_bytes([head[2], head[3]])));
        any
    });
    assert_eq!(closed, Some((0x88, 1013)));
    listening.wsio.says("--max-buffer");
}

#[test]
fn listen_accepts_the_first_offer_it_can_and_answers_it() {
    let listening = Listening::start(["listen", "0", "--echo", "--compress", "-v"]);
    let plain = Listening::start(["listen", "0", "--echo"]);
    for (number, (offer, answer)) in (1..).zip([
        ("permessage-deflate; client_max_window_bits", Some("permessage-deflate")),
        (
            "permessage-deflate; server_max_window_bits=77, permessage-deflate; server_max_window_bits=10; server_no_context_takeover",
            Some("permessage-deflate; server_no_context_takeover; server_max_window_bits=10"),
        ),
        ("permessage-deflate; what", None),
        ("x-webkit-deflate-frame", None),
    ]) {
        let line = format!("Sec-WebSocket-Extensions: {offer}");
        let mut peer = Peer::dial_with(listening.address(), "/", &[&line]);
        assert_eq!(field(&peer.head, "sec-websocket-extensions").as_deref(), answer, "{offer}");
        if let Some(answer) = answer {
            assert_eq!(listening.wsio.says(&format!("#{number} > Sec-WebSocket-Extensions: {answer}")), "", "nothing more is agreed on");
        }
        let text = "again and ".repeat(50);
        peer.text(&text);
        let (message, is_compressed) = Zlib::new().message(&mut peer);
        assert_eq!((message.as_slice(), is_compressed), (text.as_bytes(), answer.is_some()), "{offer}");
        let peer = Peer::dial_with(plain.address(), "/", &[&line]);
        assert_eq!(field(&peer.head, "sec-websocket-extensions"), None, "without --compress");
    }
}

#[test]
fn large_messages_come_back_whole_in_any_mixture() {
    let listening = Listening::start(["listen", "0", "--echo", "--compress"]);
    let mut peer = Peer::dial_with(listening.address(), "/", &[DEFLATE]);
    let mut reader = peer.reader();
    let large = lines(300_000).into_bytes();
    assert!(large.len() > 15_000_000);
    let (expected, mut zlib) = (large.clone(), Zlib::new());
    let writing = thread::spawn(move || {
        send(&mut peer, 0x41, &zlib.deflate(&large[..100]));
        // Fragments may lie anywhere in the compressed bytes.
        peer.send(false, 0, &[]);
        let rest = zlib.deflate(&large[100..]);
        // What a flush leaves out ends a message only: here it stands in the middle.
        send(&mut peer, 0, &[0, 0, 0xff, 0xff]);
        for piece in rest.chunks(rest.len() / 7) {
            peer.send(false, 0, piece);
            peer.send(true, 9, b"between");
        }
        peer.send(true, 0, &[]);
        peer.send(true, 2, &large);
        peer.text("short");
        peer
    });
    let mut zlib = Zlib::new();
    assert!(zlib.message(&mut reader) == (expected.clone(), true));
    assert!(zlib.message(&mut reader) == (expected, true));
    assert_eq!(zlib.message(&mut reader), (b"short".to_vec(), false));
    writing.join().unwrap();
}

#[test]
fn each_side_of_a_bridge_agrees_for_itself() {
    let (url, server) = serve_many(|listener| {
        let mut plain = Peer::accept(listener);
        let got = plain.next().unwrap();
        plain.text(&"back ".repeat(100));
        plain.answer_close();
        (field(&plain.head, "sec-websocket-extensions"), got)
    });
    let bridge = Listening::start(["pipe", "--compress", "ws-listen:0", &url]);
    let mut peer = Peer::dial_with(bridge.address(), "/", &[DEFLATE]);
    let mut zlib = Zlib::new();
    let text = "forth ".repeat(100);
    let payload = zlib.deflate(text.as_bytes());
    send(&mut peer, TEXT, &payload);
    assert_eq!(zlib.message(&mut peer), ("back ".repeat(100).into_bytes(), true));
    peer.close(1000, "");
    peer.until_close();
    let (offer, got) = server.join().unwrap();
    assert_eq!(offer.as_deref(), Some("permessage-deflate; client_max_window_bits"));
    assert_eq!((got.text(), got.rsv1), (text.as_str(), false));
}

#[cfg(target_os = "linux")]
#[test]
fn clients_that_say_nothing_do_not_cost_a_compressor() {
    let listening = Listening::start(["listen", "0", "--echo", "--compress"]);
    let before = listening.wsio.peak_kib();
    let mut peers: Vec<Peer> =
        (0..200).map(|_| Peer::dial_with(listening.address(), "/", &[DEFLATE])).collect();
    for peer in &mut peers {
        peer.text("short");
        assert_eq!(peer.message().unwrap(), b"short");
    }
    let each = (listening.wsio.peak_kib() - before) / 200;
    assert!(each < 100, "{each} KiB a client; zlib's state is above 250");
}

#[test]
fn the_built_in_echo_server_compresses_too() {
    let done = Wsio::run(["connect", "--compress", "-v", "echo:"], lines(100));
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.text(), lines(100));
    assert!(done.err.contains(", permessage-deflate\n"), "{}", done.err);
}

#[test]
fn statistics_tell_how_far_messages_shrank() {
    let listening = Listening::start(["listen", "0", "--echo", "--compress", "--stats"]);
    let args = ["connect", "--compress", "--stats", "--in", "whole", &listening.url];
    let done = Wsio::run(args, lines(1000));
    assert_eq!(done.code, 0, "{}", done.err);
    listening.wsio.signal(rustix::process::Signal::INT);
    let served = listening.wsio.wait();
    for said in [done.err, served.err] {
        for way in ["in: ", "out: "] {
            let line = said.lines().find(|line| line.starts_with(way)).unwrap_or_else(|| panic!("{said}"));
            let (_, percent) = line.split_once(", compressed to ").unwrap_or_else(|| panic!("{said}"));
            assert!(percent.strip_suffix(" %").unwrap().parse::<u8>().unwrap() < 50, "{line}");
        }
    }
}

#[test]
fn where_it_would_do_nothing_it_is_refused_and_headers_are_not_the_way() {
    for (args, says) in [
        (&["pipe", "--compress", "-", "tcp:127.0.0.1:1"][..], "--compress needs a WebSocket endpoint"),
        (
            &["connect", "-H", "Sec-WebSocket-Extensions: permessage-deflate", "ws://127.0.0.1:1"],
            "write --compress",
        ),
        (&["listen", "-H", "Sec-WebSocket-Extensions: permessage-deflate", "0"], "write --compress"),
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
        assert!(done.err.contains(says), "{args:?}: {}", done.err);
    }
}

#[test]
fn a_peer_that_vanishes_in_a_compressed_message_is_told_how_far_it_came() {
    let listening = Listening::start(["listen", "0", "--echo", "--compress"]);
    let mut peer = Peer::dial_with(listening.address(), "/", &[DEFLATE]);
    send(&mut peer, 0x41, &Zlib::new().deflate(&[b'x'; 1000]));
    let err = listening.wsio.err_so_far();
    assert!(!err.contains(" close "), "{err}");
    drop(peer);
    eventually("its end", || listening.wsio.err_so_far().contains("bytes into a message (dropped)"));
}
