//! Many clients at one source: lines to all, relays, rooms, and those who do not keep up.

use crate::harness::{Listening, Peer, Wsio, eventually};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

fn text(peer: &mut Peer) -> String {
    String::from_utf8(peer.message().unwrap()).unwrap()
}

#[test]
fn a_relay_sends_each_message_to_all_others_and_to_standard_output() {
    let mut listening = Listening::start(["listen", "0", "--relay"]);
    let mut peers: Vec<Peer> = (0..3).map(|_| Peer::dial(listening.address())).collect();
    eventually("all are in", || listening.wsio.err_so_far().matches(" open ").count() == 3);
    listening.wsio.write(b"from the server\n");
    peers.iter_mut().for_each(|peer| assert_eq!(text(peer), "from the server"));
    peers[0].text("from one");
    assert_eq!((text(&mut peers[1]), text(&mut peers[2])), ("from one".into(), "from one".into()));
    peers[1].text("from two");
    assert_eq!((text(&mut peers[0]), text(&mut peers[2])), ("from two".into(), "from two".into()));
    eventually("both on standard output", || listening.wsio.out_so_far() == b"from one\nfrom two\n");
}

#[test]
fn a_hub_joins_the_clients_that_name_it() {
    let listening = Listening::start(["listen", "0", "--to", "hub:room"]);
    let (mut one, mut two) = (Peer::dial(listening.address()), Peer::dial(listening.address()));
    eventually("both are in", || listening.wsio.err_so_far().matches(" open ").count() == 2);
    one.send(true, 2, b"\0bytes\xff");
    assert_eq!(two.message().unwrap(), b"\0bytes\xff");
    two.text("text");
    assert_eq!(text(&mut one), "text");
    one.close(1000, "");
    assert_eq!(one.until_close().unwrap().code(), Some(1000));
    two.text("to nobody");
    two.close(1000, "");
    assert_eq!(two.until_close().unwrap().code(), Some(1000));
}

#[test]
fn who_comes_late_gets_the_last_messages() {
    let mut listening = Listening::start(["listen", "0", "--last", "2"]);
    let mut first = Peer::dial(listening.address());
    listening.wsio.write(b"1\n2\n3\n");
    assert_eq!([text(&mut first), text(&mut first), text(&mut first)], ["1", "2", "3"]);
    let mut late = Peer::dial(listening.address());
    assert_eq!([text(&mut late), text(&mut late)], ["2", "3"]);
    listening.wsio.write(b"4\n");
    assert_eq!((text(&mut first), text(&mut late)), ("4".into(), "4".into()));
}

/// The next message; pings before it are answered.
fn message(peer: &mut Peer) -> Option<Vec<u8>> {
    loop {
        let frame = peer.next()?;
        match frame.opcode {
            9 => peer.send(true, 10, &frame.payload),
            8 => return None,
            _ => return Some(frame.payload),
        }
    }
}

/// What the `close` line of this client says was handed over, dropped, and left.
fn count(log: &str, client: u32) -> (usize, usize, usize) {
    let closes = format!("#{client} ");
    let line = log.lines().find(|line| line.contains(&closes) && line.contains(" close ")).unwrap();
    let before = |words: &str| {
        let (number, _) = line.split_once(words)?;
        number.rsplit(' ').next()?.parse().ok()
    };
    let out = line.rsplit_once(", out ").unwrap().1.split(' ').next().unwrap().parse().unwrap();
    let dropped =
        line.split_once("dropped ").map_or(0, |(_, rest)| rest.split(' ').next().unwrap().parse().unwrap());
    (out, dropped, before(" messages left unsent").unwrap_or(0))
}

