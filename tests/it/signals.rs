//! Signals and a reader that leaves, with the real process and real pipes.

use crate::harness::{Listening, Peer, Wsio, eventually, serve};
use rustix::process::Signal;
use std::{
    process::{Command, Stdio},
    thread::sleep,
    time::Duration,
};

#[test]
fn the_first_signal_closes_politely() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143), (Signal::HUP, 129)] {
        let (url, peer) = serve(|mut peer| {
            peer.text("up");
            peer.answer_close().map(|frame| frame.code())
        });
        let wsio = Wsio::start(["connect", &url]);
        eventually("it is open", || wsio.out_so_far() == b"up\n");
        wsio.signal(signal);
        let done = wsio.wait();
        assert_eq!(done.code, code);
        // ssh hangs up on its ProxyCommand at every normal end.
        assert_eq!(done.err.is_empty(), signal == Signal::HUP, "{}", done.err);
        assert_eq!(peer.join().unwrap(), Some(Some(1001)));
    }
}

#[test]
fn the_second_signal_ends_at_once() {
    let (url, peer) = serve(|mut peer| {
        peer.text("up");
        let close = peer.until_close();
        // No answer: only the second signal ends it before --close-timeout.
        peer.next();
        close.map(|frame| frame.code())
    });
    let wsio = Wsio::start(["connect", &url, "--close-timeout", "10m"]);
    eventually("it is open", || wsio.out_so_far() == b"up\n");
    wsio.signal(Signal::INT);
    sleep(Duration::from_millis(200));
    wsio.signal(Signal::TERM);
    assert_eq!(wsio.wait().code, 143);
    assert_eq!(peer.join().unwrap(), Some(Some(1001)));
}

/// A peer that says so when it is connected, answers each message, and gives the code of the Close.
fn answering() -> (String, std::thread::JoinHandle<Option<u16>>) {
    serve(|mut peer| {
        peer.text("up");
        loop {
            let frame = peer.next().expect("a Close comes");
            match frame.opcode {
                1 => peer.text(&format!("got {}", frame.text())),
                8 => {
                    let _ = peer.try_send(true, 8, &frame.payload);
                    return frame.code();
                }
                _ => {}
            }
        }
    })
}

const IGNORABLE: [(&str, Signal, i32); 2] = [("INT", Signal::INT, 130), ("HUP", Signal::HUP, 129)];

#[test]
fn a_signal_that_was_ignored_stays_ignored() {
    for (name, signal, _) in IGNORABLE {
        for args in [&["connect"][..], &["pipe", "--framing", "lines", "-"]] {
            let (url, peer) = answering();
            let mut wsio = Wsio::ignoring(name, args.iter().copied().chain([&*url]));
            eventually("it is open", || wsio.out_so_far() == b"up\n");
            for round in 1..=3 {
                wsio.signal(signal);
                wsio.write(b"on\n");
                let answers = "got on\n".repeat(round);
                eventually("it goes on", || wsio.out_so_far() == format!("up\n{answers}").as_bytes());
            }
            wsio.close_stdin();
            let done = wsio.wait();
            assert_eq!((done.code, &*done.err), (0, ""), "{name} {args:?}");
            assert_eq!(peer.join().unwrap(), Some(1000), "{name} {args:?}");
        }
    }
}

#[test]
fn other_signals_end_what_ignores_one() {
    for (name, ignored, _) in IGNORABLE {
        let others =
            IGNORABLE.iter().filter(|(other, ..)| *other != name).map(|(_, other, code)| (*other, *code));
        for (signal, code) in others.chain([(Signal::TERM, 143)]) {
            let (url, peer) = answering();
            let wsio = Wsio::ignoring(name, ["connect", &url]);
            eventually("it is open", || wsio.out_so_far() == b"up\n");
            wsio.signal(ignored);
            wsio.signal(signal);
            assert_eq!(wsio.wait().code, code, "{name}");
            assert_eq!(peer.join().unwrap(), Some(1001), "{name}");
        }
    }
}

