//! Bounds: memory while somebody does not read, large messages, peers that flood.

use crate::harness::{Listening, Peer, Wsio, eventually, serve};
use std::{
    io::{Read, Write},
    process::{Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

/// KiB; the least that a wrong bound would give is the 256 MiB that are offered. What a session holds is some
/// 4 MiB; how much of what it has freed the allocator keeps, and of the program the system maps, varies.
const MEMORY: u64 = 96 * 1024;
const OFFERED: usize = 256 << 20;

#[cfg(target_os = "linux")]
#[test]
fn a_stalled_reader_of_stdout_costs_no_memory() {
    let (url, peer) = serve(|mut peer| {
        let payload = vec![b'x'; 64 << 10];
        for _ in 0..OFFERED / payload.len() {
            peer.send(true, 2, &payload);
        }
        peer.close(1000, "");
        peer.until_close()
    });
    let mut wsio = Command::new(env!("CARGO_BIN_EXE_wsio"))
        .args(["pipe", &url, "-"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = wsio.stdout.take().unwrap();
    // It fills what it may while nobody reads.
    thread::sleep(Duration::from_secs(1));
    let status = std::fs::read_to_string(format!("/proc/{}/status", wsio.id())).unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM")).unwrap().to_owned();
    let peak: u64 = peak.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(peak < MEMORY, "{peak} KiB");
    let (mut total, mut chunk) = (0, vec![0; 1 << 20]);
    while let Ok(count @ 1..) = out.read(&mut chunk) {
        assert!(chunk[..count].iter().all(|byte| *byte == b'x'));
        total += count;
    }
    assert_eq!(total, OFFERED, "it is intact after it resumes");
    eventually("it ends", || wsio.try_wait().unwrap().is_some());
    assert_eq!(wsio.wait().unwrap().code(), Some(0));
    peer.join().unwrap();
}

#[cfg(target_os = "linux")]
#[test]
fn a_stalled_peer_costs_no_memory() {
    let (url, peer) = serve(|mut peer| {
        thread::sleep(Duration::from_secs(1));
        let mut total = 0;
        while let Some(message) = peer.message() {
            total += message.len();
        }
        total
    });
    // The helper answers no Close: that is not what is looked at here.
    let mut wsio = Wsio::start(["pipe", "-", &url, "--linger", "0", "--close-timeout", "100ms"]);
    let chunk = vec![b'x'; 1 << 20];
    for _ in 0..OFFERED / chunk.len() {
        wsio.write(&chunk);
    }
    assert!(wsio.peak_kib() < MEMORY, "{} KiB", wsio.peak_kib());
    wsio.close_stdin();
    wsio.wait();
    assert_eq!(peer.join().unwrap(), OFFERED);
}

#[test]
fn a_long_line_is_one_message() {
    let (url, peer) = serve(|mut peer| {
        let message = peer.message().unwrap();
        peer.send(true, 1, &message);
        let close = peer.answer_close();
        (message.len(), close.unwrap().code())
    });
    let line = [vec![b'y'; 50_000_000], vec![b'\n']].concat();
    let done = Wsio::run(["connect", &url, "--linger", "2s"], line.clone());
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(done.out == line, "it comes back whole: {} bytes", done.out.len());
    assert_eq!(peer.join().unwrap(), (50_000_000, Some(1000)));
}

#[test]
fn a_slow_peer_gets_large_messages_one_after_the_other() {
    let lines: Vec<_> = (0..100).map(|n| vec![b'a' + n % 26; 300_000]).collect();
    let expected = lines.clone();
    let (url, peer) = serve(move |mut peer| {
        for (n, line) in expected.iter().enumerate() {
            thread::sleep(Duration::from_millis(20));
            assert!(peer.message().as_ref() == Some(line), "message {n}");
        }
        peer.answer_close().unwrap().code()
    });
    let input: Vec<_> = lines.into_iter().flat_map(|line| line.into_iter().chain([b'\n'])).collect();
    let done = Wsio::run(["connect", &url, "--send-only", "--linger", "0"], input);
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(peer.join().unwrap(), Some(1000));
}

#[test]
fn our_own_message_over_the_limit_is_65() {
    let (url, _peer) = serve(|mut peer| peer.answer_close());
    let done = Wsio::run(["connect", &url, "--max-message", "1k"], vec![b'z'; 2000]);
    assert_eq!(done.code, 65);
    assert!(done.err.contains("--max-message"), "{}", done.err);
}

#[test]
fn a_header_that_claims_a_terabyte_is_refused() {
    let (url, peer) = serve(|mut peer| {
        peer.raw(&[0x82, 127, 0, 0, 1, 0, 0, 0, 0, 0]);
        peer.answer_close().unwrap().code()
    });
    let done = Wsio::run(["connect", &url], "");
    assert_eq!(done.code, 113, "{}", done.err);
    assert_eq!(peer.join().unwrap(), Some(1009));
}

#[cfg(target_os = "linux")]
#[test]
fn pings_whose_pongs_are_never_read_cost_no_memory() {
    let listening = Listening::start(["listen", "0"]);
    let mut peer = Peer::dial(listening.address());
    peer.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut sent = 0usize;
    while sent < 64 << 20 && peer.try_send(true, 9, &[b'p'; 125]).is_ok() {
        sent += 125;
    }
    assert!(
        listening.wsio.peak_kib() < MEMORY,
        "{} KiB after {sent} bytes of pings",
        listening.wsio.peak_kib()
    );
}

#[cfg(target_os = "linux")]
#[test]
fn replies_that_are_never_read_cost_no_memory() {
    let listening = Listening::start(["listen", "0", "--reply", &format!("p={}", "r".repeat(4000))]);
    let mut peer = Peer::dial(listening.address());
    peer.stream.set_write_timeout(Some(Duration::from_millis(500))).unwrap();
    let mut sent = 0;
    while sent < 1 << 17 && peer.try_send(true, 1, b"p").is_ok() {
        sent += 1;
    }
    assert!(
        listening.wsio.peak_kib() < MEMORY,
        "{} KiB after {sent} messages that want a reply",
        listening.wsio.peak_kib()
    );
}

#[test]
fn two_hundred_messages_and_a_close_reach_a_client_that_keeps_flooding() {
    for _ in 0..10 {
        let mut listening =
            Listening::start(["listen", "0", "--once", "--linger", "0", "--close", "4000:done"]);
        let mut peer = Peer::dial(listening.address());
        let mut reader = peer.reader();
        let closed = Arc::new(AtomicBool::new(false));
        let heard = closed.clone();
        let seen = thread::spawn(move || {
            let mut texts = Vec::new();
            let close = loop {
                match reader.next() {
                    Some(frame) if frame.opcode == 8 => break frame.code(),
                    Some(frame) => texts.push(frame.text().to_owned()),
                    None => break None,
                }
            };
            heard.store(true, Ordering::SeqCst);
            (texts, close)
        });
        let flood = thread::spawn(move || {
            while !closed.load(Ordering::SeqCst) {
                peer.send(true, 2, &[b'f'; 20_000]);
            }
            peer.close(4000, "done");
        });
        let lines: Vec<String> = (0..200).map(|n| format!("message {n}")).collect();
        listening.wsio.write((lines.join("\n") + "\n").as_bytes());
        listening.wsio.close_stdin();
        let (texts, code) = seen.join().unwrap();
        assert_eq!(texts, lines);
        assert_eq!(code, Some(4000));
        flood.join().unwrap();
        let done = listening.wsio.wait();
        assert_eq!(done.code, 0, "{}", done.err);
    }
}

#[test]
fn descriptors_do_not_leak_over_many_sessions() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    let session = || {
        let mut peer = Peer::dial(listening.address());
        peer.text("x");
        assert_eq!(peer.message().unwrap(), b"x");
        peer.close(1000, "");
        peer.until_close();
    };
    session();
    #[cfg(target_os = "linux")]
    let before = listening.wsio.descriptors();
    for _ in 0..200 {
        session();
    }
    #[cfg(target_os = "linux")]
    eventually("all are closed", || listening.wsio.descriptors() <= before);
}

#[test]
fn a_full_disk_is_23() {
    let (url, peer) = serve(|mut peer| {
        peer.text("does not fit");
        peer.answer_close().unwrap().code()
    });
    let Ok(full) = std::fs::OpenOptions::new().write(true).open("/dev/full") else { return };
    let mut wsio = Command::new(env!("CARGO_BIN_EXE_wsio"));
    let child = wsio
        .args(["connect", &url])
        .stdin(Stdio::piped())
        .stdout(full)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let done = child.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(23));
    assert!(String::from_utf8_lossy(&done.stderr).contains("No space left"), "{done:?}");
    assert_eq!(peer.join().unwrap(), Some(1011));
    let _ = std::io::stdout().flush();
}

#[test]
fn a_full_disk_behind_a_file_is_23_too() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    for target in ["file:/dev/full", "append:/dev/full"] {
        let (url, peer) = serve(|mut peer| {
            peer.text("does not fit");
            peer.answer_close().unwrap().code()
        });
        let done = Wsio::run(["pipe", &url, target], "");
        assert!(done.code == 23 && done.err.contains("No space left"), "{target} {} {}", done.code, done.err);
        assert_eq!(peer.join().unwrap(), Some(1011), "{target}");
    }
}

/// What a run sent: the messages put together, and the longest payload of a frame.
fn frames(mut peer: Peer) -> (Vec<Vec<u8>>, usize) {
    let (mut messages, mut longest) = (vec![Vec::new()], 0);
    while let Some(frame) = peer.next() {
        if frame.opcode == 8 {
            peer.close(1000, "");
            break;
        }
        longest = longest.max(frame.payload.len());
        messages.last_mut().unwrap().extend_from_slice(&frame.payload);
        if frame.fin {
            messages.push(Vec::new());
        }
    }
    messages.pop();
    (messages, longest)
}

#[test]
fn no_frame_is_larger_than_was_asked_for() {
    let line = "é0123456789".repeat(9000);
    let input = format!("short\n{line}\n{line}\n");
    for (args, limit) in [
        (&["--max-frame", "32k"][..], 32 << 10),
        (&["--max-frame", "1000"], 1000),
        (&["--max-frame", "1"], 1),
        (&[], 256 << 10),
    ] {
        let (url, peer) = serve(frames);
        let done = Wsio::run([&["connect", "--linger", "0", &url][..], args].concat(), input.clone());
        let (messages, longest) = peer.join().unwrap();
        assert_eq!(done.code, 0, "{done:?}");
        assert!(longest <= limit, "{args:?}: {longest}");
        assert!(messages.iter().map(Vec::len).eq([5, line.len(), line.len()]), "{args:?}");
        assert!(messages[1] == line.as_bytes());
    }
}

#[test]
fn raw_pieces_are_cut_to_the_largest_frame() {
    let input: Vec<u8> = (0..300_000u32).map(|n| n as u8).collect();
    for args in [&["connect", "--in", "raw", "-b"][..], &["pipe", "-"]] {
        let (url, peer) = serve(frames);
        let done = Wsio::run([args, &[&url, "--linger", "0", "--max-frame", "8k"]].concat(), input.clone());
        let (messages, longest) = peer.join().unwrap();
        assert_eq!(done.code, 0, "{done:?}");
        assert!(longest <= 8 << 10 && messages.iter().all(|message| message.len() <= 8 << 10));
        assert!(messages.concat() == input);
    }
}

#[test]
fn a_server_and_a_compressed_message_heed_the_largest_frame_too() {
    let listening = Listening::start(["listen", "0", "--echo", "--max-frame", "2k"]);
    let mut peer = Peer::dial(listening.address());
    peer.text(&"x".repeat(10_000));
    let (mut length, mut fin) = (0, false);
    while !fin {
        let frame = peer.next().unwrap();
        assert!(frame.payload.len() <= 2 << 10);
        (length, fin) = (length + frame.payload.len(), frame.fin);
    }
    assert_eq!(length, 10_000);

    // What cannot be compressed becomes longer by it.
    let noise: Vec<u8> =
        (0..50_000u64).map(|n| (n.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as u8).collect();
    let relay = Listening::start(["listen", "0", "--once", "--compress", "--framing", "whole"]);
    let url = format!("ws://{}/", relay.address());
    let done = Wsio::run(
        ["connect", "--compress", "--framing", "whole", "-vv", "--max-frame", "1k", "--linger", "0", &url],
        noise.clone(),
    );
    assert_eq!(done.code, 0, "{}", done.err);
    assert!(relay.wsio.wait().out == noise);
    let sizes = done.err.lines().filter(|line| line.starts_with("> ") && line.contains(" bytes"));
    let sizes: Vec<usize> =
        sizes.filter_map(|line| line.split(" bytes").next()?.rsplit(' ').next()?.parse().ok()).collect();
    assert!(sizes.len() >= 48 && sizes.iter().all(|size| *size <= 1 << 10), "{sizes:?}");
}

#[test]
fn a_message_too_big_for_the_peer_is_told_with_its_size_and_what_makes_it_smaller() {
    for (args, sent, advice) in [
        (
            &[][..],
            100_000,
            "--max-frame 32k: the largest message sent had 100000 bytes, the largest frame 100000",
        ),
        (
            &["--max-frame", "32k"],
            100_000,
            "--max-frame 16k: the largest message sent had 100000 bytes, the largest frame 32768",
        ),
        (&[], 1000, "send messages of less than 1000 bytes"),
        (&["--recv-only"], 1000, "-vv to see what the peer means: no message was sent"),
    ] {
        let is_sent = !args.contains(&"--recv-only");
        let (url, peer) = serve(move |mut peer| {
            if is_sent {
                peer.message();
            }
            peer.close(1009, "too big");
            peer.until_close();
        });
        let done = Wsio::run([&["connect", &url][..], args].concat(), "x".repeat(sent) + "\n");
        peer.join().unwrap();
        assert_eq!(done.code, 115, "{done:?}");
        assert!(done.err.contains(&format!("try: {advice}")), "{done:?}");
    }
}