#[test]
fn one_that_never_reads_misses_messages_and_they_are_counted() {
    let mut listening = Listening::start(["listen", "0", "--slow", "drop", "--queue", "64k"]);
    let mut good = Peer::dial(listening.address());
    let stalled = Peer::dial(listening.address());
    eventually("both are in", || listening.wsio.err_so_far().matches(" open ").count() == 2);
    let line = [vec![b'x'; 9_999], vec![b'\n']].concat();
    // In step with the one who reads, so that its own queue never overflows.
    for _ in 0..2000 {
        listening.wsio.write(&line);
        assert_eq!(good.message().unwrap().len(), 9_999);
    }
    #[cfg(target_os = "linux")]
    assert!(listening.wsio.peak_kib() < 32 * 1024, "{} KiB", listening.wsio.peak_kib());
    drop(stalled);
    eventually("it is counted", || listening.wsio.err_so_far().contains(" close "));
    let (out, dropped, left) = count(&listening.wsio.err_so_far(), 2);
    assert!(dropped > 0, "{}", listening.wsio.err_so_far());
    assert_eq!(out + dropped + left, 2000, "{}", listening.wsio.err_so_far());
}

#[test]
fn what_a_slow_client_misses_is_said_at_once_and_summed_up() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("record.jsonl");
    let args = ["--slow", "drop", "--queue", "64k", "--stats", "--record", file.to_str().unwrap()];
    for target in [&["--relay"][..], &["--to", "hub:chat"]] {
        let listening = Listening::start(["listen", "0"].iter().chain(&args).chain(target).copied());
        let mut good = Peer::dial(listening.address());
        eventually("it is in", || listening.wsio.err_so_far().contains("#1 127.0.0.1:"));
        let stalled = Peer::dial(listening.address());
        eventually("both are in", || listening.wsio.err_so_far().matches(" open ").count() == 2);
        let payload = vec![b'x'; 10_000];
        (0..3000).for_each(|_| good.send(true, 2, &payload));
        let said = listening.wsio.says("dropped 1 message for clients, #2 last, that do not keep up");
        assert!(said.contains("--slow drop") && said.contains("--queue"), "{said}");
        let before = listening.wsio.err_so_far();
        assert!(
            !before.contains("#2 127.0.0.1: close")
                && before.contains("hub:chat: dropped") == target.contains(&"--to")
        );
        assert_eq!(before.matches("dropped").count(), 1, "said once, then counted: {before}");
        drop(stalled);
        eventually("it is counted", || listening.wsio.err_so_far().contains(" close "));
        let (_, dropped, _) = count(&listening.wsio.err_so_far(), 2);
        good.close(1000, "");
        good.until_close();
        listening.wsio.signal(rustix::process::Signal::TERM);
        let done = listening.wsio.wait();
        let summed = format!("\ndropped: {dropped} messages that were too fast for a side");
        assert!(done.err.contains(&summed), "{summed}: {}", done.err);
        let records = std::fs::read_to_string(&file).unwrap();
        assert!(records.contains(&format!("\"dropped_messages\":{dropped},")), "{target:?}");
    }
}

#[test]
fn what_nobody_is_there_to_hear_is_said_once_and_counted() {
    let listening = Listening::start(["listen", "0", "--to", "hub:chat", "--stats"]);
    let mut alone = Peer::dial(listening.address());
    alone.text("anyone?");
    let said = listening.wsio.says("hub:chat: nobody else is in it: 1 message heard by nobody");
    assert!(said.contains("--last"), "{said}");
    alone.text("hello?");
    alone.text("no?");
    alone.close(1000, "");
    alone.until_close();
    assert!(listening.wsio.says(" close ").ends_with(", 3 messages heard by nobody"));
    listening.wsio.signal(rustix::process::Signal::TERM);
    let done = listening.wsio.wait();
    assert!(done.err.contains("\ndropped: 3 messages that nobody was there to hear"), "{}", done.err);
    assert_eq!(done.err.matches("nobody else is in it").count(), 1, "{}", done.err);
    // What is kept is heard by whoever comes, and a pipe says it too.
    let listening = Listening::start(["listen", "0", "--to", "hub:chat", "--last", "3"]);
    let mut first = Peer::dial(listening.address());
    first.text("kept");
    first.close(1000, "");
    first.until_close();
    listening.wsio.says(" close ");
    assert_eq!(text(&mut Peer::dial(listening.address())), "kept");
    assert!(!listening.wsio.err_so_far().contains("nobody"), "{}", listening.wsio.err_so_far());
    let done = Wsio::run(["pipe", "--framing", "lines", "-", "hub:chat", "--stats"], "a\nb\n");
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.err.matches("\n2 messages heard by nobody").count(), 1, "{}", done.err);
}

