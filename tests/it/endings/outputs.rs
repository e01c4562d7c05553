//! The rows of the matrix where standard output takes nothing, or is slow: as pure events, and with real
//! sockets through the whole program.

use super::{closed, eof, polite, rules};
use crate::{
    harness::{Ended, Input, Output, Peer, Program, serve},
    session::{Robot, World, fault},
};
use std::{
    thread::sleep,
    time::{Duration, Instant},
};
use wsio::{
    exit::Exit,
    session::{Event, Side, SideKind},
};

/// Lines that come; the output takes the first of them.
const LINES: &str = "0123456789\n";

struct Row {
    name: &'static str,
    args: &'static [&'static str],
    /// What ends the session, to the pure one; `None` where time does.
    event: Option<fn() -> Event>,
    input: Input,
    /// What ends it, to the program, once the output has stalled.
    signal: Option<Exit>,
    peer: fn(Peer) -> Option<Option<u16>>,
    seen: Option<Option<u16>>,
    /// Where the output goes on by itself.
    pauses: bool,
    exit: Exit,
}

/// Says ten lines, then nothing until the Close, which it echoes.
fn talks_and_waits(mut peer: Peer) -> Option<Option<u16>> {
    peer.raw(&b"\x81\x0a0123456789".repeat(10));
    polite(peer)
}

/// Says ten lines at once, and goes on saying lines until it sees the Close.
fn talks_on(mut peer: Peer) -> Option<Option<u16>> {
    peer.raw(&b"\x81\x0a0123456789".repeat(10));
    let mut reader = peer.reader();
    let seen = std::thread::spawn(move || reader.until_close().map(|frame| frame.code()));
    while !seen.is_finished() && peer.try_send(true, 1, b"0123456789").is_ok() {
        sleep(Duration::from_millis(5));
    }
    let code = seen.join().unwrap();
    let payload = code.flatten().map_or_else(Vec::new, |code| code.to_be_bytes().to_vec());
    let _ = peer.try_send(true, 8, &payload);
    code
}

fn talks_and_closes(mut peer: Peer) -> Option<Option<u16>> {
    peer.raw(&b"\x81\x0a0123456789".repeat(10));
    peer.close(1000, "");
    peer.until_close().map(|frame| frame.code())
}

fn rows() -> Vec<Row> {
    use Input::{Stays, Then};
    let signal: fn() -> Event = || Event::Signal(fault(Exit::Terminate));
    let stalls = |name, args, event, signal, peer, seen, exit| Row {
        name,
        args,
        event,
        input: Stays(""),
        signal,
        peer,
        seen: Some(Some(seen)),
        pauses: false,
        exit,
    };
    vec![
        stalls(
            "a signal while it stalls",
            &["--close-timeout", "1s"],
            Some(signal),
            Some(Exit::Terminate),
            talks_on,
            1001,
            Exit::Terminate,
        ),
        stalls(
            "--timeout while it stalls",
            &["-m", "400ms", "--close-timeout", "1s"],
            None,
            None,
            talks_on,
            1000,
            Exit::Deadline,
        ),
        stalls(
            "--idle-timeout while it stalls",
            &["--idle-timeout", "400ms", "--close-timeout", "1s"],
            None,
            None,
            talks_and_waits,
            1000,
            Exit::Deadline,
        ),
        stalls(
            "--timeout after a clean end",
            &["-m", "800ms"],
            Some(|| closed(Some(1000))),
            None,
            talks_and_closes,
            1000,
            Exit::Deadline,
        ),
        stalls(
            "a signal after a clean end",
            &[],
            Some(signal),
            Some(Exit::Interrupt),
            talks_and_closes,
            1000,
            Exit::Interrupt,
        ),
        Row {
            name: "the peer's Close, and it goes on later",
            args: &["--close-timeout", "200ms"],
            event: Some(|| closed(Some(1000))),
            input: Stays(""),
            signal: None,
            peer: talks_and_closes,
            seen: Some(Some(1000)),
            pauses: true,
            exit: Exit::Ok,
        },
        Row {
            name: "the end of the input, and it goes on later",
            args: &["--close-timeout", "200ms", "--linger", "50ms"],
            event: Some(|| eof(false, true)),
            input: Then("a\n"),
            signal: None,
            peer: talks_and_waits,
            seen: Some(Some(1000)),
            pauses: true,
            exit: Exit::Ok,
        },
        Row {
            name: "-n, and it goes on later",
            args: &["--close-timeout", "200ms", "-n", "10"],
            event: Some(|| Event::CountReached { side: Side::B }),
            input: Stays(""),
            signal: None,
            peer: talks_and_waits,
            seen: Some(Some(1000)),
            pauses: true,
            exit: Exit::Ok,
        },
    ]
}

#[test]
fn the_pure_session_keeps_it() {
    for row in rows() {
        let mut world = World::quick(true);
        world.delivery[0] = row.pauses.then_some(Duration::from_secs(3600));
        let rules = rules(row.args);
        let close_timeout = rules.close_timeout;
        let mut robot = Robot::with(rules, [SideKind::Standard, SideKind::WebSocket], false, world);
        if let Some(signal) = &row.signal {
            robot.happens(closed(Some(1000)));
            robot.happens(Event::Signal(fault(*signal)));
        } else if let Some(event) = row.event {
            robot.happens(event());
        }
        let took = robot.ends();
        assert_eq!(robot.exit(), row.exit, "{}", row.name);
        match row.pauses {
            true => assert_eq!(took, Duration::from_secs(3600), "{}: it is waited for", row.name),
            false => assert!(took <= Duration::from_secs(1) + close_timeout, "{}: {took:?}", row.name),
        }
    }
}

#[test]
fn the_program_keeps_it() {
    for row in rows() {
        let (url, peer) = serve(row.peer);
        let args = ["connect", &url].iter().chain(row.args).map(|arg| (*arg).to_owned()).collect();
        let output = match row.pauses {
            true => Output::Pauses(LINES.len(), Duration::from_secs(1)),
            false => Output::Stalls(LINES.len()),
        };
        let start = Instant::now();
        let Ended { exit, fault, out, err } =
            Program { args, input: row.input, output, signal: row.signal }.run();
        let took = start.elapsed();
        let name = row.name;
        assert_eq!(exit, row.exit, "{name}: {fault:?} {err}");
        assert_eq!(
            peer.join().unwrap_or_else(|_| panic!("{name}: the peer's script failed")),
            row.seen,
            "{name}"
        );
        if row.pauses {
            assert_eq!(out, LINES.repeat(10), "{name}");
            assert!(took >= Duration::from_secs(1), "{name}: {took:?}");
        } else {
            // What the writer gets when it is let go after the end is not what was delivered.
            assert!(out.starts_with(LINES), "{name}: {out}");
            assert!(err.contains("standard output: ") && err.contains("bytes not taken"), "{name}: {err}");
            assert!(took < Duration::from_secs(25), "{name}: {took:?}");
        }
    }
}