#[test]
fn a_command_that_a_script_leaves_in_the_background_is_not_interrupted() {
    let (url, peer) = answering();
    // Without job control the shell has SIGINT ignored, and takes standard input away unless told otherwise.
    let script = "exec 3<&0; \"$0\" connect \"$1\" <&3 3<&- & echo \"pid $!\"; exec 3<&-; wait $!";
    let mut command = Command::new("/bin/sh");
    let mut shell = Wsio::spawn(command.args(["-c", script, env!("CARGO_BIN_EXE_wsio"), &url]));
    let mut pid = None;
    eventually("it is open", || {
        let out = String::from_utf8(shell.out_so_far()).unwrap();
        pid = out.lines().find_map(|line| line.strip_prefix("pid ")?.parse().ok());
        out.contains("up\n") && pid.is_some()
    });
    let pid = rustix::process::Pid::from_raw(pid.unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    shell.write(b"on\n");
    eventually("it goes on", || shell.out_so_far().ends_with(b"got on\n"));
    shell.close_stdin();
    assert_eq!(shell.wait().code, 0);
    assert_eq!(peer.join().unwrap(), Some(1000));
}

#[test]
fn a_server_goes_on_after_an_ignored_signal() {
    for (name, signal, _) in IGNORABLE {
        let server = Wsio::ignoring(name, ["listen", "0", "--echo"]);
        let url = server.says("listening on ");
        let mut peer = Peer::dial(url.trim_start_matches("ws://").trim_end_matches('/'));
        for _ in 0..3 {
            server.signal(signal);
            peer.text("hello");
            assert_eq!(peer.message().unwrap(), b"hello", "{name}");
        }
        server.signal(Signal::TERM);
        assert_eq!(peer.answer_close().unwrap().code(), Some(1001), "{name}");
        assert_eq!(server.wait().code, 0, "{name}");
    }
}

#[test]
fn a_signal_before_the_connection_is_open_ends_it() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ws://{}/", listener.local_addr().unwrap());
    let wsio = Wsio::start(["connect", &url, "-v"]);
    wsio.says("connected to ");
    wsio.signal(Signal::INT);
    assert_eq!(wsio.wait().code, 130);
}

#[test]
fn a_reader_that_leaves_an_endless_feed() {
    let (url, peer) = serve(|mut peer| {
        let mut reading = peer.reader();
        let close = std::thread::spawn(move || reading.until_close().map(|frame| frame.code()));
        while peer.try_send(true, 1, b"a line of the feed").is_ok() {}
        close.join().unwrap()
    });
    let mut wsio = Command::new(env!("CARGO_BIN_EXE_wsio"))
        .args(["connect", &url])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut head = Command::new("head")
        .arg("-1")
        .stdin(wsio.stdout.take().unwrap())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    eventually("wsio ends", || wsio.try_wait().unwrap().is_some());
    let done = wsio.wait_with_output().unwrap();
    assert_eq!(done.status.code(), Some(141));
    assert!(done.stderr.is_empty(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(head.wait().unwrap().success());
    assert_eq!(peer.join().unwrap(), Some(Some(1001)));
}

#[test]
fn a_reader_that_leaves_is_noticed_while_nothing_arrives() {
    let (url, peer) = serve(|mut peer| {
        peer.text("only one");
        peer.answer_close().map(|frame| frame.code())
    });
    let mut wsio = Command::new(env!("CARGO_BIN_EXE_wsio"))
        .args(["connect", &url])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut head = Command::new("head")
        .arg("-1")
        .stdin(wsio.stdout.take().unwrap())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    assert!(head.wait().unwrap().success());
    let _stdin = wsio.stdin.take();
    eventually("wsio ends", || wsio.try_wait().unwrap().is_some());
    assert_eq!(wsio.wait().unwrap().code(), Some(141));
    assert_eq!(peer.join().unwrap(), Some(Some(1001)));
}

#[test]
fn a_server_drains_at_a_signal() {
    let listening = Listening::start(["listen", "0", "--echo"]);
    let mut peers = [Peer::dial(listening.address()), Peer::dial(listening.address())];
    for peer in &mut peers {
        peer.text("hello");
        assert_eq!(peer.message().unwrap(), b"hello");
    }
    listening.wsio.signal(Signal::TERM);
    for peer in &mut peers {
        assert_eq!(peer.answer_close().unwrap().code(), Some(1001));
    }
    let done = listening.wsio.wait();
    assert_eq!(done.code, 0, "{}", done.err);
    assert_eq!(done.err.matches("close 1001 going away").count(), 2, "{}", done.err);
}

#[test]
fn a_server_whose_clients_do_not_drain_says_so_with_its_exit() {
    let listening = Listening::start(["listen", "0", "--echo", "--grace", "200ms"]);
    let mut peer = Peer::dial(listening.address());
    listening.wsio.signal(Signal::INT);
    assert_eq!(peer.until_close().unwrap().code(), Some(1001));
    let done = listening.wsio.wait();
    assert!(
        done.code == 130 && done.err.contains(" close 1006 abnormal: cut off"),
        "{} {}",
        done.code,
        done.err
    );
}

#[test]
fn a_reader_that_has_all_it_wanted_may_leave() {
    for _ in 0..20 {
        let (url, _peer) = serve(|mut peer| {
            peer.text("one");
            peer.answer_close()
        });
        let mut child = Command::new(env!("CARGO_BIN_EXE_wsio"))
            .args(["connect", &url, "-1"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = child.stdout.take().unwrap();
        std::io::Read::read_exact(&mut out, &mut [0; 4]).unwrap();
        drop(out);
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}