#[test]
fn last_messages_that_are_not_kept_are_told_of() {
    let mut listening = Listening::start(["listen", "0", "--last", "5", "--queue", "1k"]);
    let mut first = Peer::dial(listening.address());
    let line = |number: u32| format!("{number:400}\n");
    (0..6).for_each(|number| listening.wsio.write(line(number).as_bytes()));
    (0..6).for_each(|_| drop(text(&mut first)));
    let said = listening.wsio.says("--last 5: ");
    assert!(said.contains("--queue (1024 bytes)"), "{said}");
    let mut late = Peer::dial(listening.address());
    assert_eq!([text(&mut late), text(&mut late)].map(|text| text.trim().to_owned()), ["4", "5"]);
    // Kept in full, nothing is said.
    let mut listening = Listening::start(["listen", "0", "--last", "2"]);
    let mut first = Peer::dial(listening.address());
    (0..6).for_each(|number| listening.wsio.write(line(number).as_bytes()));
    (0..6).for_each(|_| drop(text(&mut first)));
    assert!(!listening.wsio.err_so_far().contains("--last"), "{}", listening.wsio.err_so_far());
}

#[test]
fn records_for_clients_that_are_not_here_are_said_once() {
    let mut listening = Listening::start(["listen", "0", "--in", "jsonl"]);
    let mut peer = Peer::dial(listening.address());
    let gone = "{\"type\":\"text\",\"data\":\"lost\",\"conn\":9}\n".repeat(5);
    listening.wsio.write(gone.as_bytes());
    listening.wsio.write(b"{\"type\":\"text\",\"data\":\"comes\",\"conn\":1}\n");
    assert_eq!(text(&mut peer), "comes");
    listening.wsio.says("no client #9 is here: dropped 1 record for clients that are not here");
    assert_eq!(listening.wsio.err_so_far().matches("#9").count(), 1, "{}", listening.wsio.err_so_far());
}

#[test]
fn one_that_takes_nothing_at_all_is_sent_away_and_what_it_missed_is_counted() {
    let mut listening = Listening::start([
        "listen",
        "0",
        // It is never full.
        "--queue=64M",
        "--ping-interval=200ms",
        "--ping-timeout=2s",
        "--close-timeout=200ms",
    ]);
    let mut good = Peer::dial(listening.address());
    let _stalled = Peer::dial(listening.address());
    eventually("both are in", || listening.wsio.err_so_far().matches(" open ").count() == 2);
    let mut stdin = listening.wsio.take_stdin();
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        let line = [vec![b'x'; 9_999], vec![b'\n']].concat();
        (0..2000).for_each(|_| stdin.write_all(&line).unwrap());
    });
    assert_eq!(std::iter::from_fn(|| message(&mut good)).take(2000).count(), 2000, "it gets all of it");
    writer.join().unwrap();
    eventually("it is sent away", || {
        listening.wsio.err_so_far().contains(" close 1013 try again later: too slow: took nothing for ")
    });
    let (out, dropped, left) = count(&listening.wsio.err_so_far(), 2);
    assert!(out + dropped <= 2000, "{}", listening.wsio.err_so_far());
    assert!(dropped > 0 && left == 0, "{}", listening.wsio.err_so_far());
}

#[test]
fn all_wait_for_a_slow_one_when_told_to() {
    let mut listening = Listening::start(["listen", "0", "--slow", "wait", "--queue", "64k"]);
    let peers = [Peer::dial(listening.address()), Peer::dial(listening.address())];
    eventually("both are in", || listening.wsio.err_so_far().matches(" open ").count() == 2);
    let mut stdin = listening.wsio.take_stdin();
    let writer = std::thread::spawn(move || {
        use std::io::Write;
        let line = [vec![b'x'; 9_999], vec![b'\n']].concat();
        (0..1500).for_each(|_| stdin.write_all(&line).unwrap());
    });
    let [mut first, mut second] = peers;
    let count = Arc::new(AtomicUsize::new(0));
    let counting = Arc::clone(&count);
    let reader = std::thread::spawn(move || {
        while counting.load(Ordering::SeqCst) < 1500 && first.message().is_some() {
            counting.fetch_add(1, Ordering::SeqCst);
        }
    });
    // The first one, who reads, gets nothing more once there is no room for the second.
    let mut before = 0;
    eventually("it stalls", || {
        std::thread::sleep(Duration::from_millis(300));
        let now = count.load(Ordering::SeqCst);
        now > 0 && std::mem::replace(&mut before, now) == now
    });
    assert!(before < 1500, "{before} came though the other one does not read");
    assert_eq!(std::iter::from_fn(|| second.message()).take(1500).count(), 1500);
    reader.join().unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1500);
    writer.join().unwrap();
}

#[test]
fn fan_out_options_need_a_fan_out() {
    for args in [
        &["listen", "0", "--echo", "--last", "3"][..],
        &["listen", "0", "--once", "--slow", "drop"],
        &["listen", "0", "--relay", "--echo"],
        &["listen", "0", "--to", "tcp:h:1", "--queue", "1k"],
        &["pipe", "ws-listen:0", "echo:", "--last", "3"],
    ] {
        let done = Wsio::run(args, "");
        assert_eq!(done.code, 2, "{args:?}: {}", done.err);
    }
    assert_eq!(Wsio::run(["pipe", "tcp-listen:0", "hub:"], "").code, 3);
}

#[test]
fn a_line_that_cannot_be_sent_is_told_to_all_at_once() {
    let mut listening = Listening::start(["listen", "0", "--json", "--grace", "10m"]);
    let mut peers = [Peer::dial(listening.address()), Peer::dial(listening.address())];
    eventually("both are in", || listening.wsio.err_so_far().matches(" open ").count() == 2);
    listening.wsio.write(b"{\"type\":\"text\",\"data\":\"good\"}\nbad\n");
    for peer in &mut peers {
        assert_eq!((text(peer).as_str(), peer.answer_close().unwrap().code()), ("good", Some(1000)));
    }
    let done = listening.wsio.wait();
    assert!(done.code == 65 && done.err.contains("line 2 is no JSON record"), "{} {}", done.code, done.err);
}

#[test]
fn a_server_that_is_ended_says_how_much_a_client_that_takes_nothing_did_not_get() {
    let args = ["listen", "0", "--slow", "drop", "--queue", "64k", "--grace", "500ms"];
    let mut listening = Listening::start(args);
    let mut good = Peer::dial(listening.address());
    let mut stalled = Peer::dial(listening.address());
    eventually("both are in", || listening.wsio.err_so_far().matches(" open ").count() == 2);
    let line = [vec![b'x'; 9_999], vec![b'\n']].concat();
    for _ in 0..2000 {
        listening.wsio.write(&line);
        assert_eq!(good.message().unwrap().len(), 9_999);
    }
    listening.wsio.signal(rustix::process::Signal::TERM);
    assert_eq!(good.answer_close().unwrap().code(), Some(1001));
    let done = listening.wsio.wait();
    let got = std::iter::from_fn(|| message(&mut stalled)).count();
    assert_eq!(done.code, 143, "{}", done.err);
    let words =
        "ended with 1 client that did not get everything or did not answer our Close within --grace; ";
    let (_, told) = done.err.split_once(words).unwrap_or_else(|| panic!("{}", done.err));
    let told: usize = told.split(' ').next().unwrap().parse().unwrap();
    assert!(told + got >= 1999 && told < 2000, "{told} are told, {got} came");
}
